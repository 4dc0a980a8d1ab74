"""The step that follows each unit's axon in its electrical image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from hdmea.declare import StepParams, step
from hdmea.features.science.axon_outputs import AXON_OUTPUTS, axon_values
from hdmea.features.science.axon_path import AxonPath, axon_path, missing_axon
from hdmea.features.science.image_quality import bad_mask, why_unusable
from hdmea.features.science.soma_geometry import soma_geometry
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

__all__ = ["AxonPathParams", "extract_axon_path"]


class AxonPathParams(StepParams):
    """Parameters of `extract_axon_path`."""

    sensor_pitch_um: float | None = PITCH_FIELD
    threshold_sd: float = Field(
        5.0,
        gt=0,
        title="Threshold",
        description="Least depth of a trough.",
        json_schema_extra={"unit": "SD of the noise"},
    )
    min_electrodes: int = Field(
        8, ge=3, title="Fewest electrodes", description="An axon seen by fewer has no velocity."
    )
    min_span: float = Field(
        5.0,
        gt=0,
        title="Shortest span",
        description="An axon that spans less has no velocity.",
        json_schema_extra={"unit": "electrodes"},
    )
    min_delay_ms: float = Field(
        0.05,
        ge=0,
        title="Least delay",
        description="Troughs so much later than the soma's are the axon's.",
        json_schema_extra={"unit": "ms", "advanced": True},
    )
    time_tolerance_ms: float = Field(
        0.025,
        ge=0,
        title="Tolerance of times",
        description="A trough may be so much earlier than the one before it on the path.",
        json_schema_extra={"unit": "ms", "advanced": True},
    )
    n_bootstrap: int = Field(
        1000, ge=100, title="Resamples", description="For the interval.", json_schema_extra={"advanced": True}
    )
    confidence: float = Field(
        0.95, gt=0, lt=1, title="Confidence", description="Of the interval of the velocity."
    )
    seed: int = Field(
        0, ge=0, title="Seed", description="Of the resampling.", json_schema_extra={"advanced": True}
    )
    min_spikes: int | None = MIN_SPIKES_FIELD
    min_image_snr: float | None = MIN_IMAGE_SNR_FIELD


@step(
    "extract_axon_path",
    title="Axons",
    params=AxonPathParams,
    requires=("units/*/features/eimage_sta",),
    provides=("units/*/features/eimage_sta/axon",),
    version="2",
    outputs=AXON_OUTPUTS,
    group="axon",
    group_title="Axon",
    result=units_result("velocity"),
)
def extract_axon_path(session: PipelineSession, params: AxonPathParams, ctx: StepContext) -> None:
    """Follow each unit's axon over the chip and measure its conduction velocity.

    Electrodes with a significant trough are joined, from the soma on, where the trough is not earlier. The
    velocity is the Theil-Sen slope over the electrodes beyond the soma's own field, with a bootstrap
    interval. Stored per unit as ``features/eimage_sta/axon``; without a velocity its output ``missing`` says
    why.

    Raises
    ------
    MissingInputError
        If there are no electrical images.
    """
    images = entries(session, "eimage_sta", "compute_eimage_sta")
    pitch = known_pitch(session, params.sensor_pitch_um, ctx)
    found = for_each_unit(ctx, images, lambda entry: _axon(entry, session.metadata, params), "axons")
    for unit_id, axon in found.items():
        facts = images[unit_id]["metadata"]
        values, reasons = axon_values(axon, float(facts["sampling_rate"]), pitch)
        stored = stored_outputs(AXON_OUTPUTS, values, reasons, str(facts.get("unit", "")))
        ctx.put(stored, "units", unit_id, "features", "eimage_sta", "axon")


def _axon(entry: Mapping[str, Any], metadata: Mapping[str, Any], params: AxonPathParams) -> AxonPath:
    image, facts = np.asarray(entry["data"]), entry["metadata"]
    per_ms = float(facts["sampling_rate"]) / 1e3
    bad = bad_mask(metadata, facts, image.shape[1:])
    reason = why_unusable(image, facts, bad, min_spikes=params.min_spikes, min_image_snr=params.min_image_snr)
    if reason:
        return missing_axon(reason)
    soma = soma_geometry(image, int(facts["pre_samples"]), bad)
    if math.isnan(soma.center_row):
        return missing_axon(soma.reason)
    return axon_path(
        image,
        int(facts["pre_samples"]),
        (int(soma.center_row), int(soma.center_col)),
        threshold_sd=params.threshold_sd,
        min_electrodes=params.min_electrodes,
        min_span=params.min_span,
        min_delay_samples=params.min_delay_ms * per_ms,
        time_tolerance_samples=params.time_tolerance_ms * per_ms,
        n_bootstrap=params.n_bootstrap,
        confidence=params.confidence,
        seed=params.seed,
        bad=bad,
    )
