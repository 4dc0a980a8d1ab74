"""What was said to be shown against what was recorded: the light of each display frame against the movie.

The mean of the light channel over each display frame is regressed on the movie's mean level of each frame,
with one gain for each colour, at every place of the recording. Where a movie fits at another place than the
one that playlist and lengths say, or another movie fits at its place, that is told to the frame.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.regularity import frame_regularity

__all__ = [
    "AlignedSection",
    "FrameLight",
    "LevelCourse",
    "LightFit",
    "StatedSection",
    "align_sections",
    "course_of_colours",
    "frame_light",
    "irregular_flips",
    "is_informative",
    "is_inverted",
    "light_delay_frames",
    "only_place",
]

SEARCH_S = 3.0
CHANCE = 99.9
RESIDUAL_RATIO = 0.7
MIN_LEVEL_SD = 0.01
MIN_FRAMES = 30
ONE_PLACE = 30
SHORT_PART = 0.1
INVERTED_ABOVE = 0.05
MAX_DELAY_ERROR = 0.02

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Said = Literal["lost", "late", "not known", "double"]
State = Literal["checked", "lag", "elsewhere", "other movie", "not checkable"]


@dataclass(frozen=True, eq=False)
class FrameLight:
    """The light of each display frame.

    Attributes
    ----------
    mean
        float64 (n_frames,): mean of the light channel while the frame was shown; for the last one up to the
        end of the usual interval. Interpolated where `valid` is False.
    valid
        bool (n_frames,): False across gaps and pauses.
    interval_s
        Usual duration of a frame in seconds.
    """

    mean: FloatArray
    valid: npt.NDArray[np.bool_]
    interval_s: float

    @property
    def search(self) -> int:
        """Frames by which a section may be off to be searched near its place: 3 s."""
        return round(SEARCH_S / self.interval_s)


@dataclass(frozen=True, eq=False)
class LevelCourse:
    """The level of each frame of a movie, one column for each gain.

    Attributes
    ----------
    name
        Name of the movie.
    levels
        float64 (n_frames, n_gains), parts of full scale.
    """

    name: str
    levels: FloatArray

    @property
    def total(self) -> FloatArray:
        """float64 (n_frames,): the sum over the columns."""
        total: FloatArray = self.levels.sum(axis=1)
        return total

    def same_as(self, other: LevelCourse) -> bool:
        """Whether two movies have one course of levels, so that their light cannot be told apart."""
        return self.total.shape == other.total.shape and bool(np.allclose(self.total, other.total, atol=2e-3))


@dataclass(frozen=True)
class StatedSection:
    """Where a movie is said to have been shown.

    Attributes
    ----------
    movie, occurrence
        Name, and number of the showing from 1.
    content
        Display frame of the movie's first image.
    length
        Frames that were shown.
    position
        How many movies came before it.
    """

    movie: str
    occurrence: int
    content: int
    length: int
    position: int

    @property
    def label(self) -> str:
        """How the showing is named in messages: ``movie`` or ``movie#2``."""
        return self.movie if self.occurrence == 1 else f"{self.movie}#{self.occurrence}"


@dataclass(frozen=True)
class AlignedSection:
    """What the light says of one showing.

    Attributes
    ----------
    section
        What was stated.
    state
        "checked": the light fits where it was said to; "lag": it fits up to 3 s earlier or later;
        "elsewhere": it fits at another place of the recording; "other movie": it is the light of another
        movie; "not checkable": the light cannot tell.
    lag
        Frames by which the light of the compared part comes later than counted; 0 unless the state is "lag"
        or "elsewhere".
    begin
        First frame of the movie that was compared: 0 unless flips are missing or double in the section.
    r
        Correlation of light and movie at `lag` (signed); NaN if not checkable.
    sharpness
        Residual sum of squares at `lag` divided by that one frame beside it; NaN if not checkable.
    shows
        Names of the movies whose light it is, for "other movie"; these have the same course of levels.
    delay_frames
        By which part of a frame the light comes later than its flip, beside the lag; NaN if not known.
    reason
        Why it is not checkable; empty otherwise.
    undecided
        Whether the light contradicts the stated place, or may do so, and does not fit one other place only.
    supports
        Lags that fit about as well as the best one, from -3 s to 3 s: a common lag among them is not
        contradicted by this section.
    """

    @property
    def place(self) -> int:
        """Display frame at which the light of the compared part begins."""
        return self.section.content + self.begin + self.lag

    @property
    def counted_from(self) -> int:
        """Display frame up to which irregular flips count as before the compared part."""
        return self.section.content + self.begin if self.begin else self.place

    section: StatedSection
    state: State
    lag: int = 0
    begin: int = 0
    r: float = float("nan")
    sharpness: float = float("nan")
    shows: tuple[str, ...] = ()
    delay_frames: float = float("nan")
    reason: str = ""
    undecided: bool = False
    supports: frozenset[int] = field(default=frozenset(), repr=False)


def frame_light(
    light: npt.NDArray[Any],
    frames: npt.NDArray[Any],
    segments: npt.ArrayLike | None = None,
    fs: float = 1.0,
) -> FrameLight:
    """Average the light channel over each display frame.

    Parameters
    ----------
    light
        (n_samples,) light channel, NaN where nothing was recorded.
    frames
        (n_frames,) samples of the flips, ascending.
    segments
        (n, 2) recorded ranges of samples; None: all.
    fs
        Acquisition rate in Hz.
    """
    times = np.asarray(frames).astype(np.int64)
    regularity = frame_regularity(times, segments)
    interval = max(regularity.nominal_interval, 1.0) if times.size > 1 else 1.0
    # A frame begins with the sample after the step's index, and the last one has the usual duration.
    edges = np.append(times, times[-1:] + round(interval)) + 1
    edges = np.minimum(edges, light.size)
    duration = np.diff(edges)
    mean = np.full(times.size, np.nan)
    shown = np.flatnonzero(duration > 0)
    for chunk in np.array_split(shown, max(shown.size >> 10, 1)):
        if chunk.size:
            first, last = edges[chunk[0]], edges[chunk[-1] + 1]
            part = light[first:last].astype(np.float64)
            # Sums of single frames: a sample that is not a number spoils its own frame only.
            mean[chunk] = np.add.reduceat(part, edges[chunk] - first) / duration[chunk]
    valid = np.isfinite(mean) & (duration > 0)
    for border in (regularity.runs[1:, 0] - 1, np.searchsorted(times, regularity.pauses[:, 0])):
        valid[border] = False
    if valid.any() and not valid.all():
        mean = np.interp(np.arange(mean.size), np.flatnonzero(valid), mean[valid])
    return FrameLight(mean, valid, interval / fs)


def course_of_colours(
    name: str, levels: FloatArray, colours: Iterable[tuple[str, int, int]] = ()
) -> LevelCourse:
    """Return a movie's course of levels with a column for each colour, and one for frames without a colour.

    Parameters
    ----------
    name
        Name of the movie.
    levels
        float64 (n_frames,) mean level of each frame.
    colours
        Colour, and first and last + 1 frame of the movie in which it is shown.
    """
    spans = [(colour, first, last) for colour, first, last in colours if colour.lower() != "white"]
    names = list(dict.fromkeys(colour for colour, _, _ in spans))
    columns = np.zeros((levels.size, len(names) + 1))
    columns[:, -1] = levels
    for colour, first, last in spans:
        columns[first:last, names.index(colour)] = levels[first:last]
        columns[first:last, -1] = 0.0
    return LevelCourse(name, columns[:, np.ptp(columns, axis=0) > 0] if columns.size else columns)


class LightFit:
    """How well movies fit the light of a recording at every place.

    Parameters
    ----------
    light
        The light of each display frame.
    """

    def __init__(self, light: FrameLight) -> None:
        spread = float(np.std(light.mean[light.valid])) if light.valid.any() else 0.0
        centred = light.mean - (float(np.mean(light.mean[light.valid])) if light.valid.any() else 0.0)
        self.light = light
        self.spread = spread
        self.values: FloatArray = centred / spread if spread > 0 else np.zeros(light.mean.size)
        self._size = 1 << int(np.ceil(np.log2(max(2 * light.mean.size, 2))))
        self._spectrum = np.fft.rfft(self.values, self._size)
        self._sum = np.concatenate(([0.0], np.cumsum(self.values)))
        self._squares = np.concatenate(([0.0], np.cumsum(self.values**2)))
        self._invalid = np.concatenate(([0], np.cumsum(~light.valid)))

    @property
    def n_frames(self) -> int:
        """Display frames of the recording."""
        return int(self.values.size)

    def everywhere(self, levels: FloatArray) -> FloatArray:
        """Return the explained part of the variance with the movie's first frame at each display frame.

        Least squares with one gain per column and a constant, by the fast Fourier transform. Negative where
        the light is dark when the movie is bright; NaN where the window is not valid throughout.

        Parameters
        ----------
        levels
            float64 (n, n_gains).

        Returns
        -------
        ndarray
            float64 (n_frames - n + 1,), empty if the movie is longer than the recording.
        """
        n = len(levels)
        places = self.n_frames - n + 1
        if places <= 0 or n < 2:
            return np.empty(0)
        centred = levels - levels.mean(axis=0)
        gram = centred.T @ centred
        products = np.empty((places, levels.shape[1]))
        for column in range(levels.shape[1]):
            spectrum = np.conj(np.fft.rfft(centred[:, column], self._size))
            products[:, column] = np.fft.irfft(self._spectrum * spectrum, self._size)[:places]
        explained = np.einsum("pi,ij,pj->p", products, np.linalg.pinv(gram), products)
        sums = self._sum[n:] - self._sum[:places]
        total = self._squares[n:] - self._squares[:places] - sums**2 / n
        # A window in which the light is all but constant tells nothing of any movie.
        part = np.where(total > 1e-9 * n, explained / np.maximum(total, 1e-9 * n), 0.0)
        signed = np.clip(part, 0.0, 1.0) * np.where(products.sum(axis=1) < 0, -1.0, 1.0)
        signed[self._invalid[n:] > self._invalid[:places]] = np.nan
        return signed

    def near(self, levels: FloatArray, place: int, reach: int) -> tuple[Int64Array, FloatArray]:
        """Return the places within `reach` of one, and the explained part of the variance at each."""
        low = max(place - reach, 0)
        high = min(place + reach + len(levels), self.n_frames)
        window = FrameLight(self.values[low:high], self.light.valid[low:high], self.light.interval_s)
        if high - low < len(levels) or not window.valid.any():
            return np.empty(0, dtype=np.int64), np.empty(0)
        values = LightFit(window).everywhere(levels)
        return np.arange(low, low + values.size), values


def is_inverted(light: FrameLight, courses: Iterable[LevelCourse]) -> bool:
    """Whether the light channel falls where the movies are bright.

    So it is if, summed over the movies, the best place of the recording explains clearly more of the
    light's variance with a negative gain than with a positive one.

    Parameters
    ----------
    light
        The light of each display frame.
    courses
        Movies that were shown.
    """
    fit = LightFit(light)
    gain = []
    for course in courses:
        explained = fit.everywhere(course.levels) if is_informative(course.levels) else np.empty(0)
        if np.isfinite(explained).any():
            gain.append(np.nanmax(-explained) - np.nanmax(explained))
    return bool(gain) and float(np.mean(gain)) > INVERTED_ABOVE


def align_sections(
    light: FrameLight,
    sections: Sequence[StatedSection],
    courses: Mapping[str, LevelCourse | str],
    others: Callable[[], Iterable[LevelCourse]] = tuple,
    breaks: npt.ArrayLike = (),
) -> list[AlignedSection]:
    """Compare each showing of a movie with the light.

    In this order, with the part of the variance that the movie explains at each place of the recording: a
    movie whose level varies by less than 1 % (standard deviation), or a light that is constant, is not
    checkable. A lag within 3 s is claimed if it exceeds the 99.9 % quantile of all places, its residual sum
    of squares is at most 0.7 of that at the stated place and of that at every place more than 30 frames away
    (other periods of a periodic movie), and both halves of the section give it; if less than half of the
    section can be compared, but 240 frames, no other place may explain 10 % more of the variance. Otherwise
    the movie is searched for in the whole recording with the same claims to make, if half of it can be
    compared. Otherwise the section is checked if the stated place exceeds that quantile and no other place
    is better by that ratio.
    Otherwise other movies are searched for near the stated place.

    Then the lags of the other movies are tried: one of them is taken where it fits better, by that ratio if
    the section was checked. A section whose best place has rivals is not decided. Nor is one in which the
    display or the recording paused, unless the movie fits its stated place before and after the pause.

    Parameters
    ----------
    light
        The light of each display frame.
    sections
        What is said to have been shown.
    courses
        Movie name to its levels, or to the reason why they are not known.
    others
        Returns other movies that may have been shown; called only if a section does not fit.
    breaks
        Display frames with which the counting restarts, after missing or with double flips: a section is
        compared up to its first one if that suffices, otherwise in its longest part.
    """
    fit = LightFit(light)
    aligner = _Aligner(fit, sections, courses, others, np.sort(np.asarray(breaks, dtype=np.int64)))
    return aligner.join([aligner.align(section) for section in sections])


def only_place(light: FrameLight, course: LevelCourse, first: int = 0) -> int | None:
    """Return the display frame at which a movie begins, if its light clearly fits one place only.

    The best place must exceed the 99.9 % quantile of all places, leave at most 0.7 of the residual sum of
    squares of the best place more than 3 s away, and be that of both halves of the movie.

    Parameters
    ----------
    light
        The light of each display frame.
    course
        The movie.
    first
        Display frame from which the movie is searched for.
    """
    fit = LightFit(light)
    everywhere = fit.everywhere(course.levels)
    if not is_informative(course.levels) or not np.isfinite(everywhere[first:]).any():
        return None
    places = np.arange(first, everywhere.size)
    best = _best(everywhere, places)
    away = _best(everywhere, places[np.abs(places - (best or 0)) > light.search])
    rival = 0.0 if away is None else everywhere[away]
    aligner = _Aligner(fit, (), {}, tuple, np.empty(0, dtype=np.int64))
    if best is None or everywhere[best] <= float(np.nanpercentile(everywhere, CHANCE)):
        return None
    return best if aligner.claimed(course.levels, everywhere[best], rival, best) else None


@dataclass(frozen=True, eq=False)
class _Part:
    """What of a section is compared, and how well it fits at every place."""

    section: StatedSection
    begin: int
    levels: FloatArray
    everywhere: FloatArray
    whole: FloatArray  # The same, across pauses.
    recorded: int  # Frames of the section within the recording.

    @property
    def place(self) -> int:
        """Display frame at which the part is said to begin."""
        return self.section.content + self.begin

    @property
    def is_most(self) -> bool:
        """Whether it is at least half of what was recorded of the section: no short part between flips."""
        return 2 * len(self.levels) >= self.recorded


class _Aligner:
    """Compares sections with the light; keeps what several of them need."""

    def __init__(
        self,
        fit: LightFit,
        sections: Sequence[StatedSection],
        courses: Mapping[str, LevelCourse | str],
        others: Callable[[], Iterable[LevelCourse]],
        breaks: Int64Array,
    ) -> None:
        self.fit = fit
        self.sections = sections
        self.courses = courses
        self.breaks = breaks
        self._others = others
        self._parts: dict[StatedSection, _Part] = {}
        valid = np.ones_like(fit.light.valid)
        # Where nothing was interpolated both are one.
        self._across = fit if fit.light.valid.all() else LightFit(replace(fit.light, valid=valid))
        self._library: list[tuple[LevelCourse, FloatArray, float]] | None = None

    def align(self, section: StatedSection) -> AlignedSection:
        course = self.courses.get(section.movie, "its movie does not exist")
        if isinstance(course, str):
            return AlignedSection(section, "not checkable", reason=course)
        begin, levels = self._part(section, course)
        if not is_informative(levels):
            return AlignedSection(section, "not checkable", reason="its mean level does not change")
        if self._constant(section, len(levels)):
            return AlignedSection(section, "not checkable", reason="the light channel is constant")
        everywhere = self.fit.everywhere(levels)
        if not np.isfinite(everywhere).any():
            return AlignedSection(section, "not checkable", reason="it is not recorded without a gap")
        whole = everywhere if self._across is self.fit else self._across.everywhere(levels)
        recorded = min(len(course.levels), section.length, self.fit.n_frames - section.content)
        part = _Part(section, begin, levels, everywhere, whole, recorded)
        pauses = np.flatnonzero(~self.fit.light.valid[part.place : part.place + len(levels) - 1]) + 1
        if pauses.size:
            if self._continued(part, pauses):
                return self._found(replace(part, everywhere=whole), "checked", part.place)
            return _undecided(section, "the display or the recording paused during it")
        self._parts[section] = part
        chance = float(np.nanpercentile(everywhere, CHANCE))
        near = self._near(everywhere, part.place)
        best = _best(everywhere, near)
        stated = _at(everywhere, part.place)
        contradicted = False
        if best is not None and best != part.place and everywhere[best] > chance:
            contradicted = self.claimed(levels, everywhere[best], stated, best)
            rival = self._rival(part, best)
            alone = _clearly(everywhere[best], rival)
            if not part.is_most and len(levels) >= 8 * MIN_FRAMES:
                # A part is alike in all periods of the movie: only a far better place speaks against it.
                alone = rival - everywhere[best] < SHORT_PART
            if contradicted and alone:
                return self._found(part, "lag", best)
        shows = self._other_movie(section, course, max(stated, 0.0))[0] if stated <= chance else ()
        taken = self._places_of_other_showings(section, begin)
        away = _best(everywhere, np.setdiff1d(np.arange(everywhere.size), np.union1d(near, taken)))
        if away is not None and everywhere[away] > chance and part.is_most:
            alone = _clearly(everywhere[away], self._rival(part, away))
            if alone and self.claimed(levels, everywhere[away], stated, away):
                return self._found(part, "elsewhere", away, shows)
        beaten = part.is_most and _clearly(self._rival(part, part.place), stated)
        if stated > chance and not contradicted and not beaten:
            return self._found(part, "checked", part.place)
        if shows:
            r = float(np.sign(stated) * np.sqrt(abs(stated)))
            return AlignedSection(section, "other movie", r=r, shows=shows)
        if contradicted or stated > chance:
            return _undecided(section, "its light fits several other places about as well")
        return AlignedSection(section, "not checkable", reason="its light is not told from noise")

    def join(self, found: Sequence[AlignedSection]) -> list[AlignedSection]:
        """Give sections that do not have one clear place the lag of other sections, where that fits."""
        placed = [entry for entry in found if entry.state in ("checked", "lag", "elsewhere")]
        joined = []
        for entry in found:
            part = self._parts.get(entry.section)
            lags = Counter(other.lag for other in placed if other is not entry)
            if part is None or entry.state == "other movie" or (entry not in placed and not entry.undecided):
                lags.clear()
            fitting = (lag for lag, _ in lags.most_common() if part and self._fits_better(part, entry, lag))
            lag = next(fitting, None)
            if lag is not None and part is not None:
                state: State = "lag" if abs(lag) <= self.fit.light.search else "elsewhere"
                entry = self._found(part, state if lag else "checked", part.place + lag)
            joined.append(entry)
        return joined

    def _fits_better(self, part: _Part, entry: AlignedSection, lag: int) -> bool:
        """Whether a section fits the lag of others better than what was found for it."""
        place = part.place + lag
        value = _at(part.everywhere, place)
        if lag == entry.lag and not entry.undecided:
            return False
        if value <= float(np.nanpercentile(part.everywhere, CHANCE)):
            return False
        if entry.undecided:
            better = value >= max(self._rival(part, place), _at(part.everywhere, part.place))
        else:
            now = _at(part.everywhere, part.place + entry.lag)
            better = _clearly(value, now) if entry.state == "checked" else value >= now
        return better and self._halves_agree(part.levels, place)

    def _rival(self, part: _Part, place: int) -> float:
        """Return the best fit more than 30 frames from a place, where the movie is not shown again."""
        places = np.arange(part.whole.size)
        taken = self._places_of_other_showings(part.section, part.begin)
        places = np.setdiff1d(places[np.abs(places - place) > ONE_PLACE], taken)
        best = _best(part.whole, places)
        return 0.0 if best is None else float(part.whole[best])

    def _continued(self, part: _Part, pauses: Int64Array) -> bool:
        """Whether the movie waited in pauses: it fits its stated place before and after them."""
        borders = [0, *pauses.tolist(), len(part.levels)]
        asked = 0
        for first, stop in itertools.pairwise(borders):
            levels = part.levels[first:stop]
            if len(levels) < MIN_FRAMES or not is_informative(levels):
                continue
            asked += 1
            places, values = self._across.near(levels, part.place + first, self.fit.light.search)
            if not values.size or int(places[np.argmax(values)]) != part.place + first:
                return False
        return asked == len(borders) - 1

    def _part(self, section: StatedSection, course: LevelCourse) -> tuple[int, FloatArray]:
        """Return the first frame and the levels of what is compared: a part without irregular flips."""
        shown = min(len(course.levels), section.length, max(self.fit.n_frames - section.content, 0))
        reach = self.fit.light.search
        if shown == self.fit.n_frames - section.content and shown > 4 * reach:
            shown -= reach
        inside = self.breaks[(self.breaks > section.content) & (self.breaks < section.content + shown)]
        if not inside.size:
            return 0, course.levels[:shown]
        borders = np.unique([0, *(inside - section.content), shown])
        parts = [(int(a), course.levels[a:b]) for a, b in itertools.pairwise(borders)]
        begin, levels = parts[0]
        if len(levels) >= 4 * MIN_FRAMES and is_informative(levels):
            return begin, levels
        return max(parts, key=lambda part: (is_informative(part[1]), len(part[1])))

    def _constant(self, section: StatedSection, n_frames: int) -> bool:
        first = max(section.content - self.fit.light.search, 0)
        seen = self.fit.values[first : section.content + n_frames + self.fit.light.search]
        return self.fit.spread == 0 or not seen.size or float(np.ptp(seen)) < 1e-6

    def _near(self, everywhere: FloatArray, place: int) -> Int64Array:
        reach = self.fit.light.search
        return np.arange(max(place - reach, 0), max(min(place + reach + 1, everywhere.size), 0))

    def _places_of_other_showings(self, section: StatedSection, begin: int) -> Int64Array:
        reach = self.fit.light.search
        ranges = [
            np.arange(max(other.content + begin - reach, 0), other.content + begin + reach + 1)
            for other in self.sections
            if other.movie == section.movie and other.occurrence != section.occurrence
        ]
        return np.concatenate(ranges) if ranges else np.empty(0, dtype=np.int64)

    def claimed(self, levels: FloatArray, found: float, stated: float, place: int) -> bool:
        """Whether a place is so much better than the stated one that it is claimed."""
        return _clearly(found, stated) and self._halves_agree(levels, place)

    def _halves_agree(self, levels: FloatArray, place: int) -> bool:
        middle = len(levels) // 2
        asked = 0
        for first, part in ((0, levels[:middle]), (middle, levels[middle:])):
            if len(part) < MIN_FRAMES or not is_informative(part):
                continue
            asked += 1
            places, values = self.fit.near(part, place + first, self.fit.light.search)
            if not values.size or not np.isfinite(values).any():
                return False
            if int(places[np.nanargmax(values)]) != place + first:
                return False
        return asked > 0

    def _found(self, part: _Part, state: State, place: int, shows: tuple[str, ...] = ()) -> AlignedSection:
        everywhere = part.everywhere
        explained = everywhere[place]
        beside = max(_at(everywhere, place - 1), _at(everywhere, place + 1), 0.0)
        near = self._near(everywhere, part.place)
        best = np.nanmax(everywhere[near]) if near.size else explained
        fits = near[1 - np.maximum(everywhere[near], 0.0) <= (1 - best) / RESIDUAL_RATIO + 1e-12]
        return AlignedSection(
            part.section,
            state,
            place - part.place,
            part.begin,
            float(np.sign(explained) * np.sqrt(abs(explained))),
            float((1 - max(explained, 0.0)) / max(1 - beside, 1e-12)),
            shows,
            light_delay_frames(self.fit.light, part.levels, place),
            supports=frozenset((fits - part.place).tolist() if state != "elsewhere" else ()),
        )

    def _other_movie(
        self, section: StatedSection, course: LevelCourse, stated: float
    ) -> tuple[tuple[str, ...], int]:
        """Return the movies whose light it is, and the lag at which it is; none if there is no such movie."""
        found: list[tuple[float, int, LevelCourse]] = []
        for other, everywhere, chance in self._movies():
            if other.name == section.movie or other.same_as(course):
                continue
            best = _best(everywhere, self._near(everywhere, section.content))
            if best is None or everywhere[best] <= chance:
                continue
            part = everywhere[best]
            clear = 1 - part <= RESIDUAL_RATIO * (1 - stated) or part >= 2 * max(chance, stated)
            if clear and self._halves_agree(other.levels, best):
                found.append((float(part), best - section.content, other))
        if not found:
            return (), 0
        _, lag, winner = max(found, key=lambda entry: entry[0])
        alike = [other.name for _, _, other in found if other is winner or other.same_as(winner)]
        return tuple(sorted(alike)), lag

    def _movies(self) -> list[tuple[LevelCourse, FloatArray, float]]:
        if self._library is None:
            self._library = []
            known = {course.name: course for course in self.courses.values() if not isinstance(course, str)}
            for course in self._others():
                known.setdefault(course.name, course)
            for course in known.values():
                if not is_informative(course.levels):
                    continue
                everywhere = self.fit.everywhere(course.levels)
                if np.isfinite(everywhere).any():
                    chance = float(np.nanpercentile(everywhere, CHANCE))
                    self._library.append((course, everywhere, chance))
        return self._library


def is_informative(levels: FloatArray) -> bool:
    """Return whether a course of levels, (frames, channels), varies enough for the light to tell of it."""
    return len(levels) >= MIN_FRAMES and float(np.std(levels.sum(axis=1))) >= MIN_LEVEL_SD


def _clearly(found: float, other: float) -> bool:
    """Whether a place fits clearly better than another one."""
    return 1 - found <= RESIDUAL_RATIO * (1 - max(other, 0.0)) and found > other


def _undecided(section: StatedSection, why: str) -> AlignedSection:
    return AlignedSection(section, "not checkable", reason=why, undecided=True)


def _best(everywhere: FloatArray, places: Int64Array) -> int | None:
    values = everywhere[places]
    if not values.size or not np.isfinite(values).any():
        return None
    return int(places[np.nanargmax(values)])


def _at(everywhere: FloatArray, place: int) -> float:
    value = float(everywhere[place]) if 0 <= place < everywhere.size else 0.0
    return value if np.isfinite(value) else 0.0


def light_delay_frames(light: FrameLight, levels: FloatArray, place: int) -> float:
    """Return by which part of a frame the light comes later than the flips.

    Light that comes a part p of a frame late mixes the levels of two frames: (1 - p) of the frame and p of
    the one before. The fitted levels and those one frame earlier and later are regressed on the light.

    Parameters
    ----------
    light
        The light of each display frame.
    levels
        float64 (n, n_gains): levels of the movie.
    place
        Display frame of its first image.

    Returns
    -------
    float
        -0.5 to 0.5; NaN where the standard error exceeds 0.02 frames.
    """
    seen = light.mean[place : place + len(levels)]
    design = np.column_stack((levels[: seen.size], np.ones(seen.size)))
    gains, *_ = np.linalg.lstsq(design, seen, rcond=None)
    fitted = design @ gains
    if seen.size < MIN_FRAMES or not light.valid[place : place + seen.size].all():
        return float("nan")
    taps = np.column_stack((fitted[:-2], fitted[1:-1], fitted[2:], np.ones(seen.size - 2)))
    weights, *_ = np.linalg.lstsq(taps, seen[1:-1], rcond=None)
    residual = seen[1:-1] - taps @ weights
    spread = float(residual @ residual) / max(seen.size - 6, 1)
    total = float(weights[:3].sum())
    if total <= 0 or not np.ptp(fitted) > 0:
        return float("nan")
    delay = float(weights[0] - weights[2]) / total
    gradient = np.array([1 - delay, -delay, -1 - delay, 0.0]) / total
    variance = float(gradient @ np.linalg.pinv(taps.T @ taps) @ gradient) * spread
    error = math.sqrt(max(variance, 0.0))
    return delay if error <= MAX_DELAY_ERROR else float("nan")


def irregular_flips(
    light: FrameLight,
    breaks: npt.ArrayLike,
    counts: npt.ArrayLike,
    aligned: Sequence[AlignedSection],
    courses: Mapping[str, LevelCourse | str],
) -> list[Said]:
    """Say of each interval that is too long whether its flips were lost or its frame was shown late.

    If flips were lost, the movie went on and is ahead after the interval; if a frame was late, the movie
    waited. Inside a movie both are compared with the light beside the interval, between movies the lags of
    the movies before and after it.

    Parameters
    ----------
    light
        The light of each display frame.
    breaks
        (k,) first display frame after each interval, ascending; a double flip is its own.
    counts
        (k,) refreshes by which each interval is too long; -1 for a double flip.
    aligned
        What `align_sections` says of the sections.
    courses
        Movie name to its levels, or to why they are not known.

    Returns
    -------
    list
        "lost", "late" or "not known" of each interval; "double" of a double flip.
    """
    places = np.asarray(breaks, dtype=np.int64)
    missing = np.asarray(counts, dtype=np.int64)
    said: list[Said] = ["double" if count < 0 else "not known" for count in missing.tolist()]
    fits = [entry for entry in aligned if entry.state in ("checked", "lag")]
    fits.sort(key=lambda entry: entry.section.content)
    fit = LightFit(light)
    for entry in fits:
        course = courses[entry.section.movie]
        assert not isinstance(course, str)
        _inside(fit, course.levels, entry, places, missing, said)
    # What is still open is settled by the lags of the parts that were compared, if all of it is of one kind.
    lag, since = 0, -1  # Before the first movie nothing is known of a lag: it is taken to be 0.
    for entry in fits:
        between = np.flatnonzero((places > since) & (places <= entry.counted_from)).tolist()
        shifted = sum(int(missing[index]) for index in between if said[index] in ("lost", "double"))
        rest = [index for index in between if said[index] == "not known"]
        if_late = lag - shifted
        if_lost = if_late - sum(int(missing[index]) for index in rest)
        fitting = [expected for expected in {if_late, if_lost} if expected in (entry.supports or {entry.lag})]
        if len(fitting) == 2:
            continue  # The next movie may tell.
        if rest and fitting:
            for index in rest:
                said[index] = "lost" if fitting == [if_lost] else "late"
        lag, since = fitting[0] if fitting else entry.lag, entry.counted_from
    return said


def _inside(
    fit: LightFit,
    levels: FloatArray,
    entry: AlignedSection,
    places: Int64Array,
    missing: Int64Array,
    said: list[Said],
) -> None:
    """Decide on the intervals within a section, outwards from the compared part."""
    first = entry.place - entry.begin
    stop = first + min(len(levels), entry.section.length)
    mine = np.flatnonzero((places > first) & (places < stop)).tolist()
    later = [index for index in mine if places[index] > entry.counted_from]
    ahead = 0
    for index, following in itertools.pairwise([*later, -1]):
        until = stop if following < 0 else int(places[following])
        count = int(missing[index])
        if count > 0:
            said[index] = _lost_or_late(fit, levels, int(places[index]), until, ahead - first, count)
        if said[index] == "not known":
            # What comes after it is not known either; the lag of the next movie may tell.
            break
        ahead += count if said[index] in ("lost", "double") else 0
    behind = 0
    earlier = [index for index in mine if places[index] <= entry.counted_from]
    for position in range(len(earlier) - 1, -1, -1):
        index = earlier[position]
        since = int(places[earlier[position - 1]]) if position else max(first - fit.light.search, 0)
        count = int(missing[index])
        if count > 0:
            said[index] = _lost_or_late(fit, levels, since, int(places[index]), behind - first, -count)
        if said[index] == "not known":
            break
        behind -= count if said[index] in ("lost", "double") else 0


def _lost_or_late(fit: LightFit, levels: FloatArray, first: int, stop: int, offset: int, count: int) -> Said:
    """Compare the light of display frames [first, stop) with both courses; movie frame = frame + `offset`.

    `count` is by how many frames the movie is further if flips were lost; negative before the interval.
    """
    first = max(first, -offset - min(count, 0), 0)
    stop = min(stop, len(levels) - offset - max(count, 0), fit.n_frames)
    if stop - first < MIN_FRAMES or not fit.light.valid[first:stop].all():
        return "not known"
    seen = fit.values[first:stop]
    rest = []
    for ahead in (0, count):
        part = levels[first + offset + ahead : stop + offset + ahead]
        if not is_informative(part):
            return "not known"
        design = np.column_stack((part, np.ones(len(part))))
        gains, *_ = np.linalg.lstsq(design, seen, rcond=None)
        rest.append(float(np.sum((seen - design @ gains) ** 2)))
    late, lost = rest
    if lost <= RESIDUAL_RATIO * late:
        return "lost"
    return "late" if late <= RESIDUAL_RATIO * lost else "not known"
