"""Trials of one unit and movie in the laboratory's layouts: a dataset for each trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdmea.results.content import StepProvenance
from hdmea.results.lab.layout import Layout
from hdmea.results.lab.patches import Patch, from_json, set_to, to_json
from hdmea.results.lab.values import ATTRS, plan_dict, plan_value, read_dict, read_value
from hdmea.results.nodes import Node
from hdmea.results.reading import Place
from hdmea.results.sectioned import SectionedSpikes, is_cut
from hdmea.results.tracking import tokens
from hdmea.results.unread import Source, Unread
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError

__all__ = ["TreeTrials", "plan_trials", "read_times", "read_trials"]

_FULL, _TRIALS, _TIMES = "full_spike_times", "trials_spike_times", "trials_start_end"
_WORDS = ("pad_margin", "pre_samples", "post_samples")
_OURS = "frames"


def plan_trials(
    value: Any,
    path: tuple[str, ...],
    layout: Layout,
    *,
    train: Any,
    times: Any,
    added: Mapping[str, Any] | None = None,
    steps: Mapping[str, StepProvenance] | None = None,
) -> tuple[Node | None, Patch]:
    """Plan the trials of one unit and movie.

    Parameters
    ----------
    value
        The trials, or whatever a script put in their place.
    path
        Where they are in the session.
    layout
        The layout.
    train, times
        Spike times of the unit and trial times of the movie, perhaps unread; None where there are none.
    added
        Entries that are made for readers of the layout.
    steps
        Provenance of the steps, which knows with what the trials were cut.
    """
    value = value.read() if isinstance(value, Unread) else value
    if not is_cut(value):
        node, patch = plan_value(value, path, layout.trees)
        return node, {**patch, "plain": True} if isinstance(value, dict) else patch
    train, times = (part.read() if isinstance(part, Unread) else part for part in (train, times))
    entries = value.plain()
    attrs = entries.pop(ATTRS) or dict(getattr(times, "attrs", {}))
    if ATTRS not in value.changes:
        attrs = _lab_attrs(attrs, len(value.ranges), layout, steps)
    if attrs or not layout.steps:
        entries[ATTRS] = attrs
    # A script that changes the attributes of a session still gets the number that readers look for.
    if not layout.steps and ATTRS in value.changes and isinstance(attrs, dict) and _OURS in attrs:
        added = {**(added or {}), ATTRS: {"n_trials": len(value.ranges)}}
    group, patch = plan_dict(entries, path, layout.trees, added=added)
    if not _same(value.spike_times, train) or not _same(value.trial_time, times):
        return group, set_to(value, path)
    found = _cut(value.trial_time, value.spike_times)
    if not np.array_equal(found, value.ranges):
        patch["ranges"] = to_json(value.ranges, path)
    if value.changes:
        # What was assigned is told from what was cut by its values.
        patch["changed"] = list(value.changes)
    return group, patch


def _same(first: Any, second: Any) -> bool:
    if first is second:
        return True
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
        return False
    return first.dtype == second.dtype and np.array_equal(first, second)


def _lab_attrs(
    attrs: Mapping[str, Any], n_trials: int, layout: Layout, steps: Mapping[str, StepProvenance] | None
) -> dict[str, Any]:
    """Return what the layout says of trials of which `attrs` are known."""
    if _OURS not in attrs:
        return dict(attrs)
    found: dict[str, Any] = {"n_trials": n_trials}
    found.update({key: attrs[key] for key in _WORDS if key in attrs})
    if layout.steps:
        step = (steps or {}).get("section_spike_times", StepProvenance())
        repeats = step.params.get("trial_repeats")
        if repeats is not None:
            found["trial_repeats"] = int(repeats)
        if step.finished_at:
            found["created_at"] = step.finished_at
    return found


def _cut(times: NDArray[Any], spikes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index ranges of trials, padded as their attributes say."""
    attrs = getattr(times, "attrs", {})
    pads = [int(np.ravel(attrs.get(name, 0))[0]) for name in ("pre_samples", "post_samples")]
    bounds = np.asarray(times).astype(np.int64) + np.array([-pads[0], pads[1]])
    train = np.asarray(spikes).astype(np.int64, copy=False)
    ranges: NDArray[np.int64] = np.searchsorted(train, bounds).astype(np.int64)
    return ranges


# -- reading -----------------------------------------------------------------------------------------------


def read_times(place: Place, layout: Layout) -> AttrArray | None:
    """Return the trial times of a movie with what is known of its trials, None if the group has none."""
    if not place.is_group or not place.has(_TIMES):
        return None
    times = place.child(_TIMES).read()
    if times.ndim != 2 or times.shape[1] != 2 or times.dtype != np.int64:
        return None
    return AttrArray(times, _read_attrs(place, layout))


def _read_attrs(place: Place, layout: Layout) -> dict[str, Any]:
    if layout.steps:
        found = read_dict(place, None, {}, layout.trees, names=())
    elif place.has(ATTRS) and (below := place.child(ATTRS)).is_group:
        return read_dict(below, None, {}, layout.trees)
    else:
        return {}
    attrs: dict[str, Any] = found.get(ATTRS, {})
    return attrs


def read_trials(
    place: Place, source: Source | None, patch: Patch | None, layout: Layout, train: Any, times: Any
) -> Any:
    """Return the trials of one unit and movie as they were planned.

    Parameters
    ----------
    place
        The group, or whatever is in its place.
    source
        Where large arrays will be read from; None reads everything now.
    patch
        What the record says of them; None where it says nothing.
    layout
        The layout.
    train, times
        Spike times of the unit and trial times of the movie; None where there are none.
    """
    known = patch or {}
    if "set" in known:
        return from_json(known["set"])
    trials = _trials(place.again()) if place.is_group and "plain" not in known else None
    if trials is None or train is None:
        return read_value(place.again(), None, known, layout.trees)
    own = place.child(_TIMES).read()
    attrs = _read_attrs(place, layout)
    expected = _lab_attrs(getattr(times, "attrs", {}), len(own), layout, None)
    # What a script changed says nothing of how the trials were cut.
    changed_keys = known.get("changed", ())
    same = isinstance(times, np.ndarray) and times.dtype == own.dtype and np.array_equal(times, own)
    if not same and (times is None or _TIMES not in changed_keys):
        times, expected = AttrArray(own, attrs), attrs
    try:
        if "ranges" in known:
            ranges = from_json(known["ranges"])
        else:
            ranges = _cut(times, train) if _TRIALS in changed_keys else _fitting(trials, times, train)
        found = SectionedSpikes(ranges, train, times)
    except (ValidationError, ValueError, TypeError, IndexError):
        return read_value(place.again(), None, known, layout.trees)
    changed = _changes(place, found, trials, known, layout)
    if patch is None and _without_times(attrs) != _without_times(expected):
        changed[ATTRS] = attrs
    return found.changed(changed)


def _trials(place: Place) -> dict[int, NDArray[Any]] | None:
    if not (place.has(_TIMES) and place.has(_TRIALS) and place.has(_FULL)):
        return None
    times, below = place.child(_TIMES), place.child(_TRIALS)
    if times.is_group or not below.is_group or len(times.shape) != 2 or times.shape[1] != 2:
        return None
    names = below.names()
    if times.dtype != np.int64 or not all(map(str.isdecimal, names)):
        return None
    places = {int(name): below.child(name) for name in sorted(names, key=int)}
    if any(each.is_group or len(each.shape) != 1 for each in places.values()):
        return None
    return {number: each.read() for number, each in places.items()}


def _fitting(trials: Mapping[int, Any], times: NDArray[Any], train: NDArray[Any]) -> NDArray[np.int64]:
    """Return the ranges that give the trials; those of the trial times where that leaves a choice."""
    ranges = _cut(times, train)
    if list(trials) != list(range(len(ranges))):
        raise ValueError("not one dataset for each trial")
    for number, spikes in trials.items():
        first, last = ranges[number].tolist()
        if np.array_equal(train[first:last], spikes):
            continue
        first = int(np.searchsorted(train, spikes[0])) if len(spikes) else first
        ranges[number] = first, first + len(spikes)
        if not np.array_equal(train[first : first + len(spikes)], spikes):
            raise ValueError("not spikes of the unit")
    return ranges


def _changes(
    place: Place, found: SectionedSpikes, trials: dict[int, Any], known: Patch, layout: Layout
) -> dict[str, Any]:
    changed = known.get("changed", ())
    kept = (_FULL, _TRIALS, _TIMES, ATTRS)
    names = [name for name in place.names() if name not in kept or name in changed]
    changes = read_dict(place.again(), None, known, layout.trees, names=names)
    if layout.steps and ATTRS not in changed:
        changes.pop(ATTRS, None)
    if _FULL not in changed:
        full = place.child(_FULL).read()
        if full.dtype != np.int64 or not np.array_equal(full, found.peek(_FULL)):
            changes[_FULL] = full
    if _TRIALS not in changed and any(spikes.dtype != np.int64 for spikes in trials.values()):
        changes[_TRIALS] = trials
    return changes


def _without_times(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: np.asarray(value).tolist() for key, value in attrs.items() if key != "created_at"}


class TreeTrials(Unread):
    """Trials of one unit and movie that are still in the file.

    Parameters
    ----------
    source
        The file.
    path
        Their group.
    patch
        What the record says of them.
    layout
        The layout.
    train, times
        Spike times of the unit and trial times of the movie, unread or as arrays.
    """

    __slots__ = ("layout", "patch", "path", "times", "train")

    refers = True

    def __init__(
        self, source: Source, path: str, patch: Patch | None, layout: Layout, train: Any, times: Any
    ) -> None:
        super().__init__(source)
        self.path, self.patch, self.layout = path, patch, layout
        self.train, self.times = train, times

    def __repr__(self) -> str:
        return f"TreeTrials({self.path!r})"

    @property
    def place(self) -> str:
        """Path of the group."""
        return self.path

    @property
    def nbytes(self) -> int:
        """Bytes of the trials; not known before they are read."""
        return 0

    def make(self, file: Place) -> Any:
        """Return the trials."""
        train, times = (
            part.read() if isinstance(part, Unread) else part for part in (self.train, self.times)
        )
        found = read_trials(file.at(self.path), self.source, self.patch, self.layout, train, times)
        if isinstance(found, dict):
            self.pristine = tokens(found.changes if isinstance(found, SectionedSpikes) else found)
        return found

    def follow(self, source: Source) -> None:
        """Be read from the same place of another file, which has the same there."""
        self.source = source
        self.train, self.times = self._told(self.train, self.train), self._told(self.times, self.times)
        for part in (self.train, self.times):
            if isinstance(part, Unread):
                part.follow(source)

    def adopt(self, other: Unread) -> None:
        """Be read from where `other` is read from."""
        assert isinstance(other, TreeTrials)
        self.source, self.path, self.patch, self.layout = other.source, other.path, other.patch, other.layout
        self.train = self._told(getattr(self, "train", other.train), other.train)
        self.times = self._told(getattr(self, "times", other.times), other.times)
