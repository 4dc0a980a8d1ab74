"""Replacing files: the old or the new one, never anything else; one writer at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from hdmea.utils import atomic, drive
from hdmea.utils import atomic as locks
from hdmea.utils.exceptions import SessionError


def test_the_new_file_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "x.h5"
    target.write_text("old")
    target.chmod(0o640)

    with atomic.replacing(target) as part:
        assert part.parent == tmp_path
        part.write_text("new")
        assert target.read_text() == "old"

    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]
    if os.name == "posix":
        assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "x.h5"
    target.write_text("old")

    def write_half() -> None:
        with atomic.replacing(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write_half()

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_file_and_folder_reach_the_disk_around_the_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        events.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        sync(descriptor)

    def replaced(source: Any, target: Any) -> None:
        events.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replaced)
    with atomic.replacing(tmp_path / "x.h5") as part:
        part.write_text("new")

    expected = ["file", "replace", "folder"] if sys.platform == "linux" else ["file", "replace"]
    assert events[: len(expected)] == expected


def test_leftovers_of_a_target_are_recognised_and_others_are_not(tmp_path: Path) -> None:
    target = tmp_path / "x.h5"
    with atomic.replacing(target) as left:
        left.write_text("whole")
    left.write_text("half")
    names = ("x.h5", ".x.h5.lock", f".y{left.name}", ".x.h5.hdmea-part", "a.hdmea-part")
    others = [tmp_path / name for name in names]
    for other in others:
        other.write_text("mine")

    removed = atomic.remove_leftovers(target)

    assert removed == [left]
    assert all(other.exists() for other in others)


def test_too_little_space_says_how_much_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda folder: usage(10, 5, 1_000_000))

    atomic.check_free_space(tmp_path / "x.h5", 999_999)
    with pytest.raises(SessionError, match=r"needs 3\.0 GB, but only 1\.0 MB are free"):
        atomic.check_free_space(tmp_path / "x.h5", 3_000_000_000)


@pytest.mark.parametrize("way", ["clone", "in the kernel", "by hand"])
def test_copies_are_equal_whatever_the_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    source, copy = tmp_path / "a", tmp_path / "b"
    source.write_bytes(os.urandom(3_000_001))
    if way != "clone":
        monkeypatch.setattr(drive, "clone", lambda source, copy: False)
    if way == "by hand":

        def refuse(*args: int) -> int:
            raise OSError(errno.EXDEV, "other drive")

        monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    ticks: list[int] = []

    atomic.copy_file(source, copy, ticks.append)

    assert copy.read_bytes() == source.read_bytes()
    assert sum(ticks) == 3_000_001


def test_a_file_that_another_program_holds_open_gives_a_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.h5"
    target.write_text("old")
    tries: list[int] = []

    def refuse(source: Any, to: Any) -> None:
        tries.append(1)
        raise PermissionError(errno.EACCES, "in use")

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(atomic, "_REPLACE_PAUSE_S", 0.0)
    monkeypatch.setattr(atomic, "_waits_for_readers", lambda: True)

    with pytest.raises(SessionError, match=r"another program has it open.*old file is unchanged"):
        with atomic.replacing(target) as part:
            part.write_text("new")

    assert len(tries) > 5
    assert target.read_text() == "old"
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_writers_exclude_each_other_and_the_lock_file_goes(tmp_path: Path) -> None:
    target = tmp_path / "x.h5"
    inside: list[int] = []
    most: list[int] = []

    def write() -> None:
        for _ in range(5):
            with locks.exclusive(target):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(most) == 1
    assert len(most) == 20
    assert list(tmp_path.iterdir()) == []


def test_the_same_thread_may_enter_again(tmp_path: Path) -> None:
    with locks.exclusive(tmp_path / "x.h5"), locks.exclusive(tmp_path / "x.h5", timeout_s=0):
        assert locks.lock_path(tmp_path / "x.h5").exists()
    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys, time
from pathlib import Path
from hdmea.utils import atomic as locks
with locks.exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    target = tmp_path / "x.h5"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(target)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(SessionError, match="Another program has been writing"):
            with locks.exclusive(target, timeout_s=0.1):
                pass
    finally:
        holder.kill()
        holder.communicate()
    with locks.exclusive(target, timeout_s=5):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_drive_without_locks_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locks, "_lock", refuse)
    with locks.exclusive(tmp_path / "x.h5"):
        pass

    assert "no file locks" in caplog.text
