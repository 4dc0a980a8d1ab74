"""Errors and warnings have titles of steps and labels of parameters in the window."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hdmea
from hdmea.declare import all_steps
from hdmea.utils.exceptions import ConfigurationError, MissingInputError, ValidationError
from hdmea.utils.fixes import (
    Advice,
    ChooseFile,
    ComputeAgain,
    Each,
    Either,
    Fix,
    Replace,
    RunStep,
    SaveAs,
    SetParameter,
)
from hdmea.utils.notices import Notice
from hdmea.utils.validation import Problem
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.forms import describe_step
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.engine.words import WINDOW
from hdmea_gui.engine.workspace import Workspace
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts

ENGINE = Path(hdmea.__file__).parent
# Names the columns of a file.
COLUMNS = ENGINE / "stimuli/playlist.py"
ROOMS = ("declare", "exporters", "features", "pipeline", "recordings", "stimuli")
FIXES: list[tuple[Fix, str]] = [
    (RunStep("compute_sta"), "Run “Spike-triggered averages” first."),
    (RunStep("compute_sta", again=True), "Run “Spike-triggered averages” again."),
    (RunStep("extract_features", feature="on_off"), "Run “Features” with the feature “ON and OFF response” "
     "first."),
    (SetParameter("movie_name"), "Set “Movie”."),
    (SetParameter("cutoff_hz", "compute_eimage_sta", value=50), "Set “High-pass cutoff” of “Electrical "
     "images” to 50."),
    (SetParameter("frame_correction", "load_recording", value=True), "Select “Correct frames” of “Load "
     "recording”."),
    (SetParameter("frame_correction", "load_recording", value=False), "Clear “Correct frames” of “Load "
     "recording”."),
    (SetParameter("movie", "extract_features", feature="dense_noise"), "Set “Movie” of the feature “Receptive"
     " field”."),
    (SetParameter("nothing_known"), "Set “nothing_known”."),
    (ChooseFile("stimuli_dir"), "Choose “Movie folder”."),
    (ChooseFile("cmcr_path", "load_recording"), "Choose “Raw recording” of “Load recording”."),
    (ComputeAgain(), "Run the step again to recompute it."),
    (SaveAs(), "Save under another name."),
    (Replace(), "Choose another name."),
    (Advice("Sort the spikes."), "Sort the spikes."),
    (Either((ChooseFile("stimuli_dir"), Advice("Put it there."))), "Choose “Movie folder”, or put it there."),
    (Each((RunStep("load_recording"), RunStep("compute_sta"))), "Run “Load recording” first. Run "
     "“Spike-triggered averages” first."),
]  # fmt: skip


@pytest.mark.parametrize(("fix", "said"), FIXES, ids=lambda value: type(value).__name__)
def test_the_window_says_each_fix_with_titles_and_labels(fix: Fix, said: str) -> None:
    assert MissingInputError("Why.", step="compute_sta", fix=fix).text(WINDOW) == f"Why. {said}"
    assert Notice("Why.", step="compute_sta", fix=fix).text(WINDOW) == f"Why. {said}"


def test_a_refused_value_is_named_by_its_label() -> None:
    problem = Problem("pad_frame", "Padding", "must be at least 0 frames, not -3")
    error = ValidationError(problems=(problem,), step="add_section_time")
    assert error.text(WINDOW) == "“Padding” must be at least 0 frames, not -3."


def test_a_failure_has_the_words_of_the_window_and_the_traceback_those_of_python() -> None:
    error = ConfigurationError("Several movies.", step="compute_sta", fix=SetParameter("movie_name"))
    failure = Failure.of(error)
    assert failure.reason == "Several movies. Set “Movie”."
    assert "Pass movie_name." in failure.details


def test_warnings_of_an_opened_result_have_the_words_of_the_window(tmp_path: Path) -> None:
    from hdmea.pipeline.session import PipelineSession, create_session

    session = create_session("x")
    notice = Notice("No pitch.", fix=SetParameter("sensor_pitch_um"), step="extract_axon_path")
    from hdmea.results.content import StepProvenance

    session.warnings += [notice, "Only a text."]
    session.steps["extract_axon_path"] = StepProvenance(warnings=(notice,))
    path = session.save(tmp_path / "x.h5")
    workspace = Workspace()

    state = workspace.adopt(PipelineSession.load(path, lazy=True), (path,))

    assert state.warnings == ("No pitch. Set “Electrode pitch”.", "Only a text.")
    assert PipelineSession.load(path).warnings == ["No pitch. Pass sensor_pitch_um.", "Only a text."]
    workspace.close()


# -- the engine --------------------------------------------------------------------------------------


def _messages() -> Iterator[tuple[str, str]]:
    """Yield where and what the steps and features warn of or raise, with … for what is put in."""
    for path in sorted(path for room in ROOMS for path in ENGINE.glob(f"{room}/**/*.py") if path != COLUMNS):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else node
            if not isinstance(call, ast.Call):
                continue
            warns = (
                isinstance(call.func, ast.Attribute)
                and call.func.attr in {"warn", "inform"}
                and ast.unparse(call.func.value).endswith("ctx")
            )
            if warns or isinstance(node, ast.Raise):
                for argument in call.args[:1]:
                    if text := _text(argument):
                        yield f"{path.relative_to(ENGINE)}:{call.lineno}", text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return ""


def test_no_message_of_a_step_names_a_step_or_a_parameter_as_python_does() -> None:
    names = {name for name in all_steps() if "_" in name}
    for definition in all_steps().values():
        names |= {name for name in definition.params.model_fields if "_" in name}
    pattern = re.compile(rf"(?<![\w./])({'|'.join(names)})(?![\w(/.])|force=|\w+=(True|False|\.\.\.)")
    said = list(_messages())
    assert len(said) > 80

    assert [(where, text) for where, text in said if pattern.search(text)] == []


# -- in the window -----------------------------------------------------------------------------------


def test_the_log_says_titles_and_the_log_file_what_scripts_are_told(
    window: MainWindow, caplog: pytest.LogCaptureFixture, qtbot: Any
) -> None:
    notice = Notice("Several movies.", step="compute_sta", fix=SetParameter("movie_name"))
    logging.getLogger("hdmea.pipeline.run").warning("%s: %s", "Spike-triggered averages", notice)

    wanted = "Spike-triggered averages: Several movies. Set “Movie”."
    qtbot.waitUntil(lambda: any(wanted in line for line in window.log.texts()), timeout=20_000)
    assert "Spike-triggered averages: Several movies. Pass movie_name." in caplog.text


def test_why_a_step_failed_is_said_with_titles(
    window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None]
) -> None:
    window.open_paths(list(recording))
    idle()

    window.controller.run_step("compute_sta")
    idle()

    item = window.controller.steps.item("compute_sta")
    assert item.state is StepState.FAILED
    assert isinstance(window.dialog, MessageDialog)
    for said in (item.reason, item.detail, visible_texts(window.dialog), "\n".join(window.log.texts())):
        assert "Load recording" in said
        assert "load_recording" not in said
        assert "compute_sta" not in said
    assert item.detail.startswith("needs ")


def test_what_the_form_says_of_a_value_is_readable() -> None:
    model = ParameterModel(describe_step(all_steps()["section_spike_times"]))
    model.set_value("pad_margin", (-1.0, 0.0))

    assert model.problems() == {"pad_margin": "Must be two times of 0 s or more."}
