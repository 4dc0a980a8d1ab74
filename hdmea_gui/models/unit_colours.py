"""What the units are coloured by, the same in the table, on the maps and beside the raster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from hdmea_gui.engine.snapshot import Column
from hdmea_gui.models.units import UnitTableModel

__all__ = ["MOST_GROUPS", "ColourKind", "UnitColours"]

ColourKind = Literal["", "group", "angle", "number"]

MOST_GROUPS = 8
"""As many groups, or units, can be told apart by their colours."""
_OUTSIDE = 2.0
_FEW = 20


class UnitColours(QObject):
    """The column that gives units their colours, and the colours of those that are compared.

    Parameters
    ----------
    units
        The units and their columns.
    parent
        Qt parent.

    Signals
    -------
    changed()
        Units have other colours.
    """

    changed = Signal()

    def __init__(self, units: UnitTableModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._units = units
        self._key = ""
        self._slots: dict[str, int] = {}
        self._paint: Callable[[Any], NDArray[np.uint8]] | None = None
        units.content_changed.connect(self._on_content)
        self._shown: tuple[object, ...] = ()

    @property
    def units(self) -> UnitTableModel:
        """The units and their columns."""
        return self._units

    # -- colour by ---------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """Key of the column; empty: each view colours as it does by itself."""
        return self._key

    def choose(self, key: str) -> None:
        """Colour by the column with this key; empty: by none."""
        if key != self._key:
            self._key, self._paint = key, None
            self.changed.emit()

    @property
    def column(self) -> Column | None:
        """The column; None without one, or if the units do not have it."""
        return next((column for column in self._units.columns if column.key == self._key), None)

    @property
    def kind(self) -> ColourKind:
        """Whether the column divides the units into groups, or has angles or other numbers."""
        column = self.column
        if column is None:
            return ""
        if column.is_text:
            return "group"
        if column.unit in ("°", "deg") or column.unit.startswith("degree"):
            return "angle"
        values = column.values[np.isfinite(column.values)]
        whole = column.decimals == 0 and bool((values == np.rint(values)).all())
        return "group" if whole and 1 < len(np.unique(values)) <= MOST_GROUPS else "number"

    @property
    def period(self) -> float:
        """After how many degrees an angle is the same again."""
        column = self.column
        is_axis = column is not None and ("orientation" in column.key or column.key.endswith("angle"))
        return 180.0 if is_axis else 360.0

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that have a colour of their own: the largest, in the order of their names."""
        column = self.column
        if column is None or self.kind != "group":
            return ()
        names, counts = np.unique([name for name in self.names if name], return_counts=True)
        largest = names[np.argsort(-counts, kind="stable")[:MOST_GROUPS]]
        return tuple(sorted(largest.tolist(), key=lambda name: (len(name) if name.isdigit() else 0, name)))

    @property
    def names(self) -> tuple[str, ...]:
        """The group of each unit; empty where it has none."""
        column = self.column
        if column is None:
            return ()
        if column.is_text:
            return tuple(column.values.tolist())
        return tuple(f"{value:.0f}" if np.isfinite(value) else "" for value in column.values.tolist())

    @property
    def levels(self) -> tuple[float, float]:
        """Range of the numbers, of many units without the rarest."""
        column = self.column
        values = np.zeros(0) if column is None else column.values[np.isfinite(column.values)]
        if not values.size:
            return 0.0, 1.0
        outside = _OUTSIDE if values.size > _FEW else 0.0
        low, high = np.percentile(values, (outside, 100.0 - outside)).tolist()
        return (low, high) if high > low else (low, low + (abs(low) or 1.0))

    @property
    def paint(self) -> Callable[[Any], NDArray[np.uint8]] | None:
        """Gives numbers their colours where the user chose a range or a map; None: as usual."""
        return self._paint

    def paint_with(self, paint: Callable[[Any], NDArray[np.uint8]]) -> None:
        """Give numbers these colours."""
        self._paint = paint
        self.changed.emit()

    # -- units side by side ------------------------------------------------------------------------

    def places(self, unit_ids: Sequence[str]) -> tuple[int, ...]:
        """Return which of the eight colours each of at most eight units has.

        A unit keeps the colour that it had first, whatever else is selected. Where two that were not compared
        before have the same one, the later takes another for as long as both are shown.
        """
        shown = unit_ids[:MOST_GROUPS]
        known = {self._slots[name] for name in shown if name in self._slots}
        taken: dict[str, int] = {}
        for name in shown:
            place = self._slots.get(name)
            if place is None or place in taken.values():
                used = list(self._slots.values())
                free = [slot for slot in range(MOST_GROUPS) if slot not in taken.values()]
                own = min(free, key=lambda slot: (slot in known, used.count(slot), slot))
                self._slots.setdefault(name, own)
                place = own
            taken[name] = place
        return tuple(taken[name] for name in shown)

    def _on_content(self) -> None:
        if not self._units.unit_ids or not self._slots.keys() <= set(self._units.unit_ids):
            self._slots.clear()
        column = self.column
        shown = (self._units.unit_ids, None if column is None else column.values.tobytes())
        if self._key and shown != self._shown:
            self._paint = None
            self.changed.emit()
        self._shown = shown
