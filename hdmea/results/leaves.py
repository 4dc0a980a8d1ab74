"""Names and single values of a session as names and arrays of HDF5, and back.

Everything a session may hold besides dictionaries is a *leaf*: a number, text, None, a list of numbers or
texts, an array. A leaf becomes one array of a type that HDF5 knows, and a word, its kind, that says what it
was. Where type and number of dimensions already say it, the word is not stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way

__all__ = [
    "KIND",
    "OWN_ATTRS",
    "Leaf",
    "decode",
    "decode_name",
    "decode_rows",
    "encode",
    "encode_name",
    "implied_kind",
    "is_clean",
    "is_mark",
    "is_uniform",
    "is_utf8",
    "make_storable",
    "marked_name",
    "refuse",
    "storable",
    "text_array",
]

KIND = "%kind"
"""Attribute that says what a value was where its type does not."""
OWN_ATTRS = "%attrs"
"""Attribute that names those attributes which belong to an array in memory."""

_INT64 = range(-(2**63), 2**63)
_ITEMS = {float: np.dtype(np.float64), int: np.dtype(np.int64), bool: np.dtype(np.bool_)}
_SCALARS = {np.dtype(np.float64): "float", np.dtype(np.int64): "int", np.dtype(np.bool_): "bool"}
_TEXT = re.compile(r"text:(O|[<>|=]?U\d+)")
_UNSAFE = re.compile("[%/\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"%(?:u([0-9A-F]{4})|([0-9A-F]{2}))")
_MARK = re.compile(r"%(?!u?[0-9A-F]{2})")
_EMPTY = "%20"


def encode_name(name: str) -> str:
    """Return the name under which HDF5 stores an entry called `name`.

    Nearly always `name` itself. ``%``, which begins names of ours, ``/``, NUL and lone surrogates become
    percent escapes, and so do the names ``.`` and ``..``, which HDF5 reads as places.
    """
    if name.isascii() and name.isidentifier():
        return name
    if name in (".", ".."):
        return "%2E" * len(name)
    return _UNSAFE.sub(_escaped, name) if name else _EMPTY


def decode_name(name: str) -> str:
    """Return the name that `encode_name` made `name` from."""
    if "%" not in name:
        return name
    if name == _EMPTY:
        return ""
    return _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), name)


def is_mark(name: str) -> bool:
    """Return whether a name in a file is one of ours (``%index``, ``spikes%mask``), not that of an entry."""
    return "%" in name and name != _EMPTY and "%" in _ESCAPED.sub("", name)


def marked_name(name: str) -> str:
    """Return the name of the entry beside which a mark stands; other names as they are."""
    found = _MARK.search(name) if is_mark(name) else None
    return name if found is None else name[: found.start()] or name


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"%{code:02X}" if code < 256 else f"%u{code:04X}"


@dataclass(slots=True)
class Leaf:
    """A value as HDF5 can hold it.

    Attributes
    ----------
    kind
        What it was: ``float``, ``int``, ``bool``, ``str``, ``none``, ``number`` (a numpy scalar), ``array``,
        ``list``, ``bytes`` (an array of fixed-width byte strings), ``text:O`` or ``text:<U5`` (an array of
        text), ``integer`` (of more than 64 bits). ``:json`` behind it says that the texts are JSON, because
        HDF5 cannot hold them as they are.
    array
        The numbers or the UTF-8 texts (numpy type ``S``).
    attrs
        The attributes of an `AttrArray`.
    """

    kind: str
    array: NDArray[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)


def encode(value: Any, path: tuple[str, ...]) -> Leaf:
    """Return a value as a leaf.

    Parameters
    ----------
    value
        Anything but a dictionary.
    path
        Where it is in the session, for the error.

    Raises
    ------
    ValidationError
        If a result file cannot hold such a value.
    """
    kind = type(value)
    if kind in _ITEMS:
        if kind is int and value not in _INT64:
            return Leaf("integer", text_array([hex(value)]).reshape(()))
        return Leaf(kind.__name__, np.array(value, _ITEMS[kind]))
    if kind is str:
        return _text_leaf("str", [value], ())
    if value is None:
        return Leaf("none", np.zeros((), np.bool_))
    if kind in (np.ndarray, AttrArray, np.memmap):
        attrs = dict(value.attrs) if kind is AttrArray else {}
        leaf = _encode_array(value.view(np.ndarray), path)
        leaf.attrs = attrs
        return leaf
    if kind is list:
        return _encode_list(value, path)
    if isinstance(value, np.generic):
        if value.dtype.kind not in "biufc" or value.dtype.char in "gG":
            raise refuse(value, path)
        return Leaf("number", np.asarray(value))
    raise refuse(value, path)


def refuse(value: Any, path: tuple[str, ...]) -> ValidationError:
    """Return the error that says that a result file cannot hold `value`."""
    what = f"array of {value.dtype}" if isinstance(value, (np.ndarray, np.generic)) else type(value).__name__
    return ValidationError(
        f"{'/'.join(path)} is of a kind that a result file cannot hold: {what}. Nothing was written.",
        fix=Advice(
            "Convert it to a number, text, a list of those, an array of numbers or text, or a dictionary."
        ),
    )


def _encode_array(array: NDArray[Any], path: tuple[str, ...]) -> Leaf:
    dtype = array.dtype
    if dtype.kind in "biufc" and dtype.char not in "gG":
        return Leaf("array", array)
    if dtype.kind == "S" and dtype.itemsize:
        return Leaf("bytes", array)
    if dtype.kind == "U":
        return _text_leaf(f"text:{dtype.str}", array.reshape(-1).tolist(), array.shape)
    if dtype.kind == "O":
        texts = array.reshape(-1).tolist()
        if all(type(text) is str for text in texts):
            return _text_leaf("text:O", texts, array.shape)
    raise refuse(array, path)


def is_uniform(value: list[Any]) -> bool:
    """Return whether a list becomes one array: its items are texts only, or numbers of one kind."""
    types = set(map(type, value))
    if len(types) > 1 or not types <= {str, *_ITEMS}:
        return not types
    return types != {int} or all(number in _INT64 for number in value)


def _encode_list(value: list[Any], path: tuple[str, ...]) -> Leaf:
    if not is_uniform(value):
        raise refuse(value, path)
    if value and type(value[0]) is str:
        return _text_leaf("list", value, (len(value),))
    return Leaf("list", np.array(value, _ITEMS[type(value[0])] if value else np.float64))


def is_clean(text: str) -> bool:
    """Return whether HDF5 can hold `text` as it is: no NUL, no lone surrogates."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def text_array(texts: Iterable[str]) -> NDArray[np.bytes_]:
    """Return clean texts as UTF-8 bytes of the width of the longest."""
    encoded = [text.encode() for text in texts]
    width = max(map(len, encoded), default=1) or 1
    return np.array(encoded, dtype=f"S{width}")


def _text_leaf(kind: str, texts: list[str], shape: tuple[int, ...]) -> Leaf:
    if all(map(is_clean, texts)):
        return Leaf(kind, text_array(texts).reshape(shape))
    return Leaf(f"{kind}:json", text_array(map(json.dumps, texts)).reshape(shape))


def is_utf8(leaf: Leaf) -> bool:
    """Return whether a leaf is stored as UTF-8 text."""
    return leaf.array.dtype.kind == "S" and leaf.kind != "bytes"


def implied_kind(dtype: np.dtype[Any], ndim: int, *, utf8: bool) -> str:
    """Return the kind of a value that is not marked, from its type and number of dimensions."""
    if utf8:
        return "list" if ndim else "str"
    if dtype.kind == "S":
        return "bytes"
    return "array" if ndim else _SCALARS.get(dtype, "number")


def decode(kind: str, array: NDArray[Any]) -> Any:
    """Return the value that `encode` made a leaf from."""
    if kind in ("array", "bytes"):
        return array
    if kind in ("float", "int", "bool"):
        return array.item()
    if kind == "number":
        return array[()]
    if kind == "none":
        return None
    name, _, word = kind.partition(":")
    if array.dtype.kind == "S":
        texts = [text.decode("utf-8", "surrogateescape") for text in array.reshape(-1).tolist()]
        if kind.endswith(":json"):
            # Of a unit without the value the text is empty.
            texts = [json.loads(text) if text else "" for text in texts]
        if name == "str":
            return texts[0]
        if name == "integer":
            return int(texts[0] or "0", 16)
        if name == "list":
            return texts
        if (found := _TEXT.match(kind)) is not None:
            objects = np.empty(len(texts), dtype=object)
            objects[:] = texts
            return objects.reshape(array.shape).astype(found[1])
    elif name == "list" and not word:
        return array.tolist()
    raise ValidationError(
        f"A value is of the kind {kind!r}, which this version does not know.",
        fix=Advice("Open the file with the version that wrote it, or a newer one."),
    )


def decode_rows(kind: str, array: NDArray[Any]) -> list[Any]:
    """Return the values whose leaves are the rows of `array`; arrays are writable views of it."""
    if kind in ("float", "int", "bool") or (kind == "list" and array.dtype.kind != "S"):
        return list(array.tolist())
    if kind == "str":
        return [text.decode("utf-8", "surrogateescape") for text in array.tolist()]
    if kind == "number":
        return list(array)
    if kind in ("array", "bytes") and array.ndim > 1:
        return list(array)
    return [decode(kind, array[row : row + 1].reshape(array.shape[1:])) for row in range(len(array))]


# -- values of scripts -------------------------------------------------------------------------------------

_PLAIN_TYPES = frozenset((float, int, bool, str, type(None)))
_ARRAYS = frozenset((np.ndarray, AttrArray))


def make_storable(tree: dict[Any, Any]) -> None:
    """Replace, at any depth, what scripts put into a session as h5py takes it by what a file holds exactly.

    What is read back is then what the session has: lists for tuples, text for paths, bytes and numpy's
    texts, arrays for nested lists of numbers and for columns of pandas, ``int`` for numpy's whole numbers as
    keys. Keys that are partly text and partly numbers become text. Values that a file cannot hold are left as
    they are.

    Parameters
    ----------
    tree
        Nested dictionaries; nothing that is unread is read.
    """
    waiting = [tree]
    seen: set[int] = set()
    while waiting:
        give_way()
        holder = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        _make_keys_storable(holder)
        for key, value in dict.items(holder):
            kind = type(value)
            if kind in _PLAIN_TYPES or (kind in _ARRAYS and not value.dtype.hasobject):
                continue
            if isinstance(value, dict):
                waiting.append(value)
            elif (found := storable(value)) is not value:
                dict.__setitem__(holder, key, found)


def _make_keys_storable(holder: dict[Any, Any]) -> None:
    kinds = set(map(type, dict.keys(holder)))
    if kinds <= {str} or kinds == {int}:
        return
    keys = [int(key) if isinstance(key, np.integer) else key for key in dict.keys(holder)]
    keys = [str(key) if isinstance(key, str) else key for key in keys]
    if not all(type(key) is int for key in keys):
        keys = [str(key) if type(key) is int else key for key in keys]
    if len(set(keys)) == len(keys):
        values = list(dict.values(holder))
        holder.clear()
        dict.update(holder, zip(keys, values, strict=True))


def storable(value: Any) -> Any:
    """Return a value that is not a dictionary in the form in which a file holds it; itself if it is that."""
    if isinstance(value, (bytes, np.bytes_)):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (str, PurePath)):
        return str(value)
    if isinstance(value, (tuple, range, list)):
        return _storable_list(value)
    if getattr(value, "ndim", 0) == 1 and not isinstance(value, np.ndarray) and hasattr(value, "__array__"):
        return storable(np.array(value))  # a column of pandas, which h5py takes as well
    if type(value) is complex:
        return np.complex128(value)
    if isinstance(value, np.ndarray) and value.dtype == object and value.size:
        items = [_item(item) for item in value.reshape(-1)]
        if all(type(item) is str for item in items) and any(type(i) is not str for i in value.reshape(-1)):
            found = np.empty(len(items), object)
            found[:] = items
            return found.reshape(value.shape)
    return value


def _storable_list(value: tuple[Any, ...] | range | list[Any]) -> Any:
    if type(value) is list and _PLAIN_TYPES.issuperset(map(type, value)):
        return value
    items = [_item(item) for item in value]
    if _PLAIN_TYPES.issuperset(map(type, items)):
        return items
    try:
        array = np.array(items)
    except ValueError:
        # Of different lengths: a file cannot hold it as one array.
        return value
    return array if array.dtype.kind in "biufc" and array.size else value


def _item(value: Any) -> Any:
    """Return an item of a list: numbers of numpy as those of Python, arrays as they are."""
    if type(value) in _PLAIN_TYPES or isinstance(value, np.ndarray):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.char != "g":
        return value.item()
    return storable(value)
