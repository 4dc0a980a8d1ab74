"""Is there a receptive field? Spike-triggered averages against those of shifted spike trains.

The spike train is shifted circularly against the movie by 2 s or more. That keeps its own structure, bursts
among it; shuffling spikes one by one would call every bursting unit significant.

All shifts of one unit are one circular cross-correlation of spike counts and movie, so a Fourier transform
per pixel serves any number of shifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.threads import Progress, no_progress, run_blocks, split_evenly

__all__ = ["ReceptiveFieldSignificance", "receptive_field_significance"]

_PIXELS_PER_BLOCK = 256
_UNITS_PER_BLOCK = 4
_TIE = 1e-6
"""Relative; correlations are computed in single precision."""


@dataclass(frozen=True, slots=True)
class ReceptiveFieldSignificance:
    """Significance of several units' spike-triggered averages.

    Attributes
    ----------
    z
        float32 (units, window, height, width): deviation of the average from its mean over shifts, in
        standard deviations over shifts; NaN for a unit without spikes.
    peak_z
        float64 (units,): largest absolute z; NaN without spikes.
    p
        float64 (units,): ``(1 + #{shifted >= observed}) / (1 + n_shifts)`` of that maximum over all pixels
        and lags; 1 without spikes.
    """

    z: NDArray[np.float32]
    peak_z: NDArray[np.float64]
    p: NDArray[np.float64]


def receptive_field_significance(
    movie: NDArray[Any],
    spike_counts: NDArray[Any],
    cover_range: tuple[int, int] = (-60, 0),
    *,
    min_shift: int = 120,
    n_shifts: int = 1000,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = no_progress,
) -> ReceptiveFieldSignificance:
    """Compare each unit's spike-triggered average with those of its shifted spike train.

    Parameters
    ----------
    movie
        (frames, height, width), one entry per display refresh.
    spike_counts
        (units, frames): spikes of each unit while that frame was shown.
    cover_range
        Window of the average in frames relative to the spike, the second not included.
    min_shift
        Smallest shift in frames, to either side; 2 s at 60 Hz are 120.
    n_shifts
        Shifts drawn for the p value, the same for every unit.
    seed
        Of the random generator.
    workers
        Threads; the result does not depend on it.
    progress
        Called with the fraction done; may raise to stop.

    Raises
    ------
    ValidationError
        Movie and counts do not fit, or the movie is too short to be shifted.
    """
    movie, counts = np.asarray(movie), np.asarray(spike_counts)
    first, last = cover_range
    n_frames, height, width = movie.shape
    if counts.shape[1:] != (n_frames,):
        raise ValidationError(f"Counts of {counts.shape[-1]} frames do not fit a movie of {n_frames}.")
    if first >= last or n_frames <= 2 * min_shift + (last - first):
        raise ValidationError(
            f"A movie of {n_frames} frames is too short to shift spikes by {min_shift} frames to either side."
        )
    search = _Search(movie.reshape(n_frames, -1), counts, cover_range, min_shift)
    pixels = split_evenly(height * width, _PIXELS_PER_BLOCK)
    for index, block in enumerate(pixels):
        search.add(block, workers)
        progress((index + 1) / len(pixels))
    peak = np.abs(search.z).max(axis=(1, 2)).astype(np.float64)
    shifts = np.random.default_rng(seed).integers(min_shift, n_frames - min_shift, n_shifts)
    lags = (shifts[:, None] + np.arange(first, last)) % n_frames
    p = np.ones(len(counts))
    for unit in np.flatnonzero(search.n_spikes):
        reached = search.largest[unit][lags].max(axis=1) >= peak[unit] * (1 - _TIE)
        p[unit] = (1 + reached.sum()) / (1 + n_shifts)
    silent = search.n_spikes == 0
    search.z[silent], peak[silent] = np.nan, np.nan
    return ReceptiveFieldSignificance(search.z.reshape(len(counts), last - first, height, width), peak, p)


class _Search:
    """Correlations of all units with one block of pixels after the other."""

    def __init__(
        self, movie: NDArray[Any], counts: NDArray[Any], cover_range: tuple[int, int], min_shift: int
    ) -> None:
        from scipy.fft import rfft

        self._movie, self._n_frames = movie, len(movie)
        self._observed = np.arange(*cover_range) % self._n_frames
        self._shifted = slice(min_shift + cover_range[0], self._n_frames - min_shift + cover_range[1])
        if self._shifted.start < 0:
            raise ValidationError("The smallest shift must not be smaller than the window.")
        self._spectra = np.conj(rfft(counts.astype(np.float32), axis=-1))
        self.n_spikes = counts.sum(axis=1)
        self.z = np.zeros((len(counts), len(self._observed), movie.shape[1]), np.float32)
        self.largest = np.zeros((len(counts), self._n_frames), np.float32)

    def add(self, pixels: range, workers: int) -> None:
        """Enter these pixels into `z` and, for every displacement, into the maximum of absolute z."""
        from scipy.fft import irfft, rfft

        part = self._movie[:, pixels.start : pixels.stop].T.astype(np.float32)
        part -= part.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        spectrum = rfft(part, axis=-1)

        def correlate(units: range) -> None:
            for unit in units:
                if not self.n_spikes[unit]:
                    continue
                correlation = irfft(spectrum * self._spectra[unit], n=self._n_frames, axis=-1)
                null = correlation[:, self._shifted]
                centre = null.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
                correlation -= centre
                spread = np.sqrt(np.einsum("pt,pt->p", null, null) / null.shape[1])[:, None]
                np.divide(correlation, spread, out=correlation, where=spread > 0)
                self.z[unit, :, pixels.start : pixels.stop] = correlation[:, self._observed].T
                np.abs(correlation, out=correlation)
                np.maximum(self.largest[unit], correlation.max(axis=0), out=self.largest[unit])

        run_blocks(correlate, split_evenly(len(self.n_spikes), _UNITS_PER_BLOCK), workers=workers)
