"""What the recorded light says of each section, and how to mend what does not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.shell.theme import Theme
from hdmea_gui.widgets.copying import copy_rows
from hdmea_gui.widgets.label import RichLabel, plain_tip

if TYPE_CHECKING:
    from hdmea.pipeline.alignment_table import SectionAlignment

__all__ = ["SectionsPanel"]

_REANCHOR = "Set “Re-anchor” of “Section times” to where the light of the movies after the gap begins"
_TITLES = ("Movie", "From (s)", "To (s)", "Recorded light", "Lag (frames)", "r", "Marks")
_HELP = (
    "Name of the movie; movie#2 is its second showing",
    "Start of the section, including margins",
    "End of the section, including margins",
    "What the recorded light says of the section",
    "By how many frames the light comes later than stated",
    "Correlation of the light with the levels of the movie at that lag",
    "What to know before using numbers of this section",
)
_ROWS = (2, 8)
_ROOM_OF_PLOTS = 390
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class SectionsPanel(QWidget):
    """A table of the sections with the verdict of the light.

    Signals
    -------
    align_asked()
        Shift the sections to where their light is.
    reanchor_asked()
        Take the places that the light offers for movies after a gap.
    chosen(float, float)
        A section was chosen: its begin and end in seconds.
    """

    align_asked = Signal()
    reanchor_asked = Signal()
    chosen = Signal(float, float)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._sections: tuple[SectionAlignment, ...] = ()
        self._most_rows = _ROWS[1]
        self.summary = RichLabel(self)
        self.align_button = QPushButton("Align to the Light", self)
        self.align_button.setToolTip(
            "Set “Align” of “Section times” to the light, so that its next run shifts sections by their lag"
        )
        self.reanchor_button = QPushButton("Re-anchor Movies", self)
        self.reanchor_button.setToolTip(_REANCHOR)
        for button in (self.align_button, self.reanchor_button):
            button.setAutoDefault(True)
        self.grid = QTableWidget(0, len(_TITLES), self)
        self._lay_out()
        self.align_button.clicked.connect(self.align_asked)
        self.reanchor_button.clicked.connect(self.reanchor_asked)
        self.grid.cellDoubleClicked.connect(lambda row, _column: self._choose(row))

    def show_sections(self, sections: Sequence[SectionAlignment], anchors: Sequence[tuple[str, int]]) -> None:
        """Show what is known; nothing is shown without sections and anchors."""
        self.setVisible(bool(sections or anchors))
        self.align_button.setVisible(any(section.can_be_shifted for section in sections))
        self.reanchor_button.setVisible(bool(anchors))
        listed = ", ".join(f"{label} at sample {sample}" for label, sample in anchors)
        self.reanchor_button.setToolTip(f"{_REANCHOR}: {listed}" if listed else _REANCHOR)
        self.summary.setText(_summary(sections, anchors))
        if tuple(sections) != self._sections:
            self._sections = tuple(sections)
            self._fill()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self._fill()

    def _lay_out(self) -> None:
        for column, (title, text) in enumerate(zip(_TITLES, _HELP, strict=True)):
            heading = QTableWidgetItem(title)
            heading.setToolTip(plain_tip(text))
            self.grid.setHorizontalHeaderItem(column, heading)
        self.grid.setAccessibleName("Sections and the recorded light")
        self.grid.setToolTip("Double-click a section to zoom to it")
        self.grid.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        copy_rows(self.grid, self._selected)
        self.grid.setTabKeyNavigation(False)
        self.grid.verticalHeader().hide()
        self.grid.verticalHeader().setDefaultSectionSize(self._row_height)
        header = self.grid.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 0, 8, 0)
        bar.addWidget(self.summary, 1)
        bar.addWidget(self.reanchor_button)
        bar.addWidget(self.align_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(bar)
        layout.addWidget(self.grid)
        self.hide()

    def _selected(self, rows: list[QModelIndex]) -> tuple[Sequence[str], list[tuple[object, ...]]]:
        return _TITLES, [_numbers(self._sections[row.row()]) for row in rows]

    @property
    def _row_height(self) -> int:
        return self.fontMetrics().height() + 6

    def _fill(self) -> None:
        self.grid.setRowCount(len(self._sections))
        for row, section in enumerate(self._sections):
            wrong = QColor(self._theme.warning) if section.marks or section.can_be_shifted else None
            for column, text in enumerate(_cells(section)):
                item = QTableWidgetItem(text)
                if column in (1, 2, 4, 5):
                    item.setTextAlignment(_RIGHT)
                if wrong is not None and column >= 3:
                    item.setForeground(wrong)
                item.setToolTip(plain_tip(text) if column in (0, 3, 6) else "")
                self.grid.setItem(row, column, item)
        self._limit_height()

    def fit_below_plots(self, height: int) -> None:
        """Take as many rows as leave room for the plots in a view of this height."""
        rows = (height - _ROOM_OF_PLOTS) // self._row_height
        self._most_rows = min(max(rows, _ROWS[0]), _ROWS[1])
        self._limit_height()

    def _limit_height(self) -> None:
        rows = min(len(self._sections), self._most_rows)
        frame = 2 * self.grid.frameWidth() + self.grid.horizontalHeader().sizeHint().height()
        self.grid.setFixedHeight(frame + rows * self._row_height + 2)
        self.grid.setVisible(bool(rows))

    def _choose(self, row: int) -> None:
        section = self._sections[row]
        self.chosen.emit(section.start_s, section.stop_s)


def _cells(section: SectionAlignment) -> tuple[str, ...]:
    known = math.isfinite(section.alignment_r)
    return (
        section.label,
        f"{section.start_s:.3f}",
        f"{section.stop_s:.3f}",
        section.verdict,
        f"{section.alignment_lag:+d}" if section.alignment_lag else "0" if known else "–",
        f"{section.alignment_r:.3f}" if known else "–",
        section.marks,
    )


def _numbers(section: SectionAlignment) -> tuple[object, ...]:
    """Return what `_cells` shows, with all digits."""
    return (
        *(section.label, section.start_s, section.stop_s, section.verdict),
        *(section.alignment_lag, section.alignment_r, section.marks),
    )


def _summary(sections: Sequence[SectionAlignment], anchors: Sequence[tuple[str, int]]) -> str:
    checked = sum(math.isfinite(section.alignment_r) for section in sections)
    wrong = sum(bool(section.marks) or section.can_be_shifted for section in sections)
    parts = [f"<b>{checked}</b> of <b>{len(sections)}</b> sections checked by the light"]
    if wrong:
        parts.append(f"⚠ <b>{wrong}</b> with a mark")
    if anchors:
        movies = "movie after a gap has" if len(anchors) == 1 else "movies after a gap have"
        parts.append(f"⚠ <b>{len(anchors)}</b> {movies} no section")
    return " &nbsp;·&nbsp; ".join(parts)
