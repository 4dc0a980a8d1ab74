"""Responses of units to a movie: light, trial raster, PSTH, and what features say about them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hdmea_gui.controller.main import Controller
from hdmea_gui.controller.tables import Table
from hdmea_gui.controller.trial_views import MOST_UNITS, TrialsQuery, TrialsView
from hdmea_gui.jobs import Query
from hdmea_gui.previews.base import Preview
from hdmea_gui.previews.response_side import ResponseSide
from hdmea_gui.previews.trials_plot import TrialsPlot
from hdmea_gui.theme import Theme

__all__ = ["ResponsesPreview"]

_BINS_MS = (5, 10, 20, 50, 100, 200, 500, 1000)
_SHORT_NAMES_FROM = 5


class ResponsesPreview(Preview):
    """Light above, spikes of each trial, and rates below, on one axis of time; numbers beside them."""

    def __init__(self, key: str, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(key, controller, theme, parent)
        self.movies = QComboBox(self)
        self.bins = QComboBox(self)
        self.legend = QLabel(self)
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

    def query(self) -> Query | None:
        """Ask for the chosen units and the chosen movie."""
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
        for widget in (self.movies, self.bins):
            widget.setEnabled(False)
        self.side.setVisible(False)

    def table(self) -> Table | None:
        """Return rates over time, spikes of the trials, and what stands beside them."""
        view = self._view
        if view is None or not view.units:
            return None
        edges = view.units[0].psth.edges_s
        columns: list[tuple[str, NDArray[Any]]] = [("bin_start_s", edges[:-1]), ("bin_stop_s", edges[1:])]
        for unit in view.units:
            columns.append((f"{unit.unit_id}_rate_Hz", unit.psth.rate))
            columns.append((f"{unit.unit_id}_sem_Hz", unit.psth.sem))
        for unit in view.units:
            columns.append((f"{unit.unit_id}_trial", unit.rows + 1))
            columns.append((f"{unit.unit_id}_spike_s", unit.times_s))
        return Table((*columns, *_mark_columns(view), *_tuning_columns(view)))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.plot.apply_theme(theme)
        self.side.apply_theme(theme)
        if self._view is not None:
            self._draw(self._view)

    def _lay_out(self) -> None:
        self.movies.setToolTip("Movie whose trials are shown")
        self.movies.setAccessibleName("Movie")
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
        whole.addLayout(top)
        whole.addLayout(middle, 1)

    def _draw(self, view: TrialsView) -> None:
        colours = self._theme.series[: len(view.units)]
        self.plot.show_trials(view)
        self.side.show_view(view, colours, self.not_yet)
        short = len(view.units) >= _SHORT_NAMES_FROM
        names = [
            f'<span style="color:{colour}">■</span> {_short(unit.unit_id) if short else unit.unit_id}'
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


def _mark_columns(view: TrialsView) -> list[tuple[str, NDArray[Any]]]:
    if view.marks is None:
        return []
    found = view.marks.response
    columns: list[tuple[str, NDArray[Any]]] = [
        ("frame_s", found.time_s),
        ("low_passed_rate_Hz", found.rate),
        ("phase", np.array([mark.name for mark in found.marks])),
    ]
    for name in ("start_s", "peak_s", "peak_hz", "latency_s", "sustained_hz"):
        values = np.array([getattr(mark, name) for mark in found.marks], np.float64)
        columns.append((f"phase_{name.replace('_hz', '_Hz')}", values))
    return columns


def _tuning_columns(view: TrialsView) -> list[tuple[str, NDArray[Any]]]:
    columns: list[tuple[str, NDArray[Any]]] = []
    for tuning in view.tunings:
        columns += [
            (f"{tuning.unit_id}_direction_deg", tuning.directions_deg),
            (f"{tuning.unit_id}_spikes_per_sweep", tuning.response),
            (f"{tuning.unit_id}_spikes_per_sweep_sem", tuning.error),
        ]
    for sine in view.frequencies:
        columns += [
            (f"{sine.unit_id}_frequency_Hz", sine.frequencies),
            (f"{sine.unit_id}_amplitude_Hz", sine.amplitude),
            (f"{sine.unit_id}_amplitude_low_Hz", sine.low),
            (f"{sine.unit_id}_amplitude_high_Hz", sine.high),
            (f"{sine.unit_id}_p", sine.p),
            (f"{sine.unit_id}_f2_Hz", sine.f2),
        ]
    return columns
