"""Compiled passes over raw electrode data: threshold crossings, and samples at the end of the range."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled

__all__ = ["crossings", "stuck"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@compiled
def crossings(
    tile: F32, threshold: F64, dead: int, rows: I64, columns: I64
) -> int:  # pragma: no cover - compiled
    """Enter where each column first falls below ``-threshold``, and return how often.

    tile (samples, electrodes); a crossing within `dead` samples of the one before is none. `rows` and
    `columns` must have room for ``electrodes * (samples // dead + 1)``; the order is that of time.
    """
    n = 0
    last = np.full(tile.shape[1], -dead - 1, np.int64)
    for t in range(1, tile.shape[0]):
        row, before = tile[t], tile[t - 1]
        for e in range(row.shape[0]):
            if row[e] < -threshold[e] and before[e] >= -threshold[e] and t - last[e] > dead:
                last[e] = t
                rows[n] = t
                columns[n] = e
                n += 1
    return n


@compiled
def stuck(counts: NDArray[Any], least: int, found: I64) -> None:  # pragma: no cover - compiled
    """Add to ``found[e]`` the samples in runs of at least `least` equal values at a column's own limits.

    counts (samples, electrodes); the limits of a column are its largest and smallest value.
    """
    n = found.shape[0]
    high, low = counts[0].copy(), counts[0].copy()
    for t in range(1, counts.shape[0]):
        for e in range(n):
            value = counts[t, e]
            if value > high[e]:
                high[e] = value
            elif value < low[e]:
                low[e] = value
    run = np.zeros(n, np.int64)
    for t in range(counts.shape[0]):
        for e in range(n):
            value = counts[t, e]
            at_limit = value == high[e] or value == low[e]
            if at_limit and run[e] > 0 and value == counts[t - 1, e]:
                run[e] += 1
                continue
            if run[e] >= least:
                found[e] += run[e]
            run[e] = 1 if at_limit else 0
    for e in range(n):
        if run[e] >= least:
            found[e] += run[e]
