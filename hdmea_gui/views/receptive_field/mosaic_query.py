"""Receptive fields of all units on one map: in µm on the chip if the calibration is known, else in pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea.stimuli.calibration import StimulusCalibration

__all__ = ["Mosaic", "field_shape", "is_refuted", "make_mosaic"]

_MODEL_TITLES = {"gaussian": "Gaussian", "dog": "difference of Gaussians", "on_off": "ON and OFF Gaussians"}
_CENTRE_PARTS = {"gaussian": "gaussian", "dog": "dog_center", "on_off": "on"}
_POINTS = 37
_UNKNOWN = (math.nan,) * 5


@dataclass(frozen=True)
class Mosaic:
    """Receptive fields of all units for one movie.

    Attributes
    ----------
    movie
        Name of the movie.
    length_unit
        ``"µm"`` from the first electrode's centre, or ``"px"`` of the movie where it is not known how the
        movie is on the chip.
    unit_ids
        All units.
    centres
        float64 (n_units, 2) x and y; NaN without a fit.
    outlines
        float64 (n_units, points, 2) 1-σ ellipses; NaN without a fit.
    somas
        float64 (n_units, 2) x and y of the soma, otherwise of the unit's electrode; NaN where not known.
    frame
        float64 (5, 2) corners of the movie's frame.
    electrodes
        Electrodes along an edge of the chip; 0 if their places are not known.
    pitch_um
        Their distance; NaN if not known.
    """

    movie: str
    length_unit: str
    unit_ids: tuple[str, ...]
    centres: NDArray[np.float64]
    outlines: NDArray[np.float64]
    somas: NDArray[np.float64]
    frame: NDArray[np.float64]
    electrodes: int
    pitch_um: float

    @property
    def n_fitted(self) -> int:
        """How many units have an ellipse."""
        return int(np.isfinite(self.centres[:, 0]).sum())


def make_mosaic(session: PipelineSession, movie: str) -> Mosaic:
    """Return the receptive fields of all units for one movie."""
    from hdmea.analysis.ellipse import ellipse_outlines
    from hdmea.recordings.mcs.vocabulary import CHIP_EDGE

    units = list(session.units.values())
    shapes = np.array([_shape_of(unit, movie) for unit in units], np.float64).reshape(-1, 5)
    outlines, centres = ellipse_outlines(shapes, _POINTS), shapes[:, :2]
    frame = _frame(units, movie)
    calibration = _calibration(session)
    pitch = float(np.ravel(session.metadata.get("sensor_pitch_um", math.nan))[0])
    somas = np.full((len(units), 2), math.nan)
    if calibration is not None:
        outlines, centres, frame = map(calibration.places, (outlines, centres, frame))
        somas = (np.array([_soma_place(unit) for unit in units]).reshape(-1, 2) - 1) * pitch
    known = calibration is not None and math.isfinite(pitch)
    return Mosaic(
        movie=movie,
        length_unit="px" if calibration is None else "µm",
        unit_ids=tuple(session.units),
        centres=centres,
        outlines=outlines,
        somas=somas,
        frame=frame,
        electrodes=CHIP_EDGE if known else 0,
        pitch_um=pitch if known else math.nan,
    )


def is_refuted(numbers: Mapping[str, Any]) -> bool:
    """Return whether the test of ``dense_noise`` found no receptive field: a fit then fits noise."""
    p, polarity = (float(numbers.get(name, np.nan)) for name in ("rf_p", "polarity"))
    return bool(np.isfinite(p) and not np.isfinite(polarity))


def field_shape(geometry: Mapping[str, Any], numbers: Mapping[str, Any]) -> tuple[tuple[float, ...], str]:
    """Return the fitted 1-σ ellipse of a receptive field, and what fitted it.

    Parameters
    ----------
    geometry
        Of `extract_rf_geometry`, empty if it did not run.
    numbers
        Of the feature ``dense_noise``, empty without it.

    Returns
    -------
    shape
        Column, row, long and short semi-axis in pixels, angle in degrees from larger columns towards larger
        rows; NaN without a fit.
    source
        What fitted it; empty without a fit.
    """
    if is_refuted(numbers):
        return (np.nan,) * 5, ""
    model = str(geometry.get("model", ""))
    part = _CENTRE_PARTS.get(model, "")
    if part == "on" and float(geometry.get("polarity", 1.0)) < 0:
        part = "off"
    fitted = _numbers(geometry, f"{part}_", ("x", "y", "sigma_major", "sigma_minor", "orientation"))
    source = _MODEL_TITLES.get(model, model)
    # There the angle is counted towards smaller rows.
    shape = (*fitted[:4], -fitted[4])
    if not np.isfinite(shape).all():
        shape = _numbers(numbers, "", ("centre_x", "centre_y", "sigma_long", "sigma_short", "angle"))
        source = "Gaussian"
    return (shape, source) if np.isfinite(shape).all() else (_UNKNOWN, "")


def _numbers(values: Mapping[str, Any], prefix: str, names: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(float(values.get(f"{prefix}{name}", math.nan)) for name in names)


def _shape_of(unit: Mapping[str, Any], movie: str) -> tuple[float, ...]:
    features = unit.get("features") or {}
    feature = features.get(f"sta_{movie}")
    if feature is None:
        return _UNKNOWN
    noise = features.get("dense_noise") or {}
    if noise.get("metadata", {}).get("movie", movie) != movie:
        noise = {}
    return field_shape(feature.get("sta_geometry", {}), noise.get("data", {}))[0]


def _frame(units: list[Mapping[str, Any]], movie: str) -> NDArray[np.float64]:
    for unit in units:
        frames = ((unit.get("features") or {}).get(f"sta_{movie}") or {}).get("data")
        if isinstance(frames, np.ndarray) and frames.ndim == 3 and frames.size:
            right, bottom = frames.shape[2] - 0.5, frames.shape[1] - 0.5
            corners = ((-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom), (-0.5, -0.5))
            return np.array(corners)
    return np.full((5, 2), math.nan)


def _soma_place(unit: Mapping[str, Any]) -> tuple[float, float]:
    """Return column and row, from 1, of a unit's soma, otherwise of its electrode."""
    image = (unit.get("features") or {}).get("eimage_sta") or {}
    row, col = _numbers(image.get("geometry") or {}, "chip_", ("row", "col"))
    if math.isfinite(row + col):
        return col, row
    if unit.get("row") and unit.get("col"):
        return float(unit["col"]), float(unit["row"])
    return math.nan, math.nan


def _calibration(session: PipelineSession) -> StimulusCalibration | None:
    from hdmea.stimuli.calibration import stored_calibration

    remembered = session.metadata.get("stimulus_calibration")
    return None if remembered is None else stored_calibration(str(remembered))
