"""What the colours of a picture mean, and how the user sets them: range, scale and map."""

from __future__ import annotations

import functools
import math
from collections.abc import MutableMapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtWidgets import QGraphicsSceneResizeEvent

from hdmea_gui.views.parts.plot import MARGIN, Axis, Plot

__all__ = ["MAPS", "RANGES", "ColourBar", "ColourChoice", "colour_map"]

RANGES: Final[dict[str, str]] = {
    "": "Automatic range",
    "robust": "Percentiles 1 – 99",
    "narrow": "Percentiles 5 – 95",
    "symmetric": "Symmetric about zero",
}
"""Ranges that follow the values, by name; ``"set"`` is the one that was set by hand."""
MAPS: Final[dict[str, str]] = {
    "": "Colours of the view",
    "viridis": "Viridis",
    "cividis": "Cividis",
    "inferno": "Inferno",
    "CET-L1": "Grey",
    "CET-L17": "White to blue",
    "CET-D1A": "Blue, white, red",
    "CET-D4": "Blue, black, red",
}
"""Perceptually uniform maps, by pyqtgraph's names."""
_SHORT = {"robust": "1–99 %", "narrow": "5–95 %", "symmetric": "symmetric", "set": "set"}
_OUTSIDE = {"robust": 1.0, "narrow": 5.0}
_COLOURS = 256
# A logarithm needs finer steps around the centre than there are colours.
_FINE = 4096
# On a symmetric logarithmic scale, what is nearer to the centre than this share of its reach is linear.
_LINEAR = 0.01
_MOST_VALUES = 100_000
# Numbers like −1000 and, beside them, the label.
_AXIS_WIDTH = 52
# pyqtgraph puts the label of an axis at the right a little beyond it.
_RIGHT_MARGIN = 3
_END = 1 / 3
_NARROWEST = 0.01
_TICK_PX = 26.0
_TIP = (
    "Drag: an end of the range, in the middle both. Wheel: contrast. Double click: automatic range. "
    "Right click: percentiles, logarithm, maps"
)


@functools.cache
def colour_map(name: str) -> pg.ColorMap:
    """Return one of pyqtgraph's own perceptually uniform colour maps."""
    return pg.colormap.get(name)


@dataclass(frozen=True)
class ColourChoice:
    """How the user wants the colours of a picture.

    Attributes
    ----------
    range
        A name of `RANGES`; ``"set"``: from `low` to `high`.
    low, high
        Values at the ends.
    symlog
        Whether colours follow the logarithm of the distance from the centre.
    colours
        A name of `MAPS`.
    """

    range: str = ""
    low: float = 0.0
    high: float = 1.0
    symlog: bool = False
    colours: str = ""

    @classmethod
    def from_stored(cls, stored: object) -> ColourChoice:
        """Return a choice from what settings contain; what makes no sense is the default."""
        given = stored if isinstance(stored, dict) else {}
        made = cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})
        numbers = all(type(value) in (int, float) for value in (made.low, made.high))
        names = isinstance(made.range, str) and isinstance(made.colours, str) and type(made.symlog) is bool
        sound = names and numbers and made.range in (*RANGES, "set") and made.colours in MAPS
        return made if sound and math.isfinite(made.high - made.low) and made.low < made.high else cls()


@dataclass(frozen=True)
class _Scale:
    """Places on a bar between two values: proportional, or by a symmetric logarithm about a centre."""

    low: float
    high: float
    centre: float = 0.0
    symlog: bool = False

    @property
    def _linear(self) -> float:
        return _LINEAR * max(abs(self.low - self.centre), abs(self.high - self.centre), 1e-300)

    def place(self, values: Any) -> Any:
        """Return the places of values."""
        if not self.symlog:
            return values
        away = np.asarray(values, np.float64) - self.centre
        return np.sign(away) * np.log1p(np.abs(away) / self._linear)

    def value(self, place: float) -> float:
        """Return the value at a place."""
        if not self.symlog:
            return place
        return self.centre + math.copysign(math.expm1(abs(place)) * self._linear, place)

    @property
    def ends(self) -> tuple[float, float]:
        """The places of both ends."""
        return float(self.place(self.low)), float(self.place(self.high))

    def shares(self, values: Any) -> NDArray[np.float64]:
        """Return where values are between the ends, from 0 to 1."""
        low, high = self.ends
        return np.clip((np.asarray(self.place(values), np.float64) - low) / (high - low), 0.0, 1.0)


class _BarAxis(Axis):
    """Has a label that is longer than the bar end where the bar does: below it is room."""

    def __init__(self) -> None:
        super().__init__("right")
        self.values = _Scale(0.0, 1.0)

    def resizeEvent(self, event: QGraphicsSceneResizeEvent | None = None) -> None:
        """Keep the label in its place."""
        super().resizeEvent(event)
        if self.label is not None:
            # It reads upwards from its place.
            self.label.setY(max(self.label.y(), self.label.boundingRect().width()))

    def tickValues(self, minimum: float, maximum: float, size: float) -> list[tuple[float, list[float]]]:
        """Return places of ticks: on a logarithmic scale of the centre and of powers of ten around it."""
        scale = self.values
        if not scale.symlog:
            found: list[tuple[float, list[float]]] = super().tickValues(minimum, maximum, size)
            return found
        reach = max(abs(scale.low - scale.centre), abs(scale.high - scale.centre))
        largest = math.floor(math.log10(reach))
        gap, kept = _TICK_PX * (maximum - minimum) / max(size, 1.0), list[float]()
        for away in (0.0, *(sign * 10.0 ** (largest - n) for n in range(4) for sign in (1, -1))):
            place = float(scale.place(scale.centre + away))
            if minimum <= place <= maximum and all(abs(place - other) >= gap for other in kept):
                kept.append(place)
        return [(1.0, sorted(kept))]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Return the numbers at the ticks."""
        if not self.values.symlog:
            return super().tickStrings(values, scale, spacing)
        return [f"{self.values.value(place):.4g}".replace("-", "−") for place in values]


class _BarBox(pg.ViewBox):  # type: ignore[misc]
    """Hands on to the bar what the mouse does."""

    def __init__(self, bar: ColourBar) -> None:
        super().__init__(enableMenu=False)
        self._bar = bar

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        event.accept()
        area = self.sceneBoundingRect()
        start, now = (
            (area.bottom() - place.y()) / max(area.height(), 1.0)
            for place in (event.buttonDownScenePos(), event.scenePos())
        )
        self._bar.drag(start, now - start, begins=event.isStart())

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        event.accept()
        self._bar.narrow(1.02 ** (-event.delta() / 8.0))


class ColourBar(Plot):
    """What the colours of a picture mean; the mouse sets their range.

    A drag on the upper or lower third moves that end, in between both; the wheel narrows or widens the range;
    after a double click it follows the values again.

    Parameters
    ----------
    width
        Of the bar alone, in logical pixels.

    Attributes
    ----------
    full_width
        Of all of it, with numbers and label.

    Signals
    -------
    changed()
        Another range, scale or map was chosen.
    """

    changed = Signal()

    def __init__(self, width: int = 12) -> None:
        self._ticks = _BarAxis()
        super().__init__(_BarBox(self), sides=("right",), axes={"right": self._ticks})
        self.full_width = MARGIN + width + _AXIS_WIDTH + _RIGHT_MARGIN
        self._grid.setContentsMargins(MARGIN, MARGIN, _RIGHT_MARGIN, MARGIN)
        self._choice = ColourChoice()
        self._stored: MutableMapping[str, Any] = {}
        self._key = ""
        self._offered = (0.0, 1.0)
        self._theme_map = "viridis"
        self._centre: float | None = None
        self._values: NDArray[Any] | None = None
        self._percentiles: dict[float, tuple[float, float]] = {}
        self._unit = ""
        self._grabbed = self._scale = _Scale(0.0, 1.0)
        self._picture: pg.ImageItem | None = None
        self._gradient = pg.ImageItem(
            np.arange(_COLOURS, dtype=np.float32)[:, np.newaxis], axisOrder="row-major"
        )
        self.addItem(self._gradient)
        self.setMouseEnabled(x=False, y=False)
        self.vb.setCursor(Qt.CursorShape.SizeVerCursor)
        self.vb.setToolTip(_TIP)
        self._grid.setColumnFixedWidth(1, width)
        self._ticks.setWidth(_AXIS_WIDTH)
        self.reading = self.place_text
        self._apply()

    # -- what is shown -------------------------------------------------------------------------------

    def setImageItem(self, picture: pg.ImageItem) -> None:
        """Have a picture follow the bar."""
        self._picture = picture
        self._apply()

    def show_values(
        self,
        levels: tuple[float, float],
        colours: str,
        unit: str,
        *,
        values: NDArray[Any] | None = None,
        centre: float | None = None,
    ) -> None:
        """Say what the colours mean.

        Parameters
        ----------
        levels
            Values at the ends, unless the user chose others.
        colours
            Name of the colour map, likewise.
        unit
            Label of the bar.
        values
            What is shown, for percentiles: of a movie all frames.
        centre
            Value in the middle of a diverging map.
        """
        if values is not self._values:
            self._values, self._percentiles = values, {}
        self._offered, self._theme_map, self._unit, self._centre = levels, colours, unit, centre
        self._apply()

    def levels(self) -> tuple[float, float]:
        """Return the values at both ends."""
        return self._scale.low, self._scale.high

    def colours_of(self, values: Any) -> NDArray[np.uint8]:
        """Return the colours of values as uint8 (n, 4)."""
        mapped: NDArray[np.uint8] = colour_map(self._map).map(self._scale.shares(values), mode="byte")
        return mapped

    def place_text(self, x: float, y: float) -> str:
        """Return nothing: the numbers are beside the bar."""
        return ""

    @property
    def _map(self) -> str:
        return self._choice.colours or self._theme_map

    def _apply(self) -> None:
        low, high = self._range()
        known = self._centre if self._centre is not None else 0.0 if low <= 0.0 <= high else low
        scale = self._scale = self._ticks.values = _Scale(low, high, known, self._choice.symlog)
        bottom, top = scale.ends
        self._ticks.picture = None
        self._gradient.setRect(QRectF(0.0, bottom, 1.0, top - bottom))
        self.vb.setRange(xRange=(0.0, 1.0), yRange=(bottom, top), padding=0, disableAutoRange=True)
        colours = colour_map(self._map)
        self._gradient.setColorMap(colours)
        words = (_SHORT.get(self._choice.range, ""), "symlog" if scale.symlog else "")
        self.setLabel("right", " · ".join(filter(None, (self._unit, *words))))
        if self._picture is not None:
            self._picture.setLevels((low, high))
            self._picture.setColorMap(colours)
            if scale.symlog:
                shares = scale.shares(np.linspace(low, high, _FINE))
                self._picture.setLookupTable(colours.map(shares, mode="byte")[:, :3])

    def _range(self) -> tuple[float, float]:
        kind, (low, high) = self._choice.range, self._offered
        if kind == "set":
            low, high = self._choice.low, self._choice.high
        elif kind in _OUTSIDE and self._values is not None:
            low, high = self._percentile_range(self._values, _OUTSIDE[kind])
        elif kind == "symmetric":
            reach = max(abs(low), abs(high))
            low, high = -reach, reach
        return (low, high) if high > low else (low, low + (abs(low) * 1e-6 or 1.0))

    def _percentile_range(self, values: NDArray[Any], outside: float) -> tuple[float, float]:
        """Return the range of the values without this share, in percent, at each end."""
        if outside not in self._percentiles:
            some = np.ravel(values)[:: max(1, values.size // _MOST_VALUES)].astype(np.float64)
            some, centre = some[np.isfinite(some)], self._centre
            found = self._offered
            if some.size and centre is None:
                low, high = np.percentile(some, (outside, 100 - outside)).tolist()
                found = (low, high)
            elif some.size and centre is not None:
                reach = float(np.percentile(np.abs(some - centre), 100 - outside))
                found = (centre - reach, centre + reach)
            self._percentiles[outside] = found
        return self._percentiles[outside]

    # -- what the user chooses -----------------------------------------------------------------------

    @property
    def unit(self) -> str:
        """What the numbers are, with the unit."""
        return self._unit

    @property
    def choice(self) -> ColourChoice:
        """How the user wants the colours."""
        return self._choice

    def choose(self, choice: ColourChoice) -> None:
        """Show the colours in another way, and remember it."""
        if choice == self._choice:
            return
        self._choice = choice
        self._stored[self._key] = asdict(choice)
        if choice == ColourChoice():
            del self._stored[self._key]
        self._apply()
        self.changed.emit()

    def remember_in(self, stored: MutableMapping[str, Any], key: str) -> None:
        """Take the choice that is stored under a key, and store each new one there."""
        self._stored, self._key = stored, key
        choice = ColourChoice.from_stored(stored.get(key))
        if choice != self._choice:
            self._choice = choice
            self._apply()
            self.changed.emit()

    def show_all(self) -> None:
        """Follow the values again; scale and map stay."""
        self.choose(replace(self._choice, range="", low=0.0, high=1.0))

    def set_range(self, low: float, high: float) -> None:
        """Show the colours between two values."""
        self.choose(replace(self._choice, range="set", low=low, high=high))

    def drag(self, start: float, by: float, *, begins: bool) -> None:
        """Move an end of the range, or in the middle both.

        Parameters
        ----------
        start
            Where the drag began, from 0 at the lower end to 1.
        by
            How far it went, as a share of the bar.
        begins
            Whether it begins now.
        """
        if begins:
            self._grabbed = self._scale
        scale, centre = self._grabbed, self._centre
        low, high = scale.ends
        shift, least = by * (high - low), _NARROWEST * (high - low)
        upper, lower = start >= 1 - _END, start <= _END
        if upper:
            high = max(high + shift, low + least)
        elif lower:
            low = min(low + shift, high - least)
        else:
            low, high = low + shift, high + shift
        ends = scale.value(low), scale.value(high)
        if centre is not None and (upper or lower):
            # Both colours of a diverging map stay comparable.
            reach = abs(ends[upper] - centre)
            ends = centre - reach, centre + reach
        self._set_sound(*ends)

    def narrow(self, factor: float) -> None:
        """Make the range wider or narrower: about the centre; without one the lower end stays."""
        low, high = self.levels()
        fixed = self._centre if self._centre is not None else low
        self._set_sound(fixed + (low - fixed) * factor, fixed + (high - fixed) * factor)

    def _set_sound(self, low: float, high: float) -> None:
        if math.isfinite(high - low) and high > low:
            self.set_range(low, high)
