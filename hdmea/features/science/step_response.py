"""Responses to light steps: transient, sustained part, latency.

Pure functions on arrays, vectorised over units. Sizes are deviations from a baseline in Hz. The transient is
read from the low-passed mean trace, the latency from the unfiltered one: a zero-phase filter puts a
response before its cause.

References
----------
Hansen B. E. (2000) Sample splitting and threshold estimation. Econometrica 68: 575-603 (limits of the place
of a change).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.confidence import fieller_limits
from hdmea.features.science.trial_rates import TrialRates
from hdmea.utils.giving_way import giving_way

__all__ = [
    "Baseline",
    "StepResponse",
    "baseline_of",
    "contrast_index",
    "contrast_limits",
    "opposite_signs",
    "rectified_index",
    "step_response",
    "transience",
    "transience_limits",
]

_TIE = 1e-9
_MIN_TRIALS = 3
_FEWEST_SPIKES = 10
_HANSEN = 7.35
"""Twice the log-likelihood that may be lost at a place of change: its 95 % quantile."""


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
    latency_ms, latency_low_ms, latency_high_ms
        Start of the response; NaN if there is no transient or it never leaves the baseline band. With its
        95 % interval, NaN below three trials and ten spikes.
    responds
        Transient and its prominence are both large against the baseline's standard deviation and the error of
        the mean over trials.
    trials
        (units, trials): deviation of each trial from baseline at the time of the transient, Hz; 0 if none.
    trials_sustained
        (units, trials): the sustained part of each trial, Hz.
    unseen
        Size up to which a transient can hide, Hz: the least prominence.
    """

    transient: NDArray[np.float64]
    transient_time_ms: NDArray[np.float64]
    sustained: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    latency_low_ms: NDArray[np.float64]
    latency_high_ms: NDArray[np.float64]
    responds: NDArray[np.bool_]
    trials: NDArray[np.float64]
    trials_sustained: NDArray[np.float64]
    unseen: NDArray[np.float64]


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
    response_sem: float = 4.5,
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
        Least prominence of an extremum, in standard deviations of the baseline, and in standard errors of the
        mean over trials at the mean rate since the step, whichever is larger: neither a silent baseline nor
        many trials make the wiggles of a response that is still decaying significant.
    latency_sd
        Width of the baseline band of the latency, in standard deviations; at least one spike's rate.
    response_sd
        Least size of a significant transient and of its prominence, in baseline standard deviations: noise
        on a response that is still decaying has the size, but not the prominence.
    response_sem
        The same in standard errors of the mean over trials.
    """
    window = min(start + max(round(transient_s / trials.frame_duration), 1), stop)
    transient, frame, prominence, sem = _largest_extremum(
        trials.filtered_mean,
        baseline.level,
        baseline.sd,
        trials.mean_variance_per_hz,
        prominence_sd,
        start,
        window,
    )
    least = np.maximum(response_sd * baseline.sd, response_sem * sem)
    last = max(stop - max(round(sustained_s / trials.frame_duration), 1), start)
    band = np.maximum(latency_sd * baseline.raw_sd, trials.spike_rate)
    latency = _latency(trials.mean - baseline.raw_level[:, None], np.sign(transient), band, start, window)
    low, high = _latency_limits(trials, start, frame - start, latency)
    sustained = trials.rates[:, :, last:stop].mean(axis=-1, dtype=np.float64) - baseline.raw_level[:, None]
    to_ms = 1000.0 * trials.frame_duration
    at = np.nan_to_num(frame).astype(np.int64)
    own = trials.filtered[np.arange(len(at)), :, at] - baseline.level[:, None]
    return StepResponse(
        transient=transient,
        transient_time_ms=(frame - start + 0.5) * to_ms,
        sustained=trials.mean[:, last:stop].mean(axis=-1) - baseline.raw_level,
        latency_ms=latency * to_ms,
        latency_low_ms=low * to_ms,
        latency_high_ms=high * to_ms,
        responds=np.minimum(np.abs(transient), prominence) >= least * (1 - _TIE),
        trials=np.where(np.isnan(frame)[:, None], 0.0, own),
        trials_sustained=sustained,
        unseen=prominence_sd * baseline.sd,
    )


def contrast_limits(
    a: StepResponse, b: StepResponse, *, rectified: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits of the 95 % interval of `rectified_index` or `contrast_index` of two transients.

    Fieller's limits of the quotient of the means over trials. A transient that was not seen is one of a size
    up to what can hide.

    Parameters
    ----------
    a, b
        The responses.
    rectified
        Take the positive parts.

    Returns
    -------
    low, high
        Within -1 and 1; NaN below three trials, and where neither is there.
    """
    n_units, n_trials = a.trials.shape
    nan = np.full(n_units, np.nan)
    if n_trials < _MIN_TRIALS:
        return nan, nan.copy()
    first, second = (r.trials * (r.transient > 0)[:, None] if rectified else r.trials for r in (a, b))
    size = np.sign(first.mean(axis=1))[:, None] * first + np.sign(second.mean(axis=1))[:, None] * second
    difference = first - second
    low, high = fieller_limits(
        difference.mean(axis=1),
        size.mean(axis=1),
        var_a=difference.var(axis=1, ddof=1) / n_trials,
        var_b=size.var(axis=1, ddof=1) / n_trials,
        covariance=_covariance(difference, size) / n_trials,
        degrees=n_trials - 1,
    )
    # The largest of both could be hidden in the other.
    hidden = _hidden(first.mean(axis=1), second.mean(axis=1), a.unseen, b.unseen)
    low, high = np.fmin(low, hidden), np.fmax(high, hidden)
    none = size.mean(axis=1) == 0
    low, high = (np.where(none, np.nan, np.clip(limit, -1.0, 1.0)) for limit in (low, high))
    return low, high


def _covariance(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    deviations = (x - x.mean(axis=1, keepdims=True)) * (y - y.mean(axis=1, keepdims=True))
    return np.asarray(deviations.sum(axis=1) / (x.shape[1] - 1))


def _hidden(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    hidden_a: NDArray[np.float64],
    hidden_b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Index with the transient that was not seen as large as can be; NaN if both, or none, were seen."""
    index = np.where(
        b == 0,
        contrast_index(a, np.minimum(hidden_b, np.abs(a))),
        contrast_index(np.minimum(hidden_a, np.abs(b)), b),
    )
    return np.where((a == 0) != (b == 0), index, np.nan)


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


def transience_limits(response: StepResponse) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits of the 95 % interval of `transience`: Fieller's, of the means over trials.

    Returns
    -------
    low, high
        NaN below three trials and without a transient; infinite where the transient may be 0.
    """
    peak, level = response.trials, response.trials_sustained
    n = peak.shape[1]
    if n < _MIN_TRIALS:
        nan = np.full(len(peak), np.nan)
        return nan, nan.copy()
    low, high = fieller_limits(
        level.mean(axis=1),
        peak.mean(axis=1),
        var_a=level.var(axis=1, ddof=1) / n,
        var_b=peak.var(axis=1, ddof=1) / n,
        covariance=_covariance(level, peak) / n,
        degrees=n - 1,
    )
    none = response.transient == 0
    return np.where(none, np.nan, 1.0 - high), np.where(none, np.nan, 1.0 - low)


def opposite_signs(a: StepResponse, b: StepResponse) -> NDArray[np.bool_]:
    """Both transients are significant, and one is an increase where the other is a decrease."""
    return np.asarray(a.responds & b.responds & (a.transient * b.transient < 0))


def _largest_extremum(
    traces: NDArray[np.float64],
    level: NDArray[np.float64],
    sd: NDArray[np.float64],
    variance_per_hz: NDArray[np.float64],
    prominence_sd: float,
    start: int,
    stop: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Deviation, frame and prominence of the local extremum within [start, stop) farthest from `level`.

    Last comes the standard error of the mean over trials at the mean rate from the step to it.
    """
    from scipy.signal import find_peaks

    size, prominence, sem = np.zeros((3, len(traces)))
    frame = np.full(len(traces), np.nan)
    for unit, trace in enumerate(giving_way(traces)):
        # Rounding of the filter makes extrema of its own on a constant trace.
        least = max(float(prominence_sd * sd[unit]) * (1 - _TIE), 1e-9)
        for sign in (1.0, -1.0):
            peaks, facts = find_peaks(sign * trace, prominence=least)
            inside = (peaks > start) & (peaks < stop - 1)
            peaks, heights = peaks[inside], facts["prominences"][inside]
            # What stands out must have come after the step: the last wiggle of a plateau has not.
            since = np.minimum.accumulate(sign * trace[start:stop])
            heights = np.minimum(heights, sign * trace[peaks] - since[peaks - start])
            rate = np.cumsum(trace[start:stop])[peaks - start] / (peaks - start + 1)
            errors = np.sqrt(variance_per_hz[unit] * np.maximum(rate, 0.0))
            stands_out = heights >= np.maximum(least, prominence_sd * errors * (1 - _TIE))
            peaks, heights, errors = peaks[stands_out], heights[stands_out], errors[stands_out]
            deviation = sign * (trace[peaks] - level[unit])
            if deviation.size and deviation.max() > abs(size[unit]) * (1 + _TIE):
                best = int(deviation.argmax())
                size[unit], frame[unit] = sign * deviation[best], peaks[best]
                prominence[unit], sem[unit] = heights[best], errors[best]
    return size, frame, prominence, sem


def _latency(
    deviation: NDArray[np.float64],
    sign: NDArray[np.float64],
    band: NDArray[np.float64],
    start: int,
    stop: int,
) -> NDArray[np.float64]:
    """Bins from `start` to the first of two consecutive bins beyond the band, on the side of `sign`.

    A run of such bins that began before the step is not a response to it.
    """
    first = max(start - 1, 0)
    beyond = deviation[:, first:stop] * sign[:, None] > band[:, None] * (1 + _TIE)
    pairs = beyond[:, :-1] & beyond[:, 1:]
    underway = np.logical_and.accumulate(beyond, axis=1)[:, :-1] if first < start else np.zeros_like(pairs)
    found = (pairs & ~underway)[:, start - first :]
    bins = found.argmax(axis=1).astype(np.float64)
    return np.where(found.any(axis=1) & (sign != 0), bins, np.nan)


def _latency_limits(
    trials: TrialRates, start: int, peak: NDArray[np.float64], latency: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits of the latency in bins: where the rate can have changed between the step and the transient.

    Likelihood of a change from the mean rate of the second before the step to the mean rate up to the
    transient, bin by bin, with Hansen's limit for the place of a change. The variance over trials is taken to
    be proportional to the mean. A change within a bin is seen in that bin or the next.
    """
    low, high = np.full((2, len(latency)), np.nan)
    before = min(start, max(round(1.0 / trials.frame_duration), 1))
    some = np.flatnonzero(np.isfinite(latency))
    if trials.n_trials < _MIN_TRIALS or not some.size or not before:
        return low, high
    counts = trials.counts[some]
    stop = start + int(peak[some].max()) + 1
    within = np.arange(stop - start)
    n = np.where(within <= peak[some, None], counts[:, :, start:stop].sum(axis=1), 0)
    base = (counts[:, :, start - before : start].sum(axis=(1, 2)) + 0.5) / before
    until = np.cumsum(n, axis=1)
    after = until[:, -1:] - until + n
    rest = peak[some, None] + 1 - within
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.where(after > 0, after / rest, 1.0)
        likelihood = (until - n) * np.log(base)[:, None] - within * base[:, None]
        likelihood += after * np.log(level) - np.where(after > 0, after, 0)
    likelihood[within > peak[some, None]] = -np.inf
    mean = counts.mean(axis=1).sum(axis=1)
    factor = np.maximum(counts.var(axis=1, ddof=1).sum(axis=1) / np.where(mean > 0, mean, 1.0), 1.0)
    possible = 2 * (likelihood.max(axis=1, keepdims=True) - likelihood) <= _HANSEN * factor[:, None]
    first, last = possible.argmax(axis=1), possible.shape[1] - 1 - possible[:, ::-1].argmax(axis=1)
    enough = counts[:, :, start:stop].sum(axis=(1, 2)) >= _FEWEST_SPIKES
    low[some] = np.where(enough, np.minimum(np.maximum(first - 1, 0), latency[some]), np.nan)
    high[some] = np.where(enough, np.maximum(last + 1, latency[some]), np.nan)
    return low, high
