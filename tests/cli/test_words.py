"""The command line says what to do by its options."""

from __future__ import annotations

import logging

import pytest

from hdmea.cli.terminal import errors_told
from hdmea.cli.words import COMMAND_LINE
from hdmea.utils.exceptions import MissingInputError, ValidationError
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

FIXES: list[tuple[Fix, str]] = [
    (RunStep("compute_sta"), "Choose a flow that runs compute_sta before it: hdmea run … --flow FLOW."),
    (RunStep("compute_sta", again=True), "Run compute_sta again: add --force to hdmea run."),
    (
        RunStep("extract_features", feature="on_off"),
        """Add the feature: --set 'extract_features.features=["on_off"]'.""",
    ),
    (SetParameter("movie_name"), "Pass --set fit_lnl.movie_name=VALUE."),
    (SetParameter("trials", "compute_sta", value="all"), "Pass --set compute_sta.trials=all."),
    (
        SetParameter("frame_correction", "load_recording", value=True),
        "Pass --set load_recording.frame_correction=true.",
    ),
    (SetParameter("window", value=(-60, 0)), "Pass --set 'fit_lnl.window=[-60, 0]'."),
    (
        SetParameter("movie", feature="dense_noise"),
        """Pass --set 'fit_lnl.config_overrides={"dense_noise": {"movie": "VALUE"}}'.""",
    ),
    (ChooseFile("cmcr_path"), "Name the .cmcr file on the command line."),
    (ChooseFile("stimuli_dir"), "Pass --set fit_lnl.stimuli_dir=PATH."),
    (ComputeAgain(), "Pass --force to recompute it."),
    (SaveAs(), "Choose another file with --output."),
    (Replace(), "Pass --overwrite to replace it."),
    (Advice("Sort the spikes."), "Sort the spikes."),
    (
        Either((SaveAs(), Replace())),
        "Choose another file with --output, or pass --overwrite to replace it.",
    ),
    (Each((ComputeAgain(), SaveAs())), "Pass --force to recompute it. Choose another file with --output."),
]


@pytest.mark.parametrize(("fix", "said"), FIXES, ids=lambda value: type(value).__name__)
def test_the_command_line_says_each_fix(fix: Fix, said: str) -> None:
    assert MissingInputError("Why.", step="fit_lnl", fix=fix).text(COMMAND_LINE) == f"Why. {said}"


def test_a_refused_value_is_named_as_its_option_is() -> None:
    problem = Problem("pad_frame", "Padding", "must be at least 0 frames, not -3")
    error = ValidationError(problems=(problem,), step="add_section_time")
    assert error.text(COMMAND_LINE) == "add_section_time.pad_frame must be at least 0 frames, not -3."


def test_errors_and_warnings_reach_the_terminal_in_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    import typer

    notice = Notice("No pitch.", step="extract_axon_path", fix=SetParameter("sensor_pitch_um"))

    def fails() -> None:
        with errors_told(debug=False):
            logging.getLogger("hdmea.pipeline.run").warning("%s: %s", "Axons", notice)
            raise MissingInputError("Nothing.", fix=ComputeAgain())

    with pytest.raises(typer.Exit):
        fails()
    said = capsys.readouterr().err
    assert "warning: Axons: No pitch. Pass --set extract_axon_path.sensor_pitch_um=VALUE." in said
    assert "error: Nothing. Pass --force to recompute it." in said
