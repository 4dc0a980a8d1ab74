"""Long signals for display: the smallest and largest value of each column of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Envelope", "envelope", "trial_mean"]


@dataclass(frozen=True)
class Envelope:
    """A signal as a line that no longer hides single samples.

    Attributes
    ----------
    samples
        float64 (k,): place of each value on the clock of the signal; the middle of its block.
    values
        float32 (k,): all samples of a short stretch; else smallest and largest of each block, that first
        which is nearer to the block's first sample.
    """

    samples: NDArray[np.float64]
    values: NDArray[np.float32]


def envelope(signal: NDArray[Any], start: int, stop: int, columns: int) -> Envelope:
    """Return a stretch of a signal with at most about two values per column.

    Parameters
    ----------
    signal
        (n,) samples; NaN where nothing was recorded.
    start, stop
        Half-open stretch in samples; cut to the signal.
    columns
        Columns of pixels, >= 1.

    Returns
    -------
    Envelope
        Blocks that are NaN throughout stay NaN; other NaN are left out.
    """
    start = min(max(start, 0), signal.size)
    part = np.asarray(signal[start : max(stop, start)], np.float32)
    size = -(-part.size // max(1, columns))
    if size <= 2:
        return Envelope(start + np.arange(part.size, dtype=np.float64), part)
    firsts = np.arange(0, part.size, size)
    low, high = np.fmin.reduceat(part, firsts), np.fmax.reduceat(part, firsts)
    lasts = np.minimum(firsts + size, part.size)
    # Both at one place: upright strokes fill a dense signal, slanted ones leave gaps that do not exist.
    places = start + np.repeat((firsts + lasts - 1) / 2, 2)
    falls = part[firsts] - low > high - part[firsts]
    pairs = np.stack((np.where(falls, high, low), np.where(falls, low, high)), axis=1)
    return Envelope(places, pairs.ravel())


def trial_mean(signal: NDArray[Any], starts: NDArray[np.integer], length: int) -> NDArray[np.float32]:
    """Return the mean of a signal over trials.

    Parameters
    ----------
    signal
        (n,) samples.
    starts
        (n_trials,) first sample of each trial; a trial that is not in the signal is left out.
    length
        Samples of a trial.

    Returns
    -------
    numpy.ndarray
        float32 (length,); empty if no trial is in the signal.
    """
    parts = [
        signal[first : first + length] for first in starts.tolist() if 0 <= first <= signal.size - length
    ]
    if not parts or length < 1:
        return np.zeros(0, np.float32)
    return np.asarray(np.mean(np.stack(parts), axis=0, dtype=np.float64), np.float32)
