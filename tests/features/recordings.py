"""Small recordings for tests of extractors."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmea.declare import Recording

RATE = 20_000.0


def recording(
    *trains: Any,
    duration_s: float = 300.0,
    frames: Any = None,
    segments: Any = None,
    sections: dict[str, Any] | None = None,
    **unit_data: Any,
) -> Recording:
    """One unit per spike train (samples)."""
    metadata: dict[str, Any] = {
        "acquisition_rate": np.array([RATE]),
        "recording_duration_s": np.array([duration_s]),
    }
    if frames is not None:
        metadata["frame_timestamps"] = np.asarray(frames, np.uint64)
    if segments is not None:
        metadata["segments"] = np.asarray(segments, np.int64)
    units = {
        f"unit_{number:03d}": {"spike_times": np.asarray(train, np.uint64), **unit_data}
        for number, train in enumerate(trains, start=1)
    }
    stimulus = {
        "section_time": {name: np.asarray(value, np.int64) for name, value in (sections or {}).items()}
    }
    return Recording(units, metadata, stimulus)
