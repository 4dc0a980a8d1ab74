"""The light signal: block means for display, and the mean light course of a movie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["BlockMean", "block_mean", "light_template"]

_SLICE = 1 << 20
_SUM_SLICE = 1 << 15


class BlockMean(NamedTuple):
    """A signal averaged in blocks.

    Attributes
    ----------
    values
        float32 (n_samples // factor,), in the signal's unit.
    rate
        True rate of `values` in Hz: fs / factor.
    factor
        Samples per block.
    """

    values: npt.NDArray[np.float32]
    rate: float
    factor: int


def block_mean(signal: npt.NDArray[Any], fs: float, target_hz: float) -> BlockMean:
    """Average a signal in blocks of ``int(fs / target_hz)`` samples; the tail is cropped.

    A block that is partly unrecorded (NaN) is the mean of its recorded samples; NaN only if it has none.

    Parameters
    ----------
    signal
        (n_samples,) at `fs`.
    fs
        Acquisition rate in Hz.
    target_hz
        Wanted rate in Hz, at most `fs`; the true one is returned.

    Raises
    ------
    ValidationError
        If `target_hz` is not in (0, fs].
    """
    if not 0 < target_hz <= fs:
        raise ValidationError(
            f"A signal at {fs:g} Hz cannot be averaged to {target_hz:g} Hz.",
            fix=Advice("Choose a rate greater than 0 Hz and at most that of the signal."),
        )
    factor = int(fs / target_hz)
    n_blocks = signal.size // factor
    values = np.empty(n_blocks, dtype=np.float32)
    per_slice = max(_SLICE // factor, 1)
    for first in range(0, n_blocks, per_slice):
        last = min(first + per_slice, n_blocks)
        blocks = signal[first * factor : last * factor].reshape(-1, factor)
        means = blocks.mean(axis=1, dtype=np.float64)
        for row in np.flatnonzero(means != means):
            recorded = blocks[row][blocks[row] == blocks[row]]
            if recorded.size:
                means[row] = recorded.mean(dtype=np.float64)
        values[first:last] = means
    return BlockMean(values, fs / factor, factor)


def light_template(
    light: npt.NDArray[np.float32], sections: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Average the light signal over the occurrences of a movie.

    Parameters
    ----------
    light
        float32 (n_samples,): light intensity on the acquisition clock.
    sections
        int64 (n_occurrences, 2): first and last + 1 sample of each occurrence.

    Returns
    -------
    ndarray
        float32 (longest occurrence,): each sample is the mean over the occurrences long enough to have it.
    """
    parts = [light[first:last] for first, last in np.clip(sections, 0, light.size)]
    parts.sort(key=len, reverse=True)
    if not parts:
        return np.empty(0, dtype=np.float32)
    template = np.empty(parts[0].size, dtype=np.float32)
    lengths = [part.size for part in parts]
    for n_long, length in enumerate(lengths, start=1):
        shorter = lengths[n_long] if n_long < len(parts) else 0
        if shorter < length:
            _mean_into(template, parts[:n_long], shorter, length)
    return template


def _mean_into(
    template: npt.NDArray[np.float32], parts: list[npt.NDArray[np.float32]], first: int, last: int
) -> None:
    if len(parts) == 1:
        template[first:last] = parts[0][first:last]
        return
    for start in range(first, last, _SUM_SLICE):
        stop = min(start + _SUM_SLICE, last)
        total = parts[0][start:stop].astype(np.float64)
        for part in parts[1:]:
            total += part[start:stop]
        total /= len(parts)
        template[start:stop] = total
