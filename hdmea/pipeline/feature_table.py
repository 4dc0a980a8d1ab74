"""All scalar numbers of a recording as one table: a row per unit, a described column per number."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.declare import FEATURES, UNIT_OF_ENTRY, Output, StepDefinition, all_steps
from hdmea.features.science.multiple_testing import benjamini_hochberg
from hdmea.pipeline.marks import marks_text
from hdmea.pipeline.provenance import stale_because, stale_features
from hdmea.recordings.measures import measure_title
from hdmea.results.unread import Unread, reading
from hdmea.utils.giving_way import giving_way

if TYPE_CHECKING:
    import pandas as pd

    from hdmea.pipeline.session import PipelineSession
    from hdmea.results.content import StepProvenance

from hdmea.utils.text_files import stored_dict

__all__ = [
    "SORTER_TITLE",
    "FeatureColumn",
    "Scalar",
    "feature_columns",
    "feature_table",
    "missing_reasons",
    "physical_units",
]

Scalar = float | int | bool | str | None

_FACTS = (
    Output("row", "Row", "electrodes", (None, None), "row of the unit's electrode, from the sorter"),
    Output("col", "Column", "electrodes", (None, None), "column of the unit's electrode, from the sorter"),
    Output("sensor_id", "Sensor number", "", (None, None), "number of the unit's electrode"),
    Output("unit_num", "Unit number", "", (None, None), "number of the unit in the spike-sorted file"),
    Output("original_name", "Original name", "", (None, None), "name of the unit in the spike-sorted file"),
    Output("spike_count", "Spike count", "spikes", (0, None), "accepted spikes of the whole recording"),
)
FACTS_TITLE = "Unit"
_FEATURES = "units/*/features/"
SORTER_TITLE = "Spike sorter"


@dataclass(frozen=True)
class FeatureColumn:
    """One column of the table.

    Attributes
    ----------
    name
        ``feature.output``; facts of the unit have no dot.
    values
        One per unit, in the order of the units: numbers, texts; None where the unit has none.
    title
        The number as the field writes it.
    unit
        Physical unit, empty for a pure number or where none is declared.
    definition
        What the number is; empty for what a sorter reported.
    range
        Smallest and largest possible value, None for no limit.
    group_title
        Title of the feature or step that made it.
    group_help
        What that feature or step is about.
    standard, preference
        Heading of the column that the unit table has by default, and which is taken of several; see `Output`.
    interval
        Names of the columns of the 95 % interval, the lower limit first; empty if there is none.
    p, n
        Names of the columns of the p value, and of what the number is measured in.
    stale
        Why the values are stale: ``"Section times ran again at 23:11"``; empty if they are not.
    """

    name: str
    values: tuple[Scalar, ...]
    title: str
    unit: str = ""
    definition: str = ""
    range: tuple[float | None, float | None] = (None, None)
    group_title: str = ""
    group_help: str = ""
    standard: str = ""
    preference: int = 0
    interval: tuple[str, ...] = ()
    p: str = ""
    n: str = ""
    stale: str = ""

    @property
    def group(self) -> str:
        """What precedes the name of the number: ``moving_bar``, ``rf[noise_15x15]``."""
        return self.name.rpartition(".")[0]


def _marks_column(values: tuple[str | None, ...]) -> FeatureColumn:
    definition = (
        "what to know before numbers are used, with the features concerned: not aligned, flips lost, …"
    )
    return FeatureColumn("marks", values, "Marks", "", definition)


def feature_columns(session: PipelineSession, unit_ids: Sequence[str] | None = None) -> list[FeatureColumn]:
    """Return every scalar that is known of the units, with its title, unit and definition.

    Parameters
    ----------
    session
        A session; what has not been computed has no column.
    unit_ids
        Units that the columns are to have, in this order; None for all.

    Returns
    -------
    list of FeatureColumn
        Facts of the units, what the sorter said (``sorter.*``), features in the order in which they were
        stored, then the numbers of steps: ``soma.*``, ``axon.*``, ``rf.*`` (``rf[movie].*`` with several
        noise movies), and ``marks`` if a feature of a unit has any. Each estimate with an interval is
        followed by its ``_n``. With all units each p value is followed by its q: the false discovery rate
        over the units (Benjamini & Hochberg 1995), computed here.
    """
    units = list(session.units.values()) if unit_ids is None else [session.units[name] for name in unit_ids]
    because = stale_features(session.steps)
    with reading((session.units,)):
        columns = [
            replace(column, stale=group.stale_because(session.steps, because))
            for group in _groups(units)
            for column in _with_n(list(group.columns()))
        ]
        if unit_ids is None:
            columns = list(_with_q(columns))
        marks = tuple(marks_text(unit, because) for unit in units)
        return [*columns, _marks_column(marks)] if any(marks) else columns


def physical_units(columns: Iterable[FeatureColumn]) -> dict[str, str]:
    """Return the physical unit of each number by its name.

    A unit may name another number of the same feature which says it: ``waveform_unit/ms`` is uV/ms if that
    is “uV” in all units, otherwise “unit of the waveform/ms”.
    """
    by_name = {column.name: column for column in columns}
    found = {}
    for name, column in by_name.items():
        unit = column.unit
        first = unit.partition("/")[0]
        said = by_name.get(f"{column.group}.{first}")
        if said is not None:
            known = {value for value in said.values if isinstance(value, str)}
            spoken = known.pop() if len(known) == 1 else said.title[:1].lower() + said.title[1:]
            unit = unit.replace(first, spoken, 1)
        found[name] = unit
    return found


def _with_n(columns: Sequence[FeatureColumn]) -> Iterator[FeatureColumn]:
    """Put the number of trials, repetitions or spikes behind each estimate with an interval."""
    by_name = {column.name: column for column in columns}
    for column in columns:
        yield column
        counted = by_name.get(column.n)
        if column.interval and counted is not None:
            yield replace(
                counted,
                name=f"{column.name}_n",
                title=f"{column.title}, n",
                definition=f"{counted.definition}, of {column.name}",
                standard="",
            )


def _with_q(columns: Iterable[FeatureColumn]) -> Iterator[FeatureColumn]:
    for column in columns:
        yield column
        if not (column.name.endswith("_p") and "." in column.name and column.range[1] == 1):
            continue
        numbers = [value if isinstance(value, (int, float)) else math.nan for value in column.values]
        title = column.title
        yield replace(
            column,
            name=f"{column.name[:-1]}q",
            values=tuple(benjamini_hochberg(numbers).tolist()),
            title=f"q of {title[5:]}" if title.startswith("p of ") else f"{title}, q",
            definition=f"smallest false discovery rate at which {column.name} is a discovery",
            standard="",
        )


def missing_reasons(unit: Mapping[str, Any]) -> dict[str, str]:
    """Return why numbers of a unit are missing: name of the column, as `feature_columns` has it, to reason.

    Parameters
    ----------
    unit
        A unit of a session.
    """
    features: Mapping[str, Any] = unit.get("features") or {}
    found: dict[str, str] = {}
    for name, entry in features.items():
        if isinstance(entry, Mapping):
            found |= _reasons(f"{name}.", entry.get("metadata"))
    for place in _places([unit]):
        found |= _reasons(place.prefix, place.values[0])
    return found


def _reasons(prefix: str, stored: Any) -> dict[str, str]:
    text = stored.get("missing", "{}") if isinstance(stored, Mapping) else "{}"
    return {prefix + name: str(reason) for name, reason in (stored_dict(text) or {}).items()}


def feature_table(session: PipelineSession) -> pd.DataFrame:
    """Return all scalars of the units as a table.

    Parameters
    ----------
    session
        A session.

    Returns
    -------
    pandas.DataFrame
        One row per unit, indexed by ``unit_id``; see `feature_columns` for the columns. Units and definitions
        of the columns are in ``table.attrs["units"]`` and ``table.attrs["definitions"]``.
    """
    import pandas as pd

    columns = feature_columns(session)
    index = pd.Index(list(session.units), name="unit_id")
    table = pd.DataFrame({column.name: list(column.values) for column in columns}, index=index)
    table.attrs["units"] = {column.name: column.unit for column in columns}
    table.attrs["definitions"] = {column.name: column.definition for column in columns}
    return table


@dataclass(frozen=True)
class _Group:
    """Numbers of one feature or step: a mapping per unit, None for a unit that does not have it."""

    prefix: str
    title: str
    declared: Sequence[Output]
    values: Sequence[Mapping[str, Any] | None]
    help: str = ""

    def stale_because(self, steps: Mapping[str, StepProvenance], features: Mapping[str, str]) -> str:
        """Return why these numbers are stale, empty if they are not.

        Parameters
        ----------
        steps
            Provenance of the session's steps.
        features
            The stale features, and why each is.
        """
        return features.get(self.prefix.removesuffix("."), "")

    def columns(self) -> Iterator[FeatureColumn]:
        scalar = {output.name: output for output in self.declared if output.shape == ()}
        arrays = {output.name for output in self.declared} - scalar.keys()
        stored = dict.fromkeys(name for unit in self.values for name in unit or {})
        # What is declared comes first, in its order; facts of the units are only what is declared.
        extra = [name for name in stored if name not in scalar and name not in arrays] if self.prefix else []
        for name in giving_way([*(name for name in scalar if name in stored), *extra]):
            cells = [None if unit is None else unit.get(name) for unit in self.values]
            if name == "missing" or not all(map(_is_scalar, cells)):
                continue
            output = scalar.get(name) or Output(name, plain_title(name), "", (None, None), "")
            yield FeatureColumn(
                self.prefix + name,
                tuple(map(_plain, cells)),
                output.title,
                output.unit,
                output.definition,
                output.range,
                self.title,
                self.help,
                output.standard,
                output.preference,
                tuple(self.prefix + limit for limit in output.limits if limit in stored),
                self.prefix + output.p if output.p in stored else "",
                self.prefix + output.n if output.n in stored else "",
            )


def _groups(units: Sequence[Mapping[str, Any]]) -> Iterator[_Group]:
    yield _Group("", FACTS_TITLE, _FACTS, units)
    yield _of_sorter(units)
    places = list(_places(units))
    of_steps = {place.feature for place in places}
    stored = [unit.get("features") or {} for unit in units]
    for name in dict.fromkeys(name for features in stored for name in features):
        data = [_mapping(features.get(name), "data") for features in stored]
        if name not in of_steps and any(entry is not None for entry in data):
            yield _of_feature(name, data)
    yield from places


def _of_sorter(units: Sequence[Mapping[str, Any]]) -> _Group:
    reported = [_mapping(unit, "unit_meta") for unit in units]
    names = dict.fromkeys(name for measures in reported for name in measures or {})
    titled = [Output(name, measure_title(name), "", (None, None), "") for name in names]
    return _Group("sorter.", SORTER_TITLE, titled, reported)


def _of_feature(name: str, data: Sequence[Mapping[str, Any] | None]) -> _Group:
    if name not in FEATURES:
        return _Group(f"{name}.", plain_title(name), (), data)
    extractor = FEATURES.get(name)
    about = " ".join(extractor.description.split())
    return _Group(f"{name}.", extractor.title, extractor.outputs, data, about)


@dataclass(frozen=True)
class _Place(_Group):
    """Numbers of a step below one feature of the units."""

    feature: str = ""
    step: str = ""

    def stale_because(self, steps: Mapping[str, StepProvenance], features: Mapping[str, str]) -> str:
        return features.get(self.feature) or (stale_because(steps[self.step]) if self.step in steps else "")


def _places(units: Sequence[Mapping[str, Any]]) -> Iterator[_Place]:
    """Return the numbers that steps have put into the features of these units."""
    stored = [unit.get("features") or {} for unit in units]
    names = list(dict.fromkeys(name for features in stored for name in features))
    for definition in all_steps().values():
        if definition.outputs and definition.outputs_at.startswith(_FEATURES):
            yield from _at_place(definition, names, stored)


def _at_place(
    definition: StepDefinition[Any],
    names: Sequence[str],
    stored: Sequence[Mapping[str, Any]],
) -> Iterator[_Place]:
    pattern, *keys = definition.outputs_at.removeprefix(_FEATURES).split("/")
    found = fnmatch.filter(names, pattern)
    fixed = pattern.partition("*")[0]
    for name in found:
        entries = [features.get(name) for features in stored]
        data = list(entries)
        for key in keys:
            data = [_mapping(entry, key) for entry in data]
        if keys[-1] == "metadata":
            # Metadata hold much that is not a number of the table: only what is declared.
            declared = [output.name for output in definition.outputs]
            data = [facts and {name: facts[name] for name in declared if name in facts} for facts in data]
        if not any(data):
            continue
        # Several movies have the same numbers: each says which movie it is of.
        which = f"[{name.removeprefix(fixed)}]" if len(found) > 1 else ""
        title = f"{definition.group_title}, {which[1:-1]}" if which else definition.group_title
        outputs = _with_unit_of(entries, definition.outputs)
        prefix = f"{definition.group}{which}."
        yield _Place(prefix, title, outputs, data, definition.summary, name, definition.name)


def _with_unit_of(entries: Sequence[Any], outputs: Sequence[Output]) -> Sequence[Output]:
    """Return the outputs with the unit that the entries state where the declaration leaves it to them."""
    facts = [_mapping(entry, "metadata") for entry in entries]
    unit = next((str(entry["unit"]) for entry in facts if entry and "unit" in entry), "")
    return [replace(output, unit=unit) if output.unit == UNIT_OF_ENTRY else output for output in outputs]


def plain_title(name: str) -> str:
    """Return a title for a number that nobody declared: its name with blanks and a capital."""
    words = name.replace("_", " ").strip() or name
    return words[:1].upper() + words[1:]


def _mapping(entry: Any, key: str) -> Mapping[str, Any] | None:
    if isinstance(entry, dict):
        unread = dict.get(entry, key)
        if isinstance(unread, Unread) and not unread.gives_dict:
            return None  # an array, which is not read for that
    found = entry.get(key) if isinstance(entry, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, np.generic))


def _plain(value: Any) -> Scalar:
    plain: Scalar = value.item() if isinstance(value, np.generic) else value
    return plain
