"""Breaks each operation of the list again and again, and counts what became of file, session and process.

Run as a program, because a library is preloaded into it and because it forks:

    python -m tests.faults.trials faults --operations "save columns" --most 40

It prints one line of JSON: how many tries ended how, and what went wrong. `tests.faults.long` runs all of it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import faulthandler
import gc
import json
import logging
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hdmea.utils import atomic, drive
from hdmea.utils.exceptions import HDMEAError
from tests.faults import operations
from tests.faults.operations import OPERATIONS, CommandFailed, Operation, values_in, values_of

CODES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)
FAIL, KILL, SHORT, SHORT_AND_KILL = 1, 2, 3, 4
CHANGES, READS = 1, 2
FOR_EVER = 1 << 40
_HANGS_S = 30.0
_SOURCE = Path(__file__).with_name("faults.c")


class Injector(Protocol):
    """Counts calls of the system, and lets some fail."""

    def set(self, first: int, last: int, act: int = 0, error: int = 0) -> None:
        """Begin to count; do `act` from call `first` to call `last`."""

    def calls(self) -> int:
        """Return how many there were, and stop."""


class InPython:
    """Lets the functions of `hdmea.utils.drive` fail, through which all writing goes."""

    NAMES = ("create", "write", "read", "truncate", "sync", "rename", "clone", "copy_range")

    def __init__(self) -> None:
        self.count, self.first, self.last, self.act, self.error = 0, 0, 0, 0, 0
        for name in self.NAMES:
            setattr(drive, name, self._wrapped(name, getattr(drive, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.count += 1
            if self.first <= self.count <= self.last:
                if self.act == FAIL:
                    raise OSError(self.error, os.strerror(self.error))
                if self.act == SHORT_AND_KILL and name == "write":
                    descriptor, data, at = arguments
                    real(descriptor, data[: len(data) // 2], at)
                if self.act in (KILL, SHORT_AND_KILL):
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        return call

    def set(self, first: int, last: int, act: int = 0, error: int = 0) -> None:
        self.count, self.first, self.last, self.act, self.error = 0, first, last, act, error

    def calls(self) -> int:
        self.first, self.last = 0, 0
        return self.count


class Preloaded:
    """Lets calls of the C library fail, with the library made from ``faults.c``."""

    def __init__(self, library: Path, folder: Path, kinds: int = CHANGES) -> None:
        self.library = ctypes.CDLL(str(library))
        self.library.fault_calls.restype = ctypes.c_long
        self.folder, self.kinds = os.fsencode(folder), kinds

    def set(self, first: int, last: int, act: int = 0, error: int = 0) -> None:
        first_, last_ = ctypes.c_long(first), ctypes.c_long(last)
        self.library.fault_set(self.folder, first_, last_, act, error, self.kinds)

    def calls(self) -> int:
        found = int(self.library.fault_calls())
        self.library.fault_set(b"", ctypes.c_long(0), ctypes.c_long(0), 0, 0, 0)
        return found


def compiled(folder: Path) -> Path | None:
    """Return the library, compiled into a folder; None if there is no C compiler, or not for this system."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = folder / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return library if done.returncode == 0 else None


class Tries:
    """Tries of one operation in a folder of its own, and what came of them."""

    def __init__(self, operation: Operation, folder: Path) -> None:
        self.operation = operation
        self.folder = folder / "data"
        self.elsewhere = folder / "elsewhere.h5"
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.folder.mkdir()
        operation.prepare(self.folder)
        self._before = {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def restore(self) -> None:
        """Put the folder into the state before the operation."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in self._before:
                path.unlink()
        for name, content in self._before.items():
            (self.folder / name).write_bytes(content)

    def wrong(self, kind: str, about: str) -> None:
        """Note what must not be."""
        self.counts[kind] += 1
        if len(self.problems) < 20:
            self.problems.append(f"{self.operation.name}: {kind}: {about}")

    def attempt(self, break_it: Callable[[], contextlib.AbstractContextManager[Any]], about: str) -> None:
        """Let the operation run while something is broken; see what it says, and what is there then."""
        self.restore()
        act, session = self.operation.act(self.folder)
        told: BaseException | None = None
        self.counts["tries"] += 1
        with break_it():
            try:
                act()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                told = error
        if told is not None and not (
            isinstance(told, CommandFailed) or (isinstance(told, HDMEAError) and told.fix is not None)
        ):
            self.wrong("foreign", f"{about}: {type(told).__name__}: {told}")
        try:
            state = self.operation.state(self.folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            self.wrong("lost", f"{about}: {type(error).__name__}: {error}")
            return
        if told is None and state != self.operation.new:
            self.wrong("silent", f"{about}: {state}")
        elif told is not None and state != self.operation.old:
            self.wrong("told and changed", f"{about}: {state}, {told}")
        else:
            self.counts["complete" if told is None else "told"] += 1
        try:
            session.save(self.elsewhere)
            if values_in(self.elsewhere) != values_of(session):
                self.wrong("not kept", about)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            self.wrong("not kept", f"{about}: {type(error).__name__}: {error}")

    def kill(self, arm: Callable[[], None], delay_s: float | None, about: str) -> None:
        """Let a child run the operation and be killed; see what is there then."""
        self.restore()
        self.counts["tries"] += 1
        ready, says = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                act, _ = self.operation.act(self.folder)
                os.write(says, b"!")
                arm()
                act()
                code = 0
            finally:
                os._exit(code)
        os.close(says)
        os.read(ready, 1)
        os.close(ready)
        if delay_s is not None:
            time.sleep(delay_s)
            os.kill(child, signal.SIGKILL)
        self._judge_killed(_waited(child), about)

    def _judge_killed(self, status: int | None, about: str) -> None:
        if status is None:
            self.wrong("hangs", about)
        elif os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self.counts["killed"] += 1
        elif status == 0:
            self.counts["too late"] += 1
        else:
            self.wrong("crashed", f"{about}: {status}")
        try:
            state = self.operation.state(self.folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            self.wrong("lost", f"{about}: {type(error).__name__}: {error}")
            return
        if state not in (self.operation.old, self.operation.new):
            self.wrong("lost", f"{about}: {state}")

    def clean(self) -> None:
        """See that the next run of the operation works, and removes what the last one left."""
        act, _ = self.operation.act(self.folder)
        act()
        if self.operation.state(self.folder) != self.operation.new:
            self.wrong("lost", "the next run")
        left = [path.name for path in self.folder.iterdir() if path.name.startswith(".")]
        if left and not self.operation.name.startswith("automatic"):
            self.wrong("left over", ", ".join(left))


def _waited(child: int) -> int | None:
    """Return how a child ended; None if it had to be ended."""
    deadline = time.monotonic() + _HANGS_S
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


@dataclass(frozen=True)
class Plan:
    """Which of all possible tries are made.

    Attributes
    ----------
    rng
        Chooses among them.
    most
        How many of an operation at most; None for all.
    each
        How many kinds of failure each call meets, every call others; None for all of them.
    """

    rng: random.Random
    most: int | None = None
    each: int | None = None

    def of_each_call(self, n: int, kinds: Sequence[Any]) -> list[tuple[int, Any]]:
        """Return (number of the call, kind) for all calls, in the order of the calls."""
        each = len(kinds) if self.each is None else min(self.each, len(kinds))
        cases = [(at, kind) for at in range(1, n + 1) for kind in self.rng.sample(list(kinds), each)]
        return self.chosen(cases)

    def chosen(self, cases: Sequence[Any]) -> list[Any]:
        """Return all cases, or as many of them as are wanted, chosen at random."""
        if self.most is None or self.most >= len(cases):
            return list(cases)
        return self.rng.sample(list(cases), self.most)


def faults(tries: Tries, injector: Injector, plan: Plan) -> None:
    """Let each call of the system fail, once and for ever, with each error."""

    @contextlib.contextmanager
    def breaking(first: int, last: int, act: int = 0, error: int = 0) -> Iterator[None]:
        injector.set(first, last, act, error)
        faulthandler.dump_traceback_later(_HANGS_S, exit=True)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            if injector.calls() >= first:
                hit.add(first)

    hit = set[int]()
    n = _count(tries, injector)
    kinds = [(FAIL, code, for_ever) for code in CODES for for_ever in (False, True)]
    if isinstance(injector, Preloaded):
        kinds.append((SHORT, 0, False))
    for at, (act, code, for_ever) in plan.of_each_call(n, kinds):
        last = FOR_EVER if for_ever else at
        about = f"call {at} of {n}, {errno.errorcode.get(code, 'short')}{' for ever' if for_ever else ''}"
        tries.attempt(lambda at=at, last=last, act=act, code=code: breaking(at, last, act, code), about)
    tries.counts["calls"] += n
    tries.counts["calls that failed"] += len(hit)
    gc.collect()
    tries.clean()


def _count(tries: Tries, injector: Injector) -> int:
    """Return how many calls the operation makes."""
    tries.restore()
    act, _ = tries.operation.act(tries.folder)
    injector.set(0, 0)
    act()
    return injector.calls()


def kills(tries: Tries, injector: Injector, plan: Plan) -> None:
    """Kill the operation at each call of the system, in the middle of each write, and at random moments."""
    n = _count(tries, injector)
    for at, act in plan.of_each_call(n, (KILL, SHORT_AND_KILL)):
        tries.kill(lambda at=at, act=act: injector.set(at, at, act), None, f"call {at} of {n}")
        if plan.rng.random() < 0.1:
            tries.clean()
    tries.restore()
    act, _ = tries.operation.act(tries.folder)
    began = time.perf_counter()
    act()
    took = time.perf_counter() - began
    for _ in range(n // 2 if plan.most is None else plan.most // 4):
        delay = plan.rng.uniform(0, 1.2 * took)
        tries.kill(lambda: None, delay, f"after {delay * 1e3:.1f} ms")
    tries.clean()


@contextlib.contextmanager
def _limited(nbytes: int) -> Iterator[None]:
    """Let no file be larger, as a quota does of which nobody is told beforehand."""
    known, atomic._longest_file = atomic._longest_file, lambda: None
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
        atomic._longest_file = known


def quotas(tries: Tries, injector: Injector, plan: Plan) -> None:
    """Let the file become no larger than a limit."""
    tries.restore()
    act, _ = tries.operation.act(tries.folder)
    act()
    largest = max(path.stat().st_size for path in tries.folder.iterdir())
    limits = {0, 1, 4096, 60_000, largest - 1, *(plan.rng.randrange(largest) for _ in range(200))}
    for nbytes in plan.chosen(sorted(limits)):
        tries.attempt(lambda nbytes=nbytes: _limited(nbytes), f"no file larger than {nbytes} bytes")


@contextlib.contextmanager
def _filled(folder: Path, free: int) -> Iterator[None]:
    """Leave `free` bytes on the drive of a folder."""
    filler = folder.parent / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(folder).free - free))
    try:
        yield
    finally:
        filler.unlink()


def full_drive(tries: Tries, injector: Injector, plan: Plan) -> None:
    """Let the drive, a small one in memory, be full at some moment; nobody says so beforehand."""
    usage = shutil.disk_usage
    tries.restore()
    free = usage(tries.folder).free
    act, _ = tries.operation.act(tries.folder)
    act()
    needed = max(path.stat().st_size for path in tries.folder.iterdir())
    tries.elsewhere = Path(tempfile.gettempdir()) / f"elsewhere-{os.getpid()}.h5"
    levels = sorted({0, *(4096 * k for k in range(int(1.3 * needed) // 4096))})
    for level in plan.chosen(levels):
        if level < free:
            tries.restore()
            tries.attempt(lambda level=level: _lying(tries.folder, level), f"{level} bytes free")
    tries.elsewhere.unlink(missing_ok=True)


@contextlib.contextmanager
def _lying(folder: Path, free: int) -> Iterator[None]:
    real = shutil.disk_usage
    with _filled(folder, free):
        shutil.disk_usage = lambda path: real(path)._replace(free=1 << 40)
        try:
            yield
        finally:
            shutil.disk_usage = real


KINDS = {"faults": faults, "kills": kills, "quotas": quotas, "full": full_drive}


def run_trials(
    kind: str,
    names: Sequence[str],
    *,
    library: str = "",
    reads: bool = False,
    most: int | None = None,
    each: int | None = None,
    seed: int = 0,
    small: int = 0,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Break operations in this process; return counts and problems."""
    if small:
        operations.n_small = small
    logging.getLogger("hdmea").setLevel(logging.CRITICAL + 1)
    logging.getLogger("hdmea_gui").setLevel(logging.CRITICAL + 1)
    counts: Counter[str] = Counter()
    problems: list[str] = []
    in_python = None if library else InPython()
    for name in names or OPERATIONS:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            tries = Tries(OPERATIONS[name], Path(own))
            kinds = CHANGES | (READS if reads else 0)
            injector = in_python or Preloaded(Path(library), tries.folder, kinds)
            KINDS[kind](tries, injector, Plan(random.Random(f"{seed} {name}"), most, each))
        counts.update(tries.counts)
        problems += tries.problems
    return {"counts": dict(counts), "problems": problems}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--operations", nargs="*", default=[])
    parser.add_argument("--library", default="")
    parser.add_argument("--reads", action="store_true")
    parser.add_argument("--most", type=int)
    parser.add_argument("--each", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    found = parser.parse_args()
    given = vars(found)
    answer = run_trials(given.pop("kind"), given.pop("operations"), **given)
    sys.stdout.write(json.dumps(answer) + "\n")


def in_child(
    kind: str,
    folder: Path,
    *arguments: str,
    library: Path | None = None,
    module: str = "tests.faults.trials",
) -> dict[str, Any]:
    """Run trials in a process of their own; its crash is one of the problems."""
    command = [sys.executable, "-m", module, kind, *arguments]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "TMPDIR": str(folder), "XDG_DATA_HOME": str(folder), "PYTHONPATH": root}
    environment |= {"QT_QPA_PLATFORM": "offscreen", "HOME": str(folder)}
    if library is not None:
        command += ["--library", str(library)]
        environment["LD_PRELOAD"] = str(library)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {
            "counts": {"crashed": 1},
            "problems": [f"{command}: {done.returncode}: {done.stderr[-2000:]}"],
        }
    found: dict[str, Any] = json.loads(lines[-1])
    return found


if __name__ == "__main__":
    main()
