"""Where the units are on the chip, in the colours of their mean rates or of any column."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QWidget

from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.unit_colours import MOST_GROUPS, UnitColours
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.colour_bar import ColourChoice
from hdmea_gui.views.parts.unit_map import UnitMap, brushes_of
from hdmea_gui.views.parts.unit_paint import legend, own_colours
from hdmea_gui.views.recording.query import RecordingView

__all__ = ["ChipMap"]

_SIZE, _RING, _CROSS = 9, 15, 7


class ChipMap(UnitMap):
    """One dot per unit; rings mark selected units in their own colours, crosses bad electrodes."""

    def __init__(
        self, theme: Theme, selection: SelectionModel, colours: UnitColours, parent: QWidget | None = None
    ) -> None:
        self._dots = pg.ScatterPlotItem(size=_SIZE, pen=None)
        self._rings = pg.ScatterPlotItem(size=_RING, brush=None)
        self._edge = pg.PlotCurveItem()
        self.bad = pg.ScatterPlotItem(symbol="x", size=_CROSS)
        self._view: RecordingView | None = None
        super().__init__("Units on the chip", theme, "Column", "Row", selection, colours, parent)
        assert self.bar is not None
        self._bar = self.bar
        self._bar.changed.connect(self._on_bar)
        for item in (self._edge, self.bad, self._dots, self._rings):
            self.plot.addItem(item, ignoreBounds=True)
        self.apply_theme(theme)

    def show_recording(self, view: RecordingView) -> None:
        """Show the units of a recording."""
        self._view = view
        self.set_units(view.unit_ids, view.places)
        if not np.isfinite(view.places).all(axis=1).any():
            self.show_empty("The spike-sorted file does not state the positions of the units.")
            return
        edge = view.chip_edge
        low, high = 0.5, edge + 0.5
        self._edge.setData([low, high, high, low, low], [low, low, high, high, low])
        self.bad.setData(pos=view.bad)
        self.show_map(QRectF(low - 1, low - 1, edge + 2, edge + 2))
        self.redraw()

    def about_unit(self, index: int) -> str:
        """Return a unit with its electrode, its mean rate, and what it is coloured by."""
        view, column = self._view, self._colours.column
        if view is None:
            return super().about_unit(index)
        where, row = (
            "{:.0f}, {:.0f}".format(*view.places[index]),
            self._colours.units.row_of(self._ids[index]),
        )
        text = f"{view.unit_ids[index]} at {where}: {view.unit_rates[index]:.2f} Hz"
        if column is None or row is None or column.key == "rate":
            return text
        return f"{text}   {column.title} {self._colours.units.value_text(row, column)}"

    def mark_units(self) -> None:
        """Mark the selected units."""
        view = self._view
        if view is None:
            return
        row_of = {name: row for row, name in enumerate(view.unit_ids)}
        chosen = [name for name in self._selection.units if name in row_of]
        own = own_colours(self._colours, chosen, self._theme)
        pens = [pg.mkPen(colour, width=2.5) for colour in own]
        pens += [pg.mkPen(self._theme.text, width=2)] * max(0, len(chosen) - MOST_GROUPS)
        self._rings.setData(pos=view.places[[row_of[name] for name in chosen]], pen=pens)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self._theme = theme
        self._edge.setPen(pg.mkPen(theme.border, width=1))
        self.bad.setPen(pg.mkPen(theme.bad, width=1))
        self.bad.setBrush(pg.mkBrush(theme.bad))
        # The lowest values are as dark as the dark background.
        self._dots.setPen(pg.mkPen(theme.muted, width=1))
        if self._view is not None:
            self.redraw()

    def redraw(self) -> None:
        """Draw the dots of the units that the filter lets through."""
        view = self._view
        if view is None or self.is_empty:
            return
        there = np.flatnonzero(np.isfinite(view.places).all(axis=1) & self.shown())
        column, kind = self._colours.column, self._colours.kind
        by_rate = column is None or self._colours.units.unit_ids != self._ids
        values, title = (
            (view.unit_rates, "Mean rate (Hz)")
            if by_rate or column is None
            else (column.values, column.title)
        )
        with_bar = by_rate or kind == "number"
        self._bar.setVisible(with_bar)
        words = "" if with_bar else legend(self._colours, self._theme)
        self.legend.setText(words)
        self.legend.setVisible(bool(words))
        if with_bar:
            high = float(view.unit_rates.max(initial=0.0)) or 1.0
            levels = (0.0, high) if by_rate else self._colours.levels
            self._bar.show_values(levels, self._theme.magnitude, title, values=values)
        self._draw_dots(view, there, values if with_bar else None)
        hidden = len(view.unit_ids) - int(self.shown().sum())
        about = f"{len(there)} units" + (f", {hidden} filtered out" if hidden else "")
        about += ", mean rate" if by_rate else ""
        self.show_plot(about + (f" · ×: {len(view.bad)} bad" if len(view.bad) else ""))
        self.mark_units()

    def _draw_dots(
        self, view: RecordingView, there: NDArray[np.intp], values: NDArray[np.float64] | None
    ) -> None:
        painted = self.painted(self._theme)
        if values is not None:
            # The largest on top: several units may share an electrode.
            there = there[np.argsort(np.nan_to_num(values[there], nan=-np.inf), kind="stable")]
            if painted is None or self._bar.choice != ColourChoice():
                found = self._bar.colours_of(np.nan_to_num(values[there]))[:, :3]
                missing = ~np.isfinite(values[there])
                found[missing] = pg.mkColor(self._theme.border).getRgb()[:3]
                self._dots.setData(pos=view.places[there], brush=brushes_of(found))
                return
        assert painted is not None
        self._dots.setData(pos=view.places[there], brush=brushes_of(painted[there]))

    def _on_bar(self) -> None:
        """Have all views show the range that was chosen here."""
        if self._colours.kind == "number":
            self._colours.paint_with(self._bar.colours_of)
        else:
            self.redraw()
