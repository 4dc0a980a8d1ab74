"""A sketch of the chip's electrodes and of the movie's frame on them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMarginsF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from hdmea_gui.flows.calibration.query import Placement

__all__ = ["ChipSketch"]

_MARGINS = QMarginsF(54, 24, 14, 14)
_TICKS = 5


class ChipSketch(QWidget):
    """Draws a `Placement` to scale: x to the right, y downwards, in the colours of the palette."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(QSize(320, 320))
        self.placement: Placement | None = None
        self.setAccessibleName("Position of the movie on the chip")

    def show_placement(self, placement: Placement | None) -> None:
        """Draw a placement; None: say that there is nothing to draw."""
        self.placement = placement
        self.setAccessibleDescription(placement.text if placement is not None else "")
        self.update()

    def region_um(self) -> QRectF:
        """Return what is drawn, in µm: the chip and the frame; empty without a placement."""
        if self.placement is None:
            return QRectF()
        places = [self.placement.outline, np.zeros((1, 2))]
        if self.placement.pitch_um is not None:
            pitch = self.placement.pitch_um
            places.append(np.array([(-0.5, -0.5), (self.placement.sensors - 0.5,) * 2]) * pitch)
        low, high = np.vstack(places).min(axis=0), np.vstack(places).max(axis=0)
        pad = 0.03 * float((high - low).max())
        return QRectF(QPointF(*(low - pad)), QPointF(*(high + pad)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.palette()
        painter.fillRect(self.rect(), colours.color(QPalette.ColorRole.Base))
        placement = self.placement
        if placement is None:
            painter.setPen(colours.color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(
                self.rect(),
                Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                "The sketch appears when the values are complete.",
            )
            return
        view = _View(self.region_um(), QRectF(self.rect()).marginsRemoved(_MARGINS))
        self._draw_axes(painter, view)
        painter.setClipRect(view.area)
        if placement.pitch_um is not None:
            self._draw_chip(painter, view, placement.sensors, placement.pitch_um)
        self._draw_frame(painter, view, placement)

    def _draw_axes(self, painter: QPainter, view: _View) -> None:
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Mid), 1))
        painter.drawRect(view.area)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        step = _round_step(max(view.seen.width(), view.seen.height()) / _TICKS)
        for value in _ticks(view.seen.left(), view.seen.right(), step):
            x = view.point(value, 0).x()
            box = QRectF(x - 40, view.area.top() - 18, 80, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{value:,.0f}")
            painter.drawLine(QPointF(x, view.area.top() - 3), QPointF(x, view.area.top()))
        for value in _ticks(view.seen.top(), view.seen.bottom(), step):
            y = view.point(0, value).y()
            box = QRectF(view.area.left() - 50, y - 8, 44, 16)
            painter.drawText(
                box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:,.0f}"
            )
            painter.drawLine(QPointF(view.area.left() - 3, y), QPointF(view.area.left(), y))
        painter.drawText(QRectF(2, 2, 46, 14), Qt.AlignmentFlag.AlignRight, "µm")

    def _draw_chip(self, painter: QPainter, view: _View, sensors: int, pitch: float) -> None:
        first, last = -0.5 * pitch, (sensors - 0.5) * pitch
        muted = self.palette().color(QPalette.ColorRole.PlaceholderText)
        painter.setPen(QPen(muted, 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(view.point(first, first), view.point(last, last)))
        faint = QColor(muted)
        faint.setAlphaF(0.55)
        size = min(2.0, max(0.7, 0.35 * pitch * view.scale))
        painter.setPen(QPen(faint, size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        places = np.arange(sensors) * pitch
        painter.drawPoints([view.point(x, y) for y in places for x in places])
        painter.setPen(muted)
        corner = view.point(first, last)
        box = QRectF(corner.x() + 5, corner.y() - 20, 220, 16)
        self._write(painter, box, f"chip, {sensors} × {sensors} electrodes")

    def _draw_frame(self, painter: QPainter, view: _View, placement: Placement) -> None:
        accent = self.palette().color(QPalette.ColorRole.Highlight)
        text = self.palette().color(QPalette.ColorRole.Text)
        fill = QColor(accent)
        fill.setAlphaF(0.18)
        painter.setPen(QPen(accent, 2))
        painter.setBrush(fill)
        painter.drawPolygon(view.polygon(placement.outline))
        painter.setPen(QPen(accent, 1))
        painter.setBrush(accent)
        painter.drawPolygon(view.polygon(placement.first_pixel))
        corner, along, _, down = (view.point(x, y) for x, y in placement.outline)
        painter.setPen(QPen(text, 1.5))
        painter.setBrush(text)
        for end, name in ((along, "columns"), (down, "rows")):
            self._arrow(painter, corner, end, name)
        painter.setBrush(accent)
        first = view.point(*placement.first_pixel.mean(axis=0))
        painter.drawEllipse(first, 4.5, 4.5)
        painter.setPen(text)
        towards = view.point(*placement.outline.mean(axis=0)) - first
        above = first.y() - view.area.top() > 22 and towards.y() >= 0
        x = min(max(first.x() - 36, view.area.left() + 4), view.area.right() - 76)
        self._write(
            painter, QRectF(x, first.y() + (-22 if above else 8), 72, 16), "pixel (0, 0)", centred=True
        )

    def _arrow(self, painter: QPainter, start: QPointF, end: QPointF, name: str) -> None:
        length = math.hypot(end.x() - start.x(), end.y() - start.y())
        if length < 24:
            return
        direction = QPointF((end.x() - start.x()) / length, (end.y() - start.y()) / length)
        across = QPointF(-direction.y(), direction.x())
        tip = start + direction * min(64.0, 0.5 * length)
        painter.drawLine(start, tip)
        painter.drawPolygon(
            QPolygonF([tip, tip - direction * 8 + across * 4, tip - direction * 8 - across * 4])
        )
        centre = tip + direction * (28 if abs(direction.x()) > 0.7 else 12)
        self._write(painter, QRectF(centre.x() - 28, centre.y() - 8, 56, 16), name, centred=True)

    def _write(self, painter: QPainter, box: QRectF, text: str, *, centred: bool = False) -> None:
        """Write on a patch of the background, so that it can be read on dots and fills."""
        flag = Qt.AlignmentFlag.AlignCenter if centred else Qt.AlignmentFlag.AlignVCenter
        patch = QColor(self.palette().color(QPalette.ColorRole.Base))
        patch.setAlphaF(0.8)
        painter.fillRect(painter.boundingRect(box, flag, text).adjusted(-2, 0, 2, 0), patch)
        painter.drawText(box, flag, text)


class _View:
    """From µm to pixels of the screen, the same scale in x and y."""

    def __init__(self, region: QRectF, area: QRectF) -> None:
        self.scale = min(area.width() / region.width(), area.height() / region.height())
        width, height = area.width() / self.scale, area.height() / self.scale
        centre = region.center()
        self.seen = QRectF(centre.x() - width / 2, centre.y() - height / 2, width, height)
        self.area = area

    def point(self, x: float, y: float) -> QPointF:
        return QPointF(
            self.area.left() + (x - self.seen.left()) * self.scale,
            self.area.top() + (y - self.seen.top()) * self.scale,
        )

    def polygon(self, corners: NDArray[np.float64]) -> QPolygonF:
        return QPolygonF([self.point(x, y) for x, y in corners])


def _round_step(least: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _ticks(low: float, high: float, step: float) -> list[float]:
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
