from __future__ import annotations

import csv
import datetime
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdmea.utils.exceptions import ConfigurationError, ValidationError
from hdmea.utils.spreadsheet import column_name, read_rows, tabbed, write_csv, write_xlsx


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


def test_a_text_is_never_a_formula_and_a_number_never_a_text(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_csv(path, ("text", "number"), [["=1+1", -1.5], ["@x", -3], ["-4", None], ["+a", float("nan")]])

    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))[1:]
    assert rows == [["'=1+1", "-1.5"], ["'@x", "-3"], ["-4", ""], ["'+a", ""]]


def test_what_is_copied_has_all_digits_and_no_signs_of_a_language() -> None:
    rows = [[-1234567.123456789, "µV\tx"], [float("nan"), None], [-0.1 - 0.2, True]]
    assert tabbed(("rate (Hz)", "b"), rows) == (
        "rate (Hz)\tb\n-1234567.123456789\tµV x\n\t\n-0.30000000000000004\tTrue\n"
    )


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("baseline.baseline_rate", "Hz", "baseline.baseline_rate_hz"),
        ("baseline.median_isi_ms", "ms", "baseline.median_isi_ms"),
        ("axon.velocity_low_m_s", "m/s", "axon.velocity_low_m_s"),
        ("axon.velocity", "electrodes/ms", "axon.velocity_electrodes_per_ms"),
        ("lnl.n_spikes_used", "spikes", "lnl.n_spikes_used"),
        ("rf.area", "px²", "rf.area_px2"),
        ("rf[noise_15x15].angle", "°", "rf.noise_15x15.angle_deg"),
        ("grating.preferred_spatial_frequency", "1/px", "grating.preferred_spatial_frequency_1_per_px"),
        ("soma.peak_to_peak", "µV", "soma.peak_to_peak_uv"),
        ("moving_bar.dsi_n", "spikes", "moving_bar.dsi_n"),
        ("rate (Hz)", "", "rate_Hz"),
    ],
)
def test_names_of_columns_end_in_their_unit_once(name: str, unit: str, expected: str) -> None:
    assert column_name(name, unit) == expected


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no drive that is always full")
def test_a_full_drive_is_told_once_for_a_workbook(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_xlsx(Path("/dev/full"), {"a": (("b",), [(1,)])})
    gc.collect()
    assert capsys.readouterr().err == ""
