"""Memory of session, process and computer in the status line."""

from __future__ import annotations

import psutil
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QWidget

__all__ = ["MemoryLine"]

_LOW = 0.10


class MemoryLine(QLabel):
    """One line of text, brought up to date every two seconds while it is visible."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("memory")
        self.setContentsMargins(0, 0, 8, 0)
        self._session_gb = 0.0
        self._process = psutil.Process()
        self._timer = QTimer(self)
        self._timer.setInterval(2000)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()

    def show_session(self, session_gb: float) -> None:
        """Show the memory that the session takes, in GB."""
        self._session_gb = session_gb
        self.refresh()

    def refresh(self) -> None:
        """Measure and show."""
        memory = psutil.virtual_memory()
        low = memory.available < _LOW * memory.total
        process = self._process.memory_info().rss
        free = f"{'low: ' if low else ''}{_text(memory.available)} free"
        self.setText(
            f"Memory: session {_text(self._session_gb * 1e9)}  ·  program {_text(process)}  ·  {free}"
        )
        self.setToolTip(
            f"Data of the session in memory, the whole program, and what the computer has free of "
            f"{_text(memory.total)}"
        )
        role = "warning" if low else "muted"
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().polish(self)


def _text(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 0.95e9 else f"{size / 1e6:.0f} MB"
