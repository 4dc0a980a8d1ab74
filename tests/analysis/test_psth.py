"""PSTHs against counts that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.analysis.psth import bin_width_for, psth


def test_rate_and_standard_error_of_two_trials() -> None:
    found = psth([np.array([0.05, 0.06, 0.15]), np.array([0.11])], 0.0, 0.2, 0.1)

    assert found.edges_s == pytest.approx([0.0, 0.1, 0.2])
    assert found.rate == pytest.approx([10.0, 10.0])
    assert found.sem == pytest.approx([10.0, 0.0])


def test_a_spike_on_an_edge_belongs_to_the_later_bin() -> None:
    found = psth([np.arange(10) * 0.1], 0.0, 1.0, 0.1)

    assert found.rate == pytest.approx(np.full(10, 10.0))


def test_time_before_the_trial_and_a_bin_that_is_not_whole() -> None:
    found = psth([np.array([-0.4, 0.0, 0.55])], -0.5, 0.6, 0.5)

    assert found.edges_s == pytest.approx([-0.5, 0.0, 0.5])
    assert found.rate == pytest.approx([2.0, 2.0])


def test_missing_numbers_are_not_invented() -> None:
    assert np.isnan(psth([], 0.0, 1.0, 0.5).rate).all()
    assert np.isnan(psth([np.zeros(1)], 0.0, 1.0, 0.5).sem).all()
    with pytest.raises(ValueError, match="positive bin"):
        psth([], 0.0, 1.0, 2.0)


@given(st.lists(st.lists(st.floats(0, 0.999), max_size=20), min_size=1, max_size=5))
def test_every_spike_is_counted_once(trials: list[list[float]]) -> None:
    found = psth([np.array(times) for times in trials], 0.0, 1.0, 0.05)

    assert found.rate.sum() * 0.05 * len(trials) == pytest.approx(sum(map(len, trials)))


def test_width_follows_the_length_of_the_trial() -> None:
    assert bin_width_for(10.0) == 0.05
    assert bin_width_for(10.0, most_bins=1000) == 0.01
    assert bin_width_for(1e6) == 5.0
