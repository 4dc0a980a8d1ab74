"""Spikes of one unit during one movie, cut into trials without copying them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.utils.exceptions import ValidationError

__all__ = ["SectionedSpikes", "TrialSpikes"]

_FULL, _TRIALS, _TIMES, _ATTRS = "full_spike_times", "trials_spike_times", "trials_start_end", "_attrs"
_KEYS = (_FULL, _TRIALS, _TIMES, _ATTRS)


class TrialSpikes(MutableMapping[int, NDArray[Any]]):
    """Spikes of each trial: ``trials[n]`` are its samples as int64, made when they are asked for.

    Parameters
    ----------
    spike_times
        Spike times of the unit in samples, ascending.
    ranges
        (n_trials, 2) half-open index ranges into `spike_times`.
    """

    __slots__ = ("_assigned", "_ranges", "_spike_times")

    def __init__(self, spike_times: NDArray[Any], ranges: NDArray[np.int64]) -> None:
        self._spike_times = spike_times
        self._ranges = ranges
        self._assigned: dict[int, Any] | None = None

    @property
    def assigned(self) -> dict[int, Any] | None:
        """All trials, after one of them was assigned or removed; None before."""
        return self._assigned

    def __getitem__(self, trial: int) -> NDArray[Any]:
        if self._assigned is not None:
            found: NDArray[Any] = self._assigned[trial]
            return found
        if not 0 <= trial < len(self._ranges):
            raise KeyError(trial)
        first, last = self._ranges[trial]
        return self._spike_times[first:last].astype(np.int64)

    def __setitem__(self, trial: int, spikes: Any) -> None:
        self._assigned = {**self, trial: spikes}

    def __delitem__(self, trial: int) -> None:
        rest = dict(self)
        del rest[trial]
        self._assigned = rest

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._ranges)) if self._assigned is None else self._assigned)

    def __len__(self) -> int:
        return len(self._ranges if self._assigned is None else self._assigned)

    def __repr__(self) -> str:
        return f"TrialSpikes({len(self)} trials)"


class SectionedSpikes(MutableMapping[str, Any]):
    """One unit's spikes during one movie, as the documented dictionary.

    ``full_spike_times`` are the spikes of all trials (sorted, each once), ``trials_spike_times[n]`` those of
    trial n, ``trials_start_end`` (n_trials, 2) the trials' samples, ``_attrs`` what is known of the trials;
    all of them int64, made when they are asked for. Entries may be assigned, and others added.

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

    __slots__ = ("__weakref__", "_assigned", "_ranges", "_spike_times", "_trial_time", "_trials")

    def __init__(self, ranges: ArrayLike, spike_times: NDArray[Any], trial_time: NDArray[Any]) -> None:
        self._ranges = np.asarray(ranges, dtype=np.int64)
        self._spike_times = spike_times
        self._trial_time = trial_time
        self._assigned: dict[str, Any] = {}
        self._trials: TrialSpikes | None = None
        if self._ranges.ndim != 2 or self._ranges.shape[1] != 2:
            raise ValidationError(
                f"Trial ranges have shape {self._ranges.shape}; they must be (n_trials, 2)."
            )
        if self._trial_time.shape != self._ranges.shape:
            raise ValidationError(
                f"{len(self._ranges)} trial ranges do not fit trial times of shape {self._trial_time.shape}."
            )
        if self._ranges.size and not (
            self._ranges.min() >= 0
            and self._ranges.max() <= len(spike_times)
            and (self._ranges[:, 0] <= self._ranges[:, 1]).all()
        ):
            raise ValidationError(f"Trial ranges reach outside the unit's {len(spike_times)} spikes.")

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
    def changes(self) -> dict[str, Any]:
        """What was assigned, by its key; empty where everything is as it was cut."""
        trials = None if self._trials is None else self._trials.assigned
        return self._assigned if trials is None else {**self._assigned, _TRIALS: trials}

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Assign several entries; return this object."""
        self._assigned.update(changes)
        return self

    def __getitem__(self, key: str) -> Any:
        if key in self._assigned:
            return self._assigned[key]
        if key == _FULL:
            return self._full()
        if key == _TRIALS:
            if self._trials is None:
                self._trials = TrialSpikes(self._spike_times, self._ranges)
            return self._trials
        if key == _TIMES:
            return np.asarray(self._trial_time).astype(np.int64, copy=False)
        if key == _ATTRS:
            return dict(getattr(self._trial_time, "attrs", {}))
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._assigned[key] = value

    def __delitem__(self, key: str) -> None:
        if key in _KEYS and key not in self._assigned:
            raise KeyError(f"{key} belongs to every movie's trials and cannot be removed.")
        del self._assigned[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*_KEYS, *self._assigned)))

    def __len__(self) -> int:
        return len({*_KEYS, *self._assigned})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SectionedSpikes):
            return NotImplemented
        return (
            np.array_equal(self._ranges, other._ranges)
            and np.array_equal(self._trial_time, other._trial_time)
            and np.array_equal(self._spike_times, other._spike_times)
            and self.changes.keys() == other.changes.keys()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"SectionedSpikes({len(self._ranges)} trials, {len(self._full())} spikes)"

    def __getstate__(self) -> dict[str, Any]:
        return {
            "ranges": self._ranges,
            "spike_times": self._spike_times,
            "trial_time": self._trial_time,
            "changes": self.changes,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._ranges = state["ranges"]
        self._spike_times = state["spike_times"]
        self._trial_time = state["trial_time"]
        self._assigned = dict(state["changes"])
        self._trials = None

    def _full(self) -> NDArray[Any]:
        pieces = [self._spike_times[first:last] for first, last in self._ranges]
        found = np.unique(np.concatenate(pieces)) if pieces else self._spike_times[:0]
        return found.astype(np.int64)
