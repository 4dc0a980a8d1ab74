"""Where a unit's soma is on the chip and how far it reaches, from its electrical image.

A pure function of one image. All positions and lengths are in electrodes of the image; what they are in µm
follows from the pitch of the electrodes.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.declare import Output
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["SOMA_OUTPUTS", "SomaGeometry", "missing_soma", "smoothed_image", "soma_geometry", "soma_values"]

BASELINE_SAMPLES = 5
EXTENT_SAMPLES = 5
_TIME_SIGMA = 2.0
_SAVGOL = (7, 3)
_SPACE_SIGMA = 1.0
_LEVEL = 0.5
_ROUNDING = 1e-9

SOMA_OUTPUTS = (
    Output("center_row", "Centre row", "electrodes", (0, None), "row of the largest peak-to-peak voltage"),
    Output(
        "center_col", "Centre column", "electrodes", (0, None), "column of the largest peak-to-peak voltage"
    ),
    Output("chip_row", "Chip row", "electrodes", (1, None), "center_row on the chip, counted from 1"),
    Output("chip_col", "Chip column", "electrodes", (1, None), "center_col on the chip, counted from 1"),
    Output("size_x", "Size along columns", "electrodes", (0, None), "columns that the soma's extent covers"),
    Output("size_y", "Size along rows", "electrodes", (0, None), "rows that the soma's extent covers"),
    Output("area", "Area", "electrodes²", (0, None), "electrodes of the soma's extent"),
    Output(
        "equivalent_diameter",
        "Equivalent diameter",
        "electrodes",
        (0, None),
        "diameter of the circle that has the area of the soma's extent",
    ),
    Output(
        "peak_to_peak",
        "Peak to peak",
        "image unit",
        (0, None),
        "peak-to-peak voltage of the smoothed trace at the centre",
    ),
    Output(
        "size_x_um", "Size along columns in µm", "µm", (0, None), "size_x times the pitch of the electrodes"
    ),
    Output("size_y_um", "Size along rows in µm", "µm", (0, None), "size_y times the pitch of the electrodes"),
    Output("area_um2", "Area on the chip", "µm²", (0, None), "area times the square of the pitch"),
    Output(
        "equivalent_diameter_um",
        "Equivalent diameter in µm",
        "µm",
        (0, None),
        "equivalent_diameter times the pitch of the electrodes",
    ),
    Output(
        "diff_map",
        "Difference map",
        "image unit",
        (0, None),
        "peak-to-peak voltage of the 5 samples from the spike on, smoothed in space; the extent is where "
        "it exceeds half its maximum",
        dtype="float32",
        shape=("rows", "cols"),
    ),
    Output(
        "soma_to_sorter",
        "Soma to sorter",
        "electrodes",
        (0, None),
        "distance of the centre from the electrode that the sorter names",
    ),
)
"""What `extract_soma_geometry` stores per unit."""


@dataclass(frozen=True, slots=True)
class SomaGeometry:
    """Position and extent of a soma; NaN with a reason where they cannot be told.

    Attributes
    ----------
    center_row, center_col
        Electrode with the largest peak-to-peak voltage, counted from 0 in the image.
    size_x, size_y
        Columns and rows of the extent's bounding box.
    area
        Electrodes of the extent: above half the maximum of `diff_map` and connected with the centre.
    equivalent_diameter
        ``2 * sqrt(area / pi)``.
    peak_to_peak
        Of the smoothed trace at the centre, in the image's unit.
    diff_map
        float32 (rows, cols): peak-to-peak of the 5 samples from the spike on, smoothed in space.
    reason
        Why numbers are missing; empty if none is.
    """

    center_row: float
    center_col: float
    size_x: float
    size_y: float
    area: float
    equivalent_diameter: float
    peak_to_peak: float
    diff_map: NDArray[np.float32]
    reason: str = ""


def smoothed_image(image: NDArray[Any]) -> NDArray[np.float64]:
    """Electrical image without its baseline, smoothed along time.

    Parameters
    ----------
    image
        (window, rows, cols) average voltage.

    Returns
    -------
    numpy.ndarray
        float64 (window, rows, cols): mean of the first 5 samples subtracted, Gaussian (sigma 2 samples), then
        Savitzky-Golay (7 samples, third order).
    """
    image = np.asarray(image, np.float64)
    n = len(image)
    smooth: NDArray[np.float64] = (_time_operator(n) @ image.reshape(n, -1)).reshape(image.shape)
    return smooth


@functools.lru_cache(maxsize=8)
def _time_operator(n_samples: int) -> NDArray[np.float64]:
    """Baseline, Gaussian and Savitzky-Golay filter, edges included, as one matrix (samples, samples)."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import savgol_filter

    trace = np.eye(n_samples)
    trace -= trace[:BASELINE_SAMPLES].mean(axis=0)
    trace = gaussian_filter1d(trace, _TIME_SIGMA, axis=0, mode="nearest")
    return np.asarray(savgol_filter(trace, *_SAVGOL, axis=0), np.float64)


def soma_geometry(
    image: NDArray[Any], pre_samples: int, bad: NDArray[np.bool_] | None = None
) -> SomaGeometry:
    """Centre and extent of the soma in an electrical image.

    Parameters
    ----------
    image
        (window, rows, cols) average voltage around the spikes.
    pre_samples
        Sample of the window at which the spikes are.
    bad
        bool (rows, cols): electrodes that are left out, as are those that the image lacks (NaN).

    Returns
    -------
    SomaGeometry
        NaN throughout for an image without a spike.

    Raises
    ------
    ValidationError
        The image is not three-dimensional, or the window is too short for the definition.
    """
    image = np.asarray(image)
    _check(image, pre_samples)
    there = np.isfinite(image).all(axis=0)
    good = there if bad is None else there & ~bad
    if not there.any():
        return _missing(image.shape[1:], "the electrical image has no values: no spike could be averaged")
    if not good.any():
        return _missing(image.shape[1:], "all electrodes are bad")
    image = image if there.all() else np.where(there, image, 0.0)
    height = _heights(image, good)
    if not height.max() > 0:
        return _missing(image.shape[1:], "the electrical image is flat")
    row, col = divmod(int(height.argmax()), height.shape[1])
    diff_map = _extent_map(image, pre_samples, good)
    inside = _component(diff_map > _LEVEL * np.nanmax(diff_map), row, col)
    center = (float(row), float(col))
    peak = float(height[row, col])
    if not inside.any():
        reason = "around the electrode with the largest signal the voltage does not change after the spike"
        return SomaGeometry(*center, *(math.nan,) * 4, peak, diff_map, reason)
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    area = float(np.count_nonzero(inside))
    return SomaGeometry(
        *center,
        size_x=float(np.ptp(cols) + 1),
        size_y=float(np.ptp(rows) + 1),
        area=area,
        equivalent_diameter=2 * math.sqrt(area / math.pi),
        peak_to_peak=peak,
        diff_map=diff_map,
    )


def missing_soma(shape: tuple[int, ...], reason: str) -> SomaGeometry:
    """Return a soma of which nothing is known, with the reason; `shape` is (rows, cols) of the image."""
    return _missing(shape, reason)


def soma_values(
    soma: SomaGeometry,
    first_row: int | None,
    first_column: int | None,
    sensor_pitch_um: float | None,
    sorter: tuple[int, int] | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all outputs of a soma by name, and the reasons for those that are missing.

    Parameters
    ----------
    soma
        The soma.
    first_row, first_column
        Row and column of the image's first electrode on the chip; None if that is not known.
    sensor_pitch_um
        Distance of neighbouring electrodes; None leaves out what is in µm.
    sorter
        Row and column on the chip of the electrode that the sorter names; None if it names none.
    """
    pitch = math.nan if sensor_pitch_um is None else sensor_pitch_um
    own = [output.name for output in SOMA_OUTPUTS if hasattr(soma, output.name)]
    values: dict[str, Any] = {
        **{name: getattr(soma, name) for name in own},
        "chip_row": soma.center_row + (math.nan if first_row is None else first_row),
        "chip_col": soma.center_col + (math.nan if first_column is None else first_column),
        "size_x_um": soma.size_x * pitch,
        "size_y_um": soma.size_y * pitch,
        "area_um2": soma.area * pitch**2,
        "equivalent_diameter_um": soma.equivalent_diameter * pitch,
    }
    place = (math.nan, math.nan) if sorter is None else sorter
    values["soma_to_sorter"] = math.hypot(values["chip_row"] - place[0], values["chip_col"] - place[1])
    reasons: dict[str, str] = {}
    if sorter is None:
        reasons["soma_to_sorter"] = "the sorter names no electrode"
    if first_row is None or first_column is None:
        reasons |= dict.fromkeys(
            ("chip_row", "chip_col", "soma_to_sorter"), "the position of the image on the chip is not known"
        )
    if sensor_pitch_um is None:
        metric = ("size_x_um", "size_y_um", "area_um2", "equivalent_diameter_um")
        reasons |= dict.fromkeys(metric, "the pitch of the electrodes is not known: set sensor_pitch_um")
    if soma.reason:
        reasons |= {name: soma.reason for name, value in values.items() if np.isnan(value).all()}
    return values, reasons


def _check(image: NDArray[Any], pre_samples: int) -> None:
    if image.ndim != 3:
        raise ValidationError(
            f"An electrical image must be (window, rows, columns); this one has the shape {image.shape}.",
            fix=Advice("Pass the image of one unit."),
        )
    shortest = max(pre_samples + EXTENT_SAMPLES, _SAVGOL[0])
    if pre_samples < 0 or image.shape[0] < shortest:
        raise ValidationError(
            f"The soma is searched for in the {EXTENT_SAMPLES} samples after the spike, but the window of "
            f"{image.shape[0]} samples with the spike at {pre_samples} does not contain them.",
            fix=Advice(
                f"Compute the electrical images with a window from 0 or less to {EXTENT_SAMPLES} or more."
            ),
        )


def _heights(image: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Peak-to-peak voltage of the smoothed traces that may have the largest one, 0 elsewhere.

    Smoothing multiplies the peak-to-peak voltage of a trace by a limited factor at most. Few electrodes so
    come near that of the electrode with the largest trace, and only these are smoothed.
    """
    plain = np.where(good, np.ptp(image, axis=0), 0.0).astype(np.float64)
    height = np.zeros(plain.shape)
    best = np.zeros(plain.shape, dtype=bool)
    best[np.unravel_index(int(plain.argmax()), plain.shape)] = True
    height[best] = np.ptp(smoothed_image(image[:, best]), axis=0)
    rest = good & ~best & (plain * _largest_gain(len(image)) >= height.max() * (1 - _ROUNDING))
    height[rest] = np.ptp(smoothed_image(image[:, rest]), axis=0)
    return height


@functools.lru_cache(maxsize=8)
def _largest_gain(n_samples: int) -> float:
    """Largest possible peak-to-peak voltage of a smoothed trace, by that of the trace.

    Two samples of the smoothed trace differ by a sum of the trace with weights that add up to 0. It is at
    most half the sum of the weights' sizes times the trace's peak-to-peak voltage.
    """
    operator = _time_operator(n_samples)
    return float(np.abs(operator[:, None] - operator[None]).sum(axis=2).max()) / 2


def _extent_map(image: NDArray[Any], pre_samples: int, good: NDArray[np.bool_]) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    few = _time_operator(len(image))[pre_samples : pre_samples + EXTENT_SAMPLES]
    # Row by row: a larger product would be shared out to threads, which costs more than it gains.
    early = np.ptp(few @ np.asarray(image, np.float64).transpose(1, 0, 2), axis=1)
    if good.all():
        return np.asarray(gaussian_filter(early, _SPACE_SIGMA, mode="nearest"), np.float32)
    # The mean over good electrodes alone, with the weights of the Gaussian.
    weight = gaussian_filter(good.astype(np.float64), _SPACE_SIGMA, mode="nearest")
    total = gaussian_filter(np.where(good, early, 0.0), _SPACE_SIGMA, mode="nearest")
    return np.where(good, total / np.where(good, weight, 1.0), np.nan).astype(np.float32)


def _component(mask: NDArray[np.bool_], row: int, col: int) -> NDArray[np.bool_]:
    """Return the 4-connected part of the mask around an electrode; nothing if it is not in the mask."""
    from scipy.ndimage import label

    labels = np.asarray(label(mask)[0])
    inside: NDArray[np.bool_] = (labels == labels[row, col]) & mask[row, col]
    return inside


def _missing(shape: tuple[int, ...], reason: str) -> SomaGeometry:
    return SomaGeometry(*(math.nan,) * 7, np.full(shape, np.nan, np.float32), reason)
