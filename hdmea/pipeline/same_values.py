"""Whether a step that ran again wrote what was there already: then nothing becomes stale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

__all__ = ["same_values"]


def same_values(one: Any, other: Any, ignored: Collection[str] = ()) -> bool:
    """Return whether two parts of a session have the same content: types, shapes, order of keys aside.

    Parameters
    ----------
    one, other
        Dictionaries, arrays, numbers, texts and sequences of them; arrays that are still in a file are read.
        Attributes of an array (``attrs``) count.
    ignored
        Keys of dictionaries that do not count, at any depth.

    Returns
    -------
    bool
        True only if all numbers have the same bytes; NaN equals NaN.
    """
    if one is other:
        return True
    if not _same_attributes(one, other, ignored):
        return False
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        return isinstance(one, Mapping) and isinstance(other, Mapping) and _same_items(one, other, ignored)
    if isinstance(one, list | tuple) or isinstance(other, list | tuple):
        return (
            type(one) is type(other)
            and len(one) == len(other)
            and all(same_values(a, b, ignored) for a, b in zip(one, other, strict=True))
        )
    if hasattr(one, "__array__") or hasattr(other, "__array__"):
        return _same_arrays(np.asarray(one), np.asarray(other))
    return type(one) is type(other) and bool(one == other or (one != one and other != other))


def _same_attributes(one: Any, other: Any, ignored: Collection[str]) -> bool:
    first, second = (dict(getattr(value, "attrs", None) or {}) for value in (one, other))
    return not (first or second) or same_values(first, second, ignored)


def _same_items(one: Mapping[Any, Any], other: Mapping[Any, Any], ignored: Collection[str]) -> bool:
    keys = {key for key in one if key not in ignored}
    if keys != {key for key in other if key not in ignored}:
        return False
    return all(same_values(one[key], other[key], ignored) for key in keys)


def _same_arrays(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind == "O":
        return all(same_values(a, b) for a, b in zip(one.ravel(), other.ravel(), strict=True))
    return one.tobytes() == other.tobytes()
