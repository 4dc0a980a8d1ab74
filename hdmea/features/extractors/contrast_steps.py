"""contrast_steps: response to steps of contrast about a grey level."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.level_responses import blank_frames, half_level, level_responses
from hdmea.features.science.light_steps import (
    RateParams,
    drift_marks,
    no_response,
    quality_columns,
    quality_outputs,
    rates_of,
)
from hdmea.features.science.movie_trials import FRAMES, movie_trials, trials_requirement
from hdmea.features.science.tickets import Withheld, granted

__all__ = ["ContrastStepsParams", "contrast_steps"]


class ContrastStepsParams(RateParams):
    """Parameters of the feature `contrast_steps`."""


_SIGNS = (("increment", 1.0), ("decrement", -1.0))
_OUTPUTS = (
    Output(
        "contrast_step_levels",
        "Contrasts",
        "",
        (-1, 1),
        "contrasts of the steps, ascending",
        shape=("levels",),
        per="recording",
    ),
    Output("blank_rate", "Maintained rate", "Hz", (0, None), "mean rate between the steps"),
    Output(
        "contrast_response",
        "Response to contrast",
        "Hz",
        (None, None),
        "mean rate during each step minus the maintained rate",
        shape=("levels",),
    ),
    Output(
        "contrast_response_sem",
        "SEM of the response to contrast",
        "Hz",
        (0, None),
        "standard error over repetitions",
        shape=("levels",),
    ),
    *(
        Output(
            f"half_{sign}",
            f"{sign.capitalize()} of half the response",
            "",
            (0, 1),
            f"size of the {sign} at which the response reaches half of its largest value, interpolated",
        )
        for sign, _ in _SIGNS
    ),
    *quality_outputs(8),
)
_REASONS = {
    "contrast_response_sem": "fewer than two repetitions",
    "half_": "no positive response to such steps",
    "quality_index": "fewer than two trials, or no spike",
    "quality_p": "fewer than two trials, or no spike",
}


@extractor(
    name="contrast_steps",
    title="Contrast steps",
    version="1",
    params=ContrastStepsParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("contrast_steps"),
    ),
    outputs=_OUTPUTS,
)
def contrast_steps(recording: Recording, params: ContrastStepsParams) -> FeatureTable:
    """Response to each contrast, and the contrast of half the largest response to either sign.

    The definition has events ``contrast_step`` with a `contrast` from -1 to 1.
    """
    trials = movie_trials(recording, "contrast_steps", params.movie)
    rates = rates_of(recording, trials, params)
    blank = blank_frames(trials.length, trials.definition.events, rates.frame_duration)
    found = level_responses(rates, trials.events("contrast_step"), "contrast", blank)
    columns: dict[str, Any] = {
        "blank_rate": found.blank,
        "contrast_response": found.mean,
        "contrast_response_sem": found.sem,
    }
    for name, sign in _SIGNS:
        own = np.flatnonzero(sign * found.levels > 0)[:: int(sign)]
        columns[f"half_{name}"] = half_level(np.abs(found.levels[own]), found.mean[:, own])
    columns |= quality_columns(rates, params)
    withheld = Withheld(recording.units)
    quality = columns["quality_p"]
    names = [f"half_{name}" for name, _ in _SIGNS]
    withheld.hide(columns, names, granted(quality, params.alpha), [no_response(p) for p in quality])
    withheld.explain(columns, _REASONS)
    return FeatureTable(
        units=columns,
        recording={"contrast_step_levels": found.levels},
        reasons=withheld.reasons,
        notes={"movie": trials.movie, "n_repetitions": found.trials.shape[1]},
        marks=drift_marks(recording, rates),
    )
