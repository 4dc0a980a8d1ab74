"""A worker gives way while the window's event loop is late, and is not held up for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hdmea_gui.engine import yielding as pulse_module
from hdmea_gui.engine.yielding import Pulse


@pytest.fixture
def pulse(qtbot: Any) -> Iterator[Pulse]:
    made = Pulse()
    yield made
    made.stop()


def on_worker(pulse: Pulse) -> threading.Thread:
    thread = threading.Thread(target=pulse.give_way)
    thread.start()
    return thread


def test_a_worker_waits_while_the_event_loop_stands_still_and_goes_on_with_it(
    qtbot: Any, pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse_module, "_PATIENCE_S", 60.0)
    pulse.start()
    # The event loop stands still: nothing is processed here.
    time.sleep(0.05)
    thread = on_worker(pulse)
    thread.join(0.03)
    assert thread.is_alive()

    qtbot.waitUntil(lambda: not thread.is_alive(), timeout=20_000)


def test_a_loop_that_stands_still_for_long_is_waited_for_once(
    qtbot: Any, pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, naps = time.sleep, []
    pulse.start()
    sleep(0.05)
    monkeypatch.setattr(time, "sleep", lambda seconds: (naps.append(seconds), sleep(seconds)))

    pulse.give_way()
    assert naps
    naps.clear()
    # As each report of a step does.
    pulse.give_way()

    assert naps == []


def test_nobody_waits_for_a_pulse_that_does_not_beat(qtbot: Any, pulse: Pulse) -> None:
    thread = on_worker(pulse)
    thread.join(10)
    assert not thread.is_alive()

    pulse.start()
    pulse.stop()
    thread = on_worker(pulse)
    thread.join(10)
    assert not thread.is_alive()
