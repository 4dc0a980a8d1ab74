"""Raw sensor data as views with named axes, and all regions of a recording as one set of electrodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.blocks import Block, blocks_of, meta_row, segments_of
from hdmea.recordings.mcs.hdf5 import (
    COPY_AGAIN,
    Table,
    find_child,
    missing_filters,
    needs_filters,
    reading,
    why_not_backed,
)
from hdmea.utils import h5
from hdmea.utils.exceptions import DataLoadError, ValidationError
from hdmea.utils.fixes import Advice

__all__ = [
    "AxisOrder",
    "Electrodes",
    "FactorOrder",
    "SensorRegion",
    "join_regions",
    "read_regions",
]

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
        """Why the raw data cannot be read (no HDF5 filter, damage) and what to do; empty if they can."""
        lacking = sorted({number for dataset in self.datasets for number in missing_filters(dataset)})
        if lacking:
            return needs_filters(lacking)
        # Chunks are not unpacked, which would mean to read all raw data; `read_counts` does so for long ones.
        damage = ((each.name, why_not_backed(each, unpack=False)) for each in self.datasets)
        return next((f"{name} is damaged: {why}. {COPY_AGAIN.text}" for name, why in damage if why), "")

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
                f"which has {dataset.shape[0]} samples.",
                fix=Advice("Read samples of the segment."),
            )
        path = Path(dataset.file.filename)
        with reading(path, "the sensor data", dataset):
            self._refuse_growing(path, segment, start, stop)
            counts: npt.NDArray[Any] = dataset[start:stop]
        return counts.reshape(stop - start, self.n_electrodes)

    @cached_property
    def _unmeasured(self) -> list[set[tuple[int, ...]]]:
        """Chunks of each segment of which it is not known yet whether they are as long as they should be."""
        return [h5.may_grow(dataset.id) for dataset in self.datasets]

    def _refuse_growing(self, path: Path, segment: int, start: int, stop: int) -> None:
        dataset, unmeasured = self.datasets[segment], self._unmeasured[segment]
        for offset in [each for each in unmeasured if each[0] < stop and each[0] + dataset.chunks[0] > start]:
            if h5.grows(dataset.id, offset):
                raise DataLoadError(f"{path}: {dataset.name} is damaged: {h5.GROWS}.", path, fix=COPY_AGAIN)
            unmeasured.discard(offset)

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


_LEAST_PART = 0.5


@dataclass(frozen=True, eq=False)
class Electrodes:
    """The recorded electrodes, with the meaning of what `SensorRegion` calls by the same names.

    *File order* is that of the regions, and within each the order in which its frames are in the file.

    Parameters
    ----------
    regions
        The regions that are used, by number.
    segments
        int64 (n, 2): first and last + 1 sample of each part that all regions recorded without a gap.
    warnings
        What the user should know.
    """

    regions: tuple[SensorRegion, ...]
    segments: npt.NDArray[np.int64]
    warnings: tuple[str, ...] = ()

    # -- where the electrodes are --------------------------------------------------------------------

    @cached_property
    def positions(self) -> npt.NDArray[np.int64]:
        """Chip row and column (from 1) of each electrode in file order, int64 (n_electrodes, 2)."""
        return self._all_positions if self._kept is None else self._all_positions[self._kept]

    @cached_property
    def _all_positions(self) -> npt.NDArray[np.int64]:
        return np.concatenate([region.positions for region in self.regions])

    @cached_property
    def _kept(self) -> npt.NDArray[np.int64] | None:
        """Indices of the electrodes that no region before has; None if there are no others."""
        if len(self.regions) == 1:
            return None
        _, first = np.unique(self._all_positions, axis=0, return_index=True)
        return None if len(first) == len(self._all_positions) else np.sort(first)

    @cached_property
    def _corner(self) -> tuple[int, int]:
        row, column = self.positions.min(axis=0).tolist()
        return row, column

    @cached_property
    def _extent(self) -> tuple[int, int]:
        rows, cols = (np.ptp(self.positions, axis=0) + 1).tolist()
        return rows, cols

    @property
    def first_row(self) -> int:
        """Chip row (from 1) of row 0 of an image."""
        return self._corner[0]

    @property
    def first_column(self) -> int:
        """Chip column (from 1) of column 0 of an image."""
        return self._corner[1]

    @property
    def rows(self) -> int:
        """Rows of an image."""
        return self._extent[0]

    @property
    def cols(self) -> int:
        """Columns of an image."""
        return self._extent[1]

    @property
    def n_electrodes(self) -> int:
        """Number of electrodes; at most `rows * cols`."""
        return len(self.positions)

    @property
    def is_complete(self) -> bool:
        """Whether there is an electrode at each place of an image."""
        return self.n_electrodes == self.rows * self.cols

    @cached_property
    def recorded(self) -> npt.NDArray[np.bool_]:
        """Where an image has electrodes, bool (rows, cols)."""
        mask = np.zeros((self.rows, self.cols), dtype=bool)
        mask[tuple(self._places)] = True
        return mask

    @cached_property
    def _places(self) -> npt.NDArray[np.int64]:
        return (self.positions - self._corner).T

    @cached_property
    def _index(self) -> dict[tuple[int, int], int]:
        return {(row, column): index for index, (row, column) in enumerate(self.positions.tolist())}

    def electrode_index(self, row: int, column: int) -> int | None:
        """File-order index of the electrode at a chip position (1-based), None where there is none."""
        return self._index.get((row, column))

    def to_rows_cols(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Turn electrodes in file order into an image: (..., n_electrodes) to (..., rows, cols).

        Row 0, column 0 is the electrode at chip position (`first_row`, `first_column`). A view where
        numpy can make one; NaN where there is no electrode.
        """
        if len(self.regions) == 1:
            return self.regions[0].to_rows_cols(array)
        dtype = array.dtype if self.is_complete else np.result_type(array.dtype, np.float32)
        image = np.full((*array.shape[:-1], self.rows, self.cols), 0 if self.is_complete else np.nan, dtype)
        row, column = self._places
        image[..., row, column] = array
        return image

    def to_file_order(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Inverse of `to_rows_cols`: (..., rows, cols) to (..., n_electrodes)."""
        row, column = self._places
        return np.ascontiguousarray(image[..., row, column])

    # -- what the axes and factors are ---------------------------------------------------------------

    @property
    def axis_order(self) -> AxisOrder:
        """Which of axes 1 and 2 is the column, with the evidence."""
        for is_open in (False, True):
            for region in self.regions:
                if region.n_electrodes > 1 and region.is_open == is_open:
                    return region.axis_order
        return AxisOrder(COLUMN_ROW, "shape", "each region is a single electrode, placed by its edges")

    @property
    def is_open(self) -> bool:
        """Whether only the data can tell the meaning of the axes."""
        return any(region.is_open for region in self.regions)

    def with_axis_order(self, axis_order: AxisOrder) -> Electrodes:
        """Return the same electrodes read with another decision on the axes of square regions."""
        if not self.is_open:
            return self
        regions = [
            replace(region, axis_order=axis_order) if region.is_open else region for region in self.regions
        ]
        return replace(self, regions=tuple(regions))

    @property
    def factor_order(self) -> FactorOrder:
        """Which coordinate runs fastest in the list of factors, with the evidence."""
        return self.regions[0].factor_order

    def with_factor_order(self, factor_order: FactorOrder) -> Electrodes:
        """Return the same electrodes with another decision on the order of the factors."""
        return replace(
            self, regions=tuple(replace(region, factor_order=factor_order) for region in self.regions)
        )

    @property
    def unit(self) -> str:
        """Unit of `(counts - adzero) * factors_uv`: "uV", or "counts" where factors are not known."""
        return "uV" if all(region.unit == "uV" for region in self.regions) else "counts"

    @property
    def factors_uv(self) -> npt.NDArray[np.float64]:
        """Microvolts per count in file order, float64 (n_electrodes,); ones where factors are not known."""
        if self.unit == "counts":
            return np.ones(self.n_electrodes)
        return self._chosen(np.concatenate([region.factors_uv for region in self.regions]))

    # -- the data ------------------------------------------------------------------------------------

    @property
    def sampling_rate(self) -> float:
        """Samples per second."""
        return self.regions[0].sampling_rate

    @property
    def adzero(self) -> float:
        """Count that stands for 0 V in the first region."""
        return self.regions[0].adzero

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the counts."""
        return np.result_type(*(region.dtype for region in self.regions))

    @property
    def datasets(self) -> tuple[h5py.Dataset, ...]:
        """Datasets of all regions."""
        return tuple(dataset for region in self.regions for dataset in region.datasets)

    @property
    def unreadable(self) -> str:
        """Why the raw data cannot be read and what to do; empty if they can."""
        return next((region.unreadable for region in self.regions if region.unreadable), "")

    @cached_property
    def _sources(self) -> list[list[tuple[int, int]]]:
        """Per segment and region: segment of the region, and where the common segment begins in it."""
        sources = []
        for first in self.segments[:, 0].tolist():
            each = []
            for region in self.regions:
                of_region = int(np.searchsorted(region.segments[:, 0], first, side="right")) - 1
                each.append((of_region, first - int(region.segments[of_region, 0])))
            sources.append(each)
        return sources

    def read_counts(self, segment: int, start: int, stop: int) -> npt.NDArray[Any]:
        """Raw counts of all electrodes, (stop - start, n_electrodes); see `SensorRegion.read_counts`."""
        length = int(self.segments[segment, 1] - self.segments[segment, 0])
        if not 0 <= start <= stop <= length:
            raise ValidationError(
                f"Samples {start} to {stop} are not in segment {segment}, which has {length} samples.",
                fix=Advice("Read samples of the segment."),
            )
        parts = [
            region.read_counts(of_region, start + offset, stop + offset)
            for region, (of_region, offset) in zip(self.regions, self._sources[segment], strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        return self._chosen(np.concatenate(parts, axis=1))

    def _chosen(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values without those of electrodes that an earlier region has."""
        return array if self._kept is None else np.ascontiguousarray(array[..., self._kept])


def join_regions(regions: Sequence[SensorRegion]) -> Electrodes | None:
    """Join the regions of a recording to one set of electrodes; None without any region.

    Regions at another rate than the largest one, regions that nothing places on the chip beside others, and
    regions that were not recorded at the same time are left out, with a warning. If the shape of one region
    tells the order of the axes, it tells that of all.
    """
    if not regions:
        return None
    largest = max(regions, key=lambda region: region.n_electrodes)
    warnings = [message for region in regions for message in region.warnings]
    used, reasons = [], []
    for region in regions:
        if region is largest:
            used.append(region)
        elif abs(region.sampling_rate - largest.sampling_rate) > 1e-6 * largest.sampling_rate:
            reasons.append(f"region {region.region_id} runs at {region.sampling_rate:g} Hz")
        elif not (region.placed and largest.placed):
            reasons.append(f"the file does not state the position of region {region.region_id}")
        else:
            used.append(region)
    segments = largest.segments
    for region in [region for region in used if region is not largest]:
        common = _common(segments, region.segments)
        if _length(common) < _LEAST_PART * _length(segments):
            used.remove(region)
            reasons.append(f"region {region.region_id} was not recorded at the same time")
        else:
            segments = common
    if reasons:
        more = f", and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        warnings.append(f"Regions of the chip are skipped: {'; '.join(reasons[:5])}{more}.")
    if _length(segments) < _length(largest.segments):
        warnings.append("The regions of the chip were not recorded for the same time; what all have is used.")
    told = next((region.axis_order for region in used if region.axis_order.source == "shape"), None)
    if told is not None:
        used = [replace(region, axis_order=told) if region.is_open else region for region in used]
    found = Electrodes(tuple(used), segments, tuple(dict.fromkeys(warnings)))
    if found.n_electrodes < sum(region.n_electrodes for region in used):
        said = "Regions of the chip overlap; an electrode of several regions is taken from the first."
        found = replace(found, warnings=(*found.warnings, said))
    return found


def _common(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Ranges that are in both of two ascending lists of ranges."""
    if np.array_equal(one, other):
        return one
    found = [
        (max(a, c), min(b, d)) for a, b in one.tolist() for c, d in other.tolist() if max(a, c) < min(b, d)
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _length(segments: npt.NDArray[np.int64]) -> int:
    return int(np.sum(segments[:, 1] - segments[:, 0]))
