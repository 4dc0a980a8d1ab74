"""Errors that nobody expected: into the log, and to whoever shows them; never a silent end."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

__all__ = ["forget", "install", "subscribe"]

logger = logging.getLogger(__name__)

_Listener = Callable[[str, str], None]
_listeners: list[_Listener] = []


def install() -> None:
    """Have errors of the GUI thread (slots, too), of other threads and of finalizers reported here."""
    sys.excepthook = _on_error
    threading.excepthook = _on_thread_error
    sys.unraisablehook = _on_unraisable


def subscribe(listener: _Listener) -> None:
    """Have a function called with a sentence and the traceback, on the thread of the error."""
    _listeners.append(listener)


def forget(listener: _Listener) -> None:
    """Call a function no more."""
    _listeners.remove(listener)


def _on_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sentence = f"{kind.__name__}: {error}"
    logger.critical("Unexpected error: %s", error, exc_info=(kind, error, trace))
    details = "".join(traceback.format_exception(kind, error, trace))
    for listener in tuple(_listeners):
        listener(sentence, details)


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _on_error(args.exc_type, args.exc_value, args.exc_traceback)


def _on_unraisable(args: sys.UnraisableHookArgs) -> None:
    error = args.exc_value
    exc_info = None if error is None else (args.exc_type, error, args.exc_traceback)
    logger.error("Unexpected error during cleanup: %s", error, exc_info=exc_info)
