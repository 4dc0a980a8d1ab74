"""Electrical image of a unit: its movie, its peak-to-peak map, and traces around the clicked electrode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtWidgets import QGridLayout, QWidget

from hdmea_gui.engine.controller import Controller
from hdmea_gui.engine.exports import Table
from hdmea_gui.engine.jobs import Query
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.electrical_image.query import ElectricalImageQuery, ElectricalImageView
from hdmea_gui.views.parts.base import Preview
from hdmea_gui.views.parts.movie_panel import MoviePanel
from hdmea_gui.views.parts.panels import Panel, movie_tables
from hdmea_gui.views.parts.plot_panel import ImagePanel, PlotPanel

__all__ = ["ElectricalImagePreview"]

_SILENT = "No spike of this unit could be averaged: the raw electrode data contain none of its spikes."
_TURN = np.linspace(0.0, 2 * np.pi, 61)
# Dark on a light rim, or the other way round: seen on every colour of a map.
_INK, _RIM = "#111111", "#ffffff"


class ElectricalImagePreview(Preview):
    """Movie and peak-to-peak map with soma and axon; traces of an electrode and its neighbours."""

    name = "electrical_image"
    title = "Electrical image"
    of_unit = True
    help_text = (
        "The mean voltage of every electrode around the spikes of the unit. Left, one moment of it, "
        "selected with the slider or played; middle, the difference of its highest and lowest value at each "
        "electrode. Soma and axon are marked once their steps have run. Click an electrode to see its "
        "trace, with those of its neighbours. The step “Electrical image” computes it from the raw "
        "electrode data."
    )

    def __init__(self, controller: Controller, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(controller, theme, parent)
        self._movie = MoviePanel("Electrical image", theme, "Column", "Row", self)
        self.movie, self.player = self._movie.panel, self._movie.player
        self.map = ImagePanel("Peak to peak", theme, "Column", "Row", self)
        self.traces = PlotPanel("Traces", theme, "Time relative to the spike (ms)", "Voltage", self)
        self.panels = (self.movie, self.map, self.traces)
        self._marks = [_Marks(panel) for panel in (self.movie, self.map)]
        self._around = pg.PlotCurveItem(connect="finite")
        self._chosen = pg.PlotCurveItem()
        self._now = pg.InfiniteLine(angle=90)
        self._view: ElectricalImageView | None = None
        self._place = (0, 0)
        self._lay_out()
        self._movie.frame_changed.connect(self._show_time)
        for panel in (self.movie, self.map):
            panel.plot.scene().sigMouseClicked.connect(
                lambda event, panel=panel: self._on_click(panel, event)
            )
        controller.selection.units_changed.connect(lambda _ids: self.invalidate())
        self.apply_theme(theme)
        self.show_answer(None)

    def query(self) -> Query[object] | None:
        """Ask for the current unit."""
        unit = self._controller.selection.unit
        return None if unit is None else ElectricalImageQuery(unit)

    def show_answer(self, answer: object) -> None:
        """Draw the electrical image of a unit."""
        if not isinstance(answer, ElectricalImageView):
            asked = self._controller.selection.unit is not None
            self.show_problem(self.not_yet("compute_eimage_sta") if asked else self.no_unit())
        elif not np.isfinite(answer.image).any():
            self.show_problem(_SILENT)
        else:
            self._show_view(answer)

    def show_problem(self, reason: str) -> None:
        """Say why nothing can be shown."""
        self._view = None
        for panel in (self._movie, self.map, self.traces):
            panel.show_empty(reason)

    def table(self) -> Table | None:
        """Return the image, one row per sample and electrode."""
        view = self._view
        if view is None:
            return None
        return Table.of_images(_titles(view), view.image, view.time_ms, view.first)

    def export_panels(self) -> tuple[Panel, ...]:
        """Return movie, map and traces."""
        return (
            Panel(
                "Electrical image",
                self.movie,
                movie_tables(self._frame_table, self.table),
                ("electrical_moment",),
            ),
            Panel("Peak to peak", self.map, (("", self._map_table),), ("electrical_image",)),
            Panel("Traces", self.traces, (("", self._traces_table),), ("traces",)),
        )

    def figure_state(self) -> dict[str, Any]:
        """Return unit, moment and electrode."""
        view, shown = self._view, {}
        if view is not None:
            place = (self._place[0] + view.first[0], self._place[1] + view.first[1])
            shown = {"moment_ms": float(view.time_ms[self.player.frame]), "place": place}
        return {**super().figure_state(), **shown}

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        for part in (self._movie, self.map, self.traces):
            part.apply_theme(theme)
        self._around.setPen(pg.mkPen(theme.muted, width=1))
        self._chosen.setPen(pg.mkPen(theme.accent, width=2))
        self._now.setPen(pg.mkPen(theme.bad, width=1))
        if self._view is not None:
            self._show_map()

    def _frame_table(self) -> Table | None:
        view, at = self._view, slice(self.player.frame, self.player.frame + 1)
        if view is None:
            return None
        return Table.of_images(_titles(view), view.image[at], view.time_ms[at], view.first)

    def _map_table(self) -> Table | None:
        view = self._view
        if view is None:
            return None
        return Table.of_image(("row", "column", f"peak_to_peak_{view.unit}"), view.amplitude, view.first)

    def _traces_table(self) -> Table | None:
        view = self._view
        if view is None:
            return None
        columns: list[tuple[str, NDArray[np.floating]]] = [("time_ms", view.time_ms)]
        for row, col in (self._place, *self._neighbours(view)):
            title = f"row{row + view.first[0]}_column{col + view.first[1]}_{view.unit}"
            columns.append((title, view.image[:, row, col]))
        return Table(tuple(columns))

    def _neighbours(self, view: ElectricalImageView) -> list[tuple[int, int]]:
        """Return row and column of the electrodes around the selected one, from the first of the image."""
        row, col = self._place
        rows, cols = view.amplitude.shape
        return [
            (r, c)
            for r in range(max(0, row - 1), min(rows, row + 2))
            for c in range(max(0, col - 1), min(cols, col + 2))
            if (r, c) != (row, col)
        ]

    def _lay_out(self) -> None:
        for item in (self._around, self._chosen):
            self.traces.plot.addItem(item)
        self.traces.plot.addItem(self._now, ignoreBounds=True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(0)
        layout.addWidget(self._movie, 0, 0, 2, 1)
        layout.addWidget(self.map, 0, 1)
        layout.addWidget(self.traces, 1, 1)
        for place, stretch in ((0, 5), (1, 4)):
            layout.setRowStretch(place, stretch)
            layout.setColumnStretch(place, 1)

    def _show_view(self, view: ElectricalImageView) -> None:
        self._view = view
        amplitude = np.nan_to_num(view.amplitude, nan=-1.0)
        row, col = np.unravel_index(int(amplitude.argmax()), amplitude.shape)
        self._place = (int(row), int(col))
        deepest = np.nan_to_num(np.abs(view.image[:, row, col]), nan=-1.0)
        for marks in self._marks:
            marks.show(view)
        self._show_map()
        self._show_traces()
        self._movie.show_movie(
            view.image,
            view.time_ms,
            int(deepest.argmax()),
            centre=0.0,
            spread=float(np.nanmax(np.abs(view.image))),
            unit=f"Voltage ({view.unit})",
            origin=(view.first[1], view.first[0]),
            note=f"{view.unit_id}, mean of {view.n_spikes:,} spikes",
        )

    def _show_time(self, frame: int) -> None:
        if self._view is not None:
            self._now.setPos(float(self._view.time_ms[frame]))

    def _show_map(self) -> None:
        view = self._view
        if view is None:
            return
        parts = ["+ soma" if np.isfinite(view.soma_diameter) else "+ unit's electrode"] if view.soma else []
        parts += ["line: axon"] if view.axon is not None else []
        parts += ["×: bad electrode, mean of its neighbours"] if len(view.bad) else []
        self.map.show_image(
            view.amplitude,
            (0.0, float(np.nanmax(view.amplitude)) or 1.0),
            self._theme.magnitude,
            view.unit,
            origin=(view.first[1], view.first[0]),
            note=", ".join(parts),
        )

    def _show_traces(self) -> None:
        view = self._view
        if view is None:
            return
        row, col = self._place
        near = self._neighbours(view)
        gap: NDArray[np.float64] = np.full(1, np.nan)
        times = [part for _ in near for part in (view.time_ms, gap)]
        values = [part for r, c in near for part in (view.image[:, r, c].astype(np.float64), gap)]
        self._around.setData(np.concatenate([*times, gap]), np.concatenate([*values, gap]))
        self._chosen.setData(view.time_ms, view.image[:, row, col])
        for marks in self._marks:
            marks.choose(row + view.first[0], col + view.first[1])
        self.traces.plot.setLabel("left", f"Voltage ({view.unit})")
        self.traces.plot.setXRange(float(view.time_ms[0]), float(view.time_ms[-1]), padding=0.01)
        self.traces.plot.enableAutoRange(axis="y")
        where = f"row {row + view.first[0]}, column {col + view.first[1]}"
        self.traces.show_plot(f"{where}; grey: its {len(near)} neighbours; click another electrode")

    def _on_click(self, panel: ImagePanel, event: pg.GraphicsScene.mouseEvents.MouseClickEvent) -> None:
        view = self._view
        if view is None or event.button() != pg.QtCore.Qt.MouseButton.LeftButton:
            return
        point = panel.plot.getViewBox().mapSceneToView(event.scenePos())
        row, col = round(point.y()) - view.first[0], round(point.x()) - view.first[1]
        if 0 <= row < view.amplitude.shape[0] and 0 <= col < view.amplitude.shape[1]:
            self._place = (row, col)
            self._show_traces()


def _titles(view: ElectricalImageView) -> tuple[str, str, str, str]:
    return ("time_ms", "row", "column", f"voltage_{view.unit}")


class _Marks:
    """Soma, its extent, axon and the selected electrode on a picture."""

    def __init__(self, panel: ImagePanel) -> None:
        self._soma = pg.ScatterPlotItem(symbol="+", size=13, pen=pg.mkPen(_RIM, width=1), brush=_INK)
        self._bad = pg.ScatterPlotItem(symbol="x", size=9, pen=pg.mkPen(_RIM, width=1), brush=_INK)
        self._extent = pg.PlotCurveItem()
        self._axon = pg.PlotCurveItem()
        self._chosen = pg.PlotCurveItem()
        for curve, width in ((self._extent, 1.0), (self._axon, 2.0), (self._chosen, 1.0)):
            curve.setPen(pg.mkPen(_INK, width=width))
            curve.setShadowPen(pg.mkPen(_RIM, width=width + 2))
        for item in (self._bad, self._extent, self._axon, self._chosen, self._soma):
            panel.plot.addItem(item, ignoreBounds=True)

    def show(self, view: ElectricalImageView) -> None:
        """Mark what is known of a unit."""
        self._bad.setData(view.bad[:, 1], view.bad[:, 0])
        self._soma.setData(
            [] if view.soma is None else [view.soma[1]], [] if view.soma is None else [view.soma[0]]
        )
        if view.soma is not None and np.isfinite(view.soma_diameter):
            radius = view.soma_diameter / 2
            self._extent.setData(view.soma[1] + radius * np.cos(_TURN), view.soma[0] + radius * np.sin(_TURN))
        else:
            self._extent.setData([], [])
        if view.axon is not None:
            self._axon.setData(view.axon[:, 1], view.axon[:, 0])
        else:
            self._axon.setData([], [])

    def choose(self, row: int, col: int) -> None:
        """Mark the electrode whose traces are shown."""
        x, y = np.array([-0.5, 0.5, 0.5, -0.5, -0.5]), np.array([-0.5, -0.5, 0.5, 0.5, -0.5])
        self._chosen.setData(col + x, row + y)
