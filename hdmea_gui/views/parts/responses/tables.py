"""Responses to a movie as columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.engine.exports import Columns
from hdmea_gui.views.parts.responses.query import TrialsView

__all__ = ["light_columns", "mark_columns", "rate_columns", "spike_columns", "tuning_columns"]


def light_columns(view: TrialsView) -> Columns:
    """Return the mean light over the trials."""
    title = f"light_{view.light_unit}" if view.light_unit else "light"
    return (("light_time_s", view.light_s), (title, view.light))


def rate_columns(view: TrialsView) -> Columns:
    """Return the PSTH of each unit with its standard error."""
    if not view.units:
        return ()
    edges = view.units[0].psth.edges_s
    columns: list[tuple[str, NDArray[Any]]] = [("bin_start_s", edges[:-1]), ("bin_stop_s", edges[1:])]
    for unit in view.units:
        columns.append((f"{unit.unit_id}_rate_Hz", unit.psth.rate))
        columns.append((f"{unit.unit_id}_sem_Hz", unit.psth.sem))
    return tuple(columns)


def spike_columns(view: TrialsView) -> Columns:
    """Return trial, from 1, and time of each spike of each unit."""
    columns: list[tuple[str, NDArray[Any]]] = []
    for unit in view.units:
        columns.append((f"{unit.unit_id}_trial", unit.rows + 1))
        columns.append((f"{unit.unit_id}_spike_s", unit.times_s))
    return tuple(columns)


def mark_columns(view: TrialsView) -> Columns:
    """Return the low-passed rate and the marks of light steps; nothing for other movies."""
    if view.marks is None:
        return ()
    found = view.marks.response
    columns: list[tuple[str, NDArray[Any]]] = [
        ("frame_s", found.time_s),
        ("low_passed_rate_Hz", found.rate),
        ("phase", np.array([mark.name for mark in found.marks])),
    ]
    for name in ("start_s", "peak_s", "peak_hz", "latency_s", "sustained_hz"):
        values = np.array([getattr(mark, name) for mark in found.marks], np.float64)
        columns.append((f"phase_{name.replace('_hz', '_Hz')}", values))
    return tuple(columns)


def tuning_columns(view: TrialsView) -> Columns:
    """Return direction tuning and frequency response; nothing for other movies."""
    columns: list[tuple[str, NDArray[Any]]] = []
    for tuning in view.tunings:
        columns += [
            (f"{tuning.unit_id}_direction_deg", tuning.directions_deg),
            (f"{tuning.unit_id}_spikes_per_sweep", tuning.response),
            (f"{tuning.unit_id}_spikes_per_sweep_sem", tuning.error),
        ]
    for sine in view.frequencies:
        columns += [
            (f"{sine.unit_id}_frequency_Hz", sine.frequencies),
            (f"{sine.unit_id}_amplitude_Hz", sine.amplitude),
            (f"{sine.unit_id}_amplitude_low_Hz", sine.low),
            (f"{sine.unit_id}_amplitude_high_Hz", sine.high),
            (f"{sine.unit_id}_p", sine.p),
            (f"{sine.unit_id}_f2_Hz", sine.f2),
        ]
    return tuple(columns)
