"""A window for each test: its own settings, its own demo, joined and checked for leaks at the end."""

from __future__ import annotations

import gc
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication, QWidget

from hdmea_gui.controller import Controller
from hdmea_gui.controller.main import Activity
from hdmea_gui.main_window import MainWindow
from hdmea_gui.settings import SettingsStore


@pytest.fixture(scope="session")
def demo_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the tiny demo recording, written once; do not change it."""
    from hdmea.simulate import write_demo

    demo = write_demo(tmp_path_factory.mktemp("demo"), size="tiny")
    return demo.cmcr_path, demo.cmtr_path


@pytest.fixture
def recording(demo_pair: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Return a copy of the demo in a folder with spaces and unicode in its name."""
    folder = tmp_path / "Aufnahmen März µ 中"
    shutil.copytree(demo_pair[0].parent, folder)
    return folder / demo_pair[0].name, folder / demo_pair[1].name


@pytest.fixture
def settings(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "settings.json")


@pytest.fixture
def no_leaks(qapp: QApplication) -> Iterator[None]:
    """Fail when a test leaves a top-level widget, a running QThread or a Python thread behind."""
    widgets = set(map(id, QApplication.topLevelWidgets()))
    threads = set(threading.enumerate())
    yield
    for _ in range(3):
        QApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete, which no event loop delivered yet
        qapp.processEvents()
    gc.collect()
    left = [widget for widget in QApplication.topLevelWidgets() if id(widget) not in widgets]
    assert not [widget for widget in left if widget.isVisible()], left
    running = [
        found
        for found in gc.get_objects()
        if type(found) is QThread and found.objectName() == "engine" and found.isRunning()
    ]
    assert not running
    alive = [
        thread
        for thread in set(threading.enumerate()) - threads
        if thread.is_alive() and not isinstance(thread, threading._DummyThread) and not thread.daemon
    ]
    assert not alive


@pytest.fixture
def window(qtbot: Any, no_leaks: None, settings: SettingsStore, tmp_path: Path) -> Iterator[MainWindow]:
    """Return a started window; whatever is open or running at the end is closed."""
    window = MainWindow(Controller(), settings, tmp_path / "demo", "tiny")
    window.show()
    window.controller.start()
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
    yield window
    for dialog in (window.dialog, window.saving.dialog):
        if dialog is not None:
            dialog.close()
    if window.joined is None:
        window.close_without_question()
    assert window.joined, "the worker did not end"
    window.deleteLater()


@pytest.fixture
def idle(qtbot: Any, window: MainWindow) -> Callable[[], None]:
    """Return a function that waits until the worker has nothing to do."""
    return lambda: qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=60_000)


@pytest.fixture
def loaded(
    window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None]
) -> tuple[MainWindow, tuple[Path, Path]]:
    """Return a window with the demo loaded, not saved."""
    window.open_paths(list(recording))
    idle()
    window.load()
    idle()
    assert window.controller.state.unit_ids
    return window, recording


def visible_texts(widget: QWidget) -> str:
    """Return all label texts below a widget."""
    from PySide6.QtWidgets import QLabel

    return "\n".join(label.text() for label in widget.findChildren(QLabel))
