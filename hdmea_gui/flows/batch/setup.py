"""What is done with the recordings of a batch, as a form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QWidget,
)

from hdmea_gui.dialogs import files
from hdmea_gui.engine.batch import BatchSetup
from hdmea_gui.engine.controller import Controller
from hdmea_gui.store.settings import MAX_JOBS, SettingsStore
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label, plain_tip

__all__ = ["SetupForm"]

_EXISTS = (
    ("Skip", "skip", "Keep complete results, and report those that were made with other parameters"),
    ("Redo", "redo", "Keep complete results, and replace those that were made with other parameters"),
    ("Do not start", "error", "Run nothing if any result exists"),
)
_SHEET = "Table with one row per recording, CSV or Excel: animal, eye, condition, notes, …"
_STIMULI = (
    "Recording whose stimulus set-up is used for the others: where nothing says what was shown, its "
    "movies are searched for in the light"
)
_TIP = Qt.ItemDataRole.ToolTipRole


class SetupForm(QWidget):
    """Flow, parameters, folders and how many at a time; `changed` tells of each edit.

    Parameters
    ----------
    controller
        Knows flows and parameters.
    settings
        Remembers what is likely to stay.
    parent
        Qt parent.
    """

    changed = Signal()

    def __init__(
        self, controller: Controller, settings: SettingsStore, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._settings = settings
        self.flow = ComboBox(self)
        self.edited = QCheckBox(self)
        self.output = QLineEdit(self)
        self.sheet = QLineEdit(self)
        self.stimuli = QLineEdit(self)
        self.exists = ComboBox(self)
        self.jobs = QSpinBox(self)
        self.scheduler = QLineEdit(self)
        self.health = QCheckBox("Judge each recording", self)
        self._lay_out()
        values = settings.values
        self.output.setText(values.batch_output)
        self.jobs.setValue(values.batch_jobs)
        self.health.setChecked(values.batch_health)
        self.scheduler.setText(values.batch_scheduler)
        self._show_flows()
        self._show_edited()
        controller.steps.modelReset.connect(self._show_flows)
        controller.step_parameters.changed.connect(self._show_edited)
        self.flow.currentIndexChanged.connect(self._on_flow)
        for edit in (self.output, self.sheet, self.stimuli, self.scheduler):
            edit.textChanged.connect(self.changed)

    def setup(self) -> BatchSetup:
        """Return what the form says."""
        sheet, stimuli = self.sheet.text().strip(), self.stimuli.text().strip()
        return BatchSetup(
            flow=self.flow.currentData() or "",
            output=self.output_folder,
            parameters=self._edited_parameters() if self.edited.isChecked() else {},
            exists=self.exists.currentData(),
            jobs=self.jobs.value() or None,
            sheet=Path(sheet).expanduser() if sheet else None,
            stimuli_of=Path(stimuli).expanduser() if stimuli else None,
            scheduler=self.scheduler.text().strip(),
            health=self.health.isChecked(),
        )

    @property
    def output_folder(self) -> Path:
        """Folder of the results."""
        return Path(self.output.text().strip()).expanduser()

    def refusal(self) -> str:
        """Return why nothing can be run, empty if it can."""
        if not self.flow.count():
            return "the engine is still starting"
        return "" if self.output.text().strip() else "choose a folder for the results first"

    def propose_output(self, paths: list[Path]) -> None:
        """Propose a folder for the results beside the recordings, unless there is one already."""
        if paths and not self.output.text().strip():
            first = paths[0]
            self.output.setText(str((first.parent if first.suffix else first) / "results"))

    def remember(self) -> None:
        """Write into the settings what is likely to stay."""
        values = self._settings.values
        values.batch_output = self.output.text().strip()
        values.batch_jobs = self.jobs.value()
        values.batch_health = self.health.isChecked()
        values.batch_scheduler = self.scheduler.text().strip()

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.output.setPlaceholderText("Folder")
        self.sheet.setPlaceholderText("None")
        self.stimuli.setPlaceholderText("What is beside each recording")
        self.scheduler.setPlaceholderText("This computer")
        self.jobs.setRange(0, MAX_JOBS)
        self.jobs.setSpecialValueText("Automatic")
        for title, value, tip in _EXISTS:
            self.exists.addItem(title, value)
            self.exists.setItemData(self.exists.count() - 1, tip, _TIP)
        self.jobs.setMinimumHeight(self.exists.sizeHint().height())
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        places = (
            ("&Flow", self.flow, "Steps to run, with their parameters", None),
            ("Parameters", self.edited, "", None),
            ("Health", self.health, "Electrodes, spikes, light: reads up to 30 s of the raw data", None),
            ("Results &in", self.output, "Folder of results, logs and summary", self._ask_output),
            ("S&heet", self.sheet, _SHEET, self._ask_sheet),
            ("Stim&uli of", self.stimuli, _STIMULI, self._ask_stimuli),
            ("E&xisting results", self.exists, "What is done about results that exist", None),
            ("At a ti&me", self.jobs, "Recordings at a time; automatic: by processors and free memory", None),
            ("Run &on", self.scheduler, "Address of a Dask cluster, tcp://host:port", None),
        )
        for number, (title, field, tip, ask) in enumerate(places):
            row, column = number % 3, 2 * (number // 3)
            label = Label(title, self)
            label.setProperty("role", "muted")
            label.setBuddy(field)
            field.setAccessibleName(title.replace("&", ""))
            field.setToolTip(tip)
            grid.addWidget(label, row, column)
            grid.addLayout(self._with_button(field, title, ask), row, column + 1)
        for column, stretch in ((1, 2), (3, 5), (5, 2)):
            grid.setColumnStretch(column, stretch)

    def _with_button(self, field: QWidget, title: str, ask: Any) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(field, 1)
        if ask is not None:
            button = QToolButton(self)
            button.setText("…")
            button.setAccessibleName(f"Choose {title.replace('&', '')}")
            button.setToolTip(f"Choose {field.toolTip()[:1].lower()}{field.toolTip()[1:]}")
            button.clicked.connect(ask)
            row.addWidget(button)
        return row

    def _ask_output(self) -> None:
        values = self._settings.values
        start = self.output.text().strip() or values.save_folder or values.open_folder
        path = files.ask_folder(self, start, "Folder of the results")
        if path is not None:
            self.output.setText(str(path))

    def _ask_sheet(self) -> None:
        paths = files.ask_tables(self, self._settings.values.open_folder, "Recording sheet")
        if paths:
            self.sheet.setText(str(paths[0]))

    def _ask_stimuli(self) -> None:
        path = files.ask_recording_of_stimuli(self, self._settings.values.open_folder)
        if path is not None:
            self.stimuli.setText(str(path))

    # -- flows and parameters ------------------------------------------------------------------------

    def _show_flows(self) -> None:
        chosen = self.flow.currentData() or self._controller.flow
        with QSignalBlocker(self.flow):
            self.flow.clear()
            for flow in self._controller.catalogue.flows:
                self.flow.addItem(flow.title or flow.name, flow.name)
                self.flow.setItemData(self.flow.count() - 1, plain_tip(flow.help), _TIP)
            self.flow.setCurrentIndex(max(0, self.flow.findData(chosen)))
        self._on_flow()

    def _on_flow(self) -> None:
        self._show_edited()
        self.changed.emit()

    def _edited_parameters(self) -> dict[str, dict[str, Any]]:
        """Return the edited parameters of the steps of the flow, as the forms of the steps have them."""
        chosen, controller = self.flow.currentData(), self._controller
        steps = next((flow.steps for flow in controller.catalogue.flows if flow.name == chosen), ())
        found = {
            step.name: controller.parameters(step.name).portable_values(changed_only=True) for step in steps
        }
        return {step: values for step, values in found.items() if values}

    def _show_edited(self) -> None:
        found = self._edited_parameters()
        count = sum(map(len, found.values()))
        self.edited.setEnabled(bool(found))
        self.edited.setText(f"With {count} edited" if count else "Of the flow")
        if not count:
            self.edited.setChecked(False)
        listed = "\n".join(
            f"{self._controller.steps.item(step).spec.title}: "
            f"{self._controller.parameters(step).field(name).title} = {value}"
            for step, values in found.items()
            for name, value in values.items()
        )
        about = "Use the parameters that were edited in the forms of the steps, instead of those of the flow"
        self.edited.setToolTip(plain_tip(f"{about}:\n{listed}" if listed else about))
