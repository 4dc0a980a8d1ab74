"""waveform: shape of the mean spike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hdmea.features.extractor import (
    FeatureParams,
    FeatureTable,
    Output,
    Recording,
    Requirement,
    extractor,
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


_OWN_UNIT = "waveform_unit"
_OUTPUTS = (
    Output("trough_to_peak", "float64", (), "ms", (0, None), "from the trough to the largest value after it"),
    Output("half_width", "float64", (), "ms", (0, None), "width of the trough at half its depth"),
    Output("peak_to_peak", "float64", (), _OWN_UNIT, (0, None), "largest minus smallest value"),
    Output(
        "repolarization_slope",
        "float64",
        (),
        f"{_OWN_UNIT}/ms",
        (0, None),
        "steepest rise between trough and peak",
    ),
    Output("recovery_slope", "float64", (), f"{_OWN_UNIT}/ms", (None, None), "steepest fall after the peak"),
    Output(
        "waveform_source",
        "str",
        (),
        "",
        (None, None),
        "what was measured: soma electrode of the electrical image, or cut-out of the sorter",
    ),
    Output(_OWN_UNIT, "str", (), "", (None, None), "unit of amplitudes and slopes"),
)
_CUT_OFF = "the trough or the peak after it lies on the edge of the waveform, or there is no waveform"
_REASONS = {
    "trough_to_peak": _CUT_OFF,
    "half_width": "the trough is cut off, or there is no waveform",
    "peak_to_peak": "there is no waveform",
    "slope": _CUT_OFF,
}


def soma_waveform(image: NDArray[Any]) -> NDArray[np.float64] | None:
    """Course of the electrode with the largest peak-to-peak value.

    Parameters
    ----------
    image
        (window, rows, cols) electrical image.

    Returns
    -------
    numpy.ndarray or None
        float64 (window,); None for an image without spikes.
    """
    flat = np.asarray(image, np.float64).reshape(len(image), -1)
    if flat.size == 0 or not np.isfinite(flat).all():
        return None
    return np.asarray(flat[:, int(np.ptp(flat, axis=0).argmax())])


@extractor(
    name="waveform",
    title="Waveform",
    version="1",
    params=WaveformParams,
    requires=(
        Requirement("metadata", "acquisition_rate", "load_recording"),
        Requirement("unit", "waveform", "load_recording with a .cmtr that has cut-outs"),
        OptionalFeature("feature", "eimage_sta", "compute_eimage_sta"),
    ),
    outputs=_OUTPUTS,
)
def waveform(recording: Recording, params: WaveformParams) -> FeatureTable:
    """Shape of the mean spike at the electrical image's soma, in µV, else of the sorter's cut-out."""
    chosen = [_chosen(unit) for unit in giving_way(recording.units.values())]
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
    return FeatureTable(units=columns, reasons=reasons_where(recording, columns, _REASONS))


def _chosen(unit: Mapping[str, Any]) -> tuple[NDArray[np.float64], str, str]:
    """Waveform of a unit, what it is, and its unit."""
    feature = (unit.get("features") or {}).get("eimage_sta")
    if feature is not None:
        soma = soma_waveform(np.asarray(feature["data"]))
        if soma is not None:
            return soma, "electrical image", str(feature.get("metadata", {}).get("unit", "µV"))
    cut_out = unit.get("waveform")
    if cut_out is None or not np.size(cut_out):
        return np.empty(0), "none", ""
    return (
        np.ravel(cut_out).astype(np.float64),
        "cut-out",
        str(getattr(cut_out, "attrs", {}).get("unit", "source")),
    )
