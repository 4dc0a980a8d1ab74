"""Compiled courses of filters; imported only when generators are computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled_for

__all__ = ["convolve"]


@compiled_for("void(float64[:, ::1], int64[::1], float64[:, ::1], float64[:, ::1], int64)")
def convolve(
    seen: NDArray[np.float64],
    shown: NDArray[np.int64],
    course: NDArray[np.float64],
    signal: NDArray[np.float64],
    begin: int,
) -> None:  # pragma: no cover - compiled
    """Add up what each unit sees in a window before each frame, in a fixed order.

    Parameters
    ----------
    seen
        (units, images): the image of each unit's filter on each image of the movie.
    shown
        (frames + window - 1,): which image each frame shows.
    course
        (units, window): weights of the frames of the window.
    signal
        (units, all frames), added to in the frames from `begin` on.
    """
    window = course.shape[1]
    n_frames = shown.shape[0] - window + 1
    line = np.empty(shown.shape[0])
    for unit in range(seen.shape[0]):
        for t in range(shown.shape[0]):
            line[t] = seen[unit, shown[t]]
        out = signal[unit, begin : begin + n_frames]
        for lag in range(window):
            weight = course[unit, lag]
            if weight != 0.0:
                ahead = line[lag : lag + n_frames]
                for t in range(n_frames):
                    out[t] += weight * ahead[t]
