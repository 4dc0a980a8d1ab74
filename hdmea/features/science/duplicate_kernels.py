"""Compiled counting of coincidences of all pairs of units; imported only when they are searched for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled

__all__ = ["lag_counts"]


@compiled
def lag_counts(
    times: NDArray[np.int64],
    units: NDArray[np.int32],
    rows: NDArray[np.int32],
    counts: NDArray[np.int32],
    reach: int,
) -> None:  # pragma: no cover - compiled
    """Count for some pairs of units (a < b) the lags b - a from -reach to reach samples.

    Parameters
    ----------
    times, units
        (spikes,) ascending samples of all units, and whose they are.
    rows
        (pairs,) row of `counts` of each pair; pair a, b is number ``b (b - 1) / 2 + a``; -1: not counted.
    counts
        (rows, 2 reach + 1), changed; (rows, 1): all lags together.
    reach
        Largest lag.
    """
    n = times.shape[0]
    together = counts.shape[1] == 1
    for i in range(n):
        j = i + 1
        while j < n and times[j] - times[i] <= reach:
            a = units[i]
            b = units[j]
            lag = times[j] - times[i]
            if a != b:
                if a > b:
                    a, b = b, a
                    lag = -lag
                row = rows[b * (b - 1) // 2 + a]
                if row >= 0:
                    counts[row, 0 if together else lag + reach] += 1
            j += 1
