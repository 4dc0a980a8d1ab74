"""Spikes that each sweep of a moving bar evokes: maintained rate, windows, counts.

Pure functions on counts per display frame, vectorised over units. The window is the same for all directions,
and that of a repetition comes from the other repetitions, so that nothing is chosen by what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blank", "blank_rate", "common_windows", "repetition_windows", "window_counts"]

_BIN_S = 0.05
_WIDTH_SD = 3.0
_MIN_BLANK_S = 2.0
_LONG_BINS = 4
_APART_S = 0.5
_TIE = 1e-9

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Blank:
    """Maintained activity, from frames without a bar; arrays (units,).

    Attributes
    ----------
    rate, rate_se
        Spikes per frame, and the standard error; NaN where no frames are known.
    bin_variance
        Variance of the counts of single bins of 50 ms.
    bin_frames
        Frames of such a bin.
    """

    rate: Floats
    rate_se: Floats
    bin_variance: Floats
    bin_frames: int


def blank_rate(counts: Ints, blank: NDArray[np.bool_], frame_duration: float) -> Blank:
    """Maintained activity of each unit.

    Parameters
    ----------
    counts
        (units, trials, frames) spikes in display frames.
    blank
        (trials, frames) or (units, trials, frames): whether nothing but the background is shown.
    frame_duration
        Seconds.

    Returns
    -------
    Blank
        NaN for units with less than 2 s of blank frames. The standard error comes from the counts of half
        seconds, at least that of a Poisson process.
    """
    n_units = len(counts)
    mask = np.broadcast_to(blank, counts.shape)
    frames = mask.sum(axis=(1, 2)).astype(np.float64)
    enough = frames * frame_duration >= _MIN_BLANK_S
    safe = np.where(enough, frames, 1.0)
    spikes = np.where(mask, counts, 0).sum(axis=(1, 2))
    rate = np.where(enough, spikes / safe, np.nan)
    small, _ = _bins(counts, mask, max(round(_BIN_S / frame_duration), 1), rate)
    long, n_long = _bins(counts, mask, max(round(_APART_S / frame_duration), 1), rate)
    per_frame = max(round(_APART_S / frame_duration), 1)
    # Slow fluctuations make a mean less certain than its count says.
    variance = np.maximum(long, rate * per_frame) / np.maximum(n_long, 1) / per_frame**2
    se = np.where(enough & (n_long > 1), np.sqrt(variance), np.nan)
    se = np.where(enough & ~(n_long > 1), np.sqrt(np.maximum(rate, 0.0) / safe), se)
    assert rate.shape == (n_units,)
    return Blank(rate, se, small, max(round(_BIN_S / frame_duration), 1))


def _bins(counts: Ints, mask: NDArray[np.bool_], width: int, rate: Floats) -> tuple[Floats, Floats]:
    """Variance of the counts of bins that are blank throughout about the mean, and how many there are."""
    n_bins = counts.shape[-1] // width
    shape = (*counts.shape[:-1], n_bins, width)
    whole = mask[..., : n_bins * width].reshape(shape).all(axis=-1)
    sums = counts[..., : n_bins * width].reshape(shape).sum(axis=-1)
    squares = np.where(whole, np.square(sums - np.nan_to_num(rate)[:, None, None] * width), 0.0)
    n = whole.sum(axis=(1, 2)).astype(np.float64)
    return np.asarray(squares.sum(axis=(1, 2)) / np.maximum(n - 1, 1)), n


def repetition_windows(sweeps: Ints, blank: Blank) -> Ints:
    """Window of each repetition, from the others.

    The hull of all places where the other repetitions leave the maintained rate by 3 standard deviations in
    two consecutive bins: bins of 50 ms of the mean over all directions, and bins of 200 ms of each direction
    by itself. (A bar that crosses a receptive field far from the middle does so at another time in each
    direction: the mean over all of them hides it, and a window without it would make the unit tuned.)

    Parameters
    ----------
    sweeps
        (units, repetitions, directions, frames) spikes in display frames of each sweep.
    blank
        Maintained activity.

    Returns
    -------
    numpy.ndarray
        int64 (units, repetitions, 2): half-open frames of a sweep; (0, 0) for a unit without a place. A
        repetition without one has the hull of those of the unit's other repetitions. With a single
        repetition the whole sweep.
    """
    n_units, n_reps, n_dirs, n_frames = sweeps.shape
    if n_reps < 2:
        return np.broadcast_to(np.array([0, n_frames], np.int64), (n_units, n_reps, 2)).copy()
    others = sweeps.sum(axis=1, keepdims=True) - sweeps
    width = blank.bin_frames
    together = _places(others.sum(axis=2, keepdims=True), n_dirs * (n_reps - 1), width, 1, blank)
    single = _places(others, n_reps - 1, width, _LONG_BINS, blank)
    low = np.minimum(together[0], single[0])
    high = np.maximum(together[1], single[1])
    found = high > 0
    hull = np.stack((low.min(axis=1), high.max(axis=1)), axis=-1)[:, None, :]
    windows = np.where(found[..., None], np.stack((low, high), axis=-1), hull)
    windows[~found.any(axis=1)] = 0
    return np.asarray(windows, np.int64)


def _places(others: Ints, n_sweeps: int, width: int, factor: int, blank: Blank) -> tuple[Ints, Ints]:
    """First frame and the one after the last (units, repetitions) of what differs; (frames, 0) if nothing."""
    n_frames = others.shape[-1]
    bin_frames = width * factor
    n_bins = n_frames // bin_frames
    if n_bins < 2:
        return np.full(others.shape[:2], n_frames), np.zeros(others.shape[:2], np.int64)
    binned = others[..., : n_bins * bin_frames].reshape(*others.shape[:-1], n_bins, bin_frames).sum(axis=-1)
    expected = n_sweeps * blank.rate * bin_frames
    # Silence varies too: at least as a Poisson process; and one spike alone is nothing.
    variance = n_sweeps * np.maximum(blank.bin_variance * factor, blank.rate * bin_frames)
    band = np.maximum(_WIDTH_SD * np.sqrt(variance), 1.0) * (1 + _TIE)
    away = np.abs(binned - expected[:, None, None, None]) > band[:, None, None, None]
    pair = (away[..., :-1] & away[..., 1:]).any(axis=2)
    first, last = pair.argmax(axis=-1), n_bins - pair[..., ::-1].argmax(axis=-1)
    some = pair.any(axis=-1)
    return np.where(some, first * bin_frames, n_frames), np.where(some, last * bin_frames, 0)


def common_windows(crossings: Ints, n_frames: int) -> Ints:
    """Windows of one length for all sweeps, that of the longest crossing, centred on each crossing.

    Parameters
    ----------
    crossings
        (..., 2) half-open frames of each sweep in which the bar crosses the receptive field.
    n_frames
        Frames of a sweep; a window that would leave it is moved inside.
    """
    length = min(int(np.diff(crossings, axis=-1).max()), n_frames)
    start = (crossings.sum(axis=-1) - length + 1) // 2
    start = np.clip(start, 0, n_frames - length)
    return np.asarray(np.stack((start, start + length), axis=-1), np.int64)


def window_counts(sweeps: Ints, windows: Ints) -> Ints:
    """Spikes in the window of each sweep.

    Parameters
    ----------
    sweeps
        (units, repetitions, directions, frames).
    windows
        (units, repetitions, directions, 2) half-open frames.

    Returns
    -------
    numpy.ndarray
        int64 (units, repetitions, directions).
    """
    total = np.zeros((*sweeps.shape[:-1], sweeps.shape[-1] + 1), np.int64)
    np.cumsum(sweeps, axis=-1, out=total[..., 1:])
    return np.asarray(np.diff(np.take_along_axis(total, windows, axis=-1), axis=-1)[..., 0], np.int64)
