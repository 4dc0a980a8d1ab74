"""Receptive fields: significance, map, fit; the feature dense_noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmea.declare import Recording
from hdmea.features.extractors.dense_noise import dense_noise
from hdmea.features.science.receptive_field import find_peak, spatial_map
from hdmea.features.science.receptive_field_models import fit_map
from hdmea.features.science.receptive_field_significance import receptive_field_significance
from hdmea.features.science.spike_triggered_average import movie_frames_of_spikes, spike_triggered_averages
from hdmea.features.science.time_course import course_errors
from hdmea.utils.arrays import AttrArray
from hdmea.utils.exceptions import FeatureExtractionError, ValidationError

N_FRAMES, SIZE = 2400, 9
COVER = (-20, 0)


def noise(seed: int = 0, n: int = N_FRAMES, size: int = SIZE) -> np.ndarray:
    images = np.random.default_rng(seed).integers(0, 2, (n // 4, size, size), dtype=np.uint8) * 255
    return np.repeat(images, 4, axis=0)


def field(x: float = 4.3, y: float = 3.6, sigma: float = 1.06, sign: float = 1.0) -> np.ndarray:
    rows, cols = np.indices((SIZE, SIZE))
    return sign * np.exp(-0.5 * ((cols - x) ** 2 + (rows - y) ** 2) / sigma**2)


def driven(movie: np.ndarray, weights: np.ndarray, lag: int, per_frame: float, rng: Any) -> np.ndarray:
    """Counts of a unit that fires `lag` frames after what it likes."""
    drive = np.roll(((movie / 127.5 - 1) * weights).sum(axis=(1, 2)), lag)
    drive /= drive.std()
    return rng.poisson(per_frame * np.exp(drive - 0.5))


class TestSignificance:
    def test_correlations_are_those_of_brute_force(self) -> None:
        rng = np.random.default_rng(1)
        movie = rng.integers(0, 256, (400, 3, 4)).astype(np.uint8)
        counts = rng.poisson(0.3, (2, 400))

        found = receptive_field_significance(movie, counts, (-1, 1), min_shift=20)

        assert found.method == "shifts"
        centred = movie - movie.mean(axis=0)
        for unit in range(2):
            circular = np.array(
                [np.tensordot(counts[unit], np.roll(centred, -lag, axis=0), 1) for lag in range(400)]
            )
            z = (circular - circular.mean(axis=0)) / circular.std(axis=0)
            np.testing.assert_allclose(found.z[unit], z[np.arange(-1, 1)], atol=3e-4)
            peak = np.abs(z[np.arange(-1, 1)]).max()
            assert found.peak_z[unit] == pytest.approx(peak, abs=3e-4)
            largest = [np.abs(z[(s + np.arange(-1, 1)) % 400]).max() for s in range(20, 381)]
            share = np.mean(np.array(largest) >= peak - 1e-6)
            assert found.p[unit] == pytest.approx((1 + 180 * share) / 181, abs=0.01)

    @pytest.mark.parametrize("n_frames", [600, 1200, 2400])
    @pytest.mark.parametrize("burst", [1, 8])
    def test_p_is_that_of_chance_for_every_length(self, n_frames: int, burst: int) -> None:
        counts = np.random.default_rng(2).poisson(0.1 / burst, (300, n_frames)) * burst

        found = receptive_field_significance(noise(n=n_frames), counts, COVER, maps=False)

        assert found.method == ("shifts" if n_frames == 2400 else "images")
        for alpha in (0.01, 0.05, 0.2):
            assert (found.p <= alpha).mean() <= alpha + 2.6 * np.sqrt(alpha * (1 - alpha) / 300)
        assert (found.p <= 0.2).mean() > 0.1

    @pytest.mark.parametrize("maps", [True, False])
    @pytest.mark.parametrize("n_frames", [900, 2400])
    def test_a_field_is_found(self, n_frames: int, maps: bool) -> None:
        movie = noise(n=n_frames)
        counts = driven(movie, field(), 4, 0.2, np.random.default_rng(0))

        found = receptive_field_significance(movie, counts[None], COVER, maps=maps)

        # A tenth of a second has 20 lags: 2400 frames hold (2400 - 240) // 20 = 108 independent shifts.
        assert found.p[0] == pytest.approx(1 / 109 if n_frames == 2400 else 1 / 200)
        if maps:
            frame, row, col = np.unravel_index(np.abs(found.z[0]).argmax(), found.z[0].shape)
            assert abs(frame - 16) <= 3  # images last four frames
            assert (row, col) in {(3, 4), (4, 4)}

    def test_no_spike_is_nan(self) -> None:
        found = receptive_field_significance(noise(), np.zeros((1, N_FRAMES), int), COVER)

        assert np.isnan(found.p[0])
        assert np.isnan(found.peak_z[0])
        assert np.isnan(found.z).all()

    def test_neither_threads_nor_order_of_units_change_a_byte(self) -> None:
        counts = np.random.default_rng(7).poisson(0.2, (9, N_FRAMES))

        one = receptive_field_significance(noise(), counts, COVER, workers=1)
        two = receptive_field_significance(noise(), counts, COVER, workers=2)
        turned = receptive_field_significance(noise(), counts[::-1], COVER, workers=2)

        assert one.z.tobytes() == two.z.tobytes() == turned.z[::-1].tobytes()
        assert one.p.tobytes() == two.p.tobytes() == turned.p[::-1].tobytes()

    def test_many_pixels_are_done_in_blocks(self) -> None:
        movie = noise(size=20)
        counts = np.random.default_rng(7).poisson(0.2, (2, N_FRAMES))

        found = receptive_field_significance(movie, counts, COVER)
        part = receptive_field_significance(movie[:, :10, :10], counts, COVER)

        np.testing.assert_allclose(found.z[:, :, :10, :10], part.z, atol=1e-4)
        assert (found.peak_z >= part.peak_z - 1e-4).all()

    def test_noise_that_cannot_be_tested_has_no_p(self) -> None:
        counts = np.random.default_rng(8).poisson(0.3, (1, 240))
        slow = np.cumsum(np.random.default_rng(9).normal(size=(240, 3, 3)), axis=0)

        for movie in (noise(n=240)[:60].repeat(4, axis=0), slow):
            found = receptive_field_significance(movie[:240], counts, COVER)

            assert found.method == ""
            assert np.isnan(found.p[0])
            assert np.isfinite(found.peak_z[0])

    def test_what_does_not_fit_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="shorter than a window"):
            receptive_field_significance(noise(n=20), np.zeros((1, 20), int), COVER)
        with pytest.raises(ValidationError, match="do not fit"):
            receptive_field_significance(noise(), np.zeros((1, 10), int), COVER)


class TestErrors:
    def test_centre_and_size_lie_in_their_intervals(self) -> None:
        rng = np.random.default_rng(4)
        inside = []
        for _ in range(150):
            fit = fit_map(10 * field() + rng.normal(0, 1.0, (SIZE, SIZE)), (4, 4), "gaussian")
            assert fit is not None
            shape, half = fit.shapes[0], fit.errors
            sigma = np.sqrt(shape.sigma_major * shape.sigma_minor)
            inside.append(
                [abs(shape.x - 4.3) <= half.x, abs(shape.y - 3.6) <= half.y, abs(sigma - 1.06) <= half.sigma]
            )

        share = np.mean(inside, axis=0)
        assert (share >= 0.9).all()
        assert (share <= 0.99).all()

    @pytest.mark.parametrize("second", [0.0, 0.5])
    def test_latency_and_second_phase_lie_in_their_intervals(self, second: float) -> None:
        rng = np.random.default_rng(5)
        lags = np.arange(-20, 0)
        kernel = np.exp(-0.5 * ((lags + 6.4) / 2) ** 2) - second * np.exp(-0.5 * ((lags + 13) / 2) ** 2)
        latency, biphasic = [], []
        for _ in range(80):
            pixel = rng.normal(size=4000)
            drive = np.convolve(pixel, kernel[::-1], "full")[: pixel.size]
            drive = np.concatenate((np.zeros(1), drive[:-1]))
            spikes = np.repeat(np.arange(4000), rng.poisson(0.3 * np.exp(0.4 * drive / drive.std())))
            found = course_errors(pixel, spikes[spikes >= 20], (-20, 0), 1.0)
            latency.append(found.latency_low_frames <= 6.4 <= found.latency_high_frames)
            biphasic.append((found.biphasic_low, found.biphasic_index, found.biphasic_high))

        assert np.mean(latency) >= 0.85
        low, index, high = np.array(biphasic).T
        assert index.mean() == pytest.approx(second, abs=0.08)
        assert ((low <= second) & (second <= high)).mean() >= 0.85

    def test_few_spikes_have_none(self) -> None:
        found = course_errors(np.random.default_rng(6).random(100), np.arange(30, 60), (-20, 0), 1.0)

        assert np.isnan(found.biphasic_index)


class TestFit:
    @pytest.mark.parametrize("sign", [1.0, -1.0])
    @pytest.mark.parametrize("sigma", [0.8, 1.06, 2.0])
    def test_noise_free_field_is_recovered(self, sign: float, sigma: float) -> None:
        t = np.arange(20)
        course = np.exp(-0.5 * ((t - 14) / 2) ** 2) - 0.4 * np.exp(-0.5 * ((t - 8) / 3) ** 2)
        deviation = 30 * course[:, None, None] * field(sigma=sigma, sign=sign) + 0.5

        peak = find_peak(deviation)
        fit = fit_map(spatial_map(deviation, peak), (peak.row, peak.col), "gaussian")

        assert peak.sign == sign
        assert fit is not None
        (shape,) = fit.shapes
        assert (shape.x, shape.y) == (pytest.approx(4.3, abs=0.02), pytest.approx(3.6, abs=0.02))
        assert shape.sigma_major == pytest.approx(sigma, rel=0.02)
        assert shape.sigma_minor == pytest.approx(sigma, rel=0.02)
        assert np.sign(shape.amplitude) == sign
        assert fit.r2 > 0.999

    def test_map_is_the_signed_value_in_the_peak_frame(self) -> None:
        course = np.array([0, -1, -2, -6, -2, 1, 0.0])
        deviation = course[:, None, None] * field()

        peak = find_peak(deviation, sigma_frames=0.5)

        np.testing.assert_allclose(spatial_map(deviation, peak), -6 * field(), atol=1e-9)

    def test_constant_map_has_no_fit(self) -> None:
        assert fit_map(np.zeros((5, 5)), (2, 2), "gaussian") is None


def recording_of(folder: Path, counts: np.ndarray, *, with_movie: bool = True) -> Recording:
    movie, name = noise(), "dense_noise_test"
    frames = 500 + np.arange(N_FRAMES + 400) * 333
    content = 150
    trains = [np.repeat(frames[content : content + N_FRAMES], c) + 50 for c in counts]
    spikes = [movie_frames_of_spikes(train, frames, [content], N_FRAMES) for train in trains]
    averages = spike_triggered_averages(movie, spikes, COVER)
    folder.mkdir(exist_ok=True)
    if with_movie:
        np.save(folder / f"{name}.npy", movie)
    units = {
        f"unit_{k:03d}": {
            "spike_times": train.astype(np.uint64),
            "features": {f"sta_{name}": {"data": data, "metadata": {"cover_range": list(COVER)}}},
        }
        for k, (train, data) in enumerate(zip(trains, averages.data, strict=True), start=1)
    }
    metadata = {"acquisition_rate": np.array([19_980.0]), "frame_timestamps": frames}
    section = AttrArray(np.array([[0, frames[-1]]]), {"content_frame": np.array([content])})
    return Recording(units, metadata, {"section_time": {name: section}})


class TestDenseNoise:
    @pytest.fixture
    def counts(self) -> np.ndarray:
        rng = np.random.default_rng(3)
        return np.stack(
            (
                driven(noise(), field(), 4, 0.4, rng),
                driven(noise(), field(2.8, 6.1, sign=-1), 6, 0.4, rng),
                rng.poisson(0.4, N_FRAMES),
                np.zeros(N_FRAMES, int),
            )
        )

    def test_fields_are_recovered_and_nothing_is_invented(self, counts: np.ndarray, tmp_path: Path) -> None:
        recording = recording_of(tmp_path, counts)

        table = dense_noise.compute(recording, dense_noise.make_params({"stimuli_dir": tmp_path}))

        found = table.units
        np.testing.assert_array_equal(found["polarity"], [1, -1, np.nan, np.nan])
        np.testing.assert_allclose(found["centre_x"][:2], [4.3, 2.8], atol=0.25)
        np.testing.assert_allclose(found["centre_y"][:2], [3.6, 6.1], atol=0.25)
        np.testing.assert_allclose(found["sigma"][:2], 1.06, atol=0.25)
        np.testing.assert_allclose(found["latency"][:2], [4 * 1000 / 60, 6 * 1000 / 60], atol=4 * 1000 / 60)
        assert (found["rf_p"][:2] < 0.01).all()
        assert found["rf_p"][2] > 0.01
        assert np.isnan(found["rf_p"][3])
        for name, truth in (("centre_x", 4.3), ("centre_y", 3.6), ("sigma", 1.06)):
            assert found[f"{name}_low"][0] <= truth <= found[f"{name}_high"][0]
        assert found["latency_low"][0] <= found["latency"][0] <= found["latency_high"][0]
        assert "no significant receptive field" in table.reasons_for("unit_003")["sigma"]
        assert "no usable spike" in table.reasons_for("unit_004")["sigma"]

    def test_without_the_movie_the_test_is_missing_with_the_reason(
        self, counts: np.ndarray, tmp_path: Path
    ) -> None:
        recording = recording_of(tmp_path / "none", counts, with_movie=False)

        table = dense_noise.compute(recording)

        assert np.isnan(table.units["rf_p"]).all()
        assert "dense_noise_test" in table.reasons_for("unit_001")["rf_p"]
        assert np.isnan(table.units["centre_x"][0])
        everything = dense_noise.compute(recording, dense_noise.make_params({"alpha": 1}))
        assert everything.units["centre_x"][0] == pytest.approx(4.3, abs=0.3)

    def test_several_movies_need_a_choice(self, counts: np.ndarray, tmp_path: Path) -> None:
        recording = recording_of(tmp_path, counts)
        for unit in recording.units.values():
            unit["features"]["sta_noise_b"] = unit["features"]["sta_dense_noise_test"]

        with pytest.raises(FeatureExtractionError, match="fit any movie"):
            dense_noise.compute(recording)
