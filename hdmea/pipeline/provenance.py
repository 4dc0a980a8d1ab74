"""Provenance of results: digests for the cache, records of runs, stale marks.

A step's record says how its last run was made. Parts of a result may be older (a feature, a movie), and steps
may have run again in between: a record lists every run that still matters, and scripts are made from them.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea._version import __version__
from hdmea.declare import StepDefinition, StepParams, all_steps
from hdmea.pipeline.context import Key
from hdmea.results.content import utc_now

if TYPE_CHECKING:
    from hdmea.declare import StepParams
    from hdmea.pipeline.session import PipelineSession


__all__ = [
    "PastRun",
    "dependents",
    "difference",
    "digest",
    "file_facts",
    "make_record",
    "mark_stale",
    "note_run",
    "past_runs",
    "record_items",
]

# Small files (playlists, definitions) are told apart by content, large ones by size and time.
_HASHED_BELOW = 1 << 20


def file_facts(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return name, size and modification time (small files: SHA-256) of each existing file."""
    facts: list[dict[str, Any]] = []
    for path in paths:
        if not path.is_file():
            continue
        stat = path.stat()
        fact: dict[str, Any] = {"path": str(path), "size": stat.st_size, "mtime": stat.st_mtime}
        if stat.st_size < _HASHED_BELOW:
            fact["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        facts.append(fact)
    return facts


def digest(
    definition: StepDefinition[Any], params: StepParams, inputs: list[dict[str, Any]], item: str
) -> str:
    """Return a hash of everything that determines an item: parameters, input files, version of the step."""
    essence = [_essence(fact) for fact in inputs]
    decisive = definition.result_parameters(params, item)
    text = json.dumps([definition.name, definition.version, decisive, essence], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _essence(fact: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a file's content: not where it lies, for a folder may be moved."""
    name = Path(fact["path"]).name
    if "sha256" in fact:
        return {"name": name, "sha256": fact["sha256"]}
    return {"name": name, "size": fact["size"], "mtime": fact["mtime"]}


def record_items(record: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the items of a step's record: name to digest and stale mark."""
    return json.loads(record["items"]) if record and "items" in record else {}


def difference(
    record: Mapping[str, Any],
    definition: StepDefinition[Any],
    params: StepParams,
    inputs: list[dict[str, Any]],
) -> str:
    """Return a text that describes how the last run of a step differs from the request."""
    before = json.loads(record["params"])
    wanted = params.model_dump(mode="json")
    decisive = definition.result_parameters(params)
    found = [
        f"“{_label(definition, name)}” was {before.get(name)!r}, but {wanted[name]!r} is requested"
        for name in decisive
        if before.get(name) != wanted[name]
    ]
    files = [[_essence(fact) for fact in facts] for facts in (json.loads(record["inputs"]), inputs)]
    if files[0] != files[1]:
        names = [", ".join(fact["name"] for fact in facts) or "none" for facts in files]
        found.append(
            f"the input files were {names[0]}, but are {names[1]} now"
            if names[0] != names[1]
            else f"the input files ({names[0]}) have changed since"
        )
    if record["version"] != definition.version:
        found.append(
            f"version {record['version']} of the step made them; this is version {definition.version}"
        )
    return "; ".join(found) or "other parameters or another version made them"


def _label(definition: StepDefinition[Any], name: str) -> str:
    field = definition.params.model_fields.get(name)
    return (field.title if field is not None else None) or name


def make_record(
    definition: StepDefinition[Any],
    params: StepParams,
    inputs: list[dict[str, Any]],
    items: Mapping[str, Mapping[str, Any]],
    duration_s: float,
    features: Iterable[str],
) -> dict[str, Any]:
    """Return the provenance record of a run that has just ended."""
    finished = utc_now()
    started = datetime.datetime.fromisoformat(finished) - datetime.timedelta(seconds=round(duration_s))
    return {
        "params": json.dumps(params.model_dump(mode="json"), sort_keys=True),
        "version": definition.version,
        "hdmea_version": __version__,
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": finished,
        "duration_s": float(duration_s),
        "inputs": json.dumps(inputs, sort_keys=True),
        "items": json.dumps(items, sort_keys=True),
        "features": json.dumps(sorted(features)),
        "stale": any(item["stale"] for item in items.values()),
    }


def dependents(step_name: str) -> list[str]:
    """Return the steps that need or use the results of a step, directly or through others."""
    definitions = all_steps()
    found: list[str] = []
    reached = {step_name}
    made = set(definitions[step_name].provides) if step_name in definitions else set()
    while True:
        more = [
            name
            for name, definition in definitions.items()
            if name not in reached and made & {*definition.requires, *definition.uses}
        ]
        if not more:
            return found
        found += more
        reached.update(more)
        made.update(data for name in more for data in definitions[name].provides)


def mark_stale(session: PipelineSession, step_name: str) -> Iterator[Key]:
    """Mark every result that depends on a step as stale; yield the places that were changed."""
    for name in dependents(step_name):
        record = session.steps.get(name)
        if record is None:
            continue
        items = {item: {**facts, "stale": True} for item, facts in record_items(record).items()}
        session.steps[name] = {**record, "stale": True, "items": json.dumps(items, sort_keys=True)}
        for feature in json.loads(record.get("features", "[]")):
            for unit_id, unit in session.units.items():
                entry = unit.get("features", {}).get(feature)
                if entry is not None:
                    entry["metadata"]["stale"] = True
                    yield ("units", unit_id, "features", feature, "metadata", "stale")


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
        Whether existing results were to be recomputed.
    items
        The parts of the result that it computed; ``""`` for a step without parts.
    """

    step: str
    number: int
    params: dict[str, Any]
    force: bool
    items: tuple[str, ...]


def past_runs(session: PipelineSession) -> list[PastRun]:
    """Return the runs that computed the contents of the session, in order.

    If the record of a step does not list its runs (written by an earlier version), only the last is known.
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
        items = tuple(record_items(record))
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
    """Add a run to the new record of its step.

    Earlier runs of the step are removed if none of their results is left, unless another step may have used
    them.

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
    if not {run.step for run in runs} & set(dependents(step)):
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
