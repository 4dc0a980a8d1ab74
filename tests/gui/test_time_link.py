"""The stretch of time that is looked at is the same in all views."""

from __future__ import annotations

from typing import Any

import pytest

from hdmea_gui.shell.main_window import MainWindow

Loaded = tuple[MainWindow, Any]


def show(qtbot: Any, window: MainWindow, name: str) -> Any:
    """Turn to a view and wait until it shows the recording."""
    view = window.views[name]
    window.tabs.setCurrentWidget(view)
    shown = view.overview if name == "unit" else view
    qtbot.waitUntil(lambda: shown.table() is not None, timeout=20_000)
    return shown


def seen(plot: Any) -> tuple[float, float]:
    """Return the visible stretch of time of a plot."""
    start, stop = plot.getViewBox().viewRange()[0]
    return start, stop


def test_a_stretch_chosen_in_one_view_is_shown_in_the_others(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    recording = show(qtbot, window, "recording")
    duration = recording._view.duration_s

    recording.raster.setXRange(2.0, 5.0, padding=0)
    stimulus = show(qtbot, window, "stimulus")

    assert window.controller.selection.time == pytest.approx((2.0, 5.0))
    assert seen(stimulus.frames) == pytest.approx((2.0, 5.0))
    qtbot.waitUntil(lambda: abs(stimulus._view.start_s - 2.0) < 0.1, timeout=20_000)
    overview = show(qtbot, window, "unit")
    assert overview.time.isVisible()
    assert overview.time.getRegion() == pytest.approx((2.0, 5.0))

    window.tabs.setCurrentWidget(window.views["stimulus"])
    stimulus.show_all()
    window.tabs.setCurrentWidget(window.recording)
    assert seen(recording.raster) == pytest.approx((0.0, duration))
    assert not overview.time.isVisible(), "all of the recording is no stretch to mark"


def test_moving_the_marked_stretch_moves_the_others(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    recording = show(qtbot, window, "recording")
    recording.raster.setXRange(2.0, 5.0, padding=0)
    overview = show(qtbot, window, "unit")

    overview.time.setRegion((6.0, 9.0))
    overview.time.sigRegionChangeFinished.emit(overview.time)
    window.tabs.setCurrentWidget(window.recording)

    assert seen(recording.raster) == pytest.approx((6.0, 9.0))


def test_another_recording_is_shown_whole(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    recording = show(qtbot, window, "recording")
    recording.raster.setXRange(2.0, 5.0, padding=0)

    window.controller.selection.select_time(0.0, 0.0)
    recording.show_answer(None)
    recording.invalidate()
    qtbot.waitUntil(lambda: recording.table() is not None, timeout=20_000)

    assert seen(recording.raster) == pytest.approx((0.0, recording._view.duration_s))
