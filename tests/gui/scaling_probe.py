"""Looks for controls that are cut off: ``python -m tests.gui.scaling_probe``, in a process of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QToolButton,
    QWidget,
)

from docs.tools.screenshots import THEMES, Photographer
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.responses.view import ResponsesPreview
from hdmea_gui.widgets.elided_label import ElidedLabel
from tests.gui.all_dialogs import DIALOG_ACTIONS, dialog_openers, dialogs_of_the_program

ROOM = QSize(1280, 720)
# What the system asks, what needs a failed step or a saved state, and what opens the browser; the dialogs of
# the last two kinds are made by `dialog_openers`.
_ELSEWHERE = {
    "open",
    "open_folder",
    "open_checkpoint",
    "save_as",
    "checkpoint",
    "show_failure",
    "show_provenance",
    "recover",
    "check_updates",
    "export_view",
    "stimuli",
    "recording_sheet",
    "export_data",
    "export_table",
    "export_result",
}


def problems(root: QWidget) -> Iterator[str]:
    """Return a line for each visible widget that is cut off or lacks room for its text."""
    for widget in root.findChildren(QWidget):
        if not widget.isVisible() or widget.size().isEmpty():
            continue
        parent = widget.parentWidget()
        if parent is None or widget.isWindow() or widget.window() is not root.window():
            continue
        yield from _outside(widget, parent)
        yield from _too_small(widget)
        yield from _text_cut_off(widget)


def _outside(widget: QWidget, parent: QWidget) -> Iterator[str]:
    if _scrolls(widget) or isinstance(parent, QAbstractScrollArea):
        return
    inside = parent.rect().adjusted(-1, -1, 1, 1)
    if not inside.contains(widget.geometry()):
        places = f"{_text(widget.geometry())} in {_text(parent.rect())}"
        yield f"{_name(widget)} lies outside {_name(parent)}: {places}"


def _too_small(widget: QWidget) -> Iterator[str]:
    if isinstance(widget, ElidedLabel):
        return
    if isinstance(widget, QLabel) and widget.text():
        need = widget.minimumSizeHint()
        if widget.wordWrap():
            need = QSize(0, widget.heightForWidth(widget.width()))
    elif isinstance(widget, QAbstractButton | QComboBox):
        need = widget.minimumSizeHint()
        if isinstance(widget, QToolButton):
            need = widget.sizeHint()
    else:
        return
    if need.width() > widget.width() + 1 or need.height() > widget.height() + 1:
        size = widget.size()
        yield f"{_name(widget)} needs {need.width()}×{need.height()}, has {size.width()}×{size.height()}"


def _text_cut_off(widget: QWidget) -> Iterator[str]:
    """Return what a control can show only a part of, although it takes the room that it asks for."""
    for text, room in _texts(widget):
        need = widget.fontMetrics().horizontalAdvance(text)
        if need > room:
            yield f"{_name(widget)}: {text!r} needs {need}, has {room}"


def _texts(widget: QWidget) -> Iterator[tuple[str, int]]:
    """Return the texts of a control, and how many pixels wide each may be."""
    if isinstance(widget, QTabBar):
        for index in range(widget.count()):
            rect = widget.tabRect(index) & widget.rect()
            yield widget.tabText(index), rect.width()
    elif isinstance(widget, QHeaderView) and widget.orientation() is Qt.Orientation.Horizontal:
        for section in range(widget.count()):
            text = str(widget.model().headerData(section, widget.orientation()) or "")
            room = widget.sectionSize(section)
            yield from ((line, room) for line in text.splitlines() if not widget.isSectionHidden(section))
    elif isinstance(widget, QComboBox) and not widget.isEditable():
        kind, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        yield widget.currentText(), widget.style().subControlRect(kind, _option(widget), part, widget).width()
    elif isinstance(widget, QLineEdit) and not widget.text():
        yield widget.placeholderText(), widget.width() - 8
    elif isinstance(widget, QSpinBox | QDoubleSpinBox):
        yield widget.text(), widget.lineEdit().width()


def _option(box: QComboBox) -> QStyleOptionComboBox:
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    return option


def _scrolls(widget: QWidget) -> bool:
    """Whether a widget lies in something that scrolls to it."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def _name(widget: QWidget) -> str:
    text = getattr(widget, "text", None)
    said = text() if callable(text) else ""
    path = []
    parent = widget.parentWidget()
    while parent is not None and len(path) < 3:
        path.append(type(parent).__name__)
        parent = parent.parentWidget()
    return f"{type(widget).__name__} {str(said)[:40]!r} ({' < '.join(path)})"


def _text(rect: QRect) -> str:
    return f"{rect.x()},{rect.y()} {rect.width()}×{rect.height()}"


class Probe(Photographer):
    """Walks through the window and its dialogs, and keeps what is cut off."""

    def look(self, where: str, root: QWidget) -> None:
        """Look at a window, once what changed last is laid out."""
        self._settle(40)
        for problem in problems(root):
            self.found.setdefault(problem, where)

    def run_probe(self) -> dict[str, str]:
        """Return each problem with the place where it was seen first."""
        self.found: dict[str, str] = {}
        window = self.window
        window.resize(ROOM)
        window.show()
        window.controller.start()
        self._wait_until_idle()
        self._check_size("start")
        self.look("start", window)
        window.open_demo()
        self._wait_until_idle()
        self.look("card", window)
        window.controller.choose_flow("standard")
        window.controller.run_all()
        self._wait_until_idle()
        self._settle()
        window.controller.selection.select_units(window.controller.state.unit_ids[1:2])
        for theme in THEMES:
            window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
            self._settle()
            self._walk(theme)
            self._dialogs(theme)
        window.actions_["log"].trigger()
        self._settle(100)
        self.look("log", window)
        self._check_size("log")
        window.close_without_question()
        return self.found

    def _walk(self, theme: str) -> None:
        window = self.window
        for view in window.views.all:
            window.tabs.setCurrentWidget(view)
            if view is not window.views["unit"]:
                self._look_at_view(view, f"{view.title}, {theme}")
        window.tabs.setCurrentWidget(window.views["unit"])
        for page in window.views["unit"].pages:
            window.views["unit"].show_page(page)
            self._look_at_view(page, f"{page.title}, {theme}")
        for responses in (window.views["unit"].responses, window.views["units"]):
            self._walk_movies(responses, theme)
        for item in window.controller.steps.items:
            window.panel.list.choose(item.spec.name)
            self._settle(60)
            self._check_form(item.spec.title)
            self.look(item.spec.title, window)

    def _walk_movies(self, view: ResponsesPreview, theme: str) -> None:
        """Look at the responses to each movie, of one unit and of as many as are drawn."""
        window = self.window
        if view is window.views["units"]:
            window.tabs.setCurrentWidget(view)
        else:
            window.tabs.setCurrentWidget(window.views["unit"])
            window.views["unit"].show_page(view)
        ids = window.controller.state.unit_ids
        for chosen in (ids[1:2], ids[:8]):
            window.controller.selection.select_units(chosen)
            for movie in [view.movies.itemText(row) for row in range(view.movies.count())]:
                window.controller.selection.select_movie(movie)
                self._settle(100)
                self._look_at_view(view, f"{view.title}, {movie}, {len(chosen)} units, {theme}")
        window.controller.selection.select_units(ids[1:2])

    def _look_at_view(self, view: Preview, where: str) -> None:
        """Look at a view once it has something to show."""
        self._wait(view.has_data)
        self._settle(100)
        if not view.has_data():
            self.found[f"{where} shows nothing"] = where
        self._check_size(where)
        self.look(where, self.window)

    def _dialogs(self, theme: str) -> None:
        window = self.window
        asking = {spec.id for spec in window.actions_.specs.values() if spec.text.endswith("…")}
        for name in asking - {*DIALOG_ACTIONS, *_ELSEWHERE}:
            self.found[f"{name} asks something, and nobody looks at it"] = name
        window.panel.list.choose("compute_sta")
        window.panel.list.setFocus()
        seen = set()
        for name, opens in dialog_openers(window).items():
            opens()
            self._settle(200)
            if window.dialog is None:
                self.found[f"{name} opens no dialog"] = name
                continue
            seen.add(type(window.dialog).__name__)
            self._look_at_dialog(f"{name}, {theme}", window.dialog)
        for kind in dialogs_of_the_program() - seen:
            self.found[f"nobody looks at {kind}"] = kind

    def _look_at_dialog(self, name: str, dialog: QDialog) -> None:
        self.look(name, dialog)
        if dialog.width() > ROOM.width() or dialog.height() > ROOM.height():
            self.found[f"{name} is larger than the window: {dialog.size().toTuple()}"] = name
        dialog.close()

    def _check_size(self, where: str) -> None:
        size, least = self.window.size(), self.window.minimumSizeHint()
        if size != ROOM or least.width() > ROOM.width() or least.height() > ROOM.height():
            self.found[f"the window is {size.toTuple()}, needs {least.toTuple()}"] = where

    def _check_form(self, where: str) -> None:
        form = self.window.panel.form
        page = form.widget()
        if page is not None and page.minimumSizeHint().width() > form.viewport().width():
            wide = page.minimumSizeHint().width()
            self.found[f"the form needs {wide}, has {form.viewport().width()}"] = where


def main() -> int:
    """Print what is cut off; return the number of problems."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # The small demo has every kind of movie, the tiny one has not.
        probe = Probe(folder / "pictures", folder, "small", "standard")
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        ratio = app.primaryScreen().devicePixelRatio()
        found = probe.run_probe()
    sys.stdout.write(f"scale {ratio:g}\n")
    for problem, where in sorted(found.items()):
        sys.stdout.write(f"{where}: {problem}\n")
    return min(len(found), 100)


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.exit(main())
