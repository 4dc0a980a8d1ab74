"""Numbers, sizes and dates as the user reads them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdmea_gui.engine.snapshot import StateView

__all__ = ["date_text", "no_units_text", "p_text", "size_text"]


def size_text(n_bytes: float) -> str:
    """Return a number of bytes with a decimal unit."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} GB"


def date_text(iso: str) -> str:
    """Return an ISO 8601 time in local time, other texts as they are."""
    try:
        moment = datetime.datetime.fromisoformat(iso)
    except ValueError:
        return iso or "unknown"
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def p_text(p: float) -> str:
    """Return a p value; below what any test here can be trusted with, only that it is."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def no_units_text(state: StateView) -> str:
    """Return why a session has no units, and what to do so that there are some."""
    if "load_recording" in state.completed:
        return "No units: there is no spike-sorted file (.cmtr), or it does not contain units."
    return f"No units yet: {'run' if state.is_open else 'open a recording and run'} “Load recording”."
