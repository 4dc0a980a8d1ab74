"""Noise of every electrode of a raw recording, and which electrodes are bad.

One loose contact is larger than any cell and would become the soma of all units. Electrodes are judged by
their noise alone, against their neighbours and the whole chip, as tissue makes some parts of a chip noisier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.eimage_stream import (
    CountSource,
    HighPass,
    filter_both_ways,
    high_pass,
    native_counts,
    tile_of_counts,
)
from hdmea.features.science.medians import row_medians

__all__ = [
    "CUTOFF_HZ",
    "FILTER_ORDER",
    "ElectrodeNoise",
    "electrode_noise",
    "interpolated",
    "named_electrodes",
    "spread_windows",
]

MAD_TO_SD = 1.4826
N_WINDOWS = 8
WINDOW_S = 0.25
N_NEIGHBOURS = 24
NOISY_ABOVE = 10.0
SILENT_BELOW = 0.1
CUTOFF_HZ = 100.0
FILTER_ORDER = 2
_TILE = 64
_LEAST_TO_COMPARE = 5
_MOST_SUSPECT = 0.4
_LEAST_LINE = 5

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class ElectrodeNoise:
    """Noise of the electrodes in file order.

    Attributes
    ----------
    sd
        float64 (electrodes,): SD of the high-passed signal, counts times factor; NaN if nothing was recorded.
    reasons
        Per electrode why it is bad: ``"noisy"``, ``"jumps"``, ``"silent"``, ``"constant"``, ``"no factor"``;
        else empty.
    """

    sd: NDArray[np.float64]
    reasons: tuple[str, ...]

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Which electrodes are bad, bool (electrodes,)."""
        return np.array([bool(reason) for reason in self.reasons], dtype=bool)


def electrode_noise(
    source: CountSource,
    positions: ArrayLike,
    *,
    sampling_rate: float,
    factors: NDArray[np.float64] | None = None,
    duration_s: float | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> ElectrodeNoise:
    """Measure the noise of every electrode and find the bad ones.

    The SD is 1.4826 times the median absolute deviation of the signal, high-passed at 100 Hz without phase
    shift: the median over 8 windows of 0.25 s spread over the analysed time. An electrode is bad if its SD is
    more than 10 times or less than 0.1 times both the median of all and that of the 24 nearest electrodes, if
    it is constant in all windows, or if it has no usable conversion factor. Neighbours that are themselves so
    far from the median of all are not asked, unless more than 40 % of the electrodes are. A contact that is
    loose now and then moves the median little: the plain SD, compared in the same way, tells that it jumps.

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
    duration_s
        Only the first so many seconds of the acquisition clock are looked at; None: all.
    workers
        Threads; the result is the same for any number.
    progress
        Called with the fraction done after every window; may raise to stop.
    """
    places = np.asarray(positions, np.int64).reshape(-1, 2)
    n = source.n_electrodes
    scale = np.ones(n) if factors is None else np.asarray(factors, np.float64)
    windows = list(spread_windows(source.segments, sampling_rate, N_WINDOWS, WINDOW_S, duration_s))
    filter_ = high_pass(min(CUTOFF_HZ, sampling_rate / 4), FILTER_ORDER, sampling_rate)
    each, plain = np.full((2, len(windows), n), np.nan)
    constant = np.full(n, bool(windows))
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        for index, (segment, start, stop) in enumerate(windows):
            counts = native_counts(source.read_counts(segment, start, stop))
            constant &= counts.max(axis=0) == counts.min(axis=0)
            tiles = [slice(first, min(first + _TILE, n)) for first in range(0, n, _TILE)]
            found = pool.map(lambda tile, counts=counts: _sd(counts, tile, filter_), tiles)
            for tile, (robust, spread) in zip(tiles, found, strict=True):
                each[index, tile], plain[index, tile] = robust, spread
            if progress is not None:
                progress((index + 1) / len(windows))
    usable = np.isfinite(scale) & (scale > 0)
    scale = np.where(usable, scale, np.nan)
    sd = np.median(each, axis=0) * scale if windows else np.full(n, np.nan)
    reasons = np.full(n, "", dtype=object)
    reasons[constant] = "constant"
    reasons[~usable] = "no factor"
    _compare(sd, places, reasons, ("noisy", "silent"))
    if windows:
        _compare(np.sqrt(np.mean(plain**2, axis=0)) * scale, places, reasons, ("jumps", ""))
    return ElectrodeNoise(sd, tuple(str(reason) for reason in reasons))


def named_electrodes(
    positions: ArrayLike, bad: NDArray[np.bool_], reasons: Sequence[str] = (), most: int = 10
) -> list[str]:
    """Name bad electrodes for a user: whole lines first, then single ones by column and row.

    Parameters
    ----------
    positions
        (electrodes, 2) row and column of each electrode.
    bad
        bool (electrodes,): which are bad.
    reasons
        Why, in the same order; empty to leave that out.
    most
        Longer lists are cut.
    """
    places = np.asarray(positions, np.int64).reshape(-1, 2)
    left = bad.copy()
    named = []
    for axis, title in ((1, "column"), (0, "row")):
        for line in np.unique(places[:, axis]).tolist():
            on_line = places[:, axis] == line
            # A line is named as one if all of it is bad, and other lines exist to tell it from a bad chip.
            if np.count_nonzero(on_line) >= _LEAST_LINE and bad[on_line].all() and not bad.all():
                named.append(f"{title} {line}")
                left &= ~on_line
    if bad.all() and bad.size:
        return [f"all {bad.size}"]
    for index in np.flatnonzero(left).tolist():
        row, column = places[index].tolist()
        why = f" ({reasons[index]})" if reasons and reasons[index] else ""
        named.append(f"column {column}, row {row}{why}")
    return named if len(named) <= most else [*named[:most], f"{len(named) - most} more"]


def interpolated(image: NDArray[Any], bad: NDArray[np.bool_]) -> NDArray[Any]:
    """Fill bad electrodes of an image from good neighbours, for display only.

    Parameters
    ----------
    image
        (..., rows, cols), NaN where there is no electrode.
    bad
        bool (rows, cols).

    Returns
    -------
    numpy.ndarray
        A copy, in which each bad electrode has the mean of the good ones of the smallest square around it
        that contains any, weighted by the inverse square of their distance; NaN if there are none at all.
    """
    filled = np.array(image, copy=True)
    there = np.isfinite(filled).reshape(-1, *bad.shape).any(axis=0)
    good = there & ~bad
    rows, cols = bad.shape
    for row, col in np.argwhere(bad).tolist():
        for reach in range(1, max(rows, cols)):
            area = np.s_[max(row - reach, 0) : row + reach + 1, max(col - reach, 0) : col + reach + 1]
            if good[area].any():
                near = np.argwhere(good[area]) + np.array([area[0].start, area[1].start])
                weight = 1.0 / ((near - (row, col)) ** 2).sum(axis=1)
                values = np.asarray(image)[..., near[:, 0], near[:, 1]]
                filled[..., row, col] = (values * weight).sum(axis=-1) / weight.sum()
                break
        else:
            filled[..., row, col] = np.nan
    return filled


def spread_windows(
    segments: NDArray[np.int64], rate: float, n_windows: int, width_s: float, duration_s: float | None = None
) -> Iterator[tuple[int, int, int]]:
    """Yield segment, first and last + 1 sample in it, of windows at equal distances of recorded time.

    Parameters
    ----------
    segments
        int64 (n, 2): first and last + 1 sample of each gapless part.
    rate
        Samples per second.
    n_windows, width_s
        How many, and how long each is at most: less in a short recording or segment.
    duration_s
        Only the first so many seconds of the clock; None: all.
    """
    ranges = np.asarray(segments, np.int64).reshape(-1, 2)
    if duration_s is not None:
        ranges = np.minimum(ranges, max(round(duration_s * rate), int(ranges[:1, 0].sum()) + 1))
    lengths = ranges[:, 1] - ranges[:, 0]
    total = int(lengths.sum())
    if total < 2:
        return
    width = max(2, min(round(width_s * rate), total // n_windows))
    ends = np.cumsum(lengths)
    for k in range(n_windows):
        centre = int((2 * k + 1) * total // (2 * n_windows))
        segment = int(np.searchsorted(ends, centre, side="right"))
        size = min(width, int(lengths[segment]))
        start = centre - int(ends[segment] - lengths[segment]) - size // 2
        start = min(max(start, 0), int(lengths[segment]) - size)
        if size >= 2:
            yield segment, start, start + size


def _sd(
    counts: NDArray[Any], tile: slice, filter_: HighPass
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SD of some electrodes' high-passed signal in one window: from its median absolute deviation, plain."""
    signal = tile_of_counts(counts, tile)
    filter_both_ways(signal, filter_)
    by_electrode = np.ascontiguousarray(signal.T)
    plain = by_electrode.std(axis=1, dtype=np.float64)
    by_electrode -= row_medians(by_electrode)[:, None]
    return MAD_TO_SD * row_medians(np.abs(by_electrode)), plain


def _compare(
    sd: NDArray[np.float64], places: NDArray[np.int64], reasons: NDArray[np.object_], names: tuple[str, str]
) -> None:
    """Mark electrodes that are much noisier or more silent than their neighbours and the whole chip.

    Neighbours that differ as much from the chip say nothing: several noisy lines side by side would speak for
    each other. Where too many electrodes do, parts of the chip differ, and every neighbour counts.
    """
    from scipy.spatial import KDTree

    usable = np.flatnonzero((reasons == "") & np.isfinite(sd))
    if usable.size < _LEAST_TO_COMPARE:
        return
    value = sd[usable]
    chip = float(np.median(value))
    noisy, silent = value > NOISY_ABOVE * chip, value < SILENT_BELOW * chip
    suspect = np.flatnonzero(noisy | silent)
    judges = np.arange(usable.size)
    if suspect.size <= _MOST_SUSPECT * usable.size:
        judges = np.flatnonzero(~(noisy | silent))
    n = min(N_NEIGHBOURS + 1, judges.size)
    _, nearest = KDTree(places[usable[judges]]).query(places[usable[suspect]], n)
    nearest = judges[nearest.reshape(suspect.size, n)]
    # An electrode does not judge itself; among others only, the farthest one is too many.
    others = np.where(nearest == suspect[:, None], np.nan, value[nearest])
    others[~np.isnan(others).any(axis=1), N_NEIGHBOURS:] = np.nan
    around = np.nanmedian(others, axis=1)
    is_noisy = noisy[suspect] & (value[suspect] > NOISY_ABOVE * around)
    is_silent = silent[suspect] & (value[suspect] < SILENT_BELOW * around)
    reasons[usable[suspect[is_noisy]]] = names[0]
    reasons[usable[suspect[is_silent]]] = names[1]
