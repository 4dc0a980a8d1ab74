"""Receptive field and electrical image of one unit, as the views draw them; made on the worker thread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.text.formats import p_text
from hdmea_gui.views.parts.mosaic_query import Mosaic, field_shape, is_refuted, make_mosaic

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = [
    "ElectricalImageQuery",
    "ElectricalImageView",
    "Fact",
    "FieldView",
    "ReceptiveFieldQuery",
    "ReceptiveFieldView",
]


@dataclass(frozen=True)
class Fact:
    """One number as it is read, with its definition."""

    label: str
    text: str
    help: str


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
    mosaic: Mosaic | None = None


@dataclass(frozen=True)
class ReceptiveFieldView:
    """All spike-triggered averages of a unit."""

    unit_id: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True)
class ElectricalImageView:
    """Electrical image of a unit; places are rows and columns of the chip, from 1.

    Attributes
    ----------
    unit_id, unit
        Whose it is, and the unit of its voltages.
    image
        float32 (window, rows, columns).
    time_ms
        float64 (window,): time after the spike.
    amplitude
        float64 (rows, columns): peak to peak.
    first
        Row and column of the first electrode.
    soma
        Row and column of the soma, else of the unit's electrode; None if not known.
    soma_diameter
        Of the soma's extent, in electrodes; NaN if not known.
    axon
        float64 (n, 2) rows and columns of the axon's path; None if not extracted or not found.
    n_spikes
        Spikes that were averaged.
    """

    unit_id: str
    unit: str
    image: NDArray[np.floating]
    time_ms: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    first: tuple[int, int]
    soma: tuple[float, float] | None
    soma_diameter: float
    axon: NDArray[np.float64] | None
    n_spikes: int


@dataclass(frozen=True)
class ReceptiveFieldQuery:
    """Spike-triggered averages of a unit."""

    unit_id: str

    def answer(self, bench: Workspace) -> ReceptiveFieldView | None:
        """Return them, None if there is no such unit."""
        session = bench.session
        if session is None or self.unit_id not in session.units:
            return None
        features = session.units[self.unit_id].get("features", {})
        averages = {
            name.removeprefix("sta_"): feature
            for name, feature in features.items()
            if name.startswith("sta_") and _is_movie(feature.get("data"))
        }
        fields = (
            replace(_field(movie, feature, features, session), mosaic=_mosaic(bench, session, movie))
            for movie, feature in averages.items()
        )
        return ReceptiveFieldView(self.unit_id, tuple(fields))


@dataclass(frozen=True)
class ElectricalImageQuery:
    """Electrical image of a unit."""

    unit_id: str

    def answer(self, bench: Workspace) -> ElectricalImageView | None:
        """Return it, None if there is no such unit or image."""
        from hdmea.analysis.images import peak_to_peak

        session = bench.session
        unit = {} if session is None else session.units.get(self.unit_id, {})
        feature = unit.get("features", {}).get("eimage_sta")
        image = feature.get("data") if feature else None
        if session is None or not _is_movie(image):
            return None
        facts = feature.get("metadata", {})
        image = np.asarray(image)
        rate = float(facts.get("sampling_rate", session.acquisition_rate))
        before = int(facts.get("pre_samples", 0))
        soma, diameter = _soma(unit, feature.get("geometry", {}))
        first = (int(facts.get("first_row", 1)), int(facts.get("first_column", 1)))
        return ElectricalImageView(
            unit_id=self.unit_id,
            unit=str(facts.get("unit", "")).replace("uV", "µV") or "no unit",
            image=image,
            time_ms=(np.arange(len(image)) - before) * np.float64(1000.0 / rate),
            amplitude=np.asarray(peak_to_peak(image)),
            first=first,
            soma=soma,
            soma_diameter=diameter,
            axon=_axon(feature.get("axon", {}), first),
            n_spikes=int(facts.get("n_spikes_used", 0)),
        )


def _mosaic(bench: Workspace, session: PipelineSession, movie: str) -> Mosaic:
    return bench.remember(f"mosaic:{movie}", lambda: make_mosaic(session, movie))


def _is_movie(data: object) -> bool:
    return isinstance(data, np.ndarray) and data.ndim == 3 and data.size > 0


def _field(
    movie: str, feature: Mapping[str, Any], features: Mapping[str, Any], session: PipelineSession
) -> FieldView:
    frames = np.asarray(feature["data"])
    facts = feature.get("metadata", {})
    cover = facts.get("cover_range")
    # A cover range (-60, 0) ends before the spike's own frame.
    first = int(np.ravel(cover)[0]) if cover is not None and np.size(cover) == 2 else -len(frames)
    finite = np.isfinite(frames).all()
    mean = float(frames.mean(dtype=np.float64)) if finite else math.nan
    deviation = np.abs(frames - np.float32(mean)) if finite else np.zeros(frames.shape)
    place = np.unravel_index(int(deviation.argmax()), frames.shape)
    noise = features.get("dense_noise", {})
    if noise.get("metadata", {}).get("movie", movie) != movie:
        noise = {}
    numbers = noise.get("data", {})
    geometry = feature.get("sta_geometry", {})
    outline, wide, source = _outlines(geometry, numbers)
    return FieldView(
        movie=movie,
        frames=frames,
        time_ms=(first + np.arange(len(frames))) * np.float64(_frame_ms(session)),
        mean=mean,
        spread=float(deviation.max()),
        peak=(int(place[0]), int(place[1]), int(place[2])),
        outline=outline,
        wide_outline=wide,
        outline_source=source,
        facts=tuple(_field_facts(geometry, numbers)),
        n_spikes=int(facts.get("n_spikes_used", 0)),
    )


def _frame_ms(session: PipelineSession) -> float:
    """Return the median interval of the display; 60 Hz where there are no frames."""
    frames = np.asarray(session.metadata.get("frame_timestamps", ())).astype(np.int64)
    if frames.size < 2:
        return 1000.0 / 60.0
    return float(np.median(np.diff(frames))) * 1000.0 / session.acquisition_rate


def _outlines(
    geometry: Mapping[str, Any], numbers: Mapping[str, Any]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, str]:
    """Return the 1-σ and the 2-σ ellipse, and what fitted them."""
    from hdmea.analysis.ellipse import ellipse_outline

    shape, source = field_shape(geometry, numbers)
    if not source:
        return None, None, ""
    x, y, long, short, angle = shape
    one, two = (ellipse_outline(x, y, n * long, n * short, angle) for n in (1, 2))
    return one, two, f"1 and 2 σ, {source}"


def _field_facts(geometry: Mapping[str, Any], numbers: Mapping[str, Any]) -> Iterator[Fact]:
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
    from hdmea.features.registry import default_registry
    from hdmea.features.science.rf_outputs import RF_OUTPUTS

    outputs = (*RF_OUTPUTS, *default_registry().get("dense_noise").outputs)
    return {output.name: output.definition for output in outputs}


def _soma(unit: Mapping[str, Any], geometry: Mapping[str, Any]) -> tuple[tuple[float, float] | None, float]:
    row, col = (float(geometry.get(name, math.nan)) for name in ("chip_row", "chip_col"))
    if np.isfinite(row + col):
        return (row, col), float(geometry.get("equivalent_diameter", math.nan))
    if unit.get("row") and unit.get("col"):
        return (float(unit["row"]), float(unit["col"])), math.nan
    return None, math.nan


def _axon(axon: Mapping[str, Any], first: tuple[int, int]) -> NDArray[np.float64] | None:
    path = np.asarray(axon.get("path", ()), np.float64)
    if path.ndim != 2 or len(path) < 2:
        return None
    return path + np.asarray(first, np.float64)
