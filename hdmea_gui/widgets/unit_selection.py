"""Rows of units that follow the selection, and change it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QObject
from PySide6.QtWidgets import QAbstractItemView

from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.units import UnitTableModel

__all__ = ["UnitSelection"]


class UnitSelection(QObject):
    """Keeps the selected rows of a view of units and the selected units the same.

    Parameters
    ----------
    view
        Shows `units`; the row that was touched last is the current unit.
    units
        Its model.
    selection
        The selected units.
    """

    def __init__(self, view: QAbstractItemView, units: UnitTableModel, selection: SelectionModel) -> None:
        super().__init__(view)
        self._view, self._units, self._selection = view, units, selection
        self._follows = False
        selection.units_changed.connect(self._show)
        view.selectionModel().selectionChanged.connect(self._on_chosen)

    def show(self) -> None:
        """Select the rows of the selected units, and bring the current one into sight."""
        self._show(self._selection.units)

    def _on_chosen(self, _now: QItemSelection, _before: QItemSelection) -> None:
        if self._follows:
            return
        chosen = self._view.selectionModel()
        rows = sorted({index.row() for index in chosen.selectedIndexes()})
        touched = chosen.currentIndex().row()
        if touched in rows:
            rows.remove(touched)
            rows.insert(0, touched)
        if rows:
            self._follows = True
            self._selection.select_units(tuple(self._units.unit_id(row) for row in rows))
            self._follows = False

    def _show(self, unit_ids: tuple[str, ...]) -> None:
        if self._follows:
            return
        rows = [row for unit_id in unit_ids if (row := self._units.row_of(unit_id)) is not None]
        chosen, last = QItemSelection(), self._units.columnCount() - 1
        for first, end in _runs(sorted(rows)):
            chosen.select(self._units.index(first, 0), self._units.index(end, last))
        flag = QItemSelectionModel.SelectionFlag
        self._follows = True
        self._view.selectionModel().select(chosen, flag.ClearAndSelect)
        if rows:
            index = self._units.index(rows[0], 0)
            self._view.selectionModel().setCurrentIndex(index, flag.NoUpdate)
            self._view.scrollTo(index)
        self._follows = False


def _runs(rows: list[int]) -> list[tuple[int, int]]:
    """Return first and last of each run of neighbouring rows."""
    breaks = np.flatnonzero(np.diff(rows) > 1) if rows else np.zeros(0, np.intp)
    firsts = [rows[0], *(rows[at + 1] for at in breaks)] if rows else []
    lasts = [*(rows[at] for at in breaks), rows[-1]] if rows else []
    return list(zip(firsts, lasts, strict=True))
