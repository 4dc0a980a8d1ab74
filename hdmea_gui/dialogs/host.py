"""The one place where the window opens its dialogs, so that it knows which one is open."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog

__all__ = ["DialogHost"]


class DialogHost(QObject):
    """Opens dialogs without blocking, and forgets them when they are closed.

    Signals
    -------
    opened(QDialog)
        A dialog is about to be shown.
    """

    opened = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._open: list[QDialog] = []

    @property
    def current(self) -> QDialog | None:
        """The dialog that was opened last and is still open, None without one."""
        return self._open[-1] if self._open else None

    def open(self, dialog: QDialog) -> None:
        """Show a dialog; it is deleted when it is closed."""
        self._open.append(dialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(lambda _result: self._forget(dialog))
        self.opened.emit(dialog)
        dialog.open()

    def _forget(self, dialog: QDialog) -> None:
        if dialog in self._open:
            self._open.remove(dialog)
