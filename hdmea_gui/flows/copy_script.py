"""Copies what was done in the session to the clipboard, as a Python script."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.flows.script_query import ScriptQuery

__all__ = ["ScriptCopier"]

_KEY = "script"


class ScriptCopier(QObject):
    """Asks for the script and puts it on the clipboard.

    Signals
    -------
    told(str)
        What happened, for the status line.
    """

    told = Signal(str)

    def __init__(self, controller: Controller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        controller.answered.connect(self._on_answered)

    def copy(self) -> None:
        """Copy the script of the session as it is now."""
        self._controller.ask(_KEY, ScriptQuery())

    def _on_answered(self, key: str, answer: object) -> None:
        if key != _KEY:
            return
        if isinstance(answer, Failure):
            self.told.emit(f"Not copied: {answer.reason}")
        elif isinstance(answer, str):
            QGuiApplication.clipboard().setText(answer)
            lines = len(answer.splitlines())
            self.told.emit(
                f"Copied a Python script of {lines} lines: paste it into a file, and run it with Python."
            )
