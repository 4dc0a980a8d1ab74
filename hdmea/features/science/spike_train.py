"""Numbers that describe one spike train: intervals, contamination, stability, detection.

All functions are pure and return NaN where the data do not determine the number.

References
----------
Shinomoto S., Shima K., Tanji J. (2003) Differences in spiking patterns among cortical neurons. Neural
Computation 15: 2823-2842 (local variation).
Hill D. N., Mehta S. B., Kleinfeld D. (2011) Quality metrics to accompany spike sorting of extracellular
signals. J. Neurosci. 31: 8699-8705 (violations of the refractory period, amplitude cutoff).
Llobet V., Wyngaard A., Barbour B. (2022) Automatic post-processing and merging of multiple spike-sorting
analyses with Lussac. bioRxiv 2022.02.08.479192 (contamination from short intervals).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "amplitude_cutoff",
    "binned_rate",
    "coefficient_of_variation",
    "intervals",
    "isi_violation_ratio",
    "local_variation",
    "presence_ratio",
    "recorded_time",
    "sliding_rp_contamination",
]

MIN_AMPLITUDES = 500
_CUTOFF_BINS = 100
_CUTOFF_SMOOTHING_BINS = 3.0


def recorded_time(spikes: NDArray[np.int64], segments: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the samples that had been recorded before each spike, without spikes outside all segments.

    Parameters
    ----------
    spikes
        Ascending samples on the acquisition clock.
    segments
        int64 (n, 2): recorded parts, ascending, not overlapping.
    """
    before = np.concatenate([[0], np.cumsum(segments[:, 1] - segments[:, 0])])[:-1]
    index = np.searchsorted(segments[:, 0], spikes, side="right") - 1
    inside = (index >= 0) & (spikes < segments[index, 1])
    spikes, index = spikes[inside], index[inside]
    times: NDArray[np.int64] = spikes - segments[index, 0] + before[index]
    return times


def intervals(spikes: NDArray[np.int64], segments: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Inter-spike intervals in samples, one array per segment: an interval across a gap was not observed."""
    edges = np.searchsorted(spikes, segments)
    return [np.diff(spikes[low:high]) for low, high in edges.tolist()]


def coefficient_of_variation(isi: NDArray[np.int64]) -> float:
    """Return the standard deviation of the intervals divided by their mean; NaN without an interval."""
    mean = isi.mean() if isi.size else 0.0
    return float(isi.std() / mean) if mean > 0 else math.nan


def local_variation(runs: list[NDArray[np.int64]]) -> float:
    """Local variation Lv: mean of ``3 (a - b)^2 / (a + b)^2`` over intervals a, b that follow each other.

    Parameters
    ----------
    runs
        Intervals of each gapless part.

    Returns
    -------
    float
        0 for a regular train, 1 for a Poisson process; NaN without two intervals in a row.
    """
    first = np.concatenate([run[:-1] for run in runs]).astype(np.float64)
    second = np.concatenate([run[1:] for run in runs]).astype(np.float64)
    total = first + second
    # Two intervals of 0 are equal: they do not vary.
    terms = np.divide(first - second, total, out=np.zeros_like(total), where=total > 0)
    return float(3 * np.mean(terms**2)) if terms.size else math.nan


def isi_violation_ratio(n_violations: int, n_spikes: int, duration_s: float, refractory_s: float) -> float:
    """Rate of the spikes that violate the refractory period, relative to the unit's rate.

    ``n_violations · T / (2 · n_spikes² · refractory period)``: the rate that independent contaminating spikes
    need to produce the violations, divided by the rate of the unit (Hill et al. 2011; the same definition as
    in SpikeInterface). A Poisson process of low rate, which has no refractory period, has 0.5.
    """
    if n_spikes < 2:
        return math.nan
    return n_violations * duration_s / (2 * n_spikes**2 * refractory_s)


def presence_ratio(times: NDArray[np.int64], n_samples: int, bin_samples: int) -> float:
    """Fraction of complete bins of the recorded time that hold a spike; NaN below 3 bins."""
    n_bins = n_samples // bin_samples
    if n_bins < 3:
        return math.nan
    occupied = np.unique(times // bin_samples)
    return float(np.count_nonzero(occupied < n_bins) / n_bins)


def binned_rate(
    times: NDArray[np.int64], start: int, stop: int, bin_samples: int, rate: float
) -> NDArray[np.float64]:
    """Rate in Hz in each complete bin of ``[start, stop)``."""
    n_bins = (stop - start) // bin_samples
    bins = (times[np.searchsorted(times, start) : np.searchsorted(times, stop)] - start) // bin_samples
    counts = np.bincount(bins[bins < n_bins], minlength=n_bins).astype(np.float64)
    return counts * (rate / bin_samples)


def amplitude_cutoff(amplitudes: NDArray[np.floating]) -> float:
    """Estimated fraction of a unit's spikes that were too small to be detected.

    The histogram of amplitudes (100 bins, smoothed by a Gaussian of 3 bins) is taken to be symmetric about
    its peak: what is above the mirror image of its lower edge stands for what is missing below (Hill et al.
    2011). The fraction is that of all spikes, found and missing (the same definition as in SpikeInterface).

    Parameters
    ----------
    amplitudes
        Amplitude of every spike; only their size counts.

    Returns
    -------
    float
        0 to 0.5; NaN below 500 amplitudes.
    """
    from scipy.ndimage import gaussian_filter1d

    sizes = np.abs(np.asarray(amplitudes, np.float64))
    if sizes.size < MIN_AMPLITUDES:
        return math.nan
    if np.ptp(sizes) == 0:
        return 0.0
    counts = np.histogram(sizes, bins=_CUTOFF_BINS)[0].astype(np.float64)
    smooth = gaussian_filter1d(counts, _CUTOFF_SMOOTHING_BINS, mode="nearest")
    mirror = int(np.flatnonzero(smooth >= smooth[0])[-1])
    missing = float(smooth[mirror + 1 :].sum())
    return min(missing / (sizes.size + missing), 0.5)


def sliding_rp_contamination(isi_s: NDArray[np.float64], n_spikes: int, duration_s: float) -> float:
    """Return the least contamination that the intervals exclude with 90 % confidence.

    For refractory periods of 0.5 to 10 ms and contaminations of 0.5 to 35 %, the number of shorter intervals
    that independent contaminating spikes would make is compared with the observed one (Poisson); the least
    contamination for which so few are less probable than 10 % at any refractory period (Llobet et al. 2022;
    the same definition as in SpikeInterface).

    Parameters
    ----------
    isi_s
        Inter-spike intervals in seconds.
    n_spikes, duration_s
        Spikes of the unit, and seconds in which they fired.

    Returns
    -------
    float
        0.005 to 0.35; NaN if not even 35 % can be excluded.
    """
    from scipy.special import pdtr

    if n_spikes < 2 or not duration_s > 0:
        return math.nan
    periods = np.arange(0.0005, 0.0101, 0.00025)
    levels = np.arange(0.005, 0.3501, 0.005)
    observed = np.searchsorted(np.sort(isi_s), periods)
    rate = n_spikes / duration_s
    expected = 2 * periods[:, None] * rate * (1 - levels) * levels * n_spikes
    excluded = (pdtr(observed[:, None], expected) < 0.1).any(axis=0)
    return float(levels[excluded.argmax()]) if excluded.any() else math.nan
