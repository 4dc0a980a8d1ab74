"""Editors for parameters that name something: what there is can be chosen, anything else can be typed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.engine.snapshot import Choice, FieldSpec
from hdmea_gui.widgets.fields import AUTOMATIC, Editor, LiteralEditor, make_editor
from hdmea_gui.widgets.label import plain_tip
from hdmea_gui.widgets.structured_fields import structured_editor
from hdmea_gui.widgets.tick_boxes import outline_boxes

__all__ = ["CheckPopup", "NameEditor", "NamesEditor", "make_parameter_editor"]

_TIP = Qt.ItemDataRole.ToolTipRole
_POPUP_HEIGHT = 260
_MANY = 12


class NameEditor(Editor):
    """One name: a box to choose from, with a line to type into."""

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        self.field = field
        self.box = QComboBox(parent)
        super().__init__(self.box)
        self.box.setEditable(True)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(6)
        completer = self.box.completer()
        assert completer is not None
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self._line.setPlaceholderText(AUTOMATIC if field.optional else "")
        self._line.editingFinished.connect(self.edited)
        self.box.activated.connect(self._on_activated)
        self.show_choices(())

    @property
    def _line(self) -> QLineEdit:
        line = self.box.lineEdit()
        assert line is not None
        return line

    def value(self) -> Any:
        """Return the name; None if none is given and that is allowed."""
        text = self._line.text().strip()
        return None if not text and self.field.optional else text

    def show_value(self, value: Any) -> None:
        """Show a name."""
        text = "" if value is None else str(value)
        if self._line.text() != text or self._line.isModified():
            self._line.setText(text)
        self._line.setCursorPosition(0)

    def show_hint(self, text: str) -> None:
        """Show what leaving it empty means."""
        if self.field.optional:
            self._line.setPlaceholderText(text or AUTOMATIC)

    def show_choices(self, choices: tuple[Choice, ...]) -> None:
        """Offer these names; what is shown or being typed stays."""
        text, typed = self._line.text(), self._line.isModified()
        self.box.blockSignals(True)
        self.box.clear()
        if self.field.optional:
            self.box.addItem(AUTOMATIC)
        for choice in choices:
            self.box.addItem(choice.name)
            self.box.setItemData(self.box.count() - 1, plain_tip(choice.about), _TIP)
        self.box.setCurrentIndex(-1)
        self.box.blockSignals(False)
        self._line.setText(text)
        self._line.setModified(typed)

    def _on_activated(self, index: int) -> None:
        if self.field.optional and index == 0:
            self._line.clear()
        self.edited.emit()


class NamesEditor(LiteralEditor):
    """Several names: a line with commas, and a list to tick them in."""

    def __init__(self, field: FieldSpec, parent: QWidget) -> None:
        super().__init__(field, parent)
        row = QWidget(parent)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.button = QToolButton(row)
        self.button.setArrowType(Qt.ArrowType.DownArrow)
        self.button.setToolTip(f"Available: {field.title}")
        self.button.setAccessibleName(f"Choose {field.title}")
        self.button.clicked.connect(self.open_list)
        layout.addWidget(self.line)
        layout.addWidget(self.button)
        row.setFocusProxy(self.line)
        self.widget = row
        self.popup = CheckPopup(field.title, row)
        self.popup.closed.connect(self._on_closed)
        self.line.installEventFilter(self)
        self.show_choices(())

    def show_choices(self, choices: tuple[Choice, ...]) -> None:
        """Offer these names."""
        self.popup.set_choices(choices)
        self.button.setEnabled(bool(choices))
        self.button.setToolTip(f"Available: {self.field.title}" if choices else "Nothing available yet")

    def open_list(self) -> None:
        """Open the list to tick."""
        value = self.value() or ()
        self.popup.open_below(self.widget, [str(name) for name in value])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Open the list on arrow down."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down and self.button.isEnabled():
                self.open_list()
                return True
        return super().eventFilter(watched, event)

    def _on_closed(self, names: tuple[str, ...]) -> None:
        self.line.setText(", ".join(names))
        self.line.setCursorPosition(0)
        self.line.setFocus()
        self.edited.emit()


class CheckPopup(QFrame):
    """A list to tick; `closed` gives the names that are ticked when it closes."""

    closed = Signal(tuple)

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._unknown: list[str] = []
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText("Filter")
        self.filter.setAccessibleName(f"Filter {title}")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._apply_filter)
        self.list = QListWidget(self)
        self.list.setAccessibleName(title)
        self.list.setUniformItemSizes(True)
        self.list.itemActivated.connect(lambda _item: self.close())
        buttons = QHBoxLayout()
        for text, state in (("All", Qt.CheckState.Checked), ("None", Qt.CheckState.Unchecked)):
            button = QPushButton(text, self)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, wanted=state: self._tick_shown(wanted))
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.filter)
        layout.addWidget(self.list)
        layout.addLayout(buttons)

    def set_choices(self, choices: tuple[Choice, ...]) -> None:
        """Offer these names; those that are ticked stay ticked."""
        ticked = self.ticked()
        self.list.clear()
        for choice in choices:
            item = QListWidgetItem(choice.name, self.list)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setToolTip(plain_tip(choice.about))
        self.tick(ticked)
        self.filter.setVisible(len(choices) > _MANY)

    def tick(self, names: Iterable[str]) -> None:
        """Tick these names and no others; what is not in the list is kept."""
        wanted = list(names)
        known = set()
        for item in self._items():
            known.add(item.text())
            on = item.text() in wanted
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self._unknown = [name for name in wanted if name not in known]

    def ticked(self) -> tuple[str, ...]:
        """Return the ticked names in the order of the list, then those that are not in it."""
        shown = [item.text() for item in self._items() if item.checkState() is Qt.CheckState.Checked]
        return (*shown, *self._unknown)

    def open_below(self, widget: QWidget, names: Iterable[str]) -> None:
        """Open with these names ticked."""
        self.filter.clear()
        outline_boxes(self.list)
        self.tick(names)
        self.setFixedSize(max(widget.width(), self.sizeHint().width()), _POPUP_HEIGHT)
        place = widget.mapToGlobal(QPoint(0, widget.height()))
        room = widget.screen().availableGeometry()
        if place.y() + _POPUP_HEIGHT > room.bottom():
            place = widget.mapToGlobal(QPoint(0, -_POPUP_HEIGHT))
        self.move(max(room.left(), min(place.x(), room.right() - self.width())), max(room.top(), place.y()))
        self.show()
        self.list.setFocus()
        if self.list.currentRow() < 0:
            self.list.setCurrentRow(0)

    def hideEvent(self, event: Any) -> None:
        """Tell what is ticked."""
        super().hideEvent(event)
        self.closed.emit(self.ticked())

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _tick_shown(self, state: Qt.CheckState) -> None:
        for item in self._items():
            if not item.isHidden():
                item.setCheckState(state)

    def _apply_filter(self, text: str) -> None:
        for item in self._items():
            item.setHidden(text.casefold() not in item.text().casefold())


def make_parameter_editor(field: FieldSpec, parent: QWidget) -> Editor:
    """Return the editor for a parameter of a step, with choices where it names something."""
    structured = structured_editor(field, parent)
    if structured is not None:
        return structured
    if not field.names:
        return make_editor(field, parent)
    return NamesEditor(field, parent) if field.kind == "list" else NameEditor(field, parent)
