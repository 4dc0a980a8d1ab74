"""A strip above the raster: which movie was shown when."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGraphicsRectItem

from hdmea_gui.controller.snapshot import Span
from hdmea_gui.theme import Theme

__all__ = ["StimulusStrip", "span_colours", "span_regions"]

HEIGHT = 24


def span_colours(spans: tuple[Span, ...], theme: Theme) -> dict[str, str]:
    """Return a colour for each movie; the same movie has the same colour everywhere."""
    movies = list(dict.fromkeys(span.label for span in spans))
    return {movie: theme.spans[place % len(theme.spans)] for place, movie in enumerate(movies)}


def span_regions(plot: pg.PlotItem, spans: tuple[Span, ...], theme: Theme) -> list[pg.LinearRegionItem]:
    """Add the sections to a plot as coloured stretches of time behind its curves; return them."""
    colours = span_colours(spans, theme)
    regions = []
    for span in spans:
        colour = pg.mkColor(colours[span.label])
        colour.setAlpha(45)
        region = pg.LinearRegionItem((span.start_s, span.stop_s), movable=False, brush=colour, pen=None)
        region.setZValue(-10)
        for line in region.lines:
            line.hide()
        plot.addItem(region, ignoreBounds=True)
        regions.append(region)
    return regions


class StimulusStrip(pg.PlotItem):  # type: ignore[misc]
    """One bar per section with the movie's name where there is room for it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(enableMenu=False)
        self._theme = theme
        self._spans: tuple[Span, ...] = ()
        self._drawn: list[tuple[Span, QGraphicsRectItem, pg.TextItem]] = []
        self.hideAxis("bottom")
        self.getAxis("left").setStyle(showValues=False, tickLength=0)
        self.getAxis("left").setPen(None)
        self.setMouseEnabled(x=True, y=False)
        self.setYRange(0, 1, padding=0)
        self.setFixedHeight(HEIGHT)
        self.hideButtons()
        self.getViewBox().sigXRangeChanged.connect(lambda *_: self._place_names())
        self.getViewBox().sigResized.connect(lambda *_: self._place_names())

    def show_spans(self, spans: tuple[Span, ...]) -> None:
        """Show these sections."""
        self._spans = spans
        for _, bar, name in self._drawn:
            self.removeItem(bar)
            self.removeItem(name)
        self._drawn = []
        colours = span_colours(spans, self._theme)
        for span in spans:
            colour = pg.mkColor(colours[span.label])
            bar = QGraphicsRectItem(span.start_s, 0.08, span.stop_s - span.start_s, 0.84)
            colour.setAlpha(70)
            bar.setBrush(colour)
            bar.setPen(pg.mkPen(colours[span.label]))
            bar.setToolTip(f"{span.label}: {span.start_s:.2f} – {span.stop_s:.2f} s")
            name = pg.TextItem(span.label, color=self._theme.text, anchor=(0.5, 0.5))
            name.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
            self.addItem(bar, ignoreBounds=True)
            self.addItem(name, ignoreBounds=True)
            self._drawn.append((span, bar, name))
        self._place_names()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self.show_spans(self._spans)

    def _place_names(self) -> None:
        """Put each name into the visible part of its bar, or hide it if it does not fit."""
        view = self.getViewBox()
        left, right = view.viewRange()[0]
        pixels_per_s = view.width() / (right - left) if right > left else 0.0
        for span, _, name in self._drawn:
            start, stop = max(span.start_s, left), min(span.stop_s, right)
            fits = (stop - start) * pixels_per_s >= name.boundingRect().width()
            name.setVisible(fits)
            name.setPos((start + stop) / 2, 0.5)
