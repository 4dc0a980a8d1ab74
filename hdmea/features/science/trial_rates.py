"""Firing rates of trials in display-frame bins, their low-passed form, and how repeatable they are.

Pure functions on arrays, vectorised over units. A trial is cut from the low-passed rate of the whole movie,
so that no filter edge is inside it.

References
----------
Baden T. et al. (2016) The functional diversity of retinal ganglion cells in the mouse. Nature 529: 345-350
(quality index).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice, Each, RunStep
from hdmea.utils.giving_way import giving_way

__all__ = [
    "Lowpass",
    "TrialRates",
    "frame_counts",
    "measured_frame_rate",
    "nominal_frame_duration",
    "trial_rates",
]

_MARGIN_FRAMES = 120
"""Frames of the recording around a run of trials that the filter sees; its response fades within 15."""


_RATE_FRAMES = 60


def nominal_frame_duration(frame_timestamps: ArrayLike, sampling_rate: float) -> float:
    """Median interval between display frames, in seconds.

    Parameters
    ----------
    frame_timestamps
        Ascending samples of the display refreshes, two or more.
    sampling_rate
        Samples per second.
    """
    frames = np.asarray(frame_timestamps).astype(np.int64, copy=False)
    if frames.size < 2:
        raise ValidationError(
            "Frame rates need two or more display frames; this recording has fewer.",
            fix=Each(
                (
                    Advice("Check that the sync signal of the display was recorded."),
                    RunStep("load_recording", again=True),
                )
            ),
        )
    return float(np.median(np.diff(frames))) / float(sampling_rate)


def measured_frame_rate(
    frame_timestamps: NDArray[Any], trial_frames: NDArray[np.int64], sampling_rate: float
) -> float:
    """Display frames per second during the trials; lost and doubled flips have no part in it.

    Parameters
    ----------
    frame_timestamps
        Ascending samples of the display refreshes.
    trial_frames
        int64 (trials, 2): first display frame of each trial, and the one after its last.
    sampling_rate
        Samples per second.
    """
    frames = np.asarray(frame_timestamps).astype(np.int64)
    shown = frames[int(trial_frames.min()) : int(trial_frames.max()) + 1]
    step = min(_RATE_FRAMES, len(shown) - 1)
    return float(step * sampling_rate / np.median(shown[step:] - shown[:-step]))


def frame_counts(
    spike_trains: Sequence[ArrayLike], frame_timestamps: ArrayLike, first: int, stop: int
) -> NDArray[np.int64]:
    """Spikes of each unit in each display frame.

    Parameters
    ----------
    spike_trains
        Ascending samples, one array per unit.
    frame_timestamps
        Ascending samples of the display refreshes.
    first, stop
        Display frames ``[first, stop)``; frame k lasts from its refresh to the next one, so stop must be
        smaller than the number of refreshes.

    Returns
    -------
    numpy.ndarray
        int64 (units, stop - first).
    """
    frames = np.asarray(frame_timestamps).astype(np.int64, copy=False)
    if not 0 <= first <= stop < max(frames.size, 1):
        raise ValidationError(
            f"Display frames [{first}, {stop}) reach outside the {frames.size} recorded frames.",
            fix=RunStep("add_section_time", again=True),
        )
    edges = frames[first : stop + 1]
    counts = np.zeros((len(spike_trains), stop - first), np.int64)
    for unit, train in enumerate(giving_way(spike_trains)):
        spikes = np.asarray(train).astype(np.int64, copy=False)
        spikes = spikes[np.searchsorted(spikes, edges[0]) : np.searchsorted(spikes, edges[-1])]
        bins = np.searchsorted(edges, spikes, side="right") - 1
        counts[unit] = np.bincount(bins, minlength=stop - first)
    return counts


@dataclass(frozen=True)
class Lowpass:
    """Zero-phase Bessel low-pass on display-frame bins.

    Attributes
    ----------
    frame_rate
        Bins per second.
    cutoff_hz
        Phase-normalised corner of one pass (the filter runs forward and backward). At or above half the
        frame rate nothing is filtered.
    order
        Order of one pass.
    """

    frame_rate: float
    cutoff_hz: float = 10.0
    order: int = 5

    def __call__(self, rates: NDArray[Any]) -> NDArray[np.float64]:
        """Filter along the last axis; same shape, float64."""
        from scipy.signal import sosfiltfilt

        rates = np.asarray(rates, np.float64)
        if self._sections is None or rates.shape[-1] < 2:
            return rates.copy()
        padding = min(3 * (2 * len(self._sections) + 1), rates.shape[-1] - 1)
        filtered: NDArray[np.float64] = sosfiltfilt(self._sections, rates, axis=-1, padlen=padding)
        return filtered

    @cached_property
    def pulse_height(self) -> float:
        """Peak of the response to a single bin of height 1."""
        pulse = np.zeros(2 * _MARGIN_FRAMES + 1)
        pulse[_MARGIN_FRAMES] = 1.0
        return float(self(pulse).max())

    @cached_property
    def _sections(self) -> NDArray[np.float64] | None:
        from scipy.signal import bessel

        if self.cutoff_hz >= self.frame_rate / 2:
            return None
        sections: NDArray[np.float64] = bessel(
            self.order, self.cutoff_hz, fs=self.frame_rate, norm="phase", output="sos"
        )
        return sections


@dataclass(frozen=True)
class TrialRates:
    """Rates of all trials of a movie.

    Attributes
    ----------
    counts
        int64 (units, trials, frames): spikes per display frame.
    rates
        float32 (units, trials, frames): counts / frame duration, Hz.
    filtered
        float64 (units, trials, frames): low-passed rates, Hz.
    frame_duration
        Nominal frame duration in seconds.
    spike_rate
        Height in Hz of one spike of one trial in the mean over trials.
    spike_height
        The same after the low-pass.
    starts
        (trials,) first display frame of each trial; None if each begins where the last one ends.
    """

    counts: NDArray[np.int64]
    rates: NDArray[np.float32]
    filtered: NDArray[np.float64]
    frame_duration: float
    spike_rate: float
    spike_height: float
    starts: NDArray[np.int64] | None = None

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return int(self.counts.shape[1])

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """(units, frames) mean rate over trials, not filtered, Hz."""
        mean: NDArray[np.float64] = self.rates.mean(axis=1, dtype=np.float64)
        return mean

    @cached_property
    def filtered_mean(self) -> NDArray[np.float64]:
        """(units, frames) mean over trials of the low-passed rates, Hz."""
        mean: NDArray[np.float64] = self.filtered.mean(axis=1)
        return mean

    @cached_property
    def mean_variance_per_hz(self) -> NDArray[np.float64]:
        """(units,) variance of `filtered_mean` over its height, Hz; 0 for a single trial.

        The variance over trials is taken to be proportional to the mean, with one factor for all frames: a
        few trials alone do not determine a variance.
        """
        total = np.maximum(self.filtered_mean, 0.0).sum(axis=-1)
        if self.n_trials < 2:
            return np.zeros(total.shape)
        spread = self.filtered.var(axis=1, ddof=1).sum(axis=-1) / self.n_trials
        return np.asarray(np.divide(spread, total, out=np.zeros(total.shape), where=total > 0))


def trial_rates(
    spike_trains: Sequence[ArrayLike],
    frame_timestamps: ArrayLike,
    trial_frames: ArrayLike,
    trial_length: int,
    sampling_rate: float,
    *,
    cutoff_hz: float = 10.0,
    order: int = 5,
) -> TrialRates:
    """Rates of trials in display-frame bins, as counted and low-passed.

    Parameters
    ----------
    spike_trains
        Ascending samples of all spikes, one array per unit.
    frame_timestamps
        Ascending samples of the display refreshes.
    trial_frames
        First display frame of each trial.
    trial_length
        Frames of a trial.
    sampling_rate
        Samples per second.
    cutoff_hz, order
        Of the zero-phase Bessel low-pass.

    Raises
    ------
    ValidationError
        There is no trial, or one reaches outside the recorded frames.
    """
    frames = np.asarray(frame_timestamps).astype(np.int64, copy=False)
    starts = np.atleast_1d(np.asarray(trial_frames, np.int64))
    if starts.size == 0 or trial_length < 1:
        raise ValidationError("There is no trial to compute rates from.", fix=RunStep("section_spike_times"))
    frame_duration = nominal_frame_duration(frames, sampling_rate)
    lowpass = Lowpass(1.0 / frame_duration, cutoff_hz, order)
    shape = (len(spike_trains), starts.size, trial_length)
    counts, rates = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    filtered = np.zeros(shape)
    for first, stop, members in _runs(starts, trial_length, frames.size - 1):
        run_counts = frame_counts(spike_trains, frames, first, stop)
        run_rates = run_counts / (np.diff(frames[first : stop + 1]) / float(sampling_rate))
        run_filtered = lowpass(run_rates)
        for trial in members:
            cut = slice(starts[trial] - first, starts[trial] - first + trial_length)
            counts[:, trial], rates[:, trial] = run_counts[:, cut], run_rates[:, cut]
            filtered[:, trial] = run_filtered[:, cut]
    spike_rate = 1.0 / (frame_duration * starts.size)
    height = spike_rate * lowpass.pulse_height
    return TrialRates(counts, rates, filtered, frame_duration, spike_rate, height, starts)


def _runs(starts: NDArray[np.int64], length: int, n_bins: int) -> list[tuple[int, int, list[int]]]:
    """Stretches of the recording that hold trials without a long pause: (first, stop, trials)."""
    if starts.min() < 0 or starts.max() + length > n_bins:
        raise ValidationError(
            f"A trial of {length} frames from frame {int(starts.max())} reaches outside the {n_bins} "
            "complete display frames of this recording.",
            fix=Advice("Leave it out of the trials."),
        )
    order = np.argsort(starts, kind="stable")
    pauses = np.flatnonzero(np.diff(starts[order]) > length + 2 * _MARGIN_FRAMES) + 1
    runs = []
    for members in np.split(order, pauses):
        first = max(int(starts[members[0]]) - _MARGIN_FRAMES, 0)
        stop = min(int(starts[members[-1]]) + length + _MARGIN_FRAMES, n_bins)
        runs.append((first, stop, members.tolist()))
    return runs
