"""Saving and checkpoints: where to, what exists already, and what comes afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import platformdirs
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.file_lookup import first_folder
from hdmea_gui.engine.snapshot import FileFacts
from hdmea_gui.flows.flow import Flow
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.text.formats import date_text, size_text
from hdmea_gui.text.window_title import CheckpointNote
from hdmea_gui.widgets.label import Label

__all__ = ["OverwriteDialog", "SaveFlow"]


class SaveFlow(Flow):
    """Leads from "save" to a written file; never replaces a file without asking.

    Attributes
    ----------
    checkpoint_note
        The last checkpoint of this session, None without one.
    """

    checkpointed = Signal()

    def __init__(
        self, controller: Controller, settings: SettingsStore, dialogs: DialogHost, window: QWidget
    ) -> None:
        super().__init__(controller, dialogs, window)
        self.checkpoint_note: CheckpointNote | None = None
        self._settings = settings
        self._then: Callable[[], None] | None = None
        controller.saved.connect(self._on_saved)
        controller.occupied.connect(self._confirm)
        controller.failed.connect(lambda *_: self._forget_then())
        controller.stopped.connect(lambda *_: self._forget_then())

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Save to the session's own file; ask for a name if it has none. `then` is called after success."""
        own = self._controller.state.saved_path
        if own is None:
            self.save_as(then)
        else:
            self._then = then
            self._write(own, "result")

    def save_as(self, then: Callable[[], None] | None = None) -> None:
        """Ask for a name and save."""
        self._then = then
        path = files.ask_save_path(self._window, "Save result", self._proposed(".h5"))
        if path is not None:
            self._write(path, "result")

    def checkpoint(self) -> None:
        """Ask for a name and write a checkpoint."""
        suffix = f"-checkpoint-{time.strftime('%H%M')}.h5"
        path = files.ask_save_path(self._window, "Write checkpoint", self._proposed(suffix))
        if path is not None:
            self._write(path, "checkpoint")

    def forget_checkpoint(self) -> None:
        """Another session was opened."""
        self.checkpoint_note = None

    def _proposed(self, suffix: str) -> Path:
        state = self._controller.state
        remembered = self._settings.values.save_folder
        default = state.default_path
        beside = None if default is None or default.is_relative_to(_cache()) else default.parent
        folder = first_folder(
            (Path(remembered) if remembered else None, beside, platformdirs.user_documents_path())
        )
        return folder / f"{state.dataset_id}{suffix}"

    def _write(self, path: Path, kind: str) -> None:
        # Whether the file exists is found out on the worker: a drive may take its time.
        self._settings.values.save_folder = str(path.parent)
        self._submit(path, kind, overwrite=False)

    def _confirm(self, facts: FileFacts, kind: str) -> None:
        path = facts.path
        assert path is not None
        titles = {item.spec.name: item.spec.title for item in self._controller.steps.items}
        dialog = OverwriteDialog(facts, self._controller.own_facts(), titles, self._window)
        dialog.replace_asked.connect(lambda: self._submit(path, kind, overwrite=True))
        dialog.rename_asked.connect(lambda: self._rename(facts.free_path or path, kind))
        dialog.rejected.connect(self._forget_then)
        self._dialogs.open(dialog)

    def _rename(self, proposed: Path, kind: str) -> None:
        title = "Save result" if kind == "result" else "Write checkpoint"
        other = files.ask_save_path(self._window, title, proposed)
        if other is not None:
            self._write(other, kind)
        else:
            self._forget_then()

    def _submit(self, path: Path, kind: str, *, overwrite: bool) -> None:
        if kind == "result":
            self._controller.save(path, overwrite=overwrite)
        else:
            self._controller.checkpoint(path, overwrite=overwrite)

    def _on_saved(self, _path: Path, kind: str) -> None:
        if kind == "checkpoint":
            revision = self._controller.state.revision
            self.checkpoint_note = CheckpointNote(revision, time.strftime("%H:%M"))
            self.checkpointed.emit()
            return
        then, self._then = self._then, None
        if then is not None:
            then()

    def _forget_then(self) -> None:
        self._then = None


def _cache() -> Path:
    """Return where the demo recording is: nobody would look for a result there."""
    return platformdirs.user_cache_path("hdmea-studio", appauthor=False)


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
        title = Label(f"“{name}” already exists.", self)
        title.setProperty("role", "heading")
        folder = Label(f"in {there.path.parent}" if there.path is not None else "", self)
        folder.setProperty("role", "muted")
        folder.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addWidget(folder)
        layout.addLayout(self._table(there, own))
        for text in _remarks(there, own):
            note = Label(f"⚠ {text}", self)
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
                cell = Label(text, self)
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
        return ("not a result file", "–", "–", size_text(facts.size_bytes), "–")
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
        remarks.append("The file on disk belongs to another recording.")
    lost = [step for step in there.steps if step not in own.steps]
    if lost:
        remarks.append(f"Only the file on disk has: {', '.join(lost)}.")
    return remarks
