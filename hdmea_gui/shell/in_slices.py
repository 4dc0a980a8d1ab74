"""Work of the window's thread that is done in parts, so that the event loop goes round between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer

__all__ = ["Turns"]


class Turns(QObject):
    """Calls one thing after the other, one for each turn of the event loop.

    Several timers that are due are served in one turn; hence there is only one.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._left: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next)

    def begin(self, calls: Iterable[Callable[[], object]]) -> None:
        """Call these, in place of what is left of those before."""
        self._left = deque(calls)
        self._timer.start(0)

    def finish(self) -> None:
        """Call at once what is left."""
        while self._left:
            self._left.popleft()()
        self._timer.stop()

    def _next(self) -> None:
        if self._left:
            self._left.popleft()()
        if not self._left:
            self._timer.stop()
