"""Presets: saved under a name, taken over, shared as files, refused with reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog

from hdmea.declare import all_steps
from hdmea.utils.resources import resource_path
from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.forms import describe_step
from hdmea_gui.flows.presets_dialog import PresetsDialog, SavePresetDialog
from hdmea_gui.models.parameters import allowed_values
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.presets import Preset, PresetError, PresetStore, read_preset, write_preset
from tests.gui.conftest import visible_texts


def save(window: MainWindow, name: str, scope: int = 0) -> None:
    window.actions_["save_preset"].trigger()
    dialog = window.dialog
    assert isinstance(dialog, SavePresetDialog)
    dialog.name.setText(name)
    dialog.scopes[scope][0].setChecked(True)
    dialog.save_button.click()
    assert window.dialog is None


def test_a_step_is_saved_and_taken_over_again(window: MainWindow) -> None:
    window.panel.list.choose("add_section_time")
    model = window.controller.parameters("add_section_time")
    model.set_value("repeats", 4)
    window.controller.parameters("compute_eimage_sta").set_value("cutoff_hz", 50.0)
    save(window, "Vier Mal µ / 中")
    window.editing.reset_all()

    stored = window.editing.presets.own("vier mal µ / 中")
    assert stored is not None
    window.editing.apply(stored)

    assert model.value("repeats") == 4
    assert window.controller.parameters("compute_eimage_sta").value("cutoff_hz") == 100.0
    window.actions_["undo"].trigger()
    assert model.value("repeats") == 1, "a preset is one change"


def test_the_whole_flow_is_saved_without_what_belongs_to_one_recording(window: MainWindow) -> None:
    window.controller.parameters("add_section_time").set_value("repeats", 2)
    window.controller.parameters("compute_eimage_sta").set_value("unit_ids", ("unit_001",))
    window.controller.parameters("compute_eimage_sta").set_value("cmcr_path", "/data/x.cmcr")

    save(window, "Alles", scope=1)

    stored = window.editing.presets.own("Alles")
    assert stored is not None
    assert stored.preset.steps["add_section_time"]["repeats"] == 2
    assert "fit_lnl" in stored.preset.steps
    assert not {"unit_ids", "cmcr_path"} & set(stored.preset.steps["compute_eimage_sta"])
    assert not {"cmcr_path", "cmtr_path", "dataset_id"} & set(stored.preset.steps["load_recording"])


def test_the_menu_of_the_form_takes_a_preset_over(window: MainWindow) -> None:
    window.editing.menu.aboutToShow.emit()
    actions = {action.text(): action for action in window.editing.menu.actions()}

    actions["Quick look"].trigger()

    assert window.controller.parameters("compute_eimage_sta").value("spike_limit") == 1000
    assert "Changed: " in visible_texts(window.panel.edited)


def test_a_name_that_exists_is_replaced_only_knowingly(window: MainWindow) -> None:
    save(window, "Mine")
    window.actions_["save_preset"].trigger()
    dialog = window.dialog
    assert isinstance(dialog, SavePresetDialog)

    dialog.name.setText(" mine ")

    assert dialog.save_button.text() == "Replace"
    assert "would be replaced" in dialog.problem.text()
    dialog.name.setText("")
    assert not dialog.save_button.isEnabled()
    dialog.reject()


def test_a_preset_travels_as_a_file(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.controller.parameters("add_section_time").set_value("repeats", 7)
    window.panel.list.choose("add_section_time")
    save(window, "Reise")
    target = tmp_path / "Für Kollegin 中.json"
    monkeypatch.setattr(files, "ask_preset_target", lambda *_: target)
    monkeypatch.setattr(files, "ask_preset", lambda *_: target)
    window.actions_["presets"].trigger()
    dialog = window.dialog
    assert isinstance(dialog, PresetsDialog)
    assert dialog.chosen is not None
    assert dialog.chosen.preset.name == "Reise"

    dialog.export_button.click()
    dialog.remove_button.click()
    assert window.editing.presets.own("Reise") is not None, "the first click only asks"
    dialog.remove_button.click()
    assert window.editing.presets.own("Reise") is None
    dialog.import_button.click()

    assert dialog.chosen is not None
    assert dialog.chosen.preset.steps["add_section_time"]["repeats"] == 7
    dialog.import_button.click()
    assert window.editing.presets.own("Reise 2") is not None, "an import replaces nothing"
    dialog.apply_button.click()


def test_a_file_that_only_its_suffix_names_is_not_replaced_without_a_question(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.json").touch()
    answers, begun = ["mine", "mine.json"], []

    def answer(_parent: object, _title: str, start: str, _kinds: str) -> tuple[str, str]:
        begun.append(start)
        return str(tmp_path / answers.pop(0)), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)

    assert files.ask_preset_target(window, str(tmp_path), "a.json") == tmp_path / "mine.json"
    assert begun == [str(tmp_path / "a.json"), str(tmp_path / "mine.json")], (
        "the dialog asks by the whole name"
    )

    answers.append("new")
    assert files.ask_preset_target(window, str(tmp_path), "a.json") == tmp_path / "new.json"


def test_what_cannot_be_taken_over_is_named(window: MainWindow) -> None:
    steps = {"add_section_time": {"repeats": -1, "colour": 3, "pad_frame": 60}, "teleport": {"to": "Mars"}}
    window.editing.presets.save(Preset(name="Odd", steps=steps))
    stored = window.editing.presets.own("Odd")
    assert stored is not None

    window.editing.apply(stored)

    assert isinstance(window.dialog, MessageDialog)
    said = visible_texts(window.dialog)
    for word in ("“teleport”", "“colour”", "“Repeats” must be at least 1, not -1"):
        assert word in said
    model = window.controller.parameters("add_section_time")
    assert (model.value("repeats"), model.value("pad_frame")) == (1, 60)
    window.dialog.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG", "not a preset"),
        (b"[1, 2]", "not a preset of this program"),
        (b'{"format": "other", "version": 1}', "not a preset of this program"),
        (b'{"format": "hdmea-studio-parameters", "version": 9, "name": "x", "steps": {}}', "newer version"),
        (
            b'{"format": "hdmea-studio-parameters", "version": 1, "name": "", "steps": 3}',
            "name must not be empty",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    path = tmp_path / "fremd.json"
    path.write_bytes(content)
    with pytest.raises(PresetError, match=reason):
        read_preset(path)
    store = PresetStore(tmp_path / "own", tmp_path / "none")
    dialog = PresetsDialog(store, {})
    qtbot.addWidget(dialog)
    monkeypatch.setattr(files, "ask_preset", lambda *_: path)

    dialog.import_button.click()

    assert reason in dialog.problem.text()
    assert store.all() == ()


def test_a_broken_file_among_the_presets_hides_no_other_one(tmp_path: Path) -> None:
    write_preset(Preset(name="Gut", steps={}), tmp_path / "gut.json")
    (tmp_path / "kaputt.json").write_text("{", encoding="utf-8")
    store = PresetStore(tmp_path, tmp_path / "none")

    assert [stored.preset.name for stored in store.all()] == ["Gut"]
    assert "kaputt.json" in store.problems[0]


def test_names_that_no_file_system_takes_are_kept(tmp_path: Path) -> None:
    store = PresetStore(tmp_path / "presets", tmp_path / "none")
    for name in ("a/b", "a:b", "..", "a?b"):
        store.save(Preset(name=name, steps={}))

    assert {stored.preset.name for stored in store.all()} == {"a/b", "a:b", "..", "a?b"}
    assert len(list((tmp_path / "presets").iterdir())) == 4


def test_presets_that_come_with_the_program_are_allowed_by_the_steps_and_stay() -> None:
    store = PresetStore(Path("nowhere"), resource_path("presets"))
    specs = {name: describe_step(public) for name, public in all_steps().items()}

    found = store.all()

    assert len(found) >= 2
    for stored in found:
        for step, values in stored.preset.steps.items():
            assert allowed_values(specs[step], values)[1] == []
        assert json.loads(stored.path.read_text(encoding="utf-8"))["version"] == 1
        with pytest.raises(PresetError, match="built in"):
            store.delete(stored)
