"""Settle on the data what the file layout leaves open: axis order and order of conversion factors.

*Axis order*: the average raw signal at a unit's accepted spikes has its trough at the electrode that
the sorter names for the unit. For each unit that does not lie on the diagonal of a square region,
the two readings of the axes name two different electrodes; the deeper trough tells which is right.

*Factor order*: factors make up for the gain of every electrode, so the noise in microvolts varies
least between electrodes when each factor is given to its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.sensor import COLUMN_ROW, ROW_COLUMN, AxisOrder, SensorRegion

__all__ = ["FactorOrder", "UnitPosition", "decide_axis_order", "examine_factor_order"]

Progress = Callable[[float], None]
BEFORE, AFTER = 10, 10
BLOCK_SAMPLES = 1_000
BYTES_TO_READ = 64_000_000
NEEDED_Z = 5.0
MIN_SPIKES = 5
NOISE_SAMPLES = 4_000
NEEDED_RATIO = 0.9


@dataclass(frozen=True, eq=False)
class UnitPosition:
    """Position of a sorted unit (chip coordinates from 1) and its spike samples on the clock."""

    row: int
    column: int
    samples: npt.NDArray[np.integer]


@dataclass(frozen=True)
class FactorOrder:
    """What the noise says about the order of the conversion factors (the order used is fixed).

    Parameters
    ----------
    verdict
        ``"column fastest"`` (as used), ``"row fastest"`` or ``"undecided"``.
    evidence
        The reason in words.
    """

    verdict: str
    evidence: str


def decide_axis_order(
    region: SensorRegion, units: Sequence[UnitPosition], progress: Progress | None = None
) -> AxisOrder:
    """Decide the meaning of a square region's axes from averages at spikes.

    Parameters
    ----------
    region
        The recorded region; if its shape has decided already, that decision is returned.
    units
        Sorted units with their accepted spikes.
    progress
        Called with the fraction done after every part of the raw data; may raise to stop.

    Returns
    -------
    AxisOrder
        ``source`` is ``"data"`` if the evidence suffices (|z| of the summed difference of trough
        depths at least 5), else the default stays, with the reason.
    """
    if region.axis_order.source == "shape" or region.shape[0] != region.shape[1]:
        return region.axis_order
    if region.unreadable:
        return replace(region.axis_order, evidence=f"{region.axis_order.evidence}; {region.unreadable}")
    first = region.with_axis_order(AxisOrder(COLUMN_ROW, "default", ""))
    second = region.with_axis_order(AxisOrder(ROW_COLUMN, "default", ""))
    pairs, samples = [], []
    for unit in units:
        a, b = (each.electrode_index(unit.row, unit.column) for each in (first, second))
        if a is not None and b is not None and a != b:
            pairs.append((a, b))
            samples.append(unit.samples.astype(np.int64))
    if not pairs:
        return AxisOrder(
            COLUMN_ROW, "default", f"{region.axis_order.evidence}; no sorted unit can tell the axes apart"
        )
    scores = _trough_differences(region, pairs, samples, progress)
    if not scores:
        return AxisOrder(
            COLUMN_ROW, "default", f"{region.axis_order.evidence}; too few spikes in the raw data"
        )
    z = float(np.sum(scores) / np.sqrt(len(scores)))
    order = COLUMN_ROW if z > 0 else ROW_COLUMN
    votes = sum((score > 0) == (z > 0) for score in scores)
    evidence = (
        f"averages of the raw data at accepted spikes: {votes} of {len(scores)} units have the deeper trough "
        f"where their Column and Row say if the axes are (time, {order.replace(',', ', ')}); z = {abs(z):.1f}"
    )
    if abs(z) < NEEDED_Z:
        return AxisOrder(COLUMN_ROW, "default", f"{region.axis_order.evidence}; not decided by {evidence}")
    return AxisOrder(order, "data", evidence)


def _trough_differences(
    region: SensorRegion,
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
    region: SensorRegion, samples: Sequence[npt.NDArray[np.int64]]
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


def examine_factor_order(region: SensorRegion) -> FactorOrder:
    """Compare how even the noise gets with the conversion factors read in either order."""
    if region.listed_factors is None or len(region.segments) == 0 or min(region.shape) < 2:
        return FactorOrder("undecided", "no conversion factors, or no two-dimensional region")
    if region.unreadable:
        return FactorOrder("undecided", region.unreadable)
    length = int(region.segments[0, 1] - region.segments[0, 0])
    counts = region.read_counts(0, 0, min(length, NOISE_SAMPLES)).astype(np.float32)
    if len(counts) < 100 or np.ptp(region.listed_factors) == 0:
        return FactorOrder("undecided", "too few samples, or all factors are equal")
    noise = np.diff(counts, axis=0).std(axis=0)
    other = region.to_file_order(region.listed_factors.reshape(region.cols, region.rows).T)
    spread = [float(np.std(noise * f) / np.mean(noise * f)) for f in (region.factors_uv, other)]
    said = (
        f"noise in µV varies by {spread[0]:.2%} between electrodes if the column runs fastest, "
        f"by {spread[1]:.2%} if the row does"
    )
    if spread[0] < NEEDED_RATIO * spread[1]:
        return FactorOrder("column fastest", said)
    if spread[1] < NEEDED_RATIO * spread[0]:
        return FactorOrder("row fastest", said)
    return FactorOrder("undecided", said)
