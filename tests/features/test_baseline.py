"""Baseline and quality numbers: analytic trains, limits, and the reasons for what is missing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmea.declare import FeatureTable
from hdmea.features.extractors.baseline import baseline
from hdmea.features.science import spike_train
from tests.features.recordings import RATE, recording

S = int(RATE)


def numbers(*args: Any, params: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Numbers of the first unit."""
    table = compute(*args, params=params, **options)
    return {name: values[0] for name, values in table.units.items()}


def compute(*args: Any, params: dict[str, Any] | None = None, **options: Any) -> FeatureTable:
    return baseline.compute(recording(*args, **options), baseline.make_params(params))


class TestRate:
    def test_section_alone_decides_the_base_rate(self) -> None:
        # Given 5 spikes per second in the section of 4 s, and a burst elsewhere
        train = np.concatenate([np.arange(10 * S, 14 * S, S // 5), np.arange(50 * S, 51 * S, 100)])

        found = compute(train, sections={"baseline_127": [[10 * S, 14 * S]]})

        assert found.units["baseline_rate"][0] == 5
        assert found.units["baseline_rate_sd"][0] == 0
        assert found.notes["baseline_source"] == "section baseline_127"

    def test_sd_is_that_of_complete_bins(self) -> None:
        counts = [0, 2, 4, 9]
        train = np.concatenate([S * second + np.arange(n) * 500 for second, n in enumerate(counts)])

        found = numbers(train, sections={"baseline_127": [[0, int(3.5 * S)]]})

        assert found["baseline_rate_sd"] == pytest.approx(np.std([0, 2, 4], ddof=1))
        assert found["baseline_rate"] == pytest.approx(15 / 3.5)

    def test_occurrences_are_pooled(self) -> None:
        train = np.concatenate([np.arange(0, 2 * S, S // 2), np.arange(20 * S, 22 * S, S // 10)])

        found = numbers(train, sections={"baseline_127": [[0, 2 * S], [20 * S, 22 * S]]})

        assert found["baseline_rate"] == 6
        assert found["baseline_rate_sd"] == pytest.approx(np.std([2, 2, 10, 10], ddof=1))

    def test_without_section_the_whole_recording_counts(self) -> None:
        found = compute(np.arange(0, 300 * S, S // 4), sections={"step_up": [[0, S]]})

        assert found.units["baseline_rate"][0] == 4
        assert found.notes["baseline_source"] == "whole recording"

    def test_gap_is_no_time(self) -> None:
        # Given 1 s + 1 s recorded with 100 s between
        train = np.concatenate([np.arange(0, S, 1000), np.arange(101 * S, 102 * S, 1000)])

        found = numbers(train, segments=[[0, S], [101 * S, 102 * S]], duration_s=102.0)

        assert found["baseline_rate"] == 20
        assert found["baseline_rate_sd"] == 0
        assert found["cv_isi"] == 0

    def test_baseline_shorter_than_two_bins_has_no_sd(self) -> None:
        found = compute([100], sections={"baseline_127": [[0, int(1.9 * S)]]})

        assert math.isnan(found.units["baseline_rate_sd"][0])
        assert "shorter than 2 × 1 s" in found.reasons_for("unit_001")["baseline_rate_sd"]


class TestIntervals:
    def test_regular_train_does_not_vary(self) -> None:
        found = numbers(np.arange(0, 300 * S, 400))

        assert found["cv_isi"] == 0
        assert found["lv"] == 0
        assert found["median_isi_ms"] == 20

    def test_poisson_train_has_cv_and_lv_of_one(self) -> None:
        train = np.cumsum(np.random.default_rng(1).exponential(2000, 20_000)).astype(int)

        found = numbers(train, duration_s=2100.0)

        assert found["cv_isi"] == pytest.approx(1, abs=0.03)
        assert found["lv"] == pytest.approx(1, abs=0.03)
        assert found["median_isi_ms"] == pytest.approx(100 * math.log(2), rel=0.04)

    def test_alternating_intervals_have_known_values(self) -> None:
        isi = np.tile([1000, 3000], 200)

        found = numbers(np.cumsum([0, *isi]), duration_s=100.0)

        assert found["cv_isi"] == pytest.approx(0.5)
        assert found["lv"] == pytest.approx(3 * (2000 / 4000) ** 2)
        assert found["median_isi_ms"] == 100

    @pytest.mark.parametrize(("n_spikes", "known"), [(0, False), (1, False), (20, False), (21, True)])
    def test_below_20_intervals_variation_is_missing_with_a_reason(self, n_spikes: int, known: bool) -> None:
        found = compute(np.arange(n_spikes) * 500)

        for name in ("cv_isi", "lv", "median_isi_ms"):
            assert math.isnan(found.units[name][0]) is not known
            assert (name in found.reasons_for("unit_001")) is not known

    def test_two_spikes_on_one_sample_do_not_vary(self) -> None:
        assert spike_train.local_variation([np.zeros(30, np.int64)]) == 0

    def test_interval_across_a_gap_is_not_counted(self) -> None:
        train = np.concatenate([np.arange(0, S, 500), np.arange(200 * S, 201 * S, 500)])

        found = numbers(train, segments=[[0, S], [200 * S, 201 * S]])

        assert found["cv_isi"] == 0
        assert found["lv"] == 0

    @settings(max_examples=40)
    @given(
        isi=st.lists(st.integers(1, 5000), min_size=25, max_size=60),
        shift=st.integers(0, 10 * S),
        factor=st.integers(2, 5),
    )
    def test_variation_ignores_time_shift_and_scale(self, isi: list[int], shift: int, factor: int) -> None:
        train = np.cumsum([0, *isi])

        plain, changed = numbers(train), numbers(train * factor + shift)

        assert changed["cv_isi"] == pytest.approx(plain["cv_isi"])
        assert changed["lv"] == pytest.approx(plain["lv"])
        assert changed["median_isi_ms"] == pytest.approx(plain["median_isi_ms"] * factor)
        assert 0 <= plain["lv"] <= 3


class TestViolations:
    def test_fraction_and_ratio_follow_their_formulas(self) -> None:
        # Given 101 spikes in 300 s, 10 intervals of 1 ms (20 samples), the others long
        isi = np.array([20] * 10 + [30_000] * 90)

        found = numbers(np.cumsum([0, *isi]))

        assert found["isi_violation_fraction"] == 0.1
        assert found["isi_violation_ratio"] == pytest.approx(10 * 300 / (2 * 101**2 * 0.0015))

    @pytest.mark.parametrize(("samples", "violated"), [(29, True), (30, False)])
    def test_exactly_1_5_ms_is_no_violation(self, samples: int, violated: bool) -> None:
        assert numbers([0, samples])["isi_violation_fraction"] == float(violated)

    def test_poisson_train_has_one_half(self) -> None:
        train = np.unique(np.cumsum(np.random.default_rng(2).exponential(8000, 200_000)).astype(int))

        found = numbers(train, duration_s=float(train[-1]) / RATE)

        assert found["isi_violation_ratio"] == pytest.approx(0.5, rel=0.1)

    @pytest.mark.parametrize("train", [[], [500]])
    def test_without_interval_nothing_is_said(self, train: list[int]) -> None:
        found = compute(train)

        for name in ("isi_violation_fraction", "isi_violation_ratio"):
            assert math.isnan(found.units[name][0])
            assert found.reasons_for("unit_001")[name] == "no inter-spike interval"


class TestPresence:
    def test_fraction_of_complete_minutes(self) -> None:
        # Given 5.5 minutes; spikes in minutes 0, 2 and in the incomplete sixth
        found = numbers([10, 20, 150 * S, 320 * S], duration_s=330.0)

        assert found["presence_ratio"] == 2 / 5

    @pytest.mark.parametrize(("duration_s", "known"), [(179.0, False), (180.0, True)])
    def test_missing_below_three_minutes(self, duration_s: float, known: bool) -> None:
        found = compute([10], duration_s=duration_s)

        assert math.isnan(found.units["presence_ratio"][0]) is not known
        assert ("presence_ratio" in found.reasons_for("unit_001")) is not known

    def test_silent_unit_is_never_present(self) -> None:
        assert numbers([])["presence_ratio"] == 0


class TestAmplitudeCutoff:
    def test_missing_without_amplitudes_and_with_few(self) -> None:
        assert "gives no amplitudes" in compute([5]).reasons_for("unit_001")["amplitude_cutoff"]
        few = compute([5], spike_amplitudes=np.ones(499))
        assert "fewer than 500" in few.reasons_for("unit_001")["amplitude_cutoff"]

    def test_whole_gaussian_misses_nothing(self) -> None:
        amplitudes = np.random.default_rng(0).normal(100, 10, 50_000)

        assert spike_train.amplitude_cutoff(amplitudes) < 0.005

    @pytest.mark.parametrize("z", [-2.0, -1.5])
    def test_truncated_gaussian_misses_its_tail(self, z: float) -> None:
        amplitudes = np.random.default_rng(0).normal(100, 10, 100_000)
        missing = 0.5 * (1 + math.erf(z / math.sqrt(2)))

        estimate = spike_train.amplitude_cutoff(amplitudes[amplitudes > 100 + 10 * z])

        # The smoothing blunts the sharp edge.
        assert estimate == pytest.approx(missing, abs=0.03)

    def test_sign_of_the_amplitudes_does_not_matter(self) -> None:
        amplitudes = np.random.default_rng(0).gamma(5, 10, 5000)

        assert spike_train.amplitude_cutoff(-amplitudes) == spike_train.amplitude_cutoff(amplitudes)

    def test_equal_amplitudes_and_half_a_peak(self) -> None:
        assert spike_train.amplitude_cutoff(np.full(600, 3.0)) == 0
        assert spike_train.amplitude_cutoff(np.random.default_rng(0).exponential(1, 5000) + 1) <= 0.5


def test_unit_order_only_permutes() -> None:
    rng = np.random.default_rng(3)
    trains = [np.sort(rng.integers(0, 300 * S, n)) for n in (0, 1, 30, 500)]

    forward, backward = compute(*trains), compute(*trains[::-1])

    for name, values in forward.units.items():
        np.testing.assert_array_equal(values, backward.units[name][::-1])


def test_parameters_are_checked() -> None:
    from hdmea.utils.exceptions import ConfigurationError

    with pytest.raises(ConfigurationError, match="refractory_ms"):
        baseline.make_params({"refractory_ms": -1})
    with pytest.raises(ConfigurationError, match=r"refractory.*known are section, rate_bin_s"):
        baseline.make_params({"refractory": 1})


def test_every_number_is_declared_within_its_range() -> None:
    train = np.unique(np.cumsum(np.random.default_rng(2).exponential(3000, 2000)).astype(int))
    found = numbers(train, spike_amplitudes=np.random.default_rng(0).normal(50, 9, 2000))

    for output in baseline.outputs:
        low, high = output.range
        assert found[output.name] >= (-math.inf if low is None else low)
        assert found[output.name] <= (math.inf if high is None else high)
        assert output.definition
