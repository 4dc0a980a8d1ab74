"""Parameters as a whole: undo, redo, defaults, presets, and what is remembered until the next start."""

from __future__ import annotations

import logging

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QWidget

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.parameters import preset_store
from hdmea_gui.flows.flow import Flow
from hdmea_gui.flows.presets_dialog import PresetsDialog, SavePresetDialog
from hdmea_gui.shell.step_panel import StepPanel
from hdmea_gui.store.presets import StoredPreset
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.widgets.label import plain_tip

__all__ = ["EditFlow"]


class EditFlow(Flow):
    """What can be done with the parameters of one step or of all.

    Parameters
    ----------
    controller, dialogs, window
        As `Flow`.
    settings
        Remembers parameters; the presets are beside its file.

    Signals
    -------
    changed()
        What can be undone or reset may have changed.
    """

    changed = Signal()

    def __init__(
        self, controller: Controller, settings: SettingsStore, dialogs: DialogHost, window: QWidget
    ) -> None:
        super().__init__(controller, dialogs, window)
        self._parameters = controller.step_parameters
        self._settings = settings
        self._panel: StepPanel | None = None
        self.presets = preset_store(settings.path.parent / "presets")
        self.menu = QMenu(window)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        self._parameters.restore(settings.values.parameters)
        self._parameters.history.changed.connect(self.changed)
        self._parameters.changed.connect(self.changed)
        controller.activity_changed.connect(self._on_activity)

    def attach(self, panel: StepPanel) -> None:
        """Show what undo changed in this panel, and offer the presets there."""
        self._panel = panel
        panel.form.presets_menu = self.menu
        panel.reset_all_asked.connect(self.reset_all)
        self._parameters.history.touched.connect(panel.reveal)

    def undo(self) -> None:
        """Undo the last parameter change."""
        text = self._parameters.history.undo_text
        self._parameters.history.undo()
        self.told.emit(f"Undone: {text}.")

    def redo(self) -> None:
        """Redo the change that was undone last."""
        text = self._parameters.history.redo_text
        self._parameters.history.redo()
        self.told.emit(f"Redone: {text}.")

    def reset(self) -> None:
        """Set the parameters of the selected step to their defaults."""
        step = self._chosen
        if step:
            self._parameters.reset([step])

    def reset_all(self) -> None:
        """Set the parameters of all steps to their defaults."""
        self._parameters.reset(item.spec.name for item in self._controller.steps.items)

    def save_preset(self) -> None:
        """Ask for a name and save the parameters under it."""
        scopes: list[tuple[str, tuple[str, ...]]] = []
        step = self._chosen
        if step:
            title = self._controller.steps.item(step).spec.title
            scopes.append((f"of “{title}”", (step,)))
        flow = tuple(request.name for request in self._controller.flow_requests())
        scopes.append(("of all steps of the flow", flow))
        dialog = SavePresetDialog(self.presets, scopes, self._parameters.capture, self._window)
        dialog.told.connect(self.told)
        self._dialogs.open(dialog)

    def show_presets(self) -> None:
        """Show all presets."""
        titles = {item.spec.name: item.spec.title for item in self._controller.steps.items}
        folder = self._settings.values.open_folder
        dialog = PresetsDialog(self.presets, titles, folder, self._window)
        dialog.told.connect(self.told)
        dialog.apply_asked.connect(self.apply)
        self._dialogs.open(dialog)

    def apply(self, stored: StoredPreset) -> None:
        """Take a preset over; what is in it and cannot be used is named."""
        preset = stored.preset
        problems = self._parameters.apply(preset.steps, preset.name)
        self.told.emit(f"Applied the preset “{preset.name}”. Press Ctrl+Z to undo.")
        if problems:
            for problem in problems:
                self.noted.emit(logging.WARNING, f"Preset “{preset.name}”: {problem}")
            title = f"“{preset.name}” was applied only in part"
            self._dialogs.open(MessageDialog(title, problems, parent=self._window))

    def remember(self) -> None:
        """Keep what differs from the defaults for the next start."""
        self._settings.values.parameters = self._parameters.remembered()

    @property
    def _chosen(self) -> str:
        item = None if self._panel is None else self._panel.list.chosen_item
        return "" if item is None else item.spec.name

    def _fill_menu(self) -> None:
        self.menu.clear()
        for stored in self.presets.all():
            action = self.menu.addAction(stored.preset.name.replace("&", "&&"))
            action.setToolTip(plain_tip(stored.preset.about))
            action.triggered.connect(lambda _checked=False, chosen=stored: self.apply(chosen))
        self.menu.addSeparator()
        self.menu.addAction("Save as preset…", self.save_preset)
        self.menu.addAction("All presets…", self.show_presets)

    def _on_activity(self) -> None:
        # Parameters that a run uses are worth keeping, whatever becomes of the program.
        if self._controller.activity.value == "running":
            self.remember()
            self._settings.write()
