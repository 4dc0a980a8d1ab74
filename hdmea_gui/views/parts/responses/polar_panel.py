"""Direction tuning in polar form."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.responses.feature_query import Tuning
from hdmea_gui.views.parts.responses.numbers_panel import NumbersPanel
from hdmea_gui.views.parts.responses.query import MOST_UNITS

__all__ = ["PolarPanel"]

_TURN = np.linspace(0.0, 2 * np.pi, 91)
_SPOKES = np.deg2rad(np.arange(0, 360, 45))
_MOST_RINGS = 4
# Ring labels stand between two spokes.
_BETWEEN = np.deg2rad(22.5)


class PolarPanel(NumbersPanel):
    """Mean response by direction: 0° to the right, 90° up; rings are responses, bars the standard error.

    Everything is drawn in units of the outer ring, so that the grid stays and only its labels change.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        self._tunings: tuple[Tuning, ...] = ()
        self._colours: tuple[str, ...] = ()
        self._grid = pg.PlotCurveItem(connect="finite")
        self._names = [pg.TextItem(anchor=(0.5, 0.5)) for _ in _SPOKES]
        self._radii = [pg.TextItem(anchor=(0.5, 0.5)) for _ in range(_MOST_RINGS)]
        self.outlines = [pg.PlotCurveItem() for _ in range(MOST_UNITS)]
        self.bars = [pg.PlotCurveItem(connect="pairs") for _ in range(MOST_UNITS)]
        self.arrows = [pg.PlotCurveItem() for _ in range(MOST_UNITS)]
        super().__init__("Direction tuning", theme, "", "", parent)
        for side in ("left", "bottom"):
            self.plot.hideAxis(side)
        self.plot.setAspectLocked(True)
        for item in (self._grid, *self._names, *self._radii, *self.bars, *self.outlines, *self.arrows):
            self.plot.addItem(item, ignoreBounds=True)
        for item, angle in zip(self._names, _SPOKES.tolist(), strict=True):
            item.setText(f"{np.rad2deg(angle):.0f}°")
            item.setPos(1.12 * np.cos(angle), 1.12 * np.sin(angle))
        self.plot.setRange(xRange=(-1.32, 1.32), yRange=(-1.3, 1.3), padding=0)

    def show_tunings(
        self, tunings: tuple[Tuning, ...], rings: NDArray[np.float64], colours: tuple[str, ...]
    ) -> None:
        """Show the tuning of units, each in its colour, on rings at these responses.

        Parameters
        ----------
        tunings
            At most eight.
        rings
            Ascending responses, at most four.
        colours
            One for each unit.
        """
        self._tunings, self._colours = tunings, colours
        self._draw_grid(rings)
        top = float(rings[-1])
        for place in range(MOST_UNITS):
            self._draw_unit(place, tunings[place] if place < len(tunings) else None, top)
        self._paint_units()
        self.show_numbers([(tuning.facts, colour) for tuning, colour in zip(tunings, colours, strict=False)])
        self.show_plot("spikes per sweep ± SEM")

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self._grid.setPen(pg.mkPen(theme.border, width=1))
        for item in self._names:
            item.setColor(theme.text)
        for item in self._radii:
            item.setColor(theme.muted)
        self._paint_units()

    def _draw_unit(self, place: int, tuning: Tuning | None, top: float) -> None:
        items = (self.outlines[place], self.bars[place], self.arrows[place])
        for item in items:
            item.setVisible(tuning is not None)
        if tuning is None:
            return
        curve = tuning.curve
        items[0].setData(*(curve.outline / top).T)
        bars = curve.bars[np.isfinite(curve.bars).all(axis=1)] / top
        items[1].setData(*bars.T, connect="pairs")
        angle = np.deg2rad(tuning.preferred_deg)
        items[2].setVisible(bool(np.isfinite(angle)))
        if np.isfinite(angle):
            items[2].setData(np.array([0.0, np.cos(angle)]), np.array([0.0, np.sin(angle)]))

    def _paint_units(self) -> None:
        for outline, bars, arrow, colour in zip(
            self.outlines, self.bars, self.arrows, self._colours, strict=False
        ):
            outline.setPen(pg.mkPen(colour, width=2))
            bars.setPen(pg.mkPen(colour, width=1))
            arrow.setPen(pg.mkPen(colour, width=1.5, style=Qt.PenStyle.DashLine))

    def _draw_grid(self, rings: NDArray[np.float64]) -> None:
        gap = np.full((1, 2), np.nan)
        circle = np.column_stack((np.cos(_TURN), np.sin(_TURN)))
        parts = [part for radius in (rings / rings[-1]).tolist() for part in (radius * circle, gap)]
        for angle in _SPOKES.tolist():
            parts += [np.array([[0.0, 0.0], [np.cos(angle), np.sin(angle)]]), gap]
        self._grid.setData(*np.vstack(parts).T, connect="finite")
        for place, item in enumerate(self._radii):
            item.setVisible(place < rings.size)
            if place < rings.size:
                radius = float(rings[place])
                item.setText(f"{radius:g}")
                at = radius / float(rings[-1])
                item.setPos(at * np.cos(_BETWEEN), at * np.sin(_BETWEEN))
