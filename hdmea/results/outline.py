"""What a result file will hold, listed part by part from the very plan that is written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hdmea.results.decode import read_attrs
from hdmea.results.lazy import LazyArray, reading
from hdmea.results.names import encode_name
from hdmea.results.plan import ArrayPlan, GroupPlan, Node, Path, plan_dict
from hdmea.results.session_content import SessionContent
from hdmea.results.session_layout import plan_pipeline, plan_root_attrs, plan_unit
from hdmea.results.values import Stored, stored_nbytes
from hdmea.utils import h5

__all__ = ["FileOutline", "OutlineEntry", "Values"]

_PARTS = ("metadata", "stimulus", "source_files", "pipeline")
_OBJECT_NBYTES = 500
_SHOWN_ITEMS = 6
_SHOWN_TEXT = 200
_MOST_ROWS, _MOST_COLUMNS = 100, 16


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A group, a dataset or an attribute of the file.

    Attributes
    ----------
    path
        Names from the root downwards, as the file has them.
    kind
        ``"group"``, ``"dataset"`` or ``"attribute"``.
    shape
        Of a dataset or attribute; None for a group and for an attribute without a value.
    dtype
        Name of the numpy type; ``"text"`` for strings, empty for a group.
    file_nbytes, memory_nbytes
        Estimated size in the file, and bytes that the data take in memory now (0 if they were not read yet);
        of a group with everything below it.
    value
        The value of an attribute, the first numbers of a dataset in memory; shortened.
    n_below
        Attributes, groups and datasets directly below.
    """

    path: Path
    kind: str
    shape: tuple[int, ...] | None
    dtype: str
    file_nbytes: int
    memory_nbytes: int
    value: str
    n_below: int


@dataclass(frozen=True)
class Values:
    """The first values of a dataset or attribute.

    Attributes
    ----------
    shape, dtype
        Of the whole.
    values
        At most two dimensions: the whole, or its first part.
    rest
        Which part `values` is, in words; empty for the whole.
    """

    shape: tuple[int, ...]
    dtype: str
    values: NDArray[Any]
    rest: str


class FileOutline:
    """The tree of the file that a session would be saved as; planned in parts, when they are asked for.

    Parameters
    ----------
    content
        What would be written.
    """

    def __init__(self, content: SessionContent) -> None:
        self._content = content
        self._parts: dict[str, GroupPlan] = {}
        self._units = {encode_name(str(unit_id)): unit_id for unit_id in content.units}
        self._unit_entries: dict[str, OutlineEntry] = {}

    def below(self, path: Path = ()) -> list[OutlineEntry]:
        """Return attributes, groups and datasets directly below a group or dataset.

        Parameters
        ----------
        path
            Names from the root downwards.

        Raises
        ------
        KeyError
            If there is nothing of that name.
        ValidationError
            If a value below cannot be stored.
        """
        if path == ("units",):
            return [self._unit_entry(name) for name in self._units]
        node = self._node(path)
        found = [_attribute(name, stored, path) for name, stored in _attrs(node).items()]
        if isinstance(node, GroupPlan):
            with _opened(node):
                found += [_entry(child, (*path, name)) for name, child in node.children.items()]
        if path:
            return found
        return [*found, self._units_entry(), *(_entry(self._part(name), (name,)) for name in _PARTS)]

    def walk(self) -> Iterator[OutlineEntry]:
        """Yield everything in the file, groups before what is in them."""
        with self._all_opened():
            for entry in self.below():
                yield entry
                if entry.kind == "attribute":
                    continue
                if entry.path != ("units",):
                    yield from _walk(self._node(entry.path), entry.path)
                    continue
                for unit in self.below(entry.path):
                    yield unit
                    yield from _walk(self._unit(unit.path[1]), unit.path)

    def find(self, text: str, limit: int) -> tuple[list[OutlineEntry], int]:
        """Return the entries whose name has a text in it, at most `limit`, and how many there are in all.

        Attributes of datasets that were not read yet are left out: they would have to be read from the file.
        """
        wanted = text.casefold()
        found: list[OutlineEntry] = []
        total = 0
        with self._all_opened():
            for make, name in self._names():
                if wanted in name.casefold():
                    total += 1
                    if len(found) < limit:
                        found.append(make())
        return found, total

    def _names(self) -> Iterator[tuple[Callable[[], OutlineEntry], str]]:
        root = self._node(())
        for name, stored in root.all_attrs().items():
            yield partial(_attribute, name, stored, ()), name
        yield self._units_entry, "units"
        for name in self._units:
            yield partial(self._unit_entry, name), name
            yield from _names(self._unit(name), ("units", name))
        for name in _PARTS:
            yield partial(_entry, self._part(name), (name,)), name
            yield from _names(self._part(name), (name,))

    def _all_opened(self) -> AbstractContextManager[None]:
        content = self._content
        return reading((content.units, content.metadata, content.stimulus))

    def values(self, path: Path, kind: str) -> Values:
        """Return the first values of a dataset or an attribute.

        Raises
        ------
        KeyError
            If there is no such dataset or attribute.
        CheckpointError
            If the file that it is read from is gone.
        """
        if kind == "attribute":
            return _first_values(_attrs(self._node(path[:-1]))[path[-1]])
        node = self._node(path)
        if not isinstance(node, ArrayPlan):
            raise KeyError("/".join(path))
        return _first_unread(node.data) if isinstance(node.data, LazyArray) else _first_values(node.data)

    def _node(self, path: Path) -> GroupPlan | ArrayPlan:
        if not path:
            return plan_root_attrs(self._content)
        node: GroupPlan | ArrayPlan
        if path[0] == "units":
            node, names = (self._unit(path[1]), path[2:]) if len(path) > 1 else (GroupPlan(), ())
        else:
            node, names = self._part(path[0]), path[1:]
        for name in names:
            if not isinstance(node, GroupPlan):
                raise KeyError("/".join(path))
            node = node.children[name]
        return node

    def _part(self, name: str) -> GroupPlan:
        if name not in self._parts:
            self._parts[name] = (
                plan_pipeline(self._content)
                if name == "pipeline"
                else plan_dict(getattr(self._content, name), (name,))
            )
        return self._parts[name]

    def _unit(self, name: str) -> GroupPlan | ArrayPlan:
        unit_id = self._units[name]
        return plan_unit(self._content.units[unit_id], self._content.stimulus, ("units", str(unit_id)))

    def _unit_entry(self, name: str) -> OutlineEntry:
        # The plan of a unit is made when it is looked at and not kept: all together have 100 000 parts.
        if name not in self._unit_entries:
            self._unit_entries[name] = _entry(self._unit(name), ("units", name))
        return self._unit_entries[name]

    def _units_entry(self) -> OutlineEntry:
        entries = self.below(("units",))
        file = sum(entry.file_nbytes for entry in entries) + _OBJECT_NBYTES
        memory = sum(entry.memory_nbytes for entry in entries)
        return OutlineEntry(("units",), "group", None, "", file, memory, "", len(entries))


def _names(node: GroupPlan | ArrayPlan, path: Path) -> Iterator[tuple[Callable[[], OutlineEntry], str]]:
    """Yield what makes the entry of everything below, and its name."""
    for name, stored in node.all_attrs().items():
        yield partial(_attribute, name, stored, path), name
    for name, child in node.children.items() if isinstance(node, GroupPlan) else ():
        place = (*path, name)
        yield partial(_entry, child, place), name
        yield from _names(child, place)


def _walk(node: GroupPlan | ArrayPlan, path: Path) -> Iterator[OutlineEntry]:
    for name, stored in _attrs(node).items():
        yield _attribute(name, stored, path)
    if isinstance(node, GroupPlan):
        with _opened(node):
            for name, child in node.children.items():
                yield _entry(child, (*path, name))
                yield from _walk(child, (*path, name))


def _entry(node: GroupPlan | ArrayPlan, path: Path) -> OutlineEntry:
    file, memory = _nbytes(node)
    n_below = len(_attrs(node))
    if isinstance(node, GroupPlan):
        return OutlineEntry(path, "group", None, "", file, memory, "", n_below + len(node.children))
    if isinstance(node.data, LazyArray):
        with node.data.source.open_for_reading() as source:
            dataset = h5.open_dataset(source, node.data.path)
            shape, dtype = dataset.shape, _type_name(dataset.dtype)
        return OutlineEntry(path, "dataset", shape, dtype, file, memory, "", n_below)
    shape, dtype = _shape_and_type(node.data)
    return OutlineEntry(path, "dataset", shape, dtype, file, memory, _short(node.data), n_below)


def _attribute(name: str, stored: Stored, path: Path) -> OutlineEntry:
    shape, dtype = _shape_and_type(stored)
    size = stored_nbytes(stored)
    return OutlineEntry((*path, name), "attribute", shape, dtype, size, size, _short(stored), 0)


def _attrs(node: Node) -> dict[str, Stored]:
    """Return the attributes to write; those of an array that was not read yet stay as its file has them."""
    if isinstance(node, ArrayPlan) and node.keep_attrs and isinstance(node.data, LazyArray):
        with node.data.source.open_for_reading() as file:
            return Node(*read_attrs(h5.open_dataset(file, node.data.path))).all_attrs()
    return node.all_attrs()


def _nbytes(node: GroupPlan | ArrayPlan) -> tuple[int, int]:
    """Return estimated bytes in the file, and bytes in memory."""
    if isinstance(node, ArrayPlan):
        attrs = sum(map(stored_nbytes, node.attrs.values()))
        unread = isinstance(node.data, LazyArray) and node.data.loaded is None
        return node.nbytes() + attrs + _OBJECT_NBYTES, attrs + (0 if unread else node.nbytes())
    file = memory = sum(map(stored_nbytes, node.attrs.values()))
    for child in node.children.values():
        below = _nbytes(child)
        file, memory = file + below[0], memory + below[1]
    return file + _OBJECT_NBYTES, memory


@contextlib.contextmanager
def _opened(group: GroupPlan) -> Iterator[None]:
    """Keep the files of a group's unread arrays open, so that each is opened once."""
    with contextlib.ExitStack() as stack:
        for source in {
            child.data.source
            for child in group.children.values()
            if isinstance(child, ArrayPlan) and isinstance(child.data, LazyArray)
        }:
            stack.enter_context(source.open_for_reading())
        yield


def _shape_and_type(stored: Stored) -> tuple[tuple[int, ...] | None, str]:
    if stored is None:
        return None, ""
    if isinstance(stored, str):
        return (), "text"
    if isinstance(stored, tuple):
        return (len(stored),), "text"
    return stored.shape, _type_name(stored.dtype)


def _type_name(dtype: np.dtype[Any]) -> str:
    return "text" if dtype.kind in "SOU" else str(dtype)


def _short(stored: Stored) -> str:
    """Return a value in one line."""
    if stored is None:
        return "none"
    if isinstance(stored, str):
        line = " ".join(stored.split())
        return line if len(line) <= _SHOWN_TEXT else f"{line[:_SHOWN_TEXT]} …"
    size = len(stored) if isinstance(stored, tuple) else stored.size
    items = stored[:_SHOWN_ITEMS] if isinstance(stored, tuple) else stored.flat[:_SHOWN_ITEMS]
    return ", ".join(map(_item, items)) + (" …" if size > _SHOWN_ITEMS else "")


def _item(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)


def _first_values(stored: Stored) -> Values:
    if stored is None:
        return Values((), "", np.array([], object), "no value")
    if isinstance(stored, (str, tuple)):
        texts = np.array([stored] if isinstance(stored, str) else list(stored), object)
        shape = () if isinstance(stored, str) else texts.shape
        return Values(shape, "text", texts[:_MOST_ROWS], _rest(texts.shape))
    return Values(
        stored.shape, _type_name(stored.dtype), stored[_part(stored.shape)].copy(), _rest(stored.shape)
    )


def _first_unread(unread: LazyArray) -> Values:
    with unread.source.open_for_reading() as file:
        dataset = h5py.Dataset(h5.open_dataset(file, unread.path))
        values = np.asarray(dataset[_part(dataset.shape)])
        return Values(dataset.shape, _type_name(dataset.dtype), values, _rest(dataset.shape))


def _part(shape: tuple[int, ...]) -> tuple[int | slice, ...]:
    """Return the index of the first values: of more than two dimensions the first plane."""
    if not shape:
        return ()
    if len(shape) == 1:
        return (slice(_MOST_ROWS),)
    return (*(0,) * (len(shape) - 2), slice(_MOST_ROWS), slice(_MOST_COLUMNS))


def _rest(shape: tuple[int, ...]) -> str:
    parts = [f"plane {', '.join('0' for _ in shape[:-2])} of {shape[:-2]}"] if len(shape) > 2 else []
    limits = ((_MOST_ROWS, "rows"), (_MOST_COLUMNS, "columns"))
    for size, (limit, name) in zip(shape[-2:], limits, strict=False):
        if size > limit:
            parts.append(f"first {limit} of {size:,} {name}")
    return "; ".join(parts)
