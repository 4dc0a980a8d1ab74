"""The step that finds each unit's soma in its electrical image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hdmea.declare import StepParams, step
from hdmea.features.science.image_quality import bad_mask, why_unusable
from hdmea.features.science.soma_geometry import (
    SOMA_OUTPUTS,
    SomaGeometry,
    missing_soma,
    soma_geometry,
    soma_values,
)
from hdmea.pipeline.context import StepContext
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.unit_outputs import (
    MIN_IMAGE_SNR_FIELD,
    MIN_SPIKES_FIELD,
    PITCH_FIELD,
    entries,
    for_each_unit,
    known_pitch,
    stored_outputs,
    units_result,
)
from hdmea.utils.fixes import Advice

__all__ = ["SomaGeometryParams", "extract_soma_geometry"]

FAR_FROM_SORTER = 3.0


class SomaGeometryParams(StepParams):
    """Parameters of `extract_soma_geometry`."""

    sensor_pitch_um: float | None = PITCH_FIELD
    min_spikes: int | None = MIN_SPIKES_FIELD
    min_image_snr: float | None = MIN_IMAGE_SNR_FIELD


@step(
    "extract_soma_geometry",
    title="Soma geometry",
    params=SomaGeometryParams,
    requires=("units/*/features/eimage_sta",),
    provides=("units/*/features/eimage_sta/geometry",),
    version="2",
    outputs=SOMA_OUTPUTS,
    group="soma",
    group_title="Soma",
    result=units_result("center_row"),
)
def extract_soma_geometry(session: PipelineSession, params: SomaGeometryParams, ctx: StepContext) -> None:
    """Find where each unit's soma is on the chip, and how far it reaches.

    The centre is the good electrode with the largest peak-to-peak voltage; the extent is where the voltage of
    the first samples after the spike exceeds half its maximum, around the centre. Bad electrodes are left
    out. An image of too few spikes, of too little signal, or whose trough is not at the spikes gives nothing.
    Stored per unit as ``features/eimage_sta/geometry``.

    Raises
    ------
    MissingInputError
        If there are no electrical images.
    """
    images = entries(session, "eimage_sta", "compute_eimage_sta")
    pitch = known_pitch(session, params.sensor_pitch_um, ctx)

    def soma_of(entry: Mapping[str, Any]) -> SomaGeometry:
        return _soma(entry, session.metadata, params)

    missing: list[str] = []
    poor: list[str] = []
    far: dict[str, float] = {}
    for unit_id, soma in for_each_unit(ctx, images, soma_of, "somas").items():
        facts = images[unit_id]["metadata"]
        values, reasons = soma_values(
            soma, facts.get("first_row"), facts.get("first_column"), pitch, _sorter(session.units[unit_id])
        )
        stored = stored_outputs(SOMA_OUTPUTS, values, reasons, str(facts.get("unit", "")))
        ctx.put(stored, "units", unit_id, "features", "eimage_sta", "geometry")
        if soma.reason:
            missing.append(unit_id)
            if np.isfinite(images[unit_id]["data"]).any():
                poor.append(unit_id)
        if values["soma_to_sorter"] > FAR_FROM_SORTER:
            far[unit_id] = values["soma_to_sorter"]
    without = [unit_id for unit_id in missing if unit_id not in poor]
    if without:
        ctx.warn(f"These units have no soma geometry (the output 'missing' says why): {', '.join(without)}.")
    if poor:
        ctx.inform(
            "The electrical images of these units are too poor for a soma (the output 'missing' says why): "
            f"{', '.join(poor)}."
        )
    if far:
        named = ", ".join(f"{unit_id} ({distance:.1f})" for unit_id, distance in list(far.items())[:10])
        more = f" and {len(far) - 10} more" if len(far) > 10 else ""
        ctx.warn(
            f"The soma is more than {FAR_FROM_SORTER:g} electrodes from the electrode of the sorter: "
            f"{named}{more}.",
            fix=Advice("Check whether another cell is larger in these images."),
        )


def _soma(entry: Mapping[str, Any], metadata: Mapping[str, Any], params: SomaGeometryParams) -> SomaGeometry:
    image, facts = np.asarray(entry["data"]), entry["metadata"]
    bad = bad_mask(metadata, facts, image.shape[1:])
    reason = why_unusable(image, facts, bad, min_spikes=params.min_spikes, min_image_snr=params.min_image_snr)
    if reason:
        return missing_soma(image.shape[1:], reason)
    return soma_geometry(image, int(facts["pre_samples"]), bad)


def _sorter(unit: Mapping[str, Any]) -> tuple[int, int] | None:
    row, col = unit.get("row"), unit.get("col")
    return None if row is None or col is None else (int(row), int(col))
