"""Recordings with trials of a movie, for tests of extractors; spikes are given in frames of a trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmea.declare import Recording
from hdmea.stimuli.definition import StimulusDefinition, packaged_definitions
from hdmea.utils.arrays import AttrArray

RATE = 19_980.0
FRAME = 333
BEFORE = 150
"""Frames of the recording before and after the trials."""


def movie_recording(
    movie: str | StimulusDefinition,
    units: list[list[np.ndarray]] | np.ndarray,
    *,
    shift_samples: int = 0,
    **metadata: Any,
) -> Recording:
    """Units by trials: either counts (units, trials, frames) or, per trial, spike times in frames."""
    definition = packaged_definitions()[movie] if isinstance(movie, str) else movie
    name = definition.name or "movie"
    length = definition.section_kwargs.trial_length_frame
    n_trials = len(units[0]) if len(units) else definition.section_kwargs.repeat
    starts = BEFORE + np.arange(n_trials) * length
    frames = np.stack((starts, starts + length), axis=1)
    timestamps = 1000 + shift_samples + np.arange(2 * BEFORE + n_trials * length) * FRAME
    trains = {}
    for number, trials in enumerate(units, start=1):
        times = [start + _frames(trial) for start, trial in zip(starts, trials, strict=True)]
        samples = timestamps[0] + np.round(np.sort(np.concatenate(times)) * FRAME).astype(np.int64)
        trains[f"unit_{number:03d}"] = {"spike_times": samples.astype(np.uint64), "features": {}}
    trial_time = AttrArray(
        timestamps[frames], {"frames": frames, "definition": definition.model_dump_json(exclude_none=True)}
    )
    facts = {
        "acquisition_rate": np.array([RATE]),
        "recording_duration_s": np.array([timestamps[-1] / RATE]),
        "frame_timestamps": timestamps.astype(np.uint64),
        **metadata,
    }
    return Recording(trains, facts, {"trial_time": {name: trial_time}, "section_time": {}})


def _frames(trial: Any) -> np.ndarray:
    """Spike times in frames; counts are spread over their frame."""
    trial = np.asarray(trial)
    if trial.dtype.kind == "f":
        return trial
    frame = np.repeat(np.arange(trial.size), trial)
    first = np.repeat(np.cumsum(trial) - trial, trial)
    within = np.arange(frame.size) - first
    return frame + (within + 0.5) / np.maximum(trial[frame], 1)
