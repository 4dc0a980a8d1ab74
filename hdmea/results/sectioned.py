"""Spikes of one unit during one movie, cut into trials without copying them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Self, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.results.unread import LazyDict
from hdmea.utils.exceptions import ValidationError
from hdmea.utils.fixes import Advice

__all__ = ["SectionedSpikes", "is_cut"]

_FULL, _TRIALS, _TIMES, _ATTRS = "full_spike_times", "trials_spike_times", "trials_start_end", "_attrs"
_KEYS = (_FULL, _TRIALS, _TIMES, _ATTRS)
_NOT_MADE = object()
"""Stands for an entry that was not asked for yet."""
_UNMADE = dict.fromkeys(_KEYS, _NOT_MADE)


class SectionedSpikes(LazyDict):
    """One unit's spikes during one movie, as the documented dictionary.

    ``full_spike_times`` are the spikes of all trials (sorted, each once), ``trials_spike_times[n]`` those of
    trial n, ``trials_start_end`` (n_trials, 2) the trials' samples, ``_attrs`` what is known of the trials;
    all spikes and samples are int64. An entry is made when it is first asked for, and is then as that of any
    dictionary: it may be changed, replaced and removed, and others may be added.

    Parameters
    ----------
    ranges
        (n_trials, 2) int64, half-open index ranges into `spike_times`.
    spike_times
        Spike times of the unit in samples, ascending.
    trial_time
        (n_trials, 2) int64, first sample and end of each trial.

    Raises
    ------
    ValidationError
        If shapes do not fit, or a range reaches outside `spike_times`.
    """

    __slots__ = ("_ranges", "_spike_times", "_trial_time")

    def __init__(self, ranges: ArrayLike, spike_times: NDArray[Any], trial_time: NDArray[Any]) -> None:
        super().__init__(_UNMADE)
        self._ranges = np.asarray(ranges, dtype=np.int64)
        self._spike_times = spike_times
        self._trial_time = trial_time
        if self._ranges.ndim != 2 or self._ranges.shape[1] != 2:
            raise ValidationError(
                f"Trial ranges have shape {self._ranges.shape}; they must be (n_trials, 2).",
                fix=Advice("Pass first and last + 1 spike of each trial."),
            )
        if self._trial_time.shape != self._ranges.shape:
            raise ValidationError(
                f"{len(self._ranges)} trial ranges do not fit trial times of shape {self._trial_time.shape}.",
                fix=Advice("Pass start and end of each trial."),
            )
        if self._ranges.size and not (
            self._ranges.min() >= 0
            and self._ranges.max() <= len(spike_times)
            and (self._ranges[:, 0] <= self._ranges[:, 1]).all()
        ):
            raise ValidationError(
                f"Trial ranges reach outside the unit's {len(spike_times)} spikes.",
                fix=Advice("Pass ranges of the unit's own spikes."),
            )

    @property
    def ranges(self) -> NDArray[np.int64]:
        """(n_trials, 2) int64, half-open index ranges into `spike_times`."""
        return self._ranges

    @property
    def spike_times(self) -> NDArray[Any]:
        """All spike times of the unit, in samples."""
        return self._spike_times

    @property
    def trial_time(self) -> NDArray[Any]:
        """(n_trials, 2) first sample and end of each trial."""
        return self._trial_time

    @property
    def made(self) -> dict[str, Any]:
        """The entries that take memory of their own: those that were asked for or assigned."""
        return {key: value for key, value in dict.items(self) if value is not _NOT_MADE}

    @property
    def changes(self) -> dict[str, Any]:
        """The entries that are not what the train, cut at `ranges`, gives; empty where all are."""
        return {key: value for key, value in self.made.items() if not self._is_as_cut(key, value)}

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Assign several entries; return this object."""
        self.update(changes)
        return self

    def peek(self, key: str) -> Any:
        """Return an entry; one that was not asked for yet is made for the caller alone and not kept."""
        value = dict.__getitem__(self, key)
        return self._make(key) if value is _NOT_MADE else value

    def plain(self) -> dict[str, Any]:
        """Return all entries as a plain dictionary; none that is made for that is kept."""
        return {key: self.peek(key) for key in self}

    def __getitem__(self, key: str) -> Any:
        value = dict.__getitem__(self, key)
        if value is _NOT_MADE:
            value = self._make(key)
            dict.__setitem__(self, key, value)
            return value
        return super().__getitem__(key)

    def __delitem__(self, key: str) -> None:
        if key in _KEYS and key in self:
            # What is left is a dictionary like any other, in which nothing is to be made any more.
            self.update(self.plain())
        dict.__delitem__(self, key)

    def __eq__(self, other: object) -> bool:
        if not (is_cut(self) and is_cut(other)):
            return super().__eq__(other)
        return (
            np.array_equal(self._ranges, other._ranges)
            and np.array_equal(self._trial_time, other._trial_time)
            and np.array_equal(self._spike_times, other._spike_times)
            and self.changes.keys() == other.changes.keys()
        )

    __hash__ = None

    def __repr__(self) -> str:
        return f"SectionedSpikes({len(self._ranges)} trials, {', '.join(map(str, self))})"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if not is_cut(self):
            return dict, (self.plain(),)
        return _restored, (self._ranges, self._spike_times, self._trial_time, self.changes)

    def copy(self) -> Any:
        """Return a shallow copy, in which what was not asked for is not made either."""
        if not is_cut(self):
            return self.plain()
        return type(self)(self._ranges, self._spike_times, self._trial_time).changed(self.made)

    def _make(self, key: str) -> Any:
        if key == _FULL:
            pieces = [self._spike_times[first:last] for first, last in self._ranges]
            found = np.unique(np.concatenate(pieces)) if pieces else self._spike_times[:0]
            return found.astype(np.int64)
        if key == _TRIALS:
            ranges = enumerate(self._ranges.tolist())
            return {trial: self._spike_times[first:last].astype(np.int64) for trial, (first, last) in ranges}
        if key == _TIMES:
            return np.array(self._trial_time, np.int64)
        return dict(getattr(self._trial_time, "attrs", {}))

    def _is_as_cut(self, key: str, value: Any) -> bool:
        return key in _KEYS and _is_same(self._make(key), value)


def is_cut(value: object) -> TypeGuard[SectionedSpikes]:
    """Return whether a value is trials that are cut from a train, and none of their entries was removed."""
    return isinstance(value, SectionedSpikes) and tuple(islice(dict.__iter__(value), len(_KEYS))) == _KEYS


def _restored(ranges: Any, spike_times: Any, trial_time: Any, changes: dict[str, Any]) -> SectionedSpikes:
    return SectionedSpikes(ranges, spike_times, trial_time).changed(changes)


def _is_same(made: Any, value: Any) -> bool:
    """Return whether a value is exactly what is made for an entry that nobody touched."""
    if made is value:
        return True
    if type(made) is not type(value):
        return False
    if isinstance(made, np.ndarray):
        return made.dtype == value.dtype and np.array_equal(made, value)
    same_keys = isinstance(made, dict) and list(made) == list(value)
    return same_keys and all(map(_is_same, made.values(), value.values()))
