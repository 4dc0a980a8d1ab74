"""Zero-phase high-pass of a long multi-electrode recording in bounded memory, block by block.

The forward filter carries its state from block to block. The backward filter of a block begins a look-ahead
behind the block's end, where its unknown state has faded, or at the end of the segment, where it is the one
that `scipy.signal.sosfiltfilt` takes. Blocks are on a fixed grid, so nothing depends on how data are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice, SetParameter

__all__ = [
    "BLOCK_SAMPLES",
    "SUBTRACT_OFFSET",
    "Block",
    "CountSource",
    "HighPass",
    "filter_both_ways",
    "filter_tile",
    "high_pass",
    "native_counts",
    "read_blocks",
    "tile_of_counts",
]

BLOCK_SAMPLES = 8192
SUBTRACT_OFFSET = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
"""A section that changes nothing, so that `filter_counts` only subtracts the offset."""
_TRANSIENT_LEFT = 1e-12


class CountSource(Protocol):
    """Raw counts of many electrodes, such as the sensor stream of a `.cmcr` file.

    `segments` is int64 (n, 2): first and last + 1 sample of each gapless part on the acquisition clock.
    """

    @property
    def segments(self) -> NDArray[np.int64]:
        """First and last + 1 sample of each gapless part."""
        ...

    @property
    def n_electrodes(self) -> int:
        """Number of electrodes."""
        ...

    def read_counts(self, segment: int, start: int, stop: int) -> NDArray[Any]:
        """Real numbers (stop - start, n_electrodes); start and stop count from the begin of the segment."""
        ...


@dataclass(frozen=True, slots=True)
class HighPass:
    """A digital high-pass and what applying it to a block needs.

    Attributes
    ----------
    sos
        float64 (sections, 6).
    steady
        float64 (sections, 2): state that a constant input of 1 leads to.
    padding
        Samples by which each end of a segment is extended (odd), the default of `sosfiltfilt`.
    look_ahead
        Samples after which a wrong state has faded to 1e-12 of itself.
    """

    sos: NDArray[np.float64]
    steady: NDArray[np.float64]
    padding: int
    look_ahead: int


def high_pass(cutoff_hz: float, order: int, sampling_rate: float) -> HighPass:
    """Butterworth high-pass as second-order sections.

    Parameters
    ----------
    cutoff_hz
        −3 dB frequency of one pass; forward and backward together it is −6 dB.
    order
        Order of one pass.
    sampling_rate
        Hz.

    Raises
    ------
    ValidationError
        If the cutoff is not between 0 and half the sampling rate, or the order is below 1.
    """
    from scipy import signal

    if not 0 < cutoff_hz < sampling_rate / 2:
        raise ValidationError(
            f"The cutoff of the high-pass filter must be greater than 0 and less than half the sampling rate "
            f"({sampling_rate / 2:g} Hz), not {cutoff_hz:g} Hz.",
            parameter="cutoff_hz",
            fix=SetParameter("cutoff_hz"),
        )
    if order < 1:
        raise ValidationError(
            f"The order of the filter must be at least 1, not {order}.",
            parameter="filter_order",
            fix=SetParameter("filter_order"),
        )
    sos = signal.butter(order, cutoff_hz, "highpass", fs=sampling_rate, output="sos")
    _, poles, _ = signal.butter(order, cutoff_hz, "highpass", fs=sampling_rate, output="zpk")
    radius = float(np.abs(poles).max())
    taps = 2 * len(sos) + 1 - min(int((sos[:, 2] == 0).sum()), int((sos[:, 5] == 0).sum()))
    look_ahead = math.ceil(math.log(_TRANSIENT_LEFT) / math.log(radius)) if radius > 0 else 0
    return HighPass(np.ascontiguousarray(sos), signal.sosfilt_zi(sos), 3 * taps, look_ahead)


@dataclass(frozen=True, slots=True)
class Block:
    """Samples ``[start, stop)`` of a segment, with the look-ahead behind them.

    `parts` are the counts from `start` on, consecutive arrays (samples, electrodes); `ends_segment` says that
    their last row is the last one of the segment.
    """

    start: int
    stop: int
    parts: tuple[NDArray[Any], ...]
    ends_segment: bool

    @property
    def size(self) -> int:
        """Samples without the look-ahead."""
        return self.stop - self.start

    @property
    def n_rows(self) -> int:
        """Samples with the look-ahead."""
        return sum(map(len, self.parts))


def read_blocks(
    source: CountSource, segment: int, stop: int, filter_: HighPass | None, read_samples: int
) -> Iterator[Block]:
    """Read samples ``[0, stop)`` of a segment as blocks on a fixed grid, each with its look-ahead.

    No sample is read twice. No block is shorter than the padding of a segment's end, unless the segment is.
    """
    first, last = (int(sample) for sample in source.segments[segment])
    length = last - first
    look_ahead, padding = (filter_.look_ahead, filter_.padding) if filter_ else (0, 0)
    size = max(BLOCK_SAMPLES, look_ahead)
    starts = list(range(0, max(stop - padding, 1), size))
    parts: list[NDArray[Any]] = []
    have = 0
    for start in starts:
        end = stop if start == starts[-1] else start + size
        ahead = min(end + look_ahead, length)
        parts = _drop_rows(parts, start - (have - sum(map(len, parts))))
        for low in range(have, ahead, read_samples):
            parts.append(native_counts(source.read_counts(segment, low, min(low + read_samples, ahead))))
        have = max(have, ahead)
        yield Block(start, end, tuple(parts), ahead == length)


def _drop_rows(parts: list[NDArray[Any]], n: int) -> list[NDArray[Any]]:
    """Remove the first n rows of consecutive arrays."""
    kept = []
    for part in parts:
        if 0 < n < len(part):
            # A view would keep in memory what is not needed any more.
            kept.append(_read_only(part[n:].copy()))
        elif n <= 0:
            kept.append(part)
        n = max(n - len(part), 0)
    return kept


def native_counts(counts: NDArray[Any]) -> NDArray[Any]:
    """Return counts in a type and order that the kernels know; small types keep their size."""
    kind, size = counts.dtype.kind, counts.dtype.itemsize
    if kind not in "iuf":
        raise ValidationError(
            f"Raw counts must be real numbers; this source gives {counts.dtype}.",
            fix=Advice("Convert them to integers or floating-point numbers."),
        )
    if kind == "f":
        dtype = np.dtype(np.float32 if size <= 4 else np.float64)
    else:
        dtype = np.dtype(np.int64) if size == 8 else counts.dtype.newbyteorder("=")
    return _read_only(np.ascontiguousarray(counts, dtype).view())


def _read_only(counts: NDArray[Any]) -> NDArray[Any]:
    """Kernels are compiled for arrays of one kind."""
    counts.flags.writeable = False
    return counts


def tile_of_counts(counts: NDArray[Any], columns: slice) -> NDArray[np.float32]:
    """Return some electrodes of counts as float32 (samples, electrodes), without each one's first sample."""
    from hdmea.features.science.eimage_kernels import filter_counts

    tile = np.empty((len(counts), columns.stop - columns.start), np.float32)
    offset = counts[0, columns].astype(np.float64)
    filter_counts(
        _read_only(counts.view()), columns.start, offset, tile, SUBTRACT_OFFSET, np.zeros((2, tile.shape[1]))
    )
    return tile


def filter_tile(
    tile: NDArray[np.float32], sos: NDArray[np.float64], state: NDArray[np.float64], *, backward: bool = False
) -> None:
    """Filter a tile (samples, electrodes) in place; the state (sections, 2, electrodes) is carried on."""
    from hdmea.features.science import eimage_kernels as kernels

    order = np.arange(len(tile), dtype=np.uintp)
    kernels.filter_tile(tile, order[::-1].copy() if backward else order, sos, state)


def filter_both_ways(tile: NDArray[np.float32], filter_: HighPass) -> None:
    """High-pass a tile (samples, electrodes) without phase shift, in place; its ends go on."""
    for backward, edge in ((False, 0), (True, -1)):
        filter_tile(tile, filter_.sos, filter_.steady[:, :, None] * tile[edge], backward=backward)
