"""The process that measures raw data for the page of health; the window and its worker stay free."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Signal

__all__ = ["HealthProcess"]

_PATIENCE_MS = 3000


class HealthProcess(QObject):
    """At most one process at a time.

    Signals
    -------
    progressed(float)
        The fraction that is done.
    ended(str, object, str)
        Key of the request; what was found, or None and the reason.
    """

    progressed = Signal(float)
    ended = Signal(str, object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._folder: Path | None = None
        self._key = ""

    @property
    def key(self) -> str:
        """Key of the request that is worked on; empty if there is none."""
        return self._key

    def start(self, folder: Path, key: str) -> None:
        """Work on the request in a folder of its own, which is removed at the end.

        Parameters
        ----------
        folder
            With the request.
        key
            Tells requests apart.
        """
        from hdmea.health.worker import command

        self.stop()
        self._folder, self._key = folder, key
        process = self._process = QProcess(self)
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._on_line)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        program, *arguments = command(folder)
        process.start(program, arguments)

    def stop(self) -> None:
        """End the process, if there is one; nothing is said of it any more."""
        process, self._process, self._key = self._process, None, ""
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(_PATIENCE_MS)
            process.deleteLater()
        self._clear()

    def _clear(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _on_line(self) -> None:
        if self._process is None:
            return
        lines = bytes(self._process.readAllStandardOutput().data()).decode("utf-8", "replace").split("\n")
        # The last one may be half.
        for line in lines[-2:-1]:
            number = line.partition(" ")[0]
            if number.replace(".", "", 1).isdigit():
                self.progressed.emit(float(number))

    def _on_finished(self, code: int, _status: QProcess.ExitStatus) -> None:
        from hdmea.health.worker import read_result

        found, reason = None, ""
        try:
            assert self._folder is not None
            found = read_result(self._folder)
        except OSError:
            reason = f"The process that measures the raw data ended unexpectedly (exit code {code})."
        self._tell(found, reason)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._tell(None, "The process that measures the raw data could not be started.")

    def _tell(self, found: object, reason: str) -> None:
        process, self._process = self._process, None
        key, self._key = self._key, ""
        if process is not None:
            process.deleteLater()
        self._clear()
        self.ended.emit(key, found, reason)
