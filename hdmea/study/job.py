"""One recording of a batch, as it is passed to the process that works on it, and what became of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import pydantic

from hdmea._version import __version__
from hdmea.declare import get_step
from hdmea.pipeline.flows import Flow, load_flow
from hdmea.pipeline.provenance import file_facts
from hdmea.stimuli.library import StimulusLibrary
from hdmea.study.day_stimuli import DayStimuli
from hdmea.utils.exceptions import HDMEAError
from hdmea.utils.text_files import read_bytes

__all__ = ["Exists", "Job", "Outcome", "State", "read_outcome", "same_version"]

Exists = Literal["skip", "redo", "error"]
State = Literal["waiting", "running", "done", "kept", "other parameters", "failed", "crashed", "stopped"]


class Job(pydantic.BaseModel):
    """What a process has to do for one recording."""

    model_config = pydantic.ConfigDict(frozen=True)

    key: str
    name: str
    cmcr: Path | None
    cmtr: Path | None
    target: Path
    outcome: Path
    log: Path
    stop: Path
    flow: str
    parameters: dict[str, dict[str, Any]] = {}
    sheet: dict[str, str | float | int] = {}
    exists: Exists = "skip"
    plugins: tuple[Path, ...] = ()
    tables: Path | None = None
    health: bool = False
    stimuli: DayStimuli | None = None
    stimuli_target: Path | None = None

    def recipe(self) -> Flow:
        """Return the flow with the files and parameters of this recording.

        Raises
        ------
        ConfigurationError
            If there is no such flow, or it has no such step.
        ValidationError
            If a parameter is not allowed.
        """
        flow = load_flow(self.flow)
        files = {"cmcr_path": self.cmcr, "cmtr_path": self.cmtr}
        given = {name: str(path) for name, path in files.items() if path is not None}
        overrides = {step: dict(values) for step, values in self.parameters.items()}
        for item in flow.steps:
            if get_step(item.step).creates:
                overrides[item.step] = {**given, **overrides.get(item.step, {})}
        flow = flow.with_parameters(overrides)
        flow.check_parameters()
        return flow

    def digest(self, flow: Flow) -> str:
        """Return a hash of all that decides the result: files, flow, parameters, sheet, version."""
        files = [path for path in (self.cmcr, self.cmtr) if path is not None]
        facts: list[dict[str, Any]] = []
        for path in files:
            whole = sorted(path.iterdir()) if path.is_dir() else [path]
            facts += [{**asdict(fact), "path": Path(fact.path).name} for fact in file_facts(whole)]
        beside = _looked_at(files, flow)
        steps = [
            (item.step, {name: value for name, value in item.params.items() if name not in _PATHS})
            for item in flow.steps
        ]
        # Their names do not matter.
        plugins = [fact.sha256 for fact in file_facts(self.plugins)]
        essence = [facts, beside, steps, self.sheet, plugins, _series(__version__)]
        if self.stimuli is not None:
            essence.append([self.stimuli.movies, self.stimuli.lengths])
        return hashlib.sha256(json.dumps(essence, sort_keys=True, default=str).encode()).hexdigest()


class Outcome(pydantic.BaseModel):
    """What became of a recording, or how far it is.

    Attributes
    ----------
    key, name
        The recording.
    state
        ``"done"``: computed now; ``"kept"``: a complete result was there; ``"other parameters"``: a result
        that was made differently exists and was not changed; ``"crashed"``: its process ended
        unexpectedly.
    step, fraction, text
        The step that runs, or that failed, and how far it is.
    overall
        How far the recording is, 0 … 1; every step counts the same.
    message
        Why it failed, and what to do.
    warnings, skipped
        What the steps had to say; steps that were left out, with the reason.
    stimuli
        What was found of the stimulus set-up of another recording, or that it has its own; empty if no
        other one was to be used.
    light, health
        The worst of the lights of its health, empty where it was not judged, and all of them
        (`hdmea.health.Light.as_dict`), without those of the machine.
    """

    key: str
    name: str
    state: State = "waiting"
    step: str = ""
    fraction: float = 0.0
    overall: float = 0.0
    text: str = ""
    message: str = ""
    target: str = ""
    log: str = ""
    units: int | None = None
    warnings: list[str] = []
    skipped: dict[str, str] = {}
    stimuli: str = ""
    light: str = ""
    health: list[dict[str, Any]] = []
    started_at: str = ""
    seconds: float = 0.0
    digest: str = ""
    revision: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in ("waiting", "running")

    @property
    def good(self) -> bool:
        """Whether a complete result of what was requested exists."""
        return self.state in ("done", "kept")

    @property
    def concerns(self) -> list[str]:
        """What is not well with the recording: a sentence for each light that is red or amber."""
        return [
            f"{colour.capitalize()}: {light['sentence']}"
            for colour in ("red", "amber")
            for light in self.health
            if light.get("light") == colour
        ]

    @property
    def notes(self) -> list[str]:
        """All that there is to say of the recording beside its state, each once."""
        stimuli = [f"Stimuli: {self.stimuli}"] if self.stimuli else []
        skipped = (f"{step} was skipped. {why}" for step, why in self.skipped.items())
        return list(dict.fromkeys([*stimuli, *skipped, *self.concerns, *self.warnings]))


_PATHS = ("cmcr_path", "cmtr_path")
_NAMED = ("playlist_file_path", "movie_length_file_path", "stimuli_dir", "config_dir", "stimuli_path")


def same_version(version: str) -> bool:
    """Return whether a version of the program computes what this one computes: major.minor are equal."""
    return _series(version) == _series(__version__)


def _series(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _looked_at(sources: Sequence[Path], flow: Flow) -> list[tuple[str, int, int]]:
    """Return name, size and time of what steps may read of the stimulus: it may be added or corrected later.

    Where something differs, the process that works on the recording finds out whether it was used.
    """
    named = [Path(item.params[name]) for item in flow.steps for name in _NAMED if item.params.get(name)]
    found = [entry for path in named for entry in (path, *path.glob("*"), *path.glob("stimuli/*"))]
    with contextlib.suppress(OSError, HDMEAError):
        for folder in {path.parent for path in sources}:
            found += [entry for entry in folder.iterdir() if entry.suffix.lower() in (".csv", ".json")]
        for place in StimulusLibrary.for_recording(dict(zip(_PATHS, sources, strict=False))).places:
            found += [table for table in (place.playlists, place.movie_lengths) if table is not None]
            folders = [each for each in (*place.movies, *place.definitions) if each.is_dir()]
            found += [entry for folder in folders for entry in folder.iterdir()]
    facts = set()
    for entry in found:
        with contextlib.suppress(OSError):
            known = entry.stat()
            facts.add((entry.name, known.st_size, known.st_mtime_ns))
    return sorted(facts)


def read_outcome(path: Path) -> Outcome | None:
    """Return the outcome that a file holds, None without a readable one."""
    try:
        return Outcome.model_validate_json(read_bytes(path))
    except (HDMEAError, pydantic.ValidationError):
        return None
