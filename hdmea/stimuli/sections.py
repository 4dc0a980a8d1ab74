"""When each movie was shown: from playlist and movie lengths to frames, and from frames to samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.regularity import FrameRegularity, frame_regularity
from hdmea.utils.exceptions import ConfigurationError, ValidationError
from hdmea.utils.fixes import Advice, SetParameter

__all__ = [
    "AFTER_GAP",
    "PAD_FRAME",
    "LocatedSections",
    "MovieSections",
    "PlannedSection",
    "facts_of_section",
    "locate_sections",
    "parse_anchors",
    "plan_sections",
]

PAD_FRAME = 180
"""Frames before and after each movie unless something else is stated."""

AFTER_GAP = (
    "it begins after a gap in the recording, across which the number of display frames is unknown. "
    "Re-anchor it at the sample of its first image (light onset or digital event)."
)
"""Why an occurrence after a gap has no section."""

_PRE_MARGIN, _POST_MARGIN = 60, 120

Int64Array = npt.NDArray[np.int64]
Anchors = Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class PlannedSection:
    """One occurrence of a movie in a playlist; frames count from the first frame of the recording.

    Attributes
    ----------
    movie, occurrence
        Name of the movie, and how often it has come up to now (from 1).
    start, content, end
        Frame of the section's start, of the movie's first image, and of the section's end.
    """

    movie: str
    occurrence: int
    start: int
    content: int
    end: int

    @property
    def label(self) -> str:
        """How the occurrence is named in messages and anchors: ``movie`` or ``movie#2``."""
        return self.movie if self.occurrence == 1 else f"{self.movie}#{self.occurrence}"


@dataclass(frozen=True)
class MovieSections:
    """The located occurrences of one movie.

    Attributes
    ----------
    samples
        int64 (n, 2): first and last + 1 sample of each section.
    content_frame
        int64 (n,): frame of the movie's first image, index into the recording's frames.
    frame_shift
        int64 (n,): by how many frames the section starts too late (+) or too early (-), because flips
        before it are missing or double.
    occurrence
        int64 (n,): number of the occurrence in the playlist, from 1.
    """

    samples: Int64Array
    content_frame: Int64Array
    frame_shift: Int64Array
    occurrence: Int64Array


@dataclass
class LocatedSections:
    """What `locate_sections` found.

    Attributes
    ----------
    movies
        Movie name to its sections, in the order of first occurrence.
    refused
        Label of each occurrence without a section, with the reason.
    warnings
        What the user should know, refusals included.
    """

    movies: dict[str, MovieSections] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def plan_sections(
    movies: Sequence[str],
    lengths: Mapping[str, int],
    *,
    repeats: int = 1,
    pad_frame: int = PAD_FRAME,
    pre_margin_frame_num: int = _PRE_MARGIN,
    post_margin_frame_num: int = _POST_MARGIN,
) -> list[PlannedSection]:
    """Count frames through a playlist.

    With the counter c, from 0: ``start = c + pad - pre``, ``content = c + pad``,
    ``end = c + pad + post + length + 1``, then ``c += 2 * pad + length + 1``.

    Parameters
    ----------
    movies
        The playlist.
    lengths
        Movie name to its length in frames.
    repeats
        How often the whole playlist was shown.
    pad_frame
        Frames before and after each movie.
    pre_margin_frame_num, post_margin_frame_num
        Frames of the section before and after the movie.

    Raises
    ------
    ConfigurationError
        If the length of a movie is not known.
    """
    plan = []
    counter = 0
    seen: Counter[str] = Counter()
    for movie in list(movies) * repeats:
        if movie not in lengths:
            raise ConfigurationError(
                f"The length of {movie} is not known, so everything after it would be wrong.",
                fix=Advice("Add it to movie_length.csv."),
            )
        seen[movie] += 1
        content = counter + pad_frame
        end = content + post_margin_frame_num + lengths[movie] + 1
        plan.append(PlannedSection(movie, seen[movie], content - pre_margin_frame_num, content, end))
        counter += 2 * pad_frame + lengths[movie] + 1
    return plan


def parse_anchors(reanchor: Mapping[str, int], plan: Sequence[PlannedSection]) -> dict[tuple[str, int], int]:
    """Return anchors by movie and occurrence from ``{"movie": sample, "movie#2": sample}``.

    Raises
    ------
    ConfigurationError
        If the playlist has no such occurrence.
    """
    known = {label: (section.movie, section.occurrence) for section in plan for label in _labels(section)}
    unknown = [label for label in reanchor if label not in known]
    if unknown:
        raise ConfigurationError(
            f"The playlist has no {', '.join(unknown)} to re-anchor. It has: "
            f"{', '.join(section.label for section in plan)}.",
            parameter="reanchor",
            fix=SetParameter("reanchor"),
        )
    return {known[label]: sample for label, sample in reanchor.items()}


def locate_sections(
    plan: Sequence[PlannedSection],
    frames: npt.NDArray[Any],
    segments: npt.ArrayLike | None,
    *,
    anchors: Anchors | None = None,
    late_at: npt.ArrayLike | None = None,
    lags: Anchors | None = None,
) -> LocatedSections:
    """Turn planned sections into samples.

    Frames are counted from the first one. Across a data gap the number of missed frames is unknown, so an
    occurrence after it is refused, unless it or one between it and the gap has an anchor: the sample at
    which its first image was shown. From an anchor on frames are counted from there. A section that
    reaches outside the frames of its recorded range is clipped; its content frame never changes.

    Parameters
    ----------
    plan
        From `plan_sections`.
    frames
        (n_frames,) samples of the frames, ascending.
    segments
        (n, 2) recorded ranges of samples, or None.
    anchors
        Movie and occurrence to the sample of its content start; the nearest frame is taken.
    late_at
        (k,) samples of the frames before intervals that are late frames, as in `frame_regularity`.
    lags
        Movie and occurrence to the frames by which it was shown later than counted; those before the lag
        include missing flips, so that no shift is left.

    Raises
    ------
    ValidationError
        If no frame is within half an interval of an anchor, or anchors run backwards.
    """
    times = np.asarray(frames).astype(np.int64)
    regularity = frame_regularity(times, segments, late_at)
    located = LocatedSections()
    rows: dict[str, list[tuple[int, int, int, int, int]]] = {}
    offset, run, origin_shift = 0, 0, 0
    for section in plan:
        sample = (anchors or {}).get((section.movie, section.occurrence))
        if sample is not None:
            frame = _frame_at(sample, times, regularity.nominal_interval, section.label)
            if regularity.run_of(frame) < run:
                raise ValidationError(
                    f"The anchor of {section.label} is before the anchor of an earlier movie.",
                    parameter="reanchor",
                    fix=SetParameter("reanchor"),
                )
            offset, run = frame - section.content, regularity.run_of(frame)
            origin_shift = int(regularity.shift[frame])
        key = section.movie, section.occurrence
        lag = (lags or {}).get(key, 0)
        reason = _refusal(section.content + offset + lag, run, regularity, times.size)
        if reason:
            located.refused[section.label] = reason
            continue
        first, last = regularity.runs[run]
        start, end = section.start + offset + lag, section.end + offset + lag
        inside = max(start, int(first)), min(end, int(last) - 1)
        if inside != (start, end):
            located.warnings.append(_clipping(section.label, inside[0] - start, end - inside[1]))
        content = section.content + offset + lag
        shift = 0 if lags and key in lags else int(regularity.shift[content]) - origin_shift
        bounds = int(times[inside[0]]), int(times[inside[1]])
        rows.setdefault(section.movie, []).append((*bounds, content, shift, section.occurrence))
    located.movies = {movie: _columns(values) for movie, values in rows.items()}
    located.warnings += [f"{label} has no section: {reason}" for label, reason in located.refused.items()]
    located.warnings += _shift_messages(located.movies)
    return located


def _labels(section: PlannedSection) -> set[str]:
    return {section.label, f"{section.movie}#{section.occurrence}"}


def _frame_at(sample: int, times: Int64Array, interval: float, label: str) -> int:
    nearest = int(np.argmin(np.abs(times - sample))) if times.size else -1
    if nearest < 0 or not abs(int(times[nearest]) - sample) <= interval / 2:
        raise ValidationError(
            f"No display frame is within half an interval of sample {sample}, the anchor of {label}.",
            parameter="reanchor",
            fix=Advice(
                "Use the sample on the acquisition clock at which the first image of the movie was shown."
            ),
        )
    return nearest


def _refusal(content: int, run: int, regularity: FrameRegularity, n_frames: int) -> str | None:
    """Return why an occurrence cannot have a section, None if it can."""
    if n_frames == 0:
        return "the recording has no display frames."
    first, last = regularity.runs[run]
    if first <= content < last:
        return None
    if content < first:
        return "it begins before the first recorded frame."
    if run == len(regularity.runs) - 1:
        return f"it begins at frame {content}, the recording ends with frame {n_frames - 1}."
    return AFTER_GAP


def _clipping(label: str, at_start: int, at_end: int) -> str:
    parts = [
        f"{frames} frames at its {side}" for frames, side in ((at_start, "start"), (at_end, "end")) if frames
    ]
    return f"The section of {label} reaches outside the recorded frames: clipped by {' and '.join(parts)}."


def _columns(rows: list[tuple[int, int, int, int, int]]) -> MovieSections:
    table = np.array(rows, dtype=np.int64)
    columns = (np.ascontiguousarray(table[:, column]) for column in (2, 3, 4))
    return MovieSections(np.ascontiguousarray(table[:, :2]), *columns)


def _shift_messages(movies: Mapping[str, MovieSections]) -> list[str]:
    shifted = [
        f"{movie} ({', '.join(f'{shift:+d}' for shift in sections.frame_shift.tolist())})"
        for movie, sections in movies.items()
        if sections.frame_shift.any()
    ]
    if not shifted:
        return []
    return [
        "Missing or double display flips shift these sections by whole frames, unless frames were shown "
        f"late: {'; '.join(shifted)} (+: the section starts too late)."
    ]


def facts_of_section(section: Any, frame_timestamps: npt.ArrayLike) -> dict[str, Any]:
    """Return what is known of the sections of a movie: ``content_frame``, ``movie_length`` and more.

    Earlier programs store the samples of a section only. They begin it 60 frames before the movie and end it
    120 frames after, unless they were told otherwise.

    Parameters
    ----------
    section
        (n, 2) first sample and end of each section, with attributes or without.
    frame_timestamps
        Samples of the display frames.
    """
    attrs = dict(getattr(section, "attrs", {}))
    if "content_frame" in attrs:
        return attrs
    bounds = np.asarray(section).astype(np.int64).reshape(-1, 2)
    frames = np.asarray(frame_timestamps).astype(np.int64)
    first, last = np.searchsorted((frames[:-1] + frames[1:]) / 2, bounds).T
    content = first + _PRE_MARGIN
    lengths = last - content - _POST_MARGIN - 1
    return {
        **attrs,
        "content_frame": content,
        "movie_length": int(lengths.max(initial=0)),
        "frame_shift": np.zeros(len(content), np.int64),
    }
