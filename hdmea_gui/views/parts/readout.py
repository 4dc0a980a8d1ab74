"""What is under the pointer: numbers with their units, in a corner of the plot."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, Qt

from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.widgets.label import Label

__all__ = ["PointerReadout"]

_MARGIN = 6


class PointerReadout(Label):
    """Shows what `Plot.reading` says of the place under the pointer; hidden when it is in no plot.

    Parameters
    ----------
    graphics
        The plots in its layout are read.
    """

    def __init__(self, graphics: pg.GraphicsLayoutWidget) -> None:
        super().__init__(graphics)
        self._graphics = graphics
        self.setProperty("role", "readout")
        # It must not take the mouse from what it speaks of.
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        graphics.scene().sigMouseMoved.connect(self.show_at)
        graphics.viewport().installEventFilter(self)

    def show_at(self, place: QPointF) -> None:
        """Show what is at a place of the scene."""
        text = self.text_at(place)
        self.setVisible(bool(text))
        if not text:
            return
        self.setText(text)
        self.adjustSize()
        # Beside the label of the lower axis: nothing that is drawn is hidden.
        right = self._graphics.width() - self.width() - _MARGIN
        top = self._graphics.height() - self.height() - 1
        x, y = self._graphics.mapFromScene(place).toTuple()
        beneath = x >= right - _MARGIN and y >= top - _MARGIN
        self.move(_MARGIN if beneath else max(_MARGIN, right), top)

    def text_at(self, place: QPointF) -> str:
        """Return what is at a place of the scene; empty outside of all plots."""
        for plot in self._graphics.ci.items:
            if not isinstance(plot, Plot) or not plot.isVisible():
                continue
            if plot.vb.sceneBoundingRect().contains(place):
                point = plot.vb.mapSceneToView(place)
                return plot.reading(point.x(), point.y())
        return ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hide when the pointer leaves."""
        if event.type() is QEvent.Type.Leave:
            self.hide()
        return super().eventFilter(watched, event)
