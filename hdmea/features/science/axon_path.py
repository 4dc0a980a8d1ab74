"""The axon of a unit on the chip and its conduction velocity, from the unit's electrical image.

Pure functions of one image. The spike travels from the soma along the axon; electrodes near it see a trough,
the later the farther away. Lengths are in electrodes and times in samples.

References
----------
Bakkum D. J. et al. (2013) Tracking axonal action potential propagation on a high-density microelectrode
array across hundreds of sites. Nat. Commun. 4: 2181.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.medians import row_medians
from hdmea.features.science.soma_geometry import BASELINE_SAMPLES
from hdmea.features.science.theil_sen import Slope, theil_sen
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["AxonPath", "axon_path", "missing_axon", "robust_noise_sd", "trough_times"]

_MAD_TO_SD = 1.4826022185056018
_FAR_PART = 1 / 3
_REACH = 2.3
"""Electrodes no farther apart than this are neighbours: one without a trough may be between them."""
_GAP_COST = 1.5
_SLOWEST = 2.5
"""Samples per electrode along the axon; a later trough belongs to something else."""
_SLOWEST_FROM_SOMA = 5.0
"""The same for the step out of the soma's field, under which the beginning of the axon is hidden."""
_SMOOTHING = 2.0
"""Electrodes of the path (SD of a Gaussian): takes the steps of the square grid out of its length."""
_WIDTH = 1.5
"""Electrodes this near to the path see the axon too ..."""
_LATE_SAMPLES = 1.5
"""... if their trough comes at the same time."""


@dataclass(frozen=True, slots=True)
class AxonPath:
    """An axon as one unit's electrical image shows it.

    Attributes
    ----------
    path
        int64 (n, 2): rows and columns of the path from the soma's centre on, counted from 0 in the image.
    electrodes
        int64 (m, 2): rows and columns of the electrodes from which the velocity is taken: those that see the
        axon, on the path and beside it, beyond the soma's own field; by their distance.
    time_samples
        float64 (m,): their troughs, relative to the spike sample.
    distance
        float64 (m,): electrodes from the soma's centre to them, along the smoothed path.
    depth
        float64 (m,): depth of their troughs, in the image's unit.
    noise_sd
        Robust SD of the image's noise.
    n_significant
        Electrodes of the whole image with a trough deeper than the threshold.
    length
        Electrodes along the axon from the soma to its end.
    span
        Electrodes between the nearest and the farthest of `electrodes`, along a straight line.
    velocity
        Electrodes per sample; NaN with a reason if it cannot be told.
    velocity_low, velocity_high
        Its bootstrap interval; given also where the velocity is not, if there are two or more electrodes.
    direction_deg
        Of that straight line: 0 towards larger columns, 90 towards smaller rows.
    reason
        Why the velocity is missing; empty if it is not.
    """

    path: NDArray[np.int64]
    electrodes: NDArray[np.int64]
    time_samples: NDArray[np.float64]
    distance: NDArray[np.float64]
    depth: NDArray[np.float64]
    noise_sd: float
    n_significant: int
    length: float
    span: float
    velocity: float
    velocity_low: float
    velocity_high: float
    direction_deg: float
    reason: str = ""


def robust_noise_sd(image: NDArray[Any], center: tuple[int, int]) -> float:
    """SD of an electrical image's noise, from what contains no signal; not moved by a few electrodes that do.

    Parameters
    ----------
    image
        (window, rows, cols) average voltage; NaN where there is no electrode.
    center
        Row and column of the soma.

    Returns
    -------
    float
        1.4826 times the median absolute deviation: of the first 5 samples of all electrodes, or of all
        samples of the third of the electrodes that is farthest from the soma, whichever is larger.
    """
    image = np.asarray(image, np.float64)
    row, col = np.indices(image.shape[1:])
    distance = np.hypot(row - center[0], col - center[1])
    far = image[:, distance >= np.quantile(distance, 1 - _FAR_PART)]
    return max(_mad_sd(image[:BASELINE_SAMPLES]), _mad_sd(far))


def trough_times(image: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time and depth of each electrode's trough, between samples.

    Parameters
    ----------
    image
        (window, electrodes) voltage without baseline.

    Returns
    -------
    time, depth
        float64 (electrodes,): position in the window in samples, and how far below zero; of the smallest
        value of the parabola through the lowest sample and its neighbours (at the window's edge: the sample).
    """
    image = np.asarray(image, np.float64)
    lowest = image.argmin(axis=0)
    inner = np.clip(lowest, 1, image.shape[0] - 2)
    electrode = np.arange(image.shape[1])
    before, at, after = (image[inner + step, electrode] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    usable = (lowest == inner) & (bend > 0)
    shift = np.where(usable, 0.5 * (before - after) / np.where(usable, bend, 1.0), 0.0)
    depth = -(image[lowest, electrode] - 0.25 * np.where(usable, before - after, 0.0) * shift)
    return lowest + shift, depth


def axon_path(
    image: NDArray[Any],
    pre_samples: int,
    center: tuple[int, int],
    *,
    threshold_sd: float = 5.0,
    min_electrodes: int = 8,
    min_span: float = 5.0,
    min_delay_samples: float = 1.0,
    time_tolerance_samples: float = 0.5,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    bad: NDArray[np.bool_] | None = None,
) -> AxonPath:
    """Follow the axon away from the soma and measure its conduction velocity.

    Electrodes whose trough is deeper than `threshold_sd` are joined with their eight neighbours where the
    trough is not earlier. The axon is the shortest path to the electrode that is reached last. Its
    conduction velocity is the Theil-Sen slope over the electrodes beyond the soma's own field.

    Parameters
    ----------
    image
        (window, rows, cols) average voltage around the spikes.
    pre_samples
        Sample of the window at which the spikes are.
    center
        Row and column of the soma (see `hdmea.features.science.soma_geometry`).
    threshold_sd
        Least depth of a trough, in SD of the noise.
    min_electrodes, min_span
        Least number of axonal electrodes, and least distance between the first and the last in electrodes.
    min_delay_samples
        Troughs at least so much later than the soma's are axonal.
    time_tolerance_samples
        A trough may be so much earlier than the one before it on the path: the precision of its time.
    n_bootstrap, confidence, seed
        Of the interval of the velocity.
    bad
        bool (rows, cols): electrodes that do not count.

    Raises
    ------
    ValidationError
        The image is not three-dimensional, or the soma is outside.
    """
    image = np.asarray(image, np.float64)
    if image.ndim != 3 or not (0 <= center[0] < image.shape[1] and 0 <= center[1] < image.shape[2]):
        raise ValidationError(
            f"An axon is searched for from electrode {center} of an image of shape {image.shape}, which must "
            "be (window, rows, columns) and contain that electrode.",
            fix=Advice("Pass an electrical image and an electrode of it."),
        )
    left_out = ~np.isfinite(image).all(axis=0)
    if bad is not None:
        left_out |= bad
    if left_out[center]:
        return _no_path(math.nan, 0, "the electrical image has no values: no spike could be averaged")
    if left_out.any():
        image = np.where(left_out, np.nan, image)
    noise = robust_noise_sd(image, center)
    trace = image - image[:BASELINE_SAMPLES].mean(axis=0)
    # What is left out has no trough.
    trace[:, left_out] = 0.0
    time, depth = (part.reshape(image.shape[1:]) for part in trough_times(trace.reshape(len(trace), -1)))
    significant = depth > threshold_sd * noise
    n_significant = int(np.count_nonzero(significant))
    if not significant[center]:
        return _no_path(noise, n_significant, "the soma's own trough does not stand out from the noise")
    nodes = np.stack(np.nonzero(significant), axis=1)
    when, deep = time[significant], depth[significant]
    soma = int(np.flatnonzero((nodes == center).all(axis=1))[0])
    axonal = when >= when[soma] + min_delay_samples
    order = _longest_path(nodes, when, deep, soma, axonal, time_tolerance_samples)
    line = _smoothed(nodes[order])
    distance, aside = _along(line, nodes)
    chosen = np.flatnonzero(axonal & (aside <= _WIDTH) & _in_step(distance, when, order))
    chosen = chosen[np.argsort(distance[chosen], kind="stable")]
    # Errors are in the times, so the pace is fitted; for exact times its inverse is the slope of d on t.
    pace = theil_sen(
        distance[chosen], when[chosen], n_bootstrap=n_bootstrap, confidence=confidence, seed=seed
    )
    span, direction = _chord(line, distance[order], distance[chosen])
    reason = _why_not(chosen.size, min_electrodes, span, min_span, pace)
    return AxonPath(
        path=nodes[order],
        electrodes=nodes[chosen],
        time_samples=when[chosen] - pre_samples,
        distance=distance[chosen],
        depth=deep[chosen],
        noise_sd=noise,
        n_significant=n_significant,
        length=float(distance[order[-1]]),
        span=span,
        velocity=math.nan if reason else 1 / pace.slope,
        velocity_low=1 / pace.high if pace.high > 0 else math.nan,
        velocity_high=_inverse(pace.low),
        direction_deg=direction,
        reason=reason,
    )


def _longest_path(
    nodes: NDArray[np.int64],
    time: NDArray[np.float64],
    depth: NDArray[np.float64],
    start: int,
    axonal: NDArray[np.bool_],
    tolerance: float,
) -> NDArray[np.int64]:
    """Nodes of the shortest path from the soma to the node that is farthest along such paths."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    source, target = _neighbours(nodes)
    length = np.hypot(*(nodes[target] - nodes[source]).T)
    lag = time[target] - time[source]
    slowest = np.where(axonal[source], _SLOWEST, _SLOWEST_FROM_SOMA)
    usable = (lag >= -tolerance) & (lag <= slowest * length)
    # Among paths of equal length the one along the deepest troughs is the axon's.
    cost = length * np.where(length < 2, 1.0, _GAP_COST) * (1 + depth.min() / depth[target])
    edges = (cost[usable], (source[usable], target[usable]))
    graph = csr_matrix(edges, shape=(len(nodes), len(nodes)))
    found, before = dijkstra(graph, indices=[start], return_predecessors=True)
    found, before = found[0], before[0]
    path = [int(np.where(np.isfinite(found), found, -1.0).argmax())]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1], np.int64)


def _neighbours(nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of all pairs of nodes, either way round, that are neighbours on the grid."""
    reach = math.floor(_REACH)
    index = np.full(nodes.max(axis=0) + 1 + 2 * reach, -1)
    index[tuple((nodes + reach).T)] = np.arange(len(nodes))
    steps = np.argwhere(np.ones((2 * reach + 1, 2 * reach + 1))) - reach
    length = np.hypot(*steps.T)
    steps = steps[(length > 0) & (length <= _REACH)]
    beside = index[tuple((nodes[:, None] + reach + steps).transpose(2, 0, 1))]
    source, step = np.nonzero(beside >= 0)
    return source, beside[source, step]


def _smoothed(path: NDArray[np.int64]) -> NDArray[np.float64]:
    """Coordinates of the path without the steps of the grid; its ends stay in their place."""
    from scipy.ndimage import gaussian_filter1d

    points = path.astype(np.float64)
    if len(points) < 3:
        return points
    pad = min(len(points) - 1, round(4 * _SMOOTHING))
    left, right = 2 * points[0] - points[pad:0:-1], 2 * points[-1] - points[-2 : -pad - 2 : -1]
    longer = np.concatenate([left, points, right])
    smooth: NDArray[np.float64] = gaussian_filter1d(longer, _SMOOTHING, axis=0)[pad : pad + len(points)]
    return smooth


def _along(
    line: NDArray[np.float64], nodes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance from the line's beginning of the point of the line next to each node, and distance from it."""
    if len(line) < 2:
        offset = nodes - line[0]
        return np.zeros(len(nodes)), np.hypot(offset[:, 0], offset[:, 1])
    # The line continues straight at its end, so that what is there is not taken for nearer than it is.
    line = np.concatenate([line, line[-1:] + 2 * (line[-1:] - line[-2:-1])])
    step = np.diff(line, axis=0)
    length = np.hypot(step[:, 0], step[:, 1])
    offset = nodes[:, None, :] - line[None, :-1, :]
    part = np.clip((offset * step).sum(axis=2) / length**2, 0.0, 1.0)
    left = offset - part[..., None] * step
    aside = np.hypot(left[..., 0], left[..., 1])
    nearest = aside.argmin(axis=1)
    each = np.arange(len(nodes))
    start = np.concatenate([[0.0], length.cumsum()])[nearest]
    return start + part[each, nearest] * length[nearest], aside[each, nearest]


def _in_step(
    distance: NDArray[np.float64], time: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether each node's trough comes when the one of the path beside it does."""
    on_path = np.maximum.accumulate(distance[order])
    beside = np.interp(distance, on_path, time[order])
    late: NDArray[np.bool_] = np.abs(time - beside) <= _LATE_SAMPLES
    return late


def _chord(
    line: NDArray[np.float64], along: NDArray[np.float64], distance: NDArray[np.float64]
) -> tuple[float, float]:
    """Length and direction of the straight line between the first and the last of some distances."""
    if distance.size < 2:
        return math.nan, math.nan
    ends = [[np.interp(d, along, coordinate) for coordinate in line.T] for d in (distance[0], distance[-1])]
    down, right = ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]
    return math.hypot(down, right), math.degrees(math.atan2(-down, right)) % 360.0


def _why_not(n: int, min_electrodes: int, span: float, min_span: float, pace: Slope) -> str:
    if n == 0:
        return "no electrode beyond the soma's own field has a trough that follows the soma's"
    if n < min_electrodes:
        return f"the axon is seen by {n} electrodes, {min_electrodes} are needed"
    if not span >= min_span:
        return f"the axon spans {span:.1f} electrodes, {min_span:g} are needed"
    if not pace.low > 0:
        return "the interval of the velocity contains infinity: the troughs are not later farther away"
    return ""


def _inverse(pace: float) -> float:
    if math.isnan(pace):
        return math.nan
    return 1 / pace if pace > 0 else math.inf


def missing_axon(reason: str) -> AxonPath:
    """Return an axon of which nothing is known, with the reason."""
    return _no_path(math.nan, 0, reason)


def _no_path(noise: float, n_significant: int, reason: str) -> AxonPath:
    none, nothing = np.empty((0, 2), np.int64), np.empty(0)
    missing = (math.nan,) * 6
    return AxonPath(none, none, nothing, nothing, nothing, noise, n_significant, *missing, reason)


def _mad_sd(values: NDArray[np.float64]) -> float:
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0
    deviation = np.abs(values - row_medians(values[None]))
    return _MAD_TO_SD * float(row_medians(deviation[None])[0])
