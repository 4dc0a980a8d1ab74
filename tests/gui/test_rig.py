"""The page at the rig: recordings come, are judged, get sorted units and go, without a click."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import Qt

from hdmea_gui.flows.rig import HEALTH, RECORDING, SAID, SORTED, STATE, RigPage
from hdmea_gui.shell.main_window import MainWindow
from tests.gui.conftest import visible_texts

GOOD = {"name": "spikes.rate", "light": "green", "value": 3.0, "unit": "Hz", "sentence": "Good."}
HUM = {"name": "electrodes.hum", "light": "red", "value": 30, "unit": "", "sentence": "Hum of 50 Hz."}


def tell(window: MainWindow, path: Path, state: str, **changes: Any) -> None:
    """Say what the process would say of a recording."""
    event = {
        "event": "recording",
        "name": path.name,
        "path": str(path),
        "units": None,
        "state": state,
        "light": "grey",
        "sentence": f"It is {state}.",
        "modified_s": 1.0,
        "lights": None,
    }
    window.controller.watch.take(event | changes)


def watching() -> list[psutil.Process]:
    """Return the processes that watch a folder for this one."""
    return [child for child in psutil.Process().children() if "--watch" in child.cmdline()]


def row(page: RigPage, number: int) -> dict[int, str]:
    model = page.model
    return {column: model.index(number, column).data() for column in (RECORDING, STATE, HEALTH, SORTED, SAID)}


def test_recordings_appear_are_judged_and_get_units_by_themselves(window: MainWindow, tmp_path: Path) -> None:
    window.actions_["rig"].trigger()
    page = window.rig
    assert page.isVisible()
    assert "Choose the folder" in visible_texts(page)
    told: list[str] = []
    page.told.connect(told.append)
    first, second = tmp_path / "a-Rec.cmcr", tmp_path / "b-Rec.cmcr"

    tell(window, first, "written")
    tell(window, second, "written", modified_s=2.0)
    assert [row(page, number)[RECORDING] for number in (0, 1)] == ["b-Rec.cmcr", "a-Rec.cmcr"]
    assert page.lights.sentence.text() == "It is written."
    tell(window, first, "judged", light="red", lights=[GOOD, HUM], sentence="1 red: Electrodes: hum.")

    assert row(page, 1)[HEALTH] == "● red"
    assert page.lights.table.rowCount() == 2
    assert page.lights.sentence.text() == "Electrodes: hum: Hum of 50 Hz."
    assert page.table.currentIndex().row() == 1, "what was judged is shown"
    assert told == ["a-Rec.cmcr is red: 1 red: Electrodes: hum."]

    units = tmp_path / "a-Rec-.cmtr"
    tell(window, first, "judged", light="green", lights=[GOOD], units=str(units), modified_s=3.0)
    assert row(page, 0) | {SAID: ""} == {
        RECORDING: "a-Rec.cmcr",
        STATE: "judged",
        HEALTH: "● green",
        SORTED: "yes",
        SAID: "",
    }
    assert page.table.currentIndex().row() == 0, "the selected recording stays selected where it goes"
    asked: list[list[Path]] = []
    page.open_asked.disconnect()
    page.open_asked.connect(asked.append)
    page.open_button.click()
    assert asked == [[first, units]]

    page.table.selectRow(1)
    tell(window, first, "judged", light="red", lights=[HUM], modified_s=3.0)
    assert page.table.currentIndex().row() == 1, "a selection by hand stays for a while"
    page.table.selectRow(0)
    window.controller.watch.take({"event": "gone", "path": str(first)})
    assert page.model.rowCount() == 1
    assert page.lights.table.rowCount() == 0


def test_problems_of_the_folder_are_said_and_end(window: MainWindow, tmp_path: Path) -> None:
    window.actions_["rig"].trigger()
    tell(window, tmp_path / "a-Rec.cmcr", "unreadable", sentence="It is cut off.")
    window.controller.watch.take({"event": "folder", "problem": "The folder does not exist."})

    assert row(window.rig, 0)[STATE] == "not readable"
    assert "The folder does not exist." in window.rig.state.text()
    window.controller.watch.take({"event": "folder", "problem": ""})
    assert "0 of 1 recordings judged" in window.rig.state.text()
    window.controller.watch._heard_at -= 1000
    window.controller.watch._check()
    assert "has not responded" in window.rig.state.text()


def test_a_folder_is_watched_by_a_process_that_ends_with_the_window(
    qtbot: Any, window: MainWindow, tmp_path: Path, idle: Callable[[], None]
) -> None:
    (tmp_path / "a-Rec.cmcr").write_bytes(b"1")
    window.actions_["rig"].trigger()
    page = window.rig
    page.folder.setText(str(tmp_path))
    qtbot.keyClick(page.folder, Qt.Key.Key_Return)
    assert page.button.text() == "Stop watching"
    qtbot.waitUntil(lambda: page.model.rowCount() == 1, timeout=60_000)
    assert row(page, 0)[STATE] == "being written"
    (first,) = watching()
    page.button.click()
    assert page.button.text() == "Watch"
    assert page.model.rowCount() == 1
    qtbot.waitUntil(lambda: not first.is_running(), timeout=30_000)
    assert window.controller.watch.problem == ""

    page.button.click()
    (second,) = watching()
    second.kill()
    qtbot.waitUntil(lambda: "ended unexpectedly" in page.state.text(), timeout=30_000)
    assert page.button.text() == "Watch"
    page.button.click()
    (third,) = watching()
    window.close_without_question()
    psutil.wait_procs([third], timeout=30)
    assert not third.is_running()
    assert window.settings.values.watch_folder == str(tmp_path)


def test_batch_and_rig_show_one_page_at_a_time(window: MainWindow) -> None:
    window.actions_["rig"].trigger()
    window.actions_["batch"].trigger()
    assert (window.rig.isVisible(), window.batch.isVisible()) == (False, True)
    assert not window.actions_["rig"].isChecked()
    window.actions_["rig"].trigger()
    window.actions_["rig"].trigger()
    assert window.tabs.isVisible()
