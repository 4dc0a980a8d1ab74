"""The status line: log button, what the worker does, memory."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QProgressBar, QStatusBar, QToolButton, QWidget

from hdmea_gui.engine.jobs import JobProgress
from hdmea_gui.models.steps import time_left_text
from hdmea_gui.shell.memory_gauge import MemoryLine
from hdmea_gui.widgets.elided_label import ElidedLabel
from hdmea_gui.widgets.label import Label

__all__ = ["StatusLine"]


class StatusLine(QStatusBar):
    """Shows the running job while there is one, otherwise what was said last."""

    def __init__(self, log_action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log_action = log_action
        button = QToolButton(self)
        button.setDefaultAction(log_action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setAutoRaise(True)
        self._bar = QProgressBar(self)
        self._bar.setMaximumSize(160, 14)
        self._bar.setTextVisible(False)
        self._bar.hide()
        self._text = ElidedLabel(self, Qt.AlignmentFlag.AlignLeft)
        self._said = ""
        self._stopping = False
        self._batch = Label(self)
        self._batch.setProperty("role", "muted")
        self._batch.setContentsMargins(0, 0, 12, 0)
        self.memory = MemoryLine(self)
        self.setSizeGripEnabled(False)
        self.addWidget(button)
        self.addWidget(self._bar)
        self.addWidget(self._text, 1)
        self.addPermanentWidget(self._batch)
        self.addPermanentWidget(self.memory)

    def say(self, text: str) -> None:
        """Say something that stays until the next thing is said or a job runs."""
        self._said = text
        self._text.setText(text)

    def show_progress(self, title: str, progress: JobProgress, seconds_left: float | None = None) -> None:
        """Show how far the running job is, and how long all of it will still take if that is known."""
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * progress.fraction))
        left = "" if seconds_left is None else f"  ·  {time_left_text(seconds_left)}"
        doing = " …" if progress.text in {"", title} else f": {progress.text}"
        if not self._stopping:
            self._text.setText(f"{title}{doing}{left}")

    def show_job(self, title: str, *, stopping: bool = False) -> None:
        """Show that a job runs, or is asked to stop; empty: none does."""
        self._stopping = stopping
        if stopping:
            self._text.setText(f"{title}: stopping…")
        elif not title:
            self._bar.hide()
            self._text.setText(self._said)
        elif self._bar.isHidden():
            self._said = ""
            self._bar.setRange(0, 0)
            self._bar.show()
            self._text.setText(f"{title} …")

    def show_batch(self, text: str) -> None:
        """Say how far the batch is; empty: none runs."""
        self._batch.setText(text)

    def show_warnings(self, number: int) -> None:
        """Show the number of warnings in the log."""
        self._log_action.setIconText(f"Log · warnings ({number})" if number else "Log and warnings")
