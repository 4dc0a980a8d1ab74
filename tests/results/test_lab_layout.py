"""The lab's earlier files open, and can be written for the scripts that expect them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.results import files
from hdmea.results.sectioned import SectionedSpikes
from hdmea.utils.exceptions import SessionError
from tests.results.same import assert_same
from tests.results.session_samples import MOVIES, sample_content

NOISE = "perfect_dense_noise_15x15_15hz_r42_3min"
SPIKES = np.array([100, 150, 300, 420, 480, 900], np.uint64)
TRIALS = np.array([[90, 200], [400, 500]], np.int64)


def write_sections(unit: h5py.Group, movie: str, *, attrs_group: bool) -> None:
    group = unit.create_group(f"spike_times_sectioned/{movie}")
    group["full_spike_times"] = SPIKES[[0, 1, 3, 4]]
    group["trials_spike_times/0"] = SPIKES[:2]
    group["trials_spike_times/1"] = SPIKES[3:5]
    group["trials_start_end"] = TRIALS
    holder = group.create_group("_attrs") if attrs_group else group
    holder.attrs["trial_repeats"] = 3
    holder.attrs["pad_margin"] = np.array([0.0, 0.0])


def write_stepwise_file(path: Path, scalar: Any) -> None:
    """Write what each step of the earlier scripts wrote into one file; scalars as `scalar` makes them."""
    with h5py.File(path, "w") as file:
        file.attrs["dataset_id"] = "Rec"
        file.attrs["source_files"] = json.dumps({"cmcr_path": "a.cmcr", "cmtr_path": "a.cmtr"})
        file.attrs["stage1_completed"] = True
        file["metadata/acquisition_rate"] = scalar(20_000.0)
        file["metadata/recording_duration_s"] = scalar(5.0)
        file["metadata/dataset_id"] = np.array([b"Rec"])
        file["stimulus/frame_time/default"] = np.arange(4, dtype=np.uint64)
        file["stimulus/light_reference/raw_ch1"] = np.arange(5, dtype=np.float32)
        unit = file.create_group("units/unit_001")
        unit["spike_times"] = SPIKES
        unit["row"] = scalar(7)
        unit["original_name"] = np.bytes_("Unit 1")
        unit["waveform"] = np.ones(1, np.float32)
        unit["features/eimage_sta/data"] = np.ones((2, 3, 3), np.float64)
        unit["features/eimage_sta"].attrs["n_spikes"] = 5
        unit[f"features/{NOISE}/sta"] = np.zeros((4, 2, 2), np.float32)
        unit[f"features/{NOISE}/sta_geometry/area"] = scalar(2.5)
        unit["features/frif/FRIF"] = np.ones(3)
        unit["features/frif"].attrs["version"] = b"1.0"
        write_sections(unit, "step", attrs_group=scalar is one_element)


def no_dimension(value: float) -> Any:
    return np.array(value)


def one_element(value: float) -> Any:
    return np.array([value])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("scalar", [no_dimension, one_element])
def test_a_file_that_steps_wrote_into_opens(tmp_path: Path, scalar: Any, lazy: bool) -> None:
    path = tmp_path / "lab.h5"
    write_stepwise_file(path, scalar)

    content = files.read_session(path, lazy=lazy)

    assert content.layout == "lab"
    assert "read but not changed" in content.read_only
    assert content.dataset_id == "Rec"
    assert content.source_files == {"cmcr_path": "a.cmcr", "cmtr_path": "a.cmtr"}
    assert content.completed_steps == ["load_recording"]
    assert content.metadata["acquisition_rate"].tolist() == [20_000.0]
    assert content.metadata["recording_duration_s"].shape == (1,)
    assert content.metadata["dataset_id"].tolist() == ["Rec"]
    assert content.stimulus["frame_times"]["default"].tolist() == [0, 1, 2, 3]
    assert "frame_time" not in content.stimulus
    unit = content.units["unit_001"]
    assert (unit["row"], type(unit["row"]), unit["original_name"]) == (7, int, "Unit 1")
    assert unit["waveform"].shape == (1,)
    features = unit["features"]
    assert features["eimage_sta"]["data"].dtype == np.float64
    assert features["eimage_sta"]["metadata"]["n_spikes"] == 5
    assert features[f"sta_{NOISE}"]["data"].shape == (4, 2, 2)
    assert np.ravel(features[f"sta_{NOISE}"]["sta_geometry"]["area"]).tolist() == [2.5]
    assert features["frif"]["data"]["FRIF"].tolist() == [1.0, 1.0, 1.0]
    sections = unit["spike_times_sectioned"]["step"]
    assert isinstance(sections, SectionedSpikes)
    assert sections.ranges.tolist() == [[0, 2], [3, 5]]
    assert sections["trials_start_end"].tolist() == TRIALS.tolist()
    trial_time = content.stimulus["trial_time"]["step"]
    assert trial_time.tolist() == TRIALS.tolist()
    assert trial_time.attrs["trial_repeats"] == 3
    assert np.array_equal(trial_time.attrs["pad_margin"], [0.0, 0.0])


@pytest.mark.parametrize("lazy", [False, True])
def test_a_file_of_the_lab_can_be_saved_in_the_present_layout(tmp_path: Path, lazy: bool) -> None:
    path = tmp_path / "lab.h5"
    write_stepwise_file(path, no_dimension)
    content = files.read_session(path, lazy=lazy)

    new = files.write_session(tmp_path / "new.h5", content).path

    found = files.read_session(new)
    assert found.layout == "columns"
    assert_same(found.units, content.units)
    assert_same(found.stimulus, content.stimulus)
    assert_same(found.metadata, content.metadata)


def test_a_saved_session_of_the_lab_restores_state_and_steps(tmp_path: Path) -> None:
    path = tmp_path / "lab.h5"
    write_stepwise_file(path, no_dimension)
    with h5py.File(path, "r+") as file:
        info = file.create_group("pipeline/session_info")
        info.attrs["saved_at"] = "2025-01-01T00:00:00"
        info.attrs["checkpoint_name"] = b"after load"
        info.attrs["save_state"] = "deferred"
        info["completed_steps"] = np.array([b"load_recording", b"add_section_time"])
        info["warnings"] = np.array(["no light µ".encode()])

    for found in (files.read_session(path), files.summarize(path)):
        assert list(found.completed_steps) == ["load_recording", "add_section_time"]
        assert found.checkpoint_name == "after load"
        assert found.save_state == "deferred"
        assert found.updated_at == "2025-01-01T00:00:00"
    assert files.read_session(path).warnings == ["no light µ"]


def test_trials_that_are_no_part_of_the_spike_train_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "lab.h5"
    write_stepwise_file(path, no_dimension)
    with h5py.File(path, "r+") as file:
        trials = file["units/unit_001/spike_times_sectioned/step/trials_spike_times"]
        del trials["1"]
        trials["1"] = np.array([20, 80], np.uint64)

    sections = files.read_session(path, lazy=True).units["unit_001"]["spike_times_sectioned"]["step"]

    assert sections["trials_spike_times"][1].tolist() == [20, 80]
    assert sections["trials_start_end"].tolist() == TRIALS.tolist()


def test_files_of_the_lab_are_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "lab.h5"
    write_stepwise_file(path, no_dimension)
    before = path.read_bytes()

    with pytest.raises(SessionError, match="save it under another name"):
        files.update_session(path, files.read_session(path), [("metadata",)])

    assert path.read_bytes() == before


@pytest.mark.parametrize("lazy", [False, True])
def test_converting_to_the_labs_layout_and_back_keeps_the_data(tmp_path: Path, lazy: bool) -> None:
    expected = sample_content(2)
    path = files.write_session(tmp_path / "lab.h5", expected, layout="lab").path

    with h5py.File(path) as file:
        assert "schema_version" not in file.attrs
        assert json.loads(file.attrs["source_files"]) == expected.source_files
        assert file["stimulus/frame_time/default"].shape == (10,)
        unit = file["units/unit_001"]
        assert unit["row"][()] == 3
        assert unit["original_name"].asstr()[()] == "Unit µ/1"
        assert unit[f"features/{MOVIES[1]}/sta"].shape == (3, 2, 2)
        group = unit[f"spike_times_sectioned/{MOVIES[0]}"]
        assert set(group) == {"full_spike_times", "trials_spike_times", "trials_start_end", "_attrs"}
        trials = expected.units["unit_001"]["spike_times_sectioned"][MOVIES[0]]
        assert group["trials_spike_times/1"][:].tolist() == trials["trials_spike_times"][1].tolist()
        assert list(group["_attrs"].attrs["pad_margin"]) == [0.0, 0.0]

    found = files.read_session(path, lazy=lazy)
    for unit_id, unit in expected.units.items():
        assert_same(found.units[unit_id]["spike_times_sectioned"], unit["spike_times_sectioned"])
        assert_same(found.units[unit_id]["spike_times"], unit["spike_times"])
        assert found.units[unit_id]["original_name"] == unit["original_name"]
        sta = found.units[unit_id]["features"][f"sta_{MOVIES[1]}"]
        assert_same(sta["data"], unit["features"][f"sta_{MOVIES[1]}"]["data"])
        assert sta["metadata"]["cover_range"] == [-60, 0]
    assert_same(found.stimulus["light_reference"], expected.stimulus["light_reference"])
    assert found.completed_steps == expected.completed_steps
    assert found.warnings == expected.warnings
