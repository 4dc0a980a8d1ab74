"""Provenance of results: digests for the cache, past runs, stale marks.

The provenance of a step says how its last run was made. Parts of a result may be older (a feature, a movie),
and steps may have run again in between: it lists every run that still matters. Scripts are made from them.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea._version import __version__
from hdmea.declare import FEATURES, STEPS, StepDefinition, StepParams, all_steps
from hdmea.pipeline.context import Key
from hdmea.results.content import InputFile, PastRun, ResultItem, StepProvenance, utc_now

if TYPE_CHECKING:
    from hdmea.declare import StepParams
    from hdmea.pipeline.session import PipelineSession


__all__ = [
    "dependents",
    "difference",
    "digest",
    "file_facts",
    "has_dependents",
    "make_provenance",
    "mark_stale",
    "note_run",
    "own_files",
    "past_runs",
    "stale_because",
    "stale_features",
]

# Small files (playlists, definitions) are told apart by content, large ones by size and time.
_HASHED_BELOW = 1 << 20
_FEATURES = "extract_features"


def file_facts(paths: Iterable[Path]) -> tuple[InputFile, ...]:
    """Return name, size and modification time (small files: SHA-256) of each existing file."""
    facts = []
    for path in paths:
        if os.path.isfile(path):
            stat = path.stat()
            small = stat.st_size < _HASHED_BELOW
            content = hashlib.sha256(path.read_bytes()).hexdigest() if small else ""
            facts.append(InputFile(str(path), stat.st_size, stat.st_mtime, content))
    return tuple(facts)


def own_files(definition: StepDefinition[Any], item: str = "") -> list[Path]:
    """Return the Python files beyond this package that a result is made with: of the step, of a feature.

    Parameters
    ----------
    definition
        The step.
    item
        A part of its result; of the step that computes features, the name of one.
    """
    declared: list[tuple[str, Any]] = [(STEPS.origin(definition.name), definition.function)]
    if definition.name == _FEATURES and item in FEATURES:
        declared.append((FEATURES.origin(item), FEATURES.get(item).function))
    found = []
    for origin, function in declared:
        if origin:
            # An entry point names a module, whose file is what counts.
            module = sys.modules.get(function.__module__)
            path = Path(origin)
            found.append(path if os.path.isfile(path) else Path(getattr(module, "__file__", None) or origin))
    return found


def digest(
    definition: StepDefinition[Any], params: StepParams, inputs: Iterable[InputFile], item: str
) -> str:
    """Return a hash of everything that determines an item: parameters, input files, version of the step."""
    essence = [_essence(fact) for fact in inputs]
    decisive = definition.result_parameters(params, item)
    text = json.dumps([definition.name, definition.version, decisive, essence], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _essence(file: InputFile) -> dict[str, Any]:
    """Return what tells a file's content: not where it is, for a folder may be moved."""
    name = Path(file.path).name
    if file.sha256:
        return {"name": name, "sha256": file.sha256}
    return {"name": name, "size": file.size, "mtime": file.mtime}


def difference(
    before: StepProvenance,
    definition: StepDefinition[Any],
    params: StepParams,
    inputs: Iterable[InputFile],
) -> str:
    """Return a text that describes how the last run of a step differs from the request."""
    wanted = params.model_dump(mode="json")
    decisive = definition.result_parameters(params)
    found = [
        f"“{_label(definition, name)}” was {before.params.get(name)!r}, but {wanted[name]!r} is requested"
        for name in decisive
        if before.params.get(name) != wanted[name]
    ]
    files = [[_essence(file) for file in facts] for facts in (before.inputs, inputs)]
    if files[0] != files[1]:
        names = [", ".join(fact["name"] for fact in facts) or "none" for facts in files]
        found.append(
            f"the input files were {names[0]}, but are {names[1]} now"
            if names[0] != names[1]
            else f"the input files ({names[0]}) have changed since"
        )
    if before.version != definition.version:
        found.append(f"version {before.version} of the step made them; this is version {definition.version}")
    return "; ".join(found) or "other parameters or another version made them"


def _label(definition: StepDefinition[Any], name: str) -> str:
    field = definition.params.model_fields.get(name)
    return (field.title if field is not None else None) or name


def make_provenance(
    definition: StepDefinition[Any],
    params: StepParams,
    inputs: tuple[InputFile, ...],
    items: dict[str, ResultItem],
    duration_s: float,
    features: Iterable[str],
) -> StepProvenance:
    """Return the provenance of a run that has just ended."""
    finished = utc_now()
    started = datetime.datetime.fromisoformat(finished) - datetime.timedelta(seconds=round(duration_s))
    return StepProvenance(
        params=params.model_dump(mode="json"),
        version=definition.version,
        hdmea_version=__version__,
        started_at=started.isoformat(timespec="seconds"),
        finished_at=finished,
        duration_s=float(duration_s),
        inputs=inputs,
        items=items,
        features=tuple(sorted(features)),
    )


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


def has_dependents(session: PipelineSession, step_name: str) -> bool:
    """Return whether the session has results that depend on a step."""
    return not session.steps.keys().isdisjoint(dependents(step_name))


def stale_because(step: StepProvenance) -> str:
    """Return why results of a step are stale, as a sentence without its stop; empty if none is."""
    found = next((item for item in step.items.values() if item.stale), None)
    if found is None:
        return ""
    known = all_steps()
    what = known[found.changed_step].title if found.changed_step in known else found.changed_step
    try:
        when = datetime.datetime.fromisoformat(found.changed_at).astimezone()
    except ValueError:
        return f"{what or 'an earlier step'} gave other results since"
    today = when.date() == datetime.datetime.now().astimezone().date()
    return f"{what} ran again at {when:%H:%M}" if today else f"{what} ran again on {when:%Y-%m-%d %H:%M}"


def stale_features(steps: Mapping[str, StepProvenance]) -> dict[str, str]:
    """Return the stale features, and why each is."""
    return {
        feature: stale_because(step)
        for step in steps.values()
        if step.stale
        for feature in step.features
        if feature not in step.items or step.items[feature].stale
    }


def mark_stale(session: PipelineSession, step_name: str) -> Iterator[Key]:
    """Mark every result that depends on a step as stale; yield the places that were changed."""
    now = session.steps[step_name].finished_at
    for name in dependents(step_name):
        step = session.steps.get(name)
        if step is None:
            continue
        items = {
            item: found if found.stale else replace(found, stale=True, changed_step=step_name, changed_at=now)
            for item, found in step.items.items()
        }
        session.steps[name] = replace(step, items=items)
        for feature in step.features:
            for unit_id, unit in session.units.items():
                entry = unit.get("features", {}).get(feature)
                if entry is not None:
                    entry["metadata"]["stale"] = True
                    yield ("units", unit_id, "features", feature, "metadata", "stale")


def past_runs(session: PipelineSession) -> list[PastRun]:
    """Return the runs that computed the contents of the session, in order.

    If the runs of a step are not known (another program ran it), only the last is listed.
    """
    return _collect(session.steps, list(session.completed_steps))


def _collect(steps: Mapping[str, StepProvenance], order: list[str]) -> list[PastRun]:
    found: list[PastRun] = []
    for name, step in steps.items():
        place = order.index(name) - len(order) if name in order else -len(order) - 1
        found += step.runs or [PastRun(name, place, step.params, force=False, items=tuple(step.items))]
    return sorted(found, key=lambda run: run.number)


def note_run(
    session: PipelineSession,
    step: str,
    before: StepProvenance | None,
    params: StepParams,
    force: bool,
    items: Collection[str],
) -> None:
    """Add a run to the new provenance of its step.

    Earlier runs of the step are removed if none of their results is left, unless another step may have used
    them.

    Parameters
    ----------
    session
        Its `steps` hold the new provenance.
    step
        Name of the step.
    before
        Its provenance before this run.
    params, force
        What it ran with.
    items
        What it computed.
    """
    others = {name: other for name, other in session.steps.items() if name != step}
    known = others if before is None else {**others, step: before}
    runs = _collect(known, list(session.completed_steps))
    if not {run.step for run in runs} & set(dependents(step)):
        runs = [run for run in runs if run.step != step or not set(run.items) <= set(items)]
    runs.append(PastRun(step, len(runs), params.model_dump(mode="json"), force, tuple(items)))
    runs = [replace(run, number=number) for number, run in enumerate(runs)]
    for name in {run.step for run in runs}:
        own = tuple(run for run in runs if run.step == name)
        session.steps[name] = replace(session.steps[name], runs=own)
