"""Looks for controls that are cut off: ``python -m tests.gui.scaling_probe``, in a process of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QScrollArea,
    QToolButton,
    QWidget,
)

from hdmea_gui.controller.snapshot import FileFacts
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.dialogs.overwrite import OverwriteDialog
from hdmea_gui.dialogs.unsaved import UnsavedDialog
from hdmea_gui.screenshots import THEMES, Photographer
from hdmea_gui.widgets.elided_label import ElidedLabel

ROOM = QSize(1280, 720)
_DIALOGS = (
    "settings",
    "save_preset",
    "presets",
    "calibration",
    "palette",
    "help_focus",
    "help_page",
    "about",
)
# What the system asks, what needs a failed step, and what opens the browser.
_ELSEWHERE = {
    "open",
    "open_folder",
    "open_checkpoint",
    "save_as",
    "checkpoint",
    "show_failure",
    "check_updates",
    "export_view",
    "export_data",
    "export_table",
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
        """Look at a window."""
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
        window.controller.choose_flow("quick")
        window.controller.run_all()
        self._wait_until_idle()
        self._settle()
        for theme in THEMES:
            window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
            self._settle()
            self._walk()
        window.actions_["log"].trigger()
        self._settle(100)
        self.look("log", window)
        self._check_size("log")
        self._dialogs()
        window.close_without_question()
        return self.found

    def _walk(self) -> None:
        window = self.window
        for index in range(window.tabs.count()):
            window.tabs.setCurrentIndex(index)
            self._settle(100)
            self.look(window.tabs.tabText(index), window)
        for item in window.controller.steps.items:
            window.panel.list.choose(item.spec.name)
            self._settle(60)
            self._check_form(item.spec.title)
            self.look(item.spec.title, window)

    def _dialogs(self) -> None:
        window = self.window
        asking = {spec.id for spec in window.actions_.specs.values() if spec.text.endswith("…")}
        for name in asking - {*_DIALOGS, *_ELSEWHERE}:
            self.found[f"{name} asks something, and nobody looks at it"] = name
        window.panel.list.choose("compute_sta")
        window.panel.list.setFocus()
        for name in _DIALOGS:
            window.actions_[name].trigger()
            self._settle(200)
            if window.dialog is None:
                self.found[f"{name} opens no dialog"] = name
            self._look_at_dialog(name, window.dialog)
        own = window.controller.own_facts()
        there = FileFacts(Path("/a/long/folder/demo-Rec.h5"), "other", 135, own.steps, 31_400_000, "now")
        for dialog in (
            OverwriteDialog(there, own, {}, window),
            UnsavedDialog("Close?", ("5 units",), can_save=True, discard_text="Close anyway", parent=window),
            MessageDialog("Failed", ("Why it failed. " * 12,), details="Trace\n" * 30, parent=window),
        ):
            window.dialogs.open(dialog)
            self._settle(60)
            self._look_at_dialog(type(dialog).__name__, dialog)

    def _look_at_dialog(self, name: str, dialog: QDialog | None) -> None:
        if dialog is None:
            return
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
        probe = Probe(folder / "pictures", folder, "tiny", "standard")
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
