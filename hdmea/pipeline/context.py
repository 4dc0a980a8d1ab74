"""What a running step works with: how it reports, is stopped, and hands over what it produced."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hdmea.declare import StepDefinition
from hdmea.utils.exceptions import StepCancelled
from hdmea.utils.fixes import Fix
from hdmea.utils.notices import Notice

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["CancelToken", "Key", "ProgressEvent", "StepContext", "StepRun"]

logger = logging.getLogger(__name__)

Key = tuple[str, ...]

# Twenty reports in a second are more than an eye can follow; each costs a signal and a repaint.
_REPORT_INTERVAL_S = 0.05


@dataclass(frozen=True)
class ProgressEvent:
    """How far a running step is: `fraction` 0 … 1, and what it is doing."""

    step: str
    title: str
    fraction: float
    text: str


class CancelToken(Protocol):
    """Anything that can say that the work should stop, such as `threading.Event`."""

    def is_set(self) -> bool:
        """Return True when the work should stop."""
        ...


@dataclass
class StepRun:
    """What one run of a step did.

    `cached` says that the session is as it was: everything was there already, or what was not could not
    be made. `outcome` is what the step function returned (None if it was not called), `items` the
    parts that were computed now, `cached_items` those that were kept, `changed` the paths that were
    written, `warnings` and `information` those of this run, of which the first `n_logged` warnings are in the
    log already.
    """

    definition: StepDefinition[Any]
    session: PipelineSession
    params: Any
    outcome: Any = None
    cached: bool = False
    items: tuple[str, ...] = ()
    cached_items: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    information: list[str] = field(default_factory=list)
    n_logged: int = 0
    changed: list[Key] = field(default_factory=list)
    elapsed_seconds: float = 0.0
    hdf5_path: Path | None = None


class StepContext:
    """How a running step reports, is stopped, and hands over what it produced.

    Attributes
    ----------
    items
        The parts to compute now, for a step that declares items.
    workers
        Number of threads to use, at least 1.
    warnings
        What the step warned of.
    information
        What the step has to say that is not wrong.
    n_logged
        How many of the warnings are in the log already.
    definition
        The step that runs.
    stopped_by
        What the receiver of the progress raised.
    """

    def __init__(
        self,
        definition: StepDefinition[Any],
        *,
        items: tuple[str, ...] = (),
        workers: int = 1,
        progress: Callable[[ProgressEvent], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.items = items
        self.workers = workers
        self.warnings: list[str] = []
        self.information: list[str] = []
        self.n_logged = 0
        self.outputs: dict[Key, Any] = {}
        self.removed: list[Key] = []
        self.skipped: set[str] = set()
        self.definition = definition
        self._progress = progress
        self._cancel = cancel
        self._last_report = 0.0
        self.stopped_by: BaseException | None = None

    def checkpoint(self, fraction: float, text: str = "") -> None:
        """Report progress, and stop here if that was asked for.

        Parameters
        ----------
        fraction
            Part of the work that is done, 0 … 1.
        text
            What is being done, in a few words.

        Raises
        ------
        StepCancelled
            If the step was asked to stop.
        """
        if self._cancel is not None and self._cancel.is_set():
            raise StepCancelled(f"“{self.definition.title}” was stopped; its results were discarded.")
        if self._progress is None:
            return
        now = time.monotonic()
        if fraction <= 0 or fraction >= 1 or now - self._last_report >= _REPORT_INTERVAL_S:
            self._last_report = now
            event = ProgressEvent(self.definition.name, self.definition.title, min(fraction, 1.0), text)
            try:
                self._progress(event)
            except BaseException as error:
                self.stopped_by = error
                raise

    def warn(self, message: str, *, fix: Fix | None = None) -> None:
        """Tell the user something: in the session's warnings, the result and the log.

        Parameters
        ----------
        message
            What happened and why, in whole sentences without names of functions and arguments.
        fix
            What to do.
        """
        self._note(self.warnings, message, fix)

    def log_now(self) -> None:
        """Write the warnings so far to the log: before something that may take long, or may not end."""
        for message in self.warnings[self.n_logged :]:
            logger.warning("%s: %s", self.definition.title, message)
        self.n_logged = len(self.warnings)

    def inform(self, message: str, *, fix: Fix | None = None) -> None:
        """Tell the user something that is not wrong: in `session.information` and the step's provenance."""
        self._note(self.information, message, fix)

    def _note(self, notes: list[str], message: str, fix: Fix | None) -> None:
        given = message if isinstance(message, Notice) else Notice(message, fix=fix)
        notice = Notice(given.message, fix=given.fix, step=self.definition.name)
        if notice not in notes:
            notes.append(notice)

    def skip(self, item: str) -> None:
        """Say that an item was not produced: it does not count as done, and is tried again next time."""
        self.skipped.add(item)

    def put(self, value: Any, *path: str) -> None:
        """Hand over a result for `path`, e.g. ``put(array, "stimulus", "section_time", movie)``.

        It becomes part of the session when the step ends well. An array must not be changed afterwards.
        """
        self._check(path)
        self.outputs[path] = value

    def remove(self, *path: str) -> None:
        """Have what is at `path` removed when the step ends well; nothing happens if it does not exist."""
        self._check(path)
        self.removed.append(path)

    @staticmethod
    def _check(path: Key) -> None:
        if len(path) < 2 or path[0] not in {"units", "metadata", "stimulus", "source_files"}:
            raise ValueError(f"{path} must begin with units, metadata, stimulus or source_files")
