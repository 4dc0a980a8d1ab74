"""The light of a recording against what was said to be shown: what `add_section_time` stores and tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.alignment import (
    AlignedSection,
    LevelCourse,
    StatedSection,
    align_sections,
    course_of_colours,
    frame_light,
    irregular_flips,
    is_inverted,
    only_place,
)
from hdmea.stimuli.alignment_report import AlignmentReport, FlipDecision, report
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.movies import LightSpot, check_axes, movie_levels, open_movie
from hdmea.stimuli.regularity import FrameRegularity, frame_regularity
from hdmea.stimuli.sections import (
    PAD_FRAME,
    MovieSections,
    PlannedSection,
    locate_sections,
    plan_sections,
)
from hdmea.utils.exceptions import HDMEAError, StepCancelled

__all__ = [
    "LightCheck",
    "check_default_playlist",
    "check_light",
    "library_courses",
    "movie_course",
    "offer_anchors",
]

Key = tuple[str, int]


@dataclass(frozen=True)
class LightCheck:
    """What the light says of the sections of a recording.

    Attributes
    ----------
    sections
        Movie and occurrence to what the light says of it.
    report
        What is told, and the marks.
    lags
        Movie and occurrence to the frames by which it was shown later than counted, where that is known.
    late_at
        int64 (k,): samples of the frames before intervals that are late frames.
    npy_lengths
        Movie name to the number of frames of its file.
    """

    sections: Mapping[Key, AlignedSection] = field(default_factory=dict)
    report: AlignmentReport = field(default_factory=AlignmentReport)
    lags: Mapping[Key, int] = field(default_factory=dict)
    late_at: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    npy_lengths: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_placed(self) -> int:
        """Showings whose light was found near their place."""
        return sum(entry.state in ("checked", "lag") for entry in self.sections.values())


def check_default_playlist(
    light: npt.NDArray[Any],
    frames: npt.NDArray[Any],
    segments: npt.ArrayLike | None,
    fs: float,
    source_files: Mapping[str, Any],
) -> LightCheck:
    """Compare the light with the only playlist that is known, with the usual paddings; nothing without one.

    Parameters
    ----------
    light, frames, segments, fs
        As of `check_light`.
    source_files
        ``session.source_files``: where the recording is.
    """
    try:
        library = StimulusLibrary.for_recording(source_files)
        movies = library.playlist().movies
        lengths = library.movie_lengths(movies).frames
        located = locate_sections(plan_sections(movies, lengths), frames, segments)
    except (HDMEAError, OSError):
        return LightCheck()
    if not located.movies:
        return LightCheck()
    return check_light(light, frames, segments, fs, located.movies, lengths, library, pad_frame=PAD_FRAME)


def movie_course(
    library: StimulusLibrary, movie: str, spot: LightSpot | None = None, length: int | None = None
) -> LevelCourse | str:
    """Return the levels of a movie with its colours, or why they are not known.

    Parameters
    ----------
    library
        Where the movie and its definition are looked up.
    movie
        Name of the movie.
    spot
        What the photodiode sees; None: the full field.
    length
        Stated number of frames; None: not known.
    """
    try:
        path = library.movie_path(movie)
        if length is not None:
            check_axes(open_movie(path), length, path)
        levels = movie_levels(path, spot)
    except FileNotFoundError:
        return "its movie file does not exist"
    except StepCancelled:
        raise
    except (HDMEAError, OSError) as error:
        return f"its movie file cannot be used: {error}"
    return course_of_colours(movie, levels, _colours(library, movie, levels.size))


def library_courses(
    library: StimulusLibrary, spot: LightSpot | None = None
) -> Callable[[], Iterable[LevelCourse]]:
    """Return what yields the levels of all movies of a library; movies that cannot be used are left out."""

    def courses() -> Iterable[LevelCourse]:
        for movie in library.movies():
            course = movie_course(library, movie, spot)
            if not isinstance(course, str):
                yield course

    return courses


def _colours(library: StimulusLibrary, movie: str, length: int) -> list[tuple[str, int, int]]:
    """Return the colours of a movie's frames, from the events of its definition."""
    try:
        definition = library.definition(movie, length).definition
    except (HDMEAError, OSError):
        return []
    layout = definition.section_kwargs
    spans = []
    for trial in range(layout.n_trials):
        start = layout.start_frame + trial * layout.trial_length_frame
        start += (trial // layout.repeat) * layout.group_gap
        spans += [
            (event.color, start + event.start_frame, start + event.end_frame)
            for event in definition.events
            if event.color is not None
        ]
    return spans


def check_light(
    light: npt.NDArray[Any],
    frames: npt.NDArray[Any],
    segments: npt.ArrayLike | None,
    fs: float,
    located: Mapping[str, MovieSections],
    lengths: Mapping[str, int],
    library: StimulusLibrary,
    *,
    pad_frame: int,
    display_latency_frames: int | None = None,
    spot: LightSpot | None = None,
    shifted: bool = False,
) -> LightCheck:
    """Compare the sections of a recording with its light channel.

    Parameters
    ----------
    light
        (n_samples,) light channel.
    frames
        (n_frames,) samples of the display frames.
    segments
        (n, 2) recorded ranges of samples, or None.
    fs
        Acquisition rate in Hz.
    located
        Movie name to its sections.
    lengths
        Movie name to its stated length.
    library
        Where movies and definitions are looked up.
    pad_frame
        Frames before and after each movie by which the sections were planned.
    display_latency_frames
        Frames by which the display is known to follow its flips.
    spot
        What the photodiode sees; None: the full field.
    shifted
        Whether sections will be shifted by what is found: that is information then, and no warning.
    """
    seen = frame_light(light, frames, segments, fs)
    regularity = frame_regularity(frames, segments)
    stated = _stated(located, lengths)
    courses = {movie: movie_course(library, movie, spot, lengths[movie]) for movie in located}
    known = [course for course in courses.values() if not isinstance(course, str)]
    inverted = is_inverted(seen, known)
    if inverted:
        seen = replace(seen, mean=-seen.mean)
    times = np.asarray(frames).astype(np.int64)
    breaks, counts = irregular_frames(regularity, times)
    aligned = align_sections(seen, stated, courses, library_courses(library, spot), breaks)
    said_of_flips = irregular_flips(seen, breaks, counts, aligned, courses)
    flips = [
        FlipDecision(int(frame), int(count), decision, float(times[frame] / fs))
        for frame, count, decision in zip(breaks, counts, said_of_flips, strict=True)
    ]
    npy_lengths = {
        movie: len(course.levels) for movie, course in courses.items() if not isinstance(course, str)
    }
    said = report(
        aligned,
        interval_s=seen.interval_s,
        pad_frame=pad_frame,
        flips=flips,
        display_latency_frames=display_latency_frames,
        npy_lengths=npy_lengths,
        known_lengths=library.known_lengths(),
        shifted=shifted,
    )
    if inverted:
        said.information.append("The light channel falls where the movies are bright: it is read inverted.")
    late = np.array([times[flip.frame - 1] for flip in flips if flip.said == "late"], dtype=np.int64)
    sections = {(entry.section.movie, entry.section.occurrence): entry for entry in aligned}
    return LightCheck(sections, said, said.lags, late, npy_lengths)


def offer_anchors(
    light: npt.NDArray[Any],
    frames: npt.NDArray[Any],
    segments: npt.ArrayLike | None,
    fs: float,
    refused: Sequence[PlannedSection],
    library: StimulusLibrary,
    spot: LightSpot | None = None,
) -> dict[str, int]:
    """Find where the light of movies begins that have no section because a data gap comes before them.

    Parameters
    ----------
    light, frames, segments, fs, library, spot
        As of `check_light`.
    refused
        Showings without a section, in their order.

    Returns
    -------
    dict
        Label of the showing to the sample of its first image, as `reanchor` takes it; only where the movie
        fits one place of the recording clearly better than all others.
    """
    times = np.asarray(frames).astype(np.int64)
    seen = frame_light(light, frames, segments, fs)
    runs = frame_regularity(frames, segments).runs
    found: dict[str, int] = {}
    first = int(runs[0, 1]) if len(runs) > 1 else times.size
    for section in refused:
        course = movie_course(library, section.movie, spot)
        if isinstance(course, str):
            continue
        place = only_place(seen, course, first)
        if place is not None:
            found[section.label] = int(times[place])
            first = place + len(course.levels)
    return found


def _stated(located: Mapping[str, MovieSections], lengths: Mapping[str, int]) -> list[StatedSection]:
    rows = [
        (int(content), movie, int(occurrence))
        for movie, sections in located.items()
        for content, occurrence in zip(sections.content_frame, sections.occurrence, strict=True)
    ]
    return [
        StatedSection(movie, occurrence, content, lengths[movie], position)
        for position, (content, movie, occurrence) in enumerate(sorted(rows))
    ]


def irregular_frames(
    regularity: FrameRegularity, times: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first display frame after each irregular interval, and its surplus of refreshes."""
    frames = np.concatenate(
        (np.searchsorted(times, regularity.missing_at) + 1, np.searchsorted(times, regularity.double_at))
    )
    counts = np.concatenate((regularity.missing_count, np.full(regularity.double_at.size, -1)))
    order = np.argsort(frames, kind="stable")
    return frames[order].astype(np.int64), counts[order].astype(np.int64)
