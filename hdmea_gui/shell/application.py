"""The application object: what the desktop asks of the program while it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QFileOpenEvent, QGuiApplication
from PySide6.QtWidgets import QApplication

from hdmea_gui.shell.own_file_dialog import finish_file_dialog

__all__ = ["Application", "make_application"]


class Application(QApplication):
    """Takes the files that macOS hands over, when one is double-clicked, as an event and not as an argument.

    Parameters
    ----------
    arguments
        Command line.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(list(arguments))
        self._waiting: list[Path] = []
        self._open: Callable[[list[Path]], None] | None = None

    def open_files_with(self, open_paths: Callable[[list[Path]], None]) -> None:
        """Have files opened by a function; those that came before it are passed on now."""
        self._open = open_paths
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            open_paths(waiting)

    def event(self, event: QEvent) -> bool:
        """Take a file; everything else goes the usual way."""
        if not isinstance(event, QFileOpenEvent) or not event.file():
            return super().event(event)
        path = Path(event.file())
        if self._open is None:
            self._waiting.append(path)
        else:
            self._open([path])
        return True


def make_application() -> QApplication:
    """Return the one application object, made if needed."""
    QCoreApplication.setApplicationName("HD-MEA Studio")
    QCoreApplication.setOrganizationName("HD-MEA Studio")
    QGuiApplication.setDesktopFileName("hdmea-studio")
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else Application(sys.argv[:1])
    app.focusChanged.connect(finish_file_dialog)
    return app
