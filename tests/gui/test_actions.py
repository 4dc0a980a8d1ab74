"""Each action of the table does what it says; an action without an entry here fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QElapsedTimer
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog

from hdmea_gui.dialogs import files
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.flows import help as helping
from hdmea_gui.flows.about_dialog import AboutDialog
from hdmea_gui.flows.calibration.dialog import CalibrationDialog
from hdmea_gui.flows.close_guard import UnsavedDialog
from hdmea_gui.flows.figure_dialog import FigureDialog
from hdmea_gui.flows.help_dialog import HelpPage, TopicDialog
from hdmea_gui.flows.palette_dialog import CommandPalette
from hdmea_gui.flows.preferences import SettingsDialog
from hdmea_gui.flows.presets_dialog import PresetsDialog, SavePresetDialog
from hdmea_gui.flows.provenance_dialog import ProvenanceDialog
from hdmea_gui.flows.setup.definition_dialog import DefinitionDialog
from hdmea_gui.flows.setup.dialog import SetupDialog
from hdmea_gui.flows.sheet import SheetDialog
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.actions import ACTIONS
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from tests.gui.conftest import visible_texts


@dataclass
class Rig:
    """A window with the demo loaded, not saved, and what the tests need to trigger and look."""

    window: MainWindow
    qtbot: Any
    monkeypatch: pytest.MonkeyPatch

    def trigger(self, action_id: str) -> None:
        action = self.window.actions_[action_id]
        assert action.isEnabled(), self.window.actions_.refusal(action_id)
        action.trigger()

    def opens(self, action_id: str, kind: type[QDialog]) -> Any:
        """Trigger; return the dialog that must be open then."""
        self.trigger(action_id)
        assert isinstance(self.window.dialog, kind)
        return self.window.dialog

    def asks(self, action_id: str, question: str, answer: object) -> None:
        """Trigger; the desktop must be asked for a file once, and nothing happens when that is cancelled."""
        asked: list[str] = []
        self.monkeypatch.setattr(files, question, lambda *_args: asked.append(question) or answer)
        before = self.window.controller.state
        self.trigger(action_id)
        assert asked == [question]
        assert self.window.controller.state is before

    def calls(self, action_id: str, owner: object, method: str) -> None:
        """Trigger; this method must be called once."""
        called: list[str] = []
        self.monkeypatch.setattr(owner, method, lambda *_args: called.append(method))
        self.trigger(action_id)
        assert called == [method]

    def copies(self, action_id: str, words: str) -> None:
        """Trigger; the clipboard must hold these words then."""
        QGuiApplication.clipboard().setText("before")
        self.trigger(action_id)
        self.qtbot.waitUntil(lambda: words in QGuiApplication.clipboard().text(), timeout=20_000)


def _recording_sheet(rig: Rig) -> None:
    rig.trigger("recording_sheet")
    rig.qtbot.waitUntil(lambda: isinstance(rig.window.dialogs.current, SheetDialog), timeout=20_000)
    dialog = rig.window.dialogs.current
    assert isinstance(dialog, SheetDialog)
    dialog.reject()


def _copy_cell(rig: Rig) -> None:
    said: list[str] = []
    rig.window.scripts.told.connect(said.append)
    rig.trigger("copy_cell")
    rig.qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert "has no file yet. Save the result first" in said[0]


def _auto_checkpoint(rig: Rig) -> None:
    before = rig.window.settings.values.auto_checkpoint
    rig.trigger("auto_checkpoint")
    assert rig.window.settings.values.auto_checkpoint is not before
    rig.trigger("auto_checkpoint")
    assert rig.window.settings.values.auto_checkpoint is before


def _change(rig: Rig) -> ParameterModel:
    """Select a step and change one of its parameters, as the person would."""
    rig.window.panel.list.choose("add_section_time")
    parameters = rig.window.controller.parameters("add_section_time")
    rig.window.controller.step_parameters.reset(["add_section_time"])
    rig.window.controller.step_parameters.history.edit(parameters, "pad_frame", 77)
    assert parameters.any_changed
    return parameters


def _reset(action_id: str) -> Callable[[Rig], None]:
    def check(rig: Rig) -> None:
        parameters = _change(rig)
        rig.trigger(action_id)
        assert not parameters.any_changed

    return check


def _undo_and_redo(rig: Rig) -> None:
    parameters = _change(rig)
    rig.trigger("undo")
    assert not parameters.any_changed
    rig.trigger("redo")
    assert parameters.value("pad_frame") == 77
    rig.window.controller.step_parameters.reset(["add_section_time"])


def _run_step(rig: Rig) -> None:
    rig.window.panel.list.choose("add_section_time")
    rig.calls("run_step", rig.window.controller, "run_step")


def _run_to_here(rig: Rig) -> None:
    rig.window.panel.list.choose("compute_sta")
    rig.calls("run_to_here", rig.window.controller, "run_steps")


def _run_again(rig: Rig) -> None:
    rig.window.panel.list.choose("load_recording")
    rig.calls("run_again", rig.window.controller, "run_step")


def _show_failure(rig: Rig) -> None:
    controller = rig.window.controller
    controller.steps.set_outcome("compute_sta", StepState.FAILED, "the movie is missing")
    rig.window.panel.list.choose("compute_sta")
    dialog = rig.opens("show_failure", MessageDialog)
    assert "the movie is missing" in visible_texts(dialog)
    controller.steps.set_session(controller.state, forget=True)


def _recover(rig: Rig) -> None:
    rig.trigger("recover")
    assert any("not available in this window" in line for line in rig.window.log.texts())


def _stop(rig: Rig) -> None:
    with pytest.raises(AssertionError, match="nothing is running"):
        rig.trigger("stop")
    rig.window.actions_.allow("stop")
    rig.trigger("stop")
    assert rig.window.controller.activity is Activity.IDLE


def _units(rig: Rig) -> None:
    selection, ids = rig.window.controller.selection, rig.window.controller.state.unit_ids
    selection.select_units(ids[:1])
    rig.trigger("next_unit")
    assert selection.unit == ids[1]
    rig.trigger("previous_unit")
    assert selection.unit == ids[0]


def _reset_view(rig: Rig) -> None:
    window = rig.window
    window.tabs.setCurrentWidget(window.views["unit"])
    rig.calls("reset_view", window.views["unit"], "show_all")
    assert window.tabs.currentWidget() is window.views["unit"]


def _filter_units(rig: Rig) -> None:
    rig.trigger("filter_units")
    assert rig.window.focusWidget() is rig.window.table.filter


def _move_view_out(rig: Rig) -> None:
    window = rig.window
    window.tabs.setCurrentWidget(window.views["unit"])
    rig.trigger("move_view_out")
    assert window.view_panels.names == ("unit",)
    window.view_panels.close("unit")
    assert window.tabs.currentWidget() is window.views["unit"]


def _pin_unit(rig: Rig) -> None:
    panels = rig.window.view_panels
    rig.trigger("pin_unit")
    assert len(panels.pinned) == 1
    dock = panels.pinned[0].parentWidget()
    assert dock is not None
    dock.close()
    assert panels.pinned == ()


def _views(rig: Rig) -> None:
    tabs = rig.window.tabs
    tabs.setCurrentIndex(2)
    rig.trigger("next_view")
    assert tabs.currentIndex() == 3
    rig.trigger("previous_view")
    assert tabs.currentIndex() == 2


def _panes(rig: Rig) -> None:
    rig.window.panel.list.setFocus()
    rig.trigger("next_pane")
    form = rig.window.focusWidget()
    assert rig.window.panel.form.isAncestorOf(form)
    rig.trigger("previous_pane")
    assert rig.window.focusWidget() is rig.window.panel.list


def _log(rig: Rig) -> None:
    assert not rig.window.log.isVisible()
    rig.trigger("log")
    assert rig.window.log.isVisible()
    rig.trigger("log")
    assert not rig.window.log.isVisible()


def _theme(name: str) -> Callable[[Rig], None]:
    def check(rig: Rig) -> None:
        rig.trigger(f"theme_{name}")
        assert rig.window.settings.values.theme == name
        assert [n for n in ("light", "dark", "system") if rig.window.actions_[f"theme_{n}"].isChecked()] == [
            name
        ]

    return check


def _help_focus(rig: Rig) -> None:
    rig.window.panel.list.choose("compute_sta")
    rig.window.panel.list.setFocus()
    dialog = rig.opens("help_focus", TopicDialog)
    assert dialog.topic.title == rig.window.controller.steps.item("compute_sta").spec.title


def _opens_address(action_id: str, wanted: Callable[[Rig], str]) -> Callable[[Rig], None]:
    def check(rig: Rig) -> None:
        opened: list[str] = []
        rig.monkeypatch.setattr(
            QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True
        )
        rig.monkeypatch.setattr(helping, "release_page", lambda: "https://example.org/releases")
        rig.window.helping.offer_updates()
        rig.window.helping.log_folder.mkdir(parents=True, exist_ok=True)
        rig.trigger(action_id)
        assert opened == [wanted(rig)]

    return check


def _views(rig: Rig) -> None:
    tabs = rig.window.tabs
    before = tabs.currentIndex()
    rig.trigger("next_view")
    assert tabs.currentIndex() == (before + 1) % tabs.count()
    rig.trigger("previous_view")
    assert tabs.currentIndex() == before


def _panes(rig: Rig) -> None:
    window = rig.window
    window.activateWindow()
    rig.qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    window.steps.setFocus()
    rig.trigger("next_pane")
    assert window.panel.form.isAncestorOf(window.focusWidget())
    rig.trigger("previous_pane")
    assert window.focusWidget() is window.steps


def _exports(action_id: str, *kinds: str) -> Callable[[Rig], None]:
    def check(rig: Rig) -> None:
        asked: list[str] = []

        def answer(_parent: object, _title: str, _proposed: str, filters: str) -> tuple[str, str]:
            asked.append(filters)
            return "", ""

        rig.monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
        rig.window.tabs.setCurrentWidget(rig.window.recording)
        rig.qtbot.waitUntil(rig.window.recording.has_data, timeout=20_000)
        rig.trigger(action_id)
        assert len(asked) == 1
        assert all(kind in asked[0] for kind in kinds)
        assert asked[0].count("*.") == len(kinds)

    return check


def _build_figure(rig: Rig) -> None:
    rig.window.tabs.setCurrentWidget(rig.window.recording)
    rig.qtbot.waitUntil(rig.window.recording.has_data, timeout=20_000)
    rig.trigger("export_view")
    rig.qtbot.waitUntil(lambda: isinstance(rig.window.dialogs.current, FigureDialog), timeout=20_000)
    dialog = rig.window.dialogs.current
    assert isinstance(dialog, FigureDialog)
    assert dialog.values()["panels"] == ("population", "population_rate", "units_on_chip")
    dialog.reject()


def _export_result(rig: Rig) -> None:
    asked: list[str] = []

    def answer(_parent: object, _title: str, _proposed: str, filters: str) -> tuple[str, str]:
        asked.append(filters)
        return "", ""

    rig.monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    rig.trigger("export_result")
    rig.qtbot.waitUntil(lambda: bool(asked), timeout=20_000)
    assert all(kind in asked[0] for kind in ("*.csv", "*.parquet", "*.h5"))


def _batch(rig: Rig) -> None:
    for shown in (True, False):
        rig.window.actions_["batch"].trigger()
        assert rig.window.batch.isVisible() is shown
        assert rig.window.panel.isVisible() is not shown


def _rig(rig: Rig) -> None:
    for shown in (True, False):
        rig.window.actions_["rig"].trigger()
        assert rig.window.rig.isVisible() is shown
        assert rig.window.panel.isVisible() is not shown


EFFECTS: dict[str, Callable[[Rig], None]] = {
    "open": lambda rig: rig.asks("open", "ask_open_files", []),
    "open_folder": lambda rig: rig.asks("open_folder", "ask_folder", None),
    "open_checkpoint": lambda rig: rig.asks("open_checkpoint", "ask_checkpoint", None),
    "open_demo": lambda rig: rig.opens("open_demo", UnsavedDialog),
    "open_drug_demo": lambda rig: rig.calls("open_drug_demo", rig.window.controller, "make_drug_demo"),
    "save": lambda rig: rig.asks("save", "ask_save_path", None),
    "save_as": lambda rig: rig.asks("save_as", "ask_save_path", None),
    "checkpoint": lambda rig: rig.asks("checkpoint", "ask_save_path", None),
    "auto_checkpoint": _auto_checkpoint,
    "settings": lambda rig: rig.opens("settings", SettingsDialog),
    "quit": lambda rig: rig.opens("quit", UnsavedDialog),
    "run_all": lambda rig: rig.calls("run_all", rig.window.controller, "_run"),
    "run_step": _run_step,
    "run_to_here": _run_to_here,
    "run_again": _run_again,
    "show_failure": _show_failure,
    "recover": _recover,
    "show_provenance": lambda rig: rig.opens("show_provenance", ProvenanceDialog),
    "stop": _stop,
    "undo": _undo_and_redo,
    "redo": _undo_and_redo,
    "reset_parameters": _reset("reset_parameters"),
    "reset_all_parameters": _reset("reset_all_parameters"),
    "save_preset": lambda rig: rig.opens("save_preset", SavePresetDialog),
    "presets": lambda rig: rig.opens("presets", PresetsDialog),
    "batch": _batch,
    "rig": _rig,
    "calibration": lambda rig: rig.opens("calibration", CalibrationDialog),
    "stimuli": lambda rig: rig.opens("stimuli", SetupDialog),
    "define_stimulus": lambda rig: rig.opens("define_stimulus", DefinitionDialog),
    "previous_unit": _units,
    "next_unit": _units,
    "reset_view": _reset_view,
    "filter_units": _filter_units,
    "move_view_out": _move_view_out,
    "pin_unit": _pin_unit,
    "next_view": _views,
    "previous_view": _views,
    "next_pane": _panes,
    "previous_pane": _panes,
    "log": _log,
    "theme_light": _theme("light"),
    "theme_dark": _theme("dark"),
    "theme_system": _theme("system"),
    "copy_view": lambda rig: rig.calls("copy_view", rig.window.tabs.currentWidget(), "copy_figure"),
    "export_view": _build_figure,
    "export_data": _exports("export_data", "*.csv"),
    "export_table": _exports("export_table", "*.csv"),
    "export_result": _export_result,
    "copy_script": lambda rig: rig.copies("copy_script", "load_recording"),
    "copy_cell": _copy_cell,
    "recording_sheet": _recording_sheet,
    "palette": lambda rig: rig.opens("palette", CommandPalette),
    "help_focus": _help_focus,
    "help_page": lambda rig: rig.opens("help_page", HelpPage),
    "copy_report": lambda rig: rig.copies("copy_report", "Last lines of the log"),
    "open_log_folder": _opens_address("open_log_folder", lambda rig: rig.window.helping.log_folder.as_uri()),
    "check_updates": _opens_address("check_updates", lambda rig: "https://example.org/releases"),
    "about": lambda rig: rig.opens("about", AboutDialog),
}


@pytest.fixture(scope="module")
def loaded_window(
    qapp: QApplication, demo_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MainWindow]:
    """Return one window for all actions: none of them changes the session."""
    folder = tmp_path_factory.mktemp("actions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helping, "default_log_folder", lambda: folder / "logs")
        window = MainWindow(Controller(), SettingsStore(folder / "settings.json"), folder / "demo", "tiny")
        window.show()
        window.controller.start()
        _wait_until_idle(window)
        window.open_paths(list(demo_pair))
        _wait_until_idle(window)
        window.load()
        _wait_until_idle(window)
        assert window.controller.state.unit_ids
        yield window
        window.close_without_question()
        assert window.joined
        window.deleteLater()


def _wait_until_idle(window: MainWindow) -> None:
    clock = QElapsedTimer()
    clock.start()
    while window.controller.activity is not Activity.IDLE:
        assert clock.elapsed() < 60_000
        QTest.qWait(10)


@pytest.mark.parametrize("action_id", [spec.id for spec in ACTIONS])
def test_an_action_does_what_it_says(
    loaded_window: MainWindow, qtbot: Any, monkeypatch: pytest.MonkeyPatch, action_id: str
) -> None:
    assert action_id in EFFECTS, f"say in EFFECTS of this file what the action {action_id!r} must do"

    EFFECTS[action_id](Rig(loaded_window, qtbot, monkeypatch))

    if loaded_window.dialog is not None:
        loaded_window.dialog.close()
    assert loaded_window.dialog is None


def test_no_effect_is_that_of_an_action_that_is_gone() -> None:
    assert set(EFFECTS) <= {spec.id for spec in ACTIONS}


def test_a_mistyped_action_is_answered_with_the_nearest(loaded_window: MainWindow) -> None:
    with pytest.raises(KeyError, match="did you mean 'run_all'"):
        loaded_window.actions_["run_al"]
    with pytest.raises(KeyError, match="did you mean 'save'"):
        loaded_window.actions_.allow("sav")


def test_updates_are_offered_only_if_the_program_names_a_page_with_its_releases(
    loaded_window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = loaded_window.actions_["check_updates"]
    for page in ("", "https://example.org/releases"):
        monkeypatch.setattr(helping, "release_page", lambda page=page: page)

        loaded_window.helping.offer_updates()

        assert action.isVisible() is bool(page)
        offered = [command.id for command in loaded_window.helping._commands()]
        assert ("check_updates" in offered) is bool(page)
