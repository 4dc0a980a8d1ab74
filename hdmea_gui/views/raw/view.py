"""Raw voltages of electrodes over time, one below the other, with the spikes of the units."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QRectF, QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.panels import Panel
from hdmea_gui.views.parts.plot import quantity
from hdmea_gui.views.parts.plot_panel import MapPanel, PlotPanel
from hdmea_gui.views.parts.time_link import TimeLink
from hdmea_gui.views.parts.unit_paint import own_colours
from hdmea_gui.views.raw.query import MOST_TRACES, NextSpike, RawProblem, RawQuery, RawView
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import RichLabel
from hdmea_gui.widgets.number_boxes import NumberBox, WholeNumberBox

__all__ = ["RawPreview"]

_FIGURE_MM = 183.0
_WAIT_MS = 40
_SHORTEST_S = 0.001
_FOLLOWED_S = 2.0
_REACH_PX = 10.0
_SPIKE_S = 0.0008
_MOST_COLUMNS = 32_000
_REDRAW_S = 0.4
_MARK_AT = 0.42
_MOST_COLOURED = 100_000
_AROUND, _GRID, _PLACES = 0, 1, 2
_CHOICES = (("Around the unit", "unit"), ("Grid of the chip", "grid"), ("Clicked electrodes", "places"))
_KEYS_TIP = (
    "Left, Right: move by a quarter; Page Up, Page Down: by all that is shown; Home, End: to either end\n"
    "Plus, minus: zoom in time; Up, Down: enlarge or reduce the traces; N, P: next or previous spike"
)


class _ElectrodeAxis(pg.AxisItem):  # type: ignore[misc]
    """Names the electrode of each trace; the first trace is on top, at 0, the next at −1."""

    def __init__(self) -> None:
        super().__init__("left")
        self._names: list[str] = []

    def set_electrodes(self, places: NDArray[np.int64]) -> None:
        """Set row and column of each trace."""
        self._names = [f"{row}, {column}" for row, column in places.tolist()]
        self.picture = None
        self.update()

    def tickValues(self, minimum: float, maximum: float, size: float) -> list[tuple[float, list[float]]]:
        """Return the traces, or every second, third … where there is no room for all."""
        fitting = max(1.0, size / 16.0)
        step = max(1, math.ceil(len(self._names) / fitting))
        return [(step, [-float(index) for index in range(0, len(self._names), step)])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Return row and column of each trace."""
        rows = [round(-value) for value in values]
        return [self._names[row] if 0 <= row < len(self._names) else "" for row in rows]


class RawPreview(Preview):
    """Traces at the left, the electrodes on the chip at the right."""

    name = "raw"
    title = "Raw data"
    help_text = (
        "The voltages of the electrodes as they were recorded: those around the current unit, a grid over "
        "the chip, or electrodes that you click on the map. They are filtered like electrical images; turn "
        "that off to see slow changes and hum. Spikes of the units at these electrodes are marked in the "
        "colours of the units. Turn the wheel to zoom in time, drag to move. Where there are more samples "
        "than pixels, the smallest and largest of each pixel are drawn. Long stretches are read in steps of "
        "two seconds, which can be stopped."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self.choice = ComboBox(self)
        self.number = WholeNumberBox(self)
        self.scale = NumberBox(0, self)
        self.filter = QCheckBox("&High-pass", self)
        self.before = QPushButton("Previous spike", self)
        self.after = QPushButton("Next spike", self)
        self.stop = QPushButton("Stop reading", self)
        self.legend = RichLabel(self)
        self._axis = _ElectrodeAxis()
        self.panel = PlotPanel(
            "Voltages", theme, "Time (s)", "Electrode (row, column)", self, axes={"left": self._axis}
        )
        self.map = MapPanel("Electrodes", theme, "Column", "Row", self, with_bar=False)
        self.curve = pg.PlotCurveItem(connect="finite")
        self._spikes = [pg.PlotCurveItem(connect="finite") for _ in theme.series]
        self.marks = pg.ScatterPlotItem(symbol="t", size=9, pxMode=True)
        self._dots = pg.ScatterPlotItem(symbol="s", size=2, pen=None)
        self.shown_dots = pg.ScatterPlotItem(symbol="s", size=7)
        self._ring = pg.ScatterPlotItem(symbol="o", size=15, brush=None)
        self._view: RawView | None = None
        self._clicked: tuple[tuple[int, int], ...] = ()
        self._begun = False
        self._stopped = False
        self._own_scale = False
        self._at_spike = math.nan
        self._drawn_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.invalidate)
        self._lay_out()
        self._time = TimeLink(self, self.panel.plot, controller.selection)
        # A look at the whole recording elsewhere must not have all of it read.
        self._time.longest_s = _FOLLOWED_S
        self._connect()
        self.apply_theme(theme)
        self.show_answer(None)

    # -- asking --------------------------------------------------------------------------------------

    def query(self) -> Query[object] | None:
        """Ask for the visible stretch; before anything is shown, for a short one that was recorded."""
        if not self._controller.state.has_data:
            return None
        start, stop = self.panel.plot.getViewBox().viewRange()[0] if self._begun else (None, None)
        return RawQuery(
            start,
            stop,
            # Drawing must not block the window, however many traces there are.
            min(max(400, self.panel.graphics.width()), _MOST_COLUMNS // self.number.value()),
            self.choice.currentData(),
            self.number.value(),
            self._clicked,
            self._controller.selection.units,
            self.filter.isChecked(),
        )

    def show_answer(self, answer: object) -> None:
        """Draw the traces, and ask for what was not read yet."""
        if isinstance(answer, RawProblem):
            self.show_problem(answer.reason)
            return
        if not isinstance(answer, RawView):
            self._begun = self._own_scale = False
            self._clicked = ()
            self.show_problem(self.not_yet("load_recording"))
            return
        self._view = answer
        if not self._begun:
            self._begin(answer)
        if not self._own_scale and answer.traces.values.size:
            self._fit_scale(answer)
        if answer.is_complete or time.monotonic() - self._drawn_at > _REDRAW_S:
            self._draw()
            self._draw_map()
            self._drawn_at = time.monotonic()
        self._show_state()
        if not answer.is_complete and not self._stopped:
            # The rest: other views are answered in between, and another stretch takes the place of this one.
            self._timer.start(0)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        known, self._view = self._view, None
        self.panel.show_empty(reason)
        self.legend.clear()
        self.stop.hide()
        if known is None or not self._begun:
            self.map.show_empty(reason)
        for button in (self.before, self.after):
            button.setEnabled(False)

    # -- what is handed out --------------------------------------------------------------------------

    def table(self) -> Table | None:
        """Return what is drawn: time, and the voltage of each electrode."""
        view = self._view
        if view is None or not view.traces.time_s.size:
            return None
        unit = view.unit.replace("µ", "u")
        columns = [("time_s", view.traces.time_s)]
        for (row, column), values in zip(view.places.tolist(), view.traces.values, strict=True):
            columns.append((f"row{row}_column{column}_{unit}", values.astype(np.float64)))
        return Table(tuple(columns))

    def spikes_table(self) -> Table | None:
        """Return the spikes that are marked."""
        view = self._view
        if view is None:
            return None
        spikes = view.spikes
        order = np.argsort(spikes.time_s, kind="stable")
        ids = np.array(spikes.unit_ids, object)[spikes.unit[order]]
        places = view.places[spikes.trace[order]]
        return Table(
            (
                ("unit_id", ids),
                ("spike_s", spikes.time_s[order]),
                ("row", places[:, 0]),
                ("column", places[:, 1]),
            )
        )

    def export_panels(self) -> tuple[Panel, ...]:
        """Return traces and map."""
        tables = (("voltages", self.table), ("spikes", self.spikes_table))
        return (
            Panel("Voltages", self.panel, tables, ("voltages",)),
            Panel("Electrodes", self.map, (("", self._places_table),), ("chip",)),
        )

    def figure_state(self) -> dict[str, Any]:
        """Return the unit and the stretch of time; a figure has the electrodes around the unit."""
        view = self._view
        span = None if view is None else (view.start_s, view.stop_s)
        return {**super().figure_state(), "time_s": span, "width_mm": _FIGURE_MM}

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.panel.apply_theme(theme)
        self.map.apply_theme(theme)
        self.curve.setPen(pg.mkPen(theme.text, width=1))
        self._dots.setBrush(pg.mkBrush(theme.border))
        self.shown_dots.setBrush(pg.mkBrush(theme.accent))
        self.shown_dots.setPen(pg.mkPen(theme.base))
        self._ring.setPen(pg.mkPen(theme.text, width=2))
        for curve, colour in zip(self._spikes, theme.series, strict=True):
            curve.setPen(pg.mkPen(colour, width=1))
        if self._view is not None:
            self._draw()

    # -- hands ---------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move, zoom and enlarge with keys while the traces have the focus."""
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress and self._view is not None:
            if self._on_key(event.key()):
                return True
        return super().eventFilter(watched, event)

    def text_at(self, x: float, y: float) -> str:
        """Return electrode, time and voltage at a place, and the spike if one is near."""
        view, row = self._view, round(-y)
        if view is None or not 0 <= row < len(view.places) or not view.traces.time_s.size:
            return ""
        times = view.traces.time_s
        index = min(int(np.searchsorted(times, x)), times.size - 1)
        if index and x - times[index - 1] < times[index] - x:
            index -= 1
        width, height = self.panel.plot.vb.viewPixelSize()
        value = float(view.traces.values[row, index])
        parts = [
            "row {}, column {}".format(*view.places[row].tolist()),
            quantity("Time (s)", float(x), float(width)),
            quantity(f"Voltage ({view.unit})", value, height * self.scale.value()),
        ]
        spikes = view.spikes
        near = np.flatnonzero((spikes.trace == row) & (np.abs(spikes.time_s - x) <= _REACH_PX * width))
        ids = [spikes.unit_ids[unit] for unit in np.unique(spikes.unit[near])[:3]]
        return "   ".join([*parts, *ids])

    def go_to_spike(self, step: int) -> None:
        """Move to the next (1) or previous (−1) spike of the current unit."""
        unit = self._controller.selection.unit
        if unit is not None and self._view is not None:
            start, stop = self._range()
            at = self._at_spike if start <= self._at_spike <= stop else (start + stop) / 2
            self._controller.ask(NextSpike(unit, at, step), self._on_spike)

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        for text, name in _CHOICES:
            self.choice.addItem(text, name)
        self.choice.setAccessibleName("Which electrodes")
        self.choice.setToolTip("Which electrodes are shown; a click on the map shows or hides one")
        self.choice.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.setCurrentIndex(_GRID)
        self.number.setRange(1, MOST_TRACES)
        self.number.setValue(16)
        self.number.setAccessibleName("Number of electrodes")
        self.number.setToolTip("How many electrodes are shown")
        self.number.setSuffix(" traces")
        self.scale.setRange(0.001, 1e9)
        self.scale.setMaximumWidth(self.fontMetrics().horizontalAdvance("10000 counts") + 40)
        self.scale.setValue(100)
        self.scale.setAccessibleName("Distance of the traces")
        self.scale.setToolTip("Voltage between two traces; smaller enlarges them")
        self.filter.setChecked(True)
        self.filter.setToolTip("High-pass, forward and backward, as of the electrical images")
        self.before.setToolTip("Move to the previous spike of the current unit (P)")
        self.after.setToolTip("Move to the next spike of the current unit (N)")
        self.stop.setToolTip("Read no more of this stretch")
        self.legend.setProperty("role", "muted")
        self.panel.graphics.setToolTip(_KEYS_TIP)
        plot = self.panel.plot
        plot.setMouseEnabled(x=True, y=False)
        plot.reading = self.text_at
        plot.addItem(self.curve)
        for item in (*self._spikes, self.marks):
            plot.addItem(item, ignoreBounds=True)
        self.map.graphics.setToolTip("Click an electrode to show or hide its trace")
        for item in (self._dots, self.shown_dots, self._ring):
            self.map.plot.addItem(item, ignoreBounds=True)
        top = QHBoxLayout()
        top.setContentsMargins(8, 2, 8, 0)
        for widget in (self.choice, self.number, self.scale, self.filter, self.before, self.after):
            top.addWidget(widget)
        top.addWidget(self.legend, 1)
        top.addWidget(self.stop)
        parts = QSplitter(Qt.Orientation.Horizontal, self)
        parts.addWidget(self.panel)
        parts.addWidget(self.map)
        parts.setStretchFactor(0, 4)
        parts.setStretchFactor(1, 1)
        parts.setSizes([720, 240])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addLayout(top)
        layout.addWidget(parts, 1)

    def _connect(self) -> None:
        self.choice.activated.connect(lambda _index: self._ask_anew())
        self.number.valueChanged.connect(lambda _value: self._ask_anew())
        self.filter.toggled.connect(self._on_filter)
        self.scale.valueChanged.connect(self._on_scale)
        self.before.clicked.connect(lambda: self.go_to_spike(-1))
        self.after.clicked.connect(lambda: self.go_to_spike(1))
        self.stop.clicked.connect(self._on_stop)
        self.panel.graphics.installEventFilter(self)
        self.panel.plot.getViewBox().sigXRangeChanged.connect(lambda *_: self._on_range())
        self.map.plot.scene().sigMouseClicked.connect(self._on_click)
        self._controller.selection.units_changed.connect(lambda _units: self._on_units())

    def _begin(self, view: RawView) -> None:
        self._begun = True
        self.panel.plot.setLimits(
            xMin=0, xMax=view.duration_s, minXRange=_SHORTEST_S, maxXRange=view.longest_s
        )
        if self._controller.selection.unit is not None and self.choice.currentIndex() == _GRID:
            self.choice.setCurrentIndex(_AROUND)
        start, stop = self._controller.selection.time
        follows = 0 < stop - start <= _FOLLOWED_S
        self._time.zoom(*((start, stop) if follows else (view.start_s, view.stop_s)))
        self._timer.start(_WAIT_MS)

    def _fit_scale(self, view: RawView) -> None:
        values = view.traces.values[:, np.isfinite(view.traces.values).all(axis=0)]
        if not values.size:
            return
        # Noise is seen as noise, and spikes reach at most a little into the traces beside.
        wanted = max(12 * float(np.median(np.abs(values))), 0.8 * float(np.median(np.ptp(values, axis=1))))
        if wanted > 0:
            digits = 10.0 ** math.floor(math.log10(wanted))
            with QSignalBlocker(self.scale):
                self.scale.setValue(math.ceil(wanted / digits) * digits)
            self._own_scale = view.is_complete

    def _draw(self) -> None:
        view = self._view
        assert view is not None
        traces, n = view.traces, len(view.places)
        self.scale.setSuffix(f" {view.unit}")
        self._axis.set_electrodes(view.places)
        spacing = self.scale.value()
        rows = -np.arange(n, dtype=np.float64)[:, None]
        if traces.time_s.size:
            # One curve with gaps: a curve for each electrode would take many times as long to draw.
            y = np.full((n, traces.time_s.size + 1), np.nan)
            y[:, :-1] = traces.values / spacing + rows
            x = np.tile(np.append(traces.time_s, traces.time_s[-1]), n)
            self.curve.setData(x, y.ravel(), connect="finite")
        else:
            self.curve.clear()
        self.panel.plot.setYRange(-n + 0.3, 0.7, padding=0.01)
        self._draw_spikes(view, spacing)
        self.panel.show_plot(self._note(view))

    def _draw_spikes(self, view: RawView, spacing: float) -> None:
        """Mark spikes above their traces, and draw the traces in the colour of the unit around them."""
        spikes, series, traces = view.spikes, self._theme.series, view.traces
        there = spikes.is_in(traces)
        own = np.array(self._controller.unit_colours.places(spikes.unit_ids), np.intp)
        own = np.append(own, np.arange(len(own), len(spikes.unit_ids)) % len(series))
        unit, row, at = own[spikes.unit[there]], spikes.trace[there], spikes.time_s[there]
        brushes = [pg.mkBrush(colour) for colour in series]
        self.marks.setData(
            x=at, y=_MARK_AT - row, brush=[brushes[index] for index in unit], pen=pg.mkPen(self._theme.base)
        )
        reach = 0 if traces.time_s.size < 2 else round(_SPIKE_S / float(np.diff(traces.time_s[:2])[0] or 1))
        around = np.arange(-reach, reach + 1)
        for colour, curve in enumerate(self._spikes):
            mine = unit == colour
            if not mine.any() or around.size < 3 or np.count_nonzero(mine) * around.size > _MOST_COLOURED:
                curve.clear()
                continue
            places = np.searchsorted(traces.time_s, at[mine])[:, None] + around
            places = np.clip(places, 0, traces.time_s.size - 1)
            x, y = np.full((2, len(places), around.size + 1), np.nan)
            x[:, :-1], y[:, :-1] = traces.time_s[places], traces.values[row[mine, None], places]
            curve.setData(x.ravel(), (y / spacing - row[mine, None]).ravel(), connect="finite")

    def _note(self, view: RawView) -> str:
        parts = [view.filter_text]
        if view.traces.block > 1:
            parts.append(f"smallest and largest of {view.traces.block} samples each")
        if view.spikes.n_inside > view.spikes.time_s.size:
            parts.append(f"{view.spikes.n_inside:,} spikes: zoom in to see them")
        if view.unscaled:
            parts.append(f"{view.unscaled} electrodes without a conversion factor are left out")
        if not view.traces.time_s.size and view.is_complete:
            near = np.argsort(np.abs(view.recorded_s - view.start_s).min(axis=1), kind="stable")[:3]
            listed = (f"{first:.2f} s to {last:.2f} s" for first, last in view.recorded_s[np.sort(near)])
            parts = [f"no raw data here: electrodes were recorded from {', '.join(listed)}"]
        return " · ".join(parts)

    def _draw_map(self) -> None:
        view = self._view
        assert view is not None
        low, high = view.all_places.min(axis=0), view.all_places.max(axis=0)
        self._dots.setData(pos=view.all_places[:, ::-1].astype(np.float64))
        self.shown_dots.setData(pos=view.places[:, ::-1].astype(np.float64))
        place = view.unit_place
        self._ring.setData(pos=np.empty((0, 2)) if place is None else np.array([[place[1], place[0]]]))
        region = QRectF(low[1] - 1, low[0] - 1, high[1] - low[1] + 2, high[0] - low[0] + 2)
        self.map.show_map(region, f"{len(view.places)} of {len(view.all_places)}")

    def _show_state(self) -> None:
        view = self._view
        assert view is not None
        reading = not view.is_complete
        self.stop.setVisible(reading and not self._stopped)
        has_unit = self._controller.selection.unit is not None
        for button in (self.before, self.after):
            button.setEnabled(has_unit)
        if reading:
            said = f"{'Stopped at' if self._stopped else 'Reading:'} {100 * view.traces.fraction:.0f} %"
        else:
            said = " &nbsp; ".join(
                f'<span style="color:{colour}">●</span> {escape(name)}'
                for name, colour in zip(
                    view.spikes.unit_ids,
                    own_colours(self._controller.unit_colours, view.spikes.unit_ids, self._theme),
                    strict=False,
                )
            )
        self.legend.setText(said)

    def _places_table(self) -> Table | None:
        view = self._view
        if view is None:
            return None
        return Table((("row", view.places[:, 0]), ("column", view.places[:, 1])))

    # -- what changes --------------------------------------------------------------------------------

    def _ask_anew(self) -> None:
        self._stopped = False
        self.invalidate()

    def _on_filter(self, _on: bool) -> None:
        self._own_scale = False
        self._ask_anew()

    def _on_scale(self, _value: float) -> None:
        self._own_scale = True
        if self._view is not None:
            self._draw()

    def _on_stop(self) -> None:
        self._stopped = True
        self._timer.stop()
        if self._view is not None:
            self._draw()
            self._show_state()

    def _on_units(self) -> None:
        if self.choice.currentIndex() == _AROUND or self._view is not None:
            self._ask_anew()

    def _on_range(self) -> None:
        self._stopped = False
        if self._begun:
            self._timer.start(_WAIT_MS)

    def _on_click(self, event: pg.GraphicsScene.mouseEvents.MouseClickEvent) -> None:
        view, box = self._view, self.map.plot.getViewBox()
        if event.button() != Qt.MouseButton.LeftButton or not box.sceneBoundingRect().contains(
            event.scenePos()
        ):
            return
        point = box.mapSceneToView(event.scenePos())
        place = (round(point.y()), round(point.x()))
        shown = () if view is None else tuple((int(row), int(column)) for row, column in view.places)
        if place in shown:
            self._clicked = tuple(other for other in shown if other != place)
        elif view is None or (view.all_places == place).all(axis=1).any():
            self._clicked = tuple(sorted({*shown, place}))[:MOST_TRACES]
        else:
            return
        self.choice.setCurrentIndex(_PLACES)
        self._ask_anew()

    def _on_key(self, key: int) -> bool:
        start, stop = self._range()
        width = stop - start
        duration = 0.0 if self._view is None else self._view.duration_s
        moves = {
            Qt.Key.Key_Left: start - width / 4,
            Qt.Key.Key_Right: start + width / 4,
            Qt.Key.Key_PageUp: start - width,
            Qt.Key.Key_PageDown: start + width,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: duration - width,
        }
        zooms = {Qt.Key.Key_Plus: 0.5, Qt.Key.Key_Equal: 0.5, Qt.Key.Key_Minus: 2.0}
        scales = {Qt.Key.Key_Up: 1 / 1.25, Qt.Key.Key_Down: 1.25}
        if key in moves:
            self._show(moves[Qt.Key(key)], width)
        elif key in zooms:
            wide = width * zooms[Qt.Key(key)]
            self._show((start + stop - wide) / 2, wide)
        elif key in scales:
            self.scale.setValue(float(f"{self.scale.value() * scales[Qt.Key(key)]:.3g}"))
        elif key in (Qt.Key.Key_N, Qt.Key.Key_P):
            self.go_to_spike(1 if key == Qt.Key.Key_N else -1)
        else:
            return False
        return True

    def _range(self) -> tuple[float, float]:
        start, stop = self.panel.plot.getViewBox().viewRange()[0]
        return float(start), float(stop)

    def _show(self, start: float, width: float) -> None:
        assert self._view is not None
        width = min(max(width, _SHORTEST_S), self._view.longest_s)
        start = min(max(start, 0.0), max(0.0, self._view.duration_s - width))
        self.panel.plot.zoom(x=(start, start + width))

    def _on_spike(self, answer: object) -> None:
        if isinstance(answer, float) and self._view is not None:
            start, stop = self._range()
            self._at_spike = answer
            self._show(answer - (stop - start) / 2, stop - start)
        elif answer is None:
            self.told.emit("There is no further spike of this unit.")
