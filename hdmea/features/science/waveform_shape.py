"""Shape of spike waveforms: durations, amplitude, slopes. Vectorised over units.

References
----------
Bartho P. et al. (2004) Characterization of neocortical principal cells and interneurons by network
interactions and extracellular features. J. Neurophysiol. 92: 600-608 (trough to peak, half width).
Jia X. et al. (2019) High-density extracellular probes reveal dendritic backpropagation and facilitate neuron
classification. J. Neurophysiol. 121: 1831-1847 (repolarisation and recovery slopes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.giving_way import giving_way

__all__ = ["WaveformShape", "waveform_shape"]


@dataclass(frozen=True, slots=True)
class WaveformShape:
    """Shapes of waveforms; all arrays (units,), float64, NaN where a number is not defined.

    Attributes
    ----------
    trough_to_peak_ms
        From the trough to the largest value after it; NaN if one of them is the first or last sample.
    half_width_ms
        Width of the trough at half its depth, between linear interpolations.
    peak_to_peak
        Largest minus smallest value.
    repolarization_slope
        Steepest rise from the trough to the peak after it, per ms.
    recovery_slope
        Steepest fall after that peak, per ms (negative).
    """

    trough_to_peak_ms: NDArray[np.float64]
    half_width_ms: NDArray[np.float64]
    peak_to_peak: NDArray[np.float64]
    repolarization_slope: NDArray[np.float64]
    recovery_slope: NDArray[np.float64]


def waveform_shape(waveforms: NDArray[Any], sampling_rate: float, baseline_samples: int = 5) -> WaveformShape:
    """Measure each waveform.

    Parameters
    ----------
    waveforms
        (units, samples), negative-going; a row with NaN has no shape.
    sampling_rate
        Samples per second.
    baseline_samples
        Samples at the start whose mean is zero level.

    Notes
    -----
    Trough and peak times are vertices of parabolas through three samples.
    """
    waves = np.asarray(waveforms, np.float64)
    n_units, n_samples = waves.shape
    numbers = np.full((n_units, 5), np.nan)
    ms = 1000.0 / float(sampling_rate)
    for unit in giving_way(range(n_units if n_samples >= 3 else 0)):
        wave = waves[unit]
        if np.isfinite(wave).all() and np.ptp(wave) > 0:
            numbers[unit] = _measure(wave - wave[:baseline_samples].mean(), ms)
    return WaveformShape(*numbers.T)


def _measure(wave: NDArray[np.float64], ms: float) -> tuple[float, ...]:
    nan = float("nan")
    trough = int(wave.argmin())
    peak = trough + int(wave[trough:].argmax())
    last = wave.size - 1
    height = float(np.ptp(wave))
    width = _half_width(wave, trough) * ms
    if trough == 0 or trough == last or peak == last:
        return nan, width, height, nan, nan
    duration = (_vertex(wave, peak) - _vertex(wave, trough)) * ms
    rise = float(np.diff(wave[trough : peak + 1]).max()) / ms
    fall = float(np.diff(wave[peak:]).min()) / ms
    return duration, width, height, rise, fall


def _vertex(wave: NDArray[np.float64], index: int) -> float:
    before, at, after = wave[index - 1 : index + 2]
    curvature = before - 2 * at + after
    return index + (0.5 * (before - after) / curvature if curvature != 0 else 0.0)


def _half_width(wave: NDArray[np.float64], trough: int) -> float:
    half = wave[trough] / 2
    if half >= 0:
        return float("nan")
    left = np.flatnonzero(wave[:trough] > half)
    right = np.flatnonzero(wave[trough:] > half)
    if left.size == 0 or right.size == 0:
        return float("nan")
    i, j = int(left[-1]), trough + int(right[0])
    enter = i + (wave[i] - half) / (wave[i] - wave[i + 1])
    leave = j - (wave[j] - half) / (wave[j] - wave[j - 1])
    return float(leave - enter)
