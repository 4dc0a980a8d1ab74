"""Receptive field of one unit as its view draws it; made on the worker thread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.text.formats import p_text
from hdmea_gui.views.parts.shared_query import Fact, first_frame, frame_ms, is_movie
from hdmea_gui.views.receptive_field.mosaic_query import Mosaic, make_mosaic

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["FieldView", "ReceptiveFieldQuery", "ReceptiveFieldView"]


@dataclass(frozen=True)
class FieldView:
    """Spike-triggered average of one movie.

    Attributes
    ----------
    movie
        Name of the movie.
    frames
        float32 (window, height, width), stimulus units.
    time_ms
        float64 (window,): when each frame was shown, before the spike's own frame.
    mean, spread
        Mean of all pixels, and the largest deviation from it; NaN without a usable spike.
    peak
        Frame, row and column of that deviation.
    outline, wide_outline
        float64 (n, 2) columns and rows of the fitted 1-σ and 2-σ ellipse; None without a fit.
    outline_source
        What fitted them.
    facts
        Numbers of the receptive field.
    n_spikes
        Spikes that were averaged.
    marks
        What to know before numbers of it are used; empty if nothing is.
    mosaic
        The receptive fields of all units for this movie.
    """

    movie: str
    frames: NDArray[np.floating]
    time_ms: NDArray[np.float64]
    mean: float
    spread: float
    peak: tuple[int, int, int]
    outline: NDArray[np.float64] | None
    wide_outline: NDArray[np.float64] | None
    outline_source: str
    facts: tuple[Fact, ...]
    n_spikes: int
    marks: str = ""
    mosaic: Mosaic | None = None


@dataclass(frozen=True)
class ReceptiveFieldView:
    """All spike-triggered averages of a unit."""

    unit_id: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True)
class ReceptiveFieldQuery:
    """Spike-triggered averages of a unit."""

    unit_id: str

    def answer(self, workspace: Workspace) -> ReceptiveFieldView | None:
        """Return them, None if there is no such unit."""
        session = workspace.session
        if session is None or self.unit_id not in session.units:
            return None
        features = session.units[self.unit_id].get("features", {})
        averages = {
            name.removeprefix("sta_"): feature
            for name, feature in features.items()
            if name.startswith("sta_") and is_movie(feature.get("data"))
        }
        fields = (
            replace(_field(movie, feature, features, session), mosaic=_mosaic(workspace, session, movie))
            for movie, feature in averages.items()
        )
        return ReceptiveFieldView(self.unit_id, tuple(fields))


def _mosaic(workspace: Workspace, session: PipelineSession, movie: str) -> Mosaic:
    return workspace.remember(f"mosaic:{movie}", lambda: make_mosaic(session, movie))


def _field(
    movie: str, feature: Mapping[str, Any], features: Mapping[str, Any], session: PipelineSession
) -> FieldView:
    frames = np.asarray(feature["data"])
    facts = feature.get("metadata", {})
    finite = np.isfinite(frames).all()
    mean = float(frames.mean(dtype=np.float64)) if finite else math.nan
    deviation = np.abs(frames - np.float32(mean)) if finite else np.zeros(frames.shape)
    place = np.unravel_index(int(deviation.argmax()), frames.shape)
    from hdmea.declare import stored_as
    from hdmea.pipeline.marks import marks_line, marks_of

    noise = features.get(stored_as(features, "dense_noise"), {})
    if noise.get("metadata", {}).get("movie", movie) != movie:
        noise = {}
    numbers = noise.get("data", {})
    geometry = feature.get("sta_geometry", {})
    outline, wide, source = _outlines(geometry, numbers)
    return FieldView(
        movie=movie,
        frames=frames,
        time_ms=(first_frame(feature) + np.arange(len(frames))) * np.float64(frame_ms(session)),
        mean=mean,
        spread=float(deviation.max()),
        peak=(int(place[0]), int(place[1]), int(place[2])),
        outline=outline,
        wide_outline=wide,
        outline_source=source,
        facts=tuple(_field_facts(geometry, numbers)),
        n_spikes=int(facts.get("n_spikes_used", 0)),
        marks=marks_line(marks_of(feature)),
    )


def _outlines(
    geometry: Mapping[str, Any], numbers: Mapping[str, Any]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, str]:
    """Return the 1-σ and the 2-σ ellipse, and what fitted them."""
    from hdmea.analysis.ellipse import ellipse_outline
    from hdmea.analysis.field_shape import field_shape

    shape, source = field_shape(geometry, numbers)
    if not source:
        return None, None, ""
    x, y, long, short, angle = shape
    one, two = (ellipse_outline(x, y, n * long, n * short, angle) for n in (1, 2))
    return one, two, f"1 and 2 σ, {source}"


def _field_facts(geometry: Mapping[str, Any], numbers: Mapping[str, Any]) -> Iterator[Fact]:
    from hdmea.analysis.field_shape import is_refuted

    helps = _definitions() if geometry or numbers else {}
    p = float(numbers.get("rf_p", math.nan))
    if is_refuted(numbers):
        yield Fact("No receptive field", f"p {p_text(p)}", helps.get("rf_p", ""))
        return

    def number(name: str) -> float:
        own = float(numbers.get(name, math.nan))
        return own if np.isfinite(own) else float(geometry.get(name, math.nan))

    polarity, latency = number("polarity"), number("latency")
    long, short = (float(numbers.get(name, math.nan)) for name in ("sigma_long", "sigma_short"))
    area = float(geometry.get("area", math.nan))
    if np.isfinite(polarity):
        yield Fact("Polarity", "ON" if polarity > 0 else "OFF", helps.get("polarity", ""))
    if np.isfinite(latency):
        yield Fact("Latency", f"{latency:.0f} ms", helps.get("latency", ""))
    if np.isfinite(long * short):
        both = f"{helps.get('sigma_long', '')}; {helps.get('sigma_short', '')}"
        yield Fact("Size σ", f"{long:.1f} × {short:.1f} px", both)
    elif np.isfinite(area):
        yield Fact("Area", f"{area:.1f} px²", helps.get("area", ""))
    if np.isfinite(p):
        yield Fact("p", p_text(p), helps.get("rf_p", ""))


def _definitions() -> dict[str, str]:
    from hdmea.declare import FEATURES, get_step

    outputs = (*get_step("extract_rf_geometry").outputs, *FEATURES.get("dense_noise").outputs)
    return {output.name: output.definition for output in outputs}
