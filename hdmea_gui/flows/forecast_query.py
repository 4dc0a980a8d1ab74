"""How much memory the chosen step and "run all" would take, asked for by the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdmea_gui.engine.work import StepRequest
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["ForecastQuery", "ForecastView"]


@dataclass(frozen=True)
class ForecastView:
    """Bytes that the chosen step and all steps of the flow would add; None where that is not known."""

    step: int | None = None
    flow: int | None = None


@dataclass(frozen=True)
class ForecastQuery:
    """What the chosen step and the steps of the flow would add to the session."""

    chosen: StepRequest | None
    flow: tuple[StepRequest, ...]

    def answer(self, bench: Workspace) -> ForecastView:
        """Return it; nothing is known without a session."""
        from hdmea.pipeline.forecast import forecast_step, forecast_steps
        from hdmea.utils.exceptions import HDMEAError

        session = bench.session
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
