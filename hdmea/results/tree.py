"""Reading groups back as the nested dictionaries they were written from."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5a, h5g

from hdmea.results.decode import Tick, decode_dataset, describe, no_tick, read_attrs
from hdmea.results.lazy import LazyArray, LazyDict, LazyEntry, LazySource
from hdmea.results.names import TYPE_MARK, decode_name
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.values import decode_value
from hdmea.utils import h5
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError

__all__ = ["TreeReader", "make_dict"]


class TreeReader:
    """Reads groups of one file as dictionaries.

    Parameters
    ----------
    source
        Where unread arrays will be read from; None reads everything now.
    tick
        Called with the number of bytes after each array and slice; may raise to stop.
    """

    def __init__(self, source: LazySource | None = None, tick: Tick = no_tick) -> None:
        self.source = source
        self.tick = tick

    def group(self, group: h5.GroupID, path: str) -> Any:
        """Return what a group was written from: nearly always a dictionary."""
        attrs, marks = read_attrs(group)
        mark = marks.get(".", "")
        names = h5.link_names(group)
        if mark in _EAGER and self.source is not None:
            return TreeReader(None, self.tick).group(group, path)
        entries: dict[str, Any] = {
            name: decode_value(stored, marks.get(name, ""), arrays=False) for name, stored in attrs.items()
        }
        for name in names:
            entries[name] = self.child(group, name, f"{path}/{name}")
        return _from_entries(entries, mark)

    def child(self, parent: h5.GroupID, name: str, path: str) -> Any:
        """Return the entry called `name` (as stored) of a group."""
        return self.object(h5.open_object(parent, name), path)

    def object(self, item: Any, path: str) -> Any:
        """Return what a group or dataset was written from."""
        if isinstance(item, h5g.GroupID):
            return self.group(item, path)
        return self.array(item, path)

    def array(self, dataset: Any, path: str, *, plain: bool = False) -> Any:
        """Return a dataset as array or, if reading on first use, as a note of where it is.

        Parameters
        ----------
        dataset, path
            The dataset and its place in the file.
        plain
            Leave out its attributes.
        """
        if self.source is None:
            self.tick(500)
            return decode_dataset(dataset, plain=plain, tick=self.tick)
        mark = self_mark(dataset)
        shape, dtype = describe(dataset, mark)
        if dtype.hasobject or mark.partition(":")[0] == "value":
            return decode_dataset(dataset, plain=plain)
        return LazyArray(self.source, path, shape, dtype, plain=plain, mark=mark)


def self_mark(item: Any) -> str:
    """Return the word that says what a dataset was, "" for an array."""
    if not h5a.get_num_attrs(item) or not h5a.exists(item, TYPE_MARK.encode()):
        return ""
    return read_attrs(item)[1].get(".", "")


def make_dict(entries: dict[Any, Any]) -> dict[Any, Any]:
    """Return a dictionary that reads its unread entries on first use, if it has any."""
    if any(isinstance(value, LazyEntry) for value in entries.values()):
        return LazyDict(entries)
    return entries


_EAGER = frozenset(("items", "list", "tuple", "objects", "sectioned", "attrarray"))


def _from_entries(entries: dict[str, Any], mark: str) -> Any:
    if mark in ("", "dict"):
        return make_dict({decode_name(name): value for name, value in entries.items()})
    if mark == "int-keys":
        return make_dict({int(name): value for name, value in entries.items()})
    if mark == "items":
        return dict(zip(entries["keys"], entries["values"], strict=True))
    if mark in ("list", "tuple"):
        items = [entries[str(index)] for index in range(len(entries))]
        return items if mark == "list" else tuple(items)
    if mark == "objects":
        array = np.empty(entries.pop("shape"), dtype=object)
        array.reshape(-1)[:] = _as_objects([entries[str(index)] for index in range(array.size)])
        return array
    if mark == "sectioned":
        return SectionedSpikes(**entries)
    if mark == "attrarray":
        return AttrArray(entries["array"], entries["attrs"])
    raise ValidationError(f"unknown type mark {mark!r}; the file was written by a newer version.")


def _as_objects(items: list[Any]) -> np.ndarray[Any, Any]:
    objects = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        objects[index] = item
    return objects
