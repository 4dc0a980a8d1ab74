"""Copy as Python script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtGui import QGuiApplication

from hdmea.pipeline import PipelineSession
from hdmea_gui.shell.main_window import MainWindow
from tests.integration.test_modes import assert_same


def test_copied_script_makes_the_file_that_the_window_saved(
    qtbot: Any,
    loaded: tuple[MainWindow, tuple[Path, Path]],
    idle: Callable[[], None],
    tmp_path: Path,
) -> None:
    window, _ = loaded
    window.controller.parameters("add_section_time").set_value("pre_margin_frame_num", 30)
    window.controller.run_step("add_section_time")
    idle()
    saved = tmp_path / "from the window.h5"
    window.controller.save(saved, overwrite=False)
    idle()

    window.actions_["copy_script"].trigger()
    qtbot.waitUntil(lambda: "session.save" in QGuiApplication.clipboard().text())

    script = QGuiApplication.clipboard().text()
    again = tmp_path / "again.h5"
    namespace: dict[str, Any] = {}
    exec(script.replace(repr(str(saved)), repr(str(again))), namespace)
    assert isinstance(namespace["session"], PipelineSession)
    assert_same(saved, again)


def test_nothing_to_copy_is_said(window: MainWindow) -> None:
    assert "open a recording first" in window.actions_.refusal("copy_script")
