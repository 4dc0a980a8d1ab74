"""What is stored of a receptive field's geometry, by name."""

from __future__ import annotations

import math
from typing import Any

from hdmea.declare import Output, with_limits
from hdmea.features.science.receptive_field_models import MODELS, GaussianShape
from hdmea.features.science.rf_geometry import NO_FIELD, ReceptiveField
from hdmea.features.science.time_course import CourseErrors
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
MODEL_TITLES = {
    "gaussian": "rotated Gaussian",
    "dog": "difference of Gaussians",
    "on_off": "ON and OFF Gaussians",
}
_SHAPE = {
    "amplitude": ("Amplitude", "stimulus", (None, None), "height, with its sign"),
    "x": ("Centre column", "px", (None, None), "column of the centre; whole numbers are pixel centres"),
    "y": ("Centre row", "px", (None, None), "row of the centre"),
    "sigma_major": ("Major σ", "px", (0.3, 7.5), "standard deviation along the major axis"),
    "sigma_minor": ("Minor σ", "px", (0.3, 7.5), "standard deviation along the minor axis"),
    "orientation": ("Orientation", "°", (0, 180), "major axis, from larger columns towards smaller rows"),
}


RF_OUTPUTS: tuple[Output, ...] = with_limits(
    Output(
        "center_row", "Peak row", "px", (0, None), "pixel row at which the smoothed average deviates most"
    ),
    Output(
        "center_col",
        "Peak column",
        "px",
        (0, None),
        "pixel column at which the smoothed average deviates most",
    ),
    Output("peak_frame", "Peak frame", "frames", (0, None), "frame of the window at which it deviates most"),
    Output("polarity", "Polarity", "", (-1, 1), "1 ON, -1 OFF: sign of that deviation"),
    Output(
        "latency",
        "Latency",
        "ms",
        (None, None),
        "from the peak of the time course to the spike",
        interval=True,
        test="rf_p",
    ),
    Output(
        "biphasic_index",
        "Biphasic index",
        "",
        (None, None),
        "second by first extremum, its place and its value from different spikes",
        interval=True,
        test="rf_p",
    ),
    Output(
        "rf_p",
        "p of the receptive field",
        "",
        (0, 1),
        "p value of the average's maximum over all pixels and lags",
    ),
    Output("model", "Model", "", (None, None), "model with the lowest BIC; none: a flat map", dtype="str"),
    Output(
        "rf_x",
        "Centre column",
        "px",
        (None, None),
        "column of the field's centre in that model",
        interval=True,
        test="rf_p",
    ),
    Output(
        "rf_y",
        "Centre row",
        "px",
        (None, None),
        "row of the field's centre in that model",
        interval=True,
        test="rf_p",
    ),
    Output(
        "area",
        "Area",
        "px²",
        (0, None),
        "area of the ellipse of one standard deviation in that model",
        standard="RF area",
        preference=1,
    ),
    Output(
        "rf_x_um",
        "Centre column on the chip",
        "µm",
        (None, None),
        "rf_x and rf_y on the chip, along the columns",
    ),
    Output(
        "rf_y_um",
        "Centre row on the chip",
        "µm",
        (None, None),
        "rf_x and rf_y on the chip, along the rows",
    ),
    Output("area_um2", "Area on the chip", "µm²", (0, None), "area on the chip", standard="RF area"),
    *(
        Output(f"{part}_{name}", f"{title}, {_TITLES[part]}", unit, limits, f"{_TITLES[part]}: {definition}")
        for model in MODELS
        for part in _PARTS[model]
        for name, (title, unit, limits, definition) in _SHAPE.items()
    ),
    *(
        output
        for model in MODELS
        for output in (
            Output(
                f"{model}_offset",
                f"Offset, {MODEL_TITLES[model]}",
                "stimulus",
                (None, None),
                f"level of the map in the model {model}",
            ),
            Output(
                f"{model}_r2",
                f"R², {MODEL_TITLES[model]}",
                "",
                (None, 1),
                f"share of the map's variance that {model} explains",
            ),
            Output(
                f"{model}_bic",
                f"BIC, {MODEL_TITLES[model]}",
                "",
                (None, None),
                f"Bayesian information criterion of {model}",
            ),
        )
    ),
    Output(
        "n_failed_fits",
        "Number of failed fits",
        "",
        (0, len(MODELS)),
        "models whose fit did not converge",
    ),
    Output(
        "spatial_map",
        "Spatial map",
        "stimulus",
        (None, None),
        "signed map, not smoothed",
        dtype="float32",
        shape=("height", "width"),
    ),
    Output(
        "sta_time_course",
        "STA time course",
        "stimulus",
        (None, None),
        "mean-subtracted average at the centre's pixel, not smoothed",
        dtype="float32",
        shape=("window",),
    ),
)
"""What `extract_rf_geometry` stores per unit."""


def rf_values(
    field: ReceptiveField,
    calibration: StimulusCalibration | None,
    *,
    p: float = math.nan,
    no_field: str = "",
    errors: CourseErrors | None = None,
    frame_ms: float = math.nan,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all outputs of a receptive field by name, and the reasons for those that are missing.

    Parameters
    ----------
    field
        The receptive field.
    calibration
        Of the stimulus; None leaves out what is in µm.
    p
        Significance of the field.
    no_field
        Why there is no field to describe; then only its map, its course and `p` are given.
    errors
        Of the time course, from the spikes; without them the biphasic index is that of the course itself.
    frame_ms
        Duration of a display frame.
    """
    values: dict[str, Any] = {output.name: math.nan for output in RF_OUTPUTS}
    values |= {
        "rf_p": p,
        "model": NO_FIELD,
        "spatial_map": field.spatial_map.astype("float32"),
        "sta_time_course": field.time_course.astype("float32"),
    }
    if no_field or field.reason:
        kept = {"model"} if field.reason else {"model", "rf_p", "spatial_map", "sta_time_course"}
        kept |= {"rf_p"} if p == p else set()
        return values, {o.name: no_field or field.reason for o in RF_OUTPUTS if o.name not in kept}
    values |= {
        "center_row": field.center_row,
        "center_col": field.center_col,
        "peak_frame": field.peak_frame,
        "polarity": field.polarity,
        "latency": field.latency_ms,
        "biphasic_index": field.biphasic_index,
        "model": field.model,
        "n_failed_fits": float(field.n_failed_fits),
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
    chosen = field.fits.get(field.model)
    if field.center is not None and chosen is not None:
        for name, at, half in (
            ("rf_x", field.center.x, chosen.errors.x),
            ("rf_y", field.center.y, chosen.errors.y),
        ):
            values |= {f"{name}_low": at - half, f"{name}_high": at + half}
    else:
        names = ("rf_x", "rf_y", "area", "rf_x_low", "rf_x_high", "rf_y_low", "rf_y_high")
        reasons |= dict.fromkeys(names, "a flat map has a lower BIC than every model")
    if errors is not None:
        values |= _course_values(field, errors, frame_ms)
    for name in ("latency", "biphasic_index"):
        if math.isnan(values[f"{name}_low"]):
            few = dict.fromkeys((f"{name}_low", f"{name}_high"), "no interval: fewer than 40 spikes")
            reasons |= few
    if math.isnan(values["biphasic_index"]):
        reasons["biphasic_index"] = "fewer than 40 spikes, or no deviation"
    if calibration is None:
        reasons |= dict.fromkeys(("rf_x_um", "rf_y_um", "area_um2"), "there is no stimulus calibration")
    if math.isnan(p):
        reasons["rf_p"] = "not tested"
    return values, reasons


def _course_values(field: ReceptiveField, errors: CourseErrors, frame_ms: float) -> dict[str, float]:
    return {
        "latency_low": min(errors.latency_low_frames * frame_ms, field.latency_ms),
        "latency_high": max(errors.latency_high_frames * frame_ms, field.latency_ms),
        "biphasic_index": errors.biphasic_index,
        "biphasic_index_low": errors.biphasic_low,
        "biphasic_index_high": errors.biphasic_high,
    }


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
