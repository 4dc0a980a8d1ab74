"""The settings as the user edits them, and what follows from them at once."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.file_lookup import Lookup, folder_start
from hdmea_gui.flows.help import HelpFlow
from hdmea_gui.flows.recover import RecoveryFlow, recovery_folder
from hdmea_gui.store.settings import MAX_RECENT, Settings, SettingsStore
from hdmea_gui.text.formats import size_text
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label
from hdmea_gui.widgets.number_boxes import WholeNumberBox

__all__ = ["Place", "PreferencesFlow", "SettingsDialog", "look_at_folder"]


class PreferencesFlow(QObject):
    """Shows the settings and applies them.

    Parameters
    ----------
    settings
        What is remembered.
    recovery
        Heeds what is said about automatic checkpoints.
    helping
        Knows the log folder.
    dialogs
        Shows the dialog.
    window
        Parent of the dialog.

    Signals
    -------
    changed()
        The settings have changed and are written.
    """

    changed = Signal()

    def __init__(
        self,
        settings: SettingsStore,
        recovery: RecoveryFlow,
        helping: HelpFlow,
        dialogs: DialogHost,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._settings = settings
        self._recovery = recovery
        self._helping = helping
        self._open: Callable[[SettingsDialog], None] = dialogs.open
        self._window = window

    def show(self) -> None:
        """Show the settings."""
        dialog = SettingsDialog(
            self._settings.values, recovery_folder(Settings()), self._helping.log_folder, self._window
        )
        dialog.applied.connect(self.apply)
        dialog.log_folder_asked.connect(self._helping.open_log_folder)
        self._open(dialog)

    def apply(self, values: Settings) -> None:
        """Take settings over, and write them."""
        self._settings.values = values
        values.recent = values.recent[: values.recent_limit]
        self._recovery.heed(values)
        self._settings.write()
        self.changed.emit()


_THEMES = (("Follow the desktop", "system"), ("Light", "light"), ("Dark", "dark"))
_WIDTH = 560


@dataclass(frozen=True)
class Place:
    """What was found where a folder is to be: why it cannot be used (empty: it can), and free bytes."""

    problem: str = ""
    free: int = 0


def look_at_folder(folder: Path) -> Place:
    """Return whether files can be written into a folder that exists or can be made."""
    if not folder.is_absolute():
        return Place("Enter the complete path, starting with the drive or root.")
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return Place(f"{there} is a file, not a folder. Choose another folder.")
    if not os.access(there, os.W_OK):
        return Place(f"{there} is not writable. Choose another folder.")
    return Place(free=shutil.disk_usage(there).free)


class SettingsDialog(QDialog):
    """Edits a copy of the settings.

    Parameters
    ----------
    values
        The settings.
    default_folder
        Where automatic checkpoints are if no folder is chosen.
    log_folder
        Folder of the log files.
    parent
        Qt parent.

    Signals
    -------
    applied(Settings)
        The settings as edited; only when they are allowed.
    log_folder_asked()
        The user wants to see the log files.
    """

    applied = Signal(object)
    log_folder_asked = Signal()

    def __init__(
        self, values: Settings, default_folder: Path, log_folder: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setMinimumWidth(_WIDTH)
        self._values = values
        self._default_folder = default_folder
        self._place = Place()
        self._lookup = Lookup(self)
        self._lookup.answered.connect(self._on_place)
        self._make_editors()
        self._lay_out(log_folder)
        self.show_values(values)
        self.folder.textChanged.connect(lambda _text: self._look())
        self.share.valueChanged.connect(lambda _value: self._show_place())
        self.automatic.toggled.connect(lambda _on: self._show_place())
        self._look()

    def show_values(self, values: Settings) -> None:
        """Show settings in the editors."""
        self.theme.setCurrentIndex(self.theme.findData(values.theme))
        self.automatic.setChecked(values.auto_checkpoint)
        self.folder.setText(values.recovery_folder)
        self.share.setValue(round(100 * values.recovery_share))
        self.recent.setValue(values.recent_limit)
        self.library.setText(values.stimulus_library)
        self.health.setChecked(values.show_health)
        self.figure_style.setText(values.figure_style)

    @property
    def problem(self) -> str:
        """Why the settings cannot be taken, empty if they can."""
        return self.note.text() if self._place.problem and self.automatic.isChecked() else ""

    @property
    def is_looking(self) -> bool:
        """Whether the folder is still being looked at."""
        return self._lookup.is_waiting

    def _make_editors(self) -> None:
        self.theme = ComboBox(self)
        for title, name in _THEMES:
            self.theme.addItem(title, name)
        self.theme.setToolTip("Colours of the window")
        self.automatic = QCheckBox("Write a checkpoint after each step", self)
        self.automatic.setToolTip("To recover after a crash; deleted when you save or close")
        self.folder = QLineEdit(self)
        self.folder.setPlaceholderText(str(self._default_folder))
        self.folder.setClearButtonEnabled(True)
        self.folder.setToolTip("Folder of the automatic checkpoints; leave empty to use the folder shown")
        self.browse = QPushButton("Choose…", self)
        self.browse.setToolTip("Choose the folder of the automatic checkpoints")
        self.browse.setAutoDefault(False)
        self.browse.clicked.connect(self._on_browse)
        self.share = WholeNumberBox(self)
        self.share.setRange(1, 90)
        self.share.setSuffix(" % of the free space")
        self.share.setToolTip("Share of the free disk space that all automatic checkpoints may use (%)")
        self.recent = WholeNumberBox(self)
        self.recent.setRange(1, MAX_RECENT)
        self.recent.setSuffix(" files")
        self.recent.setToolTip(f"Number of files in the menu “Open recent”, at most {MAX_RECENT}")
        self.library = QLineEdit(self)
        usual = platformdirs.user_config_path("hdmea", appauthor=False) / "stimulus_library"
        self.library.setPlaceholderText(str(usual))
        self.library.setClearButtonEnabled(True)
        self.library.setToolTip(
            "Movies, definitions and playlists of the lab; leave empty to use the folder shown"
        )
        self.browse_library = QPushButton("Choose…", self)
        self.browse_library.setToolTip("Choose the folder of the stimulus library")
        self.browse_library.setAutoDefault(False)
        self.browse_library.clicked.connect(self._on_browse_library)
        self.health = QCheckBox("Show “Health” after loading", self)
        self.health.setToolTip("Show “Health” after a recording has been loaded")
        self.figure_style = QLineEdit(self)
        self.figure_style.setPlaceholderText("built-in style")
        self.figure_style.setClearButtonEnabled(True)
        self.figure_style.setToolTip("YAML file with sizes, font and colours of figures and reports")
        self.choose_style = QPushButton("Choose…", self)
        self.choose_style.setToolTip("Choose the style file of figures")
        self.choose_style.setAutoDefault(False)
        self.choose_style.clicked.connect(self._on_choose_style)
        self.note = Label(self)
        self.note.setWordWrap(True)
        self.note.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.note.setMinimumHeight(2 * self.note.fontMetrics().height() + 4)
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)

    def _lay_out(self, log_folder: Path) -> None:
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(self.browse)
        library_row = QHBoxLayout()
        library_row.addWidget(self.library, 1)
        library_row.addWidget(self.browse_library)
        style_row = QHBoxLayout()
        style_row.addWidget(self.figure_style, 1)
        style_row.addWidget(self.choose_style)
        logs = Label(str(log_folder), self)
        logs.setWordWrap(True)
        open_logs = QPushButton("Open", self)
        open_logs.setAutoDefault(False)
        open_logs.setToolTip("Show the log files in the file manager")
        open_logs.clicked.connect(self.log_folder_asked)
        log_row = QHBoxLayout()
        log_row.addWidget(logs, 1)
        log_row.addWidget(open_logs)
        form = QFormLayout()
        form.setVerticalSpacing(8)
        form.setHorizontalSpacing(16)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(self._heading("Appearance"))
        form.addRow("&Colours", self.theme)
        form.addRow(self._heading("Automatic checkpoints"))
        form.addRow("", self.automatic)
        form.addRow("&Folder", row)
        form.addRow("&May take", self.share)
        form.addRow("", self.note)
        form.addRow(self._heading("Files"))
        form.addRow("&Recent files", self.recent)
        form.addRow("Stimulus &library", library_row)
        form.addRow("", self.health)
        form.addRow("Figure &style", style_row)
        form.addRow("Log files", log_row)
        rows = (
            (self.folder, row),
            (self.library, library_row),
            (self.figure_style, style_row),
            (open_logs, log_row),
        )
        for editor, layout_of in rows:
            label = form.labelForField(layout_of)
            assert isinstance(label, QLabel)
            label.setBuddy(editor)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addWidget(self._buttons())

    def _heading(self, text: str) -> Label:
        label = Label(text, self)
        label.setProperty("role", "heading")
        return label

    def _buttons(self) -> QDialogButtonBox:
        kinds = QDialogButtonBox.StandardButton
        box = QDialogButtonBox(kinds.Ok | kinds.Cancel | kinds.RestoreDefaults, self)
        self.ok = box.button(kinds.Ok)
        self.defaults = box.button(kinds.RestoreDefaults)
        self.defaults.setToolTip("Show the settings of a new installation")
        self.defaults.setAutoDefault(False)
        self.defaults.clicked.connect(lambda _checked=False: self.show_values(Settings()))
        box.accepted.connect(self._on_ok)
        box.rejected.connect(self.reject)
        return box

    def _on_ok(self) -> None:
        changes = {
            "theme": self.theme.currentData(),
            "auto_checkpoint": self.automatic.isChecked(),
            "recovery_folder": self.folder.text().strip(),
            "recovery_share": self.share.value() / 100,
            "recent_limit": self.recent.value(),
            "stimulus_library": self.library.text().strip(),
            "show_health": self.health.isChecked(),
            "figure_style": self.figure_style.text().strip(),
        }
        self.accept()
        self.applied.emit(self._values.model_copy(update=changes))

    def _on_browse(self) -> None:
        start = folder_start(self.folder.text() or str(self._default_folder))
        name = QFileDialog.getExistingDirectory(self, "Folder of the automatic checkpoints", start)
        if name:
            self.folder.setText(name)

    def _on_browse_library(self) -> None:
        start = folder_start(self.library.text() or self.library.placeholderText())
        name = QFileDialog.getExistingDirectory(self, "Folder of the stimulus library", start)
        if name:
            self.library.setText(name)

    def _on_choose_style(self) -> None:
        start = folder_start(os.path.dirname(self.figure_style.text()))
        name, _ = QFileDialog.getOpenFileName(self, "Style of figures", start, "Styles (*.yaml *.yml)")
        if name:
            self.figure_style.setText(name)

    def _look(self) -> None:
        text = self.folder.text().strip()
        self._lookup.ask(functools.partial(look_at_folder, Path(text) if text else self._default_folder))

    def _on_place(self, found: object) -> None:
        self._place = found if isinstance(found, Place) else Place(f"The folder cannot be used: {found}.")
        self._show_place()

    def _show_place(self) -> None:
        wanted = self.automatic.isChecked()
        for editor in (self.folder, self.browse, self.share):
            editor.setEnabled(wanted)
        bad = bool(self._place.problem) and wanted
        if bad:
            self.note.setText(self._place.problem)
        else:
            budget = size_text(self._place.free * self.share.value() / 100)
            free = size_text(self._place.free)
            self.note.setText(
                f"That is {budget} of {free} free now. When space runs out, the oldest are deleted first."
            )
        self.note.setProperty("role", "bad" if bad else "muted")
        self.note.style().polish(self.note)
        self.ok.setEnabled(not bad)
