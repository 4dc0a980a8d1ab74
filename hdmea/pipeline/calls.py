"""The public functions of the steps: on a session, on a file, or on source paths."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from hdmea.declare import StepDefinition, StepParams, get_step
from hdmea.pipeline.context import StepRun
from hdmea.pipeline.destination import check_target, prepare
from hdmea.pipeline.forecast import forecast_step
from hdmea.pipeline.run import plan_run, run_step
from hdmea.pipeline.session import (
    DEFAULT_OUTPUT_DIR,
    PipelineSession,
    SaveState,
    create_session,
    dataset_id_from_paths,
)
from hdmea.pipeline.signature import MECHANISM, docstring, signature, type_hints
from hdmea.results import files
from hdmea.utils.exceptions import (
    CacheConflictError,
    CheckpointError,
    ExistingFileError,
    MissingFileError,
    MissingInputError,
    SessionError,
)
from hdmea.utils.fixes import Advice, ChooseFile, Either, Replace, SetParameter
from hdmea.utils.notices import Notice

__all__ = ["STEPS_LAYOUT", "StepFunction", "call_step", "step_function"]

logger = logging.getLogger(__name__)

R = TypeVar("R")

STEPS_LAYOUT = "lab-steps"
"""Layout of files that steps make from source paths."""


class StepFunction(Generic[R]):
    """The public function of a step: on a file, or on a session.

    With ``session=`` the results go into that session, which is returned. With ``hdf5_path=`` (or source
    paths) the file is written when the call returns, and the documented result is returned. With
    ``defer_save=True`` a new session that holds the data is returned and nothing is written.
    """

    def __init__(self, definition: StepDefinition[R]) -> None:
        self.definition = definition
        self.__name__ = self.__qualname__ = definition.name
        self.__module__ = definition.function.__module__
        self.__signature__ = signature(definition)
        self.__doc__ = docstring(definition)
        self.__annotations__ = type_hints(definition)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the step; see the class and `__doc__` of the function."""
        bound = self.__signature__.bind(*args, **kwargs)
        return call_step(self.definition, dict(bound.arguments))

    def __repr__(self) -> str:
        return f"<step {self.definition.name}{self.__signature__}>"

    def __reduce__(self) -> tuple[Callable[[str], StepFunction[Any]], tuple[str]]:
        return step_function, (self.definition.name,)


_functions: dict[str, StepFunction[Any]] = {}


def step_function(step: str | StepDefinition[R]) -> StepFunction[Any]:
    """Return the public function of a step; ConfigurationError with the known names if there is none."""
    definition = get_step(step) if isinstance(step, str) else step
    known = _functions.get(definition.name)
    if known is None or known.definition is not definition:
        known = _functions[definition.name] = StepFunction(definition)
    return known


def call_step(definition: StepDefinition[Any], arguments: dict[str, Any]) -> Any:
    """Run a step as its public function does: on a session, on a file, or on source paths.

    Parameters
    ----------
    definition
        The step.
    arguments
        The arguments of the caller, by name.

    Returns
    -------
    PipelineSession or the step's result
        The session with ``session=`` or ``defer_save=True``, otherwise the documented result.
    """
    own = MECHANISM.keys() - definition.params.model_fields.keys()
    mechanism = {name: arguments.pop(name) for name in own if name in arguments}
    session = mechanism.get("session")
    values = {**definition.on_calls, **arguments, **(mechanism.get("config") or {})}
    if session is None:
        values = {**definition.on_files, **values}
    params = definition.make_params(values)
    if mechanism.get("layout") is not None:
        _check_layout(definition, mechanism)
    if session is not None:
        return _on_session(definition, params, session, mechanism)
    if definition.creates:
        return _on_sources(definition, params, mechanism)
    return _on_file(definition, params, mechanism)


def _check_layout(definition: StepDefinition[Any], mechanism: Mapping[str, Any]) -> None:
    files.checked_layout(mechanism["layout"])
    if mechanism.get("session") is not None or mechanism.get("defer_save"):
        raise SessionError(
            "A step on a session writes no file. Its layout is chosen when the session is saved.",
            step=definition.name,
            parameter="layout",
            fix=Advice(f"Use session.save(layout={mechanism['layout']!r})."),
        )


def _on_session(
    definition: StepDefinition[Any], params: StepParams, session: object, mechanism: Mapping[str, Any]
) -> PipelineSession:
    if not isinstance(session, PipelineSession):
        raise SessionError(
            f"The argument session must be a PipelineSession, not {type(session).__name__}.",
            fix=Advice("Pass what create_session or PipelineSession.load returned."),
        )
    path = mechanism.get("hdf5_path")
    if path is not None and path is not session and path != session.hdf5_path:
        raise SessionError(
            "The step can work on a file or on a session in memory, not on both.",
            fix=Either((SetParameter("hdf5_path"), SetParameter("session"))),
        )
    wanted = getattr(params, "dataset_id", None)
    if definition.creates and wanted is not None and wanted != session.dataset_id:
        raise SessionError(
            f"The session is called {session.dataset_id!r}, not {wanted!r}.",
            parameter="dataset_id",
            fix=Advice("Create a session with that name."),
        )
    _run(session, definition, params, mechanism)
    return session


def _run(
    session: PipelineSession,
    definition: StepDefinition[Any],
    params: StepParams,
    mechanism: Mapping[str, Any],
) -> StepRun | None:
    """Run a step; None after a refusal that the caller wants to be told of in the log only."""
    try:
        return run_step(session, definition, params, force=mechanism.get("force", False))
    except definition.refusals as error:
        if mechanism.get("strict"):
            raise
        message, fix = getattr(error, "message", str(error)), getattr(error, "fix", None)
        notice = Notice(f"“{definition.title}” did not run. {message}", fix=fix, step=definition.name)
        logger.warning("%s", notice)
        if notice not in session.warnings:
            session.warnings.append(notice)
        return None


def _on_file(definition: StepDefinition[Any], params: StepParams, mechanism: Mapping[str, Any]) -> Any:
    target = mechanism.get("hdf5_path")
    if target is None:
        raise MissingInputError(
            f"“{definition.title}” needs a result file, which is changed when the call returns, or a session "
            "in memory. A session that was not saved has no hdf5_path yet.",
            step=definition.name,
            fix=Either((SetParameter("hdf5_path"), SetParameter("session"), _line(definition))),
        )
    if mechanism.get("defer_save"):
        session = target if isinstance(target, PipelineSession) else _detached(Path(target))
        _run(session, definition, params, mechanism)
        return session
    if isinstance(target, PipelineSession):
        path = target.ensure_saved()
        check_target(path, is_copied=True)
        with files.writing(path):
            _bring_up_to_date(target)
            run = _run_and_write(target, path, definition, params, mechanism)
    else:
        path = Path(target)
        if not os.path.isfile(path):
            raise MissingFileError(f"There is no file {path}.", path=path, fix=SetParameter("hdf5_path"))
        check_target(path, is_copied=True)
        with files.writing(path):
            held = PipelineSession.load(path, lazy=True)
            run = _run_and_write(held, path, definition, params, mechanism)
    return False if run is None else definition.result(run)


def _line(definition: StepDefinition[Any]) -> Advice:
    """Return what to write where a session is deferred, and its hdf5_path therefore None."""
    return Advice(
        f"In a script write {definition.name}(hdf5_path=session, ...), which saves the session first, or "
        f"{definition.name}(session=session, ...)."
    )


def _bring_up_to_date(session: PipelineSession) -> None:
    """Update the session from its file if another program has written the file."""
    if session.has_unsaved_changes:
        session.save()
    elif not session.is_current():
        logger.warning(
            "%s was written by another program since this session was loaded or saved: the step runs on what "
            "is in it now.",
            session.hdf5_path,
        )
        session.reload()


def _run_and_write(
    session: PipelineSession,
    path: Path,
    definition: StepDefinition[Any],
    params: StepParams,
    mechanism: Mapping[str, Any],
) -> StepRun | None:
    destination = prepare(path, forecast_step(session, definition, params) or 0, is_copied=True)
    run = _run(session, definition, params, mechanism)
    if run is None:
        return None
    run.hdf5_path = path
    if not run.cached:
        logger.info(
            "Updating %s; while it is written it needs its own size (%.2f GB) once more on that disk",
            path,
            path.stat().st_size / 1e9,
        )
        with destination.keeping(session):
            layout = mechanism.get("layout")
            if layout is None or layout == session.layout:
                session.write_changes(path, run.changed)
            else:
                session.save(path, layout=layout)
    return run


def _detached(path: Path) -> PipelineSession:
    """Return a deferred session with the content of a file; it never writes to that file automatically."""
    session = PipelineSession.load(path)
    if session.is_saved:
        session.save_state = SaveState.DEFERRED
        session.hdf5_path = None
        session.held = None
        session.output_dir = path.parent
    return session


def _on_sources(definition: StepDefinition[Any], params: StepParams, mechanism: Mapping[str, Any]) -> Any:
    cmcr, cmtr = getattr(params, "cmcr_path", None), getattr(params, "cmtr_path", None)
    given = getattr(params, "dataset_id", None)
    dataset_id = given if given is not None else dataset_id_from_paths(cmcr, cmtr)
    session = create_session(dataset_id, cmcr, cmtr, mechanism.get("output_dir") or DEFAULT_OUTPUT_DIR)
    if mechanism.get("defer_save"):
        run_step(session, definition, params)
        return session
    path = session.default_path
    force, allow = mechanism.get("force", False), mechanism.get("allow_overwrite", False)
    destination = prepare(path, forecast_step(session, definition, params) or 0)
    with files.writing(path):
        existing = _existing(path, dataset_id, allow)
        if existing is not None and not force and _is_there(existing, definition, params, allow):
            run = run_step(existing, definition, params)
            run.hdf5_path = path
            if run.changed:
                existing.write_changes(path, run.changed)
            return definition.result(run)
        run = run_step(session, definition, params)
        with destination.keeping(session):
            # Scripts that do not know sessions find the file that they always found.
            run.hdf5_path = session.save(path, layout=mechanism.get("layout") or STEPS_LAYOUT)
    return definition.result(run)


def _is_there(
    existing: PipelineSession, definition: StepDefinition[Any], params: StepParams, allow_overwrite: bool
) -> bool:
    """Return whether a file holds what is asked for; CacheConflictError if it was made differently."""
    try:
        return not plan_run(existing, definition, params, force=False).compute
    except CacheConflictError:
        if not allow_overwrite:
            raise
        return False


def _existing(path: Path, dataset_id: str, allow_overwrite: bool) -> PipelineSession | None:
    """Return the session in the existing file; None if there is none or it may be replaced."""
    if not os.path.exists(path):
        return None
    try:
        session = PipelineSession.load(path, lazy=True)
    except CheckpointError:
        session = None
    if session is not None and session.dataset_id == dataset_id:
        return session
    if allow_overwrite:
        return None
    holds = f"the recording {session.dataset_id!r}" if session else "no result of this program"
    raise ExistingFileError(
        f"{path} already exists. It contains {holds}.",
        path=path,
        fix=Either((ChooseFile("output_dir"), Replace("allow_overwrite"))),
    )
