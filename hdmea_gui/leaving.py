"""Nothing is lost silently: what is asked before a session is left."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from hdmea_gui.controller import Controller
from hdmea_gui.controller.main import Activity
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.dialogs.unsaved import UnsavedDialog
from hdmea_gui.losses import losses
from hdmea_gui.saving import SaveFlow

__all__ = ["LeaveFlow"]


class LeaveFlow(QObject):
    """Asks before something that is only in memory goes.

    Parameters
    ----------
    controller
        Knows the session and what runs.
    saving
        Saves when the person asks for it.
    dialogs
        Shows the question.
    window
        Parent of the question.
    """

    def __init__(
        self, controller: Controller, saving: SaveFlow, dialogs: DialogHost, window: QWidget
    ) -> None:
        super().__init__(window)
        self._controller = controller
        self._saving = saving
        self._dialogs = dialogs
        self._window = window

    def unless_lost(self, question: str, go_on: Callable[[], None]) -> None:
        """Go on, after a question if the session is not saved."""
        if not self._controller.state.unsaved:
            go_on()
            return
        self._ask(question, self._losses(), "Go on without saving", go_on, can_save=True)

    def may_close(self, close: Callable[[], None]) -> bool:
        """Return whether nothing would be lost; else ask, and have `close` called when that is wanted."""
        lost = self._losses()
        if not lost:
            return True
        if not isinstance(self._dialogs.current, UnsavedDialog):
            self._ask("Close HD-MEA Studio?", lost, "Close anyway", close, can_save=not self._busy)
        return False

    @property
    def _busy(self) -> bool:
        return self._controller.activity in {Activity.RUNNING, Activity.STOPPING}

    def _ask(
        self, question: str, lost: tuple[str, ...], discard: str, go_on: Callable[[], None], *, can_save: bool
    ) -> None:
        dialog = UnsavedDialog(question, lost, can_save=can_save, discard_text=discard, parent=self._window)
        dialog.save_asked.connect(lambda: self._saving.save(go_on))
        dialog.discard_asked.connect(go_on)
        self._dialogs.open(dialog)

    def _losses(self) -> tuple[str, ...]:
        controller = self._controller
        running = controller.job_title if self._busy else None
        return losses(controller.state, controller.steps.items, running, self._saving.checkpoint_note)
