"""Many recordings, one after the other or several at a time, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hdmea.pipeline.context import CancelToken
from hdmea.pipeline.flows import load_flow
from hdmea.pipeline.forecast import forecast_steps
from hdmea.pipeline.run import available_workers
from hdmea.pipeline.session import create_session
from hdmea.results import files
from hdmea.stimuli.shown import SHOWN_SUFFIX
from hdmea.study.day_stimuli import DayStimuli, read_day_stimuli
from hdmea.study.job import Exists, Job, Outcome, read_outcome
from hdmea.study.plugins import register_files
from hdmea.study.recordings import Recording, collect, join_sheet
from hdmea.utils.atomic import describe_size, exclusive
from hdmea.utils.exceptions import ExistingFileError, HDMEAError, SessionError, ValidationError
from hdmea.utils.fixes import PYTHON, Advice
from hdmea.utils.notices import of_system, said
from hdmea.utils.resources import packaged_command
from hdmea.utils.text_files import read_json
from hdmea.utils.whole_file import write_whole

__all__ = ["BatchOptions", "BatchResult", "execute", "free_memory", "run_batch"]

logger = logging.getLogger(__name__)

_BASE_NBYTES: Final = 400_000_000
"""Memory that a process takes beside its data."""
_HEALTH_NBYTES: Final = 1_000_000_000
"""Memory that a look at the electrodes takes at most: some seconds of all of them."""
_MARGIN: Final = 1.25
_STIMULI: Final = "stimuli"
_POLL_S: Final = 0.2
_STOP_S: Final = 20.0
_THREADS: Final = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is run.

    Parameters
    ----------
    exists
        What to do about results that exist: ``"skip"`` keeps complete ones and reports those that were
        made with other parameters, ``"redo"`` replaces these, ``"error"`` starts nothing if there is any.
    retry_failed
        Work only on the recordings that failed before.
    jobs
        Recordings at a time; None: as many as there are processors and memory admits.
    memory_nbytes
        Memory that all of them may take together; None: what is free.
    parameters
        Step to parameter to value, for all recordings.
    sheet
        CSV or Excel table with one row per recording (`join_sheet`).
    stimuli_of
        A recording (or its list of stimuli): where nothing says what was shown in another one, its movies
        are searched for in the light.
    health
        Judge the health of each recording as well (`hdmea.health`); reads up to 30 s of its raw data.
    plugins
        Python files with steps, features, readers or exporters of your own.
    progress
        Called with each outcome that changed, from this thread.
    cancel
        Asked several times a second; True stops all work at the next safe place.
    pause
        Asked several times a second; while it is True, no further recording starts on this machine.
    """

    exists: Exists = "skip"
    retry_failed: bool = False
    jobs: int | None = None
    memory_nbytes: int | None = None
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sheet: Path | None = None
    stimuli_of: Path | None = None
    health: bool = True
    plugins: Sequence[Path] = ()
    progress: Callable[[Outcome], None] | None = None
    cancel: CancelToken | None = None
    pause: CancelToken | None = None


@dataclass(frozen=True)
class BatchResult:
    """What a batch did.

    Attributes
    ----------
    outcomes
        One per recording, in their order.
    left_out
        Files that belong to no recording of the batch, with the reason.
    stopped
        Whether it was stopped before its end.
    summary
        The table of all recordings, ``summary.csv``; a page for people is beside it.
    units
        The table of all units (`pool_results`); None if the batch was stopped, or it could not be written.
    """

    outcomes: tuple[Outcome, ...]
    left_out: dict[Path, str]
    stopped: bool
    summary: Path
    units: Path | None = None

    @property
    def success(self) -> bool:
        """Whether a complete result of every recording exists."""
        return not self.stopped and all(outcome.good for outcome in self.outcomes)


def run_batch(
    recordings: Path | str | Sequence[Path | str | Recording],
    flow: str = "standard",
    executor: Executor | None = None,
    *,
    output_dir: Path | str,
    options: BatchOptions = BatchOptions(),
) -> BatchResult:
    """Run a flow on many recordings; each has a process, a log and a result of its own.

    One that fails or crashes never stops the others. Call it again after an interruption: complete
    results are left as they are.

    Parameters
    ----------
    recordings
        A folder, a CSV or Excel table, files, or recordings; several of them in a sequence.
    flow
        Name of a flow, or a JSON file.
    executor
        Schedules the work, on this machine or others that see the same files; it only starts processes and
        waits for them. Default: threads of this process.
    output_dir
        Folder of the results, the logs and the summary; created if needed.
    options
        Everything else.

    Raises
    ------
    ValidationError, ConfigurationError
        If there is no recording, two results would have one name, or a flow or parameter is wrong; nothing
        was run.
    ExistingFileError
        If a result exists and `options.exists` is ``"error"``; nothing was run.
    SessionError
        If another batch works in the folder.
    """
    output = Path(output_dir).absolute()
    given = [recordings] if isinstance(recordings, str | Path) else list(recordings)
    chosen = [each for each in given if isinstance(each, Recording)]
    sources = [Path(each) for each in given if not isinstance(each, Recording)]
    found = collect(sources, output)
    chosen += found.recordings
    left_out = found.left_out
    if not chosen:
        reasons = "".join(f" {path.name} {reason}." for path, reason in list(left_out.items())[:3])
        raise ValidationError(
            f"No recording was found.{reasons}",
            fix=Advice("Name a folder, a table or files that contain .cmcr and .cmtr recordings."),
        )
    if options.sheet is not None:
        chosen = join_sheet(chosen, options.sheet)
    register_files(options.plugins)
    load_flow(flow)
    stimuli = None if options.stimuli_of is None else read_day_stimuli(options.stimuli_of)
    try:
        (output / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise of_system(error, f"Making the folder {output} failed") from error
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive(output / "batch.json", timeout_s=0.5))
        except SessionError as error:
            raise SessionError(
                f"Another batch is working in {output}.",
                path=output,
                fix=Advice("Wait for its end, or choose another output folder."),
            ) from error
        return _Batch(chosen, left_out, flow, output, options, stimuli).run(executor)


def execute(job_file: str) -> int:
    """Start the process that works on a job, and wait for it; return its exit code.

    Runs on the machine that the executor chose. The process ends with this one, in whatever way that ends.
    """
    job = Job.model_validate_json(Path(job_file).read_bytes())
    environment = {
        **os.environ,
        **dict.fromkeys(_THREADS, "1"),
        "HDMEA_WORKERS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        process = subprocess.Popen(
            [*_worker_command(), job_file],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        try:
            return _wait_for(process, job)
        finally:
            if process.poll() is None:
                _end(process)
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()


def _worker_command() -> list[str]:
    return packaged_command("batch-worker") or [sys.executable, "-m", "hdmea.study.worker"]


def _wait_for(process: subprocess.Popen[bytes], job: Job) -> int:
    asked_at: float | None = None
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_S)
        if asked_at is None and job.stop.exists():
            asked_at = time.monotonic()
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.write(b"stop\n")
                process.stdin.flush()
        if asked_at is not None and time.monotonic() - asked_at > _STOP_S:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_memory() -> int:
    """Return the memory in bytes that is free on this machine, within the limit of its control group."""
    import psutil

    free = int(psutil.virtual_memory().available)
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(0, free)


class _Batch:
    """One run of a batch."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        left_out: dict[Path, str],
        flow: str,
        output: Path,
        options: BatchOptions,
        stimuli: DayStimuli | None,
    ) -> None:
        self._output = output
        self._stimuli = stimuli
        self._left_out = left_out
        self._options = options
        self._flow = flow
        self._book = _read_book(output / "batch.json")
        self._stop = output / "logs" / ".stop"
        self._jobs = {recording.key: self._job(recording) for recording in recordings}
        self._outcomes: dict[str, Outcome] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._needs: dict[str, int] = {}

    def _job(self, recording: Recording) -> Job:
        parameters = {step: dict(values) for step, values in self._options.parameters.items()}
        for step, values in recording.parameters.items():
            parameters[step] = {**parameters.get(step, {}), **values}
        logs = self._output / "logs" / recording.place
        return Job(
            key=recording.key,
            name=recording.name,
            cmcr=recording.cmcr and recording.cmcr.absolute(),
            cmtr=recording.cmtr and recording.cmtr.absolute(),
            target=self._output / recording.place / f"{recording.name}.h5",
            outcome=logs / f"{recording.name}.json",
            log=logs / f"{recording.name}.log",
            stop=self._stop,
            flow=_absolute_flow(recording.flow or self._flow),
            parameters=parameters,
            sheet=recording.sheet,
            exists=self._options.exists,
            plugins=tuple(path.absolute() for path in self._options.plugins),
            tables=self._output,
            health=self._options.health,
            stimuli=self._stimuli,
            stimuli_target=self._output
            / _STIMULI
            / recording.place
            / recording.name
            / f"{recording.name}{SHOWN_SUFFIX}",
        )

    # -- the run -------------------------------------------------------------------------------------

    def run(self, executor: Executor | None) -> BatchResult:
        self._stop.unlink(missing_ok=True)
        waiting = self._to_do()
        if self._options.exists == "error":
            self._refuse_existing()
        own = executor is None
        count = max(1, self._options.jobs or available_workers())
        pool = ThreadPoolExecutor(count) if executor is None else executor
        try:
            stopped = self._schedule(pool, waiting, count if own else None)
        finally:
            if own:
                pool.shutdown()
            self._stop.unlink(missing_ok=True)
            self._write_book()
        from hdmea.study.summary import write_summary

        outcomes = tuple(self._outcomes[key] for key in self._jobs)
        units = None if stopped else self._pool()
        try:
            summary = write_summary(self._output, outcomes, self._left_out)
        except OSError as error:
            raise of_system(error, f"Writing the summary into {self._output} failed") from error
        return BatchResult(outcomes, self._left_out, stopped, summary, units)

    def _pool(self) -> Path | None:
        """Write the tables of all units and traces; None if they cannot be written."""
        from hdmea.study.pooled import pool_results

        good = [entry for entry in {**self._book, **self._outcomes}.values() if entry.good]
        results = {entry.key: Path(entry.target) for entry in good if Path(entry.target).exists()}
        if not results:
            return None
        sheets = {key: job.sheet for key, job in self._jobs.items() if job.sheet}
        try:
            return pool_results(results, self._output, sheets=sheets).units
        except (HDMEAError, OSError) as error:
            logger.warning("The table of all units was not written: %s", said(error, PYTHON))
            return None

    def _to_do(self) -> list[str]:
        """Return the recordings to work on; others keep the outcome that they have."""
        keys = []
        for key, job in self._jobs.items():
            self._tell(Outcome(key=key, name=job.name))
        for key, job in self._jobs.items():
            known = self._book.get(key)
            # What is wrong with a flow or its parameters is said before anything runs.
            digest = job.digest(job.recipe())
            outcome = Outcome(key=key, name=job.name, target=str(job.target), log=str(job.log), digest=digest)
            if (
                known is not None
                and known.good
                and known.digest == digest
                and _revision(job) == known.revision
            ):
                outcome = known.model_copy(update={"state": "kept", "message": "A complete result exists."})
            elif self._options.retry_failed and (known is None or known.state not in ("failed", "crashed")):
                outcome = known or outcome.model_copy(update={"message": "It did not fail before."})
            else:
                keys.append(key)
            self._tell(outcome)
        return keys

    def _refuse_existing(self) -> None:
        there = [job.target for job in self._jobs.values() if job.target.exists()]
        if there:
            more = f" and {len(there) - 1} more" if len(there) > 1 else ""
            raise ExistingFileError(
                f"{there[0]}{more} already exists. Nothing was run.",
                path=there[0],
                fix=Advice("Choose to skip or redo existing results, or another output folder."),
            )

    def _schedule(self, pool: Executor, waiting: list[str], at_once: int | None) -> bool:
        """Run the jobs as memory admits; return whether the batch was stopped."""
        budget = self._options.memory_nbytes or free_memory()
        running: dict[Future[int], str] = {}
        queue = list(waiting)
        stopped = False
        while queue or running:
            if not stopped and self._options.cancel is not None and self._options.cancel.is_set():
                stopped = True
                self._stop.touch()
                for future in running:
                    future.cancel()
            if stopped:
                for key in queue:
                    self._end(key, "stopped", "The batch was stopped before this recording was started.")
                queue = []
            paused = self._options.pause is not None and self._options.pause.is_set()
            for key in [] if paused else list(queue):
                need = self._need(key)
                taken = sum(self._needs[each] for each in running.values())
                if at_once is not None and need > budget:
                    queue.remove(key)
                    self._too_big(key, need, budget)
                elif at_once is None or (len(running) < at_once and taken + need <= budget):
                    queue.remove(key)
                    try:
                        running[self._submit(pool, key, need)] = key
                    except OSError as error:
                        # A drive that is full or gone: what is running may still end well.
                        told = of_system(error, f"Writing into {self._output} failed")
                        self._end(key, "failed", said(told, PYTHON))
            if not running:
                time.sleep(_POLL_S if queue else 0)
            else:
                done, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                self._poll(running.values())
                for future in done:
                    self._finish(running.pop(future), future)
        return stopped

    def _submit(self, pool: Executor, key: str, need: int) -> Future[int]:
        job = self._jobs[key]
        job.outcome.parent.mkdir(parents=True, exist_ok=True)
        job.outcome.unlink(missing_ok=True)
        if job.log.exists():
            os.replace(job.log, job.log.with_suffix(".log.1"))
        file = job.outcome.with_name(f".{job.outcome.stem}.job.json")
        write_whole(file, job.model_dump_json(indent=1))
        submit = getattr(pool, "submit_with_memory", None)
        return pool.submit(execute, str(file)) if submit is None else submit(execute, str(file), need)

    def _need(self, key: str) -> int:
        """Return the memory that a recording will take at most, in bytes."""
        if key not in self._needs:
            job = self._jobs[key]
            nbytes = 0
            with contextlib.suppress(HDMEAError, OSError):
                session = create_session(job.name, job.cmcr, job.cmtr)
                steps = [(item.step, item.params) for item in job.recipe().steps]
                forecast = forecast_steps(session, steps)
                nbytes = forecast.nbytes + forecast.working_nbytes
            self._needs[key] = _BASE_NBYTES + round(nbytes * _MARGIN) + self._need_of_health(job)
        return self._needs[key]

    def _need_of_health(self, job: Job) -> int:
        with contextlib.suppress(OSError):
            if self._options.health and job.cmcr is not None:
                return min(_HEALTH_NBYTES, job.cmcr.stat().st_size)
        return 0

    def _too_big(self, key: str, need: int, budget: int) -> None:
        self._end(
            key,
            "failed",
            f"It needs about {describe_size(need)} of memory, and {describe_size(budget)} are free. Close "
            "other programs, use a machine with more memory, or a flow with fewer steps.",
        )

    def _finish(self, key: str, future: Future[int]) -> None:
        job = self._jobs[key]
        job.outcome.with_name(f".{job.outcome.stem}.job.json").unlink(missing_ok=True)
        outcome = read_outcome(job.outcome)
        if future.cancelled():
            self._end(key, "stopped", "The batch was stopped before this recording was started.")
            return
        error = future.exception()
        if error is not None:
            self._end(key, "crashed", f"It could not be run: {type(error).__name__}: {error}.")
        elif outcome is None or not outcome.ended:
            self._end(key, "crashed", _crash(future.result(), job, outcome))
        else:
            self._tell(outcome)
        self._write_book()

    def _end(self, key: str, state: str, message: str) -> None:
        job = self._jobs[key]
        there = read_outcome(job.outcome) or self._outcomes[key]
        self._tell(there.model_copy(update={"state": state, "message": message}))
        with contextlib.suppress(OSError):
            job.outcome.parent.mkdir(parents=True, exist_ok=True)
            write_whole(job.outcome, self._outcomes[key].model_dump_json(indent=1))

    def _poll(self, keys: Iterable[str]) -> None:
        """Tell how far the running recordings are."""
        for key in keys:
            path = self._jobs[key].outcome
            with contextlib.suppress(OSError):
                stat = path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                if self._seen.get(key) != stamp:
                    self._seen[key] = stamp
                    outcome = read_outcome(path)
                    if outcome is not None and not outcome.ended:
                        self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        self._outcomes[outcome.key] = outcome
        if self._options.progress is not None:
            self._options.progress(outcome)

    def _write_book(self) -> None:
        entries = {**self._book, **self._outcomes}
        text = json.dumps(
            {"version": 1, "recordings": {key: each.model_dump() for key, each in entries.items()}},
            indent=1,
            ensure_ascii=False,
        )
        try:
            write_whole(self._output / "batch.json", text)
        except OSError as error:
            logger.warning("batch.json cannot be written: %s", error)


def _absolute_flow(flow: str) -> str:
    return str(Path(flow).absolute()) if Path(flow).suffix == ".json" else flow


def _revision(job: Job) -> str | None:
    try:
        return files.summarize(job.target).revision
    except (HDMEAError, OSError):
        return None


def _read_book(path: Path) -> dict[str, Outcome]:
    """Return the outcomes that the last batch noted; none from a file that cannot be understood."""
    try:
        entries = read_json(path)["recordings"]
        return {key: Outcome.model_validate(entry) for key, entry in entries.items()}
    except (HDMEAError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _crash(code: int, job: Job, outcome: Outcome | None) -> str:
    where = f" while “{outcome.step}” ran" if outcome is not None and outcome.step else ""
    how = f"exit code {code}"
    if code < 0:
        with contextlib.suppress(ValueError):
            how = f"signal {signal.Signals(-code).name}"
    hint = " The system may have ended it for lack of memory." if code == -9 else ""
    return f"Its process ended unexpectedly ({how}){where}.{hint} The log is {job.log}."
