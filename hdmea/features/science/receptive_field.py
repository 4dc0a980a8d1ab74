"""Receptive field of a spike-triggered average: where it is, and its spatial map.

Smoothing only finds where to look. Everything that is reported comes from unsmoothed data: smoothing with
1.5 px turns a field of 1 px into one of 1.8 px.

References
----------
Gauthier J. L. et al. (2009) Receptive fields in primate retina are coordinated to sample visual space more
uniformly. PLoS Biol. 7: e1000063 (spatial map as singular vector).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Peak", "find_peak", "spatial_map"]


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a spike-triggered average deviates most, in a smoothed copy.

    Attributes
    ----------
    frame, row, col
        Index of the peak.
    sign
        +1 if the average is above its mean there, otherwise -1.
    """

    frame: int
    row: int
    col: int
    sign: int


def find_peak(deviation: NDArray[Any], sigma_px: float = 1.5, sigma_frames: float = 2.0) -> Peak:
    """Largest deviation of the smoothed average.

    Parameters
    ----------
    deviation
        (window, height, width) average minus the mean of the stimulus.
    sigma_px, sigma_frames
        Widths of the Gaussian smoothing.
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.asarray(deviation, np.float64), (sigma_frames, sigma_px, sigma_px))
    frame, row, col = np.unravel_index(int(np.abs(smooth).argmax()), smooth.shape)
    return Peak(int(frame), int(row), int(col), 1 if smooth[frame, row, col] >= 0 else -1)


def spatial_map(deviation: NDArray[Any], peak: Peak, half_window: int = 3) -> NDArray[np.float64]:
    """First spatial singular vector of the frames around the peak, scaled to the peak frame, signed.

    Parameters
    ----------
    deviation
        (window, height, width) average minus the mean of the stimulus, not smoothed.
    peak
        From `find_peak`.
    half_window
        Frames taken before and after the peak frame.

    Returns
    -------
    numpy.ndarray
        float64 (height, width): what the rank-one part of the average has in the peak frame.
    """
    first = max(peak.frame - half_window, 0)
    frames = np.asarray(deviation[first : peak.frame + half_window + 1], np.float64)
    matrix = frames.reshape(len(frames), -1)
    # The small temporal matrix gives the same vectors as a decomposition of all pixels.
    _, vectors = np.linalg.eigh(matrix @ matrix.T)
    course = vectors[:, -1]
    return np.asarray(course[peak.frame - first] * (course @ matrix)).reshape(frames.shape[1:])
