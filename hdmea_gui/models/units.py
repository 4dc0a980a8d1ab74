"""The unit table."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from hdmea_gui.controller.snapshot import Column

__all__ = ["UnitTableModel"]

_Index = QModelIndex | QPersistentModelIndex
MISSING = "–"


class UnitTableModel(QAbstractTableModel):
    """One row per unit: its id, then the columns of the session; sorts by numbers, missing ones last."""

    SortRole = int(Qt.ItemDataRole.UserRole)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: tuple[str, ...] = ()
        self._columns: tuple[Column, ...] = ()

    def set_content(self, unit_ids: tuple[str, ...], columns: tuple[Column, ...]) -> None:
        """Show these units."""
        self.beginResetModel()
        self._ids, self._columns = unit_ids, columns
        self.endResetModel()

    def unit_id(self, row: int) -> str:
        """Return the unit of a row of this (unsorted) model."""
        return self._ids[row]

    def row_of(self, unit_id: str) -> int | None:
        """Return the row of a unit, None if it is not there."""
        return self._ids.index(unit_id) if unit_id in self._ids else None

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of units."""
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns, with that of the ids."""
        return 0 if parent.isValid() else 1 + len(self._columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return title and help of a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = None if section == 0 else self._columns[section - 1]
        if role == Qt.ItemDataRole.DisplayRole:
            return "Unit" if column is None else column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return (
                "Id of the unit, from its number in the spike-sorted file" if column is None else column.help
            )
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column is None else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell: text to show, or the value to sort by."""
        if not index.isValid():
            return None
        row, section = index.row(), index.column()
        if section == 0:
            if role in (Qt.ItemDataRole.DisplayRole, self.SortRole):
                return self._ids[row]
            return None
        column = self._columns[section - 1]
        value = column.values[row]
        if role == self.SortRole:
            return -math.inf if isinstance(value, float) and math.isnan(value) else value
        if role == Qt.ItemDataRole.DisplayRole:
            if isinstance(value, float):
                return MISSING if math.isnan(value) else f"{value:,.{column.decimals}f}"
            return str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None
