"""Numbers of a response to light steps, beside the rate on which they are marked."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.responses.feature_query import PhaseFacts, StepMarks
from hdmea_gui.views.parts.shared_query import Fact
from hdmea_gui.widgets.label import Label, RichLabel

__all__ = ["StepFactsPanel"]

_TITLE = "Light steps"
_MOST_PHASES = 4
_MOST_FACTS = 5


class StepFactsPanel(QWidget):
    """A row for each change of the light, then indices; every number has its definition as a tooltip."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heads = [Label(text, self) for text in ("", "Transient", "Sustained", "Latency")]
        self._rows: list[list[Label]] = [[RichLabel(self) for _ in range(4)] for _ in range(_MOST_PHASES)]
        self._facts = [(Label(self), Label(self)) for _ in range(_MOST_FACTS)]
        self._key = RichLabel(self)
        self._lay_out()
        self.apply_theme(theme)

    @property
    def title(self) -> str:
        """What is shown."""
        return _TITLE

    @property
    def texts(self) -> list[list[str]]:
        """Rows of the table as they are read."""
        return [[cell.text() for cell in row] for row in self._rows if not row[0].isHidden()]

    def show_marks(self, marks: StepMarks) -> None:
        """Show the numbers of a unit."""
        for place, row in enumerate(self._rows):
            self._show_row(row, marks.phases[place] if place < len(marks.phases) else None)
        for place, cells in enumerate(self._facts):
            fact = marks.facts[place] if place < len(marks.facts) else None
            for cell, text in zip(cells, (fact.label, fact.text) if fact else ("", ""), strict=True):
                _fill(cell, text, fact.help if fact else "")
                cell.setVisible(fact is not None)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        marks = (
            (theme.text, "━", "low-passed mean rate"),
            (theme.bad, "▲", "transient (△ not significant)"),
            (theme.bad, "┆", "latency"),
            (theme.warning, "━", "sustained part"),
            (theme.muted, "┈", "baseline"),
        )
        lines = (f'<span style="color:{colour}">{mark}</span> {text}' for colour, mark, text in marks)
        self._key.setText("<br>".join(lines))

    def _show_row(self, row: list[Label], phase: PhaseFacts | None) -> None:
        for cell in row:
            cell.setVisible(phase is not None)
        if phase is None:
            return
        note = "significant response" if phase.responds else "no significant response"
        title = escape(phase.title)
        _fill(row[0], f"<b>{title}</b>" if phase.responds else title, f"{phase.title}: {note}")
        for cell, fact in zip(row[1:], phase.facts, strict=True):
            _fill(cell, escape(fact.text), _tooltip(fact))

    def _lay_out(self) -> None:
        title = Label(_TITLE, self)
        title.setProperty("role", "heading")
        table = QGridLayout()
        table.setHorizontalSpacing(10)
        table.setVerticalSpacing(4)
        for line, row in enumerate([self._heads, *self._rows]):
            for column, cell in enumerate(row):
                right = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
                table.addWidget(cell, line, column, right)
        table.setColumnStretch(0, 1)
        facts = QGridLayout()
        facts.setVerticalSpacing(4)
        for line, cells in enumerate(self._facts):
            facts.addWidget(cells[0], line, 0)
            facts.addWidget(cells[1], line, 1, Qt.AlignmentFlag.AlignRight)
        for label in (*self._heads, self._key, *(cells[0] for cells in self._facts)):
            label.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 4)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addLayout(table)
        layout.addLayout(facts)
        layout.addStretch(1)
        layout.addWidget(self._key)


def _fill(label: Label, text: str, tooltip: str) -> None:
    label.setText(text)
    label.setToolTip(tooltip)


def _tooltip(fact: Fact) -> str:
    return f"{fact.label}: {fact.help}" if fact.help else fact.label
