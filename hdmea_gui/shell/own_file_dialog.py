"""Qt's own file dialog, used where the desktop has none: arrows in the colour of text, columns in full."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QPainter, QPalette
from PySide6.QtWidgets import QFileDialog, QToolButton, QTreeView, QWidget

__all__ = ["finish_file_dialog"]

_ARROWS = ("backButton", "forwardButton", "toParentButton")
_SIZE = QSize(800, 480)
_WIDTHS = (300, 90, 120, 130)
_DONE = "finished_here"


def finish_file_dialog(_before: QWidget | None, focused: QWidget | None) -> None:
    """Finish the dialog that has just got the focus, if it is Qt's own file dialog; for `focusChanged`."""
    dialog = None if focused is None else focused.window()
    if not isinstance(dialog, QFileDialog) or dialog.property(_DONE):
        return
    dialog.setProperty(_DONE, True)
    dialog.resize(dialog.size().expandedTo(_SIZE))
    for name in _ARROWS:
        button = dialog.findChild(QToolButton, name)
        if isinstance(button, QToolButton):
            button.setIcon(_in_colour_of_text(button.icon(), button))
    files = dialog.findChild(QTreeView, "treeView")
    if isinstance(files, QTreeView):
        for column, width in enumerate(_WIDTHS):
            files.header().resizeSection(column, width)


def _in_colour_of_text(drawn: QIcon, widget: QWidget) -> QIcon:
    """Return an icon with its shape filled in the colour of text; Fusion's arrows are black on any ground."""
    palette, group, role = widget.palette(), QPalette.ColorGroup, QPalette.ColorRole
    made = QIcon()
    for mode, colour in (
        (QIcon.Mode.Normal, palette.color(group.Active, role.ButtonText)),
        (QIcon.Mode.Disabled, palette.color(group.Active, role.Mid)),
    ):
        picture = drawn.pixmap(QSize(16, 16), widget.devicePixelRatioF())
        painter = QPainter(picture)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
        painter.fillRect(picture.rect(), colour)
        painter.end()
        made.addPixmap(picture, mode)
    return made
