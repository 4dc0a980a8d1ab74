"""Lights of the spikes: units, rates, run-down, refractory period; before sorting, threshold crossings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hdmea.analysis.rates import rate_over_time
from hdmea.features.science import spike_train
from hdmea.features.science.drift import drift
from hdmea.health.lights import Light, RateCourse, above, below, grey, worst
from hdmea.health.limits import HealthLimits
from hdmea.health.measure import ACTIVE_HZ, Measured, bin_width_s, recorded_ranges
from hdmea.utils.giving_way import giving_way

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["spike_lights", "trains_of"]

REFRACTORY_S = 0.0015
_AFTER_SORTING = "After sorting: the recording has no sorted units yet."
_FEWEST_SPIKES = 50
_SIGNIFICANT = 0.01
_FEWEST_VALUES = 6
_SILENT_HZ = 0.05

_Floats = NDArray[np.float64]


def trains_of(session: PipelineSession) -> list[NDArray[np.int64]]:
    """Return the spike train of each unit, samples."""
    return [np.asarray(unit["spike_times"]).astype(np.int64) for unit in giving_way(session.units.values())]


def spike_lights(
    session: PipelineSession, measured: Measured, limits: HealthLimits
) -> tuple[list[Light], RateCourse | None]:
    """Return the four lights of the spikes, and the mean rate over time."""
    if not session.units:
        return _before_sorting(measured, limits)
    trains = trains_of(session)
    ranges, rate = recorded_ranges(session), session.acquisition_rate
    seconds = float(np.diff(ranges).sum()) / rate
    rates = np.array([train.size for train in trains]) / max(seconds, 1e-9)
    units = Light(
        "spikes.units",
        below(len(trains), limits.units),
        float(len(trains)),
        "units",
        f"Sorted units with {sum(train.size for train in trains)} spikes",
    )
    silent = int(np.count_nonzero(rates < _SILENT_HZ))
    median = Light(
        "spikes.rate",
        below(float(np.median(rates)), limits.rate_hz),
        float(np.median(rates)),
        "Hz",
        f"Median of {len(trains)} units, from {rates.min():.2g} to {rates.max():.3g} Hz; {silent} below "
        f"{_SILENT_HZ:g} Hz",
    )
    width = bin_width_s(session)
    curves = [
        rate_over_time(train, rate, session.duration_s, width, ranges).rate for train in giving_way(trains)
    ]
    edges = np.append(np.arange(len(curves[0])) * width, session.duration_s)
    middle, each = (edges[:-1] + edges[1:]) / 2, np.array(curves)
    recorded = np.isfinite(each).all(axis=0)
    busy = np.array([train.size >= _FEWEST_SPIKES for train in trains])
    lights = [
        units,
        median,
        _run_down(each[busy][:, recorded], middle[recorded], limits, "units"),
        _refractory(trains, ranges, rate, limits),
    ]
    return lights, RateCourse(middle[recorded], each[:, recorded].mean(axis=0), "unit")


def _before_sorting(measured: Measured, limits: HealthLimits) -> tuple[list[Light], RateCourse | None]:
    units = grey("spikes.units", "units", _AFTER_SORTING)
    refractory = grey("spikes.refractory", "%", _AFTER_SORTING)
    found = measured.activity
    if found is None:
        reason = measured.reason or "The raw data are too short."
        lights = [grey("spikes.rate", "Hz", reason), grey("spikes.run_down", "%", reason)]
        return [units, *lights, refractory], None
    active, rates = found.active, found.rates_hz
    n = int(np.count_nonzero(active))
    percent = 100.0 * n / found.n_electrodes
    median = float(np.median(found.mean_hz[active])) if n else 0.0
    seen = Light(
        "spikes.rate",
        below(percent, limits.active_percent),
        median,
        "Hz",
        f"Median {found.what} of the {n} of {found.n_electrodes} electrodes ({percent:.2g} %) that have more "
        f"than {ACTIVE_HZ:g} per second",
    )
    run_down = _run_down(rates[:, active].T, found.time_s, limits, "electrodes")
    course = RateCourse(found.time_s, rates[:, active].mean(axis=1), "electrode") if n else None
    return [units, seen, run_down, refractory], course


def _run_down(rates: _Floats, middle: _Floats, limits: HealthLimits, what: str) -> Light:
    """Judge the trend of the mean over units, each of which counts alike."""
    name, unit = "spikes.run_down", "%"
    own = rates.mean(axis=1) if rates.size else np.empty(0)
    if not (own > 0).any():
        return grey(name, unit, f"There are no {what} with enough spikes to see a trend.")
    if middle.size < _FEWEST_VALUES:
        return grey(name, unit, "The recording is too short to see a trend.")
    mean = (rates[own > 0] / own[own > 0, None]).mean(axis=0)
    found = drift(mean[None], middle)
    if not np.isfinite(found.change[0]):
        return grey(name, unit, "The rate does not change at all, so no trend can be tested.")
    change, p = 100.0 * float(found.change[0]), float(found.p[0])
    clear = p <= _SIGNIFICANT
    side = "falls" if change < 0 else "rises"
    said = f"The mean rate of {int((own > 0).sum())} {what} {side} by {abs(change):.0f} % over the recording"
    tail = f" (p = {p:.2g})" if clear else f", which chance may explain (p = {p:.2g})"
    colour = below(change, limits.run_down_percent) if clear else "green"
    return Light(name, colour, change, unit, said + tail)


def _refractory(
    trains: list[NDArray[np.int64]], ranges: NDArray[np.int64], rate: float, limits: HealthLimits
) -> Light:
    n_short = np.zeros(len(trains), np.int64)
    n_all = np.zeros(len(trains), np.int64)
    for index, train in enumerate(giving_way(trains)):
        isi = np.concatenate([np.empty(0, np.int64), *spike_train.intervals(train, ranges)])
        n_short[index] = np.count_nonzero(isi < REFRACTORY_S * rate)
        n_all[index] = isi.size
    if not n_all.sum():
        return grey("spikes.refractory", "%", "No unit has two spikes.")
    known = n_all > 0
    own = 100.0 * n_short[known] / n_all[known]
    median, high = float(np.median(own)), limits.refractory_percent[1]
    many = 100.0 * float(np.mean(own > high))
    return Light(
        "spikes.refractory",
        worst(above(median, limits.refractory_percent), above(many, limits.violators_percent)),
        median,
        "%",
        f"Intervals below {1000 * REFRACTORY_S:g} ms in the median unit; {np.count_nonzero(own > high)} of "
        f"{own.size} units have more than {high:g} %",
    )
