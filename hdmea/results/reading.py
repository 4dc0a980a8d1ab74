"""Reading what is in a result file without trusting it.

A file may be damaged, or made to do harm: datasets that keep their bytes in other files, links that lead
elsewhere or in circles, sizes that are declared but not true. Nothing of that is followed or allocated; the
error names the place. Every group and dataset is opened through this module.
"""

from __future__ import annotations

import contextlib
import math
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5f, h5g, h5l, h5o, h5s, h5t, h5z
from numpy.typing import NDArray

from hdmea.results.leaves import KIND, decode_name, implied_kind, is_mark
from hdmea.results.nodes import SLICE_NBYTES, AttrValue, Block, slabs
from hdmea.utils.exceptions import CheckpointError, HDMEAError, SessionError, ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way
from hdmea.utils.h5 import repeats_filters, why_not_backed
from hdmea.utils.notices import detail_of

__all__ = ["RESTORE", "Place", "checksum_of", "naming", "no_tick", "read_attr"]

Tick = Callable[[int], None]

RESTORE = Advice("Load an earlier checkpoint, or run the steps again.")
"""What to do about a damaged result file."""

_MAX_DEPTH = 64
_MOST_OBJECTS = 2_000_000
_SMALL_NBYTES = 1 << 16
_LARGE_NBYTES = 64 << 20
_TEXTS_NBYTES = 1 << 30
_TEXT = h5py.string_dtype()


def no_tick(nbytes: int) -> None:
    """Report progress to nobody."""


_FOREIGN = (OSError, RuntimeError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What h5py, numpy and our own readers raise when the bytes of a file make no sense."""


@contextlib.contextmanager
def naming(path: str | Path, tick: Tick | None = None, root: Place | None = None) -> Iterator[None]:
    """Let errors about what is in a file name the file, and be of our own kind.

    Parameters
    ----------
    path
        The file.
    tick
        What the block calls while it reads, if errors of other kinds are to be translated as well; what it
        raised itself, which is in its `stopped_by`, is passed on.
    root
        The root of what is read: where something is wrong is then near what was opened last.

    Raises
    ------
    CheckpointError
        If the file is damaged.
    SessionError
        If there is not enough memory for what is in it.
    """
    try:
        yield
    except CheckpointError as error:
        if str(path) in str(error):
            raise
        raise CheckpointError(
            f"{path} is damaged and cannot be restored ({error.message.removesuffix('.')}).",
            path=path,
            fix=RESTORE,
        ) from error
    except MemoryError as error:
        more = f" ({error})" if str(error) else ""
        raise SessionError(
            f"There is not enough memory for what is in {path}{more}.",
            path=path,
            fix=Advice("Close other programs, or open it on a computer with more memory."),
        ) from error
    except _FOREIGN as error:
        if tick is None or error is getattr(tick, "stopped_by", None) or _is_ours(error):
            raise
        where = root.last if root is not None else ""
        near = f": {where} does not contain what it contains in a result" if where else ""
        said = f"{path} is damaged and cannot be restored{near}{detail_of(error)}."
        raise CheckpointError(said, path=path, fix=RESTORE) from error


def _is_ours(error: Exception) -> bool:
    """Return whether an error says enough: a value that does not fit says nothing of the file."""
    return isinstance(error, HDMEAError) and not isinstance(error, ValidationError)


class Place:
    """A group or dataset of an open file.

    Parameters
    ----------
    item
        Its h5py identifier, or that of the file.
    path
        Its path in the file; empty for the root.
    file_nbytes
        Size of the file, which bounds what can be in it.
    tick
        Called with the number of bytes after each piece of reading; may raise to stop.
    seen
        Addresses and paths of the groups and datasets that were opened below the same root.
    """

    __slots__ = ("_backed", "_known", "_seen", "file_nbytes", "item", "path", "tick")

    def __init__(
        self,
        item: Any,
        path: str = "",
        *,
        file_nbytes: int,
        tick: Tick = no_tick,
        seen: dict[int, str] | None = None,
    ) -> None:
        self.item = item
        self.path = path
        self.file_nbytes = file_nbytes
        self.tick = tick
        self._seen: dict[int, str] = {} if seen is None else seen
        self._known: tuple[tuple[int, ...], np.dtype[Any], Any] | None = None
        self._backed = 0

    def __repr__(self) -> str:
        return f"Place({self.path or '/'!r})"

    @property
    def last(self) -> str:
        """Path of what was opened last below this root; empty if nothing was."""
        return next(reversed(self._seen.values()), "")

    # -- groups ----------------------------------------------------------------------------------------

    @property
    def is_group(self) -> bool:
        """Whether this is a group."""
        return not isinstance(self.item, h5d.DatasetID)

    def names(self) -> list[str]:
        """Return the names of what is in a group, in the order in which they were written.

        A group that was put in order later says so in its attribute ``%keys``.
        """
        if not self.is_group:
            raise self.damaged("it is not a group")
        found: list[bytes] = []
        try:
            self.item.links.iterate(found.append, idx_type=h5.INDEX_CRT_ORDER)
        except (RuntimeError, ValueError, KeyError):
            found = []
            self.item.links.iterate(found.append)
        try:
            names = [name.decode() for name in found]
        except UnicodeDecodeError as error:
            raise self.damaged("a name in it is not UTF-8 text") from error
        order = self.attr("%keys") if self.has_attr("%keys") else None
        if isinstance(order, list):
            place = {name: number for number, name in enumerate(order)}
            names.sort(key=lambda name: place.get(name, len(place)))
        return names

    def has(self, name: str) -> bool:
        """Return whether a group has an entry of this name."""
        return self.is_group and bool(self.item.links.exists(name.encode()))

    def child(self, name: str) -> Place:
        """Open a group or dataset in this group.

        Raises
        ------
        CheckpointError
            If it is a link to elsewhere, keeps its bytes elsewhere, or was met before.
        """
        give_way()
        if not self.is_group:
            raise self.damaged("it is not a group")
        path = f"{self.path}/{name}"
        stored = name.encode()
        try:
            link = self.item.links.get_info(stored)
            if link.type != h5l.TYPE_HARD:
                raise CheckpointError(
                    f"{path} is a link to another place, which is not followed.",
                    fix=Advice("Copy what it points to into the file."),
                )
            item = h5o.open(self.item, stored)
        except CheckpointError:
            raise
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is damaged and cannot be opened{detail_of(error)}.", fix=RESTORE
            ) from error
        below = Place(item, path, file_nbytes=self.file_nbytes, tick=self.tick, seen=self._seen)
        if not isinstance(item, (h5g.GroupID, h5d.DatasetID)):
            raise below.damaged("it is neither a group nor a dataset")
        if (other := self._seen.setdefault(link.u, path)) != path:
            raise below.damaged(f"it is the same as {other}")
        if path.count("/") > _MAX_DEPTH:
            raise below.damaged(f"it is deeper than {_MAX_DEPTH} groups")
        if len(self._seen) > _MOST_OBJECTS:
            raise below.damaged(f"there are more than {_MOST_OBJECTS:,} groups and datasets")
        if isinstance(item, h5d.DatasetID):
            below.refuse_elsewhere()
        self.tick(0)
        return below

    def child_is_group(self, name: str) -> bool:
        """Return whether the entry of this name is a group, without opening it; links are not followed."""
        return bool(h5g.get_objinfo(self.item, name.encode(), follow_link=False).type == h5g.GROUP)

    def is_in_group(self, name: str, group: str) -> bool:
        """Return whether a group of this group has an entry of this name; links are not followed."""
        if not self.child_is_group(group):
            return False
        below = h5g.open(self.item, group.encode())
        return bool(below.links.exists(name.encode()))

    def children(self) -> Iterator[tuple[str, Place]]:
        """Yield the entries of a group, our own marks left out, with their names in the session."""
        for name in self.names():
            if not is_mark(name):
                yield decode_name(name), self.child(name)

    def at(self, path: str) -> Place:
        """Open what is at a path below this group; may be called again and again for the same."""
        place = self.again()
        for name in path.strip("/").split("/"):
            place = place.child(name)
        return place

    def again(self) -> Place:
        """Return this place as one from which groups may be opened that were opened before."""
        return Place(self.item, self.path, file_nbytes=self.file_nbytes, tick=self.tick)

    def damaged(self, why: str) -> CheckpointError:
        """Return the error that names this place."""
        return CheckpointError(f"{self.path or '/'} is damaged: {why}.", fix=RESTORE)

    # -- attributes ------------------------------------------------------------------------------------

    def has_attr(self, name: str) -> bool:
        """Return whether there is an attribute of this name."""
        return bool(h5a.exists(self.item, name.encode()))

    def attr_names(self) -> list[str]:
        """Return the names of the attributes."""
        names: list[bytes] = []
        if h5a.get_num_attrs(self.item):
            h5a.iterate(self.item, names.append)
        return [name.decode("utf-8", "replace") for name in names]

    def attr(self, name: str) -> AttrValue | None:
        """Return the value of an attribute."""
        try:
            return read_attr(h5a.open(self.item, name.encode()), self)
        except CheckpointError:
            raise
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise self.damaged(f"its attribute {name!r} cannot be read{detail_of(error)}") from error

    def attrs(self) -> dict[str, AttrValue | None]:
        """Return all attributes under their names in the file."""
        return {name: self.attr(name) for name in self.attr_names()}

    # -- datasets --------------------------------------------------------------------------------------

    def _facts(self) -> tuple[tuple[int, ...], np.dtype[Any], Any]:
        # Asked for each row of a column; each costs a call of HDF5.
        if self._known is None:
            if self.is_group:
                raise self.damaged("it is not a dataset")
            if self.item.shape is None:
                raise self.damaged("it contains nothing")
            kind = self.item.get_type()
            dtype: np.dtype[Any] = kind.dtype
            if dtype.metadata is not None and dtype.names is None and not dtype.hasobject:
                dtype = np.dtype(dtype.str)
            self._known = tuple(self.item.shape), dtype, kind
        return self._known

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a dataset."""
        return self._facts()[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers as numpy has it."""
        return self._facts()[1]

    @property
    def nbytes(self) -> int:
        """Bytes that a dataset declares."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def utf8(self) -> bool:
        """Whether a dataset holds UTF-8 text."""
        kind = self._facts()[2]
        return isinstance(kind, h5t.TypeStringID) and kind.get_cset() == h5t.CSET_UTF8

    def kind(self, ndim: int) -> str:
        """Return what a value with `ndim` dimensions was; see `hdmea.results.leaves.Leaf`."""
        if self.has_attr(KIND):
            return str(self.attr(KIND))
        return implied_kind(self.dtype, ndim, utf8=self.utf8)

    def refuse_elsewhere(self) -> None:
        """Raise CheckpointError if a dataset keeps its bytes in other files, or compressed more than once."""
        creation = self.item.get_create_plist()
        if creation.get_external_count() or creation.get_layout() == h5d.VIRTUAL:
            raise CheckpointError(
                f"{self.path} keeps its numbers in another file, which is not read.",
                fix=Advice("Copy the numbers into the file."),
            )
        if creation.get_nfilters() > 1 and repeats_filters(creation):
            raise self.damaged("it is compressed more than once")

    def refuse_unbacked(self, nbytes: int) -> None:
        """Raise CheckpointError if `nbytes` of a dataset are more than can be in its file, or in memory."""
        if nbytes <= _SMALL_NBYTES and (self._backed or self.item.get_storage_size() <= _SMALL_NBYTES):
            self._backed = max(self._backed, nbytes)
            return
        if nbytes > _LARGE_NBYTES:
            import psutil

            free = psutil.virtual_memory().available
            if nbytes > free:
                raise MemoryError(f"{self.path} takes {nbytes:,} bytes, {free:,} are available")
        # Asked for each row of a column; HDF5 adds up all chunks.
        if nbytes > self._backed:
            why = why_not_backed(self.item, nbytes, self.file_nbytes)
            if why:
                raise self.damaged(why)
            self._backed = nbytes

    def read(self) -> NDArray[Any]:
        """Return all numbers or texts of a dataset, in slices."""
        shape, dtype = self.shape, self.dtype
        if dtype.hasobject:
            self._refuse_objects()
            return self._read_variable(shape)
        self.refuse_unbacked(self.nbytes)
        array = np.empty(shape, dtype)
        if array.size:
            self._fill(array, (0,) * len(shape))
        return array

    def blocks(self) -> Iterator[Block]:
        """Yield the numbers of a dataset part by part, never all at once in memory; texts together."""
        shape, dtype = self.shape, self.dtype
        if dtype.hasobject:
            yield (0,) * len(shape), self.read()
            return
        self.refuse_unbacked(self.nbytes)
        for start, count in slabs(shape, dtype.itemsize) if shape else [((), ())]:
            part = np.empty(count, dtype)
            if part.size:
                self._fill(part, start)
                yield start, part

    def read_row(self, row: int) -> NDArray[Any]:
        """Return one row of a dataset whose first axis is the units."""
        shape, dtype = self.shape[1:], self.dtype
        self.refuse_unbacked(math.prod(shape) * dtype.itemsize)
        array = np.empty(shape, dtype)
        if array.size:
            self._fill(array.reshape(1, *shape), (row, *(0,) * len(shape)))
        return array

    def read_run(self, start: int, stop: int) -> NDArray[Any]:
        """Return numbers `start` to `stop` of a dataset of one dimension."""
        self.refuse_unbacked((stop - start) * self.dtype.itemsize)
        array = np.empty(stop - start, self.dtype)
        if array.size:
            self._fill(array, (start,))
        return array

    def _fill(self, array: NDArray[Any], start: tuple[int, ...]) -> None:
        kind = self._facts()[2]
        memory_type = kind if kind.get_size() == array.dtype.itemsize else None
        if array.dtype.hasobject:
            # As it is in the file it would be written over the references to objects of Python.
            self._refuse_objects()
            memory_type = h5t.py_create(_TEXT)
        try:
            if array.nbytes <= SLICE_NBYTES and array.shape == self.shape:
                self.item.read(h5s.ALL, h5s.ALL, array, memory_type)
                self.tick(array.nbytes)
                return
            space = self.item.get_space()
            if array.nbytes <= SLICE_NBYTES:
                space.select_hyperslab(start, array.shape)
                self.item.read(h5s.create_simple(array.shape), space, array, memory_type)
                self.tick(array.nbytes)
                return
            for offset, count in slabs(array.shape, array.dtype.itemsize):
                first = tuple(map(sum, zip(start, offset, strict=True)))
                space.select_hyperslab(first, count)
                part = array[tuple(slice(at, at + n) for at, n in zip(offset, count, strict=True))]
                self.item.read(h5s.create_simple(count), space, part, memory_type)
                self.tick(part.nbytes)
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            self._refuse_missing_filter(error)
            raise CheckpointError(
                f"{self.path} is damaged and cannot be read{detail_of(error)}.", fix=RESTORE
            ) from error

    def _refuse_missing_filter(self, error: Exception) -> None:
        creation = self.item.get_create_plist()
        numbers = [creation.get_filter(number)[0] for number in range(creation.get_nfilters())]
        lacking = [number for number in numbers if not h5z.filter_avail(number)]
        if lacking:
            path = os.fsdecode(h5f.get_name(self.item))
            raise SessionError(
                f"{path}: {self.path} is compressed with HDF5 filter {lacking[0]}, which is not "
                "installed; the file is not damaged.",
                path=path,
                fix=Advice(
                    f"Install the plugin {lacking[0]} (most come with the Python package hdf5plugin) and set "
                    "HDF5_PLUGIN_PATH to its folder."
                ),
            ) from error

    def _refuse_objects(self) -> None:
        if not isinstance(self._facts()[2], h5t.TypeStringID):
            raise self.damaged("it is of a kind that results do not have")

    def _read_variable(self, shape: tuple[int, ...]) -> NDArray[Any]:
        self.refuse_unbacked(16 * math.prod(shape))
        texts = np.empty(shape, dtype=_TEXT)
        # Any number of entries may refer to the same long text. In each part they fit into memory.
        limit = max(1, _TEXTS_NBYTES // self.file_nbytes) * texts.itemsize
        left = self.file_nbytes
        try:
            kind, space = h5t.py_create(_TEXT), self.item.get_space()
            for start, count in slabs(shape, texts.itemsize, limit) if shape else [((), ())]:
                part = np.empty(count, dtype=_TEXT)
                if part.size:
                    if shape:
                        space.select_hyperslab(start, count)
                    self.item.read(h5s.create_simple(count) if shape else h5s.ALL, space, part, kind)
                    left -= sum(len(text or b"") for text in part.reshape(-1).tolist())
                if left < 0:
                    raise self.damaged("its texts are longer than the file")
                place: Any = tuple(slice(at, at + n) for at, n in zip(start, count, strict=True))
                texts[(*place, ...)] = part
        except CheckpointError:
            raise
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"{self.path} is damaged and cannot be read{detail_of(error)}.", fix=RESTORE
            ) from error
        return texts

    def checksum(self, rows: list[int] | None) -> int:
        """Return the CRC-32 of a dataset's bytes, of the given rows only if there are any."""
        found = 0
        if rows is not None:
            for row in rows:
                found = checksum_of(self.read_row(row), found)
            return found
        if self.dtype.hasobject:
            return checksum_of(self.read())
        for _, part in self.blocks():
            found = checksum_of(part, found)
        return found


def checksum_of(array: NDArray[Any], before: int = 0) -> int:
    """Return the CRC-32 of the numbers or texts of an array, which continues that of what comes before it."""
    if not array.dtype.hasobject:
        return zlib.crc32(array.reshape(-1).view(np.uint8).data, before)
    texts = (_text(item).encode("utf-8", "surrogateescape") for item in array.reshape(-1).tolist())
    return zlib.crc32(b"".join(text + b"\0" for text in texts), before)


def read_attr(attr: Any, place: Place) -> AttrValue | None:
    """Return what an attribute holds: text, texts, an array (also of no dimension), None for nothing."""
    kind, shape = attr.get_type(), attr.shape
    space = attr.get_space()
    if space.get_simple_extent_type() == h5s.NULL:
        return None
    if isinstance(kind, h5t.TypeStringID):
        texts = np.empty(shape, dtype=_TEXT) if kind.is_variable_str() else np.empty(shape, kind.dtype)
        if texts.size:
            attr.read(texts, mtype=h5t.py_create(_TEXT) if kind.is_variable_str() else None)
        found = [_text(item) for item in texts.reshape(-1).tolist()]
        return found if shape else found[0]
    dtype = np.dtype(kind.dtype.str) if kind.dtype.metadata is not None else kind.dtype
    if dtype.hasobject:
        raise place.damaged("an attribute of it is of a kind that results do not have")
    array = np.empty(shape, dtype)
    if array.nbytes > place.file_nbytes:
        raise place.damaged("an attribute of it is larger than the file")
    if array.size:
        attr.read(array, mtype=kind if kind.get_size() == dtype.itemsize else None)
    return array


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value or "")
