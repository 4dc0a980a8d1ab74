"""`hdmea info`: what is inside, the decisions and their evidence."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmea.recordings.inspect import Inspection, inspect_file
from hdmea.utils.exceptions import DataLoadError
from tests.recordings.vendor_files import VendorUnit, write_cmcr, write_cmtr

LIGHT = [(0, np.zeros((2, 20_000), np.int32))]


def decision(inspection: Inspection, question: str) -> tuple[str, str]:
    (found,) = (each for each in inspection.decisions if each.question.startswith(question))
    return found.answer, found.evidence


def test_a_raw_recording_of_the_shared_data(shared_data: Path) -> None:
    found = inspect_file(shared_data / "variants/two_groups_gap/two-groups-Rec.cmcr")
    assert found.kind == "raw recording"
    assert found.facts["data groups (s)"] == [[0.0, 15.0], [17.0, 32.0]]
    assert found.facts["gaps (s)"] == [2.0]
    assert found.facts["spike-sorted file"] == "two-groups-Rec-.cmtr"
    assert decision(found, "axes 1 and 2")[0] == "column,row (data)"
    assert "as long as their times say" in decision(found, "sampling rate")[1]
    assert "column fastest" in decision(found, "conversion factors")[0]
    assert found.warnings == ()


def test_a_spike_sorted_file_of_the_shared_data(shared_data: Path) -> None:
    found = inspect_file(shared_data / "variants/odd_units_broken_link/odd_units.cmtr")
    assert found.kind == "spike-sorted file"
    assert found.facts["unit numbers"] == [2, 5, 17, 103]
    answer, evidence = decision(found, "raw recording")
    assert answer == "odd_units.cmcr"
    assert "before_renaming.cmcr, which is not there" in evidence


def test_missing_units_are_said(shared_data: Path) -> None:
    found = inspect_file(shared_data / "variants/no_sorter/no_sorter.cmtr")
    assert found.warnings == ("There are no sorted units in this file.",)


def test_text_and_json_hold_the_same(tmp_path: Path) -> None:
    write_cmtr(tmp_path / "a-.cmtr", [VendorUnit(1, [50, 100])], link="a.cmcr", duration_us=1_000_000)
    for path in (write_cmcr(tmp_path / "a.cmcr", light=LIGHT), tmp_path / "a-.cmtr"):
        found = inspect_file(path)
        again = json.loads(json.dumps(found.as_dict(), allow_nan=False))
        text = found.as_text()
        assert again["kind"] == found.kind
        assert text.startswith(f"{path}: {found.kind}")
        for each in again["decisions"]:
            assert each["answer"] in text
            assert each["evidence"] in text


def test_files_that_contradict_each_other_are_said(tmp_path: Path) -> None:
    cmcr = write_cmcr(tmp_path / "a.cmcr", light=LIGHT)
    cmtr = write_cmtr(tmp_path / "a-.cmtr", [VendorUnit(1, [50])], duration_us=99_000_000)
    for path in (cmcr, cmtr):
        assert any("99.000 s" in warning for warning in inspect_file(path).warnings)


def test_a_damaged_partner_does_not_hide_the_file_itself(tmp_path: Path) -> None:
    cmcr = write_cmcr(tmp_path / "a.cmcr", light=LIGHT)
    (tmp_path / "a.cmtr").write_text("broken")
    found = inspect_file(cmcr)
    assert found.facts["duration (s)"] == 1.0
    assert any("not an HDF5 file" in warning for warning in found.warnings)


def test_links_are_listed_and_many_alike_are_counted(tmp_path: Path) -> None:
    path = write_cmtr(tmp_path / "a.cmtr", [VendorUnit(k, [50]) for k in range(1, 9)], link="gone.cmcr")
    contents = "\n".join(inspect_file(path).contents)
    assert "Acquisition -> gone.cmcr:/Acquisition (link, not followed)" in contents
    assert "Unit … 6 more" in contents
    assert "Unit 3" not in contents


@pytest.mark.parametrize("version", [1, None])
def test_a_result_file(tmp_path: Path, version: int | None) -> None:
    with h5py.File(tmp_path / "r.h5", "w") as file:
        if version is not None:
            file.attrs["schema_version"] = version
        file.attrs["dataset_id"] = "X"
        file.create_group("units/unit_001/features/frif")
        file.create_group("metadata")
        file["stimulus/section_time/noise"] = [[0, 1]]
        names = np.array([b"load_recording", b"add_section_time"])
        file["pipeline/session_info/completed_steps"] = names
    found = inspect_file(tmp_path / "r.h5")
    assert found.kind == "result file"
    assert found.facts["recording"] == "X"
    assert found.facts["steps"] == ["load_recording", "add_section_time"]
    assert found.facts["movies"] == ["noise"]
    assert found.facts["features of the first unit"] == ["frif"]
    assert ("earlier layout" in found.facts["layout"]) == (version is None)
    json.dumps(found.as_dict())


def test_unknown_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    (tmp_path / "b.txt").write_text("hello")
    with pytest.raises(DataLoadError, match="not a file of the CMOS-MEA system"):
        inspect_file(tmp_path / "a.h5")
    with pytest.raises(DataLoadError, match="not an HDF5 file"):
        inspect_file(tmp_path / "b.txt")
    with pytest.raises(DataLoadError, match="folder"):
        inspect_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        inspect_file(tmp_path / "c.cmcr")
