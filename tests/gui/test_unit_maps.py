"""Maps of units: chip with rates, receptive fields on the chip; click and rubber band choose units."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtTest import QTest

from hdmea.analysis.field_shape import field_shape
from hdmea.pipeline.session import PipelineSession
from hdmea.stimuli.calibration import StimulusCalibration
from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.unit_colours import UnitColours
from hdmea_gui.models.units import UnitTableModel
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import LIGHT
from hdmea_gui.views.parts.unit_map import UnitMap
from hdmea_gui.views.receptive_field.field_map import FieldMap
from hdmea_gui.views.receptive_field.mosaic_query import Mosaic, make_mosaic
from hdmea_gui.views.recording.chip_map import ChipMap
from hdmea_gui.views.recording.query import RecordingView, bad_electrodes

IDS = ("unit_001", "unit_002", "unit_003")
Loaded = tuple[MainWindow, tuple[Path, Path]]


def make_session(*, calibrated: bool, pitch: float | None = 20.0) -> PipelineSession:
    """Return three units; the third has no fit. Pixels are 100 µm, and pixel (0, 0) lies at (50, 200) µm."""
    session = PipelineSession("recording")
    for number, (x, y) in enumerate(((2.0, 1.0), (4.0, 3.0)), 1):
        session.add_units({f"unit_{number:03d}": {"row": 6, "col": 10 * number}})
        fit = {"model": "gaussian", "gaussian_x": x, "gaussian_y": y, "gaussian_sigma_major": 0.5}
        fit |= {"gaussian_sigma_minor": 0.5, "gaussian_orientation": 0.0}
        feature = {"data": np.zeros((3, 4, 8), np.float32), "metadata": {}, "sta_geometry": fit}
        session.units[f"unit_{number:03d}"]["features"] = {"sta_noise": feature}
    session.add_units({"unit_003": {"row": 1, "col": 1}})
    if calibrated:
        calibration = StimulusCalibration(um_per_pixel=100.0, offset_um=(50.0, 200.0))
        session.metadata["stimulus_calibration"] = calibration.model_dump_json()
    if pitch is not None:
        session.metadata["sensor_pitch_um"] = np.array([pitch])
    return session


# -- where things lie --------------------------------------------------------------------------------


def test_receptive_fields_lie_on_the_chip_in_micrometres() -> None:
    mosaic = make_mosaic(make_session(calibrated=True), "noise")

    assert (mosaic.length_unit, mosaic.electrodes, mosaic.n_fitted) == ("µm", 65, 2)
    assert mosaic.centres[:2] == pytest.approx(np.array([[250.0, 300.0], [450.0, 500.0]]))
    radius = np.hypot(*(mosaic.outlines[0] - mosaic.centres[0]).T)
    assert radius == pytest.approx(np.full(len(radius), 50.0))
    assert np.isnan(mosaic.outlines[2]).all()
    assert mosaic.somas[0] == pytest.approx([9 * 20.0, 5 * 20.0]), "the first electrode lies at 0"
    assert mosaic.frame.min(axis=0) == pytest.approx([0.0, 150.0])
    assert mosaic.frame.max(axis=0) == pytest.approx([800.0, 550.0])


def test_the_soma_is_that_of_the_electrical_image_where_it_is_known() -> None:
    session = make_session(calibrated=True)
    image = {"data": np.zeros((2, 2, 2)), "metadata": {}, "geometry": {"chip_row": 3.0, "chip_col": 4.0}}
    session.units["unit_001"]["features"]["eimage_sta"] = image

    assert make_mosaic(session, "noise").somas[0] == pytest.approx([60.0, 40.0])


def test_without_calibration_they_lie_in_pixels_of_the_movie() -> None:
    mosaic = make_mosaic(make_session(calibrated=False), "noise")

    assert (mosaic.length_unit, mosaic.electrodes) == ("px", 0)
    assert mosaic.centres[:2] == pytest.approx(np.array([[2.0, 1.0], [4.0, 3.0]]))
    assert np.isnan(mosaic.somas).all()


def test_without_the_pitch_the_electrodes_are_not_drawn() -> None:
    mosaic = make_mosaic(make_session(calibrated=True, pitch=None), "noise")

    assert (mosaic.length_unit, mosaic.electrodes) == ("µm", 0)
    assert np.isnan(mosaic.somas).all()


def test_the_ellipse_is_that_of_the_best_model_else_of_the_feature() -> None:
    names = ("x", "y", "sigma_major", "sigma_minor", "orientation")
    geometry: dict[str, Any] = {"model": "on_off", "polarity": -1.0}
    geometry |= {f"off_{name}": value for name, value in zip(names, (1.0, 2.0, 3.0, 1.5, 30.0), strict=True)}
    numbers = {"centre_x": 5.0, "centre_y": 6.0, "sigma_long": 2.0, "sigma_short": 1.0, "angle": 10.0}

    assert field_shape(geometry, numbers) == ((1.0, 2.0, 3.0, 1.5, -30.0), "ON and OFF Gaussians")
    assert field_shape({"model": "none"}, numbers)[1] == "Gaussian"
    assert field_shape({}, {})[1] == ""


# -- the mouse ---------------------------------------------------------------------------------------


@pytest.fixture
def fields(qtbot: Any, window: MainWindow) -> FieldMap:
    window.tabs.setCurrentWidget(window.views["receptive_field"])
    fields = window.views["receptive_field"].map
    fields.show_mosaic(make_mosaic(make_session(calibrated=True), "noise"))
    qtbot.waitUntil(lambda: fields.plot.getViewBox().width() > 100, timeout=20_000)
    return fields


def click(qtbot: Any, panel: UnitMap, x: float, y: float, modifier: Qt.KeyboardModifier) -> None:
    box = panel.plot.getViewBox()
    place = panel.graphics.mapFromScene(box.mapViewToScene(QPointF(x, y)))
    qtbot.mouseClick(panel.graphics.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def test_a_click_chooses_the_nearest_unit_and_control_adds_it(
    qtbot: Any, window: MainWindow, fields: FieldMap
) -> None:
    selection = window.controller.selection
    click(qtbot, fields, 255.0, 300.0, Qt.KeyboardModifier.NoModifier)
    assert selection.units == ("unit_001",)

    fields.choose_at(450.0, 500.0, add=True)
    assert selection.units == ("unit_002", "unit_001")
    fields.choose_at(450.0, 500.0, add=True)
    assert selection.units == ("unit_001",)
    fields.choose_at(1200.0, 1200.0, add=False)
    assert selection.units == ("unit_001",), "nothing is near"


def test_a_rubber_band_chooses_what_it_goes_around(qtbot: Any, window: MainWindow, fields: FieldMap) -> None:
    port = fields.graphics.viewport()
    box = fields.plot.getViewBox()

    def at(x: float, y: float) -> Any:
        return fields.graphics.mapFromScene(box.mapViewToScene(QPointF(x, y)))

    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, shift, at(150, 200))
    for place in ((300, 400), (500, 550), (520, 560)):
        QTest.mouseEvent(QTest.MouseAction.MouseMove, port, Qt.MouseButton.LeftButton, shift, at(*place), 10)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, shift, at(520, 560))

    assert set(window.controller.selection.units) == {"unit_001", "unit_002"}
    window.controller.selection.select_units(("unit_001",))
    fields.choose_within(QRectF(400, 400, 200, 200), add=True)
    assert window.controller.selection.units == ("unit_001", "unit_002")
    fields.choose_within(QRectF(0, 0, 10, 10), add=False)
    assert window.controller.selection.units == ("unit_001", "unit_002"), "an empty band changes nothing"


# -- what is drawn -----------------------------------------------------------------------------------


def test_all_units_are_one_item_and_the_chosen_ones_another(window: MainWindow, fields: FieldMap) -> None:
    items = len(fields.plot.vb.childGroup.childItems())
    window.controller.selection.select_units(("unit_001", "unit_002"))

    assert fields._chosen.outlines.shape == (2, 37, 2)
    first, second = (colour.name() for colour in fields._chosen.colours)
    assert first != second, "each in its own colour"
    assert [colour.alpha() < 255 for colour in fields._all.colours] == [True], "the others are faint"
    wide, _ = fields._wide.getData()
    assert np.nanmax(wide) - np.nanmin(wide) == pytest.approx(4 * 50.0), "2 σ of the current unit"
    assert len(fields._somas.data) == 2
    assert len(fields.plot.vb.childGroup.childItems()) == items
    assert fields._bar_text.toPlainText() == "200 µm"


def test_the_same_mosaic_is_not_drawn_again(window: MainWindow, fields: FieldMap) -> None:
    shown = fields.mosaic
    drawn = fields._all.outlines

    fields.show_mosaic(shown)

    assert fields._all.outlines is drawn


def test_without_a_fit_the_map_says_what_to_run(fields: FieldMap) -> None:
    fields.show_mosaic(None, "run it")

    assert fields.is_empty
    assert fields.empty_text == "run it"
    assert fields.table() is None


def test_the_map_as_table(fields: FieldMap) -> None:
    table = fields.table()

    assert table is not None
    assert [title for title, _ in table.columns] == [
        "unit_id",
        "rf_x_µm",
        "rf_y_µm",
        "soma_x_µm",
        "soma_y_µm",
    ]
    assert [row[:3] for row in table.rows()] == [
        ("unit_001", 250.0, 300.0),
        ("unit_002", 450.0, 500.0),
        ("unit_003", None, None),
    ]


def test_bad_electrodes_are_crosses_on_the_chip(qtbot: Any) -> None:
    view = RecordingView(
        unit_ids=("unit_001",),
        raster=None,  # type: ignore[arg-type]
        rate=None,  # type: ignore[arg-type]
        spans=(),
        duration_s=1.0,
        places=np.array([[30.0, 31.0]]),
        unit_rates=np.array([2.0]),
        chip_edge=65,
        bad=np.array([[12.0, 40.0], [12.0, 41.0]]),
    )
    chip = ChipMap(LIGHT, SelectionModel(), UnitColours(UnitTableModel()))
    qtbot.addWidget(chip)

    chip.show_recording(view)

    assert np.column_stack(chip.bad.getData()).tolist() == [[12, 40], [12, 41]]
    assert "2 bad" in chip._note.text()


def test_the_query_of_the_recording_has_column_and_row_of_bad_electrodes() -> None:
    session = PipelineSession("bad")
    session.metadata["electrodes"] = {"bad": np.array([[40, 12]])}

    assert bad_electrodes(session).tolist() == [[12, 40]]
    assert bad_electrodes(PipelineSession("good")).shape == (0, 2)


def test_the_chip_shows_the_units_of_the_recording_and_rings_the_chosen_ones(
    qtbot: Any, loaded: Loaded
) -> None:
    window, _ = loaded
    chip = window.recording.chip
    qtbot.waitUntil(lambda: not chip.is_empty, timeout=20_000)
    state = window.controller.state
    columns = {column.key: column.values for column in state.columns}

    table = window.recording.units_table()
    assert table is not None
    shown = dict(table.columns)
    assert shown["column"] == pytest.approx(columns["col"])
    assert shown["row"] == pytest.approx(columns["row"])
    assert shown["rate_Hz"] == pytest.approx(columns["rate"])
    assert len(chip._dots.data) == len(state.unit_ids)

    window.controller.selection.select_units(state.unit_ids[:2])
    assert len(chip._rings.data) == 2
    chip.choose_within(QRectF(0, 0, 70, 70), add=False)
    assert set(window.controller.selection.units) == set(state.unit_ids)


def test_calibrated_fields_reach_the_map(
    qtbot: Any, loaded: Loaded, idle: Callable[[], None], tmp_path: Path
) -> None:
    window, _ = loaded
    path = tmp_path / "Kalibrierung.json"
    path.write_text(json.dumps({"um_per_pixel": 100.0}), encoding="utf-8")
    window.tabs.setCurrentWidget(window.views["receptive_field"])
    window.controller.choose_flow("standard")
    window.controller.parameters("extract_rf_geometry").set_value("calibration_path", str(path))
    window.controller.run_all()
    idle()

    def shown() -> Mosaic | None:
        return window.views["receptive_field"].map.mosaic

    qtbot.waitUntil(lambda: shown() is not None, timeout=20_000)
    mosaic = shown()
    assert mosaic is not None
    assert mosaic.length_unit == "µm"
    assert mosaic.unit_ids == window.controller.state.unit_ids
