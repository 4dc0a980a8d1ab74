"""Lights of the electrodes: noise, dead and saturated ones, hum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.electrode_noise import named_electrodes
from hdmea.health.lights import Colour, Light, above, grey, worst
from hdmea.health.limits import HealthLimits
from hdmea.health.measure import Measured

__all__ = ["electrode_lights"]

_MOST_NAMED = 5


def electrode_lights(measured: Measured, limits: HealthLimits) -> list[Light]:
    """Return the four lights of the electrodes."""
    if measured.survey is None:
        units = {"noise": "uV", "dead": "electrodes", "saturated": "electrodes", "hum": "electrodes"}
        return [grey(f"electrodes.{name}", unit, measured.reason) for name, unit in units.items()]
    return [
        _noise(measured, limits),
        _counted(measured, "dead", measured.dead, limits.dead_percent, "constant or silent"),
        _counted(
            measured,
            "saturated",
            measured.survey.saturated,
            limits.saturated_percent,
            "at a limit of its range for 1 ms or longer, repeatedly",
        ),
        _hum(measured, limits),
    ]


def _noise(measured: Measured, limits: HealthLimits) -> Light:
    survey = measured.survey
    assert survey is not None
    working = ~(survey.noise.bad | survey.saturated) & np.isfinite(survey.noise.sd)
    if not working.any():
        return grey("electrodes.noise", measured.unit, "No electrode works, so there is no noise to judge.")
    median = float(np.median(survey.noise.sd[working]))
    low, high = np.quantile(survey.noise.sd[working], (0.05, 0.95))
    said = f"Median SD of {int(working.sum())} working electrodes (90 % from {low:.3g} to {high:.3g})"
    by_size: Colour = "grey"
    if measured.unit == "uV":
        by_size = above(median, limits.noise_uv)
    else:
        said += "; the file does not say what a count is in µV, so the size is not judged"
    by_number = above(_percent(measured.noisy), limits.noisy_percent)
    said += f"; {_told(measured, measured.noisy, 'much noisier than what is around')}"
    return Light("electrodes.noise", worst(by_size, by_number), median, measured.unit, said)


def _counted(
    measured: Measured, name: str, which: NDArray[np.bool_], limits: tuple[float, float], what: str
) -> Light:
    said = _told(measured, which, what)
    return Light(
        f"electrodes.{name}",
        above(_percent(which), limits),
        float(np.count_nonzero(which)),
        "electrodes",
        said[0].upper() + said[1:],
    )


def _hum(measured: Measured, limits: HealthLimits) -> Light:
    survey = measured.survey
    assert survey is not None
    if np.isnan(survey.hum_hz):
        return grey(
            "electrodes.hum", "electrodes", "The raw data are too short to see hum: 0.5 s are needed."
        )
    working = ~(survey.noise.bad | survey.saturated) & np.isfinite(survey.hum_rms)
    hums = survey.hums & working
    unit = "µV" if measured.unit == "uV" else measured.unit
    median = float(np.median(survey.hum_rms[working])) if working.any() else 0.0
    return Light(
        "electrodes.hum",
        above(_percent(hums), limits.hum_percent),
        float(np.count_nonzero(hums)),
        "electrodes",
        f"{np.count_nonzero(hums)} of {hums.size} electrodes have hum of {survey.hum_hz:.0f} Hz and its "
        f"harmonics above half of their noise (median {median:.2g} {unit})",
    )


def _percent(which: NDArray[np.bool_]) -> float:
    return 100.0 * float(np.mean(which)) if which.size else float("nan")


def _told(measured: Measured, which: NDArray[np.bool_], what: str) -> str:
    """Say how many electrodes are so, and which."""
    n = int(np.count_nonzero(which))
    if not n:
        return f"no electrode is {what}"
    assert measured.positions is not None
    named = "; ".join(named_electrodes(measured.positions, which, most=_MOST_NAMED))
    verb = "electrode is" if n == 1 else "electrodes are"
    return f"{n} of {which.size} {verb} {what}: {named}"
