"""green_blue: chromatic response to green and blue light steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.light_steps import (
    NO_INTERVAL,
    StepResponseParams,
    drift_marks,
    light_steps,
    no_response,
    phase_columns,
    phase_outputs,
    quality_outputs,
    repeating,
    withhold_phases,
)
from hdmea.features.science.movie_trials import FRAMES, trials_requirement
from hdmea.features.science.step_response import contrast_index, contrast_limits, opposite_signs
from hdmea.features.science.tickets import EVERYTHING, Withheld, granted
from hdmea.utils.exceptions import FeatureExtractionError
from hdmea.utils.fixes import Advice

__all__ = ["GreenBlueParams", "green_blue"]


class GreenBlueParams(StepResponseParams):
    """Parameters of the feature `green_blue`."""


_OUTPUTS = (
    Output("baseline_rate", "Baseline rate", "Hz", (0, None), "mean rate before the first step"),
    Output(
        "baseline_sd",
        "SD of the baseline",
        "Hz",
        (0, None),
        "standard deviation of the low-passed mean rate before it, at least the height of one spike",
    ),
    *phase_outputs("green_on", "green light on"),
    *phase_outputs("green_off", "green light off"),
    *phase_outputs("blue_on", "blue light on"),
    *phase_outputs("blue_off", "blue light off"),
    *(
        Output(
            f"chromatic_index_{phase}",
            f"Chromatic index, {phase.upper()}",
            "",
            (-1, 1),
            f"(green − blue) / (|green| + |blue|) of the transients after light {phase}",
            interval=True,
            test="quality_p",
            n="n_trials",
        )
        for phase in ("on", "off")
    ),
    Output(
        "color_opponent",
        "Colour-opponent",
        "",
        (0, 1),
        "green and blue have significant transients of opposite sign, after light on or after light off",
        dtype="bool",
    ),
    *quality_outputs(2),
    Output(
        "trial_rates",
        "Trial rates",
        "Hz",
        (0, None),
        "spikes in each display frame of each trial / its duration",
        dtype="float32",
        shape=("trials", "frames"),
    ),
)
_PHASES = ("green_on", "green_off", "blue_on", "blue_off")
_REASONS = {
    "transient_time": "no extremum is prominent enough",
    "latency": "the rate does not leave the baseline band for two frames",
    "chromatic_index_on": "no transient after light on of either colour, or fewer than three trials",
    "chromatic_index_off": "no transient after light off of either colour, or fewer than three trials",
    "_low": NO_INTERVAL,
    "_high": NO_INTERVAL,
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials, or no spike",
}


@extractor(
    name="green_blue",
    aliases=("green_blue_3s_3i_3x",),
    title="Green and blue response",
    version="2",
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
            "needs green and blue.",
            fix=Advice("Correct the events of its stimulus definition."),
        )
    (green_on, green_off), (blue_on, blue_off) = by_color["green"], by_color["blue"]
    repeats = repeating(found, params.alpha)
    opponent = opposite_signs(green_on, blue_on) | opposite_signs(green_off, blue_off)
    limits = {"on": contrast_limits(green_on, blue_on), "off": contrast_limits(green_off, blue_off)}
    columns: dict[str, Any] = {
        "baseline_rate": found.baseline.raw_level,
        "baseline_sd": found.baseline.sd,
        **phase_columns("green_on", green_on, repeats),
        **phase_columns("green_off", green_off, repeats),
        **phase_columns("blue_on", blue_on, repeats),
        **phase_columns("blue_off", blue_off, repeats),
        "chromatic_index_on": contrast_index(green_on.transient, blue_on.transient),
        "chromatic_index_off": contrast_index(green_off.transient, blue_off.transient),
        **{
            f"chromatic_index_{phase}_{end}": values
            for phase, both in limits.items()
            for end, values in zip(("low", "high"), both, strict=True)
        },
        "color_opponent": np.asarray(opponent & repeats),
        **found.quality,
        "trial_rates": found.rates.rates,
    }
    withheld = Withheld(recording.units)
    quality = found.quality["quality_p"]
    why = [no_response(p) for p in quality]
    for phase, green, blue in (("on", green_on, blue_on), ("off", green_off, blue_off)):
        names = [f"chromatic_index_{phase}{end}" for end in ("", "_low", "_high")]
        withheld.hide(columns, names, granted(quality, params.alpha), why)
        either = green.responds | blue.responds | (params.alpha >= EVERYTHING)
        withheld.hide(
            columns, names, either, f"no significant transient after light {phase} of either colour"
        )
    withhold_phases(withheld, columns, _PHASES, quality, params.alpha)
    withheld.explain(columns, _REASONS)
    return FeatureTable(
        units=columns,
        reasons=withheld.reasons,
        notes={"movie": found.trials.movie, "n_trials": found.rates.n_trials},
        marks=drift_marks(recording, found.rates),
    )
