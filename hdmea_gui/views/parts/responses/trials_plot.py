"""Light, spikes of each trial and rates of up to eight units, on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedLayout, QWidget

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.views.parts.plot_panel import style_plot
from hdmea_gui.views.parts.responses.marks import ResponseMarks
from hdmea_gui.views.parts.responses.query import MOST_UNITS, TrialsView, UnitTrials
from hdmea_gui.views.parts.stimulus_strip import StimulusStrip
from hdmea_gui.widgets.label import Label

__all__ = ["TrialsPlot"]

_AXIS_WIDTH = 62
_LIGHT_HEIGHT = 94
_POWERS = {0: "", 3: "10³", 6: "10⁶"}


class TrialsPlot(QWidget):
    """The curves are made once and filled for each answer.

    Parameters
    ----------
    theme
        Colours.
    parent
        Qt parent.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._view: TrialsView | None = None
        self.graphics = Graphics(self)
        self.events = StimulusStrip(theme)
        self.light = Plot(wheel_axis=0)
        self.raster = Plot(wheel_axis=0)
        self.rate = Plot(wheel_axis=0)
        self.light_curve = pg.PlotCurveItem()
        self.spikes = [pg.PlotCurveItem(connect="pairs") for _ in range(MOST_UNITS)]
        self.rates = [pg.PlotCurveItem() for _ in range(MOST_UNITS)]
        self._edges = pg.PlotCurveItem(connect="pairs")
        self._band = [pg.PlotCurveItem(pen=None) for _ in range(2)]
        self._fill = pg.FillBetweenItem(*self._band)
        self.marks = ResponseMarks(self.rate, theme)
        self._message = Label(self)
        self._lay_out()
        self.apply_theme(theme)

    @property
    def message(self) -> str:
        """What is said in place of the plots; empty while they are shown."""
        return self._message.text() if self._pages.currentIndex() == 0 else ""

    def show_message(self, text: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        self._message.setText(text)
        self._pages.setCurrentIndex(0)

    def show_trials(self, view: TrialsView, colours: Sequence[str]) -> None:
        """Draw the trials of a movie, each unit in its colour; time is zoomed out if it is another movie."""
        before = self._view
        fresh = before is None or (before.movie, before.stop_s) != (view.movie, view.stop_s)
        self._view = view
        self._pages.setCurrentIndex(1)
        for spikes, rate, colour in zip(self.spikes, self.rates, colours, strict=False):
            spikes.setPen(pg.mkPen(colour, width=1))
            rate.setPen(pg.mkPen(colour, width=1.5))
        fill = pg.mkColor(next(iter(colours), self._theme.accent))
        fill.setAlpha(55)
        self._fill.setBrush(fill)
        self._draw_events(view)
        self._draw_light(view)
        self._draw_trials(view)
        self._draw_rates(view)
        if fresh:
            self.rate.setXRange(view.start_s, view.stop_s, padding=0)
            self.rate.show_all()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self.graphics.setBackground(theme.base)
        self.events.apply_theme(theme)
        for plot in (self.light, self.raster, self.rate):
            style_plot(plot, theme)
        self.light_curve.setPen(pg.mkPen(theme.text, width=1))
        self._edges.setPen(pg.mkPen(theme.border))
        self.marks.apply_theme(theme)

    def _lay_out(self) -> None:
        self._message.setProperty("role", "muted")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.graphics.setAccessibleName("Trial raster and PSTH")
        layout = self.graphics.ci
        layout.layout.setContentsMargins(6, 6, 16, 2)
        layout.layout.setVerticalSpacing(4)
        layout.addItem(self.events, row=0, col=0)
        self.events.getAxis("left").setWidth(_AXIS_WIDTH)
        self.events.setXLink(self.rate)
        for row, (plot, label) in enumerate(
            ((self.light, "Light"), (self.raster, "Trial"), (self.rate, "Rate (Hz)")), 1
        ):
            layout.addItem(plot, row=row, col=0)
            plot.setLabel("left", label)
            plot.getAxis("left").setWidth(_AXIS_WIDTH)
            plot.setXLink(self.rate if plot is not self.rate else None)
        for plot in (self.light, self.raster):
            plot.getAxis("bottom").setStyle(showValues=False)
        self.light.setFixedHeight(_LIGHT_HEIGHT)
        self.light.addItem(self.light_curve)
        self.raster.invertY(True)
        for item in (self._edges, *self.spikes):
            self.raster.addItem(item, ignoreBounds=True)
        for item in (*self._band, self._fill, *self.rates):
            self.rate.addItem(item, ignoreBounds=True)
        self.marks.add_to_plot()
        self.rate.setLabel("bottom", "Time in the trial (s)")
        layout.layout.setRowStretchFactor(2, 3)
        layout.layout.setRowStretchFactor(3, 3)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._message)
        self._pages.addWidget(self.graphics)

    def _draw_events(self, view: TrialsView) -> None:
        """Say above the light what is shown: directions, frequencies, contrasts, colours."""
        theme = self._theme
        of_light = {"green": theme.good, "blue": theme.link, "white": theme.muted}
        same = {span.label: of_light.get(span.label, theme.muted) for span in view.events}
        self.events.show_spans(view.events, same)
        self.events.setVisible(bool(view.events))

    def _draw_light(self, view: TrialsView) -> None:
        self.light.setVisible(view.light.size > 0)
        highest = float(np.nanmax(np.abs(view.light), initial=1.0))
        power = 3 * int(np.log10(max(highest, 1.0)) / 3)
        # Two lines: there is no room for the unit in one.
        unit = " ".join(part for part in (_POWERS.get(power, f"1e{power}"), view.light_unit) if part)
        self.light.setLabel("left", f"Light\n({unit or 'no unit'})")
        self.light.getAxis("left").setScale(10.0**-power)
        self.light_curve.setData(view.light_s, view.light, connect="finite")
        self.light.enableAutoRange(axis="y")

    def _draw_trials(self, view: TrialsView) -> None:
        for place, item in enumerate(self.spikes):
            there = place < len(view.units)
            item.setVisible(there)
            if there:
                item.setData(*_ticks(view.units[place], place * view.n_trials), connect="pairs")
        edges = np.repeat(np.arange(1, len(view.units)) * view.n_trials + 0.5, 2)
        ends = np.tile([view.start_s, view.stop_s], max(0, len(view.units) - 1))
        self._edges.setData(ends, edges, connect="pairs")
        rows = max(1, len(view.units) * view.n_trials)
        self.raster.setYRange(0.4, rows + 0.6, padding=0)
        self.raster.getAxis("left").setTicks([_row_names(view)])
        self.raster.setLabel("left", "Trial" if len(view.units) == 1 else "Unit")

    def _draw_rates(self, view: TrialsView) -> None:
        highest = 1.0
        for place, item in enumerate(self.rates):
            there = place < len(view.units)
            item.setVisible(there)
            if there:
                found = view.units[place].psth
                item.setData(found.edges_s, np.nan_to_num(found.rate), stepMode="center")
                highest = max(highest, float(np.nanmax(found.rate, initial=0.0)))
        self._draw_band(view)
        highest = max(highest, self.marks.show_marks(view.marks, (view.start_s, view.stop_s)))
        self.rate.setYRange(0, highest * 1.08, padding=0)
        self.rate.setLimits(xMin=view.start_s, xMax=view.stop_s, yMin=0)

    def _draw_band(self, view: TrialsView) -> None:
        """Draw the standard error of a single unit."""
        alone = len(view.units) == 1 and bool(np.isfinite(view.units[0].psth.sem).all())
        self._fill.setVisible(alone)
        if not alone:
            return
        found = view.units[0].psth
        x = np.repeat(found.edges_s, 2)[1:-1]
        for item, values in zip(self._band, (found.rate - found.sem, found.rate + found.sem), strict=True):
            item.setData(x, np.repeat(np.maximum(values, 0.0), 2))


def _ticks(unit: UnitTrials, above: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
