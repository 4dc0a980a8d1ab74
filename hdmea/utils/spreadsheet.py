"""Tables as spreadsheet programs write and read them."""

from __future__ import annotations

import csv
import datetime
import errno
import io
import math
import os
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hdmea.utils.exceptions import ConfigurationError, ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.optional import optional_module
from hdmea.utils.text_files import read_bytes
from hdmea.utils.whole_file import whole_file

__all__ = ["TABLE_SUFFIXES", "as_written", "column_name", "read_rows", "tabbed", "write_csv", "write_xlsx"]

_ASCII = {
    "µ": "u",
    "μ": "u",
    "²": "2",
    "³": "3",
    "°": "deg",
    "%": "percent",
    "σ": "sigma",
    "Ω": "ohm",
    "^": "",
    "/": "_per_",
    "−": "-",
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_UNPACKED: Final = 512 << 20
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
    content = read_bytes(path)
    suffix = path.suffix.lower()
    if suffix in _OTHER:
        raise ValidationError(
            f"{path.name} is a table in a format that is not read.",
            path=path,
            fix=Advice("Save it as .xlsx or .csv."),
        )
    rows = _workbook(path, content) if suffix in _EXCEL else _text(path, content)
    titles: list[str] | None = None
    for number, row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if titles is None:
            titles = cells
            twice = next((title for title in cells if title and cells.count(title) > 1), None)
            if twice is not None:
                raise ValidationError(
                    f"{path.name} has two columns “{twice}”.", path=path, fix=Advice("Rename one of them.")
                )
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


def _text(path: Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
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
        raise ValidationError(
            f"{path.name} is not a table: {error}.", path=path, fix=Advice("Save it as CSV text or .xlsx.")
        ) from error


def _workbook(path: Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigurationError(
            "Excel tables need the package “openpyxl”, which is not installed.",
            fix=Advice("Save the table as .csv, or install it: pip install hdmea-studio[excel]."),
        ) from error
    with warnings.catch_warnings():
        # Of styles and drop-down lists, which do not matter here.
        warnings.simplefilter("ignore", UserWarning)
        try:
            # Not the file itself: a spreadsheet program may want to save it meanwhile.
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                unpacked = sum(entry.file_size for entry in packed.filelist)
            if unpacked > _MOST_UNPACKED:
                raise ValueError(f"it unpacks to {unpacked:,} bytes")
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            rows = list(book.worksheets[0].iter_rows(values_only=True)) if book.worksheets else []
        except Exception as error:
            # A damaged workbook raises whatever its XML leads to.
            raise ValidationError(
                f"{path.name} cannot be read as a workbook: it is damaged, or protected.",
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


def column_name(name: str, unit: str = "") -> str:
    """Return a name that every program takes for a column: letters, digits, ``_`` and ``.`` only.

    Parameters
    ----------
    name
        ``feature.output``, or the name of a quantity in a view.
    unit
        Physical unit, which is added in small letters unless the name says it already: ``rate`` in Hz is
        ``rate_hz``, ``median_isi_ms`` in ms stays what it is.
    """
    plain = _plain(name.replace("[", ".").replace("]", ""))
    spelt = _plain(unit.lower())
    last = plain.rpartition(".")[2].lower()
    if not spelt or last.endswith("_n") or _says(last, spelt) or _says(last, spelt.replace("_per_", "_")):
        return plain
    return f"{plain}_{spelt}"


def _plain(text: str) -> str:
    for sign, letters in _ASCII.items():
        text = text.replace(sign, letters)
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9_.]+", "_", ascii_only)).strip("_")


def _says(name: str, unit: str) -> bool:
    """Return whether a name has the words of a unit one after the other; one unit or many are the same."""
    words, wanted = ([part.removesuffix("s") or part for part in text.split("_")] for text in (name, unit))
    return any(words[at : at + len(wanted)] == wanted for at in range(len(words)))


def as_written(value: object) -> object:
    """Return what a text file has for a value: numbers with all digits, nothing for what is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return repr(value) if isinstance(value, float) else value


def tabbed(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as text that a spreadsheet takes from the clipboard: tabs between cells, a line per row.

    Parameters
    ----------
    titles, rows
        As of `write_csv`; tabs and line breaks inside texts become blanks.
    """
    lines = ([" ".join(str(as_written(cell)).split()) for cell in line] for line in (titles, *rows))
    return "".join("\t".join(line) + "\n" for line in lines)


def write_csv(path: Path, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table: commas between the cells, a point in numbers, UTF-8; whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    titles
        First row.
    rows
        All others: numbers are written with all their digits, None and NaN as empty cells. A text that a
        spreadsheet would run as a formula gets an apostrophe before it.

    Raises
    ------
    OSError
        If it cannot be written, or its folder does not exist; what was there before is still there.
    """
    if not path.parent.is_dir():
        # A drive that was unplugged: its folder is not to be made elsewhere.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    with whole_file(path) as file:
        # The byte order mark tells spreadsheets that µ is UTF-8.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        writer = csv.writer(text)
        writer.writerow(titles)
        writer.writerows(map(as_written, row) for row in rows)
        text.detach()


def write_xlsx(path: Path, sheets: Mapping[str, tuple[Sequence[str], Iterable[Sequence[object]]]]) -> None:
    """Write tables as the sheets of an Excel workbook: numbers as numbers, texts as texts, never formulas.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    sheets
        Name of a sheet to its titles and rows; None and NaN are empty cells, infinite numbers are texts.

    Raises
    ------
    ConfigurationError
        If the package openpyxl is not installed.
    OSError
        If it cannot be written.
    """
    openpyxl = optional_module("openpyxl", "excel", "An Excel file")
    cells = optional_module("openpyxl.cell", "excel", "An Excel file")
    illegal = optional_module("openpyxl.cell.cell", "excel", "An Excel file").ILLEGAL_CHARACTERS_RE
    styles = optional_module("openpyxl.styles", "excel", "An Excel file")
    book = openpyxl.Workbook(write_only=True)
    for name, (titles, rows) in sheets.items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"

        def cell(value: object, *, bold: bool = False, sheet: Any = sheet) -> Any:
            if value is None or (isinstance(value, float) and math.isnan(value)):
                return None
            if isinstance(value, float) and math.isinf(value):
                value = str(value)
            if not isinstance(value, str):
                return value
            made = cells.WriteOnlyCell(sheet, illegal.sub("", value))
            # Else a text that begins with "=" becomes a formula.
            made.data_type = "s"
            if bold:
                made.font = styles.Font(bold=True)
            return made

        sheet.append([cell(title, bold=True) for title in titles])
        for row in rows:
            sheet.append([cell(value) for value in row])
    # Not to the file itself: a drive that is full leaves the library with an archive that it cannot close.
    content = io.BytesIO()
    book.save(content)
    path.write_bytes(content.getbuffer())
