"""Intervals that hold the truth, corrections for many tests, and numbers that need a ticket."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hdmea.features.science.confidence import angle_limits, fieller_limits, index_limits, length_limits
from hdmea.features.science.multiple_testing import benjamini_hochberg, holm
from hdmea.features.science.tickets import Withheld, granted

N = 2000


class TestLengthLimits:
    @pytest.mark.parametrize("truth", [0.5, 1.0, 2.0, 4.0, 8.0, 40.0])
    @pytest.mark.parametrize("n", [3, 10])
    def test_they_hold_the_true_length(self, truth: float, n: int) -> None:
        rng = np.random.default_rng(1)
        noise = rng.normal(size=(N, n)) + 1j * rng.normal(size=(N, n))
        trials = truth + noise * np.sqrt(n)
        mean = trials.mean(axis=1)
        se = np.sqrt((np.abs(trials - mean[:, None]) ** 2).sum(axis=1) / (2 * n * (n - 1)))

        low, high = length_limits(np.abs(mean), se, 2 * (n - 1))

        assert 0.93 <= ((low <= truth) & (truth <= high)).mean() <= 0.97

    def test_of_no_response_the_lower_limit_is_0(self) -> None:
        rng = np.random.default_rng(2)
        length = np.abs(rng.normal(size=N) + 1j * rng.normal(size=N))

        low, _ = length_limits(length, 1.0, 1e6)

        assert (low > 0).mean() == pytest.approx(0.025, abs=0.012)

    def test_long_vectors_have_the_limits_of_a_mean(self) -> None:
        low, high = length_limits(1000.0, 2.0, 7)

        t = stats.t.ppf(0.975, 7)
        assert low == pytest.approx(1000 - 2 * t, rel=1e-4)
        assert high == pytest.approx(1000 + 2 * t, rel=1e-4)

    def test_without_error_the_length_is_known_and_without_degrees_nothing_is(self) -> None:
        assert length_limits(3.0, 0.0, 4) == (3.0, 3.0)
        assert np.isnan(length_limits(3.0, 1.0, 0)).all()
        assert np.isnan(length_limits(np.nan, 1.0, 4)).all()


class TestIndexLimits:
    @pytest.mark.parametrize("truth", [0.0, 0.1, 0.3, 0.8])
    def test_they_hold_the_true_quotient(self, truth: float) -> None:
        rng = np.random.default_rng(3)
        total = 100 + 8 * rng.normal(size=N)
        vector = truth * 100 + 6 * rng.normal(size=N) + 6j * rng.normal(size=N)

        low, high = index_limits(
            np.abs(vector), total, var_length=36.0, var_total=64.0, covariance=0.0, degrees=200
        )

        assert 0.93 <= ((low <= truth) & (truth <= high)).mean() <= 0.985
        assert ((low >= 0) & (high <= 1) & (low <= high)).all()

    def test_a_sum_that_is_not_positive_has_none(self) -> None:
        low, high = index_limits(1.0, -2.0, var_length=1.0, var_total=1.0, covariance=0.0, degrees=9)

        assert np.isnan([low, high]).all()


class TestFieller:
    def test_they_hold_the_true_quotient(self) -> None:
        rng = np.random.default_rng(4)
        a, b = 30 + 3 * rng.normal(size=N), 20 + 4 * rng.normal(size=N)

        low, high = fieller_limits(a, b, var_a=9.0, var_b=16.0, degrees=1e6)

        assert ((low <= 1.5) & (1.5 <= high)).mean() == pytest.approx(0.95, abs=0.015)

    def test_a_divisor_that_may_be_0_leaves_everything_open(self) -> None:
        assert fieller_limits(1.0, 0.5, var_a=1.0, var_b=1.0, degrees=10) == (-np.inf, np.inf)
        assert np.isnan(fieller_limits(np.nan, 1.0, var_a=1.0, var_b=0.1, degrees=10)).all()


class TestAngles:
    @pytest.mark.parametrize("length", [0.0, 1.0, 2.0, 3.0, 6.0, 30.0])
    def test_they_hold_the_true_angle(self, length: float) -> None:
        rng = np.random.default_rng(5)
        vector = length + rng.normal(size=N) + 1j * rng.normal(size=N)
        angle = np.rad2deg(np.angle(vector))

        low, high = angle_limits(angle, np.abs(vector), 1.0, 1e6)

        assert 0.93 <= ((low <= 0) & (0 <= high)).mean() <= 0.985

    def test_an_axis_has_half_the_angle(self) -> None:
        whole, axis = angle_limits(90.0, 10.0, 1.0, 9), angle_limits(90.0, 10.0, 1.0, 9, period_deg=180.0)

        assert axis[1] - 90 == pytest.approx((whole[1] - 90) / 2)


class TestManyTests:
    def test_q_is_that_of_scipy(self) -> None:
        p = np.random.default_rng(6).random(40) ** 2

        np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))

    def test_units_without_a_test_do_not_count(self) -> None:
        q = benjamini_hochberg([0.01, np.nan, 0.04])

        assert q[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
        assert np.isnan(q[1])
        assert np.isnan(benjamini_hochberg([np.nan])).all()

    def test_holm_steps_down(self) -> None:
        found = holm([[0.01, 0.04, 0.03, np.nan], [0.5, 0.9, 0.6, 0.2]])

        np.testing.assert_allclose(found[0], [0.03, 0.06, 0.06, np.nan])
        np.testing.assert_allclose(found[1], [1.0, 1.0, 1.0, 0.8])


class TestTickets:
    def test_p_decides_and_1_gives_everything(self) -> None:
        assert granted([0.01, 0.02, np.nan], 0.01).tolist() == [True, False, False]
        assert granted([0.01, 0.02, np.nan], 1).all()

    def test_the_first_reason_stays(self) -> None:
        columns = {"a": np.array([1, 2, 3]), "b": np.ones((3, 2))}
        withheld = Withheld(["x", "y", "z"])

        withheld.hide(columns, ["a", "b"], np.array([True, False, True]), "silent")
        withheld.hide(columns, ["a"], np.array([True, False, False]), ["", "late", "late"])
        columns["b"][0] = np.nan
        withheld.explain(columns, {"b": "flat"})

        np.testing.assert_array_equal(columns["a"], [1, np.nan, np.nan])
        assert withheld.reasons == {"a": {"y": "silent", "z": "late"}, "b": {"y": "silent", "x": "flat"}}
