"""Several tests at once: which of them hold together, and the share of false ones among those that do.

References
----------
Benjamini Y., Hochberg Y. (1995) Controlling the false discovery rate. J. R. Stat. Soc. B 57: 289-300.
Holm S. (1979) A simple sequentially rejective multiple test procedure. Scand. J. Stat. 6: 65-70.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["benjamini_hochberg", "holm"]


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Smallest false discovery rate at which each test is among the discoveries.

    Parameters
    ----------
    p
        (tests,) p values; NaN counts as no test.

    Returns
    -------
    numpy.ndarray
        float64 (tests,) q values; NaN where p is.
    """
    p = np.asarray(p, np.float64)
    q = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * order.size / np.arange(1, order.size + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p values so that the chance of any false one is at most the level, along the last axis.

    Parameters
    ----------
    p
        (..., tests); NaN counts as no test.

    Returns
    -------
    numpy.ndarray
        float64, same shape; NaN where p is.
    """
    p = np.asarray(p, np.float64)
    known = np.isfinite(p)
    order = np.argsort(np.where(known, p, np.inf), axis=-1, kind="stable")
    rank = np.arange(p.shape[-1])
    factor = np.maximum(known.sum(axis=-1, keepdims=True) - rank, 1)
    ascending = np.take_along_axis(np.where(known, p, 1.0), order, axis=-1) * factor
    adjusted = np.empty_like(ascending)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(ascending, axis=-1), axis=-1)
    return np.where(known, np.minimum(adjusted, 1.0), np.nan)
