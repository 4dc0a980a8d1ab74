"""The settings as the person edits them, and what follows from them at once."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.flows.help import HelpFlow
from hdmea_gui.flows.recover import RecoveryFlow, recovery_folder
from hdmea_gui.flows.settings_dialog import SettingsDialog
from hdmea_gui.store.settings import Settings, SettingsStore

__all__ = ["PreferencesFlow"]


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
