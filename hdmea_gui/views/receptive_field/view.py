"""Receptive field of a unit: its spike-triggered average frame by frame."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.movie_panel import MoviePanel
from hdmea_gui.views.parts.panels import Panel, movie_tables
from hdmea_gui.views.parts.plot_panel import PlotPanel
from hdmea_gui.views.receptive_field.field_map import FieldMap
from hdmea_gui.views.receptive_field.query import FieldView, ReceptiveFieldQuery, ReceptiveFieldView
from hdmea_gui.widgets.focused_wheel import ComboBox
from hdmea_gui.widgets.label import Label, RichLabel

__all__ = ["ReceptiveFieldPreview"]

_TITLES = ("time_ms", "y_pixel", "x_pixel", "mean_light_level")
_CORNERS = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
_NO_FIELDS = "No unit of this recording has a receptive field that could be fitted."
_SILENT = "No spike of this unit could be averaged: it does not fire during the noise movie."


class ReceptiveFieldPreview(Preview):
    """Movie of the average with the fitted ellipse, time course of one pixel, numbers."""

    name = "receptive_field"
    title = "Receptive field"
    of_unit = True
    help_text = (
        "The spike-triggered average: the mean of the frames that the noise movie showed before each spike "
        "of the unit. Move the slider, or play, to see it frame by frame; click a pixel to see its time "
        "course. The ellipses are the 1 σ and 2 σ contours of the fitted receptive field; its numbers are "
        "shown above, with their definitions as tooltips. At the right, the 1 σ ellipses of all units, in "
        "µm on the chip where the stimulus calibration is known: the selected ones emphasised, with a cross "
        "at their somas; click one, or drag a frame around several, to select them. The step "
        "“Spike-triggered averages” computes the average, “Receptive fields” fits the ellipses."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self._movie = MoviePanel("Spike-triggered average", theme, "x (pixels)", "y (pixels)", self)
        self.average, self.player = self._movie.panel, self._movie.player
        self.map = FieldMap(theme, controller.selection, controller.unit_colours, self)
        self.course = PlotPanel(
            "Time course", theme, "Time relative to the spike (ms)", "Mean light level", self
        )
        self.movies = ComboBox(self)
        self.movies.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToContents)
        self.movies.setAccessibleName("Noise movie")
        self.movies.setToolTip("Noise movie of the spike-triggered average")
        self.average.graphics.setToolTip("Click a pixel to see its time course")
        self.facts: list[Label] = []
        self._facts_row = QHBoxLayout()
        self._facts_row.setSpacing(20)
        self._outline = pg.PlotCurveItem()
        self._wide_outline = pg.PlotCurveItem()
        self._pixel = pg.PlotCurveItem()
        self._curve = pg.PlotDataItem(symbol="o", symbolSize=4)
        self._level = pg.InfiniteLine(angle=0)
        self._now = pg.InfiniteLine(angle=90)
        self._view: FieldView | None = None
        self._fields: tuple[FieldView, ...] = ()
        self._unit = ""
        self._place = (0, 0)
        self._lay_out()
        self._movie.frame_changed.connect(self._show_time)
        self.movies.currentIndexChanged.connect(self._on_movie)
        self.average.plot.scene().sigMouseClicked.connect(self._on_click)
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        self.apply_theme(theme)
        self.show_answer(None)

    def query(self) -> Query[object] | None:
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
            reason = self.not_yet("compute_sta") if self._unit else self.no_unit()
            self.map.show_mosaic(None, reason)
            self.show_problem(reason)
            return
        self._show_field(self._fields[max(0, self.movies.currentIndex())])

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        self._show_facts(None)
        for panel in (self._movie, self.course):
            panel.show_empty(reason)
        if self.map.mosaic is None:
            self.map.show_empty(reason)

    def table(self) -> Table | None:
        """Return the average, one row per frame and pixel."""
        view = self._view
        if view is None:
            return None
        return Table.of_images(_TITLES, view.frames, view.time_ms, (0, 0))

    def export_panels(self) -> tuple[Panel, ...]:
        """Return the average, the time course, and the map of all receptive fields."""
        return (
            Panel(
                "Spike-triggered average",
                self.average,
                movie_tables(self._frame_table, self.table),
                ("receptive_field",),
            ),
            Panel("Time course", self.course, (("", self._course_table),), ("time_course",)),
            Panel("All receptive fields", self.map, (("", self.map.table),), ("fields",)),
        )

    def figure_state(self) -> dict[str, Any]:
        """Return unit, frame and pixel."""
        view = self._view
        shown = (
            {}
            if view is None
            else {"moment_ms": float(view.time_ms[self.player.frame]), "place": self._place}
        )
        return {**super().figure_state(), **shown}

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        for part in (self._movie, self.course, self.map):
            part.apply_theme(theme)
        for item, width in ((self._outline, 2.0), (self._wide_outline, 1.0), (self._pixel, 1.0)):
            # Dark on a light rim: seen on every colour of the map.
            item.setPen(pg.mkPen("#111111", width=width))
            item.setShadowPen(pg.mkPen("#ffffff", width=width + 2))
        self._curve.setPen(pg.mkPen(theme.accent, width=2))
        self._curve.setSymbolPen(None)
        self._curve.setSymbolBrush(pg.mkBrush(theme.accent))
        self._level.setPen(pg.mkPen(theme.muted, width=1, style=pg.QtCore.Qt.PenStyle.DashLine))
        self._now.setPen(pg.mkPen(theme.bad, width=1))

    def _frame_table(self) -> Table | None:
        view, at = self._view, slice(self.player.frame, self.player.frame + 1)
        return None if view is None else Table.of_images(_TITLES, view.frames[at], view.time_ms[at], (0, 0))

    def _course_table(self) -> Table | None:
        if self._view is None:
            return None
        row, col = self._place
        title = f"mean_light_level_y{row}_x{col}"
        return Table((("time_ms", self._view.time_ms), (title, self._view.frames[:, row, col])))

    def _lay_out(self) -> None:
        for item in (self._wide_outline, self._outline, self._pixel):
            self.average.plot.addItem(item, ignoreBounds=True)
        for item in (self._level, self._now):
            self.course.plot.addItem(item, ignoreBounds=True)
        self.course.plot.addItem(self._curve)
        top = QHBoxLayout()
        top.setContentsMargins(8, 2, 8, 4)
        top.addLayout(self._facts_row)
        top.addStretch(1)
        top.addWidget(self.movies)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(0)
        layout.addLayout(top, 0, 0, 1, 3)
        for column, (part, stretch) in enumerate(((self._movie, 10), (self.course, 8), (self.map, 10))):
            layout.addWidget(part, 1, column)
            layout.setColumnStretch(column, stretch)
        layout.setRowStretch(1, 1)

    def _show_field(self, view: FieldView) -> None:
        done = "extract_rf_geometry" in self._controller.state.completed
        self.map.show_mosaic(view.mosaic, _NO_FIELDS if done else self.not_yet("extract_rf_geometry"))
        if not np.isfinite(view.mean):
            self.show_problem(_SILENT)
            return
        self._view = view
        self._place = view.peak[1:]
        self._show_facts(view)
        for item, outline in ((self._outline, view.outline), (self._wide_outline, view.wide_outline)):
            points = np.zeros((0, 2)) if outline is None else outline
            item.setData(points[:, 0], points[:, 1])
        self._show_course()
        self._movie.show_movie(
            view.frames,
            view.time_ms,
            view.peak[0],
            centre=view.mean,
            spread=view.spread,
            unit="Mean light level",
            note=view.outline_source if view.outline is not None else "No fitted ellipse",
        )

    def _show_time(self, frame: int) -> None:
        if self._view is not None:
            self._now.setPos(float(self._view.time_ms[frame]))

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
        self.course.show_plot(f"{which} x {col}, y {row}")

    def _show_facts(self, view: FieldView | None) -> None:
        facts = [(escape(self._unit), "The unit selected in the table", "heading")] if self._unit else []
        facts += [] if view is None else _facts_texts(view)
        if [role for *_, role in facts] != [label.property("role") for label in self.facts]:
            self._make_facts([role for *_, role in facts])
        for label, (text, help_text, _) in zip(self.facts, facts, strict=True):
            label.setText(text)
            label.setToolTip(help_text)

    def _make_facts(self, roles: list[str]) -> None:
        # Not for each unit: without them for a moment, the plots would take their place and give it back.
        for label in self.facts:
            self._facts_row.removeWidget(label)
            label.deleteLater()
        self.facts = []
        for role in roles:
            label = RichLabel(self)
            label.setProperty("role", role)
            self._facts_row.addWidget(label)
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


def _facts_texts(view: FieldView) -> list[tuple[str, str, str]]:
    """Return text, tooltip and role of what is known of a receptive field."""
    texts = [(f"{escape(fact.label)}  <b>{escape(fact.text)}</b>", fact.help, "") for fact in view.facts]
    texts.append((f"{view.n_spikes:,} spikes", "Spikes that were averaged", "muted"))
    if view.marks:
        texts.insert(0, (f"⚠ {escape(view.marks)}", "Know this before you use numbers of it", "warning"))
    if not view.facts:
        texts.append(("No numbers yet: run “Features”.", "Polarity, latency, size and p value", "muted"))
    return texts
