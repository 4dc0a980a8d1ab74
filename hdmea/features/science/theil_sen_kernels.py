"""Compiled medians of the bootstrap of `theil_sen`; imported only when a slope is estimated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled_for

__all__ = ["weighted_medians"]


@compiled_for("void(float64[::1], int64[::1], int64[::1], int32[:, ::1], int64[::1], float64[::1])")
def weighted_medians(
    values: NDArray[np.float64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    counts: NDArray[np.int32],
    place: NDArray[np.int64],
    found: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """Enter for each resample the median of ascending values, weighted by how often both points were drawn.

    Parameters
    ----------
    values, first, second
        (pairs,) slopes in ascending order, and the two points of each.
    counts
        (resamples, points): how often each point was drawn.
    place
        (points,): points with equal numbers are at the same abscissa and make no pair.
    found
        (resamples,), overwritten; NaN where all weights are 0.
    """
    n = values.shape[0]
    there = np.zeros(place.max() + 1, np.int64)
    for r in range(counts.shape[0]):
        drawn = counts[r]
        # The weights of all pairs: what all points make together without those of the same abscissa.
        there[:] = 0
        for i in range(place.shape[0]):
            there[place[i]] += drawn[i]
        total = there.sum() ** 2
        for i in range(there.shape[0]):
            total -= there[i] * there[i]
        total //= 2
        reached = 0
        low = -1
        found[r] = np.nan
        for k in range(n):
            reached += drawn[first[k]] * drawn[second[k]]
            if low < 0 and 2 * reached >= total:
                low = k
            if 2 * reached > total:
                found[r] = 0.5 * (values[low] + values[k])
                break
