"""Stimulus calibration and pitch: seen, edited, kept, and handed to the steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLineEdit

from hdmea.stimuli.calibration import StimulusCalibration, read_calibration, write_calibration
from hdmea_gui.dialogs import files
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.flows.calibration.chip_sketch import ChipSketch
from hdmea_gui.flows.calibration.dialog import CalibrationDialog
from hdmea_gui.flows.calibration.query import placement
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.theme import DARK, LIGHT
from hdmea_gui.store.settings import SettingsStore

VALUES = {"um_per_pixel": 20.0, "rotation_deg": 12.25, "mirror": True, "offset_um": (150.0, -80.0)}
MEASURED = StimulusCalibration.model_validate(VALUES)

Show = Callable[[], CalibrationDialog]


@pytest.fixture
def show(qtbot: Any, window: MainWindow) -> Show:
    """Return a function that opens the dialog and waits until it knows what there is."""

    def open_it() -> CalibrationDialog:
        window.actions_["calibration"].trigger()
        qtbot.waitUntil(lambda: not window.controller.owes_answers)
        assert isinstance(window.dialog, CalibrationDialog)
        return window.dialog

    return open_it


def fill(dialog: CalibrationDialog) -> None:
    for name, value in VALUES.items():
        dialog.model.set_value(name, value)


def choose(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> None:
    monkeypatch.setattr(files, "ask_calibration_target", lambda *_: path)
    monkeypatch.setattr(files, "ask_calibration", lambda *_: path)


def answer(dialog: CalibrationDialog, text: str) -> None:
    next(button for button in dialog.question.buttons if button.text() == text).click()


# -- the form ----------------------------------------------------------------------------------------


def test_without_a_calibration_the_form_says_what_is_missing(show: Show) -> None:
    dialog = show()

    assert "Must be the size" in dialog.form.problem("um_per_pixel")
    assert dialog.sketch.placement is None
    assert not dialog.save_button.isEnabled()
    assert "open a recording" in dialog.use_button.toolTip()


def test_typed_values_are_sketched_and_checked(qtbot: Any, show: Show) -> None:
    dialog = show()
    line = dialog.form.editor("um_per_pixel").widget
    assert isinstance(line, QLineEdit)

    qtbot.keyClicks(line, "20")
    qtbot.keyClick(line, Qt.Key.Key_Return)

    assert dialog.isVisible(), "Return in a field must not press a button"
    assert dialog.sketch.placement is not None
    assert "2,000 × 2,000 µm" in dialog.summary.text()
    dialog.model.set_value("offset_um", (1,))
    assert "two numbers" in dialog.form.problem("offset_um")
    assert dialog.sketch.placement is None
    dialog.form.history.change({dialog.model: dialog.model.defaults}, "defaults")


def test_units_stand_beside_the_values(show: Show) -> None:
    dialog = show()
    fill(dialog)

    rotation: Any = dialog.form.editor("rotation_deg").widget
    assert rotation.text().replace(",", ".") == "12.25 °"
    assert "µm" in dialog.form._rows["um_per_pixel"].label.text()
    dialog.form.history.change({dialog.model: dialog.model.defaults}, "defaults")


@pytest.mark.parametrize(
    ("typed", "pitch"), [("16", 16.0), ("32 µm", 32.0), ("17.5um", 17.5), ("not known", None)]
)
def test_pitch_can_be_chosen_or_typed(show: Show, typed: str, pitch: float | None) -> None:
    dialog = show()

    dialog.chip.pitch.setEditText(typed)

    assert dialog.chip.pitch.value() == pitch
    assert not dialog.chip.has_problem


@pytest.mark.parametrize("typed", ["0", "-3", "wide", "inf"])
def test_a_pitch_that_cannot_be_is_refused_in_place(
    loaded: tuple[MainWindow, Any], show: Show, typed: str
) -> None:
    dialog = show()

    dialog.chip.pitch.setEditText(typed)

    assert "greater than 0" in dialog.chip.problem.text()
    assert not dialog.use_button.isEnabled()


# -- files -------------------------------------------------------------------------------------------


def test_saved_file_is_what_was_shown(
    qtbot: Any, show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: SettingsStore
) -> None:
    dialog = show()
    fill(dialog)
    choose(monkeypatch, tmp_path / "Kalibrierung µ.json")

    dialog.save_button.click()
    qtbot.waitUntil(lambda: not dialog.is_changed)

    assert read_calibration(tmp_path / "Kalibrierung µ.json") == MEASURED
    assert SettingsStore(settings.path).values.calibration_path == str(tmp_path / "Kalibrierung µ.json")
    dialog.reject()
    assert not dialog.isVisible()


def test_an_existing_file_is_replaced_only_after_yes(
    qtbot: Any, show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_calibration(tmp_path / "c.json", StimulusCalibration(um_per_pixel=3))
    dialog = show()
    fill(dialog)
    choose(monkeypatch, path)

    dialog.save_button.click()
    qtbot.waitUntil(lambda: "c.json" in dialog.question.text, timeout=20_000)
    answer(dialog, "Cancel")
    assert read_calibration(path).um_per_pixel == 3
    assert dialog.is_changed

    dialog.save_button.click()
    qtbot.waitUntil(lambda: "c.json" in dialog.question.text, timeout=20_000)
    answer(dialog, "Replace")
    qtbot.waitUntil(lambda: not dialog.is_changed)
    assert read_calibration(path) == MEASURED


def test_opened_file_is_shown(
    qtbot: Any, show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = show()
    choose(monkeypatch, write_calibration(tmp_path / "c.json", MEASURED))

    dialog.open_button.click()
    qtbot.waitUntil(lambda: dialog.path is not None)

    assert dialog.values() == VALUES
    assert "c.json" in dialog.source.text()
    assert not dialog.is_changed


def test_a_file_that_is_none_is_refused_in_place(
    qtbot: Any, show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.json").write_text('{"um_per_px": 3}')
    dialog = show()
    choose(monkeypatch, tmp_path / "c.json")

    dialog.open_button.click()
    qtbot.waitUntil(lambda: bool(dialog.question.text))

    assert "um_per_px" in dialog.question.text
    assert dialog.path is None


def test_a_failed_write_keeps_the_values(
    qtbot: Any, show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = show()
    fill(dialog)
    choose(monkeypatch, tmp_path / "none" / "c.json")

    dialog.save_button.click()
    qtbot.waitUntil(lambda: "cannot be written" in dialog.question.text)

    assert dialog.is_changed
    assert dialog.values() == VALUES


def test_changes_are_not_lost_by_closing(qtbot: Any, show: Show) -> None:
    dialog = show()
    fill(dialog)

    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert "not saved" in dialog.question.text
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert not dialog.question.asks

    dialog.reject()
    answer(dialog, "Close without saving")
    assert not dialog.isVisible()


def test_closing_can_save_first(
    qtbot: Any, show: Show, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = show()
    fill(dialog)
    choose(monkeypatch, tmp_path / "c.json")

    dialog.close_button.click()
    answer(dialog, "Save as…")
    qtbot.waitUntil(lambda: window.dialog is None)

    assert read_calibration(tmp_path / "c.json") == MEASURED


def test_what_is_being_typed_is_saved_too(
    qtbot: Any, show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = show()
    line = dialog.form.editor("um_per_pixel").widget
    fill(dialog)
    choose(monkeypatch, tmp_path / "c.json")
    line.setFocus()
    assert isinstance(line, QLineEdit)
    line.selectAll()
    qtbot.keyClicks(line, "7.5")

    dialog.save_as()
    qtbot.waitUntil(lambda: not dialog.is_changed)

    assert read_calibration(tmp_path / "c.json").um_per_pixel == 7.5


def test_a_pitch_typed_before_the_engine_answers_stays(window: MainWindow, qtbot: Any) -> None:
    window.settings.values.sensor_pitch_um = 32.0
    window.edit_calibration()
    dialog = window.dialog
    assert isinstance(dialog, CalibrationDialog)
    dialog.chip.pitch.setEditText("16")
    qtbot.waitUntil(lambda: not window.controller.owes_answers)

    assert dialog.chip.pitch.value() == 16


# -- the recording -----------------------------------------------------------------------------------


def test_use_saves_and_sets_file_and_pitch_of_every_step_that_takes_them(
    qtbot: Any,
    loaded: tuple[MainWindow, Any],
    show: Show,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: SettingsStore,
) -> None:
    window, _ = loaded
    dialog = show()
    fill(dialog)
    dialog.chip.pitch.setEditText("16")
    choose(monkeypatch, tmp_path / "c.json")

    dialog.use_button.click()
    qtbot.waitUntil(lambda: window.dialog is None)

    assert read_calibration(tmp_path / "c.json") == MEASURED
    parameters = window.controller.parameters
    assert parameters("extract_rf_geometry").value("calibration_path") == str(tmp_path / "c.json")
    assert parameters("extract_soma_geometry").value("sensor_pitch_um") == 16
    assert parameters("extract_axon_path").value("sensor_pitch_um") == 16
    assert SettingsStore(settings.path).values.sensor_pitch_um == 16
    assert not parameters("extract_rf_geometry").problems()


def test_pitch_alone_can_be_used(loaded: tuple[MainWindow, Any], show: Show) -> None:
    window, _ = loaded
    dialog = show()
    assert "first" in dialog.use_button.toolTip()

    dialog.chip.pitch.setCurrentText("32 µm")
    dialog.use_button.click()

    assert window.controller.parameters("extract_soma_geometry").value("sensor_pitch_um") == 32
    assert window.controller.parameters("extract_rf_geometry").value("calibration_path") is None


def test_what_was_used_is_shown_again(
    qtbot: Any, loaded: tuple[MainWindow, Any], show: Show, tmp_path: Path
) -> None:
    window, _ = loaded
    path = write_calibration(tmp_path / "c.json", MEASURED)
    window.controller.parameters("extract_rf_geometry").set_value("calibration_path", str(path))
    window.controller.parameters("extract_axon_path").set_value("sensor_pitch_um", 16.0)

    dialog = show()

    assert dialog.values() == VALUES
    assert dialog.chip.pitch.value() == 16


def test_last_file_and_pitch_are_proposed_after_a_restart(
    qtbot: Any, no_leaks: None, settings: SettingsStore, tmp_path: Path
) -> None:
    settings.values.calibration_path = str(write_calibration(tmp_path / "c.json", MEASURED))
    settings.values.sensor_pitch_um = 17.5
    settings.write()
    window = MainWindow(Controller(), SettingsStore(settings.path))
    window.controller.start()
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)

    window.edit_calibration()
    dialog = window.dialog
    assert isinstance(dialog, CalibrationDialog)
    qtbot.waitUntil(lambda: dialog.values() == VALUES)

    assert dialog.chip.pitch.value() == 17.5
    dialog.reject()
    window.close_without_question()


def test_what_the_recording_remembers_comes_before_the_last_file(
    qtbot: Any,
    loaded: tuple[MainWindow, Any],
    idle: Callable[[], None],
    show: Show,
    settings: SettingsStore,
    tmp_path: Path,
) -> None:
    window, _ = loaded
    settings.values.calibration_path = str(tmp_path / "gone.json")
    for step in ("add_section_time", "compute_sta"):
        window.controller.run_step(step)
        idle()
    used = write_calibration(tmp_path / "used.json", MEASURED)
    model = window.controller.parameters("extract_rf_geometry")
    model.set_value("calibration_path", str(used))
    window.controller.run_step("extract_rf_geometry")
    idle()
    assert "extract_rf_geometry" in window.controller.state.completed
    for name, value in model.defaults.items():
        model.set_value(name, value)

    dialog = show()

    assert dialog.values() == VALUES
    assert "Stored" in dialog.source.text()
    assert not dialog.question.text
    assert json.loads(used.read_text())["um_per_pixel"] == 20
    assert dialog.chip.frame != (100, 100), "the size is that of the movie's average"


# -- the sketch --------------------------------------------------------------------------------------


def test_placement_says_where_the_frame_lies() -> None:
    values = {"um_per_pixel": 10, "offset_um": (5.0, 5.0)}

    found = placement(values, (64, 32), 16.0)

    assert found.outline[0].tolist() == [0, 0]
    assert found.outline[2].tolist() == [640, 320]
    assert found.first_pixel[2].tolist() == [10, 10]
    # The chip's centre is 32 pitches from its first electrode: 512 µm.
    assert "192 µm left of and 352 µm above" in found.text
    assert "1,040 × 1,040 µm" in found.text


@pytest.mark.parametrize("pitch", [None, 16.0, 32.0])
def test_all_of_frame_and_chip_is_in_view(qtbot: Any, pitch: float | None) -> None:
    sketch = ChipSketch()
    qtbot.addWidget(sketch)
    found = placement(VALUES, (300, 200), pitch)

    sketch.show_placement(found)

    region = sketch.region_um()
    assert all(region.contains(x, y) for x, y in found.outline)
    assert pitch is None or region.contains(64.5 * pitch, 64.5 * pitch)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize(("mirror", "left"), [(False, True), (True, False)])
def test_first_pixel_is_marked_where_it_lies(
    qtbot: Any, show: Show, window: MainWindow, theme: Any, mirror: bool, left: bool
) -> None:
    window.use_theme(theme.name, at_once=True)
    sketch = ChipSketch()
    qtbot.addWidget(sketch)
    sketch.resize(400, 400)
    sketch.show_placement(placement({"um_per_pixel": 10, "mirror": mirror}, (60, 60), None))

    picture = sketch.grab().toImage()

    accent = QColor(theme.accent)
    columns = [
        x
        for x in range(picture.width())
        for y in range(picture.height())
        if picture.pixelColor(QPoint(x, y)) == accent
        and all(picture.pixelColor(x + dx, y + dy) == accent for dx in (0, 1, 2) for dy in (0, 1, 2))
    ]
    assert columns, "no marker is drawn"
    assert (sum(columns) / len(columns) < 200) is left
