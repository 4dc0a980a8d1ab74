"""The set of completed steps, which remembers the order in which they ran."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["CompletedSteps"]


class CompletedSteps(set[str]):
    """A set of step names that iterates in the order of completion.

    Compares and prints like any other set. Completing a step again moves it to the end, because what
    ran last depends on everything before it.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__()
        self._order: dict[str, None] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Note that a step was completed now."""
        super().add(name)
        self._order.pop(name, None)
        self._order[name] = None

    def discard(self, name: object) -> None:
        """Forget a step, if it exists."""
        super().discard(name)
        if isinstance(name, str):
            self._order.pop(name, None)

    def remove(self, name: str) -> None:
        """Forget a step; KeyError if it does not exist."""
        super().remove(name)
        del self._order[name]

    def clear(self) -> None:
        """Forget all steps."""
        super().clear()
        self._order.clear()

    def update(self, *others: Iterable[str]) -> None:
        """Note several steps, in the order given."""
        for names in others:
            for name in names:
                self.add(name)

    def copy(self) -> CompletedSteps:
        """Return an independent copy in the same order."""
        return CompletedSteps(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"

    def __reduce__(self) -> tuple[type[CompletedSteps], tuple[list[str]]]:
        return CompletedSteps, (list(self),)
