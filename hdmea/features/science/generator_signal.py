"""Generator signals: a movie seen through filters that were estimated without some of its parts.

A unit's filter is its spike-triggered average minus the mean image, with norm 1. Sums over spikes are kept
for each part of the movie, so that leaving parts out is a subtraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.features.science.spike_triggered_average import spike_triggered_averages

__all__ = ["FoldSums", "fold_sums", "generators"]

_STEPS = 2.0**24
"""Steps in which filters are stored: of whole numbers, sums of products are exact in any order."""


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
    """

    edges: NDArray[np.int64]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    mean_image: NDArray[np.float64]

    def filters(self, without: Sequence[int]) -> NDArray[np.float64]:
        """Return filters from all parts but some: (units, window, pixels), of norm 1, 0 without a spike."""
        kept = [fold for fold in range(self.counts.shape[1]) if fold not in without]
        n = self.counts[:, kept].sum(axis=1)[:, None, None]
        deviation = self.sums[:, kept].sum(axis=1) - n * self.mean_image
        norm = np.sqrt(np.square(deviation).sum(axis=(1, 2), keepdims=True))
        filters: NDArray[np.float64] = deviation / np.where(norm > 0, norm, 1.0)
        return filters


def fold_sums(
    movie: NDArray[Any],
    spike_frames: Sequence[NDArray[np.int64]],
    cover_range: tuple[int, int],
    edges: NDArray[np.int64],
    mean_image: NDArray[np.float64],
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
        int64 (folds + 1,): ascending frames between the parts; all windows of their frames lie in the movie.
    mean_image
        float64 (pixels,): mean of the movie.
    """
    n_units, n_folds = len(spike_frames), len(edges) - 1
    window, pixels = cover_range[1] - cover_range[0], mean_image.size
    sums = np.zeros((n_units, n_folds, window, pixels))
    counts = np.zeros((n_units, n_folds), np.int64)
    for fold in range(n_folds):
        inside = [k[(k >= edges[fold]) & (k < edges[fold + 1])] for k in spike_frames]
        found = spike_triggered_averages(movie, inside, cover_range)
        counts[:, fold] = found.n_spikes_used
        some = counts[:, fold] > 0
        averages = found.data[some].reshape(-1, window, pixels).astype(np.float64)
        sums[some, fold] = averages * counts[some, fold][:, None, None]
    return FoldSums(edges, sums, counts, mean_image)


def generators(
    movie: NDArray[Any], sums: FoldSums, cover_range: tuple[int, int], fold: int
) -> NDArray[np.float64]:
    """Return the generator in the frames of one part, through filters that never saw that part.

    Parameters
    ----------
    movie
        (frames, height, width).
    sums
        From `fold_sums`.
    cover_range
        As there.
    fold
        The part.

    Returns
    -------
    numpy.ndarray
        float64 (folds, units, frames of the part): entry f is of filters from all parts but `fold` and f
        (entry `fold`: from all but `fold` alone).
    """
    first, stop = sums.edges[fold], sums.edges[fold + 1]
    n_folds, n_units = len(sums.edges) - 1, len(sums.counts)
    filters = np.concatenate([sums.filters((fold, other)) for other in range(n_folds)])
    step = np.abs(filters).max(axis=(1, 2)) / _STEPS
    step[step == 0] = 1.0
    whole = np.rint(filters / step[:, None, None])
    start, window = first + cover_range[0], cover_range[1] - cover_range[0]
    part = np.asarray(movie[start : stop - 1 + cover_range[1]]).reshape(-1, sums.mean_image.size)
    # An image is often shown for several frames: its products are the same.
    image = np.concatenate([[0], (part[1:] != part[:-1]).any(axis=1).cumsum()])
    images = part[np.flatnonzero(np.diff(image, prepend=-1))].astype(np.float64)
    total = np.zeros((stop - first, len(filters)))
    for lag in range(window):
        total += (images @ whole[:, lag].T)[image[lag : lag + stop - first]]
    level = (whole.sum(axis=1) * sums.mean_image).sum(axis=1)
    signal: NDArray[np.float64] = ((total - level) * step).T
    return signal.reshape(n_folds, n_units, -1)
