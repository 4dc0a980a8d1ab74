"""Merging into nested dictionaries, and copies of them that share the arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmea.results.sectioned import is_cut
from hdmea.results.unread import Unread

__all__ = [
    "copy_dicts",
    "deep_merge",
]


def deep_merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Merge `source` into `target`: dictionaries at any depth, other values replaced, nothing copied."""
    for key, value in source.items():
        present = dict.get(target, key)
        merges = isinstance(value, dict) and not is_cut(value)
        if merges and isinstance(present, Unread):
            present = target[key]
        if merges and isinstance(present, dict):
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
