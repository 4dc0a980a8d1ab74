"""Raw sensor data as a view with named axes: time, and electrodes in file order.

The file stores `(time, a, b)`. Whether a is the column and b the row or the other way round is not
certain for every file: `AxisOrder` carries the decision and its evidence, and everything here
follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.blocks import Block, blocks_of, meta_row, segments_of
from hdmea.recordings.mcs.hdf5 import Table, find_child, missing_filters, needs_filters, reading
from hdmea.utils.exceptions import ValidationError

__all__ = ["AxisOrder", "FactorOrder", "SensorRegion", "read_regions"]

MICROVOLT_EXPONENT = {"V": 6, "mV": 3, "µV": 0, "\u03bcV": 0, "uV": 0, "nV": -3, "pV": -6}
COLUMN_ROW: Literal["column,row"] = "column,row"
ROW_COLUMN: Literal["row,column"] = "row,column"


@dataclass(frozen=True)
class AxisOrder:
    """Meaning of axes 1 and 2 of `SensorData`, and why it is taken to be so.

    Parameters
    ----------
    order
        ``"column,row"`` or ``"row,column"``.
    source
        ``"shape"`` (region not square), ``"data"`` (averages at spikes) or ``"default"``.
    evidence
        The reason in words.
    """

    order: Literal["column,row", "row,column"]
    source: Literal["shape", "data", "default"]
    evidence: str


@dataclass(frozen=True)
class FactorOrder:
    """Order in which the conversion factors are listed, and why it is taken to be so.

    Parameters
    ----------
    order
        ``"column fastest"`` or ``"row fastest"``.
    source
        ``"data"`` (the noise tells) or ``"default"``.
    evidence
        The reason in words.
    """

    order: Literal["column fastest", "row fastest"]
    source: Literal["data", "default"]
    evidence: str

    @property
    def verdict(self) -> str:
        """What the data say: the order, or ``"undecided"``."""
        return self.order if self.source == "data" else "undecided"


@dataclass(frozen=True, eq=False)
class SensorRegion:
    """One recorded region of the chip.

    *File order* of electrodes is the order in which one frame is in the file: axes 1 and 2
    flattened. Computation runs in file order, on `(time, electrodes)` arrays without any copy;
    `to_rows_cols` turns a result into an image.

    Parameters
    ----------
    region_id, label
        Number and name of the region in the file.
    shape
        Lengths of axes 1 and 2 in the file.
    first_row, first_column
        Chip coordinates (1-based) of the electrode at row 0, column 0 of an image.
    axis_order
        Which of axes 1 and 2 is the column, with the evidence.
    segments
        int64 (n, 2): first and last + 1 sample of each recorded block, on the acquisition clock.
    sampling_rate
        Samples per second of this stream.
    adzero
        Count that stands for 0 V (0 where the file has no such field).
    listed_factors
        float64 (n_electrodes,) microvolts per count as the file lists them (see `factor_order`).
        None where the file has no usable factors.
    dtype
        Integer type of the counts.
    warnings
        What the user should know about this region.
    factor_order
        Which coordinate runs fastest in `listed_factors`.
    placed
        Whether the file says where on the chip the region is.
    """

    region_id: int
    label: str
    shape: tuple[int, int]
    first_row: int
    first_column: int
    axis_order: AxisOrder
    segments: npt.NDArray[np.int64]
    sampling_rate: float
    adzero: float
    listed_factors: npt.NDArray[np.float64] | None
    dtype: np.dtype[Any]
    datasets: tuple[h5py.Dataset, ...]
    warnings: tuple[str, ...] = ()
    factor_order: FactorOrder = FactorOrder("column fastest", "default", "not tested on the data")
    placed: bool = True

    @property
    def rows(self) -> int:
        """Number of rows of an image of this region."""
        return self.shape[1] if self.axis_order.order == COLUMN_ROW else self.shape[0]

    @property
    def cols(self) -> int:
        """Number of columns of an image of this region."""
        return self.shape[0] if self.axis_order.order == COLUMN_ROW else self.shape[1]

    @property
    def n_electrodes(self) -> int:
        """Number of electrodes, `rows * cols`."""
        return self.shape[0] * self.shape[1]

    @property
    def unit(self) -> str:
        """Unit of `(counts - adzero) * factors_uv`: "uV", or "counts" where no factors are known."""
        return "counts" if self.listed_factors is None else "uV"

    @property
    def factors_uv(self) -> npt.NDArray[np.float64]:
        """Microvolts per count, float64 (n_electrodes,) **in file order**: multiply `read_counts` by it.

        All ones where the file has no usable factors (see `unit`).
        """
        if self.listed_factors is None:
            return np.ones(self.n_electrodes)
        return self.factors_in(self.factor_order.order)

    def factors_in(self, order: Literal["column fastest", "row fastest"]) -> npt.NDArray[np.float64]:
        """Microvolts per count in file order if the file lists its factors in this order."""
        assert self.listed_factors is not None
        if order == "column fastest":
            return self.to_file_order(self.listed_factors.reshape(self.rows, self.cols))
        return self.to_file_order(self.listed_factors.reshape(self.cols, self.rows).T)

    @cached_property
    def unreadable(self) -> str:
        """Why the raw data cannot be read (an HDF5 filter is missing) and what to do; empty if they can."""
        lacking = sorted({number for dataset in self.datasets for number in missing_filters(dataset)})
        return needs_filters(lacking) if lacking else ""

    def read_counts(self, segment: int, start: int, stop: int) -> npt.NDArray[Any]:
        """Raw counts of all electrodes.

        Parameters
        ----------
        segment
            Index into `segments`.
        start, stop
            Samples counted **from the begin of this segment**: `0 <= start <= stop <= length`, where
            `length = segments[segment, 1] - segments[segment, 0]`. Sample `start` is at
            `segments[segment, 0] + start` on the acquisition clock.

        Returns
        -------
        numpy.ndarray
            (stop - start, n_electrodes) in the integer type of the file, electrodes in file order,
            C-contiguous, ADZero not subtracted.
        """
        dataset = self.datasets[segment]
        if not 0 <= start <= stop <= dataset.shape[0]:
            raise ValidationError(
                f"Samples {start} to {stop} are not in segment {segment} of region {self.region_id}, "
                f"which has {dataset.shape[0]} samples."
            )
        with reading(Path(dataset.file.filename), "the sensor data", dataset):
            counts: npt.NDArray[Any] = dataset[start:stop]
        return counts.reshape(stop - start, self.n_electrodes)

    def to_rows_cols(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn electrodes in file order into an image: (..., n_electrodes) to (..., rows, cols).

        Row 0, column 0 is the electrode at chip position (`first_row`, `first_column`). A view where
        numpy can make one.
        """
        image = array.reshape(*array.shape[:-1], *self.shape)
        return np.swapaxes(image, -1, -2) if self.axis_order.order == COLUMN_ROW else image

    def to_file_order(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Inverse of `to_rows_cols`: (..., rows, cols) to (..., n_electrodes)."""
        stored = np.swapaxes(image, -1, -2) if self.axis_order.order == COLUMN_ROW else image
        return np.ascontiguousarray(stored).reshape(*image.shape[:-2], self.n_electrodes)

    def electrode_index(self, row: int, column: int) -> int | None:
        """File-order index of the electrode at a chip position (1-based), None outside the region."""
        r, c = row - self.first_row, column - self.first_column
        if not (0 <= r < self.rows and 0 <= c < self.cols):
            return None
        return c * self.shape[1] + r if self.axis_order.order == COLUMN_ROW else r * self.shape[1] + c

    @property
    def is_open(self) -> bool:
        """Whether only the data can tell the meaning of the axes: a square of more than one electrode."""
        return self.axis_order.source != "shape" and self.shape[0] == self.shape[1] > 1

    @property
    def positions(self) -> npt.NDArray[np.int64]:
        """Chip row and column (from 1) of each electrode in file order, int64 (n_electrodes, 2)."""
        first, second = np.indices(self.shape).reshape(2, -1)
        row, column = (second, first) if self.axis_order.order == COLUMN_ROW else (first, second)
        return np.stack([row + self.first_row, column + self.first_column], axis=1).astype(np.int64)


def read_regions(stream: h5py.Group, clock_tick_us: float) -> tuple[SensorRegion, ...]:
    """All regions of a sensor stream, by number.

    Parameters
    ----------
    stream
        The sensor stream of a recording.
    clock_tick_us
        Microseconds per sample of the acquisition clock, used where the stream states none.
    """
    meta_node = find_child(stream, mcs.SENSOR_META, "SensorMeta")
    meta = Table(meta_node)
    by_region: dict[int, list[Block]] = {}
    for block in blocks_of(stream, mcs.SENSOR_DATA, "SensorData", meta, time_axis=0):
        if block.dataset.ndim == 3:
            by_region.setdefault(block.region, []).append(block)
    return tuple(_region(number, blocks, meta, clock_tick_us) for number, blocks in sorted(by_region.items()))


def _region(number: int, blocks: list[Block], meta: Table, clock_tick_us: float) -> SensorRegion:
    shape = (int(blocks[0].dataset.shape[1]), int(blocks[0].dataset.shape[2]))
    same = [block for block in blocks if block.dataset.shape[1:] == shape]
    warnings = [
        f"{block.dataset.name}: its shape differs from the first group of region {number}; it is skipped."
        for block in blocks
        if block.dataset.shape[1:] != shape
    ]
    row = meta_row(meta, same[0].group, number)
    tick = same[0].tick_us or clock_tick_us
    segments, placed = segments_of(same, tick)
    left, top, order, said = _edges(meta, row, shape)
    factors, unscaled = _factors(meta, row, shape[0] * shape[1])
    adzero = meta.value(row, "ADZero")
    edges = [_edge(meta, row, name) for name in ("Left", "Top")]
    return SensorRegion(
        region_id=number,
        label=str(meta.value(row, "Label") or f"Region {number}"),
        shape=shape,
        first_row=top,
        first_column=left,
        axis_order=order,
        segments=segments,
        sampling_rate=1e6 / tick,
        adzero=0.0 if adzero is None else float(adzero),
        listed_factors=factors,
        dtype=same[0].dataset.dtype,
        datasets=tuple(block.dataset for block in same),
        warnings=(*warnings, *placed, *said, *unscaled),
        placed=None not in edges,
    )


def _edge(meta: Table, row: int, name: str) -> Any:
    return meta.value(row, f"Region{name}", f"Frame{name}")


def _edges(meta: Table, row: int, shape: tuple[int, int]) -> tuple[int, int, AxisOrder, list[str]]:
    """Left and top edge, the axis order as far as the shape tells, and warnings."""
    names = ("Left", "Right", "Top", "Bottom")
    edges = [_edge(meta, row, name) for name in names]
    if any(edge is None for edge in edges):
        full = shape == (mcs.CHIP_EDGE, mcs.CHIP_EDGE)
        said = (
            []
            if full
            else [
                (
                    "The file does not state the position of the region on the chip; it is assumed to begin "
                    "at 1, 1."
                )
            ]
        )
        return 1, 1, AxisOrder(COLUMN_ROW, "default", "the file states no edges of the region"), said
    left, right, top, bottom = (int(edge) for edge in edges)
    size = (right - left + 1, bottom - top + 1)
    stated = f"columns {left}–{right}, rows {top}–{bottom}; SensorData is (time, {shape[0]}, {shape[1]})"
    if size[0] == size[1] and shape == size:
        return left, top, AxisOrder(COLUMN_ROW, "default", f"the region is square ({stated})"), []
    if shape == size:
        return left, top, AxisOrder(COLUMN_ROW, "shape", stated), []
    if shape == size[::-1]:
        return left, top, AxisOrder(ROW_COLUMN, "shape", stated), []
    said = [f"The edges of the sensor region contradict its shape ({stated}); the shape is used."]
    return left, top, AxisOrder(COLUMN_ROW, "default", f"edges contradict the shape: {stated}"), said


def _factors(meta: Table, row: int, n_electrodes: int) -> tuple[npt.NDArray[np.float64] | None, list[str]]:
    """Microvolts per count as listed, or None with the reason."""
    text = meta.value(row, "Conversion Factors", "ConversionFactors", "ConversionFactor")
    scale = _microvolts(meta, row)
    listed = _numbers(text)
    if listed is None or scale is None or listed.size not in (1, n_electrodes):
        found = 0 if listed is None else listed.size
        return None, [
            f"The sensor data cannot be scaled to volts ({found} conversion factors for {n_electrodes} "
            f"electrodes, unit {meta.value(row, 'Unit')!r}); raw data are given in counts."
        ]
    return np.broadcast_to(listed * scale, (n_electrodes,)).copy(), []


def _microvolts(meta: Table, row: int) -> float | None:
    exponent, unit = meta.value(row, "Exponent"), meta.value(row, "Unit")
    if exponent is None or unit not in MICROVOLT_EXPONENT:
        return None
    return float(10.0 ** (int(exponent) + MICROVOLT_EXPONENT[unit]))


def _numbers(text: object) -> npt.NDArray[np.float64] | None:
    if text is None:
        return None
    parts: Sequence[Any] = text.split() if isinstance(text, str) else np.atleast_1d(np.asarray(text)).tolist()
    try:
        return np.array([float(part) for part in parts])
    except ValueError:
        return None
