"""A plot with the numbers that belong to it below."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.plot_panel import PlotPanel
from hdmea_gui.views.parts.shared_query import Fact
from hdmea_gui.widgets.label import RichLabel

__all__ = ["NumbersPanel"]


class NumbersPanel(PlotPanel):
    """A plot; below it a line of numbers for each unit, with their definitions as a tooltip."""

    def __init__(
        self, title: str, theme: Theme, x_label: str, y_label: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(title, theme, x_label, y_label, parent)
        self._numbers = RichLabel(self)
        self._numbers.setWordWrap(True)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self._numbers)

    @property
    def numbers(self) -> str:
        """The numbers below the plot, as text."""
        return self._numbers.text()

    def show_numbers(self, rows: Sequence[tuple[Sequence[Fact], str]]) -> None:
        """Show the numbers of units, each with its colour."""
        lines = []
        for facts, colour in rows:
            # There is room for two numbers of each of several units.
            chosen = [fact for fact in facts if len(rows) == 1 or fact.label not in {"OSI", "Cut-off"}]
            mark = f'<span style="color:{colour}">■</span> ' if len(rows) > 1 else ""
            lines.append(
                mark + ", ".join(f"{escape(fact.label)} <b>{escape(fact.text)}</b>" for fact in chosen)
            )
        self._numbers.setText("<br>".join(lines))
        helps = {fact.label: fact.help for facts, _ in rows for fact in facts}
        self._numbers.setToolTip("\n".join(f"{label}: {help_text}" for label, help_text in helps.items()))
        self._numbers.show()
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep all lines of the numbers in sight."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        # A splitter above asks no layout how high its words are at a width.
        self._numbers.setMinimumHeight(max(0, self._numbers.heightForWidth(self.width())))

    def show_empty(self, text: str) -> None:
        """Say what to do so that there is something to draw."""
        self._numbers.hide()
        super().show_empty(text)
