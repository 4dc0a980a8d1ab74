"""The tidy table of units that CSV, Parquet and Excel files hold: a row per unit, described columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdmea.declare import all_steps
from hdmea.pipeline.alignment_table import SECTION_COLUMNS, section_alignment
from hdmea.pipeline.feature_table import FeatureColumn, Scalar, feature_columns, physical_units
from hdmea.utils.spreadsheet import column_name

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["DESCRIPTION_COLUMNS", "TableColumn", "sections_table", "unit_table"]

DESCRIPTION_COLUMNS = (
    "column",
    "title",
    "unit",
    "smallest",
    "largest",
    "definition",
    "interval",
    "p",
    "q",
    "n",
    "stale",
    "name_in_program",
)
"""Names of what `TableColumn.description` gives."""


@dataclass(frozen=True)
class TableColumn:
    """One column of the table.

    Attributes
    ----------
    name
        Letters, digits, ``_`` and ``.``; it ends in the physical unit where there is one (`column_name`).
    values
        One per row: numbers, texts, booleans; None where there is none.
    title, unit, definition, range
        As `FeatureColumn`.
    interval, p, q, n
        Names of the columns of the limits of the 95 % interval, the p value, the false discovery rate, and
        the number of trials, repetitions or spikes that it is measured in.
    stale
        Whether something that it was computed from has changed since.
    key
        Name of the number in the program: in filters and in `feature_columns`.
    """

    name: str
    values: tuple[Scalar, ...]
    title: str
    unit: str = ""
    definition: str = ""
    range: tuple[float | None, float | None] = (None, None)
    interval: tuple[str, ...] = ()
    p: str = ""
    q: str = ""
    n: str = ""
    stale: bool = False
    key: str = ""

    @property
    def description(self) -> tuple[Scalar, ...]:
        """What there is to know of the column, in the order of `DESCRIPTION_COLUMNS`."""
        return (
            self.name,
            self.title,
            self.unit,
            *self.range,
            self.definition,
            " ".join(self.interval),
            self.p,
            self.q,
            self.n,
            self.stale,
            self.key,
        )


def unit_table(session: PipelineSession) -> list[TableColumn]:
    """Return all numbers of the units as tidy columns.

    Parameters
    ----------
    session
        A session; what has not been computed has no column.

    Returns
    -------
    list of TableColumn
        ``recording`` and ``unit_id`` first, then the columns of `feature_columns`.
    """
    found = feature_columns(session)
    units = physical_units(found)
    names = dict(zip((column.name for column in found), _unique(found, units), strict=True))
    stale = _stale_groups(session, found)
    identity = (
        TableColumn(
            "recording",
            (session.dataset_id,) * len(session.units),
            "Recording",
            definition="name of the recording",
        ),
        TableColumn("unit_id", tuple(session.units), "Unit", definition="id of the unit in the recording"),
    )
    return [
        *identity,
        *(
            TableColumn(
                names[column.name],
                tuple(None if _is_missing(value) else value for value in column.values),
                column.title,
                units[column.name],
                column.definition,
                column.range,
                tuple(names[limit] for limit in column.interval if limit in names),
                names.get(column.p, ""),
                names.get(f"{column.p[:-1]}q", "") if column.p else "",
                names.get(column.n, ""),
                column.group in stale,
                column.name,
            )
            for column in found
        ),
    ]


def sections_table(session: PipelineSession) -> list[TableColumn]:
    """Return where each movie was shown and what the recorded light says of that; empty without sections."""
    sections = section_alignment(session)
    if not sections:
        return []
    recording = TableColumn("recording", (session.dataset_id,) * len(sections), "Recording")
    lines = zip(*(section.row for section in sections), strict=True)
    return [
        recording,
        *(
            TableColumn(name, tuple(None if _is_missing(v) else v for v in values), name, unit, definition)
            for (name, unit, definition), values in zip(SECTION_COLUMNS, lines, strict=True)
        ),
    ]


def _is_missing(value: Scalar) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _unique(columns: Iterable[FeatureColumn], units: Mapping[str, str]) -> Iterator[str]:
    """Return names of the columns; a second one that would be spelt alike gets a number."""
    taken = {"recording", "unit_id"}
    for column in columns:
        # Facts of the unit, such as its row, are known by their plain names.
        wanted = column_name(column.name, units[column.name] if column.group else "")
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name)
        yield name


def _stale_groups(session: PipelineSession, columns: Sequence[FeatureColumn]) -> set[str]:
    """Return the groups of columns that hold stale results."""
    features = {
        name
        for unit in session.units.values()
        for name, entry in (unit.get("features") or {}).items()
        if isinstance(entry, Mapping) and bool((entry.get("metadata") or {}).get("stale", False))
    }
    steps = {
        definition.group
        for name, definition in all_steps().items()
        if definition.group and name in session.steps and session.steps[name].stale
    }
    groups = {column.group for column in columns}
    return {group for group in groups if group in features or group.partition("[")[0] in steps}
