"""Whether a job that was left behind holds up all HDF5 files of the program.

The HDF5 library lets one thread in at a time. A read that hangs on a drive keeps everyone else out, also from
files on other drives; a save would hang as well, and could not be stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hdmea_gui.engine.worker import any_left_behind

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea.results.lazy import LazySource

__all__ = ["drives_hang", "refuse_if_blocked", "refuse_to_hang"]

_PATIENCE_S = 2.0
_READ_PATIENCE_S = 0.2


def drives_hang() -> bool:
    """Return whether a drive has not yet answered for a file whose reading was given up."""
    from hdmea.utils import open_file

    return open_file.drives_hang()


def refuse_if_blocked() -> None:
    """Raise SessionError, which says what to do, if a job that was left behind locks all files."""
    if any_left_behind() and not _comes_free(_all_files_are_locked, _PATIENCE_S):
        from hdmea.utils.exceptions import SessionError

        raise SessionError(
            "The job that was left behind still reads from a drive that does not answer, and keeps all "
            "result files from being read or written. The session is safe in memory: connect the drive "
            "again, or disconnect it for good so that the read fails, and save then. Do not close before."
        )


def refuse_to_hang(session: PipelineSession) -> None:
    """Have what a session reads on first use fail while a worker that was left behind hangs in it."""
    from hdmea.results.lazy import lazy_entries

    trees = (session.units, session.metadata, session.stimulus, session.extra)
    for source in {entry.source for tree in trees for *_, entry in lazy_entries(tree)}:
        source.before_reading = _refuse_if_stuck


def _refuse_if_stuck(source: LazySource) -> None:
    if any_left_behind() and not _comes_free(
        lambda: source.is_held or _all_files_are_locked(), _READ_PATIENCE_S
    ):
        from hdmea.utils.exceptions import SessionError

        raise SessionError(
            f"{source.path} cannot be read: its drive does not answer. Connect it again, or disconnect it "
            f"for good. What is in memory is safe."
        )


def _comes_free(locked: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while locked():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _all_files_are_locked() -> bool:
    from h5py._objects import phil

    free = phil.acquire(False)
    if free:
        phil.release()
    return not free
