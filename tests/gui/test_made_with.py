"""What an opened result was made with: shown in the form, and nowhere else than in that session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication

from hdmea.pipeline import PipelineSession, run_step
from hdmea_gui.flows.provenance_dialog import ProvenanceDialog
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow

Idle = Callable[[], None]


@pytest.fixture
def result(recording: tuple[Path, Path], tmp_path: Path) -> Path:
    """A result whose sections have a margin of 30 frames."""
    session = PipelineSession("other lab", output_dir=tmp_path)
    cmcr, cmtr = recording
    run_step(session, "load_recording", {"cmcr_path": cmcr, "cmtr_path": cmtr})
    run_step(session, "add_section_time", {"pre_margin_frame_num": 30})
    return session.save(tmp_path / "made elsewhere.h5")


def test_the_form_shows_what_the_result_was_made_with(
    window: MainWindow, recording: tuple[Path, Path], result: Path, idle: Idle
) -> None:
    model = window.controller.parameters("add_section_time")
    model.set_value("pre_margin_frame_num", 45)

    window.open_paths([result])
    idle()

    assert model.value("pre_margin_frame_num") == 30
    assert model.value("playlist_file_path") is None, "files are looked for beside the recording"
    assert window.controller.parameters("load_recording").hint("cmtr_path") == "", "a result is not a source"
    assert window.controller.steps.item("add_section_time").state is StepState.DONE
    model.set_value("pre_margin_frame_num", 31)
    assert window.controller.steps.item("add_section_time").state is StepState.CHANGED
    assert window.controller.step_parameters.remembered()["add_section_time"] == {"pre_margin_frame_num": 45}

    window.open_paths(list(recording))
    idle()
    assert model.value("pre_margin_frame_num") == 45, "what came with a result holds for that result alone"


def test_running_with_the_parameters_of_the_result_keeps_it(
    window: MainWindow, result: Path, idle: Idle
) -> None:
    window.open_paths([result])
    idle()
    window.controller.run_steps(("add_section_time",), "Sections")
    idle()
    assert not window.controller.state.unsaved


def test_how_it_was_made_can_be_read_copied_and_used(
    window: MainWindow, result: Path, idle: Idle, qtbot: Any
) -> None:
    window.open_paths([result])
    idle()
    model = window.controller.parameters("add_section_time")
    model.set_value("pre_margin_frame_num", 31)
    window.panel.list.choose("add_section_time")
    window.actions_["show_provenance"].trigger()
    dialog = window.dialog
    assert isinstance(dialog, ProvenanceDialog)

    dialog.copy_button.click()
    lines = QGuiApplication.clipboard().text().splitlines()
    title = model.field("pre_margin_frame_num").title
    assert f"{title}\t30 frames" in lines
    assert f"File\t{result}" in lines
    assert any(line.startswith("Program\tHD-MEA Studio 0.") for line in lines)
    assert any(line.startswith("File\t") and line.endswith(".cmcr") for line in lines)

    dialog.use_button.click()
    assert model.value("pre_margin_frame_num") == 30
    window.controller.step_parameters.history.undo()
    assert model.value("pre_margin_frame_num") == 31
