"""Responses to light steps: transient, sustained part, latency.

Pure functions on arrays, vectorised over units. Sizes are deviations from a baseline in Hz. The transient is
read from the low-passed mean trace, the latency from the unfiltered one: a zero-phase filter puts a
response before its cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.trial_rates import TrialRates
from hdmea.utils.giving_way import giving_way

__all__ = [
    "Baseline",
    "StepResponse",
    "baseline_of",
    "contrast_index",
    "opposite_signs",
    "rectified_index",
    "step_response",
    "transience",
]

_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Baseline:
    """Activity before the first step; all arrays (units,).

    Attributes
    ----------
    level
        Mean of the low-passed mean trace, Hz.
    sd
        Its standard deviation over time, at least the filtered height of one spike, Hz.
    raw_level, raw_sd
        Mean and standard deviation of the unfiltered mean trace, Hz.
    """

    level: NDArray[np.float64]
    sd: NDArray[np.float64]
    raw_level: NDArray[np.float64]
    raw_sd: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepResponse:
    """Response to one change of the light; all arrays (units,).

    Attributes
    ----------
    transient
        Signed deviation of the largest qualifying extremum from baseline, Hz; 0 if there is none.
    transient_time_ms
        Its time after the step; NaN if there is none.
    sustained
        Mean of the unfiltered mean trace in the last second of the phase minus baseline, Hz.
    latency_ms
        Start of the response; NaN if there is no transient or it never leaves the baseline band.
    responds
        Transient and its prominence are both large against the baseline's standard deviation.
    """

    transient: NDArray[np.float64]
    transient_time_ms: NDArray[np.float64]
    sustained: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    responds: NDArray[np.bool_]


def baseline_of(trials: TrialRates, start: int, stop: int) -> Baseline:
    """Baseline of each unit from frames ``[start, stop)`` of the trials.

    Parameters
    ----------
    trials
        Rates of the movie.
    start, stop
        Frames of a trial before the first step.
    """
    filtered, raw = trials.filtered_mean[:, start:stop], trials.mean[:, start:stop]
    return Baseline(
        level=filtered.mean(axis=-1),
        sd=np.maximum(filtered.std(axis=-1), trials.spike_height),
        raw_level=raw.mean(axis=-1),
        raw_sd=raw.std(axis=-1),
    )


def step_response(
    trials: TrialRates,
    baseline: Baseline,
    start: int,
    stop: int,
    *,
    transient_s: float = 1.0,
    sustained_s: float = 1.0,
    prominence_sd: float = 2.0,
    latency_sd: float = 3.0,
    response_sd: float = 5.0,
) -> StepResponse:
    """Response to a step at frame `start` of the trials whose phase lasts to frame `stop`.

    Parameters
    ----------
    trials, baseline
        Rates of the movie and what `baseline_of` returns for them.
    start, stop
        Frame of the step and the frame at which its phase ends.
    transient_s
        Length of the window for the transient.
    sustained_s
        Length of the window at the end of the phase for the sustained part.
    prominence_sd
        Least prominence of an extremum, in baseline standard deviations.
    latency_sd
        Width of the baseline band of the latency, in standard deviations; at least one spike's rate.
    response_sd
        Least size of a significant transient and of its prominence, in baseline standard deviations: noise
        on a response that is still decaying has the size, but not the prominence.
    """
    window = min(start + max(round(transient_s / trials.frame_duration), 1), stop)
    transient, frame, prominence = _largest_extremum(
        trials.filtered_mean, baseline.level, prominence_sd * baseline.sd, start, window
    )
    last = max(stop - max(round(sustained_s / trials.frame_duration), 1), start)
    band = np.maximum(latency_sd * baseline.raw_sd, trials.spike_rate)
    latency = _latency(trials.mean - baseline.raw_level[:, None], np.sign(transient), band, start, window)
    to_ms = 1000.0 * trials.frame_duration
    return StepResponse(
        transient=transient,
        transient_time_ms=(frame - start + 0.5) * to_ms,
        sustained=trials.mean[:, last:stop].mean(axis=-1) - baseline.raw_level,
        latency_ms=latency * to_ms,
        responds=np.minimum(np.abs(transient), prominence) >= response_sd * baseline.sd * (1 - _TIE),
    )


def rectified_index(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (a - b) / (a + b) of the positive parts; NaN where both vanish."""
    return contrast_index(np.maximum(a, 0.0), np.maximum(b, 0.0))


def contrast_index(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (a - b) / (abs(a) + abs(b)); NaN where both vanish."""
    size = np.abs(a) + np.abs(b)
    return np.asarray(np.divide(a - b, size, out=np.full(np.shape(size), np.nan), where=size > 0))


def transience(response: StepResponse) -> NDArray[np.float64]:
    """1 - sustained / transient; NaN without a transient."""
    quotient = np.full(response.transient.shape, np.nan)
    np.divide(response.sustained, response.transient, out=quotient, where=response.transient != 0)
    return 1.0 - quotient


def opposite_signs(a: StepResponse, b: StepResponse) -> NDArray[np.bool_]:
    """Both transients are significant, and one is an increase where the other is a decrease."""
    return np.asarray(a.responds & b.responds & (a.transient * b.transient < 0))


def _largest_extremum(
    traces: NDArray[np.float64],
    level: NDArray[np.float64],
    least_prominence: NDArray[np.float64],
    start: int,
    stop: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Deviation, frame and prominence of the local extremum within [start, stop) farthest from `level`."""
    from scipy.signal import find_peaks

    size, frame, prominence = np.zeros(len(traces)), np.full(len(traces), np.nan), np.zeros(len(traces))
    for unit, trace in enumerate(giving_way(traces)):
        # Rounding of the filter makes extrema of its own on a constant trace.
        least = max(float(least_prominence[unit]) * (1 - _TIE), 1e-9)
        for sign in (1.0, -1.0):
            peaks, facts = find_peaks(sign * trace, prominence=least)
            inside = (peaks > start) & (peaks < stop - 1)
            peaks = peaks[inside]
            deviation = sign * (trace[peaks] - level[unit])
            if deviation.size and deviation.max() > abs(size[unit]) * (1 + _TIE):
                best = int(deviation.argmax())
                size[unit], frame[unit] = sign * deviation[best], peaks[best]
                prominence[unit] = facts["prominences"][inside][best]
    return size, frame, prominence


def _latency(
    deviation: NDArray[np.float64],
    sign: NDArray[np.float64],
    band: NDArray[np.float64],
    start: int,
    stop: int,
) -> NDArray[np.float64]:
    """Bins from `start` to the first of two consecutive bins beyond the band, on the side of `sign`.

    A run of such bins that began before the step is no response to it.
    """
    first = max(start - 1, 0)
    beyond = deviation[:, first:stop] * sign[:, None] > band[:, None] * (1 + _TIE)
    pairs = beyond[:, :-1] & beyond[:, 1:]
    underway = np.logical_and.accumulate(beyond, axis=1)[:, :-1] if first < start else np.zeros_like(pairs)
    found = (pairs & ~underway)[:, start - first :]
    bins = found.argmax(axis=1).astype(np.float64)
    return np.where(found.any(axis=1) & (sign != 0), bins, np.nan)
