"""Files that HDF5 reads through Python, so that a slow drive does not block the whole program.

HDF5 itself waits for a drive without letting go of the interpreter, and every thread, the one that draws the
window included, waits with it. Files are not written that way: when a drive is full, HDF5 calls Python again
while an error is on its way, which Python does not bear.

HDF5 reads descriptions of objects in pieces of some hundred bytes. They are cut from blocks that are kept for
a while: opening a result of 500 units takes 1600 accesses to the drive instead of 64 000.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from h5py import h5fd

from hdmea.utils.giving_way import is_considerate, wait_for

__all__ = ["drives_hang", "read_through_python"]

_BLOCK_NBYTES = 1 << 16
_MOST_BLOCKS = 128
_MOST_RECENT = 2
_END_S = 1.0
_FARTHEST = (1 << 63) - 1

_Blocks = OrderedDict[int, memoryview]

_recent: OrderedDict[tuple[object, ...], _Blocks] = OrderedDict()
"""Blocks of the files that were closed last: most are opened again soon, for the next unit."""

_lock = threading.Lock()
_left: set[str] = set()
"""Files that were left because their drive did not answer, as long as it does not."""


def drives_hang() -> bool:
    """Return whether a drive has not yet answered for a file that was left."""
    return bool(_left)


def read_through_python(access: Any, path: Path) -> Callable[[], None]:
    """Let a property list of file access read `path` through Python; return what to call if opening fails.

    Raises
    ------
    OSError
        If there is no such file, it may not be read, or its drive did not answer before and does not yet.
    """
    _refuse_left(os.fspath(path))
    if not path.is_file() and path.exists():
        # A named pipe would be waited for until someone writes to it, and a device never ends.
        raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
    source = _Source(FileIO(path, "rb"))
    access.set_fileobj_driver(h5fd.fileobj_driver, source)
    return source.let_go


def _refuse_left(name: str) -> None:
    if name in _left:
        raise OSError(errno.ETIMEDOUT, "its drive does not respond", name)


class _Source:
    """What HDF5 asks of a file; errors of the drive reach the caller as they are.

    The file closes with the last who refers to it.
    """

    def __init__(self, file: FileIO) -> None:
        self._drive = _Drive(file)
        stat = os.fstat(file.fileno())
        self._nbytes = stat.st_size
        self._at = 0
        self._version = (file.name, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        self._blocks = _recent.pop(self._version, _Blocks())

    def let_go(self) -> None:
        """Close the file: HDF5 could not open it, and never gives back what it was given for that."""
        self._drive.close()

    def __del__(self) -> None:
        self._drive.close()
        _recent[self._version] = self._blocks
        while len(_recent) > _MOST_RECENT:
            _recent.popitem(last=False)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (self._nbytes if whence == os.SEEK_END else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer; beyond the end of the file with zeros, as HDF5's own drivers do."""
        start, size = self._at, len(buffer)
        self._at += size
        number, first = divmod(start, _BLOCK_NBYTES)
        block = self._blocks.get(number)
        if block is not None and first + size <= len(block):
            # Nearly always: the rest of what was read for the object before.
            self._blocks.move_to_end(number)
            buffer[:] = block[first : first + size]
            return size
        if size >= _BLOCK_NBYTES:
            done = self._drive.read(start, buffer)
        else:
            done = self._cut(start, buffer)
        if done < size:
            buffer[done:] = bytes(size - done)
        return size

    def _cut(self, start: int, buffer: memoryview) -> int:
        done = 0
        while done < len(buffer):
            number, first = divmod(start + done, _BLOCK_NBYTES)
            piece = self._block(number)[first : first + len(buffer) - done]
            if not piece:
                break
            buffer[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def _block(self, number: int) -> memoryview:
        block = self._blocks.get(number)
        if block is not None:
            self._blocks.move_to_end(number)
            return block
        fresh = memoryview(bytearray(_BLOCK_NBYTES))
        block = fresh[: self._drive.read(number * _BLOCK_NBYTES, fresh)]
        self._blocks[number] = block
        if len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)
        return block


class _Drive:
    """A file on a drive that may never answer: then it is left to a thread of its own."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._name = os.fspath(file.name)

    def read(self, start: int, buffer: memoryview) -> int:
        """Fill the buffer as far as the file goes; return how far.

        Raises
        ------
        OSError
            What the drive says.
        StepCancelled
            If it said nothing until nobody wanted to know any more.
        """
        _refuse_left(self._name)
        if not is_considerate():
            return _fill(self._file, start, buffer)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="reads a file", daemon=True)
            self._thread.start()
        request = _Request(start, len(buffer))
        self._requests.put(request)
        try:
            wait_for(request.answered, f"the drive of {self._name}")
        except BaseException:
            with _lock:
                if not request.answered.is_set():
                    _left.add(self._name)
            raise
        if request.error is not None:
            try:
                raise request.error
            finally:
                # What it passes through refers to the request: in a circle the file would stay open.
                request.error = None
        buffer[: request.done] = request.data[: request.done]
        return request.done

    def close(self) -> None:
        """Close the file, at the latest when its drive answers."""
        if self._thread is None:
            self._file.close()
            return
        self._requests.put(None)
        if self._name not in _left:
            self._thread.join(_END_S)

    def _serve(self) -> None:
        with self._file:
            while (request := self._requests.get()) is not None:
                request.answer(self._file)
                with _lock:
                    request.answered.set()
                    _left.discard(self._name)


class _Request:
    """A part of a file, in memory of its own: HDF5's may be gone when a drive answers at last."""

    def __init__(self, start: int, nbytes: int) -> None:
        self.data = memoryview(bytearray(nbytes))
        self.done = 0
        self.error: Exception | None = None
        self.answered = threading.Event()
        self._start = start

    def answer(self, file: FileIO) -> None:
        try:
            self.done = _fill(file, self._start, self.data)
        except (OSError, ValueError, MemoryError) as error:
            self.error = error


def _fill(file: FileIO, start: int, buffer: memoryview) -> int:
    if start > _FARTHEST:
        return 0  # a damaged file refers to what no file can have
    file.seek(start)
    done = 0
    while done < len(buffer):
        count = file.readinto(buffer[done:])
        if not count:
            break
        done += count
    return done
