"""From files, a folder, a drop or the demo to an opened recording."""

from __future__ import annotations

import logging
from pathlib import Path

import platformdirs
from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.jobs import Job
from hdmea_gui.engine.snapshot import Candidate, OpenResult, Refused
from hdmea_gui.engine.work import DrugDemoJob
from hdmea_gui.flows.close_guard import CloseGuard
from hdmea_gui.flows.flow import Flow
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.widgets.label import Label, plain_tip

__all__ = ["ChooseRecordingDialog", "OpenFlow", "dropped_paths"]


class OpenFlow(Flow):
    """Leads from what was asked for to an opened recording, and says what could not be opened.

    `batch_asked` gives the paths when several recordings were found and all of them are wanted,
    `reveal_asked` step and parameter of which the form is to be shown.

    Parameters
    ----------
    controller, dialogs, window
        As `Flow`.
    settings
        Remembers folders and files.
    close_guard
        Asks before another session goes.
    demo_folder, demo_size
        Where the demo recording is made, and its size as `hdmea.simulate.write_demo` knows it.
    """

    batch_asked = Signal(list)
    reveal_asked = Signal(str, str)

    def __init__(
        self,
        controller: Controller,
        settings: SettingsStore,
        close_guard: CloseGuard,
        dialogs: DialogHost,
        window: QWidget,
        *,
        demo_folder: Path | None = None,
        demo_size: str = "small",
    ) -> None:
        super().__init__(controller, dialogs, window)
        self._settings = settings
        self._close_guard = close_guard
        cache = Path(platformdirs.user_cache_dir("hdmea-studio", appauthor=False))
        self._demo_folder = demo_folder or cache / "demo"
        self._demo_size = demo_size
        self._asked: list[Path] = []
        controller.opened.connect(self._on_opened)
        controller.job_finished.connect(self._on_job)

    def open_files(self) -> None:
        """Ask for files and open them."""
        paths = files.ask_open_files(self._window, self._settings.values.open_folder)
        if paths:
            self.open_paths(paths)

    def open_folder(self) -> None:
        """Ask for a folder and open the recording in it."""
        path = files.ask_folder(self._window, self._settings.values.open_folder)
        if path is not None:
            self.open_paths([path])

    def open_checkpoint(self) -> None:
        """Ask for a checkpoint and continue from there."""
        values = self._settings.values
        path = files.ask_checkpoint(self._window, values.save_folder or values.open_folder)
        if path is not None:
            self.open_paths([path])

    def open_partner(self, suffix: str) -> None:
        """Ask for the other file of the pair that is open, and open both."""
        path = files.ask_partner(self._window, self._settings.values.open_folder, suffix)
        if path is not None:
            self.open_paths([*self._controller.state.sources, path])

    def choose_for_step(self, step: str, parameter: str) -> None:
        """Ask for a file or folder of the stimulus for all steps; anything else is shown in its form."""
        if parameter in files.STIMULUS_TITLES:
            self.choose_for_recording(parameter)
        else:
            self.reveal_asked.emit(step, parameter)

    def choose_for_recording(self, parameter: str) -> None:
        """Ask for a file or folder of the stimulus, and have all steps take it for this recording."""
        folder = self._settings.values.open_folder
        path = files.ask_stimulus(self._window, folder, parameter)
        if path is None:
            return
        for item in self._controller.steps.items:
            if any(field.name == parameter for field in item.spec.fields):
                self._controller.parameters(item.spec.name).set_value(parameter, str(path))

    def open_demo(self) -> None:
        """Make the demo recording if it does not exist, and open it."""
        self._close_guard.unless_lost(
            "Open the demo?", lambda: self._controller.open_demo(self._demo_folder, self._demo_size)
        )

    def open_drug_demo(self) -> None:
        """Make three recordings of one retina if they do not exist, and add them to the batch."""
        folder = self._demo_folder.with_name(f"{self._demo_folder.name}-drug")
        self._controller.make_drug_demo(folder, "tiny" if self._demo_size == "tiny" else "small")

    def open_paths(self, paths: list[Path]) -> None:
        """Open files or folders; asks first if something would be lost."""
        if self._controller.activity in {Activity.RUNNING, Activity.STOPPING}:
            self.told.emit("Not opened: wait for the running job, or stop it.")
            return
        self._settings.values.open_folder = str(paths[0].parent)
        self._asked = paths
        self._close_guard.unless_lost("Open another recording?", lambda: self._controller.open(paths))

    def _on_job(self, job: Job, result: object) -> None:
        if isinstance(job, DrugDemoJob):
            self.batch_asked.emit([result])

    def _on_opened(self, result: OpenResult) -> None:
        state = result.state
        if state is not None:
            for path in state.sources[:1]:
                self._settings.note_recent(path)
            for note in result.notes:
                self.noted.emit(logging.INFO, note)
            for warning in state.warnings:
                self.noted.emit(logging.WARNING, warning)
            self.told.emit(f"Opened {state.dataset_id}.")
        if result.candidates:
            self._ask_which(result)
        elif result.refused:
            self._show_refused(result)

    def _ask_which(self, result: OpenResult) -> None:
        dialog = ChooseRecordingDialog(result, self._window)
        dialog.chosen.connect(self._controller.open)
        dialog.batch_asked.connect(lambda: self.batch_asked.emit(self._asked))
        self._dialogs.open(dialog)

    def _show_refused(self, result: OpenResult) -> None:
        sentences = tuple(_sentence(refused) for refused in result.refused)
        for sentence in sentences:
            self.noted.emit(logging.WARNING, f"Not opened: {sentence}")
        title = "Nothing was opened" if result.state is None else "Some files were not opened"
        self._dialogs.open(MessageDialog(title, sentences, parent=self._window))


def _sentence(refused: Refused) -> str:
    """Return why a file is not opened, with its name, and that only once."""
    name = refused.path.name
    reason = refused.reason.replace(str(refused.path), name)
    return reason if reason.startswith(name) else f"{name}: {reason}"


def dropped_paths(data: QMimeData) -> list[Path]:
    """Return the files and folders of a drop, none if it contains no local ones."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


_ROLE = Qt.ItemDataRole.UserRole


class ChooseRecordingDialog(QDialog):
    """Lists what could be opened: `chosen` gives the paths of one, `batch_asked` says that all are wanted.

    Parameters
    ----------
    found
        What was found, and what cannot be used.
    parent
        Qt parent.
    """

    chosen = Signal(list)
    batch_asked = Signal()

    def __init__(self, found: OpenResult, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open one recording")
        self.setMinimumSize(600, 320)
        title = Label(f"{len(found.candidates)} recordings or results were found.", self)
        title.setProperty("role", "heading")
        several = sum(candidate.is_source for candidate in found.candidates) > 1
        advice = " A batch runs a flow on all recordings." if several else ""
        text = Label(f"Only one can be open at a time. Which one do you want to open?{advice}", self)
        text.setWordWrap(True)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Recordings and results")
        for candidate in found.candidates:
            item = QListWidgetItem(_name(candidate), self.list)
            item.setData(_ROLE, list(candidate.paths))
            item.setToolTip(plain_tip("\n".join(map(str, candidate.paths))))
        self.list.setCurrentRow(0)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addWidget(title)
        layout.addWidget(text)
        layout.addWidget(self.list, 1)
        for refused in found.refused:
            note = Label(f"⚠ {refused.path.name}: {refused.reason}", self)
            note.setProperty("role", "warning")
            note.setWordWrap(True)
            layout.addWidget(note)
        layout.addWidget(self._buttons(several))
        self.list.itemActivated.connect(lambda _item: self._open())
        self.list.setFocus()

    def _buttons(self, several: bool) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        self.batch_button = QPushButton("Add all to batch", self)
        self.batch_button.setToolTip("Show the batch page with all recordings that were found")
        self.batch_button.setAutoDefault(False)
        self.batch_button.setVisible(several)
        if several:
            box.addButton(self.batch_button, QDialogButtonBox.ButtonRole.ActionRole)
        self.batch_button.clicked.connect(self._ask_for_batch)
        self.open_button = QPushButton("Open", self)
        self.open_button.setDefault(True)
        box.addButton(self.open_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.open_button.clicked.connect(self._open)
        box.rejected.connect(self.reject)
        return box

    def _ask_for_batch(self) -> None:
        self.accept()
        self.batch_asked.emit()

    def _open(self) -> None:
        item = self.list.currentItem()
        if item is not None and self.isVisible():
            self.accept()
            self.chosen.emit(item.data(_ROLE))


def _name(candidate: Candidate) -> str:
    names = " + ".join(path.name for path in candidate.paths)
    kind = "recording" if candidate.is_source else "saved result or checkpoint"
    return f"{names}   ({kind}, in {candidate.paths[0].parent.name})"
