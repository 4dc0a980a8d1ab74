"""What the window gets to see of the engine: immutable values, made on the worker thread.

Arrays in here are numpy arrays in memory. No session, no file and no exception is ever part of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.spreadsheet import column_name

if TYPE_CHECKING:
    import pydantic

__all__ = [
    "Candidate",
    "Card",
    "Choice",
    "Column",
    "FieldSpec",
    "FileFacts",
    "OpenResult",
    "Refused",
    "StateView",
    "StepRecord",
    "StepSpec",
]


@dataclass(frozen=True)
class FieldSpec:
    """One parameter of a step, as its declaration says it.

    `names` is the kind of things that it names, see `hdmea.pipeline.choices`; `of_recording` tells that its
    value makes no sense for another recording, `affects_result` whether it decides the numbers,
    `of_selection` that it begins with the selected units, `whole` that a pair is of whole numbers.
    """

    name: str
    title: str
    help: str
    kind: str
    default: Any
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False
    advanced: bool = False
    required: bool = False
    decimals: int | None = None
    names: str = ""
    of_recording: bool = False
    affects_result: bool = True
    of_selection: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """A name that a parameter may take, and what it stands for."""

    name: str
    about: str = ""


@dataclass(frozen=True)
class StepSpec:
    """One step that the engine knows."""

    name: str
    title: str
    help: str
    requires: tuple[str, ...]
    fields: tuple[FieldSpec, ...]
    model: type[pydantic.BaseModel]
    creates: bool = False
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepRecord:
    """What the session remembers of a step that ran.

    Attributes
    ----------
    duration_s, started_at, finished_at
        How long its last run took, and when that was (ISO 8601).
    stale, stale_because
        Whether a part of its results is stale, and why: ``"Section times ran again at 23:11"``.
    params
        Its parameters, as JSON-able values.
    version, program
        Version of the step and of the program.
    inputs
        The files that it read.
    notices
        What it said: of section times what the light says of each section, then warnings, then information.
    """

    duration_s: float
    finished_at: str
    stale: bool
    stale_because: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    started_at: str = ""
    version: str = ""
    program: str = ""
    inputs: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column of the unit table.

    Attributes
    ----------
    key
        Its name in filters and settings.
    title
        What is above it, with the unit.
    help
        Definition.
    values
        One per unit: float64, NaN where missing; or texts, empty where missing.
    decimals
        Of numbers.
    group
        Feature that it belongs to; empty for facts of the unit.
    standard
        Whether it is shown unless the user chose otherwise.
    unit
        Physical unit as files have it, empty for a pure number.
    feature, label
        Title of the feature, and what the column is called below that title.
    stale
        Why the values are stale, empty if they are not.
    """

    key: str
    title: str
    help: str
    values: NDArray[Any]
    decimals: int = 1
    group: str = ""
    standard: bool = True
    unit: str = ""
    feature: str = ""
    label: str = ""
    stale: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the values are texts."""
        return self.values.dtype.kind == "O"

    @property
    def file_name(self) -> str:
        """Its name in files, with the physical unit, as every program takes it."""
        return column_name(self.key, self.unit if self.group or self.key == "rate" else "")

    @property
    def exact_values(self) -> NDArray[Any]:
        """The values as files have them: whole numbers as such, None where missing."""
        if self.is_text:
            return self.values
        whole = self.decimals == 0
        exact = [
            None if math.isnan(value) else int(value) if whole and math.isfinite(value) else value
            for value in self.values.tolist()
        ]
        return np.array(exact, object)


@dataclass(frozen=True)
class StateView:
    """State of the session; `revision` grows with each change of its data.

    `n_units`, `duration_s` and `source_bytes` are those of the source files while nothing is loaded; 0 where
    they are not known. `contributors` are the kinds of data that take the most memory, with their bytes.
    `layout` is that of the file at `saved_path`; `rates` say how many samples and frames are a second.
    """

    dataset_id: str = ""
    revision: int = 0
    unsaved: bool = False
    saved_path: Path | None = None
    layout: str = "columns"
    default_path: Path | None = None
    checkpoint_name: str | None = None
    completed: tuple[str, ...] = ()
    steps: dict[str, StepRecord] = field(default_factory=dict)
    unit_ids: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    warnings: tuple[str, ...] = ()
    memory_gb: float = 0.0
    sources: tuple[Path, ...] = ()
    n_units: int = 0
    duration_s: float = 0.0
    source_bytes: int = 0
    contributors: tuple[tuple[str, int], ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return bool(self.dataset_id)

    @property
    def has_data(self) -> bool:
        """Whether the session contains anything."""
        return bool(self.unit_ids or self.completed)


@dataclass(frozen=True)
class Card:
    """What is inside source files, before they are loaded: lines of (label, value), and warnings.

    `missing` is the suffix of the file of the pair that does not exist, empty if both exist; `announced` the
    number of units and the duration in seconds, 0 where not known.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
    missing: str = ""
    announced: tuple[int, float] = (0, 0.0)


@dataclass(frozen=True)
class Candidate:
    """One of several things that could be opened: the files of a recording, or a result."""

    paths: tuple[Path, ...]
    is_source: bool


@dataclass(frozen=True)
class Refused:
    """A path that cannot be used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class OpenResult:
    """What opening some paths led to; `state` is None when nothing was opened.

    `candidates` are given when the user has to choose: one recording is open at a time.
    """

    state: StateView | None
    card: Card | None = None
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class FileFacts:
    """What a result file, or the session in memory, says about itself.

    `free_path` is a name beside it that is not taken.
    """

    path: Path | None
    dataset_id: str
    n_units: int
    steps: tuple[str, ...]
    size_bytes: int
    changed_at: str
    problem: str = ""
    free_path: Path | None = None
