"""The step that cuts spikes into the trials of each movie."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from hdmea.declare import StepParams, step
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.results import SectionResult
from hdmea.pipeline.session import PipelineSession
from hdmea.results.sectioned import SectionedSpikes
from hdmea.results.sizes import estimate_nbytes
from hdmea.stimuli.definition import check_fits
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.sections import facts_of_section
from hdmea.stimuli.trials import (
    Trials,
    movie_trials,
    pad_samples,
    section_trials,
    trial_ranges,
    trial_windows,
)
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import (
    MismatchError,
    MissingInputError,
    MissingStimulusError,
    ValidationError,
)
from hdmea.utils.fixes import Advice, ChooseFile, Either, RunStep, SetParameter

__all__ = ["SectionSpikesParams", "section_spike_times"]

_UNITS_PER_REPORT = 64


class SectionSpikesParams(StepParams):
    """Parameters of `section_spike_times`."""

    movie_names: tuple[str, ...] | None = Field(
        None,
        title="Movies",
        description="Movies to cut; by default all that have sections and a definition.",
        json_schema_extra={"names": "movie"},
    )
    trial_repeats: int = Field(
        3,
        title="Trial repeats",
        description="Without effect: the stimulus definition says how often a movie repeats.",
        json_schema_extra={"advanced": True, "affects_result": False, "deprecated": True},
    )
    pad_margin: tuple[float, float] = Field(
        (0.0, 0.0),
        title="Padding",
        description="Time before and after each trial from which spikes are taken too.",
        json_schema_extra={"unit": "s"},
    )
    config_dir: str | Path | None = Field(
        None,
        title="Definitions",
        description="Folder of <movie>.json; by default config/stimuli beside the recording, then the "
        "stimulus library, then what comes with the program.",
        json_schema_extra={"advanced": True, "affects_result": False, "of_recording": True},
    )

    @field_validator("pad_margin")
    @classmethod
    def _pads_are_times(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= pad < float("inf") for pad in value):
            raise ValueError("must be two times of 0 s or more")
        return value

    @model_validator(mode="after")
    def _warn_of_repeats(self) -> Self:
        if "trial_repeats" in self.model_fields_set:
            warnings.warn(
                "trial_repeats has no effect: the stimulus definition's section_kwargs say how often a "
                "movie repeats.",
                DeprecationWarning,
                stacklevel=2,
            )
        return self


def _sections(session: PipelineSession) -> Mapping[str, Any]:
    sections: Mapping[str, Any] = session.stimulus.get("section_time") or {}
    if not sections:
        raise MissingInputError("There are no section times.", fix=RunStep("add_section_time"))
    return sections


def _library(session: PipelineSession, params: SectionSpikesParams) -> StimulusLibrary:
    return StimulusLibrary.for_recording(session.source_files, config_dir=params.config_dir)


def _attrs(sections: Any) -> Mapping[str, Any]:
    attrs: Mapping[str, Any] = getattr(sections, "attrs", {})
    return attrs


def _in_samples(sections: Any) -> bool:
    return _attrs(sections).get("trials") == "samples"


def _length(section: Any) -> int | None:
    stated = _attrs(section).get("movie_length")
    return None if stated is None else int(stated)


def _input_files(session: PipelineSession, params: SectionSpikesParams) -> Iterable[Path]:
    """Return the definitions of all movies, so that choosing among them does not change the digest."""
    library = _library(session, params)
    paths = (
        library.definition_path(movie, _length(section)) for movie, section in _sections(session).items()
    )
    return [path for path in paths if path is not None]


def _items(session: PipelineSession, params: SectionSpikesParams) -> Sequence[str]:
    sections = _sections(session)
    if params.movie_names is not None:
        unknown = [movie for movie in params.movie_names if movie not in sections]
        if unknown:
            raise ValidationError(
                f"There is no section of {', '.join(unknown)}. Movies with sections: {', '.join(sections)}.",
                parameter="movie_names",
                fix=SetParameter("movie_names"),
            )
        return tuple(dict.fromkeys(params.movie_names))
    library = _library(session, params)
    movies = [
        movie
        for movie, section in sections.items()
        if _in_samples(section) or library.definition_path(movie) is not None
    ]
    if not movies:
        raise MissingStimulusError(
            f"No movie has a stimulus definition ({', '.join(sections)}).",
            parameter="config_dir",
            fix=Either(
                (
                    Advice("Put <movie>.json into config/stimuli beside the recording."),
                    ChooseFile("config_dir"),
                )
            ),
        )
    return movies


def _forecast(session: PipelineSession, params: SectionSpikesParams) -> int:
    """Two indices per trial and unit, and what is noted of each movie's trials."""
    sections = _sections(session)
    total = 0
    for movie in _items(session, params):
        try:
            trials, attrs = _trials(session, params, movie, sections[movie])
        except MismatchError:
            continue
        total += len(trials.samples) * session.unit_count * 16
        total += estimate_nbytes(AttrArray(trials.samples, attrs))
    return total


def _result(run: StepRun) -> SectionResult:
    pre, post = pad_samples(run.params.pad_margin, run.session.acquisition_rate)
    movies = {*run.items, *run.cached_items}
    return SectionResult(
        success=True,
        units_processed=run.session.unit_count,
        movies_processed=[movie for movie in run.session.stimulus["section_time"] if movie in movies],
        trial_repeats=run.params.trial_repeats,
        pad_margin=run.params.pad_margin,
        pre_samples=pre,
        post_samples=post,
        warnings=list(run.warnings),
    )


@step(
    "section_spike_times",
    title="Spikes of trials",
    params=SectionSpikesParams,
    requires=("units",),
    uses=("stimulus/section_time",),
    provides=("stimulus/trial_time", "units/*/spike_times_sectioned"),
    version="1",
    selectors=("movie_names",),
    inputs=_input_files,
    items=_items,
    forecast=_forecast,
    result=_result,
)
def section_spike_times(session: PipelineSession, params: SectionSpikesParams, ctx: StepContext) -> None:
    """Cut every unit's spikes into the trials of each movie.

    The stimulus definition says where trials begin and how long they are, counted from the movie's first
    image; margins and clipping of sections play no part. Spikes are stored as index ranges.

    Raises
    ------
    MissingInputError
        If there are no sections.
    ConfigurationError
        If a movie that was asked for has no stimulus definition, or it is not valid.
    MismatchError
        If the definition of a movie that was asked for, or of all movies, does not fit the movie's length;
        otherwise such a movie is left out with a warning.
    ValidationError
        If a movie that was asked for has no section.
    """
    sections = _sections(session)
    if params.movie_names is None:
        left_out = [movie for movie in sections if movie not in _items(session, params)]
        if left_out:
            ctx.warn(
                f"These movies have no stimulus definition and therefore no trials: {', '.join(left_out)}."
            )
    misfits: list[MismatchError] = []
    for number, movie in enumerate(ctx.items):
        try:
            trials, attrs = _trials(session, params, movie, sections[movie])
        except MismatchError as error:
            misfits.append(error)
            if params.movie_names is not None or len(misfits) == len(ctx.items):
                raise
            ctx.skip(movie)
            ctx.warn(f"{movie} has no trials. {error.message}", fix=error.fix)
            continue
        for message in trials.warnings:
            ctx.warn(message)
        _warn_of_pads(session, movie, trials, attrs, ctx)
        times = AttrArray(trials.samples, attrs)
        ctx.put(times, "stimulus", "trial_time", movie)
        _cut(session, movie, times, ctx, number)


def _trials(
    session: PipelineSession, params: SectionSpikesParams, movie: str, sections: Any
) -> tuple[Trials, dict[str, Any]]:
    pre, post = pad_samples(params.pad_margin, session.acquisition_rate)
    attrs: dict[str, Any] = {
        "pad_margin": np.array(params.pad_margin, dtype=np.float64),
        "pre_samples": pre,
        "post_samples": post,
    }
    if _in_samples(sections):
        trials = section_trials(sections)
    else:
        facts = facts_of_section(sections, session.require("metadata", "frame_timestamps"))
        found = _library(session, params).definition(movie, int(facts["movie_length"]))
        check_fits(found.definition, movie, int(facts["movie_length"]), str(found.path))
        trials = movie_trials(
            movie,
            facts["content_frame"],
            facts["frame_shift"],
            found.definition.section_kwargs,
            session.require("metadata", "frame_timestamps"),
            session.metadata.get("segments"),
            session.metadata.get("frame_detection", {}).get("late_at"),
        )
        attrs["frames"] = trials.frames
        attrs["definition"] = found.definition.model_dump_json(exclude_none=True)
        attrs["source"] = str(found.path)
    attrs |= {"number": trials.number, "section": trials.section, "frame_shift": trials.frame_shift}
    return trials, attrs


def _warn_of_pads(
    session: PipelineSession, movie: str, trials: Trials, attrs: Mapping[str, Any], ctx: StepContext
) -> None:
    segments = session.metadata.get("segments")
    if segments is None or not len(trials.samples):
        return
    ranges = np.asarray(segments)
    own = np.searchsorted(ranges[:, 1], trials.samples[:, 0], side="right").clip(max=len(ranges) - 1)
    before = trials.samples[:, 0] - attrs["pre_samples"] < ranges[own, 0]
    after = trials.samples[:, 1] + attrs["post_samples"] > ranges[own, 1]
    if (before | after).any():
        ctx.warn(
            f"{movie}: the padding of {np.count_nonzero(before | after)} trials extends beyond what was "
            "recorded; spikes are missing there."
        )


def _cut(
    session: PipelineSession,
    movie: str,
    times: AttrArray,
    ctx: StepContext,
    number: int,
) -> None:
    windows = trial_windows(times, times.attrs["pre_samples"], times.attrs["post_samples"])
    for done, (unit_id, unit) in enumerate(session.units.items()):
        if done % _UNITS_PER_REPORT == 0:
            ctx.checkpoint((number + done / session.unit_count) / len(ctx.items), movie)
        spikes = unit["spike_times"]
        ranges = trial_ranges(spikes, windows)
        sectioned = SectionedSpikes(ranges, spikes, times)
        ctx.put(sectioned, "units", unit_id, "spike_times_sectioned", movie)
