"""Receptive fields: analytic averages with known place, size, sign and time course, laws, sample."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize

from hdmea.features.science.receptive_field_models import MODELS, MapFit, _Problem, fit_map, flat_bic
from hdmea.features.science.rf_geometry import ReceptiveField, biphasic_index, rf_geometry
from hdmea.features.science.rf_model_kernels import minimize
from hdmea.utils.exceptions import ValidationError

COVER = (-60, 0)
FRAME_S = 1 / 60


def gaussian(
    shape: tuple[int, int], x: float, y: float, major: float, minor: float, orientation_deg: float = 0.0
) -> NDArray[np.float64]:
    """Height 1; orientation counted from x towards smaller y."""
    row, col = np.indices(shape)
    angle = math.radians(orientation_deg)
    along = (col - x) * math.cos(angle) - (row - y) * math.sin(angle)
    across = (col - x) * math.sin(angle) + (row - y) * math.cos(angle)
    return np.exp(-0.5 * ((along / major) ** 2 + (across / minor) ** 2))


def course(peak_frame: float = 56.0, second: float = 0.0) -> NDArray[np.float64]:
    """(60,) height 1 at the peak frame, and an earlier phase of the other sign."""
    frame = np.arange(60)
    return np.exp(-0.5 * ((frame - peak_frame) / 2) ** 2) - second * np.exp(-0.5 * ((frame - 46) / 3) ** 2)


def average(field: NDArray[np.float64], time: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    time = course() if time is None else time
    return np.asarray(127.5 + time[:, None, None] * field, np.float32)


def measure(sta: NDArray[Any]) -> ReceptiveField:
    return rf_geometry(sta, COVER, FRAME_S)


def fitted(found: ReceptiveField, model: str) -> MapFit:
    fit = found.fits[model]
    assert fit is not None
    return fit


class TestGaussian:
    @pytest.mark.parametrize("sign", [1.0, -1.0])
    @pytest.mark.parametrize(("x", "y", "sigma"), [(7.2, 10.1, 1.06), (3.4, 4.0, 0.7), (8.0, 6.5, 2.5)])
    def test_known_field_is_recovered(self, sign: float, x: float, y: float, sigma: float) -> None:
        found = measure(average(sign * 60 * gaussian((15, 15), x, y, sigma, sigma)))

        (shape,) = fitted(found, "gaussian").shapes
        assert (shape.x, shape.y) == pytest.approx((x, y), abs=1e-3)
        assert (shape.sigma_major, shape.sigma_minor) == pytest.approx((sigma, sigma), abs=2e-3)
        assert shape.amplitude == pytest.approx(60 * sign, rel=1e-2)
        assert found.polarity == sign
        assert fitted(found, "gaussian").r2 > 0.999

    def test_sigma_of_1_06_does_not_read_1_84_in_noise(self) -> None:
        rng = np.random.default_rng(11)
        clean = average(60 * gaussian((15, 15), 7.2, 6.1, 1.06, 1.06))
        sizes = []
        for _ in range(30):
            (shape,) = fitted(measure(clean + rng.normal(0, 4, clean.shape)), "gaussian").shapes
            sizes.append(math.sqrt(shape.sigma_major * shape.sigma_minor))

        assert np.mean(sizes) == pytest.approx(1.06, abs=0.03)
        assert max(sizes) < 1.3

    @pytest.mark.parametrize("orientation", [0.0, 30.0, 90.0, 145.0])
    def test_orientation_of_the_major_axis(self, orientation: float) -> None:
        found = measure(average(50 * gaussian((21, 21), 10.3, 9.6, 2.4, 1.1, orientation)))

        (shape,) = fitted(found, "gaussian").shapes
        assert (shape.sigma_major, shape.sigma_minor) == pytest.approx((2.4, 1.1), abs=1e-2)
        assert (shape.orientation_deg - orientation + 90) % 180 - 90 == pytest.approx(0, abs=0.5)
        assert found.center is not None
        assert found.center.area == pytest.approx(math.pi * 2.4 * 1.1, rel=0.01)


class TestOtherModels:
    def test_surround_is_found_and_chosen(self) -> None:
        field = 60 * gaussian((21, 21), 10, 10, 1.2, 1.2) - 12 * gaussian((21, 21), 10, 10, 3.5, 3.5)

        found = measure(average(field) + np.random.default_rng(0).normal(0, 0.5, (60, 21, 21)))

        assert found.model == "dog"
        center, surround = fitted(found, "dog").shapes
        assert center.sigma_major == pytest.approx(1.2, rel=0.05)
        assert surround.sigma_major == pytest.approx(3.5, rel=0.1)
        assert (center.amplitude, surround.amplitude) == pytest.approx((60, -12), rel=0.1)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_separate_on_and_off_fields(self, sign: float) -> None:
        strong, weak = gaussian((21, 21), 8, 10, 1.3, 1.3), gaussian((21, 21), 12, 11, 1.0, 1.0)

        found = measure(
            average(sign * (60 * strong - 35 * weak)) + np.random.default_rng(0).normal(0, 1, (60, 21, 21))
        )

        assert found.model == "on_off"
        on, off = fitted(found, "on_off").shapes
        assert on.amplitude > 0 > off.amplitude
        places = ((on.x, on.y), (off.x, off.y))
        expected = ((8, 10), (12, 11)) if sign > 0 else ((12, 11), (8, 10))
        np.testing.assert_allclose(places, expected, atol=0.1)
        assert found.center is not None
        assert found.center.x == pytest.approx(8, abs=0.1)

    def test_gaussian_is_chosen_when_there_is_nothing_more(self) -> None:
        rng = np.random.default_rng(3)
        clean = gaussian((15, 15), 7.2, 6.1, 1.06, 1.06)
        chosen = []
        for _ in range(20):
            field = clean + rng.normal(0, 0.1, clean.shape)
            fits = {model: fit_map(field, (6, 7), model) for model in MODELS}
            bic = {"none": flat_bic(field, (6, 7)), **{m: f.bic for m, f in fits.items() if f is not None}}
            chosen.append(min(bic, key=lambda model: bic[model]))

        assert chosen.count("gaussian") >= 18

    def test_noise_has_no_field(self) -> None:
        rng = np.random.default_rng(8)
        found = [measure(rng.normal(127.5, 4, (60, 15, 15))) for _ in range(20)]

        assert sum(field.model == "none" for field in found) >= 19


class TestTimeCourse:
    @pytest.mark.parametrize("frame", [50, 55, 57])
    def test_latency_is_the_time_from_the_peak_frame_to_the_spike(self, frame: int) -> None:
        found = measure(average(40 * gaussian((15, 15), 7, 7, 1, 1), course(frame)))

        assert found.latency_ms == pytest.approx((60 - frame) * 1000 / 60)
        assert found.time_course.shape == (60,)

    def test_latency_uses_the_true_frame_duration(self) -> None:
        sta = average(40 * gaussian((15, 15), 7, 7, 1, 1), course(56))

        assert rf_geometry(sta, COVER, 1 / 59.94).latency_ms == pytest.approx(4000 / 59.94)

    @pytest.mark.parametrize("second", [0.0, 0.3, 0.8])
    def test_biphasic_index_is_the_ratio_of_the_phases(self, second: float) -> None:
        found = measure(average(40 * gaussian((15, 15), 7, 7, 1, 1), course(56, second)))

        assert found.biphasic_index == pytest.approx(second, abs=0.03)

    def test_biphasic_index_of_one_phase_is_zero(self) -> None:
        assert biphasic_index(np.array([0.0, 1.0, 3.0, 1.0])) == 0


class TestLaws:
    @settings(max_examples=10)
    @given(st.integers(-4, 4), st.integers(-4, 4))
    def test_moves_with_the_field(self, right: int, down: int) -> None:
        one = measure(average(50 * gaussian((25, 25), 12.3, 11.8, 1.5, 1.0, 20)))
        other = measure(average(50 * gaussian((25, 25), 12.3 + right, 11.8 + down, 1.5, 1.0, 20)))

        assert one.center is not None
        assert other.center is not None
        assert other.center.x - one.center.x == pytest.approx(right, abs=1e-3)
        assert other.center.y - one.center.y == pytest.approx(down, abs=1e-3)
        assert other.center.sigma_major == pytest.approx(one.center.sigma_major, abs=1e-3)

    @settings(max_examples=10)
    @given(st.integers(0, 1000))
    def test_flipping_the_sign_exchanges_on_and_off(self, seed: int) -> None:
        sta = average(60 * gaussian((15, 15), 7.2, 6.1, 1.4, 1.0, 40)).astype(np.float64)
        sta += np.random.default_rng(seed).normal(0, 4, sta.shape)

        one, other = measure(sta), measure(255 - sta)

        assert (one.polarity, other.polarity) == (1, -1)
        (plus,), (minus,) = fitted(one, "gaussian").shapes, fitted(other, "gaussian").shapes
        assert minus.amplitude == pytest.approx(-plus.amplitude, rel=1e-6)
        assert (minus.x, minus.sigma_major) == pytest.approx((plus.x, plus.sigma_major), rel=1e-6)
        assert other.biphasic_index == pytest.approx(one.biphasic_index, rel=1e-6)


class TestLimits:
    def test_no_spike_is_nan_with_the_reason(self) -> None:
        found = measure(np.full((60, 4, 5), np.nan, np.float32))

        assert math.isnan(found.latency_ms)
        assert found.spatial_map.shape == (4, 5)
        assert "no spike" in found.reason

    def test_flat_average_is_nan_with_the_reason(self) -> None:
        assert "flat" in measure(np.full((60, 4, 5), 127.5)).reason

    def test_window_that_is_not_the_averages_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="shape"):
            rf_geometry(np.zeros((30, 4, 4)), COVER, FRAME_S)

    def test_map_with_fewer_pixels_than_parameters_has_no_fit(self) -> None:
        assert fit_map(np.eye(2), (0, 0), "gaussian") is None


def test_sample_fields_are_where_they_were_put(sample_averages: Any, shared_data: Path) -> None:
    truth = np.load(shared_data / "sample" / "sample_truth.npz")
    sizes = []
    for unit in np.flatnonzero(truth["has_rf"]):
        found = measure(sample_averages[unit])
        assert found.polarity == truth["rf_polarity"][unit]
        assert found.model == "gaussian"
        assert found.center is not None
        assert np.hypot(*(np.array([found.center.x, found.center.y]) - truth["rf_xy"][unit])) < 0.3
        sizes.append(
            math.sqrt(found.center.sigma_major * found.center.sigma_minor) / truth["rf_sigma_px"][unit]
        )
    assert np.mean(sizes) == pytest.approx(1, abs=0.08)
    assert np.max(np.abs(np.array(sizes) - 1)) < 0.15


def test_sample_controls_have_none(sample_averages: Any) -> None:
    assert [measure(sample_averages[unit]).model for unit in (10, 11, 12, 13)] == ["none"] * 4


class TestAgainstScipy:
    """`scipy.optimize.least_squares` from the same start, with derivatives that it takes itself."""

    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("seed", range(4))
    def test_no_fit_is_worse_and_the_same_minimum_has_the_same_place(self, model: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        row, col = np.indices((15, 15))
        shape = np.exp(-0.5 * (((col - 7.3) / 1.9) ** 2 + ((row - 6.6) / 1.4) ** 2))
        around = np.exp(-0.5 * (((col - 7.3) / 3.5) ** 2 + ((row - 6.6) / 3.5) ** 2))
        upright = shape - (0.3 * around if seed % 2 else 0.0) + rng.normal(0, 0.05, shape.shape)
        problem = _Problem(upright / np.abs(upright).max(), (7, 7), model)

        found = problem.start.copy()
        cost = minimize(problem.target, 15, problem.kind, *problem.bounds, 300, found)
        theirs = optimize.least_squares(
            lambda p: problem.evaluate(p)[0],
            problem.start,
            "3-point",
            problem.bounds,
            ftol=1e-5,
            x_scale="jac",
        )

        assert cost <= 2 * theirs.cost * (1 + 1e-9)
        if cost >= 2 * theirs.cost * (1 - 1e-9):
            np.testing.assert_allclose(found[1:3], theirs.x[1:3], rtol=0, atol=1e-3)

    @pytest.mark.parametrize("model", MODELS)
    def test_derivatives_are_those_of_the_model(self, model: str) -> None:
        problem = _Problem(np.random.default_rng(0).normal(size=(9, 11)), (4, 5), model)
        p = problem.start + 0.1
        _, jacobian = problem.evaluate(p)
        for index in range(p.size):
            step = np.zeros(p.size)
            step[index] = 1e-6
            slope = (problem.evaluate(p + step)[0] - problem.evaluate(p - step)[0]) / 2e-6
            np.testing.assert_allclose(jacobian[:, index], slope, rtol=0, atol=1e-7)
