"""How late a timer of 5 ms comes: the measure of an event loop, and of an idle process beside it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, field
from types import FrameType, TracebackType

from PySide6.QtCore import QObject, Qt, QTimer

__all__ = ["EventWatch", "IdleNeighbour", "Phase", "shares"]

TICK_MS = 5
NOTABLE_S = 0.033
MOST_STACKS = 6
DEPTH = 9


@dataclass
class Phase:
    """Gaps between ticks, in seconds, and when they ended (`time.monotonic`), of one part of the run.

    `own` is the processor time that the thread itself took in each gap: what other programs do is not in it.
    """

    name: str
    ends: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    stacks: list[tuple[float, str]] = field(default_factory=list)


def shares(gaps: list[float]) -> tuple[float, float, int]:
    """Return the longest gap in ms, the share of gaps under 33 ms, and the number of gaps."""
    if not gaps:
        return 0.0, 1.0, 0
    return 1000 * max(gaps), sum(gap < NOTABLE_S for gap in gaps) / len(gaps), len(gaps)


class EventWatch(QObject):
    """Notes the gaps between the ticks of a precise timer, by phase.

    Parameters
    ----------
    stacks_after_s
        Write down what all threads are doing while a tick is later than that; 0: never.
    """

    def __init__(self, stacks_after_s: float = 0.0) -> None:
        super().__init__()
        self.phases: dict[str, Phase] = {}
        self.name_of_now = "start"
        self._last: float | None = None
        self._busy = 0.0
        self._watchdog = _Watchdog(stacks_after_s) if stacks_after_s else None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin; the event loop must run soon."""
        self._last, self._busy = time.monotonic(), time.thread_time()
        self._timer.start()
        if self._watchdog is not None:
            self._watchdog.last_tick = self._last
            self._watchdog.start()

    def stop(self) -> None:
        """End; the last gap is counted."""
        self._tick()
        self._timer.stop()
        if self._watchdog is not None:
            self._watchdog.ended.set()
            self._watchdog.join()

    def _tick(self) -> None:
        now = time.monotonic()
        assert self._last is not None
        phase = self.phases.setdefault(self.name_of_now, Phase(self.name_of_now))
        phase.gaps.append(now - self._last)
        phase.ends.append(now)
        busy = time.thread_time()
        phase.own.append(busy - self._busy)
        self._busy = busy
        if self._watchdog is not None:
            self._watchdog.last_tick = now
            if self._watchdog.stacks:
                stacks, self._watchdog.stacks = self._watchdog.stacks, []
                phase.stacks.append((now - self._last, "\n".join(stacks)))
        self._last = now


class _Watchdog(threading.Thread):
    """Writes down the stacks of all other threads while a tick is late.

    It needs the interpreter's lock: what held it is seen at the moment when it was given away.
    """

    def __init__(self, late_s: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self.last_tick = 0.0
        self.stacks: list[str] = []
        self.ended = threading.Event()
        self._late_s = late_s

    def run(self) -> None:
        while not self.ended.wait(0.01):
            late = time.monotonic() - self.last_tick
            if late < self._late_s or len(self.stacks) >= MOST_STACKS:
                continue
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            self.stacks += [
                f"after {1000 * late:.0f} ms, {names.get(ident, 'worker')}:\n{_lines(frame)}"
                for ident, frame in sys._current_frames().items()
                if ident != self.ident
            ]


def _lines(frame: FrameType) -> str:
    return "".join(
        f"    {entry.filename.rpartition('site-packages/')[2]}:{entry.lineno} {entry.name}\n"
        for entry in traceback.extract_stack(frame)[-DEPTH:]
    )


_IDLE = """
import sys, time
from PySide6.QtCore import QCoreApplication, Qt, QTimer
app = QCoreApplication([])
last = time.monotonic()
def tick():
    global last
    now = time.monotonic()
    print(now, now - last)
    last = now
timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=5)
timer.timeout.connect(tick)
timer.start()
print("ready", file=sys.stderr, flush=True)
app.exec()
"""


class IdleNeighbour:
    """The same timer in a process that does nothing else: what the computer itself makes late."""

    def __init__(self) -> None:
        self._out = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _IDLE], stdout=self._out, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        self._process.stderr.readline()
        self.ticks: list[tuple[float, float]] = []

    def __enter__(self) -> IdleNeighbour:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._out.seek(0)
        lines = [line.split() for line in self._out.read().splitlines()]
        self.ticks = [(float(line[0]), float(line[1])) for line in lines if len(line) == 2]

    def during(self, phase: Phase) -> list[float]:
        """Return the gaps that ended within a phase, in seconds.

        The clock of `time.monotonic` is the computer's, the same in both processes.
        """
        if not phase.ends:
            return []
        # A phase may come in several stretches: ticks are taken within half a second of its own.
        found, place = [], 0
        for end, gap in self.ticks:
            while place < len(phase.ends) and phase.ends[place] < end:
                place += 1
            near = phase.ends[max(0, place - 1) : place + 1]
            if near and min(abs(end - other) for other in near) < max(0.5, gap):
                found.append(gap)
        return found


def settle(milliseconds: int) -> None:
    """Let the event loop run for a while."""
    from PySide6.QtCore import QEventLoop

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
