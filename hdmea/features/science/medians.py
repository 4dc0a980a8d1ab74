"""Medians of values without NaN, bit by bit those of `numpy.median`, which takes ten times as long."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["row_medians"]


def row_medians(rows: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Median of each row, (rows,) of the same type as `rows` (rows, values); no value may be NaN.

    numpy asks for three places at once, for which it does not use vector instructions; this asks for one.
    """
    half = rows.shape[1] // 2
    parted = np.partition(rows, half, axis=1)
    upper: NDArray[Any] = parted[:, half]
    return upper if rows.shape[1] % 2 else rows.dtype.type(0.5) * (parted[:, :half].max(axis=1) + upper)
