"""The numbers of a unit that figures and reports state: value, interval, p, q and n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hdmea.pipeline.feature_table import feature_columns, physical_units

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["NUMBER_TITLES", "number_rows", "number_text"]

NUMBER_TITLES = ("Number", "Value", "95 % interval", "p", "q", "n")


def number_rows(session: PipelineSession, units: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """Return of each unit the standard numbers and those that were tested, as texts of `NUMBER_TITLES`."""
    columns = feature_columns(session)
    by_name = {column.name: column for column in columns}
    physical = physical_units(columns)
    shown = [
        column
        for column in columns
        if (column.standard or column.p) and not column.name.endswith(("_q", "_n")) and column.group
    ]
    order = list(session.units)
    found: dict[str, list[tuple[str, ...]]] = {unit_id: [] for unit_id in units}
    for unit_id in units:
        at = order.index(unit_id)

        def value(name: str, place: int = at) -> str:
            return number_text(by_name[name].values[place]) if name in by_name else ""

        for column in shown:
            text = number_text(column.values[at])
            if not text:
                continue
            unit = physical[column.name].replace("uV", "µV")
            limits = [value(limit) for limit in column.interval]
            found[unit_id].append(
                (
                    f"{column.group_title}: {column.title}" + (f" ({unit})" if unit else ""),
                    text,
                    " to ".join(limits) if all(limits) else "",
                    value(column.p),
                    value(f"{column.p[:-1]}q") if column.p else "",
                    value(column.n),
                )
            )
    return found


def number_text(value: object) -> str:
    """Return a value of the table as it is read; empty where there is none."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not (value.is_integer() and abs(value) < 1e9):
        return f"{value:.3g}".replace("-", "−")
    return f"{value:.0f}".replace("-", "−") if isinstance(value, float) else str(value)
