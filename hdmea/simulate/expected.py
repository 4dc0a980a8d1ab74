"""What an analysis must find in a simulated cell if it had no noise: indices, tuning, expected STA."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hdmea.simulate.cells import Cell
from hdmea.simulate.responses import bar_rates, frequency_parameters, light_drive, movie_rate
from hdmea.simulate.stimuli import (
    REFRESH_HZ,
    DenseNoise,
    FrequencySteps,
    GreenBlueSteps,
    LightMovie,
    LightSteps,
    Movie,
    MovingBars,
)

__all__ = ["expected_responses", "expected_sta", "vector_tuning"]

_STANDS_OUT: Final = 1.5


def expected_responses(cell: Cell, movie: Movie) -> dict[str, Any]:
    """Return what is expected of a cell in a movie, by name; NaN where the cell has no such value.

    Light steps: peaks of the responses above baseline as they are and after the zero-phase low-pass
    that features use, sustained rates, ON–OFF index of the filtered peaks, latency. Colours: index of
    the responses to light on and off. Sines: amplitudes, phases, offset, and the preferred frequency
    if it is 1.5 times the next best. Bars: spikes per sweep, direction and orientation index, frames at
    which the edges cross the receptive field. Noise: the receptive field.
    """
    if isinstance(movie, LightSteps):
        return _light_steps(cell, movie)
    if isinstance(movie, GreenBlueSteps):
        return _colours(cell, movie)
    if isinstance(movie, FrequencySteps):
        return _frequencies(cell, movie)
    if isinstance(movie, MovingBars):
        return _bars(cell, movie)
    if isinstance(movie, DenseNoise):
        return _noise(cell)
    return {"rate_hz": cell.base_hz}


def _contrast(first: float, second: float) -> float:
    total = abs(first) + abs(second)
    return (first - second) / total if total > 0 else float("nan")


def _low_passed_peak(rate: NDArray[np.float64]) -> float:
    from scipy.signal import bessel, sosfiltfilt

    filter_sections = bessel(5, 10.0, fs=REFRESH_HZ, norm="phase", output="sos")
    return max(0.0, float(np.max(sosfiltfilt(filter_sections, np.tile(rate, 3)))))


def _peaks(cell: Cell, movie: LightMovie, colour: str | None = None) -> tuple[float, float]:
    drive = light_drive(cell, movie, colour)
    return max(0.0, float(drive.on.max())), max(0.0, float(drive.off.max()))


def _light_steps(cell: Cell, movie: LightSteps) -> dict[str, Any]:
    drive = light_drive(cell, movie)
    on, off = _peaks(cell, movie)
    filtered_on = _low_passed_peak(drive.on) if on > 0 else 0.0
    filtered_off = _low_passed_peak(drive.off) if off > 0 else 0.0
    return {
        "baseline_hz": cell.base_hz,
        "on_peak_hz": on,
        "off_peak_hz": off,
        "on_lowpass_hz": filtered_on,
        "off_lowpass_hz": filtered_off,
        "on_sustained_hz": cell.on_sustained_hz,
        "off_sustained_hz": cell.off_sustained_hz,
        "on_off_index": _contrast(filtered_on, filtered_off),
        "latency_frames": cell.latency_frames,
    }


def _colours(cell: Cell, movie: GreenBlueSteps) -> dict[str, Any]:
    green, blue = _peaks(cell, movie, "green"), _peaks(cell, movie, "blue")
    return {
        "green_on_hz": green[0],
        "green_off_hz": green[1],
        "blue_on_hz": blue[0],
        "blue_off_hz": blue[1],
        "chromatic_index_on": _contrast(green[0], blue[0]),
        "chromatic_index_off": _contrast(green[1], blue[1]),
    }


def _frequencies(cell: Cell, movie: FrequencySteps) -> dict[str, Any]:
    amplitudes, phases, offset = frequency_parameters(cell, movie)
    second, best = np.sort(amplitudes)[-2:]
    stands_out = best > _STANDS_OUT * second and not cell.frequency_doubling
    preferred = movie.frequencies_hz[int(np.argmax(amplitudes))] if stands_out else float("nan")
    return {
        "frequencies_hz": movie.frequencies_hz,
        "amplitude_hz": amplitudes,
        "phase_rad": phases,
        "offset_hz": offset,
        "frequency_doubling": cell.frequency_doubling,
        "preferred_frequency_hz": preferred,
    }


def vector_tuning(
    responses: NDArray[np.float64], directions_deg: NDArray[np.float64], harmonic: int
) -> tuple[float, float]:
    """Return the length of the normalised vector sum and its angle in degrees; NaN without response.

    Parameters
    ----------
    responses
        Response to each direction, ≥ 0.
    directions_deg
        The directions.
    harmonic
        1: direction; 2: axis of motion, angle from 0 to 180.
    """
    total = float(responses.sum())
    if total <= 0:
        return float("nan"), float("nan")
    vector = np.sum(responses * np.exp(1j * harmonic * np.deg2rad(directions_deg))) / total
    return float(np.abs(vector)), float(np.rad2deg(np.angle(vector)) / harmonic % (360.0 / harmonic))


def _bars(cell: Cell, movie: MovingBars) -> dict[str, Any]:
    directions = np.array(movie.directions_deg)
    spikes = bar_rates(cell, movie).sum(axis=1) / REFRESH_HZ
    dsi, preferred = vector_tuning(spikes, directions, 1)
    osi, axis = vector_tuning(spikes, directions, 2)
    crossings = [movie.crossing_frames(cell.rf_x, cell.rf_y, direction) for direction in directions]
    tuned, oriented = cell.direction_kappa > 0, cell.orientation_kappa > 0
    return {
        "directions_deg": directions,
        "spikes_per_sweep": spikes,
        "dsi": dsi,
        "preferred_direction_deg": preferred if tuned else float("nan"),
        "true_preferred_deg": cell.preferred_deg if tuned or oriented else float("nan"),
        "osi": osi,
        "preferred_motion_axis_deg": axis if oriented else float("nan"),
        "on_frame": np.array([on for on, _ in crossings]),
        "off_frame": np.array([off for _, off in crossings]),
    }


def _noise(cell: Cell) -> dict[str, Any]:
    has_rf = cell.rf_polarity != 0
    missing = float("nan")
    return {
        "has_rf": has_rf,
        "polarity": cell.rf_polarity,
        "centre_x_px": cell.rf_x if has_rf else missing,
        "centre_y_px": cell.rf_y if has_rf else missing,
        "sigma_px": cell.rf_sigma_px if has_rf else missing,
        "kernel_peak_frames": cell.kernel_peak_frames if has_rf else missing,
        "mean_rate_hz": cell.noise_hz,
    }


def expected_sta(
    cell: Cell, movie: DenseNoise, cover_range: tuple[int, int] = (-60, 0)
) -> NDArray[np.float64]:
    """Return the mean stimulus before a spike for the stated rates, (window, 15, 15), 0 to 255.

    Element j is the mean of the movie's frame `k + cover_range[0] + j` over spikes in frame k, of the
    first trial; NaN if the cell does not fire.
    """
    first, last = cover_range
    frames = np.arange(movie.start_frame, movie.start_frame + movie.trial_frames)
    used = frames[(frames + first >= 0) & (frames + last <= movie.length)]
    weights = movie_rate(cell, movie)[used]
    if weights.sum() <= 0:
        return np.full((last - first, *movie.pixels.shape[1:]), np.nan)
    flat = movie.pixels.reshape(movie.length, -1).astype(np.float64)
    # The frames that are used follow one another, so that each lag is a view of the movie.
    begin, end = used[0], used[-1] + 1
    rows = [weights @ flat[begin + shift : end + shift] / weights.sum() for shift in range(first, last)]
    return np.array(rows).reshape(-1, *movie.pixels.shape[1:])
