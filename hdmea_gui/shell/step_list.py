"""The step list: two lines per step, its state as icon, word and colour."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import (
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from hdmea_gui.models.steps import StepItem, StepListModel, StepState
from hdmea_gui.shell.icons import pixmap
from hdmea_gui.shell.theme import Theme
from hdmea_gui.text.help_topics import HelpTopic, step_topic

__all__ = ["StepListView"]

_Index = QModelIndex | QPersistentModelIndex
_ICON = 18
_MARGIN = 8
_NOTICEABLE = {
    StepState.CHANGED,
    StepState.STALE,
    StepState.CANCELLED,
    StepState.STOPPING,
    StepState.SKIPPED,
}


def state_colour(state: StepState, theme: Theme) -> str:
    """Return the colour in which a state is written."""
    if state is StepState.DONE:
        return theme.good
    if state is StepState.FAILED:
        return theme.bad
    if state in _NOTICEABLE:
        return theme.warning
    return theme.text if state is StepState.RUNNING else theme.muted


class _StepDelegate(QStyledItemDelegate):
    """Draws one step."""

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return room for two lines."""
        metrics = option.fontMetrics
        return QSize(120, 2 * metrics.height() + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw icon, title, state and, while it runs, a bar."""
        item: StepItem = index.data(StepListModel.ItemRole)
        rect: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        theme = self.theme
        painter.save()
        if selected:
            painter.fillRect(rect, QColor(theme.accent))
        text_colour = theme.on_accent if selected else theme.text
        state = theme.on_accent if selected else state_colour(item.state, theme)
        ratio = painter.device().devicePixelRatioF()
        picture = pixmap(f"state_{item.state.name.lower()}", state, _ICON, ratio)
        painter.drawPixmap(rect.left() + _MARGIN, rect.top() + (rect.height() - _ICON) // 2, picture)
        left = rect.left() + 2 * _MARGIN + _ICON
        width = rect.right() - left - _MARGIN
        line = option.fontMetrics.height()
        top = rect.top() + (rect.height() - 2 * line) // 2
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(text_colour))
        metrics = painter.fontMetrics()
        elide = Qt.TextElideMode.ElideRight
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        title = metrics.elidedText(item.spec.title, elide, width)
        painter.drawText(QRect(left, top, width, line), flags, title)
        painter.setFont(option.font)
        painter.setPen(QColor(state))
        words = _second_line(item)
        detail = painter.fontMetrics().elidedText(words, elide, width)
        painter.drawText(QRect(left, top + line, width, line), flags, detail)
        if item.state in {StepState.RUNNING, StepState.STOPPING}:
            self._draw_bar(
                painter, QRect(rect.left(), rect.bottom() - 3, rect.width(), 4), item.fraction, selected
            )
        painter.restore()

    def _draw_bar(self, painter: QPainter, rect: QRect, fraction: float, selected: bool) -> None:
        # What is left must stand out from the row and from what is done.
        left = QColor(self.theme.accent).darker(180) if selected else QColor(self.theme.border)
        painter.fillRect(rect, left)
        done = QRect(rect.left(), rect.top(), round(rect.width() * fraction), rect.height())
        painter.fillRect(done, QColor(self.theme.on_accent if selected else self.theme.accent))


def _second_line(item: StepItem) -> str:
    if item.state in {StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED}:
        return f"{item.state.value}: {item.detail}" if item.detail else item.state.value
    return item.detail or item.state.value


class StepListView(QListView):
    """List of steps; `chosen` gives the name of the step the user looks at."""

    chosen = Signal(str)
    run_asked = Signal()

    def __init__(self, model: StepListModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._delegate = _StepDelegate(self, theme)
        self.setItemDelegate(self._delegate)
        self.setModel(model)
        self._running = ""
        model.dataChanged.connect(self._follow)
        self.setObjectName("steps")
        self.setAccessibleName("Steps")
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().currentChanged.connect(self._on_current)
        self.doubleClicked.connect(lambda _index: self.run_asked.emit())

    def choose(self, name: str) -> None:
        """Select a step."""
        model = self.model()
        assert isinstance(model, StepListModel)
        self.setCurrentIndex(model.index(model.row_of(name)))

    @property
    def chosen_item(self) -> StepItem | None:
        """The chosen step, None if there is none."""
        index = self.currentIndex()
        return index.data(StepListModel.ItemRole) if index.isValid() else None

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the selected step does."""
        return step_topic(self.chosen_item) if self.chosen_item is not None else None

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._delegate.theme = theme
        self.viewport().update()

    def _follow(self, first: QModelIndex, _last: QModelIndex) -> None:
        """Bring the step that has just begun into view; where the user scrolls to meanwhile, it stays."""
        item: StepItem = first.data(StepListModel.ItemRole)
        if item.state is StepState.RUNNING:
            if item.spec.name != self._running:
                self.scrollTo(first)
            self._running = item.spec.name
        elif item.spec.name == self._running and item.state is not StepState.STOPPING:
            self._running = ""

    def _on_current(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.data(StepListModel.ItemRole).spec.name)
