"""A second session of the same data, for when the first one must not be touched any more."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from hdmea.pipeline.changes import copy_dicts
from hdmea.pipeline.completed import CompletedSteps

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["twin_of"]


def twin_of(session: PipelineSession) -> PipelineSession:
    """Return a session with the same arrays in dictionaries of its own; nothing is read for that.

    What is added to, replaced in or removed from one of the two does not show in the other.
    """
    twin = copy.copy(session)
    for name in ("units", "metadata", "stimulus", "source_files", "steps", "extra"):
        setattr(twin, name, copy_dicts(getattr(session, name)))
    twin.completed_steps = CompletedSteps(session.completed_steps)
    twin.warnings = list(session.warnings)
    if session.has_unsaved_changes:
        twin.touch()
    else:
        twin.mark_clean()
    return twin
