"""Colours of units in a theme, and the legend that says what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from hdmea_gui.models.unit_colours import UnitColours
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.colour_bar import colour_map

__all__ = ["colours_of_units", "legend", "own_colours"]

_WHEEL = "CET-C6"
_STEPS = 5
_ANGLES = 8


def own_colours(colours: UnitColours, unit_ids: Sequence[str], theme: Theme) -> tuple[str, ...]:
    """Return the colours of at most eight units that are compared, the same in every view."""
    return tuple(theme.series[place] for place in colours.places(unit_ids))


def colours_of_units(colours: UnitColours, theme: Theme) -> NDArray[np.uint8] | None:
    """Return the colour of each unit as uint8 (n, 3) by the chosen column; None without one."""
    column, kind = colours.column, colours.kind
    if column is None:
        return None
    painted = np.tile(_rgb(theme.border), (len(column.values), 1))
    if kind == "group":
        of_group = {name: _rgb(colour) for name, colour in zip(colours.groups, theme.series, strict=False)}
        for place, name in enumerate(colours.names):
            if name:
                painted[place] = of_group.get(name, _rgb(theme.muted))
        return painted
    known = np.isfinite(column.values)
    painted[known] = _painted(colours, column.values[known], theme)
    return painted


def legend(colours: UnitColours, theme: Theme) -> str:
    """Return what the colours mean as rich text; empty without a column."""
    column, kind = colours.column, colours.kind
    if column is None:
        return ""
    if kind == "group":
        entries = [*zip(colours.groups, theme.series, strict=False)]
        if set(colours.names) - {"", *colours.groups}:
            entries.append(("other", theme.muted))
    elif kind == "angle":
        angles = np.arange(_ANGLES) * colours.period / _ANGLES
        entries = _entries(angles, _painted(colours, angles, theme), "°")
    else:
        values = np.linspace(*colours.levels, _STEPS)
        entries = _entries(values, _painted(colours, values, theme), "")
    if (~np.isfinite(column.values)).any() if not column.is_text else "" in colours.names:
        entries.append(("none", theme.border))
    swatches = (f'<span style="color:{colour}">■</span>&nbsp;{escape(name)}' for name, colour in entries)
    return f"<b>{escape(column.title)}</b>&nbsp; " + "&nbsp; ".join(swatches)


def _entries(values: NDArray[np.float64], painted: NDArray[np.uint8], unit: str) -> list[tuple[str, str]]:
    names = (f"{value:.3g}{unit}".replace("-", "−") for value in values.tolist())
    return [
        (name, "#{:02x}{:02x}{:02x}".format(*rgb)) for name, rgb in zip(names, painted.tolist(), strict=True)
    ]


def _painted(colours: UnitColours, values: NDArray[np.float64], theme: Theme) -> NDArray[np.uint8]:
    """Return the colours of angles or other numbers as (n, 3)."""
    if colours.kind == "angle":
        shares = np.mod(values, colours.period) / colours.period
        found = colour_map(_WHEEL).map(shares, mode="byte")
    elif colours.paint is not None:
        found = colours.paint(values)
    else:
        low, high = colours.levels
        found = colour_map(theme.magnitude).map(np.clip((values - low) / (high - low), 0, 1), mode="byte")
    rgb: NDArray[np.uint8] = found[:, :3]
    return rgb


def _rgb(colour: str) -> NDArray[np.uint8]:
    return np.array(pg.mkColor(colour).getRgb()[:3], np.uint8)
