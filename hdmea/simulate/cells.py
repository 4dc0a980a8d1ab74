"""Models of retinal ganglion cells: what a cell of each kind answers to light, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["KERNEL_FRAMES", "KINDS", "Cell", "Treatment", "make_cell", "temporal_kernel", "treated"]

KERNEL_FRAMES = 30


@dataclass(frozen=True)
class Cell:
    """A model cell; all rates in Hz, added to the base rate unless stated otherwise.

    Parameters
    ----------
    kind
        One of `KINDS`.
    base_hz
        Rate without stimulus.
    on_hz, off_hz
        Height of the transient response to light on and off.
    on_sustained_hz, off_sustained_hz
        Plateau of the response: as long as the light, or 4/5 of the darkness after it. A negative
        plateau is suppression.
    latency_frames, decay_frames
        Delay of a response to light steps, time constant of its transient.
    green_gain, blue_gain
        Factors of the responses to coloured light.
    frequency_hz
        Height of the response to a sine of each of the frequency movie's frequencies; the response
        oscillates around a rate above the base rate, so that it is never cut off at 0.
    frequency_doubling
        The response to a sine has twice its frequency.
    bar_hz
        Height of the response to a bar's edge in the best direction.
    bar_edges
        Which edges excite.
    direction_kappa, orientation_kappa, preferred_deg
        Concentration of the von Mises tuning for direction, for axis of motion, and its centre.
    rf_x, rf_y, rf_sigma_px, rf_polarity
        Receptive field: centre in pixels of the stimulus field, SD, +1 ON or −1 OFF; 0: no field.
    kernel_peak_frames
        Frames from stimulus to response in the receptive field.
    noise_hz, noise_gain
        Mean rate during noise, and slope of its logarithm per SD of the filtered stimulus.
    refractory_s
        Dead time.
    bursts
        Fires bursts of 2 to 4 spikes 0.6 to 1.2 ms apart; rates are those of all spikes.
    responds_before
        Fires with the experiment's `lead_hz` before the first frame; otherwise with `lead_hz` / 10.
    """

    kind: str
    base_hz: float = 1.5
    on_hz: float = 0.0
    off_hz: float = 0.0
    on_sustained_hz: float = 0.0
    off_sustained_hz: float = 0.0
    latency_frames: int = 4
    decay_frames: float = 6.0
    green_gain: float = 1.0
    blue_gain: float = 1.0
    frequency_hz: tuple[float, ...] = ()
    frequency_doubling: bool = False
    bar_hz: float = 40.0
    bar_edges: Literal["none", "on", "off", "both"] = "none"
    direction_kappa: float = 0.0
    orientation_kappa: float = 0.0
    preferred_deg: float = 0.0
    rf_x: float = 7.0
    rf_y: float = 7.0
    rf_sigma_px: float = 1.0
    rf_polarity: int = 0
    kernel_peak_frames: float = 4.0
    noise_hz: float = 14.0
    noise_gain: float = 1.2
    refractory_s: float = 0.002
    bursts: bool = False
    responds_before: bool = True

    @property
    def responsive(self) -> bool:
        """Whether any movie changes the rate."""
        return bool(self.on_hz or self.off_hz or self.on_sustained_hz or self.rf_polarity)

    def tuning(self, direction_deg: float) -> float:
        """Return the response to a direction of motion, relative to the best one."""
        angle = np.deg2rad(direction_deg - self.preferred_deg)
        exponent = self.direction_kappa * (np.cos(angle) - 1.0)
        exponent += self.orientation_kappa * (np.cos(2.0 * angle) - 1.0)
        return float(np.exp(exponent))


_LOW_PASS = (10.0, 8.0, 6.0, 4.0, 2.0)
_HIGH_PASS = (2.0, 3.0, 5.0, 8.0, 4.0)
_CONTROL = Cell("", noise_gain=0.0)

_PROTOTYPES: Final[tuple[Cell, ...]] = (
    Cell("on_transient", on_hz=100.0, frequency_hz=_HIGH_PASS, bar_edges="on", rf_polarity=1),
    Cell(
        "on_sustained",
        on_hz=40.0,
        on_sustained_hz=25.0,
        frequency_hz=_LOW_PASS,
        bar_edges="on",
        rf_polarity=1,
    ),
    Cell("off_transient", on_hz=6.0, off_hz=90.0, frequency_hz=_HIGH_PASS, bar_edges="off", rf_polarity=-1),
    Cell(
        "off_sustained",
        off_hz=45.0,
        off_sustained_hz=25.0,
        frequency_hz=_LOW_PASS,
        bar_edges="off",
        rf_polarity=-1,
    ),
    Cell(
        "on_off",
        on_hz=85.0,
        off_hz=65.0,
        frequency_hz=_HIGH_PASS,
        frequency_doubling=True,
        bar_edges="both",
        bar_hz=30.0,
        rf_polarity=1,
    ),
    Cell(
        "direction_selective",
        base_hz=0.8,
        on_hz=60.0,
        off_hz=70.0,
        frequency_hz=_HIGH_PASS,
        frequency_doubling=True,
        bar_edges="both",
        bar_hz=90.0,
        direction_kappa=2.5,
        rf_polarity=1,
    ),
    Cell(
        "orientation_selective",
        base_hz=0.8,
        on_hz=55.0,
        on_sustained_hz=8.0,
        frequency_hz=_LOW_PASS,
        bar_edges="on",
        bar_hz=150.0,
        orientation_kappa=2.2,
        rf_polarity=1,
    ),
    Cell(
        "green_preferring", on_hz=90.0, blue_gain=0.1, frequency_hz=_HIGH_PASS, bar_edges="on", rf_polarity=1
    ),
    Cell(
        "blue_preferring", on_hz=90.0, green_gain=0.1, frequency_hz=_HIGH_PASS, bar_edges="on", rf_polarity=1
    ),
    Cell("tf_tuned", on_hz=70.0, frequency_hz=(2.0, 4.0, 18.0, 5.0, 2.0), bar_edges="on", rf_polarity=1),
    replace(_CONTROL, kind="suppressed_by_light", base_hz=22.0, on_sustained_hz=-19.0, noise_hz=12.0),
    replace(_CONTROL, kind="silent", base_hz=0.0, noise_hz=0.0, responds_before=False),
    replace(_CONTROL, kind="poisson", base_hz=8.0, noise_hz=8.0, refractory_s=0.0),
    replace(_CONTROL, kind="burst_violator", base_hz=6.0, noise_hz=6.0, refractory_s=0.0, bursts=True),
)

KINDS: Final[tuple[str, ...]] = tuple(cell.kind for cell in _PROTOTYPES)
"""Kinds of cells, in the order in which they are used; the last three are controls."""


def make_cell(kind: str, rf_centre: tuple[float, float], rng: np.random.Generator) -> Cell:
    """Return a cell of a kind with individual strength, latency, receptive field and direction.

    Parameters
    ----------
    kind
        One of `KINDS`.
    rf_centre
        Column and row of the receptive field's centre in the stimulus field (pixels).
    rng
        Source of the individual values.
    """
    cell = _PROTOTYPES[KINDS.index(kind)]
    strength, base = rng.uniform(0.9, 1.1), rng.uniform(0.85, 1.15)
    if not cell.responsive:
        return cell if cell.bursts or not cell.base_hz else _scaled_control(cell, base)
    return replace(
        cell,
        base_hz=cell.base_hz * base,
        on_hz=cell.on_hz * strength,
        off_hz=cell.off_hz * strength,
        on_sustained_hz=cell.on_sustained_hz * (strength if cell.on_sustained_hz > 0 else base),
        off_sustained_hz=cell.off_sustained_hz * strength,
        latency_frames=int(rng.integers(3, 6)),
        decay_frames=rng.uniform(5.0, 7.0),
        frequency_hz=tuple(height * strength for height in cell.frequency_hz),
        bar_hz=cell.bar_hz * strength,
        preferred_deg=rng.uniform(0.0, 360.0),
        rf_x=rf_centre[0],
        rf_y=rf_centre[1],
        rf_sigma_px=rng.uniform(0.85, 1.3),
        kernel_peak_frames=rng.uniform(3.5, 5.0),
    )


@dataclass(frozen=True)
class Treatment:
    """What a drug does to all cells.

    Parameters
    ----------
    rate
        Factor of the rates without stimulus and during noise.
    on, off
        Factors of the responses that begin in ON and in OFF bipolar cells.
    """

    rate: float = 1.0
    on: float = 1.0
    off: float = 1.0


def treated(cell: Cell, treatment: Treatment) -> Cell:
    """Return a cell under a treatment.

    The receptive field of a cell that answers to light on and off becomes OFF if less than half of its ON
    responses is left beside those to OFF. A cell without any response to light only changes its rate.
    """
    polarity = cell.rf_polarity
    if polarity > 0 and cell.off_hz and treatment.on < 0.5 * treatment.off:
        polarity = -1
    gain = treatment.off if polarity < 0 else treatment.on
    edges = "off" if cell.bar_edges == "both" and polarity < 0 else cell.bar_edges
    return replace(
        cell,
        base_hz=cell.base_hz * treatment.rate,
        noise_hz=cell.noise_hz * treatment.rate,
        on_hz=cell.on_hz * treatment.on,
        off_hz=cell.off_hz * treatment.off,
        on_sustained_hz=cell.on_sustained_hz * treatment.on,
        off_sustained_hz=cell.off_sustained_hz * treatment.off,
        frequency_hz=tuple(height * gain for height in cell.frequency_hz),
        bar_hz=cell.bar_hz * gain,
        bar_edges=edges,
        rf_polarity=polarity,
        noise_gain=cell.noise_gain * min(1.0, gain),
    )


def _scaled_control(cell: Cell, factor: float) -> Cell:
    return replace(cell, base_hz=cell.base_hz * factor, noise_hz=cell.base_hz * factor)


def temporal_kernel(cell: Cell) -> NDArray[np.float64]:
    """Return the biphasic filter of the receptive field over display frames, (30,), unit norm.

    Element 0 belongs to the frame on the screen at the time of the response.
    """
    lags = np.arange(KERNEL_FRAMES, dtype=np.float64)
    peak = cell.kernel_peak_frames
    kernel = np.exp(-0.5 * ((lags - peak) / 1.6) ** 2)
    kernel -= 0.35 * np.exp(-0.5 * ((lags - peak - 6.0) / 2.8) ** 2)
    unit: NDArray[np.float64] = kernel / np.linalg.norm(kernel)
    return unit
