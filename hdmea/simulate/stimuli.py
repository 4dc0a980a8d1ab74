"""Movies of the simulated protocol: arrays of pixels, one entry per display refresh."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FIELD_PX",
    "REFRESH_HZ",
    "Baseline",
    "DenseNoise",
    "FrequencySteps",
    "GreenBlueSteps",
    "LightMovie",
    "LightPeriod",
    "LightSteps",
    "Movie",
    "MovingBars",
]

FIELD_PX = 15
REFRESH_HZ = 60.0
_GREY = 127


@dataclass(frozen=True)
class LightPeriod:
    """Light on in the trial's frames `[on, off)`, darkness from there until frame `end`."""

    on: int
    off: int
    end: int
    level: int
    colour: str = "white"


@dataclass(frozen=True)
class Movie(ABC):
    """A movie: its pixels and the layout of its trials.

    Parameters
    ----------
    name
        Name without suffix, as in the playlist.
    start_frame
        First frame of the first trial, counted from the movie's first frame.
    trial_frames
        Length of a trial in frames.
    trials
        How often the trial is shown, without pause.
    tail_frames
        Frames after the last trial.
    """

    kind: ClassVar[str]

    name: str
    start_frame: int
    trial_frames: int
    trials: int
    tail_frames: int

    @property
    def length(self) -> int:
        """Frames of the movie, without the padding around it."""
        return self.start_frame + self.trials * self.trial_frames + self.tail_frames

    @abstractmethod
    def render_trial(self) -> NDArray[np.uint8]:
        """Return the pixels of one trial, (trial_frames, 15, 15)."""

    @property
    def rest_level(self) -> int:
        """Level of the frames before the first and after the last trial."""
        return 0

    @property
    def baseline_frames(self) -> tuple[int, int] | None:
        """Frames `[first, last)` of a trial before its first event; None: the movie has no such frames."""
        return None

    @abstractmethod
    def events(self) -> list[dict[str, Any]]:
        """Return what happens in a trial, in frames of the trial, as stimulus definitions say it."""

    def definition(self) -> dict[str, Any]:
        """Return the stimulus definition that is written beside the recording as JSON."""
        layout = {
            "start_frame": self.start_frame,
            "trial_length_frame": self.trial_frames,
            "repeat": self.trials,
        }
        definition: dict[str, Any] = {"name": self.name, "kind": self.kind, "section_kwargs": layout}
        if self.baseline_frames is not None:
            definition["baseline_frames"] = list(self.baseline_frames)
        return definition | {"events": self.events()}

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The pixels, (length, 15, 15), one entry per display refresh; rendered once."""
        movie = np.full((self.length, FIELD_PX, FIELD_PX), self.rest_level, np.uint8)
        stop = self.length - self.tail_frames
        movie[self.start_frame : stop] = np.tile(self.render_trial(), (self.trials, 1, 1))
        return movie

    @cached_property
    def luminance(self) -> NDArray[np.float64]:
        """Mean level of each frame, (length,), 0 to 255."""
        mean: NDArray[np.float64] = self.pixels.mean(axis=(1, 2), dtype=np.float64)
        return mean


def _event(kind: str, start: int, stop: int, **details: Any) -> dict[str, Any]:
    return {"type": kind, **details, "start_frame": start, "end_frame": stop}


def _full_field(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    rounded = np.rint(levels).astype(np.uint8)
    return np.repeat(rounded, FIELD_PX * FIELD_PX).reshape(-1, FIELD_PX, FIELD_PX)


@dataclass(frozen=True)
class Baseline(Movie):
    """A constant grey field."""

    kind: ClassVar[str] = "baseline"

    name: str = "baseline_127"
    start_frame: int = 0
    trial_frames: int = 180
    trials: int = 1
    tail_frames: int = 0

    @property
    def rest_level(self) -> int:
        """The grey of the field."""
        return _GREY

    def events(self) -> list[dict[str, Any]]:
        """Return the one event: a constant level."""
        return [_event("constant", 0, self.trial_frames, level=_GREY)]

    def render_trial(self) -> NDArray[np.uint8]:
        """Return the same grey in every frame."""
        return _full_field(np.full(self.trial_frames, float(_GREY)))


@dataclass(frozen=True)
class LightMovie(Movie):
    """A movie that is made of full-field light periods on a dark ground."""

    @abstractmethod
    def periods(self) -> tuple[LightPeriod, ...]:
        """Return the light periods of one trial, in frames of the trial."""

    @property
    def baseline_frames(self) -> tuple[int, int]:
        """Frames of a trial before the first light."""
        return 0, self.periods()[0].on

    def events(self) -> list[dict[str, Any]]:
        """Return the light periods."""
        return [_event("light_step", step.on, step.off, color=step.colour) for step in self.periods()]

    def render_trial(self) -> NDArray[np.uint8]:
        """Return darkness with the light periods in it."""
        levels = np.zeros(self.trial_frames)
        for period in self.periods():
            levels[period.on : period.off] = period.level
        return _full_field(levels)


@dataclass(frozen=True)
class LightSteps(LightMovie):
    """Steps of white light: darkness, light, darkness in every trial.

    Parameters
    ----------
    delay_frames
        Frames of a trial before the light comes on.
    on_frames
        Frames of light.
    """

    kind: ClassVar[str] = "step"

    name: str = "step_up_5s_5i_b0_3x"
    start_frame: int = 240
    trial_frames: int = 600
    trials: int = 3
    tail_frames: int = 60
    delay_frames: int = 60
    on_frames: int = 300

    def periods(self) -> tuple[LightPeriod, ...]:
        """Return the one light period of a trial."""
        off = self.delay_frames + self.on_frames
        return (LightPeriod(self.delay_frames, off, self.trial_frames, 255),)


@dataclass(frozen=True)
class GreenBlueSteps(LightMovie):
    """Steps of green and of blue light in every trial."""

    kind: ClassVar[str] = "green_blue"

    name: str = "green_blue_3s_3i_3x"
    start_frame: int = 120
    trial_frames: int = 720
    trials: int = 3
    tail_frames: int = 60

    def periods(self) -> tuple[LightPeriod, ...]:
        """Return the green and the blue period of a trial."""
        return (LightPeriod(60, 240, 420, 150, "green"), LightPeriod(420, 600, 720, 90, "blue"))


@dataclass(frozen=True)
class FrequencySteps(Movie):
    """Sinusoidal modulation of a full field, one frequency after the other.

    Parameters
    ----------
    frequencies_hz
        The frequencies, in order.
    sine_frames
        Frames of modulation for each frequency, after `rest_frames` of grey.
    rest_frames
        Frames of grey between two modulations; half of them before the first.
    """

    kind: ClassVar[str] = "freq_step"

    name: str = "freq_step_5st_3x"
    start_frame: int = 30
    trial_frames: int = 1500
    trials: int = 3
    tail_frames: int = 30
    frequencies_hz: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 10.0)
    sine_frames: int = 240
    rest_frames: int = 60

    @property
    def rest_level(self) -> int:
        """The grey between modulations."""
        return _GREY

    def windows(self) -> tuple[tuple[int, int], ...]:
        """Return the frames `[first, stop)` of a trial in which each frequency is shown."""
        first = self.rest_frames // 2
        step = self.sine_frames + self.rest_frames
        starts = (first + step * index for index in range(len(self.frequencies_hz)))
        return tuple((start, start + self.sine_frames) for start in starts)

    def events(self) -> list[dict[str, Any]]:
        """Return the modulations."""
        shown = zip(self.frequencies_hz, self.windows(), strict=True)
        return [_event("sine", *window, frequency_hz=frequency) for frequency, window in shown]

    def render_trial(self) -> NDArray[np.uint8]:
        """Return grey with full-contrast sines in it, each rising at its start."""
        levels = np.full(self.trial_frames, float(_GREY))
        seconds = (np.arange(self.sine_frames) + 0.5) / REFRESH_HZ
        for frequency, (start, stop) in zip(self.frequencies_hz, self.windows(), strict=True):
            levels[start:stop] = 127.5 + 127.5 * np.sin(2 * np.pi * frequency * seconds)
        return _full_field(levels)


@dataclass(frozen=True)
class MovingBars(Movie):
    """A white bar that crosses the field in eight directions.

    0° is motion towards larger columns, 90° towards smaller rows (up); sweep i of a trial moves
    in direction 45° · i.

    Parameters
    ----------
    sweep_frames
        Frames of one sweep.
    width_px
        Extent of the bar along its motion, in pixels of the field.
    travel_px
        Path of the bar's centre in one sweep, centred on the field.
    """

    kind: ClassVar[str] = "moving_bar"

    name: str = "moving_h_bar_s5_d8_3x"
    start_frame: int = 60
    trial_frames: int = 4520
    trials: int = 3
    tail_frames: int = 0
    sweep_frames: int = 565
    width_px: float = 3.0
    travel_px: float = 28.0

    @property
    def directions_deg(self) -> tuple[float, ...]:
        """Direction of each sweep of a trial, in degrees."""
        return tuple(45.0 * index for index in range(8))

    def along(
        self, x: NDArray[np.float64], y: NDArray[np.float64], direction_deg: float
    ) -> NDArray[np.float64]:
        """Return where points (column x, row y, in pixels) are along a direction, from the centre."""
        angle = np.deg2rad(direction_deg)
        centre = (FIELD_PX - 1) / 2
        distance: NDArray[np.float64] = (x - centre) * np.cos(angle) - (y - centre) * np.sin(angle)
        return distance

    def crossing_frames(self, x: float, y: float, direction_deg: float) -> tuple[float, float]:
        """Return the frames of a sweep at which leading and trailing edge pass a point."""
        rate = self.sweep_frames / self.travel_px
        middle = float(self.along(np.array(x), np.array(y), direction_deg)) + self.travel_px / 2
        return (middle - self.width_px / 2) * rate, (middle + self.width_px / 2) * rate

    def events(self) -> list[dict[str, Any]]:
        """Return the sweeps."""
        length = self.sweep_frames
        return [
            _event("sweep", index * length, (index + 1) * length, direction_deg=direction)
            for index, direction in enumerate(self.directions_deg)
        ]

    def render_trial(self) -> NDArray[np.uint8]:
        """Return the eight sweeps; pixels that the bar covers in part are grey."""
        rows, columns = np.mgrid[:FIELD_PX, :FIELD_PX].astype(np.float64)
        position = np.arange(self.sweep_frames) * (self.travel_px / self.sweep_frames) - self.travel_px / 2
        sweeps = []
        for direction in self.directions_deg:
            distance = self.along(columns, rows, direction)[None] - position[:, None, None]
            coverage = np.clip(self.width_px / 2 + 0.5 - np.abs(distance), 0.0, 1.0)
            sweeps.append(np.rint(255 * coverage).astype(np.uint8))
        return np.concatenate(sweeps)


@dataclass(frozen=True)
class DenseNoise(Movie):
    """Black and white checkers that change at 15 Hz; each pixel is white half of the time.

    Parameters
    ----------
    seed
        Seed of the checkers.
    pattern_frames
        Display refreshes for which a pattern stays.
    """

    kind: ClassVar[str] = "dense_noise"

    name: str = "perfect_dense_noise_15x15_15hz_r42_1min"
    start_frame: int = 0
    trial_frames: int = 3600
    trials: int = 1
    tail_frames: int = 0
    seed: int = 42
    pattern_frames: int = 4

    def events(self) -> list[dict[str, Any]]:
        """Return the one event: noise."""
        size = {"frames_per_image": self.pattern_frames, "height": FIELD_PX, "width": FIELD_PX}
        return [_event("noise", 0, self.trial_frames, **size)]

    def render_trial(self) -> NDArray[np.uint8]:
        """Return the checkers, 0 and 255."""
        patterns = -(-self.trial_frames // self.pattern_frames)
        half = np.zeros((patterns, FIELD_PX * FIELD_PX), np.uint8)
        half[: patterns // 2] = 255
        shuffled = np.random.default_rng(self.seed).permuted(half, axis=0)
        frames = np.repeat(shuffled, self.pattern_frames, axis=0)[: self.trial_frames]
        return frames.reshape(-1, FIELD_PX, FIELD_PX)
