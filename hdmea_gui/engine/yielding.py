"""The worker gives way to the window's thread while that has something to do.

While both run Python each has half of the interpreter: drawing a view would take twice as long as it must.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer

__all__ = ["EventLoopWatch"]

_TICK_MS = 8
_LATE_S = 0.016
_LOOK_S = 0.002
_PATIENCE_S = 0.2


class EventLoopWatch(QObject):
    """Notes, while the window's event loop goes round, when it did last."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ticked_at = self._given_up_at = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin to watch."""
        self._tick()
        self._timer.start()

    def stop(self) -> None:
        """Stop watching; nobody gives way any more."""
        self._timer.stop()
        self._ticked_at = 0.0

    def give_way(self) -> None:
        """Wait while the event loop is late; on the worker, often.

        A loop that is blocked for longer, as under a dialog of the desktop, is waited for once.
        """
        ticked = self._ticked_at
        if not ticked or ticked == self._given_up_at:
            return
        now = time.monotonic()
        if now - ticked < _LATE_S:
            return
        limit = now + _PATIENCE_S
        while self._ticked_at == ticked:
            if time.monotonic() > limit:
                self._given_up_at = ticked
                return
            time.sleep(_LOOK_S)

    def _tick(self) -> None:
        self._ticked_at = time.monotonic()
