"""The one place where the window opens its dialogs, so that it knows which one is open."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QAbstractScrollArea, QDialog, QDialogButtonBox

from hdmea_gui.shell.theme import Theme, dress

__all__ = ["DialogHost"]


class DialogHost(QObject):
    """Opens dialogs without blocking, and forgets them when they are closed.

    Parameters
    ----------
    theme
        Their colours.
    parent
        Qt parent.

    Signals
    -------
    opened(QDialog)
        A dialog is about to be shown.
    """

    opened = Signal(object)

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._open: list[QDialog] = []

    @property
    def theme(self) -> Theme:
        """Colours of the dialogs."""
        return self._theme

    @property
    def current(self) -> QDialog | None:
        """The dialog that was opened last and is still open, None without one."""
        return self._open[-1] if self._open else None

    def open(self, dialog: QDialog) -> None:
        """Show a dialog; it is deleted when it is closed."""
        self._open.append(dialog)
        dress(dialog, self._theme)
        for box in dialog.findChildren(QDialogButtonBox):
            for button in box.buttons():
                # Some desktops give icons to some of them, which are hardly seen on a dark ground.
                button.setIcon(QIcon())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(lambda _result: self._forget(dialog))
        self.opened.emit(dialog)
        dialog.open()
        _fit(dialog)

    def apply_theme(self, theme: Theme) -> None:
        """Draw the dialogs, those that are open too, in the colours of a theme."""
        self._theme = theme
        for dialog in self._open:
            dress(dialog, theme)

    def _forget(self, dialog: QDialog) -> None:
        if dialog in self._open:
            self._open.remove(dialog)


def _fit(dialog: QDialog) -> None:
    """Take the height that wrapped texts need: Qt alone stops at two thirds of the screen, and guesses.

    Where there is a list or a long text to scroll, more room than that is of use.
    """
    layout = dialog.layout()
    if layout is None or not layout.hasHeightForWidth():
        return
    needed = layout.totalHeightForWidth(dialog.width())
    scrolled = any(part.isVisibleTo(dialog) for part in dialog.findChildren(QAbstractScrollArea))
    dialog.resize(dialog.width(), max(dialog.height(), needed) if scrolled else needed)
