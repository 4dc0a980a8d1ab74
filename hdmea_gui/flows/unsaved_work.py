"""What would be lost if the session were dropped now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hdmea_gui.engine.snapshot import StateView, StepRecord
from hdmea_gui.models.steps import StepItem
from hdmea_gui.text.window_title import CheckpointNote

__all__ = ["losses"]


def losses(
    state: StateView,
    steps: Iterable[StepItem],
    running: str | None,
    note: CheckpointNote | None,
    saved: Mapping[str, StepRecord],
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
    saved
        What was remembered of each step when the session was saved last.
    """
    found = []
    if running is not None:
        found.append(f"“{running or 'A job'}” is still running and would be stopped.")
    if state.unsaved:
        names = {name for name, record in state.steps.items() if not _same_run(record, saved.get(name))}
        titles = ", ".join(item.spec.title for item in steps if item.has_results and item.spec.name in names)
        where = "since it was saved" if state.saved_path is not None else "which exist in memory only"
        found.append(f"Results of {state.dataset_id} {where}: {titles or 'changes'}.")
        if note is not None:
            what = "all of this" if note.revision == state.revision else "what was there by then"
            found.append(f"The checkpoint of {note.clock} stays: it holds {what}.")
    return tuple(found)


def _same_run(now: StepRecord, saved: StepRecord | None) -> bool:
    return saved is not None and now.finished_at == saved.finished_at
