from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.dialogs.unsaved import UnsavedDialog
from hdmea_gui.main_window import MainWindow
from tests.gui.conftest import visible_texts

Idle = Callable[[], None]


def drop(window: MainWindow, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(
        QPointF(600, 300),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dragEnterEvent(event)  # type: ignore[arg-type]
    assert event.isAccepted()
    window.dropEvent(event)


@pytest.mark.parametrize("which", ["both", "raw only", "sorted only", "folder"])
def test_a_dropped_recording_shows_what_is_inside(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle, which: str
) -> None:
    cmcr, cmtr = recording
    dropped = {"both": [cmtr, cmcr], "raw only": [cmcr], "sorted only": [cmtr], "folder": [cmcr.parent]}

    drop(window, *dropped[which])
    idle()

    assert window.controller.state.dataset_id == "demo-Rec"
    assert set(window.controller.state.sources) == {cmcr, cmtr}, "the partner is found"
    text = visible_texts(window.recording.card)
    assert cmcr.name in text
    assert cmtr.name in text
    assert window.recording.card.isVisible()
    assert not window.controller.state.unsaved


def test_a_dropped_result_is_opened_with_its_units(
    loaded: tuple[MainWindow, tuple[Path, Path]], idle: Idle, tmp_path: Path
) -> None:
    window, _ = loaded
    saved = tmp_path / "gespeichert ä.h5"
    window.controller.save(saved, overwrite=False)
    idle()

    drop(window, saved)
    idle()

    assert window.controller.state.saved_path == saved
    assert len(window.controller.state.unit_ids) == 5
    assert "saved" in window.windowTitle()


def test_a_dropped_checkpoint_is_resumed_as_not_saved(
    loaded: tuple[MainWindow, tuple[Path, Path]], idle: Idle, tmp_path: Path
) -> None:
    window, _ = loaded
    checkpoint = tmp_path / "between.h5"
    window.controller.checkpoint(checkpoint, overwrite=False)
    idle()
    assert window.controller.state.unsaved
    assert "checkpointed" in window.windowTitle()

    drop(window, checkpoint)
    question = window.dialog
    assert isinstance(question, UnsavedDialog)
    question.discard_button.click()
    idle()

    assert window.controller.state.checkpoint_name == "between"
    assert window.controller.state.saved_path is None
    assert window.controller.state.completed == ("load_recording",)


def test_what_cannot_be_used_is_named_with_the_reason(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle, tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("nothing")
    broken = tmp_path / "broken.cmtr"
    broken.write_bytes(b"no HDF5 at all")

    drop(window, text, broken, tmp_path / "gone.h5")
    idle()

    assert isinstance(window.dialog, MessageDialog)
    said = visible_texts(window.dialog)
    for path in ("notes.txt", "broken.cmtr", "gone.h5"):
        assert path in said
    assert "Nothing was opened" in said
    assert not window.controller.state.is_open


def test_a_broken_file_of_a_pair_leaves_the_other_one(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    cmcr, cmtr = recording
    cmcr.write_bytes(b"cut off")

    drop(window, cmtr)
    idle()

    assert window.controller.state.sources == (cmtr,)
    assert isinstance(window.dialog, MessageDialog)
    assert cmcr.name in visible_texts(window.dialog)


def test_a_failed_opening_keeps_the_session(
    loaded: tuple[MainWindow, tuple[Path, Path]], idle: Idle, tmp_path: Path
) -> None:
    window, _ = loaded
    before = window.controller.state
    wrong = tmp_path / "wrong.h5"
    wrong.write_bytes(b"x")

    window.controller.open([wrong])
    idle()

    assert window.controller.state == before


def test_the_demo_is_made_and_opened(window: MainWindow, idle: Idle) -> None:
    window.recording.welcome.demo_button.click()
    idle()

    assert window.controller.state.dataset_id == "demo-Rec"
    assert window.settings.values.recent


def test_source_files_are_not_changed(
    loaded: tuple[MainWindow, tuple[Path, Path]], demo_pair: tuple[Path, Path]
) -> None:
    _, (cmcr, cmtr) = loaded

    assert cmcr.read_bytes() == demo_pair[0].read_bytes()
    assert cmtr.read_bytes() == demo_pair[1].read_bytes()


def test_a_folder_without_recordings_says_so(window: MainWindow, idle: Idle, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    drop(window, empty)
    idle()

    assert "holds no" in visible_texts(window.dialog)  # type: ignore[arg-type]
