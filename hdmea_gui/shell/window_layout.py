"""How the parts of the window are arranged, and how the arrangement is remembered."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtWidgets import (
    QGraphicsView,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QSplitter,
    QToolBar,
    QWidget,
)

from hdmea_gui.shell.view_tabs import ViewTabs
from hdmea_gui.store.settings import Settings

__all__ = ["WindowFrame", "pass_drops_on"]

_SIZE = QSize(1280, 720)
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
        What lies below the tabs: the unit table and the log.

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
    ) -> None:
        self._window = window
        self.tabs = ViewTabs(window)
        for title in titles:
            self.tabs.addTab(QWidget(window), title)
        self._column = QSplitter(Qt.Orientation.Vertical, window)
        for widget, stretch in ((self.tabs, 3), *zip(below, (1, 0), strict=True)):
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
        window.setCentralWidget(self._row)

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
        self._window.resize(_SIZE)
        if values.geometry:
            self._window.restoreGeometry(QByteArray.fromBase64(values.geometry.encode(errors="replace")))
        for splitter, sizes in ((self._row, values.main_splitter), (self._column, values.view_splitter)):
            if len(sizes) == splitter.count():
                splitter.setSizes(sizes)
