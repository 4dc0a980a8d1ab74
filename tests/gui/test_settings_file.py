"""Whatever the settings file holds, and wherever it lies: the program starts, works and closes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.flows.recover import make_keeper
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import VERSION, Settings, SettingsStore

WRONG = [
    *(None, True, False, 0, -1, 7, 10**30, 1e308, float("nan"), float("inf")),
    *("", "x", "\0", "\ud800", "\udcff", "中" * 5000, "../..", "/dev/null", "C:\\", "relative"),
    *([], [1], ["x"], [None], [[]], [-1, -5], [10**30, 10**30], [2**31, 2**31], [2**31 - 1] * 3, ["\0"] * 50),
    *({}, {"x": 1}, {"load_recording": [1]}, {"compute_sta": {"cover_range": "x", "movie_name": [1, 2]}}),
    {"add_section_time": {"pad_frame": 10**30, "playlist_name": "\ud800"}},
]


def walk_through(qtbot: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsStore:
    """Start the window with these settings, open what reads them, close it; return what it wrote."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: ("", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_args: ([], ""))
    settings = SettingsStore(path)
    window = MainWindow(
        Controller(keeper=make_keeper(settings.values)), settings, path.parent / "demo", "tiny"
    )
    window.show()
    window.controller.start()
    window.recovery.offer()
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
    for item in window.controller.steps.items:
        window.panel.list.choose(item.spec.name)
    window.recent.aboutToShow.emit()
    for action in ("settings", "calibration", "presets"):
        window.actions_[action].trigger()
        assert window.dialog is not None, action
        window.dialog.close()
    for action in ("open", "export_view"):
        window.actions_[action].trigger()
    assert window.isVisible()
    assert window.tabs.isVisible()
    window.close_without_question()
    assert window.joined
    window.deleteLater()
    return SettingsStore(path)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: ascii(value)[:24])
def test_no_value_of_any_setting_stops_the_program(
    qtbot: Any, no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(dict.fromkeys(Settings.model_fields, value)), encoding="utf-8")

    again = walk_through(qtbot, path, monkeypatch)

    assert all("newer version" in text for text in again.problems), "what was written is allowed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '"text"',
        "null",
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"version": 1e999}',
        "\0" * 4000,
    ],
    ids=lambda text: ascii(text)[:12],
)
def test_no_file_stops_the_program_and_what_was_there_is_kept(
    qtbot: Any, no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text, encoding="utf-8")
    problems = SettingsStore(path).problems
    kept = path.with_suffix(".broken.json")

    again = walk_through(qtbot, path, monkeypatch)

    assert len(problems) == 1
    assert not again.problems
    assert text == '{"version": 1e999}' or kept.read_text(encoding="utf-8") == text


def test_a_file_that_an_editor_began_with_a_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "dark"}', encoding="utf-8-sig")

    store = SettingsStore(path)

    assert store.values.theme == "dark"
    assert store.problems == []


def test_a_newer_version_keeps_what_this_one_does_not_know(
    qtbot: Any, no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    newer = {
        "version": VERSION + 1,
        "theme": "dark",
        "colour_of_the_future": {"a": [1, 2]},
        "recent": "all of them",
    }
    path.write_text(json.dumps(newer), encoding="utf-8")
    said = SettingsStore(path).problems

    walk_through(qtbot, path, monkeypatch)

    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["version"] == VERSION + 1
    assert written["colour_of_the_future"] == {"a": [1, 2]}
    assert written["theme"] == "dark"
    assert written["recent"] == []
    assert any("newer version" in text for text in said)
    assert any("recent" in text for text in said)


@pytest.mark.parametrize("what", ["folder is a file", "file is a folder", "no permission"])
def test_settings_that_cannot_be_read_or_written_are_only_logged(
    qtbot: Any,
    no_leaks: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    folder = tmp_path / "einstellungen"
    path = folder / "settings.json"
    if what == "folder is a file":
        folder.write_text("x")
    elif what == "file is a folder":
        (path / "inside").mkdir(parents=True)
    else:
        folder.mkdir()
        path.write_text('{"theme": "dark"}')

        def refuse(*_args: object, **_named: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        # Root may write everywhere, hence the refusal is not the system's.
        monkeypatch.setattr("hdmea_gui.store.settings.write_whole", refuse)
        monkeypatch.setattr("hdmea_gui.store.settings.os.replace", refuse)

    with caplog.at_level(logging.WARNING):
        walk_through(qtbot, path, monkeypatch)

    if what == "no permission":
        assert path.read_text() == '{"theme": "dark"}'
    if what != "file is a folder":
        assert "could not be written" in caplog.text
    else:
        assert path.with_suffix(".broken.json").is_dir(), "nothing is thrown away"
