"""Whatever happens during a write: the complete old file or the complete new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.results import files
from hdmea.results.content import SessionContent
from hdmea.utils import atomic
from hdmea.utils.exceptions import SessionError, StepCancelled
from tests.results.same import assert_same

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and limits processes as POSIX systems do")


def content_of(value: float, n_units: int = 4) -> SessionContent:
    units = {
        f"unit_{n:03d}": {"features": {"x": {"data": np.full(200_000, value + n), "metadata": {}}}}
        for n in range(n_units)
    }
    return SessionContent("x", units=units, metadata={"value": value})


def assert_holds(path: Path, value: float) -> None:
    assert_same(files.read_session(path).units, content_of(value).units)


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from hdmea.results import files
    from tests.faults.test_interrupted_writes import content_of

    path, how = Path(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    value = 1.0
    while True:
        content = content_of(value)
        if how == "write":
            files.write_session(path, content)
        else:
            changed = [("units", "unit_001"), ("units", "unit_002"), ("metadata",)]
            files.update_session(path, content, changed)
        value += 1.0
    """
)


def units_are_complete(path: Path) -> bool:
    content = files.read_session(path)
    value = content.metadata["value"]
    wanted = content_of(value)
    return all(
        np.array_equal(content.units[unit_id]["features"]["x"]["data"], unit["features"]["x"]["data"])
        for unit_id, unit in wanted.units.items()
        if unit_id in ("unit_001", "unit_002")
    )


@pytest.mark.parametrize("how", ["write", "update"])
def test_a_killed_writer_leaves_a_complete_file(tmp_path: Path, how: str) -> None:
    path = files.write_session(tmp_path / "x.h5", content_of(0.0)).path

    for delay in (0.0, 0.013, 0.031, 0.057, 0.11):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), how],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert units_are_complete(path)

    files.write_session(path, content_of(9.0))
    assert_holds(path, 9.0)
    assert [left.name for left in tmp_path.iterdir()] == ["x.h5"]


LIMITED = textwrap.dedent(
    """
    import resource, signal, sys
    from pathlib import Path
    from hdmea.results import files
    from hdmea.utils import atomic
    from hdmea.utils.exceptions import SessionError
    from tests.faults.test_interrupted_writes import assert_holds, content_of

    path, how = Path(sys.argv[1]), sys.argv[2]
    unread = files.read_session(path, lazy=True)
    content = content_of(5.0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    try:
        files.write_session(path, content)
    except SessionError as error:
        assert "may not be longer than 3.0 MB" in str(error), error
    else:
        raise SystemExit("the limit was not foreseen")
    # A quota of which the system does not tell beforehand.
    atomic._longest_file = lambda: None
    try:
        if how == "write":
            files.write_session(path, content)
        elif how == "write unread":
            files.write_session(path, unread)
        else:
            files.update_session(path, content, [("units",), ("metadata",)])
    except SessionError as error:
        message = str(error)
    else:
        raise SystemExit("no error")
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "unchanged" in message and "needs" in message and "free space" in message, message
    assert_holds(path, 0.0)
    assert float(unread.units["unit_001"]["features"]["x"]["data"][0]) == 1.0
    assert [left.name for left in path.parent.iterdir()] == ["x.h5"], list(path.parent.iterdir())
    files.write_session(path, content)
    assert_holds(path, 5.0)
    print("fine")
    """
)


@pytest.mark.parametrize("how", ["write", "write unread", "update"])
def test_a_drive_that_takes_no_more_leaves_file_and_session_as_they_were(tmp_path: Path, how: str) -> None:
    path = files.write_session(tmp_path / "x.h5", content_of(0.0)).path

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), how],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_an_error_at_the_end_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path = files.write_session(tmp_path / "x.h5", content_of(0.0)).path

    def fail(*args: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, where, fail)
        with pytest.raises(SessionError, match="the drive reports an error"):
            files.write_session(path, content_of(1.0))

    assert_holds(path, 0.0)
    assert [left.name for left in tmp_path.iterdir()] == ["x.h5"]


def test_too_little_space_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write_session(tmp_path / "x.h5", content_of(0.0)).path
    usage = atomic.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda folder: usage._replace(free=1_000_000))

    with pytest.raises(SessionError, match=r"needs \d+\.\d MB, but only 1\.0 MB are free"):
        files.write_session(path, content_of(1.0))
    with pytest.raises(SessionError, match="Nothing was changed"):
        files.update_session(path, content_of(1.0), [("units",)])

    assert_holds(path, 0.0)


@pytest.mark.parametrize("how", ["write", "update", "read"])
def test_stopping_in_the_middle_changes_nothing(tmp_path: Path, how: str) -> None:
    path = files.write_session(tmp_path / "x.h5", content_of(0.0)).path
    before = path.stat()
    said: list[float] = []

    def stop(fraction: float, text: str) -> None:
        said.append(fraction)
        raise StepCancelled("stopped")

    act = {
        "write": lambda: files.write_session(path, content_of(1.0), progress=stop),
        "update": lambda: files.update_session(path, content_of(1.0), [("units",)], progress=stop),
        "read": lambda: files.read_session(path, progress=stop),
    }[how]
    with pytest.raises(StepCancelled):
        act()

    assert len(said) == 1
    assert path.stat() == before
    assert [left.name for left in tmp_path.iterdir()] == ["x.h5"]
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == 0


def test_progress_goes_from_nothing_to_everything(tmp_path: Path) -> None:
    for act in (
        lambda progress: files.write_session(tmp_path / "x.h5", content_of(0.0, 30), progress=progress),
        lambda progress: files.update_session(
            tmp_path / "x.h5", content_of(1.0, 30), [("units",)], progress=progress
        ),
        lambda progress: files.read_session(tmp_path / "x.h5", progress=progress),
    ):
        said: list[float] = []
        act(lambda fraction, text, said=said: said.append(fraction))
        assert said == sorted(said)
        assert said[-1] == 1.0
        assert len(said) > 1
        assert all(0 <= fraction <= 1 for fraction in said)


def test_a_leftover_of_a_killed_writer_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    left = tmp_path / ".x.h5.0123456789ab.hdmea-part"
    left.write_bytes(b"half")

    files.write_session(path, content_of(0.0))

    assert not left.exists()
    assert_holds(path, 0.0)
