"""Voltages of chosen electrodes for display, read from recordings whose files are ordered by time.

A frame of all electrodes is stored in one place of the file: reading one electrode takes as long as reading
all of them. What was read is kept, so that other electrodes and neighbouring times need the file no more.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.eimage_stream import CountSource, high_pass, native_counts
from hdmea.utils.giving_way import giving_way

__all__ = ["MARGIN_S", "MAX_CACHED_NBYTES", "STEP_S", "RawTraces", "Traces", "grid_of", "nearest_to"]

MARGIN_S = 0.03
"""Read before and behind what is shown: a wrong state of a high-pass of 100 Hz has faded to 2e-6 by then."""
STEP_S = 2.0
"""Longer stretches are read and thinned out in steps of at most so many seconds."""
MAX_CACHED_NBYTES = 512_000_000
_BLOCK_NBYTES = 8_000_000
_MOST_CHUNK_NBYTES = 64_000_000
_FEWEST_EMPTY = 64
_GROUP = 8

_Piece = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Traces:
    """Voltages over time, as much of them as is there.

    Attributes
    ----------
    time_s
        float64 (k,): time of each value on the clock of the recording, ascending.
    values
        float32 (electrodes, k): voltages in the unit of the factors; NaN between two recorded parts, and
        where nothing was recorded. In a stretch that is thinned out, the smallest and the largest of each
        block of samples in turn.
    block
        Samples of a block; 1: all samples are there.
    fraction
        Part of the stretch that was read, 0 … 1.
    """

    time_s: NDArray[np.float64]
    values: NDArray[np.float32]
    block: int
    fraction: float


class RawTraces:
    """Reads and filters voltages; keeps counts of all electrodes, and what was thinned out.

    Parameters
    ----------
    chunk_rows
        Frames that the file packs together, which are read together.
    max_nbytes
        Counts that are kept.
    """

    def __init__(self, chunk_rows: int = 1, max_nbytes: int = MAX_CACHED_NBYTES) -> None:
        self._chunk_rows = max(1, chunk_rows)
        self._max_nbytes = max_nbytes
        self._blocks: OrderedDict[tuple[int, int], tuple[NDArray[Any], NDArray[np.bool_]]] = OrderedDict()
        self._key: object = None
        self._pieces: dict[_Piece, NDArray[np.float32]] = {}
        self._offset: NDArray[np.float64] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the counts that are kept."""
        return sum(counts.nbytes for counts, _ in self._blocks.values())

    def read(
        self,
        source: CountSource,
        electrodes: NDArray[np.intp],
        factors: NDArray[np.float64],
        rate: float,
        time_s: tuple[float, float],
        columns: int,
        cutoff: tuple[float, int] | None,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> Traces:
        """Return a stretch of some electrodes.

        Parameters
        ----------
        source
            Counts; its segments are on the clock of the recording.
        electrodes
            Indices of the electrodes, in the order of the result.
        factors
            float64 (n_electrodes,): physical unit per count.
        rate
            Samples per second.
        time_s
            First and last second.
        columns
            Columns of pixels: so many blocks are enough.
        cutoff
            Frequency in Hz and order of the high-pass, as of electrical images; None: only the mean of each
            electrode is subtracted.
        may_go_on
            Asked after each block that was read; what was not read yet is left to the next call.
        """
        first = max(0, math.floor(time_s[0] * rate))
        last = max(first + 1, math.ceil(time_s[1] * rate) + 1)
        block = self._block_of(last - first, columns)
        step = self._step(source, rate, block)
        key = (electrodes.tobytes(), cutoff, block, step)
        if key != self._key:
            self._key, self._offset = key, None
            self._pieces.clear()
        wanted = _pieces_of(np.asarray(source.segments, np.int64), first, last, step)
        if last - first <= step:
            # Each such stretch begins elsewhere: none is shown twice.
            self._pieces.clear()
        ready = 0.0
        for piece in wanted:
            if piece not in self._pieces:
                done = self._fill(source, piece, electrodes, factors, rate, block, cutoff, may_go_on)
                if done < 1:
                    ready += done
                    break
            ready += 1
        fraction = ready / len(wanted) if wanted else 1.0
        return self._joined(wanted, block, rate, (first, last), fraction, electrodes.size)

    def _block_of(self, n: int, columns: int) -> int:
        """Return the samples of a block: a power of 2, so that zooming a little changes nothing."""
        ratio = n / max(1, columns)
        return 1 if ratio <= 4 else 2 ** math.floor(math.log2(ratio))

    def _step(self, source: CountSource, rate: float, block: int) -> int:
        """Return the samples of a step: what is read for it, with margins, must fit into what is kept."""
        fitting = self._max_nbytes // self._row_nbytes(source) - 2 * round(MARGIN_S * rate)
        # Blocks that are cut at both ends are read whole.
        fitting -= 2 * self._block_rows(source)
        step = max(block, min(round(STEP_S * rate), fitting))
        return step // block * block

    def _row_nbytes(self, source: CountSource) -> int:
        dtype = getattr(source, "dtype", np.dtype(np.int16))
        return max(1, source.n_electrodes * int(dtype.itemsize))

    def _block_rows(self, source: CountSource) -> int:
        """Return how many frames are read at once: about 8 MB, in whole chunks of the file if possible."""
        row = self._row_nbytes(source)
        rows = max(1, min(_BLOCK_NBYTES, self._max_nbytes // 8) // row)
        chunk = self._chunk_rows
        if chunk * row > _MOST_CHUNK_NBYTES:
            return rows
        return max(chunk, rows // chunk * chunk)

    def _fill(
        self,
        source: CountSource,
        piece: _Piece,
        electrodes: NDArray[np.intp],
        factors: NDArray[np.float64],
        rate: float,
        block: int,
        cutoff: tuple[float, int] | None,
        may_go_on: Callable[[], bool],
    ) -> float:
        """Read, filter and thin out a piece; return 1 if it is there now, else the part that was read."""
        segment, low, high = piece
        begin, end = (int(sample) for sample in source.segments[segment])
        margin = round(MARGIN_S * rate)
        start, stop = max(low - margin, begin) - begin, min(high + margin, end) - begin
        rows = self._block_rows(source)
        blocks = range(start // rows, -(-stop // rows))
        for place, index in enumerate(giving_way(blocks)):
            read = self._load(source, segment, index, rows, end - begin)
            if read and place + 1 < len(blocks) and not may_go_on():
                return (place + 1) / (len(blocks) + 1)
        parts = [self._blocks[segment, index] for index in blocks]
        taken = slice(start - blocks.start * rows, stop - blocks.start * rows)
        counts = np.concatenate([part[:, electrodes] for part, _ in giving_way(parts)])[taken]
        empty = np.concatenate([empty for _, empty in parts])[taken]
        signal = np.ascontiguousarray(counts.T, np.float64)
        signal[:, empty] = np.nan
        self._filter(signal, rate, cutoff)
        shown = (signal[:, low - begin - start : high - begin - start] * factors[electrodes, None]).astype(
            np.float32
        )
        self._pieces[piece] = shown if block == 1 else _extremes(shown, block)
        return 1.0

    def _load(self, source: CountSource, segment: int, index: int, rows: int, length: int) -> bool:
        """Have a block of counts; return whether the file was read for it."""
        key = (segment, index)
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return False
        counts = native_counts(source.read_counts(segment, index * rows, min((index + 1) * rows, length)))
        needed = counts.nbytes
        kept = self.nbytes
        while self._blocks and kept + needed > self._max_nbytes:
            _, (old, _) = self._blocks.popitem(last=False)
            kept -= old.nbytes
        self._blocks[key] = counts, _never_written(counts)
        return True

    def _filter(self, signal: NDArray[np.float64], rate: float, cutoff: tuple[float, int] | None) -> None:
        """High-pass in place, forward and backward; without one, subtract a mean that stays the same."""
        if cutoff is None:
            if self._offset is None:
                known = np.isfinite(signal)
                self._offset = np.sum(signal, axis=1, where=known) / np.maximum(known.sum(axis=1), 1)
            signal -= self._offset[:, None]
            return
        from scipy.signal import sosfiltfilt

        filter_ = high_pass(min(cutoff[0], rate / 4), cutoff[1], rate)
        padding = min(filter_.padding, signal.shape[1] - 1)
        for first in giving_way(range(0, len(signal), _GROUP)):
            part = signal[first : first + _GROUP]
            unknown = ~np.isfinite(part)
            for row in np.flatnonzero(unknown.any(axis=1)).tolist():
                _bridge(part[row], unknown[row])
            part[:] = sosfiltfilt(filter_.sos, part, axis=1, padtype="odd", padlen=padding)
            part[unknown] = np.nan

    def _joined(
        self,
        wanted: list[_Piece],
        block: int,
        rate: float,
        stretch: tuple[int, int],
        fraction: float,
        n_electrodes: int,
    ) -> Traces:
        times: list[NDArray[np.float64]] = []
        values: list[NDArray[np.float32]] = []
        before = None
        for piece in wanted:
            if piece not in self._pieces:
                break
            _, low, high = piece
            if before is not None and before != low:
                times.append(np.array([before / rate]))
                values.append(np.full((n_electrodes, 1), np.nan, np.float32))
            before = high
            if block == 1:
                samples = np.arange(low, high, dtype=np.float64)
            else:
                firsts = np.arange(low, high, block)
                samples = np.repeat((firsts + np.minimum(firsts + block, high) - 1) / 2, 2)
            inside = (samples >= stretch[0] - block) & (samples <= stretch[1] + block)
            times.append(samples[inside] / rate)
            values.append(self._pieces[piece][:, inside])
        if not times:
            return Traces(np.empty(0), np.empty((n_electrodes, 0), np.float32), block, fraction)
        return Traces(np.concatenate(times), np.concatenate(values, axis=1), block, fraction)


def nearest_to(positions: NDArray[np.int64], place: tuple[float, float], n: int) -> NDArray[np.intp]:
    """Return the n electrodes nearest to a place on the chip, ordered by row and column.

    Parameters
    ----------
    positions
        int64 (electrodes, 2): row and column of each.
    place
        Row and column.
    n
        How many; fewer if there are not so many.
    """
    away = np.hypot(*(positions - np.asarray(place, np.float64)).T)
    return _by_place(positions, np.lexsort((positions[:, 1], positions[:, 0], away))[:n])


def grid_of(positions: NDArray[np.int64], n: int) -> NDArray[np.intp]:
    """Return about n electrodes evenly spread over those that were recorded, ordered by row and column."""
    side = max(1, math.isqrt(n))
    low, high = positions.min(axis=0), positions.max(axis=0)
    # In the middle of equal fields, so that a single one is in the middle of the chip.
    rows, cols = ((np.arange(side) + 0.5) / side * (b - a) + a for a, b in zip(low, high, strict=True))
    places = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
    found = [int(np.argmin(((positions - place) ** 2).sum(axis=1))) for place in places]
    return _by_place(positions, np.unique(found).astype(np.intp))


def _by_place(positions: NDArray[np.int64], found: NDArray[np.intp]) -> NDArray[np.intp]:
    return found[np.lexsort((positions[found, 1], positions[found, 0]))]


def _pieces_of(segments: NDArray[np.int64], first: int, last: int, step: int) -> list[_Piece]:
    """Parts of a stretch that were recorded: one of each segment, or those of a fixed grid of steps."""
    found: list[_Piece] = []
    for segment, (begin, end) in enumerate(segments.tolist()):
        low, high = max(begin, first), min(end, last)
        if low >= high:
            continue
        if last - first <= step:
            found.append((segment, low, high))
            continue
        grid = range(low // step * step, high, step)
        found += [(segment, max(at, begin), min(at + step, end)) for at in grid]
    return found


def _extremes(values: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Smallest and largest of each block, in the order in which a line through both continues best."""
    firsts = np.arange(0, values.shape[1], block)
    low, high = np.fmin.reduceat(values, firsts, axis=1), np.fmax.reduceat(values, firsts, axis=1)
    start = values[:, firsts]
    falls = start - low > high - start
    pairs = np.stack((np.where(falls, high, low), np.where(falls, low, high)), axis=2)
    return pairs.reshape(len(values), -1)


def _never_written(counts: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the frames without data in the file: HDF5 gives 0 for all electrodes there."""
    empty: NDArray[np.bool_] = np.logical_not(counts.any(axis=1))
    if empty.any():
        edges = np.flatnonzero(np.diff(np.concatenate(([False], empty, [False])).astype(np.int8)))
        for start, stop in edges.reshape(-1, 2).tolist():
            if stop - start < _FEWEST_EMPTY:
                empty[start:stop] = False
    return empty


def _bridge(values: NDArray[np.float64], unknown: NDArray[np.bool_]) -> None:
    """Replace unknown values by straight lines, as a filter would carry them on for ever."""
    known = np.flatnonzero(~unknown)
    values[unknown] = np.interp(np.flatnonzero(unknown), known, values[known]) if known.size else 0.0
