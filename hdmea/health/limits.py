"""Where a light becomes amber and where red; a laboratory sets its own in the settings file."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Self

import pydantic
from pydantic import Field

from hdmea.utils.text_files import setting
from hdmea.utils.validation import problems_of

__all__ = ["SETTING", "HealthLimits"]

logger = logging.getLogger(__name__)

SETTING = "health"
"""Entry of the settings file: name of a limit to [amber, red]."""


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("the limit of red must not be below that of amber")
    return value


def _falling(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] < value[1]:
        raise ValueError("the limit of red must not be above that of amber")
    return value


_Above = Annotated[tuple[float, float], pydantic.AfterValidator(_rising)]
_Below = Annotated[tuple[float, float], pydantic.AfterValidator(_falling)]


class HealthLimits(pydantic.BaseModel):
    """Limits of the lights, (amber, red) each.

    The values are what a CMOS-MEA5000 with 16 or 32 µm pitch and a retina on it usually reach; they are
    conventions, not laws: see ``docs/health.md``.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    noise_uv: _Above = Field((20.0, 40.0), description="Median noise SD of the electrodes, µV, above.")
    noisy_percent: _Above = Field((1.0, 5.0), description="Noisy electrodes, %, above.")
    dead_percent: _Above = Field((1.0, 5.0), description="Dead electrodes, %, above.")
    saturated_percent: _Above = Field((1.0, 5.0), description="Saturated electrodes, %, above.")
    hum_percent: _Above = Field((5.0, 50.0), description="Electrodes with hum, %, above.")
    units: _Below = Field((10.0, 1.0), description="Sorted units, below.")
    rate_hz: _Below = Field((0.5, 0.1), description="Median rate of the units, Hz, below.")
    active_percent: _Below = Field(
        (1.0, 0.1), description="Electrodes with threshold crossings, %, before sorting, below."
    )
    run_down_percent: _Below = Field((-20.0, -50.0), description="Change of the rate, %, below.")
    refractory_percent: _Above = Field(
        (0.5, 2.0), description="Intervals below the refractory period in the median unit, %, above."
    )
    violators_percent: _Above = Field(
        (20.0, 50.0), description="Units with more of these intervals than the limit of red, %, above."
    )
    lost_frames: _Above = Field((0.0, 10.0), description="Missing and double flips, above.")
    display_rate_hz: tuple[float, float] = Field(
        (59.0, 61.0), description="Amber outside of this range, Hz; red only without a display."
    )
    light_range: _Below = Field((20.0, 3.0), description="Range of the light, times its noise, below.")
    sta_percent: _Below = Field(
        (30.0, 5.0), description="Units with a visible spike-triggered average, %, below."
    )
    disk_gb: _Below = Field((20.0, 2.0), description="Free space beside the recording, GB, below.")
    memory_part: _Above = Field((0.7, 1.0), description="Memory that all steps take, of that free, above.")

    @classmethod
    def from_settings(cls) -> Self:
        """Return the limits of the settings file; entries that are not allowed are named and left out."""
        return cls.allowed(setting(SETTING) or {})

    @classmethod
    def allowed(cls, given: Any) -> Self:
        """Return limits from names and values, without those that are not allowed, which are logged."""
        if not isinstance(given, dict):
            logger.warning("The limits of health in the settings are not a list of names and values.")
            return cls()
        try:
            return cls.model_validate(given)
        except pydantic.ValidationError as error:
            bad = {problem.field for problem in problems_of(error, cls)}
            logger.warning(
                "Limits of health in the settings that are not allowed were ignored: %s.",
                ", ".join(sorted(bad)),
            )
            return cls.model_validate({name: value for name, value in given.items() if name not in bad})
