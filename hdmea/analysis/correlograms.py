"""Autocorrelograms.

References
----------
Perkel D. H., Gerstein G. L., Moore G. P. (1967) Neuronal spike trains and stochastic point processes. I. The
single spike train. Biophys. J. 7: 391-418.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Autocorrelogram", "autocorrelogram"]


@dataclass(frozen=True)
class Autocorrelogram:
    """How often a unit fires at each lag before and after its own spikes.

    Attributes
    ----------
    edges_ms
        float64 (2 n + 1): edges of the bins, symmetric around 0, milliseconds.
    counts
        int64 (2 n): pairs of different spikes at each lag; symmetric. Spikes at the same time are counted on
        both sides of 0: duplicates are seen.
    rate
        float64 (2 n), Hz: counts / (number of spikes * width of a bin), the firing rate at a lag from a
        spike; NaN without spikes.
    """

    edges_ms: NDArray[np.float64]
    counts: NDArray[np.int64]
    rate: NDArray[np.float64]


def autocorrelogram(
    spike_times: NDArray[np.integer], rate_hz: float, *, window_ms: float = 50.0, bin_ms: float = 1.0
) -> Autocorrelogram:
    """Count the lags between all pairs of spikes of one unit.

    Positive lags are counted in bins ``[k * bin_ms, (k + 1) * bin_ms)``, as inter-spike intervals are, and
    mirrored: an edge is at lag 0, so that the refractory period is seen whole. A spike is not a neighbour of
    itself.

    Parameters
    ----------
    spike_times
        Ascending spike times in samples, any integer type.
    rate_hz
        Acquisition rate in Hz, > 0.
    window_ms, bin_ms
        Longest lag and width of the bins in milliseconds; the window is rounded to whole bins.

    Raises
    ------
    ValueError
        If a rate or width is not positive.
    """
    if rate_hz <= 0 or bin_ms <= 0 or window_ms < bin_ms:
        raise ValueError("An autocorrelogram needs a positive rate, a positive bin and a longer window.")
    n_bins = round(window_ms / bin_ms)
    samples = np.asarray(spike_times).astype(np.int64)
    after = _counts_after(samples, 1000.0 / rate_hz / bin_ms, n_bins)
    edges: NDArray[np.float64] = np.arange(-n_bins, n_bins + 1) * np.float64(bin_ms)
    counts = np.concatenate((after[::-1], after))
    width = samples.size * bin_ms / 1000.0
    rate = counts / width if samples.size else np.full(counts.size, np.nan)
    return Autocorrelogram(edges, counts, np.asarray(rate, np.float64))


def _counts_after(samples: NDArray[np.int64], bins_per_sample: float, n_bins: int) -> NDArray[np.int64]:
    """Pairs by lag; the k-th neighbours of those spikes are looked at whose (k-1)-th is in the window."""
    counts = np.zeros(n_bins, np.int64)
    firsts, k = np.arange(samples.size), 1
    while firsts.size:
        firsts = firsts[firsts + k < samples.size]
        lags = samples[firsts + k] - samples[firsts]
        # The bin of a lag that is on an edge must not depend on rounding.
        bins = np.floor(np.round(lags * bins_per_sample, 9)).astype(np.int64)
        inside = bins < n_bins
        counts += np.bincount(bins[inside], minlength=n_bins)
        firsts, k = firsts[inside], k + 1
    return counts
