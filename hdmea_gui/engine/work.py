"""Jobs and queries: what the window can ask the engine to do. Immutable; run on the worker thread."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea.utils.fixes import Fix
from hdmea.utils.notices import said
from hdmea_gui.diagnostics.logfile import SHOWN
from hdmea_gui.engine.blocked import refuse_if_blocked
from hdmea_gui.engine.compiler import read_compiler
from hdmea_gui.engine.garbage import sweep
from hdmea_gui.engine.jobs import Failure, JobContext, JobStopped
from hdmea_gui.engine.opening import open_paths
from hdmea_gui.engine.snapshot import (
    FileFacts,
    OpenResult,
    StateView,
    StepSpec,
)
from hdmea_gui.engine.words import WINDOW

if TYPE_CHECKING:
    from hdmea.pipeline.context import StepRun
    from hdmea.results.files import Overwrite
    from hdmea_gui.engine.workspace import Workspace

__all__ = [
    "Catalogue",
    "CheckpointJob",
    "DemoJob",
    "DrugDemoJob",
    "FlowSpec",
    "LearnSteps",
    "OpenJob",
    "RunJob",
    "SaveJob",
    "StepEnded",
    "StepRequest",
    "StepStarted",
    "TakeOver",
    "facts_of",
]


@dataclass(frozen=True)
class StepRequest:
    """A step to run, with the parameters that differ from the declared defaults.

    `force` recomputes existing results; an `optional` step is skipped if its inputs are missing.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    optional: bool = False


@dataclass(frozen=True)
class StepStarted:
    """Milestone: a step begins."""

    name: str


@dataclass(frozen=True)
class StepEnded:
    """Milestone: a step ended; `outcome` is done, kept, skipped, failed or cancelled.

    `complete` is True if all of it was computed, not only missing parts; `needs_stimulus` that nothing says
    what was shown; `fix` what the error said to do.
    """

    name: str
    outcome: str
    seconds: float = 0.0
    reason: str = ""
    details: str = ""
    state: StateView | None = None
    warnings: tuple[str, ...] = ()
    complete: bool = True
    needs_stimulus: bool = False
    fix: Fix | None = None


@dataclass(frozen=True)
class FlowSpec:
    """A named recipe: its steps in their order."""

    name: str
    title: str
    help: str
    steps: tuple[StepRequest, ...]


@dataclass(frozen=True)
class Catalogue:
    """Everything that can be run, and the titles of the features by their names."""

    steps: tuple[StepSpec, ...]
    flows: tuple[FlowSpec, ...]
    features: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LearnSteps:
    """Import the engine and list its steps and flows; the first job, so that the window comes up at once."""

    title: str = "Starting the engine"

    def run(self, workspace: Workspace, ctx: JobContext) -> Catalogue:
        """Return the catalogue: steps in the order of the most complete flow, then all others."""
        from hdmea.declare import FEATURES, all_steps
        from hdmea.pipeline.flows import list_available_flows, load_flow
        from hdmea.utils.exceptions import ConfigurationError
        from hdmea_gui.engine.forms import describe_step

        flows = []
        for name in list_available_flows():
            try:
                flow = load_flow(name)
            except ConfigurationError as error:
                ctx.milestone(f"The flow {name!r} is ignored: {error}")
                continue
            steps = tuple(StepRequest(item.step, item.params, optional=item.optional) for item in flow.steps)
            flows.append(FlowSpec(flow.name, flow.title or flow.name, flow.description, steps))
        flows.sort(key=lambda flow: -len(flow.steps))
        known = all_steps()
        order = [step.name for step in flows[0].steps] if flows else []
        order += [name for name in known if name not in order]
        features = {feature.name: feature.title for feature in FEATURES}
        return Catalogue(tuple(describe_step(known[name]) for name in order), tuple(flows), features)


@dataclass(frozen=True)
class OpenJob:
    """Open source files, a result or a checkpoint."""

    paths: tuple[Path, ...]

    @property
    def title(self) -> str:
        """Title shown to the user."""
        return f"Opening {self.paths[0].name}" if len(self.paths) == 1 else "Opening files"

    def run(self, workspace: Workspace, ctx: JobContext) -> OpenResult:
        """Return what was opened, and for everything else the reason why not."""
        return open_paths(workspace, self.paths, ctx)


@dataclass(frozen=True)
class DemoJob:
    """Make the demo recording in `folder`, unless it exists, and open it."""

    folder: Path
    size: str = "small"
    title: str = "Preparing the demo recording"

    def run(self, workspace: Workspace, ctx: JobContext) -> OpenResult:
        """Return the opened demo."""
        from hdmea.simulate import write_demo

        found = sorted(self.folder.glob("*.cm[ct]r"))
        if len(found) != 2:
            # Half a demo, left by an earlier stop, is written again.
            write_demo(self.folder, size=self.size, overwrite=True, progress=ctx.progress_or_stop)
            found = sorted(self.folder.glob("*.cm[ct]r"))
        return open_paths(workspace, found, ctx)


@dataclass(frozen=True)
class DrugDemoJob:
    """Make the three recordings of a retina in `folder`, unless they exist."""

    folder: Path
    size: str = "small"
    title: str = "Preparing the demo of a drug"

    def run(self, workspace: Workspace, ctx: JobContext) -> Path:
        """Return the table of the recordings."""
        from hdmea.simulate import write_retina

        table = self.folder / "retina.csv"
        # The table is written last.
        if not table.exists():
            write_retina(self.folder, size=self.size, overwrite=True, progress=ctx.progress_or_stop)
        return table


@dataclass(frozen=True)
class RunJob:
    """Run steps one after the other; stop at the first failure and keep the completed steps."""

    steps: tuple[StepRequest, ...]
    title: str

    def run(self, workspace: Workspace, ctx: JobContext) -> StateView:
        """Return the state of the session after the run."""
        read_compiler()
        for problem in workspace.check_places():
            ctx.milestone(problem)
        for request in self.steps:
            if ctx.cancel.is_set():
                raise JobStopped("The run was stopped between two steps.")
            ctx.milestone(StepStarted(request.name))
            if not self._run_one(workspace, request, ctx):
                break
        return workspace.state()

    def _run_one(self, workspace: Workspace, request: StepRequest, ctx: JobContext) -> bool:
        from hdmea.utils.exceptions import MissingInputError, MissingStimulusError, StepCancelled

        started = time.perf_counter()
        try:
            run = self._engine_run(workspace, request, ctx)
        except StepCancelled as stop:
            ctx.milestone(StepEnded(request.name, "cancelled", reason=str(stop)))
            raise JobStopped(str(stop)) from None
        except MissingInputError as error:
            outcome = "skipped" if request.optional else "failed"
            lacking = isinstance(error, MissingStimulusError)
            reason = said(error, WINDOW)
            ended = StepEnded(request.name, outcome, reason=reason, needs_stimulus=lacking, fix=error.fix)
            ctx.milestone(ended)
            return request.optional
        except Exception as error:
            # Into the file, with the traceback; the window itself says it in its log.
            logging.getLogger(SHOWN).exception("%s failed", request.name)
            failure = Failure.of(error)
            seconds = time.perf_counter() - started
            fix = getattr(error, "fix", None)
            ended = StepEnded(request.name, "failed", seconds, failure.reason, failure.details, fix=fix)
            ctx.milestone(ended)
            return False
        sweep()
        outcome = "kept" if run.cached else "done"
        ctx.milestone(
            StepEnded(
                request.name,
                outcome,
                run.elapsed_seconds,
                state=workspace.state(),
                warnings=tuple(run.warnings),
                complete=not run.cached_items,
            )
        )
        if not run.cached:
            ctx.let_views_ask()
            kept = workspace.keep_checkpoint(ctx)
            if kept is not None:
                ctx.milestone(kept)
        return True

    @staticmethod
    def _engine_run(workspace: Workspace, request: StepRequest, ctx: JobContext) -> StepRun:
        from hdmea.declare import get_step
        from hdmea.pipeline.context import ProgressEvent, StepRun
        from hdmea.pipeline.run import available_workers, run_step
        from hdmea.utils.exceptions import CacheConflictError

        session = workspace.require()
        definition = get_step(request.name)
        if definition.creates and request.name in session.completed_steps and not request.force:
            # The source files of an opened result need not be there any more.
            params = definition.make_params(request.params)
            return StepRun(definition, session, params, cached=True)

        def report(event: ProgressEvent) -> None:
            ctx.progress(event.fraction, event.text, event.step)

        @contextlib.contextmanager
        def commit() -> Iterator[None]:
            with ctx.commit():
                yield
                # Here, so that who takes over from a job that is left behind knows whether the data changed.
                workspace.touch()

        def run(force: bool) -> StepRun:
            return run_step(
                session,
                request.name,
                request.params,
                force=force,
                progress=report,
                cancel=ctx.cancel,
                # One processor is the window's.
                workers=max(1, available_workers() - 1),
                commit=commit,
            )

        try:
            return run(request.force)
        except CacheConflictError:
            # The form asks for other parameters than those of the result: the user pressed Run.
            return run(True)


@dataclass(frozen=True)
class TakeOver:
    """Continue with the session of an abandoned worker."""

    title: str = "Continuing with the session"

    def run(self, workspace: Workspace, ctx: JobContext) -> StateView:
        """Return the state of the session, which is as it was before the stalled job."""
        return workspace.state()


def _make_folder(folder: Path) -> None:
    from hdmea.utils.exceptions import SessionError
    from hdmea.utils.fixes import Advice

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SessionError(
            f"The folder {folder} cannot be used ({error.strerror or error}). Nothing was written, and the "
            "session is unchanged.",
            fix=Advice("Reconnect the drive, or save to another folder."),
        ) from error


@dataclass(frozen=True)
class SaveJob:
    """Write the result file."""

    path: Path
    overwrite: bool

    @property
    def title(self) -> str:
        """Title shown to the user."""
        return f"Saving {self.path.name}"

    def run(self, workspace: Workspace, ctx: JobContext) -> StateView | FileFacts:
        """Return the state of the saved session, or the existing file if it must not be replaced.

        The file that the session wrote or read last is replaced without a question, unless another program
        has written it since.
        """
        from hdmea.utils.exceptions import HDMEAError

        refuse_if_blocked()
        session = workspace.require()
        own = session.hdf5_path == self.path and session.is_current()
        if not (self.overwrite or own) and self.path.exists():
            return facts_of(self.path)
        _make_folder(self.path.parent)
        overwrite: Overwrite = "other" if self.overwrite else True
        try:
            session.save(self.path, overwrite=overwrite, progress=ctx.progress_or_stop)
        except FileExistsError:
            return facts_of(self.path)
        except (HDMEAError, OSError, MemoryError) as error:
            workspace.keep_elsewhere(self.path, error)
            raise
        with ctx.commit():
            workspace.forget_checkpoint()
            workspace.note_saved()
        return workspace.state()


@dataclass(frozen=True)
class CheckpointJob:
    """Write a snapshot; the session stays in memory."""

    path: Path
    overwrite: bool

    @property
    def title(self) -> str:
        """Title shown to the user."""
        return f"Writing checkpoint {self.path.name}"

    def run(self, workspace: Workspace, ctx: JobContext) -> StateView | FileFacts:
        """Return the state of the session, or the existing file if it must not be replaced."""
        refuse_if_blocked()
        if not self.overwrite and self.path.exists():
            return facts_of(self.path)
        _make_folder(self.path.parent)
        workspace.require().checkpoint(self.path, overwrite=self.overwrite, progress=ctx.progress_or_stop)
        return workspace.state()


def facts_of(path: Path) -> FileFacts:
    """Return what a file says about itself; `problem` says why where it is not a result file."""
    from hdmea.results import files
    from hdmea.utils.exceptions import HDMEAError

    try:
        summary = files.summarize(path)
    except (HDMEAError, OSError) as error:
        size = path.stat().st_size if path.is_file() else 0
        return FileFacts(path, "", 0, (), size, "", problem=said(error, WINDOW), free_path=_free_name(path))
    return FileFacts(
        path=path,
        dataset_id=summary.dataset_id,
        n_units=summary.n_units,
        steps=summary.completed_steps,
        size_bytes=summary.size,
        changed_at=summary.updated_at or summary.created_at,
        free_path=_free_name(path),
    )


def _free_name(path: Path) -> Path:
    """Return the path with the first number that is free."""
    number = 2
    while (other := path.with_name(f"{path.stem} ({number}){path.suffix}")).exists():
        number += 1
    return other
