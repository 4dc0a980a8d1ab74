"""Where the numbers of light-step features are on the response of a unit.

The features store sizes relative to a baseline and times relative to a step. A plot needs both in the
coordinates of the trial, and the low-passed mean rate on which the extrema were found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.declare import FEATURES, Recording, stored_as
from hdmea.features.science.light_steps import StepResponseParams, rates_of
from hdmea.features.science.movie_trials import MovieTrials, movie_trials
from hdmea.features.science.step_response import baseline_of
from hdmea.utils.text_files import stored_dict

__all__ = ["MarkedResponse", "PhaseMark", "marked_response", "stored_response"]

_KINDS = {"on_off": "step", "green_blue": "green_blue"}


@dataclass(frozen=True)
class PhaseMark:
    """Response to one change of the light; times in seconds from the begin of the trial, rates in Hz.

    Attributes
    ----------
    name
        Begin of its numbers' names in the feature, such as ``on`` or ``green_off``.
    start_s, stop_s
        When the light changes, and when the phase ends.
    peak_s, peak_hz
        Largest extremum of the low-passed rate; NaN if none is prominent enough.
    latency_s
        When the response begins; NaN if there is none.
    sustained_from_s, sustained_hz
        Begin of the window at the end of the phase, and the mean rate in it.
    responds
        Whether the transient is significant.
    """

    name: str
    start_s: float
    stop_s: float
    peak_s: float
    peak_hz: float
    latency_s: float
    sustained_from_s: float
    sustained_hz: float
    responds: bool


@dataclass(frozen=True)
class MarkedResponse:
    """Low-passed mean rate of one unit over a trial, with what was found on it.

    Attributes
    ----------
    time_s, rate
        float64 (frames,): middle of each display frame in seconds from the begin of the trial; Hz.
    baseline_s, baseline_hz
        Begin and end of the baseline, and the mean rate in it.
    marks
        One for each change of the light, in the order of time.
    """

    time_s: NDArray[np.float64]
    rate: NDArray[np.float64]
    baseline_s: tuple[float, float]
    baseline_hz: float
    marks: tuple[PhaseMark, ...]


def marked_response(
    recording: Recording, feature: str, numbers: Mapping[str, Any], params: StepResponseParams, movie: str
) -> MarkedResponse:
    """Place the numbers of a feature on the response of its unit.

    Parameters
    ----------
    recording
        With one unit, and the trials that the feature was computed from.
    feature
        ``on_off`` or ``green_blue``.
    numbers
        Its outputs of this unit.
    params
        What it was computed with.
    movie
        Movie that it was computed from.

    Raises
    ------
    FeatureExtractionError
        If the movie has no such trials any more.
    """
    trials = movie_trials(recording, _KINDS[feature], movie)
    rates = rates_of(recording, trials, params)
    frame = rates.frame_duration
    first_step = trials.events("light_step")[0].start_frame
    start, stop = trials.baseline_frames(first_step)
    level = float(baseline_of(rates, start, stop).level[0])
    raw = float(numbers["baseline_rate"])
    return MarkedResponse(
        time_s=(np.arange(trials.length) + 0.5) * np.float64(frame),
        rate=rates.filtered_mean[0],
        baseline_s=(start * frame, stop * frame),
        baseline_hz=raw,
        marks=tuple(
            _mark(name, np.asarray(window) * frame, numbers, (level, raw), params.sustained_s)
            for name, window in _phases(trials)
            if f"{name}_transient" in numbers
        ),
    )


def stored_response(recording: Recording, feature: str) -> tuple[str, MarkedResponse] | None:
    """Return movie and marked response of a recording's only unit; None if it has no such numbers of a movie.

    Parameters
    ----------
    recording
        With one unit.
    feature
        ``on_off`` or ``green_blue``.
    """
    (unit,) = recording.units.values()
    features = unit.get("features") or {}
    entry = features.get(stored_as(features, feature)) or {}
    metadata = entry.get("metadata") or {}
    movie = str(metadata.get("movie", ""))
    if not movie:
        return None
    params: Any = FEATURES.get(feature).make_params(stored_dict(metadata.get("params", "{}")) or {})
    return movie, marked_response(recording, feature, entry["data"], params, movie)


def _phases(trials: MovieTrials) -> list[tuple[str, tuple[int, int]]]:
    """Return the name of each phase with its frames, in the order of time."""
    events = trials.events("light_step")
    ends = [event.start_frame for event in events[1:]] + [trials.length]
    coloured = trials.definition.kind == "green_blue"
    phases = {}
    # The features read the first step of a movie, and the last one of each colour.
    for event, end in list(zip(events, ends, strict=True))[: None if coloured else 1]:
        colour = f"{event.color}_" if coloured else ""
        phases[f"{colour}on"] = (event.start_frame, event.end_frame)
        phases[f"{colour}off"] = (event.end_frame, end)
    return sorted(phases.items(), key=lambda phase: phase[1])


def _mark(
    name: str,
    window_s: NDArray[np.float64],
    numbers: Mapping[str, Any],
    levels: tuple[float, float],
    sustained_s: float,
) -> PhaseMark:
    start, stop = window_s.tolist()
    level, raw = levels
    found = {part: float(numbers[f"{name}_{part}"]) for part in ("transient", "transient_time", "sustained")}
    peak_s = start + found["transient_time"] / 1000
    return PhaseMark(
        name=name,
        start_s=start,
        stop_s=stop,
        peak_s=peak_s,
        peak_hz=level + found["transient"] if np.isfinite(peak_s) else float("nan"),
        latency_s=start + float(numbers[f"{name}_latency"]) / 1000,
        sustained_from_s=max(stop - sustained_s, start),
        sustained_hz=raw + found["sustained"],
        responds=bool(numbers[f"{name}_response"]),
    )
