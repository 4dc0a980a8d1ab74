"""Boxes leave the wheel to what they are in, unless they have the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QWidget

__all__ = ["ComboBox", "FocusedWheel"]

if TYPE_CHECKING:
    _Base = QWidget
else:
    _Base = object


class FocusedWheel(_Base):
    """Comes before the box in the bases of a class: scrolling past the box must not change it."""

    def leave_wheel(self) -> None:
        """Have the wheel not give the box the focus either."""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the value if the box has the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ComboBox(FocusedWheel, QComboBox):
    """A combo box that the wheel only changes while it has the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.leave_wheel()
