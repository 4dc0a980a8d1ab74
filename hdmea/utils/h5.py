"""The few calls of HDF5's own interface that files are opened and walked with.

h5py's file objects cost several times more per object than the calls beneath them, and a result file has
tens of thousands of objects.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Literal, TypeAlias

from h5py import h5, h5d, h5f, h5g, h5o, h5p

from hdmea.utils.atomic import sync_file
from hdmea.utils.open_file import read_through_python

__all__ = [
    "FileID",
    "GroupID",
    "abandon",
    "close_written",
    "create_file",
    "has_link",
    "link_names",
    "open_dataset",
    "open_file",
    "open_group",
    "open_object",
    "why_not_opened",
]

FileID: TypeAlias = Any
"""h5py.h5f.FileID, which has no type information."""
GroupID: TypeAlias = Any
"""h5py.h5g.GroupID, likewise."""

_META_BLOCK_NBYTES = 1 << 15


def create_file(path: Path) -> FileID:
    """Create a file in the format of HDF5 1.10, which MATLAB R2019b reads."""
    access = _access()
    _write_as_the_system_does(access)
    creation = h5p.create(h5p.FILE_CREATE)
    creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    return h5f.create(os.fsencode(path), h5f.ACC_TRUNC, creation, access)


def open_file(path: Path, *, write: bool = False) -> FileID:
    """Open a file, without HDF5's own lock, which network drives often lack.

    Raises
    ------
    OSError
        If it is not an HDF5 file, damaged, or not readable.
    """
    access = _access()
    if write:
        _write_as_the_system_does(access)
    else:
        read_through_python(access, path)
    return h5f.open(os.fsencode(path), h5f.ACC_RDWR if write else h5f.ACC_RDONLY, access)


def why_not_opened(path: Path, error: OSError) -> Literal["empty", "truncated", "foreign", "damaged"]:
    """Return what is wrong with a file that `open_file` refused; "foreign" if it is not an HDF5 file."""
    if path.stat().st_size == 0:
        return "empty"
    if "truncated" in str(error):
        return "truncated"
    return "foreign" if "signature" in str(error) else "damaged"


def close_written(file: FileID, path: Path) -> None:
    """Close a file after all of it has reached the drive.

    Closing would wait for that as well, on network drives, but with every thread of the program.
    """
    h5f.flush(file)
    sync_file(path)
    file.close()


def open_object(parent: Any, name: str) -> Any:
    """Open a group or a dataset below `parent`."""
    return h5o.open(parent, name.encode())


def open_dataset(parent: Any, name: str) -> Any:
    """Open a dataset below `parent`."""
    return h5d.open(parent, name.encode())


def open_group(parent: Any, name: str) -> GroupID:
    """Open a group below `parent`."""
    return h5g.open(parent, name.encode())


def has_link(group: Any, path: str) -> bool:
    """Return whether `path` leads to something below `group`."""
    links = group.links
    done = ""
    for name in path.split("/"):
        done = f"{done}/{name}" if done else name
        if not links.exists(done.encode()):
            return False
    return True


def link_names(group: GroupID) -> list[str]:
    """Return what is in a group, in the order in which it was written where the file knows it."""
    names: list[bytes] = []
    try:
        group.links.iterate(names.append, idx_type=h5.INDEX_CRT_ORDER)
    except (RuntimeError, ValueError, KeyError):
        names = list(group)
    return [name.decode() for name in names]


def abandon(file: FileID) -> None:
    """Close a file that is of no use any more, for instance because its drive is full."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        file.close()


def _access() -> Any:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    return access


def _write_as_the_system_does(access: Any) -> None:
    access.set_file_locking(False, True)
    access.set_meta_block_size(_META_BLOCK_NBYTES)
