"""Result files that the laboratory's earlier scripts wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from hdmea.health import health_of
from hdmea.pipeline import PipelineSession, extract_features
from hdmea.recordings.inspect import inspect_file
from hdmea.results.files import summarize
from tests.integration.round_trips import CHAIN, assert_round_trip
from tests.results.same_file import differences

NOISE = "perfect_dense_noise_15x15_15hz_r42_3min"
MOVIES = {"baseline_127", "freq_step_5st_3x", "green_blue_3s_3i_3x", "moving_h_bar_s5_d8_3x", NOISE}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("immediate", {"frif", f"sta_{NOISE}"}),
        ("deferred_11_steps", {"ap_tracking", "eimage_sta", f"sta_{NOISE}"}),
    ],
)
def test_both_layouts_open_as_sessions(shared_data: Path, name: str, features: set[str], lazy: bool) -> None:
    session = PipelineSession.load(shared_data / "lab_files" / f"{name}.h5", lazy=lazy)

    assert session.dataset_id == "2025.04.10-11.12.57-Rec"
    assert session.acquisition_rate == 20_000
    assert {unit: len(data["spike_times"]) for unit, data in session.units.items()} == {
        "unit_001": 4974,
        "unit_006": 4509,
    }
    assert set(session.units["unit_001"]["features"]) == features
    assert session.units["unit_001"]["features"][f"sta_{NOISE}"]["data"].shape == (60, 15, 15)
    assert MOVIES < set(session.stimulus["section_time"])
    assert len(session.metadata["frame_timestamps"]) == 35_766
    assert session.warnings == []


@pytest.mark.parametrize("name", ["immediate", "deferred_11_steps"])
def test_attributes_that_a_script_adds_between_two_steps_stay(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / f"{name}.h5"
    shutil.copyfile(shared_data / "lab_files" / f"{name}.h5", path)
    extract_features(path, ["frif"])
    trials = "units/unit_001/spike_times_sectioned/baseline_127"
    with h5py.File(path, "r+") as file:
        file["units/unit_001"].attrs["score"] = 7
        file[trials].attrs["checked"] = 2
    # A full save, and what it wrote read in full.
    PipelineSession.load(path).save()
    PipelineSession.load(path).save()
    with h5py.File(path) as file:
        assert file["units/unit_001"].attrs["score"] == 7
        assert file[trials].attrs["checked"] == 2
        assert "checked" not in file["units/unit_006/spike_times_sectioned/baseline_127"].attrs


def test_steps_and_light_of_a_file_that_does_not_state_them(
    shared_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = shared_data / "lab_files" / "immediate.h5"
    session = PipelineSession.load(path)
    steps = ["load_recording", "add_section_time", "section_spike_times", "compute_sta", "extract_features"]
    assert inspect_file(path).facts["steps"] == list(summarize(path).completed_steps) == steps
    assert list(session.completed_steps) == steps

    lights = {light.name: light for light in health_of(session).lights}
    assert [lights[f"light.{name}"].light for name in ("frames", "lost", "rate", "range")] == [
        "green", "grey", "green", "red",
    ], "the light of this file is constant; it does not say which flips were lost"  # fmt: skip
    assert lights["alignment"].sentence == "The section times of this file were not compared with the light."

    session.save(tmp_path / "other.h5")
    assert "other.h5 has the layout columns, not lab-steps as immediate.h5" in caplog.text


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("name", "layout"), [("immediate", "lab-steps"), ("deferred_11_steps", "lab")])
def test_files_are_written_again_as_they_were(
    shared_data: Path, tmp_path: Path, name: str, layout: str, lazy: bool
) -> None:
    source = shared_data / "lab_files" / f"{name}.h5"
    for through in ((), ("columns",), ("columns", "columns")):
        session = PipelineSession.load(source, lazy=lazy)
        assert session.held is not None
        assert session.held.layout == layout
        for number, step in enumerate(through):
            path = session.save(tmp_path / f"{number}.h5", layout=step)
            session = PipelineSession.load(path, lazy=lazy)
        again = session.save(tmp_path / "again.h5", layout=layout)
        assert differences(source, again) == []


@pytest.mark.parametrize("name", ["immediate", "deferred_11_steps"])
def test_files_are_the_same_sessions_in_all_layouts(shared_data: Path, tmp_path: Path, name: str) -> None:
    session = PipelineSession.load(shared_data / "lab_files" / f"{name}.h5")

    assert_round_trip(session, tmp_path, CHAIN, lazy=True)


def test_what_the_two_layouts_say_differently_is_the_same_in_a_session(shared_data: Path) -> None:
    steps, saved = (
        PipelineSession.load(shared_data / "lab_files" / f"{name}.h5")
        for name in ("immediate", "deferred_11_steps")
    )
    for session in (steps, saved):
        assert session.metadata["acquisition_rate"] == 20_000.0
        assert session.stimulus["frame_times"]["default"].dtype == "uint64"
        bar = session.units["unit_001"]["spike_times_sectioned"]["moving_h_bar_s5_d8_3x"]
        assert bar["trials_spike_times"][1].dtype == "int64"
        sta = session.units["unit_001"]["features"][f"sta_{NOISE}"]
        assert (sta["metadata"]["n_spikes_used"], sta["data"].shape) == (3264, (60, 15, 15))


def test_what_only_the_laboratory_has_is_kept(shared_data: Path) -> None:
    session = PipelineSession.load(shared_data / "lab_files" / "deferred_11_steps.h5")
    unit = session.units["unit_001"]

    assert unit["auto_label"]["axon_type"] == "rgc"
    bar = unit["spike_times_sectioned"]["moving_h_bar_s5_d8_3x"]
    assert bar["direction_section"]["0"]["section_bounds"][0].tolist() == [273, 403]
    assert bar["direction_section"]["_attrs"]["padding_frames"] == 40
    image = unit["features"]["eimage_sta"]
    assert session.extra["lab"]["image_axes"] == "column,row"
    assert session.extra["lab"]["image_axes_from"] == "units"
    assert (image["geometry"]["center_row"], image["geometry"]["center_col"]) == (16.0, 31.0)
    assert (unit["row"], unit["col"], unit["sensor_id"]) == (17, 32, 2032)
    assert unit["features"]["ap_tracking"]["refined_soma"] == {"t": 10, "x": 16, "y": 31}
    assert image["data"].dtype == "float64"


def test_a_clone_stays_small(shared_data: Path) -> None:
    sizes = {path: path.stat().st_size for path in shared_data.rglob("*") if path.is_file()}
    laboratory = [size for path, size in sizes.items() if path.parent.name == "lab_files"]
    assert len(laboratory) == 2
    assert max(laboratory) <= 1_500_000
    assert sum(sizes.values()) <= 12_000_000
