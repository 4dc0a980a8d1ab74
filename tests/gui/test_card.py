"""The card says all that is known before anything is loaded, and mends what is missing."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog

from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts

Idle = Callable[[], None]


@pytest.fixture
def looking(window: MainWindow) -> MainWindow:
    """Return a window that compares light and movies as the program does."""
    del window.controller.look.start
    return window


def opened(qtbot: Any, window: MainWindow, idle: Idle, paths: list[Path]) -> str:
    window.open_paths(paths)
    idle()
    qtbot.waitUntil(lambda: "Playlist" in visible_texts(window.recording.card), timeout=20_000)
    return visible_texts(window.recording.card)


def until_compared(qtbot: Any, window: MainWindow) -> str:
    qtbot.waitUntil(lambda: "Alignment" in visible_texts(window.recording.card), timeout=60_000)
    return visible_texts(window.recording.card)


def exchange_movies(playlist: Path) -> None:
    with playlist.open(encoding="utf-8", newline="") as file:
        header, (name, movies) = csv.reader(file)
    first, second = movies.strip("[]").split(", ")
    with playlist.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, [name, f"[{second}, {first}]"]])


def test_everything_that_is_there_is_told(
    qtbot: Any, looking: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    told = opened(qtbot, looking, idle, list(recording))
    assert str(recording[0].parent) in told
    assert "Recorded" in told
    assert recording[1].name in told
    assert "my_playlist, 2 movies" in told
    assert told.count("2 of 2") == 2
    assert not looking.recording.card.choose_buttons
    told = until_compared(qtbot, looking)
    assert "60 Hz" in told
    assert "the light fits the 2 movies" in told
    assert "⚠" not in told


def test_a_missing_playlist_is_chosen_for_this_recording_alone(
    qtbot: Any,
    window: MainWindow,
    recording: tuple[Path, Path],
    demo_pair: tuple[Path, Path],
    idle: Idle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = tmp_path / "mine.csv"
    recording[0].with_name("playlist.csv").rename(mine)
    opened(qtbot, window, idle, list(recording))
    card = window.recording.card
    assert list(card.choose_buttons) == ["playlist_file_path"]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (str(mine), ""))

    card.choose_buttons["playlist_file_path"].click()

    qtbot.waitUntil(lambda: "my_playlist, 2 movies" in visible_texts(card), timeout=20_000)
    assert window.controller.parameters("add_section_time").value("playlist_file_path") == str(mine)
    window.controller.run_steps(["load_recording", "add_section_time"], "Sections")
    idle()
    assert "add_section_time" in window.controller.state.completed

    window.close_guard.unless_lost = lambda _title, go_on: go_on()  # type: ignore[method-assign]
    window.open_paths(list(demo_pair))
    idle()
    assert not window.controller.parameters("add_section_time").value("playlist_file_path")


def test_missing_movies_are_named_and_their_folder_goes_to_all_steps(
    qtbot: Any,
    window: MainWindow,
    recording: tuple[Path, Path],
    idle: Idle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = tmp_path / "movies"
    (recording[0].parent / "stimuli").rename(elsewhere)
    told = opened(qtbot, window, idle, list(recording))
    assert "0 of 2; without" in told
    card = window.recording.card
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_args: str(elsewhere))

    card.choose_buttons["stimuli_dir"].click()

    qtbot.waitUntil(lambda: not card.choose_buttons, timeout=20_000)
    steps = [
        item.spec.name
        for item in window.controller.steps.items
        if any(field.name == "stimuli_dir" for field in item.spec.fields)
    ]
    assert "compute_sta" in steps
    assert {window.controller.parameters(step).value("stimuli_dir") for step in steps} == {str(elsewhere)}


def test_exchanged_movies_are_found_on_the_card(
    qtbot: Any, looking: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    exchange_movies(recording[0].with_name("playlist.csv"))
    opened(qtbot, looking, idle, list(recording))
    told = until_compared(qtbot, looking)
    assert "⚠" in told
    assert "later than counted" in told or "earlier than counted" in told or "its light is that of" in told


def test_closing_while_the_light_is_compared_leaves_nothing(
    qtbot: Any, looking: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    opened(qtbot, looking, idle, list(recording))
    assert looking.controller.look.key
    looking.close_without_question()
    assert not looking.controller.look.key


def test_sorted_units_alone_say_nothing_of_a_stimulus(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    recording[0].unlink()
    window.open_paths([recording[1]])
    idle()
    assert "Playlist" not in visible_texts(window.recording.card)
