"""Whether sorted spikes belong to raw data: at its spikes a unit has a trough at its own electrode.

The average of the raw signal at a unit's spikes, at the electrode that the sorter names for the unit, has its
trough at time zero. Where it has none, the summed average of all units is searched for one at other times
(the clocks differ), then all electrodes (rows and columns differ); what is found says what is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.axis_order import UnitPosition
from hdmea.recordings.mcs.sensor import Electrodes

__all__ = ["PartnerCheck", "check_partner", "likely_offsets"]

Progress = Callable[[float], None]

MOST_UNITS = 30
LEAST_UNITS = 3
LEAST_SPIKES = 50
MOST_SPIKES = 200
NEAR_SAMPLES = 3
NEEDED_Z = 6.0
NEEDED_PART = 0.8
SEARCH_S = 0.25
BYTES_TO_CHECK = 512_000_000
BYTES_TO_SEARCH = 2_000_000_000

_HALF = 20
_BASELINE = 10
_NOISE = slice(10, 15)
_MAD_TO_SD = 1.4826
_PIECE = 1024
_WIDE = 100
_DEEPER = 1.5
_LARGEST_PIECE = 4096
_STRETCH_S = 1.0
_SMOOTH = 41
_CLIP_SD = 20.0
_PLACE_Z = 8.0

_Int = npt.NDArray[np.int64]
_Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PartnerCheck:
    """What the raw data say of the spikes.

    Parameters
    ----------
    verdict
        ``"fits"``, ``"does not fit"`` or ``"cannot be checked"``.
    evidence
        The reason in words.
    problem
        What is wrong, as far as the data tell; empty unless the verdict is ``"does not fit"``.
    lag_samples
        Samples by which the troughs come after the stated times (negative: before), where that is what is
        wrong, else 0.
    scale
        Factor that the stated times would have to be multiplied by, where that is what is wrong, else 1.
    share
        Part of the checked units that have a trough at their spikes; NaN if it cannot be checked.
    """

    verdict: Literal["fits", "does not fit", "cannot be checked"]
    evidence: str
    problem: str = ""
    lag_samples: int = 0
    scale: float = 1.0
    share: float = float("nan")


def check_partner(
    electrodes: Electrodes | None,
    units: Sequence[UnitPosition],
    *,
    offsets: Sequence[int] = (),
    scales: Sequence[float] = (),
    progress: Progress | None = None,
) -> PartnerCheck:
    """Check on the raw data that spikes belong to them.

    For up to 30 units with 50 spikes or more in the raw data (200 each are used), z is the depth of the
    trough within 3 samples of the spikes, at the sorter's electrode, over SD / sqrt(n). The spikes fit if z
    is 6 or more in 80 % of them, and if the average of all has no trough 1.5 times as deep elsewhere within
    5 ms: cells that fire in bursts have troughs at other times too.

    Parameters
    ----------
    electrodes
        The recorded electrodes; None if no raw data were recorded.
    units
        Sorted units, with their samples on the clock of the raw data.
    offsets
        Samples by which the times may count from another zero, such as the begin of a filtered copy; they
        are tried besides lags up to 250 ms.
    scales
        Factors by which the times may be wrong, such as the ratio of two stated sampling rates.
    progress
        Called with the fraction done; may raise to stop.
    """
    if electrodes is None or not len(electrodes.segments):
        return PartnerCheck("cannot be checked", "there are no raw data")
    if electrodes.unreadable:
        return PartnerCheck("cannot be checked", electrodes.unreadable)
    candidates = _candidates(electrodes, units)
    report = progress or (lambda fraction: None)
    if len(candidates) < LEAST_UNITS:
        return PartnerCheck("cannot be checked", _too_few(len(candidates)))
    scores, elsewhere = _scores(electrodes, candidates, 0, lambda part: report(0.3 * part))
    if len(scores) < LEAST_UNITS:
        return PartnerCheck("cannot be checked", _too_few(len(scores)))
    n_fit = int(np.count_nonzero(scores >= NEEDED_Z))
    share = n_fit / len(scores)
    said = (
        f"{n_fit} of {len(scores)} units have a trough at their own electrode at their spikes "
        f"(median z = {np.median(scores):.1f})"
    )
    if n_fit >= NEEDED_PART * len(scores) and not elsewhere:
        return PartnerCheck("fits", said, share=share)
    rate = electrodes.sampling_rate
    lag = _best_lag(electrodes, candidates, offsets, lambda part: report(0.3 + 0.5 * part))
    if abs(lag) > NEAR_SAMPLES:
        moved, _ = _scores(electrodes, candidates, lag, lambda part: report(0.8 + 0.1 * part))
        n_moved = int(np.count_nonzero(moved >= NEEDED_Z))
        if len(moved) >= LEAST_UNITS and n_moved >= NEEDED_PART * len(moved):
            problem = _lag_in_words(lag, rate, offsets)
            evidence = f"{said}; moved by {lag / rate * 1e3:+.2f} ms, {n_moved} of {len(moved)} have one"
            return PartnerCheck("does not fit", evidence, problem, lag, share=share)
    if n_fit >= NEEDED_PART * len(scores):
        return PartnerCheck("fits", said, share=share)
    for scale in scales:
        scaled = [replace(unit, spikes=np.rint(unit.spikes * scale).astype(np.int64)) for unit in candidates]
        right, _ = _scores(electrodes, scaled, 0, lambda part: report(0.9))
        if len(right) >= LEAST_UNITS and np.count_nonzero(right >= NEEDED_Z) >= NEEDED_PART * len(right):
            problem = (
                f"the times of the spikes fit if they are multiplied by {scale:g}: a wrong sampling rate"
            )
            return PartnerCheck("does not fit", said, problem, scale=scale, share=share)
    problem = _place_in_words(electrodes, candidates, lambda part: report(0.9 + 0.1 * part))
    return PartnerCheck("does not fit", said, problem, share=share)


def likely_offsets(electrodes: Electrodes, raw_s: float, sorted_s: float | None) -> list[int]:
    """Return by how many samples times may count from the begin of a copy instead of their own zero.

    Parameters
    ----------
    electrodes
        The recorded electrodes.
    raw_s, sorted_s
        Seconds that the raw recording lasts and that the spike-sorted file states.
    """
    found = [int(electrodes.segments[0, 0])] if len(electrodes.segments) else []
    if sorted_s is not None and raw_s > sorted_s:
        found.append(round((raw_s - sorted_s) * electrodes.sampling_rate))
    return [offset for offset in dict.fromkeys(found) if offset > NEAR_SAMPLES]


def _too_few(n: int) -> str:
    return (
        f"{n} units have {LEAST_SPIKES} spikes or more in the raw data at an electrode that was recorded; "
        f"{LEAST_UNITS} are needed"
    )


@dataclass(frozen=True, eq=False)
class _Unit:
    electrode: int
    spikes: _Int


def _candidates(electrodes: Electrodes, units: Sequence[UnitPosition]) -> list[_Unit]:
    """Units that can be checked, those with most spikes in the raw data first."""
    found = []
    for unit in units:
        electrode = electrodes.electrode_index(unit.row, unit.column)
        if electrode is None:
            continue
        spikes = unit.samples.astype(np.int64)
        first, last = np.searchsorted(spikes, electrodes.segments).T
        if int(np.sum(last - first)) >= LEAST_SPIKES:
            found.append(_Unit(electrode, spikes))
    found.sort(key=lambda unit: -_n_inside(unit.spikes, electrodes.segments))
    return found[:MOST_UNITS]


def _n_inside(spikes: _Int, segments: _Int) -> int:
    first, last = np.searchsorted(spikes, segments).T
    return int(np.sum(last - first))


# -- at the spikes -----------------------------------------------------------------------------------------


def _scores(
    electrodes: Electrodes, units: Sequence[_Unit], lag: int, report: Progress
) -> tuple[_Float, bool]:
    """Z of each unit that has enough spikes in what is read, with the spikes moved by `lag` samples.

    And whether the average of all units has a much deeper trough within 5 ms than that at the spikes.
    """
    moved = [_Unit(unit.electrode, unit.spikes + lag) for unit in units]
    windows: list[list[npt.NDArray[np.float32]]] = [[] for _ in moved]
    counts = np.zeros(len(moved), dtype=np.int64)
    columns = np.array([unit.electrode for unit in moved])
    around = np.zeros(2 * _WIDE + 1)
    for origin, block in _pieces(electrodes, moved, counts, report):
        chosen = block[:, columns].astype(np.float32)
        for index, unit in enumerate(moved):
            left = MOST_SPIKES - int(counts[index])
            inside = _inside(unit.spikes, origin, len(block), _HALF)[:left]
            if inside.size:
                windows[index].append(chosen[inside[:, None] + np.arange(-_HALF, _HALF + 1), index])
                counts[index] += inside.size
            wide = _inside(unit.spikes, origin, len(block), _WIDE)[:left]
            if wide.size:
                around += _normalised(chosen[wide[:, None] + np.arange(-_WIDE, _WIDE + 1), index]).sum(axis=0)
    read = [np.concatenate(each) for each, n in zip(windows, counts, strict=True) if n >= LEAST_SPIKES]
    found = [_score(each) for each in read]
    own = around[_WIDE - NEAR_SAMPLES : _WIDE + NEAR_SAMPLES + 1].min()
    elsewhere = bool(around.min() < _DEEPER * min(own, 0.0))
    return np.array([score for score in found if np.isfinite(score)]), elsewhere


def _normalised(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Windows of the signal in SD around their median; large signals of others do not count for more."""
    centred = windows - np.median(windows, axis=1, keepdims=True)
    sd = _MAD_TO_SD * np.median(np.abs(centred), axis=1, keepdims=True)
    clipped: npt.NDArray[np.float32] = np.clip(centred / np.where(sd > 0, sd, np.inf), -_CLIP_SD, _CLIP_SD)
    return clipped


def _score(windows: npt.NDArray[np.float32]) -> float:
    """Depth of the trough near the middle of the average, over the standard error of the average."""
    signal = windows.astype(np.float64)
    signal -= signal[:, :_BASELINE].mean(axis=1, keepdims=True)
    before = signal[:, _NOISE]
    sd = _MAD_TO_SD * float(np.median(np.abs(before - np.median(before))))
    if not sd > 0:
        return float("nan")
    average = signal.mean(axis=0)
    trough = average[_HALF - NEAR_SAMPLES : _HALF + NEAR_SAMPLES + 1].min()
    return float(-trough / (sd / np.sqrt(len(signal))))


def _inside(spikes: _Int, origin: int, length: int, half: int) -> _Int:
    """Spikes whose window is in a part of the recording, counted from its begin."""
    low, high = np.searchsorted(spikes, [origin + half, origin + length - half])
    return spikes[low:high] - origin


def _pieces(
    electrodes: Electrodes, units: Sequence[_Unit], counts: _Int, report: Progress
) -> Iterator[tuple[int, npt.NDArray[np.generic]]]:
    """Parts of the raw data with many spikes, until each unit has enough or the budget is spent.

    Parts are whole chunks of the file, as less than one is not read from a drive.
    """
    chunks = electrodes.datasets[0].chunks
    size = min(max(int(chunks[0]) if chunks else _PIECE, _PIECE), _LARGEST_PIECE)
    parts = _parts(electrodes, units, size)
    affordable = max(1, BYTES_TO_CHECK // (size * electrodes.n_electrodes * electrodes.dtype.itemsize))
    for done, (segment, start, stop) in enumerate(parts[:affordable]):
        if (counts >= MOST_SPIKES).all():
            return
        report(done / min(len(parts), affordable))
        yield int(electrodes.segments[segment, 0]) + start, electrodes.read_counts(segment, start, stop)


def _parts(electrodes: Electrodes, units: Sequence[_Unit], size: int) -> list[tuple[int, int, int]]:
    """Parts of the recording (segment, start, stop) with spikes: those that give all units most, first."""
    weights = [1.0 / max(len(unit.spikes), 1) for unit in units]
    parts: list[tuple[float, int, int, int]] = []
    for segment, (first, last) in enumerate(electrodes.segments.tolist()):
        edges = np.append(np.arange(first, last, size), last)
        score = np.zeros(len(edges) - 1)
        for unit, weight in zip(units, weights, strict=True):
            score += weight * np.diff(np.searchsorted(unit.spikes, edges))
        parts += [
            (value, segment, int(a) - first, int(b) - first)
            for value, a, b in zip(score.tolist(), edges[:-1], edges[1:], strict=True)
            if value > 0
        ]
    parts.sort(key=lambda part: -part[0])
    return [part[1:] for part in parts]


# -- at other times ----------------------------------------------------------------------------------------


def _best_lag(
    electrodes: Electrodes, units: Sequence[_Unit], offsets: Sequence[int], report: Progress
) -> int:
    """Lag at which the sum of the averages of all units has its trough; 0 if there is none to speak of."""
    from scipy.ndimage import uniform_filter1d

    reach = round(SEARCH_S * electrodes.sampling_rate)
    centres = list(dict.fromkeys([0, *offsets]))
    total, number = np.zeros((2, len(centres), 2 * reach + 1))
    columns = np.array([unit.electrode for unit in units])
    stretch = max(round(_STRETCH_S * electrodes.sampling_rate), 2 * reach)
    moved = [
        _Unit(unit.electrode, np.sort(np.concatenate([unit.spikes + c for c in centres]))) for unit in units
    ]
    parts = _parts(electrodes, moved, stretch)
    affordable = max(1, BYTES_TO_SEARCH // (stretch * electrodes.n_electrodes * electrodes.dtype.itemsize))
    for done, (segment, start, stop) in enumerate(parts[:affordable]):
        report(done / min(len(parts), affordable))
        block = electrodes.read_counts(segment, start, stop)[:, columns].astype(np.float32)
        if len(block) <= _SMOOTH:
            continue
        block -= uniform_filter1d(block, _SMOOTH, axis=0)
        sd = _MAD_TO_SD * np.median(np.abs(block), axis=0)
        block = np.clip(block / np.where(sd > 0, sd, np.inf), -_CLIP_SD, _CLIP_SD)
        origin = int(electrodes.segments[segment, 0]) + start
        for index, unit in enumerate(units):
            for which, centre in enumerate(centres):
                spikes = unit.spikes + (centre - origin)
                low, high = np.searchsorted(spikes, [-reach, len(block) + reach])
                _add(total[which], number[which], block[:, index], spikes[low:high], reach)
    z = -total / np.sqrt(np.maximum(number, 1))
    z[number < LEAST_SPIKES] = 0
    which, at = (int(index) for index in np.unravel_index(int(z.argmax()), z.shape))
    return centres[which] + at - reach if z[which, at] >= NEEDED_Z else 0


def _add(total: _Float, number: _Float, signal: npt.NDArray[np.float32], spikes: _Int, reach: int) -> None:
    """Add the signal around each spike, as far as it exists."""
    for spike in spikes.tolist():
        low, high = max(spike - reach, 0), min(spike + reach + 1, len(signal))
        if low < high:
            into = slice(low - spike + reach, high - spike + reach)
            total[into] += signal[low:high]
            number[into] += 1


def _lag_in_words(lag: int, rate: float, offsets: Sequence[int]) -> str:
    near = round(SEARCH_S * rate)
    if lag > near or any(offset > NEAR_SAMPLES and abs(lag - offset) <= NEAR_SAMPLES for offset in offsets):
        return (
            f"the spikes fit {lag / rate:.3f} s later: their times count from the first sample of the "
            "recording or of a copy that begins so much later, not from the zero of its clock"
        )
    side = "late" if lag < 0 else "early"
    return f"the times of the spikes are {abs(lag) / rate * 1e3:.2f} ms {side}"


# -- at other electrodes -----------------------------------------------------------------------------------


def _place_in_words(electrodes: Electrodes, units: Sequence[_Unit], report: Progress) -> str:
    """Say what the electrodes with the deepest troughs at the spikes tell of rows and columns."""
    shifts, swapped, n_found, n_units = Counter[tuple[int, int]](), 0, 0, 0
    corner = np.array([electrodes.first_row, electrodes.first_column])
    for unit, best in zip(units, _deepest(electrodes, units, report), strict=True):
        if best == _UNKNOWN:
            continue
        n_units += 1
        if best == _NOWHERE:
            continue
        n_found += 1
        here, there = electrodes.positions[unit.electrode], electrodes.positions[best]
        shifts[tuple((there - here).tolist())] += 1
        swapped += bool((there - corner == (here - corner)[::-1]).all())
    needed = NEEDED_PART * max(n_units, LEAST_UNITS)
    if n_found < needed:
        return (
            f"the spikes have no trough within {SEARCH_S * 1e3:.0f} ms or at another electrode: the "
            "spike-sorted file belongs to another recording"
        )
    (shift, n_shift), *_ = shifts.most_common(1)
    if swapped >= needed and swapped > n_shift:
        return "the troughs are where rows and columns are exchanged: the sensor axes have the other order"
    if n_shift >= needed and shift != (0, 0):
        return (
            f"the troughs are {shift[0]:+d} rows and {shift[1]:+d} columns from the electrodes of the "
            "sorter: the edges of the recorded region are not those of the sorting"
        )
    return "the spikes fit in time, but their troughs are at other electrodes than the sorter states"


_UNKNOWN, _NOWHERE = -2, -1


def _deepest(electrodes: Electrodes, units: Sequence[_Unit], report: Progress) -> list[int]:
    """Electrode with the deepest trough at each unit's spikes; negative if there is none."""
    width = 2 * NEAR_SAMPLES + 1
    sums = np.zeros((len(units), width, electrodes.n_electrodes))
    counts = np.zeros(len(units), dtype=np.int64)
    noise = []
    for origin, block in _pieces(electrodes, units, counts, report):
        signal = block.astype(np.float32)
        noise.append(_MAD_TO_SD * np.median(np.abs(np.diff(signal, axis=0)), axis=0) / np.sqrt(2))
        for index, unit in enumerate(units):
            inside = _inside(unit.spikes, origin, len(block), _HALF)[: MOST_SPIKES - counts[index]]
            for spike in inside.tolist():
                base = signal[spike - _HALF : spike - _HALF + _BASELINE].mean(axis=0)
                sums[index] += signal[spike - NEAR_SAMPLES : spike + NEAR_SAMPLES + 1] - base
            counts[index] += inside.size
    sd = np.median(noise, axis=0) * np.sqrt(1 + 1 / _BASELINE) if noise else np.zeros(electrodes.n_electrodes)
    sd = np.where(sd > 0, sd, np.inf)
    found = []
    for total, n in zip(sums, counts.tolist(), strict=True):
        if n < LEAST_SPIKES:
            found.append(_UNKNOWN)
            continue
        z = -total.min(axis=0) / (sd * np.sqrt(n))
        best = int(z.argmax())
        found.append(best if z[best] >= _PLACE_Z else _NOWHERE)
    return found
