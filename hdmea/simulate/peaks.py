"""The peaks of a sorted unit as the vendor stores them: accepted and rejected, with cut-outs."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CUTOUT_SAMPLES", "TROUGH_INDEX", "cutout_template", "peaks_table"]

CUTOUT_SAMPLES: Final = 21
TROUGH_INDEX: Final = 10
_ACCEPTED_DEPTH: Final = 9.0
_REJECTED_DEPTH: Final = 4.5
_DEPTH_JITTER: Final = 0.08
_STEPS_PER_UNIT: Final = 64.0


def cutout_template() -> NDArray[np.float64]:
    """Return the spike in the sorter's source signal, (21,): depth 1 at index 10, no unit."""
    time = np.arange(CUTOUT_SAMPLES, dtype=np.float64) - TROUGH_INDEX
    shape = 0.3 * np.exp(-0.5 * ((time - 6.0) / 3.0) ** 2) - np.exp(-0.5 * (time / 1.8) ** 2)
    template: NDArray[np.float64] = shape / -shape[TROUGH_INDEX]
    return template


def peaks_table(
    rng: np.random.Generator,
    accepted: NDArray[np.int64],
    rejected: NDArray[np.int64],
    tick_us: int,
    cutouts: bool,
) -> NDArray[np.void]:
    """Return the rows of `Peaks` in order of time.

    Parameters
    ----------
    rng
        Source of noise (SD 1) and amplitude scatter.
    accepted, rejected
        Samples of the spikes and of the rejected peaks.
    tick_us
        Sample interval in µs.
    cutouts
        Add the cut-outs, fields "1" to "21".

    Returns
    -------
    structured ndarray
        `Timestamp` (µs), `PeakAmplitude` (positive), `IncludePeak`, cut-outs (source units; in
        steps of 1/64, so that sums of them are exact).
    """
    samples = np.concatenate([accepted, rejected])
    included = np.arange(len(samples)) < len(accepted)
    order = np.argsort(samples, kind="stable")
    depth = np.where(included, _ACCEPTED_DEPTH, _REJECTED_DEPTH)
    depth = depth * (1.0 + _DEPTH_JITTER * rng.standard_normal(len(samples)))
    traces = rng.standard_normal((len(samples), CUTOUT_SAMPLES))
    traces += depth[:, None] * cutout_template()
    np.rint(traces * _STEPS_PER_UNIT, out=traces)
    traces /= _STEPS_PER_UNIT
    head = [("Timestamp", "<i8"), ("PeakAmplitude", "<f8"), ("IncludePeak", "u1")]
    tail = [(str(index + 1), "<f8") for index in range(CUTOUT_SAMPLES)]
    packed = np.empty(len(samples), [*head, ("cutout", "<f8", (CUTOUT_SAMPLES,))] if cutouts else head)
    packed["Timestamp"] = samples[order] * tick_us
    packed["PeakAmplitude"] = -traces[order, TROUGH_INDEX]
    packed["IncludePeak"] = included[order]
    if not cutouts:
        return packed
    packed["cutout"] = traces[order]
    return packed.view(np.dtype([*head, *tail]))
