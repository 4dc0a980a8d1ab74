"""The step that averages the raw voltage of all electrodes around each unit's spikes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hdmea.declare import StepParams, step
from hdmea.features.science.electrical_image import WORKING_NBYTES, ElectricalImages, electrical_images
from hdmea.features.science.electrode_noise import ElectrodeNoise, electrode_noise, named_electrodes
from hdmea.features.science.image_quality import IMAGE_OUTPUTS, MIN_IMAGE_SNR, MIN_SPIKES, image_snr
from hdmea.pipeline.context import StepContext, StepRun
from hdmea.pipeline.forecast import recording_size, sensor_shape
from hdmea.pipeline.loading import as_decided
from hdmea.pipeline.results import LoadWithEImageSTAResult
from hdmea.pipeline.session import PipelineSession
from hdmea.pipeline.unit_outputs import chosen_units
from hdmea.recordings.mcs.axis_order import UnitPosition, decide_axis_order, decide_factor_order
from hdmea.recordings.mcs.sensor import Electrodes
from hdmea.recordings.reader import open_signals
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ConfigurationError, MissingFileError, MissingInputError
from hdmea.utils.fixes import Advice, ChooseFile, Each, Either, RunStep, SetParameter

__all__ = ["ElectricalImageParams", "compute_eimage_sta"]

_FEATURE = "eimage_sta"
_FACTS_NBYTES = 400
_MANY_BAD = 0.01


class ElectricalImageParams(StepParams):
    """Parameters of `compute_eimage_sta`."""

    cmcr_path: str | Path | None = Field(
        None,
        title="Raw recording",
        description="The .cmcr file; by default the one that the recording was loaded from.",
        json_schema_extra={"of_recording": True},
    )
    duration_s: float | None = Field(
        120.0,
        gt=0,
        title="Duration",
        description="Spikes of the first so many seconds are used; None: of the whole recording.",
        json_schema_extra={"unit": "s"},
    )
    spike_limit: int = Field(
        10_000,
        ge=0,
        title="Most spikes",
        description="Only the first so many spikes of a unit are used; 0: all.",
        json_schema_extra={"unit": "spikes"},
    )
    unit_ids: tuple[str | int, ...] | None = Field(
        None,
        title="Units",
        description="Unit ids or numbers; by default all units.",
        json_schema_extra={"names": "unit", "of_recording": True},
    )
    window_range: tuple[int, int] = Field(
        (-10, 40),
        title="Window",
        description="Samples relative to the spike; the second is not included.",
        json_schema_extra={"unit": "samples"},
    )
    cutoff_hz: float = Field(
        100.0,
        gt=0,
        title="High-pass cutoff",
        description="Frequency at which forward and backward pass together leave one half (−6 dB).",
        json_schema_extra={"unit": "Hz"},
    )
    filter_order: int = Field(
        2,
        ge=1,
        le=10,
        title="Filter order",
        description="Order of the Butterworth filter in one direction; both directions double its effect.",
        json_schema_extra={"advanced": True},
    )
    skip_highpass: bool = Field(
        False,
        title="No high-pass",
        description="Subtract each electrode's mean over the analysed time instead of filtering.",
        json_schema_extra={"advanced": True},
    )
    chunk_duration_s: float = Field(
        10.0,
        gt=0,
        title="Seconds read at once",
        description="Changes the memory that is needed, not the result.",
        json_schema_extra={"advanced": True, "unit": "s", "affects_result": False},
    )
    bad_electrodes: tuple[tuple[int, int], ...] | None = Field(
        None,
        title="Bad electrodes",
        description="Row and column on the chip (from 1) of the electrodes that somas and axons leave out, "
        "as in ((33, 32), (40, 12)); by default those that are found.",
        json_schema_extra={"advanced": True, "of_recording": True},
    )
    min_spikes: int = Field(
        MIN_SPIKES,
        ge=1,
        title="Fewest spikes",
        description="Neither soma, axon nor waveform is derived from an image of fewer spikes.",
        json_schema_extra={"unit": "spikes", "advanced": True},
    )
    min_image_snr: float = Field(
        MIN_IMAGE_SNR,
        ge=0,
        title="Least signal-to-noise",
        description="Neither soma, axon nor waveform is derived from an image whose largest signal, over the "
        "noise of its mean, is smaller.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("window_range")
    @classmethod
    def _begins_before_it_ends(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] >= value[1]:
            raise ValueError(f"must be two samples in ascending order, not {value[0]} and {value[1]}")
        return value


@dataclass(frozen=True)
class _Outcome:
    filter_seconds: float


def _unit_ids(session: PipelineSession, params: ElectricalImageParams) -> list[str]:
    if not session.units:
        raise MissingInputError(
            "Electrical images need sorted units, and this recording has none.",
            fix=Each((ChooseFile("cmtr_path", "load_recording"), RunStep("load_recording", again=True))),
        )
    return chosen_units(session, params.unit_ids)


def _raw_path(session: PipelineSession, params: ElectricalImageParams) -> Path:
    path = params.cmcr_path or session.source_files.get("cmcr_path")
    if not path:
        raise MissingInputError(
            "Electrical images need the raw recording, and none is known.",
            parameter="cmcr_path",
            fix=Either((ChooseFile("cmcr_path"), Advice("Load the recording with its .cmcr file."))),
        )
    if not os.path.exists(path):
        raise MissingFileError(
            f"The raw recording {path} does not exist, and there is no file of this name beside the result.",
            parameter="cmcr_path",
            path=path,
            fix=ChooseFile("cmcr_path"),
        )
    return Path(path)


def _inputs(session: PipelineSession, params: ElectricalImageParams) -> list[Path]:
    return [_raw_path(session, params)]


def _forecast(session: PipelineSession, params: ElectricalImageParams) -> int:
    shape = sensor_shape(_raw_path(session, params))
    if shape is None:
        raise MissingInputError(
            "The raw recording does not contain sensor data.", fix=ChooseFile("cmcr_path")
        )
    n_units = recording_size(session).n_units if params.unit_ids is None else len(set(params.unit_ids))
    window = params.window_range[1] - params.window_range[0]
    return n_units * (window * shape[0] * shape[1] * 4 + _FACTS_NBYTES)


def _result(run: StepRun) -> LoadWithEImageSTAResult:
    assert run.hdf5_path is not None
    session = run.session
    stored = [unit.get("features", {}).get(_FEATURE) for unit in session.units.values()]
    return LoadWithEImageSTAResult(
        hdf5_path=run.hdf5_path,
        dataset_id=session.dataset_id,
        num_units=session.unit_count,
        units_with_sta=sum(entry is not None and entry["metadata"]["n_spikes_used"] > 0 for entry in stored),
        stage1_completed="load_recording" in session.completed_steps,
        elapsed_seconds=run.elapsed_seconds,
        filter_time_seconds=0.0 if run.outcome is None else run.outcome.filter_seconds,
        warnings=list(run.warnings),
    )


@step(
    "compute_eimage_sta",
    title="Electrical images",
    params=ElectricalImageParams,
    requires=("units", "sensors"),
    provides=("units/*/features/eimage_sta", "metadata/electrodes"),
    outputs=IMAGE_OUTPUTS,
    outputs_at="units/*/features/eimage_sta/metadata",
    group="eimage",
    version="2",
    positional=("cmcr_path",),
    selectors=("unit_ids", "cmcr_path"),
    inputs=_inputs,
    items=_unit_ids,
    forecast=_forecast,
    working_nbytes=WORKING_NBYTES,
    result=_result,
)
def compute_eimage_sta(session: PipelineSession, params: ElectricalImageParams, ctx: StepContext) -> _Outcome:
    """Average the raw voltage of all electrodes around each unit's spikes.

    The raw signal of every electrode is high-passed without phase shift over each gapless part of the
    recording; the windows around the accepted spikes of the first `duration_s` seconds are averaged. Stored
    per unit as ``features/eimage_sta``: float32 (window, rows, columns) in the unit that the file's factors
    give, NaN where no spike could be used.

    Raises
    ------
    MissingInputError
        If there is no raw recording, or it contains no sensor data.
    ConfigurationError
        If `unit_ids` names a unit that does not exist.
    """
    with open_signals(_raw_path(session, params)) as reader:
        region = reader.sensor
        if region is None:
            raise MissingInputError(
                f"{reader.path.name} does not contain sensor data. Electrical images need a recording of the "
                "raw electrodes.",
                path=reader.path,
                fix=ChooseFile("cmcr_path"),
            )
        if region.unreadable:
            raise MissingInputError(
                f"{reader.path.name}: the sensor data cannot be read: {region.unreadable}",
                fix=Either(
                    (ChooseFile("cmcr_path"), Advice("Copy the file again from where it was recorded."))
                ),
            )
        region = _as_decided(session, region, ctx)
        noise = electrode_noise(
            region,
            region.positions,
            sampling_rate=region.sampling_rate,
            factors=region.factors_uv,
            duration_s=params.duration_s,
            workers=ctx.workers,
            progress=lambda fraction: ctx.checkpoint(0.02 + 0.03 * fraction, "noise of the electrodes"),
        )
        bad = _bad(params, region, noise)
        outside = _outside(session, region, ctx.items)
        nothing = np.empty(0, np.int64)
        trains = [
            nothing if unit_id in outside else _on_sensor_clock(session, unit_id, region)
            for unit_id in ctx.items
        ]
        images = electrical_images(
            region,
            trains,
            sampling_rate=region.sampling_rate,
            factors=region.factors_uv,
            duration_s=params.duration_s or session.duration_s,
            spike_limit=params.spike_limit,
            window_range=params.window_range,
            cutoff_hz=params.cutoff_hz,
            filter_order=params.filter_order,
            skip_highpass=params.skip_highpass,
            chunk_duration_s=params.chunk_duration_s,
            workers=ctx.workers,
            progress=lambda fraction: ctx.checkpoint(0.05 + 0.9 * fraction, "raw data around the spikes"),
        )
    _warn(ctx, params, region, images, outside)
    _warn_of_bad(ctx, params, region, noise, bad)
    ctx.put(_electrode_facts(params, region, noise, bad), "metadata", "electrodes")
    shared = _shared_metadata(params, region)
    good = ~bad
    for index, unit_id in enumerate(ctx.items):
        ctx.checkpoint(0.95 + 0.05 * index / len(ctx.items), "storing the images")
        data, n_used = images.data[index], int(images.n_spikes_used[index])
        snr = image_snr(np.ptp(data[:, good], axis=0), noise.sd[good], n_used) if good.any() else float("nan")
        entry = {
            "data": _in_place(region.to_rows_cols(data), data),
            "metadata": {
                "n_spikes_used": n_used,
                "n_spikes_excluded": int(images.n_spikes_excluded[index]),
                "image_snr": snr,
                "reason": outside.get(unit_id, ""),
                **shared,
            },
        }
        ctx.put(entry, "units", unit_id, "features", _FEATURE)
    return _Outcome(images.filter_seconds)


def _in_place(image: NDArray[np.float32], data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image (window, rows, columns) in the memory of what it was made from, where it fits there."""
    if image.size != data.size:
        return np.ascontiguousarray(image)
    stored = data.reshape(image.shape)
    stored[:] = image.copy()
    return stored


def _bad(params: ElectricalImageParams, region: Electrodes, noise: ElectrodeNoise) -> NDArray[np.bool_]:
    """Return the electrodes to leave out: those that were found bad, or those that the caller names."""
    if params.bad_electrodes is None:
        return noise.bad
    bad = np.zeros(region.n_electrodes, dtype=bool)
    for row, column in params.bad_electrodes:
        index = region.electrode_index(row, column)
        if index is None:
            raise ConfigurationError(
                f"The electrode in row {row}, column {column} was not recorded; the recorded rows are "
                f"{region.first_row}–{region.first_row + region.rows - 1} and the columns "
                f"{region.first_column}–{region.first_column + region.cols - 1} of the chip.",
                parameter="bad_electrodes",
                fix=SetParameter("bad_electrodes"),
            )
        bad[index] = True
    return bad


def _outside(session: PipelineSession, region: Electrodes, unit_ids: Sequence[str]) -> dict[str, str]:
    """Units whose electrode was not recorded, with the reason why they have no image."""
    found = {}
    for unit_id in unit_ids:
        place = _place(session.units[unit_id])
        if place is not None and region.electrode_index(*place) is None:
            where = (
                "is outside of the recorded region" if region.is_complete else "is not among those recorded"
            )
            found[unit_id] = f"the unit's electrode (row {place[0]}, column {place[1]}) {where}"
    return found


def _warn_of_bad(
    ctx: StepContext,
    params: ElectricalImageParams,
    region: Electrodes,
    noise: ElectrodeNoise,
    bad: NDArray[np.bool_],
) -> None:
    """Name bad electrodes that were found; a few of a large chip are usual and no warning."""
    if params.bad_electrodes is not None or not bad.any():
        return
    named = "; ".join(named_electrodes(region.positions, bad, noise.reasons))
    text = (
        f"{np.count_nonzero(bad)} of {bad.size} electrodes are bad and left out of somas and axons: {named}"
    )
    if np.count_nonzero(bad) >= _MANY_BAD * bad.size:
        ctx.warn(f"{text}.", fix=SetParameter("bad_electrodes"))
    else:
        ctx.inform(f"{text}.")


def _electrode_facts(
    params: ElectricalImageParams, region: Electrodes, noise: ElectrodeNoise, bad: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return what is stored of the electrodes: bad ones by row and column on the chip, noise as an image."""
    found = params.bad_electrodes is None
    sd = region.to_rows_cols(noise.sd.astype(np.float32))
    return {
        "bad": region.positions[bad],
        "bad_reasons": [noise.reasons[index] or "named" for index in np.flatnonzero(bad).tolist()],
        "bad_source": "found" if found else "named",
        "noise_sd": AttrArray(np.ascontiguousarray(sd), {"unit": region.unit}),
        "first_row": region.first_row,
        "first_column": region.first_column,
    }


def _as_decided(session: PipelineSession, region: Electrodes, ctx: StepContext) -> Electrodes:
    """Return the electrodes in the orders decided at loading; without a decision it is taken here."""
    region = as_decided(region, session.metadata.get("sys_meta") or {})
    if region.is_open and region.axis_order.source == "default":
        units = [
            UnitPosition(*place, _on_sensor_clock(session, unit_id, region))
            for unit_id, unit in session.units.items()
            if (place := _place(unit))
        ]
        order = decide_axis_order(
            region, units, lambda part: ctx.checkpoint(0.02 * part, "order of the axes")
        )
        if order.source == "default":
            ctx.warn(
                f"It is not certain which axis of the raw data is the column ({order.evidence}). This is why "
                "images may look mirrored about the diagonal."
            )
        region = region.with_axis_order(order)
    if region.factor_order.source == "default":
        region = region.with_factor_order(decide_factor_order(region))
    return region


def _place(unit: Mapping[str, Any]) -> tuple[int, int] | None:
    row, col = unit.get("row"), unit.get("col")
    return None if row is None or col is None else (int(row), int(col))


def _on_sensor_clock(session: PipelineSession, unit_id: str, region: Electrodes) -> NDArray[np.int64]:
    """Spike samples on the clock of the raw data, which is the acquisition clock in every known recording."""
    spikes = np.asarray(session.units[unit_id]["spike_times"]).astype(np.int64)
    ratio = region.sampling_rate / session.acquisition_rate
    return spikes if abs(ratio - 1) < 1e-9 else np.rint(spikes * ratio).astype(np.int64)


def _shared_metadata(params: ElectricalImageParams, region: Electrodes) -> dict[str, Any]:
    return {
        "cutoff_hz": params.cutoff_hz,
        "filter_order": params.filter_order,
        "pre_samples": -params.window_range[0],
        "post_samples": params.window_range[1],
        "spike_limit": params.spike_limit,
        "duration_s": params.duration_s,
        "skip_highpass": params.skip_highpass,
        "sampling_rate": region.sampling_rate,
        "window_range": list(params.window_range),
        "min_spikes": params.min_spikes,
        "min_image_snr": params.min_image_snr,
        "unit": region.unit,
        "first_row": region.first_row,
        "first_column": region.first_column,
        "axis_order": region.axis_order.order,
        "axis_order_evidence": region.axis_order.evidence,
        "factor_order": region.factor_order.order,
    }


def _warn(
    ctx: StepContext,
    params: ElectricalImageParams,
    region: Electrodes,
    images: ElectricalImages,
    outside: Mapping[str, str],
) -> None:
    for message in region.warnings:
        ctx.warn(message)
    end_s = float(region.segments[-1, 1]) / region.sampling_rate if len(region.segments) else 0.0
    if params.duration_s is not None and end_s < params.duration_s and images.n_spikes_excluded.any():
        ctx.warn(
            f"The raw electrode data end at {end_s:.3g} s; spikes between there and {params.duration_s:g} s "
            "are not in the electrical images."
        )
    if outside:
        where = (
            f"rows {region.first_row}–{region.first_row + region.rows - 1}, columns {region.first_column}–"
            f"{region.first_column + region.cols - 1}"
        )
        what = (
            f"is outside of the recorded region, {where}"
            if region.is_complete
            else f"is not among the {region.n_electrodes} that were recorded in {where}"
        )
        ctx.warn(f"No electrical image (the electrode of the unit {what}): {_named(list(outside))}.")
    used = zip(ctx.items, images.n_spikes_used.tolist(), strict=True)
    empty = _named([unit_id for unit_id, n in used if n == 0 and unit_id not in outside])
    if empty:
        ctx.warn(f"No electrical image (no spike whose window is in the raw data): {empty}.")


def _named(unit_ids: Sequence[str], most: int = 10) -> str:
    more = f" and {len(unit_ids) - most} more" if len(unit_ids) > most else ""
    return ", ".join(unit_ids[:most]) + more
