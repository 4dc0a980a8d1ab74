"""The form of the recording sheet: animal, experiment and laboratory, under the names that NWB uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.jobs import Failure, JobContext
from hdmea_gui.engine.snapshot import StateView, StepSpec
from hdmea_gui.flows.flow import Flow
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.shell.theme import Theme
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.widgets.label import Label
from hdmea_gui.widgets.parameter_form import ParameterForm

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["CheckSheet", "SheetDialog", "SheetFlow", "SheetQuery", "SheetState", "SheetView", "StoreSheet"]

_PAUSE_MS = 300


@dataclass(frozen=True)
class SheetView:
    """The sheet for a form: its fields, what is known, and those entries that are alike in a laboratory."""

    form: StepSpec
    known: Mapping[str, str]
    of_lab: tuple[str, ...]


@dataclass(frozen=True)
class SheetState:
    """What NWB says of a sheet: titles of the entries that are missing, and why others cannot be used."""

    missing: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class SheetQuery:
    """Ask for the sheet of the session, with the defaults of the laboratory."""

    def answer(self, workspace: Workspace) -> SheetView:
        """Return it; SessionError if nothing is open."""
        import pydantic

        from hdmea.declare.parameters import Params
        from hdmea.pipeline.recording_sheet import OF_LAB, SHEET_FIELDS, recording_sheet
        from hdmea_gui.engine.forms import describe_fields

        fields: Any = {
            field.name: (str, pydantic.Field("", title=field.title, description=field.help))
            for field in SHEET_FIELDS
        }
        model = pydantic.create_model("Sheet", __base__=Params, **fields)
        help_text = "What is known of this recording beside its files: for NWB files, reports and studies."
        form = StepSpec("sheet", "Recording sheet", help_text, (), describe_fields(model), model)
        found = recording_sheet(workspace.require())
        return SheetView(form, {name: found[name] for name in fields if name in found}, OF_LAB)


@dataclass(frozen=True)
class CheckSheet:
    """Ask what NWB needs beside these entries."""

    sheet: Mapping[str, str]

    def answer(self, workspace: Workspace) -> SheetState:
        """Return what is missing or cannot be used."""
        from hdmea.exporters.nwb_subject import missing_entries
        from hdmea.pipeline.recording_sheet import SHEET_FIELDS
        from hdmea.utils.exceptions import ValidationError
        from hdmea.utils.notices import told
        from hdmea_gui.engine.words import WINDOW

        titles = {field.name: field.title for field in SHEET_FIELDS}
        try:
            missing = missing_entries(workspace.require(), self.sheet)
        except ValidationError as error:
            return SheetState(problem=told(error, WINDOW))
        return SheetState(tuple(titles[name] for name in missing))


@dataclass(frozen=True)
class StoreSheet:
    """Keep a sheet with the session, to be saved with it; entries that the form does not know stay."""

    sheet: Mapping[str, str]
    title: str = "Keeping the recording sheet"

    def run(self, workspace: Workspace, ctx: JobContext) -> StateView:
        """Return the state of the session."""
        session = workspace.require()
        stored = session.metadata.get("sheet")
        before = stored if isinstance(stored, Mapping) else {}
        with ctx.commit():
            merged = {**before, **self.sheet}
            session.metadata["sheet"] = {name: value for name, value in merged.items() if str(value).strip()}
            workspace.touch()
        return workspace.state()


class SheetFlow(Flow):
    """Shows the sheet and keeps it with the session; defaults of the laboratory go into the settings."""

    def __init__(
        self, controller: Controller, settings: SettingsStore, dialogs: DialogHost, window: QWidget
    ) -> None:
        super().__init__(controller, dialogs, window)
        self._settings = settings

    def show(self) -> None:
        """Show the sheet of the recording."""
        self._controller.ask(SheetQuery(), self._on_sheet)

    def _on_sheet(self, answer: SheetView | Failure) -> None:
        if isinstance(answer, Failure):
            self.told.emit(answer.reason)
            return
        dialog = SheetDialog(answer, self._controller, self._dialogs.theme, self._window)

        def keep() -> None:
            sheet = dialog.sheet()
            if dialog.for_lab.isChecked():
                kept = {name: sheet[name] for name in answer.of_lab if sheet[name]}
                self._settings.values.recording_sheet = kept
                self._settings.write()
            self._controller.submit(StoreSheet(sheet))
            self.told.emit("The recording sheet is kept with the session: save to have it in the file.")

        dialog.accepted.connect(keep)
        self._dialogs.open(dialog)


class SheetDialog(QDialog):
    """Edits a recording sheet, and says by name what NWB needs beside it.

    Parameters
    ----------
    view
        Fields and what is known.
    controller
        Has the sheet checked.
    theme
        Colours.
    parent
        Qt parent.

    Signals
    -------
    checked()
        `said` tells of the sheet as it is now.
    """

    checked = Signal()

    def __init__(
        self, view: SheetView, controller: Controller, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Recording sheet")
        self._controller = controller
        self.model = ParameterModel(view.form, None, self)
        for name, text in view.known.items():
            self.model.set_value(name, text)
        self.form = ParameterForm(theme, parent=self)
        self.form.setMinimumWidth(380)
        self.form.show_model(self.model)
        self.said = Label(self)
        self.said.setWordWrap(True)
        titles = ", ".join(self.model.field(name).title.lower() for name in view.of_lab)
        self.for_lab = QCheckBox("&Defaults of the laboratory", self)
        self.for_lab.setToolTip(f"Begin the sheet of other recordings with: {titles}")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._check)
        kinds = QDialogButtonBox.StandardButton
        box = QDialogButtonBox(kinds.Ok | kinds.Cancel, self)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form, 1)
        layout.addWidget(self.said)
        layout.addWidget(self.for_lab)
        layout.addWidget(box)
        self.model.changed.connect(lambda _name: self._pause.start())
        self.resize(480, 640)
        self._check()

    def sheet(self) -> dict[str, str]:
        """Return all entries; those that are not known are empty."""
        return {field.name: str(self.model.value(field.name)).strip() for field in self.model.spec.fields}

    def _check(self) -> None:
        entries = {name: text for name, text in self.sheet().items() if text}
        self._controller.ask(CheckSheet(entries), self._on_checked)

    def _on_checked(self, answer: SheetState | Failure) -> None:
        if isinstance(answer, Failure):
            self.said.setText(answer.reason)
        elif answer.problem:
            self.said.setText(answer.problem)
        elif answer.missing:
            self.said.setText(f"NWB also needs: {', '.join(answer.missing)}.")
        else:
            self.said.setText("The sheet has what NWB needs.")
        self.checked.emit()
