"""Something would be lost: what it is, and what to do."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

__all__ = ["UnsavedDialog"]


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
        What the button says that goes on without saving.
    wait_text
        What the button says that goes on when the running job has ended; empty: there is none.
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
        title = QLabel(question, self)
        title.setProperty("role", "heading")
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(title)
        lead = QLabel("This is not saved:", self)
        lead.setProperty("role", "muted")
        layout.addWidget(lead)
        for loss in lost:
            line = QLabel(f"•  {loss}", self)
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
