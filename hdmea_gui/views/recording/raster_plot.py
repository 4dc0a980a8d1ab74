"""Population raster: one image when spikes are denser than pixels, one curve of ticks when zoomed in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, QTimer, Signal

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


class UnitAxis(pg.AxisItem):  # type: ignore[misc]
    """Axis whose rows are units; shows the number in the unit's id."""

    def __init__(self) -> None:
        super().__init__("left")
        self._labels: list[str] = []

    def set_units(self, unit_ids: Sequence[str]) -> None:
        """Set the unit of each row."""
        self._labels = [unit_id.removeprefix("unit_").lstrip("0") or "0" for unit_id in unit_ids]
        self.picture = None
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


class RasterPlot(Plot):
    """The raster; `unit_clicked` gives the row of the unit that was clicked."""

    unit_clicked = Signal(int)

    def __init__(self, theme: Theme) -> None:
        self._axis = UnitAxis()
        super().__init__(axes={"left": self._axis}, wheel_axis=0)
        self._view: RecordingView | None = None
        self._theme = theme
        self.image = pg.ImageItem(axisOrder="row-major")
        self.ticks = pg.PlotCurveItem(connect="pairs", antialias=False)
        self.band = pg.BarGraphItem(x0=[], y0=[], width=1.0, height=1.0)
        self.band.setZValue(10)
        self.band.hide()
        self.bar = ColourBar()
        self.bar.setImageItem(self.image)
        for item in (self.image, self.ticks, self.band):
            self.addItem(item, ignoreBounds=True)
        self.setLabel("left", "Unit")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(15)
        self._timer.timeout.connect(self.redraw)
        self.getViewBox().sigXRangeChanged.connect(lambda *_: self._timer.start())
        self.getViewBox().sigResized.connect(lambda *_: self._timer.start())
        self.reading = self.cell_text
        self.apply_theme(theme)

    def cell_text(self, x: float, y: float) -> str:
        """Return unit and time at a place; its rate where rates are shown."""
        view, row = self._view, round(y)
        if view is None or not 0 <= row < len(view.unit_ids):
            return ""
        parts = [view.unit_ids[row], quantity("Time (s)", x, float(self.vb.viewPixelSize()[0]))]
        if not self.shows_ticks and self.image.image is not None:
            drawn = self.image.mapRectToParent(self.image.boundingRect())
            column = int((x - drawn.left()) / drawn.width() * self.image.image.shape[1])
            if 0 <= column < self.image.image.shape[1]:
                parts.append(f"{self.image.image[row, column]:.1f} Hz")
        return "   ".join(parts)

    def show_recording(self, view: RecordingView | None) -> None:
        """Show a population, or nothing."""
        self._view = view
        if view is None:
            self.image.clear()
            self.ticks.clear()
            self._timer.stop()
            return
        self._axis.set_units(view.unit_ids)
        rows = max(1, len(view.unit_ids))
        self.setLimits(xMin=0, xMax=view.duration_s, minXRange=min(0.005, view.duration_s))
        self.setYRange(-0.5, rows - 0.5, padding=0)
        self.redraw()

    def mark_units(self, rows: Sequence[int]) -> None:
        """Mark the rows of the selected units."""
        self.band.setVisible(bool(rows) and self._view is not None)
        if rows and self._view is not None:
            starts = np.asarray(rows, np.float64) - 0.5
            self.band.setOpts(x0=np.zeros(len(rows)), y0=starts, width=self._view.duration_s, height=1.0)

    @property
    def shows_ticks(self) -> bool:
        """Whether single spikes are shown."""
        return bool(self.ticks.isVisible())

    def table(self) -> Table | None:
        """Return what is visible: spikes, one row each, or the rates of which the picture is made."""
        view = self._view
        if view is None:
            return None
        ids = np.array(view.unit_ids, object)
        start, stop = self.getViewBox().viewRange()[0]
        if self.shows_ticks:
            times, rows = view.raster.ticks(start, stop)
            return Table((("unit_id", ids[np.asarray(rows, np.intp)]), ("spike_s", times)))
        image = view.raster.image(start, stop, self._columns())
        n_units, n_columns = image.rate.shape
        edges = [np.tile(part, n_units) for part in (image.edges_s[:-1], image.edges_s[1:])]
        names = ("bin_start_s", "bin_stop_s")
        units = ("unit_id", np.repeat(ids, n_columns))
        return Table((units, *zip(names, edges, strict=True), ("rate_Hz", image.rate.ravel())))

    def _columns(self) -> int:
        """Return how many columns of pixels there are."""
        return max(50, round(float(self.getViewBox().width())))

    def redraw(self) -> None:
        """Draw what is visible now."""
        self._timer.stop()
        view = self._view
        if view is None:
            return
        start, stop = self.getViewBox().viewRange()[0]
        columns = self._columns()
        enough = min(TICK_LIMIT, TICKS_PER_PIXEL * columns * max(1, len(view.unit_ids)))
        as_ticks = view.raster.count(start, stop) <= enough
        self.ticks.setVisible(as_ticks)
        self.image.setVisible(not as_ticks)
        self.bar.setVisible(not as_ticks)
        if as_ticks:
            self._draw_ticks(*view.raster.ticks(start, stop))
        else:
            self._draw_image(view, start, stop, columns)

    def _draw_ticks(self, times: Any, rows: Any) -> None:
        x = np.repeat(times, 2)
        y = np.repeat(rows - TICK_HEIGHT / 2, 2)
        y[1::2] += TICK_HEIGHT
        self.ticks.setData(x, y, connect="pairs")

    def _draw_image(self, view: RecordingView, start: float, stop: float, columns: int) -> None:
        image = view.raster.image(start, stop, columns)
        some = image.rate.ravel()[:: max(1, image.rate.size // LEVEL_SAMPLES)]
        high = float(np.percentile(some, 99.5)) if some.size else 1.0
        self.image.setImage(image.rate, autoLevels=False)
        width = image.stop_s - image.start_s
        self.image.setRect(QRectF(image.start_s, -0.5, width, len(image.rate)))
        self.bar.show_values((0.0, max(high, 1.0)), self._theme.density, "Rate (Hz)", values=image.rate)

    def mouseClickEvent(self, event: Any) -> None:
        """Choose the unit under the mouse."""
        if self._view is None or event.button() != Qt.MouseButton.LeftButton or event.double():
            return
        row = round(self.getViewBox().mapSceneToView(event.scenePos()).y())
        if 0 <= row < len(self._view.unit_ids):
            event.accept()
            self.unit_clicked.emit(row)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        style_plot(self, theme)
        style_bar(self.bar, theme)
        self.ticks.setPen(pg.mkPen(theme.text, width=1))
        self.redraw()
        fill = pg.mkColor(theme.accent)
        fill.setAlpha(60)
        self.band.setOpts(brush=fill, pen=pg.mkPen(theme.accent))
