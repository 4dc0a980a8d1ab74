"""Reading through Python: a drive that is slow, gives little at a time, or fails."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.recordings.mcs.hdf5 import open_source, reading
from hdmea.results import files
from hdmea.results.content import SessionContent
from hdmea.utils import h5, open_file
from hdmea.utils.exceptions import CheckpointError, DataLoadError, StepCancelled
from hdmea.utils.giving_way import on_this_thread

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


@pytest.fixture(params=["script", "window"])
def thread_of(request: pytest.FixtureRequest) -> Iterator[str]:
    """A thread that works for itself, or one that a window waits for: there drives are asked by another."""
    if request.param == "script":
        yield request.param
        return
    with on_this_thread(lambda: None):
        yield request.param


@pytest.fixture
def result(tmp_path: Path) -> Path:
    units = {"unit_001": {"spike_times": np.arange(100_000, dtype=np.int64)}}
    return files.write_session(tmp_path / "result.h5", SessionContent("x", units=units)).path


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
            files.read_session(result)
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
    file: Path, monkeypatch: pytest.MonkeyPatch, thread_of: str
) -> None:
    drive(monkeypatch, lambda opened, buffer: FileIO.readinto(opened, memoryview(buffer)[:1000]))

    with open_source(file) as source:
        assert np.array_equal(source["whole"][...], np.arange(200_000))
        assert np.array_equal(source["pieces"][...], np.arange(50_000))
        assert len(source["group"]) == 300


def test_an_error_of_the_drive_is_told_and_the_file_is_closed(
    file: Path, monkeypatch: pytest.MonkeyPatch, thread_of: str
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
            pytest.raises(DataLoadError, match=r"cannot read the data.*the drive reports an error"),
            reading(file, "the data"),
        ):
            source["pieces"][...]

    assert [each.closed for each in opened] == [True]


def test_a_drive_that_fails_at_once_is_told_and_the_file_is_closed(
    result: Path, monkeypatch: pytest.MonkeyPatch, thread_of: str
) -> None:
    def fail(opened: FileIO, buffer: Any) -> int | None:
        raise OSError(errno.ESTALE, "Stale file handle")

    opened = drive(monkeypatch, fail)
    with pytest.raises(CheckpointError, match="Stale file handle"):
        files.read_session(result)

    assert opened
    assert all(each.closed for each in opened)


def test_a_file_closes_with_its_last_reader(
    file: Path, monkeypatch: pytest.MonkeyPatch, thread_of: str
) -> None:
    opened = drive(monkeypatch, FileIO.readinto)

    first, second = h5.open_file(file), h5.open_file(file)
    first.close()
    assert [each.closed for each in opened] == [True, False]
    assert h5py.Dataset(h5py.h5d.open(second, b"whole"))[3] == 3
    second.close()

    assert [each.closed for each in opened] == [True, True]


def test_a_file_is_read_while_someone_else_has_it_open_in_another_way(file: Path) -> None:
    with h5py.File(file, "r", locking=True), open_source(file) as source:
        assert source["whole"][5] == 5


def test_nobody_waits_for_a_drive_whose_data_are_wanted_no_more_and_other_files_can_be_read(
    file: Path, result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(opened: FileIO, buffer: Any) -> int | None:
        if opened.name == file:
            asked.set()
            assert answer.wait(WAIT_S)
        return FileIO.readinto(opened, buffer)

    opened = drive(monkeypatch, hang)
    with (
        on_this_thread(lambda: None, asked.is_set),
        pytest.raises(StepCancelled, match=r"waiting for the drive of .*recording ä"),
        open_source(file) as source,
    ):
        source["whole"][...]

    assert not opened[0].closed
    assert open_file.drives_hang()
    with pytest.raises(DataLoadError, match="the drive does not respond"), open_source(file):
        pass
    assert files.read_session(result).units["unit_001"]["spike_times"][7] == 7
    answer.set()
    for thread in threading.enumerate():
        if thread.name == "reads a file":
            thread.join(WAIT_S)
    assert opened[0].closed
    assert not open_file.drives_hang()
    with open_source(file) as source:
        assert source["whole"][9] == 9


def test_data_are_the_same_whatever_their_place_and_size(tmp_path: Path, thread_of: str) -> None:
    rng = np.random.default_rng(1)
    block = open_file._BLOCK_NBYTES
    sizes = [0, 1, 7, 511, block - 1, block, block + 1, 3 * block + 5, *rng.integers(1, 4 * block, 20)]
    data = {f"{at}": rng.integers(0, 255, size, np.uint8) for at, size in enumerate(sizes)}
    path = tmp_path / "sizes.h5"
    with h5py.File(path, "w") as made:
        for name, values in data.items():
            made[name] = values
            made[name].attrs["name"] = name * 40

    with open_source(path) as source:
        for name in rng.permutation(list(data)):
            assert np.array_equal(source[name][...], data[name])
            assert source[name].attrs["name"] == name * 40
            middle = slice(data[name].size // 3, data[name].size // 2)
            assert np.array_equal(source[name][middle], data[name][middle])


def test_a_large_file_is_read_whole_with_few_blocks_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_file, "_MOST_BLOCKS", 2)
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as made:
        for number in range(1500):
            made[f"{number}"] = np.full(100, number)

    with open_source(path) as source:
        assert all(source[f"{number}"][50] == number for number in range(0, 1500, 7))
        assert all(source[f"{number}"][99] == number for number in range(1499, 0, -11))


def test_a_file_that_is_opened_again_is_not_read_again_unless_it_has_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch, thread_of: str
) -> None:
    times: list[int] = []

    def count(opened: FileIO, buffer: Any) -> int | None:
        times.append(len(buffer))
        return FileIO.readinto(opened, buffer)

    drive(monkeypatch, count)
    for _ in range(2):
        times.clear()
        with open_source(file) as source:
            assert source["group/7"][()] == 7
    assert times == []

    with h5py.File(file, "r+") as changed:
        changed["group/7"][()] = 8
    os.utime(file, ns=(0, 1))
    with open_source(file) as source:
        assert source["group/7"][()] == 8
    assert times
