"""The step that measures each unit's receptive field in its spike-triggered average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from hdmea.declare import StepParams, step
from hdmea.features.science.rf_geometry import ReceptiveField, rf_geometry
from hdmea.features.science.rf_outputs import RF_OUTPUTS, rf_values
from hdmea.features.science.trial_rates import nominal_frame_duration
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.unit_outputs import entries, for_each_unit, stored_outputs, units_result
from hdmea.stimuli.calibration import StimulusCalibration, read_calibration
from hdmea.utils.exceptions import ConfigurationError, MissingInputError

__all__ = ["RFGeometryParams", "extract_rf_geometry"]

_PREFIX = "sta_"
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


def _items(session: PipelineSession, params: RFGeometryParams) -> list[str]:
    movies = dict.fromkeys(
        name.removeprefix(_PREFIX)
        for unit in session.units.values()
        for name in unit.get("features") or {}
        if name.startswith(_PREFIX)
    )
    if not movies:
        raise MissingInputError("There are no spike-triggered averages: run compute_sta first.")
    if params.movie_name is None:
        return list(movies)
    if params.movie_name not in movies:
        raise ConfigurationError(
            f"There is no average of {params.movie_name!r}. Averages: {', '.join(movies)}."
        )
    return [params.movie_name]


def _inputs(session: PipelineSession, params: RFGeometryParams) -> Iterable[Path]:
    if params.calibration_path is None:
        return []
    read_calibration(params.calibration_path)
    return [Path(params.calibration_path)]


@step(
    "extract_rf_geometry",
    title="Receptive fields",
    params=RFGeometryParams,
    requires=("units/*/features/sta_*",),
    provides=("units/*/features/sta_*/sta_geometry",),
    outputs=RF_OUTPUTS,
    group="rf",
    group_title="Receptive field geometry",
    version="1",
    selectors=("movie_name",),
    inputs=_inputs,
    items=_items,
    result=units_result,
)
def extract_rf_geometry(session: PipelineSession, params: RFGeometryParams, ctx: StepContext) -> list[str]:
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

    def measure(entry: Mapping[str, Any]) -> ReceptiveField:
        first, last = (int(edge) for edge in entry["metadata"]["cover_range"])
        return rf_geometry(entry["data"], (first, last), frame_duration)

    missing: dict[str, None] = {}
    failed = 0
    for movie in ctx.items:
        averages = entries(session, _PREFIX + movie, "compute_sta")
        for unit_id, field in for_each_unit(ctx, averages, measure, movie).items():
            values, reasons = rf_values(field, calibration)
            stored = stored_outputs(RF_OUTPUTS, values, reasons)
            ctx.put(stored, "units", unit_id, "features", _PREFIX + movie, "sta_geometry")
            failed += field.n_failed_fits
            if field.reason:
                missing[unit_id] = None
    if failed:
        said = "1 fit of a receptive field" if failed == 1 else f"{failed} fits of receptive fields"
        ctx.warn(f"{said} did not converge: the numbers of such a fit are missing.")
    return list(missing)


def _calibration(
    session: PipelineSession, params: RFGeometryParams, ctx: StepContext
) -> StimulusCalibration | None:
    """Return the calibration that is named (and remember it), else the remembered one."""
    if params.calibration_path is not None:
        calibration = read_calibration(params.calibration_path)
        ctx.put(calibration.model_dump_json(), "metadata", _CALIBRATION_KEY)
        return calibration
    remembered = session.metadata.get(_CALIBRATION_KEY)
    return None if remembered is None else StimulusCalibration.model_validate_json(str(remembered))
