"""Models of a receptive field's spatial map, fitted by least squares.

A map is fitted with its sign, unsmoothed, and with a free offset. Coordinates are pixels of the map, x along
columns and y along rows, whole numbers at the pixels' centres.

References
----------
Chichilnisky E. J., Kalmar R. S. (2002) Functional asymmetries in ON and OFF ganglion cells of primate retina.
J. Neurosci. 22: 2737-2747 (Gaussian fit to the spatial profile).
Rodieck R. W. (1965) Quantitative analysis of cat retinal ganglion cell response to visual stimuli. Vision
Res. 5: 583-601 (difference of Gaussians).
Schwarz G. (1978) Estimating the dimension of a model. Ann. Stat. 6: 461-464 (BIC).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.giving_way import give_way

__all__ = ["MODELS", "GaussianShape", "MapFit", "ShapeErrors", "fit_map", "flat_bic"]

MODELS = ("gaussian", "dog", "on_off")

_CENTER_RANGE = 5.0
_SIGMA_RANGE = (0.3, 7.5)
_MOST_EVALUATIONS = 300
_CORRELATED = 2
_ROUND = 1e-3
"""Sigmas that differ by less than this part have no orientation worth the name."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GaussianShape:
    """A rotated two-dimensional Gaussian.

    Attributes
    ----------
    amplitude
        With its sign, in the map's unit.
    x, y
        Centre in pixels.
    sigma_major, sigma_minor
        Standard deviations along its axes in pixels.
    orientation_deg
        Of the major axis: 0 along rows, 90 along columns, counted from x towards smaller y; 0 to 180.
    """

    amplitude: float
    x: float
    y: float
    sigma_major: float
    sigma_minor: float
    orientation_deg: float

    @property
    def area(self) -> float:
        """Area of the ellipse of one standard deviation, in square pixels."""
        return math.pi * self.sigma_major * self.sigma_minor


@dataclass(frozen=True, slots=True)
class ShapeErrors:
    """Half widths of the 95 % intervals of a Gaussian, in pixels; `sigma` is √(major · minor)."""

    x: float
    y: float
    sigma_major: float
    sigma_minor: float
    sigma: float


@dataclass(frozen=True, slots=True)
class MapFit:
    """One model fitted to one map.

    Attributes
    ----------
    shapes
        gaussian: one; dog: centre and surround; on_off: ON and OFF.
    offset
        In the map's unit.
    r2
        1 - residual / total sum of squares about the mean.
    bic
        ``n ln(residual / n) + parameters * ln n``.
    errors
        Of the Gaussian that has the sign of the peak.
    """

    shapes: tuple[GaussianShape, ...]
    offset: float
    r2: float
    bic: float
    errors: ShapeErrors


def fit_map(spatial_map: NDArray[Any], peak: tuple[int, int], model: str) -> MapFit | None:
    """Fit a model to a spatial map.

    Parameters
    ----------
    spatial_map
        (height, width), signed, not smoothed.
    peak
        Row and column of the peak. Centres are within 5 pixels of it; sigmas between 0.3 and 7.5 pixels.
    model
        ``gaussian`` (rotated), ``dog`` (rotated centre and concentric round surround of opposite sign) or
        ``on_off`` (one rotated Gaussian of each sign, each with its own centre).

    Returns
    -------
    MapFit or None
        None if the fit does not converge, or the map has no more pixels than the model has parameters.
    """
    from hdmea.features.science.rf_model_kernels import minimize

    give_way()
    values = np.asarray(spatial_map, np.float64)
    scale = float(np.abs(values).max())
    # Everything is fitted as if the peak were positive and the map 1 high.
    factor = -scale if values[peak] < 0 else scale
    problem = _Problem(values / factor, peak, model) if scale > 0 else None
    if problem is None or problem.start.size >= values.size:
        return None
    found = problem.start.copy()
    left = minimize(problem.target, problem.width, problem.kind, *problem.bounds, _MOST_EVALUATIONS, found)
    if math.isnan(left):
        return None
    total = float(((problem.target - problem.target.mean()) ** 2).sum())
    shapes = problem.shapes(found, factor)
    if model == "on_off" and factor < 0:
        shapes = shapes[::-1]
    return MapFit(
        shapes,
        float(found[-1]) * factor,
        1 - left / total if total > 0 else math.nan,
        _bic(left, values.size, found.size),
        _errors(problem, found, values.shape),
    )


def _errors(problem: _Problem, p: Array, shape: tuple[int, ...]) -> ShapeErrors:
    """Errors of the first Gaussian from what the fit leaves, neighbouring pixels not being independent.

    ``(JᵀJ)⁻¹ JᵀΣJ (JᵀJ)⁻¹`` with the covariance Σ of the residual at displacements of up to two pixels.
    """
    from scipy.special import stdtrit

    plain, jacobian = problem.evaluate(p)
    degrees = jacobian.shape[0] - jacobian.shape[1]
    residual = plain.reshape(shape)
    columns = jacobian.reshape(*shape, -1)
    middle = float(np.square(residual).sum()) / degrees * (jacobian.T @ jacobian)
    for rows in range(_CORRELATED + 1):
        for cols in range(-_CORRELATED if rows else 1, _CORRELATED + 1):
            a, b = _displaced(shape, rows, cols)
            covariance = float((residual[a] * residual[b]).sum()) / degrees
            one = columns[a].reshape(-1, p.size).T @ columns[b].reshape(-1, p.size)
            # The opposite displacement is the transpose.
            middle += covariance * (one + one.T)
    inverse = np.linalg.pinv(jacobian.T @ jacobian)
    white = inverse * float(np.square(residual).sum()) / degrees
    # A covariance that was estimated can come out too small, never the other way round for this purpose.
    variance = np.maximum(np.diag(inverse @ middle @ inverse), np.diag(white))
    t = float(stdtrit(degrees, 0.975))
    x, y, first, second = (t * math.sqrt(max(float(v), 0.0)) for v in variance[1:5])
    both = white[3, 4] / (p[3] * p[4])
    relative = variance[3] / p[3] ** 2 + variance[4] / p[4] ** 2 + 2 * both
    sigma = t * 0.5 * math.sqrt(max(float(relative * p[3] * p[4]), 0.0))
    major, minor = (first, second) if p[3] >= p[4] else (second, first)
    return ShapeErrors(x, y, major, minor, sigma)


def _displaced(
    shape: tuple[int, ...], rows: int, cols: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Parts of a map that are so many rows and columns apart."""
    here = (slice(max(-rows, 0), shape[0] - max(rows, 0)), slice(max(-cols, 0), shape[1] - max(cols, 0)))
    there = (slice(max(rows, 0), shape[0] - max(-rows, 0)), slice(max(cols, 0), shape[1] - max(-cols, 0)))
    return here, there


def flat_bic(spatial_map: NDArray[Any], peak: tuple[int, int]) -> float:
    """BIC of a map without a receptive field, on the scale of `MapFit.bic`."""
    values = np.asarray(spatial_map, np.float64)
    scale = float(np.abs(values).max())
    if not scale > 0:
        return math.nan
    return _bic(float(((values - values.mean()) ** 2).sum()) / scale**2, values.size, 1)


class _Problem:
    """A map, made upright, and the Gaussians whose sum with an offset is fitted to it.

    Parameters are, for each Gaussian, amplitude, x, y, two sigmas and angle; then the offset. A surround has
    amplitude and sigma only: its centre is that of the first.
    """

    def __init__(self, upright: Array, peak: tuple[int, int], model: str) -> None:
        self.target, self.width, self.kind = upright.ravel(), upright.shape[1], MODELS.index(model)
        self.surround = model == "dog"
        sigma = _half_height_sigma(upright, peak)
        offset = float(np.median(upright))
        start = [*_first_guess(upright[peak] - offset, peak, sigma)]
        low, high = _limits(peak, (0.0, np.inf))
        if self.surround:
            start += [-0.1, min(2 * sigma, _SIGMA_RANGE[1])]
            low, high = [*low, -np.inf, _SIGMA_RANGE[0]], [*high, 0.0, _SIGMA_RANGE[1]]
        elif model == "on_off":
            trough = _trough_near(upright, peak)
            start += _first_guess(min(upright[trough] - offset, -0.05), trough, sigma)
            more = _limits(peak, (-np.inf, 0.0))
            low, high = [*low, *more[0]], [*high, *more[1]]
        self.bounds = (np.array([*low, -np.inf]), np.array([*high, np.inf]))
        self.start = np.clip([*start, offset], *self.bounds)

    def evaluate(self, p: Array) -> tuple[Array, Array]:
        """Return model minus map, (pixels,), and its derivatives, (pixels, parameters)."""
        from hdmea.features.science.rf_model_kernels import evaluate

        residual, columns = np.empty(self.target.size), np.empty((p.size, self.target.size))
        evaluate(self.target, self.width, self.kind, p, residual, columns)
        return residual, columns.T

    def shapes(self, p: Array, factor: float) -> tuple[GaussianShape, ...]:
        """Return the Gaussians of a solution, scaled back to the map."""
        parts = [p[:6]]
        if self.surround:
            parts.append(np.array([p[6], p[1], p[2], p[7], p[7], 0.0]))
        elif p.size == 13:
            parts.append(p[6:12])
        return tuple(_shape(part, factor) for part in parts)


def _shape(p: Array, factor: float) -> GaussianShape:
    amplitude, x, y, first, second, angle = (float(value) for value in p)
    if second > first:
        first, second, angle = second, first, angle + math.pi / 2
    # Rows count downwards, angles upwards.
    degrees = math.degrees(-angle) % 180.0 if first > second * (1 + _ROUND) else math.nan
    return GaussianShape(amplitude * factor, x, y, first, second, degrees)


def _first_guess(amplitude: float, place: tuple[int, int], sigma: float) -> list[float]:
    # Unequal sigmas: at equal ones the angle has no effect, and so no derivative.
    return [float(amplitude), float(place[1]), float(place[0]), 1.1 * sigma, 0.9 * sigma, 0.3]


def _limits(peak: tuple[int, int], amplitude: tuple[float, float]) -> tuple[list[float], list[float]]:
    low = [amplitude[0], peak[1] - _CENTER_RANGE, peak[0] - _CENTER_RANGE, _SIGMA_RANGE[0], _SIGMA_RANGE[0]]
    high = [amplitude[1], peak[1] + _CENTER_RANGE, peak[0] + _CENTER_RANGE, _SIGMA_RANGE[1], _SIGMA_RANGE[1]]
    return [*low, -np.inf], [*high, np.inf]


def _half_height_sigma(upright: Array, peak: tuple[int, int]) -> float:
    """Sigma of a Gaussian that has as many pixels above half its height, next to the peak, as the map."""
    from scipy.ndimage import label

    labels = np.asarray(label(upright > 0.5 * upright[peak])[0])
    n = np.count_nonzero(labels == labels[peak])
    return float(np.clip(math.sqrt(n / (2 * math.pi * math.log(2))), 0.5, 0.6 * _SIGMA_RANGE[1]))


def _trough_near(upright: Array, peak: tuple[int, int]) -> tuple[int, int]:
    row, col = np.indices(upright.shape)
    far = np.maximum(np.abs(row - peak[0]), np.abs(col - peak[1])) > _CENTER_RANGE
    row_of, col_of = divmod(int(np.where(far, np.inf, upright).argmin()), upright.shape[1])
    return row_of, col_of


def _bic(residual: float, n: int, n_parameters: int) -> float:
    floor = n * np.finfo(np.float64).eps ** 2
    return n * math.log(max(residual, floor) / n) + n_parameters * math.log(n)
