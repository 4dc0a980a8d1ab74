"""Which runs made what a session contains, in their order: what a script has to do again.

A step's record (`session.steps`) says how its last run was made. Parts of a result may be older (a feature, a
movie), and steps may have run again in between; the record's ``runs`` keeps every run that still matters.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from hdmea.pipeline import provenance

if TYPE_CHECKING:
    from hdmea.declare import StepParams
    from hdmea.pipeline.session import PipelineSession

__all__ = ["PastRun", "note_run", "past_runs"]


@dataclass(frozen=True)
class PastRun:
    """One run of a step.

    Attributes
    ----------
    step
        Name of the step.
    number
        Place in the order of all runs of the session.
    params
        Its parameters, as JSON-able values.
    force
        Whether it was told to recompute what was there.
    items
        The parts of the result that it computed; ``""`` for a step without parts.
    """

    step: str
    number: int
    params: dict[str, Any]
    force: bool
    items: tuple[str, ...]


def past_runs(session: PipelineSession) -> list[PastRun]:
    """Return the runs that made what the session contains, in their order.

    Of a step whose record does not list its runs (an earlier version wrote it) the last one is known.
    """
    return _collect(session.steps, list(session.completed_steps))


def _collect(steps: Mapping[str, Mapping[str, Any]], order: list[str]) -> list[PastRun]:
    found: list[PastRun] = []
    for name, record in steps.items():
        if "params" in record:
            place = order.index(name) - len(order) if name in order else -len(order) - 1
            found += _runs_of(name, record, place)
    return sorted(found, key=lambda run: run.number)


def _runs_of(name: str, record: Mapping[str, Any], place: int) -> list[PastRun]:
    if "runs" not in record:
        items = tuple(provenance.record_items(record))
        return [PastRun(name, place, json.loads(record["params"]), force=False, items=items)]
    return [
        PastRun(name, run["number"], run["params"], run["force"], tuple(run["items"]))
        for run in json.loads(record["runs"])
    ]


def note_run(
    session: PipelineSession,
    step: str,
    before: Mapping[str, Any] | None,
    params: StepParams,
    force: bool,
    items: Collection[str],
) -> None:
    """Add a run to the record that was just made of its step.

    Earlier runs of the step of which nothing is left are forgotten, unless another step may have used them.

    Parameters
    ----------
    session
        Its `steps` hold the new record.
    step
        Name of the step.
    before
        Its record before this run.
    params, force
        What it ran with.
    items
        What it computed.
    """
    runs = _collect({**session.steps, step: before or {}}, list(session.completed_steps))
    if not {run.step for run in runs} & set(provenance.dependents(step)):
        runs = [run for run in runs if run.step != step or not set(run.items) <= set(items)]
    values = params.model_dump(mode="json")
    runs.append(PastRun(step, len(runs), values, force, tuple(items)))
    _store(session, [replace(run, number=number) for number, run in enumerate(runs)])


def _store(session: PipelineSession, runs: list[PastRun]) -> None:
    for name in {run.step for run in runs}:
        own = [
            {key: value for key, value in asdict(run).items() if key != "step"}
            for run in runs
            if run.step == name
        ]
        session.steps[name] = {**session.steps[name], "runs": json.dumps(own, sort_keys=True)}
