"""Errors and warnings keep their fields, and say them in the words of Python."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import pytest

from hdmea.utils import exceptions
from hdmea.utils.exceptions import (
    CacheConflictError,
    CheckpointError,
    ConfigurationError,
    DataLoadError,
    ExistingFileError,
    HDMEAError,
    MissingFileError,
    MissingInputError,
    SessionError,
    ValidationError,
)
from hdmea.utils.fixes import (
    PYTHON,
    Advice,
    ChooseFile,
    ComputeAgain,
    Either,
    Fix,
    Replace,
    RunStep,
    SaveAs,
    SetParameter,
    fix_as_json,
    fix_from_json,
)
from hdmea.utils.notices import Notice, notices_as_json, notices_from_json
from hdmea.utils.validation import Problem

CLASSES = [
    value for _, value in inspect.getmembers(exceptions, inspect.isclass) if issubclass(value, HDMEAError)
]
FIXES: list[tuple[Fix, str]] = [
    (RunStep("compute_sta"), "Run compute_sta first."),
    (RunStep("compute_sta", again=True), "Run compute_sta again with force=True."),
    (
        RunStep("extract_features", feature="baseline"),
        "Run extract_features with features=('baseline',) first.",
    ),
    (SetParameter("movie_name"), "Pass movie_name."),
    (SetParameter("trials", value="all"), "Pass trials='all'."),
    (
        SetParameter("frame_correction", "load_recording", value=True),
        "Pass frame_correction=True to load_recording.",
    ),
    (SetParameter("movie", feature="dense_noise"), "Pass config_overrides={'dense_noise': {'movie': …}}."),
    (ChooseFile("cmcr_path"), "Pass its path as cmcr_path."),
    (ChooseFile("config_dir"), "Pass its folder as config_dir."),
    (ComputeAgain(), "Pass force=True to recompute it."),
    (SaveAs(), "Save it under another name: session.save(path)."),
    (Replace(), "Pass overwrite=True to replace it."),
    (Replace(value="other"), "Pass overwrite='other' to replace it."),
    (Advice("Sort the spikes."), "Sort the spikes."),
    (Either((SaveAs(), Replace())), "Save it under another name: session.save(path), or pass overwrite=True "
     "to replace it."),
]  # fmt: skip


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_carries_its_fields(kind: type[HDMEAError]) -> None:
    place = {"file_path": "a.h5"} if kind is DataLoadError else {"path": "a.h5"}
    error = kind("Why.", step="compute_sta", parameter="movie_name", fix=RunStep("load_recording"), **place)

    for seen in (error, pickle.loads(pickle.dumps(error))):
        assert (seen.message, seen.step, seen.parameter) == ("Why.", "compute_sta", "movie_name")
        assert (seen.path, seen.fix) == (Path("a.h5"), RunStep("load_recording"))
        assert str(seen) == "Why. Run load_recording first."
    assert str(kind("Why.")) == "Why."


def test_an_error_is_also_what_older_scripts_expect() -> None:
    for kind, base in (
        (ValidationError, ValueError),
        (ValidationError, ConfigurationError),
        (CheckpointError, ValueError),
        (CheckpointError, SessionError),
        (CacheConflictError, FileExistsError),
        (ExistingFileError, FileExistsError),
        (MissingFileError, FileNotFoundError),
    ):
        assert issubclass(kind, base)


def test_a_data_load_error_keeps_its_signature() -> None:
    below = OSError("x")
    error = DataLoadError("Why.", "a.cmcr", below)
    assert (error.file_path, error.original_error, error.path) == (Path("a.cmcr"), below, Path("a.cmcr"))


@pytest.mark.parametrize(("fix", "said"), FIXES, ids=lambda value: type(value).__name__)
def test_python_says_each_fix(fix: Fix, said: str) -> None:
    assert PYTHON.fix(fix, "compute_sta") == said
    assert str(MissingInputError("Why.", step="compute_sta", fix=fix)) == f"Why. {said}"


@pytest.mark.parametrize("fix", [fix for fix, _ in FIXES], ids=lambda value: type(value).__name__)
def test_a_fix_survives_json(fix: Fix) -> None:
    assert fix_from_json(fix_as_json(fix)) == fix


def test_a_fix_of_a_newer_version_is_none() -> None:
    for stored in (
        {"kind": "Later"},
        {"kind": "RunStep", "speed": 3},
        "text",
        {"kind": "Either", "fixes": []},
    ):
        assert fix_from_json(stored) is None


def test_a_refused_value_is_named_as_python_does() -> None:
    problems = (Problem("pad_frame", "Padding", "must be at least 0"), Problem("", "", "the rest is wrong"))
    error = ValidationError(problems=problems, step="add_section_time")

    assert error.parameter == "pad_frame"
    assert error.message == "“Padding” must be at least 0.\nThe rest is wrong."
    assert str(error) == "pad_frame of add_section_time must be at least 0.\nThe rest is wrong."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_warning_is_a_text_that_keeps_its_fields() -> None:
    notice = Notice("The pitch is not known.", fix=SetParameter("sensor_pitch_um"), step="a")

    assert notice == "The pitch is not known. Pass sensor_pitch_um."
    stored = notices_as_json([notice, "Plain.", Notice("Also plain.")])
    restored = notices_from_json(stored)
    assert restored == [notice, "Plain.", "Also plain."]
    for seen in (restored[0], pickle.loads(pickle.dumps(notice))):
        assert isinstance(seen, Notice)
        assert (seen.message, seen.fix, seen.step) == (notice.message, notice.fix, "a")


def test_a_warning_of_a_newer_version_stays_a_text() -> None:
    stored = [{"text": "Said.", "message": "S", "fix": {"kind": "Later"}, "step": ""}]
    assert notices_from_json(stored) == ["Said."]
