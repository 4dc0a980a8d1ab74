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

__all__ = ["Mosaic", "make_mosaic"]

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


def _shape_of(unit: Mapping[str, Any], movie: str) -> tuple[float, ...]:
    features = unit.get("features") or {}
    feature = features.get(f"sta_{movie}")
    if feature is None:
        return _UNKNOWN
    noise = features.get("dense_noise") or {}
    if noise.get("metadata", {}).get("movie", movie) != movie:
        noise = {}
    from hdmea.analysis.field_shape import field_shape

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
    geometry = image.get("geometry") or {}
    row, col = (float(geometry.get(name, math.nan)) for name in ("chip_row", "chip_col"))
    if math.isfinite(row + col):
        return col, row
    if unit.get("row") and unit.get("col"):
        return float(unit["col"]), float(unit["row"])
    return math.nan, math.nan


def _calibration(session: PipelineSession) -> StimulusCalibration | None:
    from hdmea.stimuli.calibration import stored_calibration

    remembered = session.metadata.get("stimulus_calibration")
    return None if remembered is None else stored_calibration(str(remembered))
