"""The trials of a movie: their stretch of time, the spikes in them, and the light that was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.analysis.decimation import envelope, trial_mean

__all__ = ["mean_light", "trial_span", "unit_trials"]

_COLUMNS = 1500
_LONGEST_S = 3600.0


def trial_span(times: NDArray[np.int64], rate_hz: float) -> tuple[float, float]:
    """Return begin and end of the shortest trial with its margins, in seconds from the trial's begin.

    Parameters
    ----------
    times
        (n_trials, 2) first sample and end of each trial; ``attrs`` state the margins.
    rate_hz
        Acquisition rate in Hz.
    """
    samples = np.asarray(times, np.int64)
    attributes = getattr(times, "attrs", {})
    shortest = float((samples[:, 1] - samples[:, 0]).min())
    before, after = (int(attributes.get(name, 0)) for name in ("pre_samples", "post_samples"))
    return -before / rate_hz, (shortest + after) / rate_hz


def unit_trials(unit: Mapping[str, Any], movie: str, rate_hz: float) -> list[NDArray[np.float64]]:
    """Return the spikes of a unit in each trial of a movie, in seconds from the trial's begin.

    Parameters
    ----------
    unit
        A unit of a session.
    movie
        Name of the movie; the list is empty if its spikes were not sectioned.
    rate_hz
        Acquisition rate in Hz.
    """
    found = unit.get("spike_times_sectioned", {}).get(movie)
    if found is None:
        return []
    spikes = found["trials_spike_times"]
    starts = np.asarray(found["trials_start_end"], np.int64)[:, 0]
    return [(np.asarray(spikes[n]).astype(np.int64) - first) / rate_hz for n, first in enumerate(starts)]


def mean_light(
    channel: NDArray[Any] | None, times: NDArray[np.int64], rate_hz: float, span_s: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float32], str]:
    """Return the light over the time of a trial: its mean over the trials.

    Parameters
    ----------
    channel
        (n,) light at about 1 kHz, whose ``attrs`` state rate and unit; None if it was not recorded.
    times
        (n_trials, 2) first sample and end of each trial.
    rate_hz
        Acquisition rate in Hz.
    span_s
        Begin and end in seconds from the trial's begin.

    Returns
    -------
    times_s, values, unit
        Empty without light, and for trials of more than an hour.
    """
    start_s, stop_s = span_s
    if channel is None or stop_s - start_s > _LONGEST_S:
        return np.zeros(0), np.zeros(0, np.float32), ""
    attributes = getattr(channel, "attrs", {})
    rate = float(attributes.get("sampling_rate", 1000.0))
    starts = np.asarray(times, np.int64)[:, 0]
    firsts = np.rint((starts / rate_hz + start_s) * rate).astype(np.int64)
    mean = trial_mean(np.asarray(channel), firsts, int((stop_s - start_s) * rate))
    drawn = envelope(mean, 0, mean.size, _COLUMNS)
    return start_s + drawn.samples / rate, drawn.values, str(attributes.get("unit", ""))
