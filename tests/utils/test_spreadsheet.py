from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdmea.utils.spreadsheet import write_csv


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
