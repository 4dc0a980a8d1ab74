"""Single values as HDF5 attributes: what is stored, and the word that says what it was.

Most values have a word of HDF5's own: text, 64-bit integers, floats, booleans, complex numbers, an empty
dataspace for None, one-dimensional arrays for lists. The rest is stored as one of those and marked.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hdmea.results.array_types import decode_array, encode_array, is_storable
from hdmea.utils.exceptions import ValidationError

__all__ = ["Stored", "decode_value", "encode_value", "is_clean_text", "stored_nbytes", "to_json"]

Stored: TypeAlias = "str | tuple[str, ...] | NDArray[Any] | None"
"""What an attribute or a dataset can hold: text, texts, an array (also of no dimension), or nothing."""

_NAN = struct.pack("<d", float("nan"))
_INT64 = range(-(2**63), 2**63)
_OWN_TYPES = frozenset(map(np.dtype, ("<i8", "<f8", "?", "<c16")))


def encode_value(value: Any, *, arrays: bool) -> tuple[Stored, str] | None:
    """Return what to store for `value` and its word, or None if it must become a group or a dataset.

    Parameters
    ----------
    value
        Any value.
    arrays
        Whether a one-dimensional array without a word is read as an array (attributes of a dataset) or
        as a list (entries of a dictionary).
    """
    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value)
    if type(value) in (list, tuple):
        return _encode_sequence(value, arrays)
    if isinstance(value, np.generic):
        return _encode_numpy_scalar(value)
    if arrays and type(value) is np.ndarray and is_storable(value.dtype):
        stored, word = encode_array(value)
        plain = not word and value.ndim > 0
        return stored, "" if plain else f"array:{word}" if word else "array"
    if arrays and type(value) is dict and (text := to_json(value)) is not None:
        return text, "json"
    return None


def decode_value(stored: Stored, word: str, *, arrays: bool) -> Any:
    """Return the value that `encode_value` made `stored` and `word` from."""
    if not word:
        return _decode_plain(stored, arrays)
    kind, _, rest = word.partition(":")
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise ValidationError(f"unknown type mark {word!r}; the file was written by a newer version.")
    return decoder(stored, rest)


def stored_nbytes(stored: Stored) -> int:
    """Return how many bytes `stored` takes, text included."""
    if stored is None:
        return 0
    if isinstance(stored, str):
        return len(stored) if stored.isascii() else len(stored.encode())
    if isinstance(stored, tuple):
        return sum(map(stored_nbytes, stored)) + 16 * len(stored)
    return stored.nbytes


def is_clean_text(text: str) -> bool:
    """Return whether HDF5 can hold `text` as it is: no NUL, no lone surrogates."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def to_json(value: Any) -> str | None:
    """Return `value` as JSON text if that gives back exactly `value`, else None."""
    return json.dumps(value, ensure_ascii=False) if _fits_json(value) else None


def _fits_json(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return not any("\ud800" <= char <= "\udfff" for char in value)
    if kind is float:
        return value == value or struct.pack("<d", value) == _NAN
    if kind is int:
        return value in _INT64
    if kind is list:
        return all(map(_fits_json, value))
    if kind is dict:
        return all(type(key) is str and _fits_json(key) for key in value) and all(
            map(_fits_json, value.values())
        )
    return value is None or kind is bool


def _encode_text(value: str) -> tuple[Stored, str]:
    if is_clean_text(value):
        return value, ""
    return np.frombuffer(value.encode("utf-8", "surrogatepass"), np.uint8), "str"


def _encode_int(value: int) -> tuple[Stored, str]:
    return (np.array(value, np.int64), "") if value in _INT64 else (hex(value), "int")


def _encode_sequence(value: list[Any] | tuple[Any, ...], arrays: bool) -> tuple[Stored, str] | None:
    kind = type(value).__name__
    types = set(map(type, value))
    item = types.pop() if len(types) == 1 else None
    if item is str and all(map(is_clean_text, value)):
        return tuple(value), "" if kind == "list" else kind
    dtype = _ITEM_TYPES.get(item) if item is not None else None
    if not value:
        dtype = np.dtype(np.float64)
    if dtype is not None and (item is not int or all(number in _INT64 for number in value)):
        return np.array(value, dtype), "" if kind == "list" and not arrays else kind
    if item is not None and issubclass(item, np.generic) and (same := _same_dtype(value)) is not None:
        stored, word = encode_array(np.array(value, same))
        return stored, f"{kind}:numpy:{word}"
    text = to_json(list(value))
    return None if text is None else (text, "json" if kind == "list" else "jsontuple")


def _same_dtype(values: list[Any] | tuple[Any, ...]) -> np.dtype[Any] | None:
    """Return the type that all of these numpy scalars share, if they share one that can be stored."""
    first = values[0].dtype
    same = all(number.dtype == first for number in values)
    return first if same and first.kind in "biufcmM" and is_storable(first) else None


def _encode_numpy_scalar(value: np.generic) -> tuple[Stored, str] | None:
    if type(value) is np.str_ and is_clean_text(str(value)):
        return str(value), "numpy"
    if type(value) is np.void and value.dtype.hasobject:
        return None
    array = np.asarray(value)
    if not is_storable(array.dtype):
        return None
    stored, word = encode_array(array)
    return stored, f"numpy:{word}" if word else "numpy" if array.dtype in _OWN_TYPES else ""


def _decode_plain(stored: Stored, arrays: bool) -> Any:
    if isinstance(stored, tuple):
        return list(stored)
    if not isinstance(stored, np.ndarray):
        return stored
    if stored.dtype not in _OWN_TYPES:
        return stored if stored.ndim else stored[()]
    if stored.ndim == 0 or (stored.ndim == 1 and not arrays):
        return stored.tolist()
    return stored


def _decode_sequence(stored: Any, rest: str) -> list[Any]:
    if isinstance(stored, tuple):
        return list(stored)
    if rest.startswith("numpy:"):
        return list(decode_array(stored, rest.removeprefix("numpy:")))
    items: list[Any] = stored.tolist()
    return items


def _decode_numpy(stored: Any, rest: str) -> Any:
    if isinstance(stored, str):
        return np.str_(stored)
    return decode_array(stored, rest)[()]


_ITEM_TYPES: dict[type, np.dtype[Any]] = {
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    bool: np.dtype(np.bool_),
    complex: np.dtype(np.complex128),
}
_ENCODERS: dict[type, Callable[[Any], tuple[Stored, str]]] = {
    str: _encode_text,
    int: _encode_int,
    float: lambda value: (np.array(value), ""),
    bool: lambda value: (np.array(value), ""),
    complex: lambda value: (np.array(value), ""),
    type(None): lambda value: (None, ""),
    bytes: lambda value: (np.frombuffer(value, np.uint8), "bytes"),
}
_DECODERS: dict[str, Callable[[Any, str], Any]] = {
    "str": lambda stored, _: stored.tobytes().decode("utf-8", "surrogatepass"),
    "bytes": lambda stored, _: stored.tobytes(),
    "int": lambda stored, _: int(stored, 0),
    "json": lambda stored, _: json.loads(stored),
    "jsontuple": lambda stored, _: tuple(json.loads(stored)),
    "list": _decode_sequence,
    "tuple": lambda stored, rest: tuple(_decode_sequence(stored, rest)),
    "numpy": _decode_numpy,
    "array": lambda stored, rest: decode_array(stored, rest) if rest else stored,
}
