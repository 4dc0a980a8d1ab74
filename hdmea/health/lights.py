"""The lights of a recording, and what is drawn beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Colour", "ElectrodeMap", "Health", "Light", "RateCourse", "above", "below", "grey", "worst"]

Colour = Literal["green", "amber", "red", "grey"]

_TITLES = {"noise_sta": "Receptive fields"}
_ORDER: tuple[Colour, ...] = ("grey", "green", "amber", "red")


@dataclass(frozen=True)
class Light:
    """One thing that was judged.

    Attributes
    ----------
    name
        Fixed name, such as ``"electrodes.noise"``.
    light
        ``"green"``, ``"amber"``, ``"red"``; ``"grey"`` if it cannot be judged.
    value, unit
        The number; None with a grey light.
    sentence
        What it means, or why it cannot be judged.
    """

    name: str
    light: Colour
    value: float | None
    unit: str
    sentence: str

    def __post_init__(self) -> None:
        if not self.sentence.endswith("."):
            object.__setattr__(self, "sentence", f"{self.sentence}.")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        value = self.value
        if value is not None and value == int(value):
            value = int(value)
        return {
            "name": self.name,
            "light": self.light,
            "value": value,
            "unit": self.unit,
            "sentence": self.sentence,
        }

    @property
    def title(self) -> str:
        """The name as it is shown to the user."""
        group, dot, what = self.name.partition(".")
        if not dot:
            return _TITLES.get(group, group.capitalize())
        return f"{group.capitalize()}: {what if group == 'alignment' else what.replace('_', ' ')}"

    @property
    def number(self) -> str:
        """The value with its unit as a user reads it; empty without one."""
        if self.value is None:
            return ""
        text = f"{self.value:.3g}" if abs(self.value) < 1000 else f"{self.value:.0f}"
        return f"{text} {self.unit}".strip()


def grey(name: str, unit: str, reason: str) -> Light:
    """Return the light of what cannot be judged."""
    return Light(name, "grey", None, unit, reason)


def above(value: float, limits: tuple[float, float]) -> Colour:
    """Return the colour of what should be small: amber above the first limit, red above the second."""
    if math.isnan(value):
        return "grey"
    return "red" if value > limits[1] else "amber" if value > limits[0] else "green"


def below(value: float, limits: tuple[float, float]) -> Colour:
    """Return the colour of what should be large: amber below the first limit, red below the second."""
    return above(-value, (-limits[0], -limits[1]))


def worst(*colours: Colour) -> Colour:
    """Return the worst of some colours; grey only if all are."""
    return max(colours, key=_ORDER.index, default="grey")


@dataclass(frozen=True, eq=False)
class ElectrodeMap:
    """Noise of the recorded part of the chip.

    Attributes
    ----------
    noise
        float64 (rows, cols); NaN where nothing was recorded.
    unit
        ``"uV"``, or ``"counts"`` where the file has no factors.
    first_row, first_column
        Chip position (from 1) of row 0, column 0.
    bad
        bool (rows, cols): noisy, dead or saturated electrodes.
    """

    noise: NDArray[np.float64]
    unit: str
    first_row: int
    first_column: int
    bad: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RateCourse:
    """Mean rate over the recording.

    Attributes
    ----------
    time_s
        float64 (n,): middle of each bin.
    rate_hz
        float64 (n,): spikes per second and unit, or threshold crossings per second and electrode.
    per
        ``"unit"`` or ``"electrode"``.
    """

    time_s: NDArray[np.float64]
    rate_hz: NDArray[np.float64]
    per: Literal["unit", "electrode"]


@dataclass(frozen=True, eq=False)
class Health:
    """Everything that was found out about a recording.

    Attributes
    ----------
    name
        Name of the recording.
    lights
        In a fixed order.
    electrodes, rates
        What the page draws; None where it is not known.
    """

    name: str
    lights: tuple[Light, ...]
    electrodes: ElectrodeMap | None = None
    rates: RateCourse | None = None

    def as_list(self) -> list[dict[str, Any]]:
        """Return the lights as plain values, as ``hdmea health --json`` prints them."""
        return [light.as_dict() for light in self.lights]

    def as_text(self) -> str:
        """Return the lights as text for a terminal, one line each."""
        names = max(len(light.name) for light in self.lights)
        numbers = max(len(light.number) for light in self.lights)
        lines = [
            f"{light.light:<5}  {light.name:<{names}}  {light.number:>{numbers}}  {light.sentence}"
            for light in self.lights
        ]
        return "\n".join([self.name, *lines])
