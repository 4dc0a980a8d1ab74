"""Shortcuts, and what this program is."""

from __future__ import annotations

import platform

import numpy
import pyqtgraph
import PySide6
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from hdmea._version import __version__
from hdmea_gui.actions import ActionSet
from hdmea_gui.icons import application_icon

__all__ = ["AboutDialog", "ShortcutsDialog"]


class ShortcutsDialog(QDialog):
    """All shortcuts, from the table of actions."""

    def __init__(self, actions: ActionSet, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        rows = [spec for spec in actions.specs.values() if spec.shortcut]
        for row, spec in enumerate(rows):
            keys = actions[spec.id].shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            key = QLabel(keys, self)
            key.setProperty("role", "heading")
            grid.addWidget(QLabel(spec.tooltip, self), row, 0)
            grid.addWidget(key, row, 1, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(_close_box(self))


class AboutDialog(QDialog):
    """Version, licence and the libraries in use."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About HD-MEA Studio")
        picture = QLabel(self)
        picture.setPixmap(application_icon().pixmap(72, 72))
        title = QLabel("HD-MEA Studio", self)
        title.setProperty("role", "title")
        text = QLabel(
            f"Version {__version__}\nFrom CMOS-MEA5000 recordings of the retina to results "
            f"that can be published.\nMIT licence",
            self,
        )
        libraries = QLabel(
            f"Python {platform.python_version()} (PSF)  ·  Qt and PySide6 {PySide6.__version__} (LGPL 3)\n"
            f"pyqtgraph {pyqtgraph.__version__} (MIT)  ·  numpy {numpy.__version__} (BSD)",
            self,
        )
        libraries.setProperty("role", "muted")
        words = QVBoxLayout()
        for widget in (title, text, libraries):
            widget.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(widget)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(_close_box(self))


def _close_box(dialog: QDialog) -> QDialogButtonBox:
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
    box.rejected.connect(dialog.reject)
    return box
