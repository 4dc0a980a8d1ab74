"""Finds out everything about a recording that the lights show."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.health.electrodes import electrode_lights
from hdmea.health.files import disk_light, memory_light, pairing_light
from hdmea.health.lights import Health, Light, grey
from hdmea.health.limits import HealthLimits
from hdmea.health.measure import Measured, Report, measure_electrodes
from hdmea.health.spikes import spike_lights, trains_of
from hdmea.health.stimulus import alignment_lights, frame_lights, noise_range, noise_sta_light
from hdmea.pipeline.run import available_workers, run_step
from hdmea.pipeline.session import PipelineSession, create_session, twin_of
from hdmea.recordings.pairing import find_partner, kind_of
from hdmea.recordings.reader import open_units
from hdmea.utils.exceptions import HDMEAError, StepCancelled

if TYPE_CHECKING:
    from hdmea.pipeline.context import ProgressEvent

__all__ = [
    "NOISE_S",
    "Asked",
    "Findings",
    "Request",
    "find_out",
    "health",
    "health_of",
    "place_sections",
    "prepare",
]

NOISE_S = 60.0
"""Seconds of the noise movie that are read of a recording without sorted units."""
_NEEDED = ("acquisition_rate", "recording_duration_s", "frame_timestamps", "segments", "sys_meta")


def health(
    path: str | Path,
    *,
    partner: bool = True,
    seconds: float = NOISE_S,
    limits: HealthLimits | None = None,
    progress: Report | None = None,
    cancel: threading.Event | None = None,
    workers: int | None = None,
) -> Health:
    """Judge a recording.

    The other file of a pair is found beside it. Without it, as at the rig, a raw recording is judged by
    threshold crossings, and what needs sorted units is grey. Nothing is written.

    Parameters
    ----------
    path
        A raw recording, sorted units, or a result file.
    partner
        Whether to search for the other file of the pair.
    seconds
        Of the noise movie, how much is read of a recording without sorted units.
    limits
        Where lights become amber and red; None: those of the settings.
    progress
        Called with the fraction done and a text.
    cancel
        Set to stop.
    workers
        Threads; None: all processors.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it cannot be read; the message says why.
    StepCancelled
        If it was stopped.
    """
    report = _reporting(progress, cancel)
    session, problem = _open(Path(path), partner, lambda part, text: report(0.3 * part, text), cancel)
    return health_of(
        session,
        seconds=seconds,
        limits=limits,
        progress=lambda part, text: report(0.3 + 0.7 * part, text),
        cancel=cancel,
        workers=workers,
        pairing_problem=problem,
        folder=Path(path).absolute().parent,
    )


def health_of(
    session: PipelineSession,
    *,
    seconds: float = NOISE_S,
    limits: HealthLimits | None = None,
    progress: Report | None = None,
    cancel: threading.Event | None = None,
    workers: int | None = None,
    pairing_problem: str = "",
    folder: Path | None = None,
) -> Health:
    """Judge a recording that is loaded; the session is not changed.

    Parameters
    ----------
    session
        After `load_recording`.
    seconds, limits, progress, cancel, workers
        As of `health`.
    pairing_problem
        Why the other file of the pair could not be loaded.
    folder
        Folder on the drive whose free space is told; None: that of the raw recording, or of the result.
    """
    report = _reporting(progress, cancel)
    asked = prepare(
        session,
        seconds=seconds,
        limits=limits,
        workers=workers,
        report=lambda part, text: report(0.1 * part, text),
        cancel=cancel,
    )
    found = find_out(asked.request, lambda part, text: report(0.1 + 0.9 * part, text))
    report(1.0, "done")
    return asked.judge(found, pairing_problem=pairing_problem, folder=folder)


@dataclass(frozen=True, eq=False)
class Request:
    """What takes long to find out, and all that it needs: it can be sent to another process.

    Attributes
    ----------
    name, units, metadata, stimulus, source_files
        Parts of the session: spike times; rates, display frames and what is known of the raw data; section
        times; paths.
    limits, seconds, workers
        As of `health_of`.
    unknown
        Why it is not known when movies were shown; empty if it is.
    """

    name: str
    units: dict[str, Any]
    metadata: dict[str, Any]
    stimulus: dict[str, Any]
    source_files: dict[str, Any]
    limits: HealthLimits
    seconds: float
    workers: int
    unknown: str

    def run(self, report: Report) -> Findings:
        """Find it out, as `find_out` does."""
        return find_out(self, report)

    def session(self) -> PipelineSession:
        """Return a session with these parts alone."""
        session = PipelineSession(self.name)
        for part in ("units", "metadata", "stimulus", "source_files"):
            getattr(session, part).update(getattr(self, part))
        return session


@dataclass(frozen=True, eq=False)
class Findings:
    """What took long to find out: the raw data, and the light of the receptive fields."""

    measured: Measured
    noise_sta: Light

    @classmethod
    def not_yet(cls, request: Request, reason: str) -> Findings:
        """Return what is known before anything was found out."""
        return cls(Measured(reason=reason), grey("noise_sta", _what(request.units), reason))


@dataclass(frozen=True, eq=False)
class Asked:
    """A recording that is to be judged: its session with section times, and what has to be found out."""

    session: PipelineSession
    request: Request

    def judge(self, found: Findings, *, pairing_problem: str = "", folder: Path | None = None) -> Health:
        """Return all lights; parameters as of `health_of`."""
        session, limits = self.session, self.request.limits
        spikes, course = spike_lights(session, found.measured, limits)
        lights = (
            *electrode_lights(found.measured, limits),
            *spikes,
            *frame_lights(session, limits),
            *alignment_lights(session, self.request.unknown),
            found.noise_sta,
            pairing_light(session, pairing_problem),
            disk_light(folder or _folder_of(session), limits),
            memory_light(session, limits),
        )
        return Health(session.dataset_id, lights, found.measured.picture, course)


def prepare(
    session: PipelineSession,
    *,
    seconds: float = NOISE_S,
    limits: HealthLimits | None = None,
    workers: int | None = None,
    report: Report = lambda _part, _text: None,
    cancel: threading.Event | None = None,
) -> Asked:
    """Tell when movies were shown, and collect what the rest needs; the session is not changed."""
    twin = twin_of(session)
    unknown = place_sections(twin, report, cancel)
    metadata = {name: twin.metadata[name] for name in _NEEDED if name in twin.metadata}
    request = Request(
        twin.dataset_id,
        {name: {"spike_times": np.asarray(unit["spike_times"])} for name, unit in twin.units.items()},
        {**metadata, "frame_timestamps": np.asarray(metadata.get("frame_timestamps", ()))},
        {"section_time": dict(twin.stimulus.get("section_time") or {})},
        dict(twin.source_files),
        HealthLimits.from_settings() if limits is None else limits,
        seconds,
        available_workers() if workers is None else workers,
        unknown,
    )
    return Asked(twin, request)


def find_out(request: Request, report: Report) -> Findings:
    """Measure the raw data, and look for receptive fields.

    Parameters
    ----------
    request
        From `prepare`.
    report
        Called with the fraction done and a text; may raise to stop.
    """
    session = request.session()
    measured = measure_electrodes(
        session,
        None if session.units else noise_range(session),
        seconds=request.seconds,
        workers=request.workers,
        report=lambda part, text: report(0.8 * part, text),
    )
    trains: list[Any] = trains_of(session) if session.units else list(measured.trains)
    sta = noise_sta_light(
        session,
        trains,
        _what(session.units),
        request.limits,
        reason=request.unknown or _no_trains(session, measured),
        seconds=None if session.units else measured.noise_s,
        workers=request.workers,
        report=lambda part, text: report(0.8 + 0.2 * part, text),
    )
    return Findings(measured, sta)


def _what(units: Mapping[str, Any]) -> str:
    return "units" if units else "electrodes"


def _no_trains(session: PipelineSession, measured: Measured) -> str:
    if session.units:
        return ""
    if measured.activity is None:
        return measured.reason
    return "No electrode has enough spikes." if not measured.trains else ""


def _reporting(progress: Report | None, cancel: threading.Event | None) -> Report:
    def report(fraction: float, text: str) -> None:
        if cancel is not None and cancel.is_set():
            raise StepCancelled("The check was stopped.")
        if progress is not None:
            progress(fraction, text)

    return report


def _folder_of(session: PipelineSession) -> Path:
    known = [session.source_files.get("cmcr_path"), session.hdf5_path, session.source_files.get("cmtr_path")]
    folders = [Path(str(path)).parent for path in known if path]
    return next((folder for folder in folders if folder.is_dir()), session.output_dir)


def place_sections(
    session: PipelineSession,
    report: Report,
    cancel: threading.Event | None,
    parameters: Mapping[str, Any] | None = None,
) -> str:
    """Tell when movies were shown, unless it is known; return why that cannot be told, empty if it can."""
    if session.stimulus.get("section_time"):
        return ""
    try:
        run_step(
            session, "add_section_time", parameters, progress=_events(report), cancel=cancel, logged=False
        )
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        return error.message if isinstance(error, HDMEAError) else str(error)
    return ""


def _open(
    path: Path, find: bool, report: Report, cancel: threading.Event | None
) -> tuple[PipelineSession, str]:
    """Return what is in a file, with the other one of the pair, and why that one is not with it."""
    kind = kind_of(path)
    if kind is None:
        return PipelineSession.load(path, lazy=True), ""
    try:
        return _loaded(path, kind, find, report, cancel), ""
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        partner = _partner_of(path, kind) if find else None
        if partner is None or partner == path:
            raise
        # Whichever of the two it is that cannot be used, the other one alone tells.
        session = _loaded(path, kind, False, report, cancel)
        said = error.message if isinstance(error, HDMEAError) else str(error)
        return session, f"{partner.name} could not be loaded with it: {said}"


def _partner_of(path: Path, kind: str) -> Path | None:
    try:
        link = None
        if kind == "cmtr":
            with open_units(path) as units:
                link = units.linked_recording
        return find_partner(path, link).path
    except (HDMEAError, OSError):
        return None


def _loaded(
    path: Path, kind: str, find: bool, report: Report, cancel: threading.Event | None
) -> PipelineSession:
    source = {f"{kind}_path": str(path)}
    session = create_session(None, source.get("cmcr_path"), source.get("cmtr_path"))
    params = {**source, "find_partner": find}
    run_step(session, "load_recording", params, progress=_events(report), cancel=cancel)
    return session


def _events(report: Report) -> Callable[[ProgressEvent], None]:
    return lambda event: report(event.fraction, event.text)
