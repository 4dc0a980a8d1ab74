"""The window's side of the engine: what was asked for becomes a job, what happened becomes a signal."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from hdmea.utils.exceptions import StepCancelled
from hdmea.utils.giving_way import look_first
from hdmea_gui.engine.auto_checkpoint import DiscardJob, Keeper, Kept, NotKept, RecoverJob, RecoveryOffer
from hdmea_gui.engine.batch import BatchRunner
from hdmea_gui.engine.exports import Exported, ExportJob
from hdmea_gui.engine.first_look import FirstLook
from hdmea_gui.engine.health_process import HealthProcess
from hdmea_gui.engine.jobs import Failure, Job, JobProgress, Query
from hdmea_gui.engine.overdue import AwaitAnswer, OverdueWatch
from hdmea_gui.engine.parameters import StepParameters
from hdmea_gui.engine.questions import OnAnswer
from hdmea_gui.engine.snapshot import FileFacts, OpenResult, StateView, StepRecord
from hdmea_gui.engine.watch_process import WatchProcess
from hdmea_gui.engine.work import (
    Catalogue,
    CheckpointJob,
    DemoJob,
    DrugDemoJob,
    LearnSteps,
    OpenJob,
    RunJob,
    SaveJob,
    StepEnded,
    StepRequest,
    StepStarted,
    TakeOver,
)
from hdmea_gui.engine.worker import JobRunner
from hdmea_gui.engine.workspace import Workspace
from hdmea_gui.models.parameters import ParameterModel
from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.steps import StepListModel, StepState
from hdmea_gui.models.unit_colours import UnitColours
from hdmea_gui.models.units import UnitTableModel

__all__ = ["Activity", "Controller"]

T = TypeVar("T")

STALL_AFTER_MS = 5000
"""A job that was asked to stop and has not come back by then is said to be stalled."""

_OUTCOMES = {
    "done": StepState.DONE,
    "kept": StepState.DONE,
    "skipped": StepState.SKIPPED,
    "failed": StepState.FAILED,
    "cancelled": StepState.CANCELLED,
}


class Activity(enum.Enum):
    """What the worker does."""

    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    STOPPING = "stopping"


class Controller(QObject):
    """Owns the worker and the models that the views show.

    Parameters
    ----------
    parent
        Qt parent.
    keeper
        Writes automatic checkpoints; None for none.
    first_look
        Opens files in a process of its own before this one does; None for none.

    Attributes
    ----------
    steps, units, selection, unit_colours
        Models of the views.
    health, look
        Measures raw data for the page of health; compares the light with the movies for the card.
    step_parameters
        Parameters of all steps.
    batch
        Many recordings, worked on beside the session.
    state
        Snapshot of the session.
    saved_steps
        What the session remembered of each step when it was saved last.
    export_folder
        Folder that the last picture or table went to; empty before the first.
    colour_choices
        How the user wants the colours of pictures, by view and picture.
    activity, job_title
        What the worker does; of a run of several steps, the title of the step.

    Signals
    -------
    state_changed(StateView)
        The session changed.
    activity_changed()
        The worker began, ended or was asked to stop.
    progressed(JobProgress)
        The running job reported.
    opened(OpenResult)
        Opening ended; also when nothing could be opened.
    saved(Path, str)
        A file was written; the second is ``"result"`` or ``"checkpoint"``.
    occupied(FileFacts, str)
        Nothing was written: the file exists already and was not to be replaced; the second as of `saved`.
    ran(str)
        Title of a run that ended without being stopped; steps of it may have failed.
    step_failed(str, str, str)
        Title of the step, reason, details.
    job_finished(Job, object)
        A job that was `submit`ted ended, with its result.
    failed(str, Failure)
        Title of the job that failed.
    stopped(str)
        What to say of the job that was stopped.
    step_ended(str, float)
        Name of a step that was computed, and how long that took in seconds.
    stalled(str)
        Title of a job that was asked to stop and does not come back.
    left(str)
        Title of a job that was left behind.
    exported(Path)
        An exporter wrote a file.
    kept(Kept | NotKept)
        An automatic checkpoint was written, or why it was not.
    warned(str)
        Something for the log.
    """

    state_changed = Signal(object)
    activity_changed = Signal()
    progressed = Signal(object)
    opened = Signal(object)
    saved = Signal(object, str)
    occupied = Signal(object, str)
    ran = Signal(str)
    step_failed = Signal(str, str, str)
    job_finished = Signal(object, object)
    failed = Signal(str, object)
    stopped = Signal(str)
    step_ended = Signal(str, float)
    stalled = Signal(str)
    left = Signal(str)
    exported = Signal(object)
    kept = Signal(object)
    warned = Signal(str)

    def __init__(
        self,
        parent: QObject | None = None,
        keeper: Keeper | None = None,
        first_look: FirstLook | None = None,
    ) -> None:
        super().__init__(parent)
        self.keeper = keeper
        self._first_look = first_look
        self.steps = StepListModel(self)
        self.units = UnitTableModel(self)
        self.selection = SelectionModel(self)
        self.unit_colours = UnitColours(self.units, self)
        self.batch = BatchRunner(self)
        self.health = HealthProcess(self)
        self.watch = WatchProcess(self)
        self.look = HealthProcess(self)
        self.state = StateView()
        self.saved_steps: Mapping[str, StepRecord] = {}
        self.catalogue = Catalogue((), ())
        self.flow = ""
        self.export_folder = ""
        self.colour_choices: dict[str, Any] = {}
        self.job_title = ""
        self._job: Job | None = None
        self._starting = True
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(STALL_AFTER_MS)
        self._patience.timeout.connect(self._on_stalled)
        self._runner = JobRunner(
            partial(Workspace, keeper),
            (StepCancelled,),
            self,
            before_end=Workspace.close,
        )
        self._overdue = OverdueWatch(self._runner, self._submit, self)
        self.step_parameters = StepParameters(self.steps, self.ask, self)
        self.step_parameters.warned.connect(self.warned)
        self.step_parameters.changed.connect(self._compare_with_results)
        self._runner.started.connect(self._on_started)
        self._runner.progressed.connect(self._on_progress)
        self._runner.milestone.connect(self._on_milestone)
        self._runner.finished.connect(self._on_finished)
        self._runner.failed.connect(self._on_failed)
        self._runner.stopped.connect(self._on_stopped)
        self._overdue.back.connect(self._on_back)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def is_writing(self) -> bool:
        """Whether a result, a checkpoint or an export is being written."""
        return self._runner.busy and isinstance(self._job, SaveJob | CheckpointJob | ExportJob)

    @property
    def activity(self) -> Activity:
        """What the worker does."""
        if self._starting:
            return Activity.STARTING
        if self._runner.stopping:
            return Activity.STOPPING
        return Activity.RUNNING if self._runner.busy else Activity.IDLE

    def parameters(self, step: str) -> ParameterModel:
        """Return the parameters of a step; KeyError if there is no such step."""
        return self.step_parameters.model(step)

    # -- what can be asked for -----------------------------------------------------------------------

    def start(self) -> None:
        """Import the engine on the worker; the window is usable at once."""
        if self._first_look is not None:
            look_first(self._first_look.look)
            QTimer.singleShot(0, self._first_look.start)
        self._submit(LearnSteps())

    def open(self, paths: Sequence[Path]) -> None:
        """Open files or folders; `opened` says what came of it."""
        self._submit(OpenJob(tuple(paths)))

    def open_demo(self, folder: Path, size: str = "small") -> None:
        """Make the demo recording in `folder` if it does not exist, and open it."""
        self._submit(DemoJob(folder, size))

    def make_drug_demo(self, folder: Path, size: str = "small") -> None:
        """Make three recordings of one retina in `folder`; `job_finished` gives a table of them."""
        self._submit(DrugDemoJob(folder, size))

    def choose_flow(self, name: str) -> None:
        """Choose what "run all" runs; parameters that were not edited take the flow's values."""
        if name == self.flow or all(flow.name != name for flow in self.catalogue.flows):
            return
        self.flow = name
        self.step_parameters.use_flow(self._flow_params())
        self.activity_changed.emit()

    def run_steps(self, names: Sequence[str], title: str) -> None:
        """Run several steps one after the other; what exists and is up to date is kept."""
        optional = {request.name for request in self.flow_requests() if request.optional} - set(names[-1:])
        requests = (StepRequest(name, self._values(name), optional=name in optional) for name in names)
        self._run(tuple(requests), title)

    def run_step(self, name: str) -> None:
        """Run one step; again if it is done."""
        item = self.steps.item(name)
        self._run((self.request(name),), item.spec.title)

    def run_all(self) -> None:
        """Run the steps of the selected flow; what exists and is up to date is kept."""
        self._run(self.flow_requests(), "All steps")

    def request(self, name: str) -> StepRequest:
        """Return what "run step" would run."""
        done = self.steps.item(name).state is StepState.DONE
        return StepRequest(name, self._values(name), force=done)

    def requested(self, name: str) -> StepRequest:
        """Return what runs of a step, or waits to run; without that, what "run step" would run."""
        job = self._job if self._runner.busy else None
        asked = job.steps if isinstance(job, RunJob) else ()
        return next((request for request in asked if request.name == name), None) or self.request(name)

    def flow_requests(self) -> tuple[StepRequest, ...]:
        """Return what "run all" would run, nothing without a flow."""
        steps = next((flow.steps for flow in self.catalogue.flows if flow.name == self.flow), ())
        return tuple(
            StepRequest(step.name, self._values(step.name), optional=step.optional) for step in steps
        )

    def stop(self) -> None:
        """Ask the running job to stop; returns at once."""
        if self._runner.busy:
            self._runner.stop()
            self.steps.set_stopping()
            if not self._patience.isActive():
                self._patience.start()
            self.activity_changed.emit()

    def wait_on(self) -> None:
        """Wait for a stalled job, and tell again if it does not come back."""
        if self._runner.stopping:
            self._patience.start()

    def leave_behind(self) -> bool:
        """Go on without a stalled job, with the session as it was before it; False if it comes back now."""
        title = self.job_title
        if not self._runner.leave_behind():
            return False
        self._job = None
        self._patience.stop()
        self.steps.end_run()
        self._submit(TakeOver())
        # What the worker was asked last got no answer.
        self.step_parameters.ask_choices()
        self.left.emit(title)
        return True

    def save(self, path: Path, *, overwrite: bool) -> None:
        """Write the result file; `occupied` tells if it exists and was not to be replaced."""
        self._submit(SaveJob(path, overwrite))

    def checkpoint(self, path: Path, *, overwrite: bool) -> None:
        """Write a checkpoint; `occupied` as for `save`."""
        self._submit(CheckpointJob(path, overwrite))

    def export(self, path: Path, kind: str, options: Mapping[str, Any]) -> None:
        """Write the session with an exporter; `exported` says that the file is written."""
        self._submit(ExportJob(path, kind, options))

    def recover(self, offer: RecoveryOffer) -> None:
        """Open a checkpoint that a crash left behind; `opened` says what came of it."""
        self._submit(RecoverJob(offer))

    def discard(self, offer: RecoveryOffer) -> None:
        """Remove a checkpoint that a crash left behind."""
        self._submit(DiscardJob(offer))

    def submit(self, job: Job) -> None:
        """Run a job of a dialog; `job_finished`, `failed` or `stopped` tells what came of it."""
        self._submit(job)

    def ask(self, query: Query[T], on_answer: Callable[[T | Failure], None], about: Hashable = None) -> None:
        """Have a query answered; `on_answer` gets the answer, or a `Failure`, as `JobRunner.ask` says."""
        self._runner.ask(query, on_answer, about)
        self._overdue.begin()

    def withdraw(self, on_answer: OnAnswer) -> None:
        """Have what was asked with `on_answer` not answered any more."""
        self._runner.withdraw(on_answer)

    @property
    def owes_answers(self) -> bool:
        """Whether any question still gets an answer."""
        return self._runner.owes_answers

    def shutdown(self, timeout_s: float = 30.0) -> bool:
        """Stop everything and join the worker; False if it did not end in time.

        The worker removes the automatic checkpoint before it ends: the drive may be one that stalls.
        """
        self._patience.stop()
        self._overdue.end()
        self.watch.shutdown()
        batch_ended = self.batch.shutdown(timeout_s)
        self.health.stop()
        self.look.stop()
        joined = self._runner.shutdown(timeout_s)
        if self._first_look is not None:
            look_first(None)
            self._first_look.stop()
        return joined and batch_ended

    def own_facts(self) -> FileFacts:
        """Return what the session in memory says about itself."""
        size = int(self.state.memory_gb * 1e9)
        state = self.state
        return FileFacts(None, state.dataset_id, len(state.unit_ids), state.completed, size, "now")

    # -- what happened -------------------------------------------------------------------------------

    def _submit(self, job: Job) -> None:
        if not self._runner.busy:
            self.job_title = job.title
        self._runner.submit(job)
        self.activity_changed.emit()

    def _run(self, requests: tuple[StepRequest, ...], title: str) -> None:
        self.steps.set_waiting(tuple(request.name for request in requests))
        self._submit(RunJob(requests, title))

    def _values(self, step: str) -> Mapping[str, Any]:
        return self.parameters(step).values_to_run()

    def _flow_params(self) -> Mapping[str, Mapping[str, Any]]:
        steps = next((flow.steps for flow in self.catalogue.flows if flow.name == self.flow), ())
        return {step.name: step.params for step in steps}

    def _on_stalled(self) -> None:
        if self._runner.stopping:
            self.stalled.emit(self.job_title)

    def _set_state(self, state: StateView, *, forget: bool = False) -> None:
        units_changed = (state.unit_ids, state.revision) != (self.state.unit_ids, self.state.revision)
        self.state = state
        if forget or not state.unsaved:
            self.saved_steps = {} if state.unsaved else state.steps
        self.steps.set_session(state, forget=forget)
        if units_changed:
            self.step_parameters.ask_choices()
            self.units.set_content(state.unit_ids, state.columns)
            if self.selection.unit not in state.unit_ids:
                self.selection.select_units(state.unit_ids[:1])
        self.state_changed.emit(state)

    def _on_started(self, job: Job) -> None:
        self._job = job
        self.job_title = job.title
        self.activity_changed.emit()

    def _on_progress(self, progress: JobProgress) -> None:
        if progress.part:
            doing = self.catalogue.features.get(progress.text, progress.text)
            progress = replace(progress, text=doing)
            self.steps.set_running(progress.part, progress.fraction, progress.text)
        self.progressed.emit(progress)

    def _on_milestone(self, event: object) -> None:
        if isinstance(event, StepStarted):
            self.job_title = self.steps.item(event.name).spec.title
            self._on_progress(JobProgress(0.0, "", event.name))
        elif isinstance(event, StepEnded):
            self._end_step(event)
        elif isinstance(event, Kept | NotKept):
            self.kept.emit(event)
        elif isinstance(event, str):
            self.warned.emit(event)

    def _end_step(self, event: StepEnded) -> None:
        if event.state is not None:
            self._set_state(event.state)
        if event.outcome in ("done", "kept"):
            self.step_parameters.note_made(event.name, self.requested(event.name).params)
        outcome = _OUTCOMES[event.outcome]
        told = (event.reason, event.details, event.needs_stimulus, event.fix)
        self.steps.set_outcome(event.name, outcome, *told)
        title = self.steps.item(event.name).spec.title
        if event.outcome == "done" and event.complete:
            self.step_ended.emit(event.name, event.seconds)
        if event.outcome == "failed":
            self.step_failed.emit(title, event.reason, event.details)
        elif event.outcome == "skipped":
            self.warned.emit(f"“{title}” was skipped. {event.reason}")

    def _on_finished(self, job: Job, result: object) -> None:
        if isinstance(result, Catalogue):
            self._learn(result)
        elif isinstance(result, OpenResult):
            if result.state is not None:
                self.selection.select_units(())
                self.selection.select_time(0.0, 0.0)
                self._set_state(result.state, forget=True)
                self.step_parameters.begin_recording(result.state)
            self.opened.emit(result)
        elif isinstance(result, StateView):
            self._set_state(result)
            if isinstance(job, SaveJob):
                self.saved.emit(job.path, "result")
            elif isinstance(job, CheckpointJob):
                self.saved.emit(job.path, "checkpoint")
        elif isinstance(result, Exported):
            self.exported.emit(result.path)
        elif isinstance(result, FileFacts):
            self.occupied.emit(result, "result" if isinstance(job, SaveJob) else "checkpoint")
        self._after_job()
        if isinstance(job, RunJob):
            self.ran.emit(job.title)
        self.job_finished.emit(job, result)

    def _compare_with_results(self) -> None:
        self.steps.set_changed(self.step_parameters.unlike_results())

    def _learn(self, catalogue: Catalogue) -> None:
        self._starting = False
        self.catalogue = catalogue
        names = [flow.name for flow in catalogue.flows]
        self.flow = self.flow if self.flow in names else (names[0] if names else "")
        self.step_parameters.use_flow(self._flow_params())
        self.steps.set_steps(catalogue.steps)

    def _on_failed(self, job: Job, failure: Failure) -> None:
        self._starting = False
        self._after_job()
        self.failed.emit(job.title, failure)

    def _on_stopped(self, job: Job, text: str) -> None:
        self._after_job()
        if isinstance(job, AwaitAnswer):
            return
        kept = " Earlier results are kept." if self.state.completed else ""
        of_run = isinstance(job, RunJob) and text
        self.stopped.emit(f"{text}{kept}" if of_run else f"Stopped: {job.title}.")

    def _after_job(self) -> None:
        if not self._runner.busy:
            self._patience.stop()
            self.job_title = ""
            self.steps.end_run()
        self.activity_changed.emit()

    def _on_back(self) -> None:
        """Have the views ask again: what hung is answered from now on."""
        self.state_changed.emit(self.state)
