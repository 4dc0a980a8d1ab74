"""How the program is cited; a test keeps it equal to CITATION.cff."""

from __future__ import annotations

from hdmea._version import __version__

__all__ = ["AUTHORS", "TITLE", "citation"]

TITLE = "HD-MEA Studio"
AUTHORS = "The HD-MEA Studio developers"


def citation() -> str:
    """Return the line by which this version of the program is cited."""
    return f"{AUTHORS}. {TITLE}, version {__version__} [computer software]."
