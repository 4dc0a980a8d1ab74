"""Where the units are on the chip, and how much they fire."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QWidget

from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.unit_map import UnitMap, brushes_of
from hdmea_gui.views.recording.query import RecordingView

__all__ = ["ChipMap"]

_SIZE, _RING, _CROSS = 9, 15, 7


class ChipMap(UnitMap):
    """One dot per unit in the colour of its mean rate; rings mark selected units, crosses bad electrodes."""

    def __init__(self, theme: Theme, selection: SelectionModel, parent: QWidget | None = None) -> None:
        self._dots = pg.ScatterPlotItem(size=_SIZE, pen=None)
        self._rings = pg.ScatterPlotItem(size=_RING, brush=None)
        self._edge = pg.PlotCurveItem()
        self.bad = pg.ScatterPlotItem(symbol="x", size=_CROSS)
        self._view: RecordingView | None = None
        self._known: NDArray[np.intp] = np.zeros(0, np.intp)
        super().__init__("Units on the chip", theme, "Column", "Row", selection, parent)
        assert self.bar is not None
        self._bar = self.bar
        self._bar.changed.connect(self._paint)
        for item in (self._edge, self.bad, self._dots, self._rings):
            self.plot.addItem(item, ignoreBounds=True)
        selection.units_changed.connect(lambda _ids: self.mark_units())
        self.apply_theme(theme)

    def show_recording(self, view: RecordingView) -> None:
        """Show the units of a recording."""
        self._view = view
        self.set_units(view.unit_ids, view.places)
        known = np.isfinite(view.places).all(axis=1)
        if not known.any():
            self.show_empty("The spike-sorted file does not state the positions of the units.")
            return
        edge = view.chip_edge
        low, high = 0.5, edge + 0.5
        self._edge.setData([low, high, high, low, low], [low, low, high, high, low])
        self._draw()
        self.bad.setData(pos=view.bad)
        about = f"{int(known.sum())} units, mean rate"
        if len(view.bad):
            about += f" · ×: {len(view.bad)} bad"
        self.show_map(QRectF(low - 1, low - 1, edge + 2, edge + 2), about)

    def about_unit(self, index: int) -> str:
        """Return a unit with its electrode and mean rate."""
        view = self._view
        if view is None:
            return super().about_unit(index)
        column, row = view.places[index]
        return f"{view.unit_ids[index]} at {column:.0f}, {row:.0f}: {view.unit_rates[index]:.2f} Hz"

    def mark_units(self) -> None:
        """Mark the selected units."""
        view = self._view
        if view is None:
            return
        chosen = set(self._selection.units)
        rows = [row for row, name in enumerate(view.unit_ids) if name in chosen]
        self._rings.setData(pos=view.places[rows])

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self._theme = theme
        self._edge.setPen(pg.mkPen(theme.border, width=1))
        self._rings.setPen(pg.mkPen(theme.text, width=2))
        self.bad.setPen(pg.mkPen(theme.bad, width=1))
        self.bad.setBrush(pg.mkBrush(theme.bad))
        # The lowest rates are as dark as the dark background.
        self._dots.setPen(pg.mkPen(theme.muted, width=1))
        if self._view is not None:
            self._draw()

    def _draw(self) -> None:
        view = self._view
        assert view is not None
        self._known = np.flatnonzero(np.isfinite(view.places).all(axis=1))
        rates = view.unit_rates[self._known]
        high = float(rates.max(initial=0.0)) or 1.0
        self._bar.show_values((0.0, high), self._theme.magnitude, "Mean rate (Hz)", values=rates)
        self._paint()
        self.mark_units()

    def _paint(self) -> None:
        """Draw the dots in the colours of the bar."""
        view = self._view
        if view is None:
            return
        # The busiest on top: several units may share an electrode.
        order = self._known[np.argsort(view.unit_rates[self._known], kind="stable")]
        brushes = brushes_of(self._bar.colours_of(view.unit_rates[order]))
        self._dots.setData(pos=view.places[order], brush=brushes)
