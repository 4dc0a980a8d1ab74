"""The figure builder: panels, units and sizes at the left, the page as it will be printed at the right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.dialogs.files import ask_target
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import DrawFigure, ExportKind, ReadRecipe, WriteRecipe
from hdmea_gui.engine.file_lookup import file_start, folder_start
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.models.parameters import ParameterModel, allowed_values
from hdmea_gui.shell.theme import Theme
from hdmea_gui.widgets.label import Label
from hdmea_gui.widgets.parameter_form import ParameterForm

__all__ = ["FigureDialog"]

_PAUSE_MS = 400
_DPI = 160
_MM_PER_INCH = 25.4
_FORM_WIDTH = 350
_RECIPES = "Recipes of figures (*.yaml *.yml)"


class FigureDialog(QDialog):
    """Edits the options of a figure, and shows the figure.

    Parameters
    ----------
    kind
        The exporter `figure`.
    given
        Options to begin with.
    controller
        Has the figure drawn, and reads and writes recipes.
    theme
        Colours of the form; the page is white.
    parent
        Qt parent.

    Signals
    -------
    export_asked(dict)
        The figure is to be written with these options.
    told(str)
        What became of a recipe.
    """

    export_asked = Signal(object)
    told = Signal(str)

    def __init__(
        self,
        kind: ExportKind,
        given: Mapping[str, Any],
        controller: Controller,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Figure")
        self._controller = controller
        self._picture = QPixmap()
        self.model = ParameterModel(kind.options, None, self)
        self.form = ParameterForm(theme, parent=self)
        self.form.setFixedWidth(_FORM_WIDTH)
        self.page = Label(self)
        self.page.setObjectName("page")
        self.page.setAccessibleName("The figure as it will be written")
        self.page.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.page.setMinimumSize(QSize(320, 320))
        self.said = Label(self)
        self.said.setWordWrap(True)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._draw)
        self._lay_out()
        self.take(given)
        self.form.show_model(self.model)
        self.form.show_choices(kind.choices)
        self.model.changed.connect(lambda _name: self._pause.start())
        self.form.checked.connect(self._check)
        self._check()
        self._draw()

    @property
    def picture(self) -> QPixmap:
        """The page that is shown; null before it was drawn."""
        return self._picture

    def values(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        return self.model.values_to_run()

    def take(self, given: Mapping[str, Any]) -> None:
        """Set options; what is not allowed is told and left as it is."""
        values, problems = allowed_values(self.model.spec, given)
        for name, value in values.items():
            self.model.set_value(name, value)
        if problems:
            self.told.emit(" ".join(problems))

    def open_recipe(self) -> None:
        """Ask for a recipe, and take its options; the units stay."""
        start = folder_start(self._controller.export_folder)
        name, _ = QFileDialog.getOpenFileName(self, "Open recipe", start, _RECIPES)
        if name:
            self._controller.ask(ReadRecipe(Path(name)), self._on_recipe)

    def save_recipe(self) -> None:
        """Ask for a file, and write the options that make sense for any recording."""
        start = str(file_start(Path(self._controller.export_folder or Path.home()) / "figure.yaml"))

        def complete(path: Path, _picked: str) -> Path:
            return path if path.suffix.lower() in {".yaml", ".yml"} else path.with_name(f"{path.name}.yaml")

        path = ask_target(self, "Save recipe", start, _RECIPES, complete)
        if path is not None:
            self._controller.export_folder = str(path.parent)
            options = self.model.portable_values(changed_only=True)
            self._controller.ask(WriteRecipe(path, options), self._on_written)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the page as large as there is room."""
        super().resizeEvent(event)
        self._show_page()

    def _lay_out(self) -> None:
        box = QDialogButtonBox(self)
        self.open_button, self.save_button = (
            QPushButton(text, self) for text in ("Open recipe…", "Save recipe…")
        )
        self.open_button.setToolTip("Take panels, sizes and style of a recipe; the units stay")
        self.save_button.setToolTip("Save panels, sizes and style for other recordings")
        self.export_button = QPushButton("Export…", self)
        self.export_button.setDefault(True)
        for button in (self.open_button, self.save_button):
            button.setAutoDefault(False)
            box.addButton(button, QDialogButtonBox.ButtonRole.ResetRole)
        box.addButton(self.export_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.open_button.clicked.connect(self.open_recipe)
        self.save_button.clicked.connect(self.save_recipe)
        box.accepted.connect(lambda: self.export_asked.emit(self.values()))
        box.rejected.connect(self.reject)
        right = QVBoxLayout()
        right.addWidget(self.page, 1)
        right.addWidget(self.said)
        parts = QHBoxLayout()
        parts.addWidget(self.form)
        parts.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(parts, 1)
        layout.addWidget(box)
        self.resize(1060, 620)

    def _check(self) -> None:
        for button in (self.export_button, self.save_button):
            button.setEnabled(not self.form.has_problems)

    def _draw(self) -> None:
        if not self.form.has_problems:
            self._say("Drawing…")
            self._controller.ask(DrawFigure(self.values(), _DPI), self._on_drawn)

    def _on_drawn(self, answer: bytes | Failure) -> None:
        if isinstance(answer, Failure):
            self._say(answer.reason, "bad")
            return
        self._picture.loadFromData(answer)
        width, height = (size / _DPI * _MM_PER_INCH for size in self._picture.size().toTuple())
        self._say(f"{width:.0f} × {height:.0f} mm")
        self._show_page()

    def _show_page(self) -> None:
        if not self._picture.isNull():
            ratio = self.devicePixelRatioF()
            room = (self.page.size() - QSize(8, 8)) * ratio
            shown = self._picture.scaled(
                room.boundedTo(self._picture.size()),
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            shown.setDevicePixelRatio(ratio)
            self.page.setPixmap(shown)

    def _say(self, text: str, role: str = "muted") -> None:
        self.said.setText(text)
        self.said.setProperty("role", role)
        self.said.style().polish(self.said)

    def _on_recipe(self, answer: dict[str, Any] | Failure) -> None:
        if isinstance(answer, Failure):
            self._say(answer.reason, "bad")
        else:
            self.take(answer)

    def _on_written(self, answer: Path | Failure) -> None:
        if isinstance(answer, Failure):
            self._say(answer.reason, "bad")
        else:
            self.told.emit(f"Recipe saved: {answer}")
