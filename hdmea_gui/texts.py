"""Numbers, sizes and dates as the person reads them."""

from __future__ import annotations

import datetime

__all__ = ["date_text", "size_text"]


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
