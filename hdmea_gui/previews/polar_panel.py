"""Direction tuning in polar form."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from hdmea_gui.controller.response_views import Tuning
from hdmea_gui.previews.numbers_panel import NumbersPanel
from hdmea_gui.theme import Theme

__all__ = ["PolarPanel"]

_TURN = np.linspace(0.0, 2 * np.pi, 91)


class PolarPanel(NumbersPanel):
    """Mean response by direction: 0° to the right, 90° up; rings are responses, bars the standard error."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        self._tunings: tuple[Tuning, ...] = ()
        self._rings: NDArray[np.float64] = np.ones(1)
        self._colours: tuple[str, ...] = ()
        self.outlines: list[pg.PlotCurveItem] = []
        self._theme = theme
        super().__init__("Direction tuning", theme, "", "", parent)
        for side in ("left", "bottom"):
            self.plot.hideAxis(side)
        self.plot.setAspectLocked(True)
        self.plot.setMouseEnabled(x=False, y=False)

    def show_tunings(
        self, tunings: tuple[Tuning, ...], rings: NDArray[np.float64], colours: tuple[str, ...]
    ) -> None:
        """Show the tuning of units, each in its colour, on rings at these responses."""
        self._tunings, self._rings, self._colours = tunings, rings, colours
        self._draw()
        self.show_numbers([(tuning.facts, colour) for tuning, colour in zip(tunings, colours, strict=False)])
        self.show_plot("spikes per sweep ± SEM")

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        super().apply_theme(theme)
        self._draw()

    def _draw(self) -> None:
        self.plot.clear()
        self.outlines = []
        if not self._tunings:
            return
        rings = self._rings
        self._draw_grid(rings)
        for tuning, colour in zip(self._tunings, self._colours, strict=False):
            curve = tuning.curve
            outline = pg.PlotCurveItem(*curve.outline.T, pen=pg.mkPen(colour, width=2))
            self.outlines.append(outline)
            self.plot.addItem(outline)
            bars = curve.bars[np.isfinite(curve.bars).all(axis=1)]
            self.plot.addItem(pg.PlotCurveItem(*bars.T, connect="pairs", pen=pg.mkPen(colour, width=1)))
            if np.isfinite(tuning.preferred_deg):
                angle = np.deg2rad(tuning.preferred_deg)
                end = rings[-1] * np.array([np.cos(angle), np.sin(angle)])
                pen = pg.mkPen(colour, width=1.5, style=Qt.PenStyle.DashLine)
                self.plot.addItem(pg.PlotCurveItem([0.0, end[0]], [0.0, end[1]], pen=pen))
        reach = rings[-1] * 1.2
        self.plot.setRange(xRange=(-1.1 * reach, 1.1 * reach), yRange=(-reach, reach), padding=0)

    def _draw_grid(self, rings: NDArray[np.float64]) -> None:
        pen = pg.mkPen(self._theme.border, width=1)
        top = float(rings[-1])
        for radius in rings.tolist():
            self.plot.addItem(pg.PlotCurveItem(radius * np.cos(_TURN), radius * np.sin(_TURN), pen=pen))
            self._write(f"{radius:g}", radius * np.cos(np.deg2rad(22.5)), radius * np.sin(np.deg2rad(22.5)))
        for degrees in range(0, 360, 45):
            x, y = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
            self.plot.addItem(pg.PlotCurveItem([0.0, top * x], [0.0, top * y], pen=pen))
            self._write(f"{degrees}°", 1.12 * top * x, 1.12 * top * y, muted=False)

    def _write(self, text: str, x: float, y: float, *, muted: bool = True) -> None:
        label = pg.TextItem(text, color=self._theme.muted if muted else self._theme.text, anchor=(0.5, 0.5))
        label.setPos(x, y)
        self.plot.addItem(label, ignoreBounds=True)
