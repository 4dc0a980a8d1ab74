"""Stimulus definitions: how a movie is cut into trials, and what happens in a trial."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Self

import pydantic
from pydantic import Field

from hdmea.utils.exceptions import ConfigurationError, ExistingFileError, MismatchError
from hdmea.utils.fixes import Advice, Replace, RunStep
from hdmea.utils.resources import resource_path
from hdmea.utils.text_files import read_json
from hdmea.utils.validation import problems_in_file
from hdmea.utils.whole_file import write_whole

__all__ = [
    "SectionKwargs",
    "StimulusDefinition",
    "StimulusEvent",
    "check_fits",
    "name_without_duration",
    "packaged_definitions",
    "read_definition",
    "stored_definition",
    "write_definition",
]

_DURATION_SUFFIX = re.compile(r"_\d+(?:\.\d+)?(?:min|sec|s|h)$")
_TOLERANT = pydantic.ConfigDict(frozen=True, extra="allow")


class SectionKwargs(pydantic.BaseModel):
    """How a movie is cut into trials; all in display frames.

    Trial n starts ``start_frame + n * trial_length_frame + (n // repeat) * group_gap`` after content start,
    for n below ``group_count * repeat``.
    """

    model_config = _TOLERANT

    start_frame: int = Field(ge=0)
    trial_length_frame: int = Field(gt=0)
    repeat: int = Field(ge=1)
    group_count: int = Field(1, ge=1)
    group_gap: int = Field(0, ge=0)

    @property
    def n_trials(self) -> int:
        """Trials in one occurrence of the movie."""
        return self.group_count * self.repeat

    @property
    def end_frame(self) -> int:
        """First frame after the last trial, counted from content start."""
        return (
            self.start_frame
            + self.n_trials * self.trial_length_frame
            + ((self.n_trials - 1) // self.repeat) * self.group_gap
        )


class StimulusEvent(pydantic.BaseModel):
    """Something that is shown in every trial, in frames ``[start_frame, end_frame)`` from trial start.

    `type` is one of ``constant``, ``light_step`` (start: light on, end: light off; `color`), ``sine``
    (`frequency_hz`), ``sweep`` (a bar; `direction_deg`), ``noise`` (`frames_per_image`), or one of your own.
    Features of further stimuli say which keys their events have: ``frequency_ramp`` and ``contrast_ramp``
    (`euler_chirp`), ``grating`` and ``blank``, ``contrast_step``, ``spot``.
    """

    model_config = _TOLERANT

    type: str = Field(min_length=1)
    start_frame: int = Field(ge=0)
    end_frame: int = Field(gt=0)
    color: str | None = None
    frequency_hz: float | None = Field(None, gt=0)
    direction_deg: float | None = None
    frames_per_image: int | None = Field(None, ge=1)

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if self.end_frame <= self.start_frame:
            raise ValueError("end_frame must be after start_frame")
        needed = {"light_step": "color", "sine": "frequency_hz", "sweep": "direction_deg"}.get(self.type)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"an event of type {self.type} needs {needed}")
        return self


class StimulusDefinition(pydantic.BaseModel):
    """A stimulus definition; keys that are not known here are kept.

    Attributes
    ----------
    section_kwargs
        How the movie is cut into trials.
    name
        Name of the movie.
    kind
        What features call it: baseline, step, green_blue, freq_step, moving_bar, dense_noise, or your own.
    events
        What happens in a trial.
    baseline_frames
        ``[first, last)`` frames of a trial before the first event, from which a baseline is taken.
    movie_length
        Frames of the movie, where it exists in several forms of one name; the length chooses.
    """

    model_config = _TOLERANT

    section_kwargs: SectionKwargs
    name: str | None = None
    movie_length: int | None = Field(None, gt=0)
    kind: str | None = None
    events: tuple[StimulusEvent, ...] = ()
    baseline_frames: tuple[int, int] | None = None

    @pydantic.model_validator(mode="after")
    def _events_lie_in_the_trial(self) -> Self:
        length = self.section_kwargs.trial_length_frame
        for event in self.events:
            if event.end_frame > length:
                raise ValueError(
                    f"event {event.type} ends at frame {event.end_frame} of a {length}-frame trial"
                )
        first, last = self.baseline_frames or (0, 1)
        if not 0 <= first < last <= length:
            raise ValueError(f"baseline_frames {first}, {last} are not in a trial of {length} frames")
        return self

    @property
    def shown_until(self) -> int:
        """First frame of the movie after the last event of the last trial; without events its end.

        A trial may reach beyond the movie into the padding if nothing is shown there.
        """
        if not self.events:
            return self.section_kwargs.end_frame
        rest = self.section_kwargs.trial_length_frame - max(event.end_frame for event in self.events)
        return self.section_kwargs.end_frame - rest

    def events_of_type(self, event_type: str) -> tuple[StimulusEvent, ...]:
        """Return the events of one type, in their order."""
        return tuple(event for event in self.events if event.type == event_type)


def name_without_duration(movie: str) -> str:
    """Return a movie's name up to its duration suffix: ``noise_r42_3min`` becomes ``noise_r42``."""
    return _DURATION_SUFFIX.sub("", movie)


def read_definition(
    path: str | Path, movie: str | None = None, movie_length: int | None = None
) -> StimulusDefinition:
    """Read a definition; what it does not say is taken from the packaged one of the same movie.

    Same movie: the same name, or the same name up to the duration suffix. Only `kind`, `events` and
    `baseline_frames` are completed, never the trials; frame positions only where the trial is as long as
    in the packaged definition (noise has none that depend on it).

    Parameters
    ----------
    path
        The JSON file.
    movie
        Name of the movie; default: stem of the file.
    movie_length
        Frames of the movie: chooses between packaged forms of one name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ConfigurationError
        If it is not a valid definition.
    """
    path = Path(path)
    return _complete(_parse(path), movie or path.stem, movie_length)


@functools.cache
def packaged_definitions() -> dict[str, StimulusDefinition]:
    """Return the definitions that come with the program, by movie name.

    A second form of a movie has its length after an ``@``: ``name@13560``.
    """
    return {path.stem: _parse(path) for path in sorted(resource_path("stimuli").glob("*.json"))}


def check_fits(definition: StimulusDefinition, movie: str, movie_length: int, source: str) -> None:
    """Raise MismatchError if the trials of a definition reach beyond the movie.

    In a definition that is made for this very length the last trial may end in the padding.

    Parameters
    ----------
    definition, movie
        The definition and the movie's name.
    movie_length
        Length of the movie in frames.
    source
        Where the definition comes from, for the message.
    """
    own_form = definition.movie_length == movie_length
    end = definition.shown_until if own_form else definition.section_kwargs.end_frame
    if end > movie_length:
        raise MismatchError(
            f"The definition of {movie} ({source}) needs {end} frames for its "
            f"{definition.section_kwargs.n_trials} trials, but the movie has {movie_length}.",
            path=source,
            fix=Advice("Correct section_kwargs there, or the line of the movie in movie_length.csv."),
        )


def write_definition(definition: StimulusDefinition, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a definition as JSON; return the file.

    Raises
    ------
    FileExistsError
        If there is one already and `overwrite` is False.
    OSError
        If it cannot be written.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise ExistingFileError(f"{target} already exists.", path=target, fix=Replace())
    values = definition.model_dump(exclude_none=True, exclude_defaults=True)
    write_whole(target, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    return target


def stored_definition(text: str, movie: str) -> StimulusDefinition:
    """Return the definition of a movie that a result file remembers.

    Raises
    ------
    ConfigurationError
        If it is not one.
    """
    try:
        return StimulusDefinition.model_validate_json(text)
    except pydantic.ValidationError as error:
        raise ConfigurationError(
            f"The stimulus definition of {movie} that the result remembers is damaged.",
            fix=RunStep("section_spike_times", again=True),
        ) from error


def _parse(path: Path) -> StimulusDefinition:
    content = read_json(path)
    try:
        return StimulusDefinition.model_validate(content)
    except pydantic.ValidationError as error:
        problems = problems_in_file(error, StimulusDefinition)
        raise ConfigurationError(
            f"{path} is not a valid stimulus definition: {problems}.",
            path=path,
            fix=Advice("Correct the file."),
        ) from error


def _complete(definition: StimulusDefinition, movie: str, movie_length: int | None) -> StimulusDefinition:
    packaged = _packaged_relative(movie, movie_length)
    if packaged is None:
        return definition
    own, theirs = definition.section_kwargs, packaged.section_kwargs
    additions: dict[str, object] = {}
    if definition.kind is None:
        additions["kind"] = packaged.kind
    same_trial = own.trial_length_frame == theirs.trial_length_frame
    if not definition.events and same_trial:
        additions["events"] = packaged.events
    elif not definition.events:
        whole = {"end_frame": own.trial_length_frame}
        additions["events"] = tuple(
            event.model_copy(update=whole)
            for event in packaged.events
            if (event.start_frame, event.end_frame) == (0, theirs.trial_length_frame)
        )
    if definition.baseline_frames is None and same_trial:
        additions["baseline_frames"] = packaged.baseline_frames
    if definition.movie_length is None:
        additions["movie_length"] = packaged.movie_length
    return definition.model_copy(update=additions)


def _packaged_relative(movie: str, movie_length: int | None) -> StimulusDefinition | None:
    packaged = packaged_definitions()
    for found in packaged.values():
        if found.name == movie and movie_length is not None and found.movie_length == movie_length:
            return found
    if movie in packaged:
        return packaged[movie]
    base = name_without_duration(movie)
    return next((found for name, found in packaged.items() if name_without_duration(name) == base), None)
