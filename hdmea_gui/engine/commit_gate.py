"""What keeps a job that was left behind from changing anything when it comes back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

__all__ = ["CommitGate", "JobStopped"]


class JobStopped(Exception):
    """A job stopped because it was asked to."""


class CommitGate:
    """Between a worker and what it contains: once shut, the worker changes nothing of it any more.

    Attributes
    ----------
    is_shut
        Whether the worker was left behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.is_shut = False
        self._outcome_is_out = False

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Keep it from being shut during a change; JobStopped if it is shut."""
        with self._lock:
            if self.is_shut:
                raise JobStopped("The job was abandoned; it changed nothing.")
            yield

    def let_out(self) -> bool:
        """Note that the outcome of a job is on its way; False if nobody waits for it any more."""
        with self._lock:
            self._outcome_is_out = not self.is_shut
            return self._outcome_is_out

    def next_job(self) -> None:
        """Note that another job begins."""
        with self._lock:
            self._outcome_is_out = False

    def shut(self) -> bool:
        """Shut it; False if a change is being made just now, or the job has ended."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.is_shut = not self._outcome_is_out
            return self.is_shut
        finally:
            self._lock.release()
