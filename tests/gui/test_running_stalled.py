"""A step that does not come back is left behind: the window goes on, and the session is as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.declare import STEPS, StepParams, step
from hdmea.pipeline import PipelineSession
from hdmea.pipeline.context import StepContext
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine import blocked
from hdmea_gui.engine.auto_checkpoint import Keeper
from hdmea_gui.engine.controller import Activity
from hdmea_gui.engine.worker import any_left_behind
from hdmea_gui.flows.run import StalledDialog
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell import main_window
from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts

Idle = Callable[[], None]
Loaded = tuple[MainWindow, tuple[Path, Path]]


class Drive:
    """A drive that stops answering as soon as the step reads from it."""

    def __init__(self) -> None:
        self.reading, self.answers, self.came_back = threading.Event(), threading.Event(), threading.Event()


class _NoParams(StepParams):
    pass


@pytest.fixture
def drive(qtbot: Any) -> Iterator[Drive]:
    drive = Drive()

    @step("read_drive", title="Read the drive", params=_NoParams, result=lambda run: None)
    def read_drive(session: Any, params: Any, ctx: StepContext) -> None:
        """Wait for a drive."""
        ctx.checkpoint(0.1, "reading")
        drive.reading.set()
        try:
            assert drive.answers.wait(30)
        finally:
            drive.came_back.set()
        ctx.put(np.arange(3), "metadata", "too_late")
        ctx.checkpoint(0.9, "reading")

    STEPS.register(read_drive)
    yield drive
    drive.answers.set()
    STEPS.remove("read_drive")
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)


@pytest.fixture
def window(drive: Drive, window: MainWindow) -> MainWindow:
    window.controller._patience.setInterval(50)
    return window


def stall(qtbot: Any, window: MainWindow, drive: Drive) -> StalledDialog:
    """Return the question that comes when a step was asked to stop and does not answer."""
    window.controller.run_step("read_drive")
    qtbot.waitUntil(drive.reading.is_set, timeout=20_000)
    window.actions_["stop"].trigger()
    assert window.controller.steps.item("read_drive").state is StepState.STOPPING, "acknowledged at once"
    qtbot.waitUntil(lambda: isinstance(window.dialog, StalledDialog), timeout=20_000)
    assert isinstance(window.dialog, StalledDialog)
    return window.dialog


@pytest.fixture
def late(loaded: Loaded, drive: Drive) -> Iterator[MainWindow]:
    """Yield a window with a recording; whatever waits for the drive comes back at the end."""
    yield loaded[0]
    drive.answers.set()


@pytest.fixture
def stalled(qtbot: Any, late: MainWindow, drive: Drive) -> tuple[MainWindow, StalledDialog]:
    """Return a window whose step was asked to stop and does not answer."""
    return late, stall(qtbot, late, drive)


def test_the_window_says_what_happened_and_offers_to_wait_or_to_leave(
    stalled: tuple[MainWindow, StalledDialog],
) -> None:
    window, dialog = stalled
    said = visible_texts(dialog)
    assert "“Read the drive” is not responding" in said
    assert "drive or a network connection" in said
    assert "The session is unchanged" in said
    assert dialog.wait_button.isDefault()
    assert window.controller.activity is Activity.STOPPING


def test_after_leaving_everything_works_and_nothing_of_the_job_ever_arrives(
    qtbot: Any, stalled: tuple[MainWindow, StalledDialog], drive: Drive, idle: Idle, tmp_path: Path
) -> None:
    window, dialog = stalled
    before = window.controller.state

    dialog.leave_button.click()
    idle()

    after = window.controller.state
    assert (after.completed, after.unit_ids, after.unsaved) == (before.completed, before.unit_ids, True)
    assert any("was abandoned" in line for line in window.log.texts())
    window.controller.run_step("add_section_time")
    idle()
    assert window.controller.steps.item("add_section_time").state is StepState.DONE
    drive.answers.set()
    qtbot.waitUntil(lambda: drive.came_back.is_set() and not any_left_behind(), timeout=20_000)
    window.controller.save(tmp_path / "saved.h5", overwrite=False)
    idle()
    session = PipelineSession.load(tmp_path / "saved.h5")
    assert "too_late" not in session.metadata
    assert tuple(session.completed_steps) == ("load_recording", "add_section_time")
    assert not window.controller.state.unsaved


def test_the_question_goes_when_the_job_comes_back(
    qtbot: Any, stalled: tuple[MainWindow, StalledDialog], drive: Drive, idle: Idle
) -> None:
    window, _ = stalled
    drive.answers.set()
    idle()
    assert window.dialog is None
    assert window.controller.steps.item("read_drive").state is StepState.CANCELLED
    assert not any_left_behind()


def test_waiting_asks_again(qtbot: Any, stalled: tuple[MainWindow, StalledDialog]) -> None:
    window, dialog = stalled
    dialog.wait_button.click()
    assert window.dialog is None
    qtbot.waitUntil(lambda: isinstance(window.dialog, StalledDialog), timeout=20_000)


def test_a_view_is_answered_after_leaving(
    qtbot: Any, stalled: tuple[MainWindow, StalledDialog], idle: Idle
) -> None:
    window, dialog = stalled
    dialog.leave_button.click()
    idle()
    window.tabs.setCurrentWidget(window.views["unit"])
    window.controller.selection.select_units(("unit_003",))
    overview = window.views["unit"].overview
    qtbot.waitUntil(lambda: overview.view is not None and overview.view.unit_id == "unit_003")


def test_the_automatic_checkpoints_go_on_after_leaving(
    qtbot: Any, stalled: tuple[MainWindow, StalledDialog], idle: Idle, tmp_path: Path
) -> None:
    window, dialog = stalled
    dialog.leave_button.click()
    idle()
    keeper = Keeper(tmp_path / "recovery")
    window.controller._runner._worker.workspace.keeper = keeper
    window.controller.run_step("add_section_time")
    idle()
    assert keeper._own is not None
    assert keeper._own.steps == ("load_recording", "add_section_time")


def test_a_checkpoint_that_holds_everything_is_still_current_after_leaving(
    qtbot: Any, late: MainWindow, drive: Drive, idle: Idle, tmp_path: Path
) -> None:
    window = late
    window.controller.checkpoint(tmp_path / "now.h5", overwrite=False)
    idle()
    assert "in memory, checkpointed" in window.windowTitle()

    stall(qtbot, window, drive).leave_button.click()
    idle()

    assert "in memory, checkpointed" in window.windowTitle()
    assert window.close_guard.may_close(window.close_without_question) is False
    assert "it contains all of this" in visible_texts(window.dialog)  # type: ignore[arg-type]
    window.controller.run_step("add_section_time")
    idle()
    assert "is older" in window.windowTitle()


def test_the_file_tab_shows_its_tree_anew_after_leaving(
    qtbot: Any, late: MainWindow, drive: Drive, idle: Idle
) -> None:
    tree = late.views["file"].model
    late.tabs.setCurrentWidget(late.views["file"])
    qtbot.waitUntil(lambda: tree.rowCount() > 0, timeout=20_000)
    question = stall(qtbot, late, drive)

    with qtbot.waitSignal(tree.modelReset, timeout=20_000):
        question.leave_button.click()
    idle()

    assert tree.rowCount() > 0


def test_taking_over_asks_no_drive_for_the_source_files(
    stalled: tuple[MainWindow, StalledDialog], idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, dialog = stalled
    before = window.controller.state
    assert before.source_bytes > 0
    asked: list[Path] = []
    stat = Path.stat

    def watched(path: Path, **options: Any) -> Any:
        if path in before.sources:
            asked.append(path)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", watched)

    dialog.leave_button.click()
    idle()

    assert window.controller.state.source_bytes == before.source_bytes
    assert asked == []


def test_the_window_closes_while_a_job_stalls(
    qtbot: Any,
    stalled: tuple[MainWindow, StalledDialog],
    drive: Drive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window, _ = stalled
    monkeypatch.setattr(main_window, "JOIN_S", 0.05)

    window.close_without_question()

    assert window.joined is False
    assert not window.isVisible()
    assert any_left_behind(), "the program must end the process, not wait for the thread"
    drive.answers.set()
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)
    window.joined = True


def test_the_window_closes_after_a_job_was_left(
    qtbot: Any, stalled: tuple[MainWindow, StalledDialog], idle: Idle
) -> None:
    window, dialog = stalled
    dialog.leave_button.click()
    idle()
    window.close_without_question()
    assert window.joined, "the worker that took over ended"
    assert any_left_behind()


def test_a_save_says_why_when_the_job_left_behind_keeps_all_files_locked(
    qtbot: Any,
    stalled: tuple[MainWindow, StalledDialog],
    idle: Idle,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from h5py._objects import phil

    monkeypatch.setattr(blocked, "_PATIENCE_S", 0.1)
    window, dialog = stalled
    dialog.leave_button.click()
    idle()
    locked, free = threading.Event(), threading.Event()

    def hang() -> None:
        with phil:
            locked.set()
            free.wait(20)

    reader = threading.Thread(target=hang)
    reader.start()
    assert locked.wait(20)
    try:
        window.controller.save(tmp_path / "saved.h5", overwrite=False)
        idle()
        assert isinstance(window.dialog, MessageDialog)
        assert "The session is safe in memory" in visible_texts(window.dialog)
        assert window.controller.state.unsaved
    finally:
        free.set()
        reader.join()
    window.dialog.close()
    window.controller.save(tmp_path / "saved.h5", overwrite=False)
    idle()
    assert (tmp_path / "saved.h5").is_file()
