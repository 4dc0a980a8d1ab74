"""Numbers of the selected units with their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QLineEdit, QTreeView, QVBoxLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme, dress
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.unit.feature_query import FeaturesQuery, FeaturesView
from hdmea_gui.views.unit.feature_values import FeatureValuesModel
from hdmea_gui.widgets.copying import copy_rows
from hdmea_gui.widgets.label import Label

__all__ = ["UnitFeatures"]

_FIGURE_MM = 183.0
_NAME_WIDTH, _VALUE_WIDTH, _MARGIN = 210, 110, 16


class UnitFeatures(Preview):
    """A row for each number, under the title of its feature; a column for each of up to eight units."""

    name = "unit_features"
    title = "Numbers of the unit"
    help_text = (
        "All numbers of the selected units, grouped by feature, with physical unit and definition. A dash "
        "is a number that could not be computed; its tooltip says why. Type into the filter to find a "
        "number by its name or definition."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        dress(self, theme)
        self.model = FeatureValuesModel(self)
        self._sieve = QSortFilterProxyModel(self)
        self._sieve.setSourceModel(self.model)
        self._sieve.setRecursiveFilteringEnabled(True)
        self._sieve.setAutoAcceptChildRows(True)
        self._sieve.setFilterKeyColumn(-1)
        self._sieve.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.filter = QLineEdit(self)
        self.tree = QTreeView(self)
        self._note = Label(self)
        self._view: FeaturesView | None = None
        self._lay_out()
        self.filter.textChanged.connect(self._on_filter)
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        self.show_answer(None)

    def query(self) -> Query[object] | None:
        """Ask for the selected units."""
        units = self._controller.selection.units
        return FeaturesQuery(units) if units else None

    def show_answer(self, answer: object) -> None:
        """Show the numbers."""
        if not isinstance(answer, FeaturesView):
            self.show_problem(self.no_unit())
            return
        self._view = answer
        if self.model.set_view(answer):
            self._fit_columns()
        self.tree.setEnabled(True)
        self._note.setText(_note(answer))

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        self.model.set_view(FeaturesView((), (), 0))
        self.tree.setEnabled(False)
        self._note.setText(reason)

    def table(self) -> Table | None:
        """Return one row per unit and number: its name, physical unit, definition and value."""
        view = self._view
        if view is None:
            return None
        values = [value for group in view.groups for value in group.values]
        shared = (
            ("number", [value.name for value in values]),
            ("physical_unit", [value.unit for value in values]),
            ("definition", [value.definition for value in values]),
        )
        times = len(view.unit_ids)
        units = np.repeat(np.array(view.unit_ids, object), len(values))
        cells = [value.values[place] for place in range(times) for value in values]
        columns = [(title, np.array(texts * times, object)) for title, texts in shared]
        return Table((("unit_id", units), *columns, ("value", np.array(cells, object))))

    def figure(self) -> dict[str, Any] | None:
        """Return options of a figure of the numbers; None without any."""
        return None if self._view is None else self.figure_of(("numbers",))

    def figure_state(self) -> dict[str, Any]:
        """Return the units whose numbers are shown."""
        return {"unit_ids": () if self._view is None else self._view.unit_ids, "width_mm": _FIGURE_MM}

    def _lay_out(self) -> None:
        self.filter.setPlaceholderText("Filter by name or definition")
        self.filter.setToolTip("Show only numbers whose name or definition contains these letters")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter of the numbers")
        self.filter.setFixedWidth(240)
        self._note.setProperty("role", "muted")
        self.tree.setModel(self._sieve)
        self.tree.setAccessibleName("Numbers of the unit")
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.setIndentation(12)
        self.tree.header().setStretchLastSection(True)
        copy_rows(self.tree, self._selected)
        top = QHBoxLayout()
        top.addWidget(self.filter)
        top.addSpacing(12)
        top.addWidget(self._note, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 4)
        layout.addLayout(top)
        layout.addWidget(self.tree, 1)

    def _selected(self, rows: list[QModelIndex]) -> tuple[list[str], list[list[object]]]:
        """Return titles and cells of rows, titles of features being none."""
        values = [self.model.value(self._sieve.mapToSource(row)) for row in rows]
        units = () if self._view is None else self._view.unit_ids
        cells: list[list[object]] = [
            [value.name, *value.values, value.unit, value.definition] for value in values if value is not None
        ]
        return ["number", *units, "physical_unit", "definition"], cells

    def _fit_columns(self) -> None:
        self.tree.expandAll()
        for row in range(self._sieve.rowCount()):
            self.tree.setFirstColumnSpanned(row, self.tree.rootIndex(), True)
        header = self.tree.header()
        for column in range(header.count() - 1):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(column, self._width(column) if column else _NAME_WIDTH)

    def _width(self, column: int) -> int:
        """Return how wide a column of values is so that none is cut off, in pixels."""
        metrics = self.tree.fontMetrics()
        texts = self.model.texts(column)
        return max([_VALUE_WIDTH, *(metrics.horizontalAdvance(text) + _MARGIN for text in texts)])

    def _on_filter(self, text: str) -> None:
        self._sieve.setFilterFixedString(text)
        self._fit_columns()


def _note(view: FeaturesView) -> str:
    if view.left_out:
        return f"{len(view.unit_ids)} of {len(view.unit_ids) + view.left_out} selected units"
    if all(group.title in {"Unit", "Spike sorter"} for group in view.groups):
        return "The steps “Features”, “Soma geometry” and later ones add more numbers."
    return "Hover over a number to read its definition."
