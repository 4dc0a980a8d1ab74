"""Drift, duplicates, contamination; the feature quality; marks of drifting units."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hdmea.features.extractors.on_off import on_off
from hdmea.features.extractors.quality import quality
from hdmea.features.science.drift import drift, drift_of_trials
from hdmea.features.science.duplicates import find_duplicates
from hdmea.features.science.spike_train import sliding_rp_contamination
from tests.features.movies import movie_recording
from tests.features.recordings import RATE, recording

T = np.arange(60.0)


class TestDrift:
    def test_a_line_is_found_with_its_change(self) -> None:
        rates = 10 - 5 * T / 60 + np.random.default_rng(0).normal(0, 0.5, (50, 60))

        found = drift(rates, T)

        assert np.median(found.change) == pytest.approx(-5 / 7.5, abs=0.05)
        assert ((found.low <= -5 / 7.5) & (-5 / 7.5 <= found.high)).mean() >= 0.85
        assert found.said().all()

    def test_independent_values_have_uniform_p(self) -> None:
        found = drift(np.random.default_rng(1).normal(10, 2, (400, 60)), T)

        assert (found.p <= 0.05).mean() <= 0.08
        assert (found.p <= 0.01).mean() <= 0.03

    def test_score_is_that_of_kendall(self) -> None:
        values = np.random.default_rng(2).permutation(20).astype(float)[None]

        found = drift(values, np.arange(20.0))

        tau = stats.kendalltau(np.arange(20), values[0]).statistic
        assert np.sign(found.change[0]) == np.sign(tau)
        slopes = [(values[0, j] - values[0, i]) / (j - i) for i in range(20) for j in range(i + 1, 20)]
        assert found.change[0] == pytest.approx(np.median(slopes) * 20 / values.mean())

    def test_a_rate_that_fluctuates_slowly_does_not_drift(self) -> None:
        rng = np.random.default_rng(3)
        x = np.zeros((300, 120))
        for k in range(1, 120):
            x[:, k] = 0.78 * x[:, k - 1] + rng.normal(size=300)

        plain = [stats.kendalltau(np.arange(120), row).pvalue for row in x]
        found = drift(10 + x, np.arange(120.0))

        assert np.mean(np.array(plain) <= 0.01) > 0.1
        assert (found.p <= 0.01).mean() <= 0.05

    def test_few_or_constant_values_have_none(self) -> None:
        assert np.isnan(drift(np.ones((1, 5)), np.arange(5.0)).p[0])
        assert np.isnan(drift(np.ones((1, 60)), T).p[0])

    @pytest.mark.parametrize("n_trials", [3, 10])
    def test_a_response_is_no_drift_but_a_run_down_is(self, n_trials: int) -> None:
        rng = np.random.default_rng(4)
        response = np.zeros(1200)
        response[60:360] = 0.6
        level = np.linspace(1, 0.3, n_trials * 1200).reshape(n_trials, 1200)
        steady = rng.poisson(0.2 + response, (60, n_trials, 1200))
        falling = rng.poisson((0.2 + response) * level, (60, n_trials, 1200))

        still, down = (
            drift_of_trials(counts, np.arange(n_trials) * 1200, 1 / 60).said() for counts in (steady, falling)
        )

        assert still.mean() <= 0.05
        assert down.mean() >= 0.9

    def test_the_feature_marks_what_drifts(self) -> None:
        level = np.linspace(1.0, 0.1, 30 * 600).reshape(30, 600)
        fires = np.stack((np.random.default_rng(5).poisson(level), np.full((30, 600), 1)))

        table = on_off.compute(movie_recording("step_up_5s_5i_b0_30x", fires))

        ((mark, cause),) = table.marks["unit_001"]
        assert mark == "drifts"
        assert "over the movie" in cause
        assert "unit_002" not in table.marks


class TestDuplicates:
    def trains(self) -> list[np.ndarray]:
        rng = np.random.default_rng(6)
        one = np.sort(rng.choice(600 * 20_000, 4000, replace=False))
        same = np.sort(rng.choice(one, 3000, replace=False)) + 8
        alone = np.sort(rng.choice(600 * 20_000, 6000, replace=False))
        return [one, same, alone, np.zeros(0, np.int64)]

    def test_the_same_cell_twice_is_found_from_both_sides(self) -> None:
        found = find_duplicates(self.trains(), 20_000.0, [None] * 4, [1, 2, 3, 4])

        assert found.partners == [[1], [0], [], []]
        assert found.fraction[:2] == pytest.approx([1, 1], abs=0.02)
        assert found.lag_ms[0] == pytest.approx(0.4, abs=0.31)
        assert found.lag_ms[1] == -found.lag_ms[0]
        assert found.fraction[2] == 0
        assert np.isnan(found.fraction[3])

    def test_chance_is_taken_off(self) -> None:
        rng = np.random.default_rng(7)
        fast = [np.sort(rng.choice(60 * 20_000, 30_000, replace=False)) for _ in range(3)]

        assert find_duplicates(fast, 20_000.0, [None] * 3, [1, 2, 3]).partners == [[], [], []]

    def test_a_part_that_is_shared_needs_the_same_image(self) -> None:
        rng = np.random.default_rng(8)
        one = np.sort(rng.choice(600 * 20_000, 4000, replace=False))
        part = np.sort(np.concatenate((one[::3], rng.choice(600 * 20_000, 2700, replace=False))))
        image = rng.normal(size=(10, 4, 4))

        same = find_duplicates([one, part], 20_000.0, [image, image * 0.8], [1, 2])
        other = find_duplicates([one, part], 20_000.0, [image, rng.normal(size=(10, 4, 4))], [1, 2])

        assert same.partners == [[1], [0]]
        assert same.cosine[0] == pytest.approx(1)
        assert other.partners == [[], []]
        assert other.fraction[0] == pytest.approx(0.33, abs=0.05)

    def test_many_at_once_are_synchronous(self) -> None:
        one = self.trains()[0]

        found = find_duplicates([one, one + 1, one - 1], 20_000.0, [None] * 3, [1, 2, 3])

        assert found.synchronous.all()
        assert found.partners == [[], [], []]


class TestContamination:
    def test_a_clean_unit_has_little_and_a_poisson_unit_none_that_is_excluded(self) -> None:
        rng = np.random.default_rng(9)
        clean = 0.01 + rng.exponential(0.05, 20_000)

        assert sliding_rp_contamination(clean, 20_000, clean.sum()) <= 0.02
        poisson = rng.exponential(0.05, 20_000)
        assert np.isnan(sliding_rp_contamination(poisson, 20_000, poisson.sum()))
        assert np.isnan(sliding_rp_contamination(np.zeros(0), 1, 10.0))


class TestFeature:
    def test_numbers_and_reasons(self) -> None:
        rng = np.random.default_rng(10)
        times = np.sort(rng.random(6000)) ** 2 * 300
        fading = np.round((300 - times[::-1]) * 0 + times * RATE).astype(int)
        twin = fading[::2] + 3

        table = quality.compute(recording(fading, twin, [], duration_s=300.0))

        found = table.units
        assert found["rate_drift"][0] < -0.5
        assert found["rate_drift_p"][0] <= 0.01
        assert found["likely_duplicate_of"] == ["unit_002", "unit_001", ""]
        assert found["presence_ratio"][0] == 1
        assert found["firing_range"][0] > 0
        assert np.isnan(found["image_snr"]).all()
        reasons = table.reasons_for("unit_003")
        for name, values in found.items():
            if np.asarray(values).dtype.kind == "f" and np.isnan(values[2]):
                assert any(name.startswith(part) for part in reasons), name

    def test_drift_of_amplitudes(self) -> None:
        rng = np.random.default_rng(11)
        spikes = np.sort(rng.choice(int(300 * RATE), 5000, replace=False))
        sizes = 100 - 40 * spikes / (300 * RATE) + rng.normal(0, 5, 5000)

        found = quality.compute(recording(spikes, duration_s=300.0, spike_amplitudes=sizes)).units

        assert found["amplitude_drift"][0] == pytest.approx(-0.5, abs=0.05)

    def test_more_violations_than_one_cell_can_have_are_missing(self) -> None:
        pairs = np.sort(np.concatenate((np.arange(200) * 20_000, np.arange(200) * 20_000 + 10)))

        table = quality.compute(recording(pairs, duration_s=300.0))

        assert np.isnan(table.units["isi_violation_ratio"][0])
        assert "not one cell" in table.reasons_for("unit_001")["isi_violation_ratio"]
