"""Where the two layouts of the laboratory's scripts differ, and what a file of them says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hdmea.results.content import SessionContent
from hdmea.results.lab.values import Form

__all__ = ["LAB", "LAB_STEPS", "NOTES", "Layout", "note", "notes_of"]

NOTES: Final = "lab"
"""Key of a session's `extra` under which it keeps what it read from a file of the laboratory and has no
other place for: axes of the images, form of single values, attributes and groups of other programs."""


@dataclass(frozen=True)
class Layout:
    """One of the two layouts.

    Attributes
    ----------
    name
        ``lab`` (saved sessions) or ``lab-steps`` (files that each step wrote into).
    steps
        Whether it is the latter.
    unit_attrs
        Attributes that each unit has there.
    """

    name: str
    steps: bool
    unit_attrs: frozenset[str]

    @property
    def trees(self) -> Form:
        """How dictionaries look that are not metadata."""
        return Form(attrs=self.steps)

    def metadata(self, notes: Mapping[str, Any]) -> Form:
        """Return how metadata look in a file about which there are `notes`."""
        return Form(self.steps, self.steps, frozenset(notes.get("one_element", ())))


LAB = Layout("lab", False, frozenset(("row", "col", "global_id", "original_name", "unit_num")))
LAB_STEPS = Layout(
    "lab-steps", True, frozenset(("row", "col", "global_id", "original_name", "unit_num", "spike_count"))
)


def notes_of(content: SessionContent, layout: Layout) -> dict[str, Any]:
    """Return what was noted when the session was read from a file of this layout."""
    notes = content.extra.get(NOTES)
    return notes if isinstance(notes, dict) and notes.get("layout") == layout.name else {}


def note(content: SessionContent, layout: Layout, key: str, value: Any) -> None:
    """Note something of the file that a session is read from; nothing where it is empty."""
    if value:
        notes = content.extra.setdefault(NOTES, {"layout": layout.name})
        if isinstance(notes, dict):
            notes[key] = value
