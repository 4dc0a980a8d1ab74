"""Undo and redo of parameters, names to choose from, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QSpinBox, QToolButton

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.widgets.named_fields import NameEditor, NamesEditor

Idle = Callable[[], None]
Loaded = tuple[MainWindow, tuple[Path, Path]]


def editor(window: MainWindow, step: str, name: str) -> Any:
    window.panel.list.choose(step)
    return window.panel.form.editor(name)


def test_edits_are_taken_back_and_made_again_across_steps(qtbot: Any, window: MainWindow) -> None:
    pad = editor(window, "add_section_time", "pad_frame").widget
    pad.setFocus()
    qtbot.keyClicks(pad, "\b\b\b\b")
    pad.selectAll()
    qtbot.keyClicks(pad, "90")
    qtbot.keyClick(pad, Qt.Key.Key_Return)
    editor(window, "compute_eimage_sta", "cutoff_hz").widget.setValue(200.0)
    model = window.controller.parameters("add_section_time")
    assert model.value("pad_frame") == 90

    window.actions_["undo"].trigger()
    assert window.controller.parameters("compute_eimage_sta").value("cutoff_hz") == 100.0
    window.actions_["undo"].trigger()

    assert model.value("pad_frame") == 180
    chosen = window.panel.list.chosen_item
    assert chosen is not None
    assert chosen.spec.name == "add_section_time", "what was undone is shown"
    assert window.panel.form.editor("pad_frame").value() == 180
    assert not window.actions_["undo"].isEnabled()
    window.actions_["redo"].trigger()
    assert model.value("pad_frame") == 90
    assert "Padding" in window.actions_["undo"].text()


def test_steps_of_one_box_are_one_change_until_it_is_left(qtbot: Any, window: MainWindow) -> None:
    repeats = editor(window, "add_section_time", "repeats").widget
    model = window.controller.parameters("add_section_time")
    repeats.setFocus()
    for _ in range(4):
        qtbot.keyClick(repeats, Qt.Key.Key_Up)
    assert model.value("repeats") == 5

    window.actions_["undo"].trigger()
    assert model.value("repeats") == 1
    assert not window.actions_["undo"].isEnabled()

    repeats = window.panel.form.editor("repeats").widget
    repeats.setFocus()
    qtbot.keyClick(repeats, Qt.Key.Key_Up)
    window.panel.list.setFocus()
    repeats.setFocus()
    qtbot.keyClick(repeats, Qt.Key.Key_Up)
    window.actions_["undo"].trigger()
    assert model.value("repeats") == 2


def test_the_keys_of_undo_reach_the_history_from_inside_a_field(qtbot: Any, window: MainWindow) -> None:
    box = editor(window, "add_section_time", "repeats").widget
    model = window.controller.parameters("add_section_time")
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert model.value("repeats") == 2

    qtbot.keyClick(box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert model.value("repeats") == 1
    control_shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(box, Qt.Key.Key_Z, control_shift)
    assert model.value("repeats") == 2


def test_the_wheel_scrolls_and_changes_nothing_by_accident(window: MainWindow) -> None:
    box = editor(window, "add_section_time", "repeats").widget
    assert isinstance(box, QSpinBox)
    window.panel.list.setFocus()
    middle = QPointF(box.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(box.mapToGlobal(box.rect().center())),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )

    QApplication.sendEvent(box, event)

    assert box.value() == 1


def test_defaults_are_one_click_away_and_can_be_undone(window: MainWindow) -> None:
    editor(window, "compute_eimage_sta", "cutoff_hz").widget.setValue(200.0)
    editor(window, "add_section_time", "repeats").widget.setValue(3)
    assert window.panel.edited.isVisible()

    buttons = {button.text(): button for button in window.panel.edited.findChildren(QToolButton)}
    buttons["Reset all"].click()

    parameters = window.controller.step_parameters
    assert parameters.changed_steps() == ()
    assert not window.panel.edited.isVisible()
    window.actions_["undo"].trigger()
    assert len(parameters.changed_steps()) == 2


def test_what_there_is_can_be_chosen(qtbot: Any, loaded: Loaded, idle: Idle) -> None:
    window, _ = loaded
    playlist = editor(window, "add_section_time", "playlist_name")
    assert isinstance(playlist, NameEditor)
    box = playlist.widget
    assert isinstance(box, QComboBox)
    qtbot.waitUntil(lambda: box.count() > 1, timeout=20_000)
    assert box.itemText(0) == "automatic"

    box.setCurrentIndex(1)
    box.activated.emit(1)

    model = window.controller.parameters("add_section_time")
    assert model.value("playlist_name") == box.itemText(1)
    window.controller.run_step("add_section_time")
    idle()
    movies = editor(window, "section_spike_times", "movie_names")
    assert isinstance(movies, NamesEditor)
    choices = window.controller.step_parameters.choices
    qtbot.waitUntil(
        lambda: any("shown" in choice.about for choice in choices.get("movie", ())), timeout=20_000
    )
    assert movies.popup.list.count() == len(choices["movie"])


def test_several_names_are_ticked_in_a_list(qtbot: Any, loaded: Loaded) -> None:
    window, _ = loaded
    units = editor(window, "compute_eimage_sta", "unit_ids")
    qtbot.waitUntil(lambda: units.popup.list.count() == 5, timeout=20_000)
    units.line.setFocus()

    qtbot.keyClick(units.line, Qt.Key.Key_Down)
    assert units.popup.isVisible()
    qtbot.keyClick(units.popup.list, Qt.Key.Key_Down)
    qtbot.keyClick(units.popup.list, Qt.Key.Key_Space)
    units.popup.close()

    ids = window.controller.state.unit_ids
    assert window.controller.parameters("compute_eimage_sta").value("unit_ids") == (ids[1],)
    units.line.setFocus()
    qtbot.keyClick(units.line, Qt.Key.Key_Down)
    qtbot.keyClick(units.popup.list, Qt.Key.Key_Space)
    units.popup.close()
    assert window.controller.parameters("compute_eimage_sta").value("unit_ids") is None


def test_features_are_offered_by_name(qtbot: Any, window: MainWindow) -> None:
    features = editor(window, "extract_features", "features")

    qtbot.waitUntil(lambda: features.popup.list.count() > 5, timeout=20_000)

    titles = [features.popup.list.item(row).text() for row in range(features.popup.list.count())]
    assert "baseline" in titles


def test_parameters_come_back_at_the_next_start_but_not_those_of_a_recording(
    qtbot: Any, loaded: Loaded, settings: SettingsStore, recording: tuple[Path, Path]
) -> None:
    window, _ = loaded
    editor(window, "add_section_time", "repeats").widget.setValue(3)
    window.controller.parameters("compute_eimage_sta").set_value("unit_ids", ("unit_001",))
    window.close_without_question()
    assert window.joined

    second = MainWindow(Controller(), SettingsStore(settings.path))
    second.controller.start()
    qtbot.waitUntil(lambda: second.controller.activity is Activity.IDLE, timeout=20_000)

    assert second.controller.parameters("add_section_time").value("repeats") == 3
    assert second.controller.parameters("compute_eimage_sta").value("unit_ids") is None
    assert second.controller.step_parameters.changed_steps() == ("Section times",)
    second.close_without_question()
    second.deleteLater()


def test_remembered_values_that_are_not_allowed_any_more_are_named(
    qtbot: Any, settings: SettingsStore, no_leaks: None
) -> None:
    settings.values.parameters = {"add_section_time": {"repeats": 0, "gone": 1, "pad_frame": 20}}
    window = MainWindow(Controller(), settings)
    window.controller.start()
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)

    model = window.controller.parameters("add_section_time")

    assert (model.value("repeats"), model.value("pad_frame")) == (1, 20)
    said = "\n".join(window.log.texts())
    assert "“gone”" in said
    assert "“Repeats” must be at least 1, not 0" in said
    window.close_without_question()
    window.deleteLater()


def test_another_recording_takes_no_paths_of_the_one_before(
    loaded: Loaded, idle: Idle, demo_pair: tuple[Path, Path]
) -> None:
    window, _ = loaded
    model = window.controller.parameters("compute_eimage_sta")
    editor(window, "compute_eimage_sta", "cmcr_path").line.setText("/somewhere/old.cmcr")
    window.panel.form.editor("cmcr_path").edited.emit()
    assert model.value("cmcr_path") == "/somewhere/old.cmcr"

    window.controller.open(list(demo_pair))
    idle()

    assert model.value("cmcr_path") is None
    assert not window.actions_["undo"].isEnabled()
