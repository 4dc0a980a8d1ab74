"""Files in, files out: the vendor's recordings, result files, playlists and stimulus definitions.

The section steps are handed on lazily for scripts that import them from here.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "add_section_time": "section_time",
    "add_section_time_analog": "section_time",
    "section_spike_times": "spike_sectioning",
}


def __getattr__(name: str) -> Any:
    """Import a step function that older scripts import from here."""
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
