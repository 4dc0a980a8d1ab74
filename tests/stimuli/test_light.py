"""Block means and the light template, against their definitions in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.stimuli.light import block_mean, light_template
from hdmea.utils.exceptions import ValidationError


@given(st.integers(0, 500), st.integers(1, 40))
def test_each_value_is_the_mean_of_its_block_and_the_tail_is_cropped(n_samples: int, factor: int) -> None:
    signal = np.random.default_rng(n_samples).normal(1e6, 1e5, n_samples).astype(np.float32)

    result = block_mean(signal, 1_000.0, 1_000.0 / factor)

    factor = result.factor
    expected = [
        signal[n * factor : (n + 1) * factor].astype(float).mean() for n in range(n_samples // factor)
    ]
    assert result.values.dtype == np.float32
    np.testing.assert_allclose(result.values, expected, rtol=1e-6)


def test_the_true_rate_is_returned() -> None:
    result = block_mean(np.zeros(4_000, np.float32), 17_852.77, 1_000.0)

    assert result.factor == 17
    assert result.rate == pytest.approx(17_852.77 / 17)


def test_partly_recorded_blocks_are_means_of_what_was_recorded() -> None:
    signal = np.arange(12, dtype=np.float32)
    signal[2:8] = np.nan

    result = block_mean(signal, 4.0, 1.0)

    np.testing.assert_array_equal(result.values, np.array([0.5, np.nan, 9.5], np.float32)[[0, 1, 2]])


def test_a_wholly_unrecorded_block_is_missing() -> None:
    signal = np.full(8, np.nan, dtype=np.float32)
    signal[:4] = 3

    np.testing.assert_array_equal(block_mean(signal, 4.0, 1.0).values, np.array([3, np.nan], np.float32))


@pytest.mark.parametrize("target", [0.0, -1.0, 2_000.0])
def test_rates_that_cannot_be_made_are_refused(target: float) -> None:
    with pytest.raises(ValidationError, match="cannot be averaged"):
        block_mean(np.zeros(10, np.float32), 1_000.0, target)


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 300)), min_size=1, max_size=6))
def test_template_averages_each_sample_over_the_occurrences_that_have_it(
    parts: list[tuple[int, int]],
) -> None:
    light = np.random.default_rng(0).normal(5e6, 1e6, 1_000).astype(np.float32)
    sections = np.array([[first, min(first + length, 1_000)] for first, length in parts], dtype=np.int64)

    template = light_template(light, sections)

    lengths = sections[:, 1] - sections[:, 0]
    assert template.dtype == np.float32
    assert template.size == lengths.max()
    for sample in range(template.size):
        values = [float(light[first + sample]) for first, last in sections.tolist() if first + sample < last]
        assert template[sample] == np.float32(np.mean(values))


def test_template_of_no_occurrence_is_empty() -> None:
    assert light_template(np.ones(5, np.float32), np.empty((0, 2), np.int64)).size == 0
