"""Results on the sample recording that several tests start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hdmea.features.electrical_image import electrical_images
from hdmea.io.cmcr import CmcrReader


@pytest.fixture(scope="session")
def sample_images(shared_data: Path) -> NDArray[np.float32]:
    """(units, window, rows, cols) electrical images of the sample recording, in µV."""
    truth = np.load(shared_data / "sample" / "sample_truth.npz")
    trains = np.split(truth["spike_samples"].astype(np.int64), truth["spike_offsets"][1:-1].astype(int))
    with CmcrReader(shared_data / "sample" / "sample.cmcr") as reader:
        region = reader.sensor
        assert region is not None
        images = electrical_images(
            region, trains, sampling_rate=region.sampling_rate, factors=region.factors_uv, workers=2
        )
        return np.stack([region.to_rows_cols(image) for image in images.data])
