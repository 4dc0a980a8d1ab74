"""Snapshots of what changed in a session: small files that follow a complete one.

A complete file and the increments after it, in their order, are the session as it was when the last of them
was written. Each file is written atomically; whoever keeps them notes which belong together.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.pipeline.changes import deep_merge, fingerprint
from hdmea.pipeline.completed import CompletedSteps
from hdmea.results import hdf5_store
from hdmea.results.lazy import LazyEntry
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.session_content import TREES
from hdmea.utils.exceptions import CheckpointError
from hdmea.utils.giving_way import give_way
from hdmea.utils.notices import with_fixes

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["Baseline", "Changes", "load_increments", "write_increment"]

Path = tuple[Any, ...]
_SCALARS = (str, bytes, bool, int, float, complex, type(None), np.generic)


@dataclass
class Changes:
    """What differs from a baseline.

    Attributes
    ----------
    values
        New and replaced values in nested dictionaries, from the names of the session's trees downwards.
    removed
        Paths that are gone, or that became something else than a dictionary.
    """

    values: dict[str, Any] = field(default_factory=dict)
    removed: list[Path] = field(default_factory=list)

    def nbytes(self) -> int:
        """Return how many bytes the values take."""
        return int(hdf5_store.estimate_nbytes(self.values, include_unread=True))


class Baseline:
    """A session as it was at one moment, remembered without holding its arrays.

    Parameters
    ----------
    session
        The session; arrays that are replaced in it later are noticed, values changed inside one are not.
    """

    def __init__(self, session: PipelineSession) -> None:
        self._tokens = {name: _tokens(getattr(session, name)) for name in TREES}

    def changes(self, session: PipelineSession) -> Changes:
        """Return what was added to, replaced in and removed from the session since."""
        found = Changes()
        for name in TREES:
            below = _compare(self._tokens[name], getattr(session, name), (name,), found.removed)
            if below:
                found.values[name] = below
        return found


def write_increment(
    path: FilePath,
    session: PipelineSession,
    changes: Changes,
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Write what changed, and the provenance of the whole session, to a file of its own.

    Raises
    ------
    ValidationError, SessionError
        As `hdmea.results.hdf5_store.write_session`.
    """
    from hdmea.pipeline.session import SaveState

    content = session.content(SaveState.DEFERRED, checkpoint_name="increment")
    values, sections = _without_spikes(changes.values, session)
    content.units, content.stimulus, content.source_files = {}, {}, {}
    content.metadata = {"values": values}
    content.extra = {
        "session": content.extra,
        "removed": [list(place) for place in changes.removed],
        "sections": [list(place) for place in sections],
    }
    hdf5_store.write_session(path, content, progress=progress)


def load_increments(
    session: PipelineSession,
    paths: Iterable[FilePath],
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Bring a session, loaded whole from the complete file, up to its last increment.

    Raises
    ------
    CheckpointError
        If an increment cannot be read, or belongs to another recording.
    """
    for path in paths:
        content = hdf5_store.read_session(path, progress=progress)
        if content.dataset_id != session.dataset_id or "values" not in content.metadata:
            raise CheckpointError(
                f"{path} does not continue the checkpoint of {session.dataset_id}.", path=path
            )
        for place in content.extra["removed"]:
            _remove(session, place)
        for name, values in content.metadata["values"].items():
            deep_merge(getattr(session, name), values)
        for place in content.extra["sections"]:
            _cut_again(session, place)
        session.extra = content.extra["session"]
        session.steps = content.steps
        session.completed_steps = CompletedSteps(content.completed_steps)
        session.warnings = with_fixes(content.warnings, content.steps.values())
    session.touch()


# -- comparing ---------------------------------------------------------------------------------------------


class _Token:
    """Stands for a value, and tells whether another one is the same."""

    __slots__ = ("_held", "_mark", "_weak")

    def __init__(self, value: Any) -> None:
        self._weak: weakref.ref[Any] | None = None
        self._held: Any = None
        self._mark: int | None = None
        if isinstance(value, np.ndarray):
            self._weak = weakref.ref(value)
        else:
            self._held = value
            if isinstance(value, (list, tuple)):
                self._mark = fingerprint(value)

    def stands_for(self, value: Any) -> bool:
        if self._weak is not None:
            return self._weak() is value
        held = self._held
        if isinstance(held, _SCALARS):
            # A number that is missing, NaN, is the same as another one.
            same = held is value or held == value or (held != held and value != value)
            return type(held) is type(value) and bool(same)
        if isinstance(held, LazyEntry) and isinstance(value, (np.ndarray, SectionedSpikes)):
            return getattr(held, "loaded", None) is value
        return held is value and (self._mark is None or self._mark == fingerprint(value))


def _tokens(tree: dict[Any, Any]) -> dict[Any, Any]:
    give_way()
    return {
        key: _tokens(value) if isinstance(value, dict) else _Token(value) for key, value in dict.items(tree)
    }


def _compare(old: dict[Any, Any], tree: dict[Any, Any], path: Path, removed: list[Path]) -> dict[Any, Any]:
    """Return what is new below `tree`; note in `removed` what is gone."""
    give_way()
    removed.extend((*path, key) for key in old if key not in tree)
    found: dict[Any, Any] = {}
    for key, value in dict.items(tree):
        before = old.get(key)
        if isinstance(value, dict):
            if isinstance(before, _Token):
                removed.append((*path, key))
            known = before if isinstance(before, dict) else {}
            below = _compare(known, value, (*path, key), removed)
            if below or not isinstance(before, dict):
                found[key] = below
        elif not (isinstance(before, _Token) and before.stands_for(value)):
            found[key] = value
    return found


# -- trials are views of spike times, which are not written again ------------------------------------------


def _without_spikes(values: dict[str, Any], session: PipelineSession) -> tuple[dict[str, Any], list[Path]]:
    """Return the values with index ranges in place of a unit's trials, and where those are."""
    units: dict[str, Any] = {}
    places: list[Path] = []
    for unit_id, unit in values.get("units", {}).items():
        trials = unit.get("spike_times_sectioned") if isinstance(unit, dict) else None
        if not isinstance(trials, dict):
            units[unit_id] = unit
            continue
        cut = dict(dict.items(trials))
        for movie, item in cut.items():
            if isinstance(item, SectionedSpikes) and _is_cut_from(item, session, unit_id, movie):
                cut[movie] = item.ranges
                places.append(("units", unit_id, "spike_times_sectioned", movie))
        units[unit_id] = {**dict(dict.items(unit)), "spike_times_sectioned": cut}
    return ({**values, "units": units} if units else values), places


def _is_cut_from(item: SectionedSpikes, session: PipelineSession, unit_id: str, movie: str) -> bool:
    spikes = dict.get(session.units[unit_id], "spike_times")
    trials = dict.get(session.stimulus.get("trial_time", {}), movie)
    return _is_same(item.spike_times, spikes) and _is_same(item.trial_time, trials)


def _is_same(array: Any, other: Any) -> bool:
    return isinstance(other, np.ndarray) and array.__array_interface__ == other.__array_interface__


def _cut_again(session: PipelineSession, place: Collection[str]) -> None:
    _, unit_id, name, movie = place
    unit = session.units[unit_id]
    trials = session.stimulus["trial_time"][movie]
    unit[name][movie] = SectionedSpikes(unit[name][movie], unit["spike_times"], trials)


def _remove(session: PipelineSession, place: Collection[Any]) -> None:
    root, *names, last = place
    node = getattr(session, root)
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    if isinstance(node, dict):
        node.pop(last, None)
