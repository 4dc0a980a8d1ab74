"""Raw voltages around a unit for a figure, filtered like electrical images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hdmea.analysis.raw_traces import RawTraces, nearest_to
from hdmea.pipeline.loading import as_decided
from hdmea.pipeline.steps.compute_eimage_sta import ElectricalImageParams
from hdmea.recordings.reader import open_signals

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["Voltages", "voltages_around"]

_N_ELECTRODES = 9
_COLUMNS = 2000
_BEFORE_S, _AFTER_S = 0.05, 0.15
_STEP = "compute_eimage_sta"


@dataclass(frozen=True, eq=False)
class Voltages:
    """Voltages of the electrodes nearest to a unit.

    Attributes
    ----------
    time_s
        float64 (k,).
    values
        float32 (electrodes, k); NaN where nothing was recorded.
    places
        int64 (electrodes, 2) rows and columns, in their order.
    unit
        Physical unit.
    spikes_s
        Spikes of the unit in this stretch.
    span_s
        The stretch.
    """

    time_s: NDArray[np.float64]
    values: NDArray[np.float32]
    places: NDArray[np.int64]
    unit: str
    spikes_s: NDArray[np.float64]
    span_s: tuple[float, float]


def voltages_around(
    session: PipelineSession, unit_id: str, time_s: tuple[float, float] | None = None
) -> Voltages | None:
    """Return the voltages around a unit; None where raw data or the unit's electrode are not known.

    Parameters
    ----------
    session
        A session; its raw recording is read.
    unit_id
        The unit.
    time_s
        First and last second; None: around the first spike that was recorded.
    """
    unit, path = session.units[unit_id], session.source_files.get("cmcr_path")
    if not (unit.get("row") and unit.get("col") and path and Path(str(path)).is_file()):
        return None
    with open_signals(Path(str(path))) as reader:
        if reader.sensor is None or not len(reader.sensor.segments) or reader.sensor.unreadable:
            return None
        electrodes = as_decided(reader.sensor, session.metadata.get("sys_meta") or {})
        rate = electrodes.sampling_rate
        spikes = np.asarray(unit["spike_times"]).astype(np.int64) / session.acquisition_rate
        span = time_s or _around_first(spikes, np.asarray(electrodes.segments, np.float64) / rate)
        shown = nearest_to(electrodes.positions, (float(unit["row"]), float(unit["col"])), _N_ELECTRODES)
        record = session.steps.get(_STEP)
        params = ElectricalImageParams().model_dump() | (dict(record.params) if record is not None else {})
        cutoff = (float(params["cutoff_hz"]), int(params["filter_order"]))
        found = RawTraces(1).read(electrodes, shown, electrodes.factors_uv, rate, span, _COLUMNS, cutoff)
        inside = spikes[(spikes >= span[0]) & (spikes <= span[1])]
        measure = "counts" if electrodes.unit == "counts" else "µV"
        return Voltages(found.time_s, found.values, electrodes.positions[shown], measure, inside, span)


def _around_first(spikes_s: NDArray[np.float64], recorded_s: NDArray[np.float64]) -> tuple[float, float]:
    for first, last in recorded_s:
        inside = spikes_s[(spikes_s >= first) & (spikes_s < last)]
        if inside.size:
            return float(inside[0]) - _BEFORE_S, float(inside[0]) + _AFTER_S
    return float(recorded_s[0, 0]), float(recorded_s[0, 0]) + _BEFORE_S + _AFTER_S
