"""What the engine says, in the words of the window: steps and features by their titles, parameters by labels.

The engine speaks to people who write scripts as well, so its messages name steps, parameters and features as
Python does: “run compute_sta first”, “name the movie with movie_name=”, “Feature green_blue was skipped”.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from hdmea_gui.engine.jobs import Failure
from hdmea_gui.engine.snapshot import OpenResult, StepSpec

__all__ = ["Wording"]

_BEFORE, _AFTER = r"(?<![\w./\\=-])", r"(?![\w/\\(]|[.-]\w)"
_TICKS = {"True": " ticked", "False": " not ticked", None: ""}
# Running again is what the window calls it when a script says that a result may be replaced.
_FORCE = (
    (re.compile(r"( again)? with force=True"), " again"),
    (re.compile(r"\b[Pp]ass force=True to"), "Use “Run again” to"),
)
# Where in a file the results of a step lie is of no use here: the step is named as well.
_PLACES = (
    (
        re.compile(r"\b(?:metadata|stimulus|unit|feature) '[^']*' is missing or empty: run (?=\w)"),
        "it needs ",
    ),
    (re.compile(r"(?<=\bit needs )extract_features with (?=\w)"), "feature "),
    (re.compile(r" \([\w/]+ is not in this session\)"), ""),
)


class Wording:
    """Knows how steps, parameters and features are called in the window.

    Parameters
    ----------
    specs
        The steps that are known.
    features
        Titles of the features by their names.
    """

    def __init__(self, specs: Iterable[StepSpec] = (), features: Mapping[str, str] | None = None) -> None:
        specs = tuple(specs)
        self._titles = {spec.name: spec.title for spec in specs}
        self._own = {(spec.name, field.name): field.title for spec in specs for field in spec.fields}
        labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (_, name), label in self._own.items():
            labels[name][label] += 1
        self._labels = {name: counts.most_common(1)[0][0] for name, counts in labels.items()}
        self._pattern = _pattern_of(self._titles, self._labels)
        self._features = dict(features or {})
        named = "|".join(map(re.escape, self._features)) or "(?!)"
        self._feature = re.compile(rf"\b([Ff]eatures?) (['`\"]?)({named})\2(?![\w/.-]*\w)")

    def readable(self, text: str, step: str = "") -> str:
        """Return a message with titles and labels instead of names.

        Parameters
        ----------
        text
            The message.
        step
            Name of the step that it is about; it may also stand at its beginning, before a colon.
        """
        first, colon, rest = text.partition(": ")
        if colon and first in self._titles:
            return f"{self._titles[first]}: {self.readable(rest, first)}"
        for name, title in self._titles.items():
            text = text.replace(f"{title} ({name})", title)
        for found, word in (*_FORCE, *_PLACES):
            text = found.sub(word, text)
        text = self._feature.sub(lambda found: f"{found[1]} “{self._features[found[3]]}”", text)
        return self._pattern.sub(lambda found: self._said(found, step), text)

    def failure(self, failure: Failure) -> Failure:
        """Return a failure with a readable reason; the details stay as they are."""
        return replace(failure, reason=self.readable(failure.reason))

    def opened(self, result: OpenResult) -> OpenResult:
        """Return what came of opening files with readable reasons and warnings."""
        card = result.card
        if card is not None:
            card = replace(card, warnings=tuple(map(self.readable, card.warnings)))
        refused = tuple(replace(each, reason=self.readable(each.reason)) for each in result.refused)
        return replace(result, card=card, refused=refused, notes=tuple(map(self.readable, result.notes)))

    def _said(self, found: re.Match[str], step: str) -> str:
        name = found["name"] or found["given"]
        if name in self._titles:
            return f"“{self._titles[name]}”"
        label = self._own.get((step, name), self._labels[name])
        value = found["value"]
        return f"“{label}”{_TICKS[value] if value in _TICKS else f' = {value}'}"


def _pattern_of(titles: Iterable[str], labels: Iterable[str]) -> re.Pattern[str]:
    """Return what finds names; one that is a usual word counts only where a value is given to it."""
    # The longer of two names that begin alike must be tried first.
    names = sorted({*titles, *labels}, key=len, reverse=True)
    unmistakable = "|".join(re.escape(name) for name in names if "_" in name) or "(?!)"
    parameters = "|".join(re.escape(name) for name in names if name in set(labels)) or "(?!)"
    return re.compile(
        rf"{_BEFORE}(?P<quote>['`\"]{{0,2}})"
        rf"(?:(?P<given>{parameters})=(?P<value>\w+)?|(?P<name>{unmistakable}){_AFTER})"
        rf"(?P=quote)"
    )
