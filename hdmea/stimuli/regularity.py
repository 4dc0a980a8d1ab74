"""How regular the display was: missing and double flips, data gaps, correction on the nominal grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FrameRegularity", "correct_frames", "frame_regularity"]

MISSING_ABOVE = 1.5
DOUBLE_BELOW = 0.5
_MAX_TIMES_LISTED = 5

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FrameRegularity:
    """Deviations of the frames from an even grid.

    Attributes
    ----------
    nominal_interval
        Median interval in samples between frames that no data gap separates; NaN if there is none.
    missing_at, missing_count
        int64 (k,): sample of the frame before each hole, and how many flips are missing in it.
    double_at
        int64 (k,): sample of the second flip of each pair that is too close.
    shift
        int64 (n_frames,): index of the frame that was shown minus index among the detected ones, counted
        from the first frame after the last data gap: +1 per missing flip before it, -1 per double flip.
    runs
        int64 (n_runs, 2): frame index ranges between which the number of missed frames is unknown.
    gaps
        int64 (n_gaps, 2): unrecorded ranges of samples between segments.
    """

    nominal_interval: float
    missing_at: Int64Array
    missing_count: Int64Array
    double_at: Int64Array
    shift: Int64Array
    runs: Int64Array
    gaps: Int64Array

    @property
    def is_regular(self) -> bool:
        """Whether no flip is missing or double and no data are missing between frames."""
        return not (self.missing_at.size or self.double_at.size or len(self.runs) > 1)

    def run_of(self, frame: int) -> int:
        """Return the number of the run that holds `frame`, -1 if no frame has this index."""
        inside = np.flatnonzero((self.runs[:, 0] <= frame) & (frame < self.runs[:, 1]))
        return int(inside[0]) if inside.size else -1

    def messages(self, fs: float) -> list[str]:
        """Return what the person should know, one sentence each; `fs` in Hz turns samples into times."""
        found = []
        if self.missing_at.size:
            found.append(
                f"{int(self.missing_count.sum())} display flips are missing ({_times(self.missing_at, fs)}): "
                "every later section starts as many frames too late. frame_correction=True inserts them."
            )
        if self.double_at.size:
            found.append(
                f"{self.double_at.size} display flips are double ({_times(self.double_at, fs)}): every later "
                "section starts as many frames too early. frame_correction=True removes them."
            )
        if len(self.gaps):
            (first, last), *others = self.gaps.tolist()
            where = f"from {first / fs:.3f} s to {last / fs:.3f} s (samples {first} to {last})"
            what = f"Nothing was recorded {where}"
            if others:
                what = f"The recording has {len(self.gaps)} gaps (the first {where})"
            found.append(
                f"{what}: the number of display frames missed there is unknown, so sections after it need an "
                "explicit re-anchor (add_section_time with reanchor=)."
            )
        return found


def frame_regularity(frames: npt.NDArray[Any], segments: npt.ArrayLike | None) -> FrameRegularity:
    """Measure the regularity of frames.

    Parameters
    ----------
    frames
        (n_frames,) samples, ascending, any integer type.
    segments
        (n, 2) recorded ranges of samples; ranges that touch are one. None: no gap.

    Returns
    -------
    FrameRegularity
        A hole is an interval above 1.5 times the median inside one recorded range, a double flip one below
        half of it.
    """
    times = np.asarray(frames).astype(np.int64)
    gaps = _gaps(segments)
    runs = _runs(times, gaps)
    intervals = np.diff(times)
    inside = np.ones(intervals.size, dtype=bool)
    inside[runs[1:, 0] - 1] = False
    if not inside.any():
        nothing = np.empty(0, dtype=np.int64)
        return FrameRegularity(
            float("nan"), nothing, nothing, nothing, np.zeros(times.size, np.int64), runs, gaps
        )
    nominal = float(np.median(intervals[inside]))
    holes = inside & (intervals > MISSING_ABOVE * nominal)
    doubles = inside & (intervals < DOUBLE_BELOW * nominal)
    steps = np.zeros(times.size, dtype=np.int64)
    missing = np.rint(intervals[holes] / nominal).astype(np.int64) - 1
    steps[1:][holes] = missing
    steps[1:][doubles] -= 1
    shift = np.cumsum(steps)
    for first, last in runs:
        shift[first:last] -= shift[first]
    return FrameRegularity(nominal, times[:-1][holes], missing, times[1:][doubles], shift, runs, gaps)


def correct_frames(frames: npt.NDArray[np.uint64], segments: npt.ArrayLike | None) -> npt.NDArray[np.uint64]:
    """Return the frames with double flips removed and missing flips inserted on the nominal grid.

    Of two flips that are too close the one stays that leaves the more even intervals. Holes are filled
    with evenly spaced flips. Nothing is inserted across a data gap.

    Parameters
    ----------
    frames
        uint64 (n_frames,) samples, ascending.
    segments
        (n, 2) recorded ranges of samples, or None.

    Returns
    -------
    ndarray
        uint64 (n_corrected,) samples, ascending.
    """
    regularity = frame_regularity(frames, segments)
    if not (regularity.missing_at.size or regularity.double_at.size):
        return frames
    nominal = regularity.nominal_interval
    times = frames.astype(np.int64)
    corrected = [
        _fill_holes(_remove_doubles(times[first:last], nominal), nominal) for first, last in regularity.runs
    ]
    return np.concatenate(corrected).astype(np.uint64)


def _remove_doubles(times: Int64Array, nominal: float) -> Int64Array:
    kept: list[int] = times[:1].tolist()
    following = [*times[2:].tolist(), None]
    for time, after in zip(times[1:].tolist(), following, strict=False):
        if time - kept[-1] >= DOUBLE_BELOW * nominal:
            kept.append(time)
        elif _unevenness(kept, time, after, nominal) < _unevenness(kept, kept[-1], after, nominal):
            kept[-1] = time
    return np.array(kept, dtype=np.int64)


def _unevenness(kept: list[int], candidate: int, after: int | None, nominal: float) -> float:
    """Return the summed deviation of both intervals around `candidate` from the nearest whole multiple."""
    neighbours = [candidate - kept[-2]] if len(kept) > 1 else []
    if after is not None:
        neighbours.append(after - candidate)
    return sum(abs(gap - max(round(gap / nominal), 1) * nominal) for gap in neighbours)


def _fill_holes(times: Int64Array, nominal: float) -> Int64Array:
    intervals = np.diff(times)
    holes = np.flatnonzero(intervals > MISSING_ABOVE * nominal)
    if holes.size == 0:
        return times
    added = [
        np.rint(np.linspace(times[i], times[i + 1], round(intervals[i] / nominal) + 1)[1:-1]) for i in holes
    ]
    return np.sort(np.concatenate([times, *[flips.astype(np.int64) for flips in added]]))


def _gaps(segments: npt.ArrayLike | None) -> Int64Array:
    if segments is None:
        return np.empty((0, 2), dtype=np.int64)
    ranges = np.asarray(segments, dtype=np.int64).reshape(-1, 2)
    between = np.column_stack((ranges[:-1, 1], ranges[1:, 0]))
    return between[between[:, 1] > between[:, 0]]


def _runs(times: Int64Array, gaps: Int64Array) -> Int64Array:
    """Return the frame ranges between gaps; ranges without frames are left out."""
    borders = np.concatenate(([0], np.searchsorted(times, gaps[:, 1]), [times.size]))
    runs = np.column_stack((borders[:-1], borders[1:])).astype(np.int64)
    return runs[runs[:, 1] > runs[:, 0]]


def _times(samples: Int64Array, fs: float) -> str:
    listed = ", ".join(f"{sample / fs:.3f} s" for sample in samples[:_MAX_TIMES_LISTED].tolist())
    more = samples.size - _MAX_TIMES_LISTED
    return f"at {listed} and {more} more" if more > 0 else f"at {listed}"
