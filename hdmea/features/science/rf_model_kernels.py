"""Compiled least-squares fits of receptive-field models; imported only when maps are fitted.

The method is the trust region reflective one of `scipy.optimize.least_squares`, for few parameters and with
the normal matrix, so that it takes the same path to the same minimum, and converges further. There are
loops instead of operations on arrays, which would take the compiler several times as long.

References
----------
Branch M. A., Coleman T. F., Li Y. (1999) A subspace, interior, and conjugate gradient method for large-scale
bound-constrained minimization problems. SIAM J. Sci. Comput. 21: 1-23.
Moré J. J., Sorensen D. C. (1983) Computing a trust region step. SIAM J. Sci. Stat. Comput. 4: 553-572.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.compiled import compiled, compiled_for

__all__ = ["DOG", "GAUSSIAN", "ON_OFF", "evaluate", "minimize"]

GAUSSIAN, DOG, ON_OFF = 0, 1, 2

F64 = NDArray[np.float64]

_CONVERGED = 1e-8
"""Relative change of the sum of squares."""
_ENOUGH = 1e-5
"""The same, at which a fit that comes no further counts as converged: a twentieth of a standard error."""
_FLAT = 1e-9
"""Largest slope, scaled by the distance from the bounds."""
_STILL = 1e-9
"""Relative length of a step."""
_ROUNDING = 1e-13
_ROUNDS = 10
_INSIDE = 0.995


@compiled
def _add_gaussian(
    width: int, amplitude: float, x0: float, y0: float, first: float, second: float, angle: float,
    value: F64, columns: F64,
) -> None:  # pragma: no cover - compiled  # fmt: skip
    """Add a rotated Gaussian to `value` (pixels,), and enter its derivatives into `columns` (6, pixels)."""
    cos, sin = np.cos(angle), np.sin(angle)
    for i in range(value.shape[0]):
        x, y = i % width - x0, i // width - y0
        along, across = x * cos + y * sin, y * cos - x * sin
        unit = np.exp(-0.5 * ((along / first) ** 2 + (across / second) ** 2))
        height = amplitude * unit
        slope_along, slope_across = height * along / first**2, height * across / second**2
        value[i] += height
        columns[0, i] = unit
        columns[1, i] = slope_along * cos - slope_across * sin
        columns[2, i] = slope_along * sin + slope_across * cos
        columns[3, i] = slope_along * along / first
        columns[4, i] = slope_across * across / second
        columns[5, i] = slope_across * along - slope_along * across


@compiled_for("float64(float64[::1], int64, int64, float64[::1], float64[::1], float64[:, ::1])")
def evaluate(
    target: F64, width: int, kind: int, p: F64, residual: F64, columns: F64
) -> float:  # pragma: no cover - compiled
    """Enter model minus map (pixels,) and its derivatives (parameters, pixels); return the sum of squares.

    Parameters are, for each Gaussian, amplitude, x, y, two sigmas and angle; then the offset. A surround has
    amplitude and sigma only: its centre is that of the first.
    """
    last = p.shape[0] - 1
    for i in range(target.shape[0]):
        residual[i] = p[last] - target[i]
        columns[last, i] = 1.0
    _add_gaussian(width, p[0], p[1], p[2], p[3], p[4], p[5], residual, columns[:6])
    if kind == DOG:
        more = np.empty((6, target.shape[0]))
        _add_gaussian(width, p[6], p[1], p[2], p[7], p[7], 0.0, residual, more)
        for i in range(target.shape[0]):
            columns[1, i] += more[1, i]
            columns[2, i] += more[2, i]
            columns[6, i] = more[0, i]
            columns[7, i] = more[3, i] + more[4, i]
    elif kind == ON_OFF:
        _add_gaussian(width, p[6], p[7], p[8], p[9], p[10], p[11], residual, columns[6:12])
    total = 0.0
    for i in range(target.shape[0]):
        total += residual[i] * residual[i]
    return total


@compiled
def _dot(a: F64, b: F64) -> float:  # pragma: no cover - compiled
    """Sum of products in four parts, which the processor adds side by side."""
    n = a.shape[0]
    s0 = s1 = s2 = s3 = 0.0
    quads = n // 4 * 4
    for i in range(0, quads, 4):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
    for i in range(quads, n):
        s0 += a[i] * b[i]
    return (s0 + s1) + (s2 + s3)


@compiled
def _solve(matrix: F64, alpha: float, right: F64, work: F64, found: F64) -> float:  # pragma: no cover
    """Solve ``(matrix + alpha) found = -right`` by Cholesky factors; work (n + 1, n) is overwritten.

    Returns the squared length of the inverse factor times `found`, by which the length of the solution
    changes with alpha, and -1 if the matrix is not positive definite.
    """
    n = right.shape[0]
    for i in range(n):
        for j in range(i + 1):
            value = matrix[i, j] - _dot(work[i, :j], work[j, :j])
            if i > j:
                work[i, j] = value / work[j, j]
            else:
                value += alpha
                if not value > _ROUNDING * (matrix[i, i] + alpha):
                    return -1.0
                work[i, i] = np.sqrt(value)
    for i in range(n):
        found[i] = (-right[i] - _dot(work[i, :i], found[:i])) / work[i, i]
    for i in range(n - 1, -1, -1):
        value = found[i]
        for k in range(i + 1, n):
            value -= work[k, i] * found[k]
        found[i] = value / work[i, i]
    aside = work[n]
    for i in range(n):
        aside[i] = (found[i] - _dot(work[i, :i], aside[:i])) / work[i, i]
    return _dot(aside, aside)


@compiled
def _trust_region_step(
    matrix: F64, slope: F64, radius: float, alpha: float, work: F64, step: F64
) -> float:  # pragma: no cover - compiled
    """Enter the step of at most `radius` that lowers the quadratic model most; returns its damping."""
    square = _solve(matrix, 0.0, slope, work, step)
    lower, upper = 0.0, np.sqrt(_dot(slope, slope)) / radius
    if square >= 0:
        size = np.sqrt(_dot(step, step))
        if size <= radius:
            return 0.0
        lower = (size - radius) * size / square
    if alpha == 0.0:
        alpha = max(0.001 * upper, np.sqrt(lower * upper))
    for _ in range(_ROUNDS):
        if alpha < lower or alpha > upper:
            alpha = max(0.001 * upper, np.sqrt(lower * upper))
        square = _solve(matrix, alpha, slope, work, step)
        if square < 0:
            lower = max(lower, alpha)
            alpha = max(10.0 * alpha, 1e-12 * upper)
            continue
        size = np.sqrt(_dot(step, step))
        excess = size - radius
        if excess < 0:
            upper = alpha
        ratio = -excess * size / square
        lower = max(lower, alpha - ratio)
        alpha -= size * ratio / radius
        if abs(excess) < 0.01 * radius:
            break
    size = np.sqrt(_dot(step, step))
    for i in range(step.shape[0]):
        step[i] *= radius / size
    return alpha


@compiled
def _to_bound(p: F64, scale: F64, step: F64, low: F64, high: F64) -> float:  # pragma: no cover - compiled
    """Largest multiple of a scaled step that stays within the bounds."""
    least = np.inf
    for i in range(p.shape[0]):
        move = scale[i] * step[i]
        if move != 0:
            least = min(least, max((low[i] - p[i]) / move, (high[i] - p[i]) / move))
    return least


@compiled
def _model(matrix: F64, slope: F64, a: F64, b: F64) -> float:  # pragma: no cover - compiled
    """Return ``a matrix b / 2 + slope b``."""
    total = 0.0
    for i in range(a.shape[0]):
        total += 0.5 * a[i] * _dot(matrix[i], b) + slope[i] * b[i]
    return total


@compiled
def _lowest(a: float, b: float, low: float, high: float) -> float:  # pragma: no cover - compiled
    """Place of the minimum of ``a t² + b t`` from low to high."""
    best = high if high * (a * high + b) < low * (a * low + b) else low
    if a != 0:
        t = -0.5 * b / a
        if low < t < high and t * (a * t + b) < best * (a * best + b):
            best = t
    return best


@compiled
def _bounded(
    p: F64, matrix: F64, slope: F64, scale: F64, step: F64, radius: float, low: F64, high: F64, theta: float,
    work: F64,
) -> float:  # pragma: no cover - compiled  # fmt: skip
    """Keep a step within the bounds, and return by how much it lowers the quadratic model.

    The best of three: the step as far as the bound, that and its reflection on from there, the slope. All but
    `p` and the bounds are in scaled parameters, ``p = scale * scaled``; work (n + 1, n) is overwritten.
    """
    n = p.shape[0]
    stride = _to_bound(p, scale, step, low, high)
    if stride >= 1:
        return -_model(matrix, slope, step, step)
    on, at_bound, down = work[0], work[1], work[2]
    for i in range(n):
        move = scale[i] * step[i]
        on[i], down[i] = step[i], -slope[i]
        if move != 0 and max((low[i] - p[i]) / move, (high[i] - p[i]) / move) == stride:
            on[i] = -step[i]
        step[i] *= stride
        at_bound[i] = p[i] + stride * move
    a, b = _dot(on, on), _dot(step, on)
    to_edge = (-b + np.sqrt(max(b * b - a * (_dot(step, step) - radius * radius), 0.0))) / a
    to_bound = _to_bound(at_bound, scale, on, low, high)
    far = min(to_edge, to_bound)
    on_value = np.inf
    if far > 0:
        shortest = (1 - theta) * stride / far
        longest = theta * to_bound if far == to_bound else to_edge
        if shortest <= longest:
            straight = _model(matrix, slope, on, on)
            turn = _dot(slope, on)
            for i in range(n):
                turn += step[i] * _dot(matrix[i], on)
            t = _lowest(straight - _dot(slope, on), turn, shortest, longest)
            for i in range(n):
                on[i] = step[i] + t * on[i]
            on_value = _model(matrix, slope, on, on)
    to_edge, to_bound = radius / np.sqrt(_dot(down, down)), _to_bound(p, scale, down, low, high)
    farthest = theta * to_bound if to_bound < to_edge else to_edge
    t = _lowest(_model(matrix, slope, down, down) - _dot(slope, down), _dot(slope, down), 0.0, farthest)
    for i in range(n):
        step[i] *= theta
        down[i] *= t
    value, down_value = _model(matrix, slope, step, step), _model(matrix, slope, down, down)
    if value < on_value and value < down_value:
        return -value
    best = on if on_value < down_value else down
    for i in range(n):
        step[i] = best[i]
    return -min(on_value, down_value)


@compiled_for("float64(float64[::1], int64, int64, float64[::1], float64[::1], int64, float64[::1])")
def minimize(
    target: F64, width: int, kind: int, low: F64, high: F64, most: int, p: F64
) -> float:  # pragma: no cover - compiled
    """Move p to a minimum of the sum of squares within bounds, and return that sum.

    target (pixels,), row by row of `width`; `low` and `high` (parameters,); `most` evaluations. Returns NaN
    if it does not converge.
    """
    n, pixels = p.shape[0], target.shape[0]
    residual, columns = np.empty(pixels), np.empty((n, pixels))
    there, columns_there = np.empty(pixels), np.empty((n, pixels))
    normal, matrix, work = np.empty((n, n)), np.empty((n, n)), np.empty((n + 1, n))
    slope, scaled, step, trial = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    size, scale = np.zeros(n), np.empty(n)
    for i in range(n):
        if p[i] <= low[i]:
            p[i] = low[i] + 1e-10 * max(1.0, abs(low[i]))
        elif p[i] >= high[i]:
            p[i] = high[i] - 1e-10 * max(1.0, abs(high[i]))
    cost = evaluate(target, width, kind, p, residual, columns)
    radius, alpha, evaluations, converged = -1.0, 0.0, 1, False
    while evaluations < most:
        steepest = first = 0.0
        for i in range(n):
            for j in range(i + 1):
                normal[i, j] = normal[j, i] = _dot(columns[i], columns[j])
            slope[i] = _dot(columns[i], residual)
            size[i] = max(size[i], np.sqrt(normal[i, i]))
            if size[i] == 0:
                size[i] = 1.0
            distance, towards = 1.0, 0.0
            if slope[i] < 0 and high[i] < np.inf:
                distance, towards = high[i] - p[i], -1.0
            elif slope[i] > 0 and low[i] > -np.inf:
                distance, towards = p[i] - low[i], 1.0
            steepest = max(steepest, abs(slope[i] * distance))
            own = distance * size[i] if towards != 0 else 1.0
            scale[i] = np.sqrt(own) / size[i]
            scaled[i] = scale[i] * slope[i]
            first += (p[i] * size[i]) ** 2 / own
            for j in range(i + 1):
                matrix[i, j] = matrix[j, i] = scale[i] * normal[i, j] * scale[j]
            matrix[i, i] += slope[i] * towards / size[i]
        if steepest < _FLAT:
            return cost
        if radius < 0:
            radius = np.sqrt(first) if first > 0 else 1.0
        theta = max(_INSIDE, 1 - steepest)
        gained = -1.0
        while gained <= 0 and evaluations < most:
            alpha = _trust_region_step(matrix, scaled, radius, alpha, work, step)
            expected = _bounded(p, matrix, scaled, scale, step, radius, low, high, theta, work)
            moved = 0.0
            for i in range(n):
                move = scale[i] * step[i]
                trial[i] = p[i] + move
                if trial[i] <= low[i] or trial[i] >= high[i]:
                    # As near to the bound as numbers go.
                    trial[i] = np.nextafter(min(max(trial[i], low[i]), high[i]), p[i])
                moved += move * move
            found = evaluate(target, width, kind, trial, there, columns_there)
            evaluations += 1
            gained = 0.5 * (cost - found)
            ratio = gained / expected if expected > 0 else 0.0
            walked = np.sqrt(_dot(step, step))
            before = radius
            if not ratio >= 0.25:
                radius = 0.25 * walked
            elif ratio > 0.75 and walked > 0.95 * radius:
                radius *= 2.0
            alpha *= before / radius
            converged = converged or (gained < _ENOUGH * 0.5 * cost and ratio > 0.25)
            small = gained < _CONVERGED * 0.5 * cost and ratio > 0.25
            still = np.sqrt(moved) < _STILL * (_STILL + np.sqrt(_dot(p, p)))
            if gained > 0:
                for i in range(n):
                    p[i] = trial[i]
                cost = found
                residual, there = there, residual
                columns, columns_there = columns_there, columns
            if small or still:
                return cost
    return cost if converged else np.nan
