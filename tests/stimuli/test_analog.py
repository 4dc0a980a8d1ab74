"""Onsets in the light channel itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import find_peaks

from hdmea.stimuli.analog import analog_sections, light_onsets
from hdmea.utils.exceptions import ValidationError
from tests.stimuli.test_frames import FS, pulses


def test_onsets_are_the_samples_before_the_steps() -> None:
    onsets = light_onsets(pulses(np.array([1_000, 4_000, 9_000]), 12_000), None, 1e5, 500)

    assert onsets.samples.tolist() == [999, 3_999, 8_999]
    assert onsets.largest_step == 1e6


def test_only_what_comes_after_the_first_sample_counts() -> None:
    onsets = light_onsets(pulses(np.array([1_000, 4_000, 9_000]), 12_000), None, 1e5, 500, first_sample=1_500)

    assert onsets.samples.tolist() == [3_999, 8_999]


def test_of_onsets_too_close_the_larger_counts() -> None:
    light = pulses(np.array([1_000, 1_300, 4_000]), 12_000)
    light[1_300:1_400] *= 2

    assert light_onsets(light, None, 1e5, 500).samples.tolist() == [1_299, 3_999]


def test_of_equal_onsets_too_close_the_earlier_counts() -> None:
    light = pulses(np.array([1_000, 1_300, 1_600]), 12_000)

    assert light_onsets(light, None, 1e5, 500).samples.tolist() == [999, 1_599]


@given(hnp.arrays(np.float64, st.integers(3, 150), elements=st.floats(0, 1e3)), st.integers(1, 30))
def test_onsets_are_those_of_scipy(noise: npt.NDArray[np.float64], distance: int) -> None:
    light = np.cumsum(noise)
    steps = np.diff(light)
    if np.unique(steps).size < steps.size:
        light = np.cumsum(np.random.default_rng(noise.size).permutation(noise.size).astype(float))
        steps = np.diff(light)

    expected, _ = find_peaks(steps, height=5.0, distance=distance)

    assert light_onsets(light, None, 5.0, distance).samples.tolist() == expected.tolist()


def test_gaps_hold_no_onset_and_end_sections() -> None:
    light = pulses(np.array([1_000, 6_000]), 12_000)
    light[3_000:5_000] = np.nan
    light[5_000:5_100] = 1e6
    segments = [[0, 3_000], [5_000, 12_000]]

    onsets = light_onsets(light, segments, 1e5, 500)

    assert onsets.samples.tolist() == [999, 5_999]
    assert analog_sections(onsets.samples, 4_000, segments, 12_000).tolist() == [[999, 3_000], [5_999, 9_999]]


def test_nothing_to_find_states_the_largest_step() -> None:
    onsets = light_onsets(pulses(np.array([1_000]), 3_000, height=7.0), None, 10.0, 500)

    assert onsets.samples.size == 0
    assert onsets.largest_step == 7.0
    assert np.isnan(light_onsets(np.ones(5), None, 1.0, 5, first_sample=5).largest_step)


def test_a_threshold_must_be_positive() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        light_onsets(np.zeros(10), None, 0.0, 5)


def test_flashes_of_the_sample_are_found_after_the_last_frame(shared_data: Path) -> None:
    import h5py

    with h5py.File(shared_data / "sample" / "sample.cmcr") as file:
        light = file["Acquisition/Analog Data/ChannelData 1"][0].astype(np.float32)

    onsets = light_onsets(light, None, 5e5, 0.8 * 4 * FS, first_sample=9_583_001)

    assert onsets.samples.tolist() == [9_623_333, 9_703_333, 9_783_333]
