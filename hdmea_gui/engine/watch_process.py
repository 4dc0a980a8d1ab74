"""The process that watches a folder for the page at the rig: ``hdmea health --watch --json``."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from hdmea.utils.resources import packaged_command

if TYPE_CHECKING:
    from hdmea.health import Light

__all__ = ["WatchEntry", "WatchProcess"]

_PATIENCE_MS = 3000
_CHECK_MS = 5000
_SILENT_S = 60.0


@dataclass(frozen=True)
class WatchEntry:
    """A recording of the folder, as the process tells of it; see `hdmea.health.Watched`."""

    name: str
    path: Path
    units: Path | None
    state: str
    light: str
    said: str
    modified_s: float
    lights: tuple[Light, ...]


class WatchProcess(QObject):
    """Watches one folder at a time.

    Attributes
    ----------
    folder
        The folder; None if none is watched.
    problem
        Why nothing is known at the moment; empty if all is well.

    Signals
    -------
    changed(str)
        Path of a recording that changed; empty if recordings came or went, or the state of the watch changed.
    judged(WatchEntry)
        New lights are there.
    """

    changed = Signal(str)
    judged = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder: Path | None = None
        self.problem = ""
        self._entries: dict[str, WatchEntry] = {}
        self._process: QProcess | None = None
        self._rest = b""
        self._heard_at = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_CHECK_MS)
        self._timer.timeout.connect(self._check)

    @property
    def entries(self) -> list[WatchEntry]:
        """All recordings, the latest first."""
        return sorted(self._entries.values(), key=lambda entry: (-entry.modified_s, entry.name))

    def start(self, folder: Path) -> None:
        """Watch a folder in place of any other."""
        self.stop()
        self.folder, self.problem = folder, ""
        self._entries.clear()
        self._rest, self._heard_at = b"", time.monotonic()
        process = self._process = QProcess(self)
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._on_output)
        process.finished.connect(lambda code, _status: self._on_end(process, f"exit code {code}"))
        process.errorOccurred.connect(lambda error: self._on_error(process, error))
        arguments = ("health", "--watch", "--json", str(folder))
        program, *rest = packaged_command(*arguments) or [sys.executable, "-m", "hdmea", *arguments]
        process.start(program, rest)
        self._timer.start()
        self.changed.emit("")

    def stop(self) -> None:
        """Watch no more; what is known stays."""
        process, self._process = self._process, None
        self._timer.stop()
        self.folder = None
        if process is not None:
            # One that waits for a drive ends when that answers: the window must not wait for it.
            process.kill()
            self.changed.emit("")

    def shutdown(self) -> None:
        """Watch no more, and wait for a moment for processes to end."""
        self.stop()
        for process in self.findChildren(QProcess):
            process.waitForFinished(_PATIENCE_MS)

    def _on_output(self) -> None:
        if self._process is None:
            return
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        self._heard_at = time.monotonic()
        for line in lines:
            if line.strip():
                self.take(json.loads(line))

    def take(self, event: dict[str, Any]) -> None:
        """Take a line of the process: what became of the folder or of a recording."""
        kind = event["event"]
        if kind == "folder":
            self._say(event["problem"])
        elif kind == "gone":
            self._entries.pop(event["path"], None)
            self.changed.emit("")
        elif kind == "recording":
            self._take_recording(event)

    def _take_recording(self, event: dict[str, Any]) -> None:
        from hdmea.health import Light

        before = self._entries.get(event["path"])
        entry = self._entries[event["path"]] = WatchEntry(
            name=event["name"],
            path=Path(event["path"]),
            units=None if event["units"] is None else Path(event["units"]),
            state=event["state"],
            light=event["light"],
            said=event["sentence"],
            modified_s=event["modified_s"],
            lights=tuple(Light(**light) for light in event["lights"] or ()),
        )
        moved = before is None or before.modified_s != entry.modified_s
        self.changed.emit("" if moved else event["path"])
        if entry.state == "judged" and (before is None or before.state != "judged"):
            self.judged.emit(entry)

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self.changed.emit("")

    def _check(self) -> None:
        silent = time.monotonic() - self._heard_at > _SILENT_S
        if silent:
            self._say(f"The drive of {self.folder} has not responded for more than a minute.")
        elif self.problem.startswith("The drive of"):
            self._say("")

    def _on_error(self, process: QProcess, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._on_end(process, "it could not be started")

    def _on_end(self, process: QProcess, why: str) -> None:
        process.deleteLater()
        if process is self._process:
            self._process = self.folder = None
            self._timer.stop()
            self.problem = f"The process that watches the folder ended unexpectedly ({why}). Start it again."
            self.changed.emit("")
