"""Tabs that show when the keys move among them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
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
        self._laid_out_for = QSize()

    def event(self, event: QEvent) -> bool:
        """Leave everything in its place when only a view asks for other room: Qt would paint all of it."""
        if event.type() is QEvent.Type.LayoutRequest:
            wanted = self.tabBar().sizeHint()
            if wanted == self._laid_out_for:
                self.updateGeometry()
                return QWidget.event(self, event)
            self._laid_out_for = wanted
        return super().event(event)


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
