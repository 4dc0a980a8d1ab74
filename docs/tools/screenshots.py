"""Pictures of the window for the documentation: ``python -m docs.tools.screenshots FOLDER``.

Opens the demo recording, runs a flow, and grabs every view in both themes at 1280×720.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QEventLoop, QTimer
from PySide6.QtWidgets import QWidget

from docs.tools.showcase import hide_batch, shell_dialogs, show_batch, show_rig
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.snapshot import FileFacts
from hdmea_gui.flows.about_dialog import AboutDialog
from hdmea_gui.flows.save import OverwriteDialog
from hdmea_gui.shell.application import make_application
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from hdmea_gui.views.stimulus.view import StimulusPreview
from hdmea_gui.views.unit.view import UnitPreview
from hdmea_gui.views.units.view import UnitsPreview

__all__ = ["Photographer", "main"]

THEMES = ("light", "dark")


class Photographer:
    """Leads a window through the demo and takes pictures.

    Parameters
    ----------
    folder
        Where the pictures go; made if needed.
    scratch
        Folder for settings and the demo recording.
    demo_size, flow
        Demo recording, and the flow that is run on it.
    alternate
        Take each picture in one theme only, in turn: half the time.
    """

    def __init__(
        self,
        folder: Path,
        scratch: Path,
        demo_size: str = "small",
        flow: str = "quick",
        *,
        alternate: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.taken: list[Path] = []
        self._flow = flow
        self._alternate = alternate
        self._next = 0
        self._app = make_application()
        settings = SettingsStore(scratch / "settings.json")
        self.window = MainWindow(Controller(), settings, scratch / "demo", demo_size)

    def run(self) -> list[Path]:
        """Take all pictures; return their files."""
        window = self.window
        window.resize(1280, 720)
        window.show()
        window.controller.start()
        self._wait_until_idle()
        self._take("welcome")
        window.open_demo()
        self._wait_until_idle()
        self._take("card")
        window.controller.choose_flow(self._flow)
        window.panel.show_flows()
        window.controller.run_all()
        # A short run may end before anything of it was seen.
        idle = Activity.IDLE
        steps = window.controller.steps
        self._wait(
            lambda: window.controller.activity is idle or any(item.fraction > 0.4 for item in steps.items)
        )
        self._take("running")
        self._wait_until_idle()
        window.tabs.setCurrentWidget(window.recording)
        self._settle()
        self._take("recording")
        self._zoom_in()
        self._take("recording_zoomed")
        window.recording.show_all()
        window.controller.selection.select_units(window.controller.state.unit_ids[1:2])
        window.tabs.setCurrentWidget(window.views.get(UnitPreview))
        window.panel.list.choose("compute_sta")
        self._settle()
        self._take_unit()
        self._take_previews()
        window.tabs.setCurrentWidget(window.views.get(UnitPreview))
        window.actions_["log"].trigger()
        self._take("log")
        window.actions_["log"].trigger()
        self._take_overwrite()
        self._take_dialogs()
        self._take_parts()
        show_batch(window)
        self._take("batch")
        hide_batch(window)
        show_rig(window)
        self._take("rig")
        window.close_without_question()
        return self.taken

    def _themes(self) -> tuple[str, ...]:
        """Return the themes of the next picture."""
        self._next = 1 - self._next
        return THEMES[self._next :][:1] if self._alternate else THEMES

    def _take(self, name: str) -> None:
        for theme in self._themes():
            self.window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
            self._settle(120)
            self._grab(self.window, f"{name}_{theme}")

    def _take_unit(self) -> None:
        """Take the unit's pages, and its responses to each kind of movie."""
        unit = self.window.views.get(UnitPreview)
        self._take("unit")
        unit.show_page(unit.responses)
        self._settle()
        movies = [unit.responses.movies.itemText(row) for row in range(unit.responses.movies.count())]
        for movie in movies:
            self.window.controller.selection.select_movie(movie)
            self._settle()
            self._take(f"unit_{movie.partition('_')[0]}")
        unit.show_page(unit.features)
        self._settle()
        self._take("unit_numbers")
        unit.show_page(unit.overview)

    def _take_previews(self) -> None:
        window = self.window
        units = window.views.get(UnitsPreview)
        movies = [units.movies.itemText(row) for row in range(units.movies.count())]
        window.controller.selection.select_movie(next((m for m in movies if m.startswith("step")), ""))
        for view in window.views.all:
            if view is not window.recording and len(view.pages) == 1:
                window.tabs.setCurrentWidget(view)
                self._settle()
                self._take(view.name)
        self._take_several()

    def _take_several(self) -> None:
        """Take the responses of several units to two movies."""
        window = self.window
        units = window.views.get(UnitsPreview)
        window.tabs.setCurrentWidget(units)
        window.controller.selection.select_units(window.controller.state.unit_ids[:5])
        for kind in ("step", "moving"):
            movies = [units.movies.itemText(row) for row in range(units.movies.count())]
            window.controller.selection.select_movie(next((m for m in movies if m.startswith(kind)), ""))
            self._settle()
            self._take(f"units_several_{kind}")

    def _grab(self, widget: QWidget, name: str) -> None:
        path = self.folder / f"{name}.png"
        widget.grab().save(str(path))
        self.taken.append(path)

    def _take_overwrite(self) -> None:
        own = self.window.controller.own_facts()
        there = FileFacts(
            Path("/data/2025-04-10") / f"{own.dataset_id}.h5",
            own.dataset_id,
            own.n_units,
            own.steps[:2],
            31_400_000,
            "2025-04-10T11:42:00+00:00",
        )
        titles = {item.spec.name: item.spec.title for item in self.window.controller.steps.items}
        dialog = OverwriteDialog(there, own, titles, self.window)
        self.window.dialogs.open(dialog)
        for theme in self._themes():
            self.window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
            self._settle(80)
            self._grab(dialog, f"overwrite_{theme}")
        dialog.close()

    def _take_dialogs(self) -> None:
        for theme in self._themes():
            self.window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
            for name, dialog in shell_dialogs(self.window):
                while isinstance(dialog, AboutDialog) and dialog.is_reading:
                    self._settle(20)
                self._settle(80)
                self._grab(dialog, f"{name}_{theme}")

    def _take_parts(self) -> None:
        """Take parts of the window in use: frames one by one, a filtered table, changed parameters."""
        window = self.window
        stimulus = window.views.get(StimulusPreview)
        window.tabs.setCurrentWidget(stimulus)
        stimulus.frames.zoom(x=(20.0, 20.5))
        self._settle()
        self._take("stimulus_zoomed")
        stimulus.show_all()
        window.table.filter.setText("DSI > 0.3 and rate > 1")
        window.table.apply_filter()
        window.panel.list.choose("compute_eimage_sta")
        window.controller.parameters("compute_eimage_sta").set_value("duration_s", 30.0)
        for name, part in {"table": window.table, "panel": window.panel}.items():
            for theme in self._themes():
                self.window.use_theme(theme, at_once=True)  # type: ignore[arg-type]
                self._settle(120)
                self._grab(part, f"{name}_{theme}")

    def _zoom_in(self) -> None:
        view = self.window.recording
        view.raster.zoom(x=(18.0, 22.0))
        self._settle()

    def _wait_until_idle(self) -> None:
        self._wait(lambda: self.window.controller.activity is Activity.IDLE)

    def _wait(self, condition: Callable[[], bool], timeout_ms: int = 300_000) -> None:
        clock = QElapsedTimer()
        clock.start()
        while not condition():
            if clock.elapsed() > timeout_ms:
                raise TimeoutError("The window does not get on: no pictures were taken of what follows.")
            if self.window.dialog is not None:
                raise RuntimeError(f"The window asks something: {self.window.dialog.windowTitle()}")
            self._settle(5)

    def _settle(self, milliseconds: int = 300) -> None:
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()


def main(argv: Sequence[str] | None = None) -> int:
    """Take the pictures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.tools.screenshots")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument(
        "--size", default="small", choices=("tiny", "small", "large"), help="of the demo recording"
    )
    parser.add_argument("--flow", default="quick", choices=("quick", "standard"), help="what is run")
    options = parser.parse_args(argv)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as scratch:
        Photographer(options.folder, Path(scratch), options.size, options.flow).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
