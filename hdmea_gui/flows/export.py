"""What is shown, out of the window: the view, the table of units, the whole recording in other formats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QTabWidget, QVBoxLayout, QWidget

from hdmea_gui.dialogs.files import ask_target
from hdmea_gui.dialogs.host import DialogHost
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import ExportKind, ListExportKinds, outcome
from hdmea_gui.engine.file_lookup import file_start
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.flows.figure_dialog import FigureDialog
from hdmea_gui.flows.flow import Flow
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.shell.theme import Theme
from hdmea_gui.shell.unit_table import UnitTable
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.export import ask_export_path
from hdmea_gui.widgets.parameter_form import ParameterForm

__all__ = ["ExportFlow", "ExportOptionsDialog"]


class ExportFlow(Flow):
    """Hands the commands of the menu "Export" on to the view, the table and the exporters."""

    def __init__(self, controller: Controller, dialogs: DialogHost, window: QWidget) -> None:
        super().__init__(controller, dialogs, window)
        self._tabs: QTabWidget | None = None
        self._table: UnitTable | None = None
        controller.exported.connect(lambda path: self.told.emit(outcome(path)))

    def attach(self, tabs: QTabWidget, table: UnitTable) -> None:
        """Take the views and the table."""
        self._tabs, self._table = tabs, table

    def copy_figure(self) -> None:
        """Put a figure of the view into the clipboard."""
        self._view.copy_figure()

    def save_figure(self) -> None:
        """Build a figure of what the view shows, and write it."""
        self._view.save_figure()

    def build_figure(self, given: Mapping[str, Any], path: Path | None = None) -> None:
        """Show the figure builder with these options; without a path it is asked for at the end."""

        def on_kinds(kinds: tuple[ExportKind, ...] | Failure) -> None:
            if isinstance(kinds, Failure):
                self.told.emit(outcome(kinds))
            else:
                kind = next(kind for kind in kinds if kind.name == "figure")
                self._show_builder(kind, given, path)

        self._controller.ask(ListExportKinds(), on_kinds)

    def _show_builder(self, kind: ExportKind, given: Mapping[str, Any], path: Path | None) -> None:
        dialog = FigureDialog(kind, given, self._controller, self._dialogs.theme, self._window)

        def export(options: dict[str, Any]) -> None:
            name = f"{self._controller.state.dataset_id}_figure"
            target = path or ask_export_path(dialog, self._controller, ("pdf", "svg", "png"), name)
            if target is not None:
                dialog.accept()
                self._controller.export(target, kind.name, options)

        dialog.export_asked.connect(export)
        dialog.told.connect(self.told)
        self._dialogs.open(dialog)

    def export_data(self) -> None:
        """Ask for a file, and write the data of the view."""
        view = self._view
        if view.has_data():
            view.export_data()
        else:
            self.told.emit(f"There are no data to export in “{view.title}” yet.")

    def export_table(self) -> None:
        """Ask for a file, and write the table of units with all columns."""
        assert self._table is not None
        self._table.ask_export(all_columns=True)

    def export_result(self) -> None:
        """Ask for a file of one of the exporters' kinds, and write what is in memory."""
        self._controller.ask(ListExportKinds(), self._on_kinds)

    def _on_kinds(self, kinds: tuple[ExportKind, ...] | Failure) -> None:
        if isinstance(kinds, Failure):
            self.told.emit(outcome(kinds))
            return
        found = self._ask(kinds)
        if found is not None:
            path, kind = found
            self._controller.export_folder = str(path.parent)
            if not kind.options.fields:
                self._controller.export(path, kind.name, {})
                return
            selected = self._controller.selection.units
            if kind.name == "figure":
                self._show_builder(kind, {"unit_ids": selected} if selected else {}, path)
                return
            dialog = ExportOptionsDialog(kind, selected, self._dialogs.theme, self._window)
            dialog.accepted.connect(lambda: self._controller.export(path, kind.name, dialog.values()))
            self._dialogs.open(dialog)

    def _ask(self, kinds: tuple[ExportKind, ...]) -> tuple[Path, ExportKind] | None:
        by_filter = {f"{kind.title} ({' '.join(f'*{s}' for s in kind.suffixes)})": kind for kind in kinds}
        chosen = [kinds[0]]

        def complete(path: Path, picked: str) -> Path:
            name = path.name.lower()
            kind = by_filter.get(picked, kinds[0])
            if not name.endswith(kind.suffixes):
                # What was typed says more than the filter that was left as it was.
                kind = next((each for each in kinds if name.endswith(each.suffixes)), kind)
            chosen[:] = [kind]
            return path if name.endswith(kind.suffixes) else path.with_name(f"{path.name}{kind.suffixes[0]}")

        folder = Path(self._controller.export_folder or Path.home())
        proposed = folder / f"{self._controller.state.dataset_id}{kinds[0].suffixes[0]}"
        start = str(file_start(proposed))
        path = ask_target(self._window, "Export result", start, ";;".join(by_filter), complete)
        return None if path is None else (path, chosen[0])

    @property
    def _view(self) -> Preview:
        assert self._tabs is not None
        view = self._tabs.currentWidget()
        assert isinstance(view, Preview)
        return view


class ExportOptionsDialog(QDialog):
    """Edits the options of an exporter before its file is written.

    Parameters
    ----------
    kind
        The exporter; what the recording sheet answers is filled in.
    selected
        The selected units, with which a choice of units begins.
    theme
        Colours.
    parent
        Qt parent.
    """

    def __init__(
        self, kind: ExportKind, selected: tuple[str, ...], theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export options")
        self.model = ParameterModel(kind.options, kind.known, self)
        for option in kind.options.fields:
            if option.of_selection and selected:
                self.model.set_value(option.name, selected)
        self.form = ParameterForm(theme, parent=self)
        self.form.setMinimumWidth(340)
        self.form.show_model(self.model)
        self.form.show_choices(kind.choices)
        box = QDialogButtonBox(self)
        self.export_button = QPushButton("Export", self)
        self.export_button.setDefault(True)
        box.addButton(self.export_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.addButton(QDialogButtonBox.StandardButton.Cancel)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form, 1)
        layout.addWidget(box)
        self.form.checked.connect(self._check)
        self._check()
        self.resize(440, min(620, 140 + 34 * len(kind.options.fields)))

    def values(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        return self.model.values_to_run()

    def _check(self) -> None:
        self.export_button.setEnabled(not self.form.has_problems)
