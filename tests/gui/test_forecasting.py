"""The memory line says what the chosen step and all steps would add, before they are run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hdmea_gui.shell.main_window import MainWindow


def megabytes(text: str, name: str) -> float | None:
    found = re.search(rf"{name} \+([\d.]+) MB", text)
    return float(found.group(1)) if found else None


def test_forecast_follows_step_parameters_and_what_is_there(
    qtbot: Any,
    window: MainWindow,
    recording: tuple[Path, Path],
    idle: Callable[[], None],
) -> None:
    line = window.status.memory
    window.open_paths(list(recording))
    idle()
    window.panel.list.choose("load_recording")
    qtbot.waitUntil(lambda: megabytes(line.text(), "Load recording") is not None)
    forecast, together = megabytes(line.text(), "Load recording"), megabytes(line.text(), "all steps")
    assert forecast is not None
    assert together is not None
    assert together > forecast

    window.load()
    idle()

    assert window.controller.state.memory_gb * 1e3 == pytest.approx(forecast, rel=0.25)
    qtbot.waitUntil(lambda: "Load recording +" not in line.text())
    window.controller.run_step("add_section_time")
    idle()
    window.panel.list.choose("compute_sta")
    window.controller.parameters("compute_sta").set_value("cover_range", (-1000, 0))
    qtbot.waitUntil(lambda: (megabytes(line.text(), "Spike-triggered averages") or 0) >= 4)


def test_a_forecast_beyond_what_is_free_warns_and_advises(window: MainWindow) -> None:
    line = window.status.memory
    line.show_forecast("Load recording", 10 * psutil.virtual_memory().total, None)
    assert "too little" in line.text()
    assert "To free memory" in line.toolTip()
    assert line.property("role") == "warning"
    line.show_forecast("Load recording", 1, None)
    assert "too little" not in line.text()


def test_a_value_that_is_not_allowed_gives_no_forecast(
    qtbot: Any, loaded: tuple[MainWindow, tuple[Path, Path]]
) -> None:
    window, _ = loaded
    window.panel.list.choose("compute_eimage_sta")
    qtbot.waitUntil(lambda: "Electrical images +" in window.status.memory.text())
    window.controller.parameters("compute_eimage_sta").set_value("duration_s", -1.0)
    qtbot.waitUntil(lambda: "Electrical images +" not in window.status.memory.text())


def test_the_tooltip_names_what_takes_the_most(loaded: tuple[MainWindow, tuple[Path, Path]]) -> None:
    window, _ = loaded
    said = window.status.memory.toolTip()
    assert re.search(r"Largest in the session: stimulus/light_reference [\d.]+ (MB|kB), ", said)
    window.status.memory.show_session(0.0)
    assert "Largest" not in window.status.memory.toolTip()
