"""What a feature extractor is: one declaration and one pure function, in a file of its own.

```python
from hdmea.declare import FeatureParams, FeatureTable, Output, Recording, Requirement, extractor


class Params(FeatureParams):
    window_s: float = Field(1.0, gt=0, title="Window", json_schema_extra={"unit": "s"})


@extractor(
    name="peak_rate",
    title="Peak rate",
    version="1",
    params=Params,
    requires=(Requirement("metadata", "acquisition_rate", provided_by="load_recording"),),
    outputs=(Output("peak_rate_hz", "Peak rate", "Hz", (0, None), "largest rate in any window"),),
)
def peak_rate(recording: Recording, params: Params) -> FeatureTable:
    ...
```

Documentation, tooltips and column descriptions are made from the declaration.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hdmea.declare.outputs import Output, with_limits
from hdmea.declare.parameters import Params, make_params
from hdmea.declare.registry import Registry
from hdmea.declare.steps import STEPS
from hdmea.utils.exceptions import FeatureExtractionError
from hdmea.utils.fixes import Advice, RunStep
from hdmea.utils.notices import Notice

__all__ = [
    "FEATURES",
    "Extractor",
    "FeatureParams",
    "FeatureTable",
    "Recording",
    "Requirement",
    "extractor",
    "stored_as",
]


class FeatureParams(Params):
    """Base of the parameters of a feature; see `Params`."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that must be there before a feature can be computed.

    Parameters
    ----------
    where
        ``"unit"``, ``"feature"`` (in at least one unit), ``"metadata"`` or ``"stimulus"``.
    key
        Name there, with ``/`` between levels; ``*`` stands for anything, as in ``section_time/*noise*``.
    provided_by
        Name of the step that makes it; for a feature ``"extract_features"``. For anything else a few words
        that complete "They are provided by".
    what
        What a user calls the data, in the plural; empty for the results of the step.
    """

    where: Literal["unit", "feature", "metadata", "stimulus"]
    key: str
    provided_by: str
    what: str = ""

    @property
    def source(self) -> str:
        """What provides it, for documentation."""
        of_feature = self.where == "feature" and self.provided_by == "extract_features"
        return f"{self.provided_by} with {self.key}" if of_feature else self.provided_by

    def missing_from(self, recording: Recording) -> Notice | None:
        """Reason why it is missing, with what to run; None if it exists."""
        if self.where in ("metadata", "stimulus"):
            tree = recording.metadata if self.where == "metadata" else recording.stimulus
            there = _matches(tree, self.key.split("/"))
        elif self.where == "unit":
            there = any(_matches(unit, self.key.split("/")) for unit in recording.units.values())
        else:
            entries = (unit.get("features", {}) for unit in recording.units.values())
            there = any(_matches(found, [stored_as(found, self.key)]) for found in entries)
        return None if there else self._missing()

    def _missing(self) -> Notice:
        if self.where == "feature" and self.provided_by == "extract_features":
            title = FEATURES.get(self.key).title if self.key in FEATURES else self.key
            fix = RunStep("extract_features", feature=self.key)
            return Notice(f"The feature “{title}” is missing.", fix=fix)
        if self.provided_by in STEPS:
            title = STEPS.get(self.provided_by).title
            said = f"The {self.what} are missing." if self.what else f"The results of “{title}” are missing."
            return Notice(said, fix=RunStep(self.provided_by))
        what = self.what or f"{self.where} data {self.key!r}"
        return Notice(f"The {what} are missing.", fix=Advice(f"They are provided by {self.provided_by}."))


@dataclass(frozen=True, slots=True)
class Recording:
    """What extractors see: units, metadata and stimulus as they are in a session. Not to be changed.

    Attributes
    ----------
    units
        Unit id to the unit's data.
    metadata, stimulus
        Shared data.
    source_files
        Where the recording is; the stimulus library looks there for movies.
    """

    units: Mapping[str, Mapping[str, Any]]
    metadata: Mapping[str, Any]
    stimulus: Mapping[str, Any]
    source_files: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spike_trains(self) -> list[NDArray[np.int64]]:
        """Ascending spike samples of every unit, in the order of `units`."""
        return [
            np.asarray(u.get("spike_times", ())).astype(np.int64, copy=False) for u in self.units.values()
        ]

    @property
    def acquisition_rate(self) -> float:
        """Samples per second."""
        return float(np.ravel(self.metadata["acquisition_rate"])[0])

    @property
    def duration_s(self) -> float:
        """Duration in seconds, on the acquisition clock."""
        return float(np.ravel(self.metadata["recording_duration_s"])[0])

    @property
    def segments(self) -> NDArray[np.int64]:
        """Recorded parts, int64 (n, 2) samples; the whole recording if nothing else is known."""
        stored = self.metadata.get("segments")
        if stored is not None and np.size(stored):
            return np.asarray(stored).astype(np.int64).reshape(-1, 2)
        return np.array([[0, round(self.duration_s * self.acquisition_rate)]], np.int64)


@dataclass(slots=True)
class FeatureTable:
    """What an extractor returns.

    Attributes
    ----------
    units
        Output name to its values: one entry per unit, in the order of `Recording.units` (an array whose first
        axis is the unit, or a sequence of arrays).
    recording
        Output name to its value, for outputs ``per="recording"``.
    reasons
        Output name to why it is missing (NaN): one text for all units, or unit id to text.
    notes
        Facts about the computation that are stored beside the numbers, such as what they were computed from.
    marks
        Unit id to what a reader must know before its numbers are used: mark and cause.
    warnings
        What the user should know.
    """

    units: dict[str, Any] = field(default_factory=dict)
    recording: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str | dict[str, str]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def reasons_for(self, unit_id: str) -> dict[str, str]:
        """Output name to the reason why it is missing in this unit."""
        found = {}
        for output, reason in self.reasons.items():
            text = reason if isinstance(reason, str) else reason.get(unit_id)
            if text:
                found[output] = text
        return found


@dataclass(frozen=True)
class Extractor:
    """A feature: its declaration and the function that computes it (see `extractor` for the parts)."""

    name: str
    title: str
    version: str
    outputs: tuple[Output, ...]
    requires: tuple[Requirement, ...]
    params: type[FeatureParams]
    aliases: tuple[str, ...]
    function: Callable[[Recording, Any], FeatureTable]

    @property
    def description(self) -> str:
        """First paragraph of the function's docstring."""
        return (self.function.__doc__ or self.title).strip().split("\n\n")[0]

    @property
    def module(self) -> str:
        """Name of the module that declares it."""
        return self.function.__module__

    def make_params(self, values: Mapping[str, Any] | None = None) -> FeatureParams:
        """Return validated parameters; ValidationError with a line for each value that is not allowed."""
        return make_params(self.params, values or {}, "extract_features", self.name)

    def missing(self, recording: Recording) -> list[Notice]:
        """Reasons why the feature cannot be computed; empty if it can."""
        found = [reason for need in self.requires if (reason := need.missing_from(recording))]
        return list(dict.fromkeys(found))

    def compute(self, recording: Recording, params: FeatureParams | None = None) -> FeatureTable:
        """Compute the feature for all units.

        Raises
        ------
        FeatureExtractionError
            If the result is not what the extractor declares.
        """
        table = self.function(recording, params if params is not None else self.make_params())
        self._check(table, len(recording.units))
        return table

    def outputs_of(self, table: FeatureTable) -> tuple[Output, ...]:
        """Return the outputs that a table holds; a unit with None in place of a value does not have it."""
        return self.outputs

    def _check(self, table: FeatureTable, n_units: int) -> None:
        for per, given in (("unit", table.units), ("recording", table.recording)):
            declared = {output.name for output in self.outputs if output.per == per}
            if declared != set(given):
                raise FeatureExtractionError(
                    f"The feature {self.name!r} declares {sorted(declared)} per {per} but returned "
                    f"{sorted(given)}.",
                    fix=Advice("Correct its declaration or its result."),
                )
        for output in self.outputs:
            values = [table.recording[output.name]] if output.per == "recording" else table.units[output.name]
            if output.per == "unit" and len(values) != n_units:
                raise FeatureExtractionError(
                    f"{output.name} of the feature {self.name!r} has {len(values)} entries, not {n_units}.",
                    fix=Advice("Correct its declaration or its result."),
                )
            if len(values):
                self._check_value(output, values[0])

    def _check_value(self, output: Output, value: Any) -> None:
        array = np.asarray(value)
        kind_fits = (
            array.dtype.kind in "UO" if output.dtype == "str" else array.dtype == np.dtype(output.dtype)
        )
        lengths_fit = array.ndim == len(output.shape) and all(
            isinstance(length, str) or length == size
            for length, size in zip(output.shape, array.shape, strict=True)
        )
        if not (kind_fits and lengths_fit):
            raise FeatureExtractionError(
                f"{output.name} of the feature {self.name!r} is {array.dtype} {array.shape}, "
                f"but is declared as {output.dtype} {output.shape}.",
                fix=Advice("Correct its declaration or its result."),
            )


FEATURES: Registry[Extractor] = Registry("hdmea.features", Extractor, "hdmea.features.extractors", "feature")
"""Every feature: ours, those of installed packages, and those of a user's own files."""


def extractor(
    *,
    name: str,
    title: str,
    version: str,
    outputs: Sequence[Output],
    requires: Sequence[Requirement] = (),
    params: type[FeatureParams] = FeatureParams,
    aliases: Sequence[str] = (),
) -> Callable[[Callable[[Recording, Any], FeatureTable]], Extractor]:
    """Declare the decorated function as a feature.

    Parameters
    ----------
    name
        Canonical name: in files, tables and documentation.
    title
        What a user sees.
    version
        Raised when the numbers change.
    outputs
        What the feature gives; the limits of intervals are declared by it.
    requires
        What must be there; otherwise the feature is skipped for that reason.
    params
        Model of the parameters.
    aliases
        Other names by which it may be asked for.
    """

    def declare(function: Callable[[Recording, Any], FeatureTable]) -> Extractor:
        return Extractor(
            name=name,
            title=title,
            version=version,
            outputs=with_limits(*outputs),
            requires=tuple(requires),
            params=params,
            aliases=tuple(aliases),
            function=function,
        )

    return declare


def stored_as(features: Mapping[str, Any], name: str) -> str:
    """Return the name under which a unit has a feature: its own, or another one by which it was asked for.

    Parameters
    ----------
    features
        Features of a unit.
    name
        Canonical name; it is returned if the unit does not have the feature.
    """
    if name in features or name not in FEATURES:
        return name
    return next((alias for alias in FEATURES.get(name).aliases if alias in features), name)


def _matches(tree: Any, keys: Sequence[str]) -> bool:
    if not keys:
        return np.size(tree) > 0
    if not isinstance(tree, Mapping):
        return False
    return any(
        _matches(tree[name], keys[1:]) for name in fnmatch.filter(map(str, tree), keys[0]) if name in tree
    )
