"""What all flows have: the engine's side, a place for dialogs, and two ways to tell what happened."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.controller import Controller

__all__ = ["Flow"]


class Flow(QObject):
    """Something that a user sets out to do, from the command to what comes of it.

    Parameters
    ----------
    controller
        The engine's side.
    dialogs
        Shows what is asked and said.
    window
        Parent of the dialogs.

    Signals
    -------
    told(str)
        What happened, for the status line and the log.
    noted(int, str)
        Level and text of a line for the log alone.
    """

    told = Signal(str)
    noted = Signal(int, str)

    def __init__(self, controller: Controller, dialogs: DialogHost, window: QWidget) -> None:
        super().__init__(window)
        self._controller = controller
        self._dialogs = dialogs
        self._window = window
