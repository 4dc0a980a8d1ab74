"""The step that finds each unit's soma in its electrical image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmea.features.science.soma_geometry import SOMA_OUTPUTS, SomaGeometry, soma_geometry, soma_values
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.step import StepContext, StepParams, step
from hdmea.pipeline.unit_outputs import (
    PITCH_FIELD,
    entries,
    for_each_unit,
    known_pitch,
    stored_outputs,
    units_result,
)

__all__ = ["SomaGeometryParams", "extract_soma_geometry"]


class SomaGeometryParams(StepParams):
    """Parameters of `extract_soma_geometry`."""

    sensor_pitch_um: float | None = PITCH_FIELD


@step(
    "extract_soma_geometry",
    title="Soma geometry",
    params=SomaGeometryParams,
    requires=("compute_eimage_sta",),
    provides=("units/*/features/eimage_sta/geometry",),
    version="1",
    result=units_result,
)
def extract_soma_geometry(
    session: PipelineSession, params: SomaGeometryParams, ctx: StepContext
) -> list[str]:
    """Find where each unit's soma lies on the chip, and how far it reaches.

    The centre is the electrode with the largest peak-to-peak voltage; the extent is where the voltage of the
    first samples after the spike exceeds half its maximum, around the centre. Stored per unit as
    ``features/eimage_sta/geometry``.

    Raises
    ------
    MissingInputError
        If there are no electrical images.
    """
    images = entries(session, "eimage_sta", "compute_eimage_sta")
    pitch = known_pitch(session, params.sensor_pitch_um, ctx)
    missing = []
    for unit_id, soma in for_each_unit(ctx, images, _soma, "somas").items():
        facts = images[unit_id]["metadata"]
        values, reasons = soma_values(soma, facts.get("first_row"), facts.get("first_column"), pitch)
        stored = stored_outputs(SOMA_OUTPUTS, values, reasons, str(facts.get("unit", "")))
        ctx.put(stored, "units", unit_id, "features", "eimage_sta", "geometry")
        if soma.reason:
            missing.append(unit_id)
    if missing:
        ctx.warn(f"No soma geometry (its output 'missing' says why): {', '.join(missing)}.")
    return missing


def _soma(entry: Mapping[str, Any]) -> SomaGeometry:
    return soma_geometry(entry["data"], int(entry["metadata"]["pre_samples"]))
