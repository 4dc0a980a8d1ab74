"""Sections: the frame counter, margins and clipping, irregular flips, data gaps and anchors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmea.stimuli.sections import LocatedSections, locate_sections, parse_anchors, plan_sections
from hdmea.utils.exceptions import ConfigurationError, ValidationError

LENGTHS = {"a": 100, "b": 50}


def grid(n_frames: int, first: int = 1_000) -> npt.NDArray[np.uint64]:
    return (first + np.arange(n_frames) * 333).astype(np.uint64)


def locate(
    frames: npt.NDArray[np.uint64],
    segments: list[list[int]] | None = None,
    movies: tuple[str, ...] = ("a", "b"),
    reanchor: dict[str, int] | None = None,
    **margins: int,
) -> LocatedSections:
    plan = plan_sections(movies, LENGTHS, **{"pad_frame": 18, **margins})
    return locate_sections(plan, frames, segments, anchors=parse_anchors(reanchor or {}, plan))


def test_the_counter_is_that_of_the_definition() -> None:
    plan = plan_sections(
        ["a", "b"], LENGTHS, repeats=2, pad_frame=18, pre_margin_frame_num=6, post_margin_frame_num=12
    )

    assert [(p.label, p.start, p.content, p.end) for p in plan] == [
        ("a", 12, 18, 131),
        ("b", 149, 155, 218),
        ("a#2", 236, 242, 355),
        ("b#2", 373, 379, 442),
    ]


def test_a_movie_without_a_known_length_is_named() -> None:
    with pytest.raises(ConfigurationError, match="length of lost"):
        plan_sections(["a", "lost"], LENGTHS)


def test_sections_are_samples_of_their_frames() -> None:
    frames = grid(300)

    located = locate(frames, movies=("a", "b", "a")[:2], pre_margin_frame_num=6, post_margin_frame_num=12)

    assert located.warnings == []
    assert located.movies["a"].samples.tolist() == [[int(frames[12]), int(frames[131])]]
    assert located.movies["a"].samples.dtype == np.int64
    assert located.movies["b"].content_frame.tolist() == [155]


def test_occurrences_of_a_movie_are_rows() -> None:
    located = locate(grid(600), movies=("a", "b", "a"), pre_margin_frame_num=0, post_margin_frame_num=0)

    assert list(located.movies) == ["a", "b"]
    assert located.movies["a"].content_frame.tolist() == [18, 242]
    assert located.movies["a"].occurrence.tolist() == [1, 2]


@given(st.integers(0, 40), st.integers(0, 400))
def test_content_frames_do_not_depend_on_margins_or_clipping(pre: int, post: int) -> None:
    located = locate(grid(240), pre_margin_frame_num=pre, post_margin_frame_num=post)

    assert located.movies["a"].content_frame.tolist() == [18]
    assert located.movies["b"].content_frame.tolist() == [155]


def test_sections_beyond_the_frames_are_clipped_with_a_warning() -> None:
    frames = grid(180)

    located = locate(frames, pre_margin_frame_num=30, post_margin_frame_num=12)

    assert located.movies["a"].samples[0, 0] == frames[0]
    assert located.movies["b"].samples[0, 1] == frames[-1]
    assert located.warnings == [
        "The section of a reaches outside the recorded frames: clipped by 12 frames at its start.",
        "The section of b reaches outside the recorded frames: clipped by 39 frames at its end.",
    ]


def test_a_movie_after_the_end_of_the_recording_has_no_section() -> None:
    located = locate(grid(150), pre_margin_frame_num=0, post_margin_frame_num=0)

    assert list(located.movies) == ["a"]
    assert "begins at frame 155, the recording ends with frame 149" in located.refused["b"]
    assert any("b has no section" in warning for warning in located.warnings)


def test_without_frames_everything_is_refused() -> None:
    assert locate(np.empty(0, np.uint64)).refused == {
        "a": "the recording has no display frames.",
        "b": "the recording has no display frames.",
    }


@pytest.mark.parametrize(("missing", "shift"), [([140], 1), ([60, 61, 140], 3)])
def test_missing_flips_shift_later_sections(missing: list[int], shift: int) -> None:
    located = locate(np.delete(grid(300), missing), pre_margin_frame_num=0, post_margin_frame_num=0)

    assert located.movies["a"].frame_shift.tolist() == [0]
    assert located.movies["b"].frame_shift.tolist() == [shift]
    assert any(f"b (+{shift})" in warning for warning in located.warnings)


def test_double_flips_shift_the_other_way() -> None:
    frames = np.sort(np.append(grid(300), grid(300)[140] + np.uint64(50)))

    assert locate(frames).movies["b"].frame_shift.tolist() == [-1]


def with_gap(first: int, last: int, n_frames: int = 600) -> tuple[npt.NDArray[np.uint64], list[list[int]]]:
    """Frames `first` to `last` are not recorded."""
    frames = grid(n_frames)
    gap = int(frames[first]) - 10, int(frames[last]) + 10
    return np.delete(frames, np.arange(first, last + 1)), [[0, gap[0]], [gap[1], 10**6]]


def test_movies_after_a_gap_are_refused_without_an_anchor() -> None:
    frames, segments = with_gap(130, 150)

    located = locate(frames, segments, pre_margin_frame_num=0, post_margin_frame_num=0)

    assert list(located.movies) == ["a"]
    assert "after a gap" in located.refused["b"]
    assert "Re-anchor" in located.refused["b"]


@pytest.mark.parametrize("error", [-150, 0, 150])
def test_an_anchor_takes_the_nearest_frame_and_later_movies_count_from_it(error: int) -> None:
    frames, segments = with_gap(130, 150)
    true = grid(600)
    anchor = {"b": int(true[155]) + error}

    located = locate(
        frames,
        segments,
        movies=("a", "b", "a"),
        reanchor=anchor,
        pre_margin_frame_num=2,
        post_margin_frame_num=12,
    )

    assert located.refused == {}
    assert located.movies["b"].samples.tolist() == [[int(true[153]), int(true[218])]]
    assert located.movies["a"].samples[1].tolist() == [int(true[240]), int(true[355])]
    assert frames[located.movies["a"].content_frame].tolist() == [int(true[18]), int(true[242])]


def test_an_anchor_before_the_gap_does_not_help_after_it() -> None:
    frames, segments = with_gap(230, 238)

    located = locate(frames, segments, movies=("a", "b", "a"), reanchor={"b#1": int(frames[155])})

    assert list(located.refused) == ["a#2"]


def test_sections_end_where_the_gap_begins() -> None:
    frames, segments = with_gap(100, 110)

    located = locate(frames, segments, pre_margin_frame_num=0, post_margin_frame_num=0)

    assert located.movies["a"].samples[0, 1] == frames[99]
    assert any("clipped by 20 frames at its end" in warning for warning in located.warnings)


def test_shift_counts_from_the_anchor() -> None:
    frames, segments = with_gap(130, 150)
    holed = np.delete(frames, [132, 200])

    located = locate(holed, segments, movies=("a", "b", "a"), reanchor={"b": int(grid(600)[155])})

    assert located.movies["b"].frame_shift.tolist() == [0]
    assert located.movies["a"].frame_shift.tolist() == [0, 1]


def test_an_anchor_without_a_frame_is_refused() -> None:
    with pytest.raises(ValidationError, match="No display frame is within half an interval of sample 5"):
        locate(grid(300), reanchor={"b": 5})


def test_an_anchor_of_something_that_was_not_shown_lists_what_was() -> None:
    with pytest.raises(ConfigurationError, match=r"no a#2, zzz to re-anchor. It has: a, b"):
        locate(grid(300), reanchor={"a#2": 5, "zzz": 7})


def test_anchors_must_not_run_backwards() -> None:
    frames, segments = with_gap(130, 150)

    with pytest.raises(ValidationError, match="before the anchor of an earlier movie"):
        locate(frames, segments, reanchor={"a": int(frames[200]), "b": int(frames[10])})


def sample_plan(folder: Path) -> tuple[list[str], dict[str, int]]:
    with (folder / "movie_length.csv").open(encoding="utf-8") as file:
        lengths = {row["movie_name"]: int(row["movie_length"]) for row in csv.DictReader(file)}
    return list(lengths), lengths


def test_sections_of_the_sample_are_those_of_its_description(shared_data: Path) -> None:
    folder = shared_data / "sample"
    frames = np.load(folder / "sample_truth.npz")["frame_samples"][4:] - 1
    movies, lengths = sample_plan(folder)

    located = locate_sections(plan_sections(movies, lengths), frames, [[0, 9_920_000]])

    assert located.warnings == []
    assert {movie: found.samples.tolist() for movie, found in located.movies.items()} == {
        "baseline_127": [[101333, 221667]],
        "step_up_5s_5i_b0_3x": [[281666, 1041999]],
        "green_blue_3s_3i_3x": [[1101998, 1942333]],
        "freq_step_5st_3x": [[2002331, 3582667]],
        "moving_h_bar_s5_d8_3x": [[3642666, 8242999]],
        "perfect_dense_noise_15x15_15hz_r42_1min": [[8302999, 9563333]],
    }
    truth = json.loads((folder / "sample_truth.json").read_text(encoding="utf-8"))
    for movie in truth["movies"]:
        assert located.movies[movie["name"]].content_frame.tolist() == [movie["first_frame"]]
