"""Merging into nested dictionaries, and copies of them and of sessions that share the arrays."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hdmea.pipeline.session import CompletedSteps
from hdmea.results.unread import Unread

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession


__all__ = [
    "copy_dicts",
    "deep_merge",
    "twin_of",
]


def deep_merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Merge `source` into `target`: dictionaries at any depth, other values replaced, nothing copied."""
    for key, value in source.items():
        present = dict.get(target, key)
        if isinstance(present, Unread) and isinstance(value, dict):
            present = target[key]
        if isinstance(value, dict) and isinstance(present, dict):
            deep_merge(present, value)
        else:
            target[key] = value


def copy_dicts(tree: dict[Any, Any]) -> dict[Any, Any]:
    """Return a copy of a dictionary and those below; arrays are shared, what is unread stays unread."""
    twin = tree.copy()
    for key, value in dict.items(tree):
        if isinstance(value, dict):
            dict.__setitem__(twin, key, copy_dicts(value))
        elif isinstance(value, Unread):
            dict.__setitem__(twin, key, value.twin())
    return twin


def twin_of(session: PipelineSession) -> PipelineSession:
    """Return a session with the same arrays in dictionaries of its own; nothing is read for that.

    What is added to, replaced in or removed from one of the two does not show in the other.
    """
    twin = copy.copy(session)
    for name in ("units", "metadata", "stimulus", "source_files", "steps", "extra"):
        setattr(twin, name, copy_dicts(getattr(session, name)))
    twin.completed_steps = CompletedSteps(session.completed_steps)
    twin.warnings = list(session.warnings)
    if session.has_unsaved_changes:
        twin.touch()
    else:
        twin.mark_clean()
    return twin
