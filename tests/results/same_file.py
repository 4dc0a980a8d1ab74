"""Which differences two HDF5 files have in what readers see: names, kinds, shapes, types, values, attributes.

Chunks, filters, order of creation, times of day and revisions do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TIMES = frozenset(("created_at", "updated_at", "saved_at", "stage1_timestamp", "hdmea_version", "revision"))


def differences(first: Path, second: Path, *, ignored: Collection[str] = ("pipeline/hdmea",)) -> list[str]:
    """Return what differs, one line each; places below `ignored` are left out."""
    with h5py.File(first, "r") as one, h5py.File(second, "r") as other:
        return list(_differences(one, other, "", ignored))


def _differences(one: Any, other: Any, path: str, ignored: Collection[str]) -> Iterator[str]:
    if type(one) is not type(other):
        yield f"{path}: {type(one).__name__} and {type(other).__name__}"
        return
    yield from _attributes(one, other, path)
    if isinstance(one, h5py.Group):
        names = [
            {name for name in each if f"{path}/{name}".lstrip("/") not in ignored} for each in (one, other)
        ]
        if path == "" and "pipeline" in names[0] ^ names[1]:
            # A layout without this group has it only for the record.
            extra = one if "pipeline" in names[0] else other
            if set(extra["pipeline"]) <= {"hdmea"}:
                for each in names:
                    each.discard("pipeline")
        for name in sorted(names[0] ^ names[1]):
            yield f"{path}/{name}: only in the {'first' if name in names[0] else 'second'}"
        for name in sorted(names[0] & names[1]):
            yield from _differences(one[name], other[name], f"{path}/{name}", ignored)
        return
    if path.rpartition("/")[2] in TIMES:
        return
    if (one.shape, _kind(one)) != (other.shape, _kind(other)):
        yield f"{path}: {one.shape} {_kind(one)} and {other.shape} {_kind(other)}"
    elif not _equal(one[()], other[()]):
        yield f"{path}: other values"


def _attributes(one: Any, other: Any, path: str) -> Iterator[str]:
    for name in sorted(set(one.attrs) ^ set(other.attrs)):
        if name not in TIMES:
            yield f"{path}@{name}: only in the {'first' if name in one.attrs else 'second'}"
    for name in sorted(set(one.attrs) & set(other.attrs)):
        if name in TIMES:
            continue
        ids = [each.attrs.get_id(name) for each in (one, other)]
        kinds = [(each.shape, each.dtype.str, h5py.check_string_dtype(each.dtype)) for each in ids]
        if kinds[0] != kinds[1]:
            yield f"{path}@{name}: {kinds[0]} and {kinds[1]}"
        elif not _equal(one.attrs[name], other.attrs[name]):
            yield f"{path}@{name}: {one.attrs[name]!r} and {other.attrs[name]!r}"


def _kind(dataset: h5py.Dataset) -> Any:
    return h5py.check_string_dtype(dataset.dtype) or dataset.dtype.str


def _equal(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype.hasobject or second.dtype.hasobject:
        return bool(first.tolist() == second.tolist())
    return first.tobytes() == second.tobytes()
