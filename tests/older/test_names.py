"""Names that the laboratory's scripts import, and what they do."""

from __future__ import annotations

import importlib
import inspect
import logging
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline.session import CompletedSteps
from hdmea.utils.exceptions import ConfigurationError, DataLoadError

NAMES = {
    "hdmea.pipeline": (
        "PipelineSession SaveState create_session load_recording load_recording_with_eimage_sta compute_sta "
        "extract_features add_section_time add_section_time_analog section_spike_times compute_eimage_sta "
        "run_flow list_available_flows load_session_from_hdf5 LoadResult ExtractionResult FlowResult"
    ),
    "hdmea.pipeline.loader": "load_session_from_hdf5",
    "hdmea.pipeline.flows": "run_flow get_flow_info list_available_flows",
    "hdmea.pipeline.runner": (
        "LoadResult ExtractionResult FlowResult load_recording extract_features add_section_time compute_sta "
        "load_recording_with_eimage_sta validate_acquisition_rate compute_frame_time "
        "DEFAULT_ACQUISITION_RATE MIN_TYPICAL_ACQUISITION_RATE MAX_TYPICAL_ACQUISITION_RATE"
    ),
    "hdmea.pipeline.session": "PipelineSession SaveState create_session",
    "hdmea.features": (
        "FeatureRegistry FeatureExtractor section_by_direction DIRECTION_LIST compute_sta eimage_sta sta "
        "dsgc_direction registry base"
    ),
    "hdmea.features.registry": "FeatureRegistry",
    "hdmea.features.base": "FeatureExtractor",
    "hdmea.features.eimage_sta": "compute_eimage_sta",
    "hdmea.features.sta": "compute_sta STAResult DEFAULT_STIMULI_DIR",
    "hdmea.features.dsgc_direction": "section_by_direction DIRECTION_LIST",
    "hdmea.io": (
        "SectionResult convert_sample_index_to_frame add_section_time add_section_time_analog "
        "section_spike_times load_cmtr_data load_cmcr_data add_cmtr_unit_info add_sys_meta_info"
    ),
    "hdmea.io.hdf5_store": "create_recording_hdf5 open_recording_hdf5 write_units write_stimulus list_units",
    "hdmea.io.section_time": (
        "PRE_MARGIN_FRAME_NUM POST_MARGIN_FRAME_NUM DEFAULT_PAD_FRAME add_section_time "
        "add_section_time_analog convert_sample_index_to_frame"
    ),
    "hdmea.io.spike_sectioning": "section_spike_times",
    "hdmea.io.cmtr": "load_cmtr_data add_cmtr_unit_info",
    "hdmea.io.cmcr": "load_cmcr_data add_sys_meta_info",
    "hdmea.utils.hashing": "hash_config verify_hash",
    "hdmea.utils.validation": "validate_dataset_id validate_input_files",
    "hdmea.utils.logging": "get_logger setup_logging",
    "hdmea.utils.exceptions": "ConfigurationError DataLoadError MissingInputError CacheConflictError",
}
SIGNATURES = {
    "hdmea.pipeline.loader.load_session_from_hdf5": "hdf5_path *dataset_id load_features",
    "hdmea.features.eimage_sta.compute_eimage_sta": (
        "hdf5_path cmcr_path *cutoff_hz filter_order pre_samples post_samples spike_limit duration_s "
        "skip_highpass use_cache cache_path force"
    ),
    "hdmea.features.dsgc_direction.section_by_direction": (
        "hdf5_path *movie_name on_off_dict_path padding_frames force output_path unit_ids"
    ),
    "hdmea.io.cmtr.add_cmtr_unit_info": "session hdf5_path cmtr_path *force",
    "hdmea.io.cmcr.add_sys_meta_info": "session hdf5_path cmcr_path cmtr_path *force",
    "hdmea.pipeline.flows.get_flow_info": "flow_name config_dir",
}


@pytest.mark.parametrize("module", NAMES)
def test_names_are_where_scripts_import_them(module: str) -> None:
    found = importlib.import_module(module)
    for name in NAMES[module].split():
        if not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")
        assert getattr(found, name) is not None


@pytest.mark.parametrize("place", SIGNATURES)
def test_parameters_have_their_names_and_order(place: str) -> None:
    module, _, name = place.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    positional = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    keyword = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    expected = SIGNATURES[place].split("*")
    assert positional == expected[0].split()
    assert keyword == (expected[1].split() if len(expected) > 1 else [])


def test_imports_cost_no_slow_library() -> None:
    modules = [name for name in NAMES if name not in ("hdmea.io.cmtr", "hdmea.io.cmcr")]
    code = (
        f"import sys, {', '.join(modules)}; print(sorted({{'scipy', 'numba', 'pandas'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_call_that_runs_two_steps_is_completed_if_both_are() -> None:
    steps = CompletedSteps(["load_recording"])
    assert "load_recording_with_eimage_sta" not in steps
    steps.add("compute_eimage_sta")
    assert "load_recording_with_eimage_sta" in steps, "however the file was made"
    assert steps == {"load_recording", "compute_eimage_sta"}


def test_section_constants() -> None:
    from hdmea.io import section_time

    assert section_time.PRE_MARGIN_FRAME_NUM == 60
    assert section_time.POST_MARGIN_FRAME_NUM == 120
    assert section_time.DEFAULT_PAD_FRAME == 180


def test_samples_become_the_nearest_frame() -> None:
    from hdmea.io import convert_sample_index_to_frame

    frames = np.array([100, 200, 350], np.uint64)
    samples = [0, 100, 149, 150, 151, 274, 275, 276, 9999]
    truth = [int(np.abs(frames.astype(int) - sample).argmin()) for sample in samples]
    assert convert_sample_index_to_frame(samples, frames).tolist() == truth
    assert convert_sample_index_to_frame(340, frames) == 2


def test_acquisition_rates(caplog: pytest.LogCaptureFixture) -> None:
    from hdmea.pipeline import runner

    rates = (
        runner.DEFAULT_ACQUISITION_RATE,
        runner.MIN_TYPICAL_ACQUISITION_RATE,
        runner.MAX_TYPICAL_ACQUISITION_RATE,
    )
    assert rates == (20_000, 1_000, 100_000)
    assert runner.validate_acquisition_rate(20_000.0)
    assert not caplog.records
    assert runner.validate_acquisition_rate(500.0)
    assert "Unusual acquisition_rate: 500 Hz" in caplog.text
    assert not runner.validate_acquisition_rate(None)
    assert not runner.validate_acquisition_rate(0.0)
    assert runner.compute_frame_time(20_000.0) == 5e-5
    with pytest.raises(ValueError, match="must be > 0"):
        runner.compute_frame_time(0.0)


def test_hashes_do_not_depend_on_the_order_of_keys() -> None:
    from hdmea.utils.hashing import hash_config, verify_hash

    # The hash that a file of the laboratory has for an empty configuration.
    assert hash_config({}) == "sha256:44136fa355b3678a"
    assert hash_config({"a": 1, "b": [2]}) == hash_config({"b": [2], "a": 1}) != hash_config({"a": 2})
    assert verify_hash({"a": 1}, hash_config({"a": 1}))
    assert not verify_hash({"a": 1}, hash_config({"a": 2}))


def test_validation_of_names_and_files(tmp_path: Path) -> None:
    from hdmea.utils.validation import validate_dataset_id, validate_input_files

    assert validate_dataset_id("2025.04.10-11.12.57-Rec-") == "2025.04.10-11.12.57-Rec"
    for wrong in ("", "---", "a/b", "a:b"):
        with pytest.raises(ConfigurationError):
            validate_dataset_id(wrong)
    there = tmp_path / "a.cmcr"
    there.touch()
    assert validate_input_files(str(there), None) == (there, None)
    with pytest.raises(ConfigurationError):
        validate_input_files(None, None)
    with pytest.raises(FileNotFoundError):
        validate_input_files(there, tmp_path / "a.cmtr")


def test_logging_of_scripts() -> None:
    from hdmea.utils.logging import get_logger, setup_logging

    assert get_logger("script") is logging.getLogger("script")
    with pytest.raises(ValueError, match="LOUD"):
        setup_logging("LOUD")


def test_numba_stays_quiet_at_any_level_of_the_root_logger() -> None:
    code = (
        "import logging; logging.basicConfig(level=logging.DEBUG); import hdmea; "
        "print(logging.getLogger('numba.core.byteflow').isEnabledFor(logging.DEBUG))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_flow_of_the_laboratory_keeps_the_names_of_movies() -> None:
    from hdmea.pipeline.flows import get_flow_info, list_available_flows

    assert "set6a_full" in list_available_flows()
    found = get_flow_info("set6a_full")
    assert found["name"] == "set6a_full"
    assert "moving_h_bar_s5_d8_3x" in found["feature_sets"]
    assert found["stages"][0] == "load_recording"
    with pytest.raises(ConfigurationError):
        get_flow_info("no_such_flow")


def table(n: int = 3) -> dict[tuple[int, int], dict[str, list[int]]]:
    return {
        (row, col): {
            "on_peak_location": [100 * row + col + k for k in range(24)],
            "off_peak_location": np.arange(24) + 1000,
        }  # type: ignore[dict-item]
        for row in range(n)
        for col in range(n)
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_table_of_crossings_is_read_and_converted(tmp_path: Path, protocol: int) -> None:
    from hdmea.stimuli.crossings import convert_crossings, read_crossings

    path = tmp_path / "table.pkl"
    path.write_bytes(pickle.dumps(table(), protocol))
    found = read_crossings(path)
    window = found.window(1, 2)
    assert window is not None
    assert window[:, 0].tolist() == [102 + k for k in range(24)]
    assert window[:, 1].tolist() == [1000 + k for k in range(24)]
    assert found.window(7, 7) is None
    again = read_crossings(convert_crossings(path))
    np.testing.assert_array_equal(again.on, found.on)
    np.testing.assert_array_equal(again.pixels, found.pixels)


class _Harmful:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    from hdmea.stimuli.crossings import read_crossings

    harmed = tmp_path / "harmed"
    path = tmp_path / "table.pkl"
    path.write_bytes(pickle.dumps({(0, 0): _Harmful(harmed)}))
    with pytest.raises(DataLoadError, match="Nothing in it was executed"):
        read_crossings(path)
    assert not harmed.exists()
    for wrong in (b"", b"\x80", pickle.dumps([1]), pickle.dumps({"a": 1}), pickle.dumps({(1, 2): {}})):
        path.write_bytes(wrong)
        with pytest.raises(DataLoadError):
            read_crossings(path)
