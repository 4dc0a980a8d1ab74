"""How long the window's event loop stands still while the engine works, on a recording of 500 units.

``python -m benchmarks.event_gaps [--cache FOLDER] [--units 500] [--batch N] [--stacks MS] [--platform xcb]``

The real window opens a simulated recording and runs every step with automatic checkpoints, then saves,
opens the file lazily, saves that, changes units, tabs and themes while steps run, with forced garbage
collections on both threads. A precise timer of 5 ms tells the gaps; the same timer in an idle process beside
it tells what the computer itself makes late. The aim: never longer than 100 ms, 99 % of ticks under 33 ms.

With ``--stacks 60`` the stacks of all threads are shown as they were from 60 ms on in the worst gaps.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.event_watch import EventWatch, IdleNeighbour, settle, shares

if TYPE_CHECKING:
    from hdmea_gui.shell.main_window import MainWindow

LONGEST_MS = 100.0
SHARE = 0.99
TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class CollectQuery:
    """A garbage collection on the worker."""

    def answer(self, workspace: Any) -> int:
        """Return how many objects were found."""
        return gc.collect()


class Walk:
    """Leads the window through a day's work.

    Parameters
    ----------
    window
        The real one, shown.
    watch
        Gets the name of what is done.
    folder
        For results and checkpoints.
    """

    def __init__(self, window: MainWindow, watch: EventWatch, folder: Path, verbose: bool) -> None:
        self.window, self.controller, self.watch = window, window.controller, watch
        self._folder, self._verbose = folder, verbose
        self._running = ""
        self._collected: list[object] = []
        self._themes = itertools.cycle(("dark", "light"))
        self.controller.progressed.connect(self._on_progress)
        self.controller.activity_changed.connect(self._on_activity)

    def run(self, paths: list[Path], flow: str) -> None:
        """Do everything."""
        self._phase("start", self.controller.start)
        self._phase("making the views", self.window.views.make_the_rest, at_least_s=2.0)
        self._phase("open", lambda: self.controller.open(paths))
        self.watch.name_of_now = "run all"
        self._running = "run all"
        self.controller.choose_flow(flow)
        self.window.actions_["run_all"].trigger()
        self._wait()
        self._running = ""
        self._views("with all results")
        self._phase("collect garbage, window's thread", lambda: _times(5, gc.collect))
        self._phase("collect garbage, worker", self._collect_on_worker)
        self._phase("checkpoint", lambda: self._write("checkpoint"))
        self._phase("save", lambda: self._write("save"), meanwhile=self._collect)
        result = self._folder / "save.h5"
        self._phase("open the result", lambda: self.controller.open([result]))
        self._views("of a lazily opened result")
        self._phase("save the lazy session", lambda: self._write("again"), meanwhile=self._collect)
        self._phase("open the result again", lambda: self.controller.open([result]))
        again = lambda: self._run_again("extract_features")  # noqa: E731
        self._phase("run a step on the lazy session", lambda: self._run_again("compute_sta"))
        self._phase("units, tabs, themes change while a step runs", again, meanwhile=self._next_of_all)
        self._phase("theme changes", lambda: None, meanwhile=self._next_theme, at_least_s=2.0)

    def run_batch(self, day: Path, flow: str, other: list[Path]) -> None:
        """Run a batch, first with the page in view, then with another recording in the window."""
        page, runner = self.window.batch, self.controller.batch
        self._phase("start", self.controller.start)
        self.window.show_batch()
        page.setup.output.setText(str(self._folder / "results"))
        page.setup.flow.setCurrentIndex(page.setup.flow.findData(flow))
        self._phase("add the recordings", lambda: page.add([day]))
        while runner.is_busy:
            settle(100)
        count = len(runner.items)
        self.watch.name_of_now = f"a batch of {count} runs, its page in view"
        page.run()
        while runner.is_running and runner.ended_count < count // 3:
            settle(100)
        self.window.show_batch(False)
        self._phase("it runs, a recording is opened", lambda: self.controller.open(other))
        self.watch.name_of_now = "it runs, units and tabs change"
        while runner.is_running and runner.ended_count < 2 * count // 3:
            self._next_unit()
            settle(400)
            self._next_tab()
            settle(400)
        self.window.show_batch()
        self.watch.name_of_now = f"a batch of {count} runs, its page in view"
        while runner.is_running:
            settle(100)
        print(f"{sum(each.good for each in runner.outcomes.values())} of {count} recordings are complete")

    def close(self) -> None:
        """Close the window."""
        self.watch.name_of_now = "close"
        self.window.close_without_question()

    def _views(self, what: str) -> None:
        for index in range(self.window.tabs.count()):
            name = self.window.tabs.tabText(index)
            self._phase(f"view {name}, {what}", lambda index=index: self.window.tabs.setCurrentIndex(index))
        self._phase(f"units change, {what}", lambda: None, meanwhile=self._next_unit, at_least_s=2.0)
        self._phase(f"tabs change, {what}", lambda: None, meanwhile=self._next_tab, at_least_s=3.0)
        self.window.tabs.setCurrentIndex(0)

    def _phase(
        self,
        name: str,
        action: Callable[[], object],
        *,
        meanwhile: Callable[[], None] | None = None,
        at_least_s: float = 0.3,
    ) -> None:
        self.watch.name_of_now = name
        settle(30)
        action()
        self._wait(meanwhile, at_least_s)
        if self._verbose:
            print(f"{time.strftime('%X')} {name}", file=sys.stderr, flush=True)

    def _wait(self, meanwhile: Callable[[], None] | None = None, at_least_s: float = 0.3) -> None:
        from hdmea_gui.engine.controller import Activity

        started = time.monotonic()
        while self.controller.activity is not Activity.IDLE or time.monotonic() - started < at_least_s:
            settle(100)
            if meanwhile is not None:
                meanwhile()
            self._dismiss()
            if time.monotonic() - started > TIMEOUT_S:
                raise TimeoutError(self.watch.name_of_now)

    def _dismiss(self) -> None:
        if self.window.dialog is not None:
            print(f"The window says: {self.window.dialog.windowTitle()}", file=sys.stderr)
            self.window.dialog.close()

    def _write(self, name: str) -> None:
        write = self.controller.checkpoint if name == "checkpoint" else self.controller.save
        write(self._folder / f"{name}.h5", overwrite=False)

    def _run_again(self, step: str) -> None:
        self.controller.run_step(step)

    def _collect(self) -> None:
        settle(900)
        gc.collect()
        self._collect_on_worker()

    def _collect_on_worker(self) -> None:
        self.controller.ask(CollectQuery(), self._collected.append)

    def _next_unit(self) -> None:
        self.window.actions_["next_unit"].trigger()

    def _next_tab(self) -> None:
        tabs = self.window.tabs
        tabs.setCurrentIndex((tabs.currentIndex() + 1) % tabs.count())

    def _next_theme(self) -> None:
        self.window.use_theme(next(self._themes))
        settle(200)

    def _next_of_all(self) -> None:
        for change in (self._next_unit, self._next_tab, self._next_unit, self._next_theme):
            change()
            settle(100)

    def _on_progress(self, progress: Any) -> None:
        if self._running:
            step = next(
                (i.spec.title for i in self.controller.steps.items if i.spec.name == progress.part), ""
            )
            what = "automatic checkpoint" if not step and "checkpoint" in progress.text else step
            now = f"{self._running}: {what}" if what else self.watch.name_of_now
            if now != self.watch.name_of_now and self._verbose:
                print(f"{time.strftime('%X')} {now} …", file=sys.stderr, flush=True)
            self.watch.name_of_now = now

    def _on_activity(self) -> None:
        if self._running and not self.controller.job_title:
            self.watch.name_of_now = f"{self._running}: end"


def _times(count: int, call: Callable[[], object]) -> None:
    for _ in range(count):
        call()
        settle(100)


def simulated_pair(cache: Path, units: int, minutes: float, raw_seconds: float) -> list[Path]:
    """Return the raw and the sorted file of a simulated recording; made once."""
    folder = cache / f"event-gaps-{units}-{minutes:g}-{raw_seconds:g}"
    if not (folder / "complete").exists():
        from hdmea.simulate import Experiment, simulate_recording

        print(f"Simulating a recording of {units} units in {folder} …", file=sys.stderr)
        experiment = Experiment.large(n_units=units, minutes=minutes, raw_seconds=raw_seconds, lead_s=6.0)
        simulate_recording(folder, experiment)
        (folder / "complete").touch()
    return sorted(folder.glob("*.cm[ct]r"))


def _day(paths: list[Path], folder: Path, count: int) -> Path:
    """Return a folder with so many recordings, all of them the same one."""
    folder.mkdir()
    for number, path in itertools.product(range(count), paths):
        os.link(path, folder / f"r{number:02d}-{path.name}")
    for path in paths[0].parent.glob("*.csv"):
        shutil.copy(path, folder)
    for name in ("stimuli", "config"):
        (folder / name).symlink_to(paths[0].parent / name)
    return folder


def _window(folder: Path) -> MainWindow:
    from hdmea_gui.engine.auto_checkpoint import Keeper
    from hdmea_gui.engine.controller import Controller
    from hdmea_gui.shell.application import make_application
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.store.settings import SettingsStore

    make_application()
    keeper = Keeper(folder / "automatic", share=0.9)
    return MainWindow(Controller(keeper=keeper), SettingsStore(folder / "settings.json"))


def _report(watch: EventWatch, idle: IdleNeighbour, worst: int) -> bool:
    print(f"{'phase':52s} {'seconds':>7s} {'longest':>9s} {'< 33 ms':>9s} {'ticks':>7s} {'own':>9s}  beside")
    everything: list[float] = []
    for phase in watch.phases.values():
        longest, share, ticks = shares(phase.gaps)
        noise, noise_share, _ = shares(idle.during(phase))
        mark = "" if longest <= LONGEST_MS and share >= SHARE else " <-"
        print(
            f"{phase.name:52s} {sum(phase.gaps):7.1f} {longest:6.0f} ms {100 * share:7.2f} % {ticks:7d} "
            f"{1000 * max(phase.own):6.0f} ms  {noise:4.0f} ms {100 * noise_share:6.2f} %{mark}"
        )
        everything += phase.gaps
    longest, share, ticks = shares(everything)
    noise, noise_share, _ = shares([gap for _, gap in idle.ticks])
    print(
        f"{'all':52s} {sum(everything):7.1f} {longest:6.0f} ms {100 * share:7.2f} % {ticks:7d} {'':9s}  "
        f"{noise:4.0f} ms {100 * noise_share:6.2f} %"
    )
    for phase in watch.phases.values():
        for gap, text in sorted(phase.stacks, reverse=True)[:worst]:
            print(f"\n--- {phase.name}: {1000 * gap:.0f} ms\n{text}")
    return longest <= LONGEST_MS and share >= SHARE


def main() -> int:
    """Print the gaps of each phase; return 0 if none was too long."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "hdmea-benchmarks")
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument("--raw-seconds", type=float, default=4.0)
    parser.add_argument("--platform", default="offscreen", help="Qt platform: offscreen, xcb …")
    parser.add_argument("--stacks", type=float, default=0.0, metavar="MS", help="show stacks of longer gaps")
    parser.add_argument("--worst", type=int, default=3, help="gaps of each phase whose stacks are shown")
    parser.add_argument("--flow", default="standard", help="steps of the full run")
    parser.add_argument("--batch", type=int, default=0, help="run a batch of so many recordings instead")
    parser.add_argument("--verbose", action="store_true", help="say what has been done")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = options.platform
    paths = simulated_pair(options.cache, options.units, options.minutes, options.raw_seconds)
    folder = Path(tempfile.mkdtemp(prefix="event-gaps-", dir=options.cache))
    try:
        window = _window(folder)
        window.show()
        watch = EventWatch(options.stacks / 1000)
        walk = Walk(window, watch, folder, options.verbose)
        with IdleNeighbour() as idle:
            settle(500)
            watch.start()
            try:
                if options.batch:
                    walk.run_batch(_day(paths, folder / "day", options.batch), options.flow, paths)
                else:
                    walk.run(paths, options.flow)
                walk.close()
            finally:
                watch.stop()
        return 0 if _report(watch, idle, options.worst) else 1
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
