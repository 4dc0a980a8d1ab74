"""Copies what was done in the session, or how to open a unit, to the clipboard as Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from hdmea_gui.engine.jobs import Failure
from hdmea_gui.flows.flow import Flow

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["CellQuery", "ScriptCopier", "ScriptQuery"]


@dataclass(frozen=True)
class ScriptQuery:
    """What was done in the session, as a Python script that gives the same file."""

    def answer(self, workspace: Workspace) -> str:
        """Return the script; SessionError if no step was run."""
        from hdmea.pipeline.script import session_script

        return session_script(workspace.require())


@dataclass(frozen=True)
class CellQuery:
    """Python for a notebook that opens the session's file and gets a unit, with its trials of a movie."""

    unit_id: str
    movie: str

    def answer(self, workspace: Workspace) -> str:
        """Return it; SessionError if the session has no file."""
        from hdmea.pipeline.script import notebook_cell

        session = workspace.require()
        shown = self.movie or next(iter(session.stimulus.get("trial_time") or {}), "")
        return notebook_cell(session, self.unit_id, shown)


class ScriptCopier(Flow):
    """Asks for the Python text and puts it on the clipboard."""

    def copy(self) -> None:
        """Copy the script of the session as it is now."""
        self._controller.ask(ScriptQuery(), self._on_script)

    def copy_cell(self) -> None:
        """Copy Python for a notebook that opens the current unit."""
        selection = self._controller.selection
        if selection.unit is not None:
            self._controller.ask(CellQuery(selection.unit, selection.movie), self._on_cell)

    def _on_script(self, answer: str | Failure) -> None:
        self._put(answer, "a Python script of {} lines: paste it into a file and run it with Python")

    def _on_cell(self, answer: str | Failure) -> None:
        self._put(answer, "{} lines of Python: paste them into a cell of a notebook")

    def _put(self, answer: str | Failure, what: str) -> None:
        if isinstance(answer, Failure):
            self.told.emit(f"Not copied: {answer.reason}")
        else:
            QGuiApplication.clipboard().setText(answer)
            self.told.emit(f"Copied {what.format(len(answer.splitlines()))}.")
