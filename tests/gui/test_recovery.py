"""Automatic checkpoints: written after each step, gone after a save or a close, offered after a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdmea.pipeline import PipelineSession, create_session, run_step
from hdmea_gui.controller import Controller
from hdmea_gui.controller.main import Activity
from hdmea_gui.controller.recovery import Keeper, Kept, NotKept
from hdmea_gui.dialogs.recovery import RecoveryDialog
from hdmea_gui.dialogs.unsaved import UnsavedDialog
from hdmea_gui.jobs import JobContext, JobStopped
from hdmea_gui.main_window import MainWindow
from hdmea_gui.recovery import make_keeper
from hdmea_gui.settings import Settings, SettingsStore
from tests.gui.conftest import visible_texts
from tests.integration.test_modes import assert_same

STEPS = ("load_recording", "add_section_time", "section_spike_times")

PROGRAM = """
    import os, sys
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from pathlib import Path
    from PySide6.QtCore import QTimer
    from hdmea_gui.app import make_application
    from hdmea_gui.controller import Controller
    from hdmea_gui.controller.recovery import Keeper, Kept
    from hdmea_gui.main_window import MainWindow
    from hdmea_gui.settings import SettingsStore

    folder, cmcr, cmtr, settings, last = sys.argv[1:]
    app = make_application()
    controller = Controller(keeper=Keeper(Path(folder)))
    window = MainWindow(controller, SettingsStore(Path(settings)))
    window.show()

    def on_kept(event):
        assert isinstance(event, Kept), event
        done = window.controller.state.completed
        if done[-1] == last:
            sys.stdout.write(window.windowTitle() + chr(10))
            sys.stdout.write("ready" + chr(10))
            sys.stdout.flush()

    controller.kept.connect(on_kept)
    controller.opened.connect(lambda result: [controller.run_step(name) for name in %r])
    controller.start()
    window.open_paths([Path(cmcr), Path(cmtr)])
    app.exec()
"""


def killed_after(step: str, folder: Path, recording: tuple[Path, Path], tmp_path: Path) -> str:
    """Run the program until the checkpoint after a step is there, kill it; return the title it had."""
    names = STEPS[: STEPS.index(step) + 1]
    code = textwrap.dedent(PROGRAM) % (names,)
    arguments = [str(folder), *map(str, recording), str(tmp_path / "its settings.json"), step]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        assert process.stdout is not None
        lines = []
        while not lines or lines[-1] != "ready":
            line = process.stdout.readline()
            assert line, "the program ended early"
            lines.append(line.strip())
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    if os.name == "posix":
        assert process.returncode == -signal.SIGKILL
    return lines[-2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wiederherstellen µ"


@pytest.fixture
def start(
    qtbot: Any, no_leaks: None, settings: SettingsStore, tmp_path: Path, folder: Path
) -> Iterator[Callable[[], MainWindow]]:
    """Return a function that starts the program in this process, as a start after a crash."""
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(Controller(keeper=Keeper(folder)), settings, tmp_path / "demo", "tiny")
        windows.append(window)
        window.show()
        window.controller.start()
        window.recovery.offer()
        qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=20_000)
        return window

    yield make
    for window in windows:
        if window.dialog is not None:
            window.dialog.close()
        if window.joined is None:
            window.close_without_question()
        window.deleteLater()


def wait_idle(qtbot: Any, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=60_000)


def loaded(qtbot: Any, window: MainWindow, recording: tuple[Path, Path]) -> None:
    window.open_paths(list(recording))
    wait_idle(qtbot, window)
    window.load()
    wait_idle(qtbot, window)


def files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir()) if folder.is_dir() else []


def test_after_a_kill_the_next_start_offers_the_session_and_it_is_the_same(
    qtbot: Any,
    start: Callable[[], MainWindow],
    recording: tuple[Path, Path],
    folder: Path,
    tmp_path: Path,
) -> None:
    title = killed_after("section_spike_times", folder, recording, tmp_path)
    assert "in memory, checkpointed" in title

    window = start()
    qtbot.waitUntil(lambda: isinstance(window.dialog, RecoveryDialog))
    dialog = window.dialog
    assert isinstance(dialog, RecoveryDialog)
    said = visible_texts(dialog)
    assert recording[1].stem.rstrip("-") in said
    assert "It holds: Load recording, Section times, Spikes of trials." in said
    dialog.recover_button.click()
    wait_idle(qtbot, window)

    state = window.controller.state
    assert state.completed == STEPS
    assert state.unsaved, "closing has to ask"
    assert state.sources == recording
    assert "not saved" in window.windowTitle()
    window.controller.save(tmp_path / "recovered.h5", overwrite=False)
    wait_idle(qtbot, window)
    straight = create_session(None, *recording, recording[0].parent)
    for name in STEPS:
        run_step(straight, name)
    assert_same(straight.save(tmp_path / "straight.h5"), tmp_path / "recovered.h5")
    assert files(folder) == [], "what is saved needs no checkpoint"


def test_recovered_work_can_be_recovered_again_until_it_is_saved(
    qtbot: Any, start: Callable[[], MainWindow], recording: tuple[Path, Path], folder: Path, tmp_path: Path
) -> None:
    killed_after("load_recording", folder, recording, tmp_path)
    window = start()
    qtbot.waitUntil(lambda: isinstance(window.dialog, RecoveryDialog))
    window.dialog.recover_button.click()  # type: ignore[union-attr]
    wait_idle(qtbot, window)
    assert files(folder) == [".h5", ".json"]
    window.close()
    assert isinstance(window.dialog, UnsavedDialog)
    window.dialog.reject()

    window.controller.run_step("add_section_time")
    wait_idle(qtbot, window)

    assert files(folder) == [".h5", ".json"], "the later checkpoint took the place of the earlier"
    (path,) = folder.glob("*.h5")
    assert list(PipelineSession.load(path).completed_steps) == ["load_recording", "add_section_time"]


@pytest.mark.parametrize(("answer", "left"), [("discard", []), ("later", [".h5", ".json"])])
def test_other_answers(
    qtbot: Any,
    start: Callable[[], MainWindow],
    recording: tuple[Path, Path],
    folder: Path,
    tmp_path: Path,
    answer: str,
    left: list[str],
) -> None:
    killed_after("load_recording", folder, recording, tmp_path)
    window = start()
    qtbot.waitUntil(lambda: isinstance(window.dialog, RecoveryDialog))

    getattr(window.dialog, f"{answer}_button").click()
    wait_idle(qtbot, window)

    assert files(folder) == left
    assert not window.controller.state.is_open
    window.close()
    again = start()
    qtbot.wait(200)
    assert isinstance(again.dialog, RecoveryDialog) is bool(left)


def test_saving_and_closing_leave_nothing_behind(
    qtbot: Any, start: Callable[[], MainWindow], recording: tuple[Path, Path], folder: Path, tmp_path: Path
) -> None:
    window = start()
    assert window.dialog is None, "nothing crashed"
    loaded(qtbot, window, recording)
    assert files(folder) == [".h5", ".json"]
    assert "checkpointed" in window.windowTitle()

    window.controller.save(tmp_path / "x.h5", overwrite=False)
    wait_idle(qtbot, window)
    assert files(folder) == []
    window.controller.run_step("add_section_time")
    wait_idle(qtbot, window)
    assert files(folder) == [".h5", ".json"]
    window.close_without_question()

    assert files(folder) == []


def test_opening_another_recording_drops_the_checkpoint(
    qtbot: Any, start: Callable[[], MainWindow], recording: tuple[Path, Path], folder: Path
) -> None:
    window = start()
    loaded(qtbot, window, recording)
    window.controller.open([recording[0]])
    wait_idle(qtbot, window)
    assert files(folder) == []


def test_the_checkpoint_of_a_running_program_is_not_offered(
    qtbot: Any, start: Callable[[], MainWindow], recording: tuple[Path, Path], folder: Path
) -> None:
    first = start()
    loaded(qtbot, first, recording)

    second = start()
    qtbot.wait(200)

    assert second.dialog is None
    second.close_without_question()
    assert files(folder) == [".h5", ".json"]


def test_turned_off_nothing_is_written(
    qtbot: Any, start: Callable[[], MainWindow], recording: tuple[Path, Path], folder: Path
) -> None:
    window = start()
    action = window.actions_["auto_checkpoint"]
    assert action.isChecked()
    action.trigger()
    assert window.settings.values.auto_checkpoint is False

    loaded(qtbot, window, recording)

    assert files(folder) == []
    assert "in memory, not saved" in window.windowTitle()


def test_a_session_beyond_the_budget_is_said_in_the_title(
    qtbot: Any, start: Callable[[], MainWindow], recording: tuple[Path, Path], folder: Path
) -> None:
    window = start()
    assert window.controller.keeper is not None
    window.controller.keeper._share = 1e-12

    loaded(qtbot, window, recording)

    assert files(folder) == []
    assert window.controller.state.unit_ids, "the step itself is done"
    assert "too large for automatic checkpoints" in window.windowTitle()


# -- the keeper alone --------------------------------------------------------------------------------


class Ctx(JobContext):
    def __init__(self, stop: bool = False) -> None:
        self.stop = stop

    def progress_or_stop(self, fraction: float, text: str) -> None:
        if self.stop:
            raise JobStopped


def gone(keeper: Keeper, age_s: float = 0.0) -> None:
    """Have the keeper's checkpoint look as if its program had ended some time ago."""
    assert keeper._own is not None
    offer = next(note for note in map(_read, keeper.folder.glob("*.json")) if note.file == keeper._own.name)
    old = replace(offer, process_started=1.0, written_at=offer.written_at - age_s)
    keeper._note(old)
    keeper._own = None


def _read(path: Path) -> Any:
    from hdmea_gui.controller.recovery import _read_note

    return _read_note(path)


@pytest.fixture
def session(recording: tuple[Path, Path]) -> PipelineSession:
    session = create_session(None, *recording, recording[0].parent)
    run_step(session, "load_recording")
    return session


def test_oldest_are_removed_first_when_space_is_short(session: PipelineSession, folder: Path) -> None:
    keeper = Keeper(folder)
    for age in (300.0, 100.0, 200.0):
        assert isinstance(keeper.keep(session, 1, Ctx()), Kept)
        gone(keeper, age)
    by_age = [offer.file for offer in keeper.left_behind()]
    size = max(offer.size_bytes for offer in keeper.left_behind())

    keeper._make_room(2 * size)

    assert [offer.file for offer in keeper.left_behind()] == by_age[:2]


def test_stopped_while_writing_keeps_the_checkpoint_before(session: PipelineSession, folder: Path) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    run_step(session, "add_section_time")
    with pytest.raises(JobStopped):
        keeper.keep(session, 2, Ctx(stop=True))
    assert files(folder) == [".h5", ".json"]
    (path,) = folder.glob("*.h5")
    assert list(PipelineSession.load(path).completed_steps) == ["load_recording"]


def test_a_folder_that_cannot_be_written_stops_nothing(session: PipelineSession, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Keeper(tmp_path / "file" / "below").keep(session, 1, Ctx())
    assert isinstance(kept, NotKept)
    assert not kept.too_large


def test_damaged_notes_are_passed_over(folder: Path) -> None:
    folder.mkdir()
    for number, text in enumerate(["", "{", "[]", '{"file": 3}', '{"steps": null}']):
        (folder / f"automatic-{number}.json").write_text(text)
    assert Keeper(folder).left_behind() == []


def test_what_a_killed_writer_left_is_swept_away_and_nothing_else(
    session: PipelineSession, folder: Path
) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    strays = [folder / ".automatic-999999999-5.h5.abc.hdmea-part", folder / "automatic-999999999-6.h5"]
    young = folder / "automatic-999999999-7.h5"
    other = folder / "mine.h5"
    for path in (*strays, young, other):
        path.write_bytes(b"x")
    for path in strays:
        os.utime(path, (1, 1))

    keeper.sweep()

    assert not [path for path in strays if path.exists()]
    assert young.exists()
    assert other.exists()
    assert keeper._own is not None
    assert keeper._own.exists()


def test_settings_say_where_and_whether(tmp_path: Path) -> None:
    keeper = make_keeper(Settings(recovery_folder=str(tmp_path), auto_checkpoint=False))
    assert keeper.folder == tmp_path
    assert not keeper.enabled
    assert make_keeper(Settings()).folder.name == "recovery"
