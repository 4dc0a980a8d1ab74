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
    """Return the physical unit of each number by its name, as the field writes it."""
    from hdmea.pipeline.feature_table import physical_units

    return {name: plain_unit(unit) for name, unit in physical_units(columns).items()}
