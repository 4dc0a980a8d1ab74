"""How the parts of the window are arranged, and how the arrangement is remembered."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import (
    QGraphicsView,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.store.settings import Settings

__all__ = ["ViewTabs", "WindowFrame", "pass_drops_on"]

_SIZE = QSize(1280, 720)
# Of the screen, at the first start.
_SHARE = 0.88
_HEIGHTS = [430, 160, 120]


def pass_drops_on(part: QWidget) -> None:
    """Have nothing inside a part of the window take what is dropped on it."""
    for view in part.findChildren(QGraphicsView):
        view.setAcceptDrops(False)
        view.viewport().setAcceptDrops(False)
    for kind in (QLineEdit, QPlainTextEdit):
        for line in part.findChildren(kind):
            line.setAcceptDrops(False)


class WindowFrame:
    """Steps at the left; views, unit table and log one below the other at the right.

    Parameters
    ----------
    window
        Gets the parts as its central widget.
    panel
        The steps and their parameters.
    titles
        One tab each, empty for now.
    below
        What is below the tabs: the unit table and the log.
    above
        A line above the tabs.

    Attributes
    ----------
    tabs
        The previews.
    """

    def __init__(
        self,
        window: QMainWindow,
        panel: QWidget,
        titles: Sequence[str],
        below: Sequence[QWidget],
        above: QWidget,
    ) -> None:
        self._window = window
        self.tabs = ViewTabs(window)
        for title in titles:
            self.tabs.addTab(QWidget(window), title)
        self._column = QSplitter(Qt.Orientation.Vertical, window)
        upper = QWidget(window)
        stack = QVBoxLayout(upper)
        stack.setContentsMargins(0, 0, 0, 0)
        stack.setSpacing(0)
        stack.addWidget(above)
        stack.addWidget(self.tabs, 1)
        for widget, stretch in ((upper, 3), *zip(below, (1, 0), strict=True)):
            self._column.addWidget(widget)
            self._column.setStretchFactor(self._column.indexOf(widget), stretch)
        self._column.setCollapsible(0, False)
        self._column.setCollapsible(2, False)
        self._column.setSizes(_HEIGHTS)
        self._row = QSplitter(Qt.Orientation.Horizontal, window)
        self._row.addWidget(panel)
        self._row.addWidget(self._column)
        self._row.setStretchFactor(1, 1)
        self._row.setChildrenCollapsible(False)
        self._row.setSizes([310, 970])
        self._pages = QStackedWidget(window)
        self._pages.addWidget(self._row)
        window.setCentralWidget(self._pages)

    def add_page(self, page: QWidget) -> None:
        """Add something that is shown in place of all this."""
        self._pages.addWidget(page)

    def show_page(self, page: QWidget | None) -> None:
        """Show what was added, or with None the parts of the recording."""
        self._pages.setCurrentWidget(self._row if page is None else page)

    def add_toolbar(self) -> QToolBar:
        """Add an empty toolbar to the window."""
        bar = QToolBar("Tools", self._window)
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._window.addToolBar(bar)
        return bar

    def take_drops(self) -> None:
        """Have what is dropped on a view reach the window, which takes it wherever it lands."""
        self._window.setAcceptDrops(True)
        pass_drops_on(self._window)

    def remember(self, values: Settings) -> None:
        """Write the arrangement into the settings."""
        values.geometry = bytes(self._window.saveGeometry().toBase64().data()).decode()
        values.main_splitter = self._row.sizes()
        shown = zip(self._column.sizes(), _HEIGHTS, strict=True)
        # A part that is hidden counts as having no height, and would be shown like that.
        values.view_splitter = [height or usual for height, usual in shown]

    def restore(self, values: Settings) -> None:
        """Arrange as the settings say; what does not fit is left as it is."""
        room = self._window.screen().availableSize() * _SHARE
        self._window.resize(room.expandedTo(_SIZE))
        if values.geometry:
            self._window.restoreGeometry(QByteArray.fromBase64(values.geometry.encode(errors="replace")))
        for splitter, sizes in ((self._row, values.main_splitter), (self._column, values.view_splitter)):
            if len(sizes) == splitter.count():
                splitter.setSizes(sizes)


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
