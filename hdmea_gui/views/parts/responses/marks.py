"""Marks of a step response on its rate: extrema, latencies, sustained parts, baseline."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.views.parts.responses.feature_query import StepMarks

__all__ = ["ResponseMarks"]


class ResponseMarks:
    """Items of a plot of the rate over the time of a trial.

    Parameters
    ----------
    plot
        The plot.
    theme
        Colours.

    Attributes
    ----------
    smooth, baseline, sustained, latencies, peaks
        The items: low-passed mean rate, baseline, and the three kinds of marks.
    """

    def __init__(self, plot: Plot, theme: Theme) -> None:
        self._plot = plot
        self._theme = theme
        self._marks: StepMarks | None = None
        self.smooth = pg.PlotCurveItem(antialias=True)
        self.baseline = pg.PlotCurveItem()
        self.sustained = pg.PlotCurveItem(connect="pairs")
        self.latencies = pg.PlotCurveItem(connect="pairs")
        self.peaks = pg.ScatterPlotItem(size=11)
        self._items = (self.baseline, self.latencies, self.smooth, self.sustained, self.peaks)

    def add_to_plot(self) -> None:
        """Put the items above what the plot has now."""
        for item in self._items:
            self._plot.addItem(item, ignoreBounds=True)

    def show_marks(self, marks: StepMarks | None, span_s: tuple[float, float]) -> float:
        """Draw the marks of a response, or none; return the highest rate among them, 0 without any.

        Parameters
        ----------
        marks
            What was found.
        span_s
            Begin and end of the plot, for the line of the baseline.
        """
        self._marks = marks
        for item in self._items:
            item.setVisible(marks is not None)
        if marks is None:
            return 0.0
        found = marks.response
        highest = float(max(found.rate.max(initial=0.0), np.nanmax([0.0, *self._rates(marks)])))
        self.smooth.setData(found.time_s, found.rate)
        self.baseline.setData(np.array(span_s), np.repeat(found.baseline_hz, 2))
        phases = found.marks
        ends = [(mark.sustained_from_s, mark.stop_s) for mark in phases]
        self.sustained.setData(
            np.ravel(ends), np.repeat([mark.sustained_hz for mark in phases], 2), connect="pairs"
        )
        begins = [mark.latency_s for mark in phases if np.isfinite(mark.latency_s)]
        self.latencies.setData(
            np.repeat(begins, 2), np.tile([0.0, highest * 1.08], len(begins)), connect="pairs"
        )
        self._draw_peaks(marks)
        return highest

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        dashed, dotted = Qt.PenStyle.DashLine, Qt.PenStyle.DotLine
        self.smooth.setPen(pg.mkPen(theme.text, width=1.5))
        self.baseline.setPen(pg.mkPen(theme.muted, width=2, style=dotted))
        self.sustained.setPen(pg.mkPen(theme.warning, width=3))
        self.latencies.setPen(pg.mkPen(theme.bad, width=1.5, style=dashed))
        if self._marks is not None:
            self._draw_peaks(self._marks)

    def _rates(self, marks: StepMarks) -> list[float]:
        return [rate for mark in marks.response.marks for rate in (mark.peak_hz, mark.sustained_hz)]

    def _draw_peaks(self, marks: StepMarks) -> None:
        """Draw a triangle up or down, filled if the transient is significant."""
        found = [mark for mark in marks.response.marks if np.isfinite(mark.peak_s)]
        level = marks.response.baseline_hz
        self.peaks.setData(
            x=[mark.peak_s for mark in found],
            y=[mark.peak_hz for mark in found],
            symbol=["t1" if mark.peak_hz >= level else "t" for mark in found],
            brush=[pg.mkBrush(self._theme.bad if mark.responds else None) for mark in found],
            pen=pg.mkPen(self._theme.bad, width=1.5),
        )
