"""When each frame of a noise movie was on the screen, and the spikes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.features.science.trial_rates import frame_counts
from hdmea.stimuli.regularity import frame_regularity
from hdmea.stimuli.sections import facts_of_section

__all__ = ["counts_of_showings", "shown_counts"]


def shown_counts(
    spike_trains: Sequence[ArrayLike],
    metadata: Mapping[str, Any],
    section: Any,
    n_frames: int,
    trials: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the spikes in each frame of a movie, over its showings.

    See `counts_of_showings`, of which these are the sums.

    Returns
    -------
    exposure : numpy.ndarray
        int64 (frames,): how often each was shown and recorded.
    counts : numpy.ndarray
        int64 (units, frames).
    """
    exposure, counts = counts_of_showings(spike_trains, metadata, section, n_frames, trials)
    return exposure.sum(axis=0), counts.sum(axis=0)


def counts_of_showings(
    spike_trains: Sequence[ArrayLike],
    metadata: Mapping[str, Any],
    section: Any,
    n_frames: int,
    trials: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the spikes in each frame of each showing of a movie.

    Parameters
    ----------
    spike_trains
        Ascending samples, one array per unit.
    metadata
        Of the recording: display frames and recorded segments.
    section
        Section times of the movie.
    n_frames
        Frames of the movie.
    trials
        ``"first"`` or ``"all"`` showings.

    Returns
    -------
    exposure : numpy.ndarray
        int64 (showings, frames): whether each was recorded.
    counts : numpy.ndarray
        int64 (showings, units, frames).
    """
    frames = np.asarray(metadata["frame_timestamps"]).astype(np.int64)
    facts = facts_of_section(section, frames)
    n_frames = min(n_frames, int(facts.get("movie_length", n_frames)))
    starts = np.atleast_1d(np.asarray(facts["content_frame"])).astype(np.int64)
    regularity = frame_regularity(metadata["frame_timestamps"], metadata.get("segments"))
    starts = starts[: 1 if trials == "first" else None]
    exposure = np.zeros((starts.size, n_frames), np.int64)
    counts = np.zeros((starts.size, len(spike_trains), n_frames), np.int64)
    for showing, start in enumerate(starts.tolist()):
        # The last frame before a gap, or of the recording, has no known end.
        stop = min(start + n_frames, int(regularity.runs[regularity.run_of(start), 1]) - 1)
        if stop > start:
            exposure[showing, : stop - start] = 1
            counts[showing, :, : stop - start] = frame_counts(spike_trains, frames, start, stop)
    return exposure, counts
