"""Which recordings a batch works on."""

from __future__ import annotations

import shutil
from pathlib import Path

import openpyxl
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.study.batch import run_batch
from hdmea.study.recordings import (
    Recording,
    collect,
    find_recordings,
    join_sheet,
    pair_files,
    read_sheet,
    read_table,
)
from hdmea.study.sheet import sheet_name, sheet_value
from hdmea.utils.exceptions import ValidationError
from tests.study.days import make_day


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_day(tmp_path_factory.mktemp("day"), 2)


def test_a_folder_is_searched_below_itself(day: Path, tmp_path: Path) -> None:
    shutil.copytree(day, tmp_path / "2026" / "retina 1")
    shutil.copytree(day, tmp_path / ".hidden")
    shutil.copytree(day, tmp_path / "out")
    found = find_recordings(tmp_path, [tmp_path / "out"])
    assert [recording.key for recording in found.recordings] == [
        "2026/retina 1/ret00-Rec",
        "2026/retina 1/ret01-Rec",
    ]
    assert all(recording.cmcr and recording.cmtr for recording in found.recordings)


def test_raw_data_wait_for_their_sorted_units(day: Path, tmp_path: Path) -> None:
    shutil.copy(day / "ret00-Rec.cmcr", tmp_path)
    found = find_recordings(tmp_path)
    assert found.recordings == ()
    assert "no sorted units" in found.left_out[tmp_path / "ret00-Rec.cmcr"]


def test_a_second_sorting_is_left_out_and_named(day: Path, tmp_path: Path) -> None:
    for path in day.glob("ret00*.cm*"):
        shutil.copy(path, tmp_path)
    shutil.copy(day / "ret00-Rec-.cmtr", tmp_path / "ret00-Rec- (2).cmtr")
    found = find_recordings(tmp_path)
    assert len(found.recordings) == 1
    assert list(found.left_out) == [tmp_path / "ret00-Rec- (2).cmtr"]


def test_files_are_paired(day: Path) -> None:
    names = [day / "ret01-Rec-.cmtr", day / "ret00-Rec.cmcr", day / "ret01-Rec.cmcr"]
    assert [(one.name, one.cmcr and one.cmcr.name) for one in pair_files(names)] == [
        ("ret01-Rec", "ret01-Rec.cmcr"),
        ("ret00-Rec", "ret00-Rec.cmcr"),
    ]
    with pytest.raises(ValidationError, match="not a recording"):
        pair_files([day / "playlist.csv"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_names_files_parameters_and_more(day: Path, tmp_path: Path, separator: str) -> None:
    rows = [
        ["cmcr", "Name", "playlist", "compute_sta.cover_range", "animal", "dose"],
        [
            str(day / "ret00-Rec.cmcr"),
            "control",
            "my_playlist",
            "",
            "m7",
            "0,5" if separator != "," else "0.5",
        ],
        [
            str(day / "ret01-Rec.cmcr"),
            "drug",
            "",
            '"[-10, 2]"' if separator == "," else "[-10, 2]",
            "m8",
            "3",
        ],
    ]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8-sig")
    first, second = read_table(table)
    assert (first.name, first.cmtr and first.cmtr.name) == ("control", "ret00-Rec-.cmtr")
    assert first.parameters == {"add_section_time": {"playlist_name": "my_playlist"}}
    assert first.sheet == {"subject_id": "m7", "dose": 0.5}
    assert second.parameters == {"compute_sta": {"cover_range": [-10, 2]}}


def test_a_workbook_serves_as_table_and_as_sheet(day: Path, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["cmcr", "name", "Animal", "dose"])
    book.active.append([str(day / "ret00-Rec.cmcr"), "control", "007", 0.5])
    path = tmp_path / "table.xlsx"
    book.save(path)
    (recording,) = collect([path], tmp_path / "out").recordings
    assert (recording.name, recording.sheet) == ("control", {"subject_id": "007", "dose": 0.5})
    (joined,) = join_sheet(pair_files([day / "ret00-Rec.cmcr"]), path)
    assert joined.sheet == {"name": "control", "subject_id": "007", "dose": 0.5}


def test_folders_tables_and_files_may_be_mixed(day: Path, tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        shutil.copytree(day, tmp_path / name)
    table = tmp_path / "table.csv"
    table.write_text(f"cmcr,name\n{day / 'ret00-Rec.cmcr'},control\n", encoding="utf-8")
    sources = [
        tmp_path / "monday",
        tmp_path / "tuesday",
        table,
        day / "ret00-Rec.cmcr",
        day / "ret01-Rec.cmcr",
    ]
    found = collect([*sources, day / "playlist.csv"], tmp_path / "out")
    assert [recording.key for recording in found.recordings] == [
        "monday/ret00-Rec", "monday/ret01-Rec", "tuesday/ret00-Rec", "tuesday/ret01-Rec", "control",
        "ret01-Rec",
    ]  # fmt: skip
    assert found.left_out == {day / "playlist.csv": "is not a recording"}
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        collect([day, tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(ValidationError, match="names no recording"):
        collect([day / "playlist.csv"], tmp_path / "out")


def test_two_equal_names_are_refused_before_anything_runs(day: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"cmcr,name\n{day / 'ret00-Rec.cmcr'},a\n{day / 'ret01-Rec.cmcr'},A\n", encoding="utf-8")
    with pytest.raises(ValidationError, match="Several recordings"):
        run_batch(table, "quick", output_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_row_without_files_is_named(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("cmcr,cmtr,name\n,,x\n", encoding="utf-8")
    with pytest.raises(ValidationError, match="Row 2"):
        read_table(table)


def test_a_sheet_is_joined_and_stored(day: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "Recording;Animal;Eye;age;what we saw\nret00-Rec;007;left;P30;3,5\n"
        "D:\\rig\\ret01-Rec.cmcr;8;right;;\n",
        encoding="cp1252",
    )
    recordings = join_sheet(pair_files(sorted(day.glob("*.cmcr"))), sheet)
    assert recordings[0].sheet == {"subject_id": "007", "eye": "left", "age": "P30", "what we saw": 3.5}
    assert recordings[1].sheet == {"subject_id": 8, "eye": "right"}
    run_batch(recordings[:1], "quick", output_dir=tmp_path / "out")
    stored = PipelineSession.load(tmp_path / "out" / "ret00-Rec.h5").metadata["sheet"]
    assert dict(stored) == recordings[0].sheet


def test_a_sheet_of_other_recordings_is_told(day: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("recording,eye\nelsewhere,left\n", encoding="utf-8")
    with pytest.raises(ValidationError, match="names none"):
        join_sheet(pair_files(sorted(day.glob("*.cmcr"))), sheet)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("Animal", "subject_id"),
        ("session start time", "session_start_time"),
        ("Chip-ID", "chip"),
        ("dose", "dose"),
    ],
)
def test_names_of_sheets_are_one_vocabulary(column: str, name: str) -> None:
    assert sheet_name(column) == name


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3,5", 3.5),
        ("-2", -2),
        ("007", "007"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("1.5e3", 1500.0),
        (" x ", "x"),
    ],
)
def test_cells_are_numbers_where_they_are(text: str, value: object) -> None:
    assert sheet_value(text) == value
    assert type(sheet_value(text)) is type(value)


# -- the sheet of one recording ------------------------------------------------------------------------


def test_a_sheet_of_one_recording_is_yaml(tmp_path: Path) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text(
        "animal: 007\nDate: 2026-11-29T10:31:00+01:00\neye: left\nage: P30D\ndose: 0,5\n"
        "experimenter: [Doe, Jane]\ndrug:\nSubject:\n  species: mouse\n  weight: 25 g\n",
        encoding="utf-8",
    )

    assert read_sheet(path, PipelineSession("x")) == {
        "subject_id": "007",
        "session_start_time": "2026-11-29T10:31:00+01:00",
        "eye": "left",
        "age": "P30D",
        "dose": 0.5,
        "experimenter": "Doe; Jane",
        "species": "mouse",
        "weight": "25 g",
    }


def test_a_sheet_of_many_recordings_gives_the_row_of_one(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("recording;eye;dose\nother;left;1\nday1.cmcr;right;0,5\n", encoding="utf-8")
    session = PipelineSession("renamed")
    session.source_files["cmcr_path"] = "/somewhere/day1.cmcr"

    assert read_sheet(path, session) == {"eye": "right", "dose": 0.5}
    with pytest.raises(ValidationError, match="none of the recordings"):
        read_sheet(path, PipelineSession("unknown"))


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "a: [1\n", "eye: {a: {b: c}}\n", "a: &x [1]\nb: [*x, *x]\n"]
)
def test_what_is_not_a_sheet_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValidationError, match=r"sheet\.yaml"):
        read_sheet(path, PipelineSession("x"))


def test_a_sheet_that_says_two_things_of_a_recording_is_refused(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    recordings = [Recording("a", tmp_path / "a.cmcr", None)]
    sheet.write_text("recording,animal\na,m1\na.cmcr,m1\n", encoding="utf-8")
    assert join_sheet(recordings, sheet)[0].sheet == {"subject_id": "m1"}
    sheet.write_text("recording,animal\na,m1\na.cmcr,m2\n", encoding="utf-8")
    with pytest.raises(ValidationError, match=r"two rows of a, the second one \(3\)"):
        join_sheet(recordings, sheet)
