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
from PySide6.QtCore import QEvent, QThread, QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import getCppPointer, isValid

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore

_THREAD_TIMEOUT_S = 30.0
_OF_DASK = ("Dask-", "IO loop", "Profile", "TCP-Executor")

# Five seconds are not enough for every machine; what happens earlier ends the wait.
for _wait in (QtBot.waitUntil, QtBot.waitSignal, QtBot.waitSignals, QtBot.waitExposed, QtBot.waitActive):
    _wait.__kwdefaults__["timeout"] = 30_000

ODD_NAME = "Messung µ 中 é (1)"
"""Each path of these tests goes through a folder of this name: spaces, letters of many languages."""


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Return the test's own folder, in whose name are spaces and letters of several alphabets."""
    folder = tmp_path / ODD_NAME
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def demo_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the tiny demo recording, written once; do not change it."""
    from hdmea.simulate import write_demo

    demo = write_demo(tmp_path_factory.mktemp("demo") / ODD_NAME, size="tiny")
    return demo.cmcr_path, demo.cmtr_path


@pytest.fixture(scope="session")
def analysed_file(demo_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the result of the standard flow on the tiny demo, computed once; do not change it."""
    from hdmea.pipeline import create_session
    from hdmea.pipeline.flows import run_flow

    path = tmp_path_factory.mktemp("analysed") / ODD_NAME / "demo.h5"
    path.parent.mkdir()
    session = create_session(None, *demo_pair, path.parent)
    run_flow("standard", *demo_pair, session=session)
    session.save(path)
    return path


@pytest.fixture
def recording(demo_pair: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Return a copy of the demo in a folder with spaces and unicode in its name."""
    folder = tmp_path / "Aufnahmen März µ 中"
    shutil.copytree(demo_pair[0].parent, folder)
    return folder / demo_pair[0].name, folder / demo_pair[1].name


@pytest.fixture
def settings(tmp_path: Path) -> SettingsStore:
    found = SettingsStore(tmp_path / "settings.json")
    # Most tests look at other pages, and measuring raw data takes a process.
    found.values.show_health = False
    return found


@pytest.fixture
def no_leaks(qapp: QApplication) -> Iterator[None]:
    """Fail when a test leaves a widget, a running QThread, an active QTimer or a Python thread behind."""
    widgets = _top_level()
    timers = set(map(id, _running()))
    threads = set(threading.enumerate())
    yield
    for window in QApplication.topLevelWidgets():
        # A closed window is still there for the test to look at; everything must go with it.
        if isinstance(window, MainWindow) and window.joined is not None:
            window.deleteLater()
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        qapp.processEvents()
    # Before all objects are listed: one that a thread is just making must not be held by that list.
    for thread in set(threading.enumerate()) - threads:
        # The library of the cluster keeps some for the process.
        if not isinstance(thread, threading._DummyThread) and not thread.name.startswith(_OF_DASK):
            thread.join(_THREAD_TIMEOUT_S)
            assert not thread.is_alive(), thread
    gc.collect()
    left = _top_level()
    found = [left[address] for address in set(left) - set(widgets)]
    assert not [f"{type(one).__name__} {one.windowTitle()} in {one.parent()}" for one in found]
    running = [one for one in _running() if id(one) not in timers]
    assert not [f"{one} of {one.parent()}" for one in running], "timers or threads are left"


def _top_level() -> dict[int, QWidget]:
    """Return all windows by their address: what Python remembers of them may have gone and come again."""
    return {getCppPointer(widget)[0]: widget for widget in QApplication.topLevelWidgets()}


def _running() -> list[QTimer | QThread]:
    """Return all active timers and running threads, also where garbage collection was told not to look."""
    gc.unfreeze()
    found = [one for one in gc.get_objects() if type(one) in (QTimer, QThread) and isValid(one)]
    gc.freeze()
    return [one for one in found if (one.isActive() if isinstance(one, QTimer) else one.isRunning())]


@pytest.fixture
def window(qtbot: Any, no_leaks: None, settings: SettingsStore, tmp_path: Path) -> Iterator[MainWindow]:
    """Return a started window; whatever is open or running at the end is closed."""
    controller = Controller()
    # The card compares light and movies in a process of its own: only its own tests wait for that.
    controller.look.start = lambda folder, _key: shutil.rmtree(folder)  # type: ignore[method-assign]
    window = MainWindow(controller, settings, tmp_path / "demo", "tiny")
    window.show()
    window.controller.start()
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
    yield window
    if window.dialog is not None:
        window.dialog.close()
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
