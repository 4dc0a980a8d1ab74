"""The step that says when each movie of a playlist was shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hdmea.declare import StepParams, step
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.forecast import DISPLAY_HZ, recording_size
from hdmea.pipeline.light_check import LightCheck, check_light, offer_anchors
from hdmea.pipeline.session import PipelineSession
from hdmea.stimuli.alignment_report import FRAMES_CORRECTED
from hdmea.stimuli.calibration import read_light_spot
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.light import light_template
from hdmea.stimuli.movies import LightSpot
from hdmea.stimuli.sections import (
    AFTER_GAP,
    LocatedSections,
    MovieSections,
    PlannedSection,
    locate_sections,
    parse_anchors,
    plan_sections,
)
from hdmea.stimuli.shown import plan_shown, read_shown, shown_in_time
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ConfigurationError, MismatchError, MissingFileError, MissingInputError
from hdmea.utils.fixes import Advice, SetParameter

__all__ = ["SectionTimeParams", "add_section_time"]

_FRAMES: dict[str, Any] = {"unit": "frames"}
# What is chosen for one recording is not taken for the next.
_FILE: dict[str, Any] = {"advanced": True, "affects_result": False, "of_recording": True}


class SectionTimeParams(StepParams):
    """Parameters of `add_section_time`."""

    playlist_name: str | None = Field(
        None,
        title="Playlist",
        description="Name of the playlist that was shown; by default the only one there.",
        json_schema_extra={"names": "playlist"},
    )
    playlist_file_path: str | Path | None = Field(
        None,
        title="Playlist file",
        description="playlist.csv; by default beside the recording, then in the stimulus library.",
        json_schema_extra=_FILE,
    )
    movie_length_file_path: str | Path | None = Field(
        None,
        title="Movie lengths",
        description="movie_length.csv; by default beside the recording, then in the stimulus library.",
        json_schema_extra=_FILE,
    )
    repeats: int = Field(1, ge=1, title="Repeats", description="How often the whole playlist was shown.")
    pad_frame: int = Field(
        180,
        ge=0,
        title="Padding",
        description="Frames before and after each movie.",
        json_schema_extra=_FRAMES,
    )
    pre_margin_frame_num: int = Field(
        60,
        ge=0,
        title="Margin before",
        description="Frames of a section before its movie.",
        json_schema_extra=_FRAMES,
    )
    post_margin_frame_num: int = Field(
        120,
        ge=0,
        title="Margin after",
        description="Frames of a section after its movie.",
        json_schema_extra=_FRAMES,
    )
    reanchor: dict[str, int] | None = Field(
        None,
        title="Re-anchor",
        description="After a gap in the recording: movie (its second showing: movie#2) to the sample at "
        "which its first image was shown. Later movies are counted on from there.",
        json_schema_extra={"unit": "samples", "advanced": True, "of_recording": True},
    )
    align: Literal["none", "light"] = Field(
        "none",
        title="Align",
        description="Where the recorded light of a movie fits at another display frame than counted: leave "
        "the section where it is and mark it, or shift it (light).",
        json_schema_extra={"advanced": True},
    )
    stimuli_path: str | Path | None = Field(
        None,
        title="List of stimuli",
        description="A list of what was shown (.stimuli.json), which is used in place of a playlist.",
        json_schema_extra={"advanced": True, "affects_result": False, "of_recording": True},
    )
    display_latency_frames: int | None = Field(
        None,
        title="Display latency",
        description="Frames by which the light of this display is known to follow its flips; nothing is "
        "said of that lag.",
        json_schema_extra={"advanced": True, "unit": "frames"},
    )
    light_delay: Literal["none", "measured"] | float = Field(
        "none",
        title="Light delay",
        description="Delay of the light after its flip within a frame, which is subtracted from latencies: "
        "none, the delay measured in each section, or milliseconds.",
        json_schema_extra={"advanced": True, "unit": "ms"},
    )
    calibration_path: str | Path | None = Field(
        None,
        title="Calibration",
        description="Stimulus calibration with the light_spot that the photodiode sees; by default it sees "
        "the full field.",
        json_schema_extra={"advanced": True, "affects_result": False},
    )


@dataclass(frozen=True)
class _Shown:
    """What was said to be shown: the plan, the lengths that were stated, and the files that say so."""

    name: str
    plan: list[PlannedSection]
    lengths: Mapping[str, int]
    paths: tuple[Path, ...]
    from_playlist: bool


def _library(session: PipelineSession, params: SectionTimeParams) -> StimulusLibrary:
    return StimulusLibrary.for_recording(
        session.source_files,
        playlist_file_path=params.playlist_file_path,
        movie_length_file_path=params.movie_length_file_path,
    )


def _list_of_stimuli(session: PipelineSession, params: SectionTimeParams) -> Path | None:
    """Return the list of what was shown: the one that is named; if no playlist is, the recording's."""
    if params.stimuli_path is not None:
        return Path(params.stimuli_path)
    if params.playlist_name is not None or params.playlist_file_path is not None:
        return None
    return _library(session, params).shown_path(session.dataset_id)


def _counts_in_time(session: PipelineSession, path: Path | None) -> bool:
    """Whether there is no display, and a list of stimuli that can do without: it has times and durations."""
    if (
        path is None
        or "frame_timestamps" in session.metadata
        or "load_recording" not in session.completed_steps
    ):
        return False
    return any(entry.duration_s is not None for entry in read_shown(path))


def _put_sections_in_time(session: PipelineSession, path: Path, ctx: StepContext) -> None:
    """Put sections that are defined in samples; each is one trial."""
    n_samples = round(session.duration_s * session.acquisition_rate)
    found = shown_in_time(read_shown(path), session.acquisition_rate, n_samples)
    if not found:
        raise MismatchError(
            f"Nothing of {path.name} was shown within this recording.",
            parameter="stimuli_path",
            path=path,
            fix=Advice("Check that the list is of this recording."),
        )
    light = session.stimulus.get("light_reference", {}).get("raw_ch1")
    _remove_earlier(session, set(found), ctx)
    for movie, sections in found.items():
        attrs = {"source": str(path), "playlist": path.name, "trials": "samples"}
        ctx.put(AttrArray(sections, attrs), "stimulus", "section_time", movie)
        if light is not None:
            ctx.put(light_template(np.asarray(light), sections), "stimulus", "light_template", movie)


def _shown(session: PipelineSession, params: SectionTimeParams) -> _Shown:
    library = _library(session, params)
    margins = {
        "pre_margin_frame_num": params.pre_margin_frame_num,
        "post_margin_frame_num": params.post_margin_frame_num,
    }
    path = _list_of_stimuli(session, params)
    if path is not None:
        shown = read_shown(path)
        open_lengths = [entry.movie for entry in shown if entry.length is None]
        lengths = library.movie_lengths(open_lengths)
        plan = plan_shown(shown, lengths.frames, _frames(session), float(session.acquisition_rate), **margins)
        stated = {part.movie: part.end - part.content - params.post_margin_frame_num - 1 for part in plan}
        return _Shown(path.name, plan, stated, (path, *lengths.paths), from_playlist=False)
    playlist = library.playlist(params.playlist_name)
    lengths = library.movie_lengths(playlist.movies)
    plan = plan_sections(
        playlist.movies, lengths.frames, repeats=params.repeats, pad_frame=params.pad_frame, **margins
    )
    return _Shown(playlist.name, plan, lengths.frames, (playlist.path, *lengths.paths), from_playlist=True)


def _frames(session: PipelineSession) -> Any:
    reason = session.metadata.get("frame_detection", {}).get("reason")
    message = reason or "The recording has no display frames, which sections need."
    advice = Advice("Load the recording with a .cmcr file that has a frame sync channel.")
    fix = SetParameter("sync_channel", "load_recording") if reason else advice
    return session.require("metadata", "frame_timestamps", message=message, fix=fix)


def _resolve(session: PipelineSession, params: SectionTimeParams) -> SectionTimeParams:
    path = _list_of_stimuli(session, params)
    if "load_recording" in session.completed_steps and not _counts_in_time(session, path):
        # Said before a playlist is searched for: without frames none would help.
        _frames(session)
    if path is not None:
        return params.model_copy(update={"stimuli_path": path, "playlist_name": None})
    playlist = _library(session, params).playlist(params.playlist_name)
    return params.model_copy(update={"playlist_name": playlist.name})


def _input_files(session: PipelineSession, params: SectionTimeParams) -> Iterable[Path]:
    path = _list_of_stimuli(session, params)
    if path is not None and _counts_in_time(session, path):
        return [path]
    shown = _shown(session, params)
    if params.align != "light":
        return shown.paths
    library = _library(session, params)
    return [*shown.paths, *filter(None, map(library.find_movie, shown.lengths))]


def _forecast(session: PipelineSession, params: SectionTimeParams) -> int:
    """Size of the light templates, as long as the movies with their margins."""
    if _counts_in_time(session, _list_of_stimuli(session, params)):
        return 0
    shown = _shown(session, params)
    known = recording_size(session)
    margins = params.pre_margin_frame_num + params.post_margin_frame_num
    frames = sum(length + margins for length in shown.lengths.values())
    stamps = session.metadata.get("frame_timestamps", ())
    flips = np.asarray(stamps, np.float64)
    samples = float(np.median(np.diff(flips))) if flips.size > 1 else known.sampling_rate / DISPLAY_HZ
    return round(frames * samples * 4)


def _result(run: StepRun) -> bool:
    return bool(run.session.stimulus.get("section_time"))


@step(
    "add_section_time",
    title="Section times",
    params=SectionTimeParams,
    requires=("light",),
    provides=("stimulus/section_time", "stimulus/light_template"),
    version="1",
    positional=("playlist_name",),
    resolve=_resolve,
    inputs=_input_files,
    forecast=_forecast,
    refusals=(ConfigurationError, MismatchError, MissingFileError, MissingInputError),
    result=_result,
)
def add_section_time(session: PipelineSession, params: SectionTimeParams, ctx: StepContext) -> None:
    """Say when each movie of a playlist was shown, and average the light over its showings.

    Frames are counted through the playlist; `content_frame` of each section is the frame of the movie's
    first image. Sections that reach outside the recorded frames are clipped; movies after a gap in the
    recording have no section until they are re-anchored. Sections of `add_section_time_analog` stay. A list
    of stimuli with times and durations does without a display: each showing is one trial then.

    On a file: True when the sections are in place. A call without ``strict=True`` logs what follows as a
    warning, and returns False or the session as it was.

    Raises
    ------
    MissingInputError
        If the recording has no display frames, or all movies begin after a gap in it.
    ConfigurationError
        If there is no such playlist (the known ones are listed), or the length of a movie is not known.
    MismatchError
        If no movie of the playlist is within the recorded frames.
    """
    path = _list_of_stimuli(session, params)
    if path is not None and _counts_in_time(session, path):
        _put_sections_in_time(session, path, ctx)
        return
    frames = _frames(session)
    shown = _shown(session, params)
    segments = session.metadata.get("segments")
    anchors = parse_anchors(params.reanchor or {}, shown.plan)
    located = locate_sections(shown.plan, frames, segments, anchors=anchors)
    check = _check(session, params, shown, located, ctx)
    if check.late_at.size or (params.align == "light" and any(check.lags.values())):
        located = locate_sections(
            shown.plan,
            frames,
            segments,
            anchors=anchors,
            late_at=check.late_at,
            lags=check.lags if params.align == "light" else None,
        )
    _report(located, shown, ctx)
    offers = _offer(session, params, shown, located, ctx)
    _say(session, params, shown, check, ctx)
    _remove_earlier(session, set(located.movies), ctx)
    for movie, sections in located.movies.items():
        attrs = _attributes(sections, shown, movie)
        attrs |= _alignment(session, params, check, movie, sections)
        ctx.put(AttrArray(sections.samples, attrs), "stimulus", "section_time", movie)
    ctx.put(check.late_at, "metadata", "frame_detection", "late_at")
    if offers or "anchors" in session.metadata.get("frame_detection", {}):
        ctx.put(json.dumps(offers), "metadata", "frame_detection", "anchors")
    _put_light(session, located, ctx)


def _check(
    session: PipelineSession,
    params: SectionTimeParams,
    shown: _Shown,
    located: LocatedSections,
    ctx: StepContext,
) -> LightCheck:
    """Compare the sections with the light; nothing is known where there is no light channel of its own."""
    light = _light(session)
    if light is None or not located.movies:
        return LightCheck()
    ctx.checkpoint(0.1, "light against movies")
    return check_light(
        light,
        _frames(session),
        session.metadata.get("segments"),
        float(session.acquisition_rate),
        located.movies,
        shown.lengths,
        _library(session, params),
        pad_frame=params.pad_frame,
        display_latency_frames=params.display_latency_frames,
        spot=_spot(params),
        shifted=params.align == "light",
    )


def _light(session: PipelineSession) -> npt.NDArray[np.float32] | None:
    """Return the light channel, None without one of its own."""
    system = session.metadata.get("sys_meta", {})
    light = session.stimulus.get("light_reference", {}).get("raw_ch1")
    one_channel = system.get("light_channel") == system.get("sync_channel", -1)
    return None if light is None or one_channel else np.asarray(light)


def _spot(params: SectionTimeParams) -> LightSpot | None:
    return None if params.calibration_path is None else read_light_spot(params.calibration_path)


def _offer(
    session: PipelineSession,
    params: SectionTimeParams,
    shown: _Shown,
    located: LocatedSections,
    ctx: StepContext,
) -> dict[str, int]:
    """Say where the light of a movie begins that a data gap has left without a section, and return it."""
    light = _light(session)
    refused = [section for section in shown.plan if section.label in located.refused]
    if light is None or not refused or len(located.refused) == len(shown.plan):
        return {}
    rate, library = float(session.acquisition_rate), _library(session, params)
    segments = session.metadata.get("segments")
    offers = offer_anchors(light, _frames(session), segments, rate, refused, library, _spot(params))
    for label, sample in offers.items():
        ctx.inform(
            f"The light of {label} begins at sample {sample} ({sample / rate:.3f} s).",
            fix=SetParameter("reanchor", value={label: sample}),
        )
    return offers


def _say(
    session: PipelineSession,
    params: SectionTimeParams,
    shown: _Shown,
    check: LightCheck,
    ctx: StepContext,
) -> None:
    for message in check.report.warnings:
        ctx.warn(message)
    for message in check.report.information:
        ctx.inform(message)
    for movie, in_file in check.npy_lengths.items():
        stated = shown.lengths[movie]
        if in_file - stated not in (0, 1):
            ctx.warn(
                f"{movie}.npy has {in_file} frames, but {stated} are stated. If the file is what was shown, "
                "every later section is wrong.",
                fix=Advice("Correct movie_length.csv."),
            )
    if shown.from_playlist and shown.plan:
        last = shown.plan[-1]
        needed = last.content + shown.lengths[last.movie] + params.pad_frame + 1
        recorded = len(_frames(session))
        if abs(recorded - needed) > 2 * params.pad_frame:
            more = "more" if recorded > needed else "fewer"
            ctx.inform(
                f"The playlist takes {needed} display frames, {recorded} were recorded: "
                f"{abs(recorded - needed)} {more}."
            )


def _report(located: LocatedSections, shown: _Shown, ctx: StepContext) -> None:
    if not located.movies and set(located.refused.values()) == {AFTER_GAP}:
        raise MissingInputError(
            f"No movie of playlist {shown.name!r} has a section: all begin after gaps in the recording, "
            "across which the number of display frames is unknown.",
            fix=SetParameter("reanchor"),
        )
    if not located.movies:
        reasons = " ".join(f"{label}: {reason}" for label, reason in located.refused.items())
        raise MismatchError(
            f"No movie of playlist {shown.name!r} has a section in this recording. {reasons}",
            parameter="playlist_name",
            fix=Advice("Check that this playlist was shown."),
        )
    for message in located.warnings:
        ctx.warn(message)


def _remove_earlier(session: PipelineSession, kept: set[str], ctx: StepContext) -> None:
    """Remove what an earlier run left of movies that are in no section any more."""
    for movie, sections in session.stimulus.get("section_time", {}).items():
        if movie in kept or getattr(sections, "attrs", {}).get("trials") == "samples":
            continue
        for kind in ("section_time", "light_template", "trial_time"):
            ctx.remove("stimulus", kind, movie)
        for unit_id in session.units:
            ctx.remove("units", unit_id, "spike_times_sectioned", movie)


def _attributes(sections: MovieSections, shown: _Shown, movie: str) -> dict[str, Any]:
    return {
        "content_frame": sections.content_frame,
        "frame_shift": sections.frame_shift,
        "occurrence": sections.occurrence,
        "movie_length": shown.lengths[movie],
        "playlist": shown.name,
        "source": str(shown.paths[0]),
        "trials": "frames",
    }


def _alignment(
    session: PipelineSession,
    params: SectionTimeParams,
    check: LightCheck,
    movie: str,
    sections: MovieSections,
) -> dict[str, Any]:
    """Return what the light says of each section, and the marks of what is computed from it."""
    keys = [(movie, int(occurrence)) for occurrence in sections.occurrence]
    entries = [check.sections.get(key) for key in keys]
    detection = session.metadata.get("frame_detection", {})
    frame_ms = 1000 / detection["rate_hz"] if detection.get("rate_hz") else float("nan")
    marks = []
    for key in keys:
        own = list(check.report.marks.get(key, []))
        if params.align == "light" and check.lags.get(key, 0):
            # The shift mends what concerns the beginning of the section, not what happened during it.
            own = [(mark, cause) for mark, cause in own if "during it" in cause or "that of" in cause]
        if detection.get("corrected"):
            own.append((FRAMES_CORRECTED, "missing flips were inserted and double ones removed"))
        marks.append(json.dumps([{"mark": mark, "cause": cause} for mark, cause in own]))
    return {
        "alignment": [entry.state if entry else "not checkable" for entry in entries],
        "alignment_lag": np.array([check.lags.get(key, 0) for key in keys], dtype=np.int64),
        "alignment_r": np.array([entry.r if entry else np.nan for entry in entries]),
        "alignment_sharpness": np.array([entry.sharpness if entry else np.nan for entry in entries]),
        "light_delay_ms": np.array([entry.delay_frames * frame_ms if entry else np.nan for entry in entries]),
        "light_delay_taken_off_ms": _taken_off(params, check, movie, frame_ms),
        "aligned_by": params.align,
        "marks": marks,
    }


def _taken_off(params: SectionTimeParams, check: LightCheck, movie: str, frame_ms: float) -> float:
    """Return by how many milliseconds latencies of a movie are corrected.

    Measured: the median over its showings; over all movies where it has none; 0 where none has.
    """
    if params.light_delay == "none":
        return 0.0
    if params.light_delay != "measured":
        return float(params.light_delay)
    delays = {
        key: entry.delay_frames for key, entry in check.sections.items() if np.isfinite(entry.delay_frames)
    }
    own = [delay for (name, _), delay in delays.items() if name == movie] or list(delays.values())
    return float(np.median(own)) * frame_ms if own else 0.0


def _put_light(session: PipelineSession, located: LocatedSections, ctx: StepContext) -> None:
    light = session.stimulus.get("light_reference", {}).get("raw_ch1")
    if light is None:
        ctx.warn("There is no light signal: sections have no light template.")
        return
    values: npt.NDArray[np.float32] = np.asarray(light)
    for done, (movie, sections) in enumerate(located.movies.items()):
        ctx.checkpoint(done / len(located.movies), f"light during {movie}")
        ctx.put(light_template(values, sections.samples), "stimulus", "light_template", movie)
