"""A question that hangs while no job runs is seen, and is left behind like a job: the window goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from h5py._objects import phil
from PySide6.QtCore import QTimer

from hdmea.results import columns
from hdmea.utils import h5
from hdmea_gui.engine.controller import Activity
from hdmea_gui.engine.jobs import Failure, Job
from hdmea_gui.engine.overdue import LOOK_MS
from hdmea_gui.engine.worker import any_left_behind
from hdmea_gui.flows.run import StalledDialog
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts

Idle = Callable[[], None]
Loaded = tuple[MainWindow, tuple[Path, Path]]


@dataclass(frozen=True)
class Hang:
    """A question that is answered when the test wants it."""

    entered: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def answer(self, workspace: Any) -> str:
        self.entered.set()
        assert self.go_on.wait(30)
        return "answer"


@pytest.fixture
def hang(qtbot: Any) -> Iterator[Hang]:
    hang = Hang()
    yield hang
    hang.go_on.set()
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)


@pytest.fixture
def window(hang: Hang, window: MainWindow) -> MainWindow:
    """Return a window that waits little for what was asked to stop."""
    window.controller._patience.setInterval(30)
    return window


def wait_until_overdue(qtbot: Any, window: MainWindow, hang: Hang) -> None:
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)
    # Not before: other questions may take as long.
    window.controller._overdue._timer.setInterval(30)
    qtbot.waitUntil(lambda: window.controller.activity is Activity.RUNNING, timeout=20_000)
    window.controller._overdue._timer.setInterval(LOOK_MS)


@pytest.fixture
def export(
    qtbot: Any, hang: Hang, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[MainWindow, Path, list[str]]]:
    """Yield a window that exports to a drive which does not answer, where to, and what is said of it."""
    window, _ = loaded
    path = tmp_path / "rates.csv"
    replace = os.replace

    def wait(source: Any, target: Any) -> None:
        if Path(target) == path:
            hang.answer(None)
        replace(source, target)

    monkeypatch.setattr(os, "replace", wait)
    told: list[str] = []
    window.recording.told.connect(told.append)
    window.recording.export_to(path)
    wait_until_overdue(qtbot, window, hang)
    yield window, path, told
    hang.go_on.set()


def stop(qtbot: Any, window: MainWindow) -> StalledDialog:
    """Ask to stop; return the question that comes then."""
    window.actions_["stop"].trigger()
    qtbot.waitUntil(lambda: isinstance(window.dialog, StalledDialog), timeout=20_000)
    assert isinstance(window.dialog, StalledDialog)
    return window.dialog


def test_an_export_that_hangs_is_shown_and_can_be_left(
    qtbot: Any, export: tuple[MainWindow, Path, list[str]], hang: Hang, idle: Idle
) -> None:
    window, path, told = export
    assert window.controller.job_title == "Exporting rates.csv"
    assert window.actions_["stop"].isEnabled()
    question = stop(qtbot, window)
    assert "“Exporting rates.csv” is not responding" in visible_texts(question)

    question.leave_button.click()
    idle()

    assert told == ["Not exported: The drive does not respond. Pending requests wait until it does."]
    assert any("Exporting rates.csv was abandoned" in line for line in window.log.texts())
    window.controller.run_step("add_section_time")
    idle()
    assert window.controller.steps.item("add_section_time").state is StepState.DONE
    window.recording.export_to(path.with_name("elsewhere.csv"))
    qtbot.waitUntil(lambda: len(told) == 2, timeout=20_000)
    assert told[1] == f"Exported: {path.with_name('elsewhere.csv')}"
    hang.go_on.set()
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)
    assert len(told) == 2, "what was left behind says nothing any more"


def test_a_drive_that_answers_again_ends_the_waiting(
    qtbot: Any, export: tuple[MainWindow, Path, list[str]], hang: Hang, idle: Idle
) -> None:
    window, path, told = export
    stopped: list[str] = []
    window.controller.stopped.connect(stopped.append)
    stop(qtbot, window)

    hang.go_on.set()
    idle()

    assert window.dialog is None
    assert told == [f"Exported: {path}"]
    assert stopped == [], "nothing was stopped"
    assert not any_left_behind()


def test_closing_the_window_asks_while_an_export_hangs(
    qtbot: Any, export: tuple[MainWindow, Path, list[str]]
) -> None:
    window, _, _ = export

    assert not window.close_guard.may_close(window.close_without_question)

    assert window.dialog is not None
    assert "“Exporting rates.csv” is still running" in visible_texts(window.dialog)


def test_a_view_that_reads_without_end_can_be_left(
    qtbot: Any, loaded: Loaded, hang: Hang, idle: Idle
) -> None:
    window, _ = loaded
    answers: list[object] = []
    window.controller.ask(hang, answers.append)
    wait_until_overdue(qtbot, window, hang)
    assert window.controller.job_title == "Reading for the views"

    stop(qtbot, window).leave_button.click()
    idle()

    (answer,) = answers
    assert isinstance(answer, Failure)
    assert answer.reason.startswith("The drive does not respond.")
    assert window.controller.state.unit_ids
    hang.go_on.set()
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)
    assert len(answers) == 1


def test_only_a_question_that_stays_unanswered_is_overdue(
    qtbot: Any, loaded: Loaded, hang: Hang, idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, _ = loaded
    watch = window.controller._overdue
    watch._timer.setInterval(600_000)
    submitted: list[Job] = []
    monkeypatch.setattr(watch, "_submit", submitted.append)
    answers: list[object] = []
    for question in (Hang(), hang):
        window.controller.ask(question, answers.append)
        qtbot.waitUntil(question.entered.is_set, timeout=20_000)
        watch._look()
        assert submitted == [], "the one before was answered"
        if question is not hang:
            question.go_on.set()
            qtbot.waitUntil(lambda: bool(answers), timeout=20_000)

    watch._look()

    assert [job.title for job in submitted] == ["Reading for the views"]
    hang.go_on.set()
    qtbot.waitUntil(lambda: window.controller._runner.question is None, timeout=20_000)
    watch.begin()
    watch._look()
    assert not watch._timer.isActive(), "nothing is left to look at"


def test_nothing_is_overdue_once_the_window_is_closed(window: MainWindow) -> None:
    controller = window.controller
    window.close_without_question()
    assert window.joined

    controller.ask(_Nothing(), lambda _answer: None)

    assert not any(timer.isActive() for timer in controller.findChildren(QTimer))


class _Nothing:
    def answer(self, workspace: object) -> None:
        """Be asked when nobody answers."""


def test_a_step_that_runs_is_not_said_to_be_overdue(
    qtbot: Any, loaded: Loaded, hang: Hang, idle: Idle
) -> None:
    window, _ = loaded
    titles: list[str] = []
    window.controller.activity_changed.connect(lambda: titles.append(window.controller.job_title))
    window.controller.ask(hang, lambda _answer: None)
    qtbot.waitUntil(hang.entered.is_set, timeout=20_000)
    window.controller._overdue._timer.setInterval(30)
    looks: list[int] = []
    window.controller._overdue._timer.timeout.connect(lambda: looks.append(1))
    window.controller.run_step("add_section_time")

    qtbot.waitUntil(lambda: len(looks) >= 5, timeout=20_000)
    hang.go_on.set()
    idle()

    assert "Reading for the views" not in titles
    assert window.controller.steps.item("add_section_time").state is StepState.DONE


@pytest.fixture
def unread(
    qtbot: Any,
    window: MainWindow,
    analysed_file: Path,
    idle: Idle,
    hang: Hang,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MainWindow]:
    """Yield a window with a result that is read when it is looked at, from a drive that does not answer."""
    monkeypatch.setattr(columns, "ROW_NBYTES", 1000)  # the images of the tiny recording count as large
    window.open_paths([analysed_file])
    idle()
    window.controller.selection.select_units(window.controller.state.unit_ids[:1])
    qtbot.waitUntil(lambda: window.controller._runner.question is None, timeout=20_000)
    really = h5.open_file

    def wait(*arguments: Any) -> Any:
        with phil:
            hang.answer(None)
        return really(*arguments)

    monkeypatch.setattr(h5, "open_file", wait)
    window.tabs.setCurrentWidget(window.views["receptive_field"])
    wait_until_overdue(qtbot, window, hang)
    yield window
    hang.go_on.set()


def test_a_view_of_a_result_on_a_drive_that_hangs_is_left_once_and_filled_when_it_is_back(
    qtbot: Any, unread: MainWindow, hang: Hang, idle: Idle, tmp_path: Path
) -> None:
    window, field = unread, unread.views["receptive_field"]
    before = window.controller.state

    stop(qtbot, window).leave_button.click()
    idle()

    for panel in (field.average, field.course, field.map):
        assert panel.empty_text.startswith("The drive does not respond.")
    assert window.controller.state.unit_ids == before.unit_ids
    window.tabs.setCurrentWidget(window.views["electrical_image"])
    qtbot.waitUntil(
        lambda: "its drive does not respond" in visible_texts(window.views["electrical_image"]),
        timeout=20_000,
    )
    window.tabs.setCurrentWidget(window.recording)
    with qtbot.waitSignal(window.recording.told, timeout=20_000) as told:
        window.recording.export_to(tmp_path / "rate.csv")
    assert told.args[0].startswith("Exported: "), "what is in memory is there"
    window.tabs.setCurrentWidget(field)
    hang.go_on.set()
    qtbot.waitUntil(lambda: field.has_data() and not any_left_behind(), timeout=20_000)
    assert not field.average.is_empty
    assert window.controller.activity is Activity.IDLE
