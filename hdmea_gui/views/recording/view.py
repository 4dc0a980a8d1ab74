"""The recording at a glance: stimulus, population raster and population rate over time."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedLayout, QWidget

from hdmea_gui.engine.controller import Activity, Controller
from hdmea_gui.engine.exports import Table
from hdmea_gui.engine.jobs import Failure, Query
from hdmea_gui.engine.snapshot import OpenResult
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.panels import Panel
from hdmea_gui.views.parts.plot import Plot, quantity
from hdmea_gui.views.parts.plot_panel import style_plot
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.views.parts.stimulus_strip import SpanFill, StimulusStrip, span_columns
from hdmea_gui.views.parts.time_link import TimeLink
from hdmea_gui.views.parts.unit_paint import colours_of_units, own_colours
from hdmea_gui.views.recording.card import CardPage, WelcomePage
from hdmea_gui.views.recording.chip_map import ChipMap
from hdmea_gui.views.recording.query import RecordingQuery, RecordingView
from hdmea_gui.views.recording.raster_plot import RasterPlot
from hdmea_gui.views.recording.stimulus_query import (
    CHOSEN,
    StimulusFacts,
    StimulusLine,
    StimulusQuery,
    light_lines,
)
from hdmea_gui.widgets.label import Label

__all__ = ["RecordingPreview"]

_AXIS_WIDTH = 56
_RATE_HEIGHT = 130
_NO_UNITS = (
    "This result has no sorted units to show here.\n“Stimulus” shows the light channels, “File” the "
    "complete content of the result."
)


class RecordingPreview(Preview):
    """Welcome, then what is inside the files, then raster and rate."""

    name = "recording"
    title = "Recording"
    help_text = (
        "The whole recording at a glance. On top, which movie was shown when. In the middle, one row per "
        "unit: where spikes are denser than pixels the colour is the firing rate, zoomed in each spike is a "
        "tick at its time. Rows are in the order of the unit table, without those that its filter leaves "
        "out; the strip beside them and the dots on the chip have the colours of the column that is chosen "
        "above the table. Turn the wheel to zoom in time, with Ctrl to zoom into the rows, drag to move; "
        "click a row to select its unit. Below, the mean firing rate of all units. At the right, the "
        "positions of the units' electrodes on the chip: click a unit, or drag a frame around several with "
        "Shift."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self.welcome = WelcomePage(theme, self)
        self.card = CardPage(self)
        self._message = Label(self)
        self._message.setProperty("role", "muted")
        self._message.setWordWrap(True)
        self._message.setMargin(40)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.graphics = Graphics(self)
        self.graphics.setAccessibleName("Population raster and rate over time")
        self.chip = ChipMap(theme, controller.selection, controller.unit_colours, self)
        self._pages = QSplitter(Qt.Orientation.Horizontal, self)
        self.strip = StimulusStrip(theme)
        self.raster = RasterPlot(theme)
        self.rate = Plot(wheel_axis=0)
        self._rate_curve = pg.PlotCurveItem()
        self.fill = SpanFill()
        self._view: RecordingView | None = None
        self._has_card = False
        self._lay_out()
        self._time = TimeLink(self, self.raster, controller.selection)
        self.raster.unit_clicked.connect(self._on_unit_clicked)
        controller.selection.units_changed.connect(lambda _ids: self._mark_unit())
        controller.unit_colours.changed.connect(self._colour_rows)
        controller.units.modelReset.connect(self._arrange)
        controller.activity_changed.connect(self._offer_opening)
        controller.opened.connect(self._on_opened)
        self._stimulus: StimulusFacts | None = None
        self._light: tuple[StimulusLine, ...] = ()
        controller.step_parameters.changed.connect(self.ask_stimulus)
        controller.look.ended.connect(self._on_look)
        self.apply_theme(theme)

    def query(self) -> Query[object] | None:
        """Ask for the population once there are units."""
        return RecordingQuery() if self._controller.state.unit_ids else None

    def show_answer(self, answer: object) -> None:
        """Draw the population; without one the card or the welcome stays."""
        if not isinstance(answer, RecordingView):
            self._view = None
            self._show_beginning()
            return
        self._stack.setCurrentWidget(self._pages)
        if answer is self._view:
            return
        fresh = self._view is None or self._view.duration_s != answer.duration_s
        self._view = answer
        self.raster.show_recording(answer, self._rows())
        self.chip.show_recording(answer)
        self._rate_curve.setData(answer.rate.edges_s, answer.rate.rate[0], stepMode="center")
        self.rate.setYRange(0, max(1.0, float(answer.rate.rate.max(initial=0.0))) * 1.05, padding=0)
        self.rate.setLimits(xMin=0, xMax=answer.duration_s, yMin=0)
        self._draw_spans(answer.spans)
        self._colour_rows()
        if fresh:
            self._time.begin(answer.duration_s)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._message.setText(reason)
        self._stack.setCurrentWidget(self._message)

    def table(self) -> Table | None:
        """Return the population rate over time."""
        if self._view is None:
            return None
        edges, rate = self._view.rate.edges_s, self._view.rate.rate[0]
        return Table((("bin_start_s", edges[:-1]), ("bin_stop_s", edges[1:]), ("rate_Hz_per_unit", rate)))

    def units_table(self) -> Table | None:
        """Return place and rate of each unit, what the map of the chip shows."""
        if self._view is None:
            return None
        ids = np.array(self._view.unit_ids, object)
        column, row = self._view.places.T
        return Table((("unit_id", ids), ("column", column), ("row", row), ("rate_Hz", self._view.unit_rates)))

    def export_panels(self) -> tuple[Panel, ...]:
        """Return raster with rate, and the map of the chip."""
        over_time = (("raster", self.raster.table), ("rate", self.table), ("movies", self._spans_table))
        return (
            Panel("Raster and rate", self.graphics, over_time, ("population", "population_rate")),
            Panel("Units on the chip", self.chip, (("", self.units_table),), ("units_on_chip",)),
        )

    def figure_state(self) -> dict[str, Any]:
        """Return the stretch of time that is seen."""
        return {"time_s": self._controller.selection.time}

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.graphics.setBackground(theme.base)
        self.welcome.apply_theme(theme)
        self.raster.apply_theme(theme)
        self.chip.apply_theme(theme)
        style_plot(self.rate, theme)
        self._rate_curve.setPen(pg.mkPen(theme.text, width=1))
        self.strip.apply_theme(theme)
        if self._view is not None:
            self._draw_spans(self._view.spans)
            self._colour_rows()

    def _lay_out(self) -> None:
        self._stack = QStackedLayout(self)
        for part, stretch in ((self.graphics, 3), (self.chip, 2)):
            self._pages.addWidget(part)
            self._pages.setStretchFactor(self._pages.indexOf(part), stretch)
        self._pages.setChildrenCollapsible(False)
        self._pages.setSizes([570, 390])
        for page in (self.welcome, self.card, self._message, self._pages):
            self._stack.addWidget(page)
        self.rate.reading = self._rate_text
        layout = self.graphics.ci
        layout.layout.setContentsMargins(6, 6, 16, 2)
        layout.layout.setVerticalSpacing(2)
        layout.addItem(self.strip, row=0, col=0)
        layout.addItem(self.raster, row=1, col=0)
        layout.addItem(self.raster.bar, row=1, col=1)
        layout.addItem(self.rate, row=2, col=0)
        self.rate.addItem(self.fill, ignoreBounds=True)
        self.rate.addItem(self._rate_curve)
        self.rate.setLabel("left", "Rate (Hz/unit)")
        self.rate.setLabel("bottom", "Time (s)")
        self.rate.setFixedHeight(_RATE_HEIGHT)
        self.raster.getAxis("bottom").setStyle(showValues=False)
        for plot in (self.strip, self.raster, self.rate):
            plot.getAxis("left").setWidth(_AXIS_WIDTH)
        self.strip.setXLink(self.raster)
        self.rate.setXLink(self.raster)

    def _rate_text(self, x: float, _y: float) -> str:
        if self._view is None:
            return ""
        edges, rate = self._view.rate.edges_s, self._view.rate.rate[0]
        place = int(np.searchsorted(edges, x, side="right")) - 1
        shown = f"   {rate[place]:.2f} Hz/unit" if 0 <= place < len(rate) else ""
        return quantity("Time (s)", x, float(self.rate.vb.viewPixelSize()[0])) + shown

    def _spans_table(self) -> Table | None:
        return None if self._view is None else Table(span_columns(self._view.spans))

    def _offer_opening(self) -> None:
        busy = self._controller.activity in {Activity.RUNNING, Activity.STOPPING}
        self.welcome.set_enabled(not busy)

    def _on_opened(self, result: OpenResult) -> None:
        if result.state is not None:
            self._has_card = result.card is not None
        if result.card is not None:
            self.card.show_card(result.card)
            self._stimulus, self._light = None, ()
            self.ask_stimulus()

    # -- what is known of the stimulus -----------------------------------------------------------------

    def ask_stimulus(self) -> None:
        """Ask which files say what was shown, for as long as the card tells it."""
        state = self._controller.state
        if not self._has_card or state.has_data or not state.is_open:
            return
        chosen: dict[str, str] = {}
        playlist, listed = None, ""
        for item in self._controller.steps.items:
            fields = {field.name for field in item.spec.fields}
            model = (
                self._controller.parameters(item.spec.name) if fields & {*CHOSEN, "playlist_name"} else None
            )
            for name in fields & set(CHOSEN) if model is not None else ():
                if model is not None and model.value(name):
                    chosen[name] = str(model.value(name))
            if model is not None and "playlist_name" in fields:
                playlist = model.value("playlist_name") or None
                listed = str(model.value("stimuli_path") or "")
        self._controller.ask(StimulusQuery(chosen, playlist, listed), self._on_stimulus)

    def _on_stimulus(self, answer: StimulusFacts | Failure | None) -> None:
        look = self._controller.look
        if not isinstance(answer, StimulusFacts):
            self._stimulus = None
            return
        known = self._stimulus is not None and self._stimulus.key == answer.key
        if answer.request is not None:
            if known or look.key == answer.key:
                shutil.rmtree(answer.request, ignore_errors=True)
            else:
                look.start(answer.request, answer.key)
                reading = StimulusLine("Light", "is being compared with the movies…")
                self._light = (reading,)
        self._stimulus = answer
        self.card.show_stimulus((*answer.lines, *self._light))

    def _on_look(self, key: str, found: object, reason: str) -> None:
        if self._stimulus is None or self._stimulus.key != key:
            return
        self._light = light_lines(found, reason)
        self.card.show_stimulus((*self._stimulus.lines, *self._light))

    def _show_beginning(self) -> None:
        state = self._controller.state
        if state.is_open and not self._has_card:
            self.show_problem(_NO_UNITS)
            return
        self.card.set_loaded(state.has_data)
        self._stack.setCurrentWidget(self.card if state.is_open else self.welcome)

    def _draw_spans(self, spans: tuple[Span, ...]) -> None:
        self.strip.show_spans(spans)
        self.strip.setVisible(bool(spans))
        self.fill.show_spans(spans, self._theme)

    def _mark_unit(self) -> None:
        if self._view is None:
            return
        colours = self._controller.unit_colours
        row_of = {name: row for row, name in enumerate(self.raster.unit_ids)}
        chosen = [name for name in self._controller.selection.units if name in row_of]
        own = own_colours(colours, chosen, self._theme)
        marks = [*own, *[self._theme.text] * (len(chosen) - len(own))]
        self.raster.units.set_marks({row_of[name]: mark for name, mark in zip(chosen, marks, strict=True)})

    def _rows(self) -> NDArray[np.intp] | None:
        """Return the units in the order of the table, without those that its filter leaves out."""
        view, units = self._view, self._controller.units
        return units.rows if view is not None and units.unit_ids == view.unit_ids else None

    def _arrange(self) -> None:
        """Show the rows as the table does."""
        view, rows = self._view, self._rows()
        if view is not None and rows is not None and not np.array_equal(rows, self.raster.order):
            self.raster.show_recording(view, rows)
            self.raster.show_all_rows()
        self._colour_rows()

    def _colour_rows(self) -> None:
        painted = colours_of_units(self._controller.unit_colours, self._theme)
        known = painted is not None and self._rows() is not None
        self.raster.units.set_colours(painted[self.raster.order] if known and painted is not None else None)
        self._mark_unit()

    def _on_unit_clicked(self, unit_id: str) -> None:
        self._controller.selection.select_units((unit_id,))
