"""Units that may be the same cell twice: spikes at the same times, images of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.utils.giving_way import give_way

__all__ = ["Duplicates", "find_duplicates"]

_REACH_MS = 1.5
_WIDTH_MS = 0.3
_CHANCE_MS = (5.0, 25.0)
_SURE = 0.5
_POSSIBLE = 0.2
_COSINE = 0.9
_MOST_PAIRS = 20_000


@dataclass(slots=True)
class Duplicates:
    """What each unit shares with the unit that it shares most with.

    Attributes
    ----------
    partners
        Per unit the units that it is likely to be the same cell as.
    fraction
        float64 (units,): coincidences beyond chance by the spikes of the smaller train; NaN without spikes.
    lag_ms
        Of the best partner, relative to this unit.
    cosine
        Of both images; NaN without images.
    synchronous
        bool (units,): it coincides at lag 0 with several units on other electrodes.
    """

    partners: list[list[int]] = field(default_factory=list)
    fraction: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    lag_ms: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    cosine: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    synchronous: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


def find_duplicates(
    trains: Sequence[NDArray[np.int64]],
    sampling_rate: float,
    images: Sequence[NDArray[Any] | None],
    electrodes: Sequence[Any],
) -> Duplicates:
    """Look for units with the same spikes.

    Coincidences are counted within 0.3 ms of the best lag of up to 1.5 ms; chance is what lags of 5 to 25 ms
    have in a window of that width. Likely are half of the smaller train, or a fifth if the images have a
    cosine of 0.9. More than two units on different electrodes that coincide at lag 0 are synchronous.

    Parameters
    ----------
    trains
        Ascending samples per unit.
    sampling_rate
        Samples per second.
    images
        Electrical image per unit, None where there is none.
    electrodes
        Electrode per unit, anything that can be compared.
    """
    n = len(trains)
    found = Duplicates(
        [[] for _ in range(n)],
        np.full(n, np.nan),
        np.full(n, np.nan),
        np.full(n, np.nan),
        np.zeros(n, np.bool_),
    )
    sizes = np.array([train.size for train in trains])
    found.fraction[sizes > 0] = 0.0
    reach, half = round(_REACH_MS * sampling_rate / 1000), round(_WIDTH_MS * sampling_rate / 1000)
    at_lag_0: dict[int, list[int]] = {}
    for a, b, lag, share in _pairs(trains, sizes, reach, half, sampling_rate):
        cosine = _cosine(images[a], images[b])
        for one, other, sign in ((a, b, 1), (b, a, -1)):
            if share > found.fraction[one]:
                found.fraction[one], found.cosine[one] = share, cosine
                found.lag_ms[one] = sign * lag * 1000 / sampling_rate
            if share >= _SURE or (share >= _POSSIBLE and cosine >= _COSINE):
                found.partners[one].append(other)
                if abs(lag) <= half // 2 and electrodes[a] != electrodes[b]:
                    at_lag_0.setdefault(one, []).append(other)
    for unit, others in at_lag_0.items():
        if len({electrodes[k] for k in (unit, *others)}) > 2:
            found.synchronous[unit] = True
            for other in others:
                found.synchronous[other] = True
    for unit in np.flatnonzero(found.synchronous).tolist():
        found.partners[unit] = [k for k in found.partners[unit] if not found.synchronous[k]]
    return found


def _pairs(
    trains: Sequence[NDArray[np.int64]],
    sizes: NDArray[np.int64],
    reach: int,
    half: int,
    sampling_rate: float,
) -> list[tuple[int, int, int, float]]:
    """Pairs that share a fifth of the smaller train: units a < b, lag b - a in samples, fraction."""
    from hdmea.features.science.duplicate_kernels import lag_counts

    n = len(trains)
    if n < 2 or not sizes.sum():
        return []
    times = np.concatenate(trains).astype(np.int64)
    owners = np.repeat(np.arange(n, dtype=np.int32), sizes)
    order = np.argsort(times, kind="stable")
    width = reach + half
    times, owners = times[order], owners[order]
    b, a = np.tril_indices(n, -1)
    least = np.maximum(_POSSIBLE * np.minimum(sizes[a], sizes[b]), 1)
    # Lags of all pairs would not fit into the cache: first all lags of a pair together, then those of the few
    # pairs that have enough.
    together = np.zeros((least.size, 1), np.int32)
    give_way()
    lag_counts(times, owners, np.arange(least.size, dtype=np.int32), together, width)
    enough = np.flatnonzero(together[:, 0] >= least)
    rows = np.full(least.size, -1, np.int32)
    rows[enough] = np.arange(enough.size)
    counts = np.zeros((enough.size, 2 * width + 1), np.int32)
    lag_counts(times, owners, rows, counts, width)
    total = np.zeros((len(counts), counts.shape[1] + 1), np.int32)
    np.cumsum(counts, axis=1, out=total[:, 1:])
    sums = total[:, 2 * half + 1 :] - total[:, : -(2 * half + 1)]
    a, b = a[enough], b[enough]
    smaller = np.minimum(sizes[a], sizes[b])
    best = sums.max(axis=1) if enough.size else np.zeros(0, np.int32)
    candidates = np.flatnonzero(best >= least[enough])
    # The cost of looking at chance is bounded: of very many the clearest.
    if candidates.size > _MOST_PAIRS:
        share = best[candidates] / smaller[candidates]
        candidates = np.sort(candidates[np.argsort(-share, kind="stable")[:_MOST_PAIRS]])
    low, high = (round(edge * sampling_rate / 1000) for edge in _CHANCE_MS)
    found = []
    for pair in candidates.tolist():
        one, other = trains[a[pair]], trains[b[pair]]
        lags = [
            np.searchsorted(other, one + stop) - np.searchsorted(other, one + start)
            for start, stop in ((low, high), (-high, -low))
        ]
        chance = sum(int(part.sum()) for part in lags) * (2 * half + 1) / (2 * (high - low))
        fraction = (int(best[pair]) - chance) / int(smaller[pair])
        if fraction >= _POSSIBLE:
            places = np.flatnonzero(sums[pair] == best[pair])
            lag = int(places[len(places) // 2]) - reach
            found.append((int(a[pair]), int(b[pair]), lag, min(float(fraction), 1.0)))
    return found


def _cosine(a: NDArray[Any] | None, b: NDArray[Any] | None) -> float:
    if a is None or b is None or a.shape != b.shape:
        return float("nan")
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / size if size > 0 else float("nan")
