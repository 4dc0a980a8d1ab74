"""Physical units as a user reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdmea.pipeline.feature_table import FeatureColumn

__all__ = ["plain_unit", "readable_units"]


def plain_unit(unit: str) -> str:
    """Return a physical unit as the field writes it: ``µV`` for ``uV``."""
    return unit.replace("^2", "²").replace("^3", "³").replace("uV", "µV")


def readable_units(columns: Iterable[FeatureColumn]) -> Mapping[str, str]:
    """Return the physical unit of each number by its name.

    A unit may name another number of the same feature which says it: ``waveform_unit/ms`` is µV/ms if that
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
        found[name] = plain_unit(unit)
    return found
