"""The lab's earlier files open, and can be written for the scripts that expect them."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hdmea.pipeline import PipelineSession, create_session, run_step
from hdmea.results import files
from hdmea.results.content import SessionContent
from hdmea.results.sectioned import is_cut
from hdmea.results.unread import Unread
from hdmea.simulate import write_demo
from hdmea.utils.exceptions import CheckpointError
from tests.results.arbitrary import sessions, trees
from tests.results.exact import assert_exact
from tests.results.same import assert_same
from tests.results.same_file import differences
from tests.results.session_samples import MOVIES, sample_content

NOISE = "perfect_dense_noise_15x15_15hz_r42_3min"
SPIKES = np.array([100, 150, 300, 420, 480, 900], np.uint64)
TRIALS = np.array([[90, 200], [400, 500]], np.int64)


def write_sections(unit: h5py.Group, movie: str) -> None:
    group = unit.create_group(f"spike_times_sectioned/{movie}")
    group["full_spike_times"] = SPIKES[[0, 1, 3, 4]].astype(np.int64)
    group["trials_spike_times/0"] = SPIKES[:2].astype(np.int64)
    group["trials_spike_times/1"] = SPIKES[3:5].astype(np.int64)
    group["trials_start_end"] = TRIALS
    group.attrs["trial_repeats"] = 3
    group.attrs["pad_margin"] = np.array([0.0, 0.0])


def write_stepwise_file(path: Path, scalar: Any) -> None:
    """Write what each step of the earlier scripts wrote into one file; scalars as `scalar` makes them."""
    with h5py.File(path, "w") as file:
        file.attrs["dataset_id"] = "Rec"
        file.attrs["source_files"] = json.dumps({"cmcr_path": "a.cmcr", "cmtr_path": "a.cmtr"})
        file.attrs["stage1_completed"] = True
        file.attrs["hdmea_pipeline_version"] = "0.1.0"
        file.attrs["stage1_params_hash"] = "sha256:44136fa355b3678a"
        file.attrs["features_extracted"] = json.dumps(["frif"])
        file["metadata/acquisition_rate"] = scalar(20_000.0)
        file["metadata/recording_duration_s"] = scalar(5.0)
        file["metadata/dataset_id"] = np.array(["Rec"], h5py.string_dtype())
        file["stimulus/frame_time/default"] = np.arange(4, dtype=np.uint64)
        file["stimulus/light_reference/raw_ch1"] = np.arange(5, dtype=np.float32)
        unit = file.create_group("units/unit_001")
        unit["spike_times"] = SPIKES
        unit["spike_times"].attrs["unit"] = "sample_index"
        unit.attrs.update({"row": 0, "col": 0, "global_id": 0, "spike_count": SPIKES.size})
        unit["waveform"] = np.ones(1, np.float32)
        unit["features/eimage_sta/data"] = np.ones((2, 3, 3), np.float64)
        unit["features/eimage_sta"].attrs["n_spikes"] = 5
        unit[f"features/{NOISE}/sta"] = np.zeros((4, 2, 2), np.float32)
        unit[f"features/{NOISE}/sta"].attrs["n_spikes"] = 5
        unit[f"features/{NOISE}/sta"].attrs["cover_range"] = np.array([-4, 0])
        unit[f"features/{NOISE}/sta_geometry/area"] = scalar(2.5)
        unit["features/frif/FRIF"] = np.ones(3)
        unit["features/frif"].attrs["extractor_version"] = "1.0.0"
        write_sections(unit, "step")


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

    assert content.layout == "lab-steps"
    assert content.read_only == ""
    assert content.dataset_id == "Rec"
    assert content.source_files == {"cmcr_path": "a.cmcr", "cmtr_path": "a.cmtr"}
    assert content.completed_steps[0] == "load_recording"
    assert {"section_spike_times", "compute_sta"} <= set(content.completed_steps)
    assert (content.metadata["acquisition_rate"], content.metadata["recording_duration_s"]) == (20_000.0, 5.0)
    assert content.stimulus["frame_times"]["default"].tolist() == [0, 1, 2, 3]
    assert "frame_time" not in content.stimulus
    unit = content.units["unit_001"]
    assert (unit["row"], type(unit["row"])) == (0, int)
    assert unit["waveform"].shape == (1,)
    features = unit["features"]
    assert features["eimage_sta"]["data"].dtype == np.float64
    assert features["eimage_sta"]["metadata"]["n_spikes"] == 5
    assert features[f"sta_{NOISE}"]["data"].shape == (4, 2, 2)
    assert np.ravel(features[f"sta_{NOISE}"]["sta_geometry"]["area"]).tolist() == [2.5]
    assert features["frif"]["data"]["FRIF"].tolist() == [1.0, 1.0, 1.0]
    assert unit["spike_count"] == SPIKES.size
    sections = unit["spike_times_sectioned"]["step"]
    assert is_cut(sections)
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


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("scalar", [no_dimension, one_element])
def test_a_file_of_the_lab_is_written_again_as_it_was(tmp_path: Path, scalar: Any, lazy: bool) -> None:
    path = tmp_path / "lab.h5"
    write_stepwise_file(path, scalar)

    for through in ((), ("columns",)):
        content = files.read_session(path, lazy=lazy)
        for number, layout in enumerate(through):
            step = files.write_session(tmp_path / f"{number}.h5", content, layout=layout).path
            content = files.read_session(step, lazy=lazy)
        again = files.write_session(tmp_path / "again.h5", content, layout="lab-steps").path

        assert differences(path, again) == []


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("layout", ["lab", "lab-steps"])
def test_a_session_is_the_same_after_a_round_through_the_labs_layouts(
    tmp_path: Path, layout: str, lazy: bool
) -> None:
    expected = sample_content(2)

    path = files.write_session(tmp_path / "lab.h5", expected, layout=layout).path
    found = files.read_session(path, lazy=lazy)

    for name in ("units", "metadata", "stimulus", "source_files", "steps", "extra", "completed_steps"):
        assert_same(getattr(found, name), getattr(expected, name), name)
    for name in ("dataset_id", "warnings", "created_at", "save_state", "output_dir"):
        assert getattr(found, name) == getattr(expected, name)


def test_a_session_stands_in_a_saved_session_of_the_lab_as_theirs(tmp_path: Path) -> None:
    path = files.write_session(tmp_path / "lab.h5", sample_content(2), layout="lab").path

    with h5py.File(path) as file:
        assert set(file.attrs) == {"created_at", "dataset_id", "hdmea_version"}
        assert file["source_files"].attrs["cmcr_path"] == "/data/é.cmcr"
        assert file["stimulus/frame_times/default"].shape == (10,)
        assert file["metadata/acquisition_rate"].shape == ()
        assert file["pipeline/session_info/completed_steps"].asstr()[:].tolist()[0] == "load_recording"
        unit = file["units/unit_001"]
        names = {"row", "col", "global_id", "original_name", "unit_num"}
        assert (set(unit.attrs), unit.attrs["row"], unit.attrs["global_id"]) == (names, 3, 263)
        assert "spike_count" not in unit
        image = unit["features/eimage_sta"]
        assert (image["data"].shape, image["data"].dtype) == ((5, 4, 4), np.dtype(np.float64))
        assert image["metadata/n_spikes_used"][()] == 12
        assert "params" not in image["metadata"]
        assert unit[f"features/sta_{MOVIES[1]}/data"].shape == (3, 2, 2)
        group = unit[f"spike_times_sectioned/{MOVIES[0]}"]
        assert set(group) == {"full_spike_times", "trials_spike_times", "trials_start_end", "_attrs"}
        assert group["trials_spike_times/1"].dtype == np.int64
        assert group["_attrs/pad_margin"][:].tolist() == [0.0, 0.0]


def test_a_session_stands_in_a_file_of_steps_of_the_lab_as_theirs(tmp_path: Path) -> None:
    path = files.write_session(tmp_path / "lab.h5", sample_content(2), layout="lab-steps").path

    with h5py.File(path) as file:
        assert json.loads(file.attrs["source_files"])["cmcr_path"] == "/data/é.cmcr"
        assert file.attrs["stage1_completed"]
        assert file["stimulus/frame_time/default"].shape == (10,)
        assert file["metadata/acquisition_rate"].shape == (1,)
        unit = file["units/unit_001"]
        assert (unit.attrs["row"], unit.attrs["spike_count"]) == (3, 400)
        assert unit["spike_times"].attrs["unit"] == "sample_index"
        frif = unit["features/frif"]
        assert {"extracted_at", "extractor_version", "feature_name", "params_hash"} <= set(frif.attrs)
        assert frif["FRIF"].shape == (7,)
        sta = unit[f"features/{MOVIES[1]}/sta"]
        assert sta.attrs["cover_range"].tolist() == [-60, 0]
        assert unit[f"features/{MOVIES[1]}/sta_geometry/area"][()] == 4.0
        group = unit[f"spike_times_sectioned/{MOVIES[0]}"]
        assert set(group) == {"full_spike_times", "trials_spike_times", "trials_start_end"}
        assert group.attrs["pad_margin"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("layout", ["lab", "lab-steps"])
def test_only_what_changed_is_written_into_a_file_of_the_lab(tmp_path: Path, layout: str) -> None:
    path = files.write_session(tmp_path / "lab.h5", sample_content(3), layout=layout).path
    content = files.read_session(path, lazy=True)
    held = files.Held(path, content.revision, content.layout)
    unit = content.units["unit_002"]
    unit["features"]["frif"] = {"data": {"FRIF": np.zeros(3), "none": None}, "metadata": {"a": [1, 2]}}
    unit["own"] = {"values": np.arange(3), "text": "t"}
    del unit["features"][f"sta_{MOVIES[1]}"]
    content.metadata["added"] = 2.5
    del content.stimulus["light_template"]
    changed = [
        ("units", "unit_002", "features", "frif"),
        ("units", "unit_002", "features", f"sta_{MOVIES[1]}"),
        ("units", "unit_002", "own"),
        ("metadata", "added"),
        ("stimulus", "light_template"),
    ]

    written = files.update_session(path, content, changed, held=held)

    found = files.read_session(path)
    assert found.revision == written.revision
    for name in ("units", "metadata", "stimulus", "steps", "extra"):
        assert_same(getattr(found, name), getattr(content, name), name)
    whole = files.write_session(tmp_path / "whole.h5", found, layout=layout).path
    assert differences(path, whole) == []


@pytest.mark.parametrize("layout", ["lab", "lab-steps"])
def test_what_a_script_changes_beside_the_record_wins(tmp_path: Path, layout: str) -> None:
    path = files.write_session(tmp_path / "lab.h5", sample_content(2), layout=layout).path
    before = files.read_session(path)
    place = "units/unit_001/features/frif/" + ("FRIF" if layout == "lab-steps" else "data/FRIF")
    with h5py.File(path, "r+") as file:
        file[place][0] = 5.0
        file["units/unit_001/mine"] = np.arange(2)

    found = files.read_session(path)

    frif = found.units["unit_001"]["features"]["frif"]
    assert frif["data"]["FRIF"].tolist() == [5.0, *[1.0] * 6]
    assert "stale" not in frif["metadata"]
    assert found.units["unit_001"]["mine"].tolist() == [0, 1]
    assert_same(found.units["unit_002"], before.units["unit_002"])
    assert found.revision != before.revision
    with pytest.raises(FileExistsError, match="written"):
        files.write_session(path, before, held=files.Held(path, before.revision, layout), layout=layout)


@pytest.mark.parametrize("layout", ["lab", "lab-steps"])
def test_what_a_script_changed_stays_unknown_when_the_file_is_updated(tmp_path: Path, layout: str) -> None:
    path = files.write_session(tmp_path / "lab.h5", sample_content(2), layout=layout).path
    place = "units/unit_001/features/frif/" + ("FRIF" if layout == "lab-steps" else "data/FRIF")
    with h5py.File(path, "r+") as file:
        file[place][0] = 5.0
    content = files.read_session(path, lazy=True)
    content.metadata["note"] = "x"

    files.update_session(path, content, [("metadata", "note")])

    found = files.read_session(path)
    assert found.metadata["note"] == "x"
    frif = found.units["unit_001"]["features"]["frif"]
    assert frif["data"]["FRIF"][0] == 5.0
    assert "stale" not in frif["metadata"]
    assert "stale" in found.units["unit_002"]["features"]["frif"]["metadata"]


def test_a_step_whose_result_a_script_changed_has_no_record(tmp_path: Path) -> None:
    content = sample_content(1)
    content.steps["extract_features"] = replace(content.steps["load_recording"], features=("frif",))
    content.completed_steps.append("extract_features")
    path = files.write_session(tmp_path / "lab.h5", content, layout="lab").path
    with h5py.File(path, "r+") as file:
        file["units/unit_001/features/frif/data/FRIF"][0] = 5.0

    found = files.read_session(path)

    assert list(found.steps) == ["load_recording"]
    assert "extract_features" in found.completed_steps


@pytest.mark.parametrize("layout", ["lab", "lab-steps"])
def test_a_copy_of_a_file_of_the_lab_keeps_its_record(tmp_path: Path, layout: str) -> None:
    path = files.write_session(tmp_path / "lab.h5", sample_content(1), layout=layout).path
    copy = tmp_path / "copy.h5"
    copy.write_bytes(path.read_bytes())

    found = files.read_session(copy)

    assert_same(found.units, files.read_session(path).units)
    assert list(found.steps) == ["load_recording"]


@pytest.mark.parametrize("stored", ["column,row", "row,column"])
@pytest.mark.parametrize("lazy", [False, True])
def test_images_of_the_lab_are_turned_as_the_units_electrodes_tell(
    tmp_path: Path, stored: str, lazy: bool
) -> None:
    path = tmp_path / "lab.h5"
    rng = np.random.default_rng(1)
    turned = stored == "column,row"
    with h5py.File(path, "w") as file:
        file.attrs["dataset_id"] = "Rec"
        file.create_group("pipeline/session_info")
        for number, (row, col) in enumerate([(3, 9), (11, 2), (5, 6)], start=1):
            unit = file.create_group(f"units/unit_{number:03d}")
            unit.attrs.update({"row": row, "col": col})
            image = rng.normal(0, 1, (6, 12, 10))
            image[3, row - 1, col - 1] = -60
            geometry = {"center_row": row - 1.0, "center_col": col - 1.0, "size_x": 2.0, "size_y": 5.0}
            if turned:
                image = image.swapaxes(1, 2)
                names = {"center_row": "center_col", "size_x": "size_y"}
                names |= {value: key for key, value in names.items()}
                geometry = {names[key]: value for key, value in geometry.items()}
            group = unit.create_group("features/eimage_sta")
            group["data"] = image
            for key, value in geometry.items():
                group[f"geometry/{key}"] = value
            unit["features/ap_tracking/refined_soma/x"] = 1
            unit["features/ap_tracking/refined_soma/y"] = 2

    content = files.read_session(path, lazy=lazy)

    for unit in content.units.values():
        entry = unit["features"]["eimage_sta"]
        place = np.unravel_index(int(np.abs(entry["data"]).argmax()), entry["data"].shape)
        assert place == (3, unit["row"] - 1, unit["col"] - 1)
        assert (entry["geometry"]["center_row"], entry["geometry"]["size_x"]) == (unit["row"] - 1, 2.0)
        soma = unit["features"]["ap_tracking"]["refined_soma"]
        assert (soma["x"], soma["y"]) == ((2, 1) if turned else (1, 2))
    assert content.extra["lab"]["image_axes"] == stored
    columns = files.write_session(tmp_path / "columns.h5", content).path
    for other in (content, files.read_session(columns, lazy=lazy)):
        again = files.write_session(tmp_path / "again.h5", other, layout="lab").path
        lines = [line for line in differences(path, again) if not line.startswith("@")]
        assert [line for line in lines if line.startswith("/units")] == []


def test_new_images_are_written_with_the_axes_of_the_raw_recording(tmp_path: Path) -> None:
    for axes, shape in (("column,row", (5, 3, 4)), ("row,column", (5, 4, 3))):
        content = sample_content(1)
        content.metadata["sys_meta"]["axis_order"] = axes
        image = np.zeros((5, 4, 3), np.float32)
        content.units["unit_001"]["features"]["eimage_sta"]["data"] = image
        path = files.write_session(tmp_path / "lab.h5", content, layout="lab").path
        with h5py.File(path) as file:
            assert file["units/unit_001/features/eimage_sta/data"].shape == shape
        found = files.read_session(path).units["unit_001"]["features"]["eimage_sta"]["data"]
        assert_same(found, image)


def test_what_is_no_layout_of_the_lab_is_refused(tmp_path: Path) -> None:
    path = files.write_session(tmp_path / "columns.h5", sample_content(1)).path
    with pytest.raises(CheckpointError, match="no layout 'other'"):
        files.write_session(path, sample_content(1), layout="other")


@pytest.mark.parametrize("layout", ["lab", "lab-steps"])
def test_opening_a_file_of_ours_in_a_layout_of_the_lab_reads_no_unit(tmp_path: Path, layout: str) -> None:
    path = files.write_session(tmp_path / "lab.h5", sample_content(3), layout=layout).path

    content = files.read_session(path, lazy=True)

    assert len(content.units) == 3
    assert all(isinstance(unit, Unread) for unit in dict.values(content.units))
    content.units["unit_002"]["features"]["own"] = {"data": 1.0}
    files.update_session(path, content, [("units", "unit_002", "features", "own")])
    assert isinstance(dict.get(content.units, "unit_003"), Unread)
    assert_same(content.units, files.read_session(path).units)


@pytest.mark.parametrize("second", files.LAYOUTS)
@pytest.mark.parametrize("first", files.LAYOUTS)
def test_what_is_unread_survives_a_change_of_the_layout(tmp_path: Path, first: str, second: str) -> None:
    expected = sample_content(2)
    path = files.write_session(tmp_path / "x.h5", expected, layout=first).path
    content = files.read_session(path, lazy=True)
    assert content.units["unit_001"]["features"]["frif"]["data"]["n"] == 3

    files.write_session(path, content, layout=second)

    for tree in ("units", "metadata", "stimulus"):
        assert_same(getattr(content, tree), getattr(expected, tree), tree)


LAYOUTS = st.sampled_from(files.LAYOUTS)


_WORDS_AS_AVERAGE = {"data": np.array("", dtype=object), "metadata": {}}


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@example(({"unit_000": {"features": {"sta_0": _WORDS_AS_AVERAGE}}}, {}), {}, "columns", "lab-steps", False)
@given(sessions(), trees, LAYOUTS, LAYOUTS, st.booleans())
def test_any_session_is_the_same_after_a_round_through_two_layouts(
    session: Any, metadata: Any, first: str, second: str, lazy: bool
) -> None:
    units, stimulus = session
    expected = SessionContent("Rec", units=units, stimulus=stimulus, metadata=metadata)
    with tempfile.TemporaryDirectory() as folder:
        content = expected
        for number, layout in enumerate((first, second)):
            path = files.write_session(Path(folder) / f"{number}.h5", content, layout=layout).path
            content = files.read_session(path, lazy=lazy)

        for tree in ("units", "metadata", "stimulus"):
            assert_exact(getattr(content, tree), getattr(expected, tree), tree)


@pytest.mark.parametrize(("layout", "place"), [("lab", "data/FRIF_x_axis"), ("lab-steps", "FRIF_x_axis")])
def test_the_times_of_a_rate_lie_beside_it_and_are_not_read_back(
    tmp_path: Path, layout: str, place: str
) -> None:
    demo = write_demo(tmp_path / "recording", size="tiny")
    session = create_session(None, demo.cmcr_path, demo.cmtr_path, tmp_path)
    run_step(session, "load_recording")
    run_step(session, "extract_features", {"features": ("frif",)})

    path = session.save(tmp_path / "x.h5", layout=layout)

    with h5py.File(path) as file:
        for unit in file["units"].values():
            np.testing.assert_array_equal(unit["features/frif"][place], session.stimulus["FRIF_x_axis"])
    back = PipelineSession.load(path)
    assert list(back.units["unit_001"]["features"]["frif"]["data"]) == ["FRIF"]
