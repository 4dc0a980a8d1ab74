"""What a result file will hold, listed part by part from the very plan that is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.results.codec import codec
from hdmea.results.content import TREES, Keys, SessionContent
from hdmea.results.leaves import make_storable
from hdmea.results.nodes import AttrValue, Dataset, Group, Node
from hdmea.results.unread import Unread, reading
from hdmea.utils.giving_way import give_way

__all__ = ["FileOutline", "OutlineEntry", "Values"]

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
        Of a dataset or attribute; None for a group.
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

    path: Keys
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
    """The tree of the file that a session would be saved as; planned when it is first asked for.

    Parameters
    ----------
    content
        What would be written.
    """

    def __init__(self, content: SessionContent) -> None:
        self._content = content

    @cached_property
    def _root(self) -> Group:
        trees = [getattr(self._content, name) for name in TREES]
        for tree in trees:
            make_storable(tree)
        with reading(trees):
            return codec(self._content.layout).plan(self._content)

    def below(self, path: Keys = ()) -> list[OutlineEntry]:
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
            If a value of the session cannot be stored.
        """
        node = self._node(path)
        found = [_attribute(name, value, path) for name, value in node.attrs.items()]
        if isinstance(node, Group):
            found += [_entry(child, (*path, name)) for name, child in node.children.items()]
        return found

    def walk(self) -> Iterator[OutlineEntry]:
        """Yield everything in the file, groups before what is in them."""
        yield from _walk(self._root, ())

    def find(self, text: str, limit: int) -> tuple[list[OutlineEntry], int]:
        """Return the entries whose name has a text in it, at most `limit`, and how many there are in all."""
        wanted = text.casefold()
        found: list[OutlineEntry] = []
        total = 0
        for make, name in _names(self._root, ()):
            if wanted in name.casefold():
                total += 1
                if len(found) < limit:
                    found.append(make())
        return found, total

    def values(self, path: Keys, kind: str) -> Values:
        """Return the first values of a dataset or an attribute.

        Raises
        ------
        KeyError
            If there is no such dataset or attribute.
        CheckpointError
            If the file that it is read from is gone.
        """
        if kind == "attribute":
            return _first_values(_as_array(self._node(path[:-1]).attrs[path[-1]]))
        node = self._node(path)
        if not isinstance(node, Dataset):
            raise KeyError("/".join(path))
        first = _first_of(node)
        return Values(node.shape, _type_name(node.dtype), first[_part(first.shape)].copy(), _rest(node.shape))

    def _node(self, path: Keys) -> Node:
        node: Node = self._root
        for name in path:
            if not isinstance(node, Group):
                raise KeyError("/".join(path))
            node = node.children[name]
        return node


def _first_of(node: Dataset) -> NDArray[Any]:
    """Return the beginning of a dataset, in the shape that it has but for its first axis."""
    source: Any = node.source
    if isinstance(source, np.ndarray):
        return source
    if callable(source):
        made: NDArray[Any] = source()
        return made
    if isinstance(source, (list, tuple)):
        first = next((item for item in source if item is not None), None)
        plain = np.empty((0, *node.shape[1:]), node.dtype)
        if first is not None:
            plain = first if isinstance(first, np.ndarray) else first.read_plain()
            plain = plain.reshape(-1) if node.joined else plain[np.newaxis]
        return np.asarray(plain)
    return next((part for _, part in source.blocks()), np.empty(0, node.dtype))


def _names(node: Node, path: Keys) -> Iterator[tuple[Callable[[], OutlineEntry], str]]:
    """Yield what makes the entry of everything below, and its name."""
    give_way()
    for name, value in node.attrs.items():
        yield partial(_attribute, name, value, path), name
    for name, child in node.children.items() if isinstance(node, Group) else ():
        place = (*path, name)
        yield partial(_entry, child, place), name
        yield from _names(child, place)


def _walk(node: Node, path: Keys) -> Iterator[OutlineEntry]:
    give_way()
    for name, value in node.attrs.items():
        yield _attribute(name, value, path)
    for name, child in node.children.items() if isinstance(node, Group) else ():
        yield _entry(child, (*path, name))
        yield from _walk(child, (*path, name))


def _entry(node: Node, path: Keys) -> OutlineEntry:
    file, memory = _nbytes(node)
    n_below = len(node.attrs)
    if isinstance(node, Group):
        return OutlineEntry(path, "group", None, "", file, memory, "", n_below + len(node.children))
    value = _short(node.source) if isinstance(node.source, np.ndarray) else ""
    return OutlineEntry(path, "dataset", node.shape, _type_name(node.dtype), file, memory, value, n_below)


def _attribute(name: str, value: AttrValue, path: Keys) -> OutlineEntry:
    array = _as_array(value)
    return OutlineEntry(
        (*path, name),
        "attribute",
        array.shape,
        _type_name(array.dtype),
        _attr_nbytes(value),
        _attr_nbytes(value),
        _short(array),
        0,
    )


def _as_array(value: AttrValue) -> NDArray[Any]:
    if isinstance(value, (str, list)):
        texts = np.empty(1 if isinstance(value, str) else len(value), dtype=object)
        texts[:] = [value] if isinstance(value, str) else value
        return texts.reshape(()) if isinstance(value, str) else texts
    return np.asarray(value)


def _attr_nbytes(value: AttrValue) -> int:
    if isinstance(value, (str, list)):
        return sum(
            len(text.encode("utf-8", "replace")) for text in ([value] if isinstance(value, str) else value)
        )
    return int(np.asarray(value).nbytes)


def _nbytes(node: Node) -> tuple[int, int]:
    """Return estimated bytes in the file, and bytes in memory."""
    file = memory = sum(map(_attr_nbytes, node.attrs.values()))
    if isinstance(node, Dataset):
        return file + node.nbytes + _OBJECT_NBYTES, memory + _in_memory(node)
    for child in node.children.values():
        below = _nbytes(child)
        file, memory = file + below[0], memory + below[1]
    return file + _OBJECT_NBYTES, memory


def _in_memory(node: Dataset) -> int:
    source: Any = node.source
    if isinstance(source, Unread):
        return node.nbytes if source.loaded is not None else 0
    if not isinstance(source, (list, tuple)):
        return node.nbytes
    there = [item for item in source if item is not None]
    return sum(item.nbytes for item in there if not isinstance(item, Unread) or item.loaded is not None)


def _type_name(dtype: np.dtype[Any]) -> str:
    return "text" if dtype.kind in "SOU" else str(dtype)


def _short(values: NDArray[Any]) -> str:
    """Return values in one line."""
    if values.ndim == 0 and values.dtype.kind in "SO":
        line = " ".join(_item(values[()]).split())
        return line if len(line) <= _SHOWN_TEXT else f"{line[:_SHOWN_TEXT]} …"
    return ", ".join(map(_item, values.flat[:_SHOWN_ITEMS])) + (" …" if values.size > _SHOWN_ITEMS else "")


def _item(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)


def _first_values(values: NDArray[Any]) -> Values:
    shown = values[_part(values.shape)].copy() if values.ndim else values.reshape(1)
    return Values(values.shape, _type_name(values.dtype), shown, _rest(values.shape))


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
