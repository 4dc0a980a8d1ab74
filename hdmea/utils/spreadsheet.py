"""Tables as spreadsheet programs write and read them."""

from __future__ import annotations

import csv
import datetime
import io
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from hdmea.utils.exceptions import ConfigurationError, ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.text_files import regular_size

__all__ = ["TABLE_SUFFIXES", "read_rows", "write_csv"]

_TEXT: Final = (".csv", ".tsv", ".txt")
_EXCEL: Final = (".xlsx", ".xlsm")
_OTHER: Final = (".xls", ".xlsb", ".ods")
TABLE_SUFFIXES: Final = (*_TEXT, *_EXCEL, *_OTHER)
"""Suffixes of tables; `read_rows` says of those that it cannot read what to do."""


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a table whose first row holds the titles of its columns.

    Text files may be UTF-8, UTF-16 or Windows-1252, with commas, semicolons or tabs between the cells; of a
    workbook the first sheet is read.

    Yields
    ------
    int
        Number of the row as a spreadsheet program shows it.
    dict
        Title to cell, as text; rows without any text are left out.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValidationError
        If it is not such a table, two columns have one title, or a cell is in a column without title.
    ConfigurationError
        If it is a folder or a pipe, or the library for workbooks is not installed.
    """
    regular_size(path)
    suffix = path.suffix.lower()
    if suffix in _OTHER:
        raise ValidationError(
            f"{path.name} is a table in a format that is not read.",
            path=path,
            fix=Advice("Save it as .xlsx or .csv."),
        )
    rows = _workbook(path) if suffix in _EXCEL else _text(path)
    titles: list[str] | None = None
    for number, row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if titles is None:
            titles = cells
            twice = next((title for title in cells if title and cells.count(title) > 1), None)
            if twice is not None:
                raise ValidationError(f"{path.name} has two columns “{twice}”.", path=path)
            continue
        beyond = next(
            (at for at, cell in enumerate(cells) if cell and not "".join(titles[at : at + 1])), None
        )
        if beyond is not None:
            raise ValidationError(
                f"Row {number} of {path.name} has “{cells[beyond]}” in column {beyond + 1}, without title.",
                path=path,
                fix=Advice("Put values that contain the separator in quotation marks."),
            )
        filled = cells + [""] * (len(titles) - len(cells))
        yield number, {title: cell for title, cell in zip(titles, filled, strict=False) if title}


def _text(path: Path) -> Iterator[tuple[int, list[str]]]:
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    titles = text.lstrip("\r\n").partition("\n")[0]
    separator = max(",;\t", key=titles.count)
    if titles.lower().startswith("sep="):  # the first line by which Excel is told of the separator
        separator = titles[4:5]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for number, row in enumerate(reader, start=1):
            if number > 1 or not (row and row[0].lower().startswith("sep=")):
                yield number, row
    except (csv.Error, TypeError) as error:
        raise ValidationError(f"{path.name} is not a table: {error}.", path=path) from error


def _workbook(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigurationError(
            "Excel tables need the package “openpyxl”, which is not installed.",
            fix=Advice("Save the table as .csv, or install it: pip install hdmea-studio[excel]."),
        ) from error
    # Not the file itself: a spreadsheet program may want to save it meanwhile.
    content = io.BytesIO(path.read_bytes())
    with warnings.catch_warnings():
        # Of styles and drop-down lists, which do not matter here.
        warnings.simplefilter("ignore", UserWarning)
        try:
            book = openpyxl.load_workbook(content, read_only=True, data_only=True)
            rows = list(book.worksheets[0].iter_rows(values_only=True)) if book.worksheets else []
        except Exception as error:
            # A damaged workbook raises whatever its XML leads to.
            raise ValidationError(
                f"{path.name} cannot be read as a workbook: {type(error).__name__}: {error}.",
                path=path,
                fix=Advice("Remove its password if it has one, or save it as .csv."),
            ) from error
    for number, row in enumerate(rows, start=1):
        yield number, [_cell(value) for value in row]


def _cell(value: object) -> str:
    """Return a cell of a workbook as it would be in a text file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def write_csv(path: Path, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table: commas between the cells, a point in numbers, UTF-8; whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    titles
        First row.
    rows
        All others.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # The byte order mark tells spreadsheets that µ is UTF-8.
        with part.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file)
            writer.writerow(titles)
            writer.writerows(rows)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
