"""Frames: against scipy on the whole signal, across gaps, in the dark, and on the sample recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.signal import find_peaks

from hdmea.stimuli import frames as frames_module
from hdmea.stimuli.frames import detect_frames, recorded_percentile, step_maxima
from hdmea.utils.exceptions import ValidationError

FS = 20_000.0


def pulses(starts: npt.NDArray[np.int64], n_samples: int, height: float = 1e6) -> npt.NDArray[np.float32]:
    """A channel with pulses of 100 samples; `starts` are the first high samples."""
    signal = np.zeros(n_samples, dtype=np.float32)
    for start in starts:
        signal[start : start + 100] = height
    return signal


def reference(signal: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The definition, word for word, on a signal without gaps."""
    # The percentile has a test of its own: its last bit decides which of two equal steps is the higher one.
    scale = np.float64(recorded_percentile(signal)).astype(signal.dtype)
    peaks, _ = find_peaks(np.diff(signal / scale), height=0.1)
    return peaks


def test_the_index_is_the_sample_before_the_step_and_the_first_four_are_dropped() -> None:
    starts = np.arange(10) * 333 + 500

    found = detect_frames(pulses(starts, 5_000), None, FS)

    assert found.n_detected == 10
    assert found.frames.dtype == np.uint64
    assert found.frames.tolist() == (starts[4:] - 1).tolist()
    assert found.nominal_interval == 333
    assert found.reason is None
    assert found.warnings == ()


@settings(max_examples=150)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(30, 200),
        elements=st.integers(0, 12).map(float),
    ),
    st.sampled_from([7, 16, 1 << 18]),
)
def test_flips_are_those_of_scipy_whatever_the_slice_length(
    signal: npt.NDArray[Any], slice_length: int
) -> None:
    if not np.percentile(signal, 99.9) > 0:
        signal[3] = 12.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames_module, "_SLICE", slice_length)
        found = step_maxima(signal, 0.1, recorded_percentile(signal))

    assert found.samples.tolist() == reference(signal).tolist()


@settings(max_examples=100)
@given(hnp.arrays(np.float64, st.integers(1, 3000), elements=st.floats(-1e6, 1e6)), st.floats(50, 100))
def test_percentile_is_that_of_numpy(signal: npt.NDArray[np.float64], percent: float) -> None:
    expected = np.percentile(signal, percent)

    assert recorded_percentile(signal, None, percent) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_percentile_counts_recorded_samples_only() -> None:
    signal = np.random.default_rng(1).normal(size=20_000)
    recorded = np.concatenate([signal[:5_000], signal[9_000:]])
    signal[5_000:9_000] = np.nan

    expected = np.percentile(recorded, 99.9)

    assert recorded_percentile(signal, [[0, 5_000], [9_000, 20_000]]) == pytest.approx(expected, rel=1e-12)
    assert recorded_percentile(signal, None) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.float64])
def test_any_number_type_gives_the_same_frames(dtype: type) -> None:
    signal = pulses(np.arange(20) * 333 + 500, 8_000, height=30_000)

    assert np.array_equal(
        detect_frames(signal.astype(dtype), None, FS).frames, detect_frames(signal, None, FS).frames
    )


def test_a_gap_that_opens_in_the_dark_and_closes_in_the_light_is_no_flip() -> None:
    starts = np.arange(30) * 333 + 500
    signal = pulses(starts, 12_000)
    signal[4_300:5_850] = np.nan
    assert signal[5_850] > 0

    found = detect_frames(signal, [[0, 4_300], [5_850, 12_000]], FS, drop_first=0)

    recorded = (starts - 1 < 4_298) | (starts - 1 >= 5_850)
    assert found.frames.tolist() == (starts[recorded] - 1).tolist()
    assert len(found.regularity.runs) == 2
    assert any("explicit anchor" in warning for warning in found.warnings)


def test_segments_that_touch_do_not_make_an_edge_at_their_join() -> None:
    signal = pulses(np.arange(10) * 333 + 500, 5_000)
    signal[2_000:] += 2e6

    joined = detect_frames(signal, [[0, 2_000], [2_000, 5_000]], FS, drop_first=0)

    assert 1_999 not in joined.frames
    assert not len(joined.regularity.gaps)


def test_unrecorded_samples_inside_a_segment_are_never_an_edge() -> None:
    signal = pulses(np.arange(10) * 333 + 500, 5_000)
    signal[1_200:1_210] = np.nan

    found = detect_frames(signal, None, FS, drop_first=0)

    assert found.frames.tolist() == [499 + 333 * n for n in range(10)]


@pytest.mark.parametrize(
    "signal",
    [np.zeros(5_000, np.float32), np.full(5_000, -3.0, np.float32), np.full(5_000, np.nan, np.float32)],
)
def test_a_dark_or_empty_channel_has_no_frames_and_says_so(signal: npt.NDArray[np.float32]) -> None:
    found = detect_frames(signal, None, FS)

    assert found.frames.size == 0
    assert found.reason is not None
    assert "no display frames" in found.reason
    assert found.reason in found.warnings


def test_a_channel_of_length_zero_has_no_frames() -> None:
    assert detect_frames(np.empty(0, np.float32), np.empty((0, 2)), FS).reason is not None


@pytest.mark.parametrize("n_flips", [1, 3, 7])
def test_a_few_flips_are_no_display_and_counted(n_flips: int) -> None:
    found = detect_frames(pulses(np.arange(n_flips) * 333 + 500, 4_000), None, FS)

    assert found.frames.size == 0
    assert found.n_detected == n_flips
    assert f"only {n_flips} steps" in str(found.reason)


def test_more_flips_to_drop_than_there_are_is_said() -> None:
    found = detect_frames(pulses(np.arange(10) * 333 + 500, 5_000), None, FS, drop_first=10)

    assert found.frames.size == 0
    assert found.n_detected == 10
    assert "none is left" in str(found.reason)


def test_an_edge_in_two_parts_is_one_flip() -> None:
    signal = pulses(np.arange(20) * 333 + 500, 8_000)
    signal[2_831:2_835] = [2e5, 2e5, 4e5, 4e5]
    assert reference(signal).size == 22

    found = detect_frames(signal, None, FS, drop_first=0)

    assert found.frames.size == 20
    assert found.regularity.is_regular


@pytest.mark.parametrize("level", [6e5, 6e6, -6e6])
def test_the_level_of_the_channel_does_not_matter(level: float) -> None:
    signal = pulses(np.arange(20) * 333 + 500, 8_000, height=4e5) + np.float32(level)

    found = detect_frames(signal, None, FS, drop_first=0)

    assert found.frames.tolist() == [499 + 333 * n for n in range(20)]
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("fs", "drop", "stated"), [(0.0, 4, None), (float("nan"), 4, None), (FS, -1, None), (FS, 4, 0.0)]
)
def test_impossible_parameters_are_refused(fs: float, drop: int, stated: float | None) -> None:
    with pytest.raises(ValidationError):
        detect_frames(np.zeros(10), None, fs, drop_first=drop, display_rate_hz=stated)


def test_signals_of_two_dimensions_and_mixed_up_segments_are_refused() -> None:
    with pytest.raises(ValidationError, match="one dimension"):
        detect_frames(np.zeros((2, 10)), None, FS)
    with pytest.raises(ValidationError, match="ascending"):
        detect_frames(np.zeros(100), [[50, 100], [0, 50]], FS)


def read_sync(path: Path) -> tuple[npt.NDArray[np.float32], list[list[int]]]:
    """Frame-sync channel of a recording at 50 µs per sample, NaN in gaps, and its segments."""
    with h5py.File(path) as file:
        stream = file["Acquisition/Analog Data"]
        blocks = sorted(
            (int(block.attrs["From"][0]) // 50, block[1])
            for name, block in stream.items()
            if name.startswith("ChannelData")
        )
    segments = [[first, first + len(values)] for first, values in blocks]
    sync = np.full(segments[-1][1], np.nan, dtype=np.float32)
    for (first, last), (_, values) in zip(segments, blocks, strict=True):
        sync[first:last] = values
    return sync, segments


def test_sample_has_the_frames_that_its_description_states(shared_data: Path) -> None:
    sync, segments = read_sync(shared_data / "sample" / "sample.cmcr")

    found = detect_frames(sync, segments, FS)

    assert (found.n_detected, found.frames.size) == (28_570, 28_566)
    assert (int(found.frames[0]), int(found.frames[-1])) == (61_332, 9_583_000)
    assert found.regularity.is_regular
    assert found.warnings == ()
    truth = np.load(shared_data / "sample" / "sample_truth.npz")["frame_samples"]
    assert np.array_equal(found.frames, truth[4:].astype(np.int64) - 1)


def test_frames_of_a_recording_with_a_gap_come_in_two_runs(shared_data: Path) -> None:
    sync, segments = read_sync(shared_data / "variants" / "two_groups_gap" / "two-groups-Rec.cmcr")

    found = detect_frames(sync, segments, FS)

    assert found.regularity.gaps.tolist() == [[300_000, 340_000]]
    # 1675 flips were recorded; the steps of two lie on a segment's first and last sample.
    truth = np.load(shared_data / "variants" / "two_groups_gap" / "two-groups-Rec_truth.npz")["frame_samples"]
    at_the_border = np.isin(truth, [299_999, 340_000])
    recorded = (truth < 300_000) | (truth >= 340_000)
    assert found.frames.tolist() == (truth[recorded & ~at_the_border][4:] - 1).tolist()
    assert found.regularity.runs.tolist() == [[0, 836], [836, 1_673]]
    assert any("15.000 s to 17.000 s" in warning for warning in found.warnings)
