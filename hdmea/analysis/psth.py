"""Peri-stimulus time histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Psth", "bin_width_for", "psth"]

_WIDTHS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Psth:
    """Firing rate over the time of a trial.

    Attributes
    ----------
    edges_s
        float64 (n_bins + 1), seconds from the begin of the trial.
    rate
        float64 (n_bins), Hz: mean over trials; NaN without trials.
    sem
        float64 (n_bins), Hz: standard error of that mean; NaN below two trials.
    n_trials
        Number of trials.
    """

    edges_s: NDArray[np.float64]
    rate: NDArray[np.float64]
    sem: NDArray[np.float64]
    n_trials: int


def bin_width_for(duration_s: float, most_bins: int = 250) -> float:
    """Return the finest width of bins, in seconds, that cuts a trial into at most `most_bins`."""
    return next((width for width in _WIDTHS_S if duration_s / width <= most_bins), _WIDTHS_S[-1])


def psth(trials_s: Sequence[NDArray[np.floating]], start_s: float, stop_s: float, bin_s: float) -> Psth:
    """Return the mean firing rate over trials.

    Parameters
    ----------
    trials_s
        Spike times of each trial in seconds from its begin.
    start_s, stop_s
        Stretch of time; spikes outside are not counted. The last bin is left out unless it is whole.
    bin_s
        Width of the bins in seconds.

    Raises
    ------
    ValueError
        If the width is not positive or does not fit.
    """
    n_bins = int(np.floor(np.round((stop_s - start_s) / bin_s, 6))) if bin_s > 0 else 0
    if n_bins < 1:
        raise ValueError("A PSTH needs a positive bin that is not longer than the trial.")
    edges: NDArray[np.float64] = start_s + np.arange(n_bins + 1) * np.float64(bin_s)
    counts = np.zeros((len(trials_s), n_bins))
    for row, times in enumerate(trials_s):
        # A spike on an edge must not change its bin by rounding.
        bins = np.floor(np.round((np.asarray(times) - start_s) / bin_s, 6)).astype(np.int64)
        inside = bins[(bins >= 0) & (bins < n_bins)]
        counts[row] = np.bincount(inside, minlength=n_bins)
    rates: NDArray[np.float64] = counts / bin_s
    nothing: NDArray[np.float64] = np.full(n_bins, np.nan)
    n = len(trials_s)
    sem = np.asarray(rates.std(axis=0, ddof=1) / np.sqrt(n), np.float64) if n > 1 else nothing
    rate = np.asarray(rates.mean(axis=0), np.float64) if n else nothing
    return Psth(edges, rate, sem, n)
