"""Sweeps of a moving bar: their frames by direction, and when the bar crosses a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.definition import StimulusEvent
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

__all__ = ["brightness_at", "crossing", "sweeps_by_direction"]

Int64Array = npt.NDArray[np.int64]


def sweeps_by_direction(
    trial_frames: npt.ArrayLike, sweeps: Sequence[StimulusEvent]
) -> tuple[npt.NDArray[np.float64], Int64Array]:
    """Return the display frames of every sweep, by direction and repetition.

    Parameters
    ----------
    trial_frames
        (n_trials,) first display frame of each trial.
    sweeps
        Sweeps of one trial.

    Returns
    -------
    directions, frames
        (n_directions,) degrees, ascending, 0 to 360; and int64 (n_directions, n_repetitions, 2) half-open
        display frames, repetitions in the order of showing.

    Raises
    ------
    ConfigurationError
        If there is no sweep, or directions were not shown equally often.
    """
    starts = np.atleast_1d(np.asarray(trial_frames, dtype=np.int64))
    shown = np.array([float(sweep.direction_deg or 0) % 360.0 for sweep in sweeps])
    directions, which, times = np.unique(shown, return_inverse=True, return_counts=True)
    if not shown.size or (times != times[0]).any():
        raise ConfigurationError(
            "The stimulus definition has no sweeps, or not equally many of each direction.",
            fix=Advice("Correct the stimulus definition, and cut the trials again."),
        )
    bounds = np.array([(sweep.start_frame, sweep.end_frame) for sweep in sweeps], dtype=np.int64)
    order = np.argsort(which, kind="stable").reshape(directions.size, -1)
    by_trial = bounds[order][:, None] + starts[None, :, None, None]
    return directions, by_trial.reshape(directions.size, -1, 2)


def brightness_at(
    movie: npt.NDArray[Any], first: int, stop: int, x: float, y: float
) -> npt.NDArray[np.float64]:
    """Return the brightness of a point in the frames [first, stop) of a movie.

    Parameters
    ----------
    movie
        (frames, height, width); may be memory-mapped.
    first, stop
        Frames.
    x, y
        Column and row in pixels, whole numbers at pixel centres; interpolated between the four nearest.
        Outside the movie the nearest pixels count.
    """
    height, width = movie.shape[1:]
    x, y = float(np.clip(x, 0, width - 1)), float(np.clip(y, 0, height - 1))
    col, row = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
    part = np.asarray(movie[first:stop, row : row + 2, col : col + 2], dtype=np.float64)
    right, down = x - col, y - row
    across = part[:, :, 0] * (1 - right) + part[:, :, -1] * right
    bright: npt.NDArray[np.float64] = across[:, 0] * (1 - down) + across[:, -1] * down
    return bright


def crossing(brightness: npt.ArrayLike) -> tuple[int, int] | None:
    """Return the half-open frames between the two edges of the bar at a point; None if it does not cross it.

    Parameters
    ----------
    brightness
        (frames,) of the point during one sweep. The background is what it shows most of the time; the bar is
        where it is nearer to the most different value.
    """
    values = np.asarray(brightness, dtype=np.float64)
    if not values.size:
        return None
    change = np.abs(values - np.median(values))
    bar = np.flatnonzero(change > 0.5 * change.max())
    return (int(bar[0]), int(bar[-1]) + 1) if bar.size else None
