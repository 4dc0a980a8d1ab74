"""grating: drifting gratings of several directions, spatial and temporal frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.direction_tuning import DirectionTuning, direction_tuning
from hdmea.features.science.level_responses import blank_frames, event_number
from hdmea.features.science.light_steps import (
    RateParams,
    drift_marks,
    no_response,
    quality_columns,
    quality_outputs,
    rates_of,
)
from hdmea.features.science.movie_trials import FRAMES, movie_trials, trials_requirement
from hdmea.features.science.sine_fit import fit_sine
from hdmea.features.science.tickets import Withheld, granted
from hdmea.features.science.trial_rates import TrialRates, measured_frame_rate
from hdmea.stimuli.definition import StimulusEvent
from hdmea.utils.exceptions import FeatureExtractionError
from hdmea.utils.fixes import Advice

__all__ = ["GratingParams", "grating"]

_NOMINAL_RATE = 60.0
_WHOLE = 1e-6


class GratingParams(RateParams):
    """Parameters of the feature `grating`."""

    angle_alpha: float = Field(
        0.05,
        gt=0,
        le=1,
        title="Significance of angles",
        description="Largest p values at which there is a preferred direction or axis.",
        json_schema_extra={"advanced": True},
    )
    n_permutations: int = Field(2000, ge=100, title="Permutations", json_schema_extra={"advanced": True})


def _per_condition(name: str, title: str, unit: str, what: str) -> Output:
    f1 = name == "f1"
    return Output(name, title, unit, (None, None), what, shape=("conditions",), interval=f1, test=f1)


_OUTPUTS = (
    *(
        Output(
            f"grating_{name}",
            title,
            unit,
            (0, None),
            f"{title.lower()} of each condition",
            shape=("conditions",),
            per="recording",
        )
        for name, title, unit in (
            ("directions", "Directions of the gratings", "°"),
            ("spatial_frequencies", "Spatial frequencies of the gratings", "1/px"),
            ("temporal_frequencies", "Temporal frequencies of the gratings", "Hz"),
        )
    ),
    Output("blank_rate", "Maintained rate", "Hz", (0, None), "mean rate without a grating"),
    _per_condition("f0", "F0", "Hz", "mean rate over whole cycles minus the maintained rate"),
    _per_condition("f1", "F1", "Hz", "amplitude at the temporal frequency, without its bias"),
    _per_condition("f1_p", "p of F1", "", "agreement of the repetitions (F test)"),
    Output(
        "dsi",
        "DSI of gratings",
        "",
        (0, 1),
        "|Σ r exp(iθ)| / Σ r of F0 at the preferred frequencies",
        interval=True,
        test="dsi_p",
        n="n_trials",
    ),
    Output("dsi_p", "p of the DSI of gratings", "", (0, 1), "as of the moving bar"),
    Output(
        "osi",
        "OSI of gratings",
        "",
        (0, 1),
        "|Σ r exp(2iθ)| / Σ r of F0 at the preferred frequencies",
        interval=True,
        test="osi_p",
        n="n_trials",
    ),
    Output("osi_p", "p of the OSI of gratings", "", (0, 1), "as of the moving bar"),
    Output(
        "preferred_direction",
        "Preferred direction of gratings",
        "°",
        (0, 360),
        "angle of Σ r exp(iθ)",
        interval=True,
        test="dsi_p",
        n="n_trials",
    ),
    Output(
        "preferred_motion_axis",
        "Preferred axis of gratings",
        "°",
        (0, 180),
        "half the angle of Σ r exp(2iθ)",
        interval=True,
        test="osi_p",
        n="n_trials",
    ),
    Output(
        "preferred_spatial_frequency",
        "Preferred spatial frequency",
        "1/px",
        (0, None),
        "of the largest response (F0 or F1) in the mean over directions",
    ),
    Output(
        "preferred_temporal_frequency",
        "Preferred temporal frequency",
        "Hz",
        (0, None),
        "of the largest response (F0 or F1) in the mean over directions, as shown",
    ),
    Output("f1_f0", "F1/F0", "", (0, None), "of the condition with the largest response"),
    *quality_outputs(7),
)
_TUNED = ("dsi", "dsi_low", "dsi_high", "osi", "osi_low", "osi_high")
_DIRECTION = ("preferred_direction", "preferred_direction_low", "preferred_direction_high")
_AXIS = ("preferred_motion_axis", "preferred_motion_axis_low", "preferred_motion_axis_high")
_PREFERRED = ("preferred_spatial_frequency", "preferred_temporal_frequency", "f1_f0")
_REASONS = {
    "_low": "no interval: fewer than three repetitions",
    "_high": "no interval: fewer than three repetitions",
    "f1_p": "no spike, or fewer than three repetitions",
    "dsi_p": "no spike, or a single repetition",
    "osi_p": "no spike, or a single repetition",
    "dsi": "the sum of the evoked responses does not exceed two of its standard errors",
    "osi": "the sum of the evoked responses does not exceed two of its standard errors",
    "preferred_": "no response, or the responses cancel",
    "f1_f0": "no mean response",
    "quality_index": "fewer than two trials, or no spike",
    "quality_p": "fewer than two trials, or no spike",
}


@dataclass(frozen=True, slots=True)
class _Conditions:
    """Conditions (directions x frequencies) and their events, in the order of showing."""

    keys: list[tuple[float, float, float]]
    events: list[list[StimulusEvent]]
    frames: list[int]


@extractor(
    name="grating",
    title="Gratings",
    version="1",
    params=GratingParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("grating"),
    ),
    outputs=_OUTPUTS,
)
def grating(recording: Recording, params: GratingParams) -> FeatureTable:
    """F0 and F1 of every condition over whole cycles, direction tuning, preferred frequencies.

    The definition has events ``grating`` with `direction_deg`, `spatial_frequency` (cycles per pixel) and
    `temporal_frequency_hz` (nominal, at 60 frames/s), and may have events ``blank``; the maintained rate is
    that of blank events and pauses.
    """
    trials = movie_trials(recording, "grating", params.movie)
    rates = rates_of(recording, trials, params)
    conditions = _conditions(trials.events("grating"))
    blank = blank_frames(trials.length, trials.definition.events, rates.frame_duration)
    counts = rates.counts[:, :, blank].sum(axis=(1, 2))
    seconds = rates.n_trials * blank.sum() * rates.frame_duration
    without, without_se = counts / seconds, np.sqrt(np.maximum(counts, 1)) / seconds
    f0, f1, spikes = _responses(rates, conditions, without)
    keys = np.array(conditions.keys)
    best, tuning = _tuning(keys, conditions, f0, f1["f1"], spikes, (without, without_se), rates, params)
    flips = recording.metadata["frame_timestamps"]
    shown = measured_frame_rate(flips, trials.frames, recording.acquisition_rate) / _NOMINAL_RATE
    units = np.arange(len(f0))
    largest = np.maximum(f0, f1["f1"]).argmax(axis=1)
    mean = f0[units, largest]
    columns: dict[str, Any] = {
        "blank_rate": without,
        "f0": f0,
        **f1,
        **tuning,
        "preferred_spatial_frequency": best[:, 0],
        "preferred_temporal_frequency": best[:, 1] * shown,
        "f1_f0": np.divide(f1["f1"][units, largest], mean, out=np.full(len(f0), np.nan), where=mean > 0),
        **quality_columns(rates, params),
    }
    withheld = Withheld(recording.units)
    quality = columns["quality_p"]
    why = [no_response(p) for p in quality]
    names = (*_TUNED, *_DIRECTION, *_AXIS, *_PREFERRED)
    withheld.hide(columns, names, granted(quality, params.alpha), why)
    alpha = max(params.angle_alpha, params.alpha)
    withheld.hide(columns, _DIRECTION, granted(columns["dsi_p"], alpha), "not tuned to direction")
    withheld.hide(columns, _AXIS, granted(columns["osi_p"], alpha), "not tuned to an axis")
    withheld.explain(columns, _REASONS)
    return FeatureTable(
        units=columns,
        recording={
            "grating_directions": keys[:, 0],
            "grating_spatial_frequencies": keys[:, 1],
            "grating_temporal_frequencies": keys[:, 2] * shown,
        },
        reasons=withheld.reasons,
        notes={"movie": trials.movie, "n_trials": rates.n_trials},
        marks=drift_marks(recording, rates),
    )


def _conditions(events: tuple[StimulusEvent, ...]) -> _Conditions:
    found: dict[tuple[float, float, float], list[StimulusEvent]] = {}
    for event in events:
        key = (
            event_number(event, "direction_deg") % 360.0,
            event_number(event, "spatial_frequency"),
            event_number(event, "temporal_frequency_hz"),
        )
        found.setdefault(key, []).append(event)
    keys = sorted(found, key=lambda key: (key[1], key[2], key[0]))
    if len({len(shown) for shown in found.values()}) != 1:
        raise FeatureExtractionError(
            "The gratings were not shown equally often.",
            fix=Advice("Correct the stimulus definition, and cut the trials again."),
        )
    frames = []
    for key in keys:
        length = min(event.end_frame - event.start_frame for event in found[key])
        cycle = _NOMINAL_RATE / key[2]
        cycles = np.floor(length / cycle + _WHOLE)
        if cycles < 1:
            raise FeatureExtractionError(
                f"A grating of {key[2]:g} Hz is shown for less than a cycle.",
                fix=Advice("Correct the stimulus definition, and cut the trials again."),
            )
        frames.append(round(cycles * cycle))
    return _Conditions(keys, [found[key] for key in keys], frames)


def _responses(
    rates: TrialRates, conditions: _Conditions, without: NDArray[np.float64]
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]], list[NDArray[np.int64]]]:
    """F0, F1 with limits and p (units, conditions); spikes of each condition (units, repetitions)."""
    f0, fits, spikes = [], [], []
    for key, events, n in zip(conditions.keys, conditions.events, conditions.frames, strict=True):
        cuts = [slice(event.start_frame, event.start_frame + n) for event in events]
        own = np.concatenate([rates.rates[:, :, cut] for cut in cuts], axis=1)
        frequency = key[2] / _NOMINAL_RATE / rates.frame_duration
        fits.append(fit_sine(own, frequency, rates.frame_duration))
        f0.append(own.mean(axis=(1, 2), dtype=np.float64) - without)
        spikes.append(np.concatenate([rates.counts[:, :, cut].sum(axis=-1) for cut in cuts], axis=1))
    parts = {"": "amplitude", "_low": "amplitude_low", "_high": "amplitude_high", "_p": "p"}
    f1 = {f"f1{end}": np.stack([getattr(fit, name) for fit in fits], axis=1) for end, name in parts.items()}
    return np.stack(f0, axis=1), f1, spikes


def _tuning(
    keys: NDArray[np.float64],
    conditions: _Conditions,
    f0: NDArray[np.float64],
    f1: NDArray[np.float64],
    spikes: list[NDArray[np.int64]],
    blank: tuple[NDArray[np.float64], NDArray[np.float64]],
    rates: TrialRates,
    params: GratingParams,
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Preferred frequencies (units, 2), and the direction tuning at them."""
    pairs = np.unique(keys[:, 1:], axis=0)
    members = [np.flatnonzero((keys[:, 1:] == pair).all(axis=1)) for pair in pairs]
    directions = [keys[own, 0].tolist() for own in members]
    if any(shown != directions[0] for shown in directions):
        raise FeatureExtractionError(
            "Not all directions were shown at all frequencies.",
            fix=Advice("Correct the stimulus definition, and cut the trials again."),
        )
    strength = np.stack([np.maximum(f0[:, own], f1[:, own]).mean(axis=1) for own in members], axis=1)
    chosen = strength.argmax(axis=1)
    names = (*_TUNED, *_DIRECTION, *_AXIS, "dsi_p", "osi_p")
    columns = {name: np.full(len(f0), np.nan) for name in names}
    for pair, own in enumerate(members):
        some = np.flatnonzero(chosen == pair)
        if not some.size:
            continue
        counts = np.stack([spikes[condition][some] for condition in own], axis=2)
        seconds = conditions.frames[own[0]] * rates.frame_duration
        found: DirectionTuning = direction_tuning(
            counts,
            keys[own, 0],
            blank=blank[0][some] * seconds,
            blank_se=blank[1][some] * seconds,
            order=_order(conditions, own, rates.n_trials),
            n_permutations=params.n_permutations,
            seed=params.seed,
        )
        for name in names:
            columns[name][some] = getattr(found, name)
    return pairs[chosen], columns


def _order(conditions: _Conditions, own: NDArray[np.int64], n_trials: int) -> NDArray[np.int64]:
    """Return the number (repetitions, directions) of each grating among these, in the order of showing."""
    starts = np.array([[event.start_frame for event in conditions.events[condition]] for condition in own]).T
    place = np.argsort(np.argsort(starts, axis=None)).reshape(starts.shape)
    # Repetitions are sorted by their event in the trial, then by the trial.
    return np.concatenate([row[None] + starts.size * np.arange(n_trials)[:, None] for row in place])
