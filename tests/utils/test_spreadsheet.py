from __future__ import annotations

import csv
import datetime
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdmea.utils.exceptions import ConfigurationError, ValidationError
from hdmea.utils.spreadsheet import read_rows, write_csv


def test_cells_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "table µ.csv"
    rows = [["a;b", 'say "x"', "1,5"], ["line\nbreak", "µV", 0.1]]
    write_csv(path, ("one, two", "three", "four"), rows)

    with path.open(newline="", encoding="utf-8-sig") as file:
        found = list(csv.reader(file))
    assert found == [["one, two", "three", "four"], ["a;b", 'say "x"', "1,5"], ["line\nbreak", "µV", "0.1"]]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "spreadsheets see that it is UTF-8"


def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")

    def rows() -> Iterator[list[str]]:
        yield ["1"]
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_csv(path, ("title",), rows())

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


EYES = [(2, {"recording": "ä1", "dose": "0,5"}), (4, {"recording": "b", "dose": ""})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_text_tables_are_read_in_every_common_form(tmp_path: Path, encoding: str, separator: str) -> None:
    path = tmp_path / "table.csv"
    text = "recording;dose;\r\nä1;0,5;\r\n;;\r\nb\r\n".replace(";", separator)
    path.write_bytes(text.encode(encoding))
    assert list(read_rows(path)) == EYES


def test_a_line_about_the_separator_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("sep=;\nname;a,b\nx;1\n", encoding="utf-8")
    assert list(read_rows(path)) == [(3, {"name": "x", "a,b": "1"})]


def test_a_workbook_is_read_like_text(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Recording ", "dose", "born", "at", "chip", "n", "ok", None])
    sheet.append(
        ["ä1", 0.5, datetime.datetime(2026, 3, 1), datetime.datetime(2026, 3, 1, 9, 5), "007", 3.0, True]
    )
    sheet.append([])
    sheet.append(["b"])
    book.create_sheet("other").append(["something else"])
    path = tmp_path / "table µ.xlsx"
    book.save(path)
    first, second = read_rows(path)
    assert first == (2, {
        "Recording": "ä1", "dose": "0.5", "born": "2026-03-01", "at": "2026-03-01T09:05:00", "chip": "007",
        "n": "3", "ok": "true",
    })  # fmt: skip
    assert second[0] == 4
    assert second[1]["Recording"] == "b"
    assert set(second[1].values()) == {"b", ""}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"name,dose\nx,0,5\n", "Row 2 of a.csv has “5” in column 3, without title"),
        ("a.csv", b"name,dose,name\nx,1,y\n", "two columns “name”"),
        ("a.csv", b'name\n"' + b"x" * 200_000, "not a table"),
        ("a.xlsx", b"PK\x03\x04 nothing", "cannot be read as a workbook"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "a format that is not read"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValidationError, match=said):
        list(read_rows(path))


def test_workbooks_need_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(ConfigurationError, match="openpyxl"):
        list(read_rows(tmp_path / "a.xlsx"))
