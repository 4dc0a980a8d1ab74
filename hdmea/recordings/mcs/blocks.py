"""Recorded data groups ("sweeps") of a stream and their place on the acquisition clock.

All times in the files are microseconds. Sample k of a block is at `From + k * Tick`; `To` is
exclusive. The clock counts samples from time zero, through gaps: sample = timestamp / tick.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, overload

import h5py
import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.hdf5 import Table, attribute, children, is_kind, name_key, trailing_numbers

__all__ = ["Block", "blocks_of", "check_lengths", "meta_row", "segments_of", "timestamps_to_samples"]

LENGTH_TOLERANCE = 1e-4
_MAX_DENOMINATOR = 1000


@dataclass(frozen=True)
class Block:
    """One recorded data group.

    Parameters
    ----------
    dataset
        The samples.
    group, region
        Number of the data group and, for sensor data, of the region.
    from_us, to_us
        Begin and (exclusive) end in microseconds; None where the file does not say.
    tick_us
        Microseconds per sample; None where the file does not say.
    n_samples
        Samples along time.
    """

    dataset: h5py.Dataset
    group: int
    region: int
    from_us: int | None
    to_us: int | None
    tick_us: float | None
    n_samples: int


def meta_row(meta: Table, group: int, region: int | None = None) -> int:
    """Row of a meta table that describes a data group (and region); -1 if the table is empty.

    A table without group or region numbers describes all of them with its first rows.
    """
    if len(meta) == 0:
        return -1
    match = np.ones(len(meta), dtype=bool)
    for number, name in ((region, "RegionID"), (group, "GroupID")):
        column = meta.column(name)
        if number is None or column is None:
            continue
        narrowed = match & (np.asarray(column) == number)
        if narrowed.any():
            match = narrowed
    return int(np.flatnonzero(match)[0])


def blocks_of(stream: h5py.Group, data_guid: str, prefix: str, meta: Table, time_axis: int) -> list[Block]:
    """Return data blocks of a stream, in the order of time; blocks without samples are left out.

    Parameters
    ----------
    stream
        Group that contains the blocks.
    data_guid, prefix
        Type GUID of a block, and how its name begins.
    meta
        The stream's meta table (for the tick).
    time_axis
        Axis of time: 0 for sensor data, the last one (-1) for channels.
    """
    found = []
    for name, node in children(stream).items():
        if not isinstance(node, h5py.Dataset) or not (
            is_kind(node, data_guid) or re.fullmatch(rf"{name_key(prefix)}\d+", name_key(name))
        ):
            continue
        if node.ndim == 0 or node.size == 0:
            continue
        numbers = trailing_numbers(name)
        group = _whole(node, "GroupID", numbers[-1] if numbers else 1)
        region = _whole(node, "RegionID", numbers[0] if len(numbers) > 1 else 1)
        tick = meta.value(meta_row(meta, group, region), "Tick")
        found.append(
            Block(
                dataset=node,
                group=group,
                region=region,
                from_us=_whole(node, "From"),
                to_us=_whole(node, "To"),
                tick_us=float(tick) if tick is not None and float(tick) > 0 else None,
                n_samples=int(node.shape[time_axis]),
            )
        )
    return sorted(found, key=lambda block: (block.region, block.from_us or 0, block.group))


@overload
def _whole(node: h5py.Dataset, name: str, default: int) -> int: ...


@overload
def _whole(node: h5py.Dataset, name: str) -> int | None: ...


def _whole(node: h5py.Dataset, name: str, default: int | None = None) -> int | None:
    """Return an attribute that is a whole number; what is none counts as not stated."""
    value = attribute(node, name)
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        return default


def segments_of(blocks: Sequence[Block], us_per_sample: float) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Place blocks on the acquisition clock.

    Returns
    -------
    tuple
        int64 (n, 2): first and last + 1 sample of every block, ascending and without overlap; and
        warnings. A block whose begin is not stated is placed right after the one before it.
    """
    unplaced, overlapping = [], []
    segments = np.zeros((len(blocks), 2), dtype=np.int64)
    end = 0
    for index, block in enumerate(blocks):
        start = end if block.from_us is None else _to_sample(block.from_us, us_per_sample)
        if block.from_us is None and len(blocks) > 1:
            unplaced.append(
                f"{block.dataset.name}: the file does not state when this data group begins; it is placed "
                "right after the previous one, so times after it may be wrong."
            )
        if start < end:
            overlapping.append(
                f"{block.dataset.name}: this data group begins {(end - start) * us_per_sample / 1e6:.3f} s "
                "before the one before it ends; where they overlap the later one is used."
            )
            segments[index - 1, 1] = start
        end = start + block.n_samples
        segments[index] = start, end
    return segments, [*_first(unplaced), *_first(overlapping)]


def _first(messages: Sequence[str]) -> list[str]:
    """Return the first message with the number of the others: there may be hundreds of data groups."""
    if len(messages) < 2:
        return list(messages)
    return [f"{messages[0]} So it is with {len(messages) - 1} more data groups."]


def check_lengths(blocks: Iterable[Block], us_per_sample: float) -> list[str]:
    """Warnings for blocks whose number of samples contradicts `(To - From) / Tick`.

    `us_per_sample` counts for blocks that state no tick of their own.
    """
    warnings = []
    for block in blocks:
        if block.from_us is None or block.to_us is None or block.to_us <= block.from_us:
            continue
        tick = block.tick_us or us_per_sample
        expected = (block.to_us - block.from_us) / tick
        if abs(block.n_samples - expected) > max(1.0, LENGTH_TOLERANCE * expected):
            warnings.append(
                f"{block.dataset.name}: {block.n_samples} samples, but its times and the stated tick of "
                f"{tick:g} µs give {expected:.1f}. Times in this recording may be wrong by "
                f"{abs(block.n_samples - expected) * tick / 1e6:.3f} s."
            )
    return _first(warnings)


def _to_sample(time_us: int, us_per_sample: float) -> int:
    return int(timestamps_to_samples(np.array([time_us], dtype=np.int64), 1e6 / us_per_sample)[0])


def timestamps_to_samples(
    timestamps_us: npt.NDArray[np.generic], sampling_rate: float
) -> npt.NDArray[np.int64]:
    """`round_half_even(timestamp * sampling_rate / 1e6)`, exact for every rate that is a simple ratio.

    Parameters
    ----------
    timestamps_us
        (n,) times in microseconds, any integer or floating type.
    sampling_rate
        Samples per second.

    Returns
    -------
    numpy.ndarray
        int64 (n,) samples, in the order given.
    """
    if timestamps_us.dtype.kind not in "iu":
        return _rounded(timestamps_us.astype(np.float64) * sampling_rate / 1e6)
    times: npt.NDArray[np.int64] = timestamps_us.astype(np.int64)
    tick = Fraction(1e6 / sampling_rate).limit_denominator(_MAX_DENOMINATOR)
    if abs(float(1_000_000 / tick) - sampling_rate) > 1e-9 * sampling_rate:
        return _rounded(times * (sampling_rate / 1e6))
    quotient, remainder = np.divmod(times * tick.denominator, tick.numerator)
    twice = 2 * remainder
    up = (twice > tick.numerator) | ((twice == tick.numerator) & (quotient % 2 == 1))
    samples: npt.NDArray[np.int64] = quotient + up
    return samples


def _rounded(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    samples: npt.NDArray[np.int64] = np.rint(values).astype(np.int64)
    return samples
