"""Light steps that no display frame tells of: onsets in the light channel itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hdmea.stimuli.frames import as_segments, step_maxima
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import SetParameter

__all__ = ["AnalogOnsets", "analog_sections", "light_onsets"]

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class AnalogOnsets:
    """Onsets in the light channel.

    Attributes
    ----------
    samples
        int64 (n_onsets,): sample before each step, ascending.
    largest_step
        Largest step searched, in the channel's unit per sample; NaN if nothing was recorded there.
    """

    samples: Int64Array
    largest_step: float


def light_onsets(
    light: npt.NDArray[Any],
    segments: npt.ArrayLike | None,
    threshold: float,
    min_distance: float,
    first_sample: int = 0,
) -> AnalogOnsets:
    """Find local maxima of ``diff(light)`` of at least `threshold`, each segment on its own.

    Of onsets closer than `min_distance` the larger step counts, of equal ones the earlier.

    Parameters
    ----------
    light
        (n_samples,) light intensity, NaN where nothing was recorded.
    segments
        (n, 2) recorded ranges of samples, or None.
    threshold
        Smallest step, in the channel's unit per sample, above 0.
    min_distance
        Smallest distance between onsets in samples.
    first_sample
        Where the search begins.

    Raises
    ------
    ValidationError
        If `threshold` is not above 0.
    """
    if not threshold > 0:
        raise ValidationError(
            f"The threshold of a light step must be greater than 0, not {threshold:g}.",
            parameter="threshold_value",
            fix=SetParameter("threshold_value"),
        )
    samples, heights = [np.empty(0, np.int64)], [np.empty(0)]
    largest = float("nan")
    for first, last in np.maximum(as_segments(segments, light.size), first_sample):
        maxima = step_maxima(light[first:last], threshold)
        samples.append(maxima.samples + first)
        heights.append(maxima.heights)
        largest = float(np.fmax(largest, maxima.largest))
    found = np.concatenate(samples)
    return AnalogOnsets(_apart(found, np.concatenate(heights), min_distance), largest)


def analog_sections(
    onsets: Int64Array, duration: int, segments: npt.ArrayLike | None, end: int
) -> Int64Array:
    """Return ``[onset, onset + duration)`` of each onset, cut off where its segment ends.

    Parameters
    ----------
    onsets
        int64 (n,) samples.
    duration
        Samples.
    segments
        (n, 2) recorded ranges of samples, or None.
    end
        Number of samples of the recording.

    Returns
    -------
    ndarray
        int64 (n, 2): first and last + 1 sample.
    """
    ends = as_segments(segments, end)[:, 1]
    limits = ends[np.searchsorted(ends, onsets, side="right")]
    return np.column_stack((onsets, np.minimum(onsets + duration, limits))).astype(np.int64)


def _apart(samples: Int64Array, heights: npt.NDArray[Any], min_distance: float) -> Int64Array:
    kept = np.ones(samples.size, dtype=bool)
    for index in np.lexsort((samples, -heights)):
        if not kept[index]:
            continue
        first = np.searchsorted(samples, samples[index] - min_distance, side="right")
        last = np.searchsorted(samples, samples[index] + min_distance, side="left")
        kept[first:last] = False
        kept[index] = True
    return samples[kept]
