"""Spikes of one unit during one movie, cut into trials without copying them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdmea.utils.exceptions import ValidationError

__all__ = ["SectionedSpikes", "TrialSpikes"]

_KEYS = ("full_spike_times", "trials_spike_times", "trials_start_end")


class TrialSpikes(Mapping[int, NDArray[Any]]):
    """Spikes of each trial: ``trials[n]`` is a view of the unit's spike times.

    Parameters
    ----------
    spike_times
        Spike times of the unit in samples, ascending.
    ranges
        (n_trials, 2) half-open index ranges into `spike_times`.
    """

    __slots__ = ("_ranges", "_spike_times")

    def __init__(self, spike_times: NDArray[Any], ranges: NDArray[np.int64]) -> None:
        self._spike_times = spike_times
        self._ranges = ranges

    def __getitem__(self, trial: int) -> NDArray[Any]:
        if not 0 <= trial < len(self._ranges):
            raise KeyError(trial)
        first, last = self._ranges[trial]
        return self._spike_times[first:last]

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._ranges)))

    def __len__(self) -> int:
        return len(self._ranges)

    def __repr__(self) -> str:
        return f"TrialSpikes({len(self)} trials)"


class SectionedSpikes(Mapping[str, Any]):
    """One unit's spikes during one movie, as the documented dictionary of three entries.

    ``full_spike_times`` are the spikes of all trials (sorted, each once), ``trials_spike_times[n]`` those of
    trial n, ``trials_start_end`` (n_trials, 2) the trials' samples. Trials are views of `spike_times`.

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

    __slots__ = ("__weakref__", "_ranges", "_spike_times", "_trial_time")

    def __init__(self, ranges: ArrayLike, spike_times: NDArray[Any], trial_time: NDArray[Any]) -> None:
        self._ranges = np.asarray(ranges, dtype=np.int64)
        self._spike_times = spike_times
        self._trial_time = trial_time
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

    def __getitem__(self, key: str) -> Any:
        if key == "full_spike_times":
            return self._full()
        if key == "trials_spike_times":
            return TrialSpikes(self._spike_times, self._ranges)
        if key == "trials_start_end":
            return self._trial_time
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(_KEYS)

    def __len__(self) -> int:
        return len(_KEYS)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SectionedSpikes):
            return NotImplemented
        return (
            np.array_equal(self._ranges, other._ranges)
            and np.array_equal(self._trial_time, other._trial_time)
            and np.array_equal(self._spike_times, other._spike_times)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"SectionedSpikes({len(self._ranges)} trials, {len(self._full())} spikes)"

    def __getstate__(self) -> dict[str, Any]:
        return {"ranges": self._ranges, "spike_times": self._spike_times, "trial_time": self._trial_time}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._ranges = state["ranges"]
        self._spike_times = state["spike_times"]
        self._trial_time = state["trial_time"]

    def _full(self) -> NDArray[Any]:
        pieces = [self._spike_times[first:last] for first, last in self._ranges]
        return np.unique(np.concatenate(pieces)) if pieces else self._spike_times[:0]
