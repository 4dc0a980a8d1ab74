"""What the features of light steps share: parameters, trial rates, baseline, response to each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureParams, Output, Recording
from hdmea.features.science.drift import DRIFTS, drift_of_trials
from hdmea.features.science.movie_trials import MovieTrials, movie_trials
from hdmea.features.science.repeatability import quality_index, quality_index_chance, repeatability_p
from hdmea.features.science.step_response import (
    Baseline,
    StepResponse,
    baseline_of,
    step_response,
    transience,
    transience_limits,
)
from hdmea.features.science.tickets import EVERYTHING, Withheld, granted
from hdmea.features.science.trial_rates import TrialRates, trial_rates

__all__ = [
    "NO_INTERVAL",
    "LightSteps",
    "MovieParams",
    "RateParams",
    "StepResponseParams",
    "drift_marks",
    "light_steps",
    "no_response",
    "phase_columns",
    "phase_outputs",
    "quality_columns",
    "quality_outputs",
    "rates_of",
    "reasons_where",
    "repeating",
    "transience_columns",
    "withhold_phases",
]


NO_INTERVAL = "no interval: fewer than three trials, fewer than ten spikes, or no such response"


class MovieParams(FeatureParams):
    """Parameters of every feature of a movie."""

    movie: str | None = Field(
        None,
        title="Movie",
        description="Movie to use where several are of this kind (* is anything); by default the one with "
        "most trials.",
    )


class RateParams(MovieParams):
    """Parameters of features that are read from trial rates."""

    cutoff_hz: float = Field(
        10.0,
        gt=0,
        title="Low-pass",
        description="Corner of the zero-phase Bessel filter.",
        json_schema_extra={"unit": "Hz"},
    )
    filter_order: int = Field(5, ge=1, le=10, title="Order", json_schema_extra={"advanced": True})
    alpha: float = Field(
        0.01,
        gt=0,
        le=1,
        title="Significance",
        description="Largest p value at which there is a response to measure; ratios, indices, angles and "
        "latencies of others are missing. 1 gives all of them.",
    )
    n_shifts: int = Field(
        1000,
        ge=100,
        title="Shuffles",
        description="Circular shifts for the p value of the quality index.",
        json_schema_extra={"advanced": True},
    )
    seed: int = Field(0, ge=0, title="Seed", json_schema_extra={"advanced": True})


class StepResponseParams(RateParams):
    """Parameters of features of light steps."""

    transient_s: float = Field(
        1.0, gt=0, title="Transient window", description="After each step.", json_schema_extra={"unit": "s"}
    )
    sustained_s: float = Field(
        1.0,
        gt=0,
        title="Sustained window",
        description="At the end of each phase.",
        json_schema_extra={"unit": "s"},
    )
    prominence_sd: float = Field(
        2.0, ge=0, title="Prominence", description="Of an extremum.", json_schema_extra={"unit": "SD"}
    )
    latency_sd: float = Field(
        3.0, ge=0, title="Latency band", description="Around baseline.", json_schema_extra={"unit": "SD"}
    )
    response_sd: float = Field(
        5.0,
        ge=0,
        title="Response",
        description="Least size and prominence of a significant transient.",
        json_schema_extra={"unit": "SD"},
    )
    response_sem: float = Field(
        4.5,
        ge=0,
        title="Response over trials",
        description="The same in standard errors of the mean over trials.",
        json_schema_extra={"unit": "SEM", "advanced": True},
    )


def quality_outputs(preference: int) -> tuple[Output, ...]:
    """Declare how reproducible the responses to a movie are.

    Parameters
    ----------
    preference
        Which movie's quality index is in the table by default: the lowest number that has values.
    """
    return (
        Output(
            "quality_index",
            "Quality index",
            "",
            (0, 1),
            "variance over time of the mean trial / mean variance of the trials (Baden et al. 2016)",
            standard="QI",
            preference=preference,
            test="quality_p",
            n="n_trials",
        ),
        Output(
            "quality_index_chance",
            "Quality index of a Poisson unit",
            "",
            (0, 1),
            "quality index of a Poisson unit: 1 / number of trials",
        ),
        Output(
            "quality_p",
            "p of the quality index",
            "",
            (0, 1),
            "p value of the quality index against trials that are shifted circularly",
        ),
        Output("n_trials", "Number of trials", "", (0, None), "trials that the numbers are measured in"),
    )


@dataclass(frozen=True, slots=True)
class LightSteps:
    """Responses to the light steps of a movie.

    Attributes
    ----------
    trials
        Where the trials are.
    rates
        Their rates.
    baseline
        Activity before the first step.
    steps
        Colour, response to light on, response to light off; one entry per step, in order.
    windows
        Frames (on, off, end of the off phase) of each step.
    quality
        Columns of `quality_outputs`.
    """

    trials: MovieTrials
    rates: TrialRates
    baseline: Baseline
    steps: tuple[tuple[str, StepResponse, StepResponse], ...]
    windows: tuple[tuple[int, int, int], ...]
    quality: dict[str, NDArray[np.float64]]


def light_steps(recording: Recording, kind: str, params: StepResponseParams) -> LightSteps:
    """Measure the responses of all units to the light steps of the movie of this kind."""
    trials = movie_trials(recording, kind, params.movie)
    events = trials.events("light_step")
    rates = rates_of(recording, trials, params)
    quality = quality_columns(rates, params)
    baseline = baseline_of(rates, *trials.baseline_frames(events[0].start_frame))
    ends = [event.start_frame for event in events[1:]] + [trials.length]
    windows = tuple(
        (event.start_frame, event.end_frame, end) for event, end in zip(events, ends, strict=True)
    )

    def response(start: int, stop: int) -> StepResponse:
        return step_response(
            rates,
            baseline,
            start,
            stop,
            transient_s=params.transient_s,
            sustained_s=params.sustained_s,
            prominence_sd=params.prominence_sd,
            latency_sd=params.latency_sd,
            response_sd=params.response_sd,
            response_sem=params.response_sem,
        )

    steps = tuple(
        (event.color or "", response(on, off), response(off, end))
        for event, (on, off, end) in zip(events, windows, strict=True)
    )
    return LightSteps(trials, rates, baseline, steps, windows, quality)


def rates_of(recording: Recording, trials: MovieTrials, params: RateParams) -> TrialRates:
    """Trial rates of all units of a recording."""
    return trial_rates(
        recording.spike_trains,
        recording.metadata["frame_timestamps"],
        trials.frames[:, 0],
        trials.length,
        recording.acquisition_rate,
        cutoff_hz=params.cutoff_hz,
        order=params.filter_order,
    )


def quality_columns(rates: TrialRates, params: RateParams) -> dict[str, NDArray[np.float64]]:
    """Values of `quality_outputs` for all units."""
    return {
        "quality_index": quality_index(rates.filtered),
        "quality_index_chance": np.full(len(rates.counts), quality_index_chance(rates.n_trials)),
        "quality_p": repeatability_p(rates.filtered, params.n_shifts, params.seed, rates.starts),
        "n_trials": np.full(len(rates.counts), float(rates.n_trials)),
    }


def drift_marks(recording: Recording, rates: TrialRates) -> dict[str, list[tuple[str, str]]]:
    """Mark the units whose rate changes between the repetitions."""
    starts = rates.starts if rates.starts is not None else np.arange(rates.n_trials) * rates.counts.shape[2]
    found = drift_of_trials(rates.counts, starts, rates.frame_duration)
    return {
        unit_id: [(DRIFTS, f"the rate changes by {100 * found.change[index]:+.0f} % over the movie")]
        for index, unit_id in enumerate(recording.units)
        if found.said()[index]
    }


def phase_outputs(phase: str, what: str) -> tuple[Output, ...]:
    """Declare the numbers of one phase.

    Parameters
    ----------
    phase
        Start of their names, such as ``green_on``.
    what
        What happens in words, such as ``green light on``.
    """
    return (
        Output(
            f"{phase}_transient",
            f"Transient after {what}",
            "Hz",
            (None, None),
            f"largest prominent extremum of the low-passed mean rate after {what}, minus baseline; 0 if none",
        ),
        Output(
            f"{phase}_transient_time",
            f"Time of the transient after {what}",
            "ms",
            (0, None),
            f"time of that extremum after {what}",
        ),
        Output(
            f"{phase}_sustained",
            f"Sustained response after {what}",
            "Hz",
            (None, None),
            f"mean rate in the last second of the phase after {what}, minus baseline",
        ),
        Output(
            f"{phase}_latency",
            f"Latency after {what}",
            "ms",
            (0, None),
            f"from {what} to the first of two frames of the unfiltered mean rate beyond the baseline band",
            interval=True,
            test="quality_p",
            n="n_trials",
        ),
        Output(
            f"{phase}_response",
            f"Response to {what}",
            "",
            (0, 1),
            f"the transient after {what} is significant",
            dtype="bool",
        ),
    )


def phase_columns(phase: str, response: StepResponse, repeats: NDArray[np.bool_]) -> dict[str, Any]:
    """Values of `phase_outputs`; a response must also repeat over trials."""
    return {
        f"{phase}_transient": response.transient,
        f"{phase}_transient_time": response.transient_time_ms,
        f"{phase}_sustained": response.sustained,
        f"{phase}_latency": response.latency_ms,
        f"{phase}_latency_low": response.latency_low_ms,
        f"{phase}_latency_high": response.latency_high_ms,
        f"{phase}_response": response.responds & repeats,
    }


def transience_columns(phase: str, response: StepResponse) -> dict[str, NDArray[np.float64]]:
    """Transience of one phase, with its limits."""
    low, high = transience_limits(response)
    name = f"{phase}_transience"
    return {name: transience(response), f"{name}_low": low, f"{name}_high": high}


def repeating(steps: LightSteps, alpha: float) -> NDArray[np.bool_]:
    """Units whose trials repeat; all of them where a single trial cannot tell."""
    p = steps.quality["quality_p"]
    return np.asarray(np.isnan(p) | (p <= alpha))


def withhold_phases(
    withheld: Withheld,
    columns: dict[str, Any],
    phases: Iterable[str],
    quality_p: NDArray[np.float64],
    alpha: float,
) -> None:
    """Take out times and ratios of transients that are not significant, and say why.

    Parameters
    ----------
    withheld
        Collects the reasons.
    columns
        Output name to values; changed.
    phases
        As in `phase_outputs`.
    quality_p, alpha
        Of the movie, and the largest that counts.
    """
    why = [no_response(p) for p in quality_p]
    for phase in phases:
        measured = ("_transient_time", "_latency", "_transience")
        names = [phase + name + end for name in measured for end in ("", "_low", "_high")]
        names = [name for name in names if name in columns]
        withheld.hide(columns, names, granted(quality_p, alpha), why)
        flag = np.asarray(columns[f"{phase}_response"], np.bool_) | (alpha >= EVERYTHING)
        withheld.hide(columns, names, flag, "the transient is not significant")


def no_response(p: float) -> str:
    """Why a number of a response is missing."""
    if np.isnan(p):
        return "whether the unit responds cannot be tested: fewer than two trials, or no spike"
    return f"the unit does not respond reliably (quality_p = {p:.3g})"


def reasons_where(
    recording: Recording, columns: Mapping[str, Any], texts: Mapping[str, str]
) -> dict[str, str | dict[str, str]]:
    """Reason for every NaN of these columns.

    Parameters
    ----------
    recording
        Its unit ids name the rows.
    columns
        Output name to values, first axis the units.
    texts
        End of an output's name to the reason that its NaN has; the first that fits is taken.
    """
    reasons: dict[str, str | dict[str, str]] = {}
    for name, values in columns.items():
        array = np.asarray(values)
        text = next((text for end, text in texts.items() if name.endswith(end)), None)
        if text is None or array.dtype.kind != "f":
            continue
        missing = np.isnan(array).reshape(len(array), -1).any(axis=1)
        units = {unit: text for unit, gone in zip(recording.units, missing, strict=True) if gone}
        if units:
            reasons[name] = units
    return reasons
