"""Lights of a recording as a table; the sentence of the current one is told in full below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.shell.theme import Theme
from hdmea_gui.widgets.label import Label

if TYPE_CHECKING:
    from hdmea.health import Light

__all__ = ["LightsPanel", "light_colour", "light_text"]

_COLUMNS = ("Light", "What", "Number", "Meaning")
_ORDER = ("red", "amber", "green", "grey")


def light_colour(light: str, theme: Theme) -> str:
    """Return the colour of a light."""
    colours = {"green": theme.good, "amber": theme.warning, "red": theme.bad}
    return colours.get(light, theme.muted)


def light_text(light: str) -> str:
    """Return a light with a mark that is told apart without colours."""
    return f"{'○' if light == 'grey' else '●'} {light}"


class LightsPanel(QWidget):
    """The lights of one recording.

    Attributes
    ----------
    table, sentence
        All lights, and the meaning of the current one.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lights: Sequence[Light] = ()
        self.table = table = QTableWidget(0, len(_COLUMNS), self)
        self.sentence = Label(self)
        table.setAccessibleName("Lights of the recording")
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setShowGrid(False)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        # All lights are seen at once.
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header, height = table.horizontalHeader(), table.fontMetrics().height()
        for column in (0, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        table.setColumnWidth(1, table.fontMetrics().horizontalAdvance("Electrodes: saturated") + 12)
        table.verticalHeader().setMinimumSectionSize(height + 1)
        table.verticalHeader().setDefaultSectionSize(height + 2)
        table.currentCellChanged.connect(lambda row, *_others: self._tell(row))
        self.sentence.setWordWrap(True)
        self.sentence.setMargin(8)
        self.sentence.setMinimumHeight(3 * height + 16)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(table, 1)
        layout.addWidget(self.sentence)

    def show_lights(self, lights: Sequence[Light], theme: Theme, *, turn_to_worst: bool) -> None:
        """Show lights; `turn_to_worst`: make the worst one the current one."""
        self._theme = theme
        fresh = turn_to_worst or self.table.rowCount() != len(lights)
        self._lights = lights
        self.table.setRowCount(len(lights))
        for row, light in enumerate(lights):
            number = light.number.replace("uV", "µV").replace("-", "−")
            for column, text in enumerate((light_text(light.light), light.title, number, light.sentence)):
                item = QTableWidgetItem(text)
                if column == 2:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if column == 0:
                    item.setForeground(QColor(light_colour(light.light, theme)))
                elif light.light == "grey":
                    item.setForeground(QColor(theme.muted))
                self.table.setItem(row, column, item)
        if fresh and lights:
            worst = min(range(len(lights)), key=lambda row: (_ORDER.index(lights[row].light), row))
            self.table.setCurrentCell(worst, 0)
        self._tell(self.table.currentRow())

    def _tell(self, row: int) -> None:
        """Show the sentence of a light in full."""
        if 0 <= row < len(self._lights):
            light = self._lights[row]
            self.sentence.setText(f"{light.title}: {light.sentence}")
        else:
            self.sentence.clear()
