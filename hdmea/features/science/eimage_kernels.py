"""Compiled filter and window sums of the electrical image; imported only when one is computed.

Everything runs on tiles (samples, electrodes) of float64. The inner loop goes across electrodes, whose
values are independent of each other: the result does not depend on how electrodes are spread over threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled

__all__ = ["add_windows", "filter_backward", "filter_forward", "to_float"]

F64 = NDArray[np.float64]


@compiled
def to_float(
    counts: NDArray[Any], column: int, offset: F64, tile: F64
) -> None:  # pragma: no cover - compiled
    """``tile[t, e] = counts[t, column + e] - offset[e]``, exact for every integer below 2^53."""
    for t in range(tile.shape[0]):
        source = counts[t, column : column + tile.shape[1]]
        row = tile[t]
        for e in range(row.shape[0]):
            row[e] = np.float64(source[e]) - offset[e]


@compiled
def filter_forward(tile: F64, sos: F64, state: F64) -> None:  # pragma: no cover - compiled
    """Second-order sections along time, in place (direct form II transposed).

    tile (samples, electrodes); sos (sections, 6) with ``a0 = 1``; state (sections, 2, electrodes), updated.
    """
    for section in range(sos.shape[0]):
        b0, b1, b2 = sos[section, 0], sos[section, 1], sos[section, 2]
        a1, a2 = sos[section, 4], sos[section, 5]
        z1, z2 = state[section, 0], state[section, 1]
        for t in range(tile.shape[0]):
            row = tile[t]
            for e in range(row.shape[0]):
                x = row[e]
                y = b0 * x + z1[e]
                z1[e] = (b1 * x - a1 * y) + z2[e]
                z2[e] = b2 * x - a2 * y
                row[e] = y


@compiled
def filter_backward(tile: F64, sos: F64, state: F64) -> None:  # pragma: no cover - compiled
    """Do what `filter_forward` does from the last sample to the first."""
    last = tile.shape[0] - 1
    for section in range(sos.shape[0]):
        b0, b1, b2 = sos[section, 0], sos[section, 1], sos[section, 2]
        a1, a2 = sos[section, 4], sos[section, 5]
        z1, z2 = state[section, 0], state[section, 1]
        for t in range(tile.shape[0]):
            row = tile[last - t]
            for e in range(row.shape[0]):
                x = row[e]
                y = b0 * x + z1[e]
                z1[e] = (b1 * x - a1 * y) + z2[e]
                z2[e] = b2 * x - a2 * y
                row[e] = y


@compiled
def add_windows(
    tile: F64, units: NDArray[np.int64], starts: NDArray[np.int64], total: F64
) -> None:  # pragma: no cover - compiled
    """Add to ``total[unit]`` the part of each window that is in the tile.

    total (units, window, electrodes); `starts` are rows of the tile, which windows may leave on either side.
    """
    window = total.shape[1]
    for s in range(starts.shape[0]):
        low = max(0, -starts[s])
        high = min(window, tile.shape[0] - starts[s])
        image = total[units[s]]
        for j in range(low, high):
            out = image[j]
            row = tile[starts[s] + j]
            for e in range(row.shape[0]):
                out[e] += row[e]
