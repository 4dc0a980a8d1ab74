"""What the user types to find units: a part of an id, or conditions such as ``DSI > 0.3 and rate > 1``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.validation import parse_number
from hdmea_gui.engine.snapshot import Column

__all__ = ["FilterError", "matching_units"]

Mask = NDArray[np.bool_]

_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>\"[^\"]*\")|(?P<sign><=|>=|!=|==|[<>=≤≥≠()])|(?P<word>[^\s\"<>=!≤≥≠()]+))"
)
_CONDITION = re.compile(r"[<>=≤≥≠]")
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "≤": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "≥": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "≠": operator.ne,
}
_EQUALITY = (operator.eq, operator.ne)
_WORDS = ("and", "or", "not")


class FilterError(ValueError):
    """A filter that does not make sense; the text says what to write instead."""


def matching_units(text: str, unit_ids: Sequence[str], columns: Sequence[Column]) -> Mask:
    """Return which units a filter lets through.

    Parameters
    ----------
    text
        Conditions (a name, one of ``< <= > >= = !=``, a number or text), joined by ``and``, ``or``, ``not``
        and parentheses; without such a sign, a part of the unit's id or of one of its texts. Names are keys
        or titles of the columns, with the title of their feature or without it, in quotes where they have
        spaces. A missing value does not match any condition.
    unit_ids, columns
        The units and what is known of them.

    Returns
    -------
    numpy.ndarray
        bool (n_units,).

    Raises
    ------
    FilterError
        If a condition cannot be understood, or names a column that does not exist.
    """
    if not text.strip():
        return np.ones(len(unit_ids), bool)
    if not _CONDITION.search(text):
        return _containing(text.strip().casefold(), unit_ids, columns)
    return _Parser(_tokens(text), unit_ids, columns).parse()


def _containing(part: str, unit_ids: Sequence[str], columns: Sequence[Column]) -> Mask:
    texts = [list(unit_ids), *(column.values.tolist() for column in columns if column.is_text)]
    found = np.zeros(len(unit_ids), bool)
    for values in texts:
        found |= np.fromiter((part in value.casefold() for value in values), bool, len(unit_ids))
    return found


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            raise FilterError(f"“{text[place:].strip()}” is not understood")
        tokens.append(found.group().strip())
        place = found.end()
    return tokens


@dataclass(frozen=True)
class _Verdict:
    """Units that fulfil a condition, and units that do not; one with a missing value does neither."""

    yes: Mask
    no: Mask

    def __and__(self, other: _Verdict) -> _Verdict:
        return _Verdict(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: _Verdict) -> _Verdict:
        return _Verdict(self.yes | other.yes, self.no & other.no)

    def __invert__(self) -> _Verdict:
        return _Verdict(self.no, self.yes)


@dataclass
class _Parser:
    """Reads ``or`` of ``and`` of comparisons, from left to right."""

    tokens: list[str]
    unit_ids: Sequence[str]
    columns: Sequence[Column]
    place: int = field(default=0)

    def parse(self) -> Mask:
        verdict = self._any()
        if self.place < len(self.tokens):
            raise FilterError(f"“and” or “or” is missing before “{self.tokens[self.place]}”")
        return verdict.yes

    def _any(self) -> _Verdict:
        verdict = self._all()
        while self._take("or"):
            verdict = verdict | self._all()
        return verdict

    def _all(self) -> _Verdict:
        verdict = self._one()
        while self._take("and"):
            verdict = verdict & self._one()
        return verdict

    def _one(self) -> _Verdict:
        if self._take("not"):
            return ~self._one()
        if self._take("("):
            verdict = self._any()
            if not self._take(")"):
                raise FilterError("a closing parenthesis is missing")
            return verdict
        return self._comparison()

    def _comparison(self) -> _Verdict:
        name = self._operand("a condition such as rate > 1")
        sign = self.tokens[self.place] if self.place < len(self.tokens) else ""
        if sign not in _SIGNS:
            raise FilterError(f"write < <= > >= = or != after “{name}”")
        self.place += 1
        value = self._operand(f"a value after “{name} {sign}”")
        return _compare(self._values(name), name, _SIGNS[sign], value)

    def _operand(self, what: str) -> str:
        token = self.tokens[self.place] if self.place < len(self.tokens) else ""
        if not token or token in _SIGNS or token in "()" or token.casefold() in _WORDS:
            raise FilterError(f"write {what}" + (f" before “{token}”" if token else ""))
        self.place += 1
        return token.strip('"')

    def _take(self, word: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place].casefold() == word:
            self.place += 1
            return True
        return False

    def _values(self, name: str) -> NDArray[Any]:
        wanted = name.casefold()
        if wanted in ("unit", "id"):
            return np.array(list(self.unit_ids), object)
        # The first meaning wins: a key, a title, a name below the title of its feature, then the last part
        # of a key; standard columns first.
        for names in (_keys, _titles, _labels, _outputs):
            for column in self.columns:
                if wanted in names(column):
                    return column.values
        raise FilterError(f"there is no column “{name}”")


def _keys(column: Column) -> tuple[str, ...]:
    return (column.key.casefold(),)


def _titles(column: Column) -> tuple[str, ...]:
    return _with_and_without_unit(column.title)


def _labels(column: Column) -> tuple[str, ...]:
    return _with_and_without_unit(column.label)


def _outputs(column: Column) -> tuple[str, ...]:
    return (column.key.rpartition(".")[2].casefold(),)


def _with_and_without_unit(name: str) -> tuple[str, ...]:
    return name.casefold(), re.sub(r" \([^()]*\)$", "", name).casefold()


def _compare(values: NDArray[Any], name: str, sign: Callable[[Any, Any], Any], text: str) -> _Verdict:
    if values.dtype.kind == "O":
        if sign not in _EQUALITY:
            raise FilterError(f"“{name}” is text: compare it with = or !=")
        wanted = text.casefold()
        known = np.array([bool(value) for value in values], bool)
        holds = np.array([bool(sign(value.casefold(), wanted)) for value in values], bool)
    else:
        try:
            number = parse_number(text)
        except ValueError:
            raise FilterError(f"“{name}” is a number, “{text}” is not") from None
        known, holds = ~np.isnan(values), sign(values, number)
    return _Verdict(known & holds, known & ~holds)
