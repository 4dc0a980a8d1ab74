"""Sorted units as every reader gives them: what the sorter says of a unit, its spikes, and their source.

A reader of units subclasses `UnitSource`; the pipeline and the window know nothing else of it.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from hdmea.recordings.source import Progress, Source
from hdmea.utils.fixes import SetParameter
from hdmea.utils.notices import Notice

if TYPE_CHECKING:
    from hdmea.recordings.inspection import Decision

__all__ = [
    "DUPLICATE_MS",
    "SortedUnit",
    "SortingInfo",
    "UnitOptions",
    "UnitSource",
    "UnitSpikes",
    "duplicates_of",
    "left_out",
    "said_of_units",
    "spikes_from_samples",
]

DUPLICATE_MS = 0.1
DUPLICATE_PART = 0.01


@dataclass(frozen=True)
class UnitOptions:
    """What the user can say about how units are read.

    Parameters
    ----------
    keep_noise
        Load units that are labelled as noise as well.
    electrode_pitch_um
        Distance of neighbouring electrodes in micrometres; None: found from the positions.
    """

    keep_noise: bool = False
    electrode_pitch_um: float | None = None


@dataclass(frozen=True)
class SortedUnit:
    """A unit as the sorter describes it.

    Parameters
    ----------
    unit_id
        Number of the unit in the file.
    name
        Name of its group in the file.
    row, column, sensor_id
        Place on the chip (from 1) and sensor number; None where the file does not say.
    measures
        What the sorter reported, under the names that the file uses (SNR, Separability, Tags, ...).
    """

    unit_id: int
    name: str
    row: int | None
    column: int | None
    sensor_id: int | None
    measures: dict[str, Any]


@dataclass(frozen=True, eq=False)
class SortingInfo:
    """What a source of units says about itself.

    Parameters
    ----------
    path
        The file or folder.
    duration_s
        Duration of the recording in seconds, None where the file does not say.
    sampling_rate
        Rate in Hz of the times that it stores, None where the file does not say.
    metadata
        What the file states about itself, under the names that it uses.
    tools
        The tools whose results exist.
    linked_recording
        File name of the raw recording that the file names, None if it names none.
    n_units
        Number of sorted units.
    warnings
        What the user should know.
    sampling_rate_source
        Where the rate is stated.
    counts_from
        ``"clock"``: times are those of the acquisition clock. ``"first sample"``: they count recorded
        samples from the first one, without the gaps of a recording that was paused.
    """

    path: Path
    duration_s: float | None
    sampling_rate: float | None
    metadata: dict[str, Any]
    tools: tuple[str, ...]
    linked_recording: str | None
    n_units: int
    warnings: tuple[str, ...]
    sampling_rate_source: str = "stated with the sorted units"
    counts_from: Literal["clock", "first sample"] = "clock"


@dataclass(frozen=True, eq=False)
class UnitSpikes:
    """Accepted spikes of a unit.

    Parameters
    ----------
    samples
        uint64 (n,) ascending, on the acquisition clock.
    waveform
        float32 (k,) mean waveform of these spikes; empty where there is none.
    waveform_unit
        Unit that the file states; ``"source"`` (the sorter's source signal, without a unit) or ``"a.u."``
        (templates of arbitrary scale) where it states none.
    amplitudes
        float64 (n,) amplitude of each spike in the order of `samples`; None where the file has none.
    n_rejected
        Peaks that the sorter did not accept.
    n_left_out
        Accepted peaks that are not among `samples`: without a time, before time zero, after the end.
    last_sample
        Sample of the last accepted peak that has a time, also if it is after the end; -1 without one.
    n_duplicates
        Spikes that follow another one of the unit within 0.1 ms, before any were dropped.
    n_dropped
        Spikes that were dropped as duplicates.
    duplicates
        What to say about duplicates if they are more than 1 % of the spikes, otherwise empty.
    warnings
        What else the user should know about this unit.
    """

    samples: npt.NDArray[np.uint64]
    waveform: npt.NDArray[np.float32]
    waveform_unit: str
    amplitudes: npt.NDArray[np.float64] | None
    n_rejected: int
    n_left_out: int = 0
    last_sample: int = -1
    n_duplicates: int = 0
    n_dropped: int = 0
    duplicates: str = ""
    warnings: tuple[str, ...] = ()


class UnitSource(Source):
    """The sorted units of one file or folder, open for reading; see `Source`."""

    @property
    @abstractmethod
    def info(self) -> SortingInfo:
        """What the source says about itself."""

    @property
    @abstractmethod
    def units(self) -> tuple[SortedUnit, ...]:
        """Sorted units in the numeric order of their numbers; empty if nothing was sorted."""

    @abstractmethod
    def read_unit(
        self,
        unit: SortedUnit,
        sampling_rate: float,
        progress: Progress | None = None,
        *,
        end_sample: int | None = None,
        drop_duplicates_ms: float | None = None,
    ) -> UnitSpikes:
        """Return the spikes and the mean waveform of a unit.

        Parameters
        ----------
        unit
            One of `units`.
        sampling_rate
            Rate in Hz of the samples that are returned: that of the acquisition clock.
        progress
            Called with the fraction done; may raise to stop.
        end_sample
            End of the recording on the clock; spikes from there on are left out. None: not known.
        drop_duplicates_ms
            Of spikes that follow each other within so many milliseconds only the first is kept; None: all.
        """

    def list_units(self, progress: Progress | None = None) -> tuple[SortedUnit, ...]:
        """Return `units`; a source that takes long for them calls `progress`, which may raise to stop."""
        return self.units

    @property
    def n_peaks(self) -> int:
        """Number of detected peaks of all units, rejected ones included; 0 if it is not known beforehand."""
        return 0

    @property
    def linked_recording(self) -> str | None:
        """File name of the raw recording that the source names, None if it names none."""
        return None

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Open questions with their answers, for ``hdmea info``; none by default."""
        return ()


def duplicates_of(intervals: npt.NDArray[np.int64], n_spikes: int, rate: float) -> tuple[int, str]:
    """Return how many spikes follow another within 0.1 ms, and what to say if they are too many.

    Parameters
    ----------
    intervals
        int64 (n - 1,): samples between consecutive spikes of a unit.
    n_spikes
        Number of its spikes.
    rate
        Samples per second.
    """
    close = intervals[intervals <= DUPLICATE_MS * rate / 1e3 + 1e-9]
    if close.size <= DUPLICATE_PART * n_spikes:
        return close.size, ""
    farthest = int(close.max())
    if farthest == 0:
        return close.size, f"{close.size} of {n_spikes} spikes are at the sample of another one"
    samples = "1 sample" if farthest == 1 else f"{farthest} samples"
    within = f"{samples} ({farthest / rate * 1e3:g} ms)"
    return close.size, f"{close.size} of {n_spikes} spikes follow another within {within}"


def left_out(
    number: int, early: int, late: int, end_sample: int | None, last_sample: int, rate: float
) -> Iterator[str]:
    """Yield what to say of spikes of a unit that are not within the recording.

    Parameters
    ----------
    number
        Number of the unit.
    early, late
        How many of its spikes are before time zero and after the end.
    end_sample, last_sample
        End of the recording, and the last spike, in samples.
    rate
        Samples per second.
    """
    if early:
        yield f"Unit {number}: {early} spikes before time zero are skipped."
    if late:
        yield (
            f"Unit {number}: {late} spikes after the end of the recording at {(end_sample or 0) / rate:.3f} "
            f"s are skipped (the last is at {last_sample / rate:.3f} s)."
        )


def said_of_units(units: Iterable[tuple[int, Sequence[str], str]]) -> list[str]:
    """Return what there is to say of the spikes of all units: what is alike is said once.

    Parameters
    ----------
    units
        Number of each unit, and `warnings` and `duplicates` of its `UnitSpikes`.
    """
    each = list(units)
    said = _gathered([message for _, warnings, _ in each for message in warnings])
    duplicates = [f"Unit {number}: {text}" for number, _, text in each if text]
    return said + [
        Notice(
            f"{message} Rates and intervals of such units are wrong.",
            fix=SetParameter("drop_duplicates", "load_recording", value=DUPLICATE_MS),
        )
        for message in _gathered(duplicates, alike=True)
    ]


def _gathered(messages: Sequence[str], alike: bool = False, most: int = 10) -> list[str]:
    """Join messages that differ in their numbers only (or all): a recording may have hundreds of units."""
    groups: dict[str, list[str]] = {}
    for message in messages:
        groups.setdefault("" if alike else re.sub(r"\d+(\.\d+)?", "#", message), []).append(message)
    joined = []
    for group in groups.values():
        named = "; ".join(message.removesuffix(".") for message in group[:most])
        more = f"; and {len(group) - most} units more" if len(group) > most else ""
        joined.append(f"{named}{more}.")
    return joined


def spikes_from_samples(
    number: int,
    samples: npt.NDArray[np.integer],
    sampling_rate: float,
    *,
    waveform: npt.ArrayLike = (),
    waveform_unit: str = "a.u.",
    amplitudes: npt.NDArray[np.floating] | None = None,
    end_sample: int | None = None,
    drop_duplicates_ms: float | None = None,
) -> UnitSpikes:
    """Return the spikes of a unit whose samples are known, as `UnitSource.read_unit` has to.

    Parameters
    ----------
    number
        Number of the unit.
    samples
        (n,) integers in any order: samples of the clock of `sampling_rate`.
    sampling_rate
        Samples per second.
    waveform
        (k,) mean waveform, empty where there is none.
    waveform_unit
        Its unit.
    amplitudes
        (n,) amplitude of each spike in the order of `samples`.
    end_sample, drop_duplicates_ms
        See `UnitSource.read_unit`.
    """
    signed = np.asarray(samples).astype(np.int64)
    order = np.argsort(signed, kind="stable")
    early = int(np.count_nonzero(signed < 0))
    late = 0 if end_sample is None else int(np.count_nonzero(signed >= end_sample))
    last = int(signed.max()) if signed.size else -1
    order = order[early : signed.size - late]
    intervals = np.diff(signed[order])
    n_duplicates, said = duplicates_of(intervals, order.size, sampling_rate)
    n_found = order.size
    if drop_duplicates_ms is not None:
        follows = np.zeros(n_found, dtype=bool)
        follows[1:] = intervals <= drop_duplicates_ms * sampling_rate / 1e3 + 1e-9
        order, said = order[~follows], ""
    return UnitSpikes(
        samples=signed[order].astype(np.uint64),
        waveform=np.asarray(waveform, dtype=np.float32),
        waveform_unit=waveform_unit,
        amplitudes=None if amplitudes is None else np.asarray(amplitudes, dtype=np.float64)[order],
        n_rejected=0,
        n_left_out=early + late,
        last_sample=last,
        n_duplicates=n_duplicates,
        n_dropped=n_found - order.size,
        duplicates=said,
        warnings=tuple(left_out(number, early, late, end_sample, last, sampling_rate)),
    )
