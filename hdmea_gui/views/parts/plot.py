"""A plot and a colour bar of pyqtgraph's parts, without what nobody sees.

`pyqtgraph.PlotItem` makes four axes, a title and a context menu of some eighty widgets for each plot: the
views of the window would have two thousand hidden widgets, each told of every change of colours.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QGraphicsGridLayout, QGraphicsItem, QGraphicsSceneResizeEvent, QSizePolicy

__all__ = ["ColourBar", "Plot", "Side", "number_text", "quantity"]

Side = Literal["left", "bottom", "right"]

_PLACES: Final[Mapping[Side, tuple[int, int]]] = {"left": (0, 0), "bottom": (1, 1), "right": (0, 2)}
_COLOURS = 256
# Numbers like −1000 and, beside them, the label.
_BAR_AXIS_WIDTH = 52
_MARGIN = 1
# pyqtgraph puts the label of an axis at the right a little beyond it.
_BAR_RIGHT_MARGIN = 3


def quantity(label: str, value: float, step: float) -> str:
    """Return a value under the label of its axis: ``Time 3.21 s`` for "Time (s)".

    Parameters
    ----------
    label
        Name, and unit in parentheses.
    value
        The value.
    step
        What is not told apart any more.
    """
    named = re.fullmatch(r"(.*?)\s*\(([^()]*)\)", label.replace("\n", " "))
    name, unit = named.groups() if named else (label, "")
    return f"{name} {number_text(value, step)} {unit}".strip()


def number_text(value: float, step: float) -> str:
    """Return a number with as many decimals as `step` makes sense of."""
    if not math.isfinite(value):
        return "–"
    decimals = 0 if not 0 < step < 1 else min(6, math.ceil(-math.log10(step)))
    return f"{value:.{decimals}f}".replace("-", "−")


class _Axis(pg.AxisItem):  # type: ignore[misc]
    """Writes negative numbers with the sign that is in tables and texts, too; keeps its label centred."""

    _given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def setLabel(self, *args: Any, **kwargs: Any) -> None:
        """Name what is counted; pyqtgraph makes a known label again, and leaves a new one in its place."""
        given = (args, kwargs)
        if given != self._given:
            self._given = given
            super().setLabel(*args, **kwargs)
            self.resizeEvent()

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Return the numbers at the ticks."""
        return [text.replace("-", "−") for text in super().tickStrings(values, scale, spacing)]


class _BarAxis(_Axis):
    """Has a label that is longer than the bar end where the bar does: below it is room."""

    def resizeEvent(self, event: QGraphicsSceneResizeEvent | None = None) -> None:
        """Keep the label in its place."""
        super().resizeEvent(event)
        if self.label is not None:
            # It reads upwards from its place.
            self.label.setY(max(self.label.y(), self.label.boundingRect().width()))


class Plot(pg.GraphicsWidget):  # type: ignore[misc]
    """An area with axes; its methods are named as those of `pyqtgraph.PlotItem`.

    Parameters
    ----------
    view_box
        Takes the mouse in place of pyqtgraph's own.
    axes
        Axes in place of pyqtgraph's own, by side.
    sides
        Where there are axes.

    Attributes
    ----------
    vb
        The area.
    axes
        The axes by side.
    labels
        Labels of the axes, as they were given.
    rims
        What it is larger than area and axes, in each direction.
    reading
        Returns what is at a place (x, y in the units of the axes) as a text; `place_text` unless a view
        knows better.
    """

    rims = 2 * _MARGIN

    def __init__(
        self,
        view_box: pg.ViewBox | None = None,
        *,
        axes: Mapping[Side, pg.AxisItem] | None = None,
        sides: tuple[Side, ...] = ("left", "bottom"),
    ) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.vb = pg.ViewBox(parent=self, enableMenu=False) if view_box is None else view_box
        self.axes: dict[Side, pg.AxisItem] = {}
        self.labels: dict[Side, str] = {}
        self.reading: Callable[[float, float], str] = self.place_text
        grid = self._grid = QGraphicsGridLayout()
        self.setLayout(grid)
        grid.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        grid.setSpacing(0)
        grid.addItem(self.vb, 0, 1)
        grid.setRowStretchFactor(0, 1)
        grid.setColumnStretchFactor(1, 1)
        for side in sides:
            axis = (axes or {}).get(side) or _Axis(side, parent=self)
            # Labels say the unit themselves.
            axis.enableAutoSIPrefix(False)
            axis.linkToView(self.vb)
            # Above pictures, below what wants to be drawn over the axes.
            axis.setZValue(0.5)
            axis.setFlag(QGraphicsItem.GraphicsItemFlag.ItemNegativeZStacksBehindParent)
            grid.addItem(axis, *_PLACES[side])
            self.axes[side] = axis

    def getViewBox(self) -> pg.ViewBox:
        """Return the area."""
        return self.vb

    def getAxis(self, side: Side) -> pg.AxisItem:
        """Return the axis at a side."""
        return self.axes[side]

    def hideAxis(self, side: Side) -> None:
        """Show the plot without one of its axes."""
        self.axes[side].hide()

    def setLabel(self, side: Side, text: str) -> None:
        """Name what an axis counts, with its unit; pyqtgraph takes labels for HTML."""
        self.labels[side] = text
        self.axes[side].setLabel(html.escape(text).replace("\n", "<br>"))

    def place_text(self, x: float, y: float) -> str:
        """Return a place with the names and units of the axes, as exact as a pixel is."""
        width, height = self.vb.viewPixelSize()
        values: tuple[tuple[Side, float, float], ...] = (
            ("bottom", x, width),
            ("left", y, height),
            ("right", y, height),
        )
        shown = (
            quantity(self.labels[side], value, pixel) for side, value, pixel in values if side in self.labels
        )
        return "   ".join(shown)

    def addItem(self, item: QGraphicsItem, *, ignoreBounds: bool = False) -> None:
        """Show an item; with `ignoreBounds` the ranges do not follow it."""
        self.vb.addItem(item, ignoreBounds=ignoreBounds)

    def removeItem(self, item: QGraphicsItem) -> None:
        """Show an item no more."""
        self.vb.removeItem(item)

    def setXRange(self, low: float, high: float, padding: float | None = None) -> None:
        """Show this stretch; `padding` is a share of it, chosen by the size of the plot if None."""
        self.vb.setXRange(low, high, padding=padding)

    def setYRange(self, low: float, high: float, padding: float | None = None) -> None:
        """Show this stretch; `padding` is a share of it, chosen by the size of the plot if None."""
        self.vb.setYRange(low, high, padding=padding)

    def setRange(self, **ranges: Any) -> None:
        """Show these stretches (``xRange``, ``yRange``, ``padding``)."""
        self.vb.setRange(**ranges)

    def setLimits(self, **limits: float) -> None:
        """Let nobody move or zoom further (``xMin``, ``xMax``, ``yMin``, ``minXRange`` …)."""
        self.vb.setLimits(**limits)

    def setMouseEnabled(self, *, x: bool, y: bool) -> None:
        """Let the mouse move and zoom in these directions."""
        self.vb.setMouseEnabled(x=x, y=y)

    def setAspectLocked(self, locked: bool) -> None:
        """Have the same scale in both directions."""
        self.vb.setAspectLocked(locked)

    def invertY(self, inverted: bool) -> None:
        """Count downwards."""
        self.vb.invertY(inverted)

    def enableAutoRange(self, *, axis: str) -> None:
        """Let the range follow what is shown."""
        self.vb.enableAutoRange(axis=axis)

    def setXLink(self, other: Plot | None) -> None:
        """Follow the horizontal range of another plot."""
        self.vb.setXLink(None if other is None else other.vb)


class ColourBar(Plot):
    """What the colours of a picture mean.

    Parameters
    ----------
    width
        Of the bar alone, in logical pixels.

    Attributes
    ----------
    full_width
        Of all of it, with numbers and label.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__(sides=("right",), axes={"right": _BarAxis("right")})
        self.full_width = _MARGIN + width + _BAR_AXIS_WIDTH + _BAR_RIGHT_MARGIN
        self._grid.setContentsMargins(_MARGIN, _MARGIN, _BAR_RIGHT_MARGIN, _MARGIN)
        self._levels = (0.0, 1.0)
        self._colours: pg.ColorMap | None = None
        self._picture: pg.ImageItem | None = None
        self._gradient = pg.ImageItem(
            np.arange(_COLOURS, dtype=np.float32)[:, np.newaxis], axisOrder="row-major"
        )
        self.addItem(self._gradient)
        self.setMouseEnabled(x=False, y=False)
        self._grid.setColumnFixedWidth(1, width)
        self.axes["right"].setWidth(_BAR_AXIS_WIDTH)
        self.setLevels(self._levels)

    def levels(self) -> tuple[float, float]:
        """Return the values at both ends."""
        return self._levels

    def setLevels(self, levels: tuple[float, float]) -> None:
        """Set the values at both ends, for the picture too."""
        low, high = self._levels = levels
        self._gradient.setRect(QRectF(0.0, low, 1.0, high - low))
        self.setRange(xRange=(0.0, 1.0), yRange=(low, high), padding=0, disableAutoRange=True)
        if self._picture is not None:
            self._picture.setLevels(levels)

    def setColorMap(self, colours: pg.ColorMap) -> None:
        """Set the colours, of the picture too."""
        self._colours = colours
        for image in (self._gradient, self._picture):
            if image is not None:
                image.setColorMap(colours)

    def setImageItem(self, picture: pg.ImageItem) -> None:
        """Have a picture follow the bar."""
        self._picture = picture
        picture.setLevels(self._levels)
        if self._colours is not None:
            picture.setColorMap(self._colours)
