"""Direction tuning in polar form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PolarCurve", "polar_curve", "ring_radii"]


@dataclass(frozen=True)
class PolarCurve:
    """A tuning curve as points of a plane: 0° to the right, 90° up.

    Attributes
    ----------
    outline
        float64 (n + 1, 2): x and y of the responses in the order of their angle; the last is the first.
    bars
        float64 (2 n, 2): inner and outer end of each error bar, along its direction; NaN without an error.
    """

    outline: NDArray[np.float64]
    bars: NDArray[np.float64]

    @property
    def reach(self) -> float:
        """Largest response, with its error bar."""
        points = np.vstack((self.outline, self.bars))
        return float(np.nanmax(np.hypot(points[:, 0], points[:, 1]), initial=0.0))


def polar_curve(
    directions_deg: NDArray[np.floating],
    response: NDArray[np.floating],
    error: NDArray[np.floating] | None = None,
) -> PolarCurve:
    """Return the responses to directions as a closed outline.

    Parameters
    ----------
    directions_deg
        (n,) directions of motion in degrees, in any order.
    response
        (n,) responses, any unit; negative ones are drawn as 0.
    error
        (n,) half length of the error bars in the unit of `response`; None for none.

    Raises
    ------
    ValueError
        If the lengths differ or there is no direction.
    """
    angles = np.asarray(directions_deg, np.float64) % 360.0
    radius = np.maximum(np.asarray(response, np.float64), 0.0)
    spread = np.full(radius.shape, np.nan) if error is None else np.asarray(error, np.float64)
    if not angles.size or angles.shape != radius.shape or spread.shape != radius.shape:
        raise ValueError("A polar curve needs one response, and one error if any, for each direction.")
    order = np.argsort(angles, kind="stable")
    unit = np.column_stack((np.cos(np.deg2rad(angles[order])), np.sin(np.deg2rad(angles[order]))))
    points = unit * radius[order, None]
    ends = np.stack((np.maximum(radius - spread, 0.0), radius + spread), axis=1)[order]
    bars = (unit[:, None, :] * ends[:, :, None]).reshape(-1, 2)
    return PolarCurve(np.vstack((points, points[:1])), bars)


def ring_radii(highest: float, most: int = 4) -> NDArray[np.float64]:
    """Return round numbers up to at least `highest`, for the rings of a polar plot.

    Parameters
    ----------
    highest
        Largest value that is drawn; anything but a positive number counts as 1.
    most
        Largest number of rings, >= 2.

    Returns
    -------
    numpy.ndarray
        float64 (n,): 1, 2 or 5 times a power of ten, and its multiples.
    """
    highest = highest if np.isfinite(highest) and highest > 0 else 1.0
    power = 10.0 ** np.floor(np.log10(highest / most))
    steps = (power * factor for factor in (1.0, 2.0, 5.0, 10.0))
    step = next(step for step in steps if np.ceil(np.round(highest / step, 9)) <= most)
    return np.arange(1, int(np.ceil(np.round(highest / step, 9))) + 1) * np.float64(step)
