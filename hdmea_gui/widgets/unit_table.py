"""The unit table: sort, filter, choose the unit that all views follow."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QSortFilterProxyModel, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.units import UnitTableModel

__all__ = ["UnitTable"]


class UnitTable(QWidget):
    """Table of the units; several rows can be chosen, the first is the current unit."""

    def __init__(
        self, model: UnitTableModel, selection: SelectionModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._selection = selection
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(model)
        self._proxy.setSortRole(UnitTableModel.SortRole)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.view = _make_view(self)
        self.view.setModel(self._proxy)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._count = QLabel(self)
        self._count.setProperty("role", "muted")
        self._filter = QLineEdit(self)
        self._filter.setPlaceholderText("Filter by id")
        self._filter.setClearButtonEnabled(True)
        self._filter.setMaximumWidth(180)
        self._filter.textChanged.connect(self._on_filter)
        self._empty = QLabel("No units yet. Open a recording and run “Load recording”.", self)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setProperty("role", "muted")
        self._lay_out()
        model.modelReset.connect(self._on_reset)
        selection.units_changed.connect(self._show_selection)
        self.view.selectionModel().selectionChanged.connect(self._on_chosen)
        self._on_reset()

    def step(self, rows: int) -> None:
        """Choose the unit `rows` below (or above) the current one, in the order shown."""
        row = self.view.currentIndex().row() + rows
        if 0 <= row < self._proxy.rowCount():
            self.view.selectRow(row)

    def _lay_out(self) -> None:
        heading = QLabel("Units", self)
        heading.setProperty("role", "heading")
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 4, 8, 0)
        bar.addWidget(heading)
        bar.addWidget(self._count)
        bar.addStretch(1)
        bar.addWidget(self._filter)
        pages = QWidget(self)
        self._stack = QStackedLayout(pages)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(pages, 1)

    def _on_reset(self) -> None:
        self._stack.setCurrentIndex(1 if self._model.rowCount() else 0)
        self._filter.setEnabled(bool(self._model.rowCount()))
        self._show_count()
        self._show_selection(self._selection.units)

    def _on_filter(self, text: str) -> None:
        self._proxy.setFilterFixedString(text)
        self._show_count()

    def _show_count(self) -> None:
        total, shown = self._model.rowCount(), self._proxy.rowCount()
        self._count.setText("" if not total else f"{total}" if shown == total else f"{shown} of {total}")

    def _on_chosen(self, _now: QItemSelection, _before: QItemSelection) -> None:
        rows = [self._proxy.mapToSource(index).row() for index in self.view.selectionModel().selectedRows()]
        if rows:
            self._selection.select_units(tuple(self._model.unit_id(row) for row in rows))

    def _show_selection(self, unit_ids: tuple[str, ...]) -> None:
        row = self._model.row_of(unit_ids[0]) if unit_ids else None
        if row is None:
            return
        index = self._proxy.mapFromSource(self._model.index(row, 0))
        if index.isValid() and not self.view.selectionModel().isRowSelected(index.row(), index.parent()):
            self.view.selectRow(index.row())
            self.view.scrollTo(index)


def _make_view(parent: QWidget) -> QTableView:
    view = QTableView(parent)
    view.setObjectName("units")
    view.setAccessibleName("Units")
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setSortingEnabled(True)
    view.setAlternatingRowColors(True)
    view.setShowGrid(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(view.fontMetrics().height() + 6)
    view.horizontalHeader().setHighlightSections(False)
    return view
