"""Axon and conduction velocity: simulated axons, laws of a robust slope, limits."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hdmea.features.science.axon_path import AxonPath, axon_path, robust_noise_sd, trough_times
from hdmea.features.science.theil_sen import theil_sen
from tests.features.images import PRE, WINDOW, axon_image, soma_image

SHAPE = (32, 40)
SOMA = (16, 8)


def straight(angle_deg: float, length: float = 22.0) -> np.ndarray:
    """Points (row, col) of a straight axon from the soma; 90 degrees is towards smaller rows."""
    angle = math.radians(angle_deg)
    return np.array(SOMA) + np.linspace(0, length, 200)[:, None] * [-math.sin(angle), math.cos(angle)]


def cell(line: np.ndarray, velocity: float, noise_sd: float, seed: int = 0) -> np.ndarray:
    image = soma_image(SHAPE, SOMA, sigma=1.0) + axon_image(SHAPE, line, velocity)
    return image + np.random.default_rng(seed).normal(0, noise_sd, image.shape)


def follow(image: np.ndarray, **options: float) -> AxonPath:
    return axon_path(image, PRE, SOMA, **options)


class TestVelocity:
    @pytest.mark.parametrize("angle", [0.0, 22.5, 340.0])
    @pytest.mark.parametrize("velocity", [0.8, 2.0, 3.5])
    def test_straight_axon_with_little_noise(self, angle: float, velocity: float) -> None:
        found = follow(cell(straight(angle), velocity, 0.5))

        assert found.reason == ""
        # A path along the square grid would be up to 8 % too long at 22.5 degrees.
        assert found.velocity == pytest.approx(velocity, rel=0.04)
        assert (found.direction_deg - angle + 180) % 360 - 180 == pytest.approx(0, abs=5)
        assert found.length == pytest.approx(22, abs=2.5)

    @pytest.mark.parametrize(("snr", "tolerance"), [(20, 0.05), (10, 0.10), (7, 0.15)])
    def test_bias_is_small_over_signal_to_noise_ratios(self, snr: float, tolerance: float) -> None:
        velocities = [follow(cell(straight(15), 1.5, 20 / snr, seed)).velocity for seed in range(20)]

        assert np.isfinite(velocities).all()
        assert np.median(velocities) == pytest.approx(1.5, rel=tolerance)

    def test_interval_holds_the_truth_about_as_often_as_it_says(self) -> None:
        held = 0
        for seed in range(40):
            found = follow(cell(straight(15), 1.5, 2.0, seed))
            held += found.velocity_low <= 1.5 <= found.velocity_high
        assert held >= 30

    def test_curved_axon_is_measured_along_its_bend(self) -> None:
        # Given a quarter of a circle of radius 12 electrodes, upwards
        angle = np.linspace(0, math.pi / 2, 300)[:, None]
        line = np.array(SOMA) + 12 * np.concatenate([-(1 - np.cos(angle)), np.sin(angle)], axis=1)

        found = follow(cell(line, 1.2, 0.2))

        assert found.velocity == pytest.approx(1.2, rel=0.06)
        assert found.length == pytest.approx(6 * math.pi, abs=2)
        assert found.span < found.length

    def test_same_image_and_seed_give_the_same_interval(self) -> None:
        image = cell(straight(15), 1.5, 2.0)

        assert follow(image, seed=3).velocity_low == follow(image, seed=3).velocity_low

    @settings(max_examples=10)
    @given(st.floats(0.01, 100))
    def test_scale_of_the_voltage_does_not_matter(self, scale: float) -> None:
        image = cell(straight(15), 1.5, 1.0)

        one, other = follow(image), follow(scale * image)

        assert other.velocity == pytest.approx(one.velocity)
        np.testing.assert_array_equal(one.path, other.path)

    def test_mirrored_axon_runs_the_other_way(self) -> None:
        image = cell(straight(15), 1.5, 1.0)

        mirrored = axon_path(image[:, ::-1], PRE, (SHAPE[0] - 1 - SOMA[0], SOMA[1]))

        assert mirrored.velocity == pytest.approx(follow(image).velocity, rel=1e-6)
        assert mirrored.direction_deg == pytest.approx(-follow(image).direction_deg % 360)


class TestNotReported:
    def test_soma_alone(self) -> None:
        found = follow(
            soma_image(SHAPE, SOMA, sigma=1.5) + np.random.default_rng(0).normal(0, 1, (WINDOW, *SHAPE))
        )

        assert math.isnan(found.velocity)
        assert "soma" in found.reason or "needed" in found.reason

    def test_short_axon_says_how_many_electrodes_there_are(self) -> None:
        found = follow(cell(straight(0, length=4.0), 1.5, 0.5))

        assert math.isnan(found.velocity)
        assert "8 are needed" in found.reason or "5 are needed" in found.reason

    def test_simultaneous_troughs_are_no_conduction(self) -> None:
        # Given a line of electrodes that all see the same trough 2 samples after the soma's
        found = follow(cell(straight(0), 1e6, 1.5), min_delay_samples=0.5)

        assert math.isnan(found.velocity)
        assert "infinity" in found.reason

    def test_noise_alone_has_no_axon(self) -> None:
        rng = np.random.default_rng(5)
        reported = [np.isfinite(follow(rng.normal(0, 1, (WINDOW, *SHAPE))).velocity) for _ in range(50)]

        assert sum(reported) == 0

    def test_single_electrode(self) -> None:
        image = np.zeros((WINDOW, *SHAPE))
        image[:, SOMA[0], SOMA[1]] = soma_image(SHAPE, SOMA, sigma=1.0)[:, SOMA[0], SOMA[1]]

        found = follow(image + np.random.default_rng(0).normal(0, 1, image.shape))

        assert found.path.tolist() == [list(SOMA)]
        assert "no electrode beyond" in found.reason

    def test_no_spike(self) -> None:
        found = follow(np.full((WINDOW, *SHAPE), np.nan))

        assert math.isnan(found.velocity)
        assert "no spike" in found.reason


class TestParts:
    def test_noise_is_that_of_electrodes_without_signal(self) -> None:
        image = cell(straight(15), 1.5, 3.0) + 50 * soma_image(SHAPE, SOMA, sigma=2.0)

        assert robust_noise_sd(image, SOMA) == pytest.approx(3.0, rel=0.05)

    @pytest.mark.parametrize("shift", [-0.5, -0.3, 0.0, 0.2, 0.45])
    def test_trough_lies_between_samples(self, shift: float) -> None:
        trace = -np.exp(-0.5 * ((np.arange(WINDOW) - 20 - shift) / 1.5) ** 2)[:, None]

        time, depth = trough_times(trace)

        assert time[0] == pytest.approx(20 + shift, abs=0.06)
        assert depth[0] == pytest.approx(1.0, rel=0.03)

    def test_trough_on_the_edge_stays_there(self) -> None:
        time, _ = trough_times(np.arange(WINDOW, dtype=float)[:, None])

        assert time[0] == 0


class TestTheilSen:
    def test_is_scipys(self) -> None:
        rng = np.random.default_rng(2)
        x, y = rng.normal(size=25), rng.normal(size=25)

        assert theil_sen(x, y).slope == pytest.approx(stats.theilslopes(y, x).slope, rel=1e-12)

    def test_interval_is_that_of_explicit_resampling(self) -> None:
        # Given the same draws, the weighted medians are the medians of the repeated pairs
        rng = np.random.default_rng(4)
        x, y = np.arange(7.0), rng.normal(size=7)
        drawn = np.random.default_rng(9).integers(7, size=(60, 7))
        first, second = np.triu_indices(7, 1)
        slopes = []
        for index in drawn:
            dx, dy = x[index][second] - x[index][first], y[index][second] - y[index][first]
            slopes.append(np.median(dy[dx != 0] / dx[dx != 0]))

        found = theil_sen(x, y, n_bootstrap=60, seed=9, confidence=0.9)

        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slopes, [0.05, 0.95])))

    def test_a_quarter_of_wrong_points_does_not_move_it(self) -> None:
        x = np.arange(40.0)
        y = 3 * x + 1
        y[::5] += 1000

        assert theil_sen(x, y).slope == pytest.approx(3, rel=0.05)

    def test_one_abscissa_has_no_slope(self) -> None:
        assert math.isnan(theil_sen([1.0, 1.0], [0.0, 5.0]).slope)


def test_axons_of_the_sample_have_their_velocity(shared_data: Path) -> None:
    # Given the sample's footprints (made for a pitch of 32 µm) in noise of 2 µV
    folder = shared_data / "sample"
    truth = np.load(folder / "sample_truth.npz")
    speeds = [unit["speed_m_s"] for unit in json.loads((folder / "sample_truth.json").read_text())["units"]]
    start = int(truth["footprint_pre"]) - PRE
    ratios = {}
    for unit, speed in enumerate(speeds):
        image = truth["footprint_uv"][unit].astype(float).swapaxes(1, 2)[start : start + WINDOW]
        image = image + np.random.default_rng(unit).normal(0, 2, image.shape)
        row, col = divmod(int(np.ptp(image, axis=0).argmax()), image.shape[2])

        found = axon_path(image, PRE, (row, col))

        if not found.reason:
            ratios[unit + 1] = found.velocity * 32e-6 * 20_000 / speed
    # The other axons leave the 16 x 16 electrodes before they have passed enough of them.
    assert ratios.keys() == {1, 2, 3, 5, 6, 9, 13}
    np.testing.assert_allclose(list(ratios.values()), 1, atol=0.08)


@pytest.mark.parametrize("value", [1e5, math.nan])
def test_bad_electrodes_are_no_part_of_an_axon(value: float) -> None:
    """Given a column of bad electrodes across the axon, then path and velocity do without it."""
    image = cell(straight(15), 1.5, 0.5)
    bad = np.zeros(SHAPE, bool)
    bad[:, 20] = bad[2, 30] = True
    image[:, bad] = value * np.random.default_rng(3).normal(size=(len(image), int(bad.sum())))

    found = axon_path(image, PRE, SOMA, bad=bad)

    assert found.reason == ""
    assert found.velocity == pytest.approx(1.5, rel=0.06)
    assert not bad[tuple(found.path.T)].any()
    assert not bad[tuple(found.electrodes.T)].any()
    assert found.noise_sd < 2
