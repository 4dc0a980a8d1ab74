"""The few calls of HDF5's own interface that files are opened with.

h5py's file objects cost several times more per object than the calls beneath them, and a result file has
tens of thousands of objects.
"""

from __future__ import annotations

import contextlib
import math
import os
import zlib
from pathlib import Path
from typing import Any, Literal, TypeAlias

from h5py import h5d, h5f, h5p, h5z

from hdmea.utils.giving_way import looked_at
from hdmea.utils.open_file import read_through_python

__all__ = [
    "GROWS",
    "FileID",
    "grows",
    "may_grow",
    "open_file",
    "repeats_filters",
    "why_not_backed",
    "why_not_opened",
]

FileID: TypeAlias = Any
"""h5py.h5f.FileID, which has no type information."""


def open_file(path: Path, *, own: bool = False) -> FileID:
    """Open a file for reading, without HDF5's own lock, which network drives often lack.

    Parameters
    ----------
    path
        The file.
    own
        Whether this program has just written it.

    Raises
    ------
    OSError
        If it is not an HDF5 file, damaged, or not readable.
    """
    looked_at(path, own=own)
    access = _access()
    let_go = read_through_python(access, path)
    try:
        return h5f.open(os.fsencode(path), h5f.ACC_RDONLY, access)
    except BaseException:
        let_go()
        raise
    finally:
        # Freed by HDF5 after Python has ended, it would crash the process; the file has its own copy.
        access.close()


def why_not_opened(path: Path, error: OSError) -> Literal["empty", "truncated", "foreign", "damaged"]:
    """Return what is wrong with a file that `open_file` refused; "foreign" if it is not an HDF5 file."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            return "empty"
    if "truncated" in str(error):
        return "truncated"
    return "foreign" if "signature" in str(error) else "damaged"


_MOST_DEFLATED = 1100
_CAN_GROW_NBYTES = 64 << 10
_CHUNK_GROWS_NBYTES = 1 << 20


def why_not_backed(dataset: Any, nbytes: int, file_nbytes: int, *, unpack: bool = True) -> str:
    """Return why `nbytes` of a dataset cannot be in its file, empty if they can be.

    Parameters
    ----------
    dataset
        Its h5py identifier.
    nbytes
        What is about to be allocated.
    file_nbytes
        Size of the file.
    unpack
        Whether all of it is read at once: then long chunks are unpacked to measure them. Otherwise only
        their stored length is compared, and parts may be missing; see `may_grow`.
    """
    creation = dataset.get_create_plist()
    filters = [creation.get_filter(number)[0] for number in range(creation.get_nfilters())]
    if repeats_filters(creation):
        return "it is compressed more than once"
    there = dataset.get_storage_size()
    # What is read piece by piece may lack pieces: a recording that was stopped hard has no last ones.
    most = _MOST_DEFLATED if filters or not unpack else 1
    if there > file_nbytes or nbytes > there * most:
        return f"{nbytes:,} bytes are declared, {there:,} are there"
    if filters and there > _CAN_GROW_NBYTES:
        doubtful = _doubtful(dataset)
        if doubtful is None or (unpack and any(grows(dataset, offset) for offset in doubtful)):
            return GROWS
    return ""


def repeats_filters(creation: Any) -> bool:
    """Return whether a dataset is compressed again and again: a few bytes become any number."""
    numbers = [creation.get_filter(number)[0] for number in range(creation.get_nfilters())]
    return len(numbers) != len(set(numbers))


GROWS = "a chunk of it is longer than chunks of it are"
"""What is wrong with a dataset of which a chunk does so; HDF5 allocates whatever comes of it."""


def may_grow(dataset: Any) -> set[tuple[int, ...]]:
    """Return the first indices of the chunks that are too long to be unpacked before `grows` was asked."""
    chunked = dataset.get_create_plist().get_layout() == h5d.CHUNKED
    return set(_doubtful(dataset) or ()) if chunked else set()


def grows(dataset: Any, offset: tuple[int, ...]) -> bool:
    """Return whether a deflated chunk becomes longer than the dataset says."""
    most = _longest_chunk(dataset)
    _, stored = dataset.read_direct_chunk(offset)
    with contextlib.suppress(zlib.error):
        return len(zlib.decompressobj().decompress(stored, most)) == most
    return False


def _longest_chunk(dataset: Any) -> int:
    nbytes = math.prod(dataset.get_create_plist().get_chunk()) * dataset.get_type().get_size()
    return int(nbytes + nbytes // 50 + 4096)


def _doubtful(dataset: Any) -> list[tuple[int, ...]] | None:
    """Return the chunks that may become much longer; None if one is too long as it is stored."""
    creation = dataset.get_create_plist()
    n_filters = creation.get_nfilters()
    deflated = n_filters > 0 and creation.get_filter(n_filters - 1)[0] == h5z.FILTER_DEFLATE
    most = _longest_chunk(dataset)
    found: list[tuple[int, ...]] = []

    def is_too_long(chunk: Any) -> bool | None:
        if deflated and chunk.size > _CHUNK_GROWS_NBYTES:
            found.append(chunk.chunk_offset)
        return True if chunk.size > most else None

    return None if dataset.chunk_iter(is_too_long) else found


def _access() -> Any:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    return access
