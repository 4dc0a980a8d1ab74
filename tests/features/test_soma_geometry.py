"""Soma geometry: analytic images with known centre and size, laws, and the sample's truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from hdmea.features.science.soma_geometry import smoothed_image, soma_geometry
from hdmea.utils.exceptions import ValidationError
from tests.features.images import PRE, soma_image


class TestKnownImages:
    def test_center_is_the_electrode_with_the_largest_signal(self) -> None:
        found = soma_geometry(soma_image((20, 24), (7, 15), sigma=1.5), PRE)

        assert (found.center_row, found.center_col) == (7, 15)
        assert found.reason == ""

    @pytest.mark.parametrize("sigma", [1.5, 2.5, 4.0])
    def test_extent_is_the_half_height_disc_of_the_smoothed_map(self, sigma: float) -> None:
        # Given a Gaussian footprint, which stays one when smoothed: sigma^2 + 1
        found = soma_geometry(soma_image((41, 41), (20, 20), sigma=sigma), PRE)

        radius = math.sqrt(2 * math.log(2) * (sigma**2 + 1))
        row, col = np.indices((41, 41)) - 20
        inside = np.hypot(row, col) < radius
        assert found.area == np.count_nonzero(inside)
        assert found.size_x == found.size_y == 2 * math.floor(radius) + 1
        assert found.equivalent_diameter == pytest.approx(2 * math.sqrt(inside.sum() / math.pi))

    def test_sizes_tell_columns_from_rows(self) -> None:
        image = soma_image((30, 30), (15, 15), sigma=1.0) + soma_image((30, 30), (15, 18), sigma=1.0)

        found = soma_geometry(image, PRE)

        assert found.size_x > found.size_y

    def test_a_second_soma_does_not_count(self) -> None:
        alone = soma_geometry(soma_image((30, 30), (8, 8), sigma=1.5), PRE)
        image = soma_image((30, 30), (8, 8), sigma=1.5) + 0.9 * soma_image((30, 30), (22, 22), sigma=1.5)

        found = soma_geometry(image, PRE)

        assert (found.center_row, found.center_col, found.area) == (8, 8, alone.area)

    def test_baseline_plays_no_part(self) -> None:
        image = soma_image((12, 12), (5, 6), sigma=1.2)
        offset = np.random.default_rng(1).normal(0, 1000, (12, 12))

        moved, still = soma_geometry(image + offset, PRE), soma_geometry(image, PRE)

        np.testing.assert_allclose(moved.diff_map, still.diff_map, rtol=1e-5)
        assert moved.area == still.area


class TestLaws:
    @settings(max_examples=25)
    @given(st.integers(-6, 6), st.integers(-6, 6))
    def test_moves_with_the_cell(self, down: int, right: int) -> None:
        here = soma_geometry(soma_image((40, 40), (20, 20), sigma=2.0), PRE)

        there = soma_geometry(soma_image((40, 40), (20 + down, 20 + right), sigma=2.0), PRE)

        assert (there.center_row, there.center_col) == (20 + down, 20 + right)
        assert (there.area, there.size_x, there.size_y) == (here.area, here.size_x, here.size_y)

    @settings(max_examples=25)
    @given(st.floats(1e-3, 1e3), st.sampled_from([-1.0, 1.0]))
    def test_neither_scale_nor_sign_of_the_voltage_matters(self, scale: float, sign: float) -> None:
        image = soma_image((20, 20), (9, 11), sigma=1.7)

        one, other = soma_geometry(image, PRE), soma_geometry(sign * scale * image, PRE)

        assert (one.center_row, one.center_col, one.area) == (other.center_row, other.center_col, other.area)

    def test_transposing_exchanges_rows_and_columns(self) -> None:
        image = soma_image((18, 25), (6, 17), sigma=1.3)

        one, other = soma_geometry(image, PRE), soma_geometry(image.swapaxes(1, 2), PRE)

        assert (one.center_row, one.size_x) == (other.center_col, other.size_y)
        np.testing.assert_array_equal(one.diff_map.T, other.diff_map)


class TestLimits:
    def test_no_spike_is_nan_with_the_reason(self) -> None:
        found = soma_geometry(np.full((50, 4, 5), np.nan, np.float32), PRE)

        assert math.isnan(found.center_row)
        assert math.isnan(found.area)
        assert found.diff_map.shape == (4, 5)
        assert "no spike" in found.reason

    def test_flat_image_is_nan_with_the_reason(self) -> None:
        assert "flat" in soma_geometry(np.zeros((50, 4, 5)), PRE).reason

    def test_window_that_ends_at_the_spike_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="a window from 0 or less"):
            soma_geometry(np.zeros((12, 4, 4)), 10)


def test_sample_somas_are_where_they_were_put(sample_images: Any, shared_data: Path) -> None:
    truth = np.load(shared_data / "sample" / "sample_truth.npz")
    for image, row, col in zip(sample_images, truth["row"], truth["column"], strict=True):
        found = soma_geometry(image, PRE)
        assert abs(found.center_row + 25 - row) <= 0.6
        assert abs(found.center_col + 25 - col) <= 0.6
        assert 2.5 <= found.equivalent_diameter <= 4.5


class TestBadElectrodes:
    """Given a Gaussian soma, then what one electrode does wrong changes neither place nor extent much."""

    @staticmethod
    def with_hole(value: float) -> tuple[np.ndarray, np.ndarray]:
        image = soma_image((21, 21), (10, 10), sigma=2.0)
        bad = np.zeros((21, 21), bool)
        bad[10, 12] = bad[3, 3] = True
        image[:, bad] = value * np.random.default_rng(0).normal(size=(len(image), 2))
        return image, bad

    @pytest.mark.parametrize("value", [1e4, 0.0, math.nan])
    def test_centre_and_extent_leave_them_out(self, value: float) -> None:
        image, bad = self.with_hole(value)
        whole = soma_geometry(soma_image((21, 21), (10, 10), sigma=2.0), PRE)

        found = soma_geometry(image, PRE, bad)

        assert (found.center_row, found.center_col) == (10, 10)
        assert (found.size_x, found.size_y) == (whole.size_x, whole.size_y)
        assert found.area == whole.area - 1
        assert np.isnan(found.diff_map[bad]).all()
        np.testing.assert_allclose(
            found.diff_map[~bad], whole.diff_map[~bad], atol=0.05 * whole.diff_map.max()
        )

    def test_an_image_with_places_without_electrode(self) -> None:
        image = soma_image((21, 21), (10, 10), sigma=2.0)
        image[:, :, 15:] = np.nan
        found = soma_geometry(image, PRE)
        assert (found.center_row, found.center_col) == (10, 10)
        assert found.reason == ""

    def test_without_bad_ones_every_bit_is_the_same(self) -> None:
        image = soma_image((21, 21), (10, 10), sigma=2.0)
        image += np.random.default_rng(1).normal(size=image.shape)
        one, two = soma_geometry(image, PRE), soma_geometry(image, PRE, np.zeros((21, 21), bool))
        assert one.diff_map.tobytes() == two.diff_map.tobytes()
        assert (one.area, one.peak_to_peak) == (two.area, two.peak_to_peak)

    def test_only_bad_ones(self) -> None:
        found = soma_geometry(soma_image((9, 9), (4, 4), sigma=1.0), PRE, np.ones((9, 9), bool))
        assert found.reason == "all electrodes are bad"


def test_smoothing_is_that_of_scipy_in_one_operator() -> None:
    image = 3000 + 20 * np.random.default_rng(0).normal(size=(50, 9, 11)).astype(np.float32)
    trace = image.astype(np.float64)
    trace = ndimage.gaussian_filter1d(trace - trace[:5].mean(axis=0), 2.0, axis=0, mode="nearest")

    np.testing.assert_allclose(smoothed_image(image), signal.savgol_filter(trace, 7, 3, axis=0), atol=1e-10)


@pytest.mark.parametrize("seed", range(20))
def test_the_centre_is_the_largest_of_all_smoothed_traces(seed: int) -> None:
    """Given noise, in which many traces are about as large, then smoothing few of them finds the largest."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1, (50, 9, 11)).astype(np.float32)
    bad = rng.random((9, 11)) < 0.1

    soma = soma_geometry(image, 10, bad)

    height = np.where(bad, 0.0, np.ptp(smoothed_image(image), axis=0))
    assert (soma.center_row, soma.center_col) == divmod(int(height.argmax()), 11)
    assert soma.peak_to_peak == pytest.approx(height.max(), rel=1e-13)
