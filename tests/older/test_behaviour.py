"""How functions behave for scripts that were written for the laboratory's package."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.declare import FEATURES
from hdmea.features import FeatureExtractor, FeatureRegistry
from hdmea.pipeline import (
    PipelineSession,
    SaveState,
    add_section_time,
    add_section_time_analog,
    compute_eimage_sta,
    compute_sta,
    create_session,
    extract_features,
    load_recording,
    load_session_from_hdf5,
    run_flow,
    run_step,
)
from hdmea.simulate import Experiment, SimulatedRecording, simulate_recording
from hdmea.utils.exceptions import ConfigurationError, MissingInputError, SessionError, ValidationError


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SimulatedRecording:
    return simulate_recording(tmp_path_factory.mktemp("source"), Experiment.tiny())


@pytest.fixture(scope="module")
def loaded(recording: SimulatedRecording) -> PipelineSession:
    session = create_session(cmcr_path=recording.cmcr_path, cmtr_path=recording.cmtr_path)
    return load_recording(recording.cmcr_path, recording.cmtr_path, session=session)


@pytest.fixture
def session(loaded: PipelineSession, tmp_path: Path) -> PipelineSession:
    path = loaded.checkpoint(tmp_path / "start.h5")
    return PipelineSession.load(path)


@pytest.fixture
def file(loaded: PipelineSession, tmp_path: Path) -> Path:
    return PipelineSession.load(loaded.checkpoint(tmp_path / "point.h5")).save(tmp_path / "result.h5")


def test_metadata_are_plain_numbers_and_texts(session: PipelineSession) -> None:
    rate = session.metadata["acquisition_rate"]
    assert type(rate) is float
    assert session.metadata["sample_interval"] == 1 / rate
    assert session.metadata["dataset_id"] == session.dataset_id
    session.add_metadata({"acquisition_rate": 10_000.0})
    assert session.acquisition_rate == float(session.metadata["acquisition_rate"]) == 10_000
    session.add_metadata({"acquisition_rate": np.array([5_000.0])})
    assert session.acquisition_rate == 5_000


def test_saved_at_is_known_after_a_save_and_a_load(session: PipelineSession, tmp_path: Path) -> None:
    fresh = create_session("fresh")
    assert fresh.saved_at is None
    session.source_files["notes"] = tmp_path / "notes.txt"
    path = session.save(tmp_path / "saved.h5")
    assert session.saved_at
    again = PipelineSession.load(path)
    assert again.saved_at == session.saved_at
    assert again.source_files["notes"] == str(tmp_path / "notes.txt")


def test_a_feature_is_added_with_the_arguments_of_scripts(session: PipelineSession) -> None:
    session.add_feature(
        unit_id="unit_001", feature_name="own", feature_data=np.ones(3), feature_metadata={"n": 3}
    )
    entry = session.units["unit_001"]["features"]["own"]
    assert entry["metadata"] == {"n": 3}
    assert entry["data"].tolist() == [1, 1, 1]


def test_a_file_loads_as_a_saved_session(file: Path) -> None:
    session = load_session_from_hdf5(file, dataset_id="other")
    assert session.save_state is SaveState.SAVED
    assert session.hdf5_path == file
    assert session.dataset_id == "other"


def test_a_checkpoint_is_named_and_loaded_by_keyword(session: PipelineSession, tmp_path: Path) -> None:
    path = session.checkpoint(checkpoint_path=tmp_path / "points" / "after.h5", checkpoint_name="after load")
    again = PipelineSession.load(checkpoint_path=str(path))
    assert again.checkpoint_name == "after load"
    assert again.save_state is SaveState.DEFERRED


def test_a_session_with_some_features_cannot_lose_the_others(file: Path, tmp_path: Path) -> None:
    extract_features(file, ["frif", "baseline"])
    some = load_session_from_hdf5(file, load_features=["frif"])
    assert set(some.units["unit_001"]["features"]) == {"frif"}
    with pytest.raises(SessionError, match="would be lost"):
        some.save()
    other = PipelineSession.load(some.save(tmp_path / "some.h5"))
    assert set(other.units["unit_001"]["features"]) == {"frif"}
    assert set(PipelineSession.load(file).units["unit_001"]["features"]) == {"frif", "baseline"}


REFUSED: list[dict[str, Any]] = [
    {"playlist_name": "no_such_playlist"},
    {"playlist_name": "my_playlist", "playlist_file_path": "no_such_file.csv"},
    {"playlist_name": "my_playlist", "movie_length_file_path": "no_such_file.csv"},
]


@pytest.mark.parametrize("arguments", REFUSED)
def test_missing_playlists_return_false_with_a_warning(
    file: Path, session: PipelineSession, arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    before = file.read_bytes()
    with caplog.at_level(logging.WARNING):
        assert add_section_time(file, **arguments) is False
    assert file.read_bytes() == before
    assert "did not run" in caplog.text
    assert add_section_time(session=session, **arguments) is session
    assert "add_section_time" not in session.completed_steps
    assert "section_time" not in session.stimulus
    assert any("did not run" in message for message in session.warnings)
    with pytest.raises((ConfigurationError, FileNotFoundError)):
        add_section_time(file, strict=True, **arguments)
    with pytest.raises((ConfigurationError, FileNotFoundError)):
        run_step(session, "add_section_time", arguments)


def test_no_onset_returns_false(file: Path, session: PipelineSession) -> None:
    assert add_section_time_analog(file, 1e12) is False
    assert add_section_time_analog(session=session, threshold_value=1e12) is session
    assert "add_section_time_analog" not in session.completed_steps
    with pytest.raises(MissingInputError, match="no step"):
        add_section_time_analog(file, 1e12, strict=True)


def test_a_threshold_in_the_noise_is_refused(session: PipelineSession) -> None:
    noise = np.random.default_rng(1).normal(size=60_000).astype(np.float32)
    session.stimulus["light_reference"]["raw_ch1"] = noise
    with pytest.raises(ValidationError, match="more than 10000"):
        add_section_time_analog(session=session, threshold_value=1e-3, strict=True)
    assert add_section_time_analog(session=session, threshold_value=1e-3) is session
    assert "section_time" not in session.stimulus


def test_a_flow_still_raises(recording: SimulatedRecording, tmp_path: Path) -> None:
    import json

    flow = tmp_path / "wrong.json"
    step = {"step": "add_section_time", "params": {"playlist_name": "no_such_playlist"}}
    flow.write_text(json.dumps({"name": "wrong", "steps": [{"step": "load_recording"}, step]}))
    result = run_flow(flow, recording.cmcr_path, recording.cmtr_path, output_dir=tmp_path)
    assert not result.success
    assert result.failed_step == "add_section_time"
    step = {"step": "extract_features", "params": {"features": ["friff"]}}
    flow.write_text(json.dumps({"name": "wrong", "steps": [{"step": "load_recording"}, step]}))
    with pytest.raises(ConfigurationError, match="Did you mean 'frif'"):
        run_flow(flow, recording.cmcr_path, recording.cmtr_path, output_dir=tmp_path)


@pytest.mark.parametrize("wrong", [(0, -60), (-5, -5)])
def test_a_window_that_ends_before_it_begins_is_a_value_error(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="ascending") as caught:
        compute_sta("no_such_file.h5", cover_range=wrong)
    assert isinstance(caught.value, ConfigurationError)


def test_config_overrides_parameters(recording: SimulatedRecording) -> None:
    session = load_recording(
        recording.cmcr_path,
        recording.cmtr_path,
        drop_duplicates=1.0,
        config={"drop_duplicates": 2.0},
        defer_save=True,
    )
    assert session.steps["load_recording"].params["drop_duplicates"] == 2.0


def test_units_are_named_by_number_or_id(session: PipelineSession) -> None:
    for asked in (["1"], ["unit_001"], [1]):
        compute_eimage_sta(session=session, unit_ids=asked, duration_s=0.5, force=True)
        assert [unit for unit, data in session.units.items() if "features" in data] == ["unit_001"]
    with pytest.raises(ConfigurationError, match="unit_099"):
        compute_eimage_sta(session=session, unit_ids=["99"])


def test_a_deferred_session_in_place_of_a_path_is_saved_with_a_warning(
    session: PipelineSession, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session.output_dir = tmp_path / "auto"
    with caplog.at_level(logging.WARNING):
        extract_features(hdf5_path=session, features=["frif"])
    assert "Auto-saving" in caplog.text
    assert session.is_saved
    with pytest.raises(MissingInputError, match=r"extract_features\(hdf5_path=session"):
        extract_features(hdf5_path=create_session("deferred").hdf5_path, features=["frif"])


def test_a_feature_has_the_name_that_was_asked_for(file: Path) -> None:
    result = extract_features(file, ["baseline_127", "no_such_feature"])
    assert result.features_extracted == ["baseline_127"]
    assert result.features_skipped == ["no_such_feature"]
    assert set(PipelineSession.load(file).units["unit_001"]["features"]) == {"baseline_127"}


@pytest.fixture
def spike_total() -> Any:
    @FeatureRegistry.register("spike_total")
    class SpikeTotal(FeatureExtractor):
        """Number of spikes, read as from an HDF5 group."""

        version = "1.2.0"
        required_inputs = ["spike_times", "stimulus/light_reference"]  # noqa: RUF012 - as in scripts
        output_schema = {"total": {"dtype": "float64", "unit": "spikes"}}  # noqa: RUF012
        runtime_class = "fast"

        def extract(
            self, unit_data: Any, stimulus_data: Any, config: Any = None, metadata: Any = None
        ) -> Any:
            if unit_data.attrs["unit_num"] == 2:
                raise ValueError("no such number")
            spikes = unit_data["spike_times"][:]
            light = stimulus_data["light_reference"]["raw_ch1"]
            assert stimulus_data["light_reference/raw_ch1"].shape == light.shape
            rate = metadata["acquisition_rate"][0]
            assert float(metadata["acquisition_rate"]) == rate == metadata["acquisition_rate"][()]
            return {
                "total": float(len(spikes)) * (config or {}).get("factor", 1.0),
                "first_s": spikes[:1] / rate,
                "missing_key": "absent" not in unit_data,
            }

    yield SpikeTotal
    FEATURES.remove("spike_total")


def test_a_class_of_a_script_is_a_feature(spike_total: Any, file: Path, session: PipelineSession) -> None:
    result = extract_features(file, ["spike_total"])
    assert result.features_extracted == ["spike_total"]
    stored = PipelineSession.load(file)
    for unit_id, unit in stored.units.items():
        data = unit["features"]["spike_total"]["data"]
        if unit_id == "unit_002":
            assert data == {}
            continue
        assert data["total"] == len(unit["spike_times"])
        np.testing.assert_allclose(data["first_s"], unit["spike_times"][:1] / stored.acquisition_rate)
        assert data["missing_key"]
    assert any("unit_002" in message for message in result.warnings)
    extract_features(features=["spike_total"], config_overrides={"factor": 2.0}, session=session)
    unit = session.units["unit_001"]
    assert unit["features"]["spike_total"]["data"]["total"] == 2 * len(unit["spike_times"])
    assert FeatureRegistry.register("spike_total")(spike_total) is spike_total, "a cell that runs again"
    for taken in ("spike_total", "frif"):
        with pytest.raises(ValueError, match="already registered"):
            FeatureRegistry.register(taken)(type("Other", (spike_total,), {}))


def test_a_class_may_declare_only_the_types_of_its_outputs(session: PipelineSession) -> None:
    @FeatureRegistry.register("typed_total")
    class TypedTotal(FeatureExtractor):
        output_schema = {"total": "int"}  # noqa: RUF012 - as in scripts

        def extract(self, unit_data: Any, stimulus_data: Any, config: Any = None) -> Any:
            return {"total": len(unit_data["spike_times"])}

    try:
        extract_features(features=["typed_total"], session=session)
    finally:
        FEATURES.remove("typed_total")
    unit = session.units["unit_001"]
    assert unit["features"]["typed_total"]["data"]["total"] == len(unit["spike_times"])


def test_the_registry_lists_classes_and_our_features(spike_total: Any, loaded: PipelineSession) -> None:
    assert FeatureRegistry.get("spike_total") is spike_total
    assert {"spike_total", "frif", "moving_bar"} <= set(FeatureRegistry.list_all())
    assert FeatureRegistry.is_registered("moving_h_bar_s5_d8_3x")
    assert not FeatureRegistry.is_registered("no_such_feature")
    with pytest.raises(KeyError, match=r"Unknown feature.*no_such_feature"):
        FeatureRegistry.get("no_such_feature")
    metadata = FeatureRegistry.get_all_metadata()
    assert metadata["spike_total"]["version"] == "1.2.0"
    assert metadata["spike_total"]["required_inputs"] == ["spike_times", "stimulus/light_reference"]
    assert metadata["baseline"]["output_schema"]["baseline_rate"]["unit"] == "Hz"
    unit = loaded.units["unit_001"]
    ours = FeatureRegistry.get("baseline")()
    found = ours.extract(unit, loaded.stimulus, metadata=loaded.metadata)
    assert found["spike_count"] == len(unit["spike_times"])


def test_a_class_reads_open_groups_like_views(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spike_times"] = np.arange(20, 420, 20, dtype=np.uint64)
        file["metadata/acquisition_rate"] = [1000.0]
        file["metadata/recording_duration_s"] = [1.0]
        file.create_group("stimulus")
        found = FeatureRegistry.get("baseline")().extract(file, file["stimulus"], metadata=file["metadata"])
    assert found["spike_count"] == 20


def test_missing_inputs_of_a_class_skip_it(spike_total: Any, file: Path) -> None:
    assert spike_total().validate_inputs({}) == ["spike_times", "stimulus/light_reference"]
    session = PipelineSession.load(file)
    del session.stimulus["light_reference"]
    extract_features(features=["spike_total"], session=session)
    assert any("stimulus/light_reference" in message for message in session.warnings)


def test_a_skipped_feature_is_in_the_warnings_of_a_session_that_has_others(session: PipelineSession) -> None:
    extract_features(features=["waveform"], session=session)
    before = list(session.warnings)
    extract_features(features=["no_such"], session=session)
    extract_features(features=["no_such"], session=session)
    added = session.warnings[len(before) :]
    assert ["no_such" in message for message in added] == [True]


def test_what_the_sorter_and_the_files_say_is_added(
    recording: SimulatedRecording, file: Path, session: PipelineSession
) -> None:
    from hdmea.io.cmcr import add_sys_meta_info, load_cmcr_data
    from hdmea.io.cmtr import add_cmtr_unit_info, load_cmtr_data

    units = load_cmtr_data(recording.cmtr_path)["units"]
    microseconds = units["unit_001"]["spike_times"]
    samples = session.units["unit_001"]["spike_times"]
    np.testing.assert_allclose(microseconds * session.acquisition_rate / 1e6, samples, atol=0.5)
    light = load_cmcr_data(recording.cmcr_path)
    np.testing.assert_array_equal(
        light["light_reference"]["raw_ch1"], session.stimulus["light_reference"]["raw_ch1"]
    )
    assert light["acquisition_rate"] == session.acquisition_rate
    for unit in session.units.values():
        unit.pop("unit_meta")
    session.metadata.pop("cmcr_meta")
    assert add_cmtr_unit_info(session=session, cmtr_path=recording.cmtr_path) is session
    assert add_sys_meta_info(session=session) is session
    assert "n_rejected_peaks" in session.units["unit_001"]["unit_meta"]
    assert session.metadata["cmcr_meta"]
    assert add_cmtr_unit_info(hdf5_path=file, cmtr_path=recording.cmtr_path, force=True) is True
    assert add_sys_meta_info(hdf5_path=file) is True
    assert {"add_cmtr_unit_info", "add_sys_meta_info"} <= PipelineSession.load(file).completed_steps
    with pytest.raises(MissingInputError):
        add_cmtr_unit_info()
    with pytest.raises(MissingInputError):
        add_sys_meta_info(session=create_session("empty"))


def test_electrical_images_of_scripts_are_those_of_the_step(
    recording: SimulatedRecording, file: Path, session: PipelineSession, caplog: pytest.LogCaptureFixture
) -> None:
    from hdmea.features.eimage_sta import compute_eimage_sta as of_scripts

    with caplog.at_level(logging.WARNING):
        result = of_scripts(file, recording.cmcr_path, pre_samples=5, post_samples=9, use_cache=True)
    assert "no effect" in caplog.text
    assert result.units_processed + result.units_failed == len(session.units)
    compute_eimage_sta(session=session, duration_s=session.duration_s, window_range=(-5, 9))
    stored = PipelineSession.load(file)
    for unit_id, unit in session.units.items():
        np.testing.assert_array_equal(
            stored.units[unit_id]["features"]["eimage_sta"]["data"], unit["features"]["eimage_sta"]["data"]
        )
