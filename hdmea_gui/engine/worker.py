"""The one worker thread: it alone contains and changes the session.

Queries are answered between the slices of a running job as well, so that the views stay alive while a step
runs: a step commits its results at its end, hence what a query reads in between is consistent.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QEventLoop, QObject, QThread, QTimer, Signal, Slot

from hdmea.utils.giving_way import on_this_thread
from hdmea_gui.diagnostics.logfile import SHOWN
from hdmea_gui.engine import garbage
from hdmea_gui.engine.commit_gate import CommitGate
from hdmea_gui.engine.jobs import Failure, Job, JobContext, JobStopped, Query
from hdmea_gui.engine.questions import OnAnswer, OpenQuestions, Question
from hdmea_gui.engine.yielding import EventLoopWatch

__all__ = ["JobRunner", "any_left_behind"]

logger = logging.getLogger(__name__)

# Seconds after which a thread that computes gives way to one that waits. The usual 5 ms are paid many
# times over in one repaint, for Qt lets go of the interpreter in most calls.
SWITCH_INTERVAL_S = 0.0002

T = TypeVar("T")

_LOST = Failure(
    "LeftBehind",
    "The drive does not respond. Pending requests wait until it does.",
    "",
)


class _Worker(QObject):
    """Lives in the worker thread."""

    started = Signal(object)
    progressed = Signal(object)
    milestone = Signal(object)
    finished = Signal(object, object)
    failed = Signal(object, object)
    stopped = Signal(object, str)
    answered = Signal(int, object)

    def __init__(
        self,
        make_workspace: Callable[[], Any],
        stop_errors: tuple[type[BaseException], ...],
        before_end: Callable[[Any], None] | None,
        give_way: Callable[[], None],
    ) -> None:
        super().__init__()
        self._before_end = before_end
        self._give_way = give_way
        self.cancel = threading.Event()
        self.jobs: deque[Job] = deque()
        self.gate = CommitGate()
        self._make_workspace = make_workspace
        self._stop_errors = stop_errors
        self._workspace: Any = None
        self._fresh = True
        self._lock = threading.Condition()
        self._questions: dict[int, Question] = {}
        self._asked: Question | None = None

    @property
    def question(self) -> Question | None:
        """The question that is being answered, otherwise the next one, None without any."""
        with self._lock:
            return self._asked or next(iter(self._questions.values()), None)

    def put_question(self, question: Question) -> None:
        """Have a question answered. Any thread."""
        with self._lock:
            self._questions[question.number] = question
            self._lock.notify_all()

    def drop_questions(self, questions: Iterable[Question]) -> None:
        """Have those of these questions not answered that still wait. Any thread."""
        with self._lock:
            for question in questions:
                self._questions.pop(question.number, None)

    def take_questions(self) -> tuple[Question, ...]:
        """Return the questions that wait, and forget them. Any thread."""
        with self._lock:
            taken, self._questions = tuple(self._questions.values()), {}
            return taken

    @property
    def workspace(self) -> Any:
        """What the worker contains, None before it was made."""
        return self._workspace

    def wait_for_query(self, timeout_s: float) -> None:
        """Wait until there is a query, and answer it."""
        with self._lock:
            self._lock.wait_for(lambda: bool(self._questions), timeout_s)
        self.serve()

    @Slot()
    def run_next(self) -> None:
        if not self.jobs:
            return
        job = self.jobs.popleft()
        if self._fresh:
            self._fresh = False
            garbage.set_aside()
        self.gate.next_job()
        self._unless_left(self.started.emit)(job)
        ctx = JobContext(
            self.cancel,
            self._unless_left(self.progressed.emit),
            self._unless_left(self.milestone.emit),
            self.serve,
            self.wait_for_query,
            self.gate.passing,
        )
        try:
            if self.cancel.is_set():
                raise JobStopped("Stopped before it began.")
            with on_this_thread(self._pause, self._is_unwanted):
                result = job.run(self._the_workspace(), ctx)
        except self._stop_errors as stop:
            outcome: Callable[[], None] = self._stopping(job, str(stop))
        except Exception as error:
            # Into the file, with the traceback; the window itself says it in its log.
            logging.getLogger(SHOWN).exception("%s failed", job.title)
            outcome = self._failing(job, Failure.of(error))
        else:
            outcome = self._finishing(job, result)
        garbage.sweep()
        if self.gate.let_out():
            outcome()
            self.serve()
        else:
            logger.warning("%s, which was abandoned, has ended; its results were discarded.", job.title)
            self.close()

    def _unless_left(self, emit: Callable[[Any], None]) -> Callable[[Any], None]:
        return lambda event: None if self.gate.is_shut else emit(event)

    def _stopping(self, job: Job, text: str) -> Callable[[], None]:
        return lambda: self.stopped.emit(job, text)

    def _failing(self, job: Job, failure: Failure) -> Callable[[], None]:
        return lambda: self.failed.emit(job, failure)

    def _finishing(self, job: Job, result: object) -> Callable[[], None]:
        return lambda: self.finished.emit(job, result)

    @Slot()
    def serve(self) -> None:
        while True:
            with self._lock:
                if not self._questions or self.gate.is_shut:
                    return
                asked = self._asked = self._questions.pop(next(iter(self._questions)))
            try:
                with on_this_thread(self._pause, self._is_unwanted):
                    answer = asked.query.answer(self._the_workspace())
            except Exception as error:
                # As above: the view says it.
                logging.getLogger(SHOWN).exception("%s failed", type(asked.query).__name__)
                answer = Failure.of(error)
            if not self.gate.is_shut:
                self._asked = None
                self.answered.emit(asked.number, answer)
            garbage.sweep_if_much()

    @Slot()
    def close(self) -> None:
        if self._before_end is not None and self._workspace is not None and not self.gate.is_shut:
            self._before_end(self._workspace)
        self._workspace = None
        garbage.sweep()
        QThread.currentThread().quit()

    def _is_unwanted(self) -> bool:
        return self.cancel.is_set() or self.gate.is_shut

    def _pause(self) -> None:
        garbage.sweep_if_much()
        self._give_way()

    def _the_workspace(self) -> Any:
        if self._workspace is None:
            self._workspace = self._make_workspace()
        return self._workspace


class JobRunner(QObject):
    """Runs jobs one after the other on a thread of their own, and answers queries.

    Parameters
    ----------
    make_workspace
        Makes, on the worker thread, what jobs and queries work on; it is released there as well.
    stop_errors
        Exceptions that mean "stopped as asked", beside `JobStopped`.
    parent
        Qt parent.
    before_end
        Called on the worker with the workspace at shutdown; not for one that was left behind.

    Signals
    -------
    started(Job), progressed(object), milestone(object), finished(Job, object), failed(Job, Failure)
        What a job does.
    stopped(Job, str)
        A job was stopped; what to say of it.
    came_back()
        A worker that was left behind has ended.
    """

    started = Signal(object)
    progressed = Signal(object)
    milestone = Signal(object)
    finished = Signal(object, object)
    failed = Signal(object, object)
    stopped = Signal(object, str)
    came_back = Signal()
    _wake = Signal()
    _ask = Signal()
    _close = Signal()

    def __init__(
        self,
        make_workspace: Callable[[], Any],
        stop_errors: tuple[type[BaseException], ...] = (),
        parent: QObject | None = None,
        before_end: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(parent)
        self._before_end = before_end
        self._make_workspace = make_workspace
        self._stop_errors: tuple[type[BaseException], ...] = (JobStopped, *stop_errors)
        self._pending = 0
        self._questions = OpenQuestions()
        self._hung: dict[Hashable, QThread] = {}
        self._closed = False
        self._loop_watch = EventLoopWatch(self)
        self._engage(make_workspace)

    def _engage(self, make_workspace: Callable[[], Any]) -> None:
        """Have a new worker on a thread of its own."""
        self._thread = QThread()
        self._thread.setObjectName("engine")
        worker = self._worker = _Worker(
            make_workspace, self._stop_errors, self._before_end, self._loop_watch.give_way
        )
        worker.moveToThread(self._thread)
        for name in ("started", "progressed", "milestone"):
            getattr(worker, name).connect(getattr(self, name))
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.stopped.connect(self._on_stopped)
        worker.answered.connect(self._on_answered)
        self._wake.connect(worker.run_next)
        self._ask.connect(worker.serve)
        self._close.connect(worker.close)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._pending > 0

    @property
    def question(self) -> Question | None:
        """The question that is being answered or is the next one, None without any."""
        return self._worker.question

    @property
    def owes_answers(self) -> bool:
        """Whether any question still gets an answer."""
        return bool(self._questions)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for that has not taken effect yet."""
        return self.busy and self._worker.cancel.is_set()

    def submit(self, job: Job) -> None:
        """Run a job after those that wait."""
        if self._closed:
            return
        if not self.busy:
            self._worker.cancel.clear()
            # All outcomes have come: from now on the worker can be left behind, also in a query that hangs.
            self._worker.gate.next_job()
        self._pending += 1
        self._loop_watch.start()
        self._worker.jobs.append(job)
        self._ensure_running()
        self._wake.emit()

    def stop(self) -> None:
        """Ask the running job to stop, and those that wait not to begin; returns at once."""
        self._worker.cancel.set()

    def leave_behind(self) -> bool:
        """Go on without the worker, whose job does not come back; False if it is just coming back.

        The job can change nothing any more that the next worker holds: that gets what the workspace's method
        ``successor`` returns. A query that hangs is answered with a `Failure`, and so is what its asker asks
        until the worker comes back, as that would hang too. Thread and worker are kept for as long as the
        program runs: ending a thread by force, or destroying one that runs, would take the program with it.
        """
        if not self.stopping or self._closed or not self._worker.gate.shut():
            return False
        left, workspace, thread = self._worker, self._worker.workspace, self._thread
        for signal in (self._wake, self._ask, self._close):
            signal.disconnect()
        _left_behind.append((thread, left))
        thread.finished.connect(self.came_back)
        self._pending = 0
        self._loop_watch.stop()
        self._engage(self._make_workspace if workspace is None else workspace.successor)
        waiting, hanging = left.take_questions(), left.question
        if hanging is not None:
            self._hung[hanging.slot] = thread
        for question in waiting:
            if question.slot not in self._hung:
                self._worker.put_question(question)
        self._ensure_running()
        self._ask.emit()
        if hanging is not None:
            # What was asked in its place meanwhile would hang as well.
            for question in self._questions.withdraw_slot(hanging.slot):
                question.deliver(_LOST)
        return True

    def ask(self, query: Query[T], on_answer: Callable[[T | Failure], None], about: Hashable = None) -> None:
        """Have a query answered.

        Parameters
        ----------
        query
            What is asked.
        on_answer
            Gets the answer, or why there is none; a method is not called once its object was deleted. It
            never gets the answer to an older question after it asked again.
        about
            Questions of one asker about different things do not replace each other.
        """
        if self._closed:
            return
        question, replaced = self._questions.add(query, on_answer, about)
        self._worker.drop_questions(replaced)
        if question.slot in self._hung:
            if self._hung[question.slot].isRunning():
                QTimer.singleShot(0, self, partial(self._on_answered, question.number, _LOST))
                return
            del self._hung[question.slot]
        self._worker.put_question(question)
        self._ensure_running()
        self._ask.emit()

    def withdraw(self, on_answer: OnAnswer) -> None:
        """Have what an asker asked not answered."""
        self._worker.drop_questions(self._questions.withdraw(on_answer))

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """Stop everything and join the thread; return False if it did not end in time.

        Events are processed meanwhile: on its way out the worker may have large files to remove.
        """
        if not self._closed:
            self._closed = True
            self._loop_watch.stop()
            self.stop()
            self._close.emit()
            # What the worker still says must not reach a window that is being closed.
            self.blockSignals(True)
            self._questions = OpenQuestions()
        deadline = time.monotonic() + timeout_s
        loop, timer = QEventLoop(), QTimer()
        self._thread.finished.connect(loop.quit)
        timer.timeout.connect(loop.quit)
        timer.start(int(timeout_s * 1000))
        # A thread that was never started has nothing to wait for.
        if self._thread.isRunning():
            loop.exec()
        timer.stop()
        # The loop also ends when the program is asked to.
        joined = bool(self._thread.wait(max(0, int(1000 * (deadline - time.monotonic())))))
        if not joined:
            _left_behind.append((self._thread, self._worker))
        return joined

    def _ensure_running(self) -> None:
        if not self._thread.isRunning():
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            self._thread.start()

    def _end_one(self) -> None:
        self._pending -= 1
        if not self.busy:
            self._loop_watch.stop()
            self._worker.cancel.clear()

    @Slot(object, object)
    def _on_finished(self, job: object, result: object) -> None:
        self._end_one()
        self.finished.emit(job, result)

    @Slot(object, object)
    def _on_failed(self, job: object, failure: object) -> None:
        self._end_one()
        self.failed.emit(job, failure)

    @Slot(object, str)
    def _on_stopped(self, job: object, text: str) -> None:
        self._end_one()
        self.stopped.emit(job, text)

    @Slot(int, object)
    def _on_answered(self, number: int, answer: object) -> None:
        question = self._questions.close(number)
        if question is not None:
            question.deliver(answer)


_left_behind: list[tuple[QThread, _Worker]] = []


def any_left_behind() -> bool:
    """Return whether a thread that was left behind still runs: then the process has to be ended at once."""
    return any(thread.isRunning() for thread, _ in _left_behind)
