"""A strip above the raster: which movie was shown when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QGraphicsRectItem

from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.plot import Plot
from hdmea_gui.views.parts.shared_query import Span
from hdmea_gui.widgets.label import plain_tip

__all__ = ["SpanFill", "StimulusStrip", "span_colours", "span_columns"]

HEIGHT = 24
_MARGIN, _LEAST_ROOM = 10, 36
_ELIDE = Qt.TextElideMode.ElideRight


def span_colours(spans: tuple[Span, ...], theme: Theme) -> dict[str, str]:
    """Return a colour for each movie; the same movie has the same colour everywhere."""
    movies = list(dict.fromkeys(span.label for span in spans))
    return {movie: theme.spans[place % len(theme.spans)] for place, movie in enumerate(movies)}


def span_columns(spans: tuple[Span, ...]) -> tuple[tuple[str, NDArray[Any]], ...]:
    """Return name, begin and end of each section as columns of a table."""
    return (
        ("section", np.array([span.label for span in spans], object)),
        ("section_start_s", np.array([span.start_s for span in spans])),
        ("section_stop_s", np.array([span.stop_s for span in spans])),
    )


class SpanFill(pg.GraphicsObject):  # type: ignore[misc]
    """All sections as coloured stretches of time behind the curves of a plot, in one item.

    Attributes
    ----------
    spans
        The sections.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spans: tuple[Span, ...] = ()
        self._colours: dict[str, pg.QtGui.QColor] = {}
        self.setZValue(-10)

    def show_spans(self, spans: tuple[Span, ...], theme: Theme) -> None:
        """Show these sections."""
        self.prepareGeometryChange()
        self.spans = spans
        self._colours = {label: pg.mkColor(name) for label, name in span_colours(spans, theme).items()}
        for colour in self._colours.values():
            colour.setAlpha(45)
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the visible part of the plot, which is as high as the sections are."""
        return self.viewRect() if self.spans else QRectF()

    def viewRangeChanged(self, *_ignored: object) -> None:
        """Cover what is visible now."""
        self.prepareGeometryChange()

    def paint(self, painter: QPainter, *_ignored: object) -> None:
        """Draw the sections."""
        visible = self.viewRect()
        for span in self.spans:
            stretch = QRectF(span.start_s, visible.top(), span.stop_s - span.start_s, visible.height())
            painter.fillRect(stretch & visible, self._colours[span.label])


class StimulusStrip(Plot):
    """One bar per section with the movie's name where there is room for it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._spans: tuple[Span, ...] = ()
        self._given: Mapping[str, str] | None = None
        self._drawn: list[tuple[Span, QGraphicsRectItem, pg.TextItem]] = []
        self.hideAxis("bottom")
        self.getAxis("left").setStyle(showValues=False, tickLength=0)
        self.getAxis("left").setPen(None)
        self.setMouseEnabled(x=True, y=False)
        self.setYRange(0, 1, padding=0)
        self.setFixedHeight(HEIGHT)
        self.getViewBox().sigXRangeChanged.connect(lambda *_: self._place_names())
        self.getViewBox().sigResized.connect(lambda *_: self._place_names())

    def show_spans(self, spans: tuple[Span, ...], colours: Mapping[str, str] | None = None) -> None:
        """Show these sections, in colours by their names; None: each name has another one."""
        if spans == self._spans and colours == self._given:
            return
        self._spans, self._given = spans, colours
        self._draw()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self._theme = theme
        self._draw()

    def _draw(self) -> None:
        spans = self._spans
        for _, bar, name in self._drawn:
            self.removeItem(bar)
            self.removeItem(name)
        self._drawn = []
        colours = span_colours(spans, self._theme) | dict(self._given or {})
        for span in spans:
            colour = pg.mkColor(colours[span.label])
            bar = QGraphicsRectItem(span.start_s, 0.08, span.stop_s - span.start_s, 0.84)
            colour.setAlpha(70)
            bar.setBrush(colour)
            bar.setPen(pg.mkPen(colours[span.label]))
            bar.setToolTip(plain_tip(f"{span.label}: {span.start_s:.2f} – {span.stop_s:.2f} s"))
            name = pg.TextItem(span.label, color=self._theme.text, anchor=(0.5, 0.5))
            name.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
            self.addItem(bar, ignoreBounds=True)
            self.addItem(name, ignoreBounds=True)
            self._drawn.append((span, bar, name))
        self._place_names()

    def _place_names(self) -> None:
        """Put each name into the visible part of its bar: shortened, or hidden, where it does not fit."""
        view = self.getViewBox()
        left, right = view.viewRange()[0]
        pixels_per_s = view.width() / (right - left) if right > left else 0.0
        for span, _, name in self._drawn:
            start, stop = max(span.start_s, left), min(span.stop_s, right)
            room = (stop - start) * pixels_per_s - _MARGIN
            fits = room >= _LEAST_ROOM
            name.setVisible(fits)
            # Not asked of the item, which counts as hidden as long as the strip is.
            if fits:
                text = QFontMetricsF(name.textItem.font()).elidedText(span.label, _ELIDE, room)
                name.setPlainText(text)
            name.setPos((start + stop) / 2, 0.5)
