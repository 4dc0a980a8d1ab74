"""A folder that Kilosort or Phy wrote is opened like a spike-sorted file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hdmea.recordings import READERS
from hdmea_gui.engine.opening import readable_suffixes
from hdmea_gui.flows.open import ChooseRecordingDialog
from hdmea_gui.shell.main_window import MainWindow
from tests.docs.own_files import Shown
from tests.gui.conftest import visible_texts
from tests.gui.test_opening import drop
from tests.recordings.phy_folders import make_sorting, write_labels, write_phy

Idle = Callable[[], None]


@pytest.fixture
def folder(recording: tuple[Path, Path]) -> Path:
    """Return a Phy folder beside the raw demo recording, whose spike-sorted file is not there."""
    cmcr, cmtr = recording
    cmtr.unlink()
    place = cmcr.parent / "kilosort4"
    write_phy(place, make_sorting(seconds=5.0))
    return place


@pytest.mark.parametrize("which", ["folder", "raw recording", "both", "folder around", "a file of it"])
def test_a_dropped_folder_shows_what_is_inside_and_is_loaded(
    window: MainWindow, recording: tuple[Path, Path], folder: Path, idle: Idle, which: str
) -> None:
    cmcr = recording[0]
    write_labels(folder, "cluster_group.tsv", "group", {1: "noise"})
    dropped = {"folder": [folder], "raw recording": [cmcr], "both": [folder, cmcr]}
    dropped["a file of it"] = [folder / "spike_times.npy", folder / "params.py"]

    drop(window, *dropped.get(which, [folder.parent]))
    idle()

    state = window.controller.state
    assert state.dataset_id == "demo-Rec"
    assert set(state.sources) == {cmcr, folder}
    text = visible_texts(window.recording.card)
    assert "Phy folder" in text
    assert "kilosort4" in text
    assert "labelled as noise" in text
    assert "Keep noise" in text, "what to do, in the words of the window"
    assert "keep_noise" not in text
    assert window.recording.card.load_button is not None
    window.recording.card.load_button.click()
    idle()
    assert window.controller.state.unit_ids == ("unit_000", "unit_002", "unit_009")


def test_a_folder_alone_gives_units(window: MainWindow, tmp_path: Path, idle: Idle) -> None:
    write_phy(tmp_path / "X-Rec_phy")
    drop(window, tmp_path / "X-Rec_phy")
    idle()
    assert window.controller.state.sources == (tmp_path / "X-Rec_phy",)
    assert "Without the .cmcr" in visible_texts(window.recording.card)
    assert window.recording.card.load_button is not None
    window.recording.card.load_button.click()
    idle()
    assert len(window.controller.state.unit_ids) == 4


def test_a_damaged_folder_is_refused_with_its_file(window: MainWindow, tmp_path: Path, idle: Idle) -> None:
    write_phy(tmp_path / "X-Rec_phy")
    np.save(tmp_path / "X-Rec_phy" / "spike_times.npy", np.arange(4000) / 2)
    drop(window, tmp_path / "X-Rec_phy")
    idle()
    text = visible_texts(window.dialog)
    assert "spike_times.npy" in text
    assert "whole numbers" in text


def test_with_a_spike_sorted_file_as_well_the_user_chooses(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    write_phy(recording[0].parent / "demo-Rec_phy")
    drop(window, recording[0].parent)
    idle()
    assert isinstance(window.dialog, ChooseRecordingDialog)


def test_a_file_of_an_added_reader_is_opened_with_its_recording(
    window: MainWindow, recording: tuple[Path, Path], tmp_path: Path, idle: Idle
) -> None:
    cmcr, cmtr = recording
    cmtr.unlink()
    shown = Shown(tmp_path / "my lab", "docs/how_to_write_a_reader.md")
    READERS.register_file(shown.path)
    try:
        table = cmcr.with_suffix(".spikes")
        table.write_text("7,0.5\n3,0.0125\n7,0.25\n")
        assert ".spikes" in readable_suffixes()
        drop(window, cmcr)
        idle()
        assert set(window.controller.state.sources) == {cmcr, table}
        assert "Spike table" in visible_texts(window.recording.card)
        assert window.recording.card.load_button is not None
        window.recording.card.load_button.click()
        idle()
        assert window.controller.state.unit_ids == ("unit_003", "unit_007")
    finally:
        READERS.remove("spike_table")
