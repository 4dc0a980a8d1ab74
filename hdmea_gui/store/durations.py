"""How long steps took before, and what that says about how long they will take.

A duration is scaled by the size of the work: bytes of the source files for the step that loads, units times
seconds of recording for all others. Where nothing comparable was run before, nothing is said.
"""

from __future__ import annotations

import json
import logging
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from hdmea.utils.exceptions import HDMEAError
from hdmea.utils.text_files import parse_json, read_text
from hdmea.utils.whole_file import write_whole

__all__ = [
    "Durations",
    "MeasuredRun",
    "default_durations_path",
    "read_durations",
    "time_left",
    "write_durations",
]

logger = logging.getLogger(__name__)

VERSION = 1
_KEPT_RUNS = 20
_USED_RUNS = 5
_FARTHEST = 10.0
"""Sizes farther apart than this factor say nothing about each other."""
_TRUST_FRACTION_FROM = 0.02
_TRUST_FRACTION_AFTER_S = 1.0


@dataclass(frozen=True)
class MeasuredRun:
    """One run of a step: how long it took, how large the work was, and what else decides its time.

    Attributes
    ----------
    seconds
        Duration.
    size
        Size of the work, in the measure of the step.
    key
        Text that is the same for runs that can be compared best: the parameters.
    """

    seconds: float
    size: float
    key: str = ""


class Durations:
    """Durations of earlier runs, the newest last.

    Parameters
    ----------
    runs
        Runs by the name of their step.
    """

    def __init__(self, runs: Mapping[str, Iterable[MeasuredRun]] | None = None) -> None:
        self._runs = {step: list(past)[-_KEPT_RUNS:] for step, past in (runs or {}).items()}

    def note(self, step: str, run: MeasuredRun) -> None:
        """Remember a run; one that has no duration or size is passed over."""
        if _is_usable(run):
            self._runs[step] = [*self._runs.get(step, []), run][-_KEPT_RUNS:]

    def estimate(self, step: str, size: float, key: str = "") -> float | None:
        """Return how many seconds a step will take, None where nothing comparable was run.

        The median of the last runs with the same key, else of the last runs at all, each scaled to `size`.
        """
        if not (size > 0 and math.isfinite(size)):
            return None
        near = [run for run in self._runs.get(step, ()) if 1 / _FARTHEST <= size / run.size <= _FARTHEST]
        best = [run for run in near if run.key == key] or near
        scaled = [run.seconds * size / run.size for run in best[-_USED_RUNS:]]
        return statistics.median(scaled) if scaled else None

    def to_json(self) -> str:
        """Return everything as text."""
        runs = {step: [asdict(run) for run in past] for step, past in self._runs.items()}
        return json.dumps({"version": VERSION, "runs": runs})

    @classmethod
    def from_json(cls, text: str) -> Durations:
        """Return what a text contains; what is damaged or of another version is left out, never an error."""
        try:
            found = parse_json(text)
        except ValueError:
            return cls()
        if not isinstance(found, dict) or found.get("version") != VERSION:
            return cls()
        steps = found.get("runs")
        durations = cls()
        for step, past in steps.items() if isinstance(steps, dict) else ():
            for entry in past if isinstance(past, list) else ():
                run = _parse(entry)
                if run is not None:
                    durations.note(step, run)
        return durations


def _parse(entry: Any) -> MeasuredRun | None:
    try:
        return MeasuredRun(float(entry["seconds"]), float(entry["size"]), str(entry.get("key", "")))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None


def _is_usable(run: MeasuredRun) -> bool:
    return all(math.isfinite(value) and value > 0 for value in (run.seconds, run.size))


def time_left(elapsed_s: float, fraction: float, expected_s: float | None = None) -> float | None:
    """Return how many seconds a running step still needs, None where nothing is known.

    Parameters
    ----------
    elapsed_s
        How long it runs.
    fraction
        How much of it is done, 0 … 1.
    expected_s
        How long it takes by earlier runs, None where there are none.

    Notes
    -----
    What the fraction says counts the more the farther the step is: early it is mostly start-up.
    """
    by_history = None if expected_s is None or elapsed_s >= expected_s else expected_s - elapsed_s
    trusted = fraction >= _TRUST_FRACTION_FROM and elapsed_s >= _TRUST_FRACTION_AFTER_S
    by_fraction = elapsed_s * (1 - fraction) / fraction if trusted else None
    if by_fraction is None or by_history is None:
        return by_history if by_fraction is None else by_fraction
    return fraction * by_fraction + (1 - fraction) * by_history


def default_durations_path() -> Path:
    """Return where the durations of this user are."""
    return Path(platformdirs.user_data_dir("hdmea-studio", appauthor=False)) / "durations.json"


def read_durations(path: Path) -> Durations:
    """Return what is remembered in a file; nothing if there is none or it cannot be read."""
    try:
        return Durations.from_json(read_text(path))
    except FileNotFoundError:
        return Durations()
    except HDMEAError as error:
        logger.info("Durations of earlier runs could not be read: %s", error)
        return Durations()


def write_durations(path: Path, text: str) -> None:
    """Write what `Durations.to_json` gave; a failure is logged, never raised: no work depends on it."""
    try:
        write_whole(path, text)
    except OSError as error:
        logger.info("Durations of earlier runs could not be written: %s", error)
