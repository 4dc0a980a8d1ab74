"""The stimulus over time: light channels, detected frames, sections of movies."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Columns, LateTable, Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.panels import Panel
from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.views.parts.plot_panel import style_plot
from hdmea_gui.views.parts.stimulus_strip import SpanFill, StimulusStrip, span_columns
from hdmea_gui.views.parts.time_link import TimeLink
from hdmea_gui.views.stimulus.query import StimulusQuery, StimulusView
from hdmea_gui.views.stimulus.sections_panel import SectionsPanel
from hdmea_gui.widgets.label import Label, RichLabel

__all__ = ["StimulusPreview"]

_AXIS_WIDTH = 78
_FIGURE_MM = 183.0
_FRAMES_HEIGHT = 78
_WAIT_MS = 40
_SHORTEST_S = 0.002
_STEP = "add_section_time"


class StimulusPreview(Preview):
    """Light channels and frames on one axis of time; drag to zoom, double-click for all."""

    name = "stimulus"
    title = "Stimulus"
    help_text = (
        "What was shown, and whether the display kept time: the light channels as they were recorded, the "
        "display frames that were found in them, flips that are missing or doubled, and the sections of "
        "the movies as coloured stretches. Drag to zoom to a stretch of time, drag with Shift to move, "
        "double-click to see all. The table says of each section whether the recorded light fits the movie; "
        "its buttons set the parameters of “Section times” that correct what does not fit."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self.facts = RichLabel(self)
        self.setup = QPushButton("Set up…", self)
        self.whole = QPushButton("Zoom out", self)
        self.graphics = Graphics(self)
        self.strip = StimulusStrip(theme)
        self.lights = [Plot(wheel_axis=0) for _ in range(2)]
        self.frames = Plot(wheel_axis=0)
        self._curves = [pg.PlotCurveItem(connect="finite") for _ in self.lights]
        self._ticks = pg.PlotCurveItem(connect="pairs")
        self._hint = pg.TextItem(anchor=(0.5, 0.5))
        self.missing = pg.ScatterPlotItem(symbol="t", size=12)
        self.double = pg.ScatterPlotItem(symbol="d", size=12)
        self.fills = [SpanFill() for _ in self.lights]
        self._message = Label(self)
        self.sections = SectionsPanel(theme, self)
        self._view: StimulusView | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self.invalidate)
        self._lay_out()
        self._time = TimeLink(self, self.frames, controller.selection)
        self.whole.clicked.connect(self.show_all)
        self.setup.clicked.connect(lambda _checked=False: self.setup_asked.emit())
        self.sections.align_asked.connect(lambda: self._mend("align", "light"))
        self.sections.reanchor_asked.connect(self._reanchor)
        self.sections.chosen.connect(lambda start, stop: self.frames.zoom(x=(start, stop)))
        self.frames.getViewBox().sigXRangeChanged.connect(lambda *_: self._on_range())
        self.apply_theme(theme)
        self.show_answer(None)

    def query(self) -> Query[object] | None:
        """Ask for the visible stretch; for all before anything is shown."""
        if not self._controller.state.has_data:
            return None
        # Two columns per pixel: edges stay upright. The plot has no width before it is shown; the view has.
        columns = max(400, 2 * self.width())
        if self._view is None:
            return StimulusQuery(columns=columns)
        start, stop = self.frames.getViewBox().viewRange()[0]
        return StimulusQuery(start, stop, columns)

    def show_answer(self, answer: object) -> None:
        """Draw a stretch of the stimulus."""
        if not isinstance(answer, StimulusView):
            self.show_problem(self._why_empty())
            return
        fresh = self._view is None or self._view.duration_s != answer.duration_s
        changed = fresh or self._view is None or self._view.spans != answer.spans
        self._view = answer
        self._pages.setCurrentIndex(1)
        self.whole.setEnabled(True)
        if fresh:
            for plot in (*self.lights, self.frames):
                plot.setLimits(xMin=0, xMax=answer.duration_s, minXRange=_SHORTEST_S)
            if self._time.begin(answer.duration_s):
                # All of it is here already.
                self._timer.stop()
            else:
                self._timer.start()
        if changed:
            self._draw_spans()
        self._draw_lights(answer)
        self._draw_frames(answer)
        self.facts.setText(_facts(answer))
        self.sections.show_sections(answer.sections, answer.anchors)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        self._message.setText(reason)
        self._pages.setCurrentIndex(0)
        self.whole.setEnabled(False)
        self.facts.clear()
        self.sections.hide()

    def show_all(self) -> None:
        """Zoom out to the whole recording."""
        self.frames.show_all()

    def table(self) -> Table | None:
        """Return what is drawn: light channels, frames, missing and double flips, sections."""
        view = self._view
        if view is None:
            return None
        return _all_kinds(view)

    def table_to_write(self) -> LateTable | None:
        """Return what `table` does, with the frames also where they are too many to draw."""
        return self._with_frames(_all_kinds)

    def export_panels(self) -> tuple[Panel, ...]:
        """Return the light over time with all that is marked in it."""
        tables = (
            ("light", partial(self._table_of, _light_columns)),
            ("frames", partial(self._with_frames, _frame_columns)),
            ("movies", partial(self._table_of, _section_columns)),
        )
        return (Panel("Light and frames", self.graphics, tables, ("light",)),)

    def figure_state(self) -> dict[str, Any]:
        """Return the stretch of time that is seen."""
        return {"time_s": self._controller.selection.time, "width_mm": _FIGURE_MM}

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self.graphics.setBackground(theme.base)
        self.strip.apply_theme(theme)
        self.sections.apply_theme(theme)
        for plot in (*self.lights, self.frames):
            style_plot(plot, theme)
        self.frames.getAxis("left").setStyle(showValues=False, tickLength=0)
        for curve in self._curves:
            curve.setPen(pg.mkPen(theme.text, width=1))
        self._ticks.setPen(pg.mkPen(theme.accent, width=1))
        self._hint.setColor(theme.muted)
        for marks, colour in ((self.missing, theme.bad), (self.double, theme.warning)):
            marks.setBrush(pg.mkBrush(colour))
            marks.setPen(pg.mkPen(theme.base))
        self._draw_spans()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave room for the plots above the table of sections."""
        super().resizeEvent(event)
        self.sections.fit_below_plots(self.height())

    def _lay_out(self) -> None:
        self._message.setProperty("role", "muted")
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.facts.setToolTip(
            "Missing: a refresh of the display without a flip. A lost flip shifts every later section by one "
            "frame; after a late frame nothing is shifted.\n"
            "Double: a second flip of one refresh. It shifts every later section by one frame."
        )
        self.whole.setToolTip("Show all again; or double-click in the plot")
        self.setup.setToolTip("Say which movie was shown when, on the recorded light")
        self.graphics.setAccessibleName("Light channels and frames over time")
        layout = self.graphics.ci
        layout.layout.setContentsMargins(6, 6, 16, 2)
        layout.layout.setVerticalSpacing(4)
        for row, plot in enumerate((self.strip, *self.lights, self.frames)):
            layout.addItem(plot, row=row, col=0)
            plot.getAxis("left").setWidth(_AXIS_WIDTH)
            if plot is not self.frames:
                plot.getAxis("bottom").setStyle(showValues=False)
                plot.setXLink(self.frames)
        for plot, curve, fill in zip(self.lights, self._curves, self.fills, strict=True):
            plot.addItem(fill, ignoreBounds=True)
            plot.addItem(curve)
        for item in (self._ticks, self.missing, self.double, self._hint):
            self.frames.addItem(item, ignoreBounds=True)
        self.frames.setFixedHeight(_FRAMES_HEIGHT)
        self.frames.setLabel("left", "Frames")
        self.frames.setLabel("bottom", "Time (s)")
        self.frames.setYRange(0, 1, padding=0)
        self.frames.setMouseEnabled(x=True, y=False)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self._message)
        self._pages.addWidget(self.graphics)
        top = QHBoxLayout()
        top.setContentsMargins(8, 2, 8, 0)
        top.addWidget(self.facts, 1)
        top.addWidget(self.setup)
        top.addWidget(self.whole)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 4, 0, 4)
        whole.addLayout(top)
        whole.addWidget(pages, 1)
        whole.addWidget(self.sections)

    def _reanchor(self) -> None:
        if self._view is not None:
            self._mend("reanchor", dict(self._view.anchors))

    def _mend(self, parameter: str, value: object) -> None:
        """Set a parameter of the step that made the sections, and show it."""
        parameters = self._controller.step_parameters
        model = parameters.model(_STEP)
        title = model.field(parameter).title
        parameters.history.change({model: {parameter: value}}, f"change of {title}")
        parameters.history.touched.emit(_STEP, parameter)
        self.told.emit(f"“{title}” of “{model.spec.title}” is set: run the step again.")

    def _table_of(self, make: Callable[[StimulusView], Columns]) -> Table | None:
        return None if self._view is None else Table(make(self._view))

    def _with_frames(self, make: Callable[[StimulusView], Columns | Table]) -> LateTable | None:
        view = self._view
        if view is None:
            return None
        query = StimulusQuery(view.start_s, view.stop_s, max(400, 2 * self.width()), all_frames=True)
        return LateTable(query, make)

    def _why_empty(self) -> str:
        if self._controller.state.has_data:
            return "No light channel was recorded: load the recording with its .cmcr file."
        return "There is no stimulus yet: open a recording and run “Load recording”."

    def _on_range(self) -> None:
        if self._view is not None:
            self._timer.start()

    def _draw_spans(self) -> None:
        spans = () if self._view is None else self._view.spans
        self.strip.show_spans(spans)
        self.strip.setVisible(bool(spans))
        for fill in self.fills:
            fill.show_spans(spans, self._theme)

    def _draw_lights(self, view: StimulusView) -> None:
        for place, (plot, curve) in enumerate(zip(self.lights, self._curves, strict=True)):
            light = view.lights[place] if place < len(view.lights) else None
            plot.setVisible(light is not None)
            if light is None:
                continue
            curve.setData(light.time_s, light.values, connect="finite")
            largest = float(np.nanmax(np.abs(light.values), initial=0.0))
            power = 6 if largest >= 1e6 else 3 if largest >= 1e4 else 0
            factor = {0: "", 3: "10³ ", 6: "10⁶ "}[power]
            plot.setLabel("left", f"{light.title}\n({factor}{light.unit or 'no unit'})")
            plot.getAxis("left").setScale(10.0**-power)

    def _draw_frames(self, view: StimulusView) -> None:
        if view.frames_s.size:
            y = np.tile([0.12, 0.62], view.frames_s.size)
            self._ticks.setData(np.repeat(view.frames_s, 2), y, connect="pairs")
        else:
            # `clear` paints nothing anew, and would leave them under the words.
            self._ticks.setData([], [], connect="pairs")
        self._hint.setVisible(not view.frames_s.size)
        text = f"{view.n_inside:,} frames: zoom in to see them" if view.n_inside else "No frame here"
        self._hint.setText(text)
        self._hint.setPos((view.start_s + view.stop_s) / 2, 0.37)
        self.missing.setData(view.missing_s, np.full(view.missing_s.size, 0.82))
        self.double.setData(view.double_s, np.full(view.double_s.size, 0.82))


def _all_kinds(view: StimulusView) -> Table:
    return Table.of_kinds(
        ("light", _light_columns(view)),
        ("frames", _frame_columns(view)),
        ("movies", _section_columns(view)),
    )


def _light_columns(view: StimulusView) -> Columns:
    if not view.lights:
        return ()
    channels = np.repeat(
        [light.channel for light in view.lights], [light.values.size for light in view.lights]
    )
    units = {light.unit or "value" for light in view.lights}
    title = f"light_{units.pop()}" if len(units) == 1 else "light"
    return (
        ("channel", channels),
        ("time_s", np.concatenate([light.time_s for light in view.lights])),
        (title, np.concatenate([light.values for light in view.lights])),
    )


def _frame_columns(view: StimulusView) -> Columns:
    kinds = {"frame": view.frames_s, "missing after": view.missing_s, "double": view.double_s}
    names = np.repeat(np.array(list(kinds), object), [times.size for times in kinds.values()])
    times = np.concatenate(list(kinds.values()))
    order = np.argsort(times, kind="stable")
    return (("time_s", times[order]), ("event", names[order]))


def _section_columns(view: StimulusView) -> Columns:
    columns = list(span_columns(view.spans))
    for name in ("alignment", "alignment_lag", "alignment_r", "marks"):
        values = np.array([getattr(section, name) for section in view.sections])
        columns.append((name, values.astype(object) if values.dtype.kind == "U" else values))
    return tuple(columns)


def _facts(view: StimulusView) -> str:
    if not view.n_frames:
        return html.escape(view.reason) if view.reason else "No frames were detected."
    usual = 59 <= view.frame_rate_hz <= 61
    unusual = "" if usual or math.isnan(view.frame_rate_hz) else ", not 60"
    parts = [f"<b>{view.n_frames:,}</b> frames at <b>{view.frame_rate_hz:.2f} Hz</b>{unusual}"]
    late = f" ({view.n_late} late)" if view.n_late else ""
    parts.append(f"▼ <b>{view.n_missing}</b> missing{late}")
    parts.append(f"◆ <b>{view.double_s.size}</b> double")
    if view.corrected:
        parts.append("corrected")
    if len(view.gaps_s):
        gone = float((view.gaps_s[:, 1] - view.gaps_s[:, 0]).sum())
        gaps = "1 gap" if len(view.gaps_s) == 1 else f"{len(view.gaps_s)} gaps"
        parts.append(f"{gaps} in the recording, {gone:.2f} s")
    return " &nbsp;·&nbsp; ".join(parts)
