"""No h5py object is made, read, closed or released on the GUI thread: all of it waits for one lock."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from hdmea_gui.shell.main_window import MainWindow

Idle = Callable[[], None]


class Guard:
    """Makes h5py raise on the GUI thread, and counts on which threads its objects were released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gui = threading.get_ident()
        self.trespasses: list[str] = []
        self.calls = 0
        self.released: Counter[str] = Counter()
        for module in (h5py.h5f, h5py.h5g, h5py.h5o, h5py.h5d, h5py.h5a, h5py.h5s, h5py.h5l):
            for name, found in vars(module).copy().items():
                if callable(found) and not isinstance(found, type) and not name.startswith("_"):
                    monkeypatch.setattr(module, name, self._guarded(f"{module.__name__}.{name}", found))
        for owner, names in {
            h5py.File: ("__init__", "close", "flush"),
            h5py.Group: ("__getitem__", "__contains__", "__iter__", "create_dataset"),
            h5py.Dataset: ("__getitem__", "read_direct", "__array__"),
            h5py.AttributeManager: ("__getitem__", "__iter__", "create"),
        }.items():
            for name in names:
                monkeypatch.setattr(
                    owner, name, self._guarded(f"{owner.__name__}.{name}", getattr(owner, name))
                )

    def _guarded(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == self.gui:
                self.trespasses.append(name)
                raise AssertionError(f"h5py on the GUI thread: {name}")
            self.calls += 1
            result = original(*args, **kwargs)
            if isinstance(result, h5py.h5g.GroupID | h5py.h5f.FileID | h5py.h5d.DatasetID | h5py.h5a.AttrID):
                weakref.finalize(result, self._note_release, type(result).__name__)
            return result

        return call

    def _note_release(self, kind: str) -> None:
        self.released["gui" if threading.get_ident() == self.gui else kind] += 1


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Guard:
    return Guard(monkeypatch)


def test_the_guard_raises_and_sees_releases(guard: Guard, tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def elsewhere() -> None:
        try:
            with h5py.File(tmp_path / "x.h5", "w") as file:
                file["a"] = [1, 2]
        except AssertionError as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert not errors
    assert guard.released
    assert "gui" not in guard.released
    with pytest.raises(AssertionError, match="GUI thread"):
        h5py.File(tmp_path / "x.h5")
    assert guard.trespasses


def test_a_full_run_save_and_lazy_session_keep_h5py_off_the_gui_thread(
    qtbot: Any, window: MainWindow, recording: tuple[Path, Path], idle: Idle, tmp_path: Path, guard: Guard
) -> None:
    controller = window.controller

    controller.open(list(recording))
    idle()
    controller.choose_flow("quick")
    controller.run_all()
    idle()
    controller.checkpoint(tmp_path / "checkpoint.h5", overwrite=False)
    controller.save(tmp_path / "lazy.h5", overwrite=False)
    gc.collect()
    idle()
    controller.open([tmp_path / "lazy.h5"])  # opened lazily: arrays are read when a view asks
    idle()
    for index in range(window.tabs.count()):
        window.tabs.setCurrentIndex(index)
        controller.selection.select_units((controller.state.unit_ids[index % 2],))
        qtbot.wait(60)
    gc.collect()
    controller.run_step("extract_features")
    controller.save(tmp_path / "again.h5", overwrite=False)
    gc.collect()
    idle()
    controller.open(list(recording))  # the lazy session is let go
    idle()
    gc.collect()

    assert window.dialog is None
    assert guard.calls > 100
    assert guard.released["FileID"] >= 4
    assert not guard.trespasses
    assert "gui" not in guard.released
