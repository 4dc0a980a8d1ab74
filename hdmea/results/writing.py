"""Writing nodes into a file so that no error is ever lost.

HDF5 keeps small pieces of a file back until something is closed, and drops errors that happen then; after one
it may end the process. Therefore it never sees an error here: it writes through `_Output`, which remembers
the first error of the drive, lets HDF5 go on as if nothing had happened, and writes nothing more. The error
is raised where no call of HDF5 is under way. When the file is complete it is reopened, and every dataset
is compared with the checksum that was taken while it was written.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5f, h5fd, h5g, h5o, h5p, h5s, h5t, h5z

from hdmea.results.leaves import is_mark, marked_name
from hdmea.results.nodes import AttrValue, Dataset, Group, slabs
from hdmea.results.reading import Place, Tick, checksum_of
from hdmea.utils import drive
from hdmea.utils.exceptions import SessionError, ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way

__all__ = ["COMPRESSIONS", "Writer", "opened_for_writing"]

COMPRESSIONS = (None, "lzf", "gzip")
_CHUNK_NBYTES = 1 << 20
_MIN_COMPRESSED_NBYTES = 64 << 10
_CACHE_NBYTES = 16 << 20
_OBJECT_NBYTES = 500
_COMPACT_NBYTES = 1 << 10
"""Up to this size the numbers of a dataset are stored in its object header: one access for both."""
_BATCH_NBYTES = 1 << 20
_READ_NBYTES = 1 << 20
_READERS = 2 if hasattr(os, "preadv") else 1
"""Threads that verify; where reading moves the place in the file there can be only one."""
_TEXT = h5py.string_dtype()


class _Output:
    """The file as HDF5 sees it: everything always works; `error` says what did not."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.error: BaseException | None = None
        self._at = 0
        self._end = os.fstat(descriptor).st_size

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._end

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (self._end if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Do nothing: nothing is kept back here."""

    def readinto(self, buffer: memoryview) -> int:
        done = 0
        try:
            if self.error is None:
                done = drive.read(self.descriptor, buffer, self._at)
        except BaseException as error:  # noqa: BLE001 - raised where HDF5 does not see it
            self.error = error
        buffer[done:] = bytes(len(buffer) - done)
        self._at += len(buffer)
        return len(buffer)

    def write(self, data: memoryview) -> int:
        try:
            if self.error is None:
                drive.write(self.descriptor, data, self._at)
        except BaseException as error:  # noqa: BLE001 - raised where HDF5 does not see it
            self.error = error
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)

    def truncate(self, size: int) -> int:
        try:
            if self.error is None:
                drive.truncate(self.descriptor, size)
        except BaseException as error:  # noqa: BLE001 - raised where HDF5 does not see it
            self.error = error
        self._end = size
        return size


@contextlib.contextmanager
def opened_for_writing(
    path: Path, tick: Tick, compression: str | None = None, *, existing: bool = False
) -> Iterator[Writer]:
    """Create a file, or open a copy that is to be changed; when the block ends well all is written.

    Parameters
    ----------
    path
        A file that only this program knows.
    tick
        Called with the number of bytes after each piece of writing; may raise to stop.
    compression
        One of `COMPRESSIONS`, for datasets of 64 kB and more.
    existing
        Whether the file exists.

    Raises
    ------
    OSError
        What the drive said first; the file is of no use then.
    """
    if compression not in COMPRESSIONS:
        raise ValidationError(
            f"The compression {compression!r} is not known.",
            parameter="compression",
            fix=Advice("Choose None, 'lzf' or 'gzip'."),
        )
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags) if existing else drive.create(path)
    try:
        output = _Output(descriptor)
        with _without_signals() as pending:
            access = h5p.create(h5p.FILE_ACCESS)
            access.set_fclose_degree(h5f.CLOSE_STRONG)
            access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
            access.set_sieve_buf_size(0)
            access.set_fileobj_driver(h5fd.fileobj_driver, output)
            name = os.fsencode(path)
            try:
                if existing:
                    file = h5f.open(name, h5f.ACC_RDWR, access)
                else:
                    creation = h5p.create(h5p.FILE_CREATE)
                    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
                    file = h5f.create(name, h5f.ACC_TRUNC, creation, access)
            finally:
                # The file has its own copy. A list that the traceback of an error keeps until the end
                # would be freed by HDF5 after Python has ended, which crashes.
                access.close()

            def check(nbytes: int = 0) -> None:
                if output.error is not None:
                    raise output.error
                pending.deliver()
                tick(nbytes)

            try:
                yield Writer(file, check, compression, file_nbytes=output.size)
                h5f.flush(file)
            except Exception as error:
                # Where the drive gave nothing, HDF5 read zeros.
                if output.error is not None and error is not output.error:
                    raise output.error from error
                raise
            finally:
                # Whatever happened, HDF5 ends in order: it has not seen an error of the drive.
                with contextlib.suppress(RuntimeError, OSError) if output.error else contextlib.nullcontext():
                    file.close()
            check()
    finally:
        os.close(descriptor)


class _Pending:
    """Signals that came while HDF5 was at work, and the handlers that they are for."""

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._came: list[tuple[int, FrameType | None]] = []

    def note(self, number: int, frame: FrameType | None) -> None:
        self._came.append((number, frame))

    def deliver(self) -> None:
        while self._came:
            number, frame = self._came.pop(0)
            self.handlers[number](number, frame)


@contextlib.contextmanager
def _without_signals() -> Iterator[_Pending]:
    """Let Python's handlers of signals, which may raise, wait until no call of HDF5 is under way.

    They run in the main thread between any two steps of Python, and HDF5 calls Python to write.
    """
    pending = _Pending()
    if threading.current_thread() is not threading.main_thread():
        yield pending
        return
    for number in map(int, signal.valid_signals()):
        handler = signal.getsignal(number)
        if callable(handler):
            pending.handlers[number] = handler
            signal.signal(number, pending.note)
    try:
        yield pending
    finally:
        for number, handler in pending.handlers.items():
            signal.signal(number, handler)
    pending.deliver()


@dataclass(slots=True)
class _Written:
    """A dataset that was written.

    Attributes
    ----------
    checksum, nbytes
        Of its numbers.
    rows
        The rows that it has, if each unit has a chunk.
    texts
        Whether it is text of any length.
    kind
        Type of a dataset whose numbers are in its header.
    """

    checksum: int
    nbytes: int
    rows: list[int] | None = None
    texts: bool = False
    kind: Any = None


class Writer:
    """Writes nodes below groups of one open file, and remembers what it wrote.

    Attributes
    ----------
    file
        h5py's identifier of the file.
    written : dict
        What is known of each dataset that was written, by its path.
    n_groups
        Number of groups that were created.
    n_planned
        Number of groups and datasets that a whole file is to have; None where a file is changed.
    touched : set of str
        Paths of what was replaced or removed in a file that is changed.
    file_nbytes
        Size of the file when it was opened.
    origin
        The file that it is a copy of, if it is one.
    """

    def __init__(
        self, file: Any, tick: Callable[[int], None], compression: str | None = None, *, file_nbytes: int = 0
    ) -> None:
        self.file = file
        self.written: dict[str, _Written] = {}
        self.n_groups = 0
        self.n_planned: int | None = None
        self.touched: set[str] = set()
        self.origin: Path | None = None
        self.file_nbytes = file_nbytes
        self._tick = tick
        self._compression = compression

    @property
    def unused(self) -> int:
        """Bytes of what was removed that nothing else took: their place in the file will be lost."""
        return int(self.file.get_freespace())

    def fill(self, group: Any, node: Group, path: str = "") -> None:
        """Write attributes and children of a node into an existing group without such."""
        self.write_attrs(group, node.attrs)
        for name, child in node.children.items():
            self.create(group, name, child, path)

    def create(self, parent: Any, name: str, node: Group | Dataset, path: str = "") -> None:
        """Create the group or dataset `name` below `parent`, which is at `path`."""
        give_way()
        below = f"{path}/{name}"
        if isinstance(node, Group):
            group = h5g.create(parent, name.encode(), None, _group_creation())
            self.n_groups += 1
            self._tick(_OBJECT_NBYTES)
            self.fill(group, node, below)
            return
        kind = _kind(node.dtype, node.utf8)
        if _is_compact(node):
            # A file of the laboratory's layouts has hundreds of thousands of these.
            array: Any = node.source
            data = array if array.flags.carray else np.require(array, requirements=["C", "A", "W"])
            dataset = h5d.create(parent, name.encode(), kind, _space(node.shape), _compact())
            dataset.write(h5s.ALL, h5s.ALL, data, kind)
            self.written[below] = _Written(zlib.crc32(data.tobytes()), data.nbytes, kind=kind)
            if node.attrs:
                self.write_attrs(dataset, node.attrs)
            self._tick(_OBJECT_NBYTES + data.nbytes)
            return
        space = h5s.create_simple(node.shape) if node.shape else h5s.create(h5s.SCALAR)
        access = _access(bool(self._compression))
        dataset = h5d.create(parent, name.encode(), kind, space, self._creation(node), None, access)
        self.written[below] = self._write(dataset, node, kind, space)
        self.write_attrs(dataset, node.attrs)
        if node.by_row or self._compression:
            dataset.flush()
        self._tick(_OBJECT_NBYTES)

    def write_attrs(self, item: Any, attrs: dict[str, AttrValue]) -> None:
        """Write attributes, in place of those of the same name."""
        for name, value in attrs.items():
            stored = name.encode()
            if h5a.exists(item, stored):
                h5a.delete(item, stored)
            if isinstance(value, (str, list)):
                texts = np.array(value, dtype=_TEXT)
                attr = h5a.create(item, stored, _text_kind(), _space(texts.shape))
                attr.write(texts, mtype=h5t.py_create(_TEXT))
                continue
            array = np.ascontiguousarray(value).reshape(np.shape(value))
            kind = _kind(array.dtype, utf8=False)
            attr = h5a.create(item, stored, kind, _space(array.shape))
            if array.size:
                attr.write(array, mtype=kind)

    def replace(self, path: str, node: Group, order: list[str], removed: Collection[str] = ()) -> None:
        """Rewrite entries of an existing group, and leave the others as they are.

        Parameters
        ----------
        path
            The group.
        node
            Its attributes, all of them, and the entries to write.
        order
            Names of all entries that the group has afterwards, in the order in which they are to be read.
        removed
            Names of entries that are removed.
        """
        group = self.file
        for name in path.strip("/").split("/"):
            group = h5o.open(group, name.encode())
        gone = {*node.children, *removed}
        self.touched.update(f"/{path.strip('/')}/{name}" for name in gone)
        for name in [stored.decode() for stored in group]:
            if name in gone or (is_mark(name) and marked_name(name) in gone):
                group.unlink(name.encode())
        names: list[bytes] = []
        if h5a.get_num_attrs(group):
            h5a.iterate(group, names.append)
        for stored in names:
            h5a.delete(group, stored)
        self.fill(group, node, f"/{path.strip('/')}")
        found: list[bytes] = []
        group.links.iterate(found.append, idx_type=h5.INDEX_CRT_ORDER)
        if [name for name in map(bytes.decode, found) if not is_mark(name)] != order:
            self.write_attrs(group, {"%keys": order})

    def put(self, parent: Any, name: str, node: Group | Dataset | None, path: str) -> None:
        """Write the entry `name` of a group, which is at `path`, in place of one that may be there.

        With None in place of a node the entry is only removed.
        """
        stored = name.encode()
        self.touched.add(f"{path}/{name}")
        if parent.links.exists(stored):
            parent.unlink(stored)
        if node is not None:
            self.create(parent, name, node, path)

    def _write(self, dataset: Any, node: Dataset, kind: Any, space: Any) -> _Written:
        checksum = nbytes = 0
        rows: list[int] = []
        if node.dtype.hasobject:
            kind = h5t.py_create(_TEXT)
        for start, block in node.blocks():
            # HDF5 wants C order; a copy of a block, never of the whole.
            data = np.require(block, requirements=["C", "A"])
            checksum = checksum_of(data, checksum)
            if data.shape == node.shape:
                dataset.write(h5s.ALL, h5s.ALL, data, kind)
            else:
                space.select_hyperslab(start, data.shape)
                dataset.write(h5s.create_simple(data.shape), space, data, kind)
            if node.by_row and (not rows or rows[-1] != start[0]):
                rows.append(start[0])
            nbytes += data.nbytes
            self._tick(data.nbytes)
        return _Written(checksum, nbytes, rows if node.by_row else None, node.dtype.hasobject)

    def _creation(self, node: Dataset) -> Any:
        compressed = bool(
            self._compression is not None and node.nbytes >= _MIN_COMPRESSED_NBYTES and node.shape
        )
        compressed = compressed and not node.dtype.hasobject
        if not (node.by_row or compressed):
            return _contiguous(node.dtype.hasobject)
        creation = _contiguous().copy()
        if node.by_row:
            creation.set_chunk((1, *node.shape[1:]))
            creation.set_fill_time(h5d.FILL_TIME_IFSET)
            if node.dtype.kind == "f":
                creation.set_fill_value(np.array(np.nan, node.dtype))
        else:
            creation.set_chunk(next(slabs(node.shape, node.dtype.itemsize, _CHUNK_NBYTES))[1])
        if compressed:
            creation.set_shuffle()
            if self._compression == "gzip":
                creation.set_deflate(1)
            else:
                creation.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
        return creation

    def verify(self, root: Place, path: Path) -> None:
        """Compare the file, reopened, with what was written.

        Where the bytes of a dataset are is read through HDF5, the bytes themselves as they are in the file.

        Parameters
        ----------
        root, path
            The file.

        Raises
        ------
        SessionError
            If a dataset is not as it was written, or the number of objects is another.
        """
        if self.n_planned is not None and len(self.written) + self.n_groups != self.n_planned:
            raise _unfaithful("objects are missing")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            with ThreadPoolExecutor(_READERS, "verifies a file") as readers:
                self._compare(root, descriptor, readers)
        finally:
            os.close(descriptor)

    def _compare(self, root: Place, descriptor: int, readers: ThreadPoolExecutor) -> None:
        pending: list[Future[None]] = []
        batch: list[tuple[str, _Written, _Pieces]] = []
        nbytes = 0
        compact = np.empty(_COMPACT_NBYTES, np.uint8)
        for name, written in self.written.items():
            item = h5d.open(root.item, name.encode())
            if written.kind is not None:
                # A file of the laboratory's layouts has hundreds of thousands of these.
                if item.get_storage_size() != written.nbytes:
                    raise _unfaithful(f"{name} is not as long as it was written")
                item.read(h5s.ALL, h5s.ALL, compact, written.kind)
                if zlib.crc32(compact[: written.nbytes].data) != written.checksum:
                    raise _unfaithful(f"{name} is not as it was written")
                self._tick(0)
                continue
            by_hdf5 = self._compression or written.texts
            pieces = None if by_hdf5 else _pieces(item, written.rows)
            if pieces is None:
                place = Place(item, name, file_nbytes=root.file_nbytes)
                if place.checksum(written.rows) != written.checksum:
                    raise _unfaithful(f"{name} is not as it was written")
            else:
                batch.append((name, written, pieces))
                nbytes += written.nbytes
                if nbytes >= _BATCH_NBYTES:
                    pending.append(readers.submit(_compare_pieces, descriptor, batch))
                    batch, nbytes = [], 0
            self._tick(0)
        pending.append(readers.submit(_compare_pieces, descriptor, batch))
        for future in pending:
            future.result()
            self._tick(0)


_Pieces: TypeAlias = "Sequence[tuple[int, int]]"
"""First byte and number of bytes of what is at one place in a file."""


def _pieces(item: Any, rows: list[int] | None) -> _Pieces | None:
    """Return where the bytes of a dataset without filters are; None where HDF5 does not say."""
    if rows is None:
        first = item.get_offset()
        return None if first is None else ((first, item.get_storage_size()),)
    origin = (0,) * (len(item.shape) - 1)
    chunks = [item.get_chunk_info_by_coord((row, *origin)) for row in rows]
    return [(chunk.byte_offset, chunk.size) for chunk in chunks if chunk.byte_offset is not None]


def _compare_pieces(descriptor: int, batch: list[tuple[str, _Written, _Pieces]]) -> None:
    buffer = np.empty(_READ_NBYTES, np.uint8).data
    for name, written, pieces in batch:
        found = nbytes = 0
        for first, size in pieces:
            for start in range(0, size, _READ_NBYTES):
                part = buffer[: min(_READ_NBYTES, size - start)]
                nbytes += drive.read(descriptor, part, first + start)
                found = zlib.crc32(part, found)
        if (found, nbytes) != (written.checksum, written.nbytes):
            raise _unfaithful(f"{name} is not as it was written")


def _unfaithful(what: str) -> SessionError:
    return SessionError(
        f"The drive did not keep what was written to it: {what}. The file was not replaced and the session "
        "is unchanged.",
        fix=Advice("Save to another drive, and have this one checked."),
    )


@functools.cache
def _kind(dtype: np.dtype[Any], utf8: bool) -> Any:
    if not utf8:
        return h5t.py_create(dtype, logical=True)
    text = h5t.C_S1.copy()
    text.set_size(dtype.itemsize)
    text.set_cset(h5t.CSET_UTF8)
    text.set_strpad(h5t.STR_NULLPAD)
    return text


@functools.lru_cache(maxsize=256)
def _space(shape: tuple[int, ...]) -> Any:
    return h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)


@functools.cache
def _text_kind() -> Any:
    return h5t.py_create(_TEXT, logical=True)


@functools.cache
def _access(compressed: bool) -> Any:
    access = h5p.create(h5p.DATASET_ACCESS)
    access.set_chunk_cache(521, _CACHE_NBYTES if compressed else 0, 1.0)
    return access


@functools.cache
def _group_creation() -> Any:
    creation = h5p.create(h5p.GROUP_CREATE)
    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    return creation


def _is_compact(node: Dataset) -> bool:
    source = node.source
    return isinstance(source, np.ndarray) and (
        0 < source.nbytes <= _COMPACT_NBYTES and source.dtype == node.dtype and not node.dtype.hasobject
    )


@functools.cache
def _compact() -> Any:
    creation = _contiguous().copy()
    creation.set_layout(h5d.COMPACT)
    return creation


@functools.cache
def _contiguous(texts: bool = False) -> Any:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)
    # HDF5 wants texts of any length to have a fill value.
    creation.set_fill_time(h5d.FILL_TIME_ALLOC if texts else h5d.FILL_TIME_NEVER)
    return creation
