"""Population raster: one image when spikes are denser than pixels, one curve of ticks when zoomed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPolygonF

from hdmea_gui.engine.exports import Table
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.colour_bar import ColourBar
from hdmea_gui.views.parts.plot import Plot, quantity
from hdmea_gui.views.parts.plot_panel import style_bar, style_plot
from hdmea_gui.views.recording.query import RecordingView

__all__ = ["RasterPlot", "UnitAxis"]

TICK_LIMIT = 30_000
TICKS_PER_PIXEL = 0.3
TICK_HEIGHT = 0.8
LEVEL_SAMPLES = 40_001
_STRIP, _MARK = 5.0, 8.0


class UnitAxis(pg.AxisItem):  # type: ignore[misc]
    """Axis whose rows are units: their numbers, a strip of their colours, and marks of the selected ones."""

    def __init__(self) -> None:
        super().__init__("left")
        # Room for colours and marks.
        self.setStyle(tickTextOffset=int(_MARK) + 3)
        self._labels: list[str] = []
        self.colours: NDArray[np.uint8] | None = None
        self.marks: dict[int, QColor] = {}

    def set_units(self, unit_ids: Sequence[str]) -> None:
        """Set the unit of each row."""
        self._labels = [unit_id.removeprefix("unit_").lstrip("0") or "0" for unit_id in unit_ids]
        self.picture = None
        self.update()

    def set_colours(self, colours: NDArray[np.uint8] | None) -> None:
        """Set the colour of each row as (n, 3); None for none."""
        self.colours = colours
        self.update()

    def set_marks(self, marks: Mapping[int, str]) -> None:
        """Mark rows in colours."""
        self.marks = {row: QColor(colour) for row, colour in marks.items()}
        self.update()

    def tickSpacing(self, minimum: float, maximum: float, size: float) -> list[tuple[float, float]]:
        """Return whole rows only."""
        found = super().tickSpacing(minimum, maximum, size)
        major = max(1.0, round(found[0][0]))
        return [(major, 0)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Return the unit's number for each row."""
        rows = [round(value) for value in values]
        return [self._labels[row] if 0 <= row < len(self._labels) else "" for row in rows]

    def paint(self, painter: QPainter, *ignored: Any) -> None:
        """Draw numbers, colours and marks."""
        super().paint(painter, *ignored)
        top, bottom = self.range
        if top == bottom:
            return
        pixels = self.height() / (bottom - top)
        right = self.width()
        first, last = sorted((top, bottom))
        rows = range(max(0, int(first)), min(len(self._labels), int(last) + 2))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setClipRect(QRectF(0, 0, right, self.height()))
        if self.colours is not None and len(self.colours) == len(self._labels):
            for row in rows:
                y = self.height() - (row - top) * pixels - abs(pixels) / 2
                strip = QRectF(right - _STRIP - 1, y, _STRIP, max(1.0, abs(pixels)))
                painter.fillRect(strip, QColor(*self.colours[row].tolist()))
        for row in rows:
            if row in self.marks:
                y = self.height() - (row - top) * pixels
                half = min(max(abs(pixels) / 2, 3.0), 6.0)
                corners = (QPointF(right - 1 - _MARK, y - half), QPointF(right - 1, y))
                painter.setBrush(self.marks[row])
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.drawPolygon(QPolygonF([*corners, QPointF(right - 1 - _MARK, y + half)]))


class RasterPlot(Plot):
    """The raster; `unit_clicked` gives the unit that was clicked."""

    unit_clicked = Signal(str)

    def __init__(self, theme: Theme) -> None:
        self.units = UnitAxis()
        super().__init__(axes={"left": self.units}, wheel_axis=0)
        self._view: RecordingView | None = None
        self._order: NDArray[np.intp] = np.zeros(0, np.intp)
        self._theme = theme
        # Rates of the visible rows, and the first of them.
        self._rates: tuple[int, NDArray[np.float32]] | None = None
        self.image = pg.ImageItem(axisOrder="row-major")
        self.ticks = pg.PlotCurveItem(connect="pairs", antialias=False)
        self.bar = ColourBar()
        self.bar.setImageItem(self.image)
        for item in (self.image, self.ticks):
            self.addItem(item, ignoreBounds=True)
        self.invertY(True)
        self.setLabel("left", "Unit")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(15)
        self._timer.timeout.connect(self.redraw)
        self.getViewBox().sigRangeChanged.connect(lambda *_: self._timer.start())
        self.getViewBox().sigResized.connect(lambda *_: self._timer.start())
        self.reading = self.cell_text
        self.apply_theme(theme)

    def cell_text(self, x: float, y: float) -> str:
        """Return unit and time at a place; its rate where rates are shown."""
        view, row = self._view, round(y)
        if view is None or not 0 <= row < len(self._order):
            return ""
        parts = [view.unit_ids[self._order[row]], quantity("Time (s)", x, float(self.vb.viewPixelSize()[0]))]
        if not self.shows_ticks and self._rates is not None:
            first, rates = self._rates
            drawn = self.image.mapRectToParent(self.image.boundingRect())
            column = int((x - drawn.left()) / drawn.width() * rates.shape[1])
            if 0 <= column < rates.shape[1] and 0 <= row - first < len(rates):
                parts.append(f"{rates[row - first, column]:.1f} Hz")
        return "   ".join(parts)

    def show_recording(self, view: RecordingView | None, order: NDArray[np.intp] | None = None) -> None:
        """Show a population, or nothing.

        Parameters
        ----------
        view
            The population.
        order
            Units from top to bottom, by their places in `view.unit_ids`; None: all.
        """
        self._view = view
        if view is None:
            self.image.clear()
            self.ticks.setData([], [], connect="pairs")
            self._timer.stop()
            return
        self._order = np.arange(len(view.unit_ids)) if order is None else order
        self.units.set_units([view.unit_ids[place] for place in self._order])
        rows = max(1, len(self._order))
        self.setLimits(
            **{"xMin": 0, "xMax": view.duration_s, "minXRange": min(0.005, view.duration_s)},
            **{"yMin": -0.5, "yMax": rows - 0.5, "minYRange": min(3, rows)},
        )
        self.setYRange(-0.5, rows - 0.5, padding=0)
        self.redraw()

    def show_all_rows(self) -> None:
        """Show all rows at the times that are seen."""
        self.zoom(y=(-0.5, max(1, len(self._order)) - 0.5))

    @property
    def unit_ids(self) -> tuple[str, ...]:
        """The units from top to bottom."""
        return () if self._view is None else tuple(self._view.unit_ids[place] for place in self._order)

    @property
    def order(self) -> NDArray[np.intp]:
        """The units from top to bottom, by their places among all."""
        return self._order

    @property
    def shows_ticks(self) -> bool:
        """Whether single spikes are shown."""
        return bool(self.ticks.isVisible())

    def table(self) -> Table | None:
        """Return what is visible: spikes, one row each, or the rates of which the picture is made."""
        view = self._view
        if view is None:
            return None
        units = self._visible()[1]
        ids = np.array(view.unit_ids, object)[units]
        start, stop = self.getViewBox().viewRange()[0]
        if self.shows_ticks:
            times, rows = view.raster.ticks(start, stop, units)
            return Table((("unit_id", ids[np.asarray(rows, np.intp)]), ("spike_s", times)))
        image = view.raster.image(start, stop, self._columns(), units)
        n_units, n_columns = image.rate.shape
        edges = [np.tile(part, n_units) for part in (image.edges_s[:-1], image.edges_s[1:])]
        names = ("bin_start_s", "bin_stop_s")
        column = ("unit_id", np.repeat(ids, n_columns))
        return Table((column, *zip(names, edges, strict=True), ("rate_Hz", image.rate.ravel())))

    def _columns(self) -> int:
        """Return how many columns of pixels there are."""
        return max(50, round(float(self.getViewBox().width())))

    def _visible(self) -> tuple[int, NDArray[np.intp]]:
        """Return the first visible row, and the units of all visible rows."""
        low, high = self.getViewBox().viewRange()[1]
        # Not those of which only the edge is at the edge of what is seen.
        first = max(0, int(np.floor(low - 0.5)) + 1)
        return first, self._order[first : max(first, int(np.ceil(high + 0.5)))]

    def redraw(self) -> None:
        """Draw what is visible now."""
        self._timer.stop()
        view = self._view
        if view is None:
            return
        start, stop = self.getViewBox().viewRange()[0]
        columns, (first, units) = self._columns(), self._visible()
        enough = min(TICK_LIMIT, TICKS_PER_PIXEL * columns * max(1, len(units)))
        as_ticks = view.raster.count(start, stop, units) <= enough
        self.ticks.setVisible(as_ticks)
        self.image.setVisible(not as_ticks)
        self.bar.setVisible(not as_ticks)
        if as_ticks:
            self._rates = None
            times, rows = view.raster.ticks(start, stop, units)
            self._draw_ticks(times, rows + first)
        else:
            self._draw_image(view, (start, stop, columns), first, units)

    def _draw_ticks(self, times: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        x = np.repeat(times, 2)
        y = np.repeat(rows - TICK_HEIGHT / 2, 2)
        y[1::2] += TICK_HEIGHT
        self.ticks.setData(x, y, connect="pairs")

    def _draw_image(
        self, view: RecordingView, stretch: tuple[float, float, int], first: int, units: NDArray[np.intp]
    ) -> None:
        image = view.raster.image(*stretch, units)
        self._rates = (first, image.rate)
        some = image.rate.ravel()[:: max(1, image.rate.size // LEVEL_SAMPLES)]
        high = float(np.percentile(some, 99.5)) if some.size else 1.0
        # Of rows that share a line of pixels the highest rate is seen; without this, most rows would not be.
        together = max(1, round(len(units) / max(1.0, float(self.getViewBox().height()))))
        drawn = image.rate
        if together > 1:
            drawn = np.maximum.reduceat(drawn, np.arange(0, len(units), together), axis=0)
        self.image.setImage(drawn, autoLevels=False)
        width, height = image.stop_s - image.start_s, len(drawn) * together
        self.image.setRect(QRectF(image.start_s, first - 0.5, width, height))
        self.bar.show_values((0.0, max(high, 1.0)), self._theme.density, "Rate (Hz)", values=image.rate)

    def mouseClickEvent(self, event: Any) -> None:
        """Choose the unit under the mouse."""
        if self._view is None or event.button() != Qt.MouseButton.LeftButton or event.double():
            return
        row = round(self.getViewBox().mapSceneToView(event.scenePos()).y())
        if 0 <= row < len(self._order):
            event.accept()
            self.unit_clicked.emit(self._view.unit_ids[self._order[row]])

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        style_plot(self, theme)
        style_bar(self.bar, theme)
        self.ticks.setPen(pg.mkPen(theme.text, width=1))
        self.redraw()
