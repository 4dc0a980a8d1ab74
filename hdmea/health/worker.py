"""A process that finds out what takes long, so that the window stays free: ``hdmea health-worker``."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from pathlib import Path
from typing import Protocol

import psutil

from hdmea.health.measure import Report
from hdmea.utils.resources import packaged_command

__all__ = ["REQUEST", "RESULT", "command", "main", "read_result", "write_request"]

REQUEST, RESULT = "request.pickle", "result.pickle"
"""Files of the folder that both sides know; it must be this user's alone."""


def command(folder: Path) -> list[str]:
    """Return how the process is started."""
    packaged = packaged_command("health-worker", str(folder))
    return packaged or [sys.executable, "-m", "hdmea.health.worker", str(folder)]


class Request(Protocol):
    """What can be sent to the process: plain data, and what to do with them."""

    def run(self, report: Report) -> object:
        """Find out what takes long, and return it as plain data."""
        ...


def write_request(folder: Path, request: Request) -> None:
    """Write what is to be found out."""
    (folder / REQUEST).write_bytes(pickle.dumps(request, pickle.HIGHEST_PROTOCOL))


def read_result(folder: Path) -> object:
    """Return what the process found out.

    Raises
    ------
    OSError
        If it has not ended well.
    """
    return pickle.loads((folder / RESULT).read_bytes())


def main(folder: str) -> int:
    """Find out what the request in a folder asks for; lines on standard output tell how far it is."""
    place = Path(folder)
    with contextlib.suppress(psutil.Error, OSError):
        # The window, and what is run in it, come first.
        psutil.Process().nice(getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 10))
    request = pickle.loads((place / REQUEST).read_bytes())
    found = request.run(_say)
    part = place / f"{RESULT}.part"
    part.write_bytes(pickle.dumps(found, pickle.HIGHEST_PROTOCOL))
    os.replace(part, place / RESULT)
    return 0


def _say(fraction: float, text: str) -> None:
    # A window that is gone closes the pipe, which ends the process.
    sys.stdout.write(f"{fraction:.4f} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
