"""Whatever is done in whatever order, in the middle of whatever runs: nothing breaks, the window closes."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog, QPushButton

from hdmea.utils.exceptions import HDMEAError
from hdmea_gui.engine.controller import Activity
from hdmea_gui.models.steps import StepState
from hdmea_gui.shell.main_window import MainWindow

STEPS = 80
_RUNS = ("run_all", "run_step", "run_to_here", "stop")
_BUSY = {StepState.RUNNING, StepState.STOPPING, StepState.WAITING}


class Walk:
    """Does one thing after the other; `done` says what."""

    def __init__(self, window: MainWindow, files: tuple[Path, ...], seed: int) -> None:
        self.window = window
        self.done: list[str] = []
        self._files = files
        self._random = random.Random(seed)
        self._things: tuple[Callable[[], None], ...] = (
            *(self._act,) * 5,
            self._run,
            self._turn,
            self._choose_units,
            self._choose_step,
            self._open,
        )

    def step(self) -> None:
        """Do something: answer the open question, or something else."""
        if self.window.dialog is not None and self._random.random() < 0.8:
            self._answer()
        else:
            self._random.choice(self._things)()

    def wait_ms(self) -> int:
        """Return how long to wait before the next step."""
        return self._random.choice((0, 1, 5, 30, 100))

    def target(self, folder: Path) -> str:
        """Return the name of a file to write, in which there may be something; empty: cancelled."""
        name = self._random.choice(("a.h5", "b.h5", "picture.png", "no suffix", ""))
        return str(folder / name) if name else ""

    def source(self) -> str:
        """Return a file to open, which may be of another kind."""
        return str(self._random.choice(self._files))

    def _answer(self) -> None:
        dialog = self.window.dialog
        assert dialog is not None
        buttons = [one for one in dialog.findChildren(QPushButton) if one.isVisible() and one.isEnabled()]
        if buttons:
            button = self._random.choice(buttons)
            self.done.append(f"{type(dialog).__name__}: {button.text()}")
            button.click()
        else:
            self.done.append(f"{type(dialog).__name__}: closed")
            dialog.reject()

    def _trigger(self, names: tuple[str, ...]) -> None:
        name = self._random.choice(names)
        if self.window.actions_[name].isEnabled():
            self.done.append(name)
            self.window.actions_[name].trigger()

    def _act(self) -> None:
        self._trigger(tuple(name for name in self.window.actions_ if name != "quit"))

    def _run(self) -> None:
        self._trigger(_RUNS)

    def _turn(self) -> None:
        self.window.tabs.setCurrentIndex(self._random.randrange(self.window.tabs.count()))

    def _choose_units(self) -> None:
        ids = self.window.controller.state.unit_ids
        self.window.controller.selection.select_units(
            tuple(self._random.sample(ids, self._random.randint(0, len(ids))))
        )

    def _choose_step(self) -> None:
        items = self.window.controller.steps.items
        self.window.panel.list.choose(self._random.choice(items).spec.name)

    def _open(self) -> None:
        self.done.append("open")
        self.window.open_paths([self._random.choice(self._files)])


@pytest.fixture
def walk(
    window: MainWindow,
    recording: tuple[Path, Path],
    analysed_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Walk:
    """Return a walk whose file dialogs answer at once, and which opens nothing outside of the window."""
    walk = Walk(window, (*recording, analysed_file), request.param)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (walk.target(tmp_path), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (walk.source(), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([walk.source()], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(recording[0].parent))
    monkeypatch.setattr("hdmea_gui.flows.help.open_outside", lambda *_: True)
    return walk


def _is_a_fault(record: logging.LogRecord) -> bool:
    """Return whether a log record tells of an error that nobody refused with."""
    error = record.exc_info[1] if record.exc_info else None
    return record.levelno >= logging.ERROR and not isinstance(error, HDMEAError | OSError | None)


@pytest.mark.parametrize("walk", range(3), indirect=True)
def test_nothing_breaks_whatever_is_done(
    qtbot: Any, walk: Walk, recording: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    window, controller = walk.window, walk.window.controller
    window.open_paths(list(recording))
    for _ in range(STEPS):
        if not window.isVisible():
            break
        walk.step()
        qtbot.wait(walk.wait_ms())
        assert not any(map(_is_a_fault, caplog.records)), walk.done[-10:]

    if window.isVisible():
        controller.stop()
        qtbot.waitUntil(lambda: controller.activity is Activity.IDLE, timeout=20_000)
        assert not [item.spec.name for item in controller.steps.items if item.state in _BUSY], walk.done
    window.close_without_question()
    assert window.joined, walk.done
