"""Tab goes through the window as one reads it, also where parts were made later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QToolButton, QWidget

from hdmea_gui.shell.main_window import MainWindow


@pytest.fixture
def opened(qtbot: Any, window: MainWindow, idle: Callable[[], None], analysed_file: Path) -> MainWindow:
    """Return the active window, in which a result is open."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    window.open_paths([analysed_file])
    idle()
    # What the result was made with differs from the defaults: the line that says so would come first.
    window.editing.reset_all()
    window.controller.selection.select_units(window.controller.state.unit_ids[:1])
    return window


def _walk(qtbot: Any, window: MainWindow, key: Qt.Key = Qt.Key.Key_Tab) -> list[QWidget]:
    """Return what has the focus after each press, from the step list until it is reached again."""
    window.panel.list.setFocus()
    focused: QWidget | None = window.panel.list
    met: list[QWidget] = []
    for _ in range(100):
        qtbot.keyClick(focused, key)
        focused = QApplication.focusWidget()
        assert focused is not None
        met.append(focused)
        if focused is window.panel.list:
            return met
    raise AssertionError(f"Tab does not come back to the step list: {met}")


def _part(window: MainWindow, widget: QWidget) -> str:
    parts = {
        "form": window.panel.form,
        "panel": window.panel,
        "bar": window.tabs.tabBar(),
        "view": window.tabs,
        "table": window.table,
        "log": window.log,
        "status": window.status,
    }
    return next(name for name, part in parts.items() if part is widget or part.isAncestorOf(widget))


@pytest.mark.parametrize("title", ["Recording", "Unit", "Receptive field", "Stimulus", "File"])
def test_tab_follows_the_layout(qtbot: Any, opened: MainWindow, title: str) -> None:
    window = opened
    view = next(view for view in window.views.all if view.title == title)
    window.tabs.setCurrentWidget(view)
    qtbot.waitUntil(view.has_data, timeout=20_000)
    window.panel.list.choose("compute_sta")

    met = _walk(qtbot, window)

    parts = [_part(window, widget) for widget in met]
    order = list(dict.fromkeys(parts))
    assert order == [part for part in ("form", "panel", "bar", "view", "table", "status") if part in order]
    assert {"form", "panel", "bar", "view", "table", "status"} == set(order)
    # Only the flow lies above the step list; everything else is met part by part.
    last = parts.index("status")
    assert parts[:last] == sorted(parts[:last], key=order.index)
    assert met[-2:] == [window.panel.flows, window.panel.list]


def test_a_form_made_anew_keeps_its_place(qtbot: Any, opened: MainWindow) -> None:
    window = opened
    for step in ("compute_sta", "add_section_time", "extract_features"):
        window.panel.list.choose(step)

        parts = [_part(window, widget) for widget in _walk(qtbot, window)]

        assert parts[0] == "form"
        assert parts.index("panel") == parts.count("form")


def test_shift_tab_goes_the_same_way_back(qtbot: Any, opened: MainWindow) -> None:
    window = opened
    window.panel.list.choose("compute_sta")

    there, back = _walk(qtbot, window), _walk(qtbot, window, Qt.Key.Key_Backtab)

    assert back[:-1] == there[-2::-1]


def test_the_log_lies_between_the_table_and_the_status_line(qtbot: Any, opened: MainWindow) -> None:
    window = opened
    window.actions_["log"].trigger()

    parts = [_part(window, widget) for widget in _walk(qtbot, window)]
    window.actions_["log"].trigger()

    order = list(dict.fromkeys(parts))
    assert order.index("table") < order.index("log") < order.index("status")


@pytest.mark.parametrize("place", ["panel", "view"])
def test_what_is_disabled_passes_the_focus_on_to_the_steps(
    qtbot: Any, opened: MainWindow, place: str
) -> None:
    window = opened
    window.tabs.setCurrentWidget(window.views["unit"])
    window.views["unit"].show_page(window.views["unit"].responses)
    qtbot.waitUntil(window.views["unit"].responses.has_data, timeout=20_000)
    holders = {
        "panel": window.panel.findChild(QToolButton, "run_all_button"),
        "view": window.views["unit"].responses.movies,
    }
    holder = holders[place]
    assert holder is not None
    holder.setFocus()
    assert QApplication.focusWidget() is holder

    holder.setEnabled(False)

    assert QApplication.focusWidget() is window.panel.list


def test_a_field_that_is_scrolled_away_comes_into_sight_with_the_focus(
    qtbot: Any, opened: MainWindow
) -> None:
    window = opened
    form = window.panel.form
    window.panel.list.choose("compute_sta")
    toggle = form.findChild(QToolButton, "advanced")
    assert toggle is not None
    toggle.setChecked(True)
    form.setMaximumHeight(150)
    qtbot.waitUntil(lambda: form.verticalScrollBar().maximum() > 0, timeout=20_000)
    form.verticalScrollBar().setValue(0)
    button = window.panel.findChild(QToolButton, "run_step_button")
    assert button is not None
    button.setFocus()

    qtbot.keyClick(button, Qt.Key.Key_Backtab)

    focused = QApplication.focusWidget()
    assert focused is not None
    assert form.isAncestorOf(focused)
    top = focused.mapTo(form.viewport(), QPoint(0, 0))
    assert form.viewport().rect().contains(QRect(top, focused.size()))
