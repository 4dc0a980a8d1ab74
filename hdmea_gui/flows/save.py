"""Saving and checkpoints: where to, what is there already, and what comes afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import platformdirs
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.file_lookup import first_folder
from hdmea_gui.engine.snapshot import FileFacts
from hdmea_gui.flows.overwrite_dialog import OverwriteDialog
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.text.window_title import CheckpointNote

__all__ = ["SaveFlow"]


class SaveFlow(QObject):
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
        super().__init__(window)
        self.checkpoint_note: CheckpointNote | None = None
        self._controller = controller
        self._settings = settings
        self._dialogs = dialogs
        self._window = window
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
        # Whether the file is there is found out on the worker: a drive may take its time.
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
    """Return where the demo recording lies: nobody would look for a result there."""
    return platformdirs.user_cache_path("hdmea-studio", appauthor=False)
