"""A session: a recording in memory with everything computed from it, and the way to and from its file."""

from __future__ import annotations

import copy
import enum
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.pipeline.copies import copy_dicts, deep_merge
from hdmea.pipeline.moved_sources import find_moved_sources
from hdmea.recordings.pairing import recording_name
from hdmea.recordings.reader import source_stamp
from hdmea.results import files
from hdmea.results.content import Held, SessionContent, StepProvenance, utc_now
from hdmea.results.reading import RESTORE
from hdmea.results.sizes import estimate_nbytes
from hdmea.results.tracking import Baseline, Changes, differs_from, tokens
from hdmea.utils.exceptions import (
    CheckpointError,
    ExistingFileError,
    MissingInputError,
    SessionError,
    UnknownUnitError,
    ValidationError,
)
from hdmea.utils.fixes import Advice, ChooseFile, Either, Fix, RunStep, SaveAs, SetParameter
from hdmea.utils.giving_way import without_collections
from hdmea.utils.validation import check_dataset_id

if TYPE_CHECKING:
    import pandas as pd


__all__ = [
    "DEFAULT_OUTPUT_DIR",
    "CompletedSteps",
    "PipelineSession",
    "SaveState",
    "SessionData",
    "contributors",
    "create_session",
    "dataset_id_from_paths",
    "twin_of",
]

logger = logging.getLogger(__name__)


_LOAD_WITH_IMAGES = ("load_recording_with_eimage_sta", "load_recording", "compute_eimage_sta")


class CompletedSteps(set[str]):
    """A set of step names that iterates in the order of completion.

    Compares and prints like any other set. Completing a step again moves it to the end, because the
    last step depends on all steps before it.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__()
        self._order: dict[str, None] = {}
        for name in names:
            self.add(name)

    def __contains__(self, name: object) -> bool:
        """Return whether a step was completed; a call that runs two steps was if both were."""
        both, *parts = _LOAD_WITH_IMAGES
        return super().__contains__(name) or (name == both and self.issuperset(parts))

    def add(self, name: str) -> None:
        """Record that a step was completed."""
        super().add(name)
        self._order.pop(name, None)
        self._order[name] = None

    def discard(self, name: object) -> None:
        """Remove a step, if it exists."""
        super().discard(name)
        if isinstance(name, str):
            self._order.pop(name, None)

    def remove(self, name: str) -> None:
        """Remove a step; KeyError if it does not exist."""
        super().remove(name)
        del self._order[name]

    def clear(self) -> None:
        """Forget all steps."""
        super().clear()
        self._order.clear()

    def update(self, *others: Iterable[str]) -> None:
        """Record several steps, in the given order."""
        for names in others:
            for name in names:
                self.add(name)

    def copy(self) -> CompletedSteps:
        """Return an independent copy in the same order."""
        return CompletedSteps(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"

    def __reduce__(self) -> tuple[type[CompletedSteps], tuple[list[str]]]:
        return CompletedSteps, (list(self),)


def contributors(session: PipelineSession) -> tuple[tuple[str, int], ...]:
    """Return (name, bytes) of each kind of data in memory, the largest first; unread data count nothing.

    Names are those of the result file: ``stimulus/light_reference``, ``units/spike_times``; a feature of all
    units together is ``features/sta_noise``.
    """
    sizes: Counter[str] = Counter()
    for root in ("metadata", "stimulus"):
        for name, value in dict.items(getattr(session, root)):
            sizes[f"{root}/{name}"] += estimate_nbytes(value)
    for unit in session.units.values():
        for name, value in dict.items(unit):
            if name == "features" and isinstance(value, dict):
                for feature, entry in dict.items(value):
                    sizes[f"features/{feature}"] += estimate_nbytes(entry)
            else:
                sizes[f"units/{name}"] += estimate_nbytes(value)
    return tuple((name, nbytes) for name, nbytes in sizes.most_common() if nbytes)


DEFAULT_OUTPUT_DIR = Path("artifacts")
_UNIT_ID = re.compile(r"unit_\d{3,}")


class SaveState(enum.Enum):
    """Whether a session has a result file of its own."""

    DEFERRED = "deferred"
    SAVED = "saved"


@dataclass(eq=False)
class SessionData:
    """The data of a session in memory; `PipelineSession` documents each part and adds files."""

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
    steps: dict[str, StepProvenance] = field(default_factory=dict)
    created_at: str = field(default_factory=utc_now)
    extra: dict[str, Any] = field(default_factory=dict)
    read_only_reason: str | None = None
    saved_at: str | None = None

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
        """Information from steps that is not a warning, in the order of the steps; see also `warnings`."""
        return list(dict.fromkeys(message for step in self.steps.values() for message in step.information))

    def inform(self, step_name: str, messages: Sequence[str]) -> None:
        """Add to the information of a step; nothing happens if the step was not run."""
        step = self.steps.get(step_name)
        if step is not None and messages:
            unique = tuple(dict.fromkeys([*step.information, *messages]))
            self.steps[step_name] = replace(step, information=unique)

    @property
    def memory_estimate_gb(self) -> float:
        """Memory that the session's data take, in GB (1e9 bytes), counted at any depth."""
        return estimate_nbytes(self._trees()) / 1e9

    @property
    def acquisition_rate(self) -> float:
        """Acquisition rate in Hz; MissingInputError before a recording was loaded."""
        return float(np.ravel(self.require("metadata", "acquisition_rate"))[0])

    @property
    def duration_s(self) -> float:
        """Duration of the recording in seconds; MissingInputError before a recording was loaded."""
        return float(np.ravel(self.require("metadata", "recording_duration_s"))[0])

    @property
    def default_path(self) -> Path:
        """Where `save` writes without a path: the session's own file, else `output_dir/<dataset_id>.h5`."""
        return self.hdf5_path or self.output_dir / f"{self.dataset_id}.h5"

    @property
    def layout(self) -> str:
        """Layout of the session's file, else that in which `save` writes a new one."""
        return files.default_layout() if self.held is None else self.held.layout

    def unsaved_changes(self) -> Changes:
        """Return what was added, replaced or removed since the last save (or since the load)."""
        return Changes() if self._saved is None else self._saved.changes(self)

    # -- content -------------------------------------------------------------------------------------

    def add_units(self, units: Mapping[str, Mapping[str, Any]]) -> None:
        """Add units, or add data to existing units.

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
        self,
        unit_id: str,
        feature_name: str,
        feature_data: Any,
        feature_metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Store one feature of one unit as ``units[unit_id]["features"][feature_name]``.

        Parameters
        ----------
        unit_id
            The unit.
        feature_name
            Name of the feature; an existing one is replaced.
        feature_data
            An array, or a dictionary of named outputs.
        feature_metadata
            The parameters and versions that it was computed with.

        Raises
        ------
        UnknownUnitError
            If the session does not have the unit; also a `KeyError`.
        """
        if unit_id not in self.units:
            raise UnknownUnitError(
                f"The session does not have {unit_id}. Its units: {', '.join(self.units) or 'none'}.",
                parameter="unit_id",
                fix=SetParameter("unit_id"),
            )
        features = self.units[unit_id].setdefault("features", {})
        features[feature_name] = {"data": feature_data, "metadata": dict(feature_metadata or {})}
        self.touch()

    def mark_step_complete(self, step_name: str) -> None:
        """Record that a step was completed."""
        self.completed_steps.add(step_name)
        self.touch()

    def set_source_files(
        self, cmcr_path: str | Path | None = None, cmtr_path: str | Path | None = None
    ) -> None:
        """Record the source files, with size and modification time if they exist."""
        for kind, path in (("cmcr", cmcr_path), ("cmtr", cmtr_path)):
            if path is None:
                continue
            self.source_files[f"{kind}_path"] = str(path)
            if os.path.exists(path):
                size, changed = source_stamp(path)
                self.source_files[f"{kind}_size"] = size
                self.source_files[f"{kind}_mtime"] = changed
        self.touch()

    def require(self, *path: str, message: str = "", fix: Fix | None = None) -> Any:
        """Return what is stored at `path`, e.g. ``require("metadata", "segments")``.

        Raises
        ------
        MissingInputError
            If it does not exist, with `message` and `fix`; by default the message says to load the recording.
        """
        node: Any = {"units": self.units, "metadata": self.metadata, "stimulus": self.stimulus}
        for name in path:
            if not isinstance(node, Mapping) or name not in node:
                said = message or f"The session does not contain {'/'.join(path)}."
                raise MissingInputError(said, fix=fix if fix or message else RunStep("load_recording"))
            node = node[name]
        return node

    def mark_clean(self) -> None:
        """Mark the present content of the session as saved."""
        # The one before takes as much memory, and is not needed any more.
        self._saved = None
        self._saved = Baseline(self)
        self._saved_record = tokens(self._record())
        self._touched = False

    def _mark_written(self, changed: Collection[tuple[str, ...]]) -> None:
        """Mark what is at the places `changed` as saved, and the record of the session."""
        if self._saved is None:
            self.mark_clean()
            return
        self._saved.renew(self, changed)
        self._saved_record = tokens(self._record())
        self._touched = False

    def touch(self) -> None:
        """Record that the content was changed other than by the methods of the session."""
        self._touched = True

    def _trees(self) -> dict[str, Any]:
        return {"units": self.units, "metadata": self.metadata, "stimulus": self.stimulus}

    def _record(self) -> dict[str, Any]:
        record = {"completed": list(self.completed_steps), "warnings": self.warnings}
        return {**record, "steps": self.steps, "extra": self.extra}


def _check_unit_id(unit_id: object) -> None:
    if not isinstance(unit_id, str) or not _UNIT_ID.fullmatch(unit_id):
        raise ValidationError(
            f"Unit id {unit_id!r} is not of the form 'unit_001' (at least three digits).",
            fix=Advice("Name units unit_001, unit_002, and so on."),
        )


Progress = Callable[[float, str], None]


def dataset_id_from_paths(cmcr_path: str | Path | None, cmtr_path: str | Path | None) -> str:
    """Return the recording's name: the stem of the CMTR, else of the CMCR, without trailing ``-``.

    With a folder of sorted units it is the stem of the CMCR, else what names the recording in its path.
    """
    cmcr, cmtr = (None if path is None else Path(path) for path in (cmcr_path, cmtr_path))
    if cmcr is None and cmtr is None:
        raise ValidationError(
            "At least one is needed: the name of the recording, or one of its files.",
            fix=Either((SetParameter("dataset_id"), ChooseFile("cmcr_path"), ChooseFile("cmtr_path"))),
        )
    name = re.sub(r'[\\:*?"<>|]', "_", recording_name(cmcr, cmtr)).rstrip("-")
    return check_dataset_id(name or "recording")


@dataclass(eq=False, repr=False)
class PipelineSession(SessionData):
    """All data of one recording in memory, and the way to and from its result file.

    Nothing is written until `save` or `checkpoint` is called. Data that
    are not saved are lost when the process ends. Allow for memory of about 1.3 times `memory_estimate_gb`.

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
        Everything that the user should know about the data.
    output_dir
        Folder of the default path of `save`.
    checkpoint_name
        Name of the checkpoint that this session was resumed from, if any.
    steps
        Provenance: what each step ran with.
    saved_at
        When the session's file was written, ISO 8601; None while it has none.

    Notes
    -----
    Replace arrays instead of modifying them in place: modified values are saved, but
    `has_unsaved_changes` does not detect them.
    """

    def to_dataframe(self) -> pd.DataFrame:
        """Return all scalar values of the units as a table, one row per unit.

        Returns
        -------
        pandas.DataFrame
            Index ``unit_id``; columns ``feature.output``, each with unit and definition in
            ``attrs["units"]`` and ``attrs["definitions"]``.
        """
        from hdmea.pipeline.feature_table import feature_table

        return feature_table(self)

    def to_pynapple(self) -> Any:
        """Return the units for pynapple (https://pynapple.org).

        Returns
        -------
        pynapple.TsGroup
            Spike times in seconds in the order of the units, on the recorded parts; ``unit_id`` and all
            numbers of the units are its metadata, a dot in their names being ``_``.

        Raises
        ------
        ConfigurationError
            If pynapple is not installed.
        """
        from hdmea.pipeline.bridges import pynapple_units

        return pynapple_units(self)

    def to_spikeinterface(self) -> Any:
        """Return the units for SpikeInterface (https://spikeinterface.readthedocs.io).

        Returns
        -------
        spikeinterface.NumpySorting
            Spike times in samples by unit id; all numbers of the units are its properties, a dot in their
            names being ``_``.

        Raises
        ------
        ConfigurationError
            If SpikeInterface is not installed.
        """
        from hdmea.pipeline.bridges import spikeinterface_sorting

        return spikeinterface_sorting(self)

    def save(
        self,
        output_path: str | Path | None = None,
        *,
        overwrite: files.Overwrite = True,
        compression: str | None = None,
        layout: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Write the result file; the session becomes SAVED and stays usable.

        Parameters
        ----------
        output_path
            Default: the session's own file, else ``output_dir/<dataset_id>.h5``.
        overwrite
            Replace an existing file, with a logged warning; False: raise instead; ``"other"``: replace also
            what another program wrote into the session's own file since it was loaded or saved.
        compression
            None, or a filter that h5py ships (``"lzf"``, ``"gzip"``).
        layout
            ``"columns"``, or one of the laboratory's scripts: ``"lab"`` (saved sessions), ``"lab-steps"``
            (files of single steps). Default: that which the session's file has; for another file the
            environment variable ``HDMEA_LAYOUT``, else ``layout`` in the settings file, else ``"columns"``.
        progress
            Called with a fraction and a text; may raise to stop, which leaves the old file as it was.

        Returns
        -------
        pathlib.Path
            The file that was written.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False, or if it is the session's own and another program
            wrote it since; the message says who and when.
        SessionError
            If the session was opened from a file that must not be rewritten and no other path is given.
        ValidationError
            If a value cannot be stored; nothing is written.
        """
        target = Path(output_path) if output_path is not None else self.default_path
        if self.read_only_reason and self.hdf5_path is not None and _same_file(target, self.hdf5_path):
            raise SessionError(self.read_only_reason, path=self.hdf5_path, fix=SaveAs())
        content = self.content(SaveState.SAVED, checkpoint_name=None)
        written = self._write(target, content, overwrite, compression, layout, progress, bind=True)
        path = written.path
        self.held = written
        self.saved_at = content.updated_at
        self.save_state = SaveState.SAVED
        self.hdf5_path = path
        self.read_only_reason = None
        self.checkpoint_name = None
        self.mark_clean()
        logger.info("Saved %s to %s", self.dataset_id, path)
        return path

    def checkpoint(
        self,
        checkpoint_path: str | Path,
        *,
        checkpoint_name: str | None = None,
        overwrite: bool = True,
        progress: Progress | None = None,
    ) -> Path:
        """Write a snapshot from which `load` resumes; the session stays as it is.

        Parameters
        ----------
        checkpoint_path
            File of the snapshot.
        checkpoint_name
            Name of the checkpoint; default: the stem of the file.
        overwrite
            Replace an existing file, with a logged warning; False: raise FileExistsError instead.
        progress
            Called with a fraction and a text; may raise to stop.

        Returns
        -------
        pathlib.Path
            The file that was written.
        """
        name = checkpoint_name if checkpoint_name is not None else Path(checkpoint_path).stem
        content = self.content(SaveState.DEFERRED, checkpoint_name=name)
        # Always columns: a checkpoint has to hold everything.
        written = self._write(Path(checkpoint_path), content, overwrite, None, "columns", progress)
        logger.info("Checkpoint %r of %s written to %s", name, self.dataset_id, written.path)
        return written.path

    def ensure_saved(self, default_path: str | Path | None = None) -> Path:
        """Return the session's file; save first, with a logged warning, if there is none yet.

        Raises
        ------
        FileExistsError
            If that would replace a file of another recording.
        """
        if self.is_saved and self.hdf5_path is not None:
            # A file that was deleted is written again.
            return self.hdf5_path if os.path.exists(self.hdf5_path) else self.save(self.hdf5_path)
        target = Path(default_path) if default_path is not None else self.default_path
        self.refuse_foreign_file(target)
        logger.warning("Auto-saving deferred session to %s to satisfy HDF5-path requirement", target)
        return self.save(target)

    @classmethod
    @without_collections()
    def load(
        cls, checkpoint_path: str | Path, *, lazy: bool = False, progress: Progress | None = None
    ) -> PipelineSession:
        """Open a checkpoint (as DEFERRED) or a saved result (as SAVED, with its path).

        Parameters
        ----------
        checkpoint_path
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
            If it is not a session file, is damaged, or of a version that cannot be read.
        """
        path = Path(checkpoint_path)
        content = files.read_session(path, lazy=lazy, progress=progress)
        saved = content.save_state == SaveState.SAVED.value
        moved, said = find_moved_sources(content.source_files, path)
        for message in said:
            logger.warning(message)
        try:
            session = cls(
                dataset_id=content.dataset_id,
                units=content.units,
                metadata=content.metadata,
                stimulus=content.stimulus,
                save_state=SaveState.SAVED if saved else SaveState.DEFERRED,
                hdf5_path=path if saved else None,
                completed_steps=CompletedSteps(content.completed_steps),
                source_files={**content.source_files, **moved},
                warnings=content.warnings_with_fixes(),
                output_dir=Path(content.output_dir) if content.output_dir else path.parent,
                checkpoint_name=content.checkpoint_name,
                steps=content.steps,
                created_at=content.created_at,
                extra=content.extra,
                read_only_reason=content.read_only or None,
                saved_at=content.updated_at or None,
            )
        except ValidationError as error:
            text = f"{path} is damaged and cannot be restored ({error.message.removesuffix('.')})."
            raise CheckpointError(text, path=path, fix=RESTORE) from error
        session.inform("load_recording", said)
        if saved:
            session.held = files.Held(path, content.revision, content.layout)
        session.mark_clean()
        return session

    def content(self, state: SaveState, *, checkpoint_name: str | None) -> SessionContent:
        """Return what a file of this session holds, without copying any array.

        Raises
        ------
        ValidationError
            If its name or that of a unit is one that `load` refuses.
        """
        check_dataset_id(self.dataset_id)
        for unit_id in self.units:
            _check_unit_id(unit_id)
        return SessionContent(
            dataset_id=self.dataset_id,
            units=self.units,
            metadata=self.metadata,
            stimulus=self.stimulus,
            source_files=self.source_files,
            steps=self.steps,
            completed_steps=list(self.completed_steps),
            warnings=list(map(str, self.warnings)),
            save_state=state.value,
            checkpoint_name=checkpoint_name,
            output_dir=str(self.output_dir),
            created_at=self.created_at,
            updated_at=utc_now(),
            extra=self.extra,
            layout=self.layout,
            outputs=_declared_outputs,
        )

    def write_changes(self, path: Path, changed: Collection[tuple[str, ...]]) -> None:
        """Bring an existing file of this session up to date, rewriting only the paths in `changed`."""
        if self.read_only_reason:
            raise SessionError(self.read_only_reason, path=path, fix=SaveAs())
        content = self.content(self.save_state, checkpoint_name=self.checkpoint_name)
        self.held = files.update_session(path, content, changed, held=self.held)
        self._mark_written([*changed, *content.replaced])

    def is_current(self) -> bool:
        """Return whether the session's file is still the one that it was loaded from or saved as."""
        if self.held is None or self.hdf5_path is None:
            return False
        try:
            return files.summarize(self.hdf5_path).revision == self.held.revision
        except (OSError, ValueError):
            return False

    def reload(self) -> None:
        """Replace the content by that of the session's file, which another program has written.

        Raises
        ------
        SessionError
            If the session has unsaved changes, or has no file.
        """
        if self.hdf5_path is None or self.has_unsaved_changes:
            raise SessionError("The session has changes that are not saved, or no file.", fix=SaveAs())
        other = type(self).load(self.hdf5_path, lazy=True)
        for name in ("units", "metadata", "stimulus", "source_files", "completed_steps", "warnings", "steps"):
            setattr(self, name, getattr(other, name))
        self.extra, self.created_at, self.held = other.extra, other.created_at, other.held
        self.mark_clean()

    def _write(
        self,
        target: Path,
        content: SessionContent,
        overwrite: files.Overwrite,
        compression: str | None,
        layout: str | None,
        progress: Progress | None,
        *,
        bind: bool = False,
    ) -> files.Held:
        if overwrite and os.path.exists(target):
            logger.warning("Overwriting existing file %s", target)
        own = self.held is not None and _same_file(target, self.held.path)
        if layout is None:
            layout = self.held.layout if own and self.held is not None else files.default_layout()
            if self.held is not None and layout != self.held.layout:
                logger.warning(
                    "%s has the layout %s, not %s as %s; to keep it, write save(..., layout=%r)",
                    target, layout, self.held.layout, self.held.path.name, self.held.layout,
                )  # fmt: skip
        elif files.checked_layout(layout) and own and self.held is not None and layout != self.held.layout:
            logger.warning("%s changes its layout from %s to %s", target, self.held.layout, layout)
        return files.write_session(
            target,
            content,
            overwrite=overwrite,
            held=self.held,
            compression=compression,
            bind=bind,
            layout=layout,
            progress=progress,
        )

    def refuse_foreign_file(self, target: Path) -> None:
        """Raise FileExistsError if `target` exists and is not a file of this recording."""
        if not os.path.exists(target):
            return
        try:
            other = files.summarize(target).dataset_id
        except ValueError:
            other = "something that is not a session file"
        if other != self.dataset_id:
            raise ExistingFileError(
                f"{target} contains {other!r}, not {self.dataset_id!r}, and is not replaced.",
                path=target,
                fix=SaveAs(),
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


def _declared_outputs(feature: str) -> dict[str, dict[str, Any]]:
    """Return the declarations of the outputs of a feature, for readers of the file without this program."""
    from hdmea.declare import FEATURES

    if feature not in FEATURES:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for output in FEATURES.get(feature).outputs:
        limits = [float("nan") if limit is None else float(limit) for limit in output.range]
        texts = {"title": output.title, "unit": output.unit, "definition": output.definition}
        found[output.name] = {**texts, "range": np.array(limits)}
    return found


def _same_file(first: Path, second: Path) -> bool:
    return os.path.exists(first) and os.path.exists(second) and first.samefile(second)


def twin_of(session: PipelineSession) -> PipelineSession:
    """Return a session with the same arrays in separate dictionaries; nothing is read.

    Adding, replacing or removing entries in one of the two does not affect the other.
    """
    twin = copy.copy(session)
    for name in ("units", "metadata", "stimulus", "source_files", "steps", "extra"):
        setattr(twin, name, copy_dicts(getattr(session, name)))
    twin.completed_steps = CompletedSteps(session.completed_steps)
    twin.warnings = list(session.warnings)
    if session.has_unsaved_changes:
        twin.touch()
    else:
        twin.mark_clean()
    return twin
