"""Trials of the chosen units during one movie, as the view draws them; made on the worker thread."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.controller.image_views import Fact

if TYPE_CHECKING:
    from hdmea.analysis.polar import PolarCurve
    from hdmea.analysis.psth import Psth
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.controller.workspace import Workspace

__all__ = ["MOST_UNITS", "TrialsQuery", "TrialsView", "Tuning", "UnitTrials"]

MOST_UNITS = 6
_LIGHT_COLUMNS = 1500
_LONGEST_LIGHT_S = 3600.0


@dataclass(frozen=True)
class UnitTrials:
    """Spikes of one unit: times in seconds from the begin of their trial, the trials' rows, and the PSTH."""

    unit_id: str
    times_s: NDArray[np.float64]
    rows: NDArray[np.int64]
    psth: Psth


@dataclass(frozen=True)
class Tuning:
    """Direction tuning of one unit: mean spikes per sweep and their standard error in polar form."""

    unit_id: str
    curve: PolarCurve
    preferred_deg: float
    facts: tuple[Fact, ...]


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
    has_directions
        Whether the movie is a bar that moves in several directions.
    tunings
        Of the units for which it was extracted.
    rings
        Round responses that hold all of them, for the rings of the polar plot.
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
    has_directions: bool
    tunings: tuple[Tuning, ...]
    rings: NDArray[np.float64]


@dataclass(frozen=True)
class TrialsQuery:
    """Trials of units during a movie; without its name, of the movie with most trials.

    `bin_s` is the width of the PSTH's bins; None chooses one by the length of the trials.
    """

    unit_ids: tuple[str, ...]
    movie: str = ""
    bin_s: float | None = None

    def answer(self, bench: Workspace) -> TrialsView | None:
        """Return them; None if there is no trial."""
        session = bench.session
        trial_time = {} if session is None else session.stimulus.get("trial_time", {})
        movies = {name: times for name, times in trial_time.items() if len(times)}
        if session is None or not movies:
            return None
        movie = self.movie
        if movie not in movies:
            movie = max(movies, key=lambda name: len(movies[name]))
        return self._view(session, tuple(movies), movie, movies[movie])

    def _view(
        self, session: PipelineSession, movies: tuple[str, ...], movie: str, times: NDArray[np.int64]
    ) -> TrialsView:
        from hdmea.analysis.polar import ring_radii
        from hdmea.analysis.psth import bin_width_for

        rate = session.acquisition_rate
        samples = np.asarray(times, np.int64)
        attributes = getattr(times, "attrs", {})
        start = -int(attributes.get("pre_samples", 0)) / rate
        shortest = float((samples[:, 1] - samples[:, 0]).min())
        stop = (shortest + int(attributes.get("post_samples", 0))) / rate
        bin_s = min(self.bin_s or bin_width_for(stop - start), stop - start)
        units = {name: session.units[name] for name in self.unit_ids[:MOST_UNITS] if name in session.units}
        tunings = tuple(_tunings(session, units, movie))
        light_s, light, light_unit = _light(session, samples[:, 0], start, stop)
        return TrialsView(
            movies=movies,
            movie=movie,
            units=tuple(
                _unit_trials(name, unit, movie, rate, (start, stop, bin_s)) for name, unit in units.items()
            ),
            n_trials=len(samples),
            start_s=start,
            stop_s=stop,
            light_s=light_s,
            light=light,
            light_unit=light_unit,
            has_directions=_kind(attributes) == "moving_bar",
            tunings=tunings,
            rings=ring_radii(max((tuning.curve.reach for tuning in tunings), default=1.0)),
        )


def _kind(attributes: Mapping[str, Any]) -> str:
    return str(json.loads(str(attributes.get("definition", "{}"))).get("kind", ""))


def _unit_trials(
    unit_id: str, unit: Mapping[str, Any], movie: str, rate: float, bins: tuple[float, float, float]
) -> UnitTrials:
    from hdmea.analysis.psth import psth

    found = unit.get("spike_times_sectioned", {}).get(movie)
    trials: list[NDArray[np.float64]] = []
    if found is not None:
        spikes = found["trials_spike_times"]
        starts = np.asarray(found["trials_start_end"], np.int64)[:, 0]
        trials = [(np.asarray(spikes[n]).astype(np.int64) - first) / rate for n, first in enumerate(starts)]
    rows = np.repeat(np.arange(len(trials)), [times.size for times in trials])
    times = np.concatenate(trials) if trials else np.zeros(0)
    return UnitTrials(unit_id, times, rows, psth(trials, *bins))


def _light(
    session: PipelineSession, starts: NDArray[np.int64], start_s: float, stop_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float32], str]:
    from hdmea.analysis.decimation import envelope, trial_mean

    channels = session.stimulus.get("light_reference", {})
    light = channels.get("1khz_ch1")
    if light is None or stop_s - start_s > _LONGEST_LIGHT_S:
        return np.zeros(0), np.zeros(0, np.float32), ""
    attributes = getattr(light, "attrs", {})
    rate = float(attributes.get("sampling_rate", 1000.0))
    firsts = np.rint((starts / session.acquisition_rate + start_s) * rate).astype(np.int64)
    mean = trial_mean(np.asarray(light), firsts, int((stop_s - start_s) * rate))
    drawn = envelope(mean, 0, mean.size, _LIGHT_COLUMNS)
    return start_s + drawn.samples / rate, drawn.values, str(attributes.get("unit", ""))


def _tunings(session: PipelineSession, units: Mapping[str, Mapping[str, Any]], movie: str) -> list[Tuning]:
    from hdmea.analysis.polar import polar_curve
    from hdmea.features.registry import default_registry

    directions = session.stimulus.get("moving_bar_directions")
    found = []
    for unit_id, unit in units.items():
        feature = unit.get("features", {}).get("moving_bar")
        if directions is None or not feature or feature.get("metadata", {}).get("movie", movie) != movie:
            continue
        numbers = feature["data"]
        helps = {output.name: output.definition for output in default_registry().get("moving_bar").outputs}
        found.append(
            Tuning(
                unit_id=unit_id,
                curve=polar_curve(directions, numbers["tuning_curve"], numbers["tuning_sem"]),
                preferred_deg=float(numbers.get("preferred_direction", math.nan)),
                facts=_tuning_facts(numbers, helps),
            )
        )
    return found


def _tuning_facts(numbers: Mapping[str, Any], helps: Mapping[str, str]) -> tuple[Fact, ...]:
    facts = []
    for name in ("dsi", "osi"):
        value, p = (float(numbers.get(key, math.nan)) for key in (name, f"{name}_p"))
        text = f"{value:.2f} (p {p:.2g})" if np.isfinite(value) else "–"
        facts.append(Fact(name.upper(), text, f"{helps.get(name, '')}. {helps.get(f'{name}_p', '')}"))
    preferred = float(numbers.get("preferred_direction", math.nan))
    text = f"{preferred:.0f}°" if np.isfinite(preferred) else "–"
    facts.append(Fact("Preferred", text, helps.get("preferred_direction", "")))
    return tuple(facts)
