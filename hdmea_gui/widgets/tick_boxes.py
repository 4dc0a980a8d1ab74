"""Boxes to tick in lists and trees, which stand out as those beside texts do."""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractItemView, QApplication

__all__ = ["outline_boxes"]


def outline_boxes(view: QAbstractItemView) -> None:
    """Draw the outlines of the boxes of a list or tree in the colours of the time."""
    # Fusion makes them from the colour of the window.
    role, palette = QPalette.ColorRole.Window, QPalette()
    # The declaration of PySide asks for bytes, which it then refuses.
    fields: QPalette = QApplication.palette("QCheckBox")  # type: ignore[call-overload]
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive):
        palette.setColor(group, role, fields.color(group, role))
    view.setPalette(palette)
