"""Merging into nested dictionaries, and noticing that they were changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hdmea.utils.giving_way import give_way

__all__ = ["copy_dicts", "deep_merge", "fingerprint"]


def deep_merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Merge `source` into `target`: dictionaries at any depth, other values replaced, nothing copied."""
    for key, value in source.items():
        present = dict.get(target, key)
        if isinstance(value, dict) and isinstance(present, dict):
            deep_merge(present, value)
        else:
            target[key] = value


def copy_dicts(tree: dict[Any, Any]) -> dict[Any, Any]:
    """Return a copy of a dictionary and those below; all other values are shared, unread ones stay unread."""
    twin = tree.copy()
    for key, value in dict.items(tree):
        if isinstance(value, dict):
            dict.__setitem__(twin, key, copy_dicts(value))
    return twin


def fingerprint(value: Any) -> int:
    """Return a number that changes when anything below `value` is added, replaced or removed.

    Scalars count by value; arrays and other objects by identity. Arrays that are read on first use
    count as one and the same before and after: dictionaries that load them say how often they were
    edited (`edits`), and their arrays count by shape and type only.
    """
    if isinstance(value, dict):
        give_way()
        edits = getattr(value, "edits", None)
        if edits is None:
            return hash(tuple((key, fingerprint(item)) for key, item in value.items()))
        return hash((edits, *((key, _fingerprint_loaded(item)) for key, item in dict.items(value))))
    if isinstance(value, (list, tuple)):
        return hash(tuple(map(fingerprint, value)))
    if value is None or isinstance(value, (str, bytes, bool, int, float, complex)):
        return hash((type(value).__name__, value))
    if isinstance(value, np.generic):
        return hash((value.dtype.str, value.tobytes()))
    return id(value)


def _fingerprint_loaded(value: Any) -> int:
    if isinstance(value, (dict, list, tuple, str, bytes, bool, int, float, complex, np.generic)):
        return fingerprint(value)
    return hash((getattr(value, "shape", None), str(getattr(value, "dtype", None))))
