from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton

from hdmea.pipeline import step as step_module
from hdmea.pipeline.step import StepContext, StepParams, step
from hdmea_gui.controller.main import Activity
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.main_window import MainWindow
from hdmea_gui.models.steps import StepState
from tests.gui.conftest import visible_texts

Idle = Callable[[], None]
Loaded = tuple[MainWindow, tuple[Path, Path]]


class _NoParams(StepParams):
    pass


@pytest.fixture
def extra_steps() -> Iterator[threading.Event]:
    """Register a step that works until it is stopped, and one that fails."""
    entered = threading.Event()

    @step("wait_for_stop", title="Wait for stop", params=_NoParams, result=lambda run: None)
    def wait_for_stop(session: Any, params: Any, ctx: StepContext) -> None:
        """Work until stopped."""
        ctx.put(np.arange(3), "metadata", "half_done")
        entered.set()
        pause = threading.Event()
        while True:
            ctx.checkpoint(0.5, "half way")
            pause.wait(0.02)

    @step("fail", title="Fail", params=_NoParams, result=lambda run: None)
    def fail(session: Any, params: Any, ctx: StepContext) -> None:
        """Fail half way."""
        ctx.put(np.arange(3), "metadata", "half_done")
        raise ValueError("the electrode is upside down")

    yield entered
    for name in ("wait_for_stop", "fail"):
        step_module._registry.pop(name)


@pytest.fixture
def window(extra_steps: threading.Event, window: MainWindow) -> MainWindow:
    return window


def click(qtbot: Any, window: MainWindow, name: str) -> None:
    button = window.findChild(QToolButton, f"{name}_button")
    assert button is not None
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_full_run_by_clicking(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    window.open_paths(list(recording))
    idle()
    window.controller.choose_flow("quick")

    click(qtbot, window, "run_all")
    idle()

    states = {item.spec.name: item.state for item in window.controller.steps.items}
    for name in ("load_recording", "add_section_time", "section_spike_times", "compute_sta"):
        assert states[name] is StepState.DONE, name
    assert window.controller.state.unsaved
    assert "in memory, not saved" in window.windowTitle()
    qtbot.waitUntil(lambda: window.recording.graphics.isVisible(), timeout=5000)
    assert window.table.view.model().rowCount() == 5


def test_the_raster_shows_each_spike_when_zoomed_in(qtbot: Any, loaded: Loaded) -> None:
    window, _ = loaded
    view = window.recording
    qtbot.waitUntil(lambda: view._view is not None, timeout=5000)
    raster = view._view.raster  # type: ignore[union-attr]

    view.raster.setXRange(1.0, 3.0, padding=0)
    view.raster.redraw()

    start, stop = view.raster.getViewBox().viewRange()[0]
    assert view.raster.shows_ticks
    assert view.raster.ticks.xData.size == 2 * raster.count(start, stop)


def test_choosing_a_unit_in_the_table_is_followed_by_the_views(qtbot: Any, loaded: Loaded) -> None:
    window, _ = loaded
    window.tabs.setCurrentWidget(window.unit)

    window.actions_["next_unit"].trigger()

    assert window.controller.selection.unit == "unit_002"
    qtbot.waitUntil(lambda: window.unit._view is not None and window.unit._view.unit_id == "unit_002")
    assert not window.unit.waveform.is_empty
    assert window.unit.average.is_empty
    assert "Spike-triggered averages" in window.unit.average.empty_text


def test_stop_in_the_middle_of_a_step_leaves_the_session_as_it_was(
    qtbot: Any, loaded: Loaded, idle: Idle, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    before = window.controller.state
    window.panel.list.choose("wait_for_stop")
    click(qtbot, window, "run_step")
    running = StepState.RUNNING
    qtbot.waitUntil(lambda: window.controller.steps.item("wait_for_stop").state is running, timeout=5000)
    assert extra_steps.wait(5)

    click(qtbot, window, "stop")
    assert window.controller.activity is Activity.STOPPING
    assert window.actions_["stop"].text() == "Stopping…"
    with qtbot.waitSignal(window.controller.stopped, timeout=1000):
        pass
    idle()

    assert window.controller.steps.item("wait_for_stop").state is StepState.CANCELLED
    assert window.controller.state == before
    assert window.actions_["run_step"].isEnabled()


def test_views_are_answered_while_a_step_runs(
    qtbot: Any, loaded: Loaded, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    window.tabs.setCurrentWidget(window.unit)
    window.controller.run_step("wait_for_stop")
    qtbot.waitUntil(extra_steps.is_set, timeout=5000)

    window.controller.selection.select_units(("unit_003",))

    qtbot.waitUntil(lambda: window.unit._view is not None and window.unit._view.unit_id == "unit_003")
    assert window.controller.activity is Activity.RUNNING
    window.controller.stop()


def test_a_failed_step_shows_its_reason_and_details_and_keeps_the_rest(
    qtbot: Any, loaded: Loaded, idle: Idle, caplog: pytest.LogCaptureFixture
) -> None:
    window, _ = loaded
    before = window.controller.state

    window.controller.run_step("fail")
    idle()

    item = window.controller.steps.item("fail")
    assert item.state is StepState.FAILED
    assert "upside down" in item.detail
    dialog = window.dialog
    assert isinstance(dialog, MessageDialog)
    assert "the electrode is upside down" in visible_texts(dialog)
    assert "ValueError" in dialog.details
    assert any("upside down" in line for line in window.log.texts())
    assert window.controller.state.revision == before.revision
    assert window.controller.state.completed == before.completed


def test_run_again_of_a_step_marks_what_depends_on_it_stale(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    window.open_paths(list(recording))
    idle()
    window.controller.choose_flow("quick")
    window.controller.run_all()
    idle()

    window.controller.run_step("add_section_time")
    idle()

    assert window.controller.steps.item("add_section_time").state is StepState.DONE
    assert window.controller.steps.item("compute_sta").state is StepState.STALE


def test_a_step_that_needs_another_says_which(
    window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    window.open_paths(list(recording))
    idle()

    item = window.controller.steps.item("section_spike_times")

    assert item.state is StepState.NEEDS
    assert "Load recording" in item.detail
    window.panel.list.choose("section_spike_times")
    assert not window.actions_["run_step"].isEnabled()
    assert "needs" in window.actions_.refusal("run_step")
