"""Responses of units to a movie: light, trial raster, PSTH, and what features say about them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Columns, Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme, dress
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.panels import Panel
from hdmea_gui.views.parts.responses.query import MOST_UNITS, TrialsQuery, TrialsView
from hdmea_gui.views.parts.responses.side import ResponseSide
from hdmea_gui.views.parts.responses.tables import (
    frequency_columns,
    light_columns,
    low_passed_columns,
    phase_columns,
    rate_columns,
    spike_columns,
    tuning_columns,
)
from hdmea_gui.views.parts.responses.trials_plot import TrialsPlot
from hdmea_gui.views.parts.unit_paint import own_colours
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label, RichLabel

__all__ = ["ResponsesPreview"]

_BINS_MS = (5, 10, 20, 50, 100, 200, 500, 1000)
_SHORT_NAMES_FROM = 5
_MOVIES_WIDTH = 320


class ResponsesPreview(Preview):
    """Light above, spikes of each trial, and rates below, on one axis of time; numbers beside them."""

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        dress(self, theme)
        self.movies = ComboBox(self)
        self.bins = ComboBox(self)
        self.legend = RichLabel(self)
        self.caution = Label(self)
        self.plot = TrialsPlot(theme, self)
        self.side = ResponseSide(theme, self)
        self._view: TrialsView | None = None
        self._lay_out()
        self.movies.activated.connect(self._on_movie)
        self.bins.activated.connect(lambda _index: self.invalidate())
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        controller.selection.movie_changed.connect(self._on_movie_elsewhere)
        self.show_answer(None)

    @abstractmethod
    def chosen_units(self) -> tuple[str, ...]:
        """Return the units whose responses are to be shown."""

    @property
    def view(self) -> TrialsView | None:
        """What is shown; None while there is nothing to show."""
        return self._view

    def query(self) -> Query[object] | None:
        """Ask for the selected units and the selected movie."""
        units = self.chosen_units()
        chosen = self._controller.selection.movie or self.movies.currentText()
        if self._view is not None and chosen not in self._view.movies:
            chosen = self.movies.currentText()
        milliseconds = self.bins.currentData()
        return TrialsQuery(units, chosen, milliseconds / 1000 if milliseconds else None) if units else None

    def show_answer(self, answer: object) -> None:
        """Draw the responses."""
        if not isinstance(answer, TrialsView):
            asked = self._controller.selection.unit is not None
            self.show_problem(self.not_yet("section_spike_times") if asked else self.no_unit())
            return
        self._view = answer
        with QSignalBlocker(self.movies):
            self.movies.clear()
            self.movies.addItems(list(answer.movies))
            self.movies.setCurrentText(answer.movie)
        for widget in (self.movies, self.bins, self.legend):
            widget.setEnabled(True)
        self._draw(answer)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        self.plot.show_message(reason)
        self.legend.clear()
        self.caution.hide()
        self.movies.clear()
        for widget in (self.movies, self.bins):
            widget.setEnabled(False)
        self.side.setVisible(False)

    def table(self) -> Table | None:
        """Return rates over time, spikes of the trials, and what is beside them."""
        view = self._view
        if view is None or not view.units:
            return None
        return Table.of_kinds(
            ("rates", rate_columns(view)),
            ("spikes", spike_columns(view)),
            ("light", light_columns(view)),
            ("low_passed", low_passed_columns(view)),
            ("phases", phase_columns(view)),
            ("directions", tuning_columns(view)),
            ("frequencies", frequency_columns(view)),
        )

    def export_panels(self) -> tuple[Panel, ...]:
        """Return the trials, and what is beside them."""
        parts = {"light": light_columns, "spikes": spike_columns, "rates": rate_columns}
        trials = tuple((name, partial(self._table_of, part)) for name, part in parts.items())
        side = self.side
        steps = (
            ("rate", partial(self._table_of, low_passed_columns)),
            ("phases", partial(self._table_of, phase_columns)),
        )
        return (
            Panel("Trials and rates", self.plot.graphics, trials, ("raster",)),
            Panel(
                side.polar.title, side.polar, (("", partial(self._table_of, tuning_columns)),), ("tuning",)
            ),
            Panel(
                side.frequency.title,
                side.frequency,
                (("", partial(self._table_of, frequency_columns)),),
                ("frequency",),
            ),
            Panel(side.steps.title, side.steps, steps, ("steps",)),
        )

    def figure_state(self) -> dict[str, Any]:
        """Return the units and the movie."""
        view = self._view
        if view is None:
            return {}
        return {"unit_ids": tuple(unit.unit_id for unit in view.units), "movie": view.movie}

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.plot.apply_theme(theme)
        self.side.apply_theme(theme)
        if self._view is not None:
            self._draw(self._view)

    def _table_of(self, columns: Callable[[TrialsView], Columns]) -> Table | None:
        return None if self._view is None else Table(columns(self._view))

    def _lay_out(self) -> None:
        self.movies.setToolTip("Movie whose trials are shown")
        self.movies.setAccessibleName("Movie")
        # Its names come after it was first shown.
        self.movies.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToContents)
        self.movies.setMaximumWidth(_MOVIES_WIDTH)
        self.bins.setToolTip("Width of the PSTH's bins")
        self.bins.setAccessibleName("Bin width")
        self.bins.addItem("automatic bins", None)
        for width in _BINS_MS:
            self.bins.addItem(f"{width} ms bins", width)
        top = QHBoxLayout()
        top.setContentsMargins(8, 2, 8, 0)
        top.addWidget(self.movies)
        top.addWidget(self.bins)
        top.addSpacing(12)
        top.addWidget(self.legend, 1)
        middle = QHBoxLayout()
        middle.setContentsMargins(8, 0, 0, 0)
        middle.addWidget(self.plot, 1)
        middle.addWidget(self.side)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 4, 0, 4)
        self.caution.setProperty("role", "warning")
        self.caution.setWordWrap(True)
        self.caution.setContentsMargins(8, 0, 8, 0)
        whole.addLayout(top)
        whole.addWidget(self.caution)
        whole.addLayout(middle, 1)

    def _draw(self, view: TrialsView) -> None:
        ids = [unit.unit_id for unit in view.units]
        colours = own_colours(self._controller.unit_colours, ids, self._theme)
        self.plot.show_trials(view, colours)
        self.caution.setText(f"⚠ {view.caution}")
        self.caution.setVisible(bool(view.caution))
        self.side.show_view(view, colours, self.not_yet)
        short = len(view.units) >= _SHORT_NAMES_FROM
        names = [
            f'<span style="color:{colour}">■</span> {escape(_short(unit.unit_id) if short else unit.unit_id)}'
            for unit, colour in zip(view.units, colours, strict=True)
        ]
        left_out = len(self.chosen_units()) - MOST_UNITS
        names += [f"and {left_out} more that are not drawn"] if left_out > 0 else []
        trials = "1 trial" if view.n_trials == 1 else f"{view.n_trials} trials"
        kind = "Units&nbsp; " if short else ""
        self.legend.setText(kind + "&nbsp;&nbsp; ".join(names) + f"&nbsp;&nbsp; {trials}")

    def _on_movie(self, _index: int) -> None:
        self._controller.selection.select_movie(self.movies.currentText())
        self.invalidate()

    def _on_movie_elsewhere(self, movie: str) -> None:
        if self._view is None or (movie in self._view.movies and movie != self._view.movie):
            self.invalidate()


def _short(unit_id: str) -> str:
    return unit_id.removeprefix("unit_").lstrip("0") or "0"
