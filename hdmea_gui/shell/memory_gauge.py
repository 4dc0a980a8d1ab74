"""Memory of session, process and computer in the status line."""

from __future__ import annotations

from collections.abc import Iterable

import psutil
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from hdmea_gui.widgets.elided_label import ElidedLabel

__all__ = ["MemoryLine"]

_LOW = 0.10
_ADVICE = (
    "To free memory, close other programs, select fewer units or a shorter window, or save, close and open "
    "the saved file, from which only the required data are read."
)


class MemoryLine(ElidedLabel):
    """One line of text, brought up to date every two seconds while it is visible."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("memory")
        self.setContentsMargins(0, 0, 8, 0)
        self._session_gb = 0.0
        self._forecast = ""
        self._needed = 0
        self._largest = ""
        self._process = psutil.Process()
        self._timer = QTimer(self)
        self._timer.setInterval(2000)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()

    def show_session(self, session_gb: float, contributors: Iterable[tuple[str, int]] = ()) -> None:
        """Show the memory that the session takes, in GB, and what takes the most of it, in bytes."""
        self._session_gb = session_gb
        named = ", ".join(f"{name} {_text(size)}" for name, size in contributors)
        self._largest = f"\nLargest in the session: {named}." if named else ""
        self.refresh()

    def show_forecast(self, title: str, step: int | None, flow: int | None) -> None:
        """Show what the step of that title and all steps together would add, in bytes; None: not known."""
        known = ((title, step), ("all steps", flow))
        self._forecast = "".join(
            f"  ·  {name} +{_text(size)}" for name, size in known if name and size is not None and size > 0
        )
        self._needed = max(step or 0, flow or 0)
        self.refresh()

    def refresh(self) -> None:
        """Measure and show."""
        memory = psutil.virtual_memory()
        too_much = self._needed > memory.available
        low = memory.available < _LOW * memory.total or too_much
        process = self._process.memory_info().rss
        word = "too little: " if too_much else "low: " if low else ""
        free = f"{word}{_text(memory.available)} free"
        session = _text(self._session_gb * 1e9)
        self.setText(f"Memory: session {session}  ·  program {_text(process)}  ·  {free}{self._forecast}")
        self.setToolTip(
            f"{self.text()}\nData of the session in memory, the whole program, and what the computer has "
            f"free of {_text(memory.total)}; then what the selected step and all steps of the flow would "
            f"add.{self._largest}" + (f"\n{_ADVICE}" if low else "")
        )
        role = "warning" if low else "muted"
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().polish(self)


def _text(size: float) -> str:
    if size >= 0.95e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 0.95e6 or size < 1e3 else f"{size / 1e3:.0f} kB"
