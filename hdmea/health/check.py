"""Finds out everything about a recording that the lights show."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea.health.electrodes import electrode_lights
from hdmea.health.files import disk_light, memory_light, pairing_light
from hdmea.health.lights import Health
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

__all__ = ["NOISE_S", "health", "health_of"]

NOISE_S = 60.0
"""Seconds of the noise movie that are read of a recording without sorted units."""


def health(
    path: str | Path,
    *,
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
    session, problem = _open(Path(path), lambda part, text: report(0.3 * part, text), cancel)
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
    chosen = HealthLimits.from_settings() if limits is None else limits
    threads = available_workers() if workers is None else workers
    twin = twin_of(session)
    unknown = _place_sections(twin, lambda part, text: report(0.1 * part, text), cancel)
    unsorted = noise_range(twin) if not twin.units else None
    measured = measure_electrodes(
        twin, unsorted, seconds=seconds, workers=threads, report=lambda p, text: report(0.1 + 0.7 * p, text)
    )
    spikes, course = spike_lights(twin, measured, chosen)
    trains: list[Any] = trains_of(twin) if twin.units else list(measured.trains)
    sta = noise_sta_light(
        twin,
        trains,
        "units" if twin.units else "electrodes",
        chosen,
        reason=unknown or _no_trains(twin, measured),
        seconds=None if twin.units else measured.noise_s,
        workers=threads,
        report=lambda part, text: report(0.8 + 0.2 * part, text),
    )
    lights = (
        *electrode_lights(measured, chosen),
        *spikes,
        *frame_lights(twin, chosen),
        *alignment_lights(twin, unknown),
        sta,
        pairing_light(twin, pairing_problem),
        disk_light(folder or _folder_of(session), chosen),
        memory_light(twin, chosen),
    )
    report(1.0, "done")
    return Health(session.dataset_id, lights, measured.picture, course)


def _no_trains(session: PipelineSession, measured: Measured) -> str:
    if session.units:
        return ""
    if measured.survey is None:
        return measured.reason
    return "No electrode has enough threshold crossings." if not measured.active.any() else ""


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


def _place_sections(session: PipelineSession, report: Report, cancel: threading.Event | None) -> str:
    """Tell when movies were shown, unless it is known; return why that cannot be told."""
    if session.stimulus.get("section_time"):
        return ""
    try:
        run_step(session, "add_section_time", progress=_events(report), cancel=cancel)
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        return error.message if isinstance(error, HDMEAError) else str(error)
    return ""


def _open(path: Path, report: Report, cancel: threading.Event | None) -> tuple[PipelineSession, str]:
    """Return what is in a file, with the other one of the pair, and why that one is not with it."""
    kind = kind_of(path)
    if kind is None:
        return PipelineSession.load(path, lazy=True), ""
    try:
        return _loaded(path, kind, True, report, cancel), ""
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        partner = _partner_of(path, kind)
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
