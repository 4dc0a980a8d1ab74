"""The window, killed in each of its states, and used for hours.

    python -m tests.faults.window kills --most 60 --seed 1
    python -m tests.faults.window cycles --most 200

It prints one line of JSON: how many tries ended how, and what went wrong. `tests.faults.long` runs both.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from hdmea.pipeline import create_session
from hdmea.pipeline.increments import load_increments
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import PipelineSession
from hdmea.utils.exceptions import HDMEAError

__all__ = ["STATES", "killed_in", "prepared"]

STATES = ("idle", "loading", "running", "saving", "automatic checkpoint", "exporting")
_BEFORE = {"load_recording", "add_section_time"}
_AFTER = {*_BEFORE, "section_spike_times"}
_WAIT_S = 120.0
_ENDS_S = 10.0
_LATEST_S = 0.25
_MOST_GROWTH = 0.03
_ROOT = Path(__file__).parents[2]


def prepared(folder: Path) -> Path:
    """Write a small recording and a result of it with two steps; return the result."""
    from hdmea.simulate import write_demo

    demo = write_demo(folder / "demo", size="tiny")
    session = create_session(None, demo.cmcr_path, demo.cmtr_path, folder)
    run_step(session, "load_recording", {"cmcr_path": demo.cmcr_path, "cmtr_path": demo.cmtr_path})
    run_step(session, "add_section_time")
    return session.save(folder / "prepared.h5")


# -- killed ------------------------------------------------------------------------------------------------


def killed_in(state: str, result: Path, folder: Path, delay_s: float) -> list[str]:
    """Kill a window in a state; return what is wrong with what is left.

    The window opens a result, runs one more step, of which it writes an automatic checkpoint, and goes on to
    the state.
    """
    target = Path(shutil.copy(result, folder / "x.h5"))
    command = [
        sys.executable,
        "-m",
        "tests.faults.window",
        "serve",
        "--state",
        state,
        "--folder",
        str(folder),
    ]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(_ROOT)}
    environment |= {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=_ROOT, text=True
        )
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    helpers = psutil.Process(process.pid).children() if said else []
    time.sleep(delay_s)
    process.kill()
    process.wait()
    process.stdout.close()
    if said != "now":
        return [f"it ended early: {(folder / 'log.txt').read_text()[-1500:]}"]
    return [*_wrong_in(target, folder, state), *_still_there(helpers)]


def _wrong_in(target: Path, folder: Path, state: str) -> Iterator[str]:
    from hdmea_gui.engine.auto_checkpoint import Keeper

    is_saved = False
    try:
        steps = set(PipelineSession.load(target).completed_steps)
        is_saved = steps == _AFTER
        if steps not in (_BEFORE, _AFTER):
            yield f"the file has the steps {sorted(steps)}"
    except (HDMEAError, OSError) as error:
        yield f"the file was lost: {error}"
    keeper = Keeper(folder / "recovery")
    keeper.sweep()
    offers = keeper.left_behind()
    for offer in offers:
        try:
            session = PipelineSession.load(keeper.folder / offer.file)
            load_increments(session, [keeper.folder / name for name in offer.increments])
            if not set(session.completed_steps) >= _AFTER:
                yield f"the checkpoint has the steps {sorted(session.completed_steps)}"
        except (HDMEAError, OSError) as error:
            yield f"the checkpoint was lost: {error}"
    # Another session takes the place of the one before, which its owner let go.
    if not offers and not is_saved and state != "loading":
        yield "nothing is offered"
    table = folder / "table.csv"
    if table.exists() and len(table.read_text(encoding="utf-8-sig").splitlines()) < 2:
        yield "the table is not complete"
    PipelineSession.load(target).save(target)
    left = [path.name for path in folder.iterdir() if path.name.startswith(".x.h5")]
    if left:
        yield f"left over: {left}"


def _still_there(helpers: list[psutil.Process]) -> list[str]:
    _, alive = psutil.wait_procs(helpers, timeout=_ENDS_S)
    for process in alive:
        process.kill()
    return ["a helper process outlived the window"] if alive else []


def kills(most: int, seed: int) -> dict[str, Any]:
    """Kill windows at random moments in each state in turn."""
    counts: Counter[str] = Counter()
    problems: list[str] = []
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        result = prepared(Path(name))
        for number in range(most):
            state = STATES[number % len(STATES)]
            with tempfile.TemporaryDirectory() as own:
                wrong = killed_in(state, result, Path(own), rng.uniform(0, _LATEST_S))
            counts[f"killed while {state}"] += 1
            problems += [f"{state}: {each}" for each in wrong]
    return {"counts": dict(counts), "problems": problems}


def serve(state: str, folder: Path) -> None:
    """Be the window that is killed: go to a state, and say so."""
    from hdmea_gui.engine.auto_checkpoint import Keeper, Kept, NotKept
    from hdmea_gui.engine.controller import Controller
    from hdmea_gui.engine.first_look import FirstLook
    from hdmea_gui.shell.application import make_application
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.store.settings import SettingsStore

    asked: list[str] = []

    def say() -> None:
        if asked and asked != ["said"]:
            asked[:] = ["said"]
            sys.stdout.write("now\n")
            sys.stdout.flush()

    class Telling(Keeper):
        def keep(self, *arguments: Any) -> Kept | NotKept | None:
            say()
            return super().keep(*arguments)

    app = make_application()
    controller = Controller(keeper=Telling(folder / "recovery"), first_look=FirstLook())
    window = MainWindow(controller, SettingsStore(folder / "settings.json"))
    window.show()

    def act(kept: Kept | NotKept) -> None:
        if asked:
            return
        assert isinstance(kept, Kept), kept
        asked.append(state)
        if state != "automatic checkpoint":
            controller.progressed.connect(lambda progress: say())
        match state:
            case "idle":
                say()
            case "loading":
                controller.open([folder / "x.h5"])
            case "running" | "automatic checkpoint":
                controller.run_step("extract_features")
            case "saving":
                controller.save(folder / "x.h5", overwrite=True)
            case _:
                controller.export(folder / "table.csv", "csv", {})

    controller.kept.connect(act)
    controller.opened.connect(lambda result: asked or controller.run_step("section_spike_times"))
    controller.start()
    window.open_paths([folder / "x.h5"])
    app.exec()


# -- used for hours ----------------------------------------------------------------------------------------


def cycles(most: int, report: Callable[[int, float], None] = lambda number, nbytes: None) -> dict[str, Any]:
    """Open, run, save and open again and again in one window; its memory must not grow."""
    from PySide6.QtWidgets import QApplication

    from hdmea_gui.engine.controller import Activity, Controller
    from hdmea_gui.engine.first_look import FirstLook
    from hdmea_gui.shell.application import make_application
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.store.settings import SettingsStore

    make_application()
    used: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared(folder)
        sources = sorted((folder / "demo").glob("*.cm[ct]r"))
        controller = Controller(first_look=FirstLook())
        window = MainWindow(controller, SettingsStore(folder / "settings.json"))
        window.resize(1400, 900)
        window.show()

        def wait() -> None:
            until = time.monotonic() + _WAIT_S
            idle = 0
            while idle < 5:
                QApplication.processEvents()
                time.sleep(0.01)
                idle = idle + 1 if controller.activity is Activity.IDLE and not controller.owes_answers else 0
                assert time.monotonic() < until, controller.job_title

        controller.start()
        wait()
        for number in range(most):
            controller.open(sources)
            wait()
            for step in ("load_recording", "add_section_time", "section_spike_times", "extract_features"):
                controller.run_step(step)
                wait()
            controller.save(folder / "x.h5", overwrite=True)
            wait()
            controller.open([folder / "x.h5"])
            wait()
            assert len(controller.state.completed) == 4, controller.state.completed
            for view in window.views.all:
                window.tabs.setCurrentWidget(view)
                wait()
            used.append(psutil.Process().memory_full_info().uss / 1e6)
            report(number, used[-1])
        window.close_without_question()
    quarter = max(1, most // 4)
    early, late = (statistics.median(part) for part in (used[quarter : 2 * quarter] or used, used[-quarter:]))
    slope = statistics.linear_regression(range(2 * quarter), used[-2 * quarter :]).slope
    growth = late / early - 1
    counts = {"cycles": most, "first_mb": used[0], "second quarter_mb": early, "last quarter_mb": late}
    problems = [f"the memory grew by {growth:.1%}"] if growth > _MOST_GROWTH else []
    return {"counts": {**counts, "mb_per_cycle": slope}, "problems": problems}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("kills", "cycles", "serve"))
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", default="idle")
    parser.add_argument("--folder", type=Path, default=Path())
    found = parser.parse_args()
    if found.what == "serve":
        serve(found.state, found.folder)
        return
    logging.disable(logging.CRITICAL)

    def report(number: int, megabytes: float) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{number} {megabytes:.1f}\n")

    answer = kills(found.most, found.seed) if found.what == "kills" else cycles(found.most, report)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
