"""STA and electrical images of a recording that was not made by this project, with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import signal

from hdmea.features.science.electrical_image import ElectricalImages, electrical_images
from hdmea.features.science.spike_triggered_average import movie_frames_of_spikes, spike_triggered_averages
from hdmea.recordings.mcs.cmcr import CmcrReader

MOVIE = "perfect_dense_noise_15x15_15hz_r42_1min"
# unit: spikes used, (frame, row, column) of the extreme, its value
EXPECTED_STA = {
    1: (983, (56, 10, 7), 199.746),
    2: (1043, (57, 6, 5), 213.193),
    3: (995, (55, 4, 3), 56.894),
    4: (955, (56, 4, 9), 59.277),
    5: (1115, (56, 8, 4), 179.072),
    6: (1081, (57, 3, 6), 195.083),
    7: (1079, (55, 7, 10), 197.099),
    8: (997, (55, 10, 11), 205.637),
    9: (1147, (56, 10, 3), 202.088),
    10: (1043, (55, 10, 9), 207.081),
    11: (746, (41, 6, 10), 97.420),
    13: (435, (30, 2, 3), 157.103),
    14: (439, (21, 5, 1), 85.387),
}


@pytest.fixture(scope="module")
def truth(shared_data: Path) -> Any:
    return np.load(shared_data / "sample" / "sample_truth.npz")


@pytest.fixture(scope="module")
def trains(truth: Any) -> list[np.ndarray]:
    parts = np.split(truth["spike_samples"].astype(np.int64), truth["spike_offsets"][1:-1].astype(int))
    assert len(parts) == 14
    return parts


@pytest.fixture(scope="module")
def averages(shared_data: Path, truth: Any, trains: list[np.ndarray]) -> Any:
    movie = np.load(shared_data / "sample" / "stimuli" / f"{MOVIE}.npy", mmap_mode="r")
    frames = truth["frame_samples"][4:].astype(np.int64) - 1
    content = int(np.searchsorted(frames, 8_302_999)) + 60
    k = [movie_frames_of_spikes(train, frames, [content], len(movie)) for train in trains]
    return spike_triggered_averages(movie, k, (-60, 0), workers=2)


@pytest.fixture(scope="module")
def region(sample_raw: Path) -> Any:
    with CmcrReader(sample_raw) as reader:
        assert reader.sensor is not None
        yield reader.sensor


@pytest.fixture(scope="module")
def images(region: Any, trains: list[np.ndarray]) -> ElectricalImages:
    return electrical_images(
        region, trains, sampling_rate=region.sampling_rate, factors=region.factors_uv, workers=2
    )


class TestSTA:
    @pytest.mark.parametrize("unit", EXPECTED_STA)
    def test_spikes_used_and_extreme_are_those_of_the_readme(self, averages: Any, unit: int) -> None:
        used, place, value = EXPECTED_STA[unit]
        data = averages.data[unit - 1]

        assert averages.n_spikes_used[unit - 1] == used
        assert np.unravel_index(np.abs(data - 127.5).argmax(), data.shape) == place
        assert round(float(data[place]), 3) == value

    def test_silent_unit_has_none(self, averages: Any) -> None:
        assert averages.n_spikes_used[11] == 0
        assert np.isnan(averages.data[11]).all()


class TestElectricalImage:
    def test_equals_scipy_on_the_whole_signal(
        self, region: Any, images: ElectricalImages, trains: list[np.ndarray]
    ) -> None:
        length = int(region.segments[0, 1])
        sos = signal.butter(2, 100, "highpass", fs=region.sampling_rate, output="sos")
        filtered = signal.sosfiltfilt(sos, region.read_counts(0, 0, length).astype(float), axis=0)
        noise = filtered.std() * region.factors_uv.mean()
        for unit, train in enumerate(trains):
            spikes = train[(train >= 10) & (train + 40 <= length)]
            expected = np.mean([filtered[s - 10 : s + 40] for s in spikes], axis=0) * region.factors_uv
            assert images.n_spikes_used[unit] == spikes.size
            np.testing.assert_allclose(images.data[unit], expected, rtol=0, atol=1e-4 * noise)

    def test_footprint_has_the_right_amplitude_place_and_delay(
        self, region: Any, images: ElectricalImages, truth: Any
    ) -> None:
        enough = np.flatnonzero(images.n_spikes_used >= 30)
        assert enough.size == 11
        for unit in enough:
            image = region.to_rows_cols(images.data[unit])
            footprint = np.swapaxes(truth["footprint_uv"][unit], 1, 2)
            place = np.unravel_index(np.ptp(footprint, axis=0).argmax(), footprint.shape[1:])
            measured, put_in = image[:, *place], footprint[:, *place]
            assert np.ptp(measured) == pytest.approx(np.ptp(put_in), rel=0.05)
            assert measured.argmin() - 10 == put_in.argmin() - int(truth["footprint_pre"])
            assert np.ptp(image, axis=0).max() == pytest.approx(np.ptp(measured), rel=0.02)

    def test_counts_on_an_offset_give_the_same_image(
        self, region: Any, images: ElectricalImages, trains: list[np.ndarray]
    ) -> None:
        class Shifted:
            segments = region.segments
            n_electrodes = region.n_electrodes

            def read_counts(self, segment: int, start: int, stop: int) -> np.ndarray:
                counts = region.read_counts(segment, start, stop).astype(np.int64)
                return (counts + 32_768).astype(np.uint16)

        shifted = electrical_images(
            Shifted(), trains, sampling_rate=region.sampling_rate, factors=region.factors_uv
        )

        assert shifted.data.tobytes() == images.data.tobytes()
