"""The table of peaks of one sorted unit: its accepted spikes and their mean waveform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.blocks import timestamps_to_samples
from hdmea.recordings.mcs.hdf5 import Node, attribute

__all__ = ["Peaks", "UnitSpikes"]

SLICE_ROWS = 1 << 15


@dataclass(frozen=True, eq=False)
class UnitSpikes:
    """Accepted spikes of a unit.

    Parameters
    ----------
    samples
        uint64 (n,) ascending, on the acquisition clock.
    waveform
        float32 (k,) mean of the accepted peaks' cut-outs; empty where there is none to average.
    waveform_unit
        Unit that the file states, else ``"source"`` (the sorter's source signal, without a unit).
    amplitudes
        float64 (n,) PeakAmplitude of each spike in the order of `samples`; None where the file has none.
    n_rejected
        Peaks that the sorter did not accept.
    warnings
        What the person should know about this unit.
    """

    samples: npt.NDArray[np.uint64]
    waveform: npt.NDArray[np.float32]
    waveform_unit: str
    amplitudes: npt.NDArray[np.float64] | None
    n_rejected: int
    warnings: tuple[str, ...] = ()


class Peaks:
    """Accumulates one `Peaks` table slice by slice.

    Attributes
    ----------
    fields
        Names of its columns.
    timestamp
        Which of them is the time of a peak; None without one.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self.fields: tuple[str, ...] = dataset.dtype.names
        known = {field.replace(" ", "").lower(): field for field in self.fields}
        self.timestamp = known.get("timestamp")
        self._include = known.get("includepeak")
        self._amplitude = known.get("peakamplitude")
        self._cutout = sorted((field for field in self.fields if field.isdecimal()), key=int)
        self._times: list[npt.NDArray[Any]] = []
        self._amplitudes: list[npt.NDArray[np.float64]] = []
        self._sum = np.zeros(len(self._cutout))
        self._accepted = 0

    def read(self, progress: Callable[[float], None] | None) -> None:
        """Read the table; `progress` is called with the fraction done after each slice."""
        rows = len(self._dataset)
        buffer = np.empty(min(rows, SLICE_ROWS), dtype=self._dataset.dtype)
        for start in range(0, rows, SLICE_ROWS):
            size = min(SLICE_ROWS, rows - start)
            self._dataset.read_direct(buffer, np.s_[start : start + size], np.s_[:size])
            self._take(buffer[:size])
            if progress is not None:
                progress((start + size) / rows)

    def _take(self, table: npt.NDArray[Any]) -> None:
        accepted = np.ones(len(table), dtype=bool) if self._include is None else table[self._include] == 1
        self._times.append(table[self.timestamp][accepted])
        if self._amplitude is not None:
            self._amplitudes.append(table[self._amplitude][accepted].astype(np.float64))
        self._accepted += int(np.count_nonzero(accepted))
        if self._cutout:
            self._sum += _cutouts(table, self._cutout)[accepted].sum(axis=0, dtype=np.float64)

    def result(self, number: int, sampling_rate: float) -> UnitSpikes:
        """Return what was read as the spikes of the unit of this number."""
        times = np.concatenate(self._times) if self._times else np.empty(0, np.int64)
        samples = timestamps_to_samples(times, sampling_rate)
        warnings = []
        if self._include is None and len(self._dataset):
            warnings.append(
                f"Unit {number}: the file does not mark accepted peaks; all of them are taken as spikes."
            )
        order = np.argsort(samples, kind="stable")
        amplitudes = np.concatenate(self._amplitudes) if self._amplitudes else None
        early = int(np.count_nonzero(samples < 0))
        if early:
            warnings.append(f"Unit {number}: {early} spikes before time zero are left out.")
            order = order[early:]
        mean = self._sum / self._accepted if self._accepted and self._cutout else np.empty(0)
        return UnitSpikes(
            samples=samples[order].astype(np.uint64),
            waveform=mean.astype(np.float32),
            waveform_unit=_unit_of(self._dataset),
            amplitudes=None if amplitudes is None else amplitudes[order],
            n_rejected=len(self._dataset) - self._accepted,
            warnings=tuple(warnings),
        )


def _cutouts(table: npt.NDArray[Any], fields: list[str]) -> npt.NDArray[Any]:
    """(n, k) view of the cut-out samples where they lie side by side in a row, else a copy."""
    types = table.dtype.fields
    assert types is not None
    first, offset = types[fields[0]][:2]
    if all(types[field][:2] == (first, offset + k * first.itemsize) for k, field in enumerate(fields)):
        return np.ndarray(
            (len(table), len(fields)), first, table, offset, (table.dtype.itemsize, first.itemsize)
        )
    return np.stack([table[field].astype(np.float64) for field in fields], axis=1)


def _unit_of(peaks: Node) -> str:
    """Return the unit of the cut-outs as stated (`V` with exponent -9 is nV), else `source`."""
    unit, exponent = attribute(peaks, "Unit"), attribute(peaks, "Exponent", 0)
    if not unit:
        return "source"
    prefix = {0: "", -3: "m", -6: "µ", -9: "n", -12: "p"}.get(int(exponent or 0))
    return f"{prefix}{unit}" if prefix is not None else f"1e{exponent} {unit}"
