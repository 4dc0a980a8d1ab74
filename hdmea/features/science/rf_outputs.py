"""What is stored of a receptive field's geometry, by name."""

from __future__ import annotations

import math
from typing import Any

from hdmea.features.extractor import Output
from hdmea.features.science.receptive_field_models import MODELS, GaussianShape
from hdmea.features.science.rf_geometry import ReceptiveField
from hdmea.stimuli.calibration import StimulusCalibration

__all__ = ["RF_OUTPUTS", "rf_values"]

_PARTS = {"gaussian": ("gaussian",), "dog": ("dog_center", "dog_surround"), "on_off": ("on", "off")}
_TITLES = {
    "gaussian": "rotated Gaussian",
    "dog_center": "centre of the difference of Gaussians",
    "dog_surround": "surround of the difference of Gaussians",
    "on": "ON Gaussian of the two-field model",
    "off": "OFF Gaussian of the two-field model",
}
_SHAPE = {
    "amplitude": ("stimulus", (None, None), "height, with its sign"),
    "x": ("px", (None, None), "column of the centre; whole numbers are pixel centres"),
    "y": ("px", (None, None), "row of the centre"),
    "sigma_major": ("px", (0.3, 7.5), "standard deviation along the major axis"),
    "sigma_minor": ("px", (0.3, 7.5), "standard deviation along the minor axis"),
    "orientation": ("°", (0, 180), "major axis, from larger columns towards smaller rows"),
}


def _number(name: str, unit: str, limits: tuple[float | None, float | None], definition: str) -> Output:
    return Output(name, "float64", (), unit, limits, definition)


RF_OUTPUTS: tuple[Output, ...] = (
    _number("center_row", "px", (0, None), "pixel row at which the smoothed average deviates most"),
    _number("center_col", "px", (0, None), "pixel column at which the smoothed average deviates most"),
    _number("peak_frame", "frames", (0, None), "frame of the window at which it deviates most"),
    _number("polarity", "", (-1, 1), "1 ON, -1 OFF: sign of that deviation"),
    _number("latency", "ms", (None, None), "from the peak of the time course to the spike"),
    _number("biphasic_index", "", (0, 1), "largest deviation of the opposite sign by the largest deviation"),
    Output("model", "str", (), "", (None, None), "model with the lowest BIC; none: a flat map"),
    _number("rf_x", "px", (None, None), "column of the receptive field's centre in that model"),
    _number("rf_y", "px", (None, None), "row of the receptive field's centre in that model"),
    _number("area", "px^2", (0, None), "area of the ellipse of one standard deviation in that model"),
    _number("rf_x_um", "µm", (None, None), "rf_x and rf_y on the chip, along the columns"),
    _number("rf_y_um", "µm", (None, None), "rf_x and rf_y on the chip, along the rows"),
    _number("area_um2", "µm^2", (0, None), "area on the chip"),
    *(
        _number(f"{part}_{name}", unit, limits, f"{_TITLES[part]}: {definition}")
        for model in MODELS
        for part in _PARTS[model]
        for name, (unit, limits, definition) in _SHAPE.items()
    ),
    *(
        output
        for model in MODELS
        for output in (
            _number(f"{model}_offset", "stimulus", (None, None), f"level of the map in the model {model}"),
            _number(f"{model}_r2", "", (None, 1), f"share of the map's variance that {model} explains"),
            _number(f"{model}_bic", "", (None, None), f"Bayesian information criterion of {model}"),
        )
    ),
    _number("n_failed_fits", "", (0, len(MODELS)), "models whose fit did not converge"),
    Output(
        "spatial_map", "float32", ("height", "width"), "stimulus", (None, None), "signed map, not smoothed"
    ),
    Output(
        "sta_time_course",
        "float32",
        ("window",),
        "stimulus",
        (None, None),
        "mean-subtracted average at the centre's pixel, not smoothed",
    ),
)
"""What `extract_rf_geometry` stores per unit."""


def rf_values(
    field: ReceptiveField, calibration: StimulusCalibration | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all outputs of a receptive field by name, and the reasons for those that are missing.

    Parameters
    ----------
    field
        The receptive field.
    calibration
        Of the stimulus; None leaves out what is in µm.
    """
    values: dict[str, Any] = {output.name: math.nan for output in RF_OUTPUTS}
    values |= {
        "center_row": field.center_row,
        "center_col": field.center_col,
        "peak_frame": field.peak_frame,
        "polarity": field.polarity,
        "latency": field.latency_ms,
        "biphasic_index": field.biphasic_index,
        "model": field.model,
        "n_failed_fits": float(field.n_failed_fits),
        "spatial_map": field.spatial_map.astype("float32"),
        "sta_time_course": field.time_course.astype("float32"),
    }
    reasons: dict[str, str] = {}
    for model, fit in field.fits.items():
        if fit is None:
            reasons[model] = "the fit did not converge"
            continue
        values |= {f"{model}_offset": fit.offset, f"{model}_r2": fit.r2, f"{model}_bic": fit.bic}
        for part, shape in zip(_PARTS[model], fit.shapes, strict=True):
            values |= _shape_values(part, shape)
    values |= _place_values(field.center, calibration)
    if field.reason:
        reasons = {output.name: field.reason for output in RF_OUTPUTS if output.name != "model"}
    elif field.center is None:
        reasons |= dict.fromkeys(("rf_x", "rf_y", "area"), "a flat map has a lower BIC than every model")
    if calibration is None:
        reasons |= dict.fromkeys(("rf_x_um", "rf_y_um", "area_um2"), "there is no stimulus calibration")
    return values, reasons


def _shape_values(part: str, shape: GaussianShape) -> dict[str, float]:
    return {
        f"{part}_amplitude": shape.amplitude,
        f"{part}_x": shape.x,
        f"{part}_y": shape.y,
        f"{part}_sigma_major": shape.sigma_major,
        f"{part}_sigma_minor": shape.sigma_minor,
        f"{part}_orientation": shape.orientation_deg,
    }


def _place_values(center: GaussianShape | None, calibration: StimulusCalibration | None) -> dict[str, float]:
    if center is None:
        return {}
    values = {"rf_x": center.x, "rf_y": center.y, "area": center.area}
    if calibration is not None:
        x, y = calibration.to_chip(center.x, center.y)
        values |= {"rf_x_um": x, "rf_y_um": y, "area_um2": center.area * calibration.um_per_pixel**2}
    return values
