"""From the open recording to what was shown in it, and on to the steps that use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal

from hdmea_gui.engine.controller import Activity
from hdmea_gui.flows.flow import Flow

if TYPE_CHECKING:
    from hdmea_gui.flows.setup.dialog import SetupDialog

__all__ = ["SetupFlow"]

_STEP, _LIST = "add_section_time", "stimuli_path"
_PLACES = ("stimuli_dir", "config_dir")
_LOADING = "load_recording"
_CLOCK = (
    "frame_clock",
    "digital_bit",
    "digital_event",
    "light_channel",
    "sync_channel",
    "display_rate_hz",
    "frame_correction",
)


class SetupFlow(Flow):
    """Opens the stimulus set-up, and hands what it writes to the step that uses it.

    Signals
    -------
    changed()
        Another list of stimuli is used.
    """

    changed = Signal()

    def show(self) -> None:
        """Show the set-up of the open recording."""
        controller = self._controller
        if not controller.state.is_open or controller.activity is not Activity.IDLE:
            self.told.emit("Open a recording first, and wait for the running job.")
            return
        # What it needs of the engine is imported on the worker when the program starts.
        from hdmea_gui.flows.setup.dialog import SetupDialog
        from hdmea_gui.flows.setup.query import LookJob

        loading = controller.parameters(_LOADING)
        job = LookJob(
            self._chosen(),
            str(controller.parameters(_STEP).value(_LIST) or ""),
            {name: value for name, value in loading.values_to_run().items() if name in _CLOCK},
        )
        dialog = SetupDialog(controller, self._dialogs.theme, job, parent=self._window)
        dialog.told.connect(self.told)
        dialog.written.connect(self._use)
        dialog.define_asked.connect(lambda movie: self._define(movie, dialog))
        self._dialogs.open(dialog)

    def define(self) -> None:
        """Show the form of a new stimulus."""
        self._define("", None)

    def _define(self, movie: str, setup: SetupDialog | None) -> None:
        from hdmea_gui.flows.setup.definition_dialog import DefinitionDialog

        dialog = DefinitionDialog(
            self._controller, self._dialogs.theme, movie, self._chosen(), setup or self._window
        )
        dialog.told.connect(self.told)
        if setup is not None:
            dialog.saved.connect(setup.renew)
        self._dialogs.open(dialog)

    def _chosen(self) -> dict[str, str]:
        """Return the folders of movies and definitions that the user chose for this recording."""
        found: dict[str, str] = {}
        for item in self._controller.steps.items:
            for field in item.spec.fields:
                if field.name in _PLACES:
                    value = self._controller.parameters(item.spec.name).value(field.name)
                    if value:
                        found[field.name] = str(value)
        return found

    def _use(self, path: Path) -> None:
        parameters = self._controller.step_parameters
        model = parameters.model(_STEP)
        parameters.history.change({model: {_LIST: str(path)}}, f"change of {model.field(_LIST).title}")
        model.note_inputs_changed()
        parameters.changed.emit()
        if _STEP in self._controller.state.completed:
            self.told.emit(f"Stimulus set-up saved: {path}. Run “{model.spec.title}” again to use it.")
        self.changed.emit()
