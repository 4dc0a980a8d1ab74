"""What a result file holds, between the session in memory and the store."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from hdmea.utils.notices import notices_as_json, notices_from_json, with_fixes

__all__ = [
    "SCHEMA_VERSION",
    "TREES",
    "FileSummary",
    "Held",
    "InputFile",
    "Keys",
    "PastRun",
    "ResultItem",
    "SessionContent",
    "StepProvenance",
    "utc_now",
]

Keys = tuple[str, ...]
"""Where a value is in a session, e.g. ``("units", "unit_001", "features", "frif")``."""

SCHEMA_VERSION = 2
TREES = ("units", "metadata", "stimulus", "source_files")


def utc_now() -> str:
    """Return the time of day in UTC as ISO 8601 text with seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class InputFile:
    """A file that a step read: small ones are told apart by content, large ones by size and time.

    Attributes
    ----------
    path
        Where it was.
    size
        Its size in bytes.
    mtime
        When it was changed, in seconds since the epoch.
    sha256
        Hash of its content; empty for a large file.
    """

    path: str
    size: int
    mtime: float
    sha256: str = ""


@dataclass(frozen=True)
class ResultItem:
    """A part of a step's result, such as a feature or a movie.

    Attributes
    ----------
    digest
        Hash of all that decides its numbers.
    stale
        Whether something that it was computed from has changed since.
    changed_step, changed_at
        Name of the step whose new results made it stale, and when that ran (ISO 8601); empty where it is not
        stale, or where that is not known.
    """

    digest: str
    stale: bool = False
    changed_step: str = ""
    changed_at: str = ""


@dataclass(frozen=True)
class PastRun:
    """One run of a step.

    Attributes
    ----------
    step
        Name of the step.
    number
        Place in the order of all runs of the session.
    params
        Its parameters, as JSON-able values.
    force
        Whether existing results were to be recomputed.
    items
        The parts of the result that it computed; ``""`` for a step without parts.
    """

    step: str
    number: int
    params: dict[str, Any]
    force: bool
    items: tuple[str, ...]


@dataclass(frozen=True)
class StepProvenance:
    """How the last run of a step was made, and what there is of its results.

    Attributes
    ----------
    params
        Its parameters, as JSON-able values.
    version, hdmea_version
        Versions of the step and of the program.
    started_at, finished_at
        Times of day, ISO 8601.
    duration_s
        How long it took.
    inputs
        The files that it read.
    items
        The parts of the result by name; ``""`` for a step without parts.
    features
        Names of the features that it made.
    warnings, information
        What the user was told.
    runs
        All runs that something is left of; empty where that is not known.
    """

    params: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    hdmea_version: str = ""
    started_at: str = ""
    finished_at: str = ""
    duration_s: float = float("nan")
    inputs: tuple[InputFile, ...] = ()
    items: dict[str, ResultItem] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    information: tuple[str, ...] = ()
    runs: tuple[PastRun, ...] = ()

    @property
    def stale(self) -> bool:
        """Whether a part of the result is stale."""
        return any(item.stale for item in self.items.values())

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON-able values, as result files have it."""
        values = {name.name: getattr(self, name.name) for name in fields(self)}
        return {
            **values,
            "inputs": list(map(asdict, self.inputs)),
            "items": {name: _as_json(item) for name, item in self.items.items()},
            "features": list(self.features),
            "warnings": notices_as_json(self.warnings),
            "information": notices_as_json(self.information),
            "runs": [asdict(run) for run in self.runs],
            "stale": self.stale,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Return what `as_json` made `found` from; what a file does not say is as if it were not known.

        Raises
        ------
        KeyError, TypeError, ValueError, AttributeError
            If these are not such values.
        """
        texts = ("version", "hdmea_version", "started_at", "finished_at")
        return cls(
            params=dict(found.get("params", {})),
            **{name: str(found[name]) for name in texts if name in found},
            duration_s=float(found.get("duration_s", "nan")),
            inputs=tuple(InputFile(**fact) for fact in found.get("inputs", ())),
            items={name: ResultItem(**item) for name, item in found.get("items", {}).items()},
            features=tuple(found.get("features", ())),
            warnings=tuple(notices_from_json(found.get("warnings", ()))),
            information=tuple(notices_from_json(found.get("information", ()))),
            runs=tuple(PastRun(**{**run, "items": tuple(run["items"])}) for run in found.get("runs", ())),
        )


def _as_json(item: ResultItem) -> dict[str, Any]:
    found = asdict(item)
    return found if item.stale else {"digest": item.digest, "stale": False}


def no_outputs(feature: str) -> Mapping[str, Mapping[str, Any]]:
    """Say nothing of the outputs of a feature."""
    return {}


@dataclass
class SessionContent:
    """Everything that a result file holds, as plain dictionaries.

    Attributes
    ----------
    dataset_id
        Name of the recording.
    units, metadata, stimulus, source_files
        The four parts of the file, nested dictionaries.
    steps
        Provenance of each step.
    completed_steps
        Names of the steps that ran, in their order.
    warnings
        Everything that the user should know about the data.
    save_state
        ``"saved"`` or ``"deferred"`` (a checkpoint).
    checkpoint_name
        Name of the checkpoint, None for a result.
    output_dir
        Folder of the session's default path.
    created_at, updated_at
        Times of day, ISO 8601.
    extra
        Anything else that belongs to the session.
    layout
        ``"columns"``, ``"lab"`` or ``"lab-steps"``.
    revision
        Identifies one state of the file; new at each write, empty in files that have none.
    saved_by
        Who wrote the file: ``user on computer``.
    read_only
        Why the file must not be rewritten; empty where it may be.
    outputs
        Returns title, unit, definition and range of each output of a feature, for readers of the file.
    replaced
        Places whose unread values were replaced by what stands for them in a file that was written.
    notes
        What a codec has to remember while a file is read or written.
    trains
        For a file with changes only: units and stimulus of the session that it continues, which have the
        trains and trial times that are not among the changes.
    """

    dataset_id: str
    units: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    stimulus: dict[str, Any] = field(default_factory=dict)
    source_files: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, StepProvenance] = field(default_factory=dict)
    completed_steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    save_state: str = "saved"
    checkpoint_name: str | None = None
    output_dir: str = ""
    created_at: str = field(default_factory=utc_now)
    updated_at: str = field(default_factory=utc_now)
    extra: dict[str, Any] = field(default_factory=dict)
    layout: str = "columns"
    revision: str = ""
    saved_by: str = ""
    read_only: str = ""
    outputs: Callable[[str], Mapping[str, Mapping[str, Any]]] = field(default=no_outputs, repr=False)
    replaced: list[Keys] = field(default_factory=list, repr=False)
    notes: Any = field(default=None, repr=False)
    trains: tuple[Mapping[str, Any], Mapping[str, Any]] | None = field(default=None, repr=False)

    def warnings_with_fixes(self) -> list[str]:
        """Return the warnings, which files have as texts, with the fields that the steps' own have."""
        return with_fixes(self.warnings, (notice for step in self.steps.values() for notice in step.warnings))

    def train(self, unit_id: str) -> Any:
        """Return the spike times of a unit, perhaps unread; None where there are none."""
        for units in (self.units, self.trains[0]) if self.trains else (self.units,):
            unit = units.get(unit_id)
            if isinstance(unit, dict) and "spike_times" in unit:
                return dict.get(unit, "spike_times")
        return None

    def trial_time(self, movie: str) -> Any:
        """Return the trial times of a movie, perhaps unread; None where there are none."""
        for stimulus in (self.stimulus, self.trains[1]) if self.trains else (self.stimulus,):
            times = stimulus.get("trial_time")
            if isinstance(times, dict) and movie in times:
                return dict.get(times, movie)
        return None


@dataclass(frozen=True)
class Held:
    """The file that a session was loaded from or saved as, in the state that it was in then.

    Attributes
    ----------
    path, revision, layout
        As in `SessionContent`.
    """

    path: Path
    revision: str
    layout: str


@dataclass(frozen=True)
class FileSummary:
    """What a result file says about itself, read without its data.

    Attributes
    ----------
    path, size
        The file and its size in bytes.
    dataset_id
        Name of the recording.
    n_units
        Number of units.
    completed_steps
        Names of the steps that ran, in their order.
    created_at, updated_at
        Times of day, ISO 8601; empty where the file does not say.
    checkpoint_name
        Name of the checkpoint, None for a result.
    save_state
        ``"saved"`` or ``"deferred"``.
    schema_version
        Version of the file format, 0 for files of the laboratory.
    layout, revision, saved_by
        As in `SessionContent`.
    """

    path: Path
    size: int
    dataset_id: str
    n_units: int
    completed_steps: tuple[str, ...]
    created_at: str
    updated_at: str
    checkpoint_name: str | None
    save_state: str
    schema_version: int
    layout: str
    revision: str = ""
    saved_by: str = ""
