"""The content of a session: what is known of a recording, with its name and its state."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hdmea.pipeline.changes import deep_merge
from hdmea.pipeline.completed import CompletedSteps
from hdmea.recordings.reader import source_stamp
from hdmea.results.content import Held, utc_now
from hdmea.results.sizes import estimate_nbytes
from hdmea.results.tracking import Baseline, Changes, differs_from, tokens
from hdmea.utils.exceptions import MissingInputError, ValidationError
from hdmea.utils.fixes import Fix, RunStep

__all__ = ["DEFAULT_OUTPUT_DIR", "SaveState", "SessionData", "check_dataset_id"]

DEFAULT_OUTPUT_DIR = Path("artifacts")
_UNIT_ID = re.compile(r"unit_\d{3,}")
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


class SaveState(enum.Enum):
    """Whether a session has a result file of its own."""

    DEFERRED = "deferred"
    SAVED = "saved"


def check_dataset_id(dataset_id: str) -> str:
    """Return `dataset_id` if it can name a recording and its file, else raise ValidationError."""
    if not isinstance(dataset_id, str) or not dataset_id.strip():
        raise ValidationError("The name of the recording must not be empty.", parameter="dataset_id")
    if _FORBIDDEN.search(dataset_id) or dataset_id in {".", ".."}:
        raise ValidationError(
            f'The name {dataset_id!r} cannot be the name of a file: it must not contain / \\ : * ? " < > | '
            "or control characters.",
            parameter="dataset_id",
        )
    return dataset_id


@dataclass(eq=False)
class SessionData:
    """What a session has in memory; `PipelineSession` says what each part is, and adds files."""

    dataset_id: str
    units: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    stimulus: dict[str, Any] = field(default_factory=dict)
    save_state: SaveState = SaveState.DEFERRED
    hdf5_path: Path | None = None
    completed_steps: CompletedSteps = field(default_factory=CompletedSteps)
    source_files: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    output_dir: Path = DEFAULT_OUTPUT_DIR
    checkpoint_name: str | None = None
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    created_at: str = field(default_factory=utc_now)
    extra: dict[str, Any] = field(default_factory=dict)
    read_only_reason: str | None = None

    def __post_init__(self) -> None:
        check_dataset_id(self.dataset_id)
        self.output_dir = Path(self.output_dir)
        self.completed_steps = CompletedSteps(self.completed_steps)
        for unit_id in self.units:
            _check_unit_id(unit_id)
        self.held: Held | None = None
        self._saved: Baseline | None = None
        self._saved_record: dict[str, Any] = {}
        self._touched = False
        if self.hdf5_path is not None:
            self.hdf5_path = Path(self.hdf5_path)
        if not (self.units or self.metadata or self.stimulus):
            self.mark_clean()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.dataset_id!r}, {self.unit_count} units, {self.save_state.value}, "
            f"steps: {', '.join(self.completed_steps) or 'none'})"
        )

    # -- state ---------------------------------------------------------------------------------------

    @property
    def is_saved(self) -> bool:
        """Whether the session has a result file; it need not be current (`has_unsaved_changes`)."""
        return self.save_state is SaveState.SAVED

    @property
    def is_deferred(self) -> bool:
        """Whether the session exists in memory only."""
        return self.save_state is SaveState.DEFERRED

    @property
    def has_unsaved_changes(self) -> bool:
        """Whether anything was added, replaced or removed since the last save (or since the load)."""
        if self._touched or self._saved is None or differs_from(self._saved_record, self._record()):
            return True
        return self._saved.differs(self)

    @property
    def unit_count(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def information(self) -> list[str]:
        """What steps had to say that is not wrong, in the order of the steps; `warnings` are another list."""
        said = [json.loads(record.get("information", "[]")) for record in self.steps.values()]
        return list(dict.fromkeys(message for messages in said for message in messages))

    def inform(self, step_name: str, messages: Sequence[str]) -> None:
        """Add to the information of a step; nothing happens if the step was not run."""
        record = self.steps.get(step_name)
        if record is not None and messages:
            said = [*json.loads(record.get("information", "[]")), *messages]
            unique = list(dict.fromkeys(said))
            self.steps[step_name] = {**record, "information": json.dumps(unique, ensure_ascii=False)}

    @property
    def memory_estimate_gb(self) -> float:
        """Memory that the session's data take, in GB (1e9 bytes), counted at any depth."""
        return estimate_nbytes(self._trees()) / 1e9

    @property
    def acquisition_rate(self) -> float:
        """Acquisition rate in Hz; MissingInputError before a recording was loaded."""
        return float(self.require("metadata", "acquisition_rate")[0])

    @property
    def duration_s(self) -> float:
        """Duration of the recording in seconds; MissingInputError before a recording was loaded."""
        return float(self.require("metadata", "recording_duration_s")[0])

    @property
    def default_path(self) -> Path:
        """Where `save` writes without a path: the session's own file, else `output_dir/<dataset_id>.h5`."""
        return self.hdf5_path or self.output_dir / f"{self.dataset_id}.h5"

    def unsaved_changes(self) -> Changes:
        """Return what was added, replaced or removed since the last save (or since the load)."""
        return Changes() if self._saved is None else self._saved.changes(self)

    # -- content -------------------------------------------------------------------------------------

    def add_units(self, units: Mapping[str, Mapping[str, Any]]) -> None:
        """Add units, or add to units that are there.

        Parameters
        ----------
        units
            Unit id (``unit_001``) to its data; dictionaries are merged at any depth, other values replaced.

        Raises
        ------
        ValidationError
            If a unit id is not of the form ``unit_`` and at least three digits.
        """
        for unit_id in units:
            _check_unit_id(unit_id)
        deep_merge(self.units, units)
        self.touch()

    def add_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Add metadata; dictionaries are merged at any depth, other values replaced."""
        deep_merge(self.metadata, metadata)
        self.touch()

    def add_stimulus(self, stimulus: Mapping[str, Any]) -> None:
        """Add stimulus data; dictionaries are merged at any depth, other values replaced."""
        deep_merge(self.stimulus, stimulus)
        self.touch()

    def add_feature(
        self, unit_id: str, feature_name: str, data: Any, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Store one feature of one unit as ``units[unit_id]["features"][feature_name]``.

        Parameters
        ----------
        unit_id
            The unit; KeyError if the session does not have it.
        feature_name
            Name of the feature; an existing one is replaced.
        data
            An array, or a dictionary of named outputs.
        metadata
            What it was computed with.
        """
        if unit_id not in self.units:
            raise KeyError(f"There is no unit {unit_id!r}; this session has {self.unit_count} units.")
        features = self.units[unit_id].setdefault("features", {})
        features[feature_name] = {"data": data, "metadata": dict(metadata or {})}
        self.touch()

    def mark_step_complete(self, step_name: str) -> None:
        """Note that a step was completed."""
        self.completed_steps.add(step_name)
        self.touch()

    def set_source_files(
        self, cmcr_path: str | Path | None = None, cmtr_path: str | Path | None = None
    ) -> None:
        """Note the files that the data come from, with size and modification time where they are there."""
        for kind, path in (("cmcr", cmcr_path), ("cmtr", cmtr_path)):
            if path is None:
                continue
            self.source_files[f"{kind}_path"] = str(path)
            if Path(path).exists():
                size, changed = source_stamp(path)
                self.source_files[f"{kind}_size"] = size
                self.source_files[f"{kind}_mtime"] = changed
        self.touch()

    def require(self, *path: str, message: str = "", fix: Fix | None = None) -> Any:
        """Return what is stored at `path`, e.g. ``require("metadata", "segments")``.

        Raises
        ------
        MissingInputError
            If it is not there, with `message` and `fix`; without them it says to load the recording.
        """
        node: Any = {"units": self.units, "metadata": self.metadata, "stimulus": self.stimulus}
        for name in path:
            if not isinstance(node, Mapping) or name not in node:
                said = message or f"The session does not contain {'/'.join(path)}."
                raise MissingInputError(said, fix=fix if fix or message else RunStep("load_recording"))
            node = node[name]
        return node

    def mark_clean(self) -> None:
        """Take the session's present content as saved."""
        self._saved = Baseline(self)
        self._saved_record = tokens(self._record())
        self._touched = False

    def touch(self) -> None:
        """Note that the content was changed by other means than the methods of the session."""
        self._touched = True

    def _trees(self) -> dict[str, Any]:
        return {"units": self.units, "metadata": self.metadata, "stimulus": self.stimulus}

    def _record(self) -> dict[str, Any]:
        record = {"completed": list(self.completed_steps), "warnings": self.warnings}
        return {**record, "steps": self.steps, "extra": self.extra}


def _check_unit_id(unit_id: object) -> None:
    if not isinstance(unit_id, str) or not _UNIT_ID.fullmatch(unit_id):
        raise ValidationError(f"Unit id {unit_id!r} is not of the form 'unit_001' (at least three digits).")
