"""How much memory the data of a session take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.unread import Unread
from hdmea.utils.giving_way import give_way

__all__ = ["estimate_nbytes"]

_PLAIN_NBYTES = {float: 8, int: 8, bool: 8, type(None): 0}


def estimate_nbytes(tree: Any, *, include_unread: bool = False) -> int:
    """Return how many bytes the data in `tree` take in memory, at any depth.

    Parameters
    ----------
    tree
        Nested dictionaries and lists of arrays, text and numbers.
    include_unread
        Count what is still in the file as well.

    Notes
    -----
    An array that is in several places counts once; trials count with their index ranges, because they
    are cut from the unit's spike times.
    """
    seen: set[int] = set()
    total = 0
    pending = [tree]
    while pending:
        value = pending.pop()
        kind = type(value)
        # Most values are plain numbers and text, which need none of the questions below.
        if kind in _PLAIN_NBYTES:
            total += _PLAIN_NBYTES[kind]
            continue
        if kind is str:
            total += len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
            continue
        if isinstance(value, Unread):
            total += value.nbytes if include_unread else 0
            continue
        if isinstance(value, (np.ndarray, Mapping, list, tuple)):
            if id(value) in seen:
                continue
            seen.add(id(value))
        if isinstance(value, np.ndarray):
            total += value.nbytes
            if value.dtype.hasobject:
                pending.extend(value.reshape(-1))
            pending.extend(getattr(value, "attrs", {}).values())
        elif isinstance(value, SectionedSpikes):
            total += value.ranges.nbytes
            pending.append(value.made)
        elif isinstance(value, Mapping):
            give_way()
            pending.extend(dict.values(value) if isinstance(value, dict) else value.values())
        elif isinstance(value, (list, tuple)):
            total += 8 * len(value)
            pending.extend(value)
        else:
            total += _scalar_nbytes(value)
    return total


def _scalar_nbytes(value: Any) -> int:
    if isinstance(value, np.generic):
        return value.nbytes
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, bytes) else 8
