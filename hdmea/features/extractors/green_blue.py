"""green_blue: chromatic response to green and blue light steps."""

from __future__ import annotations

import numpy as np

from hdmea.features.extractor import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.light_steps import (
    QUALITY_OUTPUTS,
    StepResponseParams,
    light_steps,
    phase_columns,
    phase_outputs,
    reasons_where,
    repeating,
)
from hdmea.features.science.movie_trials import FRAMES, trials_requirement
from hdmea.features.science.step_response import contrast_index, opposite_signs
from hdmea.utils.exceptions import FeatureExtractionError

__all__ = ["GreenBlueParams", "green_blue"]


class GreenBlueParams(StepResponseParams):
    """Parameters of the feature `green_blue`."""


_OUTPUTS = (
    Output("baseline_rate", "float64", (), "Hz", (0, None), "mean rate before the first step"),
    Output(
        "baseline_sd",
        "float64",
        (),
        "Hz",
        (0, None),
        "standard deviation of the low-passed mean rate before it, at least the height of one spike",
    ),
    *phase_outputs("green_on", "green light on"),
    *phase_outputs("green_off", "green light off"),
    *phase_outputs("blue_on", "blue light on"),
    *phase_outputs("blue_off", "blue light off"),
    Output(
        "chromatic_index_on",
        "float64",
        (),
        "",
        (-1, 1),
        "(green − blue) / (|green| + |blue|) of the transients after light on",
    ),
    Output(
        "chromatic_index_off",
        "float64",
        (),
        "",
        (-1, 1),
        "(green − blue) / (|green| + |blue|) of the transients after light off",
    ),
    Output(
        "color_opponent",
        "bool",
        (),
        "",
        (0, 1),
        "green and blue have significant transients of opposite sign, after light on or after light off",
    ),
    *QUALITY_OUTPUTS,
    Output(
        "trial_rates",
        "float32",
        ("trials", "frames"),
        "Hz",
        (0, None),
        "spikes in each display frame of each trial / its duration",
    ),
)
_REASONS = {
    "transient_time": "no extremum is prominent enough",
    "latency": "no transient, or the rate does not leave the baseline band for two frames",
    "chromatic_index_on": "no transient after light on of either colour",
    "chromatic_index_off": "no transient after light off of either colour",
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials",
}


@extractor(
    name="green_blue",
    aliases=("green_blue_3s_3i_3x",),
    title="Green and blue response",
    version="1",
    params=GreenBlueParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("green_blue"),
    ),
    outputs=_OUTPUTS,
)
def green_blue(recording: Recording, params: GreenBlueParams) -> FeatureTable:
    """Response to green and to blue light, on and off, and how they compare; over all trials and levels."""
    found = light_steps(recording, "green_blue", params)
    by_color = {color: (on, off) for color, on, off in found.steps}
    if not {"green", "blue"} <= set(by_color):
        raise FeatureExtractionError(
            f"The light steps of {found.trials.movie} have the colours {', '.join(by_color)}: the feature "
            "needs green and blue. Correct the events of its stimulus definition."
        )
    (green_on, green_off), (blue_on, blue_off) = by_color["green"], by_color["blue"]
    repeats = repeating(found, params.alpha)
    opponent = opposite_signs(green_on, blue_on) | opposite_signs(green_off, blue_off)
    columns = {
        "baseline_rate": found.baseline.raw_level,
        "baseline_sd": found.baseline.sd,
        **phase_columns("green_on", green_on, repeats),
        **phase_columns("green_off", green_off, repeats),
        **phase_columns("blue_on", blue_on, repeats),
        **phase_columns("blue_off", blue_off, repeats),
        "chromatic_index_on": contrast_index(green_on.transient, blue_on.transient),
        "chromatic_index_off": contrast_index(green_off.transient, blue_off.transient),
        "color_opponent": np.asarray(opponent & repeats),
        **found.quality,
        "trial_rates": found.rates.rates,
    }
    return FeatureTable(
        units=columns,
        reasons=reasons_where(recording, columns, _REASONS),
        notes={"movie": found.trials.movie, "n_trials": found.rates.n_trials},
    )
