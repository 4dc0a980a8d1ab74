"""Rates over the recording against counts that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.analysis.rates import rate_bin_for, rate_over_time

RATE = 1000.0


def test_rates_are_counts_by_the_true_width_of_each_bin() -> None:
    found = rate_over_time(np.array([0, 999, 1000, 2400]), RATE, 2.5, 1.0)

    assert found.edges_s == pytest.approx([0.0, 1.0, 2.0, 2.5])
    assert found.rate == pytest.approx([2.0, 1.0, 2.0]), "the last bin lasts half a second"


def test_a_gap_of_the_recording_is_missing_and_not_silence() -> None:
    parts = np.array([[0, 1000], [2400, 4000]])

    found = rate_over_time(np.array([10, 2500, 3500]), RATE, 4.0, 1.0, parts)

    assert found.rate == pytest.approx([1.0, np.nan, 1 / 0.6, 1.0], nan_ok=True)


@given(st.lists(st.integers(0, 9_999), max_size=50), st.sampled_from([0.3, 1.0, 2.5, 20.0]))
def test_every_spike_is_counted_once(spikes: list[int], width: float) -> None:
    found = rate_over_time(np.array(sorted(spikes), np.uint64), RATE, 10.0, width)

    assert (found.rate * np.diff(found.edges_s)).sum() == pytest.approx(len(spikes))


def test_width_follows_the_length_of_the_recording() -> None:
    assert [rate_bin_for(seconds) for seconds in (70.0, 500.0, 1200.0, 1e6)] == [1.0, 5.0, 10.0, 300.0]


def test_a_duration_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        rate_over_time(np.zeros(0, np.int64), RATE, 0.0, 1.0)
