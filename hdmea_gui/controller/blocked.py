"""Whether a job that was left behind holds up all HDF5 files of the program.

The HDF5 library lets one thread in at a time. A read that hangs on a drive keeps everyone else out, also from
files on other drives; a save would hang as well, and could not be stopped.
"""

from __future__ import annotations

import time

from hdmea_gui.runner import any_left_behind

__all__ = ["refuse_if_blocked"]

_PATIENCE_S = 2.0


def refuse_if_blocked() -> None:
    """Raise SessionError, which says what to do, if a job that was left behind locks all files."""
    if not any_left_behind():
        return
    from h5py._objects import phil

    from hdmea.utils.exceptions import SessionError

    deadline = time.monotonic() + _PATIENCE_S
    while not phil.acquire(False):
        if time.monotonic() > deadline:
            raise SessionError(
                "The job that was left behind still reads from a drive that does not answer, and keeps all "
                "result files from being read or written. The session is safe in memory: connect the drive "
                "again, or disconnect it for good so that the read fails, and save then. Do not close before."
            )
        time.sleep(0.05)
    phil.release()
