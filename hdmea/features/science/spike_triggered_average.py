"""Spike-triggered average: the mean stimulus around a unit's spikes.

Pure functions of spike trains, frame times and a movie. A spike's window is one contiguous block of the
movie, so the sum over spikes is a sum of blocks; integer movies are summed exactly.

References
----------
Chichilnisky E. J. (2001) A simple white noise analysis of neuronal light responses. Network 12: 199-213.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice, SetParameter
from hdmea.utils.threads import Progress, no_progress, run_blocks, split_evenly

__all__ = ["SpikeTriggeredAverages", "movie_frames_of_spikes", "spike_triggered_averages"]

_UNITS_PER_BLOCK = 4


@dataclass(frozen=True, slots=True)
class SpikeTriggeredAverages:
    """Spike-triggered averages of several units for one movie.

    Attributes
    ----------
    data
        float32 (units, window, height, width), stimulus units; NaN for a unit without a usable spike.
    n_spikes_used
        int64 (units,): spikes whose whole window is inside the movie.
    n_spikes_excluded
        int64 (units,): spikes during the movie whose window does not.
    """

    data: NDArray[np.float32]
    n_spikes_used: NDArray[np.int64]
    n_spikes_excluded: NDArray[np.int64]


def movie_frames_of_spikes(
    spike_times: ArrayLike,
    frame_timestamps: ArrayLike,
    content_frames: ArrayLike,
    n_frames: int,
    end_frames: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Movie frame that was on the screen at each spike.

    Parameters
    ----------
    spike_times
        Ascending samples of one unit's spikes.
    frame_timestamps
        Ascending samples of the display refreshes.
    content_frames
        Display frame of the movie's first frame, one value per occurrence that is to be pooled.
    n_frames
        Frames of the movie.
    end_frames
        For each occurrence the first display frame that cannot be counted from its content frame, because
        a data gap is between them; None: all recorded frames can.

    Returns
    -------
    numpy.ndarray
        int64 (n,): for every spike between the first and the last frame of an occurrence, the index k of
        the last frame at or before it, counted from the movie's first frame; 0 <= k < n_frames. Spikes
        before the first or after the last recorded display frame (of all, or before the gap) belong to no
        frame.
    """
    spikes = np.asarray(spike_times).astype(np.int64, copy=False)
    frames = np.asarray(frame_timestamps).astype(np.int64, copy=False)
    starts = np.atleast_1d(np.asarray(content_frames)).astype(np.int64, copy=False)
    if frames.size == 0:
        return np.empty(0, np.int64)
    limits = np.broadcast_to(frames.size if end_frames is None else np.asarray(end_frames), starts.shape)
    parts = []
    for start, limit in zip(starts.tolist(), limits.tolist(), strict=True):
        first, stop = max(start, 0), min(start + n_frames, limit)
        if first >= stop:
            continue
        low = np.searchsorted(spikes, frames[first], side="left")
        # The last recorded frame has no known end: only a spike on its very sample belongs to it.
        end = frames[stop] if stop < limit else frames[limit - 1] + 1
        high = np.searchsorted(spikes, end, side="left")
        parts.append(np.searchsorted(frames, spikes[low:high], side="right") - 1 - start)
    return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)


def spike_triggered_averages(
    movie: NDArray[Any],
    spike_frames: Sequence[NDArray[np.int64]],
    cover_range: tuple[int, int] = (-60, 0),
    *,
    workers: int = 1,
    progress: Progress = no_progress,
) -> SpikeTriggeredAverages:
    """Mean of ``movie[k + c0 : k + c1]`` over each unit's spikes.

    Parameters
    ----------
    movie
        (frames, height, width), one entry per display refresh; any integer, boolean or real type; may be
        memory-mapped.
    spike_frames
        Per unit the movie frame of every spike (see `movie_frames_of_spikes`).
    cover_range
        ``(c0, c1)`` in frames relative to the spike's frame, c1 not included.
    workers
        Threads; the result is the same to the byte for any number.
    progress
        Called with the fraction done; may raise to stop.

    Returns
    -------
    SpikeTriggeredAverages
        A spike is used if ``k + c0 >= 0`` and ``k + c1 <= frames``. For movies of integers the values are
        the float32 nearest to the exact mean; for real movies sums are float64 in the order of the spikes.

    Raises
    ------
    ValidationError
        The movie is not three-dimensional, not numeric, or the range is empty.
    """
    c0, c1 = _checked_range(cover_range)
    flat = _flat_movie(movie)
    n_frames, height, width = movie.shape
    window, pixels = c1 - c0, height * width
    n_units = len(spike_frames)
    data = np.full((n_units, window, height, width), np.nan, np.float32)
    used = np.zeros(n_units, np.int64)
    sizes = np.array([len(frames) for frames in spike_frames], np.int64)
    kernel = _kernel(flat.dtype)
    accumulator = np.float64 if flat.dtype.kind == "f" else np.int64

    def average(units: range) -> None:
        total = np.empty(window * pixels, accumulator)
        for unit in units:
            k = np.asarray(spike_frames[unit], np.int64)
            k = k[(k + c0 >= 0) & (k + c1 <= n_frames)]
            used[unit] = k.size
            if k.size:
                total[:] = 0
                kernel(flat, (k + c0) * pixels, total)
                # Below 2^28 spikes rounding an exact quotient twice equals rounding it once.
                data[unit] = (total / k.size).reshape(window, height, width)

    run_blocks(average, split_evenly(n_units, _UNITS_PER_BLOCK), workers=workers, progress=progress)
    return SpikeTriggeredAverages(data, used, sizes - used)


def _checked_range(cover_range: tuple[int, int]) -> tuple[int, int]:
    c0, c1 = int(cover_range[0]), int(cover_range[1])
    if c0 >= c1:
        raise ValidationError(
            f"The window {tuple(cover_range)} is empty: its first frame must be before its second.",
            parameter="cover_range",
            fix=SetParameter("cover_range", value=(-60, 0)),
        )
    return c0, c1


def _flat_movie(movie: NDArray[Any]) -> NDArray[Any]:
    """Read-only flat view of the movie in a type that the kernels know; copied only if it must be."""
    array = np.asarray(movie)
    if array.ndim != 3:
        raise ValidationError(
            f"A movie must be (frames, height, width); this one has the shape {array.shape}.",
            fix=Advice("Pass the movie as an array (frames, height, width) of numbers."),
        )
    if array.dtype.kind not in "buif":
        raise ValidationError(
            f"A movie must contain numbers; this one contains {array.dtype}.",
            fix=Advice("Pass the movie as an array (frames, height, width) of numbers."),
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    elif array.dtype == np.uint64:
        array = array.view(np.int64)
    elif array.dtype.kind == "f" and array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    flat = np.ascontiguousarray(array).reshape(-1).view()
    flat.flags.writeable = False
    return flat


def _kernel(dtype: np.dtype[Any]) -> Any:
    from hdmea.features.science import sta_kernels as kernels

    return kernels.sum_blocks_uint8 if dtype == np.uint8 else kernels.sum_blocks
