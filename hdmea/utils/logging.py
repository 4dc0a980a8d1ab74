"""Logging for scripts: a logger by name, and messages of all loggers on the terminal."""

from __future__ import annotations

import logging

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["get_logger", "setup_logging"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FORMATS = {
    "default": "%(asctime)s | %(name)s | %(levelname)s | %(message)s",
    "minimal": "%(levelname)s | %(message)s",
}


def get_logger(name: str) -> logging.Logger:
    """Return the logger of this name, as `logging.getLogger` does."""
    return logging.getLogger(name)


def setup_logging(level: str = "INFO", format_style: str = "default") -> None:
    """Show log messages on the standard error stream; nothing changes if logging was set up before.

    Parameters
    ----------
    level
        ``"DEBUG"``, ``"INFO"``, ``"WARNING"``, ``"ERROR"`` or ``"CRITICAL"``.
    format_style
        ``"minimal"`` for level and message only; anything else adds time and logger.

    Raises
    ------
    ValidationError
        If there is no such level.
    """
    if level.upper() not in _LEVELS:
        raise ValidationError(
            f"There is no level {level!r}.",
            parameter="level",
            fix=Advice(f"Choose one of {', '.join(_LEVELS)}."),
        )
    chosen = _FORMATS.get(format_style, _FORMATS["default"])
    logging.basicConfig(level=level.upper(), format=chosen, datefmt="%Y-%m-%d %H:%M:%S")
