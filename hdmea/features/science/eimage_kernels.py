"""Compiled filter and window sums of the electrical image; imported only when one is computed.

Everything runs on tiles (samples, electrodes) of float32 that fit into the processor's cache; the filter
itself computes in float64, so that a drift that is much larger than the noise costs no digits. The inner loop
goes across electrodes, whose values are independent of each other: the result does not depend on how
electrodes are spread over threads.

Rows are addressed by unsigned numbers. A signed one might count from the end, and with that possibility the
compiler does not use vector instructions: everything would take four times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled_for

__all__ = ["add_windows", "filter_counts", "filter_tile"]

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@compiled_for(
    "void(Array(int16, 2, 'C', readonly=True), int64, float64[::1], float32[:, ::1], float64[::1], "
    "float64[:, ::1])"
)
def filter_counts(
    counts: NDArray[Any], column: int, offset: F64, tile: F32, section: F64, state: F64
) -> None:  # pragma: no cover - compiled
    """Second-order section along time of counts without their offset (direct form II transposed).

    counts (samples, all electrodes), of which those from `column` on are taken; offset (electrodes,); tile
    (samples, electrodes), overwritten; section (6,) with ``a0 = 1``; state (2, electrodes), updated.
    """
    b0, b1, b2, a1, a2 = section[0], section[1], section[2], section[4], section[5]
    z1, z2 = state[0], state[1]
    n = tile.shape[1]
    for t in range(tile.shape[0]):
        source = counts[np.uintp(t)][column : column + n]
        row = tile[np.uintp(t)]
        for e in range(n):
            x = np.float64(source[e]) - offset[e]
            y = b0 * x + z1[e]
            z1[e] = (b1 * x - a1 * y) + z2[e]
            z2[e] = b2 * x - a2 * y
            row[e] = y


@compiled_for("void(float32[:, ::1], uint64[::1], float64[:, ::1], float64[:, :, ::1])")
def filter_tile(
    tile: F32, order: NDArray[np.uintp], sos: F64, state: F64
) -> None:  # pragma: no cover - compiled
    """Second-order sections along time, in place, through the rows of the tile in a given order.

    tile (samples, electrodes); sos (sections, 6); state (sections, 2, electrodes), updated. The compiler does
    not use vector instructions in a loop that counts down, therefore the order is an array.
    """
    n = tile.shape[1]
    for section in range(sos.shape[0]):
        b0, b1, b2 = sos[section, 0], sos[section, 1], sos[section, 2]
        a1, a2 = sos[section, 4], sos[section, 5]
        z1, z2 = state[section, 0], state[section, 1]
        for t in range(order.shape[0]):
            row = tile[order[t]]
            for e in range(n):
                x = np.float64(row[e])
                y = b0 * x + z1[e]
                z1[e] = (b1 * x - a1 * y) + z2[e]
                z2[e] = b2 * x - a2 * y
                row[e] = y


@compiled_for("void(float32[:, ::1], int64[::1], int64[::1], float32[:, ::1], float32[:, :, ::1], int64)")
def add_windows(
    tile: F32, units: NDArray[np.int64], starts: NDArray[np.int64], part: F32, total: F32, column: int
) -> None:  # pragma: no cover - compiled
    """Add the part of each window that is in the tile to ``total[unit, :, column:]``.

    `units` are in groups: a unit's windows are summed in `part` (window, electrodes), and the sum is then
    added to total (units, window, all electrodes), which is too large for the cache. `starts` are rows of the
    tile, which windows may leave on either side.
    """
    window, n = part.shape[0], tile.shape[1]
    s = 0
    while s < starts.shape[0]:
        unit = units[s]
        part[:, :] = 0
        while s < starts.shape[0] and units[s] == unit:
            low = max(0, -starts[s])
            high = min(window, tile.shape[0] - starts[s])
            for j in range(low, high):
                out = part[np.uintp(j)]
                row = tile[np.uintp(starts[s] + j)]
                for e in range(n):
                    out[e] += row[e]
            s += 1
        image = total[np.uintp(unit)]
        for j in range(window):
            out = image[np.uintp(j)][column : column + n]
            row = part[np.uintp(j)]
            for e in range(n):
                out[e] += row[e]
