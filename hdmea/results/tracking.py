"""What changed in a session since a moment: the one answer for saving, checkpoints and the window.

A `Baseline` remembers dictionaries by their values, but arrays without holding them: those that are replaced
are noticed, numbers changed inside one are not. Reading what was unread is not a change.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hdmea.results.content import TREES
from hdmea.results.sectioned import SectionedSpikes, is_cut
from hdmea.results.sizes import estimate_nbytes
from hdmea.results.unread import Keys, Unread
from hdmea.utils.giving_way import give_way, without_collections

__all__ = ["Baseline", "Changes", "differs_from", "tokens"]


class HasTrees(Protocol):
    """A session, as far as its data are concerned."""

    units: dict[str, Any]
    metadata: dict[str, Any]
    stimulus: dict[str, Any]
    source_files: dict[str, Any]


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
    removed: list[Keys] = field(default_factory=list)

    def nbytes(self) -> int:
        """Return how many bytes the values take."""
        return estimate_nbytes(self.values, include_unread=True)


class Baseline:
    """A session as it was at one moment.

    Parameters
    ----------
    session
        The session.
    """

    def __init__(self, session: HasTrees) -> None:
        with without_collections():
            self._trees = {name: tokens(getattr(session, name)) for name in TREES}

    def renew(self, session: HasTrees, changed: Iterable[Keys]) -> None:
        """Take what is at the places `changed` of the session as it is now, and all else as it was."""
        for place in changed:
            if place[0] not in TREES:
                continue
            before: dict[Any, Any] = self._trees
            tree: dict[Any, Any] = {name: getattr(session, name) for name in TREES}
            for depth, name in enumerate(place, 1):
                if name not in tree:
                    before.pop(name, None)
                    break
                value, token = dict.__getitem__(tree, name), before.get(name)
                if isinstance(token, Unread) and isinstance(value, dict):
                    token = token.pristine
                ends = depth == len(place) or is_cut(value)
                if not ends and type(token) is dict and isinstance(value, dict):
                    before, tree = token, value
                    continue
                before[name] = value if type(value) in _SAME else _token(value)
                break

    def changes(self, session: HasTrees) -> Changes:
        """Return what was added to, replaced in and removed from the session since."""
        found = Changes()
        for name in TREES:
            below = _changed(self._trees[name], getattr(session, name), (name,), found.removed)
            if below:
                found.values[name] = below
        return found

    def differs(self, session: HasTrees) -> bool:
        """Return whether there is any change; ends with the first that is found."""
        return any(differs_from(self._trees[name], getattr(session, name)) for name in TREES)


class _Items:
    """Stands for a list, whose items count."""

    __slots__ = ("items", "kind")

    def __init__(self, value: list[Any] | tuple[Any, ...]) -> None:
        self.kind = type(value)
        self.items = [_token(item) for item in value]

    def stand_for(self, value: Any) -> bool:
        return (
            type(value) is self.kind
            and len(value) == len(self.items)
            and all(map(_stands_for, self.items, value))
        )


class _Trials:
    """Stands for trials and what was assigned to them."""

    __slots__ = ("changes", "where")

    def __init__(self, value: SectionedSpikes) -> None:
        self.where = weakref.ref(value)
        self.changes = tokens(value.changes)

    def stand_for(self, value: Any) -> bool:
        return self.where() is value and is_cut(value) and not differs_from(self.changes, value.changes)


_SAME = frozenset((float, int, bool, str, type(None)))
"""Types whose values stand for themselves; most of what a session has, and asked for each of its values."""


def tokens(tree: dict[Any, Any]) -> dict[Any, Any]:
    """Return what stands for the values of a dictionary, at any depth, without holding arrays."""
    give_way()
    return {key: value if type(value) in _SAME else _token(value) for key, value in dict.items(tree)}


def _token(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return weakref.ref(value)
    if isinstance(value, dict):
        return _Trials(value) if is_cut(value) else tokens(value)
    return _Items(value) if isinstance(value, (list, tuple)) else value


def _stands_for(token: Any, value: Any) -> bool:
    if token is value:
        return True
    kind = type(token)
    if kind is dict:
        return isinstance(value, dict) and not is_cut(value) and not differs_from(token, value)
    if kind is weakref.ReferenceType:
        return token() is value
    if kind in (_Items, _Trials):
        return bool(token.stand_for(value))
    if isinstance(token, Unread):
        if isinstance(value, SectionedSpikes):
            same = token.loaded is value and is_cut(value)
            return same and not differs_from(token.pristine or {}, value.changes)
        if isinstance(value, dict):
            return token.pristine is not None and not differs_from(token.pristine, value)
        return token.loaded is value and value is not None
    # A number that is missing, NaN, is the same as another one.
    return type(value) is kind and bool(token == value or (token != token and value != value))


def differs_from(before: dict[Any, Any], tree: dict[Any, Any]) -> bool:
    """Return whether a dictionary is not what `tokens` were taken of."""
    if len(before) != len(tree):
        return True
    give_way()
    for key, value in dict.items(tree):
        token = before.get(key, differs_from)
        if token is not value and not _stands_for(token, value):
            return True
    return False


def _changed(before: dict[Any, Any], tree: dict[Any, Any], path: Keys, removed: list[Keys]) -> dict[Any, Any]:
    """Return what is new below `tree`; note in `removed` what is gone."""
    give_way()
    removed.extend((*path, key) for key in before if key not in tree)
    found: dict[Any, Any] = {}
    for key, value in dict.items(tree):
        token = before.get(key, differs_from)
        if token is value:
            continue
        if not isinstance(value, dict) or isinstance(value, SectionedSpikes):
            if not _stands_for(token, value):
                found[key] = value
            continue
        if isinstance(token, Unread):
            token = token.pristine
        known = token if type(token) is dict else None
        if known is None and token is not differs_from:
            removed.append((*path, key))
        below = _changed(known or {}, value, (*path, key), removed)
        if below or known is None:
            found[key] = below
    return found
