"""Section times for scripts that import them from here; the step functions are those of `hdmea.pipeline`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [  # noqa: F822 - the step functions are found when they are asked for
    "DEFAULT_PAD_FRAME",
    "POST_MARGIN_FRAME_NUM",
    "PRE_MARGIN_FRAME_NUM",
    "add_section_time",
    "add_section_time_analog",
    "convert_sample_index_to_frame",
]

PRE_MARGIN_FRAME_NUM = 60
POST_MARGIN_FRAME_NUM = 120
DEFAULT_PAD_FRAME = 180


def convert_sample_index_to_frame(
    sample_index: npt.ArrayLike, frame_timestamps: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """Return the display frame that is nearest to each sample; of two equally near ones the earlier.

    Parameters
    ----------
    sample_index
        Samples, of any shape.
    frame_timestamps
        (n_frames,) samples of the display frames, ascending.

    Returns
    -------
    ndarray
        int64, of the shape of `sample_index`.
    """
    samples = np.asarray(sample_index).astype(np.int64)
    frames = np.asarray(frame_timestamps).astype(np.int64)
    middles = (frames[:-1] + frames[1:]) / 2
    found: npt.NDArray[np.int64] = np.searchsorted(middles, samples, side="left").astype(np.int64)
    return found


def __getattr__(name: str) -> Any:
    if name in __all__:
        import hdmea.pipeline

        return getattr(hdmea.pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
