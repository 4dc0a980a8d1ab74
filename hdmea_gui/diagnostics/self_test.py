"""``hdmea-gui --self-test``: the program runs the demo, looks at itself and says whether all is well.

It uses settings, files and checkpoints of its own, in a temporary folder, and no display where there is none.
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from hdmea._version import __version__
from hdmea.utils.resources import resource_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QWidget

    from hdmea_gui.diagnostics.probe import Probe
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.views.parts.base import Preview

__all__ = [
    "Report",
    "SelfTest",
    "blank_plots",
    "change_of",
    "differences",
    "main",
    "seconds_since_start",
    "use_a_platform_that_works",
]

_TIMEOUT_S = 600.0
_VIEW_TIMEOUT_S = 60.0
# From the answer until it is painted.
_PAINT_TIMEOUT_S = 20.0
_TOLERANCE = 1e-4
# A view that only changed its hints of what to run changes by a third of that.
_LEAST_CHANGE = 0.1


@dataclass
class Report:
    """What was found.

    Attributes
    ----------
    version, python, system, platform, frozen
        What ran, and on what; `platform` is what Qt draws with, `frozen` tells a packaged program.
    seconds
        How long it took.
    start
        Seconds from the start of the process until the window was ``"shown"`` and ``"usable"``, and what of
        the first was ``"computed"`` by this process: the rest is waiting for files or other programs.
    values, kernels, from_cache
        Numbers of the demo by name; by module, whether compiled functions ran, and whether an earlier start
        had compiled them.
    views
        Which part of each view, 0 … 1, the demo painted.
    libraries
        Versions of the program and its libraries as “About” says them; an empty one fails a package.
    problems
        A sentence for each thing that is wrong; empty if all is well.
    """

    version: str = __version__
    python: str = field(default_factory=platform.python_version)
    system: str = field(default_factory=platform.platform)
    platform: str = ""
    frozen: bool = field(default_factory=lambda: bool(getattr(sys, "frozen", False)))
    seconds: float = 0.0
    start: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    kernels: dict[str, bool] = field(default_factory=dict)
    from_cache: dict[str, bool] = field(default_factory=dict)
    views: dict[str, float] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_line(self) -> str:
        """Return everything as one line of JSON."""
        return json.dumps({"ok": self.ok, **asdict(self)}, sort_keys=True)


def use_a_platform_that_works() -> None:
    """Have Qt draw into memory where there is no display."""
    on_linux = sys.platform.startswith("linux")
    if on_linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def differences(found: Mapping[str, float], expected: Mapping[str, float]) -> list[str]:
    """Return a sentence for each number that is not as expected."""
    return [
        f"{name} is {found.get(name, math.nan):.9g}, expected {value:.9g}"
        for name, value in expected.items()
        if not math.isclose(found.get(name, math.nan), value, rel_tol=_TOLERANCE)
    ]


class _Errors(logging.Handler):
    """Makes problems of what is logged as an error, raised, or raised where Qt calls."""

    def __init__(self, report: Report) -> None:
        super().__init__(logging.ERROR)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        reason = f": {record.exc_info[1]}" if record.exc_info else ""
        self._report.problems.append(f"logged: {record.getMessage()}{reason}")

    def take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Note an error that nobody caught, and show where it came from."""
        self._report.problems.append(f"raised: {kind.__name__}: {error}")
        sys.__excepthook__(kind, error, trace)

    def __enter__(self) -> None:
        logging.getLogger().addHandler(self)
        self._hook, sys.excepthook = sys.excepthook, self.take

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        sys.excepthook = self._hook
        logging.getLogger().removeHandler(self)
        if kind is None or error is None or not issubclass(kind, Exception):
            return False
        self.take(kind, error, trace)
        return True


class SelfTest:
    """Leads a window through the demo.

    Parameters
    ----------
    folder
        For settings, demo recording and checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.report = Report()
        self._expected = json.loads(resource_path("self_test.json").read_text(encoding="utf-8"))

    def run(self) -> Report:
        """Return what was found."""
        started = time.monotonic()
        with _Errors(self.report):
            self._run()
        self.report.seconds = round(time.monotonic() - started, 1)
        return self.report

    def _run(self) -> None:
        from hdmea_gui.shell.application import make_application

        self.report.platform = make_application().platformName()
        window = self._window()
        try:
            self._walk(window)
        finally:
            window.close_without_question()
        if not window.joined:
            self.report.problems.append("the worker did not end")
        self._ask_versions()

    def _ask_versions(self) -> None:
        from hdmea_gui.diagnostics.versions import LIBRARIES, PROJECT, library_version

        self.report.libraries = {name: library_version(name) for name in (PROJECT, *LIBRARIES)}
        if self.report.frozen:
            unknown = [name for name, version in self.report.libraries.items() if not version]
            self.report.problems += [f"“About” cannot say the version of {name}" for name in unknown]

    def _window(self) -> MainWindow:
        from hdmea_gui.engine.controller import Controller
        from hdmea_gui.shell.main_window import MainWindow
        from hdmea_gui.store.settings import SettingsStore

        settings = SettingsStore(self._folder / "settings.json")
        return MainWindow(Controller(), settings, self._folder / "demo", self._expected["demo"])

    def _walk(self, window: MainWindow) -> None:
        window.resize(1280, 720)
        window.show()
        _wait(lambda: window.windowHandle().isExposed(), _VIEW_TIMEOUT_S)
        self.report.start["shown"] = seconds_since_start()
        self.report.start["computed"] = round(time.process_time(), 3)
        window.controller.start()
        self._wait_until_idle(window)
        self.report.start["usable"] = seconds_since_start()
        empty = self._pictures(window)
        window.open_demo()
        self._wait_until_idle(window)
        window.controller.choose_flow(self._expected["flow"])
        window.controller.run_all()
        self._wait_until_idle(window)
        window.controller.selection.select_units(window.controller.state.unit_ids[1:2])
        self._look_at_views(window, empty)
        self._look_at_numbers(window)

    def _pictures(self, window: MainWindow) -> dict[str, QImage]:
        pictures = {}
        for name, turn, view in _looks(window):
            turn()
            _settle(100)
            pictures[name] = _picture(view)
        return pictures

    def _look_at_views(self, window: MainWindow, empty: Mapping[str, QImage]) -> None:
        controller = window.controller
        for name, turn, view in _looks(window):
            turn()
            # A view that was not shown meanwhile still has what it drew before the steps ran.
            _wait(lambda: not (controller.owes_answers or controller.health.key), _VIEW_TIMEOUT_S)
            self._look_at(name, view, change_of(view, empty[name]))

    def _look_at(self, name: str, view: QWidget, shown: Callable[[], float]) -> None:
        patience = 1.0 if self.report.problems else _PAINT_TIMEOUT_S
        _wait(lambda: shown() > _LEAST_CHANGE, patience)
        self.report.views[name] = round(shown(), 3)
        if shown() <= _LEAST_CHANGE:
            self.report.problems.append(f"the view {name} shows nothing of the demo")
            return
        _wait(lambda: not blank_plots(view), patience)
        self.report.problems += [f"in the view {name}: {problem}" for problem in blank_plots(view)]

    def _look_at_numbers(self, window: MainWindow) -> None:
        from hdmea_gui.diagnostics.probe import Probe, ProbeQuery

        answers: list[object] = []
        window.controller.ask(ProbeQuery(), answers.append)
        _wait(lambda: bool(answers), _VIEW_TIMEOUT_S)
        if answers and isinstance(answers[0], Probe):
            self._judge(answers[0])
        else:
            self.report.problems.append(f"the results could not be read: {answers}")

    def _judge(self, probe: Probe) -> None:
        self.report.values, self.report.kernels = probe.values, probe.kernels
        self.report.from_cache = probe.from_cache
        self.report.problems += differences(probe.values, self._expected["values"])
        self.report.problems += [
            f"the compiled functions of {name} were not used"
            for name, used in probe.kernels.items()
            if not used
        ]

    def _wait_until_idle(self, window: MainWindow) -> None:
        from hdmea_gui.engine.controller import Activity

        controller = window.controller
        _wait(lambda: window.dialog is not None or controller.activity is Activity.IDLE, _TIMEOUT_S)
        if window.dialog is not None:
            self.report.problems.append(f"the window asked or said: {window.dialog.windowTitle()}")
            window.dialog.close()
        elif controller.activity is not Activity.IDLE:
            self.report.problems.append(f"it took too long: {controller.job_title}")


def seconds_since_start() -> float:
    """Return the time since this process was started, before Python's own start."""
    if not sys.platform.startswith("linux"):
        import psutil

        return round(time.time() - float(psutil.Process().create_time()), 3)
    # psutil rounds the time of booting to seconds there; the fields after the name begin with the third.
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = int(fields[22 - 3])
    return round(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"), 3)


def _settle(milliseconds: int) -> None:
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def _wait(condition: Callable[[], bool], timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        _settle(5)


def _looks(window: MainWindow) -> Iterator[tuple[str, Callable[[], None], QWidget]]:
    """Return each view, and each page of a view that has some: name, how to turn to it, what is seen."""
    # Views that nobody wanted so far are made here.
    for view in window.views.all:
        for page in view.pages:
            yield page.title, partial(_turn_to, window, view, page), page


def _turn_to(window: MainWindow, view: Preview, page: Preview) -> None:
    window.tabs.setCurrentWidget(view)
    view.show_page(page)


def _picture(view: QWidget | None) -> QImage:
    from PySide6.QtGui import QImage

    if view is None:
        return QImage()
    return view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def change_of(view: QWidget | None, before: QImage) -> Callable[[], float]:
    """Return a function that tells which part of a view, 0 … 1, is not painted as it was `before`."""

    def measure() -> float:
        now = _picture(view)
        if now.isNull() or before.isNull():
            return 0.0
        return float((_pixels(now) != _pixels(before.scaled(now.size()))).mean())

    return measure


def blank_plots(view: QWidget) -> list[str]:
    """Return a sentence for each visible plot that shows only words, or nothing at all between its axes.

    A frame or a mark is something: what it should surround may be missing.
    """
    import pyqtgraph as pg

    from hdmea_gui.views.parts.plot_panel import PlotPanel

    panels = [panel for panel in view.findChildren(PlotPanel) if panel.isVisible() and panel.is_empty]
    problems = [f"“{panel.title}” says: {panel.empty_text}" for panel in panels]
    for graphics in view.findChildren(pg.GraphicsLayoutWidget):
        if not graphics.isVisible():
            continue
        # A plot that has just become visible gets its place with the next event only.
        graphics.ci.layout.activate()
        picture, scale = _picture(graphics), graphics.devicePixelRatioF()
        items = [item for item in graphics.scene().items() if isinstance(item, pg.ViewBox)]
        for area in (item for item in items if item.isVisible()):
            place = graphics.mapFromScene(area.sceneBoundingRect()).boundingRect().adjusted(2, 2, -2, -2)
            corners = (place.left(), place.top(), place.width(), place.height())
            inside = _pixels(picture.copy(*(round(scale * edge) for edge in corners)))
            if not inside.size or inside.min() == inside.max():
                problems.append(f"“{graphics.accessibleName()}” has an empty plot")
    return problems


def _pixels(picture: QImage) -> NDArray[np.uint32]:
    """Return the colours of a picture with 32 bits per pixel as (height, width)."""
    import numpy as np

    if picture.isNull():
        return np.empty((0, 0), np.uint32)
    colours = np.frombuffer(picture.constBits(), np.uint32)
    return colours.reshape(picture.height(), picture.width()).copy()


def main(report_path: Path | None = None) -> int:
    """Run the self-test; print the report as one line of JSON; return 0 if all is well, otherwise 1.

    Parameters
    ----------
    report_path
        File that gets the report as well: a windowed program on Windows has nowhere to print.
    """
    use_a_platform_that_works()
    with tempfile.TemporaryDirectory(prefix="hdmea-self-test-") as folder:
        report = SelfTest(Path(folder)).run()
    line = report.as_line() + "\n"
    if sys.stdout is not None:
        sys.stdout.write(line)
        sys.stdout.flush()
    if report_path is not None:
        report_path.write_text(line, encoding="utf-8")
    return 0 if report.ok else 1
