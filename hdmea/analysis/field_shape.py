"""The fitted shape of a receptive field, from whichever of its fits is there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["field_shape", "is_refuted"]

_MODEL_TITLES = {"gaussian": "Gaussian", "dog": "difference of Gaussians", "on_off": "ON and OFF Gaussians"}
_CENTRE_PARTS = {"gaussian": "gaussian", "dog": "dog_center", "on_off": "on"}
_UNKNOWN = (math.nan,) * 5


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
        return _UNKNOWN, ""
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
