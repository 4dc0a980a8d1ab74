"""Units as objects of other Python libraries: pynapple and SpikeInterface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.pipeline.feature_table import feature_columns
from hdmea.utils.optional import optional_module
from hdmea.utils.spreadsheet import column_name

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["pynapple_units", "spikeinterface_sorting"]


def pynapple_units(session: PipelineSession) -> Any:
    """Return the units as a `pynapple.TsGroup`; see `PipelineSession.to_pynapple`."""
    pynapple = optional_module("pynapple", "bridges", "A pynapple object")
    rate = session.acquisition_rate
    segments = session.metadata.get("segments", [[0, session.duration_s * rate]])
    start, end = (np.reshape(segments, (-1, 2)) / rate).T
    support = pynapple.IntervalSet(start=start, end=end)
    trains = {
        at: pynapple.Ts(np.asarray(unit["spike_times"]).astype(np.float64) / rate, time_support=support)
        for at, unit in enumerate(session.units.values())
    }
    return pynapple.TsGroup(trains, time_support=support, metadata=_columns(session))


def spikeinterface_sorting(session: PipelineSession) -> Any:
    """Return the units as a `spikeinterface.NumpySorting`; see `PipelineSession.to_spikeinterface`."""
    core = optional_module("spikeinterface.core", "bridges", "A SpikeInterface object")
    trains = {name: np.asarray(unit["spike_times"]).astype(np.int64) for name, unit in session.units.items()}
    sorting = core.NumpySorting.from_unit_dict([trains], session.acquisition_rate)
    for name, values in _columns(session).items():
        sorting.set_property(name, values)
    return sorting


def _columns(session: PipelineSession) -> dict[str, Any]:
    """Return what is known of the units by names that are attributes, in the order of the units."""
    found: dict[str, Any] = {"unit_id": np.array(list(session.units), str)}
    for column in feature_columns(session):
        name, values = column_name(column.name).replace(".", "_"), column.values
        if any(isinstance(value, str) for value in values):
            found[name] = np.array([value or "" for value in values], str)
        else:
            numbers = [np.nan if value is None else float(value) for value in values]
            found[name] = np.array(numbers)
    return found
