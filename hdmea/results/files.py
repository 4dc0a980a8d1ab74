"""Result files: written atomically, verified, read exactly, now or on first use.

Whatever the layout, a file is written beside its place, reopened and compared, synced, and takes the place
of the old one, which stays until then. One program at a time writes a file; which state of it a session holds
is decided by its revision.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import getpass
import logging
import os
import platform
import stat
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from hdmea.results import lab as _lab  # the layouts
from hdmea.results import parts as _columns
from hdmea.results.codec import Codec, codec, codec_of
from hdmea.results.content import SCHEMA_VERSION, TREES, FileSummary, Held, Keys, SessionContent
from hdmea.results.leaves import make_storable
from hdmea.results.nodes import Group
from hdmea.results.reading import Place, naming
from hdmea.results.unread import Source, Unread, detach_readers, reading, unread_entries
from hdmea.results.writing import Writer, opened_for_writing
from hdmea.utils import atomic as locks
from hdmea.utils import h5
from hdmea.utils.atomic import (
    check_free_space,
    copy_file,
    describe_size,
    refuse_irregular,
    remove_leftovers,
    replacing,
)
from hdmea.utils.exceptions import (
    CheckpointError,
    ConfigurationError,
    ExistingFileError,
    HDMEAError,
    MissingFileError,
    NoAccessError,
    SessionError,
    ValidationError,
)
from hdmea.utils.fixes import Advice, Either, Fix, Replace, SaveAs
from hdmea.utils.giving_way import without_collections
from hdmea.utils.notices import detail_of, fix_of, reason_of
from hdmea.utils.text_files import setting

__all__ = [
    "LAYOUTS",
    "FileSummary",
    "Held",
    "Overwrite",
    "SessionContent",
    "checked_layout",
    "default_layout",
    "read_session",
    "reading",
    "summarize",
    "update_session",
    "write_session",
    "writing",
]

logger = logging.getLogger(__name__)

Overwrite: TypeAlias = bool | Literal["other"]
"""Whether an existing file is replaced; ``"other"``: also one that another program wrote meanwhile."""

Progress: TypeAlias = Callable[[float, str], None]
"""Called with a fraction (0 to 1) and a text; may raise to stop."""

_REPORT_INTERVAL_S = 0.01
_OBJECT_NBYTES = 700
_CHOOSE = Advice("Choose a file that this program saved; if it was copied, copy it again.")
_SPARE_NBYTES = 4 << 20
_UNUSED = "%unused"
_MOST_UNUSED = 0.5
_DEFAULT = _columns.COLUMNS.name
LAYOUTS = (_DEFAULT, _lab.LAB.name, _lab.LAB_STEPS.name)
"""Names of the layouts that can be written."""


def write_session(
    path: str | Path,
    content: SessionContent,
    *,
    overwrite: Overwrite = True,
    held: Held | None = None,
    compression: str | None = None,
    bind: bool = False,
    layout: str = _DEFAULT,
    progress: Progress | None = None,
) -> Held:
    """Write a complete result file; the old one stays until the new one is complete and on the drive.

    Parameters
    ----------
    path
        The file; missing folders are made.
    content
        What to write. Arrays are not copied; unread ones go from file to file.
    overwrite
        Replace an existing file.
    held
        The file that the session holds, if it holds one.
    compression
        None, ``"lzf"`` (fast; h5py only) or ``"gzip"`` (any reader), for arrays of 64 kB and more.
    bind
        Let the unread arrays of `content` be read from the new file from now on. They always are if they
        were read from the file that is replaced.
    layout
        Name of a layout.
    progress
        Called with a fraction and a text between slices; may raise to stop, which changes nothing.

    Returns
    -------
    Held
        The file, in the state that it has now.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False, or another program wrote the file that is held.
    ValidationError
        If a value cannot be stored; nothing is written.
    SessionError
        If the space does not suffice, another program is writing the file, or writing fails.
    """
    path = Path(path)
    chosen = codec(layout)
    with _explained(path, 0, _Ticker(None, 1, "")):
        # Whoever saved meanwhile is named before unread values are missed in the file.
        _refuse_existing(path, _real(path), overwrite, held)
    content = _stamped(content, layout)
    _Ticker(progress, 1, f"writing {path.name}").say(0.0)
    with reading(_trees(content)):
        root = _planned(chosen, content)
        needed = _needed(root)
        ticker = _Ticker(progress, root.nbytes + 500 * root.count, f"writing {path.name}")
        with _explained(path, needed, ticker):
            target = _real(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with locks.exclusive(target):
                _refuse_existing(path, target, overwrite, held)
                remove_leftovers(target)
                check_free_space(target, needed)
                _write_whole(target, content, chosen, root, ticker, compression, bind)
    ticker.finish()
    return Held(path, content.revision, layout)


def update_session(
    path: str | Path,
    content: SessionContent,
    changed: Collection[Keys],
    *,
    held: Held | None = None,
    progress: Progress | None = None,
) -> Held:
    """Bring an existing file up to date: copy it, change the copy, verify, sync, replace.

    Parameters
    ----------
    path
        The file; it keeps its layout.
    content
        The session as it is now.
    changed
        Where it differs from the file, e.g. ``("units", "unit_001", "features", "frif")``. A path that is
        not in `content` is removed from the file.
    held
        The file that the session holds, if it holds one.
    progress
        Called with a fraction and a text between slices; may raise to stop, which changes nothing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileExistsError
        If another program wrote the file that is held.
    ValidationError
        If a value cannot be stored; nothing is written.
    SessionError
        If the file must not be rewritten, the space does not suffice, or writing fails.
    """
    path = Path(path)
    if not path.exists():
        raise _no_such_file(path)
    ticker = _Ticker(progress, os.path.getsize(path), f"writing {path.name}")
    with _explained(path, _SPARE_NBYTES, ticker):
        target = _real(path)
        with locks.exclusive(target):
            with opened(target) as file:
                chosen = codec_of(file, path)
                if reason := read_only_reason(path, file):
                    raise SessionError(reason, path=path, fix=SaveAs())
            _refuse_existing(path, target, True, held)
            content = _stamped(content, chosen.name, changed)
            remove_leftovers(target)
            check_free_space(target, _SPARE_NBYTES)
            with reading(_trees(content)):
                try:
                    _change(target, content, chosen, changed, ticker)
                except _NotByParts:
                    root = _planned(chosen, content)
                    check_free_space(target, _needed(root))
                    _write_whole(target, content, chosen, root, ticker)
    ticker.finish()
    return Held(path, content.revision, chosen.name)


def read_session(
    path: str | Path,
    *,
    lazy: bool = False,
    trains: tuple[dict[str, Any], dict[str, Any]] | None = None,
    progress: Progress | None = None,
) -> SessionContent:
    """Read a result file or a checkpoint of any layout.

    Parameters
    ----------
    path
        The file.
    lazy
        Read arrays on first use instead of now.
    trains
        For a file with changes only: units and stimulus of the session that it continues.
    progress
        Called with a fraction and a text; may raise to stop.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is not a result file, damaged, or of a version that cannot be read.
    """
    path = Path(path)
    with opened(path) as handle:
        ticker = _Ticker(progress, os.path.getsize(path), f"reading {path.name}")
        file = Place(handle.item, file_nbytes=handle.file_nbytes, tick=ticker)
        with naming(path, ticker, file):
            chosen = codec_of(file, path)
            source = Source(path, chosen.revision(file), chosen.revision) if lazy else None
            with without_collections():
                content = chosen.read(file, source, trains)
            newer = read_only_reason(path, file)
            if newer:
                logger.warning("%s It is opened read-only.", newer)
            content.read_only = newer or content.read_only
    ticker.finish()
    return content


def summarize(path: str | Path) -> FileSummary:
    """Return what a result file or checkpoint holds, without reading its data.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is not a result file.
    """
    path = Path(path)
    with opened(path) as file, naming(path, file.tick, file):
        return codec_of(file, path).summarize(file, path)


@contextlib.contextmanager
def writing(path: str | Path, *, timeout_s: float = 60.0) -> Iterator[None]:
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
    path = Path(path)
    with contextlib.ExitStack() as stack:
        with _explained(path, 0, _Ticker(None, 1, "")):
            target = _real(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locks.exclusive(target, timeout_s=timeout_s))
        yield


@contextlib.contextmanager
def opened(path: Path, *, own: bool = False) -> Iterator[Place]:
    """Open a file for reading.

    Parameters
    ----------
    path
        The file.
    own
        Whether this program has just written it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is not an HDF5 file, or was cut off.
    PermissionError
        If it may not be read.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise CheckpointError(f"{path} is {what}.", path=path, fix=Advice("Choose a result file (.h5)."))
        nbytes = os.path.getsize(path)
        file = h5.open_file(path, own=own)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_such_file(path) from error
    except PermissionError as error:
        raise NoAccessError(
            f"{path} may not be read with your account.",
            path=path,
            fix=Advice("Ask its owner for access, or for a copy."),
        ) from error
    except OSError as error:
        if error.errno is not None:
            said = f"{path} cannot be read: {reason_of(error)}."
            raise CheckpointError(said, path=path, fix=fix_of(error)) from error
        raise _not_opened(path, error) from error
    except (ValueError, RuntimeError) as error:
        if isinstance(error, HDMEAError):
            raise
        said = f"{str(path)!r} cannot be opened{detail_of(error)}."
        raise CheckpointError(said, path=path, fix=_CHOOSE) from error
    try:
        with naming(path):
            yield Place(file, file_nbytes=nbytes)
    finally:
        file.close()


def read_only_reason(path: Path, file: Place) -> str:
    """Return why a file must not be rewritten; empty if it may be."""
    version = file.attr("schema_version") if file.has_attr("schema_version") else SCHEMA_VERSION
    if np.asarray(version).dtype.kind in "iu" and (np.asarray(version) > SCHEMA_VERSION).any():
        return f"{path} was written by a newer version of this program and is not changed by this one."
    return ""


def default_layout() -> str:
    """Return the layout of new files of sessions.

    The environment variable ``HDMEA_LAYOUT``, else ``layout`` in the settings file, else ``columns``.

    Raises
    ------
    ConfigurationError
        If the variable names no layout.
    """
    asked = os.environ.get("HDMEA_LAYOUT", "").strip()
    if asked:
        return checked_layout(asked, "The environment variable HDMEA_LAYOUT")
    chosen = setting("layout")
    if chosen and chosen not in LAYOUTS:
        logger.warning("The layout %r in the settings is not known; %s is used.", chosen, _DEFAULT)
    return chosen if chosen in LAYOUTS else _DEFAULT


def checked_layout(layout: str, what: str = "The layout") -> str:
    """Return the name of a layout; ConfigurationError if there is none of that name."""
    if layout not in LAYOUTS:
        raise ConfigurationError(
            f"{what} cannot be {layout!r}.",
            parameter="layout",
            fix=Advice(f"Choose one of {', '.join(LAYOUTS)}."),
        )
    return layout


# -- writing -----------------------------------------------------------------------------------------------


class _NotByParts(Exception):
    """The file has to be written as a whole."""


def _stamped(content: SessionContent, layout: str, changed: Collection[Keys] | None = None) -> SessionContent:
    """Return the content with a new revision, and who writes it; all it writes is storable then."""
    for tree in _trees(content) if changed is None else _holding(content, changed):
        make_storable(tree)
    return dataclasses.replace(content, layout=layout, revision=str(uuid.uuid4()), saved_by=_who())


def _who() -> str:
    try:
        return f"{getpass.getuser()} on {platform.node()}"
    except (OSError, KeyError, ImportError):
        return platform.node()


def _planned(chosen: Codec, content: SessionContent) -> Group:
    try:
        with without_collections():
            return chosen.plan(content)
    except RecursionError as error:
        raise ValidationError(
            "The session contains itself, or is nested too deeply to be stored.",
            fix=Advice("Remove what was added last."),
        ) from error


def _needed(root: Group) -> int:
    return int(root.nbytes * 1.01) + _OBJECT_NBYTES * root.count + _SPARE_NBYTES


def _write_whole(
    target: Path,
    content: SessionContent,
    chosen: Codec,
    root: Group,
    ticker: _Ticker,
    compression: str | None = None,
    bind: bool = False,
) -> None:
    binding = _Binding(content, target, everything=bind)
    with _replacing(target, binding, chosen, content) as (part, keep):
        with opened_for_writing(part, ticker, compression) as writer:
            writer.fill(writer.file, root)
            chosen.finish(writer, content, root)
            writer.n_planned = root.count - 1
            keep(writer)
            # It is not needed any more, and takes memory while the file is verified.
            root.children.clear()
    binding.commit(target)


def _change(
    target: Path,
    content: SessionContent,
    chosen: Codec,
    changed: Collection[Keys],
    ticker: _Ticker,
) -> None:
    binding = _Binding(content, target, everything=False)
    with _replacing(target, binding, chosen, content) as (part, keep):
        copy_file(target, part, ticker, before_copying=lambda nbytes: check_free_space(target, nbytes))
        with opened_for_writing(part, ticker, existing=True) as writer:
            writer.origin = target
            marks = _marks(writer, chosen)
            before = marks.attr(_UNUSED) if marks is not None and marks.has_attr(_UNUSED) else 0
            if not chosen.update(writer, content, changed):
                raise _NotByParts
            unused = int(np.asarray(before)) + writer.unused
            if unused > max(_SPARE_NBYTES, writer.file_nbytes * _MOST_UNUSED):
                raise _NotByParts
            chosen.finish(writer, content, None)
            if (marks := _marks(writer, chosen)) is not None:
                writer.write_attrs(marks.item, {_UNUSED: unused})
            keep(writer)
    binding.commit(target)


def _marks(writer: Writer, chosen: Codec) -> Place | None:
    """Return the group of an open file that has attributes of ours, None if there is none."""
    place = Place(writer.file, file_nbytes=writer.file_nbytes)
    for name in filter(None, chosen.marks.split("/")):
        if not place.is_group or not place.has(name):
            return None
        place = place.child(name)
    return place


@contextlib.contextmanager
def _replacing(
    target: Path, binding: _Binding, chosen: Codec, content: SessionContent
) -> Iterator[tuple[Path, Callable[[Writer], None]]]:
    """Yield a path to write to and what is to be told of the writer; verify, sync and replace."""
    writers: list[Writer] = []

    def verify(part: Path) -> None:
        with opened(part, own=True) as file:
            writers[0].verify(file, part)
            if chosen.stamp is not None:
                chosen.stamp(part, content)
            binding.prepare(file, part, chosen, content, writers[0])

    with replacing(target, before_replace=lambda: detach_readers(target), verify=verify) as part:
        yield part, writers.append


def _refuse_existing(path: Path, target: Path, overwrite: Overwrite, held: Held | None) -> None:
    """Raise FileExistsError if a file must not be replaced; the caller is its only writer."""
    is_own = held is not None and _real(held.path) == target
    if not is_own or overwrite == "other":
        # Whoever opened a file through a link may save it as long as it is the same file; else the link may
        # lead anywhere.
        refuse_irregular(path)
    refuse_irregular(target)
    if not target.exists():
        return
    if not overwrite:
        raise ExistingFileError(f"{path} already exists.", path=path, fix=Either((Replace(), SaveAs())))
    if overwrite == "other" or held is None or not is_own:
        return
    try:
        with opened(target) as file:
            found = codec_of(file, path)
            revision = found.revision(file)
            summary = found.summarize(file, path)
    except (HDMEAError, OSError) as error:
        raise ExistingFileError(
            f"{path} was replaced by another file after this session was loaded or saved ({error}). "
            f"It was not changed.",
            path=path,
            fix=Either((SaveAs(), Replace(value="other"))),
        ) from error
    if revision != held.revision:
        who = f" by {summary.saved_by}" if summary.saved_by else ""
        raise ExistingFileError(
            f"{path} was written{who} at {summary.updated_at} (UTC), after this session was loaded or saved. "
            f"It was not changed.",
            path=path,
            fix=Either((SaveAs(), Advice("Load it again."), Replace(value="other"))),
        )


def _trees(content: SessionContent) -> list[dict[str, Any]]:
    return [*(getattr(content, name) for name in TREES), content.extra]


def _holding(content: SessionContent, changed: Collection[Keys]) -> list[dict[str, Any]]:
    """Return the innermost dictionaries that have what is at the places `changed`."""
    found: dict[int, dict[str, Any]] = {id(content.extra): content.extra}
    for root, *names in changed:
        node = getattr(content, root)
        for name in names:
            below = dict.get(node, name)
            if not isinstance(below, dict):
                break
            node = below
        found[id(node)] = node
    return list(found.values())


class _Binding:
    """The unread values of a session, which have to be readable when their file has been replaced.

    Parameters
    ----------
    content
        The session.
    target
        The file that is about to be replaced.
    everything
        Also those that are read from other files.
    """

    def __init__(self, content: SessionContent, target: Path, *, everything: bool) -> None:
        self._trees = {**{name: getattr(content, name) for name in TREES}, "extra": content.extra}
        self._target = target
        self._everything = everything
        self._entries: list[tuple[Keys, dict[Any, Any], Unread]] = []
        self._source: Source | None = None
        self._kept: list[Unread] = []
        self._adopted: list[tuple[Unread, Unread]] = []
        self._replaced: list[tuple[Keys, dict[Any, Any], Unread, Any]] = []
        self._content = content

    def prepare(
        self, file: Place, part: Path, chosen: Codec, content: SessionContent, writer: Writer
    ) -> None:
        """Find where each value is in the new file, before it takes the place of the old one."""
        # Not before: writing may have read a dictionary, whose values are unread now.
        entries = list(unread_entries(self._trees))
        sources = {entry.source for *_, entry in entries}
        concerned = {source for source in sources if self._everything or source.is_at(self._target)}
        self._entries = [entry for entry in entries if entry[2].source in concerned]
        if not self._entries:
            return
        self._source = Source(part, content.revision, chosen.revision)
        if writer.origin is not None:
            # What was not touched is where it was.
            is_touched = _touching(writer.touched)
            self._kept = [entry for *_, entry in self._entries if not is_touched(entry.place)]
            self._entries = [found for found in self._entries if is_touched(found[2].place)]
            if not self._entries:
                return
        fresh = chosen.read(Place(file.item, file_nbytes=file.file_nbytes), self._source, None)
        with self._source.open_for_reading():
            self._find(fresh)

    def _find(self, fresh: SessionContent) -> None:
        waiting = list(self._entries)
        while waiting:
            place, holder, entry = waiting.pop()
            # Dictionaries on the way are read once, and kept until all that is in them was found.
            holding: Any = getattr(fresh, place[0])
            for name in place[1:-1]:
                holding = holding.get(name) if isinstance(holding, dict) else None
            found = dict.get(holding, place[-1], self) if isinstance(holding, dict) else self
            if type(found) is type(entry):
                self._adopted.append((entry, found))
                continue
            if entry.loaded is not None or found is self:
                # What is in use stays what it is; what is unread in it is to be found in its turn.
                found = entry.read()
                inside = unread_entries(found) if isinstance(found, dict) else ()
                waiting += [((*place, *names), below, unread) for names, below, unread in inside]
            self._replaced.append((place, holder, entry, found))

    def commit(self, target: Path) -> None:
        """Let the values be read from the new file, which is at `target` now; nothing here can fail."""
        if self._source is not None:
            self._source.moved_to(target)
            for entry in self._kept:
                entry.follow(self._source)
        for entry, found in sorted(self._adopted, key=lambda pair: pair[0].refers):
            entry.adopt(found)
        for place, holder, entry, value in self._replaced:
            if dict.get(holder, place[-1]) is entry:
                dict.__setitem__(holder, place[-1], value)
                self._content.replaced.append(place)


def _touching(paths: Collection[str]) -> Callable[[str], bool]:
    """Return what says of a path whether one of `paths` is it, above it, or below it."""
    above: set[str] = set()
    for path in paths:
        while path := path.rpartition("/")[0]:
            above.add(path)

    @functools.cache
    def is_touched(path: str) -> bool:
        return path in paths or path in above or (bool(path) and is_below(path.rpartition("/")[0]))

    @functools.cache
    def is_below(path: str) -> bool:
        return path in paths or (bool(path) and is_below(path.rpartition("/")[0]))

    return is_touched


@contextlib.contextmanager
def _explained(path: Path, needed: int, ticker: _Ticker) -> Iterator[None]:
    """Turn errors of the drive into ones that say what happened and what to do."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        if error is ticker.stopped_by or isinstance(error, HDMEAError):
            raise
        needs = f" The file needs {describe_size(needed)}." if needed else ""
        why = detail_of(error) if isinstance(error, OSError | RuntimeError) else f" ({error})"
        raise SessionError(
            f"Writing {path} failed{why}. The session and the existing file are unchanged.{needs}",
            path=path,
            fix=_fix(error),
        ) from error


def _fix(error: Exception) -> Fix:
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return fix_of(error)
    return Advice("Check free space and connection of the drive, or save to another drive.")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _no_such_file(path: Path) -> MissingFileError:
    return MissingFileError(
        f"There is no file {path}.", path=path, fix=Advice("Check name and folder, and connect its drive.")
    )


def _not_opened(path: Path, error: OSError) -> CheckpointError:
    said = {
        "empty": "is empty (0 bytes)",
        "foreign": "is not a result file: its contents are not HDF5",
        "truncated": "is incomplete: it is shorter than its header states",
        "damaged": f"is not a result file, or is damaged{detail_of(error)}",
    }[h5.why_not_opened(path, error)]
    return CheckpointError(f"{path} {said}.", path=path, fix=_CHOOSE)


class _Ticker:
    """Counts bytes and calls `progress` about a hundred times per second.

    Parameters
    ----------
    progress
        Whom to tell; None for nobody.
    total
        Expected number of bytes.
    text
        What is being done.

    Attributes
    ----------
    stopped_by : BaseException or None
        What `progress` raised.
    """

    def __init__(self, progress: Progress | None, total: int, text: str) -> None:
        self._progress = progress
        self._total = max(1, total)
        self._text = text
        self._done = 0
        self._last = 0.0
        self.stopped_by: BaseException | None = None

    def __call__(self, nbytes: int) -> None:
        """Count `nbytes` more, and call `progress` if it is time to."""
        if self._progress is None:
            return
        self._done += nbytes
        now = time.monotonic()
        if now - self._last < _REPORT_INTERVAL_S:
            return
        self._last = now
        self.say(min(0.99, self._done / self._total))

    def finish(self) -> None:
        """Say that everything is done; it is too late to stop, so what `progress` raises is only logged."""
        if self._progress is None:
            return
        try:
            self._progress(1.0, self._text)
        except Exception as error:  # noqa: BLE001 - the file is in place, and the session has to know
            logger.debug("Nobody heard that %s has ended: %s", self._text, error)

    def say(self, fraction: float) -> None:
        """Call `progress` now."""
        if self._progress is None:
            return
        try:
            self._progress(fraction, self._text)
        except BaseException as error:
            self.stopped_by = error
            raise
