"""The title of the window: which recording, and whether anything would be lost."""

from __future__ import annotations

from dataclasses import dataclass

from hdmea_gui.engine.snapshot import StateView

__all__ = ["PROGRAM", "CheckpointNote", "save_state_text", "window_title"]

PROGRAM = "HD-MEA Studio"


@dataclass(frozen=True)
class CheckpointNote:
    """A checkpoint of this session: revision of the data in it, and the time of day."""

    revision: int
    clock: str


def save_state_text(state: StateView, checkpoint: CheckpointNote | None, too_large: bool = False) -> str:
    """Return where the session's data are safe, in a few words."""
    if not state.has_data:
        return "not loaded yet"
    if not state.unsaved:
        return "saved" if state.saved_path is not None else "as in the checkpoint"
    where = "changed since it was saved" if state.saved_path is not None else "in memory, not saved"
    if too_large:
        where += ", too large for automatic checkpoints"
    if checkpoint is None:
        return where
    if checkpoint.revision == state.revision:
        return f"in memory, checkpointed {checkpoint.clock}"
    return f"{where}; checkpoint of {checkpoint.clock} is older"


def window_title(state: StateView, checkpoint: CheckpointNote | None, too_large: bool = False) -> str:
    """Return the title of the window; `too_large` if there is no automatic checkpoint for that reason."""
    if not state.is_open:
        return PROGRAM
    mark = " ●" if state.unsaved else ","
    layout = ", laboratory layout" if state.saved_path is not None and state.layout != "columns" else ""
    return f"{state.dataset_id}{mark} {save_state_text(state, checkpoint, too_large)}{layout} – {PROGRAM}"
