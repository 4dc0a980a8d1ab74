"""Electrical image: the mean raw voltage of all electrodes around a unit's spikes.

The recording is read in blocks, filtered without phase shift (Butterworth sections forward and backward:
−6 dB at the cutoff, twice the stated order in effect), and only the windows around spikes are summed.

References
----------
Litke A. M. et al. (2004) What does the eye tell the brain? IEEE Trans. Nucl. Sci. 51: 1434-1440.
Gustafsson F. (1996) Determining the initial states in forward-backward filtering. IEEE Trans. Signal
Process. 44: 988-992.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.eimage_stream import (
    SUBTRACT_OFFSET,
    Block,
    CountSource,
    HighPass,
    filter_tile,
    high_pass,
    native_counts,
    read_blocks,
)
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Each, SetParameter
from hdmea.utils.threads import Progress, no_progress, split_evenly

__all__ = [
    "WORKING_NBYTES",
    "CountSource",
    "ElectricalImages",
    "SpikeSelection",
    "electrical_images",
    "select_spikes",
]

WORKING_NBYTES = 200_000_000
"""Memory beyond the images of 4225 electrodes, however long the recording: blocks of counts, and tiles."""

_ELECTRODES_PER_TILE = 128


@dataclass(frozen=True, slots=True)
class SpikeSelection:
    """Which spikes enter the images.

    Attributes
    ----------
    unit, segment, start
        int64 (n,), ordered by segment and time: unit index, segment index, and first row of the window,
        counted from the begin of the segment.
    n_used, n_excluded
        int64 (units,): spikes used; spikes of the analysed time whose window leaves its segment.
    """

    unit: NDArray[np.int64]
    segment: NDArray[np.int64]
    start: NDArray[np.int64]
    n_used: NDArray[np.int64]
    n_excluded: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ElectricalImages:
    """Electrical images of several units.

    Attributes
    ----------
    data
        float32 (units, window, electrodes), counts times factors; NaN for a unit without a usable spike.
    n_spikes_used, n_spikes_excluded
        int64 (units,).
    filter_seconds
        Time spent on reading and filtering, in seconds.
    """

    data: NDArray[np.float32]
    n_spikes_used: NDArray[np.int64]
    n_spikes_excluded: NDArray[np.int64]
    filter_seconds: float


def select_spikes(
    spike_trains: Sequence[ArrayLike],
    segments: NDArray[np.int64],
    stop_sample: int,
    spike_limit: int,
    window_range: tuple[int, int],
) -> SpikeSelection:
    """Choose the spikes of an electrical image.

    Parameters
    ----------
    spike_trains
        Per unit ascending samples.
    segments
        int64 (n, 2): first and last + 1 sample of each gapless part, ascending.
    stop_sample
        Spikes in ``[0, stop_sample)`` are considered.
    spike_limit
        Only the first so many of them (0: all).
    window_range
        ``(w0, w1)``: a spike at s is used if ``[s + w0, s + w1)`` is inside one segment.
    """
    w0, w1 = window_range
    units, times, of_segment = [], [], []
    used = np.zeros(len(spike_trains), np.int64)
    excluded = np.zeros(len(spike_trains), np.int64)
    for unit, train in enumerate(spike_trains):
        spikes = np.asarray(train).astype(np.int64, copy=False)
        spikes = spikes[: np.searchsorted(spikes, stop_sample)]
        spikes = spikes[:spike_limit] if spike_limit else spikes
        segment = np.searchsorted(segments[:, 0], spikes + w0, side="right") - 1
        inside = (segment >= 0) & (spikes + w1 <= segments[segment, 1])
        used[unit] = inside.sum()
        excluded[unit] = spikes.size - used[unit]
        times.append(spikes[inside])
        of_segment.append(segment[inside])
        units.append(np.full(used[unit], unit, np.int64))
    time_of = _joined(times)
    segment_of = _joined(of_segment)
    order = np.lexsort((time_of, segment_of))
    segment_of = segment_of[order]
    start = time_of[order] + w0 - segments[segment_of, 0]
    return SpikeSelection(_joined(units)[order], segment_of, start, used, excluded)


def electrical_images(
    source: CountSource,
    spike_trains: Sequence[ArrayLike],
    *,
    sampling_rate: float,
    factors: NDArray[np.float64] | None = None,
    duration_s: float = 120.0,
    spike_limit: int = 10_000,
    window_range: tuple[int, int] = (-10, 40),
    cutoff_hz: float = 100.0,
    filter_order: int = 2,
    skip_highpass: bool = False,
    chunk_duration_s: float = 10.0,
    workers: int = 1,
    progress: Progress = no_progress,
) -> ElectricalImages:
    """Mean of the high-passed signal of every electrode around each unit's spikes.

    Parameters
    ----------
    source
        Raw counts, of any integer or real type, on any offset.
    spike_trains
        Per unit ascending samples on the clock of ``source.segments``.
    sampling_rate
        Hz.
    factors
        float64 (electrodes,): physical unit per count; None: counts.
    duration_s
        Spikes in ``[0, duration_s)`` are considered.
    spike_limit
        Only the first so many of them (0: all).
    window_range
        Samples relative to the spike, the end not included.
    cutoff_hz, filter_order
        Butterworth high-pass, forward and backward over each segment as in `scipy.signal.sosfiltfilt`.
    skip_highpass
        Subtract each electrode's mean over the analysed time instead.
    chunk_duration_s
        Most seconds that are read at once; changes memory, not the result.
    workers
        Threads; the result is the same to the byte for any number.
    progress
        Called with the fraction done after every block; may raise to stop.

    Raises
    ------
    ValidationError
        If a parameter makes no sense.
    """
    if window_range[0] >= window_range[1]:
        raise ValidationError(
            f"The window {tuple(window_range)} is empty: its first sample must be before its second.",
            parameter="window_range",
            fix=SetParameter("window_range", value=(-10, 40)),
        )
    if duration_s <= 0 or chunk_duration_s <= 0 or spike_limit < 0:
        raise ValidationError(
            "The durations must be greater than 0, and the most spikes at least 0 (all).",
            fix=Each(
                (SetParameter("duration_s"), SetParameter("chunk_duration_s"), SetParameter("spike_limit"))
            ),
        )
    segments = np.asarray(source.segments, np.int64).reshape(-1, 2)
    # 1.1 s at 25 kHz are 27 500 samples, but 27 500.000000000004 as a product of floating-point numbers.
    stop_sample = math.ceil(round(duration_s * sampling_rate, 6))
    selection = select_spikes(spike_trains, segments, stop_sample, spike_limit, window_range)
    data = np.zeros((len(spike_trains), window_range[1] - window_range[0], source.n_electrodes), np.float32)
    run = _Run(
        source=source,
        segments=segments,
        selection=selection,
        total=data,
        stop_sample=stop_sample,
        filter=None if skip_highpass else high_pass(cutoff_hz, filter_order, sampling_rate),
        read_samples=max(1, round(chunk_duration_s * sampling_rate)),
        workers=max(1, workers),
        progress=progress,
    )
    begin = time.perf_counter()
    run.stream()
    run.average(np.ones(source.n_electrodes) if factors is None else np.asarray(factors, np.float64))
    return ElectricalImages(
        data, selection.n_used, selection.n_excluded, filter_seconds=time.perf_counter() - begin
    )


@dataclass(slots=True)
class _Group:
    """Electrodes that are filtered together, with the state of their filter."""

    column: int
    offset: NDArray[np.float64]
    state: NDArray[np.float64]
    signal_sum: NDArray[np.float64]

    @property
    def size(self) -> int:
        return self.offset.size


@dataclass(slots=True)
class _Run:
    """One pass over the recording; `total` (units, window, electrodes) is all that grows with it."""

    source: CountSource
    segments: NDArray[np.int64]
    selection: SpikeSelection
    total: NDArray[np.float32]
    stop_sample: int
    filter: HighPass | None
    read_samples: int
    workers: int
    progress: Progress
    groups: list[_Group] = field(default_factory=list)
    n_summed: int = 0

    @property
    def window(self) -> int:
        return int(self.total.shape[1])

    def stream(self) -> None:
        """Filter every segment and sum its windows."""
        plan = self._plan()
        if not plan:
            return
        self._make_groups(plan[0][0])
        todo = sum(stop for _, stop in plan)
        done = 0
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            for segment, stop in plan:
                pending: list[Future[None]] = []
                for block in read_blocks(self.source, segment, stop, self.filter, self.read_samples):
                    _finish(pending)
                    pending = self._submit(pool, segment, block)
                    done += block.size
                    self.progress(done / todo)
                _finish(pending)

    def average(self, factors: NDArray[np.float64]) -> None:
        """Make means of the sums, scaled, in place."""
        base = np.zeros(self.source.n_electrodes)
        if self.filter is None:
            for group in self.groups:
                base[group.column : group.column + group.size] = group.signal_sum / max(self.n_summed, 1)
        for unit, n in enumerate(self.selection.n_used.tolist()):
            self.total[unit] = (self.total[unit] / n - base) * factors if n else np.nan

    def _plan(self) -> list[tuple[int, int]]:
        """Segments to read, and up to which of their rows."""
        plan = []
        for segment, (first, last) in enumerate(self.segments.tolist()):
            starts = self.selection.start[self.selection.segment == segment]
            stop = int(starts.max()) + self.window if starts.size else 0
            if self.filter is None and self.selection.n_used.any():
                stop = max(stop, min(last, self.stop_sample) - first)
            if stop > 0:
                plan.append((segment, stop))
        return plan

    def _make_groups(self, segment: int) -> None:
        # With the first sample gone, an offset of 32 768 costs no digits in what follows.
        first = native_counts(self.source.read_counts(segment, 0, 1))[0].astype(np.float64)
        sections = len(self.filter.sos) if self.filter else 1
        for columns in split_evenly(self.source.n_electrodes, _ELECTRODES_PER_TILE):
            self.groups.append(
                _Group(
                    column=columns.start,
                    offset=first[columns.start : columns.stop],
                    state=np.zeros((sections, 2, len(columns))),
                    signal_sum=np.zeros(len(columns)),
                )
            )

    def _submit(self, pool: ThreadPoolExecutor, segment: int, block: Block) -> list[Future[None]]:
        units, starts = self._windows(segment, block)
        work: Callable[[_Group, NDArray[np.float32]], None]
        if self.filter is None:
            n_mean = min(block.stop, self.stop_sample - int(self.segments[segment, 0])) - block.start
            n_mean = max(n_mean, 0)
            self.n_summed += n_mean

            def work(group: _Group, tile: NDArray[np.float32]) -> None:
                self._sum_unfiltered(group, block, tile, n_mean, units, starts)
        else:
            filter_ = self.filter

            def work(group: _Group, tile: NDArray[np.float32]) -> None:
                self._sum_filtered(group, block, tile, filter_, units, starts)

        def share(groups: range) -> None:
            rows = block.n_rows + (self.filter.padding if self.filter else 0)
            buffer = np.empty(rows * _ELECTRODES_PER_TILE, np.float32)
            for group in self.groups[groups.start : groups.stop]:
                work(group, buffer[: rows * group.size].reshape(rows, group.size))

        # Neighbours go to one thread: at their border they write into the same line of the cache.
        shares = split_evenly(len(self.groups), -(-len(self.groups) // self.workers))
        return [pool.submit(share, groups) for groups in shares]

    def _windows(self, segment: int, block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Windows that reach into the block, by unit and then by time; starts relative to the block."""
        chosen = self.selection
        low, high = np.searchsorted(chosen.segment, [segment, segment + 1])
        start = chosen.start[low:high]
        a, b = np.searchsorted(start, [block.start - self.window + 1, block.stop])
        order = np.argsort(chosen.unit[low + a : low + b], kind="stable")
        return chosen.unit[low + a : low + b][order], start[a:b][order] - block.start

    def _sum_filtered(
        self,
        group: _Group,
        block: Block,
        tile: NDArray[np.float32],
        filter_: HighPass,
        units: NDArray[np.int64],
        starts: NDArray[np.int64],
    ) -> None:
        n_rows = block.n_rows
        pad = min(filter_.padding, n_rows - 1)
        if block.start == 0:
            edge = _rows(block, group, 0, pad + 1)
            left = 2 * edge[0] - edge[pad:0:-1] if pad else edge[:1]
            group.state[:] = filter_.steady[:, :, None] * left[0]
            if pad:
                filter_tile(left.astype(np.float32), filter_.sos, group.state)
        _filter_counts(group, block, tile, 0, block.size, filter_.sos, group.state)
        if not units.size:
            return
        state = group.state.copy()
        _filter_counts(group, block, tile, block.size, n_rows, filter_.sos, state)
        if block.ends_segment:
            edge = _rows(block, group, n_rows - 1 - pad, n_rows)
            right = tile[n_rows : n_rows + pad]
            right[:] = 2 * edge[-1] - edge[:-1][::-1]
            filter_tile(right, filter_.sos, state)
            n_rows += pad
        filter_tile(tile[:n_rows], filter_.sos, filter_.steady[:, :, None] * tile[n_rows - 1], backward=True)
        self._add(tile[: block.size], units, starts, group)

    def _sum_unfiltered(
        self,
        group: _Group,
        block: Block,
        tile: NDArray[np.float32],
        n_mean: int,
        units: NDArray[np.int64],
        starts: NDArray[np.int64],
    ) -> None:
        tile = tile[: block.n_rows]
        _filter_counts(
            group, block, tile, 0, block.n_rows, SUBTRACT_OFFSET[None], np.zeros((1, 2, group.size))
        )
        # Integers in float64 are summed exactly; for real numbers the fixed blocks fix the order.
        group.signal_sum += tile[:n_mean].sum(axis=0, dtype=np.float64)
        self._add(tile, units, starts, group)

    def _add(
        self,
        tile: NDArray[np.float32],
        units: NDArray[np.int64],
        starts: NDArray[np.int64],
        group: _Group,
    ) -> None:
        from hdmea.features.science.eimage_kernels import add_windows

        part = np.empty((self.window, group.size), np.float32)
        add_windows(tile, units, starts, part, self.total, group.column)


def _filter_counts(
    group: _Group,
    block: Block,
    tile: NDArray[np.float32],
    start: int,
    stop: int,
    sos: NDArray[np.float64],
    state: NDArray[np.float64],
) -> None:
    """Fill rows of the tile with the filtered counts of the block; the state is carried on."""
    from hdmea.features.science.eimage_kernels import filter_counts

    row = 0
    for part in block.parts:
        low, high = max(start, row), min(stop, row + len(part))
        if low < high:
            counts = part[low - row : high - row]
            filter_counts(counts, group.column, group.offset, tile[low:high], sos[0], state[0])
        row += len(part)
    if len(sos) > 1:
        filter_tile(tile[start:stop], sos[1:], state[1:])


def _rows(block: Block, group: _Group, start: int, stop: int) -> NDArray[np.float64]:
    """Few rows of the block's counts without their offset."""
    found, row = [], 0
    for part in block.parts:
        found.append(part[max(start - row, 0) : max(stop - row, 0), group.column : group.column + group.size])
        row += len(part)
    rows: NDArray[np.float64] = np.concatenate(found).astype(np.float64) - group.offset
    return rows


def _finish(pending: list[Future[None]]) -> None:
    for future in pending:
        future.result()


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)
