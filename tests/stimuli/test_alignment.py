"""What was said to be shown against the light: every fault is found to the frame, none where all fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hdmea.simulate.light_faults import LIGHT_FAULTS, ShownLight, courses_of, shown_light
from hdmea.stimuli.alignment import (
    AlignedSection,
    FrameLight,
    LevelCourse,
    StatedSection,
    align_sections,
    course_of_colours,
    frame_light,
    irregular_flips,
    is_inverted,
    light_delay_frames,
)
from hdmea.stimuli.alignment_report import AlignmentReport, FlipDecision, report

STEPS, COLOURS, SINES = "step_up_5s_5i_b0_3x", "green_blue_3s_3i_3x", "freq_step_5st_3x"
NOISE, OTHER = "perfect_dense_noise_15x15_15hz_r42_1min", "other_noise_15x15_15hz_r7_1min"
FINE = [
    "all as stated",
    "noise of 1 %",
    "noise of 10 %",
    "photodiode sees 3 × 3 pixels",
    "photodiode sees 3 × 3 pixels at the side",
    "blue at 0.3 of green",
    "light channel dark",
]


def aligned(kind: str, seed: int = 1, **changes: Any) -> tuple[ShownLight, list[AlignedSection]]:
    shown = shown_light(replace(LIGHT_FAULTS[kind], **changes), seed)
    courses = courses_of(LIGHT_FAULTS[kind].stated)
    sections = align_sections(
        shown.light, shown.sections, courses, lambda: courses_of().values(), shown.breaks
    )
    return shown, sections


def told(kind: str, seed: int = 1, latency: int | None = None, **changes: Any) -> AlignmentReport:
    shown, sections = aligned(kind, seed, **changes)
    courses = courses_of(LIGHT_FAULTS[kind].stated)
    decided = irregular_flips(shown.light, shown.breaks, shown.missing, sections, courses)
    flips = [
        FlipDecision(int(frame), int(count), said, frame / 60)
        for frame, count, said in zip(shown.breaks, shown.missing, decided, strict=True)
    ]
    pad = LIGHT_FAULTS[kind].stated_pad
    return report(sections, interval_s=1 / 60, pad_frame=pad, flips=flips, display_latency_frames=latency)


def test_lost_and_double_flips_are_told_apart_one_by_one() -> None:
    shown, sections = aligned("flips lost and doubled in several movies")
    courses = courses_of(LIGHT_FAULTS["all as stated"].stated)

    decided = irregular_flips(shown.light, shown.breaks, shown.missing, sections, courses)

    assert decided == ["lost", "double", "lost", "lost", "lost", "double"]
    said = told("flips lost and doubled in several movies")
    assert said.common_lag == 0
    assert said.lags[(NOISE, 1)] == -4 + 2
    assert len(said.warnings) == 1
    assert "Lost display flips: 4 " in said.warnings[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", FINE)
def test_nothing_is_said_where_all_fits(kind: str, seed: int) -> None:
    said = told(kind, seed)

    assert said.warnings == []
    assert not any(said.marks.values())
    assert said.common_lag == (None if kind == "light channel dark" else 0)
    assert any("baseline_127 (its mean level does not change)" in text for text in said.information)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "kind",
    [
        "two movies exchanged",
        "first movie forgotten",
        "length 4 frames too short",
        "length 4 frames too long",
        "a stray first flip",
        "a lost first flip",
        "padding of 150 for 180",
        "wrong noise of the same length",
        "wrong noise, noise of 5 %",
        "display latency of 3 frames",
        "a flip lost in the bars",
        "a flip lost before the steps",
        "flips lost and doubled in several movies",
    ],
)
def test_every_claim_is_right_to_the_frame(kind: str, seed: int) -> None:
    shown, sections = aligned(kind, seed)

    for entry in sections:
        true = shown.true_content.get(entry.section.movie)
        if entry.state in ("checked", "lag", "elsewhere") and not entry.begin:
            assert true is not None
            assert entry.section.content + entry.lag == true
    assert sum(entry.state in ("checked", "lag", "elsewhere") for entry in sections) >= 4


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("length 4 frames too short", "From freq_step_5st_3x on: the light fits 4 frames later"),
        ("length 4 frames too short", "green_blue_3s_3i_3x had 2340 frames and not 2336"),
        ("length 4 frames too long", "From freq_step_5st_3x on: the light fits 4 frames earlier"),
        ("a stray first flip", "all movies comes 1 frame (17 ms) after their flips"),
        ("a stray first flip, noise of 10 %", "all movies comes 1 frame (17 ms) after their flips"),
        ("a lost first flip", "all movies comes 1 frame (17 ms) before their flips"),
        ("display latency of 3 frames", "all movies comes 3 frames (50 ms) after their flips"),
        ("padding of 150 for 180", "padding of 150 frames, not 180"),
        ("first movie forgotten", "baseline_127, the first movie of the playlist, was not shown"),
        ("wrong noise of the same length", f"Section of {NOISE}: the light is that of {OTHER}"),
        ("two movies exchanged", f"Section of {STEPS}: the light is that of {COLOURS}"),
        ("a flip lost in the bars", "Lost display flips: 1 "),
        ("a flip lost before the steps", "Lost display flips: 1 "),
    ],
)
def test_the_fault_is_named(kind: str, what: str) -> None:
    said = told(kind)

    assert any(what in warning for warning in said.warnings)
    assert len(said.warnings) == (3 if kind == "two movies exchanged" else 1)
    assert any(said.marks.values())


@pytest.mark.parametrize(
    "seen", [{"noise": 0.05}, {"noise": 0.1, "blue_gain": 0.3}, {"spot": (6, 9, 6, 9), "noise": 0.05}]
)
@pytest.mark.parametrize(
    "kind",
    [
        "two movies exchanged",
        "length 4 frames too short",
        "length 4 frames too long",
        "a stray first flip",
        "padding of 150 for 180",
        "a flip lost before the steps",
    ],
)
def test_with_bad_light_every_section_still_gets_its_own_lag(kind: str, seen: dict[str, Any]) -> None:
    shown, sections = aligned(kind, **seen)
    said = told(kind, **seen)

    assert any(entry.state == "not checkable" or len(entry.supports) > 1 for entry in sections)
    for entry in sections:
        section = entry.section
        if section.movie != "baseline_127":
            assert section.content + said.lags[(section.movie, 1)] == shown.true_content[section.movie]
    assert len(said.warnings) == (3 if kind == "two movies exchanged" else 1)


def test_a_movie_that_fits_both_ways_does_not_make_a_lost_flip_late() -> None:
    said = told("a flip lost before the steps", noise=0.1)

    assert "Lost display flips: 1 " in said.warnings[0]
    assert not any("Late display frames" in text for text in said.information)


def test_a_known_display_latency_is_silent() -> None:
    said = told("display latency of 3 frames", latency=3)

    assert said.common_lag == 3
    assert said.warnings == []
    assert not any(said.marks.values())


def test_marks_say_which_sections_are_concerned_and_why() -> None:
    marks = told("length 4 frames too short").marks
    assert marks[(COLOURS, 1)] == []
    assert marks[(SINES, 1)] == [("not aligned", "the light fits 4 frames (67 ms) later")]

    marks = told("wrong noise of the same length").marks
    assert [key for key, value in marks.items() if value] == [(NOISE, 1)]

    marks = told("a flip lost in the bars").marks
    assert marks[("moving_h_bar_s5_d8_3x", 1)] == [("flips lost", "1 during it")]
    assert marks[(NOISE, 1)] == [("flips lost", "1 before it")]


@pytest.mark.parametrize("kind", ["a late frame in the bars", "a late frame before the steps"])
def test_a_late_frame_shifts_nothing_and_is_information(kind: str) -> None:
    said = told(kind)

    assert said.common_lag == 0
    assert said.warnings == []
    assert any("Late display frames: 1 " in text for text in said.information)


def test_without_light_neither_lost_nor_late_is_claimed() -> None:
    shown = shown_light(LIGHT_FAULTS["a flip lost in the bars"])
    courses = courses_of(LIGHT_FAULTS["a flip lost in the bars"].stated)
    dark = FrameLight(np.full_like(shown.light.mean, 3.0), shown.light.valid, 1 / 60)
    sections = align_sections(dark, shown.sections, courses)

    assert {entry.state for entry in sections} == {"not checkable"}
    assert irregular_flips(dark, shown.breaks, shown.missing, sections, courses) == ["not known"]


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.45, -0.3])
def test_the_delay_within_a_frame_is_measured(delay: float) -> None:
    levels = courses_of((NOISE,))[NOISE].levels
    course = np.concatenate((np.full(50, 0.5), levels[:, 0], np.full(50, 0.5)))
    beside = np.roll(course, 1 if delay > 0 else -1)
    seen = (1 - abs(delay)) * course + abs(delay) * beside
    noise = np.random.default_rng(3).normal(0, 0.002, seen.size)
    light = FrameLight(seen + noise, np.ones(seen.size, bool), 1 / 60)

    assert light_delay_frames(light, levels, 50) == pytest.approx(delay, abs=0.03)


def test_frame_light_is_the_mean_between_flips() -> None:
    rng = np.random.default_rng(5)
    frames = np.sort(rng.choice(np.arange(100, 9_900), 40, replace=False)).astype(np.uint64)
    light = rng.normal(size=12_000).astype(np.float32)
    light[int(frames[7]) + 2] = np.nan

    found = frame_light(light, frames)

    for index in range(39):
        part = light[int(frames[index]) + 1 : int(frames[index + 1]) + 1]
        assert found.mean[index] == pytest.approx(
            np.nanmean(part) if index == 7 else part.mean(), abs=1e-6
        ) or (not found.valid[index])


def test_frames_across_gaps_are_not_valid() -> None:
    frames = np.concatenate((np.arange(0, 10_000, 333), np.arange(50_000, 60_000, 333)))
    light = np.ones(70_000, np.float32)
    light[10_500:49_900] = np.nan

    found = frame_light(light, frames, [[0, 10_500], [49_900, 70_000]])

    assert np.flatnonzero(~found.valid).tolist() == [30]
    assert np.isfinite(found.mean).all()


def test_a_movie_of_the_same_levels_is_not_told_from_another() -> None:
    course = courses_of((STEPS,))[STEPS]
    twin = LevelCourse("twin", course.levels.copy())
    kind = LIGHT_FAULTS["all as stated"]
    shown = shown_light(kind)
    stated = [
        StatedSection("wrong", 1, entry.content, 2100, entry.position) if entry.movie == STEPS else entry
        for entry in shown.sections
    ]
    wrong = course_of_colours("wrong", np.linspace(0, 1, 2100) ** 2)
    courses = {**courses_of(kind.stated), "wrong": wrong}
    courses.pop(STEPS)

    sections = align_sections(shown.light, stated, courses, lambda: [course, twin])

    (entry,) = [entry for entry in sections if entry.section.movie == "wrong"]
    assert entry.state == "other movie"
    assert entry.shows == (STEPS, "twin")
    said = report(sections, interval_s=1 / 60, pad_frame=180)
    assert any(f"that of {STEPS} or twin (their light is the same)" in text for text in said.warnings)


def test_a_second_showing_is_not_looked_for_at_the_place_of_the_first() -> None:
    course = courses_of((STEPS,))[STEPS]
    light = np.full(9_000, 0.5)
    light[1_000:3_100] = course.levels[:, 0]
    light += np.random.default_rng(1).normal(0, 0.002, light.size)
    sections = [StatedSection(STEPS, 1, 1_000, 2_100, 0), StatedSection(STEPS, 2, 6_000, 2_100, 1)]

    first, second = align_sections(FrameLight(light, np.ones(9_000, bool), 1 / 60), sections, {STEPS: course})

    assert (first.state, second.state) == ("checked", "not checkable")


def test_movies_that_are_missing_or_cut_are_not_blamed() -> None:
    kind = LIGHT_FAULTS["all as stated"]
    shown = shown_light(kind)
    courses: dict[str, LevelCourse | str] = dict(courses_of(kind.stated))
    courses[SINES] = "there is no such movie"
    cut = FrameLight(shown.light.mean[:16_000], shown.light.valid[:16_000], 1 / 60)

    sections = {entry.section.movie: entry for entry in align_sections(cut, shown.sections, courses)}

    assert sections[SINES].reason == "there is no such movie"
    assert sections[STEPS].state == "checked"
    assert sections[NOISE].state in ("checked", "not checkable")


def test_a_movie_that_the_playlist_forgets_is_named() -> None:
    all_six = LIGHT_FAULTS["all as stated"].shown
    showing = replace(LIGHT_FAULTS["all as stated"], stated=all_six[1:])
    shown = shown_light(showing)
    sections = align_sections(
        shown.light, shown.sections, courses_of(showing.stated), lambda: courses_of().values()
    )

    said = report(
        sections, interval_s=1 / 60, pad_frame=180, known_lengths={"baseline_127": 180, STEPS: 2100}
    )

    assert said.common_lag == 541
    (told,) = said.warnings
    assert "541 frames (9.02 s) after their flips, as if baseline_127 had been shown before" in told


def test_what_a_shift_mends_is_information() -> None:
    shown, sections = aligned("length 4 frames too short")

    said = report(sections, interval_s=1 / 60, pad_frame=180, shifted=True)

    assert said.warnings == []
    assert any("4 frames later" in text and "are shifted by that" in text for text in said.information)
    assert shown.sections[3].content + said.lags[(SINES, 1)] == shown.true_content[SINES]


def test_a_lag_too_long_for_a_display_is_not_called_latency() -> None:
    shown, _ = aligned("all as stated")
    stated = [replace(part, content=part.content - 100) for part in shown.sections]

    said = report(
        align_sections(shown.light, stated, courses_of(LIGHT_FAULTS["all as stated"].stated)),
        interval_s=1 / 60,
        pad_frame=180,
    )

    assert said.common_lag == 100
    assert "playlist, lengths, padding or the count of frames is wrong" in said.warnings[0]


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_light_channel_that_falls_with_the_light_is_recognised(noise: float) -> None:
    kind = LIGHT_FAULTS["all as stated"]
    shown = shown_light(kind)
    courses = courses_of(kind.stated)
    rng = np.random.default_rng(8)
    light = replace(shown.light, mean=shown.light.mean + rng.normal(0, noise * 2.55e6, shown.light.mean.size))

    assert is_inverted(replace(light, mean=3e6 - light.mean), courses.values())
    assert not is_inverted(light, courses.values())
    assert not is_inverted(replace(light, mean=rng.normal(0, 1, light.mean.size)), courses.values())
    assert not is_inverted(light, [])


@pytest.mark.parametrize("noise", [0.002, 0.05])
@pytest.mark.parametrize("lag", [199, 260, 301, 360, -300])
def test_a_common_lag_beyond_three_seconds_is_that_of_a_periodic_movie_too(lag: int, noise: float) -> None:
    # Within 3 s of its stated place the colours fit one period away, with green and blue exchanged or not.
    shown, _ = aligned("all as stated", noise=noise)
    stated = [replace(part, content=part.content - lag) for part in shown.sections]

    sections = align_sections(shown.light, stated, courses_of(LIGHT_FAULTS["all as stated"].stated))
    said = report(sections, interval_s=1 / 60, pad_frame=180)

    assert said.common_lag == lag
    assert said.lags[(COLOURS, 1)] == lag
    # Whether the first movie, which the light cannot tell, came after the fault is not known.
    assert ("baseline_127", 1) not in said.lags
    ((mark, cause),) = said.marks[("baseline_127", 1)]
    assert mark == "not aligned"
    assert "cannot be decided" in cause


def test_a_periodic_movie_alone_is_not_placed_one_period_away() -> None:
    course = courses_of((COLOURS,))[COLOURS]
    shown, _ = aligned("all as stated")
    (section,) = [part for part in shown.sections if part.movie == COLOURS]
    stated = replace(section, content=section.content - 301)

    (entry,) = align_sections(shown.light, [stated], {COLOURS: course})

    assert (entry.state, entry.lag) == ("elsewhere", 301)


@pytest.mark.parametrize(("first", "count"), [(118, 40), (1_818, 1_200)])
def test_a_movie_in_which_flips_are_missing_for_long_has_no_place(first: int, count: int) -> None:
    shown, _ = aligned("all as stated")
    (colours,) = [part for part in shown.sections if part.movie == COLOURS]
    (sines,) = [part for part in shown.sections if part.movie == SINES]
    start = colours.content + first
    kept = np.delete(np.arange(shown.light.mean.size), np.arange(start, start + count))
    valid = shown.light.valid.copy()
    valid[start - 1] = False
    light = FrameLight(shown.light.mean[kept], valid[kept], 1 / 60)

    sections = align_sections(light, shown.sections, courses_of(LIGHT_FAULTS["all as stated"].stated))
    said = report(sections, interval_s=1 / 60, pad_frame=180, shifted=True)

    of = {entry.section.movie: entry for entry in sections}
    assert of[COLOURS].undecided
    assert any(f"The place of {COLOURS} cannot be decided" in text for text in said.warnings)
    assert [mark for mark, _ in said.marks[(COLOURS, 1)]] == ["not aligned"]
    assert (COLOURS, 1) not in said.lags
    assert said.lags[(NOISE, 1)] == -count
    if start + count <= sines.content:
        assert said.lags[(SINES, 1)] == -count
    else:  # Their first part is lost with the flips, and no whole showing of them is there.
        assert [mark for mark, _ in said.marks[(SINES, 1)]] == ["not aligned"]
        assert (SINES, 1) not in said.lags


def test_a_movie_that_waited_in_a_pause_is_where_it_was_said_to_be() -> None:
    shown, _ = aligned("all as stated")
    (colours,) = [part for part in shown.sections if part.movie == COLOURS]
    valid = shown.light.valid.copy()
    valid[colours.content + 1_000] = False

    sections = align_sections(
        replace(shown.light, valid=valid), shown.sections, courses_of(LIGHT_FAULTS["all as stated"].stated)
    )

    assert {entry.section.movie: (entry.state, entry.lag) for entry in sections}[COLOURS] == ("checked", 0)


def test_a_wrong_length_shifts_the_movies_after_it_only() -> None:
    shown, _ = aligned("all as stated")
    stated = [
        replace(part, length=184) if part.position == 0 else replace(part, content=part.content + 4)
        for part in shown.sections
    ]
    courses = courses_of(LIGHT_FAULTS["all as stated"].stated)

    said = report(
        align_sections(shown.light, stated, courses),
        interval_s=1 / 60,
        pad_frame=180,
        npy_lengths={"baseline_127": 180},
    )

    assert said.common_lag == -4
    assert said.lags.get(("baseline_127", 1), 0) == 0
    assert said.marks[("baseline_127", 1)] == []
    assert {said.lags[(movie, 1)] for movie in (STEPS, COLOURS, SINES, NOISE)} == {-4}


def test_a_last_movie_that_is_said_to_end_after_the_recording_is_found() -> None:
    all_six = LIGHT_FAULTS["all as stated"].shown
    shown = shown_light(
        replace(LIGHT_FAULTS["all as stated"], shown=tuple(movie for movie in all_six if movie != COLOURS))
    )
    (last,) = [part for part in shown.sections if part.movie == NOISE]
    recorded = shown.light.mean.size - last.content
    assert recorded < last.length / 2

    sections = align_sections(shown.light, shown.sections, courses_of(all_six))

    assert sections[-1].state == "elsewhere"
    assert last.content + sections[-1].lag == shown.true_content[NOISE]
