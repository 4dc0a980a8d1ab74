"""moving_bar: direction and orientation tuning to a moving bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.features.extractor import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.features.science.light_steps import (
    QUALITY_OUTPUTS,
    RateParams,
    quality_columns,
    rates_of,
    reasons_where,
)
from hdmea.features.science.movie_trials import (
    FRAMES,
    MovieTrials,
    OptionalFeature,
    movie_trials,
    trials_requirement,
)
from hdmea.features.science.rf_window_tuning import RF_WINDOW_OUTPUTS, rf_window_columns
from hdmea.stimuli.definition import StimulusEvent
from hdmea.utils.exceptions import FeatureExtractionError
from hdmea.utils.giving_way import giving_way

__all__ = ["MovingBarParams", "moving_bar", "sweep_counts"]


class MovingBarParams(RateParams):
    """Parameters of the feature `moving_bar`."""

    n_permutations: int = Field(
        2000,
        ge=100,
        title="Permutations",
        description="Of the directions within each repetition, for the p values.",
        json_schema_extra={"advanced": True},
    )


_INDEX = (
    ("dsi", "|Σ r exp(iθ)| / Σ r of the spikes r of full sweeps in the directions θ"),
    ("osi", "|Σ r exp(2iθ)| / Σ r of the spikes r of full sweeps in the directions θ"),
)
_OUTPUTS = (
    Output(
        "moving_bar_directions",
        "float64",
        ("directions",),
        "°",
        (0, 360),
        "directions of motion, in the order of the stimulus",
        per="recording",
    ),
    Output(
        "sweep_counts",
        "int64",
        ("repetitions", "directions"),
        "spikes",
        (0, None),
        "spikes of each full sweep",
    ),
    Output("tuning_curve", "float64", ("directions",), "spikes", (0, None), "mean spikes per sweep"),
    Output(
        "tuning_sem",
        "float64",
        ("directions",),
        "spikes",
        (0, None),
        "standard error of that mean over repetitions",
    ),
    *(
        output
        for name, definition in _INDEX
        for output in (
            Output(name, "float64", (), "", (0, 1), definition),
            Output(
                f"{name}_p",
                "float64",
                (),
                "",
                (0, 1),
                f"p value of {name} by permuting directions within each repetition",
            ),
            Output(
                f"{name}_null_mean",
                "float64",
                (),
                "",
                (0, 1),
                f"mean {name} of the permutations: what an untuned unit with these counts has",
            ),
        )
    ),
    Output("preferred_direction", "float64", (), "°", (0, 360), "angle of Σ r exp(iθ)"),
    Output(
        "preferred_motion_axis",
        "float64",
        (),
        "°",
        (0, 180),
        "half the angle of Σ r exp(2iθ); the bar itself is oriented at +90°",
    ),
    Output(
        "dsi_pref_null",
        "float64",
        (),
        "",
        (-1, 1),
        "(pref − null) / (pref + null) of the largest response and the opposite one",
    ),
    *QUALITY_OUTPUTS,
    *RF_WINDOW_OUTPUTS,
)
_NO_SPIKE = "no spike in any sweep"
_REASONS = {
    "tuning_sem": "fewer than two repetitions",
    "dsi": _NO_SPIKE,
    "osi": _NO_SPIKE,
    "null_mean": _NO_SPIKE,
    "preferred_direction": "no spike in any sweep, or the responses cancel",
    "preferred_motion_axis": "no spike in any sweep, or the responses cancel",
    "dsi_pref_null": "no spike, or the opposite direction was not shown",
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials",
}


def sweep_counts(
    spike_trains: Sequence[NDArray[np.int64]],
    frame_timestamps: NDArray[np.int64],
    trial_frames: NDArray[np.int64],
    sweeps: Sequence[StimulusEvent],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Spikes of each sweep, by direction.

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
    shown = np.array([sweep.direction_deg for sweep in sweeps], np.float64) % 360.0
    directions = np.array(list(dict.fromkeys(shown.tolist())))
    columns = [np.flatnonzero(shown == direction) for direction in directions]
    if len({len(column) for column in columns}) != 1:
        raise FeatureExtractionError(
            "The directions of the moving bar were not shown equally often: correct the sweeps in the "
            "stimulus definition."
        )
    bounds = np.array([(sweep.start_frame, sweep.end_frame) for sweep in sweeps], np.int64)
    samples = frame_timestamps[trial_frames[:, None, None] + bounds]
    found = np.stack(
        [np.diff(np.searchsorted(train, samples), axis=-1)[..., 0] for train in giving_way(spike_trains)]
    )
    by_direction = found[:, :, np.array(columns)]
    n_units, n_trials, n_directions, per_trial = by_direction.shape
    counts = by_direction.swapaxes(2, 3).reshape(n_units, n_trials * per_trial, n_directions)
    return directions, counts.astype(np.int64)


@extractor(
    name="moving_bar",
    aliases=("moving_h_bar_s5_d8_3x",),
    title="Direction tuning",
    version="2",
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
    """Tuning to the direction and axis of motion of a bar, from the spikes of full sweeps.

    Where the window is known in which the bar crosses the receptive field, also from the spikes in it.
    """
    trials = movie_trials(recording, "moving_bar", params.movie)
    directions, counts = _counts(recording, trials)
    tuning = direction_tuning(counts, directions, n_permutations=params.n_permutations, seed=params.seed)
    columns = {
        "sweep_counts": counts,
        "tuning_curve": tuning.tuning_curve,
        "tuning_sem": tuning.tuning_sem,
        "dsi": tuning.dsi,
        "dsi_p": tuning.dsi_p,
        "dsi_null_mean": tuning.dsi_null_mean,
        "osi": tuning.osi,
        "osi_p": tuning.osi_p,
        "osi_null_mean": tuning.osi_null_mean,
        "preferred_direction": tuning.preferred_direction,
        "preferred_motion_axis": tuning.preferred_motion_axis,
        "dsi_pref_null": tuning.dsi_pref_null,
        **quality_columns(rates_of(recording, trials, params), params),
    }
    reasons = reasons_where(recording, columns, _REASONS)
    in_window, why = rf_window_columns(
        recording,
        trials.movie,
        directions,
        counts.shape[1],
        n_permutations=params.n_permutations,
        seed=params.seed,
    )
    return FeatureTable(
        units={**columns, **in_window},
        recording={"moving_bar_directions": directions},
        reasons={**reasons, **why},
        notes={"movie": trials.movie, "n_repetitions": counts.shape[1]},
    )


def _counts(recording: Recording, trials: MovieTrials) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    frames = np.asarray(recording.metadata["frame_timestamps"]).astype(np.int64)
    return sweep_counts(recording.spike_trains, frames, trials.frames[:, 0], trials.events("sweep"))
