"""Errors that damaged files lead to in a step or an export are ours; others are as they are."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.pipeline.run import blaming_file, run_step
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
