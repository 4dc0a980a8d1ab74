"""Movies and responses as a folder of openretina (https://github.com/open-retina/open-retina)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.exporters.exporter import ExportOptions, ExportProgress, exporter
from hdmea.pipeline.unit_outputs import chosen_units
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.movies import check_numbers, open_movie
from hdmea.stimuli.regularity import FrameRegularity, frame_regularity
from hdmea.stimuli.sections import facts_of_section
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
from hdmea.utils.fixes import Advice, RunStep, SetParameter

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["OpenretinaOptions", "openretina_folder"]

_FRAMES_PER_SLICE = 256


class OpenretinaOptions(ExportOptions):
    """Options of `openretina_folder`."""

    movies: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        title="Movies",
        description="Movies whose frames have one size; by default all that have sections.",
        json_schema_extra={"names": "movie"},
    )
    unit_ids: tuple[str | int, ...] | None = Field(
        None,
        title="Units",
        description="Unit ids or numbers; by default all.",
        json_schema_extra={"names": "unit", "of_recording": True},
    )
    stimuli_dir: str | Path | None = Field(
        None,
        title="Movie folder",
        description="Folder of <movie>.npy; looked into first.",
        json_schema_extra={"of_recording": True},
    )


@dataclass(frozen=True)
class _Shown:
    """A movie with (n_frames + 1,) samples of its display frames for each complete showing."""

    name: str
    frames: NDArray[Any]
    edges: list[NDArray[np.int64]]


@exporter(
    name="openretina", title="Folder for openretina", suffixes=(".openretina",), options=OpenretinaOptions
)
def openretina_folder(
    session: PipelineSession, target: Path, options: OpenretinaOptions, progress: ExportProgress
) -> None:
    """Write movies and firing rates, frame by frame, as a folder that openretina's HDF5 reader opens.

    ``stimuli/<movie>.npy`` is (1, frames, height, width) in the units of the movie; ``<recording>.h5`` has
    ``responses_<movie>``, float32 (units, frames): the rate in Hz during each display frame, the mean over
    all complete showings. ``session_info`` has unit ids, places, frame rate and number of showings.
    """
    names = chosen_units(session, options.unit_ids)
    units = [session.units[name] for name in names]
    movies = _movies(session, options)
    rate = session.acquisition_rate
    (target / "stimuli").mkdir(parents=True)
    for at, movie in enumerate(movies):
        progress(at / len(movies), movie.name)
        _write_movie(target / "stimuli" / f"{movie.name}.npy", movie.frames, progress, at / len(movies))
    recording = session.dataset_id.replace("/", "_").replace("\\", "_")
    with h5py.File(target / f"{recording}.h5", "w") as file:
        info = file.create_group("session_info")
        info["unit_id"] = np.array([name.encode() for name in names])
        for key, stored in (("row", "row"), ("column", "col")):
            info[key] = np.array([float(unit.get(stored) or "nan") for unit in units])
        for movie in movies:
            rates = np.array([_rates(np.asarray(unit["spike_times"]), movie.edges, rate) for unit in units])
            file.create_dataset(f"responses_{movie.name}", data=rates.astype(np.float32), compression="gzip")
            info[f"showings_{movie.name}"] = len(movie.edges)
            info[f"frame_rate_hz_{movie.name}"] = rate / float(np.median(np.diff(movie.edges[0])))


def _movies(session: PipelineSession, options: OpenretinaOptions) -> list[_Shown]:
    sections: Mapping[str, Any] = session.stimulus.get("section_time") or {}
    frames = np.asarray(session.metadata.get("frame_timestamps", ())).astype(np.int64)
    if not sections or frames.size < 2:
        raise MissingInputError(
            "Movies and responses need display frames and section times.", fix=RunStep("add_section_time")
        )
    names = options.movies or tuple(sections)
    unknown = [name for name in names if name not in sections]
    if unknown:
        raise ConfigurationError(
            f"There is no section {unknown[0]!r}. Sections: {', '.join(sections)}.",
            parameter="movies",
            fix=SetParameter("movies"),
        )
    library = StimulusLibrary.for_recording(session.source_files, stimuli_dir=options.stimuli_dir)
    late_at = session.metadata.get("frame_detection", {}).get("late_at")
    regularity = frame_regularity(frames, session.metadata.get("segments"), late_at)
    found = [_shown(name, sections[name], frames, library.movie_path(name), regularity) for name in names]
    sizes = {movie.frames.shape[1:] for movie in found}
    if len(sizes) > 1:
        listed = ", ".join(f"{m.name} {m.frames.shape[1]} × {m.frames.shape[2]}" for m in found)
        raise ConfigurationError(
            f"openretina reads movies of one size, and these differ: {listed}.",
            parameter="movies",
            fix=SetParameter("movies"),
        )
    return found


def _shown(
    name: str, section: Any, frames: NDArray[np.int64], path: Path, regularity: FrameRegularity
) -> _Shown:
    """Return a movie and its showings that were recorded from the first to the last frame."""
    movie = open_movie(path)
    check_numbers(movie, path)
    facts = facts_of_section(section, frames)
    count = min(len(movie), int(facts.get("movie_length", len(movie))))
    # The last frame ends as late as the one before it.
    after = frames[-1] + int(np.median(np.diff(frames)))
    times = np.append(frames, after)
    edges = [
        times[first : first + count + 1]
        for first in np.atleast_1d(np.asarray(facts["content_frame"])).astype(np.int64).tolist()
        if 0 <= first < frames.size and first + count <= regularity.runs[regularity.run_of(first), 1]
    ]
    if not edges:
        raise MissingInputError(
            f"No showing of {name} was recorded to its end.", fix=Advice("Choose other movies.")
        )
    return _Shown(name, movie[:count], edges)


def _rates(spikes: NDArray[Any], showings: list[NDArray[np.int64]], rate_hz: float) -> NDArray[np.float64]:
    """Return the mean rate in Hz during each frame over the showings."""
    found = [np.diff(np.searchsorted(spikes, edges)) / np.diff(edges) for edges in showings]
    mean: NDArray[np.float64] = np.mean(found, axis=0) * rate_hz
    return mean


def _write_movie(path: Path, movie: NDArray[Any], progress: ExportProgress, fraction: float) -> None:
    written = np.lib.format.open_memmap(path, "w+", movie.dtype, (1, *movie.shape))
    for first in range(0, len(movie), _FRAMES_PER_SLICE):
        progress(fraction, f"{path.stem}, frame {first + 1} of {len(movie)}")
        written[0, first : first + _FRAMES_PER_SLICE] = movie[first : first + _FRAMES_PER_SLICE]
    written.flush()
