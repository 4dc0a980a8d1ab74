"""Who asked what: an answer reaches whoever asked, unless it is not wanted any more."""

from __future__ import annotations

import inspect
import itertools
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid

from hdmea_gui.engine.jobs import Query

__all__ = ["OnAnswer", "OpenQuestions", "Question"]

OnAnswer = Callable[[Any], None]


@dataclass(frozen=True)
class Question:
    """A query with its generation number.

    Attributes
    ----------
    number
        Grows with each question.
    query
        What is asked.
    asker
        What gets the answer; a method is referred to weakly, so that a question keeps nobody alive.
    about
        Tells questions of one asker apart that do not replace each other.
    """

    number: int
    query: Query[Any]
    asker: OnAnswer | weakref.WeakMethod[OnAnswer]
    about: Hashable

    @property
    def slot(self) -> Hashable:
        """What a newer question must have in common with this one to replace it."""
        return (self.asker, self.about)

    def deliver(self, answer: object) -> None:
        """Hand the answer over, unless the asker was deleted."""
        on_answer = self.asker() if isinstance(self.asker, weakref.WeakMethod) else self.asker
        receiver = getattr(on_answer, "__self__", None)
        if on_answer is not None and (not isinstance(receiver, QObject) or isValid(receiver)):
            on_answer(answer)


class OpenQuestions:
    """The questions that are not answered yet; used on the GUI thread."""

    def __init__(self) -> None:
        self._open: dict[int, Question] = {}
        self._numbers = itertools.count(1)

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, query: Query[Any], on_answer: OnAnswer, about: Hashable) -> tuple[Question, list[Question]]:
        """Return a new question, and those that it replaces."""
        question = Question(next(self._numbers), query, _asker(on_answer), about)
        replaced = self.withdraw_slot(question.slot)
        self._open[question.number] = question
        return question, replaced

    def withdraw(self, on_answer: OnAnswer) -> list[Question]:
        """Forget, and return, all questions of an asker."""
        asker = _asker(on_answer)
        return self._withdraw(lambda question: question.asker == asker)

    def withdraw_slot(self, slot: Hashable) -> list[Question]:
        """Forget, and return, the question of an asker about one thing."""
        return self._withdraw(lambda question: question.slot == slot)

    def close(self, number: int) -> Question | None:
        """Return the question with this number, which is answered now; None if it was withdrawn."""
        return self._open.pop(number, None)

    def _withdraw(self, matches: Callable[[Question], bool]) -> list[Question]:
        return [self._open.pop(one.number) for one in tuple(self._open.values()) if matches(one)]


def _asker(on_answer: OnAnswer) -> OnAnswer | weakref.WeakMethod[OnAnswer]:
    return weakref.WeakMethod(on_answer) if inspect.ismethod(on_answer) else on_answer
