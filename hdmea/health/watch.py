"""The recordings of a folder as they are made: each is judged when it is complete, without anyone asking.

Network drives do not tell of changes, so the folder is listed again and again. No file is opened in this
process: a recording is judged in one of its own, so that a file that makes HDF5 fail ends nothing else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from hdmea.health.check import NOISE_S, health
from hdmea.health.lights import Colour, Health, worst
from hdmea.health.limits import HealthLimits
from hdmea.health.measure import Report
from hdmea.recordings.mcs.vocabulary import RAW_SUFFIX, SORTED_SUFFIX
from hdmea.recordings.pairing import base_stem, names_match
from hdmea.recordings.reader import open_signals, open_units
from hdmea.utils.exceptions import HDMEAError

__all__ = ["POLL_S", "SETTLE_S", "FolderWatch", "JudgeFile", "Watched", "incomplete", "judge_apart", "watch"]

SETTLE_S = 30.0
"""A file whose size and time have not changed for so long may be complete."""
POLL_S = 5.0
RETRY_S = 120.0
"""After so long a file that could not be read is tried again, though it looks the same."""
_DEEPEST = 3
_WAIT_S = 0.2

State = Literal["written", "settling", "waiting", "measured", "judged", "unreadable"]
_Stamp = tuple[int, int]


@dataclass(frozen=True)
class Watched:
    """One recording of the folder.

    Attributes
    ----------
    name
        Name of its file, with the folders below the one that is watched.
    path
        Raw recording, or the sorted units if these are alone.
    units
        The sorted units that belong to it; None if there are none yet.
    state
        ``"written"``: a file is growing; ``"settling"``: it has not changed for a moment; ``"waiting"``:
        complete, judged next; ``"measured"``: being judged; ``"judged"``; ``"unreadable"``: damaged, or not
        readable yet.
    said
        What there is to say, in a sentence.
    modified_s
        When the file was changed, seconds since 1970 on the clock of its drive.
    health
        Its lights; those from before the sorted units came until the new ones are known.
    """

    name: str
    path: Path
    units: Path | None
    state: State
    said: str
    modified_s: float
    health: Health | None = None

    @property
    def light(self) -> Colour:
        """The worst of the lights; grey without any."""
        lights = () if self.health is None else self.health.lights
        return worst(*(light.light for light in lights))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as ``hdmea health --watch --json`` prints them."""
        return {
            "name": self.name,
            "path": str(self.path),
            "units": None if self.units is None else str(self.units),
            "state": self.state,
            "light": self.light,
            "sentence": self.said,
            "modified_s": self.modified_s,
            "lights": None if self.health is None else self.health.as_list(),
        }


@dataclass
class _File:
    """What is known of a file: its size and time, and since when these are the same, on a clock of ours."""

    stamp: _Stamp
    since: float
    problem: str = ""


@dataclass
class _Judged:
    """What was last found out of a recording: for which files, when, and the lights or why there are none."""

    stamps: tuple[_Stamp, ...]
    at: float
    health: Health | None
    problem: str


class FolderWatch:
    """Knows which recordings of a folder are complete, and what was found out about them.

    Times of files are only compared with each other: the clock of a file server may be wrong.

    Parameters
    ----------
    folder
        The folder; recordings in folders below it count, too. It may come and go.
    settle_s
        Seconds without a change after which a file may be complete.
    clock
        Seconds that never go back.

    Attributes
    ----------
    problem
        Why the folder cannot be listed at the moment; empty if it can.
    """

    def __init__(
        self, folder: Path, settle_s: float = SETTLE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self.problem = ""
        self._settle_s = settle_s
        self._clock = clock
        self._files: dict[Path, _File] = {}
        self._judged: dict[Path, _Judged] = {}
        self._busy: Path | None = None
        self._begun: tuple[_Stamp, ...] = ()

    def poll(self) -> None:
        """List the folder."""
        listed = _Listing()
        try:
            listed.add(self.folder, 0)
        except OSError as error:
            self.problem = _why(error, f"The folder {self.folder}")
            return
        self.problem = ""
        now = self._clock()
        before, self._files = self._files, {}
        for path, (stamp, problem) in listed.found.items():
            known = before.get(path)
            since = known.since if known is not None and known.stamp == stamp else now
            self._files[path] = _File(stamp, since, problem)
        for path, known in before.items():
            if path not in self._files and listed.is_unknown(path):
                self._files[path] = known
        gone = set(before) - set(self._files)
        for path in gone:
            self._follow(path, before)
        for path in set(self._judged) - set(self._files):
            del self._judged[path]

    def entries(self) -> list[Watched]:
        """Return all recordings, the latest first."""
        found = [self._entry(path, units) for path, units in self._pairs()]
        return sorted(found, key=lambda entry: (-entry.modified_s, entry.name))

    def next_due(self) -> Watched | None:
        """Return the recording that is to be judged next; None without one."""
        return next((entry for entry in self.entries() if entry.state == "waiting"), None)

    def begin(self, entry: Watched) -> None:
        """Note that a recording is being judged."""
        self._busy = entry.path
        self._begun = self._stamps(entry.path, self._complete_units(entry.path, entry.units))

    def end(self, entry: Watched, outcome: Health | str) -> None:
        """Note what was found out: lights, or why there are none."""
        self._busy = None
        before = self._judged.get(entry.path)
        health_before = None if before is None else before.health
        self._judged[entry.path] = _Judged(
            self._begun,
            self._clock(),
            outcome if isinstance(outcome, Health) else health_before,
            "" if isinstance(outcome, Health) else outcome,
        )

    def _follow(self, path: Path, before: dict[Path, _File]) -> None:
        """Keep what was found out about a file that was renamed."""
        judged = self._judged.get(path)
        if judged is None:
            return
        same = [
            other
            for other, file in self._files.items()
            if other not in before and other.suffix == path.suffix and file.stamp == before[path].stamp
        ]
        if len(same) == 1:
            self._files[same[0]].since = before[path].since
            self._judged[same[0]] = self._judged.pop(path)

    def _pairs(self) -> Iterator[tuple[Path, Path | None]]:
        """Yield raw recordings with their sorted units, and sorted units that belong to none."""
        raw = [path for path in self._files if path.suffix.lower() == RAW_SUFFIX]
        by_stem: dict[str, list[Path]] = {}
        for path in raw:
            by_stem.setdefault(base_stem(path).casefold(), []).append(path)
        units: dict[Path, Path] = {}
        alone = []
        for path in sorted(self._files, key=lambda path: (len(path.name), path.name), reverse=True):
            if path.suffix.lower() != SORTED_SUFFIX:
                continue
            fitting = by_stem.get(base_stem(path).casefold(), [])
            if not fitting and "(" in path.stem:
                fitting = [each for each in raw if names_match(each, path)]
            if fitting:
                # Of several, the one whose name is nearest: the last that is seen here.
                units[min(fitting, key=lambda each: (each.parent != path.parent, str(each)))] = path
            else:
                alone.append(path)
        yield from ((path, units.get(path)) for path in raw)
        yield from ((path, None) for path in alone)

    def _entry(self, path: Path, units: Path | None) -> Watched:
        file = self._files[path]
        complete_units = self._complete_units(path, units)
        stamps = self._stamps(path, complete_units)
        judged = self._judged.get(path)
        known = None if judged is None else judged.health
        state: State
        if file.problem:
            state, said = "unreadable", file.problem
        elif self._busy == path:
            state, said = "measured", "It is being measured."
        elif not self._is_settled(file):
            still = self._clock() - file.since
            state = "settling" if still > 2 * POLL_S else "written"
            said = f"It has not changed for {still:.0f} s." if state == "settling" else "It is being written."
        elif judged is None or judged.stamps != stamps:
            state, said = "waiting", "It is complete, and is measured next."
        elif judged.problem:
            again = self._clock() - judged.at >= RETRY_S
            state, said = ("waiting" if again else "unreadable"), judged.problem
        else:
            state, said = "judged", _summary(judged.health)
        if units is not None and complete_units is None and state == "judged":
            said += " Its sorted units are being written."
        name = path.relative_to(self.folder).as_posix()
        return Watched(name, path, complete_units, state, said, file.stamp[1] / 1e9, known)

    def _is_settled(self, file: _File) -> bool:
        return file.stamp[0] > 0 and self._clock() - file.since >= self._settle_s and not file.problem

    def _complete_units(self, path: Path, units: Path | None) -> Path | None:
        return units if units in self._files and self._is_settled(self._files[units]) else None

    def _stamps(self, path: Path, units: Path | None) -> tuple[_Stamp, ...]:
        return tuple(
            self._files[each].stamp for each in (path, units) if each is not None and each in self._files
        )


@dataclass
class _Listing:
    """Files of recordings below a folder, and the folders that could not be listed."""

    found: dict[Path, tuple[_Stamp, str]] = field(default_factory=dict)
    unknown: list[Path] = field(default_factory=list)

    def add(self, folder: Path, depth: int) -> None:
        """Add what is in a folder; OSError if it cannot be listed."""
        with os.scandir(folder) as items:
            entries = list(items)
        for entry in entries:
            path = Path(entry.path)
            try:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < _DEEPEST:
                        self._add_below(path, depth + 1)
                elif path.suffix.lower() in (RAW_SUFFIX, SORTED_SUFFIX):
                    # What a listing says of a file may be old on network drives.
                    stat = path.stat()
                    self.found[path] = (stat.st_size, stat.st_mtime_ns), ""
            except FileNotFoundError:
                continue
            except OSError as error:
                self.found[path] = (0, 0), _why(error, path.name)

    def _add_below(self, folder: Path, depth: int) -> None:
        try:
            self.add(folder, depth)
        except FileNotFoundError:
            return
        except OSError:
            self.unknown.append(folder)

    def is_unknown(self, path: Path) -> bool:
        """Return whether a file is in a folder that could not be listed."""
        return any(folder in path.parents for folder in self.unknown)


def _why(error: OSError, what: str) -> str:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return f"{what} does not exist, or its drive is not connected."
    if isinstance(error, PermissionError):
        return f"{what} must not be read by this user."
    return f"{what} cannot be read: {error.strerror or error}."


def _summary(found: Health | None) -> str:
    """Return how many lights are red and amber, and which."""
    if found is None:
        return ""
    parts = []
    for colour in ("red", "amber"):
        names = [light.title for light in found.lights if light.light == colour]
        if names:
            parts.append(f"{len(names)} {colour}: {', '.join(names)}")
    return f"{'; '.join(parts)}." if parts else "Nothing is amber or red."


def incomplete(path: Path) -> str:
    """Return why a file is not complete; empty if it opens with its last data group."""
    try:
        if path.suffix.lower() == SORTED_SUFFIX:
            with open_units(path) as units:
                _ = units.info
            return ""
        with open_signals(path) as reader:
            info, electrodes = reader.info, reader.sensor
            if electrodes is not None and len(electrodes.segments):
                if electrodes.unreadable:
                    return electrodes.unreadable
                last = len(electrodes.segments) - 1
                n = int(electrodes.segments[last, 1] - electrodes.segments[last, 0])
                electrodes.read_counts(last, n - 1, n)
            elif info.n_light_channels and info.n_samples:
                reader.read_light(1, info.n_samples - 1, info.n_samples)
            elif not len(info.segments):
                return "It contains no recorded data yet."
    except HDMEAError as error:
        return _named(error, path)
    except OSError as error:
        return _why(error, path.name)
    return ""


def _named(error: HDMEAError, path: Path) -> str:
    """Return what an error says, with the name of the file alone: the folder is the one that is watched."""
    return error.message.replace(str(path), path.name)


@dataclass(frozen=True)
class JudgeFile:
    """Judge a file that may not be complete.

    Attributes
    ----------
    path
        Raw recording or sorted units.
    with_units
        Whether to search for the other file of the pair.
    seconds, limits
        As of `hdmea.health.health`.
    """

    path: Path
    with_units: bool
    seconds: float
    limits: HealthLimits

    def run(self, report: Report) -> Health | str:
        """Return its lights, or why there are none."""
        why = incomplete(self.path)
        if why:
            return why
        try:
            return health(
                self.path,
                partner=self.with_units,
                seconds=self.seconds,
                limits=self.limits,
                progress=report,
            )
        except HDMEAError as error:
            return _named(error, self.path)
        except OSError as error:
            return _why(error, self.path.name)


def judge_apart(request: JudgeFile, cancel: threading.Event) -> Health | str:
    """Judge a file in a process of its own; return its lights, or why there are none."""
    # Python warns of a program that its package has imported before.
    from hdmea.health.worker import command, read_result, write_request

    folder = Path(tempfile.mkdtemp(prefix="hdmea-health-"))
    process = None
    try:
        write_request(folder, request)
        process = subprocess.Popen(
            command(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        # What it says is for nobody, but a pipe ends it together with this process.
        threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
        while process.poll() is None:
            if cancel.wait(_WAIT_S):
                return "It was not measured: the watch was stopped."
        found = read_result(folder)
    except OSError:
        code = None if process is None else process.returncode
        return f"The process that measures it ended unexpectedly (exit code {code})."
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    assert isinstance(found, (Health, str))
    return found


def _drain(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with pipe:
            for _ in pipe:
                pass


def watch(
    folder: Path,
    on_change: Callable[[str, list[Watched]], None],
    cancel: threading.Event,
    *,
    seconds: float = NOISE_S,
    limits: HealthLimits | None = None,
    settle_s: float = SETTLE_S,
    poll_s: float = POLL_S,
    judge: Callable[[JudgeFile, threading.Event], Health | str] = judge_apart,
) -> None:
    """Watch a folder until `cancel` is set.

    Parameters
    ----------
    folder
        The folder.
    on_change
        Called after each look with why the folder cannot be listed (empty if it can), and all recordings.
    cancel
        Set to stop.
    seconds, limits
        As of `hdmea.health.health`.
    settle_s, poll_s
        Seconds without a change after which a file may be complete, and between two looks.
    judge
        Judges a file; the default does it in a process of its own.
    """
    limits = HealthLimits.from_settings() if limits is None else limits
    watched = FolderWatch(folder, settle_s)
    busy: tuple[Watched, Future[Health | str]] | None = None
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            while not cancel.is_set():
                watched.poll()
                if busy is not None and busy[1].done():
                    entry, future = busy
                    busy = None
                    watched.end(entry, future.result())
                due = watched.next_due() if busy is None and not watched.problem else None
                if due is not None:
                    watched.begin(due)
                    request = JudgeFile(due.path, due.units is not None, seconds, limits)
                    busy = due, pool.submit(judge, request, cancel)
                on_change(watched.problem, watched.entries())
                _wait(cancel, poll_s, None if busy is None else busy[1])
        finally:
            cancel.set()


def _wait(cancel: threading.Event, seconds: float, future: Future[Health | str] | None) -> None:
    """Wait for the next look; not longer than until something was judged."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not cancel.wait(min(_WAIT_S, seconds)):
        if future is not None and future.done():
            return
