"""Editors for single parameters: each knows its value and tells when it was edited."""

from __future__ import annotations

import ast
from abc import abstractmethod
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QToolButton,
    QWidget,
)

from hdmea.utils.validation import parse_number
from hdmea_gui.engine.file_lookup import file_start, folder_start
from hdmea_gui.engine.snapshot import Choice, FieldSpec
from hdmea_gui.models.parameters import LARGEST_INTEGER, LARGEST_NUMBER
from hdmea_gui.widgets.number_boxes import NumberBox, WholeNumberBox, decimals_of

__all__ = ["AUTOMATIC", "Editor", "LiteralEditor", "make_editor"]

AUTOMATIC = "automatic"


class Editor(QObject):
    """An editor: its widget, its value, and a signal when the user edited it.

    `shows_unit` tells whether the unit is beside the value; otherwise it belongs into the label, as `unit`
    where that is another one than declared.
    """

    edited = Signal()
    shows_unit = False
    unit = ""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.widget = widget

    @abstractmethod
    def value(self) -> Any:
        """Return the value."""

    @abstractmethod
    def show_value(self, value: Any) -> None:
        """Show a value without telling that it was edited."""

    def show_hint(self, text: str) -> None:
        """Show what leaving it empty means, where it can be left empty."""

    def show_choices(self, choices: tuple[Choice, ...]) -> None:
        """Offer names to choose from, where something is named."""

    def show_rate(self, per_second: float) -> None:
        """Say how many of the declared unit are a second; 0: not known."""


class _Check(Editor):
    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.box = QCheckBox(parent)
        super().__init__(self.box)
        self.box.toggled.connect(self.edited)

    def value(self) -> bool:
        return self.box.isChecked()

    def show_value(self, value: Any) -> None:
        self.box.blockSignals(True)
        self.box.setChecked(bool(value))
        self.box.blockSignals(False)


class _Integer(Editor):
    shows_unit = True

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.box = WholeNumberBox(parent)
        super().__init__(self.box)
        low = -LARGEST_INTEGER if field.minimum is None else int(field.minimum)
        high = LARGEST_INTEGER if field.maximum is None else int(field.maximum)
        self.box.setRange(low, high)
        self.box.setSuffix(f" {field.unit}" if field.unit else "")
        self.box.valueChanged.connect(self.edited)

    def value(self) -> int:
        return self.box.value()

    def show_value(self, value: Any) -> None:
        self.box.blockSignals(True)
        self.box.setValue(int(value))
        self.box.blockSignals(False)


class _Number(Editor):
    shows_unit = True

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.box = NumberBox(_decimals(field), parent)
        super().__init__(self.box)
        self.box.setRange(
            -LARGEST_NUMBER if field.minimum is None else field.minimum,
            LARGEST_NUMBER if field.maximum is None else field.maximum,
        )
        self.box.setSuffix(f" {field.unit}" if field.unit else "")
        self.box.setStepType(NumberBox.StepType.AdaptiveDecimalStepType)
        self.box.valueChanged.connect(self.edited)

    def value(self) -> float:
        return self.box.value()

    def show_value(self, value: Any) -> None:
        self.box.blockSignals(True)
        self.box.setValue(float(value))
        self.box.blockSignals(False)


class _Choice(Editor):
    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.box = QComboBox(parent)
        super().__init__(self.box)
        values = (*((None,) if field.optional else ()), *field.choices)
        for value in values:
            self.box.addItem(AUTOMATIC if value is None else str(value), value)
        self.box.currentIndexChanged.connect(self.edited)

    def value(self) -> Any:
        return self.box.currentData()

    def show_value(self, value: Any) -> None:
        self.box.blockSignals(True)
        self.box.setCurrentIndex(self.box.findData(value))
        self.box.blockSignals(False)


class _Text(Editor):
    """A line of text; empty means None where nothing may be given."""

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.field = field
        self.line = QLineEdit(parent)
        super().__init__(self.line)
        self.line.setPlaceholderText(AUTOMATIC if field.optional else "")
        self.line.editingFinished.connect(self.edited)

    def value(self) -> Any:
        text = self.line.text().strip()
        return None if not text and self.field.optional else text

    def show_hint(self, text: str) -> None:
        if self.field.optional:
            self.line.setPlaceholderText(text or AUTOMATIC)

    def show_value(self, value: Any) -> None:
        self.line.setText("" if value is None else str(value))
        self.line.setCursorPosition(0)


class _Path(_Text):
    """A file or folder, with a button that asks for one."""

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        super().__init__(field, parent)
        row = QWidget(parent)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        button = QToolButton(row)
        button.setText("…")
        button.setToolTip(f"Choose: {field.title}")
        button.setAccessibleName(f"Choose {field.title}")
        button.clicked.connect(self._browse)
        layout.addWidget(self.line)
        layout.addWidget(button)
        row.setFocusProxy(self.line)
        self.widget = row

    def _browse(self) -> None:
        given = self.line.text()
        if self.field.kind == "folder":
            path = QFileDialog.getExistingDirectory(self.widget, self.field.title, folder_start(given))
        else:
            start = str(file_start(Path(given))) if given else ""
            path, _ = QFileDialog.getOpenFileName(self.widget, self.field.title, start)
        if path:
            self.line.setText(path)
            self.edited.emit()


class LiteralEditor(_Text):
    """Several values separated by commas, or any other value, as Python writes it."""

    def value(self) -> Any:
        """Return the value; text that Python cannot read is a list of names."""
        text = self.line.text().strip()
        if not text:
            return () if self.field.kind == "list" and not self.field.optional else None
        if self.field.kind in {"int", "float"}:
            try:
                number = parse_number(text)
            except ValueError:
                return text  # The declaration says why it is refused.
            return int(number) if self.field.kind == "int" and number.is_integer() else number
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found = tuple(part.strip() for part in text.split(","))
        if self.field.kind == "list":
            return tuple(found) if isinstance(found, (list, tuple)) else (found,)
        return found

    def show_value(self, value: Any) -> None:
        """Show a value."""
        if isinstance(value, (list, tuple)):
            super().show_value(", ".join(map(str, value)))
        else:
            super().show_value(value)


def _decimals(field: FieldSpec) -> int:
    """Return the declared decimals, otherwise enough for the default and the limits, at least one."""
    if field.decimals is not None:
        return field.decimals
    numbers = [number for number in (field.default, field.minimum, field.maximum) if number is not None]
    return max(1, *map(decimals_of, numbers)) if numbers else 3


def make_editor(field: FieldSpec, parent: QWidget) -> Editor:
    """Return the editor for a parameter.

    A number that may be left out, or has no default, is edited as text: a spin box cannot say "nothing".
    """
    if (field.optional or field.required) and field.kind in {"int", "float", "bool", "list", "value"}:
        return LiteralEditor(field, parent)
    makers: dict[str, type[Editor]] = {
        "bool": _Check,
        "int": _Integer,
        "float": _Number,
        "choice": _Choice,
        "text": _Text,
        "file": _Path,
        "folder": _Path,
        "list": LiteralEditor,
    }
    maker: Any = makers.get(field.kind, LiteralEditor)
    made: Editor = maker(field, parent)
    return made
