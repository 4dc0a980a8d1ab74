"""moving_bar: direction and orientation tuning to a moving bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.bar_windows import NONE, BarResponses, bar_movie, bar_responses, sweep_layout
from hdmea.features.science.direction_tuning import DirectionTuning, direction_tuning, vector_indices
from hdmea.features.science.light_steps import (
    RateParams,
    drift_marks,
    quality_columns,
    quality_outputs,
    rates_of,
)
from hdmea.features.science.movie_trials import FRAMES, OptionalFeature, movie_trials, trials_requirement
from hdmea.features.science.tickets import EVERYTHING, Withheld, granted
from hdmea.stimuli.definition import StimulusEvent
from hdmea.utils.giving_way import giving_way

__all__ = ["MovingBarParams", "moving_bar", "sweep_counts"]


class MovingBarParams(RateParams):
    """Parameters of the feature `moving_bar`."""

    angle_alpha: float = Field(
        0.05,
        gt=0,
        le=1,
        title="Significance of angles",
        description="Largest p values, by permutation and by rotation, with which there is a preferred "
        "direction or axis.",
        json_schema_extra={"advanced": True},
    )
    stimuli_dir: Path | None = Field(
        None,
        title="Movie folder",
        description="Folder of <movie>.npy, which tells when no bar is shown; by default where it is found.",
    )
    n_permutations: int = Field(
        2000,
        ge=100,
        title="Permutations",
        description="Of the directions within each repetition, for the p values.",
        json_schema_extra={"advanced": True},
    )


_PER_DIRECTION = ("repetitions", "directions")


def _estimate(
    name: str, title: str, unit: str, limits: tuple[float | None, float | None], definition: str, test: str
) -> Output:
    standard = title if title.isupper() else ""
    return Output(
        name,
        title,
        unit,
        limits,
        definition,
        standard=standard,
        interval=True,
        test=test,
        n="n_repetitions",
    )


_BY = {
    "dsi": "permuting directions within each repetition, by the agreement of the repetitions",
    "osi": "permuting directions within each repetition",
}
_INDEX = (
    ("dsi", "|Σ r exp(iθ)| / Σ r of the mean evoked responses r to the directions θ"),
    ("osi", "|Σ r exp(2iθ)| / Σ r of the mean evoked responses r to the directions θ"),
)
_OUTPUTS = (
    Output(
        "moving_bar_directions",
        "Directions of the moving bar",
        "°",
        (0, 360),
        "directions of motion, in the order of the stimulus",
        shape=("directions",),
        per="recording",
    ),
    Output(
        "sweep_counts",
        "Sweep counts",
        "spikes",
        (0, None),
        "spikes of each full sweep",
        dtype="int64",
        shape=_PER_DIRECTION,
    ),
    Output(
        "sweep_responses",
        "Sweep responses",
        "spikes",
        (None, None),
        "spikes in the window of each sweep, trend divided out, minus those of the maintained rate",
        shape=_PER_DIRECTION,
    ),
    Output(
        "response_windows",
        "Response windows",
        "frames",
        (0, None),
        "first frame of that window in its sweep, and the one after its last",
        dtype="int64",
        shape=(*_PER_DIRECTION, 2),
    ),
    Output(
        "window_source",
        "Window source",
        "",
        (None, None),
        "where the windows come from: receptive field, repetitions (each from the others), full sweep, none",
        dtype="str",
    ),
    Output("blank_rate", "Maintained rate", "Hz", (0, None), "mean rate while only the background is shown"),
    Output(
        "sweep_trend",
        "Trend over the sweeps",
        "",
        (0, None),
        "rate at the last sweep / rate at the first, same direction",
    ),
    Output("n_repetitions", "Number of repetitions", "", (0, None), "sweeps of each direction"),
    Output(
        "tuning_curve",
        "Tuning curve",
        "spikes",
        (None, None),
        "mean evoked spikes per sweep",
        shape=("directions",),
    ),
    Output(
        "tuning_sem",
        "SEM of the tuning curve",
        "spikes",
        (0, None),
        "standard error of that mean over repetitions",
        shape=("directions",),
    ),
    *(
        output
        for name, definition in _INDEX
        for output in (
            _estimate(name, name.upper(), "", (0, 1), definition, f"{name}_p"),
            Output(f"{name}_p", f"p of the {name.upper()}", "", (0, 1), f"p value of {name} by {_BY[name]}"),
            Output(
                f"{name}_rotation_p",
                f"p of the {name.upper()} by rotation",
                "",
                (0, 1),
                f"p value of {name} by rotating the sequence of directions of each repetition",
            ),
            Output(
                f"{name}_null_mean",
                f"{name.upper()} of an untuned unit",
                "",
                (0, None),
                f"mean {name} of the permutations: what an untuned unit with these counts has",
            ),
        )
    ),
    Output(
        "dsi_permutation_p",
        "p of the DSI by permutation",
        "",
        (0, 1),
        "p value of dsi by permuting directions, whether or not repetitions agree",
    ),
    _estimate("preferred_direction", "Preferred direction", "°", (0, 360), "angle of Σ r exp(iθ)", "dsi_p"),
    _estimate(
        "preferred_motion_axis",
        "Preferred motion axis",
        "°",
        (0, 180),
        "half the angle of Σ r exp(2iθ); the bar itself is oriented at +90°",
        "osi_p",
    ),
    Output(
        "dsi_pref_null",
        "DSI from preferred and null direction",
        "",
        (-1, 1),
        "(pref − null) / (pref + null) of the largest evoked response and the opposite one",
    ),
    Output(
        "tuning_curve_full_sweep",
        "Tuning curve full sweep",
        "spikes",
        (0, None),
        "mean spikes per sweep",
        shape=("directions",),
    ),
    Output(
        "dsi_full_sweep",
        "DSI of full sweeps",
        "",
        (0, 1),
        "dsi of the spikes of full sweeps, maintained rate included",
    ),
    Output(
        "osi_full_sweep",
        "OSI of full sweeps",
        "",
        (0, 1),
        "osi of the spikes of full sweeps, maintained rate included",
    ),
    Output(
        "preferred_direction_full_sweep",
        "Preferred direction of full sweeps",
        "°",
        (0, 360),
        "preferred direction of full sweeps",
    ),
    Output(
        "preferred_motion_axis_full_sweep",
        "Preferred motion axis of full sweeps",
        "°",
        (0, 180),
        "preferred axis of full sweeps",
    ),
    *quality_outputs(2),
)
_NAMES = ("dsi", "osi", "preferred_direction", "preferred_motion_axis")
_INDICES = ("dsi", "dsi_low", "dsi_high", "osi", "osi_low", "osi_high", "dsi_pref_null")
_TESTS = ("dsi_p", "dsi_rotation_p", "dsi_permutation_p", "osi_p", "osi_rotation_p")
_NULLS = ("dsi_null_mean", "osi_null_mean")
_ANGLES = {
    "dsi": ("preferred_direction", "preferred_direction_low", "preferred_direction_high"),
    "osi": ("preferred_motion_axis", "preferred_motion_axis_low", "preferred_motion_axis_high"),
}
_REASONS = {
    "tuning_sem": "fewer than two repetitions, or no response",
    "_low": "no interval: fewer than three repetitions",
    "_high": "no interval: fewer than three repetitions",
    "dsi_pref_null": "the responses do not exceed their error, or the opposite direction was not shown",
    "dsi_full_sweep": "no spike in any sweep",
    "osi_full_sweep": "no spike in any sweep",
    "preferred_direction": "the responses cancel",
    "preferred_motion_axis": "the responses cancel",
    "dsi_p": "no spike in any window, or a single repetition",
    "osi_p": "no spike in any window, or a single repetition",
    "rotation_p": "no spike in any window, or a single repetition",
    "permutation_p": "no spike in any window, or a single repetition",
    "dsi": "the sum of the evoked responses does not exceed two of its standard errors",
    "osi": "the sum of the evoked responses does not exceed two of its standard errors",
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials, or no spike",
    "blank_rate": "less than 2 s without a bar",
    "tuning_curve": "less than 2 s without a bar, or no response",
    "sweep_responses": "less than 2 s without a bar, or no response",
    "sweep_trend": "no response",
}


def sweep_counts(
    spike_trains: Sequence[NDArray[np.int64]],
    frame_timestamps: NDArray[np.int64],
    trial_frames: NDArray[np.int64],
    sweeps: Sequence[StimulusEvent],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Spikes of each full sweep, by direction.

    Parameters
    ----------
    spike_trains
        Ascending samples, one array per unit.
    frame_timestamps
        Ascending samples of the display refreshes.
    trial_frames
        First display frame of each trial.
    sweeps
        Sweeps of a trial; each direction equally often.

    Returns
    -------
    directions : numpy.ndarray
        float64 (directions,), degrees, in the order of first appearance.
    counts : numpy.ndarray
        int64 (units, repetitions, directions).

    Raises
    ------
    FeatureExtractionError
        If directions were not shown equally often.
    """
    layout = sweep_layout(len(trial_frames), tuple(sweeps))
    lengths = {sweep.start_frame: sweep.end_frame - sweep.start_frame for sweep in sweeps}
    first = trial_frames[layout.trial] + layout.start
    stop = first + np.vectorize(lengths.__getitem__, otypes=[np.int64])(layout.start)
    samples = frame_timestamps[np.stack((first, stop), axis=-1)]
    found = [np.diff(np.searchsorted(train, samples), axis=-1)[..., 0] for train in giving_way(spike_trains)]
    return layout.directions, np.array(found, np.int64).reshape(len(spike_trains), *first.shape)


@extractor(
    name="moving_bar",
    aliases=("moving_h_bar_s5_d8_3x",),
    title="Direction tuning",
    version="3",
    params=MovingBarParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("moving_bar"),
        OptionalFeature("feature", "direction_sections_*", "section_by_direction"),
    ),
    outputs=_OUTPUTS,
)
def moving_bar(recording: Recording, params: MovingBarParams) -> FeatureTable:
    """Tuning to the direction and axis of motion of a bar, from the spikes that it evokes.

    Counted in the window in which the bar crosses the receptive field, where that is known; else where the
    other repetitions respond. Numbers of full sweeps are beside them.
    """
    trials = movie_trials(recording, "moving_bar", params.movie)
    frames = np.asarray(recording.metadata["frame_timestamps"]).astype(np.int64)
    sweeps = trials.events("sweep")
    directions, counts = sweep_counts(recording.spike_trains, frames, trials.frames[:, 0], sweeps)
    rates = rates_of(recording, trials, params)
    layout = sweep_layout(len(trials.frames), sweeps)
    everything = params.alpha >= EVERYTHING
    path = bar_movie(recording, trials.movie, params.stimuli_dir)
    found = bar_responses(recording, trials, rates, layout, path, always=everything)
    there = (found.lengths > 0).all(axis=1) & np.isfinite(found.blank.rate)
    tuning = direction_tuning(
        found.counts,
        directions,
        blank=np.nan_to_num(found.blank.rate),
        blank_se=np.nan_to_num(found.blank.rate_se),
        lengths=np.where(found.lengths > 0, found.lengths, 1.0),
        order=layout.order,
        n_permutations=params.n_permutations,
        seed=params.seed,
    )
    full = vector_indices(counts.sum(axis=1), directions)
    columns: dict[str, Any] = {
        "sweep_counts": counts,
        "response_windows": found.windows,
        "window_source": found.source,
        "blank_rate": found.blank.rate / rates.frame_duration,
        "n_repetitions": np.full(len(counts), float(counts.shape[1])),
        **_tuning_columns(tuning),
        "tuning_curve_full_sweep": counts.mean(axis=1),
        **{f"{name}_full_sweep": values for name, values in zip(_NAMES, full, strict=True)},
        **quality_columns(rates, params),
    }
    return FeatureTable(
        units=columns,
        recording={"moving_bar_directions": directions},
        reasons=_withheld(recording, columns, found, there, tuning, params).reasons,
        notes={"movie": trials.movie, "n_repetitions": counts.shape[1]},
        marks=drift_marks(recording, rates),
    )


def _tuning_columns(tuning: DirectionTuning) -> dict[str, NDArray[np.float64]]:
    names = (*_INDICES, *_NULLS, *(name for angles in _ANGLES.values() for name in angles))
    return {
        "sweep_responses": tuning.responses,
        "tuning_curve": tuning.tuning_curve,
        "tuning_sem": tuning.tuning_sem,
        "sweep_trend": tuning.trend,
        **{name: getattr(tuning, name) for name in (*names, *_TESTS)},
    }


def _withheld(
    recording: Recording,
    columns: dict[str, Any],
    found: BarResponses,
    there: NDArray[np.bool_],
    tuning: DirectionTuning,
    params: MovingBarParams,
) -> Withheld:
    """Take out what there is no response for, and say why."""
    withheld = Withheld(recording.units)
    blank = np.isfinite(found.blank.rate)
    angles = tuple(name for names in _ANGLES.values() for name in names)
    measured = ("sweep_responses", "tuning_curve", "tuning_sem", "sweep_trend")
    every = (*measured, *_INDICES, *_NULLS, *angles, *_TESTS)
    silent = columns["sweep_counts"].sum(axis=(1, 2)) > 0
    withheld.hide(columns, (*_INDICES, *_NULLS, *angles, *_TESTS), silent, "no spike in any sweep")
    withheld.hide(columns, every, blank, "less than 2 s without a bar: the maintained rate is not known")
    source = np.array(found.source) != NONE
    withheld.hide(columns, every, there | ~blank | source, "no response to bars")
    p = columns["quality_p"]
    why = [
        "a single trial cannot show that the unit responds"
        if np.isnan(value)
        else f"the unit does not respond reliably to bars (quality_p = {value:.3g})"
        for value in p
    ]
    responds = granted(p, params.alpha)
    withheld.hide(columns, (*_INDICES, *_NULLS, *angles), responds, why)
    for (index, names), least in zip(_ANGLES.items(), tuning.least_rotation_p, strict=True):
        p, rotated = columns[f"{index}_p"], columns[f"{index}_rotation_p"]
        # Of few arrangements what was seen must be the first.
        rotation_alpha = max(params.angle_alpha, least * (1 + 1e-9))
        tuned = granted(p, params.angle_alpha) & granted(rotated, rotation_alpha)
        why = [
            f"not tuned ({index}_p = {a:.3g}, {index}_rotation_p = {b:.3g})"
            for a, b in zip(p, rotated, strict=True)
        ]
        withheld.hide(columns, names, tuned | (params.alpha >= EVERYTHING), why)
    withheld.explain(columns, _REASONS)
    return withheld
