"""Result files: written atomically, read exactly, now or on first use.

One layout for saved results, checkpoints and files of immediate mode; see the page on the file format.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path as FilePath

from hdmea.results.file_kind import FileKind, identify, open_result
from hdmea.results.lab_layout import read_lab_session
from hdmea.results.lab_plan import plan_lab_session
from hdmea.results.lazy import LazySource, detach_readers, reading
from hdmea.results.plan import GroupPlan
from hdmea.results.progress import Progress, Ticker
from hdmea.results.rebind import Binding
from hdmea.results.session_content import LAB_LAYOUT, FileSummary, Path, SessionContent
from hdmea.results.session_layout import plan_session
from hdmea.results.session_read import SessionReader
from hdmea.results.session_update import SessionUpdate
from hdmea.results.sizes import estimate_nbytes
from hdmea.results.summary import summarize
from hdmea.results.write import TreeWriter
from hdmea.utils import h5, locks
from hdmea.utils.atomic import check_free_space, describe_size, remove_leftovers, replacing
from hdmea.utils.exceptions import CheckpointError, HDMEAError, SessionError

__all__ = [
    "FileSummary",
    "Path",
    "SessionContent",
    "estimate_nbytes",
    "read_session",
    "reading",
    "summarize",
    "update_session",
    "write_session",
    "writing",
]

logger = logging.getLogger(__name__)

_OBJECT_NBYTES = 700
_SPARE_NBYTES = 4 << 20


def write_session(
    path: str | FilePath,
    content: SessionContent,
    *,
    overwrite: bool = True,
    compression: str | None = None,
    bind: bool = False,
    layout: str = "current",
    progress: Progress | None = None,
) -> FilePath:
    """Write a complete result file; the old one stays until the new one is complete and on the disk.

    Parameters
    ----------
    path
        The file; missing folders are made.
    content
        What to write. Arrays are not copied; unread ones go from file to file.
    overwrite
        Replace an existing file.
    compression
        None, ``"lzf"`` (fast; h5py only) or ``"gzip"`` (any reader), for arrays of 64 kB and more.
    bind
        Let the unread arrays of `content` be read from the new file from now on. They always are if they
        were read from the file that is replaced.
    layout
        ``"current"``, or ``"lab"`` for scripts that expect the layout of the lab's earlier files.
    progress
        Called with a fraction and a text between slices; may raise to stop, which changes nothing.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    ValidationError
        If a value cannot be stored; nothing is written.
    SessionError
        If the space does not suffice, another program is writing the file, or writing fails.
    """
    path = FilePath(path)
    target = _real(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    planning = Ticker(progress, 1, f"writing {path.name}")
    root = plan_lab_session(content) if layout == LAB_LAYOUT else plan_session(content, planning)
    needed = _needed(root)
    ticker = Ticker(progress, root.nbytes() + 500 * root.count(), f"writing {path.name}")
    with locks.exclusive(target):
        if not overwrite and target.exists():
            raise FileExistsError(f"{path} exists already. Allow overwriting, or choose another name.")
        remove_leftovers(target)
        check_free_space(target, needed)
        binding = Binding(content, target, everything=bind)
        with (
            _explained(path, needed, ticker),
            replacing(target, before_replace=lambda: detach_readers(target)) as part,
        ):
            with _created(part) as file, TreeWriter(ticker, compression) as writer:
                writer.fill(file, root)
            ticker.say(0.99)
        binding.moved_to(target, root)
    ticker.finish()
    return path


def read_session(
    path: str | FilePath, *, lazy: bool = False, progress: Progress | None = None
) -> SessionContent:
    """Read a result file, a checkpoint, or a file of the lab's earlier scripts.

    Parameters
    ----------
    path
        The file.
    lazy
        Read arrays on first use instead of now.
    progress
        Called with a fraction and a text; may raise to stop.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is no session file, damaged, or of a version that cannot be read.
    """
    path = FilePath(path)
    source = LazySource(path) if lazy and path.is_file() else None
    with open_result(path) as file:
        kind = identify(file, path)
        by_units = source is not None and kind.layout != LAB_LAYOUT
        total = _unit_count(file) if by_units else os.path.getsize(path)
        ticker = Ticker(progress, total, f"reading {path.name}")
        try:
            if kind.layout == LAB_LAYOUT:
                content = read_lab_session(file, path, source, ticker)
            else:
                content = SessionReader(source, ticker).content(file)
        except (OSError, RuntimeError, KeyError, TypeError, AttributeError, ValueError) as error:
            if error is ticker.stopped_by or isinstance(error, HDMEAError):
                raise
            raise CheckpointError(
                f"{path} is damaged and cannot be restored ({error}). "
                f"Load an earlier checkpoint, or run the steps again."
            ) from error
    content.read_only = kind.read_only
    content.layout = kind.layout
    ticker.finish()
    return content


def _unit_count(file: h5.FileID) -> int:
    # Of a damaged file the reader itself says what is wrong.
    with contextlib.suppress(OSError, RuntimeError, KeyError, ValueError):
        return len(h5.link_names(h5.open_group(file, "units")))
    return 0


def update_session(
    path: str | FilePath,
    content: SessionContent,
    changed: Collection[Path],
    *,
    progress: Progress | None = None,
) -> None:
    """Bring an existing file up to date: copy it, change the copy, sync, replace.

    Parameters
    ----------
    path
        A file of the current layout.
    content
        The session as it is now.
    changed
        Where it differs from the file, e.g. ``("units", "unit_001", "features", "frif")``. A path that is
        not in `content` is removed from the file.
    progress
        Called with a fraction and a text between slices; may raise to stop, which changes nothing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValidationError
        If a value cannot be stored; nothing is written.
    SessionError
        If the file must not be rewritten, the space does not suffice, or writing fails.
    """
    path = FilePath(path)
    target = _real(path)
    with locks.exclusive(target) if target.parent.is_dir() else contextlib.nullcontext():
        with open_result(target) as file:
            _refuse_read_only(path, identify(file, path))
        update = SessionUpdate(content, changed)
        remove_leftovers(target)
        needed = update.needed_nbytes() + _SPARE_NBYTES
        check_free_space(target, needed)
        ticker = Ticker(progress, update.work_nbytes(target), f"writing {path.name}")
        binding = Binding(content, target)
        with (
            _explained(path, needed, ticker),
            replacing(target, before_replace=lambda: detach_readers(target)) as part,
        ):
            update.apply(target, part, ticker)
            ticker.say(0.99)
        binding.updated(target, update.written)
    ticker.finish()


@contextlib.contextmanager
def writing(path: str | FilePath, *, timeout_s: float = 60.0) -> Iterator[None]:
    """Be the only writer of a file for longer than one call, e.g. while a step runs on it.

    Parameters
    ----------
    path
        The file; may be entered again by the same thread.
    timeout_s
        How long to wait for another writer.

    Raises
    ------
    SessionError
        If another writer does not finish in time.
    """
    target = _real(FilePath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    with locks.exclusive(target, timeout_s=timeout_s):
        yield


def _real(path: FilePath) -> FilePath:
    return FilePath(os.path.realpath(path))


def _needed(root: GroupPlan) -> int:
    return int(root.nbytes() * 1.01) + _OBJECT_NBYTES * root.count() + _SPARE_NBYTES


def _refuse_read_only(path: FilePath, kind: FileKind) -> None:
    if kind.layout == LAB_LAYOUT:
        raise SessionError(
            f"{path} has the layout of the lab's earlier scripts and is not changed. "
            f"Load it and save it under another name first."
        )
    if kind.read_only:
        raise SessionError(f"{path} was written by a newer version and is not changed. Update this program.")


@contextlib.contextmanager
def _created(part: FilePath) -> Iterator[h5.FileID]:
    file = h5.create_file(part)
    try:
        yield file
        h5.close_written(file, part)
    except BaseException:
        h5.abandon(file)
        raise


@contextlib.contextmanager
def _explained(path: FilePath, needed: int, ticker: Ticker) -> Iterator[None]:
    """Turn errors of the drive into ones that say what happened and what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if error is ticker.stopped_by or isinstance(error, HDMEAError):
            raise
        raise SessionError(
            f"Writing {path} failed: {error}. Session and existing file are unchanged. "
            f"The file needs {describe_size(needed)}: check free space and connection of the drive, "
            f"or save to another one."
        ) from error
