"""Each call of the system fails, once or for ever: told and the old file, or the new one complete."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline.session import PipelineSession
from hdmea.utils import drive
from hdmea.utils.exceptions import HDMEAError

CALLS = ("create", "write", "truncate", "sync", "rename", "clone", "copy_range")


def make_session(folder: Path, value: float) -> PipelineSession:
    session = PipelineSession("x", output_dir=folder)
    units = {
        f"unit_{number:03d}": {
            "spike_times": np.arange(20, dtype=np.uint64),
            "image": np.full((100, 100), value),
            "features": {"f": {"data": {"a": value}, "metadata": {"version": "1"}}},
        }
        for number in range(3)
    }
    session.add_units(units)
    return session


def save(session: PipelineSession, path: Path) -> None:
    session.save(path)


def compressed(session: PipelineSession, path: Path) -> None:
    session.save(path, compression="gzip")


def checkpoint(session: PipelineSession, path: Path) -> None:
    session.checkpoint(path)


def update(session: PipelineSession, path: Path) -> None:
    session.held = None
    session.write_changes(path, [("units", unit_id, "features", "f") for unit_id in session.units])


class Faults:
    """Counts the calls of `hdmea.utils.drive` and lets the n-th fail."""

    def __init__(self, patch: pytest.MonkeyPatch, n: int, code: int, *, for_ever: bool) -> None:
        self.count = 0
        for name in CALLS:
            patch.setattr(drive, name, self._wrapped(getattr(drive, name), n, code, for_ever))

    def _wrapped(self, real: Callable[..., Any], n: int, code: int, for_ever: bool) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.count += 1
            if self.count == n or (for_ever and self.count > n > 0):
                raise OSError(code, os.strerror(code))
            return real(*arguments)

        return call


def values_in(path: Path) -> set[float]:
    units = PipelineSession.load(path).units
    assert all(np.ptp(unit["image"]) == 0 for unit in units.values())
    return {unit["features"]["f"]["data"]["a"] for unit in units.values()}


@pytest.mark.parametrize("for_ever", [False, True])
@pytest.mark.parametrize("operation", [save, compressed, checkpoint, update])
def test_whichever_call_fails_it_is_told_and_nothing_is_lost(
    tmp_path: Path, operation: Callable[[PipelineSession, Path], None], for_ever: bool
) -> None:
    path = tmp_path / "x.h5"
    make_session(tmp_path, 1.0).save(path)
    old = path.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        faults = Faults(patch, 0, errno.EIO, for_ever=False)
        operation(make_session(tmp_path, 1.0), path)
        calls = faults.count
    assert calls > 10
    for n in range(1, calls + 1):
        path.write_bytes(old)
        session = make_session(tmp_path, 2.0)
        code = (errno.ENOSPC, errno.EIO, errno.EACCES)[n % 3]
        told = False
        with pytest.MonkeyPatch.context() as patch:
            Faults(patch, n, code, for_ever=for_ever)
            try:
                operation(session, path)
            except (HDMEAError, OSError):
                told = True
        if told:
            assert path.read_bytes() == old, (n, "the old file is untouched")
        else:
            assert values_in(path) == {2.0}, (n, "what was said to be written is written")
        session.save(tmp_path / "elsewhere.h5")
        assert values_in(tmp_path / "elsewhere.h5") == {2.0}


SCRIPT = """
import errno, os, sys
from pathlib import Path
import numpy as np
from hdmea.pipeline.session import PipelineSession
from hdmea.utils import drive

real, count = drive.write, 0

def failing(*arguments):
    global count
    count += 1
    if count == int(sys.argv[1]):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real(*arguments)

drive.write = failing
session = PipelineSession("x", output_dir=Path(sys.argv[2]))
session.add_units({"unit_001": {"spike_times": np.arange(20, dtype=np.uint64), "image": np.ones((100, 100))}})
try:
    session.save()
except Exception as error:
    print("told:", error)
session.save(Path(sys.argv[2]) / "elsewhere.h5")
"""


@pytest.mark.parametrize("n", [2, 8, 16])
def test_a_process_in_which_a_save_failed_ends_in_order(tmp_path: Path, n: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(n), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "told:" in done.stdout
    assert (tmp_path / "elsewhere.h5").is_file()
    assert done.returncode == 0, done.stderr
