"""`hdmea info`: what is inside, the decisions and their evidence."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmea.recordings.inspect import Inspection, inspect_file
from hdmea.recordings.mcs.cmcr import CmcrReader
from hdmea.utils.exceptions import DataLoadError
from tests.recordings.test_partner_check import FIRST_COLUMN, FIRST_ROW, PLACES, recorded
from tests.recordings.vendor_files import (
    SensorBlock,
    VendorUnit,
    pack_with_unknown_filter,
    write_cmcr,
    write_cmtr,
)

LIGHT_STREAM = "Acquisition/Analog Data"
SENSOR_STREAM = "Acquisition/Sensor Data"
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
    assert "before_renaming.cmcr, which does not exist" in evidence


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


@pytest.mark.parametrize("version", [2, None])
def test_a_result_file(tmp_path: Path, version: int | None) -> None:
    names = np.array([b"load_recording", b"add_section_time"])
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file.attrs["dataset_id"] = "X"
        if version is not None:
            file.attrs["schema_version"] = version
            file.attrs["revision"] = "1b4e28ba"
            file["units/id"] = np.array([b"unit_001"])
            file.create_group("units/features/frif")
            file["units/features/frif%mask"] = [True]
            file["pipeline/completed_steps"] = names
        else:
            file.create_group("units/unit_001/features/frif")
            file["pipeline/session_info/completed_steps"] = names
        file.create_group("metadata")
        file["stimulus/section_time/noise"] = [[0, 1]]
    found = inspect_file(tmp_path / "r.h5")
    assert found.kind == "result file"
    assert found.facts["recording"] == "X"
    assert found.facts["units"] == 1
    assert found.facts["steps"] == ["load_recording", "add_section_time"]
    assert found.facts["movies"] == ["noise"]
    assert found.facts["features"] == ["frif"]
    assert (found.facts["layout"], found.facts["revision"]) == (
        ("columns", "1b4e28ba") if version else ("lab", None)
    )
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


def test_hundreds_of_data_groups_are_counted(tmp_path: Path) -> None:
    sweeps = [(k * 80_000, np.zeros((2, 1200), np.int32)) for k in range(40)]
    found = inspect_file(write_cmcr(tmp_path / "a.cmcr", light=sweeps))
    assert found.facts["data groups (s)"] == "40 data groups of 1200 samples between 0 s and 3.18 s"
    assert found.facts["gaps (s)"] == "39 gaps of 0.02 s"
    assert "40 data groups of 1200 samples" in decision(found, "sampling rate")[1]


def test_chosen_electrodes_are_one_line(tmp_path: Path) -> None:
    places = [(3, 5), (4, 5), (20, 9)]
    blocks = [
        SensorBlock(np.zeros((2000, 1, 1), np.int16), region=n, top=row, left=column)
        for n, (row, column) in enumerate(places, start=1)
    ]
    found = inspect_file(write_cmcr(tmp_path / "a.cmcr", sensor=blocks))
    expected = "3 chosen electrodes in columns 5–9, rows 3–20, 0.1 s of raw data at 20000 Hz"
    assert found.facts["sensors"] == expected
    assert "single electrode" in decision(found, "axes 1 and 2")[1]


def test_a_missing_plugin_hides_nothing_else(tmp_path: Path) -> None:
    block = SensorBlock(np.zeros((400, 4, 4), np.int16))
    path = write_cmcr(tmp_path / "a.cmcr", sensor=[block], light=LIGHT, events=[(50, 1)])
    pack_with_unknown_filter(path, "Acquisition/Sensor Data/SensorData 1 1")
    found = inspect_file(path)
    assert found.facts["digital events"] == 1
    assert found.facts["sensor region 1"].startswith("columns 1–4, rows 1–4")
    assert "filter 32004 (missing)" in decision(found, "storage")[1]
    assert any("needs the plugin 32004" in message for message in found.warnings)


def test_a_table_that_needs_a_plugin_is_named(tmp_path: Path) -> None:
    path = write_cmcr(tmp_path / "a.cmcr", light=LIGHT)
    pack_with_unknown_filter(path, "Acquisition/Analog Data/ChannelMeta")
    with pytest.raises(DataLoadError, match=r"table .*ChannelMeta: .* filter 32004"):
        inspect_file(path)


def test_late_spikes_and_duplicates_are_seen(tmp_path: Path) -> None:
    """Given spikes 2 ms late and one unit twice, then the information on the raw file says both."""
    cmcr, trains = recorded(1, tmp_path)
    units = [
        VendorUnit(
            n,
            np.repeat((spikes + 40) * 50, 1 + (n == 2)).tolist(),
            row=row + FIRST_ROW,
            column=col + FIRST_COLUMN,
        )
        for n, ((row, col), spikes) in enumerate(zip(PLACES, trains, strict=True), start=1)
    ]
    write_cmtr(tmp_path / "1.cmtr", units, duration_us=4_000_000)
    found = inspect_file(cmcr)
    assert decision(found, "spikes against the raw data")[0] == "does not fit"
    assert any("2.00 ms late" in message for message in found.warnings)
    assert any("Unit 2:" in message and "sample of another one" in message for message in found.warnings)


def test_numbers_in_another_file_are_not_read(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_bytes(b"precious" * 20_000)
    path = write_cmcr(tmp_path / "a.cmcr", light=LIGHT)
    with h5py.File(path, "r+") as handle:
        (name,) = [
            f"{LIGHT_STREAM}/{each}" for each in handle[LIGHT_STREAM] if each.startswith("ChannelData")
        ]
        shape, kinds = handle[name].shape, dict(handle[name].attrs)
        del handle[name]
        outside = handle.create_dataset(name, shape, np.int32, external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        outside.attrs.update(kinds)
    with pytest.raises(DataLoadError, match="in another file"):
        inspect_file(path)


def test_steps_in_another_file_are_not_shown(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_bytes(b"precious" * 2)
    with h5py.File(tmp_path / "r.h5", "w") as handle:
        handle.attrs["schema_version"] = 2
        handle.create_group("units")
        handle.create_group("metadata")
        handle.create_dataset("pipeline/completed_steps", (2,), "S8", external=[(str(other), 0, 16)])
    with pytest.raises(DataLoadError, match="in another file"):
        inspect_file(tmp_path / "r.h5")


def test_groups_are_listed_once(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "r.h5", "w") as handle:
        group = handle.create_group("units")
        handle.create_group("metadata")["again"] = handle["/"]
        for _ in range(40):
            below = group.create_group("a")
            for name in "bcdefg":
                group[name] = below
            group = below
        for _ in range(2_000):
            group = group.create_group("x")
    contents = inspect_file(tmp_path / "r.h5").contents
    assert any("again/  (not listed again)" in line for line in contents)
    assert len(contents) < 500


@pytest.mark.parametrize("unallocated", [True, False])
def test_raw_data_that_cannot_be_there_are_said(tmp_path: Path, unallocated: bool) -> None:
    path = write_cmcr(tmp_path / "a.cmcr", light=LIGHT, sensor=[SensorBlock(np.zeros((400, 4, 4), np.int16))])
    with h5py.File(path, "r+") as handle:
        (name,) = [
            f"{SENSOR_STREAM}/{each}" for each in handle[SENSOR_STREAM] if each.startswith("SensorData")
        ]
        kinds = dict(handle[name].attrs)
        del handle[name]
        shape = (1 << 40 if unallocated else 400, 4, 4)
        new = handle.create_dataset(name, shape, np.int16, chunks=(200, 4, 4), compression="gzip")
        new.attrs.update(kinds)
        if not unallocated:
            new.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(80 << 20), 9))
    with CmcrReader(path) as reader:
        assert reader.sensor is not None
        assert "is damaged" in reader.sensor.unreadable
    inspect_file(path)
