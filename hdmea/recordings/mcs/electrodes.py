"""All recorded electrodes of a recording as one set: one region of the chip, several, or chosen electrodes.

A recording of chosen electrodes stores each of them as a region of its own of 1 x 1. Whatever the regions
are, together they are the electrodes of the recording, and each is placed by the edges of its region. An
image covers the smallest rectangle that contains them all; where nothing was recorded it is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.sensor import COLUMN_ROW, AxisOrder, FactorOrder, SensorRegion
from hdmea.utils.exceptions import ValidationError

__all__ = ["Electrodes", "join_regions"]

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
                f"Samples {start} to {stop} are not in segment {segment}, which has {length} samples."
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
