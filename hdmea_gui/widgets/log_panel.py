"""Log and warnings: what the engine said, with levels, filter and copy."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.theme import Theme

__all__ = ["LogPanel", "LogRelay"]

MAX_LINES = 2000
_LOGGERS = ("hdmea", "hdmea_gui")


@dataclass(frozen=True)
class LogLine:
    """One message."""

    time: str
    level: int
    text: str


class LogRelay(QObject):
    """Brings log records of any thread to the GUI thread as `line`."""

    line = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._handler = _Handler(self)
        self._levels: dict[str, int] = {}
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)

    def close(self) -> None:
        """Listen no more."""
        for name, level in self._levels.items():
            logging.getLogger(name).removeHandler(self._handler)
            logging.getLogger(name).setLevel(level)


class _Handler(logging.Handler):
    def __init__(self, relay: LogRelay) -> None:
        super().__init__(logging.INFO)
        self._relay = relay

    def emit(self, record: logging.LogRecord) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        self._relay.line.emit(LogLine(clock, record.levelno, record.getMessage()))


class LogPanel(QWidget):
    """List of messages; `warnings_changed` gives the number of warnings and errors."""

    warnings_changed = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: list[LogLine] = []
        self._n_warnings = 0
        self.list = QListWidget(self)
        self.list.setObjectName("log_lines")
        self.list.setAccessibleName("Log")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setWordWrap(True)
        self._filter = QComboBox(self)
        self._filter.addItem("Everything", logging.INFO)
        self._filter.addItem("Warnings and errors", logging.WARNING)
        self._filter.currentIndexChanged.connect(self._fill)
        copy = QPushButton("Copy", self)
        copy.setToolTip("Copy the lines shown")
        copy.clicked.connect(self.copy)
        clear = QPushButton("Clear", self)
        clear.clicked.connect(self.clear)
        heading = QLabel("Log and warnings", self)
        heading.setProperty("role", "heading")
        bar = QHBoxLayout()
        for widget in (heading, self._filter):
            bar.addWidget(widget)
        bar.addStretch(1)
        bar.addWidget(copy)
        bar.addWidget(clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(self.list)

    @property
    def n_warnings(self) -> int:
        """Number of warnings and errors."""
        return self._n_warnings

    def texts(self) -> list[str]:
        """Return the messages shown."""
        return [self.list.item(row).text() for row in range(self.list.count())]

    def add(self, level: int, text: str) -> None:
        """Add a message of now."""
        self.add_line(LogLine(time.strftime("%H:%M:%S"), level, text))

    def add_line(self, line: LogLine) -> None:
        """Add a message; the oldest goes when there are too many."""
        self._lines.append(line)
        if len(self._lines) > MAX_LINES:
            del self._lines[: MAX_LINES // 10]
            self._fill()
        elif line.level >= self._filter.currentData():
            self._append(line)
        if line.level >= logging.WARNING:
            self._n_warnings += 1
            self.warnings_changed.emit(self._n_warnings)

    def clear(self) -> None:
        """Forget all messages."""
        self._lines.clear()
        self.list.clear()
        self._n_warnings = 0
        self.warnings_changed.emit(0)

    def copy(self) -> None:
        """Put the messages shown on the clipboard."""
        QGuiApplication.clipboard().setText("\n".join(self.texts()))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self._fill()

    def _fill(self) -> None:
        self.list.clear()
        for line in self._lines:
            if line.level >= self._filter.currentData():
                self._append(line)

    def _append(self, line: LogLine) -> None:
        item = QListWidgetItem(f"{line.time}  {line.text}")
        item.setTextAlignment(Qt.AlignmentFlag.AlignTop)
        if line.level >= logging.ERROR:
            item.setForeground(QColor(self._theme.bad))
        elif line.level >= logging.WARNING:
            item.setForeground(QColor(self._theme.warning))
        self.list.addItem(item)
        self.list.scrollToBottom()
