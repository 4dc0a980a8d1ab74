"""The program `hdmea-gui`: command line, crash evidence, window."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from hdmea._version import __version__

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from hdmea_gui.main_window import MainWindow

__all__ = ["main"]

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    multiprocessing.freeze_support()
    options = _parse(sys.argv[1:] if argv is None else argv)
    _keep_crash_evidence()
    if options.self_test:
        from hdmea_gui.self_test import main as test_myself

        return test_myself(options.report)
    sys.excepthook = _report_uncaught
    app = make_application()
    window = make_window(options)
    window.show()
    window.controller.start()
    window.recovery.offer()
    if options.demo:
        window.open_demo()
    elif options.files:
        window.open_paths([path.absolute() for path in options.files])
    code = app.exec()
    if window.joined is False:
        # A stalled drive holds the worker; destroying its thread would abort the process.
        logger.error("A job did not end in time and is left behind.")
        logging.shutdown()
        os._exit(code)
    return code


def make_application() -> QApplication:
    """Return the one application object, made if needed."""
    from PySide6.QtCore import QCoreApplication
    from PySide6.QtWidgets import QApplication

    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    QCoreApplication.setApplicationName("HD-MEA Studio")
    QCoreApplication.setOrganizationName("HD-MEA Studio")
    app = QApplication(sys.argv[:1])
    app.setDesktopFileName("hdmea-studio")
    return app


def make_window(options: argparse.Namespace) -> MainWindow:
    """Return the window, with the settings of this user."""
    from hdmea_gui.controller import Controller
    from hdmea_gui.main_window import MainWindow
    from hdmea_gui.recovery import make_keeper
    from hdmea_gui.settings import SettingsStore, default_settings_path

    settings = SettingsStore(options.settings or default_settings_path())
    if options.theme:
        settings.values.theme = options.theme
    return MainWindow(Controller(keeper=make_keeper(settings.values)), settings)


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
    return parser.parse_args(list(arguments))


def _keep_crash_evidence() -> None:
    """Have a crash leave its stack: on the error stream, or in a file where there is none."""
    if sys.stderr is not None:
        faulthandler.enable()
        return
    import platformdirs

    folder = Path(platformdirs.user_log_dir("hdmea-studio", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Open as long as the process lives: a crash is written into it.
        faulthandler.enable((folder / "crash.log").open("a", encoding="utf-8"))
    except OSError as error:
        logger.warning("There will be no crash log: %s", error)


def _report_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Bring an error that nobody expected into the log of the window; the program goes on."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logger.critical("Unexpected error: %s", error, exc_info=(kind, error, trace))


if __name__ == "__main__":
    sys.exit(main())
