"""A plot's area in which dragging zooms in time."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt

__all__ = ["TimeBox"]


class TimeBox(pg.ViewBox):  # type: ignore[misc]
    """Dragging marks a stretch of time and zooms to it; with Shift, or the middle button, it moves."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseEnabled(x=True, y=False)
        self.setMouseMode(self.RectMode)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Zoom to the marked stretch, or move."""
        moves = event.button() == Qt.MouseButton.MiddleButton
        moves = moves or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.state["mouseMode"] = self.PanMode if moves else self.RectMode
        super().mouseDragEvent(event, axis=axis)
        self.state["mouseMode"] = self.RectMode

    def updateScaleBox(self, p1: QPointF, p2: QPointF) -> None:
        """Mark the stretch over the whole height."""
        height = self.boundingRect().height()
        super().updateScaleBox(QPointF(p1.x(), 0.0), QPointF(p2.x(), height))

    def showAxRect(self, ax: QRectF, **kwargs: Any) -> None:
        """Zoom in time; the vertical axis stays."""
        rect = ax.normalized()
        self.setXRange(rect.left(), rect.right(), padding=0)
