"""Stimulus definitions by form: previewed, compared with the movie, kept in the library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.stimuli.definition import read_definition
from hdmea.stimuli.library import LIBRARY_VARIABLE, StimulusLibrary
from hdmea.stimuli.movies import open_movie
from hdmea.stimulus_setup.forms import Colours, EulerChirp, FileNoise, Gratings, Steps, form_of
from hdmea_gui.dialogs import files
from hdmea_gui.flows.setup.definition_dialog import DefinitionDialog
from hdmea_gui.flows.setup.dialog import SetupDialog
from hdmea_gui.shell.main_window import MainWindow

Idle = Callable[[], None]
SHORT = {"name": "mine", "repeat": 2, "lead": 30, "on": 60, "after": 60}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    monkeypatch.setenv(LIBRARY_VARIABLE, str(folder))
    return folder


@pytest.fixture
def dialog(window: MainWindow, library: Path) -> DefinitionDialog:
    window.actions_["define_stimulus"].trigger()
    assert isinstance(window.dialog, DefinitionDialog)
    return window.dialog


def until_shown(qtbot: Any, dialog: DefinitionDialog, length: int) -> None:
    qtbot.waitUntil(lambda: dialog.preview.levels.size == length)


def answer(dialog: DefinitionDialog, text: str) -> None:
    next(button for button in dialog.question.buttons if button.text() == text).click()


def test_a_form_is_drawn_and_kept_in_the_library(
    qtbot: Any, dialog: DefinitionDialog, library: Path, idle: Idle
) -> None:
    dialog.show_form(Steps, SHORT)
    until_shown(qtbot, dialog, 30 + 2 * 180)
    assert "2 trials of 180 frames (3.00 s)" in dialog.about.text()
    assert len(dialog.preview.trials) == 2
    assert "no movie file" in dialog.verdict.text()
    dialog.save_button.click()
    path = library / "config" / "stimuli" / "mine.json"
    qtbot.waitUntil(path.is_file)
    assert form_of(read_definition(path)) == Steps(**SHORT)
    dialog.movie_button.click()
    idle()
    movie = library / "stimuli" / "mine.npy"
    assert open_movie(movie).shape == (390, 15, 15)
    qtbot.waitUntil(lambda: dialog.preview.fits is True)
    # Found by every step, whichever recording is open.
    found = StimulusLibrary.for_recording({})
    assert found.movie_path("mine") == movie
    assert found.definition("mine", 390).path == path


def test_what_does_not_fit_the_movie_is_said_at_once(
    qtbot: Any, dialog: DefinitionDialog, library: Path, idle: Idle
) -> None:
    dialog.show_form(Steps, SHORT)
    until_shown(qtbot, dialog, 390)
    dialog.write_movie()
    idle()
    qtbot.waitUntil(lambda: dialog.preview.fits is True)
    dialog.model.set_value("lead", 20)
    qtbot.waitUntil(lambda: dialog.preview.fits is False)
    assert "10 frames later" in dialog.verdict.text()
    dialog.model.set_value("repeat", 4)
    qtbot.waitUntil(lambda: "needs 740 frames" in dialog.verdict.text())


def test_durations_in_seconds_are_the_same_durations(qtbot: Any, dialog: DefinitionDialog) -> None:
    dialog.show_form(Steps, SHORT)
    until_shown(qtbot, dialog, 390)
    dialog.model.set_value("durations", "seconds")
    qtbot.waitUntil(lambda: dialog.model.field("on").unit == "s")
    assert dialog.model.value("on") == 1.0
    dialog.model.set_value("on", 2.0)
    until_shown(qtbot, dialog, 30 + 2 * 240)
    dialog.model.set_value("durations", "frames")
    qtbot.waitUntil(lambda: dialog.model.field("on").unit == "frames")
    assert dialog.model.value("on") == 120


def test_another_kind_keeps_name_and_repeats(qtbot: Any, dialog: DefinitionDialog) -> None:
    dialog.show_form(Steps, SHORT)
    dialog.kinds.setCurrentIndex(dialog.kinds.findText("Euler chirp"))
    assert (dialog.model.value("name"), dialog.model.value("repeat")) == ("mine", 2)
    until_shown(qtbot, dialog, 30 + 2 * 1920)


def test_wrong_values_cannot_be_saved(qtbot: Any, dialog: DefinitionDialog) -> None:
    dialog.show_form(Colours, {"name": "mine"})
    qtbot.waitUntil(lambda: dialog.save_button.isEnabled())
    dialog.model.set_value("levels", (1, 2, 3))
    assert not dialog.save_button.isEnabled()


def test_a_definition_is_replaced_only_when_asked_and_goes_from_lab_to_lab(
    qtbot: Any, dialog: DefinitionDialog, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs.json"
    monkeypatch.setattr(files, "ask_definition_target", lambda *_: theirs)
    monkeypatch.setattr(files, "ask_definition", lambda *_: theirs)
    values = {"name": "gratings", "spatial_frequencies": (0.1,), "repeat": 1}
    dialog.show_form(Gratings, values)
    qtbot.waitUntil(lambda: dialog.save_button.isEnabled() and dialog.preview.levels.size > 0)
    dialog.export_button.click()
    qtbot.waitUntil(theirs.is_file)
    dialog.show_form(EulerChirp, {"name": "gratings"})
    dialog.save()
    kept = library / "config" / "stimuli" / "gratings.json"
    qtbot.waitUntil(kept.is_file)
    before = kept.read_bytes()
    dialog.import_button.click()
    qtbot.waitUntil(lambda: dialog.kinds.currentText() == "Gratings")
    assert dialog.model.value("spatial_frequencies") == (0.1,)
    dialog.save()
    qtbot.waitUntil(lambda: dialog.question.asks)
    assert kept.read_bytes() == before
    answer(dialog, "Replace")
    qtbot.waitUntil(lambda: kept.read_bytes() != before)
    assert form_of(read_definition(kept)) == Gratings(**values)


def test_a_definition_of_another_origin_is_kept_as_it_is(
    qtbot: Any, dialog: DefinitionDialog, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs.json"
    layout = {"start_frame": 7, "trial_length_frame": 100, "repeat": 4}
    theirs.write_text(json.dumps({"kind": "mine", "section_kwargs": layout, "note": "µ"}), encoding="utf-8")
    monkeypatch.setattr(files, "ask_definition", lambda *_: theirs)
    dialog.import_button.click()
    qtbot.waitUntil(lambda: dialog.question.asks)
    answer(dialog, "Keep as it is")
    kept = library / "config" / "stimuli" / "theirs.json"
    qtbot.waitUntil(kept.is_file)
    assert kept.read_bytes() == theirs.read_bytes()


def test_noise_from_a_file_goes_into_the_library(
    qtbot: Any, dialog: DefinitionDialog, library: Path, tmp_path: Path, idle: Idle
) -> None:
    noise = tmp_path / "white_noise.npy"
    np.save(noise, np.random.default_rng(0).integers(0, 2, (240, 6, 8)).astype(np.uint8) * 255)
    dialog.show_form(FileNoise, {})
    dialog.model.set_value("movie_path", str(noise))
    qtbot.waitUntil(lambda: "240 frames" in dialog.about.text())
    dialog.save()
    path = library / "config" / "stimuli" / "white_noise.json"
    qtbot.waitUntil(path.is_file)
    assert read_definition(path).events[0].model_dump()["width"] == 8
    dialog.write_movie()
    idle()
    assert (library / "stimuli" / "white_noise.npy").read_bytes() == noise.read_bytes()


def test_the_set_up_leads_to_the_form_and_shows_its_trials(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], library: Path, idle: Idle
) -> None:
    recording[0].with_name("playlist.csv").unlink()
    window.open_paths(list(recording))
    idle()
    window.setup.show()
    setup = window.dialog
    assert isinstance(setup, SetupDialog)
    idle()
    qtbot.waitUntil(lambda: bool(setup.model.checks))
    setup.model.name("led")
    assert setup.trials.text() == "none: no definition"
    setup.define_button.click()
    form = window.dialog
    assert isinstance(form, DefinitionDialog)
    assert form.model.value("name") == "led"
    form.show_form(Steps, {**SHORT, "name": "led"})
    until_shown(qtbot, form, 390)
    form.save()
    qtbot.waitUntil(lambda: setup.trials.text() == "2 of 3.00 s")
    form.reject()
    setup.model.history.setClean()
    setup.reject()
    assert np.isfinite(setup.model.checks[0].best_r) or setup.model.checks[0].reason
