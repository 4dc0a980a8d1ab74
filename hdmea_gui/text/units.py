"""Physical units as a user reads them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["plain_unit", "readable_units"]


def plain_unit(unit: str) -> str:
    """Return a physical unit as the field writes it: ``µV`` for ``uV``."""
    return unit.replace("^2", "²").replace("^3", "³").replace("uV", "µV")


def readable_units(physical: Mapping[str, str]) -> Mapping[str, str]:
    """Return the physical unit of each number by its name, as the field writes it.

    Parameters
    ----------
    physical
        What `hdmea.pipeline.feature_table.physical_units` returns.
    """
    return {name: plain_unit(unit) for name, unit in physical.items()}
