"""What the small pictures of units show; made on the worker thread for those that are seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hdmea_gui.views.parts.shared_query import is_movie

if TYPE_CHECKING:
    from hdmea.pipeline.session import PipelineSession
    from hdmea_gui.engine.workspace import Workspace

__all__ = ["KINDS", "STEPS", "Gallery", "GalleryQuery", "Tile"]

_MOST_BINS = 120
_ALPHA = 0.05


@dataclass(frozen=True)
class Tile:
    """One small picture: a curve, an image, or an outline around a centre.

    Attributes
    ----------
    x, y
        The curve; of an outline, in units of its reach. Empty without any.
    image
        float32 (rows, columns); None without one.
    levels
        Values at the ends of the colour map of the image, or the limits of the curve.
    diverging
        Whether the image has a centre.
    polar
        Whether it is an outline around a centre.
    preferred_deg
        A direction to mark; NaN if there is none, or it is not significant.
    note
        The largest value with its unit.
    """

    x: NDArray[np.floating]
    y: NDArray[np.floating]
    image: NDArray[np.float32] | None = None
    levels: tuple[float, float] = (0.0, 1.0)
    diverging: bool = False
    polar: bool = False
    preferred_deg: float = math.nan
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Tiles of some units, those without data left out; `movies` are those that have trials."""

    tiles: Mapping[str, Tile]
    movies: tuple[str, ...]
    movie: str = ""


@dataclass(frozen=True)
class GalleryQuery:
    """Tiles of one kind for some units; `movie` is the one whose trials are shown, if it has any."""

    kind: str
    unit_ids: tuple[str, ...]
    movie: str = ""

    def answer(self, workspace: Workspace) -> Gallery | None:
        """Return them; None without a session."""
        session = workspace.session
        if session is None:
            return None
        trials = {name: times for name, times in session.stimulus.get("trial_time", {}).items() if len(times)}
        movie = self.movie
        if movie not in trials:
            movie = max(trials, key=lambda name: len(trials[name]), default="")
        make = _MAKERS[self.kind]
        units = ((name, session.units[name]) for name in self.unit_ids if name in session.units)
        made = {name: make(session, unit, movie) for name, unit in units}
        tiles = {name: tile for name, tile in made.items() if tile is not None}
        return Gallery(tiles, tuple(trials), movie)


_Unit = Mapping[str, Any]


def _response(session: PipelineSession, unit: _Unit, movie: str) -> Tile | None:
    times = session.stimulus.get("trial_time", {}).get(movie)
    if times is None:
        return None
    from hdmea.analysis.psth import bin_width_for, psth
    from hdmea.analysis.trials import trial_span, unit_trials

    rate = session.acquisition_rate
    start, stop = trial_span(times, rate)
    width = min(bin_width_for(stop - start, _MOST_BINS), stop - start)
    found = psth(unit_trials(unit, movie, rate), start, stop, width)
    values = np.nan_to_num(found.rate)
    highest = float(values.max(initial=0.0))
    return Tile(found.edges_s, values, levels=(0.0, highest or 1.0), note=f"{highest:.0f} Hz")


def _average(session: PipelineSession, unit: _Unit, movie: str) -> Tile | None:
    from hdmea.analysis.images import centre_value, peak_frame

    features = unit.get("features", {})
    names = sorted(
        (name for name in features if name.startswith("sta_")), key=lambda name: name != f"sta_{movie}"
    )
    for name in names:
        frames = features[name].get("data")
        if is_movie(frames):
            centre = centre_value(frames)
            if not math.isfinite(centre):
                return None
            spread = float(np.nanmax(np.abs(frames - np.float32(centre)), initial=0.0)) or 1.0
            picture = np.asarray(frames[peak_frame(frames)], np.float32)
            return _picture(picture, (centre - spread, centre + spread), diverging=True)
    return None


def _footprint(session: PipelineSession, unit: _Unit, _movie: str) -> Tile | None:
    from hdmea.analysis.images import peak_to_peak
    from hdmea.features.science.electrode_noise import interpolated
    from hdmea.features.science.image_quality import bad_mask

    feature = unit.get("features", {}).get("eimage_sta") or {}
    image = feature.get("data")
    if not is_movie(image):
        return None
    amplitude = np.asarray(peak_to_peak(image), np.float32)
    bad = bad_mask(session.metadata, feature.get("metadata", {}), image.shape[1:])
    if bad.any() and not bad.all():
        amplitude = np.asarray(interpolated(amplitude, bad), np.float32)
    high = float(np.nanmax(amplitude, initial=0.0))
    unit_name = str(feature.get("metadata", {}).get("unit", "")).replace("uV", "µV")
    return _picture(amplitude, (0.0, high or 1.0), note=f"{high:.3g} {unit_name}") if high > 0 else None


def _picture(
    image: NDArray[np.float32], levels: tuple[float, float], *, diverging: bool = False, note: str = ""
) -> Tile:
    return Tile(np.zeros(0), np.zeros(0), image, levels, diverging, note=note)


def _directions(session: PipelineSession, unit: _Unit, _movie: str) -> Tile | None:
    from hdmea.declare import stored_as

    features = unit.get("features", {})
    entry = features.get(stored_as(features, "moving_bar")) or {}
    angles = session.stimulus.get("moving_bar_directions")
    if angles is None or "tuning_curve" not in entry.get("data", {}):
        return None
    numbers = entry["data"]
    response = np.asarray(numbers["tuning_curve"], np.float64)
    if np.isnan(response).all() and "tuning_curve_full_sweep" in numbers:
        response = np.asarray(numbers["tuning_curve_full_sweep"], np.float64)
    directions = np.deg2rad(np.asarray(angles, np.float64))
    order = np.argsort(directions)
    order = np.append(order, order[:1])
    reach = float(np.nanmax(response, initial=0.0))
    if not reach > 0:
        return None
    radius = np.nan_to_num(response[order]) / reach
    significant = float(numbers.get("dsi_p", math.nan)) < _ALPHA
    preferred = float(numbers.get("preferred_direction", math.nan)) if significant else math.nan
    dsi = float(numbers.get("dsi", math.nan))
    outline = (radius * np.cos(directions[order]), radius * np.sin(directions[order]))
    return Tile(
        *outline, polar=True, preferred_deg=preferred, note=f"DSI {dsi:.2f}" if math.isfinite(dsi) else ""
    )


def _waveform(session: PipelineSession, unit: _Unit, _movie: str) -> Tile | None:
    values = np.asarray(unit.get("waveform", np.zeros(0)), np.float64)
    if not values.size:
        return None
    unit_name = str(getattr(unit["waveform"], "attrs", {}).get("unit", ""))
    time = np.arange(values.size) * (1000.0 / session.acquisition_rate)
    note = f"{float(np.ptp(values)):.3g} {'' if unit_name == 'source' else unit_name}".strip()
    return Tile(time, values, levels=(float(values.min()), float(values.max())), note=note)


def _correlogram(session: PipelineSession, unit: _Unit, _movie: str) -> Tile | None:
    from hdmea.analysis.correlograms import autocorrelogram

    spikes = np.asarray(unit["spike_times"])
    if spikes.size < 2:
        return None
    found = autocorrelogram(spikes, session.acquisition_rate, window_ms=50.0, bin_ms=1.0)
    highest = float(np.nanmax(found.rate, initial=0.0))
    return Tile(found.edges_ms, found.rate, levels=(0.0, highest or 1.0), note=f"{highest:.0f} Hz")


_MAKERS: dict[str, Callable[[PipelineSession, _Unit, str], Tile | None]] = {
    "response": _response,
    "average": _average,
    "directions": _directions,
    "waveform": _waveform,
    "correlogram": _correlogram,
    "footprint": _footprint,
}
KINDS: Final[Mapping[str, str]] = {
    "response": "Responses (PSTH)",
    "average": "Spike-triggered averages",
    "directions": "Direction tuning",
    "waveform": "Waveforms",
    "correlogram": "Autocorrelograms",
    "footprint": "Electrical images",
}
"""What the tiles can show, by name."""
STEPS: Final[Mapping[str, str]] = {
    "response": "section_spike_times",
    "average": "compute_sta",
    "directions": "extract_features",
    "footprint": "compute_eimage_sta",
}
"""The step that makes what a kind of tiles shows."""
