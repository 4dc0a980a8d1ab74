"""The same quantity of all units as one dataset whose first axis is the units, and back.

A table is made from one dictionary per unit (or none, where a unit lacks it). Each key becomes a dataset, or
a group where the values are dictionaries. Beside a dataset ``name`` may be

``name%mask``
    False where a unit lacks the value; the row then holds NaN, 0, False or an empty text.
``name%none``
    True where a unit has the value None, which is a lack too.
``name%index``, ``name%shape``
    Where lengths differ: the values follow one another, unit i has ``[index[i], index[i + 1])``.
``%order``
    In a group: the keys of a unit that has them in another order (JSON).

What fits no column, because most units have something of another kind in its place, is passed to `Own`.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hdmea.results import leaves
from hdmea.results.content import Keys
from hdmea.results.leaves import Leaf, decode_name, encode_name, is_mark
from hdmea.results.nodes import ROW_NBYTES, AttrValue, Block, Dataset, Group
from hdmea.results.reading import Place
from hdmea.results.sectioned import is_cut
from hdmea.results.tracking import tokens
from hdmea.results.trees import dataset_marks, own_attrs, plan_tree, read_own_attrs
from hdmea.results.unread import LazyDict, Source, Unread, UnreadArray, dict_nbytes
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way

__all__ = [
    "MISSING",
    "Column",
    "Given",
    "Member",
    "Own",
    "RowArray",
    "RowDict",
    "Table",
    "add_column",
    "plan_quantity",
    "plan_table",
    "text_column",
]


class _Missing:
    """Stands where a unit does not have a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
_PLAIN = {
    float: ("float", np.dtype(np.float64)),
    bool: ("bool", np.dtype(np.bool_)),
    int: ("int", np.dtype(np.int64)),
}
_STACK_NBYTES = 1 << 20
_FILLERS: dict[str, Any] = {"f": np.nan, "c": np.nan, "S": b""}

_PER_SPIKE = frozenset((("spike_times",), ("spike_amplitudes",)))
"""Quantities that always have an index, also where all units happen to have as many spikes."""

Values = list[Any]


class Own:
    """Collects what fits no column.

    Parameters
    ----------
    ids
        Names of the units, in the order of the rows.

    Attributes
    ----------
    values : dict
        Row to nested dictionaries with what was collected.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.values: dict[int, dict[str, Any]] = {}
        self._paths: dict[int, list[Keys]] = {}

    def add(self, row: int, path: Keys, value: Any) -> None:
        """Keep a value of one unit."""
        self._paths.setdefault(row, []).append(path)
        node = self.values.setdefault(row, {})
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = value

    def keys(self, row: int, path: Keys) -> list[str]:
        """Return the keys of one unit's dictionary at `path` whose values were collected."""
        return [place[-1] for place in self._paths.get(row, ()) if place[:-1] == path]

    def place(self, row: int, path: Keys) -> Keys:
        """Return where a value is in the session."""
        return ("units", self.ids[row], *path)

    def plan(self) -> Group:
        """Plan what was collected: ``<unit>/<path>``."""
        return Group(
            children={
                encode_name(self.ids[row]): plan_tree(value, ("units", self.ids[row]))
                for row, value in self.values.items()
            }
        )


# -- planning ----------------------------------------------------------------------------------------------

PlanChild = Callable[[Group, str, Values, Keys, Own], None]


def plan_table(
    rows: Sequence[Any],
    path: Keys,
    own: Own,
    *,
    into: Group | None = None,
    plan_child: PlanChild | None = None,
    order_mark: str = "%order",
) -> Group:
    """Plan one dictionary per unit as a group.

    Parameters
    ----------
    rows
        The units' dictionaries, MISSING where a unit has none.
    path
        Where they are in a unit.
    own
        Takes what fits no column.
    into
        The group; default: a new one.
    plan_child
        Plans the values of one key; default: `plan_quantity`.
    order_mark
        Name of the dataset that says in which order a unit has its keys, if it is another.

    Raises
    ------
    ValidationError
        If a value cannot be stored; the message names its path.
    """
    give_way()
    group = Group() if into is None else into
    plan = plan_quantity if plan_child is None else plan_child
    keys: dict[Any, None] = {}
    for row in rows:
        if row is not MISSING:
            keys.update(dict.fromkeys(row))
    kinds = set(map(type, rows))
    for key in keys:
        if type(key) is not str:
            raise _bad_key(rows, key, path, own)
        values = _values_of(rows, key, kinds)
        plan(group, encode_name(key), values, (*path, key), own)
    orders = _orders(rows, list(keys), path, own)
    if orders:
        texts = [json.dumps(orders[row]) if row in orders else "" for row in range(len(rows))]
        group.children[order_mark] = text_column(texts)
    return group


def _values_of(rows: Sequence[Any], key: str, kinds: set[type]) -> Values:
    """Return one value per row, unread ones as they are."""
    if kinds == {dict}:
        # Nearly always: all units have the key, and no method of ours has to be called for it.
        with contextlib.suppress(KeyError):
            return list(map(itemgetter(key), rows))
    return [MISSING if row is MISSING else dict.get(row, key, MISSING) for row in rows]


def _bad_key(rows: Sequence[Any], key: object, path: Keys, own: Own) -> Exception:
    row = next(number for number, item in enumerate(rows) if item is not MISSING and key in item)
    place = "/".join(own.place(row, path))
    return ValidationError(
        f"{place} has the key {key!r}; the keys of a result file are text. Nothing was written.",
        fix=Advice("Use a text as the key."),
    )


def _orders(rows: Sequence[Any], keys: list[str], path: Keys, own: Own) -> dict[int, list[str]]:
    """Return the keys of those units whose dictionary would be read back in another order."""
    found: dict[int, list[str]] = {}
    for number, row in enumerate(rows):
        if row is MISSING:
            continue
        mine = list(row)
        if mine == keys and number not in own.values:
            continue
        apart = own.keys(number, path)
        read = [key for key in keys if key in row and key not in apart] + apart
        if read != mine:
            found[number] = mine
    return found


def plan_quantity(group: Group, name: str, values: Values, path: Keys, own: Own) -> None:
    """Plan one quantity of all units as the dataset or group `name` of `group`.

    Parameters
    ----------
    group
        Where it goes.
    name
        Its name in the file.
    values
        One per unit, MISSING where a unit lacks it.
    path
        Where it is in a unit.
    own
        Takes the values that are of another kind than most.
    """
    give_way()
    types = set(map(type, values))
    types.discard(_Missing)
    if len(types) == 1:
        kind = next(iter(types))
        if kind in _PLAIN and (kind is not int or _fits_int64(values)):
            add_column(group, name, _plain_column(values, kind), values, None)
            return
        if kind is str and all(leaves.is_clean(value) for value in values if value is not MISSING):
            texts = ["" if value is MISSING else value for value in values]
            add_column(group, name, _column("str", leaves.text_array(texts), {}), values, None)
            return
    values = [
        value.read() if isinstance(value, Unread) and not isinstance(value, UnreadArray) else value
        for value in values
    ]
    signatures = [_signature(value, own, row, path) for row, value in enumerate(values)]
    counts = Counter(signature for signature in signatures if signature not in (None, "none", "tree"))
    chosen = counts.most_common(1)[0][0] if counts else None
    for row, signature in enumerate(signatures):
        if signature not in (None, "none", chosen):
            own.add(row, path, values[row])
            values[row] = MISSING
    none = [value is None for value in values]
    there = [MISSING if value is None else value for value in values]
    if chosen == "dict":
        add_column(group, name, plan_table(there, path, own), there, none)
    elif chosen is not None:
        column, beside = _leaf_column(there, path, own)
        add_column(group, name, column, there, none)
        for mark, dataset in beside.items():
            group.children[f"{name}%{mark}"] = dataset
    elif any(none):
        add_column(group, name, _column("float", np.full(len(values), np.nan), {}), there, none)


def _fits_int64(values: Values) -> bool:
    known = [value for value in values if value is not MISSING]
    return bool(-(2**63) <= min(known) and max(known) < 2**63)


def _plain_column(values: Values, kind: type) -> Dataset:
    word, dtype = _PLAIN[kind]
    filler = _FILLERS.get(dtype.kind, 0)
    numbers = [filler if value is MISSING else value for value in values] if MISSING in values else values
    return _column(word, np.array(numbers, dtype), {})


def text_column(texts: Iterable[str]) -> Dataset:
    """Return the column of clean texts."""
    return _column("str", leaves.text_array(texts), {})


def _column(kind: str, array: NDArray[Any], attrs: dict[str, AttrValue]) -> Dataset:
    leaf = Leaf(kind, array)
    marks = dataset_marks(leaf, array.ndim - 1)
    return Dataset(array.shape, array.dtype, array, utf8=leaves.is_utf8(leaf), attrs={**attrs, **marks})


def add_column(
    group: Group, name: str, node: Dataset | Group, values: Values, none: list[bool] | None = None
) -> None:
    """Put a column or table into a group, and beside it which units lack it (MISSING among `values`)."""
    group.children[name] = node
    mask = np.array([value is not MISSING for value in values])
    if not mask.all():
        group.children[f"{name}%mask"] = _column("bool", mask, {})
    if none is not None and any(none):
        group.children[f"{name}%none"] = _column("bool", np.array(none), {})


def _signature(value: Any, own: Own, row: int, path: Keys) -> Any:
    """Return what decides whether a value fits into a column with others, None for one that is missing."""
    if value is MISSING:
        return None
    if value is None:
        return "none"
    if _is_numbers(value):
        attrs = _attrs_key(value.attrs, own, row, path) if type(value) is AttrArray else ()
        return "array", value.dtype.str, value.ndim, attrs
    if is_cut(value) or (type(value) is list and not leaves.is_uniform(value)):
        return "tree"
    if isinstance(value, dict):
        return "tree" if any(type(key) is int for key in value) else "dict"
    if isinstance(value, UnreadArray):
        attrs = _attrs_key(value.attrs, own, row, path)
        dtype = value.dtype.str if value.kind in ("array", "bytes") else ""
        return value.kind, dtype, len(value.shape), attrs
    leaf = leaves.encode(value, own.place(row, path))
    dtype = "" if leaves.is_utf8(leaf) else leaf.array.dtype.str
    attrs = _attrs_key(leaf.attrs, own, row, path) if leaf.attrs else ()
    return leaf.kind, dtype, leaf.array.ndim, attrs


def _is_numbers(value: Any) -> bool:
    """Return whether a value is an array of numbers, which is stored as it is."""
    return (
        type(value) in (np.ndarray, AttrArray)
        and value.dtype.kind in "biufc"
        and value.dtype.char not in "gG"
    )


def _attrs_key(attrs: Mapping[str, Any], own: Own, row: int, path: Keys) -> Any:
    found: list[tuple[Any, ...]] = []
    for key, value in attrs.items():
        kind = type(value)
        if kind is str or kind is int or kind is bool:
            found.append((key, kind, value))
            continue
        leaf = leaves.encode(value, (*own.place(row, path), str(key)))
        found.append((key, leaf.kind, leaf.array.dtype.str, leaf.array.shape, leaf.array.tobytes()))
    return tuple(found)


def _leaf_column(values: Values, path: Keys, own: Own) -> tuple[Dataset, dict[str, Dataset]]:
    """Return the column of values of one kind, and what is beside it."""
    items: list[NDArray[Any] | UnreadArray | None] = []
    kind, attrs = "array", dict[str, Any]()
    for row, value in enumerate(values):
        if value is MISSING:
            items.append(None)
        elif isinstance(value, UnreadArray):
            kind, attrs = value.kind, value.attrs
            items.append(value)
        elif _is_numbers(value):
            kind, attrs = "array", value.attrs if type(value) is AttrArray else {}
            items.append(value.view(np.ndarray))
        else:
            leaf = leaves.encode(value, own.place(row, path))
            kind, attrs = leaf.kind, dict(leaf.attrs)
            items.append(leaf.array)
    known = [item for item in items if item is not None]
    dtype = max((item.dtype for item in known), key=lambda dtype: dtype.itemsize)
    marks = own_attrs(attrs, path)
    utf8 = dtype.kind == "S" and kind != "bytes"
    shapes = {item.shape for item in known}
    n, ndim = len(items), len(known[0].shape)
    marks.update(dataset_marks(Leaf(kind, np.empty(0, dtype)), ndim))
    if len(shapes) > 1 or (path in _PER_SPIKE and ndim == 1):
        lengths = [0 if item is None else int(np.prod(item.shape)) for item in items]
        index = np.concatenate(([0], np.cumsum(lengths))).astype(np.uint64)
        total = (int(index[-1]),)
        column = Dataset(total, dtype, _as_wide(items, dtype), utf8=utf8, joined=True, attrs=marks)
        beside = {"index": _column("number", index, {})}
        if ndim > 1:
            sizes = [(0,) * ndim if item is None else item.shape for item in items]
            beside["shape"] = _column("array", np.array(sizes, np.int64), {})
        return column, beside
    (shape,) = shapes
    nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if nbytes >= ROW_NBYTES:
        return Dataset((n, *shape), dtype, _as_wide(items, dtype), utf8=utf8, attrs=marks), {}
    return Dataset((n, *shape), dtype, _Stacked(items, shape, dtype), utf8=utf8, attrs=marks), {}


def _as_wide(items: list[Any], dtype: np.dtype[Any]) -> list[Any]:
    """Return the items, texts with the width of the column."""
    if dtype.kind != "S":
        return items
    return [None if item is None else _read(item).astype(dtype) for item in items]


class _Stacked:
    """Small arrays of the units as rows of one dataset, some rows at a time in memory."""

    def __init__(self, items: list[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._items, self._shape, self._dtype = items, shape, dtype

    def blocks(self) -> Iterator[Block]:
        """Yield the rows part by part."""
        nbytes = int(np.prod(self._shape, dtype=np.int64)) * self._dtype.itemsize
        step = max(1, _STACK_NBYTES // max(1, nbytes))
        for first in range(0, len(self._items) if nbytes else 0, step):
            items = self._items[first : first + step]
            array = np.full((len(items), *self._shape), _FILLERS.get(self._dtype.kind, 0), self._dtype)
            for row, item in enumerate(items):
                if item is not None:
                    array[row] = _read(item)
            yield (first, *(0,) * len(self._shape)), array


def _read(item: Any) -> Any:
    return item.read_plain() if isinstance(item, UnreadArray) else item


# -- reading -----------------------------------------------------------------------------------------------


class Column:
    """One quantity of all units: small ones read whole, large ones row by row.

    Parameters
    ----------
    place
        The dataset.
    names
        Names of what is in its group.
    parent
        Its group.
    n
        Number of units.
    now
        Read large ones as well.

    Attributes
    ----------
    values : list
        One per unit, MISSING where a unit lacks it; None if they are read row by row.
    """

    def __init__(
        self, place: Place, names: Mapping[str, None], parent: Place, n: int, now: bool = True
    ) -> None:
        name = place.path.rpartition("/")[2]
        shape = place.shape
        self.path = place.path
        self.attrs = read_own_attrs(place)
        self.dtype = place.dtype
        self.mask = _flags(parent, name + "%mask", names, n)
        self.none = _flags(parent, name + "%none", names, n)
        self.index = parent.child(name + "%index").read() if name + "%index" in names else None
        self.shapes = parent.child(name + "%shape").read() if name + "%shape" in names else None
        if self.index is not None:
            self._check_index(place, n)
            ndim = 1 if self.shapes is None else self.shapes.shape[1]
        elif not shape or shape[0] != n:
            raise place.damaged(f"it has {shape[0] if shape else 'no'} rows, there are {n} units")
        else:
            ndim = len(shape) - 1
        self.kind = place.kind(ndim)
        self.row_shape = shape[1:]
        self.values: Values | None = None
        if place.nbytes < ROW_NBYTES * max(1, n):
            self.values = _with_lacks(self._read_all(place, n), self.mask, self.none)
            return
        here = [True] * n if self.mask is None else self.mask
        if self.index is None:
            place.refuse_unbacked(place.nbytes // n * sum(here))
        if now:
            rows = [self._read_row(place, row) if here[row] else MISSING for row in range(n)]
            self.values = _with_lacks(rows, None, self.none)

    def _check_index(self, place: Place, n: int) -> None:
        index = self.index
        assert index is not None
        fits = index.dtype.kind in "iu" and index.shape == (n + 1,) and len(place.shape) == 1
        steps = np.diff(index.astype(np.int64)) if fits else np.array([-1])
        if (steps < 0).any() or index[0] != 0 or index[-1] != place.shape[0]:
            raise place.damaged("its index does not fit")
        shapes = self.shapes
        if shapes is not None and (shapes.ndim != 2 or not np.array_equal(np.prod(shapes, axis=1), steps)):
            raise place.damaged("its shapes do not fit")

    def _read_all(self, place: Place, n: int) -> Values:
        array = place.read()
        if self.index is None:
            values = leaves.decode_rows(self.kind, array)
        else:
            bounds = self.index.tolist()
            runs = [array[bounds[row] : bounds[row + 1]].reshape(self.shape_of(row)) for row in range(n)]
            values = [leaves.decode(self.kind, run) for run in runs]
        return [AttrArray(value, self.attrs) for value in values] if self.attrs else values

    def _read_row(self, place: Place, row: int) -> Any:
        value = leaves.decode(self.kind, self._plain_row(place, row))
        return AttrArray(value, self.attrs) if self.attrs else value

    def _plain_row(self, place: Place, row: int) -> NDArray[Any]:
        if self.index is None:
            return place.read_row(row)
        return place.read_run(int(self.index[row]), int(self.index[row + 1])).reshape(self.shape_of(row))

    def shape_of(self, row: int) -> tuple[int, ...]:
        """Return the shape of one unit's array."""
        if self.index is None:
            return self.row_shape
        if self.shapes is not None:
            return tuple(self.shapes[row].tolist())
        return (int(self.index[row + 1]) - int(self.index[row]),)

    def read_row(self, file: Place, row: int) -> Any:
        """Return one unit's array, read by itself."""
        return self._read_row(file.at(self.path), row)

    def plain_row(self, file: Place, row: int) -> NDArray[Any]:
        """Return one unit's array as it is stored."""
        return self._plain_row(file.at(self.path), row)

    def value(self, row: int, source: Source) -> Any:
        """Return one unit's value, unread if it is large."""
        if self.values is not None:
            return self.values[row]
        if self.none is not None and self.none[row]:
            return None
        if self.mask is not None and not self.mask[row]:
            return MISSING
        return RowArray(source, self, row)


def _flags(parent: Place, name: str, names: Mapping[str, None], n: int) -> list[bool] | None:
    if name not in names:
        return None
    place = parent.child(name)
    flags = place.read()
    if flags.shape != (n,) or flags.dtype != np.bool_:
        raise place.damaged("it is not one truth value for each unit")
    found: list[bool] = flags.tolist()
    return found


class RowArray(UnreadArray):
    """An array of one unit that is still in the file.

    Parameters
    ----------
    source
        The file.
    column, row
        Where in it.
    """

    __slots__ = ("column", "row")

    def __init__(self, source: Source, column: Column, row: int) -> None:
        super().__init__(source)
        self.column = column
        self.row = row

    def __repr__(self) -> str:
        return f"RowArray({self.column.path!r}, {self.row})"

    @property
    def kind(self) -> str:
        """What it is; see `hdmea.results.leaves.Leaf`."""
        return self.column.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.column.shape_of(self.row)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array as it is stored."""
        return self.column.dtype

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the array."""
        return self.column.attrs

    @property
    def place(self) -> str:
        """Path of the column."""
        return self.column.path

    def make(self, file: Place) -> Any:
        """Return the array."""
        return self.column.read_row(file, self.row)

    def read_plain(self) -> NDArray[Any]:
        """Return the numbers as they are stored, from memory where they are loaded."""
        loaded = self.loaded
        if loaded is not None and self.kind in ("array", "bytes"):
            return np.asarray(loaded)
        with self.source.open_for_reading() as file:
            return self.column.plain_row(file, self.row)

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, RowArray)
        self.source, self.column, self.row = other.source, other.column, other.row


class Given:
    """A quantity that is known without a dataset, such as metadata that are equal for all units.

    Parameters
    ----------
    values
        One per unit.
    """

    def __init__(self, values: Values) -> None:
        self.values = values

    def value(self, row: int, source: Source) -> Any:
        """Return one unit's value."""
        return self.values[row]


class Table:
    """A group of columns: one dictionary for each unit.

    Parameters
    ----------
    path
        The group's path in the file.
    n
        Number of units.
    source
        Where it is read from when it is first asked for; None if `load` is called at once.

    Attributes
    ----------
    members : dict
        Columns and tables by their names in memory; None before they were read.
    mask, none : list of bool
        Which units have a dictionary, which have None in its place; None if all do, if none has.
    orders : list of str
        For each unit its keys as JSON if they are in another order than `members`.
    """

    deferred = False
    """Whether a table of this kind is only read when it is asked for."""

    def __init__(self, path: str, n: int, source: Source | None) -> None:
        self.path = path
        self.n = n
        self.source = source
        self.members: dict[str, Member] | None = None
        self.mask: list[bool] | None = None
        self.none: list[bool] | None = None
        self.orders: Values | None = None

    def below(self, name: str, path: str) -> Table:
        """Return the table of the group `name` in this one; parts with a form of their own say which."""
        return Table(path, self.n, self.source)

    def load(self, place: Place) -> None:
        """Read the small columns, and what is known of the large ones."""
        names = dict.fromkeys(place.names())
        self.members = {
            decode_name(name): self.load_member(place, name, names) for name in names if not is_mark(name)
        }
        self.orders = self.load_orders(place, names)

    def load_member(self, place: Place, name: str, names: Mapping[str, None]) -> Member:
        """Read one column or table of a group in which there are `names`."""
        child = place.child(name)
        if not child.is_group:
            return Column(child, names, place, self.n, now=self.source is None)
        return self.load_table(self.below(decode_name(name), child.path), place, name, names, child=child)

    def load_table(
        self,
        table: Table,
        place: Place,
        name: str,
        names: Mapping[str, None],
        *,
        now: bool = True,
        child: Place | None = None,
    ) -> Table:
        """Read which units have a dictionary, and with `now` what is in it."""
        table.mask = _flags(place, name + "%mask", names, self.n)
        table.none = _flags(place, name + "%none", names, self.n)
        if now and not (table.deferred and self.source is not None):
            table.load(place.child(name) if child is None else child)
        return table

    def load_orders(self, place: Place, names: Mapping[str, None], mark: str = "%order") -> Values | None:
        """Read which units have their keys in another order."""
        return Column(place.child(mark), {}, place, self.n).values if mark in names else None

    def known(self) -> dict[str, Member]:
        """Return the members, which are read from the file if they were not yet."""
        if self.members is None:
            assert self.source is not None
            with self.source.open_for_reading() as file:
                self.load(file.at(self.path))
        assert self.members is not None
        return self.members

    def follow(self, source: Source) -> None:
        """Be read, with all tables below, from the same place of another file."""
        if self.source is not source:
            self.source = source
            for member in (self.members or {}).values():
                if isinstance(member, Table):
                    member.follow(source)

    def dicts(self) -> list[dict[str, Any]]:
        """Return the dictionaries of all units, all of them read."""
        found: list[dict[str, Any]] = [{} for _ in range(self.n)]
        for key, member in self.known().items():
            values = member.dicts_with_lacks() if isinstance(member, Table) else member.values
            assert values is not None
            for into, value in zip(found, values, strict=True):
                if value is not MISSING:
                    into[key] = value
        for row, text in enumerate(self.orders or ()):
            if text:
                put_in_order(found[row], text)
        return found

    def dicts_with_lacks(self) -> Values:
        """Return the dictionaries of all units, MISSING or None for those without one."""
        return _with_lacks(list(self.dicts()), self.mask, self.none)

    def row(self, row: int) -> Any:
        """Return the dictionary of one unit; what is large in it stays unread."""
        assert self.source is not None
        found = LazyDict()
        for key, member in self.known().items():
            value = member.entry(row) if isinstance(member, Table) else member.value(row, self.source)
            if value is not MISSING:
                found[key] = value
        if self.orders is not None and self.orders[row]:
            put_in_order(found, self.orders[row])
        return found

    def entry(self, row: int) -> Any:
        """Return what stands for the dictionary of one unit: MISSING, None, unread or read."""
        if self.none is not None and self.none[row]:
            return None
        if self.mask is not None and not self.mask[row]:
            return MISSING
        assert self.source is not None
        return RowDict(self.source, self, row) if self.members is None else self.row(row)

    def finish(self, row: int, values: dict[str, Any], extra: dict[str, Any]) -> None:
        """Put what fits no column into the dictionary of one unit."""
        for key, value in extra.items():
            there = dict.get(values, key)
            if isinstance(there, RowDict):
                there.extra = value
                continue
            member = self.known().get(key)
            if there is not None and isinstance(value, dict) and isinstance(member, Table):
                member.finish(row, there, value)
            else:
                values[key] = value
        if self.orders is not None and self.orders[row]:
            put_in_order(values, self.orders[row])


Member = Column | Given | Table


class RowDict(Unread):
    """A dictionary of one unit that is still in the file.

    Parameters
    ----------
    source
        The file.
    table, row
        Where in it.

    Attributes
    ----------
    extra : dict
        What fits no column and belongs into it.
    """

    __slots__ = ("extra", "row", "table")

    gives_dict = True

    def __init__(self, source: Source, table: Table, row: int) -> None:
        super().__init__(source)
        self.table = table
        self.row = row
        self.extra: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"RowDict({self.table.path!r}, {self.row})"

    @property
    def nbytes(self) -> int:
        """Bytes that its values will take in memory."""
        return dict_nbytes(self.read())

    def make(self, file: Place) -> Any:
        """Return the dictionary."""
        found = self.table.row(self.row)
        if self.extra is not None:
            self.table.finish(self.row, found, self.extra)
        self.pristine = tokens(found)
        return found

    @property
    def place(self) -> str:
        """Path of the table."""
        return self.table.path

    def follow(self, source: Source) -> None:
        """Be read from the same place of another file, which has the same there."""
        self.source = source
        self.table.follow(source)

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, RowDict)
        self.source, self.table, self.row, self.extra = other.source, other.table, other.row, other.extra


def put_in_order(values: dict[str, Any], text: str) -> None:
    """Bring the keys of a dictionary into an order that was noted as JSON; those not noted come last."""
    there = dict(dict.items(values))
    keys = [key for key in json.loads(text) if key in there]
    values.clear()
    for key in (*keys, *(key for key in there if key not in keys)):
        values[key] = there[key]


def _with_lacks(values: Values, mask: list[bool] | None, none: list[bool] | None) -> Values:
    if mask is not None:
        values = [value if here else MISSING for value, here in zip(values, mask, strict=True)]
    if none is not None:
        values = [None if is_none else value for value, is_none in zip(values, none, strict=True)]
    return values
