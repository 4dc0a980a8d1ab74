"""A program with a window has each HDF5 file opened elsewhere first; scripts and the command line do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["look_first", "looked_at"]

Look = Callable[[Path, bool], None]

_looks: list[Look] = []


def look_first(look: Look | None) -> None:
    """Have `look` called with each file before it is opened; it raises to refuse the file.

    Parameters
    ----------
    look
        Gets the path, and whether this program has just written the file; None for nothing to be called.
    """
    _looks[:] = [] if look is None else [look]


def looked_at(path: Path, *, own: bool) -> None:
    """Call what `look_first` was given, if anything."""
    for look in _looks:
        look(path, own)
