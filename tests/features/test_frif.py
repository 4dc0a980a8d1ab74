"""The firing rate in display frames against a histogram counted spike by spike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmea.declare import Recording
from hdmea.features.extractors.frif import firing_rate_in_frames, frif
from tests.features.recordings import RATE, recording


def counted(spikes: list[int], frames: list[int]) -> list[np.float32]:
    return [np.float32(sum(a <= s < b for s in spikes) * (RATE / (b - a))) for a, b in pairwise(frames)]


@settings(max_examples=100)
@given(
    gaps=st.lists(st.integers(1, 2000), min_size=1, max_size=40),
    first=st.integers(0, 5000),
    spikes=st.lists(st.integers(0, 60_000), max_size=60),
)
def test_equals_counting_for_any_frames(gaps: list[int], first: int, spikes: list[int]) -> None:
    frames = np.cumsum([first, *gaps]).tolist()

    rates = firing_rate_in_frames(np.array(sorted(spikes), np.uint64), np.array(frames, np.uint64), RATE)

    assert rates.dtype == np.float32
    assert rates.tolist() == counted(sorted(spikes), frames)


@settings(max_examples=30)
@given(shift=st.integers(0, 2**40), spikes=st.lists(st.integers(0, 4000), max_size=30))
def test_time_shift_changes_nothing(shift: int, spikes: list[int]) -> None:
    frames = np.arange(100, 4000, 333)
    train = np.array(sorted(spikes), np.int64)

    here = firing_rate_in_frames(train, frames, RATE)

    np.testing.assert_array_equal(firing_rate_in_frames(train + shift, frames + shift, RATE), here)


def test_every_spike_between_first_and_last_frame_is_counted_once() -> None:
    frames = np.arange(60_000, 600_000, 333)
    train = np.sort(np.random.default_rng(0).integers(0, 700_000, 5000))

    rates = firing_rate_in_frames(train, frames, RATE).astype(np.float64)

    assert (
        round((rates * np.diff(frames) / RATE).sum()) == ((train >= frames[0]) & (train < frames[-1])).sum()
    )


def test_units_get_rates_and_share_one_time_axis() -> None:
    table = frif.compute(recording([100, 150, 450], [], [699], frames=[100, 400, 700]))

    assert [rates.tolist() for rates in table.units["FRIF"]] == [
        pytest.approx([2 * RATE / 300, RATE / 300]),
        [0, 0],
        pytest.approx([0, RATE / 300]),
    ]
    assert table.recording["FRIF_x_axis"].tolist() == [0.005, 0.02]


def test_a_single_frame_has_no_duration() -> None:
    table = frif.compute(recording([5], frames=[100]))

    assert table.units["FRIF"][0].size == 0
    assert "fewer than two display frames" in table.reasons_for("unit_001")["FRIF"]


@pytest.mark.parametrize("frames", [None, []])
def test_without_frames_the_reason_says_what_to_run(frames: list[int] | None) -> None:
    (reason,) = frif.missing(recording([5], frames=frames))

    assert "display frames" in reason
    assert "a .cmcr file that has a frame sync channel" in reason


def test_a_bin_across_a_gap_is_no_frame() -> None:
    frames = np.array([0, 300, 600, 2000, 2300], np.uint64)
    metadata = {
        "acquisition_rate": np.array([20_000.0]),
        "recording_duration_s": np.array([0.12]),
        "frame_timestamps": frames,
        "segments": np.array([[0, 700], [1900, 2400]]),
    }
    spikes = np.array([10, 650, 2100], np.uint64)
    table = frif.compute(Recording({"unit_001": {"spike_times": spikes}}, metadata, {}))
    expected = [20_000 / 300, 0, np.nan, 20_000 / 300]
    np.testing.assert_allclose(table.units["FRIF"][0], expected, rtol=1e-6)
