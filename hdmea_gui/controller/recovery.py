"""Automatic checkpoints: written after each step, removed after a save or a clean close.

Each running program has one, of the session as it was after its last step. Beside it lies a note that says
whose it is; a checkpoint whose program is gone was left by a crash, and is offered.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from hdmea_gui.controller.snapshot import OpenResult, Refused
from hdmea_gui.jobs import JobContext
from hdmea_gui.texts import size_text

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.controller.workspace import Workspace

__all__ = ["DiscardJob", "Keeper", "Kept", "NotKept", "RecoverJob", "RecoveryOffer", "RecoveryQuery"]

logger = logging.getLogger(__name__)

_PREFIX = "automatic-"
_LONGEST_WRITE_S = 3600.0


@dataclass(frozen=True)
class RecoveryOffer:
    """A checkpoint that a program left behind when it ended without closing.

    Attributes
    ----------
    file
        Its name in the folder of automatic checkpoints.
    dataset_id, steps, n_units
        What is in it.
    size_bytes, written_at
        Size of the file, and when it was written (seconds since the epoch).
    host, pid, process_started
        The program that wrote it.
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


@dataclass(frozen=True)
class Kept:
    """Milestone: an automatic checkpoint of this revision of the data was written."""

    revision: int
    clock: str


@dataclass(frozen=True)
class NotKept:
    """Milestone: no automatic checkpoint was written, and why."""

    reason: str
    too_large: bool = False


class Keeper:
    """Writes and removes the automatic checkpoint of this program; used on the worker thread.

    Parameters
    ----------
    folder
        Folder of the checkpoints; made when the first is written.
    share
        Part of the free space of its disk that all of them may take.
    enabled
        Whether checkpoints are written; may be changed at any time.
    """

    def __init__(self, folder: Path, share: float = 0.2, enabled: bool = True) -> None:
        self.folder = folder
        self.enabled = enabled
        self._share = share
        self._own: Path | None = None

    # -- this program ----------------------------------------------------------------------------------

    def keep(self, session: PipelineSession, revision: int, ctx: JobContext) -> Kept | NotKept | None:
        """Write the checkpoint of a session in place of the one before; None if that is turned off.

        A checkpoint that cannot be written stops nothing: the answer says why.
        """
        from hdmea.utils.exceptions import HDMEAError

        if not self.enabled:
            return None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            needed, budget = _size_of(session), self._budget()
            if needed > budget:
                have = f"automatic checkpoints may take {size_text(budget)} of {self.folder}"
                return NotKept(f"it would take {size_text(needed)}, and {have}", too_large=True)
            self._make_room(budget - needed)
            self._write(session, ctx)
        except (HDMEAError, OSError, psutil.Error) as error:
            logger.warning("There is no automatic checkpoint of this step: %s", error)
            return NotKept(str(error))
        return Kept(revision, time.strftime("%H:%M"))

    def _write(self, session: PipelineSession, ctx: JobContext) -> None:
        process = psutil.Process()
        path = self.folder / f"{_PREFIX}{process.pid}-{time.time_ns()}.h5"
        session.checkpoint(
            path,
            checkpoint_name="automatic",
            progress=lambda fraction, _text: ctx.progress_or_stop(fraction, "automatic checkpoint"),
        )
        self._note(
            RecoveryOffer(
                file=path.name,
                dataset_id=session.dataset_id,
                steps=tuple(session.completed_steps),
                n_units=session.unit_count,
                size_bytes=path.stat().st_size,
                written_at=time.time(),
                host=platform.node(),
                pid=process.pid,
                process_started=process.create_time(),
            )
        )
        before, self._own = self._own, path
        if before is not None:
            _remove(before)

    def _note(self, offer: RecoveryOffer) -> None:
        target = _note_of(self.folder / offer.file)
        part = target.with_suffix(".part")
        part.write_text(json.dumps(asdict(offer)), encoding="utf-8")
        os.replace(part, target)

    def forget(self) -> None:
        """Remove the checkpoint of this program: its session was saved, or is wanted no more."""
        own, self._own = self._own, None
        if own is not None:
            try:
                _remove(own)
            except OSError as error:
                logger.warning("An automatic checkpoint could not be removed: %s", error)

    # -- programs that are gone ------------------------------------------------------------------------

    def left_behind(self) -> list[RecoveryOffer]:
        """Return the checkpoints of programs that ended without closing, the newest first."""
        found = [_read_note(path) for path in self.folder.glob(f"{_PREFIX}*.json")]
        offers = [
            offer
            for offer in found
            if offer is not None and (self.folder / offer.file).is_file() and _is_gone(offer)
        ]
        return sorted(offers, key=lambda offer: -offer.written_at)

    def sweep(self) -> None:
        """Remove what programs left that were killed while they wrote."""
        noted = {path.with_suffix(".h5").name for path in self.folder.glob(f"{_PREFIX}*.json")}
        for path in [*self.folder.glob(f"{_PREFIX}*.h5"), *self.folder.glob(f".{_PREFIX}*")]:
            pid = path.name.lstrip(".").removeprefix(_PREFIX).partition("-")[0]
            old = time.time() - path.stat().st_mtime > _LONGEST_WRITE_S
            if path.name not in noted and old and pid.isdigit() and not psutil.pid_exists(int(pid)):
                path.unlink(missing_ok=True)

    def take_over(self, offer: RecoveryOffer) -> None:
        """Make a checkpoint that was left behind that of this program: its session is open again."""
        process = psutil.Process()
        mine = {**asdict(offer), "pid": process.pid, "process_started": process.create_time()}
        self.forget()
        self._note(RecoveryOffer(**mine))
        self._own = self.folder / offer.file

    def discard(self, offer: RecoveryOffer) -> None:
        """Remove a checkpoint that was left behind."""
        _remove(self.folder / offer.file)

    def _budget(self) -> int:
        taken = sum(path.stat().st_size for path in self.folder.glob(f"{_PREFIX}*.h5"))
        return int(self._share * (shutil.disk_usage(self.folder).free + taken))

    def _make_room(self, allowed: int) -> None:
        """Remove checkpoints that were left behind, the oldest first, until the others fit."""
        left = self.left_behind()
        total = sum(offer.size_bytes for offer in left)
        while left and total > allowed:
            oldest = left.pop()
            total -= oldest.size_bytes
            logger.warning("The old automatic checkpoint of %s was removed for space.", oldest.dataset_id)
            self.discard(oldest)


def _size_of(session: PipelineSession) -> int:
    from hdmea.io import hdf5_store

    trees = [session.units, session.metadata, session.stimulus]
    return int(hdf5_store.estimate_nbytes(trees, include_unread=True))


def _note_of(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_note(path: Path) -> RecoveryOffer | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return RecoveryOffer(**{**found, "steps": tuple(found["steps"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        logger.warning("%s is no note of an automatic checkpoint: %s", path, error)
        return None


def _is_gone(offer: RecoveryOffer) -> bool:
    """Return whether the program that wrote a checkpoint has ended; of another computer nobody knows."""
    if offer.host != platform.node():
        return False
    try:
        return abs(psutil.Process(offer.pid).create_time() - offer.process_started) > 1.0
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _remove(path: Path) -> None:
    """Remove a checkpoint: its note first, so that none is ever offered that is not there."""
    _note_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


@dataclass(frozen=True)
class RecoveryQuery:
    """What was left behind by a crash."""

    def answer(self, bench: Workspace) -> RecoveryOffer | None:
        """Return the newest checkpoint that was left behind, None if there is none."""
        if bench.keeper is None:
            return None
        bench.keeper.sweep()
        return next(iter(bench.keeper.left_behind()), None)


@dataclass(frozen=True)
class RecoverJob:
    """Open a checkpoint that was left behind; it is kept until the session is saved."""

    offer: RecoveryOffer

    @property
    def title(self) -> str:
        """What the person reads."""
        return f"Recovering {self.offer.dataset_id}"

    def run(self, bench: Workspace, ctx: JobContext) -> OpenResult:
        """Return the session, which is not saved; or why it could not be read."""
        from hdmea.pipeline.session import PipelineSession
        from hdmea.utils.exceptions import HDMEAError

        assert bench.keeper is not None
        path = bench.keeper.folder / self.offer.file
        try:
            # Read whole: the next checkpoint takes the place of this file.
            session = PipelineSession.load(path, progress=ctx.progress_or_stop)
        except (HDMEAError, OSError) as error:
            return OpenResult(None, refused=(Refused(path, str(error)),))
        session.checkpoint_name = None
        session.touch()
        names = ("cmcr_path", "cmtr_path")
        sources = tuple(Path(session.source_files[name]) for name in names if session.source_files.get(name))
        bench.adopt(session, sources)
        bench.keeper.take_over(self.offer)
        return OpenResult(bench.state(), notes=("The session was recovered; it is not saved yet.",))


@dataclass(frozen=True)
class DiscardJob:
    """Remove a checkpoint that was left behind."""

    offer: RecoveryOffer

    @property
    def title(self) -> str:
        """What the person reads."""
        return f"Discarding the automatic checkpoint of {self.offer.dataset_id}"

    def run(self, bench: Workspace, ctx: JobContext) -> None:
        """Remove it."""
        if bench.keeper is not None:
            bench.keeper.discard(self.offer)
