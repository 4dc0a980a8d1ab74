"""Sines of known frequency in trial rates: amplitude, phase, harmonics, significance, preferred frequency.

Pure functions on arrays, vectorised over units.

References
----------
Fisher R. A. (1929) Tests of significance in harmonic analysis. Proc. R. Soc. A 125: 54-59 (the F test of the
two coefficients of a sine of known frequency).
Hochstein S., Shapley R. M. (1976) Linear and nonlinear spatial subunits in Y cat retinal ganglion cells.
J. Physiol. 262: 265-284 (second harmonic).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.utils.exceptions import ValidationError

__all__ = ["FrequencyResponse", "SineFit", "bootstrap_amplitudes", "fit_sine", "frequency_response"]

_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class SineFit:
    """Sine of one frequency in the mean trace of several units; all arrays (units,).

    Attributes
    ----------
    amplitude
        Of the rate itself, corrected for the averaging over a bin, Hz.
    phase
        Radians, (-pi, pi]; 0 is a sine that rises at the start of the step. NaN without amplitude.
    offset
        Mean rate, Hz.
    r2
        Share of the mean trace's variance that the sine explains; NaN for a constant trace.
    p
        F test of the two coefficients against the residual over trials and bins; NaN for a constant rate.
    f2
        Amplitude at twice the frequency, corrected likewise, Hz.
    f2_f1
        f2 / amplitude; 0 / 0 is NaN.
    residuals
        (units, bins) of the mean trace.
    """

    amplitude: NDArray[np.float64]
    phase: NDArray[np.float64]
    offset: NDArray[np.float64]
    r2: NDArray[np.float64]
    p: NDArray[np.float64]
    f2: NDArray[np.float64]
    f2_f1: NDArray[np.float64]
    residuals: NDArray[np.float64]


def fit_sine(
    rates: NDArray[Any], frequency_hz: float, frame_duration: float, first_frame: int = 0
) -> SineFit:
    """Fit ``offset + a sin + b cos`` to the mean over trials by linear least squares.

    Parameters
    ----------
    rates
        (units, trials, bins) unfiltered rates, Hz.
    frequency_hz
        Known frequency; its second harmonic must lie below the frame rate.
    frame_duration
        Seconds per bin.
    first_frame
        Bins of the step that were skipped before `rates`: phases count from the start of the step.
    """
    rates = np.asarray(rates, np.float64)
    n_units, _, n_bins = rates.shape
    if n_bins < 6:
        raise ValidationError(f"{n_bins} bins are too few to fit a sine of {frequency_hz:g} Hz.")
    t = _bin_centres(first_frame, n_bins, frame_duration)
    mean = rates.mean(axis=1)
    offset, a, b = _coefficients(mean, _design(t, frequency_hz))
    fitted = offset[:, None] + _wave(a, b, t, frequency_hz)
    residuals = mean - fitted
    scale = np.square(rates).mean(axis=(1, 2))
    modulated = np.hypot(a, b) > _TIE * np.sqrt(scale)
    amplitude = np.where(modulated, np.hypot(a, b), 0.0) / np.sinc(frequency_hz * frame_duration)
    a2, b2 = _coefficients(mean, _design(t, frequency_hz, 2 * frequency_hz))[3:]
    f2 = np.hypot(a2, b2) / np.sinc(2 * frequency_hz * frame_duration)
    f2 = np.where(f2 > _TIE * np.sqrt(scale), f2, 0.0)
    variance = mean.var(axis=-1)
    constant = variance <= _TIE**2 * scale
    explained = np.full(n_units, np.nan)
    np.divide(np.square(residuals).mean(axis=-1), variance, out=explained, where=~constant)
    return SineFit(
        amplitude=amplitude,
        phase=np.where(modulated, np.arctan2(b, a), np.nan),
        offset=offset,
        r2=1.0 - explained,
        p=_f_test(rates, fitted),
        f2=f2,
        f2_f1=np.divide(f2, amplitude, out=np.full(n_units, np.nan), where=amplitude > 0),
        residuals=residuals,
    )


def bootstrap_amplitudes(
    fit: SineFit, frequency_hz: float, frame_duration: float, first_frame: int, draws: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Amplitudes of the fit to the sine plus resampled residuals of the mean trace.

    Parameters
    ----------
    fit, frequency_hz, frame_duration, first_frame
        What `fit_sine` returned, and its arguments.
    draws
        (resamples, bins) bin from which each residual is taken, the same for every unit.

    Returns
    -------
    numpy.ndarray
        float64 (units, resamples), Hz.
    """
    n_units, n_bins = fit.residuals.shape
    t = _bin_centres(first_frame, n_bins, frame_duration)
    projection = _projection(_design(t, frequency_hz))[1:]
    # Residuals of a fit with three coefficients are too small by this factor.
    residuals = fit.residuals * np.sqrt(n_bins / (n_bins - 3))
    rows = np.arange(len(draws))[:, None]
    gain = np.sinc(frequency_hz * frame_duration)
    phase = np.nan_to_num(fit.phase)
    truth = (fit.amplitude * gain * np.cos(phase), fit.amplitude * gain * np.sin(phase))
    squares = np.zeros((n_units, len(draws)))
    for coefficient, weights in zip(truth, projection, strict=True):
        taken = np.zeros(draws.shape)
        np.add.at(taken, (rows, draws), np.broadcast_to(weights, draws.shape))
        # einsum, not a BLAS product: its order of summation does not depend on the number of threads.
        squares += np.square(coefficient[:, None] + np.einsum("ub,rb->ur", residuals, taken))
    return np.asarray(np.sqrt(squares) / gain)


@dataclass(frozen=True, slots=True)
class FrequencyResponse:
    """What the amplitudes at several frequencies amount to; all arrays (units,).

    Attributes
    ----------
    preferred_frequency
        Frequency of the largest amplitude, Hz; NaN unless it is significant and its bootstrap interval lies
        above that of the second largest.
    cutoff_frequency
        Where the amplitude falls to half its maximum above the peak, interpolated in log frequency, Hz; NaN
        if the largest amplitude is not significant or the amplitude does not fall that far.
    """

    preferred_frequency: NDArray[np.float64]
    cutoff_frequency: NDArray[np.float64]


def frequency_response(
    frequencies_hz: ArrayLike,
    amplitudes: NDArray[np.float64],
    p: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    alpha: float = 0.01,
) -> FrequencyResponse:
    """Preferred and cut-off frequency of each unit.

    Parameters
    ----------
    frequencies_hz
        (frequencies,).
    amplitudes, p, low, high
        (units, frequencies): amplitude, its p value, and its bootstrap interval.
    alpha
        Largest p value of a significant amplitude, for all frequencies together (Bonferroni).
    """
    frequencies = np.asarray(frequencies_hz, np.float64)
    order = np.argsort(frequencies)
    frequencies, amplitudes = frequencies[order], amplitudes[:, order]
    p, low, high = p[:, order], low[:, order], high[:, order]
    units = np.arange(len(amplitudes))
    best = amplitudes.argmax(axis=1)
    # A p value that cannot be computed is not significant.
    significant = p[units, best] * frequencies.size <= alpha
    others = np.where(np.arange(frequencies.size) == best[:, None], -np.inf, amplitudes)
    second = others.argmax(axis=1)
    apart = low[units, best] > high[units, second] if frequencies.size > 1 else np.ones(len(units), bool)
    preferred = np.where(significant & apart, frequencies[best], np.nan)
    cutoff = np.full(len(units), np.nan)
    for unit in np.flatnonzero(significant):
        cutoff[unit] = _half_amplitude(frequencies[best[unit] :], amplitudes[unit, best[unit] :])
    return FrequencyResponse(preferred, cutoff)


def _half_amplitude(frequencies: NDArray[np.float64], amplitudes: NDArray[np.float64]) -> float:
    half = amplitudes[0] / 2
    below = np.flatnonzero(amplitudes <= half * (1 + _TIE))
    if below.size == 0:
        return float("nan")
    right = int(below[0])
    left = right - 1
    share = (amplitudes[left] - half) / (amplitudes[left] - amplitudes[right])
    log_f = np.log(frequencies[left]) + share * np.log(frequencies[right] / frequencies[left])
    return float(np.exp(log_f))


def _bin_centres(first_frame: int, n_bins: int, frame_duration: float) -> NDArray[np.float64]:
    """Seconds from the start of the step."""
    return np.asarray((first_frame + np.arange(n_bins) + 0.5) * frame_duration, np.float64)


def _design(t: NDArray[np.float64], *frequencies_hz: float) -> NDArray[np.float64]:
    columns = [np.ones_like(t)]
    for frequency in frequencies_hz:
        columns += [np.sin(2 * np.pi * frequency * t), np.cos(2 * np.pi * frequency * t)]
    return np.stack(columns, axis=1)


def _coefficients(mean: NDArray[np.float64], design: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares, (coefficients, units)."""
    return np.asarray(np.einsum("cb,ub->cu", _projection(design), mean))


def _projection(design: NDArray[np.float64]) -> NDArray[np.float64]:
    """(coefficients, bins) that give the coefficients of a least-squares fit."""
    return np.asarray(np.linalg.pinv(design), np.float64)


def _wave(
    a: NDArray[np.float64], b: NDArray[np.float64], t: NDArray[np.float64], frequency_hz: float
) -> NDArray[np.float64]:
    angle = 2 * np.pi * frequency_hz * t
    return a[:, None] * np.sin(angle) + b[:, None] * np.cos(angle)


def _f_test(rates: NDArray[np.float64], fitted: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import f as f_distribution

    n_units, n_trials, n_bins = rates.shape
    degrees = n_trials * n_bins - 3
    explained = n_trials * np.square(fitted - fitted.mean(axis=-1, keepdims=True)).sum(axis=-1)
    residual = np.square(rates - fitted[:, None, :]).sum(axis=(1, 2))
    scale = np.square(rates).sum(axis=(1, 2))
    p = np.full(n_units, np.nan)
    varies = explained + residual > _TIE**2 * scale
    noisy = varies & (residual > _TIE**2 * scale)
    p[varies] = 0.0
    ratio = explained[noisy] / 2 / (residual[noisy] / degrees)
    p[noisy] = f_distribution.sf(ratio, 2, degrees)
    return p
