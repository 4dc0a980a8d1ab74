"""What a result file holds, between the session in memory and the store."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

__all__ = ["SCHEMA_VERSION", "TREES", "FileSummary", "Held", "Path", "SessionContent", "utc_now"]

Path = tuple[str, ...]
"""Where a value lies in a session, e.g. ``("units", "unit_001", "features", "frif")``."""

SCHEMA_VERSION = 2
TREES = ("units", "metadata", "stimulus", "source_files")


def utc_now() -> str:
    """Return the time of day in UTC as ISO 8601 text with seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


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
        Provenance: for each step what it ran with.
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
    steps: dict[str, Any] = field(default_factory=dict)
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
    notes: Any = field(default=None, repr=False)
    trains: tuple[Mapping[str, Any], Mapping[str, Any]] | None = field(default=None, repr=False)

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

    path: FilePath
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

    path: FilePath
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
