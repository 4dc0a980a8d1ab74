"""The same stretch of time in all views that show the whole recording."""

from __future__ import annotations

import math

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget

from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.views.parts.plot import Plot

__all__ = ["TimeLink"]


class TimeLink(QObject):
    """Lets a plot follow the selected time while its view is seen, and select it when it is zoomed.

    Parameters
    ----------
    view
        The view that the plot belongs to; while it is hidden the plot stays as it is.
    plot
        Its horizontal axis is the time of the recording in seconds.
    selection
        Has the time.

    Attributes
    ----------
    longest_s
        Longest stretch that the plot follows. In a longer one it stays where it is, or shows the middle.
    """

    def __init__(self, view: QWidget, plot: Plot, selection: SelectionModel) -> None:
        super().__init__(view)
        self._view = view
        self._plot = plot
        self._selection = selection
        self._follows = False
        self.longest_s = math.inf
        plot.getViewBox().sigXRangeChanged.connect(self._on_range)
        selection.time_changed.connect(lambda *_: self._follow())
        view.installEventFilter(self)

    def begin(self, duration_s: float) -> bool:
        """Zoom to the selected time in a recording that is shown again; to all of it without one.

        Returns
        -------
        bool
            Whether all of it is seen.
        """
        start, stop = self._selection.time
        inside = 0.0 <= start < stop <= duration_s
        self._follows = True
        self._plot.setXRange(0.0, duration_s, padding=0)
        self._plot.show_all()
        self._follows = False
        if inside:
            self.zoom(start, stop)
        return not inside or (start, stop) == (0.0, duration_s)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Catch up when the view is shown."""
        if event.type() == QEvent.Type.Show:
            self._follow()
        return False

    def _follow(self) -> None:
        start, stop = self._selection.time
        if stop > start and self._view.isVisible():
            if stop - start > self.longest_s:
                low, high = self._plot.getViewBox().viewRange()[0]
                if start <= low and high <= stop:
                    return
                middle, half = (start + stop) / 2, min(high - low, self.longest_s) / 2
                start, stop = middle - half, middle + half
            self.zoom(start, stop)

    def zoom(self, start: float, stop: float) -> None:
        """Show a stretch without selecting it."""
        self._follows = True
        self._plot.zoom(x=(start, stop))
        self._follows = False

    def _on_range(self, _box: pg.ViewBox, found: tuple[float, float]) -> None:
        if not self._follows and self._view.isVisible():
            self._selection.select_time(float(found[0]), float(found[1]))
