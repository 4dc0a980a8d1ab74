"""The recorded light with the movies on top of it, blocks as coloured stretches, trials, digital events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hdmea.stimulus_setup import trial_frames
from hdmea_gui.flows.setup.model import SetupModel
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.graphics import Graphics
from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.views.parts.plot_panel import style_plot
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.views.parts.stimulus_strip import SpanFill, StimulusStrip

if TYPE_CHECKING:
    from hdmea.stimulus_setup import Block, RecordedStimulus

__all__ = ["SetupPlot"]

_AXIS_WIDTH = 62
_TRIALS_HEIGHT = 58
_SHORTEST_S = 0.05
_MOST_TRIALS = 2000


class SetupPlot(QWidget):
    """Shows a `SetupModel` over time; the selected block can be dragged.

    Signals
    -------
    clicked(int)
        A display frame was clicked.
    """

    clicked = Signal(int)

    def __init__(self, model: SetupModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model, self._theme = model, theme
        self._low, self._span = 0.0, 1.0
        self.graphics = Graphics(self)
        self.strip = StimulusStrip(theme)
        self.light = Plot(wheel_axis=0)
        self.trials = Plot(wheel_axis=0)
        self._light = pg.PlotDataItem(connect="all")
        self.movie = pg.PlotDataItem(connect="finite")
        self._fill, self._trial_fill = SpanFill(), SpanFill()
        self._events = pg.PlotCurveItem(connect="pairs")
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self.region = pg.LinearRegionItem(swapMode="block")
        self._dragging = False
        self._lay_out()
        self.region.sigRegionChanged.connect(lambda *_: self._on_drag())
        self.region.sigRegionChangeFinished.connect(lambda *_: self._on_dropped())
        self.graphics.scene().sigMouseClicked.connect(self._on_click)
        model.changed.connect(self._draw)
        model.checked.connect(self._draw_movie)
        model.selected.connect(self._mark)
        self._colour()

    def show_recording(self, known: RecordedStimulus) -> None:
        """Draw the light of a recording, all of it."""
        usable = known.light.mean[known.light.valid]
        low, high = np.quantile(usable, (0.001, 0.999)) if usable.size else (0.0, 1.0)
        self._low, self._span = float(low), float(high - low) or 1.0
        self._light.setData(known.frame_time_s, self._percent(known.light.mean))
        self.light.setVisible(True)
        stop = known.time_s(known.n_frames)
        for plot in (self.strip, self.light, self.trials):
            plot.setLimits(xMin=0, xMax=stop, minXRange=_SHORTEST_S)
        self.trials.setXRange(0, stop, padding=0)
        self.light.setYRange(-8, 108, padding=0)
        times = np.array([known.time_s(int(frame)) for frame in known.events])
        self._events.setData(np.repeat(times, 2), np.tile([0.0, 0.34], times.size), connect="pairs")
        self.region.setBounds((0, stop))
        self._draw()

    def show_all(self) -> None:
        """Zoom out to the whole recording."""
        self.trials.show_all()

    def show_row(self) -> None:
        """Zoom to the selected row."""
        row, known = self._model.current, self._model.known
        if row is not None and known is not None:
            start, stop = known.time_s(row.first), known.time_s(row.stop)
            beyond = 0.15 * (stop - start)
            self.trials.zoom(x=(max(start - beyond, 0.0), stop + beyond))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self._colour()
        self._draw()

    # -- parts ---------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.graphics.setAccessibleName("Light, movies, trials and digital events over time")
        self.graphics.setToolTip(
            "Click a block to select it, drag it or its edges to move them. The wheel zooms, a drag "
            "elsewhere moves, a double click shows all"
        )
        layout = self.graphics.ci
        layout.layout.setContentsMargins(4, 4, 12, 5)
        layout.layout.setVerticalSpacing(2)
        for row, plot in enumerate((self.strip, self.light, self.trials)):
            layout.addItem(plot, row=row, col=0)
            plot.getAxis("left").setWidth(_AXIS_WIDTH)
            if plot is not self.trials:
                plot.getAxis("bottom").setStyle(showValues=False)
                plot.setXLink(self.trials)
        for curve in (self._light, self.movie):
            curve.setDownsampling(auto=True, method="peak")
            curve.setClipToView(True)
        self.light.addItem(self._fill, ignoreBounds=True)
        self.light.addItem(self._light, ignoreBounds=True)
        self.light.addItem(self.movie, ignoreBounds=True)
        self.light.addItem(self.region, ignoreBounds=True)
        self.light.addItem(self._cursor, ignoreBounds=True)
        self.light.setLabel("left", "Light (%)")
        self.trials.addItem(self._trial_fill, ignoreBounds=True)
        self.trials.addItem(self._events, ignoreBounds=True)
        self.trials.setFixedHeight(_TRIALS_HEIGHT)
        self.trials.setYRange(0, 1, padding=0)
        for plot in (self.light, self.trials):
            plot.setMouseEnabled(x=True, y=False)
        self.trials.setLabel("left", "Trials")
        self.trials.setLabel("bottom", "Time (s)")
        self.trials.getAxis("left").setStyle(showValues=False, tickLength=0)
        self.region.hide()
        self._cursor.hide()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.graphics)

    def _colour(self) -> None:
        theme = self._theme
        self.graphics.setBackground(theme.base)
        self.strip.apply_theme(theme)
        for plot in (self.light, self.trials):
            style_plot(plot, theme)
        self.trials.getAxis("left").setStyle(showValues=False, tickLength=0)
        # Wider than the movie, which would hide it where both agree.
        self._light.setPen(pg.mkPen(theme.text, width=3))
        self.movie.setPen(pg.mkPen(theme.bad, width=1))
        self._events.setPen(pg.mkPen(theme.warning, width=2))
        self._cursor.setPen(pg.mkPen(theme.muted, style=Qt.PenStyle.DashLine))
        accent = pg.mkColor(theme.link)
        for line in self.region.lines:
            line.setPen(pg.mkPen(accent, width=2))
            line.setHoverPen(pg.mkPen(accent, width=4))
        self.region.setBrush(pg.mkBrush(None))
        accent.setAlpha(40)
        self.region.setHoverBrush(pg.mkBrush(accent))

    # -- what is drawn -------------------------------------------------------------------------------

    def _percent(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return 100 * (values - self._low) / self._span

    def _draw(self) -> None:
        known = self._model.known
        if known is None:
            return
        spans = tuple(
            Span(block.movie, known.time_s(block.content_frame), known.time_s(block.end_frame))
            for block in self._model.blocks
        )
        self.strip.show_spans(spans)
        self._fill.show_spans(spans, self._theme)
        self._draw_trials(known, self._model.blocks)
        self._draw_movie()
        self._mark()

    def _draw_trials(self, known: RecordedStimulus, blocks: Sequence[Block]) -> None:
        shown: list[Span] = []
        for block in blocks:
            definition = known.definitions.get(block.movie)
            if known.clock == "time":
                found = np.array([[block.content_frame, block.end_frame]])
            elif definition is None:
                continue
            else:
                found = trial_frames(block, definition.section_kwargs)
            shown += [
                Span("even" if number % 2 else "odd", known.time_s(int(first)), known.time_s(int(stop)))
                for number, (first, stop) in enumerate(found)
            ]
        self._trial_fill.show_spans(tuple(shown[:_MOST_TRIALS]), self._theme)

    def _draw_movie(self) -> None:
        known, checks = self._model.known, self._model.checks
        if known is None or len(checks) != len(self._model.blocks):
            return
        times: list[NDArray[Any]] = []
        levels: list[NDArray[Any]] = []
        gap = np.array([np.nan])
        for block, check in zip(self._model.blocks, checks, strict=True):
            if check.curve.size:
                frames = np.arange(block.content_frame, block.content_frame + check.curve.size)
                inside = frames < known.n_frames
                times += [known.frame_time_s[frames[inside]], gap]
                levels += [self._percent(check.curve[inside]), gap]
        if times:
            self.movie.setData(np.concatenate(times), np.concatenate(levels), connect="finite")
        else:
            self.movie.setData([], [])

    def _mark(self) -> None:
        row, known = self._model.current, self._model.known
        block = None if row is None else row.block
        self.region.setVisible(block is not None)
        if block is not None and known is not None and not self._dragging:
            self.region.blockSignals(True)
            self.region.setRegion((known.time_s(block.content_frame), known.time_s(block.end_frame)))
            self.region.blockSignals(False)

    # -- what the user does --------------------------------------------------------------------------

    def _on_drag(self) -> None:
        self._dragging = True

    def _on_dropped(self) -> None:
        self._dragging = False
        block, known = self._model.block, self._model.known
        if block is None or known is None:
            return
        first, stop = (known.frame_at(time) for time in self.region.getRegion())
        if stop == known.n_frames - 1 and block.end_frame > stop:
            # The block ends after the recording, where nothing can be dragged to.
            stop = first + block.length
        moved = first != block.content_frame and abs(stop - first - block.length) <= 1
        self._model.place(first, block.length if moved else max(stop - first, 1))
        self._mark()

    def _on_click(self, event: Any) -> None:
        known = self._model.known
        if known is None or event.double() or event.button() != Qt.MouseButton.LeftButton:
            return
        place = self.light.vb.mapSceneToView(event.scenePos())
        frame = known.frame_at(float(place.x()))
        self._cursor.setPos(known.time_s(frame))
        self._cursor.show()
        self.clicked.emit(frame)
