"""Direction and orientation tuning from spike counts per sweep.

References
----------
Mazurek M., Kager M., Van Hooser S. D. (2014) Robust quantification of orientation selectivity and direction
selectivity. Front. Neural Circuits 8: 92 (vector-sum indices).
Phipson B., Smyth G. K. (2010) Permutation p-values should never be zero. Stat. Appl. Genet. Mol. Biol. 9: 39.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DirectionTuning", "direction_tuning"]

_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class DirectionTuning:
    """Tuning of several units; all arrays have one entry per unit unless stated.

    Attributes
    ----------
    tuning_curve, tuning_sem
        (units, directions): mean over repetitions and its standard error (NaN below two repetitions).
    dsi, osi
        Length of the vector sum over directions (doubled angles for `osi`) by the sum: 0 to 1.
    preferred_direction
        Degrees, 0 to 360; NaN if the vector sum vanishes.
    preferred_motion_axis
        Half the angle of the doubled-angle sum, degrees, 0 to 180.
    dsi_pref_null
        (pref - null) / (pref + null) of the largest response and the opposite one; the mean over directions
        that tie for the largest; NaN if the opposite direction was not shown.
    dsi_p, osi_p
        Permutation p values.
    dsi_null_mean, osi_null_mean
        Mean index of the permuted responses: what an untuned unit with these counts has.
    """

    tuning_curve: NDArray[np.float64]
    tuning_sem: NDArray[np.float64]
    dsi: NDArray[np.float64]
    osi: NDArray[np.float64]
    preferred_direction: NDArray[np.float64]
    preferred_motion_axis: NDArray[np.float64]
    dsi_pref_null: NDArray[np.float64]
    dsi_p: NDArray[np.float64]
    osi_p: NDArray[np.float64]
    dsi_null_mean: NDArray[np.float64]
    osi_null_mean: NDArray[np.float64]


def direction_tuning(
    responses: NDArray[Any],
    directions_deg: ArrayLike,
    *,
    n_permutations: int = 2000,
    seed: int = 0,
) -> DirectionTuning:
    """Compute selectivity indices, preferred angles and their significance.

    Parameters
    ----------
    responses
        (units, repetitions, directions) spike counts, not negative.
    directions_deg
        (directions,) direction of motion in degrees.
    n_permutations
        Permutations of the directions within each repetition, the same for every unit.
    seed
        Of the random generator.

    Returns
    -------
    DirectionTuning
        A unit without a spike has NaN indices and angles, and p = 1.
    """
    responses = np.asarray(responses, np.float64)
    theta = np.deg2rad(np.asarray(directions_deg, np.float64))
    n_units, n_reps, n_dirs = responses.shape
    sums = responses.sum(axis=1)
    total = sums.sum(axis=-1)
    waves = np.exp(1j * np.outer(theta, (1, 2)))
    vectors = sums @ waves
    indices = _ratio(np.abs(vectors), total[:, None])
    angles = np.where(indices > _TIE, np.rad2deg(np.angle(vectors)), np.nan)
    p_values, null_means = _permutation_test(responses, waves, indices, n_permutations, seed)
    sem = np.full((n_units, n_dirs), np.nan)
    if n_reps > 1:
        sem = responses.std(axis=1, ddof=1) / np.sqrt(n_reps)
    return DirectionTuning(
        tuning_curve=sums / n_reps,
        tuning_sem=sem,
        dsi=indices[:, 0],
        osi=indices[:, 1],
        preferred_direction=_wrap(angles[:, 0], 360.0),
        preferred_motion_axis=_wrap(angles[:, 1] / 2, 180.0),
        dsi_pref_null=_pref_null(sums, np.rad2deg(theta)),
        dsi_p=p_values[:, 0],
        osi_p=p_values[:, 1],
        dsi_null_mean=null_means[:, 0],
        osi_null_mean=null_means[:, 1],
    )


def _permutation_test(
    responses: NDArray[np.float64],
    waves: NDArray[np.complex128],
    observed: NDArray[np.float64],
    n_permutations: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P values and null means (units, 2) of both indices."""
    n_units, n_reps, n_dirs = responses.shape
    orders = np.random.default_rng(seed).permuted(
        np.broadcast_to(np.arange(n_dirs), (n_permutations, n_reps, n_dirs)), axis=-1
    )
    shuffled_waves = waves[orders].reshape(n_permutations, n_reps * n_dirs, 2)
    flat = responses.reshape(n_units, n_reps * n_dirs)
    total = flat.sum(axis=-1)
    p_values, means = np.ones((n_units, 2)), np.full((n_units, 2), np.nan)
    for unit in np.flatnonzero(total > 0):
        # einsum, not a BLAS product: its order of summation does not depend on the number of threads.
        null = np.abs(np.einsum("s,psk->pk", flat[unit], shuffled_waves)) / total[unit]
        reached = (null >= observed[unit] * (1 - _TIE) - _TIE).sum(axis=0)
        p_values[unit] = (1 + reached) / (1 + n_permutations)
        means[unit] = null.mean(axis=0)
    return p_values, means


def _pref_null(sums: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    apart = np.abs((directions[:, None] - directions[None, :]) % 360.0 - 180.0)
    opposite = apart.argmin(axis=1)
    null = np.where(apart.min(axis=1) < 1e-6, sums[:, opposite], np.nan)
    index = _ratio(sums - null, sums + null)
    largest = sums >= sums.max(axis=-1, keepdims=True) * (1 - _TIE)
    return np.asarray(np.where(largest, index, 0.0).sum(axis=-1) / largest.sum(axis=-1))


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotient with 0 / 0 = NaN."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator != 0))


def _wrap(angles: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """Angles in [0, period); a rounding error below 0 is 0, not the period."""
    wrapped = np.mod(angles, period)
    return np.asarray(np.where(period - wrapped < 1e-9 * period, 0.0, wrapped))
