"""Dictionaries as groups, and back: what a recording has once, and what fits no column.

Each entry is a dataset or a group under its own name; see `hdmea.results.leaves` for what marks say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.results import leaves
from hdmea.results.leaves import KIND, OWN_ATTRS, Leaf, encode_name
from hdmea.results.nodes import ROW_NBYTES, SLICE_NBYTES, AttrValue, Block, Dataset, Group, Node
from hdmea.results.reading import Place
from hdmea.results.sectioned import SectionedSpikes, is_cut
from hdmea.results.unread import LazyDict, Source, Unread, has_unread
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way

__all__ = [
    "WholeArray",
    "dataset_marks",
    "has_int_keys",
    "own_attrs",
    "plan_entry",
    "plan_tree",
    "read_entry",
    "read_own_attrs",
    "read_tree",
]

_MAX_DEPTH = 60
_LIGHT_KIND = "light"
_MIN_LIGHT_NBYTES = 1 << 16
_PART = SLICE_NBYTES // 32
_LOOKED_AT = 1 << 15
"""Numbers that are looked at several times: as many as a processor has in its cache."""


def plan_tree(value: Mapping[Any, Any], path: tuple[str, ...], *, light: bool = False) -> Group:
    """Plan a dictionary as a group.

    Parameters
    ----------
    value
        The dictionary.
    path
        Where it is in the session, for errors.
    light
        Whether arrays of whole numbers in it are stored as integers; see `_Light`.

    Raises
    ------
    ValidationError
        If a value below cannot be stored; the message names its path.
    """
    if len(path) > _MAX_DEPTH:
        raise ValidationError(
            f"{'/'.join(path[:5])}… contains itself, or is nested too deeply to be stored.",
            fix=Advice("Store the values in fewer levels of dictionaries and lists."),
        )
    give_way()
    group = Group()
    ints = has_int_keys(value)
    if ints:
        group.attrs[KIND] = "int keys"
    for key, item in dict.items(value) if isinstance(value, dict) else value.items():
        if type(key) is not str and not ints:
            raise ValidationError(
                f"{'/'.join(path)} has the key {key!r}; the keys of a result file are text, or all of a "
                f"dictionary are integers. Nothing was written.",
                fix=Advice("Use a text as the key."),
            )
        group.children[encode_name(str(key))] = plan_entry(item, (*path, str(key)), light=light)
    return group


def has_int_keys(value: Mapping[Any, Any]) -> bool:
    """Return whether the keys of a dictionary are integers, as those of a unit's trials."""
    return bool(value) and all(type(key) is int for key in value)


def plan_entry(value: Any, path: tuple[str, ...], *, light: bool = False) -> Node:
    """Plan one entry of a dictionary: a group or a dataset."""
    if isinstance(value, Unread):
        if isinstance(value, WholeArray):
            return value.node()
        value = value.read()
    if is_cut(value):
        return plan_sectioned(value, path)
    if isinstance(value, dict):
        return plan_tree(value, path, light=light)
    if type(value) is list and not leaves.is_uniform(value):
        return _plan_mixed(value, path)
    leaf = leaves.encode(value, path)
    attrs = {**own_attrs(leaf.attrs, path), **dataset_marks(leaf, leaf.array.ndim)}
    if light and (packed := _Light.of(leaf)) is not None:
        marks: dict[str, AttrValue] = {KIND: _LIGHT_KIND, "scale": 1.0, "offset": 0.0}
        if packed.has_gaps:
            marks["missing"] = int(np.iinfo(packed.dtype).min)
        return Dataset(leaf.array.shape, packed.dtype, packed, attrs={**attrs, **marks})
    array = leaf.array
    return Dataset(array.shape, array.dtype, array, utf8=leaves.is_utf8(leaf), attrs=attrs)


def plan_sectioned(value: SectionedSpikes, path: tuple[str, ...]) -> Group:
    """Plan trials that are not cut from the train of their unit, with the train that they are cut from."""
    parts = {"ranges": value.ranges, "spike_times": value.spike_times, "trial_time": value.trial_time}
    group = plan_tree({**parts, "changes": dict(value.changes)}, path)
    group.attrs[KIND] = "sectioned"
    return group


def _plan_mixed(items: list[Any], path: tuple[str, ...]) -> Group:
    if any(type(item) not in (int, float, bool, str, type(None)) for item in items):
        raise leaves.refuse(items, path)
    group = Group(attrs={KIND: "list"})
    for number, item in enumerate(items):
        group.children[str(number)] = plan_entry(item, (*path, str(number)))
    return group


def dataset_marks(leaf: Leaf, ndim: int) -> dict[str, AttrValue]:
    """Return the attributes that say what a leaf is, if its type does not say it."""
    implied = leaves.implied_kind(leaf.array.dtype, ndim, utf8=leaves.is_utf8(leaf))
    return {} if leaf.kind == implied else {KIND: leaf.kind}


def own_attrs(attrs: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, AttrValue]:
    """Return the attributes of an array in memory as those of a dataset, and the note that they are such."""
    if not attrs:
        return {}
    found: dict[str, AttrValue] = {}
    kinds: dict[str, str] = {}
    for key, value in attrs.items():
        if type(key) is not str or isinstance(value, dict):
            raise leaves.refuse(value, (*path, str(key)))
        leaf = leaves.encode(value, (*path, key))
        name = encode_name(key)
        kinds[key] = leaf.kind
        if leaves.is_utf8(leaf):
            texts = [text.decode() for text in leaf.array.reshape(-1).tolist()]
            found[name] = texts if leaf.array.ndim else texts[0]
            if leaf.array.ndim > 1:
                raise leaves.refuse(value, (*path, key))
        else:
            found[name] = leaf.array
    found[OWN_ATTRS] = json.dumps(kinds)
    return found


def read_own_attrs(place: Place) -> dict[str, Any]:
    """Return those attributes of a dataset that belong to the array in memory."""
    if not place.has_attr(OWN_ATTRS):
        return {}
    try:
        kinds = json.loads(str(place.attr(OWN_ATTRS)))
        return {key: _decode_attr(kind, place.attr(encode_name(key))) for key, kind in kinds.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise place.damaged("its attributes do not fit together") from error


def _decode_attr(kind: str, value: AttrValue | None) -> Any:
    if isinstance(value, str):
        return value if kind == "str" else leaves.decode(kind, leaves.text_array([value]).reshape(()))
    if isinstance(value, list):
        return value if kind == "list" else leaves.decode(kind, leaves.text_array(value))
    return leaves.decode(kind, np.asarray(value))


# -- reading -----------------------------------------------------------------------------------------------


def read_tree(place: Place, source: Source | None = None) -> dict[Any, Any]:
    """Return the dictionary that a group was planned from.

    Parameters
    ----------
    place
        The group.
    source
        Where large arrays will be read from on first use; None reads everything now.
    """
    found: dict[Any, Any] = {name: read_entry(child, source) for name, child in place.children()}
    if place.has_attr(KIND) and place.attr(KIND) == "int keys":
        found = {int(name): value for name, value in found.items()}
    return LazyDict(found) if has_unread(found.values()) else found


def read_entry(place: Place, source: Source | None = None) -> Any:
    """Return the value that a group or dataset was planned from."""
    if place.is_group:
        kind = place.attr(KIND) if place.has_attr(KIND) else ""
        if kind == "list":
            found = read_tree(place)
            return [found[str(number)] for number in range(len(found))]
        if kind == "sectioned":
            parts = read_tree(place)
            changes = parts.pop("changes", {})
            return SectionedSpikes(**parts).changed(changes)
        return read_tree(place, source)
    if source is not None and place.nbytes >= ROW_NBYTES and not place.dtype.hasobject:
        return WholeArray(source, place)
    return _read_whole(place)


def _read_whole(place: Place) -> Any:
    kind = place.kind(len(place.shape))
    attrs = read_own_attrs(place)
    array = _Light.read(place) if kind == _LIGHT_KIND else leaves.decode(kind, place.read())
    return AttrArray(array, attrs) if attrs and isinstance(array, np.ndarray) else array


class WholeArray(Unread):
    """An array that a recording has once, still in the file.

    Parameters
    ----------
    source
        The file.
    place
        The dataset in it.
    """

    __slots__ = ("_node", "path", "shape")

    def __init__(self, source: Source, place: Place) -> None:
        super().__init__(source)
        self.path = place.path
        self.shape = place.shape
        attrs = {name: value for name, value in place.attrs().items() if value is not None}
        self._node = (place.dtype, place.utf8, attrs)

    @property
    def nbytes(self) -> int:
        """Bytes that reading it will take in memory."""
        size = int(np.prod(self.shape, dtype=np.int64))
        return size * (4 if self._node[2].get(KIND) == _LIGHT_KIND else self._node[0].itemsize)

    @property
    def place(self) -> str:
        """Path of the dataset."""
        return self.path

    def node(self) -> Dataset:
        """Return the dataset that holds the same, copied part by part."""
        dtype, utf8, attrs = self._node
        if self.loaded is not None and attrs.get(KIND) != _LIGHT_KIND and not utf8:
            return Dataset(self.shape, dtype, self.loaded, utf8=utf8, attrs=attrs)
        return Dataset(self.shape, dtype, self, utf8=utf8, attrs=attrs)

    def blocks(self) -> Iterator[Block]:
        """Yield the numbers as they are stored."""
        with self.source.open_for_reading() as file:
            yield from file.at(self.path).blocks()

    def make(self, file: Place) -> Any:
        """Return the array."""
        return _read_whole(file.at(self.path))

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, WholeArray)
        self.source, self.path, self.shape, self._node = other.source, other.path, other.shape, other._node


class _Light:
    """Whole numbers that are float32 in memory, part by part as integers; NaN is the least of them.

    The light channels of a recording come as integers. They take half the space as such, and give back
    exactly the same float32.

    Parameters
    ----------
    array
        float32 of any shape.
    dtype
        Type of the integers.
    has_gaps
        Whether there is a NaN among the numbers.
    """

    def __init__(self, array: NDArray[np.float32], dtype: np.dtype[Any], has_gaps: bool) -> None:
        self._array = array
        self.dtype = dtype
        self.has_gaps = has_gaps

    @classmethod
    def of(cls, leaf: Leaf) -> _Light | None:
        """Return the light of a leaf, None if it is not exactly made of whole numbers."""
        array = leaf.array
        if array.dtype != np.float32 or array.nbytes < _MIN_LIGHT_NBYTES or array.ndim != 1:
            return None
        low, high, gaps = 0.0, 0.0, False
        for first in range(0, len(array), _LOOKED_AT):
            known = array[first : first + _LOOKED_AT]
            missing = np.isnan(known)
            if missing.any():
                gaps = True
                if (known.view(np.uint32)[missing] != 0x7FC00000).any():
                    return None
                known = np.where(missing, np.float32(0), known)
            least, most = float(known.min()), float(known.max())
            if least <= -(2**24) or most >= 2**24:
                return None
            again = known.astype(np.int32).astype(np.float32)
            if not np.array_equal(again.view(np.uint32), known.view(np.uint32)):
                return None
            low, high = min(low, least), max(high, most)
        dtype = np.dtype(np.int16 if low > -(2**15) and high < 2**15 else np.int32)
        return cls(array, dtype, gaps)

    def blocks(self) -> Iterator[Block]:
        """Yield the integers part by part."""
        least = np.iinfo(self.dtype).min
        for first in range(0, len(self._array), _PART):
            part = self._array[first : first + _PART]
            missing = np.isnan(part)
            numbers = np.where(missing, np.float32(0), part).astype(self.dtype)
            numbers[missing] = least
            yield (first,), numbers

    @staticmethod
    def read(place: Place) -> NDArray[np.float32]:
        """Return the float32 that a dataset was written from."""
        shape, gaps = place.shape, place.has_attr("missing")
        place.refuse_unbacked(int(np.prod(shape, dtype=object)) * place.dtype.itemsize)
        array = np.empty(shape, np.float32)
        for (first, *_), part in place.blocks():
            there = array[first : first + len(part)]
            there[...] = part
            if gaps:
                there[part == np.iinfo(part.dtype).min] = np.nan
        return array
