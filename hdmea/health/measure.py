"""What is measured on the raw electrode data of a recording, as far as they are there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea.health.lights import ElectrodeMap
from hdmea.pipeline.loading import as_decided
from hdmea.recordings.reader import open_signals
from hdmea.utils.exceptions import HDMEAError, StepCancelled

if TYPE_CHECKING:
    from hdmea.features.science.electrode_survey import ElectrodeSurvey
    from hdmea.pipeline.session import PipelineSession
    from hdmea.recordings.mcs.sensor import Electrodes

__all__ = ["MAX_READ_NBYTES", "Measured", "Report", "measure_electrodes"]

MAX_READ_NBYTES = 13_000_000_000
ACTIVE_HZ = 0.5
"""Threshold crossings per second of an electrode that sees cells; noise alone has less than 0.01."""
MOST_ELECTRODES = 256
_WINDOWS_S = 31.5
"""Seconds that the windows, their margins, and loading read beside the noise movie."""

Report = Callable[[float, str], None]


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
        Threshold crossings of the most active electrodes during the noise movie, samples of the clock.
    noise_s
        Seconds of the noise movie in which these were searched for.
    """

    survey: ElectrodeSurvey | None = None
    reason: str = ""
    positions: NDArray[np.int64] | None = None
    unit: str = ""
    picture: ElectrodeMap | None = None
    trains: Sequence[NDArray[np.int64]] = ()
    noise_s: float = 0.0

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
            electrodes = reader.sensor
            if electrodes is None or not len(electrodes.segments):
                return Measured(reason="The recording contains no raw data of the electrodes.")
            if electrodes.unreadable:
                return Measured(reason=f"The raw data cannot be read: {electrodes.unreadable}")
            electrodes = as_decided(electrodes, session.metadata.get("sys_meta") or {})
            return _measure(session, electrodes, noise_range, seconds, workers, report)
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
