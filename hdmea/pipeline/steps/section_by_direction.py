"""The step that sorts the spikes of a moving bar by direction and repetition."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import StepParams, step
from hdmea.features.science.movie_trials import trial_definition, trial_frames
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.unit_outputs import chosen_units, units_result
from hdmea.results.lab.words import pixel_of_bar, rf_center
from hdmea.stimuli.crossings import Crossings, read_crossings
from hdmea.stimuli.definition import StimulusDefinition
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.sections import facts_of_section
from hdmea.stimuli.sweeps import brightness_at, crossing, sweeps_by_direction
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ConfigurationError, MissingInputError
from hdmea.utils.fixes import RunStep, SetParameter

__all__ = ["SectionByDirectionParams", "section_by_direction"]

_TRIALS, _LAB_SECTIONS = "spike_times_sectioned", "direction_section"


class SectionByDirectionParams(StepParams):
    """Parameters of `section_by_direction`."""

    movie_names: tuple[str, ...] | None = Field(
        None,
        title="Movies",
        description="Moving-bar movies; by default all whose definition has sweeps.",
        json_schema_extra={"names": "movie"},
    )
    padding_frames: int = Field(
        10,
        ge=0,
        title="Padding",
        description="Frames before and after the bar's crossing of the receptive field.",
        json_schema_extra={"unit": "frames"},
    )
    on_off_dict_path: str | Path | None = Field(
        None,
        title="Crossings",
        description="Table (.npz or .pkl) of the frames in which the bar crosses each pixel, 20 of which "
        "make one pixel of the noise; by default crossings are found in the bar's movie.",
        json_schema_extra={"advanced": True, "affects_result": False, "of_recording": True},
    )
    unit_ids: tuple[str | int, ...] | None = Field(
        None,
        title="Units",
        description="Unit ids or numbers; by default all units.",
        json_schema_extra={"names": "unit", "of_recording": True, "advanced": True},
    )
    stimuli_dir: str | Path | None = Field(
        None,
        title="Movie folder",
        description="Folder of <movie>.npy, which tells when the bar crosses a receptive field.",
        json_schema_extra={"of_recording": True},
    )


def _definitions(session: PipelineSession) -> dict[str, StimulusDefinition]:
    found = {}
    for movie, trials in (session.stimulus.get("trial_time") or {}).items():
        definition = trial_definition(movie, trials)
        if definition is not None and definition.events_of_type("sweep"):
            found[movie] = definition
    return found


def _items(session: PipelineSession, params: SectionByDirectionParams) -> list[str]:
    chosen_units(session, params.unit_ids)  # an unknown one is said before other parameters are
    movies = _definitions(session)
    if not movies:
        raise MissingInputError(
            "No movie with trials has sweeps in its stimulus definition: the step needs a recording of a "
            "moving bar.",
            fix=RunStep("section_spike_times"),
        )
    unknown = [movie for movie in params.movie_names or () if movie not in movies]
    if unknown:
        raise ConfigurationError(
            f"{', '.join(unknown)} is not a moving bar with trials. Moving bars: {', '.join(movies)}.",
            parameter="movie_names",
            fix=SetParameter("movie_names"),
        )
    return list(movies if params.movie_names is None else dict.fromkeys(params.movie_names))


def _movie_path(session: PipelineSession, params: SectionByDirectionParams, movie: str) -> Path | None:
    library = StimulusLibrary.for_recording(session.source_files, stimuli_dir=params.stimuli_dir)
    try:
        return library.movie_path(movie)
    except FileNotFoundError:
        return None


def _inputs(session: PipelineSession, params: SectionByDirectionParams) -> Iterable[Path]:
    if params.on_off_dict_path is not None:
        return [Path(params.on_off_dict_path)]
    paths = [_movie_path(session, params, movie) for movie in _definitions(session)]
    return [path for path in paths if path is not None]


@step(
    "section_by_direction",
    title="Spikes by direction",
    params=SectionByDirectionParams,
    requires=("units/*/spike_times_sectioned",),
    uses=("units/*/features/sta_*/sta_geometry",),
    provides=("stimulus/direction_time", "units/*/features/direction_sections_*"),
    version="2",
    selectors=("movie_names", "stimuli_dir"),
    inputs=_inputs,
    items=_items,
    result=units_result("rf_window"),
)
def section_by_direction(
    session: PipelineSession, params: SectionByDirectionParams, ctx: StepContext
) -> None:
    """Sort the spikes of each sweep of a moving bar by direction and repetition.

    Stored once as ``stimulus/direction_time/<movie>``: samples (directions, repetitions, 2); and per unit as
    ``features/direction_sections_<movie>``: index ranges into the unit's spike times, and counts. Where the
    receptive field is known and the bar's movie is available, on the pixels of the noise movie, the same for
    the window in which the bar's edges cross the receptive field's centre, with `padding_frames` around it.
    In files of the laboratory the centre is that of their Gaussian, and what they stored is replaced; for a
    unit without a window of the receptive field it is kept, with a warning.

    Raises
    ------
    MissingInputError
        If no movie with trials has sweeps.
    ConfigurationError
        If a movie that is asked for has none, or its directions were not shown equally often.
    """
    definitions = _definitions(session)
    frames = np.asarray(session.require("metadata", "frame_timestamps")).astype(np.int64)
    kept: dict[str, str] = {}
    chosen = chosen_units(session, params.unit_ids)
    for number, movie in enumerate(ctx.items):
        shown = trial_frames(session.stimulus["trial_time"][movie], definitions[movie], frames)
        sweeps = definitions[movie].events_of_type("sweep")
        directions, sweep_frames = sweeps_by_direction(shown[:, 0], sweeps)
        bar = _Bar(session, params, movie, sweep_frames)
        facts = {"directions_deg": directions, "frames": sweep_frames, "content_frame": bar.content_frame}
        ctx.put(AttrArray(frames[sweep_frames], facts), "stimulus", "direction_time", movie)
        for done, unit_id in enumerate(chosen):
            unit = session.units[unit_id]
            ctx.checkpoint((number + done / len(chosen)) / len(ctx.items), movie)
            data = {"directions_deg": directions, **_spikes(unit, frames[sweep_frames], "")}
            windows, reason = bar.windows(unit)
            from_lab = _LAB_SECTIONS in ((unit.get(_TRIALS) or {}).get(movie) or {})
            if windows is None:
                if from_lab:
                    kept[unit_id] = reason
            else:
                data |= {"rf_window_frames": windows, **_spikes(unit, frames[windows], "rf_window_")}
                if from_lab:
                    ctx.remove("units", unit_id, _TRIALS, movie, _LAB_SECTIONS)
            metadata = {"movie_name": movie, "missing": json.dumps({"rf_window": reason} if reason else {})}
            ctx.put(
                {"data": data, "metadata": metadata},
                "units",
                unit_id,
                "features",
                f"direction_sections_{movie}",
            )
    for reason in dict.fromkeys(kept.values()):
        units = ", ".join(unit_id for unit_id, said in kept.items() if said == reason)
        ctx.warn(
            f"The sections by direction that another program stored were kept for {units}: {reason}.",
            fix=SetParameter("stimuli_dir"),
        )


def _spikes(unit: Mapping[str, Any], samples: NDArray[np.int64], prefix: str) -> dict[str, NDArray[np.int64]]:
    """Index ranges into a unit's spike times, and numbers of spikes, of half-open ranges of samples."""
    spikes = np.asarray(unit["spike_times"]).astype(np.int64, copy=False)
    ranges = np.searchsorted(spikes, samples, side="left").astype(np.int64)
    return {f"{prefix}spike_ranges": ranges, f"{prefix}spike_counts": ranges[..., 1] - ranges[..., 0]}


class _Bar:
    """When the bar of one movie crosses a receptive field."""

    def __init__(
        self,
        session: PipelineSession,
        params: SectionByDirectionParams,
        movie: str,
        sweep_frames: NDArray[np.int64],
    ) -> None:
        self.padding = params.padding_frames
        self.n_frames = len(session.metadata["frame_timestamps"])
        self.sweep_frames = sweep_frames
        table = params.on_off_dict_path
        self.crossings = None if table is None else read_crossings(table)
        path = None if table is not None else _movie_path(session, params, movie)
        self.movie = None if path is None else np.load(path, mmap_mode="r", allow_pickle=False)
        frames = session.metadata["frame_timestamps"]
        section = facts_of_section(session.stimulus["section_time"][movie], frames)
        content = np.atleast_1d(np.asarray(section["content_frame"])).astype(np.int64)
        before = np.searchsorted(content, sweep_frames[..., 0], side="right") - 1
        self.content_frame = content[before]
        self.in_movie = sweep_frames - self.content_frame[..., None]

    def windows(self, unit: Mapping[str, Any]) -> tuple[NDArray[np.int64] | None, str]:
        """Display frames (directions, repetitions, 2) of the crossings; None with the reason if not known."""
        if self.movie is None and self.crossings is None:
            return None, "the movie of the bar was not found"
        place = _rf_place(unit)
        if place is None:
            return None, "the receptive field is not known"
        x, y, shape = place
        if self.crossings is not None:
            return self._from_table(self.crossings, x, y, shape)
        assert self.movie is not None
        if self.movie.shape[1:] != shape:
            return None, f"the bar's movie has {self.movie.shape[1:]} pixels, the noise {shape}"
        found = np.empty_like(self.sweep_frames)
        for at in np.ndindex(found.shape[:2]):
            first, stop = self.in_movie[at].tolist()
            crossed = crossing(brightness_at(self.movie, first, stop, x, y))
            if crossed is None:
                return None, "the bar does not cross the receptive field in every sweep"
            low, high = self.sweep_frames[at]
            found[at] = np.clip([low + crossed[0] - self.padding, low + crossed[1] + self.padding], low, high)
        return found, ""

    def _from_table(
        self, crossings: Crossings, x: float, y: float, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.int64] | None, str]:
        """Windows from the earliest on to the latest off of a pixel; sweeps in turn, as they were shown."""
        row, col = pixel_of_bar(x, y, shape)
        window = crossings.window(row, col)
        if window is None:
            return None, f"the table of crossings does not contain row {row}, column {col}"
        first = self.sweep_frames[..., 0]
        if len(window) != first.size:
            return None, f"the table of crossings has {len(window)} sweeps for a pixel, not {first.size}"
        # The last frame of the table belongs to the window.
        padded = window + np.array([-self.padding, self.padding + 1])
        in_order_of_showing = first.ravel().argsort().argsort().reshape(first.shape)
        found = padded[in_order_of_showing] + self.content_frame[..., None]
        return np.clip(found, 0, self.n_frames - 1).astype(np.int64), ""


def _rf_place(unit: Mapping[str, Any]) -> tuple[float, float, tuple[int, ...]] | None:
    for name, entry in (unit.get("features") or {}).items():
        geometry = entry.get("sta_geometry") if name.startswith("sta_") else None
        center = rf_center(geometry)
        if center is not None:
            return *center, np.shape(entry["data"])[-2:]
    return None
