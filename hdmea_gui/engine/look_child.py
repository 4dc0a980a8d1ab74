"""The helper process that opens a file before the window does.

It is run as a file of its own, imports nothing of this program, and reads paths from its standard input, one
JSON text per line. For each it opens the file, visits its objects and reads what is small, so that what makes
the HDF5 library crash ends this process and not the session. It does not decide what a file is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

__all__ = ["COMMAND", "serve"]

COMMAND = "look-into-files"
"""Makes the packaged program, which is its own interpreter, the helper process."""

_MOST_S = 0.1
_MOST_NBYTES = 1 << 16
_MOST_CHUNK = 16 << 20
_CACHE_NBYTES = 256 << 10
_MOST_MEMORY = 2 << 30
_ENDS_S = 15.0

_NOT_READ = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What h5py raises of a damaged object: said by who reads it."""


def serve(read_from: int = 0, write_to: int = 1) -> None:
    """Answer until the input ends: one line per file, empty if it could be opened, otherwise why not."""
    _keep_quiet()
    from h5py import h5f  # noqa: F401 - before the first file, which then need not wait for it

    _answer(write_to, "")
    with open(os.devnull, "w") as nowhere, os.fdopen(read_from, "rb", closefd=False) as requests:
        for line in requests:
            # Ends a process that hangs after its window was killed.
            faulthandler.dump_traceback_later(_ENDS_S, exit=True, file=nowhere)
            answer = _look(json.loads(line))
            faulthandler.cancel_dump_traceback_later()
            _answer(write_to, answer)


def _answer(write_to: int, text: str) -> None:
    os.write(write_to, json.dumps(text).encode() + b"\n")


def _keep_quiet() -> None:
    """Limit the memory, and have a crash leave neither a dialog nor a core file."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetErrorMode(0x8003)
        return
    import resource

    for kind, most in ((resource.RLIMIT_AS, _MOST_MEMORY), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))


def _look(path: str) -> str:
    """Visit a file for a tenth of a second; return why it must not be opened, empty without a reason."""
    from h5py import h5f, h5p

    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    # HDF5 keeps the memory of its caches when a file closes, and each object is visited once.
    cache = access.get_mdc_config()
    cache.set_initial_size, cache.initial_size = True, _CACHE_NBYTES
    cache.min_size = cache.max_size = _CACHE_NBYTES
    access.set_mdc_config(cache)
    access.set_cache(0, 521, _CACHE_NBYTES, 1.0)
    file = None
    try:
        with _unless_memory():
            file = h5f.open(os.fsencode(path), h5f.ACC_RDONLY, access)
            _visit(file, time.monotonic() + _MOST_S)
    except MemoryError:
        return "it needs more memory than any file of its kind"
    finally:
        if file is not None:
            with contextlib.suppress(RuntimeError):
                file.close()
    return ""


@contextlib.contextmanager
def _unless_memory() -> Iterator[None]:
    """Go on after errors of damaged objects; raise MemoryError where HDF5 was refused memory."""
    try:
        yield
    except _NOT_READ as error:
        if "allocat" in str(error):
            raise MemoryError from error


def _visit(file: Any, until: float) -> None:
    """Have HDF5 decode the headers of all objects, then read the objects in an order that no file knows."""
    from h5py import h5o

    names: list[bytes] = []

    def found(name: bytes) -> bool | None:
        names.append(name)
        return True if time.monotonic() > until else None

    with _unless_memory():
        h5o.visit(file, found)
    random.shuffle(names)
    for name in [b".", *names]:
        if time.monotonic() > until:
            return
        with _unless_memory():
            _read(h5o.open(file, name))


def _read(item: Any) -> None:
    """Read the attributes of an object and, if it is a dataset, its numbers or one of them."""
    import numpy as np
    from h5py import h5a, h5d, h5s

    for number in range(h5a.get_num_attrs(item)):
        with _unless_memory():
            attribute = h5a.open(item, index=number)
            space = attribute.get_space().get_simple_extent_npoints()
            if space and space * attribute.get_type().get_size() <= _MOST_NBYTES:
                attribute.read(np.empty(attribute.shape, attribute.dtype))
    if not isinstance(item, h5d.DatasetID):
        return
    creation = item.get_create_plist()
    size = item.get_type().get_size()
    layout = creation.get_layout()
    if creation.get_external_count() or layout == h5d.VIRTUAL or not math.prod(item.shape):
        return
    if layout == h5d.CHUNKED and math.prod(creation.get_chunk()) * size > _MOST_CHUNK:
        return
    if math.prod(item.shape) * size <= _MOST_NBYTES:
        item.read(h5s.ALL, h5s.ALL, np.empty(item.shape, item.dtype))
    else:
        # Of what is large the first number: it passes the filters all the same.
        ones = (1,) * len(item.shape)
        place = item.get_space()
        place.select_hyperslab((0,) * len(ones), ones)
        item.read(h5s.create_simple(ones), place, np.empty(ones, item.dtype))


if __name__ == "__main__":
    serve()
