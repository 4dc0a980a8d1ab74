"""Trials of a kind of stimulus: what extractors need to know about where and what, from its definition.

No extractor repeats a stimulus: light steps, colours, directions and frequencies come from the `events` of
the stimulus definition that the trials were cut with.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.declare import Recording, Requirement
from hdmea.stimuli.definition import (
    StimulusDefinition,
    StimulusEvent,
    name_without_duration,
    packaged_definitions,
    stored_definition,
)
from hdmea.utils.exceptions import FeatureExtractionError
from hdmea.utils.fixes import Advice, Each, RunStep, SetParameter
from hdmea.utils.notices import Notice

__all__ = [
    "FRAMES",
    "MovieTrials",
    "NoiseSections",
    "OptionalFeature",
    "TrialsOfKind",
    "movie_trials",
    "trial_definition",
    "trial_frames",
    "trials_requirement",
]

FRAMES = Requirement(
    "metadata", "frame_timestamps", "a .cmcr file that has a frame sync channel", "display frames"
)


@dataclass(frozen=True, slots=True)
class MovieTrials:
    """Trials of one movie.

    Attributes
    ----------
    movie
        Its name.
    definition
        What is shown in each trial.
    frames
        int64 (trials, 2): first display frame of each trial, and the one after its last.
    """

    movie: str
    definition: StimulusDefinition
    frames: NDArray[np.int64]

    @property
    def length(self) -> int:
        """Frames of a trial."""
        return self.definition.section_kwargs.trial_length_frame

    def events(self, event_type: str) -> tuple[StimulusEvent, ...]:
        """Events of a type, in the order of their begin.

        Raises
        ------
        FeatureExtractionError
            If the definition has none.
        """
        events = self.definition.events_of_type(event_type)
        if not events:
            raise FeatureExtractionError(
                f"The stimulus definition of {self.movie} has no event of the type {event_type!r}.",
                fix=Advice("Add the events to its JSON file, and cut the trials again."),
            )
        return tuple(sorted(events, key=lambda event: event.start_frame))

    def baseline_frames(self, first_event: int) -> tuple[int, int]:
        """Frames of a trial for the baseline: those of the definition, otherwise all before the first event.

        Raises
        ------
        FeatureExtractionError
            If there is no frame before the first event.
        """
        start, stop = self.definition.baseline_frames or (0, first_event)
        if start >= stop:
            raise FeatureExtractionError(
                f"A trial of {self.movie} begins with the stimulus, so it has no baseline.",
                fix=Advice("Add baseline_frames to its stimulus definition."),
            )
        return start, stop


@dataclass(frozen=True, slots=True)
class TrialsOfKind(Requirement):
    """Trials of a movie whose definition has this kind (the part of `key` after the slash)."""

    def missing_from(self, recording: Recording) -> Notice | None:
        """Reason why there are none, with what to run; None if there are."""
        kind = self.key.rpartition("/")[2]
        if _candidates(recording, kind):
            return None
        movies = sorted(recording.stimulus.get("trial_time") or {})
        if movies:
            return Notice(
                f"None of the movies with trials ({', '.join(movies)}) is of the kind {kind!r} by its "
                "stimulus definition."
            )
        fix = Each((RunStep("add_section_time"), RunStep("section_spike_times")))
        return Notice("No movie has trials.", fix=fix)


@dataclass(frozen=True, slots=True)
class NoiseSections(Requirement):
    """Sections of a movie whose name contains "noise"."""

    def missing_from(self, recording: Recording) -> Notice | None:
        """Reason why there are none; without what to run where other movies have sections."""
        movies = sorted(recording.stimulus.get("section_time") or {})
        if not movies:
            return self._missing()
        shown = any("noise" in movie for movie in movies)
        return None if shown else Notice(f"None of the movies ({', '.join(movies)}) is noise by its name.")


@dataclass(frozen=True, slots=True)
class OptionalFeature(Requirement):
    """Another feature that is used if it exists, and computed first if both are asked for."""

    def missing_from(self, recording: Recording) -> Notice | None:
        """Nothing is missing without it."""
        return None


def trials_requirement(kind: str) -> Requirement:
    """Declare that a feature needs trials of a kind of stimulus."""
    return TrialsOfKind("stimulus", f"trial_time/{kind}", "section_spike_times")


def movie_trials(recording: Recording, kind: str, movie: str | None = None) -> MovieTrials:
    """Trials of the movie of this kind.

    Parameters
    ----------
    recording
        With trials (section_spike_times).
    kind
        Kind of the stimulus, as in its definition.
    movie
        Which movie, where several are of this kind (``*`` is anything); by default the one with most trials.

    Raises
    ------
    FeatureExtractionError
        If no movie fits.
    """
    found = _candidates(recording, kind)
    if movie is not None:
        found = [trials for trials in found if fnmatch.fnmatchcase(trials.movie, movie)]
    if not found:
        raise FeatureExtractionError(
            f"No movie of the kind {kind!r} has the name {movie!r} and trials.", fix=SetParameter("movie")
        )
    return max(found, key=lambda trials: len(trials.frames))


def _candidates(recording: Recording, kind: str) -> list[MovieTrials]:
    found = []
    for movie, trial_time in (recording.stimulus.get("trial_time") or {}).items():
        definition = trial_definition(movie, trial_time)
        if definition is not None and definition.kind == kind and len(trial_time):
            frames = trial_frames(trial_time, definition, recording.metadata.get("frame_timestamps", ()))
            if len(frames):
                found.append(MovieTrials(movie, definition, frames))
    return sorted(found, key=lambda trials: trials.movie)


def trial_definition(movie: str, trial_time: Any) -> StimulusDefinition | None:
    """Return the definition that a movie's trials were cut with; without one, that of the same name.

    Parameters
    ----------
    movie
        Its name; files of other programs know no more.
    trial_time
        Samples of the trials, with attributes or without.
    """
    stored = getattr(trial_time, "attrs", {}).get("definition")
    if stored is not None:
        return stored_definition(str(stored), movie)
    base = name_without_duration(movie)
    known = packaged_definitions()
    near = (found for name, found in known.items() if name_without_duration(name) == base)
    return known.get(movie) or next(near, None)


def trial_frames(
    trial_time: Any, definition: StimulusDefinition, frame_timestamps: ArrayLike
) -> NDArray[np.int64]:
    """Return the display frames (n_trials, 2) of those trials that are within the recorded frames.

    Parameters
    ----------
    trial_time
        (n, 2) samples of the trials; attributes may say which frames these are.
    definition
        Knows how many frames a trial has.
    frame_timestamps
        Samples of the display frames.
    """
    times = np.asarray(frame_timestamps).astype(np.int64)
    stored = getattr(trial_time, "attrs", {}).get("frames")
    if stored is not None and np.size(stored):
        frames = np.asarray(stored, np.int64).reshape(-1, 2)
    else:
        first = np.searchsorted(times, np.asarray(trial_time).astype(np.int64)[:, 0])
        frames = np.stack((first, first + definition.section_kwargs.trial_length_frame), axis=1)
    stop = np.maximum(frames[:, 1], frames[:, 0] + definition.section_kwargs.trial_length_frame)
    return frames[(frames[:, 0] >= 0) & (stop < times.size)]
