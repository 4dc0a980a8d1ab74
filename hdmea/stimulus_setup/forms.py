"""Stimulus definitions from a few numbers: one form for each kind of stimulus.

```python
from hdmea.stimulus_setup.forms import Steps

form = Steps(name="flash_2s_3s_5x", durations="seconds", before=1, on=2, after=2, repeat=5)
form.definition()
```

A form is kept in the definition that it makes, so that it can be opened and changed again.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import pydantic
from pydantic import Field

from hdmea.declare.parameters import Params
from hdmea.stimuli.definition import StimulusDefinition
from hdmea.stimuli.movies import open_movie
from hdmea.stimuli.playlist import movie_name_of

__all__ = ["FORMS", "StimulusForm", "form_of"]

_TIME: Final[dict[str, Any]] = {"duration": True}
_PX: Final[dict[str, Any]] = {"unit": "px"}
_ADVANCED: Final[dict[str, Any]] = {"advanced": True}
Event = dict[str, Any]


def _time(default: float, title: str, about: str, *, advanced: bool = False) -> Any:
    extra = {**_TIME, "advanced": advanced}
    return Field(default, ge=0, title=title, description=about, json_schema_extra=extra)


class StimulusForm(Params):
    """What all kinds of stimuli have.

    Durations are display frames or seconds; seconds become frames with the rate of the display.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    background: ClassVar[int] = 127

    name: str = Field("stimulus", title="Name", description="Name of the movie, as in playlists.")
    durations: Literal["frames", "seconds"] = Field(
        "frames", title="Durations in", description="Unit of all durations of this form."
    )
    frame_rate_hz: float = Field(
        60.0,
        gt=0,
        title="Display rate",
        description="Turns seconds into display frames.",
        json_schema_extra={"unit": "Hz", "advanced": True},
    )
    lead: float = _time(60, "Lead-in", "Background before the first trial.")
    repeat: int = Field(3, ge=1, title="Repeats", description="How often a trial is shown, without a pause.")
    tail: float = _time(0, "Tail", "Background after the last trial.", advanced=True)
    groups: int = Field(
        1, ge=1, title="Groups", description="How often all repeats are shown.", json_schema_extra=_ADVANCED
    )
    group_gap: float = _time(0, "Group gap", "Background between two groups.", advanced=True)
    height: int = Field(
        15, ge=1, le=4096, title="Height", description="Rows of the movie.",
        json_schema_extra={**_PX, **_ADVANCED},
    )  # fmt: skip
    width: int = Field(
        15, ge=1, le=4096, title="Width", description="Columns of the movie.",
        json_schema_extra={**_PX, **_ADVANCED},
    )  # fmt: skip

    @pydantic.field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not movie_name_of(value) or set(value) & set('\\/:*?"<>|'):
            raise ValueError("must be a name without dots and slashes")
        return movie_name_of(value)

    def frames(self, duration: float) -> int:
        """Return a duration of the form in display frames."""
        return round(duration * self.frame_rate_hz if self.durations == "seconds" else duration)

    @abstractmethod
    def trial(self) -> tuple[list[Event], int, int]:
        """Return events, length of a trial, and frames before its first event."""

    def definition(self) -> StimulusDefinition:
        """Return the definition.

        Raises
        ------
        pydantic.ValidationError
            If the durations give no trial.
        """
        events, length, before = self.trial()
        layout: dict[str, Any] = {
            "start_frame": self.frames(self.lead),
            "trial_length_frame": length,
            "repeat": self.repeat,
        }
        if self.groups > 1:
            layout |= {"group_count": self.groups, "group_gap": self.frames(self.group_gap)}
        values: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "section_kwargs": layout,
            "events": events,
            "background": self.background_level,
            "frame_size": [self.height, self.width],
            "form": {"kind": self.form_name(), **self.model_dump(mode="json", exclude_defaults=True)},
        }
        if before:
            values["baseline_frames"] = [0, before]
        made = StimulusDefinition.model_validate(values)
        end = made.section_kwargs.end_frame + self.frames(self.tail)
        return StimulusDefinition.model_validate({**values, "movie_length": end})

    @property
    def background_level(self) -> int:
        """Level of frames in which nothing is shown, 0 to 255."""
        return int(getattr(self, "level_off", self.background))

    @classmethod
    def form_name(cls) -> str:
        """Return the name by which a definition remembers its form."""
        return cls.__name__


class _Sequence(StimulusForm):
    """Events of one duration, one after the other."""

    before: float = _time(60, "Before", "Part of a trial before its first event.")
    on: float = _time(60, "Duration", "Duration of each event.")
    gap: float = _time(60, "Gap", "Pause between two events.")
    after: float = _time(60, "After", "Part of a trial after its last event.")

    @abstractmethod
    def shown(self) -> list[Event]:
        """Return the events without their places."""

    def trial(self) -> tuple[list[Event], int, int]:
        """Return the events one after the other."""
        before, on, gap = (self.frames(value) for value in (self.before, self.on, self.gap))
        events = self.shown()
        for number, event in enumerate(events):
            start = before + number * (on + gap)
            event |= {"start_frame": start, "end_frame": start + on}
        end = events[-1]["end_frame"] if events else before
        return events, end + self.frames(self.after), before


class Steps(_Sequence):
    """Light on and off."""

    kind: ClassVar[str] = "step"
    title: ClassVar[str] = "Steps of light"

    lead: float = _time(240, "Lead-in", "Background before the first trial.")
    on: float = _time(300, "Light on", "Duration of the light.")
    gap: float = _time(0, "Gap", "Pause between two steps of a trial.", advanced=True)
    after: float = _time(240, "Light off", "Part of a trial after the light.")
    level: int = Field(255, ge=0, le=255, title="Level", description="Level of the light, 0 to 255.")
    level_off: int = Field(0, ge=0, le=255, title="Background", description="Level of the background.")

    def shown(self) -> list[Event]:
        """Return the one step."""
        return [{"type": "light_step", "color": "white", "level": self.level}]


class Colours(_Sequence):
    """Steps of light of several colours, one after the other."""

    kind: ClassVar[str] = "green_blue"
    title: ClassVar[str] = "Colours"
    background: ClassVar[int] = 0

    lead: float = _time(120, "Lead-in", "Background before the first trial.")
    on: float = _time(180, "Light on", "Duration of each light.")
    gap: float = _time(180, "Gap", "Darkness between two lights.")
    after: float = _time(120, "After", "Part of a trial after the last light.")
    colours: tuple[str, ...] = Field(
        ("green", "blue"), min_length=1, title="Colours", description="Names of the colours, in their order."
    )
    levels: tuple[int, ...] = Field(
        (255,), min_length=1, title="Levels", description="Level of each colour, or one for all; 0 to 255."
    )

    @pydantic.model_validator(mode="after")
    def _levels_fit(self) -> Colours:
        if len(self.levels) not in (1, len(self.colours)):
            raise ValueError("give one level, or one for each colour")
        return self

    def shown(self) -> list[Event]:
        """Return a step of each colour."""
        levels = self.levels * (len(self.colours) if len(self.levels) == 1 else 1)
        pairs = zip(self.colours, levels, strict=True)
        return [{"type": "light_step", "color": colour, "level": level} for colour, level in pairs]


class SineSteps(_Sequence):
    """Sines of several frequencies, one after the other."""

    kind: ClassVar[str] = "freq_step"
    title: ClassVar[str] = "Sine steps"

    lead: float = _time(30, "Lead-in", "Background before the first trial.")
    before: float = _time(30, "Before", "Part of a trial before its first sine.")
    on: float = _time(240, "Duration", "Duration of each sine.")
    gap: float = _time(60, "Gap", "Grey between two sines.")
    after: float = _time(30, "After", "Part of a trial after its last sine.")
    frequencies_hz: tuple[float, ...] = Field(
        (0.5, 1.0, 2.0, 4.0, 10.0), min_length=1, title="Frequencies",
        description="In their order, for a display of 60 frames/s.", json_schema_extra={"unit": "Hz"},
    )  # fmt: skip
    contrast: float = Field(1.0, gt=0, le=1, title="Contrast", description="Of each sine, 0 to 1.")

    def shown(self) -> list[Event]:
        """Return a sine of each frequency."""
        extra = {} if self.contrast == 1 else {"contrast": self.contrast}
        return [{"type": "sine", "frequency_hz": value, **extra} for value in self.frequencies_hz]


class EulerChirp(StimulusForm):
    """Step, ramp of frequency, ramp of contrast (Baden et al. 2016)."""

    kind: ClassVar[str] = "euler_chirp"
    title: ClassVar[str] = "Euler chirp"

    repeat: int = Field(5, ge=1, title="Repeats", description="How often a trial is shown, without a pause.")
    dark: float = _time(120, "Dark", "Darkness before the step, and at the end.")
    bright: float = _time(180, "Bright", "Duration of the step, and of the darkness after it.")
    grey: float = _time(120, "Grey", "Grey before, between and after the ramps.")
    ramp: float = _time(480, "Ramps", "Duration of each ramp.")
    start_frequency_hz: float = Field(
        0.0, ge=0, title="From", description="Frequency at the begin of the ramp of frequency.",
        json_schema_extra={"unit": "Hz"},
    )  # fmt: skip
    end_frequency_hz: float = Field(
        8.0, gt=0, title="To", description="Frequency at the end of the ramp of frequency.",
        json_schema_extra={"unit": "Hz"},
    )  # fmt: skip
    contrast_frequency_hz: float = Field(
        2.0, gt=0, title="Contrast at", description="Frequency of the ramp of contrast.",
        json_schema_extra={"unit": "Hz"},
    )  # fmt: skip

    def trial(self) -> tuple[list[Event], int, int]:
        """Return the parts in their order."""
        dark, bright, grey, ramp = map(self.frames, (self.dark, self.bright, self.grey, self.ramp))
        parts: list[tuple[Event | None, int]] = [
            ({"type": "constant", "level": 0}, dark),
            ({"type": "light_step", "color": "white", "level": 255}, bright),
            ({"type": "constant", "level": 0}, bright),
            (None, grey),
            (
                {
                    "type": "frequency_ramp",
                    "start_frequency_hz": self.start_frequency_hz,
                    "end_frequency_hz": self.end_frequency_hz,
                },
                ramp,
            ),
            (None, grey),
            (
                {
                    "type": "contrast_ramp",
                    "frequency_hz": self.contrast_frequency_hz,
                    "start_contrast": 0,
                    "end_contrast": 1,
                },
                ramp,
            ),
            (None, grey),
            ({"type": "constant", "level": 0}, dark),
        ]
        events, at = [], 0
        for event, length in parts:
            if event is not None and length:
                events.append({**event, "start_frame": at, "end_frame": at + length})
            at += length
        return events, at, dark


class Bars(_Sequence):
    """A bar that crosses the field in several directions."""

    kind: ClassVar[str] = "moving_bar"
    title: ClassVar[str] = "Moving bars"
    background: ClassVar[int] = 0

    before: float = _time(0, "Before", "Part of a trial before its first sweep.")
    on: float = _time(565, "Sweep", "Duration of each sweep.")
    gap: float = _time(0, "Gap", "Pause between two sweeps.")
    after: float = _time(0, "After", "Part of a trial after its last sweep.")
    directions_deg: tuple[float, ...] = Field(
        (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0), min_length=1, title="Directions",
        description="In their order; 0° is motion to the right, 90° up.", json_schema_extra={"unit": "°"},
    )  # fmt: skip
    bar_width_px: float = Field(
        3.0, gt=0, title="Bar width", description="Extent along the motion.", json_schema_extra=_PX
    )
    travel_px: float = Field(
        28.0, gt=0, title="Travel", description="Path of the bar's centre, centred on the field.",
        json_schema_extra={**_PX, **_ADVANCED},
    )  # fmt: skip

    def shown(self) -> list[Event]:
        """Return a sweep in each direction."""
        extra = {"width_px": self.bar_width_px, "travel_px": self.travel_px}
        return [{"type": "sweep", "direction_deg": value, **extra} for value in self.directions_deg]


class Gratings(_Sequence):
    """Drifting gratings: all directions at each spatial and temporal frequency, then a blank."""

    kind: ClassVar[str] = "grating"
    title: ClassVar[str] = "Gratings"

    on: float = _time(120, "Duration", "Duration of each grating.")
    directions_deg: tuple[float, ...] = Field(
        (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0), min_length=1, title="Directions",
        description="In their order; 0° is motion to the right, 90° up.", json_schema_extra={"unit": "°"},
    )  # fmt: skip
    spatial_frequencies: tuple[float, ...] = Field(
        (0.04, 0.1), min_length=1, title="Spatial frequencies", json_schema_extra={"unit": "cycles/px"},
        description="Of each grating.",
    )  # fmt: skip
    temporal_frequencies_hz: tuple[float, ...] = Field(
        (2.0, 4.0), min_length=1, title="Temporal frequencies", json_schema_extra={"unit": "Hz"},
        description="Of each grating, for a display of 60 frames/s.",
    )  # fmt: skip
    blank: bool = Field(True, title="Blank", description="Show the background once in place of a grating.")

    def shown(self) -> list[Event]:
        """Return all combinations, and the blank."""
        kinds = itertools.product(self.spatial_frequencies, self.temporal_frequencies_hz, self.directions_deg)
        events: list[Event] = [
            {
                "type": "grating",
                "direction_deg": direction,
                "spatial_frequency": spatial,
                "temporal_frequency_hz": temporal,
            }
            for spatial, temporal, direction in kinds
        ]
        return [*events, {"type": "blank"}] if self.blank else events


class Spots(_Sequence):
    """Spots of several sizes at the centre."""

    kind: ClassVar[str] = "spots"
    title: ClassVar[str] = "Spots"

    repeat: int = Field(5, ge=1, title="Repeats", description="How often a trial is shown, without a pause.")
    before: float = _time(120, "Before", "Part of a trial before its first spot.")
    gap: float = _time(120, "Gap", "Pause between two spots.")
    after: float = _time(120, "After", "Part of a trial after its last spot.")
    diameters_px: tuple[float, ...] = Field(
        (4.0, 16.0, 1.0, 8.0, 2.0, 12.0, 6.0, 3.0), min_length=1, title="Diameters",
        description="In their order.", json_schema_extra=_PX,
    )  # fmt: skip
    level: int = Field(255, ge=0, le=255, title="Level", description="Level of the spots, 0 to 255.")

    def shown(self) -> list[Event]:
        """Return a spot of each size."""
        extra = {} if self.level == 255 else {"level": self.level}
        return [{"type": "spot", "diameter": value, **extra} for value in self.diameters_px]


class ContrastSteps(_Sequence):
    """Full fields that are brighter or darker than the background."""

    kind: ClassVar[str] = "contrast_steps"
    title: ClassVar[str] = "Contrast steps"

    repeat: int = Field(5, ge=1, title="Repeats", description="How often a trial is shown, without a pause.")
    before: float = _time(120, "Before", "Part of a trial before its first step.")
    gap: float = _time(120, "Gap", "Pause between two steps.")
    after: float = _time(120, "After", "Part of a trial after its last step.")
    contrasts: tuple[float, ...] = Field(
        (-1.0, 0.1, -0.25, 0.5, -0.1, 1.0, -0.5, 0.25), min_length=1, title="Contrasts",
        description="In their order, from −1 (black) to 1 (white).",
    )  # fmt: skip

    @pydantic.field_validator("contrasts")
    @classmethod
    def _are_contrasts(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not all(-1 <= value <= 1 for value in values):
            raise ValueError("must be from −1 to 1")
        return values

    def shown(self) -> list[Event]:
        """Return a step of each contrast."""
        return [{"type": "contrast_step", "contrast": value} for value in self.contrasts]


class SeedNoise(StimulusForm):
    """Black and white checkers that follow from a seed; no file is needed."""

    kind: ClassVar[str] = "dense_noise"
    title: ClassVar[str] = "Noise from a seed"

    lead: float = _time(0, "Lead-in", "Background before the noise.", advanced=True)
    repeat: int = Field(1, ge=1, title="Repeats", description="How often the same noise is shown.")
    duration: float = _time(10_800, "Duration", "Duration of the noise.")
    frames_per_image: int = Field(
        4, ge=1, title="Frames per image", description="Display frames for which each image stays."
    )
    seed: int = Field(42, ge=0, title="Seed", description="Number from which the images follow.")
    height: int = Field(
        15, ge=1, le=1024, title="Height", description="Checkers in a column.", json_schema_extra=_PX
    )
    width: int = Field(
        15, ge=1, le=1024, title="Width", description="Checkers in a row.", json_schema_extra=_PX
    )

    def trial(self) -> tuple[list[Event], int, int]:
        """Return the noise."""
        length = self.frames(self.duration)
        size = {"height": self.height, "width": self.width, "seed": self.seed}
        noise = {"type": "noise", "frames_per_image": self.frames_per_image, **size}
        return [{**noise, "start_frame": 0, "end_frame": length}], length, 0


class FileNoise(StimulusForm):
    """Noise whose images are in a .npy file."""

    kind: ClassVar[str] = "dense_noise"
    title: ClassVar[str] = "Noise from a file"

    movie_path: str | Path = Field(
        "", title="Movie", description="The .npy file, (frames, height, width), one entry per display frame."
    )
    lead: float = _time(0, "Lead-in", "Frames of the movie before the noise.", advanced=True)
    repeat: int = Field(1, ge=1, title="Repeats", description="How often the noise is shown in the movie.")
    frames_per_image: int = Field(
        4, ge=1, title="Frames per image", description="Display frames for which each image stays."
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _named_as_its_file(cls, values: Any) -> Any:
        """Take the name of the movie from its file unless another one is given."""
        if isinstance(values, dict) and values.get("movie_path") and not values.get("name"):
            return {**values, "name": movie_name_of(str(values["movie_path"]))}
        return values

    def trial(self) -> tuple[list[Event], int, int]:
        """Return the noise, as long as the movie is.

        Raises
        ------
        DataLoadError, OSError
            If there is no such movie.
        """
        shape = open_movie(self.movie_path).shape
        length = max((shape[0] - self.frames(self.lead) - self.frames(self.tail)) // self.repeat, 1)
        size = {"frames_per_image": self.frames_per_image, "height": shape[1], "width": shape[2]}
        return [{"type": "noise", **size, "start_frame": 0, "end_frame": length}], length, 0


class Events(StimulusForm):
    """Something that no movie describes: trials around it."""

    kind: ClassVar[str] = "events"
    title: ClassVar[str] = "Events"

    lead: float = _time(0, "Lead-in", "Part of a block before its trial.", advanced=True)
    repeat: int = Field(1, ge=1, title="Repeats", description="Trials in one block.")
    before: float = _time(30, "Before", "Part of a trial before the event.")
    after: float = _time(120, "After", "Part of a trial after the event.")

    def trial(self) -> tuple[list[Event], int, int]:
        """Return the event."""
        before, after = self.frames(self.before), self.frames(self.after)
        events = [{"type": "event", "start_frame": before, "end_frame": before + after}] if after else []
        return events, before + after, before


class Constant(StimulusForm):
    """A field of one level, to see the spontaneous activity."""

    kind: ClassVar[str] = "baseline"
    title: ClassVar[str] = "Constant level"

    lead: float = _time(0, "Lead-in", "Background before the trial.", advanced=True)
    repeat: int = Field(1, ge=1, title="Repeats", description="Number of trials.")
    duration: float = _time(180, "Duration", "Duration of a trial.")
    level: int = Field(127, ge=0, le=255, title="Level", description="Level of the field, 0 to 255.")

    def trial(self) -> tuple[list[Event], int, int]:
        """Return the constant level."""
        length = self.frames(self.duration)
        event = {"type": "constant", "level": self.level, "start_frame": 0, "end_frame": length}
        return [event], length, 0

    @property
    def background_level(self) -> int:
        """The same level."""
        return self.level


FORMS: Final[tuple[type[StimulusForm], ...]] = (
    Steps,
    Colours,
    SineSteps,
    EulerChirp,
    Bars,
    Gratings,
    Spots,
    ContrastSteps,
    SeedNoise,
    FileNoise,
    Events,
    Constant,
)
"""The kinds of stimuli that have a form."""


def form_of(definition: StimulusDefinition) -> StimulusForm | None:
    """Return the form from which a definition was made, None if it was made otherwise."""
    stored = getattr(definition, "form", None)
    if not isinstance(stored, dict):
        return None
    values = {key: value for key, value in stored.items() if key != "kind"}
    for form in FORMS:
        if form.form_name() == stored.get("kind"):
            try:
                return form.model_validate(values)
            except pydantic.ValidationError:
                return None
    return None
