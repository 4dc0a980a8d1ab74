"""A batch beside the session: recordings are collected and worked on from threads of their own.

The work itself is done in processes that `hdmea.study` starts; here it is only scheduled.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

from hdmea_gui.diagnostics.logfile import SHOWN
from hdmea_gui.engine.jobs import Failure

if TYPE_CHECKING:
    from hdmea.study import Outcome, Recording

__all__ = ["BatchEnd", "BatchItem", "BatchRunner", "BatchSetup"]


@dataclass(frozen=True)
class BatchSetup:
    """What is done with the recordings of a batch.

    Attributes
    ----------
    flow, parameters
        Name of the flow, and step to parameter to value where they differ from it.
    output
        Folder of the results.
    exists
        What to do about results that exist, as of `hdmea.study.BatchOptions`.
    jobs
        Recordings at a time; None: as many as there are processors and memory admits.
    sheet
        Table with one row per recording; None without one.
    scheduler
        Address of a Dask cluster, empty for this computer.
    stimuli_of
        Recording whose stimulus set-up is for all of which nothing says what was shown; None without one.
    health
        Whether the health of each recording is judged.
    """

    flow: str
    output: Path
    parameters: Mapping[str, Mapping[str, Any]]
    exists: Literal["skip", "redo", "error"] = "skip"
    jobs: int | None = None
    sheet: Path | None = None
    scheduler: str = ""
    stimuli_of: Path | None = None
    health: bool = True


@dataclass(frozen=True)
class BatchItem:
    """A recording of the batch: its key, its files in words, and their size in bytes."""

    key: str
    files: str
    nbytes: int


@dataclass(frozen=True)
class BatchEnd:
    """What came of a batch: complete results, recordings, whether it was stopped, and its summary page."""

    good: int
    total: int
    stopped: bool
    summary: Path


class BatchRunner(QObject):
    """Collects recordings and runs a flow on them; all methods return at once.

    Parameters
    ----------
    parent
        Qt parent.

    Attributes
    ----------
    items
        The recordings.
    outcomes
        Key to what became of each, or how far it is; missing before it was run.
    is_collecting, is_running, is_paused, is_stopping
        What is going on.

    Signals
    -------
    items_changed()
        Other recordings.
    outcome_changed(Outcome)
        One of `outcomes` changed.
    activity_changed()
        It began, ended, pauses or stops.
    left_out(str)
        A file that belongs to no recording, with the reason.
    ended(BatchEnd)
        The batch ended, or was stopped.
    failed(str, Failure)
        What failed, and why: nothing was collected, or nothing was run.
    """

    items_changed = Signal()
    outcome_changed = Signal(object)
    activity_changed = Signal()
    left_out = Signal(str)
    ended = Signal(object)
    failed = Signal(str, object)
    _collected = Signal(object)
    _arrived = Signal(object)
    _done = Signal(object)
    _broke = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items: tuple[BatchItem, ...] = ()
        self.outcomes: dict[str, Outcome] = {}
        self.is_collecting = self.is_running = False
        self._recordings: dict[str, Recording] = {}
        self._pause, self._cancel = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        # What a thread says reaches the window's thread with its turn of the event loop.
        self._collected.connect(self._on_collected)
        self._arrived.connect(self._on_outcome)
        self._done.connect(self._on_done)
        self._broke.connect(self._on_broke)

    @property
    def is_busy(self) -> bool:
        """Whether recordings are being collected or worked on."""
        return self.is_collecting or self.is_running

    @property
    def is_paused(self) -> bool:
        """Whether no further recording starts for now."""
        return self.is_running and self._pause.is_set()

    @property
    def is_stopping(self) -> bool:
        """Whether the batch was asked to stop."""
        return self.is_running and self._cancel.is_set()

    @property
    def ended_count(self) -> int:
        """Number of recordings of which nothing more will happen."""
        return sum(outcome.ended for outcome in self.outcomes.values())

    # -- recordings ----------------------------------------------------------------------------------

    def add(self, paths: Sequence[Path], output: Path) -> None:
        """Add the recordings of folders, tables and files; `output` is left out of the folders."""
        if not self.is_busy:
            self.is_collecting = True
            self._begin("Adding recordings", partial(self._collect, tuple(paths), output))

    def remove(self, keys: Iterable[str]) -> None:
        """Remove recordings from the list; their files and results stay."""
        if not self.is_busy:
            gone = set(keys)
            self._recordings = {key: each for key, each in self._recordings.items() if key not in gone}
            self.outcomes = {key: each for key, each in self.outcomes.items() if key not in gone}
            self.items = tuple(item for item in self.items if item.key not in gone)
            self.items_changed.emit()

    def _collect(self, paths: tuple[Path, ...], output: Path) -> None:
        from hdmea.study.recordings import check_names, collect

        found = collect(paths, output)
        known = {(each.cmcr, each.cmtr) for each in self._recordings.values()}
        new = [each for each in found.recordings if (each.cmcr, each.cmtr) not in known]
        check_names([*self._recordings.values(), *new])
        items = [BatchItem(each.key, _files(each), _size(each)) for each in new]
        said = [f"{path} {reason}" for path, reason in found.left_out.items()]
        if not found.recordings:
            said.append("No recording was found.")
        self._tell(self._collected, (new, items, said))

    def _on_collected(self, found: tuple[list[Recording], list[BatchItem], list[str]]) -> None:
        new, items, said = found
        self._recordings |= {each.key: each for each in new}
        self.items += tuple(items)
        self.is_collecting = False
        for text in said:
            self.left_out.emit(text)
        self.items_changed.emit()
        self.activity_changed.emit()

    # -- running -------------------------------------------------------------------------------------

    def start(self, setup: BatchSetup, *, retry_failed: bool = False) -> None:
        """Run the batch; with `retry_failed` only what failed before."""
        if not self.is_busy and self._recordings:
            self._pause.clear()
            self._cancel.clear()
            self.is_running = True
            self._begin("The batch", partial(self._run, setup, retry_failed))

    def pause(self, paused: bool) -> None:
        """Start no further recording, or go on; those that run are finished."""
        (self._pause.set if paused else self._pause.clear)()
        self.activity_changed.emit()

    def stop(self) -> None:
        """Have all work end at the next safe place."""
        if self.is_running:
            self._cancel.set()
            self.activity_changed.emit()

    def shutdown(self, timeout_s: float) -> bool:
        """Stop, and wait for the end; False if it did not come in time.

        Processes that still work end with this one.
        """
        self._cancel.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, setup: BatchSetup, retry_failed: bool) -> None:
        from hdmea.study import BatchOptions, run_batch
        from hdmea.study.cluster import cluster

        options = BatchOptions(
            exists=setup.exists,
            retry_failed=retry_failed,
            jobs=setup.jobs,
            parameters=setup.parameters,
            sheet=setup.sheet,
            stimuli_of=setup.stimuli_of,
            health=setup.health,
            progress=partial(self._tell, self._arrived),
            cancel=self._cancel,
            pause=self._pause,
        )
        recordings = list(self._recordings.values())
        with cluster(setup.scheduler or None) as executor:
            result = run_batch(recordings, setup.flow, executor, output_dir=setup.output, options=options)
        good = sum(outcome.good for outcome in result.outcomes)
        page = result.summary.with_suffix(".html")
        self._tell(self._done, BatchEnd(good, len(result.outcomes), result.stopped, page))

    def _on_outcome(self, outcome: Outcome) -> None:
        self.outcomes[outcome.key] = outcome
        self.outcome_changed.emit(outcome)

    def _on_done(self, end: BatchEnd) -> None:
        self.is_running = False
        self.activity_changed.emit()
        self.ended.emit(end)

    def _on_broke(self, title: str, failure: Failure) -> None:
        self.is_collecting = self.is_running = False
        self.activity_changed.emit()
        self.failed.emit(title, failure)

    # -- threads -------------------------------------------------------------------------------------

    def _begin(self, title: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:
                # Into the file, with the traceback; the window itself says it.
                logging.getLogger(SHOWN).exception("%s failed", title)
                self._tell(self._broke, title, Failure.of(error))

        # Not waited for by the interpreter: a drive may not respond.
        self._thread = threading.Thread(target=run, name="batch", daemon=True)
        self._thread.start()
        self.activity_changed.emit()

    def _tell(self, signal: Any, *what: object) -> None:
        # The window may be gone.
        with contextlib.suppress(RuntimeError):
            signal.emit(*what)
        # The window draws before the next one: a batch that begins tells of each recording.
        time.sleep(0)


def _files(recording: Recording) -> str:
    return "\n".join(str(path) for path in (recording.cmcr, recording.cmtr) if path is not None)


def _size(recording: Recording) -> int:
    """Return the size of the files of a recording in bytes; what cannot be asked for counts nothing."""
    total = 0
    for path in (recording.cmcr, recording.cmtr):
        with contextlib.suppress(OSError):
            if path is not None:
                total += path.stat().st_size
    return total
