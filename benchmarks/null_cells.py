"""Cells without any relation to the stimulus: kinds of spike trains that a test must not call responses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.trial_rates import Lowpass, TrialRates

__all__ = ["KINDS", "RESPONDERS", "null_counts", "rates_of_counts", "untuned_sweeps"]

KINDS = (
    *("Poisson 0.1 Hz", "Poisson 0.5 Hz", "Poisson 2 Hz", "Poisson 10 Hz", "Poisson 40 Hz"),
    *("gamma 0.3", "gamma 4", "doublets", "bursts of 8", "up/down 3/6 s"),
    *("gain τ 20 s", "gain τ 1 s", "run-down", "run-up", "oscillation 1 Hz", "oscillation 8 Hz"),
)
RESPONDERS = ("untuned, steady", "untuned, run-down", "untuned, run-up", "untuned, slow gain")
"""Untuned cells that fire 20 spikes per sweep of a bar."""

RATE_HZ = 10.0
_LOST = 0.8
_DEPTH = 0.9
_DIFFUSION = 0.2
_SWEEP_S = 9.42

Counts = NDArray[np.int64]


def null_counts(
    kind: str, rng: np.random.Generator, n_cells: int, n_frames: int, frame_s: float = 1 / 60
) -> Counts:
    """Spikes per display frame (cells, frames) of cells of one kind.

    Poisson cells have the rate of their name, all others 10 Hz on average. Gamma: shape of the intervals.
    Bursts: Poisson events with spikes 5 ms (doublets) or 10 ms apart on average. Gain: logarithm an
    Ornstein-Uhlenbeck process, SD 0.5 and 0.7. Run-down: linear to a tenth. Oscillations: depth 0.9, phase
    diffusing by a radian in about a cycle.
    """
    duration = n_frames * frame_s
    t = (np.arange(n_frames) + 0.5) * frame_s
    if kind.startswith("Poisson"):
        return rng.poisson(float(kind.split()[1]) * frame_s, (n_cells, n_frames))
    if kind.startswith("gamma"):
        shape = float(kind.split()[1])
        n = int(duration * RATE_HZ * 2 + 200)
        times = np.cumsum(rng.gamma(shape, 1 / (shape * RATE_HZ), (n_cells, n)), axis=1) - 5.0
        return _binned(times, n_frames, frame_s)
    if kind in ("doublets", "bursts of 8"):
        size, apart = (2, 0.005) if kind == "doublets" else (8, 0.01)
        n = rng.poisson(RATE_HZ / size * (duration + 0.2), n_cells)
        starts = rng.uniform(-0.2, duration, (n_cells, n.max(initial=1)))
        starts[np.arange(starts.shape[1]) >= n[:, None]] = -1e3
        times = starts[..., None] + np.cumsum(rng.exponential(apart, (*starts.shape, size)), axis=-1)
        return _binned(times.reshape(n_cells, -1), n_frames, frame_s)
    if kind == "up/down 3/6 s":
        rate = np.stack([_up_down(rng, t) for _ in range(n_cells)])
    elif kind == "gain τ 20 s":
        rate = RATE_HZ * np.exp(0.5 * _fluctuation(rng, n_cells, n_frames, 20.0, frame_s) - 0.125)
    elif kind == "gain τ 1 s":
        rate = RATE_HZ * np.exp(0.7 * _fluctuation(rng, n_cells, n_frames, 1.0, frame_s) - 0.245)
    elif kind in ("run-down", "run-up"):
        level = 1.8 * (t / duration) + 0.1
        rate = np.broadcast_to(RATE_HZ * (level if kind == "run-up" else level[::-1]), (n_cells, n_frames))
    else:
        hz = float(kind.split()[1])
        steps = 2 * np.pi * hz * frame_s
        noise = rng.normal(size=(n_cells, n_frames)) * np.sqrt(_DIFFUSION * steps)
        phase = 2 * np.pi * rng.random((n_cells, 1)) + np.cumsum(steps + noise, axis=1)
        rate = RATE_HZ * (1 + _DEPTH * np.sin(phase))
    return rng.poisson(rate * frame_s)


def untuned_sweeps(
    kind: str, rng: np.random.Generator, n_cells: int, n_repetitions: int = 3, n_directions: int = 8
) -> Counts:
    """Spikes (cells, repetitions, directions) of cells that respond to every direction alike.

    Run-down and run-up: by a factor of 5 over all sweeps. Slow gain: SD 0.4, τ 20 s, sweeps of 9.4 s.
    """
    n = n_repetitions * n_directions
    gain = np.ones((n_cells, n))
    if kind == "untuned, slow gain":
        gain = np.exp(0.4 * _fluctuation(rng, n_cells, n, 20.0, _SWEEP_S) - 0.08)
    elif kind != "untuned, steady":
        level = 1 - _LOST * np.arange(n) / (n - 1)
        gain = np.broadcast_to(
            (level if kind == "untuned, run-down" else level[::-1]) / level.mean(), gain.shape
        )
    return rng.poisson(20 * gain).reshape(n_cells, n_repetitions, n_directions)


def rates_of_counts(counts: Counts, margin: int = 0) -> TrialRates:
    """Trial rates of spikes (cells, trials, frames) of trials without a pause at 60 frames/s.

    The first and the last `margin` frames of each trial are cut off after the low-pass.
    """
    n_cells, n_trials, n_frames = counts.shape
    lowpass = Lowpass(60.0)
    filtered = lowpass(counts.reshape(n_cells, -1) * 60.0).reshape(counts.shape)
    own = slice(margin, n_frames - margin)
    return TrialRates(
        counts=counts[:, :, own],
        rates=(counts[:, :, own] * 60.0).astype(np.float32),
        filtered=filtered[:, :, own],
        frame_duration=1 / 60,
        spike_rate=60.0 / n_trials,
        spike_height=60.0 / n_trials * lowpass.pulse_height,
    )


def _binned(times: NDArray[np.float64], n_frames: int, frame_s: float) -> Counts:
    frame = np.floor(times / frame_s).astype(np.int64)
    inside = (frame >= 0) & (frame < n_frames)
    cell = np.broadcast_to(np.arange(len(times))[:, None], frame.shape)
    flat = np.bincount(cell[inside] * n_frames + frame[inside], minlength=len(times) * n_frames)
    return flat.reshape(len(times), n_frames)


def _up_down(rng: np.random.Generator, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Up for 3 s and down for 6 s on average, with exponential durations."""
    n = int(t[-1] / 2) + 20
    up = bool(rng.random() < 1 / 3)
    means = np.where((np.arange(n) % 2 == 0) == up, 3.0, 6.0)
    edges = np.cumsum(rng.exponential(means)) - rng.exponential(3.0)
    state = np.searchsorted(edges, t) % 2 == 0
    return np.where(state == up, 2.8 * RATE_HZ, 0.1 * RATE_HZ)


def _fluctuation(
    rng: np.random.Generator, n_cells: int, n: int, tau_s: float, step_s: float
) -> NDArray[np.float64]:
    """Ornstein-Uhlenbeck process of variance 1."""
    from scipy.signal import lfilter

    stays = np.exp(-step_s / tau_s)
    noise = rng.normal(size=(n_cells, n)) * np.sqrt(1 - stays**2)
    start = stays * rng.normal(size=(n_cells, 1))
    found: NDArray[np.float64] = lfilter([1.0], [1.0, -stays], noise, axis=1, zi=start)[0]
    return found
