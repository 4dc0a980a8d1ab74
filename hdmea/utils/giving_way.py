"""Long work in plain Python gives way to a thread that must not wait.

Threads share the interpreter: while two of them compute in Python each has half of it. A program with a
window says once on its working thread what to do about that; scripts say nothing, and nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["give_way", "giving_way", "on_this_thread"]

T = TypeVar("T")

_action: ContextVar[Callable[[], None] | None] = ContextVar("give_way", default=None)


def on_this_thread(action: Callable[[], None] | None) -> None:
    """Have `action` called again and again during long work on this thread; it may wait for a moment."""
    _action.set(action)


def give_way() -> None:
    """Let a thread that must not wait go first."""
    action = _action.get()
    if action is not None:
        action()


def giving_way(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, giving way before each."""
    for item in items:
        give_way()
        yield item
