"""Replacing a file at once, and the lock that keeps a second writer away.

At every moment either the complete old or the complete new file exists. Locks are those of the operating
system, which die with the process that holds them: a lock file that is left over means nothing.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hdmea.utils import drive
from hdmea.utils.exceptions import SessionError
from hdmea.utils.fixes import Advice, Either, SaveAs

__all__ = [
    "check_free_space",
    "copy_file",
    "describe_size",
    "exclusive",
    "lock_path",
    "refuse_irregular",
    "remove_leftovers",
    "replacing",
    "sync_file",
    "temporary_path",
]

logger = logging.getLogger(__name__)

_SUFFIX = ".hdmea-part"
_PART = re.compile(r"\.(?P<target>.+)\.[0-9a-f]{12}" + re.escape(_SUFFIX))
_COPY_NBYTES = 16 << 20
_LONGEST_NAME = 220
_REPLACE_TRIES = 20
_REPLACE_PAUSE_S = 0.1


def temporary_path(target: Path) -> Path:
    """Return a path beside `target` that cannot be guessed, where it is written before it is complete."""
    return target.with_name(f".{_short(target.name)}.{secrets.token_hex(6)}{_SUFFIX}")


def _short(name: str) -> str:
    """Return a name that leaves room for what we add to it; drives take 255 bytes."""
    if len(os.fsencode(name)) <= _LONGEST_NAME:
        return name
    return f"{name[:40]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"


@contextlib.contextmanager
def replacing(
    target: Path,
    *,
    before_replace: Callable[[], None] = lambda: None,
    verify: Callable[[Path], None] | None = None,
) -> Iterator[Path]:
    """Write to the path that this yields; when the block ends well it becomes `target`, synced to disk.

    Parameters
    ----------
    target
        The file to make or replace; not a link.
    before_replace
        Called when the new file is complete, just before it takes the old one's place.
    verify
        Called with the path of the new file while it is synced; what it raises leaves the old one in place.

    Raises
    ------
    SessionError
        If `target` is something other than a file: a device, a pipe, a folder or a link.
    OSError
        If the new file cannot be synced or put in place; the old one is untouched then.
    """
    refuse_irregular(target)
    part = temporary_path(target)
    try:
        yield part
        # Some drives do not have access rights.
        with contextlib.suppress(OSError):
            shutil.copymode(target, part)
        if verify is None:
            sync_file(part)
        else:
            with _syncing(part):
                verify(part)
        before_replace()
        refuse_irregular(target)
        _replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            drive.remove(part)
        raise
    _sync_folder(target.parent)


def refuse_irregular(target: Path) -> None:
    """Raise SessionError if there is something other than a file at `target`, which is not replaced."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise SessionError(
            f"{target} is a link; neither it nor what it leads to is replaced.",
            path=target,
            fix=Either((Advice(f"Name {os.path.realpath(target)} itself."), SaveAs())),
        )
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise SessionError(f"{target} is {what} and is not replaced.", path=target, fix=SaveAs())


@contextlib.contextmanager
def _syncing(path: Path) -> Iterator[None]:
    """Sync a file in a thread while the block looks at it."""
    errors: list[BaseException] = []

    def sync() -> None:
        try:
            sync_file(path)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=sync, name="syncs a file")
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if errors:
        raise errors[0]


def remove_leftovers(target: Path) -> list[Path]:
    """Remove what killed writers of `target` left behind; only its one writer may call this.

    Returns
    -------
    list of pathlib.Path
        What was removed.
    """
    removed = []
    for path in target.parent.glob(f".*{_SUFFIX}"):
        found = _PART.fullmatch(path.name)
        if found is None or found["target"] != _short(target.name):
            continue
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                drive.remove(path)
        except OSError as error:
            logger.warning("%s is left from an interrupted save and cannot be removed: %s", path, error)
        else:
            logger.info("Removed %s, left from an interrupted save", path)
            removed.append(path)
    return removed


def check_free_space(target: Path, nbytes: int) -> None:
    """Raise SessionError, which says how much is needed, if `nbytes` do not fit beside `target`."""
    most = _longest_file()
    if most is not None and nbytes > most:
        raise SessionError(
            f"Writing {target} needs {describe_size(nbytes)}, but a file may not be longer than "
            f"{describe_size(most)} (ulimit -f). Nothing was changed.",
            path=target,
            fix=Advice("Raise the limit on the size of files, and start the program again."),
        )
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        logger.warning("Cannot tell how much space is free in %s: %s", target.parent, error)
        return
    if nbytes > free:
        raise SessionError(
            f"Writing {target} needs {describe_size(nbytes)}, but only {describe_size(free)} are free in "
            f"{target.parent}. Nothing was changed.",
            path=target,
            fix=Advice(f"Free {describe_size(nbytes - free)}, or save to another drive."),
        )


def _longest_file() -> int | None:
    """Return how long a file of this process may become, None for as long as the drive lets it."""
    if sys.platform == "win32":
        return None
    soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def copy_file(
    source: Path,
    copy: Path,
    tick: Callable[[int], None] = lambda nbytes: None,
    *,
    before_copying: Callable[[int], None] = lambda nbytes: None,
) -> None:
    """Copy a file by sharing its blocks where the system can, otherwise by copying inside the system.

    Parameters
    ----------
    source, copy
        The file, and its copy on the same drive.
    tick
        Called with the number of bytes after each slice; may raise to stop.
    before_copying
        Called with the size of the file if its blocks cannot be shared and the copy needs that space.
    """
    with open(source, "rb") as original:
        twin = drive.create(copy)
        try:
            nbytes = os.fstat(original.fileno()).st_size
            if drive.clone(original.fileno(), twin):
                tick(nbytes)
                return
            before_copying(nbytes)
            done = 0
            while done < nbytes:
                count = drive.copy_range(original.fileno(), twin, min(_COPY_NBYTES, nbytes - done), done)
                if not count:
                    original.seek(done)
                    block = original.read(_COPY_NBYTES)
                    if not block:
                        break
                    drive.write(twin, memoryview(block), done)
                    count = len(block)
                done += count
                tick(count)
        finally:
            os.close(twin)


def sync_file(path: Path) -> None:
    """Wait until everything written to a file has reached the drive.

    Raises
    ------
    OSError
        If that fails.
    """
    with open(path, "r+b") as file:
        drive.sync(file.fileno())


def _sync_folder(folder: Path) -> None:
    try:
        drive.sync_folder(folder)
    except OSError as error:
        # The new file is in place, and synced itself; some network drives and folders cannot be.
        logger.debug("%s cannot be synced: %s", folder, error)


def _waits_for_readers() -> bool:
    """Return whether this system refuses to replace a file that someone has open."""
    return os.name == "nt"


def _replace(part: Path, target: Path) -> None:
    for attempt in range(_REPLACE_TRIES):
        try:
            drive.rename(part, target)
        except PermissionError as error:
            if not _waits_for_readers() or attempt == _REPLACE_TRIES - 1:
                raise SessionError(
                    f"{target} cannot be replaced ({error.strerror or error}): another program has it open, "
                    f"or the folder is write-protected. The old file is unchanged.",
                    path=target,
                    fix=Either(
                        (
                            Advice(
                                "Close the file in the other program (HDFView, MATLAB, a Python session) and "
                                "save again."
                            ),
                            SaveAs(),
                        )
                    ),
                ) from error
            time.sleep(_REPLACE_PAUSE_S)
        else:
            return


def describe_size(nbytes: int) -> str:
    """Return a number of bytes as text with a unit."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= factor:
            return f"{nbytes / factor:.1f} {unit}"
    return f"{nbytes} bytes"


_POLL_S = 0.02
_BUSY = frozenset((errno.EACCES, errno.EAGAIN, errno.EDEADLK))
# EBADF: a network drive locks only what may be written.
_UNSUPPORTED = frozenset(
    (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF)
)


@dataclass
class _Held:
    thread: int
    count: int


_mine: dict[str, _Held] = {}
_mine_guard = threading.Lock()


def lock_path(target: Path) -> Path:
    """Return the lock file of `target`, which is beside it while someone writes."""
    return target.with_name(f".{_short(target.name)}.lock")


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


def _open_lock(path: Path) -> int | None:
    """Open the lock file, which is made if needed; None if what exists cannot be one.

    A link is not followed, a pipe not waited for. That of another user may be only readable.
    """
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    while True:
        for access in (os.O_RDWR, os.O_RDONLY):
            try:
                descriptor = os.open(path, access | flags)
            except FileNotFoundError:
                break
            except OSError:
                continue
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
            return None
        else:
            return None
        with contextlib.suppress(FileExistsError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _acquire(path: Path, timeout_s: float, target: Path) -> int | None:
    deadline = time.monotonic() + timeout_s
    while True:
        descriptor = _open_lock(path)
        if descriptor is None:
            logger.warning(
                "%s cannot be used as a lock; do not write %s from two programs.", path, target.name
            )
            return None
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


def _release(path: Path, descriptor: int | None) -> None:
    if descriptor is None:
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(OSError))
        if sys.platform == "win32":
            # Whoever has it open already keeps it: Windows refuses to remove it then.
            os.close(descriptor)
        else:
            stack.callback(os.close, descriptor)
        path.unlink()


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl
    import resource

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
