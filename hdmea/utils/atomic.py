"""Replacing a file so that at every moment either the complete old or the complete new one is there."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hdmea.utils.exceptions import SessionError
from hdmea.utils.fixes import Advice, Either, SaveAs

__all__ = ["check_free_space", "copy_file", "describe_size", "remove_leftovers", "replacing", "sync_file"]

logger = logging.getLogger(__name__)

_SUFFIX = ".hdmea-part"
_PART = re.compile(r"\.(?P<target>.+)\.[0-9a-f]{12}" + re.escape(_SUFFIX))
_COPY_NBYTES = 16 << 20
_REPLACE_TRIES = 20
_REPLACE_PAUSE_S = 0.1
_FICLONE = 0x40049409
_NO_CLONE = frozenset(
    (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EBADF)
)


@contextlib.contextmanager
def replacing(target: Path, *, before_replace: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """Write to the path that this yields; when the block ends well it becomes `target`, synced to disk.

    Parameters
    ----------
    target
        The file to make or replace; not a link.
    before_replace
        Called when the new file is complete, just before it takes the old one's place.

    Raises
    ------
    OSError
        If the new file cannot be synced or put in place; the old one is untouched then.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}{_SUFFIX}")
    try:
        yield part
        if target.exists():
            shutil.copymode(target, part)
        sync_file(part)
        before_replace()
        _replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    _sync_folder(target.parent)


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
        if found is None or found["target"] != target.name:
            continue
        try:
            path.unlink()
        except OSError as error:
            logger.warning("%s is left from an interrupted save and cannot be removed: %s", path, error)
        else:
            logger.info("Removed %s, left from an interrupted save", path)
            removed.append(path)
    return removed


def check_free_space(target: Path, nbytes: int) -> None:
    """Raise SessionError, which says how much is needed, if `nbytes` do not fit beside `target`."""
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


def copy_file(
    source: Path,
    copy: Path,
    tick: Callable[[int], None] = lambda nbytes: None,
    *,
    before_copying: Callable[[int], None] = lambda nbytes: None,
) -> None:
    """Copy a file by sharing its blocks where the system can, else by copying inside the system.

    Parameters
    ----------
    source, copy
        The file, and its copy on the same drive.
    tick
        Called with the number of bytes after each slice; may raise to stop.
    before_copying
        Called with the size of the file if its blocks cannot be shared and the copy needs that space.
    """
    with open(source, "rb") as original, open(copy, "xb") as twin:
        nbytes = os.fstat(original.fileno()).st_size
        if _clone(original.fileno(), twin.fileno()):
            tick(nbytes)
            return
        before_copying(nbytes)
        done = _copy_in_kernel(original.fileno(), twin.fileno(), nbytes, tick)
        original.seek(done)
        twin.seek(done)
        while block := original.read(_COPY_NBYTES):
            twin.write(block)
            tick(len(block))


def _clone(source: int, copy: int) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(copy, _FICLONE, source)
    except OSError as error:
        if error.errno not in _NO_CLONE:
            raise
        return False
    return True


def _copy_in_kernel(source: int, copy: int, nbytes: int, tick: Callable[[int], None]) -> int:
    done = 0
    if not hasattr(os, "copy_file_range"):
        return done
    while done < nbytes:
        try:
            count = os.copy_file_range(source, copy, min(_COPY_NBYTES, nbytes - done), done, done)
        except OSError as error:
            if error.errno not in _NO_CLONE:
                raise
            return done
        if count == 0:
            return done
        done += count
        tick(count)
    return done


def sync_file(path: Path) -> None:
    """Wait until everything written to a file has reached the drive.

    Raises
    ------
    OSError
        If that fails.
    """
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network drives cannot sync a folder; the file itself is synced.
        logger.debug("%s cannot be synced: %s", folder, error)
    finally:
        os.close(descriptor)


def _waits_for_readers() -> bool:
    """Return whether this system refuses to replace a file that someone has open."""
    return os.name == "nt"


def _replace(part: Path, target: Path) -> None:
    for attempt in range(_REPLACE_TRIES):
        try:
            os.replace(part, target)
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
