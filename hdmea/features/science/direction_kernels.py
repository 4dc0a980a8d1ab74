"""Compiled permutations of sweeps; imported only when direction tuning is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled, compiled_for

__all__ = ["rearranged_vectors", "trends"]

_ROUNDS = 12
_CONVERGED = 1e-7


@compiled
def _slope(
    counts: NDArray[np.float64],
    weights: NDArray[np.float64],
    label: NDArray[np.int64],
    number: NDArray[np.int64],
    n_labels: int,
    start: float,
    steepest: float,
    total: NDArray[np.float64],
    sums: NDArray[np.float64],
    power: NDArray[np.float64],
) -> float:  # pragma: no cover - compiled
    """Slope of a Poisson log-linear regression on the sweep's number, with one level per label.

    Given the levels' totals the counts of a label are multinomial: Newton's method in one variable.
    """
    n = counts.shape[0]
    total[:] = 0.0
    moment = 0.0
    for i in range(n):
        total[label[i]] += counts[i]
        moment += counts[i] * number[i]
    slope = start
    for _ in range(_ROUNDS):
        ratio = np.exp(slope)
        power[0] = 1.0
        for k in range(1, power.shape[0]):
            power[k] = power[k - 1] * ratio
        sums[:, :] = 0.0
        for i in range(n):
            w = weights[i] * power[number[i]]
            sums[label[i], 0] += w
            sums[label[i], 1] += w * number[i]
            sums[label[i], 2] += w * number[i] * number[i]
        score = moment
        information = 0.0
        for d in range(n_labels):
            if total[d] > 0 and sums[d, 0] > 0:
                mean = sums[d, 1] / sums[d, 0]
                score -= total[d] * mean
                information += total[d] * (sums[d, 2] / sums[d, 0] - mean * mean)
        if not information > 1e-12:
            return 0.0
        step = score / information
        step = min(max(step, -steepest), steepest)
        slope = min(max(slope + step, -steepest), steepest)
        if abs(step) < _CONVERGED:
            break
    return slope


@compiled_for("float64[::1](float64[:, ::1], float64[:, ::1], int64[::1], int64[::1], int64, float64)")
def trends(
    counts: NDArray[np.float64],
    weights: NDArray[np.float64],
    label: NDArray[np.int64],
    number: NDArray[np.int64],
    n_labels: int,
    steepest: float,
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """Slopes (units,) of the logarithm of the counts (units, sweeps) per sweep."""
    found = np.empty(counts.shape[0])
    total, sums = np.empty(n_labels), np.empty((n_labels, 3))
    power = np.empty(number.max() + 1)
    for unit in range(counts.shape[0]):
        found[unit] = _slope(
            counts[unit], weights[unit], label, number, n_labels, 0.0, steepest, total, sums, power
        )
    return found


@compiled_for("float64[:, :, ::1](float64[:, ::1], int64[:, :, ::1], float64[:, ::1], float64[:, ::1])")
def rearranged_vectors(
    responses: NDArray[np.float64],
    labels: NDArray[np.int64],
    cosine: NDArray[np.float64],
    sine: NDArray[np.float64],
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """Vector sums of one unit's responses given to other directions.

    Parameters
    ----------
    responses
        (repetitions, directions).
    labels
        (draws, repetitions, directions): direction that each response is given to.
    cosine, sine
        (harmonics, directions).

    Returns
    -------
    numpy.ndarray
        (draws, harmonics, 2): squared length of the sum over repetitions, and the sum of the squared
        distances of the repetitions' own sums from their mean.
    """
    n_draws, n_reps, n_dirs = labels.shape
    n_harmonics = cosine.shape[0]
    found = np.empty((n_draws, n_harmonics, 2))
    for draw in range(n_draws):
        for h in range(n_harmonics):
            sum_x = 0.0
            sum_y = 0.0
            squares = 0.0
            for j in range(n_reps):
                x = 0.0
                y = 0.0
                for i in range(n_dirs):
                    label = labels[draw, j, i]
                    x += responses[j, i] * cosine[h, label]
                    y += responses[j, i] * sine[h, label]
                sum_x += x
                sum_y += y
                squares += x * x + y * y
            length = sum_x * sum_x + sum_y * sum_y
            found[draw, h, 0] = length
            found[draw, h, 1] = max(squares - length / n_reps, 0.0)
    return found
