"""A folder at the rig: what is complete when, what comes and goes, and what is judged anew."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hdmea.cli import app
from hdmea.health import Health, Light, Watched, watch
from hdmea.health.watch import FolderWatch, JudgeFile, incomplete, judge_apart
from hdmea.simulate import Experiment, simulate_recording
from hdmea.simulate.experiment import FileOptions

GOOD = Health("x", (Light("spikes.units", "green", 5.0, "units", "Good"),))
BAD = Health("x", (Light("electrodes.hum", "red", 5.0, "electrodes", "Hum"),))


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Aufnahmen µ 中"
    made.mkdir()
    return made


@pytest.fixture
def watched(folder: Path, clock: Clock) -> FolderWatch:
    return FolderWatch(folder, 30.0, clock)


def after(watched: FolderWatch, clock: Clock, seconds: float) -> list[Watched]:
    clock.now += seconds
    watched.poll()
    return watched.entries()


def states(entries: list[Watched]) -> dict[str, str]:
    return {entry.name: entry.state for entry in entries}


def judge(watched: FolderWatch, outcome: Health | str = GOOD) -> Watched:
    due = watched.next_due()
    assert due is not None
    watched.begin(due)
    watched.end(due, outcome)
    return due


def test_a_file_is_complete_when_it_has_not_changed_for_half_a_minute(
    folder: Path, watched: FolderWatch, clock: Clock
) -> None:
    file = folder / "a-Rec.cmcr"
    file.write_bytes(b"1")
    assert states(after(watched, clock, 0)) == {"a-Rec.cmcr": "written"}
    assert states(after(watched, clock, 20)) == {"a-Rec.cmcr": "settling"}
    file.write_bytes(b"12")
    assert states(after(watched, clock, 15)) == {"a-Rec.cmcr": "written"}
    # A file of the same size with another time was written again, whatever the clock of its drive says.
    os.utime(file, (1, 1))
    assert states(after(watched, clock, 29)) == {"a-Rec.cmcr": "written"}
    assert states(after(watched, clock, 29)) == {"a-Rec.cmcr": "settling"}
    assert states(after(watched, clock, 1)) == {"a-Rec.cmcr": "waiting"}

    judge(watched, BAD)

    (entry,) = after(watched, clock, 5)
    assert (entry.state, entry.light) == ("judged", "red")
    assert "1 red: Electrodes: hum" in entry.said
    assert watched.next_due() is None


def test_an_empty_file_is_not_complete(folder: Path, watched: FolderWatch, clock: Clock) -> None:
    (folder / "a-Rec.cmcr").touch()
    after(watched, clock, 0)
    assert states(after(watched, clock, 100)) == {"a-Rec.cmcr": "settling"}


def test_units_that_appear_later_update_the_recording(
    folder: Path, watched: FolderWatch, clock: Clock
) -> None:
    (folder / "a-Rec.cmcr").write_bytes(b"1")
    after(watched, clock, 0)
    after(watched, clock, 30)
    assert judge(watched).units is None
    units = folder / "sorted" / "a-Rec-.cmtr"
    units.parent.mkdir()
    units.write_bytes(b"1")

    (entry,) = after(watched, clock, 5)
    assert entry.state == "judged"
    assert entry.said.endswith("Its sorted units are being written.")
    (entry,) = after(watched, clock, 30)
    assert entry.state == "waiting"
    assert entry.health is GOOD, "the lights from before stay until the new ones are known"

    assert judge(watched, BAD).units == units
    (entry,) = after(watched, clock, 5)
    assert (entry.state, entry.units, entry.health) == ("judged", units, BAD)
    units.unlink()
    (entry,) = after(watched, clock, 5)
    assert (entry.state, entry.units) == ("waiting", None)


def test_units_without_their_recording_are_an_entry(folder: Path, watched: FolderWatch, clock: Clock) -> None:
    (folder / "b-Rec-.cmtr").write_bytes(b"1")
    after(watched, clock, 0)
    assert states(after(watched, clock, 30)) == {"b-Rec-.cmtr": "waiting"}
    (folder / "b-Rec.cmcr").write_bytes(b"1")
    assert states(after(watched, clock, 5)) == {"b-Rec.cmcr": "written"}


def test_a_folder_that_vanishes_and_comes_back_loses_nothing(
    folder: Path, watched: FolderWatch, clock: Clock
) -> None:
    (folder / "a-Rec.cmcr").write_bytes(b"1")
    after(watched, clock, 0)
    after(watched, clock, 30)
    judge(watched)
    away = folder.with_name("away")
    folder.rename(away)

    entries = after(watched, clock, 5)
    assert "does not exist, or its drive is not connected" in watched.problem
    assert states(entries) == {"a-Rec.cmcr": "judged"}

    away.rename(folder)
    entries = after(watched, clock, 500)
    assert watched.problem == ""
    assert states(entries) == {"a-Rec.cmcr": "judged"}


def test_a_renamed_file_is_not_judged_again_and_a_deleted_one_is_forgotten(
    folder: Path, watched: FolderWatch, clock: Clock
) -> None:
    file = folder / "a-Rec.cmcr"
    file.write_bytes(b"1")
    after(watched, clock, 0)
    after(watched, clock, 30)
    judge(watched)

    file.rename(folder / "retina 3.cmcr")
    (entry,) = after(watched, clock, 5)
    assert (entry.name, entry.state, entry.health) == ("retina 3.cmcr", "judged", GOOD)

    (folder / "retina 3.cmcr").unlink()
    assert after(watched, clock, 5) == []
    file.write_bytes(b"1")
    assert states(after(watched, clock, 5)) == {"a-Rec.cmcr": "written"}


def test_what_cannot_be_read_is_tried_again_after_a_while_or_when_it_changes(
    folder: Path, watched: FolderWatch, clock: Clock
) -> None:
    file = folder / "a-Rec.cmcr"
    file.write_bytes(b"1")
    after(watched, clock, 0)
    after(watched, clock, 30)
    judge(watched, "It is cut off.")

    (entry,) = after(watched, clock, 60)
    assert (entry.state, entry.said, entry.light) == ("unreadable", "It is cut off.", "grey")
    assert states(after(watched, clock, 61)) == {"a-Rec.cmcr": "waiting"}
    judge(watched, "It is cut off.")
    file.write_bytes(b"12")
    assert states(after(watched, clock, 5)) == {"a-Rec.cmcr": "written"}


def test_folders_and_files_that_must_not_be_read_do_not_disturb_the_others(
    folder: Path, watched: FolderWatch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a-Rec.cmcr", "below/b-Rec.cmcr", "c-Rec.cmcr"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"1")
    after(watched, clock, 0)
    assert set(states(after(watched, clock, 30)).values()) == {"waiting"}
    scandir, stat = os.scandir, Path.stat

    def refused(path: Path) -> object:
        if Path(path).name == "below":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def unreadable(path: Path, **options: bool) -> os.stat_result:
        if path.name == "c-Rec.cmcr":
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "scandir", refused)
    monkeypatch.setattr(Path, "stat", unreadable)
    entries = after(watched, clock, 5)

    assert states(entries) == {
        "a-Rec.cmcr": "waiting",
        "below/b-Rec.cmcr": "waiting",
        "c-Rec.cmcr": "unreadable",
    }
    assert "must not be read" in next(entry.said for entry in entries if entry.name == "c-Rec.cmcr")


def test_hundreds_of_recordings_are_listed_the_latest_first(
    folder: Path, watched: FolderWatch, clock: Clock
) -> None:
    for number in range(400):
        for name in (f"r{number:03d}-Rec.cmcr", f"r{number:03d}-Rec-.cmtr"):
            (folder / name).write_bytes(b"1")
            os.utime(folder / name, (number, number))
    after(watched, clock, 0)
    entries = after(watched, clock, 30)

    assert len(entries) == 400
    assert entries[0].name == "r399-Rec.cmcr"
    assert all(entry.units is not None for entry in entries)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made = simulate_recording(
        tmp_path_factory.mktemp("pair"), Experiment.tiny(name="a-Rec", files=FileOptions(compressed=False))
    )
    return made.cmcr_path, made.cmtr_path


def test_a_file_is_opened_up_to_its_last_data_group(pair: tuple[Path, Path], folder: Path) -> None:
    whole, cut = pair[0], folder / "cut-Rec.cmcr"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    assert incomplete(whole) == ""
    assert incomplete(pair[1]) == ""
    assert incomplete(cut) != ""
    assert "does not exist" in incomplete(folder / "gone-Rec.cmcr")


def test_the_lights_come_by_themselves_and_again_with_units(pair: tuple[Path, Path], folder: Path) -> None:
    seen: list[dict[str, Watched]] = []
    cancel = threading.Event()
    given = [pair[0], pair[1]]

    def tell(_problem: str, entries: list[Watched]) -> None:
        seen.append({entry.name: entry for entry in entries})
        done = [entry for entry in entries if entry.state == "judged"]
        wanted = (True, bool(done), bool(done and done[0].units))
        if wanted[2 - len(given)]:
            if given:
                shutil.copy(given[0], folder / given[0].name)
                given.pop(0)
            else:
                cancel.set()

    def in_this_process(request: JudgeFile, _cancel: threading.Event) -> Health | str:
        return request.run(lambda _part, _text: None)

    guard = threading.Timer(200, cancel.set)
    guard.start()
    watch(folder, tell, cancel, seconds=2, settle_s=0.05, poll_s=0.1, judge=in_this_process)
    guard.cancel()

    (entry,) = seen[-1].values()
    assert entry.units == folder / pair[1].name
    assert entry.health is not None
    lights = {light.name: light.light for light in entry.health.lights}
    assert lights["spikes.units"] != "grey"
    alone = [each["a-Rec.cmcr"] for each in seen if "a-Rec.cmcr" in each and each["a-Rec.cmcr"].units is None]
    judged = next(each for each in alone if each.state == "judged")
    assert judged.health is not None
    assert {light.name: light.light for light in judged.health.lights}["spikes.units"] == "grey"


def test_a_damaged_file_or_a_process_that_dies_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hdmea.health.worker.command", lambda _folder: [sys.executable, "-c", "import os; os._exit(7)"]
    )
    from hdmea.health.limits import HealthLimits

    request = JudgeFile(folder / "a-Rec.cmcr", False, 1.0, HealthLimits())
    assert "exit code 7" in str(judge_apart(request, threading.Event()))


def eventually(reached: Callable[[], bool], seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not reached() and time.monotonic() < until:
        time.sleep(0.1)
    return reached()


@pytest.mark.skipif(os.name == "nt", reason="a signal ends it")
def test_the_command_says_what_changes_and_ends_with_control_c(folder: Path) -> None:
    (folder / "a-Rec.cmcr").write_bytes(b"1")
    process = subprocess.Popen(
        [sys.executable, "-m", "hdmea", "health", "--watch", "--json", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert (first["event"], first["name"], first["state"]) == ("recording", "a-Rec.cmcr", "written")
    assert json.loads(process.stdout.readline()) == {"event": "look"}
    process.send_signal(signal.SIGINT)
    assert eventually(lambda: process.poll() is not None)
    process.stdout.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("name", "more"), [("a-Rec.cmcr", []), ("misspelt", []), ("", ["--html", "page.html"])]
)
def test_only_folders_are_watched_and_no_page_is_written(folder: Path, name: str, more: list[str]) -> None:
    (folder / "a-Rec.cmcr").write_bytes(b"1")
    watched = folder / name
    done = CliRunner().invoke(app, ["health", "--watch", str(watched), *more])
    assert done.exit_code == 2
    assert "folder" in done.stderr
