"""waveform: shape of the mean spike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.declare import FeatureParams, FeatureTable, Output, Recording, Requirement, extractor
from hdmea.features.science.image_quality import (
    bad_mask,
    largest_electrode,
    why_unusable,
)
from hdmea.features.science.light_steps import reasons_where
from hdmea.features.science.movie_trials import OptionalFeature
from hdmea.features.science.waveform_shape import waveform_shape
from hdmea.utils.giving_way import giving_way

__all__ = ["WaveformParams", "soma_waveform", "waveform"]


class WaveformParams(FeatureParams):
    """Parameters of the feature `waveform`."""

    baseline_samples: int = Field(
        5,
        ge=1,
        title="Zero level",
        description="Samples at the start whose mean is zero.",
        json_schema_extra={"unit": "samples"},
    )
    min_spikes: int | None = Field(
        None,
        ge=1,
        title="Fewest spikes",
        description="Nothing is measured on an electrical image of fewer spikes; by default as stated when "
        "the images were computed.",
        json_schema_extra={"unit": "spikes", "advanced": True},
    )
    min_image_snr: float | None = Field(
        None,
        ge=0,
        title="Least signal-to-noise",
        description="Nothing is measured on an electrical image whose largest signal, over the noise of its "
        "mean, is smaller; by default as stated when the images were computed.",
        json_schema_extra={"advanced": True},
    )


_OWN_UNIT = "waveform_unit"
_OUTPUTS = (
    Output(
        "trough_to_peak", "Trough to peak", "ms", (0, None), "from the trough to the largest value after it"
    ),
    Output("half_width", "Half width", "ms", (0, None), "width of the trough at half its depth"),
    Output("peak_to_peak", "Peak to peak", _OWN_UNIT, (0, None), "largest minus smallest value"),
    Output(
        "repolarization_slope",
        "Repolarization slope",
        f"{_OWN_UNIT}/ms",
        (0, None),
        "steepest rise between trough and peak",
    ),
    Output(
        "recovery_slope", "Recovery slope", f"{_OWN_UNIT}/ms", (None, None), "steepest fall after the peak"
    ),
    Output(
        "waveform_source",
        "Waveform source",
        "",
        (None, None),
        "what was measured: soma electrode of the electrical image, or cut-out of the sorter",
        dtype="str",
    ),
    Output(_OWN_UNIT, "Unit of the waveform", "", (None, None), "unit of amplitudes and slopes", dtype="str"),
)
_CUT_OFF = "the trough or the peak after it is on the edge of the waveform, or there is no waveform"
_REASONS = {
    "trough_to_peak": _CUT_OFF,
    "half_width": "the trough is cut off, or there is no waveform",
    "peak_to_peak": "there is no waveform",
    "slope": _CUT_OFF,
}


def soma_waveform(image: NDArray[Any], bad: NDArray[np.bool_] | None = None) -> NDArray[np.float64] | None:
    """Course of the electrode with the largest peak-to-peak value.

    Parameters
    ----------
    image
        (window, rows, cols) electrical image.
    bad
        bool (rows, cols): electrodes that are left out.

    Returns
    -------
    numpy.ndarray or None
        float64 (window,); None for an image without spikes.
    """
    place = largest_electrode(image, bad)
    return None if place is None else np.asarray(image)[:, place[0], place[1]].astype(np.float64)


@extractor(
    name="waveform",
    title="Waveform",
    version="1",
    params=WaveformParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        Requirement("unit", "waveform", "a .cmtr file that contains cut-outs", "mean waveforms"),
        OptionalFeature("feature", "eimage_sta", "compute_eimage_sta"),
    ),
    outputs=_OUTPUTS,
)
def waveform(recording: Recording, params: WaveformParams) -> FeatureTable:
    """Shape of the mean spike at the electrical image's soma, in µV, otherwise of the sorter's cut-out.

    Where there is an image that is too poor for anything to be derived from it, the numbers are missing: the
    sorter's cut-out has another unit and another filter.
    """
    found = [_chosen(unit, recording, params) for unit in giving_way(recording.units.values())]
    chosen = [(wave, source, unit) for wave, source, unit, _ in found]
    numbers = np.full((len(chosen), 5), np.nan)
    for length in sorted({wave.size for wave, _, _ in chosen}):
        members = [index for index, (wave, _, _) in enumerate(chosen) if wave.size == length]
        shape = waveform_shape(
            np.stack([chosen[index][0] for index in members]),
            recording.acquisition_rate,
            params.baseline_samples,
        )
        numbers[members] = np.stack(
            (
                shape.trough_to_peak_ms,
                shape.half_width_ms,
                shape.peak_to_peak,
                shape.repolarization_slope,
                shape.recovery_slope,
            ),
            axis=1,
        )
    columns: dict[str, Any] = {
        output.name: column for output, column in zip(_OUTPUTS, numbers.T, strict=False)
    }
    columns["waveform_source"] = [source for _, source, _ in chosen]
    columns[_OWN_UNIT] = [unit for _, _, unit in chosen]
    reasons = reasons_where(recording, columns, _REASONS)
    for unit_id, (_, _, _, reason) in zip(recording.units, found, strict=True):
        for named in reasons.values():
            if reason and isinstance(named, dict) and unit_id in named:
                named[unit_id] = reason
    return FeatureTable(units=columns, reasons=reasons)


def _chosen(
    unit: Mapping[str, Any], recording: Recording, params: WaveformParams
) -> tuple[NDArray[np.float64], str, str, str]:
    """Waveform of a unit, what it is, its unit, and why there is none."""
    feature = (unit.get("features") or {}).get("eimage_sta")
    if feature is not None:
        image, facts = np.asarray(feature["data"]), feature.get("metadata", {})
        bad = bad_mask(recording.metadata, facts, image.shape[1:])
        soma = soma_waveform(image, bad)
        reason = why_unusable(
            image, facts, bad, min_spikes=params.min_spikes, min_image_snr=params.min_image_snr
        )
        if soma is not None and reason:
            return np.empty(0), "none", "", reason
        if soma is not None:
            return soma, "electrical image", str(facts.get("unit", "µV")), ""
    cut_out = unit.get("waveform")
    if cut_out is None or not np.size(cut_out):
        return np.empty(0), "none", "", ""
    unit_name = str(getattr(cut_out, "attrs", {}).get("unit", "source"))
    return np.ravel(cut_out).astype(np.float64), "cut-out", unit_name, ""
