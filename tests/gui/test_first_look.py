"""Files of unknown origin are opened by a helper process first, whose crash does not end the session."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest

from hdmea.pipeline import PipelineSession
from hdmea.utils.exceptions import DataLoadError, StepCancelled
from hdmea.utils.giving_way import look_first, on_this_thread
from hdmea_gui.engine import first_look, look_child
from hdmea_gui.engine.auto_checkpoint import Keeper
from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.first_look import FirstLook
from hdmea_gui.shell.main_window import MainWindow
from hdmea_gui.store.settings import SettingsStore
from tests.gui.conftest import visible_texts

CHILD = """
import ctypes, json, os, sys, time
def answer(text):
    os.write(1, json.dumps(text).encode() + b"\\n")
answer("")
for line in sys.stdin:
    path = os.path.basename(json.loads(line))
    with open(__file__ + ".log", "a") as log:
        log.write(path + "\\n")
    if "segfault" in path:
        ctypes.string_at(0)
    if "abort" in path:
        os.abort()
    if "blows up" in path:
        held = bytearray(os.urandom(1 << 20) * 80)
        time.sleep(600)
    while "hangs" in path:
        time.sleep(1)
    answer("it needs more" if "refused" in path else "")
"""


@pytest.fixture
def look() -> Iterator[FirstLook]:
    found = FirstLook()
    yield found
    found.stop()
    # Whoever tests leaks must not find the end of this one.
    deadline = time.monotonic() + 60
    while any(thread.name == "first look" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Have a process do what the name of a file says; return a function that lists what it was given."""
    script = tmp_path / "child.py"
    script.write_text(CHILD, encoding="utf-8")
    monkeypatch.setattr(look_child, "__file__", str(script))
    log = tmp_path / "child.py.log"
    return lambda: log.read_text(encoding="utf-8").split("\n")[:-1] if log.exists() else []


def write(path: Path) -> Path:
    session = PipelineSession(path.stem)
    session.add_units({"unit_001": {"spike_times": np.arange(9, dtype=np.uint64)}})
    return session.save(path)


def test_one_process_opens_many_files_and_each_once(look: FirstLook, tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("a.h5", "b.h5")]
    look.start()
    for path in (*paths, tmp_path, tmp_path / "nowhere"):
        look.look(path)
    first = look.pid
    assert first is not None
    look.look(paths[0])
    assert look.pid == first
    psutil.Process(first).kill()
    # What was opened need not be opened again; what was not has another process started.
    look.look(paths[0])
    look.look(write(tmp_path / "c.h5"))
    assert look.pid not in (None, first)


def test_files_are_opened_again_only_after_they_changed_and_own_ones_never(
    look: FirstLook, child: Callable[[], list[str]], tmp_path: Path
) -> None:
    path = write(tmp_path / "a.h5")
    look_first(look.look)
    try:
        session = PipelineSession.load(path)
        PipelineSession.load(path, lazy=True)
        assert child() == ["a.h5"]
        session.add_metadata({"note": "x"})
        session.save(path)
        session.save(tmp_path / "b.h5")
        for saved in (path, tmp_path / "b.h5"):
            assert PipelineSession.load(saved).metadata["note"] == "x"
        assert child() == ["a.h5"]
        with h5py.File(path, "a") as file:
            file.attrs["other"] = 1
        PipelineSession.load(path)
        assert child() == ["a.h5", "a.h5"]
    finally:
        look_first(None)


def test_what_is_only_wrong_is_left_to_who_reads_it(look: FirstLook, tmp_path: Path) -> None:
    good = write(tmp_path / "a.h5").read_bytes()
    for number, content in enumerate(
        (b"", b"text", good[: len(good) // 2], good[:100] + b"\xff" * 400 + good[500:])
    ):
        path = tmp_path / f"{number}.h5"
        path.write_bytes(content)
        look.look(path)


@pytest.mark.parametrize("what", ["segfault", "abort"])
def test_a_file_that_crashes_the_process_is_refused_and_the_next_one_is_opened(
    what: str, child: Callable[[], list[str]], look: FirstLook, tmp_path: Path
) -> None:
    look.look(write(tmp_path / "good.h5"))
    first = look.pid
    for _ in range(2):
        with pytest.raises(DataLoadError, match="HDF5 library") as caught:
            look.look(write(tmp_path / f"{what}.h5"))
        assert caught.value.fix is not None
        assert str(tmp_path) in str(caught.value)
    look.look(write(tmp_path / "good 2.h5"))
    assert look.pid not in (first, None)
    with pytest.raises(DataLoadError, match="it needs more"):
        look.look(write(tmp_path / "refused.h5"))


def test_a_refused_file_is_not_opened_twice_by_one_request(
    child: Callable[[], list[str]], look: FirstLook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "abort.h5")
    for expected in (1, 1, 2):
        if expected == 2:
            monkeypatch.setattr(first_look, "_REMEMBERED_S", 0.0)
        with pytest.raises(DataLoadError):
            look.look(path)
        assert child() == ["abort.h5"] * expected


def test_a_file_that_hangs_the_process_can_be_stopped_and_ends_in_time(
    child: Callable[[], list[str]], look: FirstLook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "hangs.h5")
    with on_this_thread(lambda: None, lambda: bool(child())), pytest.raises(StepCancelled):
        look.look(path)
    monkeypatch.setattr(first_look, "_MOST_S", 0.3)
    with pytest.raises(DataLoadError, match="takes more than"):
        look.look(path)
    look.look(write(tmp_path / "good.h5"))


def test_a_file_that_takes_all_memory_is_refused(
    child: Callable[[], list[str]], look: FirstLook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look, "_MOST_MEMORY", 60 << 20)
    with pytest.raises(DataLoadError, match="memory"):
        look.look(write(tmp_path / "blows up.h5"))


def test_without_a_process_files_are_opened_in_this_one(
    look: FirstLook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    look.look(write(tmp_path / "a.h5"))
    assert look.pid is None


def test_a_packaged_program_starts_itself(
    look: FirstLook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "hdmea"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{look_child.__file__}" "$@"\n')
    program.chmod(0o755)
    if os.name != "posix":
        pytest.skip("the program in this test is a shell script")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "hdmea-studio"))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    look.look(write(tmp_path / "a.h5"))
    assert look.pid is not None
    assert psutil.Process(look.pid).cmdline()[-1] == look_child.COMMAND


def test_the_visit_follows_no_links_reads_no_other_file_and_ends(tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(bytes(800))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("outside", (100,), "f8", external=[(str(other), 0, 800)])
        file["soft"] = h5py.SoftLink("/")
        file["external"] = h5py.ExternalLink(str(tmp_path / "nowhere.h5"), "/")
        file.attrs["text"] = "µ" * 20
        file["strings"] = ["a", "b"]
        file.create_dataset("large", data=np.zeros((300, 300)), chunks=(30, 30), compression="gzip")
        file.create_dataset("bomb", (1 << 40,), "u1", chunks=(1 << 31,), compression="gzip")
        group = file
        for _ in range(14):
            below = group.create_group("below")
            for number in range(14):
                group[f"link {number}"] = below
            group = below
    other.unlink()
    assert look_child._look(str(tmp_path / "x.h5")) == ""


def test_a_refusal_of_memory_is_told_and_damage_is_not() -> None:
    with pytest.raises(MemoryError), look_child._unless_memory():
        raise OSError("Unable to synchronously read data (memory allocation failed for chunk)")
    with look_child._unless_memory():
        raise RuntimeError("bad object header version number")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory of its own is that of Linux")
def test_the_waiting_process_is_small(look: FirstLook, tmp_path: Path) -> None:
    look.look(write(tmp_path / "a.h5"))
    assert look.pid is not None
    assert psutil.Process(look.pid).memory_full_info().pss < 40e6


@pytest.mark.parametrize("way", ["open", "recover"])
def test_the_window_stays_when_a_file_crashes_the_process(
    way: str,
    qtbot: Any,
    no_leaks: None,
    child: Callable[[], list[str]],
    settings: SettingsStore,
    tmp_path: Path,
) -> None:
    # Written before the window is there: what it writes itself it knows.
    bad, good = write(tmp_path / "segfault.h5"), write(tmp_path / "good.h5")
    keeper = Keeper(tmp_path / "recovery")
    window = MainWindow(
        Controller(keeper=keeper, first_look=FirstLook()), settings, tmp_path / "demo", "tiny"
    )
    window.show()
    window.controller.start()
    idle = lambda: qtbot.waitUntil(  # noqa: E731
        lambda: window.controller.activity is Activity.IDLE, timeout=20_000
    )
    idle()
    window.open_paths([good])
    idle()
    assert window.controller.state.dataset_id == "good"
    if way == "open":
        window.open_paths([bad])
    else:
        from hdmea_gui.engine.auto_checkpoint import RecoveryOffer

        window.controller.recover(RecoveryOffer(str(bad), "segfault", (), 1, 1, 1.0, "", 0, 0.0))
    idle()
    assert window.controller.state.dataset_id == "good"
    assert window.dialog is not None
    assert "the HDF5 library" in visible_texts(window.dialog)
    window.dialog.close()
    assert child() == ["good.h5", "segfault.h5"]
    window.close_without_question()
    qtbot.waitUntil(lambda: not psutil.Process().children(), timeout=10_000)
    assert window.joined
