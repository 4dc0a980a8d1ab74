"""Ctrl+C in a table: the selected rows with all digits, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView

from hdmea.utils.spreadsheet import tabbed

__all__ = ["copy_rows"]

RowsOf = Callable[[list[QModelIndex]], tuple[Sequence[str], Iterable[Sequence[object]]]]
"""Returns titles and cells of rows of a view, each given by an index in it."""


def copy_rows(view: QAbstractItemView, rows_of: RowsOf) -> None:
    """Have Ctrl+C copy the selected rows of a view; Qt alone would copy one cell as it is shown."""
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)

    def copy() -> None:
        QGuiApplication.clipboard().setText(tabbed(*rows_of(view.selectionModel().selectedRows())))

    shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), view)
    shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
    shortcut.activated.connect(copy)
