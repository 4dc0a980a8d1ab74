"""Telling the person how far a file is, and noticing that it shall stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Progress", "Ticker"]

Progress: TypeAlias = Callable[[float, str], None]
"""Called with a fraction (0 to 1) and a text; may raise to stop."""

_INTERVAL_S = 0.01


class Ticker:
    """Counts bytes and calls `progress` about a hundred times per second.

    Parameters
    ----------
    progress
        Whom to tell; None for nobody.
    total
        Expected number of bytes.
    text
        What is being done.

    Attributes
    ----------
    stopped_by : BaseException or None
        What `progress` raised.
    """

    def __init__(self, progress: Progress | None, total: int, text: str) -> None:
        self._progress = progress
        self._total = max(1, total)
        self._text = text
        self._done = 0
        self._last = 0.0
        self.stopped_by: BaseException | None = None

    def __call__(self, nbytes: int) -> None:
        """Count `nbytes` more, and call `progress` if it is time to."""
        if self._progress is None:
            return
        self._done += nbytes
        now = time.monotonic()
        if now - self._last < _INTERVAL_S:
            return
        self._last = now
        self.say(min(0.99, self._done / self._total))

    def finish(self) -> None:
        """Say that everything is done; too late to stop."""
        if self._progress is not None:
            self._progress(1.0, self._text)

    def say(self, fraction: float) -> None:
        """Call `progress` now."""
        if self._progress is None:
            return
        try:
            self._progress(fraction, self._text)
        except BaseException as error:
            self.stopped_by = error
            raise
