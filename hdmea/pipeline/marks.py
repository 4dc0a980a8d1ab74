"""Marks of results: what a reader must know before a number is used, with the cause.

A feature stores its marks as JSON in ``metadata["marks"]``: a list of ``{"mark": ..., "cause": ...}``. Those
of the sections (`add_section_time`) are added to every feature that names its movie.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hdmea.utils.text_files import stored_list

__all__ = [
    "STALE",
    "add_inherited_marks",
    "add_section_marks",
    "marks_line",
    "marks_of",
    "marks_text",
    "section_marks",
]

STALE = "stale"

_SECTION = "section "

Mark = dict[str, str]


def section_marks(stimulus: Mapping[str, Any], movie: str) -> list[Mark]:
    """Return the marks of a movie's sections: mark and cause, each once.

    Parameters
    ----------
    stimulus
        ``session.stimulus``.
    movie
        Name of the movie.
    """
    section = stimulus.get("section_time", {}).get(movie)
    stored = getattr(section, "attrs", {}).get("marks", ())
    return _once(mark for text in np.atleast_1d(stored) for mark in _stored(text))


def add_section_marks(entry: Mapping[str, Any], stimulus: Mapping[str, Any]) -> None:
    """Add to a feature the marks of its movie's sections (``movie`` or ``movie_name`` in its metadata)."""
    movie = _movie_of(entry["metadata"])
    _add(entry, section_marks(stimulus, movie) if movie else ())


def add_inherited_marks(entry: Mapping[str, Any], features: Mapping[str, Any], used: Iterable[str]) -> None:
    """Add to a feature the marks of the features of the same unit that it was computed from.

    Parameters
    ----------
    entry
        The feature.
    features
        Name to feature of the unit.
    used
        Names of what it uses; ``*`` stands for anything.
    """
    sources = [
        other
        for pattern in used
        for name, other in features.items()
        if other is not entry and fnmatch.fnmatchcase(name, pattern)
    ]
    _add(entry, (mark for other in sources for mark in marks_of(other)))


def marks_of(entry: Any) -> list[Mark]:
    """Return the marks that a feature stores; none where it stores none."""
    metadata = entry.get("metadata") if isinstance(entry, Mapping) else None
    if not isinstance(metadata, Mapping):
        return []
    return _stored(metadata.get("marks", "[]"))


def marks_line(marks: Iterable[Mapping[str, str]]) -> str:
    """Return marks with their causes in one line; empty without any."""
    return "; ".join(f"{mark['mark']}: {mark.get('cause', '')}" for mark in marks)


def _stored(text: Any) -> list[Mark]:
    """Return the marks in a text of a file; what is none is left out."""
    return [
        {name: str(value) for name, value in mark.items()}
        for mark in stored_list(text) or ()
        if isinstance(mark, dict) and "mark" in mark
    ]


def marks_text(unit: Mapping[str, Any], stale_because: Mapping[str, str] | None = None) -> str | None:
    """Return the marks of a unit as one text, each with the features that carry it; None without any.

    Parameters
    ----------
    unit
        A unit of a session.
    stale_because
        Feature to the reason why it is stale, where that is known.
    """
    concerned: dict[str, list[str]] = {}
    for name, entry in (unit.get("features") or {}).items():
        marks = [mark["mark"] for mark in marks_of(entry)]
        if isinstance(entry, Mapping) and bool((entry.get("metadata") or {}).get("stale", False)):
            cause = (stale_because or {}).get(name)
            marks.append(f"{STALE}: {cause}" if cause else STALE)
        for mark in dict.fromkeys(marks):
            concerned.setdefault(mark, []).append(name)
    return "; ".join(f"{mark} ({', '.join(names)})" for mark, names in concerned.items()) or None


def _movie_of(metadata: Mapping[str, Any]) -> str:
    """Return the movie that a feature was computed from, empty if it names none."""
    source = str(metadata.get("baseline_source", ""))
    of_baseline = source.removeprefix(_SECTION) if source.startswith(_SECTION) else ""
    return str(metadata.get("movie_name") or metadata.get("movie") or of_baseline)


def _add(entry: Mapping[str, Any], marks: Iterable[Mark]) -> None:
    found = _once([*marks_of(entry), *marks])
    if found:
        entry["metadata"]["marks"] = json.dumps(found, ensure_ascii=False)


def _once(marks: Iterable[Mark]) -> list[Mark]:
    found: list[Mark] = []
    for mark in marks:
        if mark not in found:
            found.append(mark)
    return found
