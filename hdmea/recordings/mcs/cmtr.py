"""Spike-sorted results (`.cmtr`): units, their measures, spike trains and mean waveforms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.blocks import timestamps_to_samples
from hdmea.recordings.mcs.hdf5 import (
    Node,
    Table,
    attribute,
    attributes,
    check_backed,
    check_generation,
    children,
    find_child,
    is_kind,
    is_table,
    linked_recording,
    name_key,
    open_source,
    positive,
    reading,
    trailing_numbers,
)
from hdmea.recordings.source import Progress
from hdmea.recordings.units import SortedUnit, SortingInfo, UnitSource, UnitSpikes, duplicates_of, left_out
from hdmea.utils.exceptions import DataLoadError
from hdmea.utils.fixes import Advice, ChooseFile, Either

__all__ = [
    "CmtrReader",
    "Peaks",
]

SLICE_ROWS = 1 << 15
_FARTHEST_US = 10**15
"""Some 30 years: what is farther from time zero has lost its meaning, and would not fit an integer."""


class Peaks:
    """Accumulates one `Peaks` table slice by slice.

    Parameters
    ----------
    dataset
        The table.
    sampling_rate
        Rate of the acquisition clock in Hz.
    end_sample
        Peaks from this sample of the clock on are after the end of the recording; None: not known.

    Attributes
    ----------
    fields
        Names of its columns.
    timestamp
        Which of them is the time of a peak; None without one.
    """

    def __init__(self, dataset: h5py.Dataset, sampling_rate: float, end_sample: int | None = None) -> None:
        self._dataset = dataset
        self._rate = sampling_rate
        self._end = end_sample
        self.fields: tuple[str, ...] = dataset.dtype.names
        known = {name_key(field): field for field in reversed(self.fields)}
        self.timestamp = known.get("timestamp")
        self._include = known.get("includepeak")
        self._amplitude = known.get("peakamplitude")
        self._cutout = sorted((field for field in self.fields if field.isdecimal()), key=int)
        self._samples: list[npt.NDArray[np.int64]] = []
        self._amplitudes: list[npt.NDArray[np.float64]] = []
        self._sum = np.zeros(len(self._cutout))
        self._accepted = self._nowhere = self._early = self._late = 0
        self._last = -1

    def read(self, progress: Callable[[float], None] | None) -> None:
        """Read the table; `progress` is called with the fraction done after each slice."""
        for table, part in self._slices():
            self._take(table)
            if progress is not None:
                progress(part)

    def _slices(self) -> Iterator[tuple[npt.NDArray[Any], float]]:
        """Consecutive parts of the table, in one buffer, and the fraction that is then read."""
        rows = len(self._dataset)
        buffer = np.empty(min(rows, SLICE_ROWS), dtype=self._dataset.dtype)
        for start in range(0, rows, SLICE_ROWS):
            size = min(SLICE_ROWS, rows - start)
            self._dataset.read_direct(buffer, np.s_[start : start + size], np.s_[:size])
            yield buffer[:size], (start + size) / rows

    def _usable(self, table: npt.NDArray[Any]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Which peaks are spikes of the recording, and the samples of all; others are counted."""
        accepted = np.ones(len(table), dtype=bool) if self._include is None else table[self._include] == 1
        times = table[self.timestamp]
        known = np.isfinite(times) if times.dtype.kind == "f" else np.ones(len(times), dtype=bool)
        if times.dtype.kind == "f":
            times = np.where(known, times, 0).astype(np.float64)
        if times.dtype.itemsize == 8:
            limit = times.dtype.type(_FARTHEST_US)
            times = np.clip(times, -limit if times.dtype.kind != "u" else None, limit)
        samples = timestamps_to_samples(times, self._rate)
        early = accepted & known & (samples < 0)
        late = accepted & known & (samples >= (np.iinfo(np.int64).max if self._end is None else self._end))
        self._accepted += int(np.count_nonzero(accepted))
        self._nowhere += int(np.count_nonzero(accepted & ~known))
        self._early += int(np.count_nonzero(early))
        self._late += int(np.count_nonzero(late))
        timed = samples[accepted & known]
        self._last = max(self._last, int(timed.max()) if timed.size else -1)
        return accepted & known & ~early & ~late, samples

    def _take(self, table: npt.NDArray[Any]) -> None:
        usable, samples = self._usable(table)
        self._samples.append(samples[usable])
        if self._amplitude is not None:
            self._amplitudes.append(table[self._amplitude][usable].astype(np.float64))
        if self._cutout:
            self._sum += _cutouts(table, self._cutout)[usable].sum(axis=0, dtype=np.float64)

    def _sum_of(self, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Sum of the cut-outs of some of the usable peaks, read once more."""
        total = np.zeros(len(self._cutout))
        counts = self._accepted, self._nowhere, self._early, self._late
        done = 0
        for table, _ in self._slices():
            usable, _ = self._usable(table)
            here = wanted[done : done + int(np.count_nonzero(usable))]
            done += len(here)
            total += _cutouts(table, self._cutout)[np.flatnonzero(usable)[here]].sum(axis=0, dtype=np.float64)
        self._accepted, self._nowhere, self._early, self._late = counts
        return total

    def result(self, number: int, drop_duplicates_ms: float | None = None) -> UnitSpikes:
        """Return what was read as the spikes of the unit of this number.

        Parameters
        ----------
        number
            Number of the unit.
        drop_duplicates_ms
            Of spikes that follow each other within so many milliseconds only the first is kept.
        """
        samples = np.concatenate(self._samples) if self._samples else np.empty(0, np.int64)
        amplitudes = np.concatenate(self._amplitudes) if self._amplitudes else None
        order = np.argsort(samples, kind="stable")
        intervals = np.diff(samples[order])
        n_duplicates, said = duplicates_of(intervals, len(samples), self._rate)
        total, n_kept = self._sum, len(samples)
        if drop_duplicates_ms is not None:
            follows = np.zeros(len(order), dtype=bool)
            follows[1:] = intervals <= drop_duplicates_ms * self._rate / 1e3 + 1e-9
            order, said = order[~follows], ""
            n_kept = len(order)
            if n_kept < len(samples) and self._cutout:
                wanted = np.zeros(len(samples), dtype=bool)
                wanted[order] = True
                total = self._sum_of(wanted)
        mean = total / n_kept if n_kept and self._cutout else np.empty(0)
        return UnitSpikes(
            samples=samples[order].astype(np.uint64),
            waveform=mean.astype(np.float32),
            waveform_unit=_unit_of(self._dataset),
            amplitudes=None if amplitudes is None else amplitudes[order],
            n_rejected=len(self._dataset) - self._accepted,
            n_left_out=self._nowhere + self._early + self._late,
            last_sample=self._last,
            n_duplicates=n_duplicates,
            n_dropped=len(samples) - n_kept,
            duplicates=said,
            warnings=tuple(self._warnings(number)),
        )

    def _warnings(self, number: int) -> Iterator[str]:
        if self._include is None and len(self._dataset):
            yield f"Unit {number}: the file does not mark accepted peaks; all of them are taken as spikes."
        if self._nowhere:
            yield f"Unit {number}: {self._nowhere} spikes without a time (NaN) are skipped."
        yield from left_out(number, self._early, self._late, self._end, self._last, self._rate)


def _cutouts(table: npt.NDArray[Any], fields: list[str]) -> npt.NDArray[Any]:
    """(n, k) view of the cut-out samples where they are side by side in a row, otherwise a copy."""
    types = table.dtype.fields
    assert types is not None
    first, offset = types[fields[0]][:2]
    if all(types[field][:2] == (first, offset + k * first.itemsize) for k, field in enumerate(fields)):
        return np.ndarray(
            (len(table), len(fields)), first, table, offset, (table.dtype.itemsize, first.itemsize)
        )
    return np.stack([table[field].astype(np.float64) for field in fields], axis=1)


def _unit_of(peaks: Node) -> str:
    """Return the unit of the cut-outs as stated (`V` with exponent -9 is nV), otherwise `source`."""
    unit, exponent = attribute(peaks, "Unit"), attribute(peaks, "Exponent", 0)
    if not unit:
        return "source"
    prefix = {0: "", -3: "m", -6: "µ", -9: "n", -12: "p"}.get(int(exponent or 0))
    return f"{prefix}{unit}" if prefix is not None else f"1e{exponent} {unit}"


_SAVE_AGAIN = Advice("Save the file again in CMOS-MEA-Tools.")
IDENTIFIERS = ("unitid", "sensorid", "roiid", "column", "row")


class CmtrReader(UnitSource):
    """Reader of one spike-sorted file; use it in a `with` block.

    Parameters
    ----------
    path
        The `.cmtr` file. It is opened read-only, without a lock, and never changed. Its link to the raw
        recording is not followed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it is not a spike-sorted file of this generation, or damaged. The message says what to do.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        self._root: h5py.File = self._stack.enter_context(open_source(self.path))
        self._notes: list[str] = []
        # Names, not open datasets: HDF5 keeps several MB of each that is open.
        self._peaks: dict[int, str] = {}
        self._n_rows: dict[int, int] = {}
        self._units: tuple[SortedUnit, ...] | None = None
        try:
            with reading(self.path, "the groups of the file"):
                self._check_kind()
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def _check_kind(self) -> None:
        check_generation(self._root, self.path)
        members = children(self._root)
        program = str(attribute(self._root, "ProgramName", ""))
        if self._tools or program.endswith("Tools"):
            return
        if find_child(self._root, mcs.ACQUISITION, "Acquisition") is not None:
            raise DataLoadError(
                f"{self.path} is a raw recording (.cmcr), not a spike-sorted file (.cmtr).",
                self.path,
                fix=Either((ChooseFile("cmcr_path"), Advice("Check whether the two files were swapped."))),
            )
        raise DataLoadError(
            f"{self.path} does not contain results of CMOS-MEA-Tools "
            f"(groups: {', '.join(members) or 'none'}).",
            self.path,
            fix=Advice("Choose the .cmtr file that CMOS-MEA-Tools wrote."),
        )

    @cached_property
    def _tools(self) -> tuple[str, ...]:
        names = {name_key(name) for name in mcs.TOOL_NAMES}
        return tuple(
            name
            for name, node in children(self._root).items()
            if name_key(name) in names or any(is_kind(node, kind) for kind in mcs.TOOL_KINDS)
        )

    @cached_property
    def info(self) -> SortingInfo:
        """Duration, rate, tools, link and warnings of the file."""
        with reading(self.path, "the metadata of the file"):
            duration = positive(attribute(self._root, mcs.RECORDING_DURATION))
            return SortingInfo(
                path=self.path,
                duration_s=duration / 1e6 if duration else None,
                sampling_rate=self._sampling_rate(),
                metadata=attributes(self._root),
                tools=self._tools,
                linked_recording=self.linked_recording,
                n_units=len(self.units),
                warnings=tuple(self._notes),
                sampling_rate_source="tick of the spike-sorted file",
            )

    @property
    def linked_recording(self) -> str | None:
        """File name of the raw recording that the link contains, None without such a link."""
        return linked_recording(self._root)

    def _sampling_rate(self) -> float | None:
        for unit in self.units:
            tick = positive(attribute(self._root[self._peaks[unit.unit_id]], "Tick"))
            if tick:
                return 1e6 / tick
        explorer = find_child(self._root, mcs.SPIKE_EXPLORER, "Spike Explorer")
        if isinstance(explorer, h5py.Group):
            tick = positive(Table(find_child(explorer, mcs.SPIKE_META, "SpikeMeta")).value(0, "Tick"))
            if tick:
                return 1e6 / tick
        return None

    # -- units ---------------------------------------------------------------------------------------

    @cached_property
    def _sorter(self) -> h5py.Group | None:
        node = find_child(self._root, mcs.SPIKE_SORTER, "Spike Sorter")
        return node if isinstance(node, h5py.Group) else None

    @property
    def units(self) -> tuple[SortedUnit, ...]:
        """Sorted units in the numeric order of their numbers; empty if nothing was sorted."""
        return self.list_units()

    def list_units(self, progress: Progress | None = None) -> tuple[SortedUnit, ...]:
        """Return `units`; `progress` is called with the fraction done and may raise to stop."""
        if self._units is None:
            with reading(self.path, "the table of units"):
                self._units = self._read_list(progress)
        return self._units

    def _read_list(self, progress: Progress | None) -> tuple[SortedUnit, ...]:
        if self._sorter is None:
            return ()
        table = Table(find_child(self._sorter, mcs.UNITS_TABLE, "Units"))
        numbers = table.column("UnitID")
        rows = {} if numbers is None else {int(number): row for row, number in enumerate(numbers.tolist())}
        found: dict[int, SortedUnit] = {}
        members = children(self._sorter)
        for index, (name, node) in enumerate(members.items()):
            if isinstance(node, h5py.Group) and (
                is_kind(node, mcs.SINGLE_UNIT) or re.fullmatch(r"unit\d+", name_key(name))
            ):
                self._add(found, self._describe(name, node, table, rows))
            if progress is not None:
                progress((index + 1) / len(members))
        self._report_lost(rows, found)
        return tuple(found[number] for number in sorted(found))

    def _add(self, found: dict[int, SortedUnit], unit: SortedUnit | None) -> None:
        if unit is None:
            return
        if unit.unit_id in found:
            raise DataLoadError(
                f"{self.path}: '{found[unit.unit_id].name}' and '{unit.name}' both have the unit number "
                f"{unit.unit_id}.",
                self.path,
                fix=_SAVE_AGAIN,
            )
        found[unit.unit_id] = unit

    def _report_lost(self, rows: dict[int, int], found: dict[int, SortedUnit]) -> None:
        lost = sorted(set(rows) - set(found))
        if lost:
            self._notes.append(
                f"The table of units lists {len(lost)} units without spikes in the file (numbers "
                f"{', '.join(map(str, lost[:10]))}); they are skipped."
            )

    def _describe(
        self, name: str, group: h5py.Group, table: Table, rows: dict[int, int]
    ) -> SortedUnit | None:
        info = Table(find_child(group, mcs.UNIT_INFO, "Unit Info"))
        numbers = trailing_numbers(name)
        stated = attribute(group, "UnitID", info.value(0, "UnitID"))
        if stated is None and not numbers:
            self._notes.append(f"'{name}' has no unit number and is skipped.")
            return None
        number = int(numbers[-1] if stated is None else stated)
        peaks = find_child(group, mcs.PEAKS, "Peaks")
        if not isinstance(peaks, h5py.Dataset) or peaks.ndim != 1 or not is_table(peaks):
            self._notes.append(f"Unit {number} has no table of peaks and is skipped.")
            return None
        self._peaks[number], self._n_rows[number] = peaks.name, len(peaks)
        reported = {
            **(table.row(rows[number]) if number in rows else {}),
            **(info.row(0) if len(info) else {}),
        }
        facts = {name_key(key): value for key, value in reported.items()}
        place = {key: attribute(group, key, facts.get(key.lower())) for key in ("Row", "Column", "SensorID")}
        row, column, sensor = self._place(number, place["Row"], place["Column"], place["SensorID"])
        measures = {key: value for key, value in reported.items() if name_key(key) not in IDENTIFIERS}
        return SortedUnit(number, name, row, column, sensor, measures)

    def _place(
        self, number: int, row: int | None, column: int | None, sensor: int | None
    ) -> tuple[int | None, int | None, int | None]:
        """Complete row, column and sensor number from each other, and compare them."""
        if row is None or column is None:
            if sensor is None:
                self._notes.append(f"Unit {number}: the file does not state its position on the chip.")
                return row, column, None
            row, column = mcs.sensor_position(int(sensor))
        expected = mcs.sensor_id(int(row), int(column))
        if sensor is not None and int(sensor) != expected:
            self._notes.append(
                f"Unit {number}: sensor number {sensor} does not belong to row {row}, column {column} "
                f"(that is sensor {expected}); row and column are used."
            )
        return int(row), int(column), expected

    @property
    def n_peaks(self) -> int:
        """Rows in the tables of peaks of all units, rejected peaks included."""
        return sum(self._n_rows[unit.unit_id] for unit in self.units)

    # -- spikes --------------------------------------------------------------------------------------

    def read_unit(
        self,
        unit: SortedUnit,
        sampling_rate: float,
        progress: Progress | None = None,
        *,
        end_sample: int | None = None,
        drop_duplicates_ms: float | None = None,
    ) -> UnitSpikes:
        """Read the accepted spikes and the mean waveform of a unit.

        Parameters
        ----------
        unit
            One of `units`.
        sampling_rate
            Rate of the acquisition clock in Hz.
        progress
            Called with the fraction done after every slice of the table; may raise to stop.
        end_sample
            End of the recording on the clock; peaks from there on are left out. None: not known.
        drop_duplicates_ms
            Of spikes that follow each other within so many milliseconds only the first is kept; None: all.

        Returns
        -------
        UnitSpikes
            Peaks with `IncludePeak` == 1 only, of those that have a time of the recording. The waveform is
            summed in float64, in the order of the file and in slices of a fixed size, so it is the same on
            every machine.

        Raises
        ------
        DataLoadError
            If the table of peaks has no timestamps or cannot be read.
        """
        dataset = self._root[self._peaks[unit.unit_id]]
        with reading(self.path, f"the peaks of unit {unit.unit_id}", dataset):
            check_backed(dataset)
            peaks = Peaks(dataset, sampling_rate, end_sample)
            if peaks.timestamp is None:
                raise DataLoadError(
                    f"{self.path}: the peaks of unit {unit.unit_id} have no field 'Timestamp' (fields: "
                    f"{', '.join(peaks.fields[:5])} ...).",
                    self.path,
                    fix=_SAVE_AGAIN,
                )
            peaks.read(progress)
            return peaks.result(unit.unit_id, drop_duplicates_ms)
