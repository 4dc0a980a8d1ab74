"""Envelopes keep the extremes of a signal; means of trials are means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.analysis.decimation import envelope, trial_mean


def test_a_single_sample_out_of_a_million_is_seen() -> None:
    signal = np.zeros(1_000_000, np.float32)
    signal[654_321] = 7.0

    found = envelope(signal, 0, signal.size, 500)

    assert found.values.size <= 1000
    assert found.samples[found.values.argmax()] == pytest.approx(654_321, abs=2000)
    assert found.values.max() == 7.0


def test_a_short_stretch_is_shown_as_it_is() -> None:
    found = envelope(np.arange(100.0), 10, 20, 50)

    assert found.samples == pytest.approx(np.arange(10, 20))
    assert found.values == pytest.approx(np.arange(10, 20))


def test_an_edge_runs_in_its_own_direction() -> None:
    falling = np.repeat([5.0, 1.0], [15, 25])

    assert envelope(falling, 0, 40, 4).values == pytest.approx([5, 5, 5, 1, 1, 1, 1, 1])
    assert envelope(6 - falling, 0, 40, 4).values == pytest.approx([1, 1, 1, 5, 5, 5, 5, 5])


def test_both_values_of_a_block_stand_in_its_middle() -> None:
    found = envelope(np.tile([0.0, 1.0], 50), 20, 60, 4)

    assert found.samples == pytest.approx([24.5, 24.5, 34.5, 34.5, 44.5, 44.5, 54.5, 54.5])
    assert found.values == pytest.approx([0, 1] * 4)


def test_what_was_not_recorded_stays_missing() -> None:
    signal = np.ones(90)
    signal[30:60] = np.nan
    signal[61] = np.nan

    found = envelope(signal, 0, 90, 9)

    assert np.isnan(found.values).tolist() == [False] * 6 + [True] * 6 + [False] * 6


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 60))
def test_extremes_of_every_stretch_are_kept(start: int, length: int, columns: int) -> None:
    signal = np.random.default_rng(1).normal(size=500).astype(np.float32)
    part = signal[start : start + length]

    found = envelope(signal, start, start + length, columns)

    assert found.values.size <= 2 * columns
    assert (np.diff(found.samples) >= 0).all()
    if part.size:
        assert (found.values.min(), found.values.max()) == (part.min(), part.max())


def test_mean_over_the_trials_that_lie_in_the_signal() -> None:
    signal = np.arange(20.0)

    assert trial_mean(signal, np.array([0, 10, 18]), 3) == pytest.approx([5.0, 6.0, 7.0])
    assert trial_mean(signal, np.array([18]), 3).size == 0
