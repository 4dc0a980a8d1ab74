"""Panels of figures: what a unit shows, drawn with matplotlib from the same answers that the views get."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.analysis.correlograms import autocorrelogram
from hdmea.analysis.ellipse import ellipse_outline
from hdmea.analysis.field_shape import field_shape, is_refuted
from hdmea.analysis.images import centre_value, peak_frame, peak_to_peak
from hdmea.analysis.polar import polar_curve, ring_radii
from hdmea.analysis.psth import bin_width_for, psth
from hdmea.analysis.raster import SpikeRaster
from hdmea.analysis.rates import rate_bin_for, rate_over_time
from hdmea.analysis.trials import mean_light, trial_span, unit_trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from matplotlib.gridspec import SubplotSpec

    from hdmea.pipeline.session import PipelineSession

__all__ = [
    "PANELS",
    "Cell",
    "Panel",
    "draw_panel",
    "field_map",
    "frame_times_ms",
    "movies_of",
    "population_raster",
    "unit_map",
]

_BLUE, _RED, _GREY = "#2166ac", "#b2182b", "#999999"
_KINDS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
"""Colours that the colour-blind tell apart (Okabe & Ito)."""
_MOST_VECTOR_SPIKES = 20_000


@dataclass(frozen=True)
class Cell:
    """What a panel is drawn of.

    Attributes
    ----------
    session
        A session.
    unit_id
        The unit.
    movie
        Movie of rasters; empty for the one with most trials that the unit has spikes of.
    line
        Width of lines in points.
    """

    session: PipelineSession
    unit_id: str
    movie: str = ""
    line: float = 0.75

    @property
    def unit(self) -> Mapping[str, Any]:
        """The unit's data."""
        found: Mapping[str, Any] = self.session.units[self.unit_id]
        return found

    def feature(self, name: str) -> Mapping[str, Any]:
        """Return a feature of the unit (data, metadata); empty if it has none."""
        found = (self.unit.get("features") or {}).get(name)
        return found if isinstance(found, Mapping) else {}

    def numbers(self, name: str) -> Mapping[str, Any]:
        """Return the numbers of a feature; empty if the unit has none."""
        found = self.feature(name).get("data")
        return found if isinstance(found, Mapping) else {}

    @property
    def average(self) -> tuple[str, Mapping[str, Any]]:
        """Movie and feature of the first spike-triggered average; empty if there is none."""
        for name in self.unit.get("features") or {}:
            if name.startswith("sta_") and _is_movie(self.feature(name).get("data")):
                return name.removeprefix("sta_"), self.feature(name)
        return "", {}


@dataclass(frozen=True)
class Panel:
    """One kind of panel: its title, and what draws it; that returns False if there is nothing to draw."""

    title: str
    draw: Callable[[FigureBase, SubplotSpec, Cell], bool]


def draw_panel(figure: FigureBase, place: SubplotSpec, name: str, cell: Cell) -> None:
    """Draw a panel at its place; where there is nothing to draw it says so."""
    panel = PANELS[name]
    if not panel.draw(figure, place, cell):
        axes = figure.add_subplot(place)
        axes.set_axis_off()
        text = f"{panel.title}:\nnot computed"
        axes.text(0.5, 0.5, text, ha="center", va="center", color=_GREY, transform=axes.transAxes)


def movies_of(cell: Cell) -> list[str]:
    """Return the movies of which the unit has trials, those with most trials first."""
    times = cell.session.stimulus.get("trial_time") or {}
    cut = cell.unit.get("spike_times_sectioned") or {}
    found = [movie for movie in times if len(times[movie]) and movie in cut]
    return sorted(found, key=lambda movie: -len(times[movie]))


# -- panels of a unit ------------------------------------------------------------------------------------


def _waveform(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    wave = cell.unit.get("waveform")
    if wave is None or not len(wave):
        return False
    axes = figure.add_subplot(place)
    time = np.arange(len(wave)) * 1000.0 / cell.session.acquisition_rate
    axes.plot(time, np.asarray(wave), color="black", linewidth=cell.line)
    unit = _plain(str(getattr(wave, "attrs", {}).get("unit", "")))
    known = unit not in ("", "source")
    axes.set(xlabel="Time (ms)", ylabel=f"Amplitude ({unit})" if known else "Source signal", title="Waveform")
    return True


def _autocorrelogram(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    spikes = np.asarray(cell.unit["spike_times"])
    if spikes.size < 2:
        return False
    found = autocorrelogram(spikes, cell.session.acquisition_rate)
    axes = figure.add_subplot(place)
    axes.stairs(found.rate, found.edges_ms, fill=True, color="black", linewidth=0)
    axes.set(xlabel="Lag (ms)", ylabel="Rate (Hz)", title="Autocorrelogram", xlim=found.edges_ms[[0, -1]])
    axes.set_ylim(bottom=0)
    return True


def _rate(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    spikes, session = np.asarray(cell.unit["spike_times"]), cell.session
    if not spikes.size:
        return False
    segments = session.metadata.get("segments")
    parts = None if segments is None or not np.size(segments) else np.reshape(segments, (-1, 2))
    bin_s = rate_bin_for(session.duration_s)
    found = rate_over_time(spikes, session.acquisition_rate, session.duration_s, bin_s, parts)
    axes = figure.add_subplot(place)
    axes.stairs(found.rate, found.edges_s, color="black", linewidth=cell.line)
    axes.set(xlabel="Time (s)", ylabel="Rate (Hz)", title="Rate", xlim=(0, session.duration_s))
    axes.set_ylim(bottom=0)
    return True


def _raster(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    movies = movies_of(cell)
    movie = cell.movie if cell.movie in movies else "" if cell.movie else (movies[0] if movies else "")
    if not movie:
        return False
    session = cell.session
    times, rate = session.stimulus["trial_time"][movie], session.acquisition_rate
    start, stop = trial_span(times, rate)
    trials = unit_trials(cell.unit, movie, rate)
    light_s, light, _ = mean_light(
        (session.stimulus.get("light_reference") or {}).get("1khz_ch1"), times, rate, (start, stop)
    )
    rows = place.subgridspec(3, 1, height_ratios=(0.6, 2, 2), hspace=0.05)
    top = figure.add_subplot(rows[0])
    top.set_title(movie, fontsize="small")
    top.set_xlim(start, stop)
    top.set_axis_off()
    if light.size:
        top.plot(light_s, light, color=_BLUE, linewidth=cell.line)
    spikes = figure.add_subplot(rows[1], sharex=top)
    many = sum(trial.size for trial in trials) > _MOST_VECTOR_SPIKES
    spikes.eventplot(trials, colors="black", linewidths=cell.line / 2, linelengths=0.8, rasterized=many)
    spikes.set(ylim=(len(trials) - 0.5, -0.5), ylabel="Trial", yticks=[])
    spikes.tick_params(labelbottom=False, bottom=False)
    spikes.spines["bottom"].set_visible(False)
    rates = figure.add_subplot(rows[2], sharex=top)
    found = psth(trials, start, stop, min(bin_width_for(stop - start, 150), stop - start))
    rates.stairs(found.rate, found.edges_s, color="black", linewidth=cell.line)
    rates.set(xlabel="Time (s)", ylabel="Rate (Hz)", xlim=(start, stop))
    rates.set_ylim(bottom=0)
    return True


def _tuning(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    numbers = cell.numbers("moving_bar")
    directions = cell.session.stimulus.get("moving_bar_directions")
    if directions is None or "tuning_curve" not in numbers:
        return False
    response = np.asarray(numbers["tuning_curve"], np.float64)
    error = np.asarray(numbers.get("tuning_sem", np.full(response.shape, np.nan)), np.float64)
    if not np.isfinite(response).any():
        return False
    curve = polar_curve(np.asarray(directions), response, error)
    axes = figure.add_subplot(place)
    rings = ring_radii(curve.reach)
    turn = np.linspace(0, 2 * np.pi, 121)
    for radius in rings:
        axes.plot(radius * np.cos(turn), radius * np.sin(turn), color="#dddddd", linewidth=cell.line / 2)
    reach = float(rings[-1])
    for degrees, text in ((0, "0°"), (90, "90°"), (180, "180°"), (270, "270°")):
        x, y = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        axes.plot((0, reach * x), (0, reach * y), color="#dddddd", linewidth=cell.line / 2)
        axes.text(1.16 * reach * x, 1.16 * reach * y, text, ha="center", va="center", color=_GREY)
    axes.plot(*curve.outline.T, color="black", linewidth=cell.line)
    for ends in curve.bars.reshape(-1, 2, 2):
        axes.plot(*ends.T, color="black", linewidth=cell.line)
    preferred = float(numbers.get("preferred_direction", math.nan))
    if math.isfinite(preferred):
        angle = math.radians(preferred)
        axes.plot((0, reach * math.cos(angle)), (0, reach * math.sin(angle)), color=_RED, linewidth=cell.line)
    dsi, p = (float(numbers.get(name, math.nan)) for name in ("dsi", "dsi_p"))
    said = [f"DSI {dsi:.2f}"] * math.isfinite(dsi) + [f"p {p:.2g}"] * math.isfinite(p)
    axes.set(aspect="equal", title=", ".join(said) or "Direction tuning")
    axes.set(xlim=(-1.35 * reach, 1.35 * reach), ylim=(-1.35 * reach, 1.35 * reach))
    axes.set_axis_off()
    axes.text(0.5, -0.02, f"outer ring {reach:g} spikes", ha="center", va="top", transform=axes.transAxes)
    return True


def _frequency(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    numbers, stored = cell.numbers("chirp"), cell.session.stimulus.get("chirp_frequencies")
    if stored is None or "amplitude" not in numbers:
        return False
    frequencies = np.asarray(stored, np.float64)
    order = np.argsort(frequencies)
    amplitude, low, high = (
        np.asarray(numbers[name], np.float64)[order]
        for name in ("amplitude", "amplitude_low", "amplitude_high")
    )
    axes = figure.add_subplot(place)
    bars = np.maximum(np.stack((amplitude - low, high - amplitude)), 0)
    axes.errorbar(
        frequencies[order], amplitude, bars, color="black", linewidth=cell.line, marker="o", markersize=2
    )
    axes.set(xscale="log", xlabel="Frequency (Hz)", ylabel="F1 (Hz)", title="Frequency response")
    axes.set_xticks(frequencies[order], [f"{value:g}" for value in frequencies[order]])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    return True


def _receptive_field(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    movie, feature = cell.average
    if not movie:
        return False
    frames = np.asarray(feature["data"], np.float64)
    if not np.isfinite(frames).all():
        return False
    at, centre = peak_frame(frames), centre_value(frames)
    spread = float(np.abs(frames - centre).max()) or 1.0
    axes = figure.add_subplot(place)
    axes.imshow(
        frames[at], cmap="RdBu_r", vmin=centre - spread, vmax=centre + spread, interpolation="nearest"
    )
    noise = cell.numbers("dense_noise")
    if cell.feature("dense_noise").get("metadata", {}).get("movie", movie) != movie:
        noise = {}
    shape, source = field_shape(feature.get("sta_geometry") or {}, noise)
    if source:
        x, y, long_axis, short_axis, angle = shape
        axes.plot(*ellipse_outline(x, y, long_axis, short_axis, angle).T, color="black", linewidth=cell.line)
    title = "no receptive field" if is_refuted(noise) else f"STA, {frame_times_ms(cell, feature)[at]:.0f} ms"
    axes.set(title=title.replace("-", "−"))
    axes.set(xlim=(-0.5, frames.shape[2] - 0.5), ylim=(frames.shape[1] - 0.5, -0.5))
    axes.set_axis_off()
    _scale_bar(axes, frames.shape[2], 1.0, "px")
    return True


def _time_course(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    movie, feature = cell.average
    frames = np.asarray(feature["data"], np.float64) if movie else np.zeros(0)
    if not frames.size or not np.isfinite(frames).all():
        return False
    deviation = np.abs(frames - centre_value(frames))
    _, row, col = np.unravel_index(int(deviation.argmax()), frames.shape)
    axes = figure.add_subplot(place)
    axes.axhline(centre_value(frames), color=_GREY, linewidth=cell.line / 2)
    axes.plot(frame_times_ms(cell, feature), frames[:, row, col], color="black", linewidth=cell.line)
    axes.set(xlabel="Time before spike (ms)", ylabel="Stimulus", title="Time course")
    return True


def _electrical_image(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    feature = cell.feature("eimage_sta")
    image = feature.get("data")
    if not _is_movie(image) or not np.isfinite(np.asarray(image)).any():
        return False
    facts = feature.get("metadata") or {}
    row, col = (int(facts.get(name, 1)) for name in ("first_row", "first_column"))
    amplitude = peak_to_peak(np.asarray(image))
    height, width = amplitude.shape
    axes = figure.add_subplot(place)
    extent = (col - 0.5, col + width - 0.5, row + height - 0.5, row - 0.5)
    shown = axes.imshow(amplitude, cmap="viridis", interpolation="nearest", extent=extent)
    bar = figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.03)
    bar.set_label(f"Peak to peak ({_plain(str(facts.get('unit', ''))) or 'no unit'})")
    geometry = feature.get("geometry") or {}
    soma = [float(geometry.get(name, math.nan)) for name in ("chip_col", "chip_row")]
    if np.isfinite(soma).all():
        axes.plot(*soma, marker="+", color="white", markersize=5, markeredgewidth=cell.line)
    axes.set(title="Electrical image", xlim=extent[:2], ylim=extent[2:])
    axes.set_axis_off()
    pitch = cell.session.metadata.get("sensor_pitch_um")
    _scale_bar(
        axes, width, 1.0 if pitch is None else float(np.ravel(pitch)[0]), "el." if pitch is None else "µm"
    )
    return True


def _chip(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    return unit_map(figure.add_subplot(place), cell.session, (cell.unit_id,), cell.line)


# -- the population --------------------------------------------------------------------------------------


def unit_map(axes: Axes, session: PipelineSession, chosen: tuple[str, ...] = (), line: float = 0.75) -> bool:
    """Draw where the units are on the chip, the chosen ones in red; return whether any place is known."""
    from hdmea.recordings.mcs.vocabulary import CHIP_EDGE

    places = {
        name: (float(unit["col"]), float(unit["row"]))
        for name, unit in session.units.items()
        if unit.get("row") and unit.get("col")
    }
    axes.set(xlim=(0, CHIP_EDGE + 1), ylim=(CHIP_EDGE + 1, 0), aspect="equal", title="Chip")
    axes.set(xlabel="Column", ylabel="Row", xticks=(1, CHIP_EDGE), yticks=(1, CHIP_EDGE))
    axes.spines[["top", "right"]].set_visible(True)
    for names, colour, size in (
        ([name for name in places if name not in chosen], _GREY, 3),
        ([name for name in places if name in chosen], _RED, 8),
    ):
        if names:
            x, y = zip(*(places[name] for name in names), strict=True)
            axes.scatter(x, y, s=size, color=colour, linewidths=0)
    return bool(places)


def field_map(axes: Axes, session: PipelineSession, line: float = 0.75) -> bool:
    """Draw the 1 σ ellipses of all receptive fields, coloured by cell type; return whether there is any."""
    kinds: dict[str, list[Any]] = {}
    shape: tuple[int, int] | None = None
    for name in session.units:
        cell = Cell(session, name)
        movie, feature = cell.average
        noise = cell.numbers("dense_noise")
        if not movie or cell.feature("dense_noise").get("metadata", {}).get("movie", movie) != movie:
            noise = {}
        fitted, source = field_shape(feature.get("sta_geometry") or {}, noise) if movie else ((), "")
        if source:
            x, y, long_axis, short_axis, angle = fitted
            kind = str(cell.numbers("cell_type").get("cell_type", "")) or "no type"
            kinds.setdefault(kind, []).append(ellipse_outline(x, y, long_axis, short_axis, angle))
            shape = feature["data"].shape[1:]
    if shape is None:
        return False
    for at, (kind, outlines) in enumerate(sorted(kinds.items())):
        for outline in outlines:
            label = kind if outline is outlines[0] else None
            axes.plot(*outline.T, color=_KINDS[at % len(_KINDS)], linewidth=line, label=label)
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5), aspect="equal")
    axes.set(title="Receptive fields, 1 σ", xlabel="Column (px)", ylabel="Row (px)")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return True


def population_raster(axes: Axes, session: PipelineSession, columns: int = 900) -> None:
    """Draw the rate of all units over the whole recording, one row per unit, and when movies were shown."""
    trains = [np.asarray(unit["spike_times"]) for unit in session.units.values()]
    raster = SpikeRaster(trains, session.acquisition_rate, session.duration_s)
    image = raster.image(0.0, session.duration_s, columns)
    top = float(np.percentile(image.rate, 99)) if image.rate.size else 1.0
    axes.imshow(
        image.rate,
        cmap="Greys",
        vmin=0,
        vmax=max(top, 1e-9),
        aspect="auto",
        interpolation="nearest",
        extent=(0, session.duration_s, len(trains) + 0.5, 0.5),
    )
    for movie, sections in (session.stimulus.get("section_time") or {}).items():
        for start, _ in np.asarray(sections) / session.acquisition_rate:
            axes.axvline(start, color=_BLUE, linewidth=0.4)
            axes.annotate(
                movie, (start, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                rotation=25, ha="left", va="bottom", fontsize="small",
            )  # fmt: skip
    axes.set(xlabel="Time (s)", ylabel="Unit")


# -- parts -----------------------------------------------------------------------------------------------


def _is_movie(data: Any) -> bool:
    return hasattr(data, "shape") and len(data.shape) == 3 and 0 not in data.shape


def _plain(unit: str) -> str:
    return unit.replace("uV", "µV")


def frame_times_ms(cell: Cell, feature: Mapping[str, Any]) -> Any:
    """Return when each frame of an average was shown, in ms before the spike's own frame."""
    frames = np.asarray(cell.session.metadata.get("frame_timestamps", ())).astype(np.int64)
    interval = (
        float(np.median(np.diff(frames))) / cell.session.acquisition_rate if frames.size > 1 else 1 / 60
    )
    window = np.ravel((feature.get("metadata") or {}).get("cover_range", (-len(feature["data"]), 0)))
    return (int(window[0]) + np.arange(len(feature["data"]))) * interval * 1000.0


def _scale_bar(axes: Axes, width: int, step: float, unit: str) -> None:
    """Draw a bar of a round length, about a quarter of a picture, below its left corner."""
    length = max(
        rounded
        for rounded in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
        if rounded <= max(width * step / 3, 1)
    )
    left = axes.get_xlim()[0]
    bottom = max(axes.get_ylim())
    height = abs(axes.get_ylim()[0] - axes.get_ylim()[1])
    y = bottom + 0.05 * height
    axes.plot((left, left + length / step), (y, y), color="black", linewidth=1.5, clip_on=False)
    axes.text(left, y + 0.04 * height, f"{length} {unit}", ha="left", va="top", clip_on=False)


PANELS: dict[str, Panel] = {
    "waveform": Panel("Waveform", _waveform),
    "autocorrelogram": Panel("Autocorrelogram", _autocorrelogram),
    "rate": Panel("Rate", _rate),
    "raster": Panel("Raster and PSTH", _raster),
    "tuning": Panel("Direction tuning", _tuning),
    "frequency": Panel("Frequency response", _frequency),
    "receptive_field": Panel("Receptive field", _receptive_field),
    "time_course": Panel("Time course", _time_course),
    "electrical_image": Panel("Electrical image", _electrical_image),
    "chip": Panel("Chip", _chip),
}
"""What a figure can be made of."""
