"""One unit: at a glance, its responses to a movie, and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme, dress
from hdmea_gui.text.help_topics import HelpTopic
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.responses.view import ResponsesPreview
from hdmea_gui.views.unit.features import UnitFeatures
from hdmea_gui.views.unit.overview import UnitOverview
from hdmea_gui.widgets.label import RichLabel

__all__ = ["Segments", "UnitPreview", "UnitResponses"]

_PAGES = (
    ("Overview", "Waveform, intervals, autocorrelogram, rate over time, averages"),
    ("Responses", "Trials, rates and marked responses to one movie"),
    ("Numbers", "All feature values with their definitions"),
)
_RESPONSES = 1


class UnitResponses(ResponsesPreview):
    """Responses of the current unit, with marks of what was found in them."""

    name = "unit_responses"
    title = "Responses of the unit"
    help_text = (
        "Responses of the current unit to one movie: light of a trial, spikes of each trial, mean firing "
        "rate. For light steps the low-passed mean rate is drawn over the PSTH; triangles mark the "
        "transients, dashed lines the latencies, thick lines the sustained parts, the dotted line the "
        "baseline. For sines the amplitude by frequency is shown beside it, for moving bars the direction "
        "tuning. Their numbers come from the step “Features”."
    )

    def chosen_units(self) -> tuple[str, ...]:
        """Return the current unit."""
        return self._controller.selection.units[:1]


class UnitPreview(Preview):
    """Three pages for the current unit; only the one that is seen asks for anything."""

    name = "unit"
    title = "Unit"
    help_text = (
        "Everything about one unit, on three pages. Overview: waveform, inter-spike intervals, "
        "autocorrelogram, rate over time, spike-triggered average and electrical image. Responses: trials "
        "and rates for each movie, with the transients, latencies, tuning or frequency response that the "
        "features found. Numbers: all feature values with their definitions. Select the unit in the table, "
        "or in any other view."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self.overview = UnitOverview(controller, theme, self)
        self.features = UnitFeatures(controller, theme, self)
        self._responses: UnitResponses | None = None
        self.segments = Segments(_PAGES, self)
        dress(self.segments, theme)
        self._title = RichLabel(self)
        self._pages = QStackedWidget(self)
        self._empty = QWidget(self)
        for page in (self.overview, self._empty, self.features):
            self._pages.addWidget(page)
        for view in self.parts:
            self._relay(view)
        top = QHBoxLayout()
        top.setContentsMargins(8, 4, 8, 2)
        top.addWidget(self.segments)
        top.addSpacing(12)
        top.addWidget(self._title, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self._pages, 1)
        self.segments.chosen.connect(self._turn_to)
        controller.selection.units_changed.connect(lambda _ids: self._show_title())
        controller.state_changed.connect(lambda _state: self._show_title())
        self._show_title()

    @property
    def responses(self) -> UnitResponses:
        """The page with the responses; made when it is first wanted."""
        if self._responses is None:
            page = self._responses = UnitResponses(self._controller, self._theme, self)
            self._relay(page)
            self._pages.insertWidget(_RESPONSES, page)
            self._pages.removeWidget(self._empty)
            self._empty.deleteLater()
        return self._responses

    @property
    def parts(self) -> tuple[Preview, ...]:
        """The pages that have been made."""
        return (self.overview, self.features, *(() if self._responses is None else (self._responses,)))

    def _relay(self, page: Preview) -> None:
        page.told.connect(self.told)
        page.figure_asked.connect(self.figure_asked)

    def _turn_to(self, index: int) -> None:
        if index == _RESPONSES:
            assert self.responses
        self._pages.setCurrentIndex(index)

    def complete(self) -> None:
        """Make the page with the responses."""
        assert self.responses

    @property
    def pages(self) -> tuple[Preview, ...]:
        """The pages, in the order of their buttons."""
        return (self.overview, self.responses, self.features)

    @property
    def page(self) -> Preview:
        """The page that is seen."""
        page = self._pages.currentWidget()
        assert isinstance(page, Preview)
        return page

    def show_page(self, page: Preview) -> None:
        """Turn to a page."""
        self.segments.choose(self.pages.index(page))

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the page shows that is seen."""
        return self.page.help_topic(focus)

    def query(self) -> Query[object] | None:
        """Ask for nothing: the pages do."""
        return None

    def show_answer(self, answer: object) -> None:
        """Draw nothing: the pages do."""

    def show_problem(self, reason: str) -> None:
        """Say on the page that is seen why nothing can be shown."""
        self.page.show_problem(reason)

    def table(self) -> Table | None:
        """Return what the page shows as columns."""
        return self.page.table()

    def export_to(self, path: Path) -> None:
        """Write the data of the page."""
        self.page.export_to(path)

    def figure(self) -> dict[str, Any] | None:
        """Return options of a figure of the page."""
        return self.page.figure()

    def use_theme(self, theme: Theme) -> None:
        """Have each page draw in the colours of a theme, now or when it is shown."""
        self._theme = theme
        dress(self.segments, theme)
        for page in self.parts:
            page.use_theme(theme)

    def invalidate(self) -> None:
        """Let the pages ask again."""
        for page in self.parts:
            page.invalidate()

    def showEvent(self, event: QShowEvent) -> None:
        """Leave it to the page to bring itself up to date."""
        QWidget.showEvent(self, event)

    def _show_title(self) -> None:
        units = self._controller.selection.units
        if not units:
            self._title.clear()
            return
        others = f"&nbsp;&nbsp; first of {len(units)} selected units" if len(units) > 1 else ""
        self._title.setText(f"<b>{escape(units[0])}</b>{others}")


class Segments(QWidget):
    """Buttons side by side; arrow keys choose as well.

    Parameters
    ----------
    pages
        Title and tooltip of each page.
    parent
        Qt parent.

    Signals
    -------
    chosen(int)
        Another page was chosen.
    """

    chosen = Signal(int)

    def __init__(self, pages: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        for place, (title, tooltip) in enumerate(pages):
            button = QPushButton(title, self)
            button.setProperty("role", "segment")
            button.setCheckable(True)
            button.setToolTip(tooltip)
            self._group.addButton(button, place)
            layout.addWidget(button)
        self._group.button(0).setChecked(True)
        self._group.idToggled.connect(self._on_toggled)

    @property
    def current(self) -> int:
        """Number of the selected page."""
        return self._group.checkedId()

    def choose(self, place: int) -> None:
        """Choose a page."""
        self._group.button(place).setChecked(True)

    def _on_toggled(self, place: int, checked: bool) -> None:
        if checked:
            self.chosen.emit(place)
