"""The one selection that all views follow."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

__all__ = ["SelectionModel"]


class SelectionModel(QObject):
    """Which units, movie and time are looked at; the first unit is the current one.

    Signals
    -------
    units_changed(tuple)
        Ids of the selected units.
    movie_changed(str)
        Name of the movie; empty for none.
    time_changed(float, float)
        Visible stretch of the recording in seconds.
    """

    units_changed = Signal(tuple)
    movie_changed = Signal(str)
    time_changed = Signal(float, float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._units: tuple[str, ...] = ()
        self._movie = ""
        self._time = (0.0, 0.0)

    @property
    def units(self) -> tuple[str, ...]:
        """Ids of the selected units."""
        return self._units

    @property
    def unit(self) -> str | None:
        """Id of the current unit."""
        return self._units[0] if self._units else None

    @property
    def movie(self) -> str:
        """Name of the movie; empty for none."""
        return self._movie

    @property
    def time(self) -> tuple[float, float]:
        """Visible stretch of the recording in seconds."""
        return self._time

    def select_units(self, unit_ids: tuple[str, ...]) -> None:
        """Select units; nothing is signalled if they are selected already."""
        if unit_ids != self._units:
            self._units = unit_ids
            self.units_changed.emit(unit_ids)

    def select_movie(self, movie: str) -> None:
        """Select a movie."""
        if movie != self._movie:
            self._movie = movie
            self.movie_changed.emit(movie)

    def select_time(self, start_s: float, stop_s: float) -> None:
        """Select a stretch of time."""
        if (start_s, stop_s) != self._time:
            self._time = (start_s, stop_s)
            self.time_changed.emit(start_s, stop_s)
