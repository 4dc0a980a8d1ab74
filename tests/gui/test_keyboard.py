"""From the demo to a saved result by the mouse alone and by keys alone; names, focus, mnemonics."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QMenu,
    QPushButton,
    QTabBar,
    QToolBar,
    QToolButton,
    QWidget,
)

from hdmea.pipeline.session import PipelineSession
from hdmea_gui.shell.main_window import MainWindow

Idle = Callable[[], None]
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def widget_dialogs(window: MainWindow) -> Iterator[None]:
    """Have the program's own file dialogs, which a test can operate, instead of the desktop's."""
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    yield
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs, on=False)


def when_asked_for_a_file(operate: Callable[[QFileDialog], None]) -> QTimer:
    """Operate the file dialog once it is there; return the timer that looks for it."""
    timer = QTimer()

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        focused = QApplication.focusWidget()
        if isinstance(dialog, QFileDialog) and focused is not None and dialog.isAncestorOf(focused):
            timer.stop()
            try:
                operate(dialog)
            finally:
                # A dialog that stays open would hold up the test for ever.
                rescue = QTimer(dialog)  # goes with it
                rescue.timeout.connect(dialog.reject)
                rescue.start(3_000)

    timer.timeout.connect(look)
    timer.start(10)
    return timer


def click(widget: QWidget, place: QPoint | None = None) -> None:
    QTest.mouseClick(
        widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place or widget.rect().center()
    )


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the focus is."""
    target = QApplication.focusWidget() or QApplication.activeWindow()
    assert target is not None, "nothing has the focus"
    QTest.keyClick(target, key, modifiers)


def test_the_whole_way_by_mouse(
    qtbot: Any, window: MainWindow, idle: Idle, widget_dialogs: None, tmp_path: Path
) -> None:
    window.settings.values.save_folder = str(tmp_path)
    click(window.recording.welcome.demo_button)
    idle()
    run = window.recording.card.run_button
    assert run is not None
    click(run)
    idle()
    assert "compute_eimage_sta" in window.controller.state.completed

    view = window.table.view
    unit = window.controller.state.unit_ids[2]
    row = next(row for row in range(5) if view.model().index(row, 0).data() == unit)
    click(view.viewport(), view.visualRect(view.model().index(row, 0)).center())
    assert window.controller.selection.unit == unit
    bar = window.tabs.tabBar()
    for index in range(window.tabs.count()):
        click(bar, bar.tabRect(index).center())
        assert window.tabs.currentIndex() == index

    toolbar = window.findChild(QToolBar)
    assert toolbar is not None
    save = toolbar.widgetForAction(window.actions_["save"])

    def accept(dialog: QFileDialog) -> None:
        box = dialog.findChild(QDialogButtonBox)
        assert box is not None
        click(box.button(QDialogButtonBox.StandardButton.Save))

    timer = when_asked_for_a_file(accept)
    click(save)
    timer.stop()
    idle()

    saved = window.controller.state.saved_path
    assert saved == tmp_path / "demo-Rec.h5"
    assert len(PipelineSession.load(saved).units) == 5
    assert "saved" in window.windowTitle()


def test_the_whole_way_by_keys(
    qtbot: Any, window: MainWindow, idle: Idle, widget_dialogs: None, tmp_path: Path
) -> None:
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    assert QApplication.focusWidget() is window.recording.welcome.open_button, "one Return opens files"
    press(Qt.Key.Key_Tab)
    press(Qt.Key.Key_Return)
    idle()
    assert QApplication.focusWidget() is window.recording.card.run_button
    press(Qt.Key.Key_Return)
    idle()
    assert "compute_eimage_sta" in window.controller.state.completed

    until(lambda: QApplication.focusWidget() is window.panel.list)
    press(Qt.Key.Key_Down)
    chosen = window.panel.list.chosen_item
    assert chosen is not None
    assert chosen.spec.name == "add_section_time"
    until(lambda: QApplication.focusWidget() is window.tabs.tabBar())
    for index in range(window.tabs.currentIndex() + 1, window.tabs.count()):
        press(Qt.Key.Key_Right)
        assert window.tabs.currentIndex() == index
    first = window.controller.selection.unit
    until(lambda: window.table.isAncestorOf(QApplication.focusWidget()))
    tabs_until(lambda: QApplication.focusWidget() is window.table.view)
    press(Qt.Key.Key_Down)
    assert window.controller.selection.unit != first
    press(Qt.Key.Key_PageUp, CONTROL)
    assert window.tabs.currentIndex() == window.tabs.count() - 2

    target = tmp_path / "von Hand 中.h5"

    def type_name(_dialog: QFileDialog) -> None:
        line = QApplication.focusWidget()
        assert isinstance(line, QLineEdit), "the name has the focus"
        line.selectAll()
        QTest.keyClick(line, Qt.Key.Key_Delete)
        line.insert(str(target))
        QTest.keyClick(line, Qt.Key.Key_Return)

    timer = when_asked_for_a_file(type_name)
    press(Qt.Key.Key_S, CONTROL)
    timer.stop()
    idle()

    assert window.controller.state.saved_path == target
    assert len(PipelineSession.load(target).units) == 5


def until(reached: Callable[[], bool]) -> None:
    """Press F6 until the focus is there, at most once around the window."""
    for _ in range(6):
        if reached():
            return
        press(Qt.Key.Key_F6)
    assert reached(), QApplication.focusWidget()


def tabs_until(reached: Callable[[], bool]) -> None:
    for _ in range(20):
        if reached():
            return
        press(Qt.Key.Key_Tab)
    assert reached(), QApplication.focusWidget()


def test_every_part_is_reached_and_left_by_f6(
    qtbot: Any, loaded: tuple[MainWindow, tuple[Path, Path]]
) -> None:
    window, _ = loaded
    window.actions_["log"].trigger()
    window.panel.list.setFocus()
    parts = [window.panel.list, window.panel.form, window.tabs, window.table, window.log]
    seen = []
    for _ in parts:
        focused = QApplication.focusWidget()
        assert focused is not None
        seen.append(next(part for part in parts if part is focused or part.isAncestorOf(focused)))
        press(Qt.Key.Key_F6)

    assert seen == parts
    assert QApplication.focusWidget() is window.panel.list
    press(Qt.Key.Key_F6, SHIFT)
    assert window.log.isAncestorOf(QApplication.focusWidget())


def test_tab_goes_through_everything_and_comes_back(
    qtbot: Any, loaded: tuple[MainWindow, tuple[Path, Path]]
) -> None:
    window, _ = loaded
    window.panel.list.setFocus()
    seen: list[QWidget] = []
    for _ in range(300):
        press(Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in seen:
            break
        seen.append(focused)

    assert window.panel.list in seen, "the way leads back"
    assert all(widget.isVisible() and widget.isEnabled() for widget in seen)
    buttons = [button for button in window.panel.findChildren(QToolButton) if button.isVisible()]
    missed = [button.text() for button in buttons if button.isEnabled() and button not in seen]
    assert not missed, missed


def controls(root: QWidget) -> Iterator[QWidget]:
    """Return what the focus can reach below a widget."""
    for widget in root.findChildren(QWidget):
        tab = Qt.FocusPolicy.TabFocus.value
        if widget.isVisible() and widget.focusPolicy().value & tab and widget.focusProxy() is None:
            yield widget


def spoken_name(widget: QWidget) -> str:
    """Return what a screen reader says."""
    text = getattr(widget, "text", None)
    own = widget.accessibleName() or (text() if callable(text) and not isinstance(widget, QLineEdit) else "")
    return re.sub(r"[&…]", "", str(own)).strip() or widget.toolTip()


def test_every_control_has_a_name(loaded: tuple[MainWindow, tuple[Path, Path]]) -> None:
    window, _ = loaded
    window.actions_["log"].trigger()
    nameless = set()
    for item in window.controller.steps.items:
        window.panel.list.choose(item.spec.name)
        for index in range(window.tabs.count()):
            window.tabs.setCurrentIndex(index)
            for widget in controls(window):
                if isinstance(widget.parent(), QAbstractSpinBox | QComboBox | QAbstractItemView):
                    continue
                if not spoken_name(widget):
                    nameless.add(f"{type(widget).__name__} {widget.objectName()} in {where(widget)}")
    assert not nameless, "\n".join(sorted(nameless))


def where(widget: QObject) -> str:
    names = []
    parent = widget.parent()
    while parent is not None:
        names.append(type(parent).__name__)
        parent = parent.parent()
    return " < ".join(names[:4])


def test_mnemonics_are_unique_in_each_menu(window: MainWindow) -> None:
    def check(menu: QMenu) -> None:
        letters = [found.lower() for action in menu.actions() for found in mnemonics(action.text())]
        assert len(letters) == len(set(letters)), (menu.title(), sorted(letters))
        for action in menu.actions():
            inside = action.menu()
            if isinstance(inside, QMenu):
                check(inside)

    bar = window.menuBar()
    top = [found.lower() for action in bar.actions() for found in mnemonics(action.text())]
    assert len(top) == len(bar.actions()) == len(set(top))
    for action in bar.actions():
        menu = action.menu()
        assert isinstance(menu, QMenu)
        check(menu)


def test_no_shortcut_stands_for_two_actions(window: MainWindow) -> None:
    keys = [spec.key for spec in window.actions_.specs.values() if spec.key]
    assert len(keys) == len(set(keys)), sorted(keys)


def mnemonics(text: str) -> list[str]:
    return re.findall(r"&([^&\s])", text.replace("&&", ""))


def test_the_focus_is_seen(loaded: tuple[MainWindow, tuple[Path, Path]], qtbot: Any) -> None:
    window, _ = loaded
    window.panel.list.choose("add_section_time")
    for theme in ("light", "dark"):
        window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
        for widget in controls(window):
            if not isinstance(widget, QToolButton | QPushButton | QLineEdit | QAbstractSpinBox | QTabBar):
                continue
            window.setFocus()
            without = widget.grab().toImage()
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            if not widget.hasFocus():
                continue
            assert widget.grab().toImage() != without, f"{spoken_name(widget)} in {theme}"
