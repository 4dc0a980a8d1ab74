"""Files that the desktop hands over while the program runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HANDED_OVER = """
from PySide6.QtCore import QCoreApplication, QEvent, QUrl
from PySide6.QtGui import QFileOpenEvent
from hdmea_gui.shell.application import make_application

app = make_application()
opened = []
QCoreApplication.sendEvent(app, QFileOpenEvent(QUrl.fromLocalFile("/data/early ü.cmcr")))
assert opened == []
app.open_files_with(lambda paths: opened.append([path.as_posix() for path in paths]))
assert opened == [["/data/early ü.cmcr"]], opened
QCoreApplication.sendEvent(app, QFileOpenEvent(QUrl.fromLocalFile("/data/late.cmtr")))
assert opened[1:] == [["/data/late.cmtr"]], opened
QCoreApplication.sendEvent(app, QEvent(QEvent.Type.ApplicationActivate))
QCoreApplication.sendEvent(app, QFileOpenEvent(QUrl("https://example.org/x.cmcr")))
assert len(opened) == 2, opened
"""


def test_files_of_the_desktop_are_opened_also_those_that_came_before_the_window() -> None:
    # An interpreter of its own: a process has one application object, and here it is that of the tests.
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", HANDED_OVER],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
