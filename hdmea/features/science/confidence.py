"""Confidence intervals of vector lengths, indices and angles from a few repetitions.

Pure functions, vectorised over units. A vector here is a pair of sums over repetitions, such as the two
coefficients of a sine or the vector sum over directions; its errors are taken to be normal.

References
----------
Fieller E. C. (1954) Some problems in interval estimation. J. R. Stat. Soc. B 16: 175-185 (ratio).
Victor J. D., Mast J. (1991) A new statistic for steady-state evoked potentials. Electroencephalogr. Clin.
Neurophysiol. 78: 378-388 (F distribution of a vector's length).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["angle_limits", "fieller_limits", "index_limits", "length_limits"]

_BISECTIONS = 32
_ROUNDS = 14
_NODES = 24
_FAR = 15.0
"""Lengths of so many standard errors have the limits of a normal distribution's mean."""
_GRID = np.linspace(0.0, _FAR, 151)

Floats = NDArray[np.float64]


def length_limits(
    length: ArrayLike, se: ArrayLike, degrees: float, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Limits of a vector's true length.

    The limits are the true lengths for which the observed one is on the edge of either tail. For a true
    length of 0 that is the F test of ``length² / (2 se²)`` with 2 and `degrees` degrees of freedom, for a
    long vector Student's interval. (Limits of the noncentral F distribution are those of the length *in
    standard errors*; multiplied by the estimate of these they are too wide for all but short vectors.)

    Parameters
    ----------
    length
        Length of the observed vector.
    se
        Standard error of each of its two components.
    degrees
        Degrees of freedom of `se`.
    confidence
        Of the interval.

    Returns
    -------
    low, high
        NaN where `se` or `degrees` is not known; the length itself where `se` is 0.
    """
    length, se = _together(length, se)
    if not degrees > 0:
        return np.full(length.shape, np.nan), np.full(length.shape, np.nan)
    known = np.isfinite(length + se)
    safe = np.where(known & (se > 0), se, 1.0)
    low, high = _limits(float(degrees), confidence)(np.where(known, length, 0.0) / safe)
    low, high = (np.where(se > 0, limit * safe, length) for limit in (low, high))
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def index_limits(
    length: ArrayLike,
    total: ArrayLike,
    *,
    var_length: ArrayLike,
    var_total: ArrayLike,
    covariance: ArrayLike,
    degrees: float,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Limits of the true quotient of a vector's length and a sum that varies with it.

    As `length_limits`, for the difference of length and quotient times sum (Fieller's): its variance depends
    on the quotient in question.

    Parameters
    ----------
    length, total
        Length of the observed vector, and the sum, positive.
    var_length, var_total, covariance
        Variance of the vector's component along its own direction, of the sum, and their covariance.
    degrees
        Degrees of freedom of these variances.
    confidence
        Of the interval.

    Returns
    -------
    low, high
        Within 0 and 1; NaN where the variances are not known or the sum is not positive.
    """
    length, total, along, var_total, covariance = _together(length, total, var_length, var_total, covariance)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where(total > 0, length / total, np.nan)
    limits = [index, index]
    for end in (0, 1):
        for turn in range(_ROUNDS):
            quotient = np.clip(limits[end], 0.0, 1.0)
            variance = along - 2 * quotient * covariance + np.square(quotient) * var_total
            with np.errstate(invalid="ignore", divide="ignore"):
                se = np.sqrt(np.maximum(variance, 0.0)) / total
            fresh = np.minimum(length_limits(index, se, degrees, confidence)[end], 1.0)
            # Half steps: the standard error depends on the quotient.
            limits[end] = fresh if turn == _ROUNDS - 1 else 0.5 * (quotient + fresh)
    return np.minimum(limits[0], index), np.maximum(limits[1], np.minimum(index, 1.0))


def fieller_limits(
    a: ArrayLike,
    b: ArrayLike,
    *,
    var_a: ArrayLike,
    var_b: ArrayLike,
    covariance: ArrayLike = 0.0,
    degrees: float,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Limits of the true quotient a / b of two means.

    Parameters
    ----------
    a, b
        The means.
    var_a, var_b, covariance
        Their variances and covariance.
    degrees
        Degrees of freedom of these.
    confidence
        Of the interval.

    Returns
    -------
    low, high
        ``-inf, inf`` where b cannot be told from 0; NaN where something is not known.
    """
    from scipy.special import stdtrit

    a, b, va, vb, cov = _together(a, b, var_a, var_b, covariance)
    with np.errstate(invalid="ignore", divide="ignore"):
        t2 = np.square(stdtrit(degrees, 0.5 + confidence / 2))
        square, middle, rest = b**2 - t2 * vb, a * b - t2 * cov, a**2 - t2 * va
        root = np.sqrt(np.maximum(middle**2 - square * rest, 0.0))
        low, high = (middle - root) / square, (middle + root) / square
    unknown = ~np.isfinite(square + middle + rest)
    bounded = square > 0
    low, high = np.where(bounded, low, -np.inf), np.where(bounded, high, np.inf)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def angle_limits(
    angle_deg: ArrayLike,
    length: ArrayLike,
    se: ArrayLike,
    degrees: float,
    *,
    period_deg: float = 360.0,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Limits of the true angle of a vector.

    The angles whose perpendicular component of the vector does not differ from 0 (Fieller's set): within
    ``asin(t se / length)``; the whole circle if the vector is not longer than one of pure noise (F test).

    Parameters
    ----------
    angle_deg
        Angle of the vector.
    length, se, degrees
        Its length, the standard error across it, and the degrees of freedom of that.
    period_deg
        360, or 180 for axes whose doubled angles make the vector (`angle_deg` is the axis).
    confidence
        Of the interval.

    Returns
    -------
    low, high
        Degrees; low can be negative and high beyond the period, so that ``low <= angle <= high``.
    """
    from scipy.special import fdtri, stdtrit

    angle, length, se = _together(angle_deg, length, se)
    t = stdtrit(degrees, 0.5 + confidence / 2)
    # A vector that is not longer than chance may point away from the true one.
    shortest = np.sqrt(2 * fdtri(2, degrees, confidence))
    with np.errstate(invalid="ignore", divide="ignore"):
        sine, short = t * se / length, length <= shortest * se
    half = np.rad2deg(np.arcsin(np.clip(sine, 0.0, 1.0))) * period_deg / 360.0
    half = np.where(short, period_deg / 2, half)
    return angle - half, angle + half


def _together(*values: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.broadcast_arrays(*(np.asarray(value, np.float64) for value in values)))


@dataclass(frozen=True)
class _Limits:
    """Limits of a true length in standard errors against the observed length in standard errors."""

    low: Floats
    high: Floats
    t: float

    def __call__(self, ratio: Floats) -> tuple[Floats, Floats]:
        """Interpolate; far from 0 noise across the vector only makes it longer by half its variance."""
        far = ratio >= _FAR
        safe = np.where(far, ratio, _FAR)
        low, high = (np.sqrt(np.square(safe + shift) - 1.0) for shift in (-self.t, self.t))
        return (
            np.where(far, low, np.interp(ratio, _GRID, self.low)),
            np.where(far, high, np.interp(ratio, _GRID, self.high)),
        )


@functools.lru_cache(maxsize=64)
def _limits(degrees: float, confidence: float) -> _Limits:
    """Where either tail of the observed lengths contains half of what `confidence` leaves.

    The length of a vector of known standard error has a Rice distribution; its mean over the standard errors
    that an estimate with so many degrees of freedom leaves possible is an F distribution for a true length of
    0 and Student's for a large one.
    """
    from scipy.special import chdtri, chndtr, stdtrit

    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    precision = chdtri(degrees, 0.5 + 0.5 * nodes) / degrees

    def share_below(true: Floats) -> Floats:
        below = chndtr(np.square(_GRID)[:, None] * precision, 2.0, np.square(true)[:, None] * precision)
        return np.asarray(below @ (0.5 * weights))

    tail = 0.5 * (1 - confidence)
    t = float(stdtrit(degrees, 1 - tail))
    found = []
    for share in (1 - tail, tail):
        low, high = np.zeros_like(_GRID), _GRID + 2 * t + 2
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            beyond = share_below(middle) < share
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        found.append(np.where(share_below(np.zeros_like(_GRID)) < share, 0.0, low))
    return _Limits(found[0], found[1], t)
