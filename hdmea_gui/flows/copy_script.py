"""Copies what was done in the session to the clipboard, as a Python script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from hdmea_gui.engine.jobs import Failure
from hdmea_gui.flows.flow import Flow

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["ScriptCopier", "ScriptQuery"]


@dataclass(frozen=True)
class ScriptQuery:
    """What was done in the session, as a Python script that gives the same file."""

    def answer(self, workspace: Workspace) -> str:
        """Return the script; SessionError if no step was run."""
        from hdmea.pipeline.script import session_script

        return session_script(workspace.require())


class ScriptCopier(Flow):
    """Asks for the script and puts it on the clipboard."""

    def copy(self) -> None:
        """Copy the script of the session as it is now."""
        self._controller.ask(ScriptQuery(), self._on_script)

    def _on_script(self, answer: str | Failure) -> None:
        if isinstance(answer, Failure):
            self.told.emit(f"Not copied: {answer.reason}")
        else:
            QGuiApplication.clipboard().setText(answer)
            lines = len(answer.splitlines())
            self.told.emit(
                f"Copied a Python script of {lines} lines: paste it into a file and run it with Python."
            )
