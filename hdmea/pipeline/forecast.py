"""Memory forecasts of steps before they are run, and of recordings before they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea.declare import StepDefinition, StepParams
from hdmea.pipeline.loading import memory_estimate_gb
from hdmea.pipeline.run import RunPlan, definition_of, plan_run
from hdmea.recordings.reader import open_signals, open_units, source_stamp
from hdmea.results.sizes import estimate_nbytes
from hdmea.utils.exceptions import CacheConflictError, HDMEAError, MissingInputError
from hdmea.utils.fixes import Advice

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession


__all__ = [
    "DISPLAY_HZ",
    "Forecast",
    "RecordingSize",
    "forecast_step",
    "forecast_steps",
    "load_nbytes",
    "recording_size",
    "sensor_shape",
]

DISPLAY_HZ = 60.0
"""Refresh rate of the display that is assumed until the frames are known."""


_Stamp = tuple[int, float]


@dataclass(frozen=True)
class RecordingSize:
    """Sizes that determine the memory of results.

    Attributes
    ----------
    n_units
        Number of sorted units.
    n_frames
        Number of display frames.
    sampling_rate
        Samples per second.
    """

    n_units: int
    n_frames: int
    sampling_rate: float


@dataclass(frozen=True)
class _Files:
    """What both source files say, read once per state of the files."""

    n_units: int
    n_frames: int
    sampling_rate: float
    load_nbytes: int
    sensor: tuple[int, int] | None


def recording_size(session: PipelineSession) -> RecordingSize:
    """Return the sizes of the session, or of its source files if no recording is loaded.

    Raises
    ------
    MissingInputError
        If nothing is loaded and no source file is known.
    """
    if "load_recording" in session.completed_steps:
        frames = session.metadata.get("frame_timestamps", ())
        return RecordingSize(session.unit_count, len(frames), session.acquisition_rate)
    files = _files(session.source_files.get("cmcr_path"), session.source_files.get("cmtr_path"))
    return RecordingSize(files.n_units, files.n_frames, files.sampling_rate)


def load_nbytes(cmcr: Path | None, cmtr: Path | None) -> int:
    """Return the number of bytes of a recording in memory after loading."""
    return _files(cmcr, cmtr).load_nbytes


def sensor_shape(cmcr: Path) -> tuple[int, int] | None:
    """Return rows and columns of the recorded region, None without sensor data."""
    return _files(cmcr, None).sensor


def _files(cmcr: str | Path | None, cmtr: str | Path | None) -> _Files:
    if cmcr is None and cmtr is None:
        raise MissingInputError(
            "No source file of this session is known.", fix=Advice("Open a recording first.")
        )
    return _read(*_state(cmcr), *_state(cmtr))


def _state(path: str | Path | None) -> tuple[str | None, _Stamp]:
    return (None, (0, 0.0)) if path is None else (str(path), source_stamp(path))


@lru_cache(maxsize=8)
def _read(cmcr: str | None, _raw_stamp: _Stamp, cmtr: str | None, _sorted_stamp: _Stamp) -> _Files:
    rate, duration_s, n_units, n_bytes = 0.0, 0.0, 0, 0.0
    sensor: tuple[int, int] | None = None
    info = None
    if cmcr is not None:
        with open_signals(cmcr) as raw:
            info = raw.info
            rate, duration_s = info.sampling_rate, info.duration_s
            sensor = (raw.sensor.rows, raw.sensor.cols) if raw.sensor is not None else None
            if cmtr is None:
                n_bytes = memory_estimate_gb(info, None) * 1e9
    if cmtr is not None:
        with open_units(cmtr) as sorting:
            n_units = sorting.info.n_units
            rate = rate or sorting.info.sampling_rate or 0.0
            duration_s = duration_s or sorting.info.duration_s or 0.0
            n_bytes = memory_estimate_gb(info, sorting) * 1e9
    has_frames = info is not None and info.n_light_channels > 0
    n_frames = round(duration_s * DISPLAY_HZ) if has_frames else 0
    return _Files(n_units, n_frames, rate, round(n_bytes), sensor)


@dataclass(frozen=True)
class Forecast:
    """Memory that steps will add to a session.

    Attributes
    ----------
    nbytes
        Sum of the known sizes, in bytes.
    unknown
        Steps whose size is not known, because they do not declare it or an input is missing.
    working_nbytes
        Memory that the step which needs most takes while it runs, beyond its results.
    """

    nbytes: int
    unknown: tuple[str, ...] = ()
    working_nbytes: int = 0


def forecast_step(
    session: PipelineSession,
    step: str | StepDefinition[Any],
    params: Mapping[str, Any] | StepParams | None = None,
) -> int | None:
    """Return the number of bytes that a step will add to a session, None if not known.

    Counts the data that stay in the session, as `PipelineSession.memory_estimate_gb` does, not temporary
    memory of the step. Existing results that are kept add nothing; replaced results add the difference.

    Parameters
    ----------
    session
        The session; it is not changed.
    step
        Name of the step, or its declaration.
    params
        Its parameters.

    Raises
    ------
    ConfigurationError
        If there is no such step.
    ValidationError
        If a parameter is not allowed.
    """
    definition = definition_of(step)
    checked = params if isinstance(params, StepParams) else definition.make_params(params or {})
    if definition.forecast is None:
        return None
    try:
        plan = _plan(session, definition, checked)
        if plan is not None and not plan.compute:
            return 0
        whole = definition.forecast(session, checked)
    except (HDMEAError, OSError):
        return None
    return max(0, round(whole * _part(plan)) - _replaced(session, definition, plan))


def forecast_steps(
    session: PipelineSession, requests: Iterable[tuple[str, Mapping[str, Any] | StepParams | None]]
) -> Forecast:
    """Return what several steps will add, one after the other; (step, parameters) each."""
    total = working = 0
    unknown = []
    for step, params in requests:
        added = forecast_step(session, step, params)
        if added != 0:
            working = max(working, definition_of(step).working_nbytes)
        if added is None:
            unknown.append(step)
        else:
            total += added
    return Forecast(total, tuple(unknown), working)


def _plan(session: PipelineSession, definition: StepDefinition[Any], params: StepParams) -> RunPlan | None:
    """Return what a run would have to do; None if that is not known before steps that come first."""
    try:
        if definition.resolve is not None:
            params = definition.resolve(session, params)
        return plan_run(session, definition, params, force=False)
    except CacheConflictError:
        return plan_run(session, definition, params, force=True)
    except (HDMEAError, OSError):
        return None


def _part(plan: RunPlan | None) -> float:
    """Return the part of the asked items that would be computed."""
    if plan is None:
        return 1.0
    return len(plan.compute) / (len(plan.compute) + len(plan.keep))


def _replaced(session: PipelineSession, definition: StepDefinition[Any], plan: RunPlan | None) -> int:
    """Return the size of what a run would replace."""
    before = session.steps.get(definition.name)
    if before is None or plan is None or not set(plan.compute) & set(before.items):
        return 0
    if definition.creates:
        own = ("spike_times", "waveform", "firing_rate_10hz", "spike_amplitudes", "unit_meta")
        units = [{name: unit.get(name) for name in own} for unit in session.units.values()]
        return _size([units, session.metadata, session.stimulus.get("light_reference")])
    stored = [unit.get("features", {}) for unit in session.units.values()]
    there = [[entries[name] for name in before.features if name in entries] for entries in stored]
    trees = [session.stimulus.get(name) for name in _of_stimulus(definition)]
    return _size([there, trees])


def _of_stimulus(definition: StepDefinition[Any]) -> list[str]:
    return [place.removeprefix("stimulus/") for place in definition.provides if place.startswith("stimulus/")]


def _size(tree: Any) -> int:
    return int(estimate_nbytes(tree))
