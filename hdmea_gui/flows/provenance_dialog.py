"""How results were made: for each step when, with which parameters, from which files, by which version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import FieldSpec, StateView, StepRecord
from hdmea_gui.models.steps import StepItem, clock_text, duration_text
from hdmea_gui.widgets.label import Label

__all__ = ["ProvenanceDialog", "provenance_lines"]

_STEP = Qt.ItemDataRole.UserRole


class ProvenanceDialog(QDialog):
    """Lists every step that has results; the parameters of one can be shown in its form again.

    Parameters
    ----------
    state
        The session.
    items
        The step list.
    chosen
        Name of the step to begin with, empty for the first.
    parent
        Qt parent.

    Signals
    -------
    use_asked(str)
        Show the parameters that the results of this step were made with.
    """

    use_asked = Signal(str)

    def __init__(
        self, state: StateView, items: tuple[StepItem, ...], chosen: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("How results were made")
        self.resize(720, 520)
        self._state, self._items = state, items
        heading = Label(state.dataset_id, self)
        heading.setProperty("role", "heading")
        where = Label(f"File: {state.saved_path}" if state.saved_path else "Not saved yet", self)
        where.setProperty("role", "muted")
        where.setWordWrap(True)
        self.tree = QTreeWidget(self)
        self.tree.setHeaderLabels(["", ""])
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName("How results were made")
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.tree.setWordWrap(True)
        self.copy_button = QPushButton("Copy", self)
        self.copy_button.setToolTip("Copy all of it as text")
        self.use_button = QPushButton("Use these parameters", self)
        self.use_button.setToolTip("Show in the form what the selected step was run with; can be undone")
        for button in (self.copy_button, self.use_button):
            button.setAutoDefault(False)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        box.addButton(self.use_button, QDialogButtonBox.ButtonRole.ActionRole)
        box.addButton(self.copy_button, QDialogButtonBox.ButtonRole.ActionRole)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (heading, where, self.tree, box):
            layout.addWidget(widget)
        self.copy_button.clicked.connect(
            lambda _checked=False: QGuiApplication.clipboard().setText(self.text())
        )
        self.use_button.clicked.connect(lambda _checked=False: self.use_asked.emit(self._step()))
        self.tree.currentItemChanged.connect(self._on_current)
        self._fill(chosen)

    def text(self) -> str:
        """Return all of it as text, tab separated."""
        lines = [f"Recording\t{self._state.dataset_id}", f"File\t{self._state.saved_path or 'not saved yet'}"]
        for item in self._with_results():
            lines += ["", item.spec.title]
            found = provenance_lines(item, self._state.steps.get(item.spec.name))
            lines += [f"{name}\t{value}" for name, value, _ in found]
        return "\n".join(lines) + "\n"

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())

    def _with_results(self) -> list[StepItem]:
        return [item for item in self._items if item.has_results]

    def _fill(self, chosen: str) -> None:
        first: QTreeWidgetItem | None = None
        for item in self._with_results():
            record = self._state.steps.get(item.spec.name)
            row = QTreeWidgetItem([item.spec.title, item.detail])
            row.setData(0, _STEP, item.spec.name)
            font = row.font(0)
            font.setBold(True)
            row.setFont(0, font)
            for name, value, changed in provenance_lines(item, record):
                line = QTreeWidgetItem([name, value])
                line.setFont(1, font if changed else row.font(1))
                line.setToolTip(1, "Differs from the default" if changed else "")
                row.addChild(line)
            self.tree.addTopLevelItem(row)
            if first is None or item.spec.name == chosen:
                first = row
        if first is not None:
            first.setExpanded(True)
            self.tree.setCurrentItem(first)
        self._on_current()

    def _step(self) -> str:
        row = self.tree.currentItem()
        while row is not None and row.parent() is not None:
            row = row.parent()
        return "" if row is None else str(row.data(0, _STEP))

    def _on_current(self, *_rows: object) -> None:
        record = self._state.steps.get(self._step())
        self.use_button.setEnabled(record is not None and bool(record.params))


def provenance_lines(item: StepItem, record: StepRecord | None) -> Iterator[tuple[str, str, bool]]:
    """Yield name, value, and whether it differs from the default, of all that is known of a step's results.

    Parameters
    ----------
    item
        The step.
    record
        What is known of its last run; None if another program ran it.
    """
    if record is None:
        yield "Run", "by another program; nothing is recorded of it", False
        return
    if record.finished_at:
        yield "Finished", f"{clock_text(record.finished_at)} ({record.finished_at})", False
    if duration_text(record.duration_s):
        yield "Duration", duration_text(record.duration_s), False
    if record.program:
        yield "Program", f"HD-MEA Studio {record.program}, step version {record.version}", False
    if record.stale:
        yield "Stale", record.stale_because, True
    fields = {field.name: field for field in item.spec.fields}
    for name, value in record.params.items():
        field = fields.get(name)
        if field is None:
            continue
        yield field.title, _value_text(field, value), value != _plain(field.default)
    for path in record.inputs:
        yield "File", path, False
    for notice in record.notices:
        yield "Note", notice, False


def _value_text(field: FieldSpec, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text} {field.unit}".strip()


def _plain(value: Any) -> Any:
    """Return a default as JSON has it."""
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(part) for part in value]
    return value
