"""What a recording and the stimulus library tell of what was shown: light, digital events, movies.

It is read once; proposals and checks of blocks work on it without opening a file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hdmea.pipeline.light_check import irregular_frames, movie_course
from hdmea.pipeline.run import run_step
from hdmea.pipeline.session import PipelineSession, create_session
from hdmea.recordings.pairing import kind_of
from hdmea.stimuli.alignment import (
    AlignedSection,
    FrameLight,
    LevelCourse,
    LightFit,
    StatedSection,
    align_sections,
    frame_light,
    is_informative,
    is_inverted,
)
from hdmea.stimuli.definition import StimulusDefinition
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.light import block_mean
from hdmea.stimuli.playlist import Playlist
from hdmea.stimuli.regularity import frame_regularity
from hdmea.stimuli.sections import PAD_FRAME, plan_sections
from hdmea.stimulus_setup.blocks import Block, numbered
from hdmea.stimulus_setup.proposal import Proposal, propose_stimuli
from hdmea.utils.exceptions import ConfigurationError, HDMEAError, MissingInputError
from hdmea.utils.fixes import Advice, ChooseFile, Either, Fix

__all__ = [
    "BlockCheck",
    "RecordedStimulus",
    "blocks_of_playlist",
    "check_blocks",
    "look_at",
    "propose",
    "renewed",
]

CLOCK_HZ = 1000.0
"""Ticks per second of the clock of recordings without display frames."""
_LOAD, _READ = 0.4, 0.9
_SECOND = 60
_CHOOSE = Either((ChooseFile("cmcr_path"), Advice("Write the list of stimuli by hand.")))
_DISPLAY = Advice("Give the rate of the display, another sync channel or frame clock to load_recording.")

Progress = Callable[[float, str], None]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RecordedStimulus:
    """What is known of the stimulus of one recording.

    Attributes
    ----------
    recording
        The raw recording, or the file that was asked for where that is not known.
    dataset_id
        Name of the recording.
    clock
        "display": places and lengths count display frames; "time": there is no display, they are
        milliseconds.
    light
        Light of each display frame or millisecond; nothing is valid without a light channel.
    frame_time_s
        float64 (n_frames,): when each display frame was shown.
    events
        int64 (k,): display frame of each digital event, ascending.
    event_labels
        What the file calls each event; its number where it has no name.
    courses
        Movie name to the levels of its frames.
    unusable
        Movie name to the reason why its levels are not known.
    lengths
        Movie name to its stated number of frames.
    playlists
        Known playlists.
    definitions
        Movie name to its definition.
    breaks
        int64: first display frame after each irregular interval.
    problem, fix
        Why nothing can be proposed, empty if it can, and what to do.
    """

    recording: Path
    dataset_id: str
    clock: Literal["display", "time"]
    light: FrameLight
    frame_time_s: FloatArray
    events: npt.NDArray[np.int64]
    event_labels: tuple[str, ...] = ()
    courses: Mapping[str, LevelCourse] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    playlists: tuple[Playlist, ...] = ()
    definitions: Mapping[str, StimulusDefinition] = field(default_factory=dict)
    breaks: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    problem: str = ""
    fix: Fix | None = None

    @property
    def n_frames(self) -> int:
        """Display frames of the recording."""
        return len(self.frame_time_s)

    @property
    def frame_rate_hz(self) -> float:
        """Display frames per second; milliseconds without a display."""
        if self.n_frames <= _SECOND:
            return 1 / self.light.interval_s
        # Over many frames: single intervals are whole samples.
        spans = self.frame_time_s[_SECOND:] - self.frame_time_s[:-_SECOND]
        return _SECOND / float(np.median(spans))

    def time_s(self, frame: int) -> float:
        """Return when a display frame was shown; beyond the last one counted on."""
        if not self.n_frames:
            return frame * self.light.interval_s
        inside = min(max(frame, 0), self.n_frames - 1)
        return float(self.frame_time_s[inside]) + (frame - inside) * self.light.interval_s

    def frame_at(self, time_s: float) -> int:
        """Return the display frame that was shown next to a time."""
        middle = (self.frame_time_s[1:] + self.frame_time_s[:-1]) / 2
        return int(np.searchsorted(middle, time_s))

    def length_of(self, movie: str) -> int | None:
        """Return the frames of a movie: as stated, else those of its file; None if not known."""
        course = self.courses.get(movie)
        return self.lengths.get(movie, None if course is None else len(course.levels))

    @property
    def movies(self) -> tuple[str, ...]:
        """Names of all movies that anything is known of, sorted."""
        return tuple(sorted({*self.courses, *self.unusable, *self.lengths, *self.definitions}))


@dataclass(frozen=True, eq=False)
class BlockCheck:
    """What the light says of one block.

    Attributes
    ----------
    state
        As of `hdmea.stimuli.alignment.AlignedSection`.
    lag
        Display frames by which the light comes later than the block says.
    r
        Correlation of light and movie at the lag; NaN if the light cannot tell.
    best_lag, best_r
        Lag within 3 s at which the light fits best, and the correlation there, also where that is not
        enough to claim it; NaN without levels that change.
    shows
        Movies whose light it is, for "other movie".
    reason
        Why the light cannot tell; empty otherwise.
    curve
        float64 (n,): the movie's level in the units of the light, one value for each frame of the block;
        empty without a movie.
    """

    state: str
    lag: int = 0
    r: float = float("nan")
    best_lag: int = 0
    best_r: float = float("nan")
    shows: tuple[str, ...] = ()
    reason: str = ""
    curve: FloatArray = field(default_factory=lambda: np.empty(0))


def look_at(
    source: str | Path | PipelineSession,
    *,
    stimuli_dir: str | Path | None = None,
    config_dir: str | Path | None = None,
    load: Mapping[str, Any] | None = None,
    progress: Progress = lambda _fraction, _text: None,
    cancel: threading.Event | None = None,
) -> RecordedStimulus:
    """Read light, digital events and the movies of the library.

    Parameters
    ----------
    source
        A raw recording, a result file of it, or a session; one that is not loaded stays so.
    stimuli_dir, config_dir
        Folders of further movies and definitions.
    load
        Parameters of `load_recording` that say how light and display are recorded, where that is not loaded.
    progress
        Called with a fraction and a text; may raise to stop.
    cancel
        Set when the reading should stop.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataLoadError
        If it cannot be read.
    StepCancelled
        If it was stopped.
    """
    session, recording = _loaded(source, load or {}, progress, cancel)
    library = StimulusLibrary.for_recording(
        session.source_files, stimuli_dir=stimuli_dir, config_dir=config_dir
    )
    progress(_LOAD, "light")
    seen = _signals(session, recording)
    courses: dict[str, LevelCourse] = {}
    unusable: dict[str, str] = {}
    try:
        lengths, playlists = library.known_lengths(), tuple(library.playlists().values())
    except ConfigurationError as error:
        lengths, playlists = {}, ()
        unusable["playlist.csv"] = error.message
    movies = library.movies()
    for done, movie in enumerate(movies):
        progress(_LOAD + (_READ - _LOAD) * done / len(movies), movie)
        course = movie_course(library, movie)
        if isinstance(course, str):
            unusable[movie] = course
        else:
            courses[movie] = course
    definitions = _definitions(library, courses, lengths)
    return replace(
        seen,
        courses=courses,
        unusable=unusable,
        lengths=lengths,
        playlists=playlists,
        definitions=definitions,
    )


def propose(known: RecordedStimulus, progress: Progress = lambda _fraction, _text: None) -> Proposal:
    """Propose which movie was shown when.

    Parameters
    ----------
    known
        From `look_at`.
    progress
        Called with a fraction and a text; may raise to stop.

    Raises
    ------
    MissingInputError
        If there is no light channel or there are no display frames.
    """
    if known.problem:
        raise MissingInputError(known.problem, path=known.recording, fix=known.fix)
    return propose_stimuli(
        known.light,
        known.courses.values(),
        known.lengths,
        known.playlists,
        known.events,
        lambda fraction: progress(fraction, "light against movies"),
    )


def blocks_of_playlist(
    known: RecordedStimulus, playlist: Playlist, pad_frame: int = PAD_FRAME
) -> tuple[Block, ...]:
    """Return the movies of a playlist where the formula of playlists puts them.

    Parameters
    ----------
    known
        From `look_at`; knows the lengths.
    playlist
        The playlist.
    pad_frame
        Frames before and after each movie.

    Raises
    ------
    ConfigurationError
        If the length of a movie is not known.
    """
    lengths = {movie: length for movie in playlist.movies if (length := known.length_of(movie)) is not None}
    plan = plan_sections(playlist.movies, lengths, pad_frame=pad_frame)
    blocks = [Block(part.movie, part.content, lengths[part.movie], "playlist") for part in plan]
    return numbered(blocks, known.events)


def renewed(known: RecordedStimulus, movie: str, library: StimulusLibrary) -> RecordedStimulus:
    """Return what is known with one movie and its definition read again, after they were written.

    Parameters
    ----------
    known
        From `look_at`.
    movie
        Name of the movie.
    library
        Where it is looked up.
    """
    courses, unusable = dict(known.courses), dict(known.unusable)
    courses.pop(movie, None)
    unusable.pop(movie, None)
    if library.find_movie(movie) is not None:
        course = movie_course(library, movie)
        (unusable if isinstance(course, str) else courses)[movie] = course  # type: ignore[assignment]
    definitions = {name: known.definitions[name] for name in known.definitions if name != movie}
    changed = replace(known, courses=courses, unusable=unusable)
    try:
        found = library.definition(movie, changed.length_of(movie))
    except (HDMEAError, OSError):
        return replace(changed, definitions=definitions)
    return replace(changed, definitions={**definitions, movie: found.definition})


def check_blocks(known: RecordedStimulus, blocks: Sequence[Block]) -> tuple[BlockCheck, ...]:
    """Compare blocks with the light, as `add_section_time` does with its sections.

    Parameters
    ----------
    known
        From `look_at`.
    blocks
        In the order of time.
    """
    if known.clock == "time" or not known.light.valid.any():
        return tuple(BlockCheck("not checkable", reason=known.problem) for _ in blocks)
    light = known.light
    movies = dict.fromkeys(block.movie for block in blocks)
    if is_inverted(light, [known.courses[movie] for movie in movies if movie in known.courses]):
        light = replace(light, mean=-light.mean)
    courses: dict[str, LevelCourse | str] = {
        movie: known.courses.get(movie, known.unusable.get(movie, "its movie file does not exist"))
        for movie in movies
    }
    stated = [
        StatedSection(block.movie, block.occurrence, block.content_frame, block.length, position)
        for position, block in enumerate(blocks)
    ]
    aligned = align_sections(light, stated, courses, lambda: known.courses.values(), known.breaks)
    fit = LightFit(light)
    return tuple(_checked(known, fit, block, found) for block, found in zip(blocks, aligned, strict=True))


def _checked(known: RecordedStimulus, fit: LightFit, block: Block, found: AlignedSection) -> BlockCheck:
    course = known.courses.get(block.movie)
    if course is None:
        return BlockCheck(found.state, reason=found.reason)
    best_lag, best_r = 0, float("nan")
    levels = course.levels[: block.length]
    if is_informative(levels):
        places, values = fit.near(levels, block.content_frame, known.light.search)
        if values.size and np.isfinite(values).any():
            best = int(np.nanargmax(values))
            best_lag, best_r = int(places[best]) - block.content_frame, float(np.sqrt(max(values[best], 0.0)))
    curve = _curve(known.light, course, block, best_lag)
    return BlockCheck(found.state, found.lag, found.r, best_lag, best_r, found.shows, found.reason, curve)


def _curve(light: FrameLight, course: LevelCourse, block: Block, lag: int) -> FloatArray:
    """Return a movie's levels in the units of the light, by least squares where its light is."""
    levels = course.levels[: block.length]
    columns = np.column_stack((levels, np.ones(len(levels))))
    first = block.content_frame + lag
    place = np.arange(first, first + len(levels))
    inside = (place >= 0) & (place < light.mean.size)
    inside[inside] = light.valid[place[inside]]
    if not inside.any():
        return np.empty(0)
    gains = np.linalg.lstsq(columns[inside], light.mean[place[inside]], rcond=None)[0]
    curve: FloatArray = columns @ gains
    return curve


def _loaded(
    source: str | Path | PipelineSession,
    load: Mapping[str, Any],
    progress: Progress,
    cancel: threading.Event | None,
) -> tuple[PipelineSession, Path]:
    """Return a session with light and display frames, and the recording that it is of."""
    if isinstance(source, PipelineSession):
        raw = source.source_files.get("cmcr_path") or source.source_files.get("cmtr_path")
        path = Path(str(raw)) if raw else source.default_path
        if "load_recording" in source.completed_steps or source.stimulus.get("light_reference"):
            return source, path
        session = create_session(source.dataset_id)
        session.source_files.update(source.source_files)
    else:
        path = Path(source)
        if kind_of(path) is None:
            session = PipelineSession.load(path, lazy=True)
            return session, Path(str(session.source_files.get("cmcr_path") or path))
        session = create_session(None, **{f"{kind_of(path)}_path": path})
    kind = kind_of(path)
    parameters = {**load, f"{kind}_path": path, "find_partner": kind == "cmtr"}
    run_step(
        session,
        "load_recording",
        parameters,
        progress=lambda event: progress(_LOAD * event.fraction, event.text),
        cancel=cancel,
        logged=False,
    )
    return session, path


def _signals(session: PipelineSession, recording: Path) -> RecordedStimulus:
    """Return what the recording alone tells."""
    light = session.stimulus.get("light_reference", {}).get("raw_ch1")
    frames = np.asarray(session.metadata.get("frame_timestamps", ())).astype(np.int64)
    system = session.metadata.get("sys_meta", {})
    only_sync = system.get("light_channel") == system.get("sync_channel", -1)
    rate = session.acquisition_rate
    events = session.stimulus.get("digital_events") or {}
    times = np.asarray(events.get("time_us", ()), np.float64) / 1e6
    order = np.argsort(times, kind="stable")
    numbers = np.asarray(events.get("event_id", np.zeros(times.size)), np.int64)
    labels = [str(name) for name in events.get("label", ())]
    names = tuple((labels[k] if k < len(labels) else "") or f"event {numbers[k]}" for k in order.tolist())
    problem = ""
    fix: Fix | None = None
    if light is None or only_sync:
        problem, fix = f"{recording.name} has no light channel, so nothing can be proposed.", _CHOOSE
    elif not frames.size:
        reason = session.metadata.get("frame_detection", {}).get("reason", "no display was recognised")
        problem, fix = f"{recording.name} has no display frames: {reason}.", _DISPLAY
    if not frames.size:
        ticks = np.arange(round(session.duration_s * CLOCK_HZ)) / CLOCK_HZ
        return RecordedStimulus(
            recording,
            session.dataset_id,
            "time",
            _light_over_time(light, rate, ticks.size),
            ticks,
            np.rint(times[order] * CLOCK_HZ).astype(np.int64),
            names,
            problem=problem,
            fix=fix,
        )
    segments = session.metadata.get("segments")
    dark = np.full(int(frames[-1]) + 1, np.nan, np.float32)
    seen = frame_light(dark if light is None or only_sync else np.asarray(light), frames, segments, rate)
    # An event belongs to the flip that it is nearest to.
    marks = np.searchsorted(frames, times[order] * rate - 0.5 * seen.interval_s * rate)
    breaks, _ = irregular_frames(frame_regularity(frames, segments), frames)
    return RecordedStimulus(
        recording,
        session.dataset_id,
        "display",
        seen,
        frames / rate,
        marks.astype(np.int64),
        names,
        breaks=breaks,
        problem=problem,
        fix=fix,
    )


def _light_over_time(light: Any, rate: float, size: int) -> FrameLight:
    if light is None:
        return FrameLight(np.zeros(size), np.zeros(size, bool), 1 / CLOCK_HZ)
    means = block_mean(np.asarray(light), rate, min(CLOCK_HZ, rate))
    values = np.interp(np.arange(size) / CLOCK_HZ, np.arange(means.values.size) / means.rate, means.values)
    return FrameLight(np.nan_to_num(values), np.isfinite(values), 1 / CLOCK_HZ)


def _definitions(
    library: StimulusLibrary, courses: Mapping[str, LevelCourse], lengths: Mapping[str, int]
) -> dict[str, StimulusDefinition]:
    found = {}
    for movie in sorted({*courses, *lengths, *library.defined()}):
        length = lengths.get(movie, len(courses[movie].levels) if movie in courses else None)
        try:
            found[movie] = library.definition(movie, length).definition
        except (HDMEAError, OSError):
            # A movie without one has no trials; one that is damaged is named when a step needs it.
            continue
    return found
