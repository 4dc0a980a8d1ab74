"""Tabs that show when the keys move among them."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QTabBar, QTabWidget, QWidget

__all__ = ["ViewTabs"]


class ViewTabs(QTabWidget):
    """A tab widget in document mode whose current tab is framed while it has the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabBar(_TabBar(self))
        self.setDocumentMode(True)
        self.tabBar().setAccessibleName("Views")


class _TabBar(QTabBar):
    def tabSizeHint(self, index: int) -> QSize:
        # The style leaves no room for what reaches below the line in the tabs behind.
        return super().tabSizeHint(index) + QSize(0, 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.hasFocus():
            return
        painter = QPainter(self)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
        painter.drawRect(self.tabRect(self.currentIndex()).adjusted(4, 4, -5, -4))
