"""The worker thread alone: order, stop, failure, and queries."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QObject, QThread, QTimer
from shiboken6 import delete

from hdmea.utils.giving_way import give_way
from hdmea_gui.engine.jobs import Failure, JobContext, JobStopped
from hdmea_gui.engine.worker import JobRunner, any_left_behind
from hdmea_gui.engine.yielding import EventLoopWatch


class Bench:
    def __init__(self) -> None:
        self.made_in = QThread.currentThread()
        self.log: list[str] = []


@dataclass(frozen=True)
class Do:
    title: str
    function: Callable[[Bench, JobContext], object]

    def run(self, workspace: Bench, ctx: JobContext) -> object:
        return self.function(workspace, ctx)


@dataclass(frozen=True)
class Ask:
    value: int

    def answer(self, workspace: Bench) -> object:
        if self.value < 0:
            raise ValueError("negative")
        return self.value


@pytest.fixture
def runner(qtbot: Any) -> Iterator[JobRunner]:
    runner = JobRunner(Bench)
    yield runner
    assert runner.shutdown(10)


def test_jobs_run_in_order_on_the_worker_thread(qtbot: Any, runner: JobRunner) -> None:
    results: list[object] = []
    runner.finished.connect(lambda _job, result: results.append(result))

    def note(workspace: Bench, ctx: JobContext) -> object:
        workspace.log.append("x")
        return len(workspace.log), QThread.currentThread() is workspace.made_in

    for number in range(3):
        runner.submit(Do(str(number), note))
    qtbot.waitUntil(lambda: len(results) == 3, timeout=20_000)

    assert results == [(1, True), (2, True), (3, True)]
    assert not runner.busy


def test_progress_is_throttled_and_the_end_is_not_lost(qtbot: Any, runner: JobRunner) -> None:
    seen: list[float] = []
    runner.progressed.connect(lambda progress: seen.append(progress.fraction))

    def work(workspace: Bench, ctx: JobContext) -> None:
        for number in range(1001):
            ctx.progress(number / 1000, "working")

    started = time.perf_counter()
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("many", work))
    elapsed = time.perf_counter() - started

    assert seen[-1] == 1.0
    assert len(seen) <= 20 * elapsed + 3


def test_stop_is_acknowledged_at_once_and_drops_what_waits(qtbot: Any, runner: JobRunner) -> None:
    entered = threading.Event()
    ran: list[str] = []

    def endless(workspace: Bench, ctx: JobContext) -> None:
        entered.set()
        while True:
            ctx.progress_or_stop(0.5, "on and on")
            time.sleep(0.01)

    runner.submit(Do("endless", endless))
    runner.submit(Do("never", lambda workspace, ctx: ran.append("never")))
    qtbot.waitUntil(entered.is_set, timeout=20_000)

    with qtbot.waitSignal(runner.stopped, timeout=20_000):
        runner.stop()
        assert runner.stopping

    # The one that never began says so too, a moment later.
    qtbot.waitUntil(lambda: not runner.busy, timeout=20_000)
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("next", lambda workspace, ctx: ran.append("next")))
    assert ran == ["next"]


@dataclass(frozen=True)
class Hang:
    """A question that is not answered before `go_on` is set."""

    entered: threading.Event
    go_on: threading.Event

    def answer(self, workspace: Bench) -> object:
        self.entered.set()
        assert self.go_on.wait(30)
        return "late"


def test_a_job_that_is_stopped_before_it_began_says_so(qtbot: Any, runner: JobRunner) -> None:
    hang = Hang(threading.Event(), threading.Event())
    ran: list[str] = []
    runner.ask(hang, lambda _answer: None)
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)
    job = Do("never", lambda workspace, ctx: ran.append("never"))
    runner.submit(job)

    runner.stop()
    with qtbot.waitSignal(runner.stopped, timeout=20_000) as caught:
        hang.go_on.set()

    assert caught.args[0] is job
    assert not ran
    assert not runner.busy


def test_a_failure_arrives_as_text_and_the_worker_goes_on(
    qtbot: Any, runner: JobRunner, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(workspace: Bench, ctx: JobContext) -> None:
        raise OSError("the drive is gone")

    with qtbot.waitSignal(runner.failed, timeout=20_000) as caught:
        runner.submit(Do("fail", fail))

    failure = caught.args[1]
    assert isinstance(failure, Failure)
    assert failure.reason == "the drive is gone"
    assert "OSError" in failure.details
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("next", lambda workspace, ctx: None))


def test_a_failure_lets_go_of_what_its_traceback_held() -> None:
    class Held:
        pass

    def fail() -> None:
        held = Held()
        alive.append(__import__("weakref").ref(held))
        raise ValueError("x")

    alive: list[Any] = []
    try:
        fail()
    except ValueError as error:
        Failure.of(error)
        del error
    gc.collect()

    assert alive[0]() is None


def test_only_the_newest_question_of_a_view_is_answered(qtbot: Any, runner: JobRunner) -> None:
    blocked, go_on = threading.Event(), threading.Event()
    answers: list[object] = []

    def block(workspace: Bench, ctx: JobContext) -> None:
        blocked.set()
        go_on.wait(30)

    runner.submit(Do("block", block))
    qtbot.waitUntil(blocked.is_set, timeout=20_000)
    for value in range(5):
        runner.ask(Ask(value), answers.append)
    go_on.set()
    qtbot.waitUntil(lambda: bool(answers), timeout=20_000)
    QCoreApplication.processEvents()

    assert answers == [4]


def test_jobs_and_questions_give_way_to_the_window(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[QThread] = []
    monkeypatch.setattr(EventLoopWatch, "give_way", lambda _: threads.append(QThread.currentThread()))
    runner = JobRunner(Bench)

    class Long:
        def answer(self, workspace: Bench) -> object:
            threads.clear()
            give_way()
            return list(threads)

    def report(workspace: Bench, ctx: JobContext) -> object:
        threads.clear()
        ctx.progress(0.5, "")
        return list(threads)

    answers: list[object] = []
    runner.ask(Long(), answers.append)
    qtbot.waitUntil(lambda: bool(answers), timeout=20_000)
    with qtbot.waitSignal(runner.finished, timeout=20_000) as finished:
        runner.submit(Do("long", report))

    (asked_on,) = answers
    assert finished.args[1] == asked_on != [QThread.currentThread()]
    assert len(finished.args[1]) == 1
    assert runner.shutdown(10)


def test_an_answer_that_comes_after_a_newer_question_is_dropped(qtbot: Any, runner: JobRunner) -> None:
    reading, go_on = threading.Event(), threading.Event()
    answers: list[object] = []

    class Slow:
        def answer(self, workspace: Bench) -> object:
            reading.set()
            go_on.wait(30)
            return "late"

    runner.ask(Slow(), answers.append)
    qtbot.waitUntil(reading.is_set, timeout=20_000)
    runner.ask(Ask(2), answers.append)
    go_on.set()
    qtbot.waitUntil(lambda: bool(answers), timeout=20_000)
    QCoreApplication.processEvents()

    assert answers == [2]


def test_a_question_that_fails_is_answered_with_the_reason(
    qtbot: Any, runner: JobRunner, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = []
    runner.ask(Ask(-1), answers.append)
    qtbot.waitUntil(lambda: bool(answers), timeout=20_000)

    (failure,) = answers
    assert isinstance(failure, Failure)
    assert "negative" in failure.reason


class Asker(QObject):
    """Asks with a method, as views do."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[object] = []

    def take(self, answer: object) -> None:
        self.answers.append(answer)


@pytest.fixture
def blocked(qtbot: Any, runner: JobRunner) -> Iterator[threading.Event]:
    """Yield what lets the worker go on, which answers nothing before."""
    entered, go_on = threading.Event(), threading.Event()

    def block(workspace: Bench, ctx: JobContext) -> None:
        entered.set()
        assert go_on.wait(30)

    runner.submit(Do("block", block))
    qtbot.waitUntil(entered.is_set, timeout=20_000)
    yield go_on
    go_on.set()


def test_each_asker_gets_its_own_answer_and_no_other(
    qtbot: Any, runner: JobRunner, blocked: threading.Event
) -> None:
    one, other = Asker(), Asker()
    runner.ask(Ask(1), one.take)
    runner.ask(Ask(2), other.take)
    blocked.set()
    qtbot.waitUntil(lambda: not runner.owes_answers, timeout=20_000)

    assert (one.answers, other.answers) == ([1], [2])


def test_questions_of_one_asker_about_different_things_are_all_answered(
    qtbot: Any, runner: JobRunner, blocked: threading.Event
) -> None:
    asker = Asker()
    for value, about in ((1, "a"), (2, "b"), (3, "a")):
        runner.ask(Ask(value), asker.take, about)
    blocked.set()
    qtbot.waitUntil(lambda: not runner.owes_answers, timeout=20_000)

    assert sorted(asker.answers) == [2, 3]


@pytest.mark.parametrize("asks", [False, True], ids=["waits", "is being answered"])
def test_an_asker_that_was_deleted_gets_no_answer(qtbot: Any, runner: JobRunner, asks: bool) -> None:
    hang, last = Hang(threading.Event(), threading.Event()), Asker()
    asker = Asker()
    answers = asker.answers
    runner.ask(hang, asker.take if asks else last.take)
    if not asks:
        runner.ask(Ask(1), asker.take)
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)

    delete(asker)
    hang.go_on.set()
    qtbot.waitUntil(lambda: not runner.owes_answers, timeout=20_000)

    assert answers == []


def test_a_question_keeps_nobody_alive(qtbot: Any, runner: JobRunner, blocked: threading.Event) -> None:
    asker = Asker()
    alive = weakref.ref(asker)
    runner.ask(Ask(1), asker.take)

    del asker
    gc.collect()

    assert alive() is None
    blocked.set()
    qtbot.waitUntil(lambda: not runner.owes_answers, timeout=20_000)


@pytest.mark.parametrize("reading", [False, True], ids=["waits", "is being answered"])
def test_what_was_withdrawn_gets_no_answer(qtbot: Any, runner: JobRunner, reading: bool) -> None:
    hang, asker, last = Hang(threading.Event(), threading.Event()), Asker(), Asker()
    runner.ask(hang, asker.take if reading else last.take, "first")
    runner.ask(Ask(1), asker.take, "second")
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)

    runner.withdraw(asker.take)
    runner.ask(Ask(2), last.take, "end")
    hang.go_on.set()
    qtbot.waitUntil(lambda: 2 in last.answers, timeout=20_000)

    assert asker.answers == []
    assert not runner.owes_answers


def test_shutdown_stops_and_joins_a_running_job(qtbot: Any) -> None:
    runner = JobRunner(Bench)
    entered = threading.Event()

    def endless(workspace: Bench, ctx: JobContext) -> None:
        entered.set()
        while not ctx.cancel.is_set():
            time.sleep(0.005)
        raise JobStopped("as asked")

    runner.submit(Do("endless", endless))
    qtbot.waitUntil(entered.is_set, timeout=20_000)

    assert runner.shutdown(5)


def test_an_answer_that_comes_during_shutdown_reaches_nobody(qtbot: Any) -> None:
    runner = JobRunner(Bench)
    hang, answers = Hang(threading.Event(), threading.Event()), Asker()
    runner.ask(hang, answers.take)
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)
    QTimer.singleShot(0, hang.go_on.set)

    assert runner.shutdown(10)
    QCoreApplication.processEvents()

    assert answers.answers == []


def test_a_runner_that_did_nothing_can_be_shut_down(qtbot: Any) -> None:
    assert JobRunner(Bench).shutdown(1)


def test_the_end_is_prepared_on_the_worker(qtbot: Any) -> None:
    threads: list[tuple[Any, QThread]] = []
    runner = JobRunner(
        Bench, before_end=lambda workspace: threads.append((workspace, QThread.currentThread()))
    )
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("nothing", lambda workspace, ctx: None))

    assert runner.shutdown(5)

    [(workspace, thread)] = threads
    assert isinstance(workspace, Bench)
    assert thread is not QThread.currentThread()


def test_events_are_processed_while_the_worker_ends(qtbot: Any) -> None:
    seen = threading.Event()
    waited: list[bool] = []
    runner = JobRunner(Bench, before_end=lambda workspace: waited.append(seen.wait(30)))
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("nothing", lambda workspace, ctx: None))
    QTimer.singleShot(0, seen.set)

    assert runner.shutdown(10)

    assert waited == [True]


def test_an_end_that_takes_too_long_is_not_waited_for(qtbot: Any) -> None:
    go_on = threading.Event()
    runner = JobRunner(Bench, before_end=lambda workspace: go_on.wait(30))
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("nothing", lambda workspace, ctx: None))

    assert not runner.shutdown(0.05)

    go_on.set()
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)


# -- a job that does not come back ---------------------------------------------------------------------


class Stalled:
    """A job that waits, as one on a drive that does not answer, until the test lets it go."""

    title = "Stalled"

    def __init__(self, afterwards: Callable[[HandedOn, JobContext], object]) -> None:
        self.entered, self.go_on, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.afterwards = afterwards

    def run(self, workspace: HandedOn, ctx: JobContext) -> object:
        self.entered.set()
        try:
            assert self.go_on.wait(30)
            return self.afterwards(workspace, ctx)
        finally:
            self.ended.set()


class HandedOn(Bench):
    def __init__(self, log: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.log = list(log)

    def successor(self) -> HandedOn:
        return HandedOn(tuple(self.log))


@pytest.fixture
def stalling(qtbot: Any) -> Iterator[tuple[JobRunner, Callable[..., Stalled]]]:
    runner = JobRunner(HandedOn)
    jobs: list[Stalled] = []

    def stall(afterwards: Callable[[HandedOn, JobContext], object]) -> Stalled:
        jobs.append(job := Stalled(afterwards))
        runner.submit(job)
        qtbot.waitUntil(job.entered.is_set, timeout=20_000)
        runner.stop()
        return job

    yield runner, stall
    for job in jobs:
        job.go_on.set()
    assert runner.shutdown(10)
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)


def commit_late(workspace: HandedOn, ctx: JobContext) -> object:
    with ctx.commit():
        workspace.log.append("too late")
    return "result"


def test_a_job_that_was_left_behind_changes_nothing_and_says_nothing(
    qtbot: Any, stalling: tuple[JobRunner, Callable[..., Stalled]]
) -> None:
    runner, stall = stalling
    said: list[object] = []
    for signal in (runner.finished, runner.failed, runner.stopped):
        signal.connect(lambda job, *_: said.append(job.title))
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("before", lambda workspace, ctx: workspace.log.append("before")))
    job = stall(commit_late)

    assert runner.leave_behind()

    assert not runner.busy
    with qtbot.waitSignal(runner.finished, timeout=20_000) as caught:
        runner.submit(Do("next", lambda workspace, ctx: (list(workspace.log), id(workspace))))
    log, new = caught.args[1]
    assert log == ["before"], "what was there is there"
    job.go_on.set()
    qtbot.waitUntil(lambda: job.ended.is_set() and not any_left_behind(), timeout=20_000)
    with qtbot.waitSignal(runner.finished, timeout=20_000) as caught:
        runner.submit(Do("last", lambda workspace, ctx: (list(workspace.log), id(workspace))))
    assert caught.args[1] == (["before"], new)
    assert said == ["before", "next", "last"]


def test_questions_that_waited_for_a_stalled_job_are_answered_by_the_next_worker(
    qtbot: Any, stalling: tuple[JobRunner, Callable[..., Stalled]]
) -> None:
    runner, stall = stalling
    stall(commit_late)
    answers: list[object] = []
    runner.ask(Ask(7), answers.append)

    assert runner.leave_behind()

    qtbot.waitUntil(lambda: answers == [7], timeout=20_000)


def test_a_worker_that_hangs_in_a_question_is_left_as_well(
    qtbot: Any, stalling: tuple[JobRunner, Callable[..., Stalled]]
) -> None:
    runner, _ = stalling
    answers: list[object] = []
    started: list[str] = []
    runner.started.connect(lambda job: started.append(job.title))
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        runner.submit(Do("before", lambda workspace, ctx: workspace.log.append("before")))
    hang = Hang(threading.Event(), threading.Event())
    runner.ask(hang, answers.append)
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)
    runner.submit(Do("never", lambda workspace, ctx: workspace.log.append("never")))
    runner.stop()

    assert runner.leave_behind()

    with qtbot.waitSignal(runner.finished, timeout=20_000) as caught:
        runner.submit(Do("next", lambda workspace, ctx: list(workspace.log)))
    assert caught.args[1] == ["before"]
    (answer,) = answers
    assert isinstance(answer, Failure)
    assert answer.kind == "LeftBehind"
    assert runner.question is None
    with qtbot.waitSignal(runner.came_back, timeout=20_000):
        hang.go_on.set()
    assert not any_left_behind()
    assert len(answers) == 1
    assert started == ["before", "next"]


def test_what_hung_is_refused_until_the_worker_comes_back(
    qtbot: Any, stalling: tuple[JobRunner, Callable[..., Stalled]]
) -> None:
    runner, _ = stalling
    view, other = Asker(), Asker()
    hang = Hang(threading.Event(), threading.Event())
    runner.ask(hang, view.take)
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)
    runner.submit(Do("never", lambda workspace, ctx: None))
    runner.stop()
    runner.ask(Ask(1), view.take)
    runner.ask(Ask(2), other.take)

    assert runner.leave_behind()

    qtbot.waitUntil(lambda: bool(other.answers), timeout=20_000)
    assert other.answers == [2]
    (failure,) = view.answers
    assert isinstance(failure, Failure), "it would hang as well"
    runner.ask(Ask(3), view.take)
    qtbot.waitUntil(lambda: len(view.answers) == 2, timeout=20_000)
    assert isinstance(view.answers[1], Failure)
    runner.ask(Ask(5), view.take, "something else")
    qtbot.waitUntil(lambda: view.answers[2:] == [5], timeout=20_000)
    with qtbot.waitSignal(runner.came_back, timeout=20_000):
        hang.go_on.set()
    runner.ask(Ask(4), view.take)
    qtbot.waitUntil(lambda: view.answers[3:] == [4], timeout=20_000)


def test_a_job_that_is_just_making_its_change_is_not_left(
    qtbot: Any, stalling: tuple[JobRunner, Callable[..., Stalled]]
) -> None:
    runner, stall = stalling
    inside, on = threading.Event(), threading.Event()

    def change(workspace: HandedOn, ctx: JobContext) -> object:
        with ctx.commit():
            inside.set()
            assert on.wait(30)
            workspace.log.append("changed")
        return list(workspace.log)

    job = stall(change)
    job.go_on.set()
    qtbot.waitUntil(inside.is_set, timeout=20_000)

    assert not runner.leave_behind()

    with qtbot.waitSignal(runner.finished, timeout=20_000) as caught:
        on.set()
    assert caught.args[1] == ["changed"]


def test_a_job_that_has_ended_is_not_left(
    qtbot: Any, stalling: tuple[JobRunner, Callable[..., Stalled]]
) -> None:
    runner, stall = stalling
    job = stall(lambda workspace, ctx: "result")
    job.go_on.set()
    outcome = runner._worker.gate
    deadline = threading.Event()
    while not outcome._outcome_is_out:  # its signal waits for the event loop, which is not let run here
        deadline.wait(0.001)

    assert not runner.leave_behind()

    with qtbot.waitSignal(runner.finished, timeout=20_000) as caught:
        pass
    assert caught.args[1] == "result"


def test_a_job_that_was_not_asked_to_stop_is_not_left(
    qtbot: Any, stalling: tuple[JobRunner, Callable[..., Stalled]]
) -> None:
    runner, _ = stalling
    job = Stalled(lambda workspace, ctx: "result")
    runner.submit(job)
    qtbot.waitUntil(job.entered.is_set, timeout=20_000)
    assert not runner.leave_behind()
    with qtbot.waitSignal(runner.finished, timeout=20_000):
        job.go_on.set()
