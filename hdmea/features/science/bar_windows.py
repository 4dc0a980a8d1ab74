"""Where in each sweep of a moving bar a unit's response is, and which frames show no bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.declare import Recording
from hdmea.features.science.evoked import (
    Blank,
    blank_rate,
    common_windows,
    repetition_windows,
    window_counts,
)
from hdmea.features.science.movie_trials import MovieTrials
from hdmea.features.science.trial_rates import TrialRates
from hdmea.stimuli.definition import StimulusEvent
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.sections import facts_of_section
from hdmea.utils.exceptions import FeatureExtractionError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way, giving_way

__all__ = ["BarResponses", "SweepLayout", "background_frames", "bar_movie", "bar_responses", "sweep_layout"]

_AFTER_S = 0.3
_APART_S = 0.5
_BIN_S = 0.05
_WIDTH_SD = 3.0
_CHUNK = 512
_SAMPLED_FRAMES = 401
_PIXELS_PER_SIDE = 64

RECEPTIVE_FIELD, REPETITIONS, FULL_SWEEP, NONE = "receptive field", "repetitions", "full sweep", "none"


@dataclass(frozen=True, slots=True)
class SweepLayout:
    """Which sweep of which trial is which direction and repetition.

    Attributes
    ----------
    directions
        (directions,) degrees, in the order of first appearance.
    trial, start
        int64 (repetitions, directions): trial, and the sweep's first frame in it.
    length
        Frames of the shortest sweep.
    order
        int64 (repetitions, directions): number of the sweep in the order of showing.
    """

    directions: NDArray[np.float64]
    trial: NDArray[np.int64]
    start: NDArray[np.int64]
    length: int
    order: NDArray[np.int64]


def sweep_layout(n_trials: int, sweeps: tuple[StimulusEvent, ...]) -> SweepLayout:
    """Sort the sweeps of all trials by direction and repetition.

    Raises
    ------
    FeatureExtractionError
        If directions were not shown equally often.
    """
    shown = np.array([sweep.direction_deg for sweep in sweeps], np.float64) % 360.0
    directions = np.array(list(dict.fromkeys(shown.tolist())))
    columns = [np.flatnonzero(shown == direction) for direction in directions]
    if len({len(column) for column in columns}) != 1:
        raise FeatureExtractionError(
            "The directions of the moving bar were not shown equally often.",
            fix=Advice("Correct the sweeps in the stimulus definition."),
        )
    at = np.array(columns).T
    starts = np.array([sweep.start_frame for sweep in sweeps], np.int64)
    trial = np.repeat(np.arange(n_trials, dtype=np.int64), len(at))[:, None]
    which = np.tile(at, (n_trials, 1))
    place = np.argsort(np.argsort(starts, kind="stable"), kind="stable")
    return SweepLayout(
        directions,
        np.broadcast_to(trial, which.shape).copy(),
        starts[which],
        min(sweep.end_frame - sweep.start_frame for sweep in sweeps),
        place[which] + trial * len(sweeps),
    )


@dataclass(frozen=True, slots=True)
class BarResponses:
    """Spikes that sweeps evoke, and what they are compared with.

    Attributes
    ----------
    counts
        int64 (units, repetitions, directions) spikes in the windows.
    lengths
        (units, repetitions) frames of the windows, the same for all directions; 0 without a window.
    windows
        int64 (units, repetitions, directions, 2) half-open frames of a sweep.
    source
        Per unit where the windows come from.
    blank
        Maintained activity.
    """

    counts: NDArray[np.int64]
    lengths: NDArray[np.float64]
    windows: NDArray[np.int64]
    source: list[str]
    blank: Blank


def bar_responses(
    recording: Recording,
    trials: MovieTrials,
    rates: TrialRates,
    layout: SweepLayout,
    movie_path: Path | None,
    *,
    always: bool = False,
) -> BarResponses:
    """Find each unit's windows, and count the spikes in them.

    Parameters
    ----------
    recording, trials, rates, layout
        The moving bar.
    movie_path
        Its frames, which tell when nothing but the background is shown; None if they are not available.
    always
        Whether units without a place where they respond have whole sweeps.
    """
    counts = rates.counts
    n_units = len(counts)
    at = layout.start[..., None] + np.arange(layout.length)
    sweeps = counts[:, layout.trial[..., None], at]
    shown = _background(recording, trials, movie_path, rates.frame_duration)
    if shown is None:
        shown = _away_from_responses(counts, layout, sweeps, rates.frame_duration)
    blank = blank_rate(counts, shown, rates.frame_duration)
    own = repetition_windows(sweeps, blank)
    windows = np.repeat(own[:, :, None, :], len(layout.directions), axis=2)
    source = [REPETITIONS if window[..., 1].any() else NONE for window in own]
    if own.shape[1] < 2:
        source = [FULL_SWEEP] * n_units
    for index, unit in enumerate(giving_way(recording.units.values())):
        crossings = _crossings(unit, trials, layout)
        if crossings is not None:
            windows[index], source[index] = common_windows(crossings, layout.length), RECEPTIVE_FIELD
        elif always and source[index] == NONE:
            windows[index], source[index] = (0, layout.length), FULL_SWEEP
    lengths = np.diff(windows, axis=-1)[..., 0, 0].astype(np.float64)
    return BarResponses(window_counts(sweeps, windows), lengths, windows, source, blank)


def background_frames(movie: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each frame of a movie shows nothing but its background.

    The background is what each pixel shows in most of the frames. Of a large movie a grid of pixels is
    looked at, not wider than a bar.

    Parameters
    ----------
    movie
        (frames, height, width); may be memory-mapped.
    """
    n_frames, height, width = movie.shape
    grid = (
        slice(None, None, max(height // _PIXELS_PER_SIDE, 1)),
        slice(None, None, max(width // _PIXELS_PER_SIDE, 1)),
    )
    some = np.unique(np.linspace(0, n_frames - 1, min(n_frames, _SAMPLED_FRAMES)).astype(np.int64))
    background = np.median(np.stack([np.asarray(movie[frame])[grid] for frame in some]), axis=0)
    found = np.empty(n_frames, np.bool_)
    for first in range(0, n_frames, _CHUNK):
        give_way()
        part = np.asarray(movie[(slice(first, first + _CHUNK), *grid)])
        found[first : first + _CHUNK] = (part == background).all(axis=(1, 2))
    return found


def bar_movie(recording: Recording, movie: str, stimuli_dir: Path | None) -> Path | None:
    """File of a movie's frames; None if there is none."""
    library = StimulusLibrary.for_recording(recording.source_files, stimuli_dir=stimuli_dir)
    try:
        return library.movie_path(movie)
    except FileNotFoundError:
        return None


def _background(
    recording: Recording, trials: MovieTrials, path: Path | None, frame_duration: float
) -> NDArray[np.bool_] | None:
    """(trials, frames): whether nothing but the background is shown, and the response to the bar is over."""
    section = (recording.stimulus.get("section_time") or {}).get(trials.movie)
    if path is None or section is None or not np.size(section):
        return None
    content = facts_of_section(section, recording.metadata["frame_timestamps"])["content_frame"]
    movie = np.load(path, mmap_mode="r", allow_pickle=False)
    background = background_frames(movie)
    # The response outlasts the bar; the first frames follow whatever was shown before the movie.
    after = max(round(_AFTER_S / frame_duration), 1)
    recent = np.concatenate((np.zeros(after, np.bool_), background))
    quiet = np.asarray(np.lib.stride_tricks.sliding_window_view(recent, after + 1).all(axis=1))
    starts = np.sort(np.atleast_1d(np.asarray(content, np.int64)))
    first = trials.frames[:, 0]
    own = np.searchsorted(starts, first, side="right") - 1
    at = first[:, None] + np.arange(trials.length) - starts[np.maximum(own, 0)][:, None]
    inside = (own >= 0)[:, None] & (at >= 0) & (at < len(quiet))
    return np.asarray(inside & quiet[np.clip(at, 0, len(quiet) - 1)])


def _away_from_responses(
    counts: NDArray[np.int64], layout: SweepLayout, sweeps: NDArray[np.int64], frame_duration: float
) -> NDArray[np.bool_]:
    """(units, trials, frames): frames of sweeps that are 0.5 s and more away from where the unit responds.

    Where it responds is found without a maintained rate: where the mean sweep leaves its own median by more
    than its usual scatter.
    """
    width, apart = max(round(_BIN_S / frame_duration), 1), round(_APART_S / frame_duration)
    n_bins = layout.length // width
    total = sweeps.sum(axis=(1, 2))
    binned = total[:, : n_bins * width].reshape(len(total), n_bins, width).sum(axis=-1)
    middle = np.median(binned, axis=-1, keepdims=True)
    scatter = 1.4826 * np.median(np.abs(binned - middle), axis=-1, keepdims=True)
    away = np.abs(binned - middle) > _WIDTH_SD * np.maximum(scatter, np.sqrt(np.maximum(middle, 1.0)))
    pair = away[:, :-1] & away[:, 1:]
    frame = np.arange(layout.length)
    first = pair.argmax(axis=-1)[:, None] * width - apart
    last = (n_bins - pair[:, ::-1].argmax(axis=-1))[:, None] * width + apart
    quiet = np.where(pair.any(axis=-1)[:, None], (frame < first) | (frame >= last), True)
    shown = np.zeros(counts.shape, np.bool_)
    for trial, start in zip(layout.trial.ravel(), layout.start.ravel(), strict=True):
        shown[:, trial, start : start + layout.length] = quiet
    return shown


def _crossings(unit: Mapping[str, Any], trials: MovieTrials, layout: SweepLayout) -> NDArray[np.int64] | None:
    """Frames of each sweep (repetitions, directions, 2) in which the bar crosses the receptive field."""
    entry = (unit.get("features") or {}).get(f"direction_sections_{trials.movie}")
    if entry is None or "rf_window_frames" not in entry["data"]:
        return None
    windows = np.asarray(entry["data"]["rf_window_frames"], np.int64)
    shown = np.asarray(entry["data"]["directions_deg"], np.float64).tolist()
    wanted = layout.directions.tolist()
    if sorted(shown) != sorted(wanted) or windows.shape != (*layout.start.T.shape, 2):
        return None
    order = [shown.index(direction) for direction in wanted]
    first = trials.frames[layout.trial, 0] + layout.start
    crossings = windows[order].swapaxes(0, 1) - first[..., None]
    inside = (crossings >= 0).all() and (crossings <= layout.length).all()
    return np.asarray(crossings, np.int64) if inside and (np.diff(crossings, axis=-1) > 0).all() else None
