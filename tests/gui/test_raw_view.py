"""Raw voltages: which electrodes, which stretch, which spikes, and what is said where there are none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from scipy import signal

from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.raw.query import NextSpike, RawQuery
from hdmea_gui.views.raw.view import RawPreview
from tests.gui.conftest import visible_texts

Loaded = tuple[MainWindow, tuple[Path, Path]]


def shown(qtbot: Any, window: MainWindow) -> RawPreview:
    view = window.views.get(RawPreview)
    window.tabs.setCurrentWidget(view)
    settled(qtbot, window, view)
    return view


def settled(qtbot: Any, window: MainWindow, view: RawPreview) -> None:
    """Wait until all that is shown was read."""
    qtbot.waitUntil(lambda: not view._timer.isActive() and not window.controller.owes_answers, timeout=30_000)


def columns(view: RawPreview) -> dict[str, Any]:
    table = view.table()
    assert table is not None
    return dict(table.columns)


def seen(view: RawPreview) -> tuple[float, float]:
    start, stop = view.panel.plot.getViewBox().viewRange()[0]
    return float(start), float(stop)


def press(qtbot: Any, window: MainWindow, view: RawPreview, key: Qt.Key) -> None:
    QTest.keyClick(view.panel.graphics, key)
    settled(qtbot, window, view)


def test_a_raw_recording_alone_shows_a_grid_of_what_is_in_the_file(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None]
) -> None:
    recording[1].unlink()
    window.open_paths([recording[0]])
    idle()
    window.load()
    idle()
    view = shown(qtbot, window)
    view.filter.setChecked(False)
    view.number.setValue(4)
    # As long as there are fewer samples than pixels all of them are shown.
    view.panel.plot.setXRange(0.5, 0.52, padding=0)
    settled(qtbot, window, view)

    found = columns(view)
    assert len(found) == 5
    assert not view.after.isEnabled()
    with h5py.File(recording[0]) as file:
        counts = file["Acquisition/Sensor Data/SensorData 1 1"][:].astype(float)
    assert view._view is not None
    row, column = view._view.places[0] - view._view.all_places.min(axis=0)
    first = round(found["time_s"][0] * 20_000)
    own = counts[first : first + found["time_s"].size, column, row]
    values = list(found.values())[1]
    assert np.corrcoef(own, values)[0, 1] > 0.99999

    view.filter.setChecked(True)
    settled(qtbot, window, view)
    sos = signal.butter(2, 100, "highpass", fs=20_000, output="sos")
    filtered = signal.sosfiltfilt(sos, counts[:, column, row])[first : first + values.size]
    assert np.corrcoef(filtered, list(columns(view).values())[1])[0, 1] > 0.9999


def test_electrodes_around_the_unit_with_its_spikes(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    unit = window.controller.state.unit_ids[0]
    window.controller.selection.select_units((unit,))
    view = shown(qtbot, window)

    assert view.choice.currentText() == "Around the unit"
    assert view._view is not None
    assert np.abs(view._view.places - view._view.unit_place).max() <= 4
    spikes = view.spikes_table()
    assert spikes is not None
    before = seen(view)
    view.after.click()
    qtbot.waitUntil(lambda: seen(view) != before, timeout=20_000)
    settled(qtbot, window, view)

    found = view._view.spikes
    at = found.time_s[found.unit == 0]
    middle = sum(seen(view)) / 2
    assert found.unit_ids[0] == unit
    assert np.abs(at - middle).min() < 1e-3
    assert view.marks.getData()[0].size == np.count_nonzero(found.is_in(view._view.traces))
    row = int(found.trace[found.unit == 0][0])
    assert unit in view.text_at(middle, -row)
    assert "µV" in view.text_at(middle, -row)
    assert view.text_at(middle, 5) == ""


def test_keys_move_zoom_and_enlarge(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    view = shown(qtbot, window)
    assert window.controller.selection.time == (0, 0), "to open it changes nothing in other views"
    start, stop = seen(view)
    width = stop - start

    press(qtbot, window, view, Qt.Key.Key_Right)
    assert seen(view) == pytest.approx((start + width / 4, stop + width / 4))
    press(qtbot, window, view, Qt.Key.Key_PageUp)
    assert seen(view)[1] == pytest.approx(start + width / 4)
    press(qtbot, window, view, Qt.Key.Key_Home)
    assert seen(view) == pytest.approx((0, width))
    press(qtbot, window, view, Qt.Key.Key_Minus)
    assert seen(view) == pytest.approx((0, 2 * width))
    press(qtbot, window, view, Qt.Key.Key_End)
    assert view._view is not None
    assert seen(view)[1] == pytest.approx(view._view.duration_s)
    scale = view.scale.value()
    press(qtbot, window, view, Qt.Key.Key_Up)
    assert view.scale.value() == pytest.approx(scale / 1.25, rel=0.01)
    assert window.controller.selection.time == pytest.approx(seen(view))


def test_a_short_stretch_selected_elsewhere_is_shown_and_the_whole_recording_is_not(
    qtbot: Any, loaded: Loaded
) -> None:
    window = loaded[0]
    window.controller.selection.select_time(0.4, 0.9)
    view = shown(qtbot, window)
    assert seen(view) == pytest.approx((0.4, 0.9))

    window.controller.selection.select_time(0.0, 20.0)
    assert seen(view) == pytest.approx((0.4, 0.9))
    window.controller.selection.select_time(10.0, 20.0)
    assert seen(view) == pytest.approx((14.75, 15.25))


def test_where_no_electrodes_were_recorded_the_view_says_when_they_were(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    view = shown(qtbot, window)
    press(qtbot, window, view, Qt.Key.Key_End)
    assert view._view is not None
    if view._view.recorded_s.max() < seen(view)[0]:
        assert "electrodes were recorded from" in visible_texts(view)
        assert view.table() is None


def test_a_click_on_the_map_hides_and_shows_an_electrode(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    view = shown(qtbot, window)
    assert view._view is not None
    row, column = view._view.places[0].tolist()
    n = len(view._view.places)
    box = view.map.plot.getViewBox()

    def click() -> None:
        place = view.map.graphics.mapFromScene(box.mapViewToScene(QPointF(column, row)))
        QTest.mouseClick(view.map.graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)

    click()
    qtbot.waitUntil(lambda: view._view is not None and len(view._view.places) == n - 1, timeout=20_000)
    assert view.choice.currentText() == "Clicked electrodes"
    assert [row, column] not in view._view.places.tolist()
    # Two clicks in short succession would be a double click.
    view._clicked = ((row, column),)
    view._ask_anew()
    settled(qtbot, window, view)
    assert view._view.places.tolist() == [[row, column]]


def test_sorted_units_alone_say_what_to_open(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None]
) -> None:
    recording[0].unlink()
    window.open_paths([recording[1]])
    idle()
    window.load()
    idle()
    view = shown(qtbot, window)
    assert "Open the .cmtr together with its .cmcr file" in visible_texts(view)
    assert view.table() is None


def test_a_recording_that_moved_meanwhile_is_said(qtbot: Any, loaded: Loaded) -> None:
    window, (cmcr, _) = loaded
    view = shown(qtbot, window)
    shutil.move(cmcr, cmcr.with_name("another name"))
    view.invalidate()
    settled(qtbot, window, view)
    assert f"no longer exists at {cmcr}" in visible_texts(view)


def test_a_long_stretch_is_asked_for_until_it_is_there_or_is_stopped(qtbot: Any, loaded: Loaded) -> None:
    window = loaded[0]
    view = shown(qtbot, window)
    assert view._view is not None
    half = replace(view._view, traces=replace(view._view.traces, fraction=0.5))

    view.show_answer(half)
    assert view.stop.isVisible()
    assert view._timer.isActive()
    view.stop.click()
    assert not view._timer.isActive()
    assert "Stopped at 50 %" in view.legend.text()
    view.show_answer(half)
    assert not view._timer.isActive()

    view.panel.plot.setXRange(0.1, 0.3, padding=0)
    settled(qtbot, window, view)
    assert view._view is not None
    assert view._view.is_complete


def test_queries_without_a_session_or_a_further_spike_return_nothing() -> None:
    class Empty:
        session = None

    query = RawQuery(None, None, 100, "grid", 9, (), (), True)
    assert query.answer(Empty()) is None  # type: ignore[arg-type]
    assert NextSpike("unit_001", 1.0, 1).answer(Empty()) is None  # type: ignore[arg-type]
