"""Direction and orientation tuning from the spikes that each sweep of a moving bar evokes.

Pure functions, vectorised over units. A response is evoked and signed: the spikes in a window of a sweep,
divided by the trend over sweeps, minus what the maintained rate gives in a window of that length. Flooring
at 0, or full sweeps with their maintained spikes, would make the index one of the maintained rate.

A gain that fluctuates over tens of seconds makes neighbouring sweeps alike, and neighbouring sweeps are
neighbouring directions: permutations, which break that, call up to a fifth of such cells direction selective
at a level of 0.05 by the length of the vector sum. Each repetition then has a vector of its own, so `dsi_p`
compares the length with how far these are apart (Victor & Mast). Axes come back twice as fast and are not
concerned.

References
----------
Mazurek M., Kager M., Van Hooser S. D. (2014) Robust quantification of orientation selectivity and direction
selectivity. Front. Neural Circuits 8: 92 (vector-sum indices).
Phipson B., Smyth G. K. (2010) Permutation p-values should never be zero. Stat. Appl. Genet. Mol. Biol. 9: 39.
Fieller E. C. (1954), Victor J. D., Mast J. (1991): see `hdmea.features.science.confidence`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.confidence import angle_limits, index_limits
from hdmea.utils.giving_way import giving_way

__all__ = ["DirectionTuning", "direction_tuning", "sweep_trend", "vector_indices"]

_TIE = 1e-9
_LARGEST_CHANGE = 20.0
"""Factor over all sweeps beyond which a trend is not divided out: a few spikes would be blown up."""
_MOST_ROTATIONS = 4096
_HALF_A_SPIKE = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DirectionTuning:
    """Tuning of several units; all arrays have one entry per unit unless stated.

    Attributes
    ----------
    responses
        (units, repetitions, directions) evoked spikes, trend divided out; negative where a sweep suppresses.
    tuning_curve, tuning_sem
        (units, directions): mean over repetitions and its standard error (NaN below two repetitions).
    trend
        Rate at the last sweep / rate at the first, from changes of the same direction between repetitions.
    dsi, osi
        Length of the vector sum of the mean responses over directions (doubled angles for `osi`) by their
        sum, at most 1; NaN if the sum is not larger than two of its standard errors.
    preferred_direction
        Degrees, 0 to 360; NaN if the vector sum vanishes.
    preferred_motion_axis
        Half the angle of the doubled-angle sum, degrees, 0 to 180.
    dsi_pref_null
        (pref - null) / (pref + null) of the largest response and the opposite one, within -1 and 1; the mean
        over directions that tie for the largest; NaN if the opposite direction was not shown.
    *_low, *_high
        Limits of the 95 % interval; NaN below three repetitions. Those of angles go beyond their range, so
        that low <= value <= high.
    dsi_p
        Permutation of the directions within each repetition; compared is the squared length of the vector sum
        by how far the vector sums of single repetitions are apart. NaN for one repetition or no spike.
    osi_p, dsi_permutation_p
        The same permutations; compared is the length of the vector sum.
    dsi_rotation_p, osi_rotation_p
        Each repetition's sequence of directions rotated by a step of its own: 64 arrangements of 3
        repetitions of 8 directions; of axes 16 that differ.
    least_rotation_p
        Smallest value that these two can have.
    dsi_null_mean, osi_null_mean
        Mean index of the permuted responses: what an untuned unit with these counts has.
    """

    responses: Floats
    tuning_curve: Floats
    tuning_sem: Floats
    trend: Floats
    dsi: Floats
    dsi_low: Floats
    dsi_high: Floats
    osi: Floats
    osi_low: Floats
    osi_high: Floats
    preferred_direction: Floats
    preferred_direction_low: Floats
    preferred_direction_high: Floats
    preferred_motion_axis: Floats
    preferred_motion_axis_low: Floats
    preferred_motion_axis_high: Floats
    dsi_pref_null: Floats
    dsi_p: Floats
    dsi_rotation_p: Floats
    dsi_permutation_p: Floats
    osi_p: Floats
    osi_rotation_p: Floats
    dsi_null_mean: Floats
    osi_null_mean: Floats
    least_rotation_p: tuple[float, float]


def direction_tuning(
    counts: NDArray[Any],
    directions_deg: ArrayLike,
    *,
    blank: ArrayLike = 0.0,
    blank_se: ArrayLike = 0.0,
    lengths: ArrayLike | None = None,
    order: ArrayLike | None = None,
    n_permutations: int = 2000,
    seed: int = 0,
) -> DirectionTuning:
    """Compute selectivity indices, preferred angles, their intervals and significance.

    Parameters
    ----------
    counts
        (units, repetitions, directions) spikes in the window of each sweep.
    directions_deg
        (directions,) direction of motion in degrees.
    blank
        (units,) or one number: spikes that the maintained rate gives in a window of length 1.
    blank_se
        Standard error of `blank`.
    lengths
        (units, repetitions): lengths of the windows, the same for all directions; default 1.
    order
        (repetitions, directions): number of each sweep in the order of showing; default: the directions of a
        repetition one after the other.
    n_permutations
        Permutations of the directions within each repetition, the same for every unit.
    seed
        Of the random generator.

    Returns
    -------
    DirectionTuning
        A unit without a spike has NaN for everything but its tuning curve.
    """
    counts = np.asarray(counts, np.float64)
    n_units, n_reps, n_dirs = counts.shape
    directions = np.asarray(directions_deg, np.float64)
    lengths = np.ones((n_units, n_reps)) if lengths is None else np.asarray(lengths, np.float64)
    blank = np.broadcast_to(np.asarray(blank, np.float64), n_units)
    blank_se = np.broadcast_to(np.asarray(blank_se, np.float64), n_units)
    number = np.arange(n_reps * n_dirs) if order is None else np.asarray(order, np.int64).ravel()
    gain = sweep_trend(counts, lengths, number.reshape(n_reps, n_dirs))
    steady = counts / gain
    expected = (blank[:, None] * lengths)[:, :, None]
    responses = steady - expected
    curve = responses.mean(axis=1)
    spread = _Spread.of(steady, blank_se * lengths.mean(axis=1), number.reshape(n_reps, n_dirs))
    theta = np.deg2rad(directions)
    waves = np.exp(1j * np.outer(theta, (1, 2)))
    total = curve.sum(axis=-1)
    vectors = np.einsum("ud,dk->uk", curve, waves)
    some = counts.sum(axis=(1, 2)) > 0
    # Identical repetitions have no error: what rounding leaves of the sum is 0 all the same.
    size = _TIE * (np.abs(steady).sum(axis=(1, 2)) / n_reps + np.abs(expected).sum(axis=(1, 2)))
    usable = some & (total > np.maximum(2 * spread.se_total, size))
    divisor = np.where(usable, total, np.nan)[:, None]
    indices = np.abs(vectors) / divisor
    significant = np.abs(vectors) > size[:, None]
    angles = np.where(significant & some[:, None], np.rad2deg(np.angle(vectors)), np.nan)
    tests = _Tests.of(
        np.where(some[:, None, None], responses, 0.0),
        number.reshape(n_reps, n_dirs),
        waves,
        n_permutations,
        seed,
    )
    null_means = tests.null_lengths / divisor
    direction, axis = _wrap(angles[:, 0], 360.0), _wrap(angles[:, 1] / 2, 180.0)
    low_d, high_d = spread.angle_limits(direction, vectors[:, 0], waves[:, 0], 360.0)
    low_a, high_a = spread.angle_limits(axis, vectors[:, 1], waves[:, 1], 180.0)
    limits = [spread.index_limits(vectors[:, k], total, waves[:, k]) for k in (0, 1)]
    # Of a sum that does not differ from 0 any index can come.
    (dsi_low, dsi_high), (osi_low, osi_high) = (
        (np.where(usable | ~some, low, 0.0), np.where(usable | ~some, high, 1.0)) for low, high in limits
    )
    sem = np.full((n_units, n_dirs), np.nan)
    if n_reps > 1:
        sem = responses.std(axis=1, ddof=1) / np.sqrt(n_reps)
    flat = gain.reshape(n_units, n_reps * n_dirs)
    return DirectionTuning(
        responses=responses,
        tuning_curve=curve,
        tuning_sem=sem,
        trend=flat[:, number.argmax()] / flat[:, number.argmin()],
        dsi=np.minimum(indices[:, 0], 1.0),
        dsi_low=dsi_low,
        dsi_high=dsi_high,
        osi=np.minimum(indices[:, 1], 1.0),
        osi_low=osi_low,
        osi_high=osi_high,
        preferred_direction=direction,
        preferred_direction_low=low_d,
        preferred_direction_high=high_d,
        preferred_motion_axis=axis,
        preferred_motion_axis_low=low_a,
        preferred_motion_axis_high=high_a,
        dsi_pref_null=np.where(usable, _pref_null(curve, directions), np.nan),
        dsi_p=tests.consistent[:, 0],
        dsi_rotation_p=tests.rotation[:, 0],
        dsi_permutation_p=tests.permutation[:, 0],
        osi_p=tests.permutation[:, 1],
        osi_rotation_p=tests.rotation[:, 1],
        least_rotation_p=(_least_rotation_p(n_reps, n_dirs, 1), _least_rotation_p(n_reps, n_dirs, 2)),
        dsi_null_mean=null_means[:, 0],
        osi_null_mean=null_means[:, 1],
    )


def vector_indices(
    responses: NDArray[Any], directions_deg: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return indices and preferred angles of responses as they are.

    Parameters
    ----------
    responses
        (units, directions), not negative.
    directions_deg
        (directions,).

    Returns
    -------
    dsi, osi, preferred_direction, preferred_motion_axis
        float64 (units,); NaN where the responses, or their vector sum, vanish.
    """
    responses = np.asarray(responses, np.float64)
    waves = np.exp(1j * np.outer(np.deg2rad(np.asarray(directions_deg, np.float64)), (1, 2)))
    vectors = np.einsum("ud,dk->uk", responses, waves)
    indices = _ratio(np.abs(vectors), responses.sum(axis=-1)[:, None])
    angles = np.where(indices > _TIE, np.rad2deg(np.angle(vectors)), np.nan)
    return indices[:, 0], indices[:, 1], _wrap(angles[:, 0], 360.0), _wrap(angles[:, 1] / 2, 180.0)


def sweep_trend(counts: Floats, lengths: Floats, order: NDArray[np.int64]) -> Floats:
    """Trend over the sweeps of a movie.

    Poisson log-linear regression of the counts on the number of the sweep, with one level per direction: only
    changes of the same direction between repetitions enter, so tuning cannot. The slope is shrunk by the part
    of its square that its error explains: an error of the slope moves the sweeps at the begin of every
    repetition, which are always the same directions, against those at its end.

    Parameters
    ----------
    counts
        (units, repetitions, directions).
    lengths
        (units, repetitions) lengths of the windows.
    order
        (repetitions, directions) number of each sweep in the order of showing.

    Returns
    -------
    numpy.ndarray
        float64, shape of `counts`: gain of each sweep, with mean 1; 1 for a single repetition.
    """
    from hdmea.features.science.direction_kernels import trends

    n_units, n_reps, n_dirs = counts.shape
    if n_reps < 2 or not n_units:
        return np.ones(counts.shape)
    number = np.ascontiguousarray(order, np.int64).ravel()
    flat = counts.reshape(n_units, -1)
    weights, labels = _per_sweep(lengths, n_dirs), _labels(n_reps, n_dirs)
    slope = trends(flat, weights, labels, number, n_dirs, _steepest(number))
    steady = counts / np.exp(slope[:, None] * (number - number.mean())).reshape(counts.shape)
    se = _slope_se(_dispersion(steady), steady.mean(axis=1), order, n_reps)
    size = np.square(slope)
    slope = slope * np.divide(np.maximum(size - se**2, 0.0), size, out=np.ones(n_units), where=size > 0)
    gain = np.exp(slope[:, None] * (number - number.mean()))
    gain /= gain.mean(axis=1, keepdims=True)
    return np.asarray(gain.reshape(counts.shape))


@dataclass(frozen=True, slots=True)
class _Spread:
    """Errors of mean responses.

    Attributes
    ----------
    variance
        (units, directions): a factor times the mean count, the factor pooled over all directions. Half a
        spike is added to each direction's count (Jeffreys): no spike does not mean no error.
    blank_variance
        (units,) of the maintained spikes per window, common to all directions.
    slope_effect
        (units, directions): change of the mean responses with one standard error of the trend's slope.
    degrees
        Degrees of freedom.
    n_repetitions
        Repetitions.
    """

    variance: Floats
    blank_variance: Floats
    slope_effect: Floats
    degrees: int
    n_repetitions: int

    @classmethod
    def of(cls, steady: Floats, blank_se: Floats, order: NDArray[np.int64]) -> _Spread:
        n_units, n_reps, n_dirs = steady.shape
        mean = steady.mean(axis=1)
        factor, effect = np.ones(n_units), np.zeros((n_units, n_dirs))
        if n_reps > 1:
            factor = _dispersion(steady)
            slope_se = _slope_se(factor, mean, order, n_reps)
            effect = (steady * (order - order.mean())).mean(axis=1) * slope_se[:, None]
        variance = factor[:, None] * (mean + _HALF_A_SPIKE / n_reps) / n_reps
        return cls(variance, np.square(blank_se), effect, n_dirs * (n_reps - 1), n_reps)

    def _covariance(self, a: Floats, b: Floats) -> Floats:
        """Covariance of two sums over directions of the mean responses with the weights a and b."""
        own = (self.variance * a * b).sum(axis=-1)
        common = self.blank_variance * a.sum(axis=-1) * b.sum(axis=-1)
        slope = (self.slope_effect * a).sum(axis=-1) * (self.slope_effect * b).sum(axis=-1)
        return np.asarray(own + common + slope)

    @property
    def se_total(self) -> Floats:
        """Standard error of the sum of the mean responses."""
        ones = np.ones_like(self.variance)
        return np.asarray(np.sqrt(self._covariance(ones, ones)))

    def index_limits(
        self, vectors: NDArray[np.complex128], total: Floats, waves: NDArray[np.complex128]
    ) -> tuple[Floats, Floats]:
        """Limits of the vector's length by the sum, from the errors along the vector."""
        if self.n_repetitions < 3:
            return np.full(len(total), np.nan), np.full(len(total), np.nan)
        along, ones = self._projection(vectors, waves).real, np.ones_like(self.variance)
        return index_limits(
            np.abs(vectors),
            total,
            var_length=self._covariance(along, along),
            var_total=self._covariance(ones, ones),
            covariance=self._covariance(along, ones),
            degrees=self.degrees,
        )

    def angle_limits(
        self, angle: Floats, vectors: NDArray[np.complex128], waves: NDArray[np.complex128], period: float
    ) -> tuple[Floats, Floats]:
        """Limits of the vector's angle, from the errors across the vector."""
        if self.n_repetitions < 3:
            return np.full(len(angle), np.nan), np.full(len(angle), np.nan)
        across = self._projection(vectors, waves).imag
        se = np.sqrt(self._covariance(across, across))
        return angle_limits(angle, np.abs(vectors), se, self.degrees, period_deg=period)

    @staticmethod
    def _projection(vectors: NDArray[np.complex128], waves: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """(units, directions): unit vectors of the directions, turned so that the vector sum is real."""
        return np.asarray(waves * np.exp(-1j * np.angle(vectors))[:, None])


@dataclass(frozen=True, slots=True)
class _Tests:
    """P values (units, 2) of the vector sums of both harmonics, and their mean length under permutation.

    Attributes
    ----------
    permutation, rotation
        Of the length of the vector sum.
    consistent
        By permutation, of its square by how far the repetitions' own sums are apart.
    null_lengths
        Mean length, per repetition.
    """

    permutation: Floats
    consistent: Floats
    rotation: Floats
    null_lengths: Floats

    @classmethod
    def of(
        cls, responses: Floats, order: NDArray[np.int64], waves: NDArray[np.complex128], n: int, seed: int
    ) -> _Tests:
        from hdmea.features.science.direction_kernels import rearranged_vectors

        n_units, n_reps, n_dirs = responses.shape
        found = cls(*(np.full((n_units, 2), np.nan) for _ in range(4)))
        if n_reps < 2:
            return found
        permuted, (rotated, seen) = _permutations(n_reps, n_dirs, n, seed), _rotations(order, n, seed)
        shown = np.broadcast_to(np.arange(n_dirs), (1, n_reps, n_dirs))
        cosine, sine = np.ascontiguousarray(waves.real.T), np.ascontiguousarray(waves.imag.T)
        for unit in giving_way(np.flatnonzero(responses.any(axis=(1, 2)))):
            values = np.ascontiguousarray(responses[unit])
            # Lengths that differ by rounding are equal, as of repetitions that are the same.
            slack = _TIE * np.square(np.abs(values).sum())
            own = rearranged_vectors(values, np.ascontiguousarray(shown), cosine, sine)[0]
            null = rearranged_vectors(values, permuted, cosine, sine)
            threshold = own[:, 0] * (1 - _TIE) - slack
            found.permutation[unit] = (1 + (null[..., 0] >= threshold).sum(axis=0)) / (1 + n)
            apart, quotient = null[..., 1] + slack, own[:, 0] / (own[:, 1] + slack)
            reached = null[..., 0] >= apart * quotient * (1 - _TIE) - slack
            found.consistent[unit] = (1 + reached.sum(axis=0)) / (1 + n)
            found.null_lengths[unit] = np.sqrt(null[..., 0]).mean(axis=0) / n_reps
            null = rearranged_vectors(values, rotated, cosine, sine)
            reached = (null[..., 0] >= threshold).sum(axis=0)
            found.rotation[unit] = (seen + reached) / (seen + len(rotated))
        return found


def _dispersion(steady: Floats) -> Floats:
    """Variance of the counts of a direction by their mean, pooled over directions.

    Weighted so that all directions with spikes count alike: the largest alone is a few repetitions.
    """
    mean = steady.mean(axis=1)
    weight = 1.0 / (mean + _HALF_A_SPIKE)
    squares, share = (steady.var(axis=1, ddof=1) * weight).sum(axis=-1), (mean * weight).sum(axis=-1)
    return np.asarray(np.divide(squares, share, out=np.zeros(len(steady)), where=share > 0))


def _slope_se(factor: Floats, mean: Floats, order: NDArray[np.int64], n_reps: int) -> Floats:
    """Return the standard error of the slope of a log-linear regression with one level per direction."""
    information = n_reps * (mean * order.var(axis=0)).sum(axis=-1)
    known = information > 0
    return np.asarray(np.sqrt(np.divide(factor, information, out=np.zeros(len(mean)), where=known)))


def _permutations(n_reps: int, n_dirs: int, n: int, seed: int) -> NDArray[np.int64]:
    """Labels (draws, repetitions, directions) with the directions permuted within each repetition."""
    order = np.broadcast_to(np.arange(n_dirs, dtype=np.int64), (n, n_reps, n_dirs))
    return np.ascontiguousarray(np.random.default_rng(seed).permuted(order, axis=-1))


def _rotations(order: NDArray[np.int64], n: int, seed: int) -> tuple[NDArray[np.int64], int]:
    """Labels with each repetition's sequence rotated by a step of its own.

    All that differ, what was seen among them, and 0; or `n` of very many, and 1 for what was seen.
    """
    n_reps, n_dirs = order.shape
    place = np.argsort(np.argsort(order, axis=1), axis=1)
    shown = np.argsort(order, axis=1)
    if n_dirs ** (n_reps - 1) <= _MOST_ROTATIONS:
        steps = np.array(list(itertools.product(range(n_dirs), repeat=n_reps - 1)), np.int64)
        steps, seen = np.hstack((np.zeros((len(steps), 1), np.int64), steps.reshape(len(steps), -1))), 0
    else:
        steps, seen = np.random.default_rng(seed).integers(0, n_dirs, (n, n_reps)), 1
    at = (place[None] + steps[:, :, None]) % n_dirs
    labels = np.take_along_axis(np.broadcast_to(shown, (len(steps), n_reps, n_dirs)), at, axis=2)
    return np.ascontiguousarray(labels, np.int64), seen


def _least_rotation_p(n_reps: int, n_dirs: int, harmonic: int) -> float:
    """Smallest p value by rotation: what was seen among those that differ."""
    if n_reps < 2:
        return math.nan
    different = float(n_dirs // math.gcd(n_dirs, harmonic))
    return float(max(different ** (1 - n_reps), 1 / (1 + _MOST_ROTATIONS)))


def _labels(n_reps: int, n_dirs: int) -> NDArray[np.int64]:
    return np.tile(np.arange(n_dirs, dtype=np.int64), n_reps)


def _per_sweep(lengths: Floats, n_dirs: int) -> Floats:
    return np.ascontiguousarray(np.repeat(np.asarray(lengths, np.float64), n_dirs, axis=1))


def _steepest(number: NDArray[np.int64]) -> float:
    return float(np.log(_LARGEST_CHANGE) / max(int(np.ptp(number)), 1))


def _pref_null(curve: Floats, directions: Floats) -> Floats:
    apart = np.abs((directions[:, None] - directions[None, :]) % 360.0 - 180.0)
    opposite = apart.argmin(axis=1)
    null = np.where(apart.min(axis=1) < 1e-6, curve[:, opposite], np.nan)
    index = np.where(curve + null > 0, _ratio(curve - null, curve + null), np.nan)
    highest = curve.max(axis=-1, keepdims=True)
    largest = curve >= highest - np.abs(highest) * _TIE
    return np.asarray(np.clip(np.where(largest, index, 0.0).sum(axis=-1) / largest.sum(axis=-1), -1.0, 1.0))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient with 0 / 0 = NaN."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator != 0))


def _wrap(angles: Floats, period: float) -> Floats:
    """Angles in [0, period); a rounding error below 0 is 0, not the period."""
    wrapped = np.mod(angles, period)
    return np.asarray(np.where(period - wrapped < 1e-9 * period, 0.0, wrapped))
