"""Responses of the chosen units to a movie: light, trial raster, PSTH, direction tuning."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from hdmea_gui.controller import Controller
from hdmea_gui.controller.tables import Table
from hdmea_gui.controller.trial_views import MOST_UNITS, TrialsQuery, TrialsView, UnitTrials
from hdmea_gui.jobs import Query
from hdmea_gui.previews.base import Preview
from hdmea_gui.previews.polar_panel import PolarPanel
from hdmea_gui.theme import Theme
from hdmea_gui.widgets.plot_panel import style_plot

__all__ = ["UnitsPreview"]

_AXIS_WIDTH = 62
_LIGHT_HEIGHT = 94
_POLAR_WIDTH = 300
_POWERS = {0: "", 3: "10³", 6: "10⁶"}
_BINS_MS = (5, 10, 20, 50, 100, 200, 500, 1000)


class UnitsPreview(Preview):
    """Light above, spikes of each trial, and rates below, on one axis of time."""

    help_text = (
        "Responses of the units chosen in the table to one movie, side by side. On top, the light of a "
        "trial; in the middle, a tick for each spike, one row per trial; below, the mean firing rate over "
        "the trials (PSTH), for a single unit with its standard error. For moving bars the direction "
        "tuning stands beside it. Choose several units in the table with Ctrl or Shift to compare them."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("units", controller, theme, parent)
        self.movies = QComboBox(self)
        self.bins = QComboBox(self)
        self.legend = QLabel(self)
        self.graphics = pg.GraphicsLayoutWidget(self)
        self.light = pg.PlotItem(enableMenu=False)
        self.raster = pg.PlotItem(enableMenu=False)
        self.rate = pg.PlotItem(enableMenu=False)
        self.polar = PolarPanel(theme, self)
        self._message = QLabel(self)
        self._light_curve = pg.PlotCurveItem()
        self._view: TrialsView | None = None
        self._lay_out()
        self.movies.activated.connect(self._on_movie)
        self.bins.activated.connect(lambda _index: self.invalidate())
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        controller.selection.movie_changed.connect(self._on_movie_elsewhere)
        self.apply_theme(theme)
        self.show_answer(None)

    def query(self) -> Query | None:
        """Ask for the chosen units and the chosen movie."""
        units = self._controller.selection.units
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
        fresh = self._view is None or (self._view.movie, self._view.stop_s) != (answer.movie, answer.stop_s)
        self._view = answer
        with QSignalBlocker(self.movies):
            self.movies.clear()
            self.movies.addItems(list(answer.movies))
            self.movies.setCurrentText(answer.movie)
        for widget in (self.movies, self.bins, self.legend):
            widget.setEnabled(True)
        self._pages.setCurrentIndex(1)
        self._draw()
        if fresh:
            self.rate.setXRange(answer.start_s, answer.stop_s, padding=0)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        self._message.setText(reason)
        self._pages.setCurrentIndex(0)
        self.legend.clear()
        for widget in (self.movies, self.bins):
            widget.setEnabled(False)
        self.polar.setVisible(False)

    def table(self) -> Table | None:
        """Return the rates of the units over time."""
        view = self._view
        if view is None or not view.units:
            return None
        edges = view.units[0].psth.edges_s
        columns = [("bin_start_s", edges[:-1]), ("bin_stop_s", edges[1:])]
        for unit in view.units:
            columns.append((f"{unit.unit_id}_rate_Hz", unit.psth.rate))
            columns.append((f"{unit.unit_id}_sem_Hz", unit.psth.sem))
        return Table(tuple(columns))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.graphics.setBackground(theme.base)
        for plot in (self.light, self.raster, self.rate):
            style_plot(plot, theme)
        self._light_curve.setPen(pg.mkPen(theme.text, width=1))
        self.polar.apply_theme(theme)
        if self._view is not None:
            self._draw()

    def _lay_out(self) -> None:
        self.movies.setToolTip("Movie whose trials are shown")
        self.movies.setAccessibleName("Movie")
        self.bins.setToolTip("Width of the PSTH's bins")
        self.bins.setAccessibleName("Bin width")
        self.bins.addItem("automatic bins", None)
        for width in _BINS_MS:
            self.bins.addItem(f"{width} ms bins", width)
        self._message.setProperty("role", "muted")
        self._message.setWordWrap(True)
        self._message.setAlignment(pg.QtCore.Qt.AlignmentFlag.AlignCenter)
        self.graphics.setAccessibleName("Trial raster and PSTH")
        layout = self.graphics.ci
        layout.layout.setContentsMargins(6, 6, 16, 2)
        layout.layout.setVerticalSpacing(4)
        for row, (plot, label) in enumerate(
            ((self.light, "Light"), (self.raster, "Trial"), (self.rate, "Rate (Hz)"))
        ):
            layout.addItem(plot, row=row, col=0)
            plot.setLabel("left", label)
            plot.getAxis("left").setWidth(_AXIS_WIDTH)
            plot.setMouseEnabled(x=True, y=False)
            plot.setXLink(self.rate if plot is not self.rate else None)
        for plot in (self.light, self.raster):
            plot.getAxis("bottom").setStyle(showValues=False)
        self.light.setFixedHeight(_LIGHT_HEIGHT)
        self.light.addItem(self._light_curve)
        self.raster.invertY(True)
        self.rate.setLabel("bottom", "Time in the trial (s)")
        layout.layout.setRowStretchFactor(1, 3)
        layout.layout.setRowStretchFactor(2, 3)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self._message)
        self._pages.addWidget(self.graphics)
        self.polar.setFixedWidth(_POLAR_WIDTH)
        top = QHBoxLayout()
        top.setContentsMargins(8, 2, 8, 0)
        top.addWidget(self.movies)
        top.addWidget(self.bins)
        top.addSpacing(12)
        top.addWidget(self.legend, 1)
        middle = QHBoxLayout()
        middle.setContentsMargins(8, 0, 0, 0)
        middle.addWidget(pages, 1)
        middle.addWidget(self.polar)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 4, 0, 4)
        whole.addLayout(top)
        whole.addLayout(middle, 1)

    def _colours(self, count: int) -> tuple[str, ...]:
        return tuple(self._theme.spans[place % len(self._theme.spans)] for place in range(count))

    def _draw(self) -> None:
        view = self._view
        if view is None:
            return
        colours = self._colours(len(view.units))
        self._draw_light(view)
        self._draw_trials(view, colours)
        self._draw_rates(view, colours)
        names = [
            f'<span style="color:{colour}">■</span> {unit.unit_id}'
            for unit, colour in zip(view.units, colours, strict=True)
        ]
        left_out = len(self._controller.selection.units) - MOST_UNITS
        names += [f"and {left_out} more that are not drawn"] if left_out > 0 else []
        self.legend.setText("&nbsp;&nbsp; ".join(names) + f"&nbsp;&nbsp; {view.n_trials} trials")
        self.polar.setVisible(view.has_directions or bool(view.tunings))
        if view.tunings:
            of_unit = dict(zip((unit.unit_id for unit in view.units), colours, strict=True))
            chosen = tuple(of_unit[tuning.unit_id] for tuning in view.tunings)
            self.polar.show_tunings(view.tunings, view.rings, chosen)
        else:
            self.polar.show_empty(self.not_yet("extract_features"))

    def _draw_light(self, view: TrialsView) -> None:
        self.light.setVisible(view.light.size > 0)
        highest = float(np.nanmax(np.abs(view.light), initial=1.0))
        power = 3 * int(np.log10(max(highest, 1.0)) / 3)
        # Two lines: there is no room for the unit in one.
        unit = " ".join(part for part in (_POWERS.get(power, f"1e{power}"), view.light_unit) if part)
        self.light.setLabel("left", f"Light<br>{unit or 'no unit'}")
        self.light.getAxis("left").setScale(10.0**-power)
        self._light_curve.setData(view.light_s, view.light, connect="finite")
        self.light.enableAutoRange(axis="y")

    def _draw_trials(self, view: TrialsView, colours: tuple[str, ...]) -> None:
        self.raster.clear()
        for place, (unit, colour) in enumerate(zip(view.units, colours, strict=True)):
            x, y = _ticks(unit, place * view.n_trials)
            self.raster.addItem(pg.PlotCurveItem(x, y, connect="pairs", pen=pg.mkPen(colour, width=1)))
            if place:
                edge = pg.InfiniteLine(place * view.n_trials + 0.5, angle=0, pen=pg.mkPen(self._theme.border))
                self.raster.addItem(edge, ignoreBounds=True)
        rows = max(1, len(view.units) * view.n_trials)
        self.raster.setYRange(0.4, rows + 0.6, padding=0)
        self.raster.getAxis("left").setTicks([_row_names(view)])
        self.raster.setLabel("left", "Trial" if len(view.units) == 1 else "Unit")

    def _draw_rates(self, view: TrialsView, colours: tuple[str, ...]) -> None:
        self.rate.clear()
        highest = 1.0
        for unit, colour in zip(view.units, colours, strict=True):
            found = unit.psth
            if len(view.units) == 1 and np.isfinite(found.sem).all():
                self._draw_band(unit, colour)
            curve = pg.PlotCurveItem(
                found.edges_s, np.nan_to_num(found.rate), stepMode="center", pen=pg.mkPen(colour, width=1.5)
            )
            self.rate.addItem(curve)
            highest = max(highest, float(np.nanmax(found.rate, initial=0.0)))
        self.rate.setYRange(0, highest * 1.08, padding=0)
        self.rate.setLimits(xMin=view.start_s, xMax=view.stop_s, yMin=0)

    def _draw_band(self, unit: UnitTrials, colour: str) -> None:
        found = unit.psth
        x = np.repeat(found.edges_s, 2)[1:-1]
        low, high = (
            pg.PlotCurveItem(x, np.repeat(np.maximum(values, 0.0), 2), pen=None)
            for values in (found.rate - found.sem, found.rate + found.sem)
        )
        fill = pg.mkColor(colour)
        fill.setAlpha(55)
        for item in (low, high, pg.FillBetweenItem(low, high, brush=fill)):
            self.rate.addItem(item, ignoreBounds=True)

    def _on_movie(self, _index: int) -> None:
        self._controller.selection.select_movie(self.movies.currentText())
        self.invalidate()

    def _on_movie_elsewhere(self, movie: str) -> None:
        if self._view is None or (movie in self._view.movies and movie != self._view.movie):
            self.invalidate()


def _ticks(
    unit: UnitTrials, above: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return begin and end of each spike's tick; trials are counted from 1, `above` rows come before."""
    y = np.repeat(unit.rows + above + 0.6, 2)
    y[1::2] += 0.8
    return np.repeat(unit.times_s, 2), y


def _row_names(view: TrialsView) -> list[tuple[float, str]]:
    if len(view.units) == 1:
        step = max(1, -(-view.n_trials // 8))
        return [(float(trial), str(trial)) for trial in range(1, view.n_trials + 1, step)]
    middle = (view.n_trials + 1) / 2
    numbers = [unit.unit_id.removeprefix("unit_").lstrip("0") or "0" for unit in view.units]
    return [(place * view.n_trials + middle, number) for place, number in enumerate(numbers)]
