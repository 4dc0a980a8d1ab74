"""What the log of a stimulus program says, and where that is in a recording.

A reader for another format is one file, or a package with the entry-point group ``hdmea.stimulus_logs``:

```python
from pathlib import Path

from hdmea.stimulus_setup.log import LoggedMovie, StimulusLog, log_reader


@log_reader(name="mine", title="My program", suffixes=(".txt",))
def mine(path: Path) -> StimulusLog | None:
    if not path.read_text(encoding="utf-8").startswith("MINE"):
        return None
    return StimulusLog((LoggedMovie("flash", 12.5),), "seconds")
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hdmea.declare.registry import Registry
from hdmea.stimuli.alignment import CHANCE, LightFit, is_informative
from hdmea.stimulus_setup.blocks import Block, By, numbered
from hdmea.stimulus_setup.recorded import RecordedStimulus
from hdmea.utils.exceptions import ConfigurationError, MismatchError, MissingFileError
from hdmea.utils.fixes import Advice

__all__ = [
    "LOG_READERS",
    "LogReader",
    "LoggedMovie",
    "PlacedLog",
    "StimulusLog",
    "log_reader",
    "place_log",
    "read_log",
]

_TOGETHER_S = 2.5
_LEAST_EXPLAINED = 0.3
_DEFAULT_S = 5.0


@dataclass(frozen=True)
class LoggedMovie:
    """One showing of a movie by a log.

    Attributes
    ----------
    movie
        Name of the movie.
    start
        When it began: in seconds, or display frames, by the log.
    duration
        How long it was shown, in the same unit; None where the log does not say it.
    """

    movie: str
    start: float
    duration: float | None = None


@dataclass(frozen=True)
class StimulusLog:
    """What a log says.

    Attributes
    ----------
    movies
        In the order of time.
    clock
        "frames": display frames of the recording; "seconds": seconds, from the start of the recording unless
        the light says otherwise; "other": seconds of another clock, of which only differences count.
    """

    movies: tuple[LoggedMovie, ...]
    clock: Literal["frames", "seconds", "other"]


@dataclass(frozen=True)
class LogReader:
    """A format of logs; `read` returns None for a file of another format."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], StimulusLog | None]

    @property
    def module(self) -> str:
        """Name of the module that declares it."""
        return self.read.__module__


LOG_READERS: Registry[LogReader] = Registry(
    "hdmea.stimulus_logs", LogReader, "hdmea.stimulus_setup.logs", "reader of logs"
)
"""Every format of logs: ours, those of installed packages, and those of a user's own files."""


def log_reader(
    *, name: str, title: str, suffixes: Sequence[str]
) -> Callable[[Callable[[Path], StimulusLog | None]], LogReader]:
    """Declare the decorated function as a reader of logs.

    Parameters
    ----------
    name, title
        What programs and users call the format.
    suffixes
        Endings of its files.
    """

    def declare(read: Callable[[Path], StimulusLog | None]) -> LogReader:
        return LogReader(name, title, tuple(suffixes), read)

    return declare


def read_log(path: str | Path) -> StimulusLog:
    """Read a log in the first format that recognises it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If no format recognises it, or it says nothing of any movie.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"The log {path} does not exist.", path=path, fix=Advice("Check the path."))
    for reader in LOG_READERS:
        if path.name.lower().endswith(reader.suffixes):
            found = reader.read(path)
            if found is not None and found.movies:
                return found
    known = ", ".join(f"{reader.title} ({', '.join(reader.suffixes)})" for reader in LOG_READERS)
    raise ConfigurationError(
        f"{path} is not a log that says when movies were shown. Known formats: {known}.",
        path=path,
        fix=Advice("Write it as a table with the columns time_s and name."),
    )


@dataclass(frozen=True)
class PlacedLog:
    """A log in a recording.

    Attributes
    ----------
    blocks
        What was shown.
    said
        How the log was placed, in one sentence.
    """

    blocks: tuple[Block, ...]
    said: str


def place_log(log: StimulusLog, known: RecordedStimulus) -> PlacedLog:
    """Return where the movies of a log are in a recording.

    The clock of the log is shifted such that most of its movies fit the recorded light; then each movie whose
    levels change is moved to where its light is within 3 s. Without such movies the first one begins with the
    first digital event, otherwise the log counts from the start of the recording.

    Parameters
    ----------
    log
        From `read_log`.
    known
        The recording, from `look_at`.

    Raises
    ------
    MismatchError
        If nothing of the log was shown during the recording.
    """
    interval = known.light.interval_s
    if log.clock == "frames":
        shift, said = 0.0, "by its display frames"
        frames = [round(entry.start) for entry in log.movies]
        durations = [entry.duration for entry in log.movies]
    else:
        shift, said = _shift(log, known)
        frames = [known.frame_at(entry.start + shift) for entry in log.movies]
        durations = [None if entry.duration is None else entry.duration / interval for entry in log.movies]
    fit = LightFit(known.light)
    last = known.time_s(known.n_frames - 1)
    blocks: list[Block] = []
    for number, (entry, frame, duration) in enumerate(zip(log.movies, frames, durations, strict=True)):
        outside = frame >= known.n_frames if log.clock == "frames" else not 0 <= entry.start + shift <= last
        if outside:
            continue
        following = frames[number + 1] if number + 1 < len(frames) else known.n_frames
        length = known.length_of(entry.movie) or (None if duration is None else round(duration))
        length = max(length or min(round(_DEFAULT_S / interval), following - frame), 1)
        if log.clock == "frames":
            blocks.append(Block(entry.movie, frame, length, "log"))
        else:
            place, by, r = _refined(fit, known, entry.movie, frame)
            blocks.append(Block(entry.movie, place, length, by, r))
    if not blocks:
        raise MismatchError(
            "Nothing of this log was shown during the recording.",
            path=known.recording,
            fix=Advice("Check that the log is of this recording."),
        )
    left_out = len(log.movies) - len(blocks)
    more = f"; {left_out} entries are outside of the recording" if left_out else ""
    return PlacedLog(numbered(_apart(blocks), known.events), f"{len(blocks)} movies, placed {said}{more}")


def _shift(log: StimulusLog, known: RecordedStimulus) -> tuple[float, str]:
    """Return the seconds to add to the clock of a log, and why."""
    fit = LightFit(known.light)
    votes: list[float] = []
    for entry in log.movies:
        course = known.courses.get(entry.movie)
        if course is None or not is_informative(course.levels) or known.clock == "time":
            continue
        explained = np.nan_to_num(fit.everywhere(course.levels))
        if not explained.size or explained.max() < max(_LEAST_EXPLAINED, np.percentile(explained, CHANCE)):
            continue
        # Each showing of a movie may be any place at which it fits as well.
        good = np.flatnonzero(explained >= 0.9 * explained.max())
        votes += [known.time_s(int(place)) - entry.start for place in good]
    if votes:
        times = np.sort(votes)
        counts = np.searchsorted(times, times + _TOGETHER_S, side="right") - np.arange(times.size)
        best = int(np.argmax(counts))
        group = times[best : best + int(counts[best])]
        return float(np.median(group)), "by the recorded light"
    if log.clock == "seconds":
        return 0.0, "by its times from the start of the recording"
    first = known.time_s(int(known.events[0])) if known.events.size else known.time_s(0)
    why = (
        "with its first movie at the first digital event" if known.events.size else "from the first frame on"
    )
    return first - log.movies[0].start, why


def _refined(fit: LightFit, known: RecordedStimulus, movie: str, frame: int) -> tuple[int, By, float]:
    """Return where the light of a movie is near a frame, who says so, and the correlation."""
    course = known.courses.get(movie)
    if course is None or not is_informative(course.levels) or known.clock == "time":
        return frame, "log", float("nan")
    places, values = fit.near(course.levels, frame, known.light.search)
    if not values.size or not np.isfinite(values).any():
        return frame, "log", float("nan")
    best = int(np.nanargmax(values))
    if values[best] < _LEAST_EXPLAINED:
        return frame, "log", float("nan")
    return int(places[best]), "light", float(np.sqrt(values[best]))


def _apart(blocks: Sequence[Block]) -> list[Block]:
    """Return blocks that do not overlap: one that reaches into the next ends before it."""
    ordered = sorted(blocks, key=lambda block: block.content_frame)
    found: list[Block] = []
    for block in ordered:
        if found and found[-1].overlaps(block):
            before = found.pop()
            length = block.content_frame - before.content_frame
            if length > 0:
                found.append(Block(before.movie, before.content_frame, length, before.by, before.r))
        found.append(block)
    return found
