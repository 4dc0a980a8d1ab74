"""All commands by a few letters of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.shell.theme import Theme
from hdmea_gui.widgets.label import Label

__all__ = ["Command", "CommandPalette", "fit"]

_Index = QModelIndex | QPersistentModelIndex
_ROLE = int(Qt.ItemDataRole.UserRole)
_MARGIN = 10
_SIZE = QSize(640, 400)
_KEYS_WIDTH = 110
_MOST = 100
_MOVES = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}


@dataclass(frozen=True)
class Command:
    """One command of the window as it is now.

    Attributes
    ----------
    id
        Name of the action.
    title
        Menu and text.
    help
        What it does.
    keys
        Its shortcut, empty for none.
    refusal
        Why it is not possible now, empty if it is.
    checked
        Whether it is switched on.
    typed
        Whether it is only shown once something was typed.
    """

    id: str
    title: str
    help: str
    keys: str = ""
    refusal: str = ""
    checked: bool = False
    typed: bool = False


class CommandPalette(QDialog):
    """A line to type in and the commands that fit; Enter runs the selected one.

    Parameters
    ----------
    commands
        All commands.
    theme
        Colours.
    parent
        Qt parent.

    Signals
    -------
    run_asked(str)
        Name of the action to run; the palette is closed by then.
    """

    run_asked = Signal(str)

    def __init__(self, commands: Sequence[Command], theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Commands")
        self.resize(_SIZE)
        self._commands = tuple(commands)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText("Type a few letters of a command, view, step, unit or column")
        self.line.setClearButtonEnabled(True)
        self.line.setAccessibleName("Command")
        self.line.setToolTip("Arrow keys choose, Enter runs, Esc closes")
        self.list = QListWidget(self)
        self.list.setAccessibleName("Matching commands")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setItemDelegate(_CommandDelegate(self.list, theme))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.note = Label(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for widget in (self.line, self.list, self.note):
            layout.addWidget(widget)
        self.line.textChanged.connect(self._fill)
        self.line.installEventFilter(self)
        self.list.currentRowChanged.connect(lambda _row: self._explain())
        self.list.itemClicked.connect(lambda _item: self._run())
        self._fill("")

    @property
    def chosen(self) -> Command | None:
        """The chosen command, None if none fits."""
        item = self.list.currentItem()
        found: Command | None = None if item is None else item.data(_ROLE)
        return found

    def shown(self) -> tuple[Command, ...]:
        """Return the commands that fit, the best first."""
        return tuple(self.list.item(row).data(_ROLE) for row in range(self.list.count()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Have arrow keys choose and Enter run while the line has the focus."""
        if watched is self.line and event.type() is QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.key() in _MOVES:
                self.list.event(event)
                return True
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
                self._run()
                return True
        return super().eventFilter(watched, event)

    def _fill(self, query: str) -> None:
        offered = [command for command in self._commands if query.strip() or not command.typed]
        scored = [(fit(query, command.title, command.help), command) for command in offered]
        fitting = [(score, command) for score, command in scored if score is not None]
        if query.strip():
            fitting.sort(key=lambda pair: (-pair[0], bool(pair[1].refusal)))
            del fitting[_MOST:]
        self.list.clear()
        for _, command in fitting:
            item = QListWidgetItem(command.title)
            item.setData(_ROLE, command)
            text = f"{command.title} {command.keys}. {command.help}"
            item.setData(Qt.ItemDataRole.AccessibleTextRole, text)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self._explain()

    def _explain(self) -> None:
        chosen = self.chosen
        if chosen is None:
            self.note.setText("No matching command. Try other letters.")
        elif chosen.refusal:
            self.note.setText(f"{chosen.help}. Not available: {chosen.refusal}.")
        else:
            self.note.setText(f"{chosen.help}.")

    def _run(self) -> None:
        chosen = self.chosen
        if chosen is None or chosen.refusal:
            return
        self.accept()
        self.run_asked.emit(chosen.id)


class _CommandDelegate(QStyledItemDelegate):
    """Draws title and shortcut, and why it is not possible."""

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return room for one line."""
        return QSize(200, option.fontMetrics.height() + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one command."""
        command: Command = index.data(_ROLE)
        theme, rect = self._theme, option.rect.adjusted(_MARGIN, 0, -_MARGIN, 0)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setFont(option.font)
        if selected:
            painter.fillRect(option.rect, QColor(theme.accent))
        plain = theme.muted if command.refusal else theme.text
        painter.setPen(QColor(theme.on_accent if selected else plain))
        title = f"✓  {command.title}" if command.checked else command.title
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        used = self._draw_right(painter, rect, command, selected)
        width = rect.width() - used - _MARGIN
        painter.drawText(
            rect, left, painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, width)
        )
        painter.restore()

    def _draw_right(self, painter: QPainter, rect: QRect, command: Command, selected: bool) -> int:
        """Draw the shortcut, and left of it why it is not possible; return the width taken."""
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        pen = painter.pen()
        painter.setPen(QColor(self._theme.on_accent if selected else self._theme.muted))
        painter.drawText(rect, flags, command.keys)
        if command.refusal:
            painter.drawText(rect.adjusted(0, 0, -_KEYS_WIDTH, 0), flags, f"not available: {command.refusal}")
        painter.setPen(pen)
        used = (
            painter.fontMetrics().horizontalAdvance(f"not available: {command.refusal}")
            if command.refusal
            else 0
        )
        return _KEYS_WIDTH + used


_WORD_START, _INSIDE, _LETTERS, _EXTRA = 100.0, 70.0, 40.0, 10.0


def fit(query: str, title: str, extra: str = "") -> float | None:
    """Return how well a query fits; None if it does not.

    Every word of the query must be found: at the start of a word of the title, inside one, as letters in this
    order, or else in the extra text.

    Parameters
    ----------
    query
        What was typed; an empty query fits everything equally.
    title
        Name of the command.
    extra
        What else it is known by.

    Returns
    -------
    float or None
        Larger fits better; comparable for one query only.
    """
    scores = [_fit_word(word, title.casefold(), extra.casefold()) for word in query.casefold().split()]
    found = [score for score in scores if score is not None]
    if len(found) < len(scores):
        return None
    # Of two that fit alike the shorter name is nearer to what was typed.
    return sum(found) - 0.1 * len(title)


def _fit_word(word: str, title: str, extra: str) -> float | None:
    starts = [
        position for position in range(len(title)) if position == 0 or not title[position - 1].isalnum()
    ]
    at_start = [position for position in starts if title.startswith(word, position)]
    if at_start:
        return _WORD_START - at_start[0]
    if word in title:
        return _INSIDE - title.index(word)
    gaps = _gaps(word, title, starts)
    if gaps is not None:
        return _LETTERS - gaps
    return _EXTRA if word in extra else None


def _gaps(word: str, title: str, starts: list[int]) -> int | None:
    """Return how many letters are left out where the word's letters are found one after the other."""
    found: list[int] = []
    for start in starts:
        position, gaps = start - 1, 0
        for letter in word:
            following = title.find(letter, position + 1)
            if following < 0:
                break
            gaps += 0 if following in starts else following - position - 1
            position = following
        else:
            if title[start] == word[0]:
                found.append(gaps)
    return min(found, default=None)
