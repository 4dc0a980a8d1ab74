"""dense_noise: receptive field from the spike-triggered average of a noise movie."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureTable, Output, Recording, Requirement, extractor, with_limits
from hdmea.features.science.light_steps import MovieParams, reasons_where
from hdmea.features.science.movie_trials import FRAMES, NoiseSections
from hdmea.features.science.noise_showing import shown_counts
from hdmea.features.science.receptive_field import find_peak, spatial_map
from hdmea.features.science.receptive_field_models import fit_map
from hdmea.features.science.receptive_field_significance import TOO_SHORT, receptive_field_significance
from hdmea.features.science.tickets import granted
from hdmea.features.science.time_course import course_errors
from hdmea.features.science.trial_rates import nominal_frame_duration
from hdmea.stimuli.library import StimulusLibrary
from hdmea.utils.exceptions import FeatureExtractionError, HDMEAError
from hdmea.utils.fixes import SetParameter
from hdmea.utils.giving_way import giving_way

__all__ = ["DenseNoiseParams", "dense_noise"]


class DenseNoiseParams(MovieParams):
    """Parameters of the feature `dense_noise`."""

    stimuli_dir: Path | None = Field(
        None,
        title="Movie folder",
        description="Folder of <movie>.npy; by default where compute_sta finds it. Needed for the p value.",
    )
    alpha: float = Field(
        0.01,
        gt=0,
        le=1,
        title="Significance",
        description="Largest p value of a receptive field; above it polarity, place and size are missing. "
        "1 gives them all.",
    )
    min_shift_s: float = Field(
        2.0,
        gt=0,
        title="Smallest shift",
        description="Of the spike train against the movie.",
        json_schema_extra={"unit": "s"},
    )
    n_permutations: int = Field(
        199,
        ge=99,
        title="Orders of the images",
        description="Drawn for the p value where the noise is too short for shifts.",
        json_schema_extra={"advanced": True},
    )
    seed: int = Field(0, ge=0, title="Seed", json_schema_extra={"advanced": True})


_FIELD = (
    Output("polarity", "Polarity", "", (-1, 1), "+1 ON, −1 OFF: sign of the average at its peak"),
    Output(
        "latency",
        "Latency",
        "ms",
        (0, None),
        "from the largest deviation at the centre pixel, unsmoothed, to the frame of the spike",
        interval=True,
        test="rf_p",
        n="n_spikes",
    ),
    Output(
        "centre_x",
        "Centre column",
        "px",
        (None, None),
        "column of the fitted centre",
        interval=True,
        test="rf_p",
        n="n_spikes",
    ),
    Output(
        "centre_y",
        "Centre row",
        "px",
        (None, None),
        "row of the fitted centre",
        interval=True,
        test="rf_p",
        n="n_spikes",
    ),
    Output(
        "sigma_long",
        "Major σ",
        "px",
        (0.3, 7.5),
        "standard deviation along the long axis",
        interval=True,
        test="rf_p",
        n="n_spikes",
    ),
    Output(
        "sigma_short",
        "Minor σ",
        "px",
        (0.3, 7.5),
        "standard deviation along the short axis",
        interval=True,
        test="rf_p",
        n="n_spikes",
    ),
    Output(
        "sigma",
        "σ",
        "px",
        (0.3, 7.5),
        "size: √(long · short)",
        standard="RF σ",
        interval=True,
        test="rf_p",
        n="n_spikes",
    ),
    Output("angle", "Angle", "°", (0, 180), "long axis: 0 along a row, counted towards smaller rows"),
    Output(
        "fit_r2", "R² of the fit", "", (None, 1), "share of the spatial map's variance that the fit explains"
    ),
)
_SCALARS = (
    *_FIELD,
    Output("n_spikes", "Number of spikes", "spikes", (0, None), "spikes while the noise was shown"),
    Output(
        "peak_z", "Peak |z|", "", (0, None), "largest |z| of the average over all displacements of the spikes"
    ),
    Output(
        "rf_p",
        "p of the receptive field",
        "",
        (0, 1),
        "p value of that maximum over all pixels and lags: spikes shifted, or images of short noise shuffled",
    ),
)
_FITTED = tuple(name for output in _FIELD for name in (output.name, *output.limits))


@dataclass(frozen=True, slots=True)
class _Averages:
    """Spike-triggered averages of one movie: data of the units that have one, and how they were made."""

    movie: str
    data: dict[str, NDArray[Any]]
    cover_range: tuple[int, int]
    trials: str


@extractor(
    name="dense_noise",
    aliases=("perfect_dense_noise_15x15_15hz_r42_3min",),
    title="Receptive field",
    version="2",
    params=DenseNoiseParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        FRAMES,
        NoiseSections("stimulus", "section_time/*noise*", "add_section_time"),
        Requirement("feature", "sta_*", "compute_sta"),
    ),
    outputs=_SCALARS,
)
def dense_noise(recording: Recording, params: DenseNoiseParams) -> FeatureTable:
    """Place, size, polarity and latency of the receptive field, and whether there is one."""
    averages = _averages(recording, params.movie)
    n_units = len(recording.units)
    columns = {output.name: np.full(n_units, np.nan) for output in with_limits(*_SCALARS)}
    table = FeatureTable(units=columns, notes={"movie": averages.movie})
    movie: NDArray[Any] | None = None
    counts = np.zeros((n_units, 0), np.int64)
    try:
        movie = _movie(recording, averages.movie, params)
        counts = _test(recording, averages, movie, params, columns)
        untested = "no spike during the noise"
        if np.isnan(columns["rf_p"]).all() and counts.any():
            untested = TOO_SHORT
        tested = {name: columns[name] for name in ("peak_z", "rf_p")}
        texts = {"peak_z": "no spike during the noise", "rf_p": untested}
        table.reasons |= reasons_where(recording, tested, texts)
    except (OSError, ValueError, EOFError, HDMEAError) as error:
        said = error.message if isinstance(error, HDMEAError) else str(error)
        untested = f"not tested, because spikes could not be shifted against the movie: {said}"
        table.reasons |= {"peak_z": untested, "rf_p": untested, "n_spikes": untested}
    level = None if movie is None else float(np.mean(movie, dtype=np.float64))
    frame_ms = 1000 * nominal_frame_duration(
        recording.metadata["frame_timestamps"], recording.acquisition_rate
    )
    ticket = granted(columns["rf_p"], params.alpha)
    reasons: dict[str, str] = {}
    for index, unit in enumerate(giving_way(recording.units)):
        data = averages.data.get(unit)
        if data is None or not np.isfinite(data).all():
            reasons[unit] = "no spike-triggered average: no usable spike"
        elif not ticket[index] and np.isnan(columns["rf_p"][index]):
            reasons[unit] = untested
        elif not ticket[index]:
            reasons[unit] = f"no significant receptive field (p = {columns['rf_p'][index]:.3g})"
        else:
            numbers = _numbers(data, level, averages.cover_range, frame_ms)
            if movie is not None:
                numbers |= _latency(numbers, movie, counts[index], averages.cover_range, frame_ms)
            for name in _FITTED:
                columns[name][index] = numbers.get(name, np.nan)
            if "fit_r2" not in numbers:
                reasons[unit] = "the fit did not converge"
    table.reasons |= {name: reasons for name in _FITTED if reasons}
    few = {name: columns[name] for name in ("latency_low", "latency_high")}
    for name, units in reasons_where(recording, few, {"": "no interval: fewer than 40 spikes"}).items():
        assert isinstance(units, dict)
        table.reasons[name] = {**units, **reasons}
    return table


def _numbers(
    data: NDArray[Any], level: float | None, cover_range: tuple[int, int], frame_ms: float
) -> dict[str, float]:
    """Numbers of one average; only those of the peak if the fit does not converge."""
    data = np.asarray(data, np.float64)
    deviation = data - (data.mean() if level is None else level)
    peak = find_peak(deviation)
    fit = fit_map(spatial_map(deviation, peak), (peak.row, peak.col), "gaussian")
    row, col = peak.row, peak.col
    numbers: dict[str, float] = {}
    if fit is not None:
        (shape,) = fit.shapes
        row = int(np.clip(round(shape.y), 0, data.shape[1] - 1))
        col = int(np.clip(round(shape.x), 0, data.shape[2] - 1))
        sigma = float(np.sqrt(shape.sigma_major * shape.sigma_minor))
        for name, value, half in (
            ("centre_x", shape.x, fit.errors.x),
            ("centre_y", shape.y, fit.errors.y),
            ("sigma_long", shape.sigma_major, fit.errors.sigma_major),
            ("sigma_short", shape.sigma_minor, fit.errors.sigma_minor),
            ("sigma", sigma, fit.errors.sigma),
        ):
            numbers |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
        numbers |= {"angle": shape.orientation_deg, "fit_r2": fit.r2}
    course = deviation[:, row, col]
    # Only a deviation of the field's own sign is its peak; the second phase may be as large.
    at = int((peak.sign * course).argmax())
    latency = -(cover_range[0] + at) * frame_ms
    return {**numbers, "polarity": float(peak.sign), "latency": latency, "row": row, "col": col}


def _latency(
    numbers: dict[str, float],
    movie: NDArray[Any],
    counts: NDArray[np.int64],
    cover_range: tuple[int, int],
    frame_ms: float,
) -> dict[str, float]:
    """Interval of the latency."""
    at = np.arange(counts.size)
    inside = (at + cover_range[0] >= 0) & (at + cover_range[1] <= counts.size)
    frames = np.repeat(at, np.where(inside, counts, 0))
    pixel = np.asarray(movie[: counts.size, int(numbers["row"]), int(numbers["col"])])
    errors = course_errors(pixel, frames, cover_range, numbers["polarity"])
    return {
        "latency_low": min(errors.latency_low_frames * frame_ms, numbers["latency"]),
        "latency_high": max(errors.latency_high_frames * frame_ms, numbers["latency"]),
    }


def _averages(recording: Recording, wanted: str | None) -> _Averages:
    """Averages of the movie that is asked for, otherwise of the only one."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for unit_id, unit in recording.units.items():
        for name, feature in (unit.get("features") or {}).items():
            if name.startswith("sta_") and fnmatch.fnmatchcase(name[4:], wanted or "*"):
                found.setdefault(name[4:], {})[unit_id] = feature
    if len(found) != 1:
        raise FeatureExtractionError(
            f"There are averages of {len(found)} movies that fit {wanted or 'any movie'}: "
            f"{', '.join(sorted(found))}.",
            parameter="movie",
            fix=SetParameter("movie", "extract_features", feature="dense_noise"),
        )
    ((movie, features),) = found.items()
    facts = next(iter(features.values()))["metadata"]
    first, last = (int(edge) for edge in np.ravel(facts["cover_range"]))
    data = {unit_id: np.asarray(feature["data"]) for unit_id, feature in features.items()}
    return _Averages(movie, data, (first, last), str(facts.get("trials", "first")))


def _movie(recording: Recording, name: str, params: DenseNoiseParams) -> NDArray[Any]:
    library = StimulusLibrary.for_recording(recording.source_files, stimuli_dir=params.stimuli_dir)
    movie: NDArray[Any] = np.load(library.movie_path(name), mmap_mode="r", allow_pickle=False)
    return movie


def _test(
    recording: Recording,
    averages: _Averages,
    movie: NDArray[Any],
    params: DenseNoiseParams,
    columns: dict[str, NDArray[np.float64]],
) -> NDArray[np.int64]:
    """Enter peak z and p value of every unit; returns the spikes in each frame of the movie."""
    section = recording.stimulus["section_time"][averages.movie]
    exposure, counts = shown_counts(
        recording.spike_trains, recording.metadata, section, len(movie), averages.trials
    )
    # Frames that were not recorded at their end have no spikes for no reason of the unit's.
    n_frames = int(np.count_nonzero(exposure == exposure.max(initial=0)))
    counts = counts[:, :n_frames]
    frame_duration = nominal_frame_duration(
        recording.metadata["frame_timestamps"], recording.acquisition_rate
    )
    first, last = averages.cover_range
    found = receptive_field_significance(
        movie[:n_frames],
        counts,
        averages.cover_range,
        min_shift=max(round(params.min_shift_s / frame_duration), -first, last),
        n_permutations=params.n_permutations,
        seed=params.seed,
        maps=False,
    )
    columns["peak_z"][:], columns["rf_p"][:] = found.peak_z, found.p
    columns["n_spikes"][:] = counts.sum(axis=1)
    return counts
