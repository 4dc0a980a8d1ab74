"""Raw voltages of some electrodes, with the spikes of the units; read on the worker thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.giving_way import giving_way

if TYPE_CHECKING:
    from hdmea.analysis.raw_traces import RawTraces, Traces
    from hdmea.pipeline.session import PipelineSession
    from hdmea.recordings.mcs.sensor import Electrodes
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["MOST_TRACES", "Chosen", "NextSpike", "RawProblem", "RawQuery", "RawView", "SpikeMarks"]

MOST_TRACES = 64
MAX_SHOWN_NBYTES = 13_000_000_000
"""What is shown at once is at most so much of the file, about 77 s of a whole chip."""
_MOST_SPIKES = 20_000
_ANSWER_S = 0.15
_FIRST_S = 0.2
_STEP = "compute_eimage_sta"

Chosen = Literal["unit", "grid", "places"]


@dataclass(frozen=True)
class RawProblem:
    """Why there are no traces, in words."""

    reason: str


@dataclass(frozen=True, eq=False)
class SpikeMarks:
    """Spikes on traces.

    Attributes
    ----------
    unit_ids
        The units that are marked, the selected ones first.
    time_s, trace, unit
        Of each spike: float64 seconds, index of the trace, index of the unit.
    n_inside
        Spikes of these units in the stretch; more than are marked where they are too many.
    """

    unit_ids: tuple[str, ...]
    time_s: NDArray[np.float64]
    trace: NDArray[np.intp]
    unit: NDArray[np.intp]
    n_inside: int

    def is_in(self, traces: Traces) -> NDArray[np.bool_]:
        """Return which spikes are where the traces were read and recorded."""
        if not traces.time_s.size:
            return np.zeros(self.time_s.size, bool)
        place = np.minimum(np.searchsorted(traces.time_s, self.time_s), traces.time_s.size - 1)
        inside = (self.time_s >= traces.time_s[0]) & (self.time_s <= traces.time_s[-1])
        found: NDArray[np.bool_] = inside & np.isfinite(traces.values[self.trace, place])
        return found


@dataclass(frozen=True, eq=False)
class RawView:
    """Traces of some electrodes.

    Attributes
    ----------
    traces
        Time, and voltages of each electrode.
    places
        int64 (electrodes, 2): row and column on the chip of each, from 1.
    unit
        Of the voltages: "µV", or "counts" where the file has no factors.
    start_s, stop_s
        The stretch that was asked for.
    duration_s, longest_s
        Of the recording; and of the longest stretch that is shown at once.
    recorded_s
        float64 (n, 2): when the electrodes were recorded.
    spikes
        Spikes of units at these electrodes.
    all_places
        int64 (n, 2): row and column of all electrodes.
    unit_place
        Row and column of the current unit's electrode; None if not known.
    filter_text
        What was done to the voltages.
    unscaled
        Electrodes without a usable factor.
    """

    traces: Traces
    places: NDArray[np.int64]
    unit: str
    start_s: float
    stop_s: float
    duration_s: float
    longest_s: float
    recorded_s: NDArray[np.float64]
    spikes: SpikeMarks
    all_places: NDArray[np.int64]
    unit_place: tuple[float, float] | None
    filter_text: str
    unscaled: int

    @property
    def is_complete(self) -> bool:
        """Whether all of the stretch was read."""
        return self.traces.fraction >= 1


@dataclass(frozen=True)
class RawQuery:
    """Traces of a stretch of time.

    Attributes
    ----------
    start_s, stop_s
        The stretch; None: a short one in the middle of what was recorded.
    columns
        Columns of pixels.
    chosen, n, places
        Electrodes around the unit, on a grid over the chip, or at these rows and columns; how many.
    units
        Selected units; the first is the current one.
    high_pass
        Whether the voltages are filtered.
    """

    start_s: float | None
    stop_s: float | None
    columns: int
    chosen: Chosen
    n: int
    places: tuple[tuple[int, int], ...]
    units: tuple[str, ...]
    high_pass: bool

    def answer(self, workspace: Workspace) -> RawView | RawProblem | None:
        """Return what could be read in a moment, more when asked again; None before anything is open."""
        session = workspace.session
        if session is None or "acquisition_rate" not in session.metadata:
            return None
        path = session.source_files.get("cmcr_path")
        if not path:
            return RawProblem(
                "No raw recording was loaded: there are sorted units only. Open the .cmtr together with its "
                ".cmcr file to see the voltages."
            )
        if not Path(str(path)).is_file():
            return RawProblem(
                f"The raw recording no longer exists at {path}. Put it back there, or beside the result, and "
                "open the result again."
            )
        from hdmea.pipeline.loading import as_decided
        from hdmea.recordings.reader import open_signals

        with open_signals(Path(str(path))) as reader:
            electrodes = reader.sensor
            if electrodes is None or not len(electrodes.segments) or not electrodes.n_electrodes:
                return RawProblem(f"{reader.path.name} contains no raw data of the electrodes.")
            if electrodes.unreadable:
                return RawProblem(f"The raw data cannot be read: {electrodes.unreadable}")
            electrodes = as_decided(electrodes, session.metadata.get("sys_meta") or {})
            return self._read(workspace, session, electrodes, (str(path), Path(str(path)).stat().st_mtime_ns))

    def _read(
        self, workspace: Workspace, session: PipelineSession, electrodes: Electrodes, file: tuple[str, int]
    ) -> RawView | RawProblem:
        from hdmea.analysis.raw_traces import RawTraces

        places = electrodes.positions
        unit_place = _place(session, self.units[0]) if self.units else None
        shown = self._electrodes(electrodes, unit_place)
        if isinstance(shown, RawProblem):
            return shown
        kept = workspace.of_session.get("raw")
        if kept is None or kept[0] != file:
            kept = workspace.of_session["raw"] = (file, RawTraces(_chunk_rows(electrodes)))
        traces: RawTraces = kept[1]
        rate = electrodes.sampling_rate
        recorded = np.asarray(electrodes.segments, np.float64) / rate
        duration = max(session.duration_s, float(recorded.max()))
        per_second = electrodes.n_electrodes * electrodes.dtype.itemsize * rate
        longest = min(duration, max(2.0, MAX_SHOWN_NBYTES / per_second))
        start, stop = self._stretch(recorded, duration, longest)
        cutoff = _cutoff(session) if self.high_pass else None
        factors = electrodes.factors_uv
        until = time.monotonic() + _ANSWER_S
        found = traces.read(
            electrodes,
            shown,
            factors,
            rate,
            (start, stop),
            self.columns,
            cutoff,
            lambda: time.monotonic() < until,
        )
        return RawView(
            traces=found,
            places=places[shown],
            unit="counts" if electrodes.unit == "counts" else "µV",
            start_s=start,
            stop_s=stop,
            duration_s=duration,
            longest_s=longest,
            recorded_s=recorded,
            spikes=_spikes(session, self.units, places[shown], (start, stop)),
            all_places=places,
            unit_place=unit_place,
            filter_text=_filter_text(cutoff),
            unscaled=int(np.count_nonzero(~np.isfinite(factors[shown]))),
        )

    def _electrodes(
        self, electrodes: Electrodes, unit_place: tuple[float, float] | None
    ) -> NDArray[np.intp] | RawProblem:
        from hdmea.analysis.raw_traces import grid_of, nearest_to

        if self.chosen == "unit":
            if not self.units:
                return RawProblem("Select a unit in the table below, or show a grid of the chip.")
            if unit_place is None:
                return RawProblem(
                    "The sorted file does not state the electrode of this unit. Show a grid of the chip, and "
                    "click electrodes on the map."
                )
            return nearest_to(electrodes.positions, unit_place, self.n)
        if self.chosen == "grid":
            return grid_of(electrodes.positions, self.n)
        found = [electrodes.electrode_index(row, column) for row, column in self.places]
        indices = np.array([index for index in found if index is not None], np.intp)
        if not indices.size:
            return RawProblem("Click electrodes on the map of the chip to see their voltages.")
        return indices

    def _stretch(self, recorded: NDArray[np.float64], duration: float, longest: float) -> tuple[float, float]:
        if self.start_s is None or self.stop_s is None:
            part = recorded[len(recorded) // 2]
            width = min(_FIRST_S, float(part[1] - part[0]))
            start = float(part.mean()) - width / 2
            return start, start + width
        start = min(max(self.start_s, 0.0), duration)
        return start, min(max(self.stop_s, start), start + longest, duration)


@dataclass(frozen=True)
class NextSpike:
    """Time of the spike of a unit after (`step` 1) or before (−1) a time."""

    unit_id: str
    time_s: float
    step: int

    def answer(self, workspace: Workspace) -> float | None:
        """Return it in seconds; None if there is none."""
        session = workspace.session
        unit = {} if session is None else session.units.get(self.unit_id, {})
        train = np.asarray(unit.get("spike_times", ())).astype(np.int64)
        if session is None or not train.size:
            return None
        rate = session.acquisition_rate
        at = round(self.time_s * rate)
        side: Literal["left", "right"] = "right" if self.step > 0 else "left"
        index = int(np.searchsorted(train, at, side=side)) - (self.step < 0)
        return float(train[index] / rate) if 0 <= index < train.size else None


def _chunk_rows(electrodes: Electrodes) -> int:
    return max((each.chunks[0] if each.chunks else 1 for each in electrodes.datasets), default=1)


def _cutoff(session: PipelineSession) -> tuple[float, int]:
    """Return cut-off and order of the high-pass of the electrical images: as they were made, or would be."""
    from hdmea.pipeline.steps.compute_eimage_sta import ElectricalImageParams

    record = session.steps.get(_STEP)
    made: Mapping[str, Any] = {} if record is None else record.params
    fields = ElectricalImageParams.model_fields
    return (
        float(made.get("cutoff_hz", fields["cutoff_hz"].default)),
        int(made.get("filter_order", fields["filter_order"].default)),
    )


def _filter_text(cutoff: tuple[float, int] | None) -> str:
    return "not filtered" if cutoff is None else f"high-pass {cutoff[0]:g} Hz"


def _place(session: PipelineSession, unit_id: str) -> tuple[float, float] | None:
    unit = session.units.get(unit_id, {})
    row, column = unit.get("row"), unit.get("col")
    return (float(row), float(column)) if row and column else None


def _spikes(
    session: PipelineSession,
    selected: Sequence[str],
    places: NDArray[np.int64],
    stretch: tuple[float, float],
) -> SpikeMarks:
    """Return spikes of the units whose electrodes are shown, and of selected ones at the nearest trace."""
    trace_at = {(row, column): index for index, (row, column) in enumerate(places.tolist())}
    ids: list[str] = []
    found: list[NDArray[np.float64]] = []
    traces_of: list[int] = []
    others = (unit_id for unit_id in session.units if unit_id not in selected)
    for unit_id in giving_way([*selected, *others]):
        place = _place(session, unit_id)
        if place is None:
            continue
        trace = trace_at.get((int(place[0]), int(place[1])))
        if trace is None:
            if unit_id not in selected:
                continue
            trace = int(np.argmin(np.hypot(*(places - np.array(place)).T)))
        train = np.asarray(session.units[unit_id]["spike_times"])
        edges = np.asarray(stretch) * session.acquisition_rate
        low, high = np.searchsorted(train, np.ceil(edges).astype(np.uint64))
        ids.append(unit_id)
        traces_of.append(trace)
        found.append(train[low:high].astype(np.float64) / session.acquisition_rate)
    n_inside = sum(times.size for times in found)
    if n_inside > _MOST_SPIKES:
        found = [times[:0] for times in found]
    counts = [times.size for times in found]
    times = np.concatenate([np.empty(0), *found])
    return SpikeMarks(
        tuple(ids),
        times,
        np.repeat(np.array(traces_of, np.intp), counts),
        np.repeat(np.arange(len(ids), dtype=np.intp), counts),
        n_inside,
    )
