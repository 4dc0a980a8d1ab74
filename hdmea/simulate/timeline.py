"""When things happen in a simulated recording: display frames, movies, trials, gaps, flashes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.experiment import Experiment
from hdmea.simulate.stimuli import Movie
from hdmea.utils.exceptions import ConfigurationError
from hdmea.utils.fixes import Advice

__all__ = ["DROPPED_FLIPS", "MovieRun", "Timeline", "make_timeline"]

DROPPED_FLIPS = 4
"""Flips at the start of a recording that the detection leaves out."""

PRE_MARGIN = 60
POST_MARGIN = 120
_PAD_LEVEL = 127.0
_FRAMES_AFTER = 60

Samples = NDArray[np.int64]


@dataclass(frozen=True)
class MovieRun:
    """One showing of a movie.

    Parameters
    ----------
    movie
        What was shown.
    occurrence
        How often it had been shown before.
    content_frame
        Its first frame, as an index into the detected frames (the first four are not among them).
    """

    movie: Movie
    occurrence: int
    content_frame: int

    @property
    def section_frames(self) -> tuple[int, int]:
        """Detected frames between which the stored section is, with the usual margins."""
        stop = self.content_frame + self.movie.length + POST_MARGIN + 1
        return self.content_frame - PRE_MARGIN, stop

    @property
    def trial_frames(self) -> NDArray[np.int64]:
        """First and last + 1 frame of each trial, (trials, 2), as indices into the detected frames."""
        first = self.content_frame + self.movie.start_frame
        starts = first + np.arange(self.movie.trials, dtype=np.int64) * self.movie.trial_frames
        return np.stack([starts, starts + self.movie.trial_frames], axis=1)


@dataclass(frozen=True)
class Timeline:
    """The clock of a recording; all samples count from the start, through gaps.

    Parameters
    ----------
    rate_hz
        Acquisition rate.
    n_samples
        Samples from start to end, gaps included.
    segments
        First and last + 1 sample of each recorded data group, (groups, 2).
    frame_samples
        Sample before each display frame appears, the first four frames included.
    luminance
        Mean level of each display frame.
    runs
        The movies that were shown.
    flip_samples
        Sample before each flip that the sync channel shows: without missing flips, with double ones,
        and only inside data groups, where both neighbours of the step are recorded too.
    flashes
        Last sample before and last sample of each light flash after the last frame, (flashes, 2).
    """

    rate_hz: float
    n_samples: int
    segments: Samples
    frame_samples: Samples
    luminance: NDArray[np.float64]
    runs: tuple[MovieRun, ...]
    flip_samples: Samples
    flashes: Samples

    @property
    def duration_s(self) -> float:
        """Time from start to end, gaps included."""
        return self.n_samples / self.rate_hz

    @cached_property
    def display_frames(self) -> Samples:
        """True display frames without the first four: what the detection finds without faults."""
        return self.frame_samples[DROPPED_FLIPS:]

    @property
    def detected_frames(self) -> Samples:
        """What the detection of frames must return: recorded flips without the first four."""
        return self.flip_samples[DROPPED_FLIPS:]

    @cached_property
    def bin_edges(self) -> Samples:
        """Edges of the time bins in which rates are constant: lead, every frame, the rest."""
        return np.concatenate([[0], self.frame_samples, [self.n_samples]])

    def recorded(self, samples: Samples) -> NDArray[np.bool_]:
        """Return which samples are inside a recorded data group."""
        group = np.searchsorted(self.segments[:, 0], samples, side="right") - 1
        inside: NDArray[np.bool_] = (group >= 0) & (samples < self.segments[np.maximum(group, 0), 1])
        return inside

    def section(self, run: MovieRun) -> Samples:
        """Return first and last sample of a movie's section."""
        return self.display_frames[list(run.section_frames)]

    def trials(self, run: MovieRun) -> Samples:
        """Return first and last + 1 sample of each trial, (trials, 2)."""
        return self.display_frames[run.trial_frames]

    def content(self, run: MovieRun) -> Samples:
        """Return the samples of a movie's first frame and of the first frame after it."""
        return self.display_frames[[run.content_frame, run.content_frame + run.movie.length]]


def make_timeline(experiment: Experiment, rng: np.random.Generator) -> Timeline:
    """Lay out an experiment in time.

    Parameters
    ----------
    experiment
        What is shown and recorded.
    rng
        Source of the display's jitter, which stays within one sample.

    Returns
    -------
    Timeline
        Frames, movies, data groups, flashes.

    Raises
    ------
    ConfigurationError
        If a gap reaches beyond the recording, or the lead is too short for the first frame.
    """
    runs, frames_needed = _place_movies(experiment)
    n_frames = DROPPED_FLIPS + frames_needed + _FRAMES_AFTER
    rate = experiment.rate_hz
    ideal = (experiment.lead_s + np.arange(n_frames) / experiment.frame_rate_hz) * rate
    frame_samples = np.floor(ideal + rng.random(n_frames)).astype(np.int64)
    if frame_samples[0] < 1:
        raise ConfigurationError(
            "The lead must be longer than one sample.", fix=Advice("Pass a larger lead_s.")
        )
    flashes = _flashes(experiment, int(frame_samples[-1]))
    last = flashes[-1, 1] + int(rate) if len(flashes) else frame_samples[-1] + int(rate / 2)
    seconds = max(experiment.min_duration_s, np.ceil(last / rate * 1000.0) / 1000.0)
    n_samples = round(seconds * rate)
    segments = _segments(experiment, n_samples)
    timeline = Timeline(
        rate_hz=rate,
        n_samples=n_samples,
        segments=segments,
        frame_samples=frame_samples,
        luminance=_luminance(runs, n_frames),
        runs=runs,
        flip_samples=_flips(experiment, frame_samples, segments),
        flashes=flashes,
    )
    return timeline


def _place_movies(experiment: Experiment) -> tuple[tuple[MovieRun, ...], int]:
    runs: list[MovieRun] = []
    counter = 0
    for _ in range(experiment.repeats):
        for movie in experiment.movies:
            shown = sum(run.movie.name == movie.name for run in runs)
            runs.append(MovieRun(movie, shown, counter + experiment.pad_frames))
            counter += 2 * experiment.pad_frames + movie.length + 1
    return tuple(runs), counter


def _luminance(runs: tuple[MovieRun, ...], n_frames: int) -> NDArray[np.float64]:
    levels = np.full(n_frames, _PAD_LEVEL)
    for run in runs:
        first = DROPPED_FLIPS + run.content_frame
        levels[first : first + run.movie.length] = run.movie.luminance
    return levels


def _flashes(experiment: Experiment, last_frame: int) -> Samples:
    rate = experiment.rate_hz
    first = last_frame + 2 * int(rate)
    onsets = first + np.rint(np.arange(experiment.flashes) * experiment.flash_period_s * rate).astype(
        np.int64
    )
    return np.stack([onsets, onsets + round(experiment.flash_s * rate)], axis=1)


def _segments(experiment: Experiment, n_samples: int) -> Samples:
    edges = [0]
    for start, end in sorted(experiment.gaps_s):
        edges += [round(start * experiment.rate_hz), round(end * experiment.rate_hz)]
    edges.append(n_samples)
    if np.any(np.diff(edges) <= 0):
        seconds = n_samples / experiment.rate_hz
        raise ConfigurationError(
            f"The gaps {experiment.gaps_s} overlap, or reach beyond the end at {seconds:.3f} s.",
            fix=Advice("Pass gaps_s that do not overlap and end before the recording does."),
        )
    return np.array(edges, np.int64).reshape(-1, 2)


def _flips(experiment: Experiment, frame_samples: Samples, segments: Samples) -> Samples:
    shown = np.delete(frame_samples, list(experiment.missing_flips))
    interval = experiment.rate_hz / experiment.frame_rate_hz
    doubled = frame_samples[list(experiment.double_flips)] + round(0.4 * interval)
    flips = np.sort(np.concatenate([shown, doubled]))
    group = np.searchsorted(segments[:, 0], flips, side="right") - 1
    seen = (flips > segments[group, 0]) & (flips + 2 < segments[group, 1])
    recorded: Samples = flips[seen]
    return recorded
