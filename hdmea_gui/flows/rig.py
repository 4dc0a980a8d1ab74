"""The page at the rig: a folder is watched, and each recording is judged when it is complete."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStackedLayout,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs import files
from hdmea_gui.engine.watch_process import WatchEntry, WatchProcess
from hdmea_gui.shell.theme import Theme
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.text.help_topics import HelpTopic
from hdmea_gui.views.parts.lights_panel import LightsPanel, light_colour, light_text
from hdmea_gui.widgets.elided_label import ElidedLabel
from hdmea_gui.widgets.label import Label, plain_tip
from hdmea_gui.widgets.row_table import show_rows

__all__ = ["RigPage"]

_Index = QModelIndex | QPersistentModelIndex
_TITLES: Final = ("Recording", "State", "Health", "Sorted", "What to look at")
_WIDTHS: Final = (300, 110, 80, 80)
RECORDING, STATE, HEALTH, SORTED, SAID = range(5)
_STATES: Final = {
    "written": "being written",
    "settling": "just written",
    "measured": "being measured",
    "unreadable": "not readable",
}
_LEFT_ALONE_S: Final = 60.0
"""After a selection by hand, so long no other recording takes its place."""
_HELP = (
    "Watches the folder into which recordings are written. Each recording is judged as soon as it is "
    "complete: its size and time have not changed for 30 seconds, and it opens with its last data group. "
    "Sorted units that appear later update it. Folders on network drives are watched as well, and may come "
    "and go.",
    "The lights are those of the page Health; the worst is in the list, all of the selected recording below.",
)
_KEYS = (("Return, double click", "open the recording"),)


class _Recordings(QAbstractTableModel):
    """One row per recording, the latest first; `EntryRole` gives the `WatchEntry`."""

    EntryRole = Qt.ItemDataRole.UserRole

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self.theme = theme
        self.entries: Sequence[WatchEntry] = ()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of recordings."""
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        shown = orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _TITLES[section] if shown else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, colour, tooltip or the `WatchEntry`."""
        entry, column = self.entries[index.row()], index.column()
        if role == self.EntryRole:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            texts = {
                RECORDING: entry.name,
                STATE: _STATES.get(entry.state, entry.state),
                HEALTH: light_text(entry.light) if entry.lights else "",
                SORTED: "" if entry.units is None else "yes",
                SAID: entry.said,
            }
            return texts[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(str(entry.path) if column == RECORDING else entry.said)
        if role == Qt.ItemDataRole.ForegroundRole:
            if column == HEALTH:
                return QColor(light_colour(entry.light, self.theme))
            if column == STATE and entry.state == "unreadable":
                return QColor(self.theme.bad)
        return None

    def show_entries(self, entries: Sequence[WatchEntry]) -> None:
        """Show other recordings."""
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def show_changes(self, entries: Sequence[WatchEntry]) -> None:
        """Show the same recordings as they are now."""
        self.entries = entries
        if entries:
            self.dataChanged.emit(self.index(0, 0), self.index(len(entries) - 1, len(_TITLES) - 1))


class RigPage(QWidget):
    """Shows what the watch of a controller finds.

    Parameters
    ----------
    watch
        Watches the folder.
    settings
        Remembers the folder.
    theme
        Colours.
    parent
        Qt parent.

    Signals
    -------
    told(str)
        What happened, for the status line.
    open_asked(list)
        A recording is to be opened.
    """

    told = Signal(str)
    open_asked = Signal(list)

    def __init__(
        self, watch: WatchProcess, settings: SettingsStore, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("rig")
        self._watch, self._settings, self._theme = watch, settings, theme
        self.folder = QLineEdit(settings.values.watch_folder, self)
        self.choose_button = QToolButton(self)
        self.button = QPushButton("Watch", self)
        self.open_button = QPushButton("Open recording", self)
        self.model = _Recordings(theme, self)
        self.table = QTableView(self)
        self.lights = LightsPanel(theme, self)
        self.state = ElidedLabel(self, Qt.AlignmentFlag.AlignLeft)
        self._shown: WatchEntry | None = None
        self._chosen_at = -_LEFT_ALONE_S
        self._selecting = False
        self._lay_out()
        self._connect()
        self._show_all()

    def watch(self, folder: Path) -> None:
        """Watch a folder."""
        self.folder.setText(str(folder))
        self._settings.values.watch_folder = str(folder)
        self._watch.start(folder)
        self.told.emit(f"Watching {folder}.")

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the page does; a field with a tooltip says what it is itself."""
        return HelpTopic("At the rig", _HELP, _KEYS)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = self.model.theme = theme
        self._show_changes()
        self._show_lights(turn_to_worst=False)

    def _lay_out(self) -> None:
        heading = Label("At the rig", self)
        heading.setProperty("role", "title")
        about = Label("Each recording of the folder is judged as soon as it is complete.", self)
        about.setProperty("role", "muted")
        top = QHBoxLayout()
        top.setSpacing(10)
        top.addWidget(heading)
        top.addWidget(about, 1, Qt.AlignmentFlag.AlignBottom)
        self.folder.setPlaceholderText("Folder into which recordings are written")
        self.folder.setAccessibleName("Folder to watch")
        self.choose_button.setText("…")
        self.choose_button.setAccessibleName("Choose the folder to watch")
        self.choose_button.setToolTip("Choose the folder into which recordings are written, and watch it")
        self.folder.setToolTip("Folder into which recordings are written, also on a network drive")
        self.button.setToolTip("Begin or stop to watch the folder")
        self.open_button.setToolTip("Open the selected recording, with its sorted units if there are any")
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(self.folder, 1)
        row.addWidget(self.choose_button)
        row.addSpacing(6)
        row.addWidget(self.button)
        bottom = QHBoxLayout()
        bottom.addWidget(self.state, 1)
        bottom.addWidget(self.open_button)
        for button in (self.button, self.open_button):
            button.setAutoDefault(False)
        parts = QSplitter(Qt.Orientation.Vertical, self)
        parts.addWidget(self._list())
        parts.addWidget(self.lights)
        for index, stretch in enumerate((3, 4)):
            parts.setStretchFactor(index, stretch)
        parts.setSizes([260, 340])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 8)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addLayout(row)
        layout.addWidget(parts, 1)
        layout.addLayout(bottom)

    def _list(self) -> QWidget:
        """Return the table, in place of which words say what to do or to wait for."""
        table = self.table
        table.setModel(self.model)
        table.setAccessibleName("Recordings of the folder")
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        show_rows(table, _WIDTHS, 9)
        middle = QWidget(self)
        self._hint = Label(middle)
        self._hint.setProperty("role", "muted")
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout(middle)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(table)
        return middle

    def _connect(self) -> None:
        self._watch.changed.connect(self._on_change)
        self._watch.judged.connect(self._on_judged)
        self.choose_button.clicked.connect(self._choose)
        self.button.clicked.connect(self._on_button)
        self.folder.returnPressed.connect(self._start)
        self.folder.textChanged.connect(lambda _text: self._show_state())
        self.open_button.clicked.connect(self._open)
        self.table.activated.connect(lambda _index: self._open())
        self.table.selectionModel().currentRowChanged.connect(lambda _now, _before: self._on_selected())

    # -- what is asked for ---------------------------------------------------------------------------

    def _choose(self) -> None:
        start = self.folder.text().strip() or self._settings.values.open_folder
        path = files.ask_folder(self, start, "Folder into which recordings are written")
        if path is not None:
            self.watch(path)

    def _on_button(self) -> None:
        if self._watch.folder is not None:
            self._watch.stop()
        else:
            self._start()

    def _start(self) -> None:
        text = self.folder.text().strip()
        if text:
            self.watch(Path(text).expanduser())

    def _open(self) -> None:
        entry = self._current()
        if entry is not None:
            self.open_asked.emit([entry.path, *([] if entry.units is None else [entry.units])])

    # -- what is shown -------------------------------------------------------------------------------

    def _current(self) -> WatchEntry | None:
        index = self.table.currentIndex()
        return index.data(_Recordings.EntryRole) if index.isValid() else None

    def _on_change(self, path: str) -> None:
        if path:
            self._show_changes()
        else:
            self._show_all()

    def _on_selected(self) -> None:
        if not self._selecting:
            self._chosen_at = time.monotonic()
        self._show_lights(turn_to_worst=True)

    def _select(self, path: Path) -> None:
        """Select a recording in place of the user."""
        paths = [entry.path for entry in self.model.entries]
        self._selecting = True
        self.table.selectRow(paths.index(path) if path in paths else 0)
        self._selecting = False

    def _on_judged(self, entry: WatchEntry) -> None:
        if time.monotonic() - self._chosen_at >= _LEFT_ALONE_S:
            self._select(entry.path)
        self.told.emit(f"{entry.name} is {entry.light}: {entry.said}")

    def _show_all(self) -> None:
        before = self._current()
        entries = self._watch.entries
        self.model.show_entries(entries)
        if entries:
            self._select(entries[0].path if before is None else before.path)
        self._show_lights(turn_to_worst=False)
        self._show_state()

    def _show_changes(self) -> None:
        self.model.show_changes(self._watch.entries)
        self._show_lights(turn_to_worst=False)
        self._show_state()

    def _show_lights(self, *, turn_to_worst: bool) -> None:
        entry = self._current()
        lights = () if entry is None else entry.lights
        fresh = turn_to_worst or entry is None or self._shown is None or self._shown.lights != lights
        self._shown = entry
        self.lights.show_lights(lights, self._theme, turn_to_worst=fresh)
        if entry is not None and not lights:
            self.lights.sentence.setText(entry.said)
        self.open_button.setEnabled(entry is not None)

    def _show_state(self) -> None:
        watch = self._watch
        running = watch.folder is not None
        self.button.setText("Stop watching" if running else "Watch")
        self.button.setEnabled(running or bool(self.folder.text().strip()))
        entries = watch.entries
        self._pages.setCurrentIndex(1 if entries else 0)
        if running:
            self._hint.setText("There is no recording in this folder yet. It will be shown here.")
        else:
            self._hint.setText("Choose the folder into which recordings are written, or drop it here.")
        judged = sum(entry.state == "judged" for entry in entries)
        count = f"{judged} of {len(entries)} recordings judged" if entries else ""
        watching = "" if running else "not watching"
        self.state.setText(watch.problem or " · ".join(filter(None, (count, watching))))
