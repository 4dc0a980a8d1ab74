"""FRIF: the firing rate in every display frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.declare import FeatureParams, FeatureTable, Output, Recording, Requirement, extractor
from hdmea.utils.giving_way import giving_way

__all__ = ["firing_rate_in_frames", "frif"]


def firing_rate_in_frames(
    spike_times: ArrayLike, frame_timestamps: ArrayLike, acquisition_rate: float
) -> NDArray[np.float32]:
    """Spikes in each display frame divided by its duration.

    Parameters
    ----------
    spike_times
        Ascending samples.
    frame_timestamps
        Ascending samples of n display refreshes; frame i is ``[t[i], t[i + 1])``.
    acquisition_rate
        Samples per second.

    Returns
    -------
    numpy.ndarray
        float32 (n - 1,), Hz.
    """
    frames = np.asarray(frame_timestamps).astype(np.int64, copy=False)
    if frames.size < 2:
        return np.empty(0, np.float32)
    return _FrameClock(frames, acquisition_rate).rates(np.asarray(spike_times).astype(np.int64, copy=False))


class _FrameClock:
    """Display frame of any sample, by a table of coarse times that is right up to a step or two."""

    def __init__(self, frames: NDArray[np.int64], acquisition_rate: float) -> None:
        self.frames = frames
        self.hz_per_spike = acquisition_rate / np.diff(frames)
        self._shift = int(np.median(np.diff(frames))).bit_length() - 1
        coarse = np.arange(frames[0], frames[-1], 1 << self._shift)
        self._table = np.searchsorted(frames, coarse, side="right") - 1

    def rates(self, spikes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Spikes per frame divided by its duration, float32 (n_frames - 1,) in Hz."""
        low, high = np.searchsorted(spikes, self.frames[[0, -1]])
        spikes = spikes[low:high]
        frame = self._table[(spikes - self.frames[0]) >> self._shift]
        while (late := self.frames[frame + 1] <= spikes).any():
            frame += late
        counts = np.bincount(frame, minlength=self.hz_per_spike.size)
        rates = np.empty(counts.size, np.float32)
        return np.multiply(counts, self.hz_per_spike, out=rates, casting="same_kind")


def _across_gaps(frames: NDArray[np.int64], segments: ArrayLike) -> NDArray[np.int64]:
    """Return the bins that reach across a gap: what is between their two refreshes is not a frame."""
    gaps = np.asarray(segments, np.int64).reshape(-1, 2)[:-1, 1]
    inside = gaps[(gaps > frames[0]) & (gaps < frames[-1])]
    return np.unique(np.searchsorted(frames, inside, side="right") - 1)


@extractor(
    name="frif",
    title="Firing rate in frames",
    version="2",
    params=FeatureParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        Requirement(
            "metadata",
            "frame_timestamps",
            "a .cmcr file that has a frame sync channel",
            "display frames",
        ),
    ),
    outputs=(
        Output(
            "FRIF",
            "FRIF",
            "Hz",
            (0, None),
            "spikes in each display frame divided by the frame's duration; NaN across a gap in the recording",
            dtype="float32",
            shape=("n_frames - 1",),
        ),
        Output(
            "FRIF_x_axis",
            "Times of the FRIF bins",
            "s",
            (0, None),
            "begin of each display frame on the acquisition clock",
            shape=("n_frames - 1",),
            per="recording",
        ),
    ),
)
def frif(recording: Recording, params: FeatureParams) -> FeatureTable:
    """Compute the firing rate of every unit in every display frame, and the time axis that all share."""
    frames = np.asarray(recording.metadata["frame_timestamps"]).astype(np.int64)
    rate = recording.acquisition_rate
    if frames.size < 2:
        empty = np.empty(0, np.float32)
        return FeatureTable(
            units={"FRIF": [empty] * len(recording.units)},
            recording={"FRIF_x_axis": np.empty(0)},
            reasons={"FRIF": "fewer than two display frames were recorded"},
        )
    clock = _FrameClock(frames, rate)
    across = _across_gaps(frames, recording.metadata.get("segments", ()))
    rates = [clock.rates(train) for train in giving_way(recording.spike_trains)]
    for trace in rates:
        trace[across] = np.nan
    return FeatureTable(
        units={"FRIF": rates},
        recording={"FRIF_x_axis": frames[:-1] / rate},
    )
