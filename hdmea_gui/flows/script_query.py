"""The session as a Python script, asked for by the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["ScriptQuery"]


@dataclass(frozen=True)
class ScriptQuery:
    """What was done in the session, as a Python script that gives the same file."""

    def answer(self, bench: Workspace) -> str:
        """Return the script; SessionError if no step was run."""
        from hdmea.pipeline.script import session_script

        return session_script(bench.require())
