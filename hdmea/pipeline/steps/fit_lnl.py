"""The step that fits a linear-nonlinear model to each unit's response to the noise movie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import Output, StepParams, step
from hdmea.features.science.linear_nonlinear import LinearNonlinear, linear_nonlinear
from hdmea.features.science.trial_rates import frame_counts, nominal_frame_duration
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.unit_outputs import entries, stored_outputs, units_result
from hdmea.stimuli.library import StimulusLibrary
from hdmea.stimuli.regularity import frame_regularity
from hdmea.utils.exceptions import ConfigurationError, DataLoadError, MissingInputError
from hdmea.utils.fixes import RunStep, SetParameter

__all__ = ["LNL_OUTPUTS", "LNLParams", "fit_lnl"]

_PREFIX = "sta_"

LNL_OUTPUTS: tuple[Output, ...] = (
    Output(
        "n_spikes", "Number of spikes", "spikes", (0, None), "spikes whose whole window lies in the movie"
    ),
    Output(
        "bits_per_spike",
        "Bits per spike",
        "bits",
        (None, None),
        "gain over a constant rate, on spikes left out",
    ),
    Output("r2", "R²", "", (0, 1), "squared correlation of predicted and observed rate, per frame"),
    Output(
        "rectification_index",
        "Rectification index",
        "",
        (None, None),
        "0 straight, 1 rectified, < 0 saturating",
    ),
    Output("log_rate", "Log rate", "log Hz", (None, None), "a of the rate exp(a + b g)"),
    Output("gain", "Gain", "1/stimulus", (None, None), "b of the rate exp(a + b g)"),
    Output(
        "bin_generator",
        "Bin generator",
        "stimulus",
        (None, None),
        "mean generator of each bin",
        shape=("bins",),
    ),
    Output(
        "bin_rate", "Bin rate", "Hz", (0, None), "rate in each bin of equally many frames", shape=("bins",)
    ),
)
"""What `fit_lnl` stores per unit."""


class LNLParams(StepParams):
    """Parameters of `fit_lnl`."""

    movie_name: str | None = Field(
        None,
        title="Movie",
        description="Noise movie; by default the only one with spike-triggered averages.",
        json_schema_extra={"names": "averaged_movie"},
    )
    stimuli_dir: str | Path | None = Field(
        None, title="Movie folder", description="Folder of <movie>.npy; looked into first."
    )
    n_folds: int = Field(
        5,
        ge=3,
        le=20,
        title="Folds",
        description="Contiguous parts of the movie, each predicted from the others.",
    )
    n_bins: int = Field(
        20, ge=6, le=200, title="Bins", description="Bins of the nonlinearity, of equally many frames."
    )
    min_spikes: int = Field(
        100,
        ge=20,
        title="Fewest spikes",
        description="A unit with fewer spikes has no model.",
        json_schema_extra={"unit": "spikes"},
    )


def _movie(session: PipelineSession, params: LNLParams) -> str:
    movies = dict.fromkeys(
        name.removeprefix(_PREFIX)
        for unit in session.units.values()
        for name in unit.get("features") or {}
        if name.startswith(_PREFIX)
    )
    if not movies:
        raise MissingInputError("There are no spike-triggered averages.", fix=RunStep("compute_sta"))
    wanted = params.movie_name or next(iter(movies))
    if wanted not in movies or (params.movie_name is None and len(movies) > 1):
        raise ConfigurationError(
            f"There are spike-triggered averages of several movies: {', '.join(movies)}."
            if params.movie_name is None
            else f"There is no spike-triggered average of {wanted}. Averages: {', '.join(movies)}.",
            parameter="movie_name",
            fix=SetParameter("movie_name"),
        )
    return wanted


def _movie_path(session: PipelineSession, params: LNLParams) -> Path:
    library = StimulusLibrary.for_recording(session.source_files, stimuli_dir=params.stimuli_dir)
    return library.movie_path(_movie(session, params))


def _inputs(session: PipelineSession, params: LNLParams) -> Iterable[Path]:
    return [_movie_path(session, params)]


@step(
    "fit_lnl",
    title="Linear-nonlinear models",
    params=LNLParams,
    requires=("units/*/features/sta_*",),
    provides=("units/*/features/lnl",),
    outputs=LNL_OUTPUTS,
    group="lnl",
    group_title="Linear–nonlinear model",
    version="1",
    selectors=("stimuli_dir",),
    inputs=_inputs,
    result=units_result,
)
def fit_lnl(session: PipelineSession, params: LNLParams, ctx: StepContext) -> list[str]:
    """Predict each unit's rate during the noise movie from its spike-triggered average.

    The average filters the movie, and an exponential makes a rate of it. Every part of the movie is predicted
    from the others: the gain in bits per spike over a constant rate, the correlation with the observed rate
    and the nonlinearity are those of spikes that had no part in the model. Window and showings are those of
    the spike-triggered averages. Stored per unit as ``features/lnl``.

    Raises
    ------
    MissingInputError
        If there are no spike-triggered averages.
    ConfigurationError
        If there are averages of several movies, or none of the movie that is asked for.
    FileNotFoundError
        If the movie's file is not found.
    DataLoadError
        If it is no movie.
    ValidationError
        If the movie is too short.
    """
    name = _movie(session, params)
    averages = entries(session, _PREFIX + name, "compute_sta")
    facts = next(iter(averages.values()))["metadata"]
    first, last = (int(edge) for edge in facts["cover_range"])
    movie = _load(_movie_path(session, params))
    exposure, trains = _shown(session, name, len(movie), str(facts["trials"]))
    models = linear_nonlinear(
        movie[: exposure.size],
        trains,
        exposure,
        (first, last),
        nominal_frame_duration(session.metadata["frame_timestamps"], session.acquisition_rate),
        n_folds=params.n_folds,
        n_bins=params.n_bins,
        min_spikes=params.min_spikes,
        progress=lambda fraction: ctx.checkpoint(fraction, name),
    )
    for unit_id, model in zip(session.units, models, strict=True):
        entry = {"data": _stored(model), "metadata": {"movie_name": name, "cover_range": [first, last]}}
        ctx.put(entry, "units", unit_id, "features", "lnl")
    return [unit_id for unit_id, model in zip(session.units, models, strict=True) if model.reason]


def _stored(model: LinearNonlinear) -> dict[str, Any]:
    values = {output.name: getattr(model, output.name) for output in LNL_OUTPUTS}
    reasons = {output.name: model.reason for output in LNL_OUTPUTS[1:]} if model.reason else {}
    return stored_outputs(LNL_OUTPUTS, values, reasons)


def _shown(
    session: PipelineSession, name: str, n_frames: int, trials: str
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Return the complete showings of each movie frame, and the movie frame of every spike in them."""
    frames = np.asarray(session.metadata["frame_timestamps"]).astype(np.int64)
    attrs = session.require(
        "stimulus",
        "section_time",
        name,
        message=f"{name} has no section times.",
        fix=RunStep("add_section_time"),
    ).attrs
    n_frames = min(n_frames, int(attrs.get("movie_length", n_frames)))
    content = np.atleast_1d(np.asarray(attrs["content_frame"])).astype(np.int64)
    regularity = frame_regularity(session.metadata["frame_timestamps"], session.metadata.get("segments"))
    units = [np.asarray(unit["spike_times"]).astype(np.int64) for unit in session.units.values()]
    exposure = np.zeros(n_frames, np.int64)
    counts = np.zeros((len(units), n_frames), np.int64)
    for start in content[: 1 if trials == "first" else None].tolist():
        # The last frame before a gap, or of the recording, has no known end.
        stop = min(start + n_frames, int(regularity.runs[regularity.run_of(start), 1]) - 1)
        if stop > start:
            exposure[: stop - start] += 1
            counts[:, : stop - start] += frame_counts(units, frames, start, stop)
    return exposure, [np.repeat(np.arange(n_frames), row) for row in counts]


def _load(path: Path) -> NDArray[Any]:
    try:
        movie: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataLoadError(
            f"The movie {path} cannot be read ({error}): it must be a .npy array (frames, height, width).",
            path,
            error,
        ) from error
    return movie
