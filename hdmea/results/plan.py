"""What will be written, as a light tree of references: made and checked before a file is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hdmea.results.array_types import encode_array, is_storable
from hdmea.results.lazy import LazyArray, LazyEntry, LazyTrials
from hdmea.results.names import TYPE_MARK, encode_name
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.values import Stored, encode_value, is_clean_text, stored_nbytes
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.giving_way import give_way

__all__ = [
    "MAX_ATTR_NBYTES",
    "ArrayPlan",
    "GroupPlan",
    "Node",
    "Path",
    "add_entry",
    "plan_attrs",
    "plan_dict",
    "plan_value",
]

Path = tuple[str, ...]

MAX_ATTR_NBYTES = 60_000
"""Larger values become datasets; HDF5's own limit is 64 kB with the header."""


@dataclass(slots=True)
class Node:
    """What groups and datasets share: attributes, and the words for what HDF5 has no word for."""

    attrs: dict[str, Stored] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    def all_attrs(self) -> dict[str, Stored]:
        """Return the attributes to write, the type marks among them."""
        if not self.marks:
            return self.attrs
        own = self.marks.get(".", "")
        text = own if len(self.marks) == 1 and own else json.dumps(self.marks)
        return {**self.attrs, TYPE_MARK: text}


@dataclass(slots=True)
class GroupPlan(Node):
    """A group to write."""

    children: dict[str, GroupPlan | ArrayPlan] = field(default_factory=dict)

    def walk(self, name: str = "") -> Iterator[tuple[str, GroupPlan | ArrayPlan]]:
        """Yield everything below with its path in the file."""
        for key, child in self.children.items():
            path = f"{name}/{key}"
            yield path, child
            if isinstance(child, GroupPlan):
                yield from child.walk(path)

    def nbytes(self) -> int:
        """Return how many bytes of data lie below."""
        give_way()
        own = sum(map(stored_nbytes, self.attrs.values()))
        return own + sum(child.nbytes() for child in self.children.values())

    def count(self) -> int:
        """Return how many objects lie below."""
        return 1 + sum(child.count() for child in self.children.values())


@dataclass(slots=True)
class ArrayPlan(Node):
    """A dataset to write.

    Attributes
    ----------
    data
        What to store, or the unread array of another file.
    keep_attrs
        Whether attributes are copied from that other file instead of taken from `attrs`.
    entry
        The session's unread entry that `data` belongs to, if that is not `data` itself.
    """

    data: Stored | LazyArray = None
    keep_attrs: bool = False
    entry: LazyEntry | None = None

    def nbytes(self) -> int:
        """Return how many bytes of data this is."""
        if isinstance(self.data, LazyArray):
            return self.data.nbytes
        return stored_nbytes(self.data)

    def count(self) -> int:
        """Return how many objects this is."""
        return 1


def plan_dict(value: Mapping[Any, Any], path: Path) -> GroupPlan:
    """Plan a dictionary as a group: scalars are attributes, arrays datasets, dictionaries groups.

    Raises
    ------
    ValidationError
        If a value below cannot be stored; the message names its path.
    """
    group = GroupPlan()
    items = dict.items(value) if isinstance(value, dict) else value.items()
    if all(type(key) is str for key in value):
        for key, item in items:
            # Trials that were moved here must be read: their index ranges mean nothing in this place.
            known = value[key] if isinstance(item, LazyTrials) else item
            add_entry(group, encode_name(key), known, (*path, key))
    elif all(type(key) is int for key in value) and value:
        group.marks["."] = "int-keys"
        for key, item in items:
            add_entry(group, str(key), item, (*path, str(key)))
    else:
        group.marks["."] = "items"
        add_entry(group, "keys", list(value), (*path, "<keys>"))
        group.children["values"] = _plan_items([item for _, item in items], "list", path)
    return group


def add_entry(group: GroupPlan, name: str, value: Any, path: Path) -> None:
    """Plan `value` as the entry called `name` (already encoded) of `group`."""
    encoded = encode_value(value, arrays=False)
    if encoded is None:
        group.children[name] = plan_value(value, path)
        return
    stored, word = encoded
    if stored_nbytes(stored) > MAX_ATTR_NBYTES:
        mark = f"value:{word}" if word else "value"
        group.children[name] = ArrayPlan(data=stored, marks={".": mark})
        return
    group.attrs[name] = stored
    if word:
        group.marks[name] = word


def plan_value(value: Any, path: Path) -> GroupPlan | ArrayPlan:
    """Plan a value that is no attribute: a dictionary, an array, a nested list."""
    if isinstance(value, dict):
        return plan_dict(value, path)
    if isinstance(value, LazyEntry):
        return _plan_lazy(value, path)
    if isinstance(value, np.ndarray):
        return _plan_array(value, path)
    if type(value) in (list, tuple):
        return _plan_items(value, type(value).__name__, path)
    if isinstance(value, SectionedSpikes):
        parts = {"ranges": value.ranges, "spike_times": value.spike_times, "trial_time": value.trial_time}
        group = plan_dict(parts, path)
        group.marks["."] = "sectioned"
        return group
    raise ValidationError(
        f"{'/'.join(path)} is a {type(value).__name__}, which a result file cannot hold; "
        f"convert it to an array, a number, text, a list or a dictionary."
    )


def plan_attrs(attrs: Mapping[Any, Any]) -> tuple[dict[str, Stored], dict[str, str]] | None:
    """Plan attributes of a dataset: what to store and the words; None if one of them cannot be one."""
    stored, marks = {}, {}
    for key, value in attrs.items():
        encoded = encode_value(value, arrays=True) if type(key) is str else None
        if encoded is None or stored_nbytes(encoded[0]) > MAX_ATTR_NBYTES:
            return None
        name = encode_name(key)
        stored[name], word = encoded
        if word:
            marks[name] = word
    return stored, marks


def _plan_lazy(value: LazyEntry, path: Path) -> GroupPlan | ArrayPlan:
    if isinstance(value, LazyArray):
        marks = {".": value.mark} if value.plain and value.mark else {}
        return ArrayPlan(data=value, keep_attrs=not value.plain, marks=marks)
    return plan_value(value.read(), path)


def _plan_array(array: np.ndarray[Any, Any], path: Path) -> GroupPlan | ArrayPlan:
    if type(array) not in (np.ndarray, AttrArray, np.memmap):
        raise ValidationError(
            f"{'/'.join(path)} is a {type(array).__name__}; store a plain array (numpy.asarray) instead."
        )
    plan: GroupPlan | ArrayPlan
    if array.dtype.kind == "O":
        plan = _plan_objects(np.asarray(array), path)
    elif is_storable(array.dtype):
        stored, word = encode_array(array.view(np.ndarray))
        plan = ArrayPlan(data=stored, marks={".": word} if word else {})
    else:
        raise ValidationError(f"{'/'.join(path)}: arrays of type {array.dtype} cannot be stored.")
    if isinstance(array, AttrArray) and array.attrs:
        return _with_attrs(plan, array.attrs, path)
    return plan


def _with_attrs(plan: GroupPlan | ArrayPlan, attrs: Mapping[str, Any], path: Path) -> GroupPlan | ArrayPlan:
    planned = plan_attrs(attrs)
    if planned is not None and isinstance(plan, ArrayPlan):
        plan.attrs, marks = planned
        plan.marks.update(marks)
        return plan
    return GroupPlan(
        marks={".": "attrarray"}, children={"array": plan, "attrs": plan_dict(dict(attrs), (*path, "attrs"))}
    )


def _plan_objects(array: np.ndarray[Any, Any], path: Path) -> GroupPlan | ArrayPlan:
    items = array.ravel().tolist()
    if all(type(item) is str and is_clean_text(item) for item in items):
        return ArrayPlan(data=np.ascontiguousarray(array).reshape(array.shape))
    group = _plan_items(items, "objects", path)
    add_entry(group, "shape", list(array.shape), path)
    return group


def _plan_items(items: list[Any] | tuple[Any, ...], mark: str, path: Path) -> GroupPlan:
    group = GroupPlan(marks={".": mark})
    for index, item in enumerate(items):
        add_entry(group, str(index), item, (*path, str(index)))
    return group
