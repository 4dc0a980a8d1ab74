"""How well the trials of a unit repeat: quality index, its chance level, and a p value.

References
----------
Baden T. et al. (2016) The functional diversity of retinal ganglion cells in the mouse. Nature 529: 345-350.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["quality_index", "quality_index_chance", "repeatability_p", "without_drift"]

_TIE = 1e-9


def quality_index(trials: NDArray[Any]) -> NDArray[np.float64]:
    """Variance over time of the mean trial, by the mean over trials of their variances over time.

    Parameters
    ----------
    trials
        (units, trials, frames) low-passed rates.

    Returns
    -------
    numpy.ndarray
        float64 (units,): 1 if all trials are equal; about 1 / trials for independent trials; NaN below two
        trials and for trials that do not vary.
    """
    trials = np.asarray(trials, np.float64)
    if trials.shape[1] < 2:
        return np.full(trials.shape[0], np.nan)
    signal = trials.mean(axis=1).var(axis=-1)
    total = trials.var(axis=-1).mean(axis=-1)
    # A constant trace keeps a variance of rounding errors only.
    varies = total > _TIE**2 * np.square(trials).mean(axis=(1, 2))
    return np.asarray(np.divide(signal, total, out=np.full(len(trials), np.nan), where=varies))


def quality_index_chance(n_trials: int) -> float:
    """Quality index to be expected of a unit whose trials are independent: 1 / trials; NaN below two."""
    return 1.0 / n_trials if n_trials >= 2 else float("nan")


def without_drift(trials: NDArray[Any], starts: ArrayLike | None = None) -> NDArray[np.float64]:
    """Trials minus the slow change of their mean level over the movie.

    A polynomial through the means of the trials (of degree 2, of degree 1 for two trials) says how the level
    continues to change within a trial; a response to the stimulus has no part in it, because it is the same
    in every trial.

    Parameters
    ----------
    trials
        (units, trials, frames) rates.
    starts
        (trials,) first frame of each trial; by default each begins where the last one ends.

    Returns
    -------
    numpy.ndarray
        float64, same shape; the mean of each trial is kept.
    """
    trials = np.asarray(trials, np.float64)
    _, n_trials, n_frames = trials.shape
    if n_trials < 2:
        return trials.copy()
    first = np.arange(n_trials) * n_frames if starts is None else np.asarray(starts, np.float64)
    centres = first + 0.5 * (n_frames - 1)
    scale = max(float(np.ptp(centres)), 1.0)
    powers = np.arange(min(2, n_trials - 1) + 1)
    origin = centres.mean()
    design = ((centres - origin) / scale)[:, None] ** powers
    coefficients = np.einsum("ct,ut->uc", np.linalg.pinv(design), trials.mean(axis=-1))
    at = (first[:, None] + np.arange(n_frames) - origin) / scale
    waves = at[..., None] ** powers
    waves -= waves.mean(axis=1, keepdims=True)
    return np.asarray(trials - np.einsum("uc,tfc->utf", coefficients, waves))


def repeatability_p(
    trials: NDArray[Any], n_shifts: int = 1000, seed: int = 0, starts: ArrayLike | None = None
) -> NDArray[np.float64]:
    """P value of the quality index against trials shifted circularly, each by its own random time.

    The variance of the mean of shifted trials follows from their circular cross-correlations, so one
    Fourier transform per pair of trials serves all shifts. Shifting keeps what each trial does by itself,
    bursts among it. A slow change over the movie, which all trials share the slope of, is taken out first.

    Parameters
    ----------
    trials
        (units, trials, frames) low-passed rates.
    n_shifts
        Number of shuffles.
    seed
        Of the random generator; every unit sees the same shifts, so the order of units does not matter.
    starts
        See `without_drift`.

    Returns
    -------
    numpy.ndarray
        float64 (units,): ``(1 + #{shuffled >= observed}) / (1 + n_shifts)``; NaN below two trials and for
        units without a spike; 1 for trials that do not vary.
    """
    from scipy.fft import irfft, rfft

    trials = np.asarray(trials, np.float64)
    n_units, n_trials, n_frames = trials.shape
    if n_trials < 2:
        return np.full(n_units, np.nan)
    size = np.square(trials).sum(axis=(1, 2))
    trials = without_drift(trials, starts)
    shifts = np.random.default_rng(seed).integers(0, n_frames, size=(n_shifts, n_trials))
    deviations = trials - trials.mean(axis=-1, keepdims=True)
    spectra = rfft(deviations, axis=-1)
    observed = np.zeros(n_units)
    shuffled = np.zeros((n_units, n_shifts))
    for i in range(n_trials - 1):
        for j in range(i + 1, n_trials):
            covariance = irfft(spectra[:, i] * spectra[:, j].conj(), n=n_frames, axis=-1)
            observed += covariance[:, 0]
            shuffled += covariance[:, (shifts[:, j] - shifts[:, i]) % n_frames]
    slack = _TIE * (np.square(deviations).sum(axis=(1, 2)) + _TIE * size)
    reached = (shuffled >= (observed - slack)[:, None]).sum(axis=1)
    return np.asarray(np.where(size > 0, (1.0 + reached) / (1.0 + n_shifts), np.nan))
