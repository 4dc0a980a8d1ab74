"""How much memory steps will take, before they are run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hdmea.declare import StepDefinition, StepParams, get_step
from hdmea.pipeline.provenance import record_items
from hdmea.pipeline.run import RunPlan, plan_run
from hdmea.results.sizes import estimate_nbytes
from hdmea.utils.exceptions import CacheConflictError, HDMEAError

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["Forecast", "forecast_step", "forecast_steps"]


@dataclass(frozen=True)
class Forecast:
    """Memory that steps will add to a session.

    Attributes
    ----------
    nbytes
        Sum of what is known, in bytes.
    unknown
        Steps of which it is not known, because they do not say or something they need is missing.
    """

    nbytes: int
    unknown: tuple[str, ...] = ()


def forecast_step(
    session: PipelineSession, step: str, params: Mapping[str, Any] | StepParams | None = None
) -> int | None:
    """Return how many bytes a step will add to a session, None if that is not known.

    Counts the data that stay in the session, as `PipelineSession.memory_estimate_gb` does, not what the step
    takes for a moment. Results that are there and are kept add nothing; replaced ones add the difference.

    Parameters
    ----------
    session
        The session; it is not changed.
    step
        Name of the step.
    params
        Its parameters.

    Raises
    ------
    ConfigurationError
        If there is no such step.
    ValidationError
        If a parameter is not allowed.
    """
    definition = get_step(step)
    checked = params if isinstance(params, StepParams) else definition.make_params(params or {})
    if definition.forecast is None:
        return None
    try:
        plan = _plan(session, definition, checked)
        if plan is not None and not plan.compute:
            return 0
        whole = definition.forecast(session, checked)
    except (HDMEAError, OSError):
        return None
    return max(0, round(whole * _part(plan)) - _replaced(session, definition, plan))


def forecast_steps(
    session: PipelineSession, requests: Iterable[tuple[str, Mapping[str, Any] | StepParams | None]]
) -> Forecast:
    """Return what several steps will add, one after the other; (step, parameters) each."""
    total = 0
    unknown = []
    for step, params in requests:
        added = forecast_step(session, step, params)
        if added is None:
            unknown.append(step)
        else:
            total += added
    return Forecast(total, tuple(unknown))


def _plan(session: PipelineSession, definition: StepDefinition[Any], params: StepParams) -> RunPlan | None:
    """Return what a run would have to do; None if that is not known before steps that come first."""
    try:
        if definition.resolve is not None:
            params = definition.resolve(session, params)
        return plan_run(session, definition, params, force=False)
    except CacheConflictError:
        return plan_run(session, definition, params, force=True)
    except (HDMEAError, OSError):
        return None


def _part(plan: RunPlan | None) -> float:
    """Return the part of the asked items that would be computed."""
    if plan is None:
        return 1.0
    return len(plan.compute) / (len(plan.compute) + len(plan.keep))


def _replaced(session: PipelineSession, definition: StepDefinition[Any], plan: RunPlan | None) -> int:
    """Return the size of what a run would replace."""
    record = session.steps.get(definition.name)
    if record is None or plan is None or not set(plan.compute) & set(record_items(record)):
        return 0
    if definition.creates:
        own = ("spike_times", "waveform", "firing_rate_10hz", "spike_amplitudes", "unit_meta")
        units = [{name: unit.get(name) for name in own} for unit in session.units.values()]
        return _size([units, session.metadata, session.stimulus.get("light_reference")])
    features = json.loads(record.get("features", "[]"))
    stored = [unit.get("features", {}) for unit in session.units.values()]
    there = [[entries[name] for name in features if name in entries] for entries in stored]
    trees = [session.stimulus.get(name) for name in _of_stimulus(definition)]
    return _size([there, trees])


def _of_stimulus(definition: StepDefinition[Any]) -> list[str]:
    return [place.removeprefix("stimulus/") for place in definition.provides if place.startswith("stimulus/")]


def _size(tree: Any) -> int:
    return int(estimate_nbytes(tree))
