"""Snapshots of the changes of a session: small files that follow a complete one.

A complete file and its increments, applied in order, give the session at the time of the last increment.
Each file is written atomically; the caller records which files belong together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea.pipeline.copies import deep_merge
from hdmea.pipeline.session import CompletedSteps
from hdmea.results import files
from hdmea.results.content import TREES
from hdmea.results.tracking import Baseline, Changes
from hdmea.utils.exceptions import CheckpointError
from hdmea.utils.fixes import Advice
from hdmea.utils.text_files import parse_json

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["Baseline", "Changes", "load_increments", "write_increment"]

_NAME = "increment"


def write_increment(
    path: Path,
    session: PipelineSession,
    changes: Changes,
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Write the changes, and the provenance of the whole session, to a separate file.

    Raises
    ------
    ValidationError, SessionError
        As `hdmea.results.files.write_session`.
    """
    from hdmea.pipeline.session import SaveState

    content = session.content(SaveState.DEFERRED, checkpoint_name=_NAME)
    content.trains = (session.units, session.stimulus)
    for name in TREES:
        setattr(content, name, changes.values.get(name, {}))
    removed = json.dumps([list(place) for place in changes.removed])
    content.extra = {"session": content.extra, "removed": removed}
    files.write_session(path, content, progress=progress)


def load_increments(
    session: PipelineSession,
    paths: Iterable[Path],
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Apply increments, in order, to a session that was loaded from the complete file.

    Raises
    ------
    CheckpointError
        If an increment cannot be read, or belongs to another recording.
    """
    for path in paths:
        content = files.read_session(path, trains=(session.units, session.stimulus), progress=progress)
        if content.dataset_id != session.dataset_id or content.checkpoint_name != _NAME:
            raise CheckpointError(
                f"{path} does not continue the checkpoint of {session.dataset_id}.",
                path=path,
                fix=Advice("Open the complete file alone: it is the session before the last steps."),
            )
        try:
            for place in parse_json(content.extra["removed"]):
                _remove(session, place)
            for name in TREES:
                deep_merge(getattr(session, name), getattr(content, name))
            session.extra = content.extra["session"]
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CheckpointError(
                f"{path} is damaged: it does not fit the session that it continues.",
                path=path,
                fix=Advice("Delete it, and open the last checkpoint or result instead."),
            ) from error
        session.steps = content.steps
        session.completed_steps = CompletedSteps(content.completed_steps)
        session.warnings = content.warnings_with_fixes()
    session.touch()


def _remove(session: PipelineSession, place: Collection[Any]) -> None:
    root, *names, last = place
    node = getattr(session, root)
    for name in names:
        node = node.get(name) if isinstance(node, dict) else None
    if isinstance(node, dict):
        node.pop(last, None)
