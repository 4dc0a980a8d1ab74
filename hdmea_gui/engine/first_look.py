"""Files of unknown origin are opened in another process first: a crash of HDF5 ends that, not the session.

One process is started when the window is there, and is used for all files. After a crash the next file starts
another one. Where none can be started, files are opened without.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from hdmea.utils.exceptions import DataLoadError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import wait_for
from hdmea.utils.resources import packaged_command
from hdmea_gui.engine import look_child

__all__ = ["FirstLook"]

logger = logging.getLogger(__name__)

_MOST_S = 10.0
_START_S = 60.0
_LOOK_S = 0.05
_MOST_MEMORY = 1 << 30
_REMEMBERED_S = 5.0
_CRASHED = "reading it makes the HDF5 library fail in a way that would end the program"
_Stamp = tuple[int, int, int, int]


class FirstLook:
    """Opens each file in a helper process before this one does; for `hdmea.utils.giving_way.look_first`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._helper: _Helper | None = None
        self._known: dict[_Stamp, None] = {}
        self._refused: dict[_Stamp, tuple[float, str]] = {}
        self._is_usable = True

    @property
    def pid(self) -> int | None:
        """Number of the helper process, None while there is none."""
        return None if self._helper is None else self._helper.pid

    def start(self) -> None:
        """Start the process if there is none; returns before it is ready."""
        with self._starting:
            if self._helper is None and self._is_usable:
                self._helper = _Helper()

    def look(self, path: Path, own: bool = False) -> None:
        """Have a file opened, unless that was done with what it contains now.

        Parameters
        ----------
        path
            A file; nothing happens if it is not a regular one.
        own
            Whether this program has just written it.

        Raises
        ------
        DataLoadError
            If that ended the helper process, took too much memory, or did not end.
        StepCancelled
            If nobody waits for it any more.
        """
        stamp = _stamp(path)
        if stamp is None or not self._is_usable:
            return
        if own:
            self._known[stamp] = None
        while not self._lock.acquire(timeout=_LOOK_S):
            wait_for(threading.Event(), "the file that is looked into", _LOOK_S)
        try:
            if stamp in self._known:
                return
            asked_at, why = self._refused.pop(stamp, (0.0, ""))
            if time.monotonic() - asked_at > _REMEMBERED_S:
                asked_at, why = time.monotonic(), self._answer(path)
            if not why:
                self._known[stamp] = None
                return
            # One request may open a file twice, for its kind and for its content.
            self._refused[stamp] = asked_at, why
            raise DataLoadError(
                f"{path} was not opened: {why}. The file is damaged, was made to do harm, or is on a drive "
                "that hardly responds.",
                path,
                fix=Advice("Check the drive, copy the file again from its source, or choose another file."),
            )
        finally:
            self._lock.release()

    def stop(self) -> None:
        """End the process; files are opened without from now on."""
        with self._starting:
            self._is_usable = False
        self._end()

    def _end(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.end()

    def _answer(self, path: Path) -> str:
        """Return why a file must not be opened, empty without a reason."""
        while self._is_usable:
            self.start()
            helper = self._helper
            if helper is None:
                break
            try:
                if not helper.is_ready:
                    self._wait(helper, _START_S)
                    if not helper.is_ready:
                        self._is_usable = False
                        logger.warning("Files are opened without a process of their own: it did not start.")
                        break
                if helper.ask(path):
                    why = self._wait(helper, _MOST_S)
                    if why or not helper.is_alive:
                        logger.warning("The process that opens files first has ended: %s", why or _CRASHED)
                    return why or helper.said or ("" if helper.is_alive else _CRASHED)
                # Ended by someone else while it waited for a file.
                self._end()
            finally:
                if not helper.is_alive:
                    self._end()
        return ""

    def _wait(self, helper: _Helper, most_s: float) -> str:
        """Wait for an answer; return why it was not waited for any longer, empty if it came."""
        until = time.monotonic() + most_s
        try:
            while not wait_for(helper.answered, "the file to be opened", _LOOK_S):
                if helper.memory() > _MOST_MEMORY:
                    self._end()
                    return "it needs more memory than any file of its kind"
                if time.monotonic() > until:
                    self._end()
                    return f"reading its first objects takes more than {most_s:.0f} s"
        except BaseException:
            # Its answer must not be taken for that to the next file.
            self._end()
            raise
        return ""


class _Helper:
    """One helper process, and the thread that reads what it says."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.is_ready = False
        self.is_alive = True
        self.said = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._listen, name="first look", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def ask(self, path: Path) -> bool:
        """Send a path; False if the process has ended."""
        self.answered.clear()
        self.said = ""
        if self._process is None or self._process.stdin is None or not self.is_alive:
            return False
        try:
            self._process.stdin.write(json.dumps(os.fspath(path.absolute())).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def memory(self) -> int:
        """Return the bytes that the process takes."""
        try:
            return 0 if self.pid is None else int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def end(self) -> None:
        """End the process; one that a drive holds ends when that answers."""
        self.is_alive = False
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
        if self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _listen(self) -> None:
        try:
            process = _started()
        except OSError as error:
            logger.warning("No process could be started: %s", error)
        else:
            self._process = process
            if not self.is_alive:
                process.kill()
            with process, contextlib.suppress(OSError, ValueError):
                assert process.stdout is not None
                for line in process.stdout:
                    self.said = str(json.loads(line))
                    self.is_ready = True
                    self.answered.set()
        self.is_alive = False
        self.answered.set()


def _started() -> subprocess.Popen[bytes]:
    own = [sys.executable, "-P", look_child.__file__]
    return subprocess.Popen(
        packaged_command(look_child.COMMAND) or own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Each thread of NumPy's library reserves memory.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _stamp(path: Path) -> _Stamp | None:
    try:
        if not path.is_file():
            return None
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
