"""What is in memory: a recording and everything that was computed from it."""

from __future__ import annotations

import datetime
import enum
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdmea.io import hdf5_store
from hdmea.io.hdf5_store import SessionContent
from hdmea.pipeline.changes import deep_merge, fingerprint
from hdmea.pipeline.completed import CompletedSteps
from hdmea.utils.exceptions import MissingInputError, SessionError, ValidationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PipelineSession", "SaveState", "create_session", "dataset_id_from_paths"]

logger = logging.getLogger(__name__)

DEFAULT_OUTPUT_DIR = Path("artifacts")
_UNIT_ID = re.compile(r"unit_\d{3,}")
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]')
Progress = Callable[[float, str], None]


class SaveState(enum.Enum):
    """Whether a session has a result file of its own."""

    DEFERRED = "deferred"
    SAVED = "saved"


def now() -> str:
    """Return the time of day in UTC as ISO 8601 text with seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def check_dataset_id(dataset_id: str) -> str:
    """Return `dataset_id` if it can name a recording and its file, else raise ValidationError."""
    if not isinstance(dataset_id, str) or not dataset_id.strip():
        raise ValidationError("dataset_id must not be empty: give the name of the recording.")
    if _FORBIDDEN.search(dataset_id) or dataset_id in {".", ".."}:
        raise ValidationError(
            f'dataset_id {dataset_id!r} cannot be a file name: leave out / \\ : * ? " < > | '
            f"and control characters."
        )
    return dataset_id


def dataset_id_from_paths(cmcr_path: str | Path | None, cmtr_path: str | Path | None) -> str:
    """Return the recording's name: the stem of the CMTR, else of the CMCR, without trailing ``-``."""
    source = cmtr_path if cmtr_path is not None else cmcr_path
    if source is None:
        raise ValidationError("A session needs a dataset_id, a cmcr_path or a cmtr_path.")
    return check_dataset_id(re.sub(r'[\\:*?"<>|]', "_", Path(source).stem).rstrip("-") or "recording")


@dataclass(eq=False)
class PipelineSession:
    """All data of one recording in memory, and the way to and from its result file.

    Nothing is written until `save` or `checkpoint` is called. What was not saved when the process ends
    is lost. The session lives in memory: allow for about 1.3 times `memory_estimate_gb`.

    Parameters
    ----------
    dataset_id
        Name of the recording, not empty, usable as a file name.
    units, metadata, stimulus
        The three parts of the result file (see the page on the file format) as nested dictionaries.
    save_state
        DEFERRED (in memory only) or SAVED (has a result file, `hdf5_path`).
    hdf5_path
        The result file; None while deferred.
    completed_steps
        Names of the steps that ran, in their order; a set otherwise.
    source_files
        Paths, sizes and modification times of the files that the data came from.
    warnings
        Everything that the person should know about the data.
    output_dir
        Folder of the default path of `save`.
    checkpoint_name
        Name of the checkpoint that this session was resumed from, if any.
    steps
        Provenance: what each step ran with.

    Notes
    -----
    Replace arrays, do not change them in place: values edited inside an array are saved, but
    `has_unsaved_changes` cannot notice them.
    """

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
    created_at: str = field(default_factory=now)
    extra: dict[str, Any] = field(default_factory=dict)
    read_only_reason: str | None = None

    def __post_init__(self) -> None:
        check_dataset_id(self.dataset_id)
        self.output_dir = Path(self.output_dir)
        self.completed_steps = CompletedSteps(self.completed_steps)
        for unit_id in self.units:
            _check_unit_id(unit_id)
        self._revision = 0
        self._saved_as: int | None = None
        if self.hdf5_path is not None:
            self.hdf5_path = Path(self.hdf5_path)
        if not (self.units or self.metadata or self.stimulus):
            self.mark_clean()

    def __repr__(self) -> str:
        return (
            f"PipelineSession({self.dataset_id!r}, {self.unit_count} units, {self.save_state.value}, "
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
        return self._saved_as != self._fingerprint()

    @property
    def unit_count(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def memory_estimate_gb(self) -> float:
        """Memory that the session's data take, in GB (1e9 bytes), counted at any depth."""
        return hdf5_store.estimate_nbytes(self._trees()) / 1e9

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
        self._revision += 1

    def add_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Add metadata; dictionaries are merged at any depth, other values replaced."""
        deep_merge(self.metadata, metadata)
        self._revision += 1

    def add_stimulus(self, stimulus: Mapping[str, Any]) -> None:
        """Add stimulus data; dictionaries are merged at any depth, other values replaced."""
        deep_merge(self.stimulus, stimulus)
        self._revision += 1

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
        self._revision += 1

    def mark_step_complete(self, step_name: str) -> None:
        """Note that a step was completed."""
        self.completed_steps.add(step_name)
        self._revision += 1

    def set_source_files(
        self, cmcr_path: str | Path | None = None, cmtr_path: str | Path | None = None
    ) -> None:
        """Note the files that the data come from, with size and modification time where they are there."""
        for kind, path in (("cmcr", cmcr_path), ("cmtr", cmtr_path)):
            if path is None:
                continue
            self.source_files[f"{kind}_path"] = str(path)
            if Path(path).is_file():
                stat = Path(path).stat()
                self.source_files[f"{kind}_size"] = stat.st_size
                self.source_files[f"{kind}_mtime"] = stat.st_mtime
        self._revision += 1

    def require(self, *path: str, hint: str = "") -> Any:
        """Return what is stored at `path`, e.g. ``require("metadata", "segments")``.

        Raises
        ------
        MissingInputError
            If it is not there; the message begins with `hint`, which says what to do.
        """
        node: Any = {"units": self.units, "metadata": self.metadata, "stimulus": self.stimulus}
        for name in path:
            if not isinstance(node, Mapping) or name not in node:
                advice = hint or "run load_recording first"
                sentence = f"{advice[:1].upper()}{advice[1:]}"
                raise MissingInputError(f"{sentence} ({'/'.join(path)} is not in this session).")
            node = node[name]
        return node

    def to_dataframe(self) -> pd.DataFrame:
        """Return every scalar that is known of the units as a table, one row per unit.

        Returns
        -------
        pandas.DataFrame
            Index ``unit_id``; columns ``feature.output``, each with unit and definition in
            ``attrs["units"]`` and ``attrs["definitions"]``.
        """
        from hdmea.pipeline.feature_table import feature_table

        return feature_table(self)

    # -- files ---------------------------------------------------------------------------------------

    def save(
        self,
        output_path: str | Path | None = None,
        *,
        overwrite: bool = True,
        compression: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Write the result file; the session becomes SAVED and stays usable.

        Parameters
        ----------
        output_path
            Default: the session's own file, else ``output_dir/<dataset_id>.h5``.
        overwrite
            Replace an existing file, with a logged warning; False: raise instead.
        compression
            None, or a filter that h5py ships (``"lzf"``, ``"gzip"``).
        progress
            Called with a fraction and a text; may raise to stop, which leaves the old file as it was.

        Returns
        -------
        pathlib.Path
            The file that was written.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        SessionError
            If the session was opened from a file that must not be rewritten and no other path is given.
        ValidationError
            If a value cannot be stored; nothing is written.
        """
        target = Path(output_path) if output_path is not None else self.default_path
        if self.read_only_reason and self.hdf5_path is not None and _same_file(target, self.hdf5_path):
            raise SessionError(f"{self.read_only_reason} Save under another name: session.save(new_path).")
        content = self.content(SaveState.SAVED, checkpoint_name=None)
        path = _write(target, content, overwrite, compression, progress, bind=True)
        self.save_state = SaveState.SAVED
        self.hdf5_path = path
        self.read_only_reason = None
        self.checkpoint_name = None
        self.mark_clean()
        logger.info("Saved %s to %s", self.dataset_id, path)
        return path

    def checkpoint(
        self,
        path: str | Path,
        *,
        checkpoint_name: str | None = None,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Write a snapshot from which `load` resumes; the session stays as it is.

        Parameters
        ----------
        path
            File of the snapshot.
        checkpoint_name
            A name to know it by; default: the stem of `path`.
        overwrite
            Replace an existing file, with a logged warning; False: raise FileExistsError instead.
        progress
            Called with a fraction and a text; may raise to stop.

        Returns
        -------
        pathlib.Path
            The file that was written.
        """
        name = checkpoint_name if checkpoint_name is not None else Path(path).stem
        content = self.content(SaveState.DEFERRED, checkpoint_name=name)
        written = _write(Path(path), content, overwrite, None, progress)
        logger.info("Checkpoint %r of %s written to %s", name, self.dataset_id, written)
        return written

    def ensure_saved(self, default_path: str | Path | None = None) -> Path:
        """Return the session's file; save first, with a logged warning, if there is none yet.

        Raises
        ------
        FileExistsError
            If that would replace a file of another recording.
        """
        if self.is_saved and self.hdf5_path is not None:
            return self.hdf5_path
        target = Path(default_path) if default_path is not None else self.default_path
        self.refuse_foreign_file(target)
        logger.warning("Auto-saving deferred session to %s to satisfy HDF5-path requirement", target)
        return self.save(target)

    @classmethod
    def load(
        cls, path: str | Path, *, lazy: bool = False, progress: Progress | None = None
    ) -> PipelineSession:
        """Open a checkpoint (as DEFERRED) or a saved result (as SAVED, with its path).

        Parameters
        ----------
        path
            A file written by `checkpoint`, `save` or the lab's earlier scripts.
        lazy
            Read arrays on first use instead of now.
        progress
            Called with a fraction and a text.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CheckpointError
            If it is no session file, damaged, or of a version that cannot be read.
        """
        content = hdf5_store.read_session(path, lazy=lazy, progress=progress)
        saved = content.save_state == SaveState.SAVED.value
        session = cls(
            dataset_id=content.dataset_id,
            units=content.units,
            metadata=content.metadata,
            stimulus=content.stimulus,
            save_state=SaveState.SAVED if saved else SaveState.DEFERRED,
            hdf5_path=Path(path) if saved else None,
            completed_steps=CompletedSteps(content.completed_steps),
            source_files=content.source_files,
            warnings=list(content.warnings),
            output_dir=Path(content.output_dir) if content.output_dir else Path(path).parent,
            checkpoint_name=content.checkpoint_name,
            steps=content.steps,
            created_at=content.created_at,
            extra=content.extra,
            read_only_reason=_read_only_reason(Path(path), content),
        )
        session.mark_clean()
        return session

    def content(self, state: SaveState, *, checkpoint_name: str | None) -> SessionContent:
        """Return what a file of this session holds, without copying any array."""
        return SessionContent(
            dataset_id=self.dataset_id,
            units=self.units,
            metadata=self.metadata,
            stimulus=self.stimulus,
            source_files=self.source_files,
            steps=self.steps,
            completed_steps=list(self.completed_steps),
            warnings=list(self.warnings),
            save_state=state.value,
            checkpoint_name=checkpoint_name,
            output_dir=str(self.output_dir),
            created_at=self.created_at,
            updated_at=now(),
            extra=self.extra,
        )

    def write_changes(self, path: Path, changed: Collection[tuple[str, ...]]) -> None:
        """Bring an existing file of this session up to date, rewriting only the paths in `changed`."""
        if self.read_only_reason:
            raise SessionError(f"{self.read_only_reason} Load it and save it under another name first.")
        content = self.content(self.save_state, checkpoint_name=self.checkpoint_name)
        hdf5_store.update_session(path, content, changed)
        self.mark_clean()

    def mark_clean(self) -> None:
        """Take the session's present content as saved."""
        self._saved_as = self._fingerprint()

    def touch(self) -> None:
        """Note that the content was changed by other means than the methods above."""
        self._revision += 1

    def _trees(self) -> dict[str, Any]:
        return {"units": self.units, "metadata": self.metadata, "stimulus": self.stimulus}

    def _fingerprint(self) -> int:
        parts = (*self._trees().values(), self.source_files, self.steps, list(self.completed_steps))
        return hash((self._revision, len(self.warnings), *map(fingerprint, parts)))

    def refuse_foreign_file(self, target: Path) -> None:
        """Raise FileExistsError if `target` exists and is not a file of this recording."""
        if not target.exists():
            return
        try:
            other = hdf5_store.summarize(target).dataset_id
        except ValueError:
            other = "something that is no session file"
        if other != self.dataset_id:
            raise FileExistsError(
                f"{target} holds {other!r}, not {self.dataset_id!r}, and is not replaced. "
                f"Save under another name first: session.save(path)."
            )


def create_session(
    dataset_id: str | None = None,
    cmcr_path: str | Path | None = None,
    cmtr_path: str | Path | None = None,
    output_dir: str | Path = DEFAULT_OUTPUT_DIR,
) -> PipelineSession:
    """Return an empty session in which the pipeline's steps collect their results in memory.

    Parameters
    ----------
    dataset_id
        Name of the recording; default: from the file names.
    cmcr_path, cmtr_path
        Raw and spike-sorted file; noted, not opened.
    output_dir
        Folder of the default path of `PipelineSession.save`.

    Raises
    ------
    ValidationError
        If neither a name nor a file is given, or the name cannot be a file name.
    """
    name = dataset_id if dataset_id is not None else dataset_id_from_paths(cmcr_path, cmtr_path)
    session = PipelineSession(name, output_dir=Path(output_dir))
    session.set_source_files(cmcr_path, cmtr_path)
    session.mark_clean()
    return session


def _check_unit_id(unit_id: object) -> None:
    if not isinstance(unit_id, str) or not _UNIT_ID.fullmatch(unit_id):
        raise ValidationError(f"Unit id {unit_id!r} is not of the form 'unit_001' (at least three digits).")


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)


def _write(
    target: Path,
    content: SessionContent,
    overwrite: bool,
    compression: str | None,
    progress: Progress | None,
    *,
    bind: bool = False,
) -> Path:
    if overwrite and target.exists():
        logger.warning("Overwriting existing file %s", target)
    target.parent.mkdir(parents=True, exist_ok=True)
    return hdf5_store.write_session(
        target, content, overwrite=overwrite, compression=compression, bind=bind, progress=progress
    )


def _read_only_reason(path: Path, content: SessionContent) -> str | None:
    if content.layout != "current":
        return f"{path} has the layout of the lab's earlier scripts, which is read but not changed."
    if content.read_only:
        return f"{path} was written by a newer version and is not changed by this one."
    return None
