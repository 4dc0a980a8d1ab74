"""Every call of the system that changes a file on its way to being a result, in one place.

Saving, updating and replacing go through these functions, so that tests can let any one of them fail.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

__all__ = [
    "clone",
    "copy_range",
    "create",
    "read",
    "remove",
    "rename",
    "sync",
    "sync_folder",
    "truncate",
    "write",
]

_FICLONE = 0x40049409
_NOT_POSSIBLE = frozenset(
    (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EBADF)
)


def create(path: Path) -> int:
    """Create a file that must not exist; return its descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, 0o666)


def write(descriptor: int, data: memoryview, at: int) -> None:
    """Write all of `data` from byte `at` on."""
    done = 0
    while done < len(data):
        if hasattr(os, "pwrite"):
            done += os.pwrite(descriptor, data[done:], at + done)
        else:
            os.lseek(descriptor, at + done, os.SEEK_SET)
            done += os.write(descriptor, data[done:])


def read(descriptor: int, buffer: memoryview, at: int) -> int:
    """Fill `buffer` from byte `at` on as far as the file goes; return how far."""
    done = 0
    while done < len(buffer):
        if hasattr(os, "preadv"):
            count = os.preadv(descriptor, [buffer[done:]], at + done)
        else:
            os.lseek(descriptor, at + done, os.SEEK_SET)
            piece = os.read(descriptor, len(buffer) - done)
            count = len(piece)
            buffer[done : done + count] = piece
        if not count:
            break
        done += count
    return done


def truncate(descriptor: int, size: int) -> None:
    """Make a file `size` bytes long."""
    os.ftruncate(descriptor, size)


def sync(descriptor: int) -> None:
    """Wait until everything written to a file has reached the drive."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder have reached the drive, where that can be asked for."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(path: Path, target: Path) -> None:
    """Give a file the name of another, which it replaces."""
    os.replace(path, target)


def remove(path: Path) -> None:
    """Remove a file."""
    os.unlink(path)


def clone(source: int, copy: int) -> bool:
    """Let `copy` share the blocks of `source`; False where the system cannot."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(copy, _FICLONE, source)
    except OSError as error:
        if error.errno not in _NOT_POSSIBLE:
            raise
        return False
    return True


def copy_range(source: int, copy: int, nbytes: int, at: int) -> int:
    """Copy up to `nbytes` inside the system; return how many, 0 where it cannot."""
    if not hasattr(os, "copy_file_range"):
        return 0
    try:
        return os.copy_file_range(source, copy, nbytes, at, at)
    except OSError as error:
        if error.errno not in _NOT_POSSIBLE:
            raise
        return 0
