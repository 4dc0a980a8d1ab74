"""Two programs and one file; and what stands in the way of a save."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline.calls import step_function
from hdmea.pipeline.session import PipelineSession
from hdmea.results.files import LAYOUTS
from hdmea.utils import atomic
from hdmea.utils.exceptions import CheckpointError, HDMEAError, SessionError
from tests.faults.operations import CHANGED, NEW, OLD, registered_step, session_with, values_in, values_of


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_second_to_save_is_told_who_saved_and_when(tmp_path: Path, layout: str, lazy: bool) -> None:
    path = session_with(tmp_path, OLD).save(tmp_path / "x.h5", layout=layout)
    first, second = (PipelineSession.load(path, lazy=lazy) for _ in range(2))
    for session, value in ((first, 5.0), (second, 6.0)):
        for unit_id in session.units:
            session.add_feature(unit_id, "f", {"a": value}, {"version": "1"})
    first.save()
    saved = path.read_bytes()

    with pytest.raises(FileExistsError, match=r"was written.* at .*not changed") as told:
        second.save()

    assert isinstance(told.value, HDMEAError)
    assert told.value.fix is not None
    assert path.read_bytes() == saved
    assert second.has_unsaved_changes
    if not lazy:
        second.save(tmp_path / "other.h5")
        assert values_in(tmp_path / "other.h5") == (OLD, 6.0)
        second = PipelineSession.load(tmp_path / "other.h5")
    assert values_in(path) == (OLD, 5.0)


def test_an_immediate_step_of_a_stale_session_runs_on_the_newer_file(tmp_path: Path) -> None:
    path = session_with(tmp_path, OLD).save(tmp_path / "x.h5")
    stale = PipelineSession.load(path)
    session_with(tmp_path, NEW).save(path)

    with registered_step():
        step_function("fill")(stale, value=7.0, force=True)

    assert values_in(path) == (NEW, 7.0)
    assert values_of(stale) == (NEW, 7.0)


def test_what_hears_of_the_end_cannot_undo_it(tmp_path: Path) -> None:
    session = session_with(tmp_path, OLD)
    path = session.save(tmp_path / "x.h5")
    session.add_metadata({"more": 1.0})

    def complain(fraction: float, text: str) -> None:
        if fraction == 1.0:
            raise RuntimeError("too late")

    session.save(path, progress=complain)
    assert not session.has_unsaved_changes
    session.save(path)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "read-only file"])
@pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX systems have them")
def test_what_lies_where_the_lock_should_be_is_neither_followed_nor_waited_for(
    tmp_path: Path, kind: str
) -> None:
    path = session_with(tmp_path, OLD).save(tmp_path / "x.h5")
    lock, elsewhere = atomic.lock_path(path), tmp_path / "elsewhere"
    if kind == "link":
        lock.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    else:
        lock.touch()
        lock.chmod(0o444)

    session_with(tmp_path, NEW).save(path)

    assert values_in(path) == CHANGED
    assert not elsewhere.exists()


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices as POSIX systems have them")
def test_only_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "folder.h5").mkdir()
    session = session_with(tmp_path, OLD)
    for target in (tmp_path / "pipe.h5", tmp_path / "folder.h5", Path(os.devnull)):
        before = stat.S_IFMT(os.stat(target).st_mode)
        with pytest.raises(SessionError, match=r"not replaced|is a folder|not a regular"):
            session.save(target)
        assert stat.S_IFMT(os.stat(target).st_mode) == before
        with pytest.raises(CheckpointError, match=r"a folder|not a regular file"):
            PipelineSession.load(target)


@pytest.mark.parametrize("length", [200, 230, 252])
def test_the_longest_names_can_be_saved(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("x" * length + ".h5")
    session_with(tmp_path, OLD).save(path)
    session_with(tmp_path, NEW).save(path)
    assert values_in(path) == CHANGED
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_listed_takes_a_save(tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.mkdir()
    session = session_with(tmp_path, OLD)
    path = session.save(box / "x.h5")
    lazy = PipelineSession.load(path, lazy=True)
    lazy.add_metadata({"more": np.array([1.0])})
    box.chmod(0o300)
    try:
        lazy.save()
        assert not lazy.has_unsaved_changes
        assert values_of(lazy) == (OLD, OLD)
    finally:
        box.chmod(0o700)
