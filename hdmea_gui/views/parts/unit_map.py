"""A map on which units are: a click chooses one, a rubber band several."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.unit_colours import UnitColours
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.plot_panel import MapPanel
from hdmea_gui.views.parts.unit_paint import colours_of_units
from hdmea_gui.widgets.label import RichLabel

__all__ = ["PICK_HELP", "UnitMap", "brushes_of"]

PICK_HELP = "Click a unit to select it, Shift+drag a frame around several; hold Ctrl to add to the selection"
_REACH_PX = 14.0
_ADD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class UnitMap(MapPanel):
    """A map of units that chooses them.

    Parameters
    ----------
    title, theme, x_label, y_label, parent, with_bar, left
        As `MapPanel`.
    selection
        What the mouse changes.
    colours
        What the units are coloured by, and which of them the filter lets through.

    Attributes
    ----------
    legend
        Says what the colours mean; hidden where a colour bar does.
    """

    def __init__(
        self,
        title: str,
        theme: Theme,
        x_label: str,
        y_label: str,
        selection: SelectionModel,
        colours: UnitColours,
        parent: QWidget | None = None,
        *,
        with_bar: bool = True,
        left: int = 48,
    ) -> None:
        super().__init__(title, theme, x_label, y_label, parent, with_bar=with_bar, left=left)
        self._box = self.plot.vb
        self._box.picks = True
        self._selection = selection
        self._colours = colours
        self.legend = RichLabel(self)
        self.legend.setWordWrap(True)
        self.legend.hide()
        self._late = False
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(1, self.legend)
        self._ids: tuple[str, ...] = ()
        self._places: NDArray[np.float64] = np.zeros((0, 2))
        self.graphics.setToolTip(PICK_HELP)
        self.plot.reading = self.unit_text
        self._box.picked.connect(self.choose_within)
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        selection.units_changed.connect(lambda _ids: self.mark_units())
        colours.changed.connect(self._redraw)
        colours.units.modelReset.connect(self._redraw)

    @abstractmethod
    def redraw(self) -> None:
        """Draw the units that the filter lets through, in their colours."""

    @abstractmethod
    def mark_units(self) -> None:
        """Mark the selected units."""

    def _redraw(self) -> None:
        """Draw now if the map is seen, otherwise when it is shown."""
        self._late = not self.isVisible()
        if not self._late:
            self.redraw()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up."""
        super().showEvent(event)
        if self._late:
            self._redraw()

    def shown(self) -> NDArray[np.bool_]:
        """Return which units the filter lets through."""
        return np.array([self._colours.units.shows(name) for name in self._ids], bool)

    def painted(self, theme: Theme) -> NDArray[np.uint8] | None:
        """Return the colour of each unit (n, 3) by the chosen column; None without one."""
        found = colours_of_units(self._colours, theme)
        return found if found is not None and self._colours.units.unit_ids == self._ids else None

    def set_units(self, unit_ids: Sequence[str], places: NDArray[np.float64]) -> None:
        """Set the units and where they are: (n, 2) x and y in the units of the axes, NaN where not known."""
        self._ids, self._places = tuple(unit_ids), places

    def choose_within(self, region: QRectF, add: bool) -> None:
        """Choose the units in a region; `add`: beside those that are chosen already."""
        x, y = self._places.T
        inside = (x >= region.left()) & (x <= region.right()) & (y >= region.top()) & (y <= region.bottom())
        inside &= self.shown()
        found = tuple(self._ids[place] for place in np.flatnonzero(inside))
        if found:
            kept = self._selection.units if add else ()
            self._selection.select_units((*kept, *(name for name in found if name not in kept)))

    def nearest(self, x: float, y: float) -> int | None:
        """Return the index of the unit nearest to a place, None if none is near."""
        if not len(self._places):
            return None
        width, height = self._box.viewPixelSize()
        away = np.hypot((self._places[:, 0] - x) / width, (self._places[:, 1] - y) / height)
        away[~self.shown()] = np.nan
        found = int(np.nan_to_num(away, nan=np.inf).argmin())
        return found if away[found] <= _REACH_PX else None

    def about_unit(self, index: int) -> str:
        """Return what the map says of a unit."""
        return self._ids[index]

    def unit_text(self, x: float, y: float) -> str:
        """Return the unit at a place, if one is near, and the place."""
        near = self.nearest(x, y)
        unit = "" if near is None else self.about_unit(near)
        return "   ".join(filter(None, (unit, self.plot.place_text(x, y))))

    def choose_at(self, x: float, y: float, add: bool) -> None:
        """Choose the unit nearest to a place, if one is near; `add`: add it, or take it away again."""
        nearest = self.nearest(x, y)
        if nearest is None:
            return
        name, chosen = self._ids[nearest], self._selection.units
        if not add:
            self._selection.select_units((name,))
        elif name not in chosen:
            self._selection.select_units((name, *chosen))
        elif len(chosen) > 1:
            self._selection.select_units(tuple(other for other in chosen if other != name))

    def _on_click(self, event: pg.GraphicsScene.mouseEvents.MouseClickEvent) -> None:
        if self.is_empty or event.button() != Qt.MouseButton.LeftButton or event.double():
            return
        if self._box.sceneBoundingRect().contains(event.scenePos()):
            point = self._box.mapSceneToView(event.scenePos())
            self.choose_at(point.x(), point.y(), bool(event.modifiers() & _ADD))


def brushes_of(colours: NDArray[np.uint8]) -> list[pg.QtGui.QBrush]:
    """Return a brush for each colour (n, 3 or 4); equal colours share one, as each costs drawing a symbol."""
    made: dict[tuple[int, ...], pg.QtGui.QBrush] = {}
    return [made.setdefault(colour, pg.mkBrush(*colour)) for colour in map(tuple, colours.tolist())]
