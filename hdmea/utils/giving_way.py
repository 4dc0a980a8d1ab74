"""Long work gives way to a thread that must not wait, and waits for nothing that nobody wants any more.

Threads share the interpreter: while two of them compute in Python each has half of it. A program with a
window says once on its working thread what to do about that, and what looks at a file before HDF5 opens it
here; scripts say nothing, and nothing happens.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hdmea.utils.exceptions import StepCancelled

__all__ = [
    "at_end",
    "give_way",
    "give_way_or_stop",
    "giving_way",
    "is_considerate",
    "look_first",
    "looked_at",
    "on_this_thread",
    "wait_for",
    "without_collections",
]

T = TypeVar("T")

_LOOK_S = 0.1


@dataclass(frozen=True)
class _Manners:
    pause: Callable[[], None]
    is_unwanted: Callable[[], bool]
    ends: dict[Callable[[], None], None] = field(default_factory=dict)


_manners: ContextVar[_Manners | None] = ContextVar("manners", default=None)


@contextmanager
def on_this_thread(
    pause: Callable[[], None], is_unwanted: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Say how work on this thread behaves, in the block.

    Parameters
    ----------
    pause
        Called again and again during long work; may wait for a moment.
    is_unwanted
        Asked while the work waits for something that may never come, such as a drive: whether to give up.
    """
    manners = _Manners(pause, is_unwanted)
    token = _manners.set(manners)
    try:
        yield
    finally:
        _manners.reset(token)
        for action in manners.ends:
            action()


def is_considerate() -> bool:
    """Return whether work on this thread is to give way to others."""
    return _manners.get() is not None


def at_end(action: Callable[[], None]) -> bool:
    """Have `action` called once, when what this thread does is done; False if nobody says when that is."""
    manners = _manners.get()
    if manners is None:
        return False
    manners.ends[action] = None
    return True


def give_way() -> None:
    """Let a thread that must not wait go first."""
    manners = _manners.get()
    if manners is not None:
        manners.pause()


def give_way_or_stop(what: str) -> None:
    """Let a thread that must not wait go first.

    Raises
    ------
    StepCancelled
        If what this thread does is wanted no more; names `what` was being done.
    """
    manners = _manners.get()
    if manners is not None:
        if manners.is_unwanted():
            raise StepCancelled(f"Stopped while {what}.")
        manners.pause()


def giving_way(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, giving way before each."""
    for item in items:
        give_way()
        yield item


@contextmanager
def without_collections() -> Iterator[None]:
    """Make hundreds of thousands of values, none of which is garbage, without looking for some meanwhile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def wait_for(event: threading.Event, what: str, most_s: float = math.inf) -> bool:
    """Wait for an event for as long as what this thread does is wanted; return whether it came.

    Parameters
    ----------
    event
        What is waited for.
    what
        What it means, for the error.
    most_s
        How long to wait.

    Raises
    ------
    StepCancelled
        If it is wanted no more; names `what` was waited for.
    """
    manners = _manners.get()
    until = time.monotonic() + most_s
    while not event.wait(min(_LOOK_S, most_s)):
        if manners is not None and manners.is_unwanted():
            raise StepCancelled(f"Stopped while waiting for {what}.")
        if time.monotonic() >= until:
            return False
    return True


Look = Callable[[Path, bool], None]

_looks: list[Look] = []


def look_first(look: Look | None) -> None:
    """Have `look` called with each file before it is opened; it raises to refuse the file.

    A program with a window has each file opened elsewhere first; scripts and the command line do not.

    Parameters
    ----------
    look
        Gets the path, and whether this program has just written the file; None for nothing to be called.
    """
    _looks[:] = [] if look is None else [look]


def looked_at(path: Path, *, own: bool) -> None:
    """Call what `look_first` was given, if anything.

    Parameters
    ----------
    path
        The HDF5 file that is to be opened.
    own
        Whether this program has just written it.
    """
    for look in _looks:
        look(path, own)
