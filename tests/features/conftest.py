"""Results on the sample recording that several tests start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hdmea.features.science.electrical_image import electrical_images
from hdmea.features.science.spike_triggered_average import movie_frames_of_spikes, spike_triggered_averages
from hdmea.recordings.mcs.cmcr import CmcrReader


@pytest.fixture(scope="session")
def sample_images(shared_data: Path, sample_raw: Path) -> NDArray[np.float32]:
    """(units, window, rows, cols) electrical images of the sample recording, in µV."""
    truth = np.load(shared_data / "sample" / "sample_truth.npz")
    trains = np.split(truth["spike_samples"].astype(np.int64), truth["spike_offsets"][1:-1].astype(int))
    with CmcrReader(sample_raw) as reader:
        region = reader.sensor
        assert region is not None
        images = electrical_images(
            region, trains, sampling_rate=region.sampling_rate, factors=region.factors_uv, workers=2
        )
        return np.stack([region.to_rows_cols(image) for image in images.data])


@pytest.fixture(scope="session")
def sample_averages(shared_data: Path) -> NDArray[np.float32]:
    """(units, 60, 15, 15) spike-triggered averages of the sample recording."""
    truth = np.load(shared_data / "sample" / "sample_truth.npz")
    trains = np.split(truth["spike_samples"].astype(np.int64), truth["spike_offsets"][1:-1].astype(int))
    path = shared_data / "sample" / "stimuli" / "perfect_dense_noise_15x15_15hz_r42_1min.npy"
    movie = np.load(path, mmap_mode="r")
    frames = truth["frame_samples"][4:].astype(np.int64) - 1
    content = int(np.searchsorted(frames, 8_302_999)) + 60
    spike_frames = [movie_frames_of_spikes(train, frames, [content], len(movie)) for train in trains]
    return spike_triggered_averages(movie, spike_frames, (-60, 0), workers=2).data
