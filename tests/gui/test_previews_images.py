"""Receptive field and electrical image: what is drawn where, and what a click shows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from hdmea.pipeline.session import PipelineSession
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.views.electrical_image.query import ElectricalImageQuery, ElectricalImageView
from hdmea_gui.views.parts.shared_query import Fact
from hdmea_gui.views.receptive_field.query import FieldView, ReceptiveFieldView

if TYPE_CHECKING:
    from hdmea_gui.engine.workspace import Workspace

_FRAMES = np.full((6, 4, 5), 128.0, np.float32)
_FRAMES[4, 1, 2] = 168.0
_FRAMES[2, 3, 0] = 100.0
FIELD = FieldView(
    movie="noise",
    frames=_FRAMES,
    time_ms=np.arange(-6, 0) * 20.0,
    mean=128.0,
    spread=40.0,
    peak=(4, 1, 2),
    outline=np.array([[1.0, 1.0], [3.0, 1.0], [1.0, 1.0]]),
    wide_outline=np.array([[0.0, 1.0], [4.0, 1.0], [0.0, 1.0]]),
    outline_source="1-σ and 2-σ ellipse, Gaussian",
    facts=(Fact("Polarity", "ON", "sign of the average"),),
    n_spikes=1234,
)
_IMAGE = np.zeros((5, 6, 7), np.float32)
_IMAGE[2, 2, 3] = -80.0
IMAGE = ElectricalImageView(
    unit_id="unit_001",
    unit="µV",
    image=_IMAGE,
    time_ms=np.arange(-1, 4) * 0.05,
    amplitude=np.ptp(_IMAGE, axis=0).astype(np.float64),
    first=(11, 21),
    soma=(13.0, 24.0),
    soma_diameter=2.0,
    axon=np.array([[13.0, 24.0], [14.0, 25.0]]),
    n_spikes=17,
)


@pytest.fixture
def field(window: MainWindow) -> MainWindow:
    window.tabs.setCurrentWidget(window.views["receptive_field"])
    window.views["receptive_field"].show_answer(ReceptiveFieldView("unit_001", (FIELD,)))
    return window


@pytest.fixture
def image(window: MainWindow) -> MainWindow:
    window.tabs.setCurrentWidget(window.views["electrical_image"])
    window.views["electrical_image"].show_answer(IMAGE)
    return window


def test_the_movie_opens_at_the_peak_and_is_centred_on_the_mean(field: MainWindow) -> None:
    view = field.views["receptive_field"]

    assert view.player.frame == 4
    assert view.average.image.image[1, 2] == 168.0
    assert view.average.bar.levels() == pytest.approx((88.0, 168.0))


def test_time_course_is_that_of_the_peak_pixel_in_milliseconds(field: MainWindow) -> None:
    times, values = field.views["receptive_field"]._curve.getData()

    assert times == pytest.approx([-120, -100, -80, -60, -40, -20])
    assert values == pytest.approx([128, 128, 128, 128, 168, 128])


def test_the_slider_shows_another_frame(field: MainWindow) -> None:
    field.views["receptive_field"].player.slider.setValue(2)

    assert field.views["receptive_field"].average.image.image[3, 0] == 100.0
    assert field.views["receptive_field"]._now.value() == -80.0


def test_playing_goes_on_by_itself_and_ends_when_the_view_is_left(qtbot: object, field: MainWindow) -> None:
    player = field.views["receptive_field"].player
    seen: list[int] = []
    player.frame_changed.connect(seen.append)

    player.button.click()
    qtbot.waitUntil(lambda: len(seen) >= 3, timeout=20_000)  # type: ignore[attr-defined]
    field.tabs.setCurrentWidget(field.recording)

    assert seen[:3] == [5, 0, 1], "after the last frame comes the first"
    assert not player.playing


def test_numbers_carry_their_definition_as_tooltip(field: MainWindow) -> None:
    shown = {label.text(): label.toolTip() for label in field.views["receptive_field"].facts}

    assert shown["Polarity  <b>ON</b>"] == "sign of the average"
    assert "1,234 spikes" in shown


def test_marks_of_the_movie_come_before_the_numbers(field: MainWindow) -> None:
    marked = replace(FIELD, marks="not aligned: the light fits 4 frames later")
    field.views["receptive_field"].show_answer(ReceptiveFieldView("unit_001", (marked,)))

    shown = field.views["receptive_field"].facts[1]
    assert shown.text() == "⚠ not aligned: the light fits 4 frames later"
    assert shown.property("role") == "warning"


def test_numbers_stay_in_their_place_from_unit_to_unit(field: MainWindow) -> None:
    for unit in ("unit_001", "unit_002", "unit_003"):
        field.views["receptive_field"].show_answer(ReceptiveFieldView(unit, (FIELD,)))

    assert field.views["receptive_field"]._facts_row.count() == len(field.views["receptive_field"].facts)


def test_a_unit_without_a_usable_spike_says_so(field: MainWindow) -> None:
    silent = replace(FIELD, frames=np.full((6, 4, 5), np.nan), mean=float("nan"))

    field.views["receptive_field"].show_answer(ReceptiveFieldView("unit_001", (silent,)))

    assert field.views["receptive_field"].average.is_empty
    assert "does not fire" in field.views["receptive_field"].average.empty_text
    assert [label.text() for label in field.views["receptive_field"].facts] == ["unit_001"], (
        "whose it is stays"
    )


def test_of_several_movies_the_chosen_one_is_shown_and_remembered(field: MainWindow) -> None:
    other = replace(FIELD, movie="other", peak=(2, 3, 0))

    field.views["receptive_field"].show_answer(ReceptiveFieldView("unit_001", (FIELD, other)))
    field.views["receptive_field"].movies.setCurrentIndex(1)

    assert field.views["receptive_field"].player.frame == 2
    assert field.controller.selection.movie == "other"


def test_electrodes_stand_at_their_place_on_the_chip(image: MainWindow) -> None:
    for panel in (image.views["electrical_image"].movie, image.views["electrical_image"].map):
        rect = panel.image.mapRectToParent(panel.image.boundingRect())
        assert (rect.left(), rect.top(), rect.width(), rect.height()) == (20.5, 10.5, 7, 6)
    assert image.views["electrical_image"].movie.bar.levels() == pytest.approx((-80.0, 80.0))


def test_the_movie_opens_at_the_trough_of_the_largest_electrode(image: MainWindow) -> None:
    assert image.views["electrical_image"].player.frame == 2
    _, values = image.views["electrical_image"]._chosen.getData()
    assert values == pytest.approx([0, 0, -80, 0, 0])


def test_a_click_shows_the_traces_of_that_electrode_and_its_neighbours(
    qtbot: object, image: MainWindow
) -> None:
    from PySide6.QtCore import QPointF, Qt

    panel = image.views["electrical_image"].map
    box = panel.plot.getViewBox()
    place = panel.graphics.mapFromScene(box.mapViewToScene(QPointF(21.0, 11.0)))
    qtbot.mouseClick(panel.graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)  # type: ignore[attr-defined]

    assert "row 11, column 21" in image.views["electrical_image"].traces._note.text()
    assert "its 3 neighbours" in image.views["electrical_image"].traces._note.text(), "a corner has three"


def test_bad_electrodes_are_marked_at_their_place_on_the_chip(image: MainWindow) -> None:
    image.views["electrical_image"].show_answer(replace(IMAGE, bad=np.array([[12.0, 25.0]])))
    for marks in image.views["electrical_image"]._marks:
        assert marks._bad.getData()[0].tolist() == [25]
        assert marks._bad.getData()[1].tolist() == [12]
    assert "bad electrode" in image.views["electrical_image"].map._note.text()

    image.views["electrical_image"].show_answer(IMAGE)
    assert "bad electrode" not in image.views["electrical_image"].map._note.text()


def test_the_image_of_a_recording_with_a_bad_electrode_is_filled_in() -> None:
    """Given an electrode at 700 among others at 1, then the picture has 1 there, and the recording 700."""
    data = np.ones((5, 4, 4), np.float32)
    data[2] = -1
    data[:, 1, 2] *= 700
    session = PipelineSession("small")
    facts = {"first_row": 10, "first_column": 20, "unit": "uV", "n_spikes_used": 9}
    session.add_units({"unit_001": {"features": {"eimage_sta": {"data": data, "metadata": facts}}}})
    session.add_metadata(
        {"electrodes": {"bad": np.array([[11, 22]])}, "acquisition_rate": np.array([20_000.0])}
    )
    workspace = cast("Workspace", SimpleNamespace(session=session))

    view = ElectricalImageQuery("unit_001").answer(workspace)

    assert view is not None
    assert view.bad.tolist() == [[11, 22]]
    assert view.amplitude[1, 2] == pytest.approx(2)
    assert data[0, 1, 2] == 700


def test_a_unit_without_a_spike_in_the_raw_data_says_so(image: MainWindow) -> None:
    nothing = np.full(_IMAGE.shape, np.nan)

    image.views["electrical_image"].show_answer(
        replace(IMAGE, image=nothing, amplitude=nothing[0], n_spikes=0)
    )

    assert all(
        panel.is_empty and "none of its spikes" in panel.empty_text
        for panel in image.views["electrical_image"].panels
    )
