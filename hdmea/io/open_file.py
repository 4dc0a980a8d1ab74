"""Files that HDF5 reads through Python, so that a slow drive does not hold up the whole program.

HDF5 itself waits for a drive without letting go of the interpreter, and every thread, the one that draws the
window included, waits with it. Files are not written that way: when a drive is full, HDF5 calls Python again
while an error is on its way, which Python does not bear.
"""

from __future__ import annotations

from io import FileIO
from pathlib import Path
from typing import Any

from h5py import h5fd

__all__ = ["read_through_python"]


def read_through_python(access: Any, path: Path) -> None:
    """Let a property list of file access read `path` through Python.

    Raises
    ------
    OSError
        If there is no such file, or it may not be read.
    """
    access.set_fileobj_driver(h5fd.fileobj_driver, _Source(FileIO(path, "rb")))


class _Source:
    """What HDF5 asks of a file; errors of the drive reach the caller as they are.

    The file closes with the last who refers to it.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def __del__(self) -> None:
        self._file.close()

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer; beyond the end of the file with zeros, as HDF5's own drivers do."""
        done = 0
        while done < len(buffer):
            count = self._file.readinto(buffer[done:])
            if not count:
                buffer[done:] = bytes(len(buffer) - done)
                break
            done += count
        return len(buffer)
