"""spots: area summation, the response to spots of several sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.confidence import fieller_limits
from hdmea.features.science.level_responses import blank_frames, level_responses
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

__all__ = ["SpotsParams", "spots", "surround_suppression"]

_MIN_REPETITIONS = 3


class SpotsParams(RateParams):
    """Parameters of the feature `spots`."""


_OUTPUTS = (
    Output(
        "spot_diameters",
        "Diameters of the spots",
        "px",
        (0, None),
        "diameters, ascending",
        shape=("levels",),
        per="recording",
    ),
    Output("blank_rate", "Maintained rate", "Hz", (0, None), "mean rate between the spots"),
    Output(
        "area_response",
        "Response to size",
        "Hz",
        (None, None),
        "mean rate during each spot minus the maintained rate",
        shape=("levels",),
    ),
    Output(
        "area_response_sem",
        "SEM of the response to size",
        "Hz",
        (0, None),
        "standard error over repetitions",
        shape=("levels",),
    ),
    Output("peak_diameter", "Diameter of the largest response", "px", (0, None), "of the largest response"),
    Output(
        "surround_suppression",
        "Surround suppression",
        "",
        (None, None),
        "1 − response to the largest spot / largest response",
        interval=True,
        test="quality_p",
        n="n_trials",
    ),
    *quality_outputs(9),
)
_REASONS = {
    "area_response_sem": "fewer than two repetitions",
    "_low": "no interval: fewer than three repetitions, or the largest response may be 0",
    "_high": "no interval: fewer than three repetitions, or the largest response may be 0",
    "peak_diameter": "no positive response",
    "surround_suppression": "no positive response",
    "quality_index": "fewer than two trials, or no spike",
    "quality_p": "fewer than two trials, or no spike",
}


@extractor(
    name="spots",
    title="Spots",
    version="1",
    params=SpotsParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("spots"),
    ),
    outputs=_OUTPUTS,
)
def spots(recording: Recording, params: SpotsParams) -> FeatureTable:
    """Response to each size, the size of the largest response, and how far larger spots suppress it.

    The definition has events ``spot`` with a `diameter` in pixels of the movie.
    """
    trials = movie_trials(recording, "spots", params.movie)
    rates = rates_of(recording, trials, params)
    blank = blank_frames(trials.length, trials.definition.events, rates.frame_duration)
    found = level_responses(rates, trials.events("spot"), "diameter", blank)
    mean = found.mean
    suppression, low, high = surround_suppression(found.trials)
    columns: dict[str, Any] = {
        "blank_rate": found.blank,
        "area_response": mean,
        "area_response_sem": found.sem,
        "peak_diameter": np.where(mean.max(axis=1) > 0, found.levels[mean.argmax(axis=1)], np.nan),
        "surround_suppression": suppression,
        "surround_suppression_low": low,
        "surround_suppression_high": high,
        **quality_columns(rates, params),
    }
    withheld = Withheld(recording.units)
    quality = columns["quality_p"]
    names = ("peak_diameter", *(f"surround_suppression{end}" for end in ("", "_low", "_high")))
    withheld.hide(columns, names, granted(quality, params.alpha), [no_response(p) for p in quality])
    withheld.explain(columns, _REASONS)
    return FeatureTable(
        units=columns,
        recording={"spot_diameters": found.levels},
        reasons=withheld.reasons,
        notes={"movie": trials.movie, "n_repetitions": found.trials.shape[1]},
        marks=drift_marks(recording, rates),
    )


def surround_suppression(
    trials: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Part of the largest response that is missing from the response to the largest spot.

    Parameters
    ----------
    trials
        (units, repetitions, sizes) evoked rates, Hz, ascending sizes.

    Returns
    -------
    suppression, low, high
        float64 (units,), with Fieller's limits of the quotient of the means over repetitions. NaN without a
        positive response; limits also below three repetitions and where the largest response may be 0.
    """
    mean, units, n = trials.mean(axis=1), np.arange(len(trials)), trials.shape[1]
    peak = mean.argmax(axis=1)
    largest = mean[units, peak]
    quotient = np.divide(mean[:, -1], largest, out=np.full(len(units), np.nan), where=largest > 0)
    if n < _MIN_REPETITIONS:
        nan = np.full(len(units), np.nan)
        return 1.0 - quotient, nan, nan.copy()
    last, best = trials[:, :, -1], trials[units, :, peak]
    apart, own = (x - x.mean(axis=1, keepdims=True) for x in (last, best))
    low, high = fieller_limits(
        last.mean(axis=1),
        best.mean(axis=1),
        var_a=last.var(axis=1, ddof=1) / n,
        var_b=best.var(axis=1, ddof=1) / n,
        covariance=(apart * own).sum(axis=1) / (n * (n - 1)),
        degrees=n - 1,
    )
    bounded = np.isfinite(low) & np.isfinite(high)
    return 1.0 - quotient, np.where(bounded, 1 - high, np.nan), np.where(bounded, 1 - low, np.nan)
