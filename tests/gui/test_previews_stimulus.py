"""The stimulus over time: what is drawn, marked and said, and zooming by dragging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QPointF, Qt

from hdmea.pipeline.alignment_table import SectionAlignment
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.views.parts.stimulus_strip import StimulusStrip
from hdmea_gui.views.stimulus.query import MOST_FRAMES, LightTrace, StimulusView

VIEW = StimulusView(
    start_s=0.0,
    stop_s=10.0,
    duration_s=10.0,
    lights=(LightTrace(1, "Light", "counts", np.array([0.0, 5.0, 10.0]), np.array([0, 3, 1], np.float32)),),
    n_frames=600,
    frame_rate_hz=60.0,
    frames_s=np.arange(600) / 60.0,
    n_inside=600,
    missing_s=np.array([2.0]),
    n_missing=3,
    double_s=np.array([4.0, 5.0]),
    corrected=False,
    gaps_s=np.zeros((0, 2)),
    spans=(Span("step", 1.0, 3.0),),
)


@pytest.fixture
def shown(window: MainWindow) -> MainWindow:
    window.tabs.setCurrentWidget(window.views["stimulus"])
    window.views["stimulus"].show_answer(VIEW)
    return window


def test_missing_and_double_frames_are_marked_and_counted(shown: MainWindow) -> None:
    view = shown.views["stimulus"]

    assert view.missing.getData()[0].tolist() == [2.0]
    assert view.double.getData()[0].tolist() == [4.0, 5.0]
    assert "<b>3</b> missing" in view.facts.text()
    assert "<b>2</b> double" in view.facts.text()


def test_sections_are_coloured_in_each_light_channel(shown: MainWindow) -> None:
    fills = shown.views["stimulus"].fills

    assert [fill.getViewBox() for fill in fills] == [
        plot.getViewBox() for plot in shown.views["stimulus"].lights
    ]
    assert all([(s.start_s, s.stop_s) for s in fill.spans] == [(1.0, 3.0)] for fill in fills)


def test_a_channel_that_was_not_recorded_takes_no_room(shown: MainWindow) -> None:
    assert [plot.isVisible() for plot in shown.views["stimulus"].lights] == [True, False]


def test_gaps_and_a_recording_without_frames_are_said(shown: MainWindow) -> None:
    shown.views["stimulus"].show_answer(replace(VIEW, gaps_s=np.array([[6.0, 6.5]])))
    assert "1 gap in the recording, 0.50 s" in shown.views["stimulus"].facts.text()

    shown.views["stimulus"].show_answer(replace(VIEW, n_frames=0, frames_s=np.zeros(0), n_inside=0))
    assert shown.views["stimulus"].facts.text() == "No frames were detected."


LATE = SectionAlignment(
    "step", 1, 1.0, 3.0, 180, "lag", 4, 0.98, 0.2, 0.1, "none", "not aligned (the light fits 4 frames later)"
)


def test_each_section_has_a_row_with_what_the_light_says(shown: MainWindow) -> None:
    panel = shown.views["stimulus"].sections
    assert not panel.isVisible(), "nothing is known of sections without light"

    fits = replace(LATE, movie="noise", occurrence=2, alignment="checked", alignment_lag=0, marks="")
    shown.views["stimulus"].show_answer(replace(VIEW, sections=(LATE, fits)))

    texts = [[panel.grid.item(row, column).text() for column in (0, 3, 4, 5)] for row in (0, 1)]
    assert texts == [
        ["step", "the light fits 4 frames later", "+4", "0.980"],
        ["noise#2", "the light fits", "0", "0.980"],
    ]
    colours = [panel.grid.item(row, 3).foreground().color().name() for row in (0, 1)]
    assert colours[0] != colours[1], "what does not fit stands out"
    assert "<b>1</b> with a mark" in panel.summary.text()
    assert panel.summary.textFormat() is Qt.TextFormat.RichText
    panel.grid.cellDoubleClicked.emit(0, 0)
    assert shown.views["stimulus"].frames.getViewBox().viewRange()[0] == pytest.approx([1.0, 3.0])


def test_a_section_that_does_not_fit_can_be_aligned(shown: MainWindow, qtbot: Any) -> None:
    view, parameters = shown.views["stimulus"], shown.controller.step_parameters
    view.show_answer(replace(VIEW, sections=(replace(LATE, alignment_lag=0, alignment="checked"),)))
    assert not view.sections.align_button.isVisible()
    view.show_answer(replace(VIEW, sections=(LATE,)))
    assert view.sections.align_button.isVisible()

    with qtbot.waitSignal(view.told) as told:
        view.sections.align_button.click()

    assert parameters.model("add_section_time").value("align") == "light"
    assert "Section times" in told.args[0]
    parameters.history.undo()
    assert parameters.model("add_section_time").value("align") == "none"


def test_movies_after_a_gap_can_be_anchored_where_their_light_begins(shown: MainWindow) -> None:
    view = shown.views["stimulus"]
    view.show_answer(replace(VIEW, anchors=(("noise", 341_666),)))
    assert view.sections.isVisible()
    assert not view.sections.grid.isVisible(), "there is no section to list"

    view.sections.reanchor_button.click()

    model = shown.controller.step_parameters.model("add_section_time")
    assert model.value("reanchor") == {"noise": 341_666}
    assert model.problems() == {}


def test_a_right_drag_zooms_in_time_only_and_a_double_click_shows_all(
    qtbot: Any, loaded: tuple[MainWindow, Any]
) -> None:
    view = loaded[0].views["stimulus"]
    loaded[0].tabs.setCurrentWidget(view)
    qtbot.waitUntil(lambda: view.table() is not None)
    whole = view.frames.getViewBox().viewRange()[0]
    box = view.lights[0].getViewBox()
    heights = box.viewRange()[1]

    def at(time_s: float) -> Any:
        middle = sum(heights) / 2
        return view.graphics.mapFromScene(box.mapViewToScene(QPointF(time_s, middle)))

    port = view.graphics.viewport()
    qtbot.mousePress(port, Qt.MouseButton.RightButton, pos=at(2.0))
    for time_s in (3.0, 5.0, 6.0):
        qtbot.mouseMove(port, at(time_s), delay=30)
    qtbot.mouseRelease(port, Qt.MouseButton.RightButton, pos=at(6.0))

    assert box.viewRange()[0] == pytest.approx([2.0, 6.0], abs=0.1)
    assert box.viewRange()[1] == pytest.approx(heights)
    qtbot.mouseDClick(port, Qt.MouseButton.LeftButton, pos=at(4.0))
    assert box.viewRange()[0] == pytest.approx(whole)


def test_zooming_in_fetches_what_is_seen(
    qtbot: Any, loaded: tuple[MainWindow, Any], idle: Callable[[], None]
) -> None:
    window = loaded[0]
    stimulus = window.views["stimulus"]
    window.tabs.setCurrentWidget(stimulus)
    qtbot.waitUntil(lambda: stimulus.table() is not None)
    assert stimulus._view is not None
    assert stimulus._view.n_frames > MOST_FRAMES
    assert "zoom in" in stimulus._hint.textItem.toPlainText()
    width = stimulus.frames.getViewBox().width()
    assert stimulus._view.lights[1].values.size > 2 * width, "each pixel has its smallest and largest value"

    stimulus.frames.setXRange(5.0, 5.5, padding=0)
    qtbot.waitUntil(lambda: stimulus._view is not None and stimulus._view.start_s == pytest.approx(5.0))

    view = stimulus._view
    assert view.frames_s.size == pytest.approx(30, abs=1)
    assert np.diff(view.frames_s) == pytest.approx(1 / view.frame_rate_hz, rel=0.01)
    assert [light.title for light in view.lights] == ["Light", "Frame sync"]
    sync = view.lights[1]
    rises = sync.time_s[1:][np.diff(sync.values) > 0.5 * np.ptp(sync.values)]
    rises = rises[rises < 5.499]
    assert rises.size >= 28
    assert np.abs(rises[:, None] - view.frames_s).min(axis=1).max() < 0.002, "frames stand at the edges"


def test_the_name_of_a_movie_is_shortened_where_its_bar_is_short(qtbot: Any) -> None:
    graphics = pg.GraphicsLayoutWidget()
    qtbot.addWidget(graphics)
    graphics.resize(600, 80)
    strip = StimulusStrip(LIGHT)
    graphics.addItem(strip)
    graphics.show()
    strip.setXRange(0, 100, padding=0)
    label = "dense_noise_15x15_15hz_r42_8s"

    strip.show_spans((Span(label, 0.0, 60.0), Span(label, 60.0, 75.0), Span(label, 80.0, 81.0)))

    (_, _, long), (_, _, short), (_, _, none) = strip._drawn
    assert long.toPlainText() == label
    assert short.isVisible()
    assert short.toPlainText().endswith("…")
    assert short.toPlainText()[:-1] in label
    assert not none.isVisible()
    strip.setXRange(55, 80, padding=0)
    assert short.toPlainText() == label, "there is room again"


def test_the_names_are_shortened_also_if_the_strip_is_shown_only_then(qtbot: Any) -> None:
    graphics = pg.GraphicsLayoutWidget()
    qtbot.addWidget(graphics)
    graphics.resize(600, 80)
    strip = StimulusStrip(LIGHT)
    graphics.addItem(strip)
    graphics.show()
    strip.setXRange(0, 100, padding=0)
    strip.setVisible(False)

    strip.show_spans((Span("dense_noise_15x15_15hz_r42_8s", 0.0, 20.0),))
    strip.setVisible(True)

    assert strip._drawn[0][2].toPlainText().endswith("…")


def test_an_unusual_rate_late_frames_and_why_there_are_none_are_said(shown: MainWindow) -> None:
    view = shown.views["stimulus"]
    assert "60.00 Hz</b> &nbsp;" in view.facts.text()

    view.show_answer(replace(VIEW, frame_rate_hz=75.0, n_late=2))
    assert "<b>75.00 Hz</b>, not 60" in view.facts.text()
    assert "<b>3</b> missing (2 late)" in view.facts.text()

    view.show_answer(replace(VIEW, n_frames=0, reason="There are no display frames: noise < 1."))
    assert view.facts.text() == "There are no display frames: noise &lt; 1."
