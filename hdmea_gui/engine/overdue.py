"""A question that a drive keeps from being answered while no job runs is seen, and can be left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from hdmea_gui.engine.blocked import drives_hang
from hdmea_gui.engine.jobs import Job, JobContext
from hdmea_gui.engine.questions import Question
from hdmea_gui.engine.worker import JobRunner
from hdmea_gui.engine.workspace import Workspace

__all__ = ["LOOK_MS", "AwaitAnswer", "OverdueWatch"]

LOOK_MS = 5000
"""A question that is found unanswered twice in a row, so far apart, is overdue."""
_DRIVES_MS = 500


@dataclass(frozen=True)
class AwaitAnswer:
    """Stands behind an overdue question: with it the user sees what hangs, and can stop and leave it."""

    title: str

    def run(self, workspace: Workspace, ctx: JobContext) -> None:
        """Do nothing: now the question has been answered."""


class OverdueWatch(QObject):
    """Looks whether what the worker was asked is answered.

    Parameters
    ----------
    runner
        Answers.
    submit
        Runs a job.
    parent
        Qt parent.

    Signals
    -------
    back()
        What hung is over: whoever did not get an answer may ask again.
    """

    back = Signal()

    def __init__(self, runner: JobRunner, submit: Callable[[Job], None], parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._submit = submit
        self._seen: Question | None = None
        self._ended = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._drives = QTimer(self)
        self._drives.setInterval(_DRIVES_MS)
        self._drives.timeout.connect(self._look_at_drives)
        runner.came_back.connect(self._drives.start)
        runner.stopped.connect(self._on_stopped)

    def begin(self) -> None:
        """Look from now on until everything is answered."""
        if not (self._ended or self._timer.isActive()):
            self._timer.start()

    def end(self) -> None:
        """Look no more, whatever is asked: nobody answers any more."""
        self._ended = True
        self._timer.stop()
        self._drives.stop()

    def _on_stopped(self) -> None:
        # What was left with the job makes questions fail as well.
        if drives_hang():
            self._drives.start()

    def _look_at_drives(self) -> None:
        if not drives_hang():
            self._drives.stop()
            self.back.emit()

    def _look(self) -> None:
        before, self._seen = self._seen, self._runner.question
        if self._seen is None:
            self._timer.stop()
        elif self._seen is before and not self._runner.busy:
            self._submit(AwaitAnswer(getattr(self._seen.query, "title", "Reading for the views")))
