"""Firing rate over the whole recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RateCurve", "rate_bin_for", "rate_over_time"]

_WIDTHS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class RateCurve:
    """Firing rate of one unit over the recording.

    Attributes
    ----------
    edges_s
        float64 (n_bins + 1), seconds from the begin of the recording; the last is its end.
    rate
        float64 (n_bins), Hz: spikes / recorded time of the bin; NaN where less than half of it was recorded.
    """

    edges_s: NDArray[np.float64]
    rate: NDArray[np.float64]


def rate_bin_for(duration_s: float, most_bins: int = 150) -> float:
    """Return the finest round width of bins, in seconds, that cuts a recording into at most `most_bins`."""
    return next((width for width in _WIDTHS_S if duration_s / width <= most_bins), _WIDTHS_S[-1])


def rate_over_time(
    spike_times: NDArray[np.integer],
    rate_hz: float,
    duration_s: float,
    bin_s: float,
    segments: NDArray[np.integer] | None = None,
) -> RateCurve:
    """Return the firing rate in equal bins.

    Parameters
    ----------
    spike_times
        Ascending spike times in samples, any integer type.
    rate_hz
        Acquisition rate in Hz.
    duration_s
        Length of the recording in seconds; the last bin ends there.
    bin_s
        Width of the bins in seconds.
    segments
        (n, 2) first sample and last + 1 of each recorded part; None: all was recorded.

    Raises
    ------
    ValueError
        If a rate, a width or the duration is not positive.
    """
    if rate_hz <= 0 or bin_s <= 0 or duration_s <= 0:
        raise ValueError("A firing rate needs a positive acquisition rate, bin and duration.")
    n_bins = max(1, int(np.ceil(np.round(duration_s / bin_s, 6))))
    edges: NDArray[np.float64] = np.append(np.arange(n_bins) * np.float64(bin_s), duration_s)
    samples = np.ceil(np.round(edges * rate_hz, 6)).astype(np.int64)
    counts = np.diff(np.searchsorted(np.asarray(spike_times).astype(np.int64), samples))
    parts = np.array([[0, samples[-1]]]) if segments is None else np.asarray(segments).astype(np.int64)
    recorded = np.diff(_recorded_before(samples, parts)) / rate_hz
    enough = recorded >= _LEAST_SHARE * np.diff(edges)
    rate = np.full(n_bins, np.nan)
    np.divide(counts, recorded, out=rate, where=enough & (recorded > 0))
    return RateCurve(edges, rate)


def _recorded_before(samples: NDArray[np.int64], segments: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many samples were recorded before each of these."""
    starts, stops = segments[:, 0], segments[:, 1]
    return np.asarray(np.clip(samples[:, None] - starts, 0, stops - starts).sum(axis=1), np.int64)
