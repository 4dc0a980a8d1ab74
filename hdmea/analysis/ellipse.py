"""Outlines of fitted receptive fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ellipse_outline", "ellipse_outlines"]


def ellipse_outline(
    x: float, y: float, long_axis: float, short_axis: float, angle_deg: float, n_points: int = 73
) -> NDArray[np.float64]:
    """Return the outline of an ellipse.

    Parameters
    ----------
    x, y
        Centre: column and row, in pixels.
    long_axis, short_axis
        Semi-axes in pixels; the standard deviations of a Gaussian give its 1-σ ellipse.
    angle_deg
        Long axis in degrees, from larger columns towards larger rows.
    n_points
        Points of the outline; the last one is the first.

    Returns
    -------
    numpy.ndarray
        float64 (n_points, 2): columns and rows.
    """
    shape = np.array([[x, y, long_axis, short_axis, angle_deg]], np.float64)
    outline: NDArray[np.float64] = ellipse_outlines(shape, n_points)[0]
    return outline


def ellipse_outlines(shapes: NDArray[np.float64], n_points: int = 73) -> NDArray[np.float64]:
    """Return the outlines of many ellipses.

    Parameters
    ----------
    shapes
        float64 (n, 5): the parameters of `ellipse_outline`; NaN where there is no ellipse.
    n_points
        Points of each outline; the last one is the first.

    Returns
    -------
    numpy.ndarray
        float64 (n, n_points, 2): columns and rows.
    """
    turn = np.linspace(0.0, 2 * np.pi, n_points)
    x, y, long_axis, short_axis, angle_deg = (values[:, None] for values in np.asarray(shapes).T)
    along, across = long_axis * np.cos(turn), short_axis * np.sin(turn)
    angle = np.deg2rad(angle_deg)
    columns = x + along * np.cos(angle) - across * np.sin(angle)
    rows = y + along * np.sin(angle) + across * np.cos(angle)
    return np.stack((columns, rows), axis=-1)
