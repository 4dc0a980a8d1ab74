"""Linear-nonlinear model: simulated cells with known model, cells without one, laws, an independent fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize

from hdmea.features.science.generator_signal import fold_sums, generators, separable_filter
from hdmea.features.science.linear_nonlinear import (
    fit_exponential,
    gain_error,
    gain_p,
    linear_nonlinear,
    predictability,
    rectification_index,
)
from hdmea.utils.exceptions import ValidationError

FRAME_S = 1 / 60
COVER = (-12, 0)


def noise(n_frames: int = 7200, seed: int = 0) -> NDArray[np.uint8]:
    """Binary noise of 6 x 6 pixels at 15 Hz on a 60 Hz display."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.integers(0, 2, (n_frames // 4, 6, 6), dtype=np.uint8) * 255, 4, axis=0)


def true_filter() -> NDArray[np.float64]:
    row, col = np.indices((6, 6))
    space = np.exp(-0.5 * ((row - 2) ** 2 + (col - 3) ** 2))
    time = np.exp(-0.5 * ((np.arange(12) - 8) / 2) ** 2)
    whole = time[:, None, None] * space
    return whole / np.linalg.norm(whole)


def true_generator(movie: NDArray[np.uint8]) -> NDArray[np.float64]:
    windows = np.lib.stride_tricks.sliding_window_view(movie.astype(float) - 127.5, 12, axis=0)
    g = np.full(len(movie), np.nan)
    g[12:] = np.einsum("fyxt,tyx->f", windows[:-1], true_filter())
    return g / np.nanstd(g)


def g_of(movie: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Generator of the true filter in the movie's own units."""
    windows = np.lib.stride_tricks.sliding_window_view(movie.astype(float) - 127.5, 12, axis=0)
    return np.einsum("fyxt,tyx->f", windows[:-1], true_filter())


def spikes(rate_hz: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    counts = np.random.default_rng(seed).poisson(np.nan_to_num(rate_hz) * FRAME_S)
    return np.repeat(np.arange(rate_hz.size), counts)


def fit(movie: NDArray[np.uint8], *trains: NDArray[np.int64], frame_s: float = FRAME_S, **options: int):  # type: ignore[no-untyped-def]
    return linear_nonlinear(movie, trains, np.ones(len(movie)), COVER, frame_s, **options)


class TestSimulatedCells:
    def test_exponential_cell_gains_the_information_it_has(self) -> None:
        # Given a cell of rate exp(a + b g): its information per spike is known
        movie = noise()
        g = true_generator(movie)
        rate = 15 * np.exp(0.8 * g - 0.32)

        (found,) = fit(movie, spikes(rate, 1))

        valid = rate[12:]
        information = np.mean(valid * np.log2(valid / valid.mean())) / valid.mean()
        # The filter is estimated from spikes: nothing above what there is, and most of it.
        assert 0.75 * information < found.bits_per_spike < information * 1.05
        assert found.gain * np.nanstd(g_of(movie)) == pytest.approx(0.8, rel=0.15)
        assert found.reason == ""

    def test_a_small_field_in_a_large_image_keeps_its_gain_and_rectification(self) -> None:
        rng = np.random.default_rng(21)
        movie = np.repeat(rng.integers(0, 2, (2700, 15, 15), dtype=np.uint8) * 255, 4, axis=0)
        rows, cols = np.indices((15, 15))
        space = np.exp(-0.5 * ((rows - 6) ** 2 + (cols - 9) ** 2) / 1.1**2)
        lags = np.arange(30)
        time = np.exp(-0.5 * ((lags - 25) / 2) ** 2) - 0.4 * np.exp(-0.5 * ((lags - 18) / 3) ** 2)
        kernel = time[:, None, None] * space
        kernel /= np.linalg.norm(kernel)
        drive = np.einsum("fyx,yx->f", movie - 127.5, space / np.linalg.norm(space))
        g = np.convolve(drive, (time / np.linalg.norm(time))[::-1])[: len(movie)]
        g = np.concatenate((np.zeros(1), g[:-1])) / g.std()
        rate = np.exp(np.log(10.0) + 1.0 * g)
        train = spikes(rate / rate.mean() * 17, 22)

        (found,) = linear_nonlinear(movie, [train], np.ones(len(movie)), (-30, 0), FRAME_S)

        information = np.mean(rate * np.log2(rate / rate.mean())) / rate.mean()
        assert 2500 < found.n_spikes < 3600
        assert found.bits_per_spike > 0.85 * information
        scale = np.einsum("fyx,yx->f", movie - 127.5, space / np.linalg.norm(space))
        sd = np.convolve(scale, (time / np.linalg.norm(time))[::-1])[30 : len(movie)].std()
        assert found.gain * sd == pytest.approx(1.0, rel=0.15)

    def test_straight_and_rectified_cells_are_told_apart(self) -> None:
        movie = noise(14_400)
        g = true_generator(movie)

        straight, rectified = fit(movie, spikes(20 * (1 + 0.4 * g).clip(0), 2), spikes(30 * g.clip(0), 3))

        assert straight.rectification_index == pytest.approx(0, abs=0.25)
        assert rectified.rectification_index == pytest.approx(1, abs=0.25)
        assert np.all(np.diff(rectified.bin_generator) > 0)

    def test_rates_are_in_hz_of_true_frames(self) -> None:
        movie = noise()
        train = spikes(np.full(len(movie), 20.0), 4)

        (one,), (other,) = fit(movie, train), fit(movie, train, frame_s=FRAME_S / 2)

        assert one.bin_rate.mean() == pytest.approx(
            (train >= 12).sum() / ((len(movie) - 12) * FRAME_S), rel=0.01
        )
        np.testing.assert_allclose(other.bin_rate, 2 * one.bin_rate)
        assert other.bits_per_spike == pytest.approx(one.bits_per_spike)

    def test_poisson_cells_gain_nothing(self) -> None:
        movie = noise(3600)
        found = fit(movie, *(spikes(np.full(len(movie), 15.0), seed) for seed in range(40)))

        gains = np.array([cell.bits_per_spike for cell in found])
        # Honest cross-validation costs a little, on average.
        assert gains.mean() < 0
        assert (gains > 0.02).mean() < 0.1
        assert np.mean([cell.r2 for cell in found]) < 0.005


class TestLaws:
    def test_inverted_movie_gives_the_same_model(self) -> None:
        movie = noise(3600)
        train = spikes(15 * np.exp(0.8 * true_generator(movie)), 5)

        (one,), (other,) = fit(movie, train), fit(255 - movie, train)

        assert other.bits_per_spike == pytest.approx(one.bits_per_spike, rel=1e-5)
        np.testing.assert_allclose(other.bin_rate, one.bin_rate)

    def test_company_of_other_units_does_not_matter(self) -> None:
        movie = noise(3600)
        trains = [spikes(15 * np.exp(b * true_generator(movie)), 6) for b in (0.2, 0.6, 1.0)]

        together = fit(movie, *trains)

        for train, found in zip(trains, together, strict=True):
            (alone,) = fit(movie, train)
            assert alone.bits_per_spike == found.bits_per_spike
            assert alone.bin_generator.tobytes() == found.bin_generator.tobytes()

    def test_twice_shown_and_twice_answered_is_the_same_rate(self) -> None:
        movie = noise(3600)
        train = spikes(15 * np.exp(0.8 * true_generator(movie)), 7)
        (once,) = fit(movie, train)

        (twice,) = linear_nonlinear(movie, [np.repeat(train, 2)], np.full(len(movie), 2.0), COVER, FRAME_S)

        np.testing.assert_allclose(twice.bin_rate, once.bin_rate)
        assert twice.bits_per_spike == pytest.approx(once.bits_per_spike)


class TestGenerator:
    def test_is_the_movie_through_a_filter_without_the_parts_own_spikes(self) -> None:
        movie = noise(400)
        train = spikes(np.full(400, 20.0), 8)
        train = train[train >= 12]
        edges = np.linspace(12, 401, 6).astype(np.int64)
        mean = movie.mean(axis=0, dtype=float).ravel()
        sums = fold_sums(movie, [train], COVER, edges, mean)

        found = generators(movie, sums, COVER)[:, :, edges[1] - edges[0] : edges[2] - edges[0]]

        for other in range(5):
            kept = [k for k in train if not any(edges[f] <= k < edges[f + 1] for f in (1, other))]
            average = np.mean([movie[k - 12 : k] for k in kept], axis=0) - mean.reshape(6, 6)
            separable = separable_filter(average.reshape(12, -1), (6, 6))
            average = np.outer(separable.course, separable.image).reshape(12, 6, 6)
            assert np.linalg.norm(average) == pytest.approx(1)
            assert np.linalg.matrix_rank(average.reshape(12, -1)) == 1
            for frame in (edges[1], edges[1] + 7, edges[2] - 1):
                expected = ((movie[frame - 12 : frame] - mean.reshape(6, 6)) * average).sum()
                assert found[other, 0, frame - edges[1]] == pytest.approx(expected, rel=1e-5, abs=1e-4)


class TestExponential:
    def test_is_the_maximum_of_the_likelihood(self) -> None:
        rng = np.random.default_rng(9)
        g = rng.normal(3, 20, 2000)
        duration = rng.choice([0.016, 0.017], 2000)
        counts = rng.poisson(duration * np.exp(2.5 + 0.03 * g))

        found = fit_exponential(g, counts, duration)

        reference = optimize.minimize(
            lambda p: (duration * np.exp(p[0] + p[1] * g)).sum() - counts @ (p[0] + p[1] * g),
            [2.0, 0.0],
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-9},
        )
        assert found == pytest.approx(tuple(reference.x), abs=1e-5)

    def test_no_spike_has_no_rate(self) -> None:
        assert all(math.isnan(value) for value in fit_exponential(np.arange(5.0), np.zeros(5), np.ones(5)))


class TestLimits:
    def test_few_spikes_are_nan_with_the_reason(self) -> None:
        movie = noise(1200)

        (found,) = fit(movie, np.arange(100, 199))

        assert math.isnan(found.bits_per_spike)
        assert found.n_spikes == 99
        assert "100 are needed" in found.reason

    def test_spikes_before_the_first_whole_window_do_not_count(self) -> None:
        (found,) = fit(noise(1200), np.concatenate([np.arange(12), np.arange(100, 199)]))

        assert found.n_spikes == 99

    def test_movie_that_is_too_short_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="needed"):
            fit(noise(80), np.arange(12, 80))

    @pytest.mark.parametrize(
        ("rate", "index"),
        [(np.arange(20.0), 0), ([0] * 12 + list(range(8)), 1), (np.sqrt(np.arange(20)), -0.4)],
    )
    def test_rectification_index_of_known_curves(self, rate: list[float], index: float) -> None:
        assert rectification_index(rate) == pytest.approx(index, abs=0.16)


class TestChanceAndErrors:
    def test_interval_of_the_gain_holds_the_truth_of_bursting_cells(self) -> None:
        rng = np.random.default_rng(31)
        g = rng.normal(size=3000)
        duration = np.full(g.size, FRAME_S)
        inside = {"single": 0, "bursts of 4": 0}
        for name, size in (("single", 1), ("bursts of 4", 4)):
            for _ in range(200):
                counts = size * rng.poisson(20 / size * np.exp(0.4 * g) * FRAME_S)
                a, b = fit_exponential(g, counts, duration)
                inside[name] += abs(b - 0.4) <= 2.093 * gain_error(g, counts, duration, a, b)

        assert min(inside.values()) >= 0.91 * 200

    def test_p_of_the_gain_is_uniform_without_a_relation_and_small_with_one(self) -> None:
        rng = np.random.default_rng(32)
        ratio = np.convolve(rng.normal(size=3000), np.ones(10) / 10, "same")
        folds = np.repeat(np.arange(5), 600)
        bursts = np.zeros((300, 3000))
        for unit in bursts:
            np.add.at(unit, rng.integers(0, 3000, 60)[:, None] - np.arange(8), 1)

        p = np.array([gain_p(unit, ratio, folds, 120) for unit in bursts])

        assert (p <= 0.05).mean() <= 0.08
        assert (p <= 0.01).mean() <= 0.025
        assert gain_p(rng.poisson(np.exp(2 * ratio - 2)), ratio, folds, 120) == pytest.approx(5 / 3 / 200)
        assert np.isnan(gain_p(bursts[0], ratio, folds, 160))

    def test_what_repeats_is_reliable_and_a_perfect_model_has_a_ccnorm_of_1(self) -> None:
        rng = np.random.default_rng(33)
        rate = np.exp(0.5 * rng.normal(size=20_000))
        counts = rng.poisson(rate, (4, rate.size))

        reliability, cc_norm = predictability(counts, 60 * rate)

        assert reliability == pytest.approx(rate.var() / (rate.var() + rate.mean()), rel=0.05)
        assert cc_norm == pytest.approx(1, abs=0.02)
        assert np.isnan(predictability(counts[:1], rate)).all()
        assert np.isnan(predictability(rng.poisson(1.0, (2, 4)) * 0, np.ones(4))).all()
