"""A worker gives way while the window's event loop is late, and is not held up for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hdmea_gui.engine import yielding
from hdmea_gui.engine.yielding import EventLoopWatch


@pytest.fixture
def watch(qtbot: Any) -> Iterator[EventLoopWatch]:
    made = EventLoopWatch()
    yield made
    made.stop()


def on_worker(watch: EventLoopWatch) -> threading.Thread:
    thread = threading.Thread(target=watch.give_way)
    thread.start()
    return thread


def test_a_worker_waits_while_the_event_loop_stands_still_and_goes_on_with_it(
    qtbot: Any, watch: EventLoopWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yielding, "_PATIENCE_S", 60.0)
    watch.start()
    # The event loop stands still: nothing is processed here.
    time.sleep(0.05)
    thread = on_worker(watch)
    thread.join(0.03)
    assert thread.is_alive()

    qtbot.waitUntil(lambda: not thread.is_alive(), timeout=20_000)


def test_a_loop_that_stands_still_for_long_is_waited_for_once(
    qtbot: Any, watch: EventLoopWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, naps = time.sleep, []
    watch.start()
    sleep(0.05)
    monkeypatch.setattr(time, "sleep", lambda seconds: (naps.append(seconds), sleep(seconds)))

    watch.give_way()
    assert naps
    naps.clear()
    # As each report of a step does.
    watch.give_way()

    assert naps == []


def test_nobody_waits_for_a_loop_that_is_not_watched(qtbot: Any, watch: EventLoopWatch) -> None:
    thread = on_worker(watch)
    thread.join(10)
    assert not thread.is_alive()

    watch.start()
    watch.stop()
    thread = on_worker(watch)
    thread.join(10)
    assert not thread.is_alive()
