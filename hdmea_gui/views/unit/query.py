"""One unit as its view draws it: spikes, and a glance at its averages; made on the worker thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.views.parts.shared_query import Span, first_frame, is_movie, spans_of

if TYPE_CHECKING:
    from hdmea.analysis.correlograms import Autocorrelogram
    from hdmea.analysis.intervals import IntervalHistogram
    from hdmea.analysis.rates import RateCurve
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["Averaged", "Footprint", "UnitQuery", "UnitView"]


@dataclass(frozen=True)
class Averaged:
    """A spike-triggered average of one movie: frames (window, height, width) and where its peak is."""

    movie: str
    frames: NDArray[np.floating]
    peak: int
    first_frame: int
    centre: float


@dataclass(frozen=True)
class Footprint:
    """Peak-to-peak electrical image (rows, cols) of a part of the chip.

    `first` is the place (row, column), from 1, of its first electrode; `soma` that of the unit.
    """

    amplitude: NDArray[np.floating]
    unit: str
    first: tuple[int, int]
    soma: tuple[int, int] | None


@dataclass(frozen=True)
class UnitView:
    """What the unit's preview draws.

    Attributes
    ----------
    unit_id, title
        Its name, and its name with its place on the chip.
    n_spikes, mean_rate
        Spikes of the whole recording, and their number per second.
    waveform, waveform_unit, waveform_ms
        Mean waveform; empty if the sorter gave none.
    intervals, correlogram
        Inter-spike intervals and autocorrelogram.
    rate, spans
        Firing rate over the recording, and the sections of the movies.
    averages, footprint
        What was computed of spike-triggered averages and electrical image; empty or None before.
    """

    unit_id: str
    title: str
    n_spikes: int
    mean_rate: float
    waveform: NDArray[np.floating]
    waveform_unit: str
    waveform_ms: NDArray[np.float64]
    intervals: IntervalHistogram
    correlogram: Autocorrelogram
    rate: RateCurve
    spans: tuple[Span, ...]
    averages: tuple[Averaged, ...]
    footprint: Footprint | None


@dataclass(frozen=True)
class UnitQuery:
    """One unit; `window_ms` and `bin_ms` are the longest lag and the bins of its autocorrelogram."""

    unit_id: str
    window_ms: float = 50.0
    bin_ms: float = 1.0

    def answer(self, workspace: Workspace) -> UnitView | None:
        """Return it, None if there is no such unit."""
        from hdmea.analysis.correlograms import autocorrelogram
        from hdmea.analysis.intervals import interval_histogram

        session = workspace.session
        if session is None or self.unit_id not in session.units:
            return None
        unit = session.units[self.unit_id]
        rate = session.acquisition_rate
        spikes = np.asarray(unit["spike_times"])
        waveform = unit.get("waveform", np.zeros(0, np.float32))
        return UnitView(
            unit_id=self.unit_id,
            title=_unit_title(self.unit_id, unit),
            n_spikes=int(spikes.size),
            mean_rate=spikes.size / session.duration_s,
            waveform=np.asarray(waveform),
            waveform_unit=str(getattr(waveform, "attrs", {}).get("unit", "")),
            waveform_ms=np.arange(len(waveform)) * np.float64(1000.0 / rate),
            intervals=interval_histogram(spikes, rate),
            correlogram=autocorrelogram(spikes, rate, window_ms=self.window_ms, bin_ms=self.bin_ms),
            rate=_rate(session, spikes),
            spans=spans_of(session),
            averages=tuple(_averages(unit)),
            footprint=_footprint(unit, session.metadata),
        )


def _rate(session: PipelineSession, spikes: NDArray[Any]) -> RateCurve:
    from hdmea.analysis.rates import rate_bin_for, rate_over_time

    duration = session.duration_s
    segments = session.metadata.get("segments")
    parts = None if segments is None or not np.size(segments) else np.asarray(segments).reshape(-1, 2)
    return rate_over_time(spikes, session.acquisition_rate, duration, rate_bin_for(duration), parts)


def _unit_title(unit_id: str, unit: Mapping[str, Any]) -> str:
    where = [f"{name} {unit[key]}" for key, name in (("row", "row"), ("col", "column")) if unit.get(key)]
    return f"{unit_id} ({', '.join(where)})" if where else unit_id


def _averages(unit: Mapping[str, Any]) -> list[Averaged]:
    from hdmea.analysis.images import centre_value, peak_frame

    found = []
    for name, feature in unit.get("features", {}).items():
        frames = feature.get("data") if name.startswith("sta_") else None
        if not is_movie(frames):
            continue
        first = first_frame(feature)
        found.append(
            Averaged(name.removeprefix("sta_"), frames, peak_frame(frames), first, centre_value(frames))
        )
    return found


def _footprint(unit: Mapping[str, Any], recording: Mapping[str, Any]) -> Footprint | None:
    from hdmea.analysis.images import peak_to_peak
    from hdmea.features.science.electrode_noise import interpolated
    from hdmea.features.science.image_quality import bad_mask

    feature = unit.get("features", {}).get("eimage_sta")
    image = feature.get("data") if feature else None
    if not is_movie(image):
        return None
    metadata = feature["metadata"]
    first = (int(metadata.get("first_row", 1)), int(metadata.get("first_column", 1)))
    row, col = unit.get("row"), unit.get("col")
    soma = (int(row), int(col)) if row and col else None
    measure = str(metadata.get("unit", "")).replace("uV", "µV")
    bad = bad_mask(recording, metadata, image.shape[1:])
    amplitude = peak_to_peak(image)
    if bad.any() and not bad.all():
        amplitude = interpolated(amplitude, bad)
    return Footprint(amplitude, measure, first, soma)
