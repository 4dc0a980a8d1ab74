"""A file of this name exists: both side by side, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import FileFacts
from hdmea_gui.text.formats import date_text, size_text

__all__ = ["OverwriteDialog"]


class OverwriteDialog(QDialog):
    """Asks whether to replace a file; `replace_asked` and `rename_asked` tell the answer.

    Parameters
    ----------
    there, own
        What the file on disk and the session say about themselves.
    titles
        Titles of steps by their names; a step without one is called by its name.
    parent
        Qt parent.
    """

    replace_asked = Signal()
    rename_asked = Signal()

    def __init__(
        self, there: FileFacts, own: FileFacts, titles: Mapping[str, str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        there, own = (
            replace(facts, steps=tuple(titles.get(step, step) for step in facts.steps))
            for facts in (there, own)
        )
        self.setWindowTitle("The file exists")
        self.setMinimumWidth(520)
        name = there.path.name if there.path is not None else ""
        title = QLabel(f"“{name}” exists already.", self)
        title.setProperty("role", "heading")
        folder = QLabel(f"in {there.path.parent}" if there.path is not None else "", self)
        folder.setProperty("role", "muted")
        folder.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addWidget(folder)
        layout.addLayout(self._table(there, own))
        for text in _remarks(there, own):
            note = QLabel(f"⚠ {text}", self)
            note.setProperty("role", "warning")
            note.setWordWrap(True)
            layout.addWidget(note)
        layout.addStretch(1)
        layout.addWidget(self._buttons())

    def _table(self, there: FileFacts, own: FileFacts) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        rows = [("", "File on disk", "This session"), *zip(_LABELS, _facts(there), _facts(own), strict=True)]
        for row, (label, left, right) in enumerate(rows):
            for column, text in enumerate((label, left, right)):
                cell = QLabel(text, self)
                cell.setWordWrap(column > 0)
                cell.setProperty("role", "heading" if row == 0 else "muted" if column == 0 else "")
                grid.addWidget(cell, row, column, Qt.AlignmentFlag.AlignTop)
        return grid

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        self.replace_button = QPushButton("Replace", self)
        self.rename_button = QPushButton("Save under a new name…", self)
        self.cancel_button = QPushButton("Cancel", self)
        box.addButton(self.replace_button, QDialogButtonBox.ButtonRole.DestructiveRole)
        box.addButton(self.rename_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        self.replace_button.setAutoDefault(False)
        self.rename_button.setDefault(True)
        self.rename_button.setFocus()
        self.replace_button.clicked.connect(self._on_replace)
        self.rename_button.clicked.connect(self._on_rename)
        self.cancel_button.clicked.connect(self.reject)
        return box

    def _on_replace(self) -> None:
        self.accept()
        self.replace_asked.emit()

    def _on_rename(self) -> None:
        self.accept()
        self.rename_asked.emit()


_STEPS_SHOWN = 4
_LABELS = ("Recording", "Units", "Steps", "Size", "Changed")


def _facts(facts: FileFacts) -> tuple[str, ...]:
    if facts.problem:
        return ("no result file", "–", "–", size_text(facts.size_bytes), "–")
    size = size_text(facts.size_bytes)
    return (
        facts.dataset_id,
        str(facts.n_units),
        _steps_text(facts.steps),
        size if facts.path is not None else f"about {size}",
        date_text(facts.changed_at),
    )


def _steps_text(steps: tuple[str, ...]) -> str:
    shown = ", ".join(steps[:_STEPS_SHOWN]) or "none"
    more = len(steps) - _STEPS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _remarks(there: FileFacts, own: FileFacts) -> list[str]:
    if there.problem:
        return [there.problem]
    remarks = []
    if there.dataset_id != own.dataset_id:
        remarks.append("The file on disk is of another recording.")
    lost = [step for step in there.steps if step not in own.steps]
    if lost:
        remarks.append(f"Only the file on disk has: {', '.join(lost)}.")
    return remarks
