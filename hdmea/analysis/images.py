"""What single pictures show of spike-triggered averages and electrical images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["centre_value", "peak_frame", "peak_to_peak"]


def peak_to_peak(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the peak-to-peak amplitude over time of each electrode.

    Parameters
    ----------
    image
        (window, rows, cols), any unit.

    Returns
    -------
    numpy.ndarray
        float64 (rows, cols) in the unit of `image`; NaN where the electrode has no number.
    """
    values = np.asarray(image, np.float64)
    return np.asarray(values.max(axis=0) - values.min(axis=0))


def centre_value(average: NDArray[np.floating]) -> float:
    """Return the value of no effect of a spike-triggered average: its median; NaN if there is no number."""
    values = np.asarray(average, np.float64)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")


def peak_frame(average: NDArray[np.floating]) -> int:
    """Return the frame of a spike-triggered average with the largest deviation from its median.

    Parameters
    ----------
    average
        (window, height, width).

    Returns
    -------
    int
        Index of the frame; 0 where there is no number.
    """
    deviation = np.abs(np.asarray(average, np.float64) - centre_value(average))
    largest = np.nan_to_num(deviation, nan=-1.0).reshape(len(deviation), -1).max(axis=1)
    return int(largest.argmax())
