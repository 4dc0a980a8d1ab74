"""How fast the window draws: panning 20 million spikes, choosing a unit, the start of the program.

``python -m benchmarks.views [--cache FOLDER] [--units 500] [--only raster|units|start] [--platform xcb]``

*raster*: the recording's view pans and zooms by itself; the time of a frame is that of computing and
painting it, and the aim is 30 frames per second. *units*: from choosing another unit to the painted view, for
each view, on a result of 500 units with everything computed; the aim is 50 ms. *start*: from the start of the
process to a window that takes input, and what of it is imports; the aim is 2 s.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.event_gaps import simulated_pair
from benchmarks.event_watch import settle

if TYPE_CHECKING:
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.views.recording.query import RecordingView

WIDTHS_S = (1800.0, 900.0, 400.0, 200.0, 120.0, 60.0, 20.0, 6.0, 2.0, 0.5)

_START = """
import sys, time
started = float(sys.argv[1])
import hdmea_gui.shell.app as program
options = program._parse(["--settings", sys.argv[2]])
from hdmea_gui.shell.application import make_application
app = make_application()
import hdmea_gui.engine, hdmea_gui.shell.main_window
imported, cpu = time.time(), time.process_time()
window = program.make_window(options)
window.show()
app.processEvents()
shown = time.time()
print(imported - started, shown - started, cpu, time.process_time())
window.close_without_question()
"""


# -- raster ------------------------------------------------------------------------------------------


def population(units: int, spikes: int, seconds: float) -> RecordingView:
    """Return Poisson spike trains with log-normal rates, as the recording's view gets them."""
    from hdmea.analysis.raster import SpikeRaster
    from hdmea_gui.views.recording.query import RecordingView

    rng = np.random.default_rng(1)
    shares = rng.lognormal(0.0, 0.6, units)
    counts = np.round(shares / shares.sum() * spikes).astype(int)
    trains = [np.sort(rng.integers(0, int(seconds * 20_000), count)).astype(np.uint64) for count in counts]
    started = time.perf_counter()
    raster = SpikeRaster(trains, 20_000.0, seconds)
    rate = raster.population_rate()
    print(f"{raster.n_spikes:,} spikes of {units} units: prepared in {time.perf_counter() - started:.2f} s")
    ids = tuple(f"unit_{number + 1:03d}" for number in range(units))
    places = rng.integers(1, 66, (units, 2)).astype(float)
    return RecordingView(ids, raster, rate, (), seconds, places, counts / seconds, 65)


def time_raster(window: MainWindow, view: RecordingView, frames: int) -> None:
    """Print the time of a frame while panning, for several widths of the view, and while zooming."""
    preview = window.recording
    window.tabs.setCurrentWidget(preview)
    preview.show_answer(view)
    settle(300)
    print(f"\n{'raster':34s} {'median':>9s} {'95 %':>9s} {'frames/s':>9s}")
    for width in WIDTHS_S:
        starts = np.linspace(0.0, max(0.0, view.duration_s - width) * 0.2, frames)
        if width >= view.duration_s:
            starts = np.zeros(frames)
        times = [_frame(window, start, start + width) for start in starts]
        kind = "spikes" if preview.raster.shows_ticks else "image"
        _print_frames(f"panning, {width:g} s wide, {kind}", times)
    widths = np.geomspace(view.duration_s, 0.1, 4 * frames)
    middle = view.duration_s / 3
    times = [_frame(window, max(0.0, middle - width / 2), middle + width / 2) for width in widths]
    _print_frames("zooming, all widths", times)


def _frame(window: MainWindow, start: float, stop: float) -> float:
    from PySide6.QtWidgets import QApplication

    began = time.perf_counter()
    raster = window.recording.raster
    raster.zoom(x=(start, stop))
    raster.redraw()
    window.recording.graphics.viewport().repaint()
    elapsed = time.perf_counter() - began
    QApplication.processEvents()
    return elapsed


def _print_frames(name: str, times: list[float]) -> None:
    median, slow = np.percentile(times, (50, 95))
    mark = "" if slow <= 1 / 30 else " <-"
    print(f"{name:34s} {1000 * median:6.1f} ms {1000 * slow:6.1f} ms {1 / np.mean(times):9.0f}{mark}")


# -- units -------------------------------------------------------------------------------------------


def time_units(window: MainWindow, result: Path, changes: int) -> None:
    """Print the time from choosing a unit to the painted view."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    window.controller.open([result])
    _wait_until_idle(window)
    ids = window.controller.state.unit_ids
    print(f"\n{f'another unit of {len(ids)}':34s} {'median':>9s} {'95 %':>9s} {'longest':>9s}")
    for index in range(window.tabs.count()):
        window.tabs.setCurrentIndex(index)
        window.controller.selection.select_units(ids[:1])
        settle(1500)
        times = []
        for change in range(changes):
            settle(30)
            began = time.perf_counter()
            window.controller.selection.select_units((ids[1 + 7 * change % (len(ids) - 1)],))
            while window.controller.owes_answers:
                # As the program does: a loop that never rests would keep the interpreter from the worker.
                QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            QApplication.processEvents()
            times.append(1000 * (time.perf_counter() - began))
        median, slow = np.percentile(times, (50, 95))
        mark = "" if slow <= 50 else " <-"
        print(f"{window.tabs.tabText(index):34s} {median:6.1f} ms {slow:6.1f} ms {max(times):6.1f} ms{mark}")


def computed_result(cache: Path, units: int) -> Path:
    """Return a result file of the simulated recording with all steps computed; made once."""
    path = cache / f"views-{units}.h5"
    if not path.exists():
        from hdmea.pipeline import create_session, run_step
        from hdmea.pipeline.flows import load_flow

        cmtr, cmcr = sorted(simulated_pair(cache, units, 12.0, 4.0))
        session = create_session(cmcr_path=cmcr, cmtr_path=cmtr, output_dir=cache)
        for step in load_flow("standard").steps:
            if step.step != "fit_lnl":
                sources = {"cmcr_path": str(cmcr), "cmtr_path": str(cmtr)}
                run_step(session, step.step, sources if step.step == "load_recording" else step.params)
        session.save(path)
    return path


# -- start -------------------------------------------------------------------------------------------


def time_start(folder: Path, rounds: int) -> None:
    """Print the time from the start of a process to the window."""
    print(f"\n{'start':34s} {'imports':>9s} {'window':>9s} {'processor time':>16s}")
    best = [np.inf] * 4
    for round_ in range(rounds + 1):
        done = subprocess.run(
            [sys.executable, "-c", _START, repr(time.time()), str(folder / "start.json")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = [float(word) for word in done.stdout.split()]
        best = [min(pair) for pair in zip(best, found, strict=True)] if round_ else best
        print(
            f"{'first' if not round_ else '':34s} {found[0]:7.2f} s {found[1]:7.2f} s "
            f"{found[2]:6.2f} + {found[3] - found[2]:.2f} s"
        )
    print(f"{'shortest':34s} {best[0]:7.2f} s {best[1]:7.2f} s {'' if best[1] < 2 else '<-'}")


# -- all ---------------------------------------------------------------------------------------------


def _wait_until_idle(window: MainWindow) -> None:
    from hdmea_gui.engine.controller import Activity

    while window.controller.activity is not Activity.IDLE:
        settle(20)


@contextlib.contextmanager
def _window(folder: Path) -> Iterator[MainWindow]:
    from hdmea_gui.engine.controller import Controller
    from hdmea_gui.shell.application import make_application
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.store.settings import SettingsStore

    make_application()
    window = MainWindow(Controller(), SettingsStore(folder / "settings.json"))
    window.show()
    window.controller.start()
    _wait_until_idle(window)
    try:
        yield window
    finally:
        window.close_without_question()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "hdmea-benchmarks")
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--spikes", type=int, default=20_000_000)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--only", choices=("raster", "units", "start"))
    parser.add_argument("--platform", default="offscreen", help="Qt platform: offscreen, xcb …")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = options.platform
    options.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="views-") as folder:
        if options.only in {None, "start"}:
            time_start(Path(folder), 5)
        if options.only == "start":
            return
        result = computed_result(options.cache, options.units) if options.only != "raster" else None
        with _window(Path(folder)) as window:
            if options.only != "units":
                time_raster(window, population(options.units, options.spikes, 1800.0), options.frames)
            if result is not None:
                time_units(window, result, options.frames)


if __name__ == "__main__":
    main()
