"""What the list of steps says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
from PySide6.QtWidgets import QApplication

from hdmea_gui.engine.snapshot import StepSpec
from hdmea_gui.models.steps import StepListModel, StepState
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.shell.step_list import StepListView
from hdmea_gui.shell.theme import LIGHT


def test_the_reason_of_a_skipped_step_does_not_repeat_its_name(qapp: QApplication) -> None:
    steps = StepListModel()
    steps.set_steps((StepSpec("fit_lnl", "LN model", "", (), (), pydantic.BaseModel),))

    reason = "“LN model” needs “Section times”. Run “Section times” first."
    steps.set_outcome("fit_lnl", StepState.SKIPPED, reason)

    assert steps.item("fit_lnl").detail == "needs “Section times”. Run “Section times” first."
    assert steps.item("fit_lnl").reason == reason


def test_a_stopped_step_says_only_once_that_it_was_stopped(qapp: QApplication) -> None:
    steps = StepListModel()
    steps.set_steps((StepSpec("fit_lnl", "LN model", "", (), (), pydantic.BaseModel),))

    steps.set_outcome("fit_lnl", StepState.CANCELLED, "“LN model” was stopped; its results were discarded.")

    assert steps.item("fit_lnl").detail == "its results were discarded."


def test_a_step_that_begins_is_brought_into_view_once(qtbot: Any) -> None:
    names = [f"step_{number}" for number in range(30)]
    steps = StepListModel()
    steps.set_steps(tuple(StepSpec(name, name, "", (), (), pydantic.BaseModel) for name in names))
    view = StepListView(steps, LIGHT)
    qtbot.addWidget(view)
    view.resize(200, 200)
    view.show()

    steps.set_running(names[20])
    place = view.visualRect(steps.index(20))
    assert view.viewport().rect().contains(place)

    view.scrollToTop()
    steps.set_running(names[20], 0.5)
    assert view.verticalScrollBar().value() == 0, "it stays where the person scrolled to"
    steps.set_outcome(names[20], StepState.DONE)
    steps.set_running(names[21])
    assert view.viewport().rect().contains(view.visualRect(steps.index(21)))


def test_the_form_shows_what_the_last_run_said_and_what_the_light_says_of_each_section(
    window: MainWindow, analysed_file: Path, idle: Callable[[], None]
) -> None:
    window.open_paths([analysed_file])
    idle()

    window.panel.list.choose("add_section_time")
    said = window.panel.form.remarks
    assert re.search(r"^step_up_1s_2i_b0_2x: the light fits \(r = 1\.00\)$", said, re.MULTILINE)

    window.panel.list.choose("compute_eimage_sta")
    assert "The raw electrode data end at" in window.panel.form.remarks
