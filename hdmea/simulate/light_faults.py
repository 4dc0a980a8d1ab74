"""Light of display frames as a photodiode sees a playlist that was not shown as it was said to be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.stimuli import (
    Baseline,
    DenseNoise,
    FrequencySteps,
    GreenBlueSteps,
    LightMovie,
    LightSteps,
    Movie,
    MovingBars,
)
from hdmea.stimuli.alignment import FrameLight, LevelCourse, StatedSection, course_of_colours
from hdmea.stimuli.sections import plan_sections

__all__ = ["LIGHT_FAULTS", "Showing", "ShownLight", "courses_of", "shown_light"]

_PAD_LEVEL = 127 / 255


@dataclass(frozen=True)
class Showing:
    """What was shown, and what was said of it.

    Attributes
    ----------
    shown, stated
        Movies in their order.
    pad, stated_pad
        Frames before and after each movie.
    wrong_lengths
        Frames by which the stated length of a movie is wrong.
    noise
        Standard deviation of the noise of the light, as a part of its full scale.
    blue_gain
        Light of a blue level as a part of that of a green one.
    spot
        Rows and columns of the pixels that the photodiode sees; None: the full field.
    latency, stray, lost, late, doubled
        Frames by which the light follows its flips; flips too many at the start (negative: too few); display
        frames whose flip was lost; those that were shown for two refreshes; those with a second flip.
    """

    shown: tuple[str, ...]
    stated: tuple[str, ...]
    pad: int = 180
    stated_pad: int = 180
    wrong_lengths: dict[str, int] = field(default_factory=dict)
    noise: float = 0.002
    blue_gain: float = 1.0
    spot: tuple[int, int, int, int] | None = None
    latency: int = 0
    stray: int = 0
    lost: tuple[int, ...] = ()
    late: tuple[int, ...] = ()
    doubled: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ShownLight:
    """Light of a recording, and what was said of it.

    Attributes
    ----------
    light
        The light of each display frame that was counted.
    sections
        What the playlist says.
    breaks, missing
        int64: first display frames after irregular intervals, and refreshes by which they are too long.
    true_content
        Display frame at which each movie that was shown began, by name.
    """

    light: FrameLight
    sections: list[StatedSection]
    breaks: NDArray[np.int64]
    missing: NDArray[np.int64]
    true_content: dict[str, int]


@lru_cache(maxsize=1)
def _movies() -> dict[str, Movie]:
    known = [
        Baseline(),
        LightSteps(),
        GreenBlueSteps(),
        FrequencySteps(),
        MovingBars(trials=1),
        DenseNoise(),
        DenseNoise(name="other_noise_15x15_15hz_r7_1min", seed=7),
    ]
    return {movie.name: movie for movie in known}


def courses_of(movies: tuple[str, ...] | None = None) -> dict[str, LevelCourse]:
    """Return the courses of levels of simulated movies by name; all of them by default."""
    return {name: _course(name) for name in movies or tuple(_movies())}


@lru_cache
def _course(name: str) -> LevelCourse:
    movie = _movies()[name]
    return course_of_colours(name, movie.luminance / 255, _colours(movie))


def _colours(movie: Movie) -> list[tuple[str, int, int]]:
    if not isinstance(movie, LightMovie):
        return []
    starts = movie.start_frame + movie.trial_frames * np.arange(movie.trials)
    return [
        (period.colour, int(start) + period.on, int(start) + period.off)
        for start in starts
        for period in movie.periods()
    ]


@lru_cache
def _seen(name: str, spot: tuple[int, int, int, int] | None, blue_gain: float) -> NDArray[np.float64]:
    movie = _movies()[name]
    pixels = movie.pixels
    if spot is not None:
        pixels = pixels[:, spot[0] : spot[1], spot[2] : spot[3]]
    seen: NDArray[np.float64] = pixels.mean(axis=(1, 2), dtype=np.float64) / 255
    for colour, first, last in _colours(movie):
        if colour == "blue":
            seen[first:last] *= blue_gain
    return seen


def shown_light(showing: Showing, seed: int = 0) -> ShownLight:
    """Simulate the light of a recording.

    Parameters
    ----------
    showing
        What was shown, and what was said of it.
    seed
        Of the noise.
    """
    rng = np.random.default_rng(seed)
    pad = np.full(showing.pad, _PAD_LEVEL)
    parts: list[NDArray[np.float64]] = []
    true_content: dict[str, int] = {}
    for name in showing.shown:
        true_content[name] = sum(map(len, parts)) + showing.pad
        parts += [pad, _seen(name, showing.spot, showing.blue_gain), pad, pad[:1]]
    levels = np.concatenate([*parts, pad]) if parts else np.full(9000, 0.2)
    levels = np.concatenate((levels[:1].repeat(showing.latency), levels))[: levels.size]
    flips = np.ones(levels.size, dtype=np.int64)
    for frame in showing.lost:
        levels[frame - 1] = levels[frame - 1 : frame + 1].mean()
        flips[frame] = 0
    flips[list(showing.doubled)] = 2
    counted = np.cumsum(flips) - flips + showing.stray
    levels = levels.repeat(flips)
    if showing.stray > 0:
        levels = np.concatenate((levels[:1].repeat(showing.stray), levels))
    levels = levels[max(-showing.stray, 0) :]
    irregular = sorted(
        [(int(counted[frame]), 1) for frame in (*showing.lost, *showing.late)]
        + [(int(counted[frame]) + 1, -1) for frame in showing.doubled]
    )
    levels = levels + rng.normal(0.0, showing.noise, levels.size)
    stated = {name: _movies()[name].length for name in {*showing.stated, *showing.shown}}
    lengths = {name: length + showing.wrong_lengths.get(name, 0) for name, length in stated.items()}
    plan = plan_sections(showing.stated, lengths, pad_frame=showing.stated_pad)
    return ShownLight(
        FrameLight(levels * 2.55e6, np.ones(levels.size, bool), 1 / 60),
        [
            StatedSection(part.movie, part.occurrence, part.content, lengths[part.movie], position)
            for position, part in enumerate(plan)
        ],
        np.array([frame for frame, _ in irregular], dtype=np.int64),
        np.array([count for _, count in irregular], dtype=np.int64),
        {name: int(counted[frame + showing.latency]) for name, frame in true_content.items()},
    )


def _kinds() -> dict[str, Showing]:
    baseline, steps, colours, sines, bars, noise, other = _movies()
    all_six = (baseline, steps, colours, sines, bars, noise)
    fine = Showing(all_six, all_six)
    exchanged = (baseline, colours, steps, sines, bars, noise)
    in_bars = 180 + 361 * 4 + sum(_movies()[name].length for name in all_six[:4]) + 1000
    return {
        "all as stated": fine,
        "noise of 1 %": replace(fine, noise=0.01),
        "noise of 10 %": replace(fine, noise=0.1),
        "photodiode sees 3 × 3 pixels": replace(fine, spot=(6, 9, 6, 9)),
        "photodiode sees 3 × 3 pixels at the side": replace(fine, spot=(1, 4, 10, 13)),
        "blue at 0.3 of green": replace(fine, blue_gain=0.3),
        "two movies exchanged": replace(fine, shown=exchanged),
        "first movie forgotten": replace(fine, shown=all_six[1:]),
        "length 4 frames too short": replace(fine, wrong_lengths={colours: -4}),
        "length 4 frames too long": replace(fine, wrong_lengths={colours: 4}),
        "a stray first flip": replace(fine, stray=1),
        "a lost first flip": replace(fine, stray=-1),
        "a stray first flip, noise of 10 %": replace(fine, stray=1, noise=0.1),
        "padding of 150 for 180": replace(fine, pad=150),
        "wrong noise of the same length": replace(fine, shown=(*all_six[:5], other)),
        "wrong noise, noise of 5 %": replace(fine, shown=(*all_six[:5], other), noise=0.05),
        "display latency of 3 frames": replace(fine, latency=3),
        "a flip lost in the bars": replace(fine, lost=(in_bars,)),
        "a late frame in the bars": replace(fine, late=(in_bars,)),
        "a flip lost before the steps": replace(fine, lost=(600,)),
        "a late frame before the steps": replace(fine, late=(600,)),
        "flips lost and doubled in several movies": replace(
            fine, lost=(700, 1500, in_bars, in_bars + 1), doubled=(900, in_bars + 700)
        ),
        "light channel dark": replace(fine, shown=()),
    }


LIGHT_FAULTS: dict[str, Showing] = _kinds()
"""Kind of fault to what was shown and said."""
