"""Arrays of `.npy` files that may be damaged or made to do harm: checked before a byte of data is read.

A file states type and shape in its header. An array of Python objects would run code when it is read, and a
shape larger than the file would take memory that the data do not need; both are refused.
"""

from __future__ import annotations

import math
import os
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from hdmea.utils.exceptions import DataLoadError
from hdmea.utils.fixes import Advice
from hdmea.utils.notices import detail_of

__all__ = ["MOST_VALUES", "REAL", "WHOLE", "NpyFile", "damaged", "open_npy"]

WHOLE, REAL = "iu", "iuf"
"""Kinds of numbers, as in ``numpy.dtype.kind``."""

MOST_VALUES = 1 << 30
"""Values that one array may have: a day of recording with 10 000 spikes per second has fewer."""

_EXPORT_AGAIN = Advice("Export the folder again from the sorter or from Phy.")
_BROKEN = (
    ValueError,
    SyntaxError,
    tokenize.TokenError,
    EOFError,
    TypeError,
    KeyError,
    RecursionError,
    MemoryError,
    OverflowError,
)
"""What numpy raises for a header that is not one."""


@dataclass(frozen=True)
class NpyFile:
    """A `.npy` file whose header was read and agrees with its size.

    Attributes
    ----------
    path
        The file.
    shape, dtype
        Of the array.
    by_columns
        Whether the first axis runs fastest, as MATLAB stores arrays.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool
    _offset: int

    def read(self) -> npt.NDArray[Any]:
        """Return the whole array."""
        flat = self._values(0, math.prod(self.shape))
        return flat.reshape(self.shape, order="F" if self.by_columns else "C")

    def read_item(self, index: int) -> npt.NDArray[Any]:
        """Return the part at `index` of the first axis; of a file that is stored by columns, all is read."""
        if self.by_columns:
            return np.ascontiguousarray(self.read()[index])
        inner = self.shape[1:]
        size = math.prod(inner)
        return self._values(index * size, size).reshape(inner)

    def _values(self, first: int, count: int) -> npt.NDArray[Any]:
        offset = self._offset + first * self.dtype.itemsize
        try:
            values = np.fromfile(self.path, self.dtype, count, offset=offset)
        except (OSError, MemoryError) as error:
            raise DataLoadError(
                f"{self.path}: the array cannot be read{detail_of(error)}.",
                self.path,
                error,
                fix=Advice("Check that the drive is connected, and copy the file again."),
            ) from error
        if values.size != count:
            raise damaged(self.path, "the file was cut short while it was read.")
        return values.astype(self.dtype.newbyteorder("="), copy=False)


def damaged(path: Path, what: str, error: BaseException | None = None) -> DataLoadError:
    """Return the error for a file with wrong content, to be raised."""
    return DataLoadError(f"{path}: {what}", path, error, fix=_EXPORT_AGAIN)


def open_npy(path: Path, kinds: str, n_axes: tuple[int, ...], content: str) -> NpyFile:
    """Check a `.npy` file.

    Parameters
    ----------
    path
        The file.
    kinds
        Kinds of numbers that it may hold, as in ``numpy.dtype.kind``.
    n_axes
        Numbers of axes that it may have.
    content
        What it should hold, as it completes "it should hold ...".

    Raises
    ------
    DataLoadError
        If it does not exist, not such a file, cut short, or contains something else.
    """
    if not os.path.isfile(path):
        raise damaged(path, f"there is no such file; it should hold {content}.")
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            shape, by_columns, dtype = _header(stream)
            offset = stream.tell()
    except OSError as error:
        raise damaged(path, f"the file cannot be read{detail_of(error)}.", error) from error
    except _BROKEN as error:
        raise damaged(path, "this is not a .npy file, or it is damaged.", error) from error
    if dtype.hasobject or dtype.names is not None:
        raise damaged(
            path,
            "it contains Python objects or a table, which are not read because that can run a program; it "
            f"should contain {content}.",
        )
    _check_shape(path, shape, dtype, size - offset)
    if dtype.kind not in kinds or len(shape) not in n_axes:
        raise damaged(path, f"it should hold {content}, but it is {dtype} {shape}.")
    return NpyFile(path, shape, dtype, by_columns, offset)


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"version {version[0]}.{version[1]} of the format")


def _check_shape(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], there: int) -> None:
    values = math.prod(shape)
    if any(length < 0 for length in shape) or max(shape, default=0) > MOST_VALUES or values > MOST_VALUES:
        raise damaged(path, f"the file states a shape that no recording has, {shape}.")
    if values * dtype.itemsize > there:
        needed = values * dtype.itemsize
        raise damaged(
            path,
            f"the file is truncated: its shape {shape} needs {needed} bytes, and there are {max(there, 0)}.",
        )
