"""What is stored of an axon, by name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hdmea.declare import Output, with_limits
from hdmea.features.science.axon_path import AxonPath

__all__ = ["AXON_OUTPUTS", "axon_values"]


def _number(name: str, title: str, unit: str, definition: str, *, interval: bool = False) -> Output:
    n = "n_electrodes" if interval else ""
    return Output(name, title, unit, (0, None), definition, interval=interval, n=n)


def _list(name: str, title: str, unit: str, definition: str, dtype: str = "float64") -> Output:
    return Output(name, title, unit, (None, None), definition, dtype=dtype, shape=("electrodes",))


AXON_OUTPUTS: tuple[Output, ...] = with_limits(
    _number(
        "n_electrodes",
        "Number of electrodes",
        "electrodes",
        "electrodes from which the velocity is taken",
    ),
    _number(
        "n_significant",
        "Number of significant electrodes",
        "electrodes",
        "electrodes whose trough exceeds the threshold",
    ),
    _number(
        "noise_sd", "Noise SD", "image unit", "robust standard deviation of the electrical image's noise"
    ),
    _number("length", "Length", "electrodes", "along the axon, from the soma to the end that is seen"),
    _number(
        "span", "Span", "electrodes", "straight line from the nearest to the farthest of these electrodes"
    ),
    Output(
        "direction", "Direction", "°", (0, 360), "of that line: 0 towards larger columns, 90 smaller rows"
    ),
    _number("velocity", "Velocity", "electrodes/ms", "conduction velocity", interval=True),
    _number("velocity_m_s", "Velocity in m/s", "m/s", "conduction velocity"),
    _number("velocity_low_m_s", "Velocity in m/s, lower limit", "m/s", "lower limit of its 95 % interval"),
    _number("velocity_high_m_s", "Velocity in m/s, upper limit", "m/s", "upper limit of its 95 % interval"),
    _number("length_um", "Length in µm", "µm", "length times the pitch of the electrodes"),
    Output(
        "path",
        "Path",
        "electrodes",
        (0, None),
        "rows and columns of the path from the soma on",
        dtype="int64",
        shape=("path", 2),
    ),
    Output(
        "electrodes",
        "Electrodes",
        "electrodes",
        (0, None),
        "rows and columns of the axon's",
        dtype="int64",
        shape=("electrodes", 2),
    ),
    _list("time", "Time", "ms", "trough of each of these electrodes after the spike sample"),
    _list("distance", "Distance", "electrodes", "of each of these electrodes from the soma, along the axon"),
    _list("depth", "Depth", "image unit", "depth of each of these troughs"),
)
"""What `extract_axon_path` stores per unit."""

_METRIC = ("velocity_m_s", "velocity_low_m_s", "velocity_high_m_s", "length_um")


def axon_values(
    axon: AxonPath, sampling_rate: float, sensor_pitch_um: float | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return all outputs of an axon by name, and the reasons for those that are missing.

    Parameters
    ----------
    axon
        The axon.
    sampling_rate
        Samples per second of the electrical image.
    sensor_pitch_um
        Distance of neighbouring electrodes; None leaves out what is in µm and m/s.
    """
    per_ms = sampling_rate / 1e3
    pitch = float("nan") if sensor_pitch_um is None else sensor_pitch_um
    velocities = {
        "velocity": axon.velocity * per_ms,
        "velocity_low": axon.velocity_low * per_ms,
        "velocity_high": axon.velocity_high * per_ms,
    }
    values: dict[str, Any] = {
        "n_electrodes": float(len(axon.electrodes)),
        "n_significant": float(axon.n_significant),
        "noise_sd": axon.noise_sd,
        "length": axon.length,
        "span": axon.span,
        "direction": axon.direction_deg,
        **velocities,
        # electrodes/ms times µm per electrode is mm/s.
        **{f"{name}_m_s": value * pitch / 1e3 for name, value in velocities.items()},
        "length_um": axon.length * pitch,
        "path": axon.path,
        "electrodes": axon.electrodes,
        "time": np.asarray(axon.time_samples / per_ms),
        "distance": axon.distance,
        "depth": axon.depth,
    }
    reasons: dict[str, str] = {}
    if axon.reason:
        without = [name for name, value in values.items() if isinstance(value, float) and math.isnan(value)]
        reasons = dict.fromkeys(("velocity", "velocity_m_s", *without), axon.reason)
    if sensor_pitch_um is None:
        reasons |= dict.fromkeys(_METRIC, "the pitch of the electrodes is not known: set sensor_pitch_um")
    return values, reasons
