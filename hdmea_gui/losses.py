"""What would be lost if the session were dropped now."""

from __future__ import annotations

from collections.abc import Iterable

from hdmea_gui.controller.snapshot import StateView
from hdmea_gui.models.steps import StepItem
from hdmea_gui.titles import CheckpointNote

__all__ = ["losses"]


def losses(
    state: StateView, steps: Iterable[StepItem], running: str | None, note: CheckpointNote | None
) -> tuple[str, ...]:
    """Return a sentence for each thing that would be lost; empty if nothing would.

    Parameters
    ----------
    state
        The session.
    steps
        Its steps.
    running
        Title of the running job, None without one.
    note
        The last checkpoint, None without one.
    """
    found = []
    if running is not None:
        found.append(f"“{running or 'A job'}” is still running and would be stopped.")
    if state.unsaved:
        titles = ", ".join(item.spec.title for item in steps if item.has_results)
        where = "since it was saved" if state.saved_path is not None else "which exist in memory only"
        found.append(f"Results of {state.dataset_id} {where}: {titles or 'changes'}.")
        if note is not None:
            found.append(f"A checkpoint of {note.clock} exists.")
    return tuple(found)
