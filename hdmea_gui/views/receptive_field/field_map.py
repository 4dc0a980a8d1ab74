"""Receptive fields of all units on the chip, in the colours of any column; the selected ones emphasised."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QWidget

from hdmea_gui.engine.exports import Table
from hdmea_gui.models.selection import SelectionModel
from hdmea_gui.models.unit_colours import UnitColours
from hdmea_gui.shell.theme import Theme
from hdmea_gui.views.parts.unit_map import PICK_HELP, UnitMap
from hdmea_gui.views.parts.unit_paint import legend, own_colours
from hdmea_gui.views.receptive_field.mosaic_query import Mosaic

__all__ = ["FieldMap", "Outlines"]

_LABELS = {"µm": ("x on the chip (µm)", "y on the chip (µm)"), "px": ("x (pixels)", "y (pixels)")}
_FAINT = 90
_HELP = (
    "1-σ ellipses of all units; the selected ones in their own colours, the current one with its 2-σ ellipse "
    "dotted.\nCrosses: somas of the selected units. Dots: electrodes. Dashed: frame of the movie.\nIn µm "
    "once the stimulus calibration and the pitch of the electrodes are set (Run menu) and\n“Receptive "
    "fields” has run with them; in pixels of the movie before that."
)


class Outlines(pg.GraphicsObject):  # type: ignore[misc]
    """Many closed lines, each in its colour, in one item.

    Attributes
    ----------
    outlines
        float64 (n, points, 2).
    colours
        One for all, or one for each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outlines: NDArray[np.float64] = np.zeros((0, 1, 2))
        self.colours: list[QColor] = []
        self._paths: list[tuple[QPainterPath, QPen]] = []
        self._bounds = QRectF()

    def show_outlines(self, outlines: NDArray[np.float64], colours: list[QColor], width: float) -> None:
        """Show these lines; those with NaN are left out."""
        self.prepareGeometryChange()
        self.outlines, self.colours = outlines, colours
        groups: dict[str, tuple[QColor, list[int]]] = {}
        known = np.isfinite(outlines).all(axis=(1, 2))
        for place in np.flatnonzero(known).tolist():
            colour = colours[place if len(colours) > 1 else 0]
            groups.setdefault(colour.name(QColor.NameFormat.HexArgb), (colour, []))[1].append(place)
        self._paths = [
            (pg.arrayToQPath(*_joined(outlines[places]), connect="finite"), pg.mkPen(colour, width=width))
            for colour, places in groups.values()
        ]
        self._bounds = QRectF()
        for path, _ in self._paths:
            self._bounds |= path.boundingRect()
        self.update()

    def boundingRect(self) -> QRectF:
        """Return what surrounds all lines."""
        return self._bounds

    def paint(self, painter: QPainter, *_ignored: object) -> None:
        """Draw the lines."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for path, pen in self._paths:
            painter.setPen(pen)
            painter.drawPath(path)


class FieldMap(UnitMap):
    """1-σ ellipses of all units, somas, the electrodes and the movie's frame, with a scale bar."""

    def __init__(
        self, theme: Theme, selection: SelectionModel, colours: UnitColours, parent: QWidget | None = None
    ) -> None:
        self._electrodes = pg.ScatterPlotItem(size=1.5, pen=None)
        self._frame = pg.PlotCurveItem()
        self._all = Outlines()
        self._chosen = Outlines()
        self._wide = pg.PlotCurveItem(connect="finite")
        self._somas = pg.ScatterPlotItem(symbol="+", size=10)
        self._bar_line = pg.PlotCurveItem()
        self._bar_text = pg.TextItem(anchor=(0.5, 1.0))
        self._mosaic: Mosaic | None = None
        x_label, y_label = _LABELS["px"]
        super().__init__(
            "All receptive fields",
            theme,
            x_label,
            y_label,
            selection,
            colours,
            parent,
            with_bar=False,
            left=62,
        )
        self.plot.getAxis("bottom").setTickDensity(0.6)
        for item in (
            self._electrodes,
            self._frame,
            self._all,
            self._chosen,
            self._wide,
            self._somas,
            self._bar_line,
            self._bar_text,
        ):
            self.plot.addItem(item, ignoreBounds=True)
        self.graphics.setToolTip(f"{_HELP}\n{PICK_HELP}")
        self.apply_theme(theme)

    @property
    def mosaic(self) -> Mosaic | None:
        """What is drawn."""
        return self._mosaic

    def show_mosaic(self, mosaic: Mosaic | None, reason: str = "") -> None:
        """Show the receptive fields of all units; without any say why."""
        if mosaic is not None and mosaic is self._mosaic:
            self.mark_units()
            return
        self._mosaic = mosaic
        if mosaic is None or not mosaic.n_fitted:
            self._mosaic = None
            self.set_units((), np.zeros((0, 2)))
            self.show_empty(reason)
            return
        self.set_units(mosaic.unit_ids, mosaic.centres)
        bottom, left = _LABELS[mosaic.length_unit]
        self.plot.setLabel("bottom", bottom)
        self.plot.setLabel("left", left)
        places = np.arange(mosaic.electrodes) * (mosaic.pitch_um if mosaic.electrodes else 1.0)
        self._electrodes.setData(np.tile(places, len(places)), np.repeat(places, len(places)))
        self._frame.setData(mosaic.frame[:, 0], mosaic.frame[:, 1])
        region = _region(mosaic)
        self._draw_scale(region, mosaic.length_unit)
        self.show_map(region)
        self.redraw()

    def redraw(self) -> None:
        """Draw the receptive fields of the units that the filter lets through, in their colours."""
        mosaic, theme = self._mosaic, self._theme
        if mosaic is None:
            return
        painted, shown = self.painted(theme), np.flatnonzero(self.shown())
        if painted is None:
            faint = pg.mkColor(theme.text)
            faint.setAlpha(_FAINT)
            self._all.show_outlines(mosaic.outlines[shown], [faint], width=1)
        else:
            self._all.show_outlines(
                mosaic.outlines[shown], [pg.mkColor(*rgb) for rgb in painted[shown].tolist()], width=1.5
            )
        words = legend(self._colours, theme)
        self.legend.setText(words)
        self.legend.setVisible(bool(words))
        hidden = mosaic.n_fitted - int(np.isfinite(mosaic.centres[shown, 0]).sum())
        self.show_plot(_note(mosaic, hidden))
        self.mark_units()

    def mark_units(self) -> None:
        """Draw the selected units strong, and their somas; the current one with its 2-σ ellipse."""
        mosaic = self._mosaic
        if mosaic is None:
            return
        place_of = {name: place for place, name in enumerate(mosaic.unit_ids)}
        chosen = [place_of[name] for name in self._selection.units if name in place_of]
        own = own_colours(self._colours, [mosaic.unit_ids[place] for place in chosen], self._theme)
        pens = [*own, *[self._theme.text] * (len(chosen) - len(own))]
        self._chosen.show_outlines(
            mosaic.outlines[chosen], [pg.mkColor(colour) for colour in pens], width=2.5
        )
        self._wide.setPen(pg.mkPen(own[0] if own else self._theme.text, width=2, style=Qt.PenStyle.DotLine))
        current = mosaic.outlines[chosen[:1]]
        centre = mosaic.centres[chosen[:1], None, :]
        self._wide.setData(*_joined(centre + 2 * (current - centre)))
        somas = mosaic.somas[chosen]
        self._somas.setData(pos=somas[np.isfinite(somas).all(axis=1)])

    def table(self) -> Table | None:
        """Return centre of the ellipse and soma of each unit."""
        mosaic = self._mosaic
        if mosaic is None:
            return None
        unit = mosaic.length_unit
        columns = [("unit_id", np.array(mosaic.unit_ids, object))]
        for name, places in (("rf", mosaic.centres), ("soma", mosaic.somas)):
            columns += [(f"{name}_x_{unit}", places[:, 0]), (f"{name}_y_{unit}", places[:, 1])]
        return Table(tuple(columns))

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        super().apply_theme(theme)
        self._theme = theme
        self._frame.setPen(pg.mkPen(theme.muted, width=1, style=Qt.PenStyle.DashLine))
        self._electrodes.setBrush(pg.mkBrush(theme.border))
        self._somas.setPen(pg.mkPen(theme.bad, width=2))
        self._bar_line.setPen(pg.mkPen(theme.text, width=3))
        self._bar_text.setColor(theme.text)
        self.redraw()

    def _draw_scale(self, region: QRectF, unit: str) -> None:
        length = _round_length(region.width() / 4)
        right, y = region.right() - 0.05 * region.width(), region.bottom() - 0.05 * region.height()
        self._bar_line.setData([right - length, right], [y, y])
        self._bar_text.setText(f"{length:g} {unit}")
        self._bar_text.setPos(right - length / 2, y)


def _joined(outlines: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of many outlines as one curve with gaps."""
    gaps = np.full((len(outlines), 1, 2), np.nan)
    points = np.concatenate((outlines, gaps), axis=1).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _region(mosaic: Mosaic) -> QRectF:
    """Return what to show at first: the electrodes, the movie's frame and every ellipse."""
    corners = [mosaic.outlines.reshape(-1, 2), mosaic.frame, mosaic.somas]
    if mosaic.electrodes:
        corners.append(np.array([[-0.5, -0.5], [mosaic.electrodes - 0.5] * 2]) * mosaic.pitch_um)
    points = np.concatenate(corners)
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    pad = 0.03 * float((high - low).max())
    return QRectF(low[0] - pad, low[1] - pad, high[0] - low[0] + 2 * pad, high[1] - low[1] + 2 * pad)


def _round_length(most: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not above `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= most)


def _note(mosaic: Mosaic, hidden: int) -> str:
    parts = [f"{mosaic.n_fitted - hidden} units, 1 σ"]
    if hidden:
        parts.append(f"{hidden} filtered out")
    if mosaic.length_unit == "px":
        parts.append("no calibration")
    else:
        parts.append("+ soma" if mosaic.electrodes else "pitch not known")
    return ", ".join(parts)
