"""What the recorded light says of each section, as views and exports show it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.utils.text_files import stored_dict, stored_list

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession

__all__ = ["SECTION_COLUMNS", "SectionAlignment", "anchors_offered", "section_alignment"]

SECTION_COLUMNS = (
    ("movie", "", "name of the movie"),
    ("occurrence", "", "number of the showing, from 1"),
    ("start_s", "s", "begin of the section, margins included"),
    ("stop_s", "s", "end of the section, margins included"),
    ("content_frame", "frames", "display frame of the first image of the movie"),
    ("alignment", "", "what the light says: checked, lag, elsewhere, other movie, not checkable"),
    ("alignment_lag", "frames", "by how many frames the light comes later than stated"),
    ("alignment_r", "", "correlation of the light with the levels of the movie at that lag"),
    ("alignment_sharpness", "", "residual sum of squares at that lag / one frame beside it"),
    ("light_delay_ms", "ms", "delay of the light after its flip within a frame"),
    ("aligned_by", "", "none: the section is where the playlist says; light: it is shifted by the lag"),
    ("marks", "", "what to know before numbers of this section are used"),
)
"""Name, unit and definition of the columns of a table of sections: the fields of `SectionAlignment`."""


@dataclass(frozen=True)
class SectionAlignment:
    """A showing of a movie, and what the light says of it; see `SECTION_COLUMNS`."""

    movie: str
    occurrence: int
    start_s: float
    stop_s: float
    content_frame: int | None = None
    alignment: str = ""
    alignment_lag: int = 0
    alignment_r: float = math.nan
    alignment_sharpness: float = math.nan
    light_delay_ms: float = math.nan
    aligned_by: str = "none"
    marks: str = ""

    @property
    def row(self) -> tuple[Any, ...]:
        """The values in the order of `SECTION_COLUMNS`."""
        return tuple(getattr(self, name) for name, _, _ in SECTION_COLUMNS)

    @property
    def label(self) -> str:
        """How the showing is named: ``movie`` or ``movie#2``."""
        return self.movie if self.occurrence == 1 else f"{self.movie}#{self.occurrence}"

    @property
    def line(self) -> str:
        """What the light says of it in one line: name, verdict, and the correlation where it is known."""
        known = f" (r = {self.alignment_r:.2f})" if math.isfinite(self.alignment_r) else ""
        return f"{self.label}: {self.verdict}{known}"

    @property
    def is_mended(self) -> bool:
        """Whether the section was shifted to where its light is."""
        return self.aligned_by == "light" and self.alignment_lag != 0

    @property
    def can_be_shifted(self) -> bool:
        """Whether `align="light"` would shift the section."""
        return self.alignment_lag != 0 and not self.is_mended

    @property
    def verdict(self) -> str:
        """What the light says in a few words."""
        frames = f"{abs(self.alignment_lag)} frame{'s' if abs(self.alignment_lag) != 1 else ''}"
        side = "later" if self.alignment_lag > 0 else "earlier"
        if self.is_mended:
            return f"shifted by the light, {frames} {side}"
        if self.alignment == "other movie":
            return "the light is that of another movie"
        if self.alignment_lag:
            return f"the light fits {frames} {side}"
        return {
            "": "placed by light onsets or by an older version",
            "not checkable": "cannot be checked by the light",
        }.get(self.alignment, "the light fits")


def section_alignment(session: PipelineSession) -> tuple[SectionAlignment, ...]:
    """Return what the light says of each section, in the order of time.

    Parameters
    ----------
    session
        A session.
    """
    stored = session.stimulus.get("section_time", {})
    rate = session.acquisition_rate if stored else math.nan
    found = [
        _section(movie, index, float(start) / rate, float(stop) / rate, getattr(sections, "attrs", {}))
        for movie, sections in stored.items()
        for index, (start, stop) in enumerate(np.asarray(sections).tolist())
    ]
    return tuple(sorted(found, key=lambda entry: entry.start_s))


def anchors_offered(session: PipelineSession) -> dict[str, int]:
    """Return showings that a data gap left without a section, with the sample at which their light begins.

    Parameters
    ----------
    session
        A session; the result is what the parameter ``reanchor`` of `add_section_time` takes.
    """
    return stored_dict(session.metadata.get("frame_detection", {}).get("anchors", "{}")) or {}


def _section(movie: str, index: int, start: float, stop: float, attrs: Mapping[str, Any]) -> SectionAlignment:
    def of(name: str, missing: Any) -> Any:
        values = np.atleast_1d(attrs.get(name, missing))
        return values[index] if index < len(values) else missing

    frame = of("content_frame", None)
    marks = stored_list(of("marks", "[]")) or []
    return SectionAlignment(
        movie,
        int(of("occurrence", index + 1)),
        start,
        stop,
        None if frame is None else int(frame),
        str(of("alignment", "")),
        int(of("alignment_lag", 0)),
        float(of("alignment_r", math.nan)),
        float(of("alignment_sharpness", math.nan)),
        float(of("light_delay_ms", math.nan)),
        str(attrs.get("aligned_by", "none")),
        "; ".join(f"{mark['mark']} ({mark['cause']})" for mark in marks),
    )
