"""The log file, what a crash leaves behind, errors that nobody expected, and reports of problems."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from hdmea_gui.diagnostics import logfile, uncaught
from hdmea_gui.diagnostics.error_report import error_report, without_home
from hdmea_gui.diagnostics.logfile import LogFiles
from hdmea_gui.dialogs.message import MessageDialog
from hdmea_gui.engine.auto_checkpoint import RecoveryOffer
from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.snapshot import StateView
from hdmea_gui.flows.recover import RecoveryDialog
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from tests.gui.conftest import visible_texts


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogFiles]:
    found = LogFiles(tmp_path / "Protokolle µ" / "log")
    yield found
    found.stop()


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


# -- files -------------------------------------------------------------------------------------------


def test_what_is_logged_goes_into_the_file_and_a_clean_end_leaves_only_that(logs: LogFiles) -> None:
    logs.start()
    logging.getLogger("hdmea.io").warning("the light signal ends early")
    try:
        raise ValueError("upside down")
    except ValueError:
        logging.getLogger("hdmea_gui.test").exception("failed")
    logs.stop()

    text = logs.path.read_text(encoding="utf-8")
    assert "WARNING  hdmea.io: the light signal ends early" in text
    assert "ValueError: upside down" in text
    assert [path.name for path in logs.folder.iterdir()] == [logs.path.name]


def test_the_log_rotates(logs: LogFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "_MAX_BYTES", 2000)
    logs.start()

    for number in range(400):
        logging.getLogger("hdmea").info("line %d of many that fill the file", number)

    files = sorted(logs.folder.glob("hdmea-studio.log*"))
    assert len(files) == 1 + logfile._N_OLD_LOGS
    assert all(path.stat().st_size <= 2000 for path in files)
    assert "line 399" in logs.path.read_text(encoding="utf-8")


def test_a_log_that_another_program_holds_is_written_on(
    logs: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError("in use")

    monkeypatch.setattr(logfile, "_MAX_BYTES", 500)
    logs.folder.mkdir(parents=True)
    earlier = {f"{logs.path}.{number}": f"log number {number}" for number in range(1, 5)}
    for name, text in earlier.items():
        Path(name).write_text(text)
    logs.start()
    monkeypatch.setattr(os, "rename", refuse)
    monkeypatch.setattr(os, "replace", refuse)

    for number in range(40):
        logging.getLogger("hdmea").info("line %d of many that fill the file", number)

    text = logs.path.read_text(encoding="utf-8")
    assert "line 0 " in text
    assert "line 39 " in text
    assert {name: Path(name).read_text() for name in earlier} == earlier, "earlier logs are kept"


def test_two_windows_that_start_at_once_share_the_evidence(
    logs: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.folder.mkdir(parents=True)
    for pid in ("999999998", "999999999"):
        (logs.folder / f"running-{pid}.txt").write_text("where it was")
    take = logs._take_evidence

    def other_is_faster(path: Path, pid: str) -> None:
        if pid == "999999998":
            path.unlink()
        take(path, pid)

    monkeypatch.setattr(logs, "_take_evidence", other_is_faster)
    logs.start()

    assert logs.problem == ""
    assert list(logs.crashes) == [999999999]
    assert (logs.folder / f"running-{os.getpid()}.txt").is_file()


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path, qtbot: Any, no_leaks: None) -> None:
    (tmp_path / "file").write_text("x")
    logs = LogFiles(tmp_path / "file" / "log")

    logs.start()
    window = MainWindow(Controller(), SettingsStore(tmp_path / "settings.json"), logs=logs)

    assert any("There is no log file" in line for line in window.log.texts())
    window.close_without_question()
    logs.stop()


def test_a_crash_leaves_evidence_that_the_next_start_finds_once(logs: LogFiles) -> None:
    program = (
        "import faulthandler, sys; from pathlib import Path\n"
        "from hdmea_gui.diagnostics.logfile import LogFiles\n"
        "LogFiles(Path(sys.argv[1])).start()\n"
        "faulthandler._sigabrt()"
    )
    done = run(program, str(logs.folder))
    assert done.returncode != 0

    logs.start()

    (pid, path), *others = logs.crashes.items()
    assert not others
    assert str(pid) in path.name
    assert "Abort" in path.read_text(encoding="utf-8")
    again = LogFiles(logs.folder)
    again.start()
    assert not again.crashes
    again.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_program_that_is_told_to_end_leaves_where_it_was(logs: LogFiles) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from hdmea_gui.diagnostics.logfile import LogFiles\n"
        "LogFiles(Path(sys.argv[1])).start()\n"
        "os.kill(os.getpid(), signal.SIGTERM)"
    )
    assert run(program, str(logs.folder)).returncode == -signal.SIGTERM

    logs.start()

    assert len(logs.crashes) == 1


def test_what_a_killed_program_left_without_evidence_is_swept(logs: LogFiles) -> None:
    logs.folder.mkdir(parents=True)
    empty = logs.folder / "running-4194305.txt"
    empty.touch()
    alive = logs.folder / f"running-{os.getppid()}.txt"
    alive.write_text("still running")

    logs.start()

    assert not empty.exists()
    assert alive.exists()
    assert not logs.crashes


# -- after a crash -----------------------------------------------------------------------------------


def test_after_a_crash_the_window_and_the_recovery_question_name_the_evidence(
    qtbot: Any, no_leaks: None, logs: LogFiles, tmp_path: Path
) -> None:
    crash = tmp_path / "crash.txt"
    crash.write_text("Fatal Python error: Aborted\n  File steps.py line 12", encoding="utf-8")
    logs.crashes = {77: crash}
    window = MainWindow(Controller(), SettingsStore(tmp_path / "settings.json"), logs=logs)
    offer = RecoveryOffer("automatic-77.h5", "Rec", ("load_recording",), 4, 1000, 0.0, "host", 77, 0.0)

    window.recovery._on_found((offer,))

    assert any("crashed in an earlier session" in line for line in window.log.texts())
    assert isinstance(window.dialog, RecoveryDialog)
    assert str(crash) in visible_texts(window.dialog)
    assert "steps.py line 12" in window.helping.report()
    window.dialog.close()
    window.close_without_question()


# -- errors that nobody expected ---------------------------------------------------------------------

_BROKEN_SLOT = """
import sys
from PySide6.QtCore import QTimer, qWarning
from hdmea_gui.shell import app

make = app.make_window

def make_broken(options, logs):
    window = make(options, logs)
    def break_down():
        qWarning("a word from Qt")
        raise ValueError("upside down")
    def look():
        if window.dialog is None:
            return
        print(type(window.dialog).__name__, window.dialog.title)
        poll.stop()
        window.dialog.close()
        window.close_without_question()
    poll = QTimer(window)
    poll.timeout.connect(look)
    poll.start(50)
    QTimer.singleShot(0, break_down)
    return window

app.make_window = make_broken
sys.exit(app.main(["--log-folder", sys.argv[1], "--settings", sys.argv[2]]))
"""


def test_an_error_in_a_slot_is_shown_and_logged_and_the_program_goes_on(tmp_path: Path) -> None:
    done = run(_BROKEN_SLOT, str(tmp_path / "log"), str(tmp_path / "settings.json"))

    assert done.returncode == 0, done.stderr
    assert "MessageDialog Unexpected error" in done.stdout
    text = (tmp_path / "log" / "hdmea-studio.log").read_text(encoding="utf-8")
    assert "ValueError: upside down" in text
    assert "in break_down" in text
    assert "qt: a word from Qt" in text
    assert not list((tmp_path / "log").glob("running-*"))


def broken() -> ValueError:
    try:
        raise ValueError("upside down")
    except ValueError as error:
        return error


def test_an_unexpected_error_is_told_once_and_its_report_copied(window: MainWindow, qtbot: Any) -> None:
    error = broken()
    for _ in range(3):
        uncaught._on_error(ValueError, error, error.__traceback__)

    dialog = window.dialog
    assert isinstance(dialog, MessageDialog)
    assert "upside down" in visible_texts(dialog)
    assert len([line for line in window.log.texts() if "upside down" in line]) == 3
    with qtbot.waitSignal(dialog.report_asked, timeout=20_000):
        button = next(found for found in dialog.findChildren(QPushButton) if "report" in found.text())
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert "in broken" in copied
    assert "HD-MEA Studio" in copied


def test_a_keyboard_interrupt_is_none_of_it(window: MainWindow, capsys: pytest.CaptureFixture[str]) -> None:
    uncaught._on_error(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert window.dialog is None
    assert "KeyboardInterrupt" in capsys.readouterr().err


# -- reports -----------------------------------------------------------------------------------------


def test_a_report_has_versions_steps_and_log_but_not_the_home_folder(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path.home()
    window.log.add(logging.ERROR, f"Not opened: {home / 'secret' / 'x.cmcr'}")

    report = window.helping.report("STA failed\nbecause")

    assert "numpy" in report
    assert "compute_sta: not run" in report
    assert "STA failed" in report
    assert "ERROR    hdmea_window: Not opened: ~" in report
    assert str(home / "secret") not in report


def test_a_report_of_a_crash_that_cannot_be_read_says_so(qapp: object, tmp_path: Path) -> None:
    text = error_report(StateView(), (), (), crash=tmp_path / "gone.txt")

    assert "gone.txt could not be read" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open /home/ada/data/x.h5", "open ~/data/x.h5"),
        ("nothing", "nothing"),
    ],
)
def test_the_home_folder_is_shortened(text: str, expected: str) -> None:
    assert without_home(text, Path("/home/ada")) == expected
    assert without_home("/x", Path("/")) == "/x"


# -- panel -------------------------------------------------------------------------------------------


def test_the_log_opens_at_its_newest_line(qtbot: Any, window: MainWindow) -> None:
    for number in range(300):
        window.log.add(logging.INFO, f"line {number}")

    window.actions_["log"].trigger()

    bar = window.log.list.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0, timeout=20_000)
    window.log.add(logging.INFO, "one more")
    qtbot.waitUntil(lambda: bar.value() == bar.maximum(), timeout=20_000)
    bar.setValue(5)
    before = bar.maximum()
    window.log.add(logging.INFO, "and another")
    qtbot.waitUntil(lambda: bar.maximum() > before, timeout=20_000)
    assert bar.value() == 5, "who reads further up is left there"


def test_the_log_is_filtered_by_level_and_words_and_copied(window: MainWindow) -> None:
    panel = window.log
    panel.clear()
    panel.add(logging.INFO, "loaded the recording")
    panel.add(logging.WARNING, "a frame is missing")
    panel.add(logging.ERROR, "STA failed")

    panel.level.setCurrentIndex(panel.level.findText("Warnings and errors"))
    assert [line.split("  ", 1)[1] for line in panel.texts()] == [
        "warning: a frame is missing",
        "error: STA failed",
    ]
    panel.level.setCurrentIndex(panel.level.findText("Errors"))
    assert len(panel.texts()) == 1
    panel.level.setCurrentIndex(0)
    panel.words.setText("FRAME")
    assert len(panel.texts()) == 1
    panel.words.clear()

    panel.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 3
    panel.list.setCurrentRow(2)
    panel.list.setFocus()
    QTest.keyClick(panel.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    panel.copy()
    assert QGuiApplication.clipboard().text().endswith("error: STA failed")
    assert len(QGuiApplication.clipboard().text().splitlines()) == 1
    panel.clear()
    assert panel.texts() == []
    assert panel.n_warnings == 0
