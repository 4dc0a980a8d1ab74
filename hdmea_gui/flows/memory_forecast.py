"""Keeps the forecast in the memory line up to date with the chosen step, its parameters and the flow."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.flows.forecast_query import ForecastQuery, ForecastView
from hdmea_gui.shell.memory_gauge import MemoryLine
from hdmea_gui.shell.step_panel import StepPanel

__all__ = ["ForecastFlow"]

_KEY = "forecast"
_DELAY_MS = 150


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
        for changed in (panel.changed, controller.activity_changed, controller.state_changed):
            changed.connect(self._timer.start)
        controller.answered.connect(self._on_answered)

    def _ask(self) -> None:
        if self._controller.activity is not Activity.IDLE:
            return
        chosen = self._panel.list.chosen_item
        request = None if chosen is None else self._controller.request(chosen.spec.name)
        self._title = "" if chosen is None else chosen.spec.title
        self._controller.ask(_KEY, ForecastQuery(request, self._controller.flow_requests()))

    def _on_answered(self, key: str, answer: object) -> None:
        if key == _KEY and isinstance(answer, ForecastView):
            self._line.show_forecast(self._title, answer.step, answer.flow)
