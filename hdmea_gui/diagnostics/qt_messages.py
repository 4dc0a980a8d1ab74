"""What Qt says by itself, into the log file."""

from __future__ import annotations

import logging

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

__all__ = ["keep_qt_messages"]

logger = logging.getLogger("qt")

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def keep_qt_messages() -> None:
    """Have the messages of Qt logged as `qt`; after a fatal one Qt ends the program by itself."""
    qInstallMessageHandler(_on_message)


def _on_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    category = "" if context.category in {None, "", "default"} else f"{context.category}: "
    logger.log(_LEVELS[kind], "%s%s", category, text)
