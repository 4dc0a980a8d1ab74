"""Errors of what is read from a receptive field's course in time, from the spikes themselves.

References
----------
Tukey J. W. (1958) Bias and confidence in not quite large samples. Ann. Math. Stat. 29: 614 (jackknife).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CourseErrors", "course_errors"]

_FEWEST_SPIKES = 40
_HALF_A_FRAME = 0.5


@dataclass(frozen=True, slots=True)
class CourseErrors:
    """Interval of the latency, and the biphasic index without the bias of a chosen extremum.

    Attributes
    ----------
    latency_low_frames, latency_high_frames
        95 % interval of the time from the course's peak to the spike, in frames.
    biphasic_index
        Second by first extremum; about 0 for a monophasic course, negative by chance.
    biphasic_low, biphasic_high
        Its 95 % interval.
    """

    latency_low_frames: float
    latency_high_frames: float
    biphasic_index: float
    biphasic_low: float
    biphasic_high: float


def course_errors(
    pixel: ArrayLike,
    spike_frames: NDArray[np.int64],
    cover_range: tuple[int, int],
    sign: float,
    *,
    n_blocks: int = 20,
) -> CourseErrors:
    """Estimate errors from parts of the spikes.

    Latency: jackknife over `n_blocks` blocks of spikes that follow each other, of the course's peak, which a
    parabola through three frames places between frames; at least half a frame to either side. Biphasic
    index: the place of the second extremum comes from the odd spikes and its value (mean of three frames)
    from the even ones, and the other way round, so that choosing the largest of many frames adds nothing.

    Parameters
    ----------
    pixel
        (frames,) brightness of the centre's pixel in the movie.
    spike_frames
        Movie frame of every spike whose window is inside the movie, ascending.
    cover_range
        Frames of the course relative to the spike's, the second not included.
    sign
        Of the receptive field: 1 ON, -1 OFF.
    n_blocks
        Blocks of spikes.

    Returns
    -------
    CourseErrors
        NaN below 40 spikes.
    """
    from scipy.special import stdtrit

    frames = np.asarray(spike_frames, np.int64)
    nan = math.nan
    if frames.size < max(_FEWEST_SPIKES, 2 * n_blocks):
        return CourseErrors(nan, nan, nan, nan, nan)
    values = np.asarray(pixel, np.float64)
    values = sign * (values - values.mean())
    lags = np.arange(*cover_range)
    block = np.arange(frames.size) * n_blocks // frames.size
    sums = np.stack([values[part[:, None] + lags].sum(axis=0) for part in _parts(frames, block, n_blocks)])
    sizes = np.bincount(block, minlength=n_blocks).astype(np.float64)
    course = sums.sum(axis=0) / frames.size
    peak = int(course.argmax())
    t = float(stdtrit(n_blocks - 1, 0.975))
    left_out = (sums.sum(axis=0) - sums) / (frames.size - sizes)[:, None]
    places = np.array([_top(one, peak) for one in left_out])
    se = math.sqrt((n_blocks - 1) / n_blocks * float(np.square(places - places.mean()).sum()))
    at = _top(course, peak)
    half = math.hypot(t * se, _HALF_A_FRAME)
    latency = -(cover_range[0] + at)
    second, error = _second(values, frames, lags, sums, sizes)
    first = float(_mean_of_three(course)[peak])
    if not first > 0:
        return CourseErrors(latency - half, latency + half, nan, nan, nan)
    index = second / first
    return CourseErrors(
        latency - half, latency + half, index, index - t * error / first, index + t * error / first
    )


def _second(
    values: NDArray[np.float64],
    frames: NDArray[np.int64],
    lags: NDArray[np.int64],
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
) -> tuple[float, float]:
    """Height of the second extremum, positive if opposite to the first, and its standard error."""
    halves = [values[frames[start::2, None] + lags].mean(axis=0) for start in (0, 1)]
    found, blocks = [], []
    smooth = [_mean_of_three(half) for half in halves]
    of_blocks = _mean_of_three(sums / sizes[:, None])
    for here, there in ((0, 1), (1, 0)):
        place = int(smooth[here].argmin())
        found.append(-float(smooth[there][place]))
        blocks.append(of_blocks[:, place])
    spread = np.mean(blocks, axis=0)
    return float(np.mean(found)), float(spread.std(ddof=1) / math.sqrt(len(spread)))


def _mean_of_three(course: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.concatenate((course[..., :1], course, course[..., -1:]), axis=-1)
    return np.asarray((padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]) / 3)


def _top(course: NDArray[Any], near: int, reach: int = 4) -> float:
    """Place of the maximum near a frame, between frames by a parabola."""
    low = max(near - reach, 0)
    at = low + int(course[low : near + reach + 1].argmax())
    if not 0 < at < len(course) - 1:
        return float(at)
    before, here, after = (float(course[k]) for k in (at - 1, at, at + 1))
    curve = before - 2 * here + after
    return at + (0.5 * (before - after) / curve if curve < 0 else 0.0)


def _parts(frames: NDArray[np.int64], block: NDArray[np.int64], n_blocks: int) -> list[NDArray[np.int64]]:
    edges = np.searchsorted(block, np.arange(n_blocks + 1))
    return [frames[low:high] for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
