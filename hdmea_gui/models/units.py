"""The unit table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont, QIcon

from hdmea_gui.engine.snapshot import Column
from hdmea_gui.models.unit_filter import FilterError, matching_units
from hdmea_gui.widgets.label import plain_tip

__all__ = ["MISSING", "STALE", "UnitTableModel"]

_Index = QModelIndex | QPersistentModelIndex
MISSING = "–"
STALE = "⚠"
"""What precedes the title of a column whose values are stale; they are in italics."""
_HELP = "Id of the unit, from its number in the spike-sorted file"
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
# A text at the left would touch the number before it.
_CENTRE = int(Qt.AlignmentFlag.AlignCenter)


class UnitTableModel(QAbstractTableModel):
    """One row per unit that the filter lets through: its id, then the selected columns.

    Rows are sorted here: numbers as numbers, what is missing at the end whichever way they run.

    Attributes
    ----------
    filter_text
        What was typed last; the rows may still be those of the last filter that made sense.
    filter_problem
        Why that filter makes no sense with the present columns, empty if it does.

    Signals
    -------
    content_changed()
        There are other units or columns.
    """

    content_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: tuple[str, ...] = ()
        self._columns: tuple[Column, ...] = ()
        self._shown: tuple[Column, ...] = ()
        self._chosen: tuple[str, ...] = ()
        self._mask: NDArray[np.bool_] = np.ones(0, bool)
        self._rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self._row_of: dict[str, int] = {}
        self._known: frozenset[str] = frozenset()
        self._swatches: tuple[QIcon, ...] = ()
        self._sorted_by = ("", Qt.SortOrder.AscendingOrder)
        self.filter_text = ""
        self.filter_problem = ""

    # -- content -------------------------------------------------------------------------------------

    @property
    def unit_ids(self) -> tuple[str, ...]:
        """All units, whether they are shown or not."""
        return self._ids

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, whether they are shown or not."""
        return self._columns

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """The columns behind that of the ids."""
        return self._shown

    def set_content(self, unit_ids: tuple[str, ...], columns: tuple[Column, ...]) -> None:
        """Show these units; filter, order and chosen columns stay."""
        self.beginResetModel()
        self._ids, self._columns = unit_ids, columns
        self._known = frozenset(unit_ids)
        self._swatches = self._swatches if len(self._swatches) == len(unit_ids) else ()
        self._choose()
        try:
            self._mask, self.filter_problem = matching_units(self.filter_text, unit_ids, columns), ""
        except FilterError as error:
            self._mask, self.filter_problem = np.ones(len(unit_ids), bool), str(error)
        self._arrange()
        self.endResetModel()
        self.content_changed.emit()

    def show_columns(self, keys: Sequence[str]) -> None:
        """Show the columns with these keys, in the order of the table; none: the standard ones."""
        self.beginResetModel()
        self._chosen = tuple(keys)
        self._choose()
        self._arrange()
        self.endResetModel()
        self.content_changed.emit()

    def set_filter(self, text: str) -> None:
        """Show the units that a filter lets through; the rows stay if it does not make sense."""
        self.filter_text, self.filter_problem = text, ""
        try:
            mask = matching_units(text, self._ids, self._columns)
        except FilterError as error:
            self.filter_problem = str(error)
            return
        self.beginResetModel()
        self._mask = mask
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; units that are equal stay in the order of their ids."""
        key = "" if column <= 0 or column > len(self._shown) else self._shown[column - 1].key
        self.beginResetModel()
        self._sorted_by = (key, order)
        self._arrange()
        self.endResetModel()

    def unit_id(self, row: int) -> str:
        """Return the unit of a row."""
        return self._ids[int(self._rows[row])]

    def row_of(self, unit_id: str) -> int | None:
        """Return the row of a unit, None if it is not shown."""
        return self._row_of.get(unit_id)

    def value(self, row: int, column: Column) -> Any:
        """Return the value of a row in a column, shown or not."""
        return column.values[self._rows[row]]

    def shows(self, unit_id: str) -> bool:
        """Return whether the filter lets a unit through; also True of one that is not known."""
        return unit_id in self._row_of or unit_id not in self._known

    def show_swatches(self, colours: Sequence[QIcon]) -> None:
        """Show a colour before the id of each of all units; none: no colours."""
        self._swatches = tuple(colours)
        if self._rows.size:
            first, last = self.index(0, 0), self.index(len(self._rows) - 1, 0)
            self.dataChanged.emit(first, last, [Qt.ItemDataRole.DecorationRole])

    @property
    def rows(self) -> NDArray[np.intp]:
        """Place among all units of the unit in each row."""
        return self._rows

    # -- Qt's side -----------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of units that are shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns that are shown, with that of the ids."""
        return 0 if parent.isValid() else 1 + len(self._shown)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return title and definition of a column."""
        if orientation is not Qt.Orientation.Horizontal or section > len(self._shown):
            return None
        column = None if section == 0 else self._shown[section - 1]
        if role == Qt.ItemDataRole.DisplayRole:
            return "Unit" if column is None else f"{STALE} {column.title}" if column.stale else column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return _HELP if column is None else plain_tip(column.help)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _LEFT if column is None else _CENTRE if column.is_text else _RIGHT
        if role == Qt.ItemDataRole.InitialSortOrderRole:
            # The best on top: most numbers are better the larger they are, probabilities the smaller.
            largest_first = column is not None and not column.is_text and not column.key.endswith("_p")
            return int((Qt.SortOrder.DescendingOrder if largest_first else Qt.SortOrder.AscendingOrder).value)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if not index.isValid():
            return None
        section = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(index.row(), section)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.headerData(section, Qt.Orientation.Horizontal, role)
        if role == Qt.ItemDataRole.DecorationRole and not section and self._swatches:
            return self._swatches[int(self._rows[index.row()])]
        if section and (cause := self._shown[section - 1].stale):
            if role == Qt.ItemDataRole.FontRole:
                return _italic()
            if role == Qt.ItemDataRole.ToolTipRole:
                return plain_tip(f"Stale: {cause}.")
        return None

    def text(self, row: int, section: int) -> str:
        """Return what a cell shows."""
        if section == 0:
            return self.unit_id(row)
        return self.value_text(row, self._shown[section - 1])

    def value_text(self, row: int, column: Column) -> str:
        """Return the value of a row in a column, shown or not, as it is read."""
        value = self.value(row, column)
        if column.is_text:
            return str(value) or MISSING
        if np.isnan(value):
            return MISSING
        return f"{float(value):,.{column.decimals}f}".replace("inf", "∞").replace("-", "−")

    @property
    def sorted_section(self) -> tuple[int, Qt.SortOrder]:
        """Section that the rows are sorted by, and the direction."""
        key, order = self._sorted_by
        keys = [column.key for column in self._shown]
        return (keys.index(key) + 1 if key in keys else 0), order

    # -- order ---------------------------------------------------------------------------------------

    def _choose(self) -> None:
        chosen = set(self._chosen)
        self._shown = tuple(
            column for column in self._columns if (column.key in chosen if chosen else column.standard)
        )

    def _arrange(self) -> None:
        key, order = self._sorted_by
        rows = np.flatnonzero(self._mask)
        column = next((column for column in self._shown if column.key == key), None)
        descending = order is Qt.SortOrder.DescendingOrder
        if column is None:
            rows = rows[::-1] if descending else rows
        else:
            keys, missing = _sort_keys(column.values[rows])
            there, away = rows[~missing], rows[missing]
            ranks = -keys[~missing] if descending else keys[~missing]
            rows = np.concatenate((there[np.argsort(ranks, kind="stable")], away))
        self._rows = rows
        self._row_of = {self._ids[place]: row for row, place in enumerate(rows.tolist())}


def _italic() -> QFont:
    font = QFont()
    font.setItalic(True)
    return font


def _sort_keys(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return numbers to sort by, and where there is none."""
    if values.dtype.kind != "O":
        return values, np.isnan(values)
    places = {text: rank for rank, text in enumerate(sorted(set(values.tolist()), key=str.casefold))}
    ranks = np.array([places[text] for text in values.tolist()], np.float64)
    return ranks, np.array([not text for text in values.tolist()], bool)
