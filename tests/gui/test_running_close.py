"""Closing in each state, and saves that fail: nothing is lost, no file is ever half."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QTimer

from hdmea.pipeline import PipelineSession
from hdmea.results import files
from hdmea.utils import atomic, drive
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity
from hdmea_gui.engine.worker import any_left_behind
from hdmea_gui.flows.close_guard import UnsavedDialog
from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts
from tests.gui.test_running import extra_steps  # noqa: F401 - a fixture

Idle = Callable[[], None]
Loaded = tuple[MainWindow, tuple[Path, Path]]


class SlowDisk:
    """A disk that holds a save just before the new file takes its place."""

    def __init__(self) -> None:
        self.writing, self.go_on = threading.Event(), threading.Event()


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    disk = SlowDisk()
    real = files.Writer.fill

    def fill(self: Any, *args: Any) -> None:
        real(self, *args)
        disk.writing.set()
        assert disk.go_on.wait(20)

    monkeypatch.setattr(files.Writer, "fill", fill)
    yield disk
    disk.go_on.set()


@pytest.fixture
def saving(qtbot: Any, loaded: Loaded, slow_disk: SlowDisk, tmp_path: Path) -> tuple[MainWindow, Path]:
    """Return a window in the middle of a save over an earlier file, and that file."""
    window, _ = loaded
    target = tmp_path / "result.h5"
    target.write_bytes(b"what was there before")
    window.controller.save(target, overwrite=True)
    qtbot.waitUntil(slow_disk.writing.is_set, timeout=20_000)
    assert window.controller.activity is Activity.RUNNING
    return window, target


def asked(window: MainWindow) -> UnsavedDialog:
    assert not window.close()
    dialog = window.dialog
    assert isinstance(dialog, UnsavedDialog)
    return dialog


def test_closing_during_a_save_can_wait_for_it(
    qtbot: Any, saving: tuple[MainWindow, Path], slow_disk: SlowDisk
) -> None:
    window, target = saving
    dialog = asked(window)
    assert "“Saving result.h5” is still running" in visible_texts(dialog)
    assert dialog.wait_button.isDefault()

    dialog.wait_button.click()
    assert window.isVisible()
    slow_disk.go_on.set()

    qtbot.waitUntil(lambda: window.joined is not None, timeout=20_000)
    assert window.joined
    assert list(PipelineSession.load(target).completed_steps) == ["load_recording"]


def test_closing_during_a_save_anyway_keeps_the_file_that_was_there(
    qtbot: Any, saving: tuple[MainWindow, Path], slow_disk: SlowDisk
) -> None:
    window, target = saving
    dialog = asked(window)
    # The disk answers while the window waits for the worker.
    threading.Timer(0.2, slow_disk.go_on.set).start()

    dialog.discard_button.click()

    assert window.joined
    assert target.read_bytes() == b"what was there before"
    assert [path.name for path in target.parent.iterdir() if "hdmea-part" in path.name] == []


def test_a_save_that_fails_does_not_close_the_window(
    qtbot: Any,
    saving: tuple[MainWindow, Path],
    slow_disk: SlowDisk,
    idle: Idle,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    window, target = saving

    def no_space(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(atomic, "sync_file", no_space)
    asked(window).wait_button.click()
    slow_disk.go_on.set()
    idle()

    assert window.isVisible()
    assert isinstance(window.dialog, MessageDialog)
    assert "the drive is full" in visible_texts(window.dialog)
    assert window.controller.state.unsaved
    assert target.read_bytes() == b"what was there before"


def test_a_save_that_was_left_behind_does_not_close_the_window_later(
    qtbot: Any, saving: tuple[MainWindow, Path], slow_disk: SlowDisk, idle: Idle, tmp_path: Path
) -> None:
    window, _ = saving
    asked(window).wait_button.click()
    window.controller.stop()
    assert window.controller.leave_behind()
    slow_disk.go_on.set()
    qtbot.waitUntil(lambda: not any_left_behind(), timeout=20_000)
    idle()

    with qtbot.waitSignal(window.controller.saved, timeout=20_000):
        window.controller.save(tmp_path / "elsewhere.h5", overwrite=False)
    # A window that closes does so in the next turn of the event loop, and timers come in their order.
    turned: list[bool] = []
    QTimer.singleShot(0, lambda: turned.append(True))
    qtbot.waitUntil(lambda: bool(turned), timeout=20_000)

    assert window.isVisible()


def test_stop_during_a_save_keeps_everything(
    qtbot: Any, saving: tuple[MainWindow, Path], slow_disk: SlowDisk, idle: Idle
) -> None:
    window, target = saving
    window.actions_["stop"].trigger()
    assert window.controller.activity is Activity.STOPPING
    slow_disk.go_on.set()
    idle()
    assert target.read_bytes() == b"what was there before"
    assert window.controller.state.unsaved
    window.controller.save(target, overwrite=True)
    idle()
    assert not window.controller.state.unsaved


def test_closing_while_it_stops_asks_and_then_closes(
    extra_steps: threading.Event,  # noqa: F811
    qtbot: Any,
    loaded: Loaded,
) -> None:
    window, _ = loaded
    window.controller.run_step("wait_for_stop")
    qtbot.waitUntil(extra_steps.is_set, timeout=20_000)
    window.controller.stop()
    assert window.controller.activity is Activity.STOPPING
    asked(window).discard_button.click()
    assert window.joined


@pytest.mark.parametrize("action", ["about", "calibration"])
def test_closing_with_a_dialog_open(window: MainWindow, action: str) -> None:
    window.actions_[action].trigger()
    assert window.dialog is not None
    assert window.close()
    assert window.joined


def test_closing_with_the_question_open_asks_once(loaded: Loaded) -> None:
    window, _ = loaded
    dialog = asked(window)
    assert not window.close()
    assert window.dialog is dialog
    dialog.cancel_button.click()
    assert asked(window) is not dialog


# -- saves that fail ---------------------------------------------------------------------------------


def _disk_full(target: Path, patch: pytest.MonkeyPatch) -> None:
    def none(path: Any) -> Any:
        return type("Usage", (), {"free": 1000})()

    patch.setattr(atomic.shutil, "disk_usage", none)


def _disk_fills_up(target: Path, patch: pytest.MonkeyPatch) -> None:
    def no_space(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    patch.setattr(atomic, "sync_file", no_space)


def _folder_is_a_file(target: Path, patch: pytest.MonkeyPatch) -> None:
    target.parent.rmdir()
    target.parent.write_text("in the way")


def _read_only(target: Path, patch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS), str(target))

    patch.setattr(drive, "create", refuse)


def _locked(target: Path, patch: pytest.MonkeyPatch) -> None:
    def in_use(part: Path, to: Path) -> None:
        raise PermissionError(errno.EACCES, "used by another program", str(to))

    patch.setattr(atomic.os, "replace", in_use)


@pytest.mark.parametrize(
    ("obstacle", "reason", "advice"),
    [
        (_disk_full, "are free in", "save to another drive"),
        (_disk_fills_up, "the drive is full", "Check free space"),
        (_folder_is_a_file, "cannot be used", "save to another folder"),
        (_read_only, "the drive is read-only", "save to another drive"),
        (_locked, "cannot be replaced", "under another name"),
    ],
)
def test_a_save_that_fails_says_why_and_what_to_do_and_loses_nothing(
    loaded: Loaded,
    idle: Idle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    obstacle: Callable[[Path, pytest.MonkeyPatch], None],
    reason: str,
    advice: str,
) -> None:
    window, _ = loaded
    before = window.controller.state
    target = tmp_path / "out" / "result.h5"
    target.parent.mkdir()

    with monkeypatch.context() as patch:
        obstacle(target, patch)
        window.controller.save(target, overwrite=False)
        idle()

    dialog = window.dialog
    assert isinstance(dialog, MessageDialog)
    said = visible_texts(dialog)
    assert "Saving result.h5 failed" in said
    assert reason in said
    assert advice in said
    assert dialog.details
    state = window.controller.state
    assert state.unsaved
    assert (state.completed, state.unit_ids, state.saved_path) == (before.completed, before.unit_ids, None)
    if target.parent.is_dir():
        assert list(target.parent.iterdir()) == []
    window.controller.save(tmp_path / "elsewhere.h5", overwrite=False)
    idle()
    assert not window.controller.state.unsaved
