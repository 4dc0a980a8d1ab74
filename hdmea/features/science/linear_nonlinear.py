"""Linear-nonlinear model of a unit's response to a noise movie, cross-validated.

The linear stage is the separable part of the spike-triggered average; the nonlinearity turns its output, the
generator, into a rate. Everything that is reported is measured on frames whose spikes had no part in the
model.

References
----------
Chichilnisky E. J. (2001) A simple white noise analysis of neuronal light responses. Network 12: 199-213.
Paninski L. (2004) Maximum likelihood estimation of cascade point-process neural encoding models. Network 15:
243-262 (exponential nonlinearity).
Brenner N. et al. (2000) Synergy in a neural code. Neural Comput. 12: 1531-1552 (bits per spike).
Liang K.-Y., Zeger S. L. (1986) Longitudinal data analysis using generalized linear models. Biometrika 73:
13-22 (standard error from blocks).
Meinshausen N., Meier L., Bühlmann P. (2009) p-Values for high-dimensional regression. J. Am. Stat. Assoc.
104: 1671-1681 (p values of parts that depend on each other).
Schoppe O. et al. (2016) Measuring the performance of neural models. Front. Comput. Neurosci. 10: 10 (CCnorm).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.generator_signal import fold_sums, generators
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice, Either, SetParameter
from hdmea.utils.threads import Progress, no_progress

__all__ = [
    "LinearNonlinear",
    "few_spikes",
    "fit_exponential",
    "gain_error",
    "gain_p",
    "linear_nonlinear",
    "missing_model",
    "predictability",
    "rectification_index",
]

_BLOCK_BYTES = 64e6
_MAX_STEP = 2.0
_NEWTON_STEPS = 50
_CONVERGED = 1e-10
_BLOCKS = 20
_N_SHIFTS = 199
_MIN_SHIFT_S = 2.0


@dataclass(frozen=True, slots=True)
class LinearNonlinear:
    """Cross-validated model of one unit; NaN with a reason where it cannot be told.

    Attributes
    ----------
    n_spikes
        Spikes whose whole window is inside the movie.
    bin_generator, bin_rate
        (bins,) mean generator, and rate in Hz, of the bins of equally many frames.
    log_rate, gain
        a and b of the rate ``exp(a + b g)`` in Hz, fitted to all frames (each with the generator of a filter
        that did not see its spikes).
    gain_low, gain_high
        95 % interval of the gain for the filters as they are.
    bits_per_spike
        Gain in log-likelihood over a constant rate, on frames that had no part in the fit.
    bits_per_spike_p
        See `gain_p`.
    r2
        Squared correlation of the predicted with the observed rate, frame by frame.
    rectification_index
        See `rectification_index`.
    predicted
        Rate in Hz of each frame of the movie as the other parts predict it; NaN outside of whole windows.
    reason
        Why numbers are missing; empty if none is.
    """

    n_spikes: int
    bin_generator: NDArray[np.float64]
    bin_rate: NDArray[np.float64]
    log_rate: float
    gain: float
    gain_low: float
    gain_high: float
    bits_per_spike: float
    bits_per_spike_p: float
    r2: float
    rectification_index: float
    predicted: NDArray[np.float64]
    reason: str = ""


def linear_nonlinear(
    movie: NDArray[Any],
    spike_frames: Sequence[NDArray[np.int64]],
    exposure: ArrayLike,
    cover_range: tuple[int, int],
    frame_duration_s: float,
    *,
    n_folds: int = 5,
    n_bins: int = 20,
    min_spikes: int = 100,
    workers: int = 1,
    progress: Progress = no_progress,
) -> list[LinearNonlinear]:
    """Fit the model to each unit.

    The movie is cut into contiguous parts. The generator of a part comes from a filter without that part's
    spikes; the exponential that predicts it is fitted to the other parts, on generators from filters that saw
    neither of the two. A part's spikes so have no share at all in its prediction.

    Parameters
    ----------
    movie
        (frames, height, width), one entry per display refresh; may be memory-mapped.
    spike_frames
        Per unit the movie frame of every spike (see `hdmea.features.science.spike_triggered_average`).
    exposure
        (frames,): how often each frame of the movie was shown and recorded.
    cover_range
        Frames of the filter relative to the spike's, the second not included.
    frame_duration_s
        True duration of a frame.
    n_folds, n_bins
        Parts of the movie; bins of the nonlinearity.
    min_spikes
        Fewer spikes give NaN.
    workers
        Threads; the numbers do not depend on them.
    progress
        Called with the fraction done; may raise to stop.

    Returns
    -------
    list of LinearNonlinear
        One per unit. For movies of integers the generators do not depend on the order of summation.

    Raises
    ------
    ValidationError
        The movie is not three-dimensional, or too short for the window.
    """
    c0, c1 = cover_range
    shown = np.asarray(exposure, np.float64)
    if movie.ndim != 3 or shown.shape != movie.shape[:1]:
        raise ValidationError(
            f"A movie must be (frames, height, width) with one exposure per frame; these are {movie.shape} "
            f"and {shown.shape}.",
            fix=Advice("Pass the exposure of each frame of the movie."),
        )
    first, stop = max(0, -c0), min(len(movie), len(movie) - c1 + 1)
    if stop - first < n_folds * n_bins:
        raise ValidationError(
            f"The movie has {max(stop - first, 0)} frames with a whole window; {n_folds * n_bins} or more "
            "are needed for this model.",
            fix=Either((SetParameter("cover_range"), Advice("Show a longer movie."))),
        )
    edges = np.linspace(first, stop, n_folds + 1).astype(np.int64)
    mean_image = np.asarray(movie.mean(axis=0, dtype=np.float64)).ravel()
    usable = [k[(k >= first) & (k < stop)] for k in (np.asarray(k, np.int64) for k in spike_frames)]
    enough = [unit for unit, k in enumerate(usable) if k.size >= min_spikes]
    found = [missing_model(k.size, n_bins, few_spikes(k.size, min_spikes)) for k in usable]
    size = max(1, int(_BLOCK_BYTES / (8 * n_folds * (c1 - c0) * mean_image.size)))
    folds = np.repeat(np.arange(n_folds), np.diff(edges))
    duration, min_shift = shown[first:stop] * frame_duration_s, round(_MIN_SHIFT_S / frame_duration_s)
    for begin in range(0, len(enough), size):
        units = enough[begin : begin + size]
        trains = [usable[unit] for unit in units]
        sums = fold_sums(movie, trains, cover_range, edges, mean_image, workers=workers)
        with ThreadPoolExecutor(max_workers=workers) if workers > 1 else nullcontext() as pool:
            for_each = map if pool is None else pool.map
            signal = generators(movie, sums, cover_range, for_each=for_each)

            def model_of(
                index: int, signal: NDArray[np.float64] = signal, of: Any = trains
            ) -> LinearNonlinear:
                counts = np.bincount(of[index] - first, minlength=stop - first).astype(np.float64)
                return _model(signal[:, index], counts, duration, folds, n_bins, min_shift)

            for index, model in enumerate(for_each(model_of, range(len(units)))):
                predicted = np.full(len(movie), np.nan)
                predicted[first:stop] = model.predicted
                found[units[index]] = replace(model, predicted=predicted)
                progress((begin + index + 1) / len(enough))
    return found


def fit_exponential(generator: ArrayLike, counts: ArrayLike, duration_s: ArrayLike) -> tuple[float, float]:
    """Fit the rate ``exp(a + b g)`` to spike counts by maximum likelihood.

    Parameters
    ----------
    generator, counts, duration_s
        (frames,): g, spikes, and the time in which they were counted.

    Returns
    -------
    a, b
        The rate is in Hz. NaN if there is no spike or the fit does not converge.
    """
    g, y = np.asarray(generator, np.float64), np.asarray(counts, np.float64)
    duration = np.asarray(duration_s, np.float64)
    center, scale = g.mean(), g.std()
    if not (y.sum() > 0 and duration.sum() > 0):
        return math.nan, math.nan
    a, b = math.log(y.sum() / duration.sum()), 0.0
    if not scale > 0:
        return a, b
    z = (g - center) / scale
    for _ in range(_NEWTON_STEPS):
        expected = duration * np.exp(a + b * z)
        slope = np.array([(y - expected).sum(), ((y - expected) * z).sum()])
        curve = np.array([expected.sum(), (expected * z).sum(), (expected * z * z).sum()])
        determinant = curve[0] * curve[2] - curve[1] ** 2
        if not determinant > 0:
            return math.nan, math.nan
        step_a = (curve[2] * slope[0] - curve[1] * slope[1]) / determinant
        step_b = (curve[0] * slope[1] - curve[1] * slope[0]) / determinant
        # A full step from far away can overflow the exponential.
        shrink = min(1.0, _MAX_STEP / max(abs(step_a), abs(step_b), 1e-300))
        a, b = a + shrink * step_a, b + shrink * step_b
        if max(abs(step_a), abs(step_b)) < _CONVERGED:
            return float(a - b * center / scale), float(b / scale)
    return math.nan, math.nan


def gain_error(
    generator: ArrayLike, counts: ArrayLike, duration_s: ArrayLike, log_rate: float, gain: float
) -> float:
    """Return the standard error of the gain of `fit_exponential`, from 20 contiguous blocks of frames.

    The slopes of the log-likelihood at its maximum, summed over each block, vary as much as the spikes do,
    bursting or not (Liang & Zeger 1986). NaN where the fit is.
    """
    g, y = np.asarray(generator, np.float64), np.asarray(counts, np.float64)
    expected = np.asarray(duration_s, np.float64) * np.exp(log_rate + gain * g)
    edges = np.linspace(0, g.size, _BLOCKS + 1).astype(np.int64)[:-1]
    slopes = np.add.reduceat(np.stack((y - expected, (y - expected) * g)), edges, axis=1)
    curve = np.array([expected.sum(), (expected * g).sum(), (expected * g * g).sum()])
    determinant = curve[0] * curve[2] - curve[1] ** 2
    if not determinant > 0:
        return math.nan
    shifts = (curve[0] * slopes[1] - curve[1] * slopes[0]) / determinant
    return math.sqrt(float(np.square(shifts).sum()) * _BLOCKS / (_BLOCKS - 1))


def gain_p(
    counts: ArrayLike, log_ratio: ArrayLike, folds: ArrayLike, min_shift: int, n_shifts: int = _N_SHIFTS
) -> float:
    """P value of a cross-validated gain in likelihood: spikes shifted circularly within each part.

    A part's prediction has no share of its spikes, so where these have no relation to the movie every shift
    of them was as likely; what they do by themselves, bursts among it, stays. But each part has a share in
    the predictions of the others: the p values of the parts depend on each other, and are joined so that this
    does not matter (Meinshausen et al. 2009): the middle one (of 5 the third) times 5 / 3.

    Parameters
    ----------
    counts
        (frames,) spikes.
    log_ratio
        (frames,) logarithm of predicted by constant rate.
    folds
        int (frames,) part of each frame, ascending.
    min_shift
        Smallest shift in frames, to either side.
    n_shifts
        Draws for each part.

    Returns
    -------
    float
        Of each part ``(1 + #{shifted >= observed}) / (1 + n_shifts)``; NaN if a part is shorter than four
        times the smallest shift.
    """
    from scipy.fft import irfft, rfft

    y, ratio, part = np.asarray(counts, np.float64), np.asarray(log_ratio, np.float64), np.asarray(folds)
    rng = np.random.default_rng(0)
    found = []
    for fold in np.unique(part):
        own = part == fold
        n = int(own.sum())
        if n < 4 * min_shift or not np.isfinite(ratio[own]).all():
            return math.nan
        every = irfft(np.conj(rfft(y[own])) * rfft(ratio[own]), n=n)
        drawn = every[rng.integers(min_shift, n - min_shift + 1, n_shifts)]
        reached = np.count_nonzero(drawn >= every[0] - 1e-9 * (np.abs(ratio[own]) @ y[own]))
        found.append((1 + reached) / (1 + n_shifts))
    middle = len(found) // 2
    return min(float(sorted(found)[middle]) * len(found) / (middle + 1), 1.0)


def predictability(counts: ArrayLike, predicted: ArrayLike) -> tuple[float, float]:
    """How reliable the response to a movie is that was shown several times, and how much of it is predicted.

    Parameters
    ----------
    counts
        (showings, frames) spikes.
    predicted
        (frames,) rate of a model; frames that are NaN do not count.

    Returns
    -------
    reliability
        Signal power by total power: the correlation to be expected of two showings.
    cc_norm
        Correlation of the predicted rate with the mean response, by the largest that its noise allows
        (Schoppe et al. 2016). Both are NaN with fewer than two showings, this one without signal power too.
    """
    model = np.asarray(predicted, np.float64)
    known = np.isfinite(model)
    trials, model = np.asarray(counts, np.float64)[:, known], model[known]
    n = len(trials)
    total = float(trials.var(axis=1, ddof=1).mean()) if n > 1 and model.size > 1 else 0.0
    if not total > 0:
        return math.nan, math.nan
    power = (float(trials.sum(axis=0).var(ddof=1)) - n * total) / (n * (n - 1))
    spread = float(model.var(ddof=1))
    if not (power > 0 and spread > 0):
        return power / total, math.nan
    covariance = float(np.cov(trials.mean(axis=0), model)[0, 1])
    return power / total, covariance / math.sqrt(spread * power)


def rectification_index(bin_rate: ArrayLike) -> float:
    """How far the rate at the middle is below the mean of the rates at both ends of the nonlinearity.

    Parameters
    ----------
    bin_rate
        (bins,): rates of bins of equally many frames, ascending generator.

    Returns
    -------
    float
        ``(top + bottom - 2 middle) / |top - bottom|``, each the mean of two bins: 0 for a straight line, 1
        if the lower half has the rate of the lowest, negative if the rate saturates; NaN if top and bottom
        are equal.
    """
    rate = np.asarray(bin_rate, np.float64)
    half = rate.size // 2
    bottom, middle, top = rate[:2].mean(), rate[half - 1 : half + 1].mean(), rate[-2:].mean()
    if not abs(top - bottom) > 0:
        return math.nan
    return float((top + bottom - 2 * middle) / abs(top - bottom))


def _model(
    signal: NDArray[np.float64],
    counts: NDArray[np.float64],
    duration: NDArray[np.float64],
    folds: NDArray[np.int64],
    n_bins: int,
    min_shift: int,
) -> LinearNonlinear:
    """Model of one unit from its generators (left-out part, frame), spikes and exposed time of each frame."""
    from scipy.special import stdtrit

    recorded = duration > 0
    signal, counts, duration, folds = (
        signal[:, recorded],
        counts[recorded],
        duration[recorded],
        folds[recorded],
    )
    own = signal[folds, np.arange(folds.size)]
    predicted, constant = np.empty(folds.size), np.empty(folds.size)
    for fold in range(len(signal)):
        test = folds == fold
        a, b = fit_exponential(signal[fold, ~test], counts[~test], duration[~test])
        predicted[test] = np.exp(a + b * own[test])
        constant[test] = counts[~test].sum() / duration[~test].sum()
    log_rate, gain = fit_exponential(own, counts, duration)
    half = float(stdtrit(_BLOCKS - 1, 0.975)) * gain_error(own, counts, duration, log_rate, gain)
    rates = np.full(recorded.size, np.nan)
    rates[recorded] = predicted
    bins = np.array_split(np.argsort(own, kind="stable"), n_bins)
    rate = np.array([counts[part].sum() / duration[part].sum() for part in bins])
    return LinearNonlinear(
        n_spikes=int(counts.sum()),
        bin_generator=np.array([own[part].mean() for part in bins]),
        bin_rate=rate,
        log_rate=log_rate,
        gain=gain,
        gain_low=gain - half,
        gain_high=gain + half,
        bits_per_spike=_bits_per_spike(counts, duration, predicted, constant),
        bits_per_spike_p=_p(counts, predicted, constant, folds, min_shift),
        r2=_squared_correlation(predicted, counts / duration),
        rectification_index=rectification_index(rate),
        predicted=rates,
        reason="" if np.isfinite(predicted).all() else "the exponential could not be fitted in every part",
    )


def _bits_per_spike(
    counts: NDArray[np.float64],
    duration: NDArray[np.float64],
    predicted: NDArray[np.float64],
    constant: NDArray[np.float64],
) -> float:
    if not (constant > 0).all():
        return math.nan
    gain = counts * np.log(predicted / constant) - (predicted - constant) * duration
    return float(gain.sum() / counts.sum() / math.log(2))


def _p(
    counts: NDArray[np.float64],
    predicted: NDArray[np.float64],
    constant: NDArray[np.float64],
    folds: NDArray[np.int64],
    min_shift: int,
) -> float:
    if not ((predicted > 0) & (constant > 0)).all():
        return math.nan
    return gain_p(counts, np.log(predicted / constant), folds, min_shift)


def _squared_correlation(predicted: NDArray[np.float64], observed: NDArray[np.float64]) -> float:
    x, y = predicted - predicted.mean(), observed - observed.mean()
    size = float(x @ x) * float(y @ y)
    return float(x @ y) ** 2 / size if size > 0 else math.nan


def few_spikes(n_spikes: int, needed: int) -> str:
    """Say that spikes are too few for a model; empty if they are not."""
    return f"{n_spikes} spikes, {needed} are needed" if n_spikes < needed else ""


def missing_model(n_spikes: int, n_bins: int, reason: str) -> LinearNonlinear:
    """Return the model of a unit that has none, with the reason."""
    none, nan = np.full(n_bins, math.nan), math.nan
    return LinearNonlinear(
        n_spikes, none, none.copy(), nan, nan, nan, nan, nan, nan, nan, nan, np.zeros(0), reason
    )
