"""Slope of a line that a minority of wrong points does not move.

References
----------
Theil H. (1950) A rank-invariant method of linear and polynomial regression analysis. Indag. Math. 12: 85-91.
Sen P. K. (1968) Estimates of the regression coefficient based on Kendall's tau. J. Am. Stat. Assoc. 63:
1379-1389.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Slope", "theil_sen"]


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope with its bootstrap interval; NaN where fewer than two abscissae differ."""

    slope: float
    low: float
    high: float


def theil_sen(
    x: ArrayLike, y: ArrayLike, *, n_bootstrap: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Slope:
    """Median of the slopes of all pairs of points that differ in x.

    Parameters
    ----------
    x, y
        (n,) coordinates; errors in y only.
    n_bootstrap
        Resamples of the points for the interval.
    confidence
        Part of the resamples that the interval contains.
    seed
        Of the resampling.

    Returns
    -------
    Slope
        Percentile bootstrap interval. A point that is drawn several times counts its pairs as often, so that
        every resample is a weighted median of the same slopes.
    """
    from hdmea.features.science.theil_sen_kernels import weighted_medians

    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    first, second = np.triu_indices(x.size, 1)
    apart = x[first] != x[second]
    first, second = first[apart], second[apart]
    if not first.size:
        return Slope(math.nan, math.nan, math.nan)
    slopes = (y[second] - y[first]) / (x[second] - x[first])
    order = np.argsort(slopes, kind="stable")
    slopes, first, second = slopes[order], first[order], second[order]
    rng = np.random.default_rng(seed)
    drawn = rng.integers(x.size, size=(n_bootstrap, x.size))
    rows = np.arange(n_bootstrap)[:, None] * x.size
    counts = np.bincount((drawn + rows).ravel(), minlength=n_bootstrap * x.size).astype(np.int32)
    counts = counts.reshape(n_bootstrap, x.size)
    medians = np.empty(n_bootstrap)
    place = np.unique(x, return_inverse=True)[1]
    weighted_medians(slopes, first, second, counts, place, medians)
    medians = medians[np.isfinite(medians)]
    if not medians.size:
        return Slope(float(np.median(slopes)), math.nan, math.nan)
    tail = 0.5 * (1 - confidence)
    low, high = np.quantile(medians, [tail, 1 - tail])
    return Slope(float(np.median(slopes)), float(low), float(high))
