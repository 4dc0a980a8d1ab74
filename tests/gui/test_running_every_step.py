"""Stop in the middle of every step, and a failure in every step: the session is as it was, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.declare import STEPS, all_steps
from hdmea.pipeline import PipelineSession, create_session
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.requirements import steps_before
from hdmea.pipeline.session import twin_of
from hdmea.results.sectioned import is_cut
from hdmea.utils.exceptions import StepCancelled
from hdmea_gui.engine.jobs import JobContext, JobStopped
from hdmea_gui.engine.work import RunJob, StepEnded, StepRequest
from hdmea_gui.engine.workspace import Workspace
from hdmea_gui.views.recording.query import RecordingQuery

NAMES = sorted(all_steps())
PARAMS: dict[str, dict[str, Any]] = {
    "compute_eimage_sta": {"duration_s": 5.0, "chunk_duration_s": 0.2},
    "extract_features": {"features": ("frif", "baseline", "waveform")},
    "add_section_time_analog": {"threshold_value": 5e5, "plot_duration": 2.0},
}
ORDER = [
    "load_recording", "add_section_time", "section_spike_times", "compute_sta", "compute_eimage_sta",
    "extract_soma_geometry", "extract_axon_path", "extract_rf_geometry", "section_by_direction", "fit_lnl",
    "extract_features", "add_section_time_analog",
]  # fmt: skip


def content(value: Any) -> Any:
    """Return everything below a value in a form that compares by type, shape and bytes."""
    if isinstance(value, dict):
        return {key: content(item) for key, item in value.items()}
    if is_cut(value):
        return tuple(content(part) for part in (value.ranges, value.spike_times, value.trial_time))
    if isinstance(value, np.ndarray):
        attributes = content(getattr(value, "attrs", {}))
        raw = value.tolist() if value.dtype.hasobject else value.tobytes()
        return value.dtype.str, value.shape, raw, attributes
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [content(item) for item in value]
    return type(value).__name__, repr(value)


def everything(session: PipelineSession) -> dict[str, Any]:
    names = ("units", "metadata", "stimulus", "source_files", "steps", "warnings", "extra")
    found = {name: content(getattr(session, name)) for name in names}
    return {**found, "completed": list(session.completed_steps), "unsaved": session.has_unsaved_changes}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from hdmea.simulate import write_demo

    demo = write_demo(tmp_path_factory.mktemp("every step"), size="tiny")
    return demo.cmcr_path, demo.cmtr_path


class Run:
    """Runs steps on a session as the worker does, in this thread."""

    def __init__(self, session: PipelineSession) -> None:
        self.workspace = Workspace()
        self.workspace.adopt(session)
        self.cancel = threading.Event()
        self.ended: list[StepEnded] = []

    def __call__(self, *names: str, force: bool = False) -> None:
        requests = tuple(StepRequest(name, PARAMS.get(name, {}), force=force) for name in names)
        ctx = JobContext(self.cancel, lambda _: None, self._note, lambda: None, lambda _: None)
        RunJob(requests, "run").run(self.workspace, ctx)

    def _note(self, event: object) -> None:
        if isinstance(event, StepEnded):
            self.ended.append(event)


Complete = tuple[PipelineSession, list[str]]


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Complete:
    """Return a session with moving bars, which the tiny demo does not have, cut into directions."""
    from hdmea.simulate import write_demo

    demo = write_demo(tmp_path_factory.mktemp("bars"), size="small")
    run = Run(create_session(None, demo.cmcr_path, demo.cmtr_path, demo.cmcr_path.parent))
    run(
        "load_recording",
        "add_section_time",
        "section_spike_times",
        "compute_sta",
        "extract_rf_geometry",
        "section_by_direction",
    )
    return run.workspace.require(), [event.name for event in run.ended if event.outcome == "done"]


@pytest.fixture(scope="module")
def complete(source: tuple[Path, Path]) -> Complete:
    """Return a session in which every step that the demo allows was run, and the names of those."""
    run = Run(create_session(None, *source, source[0].parent))
    frames = None
    for name in [*ORDER, *(name for name in NAMES if name not in ORDER)]:
        if name == "add_section_time_analog":
            # It looks at the light after the last display frame: here the whole recording.
            frames = run.workspace.require().metadata.pop("frame_timestamps")
        run(name)
    session = run.workspace.require()
    session.metadata["frame_timestamps"] = frames
    return session, [event.name for event in run.ended if event.outcome == "done"]


@pytest.fixture
def run(name: str, request: pytest.FixtureRequest) -> Run:
    """Return a worker of its own on a session in which the step, and all that it needs, was run."""
    session, done = request.getfixturevalue("bars" if name == "section_by_direction" else "complete")
    assert name in done
    worker = Run(twin_of(session))
    if name == "add_section_time_analog":
        del worker.workspace.require().metadata["frame_timestamps"]
    return worker


def at_call(
    monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None] | None
) -> Callable[[], int]:
    """Have `act` called before the step's report of that number; return how to count the reports."""
    calls = [0]
    real = StepContext.checkpoint

    def checkpoint(self: StepContext, fraction: float, text: str = "") -> None:
        calls[0] += 1
        if calls[0] == number and act is not None:
            act()
        real(self, fraction, text)

    monkeypatch.setattr(StepContext, "checkpoint", checkpoint)
    return lambda: calls[0]


@pytest.fixture(params=["first", "middle", "last"])
def moment(request: pytest.FixtureRequest) -> Callable[[int], int]:
    place = {"first": lambda n: 1, "middle": lambda n: (n + 1) // 2, "last": lambda n: n}
    return place[request.param]


def reports(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many reports a whole run of a step makes."""
    trial = Run(twin_of(run.workspace.require()))
    with monkeypatch.context() as patch:
        count = at_call(patch, 0, None)
        trial(name, force=True)
    assert trial.ended[-1].outcome == "done"
    return count()


@pytest.mark.parametrize("name", NAMES)
def test_stop_leaves_the_session_dataset_by_dataset_as_it_was(
    name: str,
    run: Run,
    moment: Callable[[int], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = moment(reports(run, name, monkeypatch))
    before = everything(run.workspace.require())
    revision = run.workspace.state().revision
    with monkeypatch.context() as patch:
        at_call(patch, number, run.cancel.set)
        with pytest.raises((JobStopped, StepCancelled)):
            run(name, force=True)

    assert [event.outcome for event in run.ended] == ["cancelled"]
    assert everything(run.workspace.require()) == before
    assert run.workspace.state().revision == revision
    run.cancel.clear()
    run(name, force=True)
    assert run.ended[-1].outcome == "done", "it can be run after the stop"


@pytest.mark.parametrize("name", NAMES)
def test_a_step_looks_often_whether_it_should_stop(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The runner itself asks at the beginning and at the end.
    assert reports(run, name, monkeypatch) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_failure_keeps_everything_and_says_why(
    name: str,
    run: Run,
    moment: Callable[[int], int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    number = moment(reports(run, name, monkeypatch))
    before = everything(run.workspace.require())

    def break_down() -> None:
        raise OSError(5, "Input/output error", "/drive/recording.cmcr")

    with monkeypatch.context() as patch:
        at_call(patch, number, break_down)
        run(name, force=True)

    (event,) = run.ended
    assert event.outcome == "failed"
    assert "the drive reports an error" in event.reason or "Input/output error" in event.reason
    assert "break_down" in event.details, "the details name the place"
    assert everything(run.workspace.require()) == before
    run(name, force=True)
    assert run.ended[-1].outcome == "done", "it can be run when the cause is mended"
    there = run.workspace.require().completed_steps
    later = [step for step in there if name in steps_before(all_steps()[step])]
    for step in later[:1]:
        run(step, force=True)
        assert run.ended[-1].outcome == "done", f"{step} can be run afterwards"


@pytest.mark.parametrize("name", ["section_spike_times"])
def test_a_lack_of_memory_keeps_everything_and_the_session_is_saved_elsewhere(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    number = max(1, reports(run, name, monkeypatch) - 1)
    session = run.workspace.require()
    before = everything(session)

    def break_down() -> None:
        raise MemoryError("Unable to allocate 9.00 GiB")

    with monkeypatch.context() as patch:
        at_call(patch, number, break_down)
        run(name, force=True)

    (event,) = run.ended
    assert event.outcome == "failed"
    assert "memory" in event.reason
    assert "GB are free" in event.reason
    assert everything(session) == before
    saved = everything(PipelineSession.load(session.save(tmp_path / "elsewhere.h5")))
    for part in ("units", "metadata", "stimulus"):
        assert saved[part] == before[part]


@pytest.mark.parametrize("name", NAMES)
def test_a_failure_in_an_empty_session_leaves_it_empty(
    name: str, source: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(create_session(None, *source, source[0].parent))
    before = everything(run.workspace.require())

    def break_down() -> None:
        raise MemoryError("out of memory")

    at_call(monkeypatch, 1, break_down)
    run(name)

    (event,) = run.ended
    assert event.outcome == "failed"
    assert event.reason
    assert everything(run.workspace.require()) == before


def test_what_ended_before_a_failure_is_kept(
    source: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(create_session(None, *source, source[0].parent))
    definition = all_steps()["section_spike_times"]
    broken = replace(definition, function=lambda session, params, ctx: 1 / 0)
    monkeypatch.setitem(STEPS._by_name, definition.name, broken)

    run("load_recording", "add_section_time", "section_spike_times", "compute_sta")

    assert [event.outcome for event in run.ended] == ["done", "done", "failed"]
    assert list(run.workspace.require().completed_steps) == ["load_recording", "add_section_time"]


def test_the_recording_is_drawn_anew_only_when_its_spikes_or_sections_change(complete: Complete) -> None:
    session = twin_of(complete[0])
    workspace = Run(session).workspace
    before = RecordingQuery().answer(workspace)
    workspace.touch()

    assert before is not None
    assert RecordingQuery().answer(workspace) is before, "a step changed something else"

    unit = next(iter(session.units.values()))
    unit["spike_times"] = unit["spike_times"][1:]
    workspace.touch()
    after = RecordingQuery().answer(workspace)
    assert after is not None
    assert after.raster.n_spikes == before.raster.n_spikes - 1

    session.stimulus["section_time"] = {}
    workspace.touch()
    without = RecordingQuery().answer(workspace)
    assert without is not None
    assert (after.spans != (), without.spans) == (True, ())


@pytest.mark.parametrize(("processors", "threads"), [("4", 3), ("1", 1)])
def test_one_processor_is_left_to_the_window(
    complete: Complete, monkeypatch: pytest.MonkeyPatch, processors: str, threads: int
) -> None:
    seen: list[int] = []
    make = StepContext.__init__

    def note(self: StepContext, *args: Any, workers: int = 0, **kwargs: Any) -> None:
        seen.append(workers)
        make(self, *args, workers=workers, **kwargs)

    monkeypatch.setattr(StepContext, "__init__", note)
    monkeypatch.setenv("HDMEA_WORKERS", processors)
    Run(twin_of(complete[0]))("extract_features", force=True)

    assert seen == [threads]
