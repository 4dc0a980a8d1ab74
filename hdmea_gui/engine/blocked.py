"""Whether an abandoned job blocks all HDF5 files of the program.

The HDF5 library lets one thread in at a time. A read that hangs on a drive blocks all other threads, also for
files on other drives; a save would hang as well, and could not be stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hdmea_gui.engine.worker import any_left_behind

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea.results.unread import Source

__all__ = ["drives_hang", "refuse_if_blocked", "refuse_to_hang"]

_PATIENCE_S = 2.0
_READ_PATIENCE_S = 0.2


def drives_hang() -> bool:
    """Return whether an abandoned read is still waiting for its drive."""
    from hdmea.utils import open_file

    return open_file.drives_hang()


def refuse_if_blocked() -> None:
    """Raise SessionError, which says what to do, if an abandoned job blocks all files."""
    if any_left_behind() and not _comes_free(_all_files_are_locked, _PATIENCE_S):
        from hdmea.utils.exceptions import SessionError
        from hdmea.utils.fixes import Advice

        raise SessionError(
            "The abandoned job is still reading from a drive that does not respond, which prevents all "
            "result files from being read or written. The session is safe in memory.",
            fix=Advice(
                "Reconnect the drive, or disconnect it completely so that the read fails, and then save. Do "
                "not close the program before that."
            ),
        )


def refuse_to_hang(session: PipelineSession) -> None:
    """Let reads of unread data fail while an abandoned worker hangs in such a read."""
    from hdmea.results.unread import unread_entries

    trees = (session.units, session.metadata, session.stimulus, session.extra)
    for source in {entry.source for tree in trees for *_, entry in unread_entries(tree)}:
        source.before_reading = _refuse_if_stuck


def _refuse_if_stuck(source: Source) -> None:
    if any_left_behind() and not _comes_free(
        lambda: source.is_held or _all_files_are_locked(), _READ_PATIENCE_S
    ):
        from hdmea.utils.exceptions import SessionError
        from hdmea.utils.fixes import Advice

        raise SessionError(
            f"{source.path} cannot be read because its drive does not respond. The data in memory are safe.",
            fix=Advice("Reconnect the drive, or disconnect it completely."),
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
