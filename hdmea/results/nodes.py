"""What will be written, as a light tree of references: made and checked before a file is touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROW_NBYTES", "SLICE_NBYTES", "AttrValue", "Block", "Dataset", "Group", "Node", "slabs"]

SLICE_NBYTES = 8 << 20
"""Most that one call reads or writes: h5py lets no other thread in meanwhile."""
ROW_NBYTES = 32 << 10
"""From this size on an array of one unit is written and read by itself."""

AttrValue: TypeAlias = "str | float | int | bool | list[str] | NDArray[Any]"


Block: TypeAlias = "tuple[tuple[int, ...], NDArray[Any]]"
"""First index and numbers of a part of a dataset."""


class HasBlocks(Protocol):
    """Something that gives its numbers part by part."""

    def blocks(self) -> Iterator[Block]:
        """Yield the parts, each of at most `SLICE_NBYTES`, in the order of the file."""
        ...


class HasPlain(Protocol):
    """An array that is read when it is written."""

    def read_plain(self) -> NDArray[Any]:
        """Return the numbers."""
        ...


Whole: TypeAlias = "NDArray[Any] | Callable[[], NDArray[Any]] | HasBlocks"


@dataclass(slots=True)
class Group:
    """A group to write: attributes, and groups and datasets by their names in the file."""

    attrs: dict[str, AttrValue] = field(default_factory=dict)
    children: dict[str, Group | Dataset] = field(default_factory=dict)

    def walk(self, path: str = "") -> Iterator[tuple[str, Group | Dataset]]:
        """Yield everything below with its path in the file, groups before what is in them."""
        for name, child in self.children.items():
            yield f"{path}/{name}", child
            if isinstance(child, Group):
                yield from child.walk(f"{path}/{name}")

    @property
    def nbytes(self) -> int:
        """Bytes of data below."""
        return sum(child.nbytes for child in self.children.values())

    @property
    def count(self) -> int:
        """Number of groups and datasets, this one included."""
        return 1 + sum(child.count for child in self.children.values())


@dataclass(slots=True)
class Dataset:
    """A dataset to write.

    Attributes
    ----------
    shape, dtype
        Of the dataset.
    source
        Where the numbers come from: an array, a function that makes it when it is written, or something
        with `blocks`; or the arrays of the units, each written and freed before the next is read. These are
        rows of the dataset (None for a unit without one) or, with `joined`, follow one another.
    utf8
        Whether texts (numpy type ``S``) are UTF-8.
    attrs
        Its attributes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    source: Whole | Sequence[NDArray[Any] | HasPlain | None]
    utf8: bool = False
    joined: bool = False
    attrs: dict[str, AttrValue] = field(default_factory=dict)

    @property
    def by_row(self) -> bool:
        """Whether each unit has a chunk of its own, so that the absent ones take no space."""
        return isinstance(self.source, (list, tuple)) and not self.joined

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        size = math.prod(self.shape) * self.dtype.itemsize
        if self.by_row and self.shape[0]:
            return size // self.shape[0] * sum(item is not None for item in self.source)  # type: ignore[union-attr]
        return size

    @property
    def count(self) -> int:
        """One."""
        return 1

    def blocks(self) -> Iterator[Block]:
        """Yield first index and numbers of blocks of at most `SLICE_NBYTES`, in the order of the file."""
        if isinstance(self.source, (list, tuple)):
            start = 0
            for number, item in enumerate(self.source):
                if item is None:
                    continue
                array = item if isinstance(item, np.ndarray) else item.read_plain()
                if self.joined:
                    array = array.reshape(-1)
                    first: tuple[int, ...] = (start,)
                    start += len(array)
                else:
                    first = (number, *(0,) * array.ndim)
                    array = array.reshape(1, *array.shape)
                for offset, part in _parts(array):
                    yield tuple(map(sum, zip(first, offset, strict=True))), part
            return
        source: Any = self.source
        if isinstance(source, np.ndarray):
            yield from _parts(source)
        elif callable(source):
            yield from _parts(source())
        else:
            yield from source.blocks()


Node: TypeAlias = "Group | Dataset"


def _parts(array: NDArray[Any]) -> Iterator[Block]:
    if array.nbytes <= SLICE_NBYTES:
        if array.size:
            yield (0,) * array.ndim, array
        return
    for start, count in slabs(array.shape, array.dtype.itemsize):
        yield start, array[tuple(slice(first, first + n) for first, n in zip(start, count, strict=True))]


def slabs(
    shape: tuple[int, ...], itemsize: int, limit: int = SLICE_NBYTES
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield start and count of blocks that cover an array in order, each of at most `limit` bytes."""
    axis = 0
    inner = math.prod(shape[1:]) * itemsize
    while inner > limit and axis < len(shape) - 1:
        axis += 1
        inner //= max(1, shape[axis])
    step = max(1, limit // max(1, inner))
    tail = shape[axis + 1 :]
    for outer in np.ndindex(*shape[:axis]):
        for first in range(0, shape[axis], step):
            length = min(step, shape[axis] - first)
            yield (*outer, first, *(0,) * len(tail)), (*(1,) * axis, length, *tail)
