"""Trials of the selected units during one movie, as the view draws them; made on the worker thread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.views.parts.responses.feature_query import (
    FrequencyTuning,
    StepMarks,
    Tuning,
    feature_of,
    frequency_tunings,
    step_marks,
    tunings,
)
from hdmea_gui.views.parts.shared_query import Span, frame_ms

if TYPE_CHECKING:
    from hdmea.analysis.psth import Psth
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

from hdmea.utils.text_files import stored_dict

__all__ = ["MOST_UNITS", "TrialsQuery", "TrialsView", "UnitTrials"]

MOST_UNITS = 8
_ARROWS = "→↗↑↖←↙↓↘"


@dataclass(frozen=True)
class UnitTrials:
    """Spikes of one unit: times in seconds from the begin of their trial, the trials' rows, and the PSTH."""

    unit_id: str
    times_s: NDArray[np.float64]
    rows: NDArray[np.int64]
    psth: Psth


@dataclass(frozen=True)
class TrialsView:
    """What was shown in the trials of a movie, and how units responded.

    Attributes
    ----------
    movies, movie
        Movies that have trials, and the one that is shown; empty without any.
    units
        Chosen units, at most `MOST_UNITS`.
    n_trials
        Trials of the movie.
    start_s, stop_s
        Stretch of time around a trial's begin, with its margins.
    light_s, light
        Mean light over the trials; empty if it was not recorded.
    light_unit
        Its unit.
    kind
        What the movie is, as its stimulus definition says.
    feature
        Feature that describes responses to such a movie; empty if there is none.
    elsewhere
        Movie from which that feature was extracted, if it is another one.
    tunings, frequencies
        Direction tuning and frequency response of the units for which it was extracted.
    rings
        Round responses that hold all tunings, for the rings of the polar plot.
    marks
        What was found in the response of a single unit to light steps; None without it.
    caution
        Marks of the movie's sections; empty without any.
    events
        What the stimulus definition says of the trial, in the order of time: directions, frequencies,
        contrasts, colours of light.
    """

    movies: tuple[str, ...]
    movie: str
    units: tuple[UnitTrials, ...]
    n_trials: int
    start_s: float
    stop_s: float
    light_s: NDArray[np.float64]
    light: NDArray[np.float32]
    light_unit: str
    kind: str = ""
    feature: str = ""
    elsewhere: str = ""
    tunings: tuple[Tuning, ...] = ()
    frequencies: tuple[FrequencyTuning, ...] = ()
    rings: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    marks: StepMarks | None = None
    caution: str = ""
    events: tuple[Span, ...] = ()


@dataclass(frozen=True)
class TrialsQuery:
    """Trials of units during a movie; without its name, of the movie with most trials.

    `bin_s` is the width of the PSTH's bins; None chooses one by the length of the trials.
    """

    unit_ids: tuple[str, ...]
    movie: str = ""
    bin_s: float | None = None

    def answer(self, workspace: Workspace) -> TrialsView | None:
        """Return them; None if there is no trial."""
        session = workspace.session
        trial_time = {} if session is None else session.stimulus.get("trial_time", {})
        movies = {name: times for name, times in trial_time.items() if len(times)}
        if session is None or not movies:
            return None
        movie = self.movie
        if movie not in movies:
            movie = max(movies, key=lambda name: len(movies[name]))
        return self._view(workspace, tuple(movies), movie, movies[movie])

    def _view(
        self, workspace: Workspace, movies: tuple[str, ...], movie: str, times: NDArray[np.int64]
    ) -> TrialsView:
        from hdmea.analysis.polar import ring_radii
        from hdmea.analysis.psth import bin_width_for
        from hdmea.analysis.trials import trial_span
        from hdmea.pipeline.marks import marks_line, section_marks

        session = workspace.require()
        rate = session.acquisition_rate
        start, stop = trial_span(times, rate)
        bin_s = min(self.bin_s or bin_width_for(stop - start), stop - start)
        units = {name: session.units[name] for name in self.unit_ids[:MOST_UNITS] if name in session.units}
        kind = _kind(getattr(times, "attrs", {}))
        feature = feature_of(kind)
        directions = tuple(tunings(session, units, movie)) if feature == "moving_bar" else ()
        marks = step_marks(session, units, movie, feature) if _one_of(units, feature) else []
        # The same for all units.
        light = workspace.remember(f"light of {movie}", lambda: _light(session, times, start, stop))
        return TrialsView(
            movies=movies,
            movie=movie,
            units=tuple(
                _unit_trials(name, unit, movie, rate, (start, stop, bin_s)) for name, unit in units.items()
            ),
            n_trials=len(times),
            start_s=start,
            stop_s=stop,
            light_s=light[0],
            light=light[1],
            light_unit=light[2],
            kind=kind,
            feature=feature,
            elsewhere=_elsewhere(units, feature, movie),
            tunings=directions,
            frequencies=tuple(frequency_tunings(session, units, movie)) if feature == "chirp" else (),
            rings=ring_radii(max((tuning.curve.reach for tuning in directions), default=1.0)),
            marks=marks[0] if marks else None,
            caution=marks_line(section_marks(session.stimulus, movie)),
            events=_events(getattr(times, "attrs", {}), frame_ms(session) / 1000.0),
        )


def _one_of(units: Mapping[str, Any], feature: str) -> bool:
    """Whether there is one unit, and light steps that can be marked on its rate."""
    return len(units) == 1 and feature in {"on_off", "green_blue"}


def _elsewhere(units: Mapping[str, Mapping[str, Any]], feature: str, movie: str) -> str:
    """Return the movie that the first unit's feature was extracted from, if it is not this one."""
    entry = next((unit.get("features", {}).get(feature) for unit in units.values()), None)
    used = str(entry.get("metadata", {}).get("movie", movie)) if entry else movie
    return "" if used == movie else used


def _kind(attributes: Mapping[str, Any]) -> str:
    return str(_definition(attributes).get("kind", ""))


def _definition(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return stored_dict(attributes.get("definition", "{}")) or {}


def _events(attributes: Mapping[str, Any], frame_s: float) -> tuple[Span, ...]:
    """Return what is shown in a trial, as far as it has a name."""
    found = []
    for event in _definition(attributes).get("events") or ():
        label = _event_label(event) if isinstance(event, Mapping) else ""
        if label:
            start, stop = (float(event[f"{end}_frame"]) * frame_s for end in ("start", "end"))
            found.append(Span(label, start, stop))
    return tuple(sorted(found, key=lambda span: span.start_s))


def _event_label(event: Mapping[str, Any]) -> str:
    """Return what an event of a stimulus definition is called; empty for noise and constant light."""
    kind = event.get("type")
    if kind in ("sweep", "grating"):
        degrees = float(event.get("direction_deg", math.nan))
        return f"{_ARROWS[round(degrees / 45) % 8]} {degrees:g}°" if math.isfinite(degrees) else ""
    if kind == "sine":
        return f"{float(event['frequency_hz']):g} Hz"
    if kind == "light_step":
        return str(event.get("color", "light"))
    if kind == "contrast_step":
        return f"{100 * float(event['contrast']):+g} %".replace("-", "−")
    if kind == "spot":
        return f"⌀ {float(event['diameter']):g}"
    if kind == "frequency_ramp":
        return f"{float(event['start_frequency_hz']):g} – {float(event['end_frequency_hz']):g} Hz"
    if kind == "contrast_ramp":
        low, high = (100 * float(event[f"{end}_contrast"]) for end in ("start", "end"))
        return f"contrast {low:g} – {high:g} %"
    return ""


def _unit_trials(
    unit_id: str, unit: Mapping[str, Any], movie: str, rate: float, bins: tuple[float, float, float]
) -> UnitTrials:
    from hdmea.analysis.psth import psth
    from hdmea.analysis.trials import unit_trials

    trials = unit_trials(unit, movie, rate)
    rows = np.repeat(np.arange(len(trials)), [times.size for times in trials])
    times = np.concatenate(trials) if trials else np.zeros(0)
    return UnitTrials(unit_id, times, rows, psth(trials, *bins))


def _light(
    session: PipelineSession, times: NDArray[np.int64], start_s: float, stop_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float32], str]:
    from hdmea.analysis.trials import mean_light

    channels = session.stimulus.get("light_reference", {})
    return mean_light(channels.get("1khz_ch1"), times, session.acquisition_rate, (start_s, stop_s))
