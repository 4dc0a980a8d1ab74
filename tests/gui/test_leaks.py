"""What is opened and closed many times leaves nothing behind: no object of Qt, no thread, no timer."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QThread, QTimer
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from tests.gui.all_dialogs import dialog_openers, dialogs_of_the_program

TIMES = 4


def tidy(qapp: QApplication) -> None:
    """Let everything go that is to go."""
    for thread in threading.enumerate():
        if thread.name == "lookup":
            thread.join(10)
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        qapp.processEvents()
    gc.unfreeze()
    gc.collect()


def living() -> Counter[str]:
    """Return how many objects of Qt, running threads and active timers Python knows, by kind."""
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        if not issubclass(type(one), QObject):
            continue
        kind = type(one).__name__
        found[kind if isValid(one) else f"{kind}, of which only the name is left"] += 1
        if type(one) is QTimer and isValid(one) and one.isActive():
            found["active timers"] += 1
        if type(one) is QThread and isValid(one) and one.isRunning():
            found["running threads of Qt"] += 1
    found["threads"] = threading.active_count()
    found["widgets"] = len(QApplication.allWidgets())
    return found


def open_and_close(qtbot: Any, folder: Path, result: Path) -> None:
    """Start a window, open a result, look at every view, close it."""
    window = MainWindow(Controller(), SettingsStore(folder / "settings.json"), folder / "demo", "tiny")
    controller = window.controller
    window.show()
    controller.start()
    qtbot.waitUntil(lambda: controller.activity is Activity.IDLE, timeout=20_000)
    window.open_paths([result])
    qtbot.waitUntil(lambda: controller.activity is Activity.IDLE, timeout=60_000)
    controller.selection.select_units(controller.state.unit_ids[:1])
    for view in window.views.all:
        window.tabs.setCurrentWidget(view)
        view.complete()
    for page in window.views["unit"].pages:
        window.views["unit"].show_page(page)
        window.tabs.setCurrentWidget(window.views["unit"])
        qtbot.waitUntil(page.has_data, timeout=20_000)
    for item in controller.steps.items:
        window.panel.list.choose(item.spec.name)
    window.use_theme("dark", at_once=True)
    window.close_without_question()
    assert window.joined
    window.deleteLater()


def test_a_window_takes_everything_with_it(
    qtbot: Any, qapp: QApplication, no_leaks: None, tmp_path: Path, analysed_file: Path
) -> None:
    counts = []
    for _ in range(TIMES):
        open_and_close(qtbot, tmp_path, analysed_file)
        tidy(qapp)
        counts.append(living())

    assert (counts[-1] - counts[-2]) & (counts[-2] - counts[-3]) == Counter()


@pytest.fixture
def opened(window: MainWindow, analysed_file: Path, idle: Callable[[], None]) -> MainWindow:
    """Return a window with a result, all views made."""
    window.open_paths([analysed_file])
    idle()
    for view in window.views.all:
        view.complete()
    return window


def growth(qtbot: Any, qapp: QApplication, window: MainWindow, act: Callable[[], None]) -> Counter[str]:
    """Do something many times; return of what there is more after each of the last times.

    What is made late, and once, is no leak.
    """
    counts = []
    for _ in range(TIMES):
        act()
        qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
        tidy(qapp)
        found = living()
        kinds = ("widgets", "threads", "active timers", "running threads of Qt")
        below = {"below the window": len(window.findChildren(QObject))}
        counts.append(Counter(below) + Counter({kind: found[kind] for kind in kinds}))
    return (counts[-1] - counts[-2]) & (counts[-2] - counts[-3])


def test_no_dialog_leaves_anything_behind(qtbot: Any, qapp: QApplication, opened: MainWindow) -> None:
    seen, left = set(), {}
    opened.panel.list.choose("compute_sta")
    for name, opens in dialog_openers(opened).items():

        def open_it(opens: Callable[[], None] = opens) -> None:
            opens()
            dialog = opened.dialog
            assert dialog is not None
            seen.add(type(dialog).__name__)
            qtbot.wait(20)
            dialog.close()

        left[name] = growth(qtbot, qapp, opened, open_it)

    assert {name: more for name, more in left.items() if more} == {}
    assert dialogs_of_the_program() - seen == set(), "each dialog is among those that are tried"


@pytest.mark.parametrize("what", ["menus", "steps", "units", "themes", "tabs", "recent", "openings"])
def test_nothing_that_is_done_often_adds_up(
    qtbot: Any, qapp: QApplication, opened: MainWindow, analysed_file: Path, what: str
) -> None:
    opened.settings.values.recent = [str(analysed_file)]

    def menus() -> None:
        for view in opened.views.all:
            menu = view.export_menu()
            menu.popup(QPoint(0, 0))
            menu.close()

    def steps() -> None:
        for item in opened.controller.steps.items:
            opened.panel.list.choose(item.spec.name)

    def units() -> None:
        opened.tabs.setCurrentWidget(opened.views["unit"])
        for unit in opened.controller.state.unit_ids:
            opened.controller.selection.select_units((unit,))
            qtbot.wait(10)

    def themes() -> None:
        for theme in ("dark", "light"):
            opened.use_theme(theme, at_once=True)  # type: ignore[arg-type]

    def tabs() -> None:
        for index in range(opened.tabs.count()):
            opened.tabs.setCurrentIndex(index)
            qtbot.wait(10)

    def recent() -> None:
        opened.recent.aboutToShow.emit()

    def openings() -> None:
        opened.open_paths([analysed_file])

    assert growth(qtbot, qapp, opened, locals()[what]) == Counter()
