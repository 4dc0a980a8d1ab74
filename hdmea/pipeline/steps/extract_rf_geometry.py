"""The step that measures each unit's receptive field in its spike-triggered average."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import StepParams, step
from hdmea.features.science.noise_showing import shown_counts
from hdmea.features.science.receptive_field_models import MODELS
from hdmea.features.science.receptive_field_significance import TOO_SHORT, receptive_field_significance
from hdmea.features.science.rf_geometry import ReceptiveField, rf_geometry
from hdmea.features.science.rf_outputs import RF_OUTPUTS, rf_values
from hdmea.features.science.tickets import granted
from hdmea.features.science.time_course import CourseErrors, course_errors
from hdmea.features.science.trial_rates import nominal_frame_duration
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.light_delay import light_delay_ms, without_light_delay
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.unit_outputs import entries, for_each_unit, stored_outputs, units_result
from hdmea.stimuli.calibration import StimulusCalibration, read_calibration, stored_calibration
from hdmea.stimuli.library import StimulusLibrary
from hdmea.utils.exceptions import ConfigurationError, HDMEAError, MissingInputError
from hdmea.utils.fixes import ChooseFile, RunStep, SetParameter

__all__ = ["RFGeometryParams", "extract_rf_geometry"]

_PREFIX = "sta_"
_MIN_SHIFT_S = 2.0
_CALIBRATION_KEY = "stimulus_calibration"


class RFGeometryParams(StepParams):
    """Parameters of `extract_rf_geometry`."""

    movie_name: str | None = Field(
        None,
        title="Movie",
        description="Noise movie; by default all that have spike-triggered averages.",
        json_schema_extra={"names": "averaged_movie"},
    )
    calibration_path: str | Path | None = Field(
        None,
        title="Stimulus calibration",
        description="JSON file with um_per_pixel, rotation_deg, mirror and offset_um; once given it is "
        "remembered with the recording. Without it sizes are in pixels only.",
        json_schema_extra={"affects_result": False},
    )
    stimuli_dir: str | Path | None = Field(
        None,
        title="Movie folder",
        description="Folder of <movie>.npy, which tells whether there is a field; looked into first.",
        json_schema_extra={"of_recording": True},
    )
    alpha: float = Field(
        0.01,
        gt=0,
        le=1,
        title="Significance",
        description="Largest p value of a receptive field; above it numbers are missing. 1 gives them all.",
    )


def _items(session: PipelineSession, params: RFGeometryParams) -> list[str]:
    movies = dict.fromkeys(
        name.removeprefix(_PREFIX)
        for unit in session.units.values()
        for name in unit.get("features") or {}
        if name.startswith(_PREFIX)
    )
    if not movies:
        raise MissingInputError("There are no spike-triggered averages.", fix=RunStep("compute_sta"))
    if params.movie_name is None:
        return list(movies)
    if params.movie_name not in movies:
        raise ConfigurationError(
            f"There is no average of {params.movie_name!r}. Averages: {', '.join(movies)}.",
            parameter="movie_name",
            fix=SetParameter("movie_name"),
        )
    return [params.movie_name]


def _movie_path(session: PipelineSession, params: RFGeometryParams, movie: str) -> Path | None:
    library = StimulusLibrary.for_recording(session.source_files, stimuli_dir=params.stimuli_dir)
    try:
        return library.movie_path(movie)
    except FileNotFoundError:
        return None


def _inputs(session: PipelineSession, params: RFGeometryParams) -> Iterable[Path]:
    paths = [_movie_path(session, params, movie) for movie in _items(session, params)]
    found = [path for path in paths if path is not None]
    if params.calibration_path is None:
        return found
    read_calibration(params.calibration_path)
    return [*found, Path(params.calibration_path)]


@step(
    "extract_rf_geometry",
    title="Receptive fields",
    params=RFGeometryParams,
    requires=("units/*/features/sta_*",),
    provides=("units/*/features/sta_*/sta_geometry",),
    outputs=RF_OUTPUTS,
    group="rf",
    group_title="Receptive field geometry",
    version="2",
    selectors=("movie_name",),
    inputs=_inputs,
    items=_items,
    result=units_result("sta_time_course"),
)
def extract_rf_geometry(session: PipelineSession, params: RFGeometryParams, ctx: StepContext) -> None:
    """Measure each unit's receptive field: place, size, sign, time course.

    A Gaussian, a difference of Gaussians and separate ON and OFF Gaussians are fitted to the signed map, not
    smoothed, around the peak of the spike-triggered average; the model with the lowest BIC is chosen. Stored
    per unit as ``features/sta_<movie>/sta_geometry``.

    Raises
    ------
    MissingInputError
        If there are no spike-triggered averages.
    ConfigurationError
        If there are none of the movie that is asked for, or the calibration is not valid.
    """
    calibration = _calibration(session, params, ctx)
    frames = session.require("metadata", "frame_timestamps")
    frame_duration = nominal_frame_duration(frames, session.acquisition_rate)
    failed = 0
    for movie in ctx.items:
        averages = entries(session, _PREFIX + movie, "compute_sta")
        noise = _Noise.of(session, params, movie, averages, ctx.workers)

        def measure(entry: tuple[str, Mapping[str, Any]], noise: _Noise = noise) -> ReceptiveField:
            models = MODELS if noise.has_field(entry[0], params.alpha) else ()
            return rf_geometry(entry[1]["data"], noise.cover_range, frame_duration, models)

        named = {unit_id: (unit_id, entry) for unit_id, entry in averages.items()}
        for unit_id, field in for_each_unit(ctx, named, measure, movie).items():
            p = noise.p.get(unit_id, math.nan)
            no_field = "" if noise.has_field(unit_id, params.alpha) else noise.why(unit_id)
            values, reasons = rf_values(
                field,
                calibration,
                p=p,
                no_field=no_field,
                errors=None if no_field else noise.errors(unit_id, field),
                frame_ms=1000 * frame_duration,
            )
            values = without_light_delay(values, RF_OUTPUTS, light_delay_ms(session.stimulus, movie))
            stored = stored_outputs(RF_OUTPUTS, values, reasons)
            ctx.put(stored, "units", unit_id, "features", _PREFIX + movie, "sta_geometry")
            failed += field.n_failed_fits
    if failed:
        said = "1 fit of a receptive field" if failed == 1 else f"{failed} fits of receptive fields"
        ctx.warn(f"{said} did not converge: the numbers of such a fit are missing.")


@dataclass(frozen=True)
class _Noise:
    """A noise movie, the spikes in its frames, and the significance of each unit's field."""

    movie: NDArray[Any] | None
    counts: dict[str, NDArray[np.int64]]
    p: dict[str, float]
    cover_range: tuple[int, int]
    reason: str

    @classmethod
    def of(
        cls,
        session: PipelineSession,
        params: RFGeometryParams,
        name: str,
        averages: Mapping[str, Mapping[str, Any]],
        workers: int,
    ) -> _Noise:
        facts = next(iter(averages.values()))["metadata"]
        first, last = (int(edge) for edge in np.ravel(facts["cover_range"]))
        try:
            path = _movie_path(session, params, name)
            if path is None:
                raise MissingInputError(f"The movie {name}.npy was not found.", fix=ChooseFile("stimuli_dir"))
            movie = np.load(path, mmap_mode="r", allow_pickle=False)
            trains = [session.units[unit_id]["spike_times"] for unit_id in averages]
            section = session.stimulus["section_time"][name]
            exposure, counts = shown_counts(
                trains, session.metadata, section, len(movie), str(facts.get("trials", "first"))
            )
            n_frames = int(np.count_nonzero(exposure == exposure.max(initial=0)))
            frames = session.require("metadata", "frame_timestamps")
            shift = round(_MIN_SHIFT_S / nominal_frame_duration(frames, session.acquisition_rate))
            found = receptive_field_significance(
                movie[:n_frames],
                counts[:, :n_frames],
                (first, last),
                min_shift=max(shift, -first, last),
                maps=False,
                workers=workers,
            )
        except (OSError, ValueError, EOFError, KeyError, HDMEAError) as error:
            said = error.message if isinstance(error, HDMEAError) else str(error)
            return cls(None, {}, {}, (first, last), f"not tested: {said}")
        return cls(
            movie[:n_frames],
            dict(zip(averages, counts[:, :n_frames], strict=True)),
            dict(zip(averages, found.p.tolist(), strict=True)),
            (first, last),
            TOO_SHORT if not found.method else "no spike during the noise",
        )

    def has_field(self, unit_id: str, alpha: float) -> bool:
        """Whether a unit's field is significant."""
        return bool(granted(self.p.get(unit_id, math.nan), alpha))

    def why(self, unit_id: str) -> str:
        """Why a unit has no field."""
        p = self.p.get(unit_id, math.nan)
        return self.reason if math.isnan(p) else f"no significant receptive field (p = {p:.3g})"

    def errors(self, unit_id: str, field: ReceptiveField) -> CourseErrors | None:
        """Errors of a unit's time course; None without the movie."""
        if self.movie is None or field.reason:
            return None
        counts = self.counts[unit_id]
        at = np.arange(counts.size)
        inside = (at + self.cover_range[0] >= 0) & (at + self.cover_range[1] <= counts.size)
        pixel = np.asarray(self.movie[:, field.pixel[0], field.pixel[1]])
        return course_errors(
            pixel, np.repeat(at, np.where(inside, counts, 0)), self.cover_range, field.polarity
        )


def _calibration(
    session: PipelineSession, params: RFGeometryParams, ctx: StepContext
) -> StimulusCalibration | None:
    """Return the calibration that is named (and remember it), otherwise the remembered one."""
    if params.calibration_path is not None:
        calibration = read_calibration(params.calibration_path)
        ctx.put(calibration.model_dump_json(), "metadata", _CALIBRATION_KEY)
        return calibration
    remembered = session.metadata.get(_CALIBRATION_KEY)
    return None if remembered is None else stored_calibration(str(remembered))
