"""What the worker is asked to do, and how it tells what came of it.

A `Job` is long and may be stopped; a `Query` is short and only reads.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hdmea.utils.giving_way import give_way
from hdmea.utils.notices import told
from hdmea_gui.engine.commit_gate import JobStopped
from hdmea_gui.engine.words import WINDOW

__all__ = [
    "Failure",
    "Job",
    "JobContext",
    "JobProgress",
    "JobStopped",
    "Query",
]

UPDATES_PER_SECOND = 20

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class JobProgress:
    """How far a job is: `fraction` 0 … 1 of `part` (a step, a file), and what is being done."""

    fraction: float
    text: str
    part: str = ""


@dataclass(frozen=True)
class Failure:
    """Why something failed, as text: the exception itself may hold files, which stay on the worker."""

    kind: str
    reason: str
    details: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Describe an exception, and let go of everything that its traceback contains."""
        details = "".join(traceback.format_exception(error))
        reason = told(error, WINDOW).strip() or type(error).__name__
        seen: set[int] = set()
        current: BaseException | None = error
        while current is not None and id(current) not in seen:
            seen.add(id(current))
            if current.__traceback__ is not None:
                traceback.clear_frames(current.__traceback__)
            current = current.__cause__ or current.__context__
        return cls(type(error).__name__, reason, details)


class JobContext:
    """How a running job reports and is asked to stop.

    Attributes
    ----------
    cancel
        Set when the job should stop.
    commit
        Makes a context to enter while what the worker holds is changed; it raises `JobStopped` when the job
        was left behind.
    """

    def __init__(
        self,
        cancel: threading.Event,
        emit_progress: Callable[[JobProgress], None],
        emit_milestone: Callable[[object], None],
        serve: Callable[[], None],
        wait_for_query: Callable[[float], None],
        commit: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self.cancel = cancel
        self.commit = commit
        self._emit_progress = emit_progress
        self._emit_milestone = emit_milestone
        self._serve = serve
        self._wait_for_query = wait_for_query
        self._last = 0.0
        self._part = ""

    def progress(self, fraction: float, text: str, part: str = "") -> None:
        """Report progress, at most 20 times a second; answer waiting queries, and let the window draw."""
        self._serve()
        give_way()
        now = time.monotonic()
        if part == self._part and fraction < 1 and now - self._last < 1 / UPDATES_PER_SECOND:
            return
        self._last, self._part = now, part
        self._emit_progress(JobProgress(fraction, text, part))

    def progress_or_stop(self, fraction: float, text: str) -> None:
        """Report progress; raise `JobStopped` if the job was asked to stop."""
        if self.cancel.is_set():
            raise JobStopped("Stopped.")
        self.progress(fraction, text)

    def milestone(self, event: object) -> None:
        """Report something that happened and must not be dropped."""
        self._emit_milestone(event)

    def let_views_ask(self, timeout_s: float = 0.1) -> None:
        """Give the views a moment to ask for what has just changed, before something long begins."""
        self._wait_for_query(timeout_s)


class Job(Protocol):
    """Something long, immutable, run on the worker."""

    @property
    def title(self) -> str:
        """What the user reads while it runs."""
        ...

    def run(self, workspace: Any, ctx: JobContext) -> object:
        """Do it; `workspace` is what the worker contains."""
        ...


class Query(Protocol[T_co]):
    """Something short, immutable, that only reads.

    One that may hang on a drive while the window waits for it, as it writes a file, has a `title` as well:
    what the user reads then.
    """

    def answer(self, workspace: Any) -> T_co:
        """Return plain values and arrays."""
        ...
