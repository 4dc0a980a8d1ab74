"""Logs as tables: a column with time or frame, and one with the name of the movie."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hdmea.stimuli.playlist import movie_name_of
from hdmea.stimulus_setup.log import LoggedMovie, StimulusLog, log_reader
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice
from hdmea.utils.text_files import read_text
from hdmea.utils.validation import parse_number

__all__ = ["table"]

_FRAME: Final = ("frame", "content_frame", "start_frame")
_TIME: Final = ("time_s", "time", "start_s", "start", "onset", "onset_s", "seconds", "t")
_NAME: Final = ("name", "movie", "movie_name", "stimulus", "stimulus_name", "file", "label")
_DURATION: Final = ("duration", "duration_s", "length", "frames", "n_frames")


@log_reader(name="table", title="table of time and name", suffixes=(".csv", ".tsv", ".txt"))
def table(path: Path) -> StimulusLog | None:
    """Read a table with a header (time_s or frame, name, perhaps duration), or of two columns without one."""
    rows = _rows(read_text(path))
    if not rows:
        return None
    header = [cell.lower() for cell in rows[0]]
    columns = {
        kind: next((header.index(name) for name in names if name in header), None)
        for kind, names in (("frame", _FRAME), ("time", _TIME), ("name", _NAME), ("duration", _DURATION))
    }
    place = columns["frame"] if columns["frame"] is not None else columns["time"]
    if place is None or columns["name"] is None:
        if not _is_number(rows[0][0]) or len(rows[0]) < 2:
            return None
        columns, place, first = {"frame": None, "name": 1, "duration": None}, 0, 1
    else:
        first = 2
    movies = [
        _entry(row, place, columns, f"{path}, line {number}")
        for number, row in enumerate(rows[first - 1 :], start=first)
    ]
    movies.sort(key=lambda entry: entry.start)
    return StimulusLog(tuple(movies), "seconds" if columns["frame"] is None else "frames")


def _rows(text: str) -> list[list[str]]:
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return [[cell.strip() for cell in row] for row in reader if any(cell.strip() for cell in row)]


def _entry(row: list[str], place: int, columns: Mapping[str, int | None], where: str) -> LoggedMovie:
    name = columns["name"]
    assert name is not None
    movie = movie_name_of(row[name]) if name < len(row) else ""
    if not movie:
        raise ConfigurationError(f"{where}: the movie has no name.", fix=Advice("Correct the log."))
    lasts = columns["duration"]
    duration = row[lasts] if lasts is not None and lasts < len(row) else ""
    return LoggedMovie(movie, _number(row[place], where), _number(duration, where) if duration else None)


def _number(text: str, where: str) -> float:
    try:
        value = float(parse_number(text))
    except ValueError as error:
        raise ConfigurationError(f"{where}: {text!r} is not a number.", fix=Advice("Correct it.")) from error
    if not 0 <= value < 1e12:
        raise ConfigurationError(f"{where}: {text!r} is not a time.", fix=Advice("Correct it."))
    return value


def _is_number(text: str) -> bool:
    try:
        parse_number(text)
    except ValueError:
        return False
    return True
