"""Autocorrelograms against every pair of spikes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.analysis.correlograms import autocorrelogram
from hdmea.analysis.intervals import interval_histogram

RATE = 20_000.0
TRAINS = st.lists(st.integers(0, 4000), max_size=40).map(lambda times: np.array(sorted(times), np.uint64))


@given(TRAINS, st.sampled_from([(50.0, 1.0), (20.0, 0.5), (100.0, 7.0)]))
def test_every_pair_is_counted_once_at_each_sign(train: np.ndarray, sizes: tuple[float, float]) -> None:
    window, width = sizes

    found = autocorrelogram(train, RATE, window_ms=window, bin_ms=width)

    n = round(window / width)
    expected = np.zeros(2 * n, np.int64)
    for i, first in enumerate(train.tolist()):
        for j, second in enumerate(train.tolist()):
            # Samples per bin are whole numbers here: no rounding.
            per_bin = round(width * RATE / 1000)
            lag = abs(second - first)
            if i != j and lag < n * per_bin:
                place = lag // per_bin
                after = (second, j) > (first, i)
                expected[n + place if after else n - 1 - place] += 1
    assert found.counts.tolist() == expected.tolist()


@given(TRAINS)
def test_it_is_symmetric_and_does_not_depend_on_when_the_recording_began(train: np.ndarray) -> None:
    found, later = autocorrelogram(train, RATE), autocorrelogram(train + np.uint64(12_345), RATE)

    assert found.counts.tolist() == found.counts[::-1].tolist()
    assert found.counts.tolist() == later.counts.tolist()


@given(TRAINS)
def test_it_has_no_fewer_pairs_than_there_are_intervals(train: np.ndarray) -> None:
    train = np.unique(train)
    found, intervals = autocorrelogram(train, RATE), interval_histogram(train, RATE, longest_ms=50.0)

    assert (found.counts[50:] >= intervals.counts).all()


def test_a_regular_unit_fires_at_multiples_of_its_interval() -> None:
    train = np.arange(0, 200_000, 200)  # every 10 ms

    found = autocorrelogram(train, RATE, window_ms=25.0, bin_ms=1.0)

    centres = (found.edges_ms[:-1] + found.edges_ms[1:]) / 2
    assert centres[found.counts > 0].tolist() == [-20.5, -10.5, 10.5, 20.5]
    assert found.rate[25 + 10] == pytest.approx(999 / 1000 / 0.001), "almost surely within this millisecond"


def test_the_rate_of_a_poisson_unit_is_its_firing_rate_at_each_lag() -> None:
    generator = np.random.default_rng(1)
    train = np.unique(generator.integers(0, round(1000 * RATE), 20_000))

    found = autocorrelogram(train, RATE, window_ms=50.0, bin_ms=5.0)

    assert found.rate == pytest.approx(np.full(20, 20.0), rel=0.05)


@pytest.mark.parametrize("train", [[], [7]])
def test_without_pairs_nothing_is_counted(train: list[int]) -> None:
    found = autocorrelogram(np.array(train, np.uint64), RATE)

    assert found.counts.sum() == 0
    assert np.isnan(found.rate).all() == (not train)


def test_spikes_at_the_same_time_are_seen_on_both_sides_of_0() -> None:
    found = autocorrelogram(np.array([5, 5, 25]), RATE).counts

    assert found.sum() == 6
    middle = found.size // 2
    assert found[middle - 1] == found[middle] == 1


@pytest.mark.parametrize("wrong", [{"rate_hz": 0.0}, {"bin_ms": 0.0}, {"window_ms": 0.5}])
def test_a_width_that_is_not_positive_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive rate"):
        autocorrelogram(np.zeros(0, np.int64), **{"rate_hz": RATE, **wrong})
