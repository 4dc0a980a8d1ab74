"""chirp: response to sines of several frequencies (steps of frequency; the name is kept for scripts)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.light_steps import (
    RateParams,
    drift_marks,
    quality_columns,
    quality_outputs,
    rates_of,
)
from hdmea.features.science.movie_trials import FRAMES, movie_trials, trials_requirement
from hdmea.features.science.sine_fit import FrequencyResponse, SineFit, fit_sine, frequency_response
from hdmea.features.science.tickets import Withheld
from hdmea.features.science.trial_rates import TrialRates, measured_frame_rate
from hdmea.stimuli.definition import StimulusEvent

__all__ = ["NOMINAL_FRAME_RATE", "ChirpParams", "chirp", "settling_frames"]

NOMINAL_FRAME_RATE = 60.0
"""Frames per second for which stimulus definitions state frequencies; a movie has cycles per frame."""
_WHOLE = 1e-6


class ChirpParams(RateParams):
    """Parameters of the feature `chirp`."""

    settle_frames: int = Field(
        60,
        ge=0,
        title="Settling",
        description="Least number of frames skipped at the start of each frequency; whole cycles are used.",
        json_schema_extra={"unit": "frames"},
    )


def _per_frequency(
    name: str, title: str, unit: str, limits: tuple[float | None, float | None], definition: str
) -> Output:
    amplitude = name == "amplitude"
    n = "n_trials" if amplitude else ""
    return Output(
        name, title, unit, limits, definition, shape=("frequencies",), interval=amplitude, test=amplitude, n=n
    )


_OUTPUTS = (
    Output(
        "chirp_frequencies",
        "Frequencies of the sine steps",
        "Hz",
        (0, None),
        "frequencies of the sines as they were shown, in the order of the stimulus",
        shape=("frequencies",),
        per="recording",
    ),
    _per_frequency(
        "amplitude",
        "Amplitude",
        "Hz",
        (0, None),
        "amplitude of the sine, without its bias, corrected for the bin",
    ),
    _per_frequency(
        "amplitude_p",
        "p of the amplitude",
        "",
        (0, 1),
        "p value by how well trials agree (F test of complex amplitudes)",
    ),
    _per_frequency(
        "phase", "Phase", "rad", (-np.pi, np.pi), "phase of the sine; 0 rises at the start of the step"
    ),
    _per_frequency("offset", "Mean rate", "Hz", (0, None), "mean rate"),
    _per_frequency("r2", "R²", "", (0, 1), "share of the mean rate's variance that the sine explains"),
    _per_frequency("f2", "F2", "Hz", (0, None), "amplitude at twice the frequency, likewise"),
    _per_frequency("f2_f1", "F2/F1", "", (0, None), "f2 / amplitude"),
    Output(
        "preferred_frequency",
        "Preferred frequency",
        "Hz",
        (0, None),
        "frequency of the largest amplitude, if it is significant and apart from the second",
    ),
    Output(
        "cutoff_frequency",
        "Cut-off frequency",
        "Hz",
        (0, None),
        "where the amplitude falls to half above its maximum, interpolated in log frequency",
    ),
    *quality_outputs(1),
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
    "amplitude_p": "no spike, or fewer than three trials",
    "amplitude_low": "no interval: fewer than three trials",
    "amplitude_high": "no interval: fewer than three trials",
    "phase": "no modulation",
    "r2": "the mean rate is constant",
    "f2_f1": "the amplitude at the frequency itself may be 0",
    "preferred_frequency": "the largest amplitude is not apart from the second",
    "cutoff_frequency": "the amplitude does not fall to half",
    "quality_index": "fewer than two trials, or no spike",
    "quality_index_chance": "fewer than two trials",
    "quality_p": "fewer than two trials, or no spike",
}


def settling_frames(event: StimulusEvent, settle: int) -> int:
    """Frames of a sine to leave out at its start.

    Parameters
    ----------
    event
        A sine of the stimulus.
    settle
        Fewest frames to leave out; more are, so that the rest is a whole number of cycles. None is if not a
        single cycle remains.
    """
    length = event.end_frame - event.start_frame
    cycle = NOMINAL_FRAME_RATE / float(event.frequency_hz or 1.0)
    cycles = np.floor((length - settle) / cycle + _WHOLE)
    return max(round(length - cycles * cycle), 0) if cycles >= 1 else 0


@extractor(
    name="chirp",
    aliases=("freq_step_5st_3x",),
    title="Frequency steps",
    version="2",
    params=ChirpParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        trials_requirement("freq_step"),
    ),
    outputs=_OUTPUTS,
)
def chirp(recording: Recording, params: ChirpParams) -> FeatureTable:
    """Amplitude and phase of the response to a sine of each frequency, and what they amount to.

    A movie has cycles per display frame; frequencies are converted with the frame rate that was measured.
    """
    trials = movie_trials(recording, "freq_step", params.movie)
    events = trials.events("sine")
    rates = rates_of(recording, trials, params)
    per_frame = np.array([event.frequency_hz for event in events], np.float64) / NOMINAL_FRAME_RATE
    shown = measured_frame_rate(
        recording.metadata["frame_timestamps"], trials.frames, recording.acquisition_rate
    )
    fits, seconds = _fits(rates, events, per_frame, params)

    def stacked(name: str) -> NDArray[np.float64]:
        return np.stack([getattr(fit, name) for fit in fits], axis=1)

    amplitude, p, offset = stacked("amplitude"), stacked("p"), stacked("offset")
    response = frequency_response(
        per_frame * shown,
        amplitude,
        p,
        stacked("amplitude_se"),
        variance_share=np.maximum(offset, 0.0) / seconds,
        degrees=2 * (rates.n_trials - 1),
        alpha=params.alpha,
    )
    columns: dict[str, Any] = {
        "amplitude": amplitude,
        "amplitude_low": stacked("amplitude_low"),
        "amplitude_high": stacked("amplitude_high"),
        "amplitude_p": p,
        **{name: stacked(name) for name in ("phase", "offset", "r2", "f2", "f2_f1")},
        "preferred_frequency": response.preferred_frequency,
        "cutoff_frequency": response.cutoff_frequency,
        **quality_columns(rates, params),
        "trial_rates": rates.rates,
    }
    return FeatureTable(
        units=columns,
        recording={"chirp_frequencies": per_frame * shown},
        reasons=_withheld(recording, columns, response, params).reasons,
        notes={"movie": trials.movie, "n_trials": rates.n_trials, "frame_rate": shown},
        marks=drift_marks(recording, rates),
    )


def _withheld(
    recording: Recording, columns: dict[str, Any], response: FrequencyResponse, params: ChirpParams
) -> Withheld:
    """Take out phases and ratios of sines that do not exist, and say why."""
    withheld = Withheld(recording.units)
    withheld.hide(
        columns,
        ("phase", "f2_f1"),
        response.significant,
        f"no significant response to this frequency (Holm, {params.alpha:g})",
    )
    some = np.asarray(response.significant.any(axis=1))
    names = ("preferred_frequency", "cutoff_frequency")
    withheld.hide(columns, names, some, "no significant response to any frequency")
    withheld.explain(columns, _REASONS)
    return withheld


def _fits(
    rates: TrialRates, events: Sequence[StimulusEvent], per_frame: NDArray[np.float64], params: ChirpParams
) -> tuple[list[SineFit], NDArray[np.float64]]:
    """Fit of every sine, and the seconds it was fitted to."""
    fits, frames = [], []
    for event, cycles in zip(events, per_frame.tolist(), strict=True):
        skip = settling_frames(event, params.settle_frames)
        cut = rates.rates[:, :, event.start_frame + skip : event.end_frame]
        frequency = cycles / rates.frame_duration
        fits.append(fit_sine(cut, frequency, rates.frame_duration, skip))
        frames.append(cut.shape[-1])
    return fits, np.array(frames) * rates.frame_duration
