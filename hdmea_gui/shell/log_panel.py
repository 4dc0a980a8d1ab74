"""Log and warnings: what the engine said, with levels, filter and copy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QColor, QGuiApplication, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hdmea.utils.notices import log_text
from hdmea_gui.diagnostics.logfile import LOGGERS, SHOWN, RecentLines
from hdmea_gui.engine.words import WINDOW
from hdmea_gui.shell.theme import Theme
from hdmea_gui.text.help_topics import HelpTopic
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label

__all__ = ["LogPanel", "LogRelay"]

MAX_LINES = 2000
_LOGGERS = ("hdmea", "hdmea_gui")
_LEVELS = (
    ("Everything", logging.INFO),
    ("Warnings and errors", logging.WARNING),
    ("Errors", logging.ERROR),
)
_WORDS = {logging.WARNING: "warning", logging.ERROR: "error", logging.CRITICAL: "error"}

# What the window says by itself goes into the file, too; the relay does not bring it back.
_said = logging.getLogger(SHOWN)


@dataclass(frozen=True)
class LogLine:
    """One message."""

    time: str
    level: int
    text: str


class LogRelay(QObject):
    """Brings log records of any thread to the GUI thread as `line`; remembers the last ones for reports."""

    line = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._handler = _Handler(self)
        self._recent = RecentLines()
        self._levels: dict[str, int] = {}
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            self._levels[name] = logger.level
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self._recent)
        _said.setLevel(logging.INFO)

    def recent(self) -> tuple[str, ...]:
        """Return the last lines of the log as they are in the file, the oldest first."""
        return self._recent.lines()

    def close(self) -> None:
        """Listen no more."""
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self._recent)
        for name, level in self._levels.items():
            logging.getLogger(name).removeHandler(self._handler)
            logging.getLogger(name).setLevel(level)


class _Handler(logging.Handler):
    def __init__(self, relay: LogRelay) -> None:
        super().__init__(logging.INFO)
        self._relay = relay

    def emit(self, record: logging.LogRecord) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        # The file keeps what scripts are told.
        self._relay.line.emit(LogLine(clock, record.levelno, log_text(record, WINDOW)))


class LogPanel(QWidget):
    """List of messages: by level, by words, to copy.

    Parameters
    ----------
    theme
        Colours.
    report
        Copies an error report.
    parent
        Qt parent.

    Signals
    -------
    warnings_changed(int)
        Number of warnings and errors.
    """

    warnings_changed = Signal(int)

    def __init__(
        self,
        theme: Theme,
        report: QAction | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: list[LogLine] = []
        self._n_warnings = 0
        self.list = QListWidget(self)
        self.list.setObjectName("log_lines")
        self.list.setAccessibleName("Log")
        self.list.setToolTip(
            "Messages of the program with their times; press Ctrl+C to copy the selected lines"
        )
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setWordWrap(True)
        self._at_end = True
        self.list.verticalScrollBar().valueChanged.connect(self._on_moved)
        self.list.verticalScrollBar().rangeChanged.connect(self._on_grown)
        self.level = ComboBox(self)
        for title, level in _LEVELS:
            self.level.addItem(title, level)
        self.level.setAccessibleName("Level")
        self.level.setToolTip("Levels that are shown")
        self.level.currentIndexChanged.connect(self._fill)
        self.words = QLineEdit(self)
        self.words.setPlaceholderText("Filter")
        self.words.setClearButtonEnabled(True)
        self.words.setMaximumWidth(180)
        self.words.setAccessibleName("Filter the log")
        self.words.setToolTip("Show only lines with these words")
        self.words.textChanged.connect(self._fill)
        self._lay_out(report)

    def _lay_out(self, report: QAction | None) -> None:
        heading = Label("Log and warnings", self)
        heading.setProperty("role", "heading")
        bar = QHBoxLayout()
        for widget in (heading, self.level, self.words):
            bar.addWidget(widget)
        bar.addStretch(1)
        bar.addWidget(self._button("Copy", "Copy the selected lines, or all lines shown", self.copy))
        if report is not None:
            bar.addWidget(self._button("Copy error report", report.toolTip(), report.trigger))
        bar.addWidget(self._button("Clear", "Clear the list; the log file keeps the lines", self.clear))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(self.list)
        copy = QAction(self.list)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(lambda _checked=False: self.copy())
        self.list.addAction(copy)

    def _button(self, text: str, tooltip: str, does: Callable[[], object]) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tooltip)
        button.clicked.connect(lambda _checked=False: does())
        return button

    def help_topic(self, focus: QWidget) -> HelpTopic | None:
        """Return what the log is; its fields and buttons say it themselves."""
        if focus is not self.list:
            return None
        about = (
            "Messages of the program and its steps, newest last. Warnings are yellow, errors red; their "
            "number is shown at the lower left of the window."
        )
        facts = (
            ("Level", "shows everything, only warnings and errors, or only errors"),
            ("Copy error report", "copies versions, steps and the last lines, to report a problem"),
        )
        return HelpTopic("Log and warnings", (about,), facts)

    @property
    def n_warnings(self) -> int:
        """Number of warnings and errors."""
        return self._n_warnings

    def texts(self) -> list[str]:
        """Return the messages shown."""
        return [self.list.item(row).text() for row in range(self.list.count())]

    def add(self, level: int, text: str) -> None:
        """Add a message of now; it goes into the log file, too."""
        _said.log(level, "%s", text)
        self.add_line(LogLine(time.strftime("%H:%M:%S"), level, text))

    def add_line(self, line: LogLine) -> None:
        """Add a message; the oldest goes when there are too many."""
        self._lines.append(line)
        if len(self._lines) > MAX_LINES:
            del self._lines[: MAX_LINES // 10]
            self._fill()
        elif self._is_wanted(line):
            self._append(line)
        if line.level >= logging.WARNING:
            self._n_warnings += 1
            self.warnings_changed.emit(self._n_warnings)

    def showEvent(self, event: QShowEvent) -> None:
        """Begin at the newest line."""
        super().showEvent(event)
        self._at_end = True
        self.list.scrollToBottom()

    def clear(self) -> None:
        """Forget all messages."""
        self._lines.clear()
        self.list.clear()
        self._n_warnings = 0
        self.warnings_changed.emit(0)

    def copy(self) -> None:
        """Put the selected messages on the clipboard, all that are shown if none is chosen."""
        chosen = sorted(self.list.row(item) for item in self.list.selectedItems())
        shown = self.texts()
        QGuiApplication.clipboard().setText("\n".join([shown[row] for row in chosen] or shown))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self._fill()

    def _fill(self) -> None:
        self.list.clear()
        for line in self._lines:
            if self._is_wanted(line):
                self._append(line)

    def _is_wanted(self, line: LogLine) -> bool:
        text = line.text.casefold()
        words = self.words.text().casefold().split()
        return line.level >= self.level.currentData() and all(word in text for word in words)

    def _append(self, line: LogLine) -> None:
        word = _WORDS.get(line.level)
        item = QListWidgetItem(f"{line.time}  {word}: {line.text}" if word else f"{line.time}  {line.text}")
        item.setTextAlignment(Qt.AlignmentFlag.AlignTop)
        if line.level >= logging.ERROR:
            item.setForeground(QColor(self._theme.bad))
        elif line.level >= logging.WARNING:
            item.setForeground(QColor(self._theme.warning))
        self.list.addItem(item)

    def _on_moved(self, value: int) -> None:
        self._at_end = value == self.list.verticalScrollBar().maximum()

    def _on_grown(self, _least: int, most: int) -> None:
        """Follow the newest line, unless the user reads further up."""
        if self._at_end:
            self.list.verticalScrollBar().setValue(most)
