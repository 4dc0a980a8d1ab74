"""The command palette: by keyboard alone, and how letters fit names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from hdmea_gui.flows.palette_dialog import Command, CommandPalette, fit
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT

COMMANDS = (
    Command("open", "File: Open…", "Open a recording", "Ctrl+O"),
    Command("save", "File: Save", "Write the result file", "Ctrl+S", refusal="open a recording first"),
    Command("save_as", "File: Save as…", "Write the result under a new name"),
    Command("run_all", "Run: Run all steps", "Run the steps of the chosen flow", "F5"),
    Command("theme_dark", "View: Dark colours", "Light on dark"),
)


@pytest.fixture
def palette(qtbot: Any, no_leaks: None) -> Iterator[CommandPalette]:
    made = CommandPalette(COMMANDS, LIGHT)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


def ids(palette: CommandPalette) -> list[str]:
    return [command.id for command in palette.shown()]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("save", "save"),
        ("sav as", "save_as"),
        ("dark", "theme_dark"),
        ("RUN", "run_all"),
        ("ras", "run_all"),
        ("name", "save_as"),
        ("open", "open"),
    ],
)
def test_a_few_letters_find_a_command(palette: CommandPalette, query: str, best: str) -> None:
    QTest.keyClicks(palette.line, query)

    assert palette.chosen is not None
    assert palette.chosen.id == best


def test_without_letters_all_commands_are_there_in_their_order(palette: CommandPalette) -> None:
    assert ids(palette) == [command.id for command in COMMANDS]


def test_letters_that_fit_nothing_are_answered_with_words(palette: CommandPalette) -> None:
    QTest.keyClicks(palette.line, "qqq")

    assert ids(palette) == []
    assert "Try other letters" in palette.note.text()


def test_arrows_choose_and_enter_runs(palette: CommandPalette, qtbot: Any) -> None:
    QTest.keyClick(palette.line, Qt.Key.Key_Down)
    QTest.keyClick(palette.line, Qt.Key.Key_Down)

    with qtbot.waitSignal(palette.run_asked, timeout=20_000) as asked:
        QTest.keyClick(palette.line, Qt.Key.Key_Return)

    assert asked.args == ["save_as"]
    assert not palette.isVisible()


def test_a_command_that_is_not_possible_says_why_and_stays(palette: CommandPalette, qtbot: Any) -> None:
    QTest.keyClicks(palette.line, "save")

    with qtbot.assertNotEmitted(palette.run_asked):
        QTest.keyClick(palette.line, Qt.Key.Key_Return)

    assert palette.isVisible()
    assert "open a recording first" in palette.note.text()


def test_escape_closes(palette: CommandPalette, qtbot: Any) -> None:
    with qtbot.assertNotEmitted(palette.run_asked):
        QTest.keyClick(palette.line, Qt.Key.Key_Escape)

    assert not palette.isVisible()


def test_a_command_is_run_by_keyboard_alone(window: MainWindow, qtbot: Any) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    QTest.keyClick(
        window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    palette = window.dialog
    assert isinstance(palette, CommandPalette)
    shown = {command.id: command for command in palette.shown()}
    assert shown["save"].refusal
    assert shown["run_all"].keys == "F5"

    QTest.keyClicks(palette.line, "log and")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)

    assert window.log.isVisible()
    assert window.dialog is None


def test_the_start_of_a_word_fits_better_than_its_middle_and_that_better_than_letters() -> None:
    scores = [fit("chart", title) for title in ("Show chart", "Rechart it", "Copy her art")]

    assert None not in scores
    assert scores == sorted(scores, key=lambda score: -(score or 0.0))


def test_every_word_must_be_found() -> None:
    assert fit("save missing", "File: Save") is None
    assert fit("", "anything") is not None
    assert fit("name", "Save as", "under a new name") is not None
