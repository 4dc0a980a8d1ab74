"""Arrays of any type as arrays of the types that HDF5 knows, and back, without copying where possible."""

from __future__ import annotations

import ast
import functools
from typing import Any

import numpy as np
from h5py import h5t
from numpy.typing import NDArray

from hdmea.utils.exceptions import ValidationError

__all__ = ["decode_array", "decoded_shape_dtype", "encode_array", "is_storable", "native_type"]

_RAW = "raw:"
_MAX_DIMENSIONS = 32


def is_storable(dtype: np.dtype[Any]) -> bool:
    """Return whether `encode_array` can take arrays of this type (not Python objects)."""
    return not dtype.hasobject and (_native(dtype) or dtype.kind in "UMm" or _raw_word(dtype) is not None)


def encode_array(array: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Return an array of a type that HDF5 knows, and the word that says what it was ("" for the same).

    Parameters
    ----------
    array
        Any storable array. Text of fixed width becomes UTF-8 bytes of fixed width, times become 64-bit
        integers, other types that HDF5 does not know become raw bytes along one more axis.
    """
    dtype = array.dtype
    if _native(dtype) and array.ndim <= _MAX_DIMENSIONS:
        return array, ""
    if dtype.kind in "Mm" and array.ndim <= _MAX_DIMENSIONS:
        return array.view(dtype.byteorder + "i8" if dtype.byteorder in "<>" else "i8"), dtype.str
    if dtype.kind == "U" and dtype.itemsize and array.ndim <= _MAX_DIMENSIONS:
        try:
            return _as_utf8(array), dtype.str
        except UnicodeEncodeError:
            return _as_bytes(array)
    return _as_bytes(array)


def decode_array(stored: NDArray[Any], word: str) -> NDArray[Any]:
    """Return the array that `encode_array` made `stored` and `word` from."""
    if not word:
        return stored
    if word.startswith(_RAW):
        dtype, shape = _raw_type(word)
        if not dtype.itemsize or not stored.size:
            return np.empty(shape, dtype)
        return stored.reshape(-1).view(dtype).reshape(shape)
    dtype = np.dtype(word)
    if dtype.kind == "U":
        if stored.size == 0:
            return np.empty(stored.shape, dtype)
        return np.char.decode(stored, "utf-8").astype(dtype).reshape(stored.shape)
    return stored.view(dtype)


def decoded_shape_dtype(
    shape: tuple[int, ...], dtype: np.dtype[Any], word: str
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type that `decode_array` will give for a stored array of `shape` and `dtype`."""
    if not word:
        return shape, dtype
    if word.startswith(_RAW):
        raw_dtype, raw_shape = _raw_type(word)
        return raw_shape, raw_dtype
    return shape, np.dtype(word)


@functools.cache
def native_type(dtype: np.dtype[Any]) -> h5t.TypeID:
    """Return HDF5's type for a numpy type that it knows."""
    return h5t.py_create(dtype, logical=True)


@functools.cache
def _native(dtype: np.dtype[Any]) -> bool:
    if dtype.hasobject or not dtype.itemsize or dtype.subdtype is not None:
        return False
    if dtype.kind in "biu" or dtype.char in "efdFD" or dtype.kind == "S":
        return True
    if dtype.kind != "V" or dtype.type not in (np.void, np.record):
        return False
    if dtype.names is None:
        return dtype.metadata is None
    fields = [dtype[name] for name in dtype.names]
    if not fields or not all(map(_native, fields)) or dtype.type is np.record:
        return False
    return bool(native_type(dtype).dtype == dtype)


def _as_utf8(array: NDArray[Any]) -> NDArray[Any]:
    if array.size == 0:  # encoding it gives objects with numpy 1
        return np.empty(array.shape, "S1")
    encoded = np.char.encode(np.ascontiguousarray(array).reshape(array.shape), "utf-8")
    return np.asarray(encoded if encoded.dtype.itemsize else encoded.astype("S1"))


def _as_bytes(array: NDArray[Any]) -> tuple[NDArray[Any], str]:
    word = _raw_word(array.dtype)
    if word is None:
        raise ValidationError(f"arrays of type {array.dtype} cannot be stored.")
    if not array.dtype.itemsize or not array.size:
        raw = np.empty(0, np.uint8)
    else:
        raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return raw, f"{_RAW}{array.shape!r}{word}"


@functools.cache
def _raw_word(dtype: np.dtype[Any]) -> str | None:
    """Return the type as text from which it can be made again, None if there is none."""
    if dtype.hasobject or dtype.type is np.record or dtype.metadata is not None:
        return None
    descr = np.lib.format.dtype_to_descr(dtype)
    try:
        same = np.lib.format.descr_to_dtype(ast.literal_eval(repr(descr))) == dtype
    except (TypeError, ValueError, SyntaxError):
        return None
    return repr(descr) if same else None


@functools.lru_cache(maxsize=64)
def _raw_type(word: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    shape, _, descr = word.removeprefix(_RAW).partition(")")
    dtype: np.dtype[Any] = np.lib.format.descr_to_dtype(ast.literal_eval(descr))
    return dtype, ast.literal_eval(shape + ")")
