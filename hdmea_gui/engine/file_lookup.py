"""Questions to the file system, asked beside the GUI thread: a network drive may take its time.

The thread of a question knows nothing of Qt: if the drive never answers, nothing waits for it, not even the
end of the program.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication

__all__ = [
    "PATIENCE_S",
    "Lookup",
    "answer_of",
    "ask_beside",
    "file_start",
    "first_folder",
    "folder_start",
    "is_folder",
    "is_there",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_POLL_MS = 30
_AT_ONCE_S = 0.02
"""A drive that is well answers within this time; the window need not turn to anything else meanwhile."""


def ask_beside(question: Callable[[], T]) -> Future[T]:
    """Call a function on a thread of its own; it must not touch any widget."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(question())
        except OSError as error:
            answer.set_exception(error)
        except Exception as error:
            logger.exception("A file system query failed")
            answer.set_exception(error)

    threading.Thread(target=work, name="lookup", daemon=True).start()
    return answer


def answer_of(answer: Future[T], patience_s: float) -> T:
    """Return what a question gives, for those who cannot continue without it.

    The window continues drawing until it exists; what is typed or clicked meanwhile comes afterwards.

    Parameters
    ----------
    answer
        As `ask_beside` returned it.
    patience_s
        How long to wait.

    Raises
    ------
    TimeoutError
        If the drive does not respond in time.
    Exception
        Whatever the question ended with.
    """
    wait([answer], min(_AT_ONCE_S, patience_s))
    if not answer.done():
        _draw_until(answer.done, patience_s)
    if not answer.done():
        raise TimeoutError("the drive does not respond; check its connection, or choose another folder")
    return answer.result()


def _draw_until(is_there: Callable[[], bool], patience_s: float) -> None:
    loop, limit, look = QEventLoop(), QTimer(), QTimer()
    look.timeout.connect(lambda: loop.quit() if is_there() else None)
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)
    look.start(_POLL_MS)
    limit.start(int(1000 * patience_s))
    QGuiApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
    try:
        loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    finally:
        QGuiApplication.restoreOverrideCursor()
        look.stop()
        limit.stop()


class Lookup(QObject):
    """Asks one question at a time; a newer one replaces an older one.

    Signals
    -------
    answered(object)
        What the last question gave, or the exception that it ended with.
    """

    answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._answer: Future[Any] = Future()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is due."""
        return self._timer.isActive()

    def ask(self, question: Callable[[], object]) -> None:
        """Have a function called on a thread of its own; it must not touch any widget."""
        self._answer = ask_beside(question)
        self._timer.start()

    def cancel(self) -> None:
        """Want no answer any more."""
        self._timer.stop()

    def _look(self) -> None:
        if self._answer.done():
            self._timer.stop()
            self.answered.emit(self._answer.exception() or self._answer.result())


PATIENCE_S = 1.0
"""How long a dialog waits for the drive of the folder that it is to begin in."""

_silent: dict[Path, Future[bool]] = {}
"""Questions that were not answered in time: as long as they are not, they are not asked again."""


def is_folder(folder: Path) -> bool:
    """Return whether a folder exists; False if its drive does not respond within `PATIENCE_S`."""
    return _answer(os.path.isdir, folder)


def is_there(path: Path) -> bool:
    """Return whether a file or folder exists; False if its drive does not respond within `PATIENCE_S`."""
    return _answer(os.path.exists, path)


def first_folder(folders: Iterable[Path | None]) -> Path:
    """Return the first of these folders that exists, otherwise the home folder."""
    return next((folder for folder in folders if folder is not None and is_folder(folder)), Path.home())


def folder_start(folder: str) -> str:
    """Return a folder where a dialog can begin: this one, else the home folder; empty if nothing is given."""
    return str(first_folder([Path(folder)])) if folder else ""


def file_start(proposed: Path) -> Path:
    """Return a file that a dialog can propose: of this name, in the home folder if its own does not exist."""
    return proposed if is_folder(proposed.parent) else Path.home() / proposed.name


def _answer(question: Callable[[Path], bool], path: Path) -> bool:
    before = _silent.get(path)
    if before is not None and not before.done():
        return False
    answer = ask_beside(lambda: question(path))
    try:
        found = answer_of(answer, PATIENCE_S)
    except TimeoutError:
        logger.info("%s does not respond and is treated as missing.", path)
        _silent[path] = answer
        return False
    _silent.pop(path, None)
    return found
