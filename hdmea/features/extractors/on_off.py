"""on_off: response to a full-field light step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.light_steps import (
    NO_INTERVAL,
    LightSteps,
    StepResponseParams,
    drift_marks,
    light_steps,
    no_response,
    phase_columns,
    phase_outputs,
    quality_outputs,
    repeating,
    transience_columns,
    withhold_phases,
)
from hdmea.features.science.movie_trials import FRAMES, trials_requirement
from hdmea.features.science.repeatability import without_drift
from hdmea.features.science.step_response import contrast_index, contrast_limits, rectified_index
from hdmea.features.science.tickets import EVERYTHING, Withheld, granted

__all__ = ["OnOffParams", "on_off", "suppression_p"]


class OnOffParams(StepResponseParams):
    """Parameters of the feature `on_off`."""

    n_draws: int = Field(
        2000,
        ge=100,
        title="Shifts",
        description="Circular shifts for the p value of suppression.",
        json_schema_extra={"advanced": True},
    )


_OUTPUTS = (
    Output("baseline_rate", "Baseline rate", "Hz", (0, None), "mean rate before the step"),
    Output(
        "baseline_sd",
        "SD of the baseline",
        "Hz",
        (0, None),
        "standard deviation of the low-passed mean rate before the step, at least the height of one spike",
    ),
    *phase_outputs("on", "light on"),
    *phase_outputs("off", "light off"),
    Output(
        "on_off_index",
        "ON–OFF index",
        "",
        (-1, 1),
        "(on − off) / (on + off) of the positive parts of the transients",
        standard="ON/OFF",
        interval=True,
        test="quality_p",
        n="n_trials",
    ),
    *(
        Output(
            f"{phase}_transience",
            f"{phase.upper()} transience",
            "",
            (None, None),
            f"1 − sustained / transient of light {phase}",
            interval=True,
            test="quality_p",
            n="n_trials",
        )
        for phase in ("on", "off")
    ),
    Output(
        "suppression_index",
        "Suppression index",
        "",
        (-1, 1),
        "(light − baseline) / (light + baseline) of the mean rates in the last second of light and before it",
        test="suppression_p",
        n="n_trials",
    ),
    Output(
        "suppression_p",
        "p of the suppression",
        "",
        (0, 1),
        "p value of a lower rate in light than in the dark before it, by circular shifts of the trials",
    ),
    *quality_outputs(0),
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
_REASONS = {
    "transience": "no transient",
    "transient_time": "no extremum is prominent enough",
    "latency": "the rate does not leave the baseline band for two frames",
    "on_off_index": "neither light on nor light off has a positive transient, or fewer than three trials",
    "suppression_index": "no spike before the step nor in the last second of light",
    "suppression_p": "fewer than three trials, or no spike",
    "_low": NO_INTERVAL,
    "_high": NO_INTERVAL,
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials, or no spike",
}
_TIE = 1e-9
_MIN_TRIALS = 3


def suppression_p(
    counts: NDArray[np.int64],
    light: tuple[int, int],
    before: NDArray[np.bool_],
    *,
    starts: NDArray[np.int64] | None = None,
    n_shifts: int = 2000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """One-sided test of a lower rate in light than before it.

    Each trial is shifted circularly by its own random time; compared is the mean over trials of the rate in
    light minus the rate before. Bursts, which trials keep, do not make it significant; a slow change over the
    movie is taken out first.

    Parameters
    ----------
    counts
        (units, trials, frames) spikes.
    light
        Frames ``[on, off)`` of a trial.
    before
        (frames,): which frames are compared with them.
    starts
        (trials,) first frame of each trial; by default each begins where the last one ends.
    n_shifts
        Number of draws, the same for every unit.
    seed
        Of the random generator.

    Returns
    -------
    numpy.ndarray
        float64 (units,): ``(1 + #{shifted <= observed}) / (1 + n_shifts)``; NaN below three trials and for
        units without a spike.
    """
    from scipy.fft import irfft, rfft

    n_units, n_trials, n_frames = counts.shape
    if n_trials < _MIN_TRIALS or not before.any():
        return np.full(n_units, np.nan)
    weights = -(before.astype(np.float64) / before.sum())
    weights[light[0] : light[1]] += 1.0 / (light[1] - light[0])
    spectrum = np.conj(rfft(weights))
    steady = without_drift(counts, starts)
    shifted = irfft(rfft(steady, axis=-1) * spectrum, n=n_frames, axis=-1)
    draws = np.random.default_rng(seed).integers(0, n_frames, (n_shifts, n_trials))
    null = np.zeros((n_units, n_shifts))
    for trial in range(n_trials):
        null += shifted[:, trial, draws[:, trial]]
    observed = shifted[:, :, 0].sum(axis=1)
    slack = _TIE * np.abs(shifted).max(axis=(1, 2))
    reached = (null <= (observed + slack)[:, None]).sum(axis=1)
    silent = counts.sum(axis=(1, 2)) == 0
    return np.where(silent, np.nan, (1.0 + reached) / (1.0 + n_shifts))


@extractor(
    name="on_off",
    aliases=("step_up_5s_5i_3x", "step_up_5s_5i_b0_3x", "step_up_5s_5i_b0_30x"),
    title="ON and OFF response",
    version="2",
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
    low, high = contrast_limits(on, off, rectified=True)
    columns: dict[str, Any] = {
        "baseline_rate": found.baseline.raw_level,
        "baseline_sd": found.baseline.sd,
        **phase_columns("on", on, repeats),
        **phase_columns("off", off, repeats),
        "on_off_index": rectified_index(on.transient, off.transient),
        "on_off_index_low": low,
        "on_off_index_high": high,
        **transience_columns("on", on),
        **transience_columns("off", off),
        "suppression_index": contrast_index(light, found.baseline.raw_level),
        "suppression_p": _suppression(found, params),
        **found.quality,
        "trial_rates": found.rates.rates,
    }
    withheld = Withheld(recording.units)
    quality = found.quality["quality_p"]
    why = [no_response(p) for p in quality]
    index = ("on_off_index", "on_off_index_low", "on_off_index_high")
    repeated, suppressed = granted(quality, params.alpha), granted(columns["suppression_p"], params.alpha)
    withheld.hide(columns, index, repeated, why)
    withheld.hide(columns, ("suppression_index",), repeated | suppressed, why)
    responds = (on.responds & (on.transient > 0)) | (off.responds & (off.transient > 0))
    withheld.hide(columns, index, responds | (params.alpha >= EVERYTHING), "neither transient is a response")
    withhold_phases(withheld, columns, ("on", "off"), quality, params.alpha)
    withheld.explain(columns, _REASONS)
    return FeatureTable(
        units=columns,
        reasons=withheld.reasons,
        notes={"movie": found.trials.movie, "n_trials": found.rates.n_trials},
        marks=drift_marks(recording, found.rates),
    )


def _suppression(found: LightSteps, params: OnOffParams) -> NDArray[np.float64]:
    """Light against the dark before it, without the response to light off (a trial follows the last one)."""
    on, off, _ = found.windows[0]
    before = np.ones(found.trials.length, np.bool_)
    before[on : min(off + round(params.transient_s / found.rates.frame_duration), len(before))] = False
    return suppression_p(
        found.rates.counts,
        (on, off),
        before,
        starts=found.rates.starts,
        n_shifts=params.n_draws,
        seed=params.seed,
    )
