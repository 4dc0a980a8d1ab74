"""Rows and columns of the chip for the channels of a sorter, from their positions in micrometres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hdmea.recordings.mcs.vocabulary import CHIP_EDGE

__all__ = ["PITCHES_UM", "Places", "chip_places"]

PITCHES_UM = (32.0, 16.0)
"""Distances of neighbouring electrodes of the chips that there are, in the order in which they are tried."""

_TOLERANCE = 0.05


@dataclass(frozen=True)
class Places:
    """Places of channels on the chip.

    Attributes
    ----------
    rows, columns
        int64 (n,) each, from 1.
    reason
        How they were found.
    """

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    reason: str


def chip_places(positions: npt.NDArray[np.floating], pitch_um: float | None = None) -> Places | str:
    """Return rows and columns of channels if their positions are those of electrodes of the chip.

    Electrode (row 1, column 1) is at (0, 0) or half a pitch from it; where positions reach one pitch beyond
    the last electrode, it is at one pitch. x runs along the columns, y along the rows.

    Parameters
    ----------
    positions
        (n, 2): x and y of each channel in micrometres.
    pitch_um
        Distance of neighbouring electrodes; None: the largest of `PITCHES_UM` on whose grid all channels are.

    Returns
    -------
    Places or str
        The places, or why there are none.
    """
    tried = PITCHES_UM if pitch_um is None else (pitch_um,)
    if not positions.size or not np.isfinite(positions).all():
        return "the positions of the channels are not numbers"
    for pitch in tried:
        grid = _on_grid(positions / pitch)
        if grid is not None:
            columns, rows = grid.T
            reason = f"positions of the channels on a grid of {pitch:g} µm"
            return Places(rows, columns, reason)
    grids = " or ".join(f"{pitch:g}" for pitch in tried)
    return (
        f"the positions of the channels are not on a grid of {grids} µm with {CHIP_EDGE} x {CHIP_EDGE} "
        "electrodes"
    )


def _on_grid(steps: npt.NDArray[np.floating]) -> npt.NDArray[np.int64] | None:
    """Return (n, 2) columns and rows from 1, None if a channel is between electrodes or off the chip."""
    for origin in (0.0, 0.5):
        nearest = np.rint(steps - origin)
        if np.abs(steps - origin - nearest).max() > _TOLERANCE:
            continue
        first = 1 if nearest.min() >= 0 and nearest.max() < CHIP_EDGE else 0
        found: npt.NDArray[np.int64] = nearest.astype(np.int64) + first
        if found.min() >= 1 and found.max() <= CHIP_EDGE:
            return found
    return None
