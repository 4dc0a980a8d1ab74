"""Columns of the unit table: facts of the units, then every number of their features with its definition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.engine.snapshot import Column
from hdmea_gui.text.units import readable_units

if TYPE_CHECKING:
    from hdmea.pipeline.feature_table import FeatureColumn
    from hdmea.pipeline.session import PipelineSession

__all__ = ["unit_columns"]

_SNR_NAMES = ("snr", "signaltonoise", "signal_to_noise")
# Their order in the table; what others declare follows.
_HEADINGS = ("QI", "ON/OFF", "DSI", "OSI", "RF area", "RF σ", "Cell type")
_TWICE = frozenset(("row", "col", "spike_count"))


def unit_columns(session: PipelineSession) -> tuple[Column, ...]:
    """Return the columns of the unit table.

    Parameters
    ----------
    session
        A session; what was not computed has no column.

    Returns
    -------
    tuple of Column
        Rate, spikes and SNR; the standard features; the place; then everything else, not shown at first.
    """
    first, place = _facts(session)
    if not session.units:
        return (*first, *place)
    from hdmea.pipeline.feature_table import feature_columns, physical_units

    found = [column for column in feature_columns(session) if column.name not in _TWICE]
    physical = readable_units(physical_units(found))
    standard = {column.name: column for column in _standard(found)}
    shown = [_described(column, physical, column.standard) for column in standard.values()]
    rest = [_described(column, physical) for column in found if column.name not in standard]
    return (*first, *shown, *place, *rest)


def _facts(session: PipelineSession) -> tuple[list[Column], list[Column]]:
    units = list(session.units.values())
    counts = np.array([float(unit.get("spike_count", 0)) for unit in units])
    duration = session.duration_s if "recording_duration_s" in session.metadata else math.nan
    where = "of the unit's electrode on the chip, from 1"
    first = [
        Column(
            "rate", "Rate (Hz)", "Mean firing rate over the whole recording", counts / duration, 2, unit="Hz"
        ),
        Column("spikes", "Spikes", "Number of spikes that the sorter accepted", counts, 0),
        Column("snr", "SNR", "Signal-to-noise ratio as reported by the spike sorter", _snr(units), 1),
    ]
    place = [
        Column("row", "Row", f"Row {where}", _numbers(unit.get("row") for unit in units), 0),
        Column("col", "Column", f"Column {where}", _numbers(unit.get("col") for unit in units), 0),
    ]
    return first, place


def _snr(units: list[Mapping[str, Any]]) -> NDArray[np.float64]:
    values = []
    for unit in units:
        measures = {str(name).lower(): value for name, value in unit.get("unit_meta", {}).items()}
        found = next((measures[name] for name in _SNR_NAMES if name in measures), math.nan)
        values.append(float(np.ravel(found)[0]))
    return np.array(values)


def _numbers(values: Iterator[Any]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else float(value) for value in values])


def _standard(columns: Sequence[FeatureColumn]) -> list[FeatureColumn]:
    """Return the columns of the table by default: of several for one heading the preferred with values."""
    offered: dict[str, list[FeatureColumn]] = {}
    for column in sorted(columns, key=lambda column: column.preference):
        if column.standard and any(map(_known, column.values)):
            offered.setdefault(column.standard, []).append(column)
    order = {heading: place for place, heading in enumerate(_HEADINGS)}
    chosen = [of_heading[0] for of_heading in offered.values()]
    return sorted(chosen, key=lambda column: order.get(column.standard, len(order)))


def _known(value: object) -> bool:
    return value is not None and value == value


def _described(column: FeatureColumn, physical: Mapping[str, str], title: str = "") -> Column:
    feature = column.group_title if column.group else ""
    unit, name = physical[column.name], column.title
    # “Area in µm²” and “Number of spikes” say it already.
    shown = f" ({unit})" if unit and not name.endswith(f" {unit}") else ""
    label = f"{title or name}{shown}"
    lines = (
        f"Stale: {column.stale}." if column.stale else "",
        column.definition or "as reported by the spike sorter",
        f"Unit: {unit}" if unit else "",
    )
    values, decimals = _values(column.values)
    return Column(
        column.name,
        f"{feature}: {label}" if feature and not title else label,
        "\n".join((*(line for line in lines if line), f"Name in filters: {column.name}")),
        values,
        decimals,
        group=column.group,
        standard=bool(title),
        unit=unit,
        feature=feature,
        label=label,
        stale=column.stale,
    )


def _values(values: Sequence[object]) -> tuple[NDArray[Any], int]:
    """Return numbers as float64 and their decimals; texts and yes or no as objects, empty where missing."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return np.array([{None: "", True: "yes", False: "no"}[value] for value in values], object), 0  # type: ignore[index]
    if any(isinstance(value, str) for value in known):
        return np.array(["" if value is None else str(value) for value in values], object), 0
    numbers = np.array([math.nan if value is None else float(value) for value in values])  # type: ignore[arg-type]
    return numbers, _decimals(numbers)


def _decimals(numbers: NDArray[np.float64]) -> int:
    """Return enough decimals for three digits of a typical number, none for whole ones."""
    finite = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
    if not finite.size or bool((finite == np.rint(finite)).all()):
        return 0
    return int(np.clip(2 - math.floor(math.log10(float(np.median(finite)))), 0, 4))
