"""Geometry of a receptive field and its course in time, from a spike-triggered average.

Pure functions of one spike-triggered average. Smoothing only finds the place and the frame of the peak; every
number comes from the average itself, so that no size includes the width of a filter.

References
----------
Chichilnisky E. J., Kalmar R. S. (2002) Functional asymmetries in ON and OFF ganglion cells of primate retina.
J. Neurosci. 22: 2737-2747 (spatial map and time course by singular value decomposition).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.receptive_field import find_peak, spatial_map
from hdmea.features.science.receptive_field_models import MODELS, GaussianShape, MapFit, fit_map, flat_bic
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["NO_FIELD", "ReceptiveField", "biphasic_index", "rf_geometry"]

NO_FIELD = "none"
"""Name of the model without a receptive field."""


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """A receptive field; numbers that cannot be told are NaN.

    Attributes
    ----------
    center_row, center_col, peak_frame
        Pixel and frame of the window at which the smoothed average deviates most.
    polarity
        1 (ON) or -1 (OFF): sign of that deviation.
    spatial_map
        float64 (height, width): signed map around the peak frame, not smoothed, in stimulus units.
    time_course
        float64 (window,): mean-subtracted average, not smoothed, in stimulus units, at the pixel of the
        fitted centre (of the peak, where no model was chosen).
    latency_ms
        From the time course's largest deviation of the field's own sign to the spike.
    biphasic_index
        Largest deviation of the opposite sign by the largest deviation, 0 to 1.
    fits
        Model to its fit, None where it did not converge.
    model
        The model with the lowest BIC: ``gaussian``, ``dog``, ``on_off``, or ``none`` (a flat map).
    center
        The Gaussian that stands for the receptive field in the chosen model (of its polarity); None without.
    pixel
        Row and column of the pixel of the time course.
    reason
        Why numbers are missing; empty if none is.
    """

    center_row: float
    center_col: float
    peak_frame: float
    polarity: float
    spatial_map: NDArray[np.float64]
    time_course: NDArray[np.float64]
    latency_ms: float
    biphasic_index: float
    fits: dict[str, MapFit | None]
    model: str
    center: GaussianShape | None
    pixel: tuple[int, int] = (0, 0)
    reason: str = ""

    @property
    def n_failed_fits(self) -> int:
        """Number of models whose fit did not converge."""
        return sum(fit is None for fit in self.fits.values())


def rf_geometry(
    sta: NDArray[Any],
    cover_range: tuple[int, int],
    frame_duration_s: float,
    models: Sequence[str] = MODELS,
) -> ReceptiveField:
    """Find and measure the receptive field in a spike-triggered average.

    Parameters
    ----------
    sta
        (window, height, width) mean stimulus before a spike, not smoothed.
    cover_range
        Display frames of the window relative to the frame of the spike, the second not included.
    frame_duration_s
        Duration of a display frame.
    models
        Models to fit; without any only the peak, its map and its course are found.

    Returns
    -------
    ReceptiveField
        The average of a unit without a spike gives NaN. Whether a receptive field is there at all is a
        question of significance, which `model` does not answer.

    Raises
    ------
    ValidationError
        The average is not three-dimensional, or its window is not that of `cover_range`.
    """
    sta = np.asarray(sta, np.float64)
    if sta.ndim != 3 or len(sta) != cover_range[1] - cover_range[0]:
        raise ValidationError(
            f"A spike-triggered average over the frames {tuple(cover_range)} must have the shape "
            f"({cover_range[1] - cover_range[0]}, height, width); this one has {sta.shape}.",
            fix=Advice("Pass the average together with the window that it was computed for."),
        )
    if not np.isfinite(sta).all():
        return _missing(sta.shape, "the spike-triggered average has no values: no spike could be used")
    deviation = sta - sta.mean()
    if not deviation.any():
        return _missing(sta.shape, "the spike-triggered average is flat")
    peak = find_peak(deviation)
    place = (peak.row, peak.col)
    field = spatial_map(deviation, peak)
    fits = {model: fit_map(field, place, model) for model in models}
    model = _best(fits, flat_bic(field, place))
    center = _center(fits, model, peak.sign)
    pixel = _pixel(center, place, field.shape)
    course = deviation[:, *pixel]
    # Only a deviation of the field's own sign is its peak; the second phase may be as large.
    latest = cover_range[0] + int((peak.sign * course).argmax())
    return ReceptiveField(
        center_row=float(peak.row),
        center_col=float(peak.col),
        peak_frame=float(peak.frame),
        polarity=float(peak.sign),
        spatial_map=field,
        time_course=course,
        latency_ms=-latest * frame_duration_s * 1e3,
        biphasic_index=biphasic_index(course),
        fits=fits,
        model=model,
        center=center,
        pixel=pixel,
    )


def biphasic_index(time_course: NDArray[Any]) -> float:
    """Largest deviation of the sign opposite to the largest deviation's, by that; 0 if there is none.

    Parameters
    ----------
    time_course
        (window,) deviation from the mean; NaN if it is zero throughout.
    """
    course = np.asarray(time_course, np.float64)
    first = course[np.abs(course).argmax()]
    if not abs(first) > 0:
        return math.nan
    return max(0.0, float(-(course * np.sign(first)).min() / abs(first)))


def _best(fits: dict[str, MapFit | None], flat: float) -> str:
    ranked = {NO_FIELD: flat, **{name: fit.bic for name, fit in fits.items() if fit is not None}}
    return min(ranked, key=lambda name: ranked[name])


def _center(fits: dict[str, MapFit | None], model: str, sign: int) -> GaussianShape | None:
    fit = fits.get(model)
    if fit is None:
        return None
    return fit.shapes[1] if model == "on_off" and sign < 0 else fit.shapes[0]


def _pixel(center: GaussianShape | None, peak: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    """Pixel of the fitted centre, otherwise of the peak."""
    if center is None:
        return peak
    row, col = round(center.y), round(center.x)
    return min(max(row, 0), shape[0] - 1), min(max(col, 0), shape[1] - 1)


def _missing(shape: tuple[int, ...], reason: str) -> ReceptiveField:
    nan = math.nan
    field, course = np.full(shape[1:], nan), np.full(shape[0], nan)
    return ReceptiveField(nan, nan, nan, nan, field, course, nan, nan, {}, NO_FIELD, None, reason=reason)
