"""The first page: what it offers while something is opened, and where the focus is afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hdmea_gui.shell.main_window import MainWindow

Idle = Callable[[], None]


def test_nothing_else_is_offered_while_a_recording_is_opened(window: MainWindow, idle: Idle) -> None:
    welcome = window.recording.welcome
    welcome.demo_button.setFocus()

    window.open_demo()

    assert not welcome.open_button.isEnabled()
    assert not welcome.demo_button.isEnabled()
    assert window.focusWidget() is None, "the focus does not go to what comes next"
    idle()
    assert welcome.open_button.isEnabled()


def test_the_first_page_has_its_focus_back_if_nothing_was_opened(
    window: MainWindow, tmp_path: Path, idle: Idle
) -> None:
    welcome = window.recording.welcome
    welcome.demo_button.setFocus()
    (tmp_path / "broken-Rec.cmcr").write_bytes(b"nothing")

    window.open_paths([tmp_path / "broken-Rec.cmcr"])
    idle()

    assert window.dialog is not None
    window.dialog.close()
    assert window.focusWidget() is welcome.demo_button


def test_the_first_page_does_not_take_the_focus_from_what_was_turned_to_meanwhile(
    window: MainWindow, tmp_path: Path, idle: Idle
) -> None:
    window.recording.welcome.demo_button.setFocus()
    (tmp_path / "broken-Rec.cmcr").write_bytes(b"nothing")
    window.open_paths([tmp_path / "broken-Rec.cmcr"])

    window.panel.list.setFocus()
    idle()

    assert window.dialog is not None
    window.dialog.close()
    assert window.focusWidget() is window.panel.list
