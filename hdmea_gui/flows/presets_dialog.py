"""Presets: look through them, take one over, remove, share; and save the parameters shown under a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs import files
from hdmea_gui.engine.file_lookup import answer_of, ask_beside
from hdmea_gui.store.presets import Preset, PresetError, PresetStore, StoredPreset, read_preset, write_preset
from hdmea_gui.widgets.label import Label

__all__ = ["PresetsDialog", "SavePresetDialog"]

T = TypeVar("T")

_PATIENCE_S = 5.0
_ROLE = Qt.ItemDataRole.UserRole
_REMOVE, _REALLY_REMOVE = "Remove", "Delete permanently"


class PresetsDialog(QDialog):
    """Lists the presets.

    Parameters
    ----------
    store
        The presets.
    titles
        Name of a step to its title.
    folder
        Where the file dialogs begin.
    parent
        Qt parent.

    Signals
    -------
    apply_asked(StoredPreset)
        Take this one over.
    told(str)
        What happened, for the status line.
    """

    apply_asked = Signal(object)
    told = Signal(str)

    def __init__(
        self, store: PresetStore, titles: Mapping[str, str], folder: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Presets")
        self.setMinimumSize(520, 360)
        self._store = store
        self._titles = titles
        self._folder = folder
        self.list = QListWidget(self)
        self.list.setAccessibleName("Presets")
        self.about = Label(self)
        self.about.setWordWrap(True)
        self.about.setMinimumHeight(60)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.problem = Label(self)
        self.problem.setProperty("role", "bad")
        self.problem.setWordWrap(True)
        self.problem.hide()
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.about)
        layout.addWidget(self.problem)
        layout.addWidget(self._buttons())
        self.list.currentItemChanged.connect(lambda *_: self._show_chosen())
        self.list.itemActivated.connect(lambda _item: self._apply())
        self._fill()
        self.list.setFocus()

    @property
    def chosen(self) -> StoredPreset | None:
        """The chosen preset, None without one."""
        item = self.list.currentItem()
        found = None if item is None else item.data(_ROLE)
        return found if isinstance(found, StoredPreset) else None

    def import_file(self) -> None:
        """Ask for a preset file and add it to the user's own."""
        path = files.ask_preset(self, self._folder)
        if path is None:
            return
        self._folder = str(path.parent)
        try:
            preset = _beside(partial(read_preset, path))
            name, number = preset.name, 2
            while self._store.own(name) is not None:
                name, number = f"{preset.name} {number}", number + 1
            self._store.save(preset.model_copy(update={"name": name}))
        except PresetError as error:
            self._show_problem(str(error))
            return
        self._fill(name)
        self.told.emit(f"Imported the preset “{name}”.")

    def export_file(self) -> None:
        """Ask for a file and write the selected preset into it."""
        stored = self.chosen
        path = files.ask_preset_target(self, self._folder, stored.path.name) if stored is not None else None
        if stored is None or path is None:
            return
        self._folder = str(path.parent)
        try:
            _beside(partial(write_preset, stored.preset, path))
        except PresetError as error:
            self._show_problem(str(error))
            return
        self.told.emit(f"Exported the preset “{stored.preset.name}” to {path}.")

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        self.apply_button = QPushButton("Use", self)
        self.remove_button = QPushButton(_REMOVE, self)
        self.import_button = QPushButton("Import…", self)
        self.export_button = QPushButton("Export…", self)
        self.close_button = QPushButton("Close", self)
        roles = QDialogButtonBox.ButtonRole
        for button in (self.import_button, self.export_button, self.remove_button):
            button.setAutoDefault(False)
            box.addButton(button, roles.ActionRole)
        box.addButton(self.apply_button, roles.AcceptRole)
        box.addButton(self.close_button, roles.RejectRole)
        self.apply_button.setDefault(True)
        self.apply_button.clicked.connect(self._apply)
        self.remove_button.clicked.connect(self._remove)
        self.import_button.clicked.connect(self.import_file)
        self.export_button.clicked.connect(self.export_file)
        self.close_button.clicked.connect(self.reject)
        return box

    def _fill(self, choose: str = "") -> None:
        self.list.clear()
        for stored in self._store.all():
            suffix = "  (built in)" if stored.built_in else ""
            item = QListWidgetItem(f"{stored.preset.name}{suffix}", self.list)
            item.setData(_ROLE, stored)
            if stored.preset.name == choose and not stored.built_in:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0 and self.list.count():
            self.list.setCurrentRow(0)
        self._show_problem("\n".join(self._store.problems))
        self._show_chosen()

    def _show_chosen(self) -> None:
        stored = self.chosen
        self.remove_button.setText(_REMOVE)
        for button in (self.apply_button, self.export_button):
            button.setEnabled(stored is not None)
        self.remove_button.setEnabled(stored is not None and not stored.built_in)
        if stored is None:
            self.about.setText("There are no presets yet. Save the parameters of a step as a preset.")
            return
        steps = ", ".join(self._titles.get(step, step) for step in stored.preset.steps)
        self.about.setText("\n".join(filter(None, (stored.preset.about, f"Parameters of: {steps}"))))

    def _show_problem(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def _apply(self) -> None:
        stored = self.chosen
        if stored is not None:
            self.accept()
            self.apply_asked.emit(stored)

    def _remove(self) -> None:
        stored = self.chosen
        if stored is None:
            return
        if self.remove_button.text() != _REALLY_REMOVE:
            self.remove_button.setText(_REALLY_REMOVE)
            return
        try:
            self._store.delete(stored)
        except PresetError as error:
            self._show_problem(str(error))
            return
        self._fill()
        self.told.emit(f"Deleted the preset “{stored.preset.name}”.")


def _beside(act: Callable[[], T]) -> T:
    """Return what reading or writing a file that the user chose gives; PresetError if that fails."""

    def work() -> T | PresetError:
        try:
            return act()
        except PresetError as error:
            return error

    try:
        found = answer_of(ask_beside(work), _PATIENCE_S)
    except TimeoutError as error:
        raise PresetError(f"The file could not be accessed in time: {error}.") from error
    if isinstance(found, PresetError):
        raise found
    return found


class SavePresetDialog(QDialog):
    """Asks for a name, and whether one step or all steps of the flow are saved.

    Parameters
    ----------
    store
        Where it goes.
    scopes
        What can be saved: text, and names of steps; the first is proposed.
    capture
        Returns the parameters of steps.
    parent
        Qt parent.

    Signals
    -------
    told(str)
        What happened, for the status line.
    """

    told = Signal(str)

    def __init__(
        self,
        store: PresetStore,
        scopes: Sequence[tuple[str, tuple[str, ...]]],
        capture: Callable[[tuple[str, ...]], dict[str, dict[str, Any]]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Save as preset")
        self.setMinimumWidth(440)
        self._store = store
        self._capture = capture
        self.name = QLineEdit(self)
        self.name.setMaxLength(80)
        self.about = QLineEdit(self)
        self.about.setPlaceholderText("Purpose (optional)")
        self.scopes = [(QRadioButton(text, self), steps) for text, steps in scopes]
        self.scopes[0][0].setChecked(True)
        self.problem = Label(self)
        self.problem.setWordWrap(True)
        note = Label("Files and units of this recording are not part of a preset.", self)
        note.setProperty("role", "muted")
        form = QFormLayout()
        form.addRow("&Name", self.name)
        form.addRow("&Purpose", self.about)
        for position, (button, _) in enumerate(self.scopes):
            form.addRow("Parameters" if position == 0 else "", button)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(self.problem)
        layout.addStretch(1)
        box = QDialogButtonBox(self)
        self.save_button = QPushButton("Save", self)
        self.save_button.setDefault(True)
        box.addButton(self.save_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(QDialogButtonBox.StandardButton.Cancel)
        box.accepted.connect(self._save)
        box.rejected.connect(self.reject)
        layout.addWidget(box)
        self.name.textChanged.connect(lambda _text: self._check())
        self._check()
        self.name.setFocus()

    def _check(self) -> None:
        name = self.name.text().strip()
        there = self._store.own(name) is not None if name else False
        self.save_button.setEnabled(bool(name))
        self.save_button.setText("Replace" if there else "Save")
        self._say(f"⚠ A preset “{name}” exists and would be replaced." if there else "", "warning")

    def _say(self, text: str, role: str) -> None:
        self.problem.setProperty("role", role)
        self.problem.style().polish(self.problem)
        self.problem.setText(text)

    def _save(self) -> None:
        name = self.name.text().strip()
        steps = next(steps for button, steps in self.scopes if button.isChecked())
        preset = Preset(name=name, about=self.about.text().strip(), steps=self._capture(steps))
        try:
            self._store.save(preset)
        except PresetError as error:
            self._say(str(error), "bad")
            return
        self.accept()
        self.told.emit(f"Saved the preset “{name}”.")
