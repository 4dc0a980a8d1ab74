"""The table of peaks of one sorted unit: its accepted spikes and their mean waveform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.blocks import timestamps_to_samples
from hdmea.recordings.mcs.hdf5 import Node, attribute, name_key
from hdmea.recordings.units import UnitSpikes, duplicates_of, left_out

__all__ = ["Peaks"]

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
