"""Responses to a movie as long tables: one row per bin, spike, phase, direction or frequency of a unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.engine.exports import Columns
from hdmea_gui.views.parts.responses.query import TrialsView

__all__ = [
    "frequency_columns",
    "light_columns",
    "low_passed_columns",
    "phase_columns",
    "rate_columns",
    "spike_columns",
    "tuning_columns",
]


def light_columns(view: TrialsView) -> Columns:
    """Return the mean light over the trials."""
    title = f"light_{view.light_unit}" if view.light_unit else "light"
    return (("light_time_s", view.light_s), (title, view.light))


def rate_columns(view: TrialsView) -> Columns:
    """Return the PSTH of each unit with its standard error."""
    parts = [
        (unit.unit_id, (unit.psth.edges_s[:-1], unit.psth.edges_s[1:], unit.psth.rate, unit.psth.sem))
        for unit in view.units
    ]
    return _long(("bin_start_s", "bin_stop_s", "rate_Hz", "sem_Hz"), parts)


def spike_columns(view: TrialsView) -> Columns:
    """Return trial, from 1, and time of each spike of each unit."""
    parts = [(unit.unit_id, (unit.rows + 1, unit.times_s)) for unit in view.units]
    return _long(("trial", "spike_s"), parts)


def low_passed_columns(view: TrialsView) -> Columns:
    """Return the low-passed rate on which light steps are marked; nothing for other movies."""
    if view.marks is None:
        return ()
    found = view.marks.response
    return _long(("frame_s", "low_passed_rate_Hz"), [(view.units[0].unit_id, (found.time_s, found.rate))])


def phase_columns(view: TrialsView) -> Columns:
    """Return the marks of each light step; nothing for other movies."""
    if view.marks is None:
        return ()
    marks = view.marks.response.marks
    names = ("start_s", "peak_s", "peak_hz", "latency_s", "sustained_hz")
    values = [np.array([getattr(mark, name) for mark in marks], np.float64) for name in names]
    phases = np.array([mark.name for mark in marks], object)
    titles = ("phase", *(name.replace("_hz", "_Hz") for name in names))
    return _long(titles, [(view.units[0].unit_id, (phases, *values))])


def tuning_columns(view: TrialsView) -> Columns:
    """Return direction tuning; nothing for other movies."""
    parts = [(each.unit_id, (each.directions_deg, each.response, each.error)) for each in view.tunings]
    return _long(("direction_deg", "spikes_per_sweep", "spikes_per_sweep_sem"), parts)


def frequency_columns(view: TrialsView) -> Columns:
    """Return the frequency response; nothing for other movies."""
    parts = [
        (each.unit_id, (each.frequencies, each.amplitude, each.low, each.high, each.p, each.f2))
        for each in view.frequencies
    ]
    names = ("frequency_Hz", "amplitude_Hz", "amplitude_low_Hz", "amplitude_high_Hz", "p", "f2_Hz")
    return _long(names, parts)


def _long(names: Sequence[str], parts: Sequence[tuple[str, Sequence[NDArray[Any]]]]) -> Columns:
    """Return the values of several units below one another, with the unit of each row first."""
    if not parts:
        return ()
    sizes = [values[0].size for _, values in parts]
    units = np.repeat(np.array([unit for unit, _ in parts], object), sizes)
    below = (np.concatenate(columns) for columns in zip(*(values for _, values in parts), strict=True))
    return (("unit_id", units), *zip(names, below, strict=True))
