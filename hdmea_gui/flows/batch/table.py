"""The recordings of a batch as a table: state, progress, time left, what happened."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from hdmea_gui.engine.batch import BatchItem
from hdmea_gui.models.steps import duration_text, time_left_text
from hdmea_gui.shell.icons import pixmap
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.lights_panel import light_colour, light_text
from hdmea_gui.widgets.label import plain_tip
from hdmea_gui.widgets.row_table import show_rows

if TYPE_CHECKING:
    from hdmea.study import Outcome

__all__ = ["BatchModel", "BatchTable"]

_Index = QModelIndex | QPersistentModelIndex
_TITLES: Final = ("Recording", "State", "Progress", "Time", "Units", "Health", "What happened")
_WIDTHS: Final = (220, 138, 230, 104, 58, 74)
RECORDING, STATE, PROGRESS, TIME, UNITS, HEALTH, MESSAGE = range(7)

_ICONS: Final = {
    "waiting": "state_waiting",
    "running": "state_running",
    "done": "state_done",
    "kept": "state_done",
    "other parameters": "state_stale",
    "failed": "state_failed",
    "crashed": "state_failed",
    "stopped": "state_cancelled",
}
_RIGHT: Final = int((Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value)
_LEAST_PART: Final = 0.05
"""Part of a recording after which its progress tells how long the rest takes."""


class BatchModel(QAbstractTableModel):
    """One row per recording; `OutcomeRole` gives the `Outcome`, None before it was run.

    Parameters
    ----------
    theme
        Colours of the states.
    parent
        Qt parent.
    """

    OutcomeRole = int(Qt.ItemDataRole.UserRole)
    KeyRole = OutcomeRole + 1

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._items: Sequence[BatchItem] = ()
        self._outcomes: Mapping[str, Outcome] = {}
        self._rows: dict[str, int] = {}

    # -- Qt ------------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of recordings."""
        return 0 if parent.isValid() else len(self._items)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column, above numbers at the right."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and section in (TIME, UNITS):
            return _RIGHT
        return _TITLES[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, colour, icon, tooltip, the `Outcome` or the key."""
        item = self._items[index.row()]
        outcome, column = self._outcomes.get(item.key), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(item, outcome, column)
        if role == self.OutcomeRole:
            return outcome
        if role == self.KeyRole:
            return item.key
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(_tip(item, outcome, column))
        if role == Qt.ItemDataRole.ForegroundRole and column == HEALTH and outcome is not None:
            return QColor(light_colour(outcome.light, self._theme))
        if role == Qt.ItemDataRole.ForegroundRole and column == STATE:
            return QColor(self._colour(outcome))
        if role == Qt.ItemDataRole.DecorationRole and column == STATE:
            name = _ICONS["waiting" if outcome is None else outcome.state]
            return self._icon(name, self._colour(outcome))
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (TIME, UNITS):
            return _RIGHT
        return None

    # -- content -------------------------------------------------------------------------------------

    def set_content(self, items: Sequence[BatchItem], outcomes: Mapping[str, Outcome]) -> None:
        """Show other recordings; `outcomes` is looked into whenever something is drawn."""
        self.beginResetModel()
        self._items, self._outcomes = items, outcomes
        self._rows = {item.key: row for row, item in enumerate(items)}
        self.endResetModel()

    def show_outcome(self, key: str) -> None:
        """Redraw a recording."""
        row = self._rows.get(key)
        if row is not None:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(_TITLES) - 1))

    def set_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        if self._items:
            self.dataChanged.emit(self.index(0, STATE), self.index(len(self._items) - 1, HEALTH))

    def seconds_left(self, item: BatchItem) -> float | None:
        """Return how long a recording will still take; None if that is not known.

        By the recordings that are done, in proportion to the size of their files; before there are any, by
        how far the recording itself is.
        """
        outcome = self._outcomes.get(item.key)
        if outcome is not None and outcome.ended:
            return 0.0
        spent = 0.0 if outcome is None else outcome.seconds
        rate = self._seconds_per_byte()
        if rate is not None and item.nbytes:
            # It is not over before it is: what it takes longer than others is not known.
            return max(rate * item.nbytes - spent, 0.02 * spent)
        if outcome is not None and outcome.overall >= _LEAST_PART:
            return spent * (1 / outcome.overall - 1)
        return None

    def total_seconds_left(self) -> float | None:
        """Return how long all of it will still take with as many at a time as now; None if unknown."""
        left = [self.seconds_left(item) for item in self._items]
        at_once = sum(outcome.state == "running" for outcome in self._outcomes.values())
        known = [each for each in left if each is not None]
        if not at_once or len(known) < len(left):
            return None
        return max(sum(known) / at_once, max(known))

    def _seconds_per_byte(self) -> float | None:
        sizes = {item.key: item.nbytes for item in self._items}
        rates = [
            outcome.seconds / sizes[key]
            for key, outcome in self._outcomes.items()
            if outcome.state == "done" and sizes.get(key)
        ]
        return statistics.median(rates) if rates else None

    def _text(self, item: BatchItem, outcome: Outcome | None, column: int) -> str:
        if column == RECORDING:
            return item.key
        if outcome is None:
            return "waiting" if column == STATE else ""
        if column == STATE:
            return str(outcome.state)
        if column == PROGRESS:
            return f"{outcome.step}  {100 * outcome.fraction:.0f} %" if outcome.state == "running" else ""
        if column == TIME:
            left = self.seconds_left(item) if outcome.state == "running" else None
            if left is not None:
                return time_left_text(left)
            return duration_text(outcome.seconds) if outcome.seconds else ""
        if column == UNITS:
            return "" if outcome.units is None else str(outcome.units)
        if column == HEALTH:
            return light_text(outcome.light) if outcome.light else ""
        if outcome.message and outcome.state != "kept":
            return outcome.message.partition("\n")[0]
        count = len(outcome.warnings)
        return f"{count} warning{'s' if count > 1 else ''}" if count else ""

    def _icon(self, name: str, colour: str) -> QIcon:
        made = QIcon(pixmap(name, colour, 16))
        made.addPixmap(pixmap(name, self._theme.on_accent, 16), QIcon.Mode.Selected)
        return made

    def _colour(self, outcome: Outcome | None) -> str:
        theme = self._theme
        state = "waiting" if outcome is None else outcome.state
        if state in ("failed", "crashed"):
            return theme.bad
        if state in ("done", "kept"):
            return theme.good
        if state in ("other parameters", "stopped"):
            return theme.warning
        return theme.text if state == "running" else theme.muted


def _tip(item: BatchItem, outcome: Outcome | None, column: int) -> str:
    if column == RECORDING or outcome is None:
        return item.files
    return "\n".join(outcome.concerns) if column == HEALTH else outcome.message


class _ProgressDelegate(QStyledItemDelegate):
    """Draws how far a recording is: the step in words over a bar of the whole."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw the cell."""
        super().paint(painter, option, index)
        outcome = index.data(BatchModel.OutcomeRole)
        if outcome is None or outcome.state != "running":
            return
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        rect: QRect = option.rect.adjusted(6, 0, -6, 0)
        bar = QRect(rect.left(), rect.bottom() - 4, rect.width(), 3)
        painter.fillRect(bar, QColor(self.theme.border))
        bar.setWidth(round(rect.width() * outcome.overall))
        painter.fillRect(bar, QColor(self.theme.on_accent if selected else self.theme.link))


class BatchTable(QTableView):
    """The table.

    Parameters
    ----------
    model
        The recordings.
    theme
        Colours.
    parent
        Qt parent.

    Signals
    -------
    remove_asked()
        The selected rows are to be removed.
    open_asked(str)
        Key of the recording whose result is to be opened.
    """

    remove_asked = Signal()
    open_asked = Signal(str)

    def __init__(self, model: BatchModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self._delegate = _ProgressDelegate(theme, self)
        self.setItemDelegateForColumn(PROGRESS, self._delegate)
        self.setObjectName("batch_table")
        self.setAccessibleName("Recordings of the batch")
        show_rows(self, _WIDTHS, 13)
        self.activated.connect(lambda index: self.open_asked.emit(index.data(BatchModel.KeyRole)))

    @property
    def selected_keys(self) -> list[str]:
        """Keys of the selected recordings."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.model().index(row, 0).data(BatchModel.KeyRole) for row in rows]

    @property
    def current_key(self) -> str:
        """Key of the current recording, empty without one."""
        index = self.currentIndex()
        return index.data(BatchModel.KeyRole) if index.isValid() else ""

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._delegate.theme = theme
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Delete as well."""
        if event.key() == Qt.Key.Key_Delete:
            self.remove_asked.emit()
        else:
            super().keyPressEvent(event)
