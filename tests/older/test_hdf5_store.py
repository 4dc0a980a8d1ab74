"""Functions with which scripts write parts of an open result file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmea.io import hdf5_store as store
from hdmea.pipeline import PipelineSession

NAMES = [
    "create_recording_hdf5", "open_recording_hdf5", "write_units", "write_stimulus", "write_metadata",
    "write_source_files", "mark_stage1_complete", "get_stage1_status", "list_units", "list_features",
    "write_feature_to_unit",
]  # fmt: skip
UNITS = {
    "unit_001": {
        "spike_times": np.array([5, 9, 700], np.uint64),
        "waveform": np.ones(4, np.float32),
        "row": 3,
    },
    "unit_006": {"spike_times": np.array([], np.uint64), "firing_rate_10hz": np.zeros(2, np.float32)},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "written.h5"
    with store.create_recording_hdf5(path, "written-Rec", config={"a": 1}) as root:
        assert store.get_stage1_status(root)["completed"] is False
        store.write_units(root, UNITS)
        store.write_metadata(root, {"acquisition_rate": 20_000.0, "sys_meta": {"Version": 1, "Program": "x"}})
        light = {"raw_ch1": np.arange(1000.0), "raw_ch2": None}
        store.write_stimulus(root, light, {"default": np.arange(9)}, {"movie": np.array([[0, 500]])})
        store.write_source_files(root, "a.cmcr", None)
        outputs = {"value": 2.5, "curve": np.arange(3.0), "pair": (1, 2), "nested": {"deep": np.ones(2)}}
        store.write_feature_to_unit(root, "unit_001", "own", outputs, {"extractor_version": "1"})
        store.mark_stage1_complete(root)
    return path


def test_all_names_are_there() -> None:
    import hdmea.io

    for name in NAMES:
        assert getattr(hdmea.io, name) is getattr(store, name)


def test_the_file_is_what_scripts_expect(path: Path) -> None:
    with h5py.File(path) as file:
        assert file["metadata/acquisition_rate"][0] == 20_000
        assert file["metadata/sys_meta/Version"].shape == (1,)
        unit = file["units/unit_001"]
        assert unit["spike_times"].dtype == np.uint64
        assert dict(unit.attrs) == {"row": 3, "col": 0, "global_id": 0, "spike_count": 3}
        assert file["stimulus/light_reference/raw_ch1"].dtype == np.float32
        assert list(file["stimulus/light_reference"]) == ["raw_ch1"]
        assert file["stimulus/frame_time/default"].dtype == np.uint64
        feature = unit["features/own"]
        assert dict(feature.attrs) == {"value": 2.5, "extractor_version": "1"}
        assert feature["pair"][:].tolist() == [1, 2]
        assert feature["nested/deep"].shape == (2,)
        assert file.attrs["features_extracted"] == '["own"]'
        assert file.attrs["stage1_completed"]


def test_what_was_written_opens_as_a_session(path: Path) -> None:
    session = PipelineSession.load(path)
    assert session.dataset_id == "written-Rec"
    assert session.acquisition_rate == 20_000
    assert session.units["unit_001"]["spike_times"].tolist() == [5, 9, 700]
    assert session.stimulus["section_time"]["movie"].tolist() == [[0, 500]]


def test_parts_are_replaced_and_listed(path: Path) -> None:
    with store.open_recording_hdf5(path, "r+") as root:
        store.write_units(root, {"unit_006": {"spike_times": np.array([1], np.uint64)}})
        store.write_feature_to_unit(root, "unit_001", "own", {"value": 3}, {})
        assert store.list_units(root) == ["unit_001", "unit_006"]
        assert store.list_features(root, "unit_001") == ["own"]
        assert store.list_features(root, "unit_006") == []
        assert store.list_features(root, "unit_999") == []
        assert root["units/unit_006/spike_times"][:].tolist() == [1]
        with pytest.raises(KeyError, match=r"does not have unit_999. Its units: unit_001, unit_006"):
            store.write_feature_to_unit(root, "unit_999", "own", {"value": 3}, {})
        assert store.get_stage1_status(root)["params_hash"].startswith("sha256:")


def test_existing_and_missing_files(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        store.create_recording_hdf5(path, "other")
    store.create_recording_hdf5(path, "other", overwrite=True).close()
    with store.open_recording_hdf5(path) as root:
        assert store.list_units(root) == []
    with pytest.raises(FileNotFoundError):
        store.open_recording_hdf5(tmp_path / "none.h5")


def test_columns_are_read_but_not_changed_in_place(path: Path, tmp_path: Path) -> None:
    columns = PipelineSession.load(path).save(tmp_path / "columns.h5", layout="columns")
    before = columns.read_bytes()
    with store.open_recording_hdf5(columns, "r+") as root:
        assert store.list_units(root) == ["unit_001", "unit_006"]
        assert store.list_features(root, "unit_001") == ["own"]
        for call in (
            lambda: store.write_units(root, UNITS),
            lambda: store.write_metadata(root, {"a": 1}),
            lambda: store.write_stimulus(root, {}),
            lambda: store.write_source_files(root, None, None),
            lambda: store.mark_stage1_complete(root),
            lambda: store.write_feature_to_unit(root, "unit_001", "own", {}, {}),
        ):
            with pytest.raises(ValueError, match=r"PipelineSession\.load"):
                call()
    assert columns.read_bytes() == before
