from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from hdmea.pipeline import loading
from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.flows.close_guard import UnsavedDialog
from hdmea_gui.flows.open import ChooseRecordingDialog
from hdmea_gui.shell import app as application
from hdmea_gui.shell.main_window import MainWindow
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


def test_a_recording_called_h5_is_opened_as_a_recording(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    cmcr = recording[0].rename(recording[0].with_suffix(".h5"))

    drop(window, cmcr)
    idle()

    assert set(window.controller.state.sources) == {cmcr, recording[1]}
    assert window.recording.card.isVisible()


def test_the_card_of_another_recording_is_seen_whatever_was_looked_at(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    window.tabs.setCurrentWidget(window.views["unit"])
    window.panel.list.choose("extract_features")

    drop(window, *recording)
    idle()

    assert window.tabs.currentWidget() is window.recording
    chosen = window.panel.list.chosen_item
    assert chosen is not None
    assert chosen.spec.creates


def test_the_window_fills_a_screen_that_is_too_small_for_it(window: MainWindow) -> None:
    room = window.screen().availableSize()

    window.resize(room.width(), room.height() - 100)
    application.show_window(window)
    assert not window.isMaximized()

    window.resize(room.width(), room.height())
    application.show_window(window)
    assert window.isMaximized(), "its title bar needs room, too"


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
        assert said.count(path) == 1, "named, and only once"
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

    assert "does not contain a" in visible_texts(window.dialog)  # type: ignore[arg-type]


def second_recording(recording: tuple[Path, Path], name: str = "zweite-Rec") -> tuple[Path, Path]:
    """Return a copy of the demo under another name in the same folder."""
    folder = recording[0].parent
    copies = folder / f"{name}.cmcr", folder / f"{name}-.cmtr"
    for source, copy in zip(recording, copies, strict=True):
        shutil.copy(source, copy)
    return copies


@pytest.mark.parametrize("which", ["files", "folder", "folder of folders", "one file of each"])
def test_of_several_recordings_one_is_chosen(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle, tmp_path: Path, which: str
) -> None:
    other = second_recording(recording)
    dropped = {
        "files": [*recording, *other],
        "folder": [recording[0].parent],
        "folder of folders": [tmp_path],
        "one file of each": [recording[0], other[1]],
    }

    drop(window, *dropped[which])
    idle()

    dialog = window.dialog
    assert isinstance(dialog, ChooseRecordingDialog)
    assert dialog.list.count() == 2
    assert "Only one can be open at a time" in visible_texts(dialog)
    assert not window.controller.state.is_open
    dialog.list.setCurrentRow(1)
    dialog.open_button.click()
    idle()
    assert window.controller.state.dataset_id == "zweite-Rec"
    assert other[1] in window.controller.state.sources
    if which != "one file of each":
        assert set(window.controller.state.sources) == set(other)


def test_a_recording_beside_its_result_is_a_choice(
    loaded: tuple[MainWindow, tuple[Path, Path]], idle: Idle
) -> None:
    window, (cmcr, _) = loaded
    saved = cmcr.parent / "demo-Rec.h5"
    window.controller.save(saved, overwrite=False)
    idle()

    drop(window, cmcr.parent)
    idle()

    dialog = window.dialog
    assert isinstance(dialog, ChooseRecordingDialog)
    dialog.reject()
    assert window.controller.state.saved_path == saved, "cancel changes nothing"


def test_two_files_whose_names_differ_are_a_pair_if_they_have_no_other_partner(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle, tmp_path: Path
) -> None:
    cmcr = recording[0].rename(tmp_path / "raw von gestern.cmcr")
    cmtr = recording[1].rename(tmp_path / "sortiert.cmtr")

    drop(window, cmtr, cmcr)
    idle()

    assert set(window.controller.state.sources) == {cmcr, cmtr}


def test_the_card_says_what_is_inside(window: MainWindow, recording: tuple[Path, Path], idle: Idle) -> None:
    drop(window, *recording)
    idle()

    said = visible_texts(window.recording.card)
    for label in (
        "Raw recording",
        "Duration",
        "Sensors",
        "Light channels",
        "Spike-sorted file",
        "Sorted units",
        "Memory",
    ):
        assert label in said, label
    assert "electrodes" in said
    assert "GB free" in said
    assert re.search(r"5 with [\d,]+ detected peaks", said), "before the rejected ones are left out"
    assert window.recording.card.partner_button is None
    assert window.focusWidget() is window.recording.card.run_button, "Return goes on"


def test_what_does_not_fit_into_the_memory_is_said_before_it_is_loaded(
    window: MainWindow,
    recording: tuple[Path, Path],
    idle: Idle,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory, swap = psutil.virtual_memory()._replace(available=0), psutil.swap_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(psutil, "swap_memory", lambda: swap._replace(free=1 << 40))
    read = loading.read_units

    def read_after_warning(*args: Any, **kwargs: Any) -> Any:
        assert "only 0.0 GB are free. Close other programs" in caplog.text
        return read(*args, **kwargs)

    monkeypatch.setattr(loading, "read_units", read_after_warning)
    drop(window, *recording)
    idle()
    assert "This does not fit into the free memory." in visible_texts(window.recording.card)

    window.load()
    idle()
    assert window.controller.state.unit_ids, "there is a swap file"
    assert any("only 0.0 GB are free" in text for text in window.controller.state.warnings)


def test_what_does_not_fit_at_all_is_not_loaded(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, swap = (
        psutil.virtual_memory()._replace(available=0),
        psutil.swap_memory()._replace(free=0),
    )
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(psutil, "swap_memory", lambda: swap)
    drop(window, *recording)
    idle()

    window.load()
    idle()

    assert not window.controller.state.unit_ids
    said = window.controller.steps.item("load_recording").reason
    assert re.match(r"This recording needs about \d+\.\d GB of memory, but only 0\.0 GB are free\.", said)
    assert "Close other programs, or use a computer with more memory." in said


@pytest.mark.parametrize("kind", [0, 1])
def test_a_partner_that_is_not_found_is_asked_for(
    window: MainWindow,
    recording: tuple[Path, Path],
    idle: Idle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: int,
) -> None:
    elsewhere = tmp_path / "anderswo"
    elsewhere.mkdir()
    alone = recording[kind]
    partner = recording[1 - kind].rename(elsewhere / f"other name{recording[1 - kind].suffix}")
    drop(window, alone)
    idle()
    assert window.controller.state.sources == (alone,)
    button = window.recording.card.partner_button
    assert button is not None
    assert partner.suffix in button.text()
    monkeypatch.setattr(files, "ask_partner", lambda *_: partner)

    button.click()
    idle()

    assert set(window.controller.state.sources) == {alone, partner}
    assert window.recording.card.partner_button is None
    window.load()
    idle()
    assert len(window.controller.state.unit_ids) == 5


def test_a_recording_without_units_is_not_offered_to_be_loaded_again(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle, tmp_path: Path
) -> None:
    recording[1].unlink()
    drop(window, recording[0])
    idle()
    card = window.recording.card
    assert card.load_button is not None
    assert card.load_button.isVisible()

    window.load()
    idle()

    assert card.isVisible(), "there is no unit to draw"
    texts = [label for label in card.findChildren(QLabel) if label.isVisible()]
    assert all(label.height() >= label.sizeHint().height() for label in texts if not label.wordWrap())
    assert not card.load_button.isVisible()
    assert card.partner_button is not None
    assert card.partner_button.isVisible()
    assert "There are no sorted units to draw here" in visible_texts(card)
    result = tmp_path / "without units.h5"
    window.controller.save(result, overwrite=False)
    idle()
    window.open_paths([result])
    idle()
    assert not card.isVisible(), "that of the recording says nothing of the result"
    assert "This result has no sorted units" in visible_texts(window.recording)


def test_work_is_resumed_from_a_checkpoint_by_the_menu(
    loaded: tuple[MainWindow, tuple[Path, Path]], idle: Idle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, _ = loaded
    path = tmp_path / "Zwischenstand ü.h5"
    window.controller.checkpoint(path, overwrite=False)
    idle()
    window.controller.save(tmp_path / "all.h5", overwrite=False)
    idle()
    monkeypatch.setattr(files, "ask_checkpoint", lambda *_: path)

    window.actions_["open_checkpoint"].trigger()
    idle()

    assert window.controller.state.checkpoint_name == "Zwischenstand ü"


def test_a_drop_reaches_the_window_wherever_it_lands(
    loaded: tuple[MainWindow, tuple[Path, Path]],
) -> None:
    window, _ = loaded
    for item, preview in itertools.zip_longest(window.controller.steps.items, window.views.all):
        if item is not None:
            window.panel.list.choose(item.spec.name)
        if preview is not None:
            window.tabs.setCurrentWidget(preview)
        taking = [found for found in window.findChildren(QWidget) if found.acceptDrops()]
        taking = [found for found in taking if not found.isWindow() and found.isVisible()]
        assert not taking, taking


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_files_held_over_the_window_are_answered_with_what_a_drop_would_do(
    qapp: QApplication, window: MainWindow, theme: str
) -> None:
    window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(f"/data/{name}") for name in ("a.cmcr", "a-.cmtr", "b.cmcr")])

    def hold_over() -> str:
        event = QDragEnterEvent(
            QPoint(600, 300),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        qapp.sendEvent(window, event)
        assert window.drop_sign.isVisible()
        assert window.drop_sign.geometry() == window.rect()
        return visible_texts(window.drop_sign)

    assert not window.drop_sign.isVisible()
    assert hold_over() == "Drop to open\na.cmcr, a-.cmtr and 1 more"
    qapp.sendEvent(window, QDragLeaveEvent())
    assert not window.drop_sign.isVisible()
    window.actions_.allow("open", "wait for the running job, or stop it")
    assert hold_over() == "Not now\nWait for the running job, or stop it."
    qapp.sendEvent(window, QDragLeaveEvent())


def test_a_drop_of_text_is_not_taken(window: MainWindow) -> None:
    mime = QMimeData()
    mime.setText("no file")
    event = QDropEvent(
        QPointF(600, 300),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.ignore()

    window.dragEnterEvent(event)  # type: ignore[arg-type]

    assert not event.isAccepted()


@pytest.mark.parametrize("what", ["pair", "folder"])
def test_the_command_line_opens_the_same(
    qtbot: Any,
    no_leaks: None,
    recording: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("sys.excepthook", lambda *_: None)
    arguments = {"pair": [str(path) for path in recording], "folder": [str(recording[0].parent)]}
    seen: list[str] = []
    clock = QTimer()

    def look() -> None:
        for window in QApplication.topLevelWidgets():
            if isinstance(window, MainWindow) and window.controller.state.is_open:
                seen.append(window.controller.state.dataset_id)
                clock.stop()
                window.close_without_question()
                window.deleteLater()

    clock.timeout.connect(look)
    clock.start(20)

    code = application.main([*arguments[what], "--settings", str(tmp_path / "s.json")])

    assert (code, seen) == (0, ["demo-Rec"])
