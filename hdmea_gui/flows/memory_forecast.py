"""How much memory the selected step and "run all" would take, kept up to date in the memory line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.jobs import Failure
from hdmea_gui.shell.memory_gauge import MemoryLine
from hdmea_gui.shell.step_panel import StepPanel

if TYPE_CHECKING:
    from hdmea_gui.engine.work import StepRequest
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["ForecastFlow", "ForecastQuery", "ForecastView"]

_DELAY_MS = 150


@dataclass(frozen=True)
class ForecastView:
    """Bytes that the selected step and all steps of the flow would add; None where that is not known."""

    step: int | None = None
    flow: int | None = None


@dataclass(frozen=True)
class ForecastQuery:
    """What the selected step and the steps of the flow would add to the session."""

    chosen: StepRequest | None
    flow: tuple[StepRequest, ...]

    def answer(self, workspace: Workspace) -> ForecastView:
        """Return it; nothing is known without a session."""
        from hdmea.pipeline.forecast import forecast_step, forecast_steps
        from hdmea.utils.exceptions import HDMEAError

        session = workspace.session
        if session is None:
            return ForecastView()
        try:
            chosen = self.chosen
            step = None if chosen is None else forecast_step(session, chosen.name, chosen.params)
            flow = forecast_steps(session, [(request.name, request.params) for request in self.flow])
        except HDMEAError:
            # A value in the form is not allowed: the form says so.
            return ForecastView()
        known = len(flow.unknown) < len(self.flow)
        return ForecastView(step, flow.nbytes if known else None)


class ForecastFlow(QObject):
    """Asks for a forecast a moment after something changed, while nothing runs.

    Parameters
    ----------
    controller
        Answers.
    panel
        Where the step is chosen and its parameters are edited.
    line
        Shows the forecast.
    parent
        Qt parent.
    """

    def __init__(
        self, controller: Controller, panel: StepPanel, line: MemoryLine, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._panel = panel
        self._line = line
        self._title = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self._ask)
        for changed in (
            panel.changed,
            controller.activity_changed,
            controller.state_changed,
            controller.steps.states_changed,
        ):
            changed.connect(self._timer.start)

    def _ask(self) -> None:
        if self._controller.activity is not Activity.IDLE:
            return
        chosen = self._panel.list.chosen_item
        request = None if chosen is None else self._controller.request(chosen.spec.name)
        self._title = "" if chosen is None else chosen.spec.title
        query = ForecastQuery(request, self._controller.flow_requests())
        self._controller.ask(query, self._on_forecast)

    def _on_forecast(self, answer: ForecastView | Failure) -> None:
        # Why there is no forecast the log says; an older one would be wrong.
        known = ForecastView() if isinstance(answer, Failure) else answer
        self._line.show_forecast(self._title, known.step, known.flow)
