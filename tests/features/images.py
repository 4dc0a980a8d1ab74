"""Electrical images with known somas and axons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRE = 10
WINDOW = 50


def spike_shape(time: ArrayLike, width: float = 1.5) -> NDArray[np.float64]:
    """Trough at time 0 (samples) with a smaller hump after it."""
    time = np.asarray(time, np.float64)
    return -np.exp(-0.5 * (time / width) ** 2) + 0.3 * np.exp(-0.5 * ((time - 6) / 3) ** 2)


def soma_image(
    shape: tuple[int, int], center: tuple[float, float], sigma: float, amplitude: float = 100.0
) -> NDArray[np.float64]:
    """(window, rows, cols): one waveform whose height falls off as a Gaussian."""
    row, col = np.indices(shape)
    height = amplitude * np.exp(-((row - center[0]) ** 2 + (col - center[1]) ** 2) / (2 * sigma**2))
    return spike_shape(np.arange(WINDOW) - PRE)[:, None, None] * height


def axon_image(
    shape: tuple[int, int],
    line: NDArray[np.float64],
    velocity: float,
    *,
    delay: float = 1.0,
    amplitude: float = 20.0,
    sigma: float = 0.8,
) -> NDArray[np.float64]:
    """(window, rows, cols) of an axon along a line of points (row, col) at `velocity` electrodes per sample.

    Each electrode sees the points of the axon nearest to it; its trough comes when the spike passes there.
    """
    row, col = np.indices(shape)
    away = np.hypot(row[..., None] - line[:, 0], col[..., None] - line[:, 1])
    nearest = away.argmin(axis=2)
    along = np.concatenate([[0.0], np.hypot(*np.diff(line, axis=0).T).cumsum()])[nearest]
    height = amplitude * np.exp(-0.5 * (away.min(axis=2) / sigma) ** 2)
    # Under the soma the axon is not seen.
    height = np.where(along < 1.5, 0.0, height)
    time = np.arange(WINDOW)[:, None, None] - PRE - delay - along / velocity
    return spike_shape(time) * height
