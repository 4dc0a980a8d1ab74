"""euler_chirp: full-field chirp with a ramp of frequency and a ramp of contrast (Baden et al. 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.level_responses import event_number, half_level
from hdmea.features.science.light_steps import (
    RateParams,
    drift_marks,
    no_response,
    quality_columns,
    quality_outputs,
    rates_of,
)
from hdmea.features.science.movie_trials import FRAMES, movie_trials, trials_requirement
from hdmea.features.science.sine_fit import SineFit, fit_wave
from hdmea.features.science.tickets import Withheld, granted
from hdmea.features.science.trial_rates import measured_frame_rate
from hdmea.stimuli.definition import StimulusEvent

__all__ = ["EulerChirpParams", "euler_chirp"]

_NOMINAL_RATE = 60.0


class EulerChirpParams(RateParams):
    """Parameters of the feature `euler_chirp`."""

    window_frames: int = Field(
        60,
        ge=12,
        title="Window",
        description="Length of the parts of each ramp.",
        json_schema_extra={"unit": "frames"},
    )


_OUTPUTS = (
    Output(
        "euler_chirp_frequencies",
        "Frequencies of the ramp",
        "Hz",
        (0, None),
        "mean frequency of each window of the frequency ramp, as shown",
        shape=("windows",),
        per="recording",
    ),
    Output(
        "euler_chirp_contrasts",
        "Contrasts of the ramp",
        "",
        (0, 1),
        "mean contrast of each window of the contrast ramp",
        shape=("windows",),
        per="recording",
    ),
    Output(
        "mean_rate",
        "Mean rate",
        "Hz",
        (0, None),
        "mean over trials of the unfiltered rate",
        dtype="float32",
        shape=("frames",),
    ),
    *(
        output
        for ramp in ("frequency", "contrast")
        for output in (
            Output(
                f"{ramp}_amplitude",
                f"Amplitude over {ramp}",
                "Hz",
                (0, None),
                f"F1 along the ramp of {ramp}, without its bias",
                shape=("windows",),
                interval=True,
                test=True,
                n="n_trials",
            ),
            Output(
                f"{ramp}_amplitude_p",
                f"p of the amplitude over {ramp}",
                "",
                (0, 1),
                "p value by how well trials agree (F test)",
                shape=("windows",),
            ),
        )
    ),
    Output(
        "half_contrast",
        "Contrast of half the response",
        "",
        (0, 1),
        "contrast at which F1 reaches half of its largest value, interpolated",
    ),
    Output(
        "peak_frequency",
        "Frequency of the largest response",
        "Hz",
        (0, None),
        "of the largest F1 of the ramp",
    ),
    *quality_outputs(6),
)
_REASONS = {
    "_low": "no interval: fewer than three trials",
    "_high": "no interval: fewer than three trials",
    "_amplitude_p": "no spike, or fewer than three trials",
    "half_contrast": "no response to the contrast ramp",
    "peak_frequency": "no response to the frequency ramp",
    "quality_index": "fewer than two trials, or no spike",
    "quality_p": "fewer than two trials, or no spike",
}


@extractor(
    name="euler_chirp",
    title="Chirp",
    version="1",
    params=EulerChirpParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("euler_chirp"),
    ),
    outputs=_OUTPUTS,
)
def euler_chirp(recording: Recording, params: EulerChirpParams) -> FeatureTable:
    """Mean trace, F1 along the ramp of frequency, and the response along the ramp of contrast.

    The definition has an event ``frequency_ramp`` (`start_frequency_hz`, `end_frequency_hz`) and an event
    ``contrast_ramp`` (`frequency_hz`, `start_contrast`, `end_contrast`); frequencies are nominal, at 60
    frames/s.
    """
    trials = movie_trials(recording, "euler_chirp", params.movie)
    rates = rates_of(recording, trials, params)
    flips = recording.metadata["frame_timestamps"]
    shown = measured_frame_rate(flips, trials.frames, recording.acquisition_rate) / _NOMINAL_RATE
    frequencies, over_frequency = _ramp(rates.rates, trials.events("frequency_ramp")[0], params.window_frames)
    contrasts, over_contrast = _ramp(rates.rates, trials.events("contrast_ramp")[0], params.window_frames)
    columns: dict[str, Any] = {"mean_rate": rates.mean.astype(np.float32)}
    for name, fits in (("frequency", over_frequency), ("contrast", over_contrast)):
        for end, attribute in (
            ("", "amplitude"),
            ("_low", "amplitude_low"),
            ("_high", "amplitude_high"),
            ("_p", "p"),
        ):
            values = np.stack([getattr(fit, attribute) for fit in fits], axis=1)
            columns[f"{name}_amplitude{end}"] = values
    columns["half_contrast"] = half_level(contrasts, columns["contrast_amplitude"])
    peak = columns["frequency_amplitude"].argmax(axis=1)
    largest = columns["frequency_amplitude"].max(axis=1)
    columns["peak_frequency"] = np.where(largest > 0, frequencies[peak] * shown, np.nan)
    columns |= quality_columns(rates, params)
    withheld = Withheld(recording.units)
    quality = columns["quality_p"]
    names = ("half_contrast", "peak_frequency")
    withheld.hide(columns, names, granted(quality, params.alpha), [no_response(p) for p in quality])
    withheld.explain(columns, _REASONS)
    return FeatureTable(
        units=columns,
        recording={"euler_chirp_frequencies": frequencies * shown, "euler_chirp_contrasts": contrasts},
        reasons=withheld.reasons,
        notes={"movie": trials.movie, "n_trials": rates.n_trials},
        marks=drift_marks(recording, rates),
    )


def _ramp(
    rates: NDArray[np.float32], event: StimulusEvent, window: int
) -> tuple[NDArray[np.float64], list[SineFit]]:
    """Mean frequency or contrast of each window of a ramp, and the fit to the wave in it."""
    n = event.end_frame - event.start_frame
    seconds = (np.arange(n) + 0.5) / _NOMINAL_RATE
    share = (np.arange(n) + 0.5) / n
    if event.type == "frequency_ramp":
        first, last = event_number(event, "start_frequency_hz"), event_number(event, "end_frequency_hz")
        level = first + (last - first) * share
        phase = 2 * np.pi * (first * seconds + 0.5 * (last - first) * share * seconds)
        frequency = level
    else:
        first, last = event_number(event, "start_contrast"), event_number(event, "end_contrast")
        level = first + (last - first) * share
        frequency = np.full(n, event_number(event, "frequency_hz"))
        phase = 2 * np.pi * frequency * seconds
    phase = np.asarray(phase, np.float64)
    levels, fits = [], []
    for begin in range(0, n - window + 1, window):
        part = slice(begin, begin + window)
        levels.append(float(level[part].mean()))
        gain = float(np.sinc(frequency[part].mean() / _NOMINAL_RATE))
        cut = rates[:, :, event.start_frame + begin : event.start_frame + begin + window]
        fits.append(fit_wave(cut, np.asarray(phase[part], np.float64), gain))
    return np.array(levels, np.float64), fits
