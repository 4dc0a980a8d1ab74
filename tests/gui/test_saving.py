from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QDialog

from hdmea.pipeline.session import PipelineSession
from hdmea_gui.dialogs import files
from hdmea_gui.engine.controller import Activity
from hdmea_gui.flows.close_guard import UnsavedDialog
from hdmea_gui.flows.save import OverwriteDialog
from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts
from tests.gui.test_running import extra_steps  # noqa: F401 - a fixture

Idle = Callable[[], None]
Loaded = tuple[MainWindow, tuple[Path, Path]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """Answer the dialogs that ask where to save, in turn."""
    given: list[Path | None] = []
    monkeypatch.setattr(files, "ask_save_path", lambda *_: given.pop(0))
    return given


@pytest.fixture
def question(
    qtbot: Any, loaded: Loaded, idle: Idle, answers: list[Path | None], tmp_path: Path
) -> tuple[MainWindow, OverwriteDialog, Path]:
    """Return the question that comes when the name of a saved result exists."""
    window, _ = loaded
    target = tmp_path / "result.h5"
    answers.append(target)
    window.actions_["save"].trigger()
    idle()
    assert target.is_file()
    assert not window.controller.state.unsaved
    PipelineSession.load(target).save()  # another program writes it as well
    answers.append(target)
    window.actions_["save_as"].trigger()
    qtbot.waitUntil(lambda: window.dialog is not None, timeout=20_000)
    dialog = window.dialog
    assert isinstance(dialog, OverwriteDialog)
    return window, dialog, target


def test_the_question_shows_both_sides_and_replace_is_not_the_default(
    question: tuple[MainWindow, OverwriteDialog, Path],
) -> None:
    _, dialog, target = question

    said = visible_texts(dialog)
    assert target.name in said
    assert said.count("demo-Rec") == 2
    assert said.count("Load recording") == 2
    assert "load_recording" not in said
    assert not dialog.replace_button.isDefault()
    assert dialog.rename_button.isDefault()


def test_replace_writes_the_file_again(
    question: tuple[MainWindow, OverwriteDialog, Path], idle: Idle
) -> None:
    _, dialog, target = question
    before = target.stat().st_ino

    dialog.replace_button.click()
    idle()

    assert target.stat().st_ino != before, "replaced as a whole"


def test_another_name_keeps_the_file(
    question: tuple[MainWindow, OverwriteDialog, Path], answers: list[Path | None], idle: Idle
) -> None:
    window, dialog, target = question
    before = target.read_bytes()
    answers.append(target.with_name("other.h5"))

    dialog.rename_button.click()
    idle()

    assert target.read_bytes() == before
    assert window.controller.state.saved_path == target.with_name("other.h5")


def test_cancel_writes_nothing(question: tuple[MainWindow, OverwriteDialog, Path], idle: Idle) -> None:
    window, dialog, target = question
    before = target.read_bytes()

    dialog.cancel_button.click()
    idle()

    assert target.read_bytes() == before
    assert list(target.parent.glob("*.h5")) == [target]
    assert window.controller.activity is Activity.IDLE


def test_a_file_that_is_no_result_is_named_as_such(
    qtbot: Any, loaded: Loaded, answers: list[Path | None], tmp_path: Path
) -> None:
    window, _ = loaded
    target = tmp_path / "letter.h5"
    target.write_text("Dear colleague")
    answers.append(target)

    window.actions_["save"].trigger()
    qtbot.waitUntil(lambda: window.dialog is not None, timeout=20_000)

    assert "not a result file" in visible_texts(window.dialog)
    window.dialog.cancel_button.click()  # type: ignore[union-attr]
    assert target.read_text() == "Dear colleague"


def test_whether_a_file_is_there_is_asked_on_the_worker(
    monkeypatch: pytest.MonkeyPatch,
    question: tuple[MainWindow, OverwriteDialog, Path],
    answers: list[Path | None],
    idle: Idle,
) -> None:
    window, dialog, target = question
    asked: dict[Path, set[bool]] = {}
    exists = Path.exists
    main = threading.get_ident()

    def watched(path: Path, **options: Any) -> bool:
        asked.setdefault(path, set()).add(threading.get_ident() == main)
        return exists(path, **options)

    monkeypatch.setattr(Path, "exists", watched)
    proposed: list[Path] = []

    def take_what_is_proposed(*given: Any) -> Path:
        proposed.append(given[2])
        return proposed[-1]

    monkeypatch.setattr(files, "ask_save_path", take_what_is_proposed)

    dialog.rename_button.click()
    idle()

    assert proposed == [target.with_name("result (2).h5")]
    assert window.controller.state.saved_path == proposed[0]
    assert asked[proposed[0]] == {False}


def test_a_saved_result_holds_what_was_in_memory(
    loaded: Loaded, idle: Idle, answers: list[Path | None], tmp_path: Path
) -> None:
    window, _ = loaded
    answers.append(tmp_path / "out.h5")

    window.actions_["save"].trigger()
    idle()

    session = PipelineSession.load(tmp_path / "out.h5")
    assert tuple(session.units) == window.controller.state.unit_ids
    assert window.actions_.refusal("save") == "everything is saved"


def test_a_checkpoint_leaves_the_session_in_memory(
    loaded: Loaded, idle: Idle, answers: list[Path | None], tmp_path: Path
) -> None:
    window, _ = loaded
    answers.append(tmp_path / "point.h5")

    window.actions_["checkpoint"].trigger()
    idle()

    assert PipelineSession.load(tmp_path / "point.h5").checkpoint_name == "point"
    assert window.controller.state.saved_path is None
    assert "checkpointed" in window.windowTitle()


def test_the_window_never_waits_for_the_drive(
    loaded: Loaded, idle: Idle, answers: list[Path | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, _ = loaded
    target = tmp_path / "out.h5"
    asked: list[threading.Thread] = []
    look = os.stat

    def slow(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if not isinstance(path, int) and Path(os.fsdecode(path)) == target:
            asked.append(threading.current_thread())
        return look(path, *args, **options)

    monkeypatch.setattr(os, "stat", slow)
    answers.append(target)
    for _ in range(2):
        window.saving.save()
        idle()

    assert asked
    assert threading.main_thread() not in asked
    assert window.dialog is None, "its own file is replaced without a question"


# -- closing -----------------------------------------------------------------------------------------


def test_an_idle_window_without_unsaved_work_closes_at_once(window: MainWindow) -> None:
    assert window.close()
    assert window.joined


def test_closing_with_unsaved_work_names_what_would_be_lost(loaded: Loaded) -> None:
    window, _ = loaded

    assert not window.close()

    assert isinstance(window.dialog, UnsavedDialog)
    assert "Load recording" in visible_texts(window.dialog)
    window.dialog.cancel_button.click()
    assert window.isVisible()


def test_closing_names_only_what_was_computed_since_it_was_saved(
    loaded: Loaded, idle: Idle, answers: list[Path | None], tmp_path: Path
) -> None:
    window, _ = loaded
    answers.append(tmp_path / "result.h5")
    window.actions_["save"].trigger()
    idle()
    window.controller.run_step("add_section_time")
    idle()

    assert not window.close()

    assert isinstance(window.dialog, UnsavedDialog)
    texts = visible_texts(window.dialog)
    assert "Section times" in texts
    assert "Load recording" not in texts


def test_closing_can_save_first(
    qtbot: Any, loaded: Loaded, answers: list[Path | None], tmp_path: Path
) -> None:
    window, _ = loaded
    answers.append(tmp_path / "last.h5")
    window.close()
    assert isinstance(window.dialog, UnsavedDialog)

    window.dialog.save_button.click()

    qtbot.waitUntil(lambda: window.joined is not None, timeout=20_000)
    assert (tmp_path / "last.h5").is_file()


def test_closing_without_saving_writes_nothing(loaded: Loaded, tmp_path: Path) -> None:
    window, _ = loaded
    window.close()
    assert isinstance(window.dialog, UnsavedDialog)

    window.dialog.discard_button.click()

    assert window.joined
    assert not list(tmp_path.rglob("*.h5"))


def test_closing_while_a_step_runs_asks_and_stops_it(
    extra_steps: threading.Event,  # noqa: F811
    qtbot: Any,
    loaded: Loaded,
) -> None:
    window, _ = loaded
    window.controller.run_step("wait_for_stop")
    qtbot.waitUntil(extra_steps.is_set, timeout=20_000)

    assert not window.close()
    assert isinstance(window.dialog, UnsavedDialog)
    said = visible_texts(window.dialog)
    assert "Wait for stop" in said
    assert "still running" in said
    window.dialog.discard_button.click()

    assert window.joined


def test_dialogs_are_let_go(qtbot: Any, loaded: Loaded) -> None:
    window, _ = loaded
    for name in ("about", "help_page"):
        window.actions_[name].trigger()
        assert isinstance(window.dialog, QDialog)
        window.dialog.close()
        assert window.dialog is None
