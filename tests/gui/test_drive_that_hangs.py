"""A drive that answers no more while a file is read: Stop ends the wait, and the session can be saved."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from hdmea.results import columns
from hdmea.utils import open_file
from hdmea_gui.engine.controller import Activity
from hdmea_gui.engine.overdue import LOOK_MS
from hdmea_gui.engine.worker import any_left_behind
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow

Idle = Callable[[], None]
Loaded = tuple[MainWindow, tuple[Path, Path]]


class Drive:
    """Holds the files of one folder; once it hangs, everything read from there waits."""

    def __init__(self) -> None:
        self.folder = Path()
        self.hangs, self.answers, self.asked = threading.Event(), threading.Event(), threading.Event()

    def wait(self, name: object) -> None:
        if self.hangs.is_set() and Path(str(name)).parent == self.folder:
            self.asked.set()
            assert self.answers.wait(30)


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    made = Drive()

    class File(FileIO):
        def readinto(self, buffer: Any) -> int | None:
            made.wait(self.name)
            return super().readinto(buffer)

    monkeypatch.setattr(open_file, "FileIO", File)
    yield made
    made.answers.set()


@pytest.fixture
def hung(drive: Drive, loaded: Loaded) -> Iterator[MainWindow]:
    """Yield a window whose recording lies on a drive that answers no more."""
    window, (cmcr, _) = loaded
    drive.folder = cmcr.parent
    drive.hangs.set()
    yield window
    # Before the window is closed and looked at for leaks.
    drive.answers.set()


def test_stop_ends_a_step_that_waits_for_the_drive_and_the_session_can_be_saved(
    qtbot: Any, hung: MainWindow, drive: Drive, idle: Idle, tmp_path: Path
) -> None:
    before = hung.controller.state
    hung.controller.run_step("compute_eimage_sta")
    qtbot.waitUntil(drive.asked.is_set, timeout=30_000)

    hung.actions_["stop"].trigger()
    idle()

    assert hung.dialog is None, "nothing has to be left behind"
    assert not any_left_behind()
    assert hung.controller.steps.item("compute_eimage_sta").state is StepState.CANCELLED
    assert "compute_eimage_sta" not in hung.controller.state.completed
    assert hung.controller.state.unit_ids == before.unit_ids

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    hung.controller.save(elsewhere / "saved.h5", overwrite=False)
    idle()
    assert (elsewhere / "saved.h5").is_file()
    assert not hung.controller.state.unsaved


def test_stop_ends_the_opening_of_a_file_on_the_drive(
    qtbot: Any, hung: MainWindow, drive: Drive, idle: Idle, analysed_file: Path
) -> None:
    drive.hangs.clear()
    hung.controller.save(drive.folder / "saved.h5", overwrite=False)
    idle()
    drive.hangs.set()
    hung.controller.open([drive.folder / "saved.h5"])
    qtbot.waitUntil(drive.asked.is_set, timeout=30_000)

    hung.actions_["stop"].trigger()
    idle()
    assert hung.controller.activity is Activity.IDLE
    assert not any_left_behind()

    hung.controller.open([analysed_file])
    idle()
    assert hung.controller.state.saved_path == analysed_file


def test_a_view_says_what_it_waited_for_and_is_filled_when_the_drive_is_back(
    qtbot: Any,
    window: MainWindow,
    drive: Drive,
    idle: Idle,
    analysed_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(columns, "ROW_NBYTES", 1000)  # the images of the tiny recording count as large
    drive.folder = tmp_path / "drive"
    drive.folder.mkdir()
    result = drive.folder / analysed_file.name
    shutil.copy(analysed_file, result)
    window.open_paths([result])
    idle()
    window.controller.selection.select_units(window.controller.state.unit_ids[:1])
    qtbot.waitUntil(lambda: window.controller._runner.question is None, timeout=20_000)
    open_file._recent.clear()
    drive.hangs.set()
    window.tabs.setCurrentWidget(window.views["receptive_field"])
    qtbot.waitUntil(drive.asked.is_set, timeout=20_000)
    window.controller._overdue._timer.setInterval(30)
    qtbot.waitUntil(lambda: window.controller.activity is Activity.RUNNING, timeout=20_000)
    window.controller._overdue._timer.setInterval(LOOK_MS)

    window.actions_["stop"].trigger()
    idle()

    assert window.dialog is None
    assert not any_left_behind()
    qtbot.waitUntil(lambda: "drive" in window.views["receptive_field"].average.empty_text, timeout=20_000)

    drive.hangs.clear()
    drive.answers.set()
    qtbot.waitUntil(
        lambda: (
            window.views["receptive_field"].has_data()
            and not window.views["receptive_field"].average.is_empty
        ),
        timeout=20_000,
    )
