"""The step that averages the noise movie before each unit's spikes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hdmea.declare import StepParams, step
from hdmea.features.science.spike_triggered_average import movie_frames_of_spikes, spike_triggered_averages
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.forecast import recording_size
from hdmea.pipeline.results import STAResult
from hdmea.pipeline.session import PipelineSession
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.movies import check_axes, check_numbers, open_movie
from hdmea.stimuli.regularity import FrameRegularity, frame_regularity
from hdmea.stimuli.sections import facts_of_section
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
from hdmea.utils.fixes import Advice, RunStep, SetParameter

__all__ = ["STAParams", "compute_sta"]

_FACTS_NBYTES = 200


class STAParams(StepParams):
    """Parameters of `compute_sta`."""

    cover_range: tuple[int, int] = Field(
        (-60, 0),
        title="Window",
        description="Display frames relative to the frame of the spike; the second is not included.",
        json_schema_extra={"unit": "frames"},
    )
    use_multiprocessing: bool = Field(
        True,
        title="Several threads",
        description="Use all processors; the numbers are the same.",
        json_schema_extra={"advanced": True, "affects_result": False},
    )
    stimuli_dir: str | Path | None = Field(
        None,
        title="Movie folder",
        description="Folder of <movie>.npy; looked into first.",
        json_schema_extra={"of_recording": True},
    )
    movie_name: str | None = Field(
        None,
        title="Movie",
        description="Noise movie; by default the only one whose name contains 'noise'.",
        json_schema_extra={"names": "movie"},
    )
    trials: Literal["first", "all"] | None = Field(
        None,
        title="Showings",
        description="Use the first showing of the movie, or pool all of them. By default all; in calls "
        "without a session the first one, as earlier scripts have it.",
    )

    @field_validator("cover_range")
    @classmethod
    def _begins_before_it_ends(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] >= value[1]:
            raise ValueError(f"must be two frames in ascending order, not {value[0]} and {value[1]}")
        return value


def _movie(session: PipelineSession, params: STAParams) -> str:
    sections = session.stimulus.get("section_time") or {}
    if not sections:
        raise MissingInputError(
            "Spike-triggered averages need section times, and there are none.",
            fix=RunStep("add_section_time"),
        )
    listed = ", ".join(sections)
    if params.movie_name is not None:
        if params.movie_name not in sections:
            raise ConfigurationError(
                f"There is no section {params.movie_name!r}. Sections: {listed}.",
                parameter="movie_name",
                fix=SetParameter("movie_name"),
            )
        return params.movie_name
    noise = _noise_movies(session, sections)
    if len(noise) == 1:
        return str(noise[0])
    if not noise:
        raise MissingInputError(
            f"No section has a name with 'noise', or a definition of that kind. Sections: {listed}.",
            parameter="movie_name",
            fix=SetParameter("movie_name"),
        )
    raise ConfigurationError(
        f"Several sections are noise movies: {', '.join(noise)}.",
        parameter="movie_name",
        fix=SetParameter("movie_name"),
    )


def _noise_movies(session: PipelineSession, movies: Iterable[str]) -> list[str]:
    """Return the movies that are noise by their names; where none is, those that are by their definition."""
    movies = list(movies)
    named = [movie for movie in movies if "noise" in movie.lower()]
    if named:
        return named
    library = StimulusLibrary.for_recording(session.source_files)
    found = []
    for movie in movies:
        if library.definition_path(movie) is not None:
            with contextlib.suppress(ConfigurationError):
                # A definition that is damaged is named by the step that cuts the trials.
                if library.definition(movie).definition.kind == "dense_noise":
                    found.append(movie)
    return found


def _resolve(session: PipelineSession, params: STAParams) -> STAParams:
    """Pool the showings of the movie, unless the caller says which ones; a single one is the first."""
    if params.trials is not None or not session.stimulus.get("section_time"):
        return params
    showings = _content_frames(session, _movie(session, params)).size
    return params.model_copy(update={"trials": "all" if showings > 1 else "first"})


def _items(session: PipelineSession, params: STAParams) -> list[str]:
    return [_movie(session, params)]


def _movie_path(session: PipelineSession, params: STAParams) -> Path:
    library = StimulusLibrary.for_recording(session.source_files, stimuli_dir=params.stimuli_dir)
    return library.movie_path(_movie(session, params))


def _inputs(session: PipelineSession, params: STAParams) -> list[Path]:
    return [_movie_path(session, params)]


def _forecast(session: PipelineSession, params: STAParams) -> int:
    """Size of the averages; before there are sections, of the noise movie that the playlist names."""
    if session.stimulus.get("section_time"):
        path = _movie_path(session, params)
    else:
        library = StimulusLibrary.for_recording(session.source_files, stimuli_dir=params.stimuli_dir)
        named = library.playlist().movies if params.movie_name is None else (params.movie_name,)
        noise = list(named) if params.movie_name is not None else _noise_movies(session, named)
        if not noise:
            raise MissingInputError(
                "No movie of the playlist has a name with 'noise'.", fix=SetParameter("movie_name")
            )
        path = library.movie_path(noise[0])
    pixels = int(np.prod(open_movie(path).shape[1:]))
    window = params.cover_range[1] - params.cover_range[0]
    return recording_size(session).n_units * (window * pixels * 4 + _FACTS_NBYTES)


def _feature(movie: str) -> str:
    return f"sta_{movie}"


def _result(run: StepRun) -> STAResult:
    assert run.hdf5_path is not None
    movie = _movie(run.session, run.params)
    used = {
        unit_id: int(unit["features"][_feature(movie)]["metadata"]["n_spikes_used"])
        for unit_id, unit in run.session.units.items()
    }
    failed = [unit_id for unit_id, n in used.items() if n == 0]
    return STAResult(
        hdf5_path=run.hdf5_path,
        movie_name=movie,
        units_processed=len(used) - len(failed),
        units_failed=len(failed),
        cover_range=run.params.cover_range,
        elapsed_seconds=run.elapsed_seconds,
        warnings=list(run.warnings),
        failed_units=failed,
    )


@step(
    "compute_sta",
    title="Spike-triggered averages",
    params=STAParams,
    requires=("units", "stimulus/section_time"),
    provides=("units/*/features/sta_*",),
    version="2",
    positional=(),
    selectors=("movie_name", "stimuli_dir"),
    inputs=_inputs,
    items=_items,
    resolve=_resolve,
    on_files={"trials": "first"},
    forecast=_forecast,
    result=_result,
)
def compute_sta(session: PipelineSession, params: STAParams, ctx: StepContext) -> None:
    """Average the noise movie around the display frame of each spike.

    Stored per unit as ``features/sta_<movie>``: float32 (window, height, width) in stimulus units, entry j
    the mean of the movie frames k + cover_range[0] + j over the spikes in frame k; NaN for a unit without a
    usable spike. Times come from the content frames of the sections; margins and pads play no part.

    Raises
    ------
    MissingInputError
        If there are no section times, no noise movie or no display frames.
    ConfigurationError
        If several sections are noise movies (name one), or the movie that is named has no section.
    FileNotFoundError
        If the movie's file is not found; the message lists where it was searched for.
    DataLoadError
        If the movie's file cannot be read, or contains values that are not numbers.
    """
    (movie,) = ctx.items
    content = _content_frames(session, movie)[: 1 if params.trials == "first" else None]
    showings = _content_frames(session, movie).size
    if showings > 1:
        used = f"all {showings} showings" if params.trials == "all" else f"the first of {showings} showings"
        ctx.inform(f"The spike-triggered averages of {movie} use {used} (trials={params.trials!r}).")
    frames = session.metadata["frame_timestamps"]
    path = _movie_path(session, params)
    stimulus = open_movie(path)
    stated = getattr(session.stimulus["section_time"][movie], "attrs", {}).get("movie_length")
    if stated is not None:
        check_axes(stimulus, int(stated), path)
    check_numbers(stimulus, path)
    shown = _frames_shown(session, movie, len(stimulus), ctx)
    late_at = session.metadata.get("frame_detection", {}).get("late_at")
    regularity = frame_regularity(frames, session.metadata.get("segments"), late_at)
    ends = _countable_until(regularity, movie, content, shown, ctx)
    shift = _largest_shift(session, regularity, movie, content, np.minimum(content + shown, ends))
    if shift:
        ctx.warn(
            f"Missing or double display flips before or during {movie} shift it against the spikes by up to "
            f"{shift} frames.",
            fix=SetParameter("frame_correction", "load_recording", value=True),
        )
    trains = []
    for index, unit in enumerate(session.units.values()):
        ctx.checkpoint(0.1 * index / session.unit_count, "frames of the spikes")
        trains.append(movie_frames_of_spikes(unit["spike_times"], frames, content, shown, ends))
    averages = spike_triggered_averages(
        stimulus,
        trains,
        params.cover_range,
        workers=ctx.workers if params.use_multiprocessing else 1,
        progress=lambda fraction: ctx.checkpoint(0.1 + 0.9 * fraction, "stimulus before the spikes"),
    )
    for index, unit_id in enumerate(session.units):
        metadata = {
            "n_spikes_used": int(averages.n_spikes_used[index]),
            "n_spikes_excluded": int(averages.n_spikes_excluded[index]),
            "cover_range": list(params.cover_range),
            "movie_name": movie,
            "trials": params.trials,
            "frame_shift": shift,
        }
        ctx.put(
            {"data": averages.data[index], "metadata": metadata},
            "units",
            unit_id,
            "features",
            _feature(movie),
        )
    empty = [u for u, n in zip(session.units, averages.n_spikes_used.tolist(), strict=True) if n == 0]
    if empty:
        ctx.warn(f"No spike-triggered average for {movie} (no usable spike): {', '.join(empty)}.")


def _content_frames(session: PipelineSession, movie: str) -> NDArray[np.int64]:
    frames = session.require(
        "metadata",
        "frame_timestamps",
        message="The recording has no display frames.",
        fix=Advice("Load the recording with a .cmcr file that has a frame sync channel."),
    )
    content = facts_of_section(session.stimulus["section_time"][movie], frames)["content_frame"]
    return np.atleast_1d(np.asarray(content)).astype(np.int64)


def _frames_shown(session: PipelineSession, movie: str, n_frames: int, ctx: StepContext) -> int:
    """Return how many frames of the movie the playlist has shown."""
    stated = getattr(session.stimulus["section_time"][movie], "attrs", {}).get("movie_length")
    if stated is None or int(stated) == n_frames:
        return n_frames
    shown = min(int(stated), n_frames)
    ctx.warn(
        f"The movie {movie} has {n_frames} frames, but movie_length.csv says {int(stated)}: check that this "
        f"is the movie that was shown. Spikes of its first {shown} frames are used."
    )
    return shown


def _countable_until(
    regularity: FrameRegularity, movie: str, content: NDArray[np.int64], shown: int, ctx: StepContext
) -> NDArray[np.int64]:
    """Return for each showing the display frame at which a data gap ends the counting of frames."""
    ends = np.array([regularity.runs[regularity.run_of(frame), 1] for frame in content.tolist()], np.int64)
    cut = np.count_nonzero(content + shown > ends)
    if cut:
        ctx.warn(
            f"{cut} of {content.size} showings of {movie} are not recorded to their end (the recording ends "
            "or has a gap); the spikes after that are not used."
        )
    return ends


def _largest_shift(
    session: PipelineSession,
    regularity: FrameRegularity,
    movie: str,
    content: NDArray[np.int64],
    stops: NDArray[np.int64],
) -> int:
    """Return by how many frames at most the movie is off in any of its frames, because of irregular flips."""
    attrs = getattr(session.stimulus["section_time"][movie], "attrs", {})
    before = np.zeros(content.size, np.int64)
    stated = np.atleast_1d(np.asarray(attrs.get("frame_shift", 0), np.int64))[: content.size]
    before[: stated.size] = stated
    largest = 0
    for frame, stop, shift in zip(content.tolist(), stops.tolist(), before.tolist(), strict=True):
        within = regularity.shift[frame:stop] - regularity.shift[frame]
        largest = max(largest, int(np.abs(shift + within).max(initial=0)))
    return largest
