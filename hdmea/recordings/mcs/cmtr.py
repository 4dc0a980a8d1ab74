"""Spike-sorted results (`.cmtr`): units, their measures, spike trains and mean waveforms.

`Source` (a unit's whole recording in float64, most of a file of up to 125 GB) is never read.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import h5py

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.hdf5 import (
    Table,
    attribute,
    attributes,
    check_generation,
    children,
    find_child,
    is_kind,
    is_table,
    linked_recording,
    name_key,
    open_source,
    reading,
    trailing_numbers,
)
from hdmea.recordings.mcs.peaks import Peaks
from hdmea.recordings.source import Progress
from hdmea.recordings.units import SortedUnit, SortingInfo, UnitSource, UnitSpikes
from hdmea.utils.exceptions import DataLoadError
from hdmea.utils.fixes import Advice, ChooseFile, Either

__all__ = ["CmtrReader"]

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
            duration = attribute(self._root, mcs.RECORDING_DURATION)
            return SortingInfo(
                path=self.path,
                duration_s=float(duration) / 1e6 if duration else None,
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
            tick = attribute(self._root[self._peaks[unit.unit_id]], "Tick")
            if tick:
                return 1e6 / float(tick)
        explorer = find_child(self._root, mcs.SPIKE_EXPLORER, "Spike Explorer")
        if isinstance(explorer, h5py.Group):
            tick = Table(find_child(explorer, mcs.SPIKE_META, "SpikeMeta")).value(0, "Tick")
            if tick:
                return 1e6 / float(tick)
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
