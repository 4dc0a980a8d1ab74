"""What was shown, proposed from the recorded light: which movie of a library begins at which display frame.

The light of each display frame is regressed on the levels of every movie at every place of the recording.
Places are taken in the order of the evidence that they have, without overlap. Movies whose level does not
change leave no trace in the light: they are proposed by the gap between the others and their length, and
are never counted as checked.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.alignment import (
    CHANCE,
    MIN_FRAMES,
    FrameLight,
    LevelCourse,
    LightFit,
    is_informative,
    is_inverted,
)
from hdmea.stimuli.playlist import Playlist
from hdmea.stimuli.sections import PAD_FRAME, plan_sections
from hdmea.stimulus_setup.blocks import EVENT_REACH, Block, numbered, obeyed_padding

__all__ = ["Proposal", "UnknownBlock", "propose_stimuli"]

EXPLAINED = 0.3
"""A movie must explain this part of the variance of the light during it."""
_HALVES_APART = 5
_LEAST_LEFT = 1e-4
_AS_GOOD = 1.02
_FAINT = 0.02
_ABOVE_CHANCE = 2.5
_MOST_OF_ONE = 50
_CONSTANT_PART = 0.01

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class UnknownBlock:
    """A stretch in which the light changes, and that no movie of the library explains.

    Attributes
    ----------
    first, stop
        Display frames, half-open.
    level, sd
        Mean and standard deviation of its light, as parts of the light's range.
    period_frames
        After so many frames its light repeats itself; NaN if it does not.
    """

    first: int
    stop: int
    level: float
    sd: float
    period_frames: float


@dataclass(frozen=True)
class Proposal:
    """What was shown, as far as it can be told.

    Attributes
    ----------
    blocks
        In the order of time.
    unknown
        What no movie explains.
    pad_frame
        Frames before and after each movie if the blocks follow the formula of playlists; None if they do not.
    playlist
        Name of a known playlist that fits; empty without one.
    """

    blocks: tuple[Block, ...]
    unknown: tuple[UnknownBlock, ...] = ()
    pad_frame: int | None = None
    playlist: str = ""


def propose_stimuli(
    light: FrameLight,
    courses: Iterable[LevelCourse],
    lengths: Mapping[str, int],
    playlists: Sequence[Playlist] = (),
    events: npt.ArrayLike = (),
    progress: Callable[[float], None] = lambda _fraction: None,
) -> Proposal:
    """Propose what was shown.

    Parameters
    ----------
    light
        The light of each display frame.
    courses
        Levels of all movies that may have been shown.
    lengths
        Movie name to its stated number of frames; without one that of its levels.
    playlists
        Known playlists.
    events
        (k,) display frames of digital events, ascending.
    progress
        Called with the fraction that is done after each movie; may raise to stop.
    """
    known = list(courses)
    lengths = {**{course.name: len(course.levels) for course in known}, **lengths}
    told = [course for course in known if is_informative(course.levels)]
    if is_inverted(light, told):
        light = replace(light, mean=-light.mean)
    marks = np.asarray(events, np.int64)
    blocks = _by_light(light, told, lengths, progress)
    silent = {course.name: lengths[course.name] for course in known if not is_informative(course.levels)} | {
        name: length for name, length in lengths.items() if all(name != course.name for course in known)
    }
    pad = _padding(blocks)
    fitting = _fitting_playlist(blocks, playlists, lengths, pad, light.mean.size)
    if fitting is not None:
        name, pad, planned = fitting
        blocks = _without_overlap(blocks, planned)
    else:
        name = ""
        blocks = _without_overlap(blocks, _between_events(marks, silent))
        blocks = _without_overlap(blocks, _by_length(blocks, silent, pad, light.mean.size))
    found = numbered(blocks, marks)
    return Proposal(found, tuple(_unknown(light, found)), obeyed_padding(found), name)


# -- by the light ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Candidate:
    course: LevelCourse
    place: int
    explained: float
    gain: float

    @property
    def stop(self) -> int:
        return self.place + len(self.course.levels)


def _by_light(
    light: FrameLight,
    courses: Sequence[LevelCourse],
    lengths: Mapping[str, int],
    progress: Callable[[float], None],
) -> list[Block]:
    fit = LightFit(light)
    candidates: list[_Candidate] = []
    for done, course in enumerate(courses, start=1):
        candidates += _candidates(fit, course)
        progress(done / len(courses))
    # What a movie gains in likelihood grows with its length: one that is shown ten times is not ten others.
    candidates.sort(key=lambda found: -found.gain)
    taken: list[_Candidate] = []
    others: list[list[str]] = []
    for found in candidates:
        rival = next((k for k, old in enumerate(taken) if _overlap(found, old)), None)
        if rival is None:
            taken.append(found)
            others.append([])
        elif abs(found.place - taken[rival].place) <= 1 and found.course.same_as(taken[rival].course):
            others[rival].append(found.course.name)
    return [
        Block(
            found.course.name,
            found.place,
            lengths[found.course.name],
            "light",
            float(np.sqrt(found.explained)),
            tuple(sorted(alike)),
        )
        for found, alike in zip(taken, others, strict=True)
    ]


def _candidates(fit: LightFit, course: LevelCourse) -> list[_Candidate]:
    """Places at which a movie fits better than by chance, and better than 3 s around them."""
    explained = np.nan_to_num(fit.everywhere(course.levels), nan=0.0)
    if not explained.size:
        return []
    reach = fit.light.search
    chance = float(np.percentile(explained, CHANCE)) if explained.size > 20 * reach else 0.0
    found: list[_Candidate] = []
    left = explained.copy()
    for _ in range(_MOST_OF_ONE):
        place = int(np.argmax(left))
        part = float(left[place])
        left[max(place - reach, 0) : place + reach + 1] = 0.0
        certain = part >= max(EXPLAINED, chance)
        # Noise of the light hides much of a movie whose level changes little; but it fits nowhere else.
        alone = not found and part >= max(_FAINT, _ABOVE_CHANCE * chance) and left.max() <= 0.5 * part
        if not (certain or alone):
            break
        settled = _settled(fit, course.levels, place)
        if settled is not None and (certain or settled == place):
            gain = -len(course.levels) * float(np.log(max(1 - part, _LEAST_LEFT)))
            found.append(_Candidate(course, settled, part, gain))
        if not certain:
            break
    return found


def _settled(fit: LightFit, levels: FloatArray, place: int) -> int | None:
    """Return where a movie begins by its first half, if both halves agree; flips may be lost between them."""
    middle = len(levels) // 2
    shifts = []
    for first, part in ((0, levels[:middle]), (middle, levels[middle:])):
        if not is_informative(part):
            continue
        places, values = fit.near(part, place + first, fit.light.search)
        if not values.size or not np.isfinite(values).any():
            return None
        best = int(np.nanargmax(values))
        here = values[places == place + first]
        # Half of a movie that repeats itself fits a period away as well.
        as_good = here.size and 1 - here[0] <= (1 - values[best]) * _AS_GOOD + _LEAST_LEFT
        shifts.append(0 if as_good else int(places[best]) - place - first)
    if not shifts or max(map(abs, shifts)) > _HALVES_APART:
        return None
    return place + (shifts[0] if len(shifts) == 2 else 0)


def _overlap(one: _Candidate, other: _Candidate) -> bool:
    return one.place < other.stop and other.place < one.stop


# -- by the length -----------------------------------------------------------------------------------------


def _padding(blocks: Sequence[Block]) -> int | None:
    """Frames before and after each movie: half of the gap between most neighbours; None if not known."""
    ordered = sorted(blocks, key=lambda block: block.content_frame)
    gaps = [after.content_frame - before.end_frame for before, after in itertools.pairwise(ordered)]
    odd = [gap for gap in gaps if gap > 0 and gap % 2 == 1]
    if not odd:
        return None
    gap, count = Counter(odd).most_common(1)[0]
    return (gap - 1) // 2 if count > 1 or len(gaps) == 1 or (gap - 1) // 2 == PAD_FRAME else None


def _fitting_playlist(
    blocks: Sequence[Block],
    playlists: Sequence[Playlist],
    lengths: Mapping[str, int],
    pad: int | None,
    n_frames: int,
) -> tuple[str, int, list[Block]] | None:
    """Return the playlist that places most blocks where they are and contradicts none, and its other ones."""
    best: tuple[int, int, str, int, list[Block]] | None = None
    for playlist in playlists:
        if any(movie not in lengths for movie in playlist.movies):
            continue
        for padding in dict.fromkeys(p for p in (pad, PAD_FRAME) if p is not None):
            plan = plan_sections(playlist.movies, lengths, pad_frame=padding)
            at = {(part.movie, part.content) for part in plan}
            shifts = Counter(
                block.content_frame - content
                for block in blocks
                for name in (block.movie, *block.others)
                for movie, content in at
                if movie == name and abs(block.content_frame - content) <= EVENT_REACH
            )
            if not shifts:
                continue
            shift, agreeing = shifts.most_common(1)[0]
            if agreeing < len(blocks):
                continue
            rest = [
                Block(part.movie, part.content + shift, lengths[part.movie], "playlist")
                for part in plan
                if part.content + shift + lengths[part.movie] <= n_frames
            ]
            entry = (agreeing, -abs(len(plan) - len(rest)), playlist.name, padding, rest)
            if best is None or entry[:2] > best[:2]:
                best = entry
    return None if best is None else best[2:]


def _between_events(events: Int64Array, silent: Mapping[str, int]) -> list[Block]:
    """Blocks between two events that are as far apart as one movie is long."""
    found = []
    for first, stop in itertools.pairwise(events.tolist()):
        fitting = [name for name, length in silent.items() if abs(int(stop - first) - length) <= 1]
        if fitting:
            name, *others = sorted(fitting)
            found.append(Block(name, int(first), silent[name], "events", others=tuple(others)))
    return found


def _by_length(
    blocks: Sequence[Block], silent: Mapping[str, int], pad: int | None, n_frames: int
) -> list[Block]:
    """Blocks of one movie that fill exactly the gap between two others, or before the first one."""
    if pad is None:
        return []
    ordered = sorted(blocks, key=lambda block: block.content_frame)
    ends = [-pad - 1, *(block.end_frame for block in ordered)]
    begins = [*(block.content_frame for block in ordered), n_frames + pad + 1]
    found = []
    for end, begin in zip(ends, begins, strict=True):
        content = end + 2 * pad + 1
        left = begin - (2 * pad + 1) - content
        # What follows the last movie is open: the recording continues for some time. Before the first one
        # flips may have been counted wrongly.
        slack = (0, 2 * pad) if begin > n_frames else (-EVENT_REACH, EVENT_REACH) if end < 0 else (0, 0)
        fitting = {
            name: length
            for name, length in silent.items()
            if slack[0] <= left - length <= slack[1] and length > 0
        }
        if fitting:
            name, *others = sorted(fitting)
            place = content if begin > n_frames else begin - (2 * pad + 1) - fitting[name]
            found.append(Block(name, place, fitting[name], "length", others=tuple(others)))
    return found


def _without_overlap(blocks: list[Block], added: Iterable[Block]) -> list[Block]:
    kept = list(blocks)
    for new in added:
        if all(new.end_frame <= old.content_frame or old.end_frame <= new.content_frame for old in kept):
            kept.append(new)
    return kept


# -- what is left ------------------------------------------------------------------------------------------


def _unknown(light: FrameLight, blocks: Sequence[Block]) -> list[UnknownBlock]:
    """Stretches outside of all blocks in which the light changes."""
    levels = np.where(light.valid, light.mean, np.nan)
    if not np.isfinite(levels).any():
        return []
    low, high = np.nanquantile(levels, (0.001, 0.999))
    span = float(high - low)
    if span <= 0:
        return []
    free = np.ones(levels.size, bool)
    for block in blocks:
        free[max(block.content_frame, 0) : block.end_frame + 1] = False
    steps = np.abs(np.diff(levels, append=levels[-1:]))
    noise = float(np.nanmedian(steps))
    moving = np.flatnonzero(free & (np.nan_to_num(steps) > max(_CONSTANT_PART * span, 6 * noise)))
    if not moving.size:
        return []
    found = []
    for group in np.split(moving, np.flatnonzero(np.diff(moving) > light.search) + 1):
        first, stop = int(group[0]), int(group[-1]) + 2
        if stop - first < MIN_FRAMES or not free[first:stop].all():
            continue
        own = (levels[first:stop] - low) / span
        found.append(UnknownBlock(first, stop, float(np.nanmean(own)), float(np.nanstd(own)), _period(own)))
    return found


def _period(levels: FloatArray) -> float:
    """Frames after which a course repeats itself; NaN if it does not."""
    centred = np.nan_to_num(levels - np.nanmean(levels))
    size = 1 << int(np.ceil(np.log2(2 * centred.size)))
    spectrum = np.abs(np.fft.rfft(centred, size)) ** 2
    overlap = np.arange(centred.size, 0, -1)
    correlation = np.fft.irfft(spectrum)[: centred.size] / overlap
    correlation = correlation[: centred.size // 2] / max(float(correlation[0]), 1e-12)
    below = np.flatnonzero(correlation < 0)
    if not below.size:
        return float("nan")
    lag = int(below[0]) + int(np.argmax(correlation[below[0] :]))
    return float(lag) if correlation[lag] > 0.5 else float("nan")
