"""Where results go: tried before the first step, and kept elsewhere if saving fails in the end."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.declare import StepDefinition, StepParams, step
from hdmea.pipeline import PipelineSession
from hdmea.pipeline import destination as destinations
from hdmea.pipeline.calls import call_step
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.destination import check_target, prepare, rescue_folders
from hdmea.utils import drive
from hdmea.utils.exceptions import MissingFileError, ResultsRescuedError, SessionError, StepCancelled

Refuse = Callable[..., None]


def step_that(does: Callable[[], None]) -> StepDefinition[Any]:
    @step("toy", title="Toy", params=StepParams, result=lambda run: run.hdf5_path)
    def toy(session: Any, params: Any, ctx: StepContext) -> None:
        """Do something, and leave a number."""
        does()
        ctx.put(1, "metadata", "toy")

    return toy


@pytest.fixture
def refuges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The user's data folder and the temporary folder, both in this test's own folder."""
    data, temporary = tmp_path / "data" / "rescued", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_args, **_named: data.parent)
    monkeypatch.setattr("hdmea.pipeline.destination._temporary", lambda: temporary)
    return data, rescue_folders()[1]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Let the drive refuse to create files or to write in some folders, as one that is read-only or full."""

    def refuse_in(*folders: Path, code: int = errno.EROFS, written: bool = False) -> None:
        inside: set[int] = set()
        create, write = drive.create, drive.write

        def create_or_refuse(path: Path) -> int:
            is_inside = path.parent in folders
            if is_inside and not written:
                raise OSError(code, os.strerror(code), str(path))
            descriptor = create(path)
            (inside.add if is_inside else inside.discard)(descriptor)
            return descriptor

        def write_or_refuse(descriptor: int, data: memoryview, at: int) -> None:
            if descriptor in inside:
                raise OSError(code, os.strerror(code))
            write(descriptor, data, at)

        monkeypatch.setattr(drive, "create", create_or_refuse)
        monkeypatch.setattr(drive, "write", write_or_refuse)

    return refuse_in


def make_session(folder: Path) -> PipelineSession:
    session = PipelineSession("Rec 1", output_dir=folder)
    session.add_units({"unit_001": {"spike_times": np.arange(9, dtype=np.uint64)}})
    return session


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.EROFS, "the drive is read-only"),
        (errno.EACCES, "access is not permitted"),
        (errno.ENOSPC, "the drive is full"),
        (errno.ENAMETOOLONG, "the name is too long"),
    ],
)
def test_a_place_that_takes_no_file_is_refused_with_the_reason(
    tmp_path: Path, refuse: Refuse, code: int, said: str
) -> None:
    refuse(tmp_path, code=code)
    with pytest.raises(SessionError, match=said) as caught:
        check_target(tmp_path / "x.h5")
    assert caught.value.fix is not None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a" * 300 + ".h5", "file/x.h5", "file/deeper/x.h5", "folder", "pipe", "link", "a\0b.h5"]
)
def test_what_cannot_be_a_result_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    if name == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no named pipes")
        os.mkfifo(tmp_path / "pipe")
    if name == "link":
        (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(SessionError) as caught:
        check_target(tmp_path / name)
    assert caught.value.fix is not None
    assert {path.name for path in tmp_path.iterdir()} - {"pipe", "link"} == {"file", "folder"}
    assert (tmp_path / "file").read_text() == "a file"


def test_space_is_asked_for_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SessionError, match="GB are free"):
        check_target(tmp_path / "x.h5", 10**18)
    if os.name == "posix":
        with monkeypatch.context() as limited:
            limited.setattr("resource.getrlimit", lambda which: (3_000_000, -1))
            with pytest.raises(SessionError, match=r"ulimit -f.*Raise the limit"):
                check_target(tmp_path / "x.h5", 3_000_001)
    check_target(tmp_path / "new" / "folder" / "x.h5", 10)
    assert (tmp_path / "new" / "folder").is_dir()


@pytest.mark.skipif(os.name != "posix", reason="other systems do not have such folders")
def test_a_file_that_others_may_not_replace_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.h5"
    target.write_text("of a colleague")
    check_target(target)
    tmp_path.chmod(0o1777)
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: 4_000_000)
        with pytest.raises(SessionError, match="access is not permitted"):
            check_target(target)
    check_target(tmp_path / "mine.h5")
    monkeypatch.setattr(drive, "remove", lambda path: os.unlink(os.fspath(path) + " is append-only"))
    with pytest.raises(SessionError):
        check_target(tmp_path / "mine.h5")


def test_the_refuge_is_the_users_folder_then_the_temporary_one_then_one_above(
    tmp_path: Path, refuges: tuple[Path, Path], refuse: Refuse
) -> None:
    data, temporary = refuges
    output = tmp_path / "day" / "results"
    assert prepare(output / "x.h5").refuge == data
    refuse(data)
    assert prepare(output / "x.h5").refuge == temporary
    refuse(data, temporary)
    assert prepare(output / "x.h5").refuge == tmp_path / "day"
    refuse(data, temporary, tmp_path / "day")
    assert prepare(output / "x.h5").refuge == tmp_path


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no links")
def test_the_temporary_folder_of_someone_else_or_a_link_is_not_used(
    tmp_path: Path, refuges: tuple[Path, Path], refuse: Refuse
) -> None:
    data, temporary = refuges
    refuse(data)
    (tmp_path / "elsewhere").mkdir()
    temporary.symlink_to(tmp_path / "elsewhere")
    assert prepare(tmp_path / "out" / "x.h5").refuge == tmp_path


def test_without_a_home_results_never_go_to_a_relative_folder(
    tmp_path: Path, refuges: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_args, **_named: Path("~/.local/share"))
    assert rescue_folders() == [refuges[1]]


def test_results_that_cannot_be_written_are_kept_and_the_place_is_said(
    tmp_path: Path, refuges: tuple[Path, Path], refuse: Refuse
) -> None:
    output = tmp_path / "out"
    session = make_session(output)
    place = prepare(output / "x.h5")
    refuse(output, code=errno.ENOSPC, written=True)
    with pytest.raises(ResultsRescuedError) as caught, place.keeping(session):
        session.save(output / "x.h5")
    kept = caught.value.rescued
    assert kept.parent == refuges[0]
    assert kept.name.startswith("Rec 1-")
    assert str(kept) in str(caught.value)
    assert "the drive is full" in str(caught.value)
    again = PipelineSession.load(kept)
    assert not again.is_saved
    np.testing.assert_array_equal(again.units["unit_001"]["spike_times"], np.arange(9))


def test_the_next_place_is_taken_if_the_chosen_one_has_become_full(
    tmp_path: Path, refuges: tuple[Path, Path], refuse: Refuse
) -> None:
    output = tmp_path / "out"
    session = make_session(output)
    place = prepare(output / "x.h5")
    refuse(output, refuges[0], code=errno.EDQUOT, written=True)
    with pytest.raises(ResultsRescuedError) as caught, place.keeping(session):
        session.save(output / "x.h5")
    assert caught.value.rescued.parent == refuges[1]


def test_the_error_itself_is_raised_if_no_place_takes_the_results(
    tmp_path: Path, refuges: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(tmp_path)
    place = prepare(tmp_path / "x.h5")
    monkeypatch.setattr(destinations, "rescue", lambda *_: None)
    with pytest.raises(SessionError, match="as it is"), place.keeping(session):
        raise SessionError("as it is")
    monkeypatch.undo()
    with pytest.raises(StepCancelled), place.keeping(session):
        raise StepCancelled("stopped")
    assert not refuges[0].exists() or list(refuges[0].iterdir()) == []


def test_a_step_on_a_file_is_refused_before_it_begins(
    tmp_path: Path, refuges: tuple[Path, Path], refuse: Refuse
) -> None:
    session = make_session(tmp_path)
    path = session.save(tmp_path / "x.h5")
    refuse(tmp_path)
    ran: list[int] = []
    with pytest.raises(SessionError, match="read-only"):
        call_step(step_that(lambda: ran.append(1)), {"hdf5_path": path})
    assert ran == []


def test_what_a_step_on_a_file_computed_is_kept_if_the_file_cannot_be_written(
    tmp_path: Path, refuges: tuple[Path, Path], refuse: Refuse
) -> None:
    path = make_session(tmp_path).save(tmp_path / "x.h5")
    before = path.read_bytes()

    def fill_the_drive() -> None:
        refuse(tmp_path, code=errno.ENOSPC)

    with pytest.raises(ResultsRescuedError) as caught:
        call_step(step_that(fill_the_drive), {"hdf5_path": path})
    assert path.read_bytes() == before
    assert PipelineSession.load(caught.value.rescued).metadata["toy"] == 1


def test_a_step_on_a_file_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        call_step(step_that(lambda: None), {"hdf5_path": tmp_path / "nowhere" / "x.h5"})
    assert list(tmp_path.iterdir()) == []
