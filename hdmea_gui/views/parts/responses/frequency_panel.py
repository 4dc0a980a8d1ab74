"""Response by temporal frequency."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.responses.feature_query import FrequencyTuning
from hdmea_gui.views.parts.responses.numbers_panel import NumbersPanel
from hdmea_gui.views.parts.responses.query import MOST_UNITS

__all__ = ["FrequencyPanel"]

_MARGIN = 0.15


class FrequencyPanel(NumbersPanel):
    """Amplitude of the sine in the rate, with its bootstrap interval, on a logarithmic axis of frequency.

    Filled points are significant; the dashed line is the preferred frequency, the dotted one the cut-off; the
    grey line of a single unit is the amplitude at twice the frequency.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        self._tunings: tuple[FrequencyTuning, ...] = ()
        self._colours: tuple[str, ...] = ()
        self._theme = theme
        self.lines = [pg.PlotCurveItem(antialias=True) for _ in range(MOST_UNITS)]
        self.bars = [pg.PlotCurveItem(connect="pairs") for _ in range(MOST_UNITS)]
        self.points = pg.ScatterPlotItem(size=8)
        self.second = pg.PlotCurveItem(antialias=True)
        self.preferred = pg.PlotCurveItem(connect="pairs")
        self.cutoffs = pg.PlotCurveItem(connect="pairs")
        super().__init__("Frequency response", theme, "Frequency (Hz)", "Amplitude (Hz)", parent)
        self.graphics.setToolTip(
            "Points: amplitude with its bootstrap interval, filled where it is significant. Dashed line: "
            "preferred frequency. Dotted line: cut-off. Grey line: amplitude at twice the frequency."
        )
        for item in (self.second, self.preferred, self.cutoffs, *self.bars, *self.lines, self.points):
            self.plot.addItem(item, ignoreBounds=True)

    def show_tunings(self, tunings: tuple[FrequencyTuning, ...], colours: tuple[str, ...]) -> None:
        """Show the responses of units, each in its colour."""
        self._tunings, self._colours = tunings, colours
        for line, bar, colour in zip(self.lines, self.bars, colours, strict=False):
            line.setPen(pg.mkPen(colour, width=1.5))
            bar.setPen(pg.mkPen(colour, width=1))
        self._draw_lines(tunings)
        self._draw_points()
        self._draw_frequencies(tunings)
        alone = len(tunings) == 1
        self.show_numbers([(tuning.facts, colour) for tuning, colour in zip(tunings, colours, strict=False)])
        self.show_plot("F1; grey: F2" if alone else "F1")

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        super().apply_theme(theme)
        self.second.setPen(pg.mkPen(theme.muted, width=1.5))
        self.preferred.setPen(pg.mkPen(theme.text, width=1.5, style=Qt.PenStyle.DashLine))
        self.cutoffs.setPen(pg.mkPen(theme.muted, width=1.5, style=Qt.PenStyle.DotLine))
        self._draw_points()

    def _draw_lines(self, tunings: tuple[FrequencyTuning, ...]) -> None:
        for place, (line, bar) in enumerate(zip(self.lines, self.bars, strict=True)):
            there = place < len(tunings)
            line.setVisible(there)
            bar.setVisible(there)
            if there:
                found = tunings[place]
                x = np.log10(found.frequencies)
                line.setData(x, found.amplitude)
                bar.setData(
                    np.repeat(x, 2), np.column_stack((found.low, found.high)).ravel(), connect="pairs"
                )
        self.second.setVisible(len(tunings) == 1)
        if len(tunings) == 1:
            self.second.setData(np.log10(tunings[0].frequencies), tunings[0].f2)

    def _draw_points(self) -> None:
        spots = []
        for found, colour in zip(self._tunings, self._colours, strict=False):
            significant = found.p * found.p.size <= found.alpha
            for frequency, size, filled in zip(
                found.frequencies.tolist(), found.amplitude.tolist(), significant.tolist(), strict=True
            ):
                brush = pg.mkBrush(colour if filled else self._theme.base)
                pen = pg.mkPen(colour, width=1.5)
                spots.append({"pos": (np.log10(frequency), size), "brush": brush, "pen": pen})
        self.points.setData(spots)

    def _draw_frequencies(self, tunings: tuple[FrequencyTuning, ...]) -> None:
        frequencies = np.unique(np.concatenate([tuning.frequencies for tuning in tunings]))
        x = np.log10(frequencies)
        ticks = [(place, f"{value:g}") for place, value in zip(x.tolist(), frequencies.tolist(), strict=True)]
        self.plot.getAxis("bottom").setTicks([ticks])
        self.plot.setXRange(x[0] - _MARGIN, x[-1] + _MARGIN, padding=0)
        tops = [float(np.nanmax((t.high, t.amplitude, t.f2), initial=0.0)) for t in tunings]
        top = 1.08 * (max(tops) or 1.0)
        self.plot.setYRange(0, top, padding=0)
        for item, values in (
            (self.preferred, [tuning.preferred_hz for tuning in tunings]),
            (self.cutoffs, [tuning.cutoff_hz for tuning in tunings]),
        ):
            there = np.log10([value for value in values if np.isfinite(value)])
            item.setData(np.repeat(there, 2), np.tile([0.0, top], there.size), connect="pairs")
