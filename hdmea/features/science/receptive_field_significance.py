"""Is there a receptive field? Spike-triggered averages against those of shifted spikes or shuffled images.

A long movie: the spike train is shifted circularly against the movie by 2 s or more. That keeps its own
structure, bursts among it; shuffling spikes one by one would call every bursting unit significant. All shifts
of one unit are one circular cross-correlation of spike counts and movie, so a Fourier transform per pixel
serves all of them.

Neighbouring shifts share all but one of their lags. Only one shift in a window's length is independent, and
that number, not that of the shifts, bounds the p value. A movie with fewer than 99 of them is tested by its
images instead, whose order the experimenter drew: whatever the spikes do, every other order was as probable.

References
----------
Edgington E. S., Onghena P. (2007) Randomization tests, 4th ed. Chapman & Hall.
Phipson B., Smyth G. K. (2010) Permutation p-values should never be zero. Stat. Appl. Genet. Mol. Biol. 9: 39.
Besag J., Clifford P. (1991) Sequential Monte Carlo p-values. Biometrika 78: 301-304 (early stop).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice
from hdmea.utils.giving_way import give_way
from hdmea.utils.threads import Progress, no_progress, run_blocks, split_evenly

__all__ = ["TOO_SHORT", "ReceptiveFieldSignificance", "receptive_field_significance"]

_PIXELS_PER_BLOCK = 256
_UNITS_PER_BLOCK = 4
_TIE = 1e-5
"""Relative; correlations are computed in single precision."""
_UNITS_PER_PRODUCT = 64
_FEWEST_SHIFTS = 99
_STOP_AFTER = 10
_FEWEST_IMAGES = 20
_LARGEST_CORRELATION = 0.1
TOO_SHORT = "the noise is too short to test for a receptive field"


@dataclass(frozen=True, slots=True)
class ReceptiveFieldSignificance:
    """Significance of several units' spike-triggered averages.

    Attributes
    ----------
    z
        float32 (units, window, height, width): deviation of the average from its mean over all displacements
        of the spikes against the movie, in standard deviations over them; NaN for a unit without spikes;
        without a window if it was not asked for.
    peak_z
        float64 (units,): largest absolute z; NaN without spikes.
    p
        float64 (units,): chance of such a maximum over all pixels and lags; NaN without spikes, and where
        the movie is too short for either test.
    method
        ``"shifts"``, ``"images"`` or ``""`` (not tested).
    """

    z: NDArray[np.float32]
    peak_z: NDArray[np.float64]
    p: NDArray[np.float64]
    method: str


def receptive_field_significance(
    movie: NDArray[Any],
    spike_counts: NDArray[Any],
    cover_range: tuple[int, int] = (-60, 0),
    *,
    min_shift: int = 120,
    n_permutations: int = 199,
    seed: int = 0,
    maps: bool = True,
    workers: int = 1,
    progress: Progress = no_progress,
) -> ReceptiveFieldSignificance:
    """Compare each unit's spike-triggered average with those that chance would give.

    With K = (frames - 2 min_shift) // window independent shifts and f the share of all admissible shifts
    whose maximum reaches the observed one, ``p = (1 + K f) / (1 + K)``. Below K = 99 the order of the held
    images is redrawn `n_permutations` times, ``p = (1 + #{drawn >= observed}) / (1 + n_permutations)``;
    drawing stops after the tenth that reaches it, with ``p = 10 / draws``. That needs images that are held
    equally long and do not depend on each other.

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
    n_permutations
        Orders of the images that are drawn.
    seed
        Of the random generator; every unit sees the same orders.
    maps
        Return `z`. Without it counts, lags and shifts are those of held images, which is much faster.
    workers
        Threads; the result does not depend on it.
    progress
        Called with the fraction done; may raise to stop.

    Raises
    ------
    ValidationError
        Movie and counts do not fit, or the movie is shorter than the window.
    """
    movie, counts = np.asarray(movie), np.asarray(spike_counts)
    first, last = cover_range
    n_frames, height, width = movie.shape
    if counts.shape[1:] != (n_frames,):
        raise ValidationError(
            f"Counts of {counts.shape[-1]} frames do not fit a movie of {n_frames}.",
            fix=Advice("Pass one count for each frame of the movie."),
        )
    if first >= last or n_frames <= last - first:
        raise ValidationError(
            f"A movie of {n_frames} frames is shorter than a window of {last - first}.",
            fix=Advice("Choose a shorter window, or a longer movie."),
        )
    if min_shift < max(-first, last):
        raise ValidationError(
            "The smallest shift must not be smaller than the window.", fix=Advice("Pass a larger min_shift.")
        )
    flat = movie.reshape(n_frames, -1)
    images = _held_images(flat)
    independent = (n_frames - 2 * min_shift) // (last - first)
    by_shifts = independent >= _FEWEST_SHIFTS
    if maps or images is None:
        tested, tested_counts, cover, apart = flat, counts, cover_range, min_shift
    else:
        tested, tested_counts, cover, apart = _per_image(images, counts, cover_range, min_shift)
    search = _Search(tested, tested_counts, cover)
    pixels = split_evenly(height * width, _PIXELS_PER_BLOCK)
    for index, block in enumerate(pixels):
        search.add(block, workers)
        progress((index + 1) / len(pixels))
    peak = np.abs(search.z).max(axis=(1, 2)).astype(np.float64)
    spiking = search.n_spikes > 0
    p, method = np.full(len(counts), np.nan), ""
    if by_shifts:
        method, window = "shifts", cover[1] - cover[0]
        starts = np.arange(apart, len(tested) - apart + 1) + cover[0]
        for unit in np.flatnonzero(spiking):
            maxima = _window_maxima(search.largest[unit], window)[starts]
            share = np.mean(maxima >= peak[unit] * (1 - _TIE))
            p[unit] = (1 + independent * share) / (1 + independent)
    elif images is not None and images.free:
        p[spiking] = _image_test(images, counts[spiking], cover_range, n_permutations, seed)
        method = "images" if np.isfinite(p).any() else ""
    search.z[~spiking], peak[~spiking] = np.nan, np.nan
    z = (
        search.z.reshape(len(counts), -1, height, width)
        if maps
        else np.zeros((len(counts), 0, 0, 0), np.float32)
    )
    return ReceptiveFieldSignificance(z, peak, p, method)


def _per_image(
    images: _Images, counts: NDArray[Any], cover_range: tuple[int, int], min_shift: int
) -> tuple[NDArray[Any], NDArray[np.int64], tuple[int, int], int]:
    """Movie, counts, window and smallest shift with one entry for each held image."""
    n, hold = len(images.values), images.hold
    held = counts[:, images.start : images.start + n * hold].reshape(len(counts), n, hold).sum(axis=2)
    cover = (cover_range[0] // hold, -(-cover_range[1] // hold))
    return images.values, held, (cover[0], max(cover[1], cover[0] + 1)), -(-min_shift // hold)


class _Search:
    """Correlations of all units with one block of pixels after the other."""

    def __init__(self, movie: NDArray[Any], counts: NDArray[Any], cover_range: tuple[int, int]) -> None:
        from scipy.fft import rfft

        self._movie, self._n_frames = movie, len(movie)
        self._observed = np.arange(*cover_range) % self._n_frames
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
                # Observed and shifted averages are scaled alike: by all displacements together.
                centre = correlation.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
                correlation -= centre
                squares = np.einsum("pt,pt->p", correlation, correlation)
                spread = np.sqrt(squares / correlation.shape[1])[:, None]
                np.divide(correlation, spread, out=correlation, where=spread > 0)
                self.z[unit, :, pixels.start : pixels.stop] = correlation[:, self._observed].T
                np.abs(correlation, out=correlation)
                np.maximum(self.largest[unit], correlation.max(axis=0), out=self.largest[unit])

        run_blocks(correlate, split_evenly(len(self.n_spikes), _UNITS_PER_BLOCK), workers=workers)


def _window_maxima(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Largest of `width` values from each place on, circularly."""
    largest, reach = values, 1
    while reach < width:
        step = min(reach, width - reach)
        largest = np.maximum(largest, np.roll(largest, -step))
        reach += step
    return largest


@dataclass(frozen=True, slots=True)
class _Images:
    """Images of a movie that are all held for the same number of frames.

    Attributes
    ----------
    values
        (images, pixels).
    start
        Frame of the movie at which the first whole one begins.
    hold
        Frames of each.
    free
        Whether they do not depend on each other, so that every order was as probable.
    """

    values: NDArray[Any]
    start: int
    hold: int
    free: bool


def _held_images(movie: NDArray[Any]) -> _Images | None:
    """Images of the movie; None if it has too few, or is constant."""
    changes = np.flatnonzero((movie[1:] != movie[:-1]).any(axis=1)) + 1
    if changes.size < 2:
        return None
    hold = int(np.gcd.reduce(np.diff(changes)))
    start = int(changes[0]) % hold
    n = (len(movie) - start) // hold
    values = np.ascontiguousarray(movie[start : start + n * hold : hold])
    return _Images(values, start, hold, _independent(values)) if n >= _FEWEST_IMAGES else None


def _independent(images: NDArray[Any]) -> bool:
    """Whether images do not depend on those before them."""
    deviations = images - images.mean(axis=0, dtype=np.float64)
    power = float(np.square(deviations).sum())
    limit = max(_LARGEST_CORRELATION, 4 / np.sqrt(images.size))
    lags = range(1, min(16, len(images) // 2))
    return power > 0 and all(
        abs(float((deviations[lag:] * deviations[:-lag]).sum())) <= limit * power for lag in lags
    )


def _image_test(
    images: _Images, counts: NDArray[Any], cover_range: tuple[int, int], n_permutations: int, seed: int
) -> NDArray[np.float64]:
    """P value of each unit, all with spikes, under other orders of the images."""
    n_images = len(images.values)
    # Spikes per image; lags in images that reach as far back and forth as the window.
    held = counts[:, images.start : images.start + n_images * images.hold]
    held = held.reshape(len(counts), n_images, images.hold).sum(axis=2).astype(np.float64)
    back, ahead = -(cover_range[0] // images.hold), max(-(-cover_range[1] // images.hold), 0)
    inside = slice(back, n_images - ahead)
    p = np.full(len(counts), np.nan)
    if n_images - back - ahead < _FEWEST_IMAGES:
        return p
    part = held[:, inside] - held[:, inside].mean(axis=1, keepdims=True)
    values = images.values.astype(np.float64)
    values -= values.mean(axis=0)
    scale = values.std(axis=0)
    values = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0).astype(np.float32)
    # One matrix product gives all lags: row (unit, lag) has the counts of the image that is so far ahead.
    lags = np.arange(-back, ahead + 1)
    shifted = np.zeros((len(counts), lags.size, n_images), np.float32)
    for row, lag in enumerate(lags.tolist()):
        shifted[:, row, back + lag : n_images - ahead + lag] = part

    def largest(order: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.float32]:
        shuffled, found = values[order], np.empty(units.size, np.float32)
        for begin in range(0, units.size, _UNITS_PER_PRODUCT):
            give_way()
            some = units[begin : begin + _UNITS_PER_PRODUCT]
            sums = shifted[some].reshape(-1, n_images) @ shuffled
            np.abs(sums, out=sums)
            found[begin : begin + some.size] = sums.reshape(some.size, -1).max(axis=1)
        return found

    open_units = np.flatnonzero(part.any(axis=1))
    observed = np.zeros(len(counts), np.float32)
    observed[open_units] = largest(np.arange(n_images), open_units)
    reached = np.zeros(len(counts), np.int64)
    rng = np.random.default_rng(seed)
    for draw in range(1, n_permutations + 1):
        drawn = largest(rng.permutation(n_images), open_units)
        reached[open_units] += drawn >= observed[open_units] * (1 - _TIE)
        done = reached[open_units] >= _STOP_AFTER
        p[open_units[done]] = _STOP_AFTER / draw
        open_units = open_units[~done]
        if not open_units.size:
            break
    p[open_units] = (1 + reached[open_units]) / (1 + n_permutations)
    return p
