"""The settings dialog, what follows from it, settings of other versions, and the menu of recent files."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest

from hdmea_gui.engine.auto_checkpoint import Keeper
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.file_lookup import Lookup
from hdmea_gui.flows import preferences
from hdmea_gui.flows.preferences import Place, SettingsDialog, look_at_folder
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.recent_menu import RecentMenu
from hdmea_gui.store.settings import Settings, SettingsStore

# -- the file ----------------------------------------------------------------------------------------


def test_settings_of_a_newer_version_are_used_and_kept_for_it(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"version": 99, "theme": "dark", "hologram": {"depth": 3}}))

    store = SettingsStore(path)
    store.values.open_folder = "/data"
    store.write()

    assert store.values.theme == "dark"
    assert "newer version" in store.problems[0]
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["version"] == 99
    assert written["hologram"] == {"depth": 3}
    assert written["open_folder"] == "/data"


def test_settings_of_the_first_version_get_the_defaults_of_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theme": "light", "recent": ["/data/a.cmcr"], "auto_checkpoint": False}))

    values = SettingsStore(path).values

    assert values.recent_limit == Settings().recent_limit
    assert values.recent == ["/data/a.cmcr"]
    assert values.auto_checkpoint is False


def test_the_first_start_has_no_settings_and_leaves_some(qtbot: Any, no_leaks: None, tmp_path: Path) -> None:
    path = tmp_path / "not there yet" / "settings.json"
    store = SettingsStore(path)
    window = MainWindow(Controller(), store)
    window.show()

    assert not store.problems
    window.close_without_question()
    assert SettingsStore(path).values == store.values


def test_settings_that_cannot_be_read_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": ')

    store = SettingsStore(path)
    store.write()

    assert "settings.broken.json" in store.problems[0]
    assert (tmp_path / "settings.broken.json").read_text() == '{"theme": '
    assert SettingsStore(path).problems == []


# -- the dialog --------------------------------------------------------------------------------------


def shown(window: MainWindow, qtbot: Any) -> SettingsDialog:
    """Return the settings dialog, with its folder looked at."""
    window.actions_["settings"].trigger()
    dialog = window.dialog
    assert isinstance(dialog, SettingsDialog)
    qtbot.waitUntil(lambda: not dialog.is_looking, timeout=20_000)
    return dialog


def test_what_is_chosen_is_applied_written_and_heeded(window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "before")
    window.controller.keeper = keeper
    window.settings.values.recent = [f"/data/{number}.cmcr" for number in range(9)]
    dialog = shown(window, qtbot)
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    dialog.automatic.setChecked(True)
    dialog.folder.setText(str(tmp_path / "Sicherung µ"))
    dialog.share.setValue(35)
    dialog.recent.setValue(4)
    qtbot.waitUntil(lambda: not dialog.is_looking, timeout=20_000)

    QTest.keyClick(dialog, Qt.Key.Key_Return)

    values = SettingsStore(window.settings.path).values
    assert (values.theme, values.recovery_share, values.recent_limit) == ("dark", 0.35, 4)
    assert len(values.recent) == 4
    assert window.actions_["theme_dark"].isChecked()
    assert (keeper.folder, keeper.share, keeper.enabled) == (tmp_path / "Sicherung µ", 0.35, True)
    window.controller.keeper = None


def test_cancel_changes_nothing(window: MainWindow, qtbot: Any) -> None:
    before = window.settings.values.model_copy(deep=True)
    dialog = shown(window, qtbot)
    dialog.share.setValue(77)
    dialog.theme.setCurrentIndex(2)

    QTest.keyClick(dialog, Qt.Key.Key_Escape)

    assert window.settings.values == before
    assert window.dialog is None


def test_a_folder_that_cannot_be_used_is_refused_in_place(
    window: MainWindow, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    dialog = shown(window, qtbot)
    assert dialog.ok.isEnabled()
    assert "free now" in dialog.note.text()

    for text, words in ((str(tmp_path / "file" / "x"), "is a file"), ("somewhere", "complete path")):
        dialog.folder.setText(text)
        qtbot.waitUntil(lambda: not dialog.is_looking, timeout=20_000)
        assert words in dialog.problem
        assert not dialog.ok.isEnabled()

    dialog.automatic.setChecked(False)
    assert dialog.ok.isEnabled()
    dialog.defaults.click()
    qtbot.waitUntil(lambda: not dialog.is_looking, timeout=20_000)
    assert dialog.folder.text() == ""
    assert dialog.automatic.isChecked()
    assert dialog.problem == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    assert "written" in look_at_folder(tmp_path / "new").problem


def test_looking_at_a_slow_drive_does_not_hold_up_the_window(
    window: MainWindow, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def slow(_folder: Path) -> Place:
        assert threading.current_thread() is not threading.main_thread()
        answer.wait(20)
        return Place("The drive does not respond.")

    monkeypatch.setattr(preferences, "look_at_folder", slow)
    window.actions_["settings"].trigger()
    dialog = window.dialog
    assert isinstance(dialog, SettingsDialog)

    assert dialog.isVisible()
    assert dialog.is_looking
    answer.set()
    qtbot.waitUntil(lambda: dialog.problem == "The drive does not respond.", timeout=20_000)


# -- late answers ------------------------------------------------------------------------------------


def test_of_two_questions_only_the_later_is_answered(qtbot: Any, no_leaks: None) -> None:
    first, lookup = threading.Event(), Lookup()
    answers: list[object] = []
    lookup.answered.connect(answers.append)

    def late() -> str:
        first.wait(20)
        return "first"

    lookup.ask(late)
    lookup.ask(lambda: "second")
    qtbot.waitUntil(lambda: answers == ["second"], timeout=20_000)
    first.set()

    assert not lookup.is_waiting
    lookup.deleteLater()


def test_a_question_that_fails_is_answered_with_the_error(qtbot: Any, no_leaks: None) -> None:
    def fail() -> None:
        raise OSError("the drive is gone")

    lookup = Lookup()
    with qtbot.waitSignal(lookup.answered, timeout=20_000) as answered:
        lookup.ask(fail)

    assert isinstance(answered.args[0], OSError)
    lookup.deleteLater()


# -- recent files ------------------------------------------------------------------------------------


def file_actions(menu: RecentMenu) -> dict[str, QAction]:
    return {action.data(): action for action in menu.actions() if isinstance(action.data(), str)}


def test_missing_recent_files_are_greyed_and_say_so(window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    there, gone = tmp_path / "Rec.cmcr", tmp_path / "other" / "Rec.cmcr"
    there.touch()
    window.settings.values.recent = [str(there), str(gone)]

    window.recent.aboutToShow.emit()
    qtbot.waitUntil(lambda: not file_actions(window.recent)[str(gone)].isEnabled(), timeout=20_000)

    found = file_actions(window.recent)
    assert found[str(there)].isEnabled()
    assert found[str(there)].toolTip() == str(there)
    assert "Not found" in found[str(gone)].toolTip()
    assert str(gone) in found[str(gone)].toolTip()
    assert "other" in found[str(gone)].text(), "two files of one name are told apart by their folders"


def test_a_recent_file_is_opened(window: MainWindow, qtbot: Any, recording: tuple[Path, Path]) -> None:
    window.settings.values.recent = [str(recording[0])]
    window.recent.aboutToShow.emit()

    with qtbot.waitSignal(window.controller.opened, timeout=30_000):
        file_actions(window.recent)[str(recording[0])].trigger()


def test_the_list_is_cleared(window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    window.settings.values.recent = [str(tmp_path / "a.cmcr")]
    window.recent.aboutToShow.emit()
    clear = next(action for action in window.recent.actions() if "Clear" in action.text())

    clear.trigger()
    window.recent.aboutToShow.emit()

    assert not file_actions(window.recent)
    assert any("No recent files" in action.text() for action in window.recent.actions())
    assert SettingsStore(window.settings.path).values.recent == []
