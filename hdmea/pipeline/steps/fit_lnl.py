"""The step that fits a linear-nonlinear model to each unit's response to the noise movie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import Output, StepParams, step, with_limits
from hdmea.features.science.linear_nonlinear import (
    LinearNonlinear,
    few_spikes,
    linear_nonlinear,
    missing_model,
    predictability,
)
from hdmea.features.science.noise_showing import counts_of_showings
from hdmea.features.science.receptive_field_significance import TOO_SHORT, receptive_field_significance
from hdmea.features.science.tickets import granted
from hdmea.features.science.trial_rates import nominal_frame_duration
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.unit_outputs import entries, stored_outputs, units_result
from hdmea.stimuli.library import StimulusLibrary
from hdmea.utils.exceptions import ConfigurationError, DataLoadError, MissingInputError
from hdmea.utils.fixes import Advice, RunStep, SetParameter
from hdmea.utils.notices import detail_of

__all__ = ["LNL_OUTPUTS", "LNLParams", "fit_lnl"]

_PREFIX = "sta_"
_MIN_SHIFT_S = 2.0
_REPEATED = ("reliability", "cc_norm")
_FEWEST_SHOWINGS = 2

LNL_OUTPUTS: tuple[Output, ...] = with_limits(
    Output("n_spikes", "Number of spikes", "spikes", (0, None), "spikes whose whole window is in the movie"),
    Output(
        "rf_p",
        "p of the receptive field",
        "",
        (0, 1),
        "p value of the average's maximum over all pixels and lags",
    ),
    Output(
        "bits_per_spike",
        "Bits per spike",
        "bits",
        (None, None),
        "gain over a constant rate, on spikes left out",
        test=True,
        n="n_spikes",
    ),
    Output(
        "bits_per_spike_p",
        "p of the bits per spike",
        "",
        (0, 1),
        "p value of that gain against circular shifts of the spikes of each left-out part",
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
    Output(
        "gain", "Gain", "1/stimulus", (None, None), "b of the rate exp(a + b g)", interval=True, n="n_spikes"
    ),
    Output(
        "reliability",
        "Response reliability",
        "",
        (None, 1),
        "signal power / total power of the rate over repeated showings: expected correlation of two",
    ),
    Output(
        "cc_norm",
        "CCnorm",
        "",
        (None, None),
        "correlation of predicted rate and mean response by the largest possible one (Schoppe et al. 2016)",
    ),
    Output(
        "bin_generator",
        "Bin generator",
        "stimulus",
        (None, None),
        "mean generator of each bin",
        shape=("bins",),
    ),
    Output(
        "bin_rate",
        "Bin rate",
        "Hz",
        (0, None),
        "rate in each bin of equally many frames",
        shape=("bins",),
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
        None,
        title="Movie folder",
        description="Folder of <movie>.npy; looked into first.",
        json_schema_extra={"of_recording": True},
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
    alpha: float = Field(
        0.01,
        gt=0,
        le=1,
        title="Significance",
        description="Largest p value of a receptive field; a unit without one has no model. 1 fits them all.",
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
    version="3",
    selectors=("stimuli_dir",),
    inputs=_inputs,
    result=units_result("bits_per_spike"),
)
def fit_lnl(session: PipelineSession, params: LNLParams, ctx: StepContext) -> None:
    """Predict each unit's rate during the noise movie from its spike-triggered average.

    The average filters the movie, and an exponential makes a rate of it. Every part of the movie is predicted
    from the others: the gain in bits per spike over a constant rate, the correlation with the observed rate
    and the nonlinearity are those of spikes that had no part in the model. Window and showings are those of
    the spike-triggered averages; a unit without a significant receptive field has no model. Stored per unit
    as ``features/lnl``.

    Raises
    ------
    MissingInputError
        If there are no spike-triggered averages.
    ConfigurationError
        If there are averages of several movies, or none of the movie that is asked for.
    FileNotFoundError
        If the movie's file is not found.
    DataLoadError
        If it is not a movie.
    ValidationError
        If the movie is too short.
    """
    name = _movie(session, params)
    averages = entries(session, _PREFIX + name, "compute_sta")
    facts = next(iter(averages.values()))["metadata"]
    first, last = (int(edge) for edge in facts["cover_range"])
    movie = _load(_movie_path(session, params))
    shown, showings = _shown(session, name, len(movie), str(facts.get("trials", "first")))
    exposure, counts = shown.sum(axis=0), showings.sum(axis=0)
    everywhere = shown.all(axis=0)
    frame_s = nominal_frame_duration(session.metadata["frame_timestamps"], session.acquisition_rate)
    n_frames = int(np.count_nonzero(exposure == exposure.max(initial=0)))
    p = receptive_field_significance(
        movie[:n_frames],
        counts[:, :n_frames],
        (first, last),
        min_shift=max(round(_MIN_SHIFT_S / frame_s), -first, last),
        maps=False,
        workers=ctx.workers,
    ).p
    fitted = np.flatnonzero(granted(p, params.alpha)).tolist()
    frames = np.arange(exposure.size)
    found = linear_nonlinear(
        movie[: exposure.size],
        [np.repeat(frames, counts[unit]) for unit in fitted],
        exposure,
        (first, last),
        frame_s,
        n_folds=params.n_folds,
        n_bins=params.n_bins,
        min_spikes=params.min_spikes,
        workers=ctx.workers,
        progress=lambda fraction: ctx.checkpoint(fraction, name),
    )
    models = [
        missing_model(int(n), params.n_bins, few_spikes(int(n), params.min_spikes) or _no_field(value))
        for n, value in zip(counts.sum(axis=1), p, strict=True)
    ]
    repeated = np.full((len(models), 2), np.nan)
    for unit, model in zip(fitted, found, strict=True):
        models[unit] = model
        if not model.reason:
            predicted = model.predicted[: exposure.size]
            repeated[unit] = predictability(showings[:, unit, everywhere], predicted[everywhere])
    for index, (unit_id, model) in enumerate(zip(session.units, models, strict=True)):
        entry = {
            "data": _stored(model, float(p[index]), repeated[index].tolist(), len(showings)),
            "metadata": {"movie_name": name, "cover_range": [first, last]},
        }
        ctx.put(entry, "units", unit_id, "features", "lnl")


def _no_field(p: float) -> str:
    if np.isnan(p):
        return f"no receptive field: no spike during the noise, or {TOO_SHORT}"
    return f"no significant receptive field (p = {p:.3g})"


def _stored(model: LinearNonlinear, p: float, repeated: Sequence[float], n_showings: int) -> dict[str, Any]:
    given = {"rf_p": p, **dict(zip(_REPEATED, repeated, strict=True))}
    values = {
        output.name: given.get(output.name, getattr(model, output.name, None)) for output in LNL_OUTPUTS
    }
    names = [output.name for output in LNL_OUTPUTS if output.name not in ("n_spikes", "rf_p")]
    reasons = dict.fromkeys(names, model.reason) if model.reason else {}
    if np.isnan(model.bits_per_spike_p):
        reasons.setdefault("bits_per_spike_p", "the parts of the noise are shorter than four shifts of 2 s")
    once = "the noise was shown once" if n_showings < _FEWEST_SHOWINGS else "the showings do not agree"
    for name, value in zip(_REPEATED, repeated, strict=True):
        if np.isnan(value):
            reasons.setdefault(name, once)
    if np.isnan(p):
        reasons["rf_p"] = _no_field(p)
    return stored_outputs(LNL_OUTPUTS, values, reasons)


def _shown(
    session: PipelineSession, name: str, n_frames: int, trials: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which frames of each showing were recorded, and the spikes of each unit in them."""
    section = session.require("stimulus", "section_time", name)
    trains = [unit["spike_times"] for unit in session.units.values()]
    return counts_of_showings(trains, session.metadata, section, n_frames, trials)


def _load(path: Path) -> NDArray[Any]:
    try:
        movie: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataLoadError(
            f"The movie {path} cannot be read: it is damaged or not complete{detail_of(error)}.",
            path,
            error,
            fix=Advice("Save it as a .npy array (frames, height, width)."),
        ) from error
    return movie
