"""Import paths of older scripts; the code is in `hdmea.recordings`, `hdmea.results` and `hdmea.stimuli`."""

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
