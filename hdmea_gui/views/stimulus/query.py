"""Light channels, detected frames and sections of a stretch of time; made on the worker thread."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.views.parts.shared_query import Span, spans_of

if TYPE_CHECKING:
    from hdmea.pipeline.alignment_table import SectionAlignment
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["MOST_FRAMES", "LightTrace", "StimulusQuery", "StimulusView"]

MOST_FRAMES = 1000
_NAMES = {1: "Light", 2: "Frame sync"}


@dataclass(frozen=True)
class LightTrace:
    """One light channel: smallest and largest value of each column of pixels, times in seconds."""

    channel: int
    title: str
    unit: str
    time_s: NDArray[np.float64]
    values: NDArray[np.float32]


@dataclass(frozen=True)
class StimulusView:
    """What was shown in a stretch of time.

    Attributes
    ----------
    start_s, stop_s, duration_s
        The stretch, and the length of the recording, in seconds.
    lights
        Light channels.
    n_frames, frame_rate_hz
        Frames detected in the whole recording, and the rate of the display; NaN below two.
    frames_s
        Frames of the stretch; empty if there are more than `MOST_FRAMES`.
    n_inside
        How many frames the stretch has.
    missing_s, n_missing
        Frames before a hole, and how many flips are missing in all.
    double_s
        Flips that are too close to the one before.
    corrected
        Whether missing and double flips were corrected.
    gaps_s
        (n, 2) stretches in which nothing was recorded.
    spans
        Sections of movies.
    n_late
        How many of the holes are frames that were shown late, by the light.
    reason
        Why there are no frames, empty if there are.
    sections
        What the light says of each section.
    anchors
        Showings after a gap that have no section, and the sample at which their light begins.
    """

    start_s: float
    stop_s: float
    duration_s: float
    lights: tuple[LightTrace, ...]
    n_frames: int
    frame_rate_hz: float
    frames_s: NDArray[np.float64]
    n_inside: int
    missing_s: NDArray[np.float64]
    n_missing: int
    double_s: NDArray[np.float64]
    corrected: bool
    gaps_s: NDArray[np.float64]
    spans: tuple[Span, ...]
    n_late: int = 0
    reason: str = ""
    sections: tuple[SectionAlignment, ...] = ()
    anchors: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class StimulusQuery:
    """A stretch of the stimulus; the whole recording if it is empty.

    `columns` are pixels to draw in; `all_frames`: give the frames also where they are too many to draw.
    """

    start_s: float = 0.0
    stop_s: float = 0.0
    columns: int = 1000
    all_frames: bool = False

    def answer(self, workspace: Workspace) -> StimulusView | None:
        """Return it; None without light channels."""
        session = workspace.session
        if session is None or "acquisition_rate" not in session.metadata:
            return None
        channels = _channels(session.stimulus.get("light_reference", {}), session.acquisition_rate)
        if not channels:
            return None
        start, stop = self.start_s, self.stop_s
        if stop <= start:
            start, stop = 0.0, session.duration_s
        most = sys.maxsize if self.all_frames else MOST_FRAMES
        return _view(session, channels, (start, stop, max(1, self.columns)), most)


def _view(
    session: PipelineSession,
    channels: Mapping[int, tuple[NDArray[Any], float]],
    stretch: tuple[float, float, int],
    most_frames: int,
) -> StimulusView:
    from hdmea.pipeline.alignment_table import anchors_offered, section_alignment

    rate = session.acquisition_rate
    start, stop, _ = stretch
    frames = np.asarray(session.metadata.get("frame_timestamps", np.zeros(0, np.uint64)))
    first, last = np.searchsorted(frames, np.array([max(start, 0.0), max(stop, 0.0)]) * rate)
    found = _irregular(session, frames)
    gaps = np.asarray(session.metadata.get("segments", np.zeros((0, 2))), np.float64).reshape(-1, 2)
    interval = float(np.median(np.diff(frames.astype(np.int64)))) if frames.size > 1 else float("nan")
    return StimulusView(
        start_s=start,
        stop_s=stop,
        duration_s=session.duration_s,
        lights=tuple(_trace(number, *found, stretch) for number, found in sorted(channels.items())),
        n_frames=int(frames.size),
        frame_rate_hz=_frame_rate(session, rate / interval if interval > 0 else float("nan")),
        frames_s=frames[first:last] / rate if last - first <= most_frames else np.zeros(0),
        n_inside=int(last - first),
        missing_s=np.asarray(found["missing_at"], np.float64) / rate,
        n_missing=int(np.sum(found["missing_count"])),
        double_s=np.asarray(found["double_at"], np.float64) / rate,
        corrected=bool(found.get("corrected", False)),
        gaps_s=np.column_stack((gaps[:-1, 1], gaps[1:, 0])) / rate,
        spans=spans_of(session),
        n_late=int(np.isin(found["missing_at"], found.get("late_at", ())).sum()),
        reason=str(found.get("reason", "")),
        sections=section_alignment(session),
        anchors=tuple(anchors_offered(session).items()),
    )


def _frame_rate(session: PipelineSession, by_median: float) -> float:
    """Return the rate of the display: as measured when the recording was loaded, else by the median."""
    stored = session.metadata.get("frame_detection", {}).get("rate_hz")
    return by_median if stored is None else float(stored)


def _channels(references: Mapping[str, NDArray[Any]], rate: float) -> dict[int, tuple[NDArray[Any], float]]:
    """Return the finest signal of each channel, and its rate."""
    found: dict[int, tuple[NDArray[Any], float]] = {}
    for prefix, nominal in (("10hz", 10.0), ("1khz", 1000.0), ("raw", rate)):
        for name in references:
            match = re.fullmatch(rf"{prefix}_ch(\d+)", name)
            if match:
                signal = references[name]
                own = float(getattr(signal, "attrs", {}).get("sampling_rate", nominal))
                found[int(match[1])] = (signal, own)
    return found


def _trace(channel: int, signal: NDArray[Any], rate: float, stretch: tuple[float, float, int]) -> LightTrace:
    from hdmea.analysis.decimation import envelope

    start, stop, columns = stretch
    # One sample more on each side, so that the line does not end inside the picture.
    drawn = envelope(np.asarray(signal), int(start * rate) - 1, int(stop * rate) + 2, columns)
    unit = str(getattr(signal, "attrs", {}).get("unit", ""))
    return LightTrace(
        channel, _NAMES.get(channel, f"Channel {channel}"), unit, drawn.samples / rate, drawn.values
    )


def _irregular(session: PipelineSession, frames: NDArray[Any]) -> Mapping[str, Any]:
    """Return where flips are missing or double: as stored when the recording was loaded, else measured."""
    stored = session.metadata.get("frame_detection", {})
    if "missing_at" in stored and "missing_count" in stored and "double_at" in stored:
        found: Mapping[str, Any] = stored
        return found
    from hdmea.stimuli.regularity import frame_regularity

    measured = frame_regularity(frames, session.metadata.get("segments"))
    return {
        "missing_at": measured.missing_at,
        "missing_count": measured.missing_count,
        "double_at": measured.double_at,
    }
