"""The program `hdmea-gui`: command line, crash evidence, window."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdmea._version import __version__
from hdmea_gui.diagnostics import uncaught
from hdmea_gui.diagnostics.logfile import LogFiles, default_log_folder

if TYPE_CHECKING:
    from hdmea_gui.shell.main_window import MainWindow

__all__ = ["main"]

logger = logging.getLogger(__name__)

_TITLE_BAR = 40
_COMPILE_AFTER_MS = 3000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    multiprocessing.freeze_support()
    options = _parse(sys.argv[1:] if argv is None else argv)
    if options.self_test:
        if sys.stderr is not None:
            faulthandler.enable()
        from hdmea_gui.diagnostics.self_test import main as test_myself

        return test_myself(options.report)
    uncaught.install()
    logging.captureWarnings(True)
    logs = LogFiles(options.log_folder or default_log_folder())
    logs.start()
    try:
        return _run(options, logs)
    finally:
        logs.stop()


def _run(options: argparse.Namespace, logs: LogFiles) -> int:
    from PySide6.QtCore import QTimer

    from hdmea.features.science.compiled import compiling_ahead
    from hdmea_gui.diagnostics.qt_messages import keep_qt_messages
    from hdmea_gui.engine.worker import any_left_behind
    from hdmea_gui.shell.application import Application, make_application

    keep_qt_messages()
    app = make_application()
    window = make_window(options, logs)
    show_window(window)
    window.controller.start()
    window.views.make_the_rest()
    window.recovery.offer()
    if options.demo:
        window.open_demo()
    elif options.files:
        window.open_paths([path.absolute() for path in options.files])
    if isinstance(app, Application):
        app.open_files_with(window.open_paths)
    with contextlib.ExitStack() as until_closed:
        # When the window is drawn and the engine is there, what the steps need is compiled beside them.
        later = QTimer(singleShot=True, interval=_COMPILE_AFTER_MS)
        later.timeout.connect(lambda: until_closed.enter_context(compiling_ahead()))
        later.start()
        code = app.exec()
        later.stop()
    if window.joined is False or any_left_behind():
        # A stalled drive contains the worker; destroying its thread would abort the process.
        logger.error("A job did not end in time and was abandoned.")
        logs.stop()
        logging.shutdown()
        os._exit(code)
    return code


def make_window(options: argparse.Namespace, logs: LogFiles | None = None) -> MainWindow:
    """Return the window, with the settings of this user."""
    from hdmea_gui.engine.controller import Controller
    from hdmea_gui.engine.first_look import FirstLook
    from hdmea_gui.flows.recover import make_keeper
    from hdmea_gui.shell.main_window import MainWindow
    from hdmea_gui.store.durations import default_durations_path
    from hdmea_gui.store.settings import SettingsStore, default_settings_path

    settings = SettingsStore(options.settings or default_settings_path())
    if options.theme:
        settings.values.theme = options.theme
    controller = Controller(keeper=make_keeper(settings.values), first_look=FirstLook())
    return MainWindow(controller, settings, logs=logs, durations=default_durations_path())


def show_window(window: MainWindow) -> None:
    """Show the window: over the whole screen where it does not fit, if no place of it is remembered."""
    room = window.screen().availableSize()
    fits = room.width() >= window.width() and room.height() >= window.height() + _TITLE_BAR
    if fits or window.settings.values.geometry:
        window.show()
    else:
        window.showMaximized()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hdmea-studio", description="HD-MEA Studio: recordings of the retina, from raw files to results."
    )
    parser.add_argument("files", nargs="*", type=Path, help="a recording, a folder, a result or a checkpoint")
    parser.add_argument("--version", action="version", version=f"HD-MEA Studio {__version__}")
    parser.add_argument("--demo", action="store_true", help="open the demo recording")
    parser.add_argument("--theme", choices=("light", "dark", "system"), help="colours of the window")
    parser.add_argument("--self-test", action="store_true", help="run the demo, look at every view, and exit")
    parser.add_argument("--report", type=Path, help="file for the report of --self-test")
    parser.add_argument("--settings", type=Path, help="another settings file")
    parser.add_argument("--log-folder", type=Path, help="another folder for log files")
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    sys.exit(main())
