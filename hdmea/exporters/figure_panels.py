"""Panels of figures: what views show of a recording and its units, drawn with matplotlib for print."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hdmea.analysis.correlograms import autocorrelogram
from hdmea.analysis.decimation import envelope
from hdmea.analysis.ellipse import ellipse_outline
from hdmea.analysis.field_shape import field_shape, is_refuted
from hdmea.analysis.images import centre_value, peak_frame, peak_to_peak
from hdmea.analysis.intervals import interval_histogram
from hdmea.analysis.marked_response import MarkedResponse, stored_response
from hdmea.analysis.polar import polar_curve, ring_radii
from hdmea.analysis.psth import bin_width_for, psth
from hdmea.analysis.raster import SpikeRaster
from hdmea.analysis.rates import rate_bin_for, rate_over_time
from hdmea.analysis.trials import mean_light, trial_span, unit_trials
from hdmea.declare import Recording
from hdmea.exporters.figure_style import PLAIN, FigureStyle
from hdmea.exporters.raw_voltages import voltages_around
from hdmea.exporters.unit_numbers import number_rows

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
    "frame_times_ms",
    "movies_of",
]

_GRID = "#dddddd"
_MOST_VECTOR_SPIKES = 20_000
_COLUMNS = 900
_COLUMN_MM = 80.0
_WIDTH_OF_NAME = 14


@dataclass(frozen=True)
class Cell:
    """What a panel is drawn of.

    Attributes
    ----------
    session
        A session.
    unit_id
        The unit; empty for a panel of the recording.
    movie
        Movie of rasters; empty for the one with most trials that the unit has spikes of.
    style
        Colours and widths.
    time_s
        Stretch of the recording in panels over time; None for all.
    moment_ms
        Frame of an average or an electrical image relative to the spike; None for its peak.
    place
        Row and column of the pixel or electrode whose course is drawn; None for the peak.
    """

    session: PipelineSession
    unit_id: str
    movie: str = ""
    style: FigureStyle = PLAIN
    time_s: tuple[float, float] | None = None
    moment_ms: float | None = None
    place: tuple[int, int] | None = None

    @property
    def line(self) -> float:
        """Width of lines in points."""
        return self.style.line_width

    @property
    def span_s(self) -> tuple[float, float]:
        """Stretch of the recording that is drawn, in seconds."""
        return self.time_s or (0.0, self.session.duration_s)

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
    """One kind of panel.

    Attributes
    ----------
    title
        What it shows.
    draw
        Draws it; returns False, with nothing drawn, if there is nothing to draw.
    of_unit
        Whether it is of a unit; otherwise it is of the recording.
    wide
        Whether it is as wide as the page.
    """

    title: str
    draw: Callable[[FigureBase, SubplotSpec, Cell], bool]
    of_unit: bool = True
    wide: bool = False


def draw_panel(figure: FigureBase, place: SubplotSpec, name: str, cell: Cell) -> None:
    """Draw a panel at its place; where there is nothing to draw it says so."""
    panel = PANELS[name]
    if not panel.draw(figure, place, cell):
        axes = figure.add_subplot(place)
        axes.set_axis_off()
        text = f"{panel.title}:\nnot computed"
        axes.text(
            0.5, 0.5, text, ha="center", va="center", color=cell.style.muted_colour, transform=axes.transAxes
        )


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
    axes.plot(time, np.asarray(wave), color=cell.style.line_colour, linewidth=cell.line)
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
    axes.stairs(found.rate, found.edges_ms, fill=True, color=cell.style.line_colour, linewidth=0)
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
    axes.stairs(found.rate, found.edges_s, color=cell.style.line_colour, linewidth=cell.line)
    axes.set(xlabel="Time (s)", ylabel="Rate (Hz)", title="Rate", xlim=cell.span_s)
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
    top.set_title(_wrapped(movie), fontsize="small")
    top.set_xlim(start, stop)
    top.set_axis_off()
    if light.size:
        top.plot(light_s, light, color=cell.style.light_colour, linewidth=cell.line)
    spikes = figure.add_subplot(rows[1], sharex=top)
    many = sum(trial.size for trial in trials) > _MOST_VECTOR_SPIKES
    spikes.eventplot(
        trials, colors=cell.style.line_colour, linewidths=cell.line / 2, linelengths=0.8, rasterized=many
    )
    spikes.set(ylim=(len(trials) - 0.5, -0.5), ylabel="Trial", yticks=[])
    spikes.tick_params(labelbottom=False, bottom=False)
    spikes.spines["bottom"].set_visible(False)
    rates = figure.add_subplot(rows[2], sharex=top)
    found = psth(trials, start, stop, min(bin_width_for(stop - start, 150), stop - start))
    rates.stairs(found.rate, found.edges_s, color=cell.style.line_colour, linewidth=cell.line)
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
        axes.plot(radius * np.cos(turn), radius * np.sin(turn), color=_GRID, linewidth=cell.line / 2)
    reach = float(rings[-1])
    for degrees, text in ((0, "0°"), (90, "90°"), (180, "180°"), (270, "270°")):
        x, y = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        axes.plot((0, reach * x), (0, reach * y), color=_GRID, linewidth=cell.line / 2)
        axes.text(
            1.16 * reach * x, 1.16 * reach * y, text, ha="center", va="center", color=cell.style.muted_colour
        )
    axes.plot(*curve.outline.T, color=cell.style.line_colour, linewidth=cell.line)
    for ends in curve.bars.reshape(-1, 2, 2):
        axes.plot(*ends.T, color=cell.style.line_colour, linewidth=cell.line)
    preferred = float(numbers.get("preferred_direction", math.nan))
    if math.isfinite(preferred):
        angle = math.radians(preferred)
        axes.plot(
            (0, reach * math.cos(angle)),
            (0, reach * math.sin(angle)),
            color=cell.style.accent_colour,
            linewidth=cell.line,
        )
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
        frequencies[order],
        amplitude,
        bars,
        color=cell.style.line_colour,
        linewidth=cell.line,
        marker="o",
        markersize=2,
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
    times = frame_times_ms(cell, feature)
    at, centre = _frame_at(times, cell.moment_ms, peak_frame(frames)), centre_value(frames)
    spread = float(np.abs(frames - centre).max()) or 1.0
    axes = figure.add_subplot(place)
    axes.imshow(
        frames[at],
        cmap=cell.style.difference_map,
        vmin=centre - spread,
        vmax=centre + spread,
        interpolation="nearest",
    )
    noise = cell.numbers("dense_noise")
    if cell.feature("dense_noise").get("metadata", {}).get("movie", movie) != movie:
        noise = {}
    shape, source = field_shape(feature.get("sta_geometry") or {}, noise)
    if source:
        x, y, long_axis, short_axis, angle = shape
        axes.plot(
            *ellipse_outline(x, y, long_axis, short_axis, angle).T,
            color=cell.style.line_colour,
            linewidth=cell.line,
        )
    title = "no receptive field" if is_refuted(noise) else f"STA, {times[at]:.0f} ms"
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
    deviation = np.abs(frames - centre_value(frames)).max(axis=0)
    row, col = _within(cell.place, deviation.shape) or np.unravel_index(deviation.argmax(), deviation.shape)
    axes = figure.add_subplot(place)
    axes.axhline(centre_value(frames), color=cell.style.muted_colour, linewidth=cell.line / 2)
    axes.plot(
        frame_times_ms(cell, feature), frames[:, row, col], color=cell.style.line_colour, linewidth=cell.line
    )
    axes.set(xlabel="Time before spike (ms)", ylabel="Stimulus", title="Time course")
    return True


def _electrical_image(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    found = _image_of(cell)
    if found is None:
        return False
    axes = figure.add_subplot(place)
    shown = _show_image(axes, cell, found, found.amplitude, cmap=cell.style.magnitude_map)
    bar = figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.03)
    bar.set_label(f"Peak to peak ({found.unit})")
    soma = [float(found.geometry.get(name, math.nan)) for name in ("chip_col", "chip_row")]
    if np.isfinite(soma).all():
        axes.plot(*soma, marker="+", color="white", markersize=5, markeredgewidth=cell.line)
    if found.axon.ndim == 2 and len(found.axon) > 1:
        axes.plot(*(found.axon + found.first).T[::-1], color="white", linewidth=cell.line)
    axes.set(title="Electrical image")
    return True


def _electrical_moment(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    found = _image_of(cell)
    if found is None:
        return False
    row, col = np.unravel_index(int(np.nan_to_num(found.amplitude).argmax()), found.amplitude.shape)
    deepest = int(np.nan_to_num(np.abs(found.frames[:, row, col])).argmax())
    at = _frame_at(found.times_ms, cell.moment_ms, deepest)
    spread = float(np.nanmax(np.abs(found.frames))) or 1.0
    axes = figure.add_subplot(place)
    limits = {"vmin": -spread, "vmax": spread}
    shown = _show_image(axes, cell, found, found.frames[at], cmap=cell.style.difference_map, **limits)
    figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.03).set_label(f"Voltage ({found.unit})")
    axes.set(title=f"{found.times_ms[at]:.2f} ms".replace("-", "−"))
    return True


def _traces(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    found = _image_of(cell)
    if found is None:
        return False
    shape = found.amplitude.shape
    given = None if cell.place is None else (cell.place[0] - found.first[0], cell.place[1] - found.first[1])
    peak = np.unravel_index(int(np.nan_to_num(found.amplitude).argmax()), shape)
    row, col = _within(given, shape) or (int(peak[0]), int(peak[1]))
    axes = figure.add_subplot(place)
    rows, cols = (slice(max(0, at - 1), at + 2) for at in (row, col))
    near = found.frames[:, rows, cols].reshape(len(found.frames), -1)
    axes.plot(found.times_ms, near, color=cell.style.muted_colour, linewidth=cell.line / 2)
    axes.plot(found.times_ms, found.frames[:, row, col], color=cell.style.line_colour, linewidth=cell.line)
    where = f"row {row + found.first[0]}, column {col + found.first[1]}"
    axes.set(xlabel="Time (ms)", ylabel=f"Voltage ({found.unit})", title=where)
    return True


def _intervals(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    found = interval_histogram(np.asarray(cell.unit["spike_times"]), cell.session.acquisition_rate)
    if not found.n_intervals:
        return False
    axes = figure.add_subplot(place)
    axes.axvspan(0, found.refractory_ms, color=cell.style.accent_colour, alpha=0.25, linewidth=0)
    axes.stairs(found.counts, found.edges_ms, fill=True, color=cell.style.line_colour, linewidth=0)
    title = f"{100 * found.short_fraction:.2g} % < {found.refractory_ms:g} ms"
    axes.set(xlabel="Interval (ms)", ylabel="Count", title=title, xlim=found.edges_ms[[0, -1]])
    return True


def _steps(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    recording = Recording({cell.unit_id: cell.unit}, cell.session.metadata, cell.session.stimulus)
    for feature in ("on_off", "green_blue"):
        found = stored_response(recording, feature)
        if found is not None:
            _draw_steps(figure.add_subplot(place), cell, *found)
            return True
    return False


def _draw_steps(axes: Axes, cell: Cell, movie: str, found: MarkedResponse) -> None:
    axes.plot(found.time_s, found.rate, color=cell.style.line_colour, linewidth=cell.line)
    axes.axhline(found.baseline_hz, color=cell.style.muted_colour, linewidth=cell.line / 2)
    for mark in found.marks:
        axes.axvspan(
            mark.start_s, mark.stop_s, ymin=0.97, color=cell.style.light_colour, linewidth=0,
            alpha=0.8 if mark.name.endswith("on") else 0.25,
        )  # fmt: skip
        if mark.responds and math.isfinite(mark.peak_s):
            axes.plot(mark.peak_s, mark.peak_hz, marker="v", color=cell.style.accent_colour, markersize=3)
        if math.isfinite(mark.latency_s):
            axes.axvline(
                mark.latency_s, color=cell.style.accent_colour, linewidth=cell.line / 2, linestyle="--"
            )
        axes.plot(
            (mark.sustained_from_s, mark.stop_s), (mark.sustained_hz,) * 2,
            color=cell.style.accent_colour, linewidth=2 * cell.line,
        )  # fmt: skip
    axes.set(xlabel="Time (s)", ylabel="Rate (Hz)", title=_wrapped(movie), xlim=found.time_s[[0, -1]])


def _numbers(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    rows = number_rows(cell.session, (cell.unit_id,))[cell.unit_id]
    if not rows:
        return False
    axes = figure.add_subplot(place)
    axes.set_axis_off()
    across = max(1, int(cell.style.width_mm // _COLUMN_MM))
    lines = -(-len(rows) // across)
    # As large as fits into a row of the page.
    size = min(cell.style.font_size, 0.8 * 72 / 25.4 * cell.style.row_mm / lines)
    for at, (name, value, interval, p, *_) in enumerate(rows):
        left, y = at // lines / across, 1 - (at % lines + 0.5) / lines
        said = " ".join((value, f"({interval})" if interval else "", f"p {p}" if p else "")).strip()
        for x, side, text in ((left, "left", name), (left + 0.95 / across, "right", said)):
            axes.text(
                x, y, text, ha=side, va="center", fontsize=size, transform=axes.transAxes, in_layout=False
            )
    return True


def _chip(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    axes = _chip_axes(figure, place)
    places = _places(cell.session)
    for names, colour, size in (
        ([name for name in places if name != cell.unit_id], cell.style.muted_colour, 3),
        ([name for name in places if name == cell.unit_id], cell.style.accent_colour, 8),
    ):
        x, y = np.reshape([places[name] for name in names], (-1, 2)).T
        axes.scatter(x, y, s=size, color=colour, linewidths=0)
    return True


def _voltages(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    found = voltages_around(cell.session, cell.unit_id, cell.time_s)
    if found is None or not np.isfinite(found.values).any():
        return False
    axes = figure.add_subplot(place)
    step = 0.7 * float(np.nanmax(found.values) - np.nanmin(found.values)) or 1.0
    for at, values in enumerate(found.values):
        axes.plot(found.time_s, values - at * step, color=cell.style.line_colour, linewidth=cell.line / 2)
    names = [f"{row}, {column}" for row, column in found.places.tolist()]
    axes.set_yticks([-at * step for at in range(len(names))], names)
    top = np.full(found.spikes_s.size, 0.6 * step)
    axes.plot(found.spikes_s, top, "v", color=cell.style.accent_colour, markersize=3)
    height = _rounded(step)
    right = found.span_s[1]
    axes.plot((right, right), (0, -height), color="black", linewidth=1.5, clip_on=False)
    axes.annotate(
        f"{height} {found.unit}", (right, -height / 2), (3, 0), textcoords="offset points",
        va="center", annotation_clip=False,
    )  # fmt: skip
    axes.set(xlabel="Time (s)", ylabel="Electrode (row, column)", xlim=found.span_s)
    return True


# -- panels of the recording -----------------------------------------------------------------------------


def _units_on_chip(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    places = _places(cell.session)
    if not places:
        return False
    axes = _chip_axes(figure, place)
    units, duration = cell.session.units, max(cell.session.duration_s, 1e-9)
    rates = [len(units[name]["spike_times"]) / duration for name in places]
    x, y = np.array(list(places.values())).T
    shown = axes.scatter(x, y, s=6, c=rates, cmap=cell.style.magnitude_map, linewidths=0)
    figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.03).set_label("Rate (Hz)")
    return True


def _noise(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    stored = cell.session.metadata.get("electrodes") or {}
    noise = stored.get("noise_sd")
    if noise is None or np.ndim(noise) != 2:
        return False
    row, col = int(stored.get("first_row", 1)), int(stored.get("first_column", 1))
    values = np.asarray(noise, np.float64)
    axes = figure.add_subplot(place)
    extent = (col - 0.5, col + values.shape[1] - 0.5, row + values.shape[0] - 0.5, row - 0.5)
    shown = axes.imshow(values, cmap=cell.style.magnitude_map, interpolation="nearest", extent=extent)
    unit = _plain(str(getattr(noise, "attrs", {}).get("unit", ""))) or "no unit"
    figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.03).set_label(f"Noise SD ({unit})")
    bad = np.reshape(np.asarray(stored.get("bad", ()), np.float64), (-1, 2))
    axes.scatter(bad[:, 1], bad[:, 0], marker="x", s=6, color=cell.style.accent_colour, linewidths=cell.line)
    axes.set(title="Noise of the electrodes", xlabel="Column", ylabel="Row")
    return True


def _fields(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    kinds: dict[str, list[Any]] = {}
    shape: tuple[int, int] | None = None
    for name in cell.session.units:
        own = Cell(cell.session, name)
        movie, feature = own.average
        noise = own.numbers("dense_noise")
        if not movie or own.feature("dense_noise").get("metadata", {}).get("movie", movie) != movie:
            noise = {}
        fitted, source = field_shape(feature.get("sta_geometry") or {}, noise) if movie else ((), "")
        if source:
            x, y, long_axis, short_axis, angle = fitted
            kind = str(own.numbers("cell_type").get("cell_type", "")) or "no type"
            kinds.setdefault(kind, []).append(ellipse_outline(x, y, long_axis, short_axis, angle))
            shape = feature["data"].shape[1:]
    if shape is None:
        return False
    axes = figure.add_subplot(place)
    colours = cell.style.type_colours
    for at, (kind, outlines) in enumerate(sorted(kinds.items())):
        for outline in outlines:
            label = kind if outline is outlines[0] else None
            axes.plot(*outline.T, color=colours[at % len(colours)], linewidth=cell.line, label=label)
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5), aspect="equal")
    axes.set(title="Receptive fields, 1 σ", xlabel="Column (px)", ylabel="Row (px)")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return True


def _population(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    raster = _raster_of(cell.session)
    if raster is None:
        return False
    start, stop = cell.span_s
    image = raster.image(start, stop, _COLUMNS)
    top = float(np.percentile(image.rate, 99)) if image.rate.size else 1.0
    axes = figure.add_subplot(place)
    shown = axes.imshow(
        image.rate,
        cmap="Greys",
        vmin=0,
        vmax=max(top, 1e-9),
        aspect="auto",
        interpolation="nearest",
        extent=(image.start_s, image.stop_s, raster.n_units + 0.5, 0.5),
    )
    figure.colorbar(shown, ax=axes, fraction=0.02, pad=0.01).set_label("Rate (Hz)")
    _mark_movies(axes, cell)
    axes.set(xlabel="Time (s)", ylabel="Unit")
    return True


def _population_rate(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    raster = _raster_of(cell.session)
    if raster is None:
        return False
    found = raster.population_rate()
    axes = figure.add_subplot(place)
    axes.stairs(found.rate[0], found.edges_s, color=cell.style.line_colour, linewidth=cell.line)
    axes.set(xlabel="Time (s)", ylabel="Rate (Hz per unit)")
    axes.set_ylim(bottom=0)
    _mark_movies(axes, cell, named=False)
    return True


def _light(figure: FigureBase, place: SubplotSpec, cell: Cell) -> bool:
    references = cell.session.stimulus.get("light_reference") or {}
    channels = sorted(
        {name.partition("_")[2] for name in references if name.partition("_")[2].startswith("ch")}
    )
    if not channels:
        return False
    start, stop = cell.span_s
    rows = place.subgridspec(len(channels), 1, hspace=0.1)
    last = None
    for at, channel in enumerate(channels):
        kind = next(kind for kind in ("raw", "1khz", "10hz") if f"{kind}_{channel}" in references)
        signal = references[f"{kind}_{channel}"]
        attributes = getattr(signal, "attrs", {})
        nominal = {"raw": cell.session.acquisition_rate, "1khz": 1000.0, "10hz": 10.0}[kind]
        rate = float(attributes.get("sampling_rate", nominal))
        drawn = envelope(np.asarray(signal), int(start * rate) - 1, int(stop * rate) + 2, 2 * _COLUMNS)
        axes = figure.add_subplot(rows[at], sharex=last)
        power = int(math.log10(max(float(np.nanmax(np.abs(drawn.values), initial=1.0)), 1.0)) // 3) * 3
        values = drawn.values / 10.0**power
        axes.plot(drawn.samples / rate, values, color=cell.style.line_colour, linewidth=cell.line / 2)
        factor = {0: "", 3: "10³ ", 6: "10⁶ "}.get(power, f"1e{power} ")
        unit = str(attributes.get("unit", "")) or "no unit"
        axes.set(ylabel=channel.replace("ch", "Light "), xlim=(start, stop))
        axes.annotate(
            f"{factor}{unit}", (1, 1), (0, 1), xycoords="axes fraction", textcoords="offset points",
            ha="right", va="bottom", fontsize="small", annotation_clip=False,
        ).set_in_layout(False)  # fmt: skip
        axes.tick_params(labelbottom=at == len(channels) - 1)
        if at == 0:
            _mark_movies(axes, cell)
        last = axes
    detection = cell.session.metadata.get("frame_detection") or {}
    for name, marker in (("missing_at", "v"), ("double_at", "d")):
        times = np.asarray(detection.get(name, ()), np.float64) / cell.session.acquisition_rate
        inside = times[(times >= start) & (times < stop)]
        if not inside.size:
            continue
        assert last is not None
        last.plot(
            inside, np.full(inside.size, 1.02), marker, color=cell.style.accent_colour, markersize=3,
            transform=last.get_xaxis_transform(), clip_on=False, label=f"{name.partition('_')[0]} flips",
        )  # fmt: skip
        last.legend(frameon=False, loc="upper right")
    assert last is not None
    last.set(xlabel="Time (s)")
    return True


# -- parts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Image:
    """An electrical image: frames (time, rows, columns), and the place of its first electrode."""

    frames: Any
    amplitude: Any
    times_ms: Any
    unit: str
    first: tuple[int, int]
    geometry: Mapping[str, Any]
    axon: Any


def _image_of(cell: Cell) -> _Image | None:
    feature = cell.feature("eimage_sta")
    frames: Any = feature.get("data")
    if not _is_movie(frames) or not np.isfinite(np.asarray(frames)).any():
        return None
    facts = feature.get("metadata") or {}
    before = int(facts.get("pre_samples", -int(np.ravel(facts.get("window_range", (0, 0)))[0])))
    rate = float(facts.get("sampling_rate", cell.session.acquisition_rate))
    return _Image(
        np.asarray(frames),
        peak_to_peak(np.asarray(frames)),
        (np.arange(len(frames)) - before) * 1000.0 / rate,
        _plain(str(facts.get("unit", ""))) or "no unit",
        (int(facts.get("first_row", 1)), int(facts.get("first_column", 1))),
        feature.get("geometry") or {},
        np.asarray((feature.get("axon") or {}).get("path", ()), np.float64),
    )


def _show_image(axes: Axes, cell: Cell, found: _Image, values: Any, **how: Any) -> Any:
    height, width = values.shape
    row, col = found.first
    extent = (col - 0.5, col + width - 0.5, row + height - 0.5, row - 0.5)
    shown = axes.imshow(values, interpolation="nearest", extent=extent, **how)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.set_axis_off()
    pitch = cell.session.metadata.get("sensor_pitch_um")
    step, unit = (1.0, "el.") if pitch is None else (float(np.ravel(pitch)[0]), "µm")
    _scale_bar(axes, width, step, unit)
    return shown


def _frame_at(times_ms: Any, moment_ms: float | None, peak: int) -> int:
    return peak if moment_ms is None else int(np.abs(times_ms - moment_ms).argmin())


def _within(place: tuple[int, int] | None, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return a place if there is one and it is in a picture of this shape."""
    inside = place is not None and 0 <= place[0] < shape[0] and 0 <= place[1] < shape[1]
    return place if inside else None


def _places(session: PipelineSession) -> dict[str, tuple[float, float]]:
    """Return column and row of the units whose electrodes are known."""
    return {
        name: (float(unit["col"]), float(unit["row"]))
        for name, unit in session.units.items()
        if unit.get("row") and unit.get("col")
    }


def _chip_axes(figure: FigureBase, place: SubplotSpec) -> Axes:
    from hdmea.recordings.mcs.vocabulary import CHIP_EDGE

    axes = figure.add_subplot(place)
    axes.set(xlim=(0, CHIP_EDGE + 1), ylim=(CHIP_EDGE + 1, 0), aspect="equal", title="Chip")
    axes.set(xlabel="Column", ylabel="Row", xticks=(1, CHIP_EDGE), yticks=(1, CHIP_EDGE))
    axes.spines[["top", "right"]].set_visible(True)
    return axes


def _raster_of(session: PipelineSession) -> SpikeRaster | None:
    if not session.units or "acquisition_rate" not in session.metadata:
        return None
    trains = [np.asarray(unit["spike_times"]) for unit in session.units.values()]
    return SpikeRaster(trains, session.acquisition_rate, session.duration_s)


def _mark_movies(axes: Axes, cell: Cell, *, named: bool = True) -> None:
    """Draw when movies were shown, with as much of their names above as there is room for."""
    start, stop = cell.span_s
    letter_mm = 0.2 * cell.style.font_size
    shown = [
        (movie, float(begin), float(end))
        for movie, sections in (cell.session.stimulus.get("section_time") or {}).items()
        for begin, end in np.asarray(sections) / cell.session.acquisition_rate
        if end > start and begin < stop
    ]
    shown.sort(key=lambda section: section[1])
    ends = [*(begin for _, begin, _ in shown), stop][1:]
    for (movie, begin, _), after in zip(shown, ends, strict=True):
        axes.axvline(begin, color=cell.style.light_colour, linewidth=0.4)
        room = int((after - max(begin, start)) / (stop - start) * 0.8 * cell.style.width_mm / letter_mm)
        if named and room > 2:
            text = movie if len(movie) <= room else f"{movie[: room - 1]}…"
            place = (max(begin, start), 1)
            axes.annotate(
                text, place, (1, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                color=cell.style.light_colour, fontsize="small",
            )  # fmt: skip
    axes.set_xlim(start, stop)


def _wrapped(movie: str) -> str:
    """Return the name of a movie on as many lines as a narrow panel needs."""
    lines = [""]
    for part in movie.replace("_", "_ ").split():
        lines[-1:] = [lines[-1] + part] if len(lines[-1] + part) <= _WIDTH_OF_NAME else [lines[-1], part]
    return "\n".join(line for line in lines if line)


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


def _rounded(most: float) -> int:
    """Return the largest of 1, 2, 5, 10, 20, … that is not more; 1 if none is."""
    power = int(10 ** max(0, math.floor(math.log10(max(most, 1.0)))))
    return max(power * factor for factor in (1, 2, 5) if power * factor <= max(most, 1.0))


def _scale_bar(axes: Axes, width: int, step: float, unit: str) -> None:
    """Draw a bar of a round length, about a quarter of a picture, below its left corner."""
    length = _rounded(width * step / 3)
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
    "electrical_moment": Panel("Electrical image at a moment", _electrical_moment),
    "traces": Panel("Traces", _traces),
    "intervals": Panel("Inter-spike intervals", _intervals),
    "steps": Panel("Light steps", _steps),
    "numbers": Panel("Numbers", _numbers, wide=True),
    "voltages": Panel("Raw voltages", _voltages, wide=True),
    "chip": Panel("Chip", _chip),
    "population": Panel("Population raster", _population, of_unit=False, wide=True),
    "population_rate": Panel("Population rate", _population_rate, of_unit=False, wide=True),
    "light": Panel("Light channels", _light, of_unit=False, wide=True),
    "units_on_chip": Panel("Units on the chip", _units_on_chip, of_unit=False),
    "fields": Panel("Receptive fields", _fields, of_unit=False),
    "noise": Panel("Noise of the electrodes", _noise, of_unit=False),
}
"""What a figure can be made of."""
