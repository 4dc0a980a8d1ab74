"""Errors that damaged files lead to in a step or an export are ours; others are as they are."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmea.pipeline import PipelineSession, load_recording
from hdmea.pipeline.flows import load_flow
from hdmea.pipeline.run import blaming_file, run_step
from hdmea.recordings.inspect import inspect_file
from hdmea.stimuli.calibration import read_calibration
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.shown import read_shown
from hdmea.utils.exceptions import DriveError, HDMEAError, MissingFileError, NoAccessError, SessionError


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


@pytest.fixture
def of_file(tmp_path: Path) -> PipelineSession:
    session = PipelineSession("x")
    session.add_units({"unit_001": {"spike_times": np.arange(9, dtype=np.uint64)}})
    return PipelineSession.load(session.save(tmp_path / "x.h5"), lazy=True)


@pytest.mark.parametrize("error", [KeyError("a"), TypeError("b"), IndexError("c"), ZeroDivisionError("d")])
def test_an_error_of_python_names_the_file_and_keeps_its_cause(
    of_file: PipelineSession, error: Exception
) -> None:
    with pytest.raises(SessionError, match=r"x\.h5") as caught, blaming_file(of_file, "Axons", run_step):
        raising(error)()
    assert caught.value.__cause__ is error
    assert "Axons" in str(caught.value)
    assert caught.value.fix is not None


def test_of_a_session_in_memory_it_stays_what_it_is() -> None:
    with pytest.raises(KeyError), blaming_file(PipelineSession("x"), "Axons", run_step):
        raising(KeyError("a"))()


@pytest.mark.parametrize(
    ("number", "kind", "ours"),
    [
        (errno.ENOENT, FileNotFoundError, MissingFileError),
        (errno.EACCES, PermissionError, NoAccessError),
        (errno.EIO, OSError, DriveError),
    ],
)
def test_an_error_of_the_system_is_of_the_same_kind_and_ours(
    number: int, kind: type[OSError], ours: type[HDMEAError]
) -> None:
    with pytest.raises(ours) as caught, blaming_file(PipelineSession("x"), "Axons", run_step):
        raising(OSError(number, "x", "movie.npy"))()
    assert isinstance(caught.value, kind)
    assert "movie.npy" in str(caught.value)
    assert caught.value.fix is not None


def test_what_a_receiver_of_progress_raises_is_passed_on(of_file: PipelineSession) -> None:
    stop = ValueError("enough")
    with pytest.raises(ValueError, match="enough"), blaming_file(of_file, "Axons", run_step, lambda: stop):
        raising(stop)()


def test_an_error_in_an_extension_is_for_who_wrote_it(of_file: PipelineSession) -> None:
    with pytest.raises(KeyError), blaming_file(of_file, "Mine", raising):
        raising(KeyError("a"))()


PYTHON = re.compile(r"Error|object|argument|iterable|subscriptable|convert|dtype|numpy|NoneType|Errno")


@pytest.mark.parametrize("path", ["z" * 300, "z" * 300 + "/x.h5", "file/x.h5", "/".join(["y" * 200] * 30)])
@pytest.mark.parametrize(
    "use",
    [
        lambda path: PipelineSession("x").save(path),
        lambda path: PipelineSession("x").checkpoint(path),
        PipelineSession.load,
        lambda path: load_recording(cmcr_path=path, dataset_id="x", defer_save=True),
        lambda path: load_recording(cmtr_path=path, dataset_id="x", defer_save=True),
        lambda path: StimulusLibrary.for_recording({}, stimuli_dir=path),
        lambda path: StimulusLibrary.for_recording({}, playlist_file_path=path),
        read_calibration,
        read_shown,
        load_flow,
        inspect_file,
    ],
)
def test_a_path_that_cannot_be_is_an_error_of_ours(
    tmp_path: Path, use: Callable[[Path], object], path: str
) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(HDMEAError) as caught:
        use(tmp_path / path)
    assert caught.value.fix is not None
    assert not PYTHON.search(str(caught.value))


WRONG: dict[str, Any] = {
    "nothing": h5py.Empty("f8"),
    "text": "hello",
    "texts": np.array([b"a", b"b"]),
    "table": np.zeros(3, [("a", "f8"), ("b", "i4")]),
    "no number": np.full(2, np.nan),
    "none": np.zeros(0),
}


@pytest.mark.parametrize("wrong", [*WRONG, "variable", "group"])
@pytest.mark.parametrize(
    "place", ["metadata/acquisition_rate", "metadata", "units/id", "units/spike_times", "pipeline"]
)
def test_what_is_of_another_kind_in_a_result_is_named_without_words_of_python(
    tmp_path: Path, place: str, wrong: str
) -> None:
    session = PipelineSession("x")
    session.add_units({"unit_001": {"spike_times": np.arange(9, dtype=np.uint64)}})
    session.add_metadata({"acquisition_rate": 20_000.0, "frame_time": np.arange(5.0)})
    path = session.save(tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        del file[place]
        if wrong == "variable":
            file.create_dataset(place, (3,), h5py.vlen_dtype("f8"))
        elif wrong == "group":
            file.create_group(place)
        else:
            file[place] = WRONG[wrong]

    def use() -> None:
        damaged = PipelineSession.load(path)
        run_step(damaged, "add_section_time")
        damaged.save(tmp_path / "again.h5")

    with pytest.raises(HDMEAError) as caught:
        use()
    said = str(caught.value)
    assert not PYTHON.search(said), said
    assert caught.value.fix is not None
    if str(path) in said:
        assert place in said, said


def test_what_a_step_cannot_use_is_named(of_file: PipelineSession) -> None:
    of_file.metadata["acquisition_rate"] = np.array(["a"])
    said = "metadata/acquisition_rate is not a positive number"
    with pytest.raises(SessionError, match=said), blaming_file(of_file, "Axons", run_step):
        raising(TypeError("a"))()
