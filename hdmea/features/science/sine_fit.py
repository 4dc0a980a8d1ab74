"""Sines of known frequency in trial rates: amplitude, phase, harmonics, significance, preferred frequency.

Pure functions on arrays, vectorised over units. The trials are what is repeated: each has a complex amplitude
of its own, and errors and p values come from how these differ. A test against the residuals of single bins
calls every other unit significant whose spikes come in bursts. (Random phases of the trials hold as well, but
with three trials at ten standard errors p is still 0.005, and spikes in few bins of a cycle have equal phases
too often.)

References
----------
Gudbjartsson H., Patz S. (1995) The Rician distribution of noisy MRI data. Magn. Reson. Med. 34: 910-914 (the
length of a noisy vector without its bias).
Hochstein S., Shapley R. M. (1976) Linear and nonlinear spatial subunits in Y cat retinal ganglion cells.
J. Physiol. 262: 265-284 (second harmonic).
Holm S. (1979): see `hdmea.features.science.multiple_testing`.
Victor J. D., Mast J. (1991): see `hdmea.features.science.confidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.confidence import length_limits
from hdmea.features.science.multiple_testing import holm
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["FrequencyResponse", "SineFit", "fit_sine", "fit_wave", "frequency_response"]

_TIE = 1e-9
_MIN_TRIALS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SineFit:
    """Sine of one frequency in the trials of several units; all arrays (units,).

    Attributes
    ----------
    amplitude
        Of the rate itself, Hz: length of the mean over trials of the complex amplitudes, without the bias
        that noise gives a length, corrected for the averaging over a bin.
    amplitude_low, amplitude_high
        Limits of its 95 % interval; NaN below three trials.
    amplitude_se
        Standard error of each component of the mean complex amplitude, Hz; NaN below two trials.
    phase
        Radians, (-pi, pi]; 0 is a sine that rises at the start of the step. NaN without amplitude.
    offset
        Mean rate, Hz.
    r2
        Share of the mean trace's variance that the sine explains; NaN for a constant trace.
    p
        F test (2 and 2 (trials - 1) degrees of freedom) of the mean complex amplitude against how far those
        of the trials are apart; NaN below three trials and for a constant rate.
    f2
        Amplitude at twice the frequency, likewise, Hz.
    f2_f1
        f2 / amplitude; NaN where the lower limit of the amplitude is 0 (below three trials: the amplitude).
    """

    amplitude: Floats
    amplitude_low: Floats
    amplitude_high: Floats
    amplitude_se: Floats
    phase: Floats
    offset: Floats
    r2: Floats
    p: Floats
    f2: Floats
    f2_f1: Floats


def fit_sine(
    rates: NDArray[Any],
    frequency_hz: float,
    frame_duration: float,
    first_frame: int = 0,
) -> SineFit:
    """Fit ``offset + a sin + b cos`` to each trial by linear least squares.

    Parameters
    ----------
    rates
        (units, trials, bins) unfiltered rates over whole cycles, Hz.
    frequency_hz
        Known frequency; its second harmonic must be below the frame rate.
    frame_duration
        Seconds per bin.
    first_frame
        Bins of the step that were skipped before `rates`: phases count from the start of the step.

    Raises
    ------
    ValidationError
        If there are too few bins for five coefficients.
    """
    rates = np.asarray(rates, np.float64)
    n_bins = rates.shape[-1]
    if n_bins < 6:
        raise ValidationError(
            f"{n_bins} bins are too few to fit a sine and its second harmonic.",
            fix=Advice("Pass rates in six or more bins."),
        )
    t = np.asarray((first_frame + np.arange(n_bins) + 0.5) * frame_duration, np.float64)
    design, with_second = _design(t, frequency_hz), _design(t, frequency_hz, 2 * frequency_hz)
    gain, gain2 = np.sinc(frequency_hz * frame_duration), np.sinc(2 * frequency_hz * frame_duration)
    return _fit(rates, design, with_second, float(gain), float(gain2))


@dataclass(frozen=True, slots=True)
class FrequencyResponse:
    """What the amplitudes at several frequencies amount to; all arrays (units,).

    Attributes
    ----------
    significant
        (units, frequencies): p values at most alpha, for all frequencies together (Holm).
    preferred_frequency
        Frequency of the largest amplitude, Hz; NaN unless it is significant and larger than the second
        largest by more than the error of their difference.
    cutoff_frequency
        Where the amplitude falls to half its maximum above the peak, interpolated in log frequency, Hz; NaN
        if the largest amplitude is not significant or the amplitude does not fall that far.
    """

    significant: NDArray[np.bool_]
    preferred_frequency: Floats
    cutoff_frequency: Floats


def frequency_response(
    frequencies_hz: ArrayLike,
    amplitudes: Floats,
    p: Floats,
    se: Floats,
    *,
    variance_share: Floats | None = None,
    degrees: int = 0,
    alpha: float = 0.01,
) -> FrequencyResponse:
    """Preferred and cut-off frequency of each unit.

    Parameters
    ----------
    frequencies_hz
        (frequencies,).
    amplitudes, p, se
        (units, frequencies): amplitude, its p value, and the standard error of its components.
    variance_share
        (units, frequencies): what the variances are proportional to (mean rate / duration); they are then
        pooled over the frequencies.
    degrees
        Degrees of freedom of one `se`; 0 takes them as known.
    alpha
        Largest p value of a significant amplitude, for all frequencies together (Holm); 1 takes every
        amplitude.
    """
    from scipy.special import stdtrit

    frequencies = np.asarray(frequencies_hz, np.float64)
    order = np.argsort(frequencies)
    frequencies, amplitudes, p, se = frequencies[order], amplitudes[:, order], p[:, order], se[:, order]
    variance = np.square(se)
    if variance_share is not None:
        share = variance_share[:, order]
        total = share.sum(axis=1, keepdims=True)
        pooled = variance.sum(axis=1, keepdims=True)
        variance = share * np.divide(pooled, total, out=np.zeros_like(total), where=total > 0)
        degrees *= frequencies.size
    units = np.arange(len(amplitudes))
    best = amplitudes.argmax(axis=1)
    with np.errstate(invalid="ignore"):
        # A p value that cannot be computed is not significant.
        significant = np.ones(p.shape, np.bool_) if alpha >= 1 else holm(p) <= alpha
    others = np.where(np.arange(frequencies.size) == best[:, None], -np.inf, amplitudes)
    second = others.argmax(axis=1)
    apart = np.ones(len(units), np.bool_)
    if frequencies.size > 1:
        t = stdtrit(degrees, 0.975) if degrees else 1.959964
        error = t * np.sqrt(variance[units, best] + variance[units, second])
        apart = amplitudes[units, best] - amplitudes[units, second] > error
    largest = significant[units, best] & (amplitudes[units, best] > 0)
    preferred = np.where(largest & apart, frequencies[best], np.nan)
    cutoff = np.full(len(units), np.nan)
    for unit in np.flatnonzero(largest):
        cutoff[unit] = _half_amplitude(frequencies[best[unit] :], amplitudes[unit, best[unit] :])
    return FrequencyResponse(significant[:, np.argsort(order)], preferred, cutoff)


def _fit(rates: Floats, design: Floats, with_second: Floats, gain: float, gain2: float) -> SineFit:
    """Fit the columns of the designs: constant, sine, cosine, and the same with the second harmonic."""
    n_units, n_trials, _ = rates.shape
    # einsum, not a BLAS product: its order of summation does not depend on the number of threads.
    a, b = np.einsum("cb,utb->cut", np.linalg.pinv(design)[1:], rates)
    a2, b2 = np.einsum("cb,utb->cut", np.linalg.pinv(with_second)[3:], rates)
    scale = np.sqrt(np.square(rates).mean(axis=(1, 2)))
    first, second = (a + 1j * b) / gain, (a2 + 1j * b2) / gain2
    length, se = _vector(first, scale)
    amplitude = _unbiased(length, se)
    f2 = _unbiased(*_vector(second, scale))
    low, high = np.full(n_units, np.nan), np.full(n_units, np.nan)
    if n_trials >= _MIN_TRIALS:
        low, high = length_limits(length, se, 2 * (n_trials - 1))
    mean = rates.mean(axis=1)
    certain = np.where(np.isnan(low), amplitude, low) > 0
    return SineFit(
        amplitude=amplitude,
        amplitude_low=low,
        amplitude_high=high,
        amplitude_se=se,
        phase=np.where(length > 0, np.angle(first.mean(axis=1)), np.nan),
        offset=np.einsum("b,ub->u", np.linalg.pinv(design)[0], mean),
        r2=_explained(mean, design, scale),
        p=_agreement_p(length, se, n_trials, scale),
        f2=f2,
        f2_f1=np.divide(f2, amplitude, out=np.full(n_units, np.nan), where=certain & (amplitude > 0)),
    )


def _vector(trials: NDArray[np.complex128], scale: Floats) -> tuple[Floats, Floats]:
    """Length of the mean over trials (0 if only rounding is left), and standard error of a component."""
    n = trials.shape[1]
    mean = trials.mean(axis=1)
    length = np.where(np.abs(mean) > _TIE * scale, np.abs(mean), 0.0)
    if n < 2:
        return length, np.full(len(trials), np.nan)
    spread = np.square(np.abs(trials - mean[:, None])).sum(axis=1) / (2 * n * (n - 1))
    return length, np.asarray(np.sqrt(np.where(spread > np.square(_TIE * scale), spread, 0.0)))


def _unbiased(length: Floats, se: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(np.square(length) - np.nan_to_num(np.square(se)), 0.0)))


def _agreement_p(length: Floats, se: Floats, n_trials: int, scale: Floats) -> Floats:
    """F test of the mean complex amplitude against how far those of the trials are apart."""
    from scipy.special import fdtrc

    p = np.full(len(length), np.nan)
    if n_trials < _MIN_TRIALS:
        return p
    varies = (se > 0) | (length > 0)
    ratio = np.divide(length, se, out=np.full(len(length), np.inf), where=se > 0)
    p[varies] = fdtrc(2.0, 2.0 * (n_trials - 1), 0.5 * np.square(ratio[varies]))
    return np.where(scale > 0, p, np.nan)


def _explained(mean: Floats, design: Floats, scale: Floats) -> Floats:
    """Share of the variance of the mean traces that the columns of the design explain."""
    residuals = mean - np.einsum("bc,uc->ub", design, np.einsum("cb,ub->uc", np.linalg.pinv(design), mean))
    variance = mean.var(axis=-1)
    left = np.full(len(mean), np.nan)
    np.divide(
        np.square(residuals).mean(axis=-1), variance, out=left, where=variance > np.square(_TIE * scale)
    )
    return 1.0 - left


def _half_amplitude(frequencies: Floats, amplitudes: Floats) -> float:
    half = amplitudes[0] / 2
    below = np.flatnonzero(amplitudes <= half * (1 + _TIE))
    if below.size == 0:
        return float("nan")
    right = int(below[0])
    left = right - 1
    share = (amplitudes[left] - half) / (amplitudes[left] - amplitudes[right])
    log_f = np.log(frequencies[left]) + share * np.log(frequencies[right] / frequencies[left])
    return float(np.exp(log_f))


def _design(t: Floats, *frequencies_hz: float) -> Floats:
    columns = [np.ones_like(t)]
    for frequency in frequencies_hz:
        columns += [np.sin(2 * np.pi * frequency * t), np.cos(2 * np.pi * frequency * t)]
    return np.stack(columns, axis=1)


def fit_wave(rates: NDArray[Any], phase: Floats, gain: float = 1.0) -> SineFit:
    """Fit a wave of known, possibly changing, phase to each trial.

    Parameters
    ----------
    rates
        (units, trials, bins) unfiltered rates, Hz.
    phase
        (bins,) phase of the stimulus at the bins' centres, radians.
    gain
        What the averaging over a bin leaves of the amplitude.

    Returns
    -------
    SineFit
        As of `fit_sine`; f2 is at twice the phase.
    """
    rates = np.asarray(rates, np.float64)
    design = np.stack([np.ones_like(phase), np.sin(phase), np.cos(phase)], axis=1)
    second = np.hstack((design, np.stack([np.sin(2 * phase), np.cos(2 * phase)], axis=1)))
    return _fit(rates, design, second, gain, gain)
