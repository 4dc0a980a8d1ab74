"""A plot of pyqtgraph's parts without what nobody sees, and how the mouse moves it.

`pyqtgraph.PlotItem` makes four axes, a title and a context menu of some eighty widgets for each plot: the
views of the window would have two thousand hidden widgets, each told of every change of colours.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtWidgets import QGraphicsGridLayout, QGraphicsItem, QSizePolicy

__all__ = ["HAND_HELP", "Axis", "Plot", "PlotBox", "Side", "number_text", "quantity"]

Side = Literal["left", "bottom", "right"]

_PLACES: Final[Mapping[Side, tuple[int, int]]] = {"left": (0, 0), "bottom": (1, 1), "right": (0, 2)}
MARGIN = 1
HAND_HELP = (
    ("Drag", "move; a drag that begins on a handle moves the handle"),
    ("Wheel", "zoom at the pointer; Shift: horizontally, Ctrl: vertically"),
    ("Right drag, or B and drag", "zoom to a frame"),
    ("Double click, Home", "show all"),
    ("Arrows, +, −", "move and zoom the plot that has the focus"),
    ("L", "type the limits"),
)
"""What mouse and keys do in every plot."""
_X, _Y = 0, 1
# Share of all of it that an axis can be moved beyond its ends.
_BEYOND = 0.5
_LEAST_FRAME_PX = 4.0
_PICKS = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier
_Stretch = tuple[float, float, float | None]


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


class Axis(pg.AxisItem):  # type: ignore[misc]
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


class PlotBox(pg.ViewBox):  # type: ignore[misc]
    """The area of a plot: drag moves, the wheel zooms at the pointer, a right drag zooms to a frame.

    Attributes
    ----------
    wheel_axis
        The axis that the wheel zooms without a key, 0 or 1; None: both.
    frames
        Whether a left drag draws a frame to zoom to.
    picks
        Whether a left drag with Shift or Ctrl draws a frame around what is to be selected.

    Signals
    -------
    picked(QRectF, bool)
        What a frame went around, in the units of the axes; whether it is to be added (Ctrl).
    """

    picked = Signal(object, bool)

    def __init__(self, wheel_axis: int | None = None) -> None:
        super().__init__(enableMenu=False)
        self.wheel_axis = wheel_axis
        self.frames = False
        self.picks = False

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        """Zoom at the pointer; maps, whose axes have the same scale, always in both directions."""
        if self.state["aspectLocked"] is False and axis is None:
            modifiers, axis = event.modifiers(), self.wheel_axis
            if modifiers & Qt.KeyboardModifier.ShiftModifier:
                axis = _X
            elif modifiers & Qt.KeyboardModifier.ControlModifier:
                axis = _Y
        super().wheelEvent(event, axis)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Move, zoom to a frame, or select what is in it."""
        left, right = (
            event.button() == getattr(Qt.MouseButton, f"{side}Button") for side in ("Left", "Right")
        )
        picks = self.picks and left and bool(event.modifiers() & _PICKS)
        if axis is not None or not (right or picks or (left and self.frames)):
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        start, stop = event.buttonDownPos(event.button()), event.pos()
        if not picks:
            start, stop = self._over_fixed_axes(start, stop)
        if not event.isFinish():
            self.updateScaleBox(start, stop)
            return
        self.rbScaleBox.hide()
        region = QRectF(self.mapToView(start), self.mapToView(stop)).normalized()
        if picks:
            self.picked.emit(region, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        elif max(abs(stop.x() - start.x()), abs(stop.y() - start.y())) >= _LEAST_FRAME_PX:
            self._zoom_to(region)

    def _over_fixed_axes(self, start: QPointF, stop: QPointF) -> tuple[QPointF, QPointF]:
        """Return the corners of a frame that goes over all of an axis which does not move."""
        area = self.boundingRect()
        x_free, y_free = self.state["mouseEnabled"]
        return (
            QPointF(start.x() if x_free else area.left(), start.y() if y_free else area.top()),
            QPointF(stop.x() if x_free else area.right(), stop.y() if y_free else area.bottom()),
        )

    def _zoom_to(self, region: QRectF) -> None:
        x_free, y_free = self.state["mouseEnabled"]
        if x_free and region.width() > 0:
            self.setXRange(region.left(), region.right(), padding=0)
        if y_free and region.height() > 0:
            self.setYRange(region.top(), region.bottom(), padding=0)
        self.sigRangeChangedManually.emit(self.state["mouseEnabled"])


class Plot(pg.GraphicsWidget):  # type: ignore[misc]
    """An area with axes; its methods are named as those of `pyqtgraph.PlotItem`.

    Parameters
    ----------
    view_box
        Takes the mouse in place of a `PlotBox`.
    wheel_axis
        As `PlotBox.wheel_axis`.
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

    rims = 2 * MARGIN

    def __init__(
        self,
        view_box: pg.ViewBox | None = None,
        *,
        wheel_axis: int | None = None,
        axes: Mapping[Side, pg.AxisItem] | None = None,
        sides: tuple[Side, ...] = ("left", "bottom"),
    ) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.vb = PlotBox(wheel_axis) if view_box is None else view_box
        self.vb.setParentItem(self)
        self._home: dict[int, _Stretch] = {}
        self._moved = [False, False]
        self._own_limits: dict[str, float] = {}
        self._x_of: Plot | None = None
        self.vb.sigRangeChangedManually.connect(self._on_moved)
        self.axes: dict[Side, pg.AxisItem] = {}
        self.labels: dict[Side, str] = {}
        self.reading: Callable[[float, float], str] = self.place_text
        grid = self._grid = QGraphicsGridLayout()
        self.setLayout(grid)
        grid.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        grid.setSpacing(0)
        grid.addItem(self.vb, 0, 1)
        grid.setRowStretchFactor(0, 1)
        grid.setColumnStretchFactor(1, 1)
        for side in sides:
            axis = (axes or {}).get(side) or Axis(side, parent=self)
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
        """Show all of the horizontal axis, see `setYRange`."""
        self._set_home({_X: (low, high, padding)})

    def setYRange(self, low: float, high: float, padding: float | None = None) -> None:
        """Show all of the vertical axis: this is where `show_all` leads.

        Parameters
        ----------
        low, high
            What all of it is. Where the same was shown before and the user has zoomed in, the zoom stays.
        padding
            Share of it that is seen beyond its ends, chosen by the size of the plot if None.
        """
        self._set_home({_Y: (low, high, padding)})

    def setRange(
        self, *, xRange: tuple[float, float], yRange: tuple[float, float], padding: float | None = None
    ) -> None:
        """Show all of both axes, see `setYRange`."""
        self._set_home({_X: (*xRange, padding), _Y: (*yRange, padding)})

    def zoom(self, *, x: tuple[float, float] | None = None, y: tuple[float, float] | None = None) -> None:
        """Show a part, as the user would."""
        wanted = {axis: stretch for axis, stretch in ((_X, x), (_Y, y)) if stretch is not None}
        for axis in wanted:
            self._moved[axis] = True
        self._show({axis: (*stretch, 0.0) for axis, stretch in wanted.items()})

    def show_all(self) -> None:
        """Show all of both axes."""
        if self._x_of is not None:
            self._x_of.show_all()
        own = (_Y,) if self._x_of is not None else (_X, _Y)
        for axis in own:
            self._moved[axis] = False
            if axis not in self._home:
                self.vb.enableAutoRange(axis=axis)
        self._show({axis: self._home[axis] for axis in own if axis in self._home})

    @property
    def free_axes(self) -> tuple[Side, ...]:
        """The axes that the user may move."""
        free: tuple[bool, bool] = self.vb.state["mouseEnabled"]
        sides: tuple[Side, Side] = ("bottom", "left")
        return tuple(side for side, is_free in zip(sides, free, strict=True) if is_free)

    def setLimits(self, **limits: float) -> None:
        """Let nobody move or zoom further (``xMin``, ``xMax``, ``yMin``, ``minXRange`` …)."""
        self._own_limits |= limits
        self.vb.setLimits(**limits)

    def _set_home(self, homes: Mapping[int, _Stretch]) -> None:
        keep = {axis for axis in homes if self._moved[axis] and self._home.get(axis) == homes[axis]}
        self._home |= homes
        shown = {axis: home for axis, home in homes.items() if axis not in keep}
        for axis, home in shown.items():
            self._moved[axis] = False
            self._limit(axis, home)
        self._show(shown)

    def _limit(self, axis: int, home: _Stretch) -> None:
        """Let nobody lose what is shown."""
        low, high, _ = home
        name, reach = "xy"[axis], _BEYOND * (high - low)
        found = {f"{name}Min": low - reach, f"{name}Max": high + reach}
        if high > low:
            self.vb.setLimits(**{key: value for key, value in found.items() if key not in self._own_limits})

    def _show(self, stretches: Mapping[int, _Stretch]) -> None:
        # Together: where the scale of both is the same, each would move the other.
        paddings = {padding for *_, padding in stretches.values()}
        groups = [stretches] if len(paddings) == 1 else [{axis: found} for axis, found in stretches.items()]
        for group in groups:
            ranges = {f"{'xy'[axis]}Range": (low, high) for axis, (low, high, _) in group.items()}
            self.vb.setRange(**ranges, padding=next(iter(group.values()))[2])

    def _on_moved(self, _mask: object) -> None:
        self._moved = [True, True]

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
        self._home.pop("xy".index(axis), None)
        self.vb.enableAutoRange(axis=axis)

    def setXLink(self, other: Plot | None) -> None:
        """Follow the horizontal range of another plot."""
        self._x_of = other
        self.vb.setXLink(None if other is None else other.vb)
