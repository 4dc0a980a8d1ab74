"""Missing and double flips are found, counted, and put right on the nominal grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.stimuli.regularity import correct_frames, frame_grid, frame_regularity

FS = 20_000.0
INTERVAL = 333


def grid(n_frames: int = 300) -> np.ndarray:
    """Regular frames with the jitter of one sample that 60 Hz has on this clock."""
    return (np.round(np.arange(n_frames) * 20_000 / 60) + 1_000).astype(np.uint64)


def test_an_even_grid_is_regular() -> None:
    regularity = frame_regularity(grid(), None)

    assert regularity.is_regular
    assert regularity.nominal_interval == INTERVAL
    assert not regularity.shift.any()
    assert regularity.messages(FS) == []


def test_a_missing_flip_shifts_every_later_frame_by_one() -> None:
    frames = np.delete(grid(), 100)

    regularity = frame_regularity(frames, None)

    assert regularity.missing_at.tolist() == [int(grid()[99])]
    assert regularity.missing_count.tolist() == [1]
    assert regularity.shift[:100].tolist() == [0] * 100
    assert regularity.shift[100:].tolist() == [1] * 199
    assert "1 display flips are missing (at 1.700 s)" in regularity.messages(FS)[0]


def test_a_double_flip_shifts_every_later_frame_back_by_one() -> None:
    frames = np.sort(np.append(grid(), grid()[50] + np.uint64(40)))

    regularity = frame_regularity(frames, None)

    assert regularity.double_at.tolist() == [int(grid()[50]) + 40]
    assert regularity.shift[50] == 0
    assert set(regularity.shift[51:].tolist()) == {-1}
    assert "double" in regularity.messages(FS)[0]


def test_three_missing_in_a_row_count_three() -> None:
    regularity = frame_regularity(np.delete(grid(), [100, 101, 102]), None)

    assert regularity.missing_count.tolist() == [3]
    assert regularity.shift[-1] == 3


def test_many_irregular_flips_are_listed_shortly() -> None:
    message = frame_regularity(np.delete(grid(), np.arange(10, 200, 10)), None).messages(FS)[0]

    assert message.startswith("19 display flips are missing")
    assert "and 14 more" in message


def test_a_data_gap_is_no_missing_flip_and_starts_a_new_run() -> None:
    frames = grid()
    gap = (int(frames[100]) + 10, int(frames[130]) - 10)
    kept = np.delete(frames, np.arange(101, 130))

    regularity = frame_regularity(kept, [[0, gap[0]], [gap[1], 200_000]])

    assert regularity.missing_at.size == 0
    assert regularity.runs.tolist() == [[0, 101], [101, 271]]
    assert regularity.gaps.tolist() == [list(gap)]
    assert not regularity.is_regular
    assert (regularity.run_of(100), regularity.run_of(101), regularity.run_of(271)) == (0, 1, -1)


def test_shifts_are_counted_anew_after_a_data_gap() -> None:
    frames = grid()
    kept = np.delete(frames, [50, *range(101, 130), 200])
    segments = [[0, int(frames[100]) + 10], [int(frames[130]) - 10, 200_000]]

    regularity = frame_regularity(kept, segments)

    assert regularity.shift[99] == 1
    assert regularity.shift[100] == 0
    assert regularity.shift[-1] == 1


@pytest.mark.parametrize("n_frames", [0, 1])
def test_too_few_frames_have_no_interval(n_frames: int) -> None:
    regularity = frame_regularity(grid(n_frames), [[0, 1_000], [2_000, 3_000]])

    assert np.isnan(regularity.nominal_interval)
    assert regularity.shift.size == n_frames
    assert regularity.is_regular


@given(
    st.sets(st.integers(2, 297), max_size=20), st.sets(st.integers(2, 297), max_size=20), st.integers(20, 150)
)
def test_correction_restores_the_grid(missing: set[int], doubled: set[int], delay: int) -> None:
    doubled = {n for n in doubled if not {n - 1, n, n + 1} & missing}
    extra = grid()[sorted(doubled)] + np.uint64(delay)
    frames = np.sort(np.append(np.delete(grid(), sorted(missing)), extra))

    corrected = correct_frames(frames, None)

    assert corrected.dtype == np.uint64
    assert corrected.size == 300
    assert np.abs(corrected.astype(np.int64) - grid().astype(np.int64)).max() <= 10


def test_correction_of_a_flip_that_was_only_late_puts_it_back() -> None:
    frames = grid()
    frames[100] += np.uint64(200)

    regularity = frame_regularity(frames, None)
    corrected = correct_frames(frames, None)

    assert regularity.shift[-1] == 0
    assert np.abs(corrected.astype(np.int64) - grid().astype(np.int64)).max() <= 1


def test_regular_frames_are_not_touched_and_gaps_not_filled() -> None:
    frames = grid()
    kept = np.delete(frames, np.arange(101, 130))
    segments = [[0, int(frames[100]) + 10], [int(frames[130]) - 10, 200_000]]

    assert correct_frames(kept, segments) is kept
    holed = np.delete(kept, 20)
    assert np.abs(correct_frames(holed, segments).astype(np.int64) - kept.astype(np.int64)).max() <= 1


def test_jitter_below_half_a_frame_is_neither_missing_nor_double() -> None:
    rng = np.random.default_rng(4)
    ideal = np.arange(20_000) * FS / 60 + 1_000
    frames = np.sort(ideal + np.clip(rng.normal(0, 40, ideal.size), -160, 160)).astype(np.uint64)
    intervals = np.diff(frames.astype(np.int64))
    assert (intervals > 1.5 * INTERVAL).any()

    regularity = frame_regularity(frames, None)

    assert regularity.is_regular
    assert not regularity.shift.any()
    assert correct_frames(frames, None) is frames


def test_a_rate_that_drifts_keeps_its_grid() -> None:
    steps = np.linspace(FS / 59.5, FS / 60.5, 20_000)
    frames = np.delete(np.cumsum(steps), [5_000, 12_000]).astype(np.uint64)

    regularity = frame_regularity(frames, None)

    assert regularity.missing_count.tolist() == [1, 1]
    assert regularity.double_at.size == 0
    assert frame_grid(frames).on_grid == 1.0


def test_a_pause_is_listed_and_counts_no_flips() -> None:
    frames = np.delete(grid(600), np.arange(200, 300))

    regularity = frame_regularity(frames, None)

    assert regularity.pauses.tolist() == [[int(grid(600)[199]), int(grid(600)[300])]]
    assert regularity.is_regular
    assert correct_frames(frames, None) is frames
    assert "did not flip from 3.37 to 5.05 s" in str(regularity.pause_message(FS))
    assert frame_regularity(grid(), None).pause_message(FS) is None


def test_late_frames_are_not_filled() -> None:
    frames = np.delete(grid(), [100, 200])
    holes = frame_regularity(frames, None).missing_at

    corrected = correct_frames(frames, None, late_at=holes[:1])

    difference = corrected.astype(np.int64) - np.delete(grid(), 100).astype(np.int64)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("rate", [24.0, 59.0, 60.7, 75.0, 120.0])
def test_the_grid_tells_the_rate(rate: float) -> None:
    frames = np.floor(np.arange(3_000) * FS / rate)

    assert FS / frame_grid(frames).interval == pytest.approx(rate, rel=1e-4)


def test_random_times_keep_no_grid() -> None:
    frames = np.sort(np.random.default_rng(7).integers(0, 2_000_000, 6_000))

    assert frame_grid(frames).on_grid < 0.7
    assert np.isnan(frame_grid([]).on_grid)
    assert np.isnan(frame_grid([5]).interval)
