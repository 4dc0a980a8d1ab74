"""Several recordings were given: which one is opened."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import Candidate, OpenResult

__all__ = ["ChooseRecordingDialog"]

_ROLE = Qt.ItemDataRole.UserRole


class ChooseRecordingDialog(QDialog):
    """Lists what could be opened; `chosen` gives the paths of the one that is.

    Parameters
    ----------
    found
        What was found, and what cannot be used.
    parent
        Qt parent.
    """

    chosen = Signal(list)

    def __init__(self, found: OpenResult, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open one recording")
        self.setMinimumSize(600, 320)
        title = QLabel(f"{len(found.candidates)} recordings or results were found.", self)
        title.setProperty("role", "heading")
        text = QLabel("One is open at a time. Which one do you want to open now?", self)
        text.setWordWrap(True)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Recordings and results")
        for candidate in found.candidates:
            item = QListWidgetItem(_name(candidate), self.list)
            item.setData(_ROLE, list(candidate.paths))
            item.setToolTip("\n".join(map(str, candidate.paths)))
        self.list.setCurrentRow(0)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addWidget(title)
        layout.addWidget(text)
        layout.addWidget(self.list, 1)
        for refused in found.refused:
            note = QLabel(f"⚠ {refused.path.name}: {refused.reason}", self)
            note.setProperty("role", "warning")
            note.setWordWrap(True)
            layout.addWidget(note)
        layout.addWidget(self._buttons())
        self.list.itemActivated.connect(lambda _item: self._open())
        self.list.setFocus()

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        self.open_button = QPushButton("Open", self)
        self.open_button.setDefault(True)
        box.addButton(self.open_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.open_button.clicked.connect(self._open)
        box.rejected.connect(self.reject)
        return box

    def _open(self) -> None:
        item = self.list.currentItem()
        if item is not None and self.isVisible():
            self.accept()
            self.chosen.emit(item.data(_ROLE))


def _name(candidate: Candidate) -> str:
    names = " + ".join(path.name for path in candidate.paths)
    kind = "recording" if candidate.is_source else "saved result or checkpoint"
    return f"{names}   ({kind}, in {candidate.paths[0].parent.name})"
