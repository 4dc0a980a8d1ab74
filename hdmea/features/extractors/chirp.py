"""chirp: response to sines of several frequencies (steps of frequency, not a chirp; the name is kept)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.features.extractor import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.light_steps import (
    QUALITY_OUTPUTS,
    RateParams,
    quality_columns,
    rates_of,
    reasons_where,
)
from hdmea.features.science.movie_trials import FRAMES, movie_trials, trials_requirement
from hdmea.features.science.sine_fit import SineFit, bootstrap_amplitudes, fit_sine, frequency_response
from hdmea.features.science.trial_rates import TrialRates
from hdmea.stimuli.definition import StimulusEvent

__all__ = ["ChirpParams", "chirp", "settling_frames"]


class ChirpParams(RateParams):
    """Parameters of the feature `chirp`."""

    settle_frames: int = Field(
        60,
        ge=0,
        title="Settling",
        description="Frames left out at the start of each frequency, where whole cycles remain.",
        json_schema_extra={"unit": "frames"},
    )
    n_bootstrap: int = Field(1000, ge=100, title="Resamples", json_schema_extra={"advanced": True})
    confidence: float = Field(
        0.9,
        gt=0,
        lt=1,
        title="Confidence",
        description="Of the bootstrap intervals, which must lie apart for a preferred frequency.",
    )
    alpha: float = Field(
        0.01,
        gt=0,
        lt=1,
        title="Significance",
        description="Largest p value of the largest amplitude, for all frequencies together.",
    )


def _per_frequency(
    name: str, unit: str, limits: tuple[float | None, float | None], definition: str
) -> Output:
    return Output(name, "float64", ("frequencies",), unit, limits, definition)


_OUTPUTS = (
    Output(
        "chirp_frequencies",
        "float64",
        ("frequencies",),
        "Hz",
        (0, None),
        "frequencies of the sines, in the order of the stimulus",
        per="recording",
    ),
    _per_frequency(
        "amplitude", "Hz", (0, None), "amplitude of the sine in the mean rate, corrected for the bin"
    ),
    _per_frequency("amplitude_low", "Hz", (0, None), "lower end of its bootstrap interval"),
    _per_frequency("amplitude_high", "Hz", (0, None), "upper end of its bootstrap interval"),
    _per_frequency("amplitude_p", "", (0, 1), "F test of the two coefficients of the sine"),
    _per_frequency("phase", "rad", (-np.pi, np.pi), "phase of the sine; 0 rises at the start of the step"),
    _per_frequency("offset", "Hz", (0, None), "mean rate"),
    _per_frequency("r2", "", (0, 1), "share of the mean rate's variance that the sine explains"),
    _per_frequency("f2", "Hz", (0, None), "amplitude at twice the frequency, corrected for the bin"),
    _per_frequency("f2_f1", "", (0, None), "f2 / amplitude"),
    Output(
        "preferred_frequency",
        "float64",
        (),
        "Hz",
        (0, None),
        "frequency of the largest amplitude, if it is significant and apart from the second",
    ),
    Output(
        "cutoff_frequency",
        "float64",
        (),
        "Hz",
        (0, None),
        "where the amplitude falls to half above its maximum, interpolated in log frequency",
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
    "amplitude_p": "no spike",
    "phase": "no modulation",
    "r2": "the mean rate is constant",
    "f2_f1": "no amplitude at the frequency itself",
    "preferred_frequency": "the largest amplitude is not significant, or not apart from the second",
    "cutoff_frequency": "the largest amplitude is not significant, or it does not fall to half",
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials",
}


def settling_frames(event: StimulusEvent, frame_rate: float, settle: int) -> int:
    """Frames of a sine to leave out at its start.

    Parameters
    ----------
    event
        A sine of the stimulus.
    frame_rate
        Display frames per second.
    settle
        Frames to leave out if a whole number of cycles remains; else none is left out.
    """
    remaining = event.end_frame - event.start_frame - settle
    cycles = remaining / frame_rate * float(event.frequency_hz or 0.0)
    # A display is off its nominal rate by less than this.
    whole = round(cycles) >= 1 and abs(cycles - round(cycles)) < 0.01 * cycles + 0.05
    return settle if whole else 0


@extractor(
    name="chirp",
    aliases=("freq_step_5st_3x",),
    title="Frequency response",
    version="1",
    params=ChirpParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("freq_step"),
    ),
    outputs=_OUTPUTS,
)
def chirp(recording: Recording, params: ChirpParams) -> FeatureTable:
    """Amplitude and phase of the response to a sine of each frequency, and what they amount to."""
    trials = movie_trials(recording, "freq_step", params.movie)
    events = trials.events("sine")
    rates = rates_of(recording, trials, params)
    fits, low, high = _fits(rates, events, params)
    frequencies = np.array([event.frequency_hz for event in events], np.float64)
    amplitude = np.stack([fit.amplitude for fit in fits], axis=1)
    p = np.stack([fit.p for fit in fits], axis=1)
    response = frequency_response(frequencies, amplitude, p, low, high, alpha=params.alpha)
    columns = {
        "amplitude": amplitude,
        "amplitude_low": low,
        "amplitude_high": high,
        "amplitude_p": p,
        "phase": np.stack([fit.phase for fit in fits], axis=1),
        "offset": np.stack([fit.offset for fit in fits], axis=1),
        "r2": np.stack([fit.r2 for fit in fits], axis=1),
        "f2": np.stack([fit.f2 for fit in fits], axis=1),
        "f2_f1": np.stack([fit.f2_f1 for fit in fits], axis=1),
        "preferred_frequency": response.preferred_frequency,
        "cutoff_frequency": response.cutoff_frequency,
        **quality_columns(rates, params),
        "trial_rates": rates.rates,
    }
    return FeatureTable(
        units=columns,
        recording={"chirp_frequencies": frequencies},
        reasons=reasons_where(recording, columns, _REASONS),
        notes={"movie": trials.movie, "n_trials": rates.n_trials},
    )


def _fits(
    rates: TrialRates, events: Sequence[StimulusEvent], params: ChirpParams
) -> tuple[list[SineFit], NDArray[np.float64], NDArray[np.float64]]:
    """Fit and bootstrap interval (units, frequencies) of every sine."""
    fits, intervals = [], []
    tail = (1 - params.confidence) / 2
    for index, event in enumerate(events):
        frequency = float(event.frequency_hz or 0.0)
        skip = settling_frames(event, 1.0 / rates.frame_duration, params.settle_frames)
        cut = rates.rates[:, :, event.start_frame + skip : event.end_frame]
        fit = fit_sine(cut, frequency, rates.frame_duration, skip)
        generator = np.random.default_rng([params.seed, index])
        draws = generator.integers(0, cut.shape[-1], (params.n_bootstrap, cut.shape[-1]))
        resampled = bootstrap_amplitudes(fit, frequency, rates.frame_duration, skip, draws)
        fits.append(fit)
        intervals.append(np.quantile(resampled, (tail, 1 - tail), axis=1))
    low, high = np.stack(intervals, axis=-1)
    return fits, low, high
