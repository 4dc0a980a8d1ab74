"""Collections stay short, and yet nothing large stays behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hdmea_gui.engine import garbage
from hdmea_gui.shell.main_window import MainWindow


class Node:
    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_a_sweep_collects_what_is_new_and_sets_the_rest_aside() -> None:
    old, new = Node(), Node()
    garbage.sweep()
    lasting = weakref.ref(old)
    gone = weakref.ref(new)
    fresh = Node()
    passing = weakref.ref(fresh)

    del old, new, fresh
    garbage.sweep()

    assert passing() is None
    assert lasting() is not None
    garbage.sweep_everything()
    assert lasting() is None
    assert gone() is None


@pytest.mark.parametrize("circle", [False, True], ids=["plain", "in a circle"])
def test_another_recording_frees_the_session_before(
    window: MainWindow, recording: tuple[Path, Path], idle: Callable[[], None], circle: bool
) -> None:
    held: list[Any] = []

    class Look:
        title = "Look"

        def run(self, workspace: Any, _ctx: Any) -> None:
            held.append(weakref.ref(workspace.session))
            if circle:
                workspace.session.metadata["circle"] = workspace.session

    window.controller.open(list(recording))
    idle()
    window.controller._submit(Look())
    idle()
    assert held[0]() is not None

    window.controller.open(list(recording))
    idle()

    assert held[0]() is None
