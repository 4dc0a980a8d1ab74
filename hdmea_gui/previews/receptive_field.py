"""Receptive field of a unit: its spike-triggered average frame by frame."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hdmea_gui.controller import Controller
from hdmea_gui.controller.image_views import FieldView, ReceptiveFieldQuery, ReceptiveFieldView
from hdmea_gui.controller.tables import Table
from hdmea_gui.jobs import Query
from hdmea_gui.previews.base import Preview
from hdmea_gui.previews.frame_player import FramePlayer
from hdmea_gui.theme import Theme
from hdmea_gui.widgets.plot_panel import ImagePanel, PlotPanel

__all__ = ["ReceptiveFieldPreview"]

_CORNERS = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
_SILENT = "No spike of this unit could be averaged: it does not fire during the noise movie."


class ReceptiveFieldPreview(Preview):
    """Movie of the average with the fitted ellipse, time course of one pixel, numbers."""

    help_text = (
        "The spike-triggered average: the mean of the frames that the noise movie showed before each spike "
        "of the unit. Move the slider, or play, to see it frame by frame; click a pixel to see its time "
        "course. The ellipse is the 1 σ contour of the fitted receptive field; its numbers stand below, "
        "with their definitions as tooltips. The step “Spike-triggered average” computes it, “Receptive "
        "field” fits the ellipse."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("receptive_field", controller, theme, parent)
        self.average = ImagePanel("Spike-triggered average", theme, "x (pixels)", "y (pixels)", self)
        self.course = PlotPanel(
            "Time course", theme, "Time relative to the spike (ms)", "Mean light level", self
        )
        self.player = FramePlayer(theme, self)
        self.movies = QComboBox(self)
        self.movies.setAccessibleName("Noise movie")
        self.movies.setToolTip("Noise movie of the spike-triggered average")
        self.facts: list[QLabel] = []
        self._facts_row = QHBoxLayout()
        self._outline = pg.PlotCurveItem()
        self._pixel = pg.PlotCurveItem()
        self._curve = pg.PlotDataItem(symbol="o", symbolSize=4)
        self._level = pg.InfiniteLine(angle=0)
        self._now = pg.InfiniteLine(angle=90)
        self._view: FieldView | None = None
        self._fields: tuple[FieldView, ...] = ()
        self._unit = ""
        self._place = (0, 0)
        self._lay_out()
        self.player.frame_changed.connect(lambda _frame: self._show_frame())
        self.movies.currentIndexChanged.connect(self._on_movie)
        self.average.plot.scene().sigMouseClicked.connect(self._on_click)
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        self.apply_theme(theme)
        self.show_answer(None)

    def query(self) -> Query | None:
        """Ask for the current unit."""
        unit = self._controller.selection.unit
        return None if unit is None else ReceptiveFieldQuery(unit)

    def show_answer(self, answer: object) -> None:
        """Draw the averages of a unit."""
        self._fields = answer.fields if isinstance(answer, ReceptiveFieldView) else ()
        self._unit = answer.unit_id if isinstance(answer, ReceptiveFieldView) else ""
        names = [field.movie for field in self._fields]
        with QSignalBlocker(self.movies):
            self.movies.clear()
            self.movies.addItems(names)
            wanted = self._controller.selection.movie
            self.movies.setCurrentIndex(names.index(wanted) if wanted in names else 0)
        self.movies.setVisible(len(names) > 1)
        if not self._fields:
            self.show_problem(self.not_yet("compute_sta") if self._unit else self.no_unit())
            return
        self._show_field(self._fields[max(0, self.movies.currentIndex())])

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        self.player.setVisible(False)
        self._show_facts(None)
        for panel in (self.average, self.course):
            panel.show_empty(reason)

    def table(self) -> Table | None:
        """Return the average, one row per frame and pixel."""
        view = self._view
        if view is None:
            return None
        titles = ("time_ms", "y_pixel", "x_pixel", "mean_light_level")
        return Table.of_images(titles, view.frames, view.time_ms, (0, 0))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        for panel in (self.average, self.course):
            panel.apply_theme(theme)
        self.player.apply_theme(theme)
        for item, width in ((self._outline, 2.0), (self._pixel, 1.0)):
            # Dark on a light rim: seen on every colour of the map.
            item.setPen(pg.mkPen("#111111", width=width))
            item.setShadowPen(pg.mkPen("#ffffff", width=width + 2))
        self._curve.setPen(pg.mkPen(theme.accent, width=2))
        self._curve.setSymbolPen(None)
        self._curve.setSymbolBrush(pg.mkBrush(theme.accent))
        self._level.setPen(pg.mkPen(theme.muted, width=1, style=pg.QtCore.Qt.PenStyle.DashLine))
        self._now.setPen(pg.mkPen(theme.bad, width=1))
        if self._view is not None:
            self._show_frame()

    def _lay_out(self) -> None:
        self.average.plot.addItem(self._outline, ignoreBounds=True)
        self.average.plot.addItem(self._pixel, ignoreBounds=True)
        for item in (self._level, self._now):
            self.course.plot.addItem(item, ignoreBounds=True)
        self.course.plot.addItem(self._curve)
        top = QHBoxLayout()
        top.setContentsMargins(8, 2, 8, 0)
        top.addLayout(self._facts_row)
        top.addStretch(1)
        top.addWidget(self.movies)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.average, 1)
        controls = QHBoxLayout()
        controls.setContentsMargins(8, 0, 8, 0)
        controls.addWidget(self.player)
        left.addLayout(controls)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(0)
        layout.addLayout(top, 0, 0, 1, 2)
        layout.addLayout(left, 1, 0)
        layout.addWidget(self.course, 1, 1)
        layout.setRowStretch(1, 1)
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(1, 1)

    def _show_field(self, view: FieldView) -> None:
        if not np.isfinite(view.mean):
            self.show_problem(_SILENT)
            return
        fresh = self._view is None or self._view.time_ms.size != view.time_ms.size
        self._view = view
        self._place = view.peak[1:]
        self.player.setVisible(True)
        keeps = self.player.playing and not fresh
        self.player.set_times(view.time_ms, self.player.frame if keeps else view.peak[0])
        self._show_facts(view)
        outline = np.zeros((0, 2)) if view.outline is None else view.outline
        self._outline.setData(outline[:, 0], outline[:, 1])
        self._show_course()
        self._show_frame()

    def _show_frame(self) -> None:
        view = self._view
        if view is None:
            return
        spread = view.spread or 1.0
        levels = (view.mean - spread, view.mean + spread)
        note = view.outline_source if view.outline is not None else "No fitted ellipse"
        frame = view.frames[self.player.frame]
        self.average.show_image(frame, levels, self._theme.diverging, "Mean light level", note=note)
        self._now.setPos(float(view.time_ms[self.player.frame]))

    def _show_course(self) -> None:
        view = self._view
        if view is None:
            return
        row, col = self._place
        values = view.frames[:, row, col]
        self._pixel.setData(col + _CORNERS[:, 0], row + _CORNERS[:, 1])
        self._curve.setData(view.time_ms, values)
        self._level.setPos(view.mean)
        reach = max(view.spread, 1e-9) * 1.08
        self.course.plot.setXRange(float(view.time_ms[0]), float(view.time_ms[-1]), padding=0.02)
        self.course.plot.setYRange(view.mean - reach, view.mean + reach, padding=0)
        which = "peak pixel" if (row, col) == view.peak[1:] else "pixel"
        self.course.show_plot(f"{which} x {col}, y {row}; click another in the picture")

    def _show_facts(self, view: FieldView | None) -> None:
        for label in self.facts:
            self._facts_row.removeWidget(label)
            label.deleteLater()
        self.facts = []
        if view is None:
            return
        texts = [(f"{self._unit}", "The unit chosen in the table", "heading")]
        texts += [(f"{fact.label}  <b>{fact.text}</b>", fact.help, "") for fact in view.facts]
        texts.append((f"{view.n_spikes:,} spikes", "Spikes that were averaged", "muted"))
        if not view.facts:
            texts.append(("No numbers yet: run “Features”.", "Polarity, latency, size and p value", "muted"))
        for text, help_text, role in texts:
            label = QLabel(text, self)
            label.setProperty("role", role)
            label.setToolTip(help_text)
            self._facts_row.addWidget(label)
            self._facts_row.addSpacing(14)
            self.facts.append(label)

    def _on_movie(self, index: int) -> None:
        if 0 <= index < len(self._fields):
            self._controller.selection.select_movie(self._fields[index].movie)
            self._show_field(self._fields[index])

    def _on_click(self, event: pg.GraphicsScene.mouseEvents.MouseClickEvent) -> None:
        view = self._view
        if view is None or event.button() != pg.QtCore.Qt.MouseButton.LeftButton:
            return
        point = self.average.plot.getViewBox().mapSceneToView(event.scenePos())
        row, col = round(point.y()), round(point.x())
        if 0 <= row < view.frames.shape[1] and 0 <= col < view.frames.shape[2]:
            self._place = (row, col)
            self._show_course()
