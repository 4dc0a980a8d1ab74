"""Reading datasets and attributes back as the values they were written from."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5s, h5t
from numpy.typing import NDArray

from hdmea.results.array_types import decode_array, decoded_shape_dtype
from hdmea.results.names import TYPE_MARK, decode_name
from hdmea.results.values import Stored, decode_value
from hdmea.utils.arrays import AttrArray
from hdmea.utils.giving_way import give_way

__all__ = ["SLICE_NBYTES", "decode_attrs", "decode_dataset", "describe", "read_attrs", "read_stored", "slabs"]

SLICE_NBYTES = 8 << 20
"""Most that one call reads or writes: h5py lets no other thread in meanwhile."""

Tick = Callable[[int], None]
_TEXT = h5py.string_dtype()


def no_tick(nbytes: int) -> None:
    """Report progress to nobody."""


def read_attrs(parent: Any) -> tuple[dict[str, Stored], dict[str, str]]:
    """Return the attributes of a group or dataset as they are stored, and the type marks.

    The mark of the object itself has the name ``"."``.
    """
    give_way()
    attrs: dict[str, Stored] = {}
    for name in attr_names(parent):
        attrs[name.decode()] = _read_attr(h5a.open(parent, name))
    mark = attrs.pop(TYPE_MARK, None)
    if not isinstance(mark, str):
        return attrs, {}
    return attrs, json.loads(mark) if mark.startswith("{") else {".": mark}


def attr_names(parent: Any) -> list[bytes]:
    """Return the names of the attributes of a group or dataset."""
    names: list[bytes] = []
    if h5a.get_num_attrs(parent):
        # A callback that returns anything but None ends the iteration.
        h5a.iterate(parent, names.append)
    return names


def decode_attrs(attrs: dict[str, Stored], marks: dict[str, str], *, arrays: bool) -> dict[str, Any]:
    """Return attributes as the values they were written from."""
    return {
        decode_name(name): decode_value(stored, marks.get(name, ""), arrays=arrays)
        for name, stored in attrs.items()
    }


def decode_dataset(dataset: Any, *, plain: bool = False, tick: Tick = no_tick) -> Any:
    """Return the value that a dataset was written from.

    Parameters
    ----------
    dataset
        h5py.h5d.DatasetID.
    plain
        Leave out the attributes, which belong to something else.
    tick
        Called with the number of bytes after each slice.
    """
    attrs, marks = read_attrs(dataset) if h5a.get_num_attrs(dataset) else ({}, {})
    return decode_stored(read_stored(dataset, tick), attrs, marks, plain=plain)


def decode_stored(stored: Stored, attrs: dict[str, Stored], marks: dict[str, str], *, plain: bool) -> Any:
    """Return the value that was stored as a dataset with these attributes."""
    mark = marks.get(".", "")
    if mark.partition(":")[0] == "value":
        if isinstance(stored, np.ndarray) and stored.dtype.hasobject:
            stored = tuple(stored.tolist()) if stored.ndim else str(stored[()])
        return decode_value(stored, mark.removeprefix("value").removeprefix(":"), arrays=False)
    if isinstance(stored, np.ndarray):
        array = decode_array(stored, mark)
    else:
        array = np.array(list(stored) if isinstance(stored, tuple) else stored, dtype=object)
    if attrs and not plain:
        return AttrArray(array, decode_attrs(attrs, marks, arrays=True))
    return array


def describe(dataset: Any, mark: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of the array that `decode_dataset` will give."""
    word = "" if mark.partition(":")[0] == "value" else mark
    return decoded_shape_dtype(dataset.shape, _clean(dataset.dtype), word)


def read_stored(dataset: Any, tick: Tick = no_tick) -> Stored:
    """Return what a dataset holds, read in slices: an array, or text of variable length as objects."""
    space = dataset.get_space()
    if space.get_simple_extent_type() == h5s.NULL:
        return None
    kind = dataset.get_type()
    shape = dataset.shape
    if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
        texts = np.empty(shape, dtype=_TEXT)
        if texts.size:
            dataset.read(h5s.ALL, h5s.ALL, texts, _text_in_memory())
        return _decode_texts(texts)
    array = np.empty(shape, dtype=_clean(kind.dtype))
    memory_type = kind if _same_layout(kind, array.dtype) else None
    if array.size == 0:
        return array
    if array.nbytes <= SLICE_NBYTES:
        dataset.read(h5s.ALL, h5s.ALL, array, memory_type)
        tick(array.nbytes)
        return array
    for start, count in slabs(shape, array.dtype.itemsize):
        space.select_hyperslab(start, count)
        dataset.read(space, space, array, memory_type)
        tick(int(np.prod(count)) * array.dtype.itemsize)
    return array


def slabs(
    shape: tuple[int, ...], itemsize: int, limit: int = SLICE_NBYTES
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield start and count of blocks that cover an array in order, each of at most `limit` bytes."""
    axis = 0
    inner = int(np.prod(shape[1:], dtype=np.int64)) * itemsize
    while inner > limit and axis < len(shape) - 1:
        axis += 1
        inner //= max(1, shape[axis])
    step = max(1, limit // max(1, inner))
    tail = shape[axis + 1 :]
    for outer in np.ndindex(*shape[:axis]):
        for first in range(0, shape[axis], step):
            length = min(step, shape[axis] - first)
            yield (*outer, first, *(0,) * len(tail)), (*(1,) * axis, length, *tail)


def _read_attr(attr: Any) -> Stored:
    kind = attr.get_type()
    shape = attr.shape
    if not shape and _is_null(attr):
        return None
    if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
        texts = np.empty(shape, dtype=_TEXT)
        if texts.size:
            attr.read(texts, mtype=_text_in_memory())
        if not shape:
            return _text(texts[()])
        return tuple(_decode_texts(texts).ravel().tolist())
    array: NDArray[Any] = np.empty(shape, dtype=_clean(kind.dtype))
    if array.size:
        attr.read(array, mtype=kind if _same_layout(kind, array.dtype) else None)
    return array


def _is_null(attr: Any) -> bool:
    try:
        attr.get_storage_size()
    except RuntimeError:
        # h5py takes a size of 0 for an error; it has asked without making an object of the dataspace.
        return bool(attr.get_space().get_simple_extent_type() == h5s.NULL)
    return False


@functools.cache
def _text_in_memory() -> Any:
    return h5t.py_create(_TEXT)


def _decode_texts(texts: NDArray[Any]) -> NDArray[Any]:
    decoded = np.empty(texts.shape, dtype=object)
    decoded.reshape(-1)[:] = [_text(text) for text in texts.reshape(-1)]
    return decoded


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value or "")


def _clean(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type without h5py's notes, which would stay on the arrays."""
    return np.dtype(dtype.str) if dtype.metadata is not None and dtype.names is None else dtype


def _same_layout(kind: Any, dtype: np.dtype[Any]) -> bool:
    """Return whether the bytes in the file are those of the array, so that nothing is converted."""
    return not dtype.hasobject and kind.get_size() == dtype.itemsize


__all__ += ["Tick", "decode_stored", "no_tick"]
