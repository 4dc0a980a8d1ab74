"""Automatic checkpoints: written after each step, gone after a save or a close, offered after a crash."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.pipeline import PipelineSession, create_session, destination, run_step
from hdmea.pipeline.destination import rescue
from hdmea.pipeline.increments import load_increments
from hdmea.utils import drive
from hdmea_gui.engine.auto_checkpoint import (
    DiscardJob,
    Keeper,
    Kept,
    NotKept,
    RecoverJob,
    RecoveryOffer,
    _write_note,
)
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.jobs import JobContext, JobStopped
from hdmea_gui.engine.workspace import Workspace
from hdmea_gui.flows.close_guard import UnsavedDialog
from hdmea_gui.flows.recover import RecoveryDialog, make_keeper
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import Settings, SettingsStore
from tests.gui.conftest import visible_texts
from tests.integration.test_modes import assert_same

STEPS = ("load_recording", "add_section_time", "section_spike_times")

PROGRAM = """
    import os, sys
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from pathlib import Path
    from PySide6.QtCore import QTimer
    from hdmea_gui.shell.application import make_application
    from hdmea_gui.engine.controller import Controller
    from hdmea_gui.engine.auto_checkpoint import Keeper, Kept
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.store.settings import SettingsStore

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
    assert "It contains: Load recording, Section times, Spikes of trials." in said
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
    if left:
        qtbot.waitUntil(lambda: again.dialog is not None)
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
    window.controller.keeper.share = 1e-12

    loaded(qtbot, window, recording)

    assert files(folder) == []
    assert window.controller.state.unit_ids, "the step itself is done"
    assert "too large for automatic checkpoints" in window.windowTitle()


# -- results that could not be saved ---------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["recover", "discard", "later"])
def test_results_that_a_run_kept_elsewhere_are_offered_at_the_next_start(
    qtbot: Any, start: Callable[[], MainWindow], folder: Path, tmp_path: Path, answer: str
) -> None:
    session = PipelineSession("Rec", output_dir=tmp_path)
    session.add_units({"unit_001": {"spike_times": np.arange(9, dtype=np.uint64)}})
    kept = rescue(session, tmp_path / "out" / "x.h5")
    assert kept is not None
    window = start()
    qtbot.waitUntil(lambda: isinstance(window.dialog, RecoveryDialog))
    said = visible_texts(window.dialog)
    assert "Results of Rec could not be saved where they were asked for" in said
    assert str(kept) in said

    getattr(window.dialog, f"{answer}_button").click()
    wait_idle(qtbot, window)

    assert kept.exists() is (answer == "later")
    if answer == "recover":
        assert window.controller.state.unsaved
        assert files(folder) == [".h5", ".json"], "from here on it is an automatic checkpoint"
        window.controller.save(tmp_path / "saved.h5", overwrite=False)
        wait_idle(qtbot, window)
        assert PipelineSession.load(tmp_path / "saved.h5").unit_count == 1
        assert files(folder) == []


def test_results_kept_in_a_folder_above_the_output_are_found(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = PipelineSession("Rec", output_dir=tmp_path)
    monkeypatch.setattr(destination, "_refuges", lambda *_: iter([tmp_path]))
    kept = rescue(session, tmp_path / "out" / "x.h5")
    assert kept is not None
    assert kept.parent == tmp_path
    (offer,) = Keeper(folder).rescued()
    assert offer.file == str(kept)
    kept.unlink()
    assert Keeper(folder).rescued() == []


@pytest.mark.parametrize("automatic", [True, False])
def test_a_failed_save_leaves_a_copy_unless_there_is_an_automatic_checkpoint(
    qtbot: Any,
    start: Callable[[], MainWindow],
    recording: tuple[Path, Path],
    folder: Path,
    tmp_path: Path,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    automatic: bool,
) -> None:
    window = start()
    window.recovery.set_enabled(automatic)
    loaded(qtbot, window, recording)
    create = drive.create

    def full(path: Path) -> int:
        if path.parent == tmp_path:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return create(path)

    monkeypatch.setattr(drive, "create", full)
    for _ in range(2):
        window.controller.save(tmp_path / "x.h5", overwrite=False)
        wait_idle(qtbot, window)
        assert window.dialog is not None
        assert ("A copy is kept in" in visible_texts(window.dialog)) is (not automatic and _ == 0)
        window.dialog.close()
    kept = list((data_folder / "rescued").glob("*.h5"))
    assert len(kept) == (0 if automatic else 1)
    assert window.controller.state.unsaved

    (tmp_path / "elsewhere").mkdir()
    window.controller.save(tmp_path / "elsewhere" / "x.h5", overwrite=False)
    wait_idle(qtbot, window)
    assert PipelineSession.load(tmp_path / "elsewhere" / "x.h5").unit_count == len(
        window.controller.state.unit_ids
    )
    assert not any(path.exists() for path in kept), "what is saved needs no copy"


def test_places_that_cannot_be_written_are_said_before_the_first_step(
    qtbot: Any,
    start: Callable[[], MainWindow],
    analysed_file: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = tmp_path / "own" / "demo.h5"
    own.parent.mkdir()
    shutil.copy(analysed_file, own)
    window = start()
    window.open_paths([own])
    wait_idle(qtbot, window)

    def refuse(path: Path) -> int:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(drive, "create", refuse)
    seen: list[str] = []
    window.controller.progressed.connect(lambda _: seen.append("step"))
    window.controller.kept.connect(lambda event: seen.append(event.reason))
    window.controller.warned.connect(seen.append)
    window.controller.run_step("add_section_time")
    wait_idle(qtbot, window)

    assert "the drive is read-only" in seen[0]
    assert str(folder) in seen[0]
    assert "The session cannot be saved at present" in seen[1]
    assert str(own) in seen[1]
    assert "step" in seen[2:]
    said = [line for line in window.log.texts() if "No automatic checkpoint" in line]
    assert len(said) == len(set(said))


# -- the keeper alone --------------------------------------------------------------------------------


class Ctx(JobContext):
    def __init__(self, stop: bool = False) -> None:
        self.stop = stop
        self.commit = contextlib.nullcontext

    def progress_or_stop(self, fraction: float, text: str) -> None:
        if self.stop:
            raise JobStopped


def gone(keeper: Keeper, age_s: float = 0.0) -> None:
    """Have the keeper's checkpoint look as if its program had ended some time ago."""
    assert keeper._own is not None
    old = replace(keeper._own, process_started=1.0, written_at=keeper._own.written_at - age_s)
    _write_note(old, keeper.folder)
    keeper._own = None


def recovered(keeper: Keeper) -> PipelineSession:
    """Return the session of the keeper's checkpoint, as the next start would."""
    assert keeper._own is not None
    session = PipelineSession.load(keeper.folder / keeper._own.file)
    load_increments(session, [keeper.folder / name for name in keeper._own.increments])
    return session


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
    offer = RecoveryOffer("automatic-1.h5", "", (), 0, 0, 0.0, platform.node(), 0, 0.0)
    (folder / offer.file).touch()
    wrong = json.dumps({**asdict(offer), "written_at": "yesterday", "pid": None})
    for number, text in enumerate(["", "{", "[]", '{"file": 3}', '{"steps": null}', wrong]):
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
    assert (folder / keeper._own.file).exists()


def test_another_folder_is_used_from_the_next_checkpoint_on(
    session: PipelineSession, folder: Path, tmp_path: Path
) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    keeper.folder = tmp_path / "another"
    run_step(session, "add_section_time")

    assert isinstance(keeper.keep(session, 2, Ctx()), Kept)

    assert files(folder) == [], "nothing stays where nobody would look for it"
    assert list(recovered(keeper).completed_steps) == ["load_recording", "add_section_time"]
    keeper.folder = folder
    keeper.forget()
    assert files(tmp_path / "another") == []


def test_a_checkpoint_that_somebody_removed_is_written_anew(session: PipelineSession, folder: Path) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    for path in folder.iterdir():
        path.unlink()
    run_step(session, "add_section_time")

    assert isinstance(keeper.keep(session, 2, Ctx()), Kept)

    assert list(recovered(keeper).completed_steps) == ["load_recording", "add_section_time"]


def test_a_disk_that_fills_while_the_note_is_written_leaves_the_checkpoint_before(
    session: PipelineSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    run_step(session, "add_section_time")
    there = sorted(folder.iterdir())

    replace_file = os.replace

    def full(source: Path, target: Path) -> None:
        if Path(target).suffix == ".json":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("hdmea_gui.engine.auto_checkpoint.os.replace", full)
        assert isinstance(keeper.keep(session, 2, Ctx()), NotKept)

    assert sorted(folder.iterdir()) == there
    assert list(recovered(keeper).completed_steps) == ["load_recording"]
    assert isinstance(keeper.keep(session, 3, Ctx()), Kept)
    assert list(recovered(keeper).completed_steps) == ["load_recording", "add_section_time"]


def test_two_windows_do_not_recover_the_same_checkpoint(session: PipelineSession, folder: Path) -> None:
    crashed = Keeper(folder)
    crashed.keep(session, 1, Ctx())
    gone(crashed)
    benches = [Workspace(Keeper(folder)), Workspace(Keeper(folder))]
    (offer,) = Keeper(folder).left_behind()

    first, second = (RecoverJob(offer).run(workspace, Ctx()) for workspace in benches)

    assert first.state is not None
    assert second.state is None
    assert "another window" in second.refused[0].reason
    DiscardJob(offer).run(benches[1], Ctx())
    assert files(folder) == [".h5", ".json"], "it belongs to the first window"


def test_the_size_of_the_source_files_is_known_after_recovering(
    session: PipelineSession, folder: Path
) -> None:
    sizes = [Path(session.source_files[f"{kind}_path"]).stat().st_size for kind in ("cmcr", "cmtr")]
    crashed = Keeper(folder)
    crashed.keep(session, 1, Ctx())
    gone(crashed)
    workspace = Workspace(Keeper(folder))
    (offer,) = Keeper(folder).left_behind()

    result = RecoverJob(offer).run(workspace, Ctx())

    assert result.state is not None
    assert result.state.source_bytes == sum(sizes) > 0


def test_settings_say_where_and_whether(tmp_path: Path) -> None:
    keeper = make_keeper(Settings(recovery_folder=str(tmp_path), auto_checkpoint=False))
    assert keeper.folder == tmp_path
    assert not keeper.enabled
    assert make_keeper(Settings()).folder.name == "recovery"


# -- only what changed is written --------------------------------------------------------------------


def same(one: PipelineSession, other: PipelineSession, folder: Path) -> None:
    paths = (folder / "one.h5", folder / "other.h5")
    for session, path in zip((one, other), paths, strict=True):
        session.checkpoint(path, checkpoint_name="compared")
    assert_same(*paths)


def flow(session: PipelineSession, keeper: Keeper) -> Iterator[str]:
    """Run steps of every kind, some of them again, and write a checkpoint after each."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("add_section_time", {}),
        ("section_spike_times", {}),
        ("compute_sta", {"cover_range": (-20, 1)}),
        ("extract_features", {"features": ("frif", "baseline", "waveform")}),
        ("add_section_time", {}),
        ("section_spike_times", {}),
        ("load_recording", {}),
    ]
    for name, params in steps:
        run_step(session, name, params, force=True)
        assert isinstance(keeper.keep(session, 1, Ctx()), Kept)
        yield name


def test_after_each_step_the_increments_give_the_session(
    session: PipelineSession, folder: Path, tmp_path: Path
) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    complete = keeper._own
    assert complete is not None
    numbers = []
    for name in flow(session, keeper):
        assert keeper._own is not None
        numbers.append(len(keeper._own.increments))
        same(session, recovered(keeper), tmp_path)
        assert keeper._own.steps == tuple(session.completed_steps), name
    assert max(numbers) >= 3, "most steps write only what they changed"
    noted = set(keeper._own.files)  # type: ignore[union-attr]
    assert {path.name for path in folder.glob("*.h5")} == noted, "nothing is left over"


def test_a_small_change_writes_a_small_file(session: PipelineSession, folder: Path) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    run_step(session, "add_section_time")

    keeper.keep(session, 2, Ctx())

    assert keeper._own is not None
    (increment,) = keeper._own.increments
    whole = (folder / keeper._own.file).stat().st_size
    assert (folder / increment).stat().st_size < whole / 2


def test_increments_that_outgrow_the_complete_file_are_folded_into_a_new_one(
    session: PipelineSession, folder: Path
) -> None:
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    assert keeper._own is not None
    size = keeper._own.size_bytes
    for number in range(3):
        session.add_metadata({"much": np.full(size // 12, number, np.float64)})
        keeper.keep(session, number, Ctx())
        assert keeper._own.size_bytes <= 2.1 * (folder / keeper._own.file).stat().st_size
    assert {path.name for path in folder.glob("*.h5")} == set(keeper._own.files)


def test_values_that_go_and_change_their_kind_are_followed(
    session: PipelineSession, folder: Path, tmp_path: Path
) -> None:
    session.add_metadata({"a": {"b": 1, "c": {"d": 2}}, "e": 3, "f": {}, "list": [1, 2]})
    keeper = Keeper(folder)
    keeper.keep(session, 1, Ctx())
    del session.metadata["a"]["c"]
    session.metadata["a"]["b"] = {"now": "a dictionary"}
    session.metadata["e"] = {}
    session.metadata["f"] = np.arange(3)
    session.metadata["list"].append(3)
    session.metadata["acquisition_rate"] = np.array([-2.0])
    del session.units["unit_001"]
    del session.units["unit_002"]["waveform"]

    keeper.keep(session, 2, Ctx())

    same(session, recovered(keeper), tmp_path)


KILLED_WHILE_WRITING = """
    import contextlib, os, signal, sys
    from pathlib import Path
    from hdmea.pipeline import create_session, run_step
    from hdmea_gui.engine.auto_checkpoint import Keeper
    from hdmea_gui.engine.jobs import JobContext

    folder, cmcr, cmtr, place = sys.argv[1:]
    session = create_session(None, cmcr, cmtr)
    run_step(session, "load_recording")
    keeper = Keeper(Path(folder))
    seen = []

    class Ctx(JobContext):
        def __init__(self):
            self.commit = contextlib.nullcontext
        def progress_or_stop(self, fraction, text):
            if seen:
                seen.append(fraction)
                if place == "writing" and len(seen) == 2:
                    os.kill(os.getpid(), signal.SIGKILL)

    keeper.keep(session, 1, Ctx())
    seen.append(0)
    run_step(session, "add_section_time")
    if place != "writing":
        real = os.replace
        def replace(source, target):
            kind = "note" if str(target).endswith(".json") else "increment"
            if place == "before " + kind:
                os.kill(os.getpid(), signal.SIGKILL)
            real(source, target)
            if place == "after " + kind:
                os.kill(os.getpid(), signal.SIGKILL)
        os.replace = replace
    keeper.keep(session, 2, Ctx())
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
@pytest.mark.parametrize(
    ("place", "steps"),
    [
        ("writing", ("load_recording",)),
        ("before increment", ("load_recording",)),
        ("after increment", ("load_recording",)),
        ("before note", ("load_recording",)),
        ("after note", ("load_recording", "add_section_time")),
    ],
)
def test_a_kill_in_the_middle_of_a_checkpoint_leaves_the_one_before(
    recording: tuple[Path, Path], folder: Path, place: str, steps: tuple[str, ...]
) -> None:
    code = textwrap.dedent(KILLED_WHILE_WRITING)
    done = subprocess.run([sys.executable, "-c", code, str(folder), *map(str, recording), place], timeout=60)
    assert done.returncode == -signal.SIGKILL

    keeper = Keeper(folder)
    (offer,) = keeper.left_behind()
    keeper.take_over(offer)

    assert offer.steps == steps
    session = recovered(keeper)
    assert tuple(session.completed_steps) == steps
    assert ("section_time" in session.stimulus) is ("add_section_time" in steps)


def test_all_that_is_kept_is_offered_and_can_be_reached_after_later(
    qtbot: Any, start: Callable[[], MainWindow], tmp_path: Path
) -> None:
    kept = []
    for name in ("First", "Second", "Third"):
        session = PipelineSession(name, output_dir=tmp_path)
        session.add_units({"unit_001": {"spike_times": np.arange(9, dtype=np.uint64)}})
        path = rescue(session, tmp_path / "out" / "x.h5")
        assert path is not None
        os.utime(path, (1e9 + len(kept), 1e9 + len(kept)))
        kept.append(path)
    window = start()
    qtbot.waitUntil(lambda: isinstance(window.dialog, RecoveryDialog))
    window.dialog.reject()  # type: ignore[union-attr]

    window.actions_["recover"].trigger()
    qtbot.waitUntil(lambda: isinstance(window.dialog, RecoveryDialog))
    dialog = window.dialog
    assert isinstance(dialog, RecoveryDialog)
    names = [dialog.choice.itemText(place).partition(",")[0] for place in range(dialog.choice.count())]
    assert names == ["Third", "Second", "First"]
    dialog.discard_button.click()
    wait_idle(qtbot, window)
    assert [path.exists() for path in kept] == [True, True, False]
    dialog.choice.setCurrentIndex(1)
    assert "Results of First" in visible_texts(dialog)
    dialog.recover_button.click()
    wait_idle(qtbot, window)
    assert window.controller.state.dataset_id == "First"
    assert kept[1].exists()

    window.actions_["recover"].trigger()
    qtbot.waitUntil(lambda: isinstance(window.dialog, RecoveryDialog))
    window.dialog.recover_button.click()  # type: ignore[union-attr]
    assert isinstance(window.dialog, UnsavedDialog), "what is open is not saved"


def test_nothing_to_recover_is_said(qtbot: Any, start: Callable[[], MainWindow]) -> None:
    window = start()
    window.actions_["recover"].trigger()
    qtbot.waitUntil(lambda: any("no unsaved work" in line for line in window.log.texts()))
    assert window.dialog is None
