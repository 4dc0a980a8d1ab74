"""A remembered folder on a drive that does not answer holds up neither the window nor a file dialog."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog, QWidget

from hdmea_gui.dialogs import files
from hdmea_gui.engine import file_lookup
from hdmea_gui.engine.file_lookup import (
    answer_of,
    ask_beside,
    file_start,
    first_folder,
    folder_start,
    is_folder,
    is_there,
)
from hdmea_gui.engine.snapshot import FieldSpec
from hdmea_gui.flows import presets_dialog as preset_dialogs
from hdmea_gui.flows.calibration.dialog import CalibrationDialog
from hdmea_gui.flows.preferences import SettingsDialog
from hdmea_gui.flows.presets_dialog import PresetsDialog
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.presets import Preset, PresetStore
from hdmea_gui.widgets.fields import make_editor
from tests.gui.test_settings import file_actions

Loaded = tuple[MainWindow, tuple[Path, Path]]


class Drive:
    """A folder on a drive that answers when the test is over; nothing may ask it on the GUI thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers = threading.Event()
        self.asked = 0

    def wait_if_here(self, path: Any) -> None:
        if isinstance(path, (str, os.PathLike)) and Path(path).is_relative_to(self.folder):
            assert threading.current_thread() is not threading.main_thread(), f"{path} was asked for"
            self.asked += 1
            self.answers.wait(30)


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    """Return a drive that does not answer; dialogs wait for it for a moment only."""
    drive = Drive(tmp_path / "network")
    monkeypatch.setattr(file_lookup, "PATIENCE_S", 0.1)
    monkeypatch.setattr(file_lookup, "_silent", {})
    for name in ("stat", "lstat", "access", "scandir", "open", "mkdir"):
        monkeypatch.setattr(os, name, _behind(drive, getattr(os, name)))
    for name in ("isdir", "exists", "isfile"):
        monkeypatch.setattr(os.path, name, _behind(drive, getattr(os.path, name)))
    yield drive
    drive.answers.set()


def _behind(drive: Drive, real: Callable[..., Any]) -> Callable[..., Any]:
    def asked(path: Any = ".", *given: Any, **named: Any) -> Any:
        drive.wait_if_here(path)
        return real(path, *given, **named)

    return asked


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return where the dialogs of the desktop begin; each is cancelled at once."""
    found: list[str] = []

    def cancel(_parent: Any, _title: str, start: str = "", *_: Any) -> tuple[Any, str]:
        found.append(start)
        return "", ""

    def cancel_many(_parent: Any, _title: str, start: str = "", *_: Any) -> tuple[list[str], str]:
        found.append(start)
        return [], ""

    def cancel_folder(_parent: Any, _title: str, start: str = "") -> str:
        found.append(start)
        return ""

    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, cancel)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", cancel_many)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", cancel_folder)
    return found


# -- one folder --------------------------------------------------------------------------------------


def test_a_folder_is_found_or_not(qapp: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert is_folder(tmp_path)
    assert not is_folder(tmp_path / "gone")
    assert not is_folder(tmp_path / "file")
    assert not is_folder(Path("\0"))
    assert is_there(tmp_path / "file")
    assert not is_there(tmp_path / "gone")
    assert first_folder([None, tmp_path / "gone", tmp_path]) == tmp_path
    assert first_folder([None]) == Path.home()
    assert folder_start(str(tmp_path)) == str(tmp_path)
    assert folder_start("") == ""
    assert file_start(tmp_path / "new.h5") == tmp_path / "new.h5"
    assert file_start(tmp_path / "gone" / "new.h5") == Path.home() / "new.h5"


def test_the_window_goes_on_drawing_while_a_drive_is_asked(qtbot: Any, no_leaks: None, drive: Drive) -> None:
    ticks: list[bool] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(True))
    timer.start(5)

    assert not is_folder(drive.folder)

    timer.stop()
    assert len(ticks) > 2
    drive.answers.set()


def test_a_drive_that_was_silent_is_asked_again_only_after_it_answered(
    qtbot: Any, no_leaks: None, tmp_path: Path, drive: Drive
) -> None:
    drive.folder = tmp_path
    for _ in range(3):
        assert not is_folder(tmp_path)
    assert drive.asked == 1
    drive.answers.set()
    qtbot.waitUntil(lambda: is_folder(tmp_path), timeout=20_000)


def test_a_slow_drive_is_waited_for(qtbot: Any, no_leaks: None) -> None:
    ready = threading.Event()
    QTimer.singleShot(100, ready.set)

    assert answer_of(ask_beside(lambda: ready.wait(20) and "there"), 10.0) == "there"


def test_what_a_question_raises_reaches_who_asked(
    qtbot: Any, no_leaks: None, caplog: pytest.LogCaptureFixture
) -> None:
    def lost() -> None:
        raise OSError("the drive is gone")

    def odd() -> None:
        raise RuntimeError("nobody expected this")

    with pytest.raises(OSError, match="the drive is gone"):
        answer_of(ask_beside(lost), 5.0)
    assert not caplog.records
    with pytest.raises(RuntimeError, match="nobody expected this"):
        answer_of(ask_beside(odd), 5.0)
    assert "A file system query failed" in caplog.text


# -- file dialogs ------------------------------------------------------------------------------------


def test_every_dialog_that_opens_something_begins_elsewhere(
    window: MainWindow, drive: Drive, begun: list[str]
) -> None:
    values = window.settings.values
    values.open_folder = values.save_folder = str(drive.folder / "day 1")

    window.opening.open_files()
    window.opening.open_folder()
    window.opening.open_checkpoint()
    window.opening.open_partner(".cmtr")

    assert begun == [str(Path.home())] * 4


def test_saving_proposes_a_folder_that_answers(
    loaded: Loaded, drive: Drive, begun: list[str], recording: tuple[Path, Path]
) -> None:
    window, _ = loaded
    window.settings.values.save_folder = str(drive.folder / "results")

    window.saving.save_as()
    window.saving.checkpoint()
    window.saving._rename(drive.folder / "results" / "a (2).h5", "result")

    assert [Path(start).parent for start in begun[:2]] == [recording[0].parent] * 2
    assert begun[2] == str(Path.home() / "a (2).h5")


def test_the_calibration_is_looked_for_on_the_worker(
    qtbot: Any, window: MainWindow, drive: Drive, begun: list[str], tmp_path: Path
) -> None:
    window.actions_["calibration"].trigger()
    qtbot.waitUntil(lambda: not window.controller.owes_answers)
    dialog = window.dialog
    assert isinstance(dialog, CalibrationDialog)
    dialog.model.set_value("um_per_pixel", 20.0)
    dialog.path = drive.folder / "calibration.json"

    dialog.save_as()
    dialog._open_file()
    dialog._write(dialog.path, None)

    assert begun == [str(Path.home() / "calibration.json"), str(Path.home())]
    qtbot.waitUntil(lambda: drive.asked > 1, timeout=20_000)
    drive.answers.set()
    qtbot.waitUntil(lambda: dialog.question.text != "" or not dialog.is_changed, timeout=20_000)
    dialog.done(0)


def test_presets_travel_without_holding_up_the_window(
    qtbot: Any, drive: Drive, begun: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset_dialogs, "_PATIENCE_S", 0.1)
    store = PresetStore(tmp_path / "own", tmp_path / "none")
    store.save(Preset(name="Mine", steps={}))
    dialog = PresetsDialog(store, {}, str(drive.folder))
    qtbot.addWidget(dialog)

    dialog.import_file()
    dialog.export_file()
    path = drive.folder / "from a colleague.json"
    monkeypatch.setattr(files, "ask_preset", lambda *_: path)
    monkeypatch.setattr(files, "ask_preset_target", lambda *_: path)

    assert Path(begun[0]) == Path.home()
    assert Path(begun[1]).parent == Path.home()
    for act in (dialog.import_file, dialog.export_file):
        dialog._show_problem("")
        act()
        assert "the drive does not respond" in dialog.problem.text()
    drive.answers.set()


def test_the_fields_of_a_form_and_the_settings_begin_elsewhere(
    qtbot: Any, window: MainWindow, drive: Drive, begun: list[str]
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    for kind in ("file", "folder"):
        editor: Any = make_editor(FieldSpec("place", "Place", "", kind, ""), parent)
        editor.show_value(str(drive.folder / "movie"))
        editor._browse()
    window.settings.values.recovery_folder = str(drive.folder)
    window.actions_["settings"].trigger()
    assert isinstance(window.dialog, SettingsDialog)
    window.dialog._on_browse()
    window.dialog.reject()

    home = str(Path.home())
    assert begun == [str(Path.home() / "movie"), home, home]


def test_recent_files_are_asked_for_once_while_a_drive_is_silent(
    qtbot: Any, window: MainWindow, drive: Drive, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.h5"
    window.settings.values.recent = [str(drive.folder / "Rec.cmcr"), str(gone)]
    for _ in range(3):
        window.recent.aboutToShow.emit()
    qtbot.waitUntil(lambda: drive.asked > 0, timeout=20_000)
    assert drive.asked == 1
    drive.answers.set()
    qtbot.waitUntil(lambda: not file_actions(window.recent)[str(gone)].isEnabled(), timeout=20_000)


def test_the_log_folder_is_not_opened_while_its_drive_is_silent(
    window: MainWindow, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hdmea_gui.flows.help.default_log_folder", lambda: drive.folder)

    window.helping.open_log_folder()

    assert any("could not be opened" in line for line in window.log.texts())
