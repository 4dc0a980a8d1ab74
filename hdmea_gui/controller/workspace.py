"""What the worker thread holds: the session, and how it is described to the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hdmea_gui.controller.snapshot import (
    Averaged,
    Footprint,
    RecordingView,
    Span,
    StateView,
    StepRecord,
    UnitView,
)
from hdmea_gui.controller.unit_columns import unit_columns

if TYPE_CHECKING:
    from hdmea.pipeline.increments import Baseline
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.controller.recovery import Keeper, Kept, NotKept
    from hdmea_gui.jobs import JobContext

__all__ = ["Workspace"]

T = TypeVar("T")


class Workspace:
    """Holds the session; made, used and released on the worker thread only.

    Parameters
    ----------
    keeper
        Writes automatic checkpoints; None for none.

    Attributes
    ----------
    session
        The session, None before anything was opened.
    saved
        The session as it was last saved or opened; None as long as it never was in a file.
    """

    def __init__(self, keeper: Keeper | None = None) -> None:
        self.keeper = keeper
        self.session: PipelineSession | None = None
        self.sources: tuple[Path, ...] = ()
        self.saved: Baseline | None = None
        self._announced = (0, 0.0)
        self._revision = 0
        self._made: dict[str, Any] = {}

    def successor(self) -> Workspace:
        """Return what takes the place of this one, whose worker hangs and may come back at any time.

        The data are the same arrays in dictionaries of their own, so that nothing that the stalled worker
        still does shows in them.
        """
        from hdmea.pipeline.twin import twin_of

        other = Workspace(self.keeper)
        other.session = None if self.session is None else twin_of(self.session)
        other.sources = self.sources
        other.saved = self.saved
        other._announced = self._announced
        other._revision = self._revision + 1
        return other

    def require(self) -> PipelineSession:
        """Return the session; SessionError if nothing is open."""
        if self.session is None:
            from hdmea.utils.exceptions import SessionError

            raise SessionError("No recording is open. Open one, or the demo, first.")
        return self.session

    def adopt(
        self,
        session: PipelineSession,
        sources: tuple[Path, ...] = (),
        announced: tuple[int, float] = (0, 0.0),
    ) -> StateView:
        """Replace the session; the one before is released here.

        Parameters
        ----------
        session
            The new one.
        sources
            The files that were opened.
        announced
            Number of units and duration in seconds of what is not loaded yet, 0 where not known.
        """
        self.session = session
        self.sources = sources
        self._announced = announced
        self.forget_checkpoint()
        self.touch()
        self.saved = None
        if session.completed_steps:
            self.note_saved()
        return self.state()

    def note_saved(self) -> None:
        """Remember the session as it is now: what differs from it later has changed since it was saved."""
        from hdmea.pipeline.increments import Baseline

        self.saved = Baseline(self.require())
        self._made.pop("outline", None)
        self._made.pop("file_marks", None)

    def keep_checkpoint(self, ctx: JobContext) -> Kept | NotKept | None:
        """Write the automatic checkpoint of the session as it is now; None if there is none to write."""
        return None if self.keeper is None else self.keeper.keep(self.require(), self._revision, ctx)

    def forget_checkpoint(self) -> None:
        """Remove the automatic checkpoint: what is in it was saved, or is wanted no more."""
        if self.keeper is not None:
            self.keeper.forget()

    def touch(self) -> None:
        """Note that the session's data changed."""
        self._revision += 1
        self._made.clear()

    def state(self) -> StateView:
        """Describe the session."""
        session = self.session
        if session is None:
            return StateView(revision=self._revision)
        return StateView(
            dataset_id=session.dataset_id,
            revision=self._revision,
            unsaved=session.has_unsaved_changes,
            saved_path=session.hdf5_path,
            default_path=session.default_path,
            checkpoint_name=session.checkpoint_name,
            completed=tuple(session.completed_steps),
            steps={name: _record(record) for name, record in session.steps.items()},
            unit_ids=tuple(session.units),
            columns=self.remember("columns", lambda: unit_columns(session)),
            warnings=tuple(session.warnings),
            memory_gb=session.memory_estimate_gb,
            sources=self.sources,
            n_units=len(session.units) or self._announced[0],
            duration_s=_duration(session) or self._announced[1],
            source_bytes=_nbytes(self.sources),
        )

    def remember(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returns, made once for the session as it is now."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

    def recording_view(self) -> RecordingView | None:
        """Return raster, rate and stimulus sections; None before units were loaded."""
        return self.remember("recording", self._make_recording_view)

    def _make_recording_view(self) -> RecordingView | None:
        session = self.session
        if session is None or not session.units or "acquisition_rate" not in session.metadata:
            return None
        from hdmea.analysis.raster import SpikeRaster

        trains = [unit["spike_times"] for unit in session.units.values()]
        raster = SpikeRaster(trains, session.acquisition_rate, session.duration_s)
        return RecordingView(
            unit_ids=tuple(session.units),
            raster=raster,
            rate=raster.population_rate(),
            spans=_spans(session),
            duration_s=session.duration_s,
        )

    def unit_view(self, unit_id: str) -> UnitView | None:
        """Return what is known of one unit; None if the session does not have it."""
        session = self.session
        if session is None or unit_id not in session.units:
            return None
        unit = session.units[unit_id]
        waveform = unit.get("waveform", np.zeros(0, np.float32))
        attributes = getattr(waveform, "attrs", {})
        rate = session.acquisition_rate
        return UnitView(
            unit_id=unit_id,
            title=_unit_title(unit_id, unit),
            waveform=np.asarray(waveform),
            waveform_unit=str(attributes.get("unit", "")),
            waveform_ms=np.arange(len(waveform)) * np.float64(1000.0 / rate),
            intervals=_intervals(unit, rate),
            averages=tuple(_averages(unit)),
            footprint=_footprint(unit),
        )


def _duration(session: PipelineSession) -> float:
    return session.duration_s if "recording_duration_s" in session.metadata else 0.0


def _nbytes(paths: tuple[Path, ...]) -> int:
    try:
        return sum(path.stat().st_size for path in paths)
    except OSError:
        return 0


def _record(record: Mapping[str, Any]) -> StepRecord:
    return StepRecord(
        duration_s=float(record.get("duration_s", float("nan"))),
        finished_at=str(record.get("finished_at", "")),
        stale=bool(record.get("stale", False)),
    )


def _spans(session: PipelineSession) -> tuple[Span, ...]:
    rate = session.acquisition_rate
    spans = [
        Span(movie, float(start) / rate, float(stop) / rate)
        for movie, sections in session.stimulus.get("section_time", {}).items()
        for start, stop in np.asarray(sections)
    ]
    return tuple(sorted(spans, key=lambda span: span.start_s))


def _unit_title(unit_id: str, unit: Mapping[str, Any]) -> str:
    where = [f"{name} {unit[key]}" for key, name in (("row", "row"), ("col", "column")) if unit.get(key)]
    return f"{unit_id} ({', '.join(where)})" if where else unit_id


def _intervals(unit: Mapping[str, Any], rate: float) -> Any:
    from hdmea.analysis.intervals import interval_histogram

    return interval_histogram(unit["spike_times"], rate)


def _averages(unit: Mapping[str, Any]) -> list[Averaged]:
    from hdmea.analysis.images import centre_value, peak_frame

    found = []
    for name, feature in unit.get("features", {}).items():
        frames = feature.get("data") if name.startswith("sta_") else None
        if not isinstance(frames, np.ndarray) or frames.ndim != 3 or not frames.size:
            continue
        # A cover range (-60, 0) ends before the spike's own frame.
        first = -frames.shape[0]
        cover = feature.get("metadata", {}).get("cover_range")
        if cover is not None and np.size(cover) == 2:
            first = int(np.ravel(cover)[0])
        found.append(
            Averaged(name.removeprefix("sta_"), frames, peak_frame(frames), first, centre_value(frames))
        )
    return found


def _footprint(unit: Mapping[str, Any]) -> Footprint | None:
    from hdmea.analysis.images import peak_to_peak

    feature = unit.get("features", {}).get("eimage_sta")
    image = feature.get("data") if feature else None
    if not isinstance(image, np.ndarray) or image.ndim != 3 or not image.size:
        return None
    metadata = feature["metadata"]
    first = (int(metadata.get("first_row", 1)), int(metadata.get("first_column", 1)))
    row, col = unit.get("row"), unit.get("col")
    soma = (int(row), int(col)) if row and col else None
    measure = str(metadata.get("unit", "")).replace("uV", "µV")
    return Footprint(peak_to_peak(image), measure, first, soma)
