"""The log on disk, and the evidence that a crash leaves; made without Qt, so that they exist first.

While the program runs, `running-PID.txt` is beside the log: a crash is written into it, a clean end removes
it. The next start finds what a crash left there and keeps it as `crash-TIME.txt`.
"""

from __future__ import annotations

import collections
import contextlib
import faulthandler
import logging
import logging.handlers
import os
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

import platformdirs

__all__ = ["LOGGERS", "SHOWN", "LogFiles", "RecentLines", "default_log_folder"]

SHOWN = "hdmea_window"
LOGGERS = ("hdmea", "hdmea_gui", SHOWN, "qt", "py.warnings")

_FORMAT = "%(asctime)s  %(levelname)-8s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000
_N_OLD_LOGS = 4
_N_CRASHES = 10

logger = logging.getLogger(__name__)


def default_log_folder() -> Path:
    """Return where the log files of this user are."""
    return Path(platformdirs.user_log_dir("hdmea-studio", appauthor=False))


class RecentLines(logging.Handler):
    """Remembers the last lines of the log, as they are in the file.

    Parameters
    ----------
    number
        How many.
    """

    def __init__(self, number: int = 200) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter(_FORMAT))
        self._lines: collections.deque[str] = collections.deque(maxlen=number)

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one more."""
        self._lines.append(self.format(record))

    def lines(self) -> tuple[str, ...]:
        """Return the lines, the oldest first."""
        return tuple(self._lines)


class LogFiles:
    """The files in the log folder; a folder that cannot be written stops nothing.

    Parameters
    ----------
    folder
        The log folder; made if needed.

    Attributes
    ----------
    path : Path
        The log.
    crashes : dict of int to Path
        What earlier runs that broke left behind, by the number of their process; found at the start, once.
    problem : str
        Why there is no log file, empty if there is one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "hdmea-studio.log"
        self.crashes: dict[int, Path] = {}
        self.problem = ""
        self._handlers: list[logging.Handler] = []
        self._levels = {name: logging.getLogger(name).level for name in LOGGERS}
        self._evidence: TextIO | None = None

    def start(self) -> None:
        """Write the log and, should it come to that, the evidence of a crash."""
        if sys.stderr is not None:
            self._add(logging.StreamHandler(sys.stderr), logging.WARNING)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._add(_RotatingFile(self.path), logging.INFO)
            self._find_crashes()
            self._keep_evidence()
        except OSError as error:
            self.problem = f"There is no log file: {error}"
            logger.warning(self.problem)
            if self._evidence is None and sys.stderr is not None:
                faulthandler.enable()

    def stop(self) -> None:
        """End cleanly: nothing is left but the log."""
        for handler in self._handlers:
            for name in LOGGERS:
                logging.getLogger(name).removeHandler(handler)
            handler.close()
        self._handlers.clear()
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        if self._evidence is None:
            return
        faulthandler.disable()
        if sys.__stderr__ is not None:
            faulthandler.enable(sys.__stderr__)
        if hasattr(faulthandler, "unregister"):
            faulthandler.unregister(signal.SIGTERM)
        name = self._evidence.name
        self._evidence.close()
        self._evidence = None
        with contextlib.suppress(OSError):
            os.unlink(name)

    def _add(self, handler: logging.Handler, level: int) -> None:
        handler.setLevel(level)
        handler.setFormatter(logging.Formatter(_FORMAT))
        self._handlers.append(handler)
        for name in LOGGERS:
            found = logging.getLogger(name)
            found.setLevel(logging.INFO)
            found.addHandler(handler)

    def _keep_evidence(self) -> None:
        # Open as long as the process lives: a crash is written into it.
        self._evidence = (self.folder / f"running-{os.getpid()}.txt").open("w", encoding="utf-8")
        faulthandler.enable(self._evidence)
        if hasattr(faulthandler, "register"):
            faulthandler.register(signal.SIGTERM, self._evidence, chain=True)

    def _find_crashes(self) -> None:
        import psutil

        for path in self.folder.glob("running-*.txt"):
            pid = path.stem.removeprefix("running-")
            if not pid.isdigit() or (psutil.pid_exists(int(pid)) and int(pid) != os.getpid()):
                continue
            # A second window that starts now looks at the same files: only one of them gets each.
            with contextlib.suppress(FileNotFoundError):
                self._take_evidence(path, pid)
        for old in sorted(self.folder.glob("crash-*.txt"))[:-_N_CRASHES]:
            old.unlink(missing_ok=True)

    def _take_evidence(self, path: Path, pid: str) -> None:
        found = path.stat()
        if not found.st_size:
            path.unlink()
            return
        moment = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(found.st_mtime))
        kept = path.with_name(f"crash-{moment}-{pid}.txt")
        os.replace(path, kept)
        self.crashes[int(pid)] = kept


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Continues in the same file if another running program holds it: Windows then refuses to rename it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_MAX_BYTES, backupCount=_N_OLD_LOGS, encoding="utf-8", delay=False)

    def doRollover(self) -> None:
        """Begin a new file; if the present one is held, write to it until it has doubled."""
        if self.stream is not None:
            self.stream.close()
        aside = f"{self.baseFilename}.{os.getpid()}"
        try:
            os.replace(self.baseFilename, aside)
            os.replace(aside, self.baseFilename)
        except OSError:
            # The old logs stay where they are: they would all be pushed out, one for each line.
            self.maxBytes += _MAX_BYTES
            self.stream = self._open()
        else:
            self.maxBytes = _MAX_BYTES
            super().doRollover()
