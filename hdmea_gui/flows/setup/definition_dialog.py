"""A stimulus by a form: trials and events from a few numbers, seen as levels, compared with the movie."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from hdmea.stimulus_setup.forms import FORMS, StimulusForm
from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.question_bar import QuestionBar
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.jobs import Failure, Job
from hdmea_gui.flows.setup.definition_query import (
    CopyQuery,
    DefinitionQuery,
    FormFound,
    ImportQuery,
    OccupiedFile,
    Preview,
    PreviewQuery,
    SaveQuery,
    WriteMovieJob,
    form_spec,
    thinned,
)
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.views.parts.plot_panel import style_plot
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.views.parts.stimulus_strip import SpanFill
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label, RichLabel
from hdmea_gui.widgets.parameter_form import ParameterForm

__all__ = ["DefinitionDialog"]

_SIZE = QSize(1040, 620)
_SOON_MS = 150
_SAME = ("name", "durations", "frame_rate_hz", "lead", "repeat", "tail", "groups", "group_gap")


class DefinitionDialog(QDialog):
    """Edits the form of one stimulus, and writes its definition and its movie.

    Parameters
    ----------
    controller
        Its engine has started.
    theme
        Colours of the plot.
    movie
        Name of the movie; empty for a new one.
    chosen
        Folders of movies and definitions that the user chose for the recording.
    parent
        Qt parent.

    Signals
    -------
    told(str)
        What was done, for the status line.
    saved(str)
        The definition or the movie of this name was written.
    """

    told = Signal(str)
    saved = Signal(str)

    def __init__(
        self,
        controller: Controller,
        theme: Theme,
        movie: str = "",
        chosen: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Stimulus definition")
        self._controller, self._chosen = controller, dict(chosen or {})
        self._form: type[StimulusForm] = FORMS[0]
        self._job: WriteMovieJob | None = None
        self._durations = "frames"
        self.preview = Preview()
        self.model = ParameterModel(form_spec(self._form, "frames"), parent=self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._ask)
        self._build(theme)
        self._connect()
        self.show_form(self._form, {"name": movie} if movie else {})
        if movie:
            controller.ask(DefinitionQuery(movie, self._chosen), self._on_known)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the form that differ from its defaults."""
        return self.model.values_to_run()

    def show_form(self, form: type[StimulusForm], values: Mapping[str, Any]) -> None:
        """Show a form with these values."""
        self._form = form
        durations = str(values.get("durations", "frames"))
        self._durations = durations
        self.model.changed.disconnect(self._on_edit)
        self.model = ParameterModel(form_spec(form, durations), parent=self)
        for name, value in values.items():
            if any(field.name == name for field in self.model.spec.fields):
                self.model.set_value(name, value)
        self.model.changed.connect(self._on_edit)
        self.form.show_model(self.model)
        self.kinds.blockSignals(True)
        self.kinds.setCurrentIndex(FORMS.index(form))
        self.kinds.blockSignals(False)
        self._soon.start()

    # -- parts ---------------------------------------------------------------------------------------

    def _build(self, theme: Theme) -> None:
        self.kinds = ComboBox(self)
        for form in FORMS:
            self.kinds.addItem(form.title, form)
        self.kinds.setToolTip("Kind of stimulus, which decides its features")
        self.kinds.setAccessibleName("Kind")
        self.form = ParameterForm(theme, parent=self)
        self.form.setMinimumWidth(330)
        self._build_plot(theme)
        self.about, self.verdict, self.origin = (Label(self) for _ in range(3))
        self.origin.setProperty("role", "muted")
        for label in (self.about, self.verdict, self.origin):
            label.setWordWrap(True)
        legend = RichLabel(self)
        legend.setText(
            f'<span style="color: {theme.text}">━</span> this form &nbsp; '
            f'<span style="color: {theme.bad}">━</span> movie file'
        )
        left = QVBoxLayout()
        kind = QHBoxLayout()
        kind.addWidget(Label("Kind", self))
        kind.addWidget(self.kinds, 1)
        left.addLayout(kind)
        left.addWidget(self.form, 1)
        right = QVBoxLayout()
        top = QHBoxLayout()
        top.addWidget(self.origin, 1)
        top.addWidget(legend)
        right.addLayout(top)
        right.addWidget(self.graphics, 1)
        right.addWidget(self.about)
        right.addWidget(self.verdict)
        columns = QHBoxLayout()
        columns.setSpacing(14)
        columns.addLayout(left, 2)
        columns.addLayout(right, 3)
        self.question = QuestionBar(self)
        layout = QVBoxLayout(self)
        layout.addLayout(columns, 1)
        layout.addWidget(self.question)
        layout.addLayout(self._build_footer())
        self.resize(_SIZE)

    def _build_plot(self, theme: Theme) -> None:
        self.graphics = Graphics(self)
        self.graphics.setBackground(theme.base)
        self.graphics.setAccessibleName("Level of each frame of the movie")
        self.plot = Plot(wheel_axis=0)
        style_plot(self.plot, theme)
        self.levels, self.movie = pg.PlotCurveItem(), pg.PlotCurveItem()
        self.levels.setPen(pg.mkPen(theme.text, width=2))
        self.movie.setPen(pg.mkPen(theme.bad, width=1))
        self._fill, self._theme = SpanFill(), theme
        for item in (self._fill, self.levels, self.movie):
            self.plot.addItem(item, ignoreBounds=True)
        self.plot.setLabel("left", "Mean level (%)")
        self.plot.setLabel("bottom", "Frame")
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.setYRange(-5, 105, padding=0)
        self.graphics.ci.layout.setContentsMargins(4, 8, 20, 2)
        self.graphics.ci.addItem(self.plot, row=0, col=0)

    def _build_footer(self) -> QHBoxLayout:
        self.place = ComboBox(self)
        self.place.addItem("In the stimulus library", True)
        if self._controller.state.is_open:
            self.place.addItem("Beside the recording", False)
        self.place.setToolTip("Where definition and movie are written; every step finds them in both places")
        self.place.setAccessibleName("Keep")
        row = QHBoxLayout()
        for name, text, tip in (
            ("import_button", "Import…", "Show the definition in a file"),
            ("export_button", "Export…", "Write the definition to a file of your choice"),
            ("movie_button", "Write movie", "Write the frames as <name>.npy, to be shown at the rig"),
        ):
            button = QPushButton(text, self)
            button.setAutoDefault(False)
            button.setToolTip(tip)
            setattr(self, name, button)
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(Label("Keep", self))
        row.addWidget(self.place)
        self.save_button = QPushButton("&Save", self)
        self.save_button.setToolTip("Write the definition, so that every step finds it")
        self.save_button.setDefault(True)
        self.close_button = QPushButton("&Close", self)
        self.close_button.setAutoDefault(False)
        row.addWidget(self.save_button)
        row.addWidget(self.close_button)
        return row

    import_button: QPushButton
    export_button: QPushButton
    movie_button: QPushButton

    def _connect(self) -> None:
        self.model.changed.connect(self._on_edit)
        self.kinds.currentIndexChanged.connect(self._on_kind)
        self.form.checked.connect(self._refresh)
        self._controller.job_finished.connect(self._on_finished)
        for button, act in (
            (self.import_button, self.import_file),
            (self.export_button, self.export_file),
            (self.movie_button, self.write_movie),
            (self.save_button, self.save),
            (self.close_button, self.reject),
        ):
            button.clicked.connect(lambda _checked=False, act=act: act())

    # -- what can be done ----------------------------------------------------------------------------

    def save(self, *, overwrite: bool = False) -> None:
        """Write the definition; asks before one is replaced."""
        if not self.save_button.isEnabled():
            return
        query = SaveQuery(
            self._form, self.values, in_library=bool(self.place.currentData()), overwrite=overwrite
        )
        self._controller.ask(query, partial(self._on_saved, partial(self.save, overwrite=True)))

    def write_movie(self, *, overwrite: bool = False) -> None:
        """Write the frames of the movie; asks before a file is replaced."""
        self._job = WriteMovieJob(self._form, self.values, bool(self.place.currentData()), overwrite)
        self._controller.submit(self._job)

    def import_file(self) -> None:
        """Ask for a definition and show it."""
        path = files.ask_definition(self, "")
        if path is not None:
            self._controller.ask(ImportQuery(path), self._on_imported)

    def export_file(self) -> None:
        """Ask for a file and write the definition to it."""
        path = files.ask_definition_target(self, f"{self.model.value('name')}.json")
        if path is not None:
            # The dialog of the desktop has asked whether it may be replaced.
            query = SaveQuery(self._form, self.values, path, overwrite=True)
            self._controller.ask(query, partial(self._on_saved, None))

    # -- what happened -------------------------------------------------------------------------------

    def _on_kind(self, _index: int) -> None:
        kept = {name: value for name, value in self.values.items() if name in _SAME}
        self.show_form(self.kinds.currentData(), kept)

    def _on_edit(self, name: str) -> None:
        if name == "durations" and self.model.value("durations") != self._durations:
            self._convert()
            return
        self._soon.start()

    def _convert(self) -> None:
        """Show the same durations in the other unit."""
        rate = float(self.model.value("frame_rate_hz"))
        to_seconds = self.model.value("durations") == "seconds"
        times = {field.name for field in self.model.spec.fields if field.unit in ("frames", "s")}
        values = {field.name: self.model.value(field.name) for field in self.model.spec.fields}
        for name in times:
            values[name] = round(values[name] / rate, 4) if to_seconds else round(values[name] * rate)
        # Not while the form is telling of its edit.
        QTimer.singleShot(0, self, lambda: self.show_form(self._form, values))

    def _ask(self) -> None:
        if not self.form.has_problems:
            self._controller.ask(PreviewQuery(self._form, self.values, self._chosen), self._on_preview)
        self._refresh()

    def _on_preview(self, answer: Preview | Failure) -> None:
        if isinstance(answer, Failure):
            answer = Preview(answer.reason)
        self.preview = answer
        for curve, levels in ((self.levels, answer.levels), (self.movie, answer.movie)):
            curve.setData(*thinned(100 * levels))
        length = max(answer.levels.size, answer.movie.size, int(answer.trials.max(initial=1)))
        self.plot.setXRange(0, length, padding=0.02)
        spans = (
            Span("even" if number % 2 else "odd", float(first), float(stop))
            for number, (first, stop) in enumerate(answer.trials)
        )
        self._fill.show_spans(tuple(spans), self._theme)
        self.about.setText(answer.problem or answer.about)
        self._colour(self.about, "bad" if answer.problem else "")
        self.verdict.setText(answer.verdict)
        self._colour(self.verdict, "muted" if answer.fits is None else "" if answer.fits else "warning")
        self._refresh()

    def _on_known(self, answer: FormFound | Failure) -> None:
        if isinstance(answer, Failure):
            self.question.say(answer.reason)
            return
        self.origin.setText(answer.about)
        form = next((form for form in FORMS if form.form_name() == answer.form), None)
        if form is not None:
            self.show_form(form, answer.values)

    def _on_imported(self, answer: FormFound | Failure) -> None:
        if isinstance(answer, FormFound) and answer.is_foreign and answer.path is not None:
            self.origin.setText(answer.about)
            self.question.ask(
                f"“{answer.path.name}” was not made with a form.",
                {
                    "Keep as it is": partial(self._copy, answer.path),
                    "Fill in a form": partial(self._on_known, answer),
                },
            )
        else:
            self._on_known(answer)

    def _copy(self, path: Path, *, overwrite: bool = False) -> None:
        query = CopyQuery(path, bool(self.place.currentData()), overwrite)
        self._controller.ask(query, partial(self._on_saved, partial(self._copy, path, overwrite=True)))

    def _on_saved(self, replace_it: Any, answer: Path | OccupiedFile | Failure) -> None:
        if isinstance(answer, Failure):
            self.question.say(answer.reason)
        elif isinstance(answer, OccupiedFile):
            self.question.ask(
                f"“{answer.path.name}” already exists in {answer.path.parent}.", {"Replace": replace_it}
            )
        else:
            self.origin.setText(f"Saved: {answer}")
            self.told.emit(f"Written: {answer}")
            self.saved.emit(answer.name.split(".", 1)[0].split("@", 1)[0])

    def _on_finished(self, job: Job, result: object) -> None:
        if job is self._job and isinstance(result, Path | OccupiedFile):
            self._job = None
            self._on_saved(partial(self.write_movie, overwrite=True), result)
            self._soon.start()

    def _refresh(self) -> None:
        good = not self.form.has_problems and not self.preview.problem
        self.save_button.setEnabled(good)
        self.export_button.setEnabled(good)
        self.movie_button.setEnabled(good and self.preview.can_write)

    @staticmethod
    def _colour(label: Label, role: str) -> None:
        if label.property("role") != role:
            label.setProperty("role", role)
            label.style().unpolish(label)
            label.style().polish(label)
