"""on_off: response to a full-field light step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.extractor import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.light_steps import (
    QUALITY_OUTPUTS,
    LightSteps,
    StepResponseParams,
    light_steps,
    phase_columns,
    phase_outputs,
    reasons_where,
    repeating,
    transience_columns,
)
from hdmea.features.science.movie_trials import FRAMES, trials_requirement
from hdmea.features.science.step_response import contrast_index, rectified_index

__all__ = ["OnOffParams", "on_off", "suppression_p"]


class OnOffParams(StepResponseParams):
    """Parameters of the feature `on_off`."""


_OUTPUTS = (
    Output("baseline_rate", "float64", (), "Hz", (0, None), "mean rate before the step"),
    Output(
        "baseline_sd",
        "float64",
        (),
        "Hz",
        (0, None),
        "standard deviation of the low-passed mean rate before the step, at least the height of one spike",
    ),
    *phase_outputs("on", "light on"),
    *phase_outputs("off", "light off"),
    Output(
        "on_off_index",
        "float64",
        (),
        "",
        (-1, 1),
        "(on − off) / (on + off) of the positive parts of the transients",
    ),
    Output("on_transience", "float64", (), "", (None, None), "1 − sustained / transient of light on"),
    Output("off_transience", "float64", (), "", (None, None), "1 − sustained / transient of light off"),
    Output(
        "suppression_index",
        "float64",
        (),
        "",
        (-1, 1),
        "(light − baseline) / (light + baseline) of the mean rates in the last second of light and before it",
    ),
    Output(
        "suppression_p",
        "float64",
        (),
        "",
        (0, 1),
        "exact binomial test that the last second of light has fewer spikes than the baseline",
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
    "transience": "no transient",
    "transient_time": "no extremum is prominent enough",
    "latency": "no transient, or the rate does not leave the baseline band for two frames",
    "on_off_index": "neither light on nor light off has a positive transient",
    "suppression_index": "no spike before the step nor in the last second of light",
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials",
}


def suppression_p(before: NDArray[np.int64], during: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """One-sided exact test of fewer spikes during light than before.

    Parameters
    ----------
    before, during
        (units,) spikes in the two windows.
    share
        Length of the second window / length of both.

    Returns
    -------
    numpy.ndarray
        Probability of so few spikes or fewer in the second window, given all; 1 without spikes.
    """
    from scipy.stats import binom

    return np.asarray(binom.cdf(during, before + during, share), np.float64)


@extractor(
    name="on_off",
    aliases=("step_up_5s_5i_3x", "step_up_5s_5i_b0_3x", "step_up_5s_5i_b0_30x"),
    title="ON and OFF response",
    version="1",
    params=OnOffParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("step"),
    ),
    outputs=_OUTPUTS,
)
def on_off(recording: Recording, params: OnOffParams) -> FeatureTable:
    """Response to light on and light off: transients, sustained parts, latencies, their index."""
    found = light_steps(recording, "step", params)
    _, on, off = found.steps[0]
    repeats = repeating(found, params.alpha)
    light = on.sustained + found.baseline.raw_level
    columns = {
        "baseline_rate": found.baseline.raw_level,
        "baseline_sd": found.baseline.sd,
        **phase_columns("on", on, repeats),
        **phase_columns("off", off, repeats),
        "on_off_index": rectified_index(on.transient, off.transient),
        **transience_columns("on", on),
        **transience_columns("off", off),
        "suppression_index": contrast_index(light, found.baseline.raw_level),
        "suppression_p": _suppression(found, params),
        **found.quality,
        "trial_rates": found.rates.rates,
    }
    return FeatureTable(
        units=columns,
        reasons=reasons_where(recording, columns, _REASONS),
        notes={"movie": found.trials.movie, "n_trials": found.rates.n_trials},
    )


def _suppression(found: LightSteps, params: OnOffParams) -> NDArray[np.float64]:
    on, off, _ = found.windows[0]
    start, stop = found.trials.baseline_frames(on)
    last = max(off - max(round(params.sustained_s / found.rates.frame_duration), 1), on)
    before = found.rates.counts[:, :, start:stop].sum(axis=(1, 2))
    during = found.rates.counts[:, :, last:off].sum(axis=(1, 2))
    return suppression_p(before, during, (off - last) / (off - last + stop - start))
