"""Trials of the units (layout ``columns``): index ranges into the unit's spikes, movie by movie."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.results.columns import (
    MISSING,
    Column,
    Given,
    Member,
    Own,
    Table,
    add_column,
    plan_quantity,
    plan_table,
)
from hdmea.results.content import Keys, SessionContent
from hdmea.results.leaves import decode_name
from hdmea.results.nodes import Dataset, Group
from hdmea.results.reading import Place
from hdmea.results.sectioned import SectionedSpikes, is_cut
from hdmea.results.tracking import tokens
from hdmea.results.unread import Source, Unread
from hdmea.utils.exceptions import ValidationError

__all__ = ["RowTrials", "TrialsTable", "plan_trials"]

_SPIKES = "spike_times"


def plan_trials(
    into: Group,
    name: str,
    values: list[Any],
    own: Own,
    content: SessionContent,
    movies: Collection[str] | None = None,
) -> None:
    """Plan the trials of all units: ``trials/<movie>`` (n, n_trials, 2), -1 where a unit has none.

    Parameters
    ----------
    into, name
        Group and name.
    values
        For each unit movie to trials.
    own
        Takes trials that are not ranges of their unit's train, and what was assigned to others.
    content
        Knows trains and trial times.
    movies
        Those to plan; None for all.
    """
    path = ("spike_times_sectioned",)
    values = [value.read() if isinstance(value, Unread) else value for value in values]
    if any(not isinstance(value, dict) for value in values if value is not MISSING):
        plan_quantity(into, name, values, path, own)
        return

    trains = _trains(own.ids, content)

    def plan_movie(group: Group, movie: str, trials: list[Any], place: Keys, own: Own) -> None:
        if movies is None or place[-1] in movies:
            _plan_movie(group, movie, trials, place, own, trains, content.trial_time(place[-1]))

    add_column(into, name, plan_table(values, path, own, plan_child=plan_movie), values)


def _trains(ids: Sequence[str], content: SessionContent) -> list[Any]:
    """Return the spike times of each unit that will be in their column, None for a unit without."""
    apart = Own(ids)
    units = [content.units[unit_id] for unit_id in ids]
    values = [dict.get(unit, _SPIKES, MISSING) for unit in units]
    plan_quantity(Group(), _SPIKES, list(values), (_SPIKES,), apart)
    return [None if row in apart.values else content.train(unit_id) for row, unit_id in enumerate(ids)]


def _plan_movie(
    group: Group, name: str, trials: list[Any], path: Keys, own: Own, trains: list[Any], times: Any
) -> None:
    ranges = [
        None if value is MISSING else _ranges(value, train, times)
        for value, train in zip(trials, trains, strict=True)
    ]
    shapes = [item.shape for item in ranges if item is not None]
    shape = max(set(shapes), key=shapes.count) if shapes else ()
    column = np.full((len(trials), *shape), -1, np.int64)
    there: list[Any] = [MISSING] * len(trials)
    for row, (value, item) in enumerate(zip(trials, ranges, strict=True)):
        if item is not None and item.shape == shape:
            column[row] = there[row] = item
            for key, changed in _changes(value).items():
                own.add(row, (*path, key), changed)
        elif value is not MISSING:
            own.add(row, path, value.read() if isinstance(value, Unread) else value)
    if shapes:
        add_column(group, name, Dataset(column.shape, column.dtype, column), there)


def _changes(value: Any) -> dict[str, Any]:
    if isinstance(value, RowTrials) and value.loaded is None:
        return value.changes
    item = value.read() if isinstance(value, Unread) else value
    return dict(item.changes)


def _ranges(value: Any, train: Any, times: Any) -> NDArray[np.int64] | None:
    """Return the index ranges of trials, None if they are not cut from this train at these times."""
    if isinstance(value, RowTrials) and value.loaded is None:
        if _is(train, value.spike_times) and _is(times, value.trial_time):
            return value.ranges
    item = value.read() if isinstance(value, Unread) else value
    if not is_cut(item):
        return None
    return item.ranges if _equals(train, item.spike_times) and _equals(times, item.trial_time) else None


def _is(found: Any, part: Any) -> bool:
    return found is part or (isinstance(part, Unread) and found is not None and found is part.loaded)


def _equals(found: Any, array: Any) -> bool:
    if found is array:
        return True
    if isinstance(found, Unread):
        found = found.read()
    if not isinstance(found, np.ndarray) or found.dtype != array.dtype or found.shape != array.shape:
        return False
    return found.__array_interface__ == array.__array_interface__ or bool(np.array_equal(found, array))


class TrialsTable(Table):
    """The columns of ``/units/trials``.

    Parameters
    ----------
    path, n, source
        As for any table.
    trains
        Spike times of each unit, perhaps unread.
    content
        Knows the trial times.
    """

    def __init__(
        self, path: str, n: int, source: Source | None, trains: list[Any], content: SessionContent
    ) -> None:
        super().__init__(path, n, source)
        self._trains = trains
        self._content = content

    def load_member(self, place: Place, name: str, names: Mapping[str, None]) -> Member:
        """Read the trials of one movie."""
        child = place.child(name)
        if child.is_group:
            return super().load_member(place, name, names)
        column = Column(child, names, place, self.n)
        times = self._content.trial_time(decode_name(name))
        if column.dtype != np.int64 or times is None or column.values is None:
            raise child.damaged("there is nothing that its ranges could refer to")
        return Given([self._trials(row, value, times, child) for row, value in enumerate(column.values)])

    def _trials(self, row: int, ranges: Any, times: Any, place: Place) -> Any:
        train = self._trains[row]
        if ranges is MISSING:
            return MISSING
        try:
            if self.source is None:
                return SectionedSpikes(ranges, train, times)
            return RowTrials(self.source, ranges, train, times)
        except (ValidationError, TypeError, AttributeError) as error:
            raise place.damaged(f"its ranges do not fit ({getattr(error, 'message', error)})") from error

    def finish(self, row: int, values: dict[str, Any], extra: dict[str, Any]) -> None:
        """Put what was assigned to trials, and trials of another kind, where they belong."""
        others: dict[str, Any] = {}
        for movie, value in extra.items():
            there = dict.get(values, movie)
            if isinstance(there, RowTrials):
                there.changes = value
            elif isinstance(there, SectionedSpikes):
                there.changed(value)
            else:
                others[movie] = value
        super().finish(row, values, others)


class RowTrials(Unread):
    """Trials of one unit and movie that are made from their index ranges when they are asked for.

    Parameters
    ----------
    source
        The file.
    ranges
        (n_trials, 2) int64.
    spike_times, trial_time
        The unit's spike times and the movie's trials, unread or as arrays.

    Attributes
    ----------
    changes : dict
        What was assigned to them.
    """

    __slots__ = ("changes", "ranges", "spike_times", "trial_time")

    refers = True

    def __init__(self, source: Source, ranges: NDArray[np.int64], spike_times: Any, trial_time: Any) -> None:
        super().__init__(source)
        self.ranges = ranges
        self.spike_times = spike_times
        self.trial_time = trial_time
        self.changes: dict[str, Any] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the index ranges."""
        return self.ranges.nbytes

    def make(self, file: Place) -> Any:
        """Return the trials."""
        spikes, times = (
            part.read() if isinstance(part, Unread) else part for part in (self.spike_times, self.trial_time)
        )
        try:
            found = SectionedSpikes(self.ranges, spikes, times).changed(self.changes)
        except (ValidationError, TypeError, AttributeError) as error:
            raise file.damaged(f"ranges of trials do not fit ({getattr(error, 'message', error)})") from error
        self.pristine = tokens(found.changes)
        return found

    def follow(self, source: Source) -> None:
        """Be read from the same place of another file, which has the same there."""
        self.source = source
        self.spike_times, self.trial_time = (
            self._told(self.spike_times, self.spike_times),
            self._told(self.trial_time, self.trial_time),
        )
        for part in (self.spike_times, self.trial_time):
            if isinstance(part, Unread):
                part.follow(source)

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, RowTrials)
        self.source, self.ranges, self.changes = other.source, other.ranges, other.changes
        self.spike_times = self._told(getattr(self, "spike_times", other.spike_times), other.spike_times)
        self.trial_time = self._told(getattr(self, "trial_time", other.trial_time), other.trial_time)
