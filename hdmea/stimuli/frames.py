"""Display frames from the frame-sync channel: one flip is one rising edge.

`detect_frames` finds them: `hdmea.stimuli.display` decides whether the channel shows a display at all, and
`hdmea.stimuli.regularity` tells where it dropped or doubled a flip.
Times are samples of the acquisition clock throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.display import FlipTrain, Recognition, recognise_display
from hdmea.stimuli.regularity import FrameRegularity, frame_regularity
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice, Each, SetParameter
from hdmea.utils.notices import Notice

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
USUAL_RATES_HZ = (59.0, 61.0)
"""A rate outside of these is said."""
JITTER_SAID = 0.05
"""Jitter above this part of a frame is said."""
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
        What the user should know: no display, irregular flips, gaps.
    information
        What is unusual, but not wrong: rate, where a flip is seen, pauses, jitter, edges that are not flips.
    train
        The train of flips that was recognised as a display; None if none was.
    others
        Other trains of the channel that would pass for a display, of another rate.
    """

    frames: npt.NDArray[np.uint64]
    n_detected: int
    scale: float
    regularity: FrameRegularity
    reason: Notice | None
    warnings: tuple[str, ...]
    information: tuple[str, ...] = ()
    train: FlipTrain | None = None
    others: tuple[FlipTrain, ...] = ()

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
            "Segments must be ascending pairs of first and last + 1 sample that do not overlap.",
            fix=Advice("Sort them, and join those that overlap."),
        )
    return np.clip(ranges, 0, n_samples)


def recorded_percentile(
    signal: npt.NDArray[Any], segments: npt.ArrayLike | None = None, percent: float = PERCENTILE
) -> float:
    """Return a high percentile of the recorded samples, with numpy's linear interpolation, at little cost.

    Only samples above a threshold taken from every 499th sample are sorted: the result is exact, because
    the threshold is lowered until enough samples are above it.

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
    sync: npt.NDArray[Any],
    segments: npt.ArrayLike | None,
    fs: float,
    *,
    drop_first: int = 4,
    display_rate_hz: float | None = None,
) -> FrameDetection:
    """Find the display frames in the frame-sync channel.

    A display is recognised by the even grid of its flips (`hdmea.stimuli.display`). Where its flips are
    clean rising edges, their samples are those that scripts know: the channel is divided by its 99.9
    percentile over the recorded samples, and flips are the local maxima of at least 0.1 of its difference
    (those that `scipy.signal.find_peaks` returns), searched in each segment on its own, so that neither a
    join nor a gap reads as an edge. Works in slices: needs little memory beside the signal.

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
    display_rate_hz
        Refresh rate of the display where it is not within 24 to 130 per second; None: to be found.

    Returns
    -------
    FrameDetection
        Frames (the sample before each step), regularity, and what to tell the user.

    Raises
    ------
    ValidationError
        If `sync` is not one-dimensional, `fs` or `display_rate_hz` not positive, or `drop_first` negative.
    """
    if sync.ndim != 1:
        raise ValidationError(
            f"The frame-sync channel must have one dimension, not {sync.ndim}.",
            fix=Advice("Pass the samples of one channel."),
        )
    if not fs > 0 or drop_first < 0 or (display_rate_hz is not None and not display_rate_hz > 0):
        raise ValidationError(
            "Sampling and display rate must be greater than 0 Hz, and frames to drop at least 0.",
            fix=Advice("Pass values in these ranges."),
        )
    ranges = as_segments(segments, sync.size)
    scale = recorded_percentile(sync, ranges)
    if np.isnan(scale):
        return _no_frames("the frame-sync channel does not contain recorded samples", scale, 0, ranges)
    recognised = recognise_display(sync, ranges, fs, display_rate_hz)
    if recognised.train is None:
        found = recognised.edges.rising.size or recognised.edges.n_small
        return _no_frames(str(recognised.reason), scale, found, ranges)
    detected, n_spikes = _clean_flips(sync, ranges, scale, recognised)
    frames = detected[drop_first:]
    regularity = frame_regularity(frames, ranges)
    if frames.size == 0:
        seen = (
            f"the frame-sync channel has {detected.size} flips; the first {drop_first} are dropped, none is "
            "left"
        )
        return _no_frames(seen, scale, int(detected.size), ranges)
    return FrameDetection(
        frames.astype(np.uint64),
        int(detected.size),
        scale,
        regularity,
        None,
        tuple(regularity.messages(fs)),
        tuple(_information(recognised, regularity, n_spikes, fs)),
        recognised.train,
        recognised.others,
    )


def _no_frames(seen: str, scale: float, n_detected: int, ranges: Int64Array) -> FrameDetection:
    reason = Notice(
        f"There are no display frames: {seen}.",
        fix=Each((Advice("Check that the photodiode was connected."), SetParameter("sync_channel"))),
    )
    empty = np.empty(0, dtype=np.int64)
    return FrameDetection(
        empty.astype(np.uint64), n_detected, scale, frame_regularity(empty, ranges), reason, (reason,)
    )


def _clean_flips(
    sync: npt.NDArray[Any], ranges: Int64Array, scale: float, recognised: Recognition
) -> tuple[Int64Array, int]:
    """Return the flips, and how many more maxima the definition for clean pulse trains has.

    If that definition has the same flips, one for one, its samples are returned: scripts know them.
    """
    assert recognised.train is not None
    flips = recognised.train.samples
    if recognised.train.kind != "rising edges" or not scale > 0:
        return flips, 0
    found = [
        step_maxima(sync[first:last], MIN_STEP, scale).samples + first for first, last in ranges.tolist()
    ]
    clean = np.concatenate([np.empty(0, dtype=np.int64), *found])
    reach = max(float(np.median(np.diff(flips))) / 4, 2.0)
    alone = _distance(clean, flips) > reach
    # At the ends of a segment only the definition for clean pulses finds a flip.
    inner = np.zeros(clean.size, dtype=bool)
    for first, last in ranges.tolist():
        inner |= (clean >= first + recognised.width) & (clean + recognised.width < last)
    unpaired = np.count_nonzero(alone & inner) + np.count_nonzero(_distance(flips, clean) > reach)
    at_the_ends = np.count_nonzero(alone & ~inner)
    if not unpaired and clean.size - at_the_ends == flips.size:
        return clean, 0
    return flips, int(np.count_nonzero(alone & inner)) if clean.size < 2 * flips.size else 0


def _information(recognised: Recognition, regularity: FrameRegularity, n_spikes: int, fs: float) -> list[str]:
    train = recognised.train
    assert train is not None
    said = []
    if train.kind != "rising edges":
        seen = {
            "falling edges": "at the falling edges of the sync channel, which rests high",
            "both edges": "at both edges of the sync channel: its level changes with every frame "
            f"({train.rate_hz / 2:.1f} rising edges per second)",
            "pulse packets": "at the first pulse of each packet of pulses of the sync channel",
        }[train.kind]
        said.append(f"Display frames are taken {seen}.")
    if not USUAL_RATES_HZ[0] <= train.rate_hz <= USUAL_RATES_HZ[1]:
        said.append(f"The display ran at {train.rate_hz:.2f} frames per second, not at 60.")
    said += [
        f"Read {_way(other, train)}, the sync channel would be a display of {other.rate_hz:.1f} frames per "
        f"second; {train.kind} ({train.rate_hz:.1f} per second) are nearer to 60 and are used."
        for other in recognised.others
    ]
    if train.jitter_ms > JITTER_SAID * 1000.0 / train.rate_hz:
        said.append(f"The flips of the display jitter by {train.jitter_ms:.1f} ms (standard deviation).")
    if n_spikes:
        said.append(f"{n_spikes} short pulses of the sync channel are not flips and were ignored.")
    pauses = regularity.pause_message(fs)
    return said if pauses is None else [*said, pauses]


def _way(other: FlipTrain, train: FlipTrain) -> str:
    if other.kind != train.kind:
        return f"by {other.kind}"
    return "with its low pulses" if other.samples.size > train.samples.size else "without its low pulses"


def _recorded(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    recorded: npt.NDArray[Any] = values[values == values]
    return recorded


def _slices(n_steps: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n_steps, _SLICE):
        yield first, min(first + _SLICE, n_steps)


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

    A neighbour that is not a candidate is lower. Where a plateau touches the end of the segment or an
    unrecorded sample it is not known to fall off, and is not a maximum.
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


def _distance(points: Int64Array, others: Int64Array) -> npt.NDArray[np.float64]:
    if others.size == 0:
        return np.full(points.size, np.inf)
    after = np.searchsorted(others, points)
    left = np.abs(points - others[np.maximum(after - 1, 0)])
    right = np.abs(others[np.minimum(after, others.size - 1)] - points)
    nearest: npt.NDArray[np.float64] = np.minimum(left, right).astype(np.float64)
    return nearest
