"""Compiled sums of movie blocks; imported only when a spike-triggered average is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled, compiled_for

__all__ = ["sum_blocks", "sum_blocks_uint8"]

_TILE = 16_384
"""Elements summed at a time: partial sums and one block of the movie stay in the first-level cache."""

_FLUSH = 256
"""Blocks of uint8 that a uint16 holds without overflow: 257 · 255 = 65 535; a multiple of four."""


@compiled_for("void(Array(uint8, 1, 'C', readonly=True), int64[::1], int64[::1])")
def sum_blocks_uint8(
    movie: NDArray[np.uint8], starts: NDArray[np.int64], total: NDArray[np.int64]
) -> None:  # pragma: no cover - compiled
    """Add ``movie[s : s + total.size]`` to `total` for every s of `starts`, exactly.

    Four blocks are added per pass over a uint16 partial sum, which goes into `total` every 256 blocks.
    """
    partial = np.empty(_TILE, np.uint16)
    n_blocks = starts.shape[0]
    quads = n_blocks // 4 * 4
    for low in range(0, total.shape[0], _TILE):
        n = min(_TILE, total.shape[0] - low)
        out = total[low : low + n]
        part = partial[:n]
        part[:] = 0
        pending = 0
        for s in range(0, quads, 4):
            a = movie[starts[s] + low : starts[s] + low + n]
            b = movie[starts[s + 1] + low : starts[s + 1] + low + n]
            c = movie[starts[s + 2] + low : starts[s + 2] + low + n]
            d = movie[starts[s + 3] + low : starts[s + 3] + low + n]
            for i in range(n):
                part[i] += np.uint16(a[i]) + np.uint16(b[i]) + np.uint16(c[i]) + np.uint16(d[i])
            pending += 4
            if pending == _FLUSH:
                for i in range(n):
                    out[i] += part[i]
                part[:] = 0
                pending = 0
        for i in range(n):
            out[i] += part[i]
        for s in range(quads, n_blocks):
            block = movie[starts[s] + low : starts[s] + low + n]
            for i in range(n):
                out[i] += block[i]


@compiled
def sum_blocks(
    movie: NDArray[Any], starts: NDArray[np.int64], total: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """Add ``movie[s : s + total.size]`` to `total` for every s of `starts`, in their order."""
    for low in range(0, total.shape[0], _TILE):
        n = min(_TILE, total.shape[0] - low)
        out = total[low : low + n]
        for s in range(starts.shape[0]):
            block = movie[starts[s] + low : starts[s] + low + n]
            for i in range(n):
                out[i] += block[i]
