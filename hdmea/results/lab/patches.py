"""What the laboratory's layouts cannot say of a value, as JSON.

A *patch* stands in the record of a file (``/pipeline/hdmea``) and turns what is read from the layout into
what the session had:

``{"set": value}``
    the value itself, where the layout has nothing for it, or something of another type;
``{"drop": true}``
    nothing: what is there was made from other values for readers of the layout;
``{"dtype": "<f4"}``, ``{"attrs": value}``
    the type of an array, and its attributes;
``{"entries": {key: patch}, "order": [key, ...], "ints": true}``
    patches of the entries of a dictionary, the order of its keys, and whether they are numbers.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from hdmea.results import leaves
from hdmea.results.sectioned import SectionedSpikes, is_cut
from hdmea.results.unread import Unread
from hdmea.utils.arrays import AttrArray

__all__ = ["DROP", "Patch", "attrs_patch", "from_json", "set_to", "to_json"]

Patch: TypeAlias = "dict[str, Any]"

DROP: Patch = {"drop": True}
_SECTIONS = ("ranges", "spike_times", "trial_time")


def set_to(value: Any, path: tuple[str, ...]) -> Patch:
    """Return the patch that puts a value of a session in place of whatever is read."""
    return {"set": to_json(value, path)}


def attrs_patch(attrs: Mapping[str, Any], path: tuple[str, ...]) -> Patch:
    """Return the patch that gives an array its attributes."""
    return {"attrs": to_json(dict(attrs), path)} if attrs else {}


def to_json(value: Any, path: tuple[str, ...]) -> Any:
    """Return any value that a session may hold as what JSON can say.

    Raises
    ------
    ValidationError
        If a result file cannot hold the value; the message names its path.
    """
    value = value.read() if isinstance(value, Unread) else value
    kind = type(value)
    if value is None or kind in (bool, str, int) or (kind is float and math.isfinite(value)):
        return value
    if is_cut(value):
        parts = [to_json(getattr(value, name), (*path, name)) for name in _SECTIONS]
        return {"sectioned": [*parts, to_json(dict(value.changes), path)]}
    if isinstance(value, dict):
        if all(type(key) in (str, int) for key in value):
            return {"dict": [[key, to_json(value[key], (*path, str(key)))] for key in value]}
        raise leaves.refuse(value, path)
    if kind is list and not leaves.is_uniform(value):
        if any(type(item) not in (int, float, bool, str, type(None)) for item in value):
            raise leaves.refuse(value, path)
        return {"list": [to_json(item, path) for item in value]}
    leaf = leaves.encode(value, path)
    array = np.ascontiguousarray(leaf.array).reshape(leaf.array.shape)
    found = {"kind": leaf.kind, "dtype": array.dtype.str, "shape": array.shape}
    found["bytes"] = base64.b64encode(array.tobytes()).decode()
    if leaf.attrs:
        found["attrs"] = to_json(dict(leaf.attrs), path)
    return found


def from_json(item: Any) -> Any:
    """Return the value that `to_json` was given."""
    if not isinstance(item, dict):
        return item
    if "dict" in item:
        return {key: from_json(value) for key, value in item["dict"]}
    if "list" in item:
        return [from_json(value) for value in item["list"]]
    if "sectioned" in item:
        *parts, changes = map(from_json, item["sectioned"])
        return SectionedSpikes(*parts).changed(changes)
    array = np.frombuffer(bytearray(base64.b64decode(item["bytes"])), np.dtype(item["dtype"]))
    value = leaves.decode(item["kind"], array.reshape(item["shape"]))
    return AttrArray(value, from_json(item["attrs"])) if "attrs" in item else value
