"""How steps are run: as transactions, with progress, cancel, cache and provenance.

`run_step` runs a step on a session, in memory. There is no other way to run a step, so deferred and immediate
mode cannot differ; the public functions, which also take files, are in `hdmea.pipeline.calls`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import psutil

from hdmea.declare import StepDefinition, StepParams, get_step
from hdmea.pipeline import provenance
from hdmea.pipeline.context import CancelToken, Key, ProgressEvent, StepContext, StepRun
from hdmea.pipeline.expected_content import odd_place
from hdmea.pipeline.marks import add_section_marks
from hdmea.pipeline.requirements import check_requirements
from hdmea.pipeline.same_values import same_values
from hdmea.pipeline.session import PipelineSession
from hdmea.recordings.pairing import kind_of
from hdmea.results import files
from hdmea.results.content import InputFile, ResultItem, StepProvenance, utc_now
from hdmea.utils.exceptions import (
    CacheConflictError,
    HDMEAError,
    NotEnoughMemoryError,
    SessionError,
    StepCancelled,
)
from hdmea.utils.fixes import Advice, ComputeAgain
from hdmea.utils.notices import of_system

__all__ = ["RunPlan", "available_workers", "plan_run", "run_step"]

logger = logging.getLogger(__name__)

# What the mechanism says of a feature, which no other step computes with.
_NO_RESULTS = ("feature", "version", "params", "extracted_at", "stale", "marks")


def available_workers() -> int:
    """Return the number of threads a step may use: HDMEA_WORKERS, else the processors of this process."""
    asked = os.environ.get("HDMEA_WORKERS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class PublicStep(Protocol):
    """The public function of a step, as `hdmea.pipeline` has it."""

    @property
    def definition(self) -> StepDefinition[Any]:
        """The declaration that it was made from."""
        ...


@dataclass(frozen=True)
class RunPlan:
    """What a run has to do: items to compute with the digests of the request, items that are kept."""

    inputs: tuple[InputFile, ...]
    compute: dict[str, str]
    keep: tuple[str, ...]
    force: bool = False


def run_step(
    session: PipelineSession,
    step: str | StepDefinition[Any] | PublicStep,
    params: Mapping[str, Any] | StepParams | None = None,
    *,
    force: bool = False,
    progress: Callable[[ProgressEvent], None] | None = None,
    cancel: CancelToken | None = None,
    workers: int | None = None,
    commit: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    logged: bool = True,
) -> StepRun:
    """Run one step on a session, in memory.

    The run is a transaction: after an error or a cancellation the session is unchanged. An existing result
    with the same parameters, inputs and version is kept; a stale result is recomputed.

    Parameters
    ----------
    session
        The session that receives the results.
    step
        Name of the step, its declaration, or its public function.
    params
        Parameters by name, or the step's own parameter model.
    force
        Recompute existing results.
    progress
        Called with a `ProgressEvent` at most 20 times a second, from this thread.
    cancel
        Checked at every report of the step; True stops it.
    workers
        Number of threads; default: `available_workers`. The numbers do not depend on it.
    commit
        Returns a context that is entered while the session is changed; if it raises, the session is
        not changed.
    logged
        Write warnings and information into the log.

    Returns
    -------
    StepRun
        Summary of the run.

    Raises
    ------
    MissingInputError
        If a step or an input that this one needs is missing.
    CacheConflictError
        If a result with other parameters, inputs or version exists, and `force` is False.
    ValidationError
        If a parameter is not allowed.
    StepCancelled
        If `cancel` is True.
    """
    definition = definition_of(step)
    with _naming(definition):
        run = _run(session, definition, params, force, progress, cancel, workers, commit)
    for message in run.warnings[run.n_logged :] if logged else ():
        logger.warning("%s: %s", definition.title, message)
    for message in run.information if logged else ():
        logger.info("%s: %s", definition.title, message)
    return run


@contextlib.contextmanager
def _naming(definition: StepDefinition[Any]) -> Iterator[None]:
    """Have errors say which step failed."""
    try:
        yield
    except HDMEAError as error:
        error.step = error.step or definition.name
        raise


def _run(
    session: PipelineSession,
    definition: StepDefinition[Any],
    params: Mapping[str, Any] | StepParams | None,
    force: bool,
    progress: Callable[[ProgressEvent], None] | None,
    cancel: CancelToken | None,
    workers: int | None,
    commit: Callable[[], AbstractContextManager[None]],
) -> StepRun:
    checked = params if isinstance(params, StepParams) else definition.make_params(params or {})
    check_requirements(session, definition)
    if definition.resolve is not None:
        with blaming_file(session, definition.title, definition.function):
            checked = definition.resolve(session, checked)
    plan = plan_run(session, definition, checked, force)
    run = StepRun(definition, session, checked, items=tuple(plan.compute), cached_items=plan.keep)
    if not plan.compute:
        run.cached = True
        if definition.creates:
            with commit():
                run.changed = _follow_moved_files(session, plan.inputs)
        logger.info("%s: kept, nothing to compute", definition.title)
        return run
    ctx = StepContext(
        definition,
        items=run.items if definition.items else (),
        workers=workers or available_workers(),
        progress=progress,
        cancel=cancel,
    )
    started = time.perf_counter()
    ctx.checkpoint(0.0, definition.title)
    with (
        files.reading([session.units, session.metadata, session.stimulus]),
        blaming_file(session, definition.title, definition.function, lambda: ctx.stopped_by),
    ):
        run.outcome = _call(session, definition, checked, ctx)
    run.elapsed_seconds = time.perf_counter() - started
    ctx.checkpoint(1.0, "done")
    run.warnings, run.information, run.n_logged = ctx.warnings, ctx.information, ctx.n_logged
    run.cached = definition.name in session.completed_steps and set(plan.compute) <= ctx.skipped
    if not run.cached:
        unchanged = _gave_the_same(session, run, ctx)
        with commit():
            run.changed = _commit(session, run, ctx, plan, unchanged)
    elif new := [message for message in run.warnings if message not in session.warnings]:
        with commit():
            session.warnings += new
    return run


_OF_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


@contextlib.contextmanager
def blaming_file(
    session: PipelineSession,
    title: str,
    function: Callable[..., Any],
    stopped_by: Callable[[], BaseException | None] = lambda: None,
) -> Iterator[None]:
    """Let errors that damaged files lead to be of our own kind; of a session in memory nothing is damaged.

    Parameters
    ----------
    session
        The session that is used.
    title
        What is done with it.
    function
        What does it: errors of Python in an extension are for who wrote it.
    stopped_by
        Returns what a receiver of progress raised, which is passed on.

    Raises
    ------
    OSError
        The same from the system, but of ours, with a fix.
    SessionError
        If the session is that of a file, and what it contains leads to an error of Python.
    """
    try:
        yield
    except HDMEAError:
        raise
    except OSError as error:
        if error is stopped_by():
            raise
        raise of_system(error, f"“{title}” failed") from error
    except _OF_DAMAGE as error:
        is_own = function.__module__.startswith("hdmea.")
        if error is stopped_by() or session.held is None or not is_own:
            raise
        found = odd_place(session) or "something in it is not what it is in every result"
        raise SessionError(
            f"“{title}” failed with what is in {session.held.path}: {found}.",
            path=session.held.path,
            fix=Advice(
                "If the file may be damaged, use an earlier copy; otherwise report the error and its details."
            ),
        ) from error


def _call(
    session: PipelineSession, definition: StepDefinition[Any], params: StepParams, ctx: StepContext
) -> Any:
    """Call the function of a step; a lack of memory becomes an error that says how much is needed."""
    try:
        return definition.function(session, params, ctx)
    except NotEnoughMemoryError:
        raise
    except MemoryError as error:
        needed = ""
        if definition.forecast is not None:
            with contextlib.suppress(HDMEAError, OSError):
                needed = f" The result takes about {definition.forecast(session, params) / 1e9:.1f} GB."
        free = psutil.virtual_memory().available / 1e9
        said = f" ({error})" if str(error) else ""
        raise NotEnoughMemoryError(
            f"The memory does not suffice for “{definition.title}”{said}: {free:.1f} GB are free.{needed}",
            step=definition.name,
            fix=Advice("Close other programs, or use a computer with more memory."),
        ) from error


def definition_of(step: str | StepDefinition[Any] | PublicStep) -> StepDefinition[Any]:
    """Return the declaration of a step that is given by name, by its declaration or by its function."""
    if isinstance(step, str):
        return get_step(step)
    return step if isinstance(step, StepDefinition) else step.definition


def plan_run(
    session: PipelineSession, definition: StepDefinition[Any], params: StepParams, force: bool
) -> RunPlan:
    """Return what a run would have to do; CacheConflictError if an existing result was made differently."""
    read = provenance.file_facts(definition.inputs(session, params)) if definition.inputs else ()
    items = tuple(definition.items(session, params)) if definition.items else ("",)
    before = session.steps.get(definition.name, StepProvenance())
    # What is made with a file of the user's own says so, and is recomputed when the file changes.
    own = {
        item: provenance.own_files(definition, item)
        for item in {**dict.fromkeys(before.items), **dict.fromkeys(items)}
    }
    code = {path: provenance.file_facts([path]) for paths in own.values() for path in paths}
    inputs = (*read, *(fact for facts in code.values() for fact in facts))
    compute: dict[str, str] = {}
    keep = []
    for item in items:
        facts = (*read, *(fact for path in own[item] for fact in code[path]))
        wanted = provenance.digest(definition, params, facts, item)
        present = before.items.get(item)
        if force or present is None or present.stale:
            compute[item] = wanted
        elif present.digest == wanted:
            keep.append(item)
        else:
            what = f"{definition.title} ({item})" if item else definition.title
            raise CacheConflictError(
                f"“{what}” already has results that were made differently: "
                f"{provenance.difference(before, definition, params, inputs)}.",
                step=definition.name,
                fix=ComputeAgain(),
            )
    return RunPlan(inputs, compute, tuple(keep), force)


def _follow_moved_files(session: PipelineSession, inputs: Iterable[InputFile]) -> list[Key]:
    """Note where the files of a kept recording are now: later steps look for raw data and stimuli there."""
    changed: list[Key] = []
    for file in inputs:
        path = Path(file.path).absolute()
        # What decides the result may be a file in the folder that was given.
        source = next((place for place in (path, path.parent) if kind_of(place) is not None), path)
        name = f"{kind_of(source)}_path"
        if name in session.source_files and session.source_files[name] != str(source):
            session.source_files[name] = str(source)
            changed.append(("source_files", name))
    return changed


def _gave_the_same(session: PipelineSession, run: StepRun, ctx: StepContext) -> bool:
    """Return whether a step that ran again gave what is there; compared only if something depends on it."""
    definition = run.definition
    if definition.name not in session.steps or not provenance.has_dependents(session, definition.name):
        return False
    if not all(_comes_back(_present(session, path), path, ctx) for path in ctx.removed):
        return False
    if definition.creates and session.units.keys() != {path[1] for path in ctx.outputs if path[0] == "units"}:
        return False
    try:
        with files.reading([session.units, session.metadata, session.stimulus]):
            return all(_is_there(session, path, value) for path, value in ctx.outputs.items())
    except StepCancelled:
        raise
    except (HDMEAError, OSError, MemoryError) as error:
        # What was computed is not lost because what was there before cannot be read to compare.
        logger.info("%s: the earlier results cannot be compared: %s", definition.title, error)
        return False


def _is_there(session: PipelineSession, path: Key, value: Any) -> bool:
    present = _present(session, path)
    if path[0] == "units" and len(path) == 2 and isinstance(present, Mapping):
        return all(same_values(present.get(name), value[name]) for name in value)
    if path[0] == "units" and len(path) == 4 and path[2] == "features":
        return same_values(present, value, ignored=_NO_RESULTS)
    return same_values(present, value)


def _comes_back(present: Any, path: Key, ctx: StepContext) -> bool:
    """Return whether all that a step removes in a place is written by it again."""
    if present is None or path in ctx.outputs:
        return True
    if not isinstance(present, Mapping) or getattr(present, "attrs", None):
        return False
    return all(_comes_back(present[name], (*path, name), ctx) for name in present)


def _present(session: PipelineSession, path: Key) -> Any:
    """Return what the session has in a place, None if there is nothing."""
    node: Any = _root(session, path[0])
    for name in path[1:]:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _commit(
    session: PipelineSession, run: StepRun, ctx: StepContext, plan: RunPlan, unchanged: bool
) -> list[Key]:
    """Put a step's results into the session; return the places that were changed."""
    definition = run.definition
    _check_places(session, ctx)
    before = session.steps.get(definition.name)
    there = {} if before is None else before.items
    changed: list[Key] = _forget_old_units(session, ctx) if definition.creates else []
    changed += [path for path in ctx.removed if _remove(session, path)]
    features = set() if before is None else set(before.features)
    for path, value in ctx.outputs.items():
        if len(path) == 4 and path[0] == "units" and path[2] == "features":
            features.add(path[3])
            _complete_metadata(value, path[3], run)
            add_section_marks(value, session.stimulus)
        _assign(session, path, value)
        changed.append(path)
    done = {item: wanted for item, wanted in plan.compute.items() if item not in ctx.skipped}
    items = {**there, **{item: ResultItem(wanted) for item, wanted in done.items()}}
    step = provenance.make_provenance(
        definition, run.params, plan.inputs, items, run.elapsed_seconds, features
    )
    # Of earlier runs stays what was said of parts that were not recomputed.
    earlier = None if set(there) <= set(plan.compute) else before
    warnings = _joined(() if earlier is None else earlier.warnings, ctx.warnings)
    information = _joined(() if earlier is None else earlier.information, ctx.information)
    session.steps[definition.name] = replace(step, warnings=warnings, information=information)
    _replace_warnings(session, definition.name, before)
    provenance.note_run(session, definition.name, before, run.params, plan.force, done)
    if not unchanged and any(item in there for item in plan.compute):
        changed += provenance.mark_stale(session, definition.name)
    session.mark_step_complete(definition.name)
    return changed


def _joined(earlier: Iterable[str], now: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*earlier, *now]))


def _replace_warnings(session: PipelineSession, name: str, before: StepProvenance | None) -> None:
    """Replace the warnings of a step before its last run by its present ones."""
    own = session.steps[name].warnings
    others = {message for other, step in session.steps.items() if other != name for message in step.warnings}
    gone = set(() if before is None else before.warnings) - set(own) - others
    session.warnings[:] = [message for message in session.warnings if message not in gone]
    session.warnings += [message for message in own if message not in session.warnings]


def _root(session: PipelineSession, name: str) -> dict[str, Any]:
    tree: dict[str, Any] = getattr(session, name)
    return tree


def _check_places(session: PipelineSession, ctx: StepContext) -> None:
    """Raise before anything is changed if a result has no place to go."""
    new_units = {path[1] for path in ctx.outputs if len(path) == 2 and path[0] == "units"}
    for path in ctx.outputs:
        if path[0] == "units" and path[1] not in session.units and path[1] not in new_units:
            raise KeyError(f"The step has a result for {path[1]!r}, which is not a unit of this session.")


def _assign(session: PipelineSession, path: Key, value: Any) -> None:
    node = _root(session, path[0])
    for name in path[1:-1]:
        if not isinstance(node.get(name), dict):
            node[name] = {}
        node = node[name]
    if path[0] == "units" and len(path) == 2 and isinstance(node.get(path[-1]), dict):
        node[path[-1]].update(value)  # a unit that is loaded again keeps what was computed from it
    else:
        node[path[-1]] = value


def _forget_old_units(session: PipelineSession, ctx: StepContext) -> list[Key]:
    """Remove the units of an earlier load that the recording, as it is loaded now, does not have."""
    loaded = {path[1] for path in ctx.outputs if path[0] == "units"}
    gone = [unit_id for unit_id in session.units if unit_id not in loaded]
    for unit_id in gone:
        del session.units[unit_id]
    return [("units", unit_id) for unit_id in gone]


def _remove(session: PipelineSession, path: Key) -> bool:
    node: Any = _root(session, path[0])
    for name in path[1:-1]:
        node = node.get(name) if isinstance(node, dict) else None
    if not isinstance(node, dict) or path[-1] not in node:
        return False
    del node[path[-1]]
    return True


def _complete_metadata(entry: Any, name: str, run: StepRun) -> None:
    """Add to a feature what the mechanism knows and the step need not repeat."""
    metadata = entry["metadata"]
    metadata.setdefault("feature", name)
    metadata.setdefault("version", run.definition.version)
    metadata.setdefault("params", json.dumps(run.definition.result_parameters(run.params), sort_keys=True))
    metadata.setdefault("extracted_at", utc_now())
    metadata.setdefault("stale", False)
