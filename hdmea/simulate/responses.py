"""The firing rate with which a model cell answers a movie, frame by frame.

Cells answer inside trials only; the grey before and after a movie leaves them at their base rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.cells import KERNEL_FRAMES, Cell, temporal_kernel
from hdmea.simulate.stimuli import (
    FIELD_PX,
    REFRESH_HZ,
    DenseNoise,
    FrequencySteps,
    LightMovie,
    Movie,
    MovingBars,
)

__all__ = [
    "MAX_RATE_HZ",
    "LightDrive",
    "bar_rates",
    "frequency_parameters",
    "light_drive",
    "movie_rate",
    "receptive_field",
    "trial_rate",
]

Rate = NDArray[np.float64]

MAX_RATE_HZ: Final = 150.0
_BAR_SD_FRAMES: Final = 8.0


@dataclass(frozen=True)
class LightDrive:
    """Responses to the light periods of one trial, apart for light on and off, base rate excluded.

    Parameters
    ----------
    on, off
        Added rate in Hz, (trial frames,).
    """

    on: Rate
    off: Rate


def light_drive(cell: Cell, movie: LightMovie, colour: str | None = None) -> LightDrive:
    """Return what the light periods of a trial add to a cell's rate.

    Parameters
    ----------
    cell
        The model cell.
    movie
        A movie of light steps.
    colour
        Only periods of this colour; None: all.
    """
    on, off = np.zeros(movie.trial_frames), np.zeros(movie.trial_frames)
    gains = {"green": cell.green_gain, "blue": cell.blue_gain}
    for period in movie.periods():
        if colour is None or period.colour == colour:
            gain = gains.get(period.colour, 1.0)
            plateau_end = period.off + (period.end - period.off) * 4 // 5
            _add_step(on, cell, (period.on, period.off), gain * cell.on_hz, gain * cell.on_sustained_hz)
            _add_step(off, cell, (period.off, plateau_end), gain * cell.off_hz, gain * cell.off_sustained_hz)
    return LightDrive(on, off)


def _add_step(rate: Rate, cell: Cell, frames: tuple[int, int], transient: float, sustained: float) -> None:
    start, stop = frames[0] + cell.latency_frames, frames[1] + cell.latency_frames
    after = np.arange(len(rate[start:]))
    rate[start:] += transient * np.exp(-after / cell.decay_frames)
    rate[start:stop] += sustained


def frequency_parameters(cell: Cell, movie: FrequencySteps) -> tuple[Rate, Rate, float]:
    """Return amplitudes (Hz), phases (rad) and offset (Hz) of the response to sines.

    The response to frequency f is `offset + A sin(2π f t + phase)`, t from the start of the sine
    and taken at the middle of the frames; with frequency doubling `2 f` stands for f.
    """
    frequencies = np.array(movie.frequencies_hz)
    if not cell.frequency_hz:
        return np.zeros(len(frequencies)), np.zeros(len(frequencies)), cell.base_hz
    amplitudes = np.array(cell.frequency_hz)
    factor = 2.0 if cell.frequency_doubling else 1.0
    phases = -2.0 * np.pi * factor * frequencies * cell.latency_frames / REFRESH_HZ
    return amplitudes, phases, cell.base_hz + float(amplitudes.max())


def _frequency_rate(cell: Cell, movie: FrequencySteps) -> Rate:
    rate = np.full(movie.trial_frames, cell.base_hz)
    amplitudes, phases, offset = frequency_parameters(cell, movie)
    factor = 2.0 if cell.frequency_doubling else 1.0
    seconds = (np.arange(movie.sine_frames) + 0.5) / REFRESH_HZ
    for index, (start, stop) in enumerate(movie.windows()):
        angle = 2.0 * np.pi * factor * movie.frequencies_hz[index] * seconds + phases[index]
        rate[start:stop] = offset + amplitudes[index] * np.sin(angle)
    return rate


def bar_rates(cell: Cell, movie: MovingBars) -> Rate:
    """Return the rate of a cell in the sweep of each direction, (directions, sweep frames), in Hz."""
    rates = np.full((len(movie.directions_deg), movie.sweep_frames), cell.base_hz)
    frames = np.arange(movie.sweep_frames)
    for rate, direction in zip(rates, movie.directions_deg, strict=True):
        on, off = movie.crossing_frames(cell.rf_x, cell.rf_y, direction)
        edges = {"on": (on,), "off": (off,), "both": (on, off), "none": ()}[cell.bar_edges]
        for edge in edges:
            distance = (frames - edge - cell.latency_frames) / _BAR_SD_FRAMES
            rate += cell.bar_hz * cell.tuning(direction) * np.exp(-0.5 * distance**2)
    return rates


def receptive_field(cell: Cell) -> Rate:
    """Return the spatial receptive field, (15, 15), rows by columns, unit norm, sign included."""
    rows, columns = np.mgrid[:FIELD_PX, :FIELD_PX].astype(np.float64)
    squared = (columns - cell.rf_x) ** 2 + (rows - cell.rf_y) ** 2
    field = np.exp(-0.5 * squared / cell.rf_sigma_px**2)
    signed: Rate = cell.rf_polarity * field / np.linalg.norm(field)
    return signed


def _noise_rate(cell: Cell, movie: DenseNoise) -> Rate:
    if cell.rf_polarity == 0:
        return np.full(movie.trial_frames, cell.noise_hz)
    first = movie.pixels[movie.start_frame :][: movie.trial_frames]
    weights = receptive_field(cell).ravel()
    inside = np.flatnonzero(np.abs(weights) > 1e-3 * np.abs(weights).max())
    pixels = first.reshape(movie.trial_frames, -1)[:, inside]
    drive = (pixels.astype(np.float64) / 127.5 - 1.0) @ weights[inside]
    filtered = np.convolve(drive, temporal_kernel(cell))[: movie.trial_frames]
    generator = filtered / filtered[KERNEL_FRAMES:].std()
    rate = cell.noise_hz * np.exp(cell.noise_gain * generator - 0.5 * cell.noise_gain**2)
    limited: Rate = np.minimum(rate, MAX_RATE_HZ)
    return limited


def trial_rate(cell: Cell, movie: Movie) -> Rate:
    """Return the rate of a cell in each frame of one trial, (trial frames,), in Hz."""
    if isinstance(movie, LightMovie):
        drive = light_drive(cell, movie)
        rate = cell.base_hz + drive.on + drive.off
    elif isinstance(movie, FrequencySteps):
        rate = _frequency_rate(cell, movie)
    elif isinstance(movie, MovingBars):
        rate = np.full(movie.trial_frames, cell.base_hz)
        rate[: movie.sweep_frames * len(movie.directions_deg)] = bar_rates(cell, movie).ravel()
    elif isinstance(movie, DenseNoise):
        rate = _noise_rate(cell, movie)
    else:
        rate = np.full(movie.trial_frames, cell.base_hz)
    positive: Rate = np.maximum(rate, 0.0)
    return positive


def movie_rate(cell: Cell, movie: Movie) -> Rate:
    """Return the rate of a cell in each frame of a movie, (length,), in Hz."""
    rate = np.full(movie.length, cell.base_hz)
    stop = movie.length - movie.tail_frames
    rate[movie.start_frame : stop] = np.tile(trial_rate(cell, movie), movie.trials)
    return rate
