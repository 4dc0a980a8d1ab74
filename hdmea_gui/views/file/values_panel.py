"""The first values of a dataset or attribute: text, or a small table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QPlainTextEdit,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.widgets.copying import copy_rows
from hdmea_gui.widgets.label import Label

if TYPE_CHECKING:
    from hdmea_gui.views.file.query import ValuesView

__all__ = ["ValuesPanel"]

_NOTHING = "Select a dataset or an attribute to see its values."


class ValuesPanel(QWidget):
    """Shows what one entry of the file contains."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        heading = Label("Values", self)
        heading.setProperty("role", "heading")
        self.note = Label(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self.copy_button = QToolButton(self)
        self.copy_button.setText("Copy")
        self.copy_button.setToolTip("Copy the values that are shown")
        self.copy_button.setAutoRaise(True)
        self.copy_button.clicked.connect(self.copy)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Value")
        self.grid = QTableWidget(self)
        self.grid.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.grid.setAccessibleName("Values")
        copy_rows(self.grid, self._selected)
        self.grid.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.grid.horizontalHeader().setDefaultSectionSize(
            self.fontMetrics().horizontalAdvance("−0.000000e+00") + 8
        )
        self.empty = Label(_NOTHING, self)
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self.empty.setMargin(12)
        bar = QHBoxLayout()
        bar.addWidget(heading)
        bar.addStretch(1)
        bar.addWidget(self.copy_button)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        for page in (self.empty, self.text, self.grid):
            self._pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 8, 4)
        layout.setSpacing(2)
        layout.addLayout(bar)
        layout.addWidget(self.note)
        layout.addWidget(pages, 1)
        self.show_nothing()

    def show_nothing(self, reason: str = _NOTHING) -> None:
        """Say what to do, or why there is nothing."""
        self.empty.setText(reason)
        self._values = np.zeros(0)
        self.note.clear()
        self.copy_button.setEnabled(False)
        self._pages.setCurrentWidget(self.empty)

    def show_values(self, view: ValuesView) -> None:
        """Show values."""
        shape = " × ".join(f"{size:,}" for size in view.shape) or "scalar"
        self.note.setText(", ".join(part for part in (view.dtype, shape, view.rest) if part))
        self._values = view.values
        self.copy_button.setEnabled(True)
        if view.values.size == 0:
            self.show_nothing("It has no elements.")
        elif view.values.size == 1:
            self.text.setPlainText(_cell(view.values.ravel()[0]))
            self._pages.setCurrentWidget(self.text)
        else:
            self._fill_grid(view)
            self._pages.setCurrentWidget(self.grid)

    def shown_text(self) -> str:
        """Return the values with all digits as text, cells of a row with tabs between them."""
        if self._values.ndim == 0:
            return str(self._values)
        rows = self._values.reshape(len(self._values), -1).tolist()
        return "\n".join("\t".join(map(str, row)) for row in rows)

    def copy(self) -> None:
        """Put the values that are shown into the clipboard."""
        QGuiApplication.clipboard().setText(self.shown_text())

    def _selected(self, rows: list[QModelIndex]) -> tuple[list[str], list[list[object]]]:
        header = self.grid.model()
        titles = [str(header.headerData(at, Qt.Orientation.Horizontal)) for at in range(header.columnCount())]
        values = self._values.reshape(len(self._values), -1)
        return titles, [values[row.row()].tolist() for row in rows]

    def _fill_grid(self, view: ValuesView) -> None:
        values = view.values.reshape(-1, 1) if view.values.ndim < 2 else view.values
        self.grid.clear()
        self.grid.setRowCount(values.shape[0])
        self.grid.setColumnCount(values.shape[1])
        self.grid.setVerticalHeaderLabels([str(row) for row in range(values.shape[0])])
        self.grid.setHorizontalHeaderLabels(
            ["value"] if view.values.ndim < 2 else [str(column) for column in range(values.shape[1])]
        )
        for (row, column), value in np.ndenumerate(values):
            self.grid.setItem(row, column, QTableWidgetItem(_cell(value)))


def _cell(value: object) -> str:
    return f"{value:.7g}" if isinstance(value, (float, np.floating)) else str(value)
