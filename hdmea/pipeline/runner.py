"""Import path of older scripts: step functions and `run_step`; the code is in `hdmea.pipeline`."""

from __future__ import annotations

import logging
from typing import Any

import hdmea.pipeline
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import SetParameter

__all__ = [
    "DEFAULT_ACQUISITION_RATE",
    "MAX_TYPICAL_ACQUISITION_RATE",
    "MIN_TYPICAL_ACQUISITION_RATE",
    "compute_frame_time",
    "validate_acquisition_rate",
]

logger = logging.getLogger(__name__)

DEFAULT_ACQUISITION_RATE = 20_000.0
MIN_TYPICAL_ACQUISITION_RATE = 1_000.0
MAX_TYPICAL_ACQUISITION_RATE = 100_000.0


def validate_acquisition_rate(rate: float | None) -> bool:
    """Return whether an acquisition rate in Hz can be used; an unusual one can, with a logged warning."""
    if rate is None:
        return False
    if not rate > 0:
        logger.warning("acquisition_rate must be > 0 Hz, not %s.", rate)
        return False
    if not MIN_TYPICAL_ACQUISITION_RATE <= rate <= MAX_TYPICAL_ACQUISITION_RATE:
        logger.warning(
            "Unusual acquisition_rate: %g Hz; usual are %g to %g Hz.",
            rate,
            MIN_TYPICAL_ACQUISITION_RATE,
            MAX_TYPICAL_ACQUISITION_RATE,
        )
    return True


def compute_frame_time(acquisition_rate: float) -> float:
    """Return the time between two samples, in seconds.

    Raises
    ------
    ValidationError
        If the rate (in Hz) is not greater than 0.
    """
    if not acquisition_rate > 0:
        raise ValidationError(
            f"acquisition_rate must be > 0 Hz, not {acquisition_rate}.",
            parameter="acquisition_rate",
            fix=SetParameter("acquisition_rate"),
        )
    return 1.0 / acquisition_rate


def __getattr__(name: str) -> Any:
    return getattr(hdmea.pipeline, name)
