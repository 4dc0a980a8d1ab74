"""The batch page: filled, run, watched, paused, stopped, gone on with, and closed."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication

from hdmea.results.files import summarize
from hdmea_gui.engine.controller import Activity
from hdmea_gui.flows.batch.page import BatchPage
from hdmea_gui.flows.batch.table import MESSAGE, PROGRESS, RECORDING, STATE, TIME, BatchModel
from hdmea_gui.flows.close_guard import UnsavedDialog
from hdmea_gui.flows.open import ChooseRecordingDialog
from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts
from tests.study.clusters import LAYOUT_OF_WORKERS, cluster_of_two
from tests.study.days import make_day

LONG_MS = 60_000


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_day(tmp_path_factory.mktemp("day") / "Tag ä", 3)


@pytest.fixture
def page(window: MainWindow) -> BatchPage:
    window.show_batch()
    return window.batch


@pytest.fixture
def fill(qtbot: Any, page: BatchPage, window: MainWindow) -> Callable[..., None]:
    """Return a function that adds recordings and waits for them."""

    def add(*paths: Path) -> None:
        page.add(list(paths))
        qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)

    return add


class Workers:
    """Stand for the processes of a batch: each waits until it may end, or is stopped."""

    def __init__(self) -> None:
        self.may_end: set[str] = set()
        self.fail: set[str] = set()
        self.started: list[str] = []
        self.all_end = False

    def __call__(self, job_file: str) -> int:
        from hdmea.study.job import Job, Outcome

        job = Job.model_validate_json(Path(job_file).read_bytes())
        running = Outcome(key=job.key, name=job.name, state="running", step="Features", fraction=0.5)
        running.overall, running.seconds, running.target = 0.25, 3.0, str(job.target)
        job.outcome.write_text(running.model_dump_json(), encoding="utf-8")
        self.started.append(job.name)
        while not (self.all_end or job.name in self.may_end or job.stop.exists()):
            time.sleep(0.01)
        ended = running.model_copy(update={"state": "done", "units": 5, "overall": 1.0})
        if job.stop.exists() and not self.all_end and job.name not in self.may_end:
            ended.state, ended.message = "stopped", "It was stopped. No result was written."
        elif job.name in self.fail:
            ended.state, ended.message = "failed", "Its files are damaged.\nCopy them again."
        job.outcome.write_text(ended.model_dump_json(), encoding="utf-8")
        return 0


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    from hdmea.study import batch

    found = Workers()
    monkeypatch.setattr(batch, "execute", found)
    yield found
    found.all_end = True


def texts(model: BatchModel, column: int) -> list[str]:
    return [model.index(row, column).data() for row in range(model.rowCount())]


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window.dropEvent(
        QDropEvent(
            QPointF(50, 50),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_several_recordings_lead_from_a_drop_to_finished_results(
    qtbot: Any, window: MainWindow, idle: Callable[[], None], day: Path, tmp_path: Path
) -> None:
    drop(window, day)
    idle()
    dialog = window.dialog
    assert isinstance(dialog, ChooseRecordingDialog)
    dialog.batch_button.click()
    runner, page = window.controller.batch, window.batch
    qtbot.waitUntil(lambda: len(runner.items) == 3 and not runner.is_busy, timeout=LONG_MS)
    assert page.isVisible()
    assert window.actions_["batch"].isChecked()
    assert page.setup.output.text() == str(day / "results"), "a folder beside the recordings is proposed"

    page.setup.output.setText(str(tmp_path / "out"))
    page.setup.flow.setCurrentIndex(page.setup.flow.findData("quick"))
    with qtbot.waitSignal(runner.ended, timeout=120_000) as ended:
        page.run_button.click()
    assert (ended.args[0].good, ended.args[0].total) == (3, 3)
    assert texts(page.model, STATE) == ["done"] * 3
    assert page.summary_button.isEnabled()
    assert (tmp_path / "out" / "summary.html").exists()

    page.open_result("ret01-Rec")
    idle()
    assert not page.isVisible()
    assert window.controller.state.saved_path == tmp_path / "out" / "ret01-Rec.h5"


def test_what_is_dropped_on_the_page_is_added(
    qtbot: Any,
    window: MainWindow,
    page: BatchPage,
    day: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"cmcr,name\n{day / 'ret02-Rec.cmcr'},control\n", encoding="utf-8")
    drop(window, day / "ret00-Rec.cmcr", table, day / "playlist.csv")
    qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)
    assert texts(page.model, RECORDING) == ["control", "ret00-Rec"]
    assert "playlist.csv is not a recording" in caplog.text
    drop(window, day / "ret00-Rec-.cmtr", day / "ret01-Rec.cmcr")
    qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)
    assert texts(page.model, RECORDING) == ["control", "ret00-Rec", "ret01-Rec"], "each once"
    assert window.controller.state.is_open is False


def test_what_cannot_be_added_is_said(
    qtbot: Any, window: MainWindow, page: BatchPage, fill: Callable[..., None], tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("cmcr,name\n,x\n", encoding="utf-8")
    fill(table)
    qtbot.waitUntil(lambda: window.dialog is not None)
    assert "Row 2" in visible_texts(window.dialog)
    assert page.model.rowCount() == 0


def test_progress_failure_and_retry(
    qtbot: Any, window: MainWindow, page: BatchPage, fill: Callable[..., None], workers: Workers, day: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    fill(day)
    page.setup.output.setText(str(tmp_path / "out"))
    page.setup.jobs.setValue(1)
    workers.fail.add("ret01-Rec")
    page.run()
    qtbot.waitUntil(lambda: texts(page.model, PROGRESS)[0] == "Features  50 %", timeout=LONG_MS)
    assert texts(page.model, STATE) == ["running", "waiting", "waiting"]
    assert texts(page.model, TIME)[0] == "0:09 left", "a quarter took 3 s"
    assert not page.run_button.isEnabled()
    assert not page.setup.isEnabled()
    workers.all_end = True
    qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)
    assert texts(page.model, STATE) == ["done", "failed", "done"]
    assert texts(page.model, MESSAGE)[1] == "Its files are damaged."
    page.table.selectRow(1)
    assert page.details.toPlainText() == "Its files are damaged.\nCopy them again."
    menu = page.row_menu("ret01-Rec")
    assert [action.isEnabled() for action in menu.actions()] == [False, False, True, True]
    menu.actions()[2].trigger()
    assert QGuiApplication.clipboard().text() == page.details.toPlainText()
    menu.close()

    workers.fail.clear()
    workers.started.clear()
    page.retry_button.click()
    qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)
    assert workers.started == ["ret01-Rec"]
    assert texts(page.model, STATE)[1] == "done"
    assert not page.retry_button.isEnabled()


def test_pause_stop_and_go_on(
    qtbot: Any, window: MainWindow, page: BatchPage, fill: Callable[..., None], workers: Workers, day: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    fill(day)
    page.setup.output.setText(str(tmp_path / "out"))
    page.setup.jobs.setValue(1)
    page.run()
    qtbot.waitUntil(lambda: workers.started == ["ret00-Rec"], timeout=LONG_MS)
    page.pause_button.click()
    assert page.pause_button.text() == "Continue"
    workers.may_end.add("ret00-Rec")
    qtbot.waitUntil(lambda: texts(page.model, STATE)[0] == "done", timeout=LONG_MS)
    qtbot.wait(500)
    assert workers.started == ["ret00-Rec"]
    page.pause_button.click()
    qtbot.waitUntil(lambda: workers.started == ["ret00-Rec", "ret01-Rec"], timeout=LONG_MS)
    page.stop_button.click()
    assert page.stop_button.text() == "Stopping…"
    qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)
    assert texts(page.model, STATE) == ["done", "stopped", "stopped"]
    assert page.run_button.isEnabled()


def test_the_window_is_free_for_other_recordings_and_closing_asks(
    qtbot: Any, window: MainWindow, page: BatchPage, fill: Callable[..., None], workers: Workers, day: Path,
    tmp_path: Path, recording: tuple[Path, Path],
) -> None:  # fmt: skip
    fill(day)
    page.setup.output.setText(str(tmp_path / "out"))
    page.run()
    qtbot.waitUntil(lambda: bool(workers.started), timeout=LONG_MS)
    window.actions_["batch"].trigger()
    assert not page.isVisible()
    window.open_paths(list(recording))
    qtbot.waitUntil(lambda: window.controller.activity is Activity.IDLE, timeout=LONG_MS)
    assert window.controller.state.is_open
    assert "Batch: 0 of 3 ended" in visible_texts(window.status)

    assert not window.close()
    dialog = window.dialog
    assert isinstance(dialog, UnsavedDialog)
    assert "0 of 3 recordings have ended" in visible_texts(dialog)
    assert not dialog.save_button.isVisibleTo(dialog), "there is nothing to save"
    dialog.discard_button.click()
    assert window.joined
    assert not window.controller.batch.is_busy or window.controller.batch.is_stopping


def test_flow_parameters_and_sheet_are_used(
    qtbot: Any, window: MainWindow, page: BatchPage, fill: Callable[..., None], workers: Workers, day: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from hdmea.study import batch

    asked: list[Any] = []
    run = batch._Batch.run
    monkeypatch.setattr(batch._Batch, "run", lambda self, pool: asked.append(self) or run(self, pool))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("recording;animal\nret00-Rec;m7\n", encoding="utf-8")
    fill(day)
    window.controller.parameters("compute_sta").set_value("cover_range", (-10, 2))
    page.setup.flow.setCurrentIndex(page.setup.flow.findData("quick"))
    assert page.setup.edited.text() == "With 1 edited"
    page.setup.edited.click()
    page.setup.sheet.setText(str(sheet))
    page.setup.stimuli.setText(str(day / "ret01-Rec.cmcr"))
    page.setup.output.setText(str(tmp_path / "out"))
    page.setup.exists.setCurrentIndex(1)
    workers.all_end = True
    page.run()
    qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)
    job = asked[0]._jobs["ret00-Rec"]
    assert (job.flow, job.exists, job.sheet) == ("quick", "redo", {"subject_id": "m7"})
    assert job.parameters == {"compute_sta": {"cover_range": [-10, 2]}}
    assert job.stimuli.name == "ret01-Rec"


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs the extra “cluster”")
def test_a_batch_runs_on_the_cluster_whose_address_is_given(
    qtbot: Any, window: MainWindow, page: BatchPage, fill: Callable[..., None], day: Path, tmp_path: Path
) -> None:
    fill(day / "ret00-Rec.cmcr", day / "ret01-Rec.cmcr")
    page.setup.flow.setCurrentIndex(page.setup.flow.findData("quick"))
    page.setup.output.setText(str(tmp_path / "out"))
    page.setup.health.setChecked(False)
    with cluster_of_two(tmp_path) as (address, _):
        page.setup.scheduler.setText(f" {address} ")
        with qtbot.waitSignal(window.controller.batch.ended, timeout=180_000):
            page.run()
    assert texts(page.model, STATE) == ["done"] * 2
    assert {summarize(path).layout for path in (tmp_path / "out").glob("*.h5")} == {LAYOUT_OF_WORKERS}


def test_rows_are_removed_and_reasons_are_said(
    window: MainWindow, page: BatchPage, fill: Callable[..., None], day: Path
) -> None:
    assert (
        "add recordings first" in page.run_button.toolTip() or "choose a folder" in page.run_button.toolTip()
    )
    fill(day)
    page.table.selectRow(1)
    page.remove_button.click()
    assert texts(page.model, RECORDING) == ["ret00-Rec", "ret02-Rec"]
    page.setup.output.clear()
    assert "choose a folder" in page.run_button.toolTip()
    page.open_result("ret00-Rec")
    assert page.help_topic(page.table) is not None
    assert day.joinpath("ret01-Rec.cmcr").exists()


def test_the_page_is_remembered(window: MainWindow, page: BatchPage, tmp_path: Path) -> None:
    page.setup.output.setText(str(tmp_path))
    page.setup.jobs.setValue(2)
    page.setup.scheduler.setText("tcp://host:8786")
    window.close()
    values = window.settings.values
    assert (values.batch_output, values.batch_jobs) == (str(tmp_path), 2)
    assert values.batch_scheduler == "tcp://host:8786"


def test_the_demo_of_a_drug_is_made_once_and_put_into_the_batch(
    qtbot: Any, window: MainWindow, idle: Callable[[], None]
) -> None:
    window.recording.welcome.drug_button.click()
    qtbot.waitUntil(lambda: len(window.controller.batch.items) == 3, timeout=LONG_MS)

    assert window.batch.isVisible()
    assert sorted(item.key for item in window.controller.batch.items) == ["after", "before", "drug"]
    assert window.batch.setup.output_folder.name == "results"
    table = window.batch.setup.output_folder.parent / "retina.csv"
    written = table.stat().st_mtime_ns
    window.actions_["open_drug_demo"].trigger()
    idle()
    qtbot.waitUntil(lambda: not window.controller.batch.is_busy, timeout=LONG_MS)
    assert table.stat().st_mtime_ns == written
    assert len(window.controller.batch.items) == 3
