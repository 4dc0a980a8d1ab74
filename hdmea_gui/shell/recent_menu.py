"""The menu of recent files: missing ones are greyed once that is known; looking never blocks the window."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from hdmea_gui.engine.file_lookup import Lookup
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.widgets.label import plain_tip

__all__ = ["RecentMenu"]


class RecentMenu(QMenu):
    """Shows the recent files of the settings, the last first.

    Parameters
    ----------
    settings
        Remember the files.
    parent
        Qt parent.

    Signals
    -------
    chosen(Path)
        The file to open.
    """

    chosen = Signal(object)

    def __init__(self, settings: SettingsStore, parent: QWidget | None = None) -> None:
        super().__init__("Open &recent", parent)
        self.setToolTipsVisible(True)
        self._settings = settings
        self._missing: frozenset[str] = frozenset()
        self._lookup = Lookup(self)
        self._lookup.answered.connect(self._on_answer)
        self.aboutToShow.connect(self._on_show)
        self._fill()

    def clear_files(self) -> None:
        """Forget all recent files; the menu shows it when it is opened again."""
        self._settings.values.recent = []
        self._settings.write()

    def _on_show(self) -> None:
        names = tuple(self._settings.values.recent)
        self._fill()
        # While a drive does not respond, no further question is put to it.
        if not self._lookup.is_waiting:
            self._lookup.ask(lambda: frozenset(name for name in names if not os.path.exists(name)))

    def _on_answer(self, found: object) -> None:
        if isinstance(found, frozenset):
            self._missing = found
            self._grey_missing()

    def _fill(self) -> None:
        self.clear()
        names = self._settings.values.recent
        for number, name in enumerate(names):
            path = Path(name)
            text = f"{path.name}  ({path.parent.name})" if path.parent.name else path.name
            mnemonic = f"&{number + 1}  " if number < 9 else "    "
            action = self.addAction(mnemonic + text.replace("&", "&&"))
            action.setData(name)
            action.triggered.connect(lambda _checked=False, path=path: self.chosen.emit(path))
        if not names:
            self.addAction("No recent files").setEnabled(False)
        self.addSeparator()
        forget = self.addAction("&Clear this list")
        forget.setToolTip("Clear the list; the files are not deleted")
        forget.setEnabled(bool(names))
        forget.triggered.connect(lambda _checked=False: self.clear_files())
        self._grey_missing()

    def _grey_missing(self) -> None:
        for action in self.actions():
            name = action.data()
            if isinstance(name, str):
                gone = name in self._missing
                action.setEnabled(not gone)
                more = "\nNot found: moved, renamed, or on a drive that is not connected" if gone else ""
                action.setToolTip(plain_tip(f"{name}{more}"))
