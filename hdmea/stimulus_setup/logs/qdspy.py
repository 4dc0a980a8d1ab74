"""Logs of QDSpy (Euler laboratory): lines with a time of day and a dictionary about each stimulus."""

from __future__ import annotations

import ast
import datetime
import re
from pathlib import Path
from typing import Any

from hdmea.stimuli.playlist import movie_name_of
from hdmea.stimulus_setup.log import LoggedMovie, StimulusLog, log_reader
from hdmea.utils.text_files import read_text

__all__ = ["qdspy"]

_LINE = re.compile(r"(\d{8}_\d{6})\s+DATA\s+(\{.*\})\s*$")
_ENDED = {"FINISHED", "ABORTED"}
# What QDSpy shows between stimuli.
_IDLE = "__autorun"


@log_reader(name="qdspy", title="QDSpy", suffixes=(".log", ".txt"))
def qdspy(path: Path) -> StimulusLog | None:
    """Read which stimuli were started and when they ended; times are whole seconds of the day."""
    movies: list[LoggedMovie] = []
    running: tuple[str, float] | None = None
    origin: datetime.datetime | None = None
    for line in read_text(path).splitlines():
        found = _LINE.match(line.strip())
        said = None if found is None else _dictionary(found[2])
        if found is None or said is None or "stimState" not in said:
            continue
        when = datetime.datetime.strptime(found[1], "%Y%m%d_%H%M%S")
        origin = origin or when
        seconds = (when - origin).total_seconds()
        name = movie_name_of(str(said.get("stimFileName", "")))
        if said["stimState"] == "STARTED" and name and not name.startswith(_IDLE):
            running = name, seconds
        elif said["stimState"] in _ENDED and running is not None and running[0] == name:
            movies.append(LoggedMovie(name, running[1], max(seconds - running[1], 1.0)))
            running = None
    if running is not None:
        movies.append(LoggedMovie(*running))
    return StimulusLog(tuple(movies), "other") if origin is not None else None


def _dictionary(text: str) -> dict[str, Any] | None:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
