"""Files of the laboratory in the window."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdmea_gui.shell.main_window import MainWindow


@pytest.mark.parametrize("name", ["immediate", "deferred_11_steps"])
def test_every_view_shows_a_file_of_the_laboratory(
    qtbot: Any, window: MainWindow, idle: Callable[[], None], shared_data: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / f"{name}.h5"
    shutil.copyfile(shared_data / "lab_files" / f"{name}.h5", path)
    window.open_paths([path])
    idle()
    assert window.controller.state.unit_ids == ("unit_001", "unit_006")
    assert "laboratory" in window.windowTitle()
    for unit in window.controller.state.unit_ids:
        window.controller.selection.select_units((unit,))
        for number in range(window.tabs.count()):
            window.tabs.setCurrentIndex(number)
            qtbot.waitUntil(lambda: not window.controller.owes_answers, timeout=20_000)
    idle()
    assert window.log.n_warnings == 0
    assert window.dialog is None
