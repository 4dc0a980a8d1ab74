"""Steps of a noisy two-level signal: where it rises and falls, whatever its offset, drift, hum or scale.

A step is where the mean of the samples after a point differs most from the mean of those before it. In white
noise this is the most likely place of the step; an offset or a slow drift cancels in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["StepEdges", "find_edges"]

NOISE_FACTOR = 6.0
MIN_STEPS = 8
_SLICE = 1 << 18
_SAMPLES_FOR_NOISE = 64
_PIECE_FOR_NOISE = 4096
_BINS_PER_OCTAVE = 3
_ARTEFACT = 4.0

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StepEdges:
    """Steps of a signal.

    Attributes
    ----------
    rising, falling
        int64 (n,): sample before each step, ascending.
    height
        Usual height of a step in the signal's unit; NaN if there are none.
    noise
        Standard deviation of the averaged difference in which steps are searched, in the signal's unit.
    n_small
        Rises above the noise that are too small, or too few, to be steps of this signal.
    """

    rising: Int64Array
    falling: Int64Array
    height: float
    noise: float
    n_small: int


def find_edges(signal: npt.NDArray[Any], segments: Int64Array, width: int) -> Iterator[StepEdges]:
    """Find the steps of a signal that are at least half as high as the usual one.

    What is usual is not certain: it is the height of the group of steps with most energy, most height in
    total, or most members. Noise has many small maxima, artefacts few large ones.

    Parameters
    ----------
    signal
        (n_samples,), any number type; samples that are not numbers count as the one before.
    segments
        int64 (n, 2): recorded ranges; each is searched on its own.
    width
        Samples that are averaged before and after a step.

    Yields
    ------
    StepEdges
        One for each height that may be the usual one, the likeliest first; one without steps if fewer than 8
        exceed six times the noise. Steps of more than four times that height are artefacts.
    """
    noise = _noise(signal, segments, width)
    parts = [
        (_regions(signal[first:last], width, NOISE_FACTOR * noise, +1), first) for first, last in segments
    ]
    heights = np.concatenate([np.empty(0), *[part[1] for part, _ in parts]])
    usual = _usual_heights(heights)
    if not usual:
        nothing = np.empty(0, dtype=np.int64)
        yield StepEdges(nothing, nothing, float("nan"), noise, int(heights.size))
    for height in usual:
        yield _edges_of(signal, segments, width, height, noise, heights.size)


def _edges_of(
    signal: npt.NDArray[Any], segments: Int64Array, width: int, height: float, noise: float, n_rises: int
) -> StepEdges:
    found: list[list[Int64Array]] = [[np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]]
    margin = max(width // 2, 1)
    for first, last in segments:
        for sign, places in zip((+1, -1), found, strict=True):
            place, top = _regions(signal[first:last], width, 0.5 * height, sign)
            place = place[top <= _ARTEFACT * height] + first
            # Where a segment begins or ends, too few samples are averaged to tell a step from noise.
            places.append(place[(place >= first + margin) & (place + margin + 1 < last)])
    rising, falling = np.concatenate(found[0]), np.concatenate(found[1])
    return StepEdges(rising, falling, height, noise, max(n_rises - rising.size, 0))


def _differences(signal: npt.NDArray[Any], width: int) -> Iterator[tuple[int, FloatArray]]:
    """Yield slices of mean(after) - mean(before) with the sample at which each begins.

    At the ends of the signal only the samples that are there are averaged.
    """
    for first in range(0, max(signal.size - 1, 0), _SLICE):
        last = min(first + _SLICE, signal.size - 1)
        low, high = max(first - width + 1, 0), min(last + width, signal.size)
        total = np.concatenate(
            ([0.0], np.cumsum(_filled(signal[low:high]) - float(_first(signal[low:high]))))
        )
        here = np.arange(first, last) + 1 - low
        before, after = np.maximum(here - width, 0), np.minimum(here + width, high - low)
        mean_after = (total[after] - total[here]) / (after - here)
        yield first, mean_after - (total[here] - total[before]) / (here - before)


def _first(part: npt.NDArray[Any]) -> float:
    value = float(part[0])
    return value if np.isfinite(value) else 0.0


def _filled(part: npt.NDArray[Any]) -> FloatArray:
    """Return the samples as float64, those that are not numbers replaced by the one before."""
    values: FloatArray = part.astype(np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        kept = np.maximum.accumulate(np.where(bad, 0, np.arange(values.size)))
        if bad[0]:
            values[0] = 0.0
        values = values[kept]
    return values


def _noise(signal: npt.NDArray[Any], segments: Int64Array, width: int) -> float:
    """Return the standard deviation of the difference between steps, from pieces all over the signal.

    The 68th percentile of the magnitude is the standard deviation of normal noise, and that of counts that
    rarely change as well; steps are too few samples to move it.
    """
    lengths = segments[:, 1] - segments[:, 0]
    if not lengths.sum():
        return 0.0
    collected = []
    for first, last in segments:
        share = max(round(_SAMPLES_FOR_NOISE * (last - first) / lengths.sum()), 1)
        for start in np.linspace(first, max(last - _PIECE_FOR_NOISE, first), share).astype(np.int64):
            piece = signal[start : min(start + _PIECE_FOR_NOISE, last)]
            collected += [np.abs(values) for _, values in _differences(piece, width)]
    values = np.concatenate([np.empty(0), *collected])
    return float(np.percentile(values, 68.27)) if values.size else 0.0


def _regions(
    signal: npt.NDArray[Any], width: int, threshold: float, sign: int
) -> tuple[Int64Array, FloatArray]:
    """Return place and height of the largest difference in each stretch above a threshold.

    Stretches closer than half of `width` are one: noise divides the flank of a step.
    """
    places, heights = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for first, values in _differences(signal, width):
        signed = values if sign > 0 else -values
        above = np.flatnonzero(signed > threshold)
        places.append(above + first)
        heights.append(signed[above])
    place, height = np.concatenate(places), np.concatenate(heights)
    if not place.size:
        return place, height
    group = np.cumsum(np.concatenate(([0], np.diff(place) > max(width // 2, 1))))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    top = np.maximum.reduceat(height, starts)
    # A plateau counts once, at its middle, as in scipy.signal.find_peaks.
    at_top = np.flatnonzero(height >= top[group] * (1 - 1e-12))
    _, first_of, count = np.unique(group[at_top], return_index=True, return_counts=True)
    middle = place[at_top[first_of + (count - 1) // 2]]
    return middle, top


def _usual_heights(heights: FloatArray) -> list[float]:
    """Return the heights that may be the usual one, the likeliest first; none below 8 steps of one group."""
    positive = heights[heights > 0]
    if positive.size < MIN_STEPS:
        return []
    bins = np.floor(np.log2(positive) * _BINS_PER_OCTAVE).astype(np.int64)
    low = int(bins.min())
    count = np.bincount(bins - low, minlength=int(bins.max()) - low + 3)
    together = np.convolve(count, np.ones(3), "same")
    found: list[float] = []
    for power in (2, 1, 0):
        weight = np.convolve(np.bincount(bins - low, positive**power, count.size), np.ones(3), "same")
        best = int(np.argmax(np.where(together >= MIN_STEPS, weight, 0.0)))
        if together[best] < MIN_STEPS:
            return found
        height = float(np.median(positive[np.abs(bins - low - best) <= 1]))
        if all(abs(np.log2(height / other)) > 0.5 for other in found):
            found.append(height)
    return found
