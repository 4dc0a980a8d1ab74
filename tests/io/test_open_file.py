"""Reading through Python: a drive that is slow, gives little at a time, or fails."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.io import h5, hdf5_store, open_file
from hdmea.io.hdf5_store import SessionContent
from hdmea.io.mcs_hdf5 import open_source, reading
from hdmea.utils.exceptions import CheckpointError, DataLoadError

WAIT_S = 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recording ä.cmcr"
    with h5py.File(path, "w") as made:
        made["whole"] = np.arange(200_000)
        made.create_dataset("pieces", data=np.arange(50_000), chunks=(1000,), compression="gzip")
        for number in range(300):
            made[f"group/{number}"] = number
    return path


@pytest.fixture
def result(tmp_path: Path) -> Path:
    units = {"unit_001": {"spike_times": np.arange(100_000, dtype=np.int64)}}
    return hdf5_store.write_session(tmp_path / "result.h5", SessionContent("x", units=units))


def drive(monkeypatch: pytest.MonkeyPatch, readinto: Callable[[FileIO, Any], int | None]) -> list[FileIO]:
    """Have files read as a drive would that behaves so; return those that were opened."""
    opened: list[FileIO] = []

    class Drive(FileIO):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            opened.append(self)

        def readinto(self, buffer: Any) -> int | None:
            return readinto(self, buffer)

    monkeypatch.setattr(open_file, "FileIO", Drive)
    return opened


@pytest.mark.parametrize("what", ["recording", "result"])
def test_other_threads_go_on_while_a_drive_does_not_answer(
    file: Path, result: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    asked, answer, done = threading.Event(), threading.Event(), threading.Event()

    def wait(opened: FileIO, buffer: Any) -> int | None:
        asked.set()
        assert answer.wait(WAIT_S)
        return FileIO.readinto(opened, buffer)

    def read() -> None:
        if what == "result":
            hdf5_store.read_session(result)
        else:
            with open_source(file) as source:
                assert source["whole"][-1] == 199_999
        done.set()

    drive(monkeypatch, wait)
    thread = threading.Thread(target=read)
    thread.start()
    # This thread would not come back from here if HDF5 waited for the drive itself.
    assert asked.wait(WAIT_S)
    assert not done.is_set()
    answer.set()
    thread.join(WAIT_S)
    assert done.is_set()


def test_a_drive_may_give_less_at_a_time_than_was_asked_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive(monkeypatch, lambda opened, buffer: FileIO.readinto(opened, memoryview(buffer)[:1000]))

    with open_source(file) as source:
        assert np.array_equal(source["whole"][...], np.arange(200_000))
        assert np.array_equal(source["pieces"][...], np.arange(50_000))
        assert len(source["group"]) == 300


def test_an_error_of_the_drive_is_told_and_the_file_is_closed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = False

    def fail_later(opened: FileIO, buffer: Any) -> int | None:
        if broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return FileIO.readinto(opened, buffer)

    opened = drive(monkeypatch, fail_later)
    with open_source(file) as source:
        broken = True
        with (
            pytest.raises(DataLoadError, match=r"cannot read the data.*Input/output error"),
            reading(file, "the data"),
        ):
            source["pieces"][...]

    assert [each.closed for each in opened] == [True]


def test_a_drive_that_fails_at_once_is_told_and_the_file_is_closed(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(opened: FileIO, buffer: Any) -> int | None:
        raise OSError(errno.ESTALE, "Stale file handle")

    opened = drive(monkeypatch, fail)
    with pytest.raises(CheckpointError, match="Stale file handle"):
        hdf5_store.read_session(result)

    assert opened
    assert all(each.closed for each in opened)


def test_a_file_closes_with_its_last_reader(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = drive(monkeypatch, FileIO.readinto)

    first, second = h5.open_file(file), h5.open_file(file)
    first.close()
    assert [each.closed for each in opened] == [True, False]
    assert h5py.Dataset(h5.open_dataset(second, "whole"))[3] == 3
    second.close()

    assert [each.closed for each in opened] == [True, True]


def test_a_file_is_read_while_someone_else_has_it_open_in_another_way(file: Path) -> None:
    with h5py.File(file, "r", locking=True), open_source(file) as source:
        assert source["whole"][5] == 5
