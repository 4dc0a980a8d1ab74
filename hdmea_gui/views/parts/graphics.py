"""Plots side by side: what is under the pointer, keys, and the menu of the right button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from hdmea_gui.views.parts.colour_bar import MAPS, RANGES, ColourBar
from hdmea_gui.views.parts.limits_dialog import LimitsDialog
from hdmea_gui.views.parts.plot import Plot, PlotBox
from hdmea_gui.widgets.label import Label

__all__ = ["Graphics"]

_MARGIN = 6
_STEP, _ZOOM = 0.1, 1.25
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
_ZOOMS = {Qt.Key.Key_Plus: 1 / _ZOOM, Qt.Key.Key_Equal: 1 / _ZOOM, Qt.Key.Key_Minus: _ZOOM}


class Graphics(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Plots in a grid, all of which mouse and keys move in the same way.

    Parameters
    ----------
    parent
        Qt parent.

    Attributes
    ----------
    readout
        Says what is under the pointer.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        self._current: Plot | None = None
        super().__init__(parent)
        readout = self.readout = Label(self)
        readout.setProperty("role", "readout")
        # It must not take the mouse from what it speaks of.
        readout.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        readout.hide()
        self.scene().sigMouseMoved.connect(self.show_at)
        self.scene().sigMouseClicked.connect(self._on_click)
        self.viewport().installEventFilter(self)

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The plots and colour bars that are shown."""
        return tuple(item for item in self.ci.items if isinstance(item, Plot) and item.isVisible())

    @property
    def bars(self) -> tuple[ColourBar, ...]:
        """The colour bars, shown or not."""
        return tuple(item for item in self.ci.items if isinstance(item, ColourBar))

    def plot_at(self, place: QPointF) -> Plot | None:
        """Return the plot at a place of the scene; None outside of all areas."""
        return next((plot for plot in self.plots if plot.vb.sceneBoundingRect().contains(place)), None)

    @property
    def current(self) -> Plot | None:
        """The plot that keys move: the one the pointer was in last, otherwise the largest."""
        plots = [plot for plot in self.plots if plot.free_axes]
        if self._current in plots:
            return self._current
        return max(plots, key=lambda plot: plot.size().width() * plot.size().height(), default=None)

    def show_all(self) -> None:
        """Show all of every plot; ranges of colours stay."""
        for plot in self.plots:
            if not isinstance(plot, ColourBar):
                plot.show_all()

    # -- what is under the pointer -------------------------------------------------------------------

    def show_at(self, place: QPointF) -> None:
        """Show what is at a place of the scene."""
        text = self.text_at(place)
        readout = self.readout
        readout.setVisible(bool(text))
        if not text:
            return
        readout.setText(text)
        readout.adjustSize()
        # Beside the label of the lower axis: nothing that is drawn is hidden.
        right = self.width() - readout.width() - _MARGIN
        top = self.height() - readout.height() - 1
        x, y = self.mapFromScene(place).toTuple()
        beneath = x >= right - _MARGIN and y >= top - _MARGIN
        readout.move(_MARGIN if beneath else max(_MARGIN, right), top)

    def text_at(self, place: QPointF) -> str:
        """Return what is at a place of the scene; empty outside of all plots."""
        plot = self.plot_at(place)
        if plot is None:
            return ""
        self._current = plot
        point = plot.vb.mapSceneToView(place)
        return plot.reading(point.x(), point.y())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hide what is said when the pointer leaves."""
        if event.type() is QEvent.Type.Leave:
            self.readout.hide()
        return bool(super().eventFilter(watched, event))

    # -- mouse ---------------------------------------------------------------------------------------

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Wait until the right button is released: a drag with it zooms to a frame."""
        event.setAccepted(event.reason() == QContextMenuEvent.Reason.Mouse)

    def _on_click(self, event: pg.GraphicsScene.mouseEvents.MouseClickEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            place = self.mapFromScene(event.scenePos())
            asked = QContextMenuEvent(QContextMenuEvent.Reason.Other, place, self.mapToGlobal(place))
            QApplication.sendEvent(self, asked)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show all of the plot under the pointer."""
        super().mouseDoubleClickEvent(event)
        plot = self.plot_at(self.mapToScene(event.position().toPoint()))
        if plot is not None and event.button() == Qt.MouseButton.LeftButton:
            plot.show_all()

    def add_to_menu(self, menu: QMenu, at: QPointF) -> None:
        """Add what can be done with the plot at a place of the scene, and with the colours of its picture."""
        plot = self.plot_at(at) or self.current
        if plot is None or not self.plots:
            return
        if plot.free_axes:
            menu.addAction("Show all\tDouble click").triggered.connect(plot.show_all)
            menu.addAction("Limits…\tL").triggered.connect(partial(self.ask_limits, plot))
            frame = menu.addAction("Zoom to a frame\tB")
            frame.setCheckable(True)
            frame.setChecked(self.draws_frames)
            frame.triggered.connect(self.draw_frames)
        for bar in self.bars if self.bars and self.bars[0].isVisible() else ():
            colours = menu.addMenu("Colours")
            colours.setObjectName("colours")
            _offer_colours(colours, bar, partial(self.ask_range, bar))

    # -- keys ----------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, zoom, show all, draw a frame, type limits."""
        plot, key = self.current, Qt.Key(event.key())
        event.accept()
        if plot is None or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        elif key in _ARROWS:
            event.setAccepted(_move(plot, *_ARROWS[key]))
        elif key in _ZOOMS:
            _zoom(plot, _ZOOMS[key])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_0):
            plot.show_all()
        elif key == Qt.Key.Key_B:
            self.draw_frames(not self.draws_frames)
        elif key == Qt.Key.Key_L:
            self.ask_limits(plot)
        else:
            event.ignore()

    @property
    def draws_frames(self) -> bool:
        """Whether a drag draws a frame to zoom to, instead of moving."""
        return any(box.frames for box in self._boxes)

    def draw_frames(self, on: bool) -> None:
        """Have a drag draw a frame to zoom to, or move."""
        for box in self._boxes:
            box.frames = on
        self.viewport().setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    @property
    def _boxes(self) -> list[PlotBox]:
        return [plot.vb for plot in self.plots if isinstance(plot.vb, PlotBox)]

    def ask_limits(self, plot: Plot) -> None:
        """Ask for the limits of a plot in numbers."""
        (x, y), free = plot.vb.viewRange(), plot.free_axes
        ranges = {"bottom": tuple(x), "left": tuple(y)}
        rows = {plot.labels.get(side) or side.capitalize(): ranges[side] for side in free}
        dialog = LimitsDialog(self.accessibleName() or "the plot", rows, self.window())

        def zoom(found: tuple[tuple[float, float], ...]) -> None:
            wanted = dict(zip(free, found, strict=True))
            plot.zoom(x=wanted.get("bottom"), y=wanted.get("left"))

        dialog.chosen.connect(zoom)
        dialog.all_asked.connect(plot.show_all)
        dialog.open()

    def ask_range(self, bar: ColourBar) -> None:
        """Ask for the range of colours in numbers."""
        dialog = LimitsDialog(self.accessibleName() or "the colours", {bar.unit: bar.levels()}, self.window())
        dialog.chosen.connect(lambda found: bar.set_range(*found[0]))
        dialog.all_asked.connect(bar.show_all)
        dialog.open()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the plots, and a frame around them while they have the focus."""
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self.viewport())
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
            painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))
            painter.end()


def _offer_colours(menu: QMenu, bar: ColourBar, ask_range: partial[None]) -> None:
    def add(text: str, checked: bool, **changes: object) -> None:
        action = menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(checked)
        action.triggered.connect(lambda: bar.choose(replace(bar.choice, **changes)))  # type: ignore[arg-type]

    for name, text in RANGES.items():
        add(text, bar.choice.range == name, range=name)
    typed = menu.addAction("Set the range…")
    typed.setCheckable(True)
    typed.setChecked(bar.choice.range == "set")
    typed.triggered.connect(lambda: ask_range())
    menu.addSeparator()
    add("Symmetric logarithm", bar.choice.symlog, symlog=not bar.choice.symlog)
    menu.addSeparator()
    for name, text in MAPS.items():
        add(text, bar.choice.colours == name, colours=name)


def _move(plot: Plot, right: int, up: int) -> bool:
    """Move by a tenth; return False where that axis does not move."""
    if ("bottom" if right else "left") not in plot.free_axes:
        return False
    up = -up if plot.vb.yInverted() else up
    (left, stop), (low, high) = plot.vb.viewRange()
    across, along = right * _STEP * (stop - left), up * _STEP * (high - low)
    plot.zoom(
        x=(left + across, stop + across) if right else None, y=None if right else (low + along, high + along)
    )
    return True


def _zoom(plot: Plot, factor: float) -> None:
    x, y = plot.vb.viewRange()
    only = plot.vb.wheel_axis if isinstance(plot.vb, PlotBox) else None
    plot.zoom(
        x=_scaled(x, factor) if "bottom" in plot.free_axes and only != 1 else None,
        y=_scaled(y, factor) if "left" in plot.free_axes and only != 0 else None,
    )


def _scaled(stretch: Sequence[float], factor: float) -> tuple[float, float]:
    low, high = stretch
    middle, half = (low + high) / 2, (high - low) / 2 * factor
    return middle - half, middle + half
