"""Every way in which a file is written, as one list: whatever breaks is tried on each of them.

A session is filled with one number, so that a file tells which state it is in, and a mixture of two states is
noticed. An operation that is added here is killed, starved and interrupted like the others.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hdmea.cli.commands import Layout, app
from hdmea.declare import STEPS, StepParams, step
from hdmea.pipeline.calls import step_function
from hdmea.pipeline.increments import Baseline, load_increments, write_increment
from hdmea.pipeline.session import PipelineSession
from hdmea.results.files import LAYOUTS

__all__ = ["OPERATIONS", "Operation", "named", "session_with", "values_in"]

N_UNITS = 12
n_small = 20
"""Number of small arrays of which each is a dataset of its own; drives that fill up meet thousands."""
OLD, NEW = 1.0, 2.0
_REWRITTEN = LAYOUTS if "lab-steps" in LAYOUTS else ("columns",)
UNCHANGED, CHANGED = (OLD, OLD), (NEW, NEW)

Values = tuple[float, float]
"""What the units' own arrays hold, and what their feature holds."""


def session_with(folder: Path, value: float, n_units: int = N_UNITS) -> PipelineSession:
    """Return a session in which everything is `value`: large and small arrays, numbers, a feature."""
    session = PipelineSession("x", output_dir=folder)
    units = {
        f"unit_{number:03d}": {
            "spike_times": np.arange(20 + number, dtype=np.uint64),
            "waveform": np.full(40, value, np.float32),
            "image": np.full((96, 96), value),
            "features": {"f": {"data": {"a": value}, "metadata": {"version": "1"}}},
        }
        for number in range(1, n_units + 1)
    }
    session.add_units(units)
    session.add_metadata({"acquisition_rate": np.array([20_000.0])})
    session.add_metadata({"small": {f"array {number}": np.full(6, value) for number in range(n_small)}})
    session.add_stimulus({"light_reference": {"10hz": np.full(5_000, value, np.float32)}})
    return session


def values_of(session: PipelineSession) -> Values:
    """Return what a session was filled with; AssertionError if not all of it is the same."""
    own, features = set[float](), set[float]()
    assert len(session.units) == N_UNITS
    for number, unit in enumerate(session.units.values(), 1):
        assert np.array_equal(unit["spike_times"], np.arange(20 + number))
        own |= {*np.unique(unit["waveform"]).tolist(), *np.unique(unit["image"]).tolist()}
        features.add(float(unit["features"]["f"]["data"]["a"]))
    for array in (session.stimulus["light_reference"]["10hz"], *session.metadata["small"].values()):
        own |= set(np.unique(array).tolist())
    assert len(own) == len(features) == 1, (own, features)
    return own.pop(), features.pop()


def values_in(path: Path) -> Values:
    """Return what a file holds, read whole."""
    return values_of(PipelineSession.load(path))


@dataclass(frozen=True)
class Operation:
    """One way of writing a file.

    Attributes
    ----------
    name
        Its name, with that of the layout or compression.
    prepare
        Makes the files that are there before, given a folder.
    act
        Given the folder returns a function that writes, and the session that must survive a failure; what
        it does itself is no part of what is tried.
    state
        Returns the values that someone finds afterwards, None for nothing.
    old, new
        Values before and after; `old` is None where there was nothing.
    """

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path], tuple[Callable[[], object], PipelineSession]]
    state: Callable[[Path], Values | None]
    old: Values | None = UNCHANGED
    new: Values = CHANGED


def _target(folder: Path) -> Path:
    return folder / "x.h5"


def _state(folder: Path) -> Values | None:
    return values_in(_target(folder)) if _target(folder).exists() else None


def _saved(layout: str) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        session_with(folder, OLD).save(_target(folder), layout=layout)

    return prepare


def _save(layout: str, compression: str | None = None) -> Operation:
    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        session = session_with(folder, NEW)
        return lambda: session.save(_target(folder), layout=layout, compression=compression), session

    name = f"save {compression or layout}"
    return Operation(name, _saved(layout), act, _state)


def _first_save() -> Operation:
    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        session = session_with(folder, NEW)
        return lambda: session.save(_target(folder)), session

    return Operation("first save", lambda folder: None, act, _state, old=None)


def _checkpoint() -> Operation:
    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        session = session_with(folder, NEW)
        return lambda: session.checkpoint(_target(folder)), session

    def prepare(folder: Path) -> None:
        session_with(folder, OLD).checkpoint(_target(folder))

    return Operation("checkpoint", prepare, act, _state)


def _fill(session: PipelineSession, value: float) -> None:
    for unit_id in session.units:
        session.add_feature(unit_id, "f", {"a": value}, {"version": "1"})


def _lazy_onto_itself(layout: str) -> Operation:
    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        session = PipelineSession.load(_target(folder), lazy=True)
        _fill(session, NEW)
        return session.save, session

    return Operation(f"lazy save onto itself {layout}", _saved(layout), act, _state, new=(OLD, NEW))


def _lazy_elsewhere(layout: str) -> Operation:
    def prepare(folder: Path) -> None:
        _saved("columns")(folder)
        session_with(folder, NEW).save(folder / "source.h5", layout=layout)

    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        session = PipelineSession.load(folder / "source.h5", lazy=True)
        return lambda: session.save(_target(folder)), session

    return Operation(f"lazy save elsewhere {layout}", prepare, act, _state)


def _convert(source: str, layout: str) -> Operation:
    """Convert by the command line, which has to end with a code that says whether it worked."""

    def prepare(folder: Path) -> None:
        _saved(layout)(folder)
        session_with(folder, NEW).save(folder / "source.h5", layout=source)

    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        arguments = [str(folder / "source.h5"), str(_target(folder)), "--layout", layout, "--overwrite"]
        return lambda: run_command("convert", *arguments), session_with(folder, NEW)

    return Operation(f"convert {source} to {layout}", prepare, act, _state)


class CommandFailed(Exception):
    """A command ended with an exit code that says so."""


def run_command(*arguments: str) -> None:
    """Run the command line in this process."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = app(list(arguments), standalone_mode=False)
    except SystemExit as end:
        code = end.code
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
    if code:
        assert code in (1, 3), code
        raise CommandFailed(code)


class FillParams(StepParams):
    value: float = 0.0


@contextlib.contextmanager
def registered_step() -> Iterator[None]:
    """Have a step that fills the feature of all units in the registry for a while."""

    @step("fill", title="Fill", params=FillParams, provides=("filled",), result=lambda run: run.hdf5_path)
    def fill(session: Any, params: Any, ctx: Any) -> None:
        """Write a number into all units."""
        for unit_id in session.units:
            feature = {"data": {"a": params.value}, "metadata": {"version": "1"}}
            ctx.put(feature, "units", unit_id, "features", "f")

    STEPS.register(fill)
    try:
        yield
    finally:
        STEPS.remove("fill")


def _step(layout: str) -> Operation:
    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        def run() -> object:
            with registered_step():
                return step_function("fill")(_target(folder), value=NEW, force=True)

        return run, session_with(folder, NEW)

    return Operation(f"step on a file {layout}", _saved(layout), act, _state, new=(OLD, NEW))


def _increment() -> Operation:
    def prepare(folder: Path) -> None:
        session_with(folder, OLD).checkpoint(_target(folder))

    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        session = PipelineSession.load(_target(folder))
        before = Baseline(session)
        _fill(session, NEW)
        return lambda: write_increment(folder / "increment.h5", session, before.changes(session)), session

    def state(folder: Path) -> Values:
        session = PipelineSession.load(_target(folder))
        load_increments(session, [path for path in [folder / "increment.h5"] if path.exists()])
        return values_of(session)

    return Operation("increment", prepare, act, state, new=(OLD, NEW))


def _keeper(complete: bool) -> Operation:
    """Write what the window keeps by itself: a complete file or an increment, and the note about them."""

    def context() -> Any:
        from hdmea_gui.engine.jobs import JobContext

        def nothing(*_arguments: object) -> None:
            pass

        return JobContext(threading.Event(), nothing, nothing, lambda: None, nothing)

    def prepare(folder: Path) -> None:
        if complete:
            return
        keep(folder, session_with(folder, OLD), None)

    def keep(folder: Path, session: PipelineSession, keeper: Any) -> Any:
        from hdmea_gui.engine.auto_checkpoint import Keeper, Kept

        keeper = Keeper(folder, 0.9) if keeper is None else keeper
        answer = keeper.keep(session, 1, context())
        if not isinstance(answer, Kept):
            raise CommandFailed(answer)
        return keeper

    def act(folder: Path) -> tuple[Callable[[], object], PipelineSession]:
        session = session_with(folder, NEW if complete else OLD)
        keeper = None
        if not complete:
            keeper = keep(folder, session, None)
            _fill(session, NEW)
        return lambda: keep(folder, session, keeper), session

    def state(folder: Path) -> Values | None:
        """Return what the next start offers: the files that the newest note names."""
        from hdmea_gui.engine.auto_checkpoint import _is_whole, _read_note

        notes = [offer for path in folder.glob("*.json") if (offer := _read_note(path)) is not None]
        offers = [offer for offer in notes if _is_whole(offer, folder)]
        if not offers:
            return None
        newest = max(offers, key=lambda offer: offer.written_at)
        session = PipelineSession.load(folder / newest.file)
        load_increments(session, [folder / name for name in newest.increments])
        return values_of(session)

    if complete:
        return Operation("automatic checkpoint", prepare, act, state, old=None)
    return Operation("automatic increment", prepare, act, state, new=(OLD, NEW))


def _all() -> Iterator[Operation]:
    yield _first_save()
    for layout in LAYOUTS:
        yield _save(layout)
        yield _lazy_elsewhere(layout)
        if layout in _REWRITTEN:
            yield _lazy_onto_itself(layout)
            yield _step(layout)
        for other in Layout:
            if other.value != layout:
                yield _convert(layout, other.value)
    for compression in ("gzip", "lzf"):
        yield _save("columns", compression)
    yield _checkpoint()
    yield _increment()
    yield _keeper(complete=True)
    yield _keeper(complete=False)


OPERATIONS = {operation.name: operation for operation in _all()}


def named(name: str) -> Operation:
    """Return an operation of the list."""
    return OPERATIONS[name]
