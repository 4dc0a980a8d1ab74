"""Light steps: transients, latency, sustained part, indices; the features on_off and green_blue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmea.features.extractors.green_blue import green_blue
from hdmea.features.extractors.on_off import on_off, suppression_p
from hdmea.features.science.repeatability import without_drift
from hdmea.features.science.step_response import (
    baseline_of,
    contrast_index,
    rectified_index,
    step_response,
    transience,
)
from hdmea.features.science.trial_rates import Lowpass, TrialRates
from tests.features.movies import movie_recording

STEP, COLOURS = "step_up_5s_5i_b0_3x", "green_blue_3s_3i_3x"
DT = 1 / 60


def rates_of(trace: np.ndarray, n_trials: int = 3) -> TrialRates:
    """Trials that all have exactly this rate."""
    rates = np.repeat(np.asarray(trace, float)[None, None], n_trials, axis=1)
    lowpass = Lowpass(60.0)
    spike = 60.0 / n_trials
    return TrialRates(
        np.round(rates * DT).astype(int),
        rates.astype(np.float32),
        lowpass(rates),
        DT,
        spike,
        spike * lowpass.pulse_height,
    )


def gauss(centre: float, height: float, width: float = 4.0) -> np.ndarray:
    return height * np.exp(-0.5 * ((np.arange(600) - centre) / width) ** 2)


def respond(trace: np.ndarray, start: int = 60, stop: int = 360) -> Any:
    trials = rates_of(trace)
    return step_response(trials, baseline_of(trials, 0, 60), start, stop)


class TestTransient:
    @pytest.mark.parametrize("height", [90.0, -29.0])
    def test_peak_or_dip_is_found_with_its_sign_and_time(self, height: float) -> None:
        found = respond(30 + gauss(72, height))

        filtered = Lowpass(60.0)(gauss(72, height))
        assert found.transient[0] == pytest.approx(filtered[72], abs=0.1)
        assert found.transient_time_ms[0] == pytest.approx((12 + 0.5) * 1000 / 60)
        assert found.responds[0]

    def test_sustained_response_that_decays_after_light_off_is_no_off_response(self) -> None:
        trace = np.full(600, 2.0)
        trace[65:365] = 42
        trace[365:] = 2 + 40 * np.exp(-np.arange(235) / 8)

        found = respond(trace, 360, 600)

        assert found.transient[0] <= 0
        assert np.isnan(found.latency_ms[0]) or found.transient[0] < 0
        assert not found.responds[0]

    def test_constant_rate_has_no_transient(self) -> None:
        found = respond(np.full(600, 12.5))

        assert found.transient[0] == 0
        assert np.isnan(found.transient_time_ms[0])
        assert np.isnan(found.latency_ms[0])
        assert found.sustained[0] == pytest.approx(0, abs=1e-5)
        assert np.isnan(transience(found)[0])

    def test_one_spike_is_no_response(self) -> None:
        trace = np.zeros(600)
        trace[75] = 20.0  # one spike of one of three trials

        found = respond(trace)

        assert not found.responds[0]
        assert np.isnan(found.latency_ms[0])

    def test_extremum_on_the_edge_of_the_window_does_not_count(self) -> None:
        assert respond(gauss(121, 80, 1.0)).transient[0] == 0
        assert respond(gauss(60, 80, 0.6)).transient[0] == 0

    def test_sustained_is_the_mean_of_the_last_second(self) -> None:
        trace = np.full(600, 4.0)
        trace[300:360] = 10
        trace[150:300] = 99

        assert respond(trace).sustained[0] == pytest.approx(6)


class TestLatency:
    @pytest.mark.parametrize("frames", [0, 3, 7])
    def test_first_of_two_frames_beyond_the_band(self, frames: int) -> None:
        trace = np.zeros(600)
        trace[60 + frames : 75 + frames] = 60

        assert respond(trace).latency_ms[0] == pytest.approx(frames * 1000 / 60)

    def test_a_single_frame_does_not_begin_a_response(self) -> None:
        trace = np.zeros(600)
        trace[62] = 60
        trace[68:80] = 60

        assert respond(trace).latency_ms[0] == pytest.approx(8 * 1000 / 60)

    def test_it_is_not_before_the_cause_although_the_filter_is(self) -> None:
        trace = np.zeros(600)
        trace[60:75] = 90

        assert Lowpass(60.0)(trace)[57] > 5
        assert respond(trace).latency_ms[0] == 0

    def test_activity_from_before_the_step_is_no_response_to_it(self) -> None:
        trace = np.zeros(600)
        trace[300:364] = 30
        trace[372:384] = 90

        assert respond(trace, 360, 600).latency_ms[0] == pytest.approx(12 * 1000 / 60)


class TestIndices:
    def test_rules_for_zero(self) -> None:
        a, b = np.array([5.0, 0, 0, -3, -2]), np.array([0.0, 5, 0, -1, 4])

        np.testing.assert_array_equal(rectified_index(a, b), [1, -1, np.nan, np.nan, -1])
        np.testing.assert_array_equal(contrast_index(a, b), [1, -1, np.nan, -0.5, -1])

    @given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.01, 50))
    def test_range_antisymmetry_and_scale(self, a: float, b: float, scale: float) -> None:
        x, y = np.array([a]), np.array([b])
        for index in (rectified_index, contrast_index):
            value = index(x, y)
            if np.isnan(value[0]):
                continue
            assert abs(value[0]) <= 1
            np.testing.assert_allclose(index(y, x), -value)
            if min(abs(a), abs(b)) > 1e-100:
                np.testing.assert_allclose(index(scale * x, scale * y), value, atol=1e-12)

    def test_suppression_p_is_that_of_shifted_trials(self) -> None:
        fires = np.random.default_rng(2).poisson(0.3, (2, 3, 60))
        before = np.zeros(60, bool)
        before[40:] = before[:10] = True
        light = np.zeros(60, bool)
        light[10:40] = True
        shifts = np.random.default_rng(7).integers(0, 60, (150, 3))

        def difference(trials: np.ndarray) -> float:
            return float(sum(t[light].mean() - t[before].mean() for t in trials))

        for unit, p in zip(fires, suppression_p(fires, (10, 40), before, n_shifts=150, seed=7), strict=True):
            steady = without_drift(unit[None])[0]
            null = [difference([np.roll(t, -k) for t, k in zip(steady, row, strict=True)]) for row in shifts]
            assert p == pytest.approx((1 + np.sum(np.array(null) <= difference(steady) + 1e-9)) / 151)

    def test_suppression_needs_spikes_and_three_trials(self) -> None:
        before = np.arange(60) >= 40

        assert np.isnan(suppression_p(np.zeros((1, 3, 60), int), (10, 40), before)).all()
        assert np.isnan(suppression_p(np.ones((1, 2, 60), int), (10, 40), before)).all()

    def test_bursts_are_no_suppression(self) -> None:
        rng = np.random.default_rng(3)
        fires = np.zeros((400, 3, 600), int)
        for unit, trial in np.ndindex(400, 3):
            at = rng.integers(0, 600, rng.poisson(12))
            np.add.at(fires[unit, trial], at, 8)
        before = np.arange(600) >= 420

        p = suppression_p(fires, (60, 360), before, n_shifts=500)

        assert (p <= 0.05).mean() <= 0.08
        assert (p <= 0.01).mean() <= 0.03


def counts(rate: np.ndarray, n_units: int, n_trials: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rate / 60, (n_units, n_trials, rate.size))


class TestOnOff:
    def test_on_and_off_cells(self) -> None:
        trace = 1.0 + np.stack((gauss(72, 90), gauss(372, 90), gauss(72, 90) + gauss(372, 90)))
        units = np.concatenate([counts(t, 20, 3, k) for k, t in enumerate(trace)])

        found = on_off.compute(movie_recording(STEP, units)).units

        on, off, both = np.split(np.arange(60), 3)
        assert np.nanmedian(found["on_off_index"][on]) > 0.8
        assert np.nanmedian(found["on_off_index"][off]) < -0.8
        assert abs(np.mean(found["on_off_index"][both])) < 0.15
        low, high = found["on_off_index_low"], found["on_off_index_high"]
        assert ((low <= 0) & (0 <= high))[both].mean() > 0.85
        known = np.isfinite(found["on_off_index"])
        assert (low <= found["on_off_index"])[known].all()
        assert (found["on_off_index"] <= high)[known].all()
        assert found["on_response"][on].mean() >= 0.85
        assert found["off_response"][off].mean() >= 0.85
        assert (found["on_response"] & found["off_response"])[both].mean() >= 0.8
        assert found["off_response"][on].mean() <= 0.05
        assert np.isnan(found["off_latency"][~found["off_response"]]).all()
        assert np.nanmedian(found["on_transient_time"][on]) == pytest.approx(12.5 * 1000 / 60, abs=20)
        assert (found["quality_p"] < 0.01).all()

    @pytest.mark.parametrize("rate", [0.3, 3.0, 30.0])
    def test_poisson_units_seldom_respond(self, rate: float) -> None:
        found = on_off.compute(movie_recording(STEP, counts(np.full(600, rate), 200, 3))).units

        assert (found["on_response"] | found["off_response"]).mean() <= 0.01

    def test_suppression(self) -> None:
        rate = np.full(600, 25.0)
        rate[64:364] = 2
        found = on_off.compute(movie_recording(STEP, counts(rate, 20, 3))).units

        assert (found["suppression_p"] <= 0.01).all()
        assert np.median(found["suppression_index"]) == pytest.approx(-23 / 27, abs=0.1)

    @pytest.mark.parametrize("decay_s", [0.1, 0.3, 1.0])
    def test_a_sustained_response_that_decays_has_no_off_response(self, decay_s: float) -> None:
        t = np.arange(600) / 60
        rate = np.where((t > 1.05) & (t < 6.08), 60.0, 0.0)
        rate = np.where(t >= 6.08, 60 * np.exp(-(t - 6.08) / decay_s), rate)

        found = on_off.compute(movie_recording("step_up_5s_5i_b0_30x", counts(rate, 150, 30))).units

        assert found["off_response"].mean() <= 0.02

    def test_a_unit_that_does_not_respond_has_no_index(self) -> None:
        units = counts(np.full(600, 20.0), 3, 3, seed=4)

        table = on_off.compute(movie_recording(STEP, units))
        everything = on_off.compute(movie_recording(STEP, units), on_off.make_params({"alpha": 1})).units

        for name in ("on_off_index", "on_latency", "on_transience", "suppression_index"):
            assert np.isnan(table.units[name]).all()
            assert "respon" in table.reasons_for("unit_001")[name]
        assert np.isfinite(table.units["suppression_p"]).all()
        assert np.isfinite(everything["suppression_index"]).all()

    def test_silent_unit_is_nan_with_reasons(self) -> None:
        table = on_off.compute(movie_recording(STEP, np.zeros((1, 3, 600), int)))

        assert np.isnan(table.units["on_off_index"][0])
        assert table.units["on_transient"][0] == 0
        assert not table.units["on_response"][0]
        reasons = table.reasons_for("unit_001")
        for name, values in table.units.items():
            if np.asarray(values).dtype.kind == "f" and np.isnan(values[0]).any():
                assert reasons[name]

    def test_trial_rates_are_counts_by_duration(self) -> None:
        units = counts(np.full(600, 20.0), 2, 3)

        found = on_off.compute(movie_recording(STEP, units)).units

        np.testing.assert_allclose(found["trial_rates"], units * np.float32(60), rtol=1e-6)

    @given(shift=st.integers(0, 10**6), order=st.permutations(range(4)))
    @settings(max_examples=8)
    def test_time_and_order_of_units_do_not_matter(self, shift: int, order: list[int]) -> None:
        units = counts(5 + gauss(75, 60), 4, 3)

        plain = on_off.compute(movie_recording(STEP, units)).units
        moved = on_off.compute(movie_recording(STEP, units[order], shift_samples=shift)).units

        for name, values in plain.items():
            np.testing.assert_array_equal(np.asarray(moved[name]), np.asarray(values)[order])

    def test_one_trial_has_no_quality_but_responses(self) -> None:
        found = on_off.compute(movie_recording(STEP, counts(1 + gauss(72, 250, 8), 1, 1))).units

        assert np.isnan(found["quality_index"][0])
        assert np.isnan(found["quality_p"][0])
        assert found["on_response"][0]

    def test_longer_variant_is_found_by_its_kind(self) -> None:
        recording = movie_recording("step_up_5s_5i_b0_30x", counts(1 + gauss(72, 50), 3, 30))

        assert on_off.missing(recording) == []
        assert on_off.compute(recording).notes["movie"] == "step_up_5s_5i_b0_30x"


class TestGreenBlue:
    def trace(self, green_on: float, blue_on: float, base: float = 1.0) -> np.ndarray:
        frames = np.arange(720)
        bump = lambda at, h: h * np.exp(-0.5 * ((frames - at) / 4.0) ** 2)  # noqa: E731
        return np.maximum(base + bump(72, green_on) + bump(432, blue_on), 0)

    def test_index_compares_the_colours(self) -> None:
        units = np.concatenate(
            [
                counts(self.trace(90, 0), 10, 3),
                counts(self.trace(0, 90), 10, 3, 1),
                counts(self.trace(80, 80), 10, 3, 2),
            ]
        )

        found = green_blue.compute(movie_recording(COLOURS, units)).units

        index = found["chromatic_index_on"]
        assert np.median(index[:10]) > 0.8
        assert np.median(index[10:20]) < -0.8
        assert abs(np.mean(index[20:])) < 0.15
        assert found["green_on_response"][:10].all()
        assert not found["color_opponent"].any()

    def test_opposite_significant_signs_are_opponent(self) -> None:
        frames = np.arange(720)
        rate = np.full(720, 60.0)
        rate += 90 * np.exp(-0.5 * ((frames - 75) / 6) ** 2)
        rate -= 60 * np.exp(-0.5 * ((frames - 440) / 12.0) ** 2)

        found = green_blue.compute(movie_recording(COLOURS, counts(rate, 5, 12))).units

        assert found["color_opponent"].all()
        np.testing.assert_array_equal(found["chromatic_index_on"], 1)
