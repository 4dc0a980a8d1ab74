"""What a result file holds, between the session in memory and the store."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

__all__ = ["LAB_LAYOUT", "SCHEMA_VERSION", "TREES", "FileSummary", "Path", "SessionContent", "utc_now"]

Path = tuple[str, ...]
"""Where a value lies in a session, e.g. ``("units", "unit_001", "features", "frif")``."""

SCHEMA_VERSION = 1
TREES = ("units", "metadata", "stimulus", "source_files")
LAB_LAYOUT = "lab"


def utc_now() -> str:
    """Return the time of day in UTC as ISO 8601 text with seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


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
        Everything that the person should know about the data.
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
    schema_version
        Version of the file format; the lab's earlier files have 0.
    layout
        ``"current"``, or ``"lab"`` for the layouts of the lab's earlier scripts.
    read_only
        Whether the file must not be rewritten (another layout or a newer version).
    """

    dataset_id: str
    units: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    stimulus: dict[str, Any] = field(default_factory=dict)
    source_files: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    completed_steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    save_state: str = "saved"
    checkpoint_name: str | None = None
    output_dir: str = ""
    created_at: str = field(default_factory=utc_now)
    updated_at: str = field(default_factory=utc_now)
    extra: dict[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    layout: str = "current"
    read_only: bool = False


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
    schema_version, layout
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
