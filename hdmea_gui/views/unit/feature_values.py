"""Numbers of units below the titles of their features."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont

from hdmea_gui.views.unit.feature_query import FeatureGroup, FeaturesView, FeatureValue
from hdmea_gui.widgets.label import plain_tip

__all__ = ["FeatureValuesModel"]

_Index = QModelIndex | QPersistentModelIndex
_TOP = 0


class FeatureValuesModel(QAbstractItemModel):
    """A row for each number, its value in every unit and its definition, below the title of its feature.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = FeaturesView((), (), 0)

    def set_view(self, view: FeaturesView) -> bool:
        """Show these numbers; return whether there are other rows or columns than before."""
        same = _shape(view) == _shape(self._view)
        if same:
            self._view = view
            self._tell_all_changed()
        else:
            self.beginResetModel()
            self._view = view
            self.endResetModel()
        return not same

    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Return a title (below nothing) or a number (below its title)."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else _TOP)

    def parent(self, index: _Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        """Return the title of a number."""
        group = index.internalId() if index.isValid() else _TOP
        return QModelIndex() if group == _TOP else self.createIndex(group - 1, 0, _TOP)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of titles, or of the numbers below one."""
        if not parent.isValid():
            return len(self._view.groups)
        is_title = parent.internalId() == _TOP and parent.column() == 0
        return len(self._view.groups[parent.row()].values) if is_title else 0

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns: name, one for each unit, definition."""
        return len(self._view.unit_ids) + 2

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Number", *self._view.unit_ids, "Definition")[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a text, its tooltip or how it is set."""
        value = self.value(index)
        if value is None:
            return _of_title(self._view.groups[index.row()], index.column(), role)
        return self._of_value(value, index.column(), role)

    def value(self, index: _Index) -> FeatureValue | None:
        """Return the number in a row; None for a title."""
        above = index.internalId()
        return None if above == _TOP else self._view.groups[above - 1].values[index.row()]

    def texts(self, column: int) -> list[str]:
        """Return what is in a column of values, from top to bottom."""
        values = (value for group in self._view.groups for value in group.values)
        return [_with_unit(value, column - 1) for value in values]

    def _of_value(self, value: FeatureValue, column: int, role: int) -> Any:
        of_unit = 0 < column <= len(self._view.unit_ids)
        if role == Qt.ItemDataRole.DisplayRole:
            if column == 0:
                return value.label
            return _with_unit(value, column - 1) if of_unit else value.definition
        if role == Qt.ItemDataRole.ToolTipRole:
            reason = value.reasons[column - 1] if of_unit else ""
            missing = f"\nMissing here: {reason}" if reason else ""
            return plain_tip(f"{value.name}: {value.definition or 'no definition is stored'}{missing}")
        if role == Qt.ItemDataRole.TextAlignmentRole and of_unit:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _tell_all_changed(self) -> None:
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, self.columnCount() - 1)
        for row, group in enumerate(self._view.groups):
            title = self.index(row, 0)
            last = self.index(len(group.values) - 1, self.columnCount() - 1, title)
            self.dataChanged.emit(self.index(0, 0, title), last)


def _shape(view: FeaturesView) -> tuple[Any, ...]:
    return (len(view.unit_ids), tuple((group.title, len(group.values)) for group in view.groups))


def _with_unit(value: FeatureValue, unit: int) -> str:
    missing = value.values[unit] is None or value.texts[unit] == "–"
    # A row or a column of the chip is a place: "36 electrodes" would be read as a number of them.
    return (
        value.texts[unit]
        if missing or value.unit in {"", "electrodes"}
        else f"{value.texts[unit]} {value.unit}"
    )


def _of_title(group: FeatureGroup, column: int, role: int) -> Any:
    if column:
        return None
    if role == Qt.ItemDataRole.DisplayRole:
        return group.title
    if role == Qt.ItemDataRole.ToolTipRole:
        return plain_tip(group.help) or None
    if role == Qt.ItemDataRole.FontRole:
        font = QFont()
        font.setBold(True)
        return font
    return None
