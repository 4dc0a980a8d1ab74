"""Which of the two kinds of files of CMOS-MEA-Tools a path is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hdmea.recordings.mcs import vocabulary as mcs
from hdmea.recordings.mcs.hdf5 import name_key, open_source
from hdmea.utils.exceptions import DataLoadError

__all__ = ["NEUTRAL_SUFFIXES", "RAW", "SORTED", "kind_of_file"]

RAW: Final = "cmcr"
SORTED: Final = "cmtr"
NEUTRAL_SUFFIXES: Final = frozenset({".h5", ".hdf5"})
"""Endings that recordings have as well, and that say nothing."""


def kind_of_file(path: Path) -> str | None:
    """Return ``"cmcr"`` or ``"cmtr"`` by the suffix (case does not matter), None for anything else.

    Recordings are called `.h5` as well: such a file, if it exists, is told by what is in it.
    """
    suffix = path.suffix.lower()
    if suffix in NEUTRAL_SUFFIXES:
        return _kind_inside(path)
    return {mcs.RAW_SUFFIX: RAW, mcs.SORTED_SUFFIX: SORTED}.get(suffix)


def _kind_inside(path: Path) -> str | None:
    if not os.path.isfile(path):
        return None
    try:
        with open_source(path) as handle:
            names = {name_key(name) for name in handle}
            if names & {name_key(tool) for tool in mcs.TOOL_NAMES}:
                return SORTED
            return RAW if name_key("Acquisition") in names else None
    except (DataLoadError, OSError, RuntimeError):
        return None
