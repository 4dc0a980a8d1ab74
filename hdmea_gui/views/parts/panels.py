"""Parts of a view that are copied and exported by themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

from hdmea_gui.engine.exports import LateTable, Table
from hdmea_gui.views.parts.plot_panel import PlotPanel

__all__ = ["Panel", "TableOf", "movie_tables", "panel_at"]

TableOf = Callable[[], Table | LateTable | None]


@dataclass(frozen=True)
class Panel:
    """One part of a view.

    Attributes
    ----------
    title
        What it shows.
    widget
        What its picture is taken of.
    tables
        Its data: a name for each table, empty for the only one, and what makes it when it is wanted.
    figure
        Panels of the exporter `figure` that show the same; none where there is none.
    """

    title: str
    widget: QWidget
    tables: tuple[tuple[str, TableOf], ...]
    figure: tuple[str, ...] = ()

    @property
    def shows_something(self) -> bool:
        """Whether it is seen, and there is more in it than words about what is missing."""
        widget = self.widget
        return widget.isVisible() and not (isinstance(widget, PlotPanel) and widget.is_empty)

    def file_name(self, of_view: str, table: str = "") -> str:
        """Return the name of a file without its suffix: that of the view, then what is in it."""
        words = re.findall(r"\w+", f"{self.title} {table}".lower())
        return "_".join((of_view, *words))


def movie_tables(frame: TableOf, all_frames: TableOf) -> tuple[tuple[str, TableOf], ...]:
    """Return the tables of a movie: of the frame that is shown, and of all."""
    return (("frame", frame), ("all frames", all_frames))


def panel_at(panels: Sequence[Panel], place: QPoint) -> Panel | None:
    """Return the panel that shows something at a place of the screen; None without one."""
    for panel in panels:
        if panel.shows_something and panel.widget.rect().contains(panel.widget.mapFromGlobal(place)):
            return panel
    return None
