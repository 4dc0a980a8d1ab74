"""The worker gives way to the window's thread while that has something to do.

While both run Python each has half of the interpreter: drawing a view would take twice as long as it must.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer

__all__ = ["Pulse"]

_BEAT_MS = 8
_LATE_S = 0.016
_LOOK_S = 0.002
_PATIENCE_S = 0.2


class Pulse(QObject):
    """Beats as long as the window's event loop goes round."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._beat_at = self._given_up_at = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begin to beat."""
        self._beat()
        self._timer.start()

    def stop(self) -> None:
        """Beat no more; nobody gives way any more."""
        self._timer.stop()
        self._beat_at = 0.0

    def give_way(self) -> None:
        """Wait while the event loop is late; on the worker, often.

        A loop that stands still for longer, as under a dialog of the desktop, is waited for once.
        """
        beat = self._beat_at
        if not beat or beat == self._given_up_at:
            return
        now = time.monotonic()
        if now - beat < _LATE_S:
            return
        limit = now + _PATIENCE_S
        while self._beat_at == beat:
            if time.monotonic() > limit:
                self._given_up_at = beat
                return
            time.sleep(_LOOK_S)

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
