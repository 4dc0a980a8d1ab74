"""The blocks of a set-up as a table: what was shown when, and who says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from hdmea_gui.flows.setup.model import Row, SetupModel
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.views.parts.stimulus_strip import span_colours
from hdmea_gui.widgets.label import plain_tip

if TYPE_CHECKING:
    from hdmea.stimulus_setup import BlockCheck, RecordedStimulus

__all__ = ["FOUND", "BlockTable"]

FOUND = {
    "light": "by light",
    "playlist": "by playlist",
    "events": "by digital events",
    "length": "by length",
    "log": "by log",
    "hand": "by hand",
}
_HEADINGS = ("Movie", "Start (s)", "Length (s)", "Frames", "r", "Lag", "Found", "Trials")
_HELP = (
    "Name of the movie; movie#2 is its second showing",
    "When its first image was shown",
    "How long it was shown",
    "Display frames, counted from the first one of the recording",
    "Correlation of the recorded light with the levels of the movie",
    "Display frames by which the light comes later than the block says",
    "What says that this movie was shown; only the light is a check",
    "Number of trials by the definition of the movie",
)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class BlockTable(QTableWidget):
    """Follows a `SetupModel` and selects in it.

    Signals
    -------
    zoom_asked()
        Show the selected row alone.
    remove_asked()
        Remove the selected block.
    """

    zoom_asked = Signal()
    remove_asked = Signal()

    def __init__(self, model: SetupModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_HEADINGS), parent)
        self._model, self._theme = model, theme
        self._filling = False
        for column, (title, text) in enumerate(zip(_HEADINGS, _HELP, strict=True)):
            heading = QTableWidgetItem(title)
            heading.setToolTip(plain_tip(text))
            self.setHorizontalHeaderItem(column, heading)
        self.setAccessibleName("Blocks")
        self.setToolTip("Double-click a row to zoom to it; Delete removes it")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for column in range(1, len(_HEADINGS)):
            self.resizeColumnToContents(column)
        self.currentCellChanged.connect(self._on_current)
        self.cellDoubleClicked.connect(lambda *_: self.zoom_asked.emit())
        model.changed.connect(self.refresh)
        model.checked.connect(self.refresh)
        model.selected.connect(self._show_selected)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self.refresh()

    def refresh(self) -> None:
        """Show the rows of the model."""
        known, rows = self._model.known, self._model.rows
        if known is None:
            return
        spans = tuple(Span(row.block.movie, 0, 0) for row in rows if row.block is not None)
        colours = span_colours(spans, self._theme)
        self._filling = True
        self.setRowCount(len(rows))
        changed = False
        for number, row in enumerate(rows):
            check = None if row.block is None else self._model.check_of(row.block)
            off = check is not None and _is_off(check)
            name = self._theme.muted if row.block is None else colours[row.block.movie]
            for column, text in enumerate(_cells(row, check, known)):
                colour = name if column == 0 else self._theme.warning if off and column in (4, 5) else ""
                changed |= self._show_cell(number, column, text, colour)
        if changed:
            # Not by the mode of the header, which would measure all cells after each of them.
            for column in range(1, self.columnCount()):
                self.resizeColumnToContents(column)
        self._filling = False
        self._show_selected()

    def _show_cell(self, row: int, column: int, text: str, colour: str) -> bool:
        """Show a text in a colour, empty for the usual one; return whether the text is another one."""
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            if column in (1, 2, 3, 4, 5, 7):
                item.setTextAlignment(_RIGHT)
            self.setItem(row, column, item)
        brush = QBrush(QColor(colour)) if colour else QBrush()
        if item.foreground() != brush:
            item.setForeground(brush)
        if item.text() == text:
            return False
        item.setText(text)
        if column == 0:
            item.setToolTip(plain_tip(text))
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Remove the selected block with Delete."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_asked.emit()
        else:
            super().keyPressEvent(event)

    def _show_selected(self) -> None:
        if self.currentRow() != self._model.row:
            self._filling = True
            self.setCurrentCell(self._model.row, 0)
            self._filling = False

    def _on_current(self, row: int, *_: int) -> None:
        if not self._filling and row >= 0:
            self._model.select(row)


def _is_off(check: BlockCheck) -> bool:
    return check.state not in ("checked", "not checkable") or bool(
        check.state != "checked" and check.best_lag and check.best_r > 0.5
    )


def _cells(row: Row, check: BlockCheck | None, known: RecordedStimulus) -> tuple[str, ...]:
    start, stop = known.time_s(row.first), known.time_s(row.stop)
    frames = f"{row.first} to {row.stop}" if known.clock == "display" else "–"
    times = (f"{start:.2f}", f"{stop - start:.2f}", frames)
    block = row.block
    if block is None:
        assert row.unknown is not None
        period = row.unknown.period_frames
        again = "" if math.isnan(period) else f", repeats every {period * known.light.interval_s:.2f} s"
        return (f"unknown: the light changes{again}", *times, "", "", "", "")
    r = float("nan") if check is None else check.best_r
    definition = known.definitions.get(block.movie)
    n_trials = 1 if known.clock == "time" else 0 if definition is None else definition.section_kwargs.n_trials
    lag = "" if check is None or math.isnan(check.best_r) or check.best_r < 0.3 else f"{check.best_lag:+d}"
    return (
        block.label,
        *times,
        "" if math.isnan(r) else f"{r:.3f}",
        "0" if lag == "+0" else lag,
        FOUND[block.by],
        str(n_trials) if n_trials else "–",
    )
