"""Which display a frame-sync channel shows: candidate trains of flips, tested on the grid of a refresh."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.regularity import frame_grid

__all__ = [
    "DISPLAY_RATES_HZ",
    "FlipTrain",
    "Recognition",
    "StepEdges",
    "find_edges",
    "recognise_display",
]

NOISE_FACTOR = 6.0
MIN_STEPS = 8
_SLICE = 1 << 18
_SAMPLES_FOR_NOISE = 64
_MEDIAN_OF_NORMAL = 0.6745
_PIECE_FOR_NOISE = 4096
_BINS_PER_OCTAVE = 3
_ARTEFACT = 4.0
_SHARES = (0.5, 0.3, 0.15, 0.08)
_MANY_LOW = 0.05
_COMPLETE = 0.9
_BLOCK_S = 2.0
_SAME_HEIGHT = 1.25

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
    share
        Which part of the usual height these steps have at least.
    """

    rising: Int64Array
    falling: Int64Array
    height: float
    noise: float
    n_small: int
    share: float = _SHARES[0]


def find_edges(signal: npt.NDArray[Any], segments: Int64Array, width: int, fs: float) -> Iterator[StepEdges]:
    """Find the steps of a signal that are at least half as high as the usual one.

    What is usual is not certain: it is the height of the group of steps with most energy, most height in
    total, or most members. Noise has many small maxima, artefacts few large ones. Where many steps are less
    than half as high, as of pulses that alternate, lower ones are other possibilities. A
    height that changes gradually, as of a lamp that fades, is followed in blocks of 2 s.

    Parameters
    ----------
    signal
        (n_samples,), any number type; samples that are not numbers count as the one before.
    segments
        int64 (n, 2): recorded ranges; each is searched on its own.
    width
        Samples that are averaged before and after a step.
    fs
        Acquisition rate in Hz.

    Yields
    ------
    StepEdges
        One for each height that may be the usual one, the likeliest first; one without steps if fewer than 8
        exceed six times the noise. Steps of more than four times that height are artefacts.
    """
    noise = _noise(signal, segments, width)
    parts = [
        (_regions(signal[first:last], width, NOISE_FACTOR * noise, (+1,))[0], first)
        for first, last in segments
    ]
    heights = np.concatenate([np.empty(0), *[part[1] for part, _ in parts]])
    places = np.concatenate([np.empty(0, dtype=np.int64), *[part[0] + first for part, first in parts]])
    usual = _usual_heights(heights)
    if not usual:
        nothing = np.empty(0, dtype=np.int64)
        yield StepEdges(nothing, nothing, float("nan"), noise, int(heights.size))
    for height in usual:
        course = _course_of_heights(places, heights, height, round(_BLOCK_S * fs))
        part, many = heights / course(places), 0.0
        for share in _SHARES:
            if np.count_nonzero(part >= share) >= many:
                yield _edges_of(signal, segments, width, _Heights(height, share, course), noise, heights.size)
                many = (1 + _MANY_LOW) * np.count_nonzero(part >= share)


@dataclass(frozen=True)
class _Heights:
    """Usual height of the steps, its course over time, and which part of it a step has at least."""

    usual: float
    share: float
    course: Callable[[Int64Array], FloatArray]


def _course_of_heights(
    places: Int64Array, heights: FloatArray, usual: float, block: int
) -> Callable[[Int64Array], FloatArray]:
    """Follow the usual height from the block of time with most such steps on, in both directions.

    The height of a block is the median of the steps within a factor of two of the block before.
    """
    if not places.size:
        return lambda at: np.full(at.size, usual)
    number = places // block
    like = np.abs(np.log2(heights / usual)) < 0.5
    start = int(np.argmax(np.bincount(number[like]))) if like.any() else int(number[0])
    borders = np.searchsorted(number, np.arange(number[-1] + 2))
    course = np.full(int(number[-1]) + 1, usual)
    for blocks in (range(start, course.size), range(start - 1, -1, -1)):
        height = usual if blocks.step > 0 else float(course[start])
        for index in blocks:
            here = heights[borders[index] : borders[index + 1]]
            near = here[np.abs(np.log2(here / height)) < 1.0]
            height = float(np.median(near)) if near.size >= MIN_STEPS else height
            course[index] = height
    if course.max() <= _SAME_HEIGHT * course.min():
        course[:] = usual
    centres = (np.arange(course.size) + 0.5) * block
    return lambda at: np.interp(at, centres, course)


def _edges_of(
    signal: npt.NDArray[Any], segments: Int64Array, width: int, heights: _Heights, noise: float, n_rises: int
) -> StepEdges:
    found: list[list[Int64Array]] = [[np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]]
    margin = max(width // 2, 1)
    for first, last in segments:
        lowest = heights.share * float(heights.course(np.arange(first, last + width, width)).min())
        both = _regions(signal[first:last], width, lowest, (+1, -1))
        for (place, top), places in zip(both, found, strict=True):
            place += first
            part = top / heights.course(place)
            place = place[(part >= heights.share) & (part <= _ARTEFACT)]
            # Where a segment begins or ends, too few samples are averaged to tell a step from noise.
            places.append(place[(place >= first + margin) & (place + margin + 1 < last)])
    rising, falling = np.concatenate(found[0]), np.concatenate(found[1])
    return StepEdges(rising, falling, heights.usual, noise, max(n_rises - rising.size, 0), heights.share)


def _differences(signal: npt.NDArray[Any], width: int) -> Iterator[tuple[int, FloatArray]]:
    """Yield slices of mean(after) - mean(before) with the sample at which each begins.

    At the ends of the signal only the samples that exist are averaged.
    """
    for first in range(0, max(signal.size - 1, 0), _SLICE):
        last = min(first + _SLICE, signal.size - 1)
        low, high = max(first - width + 1, 0), min(last + width, signal.size)
        total = np.concatenate(
            ([0.0], np.cumsum(_filled(signal[low:high]) - float(_first(signal[low:high]))))
        )
        n, begin = last - first, first + 1 - low
        missing = max(width - begin, 0), max(last - low + width - (high - low), 0)
        n_before: Any = width
        n_after: Any = width
        if any(missing):
            here = np.arange(begin, begin + n)
            n_before, n_after = np.minimum(here, width), np.minimum(here + width, high - low) - here
            total, begin = np.pad(total, missing, "edge"), begin + missing[0]
        middle = total[begin : begin + n]
        mean_after = (total[begin + width : begin + width + n] - middle) / n_after
        yield first, mean_after - (middle - total[begin - width : begin - width + n]) / n_before


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

    From the median of the magnitude, as of normal noise: steps are not half of the samples, even at 120 flips
    per second.
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
    return float(np.median(values)) / _MEDIAN_OF_NORMAL if values.size else 0.0


def _regions(
    signal: npt.NDArray[Any], width: int, threshold: float, signs: Sequence[int]
) -> list[tuple[Int64Array, FloatArray]]:
    """Return place and height of the largest difference in each stretch above a threshold, for each sign.

    Stretches closer than half of `width` are one: noise divides the flank of a step.
    """
    found: list[list[tuple[Int64Array, FloatArray]]] = [
        [(np.empty(0, dtype=np.int64), np.empty(0))] for _ in signs
    ]
    for first, values in _differences(signal, width):
        for sign, parts in zip(signs, found, strict=True):
            signed = values if sign > 0 else -values
            above = np.flatnonzero(signed > threshold)
            parts.append((above + first, signed[above]))
    joined = [[np.concatenate(column) for column in zip(*parts, strict=True)] for parts in found]
    return [_tops(place, height, width) for place, height in joined]


def _tops(place: Int64Array, height: FloatArray, width: int) -> tuple[Int64Array, FloatArray]:
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


DISPLAY_RATES_HZ = (24.0, 130.0)
"""Refresh rates that are taken for a display unless a rate is stated."""

_USUAL_RATE_HZ = 60.0
_MIN_ON_GRID = 0.95
_MIN_ON_GRID_WITH_JITTER = 0.85
_ONE_PER_REFRESH = 0.98
_FEW_FLIPS = 30
_MIN_OCCUPANCY = 0.5
_TOGGLE_RATES_HZ = (12.0, 65.0)
_TOGGLE_DUTY = (0.45, 0.55)
_RESTS_HIGH_DUTY = 0.6
_REST_S = 0.5
_PULSES_APART = 3.0
_WIDTHS_S = (8e-4, 2e-4)
_STATED_TOLERANCE = 0.05
_MIN_FLIPS = 8


@dataclass(frozen=True, eq=False)
class FlipTrain:
    """A candidate for the flips of the display.

    Attributes
    ----------
    kind
        Where a flip is seen: "rising edges", "falling edges", "both edges", "pulse packets".
    samples
        int64 (n,): sample before each flip, ascending.
    rate_hz
        Refreshes per second of the grid that fits best; NaN if there are too few flips.
    on_grid, within_eighth
        Share of flips within a quarter and within an eighth of a frame of the grid.
    one_per_refresh
        Share of flips that come exactly one refresh after the flip before.
    occupancy
        Share of refreshes that have a flip.
    jitter_ms
        Robust standard deviation of the flips about the grid in milliseconds.
    """

    kind: str
    samples: Int64Array
    rate_hz: float
    on_grid: float
    within_eighth: float
    one_per_refresh: float
    occupancy: float
    jitter_ms: float

    @property
    def keeps_a_grid(self) -> bool:
        """Whether the flips are on the grid of a display of any rate.

        95 % within a quarter of a frame (an eighth below 30 flips, which chance puts on some grid more
        easily); or 85 % where almost every refresh has exactly one flip: a display with much jitter.
        """
        if self.samples.size < _MIN_FLIPS or self.occupancy < _MIN_OCCUPANCY:
            return False
        if self.samples.size < _FEW_FLIPS:
            return self.within_eighth >= _MIN_ON_GRID
        jittered = self.on_grid >= _MIN_ON_GRID_WITH_JITTER and self.one_per_refresh >= _ONE_PER_REFRESH
        return self.on_grid >= _MIN_ON_GRID or jittered


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a sync channel shows.

    Attributes
    ----------
    train
        The flips; None if no display was recognised.
    edges
        Steps of the channel from which `train` comes.
    width
        Samples that were averaged on each side of a step.
    others
        Other trains that would pass for a display.
    reason
        Why no display was recognised, without a full stop; None if one was.
    """

    train: FlipTrain | None
    edges: StepEdges
    width: int
    others: tuple[FlipTrain, ...]
    reason: str | None


def recognise_display(
    signal: npt.NDArray[Any], segments: Int64Array, fs: float, display_rate_hz: float | None = None
) -> Recognition:
    """Find the flips of a display in a sync channel, or say what the channel shows instead.

    Candidates are the rising edges, the falling edges if the channel rests high, both edges if both levels
    are held equally long (the level changes with every frame), and the first edges of pulse packets.
    Accepted is a train of which 95 % are within a quarter of a frame of an even grid of 24 to 130 per second.
    Of several the one nearest 60 per second is taken, by ratio.

    Parameters
    ----------
    signal
        (n_samples,), any number type.
    segments
        int64 (n, 2): recorded ranges of samples.
    fs
        Acquisition rate in Hz.
    display_rate_hz
        Refresh rate that the display is known to have; None: any from 24 to 130.
    """
    seen: list[tuple[StepEdges, list[FlipTrain]]] = []
    accepted: list[tuple[FlipTrain, StepEdges, int]] = []
    for seconds in _WIDTHS_S:
        width = max(round(seconds * fs), 1)
        for edges in find_edges(signal, segments, width, fs):
            trains = _candidates(edges, segments, fs, display_rate_hz)
            accepted += [
                (train, edges, width)
                for train in trains
                if _accepted(train, display_rate_hz)
                # Low steps are flips if they fill the refreshes that high ones leave out.
                and (edges.share == _SHARES[0] or train.one_per_refresh >= _COMPLETE)
            ]
            seen.append((edges, trains))
        accepted.sort(
            key=lambda found: (_distance(found[0], display_rate_hz), -round(found[0].one_per_refresh, 3))
        )
        # A wide average blurs packets of short pulses: the narrow one may tell them from noise.
        if accepted and accepted[0][0].one_per_refresh >= _ONE_PER_REFRESH:
            break
    if accepted:
        best, edges, width = accepted[0]
        others: list[FlipTrain] = []
        for train, *_ in accepted:
            if not any(_same_rate(train.rate_hz, known.rate_hz) for known in (best, *others)):
                others.append(train)
        return Recognition(best, edges, width, tuple(others), None)
    # What is told is the most even train: that of the wrong height is noise or artefacts.
    edges, trains = max(seen, key=lambda part: (part[0].rising.size > 0, max(_evenness(t) for t in part[1])))
    reason = _reason(signal, segments, edges, trains, display_rate_hz)
    return Recognition(None, edges, 0, (), reason)


def _evenness(train: FlipTrain) -> tuple[bool, float]:
    return train.keeps_a_grid, train.on_grid if train.samples.size >= _MIN_FLIPS else 0.0


def _candidates(edges: StepEdges, segments: Int64Array, fs: float, stated: float | None) -> list[FlipTrain]:
    rising, falling = edges.rising, edges.falling
    rests_high, duty = _levels(rising, falling, segments, fs)
    single = _train("falling edges", falling, segments, fs) if rests_high else None
    rise = _train("rising edges", rising, segments, fs)
    trains = [single or rise]
    if _TOGGLE_DUTY[0] <= duty <= _TOGGLE_DUTY[1] and (
        _TOGGLE_RATES_HZ[0] <= rise.rate_hz <= _TOGGLE_RATES_HZ[1]
    ):
        both = np.union1d(rising, falling)
        trains.append(_train("both edges", both, segments, fs))
    starts = falling if rests_high else rising
    shortest = fs / (DISPLAY_RATES_HZ[1] if stated is None else 1.3 * stated)
    usual = float(np.median(np.diff(starts))) if starts.size > 1 else shortest
    # The packets of a fast display come closer than that, but not close to the pulses within them.
    for apart in sorted({shortest, min(shortest, _PULSES_APART * usual)}):
        packets = _packets(starts, apart)
        if 0 < packets.size < 0.75 * trains[0].samples.size:
            trains.append(_train("pulse packets", packets, segments, fs))
    return trains


def _train(kind: str, samples: Int64Array, segments: Int64Array, fs: float) -> FlipTrain:
    grid = frame_grid(samples, segments)
    single = np.concatenate(
        [np.diff(grid.number[first:last]) == 1 for first, last in grid.piece] or [[False]]
    )
    return FlipTrain(
        kind,
        samples,
        fs / grid.interval,
        grid.on_grid,
        float(np.mean(np.abs(grid.offset) <= 0.125)) if samples.size else float("nan"),
        float(np.mean(single)) if single.size else float("nan"),
        grid.occupancy,
        1000.0 * grid.jitter * grid.interval / fs,
    )


def _packets(edges: Int64Array, shortest: float) -> Int64Array:
    """Return the first edge of every packet: pulses that follow each other within `shortest` are joined."""
    return edges[np.diff(edges, prepend=-2 * shortest - 1) > shortest] if edges.size else edges


def _levels(rising: Int64Array, falling: Int64Array, segments: Int64Array, fs: float) -> tuple[bool, float]:
    """Return whether the channel rests high, and which part of the time between edges it is high.

    At rest is where no edge comes for half a second: before the first flip, in pauses, after the last one.
    Without such a stretch the level counts that is held longer.
    """
    at = np.concatenate((rising, falling))
    up = np.concatenate((np.ones(rising.size, bool), np.zeros(falling.size, bool)))
    order = np.argsort(at, kind="stable")
    at, up = at[order], up[order]
    rest, held = [0.0, 0.0], [0.0, 0.0]
    before: bool | None = None
    for first, last in segments:
        low, high = np.searchsorted(at, (first, last))
        if low == high:
            continue
        bounds = np.concatenate(([first], at[low:high], [last]))
        state = np.concatenate(([not up[low]], up[low:high])).astype(np.int64)
        length = np.diff(bounds).astype(np.float64)
        quiet = length > _REST_S * fs
        if before is None and quiet[0]:
            before = bool(state[0])
        for level in (0, 1):
            rest[level] += float(length[quiet & (state == level)].sum())
            inner = ~quiet & (state == level)
            inner[[0, -1]] = False
            held[level] += float(length[inner].sum())
    total = held[0] + held[1]
    duty = held[1] / total if total else float("nan")
    if before is not None and _TOGGLE_DUTY[0] <= duty <= _TOGGLE_DUTY[1]:
        # The level at which the last frame leaves the channel may be either.
        return before, duty
    if rest[0] + rest[1] > 0:
        return rest[1] > rest[0], duty
    return duty > _RESTS_HIGH_DUTY, duty


def _accepted(train: FlipTrain, stated: float | None) -> bool:
    return train.keeps_a_grid and _in_range(train.rate_hz, stated)


def _in_range(rate: float, stated: float | None) -> bool:
    if stated is not None:
        return abs(rate / stated - 1) <= _STATED_TOLERANCE
    return DISPLAY_RATES_HZ[0] <= rate <= DISPLAY_RATES_HZ[1]


def _distance(train: FlipTrain, stated: float | None) -> float:
    return round(abs(math.log(train.rate_hz / (stated or _USUAL_RATE_HZ))), 3)


def _same_rate(rate: float, other: float) -> bool:
    return abs(rate / other - 1) < _STATED_TOLERANCE


def _reason(
    signal: npt.NDArray[Any],
    segments: Int64Array,
    edges: StepEdges,
    trains: list[FlipTrain],
    stated: float | None,
) -> str:
    if 0 < max(edges.rising.size, edges.n_small) < _MIN_FLIPS:
        seen = max(edges.rising.size, edges.n_small)
        return f"the frame-sync channel has only {seen} steps, too few to recognise a display"
    if not edges.rising.size:
        sample = np.concatenate([signal[first:last:499] for first, last in segments])
        if edges.noise == 0 and sample.size and np.nanmax(sample) == np.nanmin(sample):
            return f"the frame-sync channel is constant ({float(sample[0]):g}: saturated or not connected)"
        return "the frame-sync channel has no flips (noise only)"
    even = [train for train in trains if train.keeps_a_grid]
    if even:
        wanted = (
            f"{DISPLAY_RATES_HZ[0]:g} to {DISPLAY_RATES_HZ[1]:g}"
            if stated is None
            else f"{stated:g} as stated"
        )
        return (
            f"the frame-sync channel has {even[0].rate_hz:.1f} pulses per second, which is not a display's "
            f"rate ({wanted}); if it is, state the display rate"
        )
    best = max(trains, key=lambda train: (train.on_grid, train.occupancy))
    return (
        f"the {best.samples.size} steps of the frame-sync channel do not keep the even grid of a display "
        f"({best.on_grid:.0%} are within a quarter of a frame of the best one, 95% are needed)"
    )
