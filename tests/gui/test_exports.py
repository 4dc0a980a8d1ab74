"""Tables become files: the window never waits for the drive; a file is whole or as before."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog

from hdmea.exporters import EXPORTERS, ExportOptions, ExportProgress, exporter
from hdmea_gui.engine.exports import ListExportKinds
from hdmea_gui.flows.export import ExportOptionsDialog
from hdmea_gui.flows.figure_dialog import FigureDialog
from hdmea_gui.flows.sheet import SheetDialog
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore

Loaded = tuple[MainWindow, tuple[Path, Path]]


@pytest.fixture
def exporting(qtbot: Any, loaded: Loaded) -> tuple[MainWindow, list[str]]:
    """Return a window that shows a recording, and what its view says."""
    window, _ = loaded
    qtbot.waitUntil(window.recording.has_data, timeout=20_000)
    told: list[str] = []
    window.recording.told.connect(told.append)
    return window, told


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Have the drive not answer; return what tells that it is asked, and what lets it answer."""
    asked, answers = threading.Event(), threading.Event()
    replace = os.replace

    def wait(source: Any, target: Any) -> None:
        asked.set()
        assert answers.wait(30)
        replace(source, target)

    monkeypatch.setattr(os, "replace", wait)
    yield asked, answers
    answers.set()


def full(path: Path) -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", str(path))


def refused(path: Path) -> OSError:
    return PermissionError(errno.EACCES, "Permission denied", str(path))


def test_the_window_goes_on_while_the_drive_does_not_answer(
    qtbot: Any,
    exporting: tuple[MainWindow, list[str]],
    stuck: tuple[threading.Event, threading.Event],
    tmp_path: Path,
) -> None:
    (window, told), (asked, answers) = exporting, stuck
    beats: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(1))
    timer.start(1)

    window.recording.export_to(tmp_path / "rates.csv")
    qtbot.waitUntil(asked.is_set, timeout=20_000)
    before = len(beats)
    qtbot.waitUntil(lambda: len(beats) > before + 10, timeout=20_000)

    assert told == []
    assert not (tmp_path / "rates.csv").exists()
    answers.set()
    qtbot.waitUntil(lambda: told == [f"Exported: {tmp_path / 'rates.csv'}"], timeout=20_000)
    assert (tmp_path / "rates.csv").stat().st_size > 0
    timer.stop()


@pytest.mark.parametrize(
    ("error", "why", "advice"),
    [(full, "(the drive is full)", "Free some space"), (refused, "(Permission denied)", "another folder")],
)
def test_what_cannot_be_written_is_said_and_the_file_before_stays(
    qtbot: Any,
    exporting: tuple[MainWindow, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Callable[[Path], OSError],
    why: str,
    advice: str,
) -> None:
    window, told = exporting
    path = tmp_path / "figures" / "rates.csv"
    path.parent.mkdir()
    path.write_bytes(b"before")
    really = Path.open

    def broken(file: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        opened = really(file, mode, *arguments, **named)
        if file.parent != path.parent or mode == "r":
            return opened

        def write(data: Any) -> None:
            type(opened).write(opened, data[:3])
            raise error(file)

        opened.write = write  # type: ignore[assignment]
        return opened

    monkeypatch.setattr(Path, "open", broken)

    window.recording.export_to(path)
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)

    assert told[0].startswith(f"Not exported: {path} cannot be written {why}.")
    assert advice in told[0]
    assert path.read_bytes() == b"before"
    assert list(path.parent.iterdir()) == [path], "nothing half written is left"


def test_a_folder_that_is_gone_is_said_and_not_made_again(
    qtbot: Any, exporting: tuple[MainWindow, list[str]], tmp_path: Path
) -> None:
    window, told = exporting
    path = tmp_path / "unplugged" / "rates.csv"

    window.recording.export_to(path)
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)

    assert told[0].startswith(f"Not exported: {path} cannot be written (its folder does not exist).")
    assert "Reconnect the drive" in told[0]
    assert not path.parent.exists()


def test_a_file_that_is_there_is_replaced(
    qtbot: Any, exporting: tuple[MainWindow, list[str]], tmp_path: Path
) -> None:
    window, told = exporting
    path = tmp_path / "figures" / "rates.csv"
    path.parent.mkdir()
    path.write_bytes(b"before")

    window.recording.export_to(path)
    qtbot.waitUntil(lambda: told == [f"Exported: {path}"], timeout=20_000)

    assert len(path.read_bytes()) > 100
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="links need special rights there")
def test_neither_a_link_nor_what_it_leads_to_is_replaced(
    qtbot: Any, exporting: tuple[MainWindow, list[str]], tmp_path: Path
) -> None:
    window, told = exporting
    (tmp_path / "figures").mkdir()
    link = tmp_path / "latest.csv"
    table = tmp_path / "figures" / "rates.csv"
    table.write_bytes(b"before")
    link.symlink_to(table)

    window.recording.export_to(link)
    qtbot.waitUntil(lambda: len(told) == 1, timeout=20_000)

    assert f"{link} is a link" in told[0]
    assert str(table) in told[0]
    assert link.is_symlink()
    assert table.read_bytes() == b"before"


# -- the whole recording with an exporter ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "picked", "written"),
    [
        ("units.csv", "", "units.csv"),
        ("units", "Table of units (CSV) (*.csv)", "units.csv"),
        ("copy.h5", "Result file (HDF5) (*.h5 *.hdf5)", "copy.h5"),
        ("lab.h5", "Result file, layout of the lab's earlier scripts (HDF5) (*.h5)", "lab.h5"),
    ],
)
def test_a_result_is_exported_with_the_exporter_that_was_chosen(
    qtbot: Any,
    exporting: tuple[MainWindow, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    picked: str,
    written: str,
) -> None:
    window, _ = exporting
    told: list[str] = []
    window.exporting.told.connect(told.append)
    answer = (str(tmp_path / typed), picked)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answer)

    window.actions_["export_result"].trigger()
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)

    assert told == [f"Exported: {tmp_path / written}"]
    assert (tmp_path / written).is_file()
    if written.endswith(".h5"):
        from hdmea.pipeline import PipelineSession

        copy = PipelineSession.load(tmp_path / written)
        assert tuple(copy.units) == window.controller.state.unit_ids
        assert copy.held is not None
        assert copy.held.layout == ("lab" if written == "lab.h5" else "columns")


def test_a_result_that_cannot_be_exported_is_told(
    qtbot: Any, exporting: tuple[MainWindow, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, _ = exporting
    failures: list[str] = []
    window.controller.failed.connect(lambda _title, failure: failures.append(failure.reason))
    answer = (str(tmp_path / "away" / "units.csv"), "")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answer)

    window.actions_["export_result"].trigger()
    qtbot.waitUntil(lambda: bool(failures) and window.dialogs.current is not None, timeout=20_000)
    assert window.dialogs.current is not None
    window.dialogs.current.reject()

    assert failures[0].startswith(f"{tmp_path / 'away' / 'units.csv'} cannot be written")


class LinesOptions(ExportOptions):
    """Options of the exporter of these tests."""

    count: int = Field(3, ge=1, title="Lines", description="Number of lines.")


@pytest.fixture
def lines_exporter() -> Iterator[tuple[threading.Event, list[BaseException]]]:
    """Register an exporter with an option, which reports until it may end; what it was stopped by."""
    may_end, stopped = threading.Event(), []

    @exporter(name="lines", title="Lines", suffixes=(".lines",), options=LinesOptions)
    def lines(session: Any, target: Path, options: LinesOptions, progress: ExportProgress) -> None:
        """Write a number of lines."""
        try:
            while not may_end.wait(0.01):
                progress(0.5, "waiting")
        except BaseException as error:
            stopped.append(error)
            raise
        target.write_text("line\n" * options.count, encoding="utf-8")

    EXPORTERS.register(lines)
    yield may_end, stopped
    may_end.set()
    EXPORTERS.remove("lines")


def ask_for_lines(
    qtbot: Any, window: MainWindow, path: Path, monkeypatch: pytest.MonkeyPatch
) -> ExportOptionsDialog:
    """Choose a file of that exporter, and return the dialog with its options."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    window.actions_["export_result"].trigger()
    qtbot.waitUntil(lambda: isinstance(window.dialogs.current, ExportOptionsDialog), timeout=20_000)
    dialog = window.dialogs.current
    assert isinstance(dialog, ExportOptionsDialog)
    return dialog


def test_the_options_of_an_exporter_are_edited_and_its_progress_is_shown(
    qtbot: Any,
    exporting: tuple[MainWindow, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines_exporter: tuple[threading.Event, list[BaseException]],
) -> None:
    window, _ = exporting
    progress: list[str] = []
    exported: list[Path] = []
    window.controller.progressed.connect(lambda event: progress.append(event.text))
    window.controller.exported.connect(exported.append)
    dialog = ask_for_lines(qtbot, window, tmp_path / "out.lines", monkeypatch)

    dialog.model.set_value("count", 0)
    assert not dialog.export_button.isEnabled()
    dialog.model.set_value("count", 5)
    dialog.export_button.click()
    qtbot.waitUntil(lambda: "waiting" in progress, timeout=20_000)
    assert window.controller.is_writing
    lines_exporter[0].set()
    qtbot.waitUntil(lambda: bool(exported), timeout=20_000)

    assert (tmp_path / "out.lines").read_text(encoding="utf-8") == "line\n" * 5


def test_an_export_that_is_stopped_writes_nothing(
    qtbot: Any,
    exporting: tuple[MainWindow, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines_exporter: tuple[threading.Event, list[BaseException]],
) -> None:
    window, _ = exporting
    told: list[str] = []
    progress: list[str] = []
    window.controller.stopped.connect(told.append)
    window.controller.progressed.connect(lambda event: progress.append(event.text))
    ask_for_lines(qtbot, window, tmp_path / "out.lines", monkeypatch).export_button.click()
    qtbot.waitUntil(lambda: "waiting" in progress, timeout=20_000)

    window.actions_["stop"].trigger()
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)

    assert told == ["Stopped: Exporting out.lines."]
    assert len(lines_exporter[1]) == 1
    assert list(tmp_path.glob("*.lines*")) == []


def test_a_report_is_written_by_a_process_of_its_own_and_can_be_stopped(
    qtbot: Any, exporting: tuple[MainWindow, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is optional")
    window, _ = exporting
    exported: list[Path] = []
    window.controller.exported.connect(exported.append)
    stopped: list[str] = []
    window.controller.stopped.connect(stopped.append)
    progress: list[str] = []
    window.controller.progressed.connect(lambda event: progress.append(event.text))
    units = window.controller.state.unit_ids
    options = {"unit_ids": units[:1], "health": False}
    started = list_of_processes(monkeypatch)

    window.controller.export(tmp_path / "r.html", "report", options)
    qtbot.waitUntil(lambda: any("Unit" in text for text in progress), timeout=120_000)
    # The worker answers while the report is written.
    window.controller.ask(ListExportKinds(), lambda _kinds: progress.append("answered"))
    qtbot.waitUntil(lambda: "answered" in progress, timeout=20_000)
    qtbot.waitUntil(lambda: exported == [tmp_path / "r.html"], timeout=120_000)
    assert units[0] in (tmp_path / "r.html").read_text(encoding="utf-8")

    progress.clear()
    window.controller.export(tmp_path / "stopped.html", "report", {"health": False})
    qtbot.waitUntil(lambda: any("Unit" in text for text in progress), timeout=120_000)
    window.actions_["stop"].trigger()
    qtbot.waitUntil(lambda: bool(stopped), timeout=20_000)
    assert [path.name for path in tmp_path.iterdir() if "stopped" in path.name] == []
    assert [process.poll() is None for process in started] == [False, False]

    failures: list[str] = []
    window.controller.failed.connect(lambda _title, failure: failures.append(failure.reason))
    window.controller.export(tmp_path / "r.pdf", "report", {"unit_ids": ("unit_999",), "health": False})
    qtbot.waitUntil(lambda: bool(failures), timeout=120_000)
    assert "unit_999" in failures[0]
    qtbot.waitUntil(lambda: window.dialogs.current is not None, timeout=20_000)
    assert window.dialogs.current is not None
    window.dialogs.current.reject()


def list_of_processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """Return a list to which each process is added that is started from now on."""
    started: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def watched(*arguments: Any, **named: Any) -> subprocess.Popen[str]:
        started.append(start(*arguments, **named))
        return started[-1]

    monkeypatch.setattr("hdmea_gui.engine.exports.subprocess.Popen", watched)
    return started


def test_options_begin_with_the_selected_units(
    qtbot: Any, exporting: tuple[MainWindow, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is optional")
    window, _ = exporting
    exported: list[Path] = []
    window.controller.exported.connect(exported.append)
    chosen = window.controller.state.unit_ids[1:3]
    window.controller.selection.select_units(chosen)
    for kind, name, builder in (
        ("Film of a unit (*.gif *.mp4)", "film.gif", ExportOptionsDialog),
        ("Figure (*.svg *.pdf *.png)", "cells.svg", FigureDialog),
    ):
        answer = (str(tmp_path / name), kind)
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, answer=answer: answer)
        window.actions_["export_result"].trigger()
        qtbot.waitUntil(lambda kind=builder: isinstance(window.dialogs.current, kind), timeout=20_000)
        dialog = window.dialogs.current
        assert isinstance(dialog, ExportOptionsDialog | FigureDialog)
        assert dialog.values() == {"unit_ids": chosen}
        if isinstance(dialog, ExportOptionsDialog):
            dialog.reject()
            continue
        dialog.export_button.click()
    qtbot.waitUntil(lambda: exported == [tmp_path / "cells.svg"], timeout=60_000)
    assert (tmp_path / "cells.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_the_sheet_is_kept_with_the_session_and_names_what_nwb_needs(
    qtbot: Any, loaded: Loaded, idle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    window, _ = loaded
    monkeypatch.setattr("hdmea.utils.text_files.settings_path", lambda: window.settings.path)
    window.settings.values.recording_sheet = {"lab": "Retina laboratory"}
    window.settings.write()
    window.actions_["recording_sheet"].trigger()
    qtbot.waitUntil(lambda: isinstance(window.dialogs.current, SheetDialog), timeout=20_000)
    dialog = window.dialogs.current
    assert isinstance(dialog, SheetDialog)
    assert dialog.model.value("lab") == "Retina laboratory"
    qtbot.waitUntil(lambda: "Animal, Species, Sex, Age" in dialog.said.text(), timeout=20_000)
    dialog.model.set_value("sex", "often")
    qtbot.waitUntil(lambda: "cannot be “often”" in dialog.said.text(), timeout=20_000)
    given = {"subject_id": "m7", "species": "mouse", "sex": "F", "age": "P60"}
    given["session_start_time"] = "2026-11-29T10:31:00+01:00"
    for name, text in given.items():
        dialog.model.set_value(name, text)
    qtbot.waitUntil(lambda: dialog.said.text() == "The sheet has what NWB needs.", timeout=20_000)
    dialog.for_lab.setChecked(True)

    dialog.accept()
    idle()

    answers: list[Any] = []
    window.controller.ask(ListExportKinds(), answers.append)
    qtbot.waitUntil(lambda: bool(answers), timeout=20_000)
    known = {kind.name: dict(kind.known) for kind in answers[0]}
    assert known["nwb"] == {**given, "lab": "Retina laboratory"}
    assert known["csv"] == {}
    assert window.controller.state.unsaved
    kept = SettingsStore(window.settings.path).values.recording_sheet
    assert kept == {"species": "mouse", "lab": "Retina laboratory"}
