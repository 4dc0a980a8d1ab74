"""Arrays with attributes, and trials as views of a unit's spikes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.results.sectioned import SectionedSpikes, is_cut
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import ValidationError


def test_attributes_belong_to_the_array_and_not_to_what_is_made_of_it() -> None:
    rate = AttrArray(np.arange(6.0), {"unit": "Hz"})

    assert rate.attrs == {"unit": "Hz"}
    assert rate.sum() == 15.0
    for made in (rate[2:], rate + 1, np.sqrt(rate), rate.mean(keepdims=True), np.asarray(rate), np.abs(rate)):
        assert not getattr(made, "attrs", {})
    assert type(rate[2:]) is np.ndarray
    assert type(rate * 2) is np.ndarray
    assert isinstance(rate[2], np.float64)


def test_the_values_are_not_copied() -> None:
    values = np.arange(5)

    assert np.shares_memory(AttrArray(values, {"unit": "V"}), values)


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda array: pickle.loads(pickle.dumps(array))])
def test_copies_keep_attributes_and_are_independent(twin: object) -> None:
    array = AttrArray(np.arange(5), {"content_frame": [1, 2]})

    other = twin(array)  # type: ignore[operator]
    other[0] = 99
    other.attrs["new"] = 1

    assert type(other) is AttrArray
    assert other.attrs["content_frame"] == [1, 2]
    assert array[0] == 0
    assert "new" not in array.attrs


def sections_of(ranges: list[tuple[int, int]], spikes: np.ndarray) -> SectionedSpikes:
    return SectionedSpikes(np.array(ranges).reshape(-1, 2), spikes, np.zeros((len(ranges), 2), np.int64))


def test_sections_have_the_documented_entries() -> None:
    spikes = np.arange(100, 110, dtype=np.uint64)
    trials = np.array([[100, 103], [105, 108]], np.int64)

    sections = SectionedSpikes(np.array([[0, 3], [5, 8]]), spikes, trials)

    assert set(sections) == {"full_spike_times", "trials_spike_times", "trials_start_end", "_attrs"}
    assert sections["full_spike_times"].tolist() == [100, 101, 102, 105, 106, 107]
    assert sections["trials_spike_times"][1].tolist() == [105, 106, 107]
    assert sections["trials_start_end"].tolist() == trials.tolist()
    assert list(sections["trials_spike_times"]) == [0, 1]
    assert sections["trials_spike_times"][0].dtype == np.int64
    for key in (2, -1):
        with pytest.raises(KeyError):
            sections["trials_spike_times"][key]
    with pytest.raises(KeyError):
        sections["other"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted).map(tuple), max_size=6))
def test_full_spike_times_are_the_sorted_union_of_the_trials(ranges: list[tuple[int, int]]) -> None:
    spikes = np.arange(1000, 1030, dtype=np.uint64)
    union = {int(spike) for first, last in ranges for spike in spikes[first:last]}

    full = sections_of(ranges, spikes)["full_spike_times"]

    assert full.dtype == np.int64
    assert full.tolist() == sorted(union)


def test_what_is_assigned_to_sections_takes_the_place_of_what_was_cut() -> None:
    sections = sections_of([(0, 2), (3, 4)], np.arange(5))
    assert sections.changes == {}

    sections["trials_spike_times"][1] = np.array([7])
    sections["label"] = "good"
    sections["full_spike_times"] = np.array([1, 7])

    assert sections["trials_spike_times"][0].tolist() == [0, 1]
    assert sections["trials_spike_times"][1].tolist() == [7]
    assert set(sections.changes) == {"trials_spike_times", "label", "full_spike_times"}
    assert pickle.loads(pickle.dumps(sections))["label"] == "good"
    del sections["label"], sections["trials_spike_times"][0]
    assert "label" not in sections
    assert list(sections["trials_spike_times"]) == [1]


def plain_twin(value: Any) -> Any:
    """Return plain dictionaries and lists with the same contents, by way of `dict` and `isinstance` alone."""
    if isinstance(value, dict):
        return {key: plain_twin(item) for key, item in dict(value).items()}
    assert isinstance(value, (list, np.ndarray, np.generic, int, float, str)), value
    return value.tolist() if isinstance(value, np.ndarray) else value


EXPECTED = {
    "full_spike_times": [0, 1, 3],
    "trials_spike_times": {0: [0, 1], 1: [3]},
    "trials_start_end": [[0, 0], [0, 0]],
    "_attrs": {},
}


@pytest.mark.parametrize(
    "through",
    [
        lambda sections: sections,
        dict,
        lambda sections: {**sections},
        lambda sections: dict(sections.items()),
        lambda sections: dict(zip(sections.keys(), sections.values(), strict=True)),
        lambda sections: sections | {},
        lambda sections: {} | sections,
        copy.copy,
        copy.deepcopy,
        lambda sections: sections.copy(),
        lambda sections: pickle.loads(pickle.dumps(sections)),
        lambda sections: {key: sections.get(key) for key in sections},
        lambda sections: {key: sections.pop(key) for key in list(sections)},
        lambda sections: dict(reversed([sections.popitem() for _ in range(len(sections))])),
        lambda sections: {key: sections.setdefault(key) for key in sections},
    ],
)
def test_sections_are_a_dictionary_to_every_use_of_one(through: Any) -> None:
    sections = sections_of([(0, 2), (3, 4)], np.arange(5, dtype=np.uint64))

    assert plain_twin(through(sections)) == EXPECTED
    assert json.loads(json.dumps(plain_twin(sections))) is not None


def test_a_number_that_is_changed_in_place_is_a_change() -> None:
    spikes = np.arange(5, dtype=np.uint64)
    sections, others = sections_of([(0, 2), (3, 4)], spikes), sections_of([(0, 2)], spikes)

    sections["full_spike_times"][0] = 9
    sections["trials_start_end"] += 1
    sections["_attrs"]["quality"] = 3
    assert others["trials_spike_times"][0] is others["trials_spike_times"][0]

    assert set(sections.changes) == {"full_spike_times", "trials_start_end", "_attrs"}
    assert sections["full_spike_times"].tolist() == [9, 1, 3]
    assert spikes.tolist() == list(range(5))
    assert pickle.loads(pickle.dumps(sections))["_attrs"] == {"quality": 3}
    assert others.changes == {}


def test_sections_without_one_of_their_entries_are_any_dictionary() -> None:
    sections = sections_of([(0, 2), (3, 4)], np.arange(5, dtype=np.uint64))
    assert is_cut(sections)

    del sections["trials_start_end"]

    rest = {key: value for key, value in EXPECTED.items() if key != "trials_start_end"}
    assert not is_cut(sections)
    assert [plain_twin(twin) for twin in (sections, copy.deepcopy(sections), sections.copy())] == [rest] * 3
    with pytest.raises(KeyError):
        del sections["trials_start_end"]


def test_sections_compare_and_travel() -> None:
    sections = sections_of([(0, 2)], np.arange(5))

    assert pickle.loads(pickle.dumps(sections)) == sections
    assert copy.deepcopy(sections) == sections
    assert sections != sections_of([(0, 3)], np.arange(5))
    assert sections != {"full_spike_times": 1}


@pytest.mark.parametrize("ranges", [[(0, 6)], [(-1, 2)], [(3, 2)]])
def test_ranges_outside_the_spikes_are_refused(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValidationError, match="outside"):
        sections_of(ranges, np.arange(5))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="n_trials, 2"):
        SectionedSpikes(np.zeros(3), np.arange(5), np.zeros((3, 2), np.int64))
    with pytest.raises(ValidationError, match="do not fit"):
        SectionedSpikes(np.zeros((3, 2)), np.arange(5), np.zeros((2, 2), np.int64))
