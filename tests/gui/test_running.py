from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton

from hdmea.declare import STEPS, StepParams, step
from hdmea.pipeline.context import StepContext
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.flows.run import RunAllDialog
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.durations import MeasuredRun, read_durations
from hdmea_gui.store.settings import SettingsStore
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

    for extra in (wait_for_stop, fail):
        STEPS.register(extra)
    yield entered
    for extra in (wait_for_stop, fail):
        STEPS.remove(extra.name)


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
    qtbot.waitUntil(lambda: window.recording.graphics.isVisible(), timeout=20_000)
    assert window.table.view.model().rowCount() == 5


def test_the_status_line_names_the_step_that_runs(
    qtbot: Any, loaded: Loaded, idle: Idle, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    window.controller.run_steps(("add_section_time", "wait_for_stop"), "Up to Wait for stop")
    assert extra_steps.wait(20)

    qtbot.waitUntil(lambda: window.status._text.text() == "Wait for stop: half way", timeout=20_000)
    window.controller.stop()

    assert window.status._text.text() == "Wait for stop: stopping…"
    idle()


def test_the_raster_shows_each_spike_when_zoomed_in(qtbot: Any, loaded: Loaded) -> None:
    window, _ = loaded
    view = window.recording
    qtbot.waitUntil(lambda: view._view is not None, timeout=20_000)
    raster = view._view.raster  # type: ignore[union-attr]

    view.raster.setXRange(1.0, 3.0, padding=0)
    view.raster.redraw()

    start, stop = view.raster.getViewBox().viewRange()[0]
    assert view.raster.shows_ticks
    assert view.raster.ticks.xData.size == 2 * raster.count(start, stop)


def test_choosing_a_unit_in_the_table_is_followed_by_the_views(qtbot: Any, loaded: Loaded) -> None:
    window, _ = loaded
    window.tabs.setCurrentWidget(window.views["unit"])

    window.actions_["next_unit"].trigger()

    assert window.controller.selection.unit == "unit_002"
    qtbot.waitUntil(
        lambda: (
            window.views["unit"].overview.view is not None
            and window.views["unit"].overview.view.unit_id == "unit_002"
        )
    )
    assert not window.views["unit"].overview.waveform.is_empty
    assert window.views["unit"].overview.average.is_empty
    assert "Spike-triggered averages" in window.views["unit"].overview.average.empty_text


def test_stop_in_the_middle_of_a_step_leaves_the_session_as_it_was(
    qtbot: Any, loaded: Loaded, idle: Idle, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    before = window.controller.state
    window.panel.list.choose("wait_for_stop")
    click(qtbot, window, "run_step")
    running = StepState.RUNNING
    qtbot.waitUntil(lambda: window.controller.steps.item("wait_for_stop").state is running, timeout=20_000)
    assert extra_steps.wait(20)

    click(qtbot, window, "stop")
    assert window.controller.activity is Activity.STOPPING
    assert window.actions_["stop"].text() == "Stopping…"
    assert "Wait for stop: stopping…" in visible_texts(window.status)
    with qtbot.waitSignal(window.controller.stopped, timeout=20_000):
        pass
    idle()

    assert window.controller.steps.item("wait_for_stop").state is StepState.CANCELLED
    assert window.controller.state == before
    assert window.actions_["run_step"].isEnabled()
    said = "“Wait for stop” was stopped; its results were discarded. Earlier results are kept."
    assert said in visible_texts(window.status)


def test_stopping_the_first_step_promises_no_earlier_results(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle, extra_steps: threading.Event
) -> None:
    window.open_paths(list(recording))
    idle()
    window.controller.run_step("wait_for_stop")
    qtbot.waitUntil(extra_steps.is_set, timeout=20_000)

    window.controller.stop()
    idle()

    said = visible_texts(window.status)
    assert "“Wait for stop” was stopped; its results were discarded." in said
    assert "Earlier results" not in said


def test_views_are_answered_while_a_step_runs(
    qtbot: Any, loaded: Loaded, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    window.tabs.setCurrentWidget(window.views["unit"])
    window.controller.run_step("wait_for_stop")
    qtbot.waitUntil(extra_steps.is_set, timeout=20_000)

    window.controller.selection.select_units(("unit_003",))

    qtbot.waitUntil(
        lambda: (
            window.views["unit"].overview.view is not None
            and window.views["unit"].overview.view.unit_id == "unit_003"
        )
    )
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
    assert all(button.icon().isNull() for button in dialog.findChildren(QPushButton))
    assert [line for line in window.log.texts() if "error: " in line] == [
        line for line in window.log.texts() if "the electrode is upside down" in line
    ], "a failure counts once"
    assert window.log.n_warnings == 1
    assert any("Traceback" in line for line in window._relay.recent()), "the file has the traceback"
    chosen = window.panel.list.chosen_item
    assert chosen is not None
    assert chosen.spec.name == "fail", "its parameters are looked at next"
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
    assert window.controller.steps.item("compute_sta").state is StepState.DONE, "it gave the same sections"

    window.controller.parameters("add_section_time").set_value("pre_margin_frame_num", 30)
    changed = window.controller.steps.item("add_section_time")
    assert changed.state is StepState.CHANGED
    assert re.fullmatch(r"parameters changed since \d\d:\d\d: run again", changed.detail)
    window.controller.run_step("add_section_time")
    idle()

    assert window.controller.steps.item("add_section_time").state is StepState.DONE
    stale = window.controller.steps.item("compute_sta")
    assert stale.state is StepState.STALE
    assert re.fullmatch(r"stale: Section times ran again at \d\d:\d\d", stale.detail)


def test_run_all_says_what_it_will_compute_again_and_why(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    window.open_paths(list(recording))
    idle()
    window.controller.choose_flow("quick")
    window.actions_["run_all"].trigger()
    idle()
    assert isinstance(window.dialog, MessageDialog), "there was nothing to replace; a step of the flow fails"
    window.dialog.reject()
    window.controller.parameters("add_section_time").set_value("pre_margin_frame_num", 30)

    window.actions_["run_all"].trigger()

    dialog = window.dialog
    assert isinstance(dialog, RunAllDialog)
    said = {line.text() for line in dialog.findChildren(QLabel)}
    assert any(re.match(r"•  Section times: parameters changed since \d\d:\d\d", line) for line in said), said
    assert "•  Spikes of trials: if new results of Section times differ" in said
    assert not any("Load recording" in line for line in said)
    dialog.reject()
    assert window.controller.steps.item("add_section_time").state is StepState.CHANGED
    window.actions_["run_all"].trigger()
    assert isinstance(window.dialog, RunAllDialog)
    window.dialog.accept()
    idle()
    states = {item.spec.name: item.state for item in window.controller.steps.items if item.has_results}
    assert set(states.values()) == {StepState.DONE}


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


# -- which steps run ---------------------------------------------------------------------------------


def test_run_to_here_runs_what_is_missing_and_what_is_stale(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    window.open_paths(list(recording))
    idle()
    window.controller.choose_flow("quick")
    window.panel.list.choose("section_spike_times")

    window.actions_["run_to_here"].trigger()
    idle()

    assert window.controller.state.completed == ("load_recording", "add_section_time", "section_spike_times")
    assert window.actions_.refusal("run_to_here") == "everything up to here is done"
    window.controller.parameters("add_section_time").set_value("pre_margin_frame_num", 30)
    window.panel.list.choose("add_section_time")
    window.actions_["run_step"].trigger()
    idle()
    item = window.controller.steps.item
    assert item("section_spike_times").state is StepState.STALE
    window.panel.list.choose("compute_sta")
    window.actions_["run_to_here"].trigger()
    idle()
    assert item("section_spike_times").state is StepState.DONE
    assert item("compute_sta").state is StepState.DONE
    assert item("extract_features").state is StepState.READY


def test_run_again_is_its_own_action_and_says_what_becomes_stale(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle
) -> None:
    window.open_paths(list(recording))
    idle()
    window.controller.choose_flow("quick")
    window.panel.list.choose("section_spike_times")
    assert window.actions_.refusal("run_again") == "Spikes of trials has no results yet"
    window.actions_["run_to_here"].trigger()
    idle()
    window.panel.list.choose("add_section_time")
    assert "it is done" in window.actions_.refusal("run_step")
    button = window.findChild(QToolButton, "run_step_button")
    assert button is not None
    assert button.defaultAction() is window.actions_["run_again"]

    click(qtbot, window, "run_step")
    idle()

    (said,) = [
        line
        for line in window.log.texts()
        if "Section times runs again. Stale if its results differ: Spikes of trials." in line
    ]
    assert "warning" not in said, "it was asked for, and nothing is wrong"
    assert window.controller.steps.item("section_spike_times").state is StepState.DONE
    window.controller.parameters("add_section_time").set_value("pre_margin_frame_num", 30)
    assert button.defaultAction() is window.actions_["run_step"]


def test_the_actions_of_a_step_are_its_context_menu(window: MainWindow) -> None:
    names = [action.objectName() for action in window.panel.list.actions()]
    assert names == [
        "run_step",
        "run_again",
        "run_to_here",
        "show_failure",
        "show_provenance",
        "reset_parameters",
    ]
    assert window.panel.list.contextMenuPolicy() is Qt.ContextMenuPolicy.ActionsContextMenu


def test_the_reason_of_a_failure_can_be_read_again(
    qtbot: Any, loaded: Loaded, idle: Idle, caplog: pytest.LogCaptureFixture
) -> None:
    window, _ = loaded
    window.controller.run_step("fail")
    idle()
    assert isinstance(window.dialog, MessageDialog)
    window.dialog.close()
    window.panel.list.choose("fail")

    window.actions_["show_failure"].trigger()

    assert isinstance(window.dialog, MessageDialog)
    said = visible_texts(window.dialog)
    assert "the electrode is upside down" in said
    assert "Kept: Load recording. The session is unchanged." in said
    window.dialog.close()
    window.panel.list.choose("load_recording")
    assert window.actions_.refusal("show_failure") == "the selected step did not fail"


# -- how long ----------------------------------------------------------------------------------------


def test_what_was_run_before_says_how_long_it_will_take(
    qtbot: Any, loaded: Loaded, idle: Idle, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    steps, state = window.controller.steps, window.controller.state
    item = steps.item("add_section_time")
    assert item.detail == "ready", "nothing is said when nothing is known"
    assert "based on earlier runs" not in (steps.data(steps.index(1), Qt.ItemDataRole.ToolTipRole))
    size = state.n_units * state.duration_s
    window.estimates.durations.note("add_section_time", MeasuredRun(12.0, size))
    window.estimates.durations.note("wait_for_stop", MeasuredRun(200.0, 2 * size))

    window.estimates.refresh()

    assert steps.item("add_section_time").detail == "ready  ·  about 12 s"
    tooltip = steps.data(steps.index(steps.row_of("add_section_time")), Qt.ItemDataRole.ToolTipRole)
    assert "Takes about 12 s, based on earlier runs on this computer." in tooltip
    window.controller.run_step("wait_for_stop")
    qtbot.waitUntil(lambda: "half way" in steps.item("wait_for_stop").detail, timeout=20_000)
    assert re.search(r"50 %  ·  1:\d\d left  ·  half way", steps.item("wait_for_stop").detail)
    assert re.search(r"1:\d\d left", window.status._text.text())
    window.controller.stop()
    idle()
    steps.set_waiting(("add_section_time", "wait_for_stop"))
    assert steps.seconds_left == pytest.approx(112.0)
    steps.set_waiting(("fail",))
    assert steps.seconds_left is None, "a sum with an unknown part is unknown"


def test_a_run_is_remembered_under_the_parameters_that_ran(loaded: Loaded, idle: Idle) -> None:
    window, _ = loaded
    controller, durations = window.controller, window.estimates.durations
    size = controller.state.n_units * controller.state.duration_s
    model = controller.parameters("add_section_time")
    model.set_value("pad_frame", 60)

    controller.run_step("add_section_time")
    model.set_value("pad_frame", 120)
    idle()

    assert controller.steps.item("add_section_time").state is StepState.CHANGED
    assert len(durations._runs["add_section_time"]) == 1
    durations.note("add_section_time", MeasuredRun(3600.0, size, repr([("pad_frame", 120)])))
    assert durations.estimate("add_section_time", size, repr([("pad_frame", 60)])) < 60  # type: ignore[operator]


def test_what_is_said_of_a_step_follows_the_form_until_it_runs(
    qtbot: Any, loaded: Loaded, idle: Idle, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    controller, steps = window.controller, window.controller.steps
    size = controller.state.n_units * controller.state.duration_s
    for seconds, pad in ((12.0, 60), (300.0, 120)):
        past = MeasuredRun(seconds, size, repr([("pad_frame", pad)]))
        window.estimates.durations.note("add_section_time", past)
    model = controller.parameters("add_section_time")

    model.set_value("pad_frame", 60)
    assert steps.item("add_section_time").expected_s == pytest.approx(12.0)
    model.set_value("pad_frame", 120)
    assert steps.item("add_section_time").expected_s == pytest.approx(300.0)

    controller.run_steps(("wait_for_stop", "add_section_time"), "Two steps")
    qtbot.waitUntil(lambda: "half way" in steps.item("wait_for_stop").detail, timeout=20_000)
    model.set_value("pad_frame", 60)
    assert steps.item("add_section_time").expected_s == pytest.approx(300.0), "it waits with what was asked"
    controller.stop()
    idle()
    assert steps.item("add_section_time").expected_s == pytest.approx(12.0)


def test_a_run_is_remembered_for_the_next_start(
    qtbot: Any, settings: SettingsStore, recording: tuple[Path, Path], tmp_path: Path, no_leaks: None
) -> None:
    path = tmp_path / "data" / "durations.json"
    window = MainWindow(Controller(), settings, durations=path)
    window.controller.start()
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
    window.open_paths(list(recording))
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
    assert window.controller.state.n_units == 5, "known before anything is loaded"

    window.load()
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
    qtbot.waitUntil(path.is_file, timeout=20_000)

    again = read_durations(path)
    assert again.estimate("load_recording", window.controller.state.source_bytes) is not None
    window.close_without_question()
    window.deleteLater()


def test_the_end_of_a_run_says_how_it_ended_and_whether_it_is_saved(
    qtbot: Any, loaded: Loaded, idle: Idle, tmp_path: Path
) -> None:
    window, _ = loaded
    assert "Load recording: done. Not saved yet" in visible_texts(window.status)

    window.controller.save(tmp_path / "result.h5", overwrite=False)
    idle()
    window.controller.run_steps(["load_recording"], "Up to Load recording")
    idle()
    qtbot.waitUntil(lambda: "Everything is saved" in visible_texts(window.status), timeout=20_000)

    window.controller.steps.set_outcome("fail", StepState.SKIPPED, "needs light")
    window.controller.run_steps(["load_recording"], "Up to Load recording")
    idle()
    wanted = "done, 1 skipped (hover over them for the reason). Everything is saved"
    qtbot.waitUntil(lambda: wanted in visible_texts(window.status), timeout=20_000)

    window.controller.run_step("fail")
    idle()
    assert "Fail failed. Earlier results are kept" in visible_texts(window.status)

    window.dialogs.current.close()  # type: ignore[union-attr]
    window.controller.run_steps(["load_recording"], "Up to Load recording")
    idle()
    assert "Up to Load recording: done" in visible_texts(window.status), "an earlier failure is forgotten"


def test_stale_results_are_named_above_the_views_and_in_the_table(loaded: Loaded, idle: Idle) -> None:
    window, _ = loaded
    controller = window.controller
    controller.run_steps(("add_section_time", "section_spike_times"), "Sections")
    idle()
    assert window.stale.isHidden()
    controller.parameters("add_section_time").set_value("pre_margin_frame_num", 30)
    controller.run_step("add_section_time")
    idle()

    assert not window.stale.isHidden()
    assert re.fullmatch(
        r"⚠ Stale: Spikes of trials \(Section times ran again at \d\d:\d\d\)", window.stale.text.text()
    )
    window.stale.button.click()
    idle()
    assert window.stale.isHidden()
    assert controller.steps.item("section_spike_times").state is StepState.DONE


def test_a_stopped_rerun_leaves_the_result_and_says_so(
    qtbot: Any, loaded: Loaded, idle: Idle, extra_steps: threading.Event
) -> None:
    window, _ = loaded
    controller = window.controller
    controller.run_step("add_section_time")
    idle()
    window.panel.list.choose("add_section_time")
    before = controller.steps.item("add_section_time").detail
    controller.steps.set_outcome("add_section_time", StepState.CANCELLED, "“Section times” was stopped; no.")

    item = controller.steps.item("add_section_time")
    assert item.state is StepState.DONE
    assert item.detail == f"{before}  ·  last rerun cancelled"
    qtbot.waitUntil(lambda: window.actions_.refusal("show_failure") == "")
    controller.run_step("add_section_time")
    idle()
    assert "rerun" not in controller.steps.item("add_section_time").detail
