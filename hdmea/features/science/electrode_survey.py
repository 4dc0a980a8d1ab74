"""What a minute of raw data tells of every electrode: noise, saturation, hum, threshold crossings.

At the rig there are no sorted units yet. A few windows spread over the recording say which electrodes work,
which see cells, and whether these go on firing to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.eimage_stream import (
    CountSource,
    filter_both_ways,
    high_pass,
    native_counts,
    tile_of_counts,
)
from hdmea.features.science.electrode_noise import (
    CUTOFF_HZ,
    FILTER_ORDER,
    ElectrodeNoise,
    electrode_noise,
    spread_windows,
)
from hdmea.utils.threads import Progress, no_progress

__all__ = ["ElectrodeSurvey", "crossing_times", "survey_electrodes"]

N_WINDOWS = 12
WINDOW_S = 2.0
THRESHOLD_SD = 5.0
DEAD_TIME_S = 0.001
STUCK_S = 0.001
STUCK_PART = 0.001
MAINS_HZ = (50.0, 60.0)
N_HARMONICS = 3
HUM_OVER_NOISE = 0.5
LINE_OVER_AROUND = 10.0
_SPECTRUM_HZ = 1000.0
_SHORTEST_FOR_HUM_S = 0.5
_AROUND_HZ = (2.0, 10.0)
_RANGE_OVER_NOISE = 4.0
_TILE = 64
_READ_NBYTES = 32_000_000
_PIECE_S = 1.0
_PADDING_S = 0.05

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ElectrodeSurvey:
    """What the raw data say of the electrodes in file order.

    Attributes
    ----------
    noise
        Noise, and why an electrode is bad.
    saturated
        bool (electrodes,): which stay at a limit of their range for 1 ms or longer, repeatedly.
    hum_hz
        Frequency of the mains, 50 or 60 Hz; NaN if the windows are too short to see it.
    hum_rms
        float64 (electrodes,): of the first three harmonics together, unit of the noise; NaN with `hum_hz`.
    hums
        bool (electrodes,): whether that stands out, and exceeds half of the noise.
    crossings
        int64 (windows, electrodes): how often each signal fell below -5 SD of its noise.
    windows_s
        float64 (windows, 2): begin and end of each window on the acquisition clock.
    """

    noise: ElectrodeNoise
    saturated: NDArray[np.bool_]
    hum_hz: float
    hum_rms: _Float
    hums: NDArray[np.bool_]
    crossings: _Int
    windows_s: _Float

    @property
    def rates_hz(self) -> _Float:
        """float64 (windows, electrodes): threshold crossings per second."""
        rates: _Float = self.crossings / np.diff(self.windows_s, axis=1)
        return rates


def survey_electrodes(
    source: CountSource,
    positions: ArrayLike,
    *,
    sampling_rate: float,
    factors: _Float | None = None,
    workers: int = 1,
    progress: Progress = no_progress,
) -> ElectrodeSurvey:
    """Measure every electrode in 12 windows of 2 s spread over the recording; fewer if it is shorter.

    Noise and bad electrodes are those of `electrode_noise`. Threshold crossings: the signal, high-passed as
    for electrical images, falls below -5 SD of that noise; the next one counts after 1 ms. Saturated: more
    than 0.1 % of the samples are in runs of 1 ms of one value that is the largest or smallest of the window.
    Hum: power at 50 or 60 Hz, whichever is stronger, and at twice and three times that, above the spectrum
    around it; the line itself must be 10 times as strong as what is around it.

    Parameters
    ----------
    source
        Raw counts.
    positions
        (electrodes, 2) row and column of each electrode in file order.
    sampling_rate
        Hz.
    factors
        float64 (electrodes,): physical unit per count; None: counts.
    workers
        Threads; the result is the same for any number.
    progress
        Called with the fraction done; may raise to stop.
    """
    n = source.n_electrodes
    noise = electrode_noise(
        source,
        positions,
        sampling_rate=sampling_rate,
        factors=factors,
        workers=workers,
        progress=lambda part: progress(0.1 * part),
    )
    scale = np.ones(n) if factors is None else np.asarray(factors, np.float64)
    sd_counts = _in_counts(noise.sd, scale)
    seconds = float(np.diff(np.asarray(source.segments).reshape(-1, 2)).sum()) / sampling_rate
    n_windows = int(np.clip(seconds // WINDOW_S, 1, N_WINDOWS))
    windows = list(spread_windows(source.segments, sampling_rate, n_windows, WINDOW_S))
    look = _Look(sd_counts, sampling_rate)
    found = []
    for index, (segment, start, stop) in enumerate(windows):
        share = 0.9 / len(windows)
        counts = _read(source, segment, start, stop, _part(progress, 0.1 + share * index, 0.5 * share))
        found.append(look.at(counts, workers))
        progress(0.1 + share * (index + 1))
    begins = np.asarray(source.segments, np.int64).reshape(-1, 2)[:, 0]
    times = np.array([(begins[s] + a, begins[s] + b) for s, a, b in windows], np.float64).reshape(-1, 2)
    n_samples = sum(stop - start for _, start, stop in windows)
    stuck = np.sum([each.stuck for each in found], axis=0) if found else np.zeros(n)
    saturated = _saturated(noise, found, stuck > STUCK_PART * n_samples, sd_counts)
    hum_hz, hum_rms, stands_out = _hum(found, look, scale)
    with np.errstate(invalid="ignore"):
        hums = stands_out & (hum_rms > HUM_OVER_NOISE * noise.sd)
    crossings = np.array([each.crossings for each in found], np.int64).reshape(-1, n)
    return ElectrodeSurvey(noise, saturated, hum_hz, hum_rms, hums, crossings, times / sampling_rate)


def crossing_times(
    source: CountSource,
    electrodes: ArrayLike,
    noise_sd: ArrayLike,
    ranges: ArrayLike,
    *,
    sampling_rate: float,
    factors: _Float | None = None,
    progress: Progress = no_progress,
) -> list[_Int]:
    """Return when the signals of some electrodes fell below -5 SD of their noise.

    Parameters
    ----------
    source
        Raw counts.
    electrodes
        (n,) which ones, in file order.
    noise_sd
        float64 (n,): their noise.
    ranges
        int64 (k, 2): first and last + 1 sample of the clock of each stretch that is looked at.
    sampling_rate
        Hz.
    factors
        float64 (all electrodes,): physical unit per count; None: counts.
    progress
        Called with the fraction done after each second of data; may raise to stop.

    Returns
    -------
    list of numpy.ndarray
        Samples of the clock, int64, ascending, one array per electrode.
    """
    chosen = np.asarray(electrodes, np.int64)
    scale = np.ones(source.n_electrodes) if factors is None else np.asarray(factors, np.float64)
    threshold = _thresholds(_in_counts(np.asarray(noise_sd, np.float64), scale[chosen]))
    filter_ = high_pass(min(CUTOFF_HZ, sampling_rate / 4), FILTER_ORDER, sampling_rate)
    dead, padding = round(DEAD_TIME_S * sampling_rate), round(_PADDING_S * sampling_rate)
    times: list[list[_Int]] = [[] for _ in chosen]
    pieces = _pieces(source.segments, ranges, round(_PIECE_S * sampling_rate))
    for index, (segment, start, stop) in enumerate(pieces):
        first, last = (int(edge) for edge in np.asarray(source.segments).reshape(-1, 2)[segment])
        low, high = max(start - padding, 0), min(stop + padding, last - first)
        counts = np.ascontiguousarray(_read(source, segment, low, high, no_progress)[:, chosen])
        signal = tile_of_counts(counts, slice(0, chosen.size))
        filter_both_ways(signal, filter_)
        rows, columns = _crossings(signal, threshold, dead)
        inside = (rows >= start - low) & (rows < stop - low)
        for electrode in np.unique(columns[inside]).tolist():
            times[electrode].append(rows[inside & (columns == electrode)] + first + low)
        progress((index + 1) / len(pieces))
    return [np.concatenate([np.empty(0, np.int64), *own]) for own in times]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one window tells: arrays (electrodes,); the spectrum is (frequencies, electrodes) or None."""

    crossings: _Int
    stuck: _Int
    low: NDArray[Any]
    high: NDArray[Any]
    spectrum: _Float | None


class _Look:
    """Looks at windows of all electrodes, tile by tile on several threads."""

    def __init__(self, sd_counts: _Float, rate: float) -> None:
        self.rate = rate
        self.filter = high_pass(min(CUTOFF_HZ, rate / 4), FILTER_ORDER, rate)
        self.threshold = _thresholds(sd_counts)
        self.dead, self.least = round(DEAD_TIME_S * rate), max(round(STUCK_S * rate), 2)
        self.step = max(int(rate // _SPECTRUM_HZ), 1)
        self.longest = 0

    def frequencies(self) -> _Float:
        """Frequencies of the spectra in Hz."""
        return (
            np.arange(self.longest // self.step // 2 + 1)
            * self.rate
            / (self.longest // self.step * self.step)
        )

    def at(self, counts: NDArray[Any], workers: int) -> _Seen:
        """Look at one window, (samples, electrodes)."""
        from hdmea.features.science import activity_kernels as kernels

        n_samples, n = counts.shape
        self.longest = self.longest or n_samples
        # Windows at the end of a short segment are shorter: their spectra have other frequencies.
        long_enough = n_samples == self.longest and n_samples >= _SHORTEST_FOR_HUM_S * self.rate
        n_bins = len(self.frequencies())
        spectrum = np.empty((n_bins, n)) if long_enough else None
        crossings, stuck = np.zeros((2, n), np.int64)
        low, high = counts.min(axis=0), counts.max(axis=0)

        def look(tile: slice) -> None:
            part = counts[:, tile]
            at_limit = [np.count_nonzero(part == limit[tile], axis=0) for limit in (low, high)]
            # Few electrodes are so often at a limit that runs are worth looking for.
            some = np.flatnonzero(np.max(at_limit, axis=0) >= self.least)
            if some.size:
                found = np.zeros(some.size, np.int64)
                kernels.stuck(np.ascontiguousarray(part[:, some]), self.least, found)
                stuck[tile.start + some] = found
            signal = tile_of_counts(counts, tile)
            if spectrum is not None:
                spectrum[:, tile] = self._spectrum(signal)
            filter_both_ways(signal, self.filter)
            _, columns = _crossings(signal, self.threshold[tile], self.dead)
            crossings[tile] = np.bincount(columns, minlength=tile.stop - tile.start)

        tiles = [slice(first, min(first + _TILE, n)) for first in range(0, n, _TILE)]
        with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
            for done in [pool.submit(look, tile) for tile in tiles]:
                done.result()
        return _Seen(crossings, stuck, low, high, spectrum)

    def _spectrum(self, signal: NDArray[np.float32]) -> _Float:
        """Mean square of each frequency's part of the signal, (frequencies, electrodes)."""
        n = len(signal) // self.step
        low = signal[: n * self.step].reshape(n, self.step, -1).mean(axis=1, dtype=np.float64)
        low -= low.mean(axis=0)
        window = np.hanning(n + 1)[:-1, None]
        power: _Float = np.abs(np.fft.rfft(low * window, axis=0)) ** 2 * (2 / (n * (window**2).sum()))
        return power


def _hum(found: Sequence[_Seen], look: _Look, scale: _Float) -> tuple[float, _Float, NDArray[np.bool_]]:
    """Frequency of the mains, RMS of its hum, and on which electrodes the line stands out."""
    spectra = [each.spectrum for each in found if each.spectrum is not None]
    n = scale.size
    if not spectra:
        return float("nan"), np.full(n, np.nan), np.zeros(n, bool)
    power, hz = np.mean(spectra, axis=0), look.frequencies()
    tried = [(mains, *_lines(power, hz, mains)) for mains in MAINS_HZ]
    mains, excess, stands_out = max(tried, key=lambda each: float(np.median(each[1])))
    return mains, np.sqrt(excess) * np.where(np.isfinite(scale) & (scale > 0), scale, np.nan), stands_out


def _lines(power: _Float, hz: _Float, mains: float) -> tuple[_Float, NDArray[np.bool_]]:
    """Mean square of the harmonics above what is around them, and whether the first one stands out."""
    total, stands_out = np.zeros(power.shape[1]), np.zeros(power.shape[1], bool)
    for harmonic in range(1, N_HARMONICS + 1):
        at = int(np.argmin(np.abs(hz - harmonic * mains)))
        distance = np.abs(hz - hz[at])
        near = (distance >= max(_AROUND_HZ[0], 2.5 * hz[1])) & (distance <= max(_AROUND_HZ[1], 6 * hz[1]))
        # The median of a chi-squared variable with two degrees of freedom is its mean times ln 2.
        around = np.median(power[near], axis=0) / np.log(2) * 3
        line = power[max(at - 1, 0) : at + 2].sum(axis=0)
        if harmonic == 1:
            stands_out = line > LINE_OVER_AROUND * around
        total += np.maximum(line - around, 0.0)
    return total, stands_out


def _in_counts(sd: _Float, scale: _Float) -> _Float:
    counts = np.full(sd.shape, np.nan)
    np.divide(sd, scale, out=counts, where=np.isfinite(scale) & (scale > 0))
    return counts


def _thresholds(sd_counts: _Float) -> _Float:
    """Threshold in counts; none for an electrode without noise."""
    with np.errstate(invalid="ignore"):
        return np.where(sd_counts > 0, THRESHOLD_SD * sd_counts, np.inf)


def _saturated(
    noise: ElectrodeNoise, found: Sequence[_Seen], stuck: NDArray[np.bool_], sd_counts: _Float
) -> NDArray[np.bool_]:
    """Which electrodes are at a limit; one that hardly changes is silent, unless its type ends there."""
    if not found:
        return np.zeros(len(stuck), bool)
    low = np.min([each.low for each in found], axis=0)
    high = np.max([each.high for each in found], axis=0)
    constant = np.array([reason == "constant" for reason in noise.reasons], dtype=bool)
    usual = float(np.nanmedian(sd_counts)) if np.isfinite(sd_counts).any() else 0.0
    wide = high.astype(np.float64) - low.astype(np.float64) > _RANGE_OVER_NOISE * usual
    at_end = np.zeros(len(stuck), bool)
    if low.dtype.kind in "iu":
        limits = np.iinfo(low.dtype)
        at_end = (low == limits.max) | (high == limits.min)
    return np.where(constant, at_end, stuck & wide)


def _crossings(signal: NDArray[np.float32], threshold: _Float, dead: int) -> tuple[_Int, _Int]:
    from hdmea.features.science import activity_kernels as kernels

    room = signal.shape[1] * (len(signal) // max(dead, 1) + 1)
    rows, columns = np.empty((2, room), np.int64)
    n = kernels.crossings(signal, threshold, dead, rows, columns)
    return rows[:n], columns[:n]


def _part(progress: Progress, done: float, share: float) -> Progress:
    return lambda part: progress(done + share * part)


def _read(source: CountSource, segment: int, start: int, stop: int, progress: Progress) -> NDArray[Any]:
    """Read counts in short slices: others wait for each."""
    first = native_counts(source.read_counts(segment, start, min(start + 1, stop)))
    step = max(_READ_NBYTES // max(first.nbytes, 1), 1)
    counts = np.empty((stop - start, first.shape[1]), first.dtype)
    for low in range(start, stop, step):
        high = min(low + step, stop)
        counts[low - start : high - start] = source.read_counts(segment, low, high)
        progress((high - start) / (stop - start))
    return counts


def _pieces(segments: ArrayLike, ranges: ArrayLike, size: int) -> list[tuple[int, int, int]]:
    """Segment, first and last + 1 sample in it, of pieces of at most `size` samples of the ranges."""
    found = []
    for segment, (first, last) in enumerate(np.asarray(segments, np.int64).reshape(-1, 2).tolist()):
        for start, stop in np.asarray(ranges, np.int64).reshape(-1, 2).tolist():
            low, high = max(start, first) - first, min(stop, last) - first
            found += [(segment, piece, min(piece + size, high)) for piece in range(low, high, size)]
    return found
