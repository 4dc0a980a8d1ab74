"""Stimulus set-up: proposed on the worker, edited with undo, written, and used by the steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from hdmea.stimuli.alignment import FrameLight
from hdmea.stimuli.library import LIBRARY_VARIABLE
from hdmea.stimuli.shown import read_shown
from hdmea.stimulus_setup import Block, RecordedStimulus, UnknownBlock
from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.flows.setup.dialog import SetupDialog
from hdmea_gui.flows.setup.query import SetupFound
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.widgets.label import Label

Idle = Callable[[], None]
Show = Callable[[], SetupDialog]
BLOCKS = (Block("steps", 180, 600, "light", 0.99), Block("grey", 1141, 300, "length"))


def answer(dialog: SetupDialog, text: str) -> None:
    next(button for button in dialog.question.buttons if button.text() == text).click()


@pytest.fixture
def bare(qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle) -> tuple[MainWindow, Path]:
    """Return a window with the card of a recording that has movies and definitions, but no playlist."""
    for name in ("playlist.csv", "movie_length.csv"):
        recording[0].with_name(name).unlink()
    window.open_paths(list(recording))
    idle()
    qtbot.waitUntil(lambda: bool(window.recording.card.setup_buttons))
    return window, recording[0]


@pytest.fixture
def show(qtbot: Any, window: MainWindow, idle: Idle) -> Show:
    def open_it() -> SetupDialog:
        window.actions_["stimuli"].trigger()
        dialog = window.dialog
        assert isinstance(dialog, SetupDialog)
        idle()
        qtbot.waitUntil(lambda: bool(dialog.model.checks) or not dialog.model.blocks)
        return dialog

    return open_it


@pytest.fixture
def synthetic(qtbot: Any, window: MainWindow) -> SetupDialog:
    """Return a dialog that shows a made-up recording."""
    n = 4000
    light = FrameLight(np.zeros(n), np.ones(n, bool), 1 / 60)
    known = RecordedStimulus(
        Path("rec.cmcr"),
        "rec",
        "display",
        light,
        np.arange(n) / 60,
        np.array([2000, 2400, 2800]),
        ("on", "off", "on"),
        lengths={"steps": 600, "grey": 300, "flash": 30},
    )
    unknown = (UnknownBlock(3000, 3600, 0.5, 0.2, 60.0),)
    found = SetupFound(known, BLOCKS, unknown, "made up")
    dialog = SetupDialog(window.controller, LIGHT, found=found, parent=window)
    window.dialogs.open(dialog)
    return dialog


def test_from_the_card_to_sections_without_writing_anything_by_hand(
    qtbot: Any, bare: tuple[MainWindow, Path], idle: Idle
) -> None:
    window, cmcr = bare
    window.recording.card.setup_buttons[0].click()
    dialog = window.dialog
    assert isinstance(dialog, SetupDialog)
    assert dialog.stop_button.isVisible()
    idle()
    qtbot.waitUntil(lambda: bool(dialog.model.checks))
    assert not dialog.stop_button.isVisible()
    assert [block.content_frame for block in dialog.model.blocks] == [
        180,
        180 + 361 + dialog.model.blocks[0].length,
    ]
    assert dialog.note.text() == ""
    dialog.save_button.click()
    qtbot.waitUntil(lambda: window.dialog is None)
    listed = cmcr.with_name(f"{cmcr.stem}.stimuli.json")
    assert window.controller.parameters("add_section_time").value("stimuli_path") == str(listed)
    assert cmcr.with_name("playlist.csv").is_file()
    qtbot.waitUntil(lambda: "List of stimuli" in _texts(window))
    window.controller.run_steps(["load_recording", "add_section_time"], "Sections")
    idle()
    assert "add_section_time" in window.controller.state.completed


def _texts(window: MainWindow) -> str:
    from tests.gui.conftest import visible_texts

    return visible_texts(window.recording.card)


def test_a_run_without_a_stimulus_leads_to_the_set_up(bare: tuple[MainWindow, Path], idle: Idle) -> None:
    window, _ = bare
    window.controller.run_all()
    idle()
    item = window.controller.steps.item("add_section_time")
    assert (item.state, item.detail) == (StepState.SKIPPED, "needs the stimulus")
    waiting = {step.spec.name for step in window.controller.steps.waiting_for_stimulus}
    assert {"add_section_time", "compute_sta"} <= waiting
    assert "compute_eimage_sta" not in waiting
    assert "need the stimulus" in window.stale.text.text()
    window.steps.choose("add_section_time")
    window.running.show_failure()
    window.dialog.mend_button.click()  # type: ignore[union-attr]
    assert isinstance(window.dialog, SetupDialog)
    window.dialog.reject()
    idle()
    window.stale.button.click()
    assert isinstance(window.dialog, SetupDialog)
    window.dialog.reject()
    idle()


def test_errors_offer_what_would_mend_them(
    bare: tuple[MainWindow, Path], idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, cmcr = bare
    chosen = cmcr.with_name("mine.csv")
    chosen.write_text("playlist_name,movie_names\nmine,\"['x.mov']\"\n", encoding="utf-8")
    window.controller.run_steps(["load_recording", "add_section_time"], "Sections")
    idle()
    assert isinstance(window.dialog, MessageDialog)
    window.dialog.reject()
    window.controller.parameters("add_section_time").set_value("playlist_file_path", str(chosen))
    window.controller.run_step("add_section_time")
    idle()
    assert isinstance(window.dialog, MessageDialog)
    assert "length of x is not known" in window.dialog.findChildren(Label)[1].text()
    window.dialog.reject()
    window.controller.run_step("fit_lnl")
    idle()
    assert isinstance(window.dialog, MessageDialog)
    assert window.dialog.mend_button.text() == "Run “Spike-triggered averages”"
    window.dialog.reject()
    chosen.unlink()
    window.controller.run_step("add_section_time")
    idle()
    assert isinstance(window.dialog, MessageDialog)
    assert window.dialog.mend_button.text() == "Choose “Playlist file”…"
    monkeypatch.setattr(files, "ask_stimulus", lambda *_: cmcr.with_name("other.csv"))
    window.dialog.mend_button.click()
    value = window.controller.parameters("add_section_time").value("playlist_file_path")
    assert value == str(cmcr.with_name("other.csv"))


def test_reading_can_be_stopped(bare: tuple[MainWindow, Path], idle: Idle) -> None:
    window, _ = bare
    window.actions_["stimuli"].trigger()
    dialog = window.dialog
    assert isinstance(dialog, SetupDialog)
    dialog.stop_button.click()
    idle()
    assert not dialog.is_busy
    assert not dialog.save_button.isEnabled()
    dialog.reject()
    assert window.dialog is None


def test_a_list_that_exists_is_shown_and_replaced_only_when_asked(
    qtbot: Any, bare: tuple[MainWindow, Path], show: Show
) -> None:
    window, cmcr = bare
    listed = cmcr.with_name(f"{cmcr.stem}.stimuli.json")
    entry = {"movie": "mine", "content_frame": 300, "length": 60}
    listed.write_text(json.dumps([entry]), encoding="utf-8")
    dialog = show()
    assert [block.movie for block in dialog.model.blocks] == ["mine"]
    assert listed.name in dialog.source.text()
    before = listed.read_bytes()
    dialog.model.place(310, 60)
    dialog.save()
    qtbot.waitUntil(lambda: dialog.question.asks)
    assert listed.read_bytes() == before
    answer(dialog, "Replace")
    qtbot.waitUntil(lambda: window.dialog is None)
    assert [entry.content_frame for entry in read_shown(listed)] == [310]


def test_a_block_is_moved_named_split_removed_and_all_of_it_undone(
    qtbot: Any, synthetic: SetupDialog
) -> None:
    model, history = synthetic.model, synthetic.model.history
    assert len(model.rows) == 3, "the unknown stretch is a row, too"
    synthetic.first.setValue(200)
    synthetic.first.setValue(210)
    assert (model.block.content_frame, model.block.by) == (210, "hand")  # type: ignore[union-attr]
    assert synthetic.isWindowModified()
    assert "cannot express" in synthetic.note.text()
    qtbot.keyClick(synthetic, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert model.blocks == BLOCKS, "both steps of one move are one change"
    assert not synthetic.isWindowModified()
    synthetic.redo_button.click()
    assert model.blocks[0].content_frame == 210
    model.name("flash")
    assert (model.block.movie, model.block.length) == ("flash", 30)  # type: ignore[union-attr]
    history.undo()
    history.undo()
    model.split()
    assert [(block.movie, block.content_frame, block.length) for block in model.blocks[:2]] == [
        ("steps", 180, 300), ("steps", 480, 300),
    ]  # fmt: skip
    assert model.blocks[1].label == "steps#2"
    qtbot.keyClick(synthetic.table, Qt.Key.Key_Delete)
    assert [block.content_frame for block in model.blocks] == [480, 1141]
    synthetic.undo_button.click()
    synthetic.undo_button.click()
    assert model.blocks == BLOCKS


def test_an_unknown_stretch_gets_a_name(synthetic: SetupDialog) -> None:
    model = synthetic.model
    synthetic.table.selectRow(2)
    assert "Unknown stretch" in synthetic.heading.text()
    synthetic.movie.setCurrentText("flicker")
    model.name("flicker")
    assert (model.blocks[2].movie, model.blocks[2].content_frame, model.blocks[2].length) == (
        "flicker", 3000, 600,
    )  # fmt: skip
    assert len(model.rows) == 3
    model.history.undo()
    assert model.blocks == BLOCKS
    assert model.rows[2].block is None


def test_edges_of_the_selected_block_are_dragged(synthetic: SetupDialog) -> None:
    model, region = synthetic.model, synthetic.plot.region
    assert region.isVisible()
    region.setRegion((190 / 60, 790 / 60))
    assert (model.block.content_frame, model.block.length) == (190, 600)  # type: ignore[union-attr]
    region.setRegion((190 / 60, 700 / 60))
    assert (model.block.content_frame, model.block.length) == (190, 510)  # type: ignore[union-attr]
    synthetic.whole_movie.click()
    assert model.block.length == 600  # type: ignore[union-attr]


def test_spikes_around_events_need_no_movie(synthetic: SetupDialog, qtbot: Any, tmp_path: Path) -> None:
    bar, model = synthetic.events_bar, synthetic.model
    synthetic.events_button.click()
    bar.kinds.setCurrentIndex(bar.kinds.findData("on"))
    bar.name.setText("led")
    bar.before.setValue(0.5)
    bar.after.setValue(1.0)
    bar.button.click()
    made = [block for block in model.blocks if block.movie == "led"]
    assert [(block.content_frame, block.length, block.by) for block in made] == [
        (1970, 90, "events"), (2770, 90, "events"),
    ]  # fmt: skip
    object.__setattr__(model.known, "recording", tmp_path / "rec.cmcr")
    synthetic.save()
    definition = tmp_path / "config" / "stimuli" / "led.json"
    qtbot.waitUntil(definition.is_file)
    trials = json.loads(definition.read_text(encoding="utf-8"))
    assert trials["section_kwargs"] == {"start_frame": 0, "trial_length_frame": 90, "repeat": 1}
    assert trials["baseline_frames"] == [0, 30]


def test_a_folder_that_may_not_be_written_to_leads_to_the_library(
    synthetic: SetupDialog, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    monkeypatch.setenv(LIBRARY_VARIABLE, str(library))
    # A file in the place of the folder: also refused to those who may write everywhere.
    blocked = tmp_path / "drive"
    blocked.write_bytes(b"")
    object.__setattr__(synthetic.model.known, "recording", blocked / "rec.cmcr")
    synthetic.save()
    qtbot.waitUntil(lambda: synthetic.question.asks)
    answer(synthetic, "Save in the library")
    listed = library / "recordings" / "rec" / "rec.stimuli.json"
    qtbot.waitUntil(listed.is_file)


def test_what_another_list_says_is_imported(
    synthetic: SetupDialog, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other.stimuli.json"
    path.write_text('[{"movie": "steps", "time_s": 5.0}]', encoding="utf-8")
    monkeypatch.setattr(files, "ask_shown", lambda *_: path)
    synthetic.import_button.click()
    qtbot.waitUntil(lambda: len(synthetic.model.blocks) == 1)
    assert synthetic.model.blocks[0].content_frame == 300


def test_closing_asks_if_changes_would_be_lost(window: MainWindow, synthetic: SetupDialog) -> None:
    synthetic.model.remove()
    synthetic.reject()
    assert window.dialog is synthetic
    answer(synthetic, "Cancel")
    synthetic.reject()
    answer(synthetic, "Close without saving")
    assert window.dialog is None
