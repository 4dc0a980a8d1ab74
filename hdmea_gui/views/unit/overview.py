"""One unit at a glance: its spikes, and where and to what it responds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QGridLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Columns, Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.panels import Panel, TableOf
from hdmea_gui.views.parts.plot_panel import ImagePanel, PlotPanel
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.views.parts.stimulus_strip import SpanFill
from hdmea_gui.views.unit.query import Averaged, Footprint, UnitQuery, UnitView
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import plain_tip

__all__ = ["UnitOverview"]

# Longest lag and width of the bins, milliseconds.
_WINDOWS_MS = ((25.0, 0.5), (50.0, 1.0), (100.0, 1.0), (500.0, 5.0), (1000.0, 10.0))
_COLUMNS = 24
_FIGURES = (
    *("waveform", "intervals", "autocorrelogram"),
    *("rate", "receptive_field", "electrical_image"),
)
_TOP, _LEFT, _RIGHT = 8, 10, 7


class UnitOverview(Preview):
    """Six panels for the current unit."""

    name = "unit_overview"
    title = "Overview of the unit"
    of_unit = True
    help_text = (
        "The current unit at a glance. Mean waveform as the spike sorter stored it. Inter-spike intervals, "
        "with the refractory period of 1.5 ms shaded and the share of intervals below it. Autocorrelogram: "
        "firing rate at each lag before and after the unit's own spikes (pairs of spikes / spikes / width "
        "of a bin), the dashed line is the mean rate; choose its window and bins above it. Rate over the "
        "recording with the movies as coloured stretches. Peak frame of the spike-triggered average, and "
        "peak-to-peak electrical image."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self.waveform = PlotPanel("Mean waveform", theme, "Time (ms)", "Amplitude", self)
        self.intervals = PlotPanel("Inter-spike intervals", theme, "Interval (ms)", "Count", self)
        self.correlogram = PlotPanel("Autocorrelogram", theme, "Lag (ms)", "Rate (Hz)", self)
        self.rate = PlotPanel("Rate over time", theme, "Time (s)", "Rate (Hz)", self, wheel_axis=0)
        self.average = ImagePanel("Spike-triggered average", theme, "x (pixels)", "y (pixels)", self)
        self.footprint = ImagePanel("Electrical image", theme, "Column", "Row", self)
        self.panels = (
            *(self.waveform, self.intervals, self.correlogram),
            *(self.rate, self.average, self.footprint),
        )
        self.windows = ComboBox(self)
        self._curve = pg.PlotCurveItem()
        self._interval_bars = pg.PlotCurveItem(fillLevel=0)
        self._lag_bars = pg.PlotCurveItem(fillLevel=0)
        self._rate_curve = pg.PlotCurveItem(connect="finite")
        self._mean_rate = pg.InfiniteLine(angle=0)
        self._refractory = pg.LinearRegionItem((0, 1.5), movable=False)
        self._refractory_lags = pg.LinearRegionItem((-1.5, 1.5), movable=False)
        self._soma = pg.ScatterPlotItem(symbol="+", size=14)
        self._spans: tuple[Span, ...] = ()
        self._fill = SpanFill()
        self.time = pg.LinearRegionItem()
        self._view: UnitView | None = None
        self._lay_out()
        self.windows.activated.connect(lambda _index: self.invalidate())
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        controller.selection.time_changed.connect(lambda *_: self._show_time())
        self.time.sigRegionChangeFinished.connect(lambda _region: self._on_time())
        self.apply_theme(theme)
        self.show_answer(None)

    @property
    def view(self) -> UnitView | None:
        """What is shown; None while there is nothing to show."""
        return self._view

    def query(self) -> Query[object] | None:
        """Ask for the current unit."""
        unit = self._controller.selection.unit
        return None if unit is None else UnitQuery(unit, *_WINDOWS_MS[self.windows.currentIndex()])

    def show_answer(self, answer: object) -> None:
        """Draw a unit."""
        self._view = answer if isinstance(answer, UnitView) else None
        if self._view is None:
            self.show_problem(self.no_unit())
            return
        self._show_waveform(self._view)
        self._show_intervals(self._view)
        self._show_correlogram(self._view)
        self._show_rate(self._view)
        self._show_average(self._view.averages)
        self._show_footprint(self._view.footprint)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        for panel in self.panels:
            panel.show_empty(reason)

    def table(self) -> Table | None:
        """Return waveform, intervals, autocorrelogram and rate."""
        view = self._view
        if view is None:
            return None
        return Table.of_kinds(
            ("waveform", _waveform_columns(view)),
            ("intervals", _interval_columns(view)),
            ("autocorrelogram", _lag_columns(view)),
            ("rate", _rate_columns(view)),
        )

    def export_panels(self) -> tuple[Panel, ...]:
        """Return the six panels."""
        tables: tuple[TableOf, ...] = (
            *(partial(self._table_of, part) for part in (_waveform_columns, _interval_columns)),
            *(partial(self._table_of, part) for part in (_lag_columns, _rate_columns)),
            *(self._average_table, self._footprint_table),
        )
        return tuple(
            Panel(panel.title, panel, (("", table),), (figure,))
            for panel, table, figure in zip(self.panels, tables, _FIGURES, strict=True)
        )

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        for panel in self.panels:
            panel.apply_theme(theme)
        self._curve.setPen(pg.mkPen(theme.accent, width=2))
        self._rate_curve.setPen(pg.mkPen(theme.text, width=1))
        self._mean_rate.setPen(pg.mkPen(theme.text, width=1.5, style=pg.QtCore.Qt.PenStyle.DashLine))
        fill = pg.mkColor(theme.accent)
        fill.setAlpha(170)
        for bars in (self._interval_bars, self._lag_bars):
            bars.setPen(pg.mkPen(None))
            bars.setBrush(pg.mkBrush(fill))
        shade = pg.mkColor(theme.bad)
        shade.setAlpha(50)
        for region in (self._refractory, self._refractory_lags):
            region.setBrush(shade)
            for line in region.lines:
                line.setPen(pg.mkPen(None))
        here = pg.mkColor(theme.accent)
        here.setAlpha(70)
        self.time.setBrush(here)
        for line in self.time.lines:
            line.setPen(pg.mkPen(theme.accent, width=1.5))
        self._soma.setPen(pg.mkPen(theme.bad, width=2))
        self._draw_spans()
        if self._view is not None:
            self._show_average(self._view.averages)
            self._show_footprint(self._view.footprint)

    def _lay_out(self) -> None:
        self.rate.setToolTip("Drag the marked stretch of time: Recording and Stimulus follow")
        self.windows.setAccessibleName("Window and bins of the autocorrelogram")
        self.windows.setToolTip("Longest lag, and width of the bins")
        for panel in self.panels[:3]:
            panel.set_heading_height(self.windows.sizeHint().height())
        for window, width in _WINDOWS_MS:
            self.windows.addItem(f"± {window:g} ms, {width:g} ms bins")
        self.windows.setCurrentIndex(1)
        self.correlogram.heading.addWidget(self.windows)
        self.waveform.plot.addItem(self._curve)
        self.intervals.plot.addItem(self._refractory, ignoreBounds=True)
        self.intervals.plot.addItem(self._interval_bars)
        for item in (self._refractory_lags, self._lag_bars, self._mean_rate):
            self.correlogram.plot.addItem(item, ignoreBounds=True)
        self.rate.plot.addItem(self._fill, ignoreBounds=True)
        self.rate.plot.addItem(self._rate_curve)
        self.rate.plot.addItem(self.time, ignoreBounds=True)
        self.footprint.plot.addItem(self._soma, ignoreBounds=True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for place, panel in enumerate(self.panels[:3]):
            layout.addWidget(panel, 0, place * _TOP, 1, _TOP)
        layout.addWidget(self.rate, 1, 0, 1, _LEFT)
        layout.addWidget(self.average, 1, _LEFT, 1, _RIGHT)
        layout.addWidget(self.footprint, 1, _LEFT + _RIGHT, 1, _RIGHT)
        for column in range(_COLUMNS):
            layout.setColumnStretch(column, 1)
        for row in range(2):
            layout.setRowStretch(row, 1)

    def _table_of(self, columns: Callable[[UnitView], Columns]) -> Table | None:
        return None if self._view is None else Table(columns(self._view))

    def _average_table(self) -> Table | None:
        shown = None if self._view is None else self._shown_average(self._view.averages)
        if shown is None:
            return None
        return Table.of_image(("y_pixel", "x_pixel", "mean_light_level"), shown.frames[shown.peak], (0, 0))

    def _footprint_table(self) -> Table | None:
        found = None if self._view is None else self._view.footprint
        if found is None:
            return None
        title = f"peak_to_peak_{found.unit}" if found.unit else "peak_to_peak"
        return Table.of_image(("row", "column", title), found.amplitude, found.first)

    def _shown_average(self, averages: tuple[Averaged, ...]) -> Averaged | None:
        """Return the average of the selected movie, otherwise the first; None without any."""
        wanted = self._controller.selection.movie
        shown = next((average for average in averages if average.movie == wanted), None)
        return shown or (averages[0] if averages else None)

    def _show_waveform(self, view: UnitView) -> None:
        if not view.waveform.size:
            self.waveform.show_empty("The spike-sorted file has no waveform of this unit.")
            return
        known = view.waveform_unit not in {"", "source"}
        self.waveform.plot.setLabel("left", f"Amplitude ({view.waveform_unit})" if known else "Source signal")
        self._curve.setData(view.waveform_ms, view.waveform)
        self.waveform.plot.setXRange(float(view.waveform_ms[0]), float(view.waveform_ms[-1]), padding=0.02)
        self.waveform.plot.enableAutoRange(axis="y")
        size = f"{float(np.ptp(view.waveform)):.3g}" + (f" {view.waveform_unit}" if known else "")
        self.waveform.show_plot(f"{size} peak to peak")

    def _show_intervals(self, view: UnitView) -> None:
        found = view.intervals
        if not found.n_intervals:
            self.intervals.show_empty("Fewer than two spikes: there are no intervals.")
            return
        self._interval_bars.setData(found.edges_ms, found.counts, stepMode="center")
        self._refractory.setRegion((0, found.refractory_ms))
        self.intervals.plot.setXRange(0, float(found.edges_ms[-1]), padding=0)
        self.intervals.plot.setYRange(0, max(1, int(found.counts.max())) * 1.05, padding=0)
        short = f"{found.n_short:,} ({100 * found.short_fraction:.2g} %) < {found.refractory_ms:g} ms"
        self.intervals.show_plot(short)

    def _show_correlogram(self, view: UnitView) -> None:
        found = view.correlogram
        if not view.n_spikes or not found.counts.any():
            self.correlogram.show_empty("No two spikes of this unit are within the window.")
            return
        self._lag_bars.setData(found.edges_ms, found.rate, stepMode="center")
        self._refractory_lags.setRegion((-view.intervals.refractory_ms, view.intervals.refractory_ms))
        self._mean_rate.setValue(view.mean_rate)
        self.correlogram.plot.setXRange(float(found.edges_ms[0]), float(found.edges_ms[-1]), padding=0)
        highest = max(float(found.rate.max()), view.mean_rate)
        self.correlogram.plot.setYRange(0, highest * 1.05, padding=0)
        self.correlogram.show_plot()

    def _show_rate(self, view: UnitView) -> None:
        found = view.rate
        x = np.repeat(found.edges_s, 2)[1:-1]
        self._rate_curve.setData(x, np.repeat(found.rate, 2), connect="finite")
        duration = float(found.edges_s[-1])
        self.rate.plot.setLimits(xMin=0, xMax=duration, yMin=0)
        self.rate.plot.setXRange(0, duration, padding=0)
        self.rate.plot.setYRange(0, max(1.0, float(np.nanmax(found.rate, initial=0.0))) * 1.05, padding=0)
        if view.spans != self._spans:
            self._spans = view.spans
            self._draw_spans()
        self._show_time()
        width = float(found.edges_s[1] - found.edges_s[0])
        self.rate.show_plot(f"mean {view.mean_rate:.3g} Hz, {width:g} s bins")

    def _show_time(self) -> None:
        """Mark the stretch of time that other views show, if it is a part of the recording."""
        start, stop = self._controller.selection.time
        duration = 0.0 if self._view is None else float(self._view.rate.edges_s[-1])
        self.time.setVisible(0.0 < stop - start < duration * (1 - 1e-6))
        with QSignalBlocker(self.time):
            self.time.setRegion((start, stop))

    def _on_time(self) -> None:
        start, stop = self.time.getRegion()
        self._controller.selection.select_time(max(float(start), 0.0), float(stop))

    def _draw_spans(self) -> None:
        self._fill.show_spans(self._spans, self._theme)

    def _show_average(self, averages: tuple[Averaged, ...]) -> None:
        shown = self._shown_average(averages)
        if shown is None:
            self.average.show_empty(self.not_yet("compute_sta"))
            return
        if not np.isfinite(shown.centre):
            self.average.show_empty("This unit has no spike that could be averaged.")
            return
        frame = shown.frames[shown.peak]
        spread = float(np.nanmax(np.abs(shown.frames - shown.centre), initial=0.0)) or 1.0
        levels = (shown.centre - spread, shown.centre + spread)
        note = f"frame {shown.first_frame + shown.peak}".replace("-", "−")
        self.average.show_image(
            frame,
            levels,
            self._theme.diverging,
            "Mean light level",
            note=note,
            centre=shown.centre,
            of=shown.frames,
        )
        self.average.setToolTip(plain_tip(f"{shown.movie}, {note}"))

    def _show_footprint(self, footprint: Footprint | None) -> None:
        if footprint is None:
            self.footprint.show_empty(self.not_yet("compute_eimage_sta"))
            return
        high = float(np.nanmax(footprint.amplitude, initial=0.0))
        if not high > 0:
            self.footprint.show_empty("This unit has no spike that could be averaged.")
            return
        soma = footprint.soma
        self._soma.setData([] if soma is None else [soma[1]], [] if soma is None else [soma[0]])
        self.footprint.show_image(
            footprint.amplitude,
            (0.0, high),
            self._theme.magnitude,
            f"Peak to peak ({footprint.unit or 'no unit'})",
            origin=(footprint.first[1], footprint.first[0]),
            note="" if soma is None else f"+ row {soma[0]}, column {soma[1]}",
        )


def _waveform_columns(view: UnitView) -> Columns:
    title = f"waveform_{view.waveform_unit or 'source'}"
    return (("waveform_ms", view.waveform_ms), (title, view.waveform))


def _interval_columns(view: UnitView) -> Columns:
    found = view.intervals
    return (("interval_from_ms", found.edges_ms[:-1]), ("interval_count", found.counts))


def _lag_columns(view: UnitView) -> Columns:
    lags = view.correlogram
    return (("lag_from_ms", lags.edges_ms[:-1]), ("lag_count", lags.counts), ("lag_rate_Hz", lags.rate))


def _rate_columns(view: UnitView) -> Columns:
    edges, rate = view.rate.edges_s, view.rate.rate
    return (("time_from_s", edges[:-1]), ("time_to_s", edges[1:]), ("rate_Hz", rate))
