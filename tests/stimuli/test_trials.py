"""Trials and their spikes: the definition, brute force, and the spike counts of the sample."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdmea.stimuli.definition import SectionKwargs
from hdmea.stimuli.trials import movie_trials, pad_samples, section_trials, trial_ranges, trial_windows

FRAMES = (1_000 + np.arange(2_000) * 333).astype(np.uint64)


def layout(start: int = 5, length: int = 20, repeat: int = 3, **groups: int) -> SectionKwargs:
    return SectionKwargs(start_frame=start, trial_length_frame=length, repeat=repeat, **groups)


def test_trials_follow_each_other_from_content_start() -> None:
    trials = movie_trials("m", [100], [0], layout(), FRAMES, None)

    assert trials.frames.tolist() == [[105, 125], [125, 145], [145, 165]]
    assert trials.samples.tolist() == FRAMES.astype(np.int64)[trials.frames].tolist()
    assert trials.samples.dtype == np.int64
    assert trials.warnings == ()


def test_groups_are_apart_by_their_gap_and_occurrences_numbered_on() -> None:
    trials = movie_trials("m", [100, 500], [0, 0], layout(repeat=2, group_count=2, group_gap=7), FRAMES, None)

    assert trials.frames[:, 0].tolist() == [105, 125, 152, 172, 505, 525, 552, 572]
    assert trials.number.tolist() == list(range(8))
    assert trials.section.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(("content", "kept"), [(-30, [2]), (1_955, [0]), (1_935, [0, 1]), (1_934, [0, 1, 2])])
def test_trials_outside_the_frames_are_dropped_and_numbers_kept(content: int, kept: list[int]) -> None:
    trials = movie_trials("m", [content], [0], layout(), FRAMES, None)

    assert trials.number.tolist() == kept
    assert bool(trials.warnings) == (len(kept) < 3)


def test_trials_across_and_after_a_gap_are_dropped() -> None:
    gap = int(FRAMES[130]) + 1, int(FRAMES[131]) - 1

    trials = movie_trials("m", [100], [0], layout(), FRAMES, [[0, gap[0]], [gap[1], 10**6]])

    assert trials.number.tolist() == [0]
    assert "2 of 3 trials" in trials.warnings[0]
    assert "(trials 1, 2)" in trials.warnings[0]


def test_trials_behind_a_missing_flip_are_marked() -> None:
    trials = movie_trials("m", [100], [2], layout(), np.delete(FRAMES, 130), None)

    assert trials.frame_shift.tolist() == [[2, 2], [2, 3], [3, 3]]
    assert "shift 3 of 3 trials" in trials.warnings[0]


def test_sections_found_in_the_light_are_trials_themselves() -> None:
    trials = section_trials(np.array([[10, 20], [30, 44]]))

    assert trials.samples.tolist() == [[10, 20], [30, 44]]
    assert trials.number.tolist() == [0, 1]
    assert trials.frames.shape == (0, 2)


def test_pads_are_rounded_to_samples() -> None:
    assert pad_samples((0.5, 0.10001), 17_852.0) == (8926, 1785)


sorted_spikes = hnp.arrays(np.uint64, st.integers(0, 200), elements=st.integers(0, 3_000)).map(np.sort)
trial_times = st.lists(
    st.tuples(st.integers(0, 3_000), st.integers(0, 800)).map(lambda v: (v[0], v[0] + v[1])), max_size=8
).map(lambda rows: np.array(rows, dtype=np.int64).reshape(-1, 2))


@given(sorted_spikes, trial_times, st.integers(0, 500), st.integers(0, 500))
def test_ranges_are_what_brute_force_selects(
    spikes: npt.NDArray[np.uint64], trials: npt.NDArray[np.int64], pre: int, post: int
) -> None:
    ranges = trial_ranges(spikes, trial_windows(trials, pre, post))

    assert ranges.dtype == np.int64
    assert ranges.shape == trials.shape
    for (first, last), (t0, t1) in zip(ranges.tolist(), trials.tolist(), strict=True):
        wanted = [s for s in spikes.tolist() if t0 - pre <= s < t1 + post]
        assert spikes[first:last].tolist() == wanted


@given(sorted_spikes, trial_times, st.integers(0, 10**12))
def test_a_shift_of_time_changes_nothing(
    spikes: npt.NDArray[np.uint64], trials: npt.NDArray[np.int64], shift: int
) -> None:
    there = trial_ranges(spikes + np.uint64(shift), trial_windows(trials + shift, 0, 0))

    assert np.array_equal(there, trial_ranges(spikes, trial_windows(trials, 0, 0)))


@given(sorted_spikes, trial_times)
def test_the_integer_type_of_spikes_does_not_matter(
    spikes: npt.NDArray[np.uint64], trials: npt.NDArray[np.int64]
) -> None:
    windows = trial_windows(trials, 10, 10)

    assert np.array_equal(trial_ranges(spikes.astype(np.int64), windows), trial_ranges(spikes, windows))


def test_times_beyond_the_precision_of_floats_are_exact() -> None:
    spikes = np.array([2**60 - 1, 2**60, 2**60 + 1], dtype=np.uint64)

    ranges = trial_ranges(spikes, trial_windows(np.array([[2**60, 2**60 + 1]]), 0, 0))

    assert ranges.tolist() == [[1, 2]]


COUNTS = {
    "baseline_127": "3 3 8 7 5 4 8 2 3 5 78 0 23 22",
    "perfect_dense_noise_15x15_15hz_r42_1min": "1000 1049 1007 970 1138 1089 1092 1009 1171 1064 "
    "754 0 443 445",
    "step_up_5s_5i_b0_3x": "36,34,19 190,210,167 27,32,23 164,156,155 33,40,36 39,46,30 94,104,114 94,91,97 "
    "94,88,94 73,80,66 150,147,137 0,0,0 61,82,76 57,72,83",
    "green_blue_3s_3i_3x": "40,46,45 215,211,232 51,53,56 164,160,175 57,74,64 77,71,50 123,118,124 "
    "107,95,94 74,74,76 90,108,99 174,155,179 0,0,0 99,93,99 68,38,86",
    "freq_step_5st_3x": "214,190,195 256,227,244 261,274,255 305,281,276 209,205,239 272,290,253 270,278,255 "
    "227,212,237 267,233,239 494,510,486 287,291,313 0,0,0 216,175,191 206,171,199",
    "moving_h_bar_s5_d8_3x": "191,184,161 210,205,190 161,183,167 197,195,216 190,152,147 146,130,140 "
    "141,135,153 199,179,197 168,180,170 178,192,179 1758,1778,1652 0,0,0 598,614,554 481,494,473",
}


def expected(movie: str) -> list[list[int]]:
    """Spikes per unit and trial as the sample's description lists them."""
    return [[int(count) for count in unit.split(",")] for unit in COUNTS[movie].split()]


@pytest.mark.parametrize("movie", COUNTS)
def test_spikes_per_trial_of_the_sample_are_exact(shared_data: Path, movie: str) -> None:
    folder = shared_data / "sample"
    arrays = np.load(folder / "sample_truth.npz")
    truth = json.loads((folder / "sample_truth.json").read_text(encoding="utf-8"))
    (facts,) = [entry for entry in truth["movies"] if entry["name"] == movie]
    frames = arrays["frame_samples"][4:] - 1
    offsets = arrays["spike_offsets"]

    trials = movie_trials(movie, [facts["first_frame"]], [0], SectionKwargs(**facts["section"]), frames, None)

    windows = trial_windows(trials.samples, 0, 0)
    counts = [
        np.diff(trial_ranges(arrays["spike_samples"][first:last], windows)).ravel().tolist()
        for first, last in itertools.pairwise(offsets)
    ]
    assert counts == expected(movie)
