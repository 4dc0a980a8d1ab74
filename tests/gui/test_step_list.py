"""What the list of steps says."""

from __future__ import annotations

import pydantic
from PySide6.QtWidgets import QApplication

from hdmea_gui.controller.snapshot import StepSpec
from hdmea_gui.models.steps import StepListModel, StepState


def test_the_reason_of_a_skipped_step_does_not_repeat_its_name(qapp: QApplication) -> None:
    steps = StepListModel()
    steps.set_steps((StepSpec("fit_lnl", "LN model", "", (), (), pydantic.BaseModel),))

    reason = "LN model needs Section times: run that first."
    steps.set_outcome("fit_lnl", StepState.SKIPPED, reason)

    assert steps.item("fit_lnl").detail == "needs Section times: run that first."
    assert steps.item("fit_lnl").reason == reason
