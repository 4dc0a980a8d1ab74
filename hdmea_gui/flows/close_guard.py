"""Nothing is lost silently: what is asked before a session is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.snapshot import StateView, StepRecord
from hdmea_gui.flows.flow import Flow
from hdmea_gui.flows.save import SaveFlow
from hdmea_gui.models.steps import StepItem
from hdmea_gui.text.window_title import CheckpointNote
from hdmea_gui.widgets.label import Label

__all__ = ["CloseGuard", "UnsavedDialog", "unsaved_work"]


class CloseGuard(Flow):
    """Asks before something that is only in memory goes.

    Parameters
    ----------
    controller, dialogs, window
        As `Flow`.
    saving
        Saves when the user asks for it.
    """

    def __init__(
        self, controller: Controller, saving: SaveFlow, dialogs: DialogHost, window: QWidget
    ) -> None:
        super().__init__(controller, dialogs, window)
        self._saving = saving
        self._closes_after_writing = False
        controller.saved.connect(self._on_written)
        controller.failed.connect(self._stay)
        controller.stopped.connect(self._stay)
        controller.occupied.connect(self._stay)
        controller.left.connect(self._stay)

    def unless_lost(self, question: str, go_on: Callable[[], None]) -> None:
        """Go on, after a question if the session is not saved."""
        if not self._controller.state.unsaved:
            go_on()
            return
        self._ask(question, self._would_be_lost(), "Continue without saving", go_on, can_save=True)

    def may_close(self, close: Callable[[], None]) -> bool:
        """Return whether nothing would be lost; else ask, and have `close` called when that is wanted."""
        lost = self._would_be_lost()
        if not lost:
            return True
        if not isinstance(self._dialogs.current, UnsavedDialog):
            can_save = self._controller.state.unsaved and not self._busy
            self._ask("Close HD-MEA Studio?", lost, "Close anyway", close, can_save=can_save)
        return False

    @property
    def _busy(self) -> bool:
        return self._controller.activity in {Activity.RUNNING, Activity.STOPPING}

    def _ask(
        self, question: str, lost: tuple[str, ...], discard: str, go_on: Callable[[], None], *, can_save: bool
    ) -> None:
        wait = "Wait, then close" if self._controller.is_writing and not can_save else ""
        dialog = UnsavedDialog(
            question, lost, can_save=can_save, discard_text=discard, wait_text=wait, parent=self._window
        )
        dialog.wait_asked.connect(self._wait)
        dialog.save_asked.connect(lambda: self._saving.save(go_on))
        dialog.discard_asked.connect(go_on)
        self._dialogs.open(dialog)

    def _wait(self) -> None:
        """Close when what is being written is complete; if it is already, now."""
        if self._controller.is_writing:
            self._closes_after_writing = True
        else:
            self._window.close()

    def _on_written(self, _path: Path, _kind: str) -> None:
        if self._closes_after_writing:
            self._stay()
            # After the others who want to know of the saved file.
            QTimer.singleShot(0, self._window, self._window.close)

    def _stay(self, *_: object) -> None:
        self._closes_after_writing = False

    def _would_be_lost(self) -> tuple[str, ...]:
        controller = self._controller
        running = controller.job_title if self._busy else None
        note = self._saving.checkpoint_note
        lost = unsaved_work(controller.state, controller.steps.items, running, note, controller.saved_steps)
        batch = controller.batch
        if not batch.is_running:
            return lost
        count = f"{batch.ended_count} of {len(batch.items)} recordings"
        return (*lost, f"The batch would be stopped: {count} have ended. The same batch can be run again.")


def unsaved_work(
    state: StateView,
    steps: Iterable[StepItem],
    running: str | None,
    note: CheckpointNote | None,
    saved: Mapping[str, StepRecord],
) -> tuple[str, ...]:
    """Return a sentence for each thing that would be lost; empty if nothing would.

    Parameters
    ----------
    state
        The session.
    steps
        Its steps.
    running
        Title of the running job, None without one.
    note
        The last checkpoint, None without one.
    saved
        What was remembered of each step when the session was saved last.
    """
    found = []
    if running is not None:
        found.append(f"“{running or 'A job'}” is still running and would be stopped.")
    if state.unsaved:
        names = {name for name, record in state.steps.items() if not _same_run(record, saved.get(name))}
        titles = ", ".join(item.spec.title for item in steps if item.has_results and item.spec.name in names)
        where = "since it was saved" if state.saved_path is not None else "which exist in memory only"
        found.append(f"Results of {state.dataset_id} {where}: {titles or 'changes'}.")
        if note is not None:
            what = "all of this" if note.revision == state.revision else "what was there by then"
            found.append(f"The checkpoint of {note.clock} is kept; it contains {what}.")
    return tuple(found)


def _same_run(now: StepRecord, saved: StepRecord | None) -> bool:
    return saved is not None and now.finished_at == saved.finished_at


class UnsavedDialog(QDialog):
    """Asks before a session is dropped; `save_asked`, `wait_asked` and `discard_asked` tell the answer.

    Parameters
    ----------
    question
        The question.
    lost
        What would be lost, one sentence each.
    can_save
        Whether saving is possible now.
    discard_text
        What the button says that continues without saving.
    wait_text
        What the button says that continues when the running job has ended; empty: there is none.
    parent
        Qt parent.
    """

    save_asked = Signal()
    wait_asked = Signal()
    discard_asked = Signal()

    def __init__(
        self,
        question: str,
        lost: tuple[str, ...],
        *,
        can_save: bool,
        discard_text: str,
        wait_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Not saved")
        self.setMinimumWidth(440)
        title = Label(question, self)
        title.setProperty("role", "heading")
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(title)
        lead = Label("This would be lost or stopped:", self)
        lead.setProperty("role", "muted")
        layout.addWidget(lead)
        for loss in lost:
            line = Label(f"•  {loss}", self)
            line.setWordWrap(True)
            layout.addWidget(line)
        layout.addStretch(1)
        box = QDialogButtonBox(self)
        self.save_button = QPushButton("Save…", self)
        self.discard_button = QPushButton(discard_text, self)
        self.cancel_button = QPushButton("Cancel", self)
        box.addButton(self.discard_button, QDialogButtonBox.ButtonRole.DestructiveRole)
        if can_save:
            box.addButton(self.save_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        self.wait_button = QPushButton(wait_text, self)
        if wait_text:
            box.addButton(self.wait_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.wait_button.setVisible(bool(wait_text))
        self.save_button.setVisible(can_save)
        self.discard_button.setAutoDefault(False)
        default = self.wait_button if wait_text else self.save_button if can_save else self.cancel_button
        default.setDefault(True)
        self.wait_button.clicked.connect(self._on_wait)
        self.save_button.clicked.connect(self._on_save)
        self.discard_button.clicked.connect(self._on_discard)
        self.cancel_button.clicked.connect(self.reject)
        layout.addWidget(box)

    def _on_save(self) -> None:
        self.accept()
        self.save_asked.emit()

    def _on_wait(self) -> None:
        self.accept()
        self.wait_asked.emit()

    def _on_discard(self) -> None:
        self.accept()
        self.discard_asked.emit()
