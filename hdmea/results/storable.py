"""What scripts put into a session as h5py takes it, as what a result file holds exactly."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np

from hdmea.results.unread import Unread
from hdmea.utils.arrays import AttrArray
from hdmea.utils.giving_way import give_way

__all__ = ["make_storable", "storable"]

_PLAIN = frozenset((float, int, bool, str, type(None)))
_ARRAYS = frozenset((np.ndarray, AttrArray))


def make_storable(tree: dict[Any, Any]) -> None:
    """Replace, at any depth, values and keys that a file holds in another form only.

    What is read back is then what the session has: lists for tuples, text for paths, bytes and numpy's
    texts, arrays for nested lists of numbers, ``int`` for numpy's whole numbers as keys. Keys that are partly
    text and partly numbers become text. Values that a file cannot hold are left as they are.

    Parameters
    ----------
    tree
        Nested dictionaries; nothing that is unread is read.
    """
    waiting = [tree]
    seen: set[int] = set()
    while waiting:
        give_way()
        holder = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        _make_keys_storable(holder)
        for key, value in dict.items(holder):
            kind = type(value)
            if kind in _PLAIN or (kind in _ARRAYS and not value.dtype.hasobject):
                continue
            if isinstance(value, dict):
                waiting.append(value)
            elif not isinstance(value, Unread) and (found := storable(value)) is not value:
                dict.__setitem__(holder, key, found)


def _make_keys_storable(holder: dict[Any, Any]) -> None:
    kinds = set(map(type, dict.keys(holder)))
    if kinds <= {str} or kinds == {int}:
        return
    keys = [int(key) if isinstance(key, np.integer) else key for key in dict.keys(holder)]
    keys = [str(key) if isinstance(key, str) else key for key in keys]
    if not all(type(key) is int for key in keys):
        keys = [str(key) if type(key) is int else key for key in keys]
    if len(set(keys)) == len(keys):
        values = list(dict.values(holder))
        holder.clear()
        dict.update(holder, zip(keys, values, strict=True))


def storable(value: Any) -> Any:
    """Return a value that is not a dictionary in the form in which a file holds it; itself if it is that."""
    if isinstance(value, (bytes, np.bytes_)):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (str, PurePath)):
        return str(value)
    if isinstance(value, (tuple, range, list)):
        return _storable_list(value)
    if type(value) is complex:
        return np.complex128(value)
    if isinstance(value, np.ndarray) and value.dtype == object and value.size:
        items = [_item(item) for item in value.reshape(-1)]
        if all(type(item) is str for item in items) and any(type(i) is not str for i in value.reshape(-1)):
            found = np.empty(len(items), object)
            found[:] = items
            return found.reshape(value.shape)
    return value


def _storable_list(value: tuple[Any, ...] | range | list[Any]) -> Any:
    if type(value) is list and _PLAIN.issuperset(map(type, value)):
        return value
    items = [_item(item) for item in value]
    if _PLAIN.issuperset(map(type, items)):
        return items
    try:
        array = np.array(items)
    except ValueError:
        # Of different lengths: a file cannot hold it as one array.
        return value
    return array if array.dtype.kind in "biufc" and array.size else value


def _item(value: Any) -> Any:
    """Return an item of a list: numbers of numpy as those of Python, arrays as they are."""
    if type(value) in _PLAIN or isinstance(value, np.ndarray):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.char != "g":
        return value.item()
    return storable(value)
