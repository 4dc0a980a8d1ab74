"""Numbers of the selected units with their definitions; made on the worker thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea_gui.text.units import readable_units

if TYPE_CHECKING:
    from hdmea.pipeline.feature_table import FeatureColumn
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["MOST_COMPARED", "FeatureGroup", "FeatureValue", "FeaturesQuery", "FeaturesView"]

MOST_COMPARED = 8
MISSING = "–"


@dataclass(frozen=True)
class FeatureValue:
    """One number of several units.

    Attributes
    ----------
    name
        Name of its column in the feature table.
    label, unit, definition
        How it is read, its physical unit (empty for a pure number), and what it is.
    texts
        Its value in each unit, as it is read.
    values
        The values themselves; None where a unit has none.
    reasons
        Why it is missing, for each unit; empty where it is not, or nothing is known.
    """

    name: str
    label: str
    unit: str
    definition: str
    texts: tuple[str, ...]
    values: tuple[Any, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class FeatureGroup:
    """Numbers of one feature, under its title."""

    title: str
    help: str
    values: tuple[FeatureValue, ...]


@dataclass(frozen=True)
class FeaturesView:
    """All numbers that are known of some units; `left_out` more were asked for."""

    unit_ids: tuple[str, ...]
    groups: tuple[FeatureGroup, ...]
    left_out: int


@dataclass(frozen=True)
class FeaturesQuery:
    """Numbers of units, at most `MOST_COMPARED` of them."""

    unit_ids: tuple[str, ...]

    def answer(self, workspace: Workspace) -> FeaturesView | None:
        """Return them, None if there are no such units."""
        from hdmea.pipeline.feature_table import (
            SORTER_TITLE,
            feature_columns,
            missing_reasons,
            physical_units,
        )

        session = workspace.session
        there = [name for name in self.unit_ids if session is not None and name in session.units]
        if session is None or not there:
            return None
        units = there[:MOST_COMPARED]
        reasons = [missing_reasons(session.units[name]) for name in units]
        found: dict[tuple[str, str], list[FeatureValue]] = {}
        columns = feature_columns(session, units)
        physical = readable_units(physical_units(columns))
        # What the sorter wrote has no definitions: it comes last.
        for column in sorted(columns, key=lambda column: column.group_title == SORTER_TITLE):
            why = tuple(of_unit.get(column.name, "") for of_unit in reasons)
            heading = (column.group_title, column.group_help)
            found.setdefault(heading, []).append(_value(column, physical[column.name], why))
        groups = tuple(FeatureGroup(*heading, tuple(values)) for heading, values in found.items())
        return FeaturesView(tuple(units), groups, len(there) - len(units))


def _value(column: FeatureColumn, unit: str, reasons: Sequence[str]) -> FeatureValue:
    texts = tuple(map(_text, column.values))
    return FeatureValue(
        name=column.name,
        label=column.title,
        unit=unit,
        definition=column.definition,
        texts=texts,
        values=column.values,
        reasons=tuple(reason if text == MISSING else "" for reason, text in zip(reasons, texts, strict=True)),
    )


def _text(value: object) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}".replace("-", "−") if np.isfinite(value) else MISSING
    return f"{value:,}".replace("-", "−") if isinstance(value, int) else str(value)
