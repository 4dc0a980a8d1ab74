"""Display frames from the frame-sync channel: one flip is one rising edge.

`detect_frames` finds them, `hdmea.stimuli.regularity` tells where the display dropped or doubled one.
Times are samples of the acquisition clock throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.regularity import FrameRegularity, frame_regularity
from hdmea.utils.exceptions import ValidationError

__all__ = [
    "FrameDetection",
    "StepMaxima",
    "as_segments",
    "detect_frames",
    "recorded_percentile",
    "step_maxima",
]

PERCENTILE = 99.9
MIN_STEP = 0.1
_SLICE = 1 << 18
_STRIDE = 499

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FrameDetection:
    """Display frames of a recording.

    Attributes
    ----------
    frames
        uint64 (n_frames,): sample before the step of each flip, ascending, without the dropped first ones.
    n_detected
        Flips found, the dropped first ones included.
    scale
        99.9 percentile of the recorded samples, in the channel's unit; NaN if nothing was recorded.
    regularity
        Nominal interval, missing and double flips, data gaps.
    reason
        Why there are no frames; None when there are some.
    warnings
        What the person should know: disagreement of the cross-check, irregular flips, gaps.
    """

    frames: npt.NDArray[np.uint64]
    n_detected: int
    scale: float
    regularity: FrameRegularity
    reason: str | None
    warnings: tuple[str, ...]

    @property
    def nominal_interval(self) -> float:
        """Median interval between frames in samples; NaN below two frames."""
        return self.regularity.nominal_interval


class StepMaxima(NamedTuple):
    """Local maxima of a signal's difference.

    Attributes
    ----------
    samples
        int64 (n,): sample before each step, ascending.
    heights
        (n,): the steps.
    largest
        Largest step of all; NaN without any recorded one.
    """

    samples: Int64Array
    heights: npt.NDArray[Any]
    largest: float


def as_segments(segments: npt.ArrayLike | None, n_samples: int) -> Int64Array:
    """Return recorded ranges as int64 (n, 2), clipped to `n_samples`; None means one range of everything.

    Raises
    ------
    ValidationError
        If the ranges are not ascending half-open pairs.
    """
    if segments is None:
        return np.array([[0, n_samples]], dtype=np.int64)
    ranges = np.asarray(segments, dtype=np.int64).reshape(-1, 2)
    if np.any(ranges[:, 1] < ranges[:, 0]) or np.any(ranges[1:, 0] < ranges[:-1, 1]):
        raise ValidationError(
            "Segments must be ascending pairs of first and last + 1 sample that do not overlap."
        )
    return np.clip(ranges, 0, n_samples)


def recorded_percentile(
    signal: npt.NDArray[Any], segments: npt.ArrayLike | None = None, percent: float = PERCENTILE
) -> float:
    """Return a high percentile of the recorded samples, with numpy's linear interpolation, at little cost.

    Only samples above a threshold taken from every 499th sample are sorted: the result is exact, because
    the threshold is lowered until enough samples lie above it.

    Parameters
    ----------
    signal
        (n_samples,), one value per sample of the clock; NaN where nothing was recorded.
    segments
        (n, 2) recorded ranges; None for the whole signal.
    percent
        0 to 100.

    Returns
    -------
    float
        The percentile in the signal's unit; NaN if no sample was recorded.
    """
    parts = [signal[first:last] for first, last in as_segments(segments, signal.size)]
    n_recorded = sum(int(np.count_nonzero(part == part)) for part in parts)
    if n_recorded == 0:
        return float("nan")
    position = (n_recorded - 1) * percent / 100.0
    rank = int(position)
    needed = n_recorded - rank
    sample = np.sort(_recorded(np.concatenate([part[::_STRIDE] for part in parts])))
    guess = min(needed / n_recorded * 2, 1.0)
    while guess < 1.0 and sample.size:
        threshold = sample[int((1.0 - guess) * (sample.size - 1))]
        top = np.concatenate([part[part >= threshold] for part in parts])
        if top.size >= needed:
            break
        guess *= 4
    else:
        top = _recorded(np.concatenate(parts))
    kth = top.size - needed
    low, high = np.partition(top, [kth, min(kth + 1, top.size - 1)])[[kth, min(kth + 1, top.size - 1)]]
    return float(low) + (position - rank) * (float(high) - float(low))


def detect_frames(
    sync: npt.NDArray[Any], segments: npt.ArrayLike | None, fs: float, *, drop_first: int = 4
) -> FrameDetection:
    """Find the display frames in the frame-sync channel.

    The channel is divided by its 99.9 percentile over the recorded samples; flips are the local maxima of
    at least 0.1 of its difference (those that `scipy.signal.find_peaks` returns), searched in each
    segment on its own, so that neither a join nor a gap reads as an edge. Works in slices: needs little
    memory beside the signal.

    Parameters
    ----------
    sync
        (n_samples,), any number type; one value per sample of the clock, NaN where nothing was recorded.
    segments
        int64 (n, 2): first and last + 1 sample of each recorded range; None if all was recorded.
    fs
        Acquisition rate in Hz.
    drop_first
        How many of the recording's first flips are dropped.

    Returns
    -------
    FrameDetection
        Frames (the sample before each step), regularity, and what to tell the person.

    Raises
    ------
    ValidationError
        If `sync` is not one-dimensional, `fs` is not positive or `drop_first` is negative.
    """
    if sync.ndim != 1:
        raise ValidationError(f"The frame-sync channel must have one dimension, not {sync.ndim}.")
    if not fs > 0 or drop_first < 0:
        raise ValidationError("fs must be above 0 Hz and drop_first at least 0.")
    ranges = as_segments(segments, sync.size)
    scale = recorded_percentile(sync, ranges)
    if not scale > 0:
        return _no_frames(scale, ranges)
    half = 0.5 * (scale + _dark_level(sync, ranges))
    flips: list[Int64Array] = []
    edges: list[Int64Array] = []
    for first, last in ranges:
        found, crossings = _segment_flips(sync[first:last], scale, half)
        flips.append(found + first)
        edges.append(crossings + first)
    detected = np.concatenate(flips)
    frames = detected[drop_first:]
    regularity = frame_regularity(frames, ranges)
    warnings = [*_cross_check(detected, np.concatenate(edges)), *regularity.messages(fs)]
    reason = None
    if frames.size == 0:
        reason = (
            f"The frame-sync channel has {detected.size} flips; the first {drop_first} are dropped, "
            "none is left."
        )
        warnings.append(reason)
    return FrameDetection(
        frames.astype(np.uint64), int(detected.size), scale, regularity, reason, tuple(warnings)
    )


def _no_frames(scale: float, ranges: Int64Array) -> FrameDetection:
    reason = (
        "The frame-sync channel holds no recorded sample: there are no display frames."
        if np.isnan(scale)
        else f"The frame-sync channel is dark (99.9 percentile {scale:g}): there are no display frames. "
        "Check that the photodiode was connected."
    )
    empty = np.empty(0, dtype=np.int64)
    return FrameDetection(
        empty.astype(np.uint64), 0, scale, frame_regularity(empty, ranges), reason, (reason,)
    )


def _recorded(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    recorded: npt.NDArray[Any] = values[values == values]
    return recorded


def _dark_level(sync: npt.NDArray[Any], ranges: Int64Array) -> float:
    sample = _recorded(np.concatenate([sync[first:last:_STRIDE] for first, last in ranges]))
    if sample.size == 0:
        return 0.0
    return float(np.partition(sample, sample.size // 100)[sample.size // 100])


def _slices(n_steps: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n_steps, _SLICE):
        yield first, min(first + _SLICE, n_steps)


def _segment_flips(signal: npt.NDArray[Any], scale: float, half: float) -> tuple[Int64Array, Int64Array]:
    """Return the local maxima of the difference, and the upward crossings of `half`, as sample indices."""
    edges = [np.empty(0, dtype=np.int64)]
    for first, last in _slices(max(signal.size - 1, 0)):
        piece = signal[first : last + 1]
        high = piece >= half
        edges.append(np.flatnonzero(high[1:] & (piece[:-1] < half)) + first)
    return step_maxima(signal, MIN_STEP, scale).samples, np.concatenate(edges)


def step_maxima(signal: npt.NDArray[Any], height: float, scale: float = 1.0) -> StepMaxima:
    """Find the local maxima of ``diff(signal / scale)`` that are at least `height`.

    They are those of ``scipy.signal.find_peaks(..., height=height)``: a plateau counts once, at its middle
    (rounded down); the first and the last step are never maxima. Unrecorded samples (NaN) are never a step.

    Parameters
    ----------
    signal
        (n_samples,), any number type.
    height
        Smallest step, above 0, in units of `scale`.
    scale
        Divisor of the signal.
    """
    dtype = signal.dtype if signal.dtype.kind == "f" else np.dtype(np.float64)
    divisor = dtype.type(scale)
    positions = [np.empty(0, dtype=np.int64)]
    heights = [np.empty(0, dtype=dtype)]
    largest = float("nan")
    for first, last in _slices(max(signal.size - 1, 0)):
        step = np.diff(signal[first : last + 1] / divisor)
        above = np.flatnonzero(step >= height)
        positions.append(above + first)
        heights.append(step[above])
        largest = float(np.fmax(largest, np.fmax.reduce(step)))
    candidates, values = np.concatenate(positions), np.concatenate(heights)
    maxima = _local_maxima(candidates, values, signal)
    return StepMaxima(maxima, values[np.searchsorted(candidates, maxima)], largest)


def _local_maxima(candidates: Int64Array, values: npt.NDArray[Any], signal: npt.NDArray[Any]) -> Int64Array:
    """Return the middles of the plateaus among `candidates` that fall off to both sides.

    A neighbour that is no candidate is lower. Where a plateau touches the end of the segment or an
    unrecorded sample it is not known to fall off, and is no maximum.
    """
    if candidates.size == 0:
        return candidates
    adjoining = np.diff(candidates) == 1
    new = np.concatenate(([True], ~(adjoining & (values[1:] == values[:-1]))))
    starts = np.flatnonzero(new)
    ends = np.concatenate((starts[1:], [candidates.size])) - 1
    rises = np.ones(starts.size, dtype=bool)
    falls = np.ones(starts.size, dtype=bool)
    touching = adjoining[starts[1:] - 1]
    higher = values[starts[1:]] > values[ends[:-1]]
    rises[1:] = ~touching | higher
    falls[:-1] = ~touching | ~higher
    first, last = candidates[starts], candidates[ends]
    inside = (first >= 1) & (last + 2 < signal.size)
    recorded = np.isfinite(signal[np.maximum(first - 1, 0)]) & np.isfinite(
        signal[np.minimum(last + 2, signal.size - 1)]
    )
    maxima: Int64Array = ((first + last) // 2)[rises & falls & inside & recorded]
    return maxima


def _cross_check(flips: Int64Array, edges: Int64Array) -> list[str]:
    """Compare the flips with the upward crossings of half height; each edge must have its flip."""
    interval = float(np.median(np.diff(flips))) if flips.size > 1 else 4.0
    reach = max(interval / 4, 2.0)
    lonely_flips = np.count_nonzero(_distance(flips, edges) > reach)
    lonely_edges = np.count_nonzero(_distance(edges, flips) > reach)
    if flips.size == edges.size and not lonely_flips and not lonely_edges:
        return []
    return [
        f"Frame detection: {flips.size} flips by their steps, {edges.size} by rising edges at half height "
        f"({lonely_flips} and {lonely_edges} without a partner). Look at the frame-sync channel before "
        "trusting section times."
    ]


def _distance(points: Int64Array, others: Int64Array) -> npt.NDArray[np.float64]:
    if others.size == 0:
        return np.full(points.size, np.inf)
    after = np.searchsorted(others, points)
    left = np.abs(points - others[np.maximum(after - 1, 0)])
    right = np.abs(others[np.minimum(after, others.size - 1)] - points)
    nearest: npt.NDArray[np.float64] = np.minimum(left, right).astype(np.float64)
    return nearest
