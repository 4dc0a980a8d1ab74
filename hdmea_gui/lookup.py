"""Small questions to the file system, asked beside the GUI thread: a network drive may take its time."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

__all__ = ["Lookup"]

logger = logging.getLogger(__name__)

_POLL_MS = 30


class Lookup(QObject):
    """Asks one question at a time; a newer one replaces an older one.

    The thread of a question knows nothing of Qt: if the drive never answers, nothing waits for it, not even
    the end of the program.

    Signals
    -------
    answered(object)
        What the last question gave, or the exception that it ended with.
    """

    answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._answer: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is due."""
        return self._timer.isActive()

    def ask(self, question: Callable[[], object]) -> None:
        """Have a function called on a thread of its own; it must not touch any widget."""
        answer: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._answer = answer

        def work() -> None:
            try:
                answer.put(question())
            except OSError as error:
                answer.put(error)
            except Exception as error:
                logger.exception("A question to the file system failed")
                answer.put(error)

        threading.Thread(target=work, name="lookup", daemon=True).start()
        self._timer.start()

    def cancel(self) -> None:
        """Want no answer any more."""
        self._timer.stop()

    def _look(self) -> None:
        try:
            found = self._answer.get_nowait()
        except queue.Empty:
            return
        self._timer.stop()
        self.answered.emit(found)
