"""Flows: named recipes of steps and parameters, as JSON files."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from hdmea.declare import FEATURES, StepDefinition, all_steps, get_step
from hdmea.pipeline.calls import STEPS_LAYOUT
from hdmea.pipeline.context import CancelToken, ProgressEvent, StepRun
from hdmea.pipeline.destination import Destination, prepare
from hdmea.pipeline.forecast import forecast_steps
from hdmea.pipeline.requirements import reason_against
from hdmea.pipeline.results import FlowResult
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import (
    DEFAULT_OUTPUT_DIR,
    PipelineSession,
    create_session,
    dataset_id_from_paths,
)
from hdmea.results import files
from hdmea.results.sizes import estimate_nbytes
from hdmea.utils.exceptions import ConfigurationError, MissingInputError, StepCancelled
from hdmea.utils.fixes import Advice, RunStep
from hdmea.utils.notices import Notice
from hdmea.utils.resources import resource_path
from hdmea.utils.text_files import read_json
from hdmea.utils.validation import problems_in_file

__all__ = [
    "Flow",
    "FlowOptions",
    "FlowStep",
    "execute_flow",
    "get_flow_info",
    "list_available_flows",
    "load_flow",
    "prepare_flow",
    "run_flow",
    "waiting_for_stimulus",
]

logger = logging.getLogger(__name__)

_FEATURES = "extract_features"


class FlowStep(pydantic.BaseModel):
    """One step of a flow; an optional step is skipped if the recording lacks its inputs."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    step: str
    params: dict[str, Any] = {}
    optional: bool = False


class Flow(pydantic.BaseModel):
    """A named recipe."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str = ""
    description: str = ""
    version: str = ""
    steps: tuple[FlowStep, ...]
    others: bool = False
    exclude: tuple[str, ...] = ()

    def completed(self) -> Flow:
        """Return the flow completed with registered steps and features.

        With ``others``, every step that can run with its defaults, and every feature, belongs to the flow
        unless its name is in ``exclude``. A step that is not listed is inserted before the first step that
        requires or uses what it provides, otherwise at the end, and is skipped if the recording lacks its
        inputs; features that are not listed are computed after the listed ones.
        """
        if not self.others:
            return self
        steps = [self._with_features(item) for item in self.steps]
        listed = [item.step for item in steps]
        for definition in all_steps().values():
            known = definition.name in (*listed, *self.exclude)
            if not known and not definition.creates and not definition.needs_values():
                extra = self._with_features(FlowStep(step=definition.name, optional=True))
                steps.insert(_place_for(definition, steps), extra)
        return self.model_copy(update={"steps": tuple(steps)})

    def _with_features(self, item: FlowStep) -> FlowStep:
        """Return a step of the flow with the features that are not listed added, if it computes features."""
        features = item.params.get("features", ())
        if item.step != _FEATURES or not isinstance(features, (list, tuple)):
            return item
        listed = list(features)
        known = {*map(FEATURES.canonical_name, listed), *self.exclude}
        others = [extractor.name for extractor in FEATURES if extractor.name not in known]
        return item.model_copy(update={"params": {**item.params, "features": [*listed, *others]}})

    def with_parameters(self, overrides: Mapping[str, Mapping[str, Any]]) -> Flow:
        """Return the flow with other parameters for some of its steps.

        Raises
        ------
        ConfigurationError
            If a step that is named is not in the flow.
        """
        unknown = set(overrides) - {item.step for item in self.steps}
        if unknown:
            raise ConfigurationError(
                f"The flow {self.name!r} has no step {', '.join(sorted(unknown))}; "
                f"its steps are {', '.join(item.step for item in self.steps)}.",
                fix=Advice("Set parameters of its steps only, or choose another flow."),
            )
        steps = tuple(
            item.model_copy(update={"params": {**item.params, **overrides.get(item.step, {})}})
            for item in self.steps
        )
        return self.model_copy(update={"steps": steps})

    def check_parameters(self) -> None:
        """Raise ValidationError for a parameter that is not allowed, before any step is run."""
        for item in self.steps:
            get_step(item.step).make_params(item.params)
            for name in item.params.get("features", ()) if item.step == _FEATURES else ():
                reason = reason_against(name)
                if reason is not None and not isinstance(reason.fix, RunStep):
                    raise ConfigurationError(
                        reason.message, parameter="features", step=item.step, fix=reason.fix
                    )
            settings = item.params.get("config_overrides") or {} if item.step == _FEATURES else {}
            for name, values in settings.items():
                if name in FEATURES and isinstance(values, Mapping):
                    FEATURES.get(name).make_params(values)


@dataclass(frozen=True)
class FlowOptions:
    """Options of a run of a flow: what to recompute, progress and cancellation.

    `after_step` is called after each step, e.g. to write a checkpoint.
    """

    force_load: bool = False
    force_extract: bool = False
    progress: Callable[[ProgressEvent], None] | None = None
    cancel: CancelToken | None = None
    workers: int | None = None
    after_step: Callable[[StepRun], None] | None = None


def _place_for(definition: StepDefinition[Any], steps: Sequence[FlowStep]) -> int:
    """Return the position of a step in a list: before the first step that takes what it provides."""
    for place, item in enumerate(steps):
        later = get_step(item.step)
        if set(definition.provides) & {*later.requires, *later.uses}:
            return place
    return len(steps)


def _flow_folders(config_dir: str | Path | None) -> list[Path]:
    own = [] if config_dir is None else [Path(config_dir) / "flows", Path(config_dir)]
    return [*own, resource_path("flows")]


def list_available_flows(config_dir: str | Path | None = None) -> list[str]:
    """Return the names of the flows in `config_dir` (folder ``flows`` first) and of the built-in flows."""
    names = {path.stem for folder in _flow_folders(config_dir) for path in folder.glob("*.json")}
    return sorted(names)


def load_flow(flow_name: str | Path, config_dir: str | Path | None = None) -> Flow:
    """Read a flow by name, or from a JSON file.

    Raises
    ------
    ConfigurationError
        If there is no such flow, or its file is not a flow.
    """
    given = Path(flow_name)
    candidates = [given] if given.suffix == ".json" else []
    candidates += [folder / f"{flow_name}.json" for folder in _flow_folders(config_dir)]
    path = next((candidate for candidate in candidates if os.path.lexists(candidate)), None)
    if path is None:
        known = ", ".join(list_available_flows(config_dir))
        raise ConfigurationError(
            f"There is no flow {str(flow_name)!r}.",
            fix=Advice(f"Choose one of {known}, or name a JSON file."),
        )
    try:
        flow = Flow.model_validate(read_json(path))
    except pydantic.ValidationError as error:
        problems = problems_in_file(error, Flow)
        raise ConfigurationError(
            f"{path} is not a valid flow: {problems}.", path=path, fix=Advice("Correct the file.")
        ) from error
    for item in flow.steps:
        get_step(item.step)
    return flow.completed()


def get_flow_info(flow_name: str | Path, config_dir: str | Path | None = None) -> dict[str, Any]:
    """Return ``name``, ``title``, ``description`` and ``version`` of a flow, its steps and its features.

    ``stages`` are the names of the steps, ``feature_sets`` those of the features.

    Raises
    ------
    ConfigurationError
        If there is no such flow, or its file is not a flow.
    """
    flow = load_flow(flow_name, config_dir)
    found = [item.params.get("features", ()) for item in flow.steps if item.step == _FEATURES]
    return {
        **flow.model_dump(include={"name", "title", "description", "version"}),
        "stages": [item.step for item in flow.steps],
        "feature_sets": [name for names in found for name in names],
    }


def execute_flow(session: PipelineSession, flow: Flow, options: FlowOptions = FlowOptions()) -> FlowResult:
    """Run the steps of a flow on a session, in memory.

    A step that fails ends the flow; the results of the steps before it remain in the session, and the
    returned result says which step failed and why.

    Raises
    ------
    StepCancelled
        If `options.cancel` is True; the results of completed steps remain in the session.
    """
    result = FlowResult(session.hdf5_path, None, None, success=True, flow_name=flow.name)
    for item in flow.steps:
        force = options.force_load if get_step(item.step).creates else options.force_extract
        try:
            run = run_step(
                session,
                item.step,
                item.params,
                force=force,
                progress=options.progress,
                cancel=options.cancel,
                workers=options.workers,
            )
        except StepCancelled:
            raise
        except MissingInputError as error:
            if not item.optional:
                return _failed(result, item.step, error)
            title = get_step(item.step).title
            logger.info("%s was skipped: %s", title, error)
            # What was skipped before it is told with its own reason; to run it is no help.
            waits = isinstance(error.fix, RunStep) and error.fix.step in result.steps_skipped
            fix = None if waits else error.fix
            notice = Notice(f"“{title}” was skipped. {error.message}", fix=fix, step=item.step)
            result.steps_skipped[item.step] = Notice(error.message, fix=fix, step=item.step)
            result.warnings.append(notice)
        except Exception as error:
            logger.exception("%s failed", get_step(item.step).title)
            return _failed(result, item.step, error)
        else:
            _note(result, run)
            if options.after_step is not None:
                options.after_step(run)
    return result


def prepare_flow(session: PipelineSession, flow: Flow, target: Path) -> Destination:
    """Check that the result of a flow can be written, before its first step.

    Raises
    ------
    SessionError
        If it cannot, or does not fit; see `hdmea.pipeline.destination.check_target`.
    """
    added = forecast_steps(session, ((item.step, item.params) for item in flow.steps))
    present = estimate_nbytes([session.units, session.metadata, session.stimulus], include_unread=True)
    return prepare(target, present + added.nbytes)


def _failed(result: FlowResult, step: str, error: Exception) -> FlowResult:
    result.success = False
    result.failed_step = step
    result.error = error
    return result


def _note(result: FlowResult, run: StepRun) -> None:
    name = run.definition.name
    (result.steps_cached if run.cached else result.steps_completed).append(name)
    result.warnings += run.warnings
    result.runs.append(run)


def run_flow(
    flow_name: str | Path,
    cmcr_path: str | Path | None = None,
    cmtr_path: str | Path | None = None,
    dataset_id: str | None = None,
    *,
    output_dir: str | Path = DEFAULT_OUTPUT_DIR,
    config_dir: str | Path | None = None,
    force_load: bool = False,
    force_extract: bool = False,
    session: PipelineSession | None = None,
    options: FlowOptions | None = None,
    layout: str | None = None,
) -> FlowResult:
    """Run a named flow on one recording.

    Parameters
    ----------
    flow_name
        Name of a flow, or a JSON file.
    cmcr_path, cmtr_path
        Raw and spike-sorted file.
    dataset_id
        Name of the recording; default: from the file names.
    output_dir
        Folder of the result file.
    config_dir
        Folder with flows of your own.
    force_load, force_extract
        Reload the recording; recompute everything else.
    session
        Run on this session in memory; nothing is written.
    options
        Progress, cancel and threads; `force_load` and `force_extract` above count.
    layout
        Layout of the file; default: that which the file has, ``lab-steps`` for a new one.

    Returns
    -------
    FlowResult
        Summary of the run; after a failure, earlier results are kept (in the file, or the session).

    Raises
    ------
    ConfigurationError
        If there is no such flow.
    ValidationError
        If a parameter in it is not allowed; nothing is run.
    StepCancelled
        If the run was cancelled; no file is written.
    """
    sources = {"cmcr_path": cmcr_path, "cmtr_path": cmtr_path, "dataset_id": dataset_id}
    given = {name: value for name, value in sources.items() if value is not None}
    flow = load_flow(flow_name, config_dir)
    creating = [item.step for item in flow.steps if get_step(item.step).creates]
    flow = flow.with_parameters(dict.fromkeys(creating, given))
    flow.check_parameters()
    if layout is not None:
        files.checked_layout(layout)
    base = options or FlowOptions()
    chosen = FlowOptions(force_load, force_extract, base.progress, base.cancel, base.workers, base.after_step)
    if session is not None:
        return _documented(execute_flow(session, flow, chosen))
    name = dataset_id if dataset_id is not None else dataset_id_from_paths(cmcr_path, cmtr_path)
    fresh = create_session(name, cmcr_path, cmtr_path, output_dir)
    path = fresh.default_path
    destination = prepare_flow(fresh, flow, path)
    with files.writing(path):
        fresh.refuse_foreign_file(path)
        known = PipelineSession.load(path, lazy=True) if os.path.exists(path) and not force_load else None
        working = known or fresh
        result = execute_flow(working, flow, chosen)
        if working.completed_steps and (working is fresh or working.has_unsaved_changes):
            with destination.keeping(working):
                new = STEPS_LAYOUT if working is fresh else None
                result.hdf5_path = working.save(path, layout=layout or new)
    return _documented(result)


def waiting_for_stimulus(result: FlowResult) -> list[str]:
    """Return the steps that were left out because nothing says what was shown, in their order."""
    missing: set[str] = set()
    waiting = []
    for name in result.steps_skipped:
        definition = get_step(name)
        placing = "stimulus/section_time" in definition.provides
        if placing or missing & {*definition.requires, *definition.uses}:
            missing |= set(definition.provides)
            waiting.append(name)
    return waiting


def _documented(result: FlowResult) -> FlowResult:
    """Fill in the results of loading and feature extraction in their documented form."""
    for run in result.runs:
        # Of a session that is in memory only: where a save will write it.
        run.hdf5_path = result.hdf5_path or run.session.default_path
        made = run.definition.result(run)
        result.results[run.definition.name] = made
        if run.definition.creates:
            result.load_result = made
        elif run.definition.name == "extract_features":
            result.extraction_result = made
    return result
