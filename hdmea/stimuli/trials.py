"""Trials of a movie, and the spikes in them as index ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.definition import SectionKwargs
from hdmea.stimuli.regularity import frame_regularity

__all__ = ["Trials", "movie_trials", "pad_samples", "section_trials", "trial_ranges", "trial_windows"]

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trials:
    """Trials of all occurrences of a movie, numbered on.

    Attributes
    ----------
    samples
        int64 (n_trials, 2): first and last + 1 sample, without pads.
    frames
        int64 (n_trials, 2): the same in frames; empty (0, 2) for trials that are defined in samples.
    number
        int64 (n_trials,): number of the trial; numbers of dropped trials are left out.
    section
        int64 (n_trials,): row of the section that the trial belongs to.
    frame_shift
        int64 (n_trials, 2): missing minus double flips before the trial's first and last frame.
    warnings
        Dropped and irregular trials.
    """

    samples: Int64Array
    frames: Int64Array
    number: Int64Array
    section: Int64Array
    frame_shift: Int64Array
    warnings: tuple[str, ...]


def movie_trials(
    movie: str,
    content_frame: npt.ArrayLike,
    frame_shift: npt.ArrayLike,
    layout: SectionKwargs,
    frames: npt.NDArray[Any],
    segments: npt.ArrayLike | None,
    late_at: npt.ArrayLike | None = None,
) -> Trials:
    """Return the trials of a movie: they depend on content frames only, never on margins or clipping.

    Trial n of an occurrence covers frames
    ``[content + start + n * length + (n // repeat) * group_gap, ... + length)``. A trial that is not
    in the recorded frames, or not in the same recorded range as the content frame, is dropped with a
    warning: across a gap frames cannot be counted.

    Parameters
    ----------
    movie
        Name of the movie, for messages.
    content_frame, frame_shift
        (n_occurrences,): content frame of each occurrence and its shift by irregular flips.
    layout
        The definition's section_kwargs.
    frames
        (n_frames,) samples, ascending.
    segments
        (n, 2) recorded ranges of samples, or None.
    late_at
        (k,) samples of the frames before intervals that are late frames, as in `frame_regularity`.
    """
    times = np.asarray(frames).astype(np.int64)
    regularity = frame_regularity(times, segments, late_at)
    content = np.atleast_1d(np.asarray(content_frame, dtype=np.int64))
    within = np.arange(layout.n_trials, dtype=np.int64)
    starts = (
        layout.start_frame + within * layout.trial_length_frame + (within // layout.repeat) * layout.group_gap
    )
    first = (content[:, None] + starts).ravel()
    bounds = np.column_stack((first, first + layout.trial_length_frame))
    section = np.repeat(np.arange(content.size, dtype=np.int64), layout.n_trials)
    run_ends = regularity.runs[:, 1]
    run = np.searchsorted(run_ends, bounds, side="right")
    own_run = np.searchsorted(run_ends, content, side="right")[section][:, None]
    inside = (bounds[:, 0] >= 0) & (bounds[:, 1] < times.size) & (run == own_run).all(axis=1)
    kept = np.flatnonzero(inside)
    bounds, section = bounds[kept], section[kept]
    shift = regularity.shift[bounds] - regularity.shift[content[section]][:, None]
    shift += np.atleast_1d(np.asarray(frame_shift, dtype=np.int64))[section][:, None]
    warnings = [*_dropped(movie, inside), *_shifted(movie, kept, shift)]
    return Trials(times[bounds], bounds, kept, section, shift, tuple(warnings))


def section_trials(sections: npt.ArrayLike) -> Trials:
    """Return trials that are defined in samples: one per section, with its bounds."""
    samples = np.asarray(sections, dtype=np.int64).reshape(-1, 2)
    number = np.arange(len(samples), dtype=np.int64)
    return Trials(samples, np.empty((0, 2), np.int64), number, number, np.zeros_like(samples), ())


def pad_samples(pad_margin: tuple[float, float], fs: float) -> tuple[int, int]:
    """Return the pads before and after a trial in samples, from seconds and the rate in Hz."""
    return round(pad_margin[0] * fs), round(pad_margin[1] * fs)


def trial_windows(trial_time: Int64Array, pre_samples: int, post_samples: int) -> npt.NDArray[np.uint64]:
    """Return ``[t0 - pre, t1 + post)`` of each trial as uint64 (n_trials, 2), cut off at sample 0."""
    padded = trial_time + np.array([-pre_samples, post_samples], dtype=np.int64)
    return np.maximum(padded, 0).astype(np.uint64)


def trial_ranges(spike_times: npt.NDArray[Any], windows: npt.NDArray[np.uint64]) -> Int64Array:
    """Return the spikes in each window as half-open index ranges.

    Parameters
    ----------
    spike_times
        (n_spikes,) samples, ascending, any integer type.
    windows
        (n_trials, 2) from `trial_windows`.

    Returns
    -------
    ndarray
        int64 (n_trials, 2): ``spike_times[first:last]`` are the spikes with ``t0 - pre <= s < t1 + post``.
    """
    # Mixed signed and unsigned types would be compared as floats, on a copy of the whole train.
    bounds = windows.astype(spike_times.dtype, copy=False)
    return np.searchsorted(spike_times, bounds).astype(np.int64, copy=False)


def _dropped(movie: str, inside: npt.NDArray[np.bool_]) -> list[str]:
    lost = np.flatnonzero(~inside)
    if lost.size == 0:
        return []
    return [
        f"{movie}: {lost.size} of {inside.size} trials are not within the recorded frames of the segment in "
        f"which the movie begins, and are dropped (trials {_listed(lost)})."
    ]


def _shifted(movie: str, number: Int64Array, shift: Int64Array) -> list[str]:
    concerned = number[shift.any(axis=1)]
    if concerned.size == 0:
        return []
    return [
        f"{movie}: missing or double display flips shift {concerned.size} of {number.size} trials "
        f"(trials {_listed(concerned)})."
    ]


def _listed(numbers: Int64Array) -> str:
    shown = ", ".join(map(str, numbers[:10].tolist()))
    return f"{shown}, …" if numbers.size > 10 else shown
