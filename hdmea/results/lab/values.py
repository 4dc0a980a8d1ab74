"""Dictionaries and single values as the laboratory's scripts store them, and back.

A dictionary is a group, a number or text a dataset of no dimension, an array a dataset of its type. In the
metadata of ``lab-steps`` numbers and texts are arrays of one element. What a session keeps under ``_attrs``
is a group of that name in ``lab``, and the attributes of the group in ``lab-steps``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hdmea.results import leaves
from hdmea.results.lab.patches import DROP, Patch, attrs_patch, from_json, set_to
from hdmea.results.nodes import ROW_NBYTES, AttrValue, Dataset, Group, Node
from hdmea.results.reading import Place
from hdmea.results.sectioned import is_cut
from hdmea.results.tracking import tokens
from hdmea.results.trees import has_int_keys
from hdmea.results.unread import LazyDict, Source, Unread, UnreadArray, dict_nbytes, has_unread
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way

__all__ = [
    "ATTRS",
    "GROUP_ATTRS",
    "PLAIN",
    "TEXT",
    "Attributes",
    "Form",
    "Planned",
    "TreeArray",
    "TreeDict",
    "add_to",
    "as_attributes",
    "attrs_of",
    "is_name",
    "plain_attr",
    "plan_dict",
    "plan_scalar",
    "plan_value",
    "read_child",
    "read_dict",
    "read_value",
]

TEXT = h5py.string_dtype()
ATTRS = "_attrs"
GROUP_ATTRS = "_group_attrs"
"""Key under which a session keeps attributes of a group where the layout has no word for them."""

_PLAIN_TYPES = (np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.bool_))
_INT_KEYS = "trials_spike_times"
_OUR_ATTRS = frozenset(("unit", "content_frame", "directions_deg"))
"""Attributes of arrays that tell an array of this program."""
_SPIKE_ATTRS = {"unit": "sample_index"}
_MAX_ATTR_NBYTES, _MAX_ATTR_ITEMS = 60_000, 500
_MAX_DEPTH = 60


@dataclass(frozen=True)
class Form:
    """How dictionaries and single values look in a part of a layout.

    Attributes
    ----------
    one_element
        Whether numbers and texts are arrays of one element.
    attrs
        Whether ``_attrs`` are attributes of the group.
    except_for
        Names of entries of the outermost dictionary whose numbers have the other form.
    """

    one_element: bool = False
    attrs: bool = False
    except_for: frozenset[str] = frozenset()

    def of(self, name: str) -> Form:
        """Return the form of the entry `name`."""
        if not self.except_for:
            return self
        return Form(self.one_element != (name in self.except_for), self.attrs)


PLAIN = Form()


@dataclass(slots=True)
class Planned:
    """A value that a part has planned itself."""

    node: Node
    patch: Patch


# -- planning ----------------------------------------------------------------------------------------------


def plan_value(value: Any, path: tuple[str, ...], form: Form = PLAIN) -> tuple[Node | None, Patch]:
    """Plan a value; return None in place of a node where the layout cannot hold it.

    Parameters
    ----------
    value
        Anything that a session may hold.
    path
        Where it is in the session, for errors.
    form
        How it is to look.

    Returns
    -------
    node : Group, Dataset or None
        What is to be written.
    patch : dict
        What that does not say of the value.

    Raises
    ------
    ValidationError
        If a result file cannot hold the value; the message names its path.
    """
    if isinstance(value, Planned):
        return value.node, value.patch
    if isinstance(value, UnreadArray) and value.kind == "array":
        node = Dataset(value.shape, value.dtype, value.read_plain)
        return node, _plan_array_attrs(node, value.attrs, path, form)
    if isinstance(value, Unread):
        value = value.read()
    if is_cut(value):
        return plan_dict(value.plain(), path, form)[0], set_to(value, path)
    if isinstance(value, dict):
        return plan_dict(value, path, form)
    if type(value) is list and not leaves.is_uniform(value):
        return None, set_to(value, path)
    return _plan_leaf(value, path, form)


def _plan_leaf(value: Any, path: tuple[str, ...], form: Form) -> tuple[Node | None, Patch]:
    leaf = leaves.encode(value, path)
    array, kind = leaf.array, leaf.kind
    if kind.endswith(":json") or kind in ("none", "integer"):
        return None, set_to(value, path)
    if leaves.is_utf8(leaf):
        texts = [text.decode() for text in array.reshape(-1).tolist()]
        if kind == "str":
            return plan_scalar(value, form), {}
        array = np.array(texts, TEXT).reshape(array.shape)
        node = Dataset(array.shape, TEXT, array)
        exact = kind == "text:O" and not _read_as_scalar(array.shape, TEXT, form)
    elif kind in ("float", "int", "bool"):
        return plan_scalar(value, form), {}
    else:
        node = Dataset(array.shape, array.dtype, array)
        exact = kind in ("array", "bytes") and not _read_as_scalar(array.shape, array.dtype, form)
        exact = exact and (array.ndim > 0 or form.one_element)
        exact = exact or (kind == "number" and array.dtype not in _PLAIN_TYPES and not form.one_element)
    rest = _plan_array_attrs(node, leaf.attrs, path, form)
    return node, rest if exact else set_to(value, path)


def _plan_array_attrs(node: Dataset, attrs: Mapping[str, Any], path: tuple[str, ...], form: Form) -> Patch:
    """Give a dataset those attributes of an array that the layout shows; return the patch with the others."""
    if not attrs:
        return {}
    if _OUR_ATTRS.isdisjoint(attrs) or (form.attrs and dict(attrs) == _SPIKE_ATTRS):
        node.attrs, exact = as_attributes(attrs)
        if exact:
            return {}
    return attrs_patch(attrs, path)


def plan_scalar(value: float | str, form: Form) -> Dataset:
    """Plan a number or text as a dataset of no dimension or one element."""
    array = np.array(value, TEXT if isinstance(value, str) else None)
    array = array.reshape(1) if form.one_element else array
    return Dataset(array.shape, TEXT if isinstance(value, str) else array.dtype, array)


def _read_as_scalar(shape: tuple[int, ...], dtype: np.dtype[Any], form: Form) -> bool:
    """Return whether such a dataset is read as a number or text of Python."""
    return shape == ((1,) if form.one_element else ()) and (dtype.hasobject or dtype in _PLAIN_TYPES)


def plan_dict(
    value: Mapping[Any, Any],
    path: tuple[str, ...],
    form: Form = PLAIN,
    *,
    withheld: Collection[str] = (),
    added: Mapping[str, Any] | None = None,
) -> tuple[Group, Patch]:
    """Plan a dictionary as a group.

    Parameters
    ----------
    value, path, form
        As for `plan_value`.
    withheld
        Keys that go into the patch only.
    added
        Entries that are made for readers of the layout, and are not read back.
    """
    give_way()
    if len(path) > _MAX_DEPTH:
        raise ValidationError(
            f"{'/'.join(path[:5])}… contains itself, or is nested too deeply to be stored.",
            fix=Advice("Store the values in fewer levels of dictionaries and lists."),
        )
    group = Group()
    entries: dict[str, Patch] = {}
    patch: Patch = {}
    first: list[str] = []
    items = dict.items(value) if isinstance(value, dict) else value.items()
    ints = has_int_keys(value)
    if ints and path[-1:] != (_INT_KEYS,):
        patch["ints"] = True
    for key, item in items:
        if type(key) is not str and not ints:
            raise ValidationError(
                f"{'/'.join(path)} has the key {key!r}; the keys of a result file are text, or all of a "
                f"dictionary are integers. Nothing was written.",
                fix=Advice("Use a text as the key."),
            )
        name = str(key)
        place = (*path, name)
        if isinstance(item, dict) and name == (ATTRS if form.attrs else GROUP_ATTRS):
            group.attrs, exact = as_attributes(item)
            if exact:
                first = [name]
            else:
                entries[name] = set_to(dict(item), place)
            continue
        if name in withheld or not is_name(name) or name == GROUP_ATTRS:
            item = item.read() if isinstance(item, Unread) else item
            entries[name] = set_to(item, place)
            continue
        node, rest = plan_value(item, place, form.of(name))
        if node is not None:
            group.children[name] = node
        if rest:
            entries[name] = rest
    order = [*first, *group.children, *(name for name in entries if name not in group.children)]
    if order != [str(key) for key in value if str(key) in order]:
        patch["order"] = [str(key) for key in value]
    for name, item in (added or {}).items():
        _add(group, entries, name, item, path)
    if entries:
        patch["entries"] = entries
    return group, patch


def _add(group: Group, entries: dict[str, Patch], name: str, item: Any, path: tuple[str, ...]) -> None:
    """Add what is made for readers of the layout; nothing that the session has is touched."""
    there = group.children.get(name)
    if isinstance(there, Group) and isinstance(item, Mapping):
        patch = entries.setdefault(name, {})
        below = patch.setdefault("entries", {})
        for key, value in item.items():
            _add(there, below, key, value, (*path, name))
    elif there is None and name not in entries:
        node, _ = plan_value(item, (*path, name))
        if node is not None:
            group.children[name] = node
            entries[name] = DROP


def add_to(group: Group, patch: Patch, added: Mapping[str, Any], path: tuple[str, ...]) -> None:
    """Add entries that are made for readers of the layout to a planned group."""
    entries = patch.setdefault("entries", {})
    for name, item in added.items():
        _add(group, entries, name, item, path)


class Attributes(dict[Any, Any]):
    """What is to be written as attributes, of which some are not what the session has.

    Attributes
    ----------
    written : dict
        What is written in place of the dictionary itself.
    """

    def __init__(self, values: Mapping[Any, Any], written: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.written = written


def as_attributes(values: Mapping[Any, Any]) -> tuple[dict[str, AttrValue], bool]:
    """Return a dictionary as attributes, and whether it is read back as the same."""
    found: dict[str, AttrValue] = {}
    exact = bool(values) and not isinstance(values, Attributes)
    items = values.written if isinstance(values, Attributes) else values
    for key, item in dict(items).items():
        value = _attribute(item.read() if isinstance(item, Unread) else item)
        if type(key) is not str or not is_name(key) or value is None:
            exact = False
            continue
        found[key] = value
        exact = exact and type(item) is not list
    # HDF5 gives attributes in the order of their names.
    return found, exact and list(found) == sorted(found, key=str.encode)


def _attribute(value: Any) -> AttrValue | None:
    """Return a value as an attribute, None if it cannot be one."""
    if isinstance(value, str):
        return value if leaves.is_clean(value) and len(value) < _MAX_ATTR_NBYTES else None
    if type(value) in (float, bool) or (type(value) is int and -(2**63) <= value < 2**63):
        return value  # type: ignore[no-any-return]
    if type(value) is list and value and leaves.is_uniform(value) and len(value) < _MAX_ATTR_ITEMS:
        return value if type(value[0]) is str else np.array(value)
    if type(value) is np.ndarray and value.ndim and value.nbytes < _MAX_ATTR_NBYTES:
        return value if value.dtype.kind in "biufc" else None
    if isinstance(value, np.generic) and value.dtype.kind in "biufc" and value.dtype not in _PLAIN_TYPES:
        return np.asarray(value)
    return None


def plain_attr(value: AttrValue | None) -> Any:
    """Return the value of an attribute as a session holds it."""
    if isinstance(value, np.ndarray) and not value.ndim:
        return value.item() if value.dtype in _PLAIN_TYPES else value[()]
    return value


def is_name(name: str) -> bool:
    """Return whether HDF5 can hold an entry of this name."""
    return bool(name) and name not in (".", "..") and "/" not in name and leaves.is_clean(name)


# -- reading -----------------------------------------------------------------------------------------------


def read_value(place: Place, source: Source | None, patch: Patch | None = None, form: Form = PLAIN) -> Any:
    """Return what a group or dataset stands for.

    Parameters
    ----------
    place
        Where it is in the file.
    source
        Where dictionaries and large arrays will be read from on first use; None reads everything now.
    patch
        What else is known of it.
    form
        How numbers and texts look.
    """
    patch = patch or {}
    if "set" in patch:
        return from_json(patch["set"])
    if place.is_group:
        if source is None:
            return read_dict(place, None, patch, form)
        return TreeDict(source, place.path, read_dict, (patch, form))
    attrs = attrs_of(place)
    if "attrs" in patch:
        attrs = from_json(patch["attrs"])
    if source is not None and place.nbytes >= ROW_NBYTES and not place.dtype.hasobject:
        return TreeArray(source, place, patch.get("dtype"), attrs)
    value = _read_leaf(place, form)
    if "dtype" in patch:
        value = np.asarray(value).astype(patch["dtype"])
    if attrs:
        value = AttrArray(value, attrs)
    return value


def read_child(
    place: Place, name: str, source: Source | None, patch: Patch | None = None, form: Form = PLAIN
) -> Any:
    """Return what the entry `name` of a group stands for; groups that are read later are not opened."""
    patch = patch or {}
    if source is not None and "set" not in patch and place.child_is_group(name):
        return TreeDict(source, f"{place.path}/{name}", read_dict, (patch, form))
    return read_value(place.child(name), source, patch, form)


def attrs_of(place: Place) -> dict[str, Any]:
    """Return the attributes of a group or dataset as a session holds them."""
    return {name: plain_attr(value) for name, value in place.attrs().items() if value is not None}


def _read_leaf(place: Place, form: Form) -> Any:
    array = place.read()
    if array.dtype.hasobject:
        texts = np.empty(array.size, dtype=object)
        texts[:] = [_text(item) for item in array.reshape(-1).tolist()]
        array = texts.reshape(array.shape)
    if _read_as_scalar(array.shape, array.dtype, form):
        return array.reshape(-1)[0] if array.dtype.hasobject else array.reshape(-1)[0].item()
    return array if array.ndim or form.one_element or array.dtype.kind == "S" else array[()]


def _text(item: Any) -> str:
    return item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item or "")


def read_dict(
    place: Place,
    source: Source | None,
    patch: Patch,
    form: Form = PLAIN,
    *,
    names: Iterable[str] | None = None,
) -> dict[Any, Any]:
    """Return the dictionary that a group stands for.

    Parameters
    ----------
    place, source, patch, form
        As for `read_value`.
    names
        Names of entries to read; default: all.
    """
    entries = patch.get("entries", {})
    found: dict[Any, Any] = {}
    word = ATTRS if form.attrs else GROUP_ATTRS
    if "set" not in entries.get(word, {}) and (attrs := attrs_of(place)):
        found[word] = attrs
    for name in place.names() if names is None else names:
        known = entries.get(name, {})
        if "drop" not in known:
            found[name] = read_child(place, name, source, known, form.of(name))
    for name, known in entries.items():
        if name not in found and "set" in known:
            found[name] = from_json(known["set"])
    if "order" in patch:
        order = [name for name in patch["order"] if name in found]
        found = {name: found[name] for name in (*order, *(name for name in found if name not in order))}
    if "ints" in patch or (place.path.endswith(f"/{_INT_KEYS}") and all(map(str.isdecimal, found))):
        found = {int(name): value for name, value in found.items()}
    return LazyDict(found) if has_unread(found.values()) else found


class TreeDict(Unread):
    """A dictionary that is still a group of the file.

    Parameters
    ----------
    source
        The file.
    path
        The group.
    read
        Called with the group, the source and `args`; returns the dictionary.
    """

    __slots__ = ("args", "path", "read_group")

    gives_dict = True

    def __init__(
        self, source: Source, path: str, read: Callable[..., dict[Any, Any]], args: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(source)
        self.path = path
        self.read_group = read
        self.args = args

    def __repr__(self) -> str:
        return f"TreeDict({self.path!r})"

    @property
    def nbytes(self) -> int:
        """Bytes that its values will take in memory."""
        return dict_nbytes(self.read())

    @property
    def place(self) -> str:
        """Path of the group."""
        return self.path

    def make(self, file: Place) -> Any:
        """Return the dictionary; large arrays and dictionaries in it stay unread."""
        found = self.read_group(file.at(self.path), self.source, *self.args)
        self.pristine = tokens(found)
        return found

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, TreeDict)
        self.source, self.path, self.read_group, self.args = (
            other.source,
            other.path,
            other.read_group,
            other.args,
        )


class TreeArray(UnreadArray):
    """An array that is still a dataset of the file.

    Parameters
    ----------
    source
        The file.
    place
        The dataset.
    cast
        Type that the array had before it was written, if that was another.
    attrs
        Attributes of the array.
    """

    __slots__ = ("_attrs", "_dtype", "_shape", "cast", "path")

    def __init__(self, source: Source, place: Place, cast: str | None, attrs: dict[str, Any]) -> None:
        super().__init__(source)
        self.path = place.path
        self.cast = cast
        self._shape = place.shape
        self._dtype = place.dtype if cast is None else np.dtype(cast)
        self._attrs = attrs

    def plain(self) -> TreeArray:
        """Return the same array without attributes."""
        other = self.twin()
        assert isinstance(other, TreeArray)
        other._attrs = {}
        return other

    def __repr__(self) -> str:
        return f"TreeArray({self.path!r})"

    @property
    def kind(self) -> str:
        """``array``, or ``bytes``."""
        return "bytes" if self._dtype.kind == "S" else "array"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array."""
        return self._dtype

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the array."""
        return self._attrs

    @property
    def place(self) -> str:
        """Path of the dataset."""
        return self.path

    def make(self, file: Place) -> Any:
        """Return the array."""
        array = self._read(file)
        return AttrArray(array, self._attrs) if self._attrs else array

    def read_plain(self) -> NDArray[Any]:
        """Return the numbers, from memory where they are loaded."""
        if self.loaded is not None:
            return np.asarray(self.loaded)
        with self.source.open_for_reading() as file:
            return self._read(file)

    def _read(self, file: Place) -> NDArray[Any]:
        array = file.at(self.path).read()
        return array if self.cast is None else array.astype(self.cast)

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, TreeArray)
        self.source, self.path, self.cast = other.source, other.path, other.cast
        self._shape, self._dtype, self._attrs = other._shape, other._dtype, other._attrs
