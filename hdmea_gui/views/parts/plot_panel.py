"""Plots in the colours of the theme, under a title; words in their place while there is nothing to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.colour_bar import ColourBar
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.plot import Plot, Side, quantity
from hdmea_gui.widgets.elided_label import ElidedLabel
from hdmea_gui.widgets.label import Label

__all__ = ["ImagePanel", "MapPanel", "PlotPanel", "style_plot"]


# Room for axes with their labels, around and between what is drawn, in logical pixels.
_LEFT, _BOTTOM = 48, 40
_ABOVE, _BELOW, _BESIDE, _BETWEEN = 8, 4, 16, 6
_BESIDE_BAR = 4


def style_plot(plot: Plot, theme: Theme) -> None:
    """Give the axes of a plot the colours of a theme; pyqtgraph knows no palettes."""
    for axis in plot.axes.values():
        axis.setPen(pg.mkPen(theme.border))
        axis.setTextPen(pg.mkPen(theme.text))
        axis.setStyle(tickLength=4, hideOverlappingLabels=False)


class PlotPanel(QWidget):
    """One plot under a title.

    Parameters
    ----------
    title
        What is shown.
    theme
        Colours.
    x_label, y_label
        Labels of the axes with their units.
    parent
        Qt parent.
    axes, wheel_axis
        As of `Plot`.
    """

    def __init__(
        self,
        title: str,
        theme: Theme,
        x_label: str,
        y_label: str,
        parent: QWidget | None = None,
        *,
        axes: Mapping[Side, pg.AxisItem] | None = None,
        wheel_axis: int | None = None,
    ) -> None:
        super().__init__(parent)
        self._title = Label(title, self)
        self._title.setProperty("role", "heading")
        self._note = ElidedLabel(self)
        self._note.setProperty("role", "muted")
        self._empty = Label(self)
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self.graphics = Graphics(self)
        self.graphics.setAccessibleName(title)
        self.graphics.ci.layout.setContentsMargins(0, _ABOVE, _BESIDE, 0)
        self.plot = Plot(axes=axes, wheel_axis=wheel_axis)
        self.graphics.addItem(self.plot)
        self.plot.setLabel("bottom", x_label)
        self.plot.setLabel("left", y_label)
        self.heading = QHBoxLayout()
        self.heading.addWidget(self._title)
        self.heading.addSpacing(12)
        self.heading.addWidget(self._note, 1)
        pages = QWidget(self)
        self._stack = QStackedLayout(pages)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.graphics)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(2)
        layout.addLayout(self.heading)
        layout.addWidget(pages, 1)
        self.apply_theme(theme)

    @property
    def title(self) -> str:
        """What is shown."""
        return self._title.text()

    @property
    def is_empty(self) -> bool:
        """Whether words are shown instead of a plot."""
        return self._stack.currentIndex() == 0

    @property
    def empty_text(self) -> str:
        """The words shown while there is nothing to draw."""
        return self._empty.text()

    def set_heading_height(self, pixels: int) -> None:
        """Make the heading at least so high, like that of a panel beside it that has controls."""
        self._title.setMinimumHeight(pixels)

    def show_empty(self, text: str) -> None:
        """Say what to do so that there will be something to draw."""
        self._empty.setText(text)
        self._note.clear()
        self._stack.setCurrentIndex(0)

    def show_plot(self, note: str = "") -> None:
        """Show the plot, and a remark beside the title."""
        self._note.setText(note)
        self._stack.setCurrentIndex(1)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self.graphics.setBackground(theme.base)
        style_plot(self.plot, theme)


class MapPanel(PlotPanel):
    """A map with the same scale in both directions, rows downwards, and a colour bar with the unit.

    Parameters
    ----------
    title, theme, x_label, y_label, parent
        As `PlotPanel`.
    with_bar
        Whether there is a colour bar.
    left
        Room for the left axis with its labels, in logical pixels.
    """

    def __init__(
        self,
        title: str,
        theme: Theme,
        x_label: str,
        y_label: str,
        parent: QWidget | None = None,
        *,
        with_bar: bool = True,
        left: int = _LEFT,
    ) -> None:
        self._left = left
        self.bar = ColourBar() if with_bar else None
        super().__init__(title, theme, x_label, y_label, parent)
        self._extent = (1.0, 1.0)
        self.graphics.installEventFilter(self)
        self.plot.setAspectLocked(True)
        self.plot.invertY(True)
        self.plot.getAxis("left").setWidth(left)
        self.plot.getAxis("bottom").setHeight(_BOTTOM)
        items = [self.plot]
        if self.bar is not None:
            self.graphics.addItem(self.bar)
            items.append(self.bar)
            self.graphics.ci.layout.setContentsMargins(0, _ABOVE, _BESIDE_BAR, 0)
        self.graphics.ci.layout.setHorizontalSpacing(_BETWEEN)
        # What is left over goes to the right of the colour bar, not between picture and axis.
        self.graphics.ci.layout.setColumnStretchFactor(2, 1)
        self.graphics.addLabel("", row=0, col=2)
        for item in items:
            self.graphics.ci.layout.setAlignment(item, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)

    def show_map(self, region: QRectF, note: str = "") -> None:
        """Show a region, in the units of the axes."""
        self._extent = (region.height(), region.width())
        self._fit()
        self.plot.setRange(
            xRange=(region.left(), region.right()), yRange=(region.top(), region.bottom()), padding=0
        )
        self.show_plot(note)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the axes at the edges of the map whenever its room changes, also when it is shown at last."""
        if event.type() is QEvent.Type.Resize:
            self._fit()
        return super().eventFilter(watched, event)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        if self.bar is not None:
            style_bar(self.bar, theme)

    def _fit(self) -> None:
        """Give the plot the proportions of the map, as large as there is room."""
        rows, columns = self._extent
        beside = _BESIDE if self.bar is None else _BETWEEN + self.bar.full_width + _BESIDE_BAR
        height = self.graphics.height() - _ABOVE - self.plot.rims - _BOTTOM - _BELOW
        width = self.graphics.width() - self._left - self.plot.rims - _BETWEEN - beside
        scale = max(20.0 / max(rows, columns), min(height / rows, width / columns))
        self.plot.setFixedWidth(self._left + scale * columns + self.plot.rims)
        self.plot.setFixedHeight(_BOTTOM + scale * rows + self.plot.rims)
        if self.bar is not None:
            self.bar.setFixedHeight(scale * rows + self.plot.rims)


class ImagePanel(MapPanel):
    """A picture with square pixels, its first row on top, and a colour bar with the unit."""

    bar: ColourBar

    def __init__(
        self, title: str, theme: Theme, x_label: str, y_label: str, parent: QWidget | None = None
    ) -> None:
        self.image = pg.ImageItem(axisOrder="row-major")
        super().__init__(title, theme, x_label, y_label, parent)
        self.plot.addItem(self.image)
        self.plot.reading = self.pixel_text
        self.bar.setImageItem(self.image)

    def pixel_text(self, x: float, y: float) -> str:
        """Return the pixel at a place, and its value; empty beside the picture."""
        values, corner = self.image.image, self.image.mapRectToParent(self.image.boundingRect())
        if values is None:
            return ""
        column, row = math.floor(x - corner.left()), math.floor(y - corner.top())
        if not (0 <= row < values.shape[0] and 0 <= column < values.shape[1]):
            return ""
        low, high = self.bar.levels()
        value = quantity(self.bar.unit, float(values[row, column]), (high - low) / 500)
        labels = (self.plot.labels["bottom"], self.plot.labels["left"])
        places = (column + corner.left() + 0.5, row + corner.top() + 0.5)
        where = (
            f"{label.partition(' (')[0]} {place:.0f}" for label, place in zip(labels, places, strict=True)
        )
        return f"{value}   {', '.join(where)}"

    def show_image(
        self,
        values: NDArray[np.floating],
        levels: tuple[float, float],
        colours: str,
        unit: str,
        origin: tuple[float, float] = (0.0, 0.0),
        note: str = "",
        *,
        centre: float | None = None,
        of: NDArray[np.floating] | None = None,
    ) -> None:
        """Show a picture.

        Parameters
        ----------
        values
            (rows, columns).
        levels, colours, unit, centre
            As `ColourBar.show_values`.
        origin
            Coordinates (column, row) of the first pixel's centre.
        note
            Remark beside the title.
        of
            All values, of which those of the picture are some, as of a movie.
        """
        rows, columns = values.shape
        region = QRectF(origin[0] - 0.5, origin[1] - 0.5, columns, rows)
        self.image.setImage(values, autoLevels=False)
        self.image.setRect(region)
        self.bar.show_values(levels, colours, unit, values=values if of is None else of, centre=centre)
        self.show_map(region, note)


def style_bar(bar: ColourBar, theme: Theme) -> None:
    """Give a colour bar the colours of a theme."""
    axis = bar.getAxis("right")
    axis.setPen(pg.mkPen(theme.border))
    axis.setTextPen(pg.mkPen(theme.text))
    axis.setLabel(axis.labelText, color=theme.text)
