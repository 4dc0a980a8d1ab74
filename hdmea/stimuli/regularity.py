"""How regular the display was: the grid that flips keep, missing and double flips, pauses, correction.

A display flips at multiples of its refresh interval. `frame_grid` numbers flips by the refresh to which each
belongs, so that jitter below half an interval is neither a missing nor a double flip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.utils.fixes import SetParameter
from hdmea.utils.notices import Notice

__all__ = [
    "PAUSE_FRAMES",
    "FrameGrid",
    "FrameRegularity",
    "correct_frames",
    "frame_grid",
    "frame_regularity",
]

PAUSE_FRAMES = 30
"""Intervals longer than this many refreshes (0.5 s at 60 per second) are pauses, not missing flips."""

_MAX_TIMES_LISTED = 5
_BLOCK_FRAMES = 20
_LINE_BLOCKS = 15
_FLIPS_FOR_RATE = 240
_FEWEST_FOR_GRID = 8
_QUARTER = 0.25

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FrameGrid:
    """Flips on the grid of refreshes.

    Attributes
    ----------
    number
        int64 (n,): refresh of each flip, counted again in each piece.
    offset
        float64 (n,): how far each flip is from its refresh, in refresh intervals (-0.5 to 0.5).
    piece
        int64 (n_pieces, 2): index ranges of flips that neither a pause nor a gap divides.
    interval
        Refresh interval in samples; NaN if there are too few flips.
    """

    number: Int64Array
    offset: FloatArray
    piece: Int64Array
    interval: float

    @property
    def on_grid(self) -> float:
        """Share of flips within a quarter of an interval of the grid; NaN without flips."""
        return float(np.mean(np.abs(self.offset) <= _QUARTER)) if self.offset.size else float("nan")

    @property
    def occupancy(self) -> float:
        """Share of refreshes between first and last of each piece that have a flip; NaN without flips."""
        spans = sum(int(self.number[last - 1] - self.number[first]) + 1 for first, last in self.piece)
        shown = sum(np.unique(self.number[first:last]).size for first, last in self.piece)
        return shown / spans if spans else float("nan")

    @property
    def jitter(self) -> float:
        """Robust standard deviation of the offsets in refresh intervals; NaN without flips."""
        if not self.offset.size:
            return float("nan")
        return float(1.4826 * np.median(np.abs(self.offset - np.median(self.offset))))


@dataclass(frozen=True)
class FrameRegularity:
    """Deviations of the frames from an even grid.

    Attributes
    ----------
    nominal_interval
        Median interval in samples between frames that no data gap separates; NaN if there is none.
    missing_at, missing_count
        int64 (k,): sample of the frame before each hole, and how many refreshes it is too long.
    double_at
        int64 (k,): sample of the second flip of each pair that belongs to one refresh.
    shift
        int64 (n_frames,): index of the frame that was shown minus index among the detected ones, counted
        from the first frame after the last data gap: +1 per missing flip before it, -1 per double flip.
    runs
        int64 (n_runs, 2): frame index ranges between which the number of missed frames is unknown.
    gaps
        int64 (n_gaps, 2): unrecorded ranges of samples between segments.
    pauses
        int64 (n_pauses, 2): samples of the frames before and after each interval without flips of more than
        `PAUSE_FRAMES` refreshes; the display is taken to have waited.
    """

    nominal_interval: float
    missing_at: Int64Array
    missing_count: Int64Array
    double_at: Int64Array
    shift: Int64Array
    runs: Int64Array
    gaps: Int64Array
    pauses: Int64Array

    @property
    def is_regular(self) -> bool:
        """Whether no flip is missing or double and no data are missing between frames."""
        return not (self.missing_at.size or self.double_at.size or len(self.runs) > 1)

    def run_of(self, frame: int) -> int:
        """Return the number of the run that contains `frame`, -1 if no frame has this index."""
        inside = np.flatnonzero((self.runs[:, 0] <= frame) & (frame < self.runs[:, 1]))
        return int(inside[0]) if inside.size else -1

    def messages(self, fs: float) -> list[str]:
        """Return what the user should know, one sentence each; `fs` in Hz turns samples into times."""
        found: list[str] = []
        if self.missing_at.size:
            found.append(
                Notice(
                    f"{int(self.missing_count.sum())} display flips are missing "
                    f"({_times(self.missing_at, fs)}): either the flips were lost, and every later section "
                    "starts that many frames late, or the display showed frames late, which shifts nothing.",
                    fix=SetParameter("frame_correction", "load_recording", value=True),
                )
            )
        if self.double_at.size:
            found.append(
                Notice(
                    f"{self.double_at.size} display flips are double ({_times(self.double_at, fs)}): every "
                    "later section starts as many frames too early.",
                    fix=SetParameter("frame_correction", "load_recording", value=True),
                )
            )
        if len(self.gaps):
            (first, last), *others = self.gaps.tolist()
            where = f"from {first / fs:.3f} s to {last / fs:.3f} s (samples {first} to {last})"
            what = f"Nothing was recorded {where}"
            if others:
                what = f"The recording has {len(self.gaps)} gaps (the first {where})"
            found.append(
                Notice(
                    f"{what}: the number of display frames missed there is unknown, so sections after it "
                    "need an explicit anchor.",
                    fix=SetParameter("reanchor", "add_section_time"),
                )
            )
        return found

    def pause_message(self, fs: float) -> str | None:
        """Return where the display paused, None if it did not; `fs` in Hz turns samples into times."""
        if not len(self.pauses):
            return None
        listed = ", ".join(
            f"{first / fs:.2f} to {last / fs:.2f} s"
            for first, last in self.pauses[:_MAX_TIMES_LISTED].tolist()
        )
        more = len(self.pauses) - _MAX_TIMES_LISTED
        return (
            f"The display did not flip from {listed}{f' and in {more} more pauses' if more > 0 else ''}: "
            "frames are counted on from the next flip."
        )


def frame_grid(frames: npt.ArrayLike, segments: npt.ArrayLike | None = None) -> FrameGrid:
    """Return the refresh to which each flip belongs.

    The refresh interval is the one near the median interval at which 240 flips have the most even phase. In
    every piece between pauses and gaps the phase of the flips is averaged on the circle in blocks of 20
    refreshes; a robust line through 15 blocks (5 s at 60 per second) gives the grid locally, so that neither
    single late, lost and doubled flips nor a slow drift of the rate shift it.

    Parameters
    ----------
    frames
        (n_frames,) samples, ascending.
    segments
        (n, 2) recorded ranges of samples; ranges that touch are one. None: no gap.
    """
    times = np.asarray(frames).astype(np.int64)
    pieces = _pieces(times, _runs(times, _gaps(segments)))
    lengths = pieces[:, 1] - pieces[:, 0]
    number = np.zeros(times.size, dtype=np.int64)
    offset = np.zeros(times.size, dtype=np.float64)
    if not lengths.size or lengths.max() < 2:
        return FrameGrid(number, offset, pieces, float("nan"))
    longest = pieces[int(np.argmax(lengths))]
    interval = _refresh_interval(times[longest[0] : longest[1]], _median_interval(times, pieces))
    for first, last in pieces:
        number[first:last], offset[first:last] = _on_grid(times[first:last], interval)
    spans = [(times[b - 1] - times[a], number[b - 1] - number[a]) for a, b in pieces]
    duration, refreshes = np.sum(spans, axis=0)
    return FrameGrid(number, offset, pieces, float(duration / refreshes) if refreshes > 0 else interval)


def frame_regularity(
    frames: npt.NDArray[Any], segments: npt.ArrayLike | None, late_at: npt.ArrayLike | None = None
) -> FrameRegularity:
    """Measure the regularity of frames.

    Parameters
    ----------
    frames
        (n_frames,) samples, ascending, any integer type.
    segments
        (n, 2) recorded ranges of samples; ranges that touch are one. None: no gap.
    late_at
        (k,) samples of the frames before intervals that are known to be late frames: the movie waited, no
        flip is missing.

    Returns
    -------
    FrameRegularity
        A hole is an interval in which at least one refresh has no flip, a double flip is the second one of a
        refresh. Jitter below half an interval is neither.
    """
    times = np.asarray(frames).astype(np.int64)
    gaps = _gaps(segments)
    runs = _runs(times, gaps)
    pieces = _pieces(times, runs)
    inside = np.zeros(max(times.size - 1, 0), dtype=bool)
    for first, last in pieces:
        inside[first : last - 1] = True
    nothing = np.empty(0, dtype=np.int64)
    pauses = _pauses(times, runs, pieces)
    if not inside.any():
        shift = np.zeros(times.size, np.int64)
        return FrameRegularity(float("nan"), nothing, nothing, nothing, shift, runs, gaps, pauses)
    nominal = float(np.median(np.diff(times)[inside]))
    advance = np.where(inside, np.diff(frame_grid(times, segments).number), 1)
    if late_at is not None:
        advance[np.isin(times[:-1], np.asarray(late_at, dtype=np.int64)) & (advance > 1)] = 1
    steps = np.concatenate(([0], advance - 1))
    shift = np.cumsum(steps)
    for first, last in runs:
        shift[first:last] -= shift[first]
    holes, doubles = advance > 1, advance < 1
    missing = (advance - 1)[holes]
    return FrameRegularity(nominal, times[:-1][holes], missing, times[1:][doubles], shift, runs, gaps, pauses)


def correct_frames(
    frames: npt.NDArray[np.uint64],
    segments: npt.ArrayLike | None,
    late_at: npt.ArrayLike | None = None,
) -> npt.NDArray[np.uint64]:
    """Return the frames with double flips removed and missing flips inserted on the grid.

    Of two flips of one refresh the one nearer to the grid stays. Holes are filled with evenly spaced
    flips. Nothing is inserted across a data gap, in a pause, or where the display showed a frame late.

    Parameters
    ----------
    frames
        uint64 (n_frames,) samples, ascending.
    segments
        (n, 2) recorded ranges of samples, or None.
    late_at
        (k,) samples of the frames before the holes that are not filled, as in `missing_at`.

    Returns
    -------
    ndarray
        uint64 (n_corrected,) samples, ascending.
    """
    regularity = frame_regularity(frames, segments)
    if not (regularity.missing_at.size or regularity.double_at.size):
        return frames
    times = frames.astype(np.int64)
    grid = frame_grid(times, segments)
    late = np.isin(times, np.asarray([] if late_at is None else late_at, dtype=np.int64))
    corrected = []
    for first, last in grid.piece:
        number, offset = grid.number[first:last], np.abs(grid.offset[first:last])
        order = np.lexsort((offset, number))
        best = order[np.concatenate(([True], np.diff(number[order]) > 0))]
        corrected.append(_fill_holes(times[first:last][best], number[best], late[first:last][best]))
    return np.concatenate(corrected).astype(np.uint64)


def _fill_holes(times: Int64Array, number: Int64Array, late: npt.NDArray[np.bool_]) -> Int64Array:
    holes = np.flatnonzero((np.diff(number) > 1) & ~late[:-1])
    added = [np.rint(np.linspace(times[i], times[i + 1], number[i + 1] - number[i] + 1)[1:-1]) for i in holes]
    return np.sort(np.concatenate([times, *[flips.astype(np.int64) for flips in added]]))


def _refresh_interval(times: Int64Array, median: float) -> float:
    """Return the interval near the median at which the phases of the flips agree best."""
    middle = times.size // 2
    half = _FLIPS_FOR_RATE // 2
    part = times[max(middle - half, 0) : middle + half].astype(np.float64)
    if part.size < _FEWEST_FOR_GRID:
        return median
    part -= part[0]
    rates = np.arange(1 / 1.1 / median, 1.1 / median, 0.2 / part[-1])
    agreement = np.abs(np.exp(2j * np.pi * np.outer(rates, part)).sum(axis=1))
    best = int(np.argmax(agreement))
    if not 0 < best < rates.size - 1:
        return float(1 / rates[best])
    left, top, right = agreement[best - 1 : best + 2]
    shift = 0.5 * (left - right) / (left - 2 * top + right) if left - 2 * top + right else 0.0
    return float(1 / (rates[best] + shift * (rates[1] - rates[0])))


def _on_grid(times: Int64Array, interval: float) -> tuple[Int64Array, FloatArray]:
    """Return refresh numbers and offsets of the flips of one piece."""
    turns = (times - times[0]) / interval
    if times.size < _FEWEST_FOR_GRID:
        number = np.concatenate(([0], np.cumsum(np.rint(np.diff(turns))))).astype(np.int64)
        return number, turns - number
    block = (turns / _BLOCK_FRAMES).astype(np.int64)
    phasor = np.exp(2j * np.pi * turns)
    n_blocks = int(block[-1]) + 1
    total = np.bincount(block, phasor.real, n_blocks) + 1j * np.bincount(block, phasor.imag, n_blocks)
    counts = np.bincount(block, minlength=n_blocks)
    shown = np.flatnonzero(counts)
    centre = np.bincount(block, turns, n_blocks)[shown] / counts[shown]
    phase = np.unwrap(np.angle(total[shown])) / (2 * np.pi)
    line = _local_line(centre, phase)
    slopes = np.gradient(line, centre) if centre.size > 1 else np.zeros(1)
    local = np.interp(turns, centre, line)
    local += np.where(turns < centre[0], (turns - centre[0]) * slopes[0], 0.0)
    local += np.where(turns > centre[-1], (turns - centre[-1]) * slopes[-1], 0.0)
    exact = turns - local
    number = np.rint(exact).astype(np.int64)
    return number, exact - number


def _local_line(centre: FloatArray, phase: FloatArray) -> FloatArray:
    """Return the phase at each block on the line through the blocks around it (Theil 1950, Sen 1968)."""
    if centre.size < 3:
        return phase
    width = min(_LINE_BLOCKS, centre.size)
    first = np.clip(np.arange(centre.size) - width // 2, 0, centre.size - width)
    index = first[:, None] + np.arange(width)
    x, y = centre[index], phase[index]
    one, other = np.triu_indices(width, 1)
    slope = np.median((y[:, other] - y[:, one]) / (x[:, other] - x[:, one]), axis=1)
    level: FloatArray = np.median(y - slope[:, None] * (x - centre[:, None]), axis=1)
    return level


def _median_interval(times: Int64Array, pieces: Int64Array) -> float:
    return float(np.median(np.concatenate([np.diff(times[first:last]) for first, last in pieces])))


def _gaps(segments: npt.ArrayLike | None) -> Int64Array:
    if segments is None:
        return np.empty((0, 2), dtype=np.int64)
    ranges = np.asarray(segments, dtype=np.int64).reshape(-1, 2)
    between = np.column_stack((ranges[:-1, 1], ranges[1:, 0]))
    return between[between[:, 1] > between[:, 0]]


def _runs(times: Int64Array, gaps: Int64Array) -> Int64Array:
    """Return the frame ranges between gaps; ranges without frames are left out."""
    borders = np.concatenate(([0], np.searchsorted(times, gaps[:, 1]), [times.size]))
    runs = np.column_stack((borders[:-1], borders[1:])).astype(np.int64)
    return runs[runs[:, 1] > runs[:, 0]]


def _pieces(times: Int64Array, runs: Int64Array) -> Int64Array:
    """Return the frame ranges between gaps and pauses."""
    intervals = np.diff(times)
    within = np.ones(intervals.size, dtype=bool)
    within[runs[1:, 0] - 1] = False
    if not within.any():
        return runs
    longest = PAUSE_FRAMES * max(float(np.median(intervals[within])), 1.0)
    starts = np.union1d(runs[:, 0], np.flatnonzero(intervals > longest) + 1)
    return np.column_stack((starts, np.append(starts[1:], times.size))).astype(np.int64)


def _pauses(times: Int64Array, runs: Int64Array, pieces: Int64Array) -> Int64Array:
    after = np.setdiff1d(pieces[:, 0], runs[:, 0])
    return np.column_stack((times[after - 1], times[after])).astype(np.int64)


def _times(samples: Int64Array, fs: float) -> str:
    listed = ", ".join(f"{sample / fs:.3f} s" for sample in samples[:_MAX_TIMES_LISTED].tolist())
    more = samples.size - _MAX_TIMES_LISTED
    return f"at {listed} and {more} more" if more > 0 else f"at {listed}"
