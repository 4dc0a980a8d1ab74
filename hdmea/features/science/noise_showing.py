"""When each frame of a noise movie was on the screen, and the spikes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.trial_rates import frame_counts
from hdmea.stimuli.regularity import frame_regularity
from hdmea.utils.exceptions import MissingInputError
from hdmea.utils.fixes import RunStep

__all__ = ["shown_counts"]


def shown_counts(
    spike_trains: Sequence[ArrayLike],
    metadata: Mapping[str, Any],
    section: Any,
    n_frames: int,
    trials: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the spikes in each frame of a movie, over its showings.

    Parameters
    ----------
    spike_trains
        Ascending samples, one array per unit.
    metadata
        Of the recording: display frames and recorded segments.
    section
        Section times of the movie, with the display frames at which it begins.
    n_frames
        Frames of the movie.
    trials
        ``"first"`` or ``"all"`` showings.

    Returns
    -------
    exposure : numpy.ndarray
        int64 (frames,): how often each was shown and recorded.
    counts : numpy.ndarray
        int64 (units, frames).

    Raises
    ------
    MissingInputError
        The section does not say at which frame the movie begins.
    """
    frames = np.asarray(metadata["frame_timestamps"]).astype(np.int64)
    attrs = getattr(section, "attrs", {})
    content = attrs.get("content_frame")
    if content is None:
        raise MissingInputError(
            "The section does not state at which frame the movie begins.",
            fix=RunStep("add_section_time", again=True),
        )
    n_frames = min(n_frames, int(attrs.get("movie_length", n_frames)))
    starts = np.atleast_1d(np.asarray(content)).astype(np.int64)
    regularity = frame_regularity(metadata["frame_timestamps"], metadata.get("segments"))
    exposure = np.zeros(n_frames, np.int64)
    counts = np.zeros((len(spike_trains), n_frames), np.int64)
    for start in starts[: 1 if trials == "first" else None].tolist():
        # The last frame before a gap, or of the recording, has no known end.
        stop = min(start + n_frames, int(regularity.runs[regularity.run_of(start), 1]) - 1)
        if stop > start:
            exposure[: stop - start] += 1
            counts[:, : stop - start] += frame_counts(spike_trains, frames, start, stop)
    return exposure, counts
