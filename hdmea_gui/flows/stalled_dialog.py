"""A job was asked to stop and does not come back: wait, or go on without it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

__all__ = ["StalledDialog"]


class StalledDialog(QDialog):
    """Asks whether to leave a job behind; `leave_asked` and `wait_asked` tell the answer.

    Parameters
    ----------
    title
        Title of the job.
    parent
        Qt parent.
    """

    leave_asked = Signal()
    wait_asked = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("HD-MEA Studio")
        self.setMinimumWidth(480)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        heading = QLabel(f"“{title}” does not come back", self)
        heading.setProperty("role", "heading")
        heading.setWordWrap(True)
        layout.addWidget(heading)
        for sentence in (
            "It was asked to stop and has not answered for some seconds. Most often a drive or a network "
            "connection has stopped responding: check the cable and the server.",
            "You can leave it behind and go on. The session is as it was before, and nothing that this job "
            "still does reaches it any more. Files on that drive cannot be used until it answers; if it "
            "hangs while reading a recording, no result can be saved until then either.",
        ):
            line = QLabel(sentence, self)
            line.setWordWrap(True)
            layout.addWidget(line)
        layout.addStretch(1)
        box = QDialogButtonBox(self)
        self.leave_button = QPushButton("Leave it behind", self)
        self.wait_button = QPushButton("Keep waiting", self)
        box.addButton(self.leave_button, QDialogButtonBox.ButtonRole.DestructiveRole)
        box.addButton(self.wait_button, QDialogButtonBox.ButtonRole.RejectRole)
        self.leave_button.setAutoDefault(False)
        self.wait_button.setDefault(True)
        self.leave_button.clicked.connect(self._on_leave)
        self.wait_button.clicked.connect(self.reject)
        self.rejected.connect(self.wait_asked)
        layout.addWidget(box)

    def _on_leave(self) -> None:
        self.accept()
        self.leave_asked.emit()
