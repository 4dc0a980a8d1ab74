"""Inter-spike intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["IntervalHistogram", "interval_histogram"]


@dataclass(frozen=True)
class IntervalHistogram:
    """Histogram of the intervals between neighbouring spikes of one unit.

    Attributes
    ----------
    edges_ms
        float64 (n_bins + 1), milliseconds.
    counts
        int64 (n_bins): intervals in ``[edge, next edge)``.
    n_intervals
        Number of all intervals, also of those longer than the last edge.
    n_short
        Number of intervals shorter than `refractory_ms`.
    refractory_ms
        Refractory period that `n_short` refers to, milliseconds.
    """

    edges_ms: NDArray[np.float64]
    counts: NDArray[np.int64]
    n_intervals: int
    n_short: int
    refractory_ms: float

    @property
    def short_fraction(self) -> float:
        """Fraction of the intervals that are shorter than the refractory period; NaN without intervals."""
        return self.n_short / self.n_intervals if self.n_intervals else float("nan")


def interval_histogram(
    spike_times: NDArray[np.unsignedinteger],
    rate_hz: float,
    *,
    longest_ms: float = 100.0,
    bin_ms: float = 1.0,
    refractory_ms: float = 1.5,
) -> IntervalHistogram:
    """Count the inter-spike intervals of one unit.

    Parameters
    ----------
    spike_times
        Ascending spike times in samples, any integer type.
    rate_hz
        Acquisition rate in Hz, > 0.
    longest_ms, bin_ms
        Last edge and width of the bins in milliseconds.
    refractory_ms
        Intervals below this are counted as short.

    Returns
    -------
    IntervalHistogram
        All zero for fewer than two spikes.

    Raises
    ------
    ValueError
        If a rate or width is not positive.
    """
    if rate_hz <= 0 or bin_ms <= 0 or longest_ms < bin_ms:
        raise ValueError("An interval histogram needs a positive rate, a positive bin and a longer range.")
    edges = np.arange(round(longest_ms / bin_ms) + 1) * np.float64(bin_ms)
    samples: NDArray[np.int64] = np.asarray(spike_times).astype(np.int64)
    intervals = (samples[1:] - samples[:-1]) * np.float64(1000.0 / rate_hz)
    # The bin of an interval that is on an edge must not depend on rounding.
    bins = np.floor(np.round(intervals / bin_ms, 9)).astype(np.int64)
    counts = np.bincount(bins[bins < edges.size - 1], minlength=edges.size - 1).astype(np.int64)
    short = int(np.count_nonzero(np.round(intervals, 9) < refractory_ms))
    return IntervalHistogram(edges, counts, int(intervals.size), short, refractory_ms)
