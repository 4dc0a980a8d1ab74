"""The program ended without closing: what is there of the session, and what to do with it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

__all__ = ["RecoveryDialog"]


class RecoveryDialog(QDialog):
    """Offers a checkpoint; closing the dialog means "later".

    Parameters
    ----------
    lines
        What the checkpoint holds, one sentence each.
    parent
        Qt parent.

    Signals
    -------
    recover_asked, discard_asked
        The answer; none of them for "later".
    """

    recover_asked = Signal()
    discard_asked = Signal()

    def __init__(self, lines: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Recover unsaved work")
        self.setMinimumWidth(460)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        heading = QLabel("The program ended before your work was saved", self)
        heading.setProperty("role", "heading")
        heading.setWordWrap(True)
        layout.addWidget(heading)
        for text in lines:
            line = QLabel(text, self)
            line.setWordWrap(True)
            layout.addWidget(line)
        layout.addStretch(1)
        self.recover_button = QPushButton("&Recover", self)
        self.discard_button = QPushButton("&Discard", self)
        self.later_button = QPushButton("&Later", self)
        box = QDialogButtonBox(self)
        box.addButton(self.discard_button, QDialogButtonBox.ButtonRole.DestructiveRole)
        box.addButton(self.later_button, QDialogButtonBox.ButtonRole.RejectRole)
        box.addButton(self.recover_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.discard_button.setAutoDefault(False)
        self.discard_button.setToolTip("Remove this checkpoint for good")
        self.later_button.setToolTip("Ask again at the next start")
        self.recover_button.setDefault(True)
        self.recover_button.clicked.connect(self._on_recover)
        self.discard_button.clicked.connect(self._on_discard)
        self.later_button.clicked.connect(self.reject)
        layout.addWidget(box)

    def _on_recover(self) -> None:
        self.accept()
        self.recover_asked.emit()

    def _on_discard(self) -> None:
        self.accept()
        self.discard_asked.emit()
