"""Whether an electrical image is good enough to derive anything from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.declare import Output

__all__ = [
    "IMAGE_OUTPUTS",
    "MIN_IMAGE_SNR",
    "MIN_SPIKES",
    "bad_mask",
    "image_snr",
    "largest_electrode",
    "why_unusable",
]

MIN_SPIKES = 5
MIN_IMAGE_SNR = 10.0
FARTHEST_TROUGH = 5

IMAGE_OUTPUTS = (
    Output(
        "n_spikes_used",
        "Number of spikes used",
        "spikes",
        (0, None),
        "spikes that the electrical image is the mean of",
        dtype="int64",
    ),
    Output(
        "image_snr",
        "Image SNR",
        "",
        (0, None),
        "peak-to-peak voltage of the image at its largest electrode / (SD of that electrode's noise / square "
        "root of the number of spikes)",
    ),
)
"""What every table says of the electrical image itself."""


def bad_mask(
    metadata: Mapping[str, Any], facts: Mapping[str, Any], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return which electrodes of an image are bad, bool (rows, cols).

    Parameters
    ----------
    metadata
        Of the recording: ``electrodes/bad`` contains chip rows and columns.
    facts
        Metadata of the image: where it is on the chip.
    shape
        Rows and columns of the image.
    """
    mask = np.zeros(shape, dtype=bool)
    stored = (metadata.get("electrodes") or {}).get("bad")
    if stored is None or "first_row" not in facts:
        return mask
    places = np.asarray(stored, np.int64).reshape(-1, 2) - (
        int(facts["first_row"]),
        int(facts["first_column"]),
    )
    inside = ((places >= 0) & (places < shape)).all(axis=1)
    mask[tuple(places[inside].T)] = True
    return mask


def largest_electrode(image: NDArray[Any], bad: NDArray[np.bool_] | None = None) -> tuple[int, int] | None:
    """Row and column of the good electrode with the largest peak-to-peak voltage; None without values."""
    image = np.asarray(image)
    if image.size == 0:
        return None
    height = np.ptp(image, axis=0).astype(np.float64)
    if bad is not None:
        height[bad] = np.nan
    if not np.isfinite(height).any():
        return None
    row, col = np.unravel_index(int(np.nanargmax(height)), height.shape)
    return int(row), int(col)


def image_snr(
    peak_to_peak: NDArray[np.floating[Any]], noise_sd: NDArray[np.floating[Any]], n_spikes: int
) -> float:
    """Signal-to-noise ratio of an image at its largest electrode; NaN where that is not known.

    Parameters
    ----------
    peak_to_peak
        (electrodes,) of the good electrodes' averages.
    noise_sd
        (electrodes,) SD of their noise in the same unit.
    n_spikes
        Spikes that were averaged.
    """
    if n_spikes == 0 or not np.isfinite(peak_to_peak).any():
        return math.nan
    largest = int(np.nanargmax(peak_to_peak))
    error = float(noise_sd[largest]) / math.sqrt(n_spikes)
    return float(peak_to_peak[largest]) / error if error > 0 else math.nan


def why_unusable(
    image: NDArray[Any],
    facts: Mapping[str, Any],
    bad: NDArray[np.bool_] | None = None,
    *,
    min_spikes: int | None = None,
    min_image_snr: float | None = None,
) -> str:
    """Return why nothing may be derived from an electrical image; empty if something may.

    Parameters
    ----------
    image
        (window, rows, cols).
    facts
        Its metadata. What an older file lacks is estimated from the image, or not asked for.
    bad
        bool (rows, cols): electrodes that do not count.
    min_spikes
        Least number of averaged spikes; None: that of the metadata, otherwise 5.
    min_image_snr
        Least signal-to-noise ratio; None: that of the metadata, else 10. In pure noise that of the largest
        of 4225 electrodes and 50 samples exceeds 9 once in 1000 images.
    """
    min_spikes = int(facts.get("min_spikes", MIN_SPIKES)) if min_spikes is None else min_spikes
    if min_image_snr is None:
        min_image_snr = float(facts.get("min_image_snr", MIN_IMAGE_SNR))
    if facts.get("reason"):
        return str(facts["reason"])
    place = largest_electrode(image, bad)
    if place is None and bad is not None and bad.all():
        return "all electrodes are bad"
    if place is None:
        return "the electrical image has no values: no spike could be averaged"
    n_spikes = facts.get("n_spikes_used")
    if n_spikes is not None and int(n_spikes) < min_spikes:
        return f"{int(n_spikes)} spikes were averaged, {min_spikes} are needed (min_spikes)"
    trace = np.asarray(image)[:, place[0], place[1]].astype(np.float64)
    snr = float(facts["image_snr"]) if "image_snr" in facts else _snr_from_image(image, place)
    if snr < min_image_snr:
        return (
            f"the signal-to-noise ratio of the electrical image is {snr:.1f}, {min_image_snr:g} is needed "
            "(min_image_snr)"
        )
    lag = int(trace.argmin()) - int(facts.get("pre_samples", trace.argmin()))
    if abs(lag) > FARTHEST_TROUGH:
        return (
            f"the trough of the largest signal is {abs(lag)} samples {'after' if lag > 0 else 'before'} the "
            f"spikes, more than {FARTHEST_TROUGH}: it does not belong to them"
        )
    return ""


def _snr_from_image(image: NDArray[Any], place: tuple[int, int]) -> float:
    """Signal-to-noise ratio where the noise of the raw data is not known."""
    from hdmea.features.science.axon_path import robust_noise_sd

    noise = robust_noise_sd(image, place)
    height = float(np.ptp(np.asarray(image)[:, place[0], place[1]].astype(np.float64)))
    return height / noise if noise > 0 else math.nan
