"""How well a few typed letters fit the name of a command."""

from __future__ import annotations

__all__ = ["fit"]

_WORD_START, _INSIDE, _LETTERS, _EXTRA = 100.0, 70.0, 40.0, 10.0


def fit(query: str, title: str, extra: str = "") -> float | None:
    """Return how well a query fits; None if it does not.

    Every word of the query must be found: at the start of a word of the title, inside one, as letters in this
    order, or else in the extra text.

    Parameters
    ----------
    query
        What was typed; an empty query fits everything equally.
    title
        Name of the command.
    extra
        What else it is known by.

    Returns
    -------
    float or None
        Larger fits better; comparable for one query only.
    """
    scores = [_fit_word(word, title.casefold(), extra.casefold()) for word in query.casefold().split()]
    found = [score for score in scores if score is not None]
    if len(found) < len(scores):
        return None
    # Of two that fit alike the shorter name is nearer to what was typed.
    return sum(found) - 0.1 * len(title)


def _fit_word(word: str, title: str, extra: str) -> float | None:
    starts = [
        position for position in range(len(title)) if position == 0 or not title[position - 1].isalnum()
    ]
    at_start = [position for position in starts if title.startswith(word, position)]
    if at_start:
        return _WORD_START - at_start[0]
    if word in title:
        return _INSIDE - title.index(word)
    gaps = _gaps(word, title, starts)
    if gaps is not None:
        return _LETTERS - gaps
    return _EXTRA if word in extra else None


def _gaps(word: str, title: str, starts: list[int]) -> int | None:
    """Return how many letters are left out where the word's letters are found one after the other."""
    found: list[int] = []
    for start in starts:
        position, gaps = start - 1, 0
        for letter in word:
            following = title.find(letter, position + 1)
            if following < 0:
                break
            gaps += 0 if following in starts else following - position - 1
            position = following
        else:
            if title[start] == word[0]:
                found.append(gaps)
    return min(found, default=None)
