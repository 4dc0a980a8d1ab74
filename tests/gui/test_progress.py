"""How far a run is has a way of its own: it reaches step list and status line, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdmea_gui.engine.jobs import JobProgress
from hdmea_gui.models.steps import StepListModel, StepState
from hdmea_gui.shell.actions import ActionSet
from hdmea_gui.shell.main_window import MainWindow

Loaded = tuple[MainWindow, tuple[Path, Path]]


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows each time the window looks at which actions are possible."""
    found: list[object] = []
    update = ActionSet.update

    def count(self: ActionSet, now: Any) -> None:
        found.append(now)
        update(self, now)

    monkeypatch.setattr(ActionSet, "update", count)
    return found


def test_progress_reaches_step_list_and_status_line_alone(
    qtbot: Any, updates: list[object], loaded: Loaded
) -> None:
    window, _ = loaded
    controller = window.controller
    controller._on_progress(JobProgress(0.0, "", "add_section_time"))
    qtbot.wait(1)
    updates.clear()
    roles: list[list[int]] = []
    controller.steps.dataChanged.connect(lambda _first, _last, changed: roles.append(list(changed)))

    for tick in range(1, 101):
        controller._on_progress(JobProgress(tick / 100, "half way", "add_section_time"))
    qtbot.wait(1)

    assert controller.steps.item("add_section_time").fraction == 1.0
    assert "half way" in window.status._text.text()
    assert roles == [[StepListModel.ProgressRole]] * 100
    assert updates == []
    controller.steps.end_run()


def test_a_run_refreshes_the_window_a_few_times_for_each_step(
    qtbot: Any, updates: list[object], loaded: Loaded, idle: Callable[[], None]
) -> None:
    window, _ = loaded
    window.controller.choose_flow("standard")
    steps = len(window.controller.flow_requests())
    updates.clear()

    window.controller.run_all()
    idle()

    done = [item for item in window.controller.steps.items if item.state is StepState.DONE]
    assert len(done) >= steps - 1
    assert len(updates) <= 3 * steps
