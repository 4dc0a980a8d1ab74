"""Automatic checkpoints: written after each step, removed after a save or a clean close.

Each running program has one, of the session as it was after its last step: a complete file, and after it one
small file per step with what that step changed. Beside them is a note that says which files belong
together and whose they are; a checkpoint whose program is gone was left by a crash, and is offered. Files are
complete before the note names them, so a kill at any moment leaves the checkpoint before.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from hdmea.utils.notices import said
from hdmea.utils.whole_file import write_whole
from hdmea_gui.engine.blocked import refuse_if_blocked
from hdmea_gui.engine.jobs import JobContext
from hdmea_gui.engine.snapshot import OpenResult, Refused
from hdmea_gui.engine.words import WINDOW
from hdmea_gui.text.formats import size_text

if TYPE_CHECKING:
    from hdmea.pipeline.increments import Baseline, Changes
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

from hdmea.utils.exceptions import HDMEAError
from hdmea.utils.text_files import read_json

__all__ = ["DiscardJob", "Keeper", "Kept", "NotKept", "RecoverJob", "RecoveryOffer", "RecoveryQuery"]

logger = logging.getLogger(__name__)

_PREFIX = "automatic-"
_LONGEST_WRITE_S = 3600.0
_TAKEN = "another window has already recovered or discarded this checkpoint"


@dataclass(frozen=True)
class RecoveryOffer:
    """A checkpoint of a program that ended without closing its session.

    Attributes
    ----------
    file
        Its name in the folder of automatic checkpoints; the whole path of results that were kept elsewhere
        because they could not be saved where they were asked for.
    dataset_id, steps, n_units
        What is in it.
    size_bytes, written_at
        Size of the file, and when it was written (seconds since the epoch).
    host, pid, process_started
        The program that wrote it.
    increments
        Names of the files with what changed after `file` was written, in their order.
    """

    file: str
    dataset_id: str
    steps: tuple[str, ...]
    n_units: int
    size_bytes: int
    written_at: float
    host: str
    pid: int
    process_started: float
    increments: tuple[str, ...] = ()

    @property
    def is_rescued(self) -> bool:
        """Whether these are results that could not be saved, not an automatic checkpoint."""
        return Path(self.file).is_absolute()

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the checkpoint."""
        return (self.file, *self.increments)


@dataclass(frozen=True)
class Kept:
    """Milestone: an automatic checkpoint of this revision of the data was written."""

    revision: int
    clock: str


@dataclass(frozen=True)
class NotKept:
    """Milestone: no automatic checkpoint was written, with the reason."""

    reason: str
    too_large: bool = False


class Keeper:
    """Writes and removes the automatic checkpoint of this program; used on the worker thread.

    Parameters
    ----------
    folder
        Folder of the checkpoints; made when the first is written.
    share
        Fraction of the free space of the disk that all checkpoints may use.
    enabled
        Whether checkpoints are written.

    All three can be changed at any time and apply to the next checkpoint.
    """

    def __init__(self, folder: Path, share: float = 0.2, enabled: bool = True) -> None:
        self.folder = folder
        self.enabled = enabled
        self.share = share
        self._own: RecoveryOffer | None = None
        self._own_folder = folder
        self._baseline: Baseline | None = None
        self._complete_nbytes = 0
        self._revision: int | None = None

    # -- this program ----------------------------------------------------------------------------------

    def check(self) -> NotKept | None:
        """Return why no checkpoint could be written at all, before anything is computed."""
        from hdmea.pipeline.destination import check_target

        if not self.enabled:
            return None
        try:
            check_target(self.folder / f"{_PREFIX}{os.getpid()}-{time.time_ns()}.h5")
        except HDMEAError as error:
            return NotKept(error.message.rstrip("."))
        return None

    def has(self, revision: int) -> bool:
        """Return whether the checkpoint holds this revision of the data."""
        return self._own is not None and self._revision == revision and _is_whole(self._own, self._own_folder)

    def keep(self, session: PipelineSession, revision: int, ctx: JobContext) -> Kept | NotKept | None:
        """Write the checkpoint of a session in place of the one before; None if that is turned off.

        A checkpoint that cannot be written stops nothing: the answer gives the reason.
        """
        from hdmea.pipeline.increments import Baseline

        if not self.enabled:
            return None
        try:
            refuse_if_blocked()
            folder = self.folder
            folder.mkdir(parents=True, exist_ok=True)
            changes = self._worth_adding(session, folder)
            needed, budget = _size_of(session) if changes is None else changes.nbytes(), self._budget()
            present = 0 if changes is None or self._own is None else self._own.size_bytes
            if present + needed > budget:
                have = f"automatic checkpoints may use {size_text(budget)} of {folder}"
                return NotKept(f"it would need {size_text(present + needed)}, and {have}", too_large=True)
            self._make_room(budget - present - needed)
            self._write(session, changes, ctx, folder)
            self._baseline = Baseline(session)
            self._revision = revision
        except (HDMEAError, OSError, MemoryError, psutil.Error) as error:
            logger.warning("No automatic checkpoint was written for this step: %s", error)
            return NotKept(said(error, WINDOW))
        return Kept(revision, time.strftime("%H:%M"))

    def _worth_adding(self, session: PipelineSession, folder: Path) -> Changes | None:
        """Return what changed since the last checkpoint; None if a complete file is to be written."""
        own = self._own
        if own is None or self._baseline is None or own.dataset_id != session.dataset_id:
            return None
        if folder != self._own_folder or not _is_whole(own, folder):
            return None
        changes = self._baseline.changes(session)
        added = own.size_bytes - self._complete_nbytes
        # The increments never take more than the complete file: space and reading stay within twice of it.
        return changes if added + changes.nbytes() <= self._complete_nbytes else None

    def _write(
        self, session: PipelineSession, changes: Changes | None, ctx: JobContext, folder: Path
    ) -> None:
        from hdmea.pipeline.increments import write_increment

        before = self._own

        def report(fraction: float, _text: str) -> None:
            ctx.progress_or_stop(fraction, "automatic checkpoint")

        name = f"{_PREFIX}{os.getpid()}-{time.time_ns()}.h5"
        if changes is None or before is None:
            session.checkpoint(folder / name, checkpoint_name="automatic", progress=report)
            names: tuple[str, ...] = (name,)
        else:
            write_increment(folder / name, session, changes, report)
            names = (*before.files, name)
        noted = False
        try:
            offer = _offer(session, folder, names)
            with ctx.commit():
                _write_note(offer, folder)
                noted = True
                if len(names) == 1:
                    self.forget()
                    self._complete_nbytes = offer.size_bytes
                self._own, self._own_folder = offer, folder
        finally:
            if not noted:
                (folder / name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove the checkpoint of this program: its session was saved or discarded."""
        own, self._own = self._own, None
        self._baseline = None
        if own is not None:
            try:
                _remove(own, self._own_folder)
            except OSError as error:
                logger.warning("An automatic checkpoint could not be deleted: %s", error)

    # -- programs that are gone ------------------------------------------------------------------------

    def left_behind(self) -> list[RecoveryOffer]:
        """Return the checkpoints of programs that ended without closing, the newest first."""
        found = [_read_note(path) for path in self.folder.glob(f"{_PREFIX}*.json")]
        offers = [
            offer
            for offer in found
            if offer is not None and _is_whole(offer, self.folder) and _is_gone(offer)
        ]
        return sorted(offers, key=lambda offer: -offer.written_at)

    def rescued(self) -> list[RecoveryOffer]:
        """Return results that could not be saved at the requested location, the newest first."""
        from hdmea.pipeline.destination import rescued_files

        offers = [offer for path in rescued_files() if (offer := _rescued(path)) is not None]
        return sorted(offers, key=lambda offer: -offer.written_at)

    def is_left(self, offer: RecoveryOffer) -> bool:
        """Return whether a checkpoint is still there as it was offered: another window may have taken it."""
        if offer.is_rescued:
            return Path(offer.file).is_file()
        note = _note_of(self.folder / offer.file)
        return note.is_file() and _read_note(note) == offer and _is_gone(offer)

    def sweep(self) -> None:
        """Remove incomplete files of programs that were killed while writing."""
        notes = [_read_note(path) for path in self.folder.glob(f"{_PREFIX}*.json")]
        noted = {name for offer in notes if offer is not None for name in offer.files}
        for path in [*self.folder.glob(f"{_PREFIX}*.h5"), *self.folder.glob(f".{_PREFIX}*")]:
            pid = path.name.lstrip(".").removeprefix(_PREFIX).partition("-")[0]
            old = time.time() - path.stat().st_mtime > _LONGEST_WRITE_S
            if path.name not in noted and old and pid.isdigit() and not psutil.pid_exists(int(pid)):
                path.unlink(missing_ok=True)

    def take_over(self, offer: RecoveryOffer) -> None:
        """Make the checkpoint of an ended program that of this program, because its session is open again."""
        process = psutil.Process()
        mine = replace(offer, pid=process.pid, process_started=process.create_time())
        self.forget()
        _write_note(mine, self.folder)
        self._own, self._own_folder = mine, self.folder

    def discard(self, offer: RecoveryOffer) -> None:
        """Remove the checkpoint of an ended program."""
        _remove(offer, self.folder)

    def _budget(self) -> int:
        taken = sum(path.stat().st_size for path in self.folder.glob(f"{_PREFIX}*.h5"))
        return int(self.share * (shutil.disk_usage(self.folder).free + taken))

    def _make_room(self, allowed: int) -> None:
        """Remove checkpoints of ended programs, the oldest first, until the others fit."""
        left = self.left_behind()
        total = sum(offer.size_bytes for offer in left)
        while left and total > allowed:
            oldest = left.pop()
            total -= oldest.size_bytes
            logger.warning("The old automatic checkpoint of %s was deleted to free space.", oldest.dataset_id)
            self.discard(oldest)


def _size_of(session: PipelineSession) -> int:
    from hdmea.results.sizes import estimate_nbytes

    trees = [session.units, session.metadata, session.stimulus]
    return int(estimate_nbytes(trees, include_unread=True))


def _offer(session: PipelineSession, folder: Path, names: tuple[str, ...]) -> RecoveryOffer:
    """Describe the checkpoint of a session in these files of this program."""
    process = psutil.Process()
    return RecoveryOffer(
        file=names[0],
        dataset_id=session.dataset_id,
        steps=tuple(session.completed_steps),
        n_units=session.unit_count,
        size_bytes=sum((folder / each).stat().st_size for each in names),
        written_at=time.time(),
        host=platform.node(),
        pid=process.pid,
        process_started=process.create_time(),
        increments=names[1:],
    )


def _rescued(path: Path) -> RecoveryOffer | None:
    from hdmea.results import files

    try:
        found = files.summarize(path)
        written_at = path.stat().st_mtime
    except (HDMEAError, OSError) as error:
        logger.warning("%s was kept from a run, and cannot be read: %s", path, error)
        return None
    steps, host = tuple(found.completed_steps), platform.node()
    return RecoveryOffer(
        str(path), found.dataset_id, steps, found.n_units, found.size, written_at, host, 0, 0.0
    )


def _is_whole(offer: RecoveryOffer, folder: Path) -> bool:
    return all((folder / name).is_file() for name in offer.files)


def _remove(offer: RecoveryOffer, folder: Path) -> None:
    """Remove a checkpoint, its note first, so that a removed checkpoint is never offered."""
    _note_of(folder / offer.file).unlink(missing_ok=True)
    for name in offer.files:
        (folder / name).unlink(missing_ok=True)


def _write_note(offer: RecoveryOffer, folder: Path) -> None:
    write_whole(_note_of(folder / offer.file), json.dumps(asdict(offer)), synced=True)


def _note_of(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_note(path: Path) -> RecoveryOffer | None:
    try:
        found = read_json(path)
        lists = {"steps": tuple(found["steps"]), "increments": tuple(found.get("increments", ()))}
        numbers = {name: float(found[name]) for name in ("written_at", "process_started")}
        counts = {name: int(found[name]) for name in ("pid", "n_units", "size_bytes")}
        offer = RecoveryOffer(**{**found, **lists, **numbers, **counts})
        if any(name != Path(name).name or not name.startswith(_PREFIX) for name in offer.files):
            raise ValueError("it refers to files in another folder")
        return offer
    except (HDMEAError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        logger.warning("%s does not describe an automatic checkpoint: %s", path, error)
        return None


def _is_gone(offer: RecoveryOffer) -> bool:
    """Return whether the program that wrote a checkpoint has ended; unknown on another computer."""
    if offer.host != platform.node():
        return False
    try:
        return abs(psutil.Process(offer.pid).create_time() - offer.process_started) > 1.0
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@dataclass(frozen=True)
class RecoveryQuery:
    """Find what can be recovered."""

    def answer(self, workspace: Workspace) -> tuple[RecoveryOffer, ...]:
        """Return the checkpoints of ended programs and the results that were kept, the newest first."""
        if workspace.keeper is None:
            return ()
        workspace.keeper.sweep()
        left = [*workspace.keeper.left_behind(), *workspace.keeper.rescued()]
        return tuple(sorted(left, key=lambda offer: -offer.written_at))


@dataclass(frozen=True)
class RecoverJob:
    """Open the checkpoint of an ended program; it is kept until the session is saved."""

    offer: RecoveryOffer

    @property
    def title(self) -> str:
        """Title shown to the user."""
        return f"Recovering {self.offer.dataset_id}"

    def run(self, workspace: Workspace, ctx: JobContext) -> OpenResult:
        """Return the session, which is not saved; or why it could not be read."""
        from hdmea.pipeline.increments import load_increments
        from hdmea.pipeline.session import PipelineSession

        assert workspace.keeper is not None
        path = workspace.keeper.folder / self.offer.file
        if not workspace.keeper.is_left(self.offer):
            return OpenResult(None, refused=(Refused(path, _TAKEN),))
        try:
            # Read whole: the next checkpoint takes the place of this file.
            session = PipelineSession.load(path, progress=ctx.progress_or_stop)
            increments = [workspace.keeper.folder / name for name in self.offer.increments]
            load_increments(session, increments, ctx.progress_or_stop)
        except (HDMEAError, OSError) as error:
            return OpenResult(None, refused=(Refused(path, said(error, WINDOW)),))
        session.checkpoint_name = None
        session.touch()
        names = ("cmcr_path", "cmtr_path")
        sources = tuple(Path(session.source_files[name]) for name in names if session.source_files.get(name))
        # As they were when they were loaded: where they are now need not answer.
        nbytes = sum(session.source_files.get(name, 0) for name in ("cmcr_size", "cmtr_size"))
        with ctx.commit():
            workspace.adopt(session, sources, source_bytes=nbytes)
            if not self.offer.is_rescued:
                workspace.keeper.take_over(self.offer)
        if self.offer.is_rescued and isinstance(workspace.keep_checkpoint(ctx), Kept):
            # It is in an automatic checkpoint now; until then it stays.
            workspace.keeper.discard(self.offer)
        return OpenResult(workspace.state(), notes=("The session was recovered. It has not been saved yet.",))


@dataclass(frozen=True)
class DiscardJob:
    """Remove the checkpoint of an ended program."""

    offer: RecoveryOffer

    @property
    def title(self) -> str:
        """Title shown to the user."""
        return f"Discarding the automatic checkpoint of {self.offer.dataset_id}"

    def run(self, workspace: Workspace, ctx: JobContext) -> None:
        """Remove it."""
        if workspace.keeper is not None and workspace.keeper.is_left(self.offer):
            workspace.keeper.discard(self.offer)
