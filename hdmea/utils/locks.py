"""One writer per file: operating-system locks, which die with the process that contains them."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hdmea.utils.exceptions import SessionError
from hdmea.utils.fixes import Advice, Either, SaveAs

__all__ = ["exclusive", "lock_path"]

logger = logging.getLogger(__name__)

_POLL_S = 0.02
_BUSY = frozenset((errno.EACCES, errno.EAGAIN, errno.EDEADLK))
_UNSUPPORTED = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL))


@dataclass
class _Held:
    thread: int
    count: int


_mine: dict[str, _Held] = {}
_mine_guard = threading.Lock()


def lock_path(target: Path) -> Path:
    """Return the lock file of `target`, which is beside it while someone writes."""
    return target.with_name(f".{target.name}.lock")


@contextlib.contextmanager
def exclusive(target: Path, *, timeout_s: float = 60.0) -> Iterator[None]:
    """Be the only writer of `target`; may be entered again by the same thread.

    Parameters
    ----------
    target
        The file; it need not exist, its folder must.
    timeout_s
        How long to wait for another writer.

    Raises
    ------
    SessionError
        If another writer does not finish in time.
    """
    key = os.path.realpath(target)
    held = _mine.get(key)
    if held is not None and held.thread == threading.get_ident():
        held.count += 1
        try:
            yield
        finally:
            held.count -= 1
        return
    path = lock_path(Path(key))
    descriptor = _acquire(path, timeout_s, target)
    with _mine_guard:
        _mine[key] = _Held(threading.get_ident(), 1)
    try:
        yield
    finally:
        with _mine_guard:
            del _mine[key]
        _release(path, descriptor)


def _acquire(path: Path, timeout_s: float, target: Path) -> int:
    deadline = time.monotonic() + timeout_s
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                logger.warning(
                    "%s: this drive has no file locks; do not write from two programs.", path.parent
                )
                return descriptor
            os.close(descriptor)
            if error.errno not in _BUSY:
                raise
        else:
            if _is_current(descriptor, path):
                return descriptor
            os.close(descriptor)
            continue
        if time.monotonic() > deadline:
            raise SessionError(
                f"Another program has been writing {target} for {timeout_s:g} s.",
                path=target,
                fix=Either((Advice("Wait until it has finished."), SaveAs())),
            )
        time.sleep(_POLL_S)


def _is_current(descriptor: int, path: Path) -> bool:
    """Return whether the locked file is still the one at `path`: the last holder removes it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _release(path: Path, descriptor: int) -> None:
    if sys.platform == "win32":
        os.close(descriptor)
        # Whoever has it open already keeps it: Windows refuses to remove it then.
        with contextlib.suppress(OSError):
            path.unlink()
    else:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
