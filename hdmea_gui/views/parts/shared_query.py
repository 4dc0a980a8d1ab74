"""What the queries of several views share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["Fact", "Span", "first_frame", "frame_ms", "is_movie", "spans_of"]


@dataclass(frozen=True)
class Fact:
    """One number as it is read, with its definition."""

    label: str
    text: str
    help: str


@dataclass(frozen=True)
class Span:
    """A stretch of the recording in which a movie was shown, in seconds."""

    label: str
    start_s: float
    stop_s: float


def is_movie(data: object) -> TypeGuard[NDArray[np.floating]]:
    """Return whether a feature's data are frames (time, rows, columns), at least one."""
    return isinstance(data, np.ndarray) and data.ndim == 3 and data.size > 0


def first_frame(feature: Mapping[str, Any]) -> int:
    """Return when the first frame of an average was shown, in frames before the spike's own."""
    cover = feature.get("metadata", {}).get("cover_range")
    # A cover range (-60, 0) ends before the spike's own frame.
    known = cover is not None and np.size(cover) == 2
    return int(np.ravel(cover)[0]) if known else -len(feature["data"])


def spans_of(session: PipelineSession) -> tuple[Span, ...]:
    """Return the sections of all movies in the order of time."""
    rate = session.acquisition_rate
    spans = [
        Span(movie, float(start) / rate, float(stop) / rate)
        for movie, sections in session.stimulus.get("section_time", {}).items()
        for start, stop in np.asarray(sections)
    ]
    return tuple(sorted(spans, key=lambda span: span.start_s))


def frame_ms(session: PipelineSession) -> float:
    """Return the median interval of the display; 60 Hz where there are no frames."""
    frames = np.asarray(session.metadata.get("frame_timestamps", ())).astype(np.int64)
    if frames.size < 2:
        return 1000.0 / 60.0
    return float(np.median(np.diff(frames))) * 1000.0 / session.acquisition_rate
