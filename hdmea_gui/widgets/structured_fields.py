"""Editors for parameters of several parts: windows, places on the chip, tables of names and values."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea.utils.validation import parse_number
from hdmea_gui.engine.forms import chip_edge
from hdmea_gui.engine.snapshot import FieldSpec
from hdmea_gui.widgets.fields import AUTOMATIC, Editor
from hdmea_gui.widgets.label import Label
from hdmea_gui.widgets.number_boxes import NumberBox

__all__ = [
    "ChipGrid",
    "ChoiceOrNumberEditor",
    "PairEditor",
    "PlacesEditor",
    "TableEditor",
    "structured_editor",
]

_LARGEST = 1e9
_ROW_HEIGHT, _ROWS = 24, 3
_CELL = 6


class PairEditor(Editor):
    """Begin and end of a window; in milliseconds where it is known how many samples or frames that are."""

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.field = field
        row = QWidget(parent)
        super().__init__(row)
        self.boxes = (NumberBox(0, row), NumberBox(0, row))
        self.note = Label(row)
        self.note.setProperty("role", "muted")
        self._per_second = 0.0
        pair = QHBoxLayout()
        pair.setSpacing(4)
        for box, name in zip(self.boxes, ("from", "to"), strict=True):
            box.setRange(-_LARGEST, _LARGEST)
            box.setMinimumWidth(40)
            box.setAccessibleName(f"{field.title}, {name}")
            box.valueChanged.connect(self.edited)
            if name == "to":
                pair.addWidget(Label("to", row))
            pair.addWidget(box, 1)
        layout = QVBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(pair)
        layout.addWidget(self.note)
        self.note.hide()
        row.setFocusProxy(self.boxes[0])

    def show_rate(self, per_second: float) -> None:
        """Edit in milliseconds, as so many of the declared unit are a second; 0: in that unit."""
        if per_second == self._per_second:
            return
        value = self.value()
        self._per_second = per_second
        self.unit = "ms" if per_second else ""
        for box in self.boxes:
            box.setSingleStep(1000.0 / per_second if per_second else 1.0)
        self.note.setVisible(bool(per_second))
        self.show_value(value)

    def value(self) -> tuple[float, float]:
        """Return begin and end in the declared unit."""
        low, high = (box.value() for box in self.boxes)
        if self._per_second:
            low, high = (number * self._per_second / 1000.0 for number in (low, high))
        return (round(low), round(high)) if self.field.whole else (low, high)

    def show_value(self, value: Any) -> None:
        """Show begin and end."""
        low, high = value if isinstance(value, (list, tuple)) and len(value) == 2 else (0.0, 0.0)
        factor = 1000.0 / self._per_second if self._per_second else 1.0
        for box, number in zip(self.boxes, (low, high), strict=True):
            box.blockSignals(True)
            box.setValue(round(float(number) * factor, 3))
            box.blockSignals(False)
        self.note.setText(f"{low:g} to {high:g} {self.field.unit}".replace("-", "−"))


class ChoiceOrNumberEditor(Editor):
    """One of several words, or a number."""

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.field = field
        self.box = QComboBox(parent)
        super().__init__(self.box)
        self.box.setEditable(True)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.setMinimumContentsLength(6)
        if field.optional:
            self.box.addItem(AUTOMATIC)
        self.box.addItems([str(choice) for choice in field.choices])
        line = self.box.lineEdit()
        assert line is not None
        line.editingFinished.connect(self.edited)
        self.box.activated.connect(lambda _index: self.edited.emit())

    def value(self) -> Any:
        """Return the word or the number; any other text as it is, which the declaration refuses."""
        text = self.box.currentText().strip()
        if self.field.optional and text in ("", AUTOMATIC):
            return None
        if text in map(str, self.field.choices):
            return text
        try:
            return parse_number(text)
        except ValueError:
            return text

    def show_value(self, value: Any) -> None:
        """Show a word or a number."""
        self.box.blockSignals(True)
        text = AUTOMATIC if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        self.box.setCurrentText(text)
        self.box.blockSignals(False)


class PlacesEditor(Editor):
    """Electrodes: rows and columns in a line, or picked on the chip."""

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.field = field
        row = QWidget(parent)
        super().__init__(row)
        self.line = QLineEdit(row)
        self.line.setPlaceholderText(f"{AUTOMATIC}; row, column; …")
        self.line.editingFinished.connect(self.edited)
        self.button = QToolButton(row)
        self.button.setText("▦")
        self.button.setToolTip(f"Pick on the chip: {field.title}")
        self.button.setAccessibleName(f"Pick {field.title} on the chip")
        self.grid = ChipGrid(field.title, row)
        self.button.clicked.connect(self._open)
        self.grid.closed.connect(self._on_closed)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line)
        layout.addWidget(self.button)
        row.setFocusProxy(self.line)

    def value(self) -> Any:
        """Return rows and columns; text that does not give them is returned as it is."""
        text = self.line.text().strip()
        if not text:
            return None if self.field.optional else ()
        found = []
        for part in filter(str.strip, text.split(";")):
            numbers = re.fullmatch(r"\s*(\d+)\s*[,/ ]\s*(\d+)\s*", part)
            if numbers is None:
                return text
            found.append((int(numbers[1]), int(numbers[2])))
        return tuple(found)

    def show_value(self, value: Any) -> None:
        """Show rows and columns."""
        pairs = value if isinstance(value, (list, tuple)) else ()
        self.line.setText(
            value if isinstance(value, str) else "; ".join(f"{row}, {column}" for row, column in pairs)
        )
        self.line.setCursorPosition(0)

    def _open(self) -> None:
        value = self.value()
        self.grid.open_at(self.widget, value if isinstance(value, tuple) else ())

    def _on_closed(self, places: tuple[tuple[int, int], ...]) -> None:
        if places != (self.value() or ()):
            self.show_value(places)
            self.edited.emit()


class ChipGrid(QFrame):
    """All electrodes of the chip; a click picks one or leaves it out. `closed` gives the picked ones."""

    closed = Signal(tuple)

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._edge = chip_edge()
        self._picked: set[tuple[int, int]] = set()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAccessibleName(title)
        self.setMouseTracking(True)
        self._where = Label(self)
        self._where.setProperty("role", "muted")
        self._where.setGeometry(
            4, 4 + self._edge * _CELL, self._edge * _CELL, self._where.sizeHint().height() + 4
        )
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        """Return room for all electrodes, and a line below."""
        return QSize(8 + self._edge * _CELL, 12 + self._edge * _CELL + self.fontMetrics().height())

    def open_at(self, widget: QWidget, places: Sequence[tuple[int, int]]) -> None:
        """Open beside a widget with these electrodes picked."""
        self._picked = set(places)
        self._say(None)
        room = widget.screen().availableGeometry()
        place = widget.mapToGlobal(QPoint(0, widget.height()))
        x = max(room.left(), min(place.x(), room.right() - self.width()))
        self.move(x, max(room.top(), min(place.y(), room.bottom() - self.height())))
        self.show()

    def place_at(self, point: QPoint) -> tuple[int, int] | None:
        """Return row and column, from 1, at a point of the widget."""
        row, column = (point.y() - 4) // _CELL + 1, (point.x() - 4) // _CELL + 1
        return (row, column) if 1 <= row <= self._edge and 1 <= column <= self._edge else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Pick an electrode, or leave it out."""
        place = self.place_at(event.position().toPoint())
        if place is None:
            super().mousePressEvent(event)
            return
        self._picked ^= {place}
        self._say(place)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say which electrode the pointer is on."""
        self._say(self.place_at(event.position().toPoint()))

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell what is picked."""
        super().hideEvent(event)
        self.closed.emit(tuple(sorted(self._picked)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the electrodes."""
        super().paintEvent(event)
        painter = QPainter(self)
        palette = self.palette()
        for row in range(self._edge):
            for column in range(self._edge):
                picked = (row + 1, column + 1) in self._picked
                role = QPalette.ColorRole.Highlight if picked else QPalette.ColorRole.Mid
                cell = QRectF(4 + column * _CELL, 4 + row * _CELL, _CELL - 1, _CELL - 1)
                painter.fillRect(cell, palette.color(role))

    def _say(self, place: tuple[int, int] | None) -> None:
        where = "" if place is None else f"row {place[0]}, column {place[1]}   "
        self._where.setText(f"{where}{len(self._picked)} picked")


class TableEditor(Editor):
    """Rows of names and values, with buttons that add and remove one."""

    titles: tuple[str, ...] = ()

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.field = field
        box = QWidget(parent)
        super().__init__(box)
        self.grid = QTableWidget(0, len(self.titles), box)
        self.grid.setHorizontalHeaderLabels(list(self.titles))
        self.grid.setAccessibleName(field.title)
        self.grid.setTabKeyNavigation(False)
        self.grid.verticalHeader().hide()
        self.grid.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.grid.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.grid.cellChanged.connect(lambda *_: self.edited.emit())
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.grid)
        buttons = QHBoxLayout()
        for text, name, act in (("+", "Add a row", self._add), ("−", "Remove the row", self._remove)):
            button = QToolButton(box)
            button.setText(text)
            button.setToolTip(name)
            button.setAccessibleName(f"{name}: {field.title}")
            button.clicked.connect(act)
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        box.setFocusProxy(self.grid)
        self._fit()

    @abstractmethod
    def from_rows(self, rows: list[tuple[str, ...]]) -> Any:
        """Return the value of rows of texts."""

    @abstractmethod
    def to_rows(self, value: Any) -> list[tuple[str, ...]]:
        """Return a value as rows of texts."""

    def value(self) -> Any:
        """Return what the rows say; rows without any text do not count."""
        rows = [
            tuple(self._text(row, column) for column in range(len(self.titles)))
            for row in range(self.grid.rowCount())
        ]
        filled = [row for row in rows if any(row)]
        return self.from_rows(filled) if filled or not self.field.optional else None

    def show_value(self, value: Any) -> None:
        """Show a value; rows that are just being filled in stay."""
        if value == self.value():
            return
        rows = self.to_rows(value)
        self.grid.blockSignals(True)
        self.grid.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                self.grid.setItem(row, column, QTableWidgetItem(text))
        self.grid.blockSignals(False)
        self._fit()

    def _text(self, row: int, column: int) -> str:
        item = self.grid.item(row, column)
        return "" if item is None else item.text().strip()

    def _add(self) -> None:
        self.grid.insertRow(self.grid.rowCount())
        self._fit()
        self.grid.setFocus()
        self.grid.setCurrentCell(self.grid.rowCount() - 1, 0)
        self.grid.edit(self.grid.model().index(self.grid.rowCount() - 1, 0))

    def _remove(self) -> None:
        row = self.grid.currentRow() if self.grid.currentRow() >= 0 else self.grid.rowCount() - 1
        self.grid.removeRow(row)
        self._fit()
        self.edited.emit()

    def _fit(self) -> None:
        rows = min(self.grid.rowCount(), _ROWS)
        header = self.grid.horizontalHeader().sizeHint().height()
        self.grid.setFixedHeight(header + rows * _ROW_HEIGHT + 2 * self.grid.frameWidth())
        self.grid.setVisible(bool(rows))


class _NumbersByName(TableEditor):
    """A whole number for each name."""

    titles = ("Movie", "Sample")

    def from_rows(self, rows: list[tuple[str, ...]]) -> dict[str, Any]:
        return {name: _typed(number) for name, number in rows}

    def to_rows(self, value: Any) -> list[tuple[str, ...]]:
        return (
            [(str(name), str(number)) for name, number in value.items()] if isinstance(value, Mapping) else []
        )


class _Settings(TableEditor):
    """Parameters of features, or of all that have them."""

    titles = ("Feature", "Setting", "Value")

    def from_rows(self, rows: list[tuple[str, ...]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for feature, name, text in rows:
            if feature:
                found.setdefault(feature, {})[name] = _typed(text)
            else:
                found[name] = _typed(text)
        return found

    def to_rows(self, value: Any) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for name, given in value.items() if isinstance(value, Mapping) else ():
            if isinstance(given, Mapping):
                rows += [(str(name), str(key), _shown(one)) for key, one in given.items()]
            else:
                rows.append(("", str(name), _shown(given)))
        return rows


def _typed(text: str) -> Any:
    """Return a number, yes or no, several of them, or the text."""
    if text.casefold() in ("yes", "no"):
        return text.casefold() == "yes"
    if ";" in text:
        return [_typed(part.strip()) for part in text.split(";") if part.strip()]
    try:
        number = parse_number(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and not re.search(r"[.,eE]", text) else number


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(map(_shown, value)) if isinstance(value, (list, tuple)) else str(value)


_KINDS: dict[str, type[Editor]] = {
    "pair": PairEditor,
    "places": PlacesEditor,
    "numbers": _NumbersByName,
    "settings": _Settings,
    "choice or number": ChoiceOrNumberEditor,
}


def structured_editor(field: FieldSpec, parent: QWidget) -> Editor | None:
    """Return the editor of a parameter of several parts; None for any other."""
    made: Any = _KINDS.get(field.kind)
    editor: Editor | None = None if made is None else made(field, parent)
    return editor
