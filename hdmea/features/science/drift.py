"""Does a rate change over the recording? Mann-Kendall's test with serial correlation, and Sen's slope.

References
----------
Hamed K. H., Rao A. R. (1998) A modified Mann-Kendall trend test for autocorrelated data. J. Hydrol. 204:
182-196.
Sen P. K. (1968) Estimates of the regression coefficient based on Kendall's tau. J. Am. Stat. Assoc. 63:
1379-1389.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.utils.giving_way import giving_way

__all__ = ["DRIFTS", "MIN_CHANGE", "Drift", "drift", "drift_of_trials"]

DRIFTS = "drifts"
"""Mark of what was computed from a unit whose rate changes."""
MIN_CHANGE = 0.2
_BIN_S = 5.0
_FEWEST_BINS = 6
_MANY_TRIALS = 6
_SIGNIFICANT = 1.96

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """Change of a series over its length; arrays (units,), NaN where there are fewer than 6 values.

    Attributes
    ----------
    change, low, high
        Sen's slope times the length of the series, by its mean; with its 95 % interval. -0.5: half is lost.
    p
        Two-sided, with the variance that serial correlation leaves.
    """

    change: Floats
    low: Floats
    high: Floats
    p: Floats

    def said(self, alpha: float = 0.01) -> NDArray[np.bool_]:
        """Whether it is large and certain enough to be told."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.p <= alpha) & (np.abs(self.change) > MIN_CHANGE))


def drift(series: ArrayLike, times: ArrayLike, level: ArrayLike | None = None) -> Drift:
    """Test each unit's series for a monotonic change.

    Parameters
    ----------
    series
        (units, values), in the order of time.
    times
        (values,) any unit; need not be equally spaced.
    level
        (units,) what the change is a part of; default: the mean of the series.
    """
    from scipy.special import stdtr, stdtrit
    from scipy.stats import rankdata

    x, t = np.asarray(series, np.float64), np.asarray(times, np.float64)
    n_units, n = x.shape
    found = np.full((4, n_units), np.nan)
    if n < _FEWEST_BINS:
        return Drift(*found)
    size = np.asarray(x.mean(axis=1) if level is None else level, np.float64)
    first, second = np.triu_indices(n, 1)
    apart = t[second] - t[first]
    length = t[-1] - t[0] + np.median(np.diff(t))
    centred = t - t.mean()
    for unit in giving_way(range(n_units)):
        values = x[unit]
        if not size[unit] > 0 or np.ptp(values) == 0:
            continue
        difference = values[second] - values[first]
        slopes = np.sort(difference / apart)
        slope = float(np.median(slopes))
        score = float(np.sign(difference).sum())
        ties = np.unique(values, return_counts=True)[1]
        variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
        # The trend of the ranks: the bend of a run-down is not noise.
        ranks = rankdata(values)
        factor = _correction(rankdata(ranks - (centred @ ranks) / (centred @ centred) * centred))
        variance *= factor
        # The factor is an estimate too, from as many values as it leaves independent.
        degrees = max(n / factor - 3, 1.0) / max(1 - 1 / factor, 1e-6) ** 2
        z = (score - np.sign(score)) / np.sqrt(variance)
        half = stdtrit(degrees, 0.975) * np.sqrt(variance)
        low = int(np.clip((slopes.size - half) / 2, 0, slopes.size - 1))
        high = int(np.clip((slopes.size + half) / 2, 0, slopes.size - 1))
        scale = length / size[unit]
        found[:, unit] = slope * scale, slopes[low] * scale, slopes[high] * scale, 2 * stdtr(degrees, -abs(z))
    return Drift(*found)


def drift_of_trials(counts: NDArray[np.int64], starts: ArrayLike, frame_duration: float) -> Drift:
    """Test for a change between the repetitions of a movie, which the stimulus has no part in.

    Six repetitions and more: their mean rates. Fewer: the rate in bins of 5 s minus the mean over
    repetitions of the bins at the same time of the trial.

    Parameters
    ----------
    counts
        (units, trials, frames) spikes.
    starts
        (trials,) first display frame of each.
    frame_duration
        Seconds.
    """
    n_units, n_trials, n_frames = counts.shape
    first = np.asarray(starts, np.float64)
    mean = counts.mean(axis=(1, 2)) / frame_duration
    if n_trials >= _MANY_TRIALS:
        order = np.argsort(first, kind="stable")
        return drift(counts.mean(axis=2)[:, order] / frame_duration, first[order], mean)
    width = min(max(round(_BIN_S / frame_duration), 1), n_frames)
    n_bins = n_frames // width
    binned = counts[:, :, : n_bins * width].reshape(n_units, n_trials, n_bins, width).sum(axis=-1)
    rates = binned / (width * frame_duration)
    rates = rates - rates.mean(axis=1, keepdims=True)
    times = first[:, None] + (np.arange(n_bins) + 0.5) * width
    order = np.argsort(times.ravel(), kind="stable")
    if n_trials < 2:
        order = order[:0]
    return drift(rates.reshape(n_units, n_trials * n_bins)[:, order], times.ravel()[order], mean)


def _correction(ranks: Floats) -> float:
    """Factor by which serial correlation raises the variance of the score.

    Hamed and Rao's sum over the correlations of the ranks, or, if it is larger, that of a first-order
    process with the first of them, both without the bias that the removed trend and mean leave. Noise of the
    wrong sign would make anything certain: never below 1.
    """
    n = ranks.size
    centred = ranks - ranks.mean()
    power = float(centred @ centred)
    if not power > 0:
        return 1.0
    spectrum = np.fft.rfft(centred, 2 * n)
    correlation = np.fft.irfft(spectrum * spectrum.conj())[1 : max(n - 3, 2)] / power
    lags = np.arange(1, correlation.size + 1)
    weight = (n - lags) * (n - lags - 1) * (n - lags - 2)
    some = np.where(np.abs(correlation) > _SIGNIFICANT / np.sqrt(n), correlation, 0.0)
    total = 2 * float((weight * some).sum()) / (n * (n - 1) * (n - 2))
    first = float(correlation[0])
    if first > 1 / np.sqrt(n):
        # Without mean and trend the first correlation is too small: simulated, by about (3 + 9 r) / n.
        first = min(first + (3 + 9 * first) / n, 1 - 2 / n)
        total = max(total, 2 * float((weight * first**lags).sum()) / (n * (n - 1) * (n - 2)))
    return max(1 + total, 1.0)
