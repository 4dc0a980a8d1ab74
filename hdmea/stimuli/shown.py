"""``<recording>.stimuli.json``: what was shown and when, as a list that a playlist is not needed for.

```json
[{"movie": "step_up_5s_5i_b0_3x", "content_frame": 180, "length": 2100, "source": "log"},
 {"movie": "baseline_127", "time_s": 52.3, "source": "hand"}]
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pydantic
from pydantic import Field

from hdmea.stimuli.playlist import movie_name_of
from hdmea.stimuli.sections import PlannedSection
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice
from hdmea.utils.text_files import read_json, regular_size
from hdmea.utils.validation import problems_in_file

__all__ = ["SHOWN_SUFFIX", "ShownMovie", "plan_shown", "read_shown", "shown_in_time"]

SHOWN_SUFFIX = ".stimuli.json"


class ShownMovie(pydantic.BaseModel):
    """One showing of a movie.

    Attributes
    ----------
    movie
        Name of the movie; a file name counts up to its first dot.
    content_frame, time_s
        When its first image was shown: display frame of the recording, or seconds from its start; one of
        them.
    length
        Frames that were shown; None: by movie_length.csv.
    occurrence
        Number of the showing from 1; None: counted in the order of the list.
    source
        Who says so.
    checked
        Whether the recorded light said so when the list was written.
    duration_s
        Seconds for which it was shown, in recordings without a display; with `time_s`.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="allow")

    movie: str = Field(min_length=1)
    content_frame: int | None = Field(None, ge=0)
    time_s: float | None = Field(None, ge=0, allow_inf_nan=False)
    length: int | None = Field(None, gt=0)
    occurrence: int | None = Field(None, ge=1)
    source: Literal["playlist", "light", "log", "hand"] = "hand"
    checked: bool = False
    duration_s: float | None = Field(None, gt=0, allow_inf_nan=False)

    @pydantic.field_validator("movie")
    @classmethod
    def _name(cls, value: str) -> str:
        return movie_name_of(value)

    @pydantic.model_validator(mode="after")
    def _one_time(self) -> ShownMovie:
        if (self.content_frame is None) == (self.time_s is None):
            raise ValueError("either content_frame or time_s must be given, not both")
        return self


def read_shown(path: str | Path) -> list[ShownMovie]:
    """Read the list of what was shown.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it is not a list of showings; the message names the first that is wrong.
    """
    path = Path(path)
    regular_size(path, "list of stimuli")
    content = read_json(path)
    if not isinstance(content, list) or not content:
        raise ConfigurationError(
            f"{path} is not a list of showings.",
            fix=Advice('Write it as [{"movie": ..., "content_frame": ...}, ...].'),
        )
    shown = []
    for number, entry in enumerate(content, start=1):
        try:
            shown.append(ShownMovie.model_validate(entry))
        except pydantic.ValidationError as error:
            said = problems_in_file(error, ShownMovie)
            raise ConfigurationError(
                f"{path}, showing {number}: {said}.", path=path, fix=Advice("Correct the file.")
            ) from error
    return shown


def plan_shown(
    shown: Sequence[ShownMovie],
    lengths: Mapping[str, int],
    frames: npt.ArrayLike,
    fs: float,
    *,
    pre_margin_frame_num: int = 60,
    post_margin_frame_num: int = 120,
) -> list[PlannedSection]:
    """Return the sections of a list of showings, in the order of time.

    Parameters
    ----------
    shown
        From `read_shown`.
    lengths
        Movie name to its length in frames, where a showing does not say it.
    frames
        (n_frames,) samples of the display frames; a time becomes the nearest one.
    fs
        Acquisition rate in Hz.
    pre_margin_frame_num, post_margin_frame_num
        Frames of the section before and after the movie.

    Raises
    ------
    ConfigurationError
        If the length of a movie is not known, or two showings of a movie have one number.
    """
    times = np.asarray(frames).astype(np.int64)
    placed = sorted(((_frame(entry, times, fs), entry) for entry in shown), key=lambda part: part[0])
    seen: Counter[str] = Counter()
    used: set[tuple[str, int]] = set()
    plan = []
    for content, entry in placed:
        length = entry.length if entry.length is not None else lengths.get(entry.movie)
        if length is None:
            raise ConfigurationError(
                f"The length of {entry.movie} is not known.",
                fix=Advice("Add its length to the list of stimuli or to movie_length.csv."),
            )
        seen[entry.movie] += 1
        occurrence = entry.occurrence or seen[entry.movie]
        if (entry.movie, occurrence) in used:
            raise ConfigurationError(
                f"The list of stimuli has {entry.movie} number {occurrence} twice.",
                fix=Advice("Remove one of them, or correct its occurrence."),
            )
        used.add((entry.movie, occurrence))
        end = content + post_margin_frame_num + length + 1
        plan.append(PlannedSection(entry.movie, occurrence, content - pre_margin_frame_num, content, end))
    return plan


def shown_in_time(shown: Sequence[ShownMovie], fs: float, n_samples: int) -> dict[str, npt.NDArray[np.int64]]:
    """Return the sections of a list that counts in seconds, for recordings without a display.

    Parameters
    ----------
    shown
        From `read_shown`; those without time and duration are left out.
    fs
        Acquisition rate in Hz.
    n_samples
        Length of the recording; what begins later is left out.

    Returns
    -------
    dict
        Movie name to int64 (n, 2): first and last + 1 sample of each showing, in the order of time.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for entry in sorted(shown, key=lambda entry: entry.time_s or 0.0):
        if entry.time_s is None or entry.duration_s is None:
            continue
        first = round(entry.time_s * fs)
        if first < n_samples:
            stop = min(round((entry.time_s + entry.duration_s) * fs), n_samples)
            found.setdefault(entry.movie, []).append((first, stop))
    return {movie: np.array(rows, np.int64) for movie, rows in found.items()}


def _frame(entry: ShownMovie, times: npt.NDArray[np.int64], fs: float) -> int:
    if entry.content_frame is not None:
        return entry.content_frame
    assert entry.time_s is not None
    return int(np.argmin(np.abs(times - entry.time_s * fs))) if times.size else 0
