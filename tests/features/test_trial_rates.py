"""Trial rates, their low-pass, and how repeatable trials are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from hdmea.features.science.repeatability import (
    quality_index,
    quality_index_chance,
    repeatability_p,
    without_drift,
)
from hdmea.features.science.trial_rates import Lowpass, frame_counts, trial_rates
from hdmea.utils.exceptions import ValidationError

FRAMES = np.arange(3000) * 333
FS = 19_980.0


def poisson_trains(rng: np.random.Generator, n: int, per_frame: float) -> list[np.ndarray]:
    counts = rng.poisson(per_frame, (n, FRAMES.size - 1))
    return [np.repeat(FRAMES[:-1], c) + 100 for c in counts]


def test_a_spike_belongs_to_the_frame_that_began_last() -> None:
    train = [FRAMES[10], FRAMES[11] - 1, FRAMES[11], FRAMES[19] + 332, FRAMES[20]]

    (counts,) = frame_counts([train], FRAMES, 10, 20)

    assert counts.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_rate_is_count_by_the_frame_s_own_duration() -> None:
    frames = np.concatenate((np.arange(300) * 333, 300 * 333 + np.arange(300) * 400))
    train = np.sort(np.concatenate((frames[150:160] + 5, frames[400:410] + 5)))

    found = trial_rates([train], frames, [150, 400], 10, FS)

    assert found.rates.dtype == np.float32
    np.testing.assert_allclose(found.rates[0, 0], FS / 333, rtol=1e-6)
    np.testing.assert_allclose(found.rates[0, 1], FS / 400, rtol=1e-6)


def test_low_pass_is_that_of_the_whole_movie_without_edges() -> None:
    rng = np.random.default_rng(3)
    trains = poisson_trains(rng, 4, 0.5)
    starts = np.array([200, 700, 1200, 2500])

    found = trial_rates(trains, FRAMES, starts, 500 - 20, FS)

    whole = frame_counts(trains, FRAMES, 0, FRAMES.size - 1) * FS / 333
    sections = signal.bessel(5, 10, fs=60, norm="phase", output="sos")
    expected = signal.sosfiltfilt(sections, whole, axis=-1)
    for trial, start in enumerate(starts):
        np.testing.assert_allclose(found.filtered[:, trial], expected[:, start : start + 480], atol=1e-7)


@pytest.mark.parametrize(("hz", "gain"), [(0.5, 0.99646387), (1, 0.98590042), (2, 0.94431928)])
def test_gain_for_sines_is_the_published_one(hz: float, gain: float) -> None:
    t = np.arange(2400) / 60
    filtered = Lowpass(60.0)(np.exp(2j * np.pi * hz * t).real)

    fitted = 2 * np.abs(np.mean(filtered[600:1800] * np.exp(2j * np.pi * hz * t[600:1800])))
    assert fitted == pytest.approx(gain, abs=1e-6)


def test_filter_has_no_delay_and_its_pulse_height_is_the_floor() -> None:
    pulse = np.zeros(301)
    pulse[150] = 60.0
    lowpass = Lowpass(60.0)

    filtered = lowpass(pulse)

    assert filtered.argmax() == 150
    np.testing.assert_allclose(filtered, filtered[::-1], atol=1e-9)
    assert filtered.max() == pytest.approx(60 * lowpass.pulse_height)


def test_a_corner_above_half_the_frame_rate_leaves_rates_as_they_are() -> None:
    rates = np.random.default_rng(0).random((2, 50))

    np.testing.assert_array_equal(Lowpass(15.0)(rates), rates)


def test_trials_outside_the_recording_are_refused() -> None:
    with pytest.raises(ValidationError, match="outside"):
        trial_rates([np.array([5])], FRAMES, [2900], 200, FS)
    with pytest.raises(ValidationError, match="no trial"):
        trial_rates([np.array([5])], FRAMES, [], 200, FS)


class TestQuality:
    def test_equal_trials_have_quality_one_and_the_smallest_p(self) -> None:
        trial = np.random.default_rng(1).random(200)
        trials = np.stack([trial] * 4)[None]

        assert quality_index(trials)[0] == pytest.approx(1)
        assert repeatability_p(trials, 199)[0] == pytest.approx(1 / 200)

    def test_constant_trials_have_no_quality_and_p_one(self) -> None:
        trials = np.full((1, 3, 50), 7.3)

        assert np.isnan(quality_index(trials)[0])
        assert repeatability_p(trials)[0] == 1

    def test_one_trial_says_nothing(self) -> None:
        trials = np.random.default_rng(1).random((2, 1, 50))

        assert np.isnan(quality_index(trials)).all()
        assert np.isnan(repeatability_p(trials)).all()
        assert np.isnan(quality_index_chance(1))

    def test_chance_level_is_that_of_poisson_units(self) -> None:
        trials = np.random.default_rng(2).poisson(1.0, (400, 5, 300)).astype(float)

        assert quality_index(trials).mean() == pytest.approx(quality_index_chance(5), rel=0.02)

    def test_p_values_of_poisson_units_are_uniform(self) -> None:
        rng = np.random.default_rng(4)
        trials = Lowpass(60.0)(rng.poisson(0.2, (500, 3, 400)) * 60.0)

        assert stats.kstest(repeatability_p(trials, 500, seed=1), "uniform").pvalue > 0.01

    def test_p_equals_brute_force(self) -> None:
        trials = np.random.default_rng(5).random((3, 3, 40))
        shifts = np.random.default_rng(9).integers(0, 40, size=(150, 3))
        rolled = np.array(
            [
                [
                    np.mean([np.roll(t, s) for t, s in zip(unit, row, strict=True)], axis=0).var()
                    for row in shifts
                ]
                for unit in without_drift(trials)
            ]
        )
        expected = (
            1 + (rolled >= without_drift(trials).mean(axis=1).var(axis=-1)[:, None]).sum(axis=1)
        ) / 151

        np.testing.assert_allclose(repeatability_p(trials, 150, seed=9), expected)

    def test_a_run_down_is_no_repetition(self) -> None:
        rng = np.random.default_rng(8)
        level = np.linspace(1.0, 0.1, 3 * 400)
        trials = Lowpass(60.0)(rng.poisson(0.5 * level, (400, 1200)) * 60.0).reshape(400, 3, 400)

        p = repeatability_p(trials, 500)

        assert (p <= 0.05).mean() <= 0.08
        assert (p <= 0.01).mean() <= 0.03

    def test_a_linear_change_is_taken_out_and_the_means_stay(self) -> None:
        trials = (100 - 0.02 * np.arange(1200)).reshape(1, 3, 400)

        steady = without_drift(trials)

        np.testing.assert_allclose(steady, trials.mean(axis=-1, keepdims=True) + np.zeros(400), atol=1e-9)

    def test_no_spike_has_no_p(self) -> None:
        assert np.isnan(repeatability_p(np.zeros((1, 3, 50))))

    @given(st.floats(0.01, 1000), st.permutations(range(6)))
    @settings(max_examples=25, deadline=None)
    def test_scale_and_order_of_units_do_not_matter(self, scale: float, order: list[int]) -> None:
        trials = np.random.default_rng(6).random((6, 3, 60))

        np.testing.assert_allclose(quality_index(scale * trials[order]), quality_index(trials)[order])
        np.testing.assert_array_equal(
            repeatability_p(scale * trials[order], 100), repeatability_p(trials, 100)[order]
        )
