"""Settle on the data what the file layout leaves open: axis order and order of conversion factors.

*Axis order*: the average raw signal at a unit's accepted spikes has its trough at the electrode that
the sorter names for the unit. For each unit that is not on the diagonal of a square region,
the two readings of the axes name two different electrodes; the deeper trough tells which is right.

*Factor order*: factors make up for the gain of every electrode, so an electrode has the more noise in
counts the smaller its own factor is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.sensor import (
    COLUMN_ROW,
    ROW_COLUMN,
    AxisOrder,
    Electrodes,
    FactorOrder,
    SensorRegion,
)

__all__ = ["UnitPosition", "decide_axis_order", "decide_factor_order"]

Progress = Callable[[float], None]
BEFORE, AFTER = 10, 10
BLOCK_SAMPLES = 1_000
BYTES_TO_READ = 64_000_000
NEEDED_Z = 5.0
MIN_SPIKES = 5
NOISE_SAMPLES = 4_000
LEAST_SLOPE = 0.5


@dataclass(frozen=True, eq=False)
class UnitPosition:
    """Position of a sorted unit (chip coordinates from 1) and its spike samples on the clock."""

    row: int
    column: int
    samples: npt.NDArray[np.integer]


def decide_axis_order(
    electrodes: Electrodes, units: Sequence[UnitPosition], progress: Progress | None = None
) -> AxisOrder:
    """Decide the meaning of a square region's axes from averages at spikes.

    Parameters
    ----------
    electrodes
        The recorded electrodes; if their shape has decided already, that decision is returned.
    units
        Sorted units with their accepted spikes.
    progress
        Called with the fraction done after every part of the raw data; may raise to stop.

    Returns
    -------
    AxisOrder
        ``source`` is ``"data"`` if the evidence suffices (|z| of the summed difference of trough
        depths at least 5), otherwise the default stays, with the reason.
    """
    default = electrodes.axis_order
    if not electrodes.is_open:
        return default
    if electrodes.unreadable:
        return replace(default, evidence=f"{default.evidence}; {electrodes.unreadable}")
    first = electrodes.with_axis_order(AxisOrder(COLUMN_ROW, "default", ""))
    second = electrodes.with_axis_order(AxisOrder(ROW_COLUMN, "default", ""))
    pairs, samples = [], []
    for unit in units:
        a, b = (each.electrode_index(unit.row, unit.column) for each in (first, second))
        if a is not None and b is not None and a != b:
            pairs.append((a, b))
            samples.append(unit.samples.astype(np.int64))
    if not pairs:
        return AxisOrder(COLUMN_ROW, "default", f"{default.evidence}; no sorted unit can tell the axes apart")
    scores = _trough_differences(electrodes, pairs, samples, progress)
    if not scores:
        return AxisOrder(COLUMN_ROW, "default", f"{default.evidence}; too few spikes in the raw data")
    z = float(np.sum(scores) / np.sqrt(len(scores)))
    order = COLUMN_ROW if z > 0 else ROW_COLUMN
    votes = sum((score > 0) == (z > 0) for score in scores)
    evidence = (
        f"averages of the raw data at accepted spikes: {votes} of {len(scores)} units have the deeper trough "
        f"where their Column and Row say if the axes are (time, {order.replace(',', ', ')}); z = {abs(z):.1f}"
    )
    if abs(z) < NEEDED_Z:
        return AxisOrder(COLUMN_ROW, "default", f"{default.evidence}; not decided by {evidence}")
    return AxisOrder(order, "data", evidence)


def _trough_differences(
    region: Electrodes,
    pairs: Sequence[tuple[int, int]],
    samples: Sequence[npt.NDArray[np.int64]],
    progress: Progress | None,
) -> list[float]:
    """Per unit: (depth at the first electrode - depth at the second) / its standard error."""
    width = BEFORE + AFTER
    sums = np.zeros((len(pairs), width, 2))
    squares = np.zeros((len(pairs), 2))
    counts = np.zeros(len(pairs), dtype=np.int64)
    blocks = _blocks_with_most_spikes(region, samples)
    for done, (segment, start, stop) in enumerate(blocks):
        if progress is not None:
            progress(done / len(blocks))
        block = region.read_counts(segment, start, stop)
        origin = int(region.segments[segment, 0]) + start
        for unit, (pair, spikes) in enumerate(zip(pairs, samples, strict=True)):
            inside = spikes[(spikes - BEFORE >= origin) & (spikes + AFTER <= origin + len(block))] - origin
            if inside.size == 0:
                continue
            rows = inside[:, None] + np.arange(-BEFORE, AFTER)
            windows = block[rows[..., None], np.array(pair)].astype(np.float64)
            windows -= windows[:, : BEFORE // 2].mean(axis=1, keepdims=True)
            sums[unit] += windows.sum(axis=0)
            squares[unit] += windows[:, : BEFORE // 2].var(axis=1).sum(axis=0)
            counts[unit] += inside.size
    scores = []
    for unit in np.flatnonzero(counts >= MIN_SPIKES).tolist():
        mean = sums[unit] / counts[unit]
        depth = mean[BEFORE // 2 :].max(axis=0) - mean[BEFORE // 2 :].min(axis=0)
        error = np.sqrt(squares[unit].sum() / counts[unit] ** 2)
        if error > 0:
            scores.append(float((depth[0] - depth[1]) / error))
    return scores


def _blocks_with_most_spikes(
    region: Electrodes, samples: Sequence[npt.NDArray[np.int64]]
) -> list[tuple[int, int, int]]:
    """Parts of the recording to read, (segment, start, stop): the richest first, within a budget of bytes."""
    pooled = np.sort(np.concatenate(samples))
    parts = []
    for segment, (first, last) in enumerate(region.segments.tolist()):
        edges = np.append(np.arange(first, last, BLOCK_SAMPLES), last)
        spikes = np.diff(np.searchsorted(pooled, edges))
        starts, stops = edges[:-1] - first, edges[1:] - first
        parts += [
            (int(n), segment, int(a), int(b)) for n, a, b in zip(spikes, starts, stops, strict=True) if n
        ]
    parts.sort(key=lambda part: -part[0])
    affordable = max(1, BYTES_TO_READ // (BLOCK_SAMPLES * region.n_electrodes * region.dtype.itemsize))
    return [part[1:] for part in parts[:affordable]]


def decide_factor_order(electrodes: Electrodes) -> FactorOrder:
    """Decide from the noise which coordinate runs fastest in the list of conversion factors.

    The logarithm of each electrode's noise in counts is fitted by minus the logarithms of its factors in
    either order: the right ones have the slope 1, the others 0.

    Parameters
    ----------
    electrodes
        The recorded electrodes, with their axes decided.

    Returns
    -------
    FactorOrder
        ``source`` is ``"data"`` if the slopes differ by 5 standard errors, else the default (column fastest)
        stays, with the reason.
    """

    def undecided(reason: str) -> FactorOrder:
        return FactorOrder("column fastest", "default", reason)

    if electrodes.unreadable:
        return undecided(electrodes.unreadable)
    told = [_log_noise(region) for region in electrodes.regions]
    rows = [row for row in told if row is not None]
    if not rows:
        return undecided("no conversion factors, all factors are equal, or too few samples")
    noise, design = np.concatenate([y for y, _ in rows]), np.concatenate([x for _, x in rows])
    if len(noise) <= design.shape[1] + 2 or np.linalg.matrix_rank(design) < design.shape[1]:
        return undecided("too few electrodes, or both orders give the same factors")
    slopes = np.linalg.lstsq(design, noise, rcond=None)[0]
    variance = np.sum((noise - design @ slopes) ** 2) / (len(noise) - design.shape[1])
    contrast = np.zeros(design.shape[1])
    contrast[:2] = 1, -1
    error = np.sqrt(max(variance, 1e-12) * contrast @ np.linalg.inv(design.T @ design) @ contrast)
    z = float((slopes[0] - slopes[1]) / error)
    said = (
        f"noise in counts falls with the factor to the power {slopes[0]:.2f} if the column runs fastest, "
        f"{slopes[1]:.2f} if the row does (1 is right); z = {abs(z):.1f}"
    )
    if z > NEEDED_Z and slopes[0] > LEAST_SLOPE:
        return FactorOrder("column fastest", "data", said)
    if z < -NEEDED_Z and slopes[1] > LEAST_SLOPE:
        return FactorOrder("row fastest", "data", said)
    return undecided(f"not decided by {said}")


def _log_noise(region: SensorRegion) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Logarithm of the noise of each electrode and minus those of its factors in both orders, and ones."""
    if region.listed_factors is None or len(region.segments) == 0 or min(region.shape) < 2:
        return None
    if np.ptp(region.listed_factors) == 0:
        return None
    length = int(region.segments[0, 1] - region.segments[0, 0])
    counts = region.read_counts(0, 0, min(length, NOISE_SAMPLES)).astype(np.float32)
    if len(counts) < 100:
        return None
    steps = np.abs(np.diff(counts, axis=0))
    # Spikes and contacts that jump are cut off; a median alone would keep the steps of the integers.
    noise = np.minimum(steps, 4 * np.median(steps, axis=0)).mean(axis=0)
    both = np.stack([region.factors_in("column fastest"), region.factors_in("row fastest")], axis=1)
    good = (noise > 0) & (both > 0).all(axis=1) & np.isfinite(both).all(axis=1)
    if not good.any():
        return None
    design = np.column_stack([-np.log(both[good]), np.ones(np.count_nonzero(good))])
    return np.log(noise[good]).astype(np.float64), design
