"""Where the stimulus is on the chip, and the pitch of its electrodes: seen, edited, kept and used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.question_bar import QuestionBar
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.file_lookup import first_folder
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.engine.snapshot import FieldSpec
from hdmea_gui.flows.calibration.chip_editor import ChipEditor
from hdmea_gui.flows.calibration.chip_sketch import ChipSketch
from hdmea_gui.flows.calibration.query import (
    CalibrationQuery,
    CalibrationView,
    Occupied,
    ReadCalibration,
    WriteCalibration,
    calibration_spec,
    placement,
)
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.shell.theme import theme_of
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.widgets.label import Label, plain_tip
from hdmea_gui.widgets.parameter_form import ParameterForm

__all__ = ["CalibrationDialog"]

CALIBRATION, PITCH = "calibration_path", "sensor_pitch_um"


class CalibrationDialog(QDialog):
    """Edits a calibration; "use" hands its file and the pitch to the forms of the steps that take them.

    Parameters
    ----------
    controller
        Knows the steps, reads and writes; its engine has started.
    settings
        Remembers the last file, pitch and frame.
    parent
        Qt parent.

    Attributes
    ----------
    path
        File of the values shown, None without one.

    Signals
    -------
    told(str)
        What was done, for the status line.
    """

    told = Signal(str)

    def __init__(
        self, controller: Controller, settings: SettingsStore, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Stimulus calibration[*]")
        self.path: Path | None = None
        self._controller = controller
        self._settings = settings
        self._remembered = False
        self._then: Callable[[], None] | None = None
        self._written: dict[str, Any] = {}
        self._own_frame = True
        self.model = ParameterModel(calibration_spec(), parent=self)
        self._saved = self.values()
        self._build()
        self.model.changed.connect(self._refresh)
        known = CalibrationQuery(self._chosen(), _path(settings.values.calibration_path))
        controller.ask(known, self._on_known)
        self._refresh()

    def values(self) -> dict[str, Any]:
        """Return the values shown."""
        return {field.name: self.model.value(field.name) for field in self.model.spec.fields}

    @property
    def is_changed(self) -> bool:
        """Whether the values shown differ from those of the file or the recording."""
        return self.values() != self._saved

    # -- parts ---------------------------------------------------------------------------------------

    def _build(self) -> None:
        left = QVBoxLayout()
        self.form = ParameterForm(theme_of(self._settings.values.theme), parent=self)
        self.form.setMinimumWidth(320)
        self.form.show_model(self.model)
        self.form.setMinimumHeight(15 * self.fontMetrics().lineSpacing())
        step, field = self._takers(PITCH)[0]
        self.chip = ChipEditor(step, field, self._settings.values.movie_frame, self)
        self.chip.edited.connect(self._refresh)
        left.addWidget(self.form)
        left.addWidget(self.chip)
        self.source = Label(self)
        self.source.setProperty("role", "muted")
        self.source.setWordWrap(True)
        self.source.setContentsMargins(10, 6, 10, 0)
        left.addWidget(self.source)
        left.addStretch(1)
        right = QVBoxLayout()
        self.sketch = ChipSketch(self)
        self.summary = Label(self)
        self.summary.setWordWrap(True)
        self.summary.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 2)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop)
        right.addWidget(self.sketch, 1)
        right.addWidget(self.summary)
        columns = QHBoxLayout()
        columns.setSpacing(14)
        columns.addLayout(left, 2)
        columns.addLayout(right, 3)
        self.question = QuestionBar(self)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(columns, 1)
        layout.addWidget(self.question)
        layout.addWidget(self._build_buttons())
        self.resize(QSize(860, 560))

    def _build_buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(self)
        roles = QDialogButtonBox.ButtonRole
        self.open_button = self._button(box, "&Open…", roles.ActionRole, self.open_file)
        self.save_button = self._button(box, "Save &as…", roles.ActionRole, self.save_as)
        self.use_button = self._button(box, "&Use for this recording", roles.ApplyRole, self.use)
        self.close_button = self._button(box, "&Close", roles.RejectRole, self.reject)
        return box

    def _button(
        self, box: QDialogButtonBox, text: str, role: QDialogButtonBox.ButtonRole, act: Callable[[], None]
    ) -> QPushButton:
        button = box.addButton(text, role)
        # Return ends the editing of a field; it must not also press a button.
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked=False: act())
        return button

    # -- what can be done ----------------------------------------------------------------------------

    def open_file(self) -> None:
        """Ask for a file and show it; asks first if changes would be lost."""
        self._take_typed()
        if self.is_changed:
            self.question.ask("The changes are not saved.", {"Open without saving": self._open_file})
        else:
            self._open_file()

    def save_as(self, then: Callable[[], None] | None = None) -> None:
        """Ask for a name and write the file; asks before an existing one is replaced."""
        self._take_typed()
        if self.form.has_problems:
            return
        path = files.ask_calibration_target(self, self._folder() / "calibration.json")
        if path is not None:
            self._write(path, then)

    def use(self) -> None:
        """Save if needed, and hand file and pitch to the steps."""
        self._take_typed()
        if not self.use_button.isEnabled():
            return
        kept = not self.is_changed and (self.path is not None or self._remembered)
        if kept or not self._is_given():
            self._apply()
        elif self.path is not None:
            self._write(self.path, self._apply)
        else:
            self.save_as(self._apply)

    def reject(self) -> None:
        """Close; asks first if changes would be lost. Escape also takes back a question."""
        self._take_typed()
        if self.question.asks:
            self.question.say("")
        elif self.is_changed:
            answers: dict[str, Callable[[], None]] = {"Close without saving": super().reject}
            if not self.form.has_problems:
                answers["Save as…"] = partial(self.save_as, super().reject)
            self.question.ask("The changes are not saved.", answers)
        else:
            super().reject()

    def done(self, result: int) -> None:
        """Remember the frame, if it is the user's own."""
        if self._own_frame:
            self._settings.values.movie_frame = self.chip.frame
            self._settings.write()
        super().done(result)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the colours of the application."""
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "form"):
            self.form.apply_theme(theme_of(self._settings.values.theme))
        super().changeEvent(event)

    # -- files ---------------------------------------------------------------------------------------

    def _open_file(self) -> None:
        path = files.ask_calibration(self, str(self._folder()))
        if path is not None:
            self._controller.ask(ReadCalibration(path), self._on_read)

    def _write(self, path: Path, then: Callable[[], None] | None, *, overwrite: bool = False) -> None:
        # Whether the file exists is found out on the worker: a drive may take its time.
        self._then, self._written = then, self.values()
        self._controller.ask(WriteCalibration(path, self._written, overwrite), self._on_written)

    def _on_known(self, answer: CalibrationView | Failure) -> None:
        if isinstance(answer, Failure):
            self.question.say(answer.reason)
            return
        self.question.say(answer.problem)
        self._show_known(answer)
        if answer.values and not self.is_changed:
            self._show_values(answer)

    def _on_read(self, answer: CalibrationView | Failure) -> None:
        if isinstance(answer, Failure):
            self.question.say(answer.reason)
            return
        self.question.say(answer.problem)
        if answer.values:
            self._show_values(answer)

    def _on_written(self, answer: Path | Occupied | Failure) -> None:
        if isinstance(answer, Failure):
            self._then = None
            self.question.say(answer.reason)
        elif isinstance(answer, Occupied):
            self._confirm(answer.path)
        else:
            self._finish_writing(answer)

    def _confirm(self, path: Path) -> None:
        then, self._then = self._then, None
        answers: dict[str, Callable[[], None]] = {
            "Replace": partial(self._write, path, then, overwrite=True),
            "Save under a new name…": partial(self.save_as, then),
        }
        self.question.ask(f"“{path.name}” already exists in {path.parent}.", answers)

    def _show_known(self, view: CalibrationView) -> None:
        if view.frame is not None:
            self._own_frame = False
            self.chip.show_frame(view.frame)
        chosen = [self._controller.parameters(step.name).value(PITCH) for step, _ in self._takers(PITCH)]
        known = [*chosen, view.pitch_um, self._settings.values.sensor_pitch_um]
        if not self.chip.is_edited:
            self.chip.show_pitch(next((pitch for pitch in known if pitch is not None), None))

    def _show_values(self, view: CalibrationView) -> None:
        self.path = view.path
        self._remembered = view.path is None
        self._saved = dict(view.values)
        for name, value in view.values.items():
            self.model.set_value(name, value)
        self._refresh()

    def _finish_writing(self, path: Path) -> None:
        self.question.say("")
        self.path, self._remembered, self._saved = path, False, self._written
        self._settings.values.calibration_path = str(path)
        self._settings.write()
        self._refresh()
        self.told.emit(f"Stimulus calibration saved: {path}")
        then, self._then = self._then, None
        if then is not None:
            then()

    # -- the steps -----------------------------------------------------------------------------------

    def _takers(self, name: str) -> list[tuple[Any, FieldSpec]]:
        """Return the steps that have a parameter, with its declaration."""
        return [
            (item.spec, field)
            for item in self._controller.steps.items
            for field in item.spec.fields
            if field.name == name
        ]

    def _chosen(self) -> Path | None:
        for step, field in self._takers(CALIBRATION):
            path = self._controller.parameters(step.name).value(field.name)
            if path:
                return Path(path)
        return None

    def _apply(self) -> None:
        settings = self._settings.values
        pitch = self.chip.pitch_um
        told = []
        if self.path is not None and self._is_given():
            told.append(f"calibration {self.path.name} for {self._hand_over(CALIBRATION, str(self.path))}")
            settings.calibration_path = str(self.path)
        receivers = self._hand_over(PITCH, pitch)
        if pitch is not None:
            told.append(f"electrode pitch {pitch:g} µm for {receivers}")
            settings.sensor_pitch_um = pitch
        self._settings.write()
        if told:
            self.told.emit(f"Set: {'; '.join(told)}. Run these steps to use it.")
        self.accept()

    def _hand_over(self, name: str, value: Any) -> str:
        """Give a value to all steps that take it; return their titles."""
        takers = [step for step, _ in self._takers(name)]
        for step in takers:
            self._controller.parameters(step.name).set_value(name, value)
        return ", ".join(step.title for step in takers)

    # -- what is shown -------------------------------------------------------------------------------

    def _refresh(self, *_: object) -> None:
        wrong = bool(self.model.problems())
        shown = None if wrong else placement(self.values(), self.chip.frame, self.chip.pitch_um)
        self.sketch.show_placement(shown)
        self.summary.setText("" if shown is None else shown.text)
        self.setWindowModified(self.is_changed)
        self.source.setText(self._source())
        self.save_button.setEnabled(not wrong)
        refusal = self._use_refusal(wrong)
        self.use_button.setEnabled(not refusal)
        self.use_button.setToolTip(
            plain_tip(f"Not available: {refusal}")
            if refusal
            else ("Save the file if needed, and use it and the pitch in the steps")
        )

    def _use_refusal(self, wrong: bool) -> str:
        if not self._controller.state.is_open:
            return "open a recording first"
        if self.chip.has_problem or (wrong and self._is_given()):
            return "a value is not allowed"
        nothing = not self._is_given() and self.chip.pitch_um is None
        return "enter the calibration or the pitch first" if nothing else ""

    def _source(self) -> str:
        if self.path is not None:
            text = f"From {self.path.name} in {self.path.parent}"
        elif self._remembered:
            text = "Stored with this recording"
        else:
            return (
                "Not saved yet" if self._is_given() else "No calibration yet: enter the values or open a file"
            )
        return f"{text}; changed since" if self.is_changed else text

    def _is_given(self) -> bool:
        return self.model.any_changed

    def _folder(self) -> Path:
        last = self.path or _path(self._settings.values.calibration_path)
        return first_folder([None if last is None else last.parent])

    def _take_typed(self) -> None:
        """Take what was typed into a field that still has the focus."""
        focus = self.focusWidget()
        if focus is not None and not isinstance(focus, QPushButton):
            focus.clearFocus()


def _path(text: str) -> Path | None:
    return Path(text) if text else None
