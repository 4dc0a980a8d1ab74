"""What is measured on the raw electrode data of a recording, as far as they are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.health.lights import ElectrodeMap
from hdmea.pipeline.loading import as_decided
from hdmea.recordings.reader import open_signals
from hdmea.utils.exceptions import HDMEAError, StepCancelled
from hdmea.utils.giving_way import giving_way

if TYPE_CHECKING:
    from hdmea.features.science.electrode_survey import ElectrodeSurvey
    from hdmea.pipeline.session import PipelineSession
    from hdmea.recordings.mcs.sensor import Electrodes
    from hdmea.recordings.signals import OnlineSpikes, SignalSource

__all__ = [
    "MAX_READ_NBYTES",
    "Activity",
    "Measured",
    "Report",
    "bin_width_s",
    "measure_electrodes",
    "recorded_ranges",
]

MAX_READ_NBYTES = 13_000_000_000
ACTIVE_HZ = 0.5
"""Threshold crossings per second of an electrode that sees cells; noise alone has less than 0.01."""
MOST_ELECTRODES = 256
_WINDOWS_S = 31.5
"""Seconds that the windows, their margins, and loading read beside the noise movie."""

_SHORTEST_BIN_S = 5.0
_MOST_BINS = 60

Report = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Activity:
    """Spikes of the electrodes before sorting.

    Attributes
    ----------
    time_s
        float64 (n,): middle of each window.
    rates_hz
        float64 (n, electrodes): spikes per second.
    mean_hz
        float64 (electrodes,): spikes per second over all.
    active
        Bool (electrodes,): working ones that see cells.
    n_electrodes
        Recorded electrodes; those of `rates_hz` may be fewer.
    what
        What was counted, in words.
    """

    time_s: NDArray[np.float64]
    rates_hz: NDArray[np.float64]
    mean_hz: NDArray[np.float64]
    active: NDArray[np.bool_]
    n_electrodes: int
    what: str


@dataclass(frozen=True, eq=False)
class Measured:
    """What the raw data say.

    Attributes
    ----------
    survey
        Of all electrodes; None if there are no raw data.
    reason
        Why there are none.
    positions
        int64 (electrodes, 2): row and column of each on the chip, from 1.
    unit
        Unit of the noise.
    picture
        Noise on the chip.
    trains
        Threshold crossings of the most active electrodes during the noise movie, or the spikes that were
        found while recording; samples of the clock.
    noise_s
        Seconds of the noise movie in which these were searched for; None: all of it.
    online
        Spikes that were found while recording; None if the file has none.
    """

    survey: ElectrodeSurvey | None = None
    reason: str = ""
    positions: NDArray[np.int64] | None = None
    unit: str = ""
    picture: ElectrodeMap | None = None
    trains: Sequence[NDArray[np.int64]] = ()
    noise_s: float | None = 0.0
    online: Activity | None = None

    @property
    def activity(self) -> Activity | None:
        """Spikes before sorting: those that were found while recording, otherwise threshold crossings."""
        survey = self.survey
        if self.online is not None or survey is None or not len(survey.windows_s):
            return self.online
        middle = survey.windows_s.mean(axis=1)
        rates, active = survey.rates_hz, self.active
        return Activity(middle, rates, rates.mean(axis=0), active, active.size, "threshold crossings")

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Bool (electrodes,): constant, silent or without a factor, but not saturated."""
        return self._because("constant", "silent", "no factor")

    @property
    def noisy(self) -> NDArray[np.bool_]:
        """Bool (electrodes,): much noisier than their neighbours, always or now and then."""
        return self._because("noisy", "jumps")

    @property
    def active(self) -> NDArray[np.bool_]:
        """Bool (electrodes,): working ones with threshold crossings."""
        assert self.survey is not None
        rates = self.survey.rates_hz
        working = ~(self.survey.noise.bad | self.survey.saturated)
        return working & (rates.mean(axis=0) >= ACTIVE_HZ) if len(rates) else np.zeros(working.size, bool)

    def _because(self, *reasons: str) -> NDArray[np.bool_]:
        assert self.survey is not None
        found = np.isin(np.array(self.survey.noise.reasons, dtype=object).astype(str), reasons)
        return found & ~self.survey.saturated


def measure_electrodes(
    session: PipelineSession,
    noise_range: tuple[int, int] | None,
    *,
    seconds: float,
    workers: int,
    report: Report,
) -> Measured:
    """Measure the electrodes of a recording.

    Parameters
    ----------
    session
        With the path of the raw recording.
    noise_range
        First and last + 1 sample of the noise movie, in which spikes are searched for; None: none.
    seconds
        At most so many seconds of it; fewer if more than 13 GB would be read.
    workers
        Threads.
    report
        Called with the fraction done and a text; may raise to stop.
    """
    path = session.source_files.get("cmcr_path")
    if not path:
        return Measured(reason="There is no raw recording.")
    if not os.path.isfile(str(path)):
        return Measured(reason=f"The raw recording {Path(str(path)).name} no longer exists.")
    try:
        with open_signals(Path(str(path))) as reader:
            spikes = None if session.units else _online_spikes(reader)
            electrodes = reader.sensor
            if electrodes is None or not len(electrodes.segments):
                found = Measured(reason="The recording contains no raw data of the electrodes.")
            elif electrodes.unreadable:
                found = Measured(reason=f"The raw data cannot be read: {electrodes.unreadable}")
            else:
                electrodes = as_decided(electrodes, session.metadata.get("sys_meta") or {})
                # What was found while recording need not be searched for.
                searched = noise_range if spikes is None else None
                found = _measure(session, electrodes, searched, seconds, workers, report)
            return found if spikes is None else _with_online(session, found, spikes)
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        said = error.message if isinstance(error, HDMEAError) else str(error)
        return Measured(reason=f"The raw data cannot be read: {said}")


def _measure(
    session: PipelineSession,
    electrodes: Electrodes,
    noise_range: tuple[int, int] | None,
    seconds: float,
    workers: int,
    report: Report,
) -> Measured:
    from hdmea.features.science.electrode_survey import crossing_times, survey_electrodes

    shared: dict[str, Any] = {
        "sampling_rate": electrodes.sampling_rate,
        "factors": electrodes.factors_uv,
    }
    share = 0.5 if noise_range is not None else 1.0
    survey = survey_electrodes(
        electrodes,
        electrodes.positions,
        **shared,
        workers=workers,
        progress=lambda part: report(share * part, "electrodes"),
    )
    found = Measured(survey, "", electrodes.positions, electrodes.unit, _picture(electrodes, survey))
    if noise_range is None:
        return found
    ratio = electrodes.sampling_rate / session.acquisition_rate
    per_second = electrodes.n_electrodes * electrodes.dtype.itemsize * electrodes.sampling_rate
    seconds = min(seconds, max(MAX_READ_NBYTES / per_second - _WINDOWS_S, 0.0))
    first = round(noise_range[0] * ratio)
    stop = min(round(noise_range[1] * ratio), first + round(seconds * electrodes.sampling_rate))
    chosen = _most_active(found)
    trains = crossing_times(
        electrodes,
        chosen,
        survey.noise.sd[chosen],
        [(first, stop)],
        **shared,
        progress=lambda part: report(0.5 + 0.5 * part, "noise movie"),
    )
    recorded = np.clip(electrodes.segments, first, max(stop, first))
    return Measured(
        found.survey,
        "",
        found.positions,
        found.unit,
        found.picture,
        [np.rint(train / ratio).astype(np.int64) for train in trains],
        float(np.diff(recorded).sum()) / electrodes.sampling_rate,
    )


def _online_spikes(reader: SignalSource) -> OnlineSpikes | None:
    """Return the spikes that were found while recording; None if there are none, or none that can be read."""
    try:
        found = reader.online_spikes()
    except HDMEAError:
        # Threshold crossings take their place.
        return None
    return found if len(found) else None


def _with_online(session: PipelineSession, found: Measured, spikes: OnlineSpikes) -> Measured:
    """Add the spikes that were found while recording, and take those of the most active electrodes."""
    from hdmea.analysis.rates import rate_over_time

    places, which = np.unique(spikes.position, axis=0, return_inverse=True)
    order = np.argsort(which, kind="stable")
    samples = np.rint(spikes.time_us * (session.acquisition_rate / 1e6)).astype(np.int64)
    edges = np.searchsorted(which[order], np.arange(1, len(places)))
    trains = np.split(samples[order], edges)
    ranges, rate, width = recorded_ranges(session), session.acquisition_rate, bin_width_s(session)
    seconds = max(float(np.diff(ranges).sum()) / rate, 1e-9)
    mean = np.array([train.size for train in trains]) / seconds
    active = (mean >= ACTIVE_HZ) & ~_listed(places, found)
    curves = [
        rate_over_time(train, rate, session.duration_s, width, ranges).rate for train in giving_way(trains)
    ]
    edges_s = np.append(np.arange(len(curves[0])) * width, session.duration_s)
    rates = np.array(curves).T
    recorded = np.isfinite(rates).all(axis=1)
    n = len(places) if found.positions is None else len(found.positions)
    activity = Activity(
        ((edges_s[:-1] + edges_s[1:]) / 2)[recorded],
        rates[recorded],
        mean,
        active,
        max(n, len(places)),
        "spikes that were found while recording",
    )
    chosen = np.flatnonzero(active)
    chosen = np.sort(chosen[np.argsort(-mean[chosen], kind="stable")[:MOST_ELECTRODES]])
    return replace(found, trains=[trains[index] for index in chosen], noise_s=None, online=activity)


def _listed(places: NDArray[np.int64], found: Measured) -> NDArray[np.bool_]:
    """Return which electrodes were found to be bad."""
    if found.survey is None or found.positions is None:
        return np.zeros(len(places), bool)
    bad = found.survey.noise.bad | found.survey.saturated
    known = {tuple(place) for place in found.positions[bad].tolist()}
    return np.array([tuple(place) in known for place in places.tolist()], bool)


def recorded_ranges(session: PipelineSession) -> NDArray[np.int64]:
    """Return first and last + 1 sample of what was recorded, int64 (n, 2)."""
    stored = session.metadata.get("segments")
    if stored is not None and len(stored):
        return np.asarray(stored).astype(np.int64)
    return np.array([[0, round(session.duration_s * session.acquisition_rate)]], np.int64)


def bin_width_s(session: PipelineSession) -> float:
    """Return the width of the bins of rates over the recording."""
    return max(_SHORTEST_BIN_S, session.duration_s / _MOST_BINS)


def _most_active(found: Measured) -> NDArray[np.int64]:
    assert found.survey is not None
    rates = found.survey.rates_hz.mean(axis=0)
    active = np.flatnonzero(found.active)
    return np.sort(active[np.argsort(-rates[active], kind="stable")[:MOST_ELECTRODES]])


def _picture(electrodes: Electrodes, survey: ElectrodeSurvey) -> ElectrodeMap:
    bad = electrodes.to_rows_cols((survey.noise.bad | survey.saturated).astype(np.float64))
    noise = electrodes.to_rows_cols(survey.noise.sd)
    return ElectrodeMap(
        np.ascontiguousarray(noise),
        electrodes.unit,
        electrodes.first_row,
        electrodes.first_column,
        np.ascontiguousarray(np.nan_to_num(bad)) > 0,
    )
