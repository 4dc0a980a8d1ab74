"""Frame-sync channels as displays and amplifiers spoil them, with the flips that are really there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SYNC_FAULTS", "SyncChannel", "sync_channel"]

HEIGHT = 1e6
PULSE_S = 4e-3


@dataclass(frozen=True, eq=False)
class SyncChannel:
    """A simulated frame-sync channel.

    Attributes
    ----------
    signal
        float32 (n_samples,) counts.
    flips
        int64 (n,): sample before each flip that the channel shows; None if it does not show a display.
    """

    signal: NDArray[np.float32]
    flips: NDArray[np.int64] | None


@dataclass(frozen=True, eq=False)
class _Bench:
    """What a fault is made from: the clean flips and the means to draw pulses."""

    rng: np.random.Generator
    fs: float
    n_samples: int
    flips: NDArray[np.int64]
    frame: float

    def pulses(self, flips: NDArray[np.int64], width: int | None = None) -> NDArray[np.float64]:
        """Return a channel that is high for `width` samples after each flip."""
        change = np.zeros(self.n_samples + 1)
        stop = np.minimum(flips + 1 + (width or round(PULSE_S * self.fs)), self.n_samples)
        np.add.at(change, flips + 1, 1.0)
        np.add.at(change, stop, -1.0)
        return np.minimum(np.cumsum(change[:-1]), 1.0) * HEIGHT

    def noise(self, level: float) -> NDArray[np.float64]:
        """Return white noise of a standard deviation of `level` pulse heights."""
        return self.rng.normal(0.0, level * HEIGHT, self.n_samples)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Time of each sample."""
        return np.arange(self.n_samples) / self.fs


_Made = tuple[NDArray[np.float64], NDArray[np.int64] | None]


def sync_channel(
    kind: str, *, seed: int = 0, seconds: float = 40.0, fs: float = 20_000.0, rate_hz: float = 60.0
) -> SyncChannel:
    """Simulate a frame-sync channel.

    Parameters
    ----------
    kind
        One of `SYNC_FAULTS`.
    seed
        Of the random numbers.
    seconds
        Duration; the display flips from 1 s after the start to 1 s before the end.
    fs
        Acquisition rate in Hz.
    rate_hz
        Refresh rate of the display.
    """
    rng = np.random.default_rng(seed)
    n_samples = round(seconds * fs)
    ideal = np.arange(fs, n_samples - fs, fs / rate_hz)
    flips = np.floor(ideal + rng.random(ideal.size)).astype(np.int64)
    bench = _Bench(rng, fs, n_samples, flips, fs / rate_hz)
    signal, shown = SYNC_FAULTS[kind](bench)
    return SyncChannel(signal.astype(np.float32), shown)


def _clean(b: _Bench) -> _Made:
    return b.pulses(b.flips) + b.noise(4e-4), b.flips


def _noise_only(b: _Bench) -> _Made:
    return b.noise(0.01), None


def _hum_only(b: _Bench) -> _Made:
    return HEIGHT * np.sin(2 * np.pi * 50 * b.seconds) + b.noise(0.01), None


def _saturated(b: _Bench) -> _Made:
    return np.full(b.n_samples, HEIGHT), None


def _chopped(b: _Bench) -> _Made:
    chops = np.floor(np.arange(b.fs, b.n_samples - b.fs, b.fs / 240)).astype(np.int64)
    return b.pulses(chops, round(b.fs / 480)) + b.noise(0.01), None


def _random_pulses(b: _Bench) -> _Made:
    places = np.unique(b.rng.integers(round(b.fs), b.n_samples - round(b.fs), b.flips.size))
    return b.pulses(places, 20) + b.noise(0.01), None


def _toggling(b: _Bench) -> _Made:
    level = np.zeros(b.n_samples)
    level[b.flips + 1] = 1.0
    return np.cumsum(level) % 2 * HEIGHT + b.noise(0.01), b.flips


def _inverted(b: _Bench) -> _Made:
    return HEIGHT - b.pulses(b.flips) + b.noise(0.01), b.flips


def _packets(b: _Bench) -> _Made:
    """Pulses of light that is modulated at 1 kHz."""
    inner = b.flips[:, None] + np.rint(np.arange(4) * b.fs / 1000).astype(np.int64)
    return b.pulses(inner.ravel(), round(b.fs / 2000)) + b.noise(0.01), b.flips


def _few_flips(b: _Bench) -> _Made:
    few = b.flips[200:230]
    return b.pulses(few) + b.noise(0.01), few


def _pause(b: _Bench) -> _Made:
    shown = np.delete(b.flips, np.arange(600, 900))
    return b.pulses(shown) + b.noise(0.01), shown


def _clipped(b: _Bench) -> _Made:
    return np.clip(b.pulses(b.flips) + b.noise(0.05), 0.02 * HEIGHT, 0.8 * HEIGHT), b.flips


def _hum(b: _Bench) -> _Made:
    return b.pulses(b.flips) + 0.6 * HEIGHT * np.sin(2 * np.pi * 50 * b.seconds) + b.noise(0.01), b.flips


def _drift(b: _Bench) -> _Made:
    wander = 12 * HEIGHT * np.sin(np.pi * b.seconds / b.seconds[-1])
    return b.pulses(b.flips) + wander + b.noise(0.02), b.flips


def _noisy(level: float) -> Callable[[_Bench], _Made]:
    return lambda b: (b.pulses(b.flips) + b.noise(level), b.flips)


def _jitter(b: _Bench) -> _Made:
    moved = b.flips + np.clip(b.rng.normal(0, 2e-3, b.flips.size), -6e-3, 6e-3) * b.fs
    shown = np.sort(moved.astype(np.int64))
    return b.pulses(shown, 30) + b.noise(0.01), shown


def _lost(b: _Bench) -> _Made:
    shown = np.delete(b.flips, [300, 301, 700, 1200, 1600])
    return b.pulses(shown) + b.noise(0.01), shown


def _doubled(b: _Bench) -> _Made:
    shown = np.sort(np.concatenate([b.flips, b.flips[[400, 900, 1500]] + round(0.4 * b.frame)]))
    return b.pulses(shown, round(1.5e-3 * b.fs)) + b.noise(0.01), shown


def _late(b: _Bench) -> _Made:
    """Three frames that the display showed for two refreshes: what follows comes one refresh later."""
    shown = np.delete(b.flips, [500, 1000, 1500])
    return b.pulses(shown) + b.noise(0.01), shown


def _spikes(b: _Bench) -> _Made:
    signal = b.pulses(b.flips) + b.noise(0.01)
    signal[b.rng.choice(b.flips, 80, replace=False) + 160] = HEIGHT
    return signal, b.flips


def _fading(b: _Bench) -> _Made:
    return b.pulses(b.flips) * np.linspace(1.0, 0.2, b.n_samples) + b.noise(0.01), b.flips


def _low_pulses(every: int) -> Callable[[_Bench], _Made]:
    """Pulses of which each n-th is 0.4 times as high as the others."""
    return lambda b: (b.pulses(b.flips) - 0.6 * b.pulses(b.flips[::every]) + b.noise(0.01), b.flips)


def _smoothed(b: _Bench) -> _Made:
    """Pulses seen by a photodiode with a time constant of 1 ms."""
    decay = np.exp(-np.arange(10e-3 * b.fs) / (1e-3 * b.fs))
    return np.convolve(b.pulses(b.flips), decay / decay.sum())[: b.n_samples] + b.noise(0.01), b.flips


SYNC_FAULTS: dict[str, Callable[[_Bench], _Made]] = {
    "clean pulses": _clean,
    "noise only": _noise_only,
    "50 Hz hum only": _hum_only,
    "saturated": _saturated,
    "chopped at 240 Hz": _chopped,
    "random pulses": _random_pulses,
    "toggling": _toggling,
    "inverted": _inverted,
    "packets of pulses": _packets,
    "half a second of flips": _few_flips,
    "pause of 5 s": _pause,
    "clipped pulses": _clipped,
    "hum of 60 %": _hum,
    "drift of 12 pulse heights": _drift,
    "noise of 5 %": _noisy(0.05),
    "noise of 20 %": _noisy(0.20),
    "jitter of 2 ms": _jitter,
    "5 lost flips": _lost,
    "3 doubled flips": _doubled,
    "3 late frames": _late,
    "80 short spikes": _spikes,
    "fading to a fifth": _fading,
    "alternating heights of 0.4": _low_pulses(2),
    "every fourth pulse of 0.4": _low_pulses(4),
    "smoothed by 1 ms": _smoothed,
}
"""Kind of channel to the function that makes it."""
