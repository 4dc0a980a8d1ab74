"""The process that works on one recording of a batch: ``python -m hdmea.study.worker JOB.json``.

A process of its own: its memory really returns, and a crash is a return code instead of the end of the batch.
Its standard input is held open by the process that started it. When that ends, for whatever reason, the input
ends, and so does this process; the line ``stop`` asks it to end at the next safe place.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from pathlib import Path

from hdmea.declare import get_step
from hdmea.pipeline.context import ProgressEvent
from hdmea.pipeline.flows import Flow, FlowOptions, execute_flow, prepare_flow
from hdmea.pipeline.run import plan_run
from hdmea.pipeline.session import PipelineSession, create_session
from hdmea.results import files
from hdmea.results.content import utc_now
from hdmea.study.day_stimuli import place_stimuli
from hdmea.study.job import Job, Outcome, same_version
from hdmea.study.plugins import register_files
from hdmea.utils.exceptions import CacheConflictError, HDMEAError, MissingInputError, StepCancelled
from hdmea.utils.fixes import PYTHON
from hdmea.utils.notices import said
from hdmea.utils.whole_file import write_whole

__all__ = ["main", "work_on"]

logger = logging.getLogger("hdmea.study")

EXIT_FAILED = 1
EXIT_STOPPED = 130
_WRITE_EVERY_S = 0.5
_SAVE = "save"
_HEALTH = "health"
_STIMULI = "stimuli"
_OF_THE_MACHINE = ("disk", "memory")


def main(job_file: str) -> int:
    """Work on the job that a file describes; return the exit code."""
    job = Job.model_validate_json(Path(job_file).read_bytes())
    cancel = threading.Event()
    threading.Thread(target=_listen, args=(cancel,), daemon=True).start()
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    outcome = work_on(job, cancel)
    if outcome.good:
        return 0
    return EXIT_STOPPED if outcome.state == "stopped" else EXIT_FAILED


def work_on(job: Job, cancel: threading.Event) -> Outcome:
    """Compute and save the result of one recording, unless a complete one exists.

    Returns
    -------
    Outcome
        What was done, which the file `job.outcome` also says; it also says how far the work is.
    """
    teller = _Teller(job)
    try:
        register_files(job.plugins)
        flow = job.recipe()
        teller.steps = [*(item.step for item in flow.steps), _SAVE, *([_HEALTH] if job.health else [])]
        if job.stimuli is not None:
            teller.steps.insert(1, _STIMULI)
        teller.outcome.digest = job.digest(flow)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        with files.writing(job.target):
            _work(job, flow, teller, cancel)
    except StepCancelled:
        teller.end("stopped", "It was stopped. No result was written.")
    except (HDMEAError, OSError) as error:
        logger.error("%s", said(error, PYTHON), exc_info=error)
        teller.end("failed", said(error, PYTHON), getattr(error, "step", ""))
    except MemoryError as error:
        logger.error("This machine does not have enough memory", exc_info=error)
        teller.end("failed", "This machine does not have enough memory. Use one with more, or fewer jobs.")
    except Exception as error:
        logger.exception("An unexpected error")
        teller.end("failed", f"Unexpected error: {type(error).__name__}: {error}. The log has the details.")
    return teller.outcome


def _work(job: Job, flow: Flow, teller: _Teller, cancel: threading.Event) -> None:
    found = _session(job, flow, teller, cancel)
    if found is None:
        return
    session, flow = found
    if job.sheet and session.metadata.get("sheet") != job.sheet:
        session.add_metadata({"sheet": dict(job.sheet)})
    destination = prepare_flow(session, flow, job.target)
    options = FlowOptions(progress=teller.progress, cancel=cancel, workers=1)
    result = execute_flow(session, flow, options)
    teller.outcome.skipped = {step: said(reason, PYTHON) for step, reason in result.steps_skipped.items()}
    teller.outcome.warnings = [said(warning, PYTHON) for warning in session.warnings]
    teller.outcome.units = session.unit_count if session.completed_steps else None
    if not result.success:
        assert result.error is not None
        if isinstance(result.error, CacheConflictError) and session.is_saved:
            teller.end("other parameters", said(result.error, PYTHON), str(result.failed_step))
            return
        _keep_partial(job, session)
        error = result.error
        text = (
            said(error, PYTHON)
            if isinstance(error, HDMEAError | OSError)
            else f"Unexpected error: {error!r}."
        )
        teller.end("failed", text, str(result.failed_step))
        return
    if session.is_saved and session.hdf5_path == job.target and not session.has_unsaved_changes:
        _write_part(job, session)
        teller.end("kept", "A complete result exists.")
        return

    def saving(fraction: float, text: str) -> None:
        if cancel.is_set():
            raise StepCancelled("Saving was stopped. No file was written.")
        teller.progress(ProgressEvent(_SAVE, "Save", fraction, text))

    with destination.keeping(session):
        session.save(job.target, progress=saving)
    _partial(job).unlink(missing_ok=True)
    _write_part(job, session)
    _judge(job, session, teller, cancel)
    teller.end("done", "")


def _judge(job: Job, session: PipelineSession, teller: _Teller, cancel: threading.Event) -> None:
    """Note the health of the recording; a problem with that does not make the recording fail."""
    if not job.health:
        return
    from hdmea.health import health_of
    from hdmea.health.lights import worst

    try:
        found = health_of(
            session,
            workers=1,
            cancel=cancel,
            folder=job.target.parent,
            progress=lambda part, text: teller.progress(ProgressEvent(_HEALTH, "Health", part, text)),
        )
    except StepCancelled:
        logger.info("Its health was not judged: the batch was stopped")
    except (HDMEAError, OSError, MemoryError) as error:
        logger.warning("Its health was not judged: %s", said(error, PYTHON))
    else:
        lights = [light for light in found.lights if light.name not in _OF_THE_MACHINE]
        teller.outcome.light = worst(*(light.light for light in lights))
        teller.outcome.health = [light.as_dict() for light in lights]


def _write_part(job: Job, session: PipelineSession) -> None:
    """Write what the result contributes to the table of all recordings; the batch does it otherwise."""
    from hdmea.study.pooled import write_part

    if job.tables is not None:
        try:
            write_part(session, job.target, job.tables, job.key)
        except (HDMEAError, OSError) as error:
            logger.warning("Its part of the table of all units was not written: %s", said(error, PYTHON))


def _session(
    job: Job, flow: Flow, teller: _Teller, cancel: threading.Event
) -> tuple[PipelineSession, Flow] | None:
    """Return the session to work on, and the flow for it; None if a result that exists must stay."""
    fresh = create_session(job.name, job.cmcr, job.cmtr, job.target.parent)
    if not job.target.exists():
        session = _from_partial(job, flow) or fresh
        return session, _with_stimuli(job, flow, session, teller, cancel)
    try:
        present = PipelineSession.load(job.target, lazy=True)
        own = _with_stimuli(job, flow, present, teller, cancel)
        different = _difference(present, own)
        if different is None and job.sheet and present.metadata.get("sheet", job.sheet) != job.sheet:
            different = "its recording sheet says something else"
    except (HDMEAError, OSError) as error:
        different = f"it cannot be read: {said(error, PYTHON)}"
    else:
        if different is None:
            return present, own
    if job.exists == "redo":
        return fresh, _with_stimuli(job, flow, fresh, teller, cancel)
    teller.end(
        "other parameters",
        f"{job.target.name} exists, other parameters: {different}. It was not changed. Choose to redo such "
        "results, or another output folder.",
    )
    return None


def _with_stimuli(
    job: Job, flow: Flow, session: PipelineSession, teller: _Teller, cancel: threading.Event
) -> Flow:
    """Return the flow with what is found of the stimuli of another recording, if they are to be used."""
    if job.stimuli is None or job.stimuli_target is None:
        return flow

    def report(fraction: float, text: str) -> None:
        if cancel.is_set():
            raise StepCancelled("The batch was stopped.")
        teller.progress(ProgressEvent(_STIMULI, "Stimuli", fraction, text))

    if not session.completed_steps:
        loading = flow.model_copy(update={"steps": flow.steps[:1]})
        # The flow that follows says what is wrong.
        if not execute_flow(session, loading, FlowOptions(False, False, teller.progress, cancel, 1)).success:
            return flow
    placed = place_stimuli(session, flow, job.stimuli, job.stimuli_target, report)
    teller.outcome.stimuli = placed.told
    if placed.told:
        logger.info("Stimuli: %s", placed.told)
    return placed.flow


def _difference(session: PipelineSession, flow: Flow) -> str | None:
    """Return in words how a result differs from what is requested; None if it is a part or all of it."""
    for record in session.steps.values():
        version = record.hdmea_version
        if version and not same_version(version):
            return f"version {version} of the program made it"
    for item in flow.steps:
        definition = get_step(item.step)
        if item.step not in session.steps:
            continue
        try:
            params = definition.make_params(item.params)
            if definition.resolve is not None:
                params = definition.resolve(session, params)
            plan_run(session, definition, params, force=False)
        except CacheConflictError as error:
            return error.message.rstrip(".")
        except MissingInputError:
            continue
    return None


def _partial(job: Job) -> Path:
    return job.target.with_name(f"{job.target.stem}.partial.h5")


def _keep_partial(job: Job, session: PipelineSession) -> None:
    """Keep what was computed before a failure; the next attempt continues from there."""
    if not session.completed_steps or (session.is_saved and session.hdf5_path == job.target):
        return
    with contextlib.suppress(HDMEAError, OSError):
        kept = session.checkpoint(_partial(job))
        logger.info("The results so far are in %s", kept)


def _from_partial(job: Job, flow: Flow) -> PipelineSession | None:
    path = _partial(job)
    if not path.exists():
        return None
    try:
        session = PipelineSession.load(path, lazy=False)
        if _difference(session, flow) is None:
            session.output_dir = job.target.parent
            return session
    except (HDMEAError, OSError) as error:
        logger.warning("%s is not used: %s", path.name, error)
    return None


class _Teller:
    """Says in a file how far the work is: others may look at it from anywhere."""

    def __init__(self, job: Job) -> None:
        self.steps: list[str] = []
        self._path = job.outcome
        self._began = self._written = time.monotonic()
        self.outcome = Outcome(
            key=job.key,
            name=job.name,
            state="running",
            target=str(job.target),
            log=str(job.log),
            started_at=utc_now(),
        )
        self._write()

    def progress(self, event: ProgressEvent) -> None:
        """Say how far a step is."""
        outcome = self.outcome
        changed = event.title != outcome.step
        outcome.step, outcome.fraction, outcome.text = event.title, event.fraction, event.text
        if event.step in self.steps:
            overall = (self.steps.index(event.step) + event.fraction) / len(self.steps)
            outcome.overall = max(outcome.overall, overall)
        if changed or time.monotonic() - self._written > _WRITE_EVERY_S:
            self._write()

    def end(self, state: str, message: str, step: str = "") -> None:
        """Say what became of the recording."""
        outcome = self.outcome
        self.outcome = outcome.model_copy(
            update={
                "state": state,
                "message": message,
                "step": step,
                "fraction": 1.0,
                "overall": 1.0,
                "text": "",
            }
        )
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self.outcome.seconds = round(self._written - self._began, 3)
        with contextlib.suppress(OSError):
            if self.outcome.good:
                self.outcome.revision = files.summarize(Path(self.outcome.target)).revision
            write_whole(self._path, self.outcome.model_dump_json(indent=1))


def _listen(cancel: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == "stop":
            cancel.set()
    os._exit(EXIT_FAILED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
