"""A label that leaves out the middle of a text that does not fit, and shows all of it as tooltip."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from hdmea_gui.widgets.label import Label

__all__ = ["ElidedLabel"]


class ElidedLabel(Label):
    """One line of text, never wider than its place.

    Parameters
    ----------
    parent
        Qt parent.
    alignment
        Horizontal alignment.
    """

    def __init__(
        self,
        parent: QWidget | None = None,
        alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignRight,
    ) -> None:
        super().__init__(parent)
        self.setAlignment(alignment | Qt.AlignmentFlag.AlignVCenter)

    def setText(self, text: str) -> None:
        """Set the text, and the tooltip to all of it."""
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        """Return a size without the text's width."""
        return QSize(20, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideMiddle, self.contentsRect().width()
        )
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.contentsRect(), self.alignment(), text)
