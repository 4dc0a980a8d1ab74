"""The step that says when each movie of a playlist was shown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hdmea.pipeline.expected import DISPLAY_HZ, expected
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.step import StepContext, StepParams, StepRun, step
from hdmea.stimuli.library import MovieLengths, StimulusLibrary
from hdmea.stimuli.light import light_template
from hdmea.stimuli.playlist import Playlist
from hdmea.stimuli.sections import (
    LocatedSections,
    MovieSections,
    locate_sections,
    parse_anchors,
    plan_sections,
)
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import MismatchError

__all__ = ["SectionTimeParams", "add_section_time"]

_FRAMES: dict[str, Any] = {"unit": "frames"}
_FILE: dict[str, Any] = {"advanced": True, "affects_result": False}


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


def _library(session: PipelineSession, params: SectionTimeParams) -> StimulusLibrary:
    return StimulusLibrary.for_recording(
        session.source_files,
        playlist_file_path=params.playlist_file_path,
        movie_length_file_path=params.movie_length_file_path,
    )


def _shown(session: PipelineSession, params: SectionTimeParams) -> tuple[Playlist, MovieLengths]:
    library = _library(session, params)
    playlist = library.playlist(params.playlist_name)
    return playlist, library.movie_lengths(playlist.movies)


def _frames(session: PipelineSession) -> Any:
    hint = "the recording has no display frames; sections need a .cmcr with a frame sync channel"
    reason = session.metadata.get("frame_detection", {}).get("reason")
    if reason:
        hint = f"{reason} Sections need them"
    return session.require("metadata", "frame_timestamps", hint=hint)


def _resolve(session: PipelineSession, params: SectionTimeParams) -> SectionTimeParams:
    if "load_recording" in session.completed_steps:
        # Said before a playlist is looked for: without frames none would help.
        _frames(session)
    playlist = _library(session, params).playlist(params.playlist_name)
    return params.model_copy(update={"playlist_name": playlist.name})


def _input_files(session: PipelineSession, params: SectionTimeParams) -> Iterable[Path]:
    playlist, lengths = _shown(session, params)
    return [playlist.path, *lengths.paths]


def _forecast(session: PipelineSession, params: SectionTimeParams) -> int:
    """Size of the light templates, as long as the movies with their margins."""
    playlist, lengths = _shown(session, params)
    known = expected(session)
    margins = params.pre_margin_frame_num + params.post_margin_frame_num
    frames = sum(lengths.frames[movie] + margins for movie in set(playlist.movies))
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
    requires=("load_recording",),
    provides=("stimulus/section_time", "stimulus/light_template"),
    version="1",
    positional=("playlist_name",),
    resolve=_resolve,
    inputs=_input_files,
    forecast=_forecast,
    result=_result,
)
def add_section_time(session: PipelineSession, params: SectionTimeParams, ctx: StepContext) -> None:
    """Say when each movie of a playlist was shown, and average the light over its showings.

    Frames are counted through the playlist; `content_frame` of each section is the frame of the movie's
    first image. Sections that reach outside the recorded frames are clipped; movies after a gap in the
    recording have no section until they are re-anchored. Sections of `add_section_time_analog` stay.

    Returns True on a file when the sections are in place.

    Raises
    ------
    MissingInputError
        If the recording has no display frames.
    ConfigurationError
        If there is no such playlist (the known ones are listed), or the length of a movie is not known.
    MismatchError
        If no movie of the playlist lies within the recorded frames.
    """
    frames = _frames(session)
    playlist, lengths = _shown(session, params)
    plan = plan_sections(
        playlist.movies,
        lengths.frames,
        repeats=params.repeats,
        pad_frame=params.pad_frame,
        pre_margin_frame_num=params.pre_margin_frame_num,
        post_margin_frame_num=params.post_margin_frame_num,
    )
    located = locate_sections(
        plan,
        frames,
        session.metadata.get("segments"),
        anchors=parse_anchors(params.reanchor or {}, plan),
    )
    _report(located, playlist, ctx)
    _remove_earlier(session, set(located.movies), ctx)
    for movie, sections in located.movies.items():
        attrs = _attributes(sections, playlist, lengths, movie)
        ctx.put(AttrArray(sections.samples, attrs), "stimulus", "section_time", movie)
    _put_light(session, located, ctx)


def _report(located: LocatedSections, playlist: Playlist, ctx: StepContext) -> None:
    if not located.movies:
        reasons = " ".join(f"{label}: {reason}" for label, reason in located.refused.items())
        raise MismatchError(
            f"No movie of playlist {playlist.name!r} has a section in this recording. {reasons} Check that "
            "this playlist was shown."
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


def _attributes(
    sections: MovieSections, playlist: Playlist, lengths: MovieLengths, movie: str
) -> dict[str, Any]:
    return {
        "content_frame": sections.content_frame,
        "frame_shift": sections.frame_shift,
        "occurrence": sections.occurrence,
        "movie_length": lengths.frames[movie],
        "playlist": playlist.name,
        "source": str(playlist.path),
        "trials": "frames",
    }


def _put_light(session: PipelineSession, located: LocatedSections, ctx: StepContext) -> None:
    light = session.stimulus.get("light_reference", {}).get("raw_ch1")
    if light is None:
        ctx.warn("There is no light signal: sections have no light template.")
        return
    values: npt.NDArray[np.float32] = np.asarray(light)
    for done, (movie, sections) in enumerate(located.movies.items()):
        ctx.checkpoint(done / len(located.movies), f"light during {movie}")
        ctx.put(light_template(values, sections.samples), "stimulus", "light_template", movie)
