"""Generator signals: a movie seen through filters that were estimated without some of its parts.

A unit's filter is the space-time separable part of its spike-triggered average minus the mean image, with
norm 1. The average of all pixels and lags measures its own noise: with 3 000 spikes it gains a fifth of the
information that there is. Sums over spikes are kept for each part of the movie, so that leaving parts out is
a subtraction; mask, lags and filter come from what is left.

A separable filter is applied in two stages: its image to each image of the movie, its course to what that
gives in time. The first is exact for movies of integers, the second adds in a fixed order, so that generators
do not depend on threads, libraries or other units.

References
----------
Gauthier J. L. et al. (2009) Receptive fields in primate retina are coordinated to sample visual space more
uniformly. PLoS Biol. 7: e1000063 (spatial map as singular vector).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.spike_triggered_average import spike_triggered_averages

__all__ = ["FoldSums", "SeparableFilter", "fold_sums", "generators", "separable_filter"]

_SMOOTHING_PX = 0.7
_LEAST_SIGMA = 0.7
_LAG_SD = 2.0
_STEPS = 2.0**24
"""Steps in which images of filters are stored: of whole numbers, sums of products are exact in any order."""

Map = Callable[[Callable[[int], "list[SeparableFilter]"], Iterable[int]], Iterable["list[SeparableFilter]"]]
"""`map`, or that of a thread pool."""


@dataclass(frozen=True, slots=True)
class SeparableFilter:
    """A filter ``course[:, None] * image``, of norm 1 unless it is 0 throughout.

    Attributes
    ----------
    course
        float64 (window,).
    image
        float64 (pixels,).
    """

    course: NDArray[np.float64]
    image: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoldSums:
    """Sums of the stimulus around the spikes of each part of the movie.

    Attributes
    ----------
    edges
        int64 (folds + 1,): parts of the movie, in frames of the spikes.
    sums
        float64 (units, folds, window, pixels).
    counts
        int64 (units, folds): spikes.
    mean_image
        float64 (pixels,): mean of the movie.
    image_shape
        Rows and columns of the pixels.
    """

    edges: NDArray[np.int64]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    mean_image: NDArray[np.float64]
    image_shape: tuple[int, int]

    def filter(self, unit: int, without: Collection[int]) -> SeparableFilter:
        """Return the filter of a unit from all parts but some."""
        kept = [fold for fold in range(self.counts.shape[1]) if fold not in without]
        deviation = self.sums[unit, kept].sum(axis=0) - self.counts[unit, kept].sum() * self.mean_image
        return separable_filter(deviation, self.image_shape)


def separable_filter(deviation: NDArray[np.float64], image_shape: tuple[int, int]) -> SeparableFilter:
    """Return the separable part of an average, within its receptive field and its lags.

    The first singular pair of the average finds the place (largest value of the smoothed map) and the width
    (from the pixels above half of it) of the field; the course of what is within three widths finds the
    lags, from the first to the last that exceed twice its noise. The first singular pair of that part is the
    filter.

    Parameters
    ----------
    deviation
        (window, pixels) average minus the mean image, of any scale.
    image_shape
        Rows and columns of the pixels.

    Returns
    -------
    SeparableFilter
        0 for an average that is 0.
    """
    from scipy.ndimage import gaussian_filter, label

    found = SeparableFilter(np.zeros(deviation.shape[0]), np.zeros(deviation.shape[1]))
    if not deviation.any():
        return found
    _, image = _first_pair(deviation)
    smooth = np.abs(gaussian_filter(image.reshape(image_shape), _SMOOTHING_PX, mode="nearest"))
    peak = np.unravel_index(int(smooth.argmax()), image_shape)
    labels = np.asarray(label(smooth > 0.5 * smooth[peak])[0])
    above = np.count_nonzero(labels == labels[peak])
    # A Gaussian has 2 π ln 2 σ² above half its height, and smoothing adds its own variance.
    sigma = np.sqrt(max(above / (2 * np.pi * np.log(2)) - _SMOOTHING_PX**2, _LEAST_SIGMA**2))
    rows, cols = np.indices(image_shape)
    inside = ((rows - peak[0]) ** 2 + (cols - peak[1]) ** 2 <= (3 * sigma) ** 2).ravel()
    course, _ = _first_pair(deviation[:, inside])
    lags = _lags(np.abs(course))
    part_course, part_image = _first_pair(deviation[np.ix_(lags, inside)])
    norm = float(np.sqrt(np.square(part_course).sum() * np.square(part_image).sum()))
    if norm > 0:
        found.course[lags] = part_course
        found.image[inside] = part_image / norm
    return found


def _first_pair(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Course of norm 1 and image of the largest singular value."""
    from scipy.linalg import eigh

    squares = np.einsum("tp,sp->ts", matrix, matrix)
    last = len(squares) - 1
    # Only the largest one: all of them take three times as long.
    course = np.asarray(eigh(squares, subset_by_index=(last, last), check_finite=False)[1][:, 0], np.float64)
    return course, np.asarray(np.einsum("t,tp->p", course, matrix))


def _lags(size: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Lags from the first to the last that exceeds twice the noise of the course (from its quiet quarter)."""
    quiet = np.quantile(size, 0.25) / 0.3186
    large = np.flatnonzero(size > min(_LAG_SD * quiet, 0.2 * size.max()))
    kept = np.zeros(size.size, np.bool_)
    kept[large[0] : large[-1] + 1] = True
    return kept


def fold_sums(
    movie: NDArray[Any],
    spike_frames: Sequence[NDArray[np.int64]],
    cover_range: tuple[int, int],
    edges: NDArray[np.int64],
    mean_image: NDArray[np.float64],
    *,
    workers: int = 1,
) -> FoldSums:
    """Sum the stimulus around the spikes of each part of the movie.

    Parameters
    ----------
    movie
        (frames, height, width).
    spike_frames
        Per unit the movie frame of every spike.
    cover_range
        Frames relative to the spike's, the second not included.
    edges
        int64 (folds + 1,): ascending frames between the parts; all windows of their frames are in the movie.
    mean_image
        float64 (pixels,): mean of the movie.
    workers
        Threads; the sums do not depend on them.
    """
    n_units, n_folds = len(spike_frames), len(edges) - 1
    window, pixels = cover_range[1] - cover_range[0], mean_image.size
    sums = np.zeros((n_units, n_folds, window, pixels))
    counts = np.zeros((n_units, n_folds), np.int64)
    for fold in range(n_folds):
        inside = [k[(k >= edges[fold]) & (k < edges[fold + 1])] for k in spike_frames]
        found = spike_triggered_averages(movie, inside, cover_range, workers=workers)
        counts[:, fold] = found.n_spikes_used
        some = counts[:, fold] > 0
        averages = found.data[some].reshape(-1, window, pixels).astype(np.float64)
        sums[some, fold] = averages * counts[some, fold][:, None, None]
    return FoldSums(edges, sums, counts, mean_image, (movie.shape[1], movie.shape[2]))


def generators(
    movie: NDArray[Any], sums: FoldSums, cover_range: tuple[int, int], *, for_each: Map = map
) -> NDArray[np.float64]:
    """Return the generator in each frame, through filters that never saw the frame's own part.

    Parameters
    ----------
    movie
        (frames, height, width).
    sums
        From `fold_sums`.
    cover_range
        As there.
    for_each
        `map`, or that of a thread pool, over the units.

    Returns
    -------
    numpy.ndarray
        float64 (folds, units, frames of all parts): entry f is of filters from all parts but the frame's own
        and f.
    """
    from hdmea.features.science.generator_kernels import convolve

    n_units, n_folds = sums.counts.shape
    pairs = list(combinations_with_replacement(range(n_folds), 2))
    found = list(for_each(lambda unit: [sums.filter(unit, pair) for pair in pairs], range(n_units)))
    parts = [_held(movie, sums, cover_range, fold) for fold in range(n_folds)]
    begin = sums.edges - sums.edges[0]
    signal = np.zeros((n_folds, n_units, begin[-1]))
    for number, pair in enumerate(pairs):
        image = np.stack([each[number].image for each in found])
        course = np.stack([each[number].course for each in found])
        step = np.abs(image).max(axis=1) / _STEPS
        step[step == 0] = 1.0
        whole = np.rint(image / step[:, None])
        level = (whole * sums.mean_image).sum(axis=1)[:, None]
        # What is left out when two parts are is the same for the frames of either.
        for part, other in {pair, pair[::-1]}:
            images, shown = parts[part]
            seen = ((whole @ images.T) - level) * step[:, None]
            convolve(seen, shown, course, signal[other], begin[part])
    return signal


def _held(
    movie: NDArray[Any], sums: FoldSums, cover_range: tuple[int, int], fold: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Images of a part of the movie (images, pixels), and which of them each of its frames shows.

    An image is often shown for several frames.
    """
    first, last = sums.edges[fold] + cover_range[0], sums.edges[fold + 1] - 1 + cover_range[1]
    part = np.asarray(movie[first:last]).reshape(last - first, -1)
    shown = np.concatenate([[0], (part[1:] != part[:-1]).any(axis=1).cumsum()])
    return part[np.flatnonzero(np.diff(shown, prepend=-1))].astype(np.float64), shown
