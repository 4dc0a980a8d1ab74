"""One unit: waveform, inter-spike intervals, spike-triggered average, electrical image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtWidgets import QGridLayout, QWidget

from hdmea_gui.controller import Controller
from hdmea_gui.controller.snapshot import Averaged, Footprint, UnitView
from hdmea_gui.controller.tables import Table
from hdmea_gui.controller.work import UnitQuery
from hdmea_gui.jobs import Query
from hdmea_gui.previews.base import Preview
from hdmea_gui.theme import Theme
from hdmea_gui.widgets.plot_panel import ImagePanel, PlotPanel

__all__ = ["UnitPreview"]


class UnitPreview(Preview):
    """Four panels for the current unit."""

    help_text = (
        "One unit: its mean waveform, and the histogram of its inter-spike intervals with the share of "
        "those below the refractory period. Choose the unit in the table, or in any other view."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("unit", controller, theme, parent)
        self.waveform = PlotPanel("Mean waveform", theme, "Time (ms)", "Amplitude", self)
        self.intervals = PlotPanel("Inter-spike intervals", theme, "Interval (ms)", "Count", self)
        self.average = ImagePanel("Spike-triggered average", theme, "x (pixels)", "y (pixels)", self)
        self.footprint = ImagePanel("Electrical image, peak to peak", theme, "Column", "Row", self)
        self.panels = (self.waveform, self.intervals, self.average, self.footprint)
        self._curve = pg.PlotCurveItem()
        self._bars = pg.PlotCurveItem(fillLevel=0)
        self._refractory = pg.LinearRegionItem((0, 1.5), movable=False)
        self._soma = pg.ScatterPlotItem(symbol="+", size=14)
        self.waveform.plot.addItem(self._curve)
        self.intervals.plot.addItem(self._refractory, ignoreBounds=True)
        self.intervals.plot.addItem(self._bars)
        self.footprint.plot.addItem(self._soma, ignoreBounds=True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(0)
        for place, panel in enumerate(self.panels):
            layout.addWidget(panel, place // 2, place % 2)
            layout.setRowStretch(place // 2, 1)
            layout.setColumnStretch(place % 2, 1)
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        self._view: UnitView | None = None
        self.apply_theme(theme)
        self.show_answer(None)

    def query(self) -> Query | None:
        """Ask for the current unit."""
        unit = self._controller.selection.unit
        return None if unit is None else UnitQuery(unit)

    def show_answer(self, answer: object) -> None:
        """Draw a unit."""
        self._view = answer if isinstance(answer, UnitView) else None
        if self._view is None:
            self.show_problem(self.no_unit())
            return
        self._show_waveform(self._view)
        self._show_intervals(self._view)
        self._show_average(self._view.averages)
        self._show_footprint(self._view.footprint)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        for panel in self.panels:
            panel.show_empty(reason)

    def table(self) -> Table | None:
        """Return waveform and intervals."""
        view = self._view
        if view is None:
            return None
        unit = view.waveform_unit or "source"
        columns: list[tuple[str, NDArray[Any]]] = [
            ("waveform_ms", view.waveform_ms),
            (f"waveform_{unit}", view.waveform),
        ]
        if view.intervals is not None:
            columns.append(("interval_from_ms", view.intervals.edges_ms[:-1]))
            columns.append(("interval_count", view.intervals.counts))
        return Table(tuple(columns))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        for panel in self.panels:
            panel.apply_theme(theme)
        self._curve.setPen(pg.mkPen(theme.accent, width=2))
        self._bars.setPen(pg.mkPen(theme.accent))
        self._bars.setBrush(pg.mkBrush(theme.accent))
        refractory = pg.mkColor(theme.bad)
        refractory.setAlpha(50)
        self._refractory.setBrush(refractory)
        for line in self._refractory.lines:
            line.setPen(pg.mkPen(None))
        self._soma.setPen(pg.mkPen(theme.bad, width=2))
        if self._view is not None:
            self._show_average(self._view.averages)
            self._show_footprint(self._view.footprint)

    def _show_waveform(self, view: UnitView) -> None:
        if not view.waveform.size:
            self.waveform.show_empty("The spike-sorted file has no waveform of this unit.")
            return
        known = view.waveform_unit not in {"", "source"}
        self.waveform.plot.setLabel("left", f"Amplitude ({view.waveform_unit})" if known else "Source signal")
        self._curve.setData(view.waveform_ms, view.waveform)
        self.waveform.plot.autoRange()
        self.waveform.show_plot(view.title)

    def _show_intervals(self, view: UnitView) -> None:
        found = view.intervals
        if found is None or not found.n_intervals:
            self.intervals.show_empty("Fewer than two spikes: there are no intervals.")
            return
        self._bars.setData(found.edges_ms, found.counts, stepMode="center")
        self._refractory.setRegion((0, found.refractory_ms))
        self.intervals.plot.setXRange(0, float(found.edges_ms[-1]), padding=0)
        self.intervals.plot.setYRange(0, max(1, int(found.counts.max())) * 1.05, padding=0)
        short = f"{100 * found.short_fraction:.2g} % below {found.refractory_ms:g} ms"
        self.intervals.show_plot(f"{found.n_intervals:,} intervals, {short}")

    def _show_average(self, averages: tuple[Averaged, ...]) -> None:
        wanted = self._controller.selection.movie
        shown = next((average for average in averages if average.movie == wanted), None)
        shown = shown or (averages[0] if averages else None)
        if shown is None:
            self.average.show_empty(self.not_yet("compute_sta"))
            return
        if not np.isfinite(shown.centre):
            self.average.show_empty("This unit has no spike that could be averaged.")
            return
        frame = shown.frames[shown.peak]
        spread = float(np.nanmax(np.abs(shown.frames - shown.centre), initial=0.0)) or 1.0
        levels = (shown.centre - spread, shown.centre + spread)
        note = f"{shown.movie}, peak frame {shown.first_frame + shown.peak}"
        self.average.show_image(frame, levels, self._theme.diverging, "Mean light level", note=note)

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
            note="" if soma is None else f"+ unit at row {soma[0]}, column {soma[1]}",
        )
